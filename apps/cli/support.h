/* support.h - what the subcommands share: messages, exit status, opening a model as the options
 * say, text from the call, and Ctrl-C. */
#ifndef APPS_CLI_SUPPORT_H
#define APPS_CLI_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"
#include "marvis.h"

/* Exit status. */
enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_WRONG = 2 };

/* One line on stderr, "marvis: ...", with control characters made visible. */
__attribute__((format(printf, 1, 2))) void cli_complain(const char *format, ...);

/* Complains about a failure and returns its exit status. input: an ERR_IO came from what was given
 * to read, not from what was to be written. */
int cli_fail(const marvis_error *err, bool input);

/* Closes standard output; returns `status`, or CLI_FAILED with a complaint when it could not be
 * written. A reader that has seen enough is no failure. */
int cli_close_stdout(int status);

typedef struct cli_loaded {
    marvis_engine *engine;
    marvis_model *model;
    double load_s;
} cli_loaded;

/* What a command needs of a model. */
enum { CLI_NEEDS_CODEC = 1, CLI_NEEDS_TOKENIZER = 2 };

/* An engine by --threads and --cpu. ERR_CALL, ERR_UNSUPPORTED. */
MARVIS_CHECK marvis_status cli_engine(const cli_call *call, marvis_engine **engine,
                                      marvis_error *err);

/* The weights that a word of --weights means; NULL or another word: MARVIS_WEIGHTS_AUTO. */
marvis_weights cli_weights_named(const char *text);

/* Engine and model by the options. path NULL = the built-in voice. */
MARVIS_CHECK marvis_status cli_load(const cli_call *call, const char *path, unsigned needs,
                                    cli_loaded *loaded, marvis_error *err);
/* The Mimi file of --codec alone. */
MARVIS_CHECK marvis_status cli_load_codec(const cli_call *call, cli_loaded *loaded,
                                          marvis_error *err);
void cli_unload(cli_loaded *loaded);

/* The text of the call: the positional (which may be NULL, or "-" for standard input) or --file.
 * The caller frees *text. ERR_CALL: none, or both; ERR_INPUT: too long. */
MARVIS_CHECK marvis_status cli_read_text(const cli_call *call, const char *positional, char **text,
                                         size_t *len_bytes, marvis_error *err);

/* The same as it is to be spoken: normalised, unless --no-normalize is given. ERR_INPUT, too: there
 * is nothing to speak. */
MARVIS_CHECK marvis_status cli_read_speech(const cli_call *call, const char *positional,
                                           char **text, size_t *len_bytes, marvis_error *err);

/* ERR_CALL where the file `path`, given by `what`, would be replaced by the output. Either may be
 * NULL; pipes and devices, "-" among them, are replaced by nothing. */
MARVIS_CHECK marvis_status cli_check_kept(const char *what, const char *path, const char *output,
                                          marvis_error *err);

/* From here on SIGINT and SIGTERM end the program with status 1 and remove its temporary files. */
void cli_catch_signals(void);

/* Holds the signals back, or lets them in again. The engine's threads take none, so that this
 * thread is the only one. */
void cli_block_signals(bool block);

/* While `session` is not NULL the first signal only cancels it. */
void cli_cancel_on_signal(marvis_session *session);
/* While work is under way that looks at cli_is_cancelled now and then, signals do no more. */
void cli_defer_signals(bool defer);
/* Waits until there is something to read, or its end, or until a signal has cancelled something:
 * before the wait, or during it. */
void cli_wait_readable(int fd);
/* Waits until something can be written; false: a signal has cancelled something, and it cannot. */
bool cli_wait_writable(int fd);
/* Whether there is something to read, or its end, now. */
bool cli_is_readable(int fd);
/* A signal has cancelled a session, or such work. */
bool cli_is_cancelled(void);

#endif
