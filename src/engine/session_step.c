/* session_step.c - the loop of an utterance: backbone -> codebook 0 -> depth decoder frame by
 * frame, and Mimi chunk by chunk. Frames of several sessions are made together (batch.c); one that
 * speaks alone is a company of one. */
#include "engine/session.h"

#include "base/file.h"

#include <math.h>
#include <string.h>

enum {
    ALIKE_FRAMES = 25,  /* 2 s of one and the same frame */
    SILENT_FRAMES = 75, /* 6 s below SILENCE */
};
static const float silence = 1e-3f; /* root mean square of a frame: -60 dB of full scale */

/* ---- one frame of each ---------------------------------------------------------------------- */

/* Chooses a code from logits. A session that fails goes on with code 0, so that the others need not
 * know. */
static void choose(marvis_session *s, int codebook, const float *logits, marvis_error *err) {
    const marvis_sampling *sampling = codebook ? &s->settings.depth : &s->settings.codebook0;
    int32_t code = mv_sample(logits, mv_model_n_codes(s->model), sampling, &s->rng, s->candidates);
    if (code < 0 && s->failed == MARVIS_OK)
        s->failed =
            mv_fail(err, MARVIS_ERR_TENSOR,
                    "%s: the model's output for codebook %d is not a number; the checkpoint is "
                    "damaged",
                    s->model->files.weights, codebook);
    s->frame[codebook] = code < 0 ? 0 : code;
}

/* What is added to the logit of code 0, which a frame of the end begins with. Beyond what is usual
 * for the text, the end is made likelier with every frame. */
static float end_bias(const marvis_session *s, int t) {
    if (t < s->n_barred) return -INFINITY;
    if (t <= s->length.late) return 0;
    double frame_s =
        (double)marvis_model_frame_samples(s->model) / marvis_model_sample_rate(s->model);
    return (float)(s->settings.eos_bias * frame_s * (t - s->length.late));
}

/* The frame that is generated next. */
static int next_frame(const marvis_session *s) { return s->n_frames + s->n_pending; }

static void copy_floats(float *to, const float *from, size_t n) {
    if (to != from) memcpy(to, from, n * sizeof *to);
}

/* The last frames of the sessions through the backbone; a first frame comes from the prompt alone.
 * buffers->hidden gets the states of all. */
static void run_backbone(marvis_session *const *sessions, size_t n, const mv_frame_buffers *b) {
    const marvis_model *model = sessions[0]->model;
    size_t width = (size_t)model->csm.config.backbone.width, m = 0;
    size_t columns = (size_t)model->csm.config.n_codebooks + 1;
    for (size_t i = 0; i < n; i++) {
        marvis_session *s = sessions[i];
        if (next_frame(s) == 0) continue;
        b->streams[m] = &s->stream;
        if (b->frames != s->frame) {
            memcpy(b->frames + m * columns, s->frame, columns * sizeof *s->frame);
            memcpy(b->mask + m * columns, s->mask, columns);
        }
        mv_session_note_frame(s);
        m++;
    }
    if (m > 0)
        mv_csm_step(&model->csm, b->streams, m, b->scratch, &model->engine->exec, b->frames,
                    b->mask, b->hidden);
    m = 0;
    for (size_t i = 0; i < n; i++)
        if (next_frame(sessions[i]) > 0)
            copy_floats(sessions[i]->hidden, b->hidden + m++ * width, width);
    for (size_t i = 0; i < n; i++)
        copy_floats(b->hidden + i * width, sessions[i]->hidden, width);
}

static void choose_codebook0(marvis_session *const *sessions, size_t n, const mv_frame_buffers *b,
                             marvis_error *err) {
    const marvis_model *model = sessions[0]->model;
    size_t vocab = (size_t)model->csm.config.audio_vocab;
    mv_csm_head0(&model->csm, b->scratch, &model->engine->exec, b->hidden, n, b->logits);
    for (size_t i = 0; i < n; i++) {
        marvis_session *s = sessions[i];
        float *logits = b->logits + i * vocab;
        logits[0] += end_bias(s, next_frame(s));
        choose(s, 0, logits, err);
        mv_csm_depth_begin(&s->stream);
        b->streams[i] = &s->stream;
    }
}

