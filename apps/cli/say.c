/* say.c - marvis say: text to speech, written piece by piece while it is made. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/model_facts.h"
#include "cli/say.h"
#include "cli/say_jobs.h"
#include "cli/say_json.h"
#include "cli/say_resume.h"
#include "cli/say_sink.h"
#include "cli/say_text.h"
#include "cli/say_voice.h"
#include "cli/support.h"
#include "common/audio_file.h"
#include "common/error.h"
#include "common/platform.h"
#include "common/progress.h"

enum {
    FIRST_CHARS = 12, /* of a first clause that is spoken alone */
    MOST_TEXT = 65536 /* bytes of it in the statistics */
};

static const double LEAST_KEPT_S = 0.5; /* of a file that could not be completed */

typedef struct say_job {
    const cli_call *call;
    say_text text;
    audio_writer *audio; /* NULL with --resume */
    say_resume resume;
    say_sink sink;
    say_player player; /* with --play */
    out_file stats;
    cli_loaded loaded;
    marvis_session *session;
    marvis_speech *speech;
    say_voice voice;
    marvis_speech_settings speech_settings;
    marvis_speech_position position; /* with --resume, of the earlier call */
    model_facts facts;
    bool has_warned; /* of a script that the voice does not know */
    say_result result;
    progress progress;
} say_job;

/* ---- before the model: everything that can be wrong with the call ---------------------------- */

/* Nothing that is read is replaced by what is written. */
static marvis_status check_files(const cli_call *call, marvis_error *err) {
    static const cli_option_id outputs[] = {CLI_OUTPUT, CLI_STATS};
    static const struct {
        const char *name;
        cli_option_id id;
    } files[] = {{"--file", CLI_FILE},
                 {"--voice-audio", CLI_VOICE_AUDIO},
                 {"--voice-codes", CLI_VOICE_CODES},
                 {"--stats", CLI_STATS}};
    static const char *const kept[] = {".partial", ".resume"};
    marvis_status status = MARVIS_OK;
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 2 && status == MARVIS_OK; k++)
            status = cli_check_kept(files[i].name, cli_text(call, files[i].id),
                                    cli_text(call, outputs[k]), err);
    for (size_t k = 0; k < 2 && cli_given(call, CLI_RESUME) && status == MARVIS_OK; k++) {
        char *name = platform_concat(cli_text(call, CLI_OUTPUT), kept[k]);
        if (!name) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
        for (size_t i = 0; i < 4 && status == MARVIS_OK; i++)
            status = cli_check_kept(files[i].name, cli_text(call, files[i].id), name, err);
        free(name);
    }
    return status;
}

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
    if (!output && (cli_given(call, CLI_RESUME) || cli_given(call, CLI_FORMAT)))
        return app_fail(err, MARVIS_ERR_CALL, "%s is of a file: give -o FILE, too",
                        cli_given(call, CLI_RESUME) ? "--resume" : "--format");
    if (stats && output && out_file_same(stats, output)) {
        bool to_stdout = strcmp(stats, "-") == 0 || strcmp(output, "-") == 0;
        return app_fail(err, MARVIS_ERR_CALL,
                        "--stats %s and --output %s are the same file%s; give two", stats, output,
                        to_stdout ? ", standard output" : "");
    }
    if (output && strcmp(output, "-") == 0 && isatty(STDOUT_FILENO))
        return app_fail(err, MARVIS_ERR_CALL,
                        "standard output is a terminal; redirect it or give -o FILE");
    if (cli_given(call, CLI_RESUME) && !cli_text(call, CLI_FILE) && call->positionals[0] &&
        strcmp(call->positionals[0], "-") == 0)
        return app_fail(err, MARVIS_ERR_CALL,
                        "--resume reads the text again, and standard input comes once; give "
                        "--file FILE");
    if (cli_integer(call, CLI_JOBS, 1) > 1) {
        const char *text = cli_text(call, CLI_FILE) ? "" : call->positionals[0];
        if (text && strcmp(text, "-") == 0)
            return app_fail(err, MARVIS_ERR_CALL,
                            "--jobs speaks paragraphs of a text that is there as a whole, and "
                            "standard input comes line by line; give --file FILE");
        if (cli_given(call, CLI_MAX_SECONDS))
            return app_fail(err, MARVIS_ERR_CALL,
                            "--jobs and --max-seconds: give one of them (paragraphs at work do not "
                            "know how long those before them will be)");
    }
    marvis_status status = check_files(call, err);
    return status == MARVIS_OK ? say_voice_check(call, err) : status;
}

