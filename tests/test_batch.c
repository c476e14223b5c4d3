/* test_batch.c - sessions that step together (marvis_batch) against the same sessions alone, bit
 * for bit, whoever else is there and whenever they come and go. The model is random and tiny. */
#include "support.h"

#include "base/memory.h"
#include "engine/session.h"

enum { CODEBOOKS = 4, MOST_FRAMES = 24, SAMPLES = 1920, CODES = 64 };

static marvis_engine *engine;
static marvis_model *model;

static int set_up(void **state) {
    (void)state;
    marvis_error err;
    marvis_engine_settings settings;
    marvis_engine_settings_init(&settings);
    settings.n_threads = 2;
    assert_ok(marvis_engine_create(&settings, &engine, &err), err);
    assert_ok(marvis_model_create_random(engine, "tiny", 5, NULL, &model, &err), err);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    marvis_model_destroy(&model);
    marvis_engine_destroy(&engine);
    return 0;
}

/* ---- what a session is told, and what it says ----------------------------------------------- */

typedef struct role {
    marvis_session_settings settings;
    char text[32];
    int32_t voice[6 * CODEBOOKS]; /* of n_voice frames */
    size_t n_voice;
} role;

typedef struct said {
    int32_t codes[MOST_FRAMES * CODEBOOKS];
    float pcm[MOST_FRAMES * SAMPLES];
    int n_frames;
    marvis_stop stop; /* NONE: not over yet */
} said;

static role random_role(uint64_t *seed) {
    role r = {.n_voice = test_random(seed) % 3 ? 0 : 1 + test_random(seed) % 6};
    marvis_session_settings_init(&r.settings, model);
    r.settings.n_codebooks = 1 + (int)(test_random(seed) % CODEBOOKS);
    r.settings.max_frames = 1 + (int)(test_random(seed) % MOST_FRAMES);
    r.settings.chunk_frames = 1 + (int)(test_random(seed) % 8);
    r.settings.seed = test_random(seed);
    r.settings.guard = (int)(test_random(seed) % 2);
    if (test_random(seed) % 3 == 0) r.settings.depth.temperature = 0;
    if (test_random(seed) % 3 == 0) r.settings.codebook0.top_k = 3;
    if (test_random(seed) % 3 == 0) r.settings.eos_bias = 5;
    size_t n = 1 + test_random(seed) % (sizeof r.text - 1);
    for (size_t i = 0; i < n; i++)
        r.text[i] = (char)('a' + test_random(seed) % 26);
    for (size_t i = 0; i < r.n_voice * CODEBOOKS; i++)
        r.voice[i] = (int32_t)(test_random(seed) % CODES);
    return r;
}

static marvis_session *play(const role *r) {
    marvis_session *session;
    marvis_error err;
    assert_ok(marvis_session_create(model, &r->settings, &session, &err), err);
    if (r->n_voice) {
        marvis_recording voice;
        marvis_recording_init(&voice);
        voice.text = "hi";
        voice.text_len_bytes = 2;
        voice.codes = r->voice;
        voice.n_frames = r->n_voice;
        voice.n_codebooks = CODEBOOKS;
        assert_ok(marvis_session_set_voice(session, &voice, &err), err);
    }
    assert_ok(marvis_session_push_text(session, r->text, strlen(r->text), &err), err);
    return session;
}

static void step(marvis_session *session, said *out) {
    marvis_chunk chunk;
    marvis_error err;
    assert_ok(marvis_session_step(session, &chunk, &err), err);
    size_t n = (size_t)chunk.n_frames, k = (size_t)chunk.n_codebooks, at = (size_t)out->n_frames;
    assert_true(at + n <= MOST_FRAMES);
    if (n) memcpy(out->codes + at * k, chunk.codes, n * k * sizeof *chunk.codes);
    if (n) memcpy(out->pcm + at * SAMPLES, chunk.pcm, n * SAMPLES * sizeof *chunk.pcm);
    out->n_frames += chunk.n_frames;
    out->stop = chunk.stop;
}

