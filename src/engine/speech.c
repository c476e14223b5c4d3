/* speech.c - speech of any length: settings, text, and the steps from piece to pause to piece. */
#include "engine/speech.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

enum {
    PIECE_CHARS = 240,
    LEAST_PIECE = 24,
    MOST_PIECE = 4096,
    MIN_CHARS = 30, /* shorter sentences are joined with their neighbours */
    TAIL_S = 16,    /* of about 240 characters */
    MOST_TAIL_S = 60,
    PARAGRAPH_MS = 400,
    MOST_MS = 60000,
    MOST_RETRIES = 100,
    FADE_MS = 5
};

/* ---- settings ------------------------------------------------------------------------------- */

void marvis_speech_settings_init(marvis_speech_settings *settings, const marvis_session *session) {
    *settings = (marvis_speech_settings){.struct_size = sizeof *settings,
                                         .seed = session->settings.seed,
                                         .normalize = 1,
                                         .piece_chars = PIECE_CHARS,
                                         .tail_s = TAIL_S,
                                         .paragraph_pause_ms = PARAGRAPH_MS,
                                         .retries = 1};
}

static int target_of(const marvis_speech_settings *s) { return s->piece_chars * 2 / 3; }

static marvis_status check_range(const char *name, int value, int low, int high,
                                 marvis_error *err) {
    if (value >= low && value <= high) return MARVIS_OK;
    return mv_fail(err, MARVIS_ERR_CALL, "%s of %d: use %d to %d", name, value, low, high);
}

static marvis_status check_settings(const marvis_speech_settings *s, marvis_error *err) {
    if (s->struct_size != sizeof *s)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "speech settings of another version: fill them with "
                       "marvis_speech_settings_init");
    MV_TRY(check_range("pieces", s->piece_chars, LEAST_PIECE, MOST_PIECE, err));
    MV_TRY(check_range("a first piece", s->first_chars, 0, target_of(s), err));
    MV_TRY(check_range("a pause between sentences", s->sentence_pause_ms, 0, MOST_MS, err));
    MV_TRY(check_range("a pause between paragraphs", s->paragraph_pause_ms, 0, MOST_MS, err));
    MV_TRY(check_range("retries", s->retries, 0, MOST_RETRIES, err));
    if (!(s->tail_s >= 0 && s->tail_s <= MOST_TAIL_S))
        return mv_fail(err, MARVIS_ERR_CALL, "a tail of %g s: use 0 to %d", s->tail_s, MOST_TAIL_S);
    if (s->max_frames < 0)
        return mv_fail(err, MARVIS_ERR_CALL, "a cap of %lld frames: use 1 or more, or 0 for none",
                       (long long)s->max_frames);
    return MARVIS_OK;
}

/* ---- life ----------------------------------------------------------------------------------- */

static marvis_status create_split(marvis_speech *sp, bool from_start, marvis_error *err) {
    const marvis_speech_settings *s = &sp->settings;
    mv_split_options options;
    mv_split_options_init(&options);
    options.soft_chars = (size_t)s->piece_chars;
    options.target_chars = (size_t)target_of(s);
    options.hard_chars = (size_t)s->piece_chars * 3 / 2;
    options.min_chars = options.target_chars < MIN_CHARS ? options.target_chars : MIN_CHARS;
    options.first_chars = from_start ? (size_t)s->first_chars : 0;
    options.lines = s->lines != 0;
    mv_split_destroy(&sp->split);
    return mv_split_create(&options, &sp->split, err);
}

static marvis_status allocate(marvis_speech *sp, marvis_error *err) {
    size_t frames = (size_t)sp->piece_frames, n_codebooks = (size_t)sp->n_codebooks;
    size_t chunk = (size_t)sp->session->settings.chunk_frames;
    MV_TRY(create_split(sp, true, err));
    sp->codes = mv_alloc(frames * n_codebooks, sizeof *sp->codes);
    sp->tail_codes = mv_alloc(frames * n_codebooks, sizeof *sp->tail_codes);
    sp->quiet = mv_alloc(chunk * sp->frame_samples, sizeof *sp->quiet);
    if (sp->codes && sp->tail_codes && sp->quiet) return MARVIS_OK;
    return mv_fail_memory(err, frames * n_codebooks * sizeof *sp->codes, "the speech");
}

