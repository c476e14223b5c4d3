/* say_voice.h - the voice that marvis say speaks in: a saved one (--voice), or recorded speech and
 * its words (--voice-audio or --voice-codes, and --voice-text). */
#ifndef APPS_CLI_SAY_VOICE_H
#define APPS_CLI_SAY_VOICE_H

#include "cli/options.h"
#include "marvis.h"

typedef struct say_voice {
    const char *path;    /* borrowed; as it was given; NULL: no voice */
    marvis_voice *voice; /* owned, or NULL */
    double seconds;      /* of speech, its pause included */
    double prepare_s;    /* spent on reading, trimming, encoding */
} say_voice;

/* Everything about the voice that can be wrong before a model is loaded. */
MARVIS_CHECK marvis_status say_voice_check(const cli_call *call, marvis_error *err);

/* Reads the voice, if one is given, makes it ready and sets it. Without --speaker a saved voice
 * brings its speaker, which is noted in the settings. */
MARVIS_CHECK marvis_status say_voice_set(say_voice *voice, const cli_call *call,
                                         const marvis_model *model,
                                         marvis_session_settings *settings, marvis_session *session,
                                         marvis_error *err);

/* Sets a voice that was made ready for another session of the same settings, as --voice-layout
 * says. */
MARVIS_CHECK marvis_status say_voice_use(const say_voice *voice, const cli_call *call,
                                         marvis_session *session, marvis_error *err);

void say_voice_close(say_voice *voice);

#endif
