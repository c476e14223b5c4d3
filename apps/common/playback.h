/* playback.h - speech to the sound card, through PortAudio and a jitter buffer. Used by one thread;
 * the card's own thread is PortAudio's. A program built without PortAudio says so when it is asked
 * to play. */
#ifndef APPS_COMMON_PLAYBACK_H
#define APPS_COMMON_PLAYBACK_H

#include <stdbool.h>
#include <stddef.h>

#include "common/jitter_buffer.h"
#include "marvis.h"

typedef struct playback_settings {
    const char *device;         /* its number, or a part of its name; NULL: the system's default */
    int sample_rate;            /* of the speech, Hz; where the card has another, it is converted */
    double piece_s;             /* the longest piece that is written at a time, seconds */
    bool (*is_cancelled)(void); /* asked while a write or a drain waits; NULL: never */
} playback_settings;

typedef struct playback playback;

/* Opens the card; nothing is heard before the first write. ERR_NOT_FOUND: there is no card, or none
 * of this name (the message lists them); ERR_IO: it cannot be opened; ERR_UNSUPPORTED: this program
 * was built without PortAudio; ERR_MEMORY. */
MARVIS_CHECK marvis_status playback_open(const playback_settings *settings, playback **playback,
                                         marvis_error *err);

/* Hands over n samples, clamped to -1..1, and waits while 30 s are waiting already. Returns early
 * where is_cancelled says so. ERR_IO: the card has gone. */
MARVIS_CHECK marvis_status playback_write(playback *playback, const float *pcm, size_t n,
                                          marvis_error *err);

/* A pause before the next piece, of silence: as playback_write, but it took no time to make, and
 * tells nothing of how fast the speech comes. */
MARVIS_CHECK marvis_status playback_pause(playback *playback, const float *silence, size_t n,
                                          marvis_error *err);

/* No more comes for now: what was written is heard to its end, while the caller may wait for what
 * comes next. May be called again. */
MARVIS_CHECK marvis_status playback_rest(playback *playback, marvis_error *err);

/* The same, and waits until it was heard, or is_cancelled says so. */
MARVIS_CHECK marvis_status playback_drain(playback *playback, marvis_error *err);

/* What was heard so far and how often sound was missing. */
void playback_report(const playback *playback, jitter_report *report);

/* Silence at once; frees *playback and sets it to NULL. *playback NULL is allowed. */
void playback_close(playback **playback);

#endif
