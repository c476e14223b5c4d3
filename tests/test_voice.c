/* test_voice.c - speech that goes on from recorded speech: prompts and greedy codes against the
 * references (tools/make_context.py), the audio against decoding at once, and what is refused. */
#include "voice_fixture.h"

#include <jansson.h>

static json_t *golden;

static int set_up_golden(void **state) {
    golden = json_load_file(test_path("golden/csm/context/golden.json"), 0, NULL);
    assert_non_null(golden);
    return set_up(state);
}

static int tear_down_golden(void **state) {
    json_decref(golden);
    return tear_down(state);
}

/* ---- goldens -------------------------------------------------------------------------------- */

/* codes [n][C] of a JSON list of lists; the caller frees. */
static int32_t *json_codes(const json_t *rows, size_t *n, size_t *columns) {
    *n = json_array_size(rows);
    *columns = json_array_size(json_array_get(rows, 0));
    int32_t *codes = calloc(*n * *columns, sizeof *codes);
    assert_non_null(codes);
    for (size_t i = 0; i < *n * *columns; i++)
        codes[i] = (int32_t)json_integer_value(
            json_array_get(json_array_get(rows, i / *columns), i % *columns));
    return codes;
}

static const char *json_text(const json_t *o, const char *key) {
    return json_string_value(json_object_get(o, key));
}

/* The recording's codes are the caller's to overwrite at once: the library has copied them. */
static void give(marvis_session *session, const json_t *given, bool is_voice) {
    marvis_error err;
    size_t n, columns;
    int32_t *codes = json_codes(json_object_get(given, "codes"), &n, &columns);
    char *text = strdup(json_text(given, "text"));
    marvis_recording r = recording(text, codes, n, (int)columns);
    int speaker = (int)json_integer_value(json_object_get(given, "speaker"));
    if (is_voice)
        assert_ok(marvis_session_set_voice(session, &r, &err), err);
    else
        assert_ok(marvis_session_add_context(session, speaker, &r, &err), err);
    memset(codes, 0x7f, n * columns * sizeof *codes);
    memset(text, '#', strlen(text));
    free(codes);
    free(text);
}

static marvis_session *golden_session(const json_t *item, marvis_session_settings *settings) {
    size_t i;
    json_t *turn;
    settings->n_codebooks = (int)json_integer_value(json_object_get(item, "codebooks"));
    settings->speaker = (int)json_integer_value(json_object_get(item, "speaker"));
    marvis_session *session = new_session(settings);
    json_array_foreach(json_object_get(item, "context"), i, turn) give(session, turn, false);
    const json_t *voice = json_object_get(item, "voice");
    if (json_is_object(voice)) give(session, voice, true);
    return session;
}

/* Row by row: ids, and what of them counts. */
static void assert_prompt(const json_t *item, const marvis_session *session) {
    mv_prompt prompt = {0};
    marvis_error err;
    assert_ok(mv_session_prompt(session, &prompt, &err), err);
    size_t n, columns;
    int32_t *expected = json_codes(json_object_get(item, "prompt"), &n, &columns);
    assert_int_equal(prompt.n, n);
    assert_int_equal(columns, COLUMNS);
    for (size_t i = 0; i < n; i++) {
        const char *mask = json_string_value(json_array_get(json_object_get(item, "mask"), i));
        for (size_t c = 0; c < COLUMNS; c++)
            if (prompt.frames[i * COLUMNS + c] != expected[i * COLUMNS + c] ||
                prompt.mask[i * COLUMNS + c] != mask[c] - '0')
                fail_msg("%s: position %zu, column %zu: %d (%d), not %d (%c)",
                         json_text(item, "name"), i, c, (int)prompt.frames[i * COLUMNS + c],
                         prompt.mask[i * COLUMNS + c], (int)expected[i * COLUMNS + c], mask[c]);
    }
    free(expected);
    mv_prompt_deinit(&prompt);
}

