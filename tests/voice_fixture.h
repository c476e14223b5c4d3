/* voice_fixture.h - what the programs that test recorded speech share: the tiny random checkpoint
 * of tools/make_context.py with a tiny Mimi, sessions on it, and all that they say. */
#ifndef MV_TESTS_VOICE_FIXTURE_H
#define MV_TESTS_VOICE_FIXTURE_H

#include "support.h"

#include "base/memory.h"
#include "engine/session.h"

enum { C = 4, COLUMNS = C + 1, CODES = 32, POSITIONS = 256, MAX_ROWS = POSITIONS };

static marvis_engine *engine;
static marvis_model *model;
static char last_warning[1024];
static int n_warnings;

static inline void note_warning(void *ctx, marvis_log_level level, const char *line) {
    (void)ctx;
    if (level < MARVIS_LOG_WARNING) return;
    snprintf(last_warning, sizeof last_warning, "%s", line);
    n_warnings++;
}

static inline marvis_status open_model(int n_threads, marvis_engine **e, marvis_model **m,
                                       marvis_error *err) {
    marvis_engine_settings engine_settings;
    marvis_engine_settings_init(&engine_settings);
    engine_settings.n_threads = n_threads;
    engine_settings.log = note_warning;
    marvis_status status = marvis_engine_create(&engine_settings, e, err);
    if (status != MARVIS_OK) return status;
    marvis_model_settings settings;
    marvis_model_settings_init(&settings);
    settings.codec = test_path("golden/mimi/tiny_moshi.safetensors");
    return marvis_model_open(*e, test_path("golden/csm/context"), &settings, m, err);
}

static inline int set_up(void **state) {
    (void)state;
    marvis_error err;
    assert_ok(open_model(2, &engine, &model, &err), err);
    return 0;
}

static inline int tear_down(void **state) {
    (void)state;
    marvis_model_destroy(&model);
    marvis_engine_destroy(&engine);
    return 0;
}

/* ---- sessions ------------------------------------------------------------------------------- */

static inline marvis_session_settings greedy(int n_codebooks, int max_frames) {
    marvis_session_settings s;
    marvis_session_settings_init(&s, model);
    s.codebook0.temperature = s.depth.temperature = 0;
    s.n_codebooks = n_codebooks;
    s.max_frames = max_frames;
    s.guard = 0;
    return s;
}

static inline marvis_session *new_session(const marvis_session_settings *settings) {
    marvis_session *session;
    marvis_error err;
    assert_ok(marvis_session_create(model, settings, &session, &err), err);
    return session;
}

static inline marvis_recording recording(const char *text, const int32_t *codes, size_t n_frames,
                                         int n_codebooks) {
    marvis_recording r;
    marvis_recording_init(&r);
    r.text = text;
    r.text_len_bytes = strlen(text);
    r.codes = codes;
    r.n_frames = n_frames;
    r.n_codebooks = n_codebooks;
    return r;
}

typedef struct speech {
    int32_t codes[MAX_ROWS * C]; /* [n_frames][n_codebooks] */
    float pcm[MAX_ROWS * 64];
    size_t n_frames, n_samples;
    marvis_stop stop;
    marvis_session_timing timing;
} speech;

static inline marvis_status speak_into(marvis_session *session, const char *text, speech *out,
                                       marvis_error *err) {
    memset(out, 0, sizeof *out);
    out->timing.struct_size = sizeof out->timing;
    marvis_status status = marvis_session_push_text(session, text, strlen(text), err);
    while (status == MARVIS_OK) {
        marvis_chunk chunk;
        status = marvis_session_step(session, &chunk, err);
        if (status != MARVIS_OK) break;
        out->stop = chunk.stop;
        if (chunk.stop != MARVIS_STOP_NONE) break;
        size_t n = (size_t)chunk.n_frames, k = (size_t)chunk.n_codebooks;
        assert_true(out->n_frames + n <= MAX_ROWS);
        memcpy(out->codes + out->n_frames * k, chunk.codes, n * k * sizeof *chunk.codes);
        memcpy(out->pcm + out->n_samples, chunk.pcm, (size_t)chunk.n_samples * sizeof(float));
        out->n_frames += n;
        out->n_samples += (size_t)chunk.n_samples;
    }
    marvis_session_timing_get(session, &out->timing);
    out->timing = (marvis_session_timing){.n_prompt = out->timing.n_prompt,
                                          .n_reused = out->timing.n_reused,
                                          .n_dropped = out->timing.n_dropped};
    return status;
}

static inline speech *speak(marvis_session *session, const char *text) {
    static speech out;
    marvis_error err;
    assert_ok(speak_into(session, text, &out, &err), err);
    return &out;
}

static inline void random_codes(uint64_t *seed, int32_t *codes, size_t n) {
    for (size_t i = 0; i < n; i++)
        codes[i] = (int32_t)(test_random(seed) % CODES);
}

#endif
