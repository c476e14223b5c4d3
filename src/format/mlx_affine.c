/* mlx_affine.c - see mlx_affine.h. Eight elements of b bits are exactly b bytes for every b, so
 * that 3, 5 and 6 bits need no case of their own. */
#include "format/mlx_affine.h"

#include <string.h>

/* The 8 elements in the `bits` bytes at packed. */
static void unpack_8(uint8_t *q, const uint8_t *packed, int bits) {
    uint64_t stream = 0;
    for (int i = bits - 1; i >= 0; i--)
        stream = stream << 8 | packed[i];
    uint64_t mask = (UINT64_C(1) << bits) - 1;
    for (int i = 0; i < 8; i++)
        q[i] = (uint8_t)(stream >> (i * bits) & mask);
}

void mv_mlx_unpack_row(uint8_t *q, const uint8_t *packed, size_t n, int bits) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8, packed += bits)
        unpack_8(q + i, packed, bits);
    if (i < n) { /* n*bits is a multiple of 32: only with 8 bits can n be no multiple of 8 */
        memcpy(q + i, packed, n - i);
    }
}

void mv_mlx_dequantize_row(float *dst, const uint8_t *packed, const float *scales,
                           const float *biases, size_t n, int group, int bits) {
    uint8_t q[32];
    for (size_t i = 0; i < n; i += sizeof q, packed += 4 * bits) {
        float scale = scales[i / (size_t)group], bias = biases[i / (size_t)group];
        mv_mlx_unpack_row(q, packed, sizeof q, bits);
        for (size_t j = 0; j < sizeof q; j++)
            dst[i + j] = scale * (float)q[j] + bias;
    }
}
