/* scalar_math.c - the vector kernels of kernels.h read plainly, with the C library's functions. */
#include "kernels/tiers.h"

#include <math.h>

float mv_dot_scalar(const float *a, const float *b, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

void mv_axpy_scalar(float *y, float a, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

void mv_silu_mul_scalar(float *y, const float *g, const float *u, size_t n) {
    for (size_t i = 0; i < n; i++)
        y[i] = g[i] == -INFINITY ? -0.0f * u[i] : g[i] / (1 + expf(-g[i])) * u[i];
}

void mv_elu_scalar(float *dst, const float *src, size_t n) {
    for (size_t i = 0; i < n; i++)
        dst[i] = src[i] > 0 ? src[i] : expm1f(src[i]);
}

/* 1 + erf(v) as erfc(-v): no cancellation where the result is small. */
void mv_gelu_scalar(float *dst, const float *src, size_t n) {
    for (size_t i = 0; i < n; i++)
        dst[i] = src[i] == -INFINITY ? -0.0f : 0.5f * src[i] * erfcf(src[i] * -0.70710678f);
}

void mv_softmax_scalar(float *x, size_t n) {
    float max = x[0], sum = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > max) max = x[i];
    for (size_t i = 0; i < n; i++) {
        x[i] = expf(x[i] - max);
        sum += x[i];
    }
    for (size_t i = 0; i < n; i++)
        x[i] /= sum;
}
