/* pace.c - marvis_model_measure_pace: a few frames on buffers of its own, no session's. What a
 * frame costs is linear in its codebooks, so that parts are timed, and not every number of them. */
#include "engine/pace.h"

#include "base/file.h"
#include "base/memory.h"
#include "engine/engine.h"

#include <string.h>

enum {
    FRAMES = 3,
    WARM_CODEBOOKS = 4, /* of a frame that is not timed: it finds the weights far away */
    LEAST_STEPS = 8,    /* of the depth decoder, however long they take */
    POSITION = 200,     /* attention over so many positions: a voice and a sentence */
    MOST_CHUNK = 8
};
static const double most_s = 0.3; /* no further step of the depth decoder is timed then */

/* ---- the choice ----------------------------------------------------------------------------- */

static double factor(const mv_pace_times *t, int n) {
    return (t->fixed_s + (n - 1) * t->codebook_s) / t->frame_s;
}

void mv_pace_choose(const mv_pace_times *times, int n_all, marvis_pace *pace) {
    int n = n_all;
    while (n > MV_PACE_LEAST && !(factor(times, n) <= MV_PACE_LIMIT))
        n--;
    pace->n_codebooks = n;
    pace->factor = factor(times, n);
    pace->factor_all = factor(times, n_all);
}

/* ---- the measurement ------------------------------------------------------------------------ */

typedef struct measurement {
    const marvis_model *model;
    mv_csm_stream stream;
    mv_csm_scratch scratch;
    mv_mimi_decoder *decoder;
    mv_rng rng;
    int32_t *frame;           /* [C+1] */
    uint8_t *mask;            /* [C+1] */
    float *hidden, *logits;   /* [D], [V] */
    mv_candidate *candidates; /* [V] */
    int32_t *codes;           /* [MOST_CHUNK][C] */
    float *pcm;               /* [MOST_CHUNK][frame_samples] */
} measurement;

static marvis_status init(measurement *m, int chunk, marvis_error *err) {
    const mv_csm_config *c = &m->model->csm.config;
    const size_t n = (size_t)c->n_codebooks, vocab = (size_t)c->audio_vocab;
    const size_t width = (size_t)c->backbone.width;
    const size_t samples = (size_t)marvis_model_frame_samples(m->model);
    int most = c->backbone.max_positions - FRAMES - 1, position = most < POSITION ? most : POSITION;
    if (position < 0) position = 0;
    int capacity = position + FRAMES + 1;
    m->frame = mv_alloc(n + 1, sizeof *m->frame);
    m->mask = mv_alloc(n + 1, 1);
    m->hidden = mv_alloc(width, sizeof *m->hidden);
    m->logits = mv_alloc(vocab, sizeof *m->logits);
    m->candidates = mv_alloc(vocab, sizeof *m->candidates);
    m->codes = mv_alloc(MOST_CHUNK * n, sizeof *m->codes);
    m->pcm = mv_alloc(MOST_CHUNK * samples, sizeof *m->pcm);
    if (!m->frame || !m->mask || !m->hidden || !m->logits || !m->candidates || !m->codes || !m->pcm)
        return mv_fail_memory(err, vocab * sizeof *m->candidates, "a measurement");
    memset(m->mask, 1, n);
    MV_TRY(mv_csm_stream_init(&m->stream, &m->model->csm, capacity, err));
    m->stream.position = position; /* those before it hold zeros, and cost as much */
    MV_TRY(mv_csm_scratch_init(&m->scratch, &m->model->csm, 1, capacity,
                               m->model->engine->n_threads, err));
    return mv_mimi_decoder_create(m->model->mimi, c->n_codebooks, chunk, &m->decoder, err);
}

static void deinit(measurement *m) {
    mv_csm_stream_deinit(&m->stream);
    mv_csm_scratch_deinit(&m->scratch);
    mv_mimi_decoder_destroy(&m->decoder);
    mv_free(m->frame);
    mv_free(m->mask);
    mv_free(m->hidden);
    mv_free(m->logits);
    mv_free(m->candidates);
    mv_free(m->codes);
    mv_free(m->pcm);
}

/* A code of the model's own, so that embeddings come from anywhere in the table. */
static void choose(measurement *m, int codebook) {
    static const marvis_sampling sampling = {.temperature = 0.9f, .top_k = 50, .top_p = 1};
    int32_t code =
        mv_sample(m->logits, mv_model_n_codes(m->model), &sampling, &m->rng, m->candidates);
    m->frame[codebook] = code < 0 ? 0 : code; /* the session tells what is damaged */
}

