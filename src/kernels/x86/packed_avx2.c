/* packed_avx2.c - products with packed weights of the avx2 tier, by maddubs: u8 times s8, pairs
 * added in 16 bits. For int8 weights that is |w| times x with w's sign: at most 2*128*127, which
 * fits. Of 4-bit weights, whose pairs are at most 2*15*127, eight fit. */
#include "kernels/x86/packed_256.h"

#define MV_PACKED_SUFFIX avx2
#define RAW_BIAS         0

typedef struct w8 {
    __m256i w, magnitude;
} w8;

static inline ivec pairs_to_lanes(__m256i pairs) {
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}
static inline w8 w8_load(const uint8_t *p) {
    __m256i w = load_bytes(p);
    return (w8){w, _mm256_abs_epi8(w)};
}
static inline ivec w8_dot(ivec acc, w8 w, ivec x) {
    __m256i pairs = _mm256_maddubs_epi16(w.magnitude, _mm256_sign_epi8(x, w.w));
    return _mm256_add_epi32(acc, pairs_to_lanes(pairs));
}
static inline nacc w4_dot(nacc acc, w4 w, ivec x) {
    return _mm256_add_epi16(acc, _mm256_maddubs_epi16(w, x));
}
static inline ivec nacc_sum(nacc acc) { return pairs_to_lanes(acc); }

#include "kernels/simd_packed.h"
