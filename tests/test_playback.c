/* test_playback.c - playing on a sound card that stands in this file: it takes sound only while
 * Pa_Sleep waits, so that time is counted and every run is the same. */
#include "support.h"

#include <math.h>
#include <portaudio.h>
#include <soxr.h>

#include "cli/say_sink.h"
#include "cli/support.h"
#include "common/platform.h"
#include "common/playback.h"

enum { RATE = 24000, BLOCK = RATE / 100, FRAME = 1920, KEPT_BACK = FRAME / 2 };

/* ---- the card and the clock ----------------------------------------------------------------- */

static struct {
    PaStreamCallback *callback;
    void *ctx;
    double now_s, heard_s;
    double dies_s, cancelled_s; /* when; 0: never */
    int rate;                   /* the only one that it takes */
    int n_undeferred;           /* waits in which a signal would end the program */
    bool runs, is_deferred, was_deferred;
} card;

double platform_seconds(void) { return card.now_s; }
bool cli_is_cancelled(void) { return card.cancelled_s > 0 && card.now_s >= card.cancelled_s; }
void cli_defer_signals(bool defer) {
    card.is_deferred = defer;
    card.was_deferred |= defer;
}

void Pa_Sleep(long ms) {
    float out[BLOCK];
    card.n_undeferred += !card.is_deferred;
    for (long t = 0; t < ms; t += 10, card.now_s += 0.01) {
        if (!card.runs || Pa_IsStreamActive(NULL) != 1) continue;
        card.callback(NULL, out, BLOCK, NULL, 0, card.ctx);
        for (int i = 0; i < BLOCK; i++)
            card.heard_s += fabsf(out[i]) > 0.1f ? 1.0 / RATE : 0;
    }
}

PaError Pa_Initialize(void) { return paNoError; }
PaError Pa_Terminate(void) { return paNoError; }
const char *Pa_GetErrorText(PaError error) { return error ? "an error" : "none"; }
PaDeviceIndex Pa_GetDeviceCount(void) { return 1; }
PaDeviceIndex Pa_GetDefaultOutputDevice(void) { return 0; }
const PaDeviceInfo *Pa_GetDeviceInfo(PaDeviceIndex device) {
    static PaDeviceInfo info = {"a card", 2, 0.02, 0};
    info.defaultSampleRate = card.rate;
    return device == 0 ? &info : NULL;
}
PaError Pa_OpenStream(PaStream **stream, const PaStreamParameters *input,
                      const PaStreamParameters *output, double rate, unsigned long n,
                      PaStreamCallbackFlags flags, PaStreamCallback *callback, void *ctx) {
    (void)input, (void)output, (void)n, (void)flags;
    if ((int)rate != card.rate) return paInvalidSampleRate;
    card.callback = callback;
    card.ctx = ctx;
    *stream = &card;
    return paNoError;
}
PaError Pa_StartStream(PaStream *stream) {
    (void)stream;
    card.runs = true;
    return paNoError;
}
PaError Pa_AbortStream(PaStream *stream) {
    (void)stream;
    card.runs = false;
    return paNoError;
}
PaError Pa_CloseStream(PaStream *stream) { return Pa_AbortStream(stream); }
PaError Pa_IsStreamActive(PaStream *stream) {
    (void)stream;
    return card.dies_s <= 0 || card.now_s < card.dies_s;
}
const PaStreamInfo *Pa_GetStreamInfo(PaStream *stream) {
    static const PaStreamInfo info = {0.02};
    (void)stream;
    return &info;
}

/* The converter: the same samples, the last KEPT_BACK of them when the input ends. */
struct fake_converter {
    float held[KEPT_BACK + FRAME * 8];
    size_t n;
} converter;

soxr_t soxr_create(double from, double to, unsigned n_channels, soxr_error_t *error, const void *io,
                   const void *quality, const void *runtime) {
    (void)from, (void)to, (void)n_channels, (void)io, (void)quality, (void)runtime;
    *error = NULL;
    converter.n = 0;
    return &converter;
}
soxr_error_t soxr_process(soxr_t c, const void *in, size_t n_in, size_t *n_used, void *out,
                          size_t n_out, size_t *n_done) {
    assert_true(c->n + n_in <= sizeof c->held / sizeof *c->held);
    if (in) memcpy(c->held + c->n, in, n_in * sizeof *c->held);
    if (in) c->n += n_in;
    size_t keep = in ? KEPT_BACK : 0, n = c->n > keep ? c->n - keep : 0;
    *n_used = in ? n_in : 0;
    *n_done = n < n_out ? n : n_out;
    memcpy(out, c->held, *n_done * sizeof *c->held);
    memmove(c->held, c->held + *n_done, (c->n - *n_done) * sizeof *c->held);
    c->n -= *n_done;
    return NULL;
}
soxr_error_t soxr_clear(soxr_t c) {
    c->n = 0;
    return NULL;
}
void soxr_delete(soxr_t c) { (void)c; }