/* Codebooks 1.., of those that have them: the first ones. Returns the seconds spent on sampling. */
static double run_depth(marvis_session *const *sessions, size_t n, const mv_frame_buffers *b,
                        marvis_error *err) {
    const marvis_model *model = sessions[0]->model;
    size_t vocab = (size_t)model->csm.config.audio_vocab;
    double sampling_s = 0;
    for (int i = 1; i < sessions[0]->settings.n_codebooks; i++) {
        while (sessions[n - 1]->settings.n_codebooks <= i)
            n--;
        for (size_t k = 0; k < n; k++)
            b->previous[k] = sessions[k]->frame[i - 1];
        mv_csm_depth_step(&model->csm, b->streams, n, b->scratch, &model->engine->exec, i,
                          b->hidden, b->previous, b->logits);
        double begin = mv_now_s();
        for (size_t k = 0; k < n; k++)
            choose(sessions[k], i, b->logits + k * vocab, err);
        sampling_s += mv_now_s() - begin;
    }
    return sampling_s;
}

static bool is_eos(const marvis_session *s) {
    for (int i = 0; i < s->settings.n_codebooks; i++)
        if (s->frame[i] != 0) return false;
    return true;
}

/* What becomes of a frame that was generated. */
static void settle(marvis_session *s) {
    size_t n = (size_t)s->settings.n_codebooks;
    if (s->failed != MARVIS_OK) return;
    if (atomic_load(&s->cancelled))
        s->stop = MARVIS_STOP_CANCELLED;
    else if (is_eos(s))
        s->stop = MARVIS_STOP_EOS;
    else
        memcpy(s->codes + (size_t)s->n_pending++ * n, s->frame, n * sizeof *s->codes);
}

marvis_status mv_generate_frames(marvis_session *const *sessions, size_t n,
                                 const mv_frame_buffers *b, marvis_error *err) {
    marvis_status status = MARVIS_OK;
    double begin = mv_now_s(), heads_s = b->scratch->heads_s, share = 1.0 / (double)n;
    run_backbone(sessions, n, b);
    choose_codebook0(sessions, n, b, err);
    double middle = mv_now_s();
    double sampling_s = run_depth(sessions, n, b, err), end = mv_now_s();
    heads_s = b->scratch->heads_s - heads_s;
    for (size_t i = 0; i < n; i++) {
        marvis_session *s = sessions[i];
        s->timing.backbone_s += (middle - begin) * share;
        s->timing.depth_s += (end - middle) * share;
        s->timing.heads_s += heads_s * share;
        s->timing.sampling_s += sampling_s * share;
        settle(s);
        if (status == MARVIS_OK) status = s->failed;
    }
    return status;
}

/* ---- one session ---------------------------------------------------------------------------- */

marvis_status mv_session_start(marvis_session *s, marvis_error *err) {
    s->started_at_s = mv_now_s();
    s->failed = mv_session_begin(s, err);
    if (s->failed != MARVIS_OK) return s->failed;
    s->length = mv_session_length(s);
    s->timing.n_expected = s->length.expected;
    s->started = true;
    return MARVIS_OK;
}

bool mv_session_wants_frame(marvis_session *s) {
    int t = next_frame(s);
    if (s->stop != MARVIS_STOP_NONE || s->failed != MARVIS_OK || s->n_pending >= s->n_chunk)
        return false;
    if (s->settings.guard && t == s->length.limit) {
        s->stop = MARVIS_STOP_RUNAWAY;
        s->guard.seen = MARVIS_RUNAWAY_LENGTH;
    } else if (t == s->settings.max_frames) {
        s->stop = MARVIS_STOP_CAP;
    }
    return s->stop == MARVIS_STOP_NONE;
}

/* Generates frames until the chunk is full or the utterance is over (s->stop). */
static marvis_status fill_chunk(marvis_session *s, marvis_error *err) {
    mv_csm_stream *stream = &s->stream;
    int32_t previous;
    const mv_frame_buffers own = {.scratch = &s->scratch,
                                  .streams = &stream,
                                  .hidden = s->hidden,
                                  .logits = s->logits,
                                  .frames = s->frame,
                                  .mask = s->mask,
                                  .previous = &previous};
    while (mv_session_wants_frame(s))
        MV_TRY(mv_generate_frames(&s, 1, &own, err));
    return MARVIS_OK;
}

