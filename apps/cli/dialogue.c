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

/* ---- before the model ----------------------------------------------------------------------- */

static marvis_status check_call(const cli_call *call, marvis_error *err) {
    const char *output = cli_text(call, CLI_OUTPUT), *stats = cli_text(call, CLI_STATS);
    if (cli_given(call, CLI_GREEDY) &&
        (cli_given(call, CLI_TEMPERATURE) || cli_given(call, CLI_DEPTH_TEMPERATURE)))
        return app_fail(err, MARVIS_ERR_CALL, "--greedy and a temperature: give one of them");
    if (!output && !cli_given(call, CLI_PLAY))
        return app_fail(err, MARVIS_ERR_CALL,
                        "--output is missing; give -o FILE, -o - for standard output, or --play");
    if (cli_given(call, CLI_DEVICE) && !cli_given(call, CLI_PLAY))
        return app_fail(err, MARVIS_ERR_CALL, "--device without --play: give both");
    if (!output && cli_given(call, CLI_FORMAT))
        return app_fail(err, MARVIS_ERR_CALL, "--format is of a file: give -o FILE, too");
    if (stats && output && out_file_same(stats, output))
        return app_fail(err, MARVIS_ERR_CALL,
                        "--stats %s and --output %s are the same file; give two", stats, output);
    if (output && strcmp(output, "-") == 0 && isatty(STDOUT_FILENO))
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

/* Nothing that is read is replaced by what is written. */
static marvis_status check_files(const dialogue_job *job, marvis_error *err) {
    const dialogue_script *script = &job->script;
    const char *outputs[] = {cli_text(job->call, CLI_OUTPUT), cli_text(job->call, CLI_STATS)};
    marvis_status status = MARVIS_OK;
    for (size_t k = 0; k < 2 && status == MARVIS_OK; k++) {
        if (!outputs[k]) continue;
        status = cli_check_kept("SCRIPT", script->name, outputs[k], err);
        for (size_t i = 0; i < script->n_people && status == MARVIS_OK; i++) {
            const dialogue_person *p = &script->people[i];
            status = cli_check_kept("the voice", p->audio ? p->audio : p->codes, outputs[k], err);
            status = dialogue_blame_person(script, i, status, err);
        }
        for (size_t i = 0; i < script->n_turns && status == MARVIS_OK; i++) {
            const dialogue_turn *t = &script->turns[i];
            status = cli_check_kept("the turn", t->audio ? t->audio : t->codes, outputs[k], err);
            status = dialogue_blame_turn(script, i, status, err);
        }
    }
    return status;
}

static marvis_status open_outputs(dialogue_job *job, marvis_error *err) {
    const char *path = cli_text(job->call, CLI_OUTPUT), *stats = cli_text(job->call, CLI_STATS);
    audio_format format;
    marvis_status status = MARVIS_OK;
    job->result.output = path ? path : "the sound card";
    job->result.name = path && strcmp(path, "-") == 0 ? "standard output" : path;
    if (path) status = audio_format_choose(path, cli_text(job->call, CLI_FORMAT), &format, err);
    if (path && status == MARVIS_OK) status = audio_writer_open(path, format, &job->audio, err);
    if (path && status == MARVIS_OK) job->sink = say_sink_audio(job->audio);
    if (status == MARVIS_OK && stats) status = out_file_open(&job->stats, stats, err);
    if (cli_given(job->call, CLI_PLAY)) {
        job->player = (say_player){.device = cli_text(job->call, CLI_DEVICE), .also = job->sink};
        job->sink = say_sink_player(&job->player);
    }
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
    return marvis_session_add_voice(job->session, job->script.people[person].speaker,
                                    job->voices[person], err);
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
    if (!job->voices) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < script->n_people && status == MARVIS_OK; i++) {
        const dialogue_person *person = &script->people[i];
        if (!person->is_spoken) continue;
        if (person->voice)
            status = voice_store_load(person->voice, &job->voices[i], NULL, err);
        else if (person->audio || person->codes)
            status = record(job, person, &job->voices[i], err);
        if (status == MARVIS_OK && job->voices[i])
            status = place_voice(job, i, err);
        else if (status == MARVIS_OK && !cli_given(job->call, CLI_QUIET))
            model_facts_warn_of_speaker(&job->facts, person->name, person->speaker);
        status = dialogue_blame_person(script, i, status, err);
    }
    if (status == MARVIS_OK) status = marvis_session_pin_context(job->session, err);
    job->result.voices_s = platform_seconds() - start;
    return status;
}

