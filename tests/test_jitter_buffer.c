/* test_jitter_buffer.c - when speech begins, that it has no gaps while it is made faster than it
 * plays, and what happens when it is not. Time is counted, not measured. */
#include "common/jitter_buffer.h"

#include "support.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

enum { RATE = 24000, FRAME = 1920 };

static jitter_buffer *new_buffer(double capacity_s) {
    jitter_settings settings;
    jitter_settings_init(&settings, RATE);
    settings.capacity_s = capacity_s;
    jitter_buffer *b = jitter_buffer_create(&settings);
    assert_non_null(b);
    return b;
}

/* A session's chunks of 1, 2, 4, 8, 8... frames made at `speed` after `prompt_s`, played by a card
 * that asks for `block` samples at a time. Returns when sound began. Samples count up from 1. */
static double simulate(double speed, double prompt_s, int n_frames, size_t block,
                       jitter_report *report) {
    jitter_buffer *b = new_buffer(30);
    float *pcm = malloc(8 * FRAME * sizeof *pcm), *out = malloc(block * sizeof *out);
    double made_s = 0, begun_s = 0, first_s = -1;
    int frame = 0, chunk = 1;
    float next = 1, expected = 1;
    bool pending = false;
    for (size_t played = 0; !jitter_buffer_is_done(b); played += block) {
        double now = (double)played / RATE;
        for (;;) {
            if (!pending && frame < n_frames) {
                if (chunk > n_frames - frame) chunk = n_frames - frame;
                begun_s = made_s;
                made_s += chunk * 0.08 * speed + (frame ? 0 : prompt_s);
                pending = true;
            }
            if (!pending || made_s > now) break;
            for (int i = 0; i < chunk * FRAME; i++)
                pcm[i] = next++;
            jitter_buffer_announce(b, chunk * 0.08, made_s - begun_s);
            assert_int_equal(jitter_buffer_put(b, pcm, (size_t)(chunk * FRAME)), chunk * FRAME);
            frame += chunk;
            chunk = chunk < 8 ? 2 * chunk : 8;
            pending = false;
            if (frame == n_frames) jitter_buffer_end(b);
        }
        jitter_buffer_report(b, report);
        int n_gaps = report->n_gaps;
        jitter_buffer_take(b, out, block);
        jitter_buffer_report(b, report);
        for (size_t i = 0; i < block && n_gaps == 0 && report->n_gaps == 0; i++) {
            if (out[i] == expected) {
                if (first_s < 0) first_s = now;
                expected++;
            } else if (expected > 1) {
                assert_true(out[i] < expected); /* fading at the end, or not begun */
                assert_int_equal((int)expected - 1, n_frames * FRAME);
            }
        }
    }
    assert_true(fabs(report->played_s - n_frames * 0.08) < 1e-9);
    jitter_buffer_destroy(&b);
    free(pcm);
    free(out);
    return first_s;
}

static void speech_faster_than_it_plays_has_no_gap(void **state) {
    (void)state;
    static const double speeds[] = {0.02, 0.1, 0.3, 0.49, 0.55, 0.7, 0.8, 0.9, 0.97};
    static const size_t blocks[] = {64, 480, 1024, 4096};
    int n = 0;
    for (size_t s = 0; s < sizeof speeds / sizeof *speeds; s++)
        for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++)
            for (int frames = 1; frames <= 90; frames += 89, n++) {
                jitter_report report;
                double block_s = (double)blocks[k] / RATE;
                double first = simulate(speeds[s], 0.2, frames, blocks[k], &report);
                if (report.n_gaps)
                    fail_msg("speed %g, blocks of %zu: %d gaps", speeds[s], blocks[k],
                             report.n_gaps);
                /* One piece to speak from, a second to learn the speed; slow ones wait longer. */
                double second = 0.2 + 3 * 0.08 * speeds[s] + 2 * block_s;
                if (speeds[s] < 0.5 && first > second)
                    fail_msg("speed %g: begins at %g s, wanted %g", speeds[s], first, second);
            }
    assert_int_equal(n, 72);
}

