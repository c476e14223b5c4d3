/* mimi_decoder.c - the streaming decoder: dequantise, upsample to the transformer's rate,
 * transformer, SEANet. Order of layers: moshi models/compression.py and modules/seanet.py.
 *
 * A call goes through in chunks of at most max_frames frames. Every layer keeps its own past, and
 * all buffers are made at creation. Three are shared by the SEANet layers in turn: x  the input of
 * the next convolution, behind room for its left context; u  the output of the last upsampling,
 * kept for the skip connection; h  the inner signal of the residual block. */
#include "base/memory.h"
#include "model/mimi_quantizer.h"
#include "model/mimi_transformer.h"

#include <assert.h>
#include <string.h>

/* Longer calls are cut to this, so that a large max_frames does not cost memory: 1.3 s of Mimi. */
enum { MAX_CHUNK_FRAMES = 16 };

struct mv_mimi_decoder {
    const mv_mimi *mimi; /* borrowed */
    int n_codebooks;
    size_t max_frames, frame_samples;
    mv_mimi_stream stream;
    float *states; /* [n_states] left contexts: upsample, then the convolutions in order; owned */
    size_t n_states;
    float *sums;   /* [max_frames][2*codebook_dim] owned */
    float *frames; /* [left + max_frames][latent], input of upsample; owned */
    float *x, *u, *h;
    float *tap; /* borrowed, or NULL */
};

/* Largest use of each buffer, in floats. */
typedef struct buffer_sizes {
    size_t states, x, u, h;
} buffer_sizes;

/* Counts a convolution that reads n_in steps of x (or, in_x 0, of h). */
static void count_conv(buffer_sizes *sizes, const mv_conv *conv, size_t n_in, int in_x) {
    const size_t left = mv_conv_left(conv) * (size_t)conv->in;
    const size_t in = left + n_in * (size_t)conv->in;
    sizes->states += left;
    if (in_x && in > sizes->x) sizes->x = in;
    if (!in_x && in > sizes->h) sizes->h = in;
}

/* The sizes are bounded by mv_mimi_config_check: at most 2^20 samples a frame, 16 frames, 2^12
 * filters and contexts of at most 2^10 steps fit 64 bits, and mv_alloc refuses what memory lacks.
 */
static buffer_sizes count_buffers(const mv_mimi *mimi, size_t max_frames) {
    const mv_mimi_config *c = &mimi->config;
    buffer_sizes sizes = {.states = mv_convtr_dw_left(&mimi->upsample) * (size_t)c->latent};
    size_t n = max_frames * (size_t)c->upsample_stride;
    count_conv(&sizes, &mimi->first, n, 1);
    sizes.u = n * (size_t)mimi->first.out;
    for (int i = 0; i < c->n_ratios; i++) {
        const mv_mimi_stage *stage = &mimi->stages[i];
        count_conv(&sizes, &stage->up, n, 1);
        if (n * (size_t)stage->up.out > sizes.u) sizes.u = n * (size_t)stage->up.out;
        n *= (size_t)c->ratios[i];
        count_conv(&sizes, &stage->narrow, n, 1);
        count_conv(&sizes, &stage->widen, n, 0);
    }
    count_conv(&sizes, &mimi->last, n, 1);
    return sizes;
}

static marvis_status alloc_floats(float **p, size_t n, marvis_error *err) {
    *p = mv_alloc(n, sizeof(float));
    return *p ? MARVIS_OK : mv_fail_memory(err, n * sizeof(float), "the codec's decoder");
}

