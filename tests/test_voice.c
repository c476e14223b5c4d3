/* test_voice.c - speech that goes on from recorded speech: a voice to match, a conversation.
 * Prompts and greedy codes against the references (tools/make_context.py, a tiny random
 * checkpoint), against prompts put together by hand, and the audio against decoding at once. */
#include "support.h"

#include "base/memory.h"
#include "engine/session.h"

#include <jansson.h>

enum { C = 4, COLUMNS = C + 1, CODES = 32, POSITIONS = 256, MAX_ROWS = POSITIONS };

static marvis_engine *engine;
static marvis_model *model;
static json_t *golden;
static char last_warning[1024];
static int n_warnings;

static void note_warning(void *ctx, marvis_log_level level, const char *line) {
    (void)ctx;
    if (level < MARVIS_LOG_WARNING) return;
    snprintf(last_warning, sizeof last_warning, "%s", line);
    n_warnings++;
}

static marvis_status open_model(int n_threads, marvis_engine **e, marvis_model **m,
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

static int set_up(void **state) {
    (void)state;
    marvis_error err;
    golden = json_load_file(test_path("golden/csm/context/golden.json"), 0, NULL);
    assert_non_null(golden);
    assert_ok(open_model(2, &engine, &model, &err), err);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    marvis_model_destroy(&model);
    marvis_engine_destroy(&engine);
    json_decref(golden);
    return 0;
}

/* ---- sessions ------------------------------------------------------------------------------- */

static marvis_session_settings greedy(int n_codebooks, int max_frames) {
    marvis_session_settings s;
    marvis_session_settings_init(&s, model);
    s.codebook0.temperature = s.depth.temperature = 0;
    s.n_codebooks = n_codebooks;
    s.max_frames = max_frames;
    s.guard = 0;
    return s;
}

static marvis_session *new_session(const marvis_session_settings *settings) {
    marvis_session *session;
    marvis_error err;
    assert_ok(marvis_session_create(model, settings, &session, &err), err);
    return session;
}

static marvis_recording recording(const char *text, const int32_t *codes, size_t n_frames,
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

static marvis_status speak_into(marvis_session *session, const char *text, speech *out,
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
    out->timing =
        (marvis_session_timing){.n_prompt = out->timing.n_prompt, .n_reused = out->timing.n_reused};
    return status;
}

static speech *speak(marvis_session *session, const char *text) {
    static speech out;
    marvis_error err;
    assert_ok(speak_into(session, text, &out, &err), err);
    return &out;
}

static void random_codes(uint64_t *seed, int32_t *codes, size_t n) {
    for (size_t i = 0; i < n; i++)
        codes[i] = (int32_t)(test_random(seed) % CODES);
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

/* ---- random scripts against prompts put together here ---------------------------------------- */

/* A prompt in the making, by the book (docs/MODEL.md). */
typedef struct script {
    int32_t rows[MAX_ROWS][COLUMNS];
    uint8_t mask[MAX_ROWS][COLUMNS];
    size_t n;
} script;

static void script_text(script *p, int speaker, const char *text) {
    int32_t *ids;
    size_t n;
    marvis_error err;
    assert_ok(marvis_model_tokenize(model, speaker, text, strlen(text), &ids, &n, &err), err);
    for (size_t i = 0; i < n; i++, p->n++) {
        memset(p->rows[p->n], 0, sizeof p->rows[0]);
        memset(p->mask[p->n], 0, COLUMNS);
        p->rows[p->n][C] = ids[i];
        p->mask[p->n][C] = 1;
    }
    marvis_free(ids);
}

static void script_frame(script *p, const int32_t *codes, int n_codebooks) {
    for (int c = 0; c < COLUMNS; c++) {
        p->rows[p->n][c] = codes && c < n_codebooks ? codes[c] : 0;
        p->mask[p->n][c] = c < n_codebooks;
    }
    p->n++;
}

/* Greedy codes after a prompt, with nothing kept from before. */
static void continue_by_hand(const script *p, int n_codebooks, size_t n, int32_t *codes) {
    const mv_csm *csm = &model->csm;
    const mv_exec *exec = &model->engine->exec;
    marvis_error err;
    mv_csm_stream stream, *streams[] = {&stream};
    mv_csm_scratch scratch;
    float hidden[64], logits[CODES + 3];
    int32_t frame[COLUMNS] = {0};
    uint8_t mask[COLUMNS] = {0};
    memset(mask, 1, (size_t)n_codebooks);
    assert_ok(mv_csm_stream_init(&stream, csm, POSITIONS, &err), err);
    assert_ok(mv_csm_scratch_init(&scratch, csm, 3, POSITIONS, engine->n_threads, &err), err);
    mv_csm_prefill(csm, &stream, &scratch, exec, p->rows[0], p->mask[0], p->n, 1, hidden);
    for (size_t t = 0; t < n; t++) {
        if (t) mv_csm_step(csm, streams, 1, &scratch, exec, frame, mask, hidden);
        mv_csm_depth_begin(&stream);
        for (int i = 0; i < n_codebooks; i++) {
            if (i == 0)
                mv_csm_head0(csm, exec, hidden, 1, logits);
            else
                mv_csm_depth_step(csm, streams, 1, &scratch, exec, i, hidden, &frame[i - 1],
                                  logits);
            frame[i] = 0;
            for (int v = 1; v < CODES; v++)
                if (logits[v] > logits[frame[i]]) frame[i] = v;
        }
        memcpy(codes + t * (size_t)n_codebooks, frame, (size_t)n_codebooks * sizeof *frame);
    }
    mv_csm_scratch_deinit(&scratch);
    mv_csm_stream_deinit(&stream);
}

static const char *random_text(uint64_t *seed, char *text) {
    size_t n = 1 + test_random(seed) % 9;
    for (size_t i = 0; i < n; i++)
        text[i] = (char)('a' + test_random(seed) % 26);
    text[n] = '\0';
    return text;
}

/* What a session was told, to put its prompt together again. */
typedef struct history {
    script context;
    char voice_text[16];
    int32_t voice[16 * C];
    size_t n_voice;
} history;

static void random_turn(uint64_t *seed, marvis_session *session, history *h, int n_codebooks) {
    marvis_error err;
    char text[16];
    int32_t codes[16 * C];
    size_t n = 1 + test_random(seed) % 8;
    int columns = n_codebooks + (int)(test_random(seed) % (size_t)(C - n_codebooks + 1));
    int speaker = (int)(test_random(seed) % 12);
    random_codes(seed, codes, n * (size_t)columns);
    marvis_recording r = recording(random_text(seed, text), codes, n, columns);
    assert_ok(marvis_session_add_context(session, speaker, &r, &err), err);
    script_text(&h->context, speaker, text);
    for (size_t t = 0; t < n; t++)
        script_frame(&h->context, codes + t * (size_t)columns, n_codebooks);
    script_frame(&h->context, NULL, n_codebooks);
}

static void random_voice(uint64_t *seed, marvis_session *session, history *h) {
    marvis_error err;
    h->n_voice = test_random(seed) % 3 ? 1 + test_random(seed) % 16 : 0;
    random_codes(seed, h->voice, h->n_voice * C);
    marvis_recording r = recording(random_text(seed, h->voice_text), h->voice, h->n_voice, C);
    assert_ok(marvis_session_set_voice(session, h->n_voice ? &r : NULL, &err), err);
}

/* The session's own speech becomes a turn, whole or cut back to what was heard. */
static void keep_speech(uint64_t *seed, marvis_session *session, history *h, const char *text,
                        const int32_t *codes, size_t n, int n_codebooks, int speaker) {
    marvis_error err;
    n = 1 + test_random(seed) % n;
    marvis_recording r = recording(text, codes, n, n_codebooks);
    assert_ok(marvis_session_add_context(session, speaker, &r, &err), err);
    script_text(&h->context, speaker, text);
    for (size_t t = 0; t < n; t++)
        script_frame(&h->context, codes + t * (size_t)n_codebooks, n_codebooks);
    script_frame(&h->context, NULL, n_codebooks);
}

/* One session through a random conversation; each utterance must be that of the prompt by hand. */
static size_t run_script(uint64_t *seed, int n_codebooks) {
    enum { FRAMES = 6 };
    static history h;
    static script p;
    marvis_error err;
    marvis_session_settings s = greedy(n_codebooks, FRAMES);
    s.speaker = (int)(test_random(seed) % 3);
    marvis_session *session = new_session(&s);
    size_t n_reused = 0;
    memset(&h, 0, sizeof h);
    for (int utterance = 0; utterance < 8; utterance++) {
        char text[16], joined[40];
        int32_t expected[FRAMES * C];
        if (h.context.n > 100 || test_random(seed) % 8 == 0) {
            assert_ok(marvis_session_clear_context(session, &err), err);
            h.context.n = 0;
        }
        if (test_random(seed) % 2) random_turn(seed, session, &h, n_codebooks);
        if (test_random(seed) % 3 == 0) random_voice(seed, session, &h);
        random_text(seed, text);
        p = h.context;
        snprintf(joined, sizeof joined, "%s %s", h.voice_text, text);
        script_text(&p, s.speaker, h.n_voice ? joined : text);
        for (size_t t = 0; t < h.n_voice; t++)
            script_frame(&p, h.voice + t * C, n_codebooks);
        const speech *out = speak(session, text);
        assert_int_equal(out->timing.n_prompt, p.n);
        n_reused += (size_t)out->timing.n_reused;
        continue_by_hand(&p, n_codebooks, out->n_frames ? out->n_frames : 1, expected);
        assert_memory_equal(out->codes, expected,
                            out->n_frames * (size_t)n_codebooks * sizeof *expected);
        marvis_session_reset(session, 0);
        if (out->n_frames && test_random(seed) % 2)
            keep_speech(seed, session, &h, text, out->codes, out->n_frames, n_codebooks, s.speaker);
    }
    marvis_session_destroy(&session);
    return n_reused;
}

static void trap_52_random_conversations_equal_fresh_prompts(void **state) {
    (void)state;
    uint64_t seed = 20;
    size_t n_reused = 0;
    int n_run = 0;
    for (; n_run < 60; n_run++)
        n_reused += run_script(&seed, 1 + n_run % C);
    assert_int_equal(n_run, 60);
    assert_true(n_reused > 1000); /* the cache was put to the test */
}

/* In a conversation only what is new runs: here the EOS of the turn and the new text. */
static void a_turn_costs_only_what_is_new(void **state) {
    (void)state;
    marvis_error err;
    marvis_session_settings s = greedy(C, 5);
    marvis_session *session = new_session(&s);
    int32_t codes[6 * C];
    uint64_t seed = 3;
    random_codes(&seed, codes, 6 * C);
    marvis_recording r = recording("Hello.", codes, 6, C);
    assert_ok(marvis_session_add_context(session, 1, &r, &err), err);
    static speech first;
    first = *speak(session, "Yes?");
    int n_turn = 2 + 3 + 6 + 6 + 1, n_text = 2 + 3 + 4; /* BOS "[1]Hello." EOS, frames, zeros */
    assert_int_equal(first.timing.n_prompt, n_turn + n_text);
    assert_int_equal(first.timing.n_reused, 0);
    assert_int_equal(first.n_frames, 5);
    marvis_session_reset(session, 0);
    r = recording("Yes?", first.codes, first.n_frames, C);
    assert_ok(marvis_session_add_context(session, 0, &r, &err), err);
    const speech *out = speak(session, "Go on.");
    assert_int_equal(out->timing.n_prompt, n_turn + n_text + 5 + 1 + 2 + 3 + 6);
    assert_int_equal(out->timing.n_reused,
                     n_turn + n_text + 4); /* the 5th frame was not fed back */
    marvis_session_destroy(&session);
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
        {recording("x", codes, 200, C), MARVIS_ERR_TOO_LONG, "take 200 positions"},
        {recording("x", codes, SIZE_MAX, C), MARVIS_ERR_TOO_LONG, "positions"},
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
        char seconds[64];
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
            snprintf(seconds, sizeof seconds, "116 of the voice (%.1f s)", 116 * frame_s);
            assert_non_null(strstr(err.message, "takes 200 positions, 12 of text, "));
            assert_non_null(strstr(err.message, seconds));
            assert_non_null(strstr(err.message, "72 of the context (1 turn)"));
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
        for (int turn = 0; status == MARVIS_OK && turn < 2; turn++) {
            size_t n_rows = session->context.rows.n;
            status = marvis_session_add_context(session, turn, &b, &err);
            if (status != MARVIS_OK) assert_int_equal(session->context.rows.n, n_rows);
        }
        if (status == MARVIS_OK) status = speak_into(session, "Hello.", &out, &err);
        mv_alloc_fail_after(0, false);
        if (status != MARVIS_OK) {
            assert_int_equal(status, MARVIS_ERR_MEMORY);
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
        cmocka_unit_test(trap_52_random_conversations_equal_fresh_prompts),
        cmocka_unit_test(a_turn_costs_only_what_is_new),
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
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
