/* blocks.h - rows of weights in blocks of 32 columns as GGUF files hold them, and rows of int8 with
 * one scale: sizes, to f32 and from f32 by the plain rule (the largest magnitude decides the
 * scale). Bytes may lie at any alignment, f16 in the machine's byte order. Source of the formats:
 * the GGUF specification, types 8, 2 and 3. */
#ifndef MV_KERNELS_BLOCKS_H
#define MV_KERNELS_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

enum { MV_BLOCK = 32 }; /* columns of a block; rows are whole blocks */

typedef enum mv_block_format {
    MV_BLOCKS_Q8_0, /* 34 bytes: f16 d; int8 q[32]                            value d*q */
    MV_BLOCKS_Q4_0, /* 18 bytes: f16 d; 16 bytes, byte j = element j in the low four bits, j + 16 in
                       the high ones                                          value d*(q - 8) */
    MV_BLOCKS_Q4_1, /* 20 bytes: f16 d, f16 m; 16 bytes likewise              value d*q + m */
    MV_N_BLOCK_FORMATS
} mv_block_format;

/* 34, 18, 20 */
size_t mv_block_bytes(mv_block_format format);

/* One row of n values, n a multiple of 32, from n/32 blocks at src: exact but for the rounding of
 * the product and the sum to f32, in this order. */
void mv_blocks_to_f32(float *dst, mv_block_format format, const void *src, size_t n);

/* The other way, each q the one nearest to the value under the f16 scale that is stored. Q8_0: d =
 * max|x| / 127, |q| <= 127. Q4_0: d = x / -8 of the x of the largest magnitude. Q4_1: m the
 * smallest, d = (largest - m) / 15. A scale or min too large for f16 (values beyond 65504 in Q4_1,
 * 520000 in Q4_0, 8 million in Q8_0), or a value that is not finite, gives one that is not finite.
 */
void mv_blocks_from_f32(void *dst, mv_block_format format, const float *src, size_t n);

/* One row of int8: q in -127..127 nearest to x / *scale, *scale = max|x| / 127. 0 for a row of
 * zeros. Not finite when a value is not. */
void mv_int8_from_f32(int8_t *q, float *scale, const float *src, size_t n);

#endif
