/* dialogue.h - what marvis dialogue did, for its report. */
#ifndef APPS_CLI_DIALOGUE_H
#define APPS_CLI_DIALOGUE_H

#include "cli/dialogue_script.h"
#include "common/out_file.h"

/* What came of a turn. */
typedef struct dialogue_said {
    double start_s, seconds; /* in the output; of a turn that is left out, 0 seconds */
    double wall_s;
    int n_frames;
    marvis_stop stop; /* NONE: it was recorded, not spoken */
    marvis_session_timing timing;
} dialogue_said;

typedef struct dialogue_result {
    const dialogue_script *script; /* borrowed */
    dialogue_said *said;           /* [n_said], of script->turns */
    size_t n_said;
    const char *model, *output; /* as given; model NULL: the built-in voice */
    marvis_session_settings settings;
    marvis_voice_layout layout;
    double seconds; /* of output */
    double load_s, voices_s, wall_s;
    size_t n_dropped; /* turns that the model's positions had no room for in the end */
    const char *cpu;
    int n_threads;
} dialogue_result;

/* Who says what, as a script. */
void dialogue_print_script(const dialogue_script *script);

/* One line for the terminal, and a warning for each turn that did not end by itself. */
void dialogue_print_summary(const dialogue_result *result);
void dialogue_print_warnings(const dialogue_result *result);

MARVIS_CHECK marvis_status dialogue_write_stats(const dialogue_result *result, out_file *file,
                                                marvis_error *err);

#endif
