/* quantize.h - rows of f32 to the quantised formats of GGUF files, with scales that are searched
 * for: those whose values lie closest to the row, each column counting by its weight, and never
 * further from it than what the largest magnitude alone would give (kernels/blocks.h). */
#ifndef MV_FORMAT_QUANTIZE_H
#define MV_FORMAT_QUANTIZE_H

#include "format/tensor.h"

/* One row of n values, n a multiple of 32, to blocks of a type (Q8_0, Q4_0, Q4_1) at dst, any
 * alignment. weights [n], >= 0, or NULL: all alike. Minimises the sum of weights[i] * (x[i] -
 * y[i])^2 in each block. False where a value is not finite, or too large for an f16 scale. */
bool mv_quantize_blocks(uint8_t *dst, mv_dtype type, const float *x, const float *weights,
                        size_t n);

/* One row to int8 (-127..127) with one scale; n >= 1 of any value. False as above. */
bool mv_quantize_int8(int8_t *dst, float *scale, const float *x, const float *weights, size_t n);

#endif
