/* pack.h - packs a matrix whose rows are handed out one by one into tiles (kernels/packed.h). */
#ifndef MV_NN_PACK_H
#define MV_NN_PACK_H

#include "base/status.h"
#include "kernels/packed.h"
#include "nn/linear.h"

/* Where the rows come from. */
typedef struct mv_row_source {
    size_t n_rows, n_cols; /* n_cols a multiple of 32 */
    size_t scratch_floats; /* what `row` needs beside the row; may be 0 */
    /* Fills row r, of n_cols values, in the packed type. From several threads at once, each with
     * its own scratch and row. */
    void (*row)(const void *ctx, size_t r, float *scratch, mv_packed_row *row);
    const void *ctx;
} mv_row_source;

/* Packs all rows as `type` into new memory, in parallel over the pool (NULL: here) where the matrix
 * is large. *fits false and *m zeroed when a scale or min is not finite, for values that are not or
 * that are too large for f16 scales: such a matrix must stay as it is. ERR_MEMORY names `name`. */
MV_CHECK marvis_status mv_matrix_pack(const mv_row_source *source, mv_wtype type, mv_pool *pool,
                                      const char *name, mv_matrix *m, bool *fits,
                                      marvis_error *err);

/* Packs a float matrix in its place by the plain rule (kernels/blocks.h), and keeps its sampled
 * rows. It stays as it is when its width is no multiple of 32 or its values do not fit. On failure
 * it is as before. */
MV_CHECK marvis_status mv_matrix_quantize(mv_matrix *m, mv_wtype type, mv_pool *pool,
                                          const char *name, marvis_error *err);

#endif
