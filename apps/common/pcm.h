/* pcm.h - samples as the model makes them (float, nominally -1..1) to samples as files hold them.
 */
#ifndef APPS_COMMON_PCM_H
#define APPS_COMMON_PCM_H

#include <stddef.h>
#include <stdint.h>

/* Clamps to -1..1; what is not a number becomes silence. in and out may be the same. */
void pcm_clamp(const float *in, float *out, size_t n);

/* Clamped, scaled by 32767 and rounded to nearest; 2 little-endian bytes a sample. */
void pcm_to_s16le(const float *in, uint8_t *out, size_t n);

/* As pcm_to_s16le, in the machine's own numbers. */
void pcm_to_s16(const float *in, int16_t *out, size_t n);

/* Clamped, 4 little-endian bytes a sample. */
void pcm_to_f32le(const float *in, uint8_t *out, size_t n);

#endif
