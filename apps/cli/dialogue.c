/* dialogue.c - marvis dialogue: a script of several speakers, each with a voice, spoken turn by
 * turn in one session, so that each turn is an answer to those before it. */
#include "cli/dialogue.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/say.h"
#include "cli/support.h"
#include "cli/voice_store.h"
#include "common/audio_file.h"
#include "common/error.h"
#include "common/platform.h"
#include "common/progress.h"

static const double DEFAULT_PAUSE_S = 0.25;
enum { DECODED_TOGETHER = 8 }; /* frames of a recorded turn */

typedef struct dialogue_job {
    const cli_call *call;
    dialogue_script script;
    audio_writer *audio;
    out_file stats;
    cli_loaded loaded;
    marvis_session *session;
    marvis_voice **voices; /* [n_people]; NULL: none */
    dialogue_result result;
    progress progress;
    double start_s; /* clock at the first turn */
    size_t n_samples;
    bool is_cancelled;
} dialogue_job;

static marvis_status no_memory(marvis_error *err) {
    return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
}

/* ---- before the model ----------------------------------------------------------------------- */

static marvis_status check_call(const cli_call *call, marvis_error *err) {
    const char *output = cli_text(call, CLI_OUTPUT), *stats = cli_text(call, CLI_STATS);
    if (cli_given(call, CLI_GREEDY) &&
        (cli_given(call, CLI_TEMPERATURE) || cli_given(call, CLI_DEPTH_TEMPERATURE)))
        return app_fail(err, MARVIS_ERR_CALL, "--greedy and a temperature: give one of them");
    if (!output)
        return app_fail(err, MARVIS_ERR_CALL,
                        "--output is missing; give -o FILE, or -o - for standard output");
    if (stats && out_file_same(stats, output))
        return app_fail(err, MARVIS_ERR_CALL,
                        "--stats %s and --output %s are the same file; give two", stats, output);
    if (strcmp(output, "-") == 0 && isatty(STDOUT_FILENO))
        return app_fail(err, MARVIS_ERR_CALL,
                        "standard output is a terminal; redirect it or give -o FILE");
    return MARVIS_OK;
}

/* A script of nothing but turns with "output": false would be worked on for nothing. */
static marvis_status check_heard(const dialogue_script *script, marvis_error *err) {
    for (size_t i = 0; i < script->n_turns; i++)
        if (!script->turns[i].is_left_out) return MARVIS_OK;
    return app_fail(err, MARVIS_ERR_INPUT,
                    "%s: nothing would be written: \"output\" is false in all turns", script->name);
}

static marvis_status open_outputs(dialogue_job *job, marvis_error *err) {
    const char *path = cli_text(job->call, CLI_OUTPUT), *stats = cli_text(job->call, CLI_STATS);
    audio_format format;
    marvis_status status = audio_format_choose(path, cli_text(job->call, CLI_FORMAT), &format, err);
    if (status == MARVIS_OK) status = audio_writer_open(path, format, &job->audio, err);
    if (status == MARVIS_OK && stats) status = out_file_open(&job->stats, stats, err);
    job->result.output = path;
    return status;
}

/* ---- voices --------------------------------------------------------------------------------- */

/* A voice for this call alone: a snapshot would cost what it saves. */
static marvis_status record(dialogue_job *job, const dialogue_person *person, marvis_voice **voice,
                            marvis_error *err) {
    const marvis_session_settings *s = &job->result.settings;
    recording_source source = dialogue_voice_source(person, cli_given(job->call, CLI_NO_NORMALIZE));
    marvis_voice_settings settings;
    spoken_recording recording;
    marvis_voice_settings_init(&settings);
    settings.name = person->name;
    settings.snapshot = 0;
    marvis_status status =
        recording_read(&recording, &source, job->loaded.model, s->n_codebooks, s->max_frames, err);
    if (status == MARVIS_OK)
        status =
            marvis_voice_create(job->loaded.model, &recording.recording, &settings, voice, err);
    recording_free(&recording);
    return status;
}

/* In the context layout all voices are turns of their own before the dialogue, and stay there. In
 * the other each is set for its turns, which must not be the first to find that it does not fit. */
