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
    /* The same of a pause: silence, which takes no time to make. */
    marvis_status (*pause)(void *ctx, const float *silence, size_t n, marvis_error *err);
    /* No more comes for now: who listens hears all that was written. NULL: no difference. */
    marvis_status (*rest)(void *ctx, marvis_error *err);
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
    bool is_finished;   /* `also` is: what fails now is the playing alone */
} say_player;

/* The player is borrowed. finish finishes `also` and waits until everything was heard, or a signal
 * came, which then does no more than that. */
say_sink say_sink_player(say_player *player);
void say_player_close(say_player *player); /* silence at once */

#endif
