/* support.c - see support.h. */
#include "cli/support.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/error.h"
#include "common/out_file.h"
#include "common/platform.h"
#include "common/text_check.h"
#include "common/text_file.h"

/* ---- messages ------------------------------------------------------------------------------- */

void cli_complain(const char *format, ...) {
    char line[1400];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    for (unsigned char *c = (unsigned char *)line; *c; c++) {
        if (*c < 0x20 || *c == 0x7f) *c = '?';
        if (*c == 0xc2 && (c[1] & 0xe0) == 0x80) c[0] = c[1] = '?'; /* U+0080 to U+009F */
    }
    fprintf(stderr, "marvis: %s\n", line);
}

int cli_fail(const marvis_error *err, bool input) {
    cli_complain("%s", err->message);
    switch (err->status) {
    case MARVIS_OK:
    case MARVIS_ERR_MEMORY:
    case MARVIS_ERR_INTERNAL: return CLI_FAILED;
    case MARVIS_ERR_IO: return input ? CLI_WRONG : CLI_FAILED;
    case MARVIS_ERR_CALL:
    case MARVIS_ERR_NOT_FOUND:
    case MARVIS_ERR_FORMAT:
    case MARVIS_ERR_CONFIG:
    case MARVIS_ERR_TENSOR:
    case MARVIS_ERR_TOKENIZER:
    case MARVIS_ERR_UNSUPPORTED:
    case MARVIS_ERR_INPUT:
    case MARVIS_ERR_TOO_LONG: return CLI_WRONG;
    }
    return CLI_FAILED;
}

/* Whether what reads our standard output has gone, as head does when it has seen enough. */
static bool reader_has_gone(void) {
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR);
}

int cli_close_stdout(int status) {
    bool gone = reader_has_gone(), failed = ferror(stdout) != 0;
    int error = fclose(stdout) != 0 ? errno : 0;
    if (error == EPIPE || (failed && gone)) return status;
    if ((error || failed) && status == CLI_DONE) {
        cli_complain("standard output: cannot be written%s%s", error ? ": " : "",
                     error ? strerror(error) : "");
        return CLI_FAILED;
    }
    return status;
}

/* ---- files ---------------------------------------------------------------------------------- */

marvis_status cli_check_kept(const char *what, const char *path, const char *output,
                             marvis_error *err) {
    if (!path || !output || out_file_is_stream(path) || out_file_is_stream(output) ||
        !out_file_same(path, output))
        return MARVIS_OK;
    return app_fail(err, MARVIS_ERR_CALL,
                    "%s %.300s: the file would be replaced by %.300s; give another name", what,
                    path, output);
}

/* ---- models --------------------------------------------------------------------------------- */

static void print_warning(void *ctx, marvis_log_level level, const char *line) {
    (void)ctx;
    if (level >= MARVIS_LOG_WARNING) cli_complain("warning: %s", line);
}

marvis_status cli_engine(const cli_call *call, marvis_engine **engine, marvis_error *err) {
    marvis_engine_settings settings;
    marvis_engine_settings_init(&settings);
    settings.n_threads = cli_integer(call, CLI_THREADS, 0);
    settings.cpu = cli_text(call, CLI_CPU);
    settings.log = cli_given(call, CLI_QUIET) ? NULL : print_warning;
    return marvis_engine_create(&settings, engine, err);
}

marvis_weights cli_weights_named(const char *text) {
    static const struct {
        const char *name;
        marvis_weights weights;
    } rows[] = {
        {"f32", MARVIS_WEIGHTS_F32}, {"bf16", MARVIS_WEIGHTS_BF16}, {"int8", MARVIS_WEIGHTS_INT8},
        {"q8", MARVIS_WEIGHTS_Q8},   {"q4", MARVIS_WEIGHTS_Q4},     {"mix", MARVIS_WEIGHTS_MIX},
    };
    for (size_t i = 0; text && i < sizeof rows / sizeof *rows; i++)
        if (strcmp(text, rows[i].name) == 0) return rows[i].weights;
    return MARVIS_WEIGHTS_AUTO;
}

/* The folder of the built-in voice, which the caller frees: beside the build folder, as installed
 * beside the program, or where the build was told that it would be installed. */
static marvis_status find_builtin(char **path, marvis_error *err) {
    static const char *const beside[] = {"/../models/builtin", "/../share/marvis/builtin"};
    char *dir = platform_program_dir();
    char *tried[3] = {0};
    marvis_status status = MARVIS_OK;
    *path = NULL;
    for (int i = 0; i < 3 && !*path; i++) {
        if (i < 2)
            tried[i] = platform_concat(dir ? dir : ".", beside[i]);
        else
            tried[i] = platform_concat(MARVIS_DATADIR, "/builtin");
        if (tried[i] && platform_is_dir(tried[i])) {
            *path = tried[i];
            tried[i] = NULL;
        }
    }
    if (!*path)
        status =
            app_fail(err, MARVIS_ERR_NOT_FOUND,
                     "the built-in voice is not installed (looked for %s, %s, %s); "
                     "give --model MODEL",
                     tried[0] ? tried[0] : "", tried[1] ? tried[1] : "", tried[2] ? tried[2] : "");
    for (int i = 0; i < 3; i++)
        free(tried[i]);
    free(dir);
    return status;
}

