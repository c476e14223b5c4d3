/* say_sink.h - where the speech of marvis say goes: an audio file or stream, or what is kept of a
 * speech that can be resumed. Another way out is another row of functions. */
#ifndef APPS_CLI_SAY_SINK_H
#define APPS_CLI_SAY_SINK_H

#include <stddef.h>

#include "common/audio_file.h"
#include "common/playback.h"
#include "marvis.h"

typedef struct say_sink {
    void *ctx;
    /* Once, before the first write. */
    marvis_status (*start)(void *ctx, int sample_rate, marvis_error *err);
    marvis_status (*write)(void *ctx, const float *pcm, size_t n, marvis_error *err);
    /* Everything has been written: it is put in its place. */
    marvis_status (*finish)(void *ctx, marvis_error *err);
} say_sink;

/* The writer is borrowed. */
say_sink say_sink_audio(audio_writer *writer);

/* To the sound card, and through `also` where that has functions. */
typedef struct say_player {
    const char *device; /* as playback.h has it */
    double piece_s;     /* longest chunk */
    say_sink also;
    playback *playback; /* owned: from start to say_player_close */
} say_player;

/* The player is borrowed. finish waits until everything was heard, or a signal came. */
say_sink say_sink_player(say_player *player);
void say_player_close(say_player *player); /* silence at once */

#endif
