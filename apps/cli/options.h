/* options.h - the one table of the options of every subcommand, and the parser and the help text
 * that are made from it. */
#ifndef APPS_CLI_OPTIONS_H
#define APPS_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "marvis.h"

typedef enum cli_option_id {
    CLI_MODEL,
    CLI_CODEC,
    CLI_TOKENIZER,
    CLI_CONFIG,
    CLI_STRICT,
    CLI_WEIGHTS,
    CLI_SPEAKER,
    CLI_VOICE,
    CLI_VOICE_LAYOUT,
    CLI_SPEAKERS,
    CLI_VOICES,
    CLI_TURN_PAUSE,
    CLI_VOICE_AUDIO,
    CLI_VOICE_TEXT,
    CLI_VOICE_CODES,
    CLI_AUDIO,
    CLI_CODES,
    CLI_TEXT,
    CLI_FORCE,
    CLI_FILE,
    CLI_INPUT,
    CLI_OUTPUT,
    CLI_FORMAT,
    CLI_TYPE,
    CLI_CALIBRATE,
    CLI_REPORT,
    CLI_TEMPERATURE,
    CLI_TOP_K,
    CLI_TOP_P,
    CLI_DEPTH_TEMPERATURE,
    CLI_DEPTH_TOP_K,
    CLI_DEPTH_TOP_P,
    CLI_GREEDY,
    CLI_SEED,
    CLI_CODEBOOKS,
    CLI_CODEBOOKS_SPOKEN,
    CLI_MAX_SECONDS,
    CLI_CHUNK_FRAMES,
    CLI_RETRIES,
    CLI_TAIL_SECONDS,
    CLI_SENTENCE_PAUSE,
    CLI_PARAGRAPH_PAUSE,
    CLI_NO_GUARD,
    CLI_EOS_BIAS,
    CLI_NO_NORMALIZE,
    CLI_DRY_RUN,
    CLI_RESUME,
    CLI_JOBS,
    CLI_PLAY,
    CLI_DEVICE,
    CLI_THREADS,
    CLI_CPU,
    CLI_STATS,
    CLI_JSON,
    CLI_SHAPE,
    CLI_TYPES,
    CLI_RUNS,
    CLI_BATCH,
    CLI_JSON_FILE,
    CLI_SVG,
    CLI_QUIET,
    CLI_HELP,
    CLI_N_OPTIONS
} cli_option_id;

enum { CLI_MAX_POSITIONALS = 2 };

struct cli_call;

typedef struct cli_command {
    const char *name;                             /* one or two words */
    unsigned bit;                                 /* of cli_option.commands */
    const char *positionals[CLI_MAX_POSITIONALS]; /* their names in messages */
    int n_required;                               /* of the positionals */
    const char *usage;                            /* what follows the name */
    const char *summary;                          /* one line */
    const char *details;                          /* a paragraph for its own help, or "" */
    int (*run)(const struct cli_call *call);      /* returns the exit status */
} cli_command;

typedef struct cli_value {
    bool given;
    const char *text;
    int64_t integer;
    double number;
} cli_value;

typedef struct cli_call {
    const cli_command *command;
    cli_value values[CLI_N_OPTIONS];
    const char *positionals[CLI_MAX_POSITIONALS]; /* NULL: not given */
} cli_call;

/* Reads the arguments after the command's name. ERR_CALL: an unknown option, a missing, malformed
 * or superfluous value. --help stops the reading. */
MARVIS_CHECK marvis_status cli_parse(cli_call *call, const cli_command *command, int argc,
                                     char **argv, marvis_error *err);

bool cli_given(const cli_call *call, cli_option_id id);

/* The words that an option may have, with | between them. */
const char *cli_choices(cli_option_id id);

/* The value as given, or NULL. */
const char *cli_text(const cli_call *call, cli_option_id id);

/* The value as given, or `otherwise`. */
int cli_integer(const cli_call *call, cli_option_id id, int otherwise);
double cli_number(const cli_call *call, cli_option_id id, double otherwise);

/* The options of a command, from the table. */
void cli_print_options(const cli_command *command, FILE *to);

/* Steps of insertion, deletion and exchange between two words, to guess what was meant. */
int cli_word_distance(const char *a, const char *b);

#endif