static void fill_settings(const cli_call *call, unsigned needs, marvis_model_settings *settings) {
    marvis_model_settings_init(settings);
    settings->codec = cli_text(call, CLI_CODEC);
    settings->tokenizer = cli_text(call, CLI_TOKENIZER);
    settings->config = cli_text(call, CLI_CONFIG);
    settings->strict = cli_given(call, CLI_STRICT);
    settings->no_codec = !(needs & CLI_NEEDS_CODEC);
    settings->no_tokenizer = !(needs & CLI_NEEDS_TOKENIZER);
    settings->weights = cli_weights_named(cli_text(call, CLI_WEIGHTS));
}

marvis_status cli_load(const cli_call *call, const char *path, unsigned needs, cli_loaded *loaded,
                       marvis_error *err) {
    marvis_model_settings settings;
    char *builtin = NULL, *cache = platform_hub_cache();
    double start = platform_seconds();
    marvis_status status = MARVIS_OK;
    *loaded = (cli_loaded){0};
    if (!path && cli_given(call, CLI_CONFIG)) {
        status = app_fail(
            err, MARVIS_ERR_CALL,
            "--config without %s: the built-in voice has its own; name the model that "
            "%.200s belongs to",
            call->command->positionals[0] && strcmp(call->command->positionals[0], "MODEL") == 0
                ? "MODEL"
                : "--model",
            cli_text(call, CLI_CONFIG));
    } else if (!path) {
        status = find_builtin(&builtin, err);
        path = builtin;
    }
    if (status == MARVIS_OK) status = cli_engine(call, &loaded->engine, err);
    if (status == MARVIS_OK) {
        fill_settings(call, needs, &settings);
        settings.hub_cache = cache;
        status = marvis_model_open(loaded->engine, path, &settings, &loaded->model, err);
    }
    loaded->load_s = platform_seconds() - start;
    free(builtin);
    free(cache);
    if (status != MARVIS_OK) cli_unload(loaded);
    return status;
}

marvis_status cli_load_codec(const cli_call *call, cli_loaded *loaded, marvis_error *err) {
    marvis_model_settings settings;
    double start = platform_seconds();
    marvis_status status;
    *loaded = (cli_loaded){0};
    status = cli_engine(call, &loaded->engine, err);
    if (status == MARVIS_OK) {
        fill_settings(call, CLI_NEEDS_CODEC, &settings);
        settings.codec = NULL;
        status = marvis_codec_open(loaded->engine, cli_text(call, CLI_CODEC), &settings,
                                   &loaded->model, err);
    }
    loaded->load_s = platform_seconds() - start;
    if (status != MARVIS_OK) cli_unload(loaded);
    return status;
}

void cli_unload(cli_loaded *loaded) {
    marvis_model_destroy(&loaded->model);
    marvis_engine_destroy(&loaded->engine);
}

/* ---- text ----------------------------------------------------------------------------------- */

marvis_status cli_read_text(const cli_call *call, const char *positional, char **text,
                            size_t *len_bytes, marvis_error *err) {
    const char *file = cli_text(call, CLI_FILE);
    *text = NULL;
    *len_bytes = 0;
    if (file && positional)
        return app_fail(err, MARVIS_ERR_CALL, "TEXT and --file: give one of them");
    if (!file && !positional)
        return app_fail(err, MARVIS_ERR_CALL,
                        "TEXT is missing; give a text, - for standard input, or --file FILE");
    if (file || strcmp(positional, "-") == 0)
        return text_file_read(file ? file : "-", text, len_bytes, err);
    *text = platform_concat(positional, "");
    if (!*text) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    *len_bytes = strlen(positional);
    return MARVIS_OK;
}

/* Takes the place of *text, what is spoken of it. */
static marvis_status normalize(char **text, size_t *len_bytes, marvis_error *err) {
    char *spoken, *copy;
    size_t n;
    marvis_status status = marvis_normalize(*text, *len_bytes, &spoken, &n, err);
    if (status != MARVIS_OK) return status;
    copy = platform_concat(spoken, "");
    marvis_free(spoken);
    if (!copy) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    free(*text);
    *text = copy;
    *len_bytes = n;
    return MARVIS_OK;
}

marvis_status cli_read_speech(const cli_call *call, const char *positional, char **text,
                              size_t *len_bytes, marvis_error *err) {
    const char *file = cli_text(call, CLI_FILE);
    marvis_status status = cli_read_text(call, positional, text, len_bytes, err);
    const char *name = file                                         ? file
                       : positional && strcmp(positional, "-") == 0 ? "standard input"
                                                                    : "TEXT";
    text_check check = {0};
    if (status == MARVIS_OK) status = text_check_part(&check, name, *text, *len_bytes, true, err);
    if (status == MARVIS_OK && text_is_blank(*text, *len_bytes))
        status = app_fail(err, MARVIS_ERR_INPUT, "%s: there is no text to speak", name);
    if (status == MARVIS_OK && !cli_given(call, CLI_NO_NORMALIZE)) {
        status = normalize(text, len_bytes, err);
        if (status == MARVIS_OK && *len_bytes == 0)
            status = app_fail(err, MARVIS_ERR_INPUT,
                              "%s: nothing in it is spoken, only emoji, signs or markup", name);
    }
    if (status != MARVIS_OK) {
        free(*text);
        *text = NULL;
        *len_bytes = 0;
    }
    return status;
}