static bool is_silent(const float *pcm, int n) {
    double square = 0;
    for (int i = 0; i < n; i++)
        square += (double)pcm[i] * (double)pcm[i];
    return square < (double)silence * (double)silence * n;
}

/* Looks for a runaway; returns how many frames of the chunk come before it. Frame by frame, so that
 * the size of the chunks makes no difference. */
static int guarded_frames(marvis_session *s, int n) {
    size_t n_codebooks = (size_t)s->settings.n_codebooks;
    int samples = marvis_model_frame_samples(s->model);
    for (int i = 0; i < n; i++) {
        const int32_t *frame = s->codes + (size_t)i * n_codebooks;
        bool alike =
            s->n_frames + i > 0 && memcmp(frame, s->before, n_codebooks * sizeof *frame) == 0;
        s->guard.n_alike = alike ? s->guard.n_alike + 1 : 0;
        s->guard.n_silent =
            is_silent(s->pcm + (size_t)i * (size_t)samples, samples) ? s->guard.n_silent + 1 : 0;
        memcpy(s->before, frame, n_codebooks * sizeof *frame);
        if (s->guard.n_alike >= ALIKE_FRAMES || s->guard.n_silent >= SILENT_FRAMES) {
            s->stop = MARVIS_STOP_RUNAWAY;
            s->guard.seen =
                s->guard.n_alike >= ALIKE_FRAMES ? MARVIS_RUNAWAY_REPEATS : MARVIS_RUNAWAY_SILENCE;
            return i;
        }
    }
    return n;
}

/* The next frames as codes and audio; 0 when the utterance is over. */
static marvis_status advance(marvis_session *s, int *n_frames, marvis_error *err) {
    *n_frames = 0;
    if (s->stop == MARVIS_STOP_NONE && atomic_load(&s->cancelled)) s->stop = MARVIS_STOP_CANCELLED;
    if (s->stop == MARVIS_STOP_NONE && !s->started) MV_TRY(mv_session_start(s, err));
    MV_TRY(fill_chunk(s, err));
    int n = s->n_pending;
    s->n_pending = 0;
    if (n == 0) return MARVIS_OK;
    double begin = mv_now_s();
    mv_mimi_decode(s->decoder, &s->model->engine->exec, s->codes, (size_t)n, s->pcm);
    double end = mv_now_s();
    s->timing.codec_s += end - begin;
    if (s->n_frames == 0) s->timing.first_pcm_s = end - s->started_at_s;
    if (s->settings.guard) n = guarded_frames(s, n);
    s->n_frames += n;
    s->n_chunk =
        2 * s->n_chunk < s->settings.chunk_frames ? 2 * s->n_chunk : s->settings.chunk_frames;
    *n_frames = n;
    return MARVIS_OK;
}

marvis_status marvis_session_step(marvis_session *s, marvis_chunk *chunk, marvis_error *err) {
    *chunk = (marvis_chunk){.n_codebooks = s->settings.n_codebooks};
    int n = 0;
    if (s->failed != MARVIS_OK)
        return mv_fail(err, s->failed, "this utterance has failed before; reset the session");
    if (s->stop == MARVIS_STOP_NONE || s->n_pending > 0) {
        s->failed = advance(s, &n, err);
        if (s->failed != MARVIS_OK) return s->failed;
    }
    if (n == 0) { /* what stopped a chunk with frames in it is told by the call after */
        chunk->stop = s->stop;
        return MARVIS_OK;
    }
    chunk->codes = s->codes;
    chunk->pcm = s->pcm;
    chunk->n_frames = n;
    chunk->n_samples = n * marvis_model_frame_samples(s->model);
    return MARVIS_OK;
}

int marvis_session_is_ready(const marvis_session *s) {
    return s->stop != MARVIS_STOP_NONE || s->failed != MARVIS_OK ||
           (s->started && s->n_pending >= s->n_chunk);
}
