/* mimi.h - Kyutai's Mimi codec: configuration, weights, and the streaming decoder (12.5 Hz codes to
 * 24 kHz audio). The encoder, its weights included, is mimi_encoder.h's.
 * References: kyutai moshi models/compression.py, transformers MimiModel; docs/MODEL.md. */
#ifndef MV_MODEL_MIMI_H
#define MV_MODEL_MIMI_H

#include "format/checkpoint.h"
#include "nn/linear.h"

#define MV_MIMI_MAX_RATIOS 8

typedef struct mv_mimi_config {
    int sample_rate;                          /* 24000 */
    int latent;                               /* hidden_size 512 */
    int n_filters;                            /* 64 */
    int kernel, last_kernel, residual_kernel; /* 7, 3, 3 */
    int compress;                             /* 2 */
    int n_ratios;
    int ratios[MV_MIMI_MAX_RATIOS];             /* decoder order: 8, 6, 5, 4 */
    int n_layers, n_heads, head_dim, mlp_width; /* 8, 8, 64, 2048 */
    int window;                                 /* 250 steps */
    double rope_theta;                          /* 10000 */
    float norm_eps;                             /* 1e-5 */
    int codebook_size, codebook_dim;            /* 2048, 256 */
    int n_codebooks, n_semantic;                /* 32, 1 */
    int upsample_stride;                        /* 2: 25 Hz / 12.5 Hz */
} mv_mimi_config;

/* Mimi's published numbers. */
void mv_mimi_config_init(mv_mimi_config *config);

/* Samples per code frame: product of ratios * upsample_stride; 1920. */
int mv_mimi_frame_samples(const mv_mimi_config *config);

typedef struct mv_mimi mv_mimi;

/* Loads Mimi from ckpt: names begin with `prefix` ("codec_model." or ""), in moshi's or
 * transformers' naming (told apart by names), with the old spellings too. Every number of `config`
 * must be that of the file, and every tensor of a codec under the prefix (csm_layout.h) is taken
 * and shape-checked: one that is missing, extra or of another shape is ERR_TENSOR. Only the
 * codebooks' "initialized" may be there or not. Other tensors are left to mv_checkpoint_finish. The
 * encoder's tensors (checked, not read) may be absent only all together: such a codec decodes.
 * Weights become f32; the mapped file may be closed afterwards. */
MV_CHECK marvis_status mv_mimi_load(mv_checkpoint *ckpt, const char *prefix,
                                    const mv_mimi_config *config, mv_mimi **mimi,
                                    marvis_error *err);
void mv_mimi_destroy(mv_mimi **mimi);
const mv_mimi_config *mv_mimi_config_of(const mv_mimi *mimi);
size_t mv_mimi_bytes(const mv_mimi *mimi); /* memory of the weights */

/* True when a tensor name set looks like Mimi under the prefix. */
bool mv_mimi_detect(const mv_checkpoint *ckpt, const char *prefix);

typedef struct mv_mimi_decoder mv_mimi_decoder;

/* A streaming decoder for the first n_codebooks codebooks (1..config.n_codebooks), in calls of at
 * most max_frames frames (more are split inside). mimi must outlive it. */
MV_CHECK marvis_status mv_mimi_decoder_create(const mv_mimi *mimi, int n_codebooks, int max_frames,
                                              mv_mimi_decoder **decoder, marvis_error *err);
void mv_mimi_decoder_destroy(mv_mimi_decoder **decoder);
void mv_mimi_decoder_reset(mv_mimi_decoder *decoder);

/* codes [n_frames][n_codebooks] to pcm [n_frames * frame_samples]. Codes must be checked by
 * mv_mimi_check_codes before. Allocates nothing; chunks of any size give the same samples. */
void mv_mimi_decode(mv_mimi_decoder *decoder, const mv_exec *exec, const int32_t *codes,
                    size_t n_frames, float *pcm);

/* Brings a new or reset decoder into the state, bit for bit, that it has after decoding these
 * codes, for less: the transformer runs over all of them, SEANet, which is most of the work, over
 * the last few alone, as its layers look no further back. */
void mv_mimi_decoder_prime(mv_mimi_decoder *decoder, const mv_exec *exec, const int32_t *codes,
                           size_t n_frames);

/* ERR_INPUT names frame, codebook and code when one is not in 0..codebook_size-1. */
MV_CHECK marvis_status mv_mimi_check_codes(const mv_mimi *mimi, const int32_t *codes,
                                           size_t n_frames, int n_codebooks, marvis_error *err);

/* The latents (output of the decoder transformer, [n_frames*upsample_stride][latent]) of the decode
 * that follows are also written there; for tests against the reference. NULL: off. */
void mv_mimi_decoder_tap(mv_mimi_decoder *decoder, float *latents);

#endif
