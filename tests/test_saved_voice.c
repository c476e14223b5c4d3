/* test_saved_voice.c - saved voices: their prompts in both layouts, snapshots against computing the
 * prompt, bit for bit, and other models. */
#include "saved_voice_fixture.h"

#include "model/identity.h"
#include "model/mimi_weights.h"

#include <pthread.h>

/* What is spoken, without the positions that were reused. */
static void assert_same_speech(const speech *a, const speech *b) {
    speech x = *a, y = *b;
    assert_true(x.n_frames > 0);
    x.timing.n_reused = y.timing.n_reused = 0;
    assert_memory_equal(&x, &y, sizeof x);
}

/* ---- layouts -------------------------------------------------------------------------------- */

static void push(marvis_session *session, const char *text) {
    marvis_error err;
    assert_ok(marvis_session_push_text(session, text, strlen(text), &err), err);
}

static void assert_same_prompt(const marvis_session *a, const marvis_session *b) {
    mv_prompt x = {0}, y = {0};
    marvis_error err;
    assert_ok(mv_session_prompt(a, &x, &err), err);
    assert_ok(mv_session_prompt(b, &y, &err), err);
    assert_int_equal(x.n, y.n);
    assert_memory_equal(x.frames, y.frames, x.n * COLUMNS * sizeof *x.frames);
    assert_memory_equal(x.mask, y.mask, x.n * COLUMNS);
    mv_prompt_deinit(&x);
    mv_prompt_deinit(&y);
}

/* Match is what a recording that is set gives, context what it gives as the first turn. */
static void both_layouts_are_those_of_a_recording(void **state) {
    (void)state;
    int n_run = 0;
    for (int layout = MARVIS_VOICE_MATCH; layout <= MARVIS_VOICE_CONTEXT; layout++)
        for (int n_codebooks = 2; n_codebooks <= C; n_codebooks += 2)
            for (int n_turns = 0; n_turns < 3; n_turns++, n_run++) {
                marvis_error err;
                marvis_session_settings s = sampled(n_codebooks, 5);
                marvis_session *a = new_session(&s), *b = new_session(&s);
                marvis_voice *voice = new_voice(n_run, n_run % 2); /* its number does not count */
                marvis_recording r = said(), turn = recording("So?", codes + C, 3, C);
                use(a, voice, (marvis_voice_layout)layout);
                if (layout == MARVIS_VOICE_CONTEXT)
                    assert_ok(marvis_session_add_context(b, 5, &r, &err), err);
                else
                    assert_ok(marvis_session_set_voice(b, &r, &err), err);
                for (int i = 0; i < n_turns; i++) {
                    assert_ok(marvis_session_add_context(a, i, &turn, &err), err);
                    assert_ok(marvis_session_add_context(b, i, &turn, &err), err);
                }
                push(a, "New words.");
                push(b, "New words.");
                assert_same_prompt(a, b);
                static speech x, y;
                assert_ok(speak_into(a, "", &x, &err), err);
                assert_ok(speak_into(b, "", &y, &err), err);
                assert_same_speech(&x, &y);
                marvis_voice_destroy(&voice);
                marvis_session_destroy(&a);
                marvis_session_destroy(&b);
            }
    assert_int_equal(n_run, 12);
}

static void the_default_layout_is_the_familys(void **state) {
    (void)state;
    int text_vocab = model->csm.config.text_vocab;
    marvis_session_settings s = sampled(C, 0);
    marvis_session *session = new_session(&s);
    marvis_voice *voice = new_voice(0, 0);
    assert_int_equal(marvis_model_voice_layout(model), MARVIS_VOICE_MATCH);
    use(session, voice, MARVIS_VOICE_DEFAULT);
    assert_int_equal(session->voice.layout, MARVIS_VOICE_MATCH);
    model->csm.config.text_vocab = 49152;
    assert_int_equal(marvis_model_voice_layout(model), MARVIS_VOICE_MATCH);
    model->csm.config.text_vocab = 128256;
    assert_int_equal(marvis_model_voice_layout(model), MARVIS_VOICE_CONTEXT);
    model->csm.config.text_vocab = text_vocab;
    marvis_error err;
    assert_int_equal(marvis_session_use_voice(session, voice, (marvis_voice_layout)3, &err),
                     MARVIS_ERR_CALL);
    marvis_voice_destroy(&voice);
    marvis_session_destroy(&session);
}

