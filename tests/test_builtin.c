/* test_builtin.c - the voice that ships in models/builtin: a model trained on real speech must
 * speak here what transformers makes it speak (models/builtin/golden/greedy.json,
 * training/golden_greedy.py). */
#include "support.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>

/* Distance of the two best logits below which another code is no mistake: f32 sums in another order
 * move these logits by less than 1e-4. */
static const double near_tie = 1e-3;

static marvis_engine *engine;
static marvis_model *model;
static json_t *golden;

static int set_up(void **state) {
    (void)state;
    marvis_error err;
    char path[1024];
    snprintf(path, sizeof path, "%s/golden/greedy.json", test_path("../models/builtin"));
    golden = json_load_file(path, 0, NULL);
    if (!golden) fail_msg("%s: cannot be read", path);
    marvis_engine_settings engine_settings;
    marvis_engine_settings_init(&engine_settings);
    engine_settings.n_threads = 1; /* other tests run beside this one */
    assert_ok(marvis_engine_create(&engine_settings, &engine, &err), err);
    marvis_model_settings settings;
    marvis_model_settings_init(&settings);
    settings.strict = 1;
    assert_ok(marvis_model_open(engine, test_path("../models/builtin"), &settings, &model, &err),
              err);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    marvis_model_destroy(&model);
    marvis_engine_destroy(&engine);
    json_decref(golden);
    return 0;
}

typedef struct speech {
    int32_t *codes; /* [n_frames][n_codebooks] */
    float *pcm;
    size_t n_frames, n_samples;
    marvis_stop stop;
} speech;

static void speech_free(speech *s) {
    free(s->codes);
    free(s->pcm);
    *s = (speech){0};
}

/* Speaks on the session, which must be fresh or reset. */
static speech speak(marvis_session *session, const char *text) {
    speech out = {0};
    marvis_error err;
    assert_ok(marvis_session_push_text(session, text, strlen(text), &err), err);
    for (;;) {
        marvis_chunk chunk;
        assert_ok(marvis_session_step(session, &chunk, &err), err);
        out.stop = chunk.stop;
        if (chunk.stop != MARVIS_STOP_NONE) return out;
        size_t n_codes = (size_t)chunk.n_frames * (size_t)chunk.n_codebooks;
        size_t had = out.n_frames * (size_t)chunk.n_codebooks;
        out.codes = realloc(out.codes, (had + n_codes) * sizeof *out.codes);
        out.pcm = realloc(out.pcm, (out.n_samples + (size_t)chunk.n_samples) * sizeof *out.pcm);
        assert_true(out.codes && out.pcm);
        memcpy(out.codes + had, chunk.codes, n_codes * sizeof *out.codes);
        memcpy(out.pcm + out.n_samples, chunk.pcm, (size_t)chunk.n_samples * sizeof *out.pcm);
        out.n_frames += (size_t)chunk.n_frames;
        out.n_samples += (size_t)chunk.n_samples;
    }
}

static marvis_session *new_session(const marvis_session_settings *settings) {
    marvis_session *session;
    marvis_error err;
    assert_ok(marvis_session_create(model, settings, &session, &err), err);
    return session;
}

static marvis_session_settings greedy_settings(void) {
    marvis_session_settings s;
    marvis_session_settings_init(&s, model);
    s.codebook0.temperature = s.depth.temperature = 0;
    s.max_frames = (int)json_integer_value(json_object_get(golden, "max_frames"));
    s.guard = 0;
    return s;
}

/* The speaker tag of a golden case. */
static int speaker_of(const json_t *item) {
    return (int)json_integer_value(json_object_get(item, "speaker"));
}

static void prompts_are_those_of_transformers(void **state) {
    (void)state;
    size_t i, n = 0;
    json_t *item;
    json_array_foreach(json_object_get(golden, "cases"), i, item) {
        const char *text = json_string_value(json_object_get(item, "text"));
        const json_t *expected = json_object_get(item, "prompt_ids");
        int32_t *ids;
        size_t n_ids;
        marvis_error err;
        assert_ok(
            marvis_model_tokenize(model, speaker_of(item), text, strlen(text), &ids, &n_ids, &err),
            err);
        assert_int_equal(n_ids, json_array_size(expected));
        for (size_t k = 0; k < n_ids; k++)
            assert_int_equal(ids[k], json_integer_value(json_array_get(expected, k)));
        marvis_free(ids);
        n++;
    }
    assert_true(n >= 10);
}

