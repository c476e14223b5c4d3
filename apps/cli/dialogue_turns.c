/* dialogue_turns.c - the turns of a dialogue, spoken or recorded, one after the other into the
 * output, and what is kept when one fails. */
#include "cli/dialogue.h"

#include <stdlib.h>
#include <string.h>

#include "cli/say_json.h"
#include "common/audio_file.h"
#include "common/error.h"
#include "common/platform.h"

static const double DEFAULT_PAUSE_S = 0.25, SLOW_LETTERS_A_SECOND = 10;
enum { DECODED_TOGETHER = 8, LEAST_PIECE = 24, MOST_PAUSE_BLOCK = 1024 };

static marvis_status no_memory(marvis_error *err) {
    return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
}

/* ---- output --------------------------------------------------------------------------------- */

static double to_seconds(const dialogue_job *job, size_t n_samples) {
    return (double)n_samples / marvis_model_sample_rate(job->loaded.model);
}

static marvis_status count_pcm(dialogue_job *job, size_t n, marvis_status status) {
    if (status == MARVIS_OK)
        job->n_samples += n;
    else
        job->output_failed = true;
    return status;
}

static marvis_status write_pcm(dialogue_job *job, const float *pcm, size_t n, marvis_error *err) {
    return count_pcm(job, n, job->sink.write(job->sink.ctx, pcm, n, err));
}

static marvis_status write_silence(dialogue_job *job, const float *silence, size_t n,
                                   marvis_error *err) {
    return count_pcm(job, n, job->sink.pause(job->sink.ctx, silence, n, err));
}

/* The pause before a turn, when its first samples are there: one that says nothing has none. */
static marvis_status write_pause(dialogue_job *job, const dialogue_turn *turn, marvis_error *err) {
    static const float silence[MOST_PAUSE_BLOCK];
    double seconds = cli_number(job->call, CLI_TURN_PAUSE,
                                job->script.pause_s >= 0 ? job->script.pause_s : DEFAULT_PAUSE_S);
    marvis_status status = MARVIS_OK;
    if (turn->pause_s >= 0) seconds = turn->pause_s;
    if (job->n_samples == 0) return MARVIS_OK; /* nothing to be apart from */
    size_t n = (size_t)(seconds * marvis_model_sample_rate(job->loaded.model) + 0.5);
    for (size_t part; n > 0 && status == MARVIS_OK; n -= part) {
        part = n < MOST_PAUSE_BLOCK ? n : MOST_PAUSE_BLOCK;
        status = write_silence(job, silence, part, err);
    }
    return status;
}

/* ---- recorded turns ------------------------------------------------------------------------- */

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
        bool is_heard = job->audio && !audio_writer_is_cut(job->audio);
        if (!is_heard && cli_is_cancelled()) break;
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
    said->n_frames = (int64_t)recording.recording.n_frames;
    recording_free(&recording);
    return status;
}

/* ---- spoken turns --------------------------------------------------------------------------- */

static void show_progress(dialogue_job *job, const dialogue_said *said) {
    if (!job->progress.enabled) return;
    int64_t n_frames = said->n_frames;
    for (size_t i = 0; i < job->result.n_said; i++)
        n_frames += job->result.said[i].n_frames;
    job->progress.factor = job->result.made_s > 0 ? job->result.step_s / job->result.made_s : 0;
    progress_update(&job->progress, (int)n_frames, to_seconds(job, job->n_samples),
                    platform_seconds() - job->start_s, said->info.timing.first_pcm_s);
}

/* Long turns are cut into pieces as marvis say cuts its text, each a turn of its own for the model,
 * and into smaller ones where --max-seconds asks for them. A file gets whole pieces, so that one
 * that went wrong can be spoken again. */
