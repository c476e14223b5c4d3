/* mimi_encoder.h - Mimi's encoder: its weights, read apart from the decoder's because only who
 * encodes needs their memory, and the stream from 24 kHz audio to codes (12.5 Hz). */
#ifndef MV_MODEL_MIMI_ENCODER_H
#define MV_MODEL_MIMI_ENCODER_H

#include "model/mimi_weights.h"

typedef struct mv_mimi_encoder_weights mv_mimi_encoder_weights;

/* Whether the file that mimi was loaded from has an encoder. */
bool mv_mimi_has_encoder(const mv_mimi *mimi);

/* Reads the encoder's weights from the checkpoint and prefix that mimi was loaded from. Weights
 * become f32; the mapped file may be closed afterwards. ERR_TENSOR: something is missing, or of
 * another shape. Changes ckpt's account of its tensors: one thread at a time. */
MV_CHECK marvis_status mv_mimi_encoder_load(mv_checkpoint *ckpt, const char *prefix,
                                            const mv_mimi *mimi, mv_mimi_encoder_weights **weights,
                                            marvis_error *err);
void mv_mimi_encoder_unload(mv_mimi_encoder_weights **weights); /* NULL is allowed */

typedef struct mv_mimi_encoder mv_mimi_encoder;

/* A streaming encoder to the first n_codebooks codebooks (1..config.n_codebooks), which works on at
 * most max_frames frames at a time (longer calls are split inside). mimi and weights must outlive
 * it. Its memory does not grow with the audio. */
MV_CHECK marvis_status mv_mimi_encoder_create(const mv_mimi *mimi,
                                              const mv_mimi_encoder_weights *weights,
                                              int n_codebooks, int max_frames,
                                              mv_mimi_encoder **encoder, marvis_error *err);
void mv_mimi_encoder_destroy(mv_mimi_encoder **encoder);
void mv_mimi_encoder_reset(mv_mimi_encoder *encoder); /* to the start of a stream; the tap goes */

/* Takes n_samples more samples, any number of finite ones, and writes the codes of each frame that
 * they complete, [n_frames][n_codebooks]; returns n_frames, at most n_samples / frame_samples + 1.
 * The rest waits for the next call. Calls of any size give the same codes. Allocates nothing. */
size_t mv_mimi_encode(mv_mimi_encoder *encoder, const mv_exec *exec, const float *pcm,
                      size_t n_samples, int32_t *codes);

/* The end of the audio: completes a frame that has begun with zeros, as moshi pads a waveform.
 * Returns 1 when there was one, else 0. The encoder is then at the start of a stream. */
size_t mv_mimi_encode_flush(mv_mimi_encoder *encoder, const mv_exec *exec, int32_t *codes);

/* Until the next reset or flush, what the quantiser sees, [n_frames][latent], is also written to
 * latents, and what the transformer makes of SEANet's output, [n_frames*upsample_stride][latent],
 * to steps; either may be NULL. For tests. */
void mv_mimi_encoder_tap(mv_mimi_encoder *encoder, float *steps, float *latents);

#endif
