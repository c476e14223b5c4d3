/* context.c - the conversation that an utterance answers: its turns are added, dropped when the
 * model's positions run out, and kept of what the session has spoken itself (docs/MODEL.md,
 * "Conversation"). */
#include "engine/session.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

marvis_status marvis_session_set_speaker(marvis_session *s, int speaker, marvis_error *err) {
    if (s->started || s->failed != MARVIS_OK)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "another speaker after the first step: reset the session for a new "
                       "utterance");
    if (speaker < 0 || speaker > MV_MAX_SPEAKER)
        return mv_fail(err, MARVIS_ERR_CALL, "speaker %d: use a number from 0 to %d", speaker,
                       MV_MAX_SPEAKER);
    s->settings.speaker = speaker;
    return MARVIS_OK;
}

/* ---- turns ---------------------------------------------------------------------------------- */

static size_t begin_of(const mv_context *context, size_t turn) {
    return turn ? context->ends[turn - 1] : 0;
}

static marvis_status reserve_turn(mv_context *context, marvis_error *err) {
    if (context->n_turns < context->capacity) return MARVIS_OK;
    size_t capacity = context->capacity ? 2 * context->capacity : 16;
    size_t *ends = mv_grow(context->ends, capacity, sizeof *ends);
    if (!ends) return mv_fail_memory(err, capacity * sizeof *ends, "the context");
    context->ends = ends;
    context->capacity = capacity;
    return MARVIS_OK;
}

/* A turn's speech: frames one behind the other, and perhaps one that lies elsewhere. */
typedef struct turn_codes {
    const int32_t *codes; /* [n_frames][n_columns] */
    size_t n_frames, n_columns;
    const int32_t *last; /* one frame more, or NULL */
} turn_codes;

/* Appends a turn, or leaves the context as it is. */
static marvis_status add_turn(marvis_session *s, int speaker, const char *text, size_t len,
                              const turn_codes *speech, marvis_error *err) {
    mv_context *context = &s->context;
    mv_prompt *rows = &context->rows;
    size_t n_used = (size_t)s->settings.n_codebooks, before = rows->n;
    MV_TRY(reserve_turn(context, err));
    marvis_status status = mv_prompt_add_text(rows, s->model, speaker, text, len, err);
    if (status == MARVIS_OK)
        status = mv_prompt_add_audio(rows, s->model, speech->codes, speech->n_frames,
                                     speech->n_columns, n_used, err);
    if (status == MARVIS_OK && speech->last)
        status =
            mv_prompt_add_audio(rows, s->model, speech->last, 1, speech->n_columns, n_used, err);
    if (status == MARVIS_OK) status = mv_prompt_add_eos(rows, s->model, n_used, err);
    if (status == MARVIS_OK)
        context->ends[context->n_turns++] = rows->n;
    else
        rows->n = before;
    return status;
}

marvis_status marvis_session_add_context(marvis_session *s, int speaker,
                                         const marvis_recording *turn, marvis_error *err) {
    char what[48];
    snprintf(what, sizeof what, "turn %zu of the context", s->context.n_turns + 1);
    MV_TRY(mv_session_check_recording(s, turn, what, err));
    turn_codes speech = {
        .codes = turn->codes, .n_frames = turn->n_frames, .n_columns = (size_t)turn->n_codebooks};
    return add_turn(s, speaker, turn->text, turn->text_len_bytes, &speech, err);
}

marvis_status marvis_session_pin_context(marvis_session *s, marvis_error *err) {
    if (s->started || s->failed != MARVIS_OK)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "turns are pinned after the first step: reset the session for a new "
                       "utterance");
    s->context.n_pinned = s->context.n_turns;
    return MARVIS_OK;
}

marvis_status marvis_session_clear_context(marvis_session *s, marvis_error *err) {
    if (s->started || s->failed != MARVIS_OK)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "the context is cleared after the first step: reset the session for a new "
                       "utterance");
    mv_context_deinit(&s->context);
    return MARVIS_OK;
}

size_t marvis_session_n_turns(const marvis_session *s, size_t *n_dropped) {
    if (n_dropped) *n_dropped = s->context.n_dropped;
    return s->context.n_turns;
}

void mv_context_deinit(mv_context *context) {
    marvis_voice_destroy(&context->saved);
    mv_prompt_deinit(&context->rows);
    mv_free(context->ends);
    *context = (mv_context){0};
}

/* ---- the window ----------------------------------------------------------------------------- */

/* Removes n turns behind the pinned ones. */
static void drop_turns(marvis_session *s, size_t n) {
    mv_context *context = &s->context;
    mv_prompt *rows = &context->rows;
    size_t columns = (size_t)s->model->csm.config.n_codebooks + 1, first = context->n_pinned;
    size_t begin = begin_of(context, first), end = begin_of(context, first + n);
    memmove(rows->frames + begin * columns, rows->frames + end * columns,
            (rows->n - end) * columns * sizeof *rows->frames);
    memmove(rows->mask + begin * columns, rows->mask + end * columns, (rows->n - end) * columns);
    rows->n -= end - begin;
    for (size_t i = first; i + n < context->n_turns; i++)
        context->ends[i] = context->ends[i + n] - (end - begin);
    context->n_turns -= n;
    context->n_dropped += n;
}

