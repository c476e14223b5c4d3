/* quantize.c - see quantize.h. For a candidate scale every value gets its nearest step; the scale
 * that fits those steps best follows by least squares; with it the values get their steps anew.
 * Each candidate is judged by what it stores, the plain rule's result first. Weights NULL: ones. */
#include "format/quantize.h"

#include "kernels/blocks.h"
#include "kernels/convert.h"

#include <math.h>
#include <string.h>

enum { LANES = 8, REFINEMENTS = 3 };

/* Steps of a symmetric format: value = scale * q, low <= q <= high. */
typedef struct steps {
    float low, high;
    const float *spans; /* candidates: the largest magnitude is this many steps */
    size_t n_spans;
    bool both_signs; /* the ends differ, so that the scale's sign matters */
    bool half;       /* the scale is stored as f16 */
} steps;

static const float spans_4[] = {5.5f, 5.75f, 6, 6.25f, 6.5f, 6.75f, 7,    7.25f,
                                7.5f, 7.75f, 8, 8.25f, 8.5f, 9,     9.75f};
static const float spans_8[] = {127, 126.5f, 126, 125, 124, 122.5f, 121, 128.5f};
static const float spans_row[] = {127, 130, 134, 138, 143, 150, 158, 168, 180, 196, 216, 240};

static const steps of_q4_0 = {-8, 7, spans_4, sizeof spans_4 / sizeof *spans_4, true, true};
static const steps of_q8_0 = {-127, 127, spans_8, sizeof spans_8 / sizeof *spans_8, false, true};
static const steps of_int8 = {-127,  127,  spans_row, sizeof spans_row / sizeof *spans_row,
                              false, false};

static const float ones[LANES] = {1, 1, 1, 1, 1, 1, 1, 1};

/* To the nearest integer, ties to even, for |v| < 2^22: sums with this lose their fraction. */
static float nearest(float v, float low, float high) {
    const float big = 12582912; /* 1.5 * 2^23 */
    v = v < low ? low : v > high ? high : v;
    return (v + big) - big;
}

static float stored(const steps *s, float scale) {
    return s->half ? mv_f16_to_f32(mv_f32_to_f16(scale)) : scale;
}

static float inverse(float scale) {
    float inv = scale == 0 ? 0 : 1 / scale;
    return isfinite(inv) ? inv : 0;
}

/* Adds up lanes in a fixed order. */
static double total(const float *lanes) {
    double sum = 0;
    for (size_t i = 0; i < LANES; i++)
        sum += (double)lanes[i];
    return sum;
}

/* ---- symmetric formats ---------------------------------------------------------------------- */

static double error_of(const steps *s, const float *x, const float *w, size_t n, float scale) {
    float inv = inverse(scale), low = s->low, high = s->high, lanes[LANES];
    double sum = 0;
    size_t i = 0;
    while (i + LANES <= n) {
        size_t end = n - i < 256 ? i + (n - i) / LANES * LANES : i + 256;
        memset(lanes, 0, sizeof lanes);
        for (; i < end; i += LANES) {
            const float *wi = w ? w + i : ones;
            for (size_t j = 0; j < LANES; j++) {
                float d = x[i + j] - scale * nearest(x[i + j] * inv, low, high);
                lanes[j] += wi[j] * d * d;
            }
        }
        sum += total(lanes);
    }
    for (; i < n; i++) {
        float d = x[i] - scale * nearest(x[i] * inv, low, high);
        sum += (double)((w ? w[i] : 1) * d * d);
    }
    return sum;
}

/* The scale that fits best the steps which `scale` gives. */
static float fitted(const steps *s, const float *x, const float *w, size_t n, float scale) {
    float inv = inverse(scale), low = s->low, high = s->high, xq[LANES], qq[LANES];
    double sum_xq = 0, sum_qq = 0;
    size_t i = 0;
    while (i + LANES <= n) {
        size_t end = n - i < 256 ? i + (n - i) / LANES * LANES : i + 256;
        memset(xq, 0, sizeof xq);
        memset(qq, 0, sizeof qq);
        for (; i < end; i += LANES) {
            const float *wi = w ? w + i : ones;
            for (size_t j = 0; j < LANES; j++) {
                float q = nearest(x[i + j] * inv, low, high);
                xq[j] += wi[j] * x[i + j] * q;
                qq[j] += wi[j] * q * q;
            }
        }
        sum_xq += total(xq);
        sum_qq += total(qq);
    }
    for (; i < n; i++) {
        float q = nearest(x[i] * inv, low, high), wi = w ? w[i] : 1;
        sum_xq += (double)(wi * x[i] * q);
        sum_qq += (double)(wi * q * q);
    }
    return sum_qq > 0 ? (float)(sum_xq / sum_qq) : scale;
}

