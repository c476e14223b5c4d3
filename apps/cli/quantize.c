/* quantize.c - marvis quantize: a model, its codec and its tokenizer as one GGUF file, the weights
 * in the types that are asked for, those columns stored best that carry most when it speaks. */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/quantize_report.h"
#include "cli/support.h"
#include "common/error.h"
#include "common/out_file.h"
#include "common/progress.h"

static marvis_status check_call(const cli_call *call, marvis_error *err) {
    const char *output = cli_text(call, CLI_OUTPUT), *model = call->positionals[0];
    size_t n = output ? strlen(output) : 0;
    marvis_save_settings settings;
    marvis_save_settings_init(&settings);
    settings.types = cli_text(call, CLI_TYPE);
    marvis_status status = marvis_save_settings_check(&settings, err);
    if (status != MARVIS_OK) return status;
    if (!output && cli_given(call, CLI_REPORT)) return MARVIS_OK;
    if (!output || strcmp(output, "-") == 0)
        return app_fail(err, MARVIS_ERR_CALL, "%s; give -o FILE.gguf",
                        output ? "--output must be a file" : "--output is missing");
    if (out_file_is_stream(output))
        return app_fail(err, MARVIS_ERR_CALL, "%s is no ordinary file; give -o FILE.gguf", output);
    if (model && out_file_same(output, model))
        return app_fail(err, MARVIS_ERR_CALL, "%s: is the model itself; give -o another file",
                        output);
    if (n < 5 || strcmp(output + n - 5, ".gguf") != 0)
        return app_fail(err, MARVIS_ERR_CALL, "%s: give the file a name that ends in .gguf",
                        output);
    return out_file_probe(output, err);
}

static int show(void *ctx, const char *tensor, uint64_t done, uint64_t total) {
    if (ctx) progress_share(ctx, tensor, total ? (double)done / (double)total : 0);
    return cli_is_cancelled();
}

static int show_speech(void *ctx, int done, int total) {
    progress_share(ctx, "calibration: the model speaks", (double)done / total);
    return cli_is_cancelled();
}

/* Four bits need it; more hardly do. */
static bool has_4_bits(const cli_call *call) {
    const char *types = cli_text(call, CLI_TYPE);
    if (!types || cli_given(call, CLI_REPORT) || strstr(types, "q4")) return true;
    size_t n_first = strcspn(types, ","); /* exceptions alone are those of the mix */
    return strncmp(types, "mix", 3) == 0 || memchr(types, '=', n_first);
}

/* *calibration stays NULL where none is wanted. A model that hardly speaks is quantised without
 * one, unless it was asked for. */
static marvis_status calibrate(const cli_call *call, const cli_loaded *loaded, progress *line,
                               marvis_calibration **calibration, marvis_error *err) {
    marvis_calibration_settings settings;
    marvis_calibration_settings_init(&settings);
    settings.n_frames = cli_integer(call, CLI_CALIBRATE, has_4_bits(call) ? settings.n_frames : 0);
    settings.progress = show_speech;
    settings.progress_ctx = line;
    if (settings.n_frames == 0) return MARVIS_OK;
    marvis_status status = marvis_calibration_create(loaded->model, &settings, calibration, err);
    progress_clear(line);
    if (cli_given(call, CLI_CALIBRATE) ||
        (status != MARVIS_ERR_INPUT && status != MARVIS_ERR_TOO_LONG))
        return status;
    if (!cli_given(call, CLI_QUIET)) cli_complain("warning: not calibrated: %s", err->message);
    return MARVIS_OK;
}

static marvis_status save(const cli_call *call, const cli_loaded *loaded, marvis_error *err) {
    progress line;
    marvis_save_settings settings;
    marvis_calibration *calibration = NULL;
    progress_init(&line, !cli_given(call, CLI_QUIET));
    marvis_save_settings_init(&settings);
    settings.types = cli_text(call, CLI_TYPE);
    settings.progress = show;
    settings.progress_ctx = &line;
    /* The temporary file is the library's: it removes it when the work is stopped. */
    cli_defer_signals(true);
    marvis_status status = calibrate(call, loaded, &line, &calibration, err);
    settings.calibration = calibration;
    if (status == MARVIS_OK && cli_given(call, CLI_OUTPUT))
        status = marvis_model_save(loaded->model, cli_text(call, CLI_OUTPUT), &settings, err);
    if (status == MARVIS_OK && cli_given(call, CLI_REPORT)) {
        progress_clear(&line);
        settings.progress_ctx = NULL;
        status = quantize_report(loaded->engine, loaded->model, &settings, err);
    }
    cli_defer_signals(false);
    progress_clear(&line);
    marvis_calibration_destroy(&calibration);
    if (status != MARVIS_OK && cli_is_cancelled())
        return app_fail(err, MARVIS_ERR_IO, "interrupted; nothing was written");
    return status;
}

int quantize_run(const cli_call *call) {
    cli_loaded loaded = {0};
    marvis_error err;
    int exit_status = CLI_DONE;
    if (check_call(call, &err) != MARVIS_OK)
        exit_status = cli_fail(&err, false);
    else if (cli_load(call, call->positionals[0], CLI_NEEDS_CODEC | CLI_NEEDS_TOKENIZER, &loaded,
                      &err) != MARVIS_OK)
        exit_status = cli_fail(&err, true);
    else if (save(call, &loaded, &err) != MARVIS_OK)
        exit_status = cli_fail(&err, false);
    cli_unload(&loaded);
    return exit_status;
}
