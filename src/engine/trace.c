/* trace.c - a prompt and forced frames through the network, without sampling. */
#include "engine/engine.h"

#include "base/memory.h"

#include <string.h>

/* Positions that go through the backbone together, and frames through the depth decoder. */
enum { TRACE_BATCH = 32 };

typedef struct trace {
    const marvis_model *model;
    mv_csm_stream stream;             /* backbone */
    mv_csm_stream depth[TRACE_BATCH]; /* one for each frame in flight */
    mv_csm_stream *streams[TRACE_BATCH];
    int n_depth; /* of `depth` that are initialised */
    mv_csm_scratch scratch;
    int32_t *frames; /* [n_frames][C+1] with an unused text column */
    uint8_t *mask;   /* [n_frames][C+1] */
    float *hidden;   /* [n_frames][D] */
    float *logits;   /* [TRACE_BATCH][V] */
    int32_t previous[TRACE_BATCH];
} trace;

static void trace_free(trace *t) {
    mv_csm_stream_deinit(&t->stream);
    for (int i = 0; i < t->n_depth; i++)
        mv_csm_stream_deinit(&t->depth[i]);
    mv_csm_scratch_deinit(&t->scratch);
    mv_free(t->frames);
    mv_free(t->mask);
    mv_free(t->hidden);
    mv_free(t->logits);
    mv_free(t);
}

static marvis_status trace_init(trace *t, const int32_t *frames, size_t n_prompt, size_t n_frames,
                                marvis_error *err) {
    const mv_csm *csm = &t->model->csm;
    size_t n_codebooks = (size_t)csm->config.n_codebooks, columns = n_codebooks + 1;
    size_t width = (size_t)csm->config.backbone.width, vocab = (size_t)csm->config.audio_vocab;
    int positions = (int)(n_prompt + n_frames);
    MV_TRY(mv_csm_stream_init(&t->stream, csm, positions, err));
    for (; t->n_depth < TRACE_BATCH; t->n_depth++) {
        MV_TRY(mv_csm_stream_init(&t->depth[t->n_depth], csm, 1, err));
        t->streams[t->n_depth] = &t->depth[t->n_depth];
    }
    MV_TRY(mv_csm_scratch_init(&t->scratch, csm, TRACE_BATCH, positions,
                               t->model->engine->n_threads, err));
    t->frames = mv_alloc(n_frames, columns * sizeof *t->frames);
    t->mask = mv_alloc(n_frames, columns);
    t->hidden = mv_alloc(n_frames, width * sizeof *t->hidden);
    t->logits = mv_alloc(TRACE_BATCH, vocab * sizeof *t->logits);
    if (!t->frames || !t->mask || !t->hidden || !t->logits)
        return mv_fail_memory(err, n_frames * (columns + width) * 4, "the trace");
    for (size_t i = 0; i < n_frames; i++) {
        memcpy(t->frames + i * columns, frames + i * n_codebooks, n_codebooks * sizeof *frames);
        memset(t->mask + i * columns, 1, n_codebooks);
    }
    return MARVIS_OK;
}

/* Logits of `count` frames from `first` on: logits [n_frames][C][V]. */
static void trace_heads(trace *t, const int32_t *frames, size_t first, size_t count,
                        float *logits) {
    const mv_csm *csm = &t->model->csm;
    const mv_exec *exec = &t->model->engine->exec;
    size_t n_codebooks = (size_t)csm->config.n_codebooks;
    size_t width = (size_t)csm->config.backbone.width, vocab = (size_t)csm->config.audio_vocab;
    const float *hidden = t->hidden + first * width;
    for (size_t s = 0; s < count; s++)
        mv_csm_depth_begin(t->streams[s]);
    for (size_t c = 0; c < n_codebooks; c++) {
        if (c == 0) {
            mv_csm_head0(csm, &t->scratch, exec, hidden, count, t->logits);
        } else {
            for (size_t s = 0; s < count; s++)
                t->previous[s] = frames[(first + s) * n_codebooks + c - 1];
            mv_csm_depth_step(csm, t->streams, count, &t->scratch, exec, (int)c, hidden,
                              t->previous, t->logits);
        }
        for (size_t s = 0; s < count; s++)
            memcpy(logits + ((first + s) * n_codebooks + c) * vocab, t->logits + s * vocab,
                   vocab * sizeof *logits);
    }
}

static marvis_status check(const marvis_model *model, size_t n_prompt, size_t n_frames,
                           marvis_error *err) {
    if (!model->has_csm)
        return mv_fail(err, MARVIS_ERR_CALL, "a codec alone cannot be traced; open a speech model");
    if (n_prompt < 1 || n_frames < 1)
        return mv_fail(err, MARVIS_ERR_INPUT,
                       "a trace needs at least one prompt position and one frame (got %zu and %zu)",
                       n_prompt, n_frames);
    size_t limit = (size_t)model->csm.config.backbone.max_positions;
    /* the last frame is predicted, not fed back: it takes no position */
    if (n_prompt > limit || n_frames - 1 > limit - n_prompt)
        return mv_fail(err, MARVIS_ERR_TOO_LONG,
                       "%zu prompt positions and %zu frames do not fit the model's %zu positions",
                       n_prompt, n_frames, limit);
    return MARVIS_OK;
}

marvis_status marvis_model_trace(const marvis_model *model, const int32_t *tokens,
                                 const uint8_t *mask, size_t n_prompt, const int32_t *frames,
                                 size_t n_frames, float *hidden, float *logits, marvis_error *err) {
    MV_TRY(check(model, n_prompt, n_frames, err));
    MV_TRY(mv_csm_check_frames(&model->csm, tokens, mask, n_prompt, "position", "column", err));
    trace *t = mv_alloc(1, sizeof *t);
    if (!t) return mv_fail_memory(err, sizeof *t, "the trace");
    t->model = model;
    marvis_status status = trace_init(t, frames, n_prompt, n_frames, err);
    if (status == MARVIS_OK)
        status = mv_csm_check_frames(&model->csm, t->frames, t->mask, n_frames, "frame", "codebook",
                                     err);
    if (status == MARVIS_OK) {
        const mv_exec *exec = &model->engine->exec;
        size_t width = (size_t)model->csm.config.backbone.width;
        mv_csm_prefill(&model->csm, &t->stream, &t->scratch, exec, tokens, mask, n_prompt, 1,
                       t->hidden);
        if (n_frames > 1)
            mv_csm_prefill(&model->csm, &t->stream, &t->scratch, exec, t->frames, t->mask,
                           n_frames - 1, 0, t->hidden + width);
        if (hidden) memcpy(hidden, t->hidden, n_frames * width * sizeof *hidden);
        for (size_t first = 0; logits && first < n_frames; first += TRACE_BATCH)
            trace_heads(t, frames, first,
                        n_frames - first < TRACE_BATCH ? n_frames - first : TRACE_BATCH, logits);
    }
    trace_free(t);
    return status;
}