/* ---- what the sink would write to a file ----------------------------------------------------- */

marvis_status audio_writer_start(audio_writer *writer, int sample_rate, marvis_error *err) {
    (void)writer, (void)sample_rate, (void)err;
    return MARVIS_OK;
}
marvis_status audio_writer_write(audio_writer *writer, const float *pcm, size_t n,
                                 marvis_error *err) {
    (void)writer, (void)pcm, (void)n, (void)err;
    return MARVIS_OK;
}

void audio_writer_set_wait(audio_writer *writer, bool (*wait)(int fd)) { (void)writer, (void)wait; }
bool cli_wait_writable(int fd) { return fd >= 0; }

/* To finish a file takes half a second. */
static double heard_before_finish, heard_after_finish;
static int n_finished;
marvis_status audio_writer_finish(audio_writer *writer, marvis_error *err) {
    (void)writer, (void)err;
    assert_false(card.is_deferred);
    heard_before_finish = card.heard_s;
    Pa_Sleep(500);
    heard_after_finish = card.heard_s;
    n_finished++;
    return MARVIS_OK;
}

/* ---- the tests ------------------------------------------------------------------------------- */

static playback *open_playback(int card_rate) {
    playback_settings settings = {
        .sample_rate = RATE, .piece_s = 0.64, .is_cancelled = cli_is_cancelled};
    playback *p;
    marvis_error err;
    memset(&card, 0, sizeof card);
    card.rate = card_rate;
    card.now_s = 100;
    assert_ok(playback_open(&settings, &p, &err), err);
    return p;
}

static const float *tone(void) {
    static float pcm[8 * FRAME];
    for (int i = 0; i < 8 * FRAME; i++)
        pcm[i] = 0.5f;
    return pcm;
}

static void write_frames(playback *p, int n) {
    marvis_error err;
    assert_ok(playback_write(p, tone(), (size_t)(n * FRAME), &err), err);
}

static void assert_heard(double seconds) {
    if (fabs(card.heard_s - seconds) > 0.01) fail_msg("heard %g s, not %g", card.heard_s, seconds);
}

static void check_rest(int card_rate) {
    marvis_error err;
    playback *p = open_playback(card_rate);
    write_frames(p, 2);
    Pa_Sleep(1000);
    assert_heard(0); /* too little to begin with */
    for (int i = 0; i < 3; i++) {
        assert_ok(playback_rest(p, &err), err);
        Pa_Sleep(1000);
        assert_heard(0.16);
    }
    write_frames(p, 1); /* of the next line */
    assert_ok(playback_rest(p, &err), err);
    Pa_Sleep(1000);
    assert_heard(0.24);
    playback_close(&p);
}

static void a_line_is_heard_to_its_end_while_the_next_is_waited_for(void **state) {
    (void)state;
    check_rest(RATE);
    check_rest(RATE / 2 * 3); /* and what the converter has kept back */
}

static void to_wait_for_text_is_no_gap_and_takes_no_making(void **state) {
    (void)state;
    jitter_report report;
    marvis_error err;
    playback *p = open_playback(RATE);
    for (int line = 1; line <= 3; line++) {
        write_frames(p, 4);
        write_frames(p, 4); /* made at once: begins */
        Pa_Sleep(200);
        assert_true(card.heard_s > 0.64 * line - 0.64);
        assert_ok(playback_rest(p, &err), err);
        Pa_Sleep(20000);
        assert_heard(0.64 * line);
    }
    playback_report(p, &report);
    assert_int_equal(report.n_gaps, 0);
    assert_true(report.gap_s == 0);
    playback_close(&p);
}

static void a_pause_tells_nothing_of_the_speed(void **state) {
    (void)state;
    static const float silence[FRAME] = {0};
    marvis_error err;
    playback *p = open_playback(RATE);
    for (int i = 0; i < 3; i++) { /* 0.08 s in 1 s each: 2 s are to be there */
        write_frames(p, 1);
        Pa_Sleep(1000);
    }
    for (int i = 0; i < 12; i++) {
        assert_ok(playback_pause(p, silence, FRAME, &err), err);
        Pa_Sleep(100);
    }
    assert_heard(0); /* 1.2 s are there */
    write_frames(p, 8);
    write_frames(p, 8);
    Pa_Sleep(2000);
    assert_true(card.heard_s > 0.2);
    playback_close(&p);
}

