/* session_prompt.c - what an utterance starts from: the voice it is spoken in, the turns it
 * answers, its text; how they are put together (docs/MODEL.md, "Prompts"), and their way into the
 * caches of backbone and codec. */
#include "engine/session.h"

#include "base/memory.h"
#include "engine/voice.h"

#include <stdio.h>
#include <string.h>

/* Characters a second that speech in any of the models' languages has, pauses included. */
enum { SLOWEST = 5, FASTEST = 25 };

/* ---- recordings ----------------------------------------------------------------------------- */

void marvis_recording_init(marvis_recording *recording) {
    *recording = (marvis_recording){.struct_size = sizeof *recording};
}

bool mv_is_space(char c) { return c != '\0' && strchr(" \t\r\n\v\f", c) != NULL; }

const char *mv_strip(const char *text, size_t len, size_t *n) {
    while (len > 0 && mv_is_space(text[len - 1]))
        len--;
    while (len > 0 && mv_is_space(*text))
        text++, len--;
    *n = len;
    return text;
}

static double seconds_of(const marvis_session *s, size_t n_frames) {
    return (double)n_frames * marvis_model_frame_samples(s->model) /
           marvis_model_sample_rate(s->model);
}

marvis_status mv_check_codes(const marvis_model *model, const marvis_recording *r, const char *what,
                             marvis_error *err) {
    size_t columns = (size_t)r->n_codebooks;
    int limit = mv_model_n_codes(model);
    for (size_t t = 0; t < r->n_frames; t++)
        for (size_t c = 0; c < columns; c++) {
            int32_t code = r->codes[t * columns + c];
            if (code < 0 || code >= limit)
                return mv_fail(err, MARVIS_ERR_INPUT,
                               "%s: frame %zu, codebook %zu: code %d is not in 0..%d", what, t, c,
                               (int)code, limit - 1);
        }
    return MARVIS_OK;
}

marvis_status mv_check_recording(const marvis_recording *r, const char *what, marvis_error *err) {
    size_t n_text;
    if (r->struct_size != sizeof *r)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "%s: a recording of another version: fill it with marvis_recording_init",
                       what);
    if (r->text) (void)mv_strip(r->text, r->text_len_bytes, &n_text);
    if (!r->text || n_text == 0)
        return mv_fail(err, MARVIS_ERR_INPUT,
                       "%s: its text is missing: give the words that are said in the recording",
                       what);
    if (!r->codes || r->n_frames == 0)
        return mv_fail(err, MARVIS_ERR_INPUT, "%s: the recording holds no speech: 0 frames", what);
    return MARVIS_OK;
}

marvis_status mv_session_check_recording(const marvis_session *s, const marvis_recording *r,
                                         const char *what, marvis_error *err) {
    if (s->started || s->failed != MARVIS_OK)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "%s after the first step: reset the session for a new utterance", what);
    MV_TRY(mv_check_recording(r, what, err));
    if (r->n_codebooks < s->settings.n_codebooks)
        return mv_fail(err, MARVIS_ERR_INPUT,
                       "%s: the recording has %d codebooks, the session speaks with %d: encode it "
                       "with as many, or speak with fewer",
                       what, r->n_codebooks, s->settings.n_codebooks);
    int room = s->model->csm.config.backbone.max_positions - s->settings.max_frames;
    if (r->n_frames >= (size_t)room)
        return mv_fail(
            err, MARVIS_ERR_TOO_LONG,
            "%s: %.1f s of recording, and up to %.1f s of speech to come, do not fit the "
            "%.1f s that this model holds: give a shorter recording",
            what, seconds_of(s, r->n_frames), seconds_of(s, (size_t)s->settings.max_frames),
            seconds_of(s, (size_t)s->model->csm.config.backbone.max_positions));
    return mv_check_codes(s->model, r, what, err);
}

/* ---- voice ---------------------------------------------------------------------------------- */

static void voice_deinit(mv_voice *voice) {
    marvis_voice_destroy(&voice->saved);
    mv_free(voice->text);
    mv_free(voice->codes);
    *voice = (mv_voice){0};
}

void mv_warn_of_pace(const marvis_model *model, const char *text, size_t len, size_t n_frames) {
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80; /* a character's first byte in UTF-8 */
    double seconds =
        (double)n_frames * marvis_model_frame_samples(model) / marvis_model_sample_rate(model);
    double pace = (double)n / seconds;
    if (pace < SLOWEST || pace > FASTEST)
        mv_log(model->engine, MARVIS_LOG_WARNING,
               "the voice's text has %zu character%s for %.1f s of speech, %.1f a second, where "
               "%d to %d are usual: it must hold every word of the recording and no other",
               n, n == 1 ? "" : "s", seconds, pace, SLOWEST, FASTEST);
}

