/* test_context_window.c - conversations that outgrow the model's positions, and utterances that
 * become turns, cut back or whole: what goes, what stays, what is told, and random scripts of calls
 * against new sessions that are given the same state, bit for bit. */
#include "voice_fixture.h"

enum { MAX_TURNS = 64, MAX_TEXT = 48, MAX_TURN_FRAMES = 100 };

typedef struct turn {
    int speaker;
    char text[MAX_TEXT];
    int32_t codes[MAX_TURN_FRAMES * C];
    size_t n_frames;
    int columns;
    size_t n_rows; /* positions it takes */
} turn;

static size_t count_tokens(int speaker, const char *text) {
    int32_t *ids;
    size_t n;
    marvis_error err;
    assert_ok(marvis_model_tokenize(model, speaker, text, strlen(text), &ids, &n, &err), err);
    marvis_free(ids);
    return n;
}

static void set_turn(turn *t, int speaker, const char *text, const int32_t *codes, size_t n_frames,
                     int columns) {
    assert_true(n_frames <= MAX_TURN_FRAMES && strlen(text) < MAX_TEXT);
    t->speaker = speaker;
    snprintf(t->text, sizeof t->text, "%s", text);
    memcpy(t->codes, codes, n_frames * (size_t)columns * sizeof *codes);
    t->n_frames = n_frames;
    t->columns = columns;
    t->n_rows = count_tokens(speaker, text) + n_frames + 1;
}

static void give_turn(marvis_session *session, const turn *t) {
    marvis_error err;
    marvis_recording r = recording(t->text, t->codes, t->n_frames, t->columns);
    assert_ok(marvis_session_add_context(session, t->speaker, &r, &err), err);
}

/* A turn of a given number of positions, "[s]abc" of 3 letters. */
static void make_turn(turn *t, int speaker, size_t n_rows) {
    static uint64_t seed = 99;
    int32_t codes[MAX_TURN_FRAMES * C];
    size_t n_frames = n_rows - (2 + 3 + 3) - 1;
    random_codes(&seed, codes, n_frames * C);
    set_turn(t, speaker, "abc", codes, n_frames, C);
    assert_int_equal(t->n_rows, n_rows);
}

static void assert_same_speech(const speech *a, const speech *b) {
    assert_int_equal(a->n_frames, b->n_frames);
    assert_int_equal(a->stop, b->stop);
    assert_memory_equal(a->codes, b->codes, sizeof a->codes);
    assert_memory_equal(a->pcm, b->pcm, sizeof a->pcm);
}

static speech said, expected;

/* ---- the window ----------------------------------------------------------------------------- */

enum { CAP = 56, ROOM = POSITIONS - CAP - 1 }; /* 199 positions for the prompt */

/* Ten turns of 20 positions and a text of 11 are 211: old ones go until the rest, of the 188 left
 * by the text, take 94 or less: four turns stay. */
static void the_oldest_turns_go_down_to_half(void **state) {
    (void)state;
    turn turns[10];
    marvis_error err;
    size_t n_dropped = 7;
    marvis_session_settings s = greedy(C, CAP);
    marvis_session *session = new_session(&s), *fresh = new_session(&s);
    for (int i = 0; i < 10; i++) {
        make_turn(&turns[i], i % 3, 20);
        give_turn(session, &turns[i]);
        if (i >= 6) give_turn(fresh, &turns[i]);
    }
    assert_int_equal(marvis_session_n_turns(session, NULL), 10);
    assert_ok(speak_into(session, "Hello.", &said, &err), err);
    assert_ok(speak_into(fresh, "Hello.", &expected, &err), err);
    assert_int_equal(said.timing.n_dropped, 6);
    assert_int_equal(said.timing.n_prompt, 4 * 20 + 11);
    assert_int_equal(marvis_session_n_turns(session, &n_dropped), 4);
    assert_int_equal(n_dropped, 6);
    assert_int_equal(expected.timing.n_dropped, 0);
    assert_same_speech(&said, &expected);
    /* The next turns are cheap again. */
    marvis_session_reset(session, 0);
    make_turn(&turns[0], 1, 20);
    give_turn(session, &turns[0]);
    assert_ok(speak_into(session, "And?", &said, &err), err);
    assert_int_equal(said.timing.n_dropped, 0);
    assert_true(said.timing.n_reused >= 4 * 20);
    assert_int_equal(marvis_session_n_turns(session, &n_dropped), 5);
    assert_int_equal(n_dropped, 6);
    marvis_session_reset(session, 0);
    assert_ok(marvis_session_clear_context(session, &err), err);
    assert_int_equal(marvis_session_n_turns(session, &n_dropped), 0);
    assert_int_equal(n_dropped, 0);
    marvis_session_destroy(&session);
    marvis_session_destroy(&fresh);
}