static int rate_of_player = RATE;

static marvis_status play(say_player *player, bool also, int n, marvis_error *err) {
    *player = (say_player){.piece_s = 0.64};
    if (also) player->also = say_sink_audio(NULL);
    say_sink sink = say_sink_player(player);
    memset(&card, 0, sizeof card);
    card.rate = rate_of_player;
    card.now_s = 100;
    n_finished = 0;
    assert_int_equal(sink.start(sink.ctx, RATE, err), MARVIS_OK);
    for (int i = 0; i < n; i++)
        assert_int_equal(sink.write(sink.ctx, tone(), 8 * FRAME, err), MARVIS_OK);
    return MARVIS_OK;
}

static void the_end_is_heard_while_the_file_is_finished(void **state) {
    (void)state;
    say_player player;
    marvis_error err;
    assert_ok(play(&player, true, 0, &err), err);
    say_sink sink = say_sink_player(&player);
    assert_ok(sink.write(sink.ctx, tone(), 5 * FRAME, &err), err); /* too little to begin with */
    assert_ok(sink.finish(sink.ctx, &err), err);
    assert_int_equal(n_finished, 1);
    assert_true(player.is_finished);
    assert_true(heard_after_finish > heard_before_finish + 0.3);
    assert_heard(0.4);
    say_player_close(&player);
}

static void a_card_that_goes_leaves_the_file_whole(void **state) {
    (void)state;
    static const double when[] = {99, 100.2, 101}; /* before, during and after the file's end */
    for (size_t i = 0; i < 3; i++) {
        say_player player;
        marvis_error err;
        assert_ok(play(&player, true, 3, &err), err);
        say_sink sink = say_sink_player(&player);
        card.dies_s = when[i];
        assert_int_equal(sink.finish(sink.ctx, &err), MARVIS_ERR_IO);
        assert_non_null(strstr(err.message, "sound card has stopped"));
        assert_int_equal(n_finished, 1);
        assert_true(player.is_finished);
        say_player_close(&player);
    }
    say_player player; /* played alone: there is no file to be whole */
    marvis_error err;
    assert_ok(play(&player, false, 3, &err), err);
    say_sink sink = say_sink_player(&player);
    card.dies_s = 101;
    assert_int_equal(sink.finish(sink.ctx, &err), MARVIS_ERR_IO);
    assert_false(player.is_finished);
    say_player_close(&player);
}

/* A signal ends the program while it is not deferred, and what was to be told is lost. */
static void a_signal_ends_the_wait_for_the_end_alone(void **state) {
    (void)state;
    say_player player;
    marvis_error err;
    assert_ok(play(&player, true, 3, &err), err); /* 1.92 s */
    say_sink sink = say_sink_player(&player);
    card.cancelled_s = 101;
    assert_ok(sink.finish(sink.ctx, &err), err);
    assert_true(card.was_deferred);
    assert_false(card.is_deferred);
    assert_heard(1);
    say_player_close(&player);
}

/* To tell the end takes room for what the converter holds: until there is some, the file is not
 * finished, and a signal must not end the program. */
static void a_signal_behind_a_full_buffer_loses_no_file(void **state) {
    (void)state;
    say_player player;
    marvis_error err;
    rate_of_player = RATE / 2 * 3;
    assert_ok(play(&player, true, 80, &err), err); /* more than 30 s of the card's */
    rate_of_player = RATE;
    say_sink sink = say_sink_player(&player);
    card.n_undeferred = 0;
    card.cancelled_s = card.now_s + 0.001;
    assert_ok(sink.finish(sink.ctx, &err), err);
    assert_int_equal(n_finished, 1);
    assert_int_equal(card.n_undeferred, 1); /* the file's own end */
    assert_false(card.is_deferred);
    say_player_close(&player);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_heard_to_its_end_while_the_next_is_waited_for),
        cmocka_unit_test(to_wait_for_text_is_no_gap_and_takes_no_making),
        cmocka_unit_test(a_pause_tells_nothing_of_the_speed),
        cmocka_unit_test(the_end_is_heard_while_the_file_is_finished),
        cmocka_unit_test(a_card_that_goes_leaves_the_file_whole),
        cmocka_unit_test(a_signal_ends_the_wait_for_the_end_alone),
        cmocka_unit_test(a_signal_behind_a_full_buffer_loses_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
