/* test_session.c - utterances through the public interface, on checkpoints whose speech is known
 * beforehand (automaton.h) and a tiny Mimi: stops, codes out of range, settings, seeds, threads. */
#include "support.h"

#include "automaton.h"
#include "base/memory.h"

#include <math.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CODEBOOKS = 4, CODES = 32, VOCAB = CODES + 3, POSITIONS = 2048 };

typedef struct fixture {
    marvis_engine *engine;
    marvis_model *model;
} fixture;

static automaton plain(void) {
    automaton a = {.n_codebooks = CODEBOOKS,
                   .audio_vocab = VOCAB,
                   .text_vocab = 258,
                   .max_positions = POSITIONS,
                   .first = 3,
                   .second_best = -1};
    for (int k = 0; k < VOCAB; k++) {
        a.next[k] = (k + 1) % CODES;
        for (int i = 0; i < CODEBOOKS - 1; i++)
            a.below[i][k] = (k + 7) % CODES;
    }
    return a;
}

static fixture open_automaton(const automaton *a, int n_threads) {
    static int n_made;
    char folder[512];
    fixture f = {0};
    marvis_error err;
    snprintf(folder, sizeof folder, "%s/automaton%d", test_temp_dir(), n_made++);
    assert_int_equal(mkdir(folder, 0700), 0);
    automaton_write(a, folder);
    marvis_engine_settings engine_settings;
    marvis_engine_settings_init(&engine_settings);
    engine_settings.n_threads = n_threads;
    assert_ok(marvis_engine_create(&engine_settings, &f.engine, &err), err);
    marvis_model_settings settings;
    marvis_model_settings_init(&settings);
    settings.codec = test_path("golden/mimi/tiny_moshi.safetensors");
    assert_ok(marvis_model_open(f.engine, folder, &settings, &f.model, &err), err);
    return f;
}

static void close_fixture(fixture *f) {
    marvis_model_destroy(&f->model);
    marvis_engine_destroy(&f->engine);
}

static marvis_session_settings greedy(const marvis_model *model) {
    marvis_session_settings s;
    marvis_session_settings_init(&s, model);
    s.codebook0.temperature = s.depth.temperature = 0;
    s.max_frames = 40;
    s.guard = 0;
    return s;
}

enum { MAX_FRAMES = 200 };

typedef struct speech {
    int32_t codes[MAX_FRAMES][CODEBOOKS];
    float pcm[MAX_FRAMES][64];
    int n_frames, n_samples;
    marvis_stop stop;
    marvis_runaway runaway;
} speech;

static marvis_status speak_into(marvis_session *session, const char *text, speech *out,
                                marvis_error *err) {
    memset(out, 0, sizeof *out);
    marvis_status status = marvis_session_push_text(session, text, strlen(text), err);
    while (status == MARVIS_OK) {
        marvis_chunk chunk;
        status = marvis_session_step(session, &chunk, err);
        if (status != MARVIS_OK) break;
        out->stop = chunk.stop;
        if (chunk.stop != MARVIS_STOP_NONE) break;
        if (out->n_frames + chunk.n_frames > MAX_FRAMES) break;
        int samples = chunk.n_samples / chunk.n_frames;
        for (int i = 0; i < chunk.n_frames; i++, out->n_frames++) {
            memcpy(out->codes[out->n_frames], chunk.codes + i * chunk.n_codebooks,
                   (size_t)chunk.n_codebooks * sizeof *chunk.codes);
            memcpy(out->pcm[out->n_frames], chunk.pcm + i * samples,
                   (size_t)samples * sizeof *chunk.pcm);
        }
        out->n_samples = samples;
    }
    return status;
}

static speech *speak(const marvis_model *model, const marvis_session_settings *settings) {
    static speech out;
    marvis_session *session;
    marvis_error err;
    assert_ok(marvis_session_create(model, settings, &session, &err), err);
    assert_ok(speak_into(session, "Hello.", &out, &err), err);
    out.runaway = marvis_session_runaway(session);
    marvis_session_destroy(&session);
    return &out;
}

