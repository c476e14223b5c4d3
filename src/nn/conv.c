/* conv.c - see conv.h: packing of SEANet's weights, one chunk of a stream, and the pass that
 * follows (bias, skip connection, ELU). */
#include "nn/conv.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

/* Below this many values a pass is not worth waking the other threads. */
enum { POOL_MIN_VALUES = 8192 };

/* An owned f32 matrix, not filled. */
static marvis_status matrix_alloc(mv_matrix *m, size_t n_rows, size_t n_cols, marvis_error *err) {
    size_t n;
    if (!mv_mul_size(n_rows, n_cols, &n)) return mv_fail_memory(err, SIZE_MAX, "a convolution");
    float *values = mv_alloc_raw(n, sizeof(float));
    if (!values) return mv_fail_memory(err, n * sizeof(float), "a convolution");
    *m = (mv_matrix){.type = MV_W_F32,
                     .n_rows = n_rows,
                     .n_cols = n_cols,
                     .row_bytes = n_cols * sizeof(float),
                     .data = values,
                     .owned = values};
    return MARVIS_OK;
}

/* The bias of `out` channels, `repeat` times in a row; NULL stays NULL. */
static marvis_status bias_alloc(float **dst, const float *bias, size_t out, size_t repeat,
                                marvis_error *err) {
    *dst = NULL;
    if (!bias) return MARVIS_OK;
    float *values = mv_alloc(out * repeat, sizeof(float));
    if (!values) return mv_fail_memory(err, out * repeat * sizeof(float), "a bias");
    for (size_t i = 0; i < repeat; i++)
        memcpy(values + i * out, bias, out * sizeof(float));
    *dst = values;
    return MARVIS_OK;
}

static marvis_status tile(mv_conv *conv, marvis_error *err) {
    marvis_status status = mv_matrix_tile(&conv->w, err);
    if (status != MARVIS_OK) mv_conv_deinit(conv);
    return status;
}

marvis_status mv_conv_init(mv_conv *conv, const float *weight, const float *bias, int in, int out,
                           int kernel, int stride, marvis_error *err) {
    assert(in > 0 && out > 0 && stride > 0 && kernel >= stride);
    *conv = (mv_conv){.in = in, .out = out, .kernel = kernel, .stride = stride};
    const size_t ni = (size_t)in, no = (size_t)out, nk = (size_t)kernel;
    MV_TRY(matrix_alloc(&conv->w, no, nk * ni, err));
    marvis_status status = bias_alloc(&conv->bias, bias, no, 1, err);
    if (status != MARVIS_OK) {
        mv_conv_deinit(conv);
        return status;
    }
    float *w = conv->w.owned;
    for (size_t o = 0; o < no; o++)
        for (size_t i = 0; i < ni; i++)
            for (size_t k = 0; k < nk; k++)
                w[(o * nk + k) * ni + i] = weight[(o * ni + i) * nk + k];
    return tile(conv, err);
}

marvis_status mv_conv_init_transposed(mv_conv *conv, const float *weight, const float *bias, int in,
                                      int out, int kernel, int stride, marvis_error *err) {
    assert(in > 0 && out > 0 && stride > 0 && kernel >= stride);
    const int steps = (kernel + stride - 1) / stride; /* inputs that one output depends on */
    *conv = (mv_conv){.in = in, .out = stride * out, .kernel = steps, .stride = 1};
    const size_t ni = (size_t)in, no = (size_t)out, nk = (size_t)kernel, ns = (size_t)stride;
    const size_t m = (size_t)steps;
    MV_TRY(matrix_alloc(&conv->w, ns * no, m * ni, err));
    marvis_status status = bias_alloc(&conv->bias, bias, no, ns, err);
    if (status != MARVIS_OK) {
        mv_conv_deinit(conv);
        return status;
    }
    /* Input t - d reaches output t*s + j through tap d*s + j; taps past the kernel stay 0. Channel
     * by channel of the output, so that the packing reads whole taps and writes along rows. */
    float *w = conv->w.owned;
    if (nk != m * ns) memset(w, 0, ns * no * m * ni * sizeof *w);
    for (size_t o = 0; o < no; o++)
        for (size_t i = 0; i < ni; i++)
            for (size_t tap = 0; tap < nk; tap++) {
                size_t j = tap % ns, d = tap / ns;
                w[((j * no + o) * m + (m - 1 - d)) * ni + i] = weight[(i * no + o) * nk + tap];
            }
    return tile(conv, err);
}

