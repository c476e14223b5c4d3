/* packed_vnni.c - products with packed weights by AVX-512 VNNI: vpdpbusd multiplies u8 by s8, so
 * int8 weights get 128 added, which the sum of the activations takes off again. */
#if !defined(MV_SIMDE) && !defined(__AVX512VNNI__)
#error "compile with -mavx512vnni"
#endif
#include "kernels/x86/quantize_x86.h"
#include "kernels/x86/vec_avx512.h"

#include <string.h>

#ifndef MV_PACKED_SUFFIX
#define MV_PACKED_SUFFIX vnni
#endif
#define TILE_BATCH     8 /* of 32 registers, 8 sums in f32, 8 in integers */
#define GROUPS_BATCHED 1
#define RAW_BIAS       128

typedef __m512i ivec;
typedef __m512i w8;
typedef __m512i nacc;
typedef __m512i w4;

static inline ivec ivec_set1(int32_t v) { return _mm512_set1_epi32(v); }
static inline ivec ivec_add(ivec a, ivec b) { return _mm512_add_epi32(a, b); }
static inline vec vec_from_int(ivec v) { return _mm512_cvtepi32_ps(v); }
static inline ivec x4(const int8_t *q) {
    int32_t four;
    memcpy(&four, q, sizeof four);
    return _mm512_set1_epi32(four);
}
static inline w8 w8_load(const uint8_t *p) {
    return _mm512_xor_si512(_mm512_loadu_si512(p), _mm512_set1_epi8((char)-128));
}
static inline ivec w8_dot(ivec acc, w8 w, ivec x) { return _mm512_dpbusd_epi32(acc, w, x); }
static inline w4 w4_low(const uint8_t *p) {
    return _mm512_and_si512(_mm512_loadu_si512(p), _mm512_set1_epi8(15));
}
static inline w4 w4_high(const uint8_t *p) {
    return _mm512_and_si512(_mm512_srli_epi16(_mm512_loadu_si512(p), 4), _mm512_set1_epi8(15));
}
static inline nacc nacc_zero(void) { return _mm512_setzero_si512(); }
static inline nacc w4_dot(nacc acc, w4 w, ivec x) { return _mm512_dpbusd_epi32(acc, w, x); }
static inline ivec nacc_sum(nacc acc) { return acc; }

#include "kernels/simd_packed.h"
