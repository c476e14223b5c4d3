/* codec_encode.c - marvis codec encode: speech to Mimi codes in a safetensors file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/support.h"
#include "common/audio_file.h"
#include "common/audio_read.h"
#include "common/error.h"
#include "common/out_file.h"

/* Longest audio, as of all speech: 13 MB of codes an hour. */
static const double MAX_SECONDS = 86400;

typedef struct encode_job {
    const cli_call *call;
    cli_loaded loaded;
    audio_reader *audio;
    marvis_encoder *encoder;
    size_t n_codebooks;
    int32_t *codes; /* [capacity, n_codebooks], n_frames of them made */
    size_t n_frames, capacity;
    int32_t *rows; /* [n_codebooks, n_frames], as the file has them */
} encode_job;

static marvis_status check_call(const cli_call *call, marvis_error *err) {
    const char *output = cli_text(call, CLI_OUTPUT);
    audio_format format;
    if (!output || strcmp(output, "-") == 0)
        return app_fail(err, MARVIS_ERR_CALL, "%s; give -o FILE",
                        output ? "--output must be a file" : "--output is missing");
    if (cli_given(call, CLI_CODEC) && cli_given(call, CLI_MODEL))
        return app_fail(err, MARVIS_ERR_CALL, "--codec and --model: give one of them");
    /* Above all not into the audio itself. */
    if (out_file_same(output, call->positionals[0]) ||
        (!out_file_is_stream(output) &&
         audio_format_choose(output, NULL, &format, NULL) == MARVIS_OK))
        return app_fail(err, MARVIS_ERR_CALL,
                        "%s: codes are no sound; give -o FILE.safetensors to write them to",
                        output);
    return out_file_probe(output, err);
}

static marvis_status load(encode_job *job, marvis_error *err) {
    const cli_call *call = job->call;
    marvis_status status;
    if (cli_given(call, CLI_CODEC))
        status = cli_load_codec(call, &job->loaded, err);
    else
        status = cli_load(call, cli_text(call, CLI_MODEL), CLI_NEEDS_CODEC, &job->loaded, err);
    if (status != MARVIS_OK) return status;
    const marvis_model *model = job->loaded.model;
    const int rate = marvis_model_sample_rate(model);
    const int n = cli_integer(call, CLI_CODEBOOKS, marvis_model_n_codebooks(model));
    job->n_codebooks = (size_t)n;
    status = marvis_encoder_create(model, rate, n, &job->encoder, err);
    if (status != MARVIS_OK) return status;
    return audio_reader_open(call->positionals[0], rate, MAX_SECONDS, &job->audio, err);
}

/* Room for n more frames. */
static marvis_status grow(encode_job *job, size_t n, marvis_error *err) {
    if (job->capacity - job->n_frames >= n) return MARVIS_OK;
    size_t capacity = 2 * job->capacity + n;
    int32_t *codes = realloc(job->codes, capacity * job->n_codebooks * sizeof *codes);
    if (!codes)
        return app_fail(err, MARVIS_ERR_MEMORY, "%s: out of memory after %zu frames",
                        job->call->positionals[0], job->n_frames);
    job->codes = codes;
    job->capacity = capacity;
    return MARVIS_OK;
}

static marvis_status encode(encode_job *job, marvis_error *err) {
    enum { BLOCK = 1 << 14 };
    const size_t frame = (size_t)marvis_model_frame_samples(job->loaded.model);
    marvis_status status = MARVIS_OK;
    size_t n = 1, n_new;
    float *pcm = malloc(BLOCK * sizeof *pcm);
    if (!pcm) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    while (status == MARVIS_OK && n > 0) {
        status = grow(job, BLOCK / frame + 1, err);
        if (status == MARVIS_OK) status = audio_reader_read(job->audio, pcm, BLOCK, &n, err);
        if (status != MARVIS_OK) break;
        int32_t *codes = job->codes + job->n_frames * job->n_codebooks;
        status = marvis_encoder_encode(job->encoder, pcm, n, codes, &n_new, err);
        if (status == MARVIS_ERR_INPUT) {
            marvis_error cause = *err;
            (void)app_fail(err, status, "%.200s: %.300s", job->call->positionals[0], cause.message);
        }
        if (status == MARVIS_OK) job->n_frames += n_new;
    }
    free(pcm);
    if (status == MARVIS_OK) status = grow(job, 1, err);
    if (status == MARVIS_OK)
        job->n_frames +=
            marvis_encoder_flush(job->encoder, job->codes + job->n_frames * job->n_codebooks);
    return status;
}

static marvis_status write_output(encode_job *job, marvis_error *err) {
    static const char *const names[] = {"codes"};
    const char *path = cli_text(job->call, CLI_OUTPUT);
    const size_t n_bytes = job->n_frames * job->n_codebooks * sizeof *job->rows;
    job->rows = malloc(n_bytes);
    if (!job->rows) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    for (size_t c = 0; c < job->n_codebooks; c++)
        for (size_t t = 0; t < job->n_frames; t++)
            job->rows[c * job->n_frames + t] = job->codes[t * job->n_codebooks + c];
    marvis_tensor_view view = {.type = "I32",
                               .n_dims = 2,
                               .shape = {(int64_t)job->n_codebooks, (int64_t)job->n_frames},
                               .data = job->rows,
                               .len_bytes = n_bytes};
    /* As in trace.c: signals wait until the library's temporary file is gone. */
    bool wait = !out_file_is_stream(path);
    if (wait) cli_block_signals(true);
    marvis_status status = marvis_tensors_write(path, 1, names, &view, err);
    if (wait) cli_block_signals(false);
    return status;
}

int codec_encode_run(const cli_call *call) {
    encode_job job = {.call = call};
    marvis_error err;
    int exit_status = CLI_DONE;
    if (check_call(call, &err) != MARVIS_OK)
        exit_status = cli_fail(&err, false);
    else if (load(&job, &err) != MARVIS_OK || encode(&job, &err) != MARVIS_OK)
        exit_status = cli_fail(&err, true);
    else if (write_output(&job, &err) != MARVIS_OK)
        exit_status = cli_fail(&err, false);
    free(job.rows);
    free(job.codes);
    audio_reader_close(&job.audio);
    marvis_encoder_destroy(&job.encoder);
    cli_unload(&job.loaded);
    return exit_status;
}
