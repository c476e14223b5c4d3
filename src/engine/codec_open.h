/* codec_open.h - a Mimi codec from a file of its own. */
#ifndef MV_ENGINE_CODEC_OPEN_H
#define MV_ENGINE_CODEC_OPEN_H

#include "engine/engine.h"

/* Loads model->mimi from settings->codec (a file, a folder, or a hub name), else from what lies
 * beside the model, else from the hub cache. `expected`: the codec's numbers when the model's
 * configuration gives them, else NULL: then the codec's own config.json, then Mimi's published
 * numbers. */
MV_CHECK marvis_status mv_codec_open_file(marvis_model *model,
                                          const marvis_model_settings *settings,
                                          const mv_mimi_config *expected, marvis_error *err);

/* The codec's numbers of a one-file model, where it has them; else *config stays. */
MV_CHECK marvis_status mv_codec_config_inside(const mv_checkpoint *ckpt, mv_mimi_config *config,
                                              marvis_error *err);

#endif
