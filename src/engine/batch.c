/* batch.c - frames of many sessions together (marvis_batch). What a frame is made of is
 * session_step.c's; here is who takes part. */
#include "engine/session.h"

#include "base/memory.h"

#include <string.h>

enum { MOST_SESSIONS = 1024 };

struct marvis_batch {
    const marvis_model *model; /* borrowed */
    size_t max_sessions;
    marvis_session **ready; /* [max_sessions]: those that get a frame, most codebooks first */
    mv_frame_buffers buffers;
    mv_csm_scratch scratch;
    void *storage; /* owned block behind the buffers */
};

static marvis_status allocate(marvis_batch *b, marvis_error *err) {
    const mv_csm_config *config = &b->model->csm.config;
    const marvis_engine *engine = b->model->engine;
    size_t n = b->max_sessions, width = (size_t)config->backbone.width;
    size_t vocab = (size_t)config->audio_vocab, columns = (size_t)config->n_codebooks + 1;
    size_t one = sizeof *b->ready + sizeof *b->buffers.streams + (width + vocab) * sizeof(float) +
                 (columns + 1) * sizeof(int32_t) + columns;
    char *p = b->storage = mv_alloc(n, one);
    if (!p) return mv_fail_memory(err, n * one, "the batch");
    b->ready = (marvis_session **)(void *)p, p += n * sizeof *b->ready;
    b->buffers.streams = (mv_csm_stream **)(void *)p, p += n * sizeof *b->buffers.streams;
    b->buffers.hidden = (float *)(void *)p, p += n * width * sizeof(float);
    b->buffers.logits = (float *)(void *)p, p += n * vocab * sizeof(float);
    b->buffers.frames = (int32_t *)(void *)p, p += n * columns * sizeof(int32_t);
    b->buffers.previous = (int32_t *)(void *)p, p += n * sizeof(int32_t);
    b->buffers.mask = (uint8_t *)p;
    b->buffers.scratch = &b->scratch;
    return mv_csm_scratch_init(&b->scratch, &b->model->csm, (int)n, config->backbone.max_positions,
                               engine->n_threads, err);
}

marvis_status marvis_batch_create(const marvis_model *model, int max_sessions, marvis_batch **batch,
                                  marvis_error *err) {
    *batch = NULL;
    if (!model->has_csm || !model->mimi || !model->tokenizer)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "speaking needs a model opened with its codec and tokenizer");
    if (max_sessions < 1 || max_sessions > MOST_SESSIONS)
        return mv_fail(err, MARVIS_ERR_CALL, "a batch of %d sessions: use 1 to %d", max_sessions,
                       MOST_SESSIONS);
    marvis_batch *b = mv_alloc(1, sizeof *b);
    if (!b) return mv_fail_memory(err, sizeof *b, "the batch");
    b->model = model;
    b->max_sessions = (size_t)max_sessions;
    marvis_status status = allocate(b, err);
    if (status != MARVIS_OK) {
        marvis_batch_destroy(&b);
        return status;
    }
    *batch = b;
    return MARVIS_OK;
}

void marvis_batch_destroy(marvis_batch **batch) {
    if (!batch || !*batch) return;
    marvis_batch *b = *batch;
    *batch = NULL;
    mv_csm_scratch_deinit(&b->scratch);
    mv_free(b->storage);
    mv_free(b);
}

void mv_batch_observe(marvis_batch *b, const mv_observer *observer) {
    mv_csm_scratch_observe(&b->scratch, observer);
}

static marvis_status check(const marvis_batch *b, marvis_session *const *sessions, size_t n,
                           marvis_error *err) {
    if (n > b->max_sessions)
        return mv_fail(err, MARVIS_ERR_CALL, "%zu sessions: this batch was created for %zu", n,
                       b->max_sessions);
    for (size_t i = 0; i < n; i++) {
        if (sessions[i]->model != b->model)
            return mv_fail(err, MARVIS_ERR_CALL,
                           "session %zu of the step belongs to another model than the batch", i);
        for (size_t k = 0; k < i; k++)
            if (sessions[k] == sessions[i])
                return mv_fail(err, MARVIS_ERR_CALL,
                               "sessions %zu and %zu of the step are one and the same", k, i);
    }
    return MARVIS_OK;
}

/* Begins an utterance that can begin. */
static marvis_status begin(marvis_session *s, marvis_error *err) {
    size_t n_text;
    if (s->started || s->failed != MARVIS_OK || s->stop != MARVIS_STOP_NONE) return MARVIS_OK;
    if (atomic_load(&s->cancelled)) return MARVIS_OK; /* told by its own step */
    (void)mv_strip(s->text, s->text_len, &n_text);
    return n_text ? mv_session_start(s, err) : MARVIS_OK;
}

/* Keeps the order of falling n_codebooks, equal ones as they came. */
static void insert(marvis_batch *b, size_t n, marvis_session *s) {
    for (; n > 0 && b->ready[n - 1]->settings.n_codebooks < s->settings.n_codebooks; n--)
        b->ready[n] = b->ready[n - 1];
    b->ready[n] = s;
}

marvis_status marvis_batch_step(marvis_batch *b, marvis_session *const *sessions, size_t n,
                                size_t *n_advanced, marvis_error *err) {
    size_t n_ready = 0;
    marvis_status first = MARVIS_OK, status;
    if (n_advanced) *n_advanced = 0;
    MV_TRY(check(b, sessions, n, err));
    for (size_t i = 0; i < n; i++) {
        marvis_session *s = sessions[i];
        status = begin(s, first == MARVIS_OK ? err : NULL);
        if (first == MARVIS_OK) first = status;
        if (s->started && mv_session_wants_frame(s)) insert(b, n_ready++, s);
    }
    if (n_ready > 0) {
        status =
            mv_generate_frames(b->ready, n_ready, &b->buffers, first == MARVIS_OK ? err : NULL);
        if (first == MARVIS_OK) first = status;
    }
    if (n_advanced) *n_advanced = n_ready;
    return first;
}
