/* identity.h - numbers that tell models apart, made of their dimensions and of a few rows of their
 * weights, so that they cost next to nothing. The same for any number of threads. */
#ifndef MV_MODEL_IDENTITY_H
#define MV_MODEL_IDENTITY_H

#include "model/csm.h"
#include "model/mimi.h"

/* What codes mean: the same for codecs with the same codebooks, in whatever file. */
uint64_t mv_mimi_identity(const mv_mimi *mimi);

/* Which speech model it is: the same for its published layouts and for all --weights, another for
 * other dimensions, other weights, and quantised ones. ERR_MEMORY. */
MV_CHECK marvis_status mv_csm_identity(const mv_csm *csm, uint64_t *identity, marvis_error *err);

/* What the bits of keys and values depend on: the backbone's weights as they are held, its rotary
 * positions, and what they are computed with, `where`: kernels and version. ERR_MEMORY. */
MV_CHECK marvis_status mv_csm_numerics(const mv_csm *csm, const char *where, uint64_t *numerics,
                                       marvis_error *err);

#endif