/* Outputs are opened before the model is loaded: a wrong one shows at once. */
static marvis_status open_outputs(say_job *job, marvis_error *err) {
    const char *path = cli_text(job->call, CLI_OUTPUT), *stats = cli_text(job->call, CLI_STATS);
    audio_format format;
    marvis_status status = MARVIS_OK;
    job->result.output = path;
    if (path) status = audio_format_choose(path, cli_text(job->call, CLI_FORMAT), &format, err);
    if (!path) {
        job->result.output = "the sound card";
    } else if (status == MARVIS_OK && cli_given(job->call, CLI_RESUME)) {
        status = say_resume_open(&job->resume, path, format, err);
        job->sink = say_resume_sink(&job->resume);
    } else if (status == MARVIS_OK) {
        status = audio_writer_open(path, format, &job->audio, err);
        job->sink = say_sink_audio(job->audio);
    }
    if (status == MARVIS_OK && stats) status = out_file_open(&job->stats, stats, err);
    if (cli_given(job->call, CLI_PLAY)) {
        job->player = (say_player){.device = cli_text(job->call, CLI_DEVICE), .also = job->sink};
        job->sink = say_sink_player(&job->player);
    }
    return status;
}

/* ---- the speech ----------------------------------------------------------------------------- */

/* --max-seconds is of all pieces together, and of one no more than the model's own. */
static marvis_status choose_settings(say_job *job, int64_t *max_frames, marvis_error *err) {
    say_result *r = &job->result;
    const marvis_model *model = job->loaded.model;
    cli_call call = *job->call;
    call.values[CLI_MAX_SECONDS].given = false;
    marvis_status status = say_settings(&call, model, &r->settings, err);
    if (status != MARVIS_OK) return status;
    r->settings.seed = say_resume_seed(&job->resume, r->settings.seed, cli_given(&call, CLI_SEED));
    *max_frames = 0;
    if (!cli_given(job->call, CLI_MAX_SECONDS)) return MARVIS_OK;
    double rate = (double)marvis_model_sample_rate(model) / marvis_model_frame_samples(model);
    double most = cli_number(job->call, CLI_MAX_SECONDS, 0) * rate;
    *max_frames = (int64_t)ceil(most - 1e-9);
    if (*max_frames < r->settings.max_frames) r->settings.max_frames = (int)*max_frames;
    return MARVIS_OK;
}

/* A file gets whole pieces, so that one that went wrong can be spoken again; a pipe and the sound
 * card get them at once. From a pipe the first clause is spoken as soon as it is there. */
static void speech_settings(const say_job *job, int64_t max_frames, marvis_speech_settings *s) {
    const cli_call *call = job->call;
    marvis_speech_settings_init(s, job->session);
    s->normalize = !cli_given(call, CLI_NO_NORMALIZE);
    s->lines = job->text.lines;
    s->first_chars = job->text.lines ? FIRST_CHARS : 0;
    s->hold = job->result.settings.guard && strcmp(job->result.output, "-") != 0 &&
              !cli_given(call, CLI_PLAY) && !job->text.lines;
    s->retries = cli_integer(call, CLI_RETRIES, s->retries);
    s->tail_s = cli_number(call, CLI_TAIL_SECONDS, s->tail_s);
    s->sentence_pause_ms = cli_integer(call, CLI_SENTENCE_PAUSE, s->sentence_pause_ms);
    s->paragraph_pause_ms = cli_integer(call, CLI_PARAGRAPH_PAUSE, s->paragraph_pause_ms);
    s->max_frames = max_frames;
}

