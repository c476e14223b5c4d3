/* say_settings.c - the options of marvis say over the model's own defaults (see say.h). */
#include <limits.h>
#include <math.h>

#include "cli/say.h"
#include "cli/support.h"
#include "common/error.h"
#include "common/platform.h"

enum { FEW_CODEBOOKS = 8 }; /* fewer, and speech is none: what --codebooks auto keeps to, too */

/* An option of the backbone goes for the depth decoder too, unless that has its own. */
static void set_sampling(const cli_call *call, marvis_session_settings *settings) {
    marvis_sampling *first = &settings->codebook0, *depth = &settings->depth;
    if (cli_given(call, CLI_TEMPERATURE))
        first->temperature = depth->temperature = (float)cli_number(call, CLI_TEMPERATURE, 0);
    if (cli_given(call, CLI_TOP_K)) first->top_k = depth->top_k = cli_integer(call, CLI_TOP_K, 0);
    if (cli_given(call, CLI_TOP_P))
        first->top_p = depth->top_p = (float)cli_number(call, CLI_TOP_P, 0);
    if (cli_given(call, CLI_DEPTH_TEMPERATURE))
        depth->temperature = (float)cli_number(call, CLI_DEPTH_TEMPERATURE, 0);
    if (cli_given(call, CLI_DEPTH_TOP_K)) depth->top_k = cli_integer(call, CLI_DEPTH_TOP_K, 0);
    if (cli_given(call, CLI_DEPTH_TOP_P))
        depth->top_p = (float)cli_number(call, CLI_DEPTH_TOP_P, 0);
    if (cli_given(call, CLI_GREEDY)) first->temperature = depth->temperature = 0.0f;
}

/* Seconds to frames, upwards; no more than an int holds, for a codec may have any frame rate. */
static int frames_of(double seconds, const marvis_model *model) {
    double rate = (double)marvis_model_sample_rate(model) / marvis_model_frame_samples(model);
    double n_frames = ceil(seconds * rate - 1e-9);
    return n_frames < INT_MAX ? (int)n_frames : INT_MAX;
}

static void tell_pace(const marvis_pace *pace, int n_all) {
    if (pace->factor > 1)
        cli_complain("warning: even %d of %d codebooks take %.2f s for a second of speech here "
                     "(all: %.2f s): it will not keep up",
                     pace->n_codebooks, n_all, pace->factor, pace->factor_all);
    else if (pace->n_codebooks < n_all)
        cli_complain("%d of %d codebooks: about %.2f s for a second of speech here; with all of "
                     "them it would be %.2f s",
                     pace->n_codebooks, n_all, pace->factor, pace->factor_all);
    else
        cli_complain("all %d codebooks: about %.2f s for a second of speech here", n_all,
                     pace->factor);
}

/* --codebooks auto */
static marvis_status choose_codebooks(const cli_call *call, const marvis_model *model,
                                      marvis_session_settings *settings, marvis_error *err) {
    marvis_pace pace = {.struct_size = sizeof pace};
    if (cli_given(call, CLI_RESUME))
        return app_fail(err, MARVIS_ERR_CALL,
                        "--codebooks auto and --resume: what is gone on from was spoken with a "
                        "number that may not be chosen again; give one");
    marvis_status status = marvis_model_measure_pace(model, settings->chunk_frames, &pace, err);
    if (status != MARVIS_OK) return status;
    settings->n_codebooks = pace.n_codebooks;
    if (!cli_given(call, CLI_QUIET)) tell_pace(&pace, marvis_model_n_codebooks(model));
    return MARVIS_OK;
}

marvis_status say_settings(const cli_call *call, const marvis_model *model,
                           marvis_session_settings *settings, marvis_error *err) {
    int n_codebooks = cli_integer(call, CLI_CODEBOOKS_SPOKEN, 0);
    if (n_codebooks > marvis_model_n_codebooks(model))
        return app_fail(err, MARVIS_ERR_CALL, "--codebooks %d: must be 1 to %d for this model",
                        n_codebooks, marvis_model_n_codebooks(model));
    marvis_session_settings_init(settings, model);
    set_sampling(call, settings);
    if (cli_integer(call, CLI_SPEAKER, 0) > 0) /* a name is looked up later */
        settings->speaker = cli_integer(call, CLI_SPEAKER, 0);
    settings->seed = (uint64_t)(cli_given(call, CLI_SEED) ? call->values[CLI_SEED].integer
                                                          : platform_random_seed());
    if (n_codebooks > 0) settings->n_codebooks = n_codebooks;
    if (cli_given(call, CLI_MAX_SECONDS)) {
        int n_positions = marvis_model_max_positions(model);
        settings->max_frames = frames_of(cli_number(call, CLI_MAX_SECONDS, 0), model);
        if (settings->max_frames >= n_positions)
            return app_fail(err, MARVIS_ERR_CALL,
                            "--max-seconds %s: makes %d frames, but this model has %d positions "
                            "for prompt and speech; give less",
                            cli_text(call, CLI_MAX_SECONDS), settings->max_frames, n_positions);
    }
    if (cli_given(call, CLI_NO_GUARD)) settings->guard = 0;
    settings->eos_bias = (float)cli_number(call, CLI_EOS_BIAS, 0);
    settings->chunk_frames = cli_integer(call, CLI_CHUNK_FRAMES, settings->chunk_frames);
    return n_codebooks < 0 ? choose_codebooks(call, model, settings, err) : MARVIS_OK;
}

void say_warn_of_codebooks(const cli_call *call, const marvis_model *model) {
    int n = cli_integer(call, CLI_CODEBOOKS_SPOKEN, 0), n_all = marvis_model_n_codebooks(model);
    if (n > 0 && n < FEW_CODEBOOKS && n < n_all && !cli_given(call, CLI_QUIET))
        cli_complain("warning: --codebooks %d: models learn from all of theirs, here %d; with less "
                     "than %d words are lost",
                     n, n_all, FEW_CODEBOOKS);
}