marvis_status mv_convtr_dw_init(mv_convtr_dw *conv, const float *weight, int channels, int kernel,
                                int stride, marvis_error *err) {
    assert(channels > 0 && stride > 0 && kernel >= stride);
    *conv = (mv_convtr_dw){.channels = channels, .kernel = kernel, .stride = stride};
    const size_t nc = (size_t)channels, nk = (size_t)kernel;
    conv->w = mv_alloc(nc * nk, sizeof(float));
    if (!conv->w) return mv_fail_memory(err, nc * nk * sizeof(float), "a convolution");
    for (size_t c = 0; c < nc; c++)
        for (size_t k = 0; k < nk; k++)
            conv->w[k * nc + c] = weight[c * nk + k];
    return MARVIS_OK;
}

void mv_conv_deinit(mv_conv *conv) {
    mv_matrix_deinit(&conv->w);
    mv_free(conv->bias);
    *conv = (mv_conv){0};
}

void mv_convtr_dw_deinit(mv_convtr_dw *conv) {
    mv_free(conv->w);
    *conv = (mv_convtr_dw){0};
}

size_t mv_conv_left(const mv_conv *conv) { return (size_t)(conv->kernel - conv->stride); }

size_t mv_convtr_dw_left(const mv_convtr_dw *conv) {
    return (size_t)((conv->kernel + conv->stride - 1) / conv->stride - 1);
}

/* Puts the stream's past in front of the chunk, and keeps the last rows of both together for the
 * next one (a chunk may be shorter than `left`). */
static void carry_left(float *state, float *x, size_t left, size_t n_in, size_t channels) {
    if (!left) return;
    memcpy(x, state, left * channels * sizeof(float));
    memcpy(state, x + n_in * channels, left * channels * sizeof(float));
}

void mv_conv_step(const mv_exec *exec, const mv_conv *conv, float *state, float *x, size_t n_in,
                  float *y) {
    const size_t in = (size_t)conv->in, out = (size_t)conv->out, stride = (size_t)conv->stride;
    assert(n_in % stride == 0);
    carry_left(state, x, mv_conv_left(conv), n_in, in);
    mv_linear(exec, &conv->w, x, stride * in, n_in / stride, y, out);
}

typedef struct finish_job {
    const mv_kernels *kernels;
    const float *bias, *y, *skip; /* bias [width]; y, skip [n][width] */
    float *sum, *act;             /* [n][width] */
    size_t n, width;
} finish_job;

/* Row by row, so that a value's place in the ELU kernel's loop never depends on the chunk. */
static void finish_rows(void *ctx, int part, int n_parts) {
    const finish_job *job = ctx;
    const size_t width = job->width;
    size_t begin, end;
    mv_share(job->n, 1, part, n_parts, &begin, &end);
    for (size_t r = begin; r < end; r++) {
        const float *y = job->y + r * width;
        const float *skip = job->skip ? job->skip + r * width : NULL;
        float *v = (job->sum ? job->sum : job->act) + r * width;
        for (size_t i = 0; i < width; i++) {
            float value = job->bias ? y[i] + job->bias[i] : y[i];
            v[i] = skip ? skip[i] + value : value;
        }
        if (job->act) job->kernels->elu(job->act + r * width, v, width);
    }
}

void mv_conv_finish(const mv_exec *exec, const mv_conv *conv, const float *y, const float *skip,
                    size_t n, float *sum, float *act) {
    assert(sum || act);
    finish_job job = {exec->kernels, conv->bias, y, skip, sum, act, n, (size_t)conv->out};
    if (n * job.width < POOL_MIN_VALUES)
        finish_rows(&job, 0, 1);
    else
        mv_pool_run(exec->pool, finish_rows, &job);
}

void mv_convtr_dw_step(const mv_convtr_dw *conv, float *state, float *x, size_t n_in, float *y) {
    const size_t nc = (size_t)conv->channels, stride = (size_t)conv->stride;
    const size_t kernel = (size_t)conv->kernel, left = mv_convtr_dw_left(conv);
    carry_left(state, x, left, n_in, nc);
    for (size_t t = 0; t < n_in; t++)
        for (size_t j = 0; j < stride; j++, y += nc) {
            memset(y, 0, nc * sizeof(float));
            for (size_t d = left + 1; d-- > 0;) { /* oldest input first */
                if (d * stride + j >= kernel) continue;
                const float *w = conv->w + (d * stride + j) * nc, *in = x + (left + t - d) * nc;
                for (size_t c = 0; c < nc; c++)
                    y[c] += w[c] * in[c];
            }
        }
}