/* Compares one sentence; returns the number of frames that were compared, and adds to *n_ties when
 * a near tie ended the comparison. */
static size_t compare(const json_t *item, const speech *out, size_t *n_ties) {
    const json_t *codes = json_object_get(item, "codes"),
                 *margins = json_object_get(item, "margins");
    size_t n = json_array_size(codes), n_codebooks = (size_t)marvis_model_n_codebooks(model);
    bool ended = json_is_true(json_object_get(item, "ended"));
    for (size_t t = 0; t < n + (ended ? 1 : 0); t++) {
        bool same = t < n ? t < out->n_frames : out->n_frames == n;
        for (size_t c = 0; same && t < n && c < n_codebooks; c++)
            same = out->codes[t * n_codebooks + c] ==
                   json_integer_value(json_array_get(json_array_get(codes, t), c));
        if (same) continue;
        double margin = json_number_value(json_array_get(margins, t));
        if (margin > near_tie)
            fail_msg("\"%s\": frame %zu differs, where the best two logits are %g apart",
                     json_string_value(json_object_get(item, "text")), t, margin);
        ++*n_ties;
        return t;
    }
    assert_int_equal(out->stop, ended ? MARVIS_STOP_EOS : MARVIS_STOP_CAP);
    return n;
}

static void greedy_codes_are_those_of_transformers(void **state) {
    (void)state;
    marvis_session_settings settings = greedy_settings();
    size_t i, n_frames = 0, n_ties = 0;
    json_t *item;
    const json_t *cases = json_object_get(golden, "cases");
    json_array_foreach(cases, i, item) {
        settings.speaker = speaker_of(item);
        marvis_session *session = new_session(&settings);
        speech out = speak(session, json_string_value(json_object_get(item, "text")));
        n_frames += compare(item, &out, &n_ties);
        speech_free(&out);
        marvis_session_destroy(&session);
    }
    assert_true(i >= 10 && n_frames >= 100);
    assert_true(n_ties <= i / 4); /* most sentences are compared to their end */
}

/* A session that has spoken and is reset speaks as a new one: no cache, codec state or random
 * number is left over. With sampling, so that every part takes part. */
static void reset_session_speaks_as_a_new_one(void **state) {
    (void)state;
    marvis_session_settings settings;
    marvis_session_settings_init(&settings, model);
    settings.codebook0.temperature = settings.depth.temperature = 0.7f;
    settings.max_frames = 60;
    settings.seed = 5;
    marvis_session *session = new_session(&settings);
    speech first = speak(session, "Good morning.");
    marvis_session_destroy(&session);
    session = new_session(&settings);
    speech other = speak(session, "It is ten thirty in the evening.");
    marvis_session_reset(session, 5);
    speech again = speak(session, "Good morning.");
    marvis_session_destroy(&session);
    assert_int_equal(first.n_frames, again.n_frames);
    assert_memory_equal(first.pcm, again.pcm, first.n_samples * sizeof *first.pcm);
    speech_free(&first);
    speech_free(&other);
    speech_free(&again);
}

/* Speech and not noise: neither silent nor clipped, and its end is quiet. */
static void sounds_like_speech(void **state) {
    (void)state;
    marvis_session_settings settings;
    marvis_session_settings_init(&settings, model);
    marvis_session *session = new_session(&settings);
    speech out = speak(session, "Today is Monday.");
    marvis_session_destroy(&session);
    assert_int_equal(out.stop, MARVIS_STOP_EOS);
    double seconds = (double)out.n_samples / marvis_model_sample_rate(model);
    assert_true(seconds > 0.6 && seconds < 3.5);
    double square = 0, peak = 0;
    for (size_t i = 0; i < out.n_samples; i++) {
        square += (double)out.pcm[i] * (double)out.pcm[i];
        peak = fmax(peak, fabs((double)out.pcm[i]));
    }
    double level = sqrt(square / (double)out.n_samples);
    assert_true(level > 0.01 && level < 0.4 && peak < 1.5);
    speech_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_are_those_of_transformers),
        cmocka_unit_test(greedy_codes_are_those_of_transformers),
        cmocka_unit_test(reset_session_speaks_as_a_new_one),
        cmocka_unit_test(sounds_like_speech),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
