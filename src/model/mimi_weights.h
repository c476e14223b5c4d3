/* mimi_weights.h - Mimi's weights as the codec's own files see them: filled by mimi_load*.c, read
 * by the transformer, the quantiser, the decoder and the encoder. All f32, read-only after loading.
 */
#ifndef MV_MODEL_MIMI_WEIGHTS_H
#define MV_MODEL_MIMI_WEIGHTS_H

#include "model/mimi.h"
#include "nn/conv.h"

/* A pre-norm transformer block with LayerScale. A = n_heads * head_dim. */
typedef struct mv_mimi_block {
    float *norm1_weight, *norm1_bias, *norm2_weight, *norm2_bias; /* [latent] owned */
    float *scale1, *scale2;                                       /* [latent] owned */
    mv_matrix qkv;                                                /* [3*A][latent] */
    mv_matrix out;                                                /* [latent][A] */
    mv_matrix fc1, fc2;                                           /* [mlp][latent], [latent][mlp] */
} mv_mimi_block;

/* One upsampling stage of the SEANet decoder: ELU, up, then x + widen(ELU(narrow(ELU(x)))). */
typedef struct mv_mimi_stage {
    mv_conv up;     /* transposed, kernel 2*ratio, stride ratio, channels c to c/2 */
    mv_conv narrow; /* residual_kernel, c/2 to c/2/compress */
    mv_conv widen;  /* kernel 1, back to c/2 */
} mv_mimi_stage;

struct mv_mimi {
    mv_mimi_config config;
    int rope_interleaved; /* 1: moshi's rows; 0: transformers' q and k, permuted to half-split */
    bool has_encoder;     /* in the file; its weights are read apart (mimi_encoder.h) */

    /* Quantiser: finished rows, embedding_sum / max(cluster_usage, 1e-5). */
    float **tables; /* [n_codebooks] of [codebook_size][codebook_dim], owned */
    mv_matrix
        project; /* [latent][2*codebook_dim]: columns of the first, then of the rest's output */

    mv_convtr_dw upsample;
    mv_mimi_block *blocks; /* [n_layers] owned */
    mv_conv first;         /* latent to n_filters << n_ratios */
    mv_mimi_stage stages[MV_MIMI_MAX_RATIOS];
    mv_conv last; /* n_filters to 1 */
};

/* One downsampling stage of the SEANet encoder: x + widen(ELU(narrow(ELU(x)))), ELU, down. */
typedef struct mv_mimi_down_stage {
    mv_conv narrow; /* residual_kernel, c to c/compress */
    mv_conv widen;  /* kernel 1, back to c */
    mv_conv down;   /* kernel 2*ratio, stride ratio, channels c to 2*c */
} mv_mimi_down_stage;

/* The encoder's half, of the same file as the mv_mimi that it is used with. */
struct mv_mimi_encoder_weights {
    mv_conv first;                                 /* 1 to n_filters */
    mv_mimi_down_stage stages[MV_MIMI_MAX_RATIOS]; /* ratios backwards: 4, 5, 6, 8 */
    mv_conv last;                                  /* n_filters << n_ratios to latent */
    mv_mimi_block *blocks;                         /* [n_layers] owned */
    mv_conv downsample;                            /* kernel 2*stride, no bias */
    mv_matrix project; /* [2*codebook_dim][latent]: rows of the first, then of the rest's input */

    /* Of each row e of the codebooks: |e|^2 / 2 and |e|, [n_codebooks][codebook_size], owned */
    float *half_squares, *lengths;
    int n_ratios, n_layers; /* for the end of it */
};

void mv_mimi_block_deinit(mv_mimi_block *block); /* zeroes are allowed */

/* ERR_CONFIG unless every number can be that of a Mimi. */
MV_CHECK marvis_status mv_mimi_config_check(const mv_mimi_config *config, marvis_error *err);

#endif