/* The last position that fits drops nothing, the next one does. */
static void the_window_ends_where_it_should(void **state) {
    (void)state;
    marvis_session_settings s = greedy(C, CAP);
    for (size_t more = 0; more < 2; more++) {
        marvis_session *session = new_session(&s);
        turn t;
        marvis_error err;
        for (int i = 0; i < 8; i++) {
            make_turn(&t, 0, 20);
            give_turn(session, &t);
        }
        make_turn(&t, 0, ROOM - 8 * 20 - 11 + more);
        give_turn(session, &t);
        assert_ok(speak_into(session, "Hello.", &said, &err), err);
        assert_int_equal(said.timing.n_prompt, more ? 29 + 3 * 20 + 11 : ROOM);
        assert_int_equal(said.timing.n_dropped, more ? 5 : 0);
        marvis_session_destroy(&session);
    }
}

/* A voice of 30 frames and pinned turns take their room first, and stay. */
static void voice_and_pinned_turns_stay(void **state) {
    (void)state;
    turn turns[8];
    marvis_error err;
    int32_t codes[30 * C];
    uint64_t seed = 5;
    random_codes(&seed, codes, 30 * C);
    marvis_recording voice = recording("These are my words.", codes, 30, C);
    marvis_session_settings s = greedy(C, CAP);
    marvis_session *session = new_session(&s), *fresh = new_session(&s);
    assert_ok(marvis_session_set_voice(session, &voice, &err), err);
    assert_ok(marvis_session_set_voice(fresh, &voice, &err), err);
    for (int i = 0; i < 8; i++) {
        make_turn(&turns[i], i % 2, 20);
        give_turn(session, &turns[i]);
        if (i == 1) assert_ok(marvis_session_pin_context(session, &err), err);
        if (i < 2 || i >= 7) give_turn(fresh, &turns[i]);
    }
    assert_ok(speak_into(session, "Hello.", &said, &err), err);
    assert_ok(speak_into(fresh, "Hello.", &expected, &err), err);
    /* 61 of voice and text and 40 pinned leave 98 of 199; half of it is 49: two turns */
    assert_int_equal(said.timing.n_prompt, 11 + 19 + 1 + 30 + 2 * 20 + 2 * 20);
    assert_int_equal(said.timing.n_dropped, 4);
    marvis_session_destroy(&fresh);
    fresh = new_session(&s);
    assert_ok(marvis_session_set_voice(fresh, &voice, &err), err);
    for (int i = 0; i < 8; i++)
        if (i < 2 || i >= 6) give_turn(fresh, &turns[i]);
    assert_ok(speak_into(fresh, "Hello.", &expected, &err), err);
    assert_same_speech(&said, &expected);
    marvis_session_destroy(&session);
    marvis_session_destroy(&fresh);
}

/* More than half is kept where it is the newest turn; too much of it is an error, and no turn goes.
 */
static void the_newest_turn_stays(void **state) {
    (void)state;
    turn old, newest;
    marvis_error err;
    marvis_session_settings s = greedy(C, POSITIONS - 1 - 60); /* room for 60 */
    marvis_session *session = new_session(&s);
    make_turn(&old, 0, 20);
    make_turn(&newest, 1, 45);
    give_turn(session, &old);
    give_turn(session, &newest);
    assert_ok(speak_into(session, "Hello.", &said, &err), err);
    assert_int_equal(said.timing.n_prompt, 45 + 11);
    assert_int_equal(said.timing.n_dropped, 1);
    marvis_session_reset(session, 0);
    assert_ok(marvis_session_clear_context(session, &err), err);
    give_turn(session, &old);
    give_turn(session, &newest);
    assert_int_equal(speak_into(session, "Hello, hello.", &said, &err), MARVIS_ERR_TOO_LONG);
    assert_non_null(strstr(err.message, " s (2 turns); with up to"));
    assert_int_equal(marvis_session_n_turns(session, NULL), 2);
    marvis_session_destroy(&session);
}

static void dropping_can_be_turned_off(void **state) {
    (void)state;
    turn t;
    marvis_error err;
    marvis_session_settings s = greedy(C, CAP);
    assert_int_equal(s.drop_turns, 1);
    s.drop_turns = 0;
    marvis_session *session = new_session(&s);
    for (int i = 0; i < 10; i++) {
        make_turn(&t, 0, 20);
        give_turn(session, &t);
    }
    assert_int_equal(speak_into(session, "Hello.", &said, &err), MARVIS_ERR_TOO_LONG);
    assert_non_null(strstr(err.message, "the context "));
    assert_int_equal(marvis_session_n_turns(session, NULL), 10);
    marvis_session_destroy(&session);
}