static said *speak_alone(const role *r) {
    said *out = calloc(1, sizeof *out);
    marvis_session *session = play(r);
    while (out->stop == MARVIS_STOP_NONE)
        step(session, out);
    marvis_session_destroy(&session);
    return out;
}

/* ---- tests ---------------------------------------------------------------------------------- */

/* Roles come when a place is free, take part in about two steps of three, and are asked for their
 * chunks when they are ready, or sometimes before, when they make the rest alone. */
static void any_company_gives_the_same_speech(void **state) {
    (void)state;
    enum { PLACES = 5, ROLES = 24 };
    uint64_t seed = 11;
    marvis_batch *batch;
    marvis_error err;
    marvis_session *sessions[PLACES] = {0};
    role roles[PLACES];
    static said heard[PLACES];
    int n_come = 0, n_gone = 0, n_steps = 0, n_together = 0, n_frames = 0;
    assert_ok(marvis_batch_create(model, PLACES, &batch, &err), err);
    while (n_gone < ROLES) {
        marvis_session *some[PLACES];
        size_t n = 0, n_advanced;
        for (size_t i = 0; i < PLACES; i++) {
            if (!sessions[i] && n_come < ROLES && test_random(&seed) % 2) {
                roles[i] = random_role(&seed);
                sessions[i] = play(&roles[i]);
                memset(&heard[i], 0, sizeof heard[i]);
                n_come++;
            }
            if (sessions[i] && test_random(&seed) % 3) some[n++] = sessions[i];
        }
        assert_ok(marvis_batch_step(batch, some, n, &n_advanced, &err), err);
        assert_true(n_advanced <= n);
        n_steps++;
        n_together += n_advanced > 1;
        for (size_t i = 0; i < PLACES; i++) {
            if (!sessions[i]) continue;
            if (!marvis_session_is_ready(sessions[i]) && test_random(&seed) % 20) continue;
            step(sessions[i], &heard[i]);
            if (heard[i].stop == MARVIS_STOP_NONE) continue;
            said *alone = speak_alone(&roles[i]);
            assert_int_equal(heard[i].stop, alone->stop);
            assert_int_equal(heard[i].n_frames, alone->n_frames);
            assert_memory_equal(heard[i].codes, alone->codes, sizeof alone->codes);
            assert_memory_equal(heard[i].pcm, alone->pcm, sizeof alone->pcm);
            n_frames += alone->n_frames;
            free(alone);
            marvis_session_destroy(&sessions[i]);
            n_gone++;
        }
    }
    marvis_batch_destroy(&batch);
    assert_true(n_together > 40);
    assert_true(n_frames > 150);
}

/* What a speech says, with its session's frames made ahead by a batch or not. */
static size_t speak_long(bool ahead, float *pcm, size_t room) {
    static const char text[] = "One two three four five six seven eight nine ten. Eleven twelve "
                               "thirteen fourteen.\n\nAnother paragraph stands here, by itself.";
    role r = {0};
    marvis_error err;
    marvis_speech *speech;
    marvis_batch *batch;
    marvis_speech_settings settings;
    marvis_chunk chunk = {0};
    size_t n = 0, n_ahead = 0, n_advanced, n_polls = 0;
    marvis_session_settings_init(&r.settings, model);
    r.settings.max_frames = MOST_FRAMES;
    r.settings.seed = 3;
    marvis_session *session = play(&r);
    marvis_speech_settings_init(&settings, session);
    settings.piece_chars = 40;
    settings.hold = 1; /* a step speaks a whole piece, a poll never more than what is there */
    assert_ok(marvis_batch_create(model, 1, &batch, &err), err);
    assert_ok(marvis_speech_create(session, &settings, &speech, &err), err);
    assert_ok(marvis_speech_push_text(speech, text, sizeof text - 1, &err), err);
    marvis_speech_end(speech);
    while (chunk.stop == MARVIS_STOP_NONE) {
        if (ahead) {
            assert_ok(marvis_batch_step(batch, &session, 1, &n_advanced, &err), err);
            n_ahead += n_advanced;
            n_polls++;
            if (!marvis_speech_is_ready(speech)) continue;
            assert_ok(marvis_speech_poll(speech, &chunk, &err), err);
        } else {
            assert_ok(marvis_speech_step(speech, &chunk, &err), err);
        }
        assert_true(n + (size_t)chunk.n_samples <= room);
        if (chunk.n_samples > 0) memcpy(pcm + n, chunk.pcm, (size_t)chunk.n_samples * sizeof *pcm);
        n += (size_t)chunk.n_samples;
    }
    marvis_speech_info info = {.struct_size = sizeof info};
    marvis_speech_info_get(speech, &info);
    /* every frame was made ahead, but none that was not spoken */
    if (ahead) assert_true(n_ahead >= (size_t)info.n_frames && n_polls > n_ahead);
    if (ahead) assert_true(info.n_frames > 20);
    marvis_speech_destroy(&speech);
    marvis_session_destroy(&session);
    marvis_batch_destroy(&batch);
    return n;
}