/* Everything that the samples depend on, in words that a message can name. */
static json_t *fingerprint(say_job *job, const marvis_speech_settings *s, uint64_t hash) {
    const marvis_session_settings *session = &job->result.settings;
    char *model = NULL, number[24];
    uint64_t of_model = 0;
    if (marvis_model_describe(job->loaded.model, &model, NULL) == MARVIS_OK)
        for (const char *c = model; *c; c++)
            of_model = (of_model ^ (unsigned char)*c) * 0x100000001b3u;
    marvis_free(model);
    snprintf(number, sizeof number, "%016" PRIx64, hash);
    json_t *what = json_pack("{s:s, s:I, s:I}", "text", number, "seed", (json_int_t)session->seed,
                             "model", (json_int_t)(of_model >> 2));
    if (!what) return NULL;
    const char *voice = job->voice.path;
    json_object_set_new(what, "voice", voice ? json_string(voice) : json_null());
    json_object_set_new(what, "voice text",
                        cli_text(job->call, CLI_VOICE_TEXT)
                            ? json_string(cli_text(job->call, CLI_VOICE_TEXT))
                            : json_null());
    json_object_set_new(what, "voice length", json_real(job->voice.seconds));
    json_object_set_new(what, "sampling",
                        json_pack("[f, i, f, f, i, f, f]", (double)session->codebook0.temperature,
                                  session->codebook0.top_k, (double)session->codebook0.top_p,
                                  (double)session->depth.temperature, session->depth.top_k,
                                  (double)session->depth.top_p, (double)session->eos_bias));
    json_object_set_new(what, "--jobs",
                        json_string(cli_integer(job->call, CLI_JOBS, 1) > 1 ? "several" : "1"));
    json_object_set_new(what, "settings",
                        json_pack("[i, i, i, i, i, i, i, i, i, f, I]", session->speaker,
                                  session->n_codebooks, session->max_frames, session->guard,
                                  s->normalize, s->piece_chars, s->sentence_pause_ms,
                                  s->paragraph_pause_ms, s->retries, s->tail_s,
                                  (json_int_t)s->max_frames));
    return what;
}

static marvis_status resume(say_job *job, const marvis_speech_settings *s, marvis_error *err) {
    marvis_speech_position position;
    uint64_t hash;
    marvis_status status = say_text_hash(&job->text, &hash, err);
    if (status == MARVIS_OK)
        status = say_resume_begin(&job->resume, fingerprint(job, s, hash), &position,
                                  &job->result.resumed, err);
    if (status != MARVIS_OK || !job->result.resumed) return status;
    job->position = position;
    if (cli_integer(job->call, CLI_JOBS, 1) == 1)
        status = marvis_speech_resume(job->speech, &position, err);
    if (status == MARVIS_OK) status = say_text_seek(&job->text, position.offset, err);
    return status;
}

static marvis_status start_speech(say_job *job, marvis_error *err) {
    say_result *r = &job->result;
    const marvis_model *model = job->loaded.model;
    marvis_speech_settings settings;
    int64_t max_frames;
    marvis_status status = choose_settings(job, &max_frames, err);
    if (status == MARVIS_OK) status = model_facts_read(&job->facts, model, err);
    r->could_be_smaller = model_facts_could_be_smaller(&job->facts, job->call);
    if (status == MARVIS_OK)
        status = model_facts_speaker(&job->facts, job->call, &r->settings.speaker, err);
    if (status == MARVIS_OK)
        status = marvis_session_create(model, &r->settings, &job->session, err);
    if (status == MARVIS_OK)
        status = say_voice_set(&job->voice, job->call, model, &r->settings, job->session, err);
    if (status != MARVIS_OK) return status;
    if (!job->voice.path && !cli_given(job->call, CLI_QUIET))
        model_facts_warn_of_speaker(&job->facts, "--speaker", r->settings.speaker);
    speech_settings(job, max_frames, &settings);
    job->speech_settings = settings;
    status = marvis_speech_create(job->session, &settings, &job->speech, err);
    if (status == MARVIS_OK && job->resume.path) status = resume(job, &settings, err);
    r->voice = job->voice.path;
    r->voice_s = job->voice.seconds;
    r->voice_load_s = job->voice.prepare_s;
    r->model = cli_text(job->call, CLI_MODEL);
    r->load_s = job->loaded.load_s;
    r->cpu = marvis_engine_cpu(job->loaded.engine);
    r->n_threads = marvis_engine_n_threads(job->loaded.engine);
    return status;
}