marvis_status marvis_speech_create(marvis_session *session, const marvis_speech_settings *settings,
                                   marvis_speech **speech, marvis_error *err) {
    marvis_speech_settings defaults;
    *speech = NULL;
    marvis_speech_settings_init(&defaults, session);
    if (!settings) settings = &defaults;
    MV_TRY(check_settings(settings, err));
    marvis_speech *sp = mv_alloc(1, sizeof *sp);
    if (!sp) return mv_fail_memory(err, sizeof *sp, "the speech");
    const marvis_model *model = session->model;
    double rate = marvis_model_sample_rate(model);
    sp->session = session;
    sp->settings = *settings;
    sp->piece_frames = session->settings.max_frames;
    sp->n_codebooks = session->settings.n_codebooks;
    sp->frame_samples = (size_t)marvis_model_frame_samples(model);
    sp->tail_frames = (size_t)(settings->tail_s * rate / (double)sp->frame_samples);
    sp->fade_samples = (size_t)(rate * FADE_MS / 1000);
    sp->info.struct_size = sizeof sp->info;
    sp->position.struct_size = sizeof sp->position;
    sp->stop = MARVIS_STOP_EOS;
    marvis_status status = allocate(sp, err);
    if (status != MARVIS_OK) {
        marvis_speech_destroy(&sp);
        return status;
    }
    marvis_session_reset(session, settings->seed);
    *speech = sp;
    return MARVIS_OK;
}

void marvis_speech_destroy(marvis_speech **speech) {
    if (!speech || !*speech) return;
    marvis_speech *sp = *speech;
    *speech = NULL;
    sp->session->tail = (mv_tail){0};
    sp->session->settings.max_frames = sp->piece_frames;
    marvis_session_reset(sp->session, sp->session->settings.seed);
    mv_split_destroy(&sp->split);
    mv_free(sp->queue);
    mv_free(sp->normalized);
    mv_free(sp->codes);
    mv_free(sp->pcm);
    mv_free(sp->tail_text);
    mv_free(sp->tail_codes);
    mv_free(sp->quiet);
    mv_free(sp);
}

/* ---- text ----------------------------------------------------------------------------------- */

marvis_status marvis_speech_push_text(marvis_speech *sp, const char *text, size_t len_bytes,
                                      marvis_error *err) {
    if (sp->ended)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "text after the end: create a new speech for another text");
    if (len_bytes == 0) return MARVIS_OK;
    sp->pushed = true;
    if (sp->queue_at > 0) { /* what the splitter has taken goes */
        memmove(sp->queue, sp->queue + sp->queue_at, sp->queue_end - sp->queue_at);
        sp->queue_end -= sp->queue_at;
        sp->queue_at = 0;
    }
    return mv_text_append(&sp->queue, &sp->queue_end, &sp->queue_capacity, text, len_bytes, err);
}

void marvis_speech_end(marvis_speech *speech) { speech->ended = true; }

marvis_status marvis_speech_resume(marvis_speech *sp, const marvis_speech_position *position,
                                   marvis_error *err) {
    const marvis_recording *tail = &position->tail;
    if (position->struct_size != sizeof *position)
        return mv_fail(err, MARVIS_ERR_CALL, "a position of another version");
    if (sp->pushed || sp->ended)
        return mv_fail(err, MARVIS_ERR_CALL, "a speech goes on from a position before any text");
    if (sp->settings.keep_turns)
        return mv_fail(
            err, MARVIS_ERR_CALL,
            "a speech whose pieces are kept as turns cannot go on from a position, which "
            "has no turns");
    if (position->n_within > position->n_pieces || position->pause_ms < 0 ||
        position->pause_ms > MOST_MS || !isfinite(position->last) || position->n_frames < 0)
        return mv_fail(err, MARVIS_ERR_INPUT, "a position that no speech has: it is damaged");
    if (tail->n_frames) {
        MV_TRY(mv_check_recording(tail, "the tail", err));
        if (tail->n_codebooks != sp->n_codebooks || tail->n_frames > (size_t)sp->piece_frames)
            return mv_fail(err, MARVIS_ERR_INPUT,
                           "the tail: %zu frames of %d codebooks, where the session has up to %d "
                           "frames of %d",
                           tail->n_frames, tail->n_codebooks, sp->piece_frames, sp->n_codebooks);
        MV_TRY(mv_check_codes(sp->session->model, tail, "the tail", err));
        char *text = mv_grow(sp->tail_text, tail->text_len_bytes, 1);
        if (!text) return mv_fail_memory(err, tail->text_len_bytes, "the tail");
        sp->tail_text = text;
        sp->tail_len = sp->tail_capacity = tail->text_len_bytes;
        memcpy(text, tail->text, tail->text_len_bytes);
        memcpy(sp->tail_codes, tail->codes,
               tail->n_frames * (size_t)sp->n_codebooks * sizeof *tail->codes);
    }
    MV_TRY(create_split(sp, position->offset == 0, err));
    mv_split_reset(sp->split, position->offset);
    sp->n_tail = tail->n_frames;
    sp->n_skip = position->n_within;
    sp->index = position->n_pieces - position->n_within;
    sp->pause_ms = position->pause_ms;
    sp->last = position->last;
    sp->contiguous = position->contiguous != 0;
    sp->spoken = position->n_samples > 0;
    sp->info.n_frames = position->n_frames;
    sp->info.n_samples = position->n_samples;
    sp->position = *position;
    return MARVIS_OK;
}