static marvis_status place_voice(dialogue_job *job, size_t person, marvis_error *err) {
    if (job->result.layout == MARVIS_VOICE_MATCH)
        return marvis_session_use_voice(job->session, job->voices[person], MARVIS_VOICE_MATCH, err);
    marvis_voice_info info = {.struct_size = sizeof info};
    marvis_voice_info_get(job->voices[person], &info);
    marvis_status status = marvis_voice_check(job->voices[person], job->loaded.model, NULL, err);
    if (status == MARVIS_OK)
        status = marvis_session_add_context(job->session, job->script.people[person].speaker,
                                            &info.recording, err);
    return status;
}

static marvis_voice_layout choose_layout(const dialogue_job *job) {
    const char *layout = cli_text(job->call, CLI_VOICE_LAYOUT);
    if (!layout) return marvis_model_voice_layout(job->loaded.model);
    return strcmp(layout, "context") == 0 ? MARVIS_VOICE_CONTEXT : MARVIS_VOICE_MATCH;
}

static marvis_status load_voices(dialogue_job *job, marvis_error *err) {
    const dialogue_script *script = &job->script;
    double start = platform_seconds();
    marvis_status status = MARVIS_OK;
    job->result.layout = choose_layout(job);
    job->voices = calloc(script->n_people, sizeof *job->voices);
    if (!job->voices) return no_memory(err);
    for (size_t i = 0; i < script->n_people && status == MARVIS_OK; i++) {
        const dialogue_person *person = &script->people[i];
        if (!person->is_spoken) continue;
        if (person->voice)
            status = voice_store_load(person->voice, &job->voices[i], NULL, err);
        else if (person->audio || person->codes)
            status = record(job, person, &job->voices[i], err);
        if (status == MARVIS_OK && job->voices[i]) status = place_voice(job, i, err);
        status = dialogue_blame_person(script, i, status, err);
    }
    if (status == MARVIS_OK) status = marvis_session_pin_context(job->session, err);
    job->result.voices_s = platform_seconds() - start;
    return status;
}

static marvis_status start_session(dialogue_job *job, marvis_error *err) {
    dialogue_result *r = &job->result;
    const marvis_model *model = job->loaded.model;
    marvis_status status = say_settings(job->call, model, &r->settings, err);
    if (status == MARVIS_OK)
        status = marvis_session_create(model, &r->settings, &job->session, err);
    if (status == MARVIS_OK) status = load_voices(job, err);
    r->model = cli_text(job->call, CLI_MODEL);
    r->load_s = job->loaded.load_s;
    r->cpu = marvis_engine_cpu(job->loaded.engine);
    r->n_threads = marvis_engine_n_threads(job->loaded.engine);
    return status;
}

/* ---- turns ---------------------------------------------------------------------------------- */

static double to_seconds(const dialogue_job *job, size_t n_samples) {
    return (double)n_samples / marvis_model_sample_rate(job->loaded.model);
}

static marvis_status write_pcm(dialogue_job *job, const float *pcm, size_t n, marvis_error *err) {
    job->n_samples += n;
    return audio_writer_write(job->audio, pcm, n, err);
}

static marvis_status write_pause(dialogue_job *job, const dialogue_turn *turn, marvis_error *err) {
    static const float silence[1024];
    double seconds = cli_number(job->call, CLI_TURN_PAUSE,
                                job->script.pause_s >= 0 ? job->script.pause_s : DEFAULT_PAUSE_S);
    marvis_status status = MARVIS_OK;
    if (turn->pause_s >= 0) seconds = turn->pause_s;
    if (job->n_samples == 0) return MARVIS_OK; /* nothing to be apart from */
    size_t n = (size_t)(seconds * marvis_model_sample_rate(job->loaded.model) + 0.5);
    for (size_t part; n > 0 && status == MARVIS_OK; n -= part) {
        part = n < 1024 ? n : 1024;
        status = write_pcm(job, silence, part, err);
    }
    return status;
}

/* Decodes a recorded turn into the output. */
static marvis_status write_recording(dialogue_job *job, const marvis_recording *r,
                                     marvis_error *err) {
    size_t samples = (size_t)marvis_model_frame_samples(job->loaded.model);
    size_t columns = (size_t)r->n_codebooks;
    float *pcm = malloc(DECODED_TOGETHER * samples * sizeof *pcm);
    marvis_decoder *decoder = NULL;
    marvis_status status =
        pcm ? marvis_decoder_create(job->loaded.model, r->n_codebooks, &decoder, err)
            : no_memory(err);
    for (size_t t = 0; t < r->n_frames && status == MARVIS_OK; t += DECODED_TOGETHER) {
        size_t n = r->n_frames - t < DECODED_TOGETHER ? r->n_frames - t : DECODED_TOGETHER;
        status = marvis_decoder_decode(decoder, r->codes + t * columns, n, pcm, err);
        if (status == MARVIS_OK) status = write_pcm(job, pcm, n * samples, err);
    }
    marvis_decoder_destroy(&decoder);
    free(pcm);
    return status;
}