/* The words of a piece that has been begun go into the statistics, up to MOST_TEXT bytes. */
static marvis_status note_text(say_result *r, const marvis_speech_info *info, marvis_error *err) {
    static const char *const between[] = {" ", "\n\n"};
    const char *gap = r->text_len ? between[r->info.ends_paragraph != 0] : "";
    size_t n_gap = strlen(gap), n = info->text_len_bytes;
    if (r->text_len + n_gap + n > MOST_TEXT) return MARVIS_OK;
    char *text = realloc(r->text, r->text_len + n_gap + n + 1);
    if (!text) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    memcpy(text + r->text_len, gap, n_gap);
    memcpy(text + r->text_len + n_gap, info->text, n);
    r->text = text;
    r->text_len += n_gap + n;
    return MARVIS_OK;
}

static marvis_status note(say_job *job, double start, marvis_error *err) {
    say_result *r = &job->result;
    marvis_speech_info info = {.struct_size = sizeof info};
    marvis_status status = MARVIS_OK;
    marvis_speech_info_get(job->speech, &info);
    if (info.n_pieces > r->info.n_pieces) {
        status = note_text(r, &info, err);
        if (!job->has_warned && !cli_given(job->call, CLI_QUIET)) {
            progress_clear(&job->progress);
            job->has_warned =
                model_facts_warn_of_script(&job->facts, info.text, info.text_len_bytes);
        }
    }
    r->info = info;
    r->timing = info.timing;
    r->n_frames = info.n_frames;
    r->seconds = (double)info.n_samples / marvis_model_sample_rate(job->loaded.model);
    if (!job->progress.enabled) return status;
    job->progress.done =
        info.n_pieces > 1 && job->text.size > 0 ? (double)info.begin / (double)job->text.size : 0;
    if (job->progress.done > 0 && job->progress.begun <= 0) {
        job->progress.begun = job->progress.done;
        job->progress.begun_s = platform_seconds() - start;
    }
    job->progress.factor = r->made_s > 0 ? r->step_s / r->made_s : 0;
    progress_update(&job->progress, (int)r->n_frames, r->seconds, platform_seconds() - start,
                    r->timing.first_pcm_s);
    return status;
}

/* More text for the speech: waits for it, and lets what was spoken be heard meanwhile. */
static marvis_status feed(say_job *job, marvis_error *err) {
    const char *bytes;
    size_t n;
    marvis_status status = MARVIS_OK;
    if (job->sink.rest && !say_text_is_ready(&job->text))
        status = job->sink.rest(job->sink.ctx, err);
    if (status == MARVIS_OK) status = say_text_next(&job->text, &bytes, &n, err);
    if (status != MARVIS_OK) return status;
    if (job->text.warning[0] && !cli_given(job->call, CLI_QUIET)) {
        progress_clear(&job->progress);
        cli_complain("warning: %s", job->text.warning);
    }
    job->text.warning[0] = '\0';
    if (n > 0) return marvis_speech_push_text(job->speech, bytes, n, err);
    if (job->text.ended) marvis_speech_end(job->speech);
    return MARVIS_OK;
}

/* Steps until the speech is over, and writes every chunk. */
static marvis_status step_all(say_job *job, double start, marvis_error *err) {
    say_result *r = &job->result;
    for (;;) {
        marvis_chunk chunk;
        double begun = platform_seconds();
        marvis_status status = marvis_speech_step(job->speech, &chunk, err);
        r->step_s += platform_seconds() - begun;
        if (status == MARVIS_OK) r->made_s += made_seconds(&chunk, job->loaded.model);
        if (status == MARVIS_OK) status = note(job, start, err);
        if (status == MARVIS_OK) status = say_resume_save(&job->resume, job->speech, err);
        if (status != MARVIS_OK) return status;
        if (chunk.stop == MARVIS_STOP_TEXT) {
            status = feed(job, err);
        } else if (chunk.stop != MARVIS_STOP_NONE) {
            r->stop = chunk.stop;
            return MARVIS_OK;
        } else {
            status = (chunk.n_frames > 0 ? job->sink.write : job->sink.pause)(
                job->sink.ctx, chunk.pcm, (size_t)chunk.n_samples, err);
        }
        if (status != MARVIS_OK) return status;
        if (audio_writer_is_cut(job->audio)) { /* whatever the session says */
            r->stop = MARVIS_STOP_CANCELLED;
            return MARVIS_OK;
        }
    }
}

