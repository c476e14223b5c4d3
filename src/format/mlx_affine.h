/* mlx_affine.h - MLX's affine quantisation: value = scale * q + bias per group of columns, q packed
 * as a little-endian bit stream per row (mlx quantize; spec of the packing in docs/MODEL.md). */
#ifndef MV_FORMAT_MLX_AFFINE_H
#define MV_FORMAT_MLX_AFFINE_H

#include <stddef.h>
#include <stdint.h>

/* q[i] of one row, i < n: element k occupies bits [k*bits, (k+1)*bits) counted from bit 0 of
 * byte 0. packed holds n*bits/8 bytes; n*bits is a multiple of 32. bits: 2, 3, 4, 5, 6, 8. */
void mv_mlx_unpack_row(uint8_t *q, const uint8_t *packed, size_t n, int bits);

/* One row to f32: scales, biases f32 [n/group]; n a multiple of group, group of 32. */
void mv_mlx_dequantize_row(float *dst, const uint8_t *packed, const float *scales,
                           const float *biases, size_t n, int group, int bits);

#endif