/* The first turn that is to be spoken and cannot be, by the script that it is written in. */
static void warn_of_script(const dialogue_job *job) {
    const dialogue_script *script = &job->script;
    for (size_t i = 0; i < script->n_turns; i++) {
        const dialogue_turn *turn = &script->turns[i];
        if (turn->audio || turn->codes) continue;
        if (model_facts_warn_of_script(&job->facts, turn->text, turn->text_len)) return;
    }
}

static marvis_status start_session(dialogue_job *job, marvis_error *err) {
    dialogue_result *r = &job->result;
    const marvis_model *model = job->loaded.model;
    marvis_status status = say_settings(job->call, model, &r->settings, err);
    if (status == MARVIS_OK)
        status = marvis_session_create(model, &r->settings, &job->session, err);
    if (status == MARVIS_OK) status = model_facts_read(&job->facts, model, err);
    if (status == MARVIS_OK && !cli_given(job->call, CLI_QUIET)) warn_of_script(job);
    if (status == MARVIS_OK) status = load_voices(job, err);
    r->model = cli_text(job->call, CLI_MODEL);
    r->could_be_smaller = model_facts_could_be_smaller(&job->facts, job->call);
    r->load_s = job->loaded.load_s;
    r->cpu = marvis_engine_cpu(job->loaded.engine);
    r->n_threads = marvis_engine_n_threads(job->loaded.engine);
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static int dialogue(dialogue_job *job) {
    const cli_call *call = job->call;
    dialogue_result *r = &job->result;
    bool quiet = cli_given(call, CLI_QUIET), is_dry = cli_given(call, CLI_DRY_RUN);
    marvis_status failed;
    marvis_error err, of_stats;

    if ((!is_dry && check_call(call, &err) != MARVIS_OK) ||
        dialogue_script_read(&job->script, call, call->positionals[0], &err) != MARVIS_OK ||
        check_heard(&job->script, &err) != MARVIS_OK ||
        dialogue_script_check_files(&job->script, &err) != MARVIS_OK)
        return cli_fail(&err, true);
    if (is_dry) {
        dialogue_print_script(&job->script);
        return CLI_DONE;
    }
    if (check_files(job, &err) != MARVIS_OK) return cli_fail(&err, true);
    if (open_outputs(job, &err) != MARVIS_OK) return cli_fail(&err, false);
    if (cli_load(call, cli_text(call, CLI_MODEL), CLI_NEEDS_CODEC | CLI_NEEDS_TOKENIZER,
                 &job->loaded, &err) != MARVIS_OK)
        return cli_fail(&err, true);
    progress_init(&job->progress, !quiet);
    if (start_session(job, &err) != MARVIS_OK) return cli_fail(&err, true);
    say_warn_of_codebooks(call, job->loaded.model);
    failed = dialogue_perform(job, &err);
    if (failed != MARVIS_OK && !r->is_kept) return cli_fail(&err, !job->output_failed);
    if (!quiet) {
        dialogue_print_warnings(r);
        dialogue_print_summary(r);
    }
    if (failed != MARVIS_OK) {
        job->failure = err;
        r->error = job->failure.message;
    }
    if (job->stats.fd >= 0 && dialogue_write_stats(r, &job->stats, &of_stats) != MARVIS_OK)
        return cli_fail(failed != MARVIS_OK ? &err : &of_stats, false);
    if (failed != MARVIS_OK) return cli_fail(&err, !job->output_failed);
    if (job->is_cancelled) {
        const char *held =
            audio_writer_is_cut(job->audio) ? " was not read to the end" : " holds what was spoken";
        cli_complain("cancelled in turn %zu of %zu%s%.300s%s", r->n_said, job->script.n_turns,
                     r->name ? "; " : "", r->name ? r->name : "", r->name ? held : "");
        return CLI_FAILED;
    }
    return CLI_DONE;
}

int dialogue_run(const cli_call *call) {
    dialogue_job job = {.call = call, .stats = OUT_FILE_CLOSED};
    int exit_status;
    job.result.script = &job.script;
    exit_status = dialogue(&job);
    say_player_close(&job.player);
    marvis_session_destroy(&job.session);
    for (size_t i = 0; job.voices && i < job.script.n_people; i++)
        marvis_voice_destroy(&job.voices[i]);
    free(job.voices);
    free(job.result.said);
    model_facts_free(&job.facts);
    cli_unload(&job.loaded);
    audio_writer_destroy(&job.audio);
    out_file_discard(&job.stats);
    dialogue_script_free(&job.script);
    return exit_status;
}
