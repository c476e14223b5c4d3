/* csm_random.h - models with random weights: the published shapes by name, and the tensors that
 * they have in a file, codec included. Nothing is read from a disk. */
#ifndef MV_MODEL_CSM_RANDOM_H
#define MV_MODEL_CSM_RANDOM_H

#include "model/csm_config.h"

/* The numbers of a shape: a row of docs/MODEL.md ("marvis-250m") with Mimi's, or "tiny", which has
 * the structure of both and is done in no time. ERR_CALL lists the names. */
MV_CHECK marvis_status mv_csm_random_config(const char *shape, mv_csm_config *config,
                                            marvis_error *err);

/* A checkpoint of these numbers in transformers' layout, the codec (without its encoder) under
 * "codec_model.". `path` is what messages call it. ERR_MEMORY. */
MV_CHECK marvis_status mv_csm_random_checkpoint(const mv_csm_config *config, const char *path,
                                                uint64_t seed, const mv_exec *exec,
                                                mv_checkpoint **ckpt, marvis_error *err);

#endif
