/* say_sink.h - where the speech of marvis say goes: an audio file or stream, or what is kept of a
 * speech that can be resumed. Another way out is another row of functions. */
#ifndef APPS_CLI_SAY_SINK_H
#define APPS_CLI_SAY_SINK_H

#include <stddef.h>

#include "common/audio_file.h"
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

#endif
