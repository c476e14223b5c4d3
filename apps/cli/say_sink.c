/* say_sink.c - see say_sink.h. */
#include "cli/say_sink.h"

static marvis_status audio_start(void *ctx, int sample_rate, marvis_error *err) {
    return audio_writer_start(ctx, sample_rate, err);
}

static marvis_status audio_write(void *ctx, const float *pcm, size_t n, marvis_error *err) {
    return audio_writer_write(ctx, pcm, n, err);
}

static marvis_status audio_finish(void *ctx, marvis_error *err) {
    return audio_writer_finish(ctx, err);
}

say_sink say_sink_audio(audio_writer *writer) {
    return (say_sink){writer, audio_start, audio_write, audio_finish};
}
