/* test_speech.c - text of any length: pieces against sessions that are set up by hand, however the
 * text arrives and the chunks are cut; pauses, going on from a position. */
#include "speech_fixture.h"

#include "base/memory.h"
#include "engine/session.h"

#include <math.h>

static void one_piece_is_what_a_session_says(void **state) {
    (void)state;
    fixture f = open_fixture(2048);
    const char *text = "It was a bright cold day.";
    marvis_error err;
    for (uint64_t seed = 0; seed < 8; seed++) {
        marvis_speech_settings s = defaults(&f);
        s.seed = seed;
        heard *h = speak(&f, &s, text, 0), *plain = calloc(1, sizeof *plain);
        marvis_session_reset(f.session, seed);
        assert_ok(marvis_session_push_text(f.session, text, strlen(text), &err), err);
        marvis_chunk chunk;
        do {
            assert_ok(marvis_session_step(f.session, &chunk, &err), err);
            memcpy(plain->pcm + plain->n_samples, chunk.pcm ? chunk.pcm : plain->pcm,
                   (size_t)chunk.n_samples * sizeof *plain->pcm);
            plain->n_samples += (size_t)chunk.n_samples;
        } while (chunk.stop == MARVIS_STOP_NONE);
        if (plain->n_samples > 0) { /* else it is spoken again */
            assert_int_equal(h->n_samples, plain->n_samples);
            assert_memory_equal(h->pcm, plain->pcm, h->n_samples * sizeof *h->pcm);
            assert_int_equal(h->stop, chunk.stop);
        }
        assert_int_equal(h->n_pieces, 1);
        free(h);
        free(plain);
    }
    close_fixture(&f);
}

static void pushes_and_chunks_of_any_size_are_the_same_speech(void **state) {
    (void)state;
    static const size_t portions[] = {1, 3, 17, 100, 1000};
    static const int chunks[] = {1, 3, 8, 64, 200};
    fixture f = open_fixture(2048);
    marvis_speech_settings s = defaults(&f);
    int n_cases = 0;
    s.piece_chars = 100;
    for (s.hold = 0; s.hold < 2; s.hold++) {
        s.first_chars = s.hold ? 0 : 12;
        use_chunks(&f, 8);
        heard *h = speak(&f, &s, book, 0);
        assert_true(h->n_pieces >= 7);
        assert_true(h->n_samples > h->n_frames * FRAME);
        for (size_t i = 0; i < 5; i++, n_cases++) {
            use_chunks(&f, chunks[i]);
            heard *other = speak(&f, &s, book, portions[i]);
            assert_int_equal(other->n_samples, h->n_samples);
            assert_int_equal(other->n_frames, h->n_frames);
            assert_memory_equal(other->pcm, h->pcm, h->n_samples * sizeof *h->pcm);
            assert_memory_equal(other->codes, h->codes, h->n_frames * SPOKEN * sizeof *h->codes);
            assert_memory_equal(other->texts, h->texts, sizeof h->texts);
            assert_int_equal(other->stop, h->stop);
            free(other);
        }
        free(h);
    }
    assert_int_equal(n_cases, 10);
    close_fixture(&f);
}

/* Each piece is what a session says after voice and tail, set as a voice by hand; where it is too
 * long for that, the tail is the piece before. */