/* ---- what was spoken becomes a turn --------------------------------------------------------- */

static marvis_status keep(marvis_session *session, size_t n_heard, const char *text, size_t *kept,
                          marvis_error *err) {
    return marvis_session_keep_turn(session, n_heard, text, text ? strlen(text) : 0, kept, err);
}

/* An utterance of 9 frames ended by the cap, 9 by the model, 5 by a cancel, and one that is left
 * alone: the next prompt runs the frame of zeros and the new text, and the frame that was never fed
 * back. */
static void a_kept_turn_costs_the_frame_of_zeros(void **state) {
    (void)state;
    enum { BY_CAP, BY_CANCEL, BY_NOBODY, N_WAYS };
    for (int way = 0; way < N_WAYS; way++) {
        marvis_error err;
        marvis_chunk chunk;
        size_t kept, n = 0;
        int32_t codes[9 * C];
        marvis_session_settings s = greedy(C, 9);
        s.chunk_frames = 1;
        s.speaker = 4;
        marvis_session *session = new_session(&s), *fresh = new_session(&s);
        assert_ok(marvis_session_push_text(session, "One two three.", 14, &err), err);
        for (;;) {
            if (way != BY_CAP && n == 5) break;
            assert_ok(marvis_session_step(session, &chunk, &err), err);
            if (chunk.stop) break;
            memcpy(codes + n++ * C, chunk.codes, C * sizeof *codes);
        }
        assert_int_equal(n, way == BY_CAP ? 9 : 5);
        if (way == BY_CANCEL) {
            marvis_session_cancel(session);
            assert_ok(marvis_session_step(session, &chunk, &err), err);
            assert_int_equal(chunk.stop, MARVIS_STOP_CANCELLED);
        }
        assert_ok(keep(session, SIZE_MAX, "One two three.", &kept, &err), err);
        assert_int_equal(kept, 14);
        assert_ok(marvis_session_step(session, &chunk, &err), err);
        assert_int_equal(chunk.stop, way == BY_CAP ? MARVIS_STOP_CAP : MARVIS_STOP_CANCELLED);
        marvis_session_reset(session, 0);
        assert_ok(speak_into(session, "Four.", &said, &err), err);
        marvis_recording r = recording("One two three.", codes, n, C);
        assert_ok(marvis_session_add_context(fresh, 4, &r, &err), err);
        assert_ok(speak_into(fresh, "Four.", &expected, &err), err);
        assert_same_speech(&said, &expected);
        assert_int_equal(said.timing.n_prompt, 2 + 3 + 14 + n + 1 + 2 + 3 + 5);
        assert_int_equal(said.timing.n_reused, 2 + 3 + 14 + n - 1);
        marvis_session_destroy(&session);
        marvis_session_destroy(&fresh);
    }
}

/* Where the model ended by itself all frames are in the cache, and what was heard is judged by
 * their number: of the 9 letters here the middle of the last word is at 6.5. With one codebook of
 * 32 codes an end comes soon. */
static void a_turn_that_the_model_ended(void **state) {
    (void)state;
    marvis_error err;
    marvis_session_settings s = greedy(1, 100);
    s.codebook0.temperature = 1.5f;
    marvis_session *session = new_session(&s), *fresh = new_session(&s);
    size_t n = 0, kept;
    int32_t codes[100];
    uint64_t seed = 0;
    while (n < 8 || n > 50) {
        assert_true(++seed < 100);
        marvis_session_reset(session, seed);
        assert_ok(speak_into(session, "Soon over.", &said, &err), err);
        n = said.stop == MARVIS_STOP_EOS ? said.n_frames : 0;
    }
    memcpy(codes, said.codes, n * sizeof *codes);
    for (size_t n_heard = 1; n_heard <= n; n_heard++) {
        marvis_session_reset(session, seed);
        assert_ok(speak_into(session, "Soon over.", &said, &err), err);
        assert_ok(keep(session, n_heard, NULL, &kept, &err), err);
        assert_int_equal(kept, n_heard * 18 >= n * 13 ? 10 : 4);
        marvis_session_reset(session, seed);
        if (n_heard < n) assert_ok(marvis_session_clear_context(session, &err), err);
    }
    assert_ok(speak_into(session, "Four.", &said, &err), err);
    marvis_recording r = recording("Soon over.", codes, n, 1);
    marvis_session_reset(fresh, seed);
    assert_ok(marvis_session_add_context(fresh, 0, &r, &err), err);
    assert_ok(speak_into(fresh, "Four.", &expected, &err), err);
    assert_same_speech(&said, &expected);
    assert_int_equal(said.timing.n_reused, 2 + 3 + 10 + n);
    marvis_session_destroy(&session);
    marvis_session_destroy(&fresh);
}

