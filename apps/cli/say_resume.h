/* say_resume.h - what marvis say --resume keeps of a long speech while it is made: FILE.partial,
 * its samples as bare floats, and FILE.resume, a JSON object that says where in the text they end
 * and what the next piece goes on from. Both go when FILE is complete. */
#ifndef APPS_CLI_SAY_RESUME_H
#define APPS_CLI_SAY_RESUME_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/say_sink.h"
#include "marvis.h"

typedef struct say_resume {
    const char *path; /* borrowed; NULL: nothing is kept */
    audio_format format;
    char *partial, *state; /* owned: the names of the two files */
    json_t *old;           /* owned: the state that was found, or NULL */
    json_t *what;          /* owned: of text, voice and settings, what must not change */
    int32_t *codes;        /* owned: the tail's */
    char *text;            /* owned: the tail's */
    int fd;                /* of the partial file, or -1 */
    int sample_rate;
    uint64_t saved_pieces;
} say_resume;

/* Finds what an earlier call has left for this output. ERR_CALL: a pipe or a device; ERR_INPUT: a
 * state that is damaged; ERR_IO, ERR_MEMORY. */
MARVIS_CHECK marvis_status say_resume_open(say_resume *resume, const char *path,
                                           audio_format format, marvis_error *err);

/* The seed of the earlier call, or `seed` when there was none or `given` says to take it. */
uint64_t say_resume_seed(const say_resume *resume, uint64_t seed, bool given);

/* Takes `what` over. With a state, checks that it is the same (ERR_INPUT names the first thing that
 * is not) and fills the position, whose tail belongs to resume; *found is whether there is one. */
MARVIS_CHECK marvis_status say_resume_begin(say_resume *resume, json_t *what,
                                            marvis_speech_position *position, bool *found,
                                            marvis_error *err);

/* Notes where the speech stands, when a piece has been completed since. */
MARVIS_CHECK marvis_status say_resume_save(say_resume *resume, const marvis_speech *speech,
                                           marvis_error *err);

/* The same of a position that is new. */
MARVIS_CHECK marvis_status say_resume_note(say_resume *resume, const marvis_speech_position *at,
                                           marvis_error *err);

/* Samples go to the partial file; finish makes the audio file of it and removes the rest. */
say_sink say_resume_sink(say_resume *resume);

void say_resume_close(say_resume *resume);

#endif
