/* ops.h - the small operators between the matrices. Shapes in brackets; all f32. */
#ifndef MV_NN_OPS_H
#define MV_NN_OPS_H

#include "nn/linear.h"

/* y = x * rsqrt(mean(x^2) + eps) * scale; x, y [n]; y may be x. (torchtune RMSNorm) */
void mv_rmsnorm(float *y, const float *x, const float *scale, float eps, size_t n);

/* y = (x - mean) / sqrt(var + eps) * weight + bias; x, y [n]; y may be x. (torch LayerNorm) */
void mv_layernorm(float *y, const float *x, const float *weight, const float *bias, float eps,
                  size_t n);

/* x[i] += y[i] */
void mv_add(float *x, const float *y, size_t n);
/* x[i] += scale[i] * y[i] (LayerScale) */
void mv_add_scaled(float *x, const float *y, const float *scale, size_t n);

/* Rotary positions. inv_freq [head_dim/2], table built by mv_rope_init. */
typedef struct mv_rope_config {
    double theta; /* base */
    int llama3;   /* 1: the four below apply */
    double factor, low_freq_factor, high_freq_factor, original_max_positions;
} mv_rope_config;

typedef struct mv_rope {
    int head_dim;
    int n_positions;
    int interleaved; /* 1: pairs (2i, 2i+1); 0: pairs (i, i + head_dim/2) */
    float *cos_sin;  /* [n_positions][head_dim/2][2], owned */
} mv_rope;

/* inverse frequency of pair i, in double (spec: Llama 3 scaling) */
double mv_rope_inv_freq(const mv_rope_config *config, int head_dim, int i);

/* Tables for positions 0..n_positions-1. ERR_MEMORY. */
MV_CHECK marvis_status mv_rope_init(mv_rope *rope, const mv_rope_config *config, int head_dim,
                                    int n_positions, int interleaved, marvis_error *err);
void mv_rope_deinit(mv_rope *rope);

/* Rotates n_heads vectors of head_dim at x by the angles of `position`. The position must be
 * < n_positions (debug assert). */
void mv_rope_apply(const mv_rope *rope, float *x, int n_heads, int position);

/* Rotates without a table, for streams without a last position: cos_sin [head_dim/2][2] filled by
 * mv_rope_angles. */
void mv_rope_angles(const mv_rope_config *config, int head_dim, int64_t position, float *cos_sin);
void mv_rope_rotate(float *x, int n_heads, int head_dim, int interleaved, const float *cos_sin);

/* Keys and values of one layer: a ring of `capacity` positions (as long as the context when nothing
 * is ever dropped). k, v: [n_kv_heads][capacity][head_dim]. */
typedef struct mv_kv {
    float *k, *v; /* borrowed or owned by the cache that holds it */
    int n_kv_heads, head_dim, capacity;
} mv_kv;

/* Stores k, v [n_kv_heads][head_dim] at slot position % capacity. */
void mv_kv_store(mv_kv *kv, const float *k, const float *v, int64_t position);

/* Attention of one query position over the positions first..last (inclusive; last - first <
 * capacity): for each of n_heads query heads, with kv head j / (n_heads / n_kv_heads) and scale
 * 1/sqrt(head_dim). q, out [n_heads][head_dim]; scores is scratch of last - first + 1 floats.
 * Heads [head_begin, head_end) only. Positions are visited in increasing order, so that the result
 * does not depend on where the ring's seam lies. */
void mv_attention(const mv_kernels *kernels, const mv_kv *kv, const float *q, float *out,
                  int n_heads, int head_begin, int head_end, int64_t first, int64_t last,
                  float *scores);

#endif