/* Words that stay of a text of which so much was heard. The voice takes 20 frames for a letter, so
 * that "a b c" would be 60, of which the cap leaves 50. */
static void the_text_is_cut_where_hearing_ended(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t n_heard;
        const char *kept;
    } cases[] = {
        {"a b c", 50, "a b c"}, /* 2.5 letters: just the middle of the last word */
        {"a b c", 99, "a b c"}, /* no more than was spoken */
        {"a b c", 49, "a b"},
        {"a b c", 30, "a b"},
        {"a b c", 29, "a"},
        {"a b c", 1, "a"}, /* the first word in any case */
        {"ab cd", 50, "ab"},
        {" \n a  b\tc ", 30, " \n a  b"},
        {"\xC3\xA4 b c", 30, "\xC3\xA4 b"},
        {"\xC3\xA4 b c", 29, "\xC3\xA4"},
        {"abcdef", 2, "abcdef"},
        {"a b", 38, "a b"}, /* 40 frames by the voice, but 50 were spoken */
        {"a b", 37, "a"},
    };
    marvis_error err;
    uint64_t seed = 8;
    int32_t codes[40 * C];
    random_codes(&seed, codes, 40 * C);
    marvis_recording voice = recording("ab", codes, 40, C);
    marvis_session_settings s = greedy(C, 50);
    marvis_session *session = new_session(&s);
    size_t n_run = 0;
    /* the pace of a person, so that it is believed */
    assert_in_range(marvis_model_sample_rate(model) / marvis_model_frame_samples(model) / 20, 5,
                    29);
    assert_ok(marvis_session_set_voice(session, &voice, &err), err);
    for (; n_run < sizeof cases / sizeof *cases; n_run++) {
        const char *text = cases[n_run].text, *wanted = cases[n_run].kept;
        size_t kept = 999;
        assert_ok(speak_into(session, text, &said, &err), err);
        assert_int_equal(said.n_frames, 50);
        assert_ok(keep(session, cases[n_run].n_heard, NULL, &kept, &err), err);
        if (kept != strlen(wanted) || strncmp(text, wanted, kept) != 0)
            fail_msg("%zu frames of '%s': '%.*s', not '%s'", cases[n_run].n_heard, text, (int)kept,
                     text, wanted);
        marvis_session_reset(session, 0);
        assert_ok(marvis_session_clear_context(session, &err), err);
    }
    assert_int_equal(n_run, 13);
    marvis_session_destroy(&session);
}

/* Without a voice, at 15 letters a second, a text of 10 letters is 2/3 s, longer than what the cap
 * leaves of it. */
static void without_a_voice_the_pace_is_the_usual(void **state) {
    (void)state;
    marvis_error err;
    marvis_session_settings s = greedy(C, 90);
    marvis_session *session = new_session(&s);
    size_t kept,
        frames = (size_t)(marvis_model_sample_rate(model) / marvis_model_frame_samples(model));
    assert_ok(speak_into(session, "a b c defghij", &said, &err), err);
    assert_int_equal(said.n_frames, 90);
    assert_int_equal(90 * 15 / frames, 2); /* 2.7 letters: the middle of the third word */
    assert_ok(keep(session, 90, NULL, &kept, &err), err);
    assert_int_equal(kept, 5);
    marvis_session_destroy(&session);
}

static void nothing_heard_is_no_turn(void **state) {
    (void)state;
    marvis_error err;
    size_t kept = 5;
    marvis_session_settings s = greedy(C, 4);
    marvis_session *session = new_session(&s);
    assert_ok(speak_into(session, "Hello.", &said, &err), err);
    assert_ok(keep(session, 0, NULL, &kept, &err), err);
    assert_int_equal(kept, 0);
    assert_int_equal(marvis_session_n_turns(session, NULL), 0);
    marvis_session_destroy(&session);
}

