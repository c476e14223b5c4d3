/* mimi_quantizer.c - see mimi_quantizer.h. The split residual quantiser of moshi
 * quantization/vq.py: out_first(sum of the semantic rows) + out_rest(sum of the others). */
#include "model/mimi_quantizer.h"

#include <assert.h>
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