static void trap_25_26_prompts_are_those_of_the_references(void **state) {
    (void)state;
    size_t i, n_run = 0;
    json_t *item;
    json_array_foreach(json_object_get(golden, "cases"), i, item) {
        marvis_session_settings s = greedy(C, 12);
        marvis_session *session = golden_session(item, &s);
        const char *text = json_text(item, "text");
        marvis_error err;
        assert_ok(marvis_session_push_text(session, text, strlen(text), &err), err);
        assert_prompt(item, session);
        marvis_session_destroy(&session);
        n_run++;
    }
    assert_int_equal(n_run, 7);
}

/* Every margin between the two best logits is above 5e-3 (tools/make_context.py), the references
 * are within 1e-4 of each other. */
static void continuations_are_those_of_the_references(void **state) {
    (void)state;
    static const int chunks[] = {8, 1, 5};
    size_t i, n_run = 0;
    json_t *item;
    json_array_foreach(json_object_get(golden, "cases"), i, item) {
        size_t n, k;
        int32_t *expected = json_codes(json_object_get(item, "greedy"), &n, &k);
        marvis_session_settings s = greedy(C, (int)n);
        s.chunk_frames = chunks[i % 3];
        marvis_session *session = golden_session(item, &s);
        for (int again = 0; again < 2; again++) { /* a reset keeps voice and context */
            const speech *out = speak(session, json_text(item, "text"));
            assert_int_equal(out->n_frames, n);
            for (size_t j = 0; j < n * k; j++)
                if (out->codes[j] != expected[j])
                    fail_msg("%s: frame %zu, codebook %zu: %d, not %d", json_text(item, "name"),
                             j / k, j % k, (int)out->codes[j], (int)expected[j]);
            marvis_session_reset(session, 0);
            n_run++;
        }
        marvis_session_destroy(&session);
        free(expected);
    }
    assert_int_equal(n_run, 14);
}

/* ---- audio ---------------------------------------------------------------------------------- */

/* The new speech is the end of decoding recorded and new codes at once, sample for sample, however
 * long the recording is (the codec's transformer sees 125 frames) and whatever the chunks are. */
static void audio_continues_the_recording(void **state) {
    (void)state;
    static const size_t lengths[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 40, 124, 125, 126, 180};
    static const int chunks[] = {8, 1, 3, 16};
    static int32_t all[MAX_ROWS * C];
    static float pcm[MAX_ROWS * 64];
    size_t samples = (size_t)marvis_model_frame_samples(model), n_run = 0;
    uint64_t seed = 9;
    for (; n_run < sizeof lengths / sizeof *lengths; n_run++) {
        marvis_error err;
        marvis_decoder *decoder;
        size_t n = lengths[n_run];
        int k = n_run % 3 ? C : 2;
        marvis_session_settings s = greedy(k, 11);
        s.chunk_frames = chunks[n_run % 4];
        marvis_session *session = new_session(&s);
        random_codes(&seed, all, n * (size_t)k);
        marvis_recording r = recording("a recording", all, n, k);
        assert_ok(marvis_session_set_voice(session, &r, &err), err);
        const speech *out = speak(session, "More.");
        assert_true(out->n_frames > 5);
        memcpy(all + n * (size_t)k, out->codes, out->n_frames * (size_t)k * sizeof *all);
        assert_ok(marvis_decoder_create(model, k, &decoder, &err), err);
        assert_ok(marvis_decoder_decode(decoder, all, n + out->n_frames, pcm, &err), err);
        assert_int_equal(out->n_samples, out->n_frames * samples);
        assert_memory_equal(out->pcm, pcm + n * samples, out->n_samples * sizeof *pcm);
        marvis_decoder_destroy(&decoder);
        marvis_session_destroy(&session);
    }
    assert_int_equal(n_run, 16);
}