static void wrong_calls(void **state) {
    (void)state;
    marvis_error err;
    turn t;
    marvis_session_settings s = greedy(C, 4);
    marvis_session *session = new_session(&s);
    assert_int_equal(keep(session, 4, NULL, NULL, &err), MARVIS_ERR_CALL);
    assert_int_equal(marvis_session_set_speaker(session, -1, &err), MARVIS_ERR_CALL);
    assert_int_equal(marvis_session_set_speaker(session, 1000000, &err), MARVIS_ERR_CALL);
    assert_ok(speak_into(session, "Hello.", &said, &err), err);
    assert_int_equal(marvis_session_set_speaker(session, 1, &err), MARVIS_ERR_CALL);
    assert_int_equal(marvis_session_pin_context(session, &err), MARVIS_ERR_CALL);
    assert_int_equal(keep(session, 4, " \n", NULL, &err), MARVIS_ERR_INPUT);
    assert_int_equal(keep(session, 4, "", NULL, &err), MARVIS_ERR_INPUT);
    assert_int_equal(marvis_session_n_turns(session, NULL), 0);
    assert_ok(keep(session, 4, NULL, NULL, &err), err);
    assert_int_equal(keep(session, 4, NULL, NULL, &err), MARVIS_ERR_CALL);
    assert_int_equal(marvis_session_n_turns(session, NULL), 1);
    marvis_session_reset(session, 0);
    assert_int_equal(keep(session, 4, NULL, NULL, &err), MARVIS_ERR_CALL);
    make_turn(&t, 0, 20);
    for (int i = 0; i < 20; i++) /* the newest turns and a text of 300 positions */
        give_turn(session, &t);
    char text[301];
    memset(text, 'a', 300);
    text[300] = '\0';
    assert_int_equal(speak_into(session, text, &said, &err), MARVIS_ERR_TOO_LONG);
    assert_int_equal(keep(session, 4, NULL, NULL, &err), MARVIS_ERR_CALL);
    assert_int_equal(marvis_session_n_turns(session, NULL), 21);
    marvis_session_destroy(&session);
}

/* The Nth allocation of keeping fails: the context is as before, and it can be tried again. */
static void keeping_without_memory_changes_nothing(void **state) {
    (void)state;
    marvis_error err;
    marvis_session_settings s = greedy(C, 6);
    marvis_session *session = new_session(&s), *other = new_session(&s);
    marvis_status status = MARVIS_ERR_MEMORY;
    int nth = 1;
    for (int i = 0; i < 3; i++) {
        assert_ok(speak_into(session, "Hello there.", &said, &err), err);
        assert_ok(speak_into(other, "Hello there.", &said, &err), err);
        assert_ok(keep(other, 6, NULL, NULL, &err), err);
        status = MARVIS_ERR_MEMORY;
        for (nth = 1; status != MARVIS_OK; nth++) {
            mv_alloc_fail_after((uint64_t)nth, nth % 2);
            status = keep(session, 6, NULL, NULL, &err);
            mv_alloc_fail_after(0, false);
            assert_true(status == MARVIS_OK || status == MARVIS_ERR_MEMORY);
            assert_int_equal(marvis_session_n_turns(session, NULL), i + (status == MARVIS_OK));
        }
        assert_true(nth > 3);
        marvis_session_reset(session, 0);
        marvis_session_reset(other, 0);
    }
    assert_ok(speak_into(session, "And now?", &said, &err), err);
    assert_ok(speak_into(other, "And now?", &expected, &err), err);
    assert_same_speech(&said, &expected);
    marvis_session_destroy(&session);
    marvis_session_destroy(&other);
}

/* ---- random scripts ------------------------------------------------------------------------- */

/* What a session should hold, by the rules of docs/MODEL.md. */
typedef struct mirror {
    uint64_t script; /* its seed, for messages */
    int call;
    marvis_session_settings settings; /* speaker is the current one */
    turn turns[MAX_TURNS];
    size_t n_turns, n_pinned, n_dropped;
    turn voice;      /* n_frames 0: none */
    bool in_context; /* the voice is a turn of its own */
} mirror;

/* What the scripts came to, so that they cannot be about nothing. */
static struct {
    size_t n_calls, n_utterances, n_reused, n_slides, n_kept, n_cut, n_ended, n_voices;
} tally;

#define assert_script(m, condition)                                                                \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("script of seed %llu, call %d: not so: %s", (unsigned long long)(m)->script,  \
                     (m)->call, #condition);                                                       \
    } while (0)

static size_t pick(uint64_t *seed, size_t n) { return (size_t)(test_random(seed) % n); }

/* One to four words. */
static const char *random_words(uint64_t *seed, char *text) {
    size_t n_words = 1 + pick(seed, 4), n = 0;
    for (size_t i = 0; i < n_words; i++) {
        if (i) text[n++] = ' ';
        for (size_t k = 1 + pick(seed, 6); k > 0; k--)
            text[n++] = (char)('a' + pick(seed, 26));
    }
    text[n] = '\0';
    return text;
}

static void random_turn(uint64_t *seed, const mirror *m, turn *t) {
    char text[MAX_TEXT];
    int32_t codes[40 * C];
    int least = m->settings.n_codebooks;
    int columns = least + (int)pick(seed, (size_t)(C - least + 1));
    size_t n_frames = 1 + pick(seed, 40);
    random_codes(seed, codes, n_frames * (size_t)columns);
    set_turn(t, (int)pick(seed, 12), random_words(seed, text), codes, n_frames, columns);
}

