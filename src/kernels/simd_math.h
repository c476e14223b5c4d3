/* simd_math.h - the vector kernels of kernels.h (exponentials, sums) over the vector operations of
 * one tier. A tier's math file includes its vec_<tier>.h, defines MV_TIER_SUFFIX, then includes
 * this. The result for one element depends on that element alone, wherever it lies. */
#include "kernels/tiers.h"

#include <float.h>
#include <math.h>

#define INLINE       static inline __attribute__((always_inline))
#define NAME(kernel) MV_TIER_JOIN(kernel, MV_TIER_SUFFIX)

/* Splits x into n ln 2 + r, |r| <= ln 2 / 2, and gives n and exp(r) - 1. */
INLINE vec exp_reduced(vec x, vec *n) {
    *n = vec_round(vec_mul(x, vec_set1(0x1.715476p+0f)));
    vec r = vec_fnma(*n, vec_set1(0x1.62e4p-1f), x); /* ln 2, upper bits */
    r = vec_fnma(*n, vec_set1(0x1.7f7d1cp-20f), r);  /* and the rest */
    vec q = vec_set1(1.0f / 5040);                   /* Taylor; what is left out is < 6e-9 */
    q = vec_fma(q, r, vec_set1(1.0f / 720));
    q = vec_fma(q, r, vec_set1(1.0f / 120));
    q = vec_fma(q, r, vec_set1(1.0f / 24));
    q = vec_fma(q, r, vec_set1(1.0f / 6));
    q = vec_fma(q, r, vec_set1(0.5f));
    return vec_fma(vec_mul(r, r), q, r);
}

/* exp(x): infinity above 88.73, gradually to 0 below -87.3; NaN stays NaN. 2^n is applied in two
 * halves because it may lie outside the range of normal numbers. */
INLINE vec exp_full(vec x) {
    x = vec_max(vec_set1(-104.0f), vec_min(vec_set1(89.0f), x));
    vec n, q = exp_reduced(x, &n);
    vec half = vec_round(vec_mul(n, vec_set1(0.5f)));
    vec e = vec_mul(vec_add(q, vec_set1(1.0f)), vec_pow2(half));
    return vec_mul(e, vec_pow2(vec_sub(n, half)));
}

/* g / (1 + exp(-g)) * u. -infinity is taken as -FLT_MAX, whose result is the limit. */
INLINE vec silu_mul(vec g, vec u) {
    g = vec_max(vec_set1(-FLT_MAX), g);
    vec e = exp_full(vec_sub(vec_zero(), g));
    return vec_mul(vec_div(g, vec_add(e, vec_set1(1.0f))), u);
}

/* exp(x) - 1 as 2^n (exp(r) - 1) + (2^n - 1): exact near 0. Below -30 it is -1 in f32. */
INLINE vec elu(vec x) {
    vec n, q = exp_reduced(vec_max(vec_set1(-30.0f), vec_min(vec_zero(), x)), &n);
    vec scale = vec_pow2(n);
    vec y = vec_fma(q, scale, vec_sub(scale, vec_set1(1.0f)));
    return vec_select_positive(x, x, y);
}

/* x times the normal distribution function: for z = |x| / sqrt 2, erfc(z) = exp(-z^2) P(t), with
 * t = 1 / (1 + p z): Abramowitz and Stegun, formula 7.1.26, error below 1.5e-7. */
INLINE vec gelu(vec x) {
    x = vec_max(vec_set1(-FLT_MAX), x);
    vec z = vec_mul(vec_abs(x), vec_set1(0.70710678f));
    vec t = vec_div(vec_set1(1.0f), vec_fma(z, vec_set1(0.3275911f), vec_set1(1.0f)));
    vec p = vec_set1(1.061405429f);
    p = vec_fma(p, t, vec_set1(-1.453152027f));
    p = vec_fma(p, t, vec_set1(1.421413741f));
    p = vec_fma(p, t, vec_set1(-0.284496736f));
    p = vec_fma(p, t, vec_set1(0.254829592f));
    vec e = exp_full(vec_sub(vec_zero(), vec_mul(z, z)));
    vec beyond = vec_mul(vec_mul(vec_mul(p, t), e), vec_set1(0.5f)); /* of |x|, on one side */
    return vec_mul(x, vec_select_positive(x, vec_sub(vec_set1(1.0f), beyond), beyond));
}