static void pieces_go_on_from_voice_and_tail(void **state) {
    (void)state;
    static int32_t codes[60 + 400], zeros[60];
    char text[2000];
    marvis_error err;
    fixture f = open_fixture(2048);
    int n_compared = 0, n_stale = 0;
    for (int with_voice = 0; with_voice < 2; with_voice++) {
        size_t n_voice = with_voice ? 60 : 0;
        marvis_speech_settings s = defaults(&f);
        s.paragraph_pause_ms = 0;
        s.retries = 0;
        s.tail_s = 1.6; /* 20 frames: not all pieces fit */
        s.piece_chars = 60;
        marvis_recording voice;
        marvis_recording_init(&voice);
        voice.n_codebooks = SPOKEN;
        voice.text = "These are the words of it, spoken slowly by somebody.";
        voice.text_len_bytes = strlen(voice.text);
        voice.codes = zeros;
        voice.n_frames = n_voice;
        assert_ok(marvis_session_set_voice(f.session, with_voice ? &voice : NULL, &err), err);
        heard *h = speak(&f, &s, book, 0);
        size_t tail_begin = 0, tail_end = 0, tail_piece = 0;
        int n_prompt = 0; /* the frames depend on no words here: they are counted */
        for (size_t i = 0; i < h->n_pieces; i++) {
            size_t begin = i ? h->ends[i - 1] : 0, n_tail = tail_end - tail_begin;
            snprintf(text, sizeof text, "%s%s%s", with_voice ? voice.text : "",
                     with_voice && n_tail ? " " : "", n_tail ? h->texts[tail_piece] : "");
            memcpy(codes, zeros, n_voice * sizeof *codes);
            memcpy(codes + n_voice, h->codes + tail_begin, n_tail * sizeof *codes);
            marvis_recording past = voice;
            past.text = text;
            past.text_len_bytes = strlen(text);
            past.codes = codes;
            past.n_frames = n_voice + n_tail;
            marvis_session *fresh;
            marvis_session_settings settings = f.settings;
            settings.seed = seed_of(s.seed, i, 0);
            assert_ok(marvis_session_create(f.model, &settings, &fresh, &err), err);
            if (past.n_frames) assert_ok(marvis_session_set_voice(fresh, &past, &err), err);
            assert_ok(marvis_session_push_text(fresh, h->texts[i], strlen(h->texts[i]), &err), err);
            marvis_chunk chunk;
            size_t n = begin;
            bool stale = n_tail > 0 && tail_end != begin;
            for (;;) {
                assert_ok(marvis_session_step(fresh, &chunk, &err), err);
                if (chunk.stop != MARVIS_STOP_NONE) break;
                assert_true(n + (size_t)chunk.n_frames <= h->ends[i]);
                assert_memory_equal(h->codes + n, chunk.codes,
                                    (size_t)chunk.n_frames * sizeof *codes);
                const float *pcm = h->pcm + h->begins[i] + (n - begin) * FRAME;
                if (n > begin || tail_end == begin) /* else it is faded in */
                    assert_memory_equal(pcm, chunk.pcm,
                                        (size_t)chunk.n_samples * sizeof *chunk.pcm);
                n += (size_t)chunk.n_frames;
            }
            assert_int_equal(n, h->ends[i]);
            marvis_session_timing timing = {.struct_size = sizeof timing};
            marvis_session_timing_get(fresh, &timing);
            n_prompt += timing.n_prompt;
            n = h->ends[i] - begin;
            if (chunk.stop == MARVIS_STOP_EOS && n > 0 && 4 * n >= (size_t)timing.n_expected &&
                n <= 20)
                tail_begin = begin, tail_end = h->ends[i], tail_piece = i;
            n_stale += stale;
            n_compared++;
            marvis_session_destroy(&fresh);
        }
        assert_int_equal(h->info.timing.n_prompt, n_prompt);
        free(h);
    }
    assert_true(n_compared >= 10 && n_stale > 0 && n_stale < n_compared);
    close_fixture(&f);
}

static void pauses_are_as_long_as_asked_and_without_clicks(void **state) {
    (void)state;
    fixture f = open_fixture(2048);
    marvis_speech_settings s = defaults(&f);
    s.sentence_pause_ms = 100;
    s.paragraph_pause_ms = 1000;
    heard *h = speak(&f, &s,
                     "This is the first of the sentences. This is the second one of "
                     "them.\n\nAnd here is a new paragraph.",
                     0);
    assert_int_equal(h->n_pieces, 3);
    static const size_t pauses[] = {0, 2400, 24000};
    for (size_t i = 1; i < 3; i++) {
        size_t end = h->begins[i], begin = end - pauses[i];
        assert_int_equal(begin, h->begins[i - 1] +
                                    (h->ends[i - 1] - (i > 1 ? h->ends[i - 2] : 0)) * FRAME);
        for (size_t k = 120; k < pauses[i]; k++)
            assert_true(h->pcm[begin + k] == 0);
        float last = fabsf(h->pcm[begin - 1]), step = last / 100 + 1e-9f;
        assert_true(last > 0);
        for (size_t k = 0; k < 120; k++)
            assert_true(fabsf(h->pcm[begin + k] - h->pcm[begin + k - 1]) <= step);
        float most = 0;
        for (size_t k = 0; k < FRAME; k++)
            most = fmaxf(most, fabsf(h->pcm[end + k]));
        assert_true(most > 0 && fabsf(h->pcm[end]) < most / 100);
    }
    assert_int_equal(h->n_samples, h->n_frames * FRAME + 26400);
    assert_int_equal(h->info.n_samples, h->n_samples);
    assert_int_equal(h->info.n_frames, h->n_frames);
    free(h);
    close_fixture(&f);
}

