/* say_settings.c - the options of marvis say over the model's own defaults (see say.h). */
#include <limits.h>
#include <math.h>

#include "cli/say.h"
#include "common/error.h"
#include "common/platform.h"

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

marvis_status say_settings(const cli_call *call, const marvis_model *model,
                           marvis_session_settings *settings, marvis_error *err) {
    int n_codebooks = cli_integer(call, CLI_CODEBOOKS, 0);
    if (n_codebooks > marvis_model_n_codebooks(model))
        return app_fail(err, MARVIS_ERR_CALL, "--codebooks %d: must be 1 to %d for this model",
                        n_codebooks, marvis_model_n_codebooks(model));
    marvis_session_settings_init(settings, model);
    set_sampling(call, settings);
    if (cli_integer(call, CLI_SPEAKER, 0) > 0) /* a name is looked up later */
        settings->speaker = cli_integer(call, CLI_SPEAKER, 0);
    settings->seed = (uint64_t)(cli_given(call, CLI_SEED) ? call->values[CLI_SEED].integer
                                                          : platform_random_seed());
    if (n_codebooks) settings->n_codebooks = n_codebooks;
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
    return MARVIS_OK;
}