INLINE float sum_lanes(vec v) {
    float sums[4];
    vec_sum4(sums, v, v, v, v);
    return sums[0];
}

float NAME(dot)(const float *a, const float *b, size_t n) {
    vec s0 = vec_zero(), s1 = vec_zero(), s2 = vec_zero(), s3 = vec_zero();
    size_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        s0 = vec_fma(vec_load(a + i), vec_load(b + i), s0);
        s1 = vec_fma(vec_load(a + i + LANES), vec_load(b + i + LANES), s1);
        s2 = vec_fma(vec_load(a + i + 2 * LANES), vec_load(b + i + 2 * LANES), s2);
        s3 = vec_fma(vec_load(a + i + 3 * LANES), vec_load(b + i + 3 * LANES), s3);
    }
    for (; i + LANES <= n; i += LANES)
        s0 = vec_fma(vec_load(a + i), vec_load(b + i), s0);
    if (i < n) s1 = vec_fma(vec_load_tail(a + i, n - i), vec_load_tail(b + i, n - i), s1);
    return sum_lanes(vec_add(vec_add(s0, s1), vec_add(s2, s3)));
}

void NAME(axpy)(float *y, float a, const float *x, size_t n) {
    vec va = vec_set1(a);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vec_store(y + i, vec_fma(va, vec_load(x + i), vec_load(y + i)));
    if (i < n) {
        vec v = vec_fma(va, vec_load_tail(x + i, n - i), vec_load_tail(y + i, n - i));
        vec_store_tail(y + i, v, n - i);
    }
}

void NAME(silu_mul)(float *y, const float *g, const float *u, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vec_store(y + i, silu_mul(vec_load(g + i), vec_load(u + i)));
    if (i < n) {
        vec v = silu_mul(vec_load_tail(g + i, n - i), vec_load_tail(u + i, n - i));
        vec_store_tail(y + i, v, n - i);
    }
}

void NAME(elu)(float *dst, const float *src, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vec_store(dst + i, elu(vec_load(src + i)));
    if (i < n) vec_store_tail(dst + i, elu(vec_load_tail(src + i, n - i)), n - i);
}

void NAME(gelu)(float *dst, const float *src, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vec_store(dst + i, gelu(vec_load(src + i)));
    if (i < n) vec_store_tail(dst + i, gelu(vec_load_tail(src + i, n - i)), n - i);
}

static float largest(const float *x, size_t n) {
    float max = x[0];
    size_t i = 0;
    if (n >= LANES) {
        float lanes[LANES];
        vec m = vec_load(x);
        for (i = LANES; i + LANES <= n; i += LANES)
            m = vec_max(m, vec_load(x + i));
        vec_store(lanes, m);
        for (size_t l = 0; l < LANES; l++)
            if (lanes[l] > max) max = lanes[l];
    }
    for (; i < n; i++)
        if (x[i] > max) max = x[i];
    return max;
}

void NAME(softmax)(float *x, size_t n) {
    vec max = vec_set1(largest(x, n)), sum = vec_zero();
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vec e = exp_full(vec_sub(vec_load(x + i), max));
        vec_store(x + i, e);
        sum = vec_add(sum, e);
    }
    if (i < n) {
        vec_store_tail(x + i, exp_full(vec_sub(vec_load_tail(x + i, n - i), max)), n - i);
        sum = vec_add(sum, vec_load_tail(x + i, n - i));
    }
    vec scale = vec_set1(1.0f / sum_lanes(sum));
    for (i = 0; i + LANES <= n; i += LANES)
        vec_store(x + i, vec_mul(vec_load(x + i), scale));
    if (i < n) vec_store_tail(x + i, vec_mul(vec_load_tail(x + i, n - i), scale), n - i);
}