static void a_speech_goes_on_from_frames_made_ahead(void **state) {
    (void)state;
    enum { ROOM = 24000 * 60 };
    static float alone[ROOM], ahead[ROOM];
    size_t n = speak_long(false, alone, ROOM);
    assert_true(n > 24000);
    assert_int_equal(speak_long(true, ahead, ROOM), n);
    assert_memory_equal(alone, ahead, n * sizeof *alone);
}

static void a_session_that_fails_does_not_disturb(void **state) {
    (void)state;
    uint64_t seed = 4;
    marvis_batch *batch;
    marvis_error err;
    role good = random_role(&seed), bad = good;
    good.settings.max_frames = 9;
    bad.settings.max_frames = 2040;
    marvis_session *both[] = {play(&bad), play(&good)};
    static said heard;
    size_t n;
    memset(&heard, 0, sizeof heard);
    assert_ok(marvis_batch_create(model, 2, &batch, &err), err);
    assert_int_equal(marvis_batch_step(batch, both, 2, &n, &err), MARVIS_ERR_TOO_LONG);
    assert_int_equal(n, 1);
    assert_true(marvis_session_is_ready(both[0]));
    assert_int_equal(marvis_session_step(both[0], &(marvis_chunk){0}, &err), MARVIS_ERR_TOO_LONG);
    while (heard.stop == MARVIS_STOP_NONE) {
        assert_ok(marvis_batch_step(batch, both, 2, NULL, &err), err);
        if (marvis_session_is_ready(both[1])) step(both[1], &heard);
    }
    said *alone = speak_alone(&good);
    assert_int_equal(heard.n_frames, alone->n_frames);
    assert_memory_equal(heard.pcm, alone->pcm, sizeof alone->pcm);
    free(alone);
    marvis_session_destroy(&both[0]);
    marvis_session_destroy(&both[1]);
    marvis_batch_destroy(&batch);
}

static void wrong_calls_do_nothing(void **state) {
    (void)state;
    uint64_t seed = 9;
    marvis_batch *batch;
    marvis_model *other;
    marvis_error err;
    role r = random_role(&seed);
    marvis_session *s[] = {play(&r), play(&r), play(&r)};
    size_t n;
    assert_int_equal(marvis_batch_create(model, 0, &batch, &err), MARVIS_ERR_CALL);
    assert_null(batch);
    assert_int_equal(marvis_batch_create(model, 1025, &batch, &err), MARVIS_ERR_CALL);
    assert_ok(marvis_batch_create(model, 2, &batch, &err), err);
    assert_int_equal(marvis_batch_step(batch, s, 3, &n, &err), MARVIS_ERR_CALL);
    assert_non_null(strstr(err.message, "created for 2"));
    marvis_session *const twice[] = {s[0], s[0]};
    assert_int_equal(marvis_batch_step(batch, twice, 2, &n, &err), MARVIS_ERR_CALL);
    assert_non_null(strstr(err.message, "one and the same"));
    assert_int_equal(n, 0);
    assert_false(s[0]->started);
    assert_ok(marvis_model_create_random(engine, "tiny", 6, NULL, &other, &err), err);
    marvis_batch *foreign;
    assert_ok(marvis_batch_create(other, 2, &foreign, &err), err);
    assert_int_equal(marvis_batch_step(foreign, s, 1, &n, &err), MARVIS_ERR_CALL);
    assert_non_null(strstr(err.message, "another model"));
    assert_ok(marvis_batch_step(batch, NULL, 0, &n, &err), err);
    marvis_batch_destroy(&foreign);
    marvis_model_destroy(&other);
    for (int i = 0; i < 3; i++)
        marvis_session_destroy(&s[i]);
    marvis_batch_destroy(&batch);
    marvis_batch_destroy(&batch);
}