marvis_status mv_mimi_decoder_create(const mv_mimi *mimi, int n_codebooks, int max_frames,
                                     mv_mimi_decoder **decoder, marvis_error *err) {
    const mv_mimi_config *c = &mimi->config;
    marvis_status status;
    *decoder = NULL;
    if (n_codebooks < 1 || n_codebooks > c->n_codebooks)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "a decoder for %d codebooks was asked for; this codec has 1..%d",
                       n_codebooks, c->n_codebooks);
    if (max_frames < 1)
        return mv_fail(err, MARVIS_ERR_CALL, "a decoder for chunks of %d frames was asked for",
                       max_frames);
    if (max_frames > MAX_CHUNK_FRAMES) max_frames = MAX_CHUNK_FRAMES;
    mv_mimi_decoder *d = mv_alloc(1, sizeof *d);
    if (!d) return mv_fail_memory(err, sizeof *d, "the codec's decoder");
    d->mimi = mimi;
    d->n_codebooks = n_codebooks;
    d->max_frames = (size_t)max_frames;
    d->frame_samples = (size_t)mv_mimi_frame_samples(c);
    const size_t latent = (size_t)c->latent;
    const size_t left = mv_convtr_dw_left(&mimi->upsample);
    const buffer_sizes sizes = count_buffers(mimi, d->max_frames);
    d->n_states = sizes.states;
    MV_TRY_GOTO(mv_mimi_stream_init(&d->stream, mimi, max_frames * c->upsample_stride, err));
    MV_TRY_GOTO(alloc_floats(&d->states, sizes.states, err));
    MV_TRY_GOTO(alloc_floats(&d->sums, d->max_frames * 2 * (size_t)c->codebook_dim, err));
    MV_TRY_GOTO(alloc_floats(&d->frames, (left + d->max_frames) * latent, err));
    MV_TRY_GOTO(alloc_floats(&d->x, sizes.x, err));
    MV_TRY_GOTO(alloc_floats(&d->u, sizes.u, err));
    MV_TRY_GOTO(alloc_floats(&d->h, sizes.h, err));
    *decoder = d;
    return MARVIS_OK;
fail:
    mv_mimi_decoder_destroy(&d);
    return status;
}

void mv_mimi_decoder_destroy(mv_mimi_decoder **decoder) {
    mv_mimi_decoder *d = *decoder;
    if (!d) return;
    mv_mimi_stream_deinit(&d->stream);
    mv_free(d->states);
    mv_free(d->sums);
    mv_free(d->frames);
    mv_free(d->x);
    mv_free(d->u);
    mv_free(d->h);
    mv_free(d);
    *decoder = NULL;
}

void mv_mimi_decoder_reset(mv_mimi_decoder *d) {
    memset(d->states, 0, d->n_states * sizeof(float));
    mv_mimi_stream_reset(&d->stream);
    d->tap = NULL;
}

void mv_mimi_decoder_tap(mv_mimi_decoder *d, float *latents) { d->tap = latents; }

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

/* SEANet: x holds n latents behind the first convolution's room; n * product(ratios) samples to
 * pcm. */
static void run_seanet(mv_mimi_decoder *d, const mv_exec *exec, float *state, size_t n,
                       float *pcm) {
    const mv_mimi *mimi = d->mimi;
    const int n_stages = mimi->config.n_ratios;
    step(exec, &mimi->first, &state, d->x, n, d->u);
    mv_conv_finish(exec, &mimi->first, d->u, NULL, n, NULL, body(&mimi->stages[0].up, d->x));
    for (int i = 0; i < n_stages; i++) {
        const mv_mimi_stage *stage = &mimi->stages[i];
        const mv_conv *next = i + 1 < n_stages ? &mimi->stages[i + 1].up : &mimi->last;
        step(exec, &stage->up, &state, d->x, n, d->u);
        mv_conv_finish(exec, &stage->up, d->u, NULL, n, d->u, body(&stage->narrow, d->x));
        n *= (size_t)mimi->config.ratios[i];
        step(exec, &stage->narrow, &state, d->x, n, d->h);
        mv_conv_finish(exec, &stage->narrow, d->h, NULL, n, NULL, d->h);
        float *out = body(next, d->x);
        step(exec, &stage->widen, &state, d->h, n, out);
        mv_conv_finish(exec, &stage->widen, out, d->u, n, NULL, out);
    }
    step(exec, &mimi->last, &state, d->x, n, pcm);
    mv_conv_finish(exec, &mimi->last, pcm, NULL, n, pcm, NULL);
    assert(state == d->states + d->n_states);
}

