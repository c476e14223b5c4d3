/* weights.h - converting whole arrays of weights between number formats. */
#ifndef MV_NN_WEIGHTS_H
#define MV_NN_WEIGHTS_H

#include "base/status.h"
#include "kernels/kernels.h"

/* The float type that a matrix of `source` gets, before it may be packed. */
mv_wtype mv_weights_float(marvis_weights weights, mv_wtype source);

/* n values at src (any alignment) of type `from` as type `to` (f32 or bf16) in new memory, freed
 * with mv_free. To f32 is exact; to bf16 rounds to nearest even. ERR_MEMORY. */
MV_CHECK marvis_status mv_weights_convert(const void *src, mv_wtype from, mv_wtype to, size_t n,
                                          void **dst, marvis_error *err);

#endif
