/* say.h - the parts of marvis say: the settings it runs with and the report of what it did. */
#ifndef APPS_CLI_SAY_H
#define APPS_CLI_SAY_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"
#include "common/jitter_buffer.h"
#include "common/out_file.h"
#include "marvis.h"

/* What was asked for, what it was done with, and what came of it. */
typedef struct say_result {
    char *text; /* owned [text_len]: what was spoken, or its beginning */
    size_t text_len;
    const char *model;  /* as given, or NULL: the built-in voice */
    const char *output; /* as given, or what is played on */
    marvis_session_settings settings;
    marvis_speech_info info; /* its text is not valid */
    bool resumed;            /* it went on from an earlier call */
    int64_t n_frames;
    double seconds; /* of speech */
    marvis_stop stop;
    double load_s;
    double wall_s; /* from the first step to the last sample written */
    double step_s; /* of that, in steps: without waiting for text, a disk or the sound card */
    double made_s; /* seconds of speech that these steps made: no pauses, no earlier call's */
    marvis_session_timing timing;
    const char *cpu;
    int n_threads;
    const char *voice;   /* the file of its recording, or NULL */
    double voice_s;      /* seconds of recording that are gone on from */
    double voice_load_s; /* spent on making it ready */
    bool plays;          /* on the sound card */
    jitter_report played;
    bool could_be_smaller; /* model_facts_could_be_smaller */
} say_result;

/* The model's defaults, overridden by the options given. ERR_CALL: options that contradict each
 * other or the model. */
MARVIS_CHECK marvis_status say_settings(const cli_call *call, const marvis_model *model,
                                        marvis_session_settings *settings, marvis_error *err);

/* A line where --codebooks leaves too few to be understood. */
void say_warn_of_codebooks(const cli_call *call, const marvis_model *model);

/* Writes the result as a JSON object. */
MARVIS_CHECK marvis_status say_write_stats(const say_result *result, out_file *file,
                                           marvis_error *err);

/* One line for the terminal, and a warning when the speech did not end by itself. */
void say_print_summary(const say_result *result);
void say_print_warning(const say_result *result);

#endif