static marvis_speech_settings settings_of(const dialogue_job *job, size_t index) {
    const marvis_session_settings *session = &job->result.settings;
    const marvis_model *model = job->loaded.model;
    const cli_call *call = job->call;
    marvis_speech_settings s;
    double frame_s = (double)marvis_model_frame_samples(model) / marvis_model_sample_rate(model);
    /* the longest piece is one and a half of this */
    double most_chars = session->max_frames * frame_s * SLOW_LETTERS_A_SECOND / 1.5;
    bool at_once = cli_given(call, CLI_PLAY) || strcmp(job->result.output, "-") == 0;
    marvis_speech_settings_init(&s, job->session);
    s.seed = session->seed + index;
    s.normalize = 0; /* the script is written out already */
    s.keep_turns = 1;
    if (most_chars < s.piece_chars)
        s.piece_chars = most_chars > LEAST_PIECE ? (int)most_chars : LEAST_PIECE;
    s.hold = session->guard && (job->script.turns[index].is_left_out || !at_once);
    s.retries = cli_integer(call, CLI_RETRIES, s.retries);
    s.sentence_pause_ms = cli_integer(call, CLI_SENTENCE_PAUSE, s.sentence_pause_ms);
    s.paragraph_pause_ms = cli_integer(call, CLI_PARAGRAPH_PAUSE, s.paragraph_pause_ms);
    return s;
}

static marvis_status step_all(dialogue_job *job, const dialogue_turn *turn, marvis_speech *speech,
                              dialogue_said *said, marvis_error *err) {
    bool has_begun = false;
    for (;;) {
        marvis_chunk chunk;
        double begun = platform_seconds();
        marvis_status status = marvis_speech_step(speech, &chunk, err);
        job->result.step_s += platform_seconds() - begun;
        said->info.struct_size = sizeof said->info;
        marvis_speech_info_get(speech, &said->info);
        said->n_frames = said->info.n_frames;
        said->stop = chunk.stop;
        if (status != MARVIS_OK || chunk.stop != MARVIS_STOP_NONE) return status;
        job->result.made_s += made_seconds(&chunk, job->loaded.model);
        if (turn->is_left_out) continue;
        if (!has_begun) {
            status = write_pause(job, turn, err);
            said->start_s = to_seconds(job, job->n_samples);
            has_begun = true;
        }
        if (status == MARVIS_OK)
            status = chunk.n_frames > 0
                         ? write_pcm(job, chunk.pcm, (size_t)chunk.n_samples, err)
                         : write_silence(job, chunk.pcm, (size_t)chunk.n_samples, err);
        if (status != MARVIS_OK) return status;
        if (audio_writer_is_cut(job->audio)) { /* whatever the session says */
            said->stop = MARVIS_STOP_CANCELLED;
            return MARVIS_OK;
        }
        show_progress(job, said);
    }
}

static marvis_status speak(dialogue_job *job, size_t index, dialogue_said *said,
                           marvis_error *err) {
    const dialogue_turn *turn = &job->script.turns[index];
    marvis_speech_settings settings = settings_of(job, index);
    marvis_speech *speech = NULL;
    marvis_status status =
        marvis_session_set_speaker(job->session, job->script.people[turn->person].speaker, err);
    if (status == MARVIS_OK && job->result.layout == MARVIS_VOICE_MATCH)
        status = marvis_session_use_voice(job->session, job->voices[turn->person],
                                          MARVIS_VOICE_MATCH, err);
    if (status == MARVIS_OK) status = marvis_speech_create(job->session, &settings, &speech, err);
    if (status == MARVIS_OK)
        status = marvis_speech_push_text(speech, turn->text, turn->text_len, err);
    if (status == MARVIS_OK) {
        marvis_speech_end(speech);
        if (cli_is_cancelled()) marvis_session_cancel(job->session); /* a reset has undone it */
        status = step_all(job, turn, speech, said, err);
    }
    marvis_speech_destroy(&speech);
    return status;
}