/* Codes of n <= max_frames frames to latents, which are left where SEANet reads them. */
static void make_latents(mv_mimi_decoder *d, const mv_exec *exec, const int32_t *codes, size_t n) {
    const mv_mimi *mimi = d->mimi;
    const size_t left = mv_convtr_dw_left(&mimi->upsample) * (size_t)mimi->config.latent;
    float *x = body(&mimi->first, d->x);
    mv_mimi_dequantize(mimi, exec, codes, n, d->n_codebooks, d->sums, d->frames + left);
    mv_convtr_dw_step(&mimi->upsample, d->states, d->frames, n, x);
    mv_mimi_stream_run(&d->stream, exec, x, n * (size_t)mimi->config.upsample_stride);
}

static void decode_chunk(mv_mimi_decoder *d, const mv_exec *exec, const int32_t *codes, size_t n,
                         float *pcm) {
    const mv_mimi *mimi = d->mimi;
    const size_t latent = (size_t)mimi->config.latent;
    const size_t left = mv_convtr_dw_left(&mimi->upsample) * latent;
    const size_t n_steps = n * (size_t)mimi->config.upsample_stride;
    make_latents(d, exec, codes, n);
    if (d->tap) {
        memcpy(d->tap, body(&mimi->first, d->x), n_steps * latent * sizeof(float));
        d->tap += n_steps * latent;
    }
    run_seanet(d, exec, d->states + left, n_steps, pcm);
}

void mv_mimi_decode(mv_mimi_decoder *d, const mv_exec *exec, const int32_t *codes, size_t n_frames,
                    float *pcm) {
    for (size_t done = 0; done < n_frames;) {
        const size_t rest = n_frames - done, n = rest < d->max_frames ? rest : d->max_frames;
        decode_chunk(d, exec, codes + done * (size_t)d->n_codebooks, n,
                     pcm + done * d->frame_samples);
        done += n;
    }
    d->tap = NULL;
}

/* How many of the last latents the pasts of SEANet's layers depend on, counted from the output
 * back: each layer's past is `left` of its own inputs, which the layers before it must have made.
 */
static size_t seanet_reach(const mv_mimi *mimi) {
    size_t n = mv_conv_left(&mimi->last);
    for (int i = mimi->config.n_ratios; i-- > 0;) {
        const mv_mimi_stage *stage = &mimi->stages[i];
        const size_t ratio = (size_t)mimi->config.ratios[i];
        n += mv_conv_left(&stage->narrow) + mv_conv_left(&stage->widen);
        n = (n + ratio - 1) / ratio + mv_conv_left(&stage->up);
    }
    return n + mv_conv_left(&mimi->first);
}

void mv_mimi_decoder_prime(mv_mimi_decoder *d, const mv_exec *exec, const int32_t *codes,
                           size_t n_frames) {
    const size_t stride = (size_t)d->mimi->config.upsample_stride;
    const size_t left = mv_convtr_dw_left(&d->mimi->upsample) * (size_t)d->mimi->config.latent;
    const size_t reach = (seanet_reach(d->mimi) + stride - 1) / stride; /* in frames */
    const size_t silent = n_frames > reach ? n_frames - reach : 0;
    for (size_t done = 0; done < n_frames;) {
        const size_t rest = (done < silent ? silent : n_frames) - done;
        const size_t n = rest < d->max_frames ? rest : d->max_frames;
        make_latents(d, exec, codes + done * (size_t)d->n_codebooks, n);
        /* u is free by the time the samples are made, and has room for them */
        if (done >= silent) run_seanet(d, exec, d->states + left, n * stride, d->u);
        done += n;
    }
}
