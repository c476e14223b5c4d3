/* csm_fixture.h - the tiny CSM checkpoints and goldens of tests/golden/csm, for the programs that
 * test against them: opening, tracing, comparing.
 *
 * Tolerances, on the worst row of max|a - b| / rms(b):
 *   1e-4 against a golden: two float32 references differ by 4e-6 on these models, another order of
 *        summation by a few times that, and the mildest fault (rope scaling left out over short
 *        prompts) moves the logits by 0.047. Weights are exact in f32, f16 and bf16 alike, and
 *        products are accumulated in f32 whatever they are stored in, so one bound holds for all;
 *   1e-5 between layouts of the same weights: only the order of q and k rows within a head differs.
 */
#ifndef MV_TESTS_CSM_FIXTURE_H
#define MV_TESTS_CSM_FIXTURE_H

#include "support.h"

#include "engine/engine.h"
#include "format/safetensors.h"

#define GOLDEN_TOLERANCE 1e-4
#define LAYOUT_TOLERANCE 1e-5

/* ---- goldens and models --------------------------------------------------------------------- */

typedef struct golden {
    marvis_tensors *file;
    size_t n_prompt, n_frames, n_codebooks, vocab, width;
    int32_t *tokens, *frames;
    uint8_t *mask;
    float *embeddings, *hidden, *logits;
} golden;

/* A copy of a tensor's bytes (files may hold it at any alignment); shape may be NULL. */
static inline void *tensor_copy(const marvis_tensors *file, const char *name, int64_t *shape) {
    marvis_tensor_view view;
    marvis_error err;
    assert_ok(marvis_tensors_find(file, name, &view, &err), err);
    void *copy = test_malloc(view.len_bytes);
    memcpy(copy, view.data, view.len_bytes);
    for (int i = 0; shape && i < view.n_dims; i++)
        shape[i] = view.shape[i];
    return copy;
}

static inline void golden_open(golden *g, const char *folder) {
    char relative[128];
    marvis_error err;
    int64_t shape[8];
    snprintf(relative, sizeof relative, "golden/csm/%s/golden.safetensors", folder);
    assert_ok(marvis_tensors_open(test_path(relative), &g->file, &err), err);
    g->tokens = tensor_copy(g->file, "tokens", shape);
    g->n_prompt = (size_t)shape[0];
    g->mask = tensor_copy(g->file, "mask", NULL);
    g->frames = tensor_copy(g->file, "frames", NULL);
    g->embeddings = tensor_copy(g->file, "embeddings", shape);
    g->width = (size_t)shape[1];
    g->hidden = tensor_copy(g->file, "hidden", NULL);
    g->logits = tensor_copy(g->file, "logits", shape);
    g->n_frames = (size_t)shape[0], g->n_codebooks = (size_t)shape[1], g->vocab = (size_t)shape[2];
}

static inline void golden_close(golden *g) {
    marvis_tensors_close(&g->file);
    test_free(g->tokens);
    test_free(g->mask);
    test_free(g->frames);
    test_free(g->embeddings);
    test_free(g->hidden);
    test_free(g->logits);
}

static inline marvis_engine *engine_open(const char *cpu, int n_threads) {
    marvis_engine_settings settings;
    marvis_engine *engine;
    marvis_error err;
    marvis_engine_settings_init(&settings);
    settings.cpu = cpu;
    settings.n_threads = n_threads;
    assert_ok(marvis_engine_create(&settings, &engine, &err), err);
    return engine;
}

static inline marvis_status model_try(marvis_engine *engine, const char *path,
                                      marvis_weights weights, marvis_model **model,
                                      marvis_error *err) {
    marvis_model_settings settings;
    marvis_model_settings_init(&settings);
    settings.no_codec = 1;
    settings.no_tokenizer = 1;
    settings.strict = 1;
    settings.weights = weights;
    return marvis_model_open(engine, path, &settings, model, err);
}

static inline marvis_model *model_open(marvis_engine *engine, const char *folder,
                                       marvis_weights weights) {
    char relative[160];
    marvis_model *model;
    marvis_error err;
    snprintf(relative, sizeof relative, "golden/csm/%s", folder);
    assert_ok(model_try(engine, test_path(relative), weights, &model, &err), err);
    return model;
}

typedef struct traced {
    float *hidden, *logits;
} traced;

/* The golden's prompt and its first n_frames frames through a model. */
static inline traced trace(const marvis_model *model, const golden *g, size_t n_frames) {
    marvis_error err;
    assert_int_equal(marvis_model_width(model), g->width);
    assert_int_equal(marvis_model_n_codebooks(model), g->n_codebooks);
    assert_int_equal(marvis_model_audio_vocab(model), g->vocab);
    traced t = {test_malloc(n_frames * g->width * sizeof(float)),
                test_malloc(n_frames * g->n_codebooks * g->vocab * sizeof(float))};
    assert_ok(marvis_model_trace(model, g->tokens, g->mask, g->n_prompt, g->frames, n_frames,
                                 t.hidden, t.logits, &err),
              err);
    return t;
}

static inline void traced_free(traced *t) {
    test_free(t->hidden);
    test_free(t->logits);
}

static inline void assert_near(const char *what, const float *a, const float *b, size_t rows,
                               size_t n, double tolerance) {
    double error = test_row_error(a, b, rows, n);
    if (!(error <= tolerance)) fail_msg("%s: off by %.3g, at most %.3g", what, error, tolerance);
}

/* The error of codebook c's logits over all frames. */
static inline double codebook_error(const golden *g, const float *a, const float *b, size_t c) {
    double worst = 0;
    for (size_t t = 0; t < g->n_frames; t++) {
        size_t at = (t * g->n_codebooks + c) * g->vocab;
        double error = test_row_error(a + at, b + at, 1, g->vocab);
        if (!(error <= worst)) worst = error;
    }
    return worst;
}

static inline void assert_golden(marvis_engine *engine, const char *folder, marvis_weights weights,
                                 const golden *g, const float *logits) {
    marvis_model *model = model_open(engine, folder, weights);
    traced t = trace(model, g, g->n_frames);
    if (logits == g->logits)
        assert_near(folder, t.hidden, g->hidden, g->n_frames, g->width, GOLDEN_TOLERANCE);
    assert_near(folder, t.logits, logits, g->n_frames * g->n_codebooks, g->vocab, GOLDEN_TOLERANCE);
    traced_free(&t);
    marvis_model_destroy(&model);
}

#endif