static void speech_begins_with_the_first_clause(void **state) {
    (void)state;
    fixture f = open_fixture(2048);
    marvis_speech_settings s = defaults(&f);
    marvis_speech *speech;
    marvis_error err;
    marvis_chunk chunk;
    s.first_chars = 12;
    assert_ok(marvis_speech_create(f.session, &s, &speech, &err), err);
    const char *text = "When all is said, ";
    for (size_t i = 0; i < strlen(text); i++) {
        assert_ok(marvis_speech_step(speech, &chunk, &err), err);
        assert_int_equal(chunk.stop, MARVIS_STOP_TEXT);
        assert_int_equal(chunk.n_samples, 0);
        assert_ok(marvis_speech_push_text(speech, text + i, 1, &err), err);
    }
    assert_ok(marvis_speech_push_text(speech, "n", 1, &err), err);
    assert_ok(marvis_speech_step(speech, &chunk, &err), err);
    assert_int_equal(chunk.n_frames, 1);
    marvis_speech_info info = {.struct_size = sizeof info};
    marvis_speech_info_get(speech, &info);
    assert_int_equal(info.text_len_bytes, 17);
    assert_memory_equal(info.text, "When all is said,", 17);
    assert_int_equal(info.begin, 0);
    assert_int_equal(info.end, 17);
    marvis_speech_end(speech);
    assert_int_equal(marvis_speech_push_text(speech, "x", 1, &err), MARVIS_ERR_CALL);
    marvis_speech_destroy(&speech);

    /* a line is spoken when it is over, not when the next begins */
    s.first_chars = 0;
    s.lines = 1;
    assert_ok(marvis_speech_create(f.session, &s, &speech, &err), err);
    for (int i = 0; i < 3; i++) {
        assert_ok(marvis_speech_push_text(speech, "a line of it", 12, &err), err);
        assert_ok(marvis_speech_step(speech, &chunk, &err), err);
        assert_int_equal(chunk.stop, MARVIS_STOP_TEXT);
        assert_ok(marvis_speech_push_text(speech, i == 1 ? "\r\n" : "\n\n", 2, &err), err);
        int n = 0;
        do {
            assert_ok(marvis_speech_step(speech, &chunk, &err), err);
            n += chunk.n_frames;
        } while (chunk.stop == MARVIS_STOP_NONE);
        assert_true(n > 0);
        assert_int_equal(chunk.stop, MARVIS_STOP_TEXT);
    }
    marvis_speech_info_get(speech, &info);
    assert_int_equal(info.n_pieces, 3);
    marvis_speech_destroy(&speech);
    close_fixture(&f);
}

/* What a speech that went no further than its position has left to say, to the last frame. */
static void check_rest(fixture *f, const marvis_speech_settings *s, marvis_speech *stopped,
                       const heard *whole) {
    marvis_error err;
    marvis_session *session;
    marvis_speech *rest;
    marvis_speech_position p = {.struct_size = sizeof p};
    heard *h = calloc(1, sizeof *h);
    assert_non_null(h);
    marvis_speech_position_get(stopped, &p);
    size_t n = (size_t)p.n_frames;
    assert_ok(marvis_session_create(f->model, &f->settings, &session, &err), err);
    assert_ok(marvis_speech_create(session, s, &rest, &err), err);
    assert_ok(marvis_speech_resume(rest, &p, &err), err);
    speak_on(rest, book + p.offset, 0, h);
    assert_int_equal(n + h->n_frames, whole->n_frames);
    assert_memory_equal(h->codes, whole->codes + n, h->n_frames * sizeof *h->codes);
    marvis_speech_destroy(&rest);
    marvis_session_destroy(&session);
    free(h);
}