/* Takes over a scale that does better. */
static void consider(const steps *s, const float *x, const float *w, size_t n, float scale,
                     float *best, double *best_error) {
    scale = stored(s, scale);
    if (!isfinite(scale)) return;
    double error = error_of(s, x, w, n, scale);
    if (!(error < *best_error)) return;
    *best = scale;
    *best_error = error;
}

/* The best scale, given that of the plain rule. */
static float search(const steps *s, const float *x, const float *w, size_t n, float plain,
                    float largest) {
    float best = plain;
    double best_error = error_of(s, x, w, n, plain);
    for (size_t i = 0; i < s->n_spans; i++)
        for (int sign = 1; sign >= (s->both_signs ? -1 : 1); sign -= 2) {
            float scale = (float)sign * largest / s->spans[i];
            consider(s, x, w, n, fitted(s, x, w, n, scale), &best, &best_error);
        }
    for (int i = 0; i < REFINEMENTS; i++) {
        double before = best_error;
        consider(s, x, w, n, fitted(s, x, w, n, best), &best, &best_error);
        if (!(best_error < before)) break;
    }
    return best;
}

static bool all_finite(const float *x, size_t n, float *largest) {
    *largest = 0;
    for (size_t i = 0; i < n; i++) {
        float a = fabsf(x[i]);
        if (!(a <= 3.4e38f)) return false;
        if (a > *largest) *largest = a;
    }
    return true;
}

/* ---- blocks --------------------------------------------------------------------------------- */

static float read_f16(const uint8_t *p) {
    uint16_t h;
    memcpy(&h, p, sizeof h);
    return mv_f16_to_f32(h);
}

static void write_f16(uint8_t *p, float v) {
    uint16_t h = mv_f32_to_f16(v);
    memcpy(p, &h, sizeof h);
}

static void store_nibbles(uint8_t *dst, const float *q) {
    for (size_t j = 0; j < MV_BLOCK / 2; j++)
        dst[j] = (uint8_t)((unsigned)q[j] | (unsigned)q[j + MV_BLOCK / 2] << 4);
}

static bool quantize_symmetric(uint8_t *dst, const steps *s, mv_block_format format, const float *x,
                               const float *w, float largest) {
    float q[MV_BLOCK];
    mv_blocks_from_f32(dst, format, x, MV_BLOCK);
    float plain = read_f16(dst);
    if (!isfinite(plain)) return false;
    float scale = search(s, x, w, MV_BLOCK, plain, largest), inv = inverse(scale);
    for (size_t i = 0; i < MV_BLOCK; i++)
        q[i] = nearest(x[i] * inv, s->low, s->high);
    write_f16(dst, scale);
    if (format == MV_BLOCKS_Q8_0) {
        for (size_t i = 0; i < MV_BLOCK; i++)
            dst[2 + i] = (uint8_t)(int8_t)q[i];
        return true;
    }
    for (size_t i = 0; i < MV_BLOCK; i++)
        q[i] += 8;
    store_nibbles(dst + 2, q);
    return true;
}

/* ---- Q4_1: value = scale * q + min, q in 0..15 ---------------------------------------------- */

typedef struct line {
    float scale, min;
} line;

static double line_error(const float *x, const float *w, line l) {
    float inv = inverse(l.scale), lanes[LANES] = {0};
    for (size_t i = 0; i < MV_BLOCK; i += LANES) {
        const float *wi = w ? w + i : ones;
        for (size_t j = 0; j < LANES; j++) {
            float q = nearest((x[i + j] - l.min) * inv, 0, 15);
            float d = x[i + j] - (l.scale * q + l.min);
            lanes[j] += wi[j] * d * d;
        }
    }
    return total(lanes);
}

