/* convert.h - number formats: f16 and bf16 to f32 (exact) and back (round to nearest even, NaN
 * stays NaN). Bytes may lie at any alignment. */
#ifndef MV_KERNELS_CONVERT_H
#define MV_KERNELS_CONVERT_H

#include "kernels/kernels.h"

#include <stddef.h>
#include <stdint.h>

float mv_f16_to_f32(uint16_t h);
float mv_bf16_to_f32(uint16_t h);
uint16_t mv_f32_to_f16(float f); /* beyond 65504: infinity */
uint16_t mv_f32_to_bf16(float f);

void mv_convert_f16_f32(float *dst, const void *src, size_t n);
void mv_convert_bf16_f32(float *dst, const void *src, size_t n);
void mv_convert_f32_bf16(uint16_t *dst, const float *src, size_t n);

/* n values of a float weight type as f32 */
void mv_widen(float *dst, mv_wtype type, const void *src, size_t n);

#endif
