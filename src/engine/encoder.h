/* encoder.h - the encoder's weights of a model's codec, in memory only while somebody encodes: the
 * first encoder reads them, the last one's end frees them. Any thread. */
#ifndef MV_ENGINE_ENCODER_H
#define MV_ENGINE_ENCODER_H

#include "engine/engine.h"
#include "model/mimi_encoder.h"

/* Sets model->encoder for a codec that was loaded from ckpt under the prefix (a string that lives
 * on), and does nothing where the codec has no encoder. ckpt stays open as long as the model:
 * `owned` says who closes it, and then it is closed on failure too, or where nothing is done. */
MV_CHECK marvis_status mv_shared_encoder_bind(marvis_model *model, mv_checkpoint *ckpt, bool owned,
                                              const char *prefix, marvis_error *err);
void mv_shared_encoder_destroy(mv_shared_encoder **shared); /* NULL is allowed */

#endif
