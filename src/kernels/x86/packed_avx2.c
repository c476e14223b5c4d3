/* packed_avx2.c - products with packed weights of the avx2 tier, by maddubs: u8 times s8, pairs
 * added in 16 bits. For int8 weights that is |w| times x with w's sign: at most 2*128*127, which
 * fits. Of 4-bit weights, whose pairs are at most 2*15*127, eight fit. */
#include "kernels/x86/quantize_x86.h"
#include "kernels/x86/vec_avx2.h"

#include <string.h>

#define MV_PACKED_SUFFIX avx2
#define TILE_BATCH       4 /* of 16 registers, 4 sums in f32, 4 in integers */
#define GROUPS_BATCHED   1
#define RAW_BIAS         0

typedef __m256i ivec;
typedef __m256i nacc;
typedef __m256i w4;
typedef struct w8 {
    __m256i w, magnitude;
} w8;

static inline ivec ivec_set1(int32_t v) { return _mm256_set1_epi32(v); }
static inline ivec ivec_add(ivec a, ivec b) { return _mm256_add_epi32(a, b); }
static inline vec vec_from_int(ivec v) { return _mm256_cvtepi32_ps(v); }
static inline ivec x4(const int8_t *q) {
    int32_t four;
    memcpy(&four, q, sizeof four);
    return _mm256_set1_epi32(four);
}
static inline ivec pairs_to_lanes(__m256i pairs) {
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}
static inline w8 w8_load(const uint8_t *p) {
    __m256i w = _mm256_load_si256((const __m256i *)(const void *)p);
    return (w8){w, _mm256_abs_epi8(w)};
}
static inline ivec w8_dot(ivec acc, w8 w, ivec x) {
    __m256i pairs = _mm256_maddubs_epi16(w.magnitude, _mm256_sign_epi8(x, w.w));
    return _mm256_add_epi32(acc, pairs_to_lanes(pairs));
}
static inline w4 w4_low(const uint8_t *p) {
    __m256i bytes = _mm256_load_si256((const __m256i *)(const void *)p);
    return _mm256_and_si256(bytes, _mm256_set1_epi8(15));
}
static inline w4 w4_high(const uint8_t *p) {
    __m256i bytes = _mm256_load_si256((const __m256i *)(const void *)p);
    return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(15));
}
static inline nacc nacc_zero(void) { return _mm256_setzero_si256(); }
static inline nacc w4_dot(nacc acc, w4 w, ivec x) {
    return _mm256_add_epi16(acc, _mm256_maddubs_epi16(w, x));
}
static inline ivec nacc_sum(nacc acc) { return pairs_to_lanes(acc); }

#include "kernels/simd_packed.h"
