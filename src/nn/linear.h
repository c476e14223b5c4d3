/* linear.h - a weight matrix as the networks use it, and the products with it, split over threads.
 */
#ifndef MV_NN_LINEAR_H
#define MV_NN_LINEAR_H

#include "base/pool.h"
#include "kernels/kernels.h"

/* Where a network runs: kernels and threads, borrowed from the engine. */
typedef struct mv_exec {
    const mv_kernels *kernels;
    mv_pool *pool; /* NULL: this thread alone */
} mv_exec;

/* A matrix [n_rows = out][n_cols = in], row-major. */
typedef struct mv_matrix {
    mv_wtype type;
    size_t n_rows, n_cols;
    size_t row_bytes;
    const void *data; /* borrowed from a mapped file, or `owned` */
    void *owned;      /* freed by mv_matrix_deinit; NULL when borrowed */
} mv_matrix;

void mv_matrix_deinit(mv_matrix *m); /* zeroes *m; a zeroed matrix is allowed */

/* Row r as f32 into dst [n_cols]. r < n_rows. */
void mv_matrix_row(const mv_matrix *m, size_t r, float *dst);

/* y[b][r] = W x[b]: x [n_batch] rows of ldx floats, y [n_batch] rows of ldy floats. Splits rows
 * over the pool (columns of the batch when rows are few); the result does not depend on the split.
 */
void mv_linear(const mv_exec *exec, const mv_matrix *w, const float *x, size_t ldx, size_t n_batch,
               float *y, size_t ldy);

/* Up to 4 matrices on the same x in one pass over the threads (q, k, v; gate, up). */
typedef struct mv_linear_out {
    const mv_matrix *w;
    float *y;
    size_t ldy;
} mv_linear_out;
void mv_linear_multi(const mv_exec *exec, const mv_linear_out *outs, size_t n_outs, const float *x,
                     size_t ldx, size_t n_batch);

#endif
