/* dialogue.h - marvis dialogue under way, and what came of it: dialogue.c opens everything,
 * dialogue_turns.c speaks, dialogue_report.c tells. */
#ifndef APPS_CLI_DIALOGUE_H
#define APPS_CLI_DIALOGUE_H

#include "cli/dialogue_script.h"
#include "cli/model_facts.h"
#include "cli/say_sink.h"
#include "cli/support.h"
#include "common/jitter_buffer.h"
#include "common/out_file.h"
#include "common/progress.h"

/* What came of a turn. */
typedef struct dialogue_said {
    double start_s, seconds; /* in the output; of a turn that is left out, 0 seconds */
    double wall_s;
    int64_t n_frames;
    marvis_stop stop;        /* NONE: it was recorded, not spoken */
    marvis_speech_info info; /* of its pieces; the text is not valid */
} dialogue_said;

typedef struct dialogue_result {
    const dialogue_script *script; /* borrowed */
    dialogue_said *said;           /* [n_said], of script->turns */
    size_t n_said;
    const char *model, *output; /* as given; model NULL: the built-in voice */
    const char *name;           /* of the output in messages; NULL: the sound card alone */
    marvis_session_settings settings;
    marvis_voice_layout layout;
    double seconds; /* of output */
    double load_s, voices_s, wall_s;
    double step_s;    /* of wall_s, in steps: without waiting for the sound card */
    double made_s;    /* seconds of speech that these steps made: turns that are left out, too */
    size_t n_dropped; /* turns that the model's positions had no room for in the end */
    const char *cpu;
    int n_threads;
    bool plays; /* on the sound card */
    jitter_report played;
    bool could_be_smaller; /* model_facts_could_be_smaller */
    bool is_kept;          /* a turn failed, and the output holds what was spoken before */
    const char *error;     /* why it failed, or NULL */
} dialogue_result;

typedef struct dialogue_job {
    const cli_call *call;
    dialogue_script script;
    audio_writer *audio; /* NULL: played only */
    say_player player;   /* with --play */
    say_sink sink;
    out_file stats;
    cli_loaded loaded;
    marvis_session *session;
    marvis_voice **voices; /* [n_people]; NULL: none */
    model_facts facts;
    dialogue_result result;
    progress progress;
    double start_s; /* clock at the first turn */
    size_t n_samples;
    bool is_cancelled, output_failed;
    marvis_error failure; /* of a turn, for the statistics */
} dialogue_job;

/* Speaks all turns and completes the output. A turn that fails ends it: what was spoken before is
 * kept where there is any (result.is_kept), and the message says which turn it was, why, and where
 * the rest is. */
MARVIS_CHECK marvis_status dialogue_perform(dialogue_job *job, marvis_error *err);

/* Who says what, as a script. */
void dialogue_print_script(const dialogue_script *script);

/* One line for the terminal, and a warning for each turn that did not end by itself. */
void dialogue_print_summary(const dialogue_result *result);
void dialogue_print_warnings(const dialogue_result *result);

MARVIS_CHECK marvis_status dialogue_write_stats(const dialogue_result *result, out_file *file,
                                                marvis_error *err);

#endif