/* ---- what is told --------------------------------------------------------------------------- */

void marvis_speech_info_get(const marvis_speech *sp, marvis_speech_info *info) {
    marvis_speech_info now = sp->info;
    now.text = sp->text;
    now.text_len_bytes = sp->text_len;
    now.begin = sp->piece.begin;
    now.end = sp->piece.end;
    now.ends_paragraph = sp->piece.border == MV_SPLIT_PARAGRAPH;
    now.timing.struct_size = sizeof now.timing;
    if (sp->stage == MV_SPEECH_SPEAK) mv_speech_add_timing(&now.timing, sp->session);
    size_t size = info->struct_size < sizeof now ? info->struct_size : sizeof now;
    now.struct_size = info->struct_size;
    memcpy(info, &now, size);
}

void marvis_speech_position_get(const marvis_speech *sp, marvis_speech_position *position) {
    marvis_speech_position now = sp->position;
    marvis_recording_init(&now.tail);
    now.tail.text = sp->tail_text;
    now.tail.text_len_bytes = sp->n_tail ? sp->tail_len : 0;
    now.tail.codes = sp->tail_codes;
    now.tail.n_frames = sp->n_tail;
    now.tail.n_codebooks = sp->n_codebooks;
    size_t size = position->struct_size < sizeof now ? position->struct_size : sizeof now;
    now.struct_size = position->struct_size;
    memcpy(position, &now, size);
}

/* ---- steps ---------------------------------------------------------------------------------- */

static bool is_cancelled(const marvis_speech *sp) { return atomic_load(&sp->session->cancelled); }

static void over(marvis_speech *sp, marvis_stop stop) {
    sp->stop = stop;
    sp->stage = MV_SPEECH_OVER;
}

/* From the last sample to what follows, without a click: over fade_samples. */
static void smooth(marvis_speech *sp, float *pcm, size_t n) {
    for (size_t i = 0; i < n && sp->n_fade < sp->fade_samples; i++) {
        float w = (float)++sp->n_fade / (float)(sp->fade_samples + 1);
        pcm[i] = sp->fade_from * (1 - w) + pcm[i] * w;
    }
}

static void begin_fade(marvis_speech *sp) {
    sp->fade_from = sp->last;
    sp->n_fade = 0;
}

/* Samples to the caller. */
static void hand_out(marvis_speech *sp, float *pcm, size_t n, marvis_chunk *chunk) {
    smooth(sp, pcm, n);
    chunk->pcm = pcm;
    chunk->n_samples = (int)n;
    sp->last = pcm[n - 1];
    sp->info.n_samples += (int64_t)n;
}

static void give_pause(marvis_speech *sp, marvis_chunk *chunk) {
    size_t most = (size_t)sp->session->settings.chunk_frames * sp->frame_samples;
    size_t n = sp->n_pause < most ? sp->n_pause : most;
    memset(sp->quiet, 0, n * sizeof *sp->quiet);
    hand_out(sp, sp->quiet, n, chunk);
    sp->n_pause -= n;
    if (sp->n_pause == 0) begin_fade(sp);
}

static void give_frames(marvis_speech *sp, marvis_chunk *chunk) {
    size_t most = (size_t)sp->session->settings.chunk_frames, n = sp->n_pcm - sp->pcm_at;
    if (n > most) n = most;
    hand_out(sp, sp->pcm + sp->pcm_at * sp->frame_samples, n * sp->frame_samples, chunk);
    chunk->codes = sp->codes + sp->n_given * (size_t)sp->n_codebooks;
    chunk->n_frames = (int)n;
    sp->pcm_at += n;
    sp->n_given += n;
    sp->info.n_frames += (int64_t)n;
    if (sp->pcm_at == sp->n_pcm) sp->pcm_at = sp->n_pcm = 0;
}

/* The pause before the piece that has been found. */
static void begin_pause(marvis_speech *sp) {
    double rate = marvis_model_sample_rate(sp->session->model);
    sp->n_pause = sp->spoken ? (size_t)(rate * sp->pause_ms / 1000) : 0;
    sp->n_fade = sp->fade_samples;
    if (sp->n_pause || (sp->spoken && !sp->contiguous)) begin_fade(sp);
    sp->stage = MV_SPEECH_PAUSE;
}