/* A cancelled session is told so by its own step, with the frames that were there handed out. */
static void a_cancel_ends_one_of_them(void **state) {
    (void)state;
    marvis_batch *batch;
    marvis_error err;
    role r = {.text = "words"};
    marvis_session_settings_init(&r.settings, model);
    r.settings.max_frames = MOST_FRAMES;
    r.settings.guard = 0;
    marvis_session *s[] = {play(&r), play(&r)};
    static said heard;
    size_t n;
    memset(&heard, 0, sizeof heard);
    assert_ok(marvis_batch_create(model, 2, &batch, &err), err);
    assert_ok(marvis_batch_step(batch, s, 2, &n, &err), err);
    step(s[0], &heard); /* a chunk of one frame; the next one has two */
    assert_ok(marvis_batch_step(batch, s, 2, &n, &err), err);
    assert_int_equal(n, 1); /* the other one's chunk waits to be taken */
    marvis_session_cancel(s[0]);
    step(s[0], &heard);
    assert_int_equal(heard.n_frames, 2);
    step(s[0], &heard);
    assert_int_equal(heard.stop, MARVIS_STOP_CANCELLED);
    assert_ok(marvis_batch_step(batch, s, 2, &n, &err), err);
    assert_int_equal(n, 0);
    marvis_session_reset(s[0], 1);
    assert_ok(marvis_batch_step(batch, s, 1, &n, &err), err); /* no text: nothing to begin */
    assert_int_equal(n, 0);
    assert_false(marvis_session_is_ready(s[0]));
    marvis_session_destroy(&s[0]);
    marvis_session_destroy(&s[1]);
    marvis_batch_destroy(&batch);
}

static void a_step_after_the_first_allocates_nothing(void **state) {
    (void)state;
    uint64_t seed = 21;
    marvis_batch *batch;
    marvis_error err;
    marvis_session *s[3];
    for (int i = 0; i < 3; i++) {
        role r = random_role(&seed);
        r.settings.max_frames = 12;
        s[i] = play(&r);
    }
    assert_ok(marvis_batch_create(model, 3, &batch, &err), err);
    assert_ok(marvis_batch_step(batch, s, 3, NULL, &err), err);
    uint64_t count = mv_alloc_count();
    int n_steps = 0;
    for (; n_steps < 30; n_steps++) {
        marvis_chunk chunk;
        for (int i = 0; i < 3; i++)
            if (marvis_session_is_ready(s[i]))
                assert_ok(marvis_session_step(s[i], &chunk, &err), err);
        assert_ok(marvis_batch_step(batch, s, 3, NULL, &err), err);
    }
    assert_int_equal(mv_alloc_count(), count);
    for (int i = 0; i < 3; i++)
        marvis_session_destroy(&s[i]);
    marvis_batch_destroy(&batch);
}

/* ---- random models -------------------------------------------------------------------------- */

