/* mimi_encoder.c - see mimi_encoder.h. SEANet, transformer, downsampling to the frame rate,
 * quantiser: moshi models/compression.py and modules/seanet.py.
 *
 * Samples wait in a buffer until they make a frame; frames go through in chunks of at most
 * max_frames. Every layer keeps its own past, and all buffers are made at creation. Three are
 * shared by the SEANet layers in turn: x  the input of the next convolution, behind room for its
 * left context; u  the input of the residual block, kept for its skip connection; h  its inner
 * signal. */
#include "model/mimi_encoder.h"

#include "base/memory.h"
#include "model/mimi_quantizer.h"
#include "model/mimi_transformer.h"

#include <assert.h>
#include <string.h>

/* Longer calls are cut to this. A frame of Mimi takes 1.3 MB of the buffers. */
enum { MAX_CHUNK_FRAMES = 16 };

struct mv_mimi_encoder {
    const mv_mimi *mimi;              /* borrowed */
    const mv_mimi_encoder_weights *w; /* borrowed */
    int n_codebooks;
    size_t max_frames, frame_samples;
    size_t n_pending; /* samples in pcm that await their frame's end */
    bool started;     /* the downsampling has its past */
    mv_mimi_stream stream;
    float *states; /* [n_states] left contexts of the convolutions in order; owned */
    size_t n_states;
    float *pcm;       /* [left + max_frames*frame_samples], input of the first; owned */
    float *x, *u, *h; /* owned */
    float *steps;     /* [left + max_frames*stride][latent], input of the downsampling; owned */
    float *latents;   /* [max_frames][latent] owned */
    float *residuals; /* [max_frames][2*codebook_dim] owned */
    float *dots;      /* [max_frames][codebook_size] owned */
    float *tap_steps, *tap_latents; /* borrowed, or NULL */
};

/* Largest use of each buffer, in floats. */
typedef struct buffer_sizes {
    size_t states, x, u, h;
} buffer_sizes;