size_t mv_context_slide(marvis_session *s, size_t n_prompt) {
    mv_context *context = &s->context;
    int positions = s->model->csm.config.backbone.max_positions;
    size_t room = (size_t)(positions - s->settings.max_frames) - 1, n = context->n_turns;
    if (n_prompt <= room || !s->settings.drop_turns || n < context->n_pinned + 2) return 0;
    size_t pinned = begin_of(context, context->n_pinned), total = context->rows.n;
    size_t fixed = n_prompt - total + pinned; /* a voice, the text, pinned turns */
    if (fixed > room || total - begin_of(context, n - 1) > room - fixed) return 0;
    size_t n_dropped = 1, most = n - context->n_pinned - 1;
    while (n_dropped < most &&
           total - begin_of(context, context->n_pinned + n_dropped) > (room - fixed) / 2)
        n_dropped++;
    drop_turns(s, n_dropped);
    mv_log(s->model->engine, MARVIS_LOG_INFO,
           "the conversation outgrew the model's %d positions: the oldest %zu of its %zu turns "
           "dropped, %zu of %zu positions left",
           positions, n_dropped, n, n_prompt - total + context->rows.n, n_prompt);
    return n_dropped;
}

/* ---- what was spoken ------------------------------------------------------------------------ */

/* Characters a second of English read aloud, and what a voice's own pace is believed between. */
static const double usual_pace = 15, slowest = 4, fastest = 30;

static bool starts_character(char c) { return ((unsigned char)c & 0xc0) != 0x80; }

/* Characters of a text that are heard: white space and UTF-8's later bytes are not. */
static size_t count_characters(const char *text, size_t len) {
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += !mv_is_space(text[i]) && starts_character(text[i]);
    return n;
}

/* The frames that the whole text takes: those there are, where the model ended it, else a guess by
 * the pace of the voice. */
static double frames_of_text(const marvis_session *s, size_t n_characters) {
    double spoken = s->n_frames, pace = usual_pace;
    double rate = (double)marvis_model_sample_rate(s->model) / marvis_model_frame_samples(s->model);
    if (s->stop == MARVIS_STOP_EOS) return spoken;
    if (s->voice.text) {
        size_t n = count_characters(s->voice.text, s->voice.text_len);
        double own = (double)n * rate / (double)s->voice.n_frames;
        if (own >= slowest && own <= fastest) pace = own;
    }
    double guess = (double)n_characters * rate / pace;
    return guess > spoken ? guess : spoken;
}

/* The length of the text up to the last word whose middle was heard, the first in any case. */
static size_t heard_length(const marvis_session *s, size_t n_heard) {
    const char *text = s->text;
    size_t len = s->text_len, kept = 0, passed = 0, i = 0;
    size_t n_characters = count_characters(text, len);
    double whole = frames_of_text(s, n_characters);
    if ((double)n_heard >= whole || n_characters == 0) return len;
    double heard = (double)n_heard / whole * (double)n_characters;
    while (i < len) {
        while (i < len && mv_is_space(text[i]))
            i++;
        size_t begin = i;
        while (i < len && !mv_is_space(text[i]))
            i++;
        size_t n = count_characters(text + begin, i - begin);
        if (n == 0 || (kept && (double)passed + (double)n / 2 > heard)) break;
        passed += n;
        kept = i;
    }
    return kept;
}

/* The frames heard of the utterance: those fed back lie in the record of the cache; the last one
 * that was generated may not be among them. */
static turn_codes spoken_codes(const marvis_session *s, size_t n_heard) {
    size_t columns = (size_t)s->model->csm.config.n_codebooks + 1;
    size_t begin = (size_t)s->timing.n_prompt, n_fed = s->cached.n - begin;
    turn_codes speech = {.codes = s->cached.frames + begin * columns,
                         .n_frames = n_heard < n_fed ? n_heard : n_fed,
                         .n_columns = columns};
    if (n_heard > n_fed) speech.last = s->frame;
    return speech;
}

marvis_status marvis_session_keep_turn(marvis_session *s, size_t n_heard, const char *text,
                                       size_t len_bytes, size_t *len_kept, marvis_error *err) {
    if (len_kept) *len_kept = 0;
    if (!s->started || s->failed != MARVIS_OK)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "a turn is kept of an utterance that was spoken, before the session is "
                       "reset");
    if (s->kept) return mv_fail(err, MARVIS_ERR_CALL, "this utterance was kept as a turn before");
    if (n_heard > (size_t)s->n_frames) n_heard = (size_t)s->n_frames;
    if (n_heard > 0) {
        if (!text) {
            text = s->text;
            len_bytes = heard_length(s, n_heard);
        } else if (count_characters(text, len_bytes) == 0) {
            return mv_fail(err, MARVIS_ERR_INPUT,
                           "the turn to keep: its text is empty, although %zu frames of it were "
                           "heard",
                           n_heard);
        }
        turn_codes speech = spoken_codes(s, n_heard);
        MV_TRY(add_turn(s, s->settings.speaker, text, len_bytes, &speech, err));
        if (len_kept) *len_kept = len_bytes;
    }
    s->kept = true;
    s->stop = s->stop == MARVIS_STOP_NONE ? MARVIS_STOP_CANCELLED : s->stop;
    return MARVIS_OK;
}