static void trap_05_eos_is_a_frame_of_zeros(void **state) {
    (void)state;
    /* (0,5,..) and (5,0,0,0) do not stop; then the cap does */
    automaton a = plain();
    a.first = 0;
    for (int k = 0; k < VOCAB; k++) {
        a.next[k] = k == 0 ? 5 : 0;
        a.below[0][k] = k == 0 ? 5 : 0;
        a.below[1][k] = a.below[2][k] = 0;
    }
    fixture f = open_automaton(&a, 1);
    marvis_session_settings s = greedy(f.model);
    s.max_frames = 6;
    speech *out = speak(f.model, &s);
    assert_int_equal(out->stop, MARVIS_STOP_CAP);
    assert_int_equal(out->n_frames, 6);
    assert_int_equal(out->codes[0][0], 0);
    assert_int_equal(out->codes[0][1], 5);
    assert_int_equal(out->codes[1][0], 5);
    assert_int_equal(out->codes[1][1], 0);
    close_fixture(&f);

    /* the third frame is all zero: two are spoken */
    a.first = 9;
    for (int k = 0; k < VOCAB; k++) {
        a.next[k] = k == 9 ? 8 : 0;
        a.below[0][k] = a.below[1][k] = a.below[2][k] = k;
    }
    f = open_automaton(&a, 1);
    s = greedy(f.model);
    out = speak(f.model, &s);
    assert_int_equal(out->stop, MARVIS_STOP_EOS);
    assert_int_equal(out->n_frames, 2);

    /* with fewer codebooks, zeros in those that are spoken end it too */
    s.n_codebooks = 2;
    out = speak(f.model, &s);
    assert_int_equal(out->stop, MARVIS_STOP_EOS);
    assert_int_equal(out->n_frames, 2);
    close_fixture(&f);
}

static void trap_08_codes_past_the_codebook_are_never_sampled(void **state) {
    (void)state;
    automaton a = plain();
    a.first = CODES; /* the heads want codes that Mimi does not have */
    for (int k = 0; k < VOCAB; k++) {
        a.next[k] = CODES + 1;
        for (int i = 0; i < CODEBOOKS - 1; i++)
            a.below[i][k] = CODES + 2;
    }
    a.second_best = 17;
    fixture f = open_automaton(&a, 1);
    marvis_session_settings s = greedy(f.model);
    s.max_frames = 20;
    for (int greedy_run = 0; greedy_run < 2; greedy_run++) {
        s.codebook0.temperature = s.depth.temperature = greedy_run ? 0.0f : 5.0f;
        speech *out = speak(f.model, &s);
        assert_true(out->n_frames > 0);
        for (int t = 0; t < out->n_frames; t++)
            for (int c = 0; c < CODEBOOKS; c++) {
                assert_in_range(out->codes[t][c], 0, CODES - 1);
                if (greedy_run) assert_int_equal(out->codes[t][c], 17);
            }
    }
    close_fixture(&f);
}

static void follows_the_automaton(void **state) {
    (void)state;
    automaton a = plain();
    fixture f = open_automaton(&a, 2);
    marvis_session_settings s = greedy(f.model);
    speech *out = speak(f.model, &s);
    assert_int_equal(out->n_frames, 40);
    assert_int_equal(out->stop, MARVIS_STOP_CAP);
    assert_int_equal(out->n_samples, marvis_model_frame_samples(f.model));
    int c0 = a.first;
    for (int t = 0; t < 40; t++) {
        int code = c0;
        for (int c = 0; c < CODEBOOKS; c++) {
            assert_int_equal(out->codes[t][c], code);
            if (c + 1 < CODEBOOKS) code = a.below[c][code];
        }
        c0 = a.next[c0];
    }
    close_fixture(&f);
}

static void trap_09_session_audio_equals_decoding_at_once(void **state) {
    (void)state;
    automaton a = plain();
    fixture f = open_automaton(&a, 2);
    marvis_session_settings s = greedy(f.model);
    speech *out = speak(f.model, &s);
    marvis_decoder *decoder;
    marvis_error err;
    assert_ok(marvis_decoder_create(f.model, CODEBOOKS, &decoder, &err), err);
    size_t samples = (size_t)out->n_samples, n = (size_t)out->n_frames;
    float *pcm = calloc(n * samples, sizeof *pcm);
    assert_ok(marvis_decoder_decode(decoder, &out->codes[0][0], n, pcm, &err), err);
    for (size_t t = 0; t < n; t++)
        assert_memory_equal(out->pcm[t], pcm + t * samples, samples * sizeof *pcm);
    free(pcm);
    marvis_decoder_destroy(&decoder);
    close_fixture(&f);
}