/* Counts a convolution that reads n_in steps; returns the floats of its input with its past. */
static size_t count_conv(buffer_sizes *sizes, const mv_conv *conv, size_t n_in) {
    const size_t left = mv_conv_left(conv) * (size_t)conv->in;
    sizes->states += left;
    return left + n_in * (size_t)conv->in;
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

/* Bounded as the decoder's sizes are, by mv_mimi_config_check. */
static buffer_sizes count_buffers(const mv_mimi *mimi, const mv_mimi_encoder_weights *w,
                                  size_t max_frames) {
    const mv_mimi_config *c = &mimi->config;
    buffer_sizes sizes = {0};
    size_t n = max_frames * (size_t)mv_mimi_frame_samples(c);
    count_conv(&sizes, &w->first, n);
    sizes.u = n * (size_t)w->first.out;
    for (int i = 0; i < c->n_ratios; i++) {
        const mv_mimi_down_stage *stage = &w->stages[i];
        sizes.x = larger(sizes.x, count_conv(&sizes, &stage->narrow, n));
        sizes.h = larger(sizes.h, count_conv(&sizes, &stage->widen, n));
        sizes.x = larger(sizes.x, count_conv(&sizes, &stage->down, n));
        n /= (size_t)stage->down.stride;
        sizes.u = larger(sizes.u, n * (size_t)stage->down.out);
    }
    sizes.x = larger(sizes.x, count_conv(&sizes, &w->last, n));
    count_conv(&sizes, &w->downsample, n);
    return sizes;
}

static marvis_status alloc_floats(float **p, size_t n, marvis_error *err) {
    *p = mv_alloc(n, sizeof(float));
    return *p ? MARVIS_OK : mv_fail_memory(err, n * sizeof(float), "the codec's encoder");
}

static marvis_status alloc_buffers(mv_mimi_encoder *e, marvis_error *err) {
    const mv_mimi_config *c = &e->mimi->config;
    const size_t n = e->max_frames, latent = (size_t)c->latent;
    const size_t n_steps = n * (size_t)c->upsample_stride;
    const buffer_sizes sizes = count_buffers(e->mimi, e->w, n);
    e->n_states = sizes.states;
    MV_TRY(mv_mimi_stream_init(&e->stream, e->mimi, (int)n_steps, err));
    e->stream.blocks = e->w->blocks; /* of the decoder's shapes */
    MV_TRY(alloc_floats(&e->states, sizes.states, err));
    MV_TRY(alloc_floats(&e->pcm, mv_conv_left(&e->w->first) + n * e->frame_samples, err));
    MV_TRY(alloc_floats(&e->x, sizes.x, err));
    MV_TRY(alloc_floats(&e->u, sizes.u, err));
    MV_TRY(alloc_floats(&e->h, sizes.h, err));
    MV_TRY(alloc_floats(&e->steps, (mv_conv_left(&e->w->downsample) + n_steps) * latent, err));
    MV_TRY(alloc_floats(&e->latents, n * latent, err));
    MV_TRY(alloc_floats(&e->residuals, n * 2 * (size_t)c->codebook_dim, err));
    return alloc_floats(&e->dots, n * (size_t)c->codebook_size, err);
}

marvis_status mv_mimi_encoder_create(const mv_mimi *mimi, const mv_mimi_encoder_weights *weights,
                                     int n_codebooks, int max_frames, mv_mimi_encoder **encoder,
                                     marvis_error *err) {
    const mv_mimi_config *c = &mimi->config;
    *encoder = NULL;
    if (n_codebooks < 1 || n_codebooks > c->n_codebooks)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "an encoder for %d codebooks was asked for; this codec has 1..%d",
                       n_codebooks, c->n_codebooks);
    if (max_frames < 1)
        return mv_fail(err, MARVIS_ERR_CALL, "an encoder for chunks of %d frames was asked for",
                       max_frames);
    mv_mimi_encoder *e = mv_alloc(1, sizeof *e);
    if (!e) return mv_fail_memory(err, sizeof *e, "the codec's encoder");
    e->mimi = mimi;
    e->w = weights;
    e->n_codebooks = n_codebooks;
    e->max_frames = (size_t)(max_frames < MAX_CHUNK_FRAMES ? max_frames : MAX_CHUNK_FRAMES);
    e->frame_samples = (size_t)mv_mimi_frame_samples(c);
    marvis_status status = alloc_buffers(e, err);
    if (status != MARVIS_OK) {
        mv_mimi_encoder_destroy(&e);
        return status;
    }
    *encoder = e;
    return MARVIS_OK;
}

void mv_mimi_encoder_destroy(mv_mimi_encoder **encoder) {
    mv_mimi_encoder *e = *encoder;
    if (!e) return;
    mv_mimi_stream_deinit(&e->stream);
    mv_free(e->states);
    mv_free(e->pcm);
    mv_free(e->x);
    mv_free(e->u);
    mv_free(e->h);
    mv_free(e->steps);
    mv_free(e->latents);
    mv_free(e->residuals);
    mv_free(e->dots);
    mv_free(e);
    *encoder = NULL;
}

void mv_mimi_encoder_reset(mv_mimi_encoder *e) {
    memset(e->states, 0, e->n_states * sizeof(float));
    mv_mimi_stream_reset(&e->stream);
    e->n_pending = 0;
    e->started = false;
    e->tap_steps = e->tap_latents = NULL;
}

void mv_mimi_encoder_tap(mv_mimi_encoder *e, float *steps, float *latents) {
    e->tap_steps = steps;
    e->tap_latents = latents;
}

/* Where a chunk for this convolution begins in its buffer. */
static float *body(const mv_conv *conv, float *buffer) {
    return buffer + mv_conv_left(conv) * (size_t)conv->in;
}

/* One step, with the states taken from the list in the order of the layers. */
static void step(const mv_exec *exec, const mv_conv *conv, float **state, float *x, size_t n_in,
                 float *y) {
    mv_conv_step(exec, conv, *state, x, n_in, y);
    *state += mv_conv_left(conv) * (size_t)conv->in;
}

/* SEANet: n samples of pcm to latents at the transformer's rate, behind the downsampling's room in
 * steps. Returns how many there are. */