/* ---- snapshots ------------------------------------------------------------------------------ */

/* Codes and samples are those of a session that computes its whole prompt, and what was reused is
 * what the layout allows: the whole voice, or its words. */
static void a_snapshot_changes_no_bit(void **state) {
    (void)state;
    static speech expected, out;
    marvis_error err;
    int n_run = 0, n_text = 1 + 3 + (int)strlen(words); /* BOS "[0]" and the words */
    for (int layout = MARVIS_VOICE_MATCH; layout <= MARVIS_VOICE_CONTEXT; layout++)
        for (int from_file = 0; from_file < 2; from_file++)
            for (int n_codebooks = C - 1; n_codebooks <= C; n_codebooks++)
                for (int turns = 0; turns < 2; turns++, n_run++) {
                    marvis_session_settings s = sampled(n_codebooks, 0);
                    marvis_session *plain = new_session(&s), *quick = new_session(&s);
                    marvis_voice *with = new_voice(0, 1), *without = new_voice(0, 0);
                    marvis_recording turn = recording("So?", codes + C, 3, C);
                    if (from_file) with = reload(with);
                    assert_int_equal(info_of(with).n_snapshot, n_text + 1 + FRAMES + 1);
                    use(quick, with, (marvis_voice_layout)layout);
                    use(plain, without, (marvis_voice_layout)layout);
                    if (turns) {
                        assert_ok(marvis_session_add_context(plain, 1, &turn, &err), err);
                        assert_ok(marvis_session_add_context(quick, 1, &turn, &err), err);
                    }
                    assert_ok(speak_into(plain, "New words.", &expected, &err), err);
                    assert_ok(speak_into(quick, "New words.", &out, &err), err);
                    assert_int_equal(expected.timing.n_reused, 0);
                    int reused = n_text;                /* up to where the new text stands */
                    if (layout == MARVIS_VOICE_CONTEXT) /* EOS, and for as many codebooks as */
                        reused += 1 + (n_codebooks == C ? FRAMES + 1 : 0); /* it was made with */
                    else if (turns)
                        reused = 2; /* the turn comes first: BOS "[" are the same, no more */
                    assert_int_equal(out.timing.n_reused, reused);
                    assert_same_speech(&expected, &out);
                    marvis_voice_destroy(&with);
                    marvis_voice_destroy(&without);
                    marvis_session_destroy(&plain);
                    marvis_session_destroy(&quick);
                }
    assert_int_equal(n_run, 16);
}

/* Any sequence of voices, layouts, texts and turns in one session, against a new session for each
 * utterance that has no snapshot. */
