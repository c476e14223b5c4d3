/* vec_avx512.h - vector operations of the avx512 tier (F, BW, DQ, VL), for simd_matmul.h and
 * simd_math.h. With MV_SIMDE defined the same source is compiled without AVX-512 by SIMDe, so
 * that the tests can run it on a CPU that lacks it (tests/simde_avx512.h). */
#ifndef MV_KERNELS_VEC_AVX512_H
#define MV_KERNELS_VEC_AVX512_H

#ifdef MV_SIMDE
#include "simde_avx512.h"
#elif !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512DQ__) ||                 \
    !defined(__AVX512VL__) || !defined(__FMA__)
#error "compile with -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma"
#else
#include <immintrin.h>
#endif
#include <stddef.h>
#include <stdint.h>

typedef __m512 vec;
enum { LANES = 16 };

static inline vec vec_zero(void) { return _mm512_setzero_ps(); }
static inline vec vec_set1(float v) { return _mm512_set1_ps(v); }
static inline vec vec_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void vec_store(float *p, vec v) { _mm512_storeu_ps(p, v); }

/* the first n <= LANES lanes */
static inline __mmask16 vec_tail_mask(size_t n) { return (__mmask16)((1u << n) - 1); }
static inline vec vec_load_tail(const float *p, size_t n) {
    return _mm512_maskz_loadu_ps(vec_tail_mask(n), p);
}
static inline void vec_store_tail(float *p, vec v, size_t n) {
    _mm512_mask_storeu_ps(p, vec_tail_mask(n), v);
}
static inline vec vec_load_f16(const void *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
static inline vec vec_load_bf16(const void *p) {
    __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}
/* Not a function: gcc finds that one without effect and drops its calls. */
#define vec_prefetch(address) _mm_prefetch((const char *)(address), _MM_HINT_T0)

static inline vec vec_add(vec a, vec b) { return _mm512_add_ps(a, b); }
static inline vec vec_sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
static inline vec vec_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
static inline vec vec_div(vec a, vec b) { return _mm512_div_ps(a, b); }
static inline vec vec_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
static inline vec vec_fnma(vec a, vec b, vec c) { return _mm512_fnmadd_ps(a, b, c); } /* c - ab */

/* When one is a NaN, the result is b. */
static inline vec vec_max(vec a, vec b) { return _mm512_max_ps(a, b); }
static inline vec vec_min(vec a, vec b) { return _mm512_min_ps(a, b); }

static inline vec vec_abs(vec v) { return _mm512_abs_ps(v); }
static inline vec vec_round(vec v) {
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* 2^n for whole n, -126 <= n <= 127 */
static inline vec vec_pow2(vec n) {
    __m512i exponent = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
    return _mm512_castsi512_ps(_mm512_slli_epi32(exponent, 23));
}
/* v > 0 ? a : b */
static inline vec vec_select_positive(vec v, vec a, vec b) {
    __mmask16 positive = _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_GT_OQ);
    return _mm512_mask_blend_ps(positive, b, a);
}

static inline __m256 vec_fold(vec v) {
    return _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
}
/* out[i] = the sum of the lanes of the ith vector: halves, neighbours, pairs, then halves again */
static inline void vec_sum4(float *out, vec a, vec b, vec c, vec d) {
    __m256 ab = _mm256_hadd_ps(vec_fold(a), vec_fold(b));
    __m256 s = _mm256_hadd_ps(ab, _mm256_hadd_ps(vec_fold(c), vec_fold(d)));
    _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1)));
}

#endif
