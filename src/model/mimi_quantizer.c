/* mimi_quantizer.c - see mimi_quantizer.h. The split residual quantiser of moshi
 * quantization/vq.py: out_first(sum of the semantic rows) + out_rest(sum of the others). */
#include "model/mimi_quantizer.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

marvis_status mv_mimi_check_codes(const mv_mimi *mimi, const int32_t *codes, size_t n_frames,
                                  int n_codebooks, marvis_error *err) {
    const mv_mimi_config *c = &mimi->config;
    if (n_codebooks < 1 || n_codebooks > c->n_codebooks)
        return mv_fail(err, MARVIS_ERR_INPUT, "%d codebooks given; this codec has %d", n_codebooks,
                       c->n_codebooks);
    for (size_t t = 0; t < n_frames; t++)
        for (int k = 0; k < n_codebooks; k++) {
            int32_t code = codes[t * (size_t)n_codebooks + (size_t)k];
            if (code < 0 || code >= c->codebook_size)
                return mv_fail(err, MARVIS_ERR_INPUT,
                               "frame %zu, codebook %d: code %d is not in 0..%d", t, k, (int)code,
                               c->codebook_size - 1);
        }
    return MARVIS_OK;
}

void mv_mimi_dequantize(const mv_mimi *mimi, const mv_exec *exec, const int32_t *codes, size_t n,
                        int n_codebooks, float *sums, float *latents) {
    const mv_mimi_config *c = &mimi->config;
    const size_t dim = (size_t)c->codebook_dim, latent = (size_t)c->latent;
    memset(sums, 0, n * 2 * dim * sizeof(float));
    for (size_t t = 0; t < n; t++)
        for (int k = 0; k < n_codebooks; k++) {
            const int32_t code = codes[t * (size_t)n_codebooks + (size_t)k];
            assert(code >= 0 && code < c->codebook_size);
            const float *row = mimi->tables[k] + (size_t)code * dim;
            float *sum = sums + (2 * t + (k >= c->n_semantic)) * dim;
            for (size_t i = 0; i < dim; i++)
                sum[i] += row[i];
        }
    /* Both projections and their sum are one product with [first | rest]. */
    mv_linear(exec, &mimi->project, sums, 2 * dim, n, latents, latent);
}

/* ---- the search ---- */

typedef struct codebook {
    const float *rows;                   /* [size][dim] */
    const float *half_squares, *lengths; /* [size] */
    size_t size, dim;
} codebook;

/* |x - row|^2 in double. */
static double square_distance(const float *x, const float *row, size_t dim) {
    double sum = 0;
    for (size_t i = 0; i < dim; i++) {
        const double d = (double)x[i] - (double)row[i];
        sum += d * d;
    }
    return sum;
}

/* The nearest row to x, given its products with all of them. |x - e|^2 / 2 is |e|^2/2 - x.e and a
 * constant; in f32 that is off by at most `slack`: (dim + 4) roundings of terms that together are
 * at most |x||e|, and two of |e|^2/2, doubled. Rows that this cannot tell apart are compared
 * exactly. */
static int32_t nearest(const codebook *book, const float *x, const float *dots) {
    double square = 0;
    for (size_t i = 0; i < book->dim; i++)
        square += (double)x[i] * (double)x[i];
    const float per_length = (float)(book->dim + 4) * FLT_EPSILON * (float)sqrt(square);
    float limit = INFINITY;
    for (size_t r = 0; r < book->size; r++) {
        const float half = book->half_squares[r];
        const float slack = per_length * book->lengths[r] + 2 * FLT_EPSILON * half;
        const float above = half - dots[r] + slack;
        limit = above < limit ? above : limit;
    }
    size_t best = 0;
    double best_distance = -1; /* of the only candidate so far, not needed yet */
    bool found = false;
    for (size_t r = 0; r < book->size; r++) {
        const float half = book->half_squares[r];
        const float slack = per_length * book->lengths[r] + 2 * FLT_EPSILON * half;
        if (!(half - dots[r] - slack <= limit)) continue;
        if (!found) {
            best = r;
            found = true;
            continue;
        }
        if (best_distance < 0)
            best_distance = square_distance(x, book->rows + best * book->dim, book->dim);
        const double distance = square_distance(x, book->rows + r * book->dim, book->dim);
        if (distance < best_distance) {
            best = r;
            best_distance = distance;
        }
    }
    return (int32_t)best;
}

typedef struct search_job {
    codebook book;
    float *residuals; /* of this quantiser, rows of `stride` floats */
    size_t stride;
    const float *dots; /* [n][size] */
    int32_t *codes;    /* of this level, `n_codebooks` apart */
    size_t n, n_codebooks;
} search_job;

static void search_rows(void *ctx, int part, int n_parts) {
    const search_job *job = ctx;
    const codebook *book = &job->book;
    size_t begin, end;
    mv_share(job->n, 1, part, n_parts, &begin, &end);
    for (size_t t = begin; t < end; t++) {
        float *x = job->residuals + t * job->stride;
        const int32_t code = nearest(book, x, job->dots + t * book->size);
        const float *row = book->rows + (size_t)code * book->dim;
        for (size_t i = 0; i < book->dim; i++)
            x[i] -= row[i];
        job->codes[t * job->n_codebooks] = code;
    }
}

void mv_mimi_quantize(const mv_mimi *mimi, const mv_mimi_encoder_weights *weights,
                      const mv_exec *exec, const float *latents, size_t n, int n_codebooks,
                      float *residuals, float *dots, int32_t *codes) {
    const mv_mimi_config *c = &mimi->config;
    const size_t dim = (size_t)c->codebook_dim, size = (size_t)c->codebook_size;
    mv_linear(exec, &weights->project, latents, (size_t)c->latent, n, residuals, 2 * dim);
    for (int k = 0; k < n_codebooks; k++) {
        const size_t first = (size_t)k * size;
        const mv_matrix rows = {.type = MV_W_F32,
                                .n_rows = size,
                                .n_cols = dim,
                                .row_bytes = dim * sizeof(float),
                                .data = mimi->tables[k]};
        search_job job = {.book = {mimi->tables[k], weights->half_squares + first,
                                   weights->lengths + first, size, dim},
                          .residuals = residuals + (k < c->n_semantic ? 0 : dim),
                          .stride = 2 * dim,
                          .dots = dots,
                          .codes = codes + k,
                          .n = n,
                          .n_codebooks = (size_t)n_codebooks};
        mv_linear(exec, &rows, job.residuals, 2 * dim, n, dots, size);
        mv_pool_run(exec->pool, search_rows, &job);
    }
}