static void chunks_of_any_size_are_the_same_speech(void **state) {
    (void)state;
    automaton a = plain();
    for (int runaway = 0; runaway < 2; runaway++) {
        for (int k = 0; runaway && k < VOCAB; k++)
            a.next[k] = a.first; /* the guard stops both at the same frame */
        fixture f = open_automaton(&a, 2);
        marvis_session_settings s = greedy(f.model);
        s.guard = runaway;
        static speech whole, other;
        whole = *speak(f.model, &s);
        const int sizes[] = {1, 2, 3, 5, 7, 16, 64};
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            s.chunk_frames = sizes[i];
            other = *speak(f.model, &s);
            assert_memory_equal(&whole, &other, sizeof whole);
        }
        assert_int_equal(whole.stop, runaway ? MARVIS_STOP_RUNAWAY : MARVIS_STOP_CAP);
        close_fixture(&f);
    }
}

/* 1, 2, 4, 8, 8, ...: the first audio comes early. */
static void chunks_grow(void **state) {
    (void)state;
    automaton a = plain();
    fixture f = open_automaton(&a, 1);
    marvis_session_settings s = greedy(f.model);
    marvis_session *session;
    marvis_error err;
    marvis_chunk chunk;
    const int expected[] = {1, 2, 4, 8, 8, 8, 8, 1, 0};
    assert_int_equal(s.chunk_frames, 8);
    assert_ok(marvis_session_create(f.model, &s, &session, &err), err);
    assert_ok(marvis_session_push_text(session, "Hi", 2, &err), err);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_ok(marvis_session_step(session, &chunk, &err), err);
        assert_int_equal(chunk.n_frames, expected[i]);
        assert_int_equal(chunk.stop, expected[i] ? MARVIS_STOP_NONE : MARVIS_STOP_CAP);
    }
    marvis_session_destroy(&session);
    close_fixture(&f);
}

static void defaults_are_the_models(void **state) {
    (void)state;
    automaton a = plain();
    fixture f = open_automaton(&a, 1);
    marvis_session_settings s;
    marvis_session_settings_init(&s, f.model);
    assert_true(s.codebook0.temperature == 0.9f && s.codebook0.top_k == 50); /* trap 7 */
    assert_true(s.depth.temperature == 0.9f && s.depth.top_k == 50);
    assert_true(s.codebook0.top_p == 1.0f && s.depth.top_p == 1.0f);
    assert_int_equal(s.n_codebooks, CODEBOOKS); /* all of them: trap 4 */
    assert_int_equal(s.max_frames, 1125);
    assert_int_equal(s.guard, 1);
    close_fixture(&f);
}

static void write_text(const char *folder, const char *name, const char *text) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

/* The model's own generation_config beats 0.9 and 50, stage by stage; max_new_tokens (csm-1b's 125
 * would cut at 10 s) is ignored. */
