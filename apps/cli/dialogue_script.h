/* dialogue_script.h - the script of a dialogue: who speaks, with which voice, and what, in turn;
 * read from JSON or from lines "NAME: text" (docs/marvis.1). */
#ifndef APPS_CLI_DIALOGUE_SCRIPT_H
#define APPS_CLI_DIALOGUE_SCRIPT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"
#include "cli/recording.h"
#include "marvis.h"

/* Strings are owned, NULL where the script does not have them. */
typedef struct dialogue_person {
    char *name;
    int speaker;                /* -1: not given yet */
    char *voice;                /* a saved voice: its name, or its file */
    char *audio, *codes, *text; /* or a recording of it, and its words */
    bool is_spoken;             /* has a turn that is to be generated */
} dialogue_person;

typedef struct dialogue_turn {
    size_t person;
    char *text; /* [text_len], as it is spoken */
    size_t text_len;
    char *audio, *codes; /* a turn that was spoken already; text has its words */
    bool is_left_out;    /* heard by the model, and not written to the output */
    double pause_s;      /* before it; negative: as usual */
    int line;            /* of the text form, from 1 on */
} dialogue_turn;

typedef struct dialogue_script {
    const char *name; /* borrowed, for messages */
    char *folder;     /* that files in it are relative to, with its slash */
    bool is_json;
    double pause_s; /* between turns; negative: not given */
    dialogue_person *people;
    size_t n_people;
    dialogue_turn *turns;
    size_t n_turns, turns_capacity;
} dialogue_script;

/* Reads a script of either form from a file or, for "-", from standard input, with what --speakers
 * and --voices say; texts are normalised, unless --no-normalize is given. Files are not looked at.
 * dialogue_script_free in any case. ERR_NOT_FOUND, ERR_IO, ERR_MEMORY; ERR_INPUT names the line or
 * the turn; ERR_CALL: an option. */
MARVIS_CHECK marvis_status dialogue_script_read(dialogue_script *script, const cli_call *call,
                                                const char *path, marvis_error *err);
void dialogue_script_free(dialogue_script *script);

/* Opens every file of the script that will be needed, and closes it. */
MARVIS_CHECK marvis_status dialogue_script_check_files(const dialogue_script *script,
                                                       marvis_error *err);

/* A recording of a person's voice, or of a turn. */
recording_source dialogue_voice_source(const dialogue_person *person, bool verbatim);
recording_source dialogue_turn_source(const dialogue_turn *turn);

/* Puts the script's name and the place before a message; returns status. */
marvis_status dialogue_blame_turn(const dialogue_script *script, size_t turn, marvis_status status,
                                  marvis_error *err);
marvis_status dialogue_blame_person(const dialogue_script *script, size_t person,
                                    marvis_status status, marvis_error *err);

/* ---- for the readers of both forms ---------------------------------------------------------- */

/* The person of this name, who is added where there is none. */
MARVIS_CHECK marvis_status dialogue_person_find(dialogue_script *script, const char *name,
                                                size_t name_len, size_t *person, marvis_error *err);

/* Appends a turn with the text as it is written. */
MARVIS_CHECK marvis_status dialogue_turn_add(dialogue_script *script, size_t person,
                                             const char *text, size_t text_len, int line,
                                             marvis_error *err);

/* A file that the script names, relative to its folder; the caller frees *full. */
MARVIS_CHECK marvis_status dialogue_file(const dialogue_script *script, const char *path,
                                         char **full, marvis_error *err);

MARVIS_CHECK marvis_status dialogue_read_json(dialogue_script *script, const char *text, size_t n,
                                              marvis_error *err);
MARVIS_CHECK marvis_status dialogue_read_lines(dialogue_script *script, const char *text, size_t n,
                                               marvis_error *err);

#endif