/* The piece that it cuts off is not done: a speech that goes on says it again. */
static void a_cancel_hands_out_what_is_held(void **state) {
    (void)state;
    fixture f = open_fixture(2048);
    marvis_error err;
    marvis_chunk chunk;
    use_chunks(&f, 2);
    marvis_speech_settings s = defaults(&f);
    heard *h = speak(&f, &s, book, 0);
    int n_cut = 0;
    for (size_t after = 1; after < h->n_frames; after += 1 + after / 2) {
        marvis_speech *speech;
        size_t n = 0;
        assert_ok(marvis_speech_create(f.session, &s, &speech, &err), err);
        assert_ok(marvis_speech_push_text(speech, book, strlen(book), &err), err);
        marvis_speech_end(speech);
        for (;;) {
            assert_ok(marvis_speech_step(speech, &chunk, &err), err);
            if (chunk.stop != MARVIS_STOP_NONE) break;
            if (chunk.n_frames)
                assert_memory_equal(chunk.codes, h->codes + n,
                                    (size_t)chunk.n_frames * sizeof *h->codes);
            n += (size_t)chunk.n_frames;
            if (n >= after) marvis_session_cancel(f.session);
        }
        assert_int_equal(chunk.stop, MARVIS_STOP_CANCELLED);
        assert_ok(marvis_speech_step(speech, &chunk, &err), err);
        assert_int_equal(chunk.stop, MARVIS_STOP_CANCELLED);
        assert_true(n >= after && n < after + 70);
        check_rest(&f, &s, speech, h);
        n_cut++;
        marvis_speech_destroy(&speech);
    }
    assert_true(n_cut > 4);
    free(h);
    close_fixture(&f);
}

/* Stopped behind any piece and taken up by another session: the same samples. */
static void a_speech_goes_on_from_a_position(void **state) {
    (void)state;
    fixture f = open_fixture(2048);
    marvis_error err;
    marvis_speech_settings s = defaults(&f);
    s.hold = 1;
    s.piece_chars = 100;
    s.first_chars = 12;
    heard *whole = speak(&f, &s, book, 0);
    size_t n_resumed = 0;
    for (uint64_t stop_after = 0; stop_after <= whole->n_pieces; stop_after++) {
        marvis_speech *speech, *second;
        marvis_speech_position p = {.struct_size = sizeof p};
        heard *h = calloc(1, sizeof *h);
        assert_ok(marvis_speech_create(f.session, &s, &speech, &err), err);
        assert_ok(marvis_speech_push_text(speech, book, strlen(book), &err), err);
        marvis_speech_end(speech);
        marvis_chunk chunk = {0};
        do {
            marvis_speech_position_get(speech, &p);
            if (p.n_pieces >= stop_after) break;
            assert_ok(marvis_speech_step(speech, &chunk, &err), err);
            listen(h, speech, &chunk);
        } while (chunk.stop == MARVIS_STOP_NONE);
        marvis_speech_position_get(speech, &p);
        assert_int_equal(p.n_pieces, stop_after);
        assert_true((size_t)p.n_samples <= h->n_samples);
        h->n_samples = (size_t)p.n_samples;
        h->n_frames = (size_t)p.n_frames;
        marvis_session *other;
        assert_ok(marvis_session_create(f.model, &f.settings, &other, &err), err);
        assert_ok(marvis_speech_create(other, &s, &second, &err), err);
        assert_ok(marvis_speech_resume(second, &p, &err), err);
        marvis_speech_destroy(&speech);
        assert_true(p.offset <= strlen(book));
        speak_on(second, book + p.offset, stop_after % 2 ? 20 : 0, h);
        assert_int_equal(h->n_samples, whole->n_samples);
        assert_memory_equal(h->pcm, whole->pcm, h->n_samples * sizeof *h->pcm);
        assert_memory_equal(h->codes, whole->codes, h->n_frames * sizeof *h->codes);
        assert_int_equal(h->stop, whole->stop);
        n_resumed++;
        assert_int_equal(marvis_speech_resume(second, &p, &err), MARVIS_ERR_CALL);
        marvis_speech_destroy(&second);
        marvis_session_destroy(&other);
        free(h);
    }
    assert_true(n_resumed > 7);
    free(whole);
    close_fixture(&f);
}