static void speech_slower_than_it_plays_tells_its_gaps(void **state) {
    (void)state;
    jitter_report report;
    double first = simulate(1.5, 0.2, 150, 480, &report);
    assert_true(first > 2); /* 2 s are kept, which took 3 */
    assert_in_range(report.n_gaps, 1, 5);
    /* 12 s take 18.2 s to make: what does not pass before the beginning passes in gaps, and the
     * last of them may have been waited out when all was there. */
    assert_true(report.gap_s > 18.2 - 12 - first - 0.1);
    assert_true(report.gap_s < 18.2 - 12 - first + 2.8);
}

static void sound_fades_around_a_gap(void **state) {
    (void)state;
    jitter_buffer *b = new_buffer(2);
    float pcm[16000], out[16000];
    for (size_t i = 0; i < 16000; i++)
        pcm[i] = 0.5f;
    jitter_buffer_announce(b, 16000.0 / RATE, 0.1);
    assert_int_equal(jitter_buffer_put(b, pcm, 16000), 16000); /* 0.64 s and more: begins */
    jitter_buffer_take(b, out, 15900);
    assert_true(out[15899] == 0.5f);
    jitter_buffer_take(b, out, 1000);
    float before = 0.5f;
    for (size_t i = 0; i < 1000; i++) {
        assert_true(fabsf(out[i] - before) < 0.03f);
        before = out[i];
    }
    assert_true(before == 0);
    assert_int_equal(jitter_buffer_put(b, pcm, 16000), 16000);
    jitter_buffer_take(b, out, 1000);
    for (size_t i = 0; i < 1000; i++) {
        assert_true(fabsf(out[i] - before) < 0.03f);
        before = out[i];
    }
    assert_true(before == 0.5f);
    jitter_report report;
    jitter_buffer_report(b, &report);
    assert_int_equal(report.n_gaps, 1);
    assert_true(fabs(report.gap_s - 900.0 / RATE) < 1e-9);
    jitter_buffer_destroy(&b);
}

static void what_is_ended_plays_however_short(void **state) {
    (void)state;
    jitter_buffer *b = new_buffer(1);
    float x = 0.25f, out[8];
    assert_int_equal(jitter_buffer_put(b, &x, 1), 1);
    jitter_buffer_take(b, out, 8);
    assert_true(out[0] == 0);
    jitter_buffer_end(b);
    jitter_buffer_take(b, out, 8);
    assert_true(out[0] == 0.25f);
    assert_true(jitter_buffer_is_done(b));
    for (int again = 0; again < 3; again++) { /* silence between utterances is no gap */
        jitter_buffer_take(b, out, 8);
        assert_int_equal(jitter_buffer_put(b, &x, 1), 1);
        jitter_buffer_end(b);
        jitter_buffer_take(b, out, 8);
        assert_true(out[0] == 0.25f);
    }
    jitter_report report;
    jitter_buffer_report(b, &report);
    assert_int_equal(report.n_gaps, 0);
    jitter_buffer_destroy(&b);
}

/* 80 ms frames of 0.3, announced and put. */
static void put_frames(jitter_buffer *b, int n, double made_s) {
    static float pcm[8 * FRAME];
    for (int i = 0; i < n * FRAME; i++)
        pcm[i] = 0.3f;
    jitter_buffer_announce(b, n * 0.08, made_s);
    assert_int_equal(jitter_buffer_put(b, pcm, (size_t)(n * FRAME)), n * FRAME);
}

/* What is heard in `seconds`, to 10 ms. */
static double listen(jitter_buffer *b, double seconds) {
    float out[240];
    int n = 0;
    for (int i = 0; i < (int)(seconds * 100 + 0.5); i++) {
        jitter_buffer_take(b, out, 240);
        n += out[0] == 0.3f;
    }
    return n / 100.0;
}

