/* voice.h - a saved voice: a recording with what it was made for and from, and the backbone's keys
 * and values of it. Immutable but for the count of those who hold it. */
#ifndef MV_ENGINE_VOICE_H
#define MV_ENGINE_VOICE_H

#include "engine/engine.h"
#include "format/safetensors.h"

#include <stdatomic.h>

/* Strings about a voice, none of them NULL. */
typedef enum mv_voice_label {
    MV_VOICE_NAME,
    MV_VOICE_SOURCE,
    MV_VOICE_DATE,
    MV_VOICE_MODEL,
    MV_VOICE_ENGINE,
    MV_N_VOICE_LABELS
} mv_voice_label;

/* Keys and values of the voice as a turn of its own, BOS "[speaker]text" EOS, frames, the frame of
 * zeros, at the first positions; the text alone is also how a voice-match prompt begins. */
typedef struct mv_snapshot {
    int32_t *ids; /* [n_ids] of the text segment; owned */
    size_t n_ids;
    size_t n_rows; /* n_ids + n_frames + 1; 0: no snapshot */
    size_t n_layers, n_kv_heads, head_dim;
    uint64_t numerics; /* of the backbone that has computed them (model/identity.h) */
    const uint8_t *kv; /* [n_layers][2][n_kv_heads][n_rows][head_dim] f32, at any alignment: in
                            `owned` or in the voice's file */
    size_t len_bytes;
    float *owned;
} mv_snapshot;

struct marvis_voice {
    atomic_int n_holders;
    char *text; /* [text_len] owned, without white space at its ends */
    size_t text_len;
    int32_t *codes; /* [n_frames][n_codebooks] owned */
    size_t n_frames;
    int n_codebooks, speaker;
    int sample_rate, frame_samples;
    char *labels[MV_N_VOICE_LABELS]; /* owned */
    uint64_t codec, model;           /* identities of what it was made for */
    mv_snapshot snapshot;
    mv_safetensors file; /* open where it was loaded from a file */
};

/* One holder more; marvis_voice_destroy lets go. */
marvis_voice *mv_voice_hold(const marvis_voice *voice);

/* Text and codes as they are given to a session. Borrows from the voice. */
marvis_recording mv_voice_recording(const marvis_voice *voice);

/* What the bits of a snapshot depend on, of this model and the engine that it runs on. */
MV_CHECK marvis_status mv_voice_numerics(const marvis_model *model, uint64_t *numerics,
                                         marvis_error *err);

/* marvis_voice_load from memory, which must outlive the voice; path is for messages. */
MV_CHECK marvis_status mv_voice_parse(const uint8_t *data, size_t len, const char *path,
                                      marvis_voice **voice, marvis_error *err);

/* ---- voice_snapshot.c ----------------------------------------------------------------------- */

/* Computes the snapshot of a voice that has text and codes. ERR_TOO_LONG: it has more positions
 * than the model. */
MV_CHECK marvis_status mv_snapshot_make(marvis_voice *voice, const marvis_model *model,
                                        marvis_error *err);

/* Rows of the prompt, from its first one on, that the snapshot holds; never all of them. */
size_t mv_snapshot_count(const marvis_voice *voice, const marvis_model *model,
                         const mv_prompt *prompt);

/* Copies positions begin..end-1 into the cache of a stream, which has room for them. */
void mv_snapshot_restore(const mv_snapshot *snapshot, mv_csm_stream *stream, size_t begin,
                         size_t end);

#endif