static marvis_status take_recorded(dialogue_job *job, const dialogue_turn *turn,
                                   dialogue_said *said, marvis_error *err) {
    const marvis_session_settings *s = &job->result.settings;
    recording_source source = dialogue_turn_source(turn);
    spoken_recording recording;
    marvis_status status =
        recording_read(&recording, &source, job->loaded.model, s->n_codebooks, s->max_frames, err);
    if (status == MARVIS_OK)
        status = marvis_session_add_context(job->session, job->script.people[turn->person].speaker,
                                            &recording.recording, err);
    if (status == MARVIS_OK && !turn->is_left_out) {
        status = write_pause(job, turn, err);
        said->start_s = to_seconds(job, job->n_samples);
        if (status == MARVIS_OK) status = write_recording(job, &recording.recording, err);
    }
    said->n_frames = (int)recording.recording.n_frames;
    recording_free(&recording);
    return status;
}

static void show_progress(dialogue_job *job, const dialogue_said *said) {
    if (!job->progress.enabled) return;
    int n_frames = said->n_frames;
    for (size_t i = 0; i < job->result.n_said; i++)
        n_frames += job->result.said[i].n_frames;
    progress_update(&job->progress, n_frames, to_seconds(job, job->n_samples),
                    platform_seconds() - job->start_s, said->timing.first_pcm_s);
}

static marvis_status step_all(dialogue_job *job, bool is_left_out, dialogue_said *said,
                              marvis_error *err) {
    for (;;) {
        marvis_chunk chunk;
        marvis_status status = marvis_session_step(job->session, &chunk, err);
        marvis_session_timing_get(job->session, &said->timing);
        if (status != MARVIS_OK) return status;
        said->stop = chunk.stop;
        if (chunk.stop != MARVIS_STOP_NONE) return MARVIS_OK;
        said->n_frames += chunk.n_frames;
        if (!is_left_out) status = write_pcm(job, chunk.pcm, (size_t)chunk.n_samples, err);
        if (status != MARVIS_OK) return status;
        show_progress(job, said);
    }
}

static marvis_status prepare(dialogue_job *job, size_t index, marvis_error *err) {
    const dialogue_turn *turn = &job->script.turns[index];
    marvis_voice *voice = job->voices[turn->person];
    marvis_session_reset(job->session, job->result.settings.seed + index);
    marvis_status status =
        marvis_session_set_speaker(job->session, job->script.people[turn->person].speaker, err);
    if (status == MARVIS_OK && job->result.layout == MARVIS_VOICE_MATCH)
        status = marvis_session_use_voice(job->session, voice, MARVIS_VOICE_MATCH, err);
    if (status == MARVIS_OK)
        status = marvis_session_push_text(job->session, turn->text, turn->text_len, err);
    return status;
}

static marvis_status speak(dialogue_job *job, size_t index, dialogue_said *said,
                           marvis_error *err) {
    const dialogue_turn *turn = &job->script.turns[index];
    marvis_status status = prepare(job, index, err);
    if (status == MARVIS_OK && !turn->is_left_out) status = write_pause(job, turn, err);
    said->start_s = to_seconds(job, job->n_samples);
    said->timing.struct_size = sizeof said->timing;
    if (cli_is_cancelled()) marvis_session_cancel(job->session); /* which a reset has undone */
    if (status == MARVIS_OK) status = step_all(job, turn->is_left_out, said, err);
    if (status == MARVIS_OK)
        status = marvis_session_keep_turn(job->session, SIZE_MAX, NULL, 0, NULL, err);
    return status;
}

