/* audio_file.h - writes mono speech as WAV, FLAC, Ogg/Opus, MP3 or bare samples, to a file, a pipe
 * or standard output.
 *
 * WAV and bare samples are written here, because they must also go down a pipe; the encoded formats
 * are libsndfile's, through callbacks, so that a failed write is always noticed and named. */
#ifndef APPS_COMMON_AUDIO_FILE_H
#define APPS_COMMON_AUDIO_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "marvis.h"

typedef enum audio_format {
    AUDIO_WAV,  /* 16 bit */
    AUDIO_FLAC, /* 16 bit */
    AUDIO_OPUS, /* in Ogg */
    AUDIO_MP3,
    AUDIO_S16, /* bare little-endian samples, 16 bit */
    AUDIO_F32  /* bare little-endian samples, float */
} audio_format;

/* The format for a path: by `name` ("wav", "flac", "opus", "ogg", "mp3", "raw", "f32") where it is
 * not NULL, else by the path's extension; "-", pipes and devices are WAV. ERR_CALL: no such name or
 * extension, or a format that needs an ordinary file. */
MARVIS_CHECK marvis_status audio_format_choose(const char *path, const char *name,
                                               audio_format *format, marvis_error *err);

typedef struct audio_writer audio_writer;

/* Opens the target, so that a wrong one is found out early; "-" is standard output. Nothing is
 * written yet. ERR_CALL, ERR_IO, ERR_MEMORY. */
MARVIS_CHECK marvis_status audio_writer_open(const char *path, audio_format format,
                                             audio_writer **writer, marvis_error *err);

/* To be called before a pipe or a device is written, which may wait for its reader (out_file.h).
 * Once it has said no, what is written is left out, and the writer is cut. */
void audio_writer_set_wait(audio_writer *writer, bool (*wait)(int fd));
bool audio_writer_is_cut(const audio_writer *writer); /* NULL is not */

/* Writes the header. Called once, before the first write. ERR_UNSUPPORTED: the format cannot hold
 * this sample rate, or this libsndfile cannot write it. */
MARVIS_CHECK marvis_status audio_writer_start(audio_writer *writer, int sample_rate,
                                              marvis_error *err);

/* Appends n samples; out of range ones are clamped. */
MARVIS_CHECK marvis_status audio_writer_write(audio_writer *writer, const float *pcm, size_t n,
                                              marvis_error *err);

/* Completes the file and puts it in its place. Nothing may be written afterwards; of one that
 * cannot be completed audio_writer_keep may save the most. */
MARVIS_CHECK marvis_status audio_writer_finish(audio_writer *writer, marvis_error *err);

typedef struct audio_kept {
    double seconds;
    bool is_counted; /* else there may be more: is_cancelled has said so */
} audio_kept;

/* After a write that failed, of a full disk for one: completes the file with what was written
 * before, up to a block of the encoder's less, and puts it in its place; *kept is in it.
 * is_cancelled, NULL: never, is asked now and then: hours of speech take a while to be counted.
 * ERR_IO: it cannot be, or there are less than least_s seconds to keep, as of a pipe. */
MARVIS_CHECK marvis_status audio_writer_keep(audio_writer *writer, double least_s,
                                             bool (*is_cancelled)(void), audio_kept *kept,
                                             marvis_error *err);

/* Frees *writer and sets it to NULL; an unfinished file is removed. *writer NULL is allowed. */
void audio_writer_destroy(audio_writer **writer);

#endif