static void trap_07_generation_config_beats_the_defaults(void **state) {
    (void)state;
    static const struct {
        const char *json;
        marvis_sampling codebook0, depth;
    } cases[] = {
        {"{\"max_new_tokens\": 125}", {0.9f, 50, 1}, {0.9f, 50, 1}},
        {"{\"temperature\": 0.3, \"top_k\": 20, \"do_sample\": true}",
         {0.3f, 20, 1},
         {0.9f, 50, 1}},
        {"{\"depth_decoder_temperature\": 0.5, \"depth_decoder_top_k\": 7, \"top_p\": 0.8}",
         {0.9f, 50, 0.8f},
         {0.5f, 7, 1}},
        {"{\"do_sample\": false, \"depth_decoder_do_sample\": false}", {0, 50, 1}, {0, 50, 1}},
        {"{\"do_sample\": true, \"depth_decoder_do_sample\": false}", {0.9f, 50, 1}, {0, 50, 1}},
    };
    automaton a = plain();
    char folder[512];
    snprintf(folder, sizeof folder, "%s/generation", test_temp_dir());
    assert_int_equal(mkdir(folder, 0700), 0);
    automaton_write(&a, folder);
    marvis_engine *engine;
    marvis_error err;
    assert_ok(marvis_engine_create(NULL, &engine, &err), err);
    marvis_model_settings settings;
    marvis_model_settings_init(&settings);
    settings.no_codec = 1;
    size_t n = 0;
    for (; n < sizeof cases / sizeof cases[0]; n++) {
        write_text(folder, "generation_config.json", cases[n].json);
        marvis_model *model;
        assert_ok(marvis_model_open(engine, folder, &settings, &model, &err), err);
        marvis_session_settings s;
        marvis_session_settings_init(&s, model);
        const marvis_sampling *got[] = {&s.codebook0, &s.depth};
        const marvis_sampling *expected[] = {&cases[n].codebook0, &cases[n].depth};
        for (int i = 0; i < 2; i++) {
            assert_true(got[i]->temperature == expected[i]->temperature);
            assert_int_equal(got[i]->top_k, expected[i]->top_k);
            assert_true(got[i]->top_p == expected[i]->top_p);
        }
        assert_int_equal(s.max_frames, 1125);
        marvis_model_destroy(&model);
    }
    assert_int_equal(n, 5);
    /* a configuration that is named does not put the generation_config beside the weights aside */
    char config[600];
    snprintf(config, sizeof config, "%s/config.json", folder);
    settings.config = config;
    marvis_model *model;
    assert_ok(marvis_model_open(engine, folder, &settings, &model, &err), err);
    marvis_session_settings s;
    marvis_session_settings_init(&s, model);
    assert_true(s.depth.temperature == 0);
    marvis_model_destroy(&model);
    marvis_engine_destroy(&engine);
}

static void trap_45_a_seed_gives_the_same_codes(void **state) {
    (void)state;
    automaton a = plain();
    fixture one = open_automaton(&a, 1), many = open_automaton(&a, 3);
    marvis_session_settings s = greedy(one.model);
    s.codebook0 = s.depth = (marvis_sampling){.temperature = 8, .top_k = 20, .top_p = 1};
    static speech first, again;
    s.seed = 77;
    first = *speak(one.model, &s);
    again = *speak(many.model, &s);
    assert_memory_equal(&first, &again, sizeof first);
    s.seed = 78;
    again = *speak(one.model, &s);
    assert_true(memcmp(first.codes, again.codes, sizeof first.codes) != 0);

    /* a session that is reset speaks as a new one: nothing of the last utterance is left */
    marvis_session *session;
    marvis_error err;
    assert_ok(marvis_session_create(one.model, &s, &session, &err), err);
    assert_ok(speak_into(session, "Something else, longer.", &again, &err), err);
    marvis_session_reset(session, 77);
    assert_ok(speak_into(session, "Hello.", &again, &err), err);
    assert_memory_equal(&first, &again, sizeof first);
    marvis_session_destroy(&session);
    close_fixture(&one);
    close_fixture(&many);
}

static void trap_30_prompts_too_long_are_refused(void **state) {
    (void)state;
    automaton a = plain();
    fixture f = open_automaton(&a, 1);
    marvis_session_settings s;
    marvis_session_settings_init(&s, f.model);
    /* BOS, "[0]", the letters (a token each), EOS: 2048 - 1125 = 923 positions are one too many */
    char text[1000];
    memset(text, 'a', sizeof text);
    for (int n = 922; n <= 923; n++) {
        marvis_session *session;
        marvis_error err;
        marvis_chunk chunk;
        assert_ok(marvis_session_create(f.model, &s, &session, &err), err);
        assert_ok(marvis_session_push_text(session, text, (size_t)n - 5, &err), err);
        marvis_status status = marvis_session_step(session, &chunk, &err);
        if (n == 922) {
            assert_int_equal(status, MARVIS_OK);
            marvis_session_timing timing = {.struct_size = sizeof timing};
            marvis_session_timing_get(session, &timing);
            assert_int_equal(timing.n_prompt, 922);
        } else {
            assert_int_equal(status, MARVIS_ERR_TOO_LONG);
            assert_non_null(strstr(err.message, "1 word of text take the room of "));
        }
        marvis_session_destroy(&session);
    }
    close_fixture(&f);
}