marvis_status mv_session_take_voice(marvis_session *s, const marvis_recording *voice,
                                    marvis_voice_layout layout, marvis_error *err) {
    mv_voice copy = {.layout = layout};
    MV_TRY(mv_session_check_recording(s, voice, "the voice", err));
    const char *text = mv_strip(voice->text, voice->text_len_bytes, &copy.text_len);
    size_t n_used = (size_t)s->settings.n_codebooks, n_given = (size_t)voice->n_codebooks;
    copy.n_frames = voice->n_frames;
    copy.text = mv_alloc(copy.text_len, 1);
    copy.codes = mv_alloc(copy.n_frames, n_used * sizeof *copy.codes);
    if (!copy.text || !copy.codes) {
        voice_deinit(&copy);
        return mv_fail_memory(err, voice->text_len_bytes + voice->n_frames * n_used * 4,
                              "the voice");
    }
    memcpy(copy.text, text, copy.text_len);
    for (size_t t = 0; t < copy.n_frames; t++)
        memcpy(copy.codes + t * n_used, voice->codes + t * n_given, n_used * sizeof *copy.codes);
    voice_deinit(&s->voice);
    s->voice = copy;
    return MARVIS_OK;
}

marvis_status marvis_session_set_voice(marvis_session *s, const marvis_recording *voice,
                                       marvis_error *err) {
    if (voice) {
        MV_TRY(mv_session_take_voice(s, voice, MARVIS_VOICE_MATCH, err));
        mv_warn_of_pace(s->model, s->voice.text, s->voice.text_len, s->voice.n_frames);
        return MARVIS_OK;
    }
    if (s->started || s->failed != MARVIS_OK)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "a voice is dropped after the first step: reset the session for a new "
                       "utterance");
    voice_deinit(&s->voice);
    return MARVIS_OK;
}

void mv_session_forget(marvis_session *s) {
    voice_deinit(&s->voice);
    mv_context_deinit(&s->context);
    mv_prompt_deinit(&s->cached);
}

/* ---- the prompt ----------------------------------------------------------------------------- */

/* The voice, where it is gone on from by the new speech; else one that is empty. */
static mv_voice matched_voice(const marvis_session *s) {
    return s->voice.layout == MARVIS_VOICE_MATCH ? s->voice : (mv_voice){0};
}

/* Voice match is one segment: the texts of voice and tail and the new one behind one speaker tag,
 * then the recording and the tail's frames, which no frame of zeros ends: the new speech goes on
 * from them. */
static marvis_status add_voice_match(const marvis_session *s, mv_prompt *prompt,
                                     marvis_error *err) {
    mv_voice v = matched_voice(s);
    size_t n_new, len = 0, sum, n_codebooks = (size_t)s->settings.n_codebooks;
    const char *text = mv_strip(s->text, s->text_len, &n_new);
    const char *parts[] = {v.text, s->tail.text, text};
    const size_t lens[] = {v.text_len, s->tail.n_frames ? s->tail.text_len : 0, n_new};
    if (!mv_add_size(v.text_len + s->tail.text_len + 2, n_new, &sum))
        return mv_fail_memory(err, s->text_len, "the text");
    char *joined = mv_alloc(sum, 1);
    if (!joined) return mv_fail_memory(err, sum, "the text");
    for (int i = 0; i < 3; i++) {
        if (lens[i] == 0) continue;
        if (len > 0) joined[len++] = ' ';
        memcpy(joined + len, parts[i], lens[i]);
        len += lens[i];
    }
    marvis_status status =
        mv_prompt_add_text(prompt, s->model, s->settings.speaker, joined, len, err);
    mv_free(joined);
    if (status == MARVIS_OK && v.n_frames)
        status = mv_prompt_add_audio(prompt, s->model, v.codes, v.n_frames, n_codebooks,
                                     n_codebooks, err);
    if (status == MARVIS_OK && s->tail.n_frames)
        status = mv_prompt_add_audio(prompt, s->model, s->tail.codes, s->tail.n_frames, n_codebooks,
                                     n_codebooks, err);
    return status;
}