static void mirror_add(mirror *m, const turn *t) {
    assert_script(m, m->n_turns < MAX_TURNS);
    m->turns[m->n_turns++] = *t;
}

static size_t rows_from(const mirror *m, size_t first) {
    size_t n = 0;
    for (size_t i = first; i < m->n_turns; i++)
        n += m->turns[i].n_rows;
    return n;
}

/* The positions of voice and text, and of the pinned turns. */
static size_t fixed_rows(const mirror *m, const char *text) {
    char joined[2 * MAX_TEXT];
    int speaker = m->settings.speaker;
    size_t n = rows_from(m, 0) - rows_from(m, m->n_pinned);
    if (m->voice.n_frames == 0) return n + count_tokens(speaker, text);
    if (m->in_context)
        return n + count_tokens(speaker, m->voice.text) + m->voice.n_frames + 1 +
               count_tokens(speaker, text);
    snprintf(joined, sizeof joined, "%s %s", m->voice.text, text);
    return n + count_tokens(speaker, joined) + m->voice.n_frames;
}

/* Drops what has to go before a text; returns how many. */
static size_t mirror_slide(mirror *m, const char *text) {
    size_t room = (size_t)(POSITIONS - m->settings.max_frames) - 1, fixed = fixed_rows(m, text);
    size_t first = m->n_pinned;
    if (fixed + rows_from(m, first) <= room) return 0;
    while (first + 1 < m->n_turns && 2 * rows_from(m, first) > room - fixed)
        first++;
    size_t n = first - m->n_pinned;
    memmove(&m->turns[m->n_pinned], &m->turns[first], (m->n_turns - first) * sizeof(turn));
    m->n_turns -= n;
    m->n_dropped += n;
    return n;
}

static marvis_session *fresh_like(const mirror *m, uint64_t seed) {
    marvis_error err;
    marvis_session_settings s = m->settings;
    s.drop_turns = 0;
    s.seed = seed;
    marvis_session *fresh = new_session(&s);
    turn voice = m->voice;
    voice.speaker = s.speaker;
    if (m->voice.n_frames && m->in_context) give_turn(fresh, &voice);
    for (size_t i = 0; i < m->n_turns; i++)
        give_turn(fresh, &m->turns[i]);
    if (m->voice.n_frames && !m->in_context) {
        marvis_recording r =
            recording(m->voice.text, m->voice.codes, m->voice.n_frames, m->voice.columns);
        assert_ok(marvis_session_set_voice(fresh, &r, &err), err);
    }
    return fresh;
}

/* Speaks at most n frames into `said`; then a cancel, or nothing any more. */
static void speak_some(marvis_session *session, const char *text, size_t n, bool cancel) {
    marvis_error err;
    marvis_chunk chunk = {0};
    memset(&said, 0, sizeof said);
    assert_ok(marvis_session_push_text(session, text, strlen(text), &err), err);
    do {
        if (said.n_frames >= n && cancel) marvis_session_cancel(session);
        if (said.n_frames >= n && !cancel) break;
        assert_ok(marvis_session_step(session, &chunk, &err), err);
        if (chunk.stop) break;
        size_t k = (size_t)chunk.n_codebooks, frames = (size_t)chunk.n_frames;
        memcpy(said.codes + said.n_frames * k, chunk.codes, frames * k * sizeof *chunk.codes);
        memcpy(said.pcm + said.n_samples, chunk.pcm, (size_t)chunk.n_samples * sizeof(float));
        said.n_frames += frames;
        said.n_samples += (size_t)chunk.n_samples;
    } while (true);
    said.stop = chunk.stop;
    said.timing.struct_size = sizeof said.timing;
    marvis_session_timing_get(session, &said.timing);
}

/* The utterance just spoken becomes a turn in both. */
static void keep_some(uint64_t *seed, marvis_session *session, mirror *m, const char *text) {
    marvis_error err;
    char own[MAX_TEXT], kept_text[MAX_TEXT];
    size_t n_heard = pick(seed, said.n_frames + 2), kept;
    bool has_own = pick(seed, 3) == 0;
    turn t;
    if (n_heard > said.n_frames) n_heard = SIZE_MAX;
    if (has_own) random_words(seed, own);
    assert_ok(keep(session, n_heard, has_own ? own : NULL, &kept, &err), err);
    if (n_heard > said.n_frames) n_heard = said.n_frames;
    if (n_heard > 0) {
        snprintf(kept_text, sizeof kept_text, "%.*s", (int)kept, has_own ? own : text);
        assert_script(m, kept > 0 && kept == strlen(kept_text));
        set_turn(&t, m->settings.speaker, kept_text, said.codes, n_heard, m->settings.n_codebooks);
        mirror_add(m, &t);
        tally.n_kept++;
        tally.n_cut += !has_own && kept < strlen(text);
    }
}

