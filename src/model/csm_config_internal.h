/* csm_config_internal.h - what csm_config.c, csm_flavours.c and mimi_config.c share. */
#ifndef MV_MODEL_CSM_CONFIG_INTERNAL_H
#define MV_MODEL_CSM_CONFIG_INTERNAL_H

#include "format/json.h"
#include "model/csm_config.h"

/* Far above any published model, far below what overflows an int. */
#define MV_MAX_LAYERS      256
#define MV_MAX_WIDTH       65536
#define MV_MAX_MLP_WIDTH   (1 << 20)
#define MV_MAX_HEADS       1024
#define MV_MAX_HEAD_DIM    1024
#define MV_MAX_POSITIONS   131072
#define MV_MAX_TEXT_VOCAB  (1 << 24)
#define MV_MAX_AUDIO_VOCAB 65536

/* Everything that does not depend on a file: ids, counts and Mimi's numbers; towers stay zero. */
void mv_csm_config_defaults(mv_csm_config *config);

/* A tower by its flavour ("llama-250M"), with Llama 3 rotary scaling; false when there is none. */
bool mv_csm_flavour_tower(const char *name, mv_llama_config *tower);
/* "llama-1B, llama-100M, ..." */
const char *mv_csm_flavour_towers(void);

/* Reads one object with MimiConfig's keys. */
MV_CHECK marvis_status mv_mimi_config_read(const mv_json_at *at, mv_mimi_config *config,
                                           marvis_error *err);

/* rope_theta and rope_parameters / rope_scaling of one object. config holds the defaults. */
MV_CHECK marvis_status mv_rope_config_read(const mv_json_at *at, mv_rope_config *config,
                                           marvis_error *err);

#endif
