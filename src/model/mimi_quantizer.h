/* mimi_quantizer.h - codes to latents: rows of the codebooks summed within each of the two residual
 * quantisers, then projected; and latents to codes: the nearest rows, level by level. */
#ifndef MV_MODEL_MIMI_QUANTIZER_H
#define MV_MODEL_MIMI_QUANTIZER_H

#include "model/mimi_encoder.h"

/* codes [n][n_codebooks], all in range, to latents [n][latent]. sums: scratch [n][2*codebook_dim].
 */
void mv_mimi_dequantize(const mv_mimi *mimi, const mv_exec *exec, const int32_t *codes, size_t n,
                        int n_codebooks, float *sums, float *latents);

/* latents [n][latent] to codes [n][n_codebooks]. Both quantisers see the latent itself. At each
 * level the row nearest to what is left by Euclidean distance, the lower code among equals, exact
 * for the given latents wherever rounding could decide. Latents that are not finite give codes in
 * range. residuals: scratch [n][2*codebook_dim]; dots: [n][codebook_size]. */
void mv_mimi_quantize(const mv_mimi *mimi, const mv_mimi_encoder_weights *weights,
                      const mv_exec *exec, const float *latents, size_t n, int n_codebooks,
                      float *residuals, float *dots, int32_t *codes);

#endif
