/* say_voice.h - the voice that marvis say speaks in: recorded speech and its words, from
 * --voice-audio or --voice-codes and --voice-text. */
#ifndef APPS_CLI_SAY_VOICE_H
#define APPS_CLI_SAY_VOICE_H

#include <stdbool.h>

#include "cli/options.h"
#include "marvis.h"

typedef struct say_voice {
    const char *path;           /* borrowed; NULL: no voice */
    int32_t *codes;             /* [n_frames, n_codebooks]; freed by say_voice_free */
    bool is_ours;               /* codes came from malloc, not from the library */
    char *text;                 /* the words as they are spoken, or NULL; the library's memory */
    marvis_recording recording; /* borrows codes and text */
    double seconds;             /* of speech, its pause included */
    double prepare_s;           /* spent on reading, trimming, encoding */
} say_voice;

/* Everything about the voice that can be wrong before a model is loaded. */
MARVIS_CHECK marvis_status say_voice_check(const cli_call *call, marvis_error *err);

/* Reads the voice, if one is given, makes it ready and sets it. */
MARVIS_CHECK marvis_status say_voice_set(say_voice *voice, const cli_call *call,
                                         const marvis_model *model,
                                         const marvis_session_settings *settings,
                                         marvis_session *session, marvis_error *err);

void say_voice_free(say_voice *voice);

#endif
