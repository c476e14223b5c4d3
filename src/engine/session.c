/* session.c - the life of an utterance: settings, text, reset, timing. Its frames are
 * session_step.c's, what it starts from, the prompt, is session_prompt.c's. */
#include "engine/session.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

enum {
    DEFAULT_FRAMES = 1125, /* 90 s, of the 2048 positions of the published models */
    DEFAULT_POSITIONS = 2048,
    DEFAULT_CHUNK = 8,
    MAX_CHUNK = 1024,
    MAX_EOS_BIAS = 1000,
    PREFILL_BATCH = 64 /* positions of the prompt that go through the backbone together */
};

const char *marvis_stop_text(marvis_stop stop) {
    switch (stop) {
    case MARVIS_STOP_NONE: return "none";
    case MARVIS_STOP_EOS: return "eos";
    case MARVIS_STOP_CAP: return "cap";
    case MARVIS_STOP_CANCELLED: return "cancelled";
    case MARVIS_STOP_RUNAWAY: return "runaway";
    case MARVIS_STOP_TEXT: return "text";
    }
    return "unknown";
}

const char *marvis_runaway_text(marvis_runaway runaway) {
    switch (runaway) {
    case MARVIS_RUNAWAY_NONE: return "none";
    case MARVIS_RUNAWAY_REPEATS: return "repeats";
    case MARVIS_RUNAWAY_SILENCE: return "silence";
    case MARVIS_RUNAWAY_LENGTH: return "length";
    }
    return "unknown";
}

/* ---- settings ------------------------------------------------------------------------------- */

static marvis_sampling default_sampling(const mv_generation_config *given) {
    marvis_sampling s = {.temperature = 0.9f, .top_k = 50, .top_p = 1.0f};
    if (given->has_temperature) s.temperature = given->temperature;
    if (given->has_top_k) s.top_k = given->top_k;
    if (given->has_top_p) s.top_p = given->top_p;
    if (given->has_do_sample && !given->do_sample) s.temperature = 0;
    return s;
}

void marvis_session_settings_init(marvis_session_settings *settings, const marvis_model *model) {
    *settings = (marvis_session_settings){.struct_size = sizeof *settings,
                                          .guard = 1,
                                          .drop_turns = 1,
                                          .chunk_frames = DEFAULT_CHUNK};
    int positions = marvis_model_max_positions(model);
    settings->max_frames = DEFAULT_FRAMES;
    if (positions < DEFAULT_POSITIONS)
        settings->max_frames = (int)((int64_t)positions * DEFAULT_FRAMES / DEFAULT_POSITIONS);
    settings->n_codebooks = marvis_model_n_codebooks(model);
    if (!model->has_csm) return;
    settings->codebook0 = default_sampling(&model->csm.config.gen_codebook0);
    settings->depth = default_sampling(&model->csm.config.gen_depth);
}

static marvis_status check_sampling(const marvis_sampling *s, const char *stage,
                                    marvis_error *err) {
    if (!(s->temperature >= 0) || !isfinite(s->temperature))
        return mv_fail(err, MARVIS_ERR_CALL, "%s temperature %g: use 0 (greedy) or more", stage,
                       (double)s->temperature);
    if (s->top_k < 0)
        return mv_fail(err, MARVIS_ERR_CALL, "%s top-k %d: use 1 or more, or 0 for all", stage,
                       s->top_k);
    if (!(s->top_p > 0 && s->top_p <= 1))
        return mv_fail(err, MARVIS_ERR_CALL, "%s top-p %g: use a number above 0, up to 1", stage,
                       (double)s->top_p);
    return MARVIS_OK;
}

static marvis_status check_settings(const marvis_model *model, const marvis_session_settings *s,
                                    marvis_error *err) {
    if (s->struct_size != sizeof *s)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "session settings of another version: fill them with "
                       "marvis_session_settings_init");
    if (!model->has_csm || !model->mimi || !model->tokenizer)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "speaking needs a model opened with its codec and tokenizer");
    MV_TRY(check_sampling(&s->codebook0, "codebook 0", err));
    MV_TRY(check_sampling(&s->depth, "depth decoder", err));
    if (s->speaker < 0 || s->speaker > MV_MAX_SPEAKER)
        return mv_fail(err, MARVIS_ERR_CALL, "speaker %d: use a number from 0 to %d", s->speaker,
                       MV_MAX_SPEAKER);
    int n = marvis_model_n_codebooks(model), positions = marvis_model_max_positions(model);
    if (s->n_codebooks < 1 || s->n_codebooks > n)
        return mv_fail(err, MARVIS_ERR_CALL, "%d codebooks: this model has 1 to %d", s->n_codebooks,
                       n);
    if (s->max_frames < 1 || s->max_frames >= positions)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "a cap of %d frames: use 1 to %d (the model has %d positions for prompt and "
                       "speech)",
                       s->max_frames, positions - 1, positions);
    if (!(s->eos_bias >= 0 && s->eos_bias <= MAX_EOS_BIAS))
        return mv_fail(err, MARVIS_ERR_CALL, "an EOS bias of %g: use a number from 0 to %d",
                       (double)s->eos_bias, MAX_EOS_BIAS);
    if (s->chunk_frames < 1 || s->chunk_frames > MAX_CHUNK)
        return mv_fail(err, MARVIS_ERR_CALL, "chunks of %d frames: use 1 to %d", s->chunk_frames,
                       MAX_CHUNK);
    return MARVIS_OK;
}

/* ---- life ----------------------------------------------------------------------------------- */

