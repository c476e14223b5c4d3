/* jitter_buffer.h - speech between the thread that makes it and the sound card's, which must never
 * wait. It decides when to begin: as soon as what is there lasts until the next piece will have
 * come, at the speed the last pieces came with, and again after a gap. One thread puts, one takes.
 */
#ifndef APPS_COMMON_JITTER_BUFFER_H
#define APPS_COMMON_JITTER_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct jitter_buffer jitter_buffer;

typedef struct jitter_settings {
    int sample_rate;   /* Hz */
    double capacity_s; /* of sound at most; 30 */
    double piece_s;    /* the longest piece that is put at a time; 0.64, eight frames */
    double slow_s;     /* held before sound that comes slower than it plays begins; 2 */
} jitter_settings;

typedef struct jitter_report {
    double played_s; /* of what was put */
    double gap_s;    /* of silence where samples were missing; after an end none are */
    int n_gaps;
} jitter_report;

void jitter_settings_init(jitter_settings *settings, int sample_rate);

/* NULL: out of memory, or settings that are not above 0. */
jitter_buffer *jitter_buffer_create(const jitter_settings *settings);
void jitter_buffer_destroy(jitter_buffer **buffer); /* *buffer NULL is allowed */

/* ---- the maker's side */

/* A piece of piece_s seconds of sound is about to be put, in any number of calls; to make it took
 * made_s. Not called for what takes no time to make, as pauses: it tells nothing of the pieces. */
void jitter_buffer_announce(jitter_buffer *buffer, double piece_s, double made_s);

/* Takes as many of the samples as there is room for and returns how many. */
size_t jitter_buffer_put(jitter_buffer *buffer, const float *pcm, size_t n);

/* No more comes for now: what is held plays to its end, whatever little it is and whatever is put
 * meanwhile, and silence after it is no gap. The next put begins anew. May be called again. */
void jitter_buffer_end(jitter_buffer *buffer);

/* Everything that was put before the end has been taken. */
bool jitter_buffer_is_done(const jitter_buffer *buffer);

/* What was put and not yet taken, in samples. */
size_t jitter_buffer_held(const jitter_buffer *buffer);

void jitter_buffer_report(const jitter_buffer *buffer, jitter_report *report);

/* ---- the sound card's side: waits for nothing, allocates nothing */

/* Fills out[n]: speech, or silence where there is none. Around a gap the sound fades within 5 ms,
 * so that it does not click. */
void jitter_buffer_take(jitter_buffer *buffer, float *out, size_t n);

/* ---- for both sides, and tests */

/* Whether sound may begin: `held_s` are there, the last piece had last_s, each is up to twice as
 * long as the one before and none longer than piece_s, and they take `speed` seconds a second to
 * make, give or take a quarter. Where speed is 1 or more no store is enough: slow_s is asked for.
 */
bool jitter_may_begin(double held_s, double last_s, double speed, double piece_s, double slow_s);

#endif