/* Least squares for both numbers, given the steps of l. */
static line fitted_line(const float *x, const float *w, line l) {
    float inv = inverse(l.scale);
    double sw = 0, sq = 0, sqq = 0, sx = 0, sxq = 0;
    for (size_t i = 0; i < MV_BLOCK; i++) {
        double q = (double)nearest((x[i] - l.min) * inv, 0, 15), wi = w ? (double)w[i] : 1;
        double xi = (double)x[i];
        sw += wi;
        sq += wi * q;
        sqq += wi * q * q;
        sx += wi * xi;
        sxq += wi * xi * q;
    }
    double det = sw * sqq - sq * sq;
    if (!(det > 1e-12 * sw * sqq)) return l;
    return (line){(float)((sw * sxq - sq * sx) / det), (float)((sqq * sx - sq * sxq) / det)};
}

static bool consider_line(const float *x, const float *w, line l, line *best, double *best_error) {
    l.scale = mv_f16_to_f32(mv_f32_to_f16(l.scale));
    l.min = mv_f16_to_f32(mv_f32_to_f16(l.min));
    if (!isfinite(l.scale) || !isfinite(l.min)) return false;
    double error = line_error(x, w, l);
    if (!(error < *best_error)) return false;
    *best = l;
    *best_error = error;
    return true;
}

static bool quantize_affine(uint8_t *dst, const float *x, const float *w) {
    static const float cuts[] = {0, 0.03f, 0.06f, 0.1f};
    float q[MV_BLOCK], low = x[0], high = x[0];
    mv_blocks_from_f32(dst, MV_BLOCKS_Q4_1, x, MV_BLOCK);
    line best = {read_f16(dst), read_f16(dst + 2)};
    if (!isfinite(best.scale) || !isfinite(best.min)) return false;
    double best_error = line_error(x, w, best);
    for (size_t i = 1; i < MV_BLOCK; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    float range = high - low;
    for (size_t a = 0; a < sizeof cuts / sizeof *cuts; a++)
        for (size_t b = 0; b < sizeof cuts / sizeof *cuts; b++) {
            line l = {range * (1 - cuts[a] - cuts[b]) / 15, low + cuts[a] * range};
            consider_line(x, w, fitted_line(x, w, l), &best, &best_error);
        }
    for (int i = 0; i < REFINEMENTS; i++)
        if (!consider_line(x, w, fitted_line(x, w, best), &best, &best_error)) break;
    float inv = inverse(best.scale);
    for (size_t i = 0; i < MV_BLOCK; i++)
        q[i] = nearest((x[i] - best.min) * inv, 0, 15);
    write_f16(dst, best.scale);
    write_f16(dst + 2, best.min);
    store_nibbles(dst + 4, q);
    return true;
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* NULL, all alike, where none counts. */
static const float *weights_of(const float *weights, size_t n) {
    for (size_t i = 0; weights && i < n; i++)
        if (weights[i] > 0) return weights;
    return NULL;
}

bool mv_quantize_blocks(uint8_t *dst, mv_dtype type, const float *x, const float *weights,
                        size_t n) {
    float largest;
    for (size_t i = 0; i < n; i += MV_BLOCK, dst += mv_dtype_bytes(type)) {
        const float *w = weights_of(weights ? weights + i : NULL, MV_BLOCK);
        bool good = all_finite(x + i, MV_BLOCK, &largest);
        if (good && type == MV_DT_Q4_1)
            good = quantize_affine(dst, x + i, w);
        else if (good && type == MV_DT_Q4_0)
            good = quantize_symmetric(dst, &of_q4_0, MV_BLOCKS_Q4_0, x + i, w, largest);
        else if (good)
            good = quantize_symmetric(dst, &of_q8_0, MV_BLOCKS_Q8_0, x + i, w, largest);
        if (!good) return false;
    }
    return true;
}

bool mv_quantize_int8(int8_t *dst, float *scale, const float *x, const float *weights, size_t n) {
    float largest;
    if (!all_finite(x, n, &largest)) return false;
    mv_int8_from_f32(dst, scale, x, n);
    *scale = search(&of_int8, x, weights_of(weights, n), n, *scale, largest);
    float inv = inverse(*scale);
    for (size_t i = 0; i < n; i++)
        dst[i] = (int8_t)nearest(x[i] * inv, of_int8.low, of_int8.high);
    return true;
}
