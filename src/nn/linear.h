/* linear.h - a weight matrix as the networks use it, and the products with it, split over threads.
 */
#ifndef MV_NN_LINEAR_H
#define MV_NN_LINEAR_H

#include "base/pool.h"
#include "kernels/kernels.h"

typedef struct mv_matrix mv_matrix;

/* Sees what goes into products, for statistics: called for each mv_linear_multi on the thread that
 * called it. w is the first of its matrices, x as there. */
typedef struct mv_observer {
    void (*see)(void *ctx, const mv_matrix *w, const float *x, size_t ldx, size_t n_batch);
    void *ctx;
} mv_observer;

/* Where a network runs: kernels and threads, borrowed from the engine, and room for activations in
 * int8, borrowed from what runs (a session's buffers): an engine's own mv_exec has none. */
typedef struct mv_exec {
    const mv_kernels *kernels;
    mv_pool *pool;     /* NULL: this thread alone */
    void *room;        /* aligned to 64 bytes; needed where a matrix is packed, else NULL */
    size_t room_bytes; /* at least mv_linear_room(1, n_cols) then */
    const mv_observer *observer; /* borrowed; NULL: nobody looks */
} mv_exec;

/* A matrix [n_rows = out][n_cols = in], row-major, or in tiles of 16 rows: quantised ones as in
 * kernels/packed.h, MV_W_F32_TILED as in kernels.h; tables in a file's blocks are read only. */
struct mv_matrix {
    mv_wtype type;
    size_t n_rows, n_cols;
    size_t row_bytes; /* of one in tiles: a sixteenth of a tile */
    const void *data; /* borrowed from a mapped file, or `owned` */
    void *owned;      /* freed by mv_matrix_deinit; NULL when borrowed */
    uint16_t *sample; /* owned, or NULL: [MV_SAMPLED_ROWS][n_cols] bf16, before it was quantised */
};

void mv_matrix_deinit(mv_matrix *m); /* zeroes *m; a zeroed matrix is allowed */

/* Bytes of its data. */
size_t mv_matrix_bytes(const mv_matrix *m);

/* From rows one after another to tiles of 16 (MV_W_F32_TILED): m is f32, or empty. For
 * weights that are multiplied with many rows at a time. On ERR_MEMORY m is as it was. */
MV_CHECK marvis_status mv_matrix_tile(mv_matrix *m, marvis_error *err);

/* Row r as f32 into dst [n_cols]. r < n_rows. */
void mv_matrix_row(const mv_matrix *m, size_t r, float *dst);

/* Row i < MV_SAMPLED_ROWS of some that are spread over the matrix, as bfloat16, in f32: of the
 * numbers before they were quantised here, so that it is the same for every type. */
enum { MV_SAMPLED_ROWS = 4 };
void mv_matrix_sampled_row(const mv_matrix *m, size_t i, float *dst);

/* Bytes of room for n rows of n_cols activations at a time: products of longer batches go in steps
 * of as many rows as there is room for. Saturates. */
size_t mv_linear_room(size_t n, size_t n_cols);

/* y[b][r] = W x[b]: x [n_batch] rows of ldx floats, y [n_batch] rows of ldy floats. Splits rows
 * over the pool (columns of the batch when rows are few); the result does not depend on the split.
 * A packed W is multiplied with x in int8 (kernels.h), quantised once for the call. */
void mv_linear(const mv_exec *exec, const mv_matrix *w, const float *x, size_t ldx, size_t n_batch,
               float *y, size_t ldy);

/* Up to 4 matrices on the same x in one pass over the threads (q, k, v; gate, up), each of its own
 * type. */
typedef struct mv_linear_out {
    const mv_matrix *w;
    float *y;
    size_t ldy;
} mv_linear_out;
void mv_linear_multi(const mv_exec *exec, const mv_linear_out *outs, size_t n_outs, const float *x,
                     size_t ldx, size_t n_batch);

#endif
