/* recording.h - recorded speech and its words as a command is given them: an audio file or one of
 * codes, and a text. Read, made ready and checked for marvis say and marvis voice create. */
#ifndef APPS_CLI_RECORDING_H
#define APPS_CLI_RECORDING_H

#include <stdbool.h>

#include "marvis.h"

/* What was given, NULL for what was not, and how the options are called. */
typedef struct recording_source {
    const char *audio, *codes, *text;
    const char *audio_option, *codes_option, *text_option;
    const char *limit_option; /* sets how much speech is to come; NULL: nothing does */
    bool verbatim;            /* the words are not written out */
} recording_source;

typedef struct spoken_recording {
    const char *path;           /* borrowed: the audio's or the codes' */
    int32_t *codes;             /* [n_frames, n_codebooks]; freed by recording_free */
    bool is_ours;               /* codes came from malloc, not from the library */
    char *text;                 /* the words as they are spoken, or NULL; the library's memory */
    marvis_recording recording; /* borrows codes and text */
    double seconds;             /* of speech, its pause included */
} spoken_recording;

/* Everything that can be wrong before a model is loaded. Nothing given at all is right. */
MARVIS_CHECK marvis_status recording_check(const recording_source *source, marvis_error *err);

/* Reads the recording with n_codebooks codebooks (codes: with those of the file). max_frames: of
 * speech that must fit beside it. recording_free in any case. */
MARVIS_CHECK marvis_status recording_read(spoken_recording *recording,
                                          const recording_source *source, const marvis_model *model,
                                          int n_codebooks, int max_frames, marvis_error *err);

void recording_free(spoken_recording *recording);

/* Puts the file's name before what the library says about its contents; returns status. */
marvis_status recording_blame(const char *path, marvis_status status, marvis_error *err);

#endif
