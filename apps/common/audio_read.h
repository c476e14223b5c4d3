/* audio_read.h - reads speech from any audio file that libsndfile knows (WAV, FLAC, Ogg, Opus, MP3,
 * AIFF and more) as mono floats at the rate that is wanted: channels are averaged, the rate is
 * converted by libsoxr. */
#ifndef APPS_COMMON_AUDIO_READ_H
#define APPS_COMMON_AUDIO_READ_H

#include <stddef.h>

#include "marvis.h"

/* What a reader takes: 192 kHz and 64 channels are more than any recording of speech has. */
enum { AUDIO_MIN_RATE = 1000, AUDIO_MAX_RATE = 768000, AUDIO_MAX_CHANNELS = 64 };

typedef struct audio_reader audio_reader;

/* Opens a file to be read at sample_rate, in memory that does not grow with it. max_seconds: of the
 * file, if it says its length; a longer one is ERR_INPUT. Other errors: ERR_NOT_FOUND, ERR_IO;
 * ERR_FORMAT: no audio, damaged, or cut off (a WAV that holds less than it says); ERR_INPUT: empty,
 * or a rate or channels out of range; ERR_MEMORY. */
MARVIS_CHECK marvis_status audio_reader_open(const char *path, int sample_rate, double max_seconds,
                                             audio_reader **reader, marvis_error *err);

/* The next *n <= n_max samples, nominally -1..1; *n 0 is the end. ERR_FORMAT: cut off or damaged;
 * ERR_INPUT: a sample that is not a number or beyond any sound, no samples at all, or more than
 * max_seconds. */
MARVIS_CHECK marvis_status audio_reader_read(audio_reader *reader, float *pcm, size_t n_max,
                                             size_t *n, marvis_error *err);

void audio_reader_close(audio_reader **reader); /* NULL is allowed */

/* The whole file, of at most max_seconds. The caller frees *pcm. Errors as above. */
MARVIS_CHECK marvis_status audio_read(const char *path, int sample_rate, double max_seconds,
                                      float **pcm, size_t *n_samples, marvis_error *err);

#endif