static void random_utterance(uint64_t *seed, marvis_session *session, mirror *m) {
    char text[MAX_TEXT];
    marvis_error err;
    uint64_t noise = pick(seed, 1000);
    size_t n_frames = pick(seed, 2) ? 1000 : pick(seed, (size_t)m->settings.max_frames);
    random_words(seed, text);
    marvis_session_reset(session, noise);
    speak_some(session, text, n_frames, pick(seed, 2));
    if (said.timing.n_prompt == 0) return; /* cancelled before the first step */
    size_t n_dropped = mirror_slide(m, text), n_told;
    assert_script(m, said.timing.n_dropped == (int)n_dropped);
    assert_script(m, marvis_session_n_turns(session, &n_told) == m->n_turns);
    assert_script(m, n_told == m->n_dropped);
    marvis_session *fresh = fresh_like(m, noise);
    assert_ok(speak_into(fresh, text, &expected, &err), err);
    size_t k = (size_t)m->settings.n_codebooks;
    assert_script(m, said.timing.n_prompt == expected.timing.n_prompt);
    assert_script(m, said.n_frames <= expected.n_frames);
    assert_script(m,
                  memcmp(said.codes, expected.codes, said.n_frames * k * sizeof *said.codes) == 0);
    assert_script(m, memcmp(said.pcm, expected.pcm, said.n_samples * sizeof *said.pcm) == 0);
    if (said.stop == MARVIS_STOP_EOS || said.stop == MARVIS_STOP_CAP)
        assert_script(m, said.stop == expected.stop && said.n_frames == expected.n_frames);
    marvis_session_destroy(&fresh);
    tally.n_utterances++;
    tally.n_reused += (size_t)said.timing.n_reused;
    tally.n_slides += n_dropped > 0;
    tally.n_ended += said.stop == MARVIS_STOP_EOS;
    tally.n_voices += m->voice.n_frames > 0;
    if (pick(seed, 3)) keep_some(seed, session, m, text);
    marvis_session_reset(session, 0);
}

/* Recorded or saved, in any layout, with a snapshot or without, or none any more. */
static void random_voice(uint64_t *seed, marvis_session *session, mirror *m) {
    marvis_error err;
    marvis_voice *voice;
    marvis_voice_settings settings;
    random_turn(seed, m, &m->voice);
    m->in_context = false;
    marvis_recording r =
        recording(m->voice.text, m->voice.codes, m->voice.n_frames, m->voice.columns);
    if (pick(seed, 4) == 0) {
        m->voice.n_frames = 0;
        assert_ok(marvis_session_set_voice(session, NULL, &err), err);
    } else if (pick(seed, 3) == 0) {
        assert_ok(marvis_session_set_voice(session, &r, &err), err);
    } else {
        marvis_voice_settings_init(&settings);
        settings.speaker = (int)pick(seed, 3);
        settings.snapshot = pick(seed, 3) > 0;
        m->in_context = pick(seed, 2);
        assert_ok(marvis_voice_create(model, &r, &settings, &voice, &err), err);
        assert_ok(
            marvis_session_use_voice(
                session, voice, m->in_context ? MARVIS_VOICE_CONTEXT : MARVIS_VOICE_MATCH, &err),
            err);
        marvis_voice_destroy(&voice);
    }
}

static void random_call(uint64_t *seed, marvis_session *session, mirror *m) {
    marvis_error err;
    turn t;
    switch (pick(seed, 12)) {
    case 0:
    case 1:
    case 2:
        random_turn(seed, m, &t);
        give_turn(session, &t);
        mirror_add(m, &t);
        break;
    case 3: random_voice(seed, session, m); break;
    case 4:
        m->settings.speaker = (int)pick(seed, 3);
        assert_ok(marvis_session_set_speaker(session, m->settings.speaker, &err), err);
        break;
    case 5:
        if (pick(seed, 12)) break;
        assert_ok(marvis_session_clear_context(session, &err), err);
        m->n_turns = m->n_pinned = m->n_dropped = 0;
        break;
    case 6:
        if (m->n_turns > 2) break;
        assert_ok(marvis_session_pin_context(session, &err), err);
        m->n_pinned = m->n_turns;
        break;
    case 7: marvis_session_reset(session, pick(seed, 1000)); break;
    default: random_utterance(seed, session, m);
    }
}

