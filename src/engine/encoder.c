/* encoder.c - the Mimi encoder of marvis.h, and the weights that the encoders of a model share. */
#include "engine/encoder.h"

#include "base/lock.h"
#include "base/memory.h"

#include <math.h>

enum {
    CHUNK_FRAMES = 8 /* that go through the encoder in one piece */
};

/* Louder than any sound; what such samples make in f32 could be infinite. */
static const float MAX_SAMPLE = 1e6f;

/* ---- shared weights ------------------------------------------------------------------------- */

struct mv_shared_encoder {
    mv_lock *lock;        /* of the two at the end, and of ckpt's account */
    mv_checkpoint *ckpt;  /* what the weights are read from */
    mv_checkpoint *owned; /* ckpt, where it is not the model's own; or NULL */
    const char *prefix;   /* borrowed */
    int n_users;
    mv_mimi_encoder_weights *weights; /* NULL without users */
};

marvis_status mv_shared_encoder_bind(marvis_model *model, mv_checkpoint *ckpt, bool owned,
                                     const char *prefix, marvis_error *err) {
    marvis_status status = MARVIS_OK;
    mv_shared_encoder *s = NULL;
    if (mv_mimi_has_encoder(model->mimi)) {
        s = mv_alloc(1, sizeof *s);
        status = s ? mv_lock_create(&s->lock, err)
                   : mv_fail_memory(err, sizeof *s, "the codec's encoder");
    }
    if (status != MARVIS_OK || !s) {
        mv_free(s);
        if (owned) mv_checkpoint_close(&ckpt);
        return status;
    }
    s->ckpt = ckpt;
    s->owned = owned ? ckpt : NULL;
    s->prefix = prefix;
    model->encoder = s;
    return MARVIS_OK;
}

void mv_shared_encoder_destroy(mv_shared_encoder **shared) {
    mv_shared_encoder *s = *shared;
    if (!s) return;
    mv_mimi_encoder_unload(&s->weights);
    mv_checkpoint_close(&s->owned);
    mv_lock_destroy(&s->lock);
    mv_free(s);
    *shared = NULL;
}

static marvis_status acquire(const marvis_model *model, const mv_mimi_encoder_weights **weights,
                             marvis_error *err) {
    mv_shared_encoder *s = model->encoder;
    marvis_status status = MARVIS_OK;
    mv_lock_enter(s->lock);
    if (!s->weights)
        status = mv_mimi_encoder_load(s->ckpt, s->prefix, model->mimi, &s->weights, err);
    if (status == MARVIS_OK) s->n_users++;
    *weights = s->weights;
    mv_lock_leave(s->lock);
    return status;
}

static void release(const marvis_model *model) {
    mv_shared_encoder *s = model->encoder;
    mv_lock_enter(s->lock);
    if (--s->n_users == 0) mv_mimi_encoder_unload(&s->weights);
    mv_lock_leave(s->lock);
}

/* ---- encoders ------------------------------------------------------------------------------- */

struct marvis_encoder {
    const marvis_model *model; /* borrowed */
    mv_mimi_encoder *mimi;     /* owned */
    bool has_weights;
};

int marvis_model_has_encoder(const marvis_model *model) { return model->encoder != NULL; }

static marvis_status check_call(const marvis_model *model, int sample_rate, int n_codebooks,
                                marvis_error *err) {
    if (!model->mimi) return mv_fail(err, MARVIS_ERR_CALL, "the model was opened without a codec");
    const mv_mimi_config *c = mv_mimi_config_of(model->mimi);
    if (n_codebooks < 0 || n_codebooks > c->n_codebooks)
        return mv_fail(err, MARVIS_ERR_CALL, "%d codebooks: this codec has 1 to %d", n_codebooks,
                       c->n_codebooks);
    if (sample_rate != c->sample_rate)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "audio at %d Hz: this codec takes %d Hz; convert it before", sample_rate,
                       c->sample_rate);
    if (!model->encoder)
        return mv_fail(err, MARVIS_ERR_UNSUPPORTED,
                       "%s: this Mimi has no encoder, it only decodes; give a codec file with one",
                       model->codec_source);
    return MARVIS_OK;
}