/* With --jobs. */
static marvis_status speak_at_once(say_job *job, marvis_error *err) {
    say_jobs jobs = {.call = job->call,
                     .model = job->loaded.model,
                     .settings = job->speech_settings,
                     .n = cli_integer(job->call, CLI_JOBS, 1),
                     .voice = &job->voice,
                     .text = &job->text,
                     .sink = job->sink,
                     .resume = &job->resume,
                     .result = &job->result,
                     .position = job->result.resumed ? &job->position : NULL};
    return say_jobs_run(&jobs, err);
}

static marvis_status nothing_said(say_job *job, marvis_error *err) {
    say_result *r = &job->result;
    if (r->stop == MARVIS_STOP_EOS && r->info.n_pieces == 0) {
        job->text.failed = true;
        return say_text_empty(&job->text, err);
    }
    return app_fail(err, MARVIS_ERR_INTERNAL, "%s; nothing was written",
                    r->stop == MARVIS_STOP_CANCELLED
                        ? "cancelled before the first frame"
                        : "the model ended before it had said anything; try another --seed");
}

static const char *name_of_output(const say_result *r) {
    return strcmp(r->output, "-") == 0 ? "standard output" : r->output;
}

typedef struct text_place {
    char words[60];
} text_place;

/* Where the piece under way begins: the text before it is whole in the output. */
static text_place whole_until(const say_job *job) {
    uint64_t begin = job->result.info.begin + job->text.mark;
    text_place place = {""};
    if (begin > 0)
        snprintf(place.words, sizeof place.words, ", the text up to byte %" PRIu64, begin);
    return place;
}

/* The speech has failed in its middle, for one because the disk is full. Its file is completed with
 * what there is, so that hours of work are not lost; with --resume that is kept anyway. */
static marvis_status keep_rest(say_job *job, marvis_status failed, marvis_error *err) {
    marvis_error cause = *err, ignored;
    audio_kept kept;
    if (job->player.is_finished)
        return app_fail(err, failed, "%.700s; %.200s is complete", cause.message,
                        name_of_output(&job->result));
    if (job->resume.path && job->resume.saved_pieces > 0)
        return app_fail(err, failed, "%.700s; %s keeps what was spoken, and the same call goes on",
                        cause.message, job->resume.partial);
    if (!job->audio) return failed;
    cli_defer_signals(true); /* they end the counting, not the file */
    marvis_status status =
        audio_writer_keep(job->audio, LEAST_KEPT_S, cli_is_cancelled, &kept, &ignored);
    cli_defer_signals(false);
    if (status != MARVIS_OK) return failed;
    return app_fail(
        err, failed,
        "%.600s; %.200s holds %sthe first %.1f s%s; a call with --resume goes on by itself",
        cause.message, name_of_output(&job->result), kept.is_counted ? "" : "at least ",
        kept.seconds, whole_until(job).words);
}

