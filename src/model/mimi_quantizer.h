/* mimi_quantizer.h - codes to latents: rows of the codebooks summed within each of the two residual
 * quantisers, then projected. */
#ifndef MV_MODEL_MIMI_QUANTIZER_H
#define MV_MODEL_MIMI_QUANTIZER_H

#include "model/mimi_weights.h"

/* codes [n][n_codebooks], all in range, to latents [n][latent]. sums: scratch [n][2*codebook_dim].
 */
void mv_mimi_dequantize(const mv_mimi *mimi, const mv_exec *exec, const int32_t *codes, size_t n,
                        int n_codebooks, float *sums, float *latents);

#endif
