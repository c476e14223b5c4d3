/* csm_pack_mlx.h - MLX's quantised matrices in their own precision, packed for the kernels. */
#ifndef MV_MODEL_CSM_PACK_MLX_H
#define MV_MODEL_CSM_PACK_MLX_H

#include "format/checkpoint.h"

/* Packs an affine triple: 2, 3 and 4 bits as Q4A, 5, 6 and 8 as Q8A, in parallel over the pool.
 * *packed false, and *m zeroed: the rows are no triple, or a scale or bias is no f16 (one below
 * 2^-14 may be rounded to the nearest: by at most 2^-25). ERR_MEMORY names `name`. */
MV_CHECK marvis_status mv_csm_pack_mlx(const mv_rows *rows, mv_pool *pool, const char *name,
                                       mv_matrix *m, bool *packed, marvis_error *err);

#endif