static void what_is_ended_plays_whatever_comes_next(void **state) {
    (void)state;
    jitter_buffer *b = new_buffer(30);
    put_frames(b, 1, 0.1);
    put_frames(b, 2, 0.2);
    put_frames(b, 4, 0.4); /* 0.56 s, too little to begin at this speed */
    assert_true(listen(b, 1) == 0);
    jitter_buffer_end(b);
    assert_true(listen(b, 0.2) == 0.2);
    put_frames(b, 1, 5); /* of the next line: waits, and the old one is heard to its end */
    assert_true(listen(b, 1) == 0.36);
    assert_int_equal(jitter_buffer_held(b), FRAME);
    jitter_buffer_end(b);
    assert_true(listen(b, 1) == 0.08);
    jitter_report report;
    jitter_buffer_report(b, &report);
    assert_int_equal(report.n_gaps, 0);
    assert_true(report.gap_s == 0);
    jitter_buffer_destroy(&b);
}

/* A line that begins to be heard before the one before it has ended makes no gap, and one that was
 * announced before it was put begins anew all the same. */
static void a_line_begins_anew_after_the_end(void **state) {
    (void)state;
    jitter_buffer *b = new_buffer(30);
    put_frames(b, 8, 0.1); /* 0.64 s: begins */
    assert_true(listen(b, 0.1) == 0.1);
    jitter_buffer_end(b);
    jitter_buffer_announce(b, 0.08, 9);
    assert_true(listen(b, 0.2) == 0.2);
    put_frames(b, 8, 0.1); /* begins: 0.34 and 0.64 s are held */
    assert_true(listen(b, 2) == 0.98);
    jitter_buffer_end(b); /* after it was heard */
    assert_true(listen(b, 1) == 0);
    put_frames(b, 1, 9);
    put_frames(b, 2, 0.01);
    assert_true(listen(b, 1) == 0.24);
    jitter_buffer_end(b);
    put_frames(b, 8, 9); /* the wait for it, and its prompt, tell nothing of the speed */
    assert_true(listen(b, 1) > 0.6);
    jitter_buffer_end(b);
    put_frames(b, 8, 9);
    assert_true(listen(b, 0.1) > 0.05);
    jitter_buffer_end(b);
    put_frames(b, 1, 9); /* too little, although the line before was allowed to play */
    assert_true(listen(b, 1) == 0.54);
    jitter_report report;
    jitter_buffer_end(b);
    jitter_buffer_report(b, &report);
    assert_int_equal(report.n_gaps, 0);
    assert_true(report.gap_s == 0);
    jitter_buffer_destroy(&b);
}

/* A pause that is not announced changes nothing of what is known of the pieces. */
static void a_pause_is_no_piece(void **state) {
    (void)state;
    jitter_buffer *b = new_buffer(30);
    float pause[9600] = {0};
    jitter_buffer_end(b);
    assert_int_equal(jitter_buffer_put(b, pause, 9600), 9600);
    assert_int_equal(jitter_buffer_put(b, pause, 9600), 9600);
    assert_true(listen(b, 1) == 0); /* 0.8 s, but a pause alone does not begin */
    assert_int_equal(jitter_buffer_held(b), 19200);
    put_frames(b, 1, 9); /* the first piece still: its time is that of its prompt, too */
    put_frames(b, 2, 0.01);
    assert_true(listen(b, 2) == 0.24);
    for (int i = 0; i < 3; i++)
        put_frames(b, 6, 2);                                   /* slow: 2 s are to be held */
    assert_int_equal(jitter_buffer_put(b, pause, 9600), 9600); /* 1.84 s */
    assert_true(listen(b, 1) == 0);
    assert_int_equal(jitter_buffer_put(b, pause, 3840), 3840);
    assert_true(listen(b, 1) > 0.9);
    jitter_buffer_destroy(&b);
}