static size_t run_seanet(mv_mimi_encoder *e, const mv_exec *exec, float **state, size_t n) {
    const mv_mimi_encoder_weights *w = e->w;
    const int n_stages = e->mimi->config.n_ratios;
    step(exec, &w->first, state, e->pcm, n, e->u);
    mv_conv_finish(exec, &w->first, e->u, NULL, n, e->u, body(&w->stages[0].narrow, e->x));
    for (int i = 0; i < n_stages; i++) {
        const mv_mimi_down_stage *stage = &w->stages[i];
        const mv_conv *next = i + 1 < n_stages ? &w->stages[i + 1].narrow : &w->last;
        step(exec, &stage->narrow, state, e->x, n, e->h);
        mv_conv_finish(exec, &stage->narrow, e->h, NULL, n, NULL, e->h);
        float *wide = body(&stage->down, e->x);
        step(exec, &stage->widen, state, e->h, n, wide);
        mv_conv_finish(exec, &stage->widen, wide, e->u, n, NULL, wide);
        step(exec, &stage->down, state, e->x, n, e->u);
        n /= (size_t)stage->down.stride;
        mv_conv_finish(exec, &stage->down, e->u, NULL, n, e->u, body(next, e->x));
    }
    float *out = body(&w->downsample, e->steps);
    step(exec, &w->last, state, e->x, n, out);
    mv_conv_finish(exec, &w->last, out, NULL, n, out, NULL);
    return n;
}

/* n frames of samples at the head of the buffer to codes. */
static void encode_chunk(mv_mimi_encoder *e, const mv_exec *exec, size_t n, int32_t *codes) {
    const mv_conv *down = &e->w->downsample;
    const size_t latent = (size_t)e->mimi->config.latent, left = mv_conv_left(down);
    float *state = e->states, *steps = body(down, e->steps);
    const size_t n_steps = run_seanet(e, exec, &state, n * e->frame_samples);
    mv_mimi_stream_run(&e->stream, exec, steps, n_steps);
    /* Before the first step stands the first step itself, where the other convolutions have 0. */
    for (size_t i = 0; !e->started && i < left; i++)
        memcpy(state + i * latent, steps, latent * sizeof(float));
    e->started = true;
    step(exec, down, &state, e->steps, n_steps, e->latents);
    assert(state == e->states + e->n_states);
    if (e->tap_steps) {
        memcpy(e->tap_steps, steps, n_steps * latent * sizeof(float));
        e->tap_steps += n_steps * latent;
    }
    if (e->tap_latents) {
        memcpy(e->tap_latents, e->latents, n * latent * sizeof(float));
        e->tap_latents += n * latent;
    }
    mv_mimi_quantize(e->mimi, e->w, exec, e->latents, n, e->n_codebooks, e->residuals, e->dots,
                     codes);
}

size_t mv_mimi_encode(mv_mimi_encoder *e, const mv_exec *exec, const float *pcm, size_t n_samples,
                      int32_t *codes) {
    const size_t capacity = e->max_frames * e->frame_samples;
    float *buffer = body(&e->w->first, e->pcm);
    size_t n_frames = 0;
    while (n_samples > 0) {
        const size_t room = capacity - e->n_pending, taken = n_samples < room ? n_samples : room;
        memcpy(buffer + e->n_pending, pcm, taken * sizeof(float));
        pcm += taken;
        n_samples -= taken;
        e->n_pending += taken;
        const size_t n = e->n_pending / e->frame_samples, used = n * e->frame_samples;
        if (n == 0) break;
        encode_chunk(e, exec, n, codes + n_frames * (size_t)e->n_codebooks);
        n_frames += n;
        e->n_pending -= used;
        memmove(buffer, buffer + used, e->n_pending * sizeof(float));
    }
    return n_frames;
}

size_t mv_mimi_encode_flush(mv_mimi_encoder *e, const mv_exec *exec, int32_t *codes) {
    const size_t n = e->n_pending > 0;
    if (n) {
        memset(body(&e->w->first, e->pcm) + e->n_pending, 0,
               (e->frame_samples - e->n_pending) * sizeof(float));
        encode_chunk(e, exec, n, codes);
    }
    mv_mimi_encoder_reset(e);
    return n;
}
