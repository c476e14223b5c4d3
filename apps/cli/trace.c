/* trace.c - marvis trace: what the model computes for given codes, without sampling, to be compared
 * with a reference implementation. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/support.h"
#include "cli/tensor_input.h"
#include "common/error.h"
#include "common/out_file.h"

/* S prompt positions, T forced frames, C codebooks, V codes, D backbone width. */
typedef struct trace_job {
    const cli_call *call;
    tensor_input input;
    cli_loaded loaded;
    int32_t *tokens; /* [S, C+1] */
    uint8_t *mask;   /* [S, C+1] */
    int32_t *frames; /* [T, C] */
    size_t n_prompt; /* S */
    size_t n_frames; /* T */
    float *hidden;   /* [T, D] */
    float *logits;   /* [T, C, V] */
} trace_job;

static marvis_status check_call(const cli_call *call, marvis_error *err) {
    const char *output = cli_text(call, CLI_OUTPUT);
    if (!cli_given(call, CLI_INPUT))
        return app_fail(err, MARVIS_ERR_CALL,
                        "--input is missing; give a safetensors file with tokens, mask and frames");
    if (!output || strcmp(output, "-") == 0)
        return app_fail(err, MARVIS_ERR_CALL, "%s; give -o FILE",
                        output ? "--output must be a file" : "--output is missing");
    return MARVIS_OK;
}

static marvis_status read_input(trace_job *job, marvis_error *err) {
    const char *path = cli_text(job->call, CLI_INPUT);
    size_t n_codebooks = (size_t)marvis_model_n_codebooks(job->loaded.model);
    size_t n_mask, n_columns, n_mask_columns, n_frame_columns;
    marvis_status status = tensor_input_open(&job->input, path, err);
    if (status == MARVIS_OK)
        status = tensor_input_int32(&job->input, "tokens", &job->tokens, &job->n_prompt, &n_columns,
                                    err);
    if (status == MARVIS_OK)
        status = tensor_input_mask(&job->input, "mask", &job->mask, &n_mask, &n_mask_columns, err);
    if (status == MARVIS_OK)
        status = tensor_input_int32(&job->input, "frames", &job->frames, &job->n_frames,
                                    &n_frame_columns, err);
    if (status != MARVIS_OK) return status;
    if (n_columns != n_codebooks + 1)
        return app_fail(err, MARVIS_ERR_INPUT,
                        "%s: tensor 'tokens' has %zu columns, but this model needs %zu (%zu of "
                        "audio, 1 of text)",
                        path, n_columns, n_codebooks + 1, n_codebooks);
    if (n_mask != job->n_prompt || n_mask_columns != n_columns)
        return app_fail(err, MARVIS_ERR_INPUT,
                        "%s: tensor 'mask' is [%zu, %zu], but must be [%zu, %zu] as 'tokens'", path,
                        n_mask, n_mask_columns, job->n_prompt, n_columns);
    if (n_frame_columns != n_codebooks)
        return app_fail(err, MARVIS_ERR_INPUT,
                        "%s: tensor 'frames' has %zu columns, but this model has %zu codebooks",
                        path, n_frame_columns, n_codebooks);
    return MARVIS_OK;
}

static marvis_status run_model(trace_job *job, marvis_error *err) {
    const marvis_model *model = job->loaded.model;
    size_t width = (size_t)marvis_model_width(model);
    size_t row = (size_t)marvis_model_n_codebooks(model) * (size_t)marvis_model_audio_vocab(model);
    size_t n_positions = (size_t)marvis_model_max_positions(model);
    /* Also keeps the products below far from overflow. */
    if (job->n_prompt > n_positions || job->n_frames > n_positions)
        return app_fail(err, MARVIS_ERR_TOO_LONG,
                        "%s: %zu positions and %zu frames do not fit the model's context of %zu",
                        job->input.path, job->n_prompt, job->n_frames, n_positions);
    job->hidden = calloc(job->n_frames * width, sizeof *job->hidden);
    job->logits = calloc(job->n_frames * row, sizeof *job->logits);
    if (!job->hidden || !job->logits)
        return app_fail(err, MARVIS_ERR_MEMORY,
                        "%s: out of memory for what %zu frames make; give fewer", job->input.path,
                        job->n_frames);
    marvis_status status =
        marvis_model_trace(model, job->tokens, job->mask, job->n_prompt, job->frames, job->n_frames,
                           job->hidden, job->logits, err);
    return status == MARVIS_OK ? status : tensor_input_blame(&job->input, status, err);
}

static marvis_status write_output(const trace_job *job, marvis_error *err) {
    static const char *const names[] = {"hidden", "logits"};
    const marvis_model *model = job->loaded.model;
    int64_t n_frames = (int64_t)job->n_frames, width = marvis_model_width(model);
    int64_t n_codebooks = marvis_model_n_codebooks(model), vocab = marvis_model_audio_vocab(model);
    marvis_tensor_view views[2] = {
        {.type = "F32",
         .n_dims = 2,
         .shape = {n_frames, width},
         .data = job->hidden,
         .len_bytes = (size_t)(n_frames * width) * sizeof(float)},
        {.type = "F32",
         .n_dims = 3,
         .shape = {n_frames, n_codebooks, vocab},
         .data = job->logits,
         .len_bytes = (size_t)(n_frames * n_codebooks * vocab) * sizeof(float)},
    };
    const char *path = cli_text(job->call, CLI_OUTPUT);
    /* The library's temporary file is unknown to our handler, so that signals wait until it is
     * gone. A pipe has none, and may have to be interrupted for want of a reader. */
    bool wait = !out_file_is_stream(path);
    if (wait) cli_block_signals(true);
    marvis_status status = marvis_tensors_write(path, 2, names, views, err);
    if (wait) cli_block_signals(false);
    return status;
}

int trace_run(const cli_call *call) {
    trace_job job = {.call = call};
    marvis_error err;
    int exit_status = CLI_DONE;
    if (check_call(call, &err) != MARVIS_OK)
        exit_status = cli_fail(&err, true);
    else if (out_file_probe(cli_text(call, CLI_OUTPUT), &err) != MARVIS_OK)
        exit_status = cli_fail(&err, false);
    else if (cli_load(call, cli_text(call, CLI_MODEL), 0, &job.loaded, &err) != MARVIS_OK ||
             read_input(&job, &err) != MARVIS_OK)
        exit_status = cli_fail(&err, true);
    else if (run_model(&job, &err) != MARVIS_OK || write_output(&job, &err) != MARVIS_OK)
        exit_status = cli_fail(&err, false);
    free(job.hidden);
    free(job.logits);
    free(job.tokens);
    free(job.mask);
    free(job.frames);
    tensor_input_close(&job.input);
    cli_unload(&job.loaded);
    return exit_status;
}