static void the_ring_goes_round(void **state) {
    (void)state;
    jitter_buffer *b = new_buffer(0.05); /* 1200 samples */
    float in[500], out[500];
    for (int round = 0; round < 24; round++) {
        for (int i = 0; i < 500; i++)
            in[i] = (float)(500 * round + i + 1) / 16384;
        assert_int_equal(jitter_buffer_put(b, in, 500), 500);
        jitter_buffer_end(b);
        jitter_buffer_take(b, out, 500);
        assert_memory_equal(out, in, sizeof in);
    }
    jitter_buffer_destroy(&b);
}

static void a_full_buffer_takes_no_more_and_plays(void **state) {
    (void)state;
    jitter_buffer *b = new_buffer(0.05); /* 1200 samples, less than any piece */
    float pcm[2000], out[700];
    for (int i = 0; i < 2000; i++)
        pcm[i] = (float)(i + 1);
    size_t n = jitter_buffer_put(b, pcm, 2000), heard = 0;
    assert_int_equal(n, 1200);
    while (heard < 2000) {
        jitter_buffer_take(b, out, 700);
        for (size_t i = 0; i < 700 && heard < 2000; i++, heard++)
            assert_true(out[i] == (float)(heard + 1));
        n += jitter_buffer_put(b, pcm + n, 2000 - n);
        if (n == 2000) jitter_buffer_end(b);
    }
    assert_true(jitter_buffer_is_done(b));
    jitter_buffer_destroy(&b);
}

/* ---- two threads */

enum { N_THREADED = 100000 };

static void *put_all(void *ctx) {
    jitter_buffer *b = ctx;
    float pcm[333];
    for (int at = 0; at < N_THREADED;) {
        int n = N_THREADED - at < 333 ? N_THREADED - at : 333;
        for (int i = 0; i < n; i++)
            pcm[i] = (float)(at + i + 1);
        int put = (int)jitter_buffer_put(b, pcm, (size_t)n);
        if (put == 0) sched_yield();
        at += put;
    }
    jitter_buffer_end(b);
    return NULL;
}

static void two_threads_lose_nothing(void **state) {
    (void)state;
    jitter_buffer *b = new_buffer(0.1);
    pthread_t thread;
    float out[97];
    int heard = 0;
    assert_int_equal(pthread_create(&thread, NULL, put_all, b), 0);
    while (!jitter_buffer_is_done(b)) {
        size_t before = jitter_buffer_held(b);
        if (before == 0) sched_yield();
        jitter_buffer_take(b, out, before < 97 ? before : 97); /* never more: no fades */
        jitter_report report;
        jitter_buffer_report(b, &report);
        int n = (int)(report.played_s * RATE + 0.5) - heard;
        for (int i = 0; i < n; i++)
            assert_int_equal((int)out[i], ++heard);
    }
    assert_int_equal(heard, N_THREADED);
    pthread_join(thread, NULL);
    jitter_buffer_destroy(&b);
}

static void nonsense_is_refused(void **state) {
    (void)state;
    jitter_settings settings;
    jitter_settings_init(&settings, 0);
    assert_null(jitter_buffer_create(&settings));
    jitter_settings_init(&settings, RATE);
    settings.piece_s = 0;
    assert_null(jitter_buffer_create(&settings));
    settings.piece_s = 1;
    settings.capacity_s = (double)NAN;
    assert_null(jitter_buffer_create(&settings));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speech_faster_than_it_plays_has_no_gap),
        cmocka_unit_test(speech_slower_than_it_plays_tells_its_gaps),
        cmocka_unit_test(sound_fades_around_a_gap),
        cmocka_unit_test(what_is_ended_plays_however_short),
        cmocka_unit_test(what_is_ended_plays_whatever_comes_next),
        cmocka_unit_test(a_line_begins_anew_after_the_end),
        cmocka_unit_test(a_pause_is_no_piece),
        cmocka_unit_test(the_ring_goes_round),
        cmocka_unit_test(a_full_buffer_takes_no_more_and_plays),
        cmocka_unit_test(two_threads_lose_nothing),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
