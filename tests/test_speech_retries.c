/* test_speech_retries.c - pieces that went wrong, or of which nothing was said, and are spoken
 * again: against attempts that are made by hand. */
#include "speech_fixture.h"

#include "engine/session.h"

/* What an attempt says, by hand; its first n_barred frames are not the end. */
static size_t attempt(fixture *f, const char *text, uint64_t seed, int n_barred, int32_t *codes,
                      marvis_stop *stop) {
    marvis_error err;
    marvis_chunk chunk;
    size_t n = 0;
    marvis_session_reset(f->session, seed);
    assert_ok(marvis_session_push_text(f->session, text, strlen(text), &err), err);
    f->session->n_barred = n_barred;
    for (;;) {
        assert_ok(marvis_session_step(f->session, &chunk, &err), err);
        *stop = chunk.stop;
        if (chunk.stop != MARVIS_STOP_NONE) return n;
        for (int i = 0; i < chunk.n_frames && n + (size_t)i < (size_t)n_barred; i++)
            assert_int_not_equal(chunk.codes[i], 0);
        memcpy(codes + n, chunk.codes, (size_t)chunk.n_frames * sizeof *codes);
        n += (size_t)chunk.n_frames;
    }
}

typedef struct tried {
    int32_t codes[400];
    size_t n;
    marvis_stop stop;
    int again; /* times */
    bool early, barred;
} tried;

/* As docs/LONGTEXT.md has it: 48 letters take 40 frames, less than 10 are too early and more than
 * 170 a runaway. What was heard is not taken back. */
static void try_by_hand(fixture *f, const marvis_speech_settings *s, const char *text, tried *t) {
    *t = (tried){0};
    for (;; t->again++) {
        t->n = attempt(f, text, seed_of(s->seed, 0, (uint64_t)t->again), t->barred ? 10 : 0,
                       t->codes, &t->stop);
        t->early = t->stop == MARVIS_STOP_EOS && t->n < 10;
        if (!t->early && t->stop != MARVIS_STOP_RUNAWAY && t->stop != MARVIS_STOP_CAP) return;
        if (!s->hold && t->n > 0) return;
        if (t->n == 0)
            t->barred = true;
        else if (t->again >= s->retries)
            return;
    }
}

static void what_went_wrong_is_spoken_again(void **state) {
    (void)state;
    static tried t;
    const char *text = "these are forty eight letters in one long phrase";
    fixture f = open_fixture(2048);
    int n_again = 0, n_not = 0, n_streamed = 0, n_empty = 0, n_more = 0;
    for (uint64_t seed = 0; seed < 120; seed++) {
        marvis_speech_settings s = defaults(&f);
        s.seed = seed;
        s.hold = seed % 2;
        if (seed % 4 == 1) s.retries = 3;
        f.session->settings.max_frames = seed % 8 == 1 ? 12 : 200; /* which many reach */
        heard *h = speak(&f, &s, text, 0);
        try_by_hand(&f, &s, text, &t);
        assert_int_equal(h->info.n_retries, t.again);
        assert_int_equal(h->info.n_early, t.early);
        assert_int_equal(h->n_frames, t.n);
        assert_memory_equal(h->codes, t.codes, t.n * sizeof *t.codes);
        assert_int_equal(h->stop, t.stop);
        assert_true(t.n >= (t.barred ? 10 : 1));
        n_again += t.again > 0 && s.hold;
        n_not += !t.again;
        n_streamed += t.again > 0 && !s.hold;
        n_empty += t.barred;
        n_more += t.barred && t.again > 1;
        free(h);
    }
    assert_true(n_again > 10 && n_not > 10 && n_streamed > 0 && n_empty > 5 && n_more > 0);
    close_fixture(&f);
}

