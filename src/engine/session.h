/* session.h - an utterance under way. */
#ifndef MV_ENGINE_SESSION_H
#define MV_ENGINE_SESSION_H

#include "engine/engine.h"

#include <stdatomic.h>

/* Runaway speech (docs/MODEL.md): frames alike, or silent ones, in a row. */
typedef struct mv_guard {
    int n_alike, n_silent;
    marvis_runaway seen;
} mv_guard;

/* How long the speech of a text may be, in frames. */
typedef struct mv_length {
    int expected; /* at the pace of the voice, or a usual one */
    int late;     /* from here on the end is made likelier, where that is asked for */
    int limit;    /* no speech of it is longer */
} mv_length;

/* The recording whose voice is spoken in. */
typedef struct mv_voice {
    marvis_voice_layout layout; /* MATCH or CONTEXT */
    marvis_voice *saved;        /* held for its snapshot, or NULL */
    char *text; /* [text_len] owned, without white space at its ends; NULL: no voice */
    size_t text_len;
    int32_t *codes; /* [n_frames][n_codebooks of the session] owned */
    size_t n_frames;
} mv_voice;

/* What was spoken just before, of a long text: it joins the voice in its segment, or is one. */
typedef struct mv_tail {
    const char *text; /* [text_len] borrowed, until the utterance has begun */
    size_t text_len;
    const int32_t *codes; /* [n_frames][n_codebooks of the session] borrowed as well */
    size_t n_frames;      /* 0: no tail */
} mv_tail;

/* The turns that the utterance answers. */
typedef struct mv_context {
    mv_prompt rows; /* of all turns */
    size_t *ends;   /* [n_turns] owned: rows of the turns up to and with each */
    size_t n_turns, capacity;
    size_t n_pinned;     /* of the first: they are never dropped */
    size_t n_dropped;    /* so far, to make room */
    marvis_voice *saved; /* held for its snapshot: the first turn was this voice; or NULL */
} mv_context;

struct marvis_session {
    const marvis_model *model;
    marvis_session_settings settings;
    char *text; /* [text_len] owned, grown by push */
    size_t text_len, text_capacity;
    mv_voice voice;
    mv_tail tail;
    mv_context context;
    bool started;
    bool kept; /* the utterance has become a turn of the context */
    marvis_stop stop;
    marvis_status failed; /* not OK: a step failed half-way; told again until reset */
    atomic_bool cancelled;

    mv_csm_stream stream; /* allocated at the first step, kept for the next utterance */
    mv_prompt cached;     /* the rows whose keys and values `stream` holds, with room for more */
    mv_csm_scratch scratch;
    mv_mimi_decoder *decoder;
    mv_rng rng;
    mv_guard guard;
    mv_length length;
    int n_barred;  /* the first frames, among which the end is not chosen */
    int n_frames;  /* spoken */
    int n_chunk;   /* frames of the next chunk */
    int n_pending; /* of these, generated and in `codes`, not yet decoded */

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

/* marvis_session_reset, but a cancel stays. */
void mv_session_restart(marvis_session *session, uint64_t seed);

/* ---- session_step.c ------------------------------------------------------------------------- */

/* Where frames of up to max_batch sessions are made together; those of a session alone are its own.
 */
typedef struct mv_frame_buffers {
    mv_csm_scratch *scratch;
    mv_csm_stream **streams; /* [max_batch] */
    float *hidden;           /* [max_batch][D] */
    float *logits;           /* [max_batch][V] */
    int32_t *frames;         /* [max_batch][C+1] */
    uint8_t *mask;           /* [max_batch][C+1] */
    int32_t *previous;       /* [max_batch] */
} mv_frame_buffers;

/* Runs the prompt of an utterance that has not begun. On failure s->failed says so. */
MV_CHECK marvis_status mv_session_start(marvis_session *s, marvis_error *err);

/* Whether the next frame of an utterance that has begun is to be generated now; where it is not,
 * its chunk is full or s->stop says why it is over. */
bool mv_session_wants_frame(marvis_session *s);

/* Generates one frame of each of n sessions of one model, in order of falling n_codebooks, all of
 * which want one; it joins what is pending, or s->stop or s->failed is set. A session's numbers are
 * the same in any company. Returns the first failure. */
MV_CHECK marvis_status mv_generate_frames(marvis_session *const *sessions, size_t n,
                                          const mv_frame_buffers *buffers, marvis_error *err);

/* ---- batch.c -------------------------------------------------------------------------------- */

/* The observer, which must outlive the batch, sees the products of all frames that it makes. */
void mv_batch_observe(marvis_batch *batch, const mv_observer *observer);

/* ---- session_length.c ----------------------------------------------------------------------- */

/* The length of the utterance by its text, and by voice and tail that it is spoken after. */
mv_length mv_session_length(const marvis_session *session);

/* ---- context.c ------------------------------------------------------------------------------ */

enum { MV_MAX_SPEAKER = 999999 };

/* Where a prompt of n_prompt positions leaves no room for max_frames: drops the oldest turns, down
 * to about half of what turns may take, and returns how many. 0: it fits, or nothing helps. */
size_t mv_context_slide(marvis_session *session, size_t n_prompt);

void mv_context_deinit(mv_context *context);

/* Appends n bytes to *text [*len], which has room for *capacity and grows. On failure nothing is
 * changed. */
MV_CHECK marvis_status mv_text_append(char **text, size_t *len, size_t *capacity, const char *bytes,
                                      size_t n, marvis_error *err);

/* ---- session_prompt.c ----------------------------------------------------------------------- */

/* The text without white space at its ends. */
const char *mv_strip(const char *text, size_t len, size_t *n);

/* A recording that was filled in and has words and frames; its codes are not looked at. */
MV_CHECK marvis_status mv_check_recording(const marvis_recording *recording, const char *what,
                                          marvis_error *err);

/* Every code of it is one of the model's. */
MV_CHECK marvis_status mv_check_codes(const marvis_model *model, const marvis_recording *recording,
                                      const char *what, marvis_error *err);

/* A warning where so much text cannot be so much speech: words at the start would be skipped, or
 * made up. */
void mv_warn_of_pace(const marvis_model *model, const char *text, size_t len, size_t n_frames);

/* marvis_session_set_voice in either layout. */
MV_CHECK marvis_status mv_session_take_voice(marvis_session *session, const marvis_recording *voice,
                                             marvis_voice_layout layout, marvis_error *err);

/* ASCII white space. */
bool mv_is_space(char c);

/* Whether a recording can be given now; `what` is "the voice" or the turn, for messages. */
MV_CHECK marvis_status mv_session_check_recording(const marvis_session *session,
                                                  const marvis_recording *recording,
                                                  const char *what, marvis_error *err);

/* The prompt of the utterance to come: context, then the voice's segment or the text's. */
MV_CHECK marvis_status mv_session_prompt(const marvis_session *session, mv_prompt *prompt,
                                         marvis_error *err);

/* Runs the prompt through the backbone, as far as its cache does not hold it already, and the
 * voice's codes through the codec: s->hidden is where the first frame is predicted from. */
MV_CHECK marvis_status mv_session_begin(marvis_session *session, marvis_error *err);

/* A frame that went through the backbone, as s->frame and s->mask have it. */
void mv_session_note_frame(marvis_session *session);

/* Frees voice, context and the record of the cache. */
void mv_session_forget(marvis_session *session);

#endif