static void run_script(uint64_t script) {
    static mirror m;
    uint64_t seed = script;
    memset(&m, 0, sizeof m);
    m.script = script;
    m.settings = greedy(1 + (int)pick(&seed, C), 12 + (int)pick(&seed, 24));
    m.settings.codebook0.temperature = m.settings.depth.temperature = 1;
    m.settings.chunk_frames = 1 + (int)pick(&seed, 5);
    marvis_session *session = new_session(&m.settings);
    for (m.call = 0; m.call < 30; m.call++, tally.n_calls++)
        random_call(&seed, session, &m);
    marvis_session_destroy(&session);
}

static void trap_52_random_scripts_equal_new_sessions(void **state) {
    (void)state;
    memset(&tally, 0, sizeof tally);
    for (uint64_t script = 1; script <= 25; script++)
        run_script(script);
    assert_int_equal(tally.n_calls, 750);
    assert_true(tally.n_utterances > 200 && tally.n_reused > 10000);
    assert_true(tally.n_slides > 20 && tally.n_voices > 90);
    assert_true(tally.n_kept > 100 && tally.n_cut > 40 && tally.n_ended > 15);
}

/* Two who talk for twenty turns, each with a recorded voice; every third turn is interrupted. */
static void trap_52_twenty_turns(void **state) {
    (void)state;
    static mirror m;
    static turn voices[2];
    uint64_t seed = 2020;
    size_t n_slides = 0;
    memset(&m, 0, sizeof m);
    m.settings = greedy(C, 24);
    m.settings.codebook0.temperature = m.settings.depth.temperature = 1;
    for (int i = 0; i < 2; i++)
        random_turn(&seed, &m, &voices[i]);
    marvis_session *session = new_session(&m.settings);
    for (m.call = 0; m.call < 20; m.call++) {
        marvis_error err;
        char text[MAX_TEXT];
        size_t kept;
        turn t;
        m.settings.speaker = m.call % 2;
        m.voice = voices[m.call % 2];
        marvis_recording r =
            recording(m.voice.text, m.voice.codes, m.voice.n_frames, m.voice.columns);
        assert_ok(marvis_session_set_speaker(session, m.settings.speaker, &err), err);
        assert_ok(marvis_session_set_voice(session, &r, &err), err);
        marvis_session_reset(session, (uint64_t)m.call);
        speak_some(session, random_words(&seed, text), m.call % 3 ? 1000 : 9, m.call % 2);
        n_slides += mirror_slide(&m, text) > 0;
        marvis_session *fresh = fresh_like(&m, (uint64_t)m.call);
        assert_ok(speak_into(fresh, text, &expected, &err), err);
        assert_script(&m, said.n_frames > 0 && said.n_frames <= expected.n_frames);
        assert_script(&m, said.timing.n_prompt == expected.timing.n_prompt);
        assert_script(&m, memcmp(said.codes, expected.codes, said.n_frames * C * 4) == 0);
        assert_script(&m, memcmp(said.pcm, expected.pcm, said.n_samples * sizeof(float)) == 0);
        marvis_session_destroy(&fresh);
        assert_ok(keep(session, SIZE_MAX, NULL, &kept, &err), err);
        text[kept] = '\0';
        set_turn(&t, m.settings.speaker, text, said.codes, said.n_frames, C);
        mirror_add(&m, &t);
        marvis_session_reset(session, 0);
    }
    assert_int_equal(m.call, 20);
    assert_true(n_slides >= 2);
    marvis_session_destroy(&session);
}

/* One thread: whom the work is shared with is not the question here. */
static int set_up_alone(void **state) {
    (void)state;
    marvis_error err;
    assert_ok(open_model(1, &engine, &model, &err), err);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_turns_go_down_to_half),
        cmocka_unit_test(the_window_ends_where_it_should),
        cmocka_unit_test(voice_and_pinned_turns_stay),
        cmocka_unit_test(the_newest_turn_stays),
        cmocka_unit_test(dropping_can_be_turned_off),
        cmocka_unit_test(a_kept_turn_costs_the_frame_of_zeros),
        cmocka_unit_test(a_turn_that_the_model_ended),
        cmocka_unit_test(the_text_is_cut_where_hearing_ended),
        cmocka_unit_test(without_a_voice_the_pace_is_the_usual),
        cmocka_unit_test(nothing_heard_is_no_turn),
        cmocka_unit_test(wrong_calls),
        cmocka_unit_test(keeping_without_memory_changes_nothing),
        cmocka_unit_test(trap_52_random_scripts_equal_new_sessions),
        cmocka_unit_test(trap_52_twenty_turns),
    };
    return cmocka_run_group_tests(tests, set_up_alone, tear_down);
}