/* In a conversation the speech begins by itself. */
static void audio_after_context_starts_anew(void **state) {
    (void)state;
    const json_t *item = json_array_get(json_object_get(golden, "cases"), 2);
    marvis_session_settings s = greedy(C, 10);
    marvis_session *session = golden_session(item, &s);
    const speech *out = speak(session, "Well.");
    static float pcm[MAX_ROWS * 64];
    marvis_decoder *decoder;
    marvis_error err;
    assert_ok(marvis_decoder_create(model, C, &decoder, &err), err);
    assert_ok(marvis_decoder_decode(decoder, out->codes, out->n_frames, pcm, &err), err);
    assert_true(out->n_frames > 0);
    assert_memory_equal(out->pcm, pcm, out->n_samples * sizeof *pcm);
    marvis_decoder_destroy(&decoder);
    marvis_session_destroy(&session);
}

/* Chunks, threads and the session's past make no difference. */
static void trap_45_voices_are_reproducible(void **state) {
    (void)state;
    marvis_error err;
    const json_t *item = json_array_get(json_object_get(golden, "cases"), 4);
    static speech first, other;
    marvis_session_settings s = greedy(C, 30);
    s.codebook0 = s.depth = (marvis_sampling){.temperature = 1, .top_k = 20, .top_p = 1};
    s.seed = 5;
    marvis_session *session = golden_session(item, &s);
    first = *speak(session, "Hello.");
    for (int chunk = 1; chunk <= 32; chunk = 2 * chunk + 1) {
        s.chunk_frames = chunk;
        marvis_session *again = golden_session(item, &s);
        other = *speak(again, "Hello.");
        assert_memory_equal(&first, &other, sizeof first);
        marvis_session_destroy(&again);
    }
    marvis_session_reset(session, 6);
    assert_ok(speak_into(session, "Something else.", &other, &err), err);
    assert_true(memcmp(first.codes, other.codes, sizeof first.codes) != 0);
    marvis_session_reset(session, 5);
    assert_ok(speak_into(session, "Hello.", &other, &err), err);
    other.timing.n_reused = 0;
    assert_memory_equal(&first, &other, sizeof first);
    marvis_session_destroy(&session);

    marvis_engine *one = NULL;
    marvis_model *shared = model, *alone = NULL;
    assert_ok(open_model(1, &one, &alone, &err), err);
    model = alone;
    session = golden_session(item, &s);
    other = *speak(session, "Hello.");
    model = shared;
    assert_memory_equal(&first, &other, sizeof first);
    marvis_session_destroy(&session);
    marvis_model_destroy(&alone);
    marvis_engine_destroy(&one);
}

/* White space at the ends is no part of a voice's text or of what follows it. */
static void ends_of_texts_are_trimmed(void **state) {
    (void)state;
    marvis_error err;
    int32_t codes[8 * C];
    uint64_t seed = 1;
    random_codes(&seed, codes, 8 * C);
    static speech plain;
    marvis_session_settings s = greedy(C, 4);
    marvis_session *session = new_session(&s);
    marvis_recording r = recording("Recorded.", codes, 8, C);
    assert_ok(marvis_session_set_voice(session, &r, &err), err);
    plain = *speak(session, "New text.");
    assert_int_equal(plain.timing.n_prompt, 2 + 3 + 9 + 1 + 9 + 8);
    marvis_session_reset(session, 0);
    r = recording(" \n Recorded.\r\n", codes, 8, C);
    assert_ok(marvis_session_set_voice(session, &r, &err), err);
    const speech *out = speak(session, "\tNew text. \n");
    assert_int_equal(out->timing.n_prompt, plain.timing.n_prompt);
    assert_memory_equal(out->codes, plain.codes, sizeof plain.codes);
    marvis_session_reset(session, 0);
    assert_ok(marvis_session_set_voice(session, NULL, &err), err);
    out = speak(session, "New text.");
    assert_int_equal(out->timing.n_prompt, 2 + 3 + 9);
    marvis_session_destroy(&session);
}

/* ---- what is refused ------------------------------------------------------------------------ */

typedef struct bad_recording {
    marvis_recording r;
    marvis_status status;
    const char *words;
} bad_recording;

