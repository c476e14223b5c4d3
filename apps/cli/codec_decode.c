/* codec_decode.c - marvis codec decode: Mimi codes from a safetensors file to speech. */
#include <stdint.h>
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/support.h"
#include "cli/tensor_input.h"
#include "common/audio_file.h"
#include "common/error.h"

typedef struct decode_job {
    const cli_call *call;
    tensor_input input;
    int32_t *codes; /* [n_frames, n_codebooks]; the file has them the other way round */
    size_t n_codebooks;
    size_t n_frames;
    audio_writer *audio;
    cli_loaded loaded;
    marvis_decoder *decoder;
    float *pcm; /* [chunk_frames * frame_samples] */
} decode_job;

static marvis_status open_output(decode_job *job, marvis_error *err) {
    const char *path = cli_text(job->call, CLI_OUTPUT);
    audio_format format;
    marvis_status status;
    if (!path)
        return app_fail(err, MARVIS_ERR_CALL,
                        "--output is missing; give -o FILE, or -o - for standard output");
    if (cli_given(job->call, CLI_CODEC) && cli_given(job->call, CLI_MODEL))
        return app_fail(err, MARVIS_ERR_CALL, "--codec and --model: give one of them");
    status = audio_format_choose(path, cli_text(job->call, CLI_FORMAT), &format, err);
    return status == MARVIS_OK ? audio_writer_open(path, format, &job->audio, err) : status;
}

static marvis_status read_codes(decode_job *job, marvis_error *err) {
    marvis_status status = tensor_input_open(&job->input, job->call->positionals[0], err);
    if (status != MARVIS_OK) return status;
    return tensor_input_codes(&job->input, &job->codes, &job->n_frames, &job->n_codebooks, err);
}

static marvis_status load(decode_job *job, marvis_error *err) {
    const marvis_model *model;
    marvis_status status;
    if (cli_given(job->call, CLI_CODEC))
        status = cli_load_codec(job->call, &job->loaded, err);
    else
        status =
            cli_load(job->call, cli_text(job->call, CLI_MODEL), CLI_NEEDS_CODEC, &job->loaded, err);
    if (status != MARVIS_OK) return status;
    model = job->loaded.model;
    if (job->n_codebooks > (size_t)marvis_model_n_codebooks(model))
        return app_fail(err, MARVIS_ERR_INPUT,
                        "%s: tensor 'codes' has %zu codebooks, but the codec has %d",
                        job->input.path, job->n_codebooks, marvis_model_n_codebooks(model));
    return marvis_decoder_create(model, (int)job->n_codebooks, &job->decoder, err);
}

/* The decoder counts the frames of one call: says which frames these were, and of which file. */
static marvis_status blame_input(const decode_job *job, size_t first, marvis_status status,
                                 marvis_error *err) {
    marvis_error cause = *err;
    if (status == MARVIS_ERR_INPUT && first > 0)
        (void)app_fail(err, status, "of the frames from %zu on, %.300s", first, cause.message);
    return tensor_input_blame(&job->input, status, err);
}

static marvis_status decode(decode_job *job, marvis_error *err) {
    size_t n_samples = (size_t)marvis_model_frame_samples(job->loaded.model);
    size_t chunk = (size_t)cli_integer(job->call, CLI_CHUNK_FRAMES, 8);
    marvis_status status =
        audio_writer_start(job->audio, marvis_model_sample_rate(job->loaded.model), err);
    job->pcm = malloc(chunk * n_samples * sizeof *job->pcm);
    if (!job->pcm)
        return app_fail(err, MARVIS_ERR_MEMORY,
                        "out of memory for %zu frames at a time; give fewer --chunk-frames", chunk);
    for (size_t t = 0; t < job->n_frames && status == MARVIS_OK; t += chunk) {
        size_t n = job->n_frames - t < chunk ? job->n_frames - t : chunk;
        status = marvis_decoder_decode(job->decoder, job->codes + t * job->n_codebooks, n, job->pcm,
                                       err);
        if (status != MARVIS_OK) return blame_input(job, t, status, err);
        status = audio_writer_write(job->audio, job->pcm, n * n_samples, err);
    }
    return status == MARVIS_OK ? audio_writer_finish(job->audio, err) : status;
}

int codec_decode_run(const cli_call *call) {
    decode_job job = {.call = call};
    marvis_error err;
    int exit_status = CLI_DONE;
    if (read_codes(&job, &err) != MARVIS_OK)
        exit_status = cli_fail(&err, true);
    else if (open_output(&job, &err) != MARVIS_OK)
        exit_status = cli_fail(&err, false);
    else if (load(&job, &err) != MARVIS_OK)
        exit_status = cli_fail(&err, true);
    else if (decode(&job, &err) != MARVIS_OK)
        exit_status = cli_fail(&err, false);
    free(job.pcm);
    marvis_decoder_destroy(&job.decoder);
    cli_unload(&job.loaded);
    audio_writer_destroy(&job.audio);
    free(job.codes);
    tensor_input_close(&job.input);
    return exit_status;
}
