/* csm_pack.h - quantised matrices of a checkpoint as they are, packed for the kernels. */
#ifndef MV_MODEL_CSM_PACK_H
#define MV_MODEL_CSM_PACK_H

#include "format/checkpoint.h"

/* Rows that are stored as GGUF's blocks, where they lie in the file: tables. *m is borrowed, or
 * zeroed where they are stored otherwise or too narrow. */
void mv_csm_borrow_blocks(const mv_rows *rows, mv_matrix *m);

/* Packs rows that are stored as GGUF's blocks or as int8, without a change to any number, in
 * parallel over the pool. *packed false: they are floats or MLX's, too narrow, or have scales that
 * are no numbers; then *m is zeroed. What was read of the file is forgotten: its pages need not
 * stay in memory. */
MV_CHECK marvis_status mv_csm_pack_rows(const mv_rows *rows, mv_pool *pool, const char *name,
                                        mv_matrix *m, bool *packed, marvis_error *err);

#endif