static void bad_recordings_are_named(void **state) {
    (void)state;
    static int32_t codes[POSITIONS * C], low[3 * C], high[3 * C];
    marvis_session_settings s = greedy(3, 56);
    marvis_session *session = new_session(&s);
    high[2 * C + 1] = CODES;
    low[1 * C + 3] = -1; /* in a codebook that this session does not use */
    bad_recording cases[] = {
        {recording("", codes, 3, C), MARVIS_ERR_INPUT, "text is missing"},
        {recording(" \t\n", codes, 3, C), MARVIS_ERR_INPUT, "text is missing"},
        {recording("x", codes, 3, C), MARVIS_ERR_INPUT, "text is missing"},
        {recording("x", NULL, 3, C), MARVIS_ERR_INPUT, "0 frames"},
        {recording("x", codes, 0, C), MARVIS_ERR_INPUT, "0 frames"},
        {recording("x", codes, 3, 2), MARVIS_ERR_INPUT, "2 codebooks, the session speaks with 3"},
        {recording("x", codes, 3, -1), MARVIS_ERR_INPUT, "-1 codebooks"},
        {recording("x", high, 3, C), MARVIS_ERR_INPUT, "frame 2, codebook 1: code 32"},
        {recording("x", low, 3, C), MARVIS_ERR_INPUT, "frame 1, codebook 3: code -1"},
        {recording("x", codes, 200, C), MARVIS_ERR_TOO_LONG, "of recording, and up to"},
        {recording("x", codes, SIZE_MAX, C), MARVIS_ERR_TOO_LONG, "do not fit the"},
        {recording("x", codes, 3, C), MARVIS_ERR_CALL, "marvis_recording_init"},
    };
    cases[2].r.text = NULL;
    cases[11].r.struct_size = 8;
    size_t n = 0;
    for (; n < sizeof cases / sizeof *cases; n++)
        for (int as_turn = 0; as_turn < 2; as_turn++) {
            marvis_error err;
            marvis_status status = as_turn
                                       ? marvis_session_add_context(session, 0, &cases[n].r, &err)
                                       : marvis_session_set_voice(session, &cases[n].r, &err);
            assert_int_equal(status, cases[n].status);
            if (!strstr(err.message, cases[n].words) ||
                !strstr(err.message, as_turn ? "turn 1 of the context" : "the voice"))
                fail_msg("'%s' is not in: %s", cases[n].words, err.message);
        }
    assert_int_equal(n, 12);
    marvis_error err;
    marvis_recording good = recording("x", codes, 199, C);
    assert_int_equal(marvis_session_add_context(session, -1, &good, &err), MARVIS_ERR_CALL);
    assert_int_equal(marvis_session_add_context(session, 1000000, &good, &err), MARVIS_ERR_CALL);
    /* nothing of all that has left a trace */
    const speech *out = speak(session, "Hi");
    assert_int_equal(out->timing.n_prompt, 2 + 3 + 2);
    marvis_session_destroy(&session);
}

static void everything_comes_before_the_first_step(void **state) {
    (void)state;
    marvis_error err;
    int32_t codes[4 * C] = {0};
    marvis_session_settings s = greedy(C, 20);
    marvis_session *session = new_session(&s);
    marvis_recording r = recording("some words", codes, 4, C);
    marvis_chunk chunk;
    for (int failed = 0; failed < 2; failed++) {
        if (!failed) assert_ok(marvis_session_push_text(session, "Hi", 2, &err), err);
        assert_int_equal(marvis_session_step(session, &chunk, &err),
                         failed ? MARVIS_ERR_INPUT : MARVIS_OK);
        assert_int_equal(marvis_session_set_voice(session, &r, &err), MARVIS_ERR_CALL);
        assert_non_null(strstr(err.message, "reset"));
        assert_int_equal(marvis_session_set_voice(session, NULL, &err), MARVIS_ERR_CALL);
        assert_non_null(strstr(err.message, "reset"));
        assert_int_equal(marvis_session_add_context(session, 0, &r, &err), MARVIS_ERR_CALL);
        assert_non_null(strstr(err.message, "reset"));
        assert_int_equal(marvis_session_clear_context(session, &err), MARVIS_ERR_CALL);
        assert_non_null(strstr(err.message, "reset"));
        marvis_session_reset(session, 0);
    }
    /* text first or last is the same */
    assert_ok(marvis_session_push_text(session, "Hi", 2, &err), err);
    assert_ok(marvis_session_set_voice(session, &r, &err), err);
    assert_ok(marvis_session_add_context(session, 0, &r, &err), err);
    assert_ok(marvis_session_clear_context(session, &err), err);
    assert_ok(marvis_session_step(session, &chunk, &err), err);
    marvis_session_destroy(&session);
}