static void the_words_are_those_of_the_whole_paragraph(void **state) {
    (void)state;
    fixture f = open_fixture(2048);
    marvis_error err;
    marvis_speech_settings s = defaults(&f);
    s.piece_chars = 72; /* many end with a clause */
    heard *h = speak(&f, &s, book, 0);
    assert_true(h->n_pieces >= 10);
    char words[4000] = "", *all;
    size_t n_all;
    for (size_t i = 0; i < h->n_pieces; i++) {
        size_t n = strlen(words);
        snprintf(words + n, sizeof words - n, "%s%s", i ? " " : "", h->texts[i]);
    }
    assert_ok(marvis_normalize(book, strlen(book), &all, &n_all, &err), err);
    for (char *c = all; (c = strstr(c, "\n\n"));)
        memmove(c + 1, c + 2, strlen(c + 2) + 1), *c = ' ';
    assert_string_equal(words, all);
    marvis_free(all);
    free(h);

    h = speak(&f, NULL, "\xf0\x9f\x8e\x89\n\n:) \n\n---", 0);
    assert_int_equal(h->stop, MARVIS_STOP_EOS);
    assert_int_equal(h->info.n_pieces, 0);
    assert_int_equal(h->n_samples, 0);
    free(h);
    close_fixture(&f);
}

static void a_cap_of_all_frames_ends_it(void **state) {
    (void)state;
    fixture f = open_fixture(2048);
    marvis_speech_settings s = defaults(&f);
    heard *whole = speak(&f, &s, book, 0);
    for (int64_t most = 1; most < (int64_t)whole->n_frames; most += 13) {
        s.max_frames = most;
        s.hold = (int)(most % 2);
        s.retries = 0;
        heard *h = speak(&f, &s, book, 0);
        assert_int_equal(h->stop, MARVIS_STOP_CAP);
        assert_int_equal(h->n_frames, most);
        free(h);
    }
    free(whole);
    close_fixture(&f);
}

/* A piece is gone on from if it has as many frames as a tail may have, and not with one more. */
static void a_tail_is_no_longer_than_allowed(void **state) {
    (void)state;
    const char *text = "It was a bright cold day.";
    fixture f = open_fixture(2048);
    int n_cases = 0;
    for (uint64_t seed = 0; seed < 16; seed++) {
        marvis_speech_settings s = defaults(&f);
        s.seed = seed;
        s.retries = 0;
        heard *h = speak(&f, &s, text, 0);
        size_t n = h->n_frames;
        bool whole = h->stop == MARVIS_STOP_EOS && n > 0 && h->info.n_early == 0;
        for (int shorter = 0; whole && shorter < 2; shorter++, n_cases++) {
            marvis_error err;
            marvis_speech *speech;
            marvis_speech_position p = {.struct_size = sizeof p};
            s.tail_s = 0.08 * ((double)n + 0.5 - shorter);
            memset(h, 0, sizeof *h);
            assert_ok(marvis_speech_create(f.session, &s, &speech, &err), err);
            speak_on(speech, text, 0, h);
            marvis_speech_position_get(speech, &p);
            assert_int_equal(h->n_frames, n);
            assert_int_equal(p.tail.n_frames, shorter ? 0 : n);
            assert_int_equal(p.contiguous, !shorter);
            marvis_speech_destroy(&speech);
        }
        free(h);
    }
    assert_true(n_cases >= 10);
    close_fixture(&f);
}

/* With few positions the tail is left out where it does not fit, and only there, and the text is
 * still spoken. A byte and a frame are a position each. */