static void guard_stops_runaways(void **state) {
    (void)state;
    automaton a = plain();
    for (int k = 0; k < VOCAB; k++)
        a.next[k] = a.first; /* one frame for ever */
    fixture f = open_automaton(&a, 1);
    marvis_session_settings s = greedy(f.model);
    s.max_frames = 150;
    speech *out = speak(f.model, &s);
    assert_int_equal(out->stop, MARVIS_STOP_CAP);
    s.guard = 1;
    out = speak(f.model, &s);
    assert_int_equal(out->stop, MARVIS_STOP_RUNAWAY);
    assert_int_equal(out->runaway, MARVIS_RUNAWAY_REPEATS);
    assert_true(out->n_frames >= 20 && out->n_frames <= 26);
    close_fixture(&f);
}

/* Speech of 4 s and 3 times what the text takes at 15 letters a second, or at the voice's pace. The
 * frames of this codec are short: 24000 / samples of them make a second. */
static void speech_longer_than_its_text_is_a_runaway(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int letters, plain;
    } cases[] = {
        {"hello", 5, 5}, {"Oh", 4, 2}, {" a. ", 9, 3}, {"7", 6, 1}, {"\xc3\xa9\xe4\xbd\xa0", 6, 2}};
    enum { N_CASES = sizeof cases / sizeof *cases };
    automaton a = plain();
    a.max_positions = 8192;
    fixture f = open_automaton(&a, 1);
    marvis_session_settings s = greedy(f.model);
    double rate = 24000.0 / marvis_model_frame_samples(f.model);
    int32_t codes[20 * CODEBOOKS] = {0};
    marvis_recording voice;
    marvis_recording_init(&voice);
    voice.text = "x";
    voice.text_len_bytes = 1;
    voice.codes = codes;
    voice.n_codebooks = CODEBOOKS;
    s.max_frames = 5000;
    s.n_codebooks = 2;
    s.chunk_frames = 1024;
    assert_true(rate * 6 < s.max_frames);
    int n_cases = 0;
    for (; n_cases < N_CASES + 2; n_cases++) { /* all texts, then one in a voice and unguarded */
        /* one letter in 3 frames is faster than any speech: 25 letters a second are believed */
        int kind = n_cases < N_CASES ? 0 : n_cases - N_CASES + 1, i = n_cases % N_CASES;
        double pace = kind == 1 ? 25 : 15, expected = cases[i].letters / pace;
        marvis_session *session;
        marvis_error err;
        marvis_chunk chunk;
        s.guard = kind < 2;
        voice.n_frames = 3;
        assert_ok(marvis_session_create(f.model, &s, &session, &err), err);
        if (kind == 1) assert_ok(marvis_session_set_voice(session, &voice, &err), err);
        assert_ok(marvis_session_push_text(session, cases[i].text, strlen(cases[i].text), &err),
                  err);
        int n = 0;
        do {
            assert_ok(marvis_session_step(session, &chunk, &err), err);
            n += chunk.n_frames;
        } while (chunk.stop == MARVIS_STOP_NONE);
        marvis_session_timing timing = {.struct_size = sizeof timing};
        marvis_session_timing_get(session, &timing);
        assert_int_equal(timing.n_expected, (int)ceil(cases[i].plain / pace * rate));
        assert_int_equal(n, s.guard ? (int)ceil((4 + 3 * expected) * rate) : s.max_frames);
        assert_int_equal(chunk.stop, s.guard ? MARVIS_STOP_RUNAWAY : MARVIS_STOP_CAP);
        assert_int_equal(marvis_session_runaway(session),
                         s.guard ? MARVIS_RUNAWAY_LENGTH : MARVIS_RUNAWAY_NONE);
        marvis_session_destroy(&session);
    }
    assert_int_equal(n_cases, 7);
    close_fixture(&f);
}

/* Code 0 comes last everywhere, until the bias has grown beyond what the best code leads by; with
 * it all codes below are 0, too. */