marvis_status marvis_encoder_create(const marvis_model *model, int sample_rate, int n_codebooks,
                                    marvis_encoder **encoder, marvis_error *err) {
    *encoder = NULL;
    MV_TRY(check_call(model, sample_rate, n_codebooks, err));
    if (n_codebooks == 0) n_codebooks = mv_mimi_config_of(model->mimi)->n_codebooks;
    marvis_encoder *e = mv_alloc(1, sizeof *e);
    if (!e) return mv_fail_memory(err, sizeof *e, "the encoder");
    e->model = model;
    const mv_mimi_encoder_weights *weights;
    marvis_status status = acquire(model, &weights, err);
    e->has_weights = status == MARVIS_OK;
    if (status == MARVIS_OK)
        status =
            mv_mimi_encoder_create(model->mimi, weights, n_codebooks, CHUNK_FRAMES, &e->mimi, err);
    if (status != MARVIS_OK) {
        marvis_encoder_destroy(&e);
        return status;
    }
    *encoder = e;
    return MARVIS_OK;
}

void marvis_encoder_destroy(marvis_encoder **encoder) {
    if (!encoder || !*encoder) return;
    marvis_encoder *e = *encoder;
    mv_mimi_encoder_destroy(&e->mimi);
    if (e->has_weights) release(e->model);
    mv_free(e);
    *encoder = NULL;
}

void marvis_encoder_reset(marvis_encoder *encoder) { mv_mimi_encoder_reset(encoder->mimi); }

static marvis_status check_samples(const float *pcm, size_t n_samples, marvis_error *err) {
    for (size_t i = 0; i < n_samples; i++) {
        if (fabsf(pcm[i]) <= MAX_SAMPLE) continue;
        if (isnan(pcm[i]))
            return mv_fail(err, MARVIS_ERR_INPUT, "sample %zu of the audio is not a number", i);
        return mv_fail(err, MARVIS_ERR_INPUT,
                       "sample %zu of the audio is %g; samples lie between -1 and 1", i,
                       (double)pcm[i]);
    }
    return MARVIS_OK;
}

marvis_status marvis_encoder_encode(marvis_encoder *encoder, const float *pcm, size_t n_samples,
                                    int32_t *codes, size_t *n_frames, marvis_error *err) {
    *n_frames = 0;
    MV_TRY(check_samples(pcm, n_samples, err));
    *n_frames = mv_mimi_encode(encoder->mimi, &encoder->model->engine->exec, pcm, n_samples, codes);
    return MARVIS_OK;
}

size_t marvis_encoder_flush(marvis_encoder *encoder, int32_t *codes) {
    return mv_mimi_encode_flush(encoder->mimi, &encoder->model->engine->exec, codes);
}

marvis_status marvis_model_encode(const marvis_model *model, const float *pcm, size_t n_samples,
                                  int sample_rate, int n_codebooks, int32_t **codes,
                                  size_t *n_frames, marvis_error *err) {
    *codes = NULL;
    *n_frames = 0;
    if (n_samples == 0) return mv_fail(err, MARVIS_ERR_INPUT, "the audio has no samples");
    MV_TRY(check_samples(pcm, n_samples, err));
    marvis_encoder *encoder;
    MV_TRY(marvis_encoder_create(model, sample_rate, n_codebooks, &encoder, err));
    const mv_mimi_config *c = mv_mimi_config_of(model->mimi);
    const size_t frame = (size_t)mv_mimi_frame_samples(c);
    const size_t width = (size_t)(n_codebooks ? n_codebooks : c->n_codebooks);
    const size_t n = n_samples / frame + (n_samples % frame != 0);
    int32_t *rows = mv_alloc(n, width * sizeof *rows);
    if (!rows) {
        marvis_encoder_destroy(&encoder);
        return mv_fail_memory(err, n * width * sizeof *rows, "the codes");
    }
    const mv_exec *exec = &model->engine->exec;
    const size_t n_whole = mv_mimi_encode(encoder->mimi, exec, pcm, n_samples, rows);
    if (n_whole < n) (void)mv_mimi_encode_flush(encoder->mimi, exec, rows + n_whole * width);
    marvis_encoder_destroy(&encoder);
    *codes = rows;
    *n_frames = n;
    return MARVIS_OK;
}