static void a_tail_that_does_not_fit_is_left_out(void **state) {
    (void)state;
    enum { POSITIONS = 340, MOST = 200 };
    fixture f = open_fixture(POSITIONS);
    marvis_error err;
    f.settings.max_frames = MOST;
    for (f.settings.guard = 0; f.settings.guard < 2; f.settings.guard++) {
        use_chunks(&f, 8);
        marvis_speech_settings s = defaults(&f);
        marvis_speech *speech;
        marvis_chunk chunk;
        int n_pieces = 0, n_with = 0, n_without = 0, n_around = 0;
        s.piece_chars = 100;
        s.retries = 0;
        assert_ok(marvis_speech_create(f.session, &s, &speech, &err), err);
        assert_ok(marvis_speech_push_text(speech, book, strlen(book), &err), err);
        marvis_speech_end(speech);
        for (;;) {
            assert_ok(marvis_speech_step(speech, &chunk, &err), err);
            if (chunk.stop != MARVIS_STOP_NONE) break;
            marvis_speech_info info = {.struct_size = sizeof info};
            marvis_speech_info_get(speech, &info);
            if (!chunk.n_frames || info.n_pieces == n_pieces) continue;
            n_pieces = (int)info.n_pieces;
            marvis_speech_position p = {.struct_size = sizeof p};
            marvis_session_timing timing = {.struct_size = sizeof timing};
            marvis_speech_position_get(speech, &p);
            marvis_session_timing_get(f.session, &timing);
            int n_text = (int)info.text_len_bytes, n_tail = (int)p.tail.n_frames;
            if (n_pieces == 1) n_around = timing.n_prompt - n_text; /* the speaker, the ends */
            int alone = n_around + n_text, both = alone + 1 + (int)p.tail.text_len_bytes + n_tail;
            bool with = n_tail > 0 && timing.n_prompt == both;
            if (!with) assert_int_equal(timing.n_prompt, alone);
            /* the guard may leave more room */
            if (n_tail && both < POSITIONS - MOST) assert_true(with);
            if (!f.settings.guard && both >= POSITIONS - MOST) assert_false(with);
            n_with += with;
            n_without += n_tail > 0 && !with;
        }
        assert_int_equal(chunk.stop, MARVIS_STOP_EOS);
        assert_true(n_pieces >= 6 && n_with > 0 && n_without > 0);
        marvis_speech_destroy(&speech);
    }
    close_fixture(&f);
}

static void settings_out_of_range_are_named(void **state) {
    (void)state;
    fixture f = open_fixture(2048);
    struct {
        marvis_speech_settings s;
        const char *named;
    } cases[13];
    size_t n = 0;
    for (; n < 13; n++)
        cases[n].s = defaults(&f);
    n = 0;
#define CASE(change, word) cases[n].s.change, cases[n++].named = (word)
    CASE(struct_size = 8, "settings");
    CASE(piece_chars = 23, "pieces");
    CASE(piece_chars = 4097, "pieces");
    CASE(first_chars = -1, "first piece");
    CASE(first_chars = 161, "first piece");
    CASE(sentence_pause_ms = -1, "between sentences");
    CASE(paragraph_pause_ms = 60001, "between paragraphs");
    CASE(retries = -1, "retries");
    CASE(retries = 101, "retries");
    CASE(tail_s = -1, "tail");
    CASE(tail_s = 61, "tail");
    CASE(tail_s = NAN, "tail");
    CASE(max_frames = -1, "cap");
#undef CASE
    assert_int_equal(n, 13);
    for (size_t i = 0; i < n; i++) {
        marvis_speech *speech;
        marvis_error err;
        assert_int_equal(marvis_speech_create(f.session, &cases[i].s, &speech, &err),
                         MARVIS_ERR_CALL);
        assert_null(speech);
        assert_non_null(strstr(err.message, cases[i].named));
    }
    close_fixture(&f);
}

/* Behind a long past the longest piece has less room than the guard would let it have, and gets
 * that: the speech does not fail in its middle. */