static void an_eos_bias_ends_what_is_late(void **state) {
    (void)state;
    automaton a = plain();
    a.max_positions = 8192;
    for (int k = 0; k < VOCAB; k++) {
        a.next[k] = k % 3 + 1;
        for (int i = 0; i < CODEBOOKS - 1; i++)
            a.below[i][k] = k == 0 ? 0 : 1;
    }
    fixture f = open_automaton(&a, 1);
    double rate = 24000.0 / marvis_model_frame_samples(f.model);
    marvis_session_settings s = greedy(f.model);
    s.max_frames = 5000;
    s.n_codebooks = 2;
    s.chunk_frames = 64;
    s.guard = 1;
    const float biases[] = {0, 100, 1000};
    int n[3];
    for (int i = 0; i < 3; i++) {
        marvis_session *session;
        marvis_error err;
        marvis_chunk chunk;
        s.eos_bias = biases[i];
        assert_ok(marvis_session_create(f.model, &s, &session, &err), err);
        assert_ok(marvis_session_push_text(session, "hello", 5, &err), err);
        n[i] = 0;
        do {
            assert_ok(marvis_session_step(session, &chunk, &err), err);
            n[i] += chunk.n_frames;
        } while (chunk.stop == MARVIS_STOP_NONE);
        assert_int_equal(chunk.stop, s.eos_bias > 0 ? MARVIS_STOP_EOS : MARVIS_STOP_RUNAWAY);
        marvis_session_destroy(&session);
    }
    int late = (int)ceil((2 + 1.5 * 5 / 15) * rate);
    assert_true(n[2] > late && n[2] < n[1] && n[1] < n[0]);
    assert_true(n[2] - late < (n[1] - late) / 5);
    close_fixture(&f);
}

/* Before it is late the bias is none, not a negative one: an end in time comes when it comes. */
static void an_eos_bias_keeps_no_end_off(void **state) {
    (void)state;
    automaton a = plain();
    a.next[5] = 0;
    for (int i = 0; i < CODEBOOKS - 1; i++)
        a.below[i][0] = 0;
    fixture f = open_automaton(&a, 1);
    marvis_session_settings s = greedy(f.model);
    const char *text = "hello";
    int n[2] = {0};
    for (int i = 0; i < 2; i++) {
        marvis_session *session;
        marvis_error err;
        marvis_chunk chunk;
        s.eos_bias = i ? 1000 : 0;
        assert_ok(marvis_session_create(f.model, &s, &session, &err), err);
        assert_ok(marvis_session_push_text(session, text, strlen(text), &err), err);
        do {
            assert_ok(marvis_session_step(session, &chunk, &err), err);
            n[i] += chunk.n_frames;
        } while (chunk.stop == MARVIS_STOP_NONE);
        assert_int_equal(chunk.stop, MARVIS_STOP_EOS);
        marvis_session_destroy(&session);
    }
    assert_int_equal(n[0], n[1]);
    close_fixture(&f);
}

/* A checkpoint with numbers that are none: the step fails, and goes on failing. */
static void a_failed_utterance_stays_failed(void **state) {
    (void)state;
    automaton a = plain();
    a.broken_text = true;
    fixture f = open_automaton(&a, 1);
    marvis_session_settings s = greedy(f.model);
    marvis_session *session;
    marvis_error err;
    marvis_chunk chunk;
    assert_ok(marvis_session_create(f.model, &s, &session, &err), err);
    for (int utterance = 0; utterance < 2; utterance++) {
        assert_ok(marvis_session_push_text(session, "Hi", 2, &err), err);
        for (int i = 0; i < 3 * s.max_frames; i++) {
            assert_int_equal(marvis_session_step(session, &chunk, &err), MARVIS_ERR_TENSOR);
            assert_int_equal(chunk.n_frames, 0);
            assert_non_null(strstr(err.message, i ? "reset" : "checkpoint is damaged"));
        }
        assert_int_equal(marvis_session_push_text(session, "x", 1, &err), MARVIS_ERR_CALL);
        marvis_session_reset(session, 0);
    }
    marvis_session_destroy(&session);
    close_fixture(&f);
}