static marvis_status speak(say_job *job, marvis_error *err) {
    say_result *r = &job->result;
    const marvis_model *model = job->loaded.model;
    double start = platform_seconds();
    job->player.piece_s = r->settings.chunk_frames * (double)marvis_model_frame_samples(model) /
                          marvis_model_sample_rate(model);
    marvis_status status = job->sink.start(job->sink.ctx, marvis_model_sample_rate(model), err);
    if (status == MARVIS_OK) {
        cli_cancel_on_signal(job->session);
        status = cli_integer(job->call, CLI_JOBS, 1) > 1 ? speak_at_once(job, err)
                                                         : step_all(job, start, err);
        cli_cancel_on_signal(NULL);
    }
    progress_clear(&job->progress);
    if (status == MARVIS_OK && r->n_frames == 0) return nothing_said(job, err);
    bool stays = job->resume.path && r->stop == MARVIS_STOP_CANCELLED;
    if (status == MARVIS_OK && !stays) status = job->sink.finish(job->sink.ctx, err);
    if (status != MARVIS_OK) status = keep_rest(job, status, err);
    r->plays = job->player.playback != NULL;
    if (r->plays) playback_report(job->player.playback, &r->played);
    r->wall_s = platform_seconds() - start;
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* Ctrl-C, too, while the end of speech that was made already was played. */
static bool is_cancelled(const say_result *r) {
    return r->stop == MARVIS_STOP_CANCELLED || (r->plays && cli_is_cancelled());
}

static void tell_cancelled(const say_job *job) {
    const say_result *r = &job->result;
    const char *output = name_of_output(r);
    if (job->player.is_finished && r->stop != MARVIS_STOP_CANCELLED)
        cli_complain("cancelled after %.1f s were heard; %s is complete", r->played.played_s,
                     output);
    else if (audio_writer_is_cut(job->audio))
        cli_complain("cancelled after %.1f s, of which %s was not read to the end", r->seconds,
                     output);
    else if (r->plays && !cli_text(job->call, CLI_OUTPUT))
        cli_complain("cancelled after %.1f s", r->played.played_s);
    else if (job->resume.path && job->resume.saved_pieces == 0)
        cli_complain("cancelled before the first piece of the text was complete; nothing was "
                     "kept, and the same call begins anew");
    else if (job->resume.path)
        cli_complain("cancelled after %.1f s; the same call goes on from there", r->seconds);
    else
        cli_complain("cancelled after %.1f s; %s holds what was spoken%s", r->seconds, output,
                     whole_until(job).words);
}

static int say(say_job *job) {
    const cli_call *call = job->call;
    say_result *r = &job->result;
    bool quiet = cli_given(call, CLI_QUIET);
    marvis_error err;

    if (check_call(call, &err) != MARVIS_OK || say_text_open(&job->text, call, &err) != MARVIS_OK)
        return cli_fail(&err, true);
    if (open_outputs(job, &err) != MARVIS_OK) return cli_fail(&err, false);
    if (cli_load(call, cli_text(call, CLI_MODEL), CLI_NEEDS_CODEC | CLI_NEEDS_TOKENIZER,
                 &job->loaded, &err) != MARVIS_OK)
        return cli_fail(&err, true);
    progress_init(&job->progress, !quiet);
    if (start_speech(job, &err) != MARVIS_OK) return cli_fail(&err, true);
    say_warn_of_codebooks(call, job->loaded.model);
    if (speak(job, &err) != MARVIS_OK) {
        marvis_error ignored; /* the card has gone; the file is complete, and so are they */
        if (job->player.is_finished && job->stats.fd >= 0)
            (void)!say_write_stats(r, &job->stats, &ignored);
        return cli_fail(&err, job->text.failed);
    }
    if (!quiet) {
        say_print_warning(r);
        say_print_summary(r);
    }
    if (job->stats.fd >= 0 && say_write_stats(r, &job->stats, &err) != MARVIS_OK)
        return cli_fail(&err, false);
    if (!is_cancelled(r)) return CLI_DONE;
    tell_cancelled(job);
    return CLI_FAILED;
}

int say_run(const cli_call *call) {
    say_job job = {
        .call = call, .stats = OUT_FILE_CLOSED, .text = {.fd = -1}, .resume = {.fd = -1}};
    int exit_status;
    if (cli_given(call, CLI_DRY_RUN)) return normalize_run(call);
    exit_status = say(&job);
    say_player_close(&job.player);
    marvis_speech_destroy(&job.speech);
    say_voice_close(&job.voice);
    marvis_session_destroy(&job.session);
    cli_unload(&job.loaded);
    audio_writer_destroy(&job.audio);
    say_resume_close(&job.resume);
    out_file_discard(&job.stats);
    say_text_close(&job.text);
    model_facts_free(&job.facts);
    free(job.result.text);
    return exit_status;
}