static marvis_status take_turn(dialogue_job *job, size_t index, marvis_error *err) {
    const dialogue_turn *turn = &job->script.turns[index];
    dialogue_said *said = &job->result.said[index];
    double start = platform_seconds();
    said->start_s = to_seconds(job, job->n_samples);
    marvis_session_reset(job->session, 0); /* the turn before is done */
    marvis_status status = turn->audio || turn->codes ? take_recorded(job, turn, said, err)
                                                      : speak(job, index, said, err);
    if (!turn->is_left_out) said->seconds = to_seconds(job, job->n_samples) - said->start_s;
    said->wall_s = platform_seconds() - start;
    job->is_cancelled = said->stop == MARVIS_STOP_CANCELLED || cli_is_cancelled();
    if (status == MARVIS_OK) job->result.n_said = index + 1;
    return dialogue_blame_turn(&job->script, index, status, err);
}

/* ---- all turns ------------------------------------------------------------------------------ */

/* A turn has failed: what was spoken before stays. Returns `failed` with what there is left. */
static marvis_status keep_rest(dialogue_job *job, marvis_status failed, marvis_error *err) {
    dialogue_result *r = &job->result;
    marvis_error cause = *err, ignored;
    marvis_status status = MARVIS_OK;
    audio_kept kept;
    if (job->n_samples == 0) return failed;
    if (job->player.is_finished) {
        r->is_kept = true;
        return app_fail(err, failed, "%.700s; %.200s is complete", cause.message, r->name);
    }
    cli_defer_signals(true); /* they end the counting, not the file */
    if (job->audio && job->output_failed)
        status = audio_writer_keep(job->audio, 0, cli_is_cancelled, &kept, &ignored);
    else if (job->audio)
        status = audio_writer_finish(job->audio, &ignored);
    if (status == MARVIS_OK && job->player.playback && !job->output_failed)
        status = playback_drain(job->player.playback, &ignored);
    cli_defer_signals(false);
    if (status != MARVIS_OK) return failed;
    r->is_kept = true;
    if (!r->name) return failed;
    return app_fail(err, failed, "%.700s; %.200s holds what was spoken before", cause.message,
                    r->name);
}

static marvis_status finish(dialogue_job *job, marvis_error *err) {
    if (job->n_samples == 0)
        return app_fail(err, MARVIS_ERR_INTERNAL, "%s; nothing was written",
                        job->is_cancelled ? "cancelled before the first frame"
                                          : "the model said nothing; try another --seed");
    marvis_status status = job->sink.finish(job->sink.ctx, err);
    job->output_failed = status != MARVIS_OK;
    job->is_cancelled = job->is_cancelled || cli_is_cancelled(); /* while the end was played */
    return status;
}

marvis_status dialogue_perform(dialogue_job *job, marvis_error *err) {
    dialogue_result *r = &job->result;
    const marvis_model *model = job->loaded.model;
    double frame_s = (double)marvis_model_frame_samples(model) / marvis_model_sample_rate(model);
    int piece = r->settings.chunk_frames;
    job->start_s = platform_seconds();
    job->player.piece_s = (piece > DECODED_TOGETHER ? piece : DECODED_TOGETHER) * frame_s;
    r->said = calloc(job->script.n_turns, sizeof *r->said);
    if (!r->said) return no_memory(err);
    marvis_status status = job->sink.start(job->sink.ctx, marvis_model_sample_rate(model), err);
    job->output_failed = status != MARVIS_OK;
    if (status != MARVIS_OK) return status;
    cli_cancel_on_signal(job->session);
    for (size_t i = 0; i < job->script.n_turns && !job->is_cancelled && status == MARVIS_OK; i++)
        status = take_turn(job, i, err);
    cli_cancel_on_signal(NULL);
    progress_clear(&job->progress);
    if (status == MARVIS_OK) status = finish(job, err);
    if (status != MARVIS_OK) status = keep_rest(job, status, err);
    r->seconds = to_seconds(job, job->n_samples);
    r->wall_s = platform_seconds() - job->start_s;
    r->plays = job->player.playback != NULL;
    if (r->plays) playback_report(job->player.playback, &r->played);
    (void)marvis_session_n_turns(job->session, &r->n_dropped);
    return status;
}