/* Looks for text to speak. */
static marvis_status step_text(marvis_speech *sp, marvis_chunk *chunk, marvis_error *err) {
    bool found;
    if (is_cancelled(sp)) {
        over(sp, MARVIS_STOP_CANCELLED);
        return MARVIS_OK;
    }
    MV_TRY(mv_speech_next_piece(sp, &found, err));
    if (!found && !sp->split_ended)
        chunk->stop = MARVIS_STOP_TEXT;
    else if (!found)
        over(sp, sp->stop);
    else if (sp->settings.max_frames && sp->info.n_frames >= sp->settings.max_frames)
        over(sp, MARVIS_STOP_CAP);
    else
        begin_pause(sp);
    return MARVIS_OK;
}

static marvis_status step_pause(marvis_speech *sp, marvis_chunk *chunk, marvis_error *err) {
    if (is_cancelled(sp)) {
        over(sp, MARVIS_STOP_CANCELLED);
        return MARVIS_OK;
    }
    if (sp->n_pause) {
        give_pause(sp, chunk);
        return MARVIS_OK;
    }
    MV_TRY(mv_speech_begin_piece(sp, 0, err));
    sp->stage = MV_SPEECH_SPEAK;
    return MARVIS_OK;
}

/* Lets the session speak until enough is held to hand it out, or the piece is over. */
static marvis_status step_speak(marvis_speech *sp, marvis_chunk *chunk, marvis_error *err) {
    marvis_chunk spoken;
    if (sp->n_pcm > sp->pcm_at && sp->n_frames >= sp->n_hold) {
        give_frames(sp, chunk);
        return MARVIS_OK;
    }
    MV_TRY(marvis_session_step(sp->session, &spoken, err));
    if (spoken.stop == MARVIS_STOP_NONE) return mv_speech_take(sp, &spoken, err);
    if (mv_speech_went_wrong(sp, spoken.stop))
        return mv_speech_begin_piece(sp, sp->attempt + 1, err);
    sp->stage = MV_SPEECH_GIVE;
    return MARVIS_OK;
}

static marvis_status step_give(marvis_speech *sp, marvis_chunk *chunk, marvis_error *err) {
    if (sp->n_pcm > sp->pcm_at) {
        give_frames(sp, chunk);
        return MARVIS_OK;
    }
    if (sp->ending == MARVIS_STOP_CANCELLED) {
        over(sp, MARVIS_STOP_CANCELLED);
        return mv_speech_keep_turn(sp, err);
    }
    MV_TRY(mv_speech_end_piece(sp, err));
    sp->stop = sp->ending;
    if (sp->settings.max_frames && sp->info.n_frames >= sp->settings.max_frames &&
        sp->ending == MARVIS_STOP_CAP)
        over(sp, MARVIS_STOP_CAP);
    else
        sp->stage = MV_SPEECH_TEXT;
    return MARVIS_OK;
}

static marvis_status advance(marvis_speech *sp, bool once, marvis_chunk *chunk, marvis_error *err) {
    do {
        switch (sp->stage) {
        case MV_SPEECH_TEXT: MV_TRY(step_text(sp, chunk, err)); break;
        case MV_SPEECH_PAUSE: MV_TRY(step_pause(sp, chunk, err)); break;
        case MV_SPEECH_SPEAK: MV_TRY(step_speak(sp, chunk, err)); break;
        case MV_SPEECH_GIVE: MV_TRY(step_give(sp, chunk, err)); break;
        case MV_SPEECH_OVER: chunk->stop = sp->stop; break;
        }
    } while (!once && chunk->n_samples == 0 && chunk->stop == MARVIS_STOP_NONE);
    return MARVIS_OK;
}

static marvis_status step(marvis_speech *sp, bool once, marvis_chunk *chunk, marvis_error *err) {
    *chunk = (marvis_chunk){.n_codebooks = sp->n_codebooks};
    if (sp->failed != MARVIS_OK)
        return mv_fail(err, sp->failed, "this speech has failed before; create a new one");
    sp->failed = advance(sp, once, chunk, err);
    if (sp->failed != MARVIS_OK) *chunk = (marvis_chunk){.n_codebooks = sp->n_codebooks};
    return sp->failed;
}

marvis_status marvis_speech_step(marvis_speech *sp, marvis_chunk *chunk, marvis_error *err) {
    return step(sp, false, chunk, err);
}

marvis_status marvis_speech_poll(marvis_speech *sp, marvis_chunk *chunk, marvis_error *err) {
    return step(sp, true, chunk, err);
}

static bool has_frames(const marvis_speech *sp) {
    return sp->n_pcm > sp->pcm_at && sp->n_frames >= sp->n_hold;
}

int marvis_speech_is_ready(const marvis_speech *sp) {
    return sp->failed != MARVIS_OK || sp->stage != MV_SPEECH_SPEAK || has_frames(sp) ||
           marvis_session_is_ready(sp->session);
}
