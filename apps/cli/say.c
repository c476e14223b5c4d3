/* say.c - marvis say: text to speech, written piece by piece while it is made. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/say.h"
#include "cli/say_voice.h"
#include "cli/support.h"
#include "common/audio_file.h"
#include "common/error.h"
#include "common/platform.h"
#include "common/progress.h"

typedef struct say_job {
    const cli_call *call;
    char *text;
    audio_writer *audio;
    out_file stats;
    cli_loaded loaded;
    marvis_session *session;
    say_voice voice;
    say_result result;
    progress progress;
} say_job;

/* ---- before the model: everything that can be wrong with the call ---------------------------- */

static marvis_status check_call(const cli_call *call, marvis_error *err) {
    const char *output = cli_text(call, CLI_OUTPUT), *stats = cli_text(call, CLI_STATS);
    if (cli_given(call, CLI_GREEDY) &&
        (cli_given(call, CLI_TEMPERATURE) || cli_given(call, CLI_DEPTH_TEMPERATURE)))
        return app_fail(err, MARVIS_ERR_CALL, "--greedy and a temperature: give one of them");
    if (!output)
        return app_fail(err, MARVIS_ERR_CALL,
                        "--output is missing; give -o FILE, or -o - for standard output");
    if (stats && out_file_same(stats, output)) {
        bool to_stdout = strcmp(stats, "-") == 0 || strcmp(output, "-") == 0;
        return app_fail(err, MARVIS_ERR_CALL,
                        "--stats %s and --output %s are the same file%s; give two", stats, output,
                        to_stdout ? ", standard output" : "");
    }
    if (strcmp(output, "-") == 0 && isatty(STDOUT_FILENO))
        return app_fail(err, MARVIS_ERR_CALL,
                        "standard output is a terminal; redirect it or give -o FILE");
    return say_voice_check(call, err);
}

static marvis_status read_text(say_job *job, marvis_error *err) {
    say_result *r = &job->result;
    marvis_status status =
        cli_read_speech(job->call, job->call->positionals[0], &job->text, &r->text_len, err);
    r->text = job->text;
    return status;
}

/* Outputs are opened before the model is loaded: a wrong one shows at once. */
static marvis_status open_outputs(say_job *job, marvis_error *err) {
    const char *path = cli_text(job->call, CLI_OUTPUT), *stats = cli_text(job->call, CLI_STATS);
    audio_format format;
    marvis_status status = audio_format_choose(path, cli_text(job->call, CLI_FORMAT), &format, err);
    if (status == MARVIS_OK) status = audio_writer_open(path, format, &job->audio, err);
    if (status == MARVIS_OK && stats) status = out_file_open(&job->stats, stats, err);
    job->result.output = path;
    return status;
}

/* ---- the speech ----------------------------------------------------------------------------- */

static marvis_status start_session(say_job *job, marvis_error *err) {
    say_result *r = &job->result;
    const marvis_model *model = job->loaded.model;
    marvis_status status = say_settings(job->call, model, &r->settings, err);
    if (status == MARVIS_OK)
        status = marvis_session_create(model, &r->settings, &job->session, err);
    if (status == MARVIS_OK)
        status = say_voice_set(&job->voice, job->call, model, &r->settings, job->session, err);
    if (status == MARVIS_OK)
        status = marvis_session_push_text(job->session, r->text, r->text_len, err);
    r->voice = job->voice.path;
    r->voice_s = job->voice.seconds;
    r->voice_load_s = job->voice.prepare_s;
    r->model = cli_text(job->call, CLI_MODEL);
    r->load_s = job->loaded.load_s;
    r->cpu = marvis_engine_cpu(job->loaded.engine);
    r->n_threads = marvis_engine_n_threads(job->loaded.engine);
    return status;
}

static void show_progress(say_job *job, double start) {
    say_result *r = &job->result;
    if (!job->progress.enabled) return;
    marvis_session_timing_get(job->session, &r->timing);
    progress_update(&job->progress, r->n_frames, r->seconds, platform_seconds() - start,
                    r->timing.first_pcm_s);
}

