/* voice_create.c - marvis voice create: a recording and its words as a voice that is kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/model_facts.h"
#include "cli/recording.h"
#include "cli/support.h"
#include "cli/voice_store.h"
#include "common/error.h"
#include "common/out_file.h"
#include "common/platform.h"
#include "common/user_data.h"

typedef struct create_job {
    const cli_call *call;
    recording_source source;
    char *path; /* of the voice */
    cli_loaded loaded;
    spoken_recording recording;
    marvis_voice *voice;
    int speaker;
} create_job;

/* The last part of a path, without the slashes at its end; on the heap. */
static char *last_part(const char *path) {
    size_t n = strlen(path), begin;
    while (n > 1 && path[n - 1] == '/')
        n--;
    for (begin = n; begin > 0 && path[begin - 1] != '/';)
        begin--;
    char *part = platform_concat(path + begin, "");
    if (part) part[n - begin] = '\0';
    return part;
}

/* What the model is called, for those who meet the voice with another one. */
static char *model_name(const char *model) {
    if (!model) return platform_concat("the built-in voice", "");
    bool is_path = platform_is_dir(model) || user_data_file_bytes(model) >= 0;
    return is_path ? last_part(model) : platform_concat(model, "");
}

static marvis_status check_call(create_job *job, marvis_error *err) {
    const cli_call *call = job->call;
    const char *name = call->positionals[0];
    job->source = (recording_source){.audio = cli_text(call, CLI_AUDIO),
                                     .codes = cli_text(call, CLI_CODES),
                                     .text = cli_text(call, CLI_TEXT),
                                     .audio_option = "--audio",
                                     .codes_option = "--codes",
                                     .text_option = "--text",
                                     .verbatim = cli_given(call, CLI_NO_NORMALIZE)};
    marvis_status status = voice_store_path(name, &job->path, err);
    if (status != MARVIS_OK) return status;
    if (!job->source.audio && !job->source.codes)
        return app_fail(err, MARVIS_ERR_CALL,
                        "--audio is missing: give a recording of the voice, 5 to 15 s of speech, "
                        "and its words with --text");
    if (!cli_given(call, CLI_FORCE) && user_data_file_bytes(job->path) >= 0)
        return app_fail(err, MARVIS_ERR_CALL,
                        "%.100s: this voice is there already (%.400s); give --force to replace it",
                        name, job->path);
    return recording_check(&job->source, err);
}

static marvis_status load(create_job *job, marvis_error *err) {
    const cli_call *call = job->call;
    marvis_session_settings settings;
    marvis_status status = cli_load(call, cli_text(call, CLI_MODEL),
                                    CLI_NEEDS_CODEC | CLI_NEEDS_TOKENIZER, &job->loaded, err);
    if (status != MARVIS_OK) return status;
    model_facts facts;
    status = model_facts_read(&facts, job->loaded.model, err);
    if (status == MARVIS_OK) status = model_facts_speaker(&facts, call, &job->speaker, err);
    model_facts_free(&facts);
    if (status != MARVIS_OK) return status;
    marvis_session_settings_init(&settings, job->loaded.model);
    return recording_read(&job->recording, &job->source, job->loaded.model, settings.n_codebooks,
                          settings.max_frames, err);
}

static marvis_status create(create_job *job, marvis_error *err) {
    const cli_call *call = job->call;
    char date[16];
    char *name = last_part(call->positionals[0]), *source = last_part(job->recording.path);
    char *model = model_name(cli_text(call, CLI_MODEL));
    marvis_status status = MARVIS_OK;
    if (!name || !source || !model) {
        status = app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    } else {
        marvis_voice_settings settings;
        marvis_voice_settings_init(&settings);
        user_data_today(date);
        settings.name = name;
        settings.source = source;
        settings.date = date;
        settings.model = model;
        settings.speaker = job->speaker;
        status = marvis_voice_create(job->loaded.model, &job->recording.recording, &settings,
                                     &job->voice, err);
        if (status != MARVIS_OK) status = recording_blame(job->recording.path, status, err);
    }
    free(name);
    free(source);
    free(model);
    return status;
}

/* The folder that the voice will lie in is there and can be written: this is found out before the
 * recording is encoded. */
static marvis_status prepare_folder(const create_job *job, marvis_error *err) {
    char *folder;
    marvis_status status = MARVIS_OK;
    if (!voice_store_is_file(job->call->positionals[0])) {
        status = voice_store_folder(&folder, err);
        if (status == MARVIS_OK) {
            status = user_data_make_folder(folder, err);
            free(folder);
        }
    }
    return status == MARVIS_OK ? out_file_probe(job->path, err) : status;
}

static marvis_status save(create_job *job, marvis_error *err) {
    /* Signals wait until the library's temporary file is gone. */
    cli_block_signals(true);
    marvis_status status = marvis_voice_save(job->voice, job->path, err);
    cli_block_signals(false);
    return status;
}

int voice_create_run(const cli_call *call) {
    create_job job = {.call = call};
    marvis_error err;
    int exit_status = CLI_DONE;
    if (check_call(&job, &err) != MARVIS_OK)
        exit_status = cli_fail(&err, true);
    else if (prepare_folder(&job, &err) != MARVIS_OK)
        exit_status = cli_fail(&err, false);
    else if (load(&job, &err) != MARVIS_OK || create(&job, &err) != MARVIS_OK)
        exit_status = cli_fail(&err, true);
    else if (save(&job, &err) != MARVIS_OK)
        exit_status = cli_fail(&err, false);
    else if (!cli_given(call, CLI_QUIET))
        printf("%s: %.1f s of speech, in %s\n", call->positionals[0], job.recording.seconds,
               job.path);
    marvis_voice_destroy(&job.voice);
    recording_free(&job.recording);
    cli_unload(&job.loaded);
    free(job.path);
    return exit_status;
}