static void cancel_stops(void **state) {
    (void)state;
    automaton a = plain();
    fixture f = open_automaton(&a, 1);
    marvis_session_settings s = greedy(f.model);
    marvis_session *session;
    marvis_error err;
    marvis_chunk chunk;
    assert_ok(marvis_session_create(f.model, &s, &session, &err), err);
    assert_ok(marvis_session_push_text(session, "Hi", 2, &err), err);
    assert_ok(marvis_session_step(session, &chunk, &err), err);
    assert_int_equal(chunk.stop, MARVIS_STOP_NONE);
    assert_int_equal(marvis_session_push_text(session, "x", 1, &err), MARVIS_ERR_CALL);
    marvis_session_cancel(session);
    for (int i = 0; i < 2; i++) {
        assert_ok(marvis_session_step(session, &chunk, &err), err);
        assert_int_equal(chunk.stop, MARVIS_STOP_CANCELLED);
        assert_null(chunk.pcm);
    }
    marvis_session_destroy(&session);
    close_fixture(&f);
}

static void empty_texts_are_refused(void **state) {
    (void)state;
    automaton a = plain();
    fixture f = open_automaton(&a, 1);
    marvis_session_settings s = greedy(f.model);
    const char *const texts[] = {"", " ", "\n\t \r\n"};
    for (int i = 0; i < 3; i++) {
        marvis_session *session;
        marvis_error err;
        marvis_chunk chunk;
        assert_ok(marvis_session_create(f.model, &s, &session, &err), err);
        assert_ok(marvis_session_push_text(session, texts[i], strlen(texts[i]), &err), err);
        assert_int_equal(marvis_session_step(session, &chunk, &err), MARVIS_ERR_INPUT);
        assert_non_null(strstr(err.message, "empty"));
        marvis_session_destroy(&session);
    }
    close_fixture(&f);
}

static void settings_out_of_range_are_named(void **state) {
    (void)state;
    automaton a = plain();
    fixture f = open_automaton(&a, 1);
    struct {
        marvis_session_settings s;
        const char *named;
    } cases[18];
    size_t n = 0;
    for (; n < 18; n++)
        cases[n].s = greedy(f.model);
    n = 0;
#define CASE(change, word) cases[n].s.change, cases[n++].named = (word)
    CASE(codebook0.temperature = -1, "temperature");
    CASE(codebook0.temperature = NAN, "temperature");
    CASE(depth.temperature = INFINITY, "depth decoder temperature");
    CASE(codebook0.top_k = -1, "top-k");
    CASE(depth.top_p = 0, "top-p");
    CASE(codebook0.top_p = 1.5f, "top-p");
    CASE(n_codebooks = 0, "codebooks");
    CASE(n_codebooks = CODEBOOKS + 1, "codebooks");
    CASE(max_frames = 0, "cap");
    CASE(max_frames = POSITIONS, "cap");
    CASE(speaker = -1, "speaker");
    CASE(speaker = 1000000, "speaker");
    CASE(chunk_frames = 0, "chunks");
    CASE(chunk_frames = 1025, "chunks");
    CASE(eos_bias = -1, "EOS bias");
    CASE(eos_bias = 1001, "EOS bias");
    CASE(eos_bias = NAN, "EOS bias");
    CASE(struct_size = 4, "settings");
#undef CASE
    assert_int_equal(n, 18);
    for (size_t i = 0; i < n; i++) {
        marvis_session *session;
        marvis_error err;
        assert_int_equal(marvis_session_create(f.model, &cases[i].s, &session, &err),
                         MARVIS_ERR_CALL);
        assert_null(session);
        assert_non_null(strstr(err.message, cases[i].named));
    }
    close_fixture(&f);
}

static void steps_allocate_nothing(void **state) {
    (void)state;
    automaton a = plain();
    fixture f = open_automaton(&a, 2);
    marvis_session_settings s = greedy(f.model);
    s.codebook0 = s.depth = (marvis_sampling){.temperature = 3, .top_k = 20, .top_p = 0.9f};
    marvis_session *session;
    marvis_error err;
    marvis_chunk chunk;
    assert_ok(marvis_session_create(f.model, &s, &session, &err), err);
    assert_ok(marvis_session_push_text(session, "Hi", 2, &err), err);
    assert_ok(marvis_session_step(session, &chunk, &err), err);
    uint64_t before = mv_alloc_count();
    for (int i = 0; i < 6; i++)
        assert_ok(marvis_session_step(session, &chunk, &err), err);
    assert_true(mv_alloc_count() == before);
    marvis_session_destroy(&session);
    close_fixture(&f);
}