static void a_session_with_a_past_says_the_same(void **state) {
    (void)state;
    static speech expected, out;
    marvis_error err;
    uint64_t random = 11;
    marvis_session_settings s = sampled(C, 0);
    marvis_session *session = new_session(&s);
    marvis_voice *voices[2], *plain[2];
    for (int i = 0; i < 2; i++) {
        codes[0] = i;
        voices[i] = new_voice(0, 1);
        plain[i] = new_voice(0, 0);
    }
    marvis_recording turn = recording("So?", codes + C, 3, C);
    int n_turns = 0, n_from_snapshot = 0, n_run = 0;
    for (; n_run < 60; n_run++) {
        int which = (int)(test_random(&random) % 2), what = (int)(test_random(&random) % 6);
        marvis_voice_layout layout = (marvis_voice_layout)(1 + test_random(&random) % 2);
        const char *text = test_random(&random) % 2 ? "New words." : "Newer ones, and more.";
        marvis_session *fresh = new_session(&s);
        if (what == 0) {
            assert_ok(marvis_session_clear_context(session, &err), err);
            n_turns = 0;
        } else if (what == 1 && n_turns < 4) {
            assert_ok(marvis_session_add_context(session, 1, &turn, &err), err);
            n_turns++;
        }
        use(session, voices[which], layout);
        use(fresh, plain[which], layout);
        for (int i = 0; i < n_turns; i++)
            assert_ok(marvis_session_add_context(fresh, 1, &turn, &err), err);
        size_t n_before = session->cached.n;
        assert_ok(speak_into(session, text, &out, &err), err);
        assert_ok(speak_into(fresh, text, &expected, &err), err);
        assert_same_speech(&expected, &out);
        n_from_snapshot += n_before > 0 && layout == MARVIS_VOICE_CONTEXT &&
                           out.timing.n_reused == info_of(voices[which]).n_snapshot;
        marvis_session_reset(session, 0);
        marvis_session_destroy(&fresh);
    }
    assert_true(n_from_snapshot > 5);
    for (int i = 0; i < 2; i++) {
        marvis_voice_destroy(&voices[i]);
        marvis_voice_destroy(&plain[i]);
    }
    marvis_session_destroy(&session);
}

/* Voices as turns of a conversation: the first comes from its snapshot, as long as nothing stands
 * before it and it is the speaker's that it was made for; all that is said is what turns that were
 * given as recordings say. */
static void a_voice_that_is_a_turn_comes_from_its_snapshot(void **state) {
    (void)state;
    static speech expected, out;
    marvis_error err;
    int n_run = 0, n_voice = 1 + 3 + (int)strlen(words) + 1 + FRAMES + 1;
    for (int from_file = 0; from_file < 2; from_file++)
        for (int speaker = 0; speaker < 2; speaker++)
            for (int before = 0; before < 3; before++, n_run++) {
                marvis_session_settings s = sampled(C, 1);
                marvis_session *plain = new_session(&s), *quick = new_session(&s);
                marvis_voice *voice = new_voice(0, 1), *second = new_voice(1, 1);
                marvis_recording r = said(), turn = recording("So?", codes + C, 3, C);
                if (from_file) voice = reload(voice);
                if (before == 1) {
                    assert_ok(marvis_session_add_context(plain, 1, &turn, &err), err);
                    assert_ok(marvis_session_add_context(quick, 1, &turn, &err), err);
                }
                if (before == 2) use(plain, voice, MARVIS_VOICE_CONTEXT);
                if (before == 2) use(quick, voice, MARVIS_VOICE_CONTEXT);
                assert_ok(marvis_session_add_context(plain, speaker, &r, &err), err);
                assert_ok(marvis_session_add_voice(quick, speaker, voice, &err), err);
                assert_ok(marvis_session_add_voice(quick, 1, second, &err), err);
                assert_ok(marvis_session_add_context(plain, 1, &r, &err), err);
                assert_ok(marvis_session_pin_context(quick, &err), err);
                marvis_voice_destroy(&voice);
                marvis_voice_destroy(&second);
                assert_ok(speak_into(plain, "New words.", &expected, &err), err);
                assert_ok(speak_into(quick, "New words.", &out, &err), err);
                if (before == 0) {
                    assert_int_equal(expected.timing.n_reused, 0);
                    assert_int_equal(out.timing.n_reused, speaker ? 2 : n_voice);
                }
                assert_same_speech(&expected, &out);
                marvis_session_reset(quick, 0);
                assert_ok(marvis_session_clear_context(quick, &err), err);
                assert_null(quick->context.saved);
                marvis_session_destroy(&plain);
                marvis_session_destroy(&quick);
            }
    assert_int_equal(n_run, 12);
}