static marvis_status take_turn(dialogue_job *job, size_t index, marvis_error *err) {
    const dialogue_turn *turn = &job->script.turns[index];
    dialogue_said *said = &job->result.said[index];
    double start = platform_seconds();
    marvis_session_reset(job->session, 0); /* the turn before is done */
    marvis_status status = turn->audio || turn->codes ? take_recorded(job, turn, said, err)
                                                      : speak(job, index, said, err);
    if (!turn->is_left_out) said->seconds = to_seconds(job, job->n_samples) - said->start_s;
    said->wall_s = platform_seconds() - start;
    job->result.n_said = index + 1;
    job->is_cancelled = said->stop == MARVIS_STOP_CANCELLED ||
                        (cli_is_cancelled() && index + 1 < job->script.n_turns);
    if (status == MARVIS_ERR_IO) return status; /* the output's */
    return dialogue_blame_turn(&job->script, index, status, err);
}

static marvis_status perform(dialogue_job *job, marvis_error *err) {
    dialogue_result *r = &job->result;
    job->start_s = platform_seconds();
    r->said = calloc(job->script.n_turns, sizeof *r->said);
    if (!r->said) return no_memory(err);
    marvis_status status =
        audio_writer_start(job->audio, marvis_model_sample_rate(job->loaded.model), err);
    cli_cancel_on_signal(job->session);
    for (size_t i = 0; i < job->script.n_turns && !job->is_cancelled && status == MARVIS_OK; i++)
        status = take_turn(job, i, err);
    cli_cancel_on_signal(NULL);
    progress_clear(&job->progress);
    if (status == MARVIS_OK && job->n_samples == 0)
        return app_fail(err, MARVIS_ERR_INTERNAL, "%s; nothing was written",
                        job->is_cancelled ? "cancelled before the first frame"
                                          : "the model said nothing; try another --seed");
    if (status == MARVIS_OK) status = audio_writer_finish(job->audio, err);
    r->seconds = to_seconds(job, job->n_samples);
    r->wall_s = platform_seconds() - job->start_s;
    (void)marvis_session_n_turns(job->session, &r->n_dropped);
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static int dialogue(dialogue_job *job) {
    const cli_call *call = job->call;
    dialogue_result *r = &job->result;
    bool quiet = cli_given(call, CLI_QUIET), is_dry = cli_given(call, CLI_DRY_RUN);
    marvis_error err;

    if ((!is_dry && check_call(call, &err) != MARVIS_OK) ||
        dialogue_script_read(&job->script, call, call->positionals[0], &err) != MARVIS_OK ||
        check_heard(&job->script, &err) != MARVIS_OK ||
        dialogue_script_check_files(&job->script, &err) != MARVIS_OK)
        return cli_fail(&err, true);
    if (is_dry) {
        dialogue_print_script(&job->script);
        return CLI_DONE;
    }
    if (open_outputs(job, &err) != MARVIS_OK) return cli_fail(&err, false);
    if (cli_load(call, cli_text(call, CLI_MODEL), CLI_NEEDS_CODEC | CLI_NEEDS_TOKENIZER,
                 &job->loaded, &err) != MARVIS_OK)
        return cli_fail(&err, true);
    progress_init(&job->progress, !quiet);
    if (start_session(job, &err) != MARVIS_OK) return cli_fail(&err, true);
    if (perform(job, &err) != MARVIS_OK) return cli_fail(&err, false);
    if (!quiet) {
        dialogue_print_warnings(r);
        dialogue_print_summary(r);
    }
    if (job->stats.fd >= 0 && dialogue_write_stats(r, &job->stats, &err) != MARVIS_OK)
        return cli_fail(&err, false);
    if (job->is_cancelled) {
        cli_complain("cancelled in turn %zu of %zu; %s holds what was spoken", r->n_said,
                     job->script.n_turns,
                     strcmp(r->output, "-") == 0 ? "standard output" : r->output);
        return CLI_FAILED;
    }
    return CLI_DONE;
}

int dialogue_run(const cli_call *call) {
    dialogue_job job = {.call = call, .stats = OUT_FILE_CLOSED};
    int exit_status;
    job.result.script = &job.script;
    exit_status = dialogue(&job);
    marvis_session_destroy(&job.session);
    for (size_t i = 0; job.voices && i < job.script.n_people; i++)
        marvis_voice_destroy(&job.voices[i]);
    free(job.voices);
    free(job.result.said);
    cli_unload(&job.loaded);
    audio_writer_destroy(&job.audio);
    out_file_discard(&job.stats);
    dialogue_script_free(&job.script);
    return exit_status;
}
