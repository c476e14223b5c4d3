/* progress.h - one line on the terminal that follows the speech while it is made. Writes nothing
 * when stderr is no terminal. */
#ifndef APPS_COMMON_PROGRESS_H
#define APPS_COMMON_PROGRESS_H

#include <stdbool.h>

typedef struct progress {
    bool enabled;
    double last_s;  /* clock at the last drawing */
    int width;      /* columns now on the line */
    double done;    /* of all that is to be spoken, 0..1; 0: not known */
    double begun;   /* `done` when the clock was at begun_s, to tell how long the rest takes */
    double begun_s; /* of wall_s */
    double factor;  /* seconds of work for a second of speech, so far */
} progress;

void progress_init(progress *p, bool enabled);

/* Draws at most ten times a second. audio_s: seconds of speech so far; wall_s: since it began. */
void progress_update(progress *p, int n_frames, double audio_s, double wall_s, double first_s);

/* Draws what is being done and which share of it is. As often. */
void progress_share(progress *p, const char *what, double done);

/* Wipes the line, before anything else is written to the terminal. */
void progress_clear(progress *p);

#endif