/* Another speaker number is another text: only BOS and "[" are shared. */
static void a_snapshot_is_for_its_speaker(void **state) {
    (void)state;
    static speech expected, out;
    marvis_error err;
    marvis_session_settings s = sampled(C, 1);
    marvis_session *a = new_session(&s), *b = new_session(&s);
    marvis_voice *with = new_voice(0, 1), *without = new_voice(0, 0);
    use(a, with, MARVIS_VOICE_CONTEXT);
    use(b, without, MARVIS_VOICE_CONTEXT);
    assert_ok(speak_into(a, "New words.", &out, &err), err);
    assert_ok(speak_into(b, "New words.", &expected, &err), err);
    assert_int_equal(out.timing.n_reused, 2);
    assert_same_speech(&expected, &out);
    marvis_voice_destroy(&with);
    marvis_voice_destroy(&without);
    marvis_session_destroy(&a);
    marvis_session_destroy(&b);
}

/* The caller may let go of a voice that is in use, and of the file. */
static void a_session_shares_its_voice(void **state) {
    (void)state;
    static speech expected, out;
    marvis_error err;
    marvis_session_settings s = sampled(C, 0);
    marvis_session *a = new_session(&s), *b = new_session(&s);
    marvis_voice *voice = reload(new_voice(0, 1));
    use(a, voice, MARVIS_VOICE_CONTEXT);
    use(b, voice, MARVIS_VOICE_CONTEXT);
    use(b, voice, MARVIS_VOICE_CONTEXT);
    marvis_voice_destroy(&voice);
    assert_null(voice);
    marvis_voice_destroy(&voice);
    marvis_voice_destroy(NULL);
    remove(voice_path());
    assert_ok(speak_into(a, "New words.", &expected, &err), err);
    marvis_session_destroy(&a);
    assert_ok(speak_into(b, "New words.", &out, &err), err);
    assert_int_equal(out.timing.n_reused, 1 + 3 + (int)strlen(words) + 1 + FRAMES + 1);
    assert_same_speech(&expected, &out);
    marvis_session_reset(b, 0);
    assert_ok(marvis_session_use_voice(b, NULL, MARVIS_VOICE_DEFAULT, &err), err);
    assert_ok(speak_into(b, "New words.", &out, &err), err);
    assert_int_equal(out.timing.n_prompt, 2 + 3 + 10);
    marvis_session_destroy(&b);
}

/* Threads speak with one voice at the same time. */
typedef struct speaker {
    const marvis_voice *voice;
    speech out;
} speaker;

static void *speak_thrice(void *ctx) {
    speaker *job = ctx;
    marvis_session_settings s = sampled(C, 0);
    for (int i = 0; i < 3; i++) {
        marvis_error err;
        marvis_session *session = new_session(&s);
        use(session, job->voice, i % 2 ? MARVIS_VOICE_MATCH : MARVIS_VOICE_CONTEXT);
        assert_ok(speak_into(session, "New words.", &job->out, &err), err);
        marvis_session_destroy(&session);
    }
    return NULL;
}

