/* packed_avx_vnni.c - products with packed weights of the avx2 tier where the CPU adds AVX-VNNI, as
 * many without AVX-512 do: vpdpbusd on registers of 256 bits. As in packed_vnni.c int8 weights get
 * 128 added, which the sum of the activations takes off again. */
#include "kernels/x86/quantize_x86.h"
#include "kernels/x86/vec_avx2.h"

#ifdef MV_EMULATED
#include "avx_vnni_emulation.h"
#elif !defined(__AVXVNNI__)
#error "compile with -mavxvnni"
#endif
#include <string.h>

#ifndef MV_PACKED_SUFFIX
#define MV_PACKED_SUFFIX avx_vnni
#endif
#define TILE_BATCH     4 /* of 16 registers, 4 sums in f32, 4 in integers */
#define GROUPS_BATCHED 1
#define RAW_BIAS       128

typedef __m256i ivec;
typedef __m256i w8;
typedef __m256i nacc;
typedef __m256i w4;

static inline __m256i load(const uint8_t *p) {
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
static inline w8 w8_load(const uint8_t *p) {
    return _mm256_xor_si256(load(p), _mm256_set1_epi8((char)-128));
}
static inline ivec w8_dot(ivec acc, w8 w, ivec x) { return _mm256_dpbusd_avx_epi32(acc, w, x); }
static inline w4 w4_low(const uint8_t *p) {
    return _mm256_and_si256(load(p), _mm256_set1_epi8(15));
}
static inline w4 w4_high(const uint8_t *p) {
    return _mm256_and_si256(_mm256_srli_epi16(load(p), 4), _mm256_set1_epi8(15));
}
static inline nacc nacc_zero(void) { return _mm256_setzero_si256(); }
static inline nacc w4_dot(nacc acc, w4 w, ivec x) { return _mm256_dpbusd_avx_epi32(acc, w, x); }
static inline ivec nacc_sum(nacc acc) { return acc; }

#include "kernels/simd_packed.h"