/* What ends at once whatever the seed, and is greedy, too. */
static void what_ends_at_once_is_spoken_all_the_same(void **state) {
    (void)state;
    const char *text = "these are forty eight letters in one long phrase. These are forty eight "
                       "letters in one long phrase. So it ends.";
    fixture f = open_fixture_of(2048, 0);
    marvis_error err;
    int n_cases = 0;
    for (int temperature = 0; temperature < 2; temperature++) {
        f.settings.codebook0.temperature = (float)temperature;
        f.settings.depth.temperature = 0;
        marvis_session_destroy(&f.session);
        assert_ok(marvis_session_create(f.model, &f.settings, &f.session, &err), err);
        for (int hold = 0; hold < 2; hold++, n_cases++) {
            marvis_speech_settings s = defaults(&f);
            s.hold = hold;
            s.piece_chars = 60;
            heard *h = speak(&f, &s, text, 0);
            assert_int_equal(h->n_pieces, 3);
            assert_int_equal(h->info.n_retries, 3);
            assert_int_equal(h->info.n_early, 0);
            assert_true(h->ends[0] >= 10 && h->ends[1] >= h->ends[0] + 10);
            assert_true(h->ends[2] >= h->ends[1] + 2);
            free(h);
            s.retries = 0;
            h = speak(&f, &s, text, 0);
            assert_int_equal(h->n_frames, 0);
            assert_int_equal(h->info.n_pieces, 3);
            assert_int_equal(h->info.n_early, 3);
            free(h);
        }
    }
    assert_int_equal(n_cases, 4);
    close_fixture(&f);
}

/* A text of one letter, or of none that is counted, still says something. */
static void short_texts_are_not_empty_either(void **state) {
    (void)state;
    static const char *const texts[] = {"a", "5", "Oh!"};
    fixture f = open_fixture(2048);
    marvis_error err;
    int n_again = 0, n_cases = 0;
    f.settings.max_frames = 3;
    marvis_session_destroy(&f.session);
    assert_ok(marvis_session_create(f.model, &f.settings, &f.session, &err), err);
    for (uint64_t seed = 0; seed < 120; seed++, n_cases++) {
        marvis_speech_settings s = defaults(&f);
        s.seed = seed;
        s.normalize = 0;
        heard *h = speak(&f, &s, texts[seed % 3], 0);
        assert_true(h->n_frames > 0);
        n_again += h->info.n_retries > 0;
        free(h);
    }
    assert_int_equal(n_cases, 120);
    assert_true(n_again > 3);
    close_fixture(&f);
}

static void retries_can_be_switched_off_and_are_no_use_when_greedy(void **state) {
    (void)state;
    fixture f = open_fixture(2048);
    marvis_error err;
    for (int greedy = 0; greedy < 2; greedy++) {
        f.settings.max_frames = 3;
        f.settings.codebook0.temperature = greedy ? 0 : 1000;
        f.settings.depth.temperature = 0;
        marvis_session_destroy(&f.session);
        assert_ok(marvis_session_create(f.model, &f.settings, &f.session, &err), err);
        marvis_speech_settings s = defaults(&f);
        s.hold = 1;
        s.retries = 4;
        heard *h =
            speak(&f, &s,
                  "A text that takes longer than 3 frames. It has another sentence to it, too.", 0);
        assert_int_equal(h->info.n_pieces, 2);
        assert_true(greedy ? h->info.n_retries == 0 : h->info.n_retries >= 4);
        if (greedy) assert_int_equal(h->info.n_cap, 2);
        free(h);
        s.retries = 0;
        h = speak(&f, &s,
                  "A text that takes longer than 3 frames. It has another sentence to it, too.", 0);
        assert_int_equal(h->info.n_retries, 0);
        free(h);
    }
    close_fixture(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_went_wrong_is_spoken_again),
        cmocka_unit_test(what_ends_at_once_is_spoken_all_the_same),
        cmocka_unit_test(short_texts_are_not_empty_either),
        cmocka_unit_test(retries_can_be_switched_off_and_are_no_use_when_greedy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