static void the_seed_alone_makes_a_random_model(void **state) {
    (void)state;
    marvis_engine_settings settings;
    marvis_error err;
    role r = {.text = "words"};
    marvis_session_settings_init(&r.settings, model);
    r.settings.max_frames = 6;
    said *expected = speak_alone(&r);
    marvis_model *kept = model;
    for (uint64_t seed = 5; seed <= 6; seed++) {
        marvis_engine *one;
        marvis_engine_settings_init(&settings);
        settings.n_threads = 1;
        assert_ok(marvis_engine_create(&settings, &one, &err), err);
        assert_ok(marvis_model_create_random(one, "tiny", seed, NULL, &model, &err), err);
        said *found = speak_alone(&r);
        bool same = memcmp(found->pcm, expected->pcm, sizeof found->pcm) == 0;
        assert_int_equal(same, seed == 5);
        free(found);
        marvis_model_destroy(&model);
        marvis_engine_destroy(&one);
        model = kept;
    }
    free(expected);
}

static void random_models_of_other_weights_speak(void **state) {
    (void)state;
    marvis_model_settings settings;
    marvis_error err;
    marvis_model *kept = model;
    marvis_model_settings_init(&settings);
    settings.weights = MARVIS_WEIGHTS_F32;
    assert_ok(marvis_model_create_random(engine, "tiny", 5, &settings, &model, &err), err);
    role r = {.text = "words"};
    marvis_session_settings_init(&r.settings, model);
    r.settings.max_frames = 3;
    said *out = speak_alone(&r);
    assert_int_equal(out->n_frames, 3);
    free(out);
    marvis_frame_cost cost = {.struct_size = sizeof cost}, less = cost;
    marvis_model_frame_cost(model, CODEBOOKS, &cost);
    marvis_model_destroy(&model);
    model = kept;
    marvis_model_frame_cost(model, CODEBOOKS, &less); /* in bf16 */
    assert_true(cost.backbone_bytes == 2 * less.backbone_bytes);
    assert_true(cost.depth_bytes == 2 * less.depth_bytes);
    assert_true(cost.heads_bytes == 2 * less.heads_bytes);
    assert_true(cost.heads_bytes == 3 * 4.0 * 67 * 64);
    marvis_model_frame_cost(model, 1, &less);
    assert_true(less.depth_bytes == 0 && less.heads_bytes == 0 && less.codec_bytes > 0);
}

static void wrong_shapes_are_told(void **state) {
    (void)state;
    marvis_model *none;
    marvis_error err;
    double speed;
    assert_int_equal(marvis_model_create_random(engine, "marvis", 1, NULL, &none, &err),
                     MARVIS_ERR_CALL);
    assert_null(none);
    assert_non_null(strstr(err.message, "marvis-250m, marvis-100m, csm-1b or tiny"));
    assert_int_equal(marvis_engine_read_speed(engine, 100, &speed, &err), MARVIS_ERR_CALL);
    assert_ok(marvis_engine_read_speed(engine, 1 << 16, &speed, &err), err);
    assert_true(speed > 0);
}

static void running_out_of_memory_is_a_status(void **state) {
    (void)state;
    int n_failed = 0;
    for (uint64_t n = 1;; n += 1 + n / 20) {
        marvis_model *m = NULL;
        marvis_batch *b = NULL;
        marvis_error err;
        mv_alloc_fail_after(n, n % 2);
        marvis_status status = marvis_model_create_random(engine, "tiny", 5, NULL, &m, &err);
        if (status == MARVIS_OK) status = marvis_batch_create(m, 3, &b, &err);
        mv_alloc_fail_after(0, false);
        marvis_batch_destroy(&b);
        marvis_model_destroy(&m);
        if (status == MARVIS_OK) break;
        assert_int_equal(status, MARVIS_ERR_MEMORY);
        n_failed++;
    }
    assert_true(n_failed > 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_company_gives_the_same_speech),
        cmocka_unit_test(a_speech_goes_on_from_frames_made_ahead),
        cmocka_unit_test(a_session_that_fails_does_not_disturb),
        cmocka_unit_test(wrong_calls_do_nothing),
        cmocka_unit_test(a_cancel_ends_one_of_them),
        cmocka_unit_test(a_step_after_the_first_allocates_nothing),
        cmocka_unit_test(the_seed_alone_makes_a_random_model),
        cmocka_unit_test(random_models_of_other_weights_speak),
        cmocka_unit_test(wrong_shapes_are_told),
        cmocka_unit_test(running_out_of_memory_is_a_status),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