/* Seconds of the backbone and codebook 0, on one position more. */
static double time_backbone(measurement *m) {
    const mv_csm *csm = &m->model->csm;
    const mv_exec *exec = &m->model->engine->exec;
    mv_csm_stream *stream = &m->stream;
    double begin = mv_now_s();
    mv_csm_step(csm, &stream, 1, &m->scratch, exec, m->frame, m->mask, m->hidden);
    mv_csm_head0(csm, &m->scratch, exec, m->hidden, 1, m->logits);
    choose(m, 0);
    mv_csm_depth_begin(stream);
    return mv_now_s() - begin;
}

static double time_codebook(measurement *m, int i) {
    mv_csm_stream *stream = &m->stream;
    double begin = mv_now_s();
    mv_csm_depth_step(&m->model->csm, &stream, 1, &m->scratch, &m->model->engine->exec, i,
                      m->hidden, &m->frame[i - 1], m->logits);
    choose(m, i);
    return mv_now_s() - begin;
}

/* Seconds for each of n frames that are decoded together. */
static double time_codec(measurement *m, int n) {
    const size_t n_codebooks = (size_t)m->model->csm.config.n_codebooks;
    for (int t = 0; t < n; t++)
        memcpy(m->codes + (size_t)t * n_codebooks, m->frame, n_codebooks * sizeof *m->codes);
    double begin = mv_now_s();
    mv_mimi_decode(m->decoder, &m->model->engine->exec, m->codes, (size_t)n, m->pcm);
    return (mv_now_s() - begin) / n;
}

/* Of up to FRAMES values the middle one. */
static double median(double *values, int n) {
    for (int i = 1; i < n; i++)
        for (int k = i; k > 0 && values[k] < values[k - 1]; k--) {
            double swap = values[k];
            values[k] = values[k - 1];
            values[k - 1] = swap;
        }
    return n == 0 ? 0 : (values[n / 2] + values[(n - 1) / 2]) / 2;
}

static void measure(measurement *m, int chunk, mv_pace_times *times) {
    const int n_codebooks = m->model->csm.config.n_codebooks;
    double backbone[FRAMES], codebook[FRAMES], spent = 0;
    int n = 0, n_frames = 0, n_steps = 0;
    (void)time_backbone(m);
    for (int i = 1; i < n_codebooks && i < WARM_CODEBOOKS; i++)
        (void)time_codebook(m, i);
    (void)time_codec(m, 1);
    while (n < FRAMES && (n == 0 || spent < most_s)) {
        double sum = 0;
        int i = 1;
        spent += backbone[n++] = time_backbone(m);
        for (; i < n_codebooks && (spent < most_s || n_steps < LEAST_STEPS); i++, n_steps++) {
            double s = time_codebook(m, i);
            sum += s;
            spent += s;
        }
        if (i > 1) codebook[n_frames++] = sum / (i - 1);
    }
    times->codebook_s = median(codebook, n_frames);
    times->fixed_s = median(backbone, n) + time_codec(m, chunk);
}

marvis_status marvis_model_measure_pace(const marvis_model *model, int chunk_frames,
                                        marvis_pace *pace, marvis_error *err) {
    marvis_pace now = {.struct_size = pace->struct_size};
    if (!model->has_csm || !model->mimi)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "measuring speech needs a model opened with its codec");
    if (chunk_frames < 1)
        return mv_fail(err, MARVIS_ERR_CALL, "chunks of %d frames: use 1 or more", chunk_frames);
    const int chunk = chunk_frames < MOST_CHUNK ? chunk_frames : MOST_CHUNK;
    mv_pace_times times = {.frame_s = (double)marvis_model_frame_samples(model) /
                                      marvis_model_sample_rate(model)};
    measurement m = {.model = model};
    marvis_status status = init(&m, chunk, err);
    if (status == MARVIS_OK) {
        measure(&m, chunk, &times);
        mv_pace_choose(&times, model->csm.config.n_codebooks, &now);
    }
    deinit(&m);
    size_t size = pace->struct_size < sizeof now ? pace->struct_size : sizeof now;
    if (status == MARVIS_OK) memcpy(pace, &now, size);
    return status;
}
