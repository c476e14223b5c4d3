/* say_sink.c - see say_sink.h. */
#include "cli/say_sink.h"

#include "cli/support.h"
#include "common/error.h"

static marvis_status audio_start(void *ctx, int sample_rate, marvis_error *err) {
    audio_writer_set_wait(ctx, cli_wait_writable);
    return audio_writer_start(ctx, sample_rate, err);
}

static marvis_status audio_write(void *ctx, const float *pcm, size_t n, marvis_error *err) {
    return audio_writer_write(ctx, pcm, n, err);
}

static marvis_status audio_finish(void *ctx, marvis_error *err) {
    return audio_writer_finish(ctx, err);
}

say_sink say_sink_audio(audio_writer *writer) {
    return (say_sink){writer, audio_start, audio_write, audio_write, NULL, audio_finish};
}

/* ---- the sound card ------------------------------------------------------------------------- */

static marvis_status player_start(void *ctx, int sample_rate, marvis_error *err) {
    say_player *p = ctx;
    playback_settings settings = {.device = p->device,
                                  .sample_rate = sample_rate,
                                  .piece_s = p->piece_s,
                                  .is_cancelled = cli_is_cancelled};
    marvis_status status = playback_open(&settings, &p->playback, err);
    if (status == MARVIS_OK && p->also.start) status = p->also.start(p->also.ctx, sample_rate, err);
    return status;
}

static marvis_status player_write(void *ctx, const float *pcm, size_t n, marvis_error *err) {
    say_player *p = ctx;
    marvis_status status = MARVIS_OK;
    if (p->also.write) status = p->also.write(p->also.ctx, pcm, n, err);
    return status == MARVIS_OK ? playback_write(p->playback, pcm, n, err) : status;
}

static marvis_status player_pause(void *ctx, const float *silence, size_t n, marvis_error *err) {
    say_player *p = ctx;
    marvis_status status = MARVIS_OK;
    if (p->also.pause) status = p->also.pause(p->also.ctx, silence, n, err);
    return status == MARVIS_OK ? playback_pause(p->playback, silence, n, err) : status;
}

static marvis_status player_rest(void *ctx, marvis_error *err) {
    say_player *p = ctx;
    return playback_rest(p->playback, err);
}

/* The end is heard while the file is finished, which may take a while; a card that has gone keeps
 * no file from its end. */
static marvis_status player_finish(void *ctx, marvis_error *err) {
    say_player *p = ctx;
    marvis_error of_card;
    marvis_status status = MARVIS_OK;
    cli_defer_signals(true); /* a full buffer is waited for, and the file is not finished yet */
    marvis_status heard = playback_rest(p->playback, &of_card);
    cli_defer_signals(false);
    if (p->also.finish) status = p->also.finish(p->also.ctx, err);
    if (status != MARVIS_OK) return status;
    p->is_finished = p->also.finish != NULL;
    if (heard != MARVIS_OK) return app_fail(err, heard, "%s", of_card.message);
    cli_defer_signals(true); /* the caller has more to do than to be silent */
    status = playback_drain(p->playback, err);
    cli_defer_signals(false);
    return status;
}

say_sink say_sink_player(say_player *player) {
    return (say_sink){player, player_start, player_write, player_pause, player_rest, player_finish};
}

void say_player_close(say_player *player) { playback_close(&player->playback); }