static void a_long_piece_takes_the_room_that_is_left(void **state) {
    (void)state;
    static int32_t zeros[1200];
    char text[400];
    marvis_error err;
    int n_cases = 0;
    for (int positions = 700; positions <= 1100; positions += 200, n_cases++) {
        fixture f = open_fixture(positions);
        marvis_session_destroy(&f.session);
        f.settings.max_frames = 400;
        assert_ok(marvis_session_create(f.model, &f.settings, &f.session, &err), err);
        marvis_recording turn;
        marvis_recording_init(&turn);
        turn.text = "Hm.";
        turn.text_len_bytes = 3;
        turn.codes = zeros;
        turn.n_frames = (size_t)positions - 500;
        turn.n_codebooks = SPOKEN;
        assert_ok(marvis_session_add_context(f.session, 1, &turn, &err), err);
        marvis_speech_settings s = defaults(&f);
        marvis_speech *speech;
        marvis_chunk chunk;
        s.retries = 0;
        memset(text, 'a', sizeof text);
        for (size_t i = 5; i < 200; i += 6)
            text[i] = ' ';
        /* 200 letters are 13 s at 15 a second, 167 frames, and there are 500 - 9 - 205 positions */
        assert_ok(marvis_speech_create(f.session, &s, &speech, &err), err);
        assert_ok(marvis_speech_push_text(speech, text, 200, &err), err);
        marvis_speech_end(speech);
        do {
            assert_ok(marvis_speech_step(speech, &chunk, &err), err);
        } while (chunk.stop == MARVIS_STOP_NONE);
        assert_int_equal(f.session->settings.max_frames, 500 - 9 - 205 - 1);
        marvis_speech_destroy(&speech);
        assert_int_equal(f.session->settings.max_frames, 400);
        close_fixture(&f);
    }
    assert_int_equal(n_cases, 3);
}

/* ---- pieces as turns ------------------------------------------------------------------------- */

/* The context of the session is that of one to which the pieces were given as turns, in `n` of
 * them; of the last one `len` bytes of its text. */
static void assert_turns(fixture *f, const heard *h, size_t n, size_t len) {
    marvis_session *by_hand;
    marvis_error err;
    const mv_prompt *got = &f->session->context.rows;
    assert_ok(marvis_session_create(f->model, &f->settings, &by_hand, &err), err);
    for (size_t i = 0; i < n; i++) {
        size_t begin = i ? h->ends[i - 1] : 0;
        marvis_recording turn;
        marvis_recording_init(&turn);
        turn.text = h->texts[i];
        turn.text_len_bytes = i + 1 < n ? strlen(h->texts[i]) : len;
        turn.codes = h->codes + begin;
        turn.n_frames = h->ends[i] - begin;
        turn.n_codebooks = SPOKEN;
        if (turn.n_frames == 0) continue; /* nothing was heard of it */
        assert_ok(marvis_session_add_context(by_hand, f->settings.speaker, &turn, &err), err);
    }
    const mv_prompt *expected = &by_hand->context.rows;
    assert_int_equal(f->session->context.n_turns, by_hand->context.n_turns);
    assert_int_equal(got->n, expected->n);
    assert_memory_equal(got->frames, expected->frames, got->n * (CODEBOOKS + 1) * sizeof(int32_t));
    assert_memory_equal(got->mask, expected->mask, got->n * (CODEBOOKS + 1));
    marvis_session_destroy(&by_hand);
}

/* Each piece answers those before it: of an attempt that was given up nothing stays, and there is
 * no tail. */
static void pieces_become_turns(void **state) {
    (void)state;
    marvis_error err;
    fixture f = open_fixture(2048);
    marvis_speech_settings s = defaults(&f);
    int64_t n_retries = 0;
    int n_counted = 0;
    s.piece_chars = 60;
    s.keep_turns = 1;
    for (int i = 0; i < 4; i++) {
        s.hold = i % 2;
        s.retries = i / 2; /* of none the prompts are counted */
        assert_ok(marvis_session_clear_context(f.session, &err), err);
        heard *h = speak(&f, &s, book, 0);
        assert_true(h->n_pieces >= 8);
        assert_turns(&f, h, h->n_pieces, strlen(h->texts[h->n_pieces - 1]));
        n_retries += h->info.n_retries;
        if (h->info.n_retries == 0) {
            size_t n_prompt = 0, begin = 0;
            n_counted++;
            for (size_t k = 0; k < h->n_pieces; begin = h->ends[k++])
                n_prompt += (begin ? f.session->context.ends[k - 1] : 0) + 5 + strlen(h->texts[k]);
            assert_int_equal(h->info.timing.n_prompt, n_prompt);
        }
        free(h);
    }
    assert_true(n_retries > 0 && n_counted >= 2);
    close_fixture(&f);
}

