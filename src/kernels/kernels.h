/* kernels.h - the kernel table: every inner loop whose speed matters, one implementation per tier.
 * Scalar C (kernels/scalar_*.c) is the plain reading of the contract and shares nothing with the
 * SIMD files. Select once with mv_kernels_get; the table is constant and safe in every thread. */
#ifndef MV_KERNELS_H
#define MV_KERNELS_H

#include "base/cpu.h"

#include <stddef.h>
#include <stdint.h>

typedef enum mv_wtype {
    MV_W_F32,
    MV_W_F16,
    MV_W_BF16,
    /* Packed in tiles of 16 rows (kernels/packed.h), in blocks of 32 columns: */
    MV_W_I8,  /* int8, one f32 scale a row */
    MV_W_Q8,  /* int8, an f16 scale a block */
    MV_W_Q8A, /* 0..255, f16 scale and min: MLX's 5, 6 and 8 bits */
    MV_W_Q4,  /* 4 bits, scale * (q - 8) */
    MV_W_Q4A, /* 4 bits, scale * q + min: Q4_1, MLX's 2, 3 and 4 bits */
    MV_N_WTYPES,
    MV_N_FLOAT_WTYPES = MV_W_I8,
    MV_N_PACKED_WTYPES = MV_N_WTYPES - MV_N_FLOAT_WTYPES,
    /* f32 in tiles of 16 rows: not a precision to choose, but how a codec's weights lie. */
    MV_W_F32_TILED = MV_N_WTYPES,
    /* Blocks as a file has them (mv_block_format, in its order): of tables, whose rows are read and
     * which nothing is multiplied with. */
    MV_W_ROWS_Q8_0,
    MV_W_ROWS_Q4_0,
    MV_W_ROWS_Q4_1
} mv_wtype;

enum { MV_TILE_ROWS = 16 };

/* y[b*ldy + r] = sum over c < n_cols of w[r][c] * x[b*ldx + c], for r < n_rows, b < n_batch.
 *   w: row r starts at (const char *)w + r*row_bytes; any alignment (files are mapped as they lie).
 *   x, y: f32, any element alignment; y may not overlap w or x. x rows may overlap (ldx < n_cols):
 *   convolutions use it. n_cols may be any value >= 1; nothing past a row's end is read.
 * Accumulates in f32. The result for (r, b) depends only on row r, x row b and n_cols: never on
 * n_rows, n_batch, the position of r or b in the call, or alignment (bit-exact on one tier). */
typedef void (*mv_matmul_fn)(float *y, size_t ldy, const void *w, size_t row_bytes, const float *x,
                             size_t ldx, size_t n_rows, size_t n_cols, size_t n_batch);

/* 32 values of an activation, as int8: x[i] is about scale * q[i]. */
typedef struct mv_xblock {
    float scale;      /* max|x| / 127 */
    float scaled_sum; /* scale * sum */
    int32_t sum;      /* of the q */
} mv_xblock;

/* One row of n activations, n a multiple of 32, to n/32 blocks. Of each block, q = x * (127 /
 * max|x|), rounded once to f32, then to the nearest integer, ties to even: in -127..127. A block
 * whose values are all smaller than 2^-100 is zeros with scale 0; one that holds a NaN or an
 * infinity is zeros with a NaN as scale and scaled_sum, which makes every product of the row a NaN.
 * The same bits on every tier (but for those of a NaN). q and x at any alignment. */
typedef void (*mv_quantize_fn)(int8_t *q, mv_xblock *blocks, const float *x, size_t n);

/* y[b*ldy + r] = W x, of the whole tiles at w (their last one may be ragged: n_rows counts; w is
 * aligned to 64 bytes) and n_batch rows of quantised activations, q [n_batch][n_cols] and blocks
 * [n_batch][n_cols/32]. n_cols is a multiple of 32. For each value, from acc = 0 over the blocks
 * in order, with the integer dot product d = sum of wq*xq (of Q4: (wq - 8)*xq), which is exact:
 *   I8           acc = fma(f32(d), x.scale, acc); at the end y = acc * row scale
 *   others       acc = fma(f32(d), w.scale * x.scale, acc)
 *   Q8A, Q4A     then acc = fma(w.min, x.scaled_sum, acc)
 * The same bits on every tier, whatever else is in the call. */
typedef void (*mv_packed_matmul_fn)(float *y, size_t ldy, const void *w, size_t n_rows,
                                    size_t n_cols, const int8_t *q, const mv_xblock *blocks,
                                    size_t n_batch);

/* y[b*ldy + r] = W x of f32 weights in tiles: w [n_rows/16, rounded up][n_cols][16], row 16t + i
 * of the matrix in lane i of tile t, zeros for the rows that are missing; any alignment. From 0,
 * column after column, y = fma(w, x, y): the same bits on every tier but scalar, which rounds the
 * product, too. x and y as in mv_matmul_fn; any number of columns >= 1. With many rows of x it is
 * faster than a matrix whose rows lie one after another. */
typedef void (*mv_tiled_fn)(float *y, size_t ldy, const float *w, const float *x, size_t ldx,
                            size_t n_rows, size_t n_cols, size_t n_batch);

typedef struct mv_kernels {
    mv_tier tier;
    mv_matmul_fn matmul[MV_N_FLOAT_WTYPES];
    mv_tiled_fn tiled;
    mv_quantize_fn quantize;
    mv_packed_matmul_fn packed[MV_N_PACKED_WTYPES]; /* of type t: packed[t - MV_N_FLOAT_WTYPES] */

    /* sum of a[i]*b[i]; n >= 0; any alignment */
    float (*dot)(const float *a, const float *b, size_t n);
    /* y[i] += a * x[i]; no overlap */
    void (*axpy)(float *y, float a, const float *x, size_t n);
    /* The element-wise kernels below (silu_mul, elu, gelu) give an element a result that depends on
     * its value alone: the same in the vector body and in the tail, whatever n and offset are. */
    /* y[i] = silu(g[i]) * u[i], silu(v) = v / (1 + exp(-v)); y may be g or u. Relative error < 1e-6
     * (results below 1e-36 may become 0); exact limits for +-large and +-infinity. */
    void (*silu_mul)(float *y, const float *g, const float *u, size_t n);
    /* x[i] = x[i] > 0 ? x[i] : exp(x[i]) - 1, in place from src (dst may be src); absolute error
     * < 1e-7, relative error < 2e-6 near 0 */
    void (*elu)(float *dst, const float *src, size_t n);
    /* exact (erf) GELU: x/2 (1 + erf(x/sqrt 2)); dst may be src; error < 1e-6 relative to |x| */
    void (*gelu)(float *dst, const float *src, size_t n);
    /* in place: x = exp(x - max) / sum; n >= 1; -INFINITY entries become 0 (not all may be) */
    void (*softmax)(float *x, size_t n);
} mv_kernels;

/* The element size in bytes of a float weight type. */
size_t mv_wtype_bytes(mv_wtype type);
const char *mv_wtype_name(mv_wtype type); /* "f32", "f16", "bf16", "int8", "q8", "q8a", ... */

/* The table of a tier; NULL when it is not compiled in or this machine lacks it. */
const mv_kernels *mv_kernels_get(mv_tier tier);

/* Likewise, without the dot products of int8 that the CPU may add (base/cpu.h): the same bits more
 * slowly, for tests and to measure what they are worth. */
const mv_kernels *mv_kernels_plain(mv_tier tier);

#endif
