/* packed_256.h - what the packed products of the avx2 tier have in common, with AVX-VNNI and
 * without: integers in registers of 256 bits, as simd_packed.h asks for them. */
#ifndef MV_KERNELS_PACKED_256_H
#define MV_KERNELS_PACKED_256_H

#include "kernels/x86/quantize_x86.h"
#include "kernels/x86/vec_avx2.h"

#include <string.h>

#define TILE_BATCH     4 /* of 16 registers, 4 sums in f32, 4 in integers */
#define GROUPS_BATCHED 1

typedef __m256i ivec;
typedef __m256i nacc;
typedef __m256i w4;

/* 32 bytes of a tile, which begin at a multiple of 32 */
static inline __m256i load_bytes(const uint8_t *p) {
    return _mm256_load_si256((const __m256i *)(const void *)p);
}
static inline ivec ivec_set1(int32_t v) { return _mm256_set1_epi32(v); }
static inline ivec ivec_add(ivec a, ivec b) { return _mm256_add_epi32(a, b); }
static inline vec vec_from_int(ivec v) { return _mm256_cvtepi32_ps(v); }
static inline ivec x4(const int8_t *q) {
    int32_t four;
    memcpy(&four, q, sizeof four);
    return _mm256_set1_epi32(four);
}
static inline w4 w4_low(const uint8_t *p) {
    return _mm256_and_si256(load_bytes(p), _mm256_set1_epi8(15));
}
static inline w4 w4_high(const uint8_t *p) {
    return _mm256_and_si256(_mm256_srli_epi16(load_bytes(p), 4), _mm256_set1_epi8(15));
}
static inline nacc nacc_zero(void) { return _mm256_setzero_si256(); }

#endif
