/* session.h - an utterance under way. */
#ifndef MV_ENGINE_SESSION_H
#define MV_ENGINE_SESSION_H

#include "engine/engine.h"

#include <stdatomic.h>

/* Runaway speech (docs/MODEL.md): frames alike, or silent ones, in a row. */
typedef struct mv_guard {
    int n_alike, n_silent;
} mv_guard;

struct marvis_session {
    const marvis_model *model;
    marvis_session_settings settings;
    char *text; /* [text_len] owned, grown by push */
    size_t text_len, text_capacity;
    bool started;
    marvis_stop stop;
    marvis_status failed; /* not OK: a step failed half-way; told again until reset */
    atomic_bool cancelled;

    mv_csm_stream stream; /* allocated at the first step, kept for the next utterance */
    mv_csm_scratch scratch;
    mv_mimi_decoder *decoder;
    mv_rng rng;
    mv_guard guard;
    int n_frames; /* spoken */
    int n_chunk;  /* frames of the next chunk */

    float *hidden;            /* [D] */
    float *logits;            /* [V] */
    float *pcm;               /* [chunk_frames][frame_samples] */
    int32_t *codes;           /* [chunk_frames][n_codebooks] */
    int32_t *before;          /* [n_codebooks]: the last frame that was spoken, for the guard */
    int32_t *frame;           /* [C+1]: the last frame generated, as it is fed back */
    uint8_t *mask;            /* [C+1] */
    mv_candidate *candidates; /* [V] */
    void *storage;            /* owned block behind all of these */

    marvis_session_timing timing;
    double started_at_s;
};

#endif
