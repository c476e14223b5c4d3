/* conv.h - causal streaming convolutions of SEANet (Mimi), time-major: a signal is
 * [time][channels]. Streaming in chunks of any size gives bit for bit what one call gives: each
 * output is one matrix row times one window, whatever else is in the call. */
#ifndef MV_NN_CONV_H
#define MV_NN_CONV_H

#include "nn/linear.h"

/* A causal convolution (kernel, stride) with `kernel - stride` steps of left context. Weights are
 * packed to [out][kernel][in], so that a window of the signal is one contiguous row.
 *
 * A transposed convolution (kernel k, stride s, T inputs to T*s outputs, the last k - s partial
 * outputs dropped) is the same thing turned round: the s outputs of step t depend on the inputs
 * t - m + 1 .. t, m = ceil(k/s). It is kept as a convolution of kernel m and stride 1 with s*out
 * outputs, whose row is s consecutive steps of `out` channels: nothing to overlap and add, and the
 * bias enters once per sample by construction. */
typedef struct mv_conv {
    mv_matrix w; /* [out][kernel*in], owned */
    float *bias; /* [out] owned, or NULL */
    int in, out, kernel, stride;
} mv_conv;

/* Depthwise transposed convolution (Mimi's upsample): no bias. */
typedef struct mv_convtr_dw {
    float *w; /* [kernel][channels] owned */
    int channels, kernel, stride;
} mv_convtr_dw;

/* Pack f32 weights in torch's order: conv [out][in][kernel]; transposed [in][out][kernel];
 * depthwise [channels][1][kernel]. kernel >= stride >= 1. bias [out] may be NULL. ERR_MEMORY. */
MV_CHECK marvis_status mv_conv_init(mv_conv *conv, const float *weight, const float *bias, int in,
                                    int out, int kernel, int stride, marvis_error *err);
MV_CHECK marvis_status mv_conv_init_transposed(mv_conv *conv, const float *weight,
                                               const float *bias, int in, int out, int kernel,
                                               int stride, marvis_error *err);
MV_CHECK marvis_status mv_convtr_dw_init(mv_convtr_dw *conv, const float *weight, int channels,
                                         int kernel, int stride, marvis_error *err);
void mv_conv_deinit(mv_conv *conv); /* zeroes; a zeroed one is allowed */
void mv_convtr_dw_deinit(mv_convtr_dw *conv);

/* Steps of input that the next chunk needs from this one; the state of a stream is that many rows
 * of `in` (or `channels`) floats, all 0 at its start. */
size_t mv_conv_left(const mv_conv *conv);
size_t mv_convtr_dw_left(const mv_convtr_dw *conv);

/* One chunk of n_in steps (a multiple of stride). x [left + n_in][in]: the caller has written the
 * chunk behind the first `left` rows, which this call fills from state; then state becomes the last
 * `left` rows. y [n_in / stride][out], WITHOUT bias: mv_conv_finish adds it. state may be NULL when
 * left is 0. */
void mv_conv_step(const mv_exec *exec, const mv_conv *conv, float *state, float *x, size_t n_in,
                  float *y);

/* The pass after a step, over n rows of `out` values, split over the pool:
 *   v = skip + (y + bias)   (skip NULL: y + bias; conv->bias NULL: y)
 * v goes to sum and ELU(v) to act; either may be NULL, and each may be y. */
void mv_conv_finish(const mv_exec *exec, const mv_conv *conv, const float *y, const float *skip,
                    size_t n, float *sum, float *act);

/* The same for the depthwise one: x [left + n_in][channels] to y [n_in * stride][channels]. */
void mv_convtr_dw_step(const mv_convtr_dw *conv, float *state, float *x, size_t n_in, float *y);

#endif