/* 256 positions, 56 of them for speech: a prompt of 199 fits and of 200 does not. */
static void trap_30_what_does_not_fit_is_told_in_seconds(void **state) {
    (void)state;
    static int32_t codes[POSITIONS * C];
    double frame_s = (double)marvis_model_frame_samples(model) / marvis_model_sample_rate(model);
    marvis_session_settings s = greedy(C, 56);
    for (int n = 199; n <= 200; n++) {
        marvis_error err;
        static speech out;
        char seconds[160];
        marvis_session *session = new_session(&s);
        marvis_recording turn = recording("Hello.", codes, 60, C);
        assert_ok(marvis_session_add_context(session, 1, &turn, &err), err); /* 11 + 60 + 1 */
        marvis_recording voice = recording("Abc.", codes, (size_t)n - 72 - 12, C);
        assert_ok(marvis_session_set_voice(session, &voice, &err), err);
        marvis_status status = speak_into(session, "Hi", &out, &err); /* 2 + 3 + 4 + 1 + 2 */
        if (n == 199) {
            assert_int_equal(status, MARVIS_OK);
            assert_int_equal(out.timing.n_prompt, 199);
        } else {
            assert_int_equal(status, MARVIS_ERR_TOO_LONG);
            snprintf(seconds, sizeof seconds,
                     "1 word of text take the room of %.1f s, the voice %.1f s, the context %.1f s "
                     "(1 turn); with",
                     12 * frame_s, 116 * frame_s, 72 * frame_s);
            assert_non_null(strstr(err.message, seconds));
            snprintf(seconds, sizeof seconds, "that is %.2f s more than the %.1f s", frame_s,
                     POSITIONS * frame_s);
            assert_non_null(strstr(err.message, seconds));
            snprintf(seconds, sizeof seconds, "at most %.1f s of speech", 55 * frame_s);
            assert_non_null(strstr(err.message, seconds));
            marvis_session_reset(session, 0); /* and there is a way on */
            assert_ok(marvis_session_clear_context(session, &err), err);
            assert_ok(speak_into(session, "Hi", &out, &err), err);
        }
        marvis_session_destroy(&session);
    }
}

/* A transcript that cannot be the recording's: one character, of two bytes, in so much speech. */
static void trap_29_an_implausible_pace_is_a_warning(void **state) {
    (void)state;
    static int32_t codes[POSITIONS * C];
    double frame_s = (double)marvis_model_frame_samples(model) / marvis_model_sample_rate(model);
    static const struct {
        double pace;
        bool warns;
    } cases[] = {{3, true}, {4.8, true}, {5.2, false}, {15, false}, {24, false}, {26, true}};
    size_t n = 0;
    for (; n < sizeof cases / sizeof *cases; n++) {
        marvis_error err;
        char words[64];
        marvis_session_settings s = greedy(C, 20);
        marvis_session *session = new_session(&s);
        size_t frames = (size_t)(1 / cases[n].pace / frame_s);
        marvis_recording r = recording("\xc3\xa9", codes, frames, C);
        n_warnings = 0;
        assert_ok(marvis_session_set_voice(session, &r, &err), err);
        assert_int_equal(n_warnings, cases[n].warns);
        snprintf(words, sizeof words, "1 character for %.1f s of speech, %.1f a second",
                 (double)frames * frame_s, 1 / ((double)frames * frame_s));
        if (n_warnings) assert_non_null(strstr(last_warning, words));
        marvis_session_destroy(&session);
    }
    assert_int_equal(n, 6);
}

