/* mimi_load_internal.h - what mimi_load.c lends to mimi_load_encoder.c: names of either naming, and
 * tensors taken by them. Each function that fills weights only checks and accounts for the tensors
 * where it is given NULL. */
#ifndef MV_MODEL_MIMI_LOAD_INTERNAL_H
#define MV_MODEL_MIMI_LOAD_INTERNAL_H

#include "model/mimi_encoder.h"

enum { MV_MIMI_RVQ_SIZE = 64 };

typedef struct mv_mimi_loader {
    mv_checkpoint *ckpt;
    const char *prefix;
    const mv_mimi_config *config;
    bool moshi; /* moshi's names, else transformers' */
    marvis_error *err;
} mv_mimi_loader;

/* A convolution of the SEANet. */
typedef struct mv_mimi_conv_shape {
    int layer, block; /* place in the Sequential; inside a residual block, or -1 */
    int in, out, kernel, stride;
    bool transposed;
} mv_mimi_conv_shape;

/* Whether any tensor's name begins with prefix + part. */
bool mv_mimi_any_under(const mv_checkpoint *ckpt, const char *prefix, const char *part);

/* Takes module + leaf; *values gets f32 memory. */
MV_CHECK marvis_status mv_mimi_take(const mv_mimi_loader *l, const char *module, const char *leaf,
                                    int n_dims, const int64_t *shape, float **values);

/* `side`: "encoder" or "decoder". */
MV_CHECK marvis_status mv_mimi_load_conv(const mv_mimi_loader *l, const char *side,
                                         const mv_mimi_conv_shape *s, mv_conv *conv);
/* The residual block at `layer`: two convolutions, at places 1 and 3 behind their ELUs. */
MV_CHECK marvis_status mv_mimi_load_residual(const mv_mimi_loader *l, const char *side, int layer,
                                             int width, mv_conv *narrow, mv_conv *widen);
MV_CHECK marvis_status mv_mimi_load_block(const mv_mimi_loader *l, const char *side, int index,
                                          mv_mimi_block *block);

/* "quantizer.rvq_first." and its kin. */
void mv_mimi_rvq_module(const mv_mimi_loader *l, bool semantic, char module[MV_MIMI_RVQ_SIZE]);

/* The encoder's side of the file (mimi_load_encoder.c): *present says whether it has one. */
MV_CHECK marvis_status mv_mimi_check_encoder(const mv_mimi_loader *l, bool *present);

#endif