static void threads_share_a_voice(void **state) {
    (void)state;
    static speaker jobs[3];
    pthread_t threads[3];
    marvis_voice *voice = new_voice(0, 1);
    for (int i = 0; i < 3; i++) {
        jobs[i].voice = voice;
        assert_int_equal(pthread_create(&threads[i], NULL, speak_thrice, &jobs[i]), 0);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    marvis_voice_destroy(&voice);
    assert_same_speech(&jobs[0].out, &jobs[1].out);
    assert_same_speech(&jobs[0].out, &jobs[2].out);
}

/* ---- other models --------------------------------------------------------------------------- */

static marvis_model *other_model(const char *cpu, marvis_weights weights, marvis_engine **e) {
    marvis_engine_settings engine_settings;
    marvis_model_settings settings;
    marvis_model *other;
    marvis_error err;
    marvis_engine_settings_init(&engine_settings);
    engine_settings.cpu = cpu;
    engine_settings.n_threads = 1;
    assert_ok(marvis_engine_create(&engine_settings, e, &err), err);
    marvis_model_settings_init(&settings);
    settings.codec = test_path("golden/mimi/tiny_moshi.safetensors");
    settings.weights = weights;
    assert_ok(marvis_model_open(*e, test_path("golden/csm/context"), &settings, &other, &err), err);
    return other;
}

/* Other weight types and another CPU tier compute other bits: the snapshot is left aside. Other
 * threads compute the same. */
static void a_snapshot_is_for_the_same_bits(void **state) {
    (void)state;
    static speech expected, out;
    marvis_error err;
    marvis_voice *voice = new_voice(0, 1);
    marvis_model *mine = model;
    int n_other = 0;
    for (int i = 0; i < 3; i++) {
        marvis_engine *e;
        int fits;
        marvis_model *other = other_model(i == 2 ? "scalar" : NULL,
                                          i ? MARVIS_WEIGHTS_AUTO : MARVIS_WEIGHTS_BF16, &e);
        bool same = i == 1 || (i == 2 && !strcmp(marvis_engine_cpu(engine), "scalar"));
        assert_ok(marvis_voice_check(voice, other, &fits, &err), err);
        assert_int_equal(fits, same);
        n_other += !same;
        model = other;
        marvis_session_settings s = sampled(C, 0);
        marvis_session *a = new_session(&s), *b = new_session(&s);
        marvis_recording r = said();
        use(a, voice, MARVIS_VOICE_CONTEXT);
        assert_ok(marvis_session_add_context(b, 0, &r, &err), err);
        assert_ok(speak_into(a, "New words.", &out, &err), err);
        assert_ok(speak_into(b, "New words.", &expected, &err), err);
        assert_int_equal(out.timing.n_reused > 0, same);
        assert_same_speech(&expected, &out);
        model = mine;
        marvis_session_destroy(&a);
        marvis_session_destroy(&b);
        marvis_model_destroy(&other);
        marvis_engine_destroy(&e);
    }
    assert_true(n_other >= 1);
    marvis_voice_destroy(&voice);
}

static void assert_refused(const marvis_voice *voice, const char *expected) {
    marvis_error err;
    marvis_session_settings s = sampled(2, 0);
    marvis_session *session = new_session(&s);
    assert_int_equal(marvis_session_use_voice(session, voice, MARVIS_VOICE_DEFAULT, &err),
                     MARVIS_ERR_INPUT);
    assert_int_equal(marvis_session_add_voice(session, 0, voice, NULL), MARVIS_ERR_INPUT);
    assert_int_equal(marvis_session_n_turns(session, NULL), 0);
    if (!strstr(err.message, expected) || !strstr(err.message, "create it again"))
        fail_msg("'%s' is not in: %s", expected, err.message);
    assert_true(speak(session, "Hi")->n_frames > 0); /* it goes on without */
    marvis_session_destroy(&session);
}

static void voices_of_other_models_are_refused(void **state) {
    (void)state;
    marvis_engine *e;
    marvis_model *mine = model, *other = other_model(NULL, MARVIS_WEIGHTS_AUTO, &e);
    marvis_voice *voice = new_voice(0, 1);
    model = other;
    float *entry = &other->mimi->tables[C - 1][0], kept = *entry;
    *entry += 1;
    assert_refused(voice, "anna: this voice was made for another model, one with another codec "
                          "(tiny)");
    *entry = kept;
    other->csm.backbone.norm[3] *= 2;
    assert_refused(voice,
                   "anna: this voice was made for another model (tiny): create it again with "
                   "the model that is to speak: marvis voice create 'anna' --force --audio "
                   "'anna.wav' --text");
    other->csm.backbone.norm[3] /= 2;
    other->csm.backbone.layers[1].norm1[0] += 1;
    voice = reload(voice);
    assert_refused(voice, "voice.safetensors: this voice was made for another model (tiny)");
    other->csm.backbone.layers[1].norm1[0] -= 1;
    marvis_error err;
    assert_ok(marvis_voice_check(voice, other, NULL, &err), err);
    marvis_model_destroy(&other);

    /* another checkpoint with the same codec */
    automaton a = {.n_codebooks = C,
                   .audio_vocab = CODES + 3,
                   .text_vocab = 258,
                   .max_positions = 256,
                   .first = 1,
                   .second_best = -1};
    marvis_model_settings settings;
    automaton_write(&a, test_temp_dir());
    marvis_model_settings_init(&settings);
    settings.codec = test_path("golden/mimi/tiny_moshi.safetensors");
    assert_ok(marvis_model_open(e, test_temp_dir(), &settings, &other, &err), err);
    assert_int_equal(marvis_voice_check(voice, other, NULL, &err), MARVIS_ERR_INPUT);
    assert_non_null(strstr(err.message, "another model (tiny): create it again"));
    marvis_voice_destroy(&voice);
    marvis_model_destroy(&other);
    marvis_engine_destroy(&e);
    model = mine;
}

/* A model is the same in every layout and weight type, and another one quantised. */
static void identities_are_those_of_models(void **state) {
    (void)state;
    static const char *const same[] = {"original", "original-prefixed", "mlx",
                                       "mlx-port", "transformers",      "transformers-sharded"};
    static const char *const others[] = {"mlx-2bit", "mlx-4bit", "mlx-8bit"};
    uint64_t first = 0, auto_types = 0, identity;
    marvis_error err;
    int n_run = 0;
    for (int i = 0; i < 9; i++)
        for (int weights = MARVIS_WEIGHTS_AUTO; weights <= MARVIS_WEIGHTS_MIX; weights++, n_run++) {
            char relative[64];
            marvis_model *m;
            marvis_model_settings settings;
            marvis_model_settings_init(&settings);
            settings.no_codec = settings.no_tokenizer = 1;
            settings.weights = (marvis_weights)weights;
            snprintf(relative, sizeof relative, "golden/csm/%s", i < 6 ? same[i] : others[i - 6]);
            assert_ok(marvis_model_open(engine, test_path(relative), &settings, &m, &err), err);
            assert_ok(mv_csm_identity(&m->csm, &identity, &err), err);
            if (n_run == 0) first = identity;
            if (weights == MARVIS_WEIGHTS_AUTO) auto_types = identity;
            assert_int_equal(identity == first, i < 6);
            assert_true(identity == auto_types);
            marvis_model_destroy(&m);
        }
    assert_int_equal(n_run, 63);
}

/* ---- what is refused, and memory ------------------------------------------------------------ */

static void bad_recordings_make_no_voice(void **state) {
    (void)state;
    static int32_t many[POSITIONS * C], high[3 * C];
    marvis_voice_settings s;
    marvis_voice *voice;
    marvis_error err;
    marvis_voice_settings_init(&s);
    high[C + 2] = CODES;
    struct {
        marvis_recording r;
        marvis_status status;
        const char *expected;
    } cases[] = {
        {recording(" \n", many, 3, C), MARVIS_ERR_INPUT, "the voice: its text is missing"},
        {recording("x", NULL, 3, C), MARVIS_ERR_INPUT, "0 frames"},
        {recording("x", many, 3, 0), MARVIS_ERR_INPUT, "0 codebooks"},
        {recording("x", many, 3, 65), MARVIS_ERR_INPUT, "65 codebooks"},
        {recording("x", high, 3, C), MARVIS_ERR_INPUT, "frame 1, codebook 2: code 32"},
        {recording("x", many, POSITIONS, C), MARVIS_ERR_TOO_LONG, "256 frames"},
        {recording("x", many, SIZE_MAX, C), MARVIS_ERR_TOO_LONG, "positions"},
        {recording("many words", many, POSITIONS - 10, C), MARVIS_ERR_TOO_LONG, "the voice takes"},
    };
    size_t n = 0;
    for (; n < sizeof cases / sizeof *cases; n++) {
        assert_int_equal(marvis_voice_create(model, &cases[n].r, &s, &voice, &err),
                         cases[n].status);
        assert_null(voice);
        if (!strstr(err.message, cases[n].expected))
            fail_msg("'%s' is not in: %s", cases[n].expected, err.message);
    }
    assert_int_equal(n, 8);
    marvis_recording r = said();
    s.speaker = -1;
    assert_int_equal(marvis_voice_create(model, &r, &s, &voice, &err), MARVIS_ERR_CALL);
    s = (marvis_voice_settings){0};
    assert_int_equal(marvis_voice_create(model, &r, &s, &voice, &err), MARVIS_ERR_CALL);
    assert_non_null(strstr(err.message, "marvis_voice_settings_init"));
}

static void a_voice_comes_before_the_first_step(void **state) {
    (void)state;
    marvis_error err;
    marvis_session_settings s = sampled(C, 0);
    marvis_session *session = new_session(&s);
    marvis_voice *voice = new_voice(0, 1);
    marvis_chunk chunk;
    push(session, "Hi");
    assert_ok(marvis_session_step(session, &chunk, &err), err);
    assert_int_equal(marvis_session_use_voice(session, voice, MARVIS_VOICE_MATCH, &err),
                     MARVIS_ERR_CALL);
    assert_int_equal(marvis_session_use_voice(session, NULL, MARVIS_VOICE_MATCH, &err),
                     MARVIS_ERR_CALL);
    marvis_session_destroy(&session);
    marvis_voice_destroy(&voice);
}

/* From a recording through the file to speech. */
static marvis_status whole_way(speech *out, marvis_error *err) {
    marvis_voice *voice = NULL, *loaded = NULL;
    marvis_session *session = NULL;
    marvis_recording r = said();
    marvis_session_settings s = sampled(C, 0);
    marvis_status status = marvis_voice_create(model, &r, NULL, &voice, err);
    if (status == MARVIS_OK) status = marvis_voice_save(voice, voice_path(), err);
    if (status == MARVIS_OK) status = marvis_voice_load(voice_path(), &loaded, err);
    if (status == MARVIS_OK) status = marvis_session_create(model, &s, &session, err);
    if (status == MARVIS_OK)
        status = marvis_session_use_voice(session, loaded, MARVIS_VOICE_CONTEXT, err);
    if (status == MARVIS_OK) status = speak_into(session, "New words.", out, err);
    marvis_session_destroy(&session);
    marvis_voice_destroy(&voice);
    marvis_voice_destroy(&loaded);
    return status;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    static speech expected, out;
    marvis_error err;
    int n_failed = 0;
    assert_ok(whole_way(&expected, &err), err);
    for (uint64_t n = 1;; n++) {
        remove(voice_path());
        mv_alloc_fail_after(n, n % 2);
        marvis_status status = whole_way(&out, &err);
        mv_alloc_fail_after(0, false);
        if (status == MARVIS_OK) break;
        assert_int_equal(status, MARVIS_ERR_MEMORY);
        n_failed++;
    }
    assert_same_speech(&expected, &out);
    assert_true(n_failed > 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_layouts_are_those_of_a_recording),
        cmocka_unit_test(the_default_layout_is_the_familys),
        cmocka_unit_test(a_snapshot_changes_no_bit),
        cmocka_unit_test(a_session_with_a_past_says_the_same),
        cmocka_unit_test(a_voice_that_is_a_turn_comes_from_its_snapshot),
        cmocka_unit_test(a_snapshot_is_for_its_speaker),
        cmocka_unit_test(a_session_shares_its_voice),
        cmocka_unit_test(threads_share_a_voice),
        cmocka_unit_test(a_snapshot_is_for_the_same_bits),
        cmocka_unit_test(voices_of_other_models_are_refused),
        cmocka_unit_test(identities_are_those_of_models),
        cmocka_unit_test(bad_recordings_make_no_voice),
        cmocka_unit_test(a_voice_comes_before_the_first_step),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, set_up_voice, tear_down);
}