/* Steps until the session stops, and writes every chunk. */
static marvis_status step_all(say_job *job, double start, marvis_error *err) {
    say_result *r = &job->result;
    double rate = marvis_model_sample_rate(job->loaded.model);
    size_t n_samples = 0;
    for (;;) {
        marvis_chunk chunk;
        marvis_status status = marvis_session_step(job->session, &chunk, err);
        if (status != MARVIS_OK) return status;
        r->stop = chunk.stop;
        if (chunk.stop != MARVIS_STOP_NONE) return MARVIS_OK;
        n_samples += (size_t)chunk.n_samples;
        r->n_frames += chunk.n_frames;
        r->seconds = (double)n_samples / rate;
        status = audio_writer_write(job->audio, chunk.pcm, (size_t)chunk.n_samples, err);
        if (status != MARVIS_OK) return status;
        show_progress(job, start);
    }
}

static marvis_status speak(say_job *job, marvis_error *err) {
    say_result *r = &job->result;
    const marvis_model *model = job->loaded.model;
    double start = platform_seconds();
    marvis_status status;
    status = audio_writer_start(job->audio, marvis_model_sample_rate(model), err);
    if (status == MARVIS_OK) {
        cli_cancel_on_signal(job->session);
        status = step_all(job, start, err);
        cli_cancel_on_signal(NULL);
    }
    progress_clear(&job->progress);
    if (status == MARVIS_OK && r->n_frames == 0)
        return app_fail(err, MARVIS_ERR_INTERNAL, "%s; nothing was written",
                        r->stop == MARVIS_STOP_CANCELLED
                            ? "cancelled before the first frame"
                            : "the model ended before it had said anything; try another --seed");
    if (status == MARVIS_OK) status = audio_writer_finish(job->audio, err);
    r->wall_s = platform_seconds() - start;
    marvis_session_timing_get(job->session, &r->timing);
    r->runaway = marvis_session_runaway(job->session);
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static int say(say_job *job) {
    const cli_call *call = job->call;
    say_result *r = &job->result;
    bool quiet = cli_given(call, CLI_QUIET);
    marvis_error err;

    if (check_call(call, &err) != MARVIS_OK || read_text(job, &err) != MARVIS_OK)
        return cli_fail(&err, true);
    if (open_outputs(job, &err) != MARVIS_OK) return cli_fail(&err, false);
    if (cli_load(call, cli_text(call, CLI_MODEL), CLI_NEEDS_CODEC | CLI_NEEDS_TOKENIZER,
                 &job->loaded, &err) != MARVIS_OK)
        return cli_fail(&err, true);
    progress_init(&job->progress, !quiet);
    if (start_session(job, &err) != MARVIS_OK) return cli_fail(&err, true);
    if (speak(job, &err) != MARVIS_OK) return cli_fail(&err, false);
    if (!quiet) {
        say_print_warning(r);
        say_print_summary(r);
    }
    if (job->stats.fd >= 0 && say_write_stats(r, &job->stats, &err) != MARVIS_OK)
        return cli_fail(&err, false);
    if (r->stop == MARVIS_STOP_CANCELLED) {
        cli_complain("cancelled after %.1f s; %s holds what was spoken", r->seconds,
                     strcmp(r->output, "-") == 0 ? "standard output" : r->output);
        return CLI_FAILED;
    }
    return CLI_DONE;
}

int say_run(const cli_call *call) {
    say_job job = {.call = call, .stats = OUT_FILE_CLOSED};
    int exit_status;
    if (cli_given(call, CLI_DRY_RUN)) return normalize_run(call);
    job.result.timing.struct_size = sizeof job.result.timing;
    exit_status = say(&job);
    marvis_session_destroy(&job.session);
    cli_unload(&job.loaded);
    audio_writer_destroy(&job.audio);
    out_file_discard(&job.stats);
    free(job.text);
    return exit_status;
}