static marvis_status allocate(marvis_session *s, marvis_error *err) {
    const mv_csm_config *config = &s->model->csm.config;
    size_t vocab = (size_t)config->audio_vocab, width = (size_t)config->backbone.width;
    size_t columns = (size_t)config->n_codebooks + 1;
    size_t chunk = (size_t)s->settings.chunk_frames, n_codebooks = (size_t)s->settings.n_codebooks;
    size_t samples = chunk * (size_t)marvis_model_frame_samples(s->model);
    size_t bytes = vocab * sizeof(mv_candidate) + (samples + vocab + width) * sizeof(float) +
                   ((chunk + 1) * n_codebooks + columns) * sizeof(int32_t) + columns;
    char *p = s->storage = mv_alloc(bytes, 1);
    if (!p) return mv_fail_memory(err, bytes, "the session");
    s->candidates = (mv_candidate *)(void *)p, p += vocab * sizeof(mv_candidate);
    s->pcm = (float *)(void *)p, p += samples * sizeof(float);
    s->logits = (float *)(void *)p, p += vocab * sizeof(float);
    s->hidden = (float *)(void *)p, p += width * sizeof(float);
    s->codes = (int32_t *)(void *)p, p += chunk * n_codebooks * sizeof(int32_t);
    s->before = (int32_t *)(void *)p, p += n_codebooks * sizeof(int32_t);
    s->frame = (int32_t *)(void *)p, p += columns * sizeof(int32_t);
    s->mask = (uint8_t *)p;
    memset(s->mask, 1, n_codebooks); /* the text column and the rest stay 0 */
    const marvis_engine *engine = s->model->engine;
    MV_TRY(mv_csm_scratch_init(&s->scratch, &s->model->csm, PREFILL_BATCH,
                               config->backbone.max_positions, engine->n_threads, err));
    return mv_mimi_decoder_create(s->model->mimi, s->settings.n_codebooks, s->settings.chunk_frames,
                                  &s->decoder, err);
}

marvis_status marvis_session_create(const marvis_model *model,
                                    const marvis_session_settings *settings,
                                    marvis_session **session, marvis_error *err) {
    *session = NULL;
    marvis_session_settings defaults;
    marvis_session_settings_init(&defaults, model);
    if (!settings) settings = &defaults;
    MV_TRY(check_settings(model, settings, err));
    marvis_session *s = mv_alloc(1, sizeof *s);
    if (!s) return mv_fail_memory(err, sizeof *s, "the session");
    s->model = model;
    s->settings = *settings;
    atomic_init(&s->cancelled, false);
    marvis_status status = allocate(s, err);
    if (status != MARVIS_OK) {
        marvis_session_destroy(&s);
        return status;
    }
    mv_rng_seed(&s->rng, settings->seed);
    s->n_chunk = 1;
    *session = s;
    return MARVIS_OK;
}

void marvis_session_destroy(marvis_session **session) {
    if (!session || !*session) return;
    marvis_session *s = *session;
    *session = NULL;
    mv_session_forget(s);
    mv_csm_stream_deinit(&s->stream);
    mv_csm_scratch_deinit(&s->scratch);
    mv_mimi_decoder_destroy(&s->decoder);
    mv_free(s->text);
    mv_free(s->storage);
    mv_free(s);
}

void mv_session_restart(marvis_session *s, uint64_t seed) {
    s->text_len = 0;
    s->started = s->kept = false;
    s->stop = MARVIS_STOP_NONE;
    s->failed = MARVIS_OK;
    mv_mimi_decoder_reset(s->decoder);
    mv_rng_seed(&s->rng, seed);
    s->guard = (mv_guard){0};
    s->n_barred = s->n_frames = s->n_pending = 0;
    s->n_chunk = 1;
    s->timing = (marvis_session_timing){0};
}

void marvis_session_reset(marvis_session *s, uint64_t seed) {
    mv_session_restart(s, seed);
    atomic_store(&s->cancelled, false);
}

void marvis_session_cancel(marvis_session *session) { atomic_store(&session->cancelled, true); }

marvis_status mv_text_append(char **text, size_t *len, size_t *capacity, const char *bytes,
                             size_t n, marvis_error *err) {
    size_t wanted;
    if (!mv_add_size(*len, n, &wanted)) return mv_fail_memory(err, n, "the text");
    if (wanted > *capacity) {
        size_t room = wanted < 128 ? 256 : wanted <= SIZE_MAX / 2 ? 2 * wanted : wanted;
        char *grown = mv_grow(*text, room, 1);
        if (!grown) return mv_fail_memory(err, room, "the text");
        *text = grown;
        *capacity = room;
    }
    if (n) memcpy(*text + *len, bytes, n);
    *len = wanted;
    return MARVIS_OK;
}

marvis_status marvis_session_push_text(marvis_session *s, const char *text, size_t len_bytes,
                                       marvis_error *err) {
    if (s->started || s->failed != MARVIS_OK)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "text after the first step: reset the session for a new utterance");
    return mv_text_append(&s->text, &s->text_len, &s->text_capacity, text, len_bytes, err);
}

void marvis_session_timing_get(const marvis_session *session, marvis_session_timing *timing) {
    marvis_session_timing now = session->timing;
    now.n_frames = session->n_frames;
    size_t size = timing->struct_size < sizeof now ? timing->struct_size : sizeof now;
    now.struct_size = timing->struct_size;
    memcpy(timing, &now, size);
}

marvis_runaway marvis_session_runaway(const marvis_session *session) {
    return session->stop == MARVIS_STOP_RUNAWAY ? session->guard.seen : MARVIS_RUNAWAY_NONE;
}