/* The voice as a turn of its own before all others. */
static marvis_status add_voice_context(const marvis_session *s, mv_prompt *prompt,
                                       marvis_error *err) {
    const mv_voice *v = &s->voice;
    size_t n_codebooks = (size_t)s->settings.n_codebooks;
    MV_TRY(mv_prompt_add_text(prompt, s->model, s->settings.speaker, v->text, v->text_len, err));
    MV_TRY(mv_prompt_add_audio(prompt, s->model, v->codes, v->n_frames, n_codebooks, n_codebooks,
                               err));
    return mv_prompt_add_eos(prompt, s->model, n_codebooks, err);
}

marvis_status mv_session_prompt(const marvis_session *s, mv_prompt *prompt, marvis_error *err) {
    size_t n_text;
    (void)mv_strip(s->text, s->text_len, &n_text);
    if (n_text == 0)
        return mv_fail(err, MARVIS_ERR_INPUT, "the text is empty: there is nothing to speak");
    bool in_context = s->voice.text && s->voice.layout == MARVIS_VOICE_CONTEXT;
    if (in_context) MV_TRY(add_voice_context(s, prompt, err));
    MV_TRY(mv_prompt_add_rows(prompt, s->model, &s->context.rows, err));
    if ((s->voice.text && !in_context) || s->tail.n_frames) return add_voice_match(s, prompt, err);
    return mv_prompt_add_text(prompt, s->model, s->settings.speaker, s->text, s->text_len, err);
}

static size_t count_words(const char *text, size_t len) {
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += !mv_is_space(text[i]) && (i == 0 || mv_is_space(text[i - 1]));
    return n;
}

/* What the prompt is made of, and what would fit, in seconds: a position of text takes the room of
 * a frame of speech. */
static marvis_status too_long(const marvis_session *s, size_t n_prompt, marvis_error *err) {
    size_t positions = (size_t)s->model->csm.config.backbone.max_positions;
    size_t cap = (size_t)s->settings.max_frames, n_words = count_words(s->text, s->text_len);
    bool in_context = s->voice.layout == MARVIS_VOICE_CONTEXT; /* a frame of zeros ends it there */
    size_t n_context = s->context.rows.n, n_voice = s->voice.n_frames + in_context;
    size_t n_text = n_prompt - n_voice - n_context;
    char voice[64] = "", context[64] = "", remedy[64] = "";
    if (n_voice)
        snprintf(voice, sizeof voice, ", the voice %.1f s", seconds_of(s, s->voice.n_frames));
    if (n_context)
        snprintf(context, sizeof context, ", the context %.1f s (%zu turn%s)",
                 seconds_of(s, n_context), s->context.n_turns, s->context.n_turns == 1 ? "" : "s");
    if (n_prompt + 1 < positions)
        snprintf(remedy, sizeof remedy, ", or at most %.1f s of speech to come",
                 seconds_of(s, positions - n_prompt - 1));
    return mv_fail(err, MARVIS_ERR_TOO_LONG,
                   "too long: %zu word%s of text take the room of %.1f s%s%s; with up to %.1f s of "
                   "speech to come that is %.2f s more than the %.1f s that this model holds: give "
                   "a shorter text%s%s%s",
                   n_words, n_words == 1 ? "" : "s", seconds_of(s, n_text), voice, context,
                   seconds_of(s, cap), seconds_of(s, n_prompt + cap + 1 - positions),
                   seconds_of(s, positions), n_voice ? ", a shorter voice" : "",
                   n_context ? ", less context" : "", remedy);
}

/* Room for the prompt and every frame that may follow, in the cache and in the record of what is in
 * it. A conversation will grow, and a voice meets longer texts: they get all the positions there
 * are at once, so that what is in the cache need not be moved later. */
static marvis_status reserve(marvis_session *s, mv_prompt *prompt, marvis_error *err) {
    int positions = s->model->csm.config.backbone.max_positions;
    if (prompt->n >= (size_t)(positions - s->settings.max_frames))
        return too_long(s, prompt->n, err);
    int capacity = (int)prompt->n + s->settings.max_frames;
    if (s->context.n_turns || s->voice.text || s->tail.n_frames) capacity = positions;
    if (s->stream.backbone.capacity == 0)
        MV_TRY(mv_csm_stream_init(&s->stream, &s->model->csm, capacity, err));
    else if (s->stream.backbone.capacity < capacity)
        MV_TRY(mv_csm_stream_grow(&s->stream, &s->model->csm, capacity, err));
    return mv_prompt_reserve(prompt, s->model, (size_t)s->settings.max_frames, err);
}