/* What was heard until then is a turn, too; and a position does not go with turns. */
static void a_cancelled_piece_is_a_turn_of_what_was_heard(void **state) {
    (void)state;
    marvis_error err;
    fixture f = open_fixture(2048);
    marvis_speech_settings s = defaults(&f);
    marvis_speech_position position = {.struct_size = sizeof position};
    marvis_speech *speech;
    marvis_chunk chunk;
    heard *h = calloc(1, sizeof *h);
    assert_non_null(h);
    s.keep_turns = 1;
    s.retries = 0;
    assert_ok(marvis_speech_create(f.session, &s, &speech, &err), err);
    assert_int_equal(marvis_speech_resume(speech, &position, &err), MARVIS_ERR_CALL);
    assert_ok(marvis_speech_push_text(speech, book, strlen(book), &err), err);
    marvis_speech_end(speech);
    do {
        assert_ok(marvis_speech_step(speech, &chunk, &err), err);
        listen(h, speech, &chunk);
        if (h->n_frames >= 3) marvis_session_cancel(f.session);
    } while (chunk.stop == MARVIS_STOP_NONE);
    assert_int_equal(chunk.stop, MARVIS_STOP_CANCELLED);
    marvis_speech_destroy(&speech);
    size_t n = f.session->context.rows.n - h->n_frames - 1 - 5;
    assert_int_equal(h->n_pieces, 1);
    assert_true(n > 0 && n < strlen(h->texts[0]));
    assert_turns(&f, h, 1, n);
    free(h);
    close_fixture(&f);
}

/* Failing at the Nth allocation: always ERR_MEMORY, and again at the next step, never a leak. */
static void every_allocation_may_fail(void **state) {
    (void)state;
    fixture f = open_fixture(2048);
    int n_failed = 0;
    for (uint64_t n = 1;; n++) {
        marvis_speech *speech = NULL;
        marvis_error err;
        marvis_chunk chunk = {0};
        use_chunks(&f, 8);
        mv_alloc_fail_after(n, n % 2);
        marvis_status status = marvis_speech_create(f.session, NULL, &speech, &err);
        if (status == MARVIS_OK) status = marvis_speech_push_text(speech, book, 190, &err);
        if (status == MARVIS_OK) marvis_speech_end(speech);
        while (status == MARVIS_OK && chunk.stop == MARVIS_STOP_NONE)
            status = marvis_speech_step(speech, &chunk, &err);
        mv_alloc_fail_after(0, false);
        marvis_speech_destroy(&speech);
        if (status == MARVIS_OK) break;
        assert_int_equal(status, MARVIS_ERR_MEMORY);
        n_failed++;
    }
    assert_true(n_failed > 10);
    close_fixture(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_piece_is_what_a_session_says),
        cmocka_unit_test(pushes_and_chunks_of_any_size_are_the_same_speech),
        cmocka_unit_test(pieces_go_on_from_voice_and_tail),
        cmocka_unit_test(pauses_are_as_long_as_asked_and_without_clicks),
        cmocka_unit_test(speech_begins_with_the_first_clause),
        cmocka_unit_test(a_cancel_hands_out_what_is_held),
        cmocka_unit_test(a_speech_goes_on_from_a_position),
        cmocka_unit_test(the_words_are_those_of_the_whole_paragraph),
        cmocka_unit_test(a_cap_of_all_frames_ends_it),
        cmocka_unit_test(a_tail_is_no_longer_than_allowed),
        cmocka_unit_test(a_tail_that_does_not_fit_is_left_out),
        cmocka_unit_test(settings_out_of_range_are_named),
        cmocka_unit_test(a_long_piece_takes_the_room_that_is_left),
        cmocka_unit_test(pieces_become_turns),
        cmocka_unit_test(a_cancelled_piece_is_a_turn_of_what_was_heard),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