/* ---- memory --------------------------------------------------------------------------------- */

static void steps_with_a_voice_allocate_nothing(void **state) {
    (void)state;
    marvis_error err;
    marvis_chunk chunk;
    const json_t *item = json_array_get(json_object_get(golden, "cases"), 4);
    marvis_session_settings s = greedy(C, 60);
    marvis_session *session = golden_session(item, &s);
    assert_ok(marvis_session_push_text(session, "Hi", 2, &err), err);
    assert_ok(marvis_session_step(session, &chunk, &err), err);
    uint64_t before = mv_alloc_count();
    for (int i = 0; i < 12; i++)
        assert_ok(marvis_session_step(session, &chunk, &err), err);
    assert_true(mv_alloc_count() == before);
    marvis_session_destroy(&session);
}

/* The Nth allocation fails: nothing leaks, and what was set before the failure still speaks. */
static void every_allocation_may_fail(void **state) {
    (void)state;
    int32_t codes[6 * C];
    uint64_t seed = 8;
    random_codes(&seed, codes, 6 * C);
    marvis_recording a = recording("some words", codes, 6, C), b = recording("More.", codes, 4, C);
    static speech expected, out;
    marvis_error err;
    marvis_session_settings s = greedy(C, 3);
    int n_failed = 0;
    for (uint64_t n = 0;; n++) { /* 0: none fails */
        marvis_session *session = new_session(&s);
        if (n) mv_alloc_fail_after(n, n % 2);
        marvis_status status = marvis_session_set_voice(session, &a, &err);
        size_t n_rows = 0; /* of the turns that were taken */
        for (int turn = 0; status == MARVIS_OK && turn < 2; turn++) {
            status = marvis_session_add_context(session, turn, &b, &err);
            if (status == MARVIS_OK) n_rows = session->context.rows.n;
        }
        if (status == MARVIS_OK) status = speak_into(session, "Hello.", &out, &err);
        mv_alloc_fail_after(0, false);
        if (status != MARVIS_OK) {
            assert_int_equal(status, MARVIS_ERR_MEMORY);
            assert_int_equal(session->context.rows.n, n_rows);
            marvis_session_reset(session, 0);
            assert_ok(marvis_session_set_voice(session, &a, &err), err);
            assert_ok(marvis_session_clear_context(session, &err), err);
            for (int turn = 0; turn < 2; turn++)
                assert_ok(marvis_session_add_context(session, turn, &b, &err), err);
            assert_ok(speak_into(session, "Hello.", &out, &err), err);
            n_failed++;
        }
        if (n == 0) expected = out;
        assert_memory_equal(&expected, &out, sizeof out);
        marvis_session_destroy(&session);
        if (n && status == MARVIS_OK) break;
    }
    assert_true(n_failed > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trap_25_26_prompts_are_those_of_the_references),
        cmocka_unit_test(continuations_are_those_of_the_references),
        cmocka_unit_test(audio_continues_the_recording),
        cmocka_unit_test(audio_after_context_starts_anew),
        cmocka_unit_test(trap_45_voices_are_reproducible),
        cmocka_unit_test(ends_of_texts_are_trimmed),
        cmocka_unit_test(bad_recordings_are_named),
        cmocka_unit_test(everything_comes_before_the_first_step),
        cmocka_unit_test(trap_30_what_does_not_fit_is_told_in_seconds),
        cmocka_unit_test(trap_29_an_implausible_pace_is_a_warning),
        cmocka_unit_test(steps_with_a_voice_allocate_nothing),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, set_up_golden, tear_down_golden);
}