/* Rows at the start of the prompt that the cache holds. The last one is run in any case: its output
 * is what is wanted. */
static size_t count_cached(const marvis_session *s, const mv_prompt *prompt) {
    size_t columns = (size_t)s->model->csm.config.n_codebooks + 1, n = 0;
    const mv_prompt *cached = &s->cached;
    while (n + 1 < prompt->n && n < cached->n &&
           memcmp(prompt->frames + n * columns, cached->frames + n * columns,
                  columns * sizeof *prompt->frames) == 0 &&
           memcmp(prompt->mask + n * columns, cached->mask + n * columns, columns) == 0)
        n++;
    return n;
}

void mv_session_note_frame(marvis_session *s) {
    size_t columns = (size_t)s->model->csm.config.n_codebooks + 1, n = s->cached.n++;
    memcpy(s->cached.frames + n * columns, s->frame, columns * sizeof *s->frame);
    memcpy(s->cached.mask + n * columns, s->mask, columns);
}

/* What the snapshot of a saved voice holds of the prompt beyond n_cached goes into the cache. All
 * that stands before a row is in its keys and values: a snapshot serves where its voice is first.
 * Returns how many rows are in it then. */
static size_t restore_snapshot(marvis_session *s, const mv_prompt *prompt, size_t n_cached) {
    const marvis_voice *saved[] = {s->voice.saved, s->context.saved};
    for (size_t i = 0; i < sizeof saved / sizeof *saved; i++) {
        size_t n = saved[i] ? mv_snapshot_count(saved[i], s->model, prompt) : 0;
        if (n <= n_cached) continue;
        mv_snapshot_restore(&saved[i]->snapshot, &s->stream, n_cached, n);
        n_cached = n;
    }
    return n_cached;
}

/* The codec goes on from what the speech goes on from. */
static marvis_status prime_codec(marvis_session *s, marvis_error *err) {
    const mv_exec *exec = &s->model->engine->exec;
    mv_voice v = matched_voice(s);
    size_t n_codebooks = (size_t)s->settings.n_codebooks, n = v.n_frames + s->tail.n_frames;
    if (s->tail.n_frames == 0) {
        if (n > 0) mv_mimi_decoder_prime(s->decoder, exec, v.codes, n);
        return MARVIS_OK;
    }
    int32_t *codes = mv_alloc(n * n_codebooks, sizeof *codes);
    if (!codes) return mv_fail_memory(err, n * n_codebooks * sizeof *codes, "the codec's past");
    if (v.n_frames) memcpy(codes, v.codes, v.n_frames * n_codebooks * sizeof *codes);
    memcpy(codes + v.n_frames * n_codebooks, s->tail.codes,
           s->tail.n_frames * n_codebooks * sizeof *codes);
    mv_mimi_decoder_prime(s->decoder, exec, codes, n);
    mv_free(codes);
    return MARVIS_OK;
}

marvis_status mv_session_begin(marvis_session *s, marvis_error *err) {
    const mv_exec *exec = &s->model->engine->exec;
    size_t columns = (size_t)s->model->csm.config.n_codebooks + 1;
    mv_prompt prompt = {0};
    double begin = mv_now_s();
    marvis_status status = mv_session_prompt(s, &prompt, err);
    if (status == MARVIS_OK && (s->timing.n_dropped = (int)mv_context_slide(s, prompt.n)) > 0) {
        prompt.n = 0;
        status = mv_session_prompt(s, &prompt, err);
    }
    if (status == MARVIS_OK) status = reserve(s, &prompt, err);
    if (status != MARVIS_OK) {
        mv_prompt_deinit(&prompt);
        return status;
    }
    size_t n_cached = count_cached(s, &prompt);
    n_cached = restore_snapshot(s, &prompt, n_cached);
    mv_csm_stream_rewind(&s->stream, (int)n_cached);
    mv_csm_prefill(&s->model->csm, &s->stream, &s->scratch, exec,
                   prompt.frames + n_cached * columns, prompt.mask + n_cached * columns,
                   prompt.n - n_cached, 1, s->hidden);
    s->timing.n_prompt = (int)prompt.n;
    s->timing.n_reused = (int)n_cached;
    mv_prompt_deinit(&s->cached);
    s->cached = prompt;
    double middle = mv_now_s();
    s->timing.prefill_s = middle - begin;
    status = prime_codec(s, err);
    s->timing.codec_s += mv_now_s() - middle;
    return status;
}