/* Opening and speaking with the Nth allocation failing: always a clean ERR_MEMORY, never a leak or
 * a crash (the sanitizer run watches), until N is past the last one. */
static void every_allocation_may_fail(void **state) {
    (void)state;
    automaton a = plain();
    char folder[512];
    snprintf(folder, sizeof folder, "%s/torture", test_temp_dir());
    assert_int_equal(mkdir(folder, 0700), 0);
    automaton_write(&a, folder);
    marvis_model_settings settings;
    marvis_model_settings_init(&settings);
    settings.codec = test_path("golden/mimi/tiny_moshi.safetensors");
    int n_failed = 0;
    for (uint64_t n = 1;; n += 1 + n / 40) {
        marvis_engine *engine = NULL;
        marvis_model *model = NULL;
        marvis_session *session = NULL;
        marvis_error err;
        static speech out;
        mv_alloc_fail_after(n, n % 2);
        marvis_status status = marvis_engine_create(NULL, &engine, &err);
        if (status == MARVIS_OK)
            status = marvis_model_open(engine, folder, &settings, &model, &err);
        if (status == MARVIS_OK) {
            marvis_session_settings s = greedy(model);
            s.max_frames = 2;
            status = marvis_session_create(model, &s, &session, &err);
        }
        if (status == MARVIS_OK) status = speak_into(session, "Hello.", &out, &err);
        mv_alloc_fail_after(0, false);
        marvis_session_destroy(&session);
        marvis_model_destroy(&model);
        marvis_engine_destroy(&engine);
        if (status == MARVIS_OK) break;
        assert_int_equal(status, MARVIS_ERR_MEMORY);
        n_failed++;
    }
    assert_true(n_failed > 50);
}

static void *speak_in_thread(void *arg) {
    void **args = arg;
    marvis_session *session;
    if (marvis_session_create(args[0], args[1], &session, NULL) != MARVIS_OK) return NULL;
    speech *out = args[2];
    if (speak_into(session, "Hello.", out, NULL) != MARVIS_OK) out->n_frames = -1;
    marvis_session_destroy(&session);
    return NULL;
}

static void sessions_may_run_in_several_threads(void **state) {
    (void)state;
    enum { N = 4 };
    automaton a = plain();
    fixture f = open_automaton(&a, 2);
    marvis_session_settings s = greedy(f.model);
    s.codebook0 = s.depth = (marvis_sampling){.temperature = 8, .top_k = 20, .top_p = 1};
    static speech alone, together[N];
    alone = *speak(f.model, &s);
    pthread_t threads[N];
    void *args[N][3];
    for (int i = 0; i < N; i++) {
        args[i][0] = f.model, args[i][1] = &s, args[i][2] = &together[i];
        assert_int_equal(pthread_create(&threads[i], NULL, speak_in_thread, args[i]), 0);
    }
    for (int i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        assert_memory_equal(&alone, &together[i], sizeof alone);
    }
    close_fixture(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trap_05_eos_is_a_frame_of_zeros),
        cmocka_unit_test(trap_08_codes_past_the_codebook_are_never_sampled),
        cmocka_unit_test(follows_the_automaton),
        cmocka_unit_test(trap_09_session_audio_equals_decoding_at_once),
        cmocka_unit_test(chunks_of_any_size_are_the_same_speech),
        cmocka_unit_test(chunks_grow),
        cmocka_unit_test(defaults_are_the_models),
        cmocka_unit_test(trap_07_generation_config_beats_the_defaults),
        cmocka_unit_test(trap_45_a_seed_gives_the_same_codes),
        cmocka_unit_test(trap_30_prompts_too_long_are_refused),
        cmocka_unit_test(guard_stops_runaways),
        cmocka_unit_test(speech_longer_than_its_text_is_a_runaway),
        cmocka_unit_test(an_eos_bias_ends_what_is_late),
        cmocka_unit_test(an_eos_bias_keeps_no_end_off),
        cmocka_unit_test(a_failed_utterance_stays_failed),
        cmocka_unit_test(cancel_stops),
        cmocka_unit_test(empty_texts_are_refused),
        cmocka_unit_test(settings_out_of_range_are_named),
        cmocka_unit_test(steps_allocate_nothing),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(sessions_may_run_in_several_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
