/* test_conversation.c - sessions that go on through voices and turns, against prompts put together
 * here (docs/MODEL.md) and run from nothing, bit for bit: what is kept in the cache may not show.
 */
#include "voice_fixture.h"

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
                mv_csm_head0(csm, &scratch, exec, hidden, 1, logits);
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

/* In voice match the new text stands before the recording, whose keys and values depend on it: BOS,
 * "[0]Recorded. " and what the new texts begin with is all that may be reused. */
static void trap_52_a_voice_is_run_again_for_every_text(void **state) {
    (void)state;
    marvis_error err;
    int32_t codes[9 * C];
    uint64_t seed = 4;
    random_codes(&seed, codes, 9 * C);
    marvis_recording r = recording("Recorded.", codes, 9, C);
    marvis_session_settings s = greedy(C, 7);
    marvis_session *session = new_session(&s), *fresh = new_session(&s);
    static speech first, again;
    assert_ok(marvis_session_set_voice(session, &r, &err), err);
    assert_ok(marvis_session_set_voice(fresh, &r, &err), err);
    first = *speak(session, "One text.");
    marvis_session_reset(session, 0);
    assert_ok(speak_into(session, "On and on.", &again, &err), err);
    assert_int_equal(again.timing.n_reused, 1 + 3 + 9 + 1 + 2);
    assert_int_equal(again.timing.n_prompt, 1 + 3 + 9 + 1 + 10 + 1 + 9);
    first = *speak(fresh, "On and on.");
    assert_memory_equal(first.codes, again.codes, sizeof first.codes);
    assert_memory_equal(first.pcm, again.pcm, sizeof first.pcm);
    marvis_session_destroy(&session);
    marvis_session_destroy(&fresh);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trap_52_random_conversations_equal_fresh_prompts),
        cmocka_unit_test(a_turn_costs_only_what_is_new),
        cmocka_unit_test(trap_52_a_voice_is_run_again_for_every_text),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
