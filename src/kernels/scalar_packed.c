/* scalar_packed.c - products with packed weights of kernels.h read plainly: one row, one column of
 * the batch, one block after the other. */
#include "kernels/convert.h"
#include "kernels/packed.h"
#include "kernels/tiers.h"

#include <math.h>
#include <string.h>

static void quantize_block(int8_t *q, mv_xblock *block, const float *x) {
    float largest = 0;
    bool finite = true;
    for (size_t i = 0; i < MV_BLOCK; i++) {
        if (!isfinite(x[i])) finite = false;
        if (fabsf(x[i]) > largest) largest = fabsf(x[i]);
    }
    memset(q, 0, MV_BLOCK);
    *block = (mv_xblock){0};
    if (!finite) block->scale = block->scaled_sum = NAN;
    if (!finite || largest < 0x1p-100f) return;
    float inv = 127 / largest;
    for (size_t i = 0; i < MV_BLOCK; i++) {
        q[i] = (int8_t)rintf(x[i] * inv);
        block->sum += q[i];
    }
    block->scale = largest / 127;
    block->scaled_sum = block->scale * (float)block->sum;
}

void mv_quantize_scalar(int8_t *q, mv_xblock *blocks, const float *x, size_t n) {
    for (size_t b = 0; b < n / MV_BLOCK; b++)
        quantize_block(q + b * MV_BLOCK, &blocks[b], x + b * MV_BLOCK);
}

static float f16_at(const uint8_t *at, size_t lane) {
    uint16_t h;
    memcpy(&h, at + 2 * lane, sizeof h);
    return mv_f16_to_f32(h);
}

/* Integer c of a row's block at data, whose first byte is the row's. */
static int weight_at(mv_wtype type, const uint8_t *data, size_t c) {
    if (!mv_packed_is_4_bit(type))
        return (int8_t)data[c / 4 * MV_LINE_BYTES + c % 4] + (type == MV_W_Q8A ? 128 : 0);
    size_t k = c % 16;
    int both = data[k / 4 * MV_LINE_BYTES + k % 4];
    return (c < 16 ? both & 15 : both >> 4) - (type == MV_W_Q4 ? 8 : 0);
}

static float row_product(mv_wtype type, const uint8_t *tile, size_t lane, size_t n_cols,
                         const int8_t *q, const mv_xblock *blocks) {
    float acc = 0;
    for (size_t b = 0; b < n_cols / MV_BLOCK; b++) {
        const uint8_t *data = tile + mv_packed_data_at(type, b) + 4 * lane;
        int dot = 0;
        for (size_t c = 0; c < MV_BLOCK; c++)
            dot += weight_at(type, data, c) * q[b * MV_BLOCK + c];
        float scale = blocks[b].scale;
        if (type != MV_W_I8) scale *= f16_at(tile + mv_packed_scales_at(type, b), lane);
        acc = fmaf((float)dot, scale, acc);
        if (mv_packed_has_mins(type))
            acc = fmaf(f16_at(tile + mv_packed_mins_at(type, b), lane), blocks[b].scaled_sum, acc);
    }
    if (type != MV_W_I8) return acc;
    float row_scale;
    memcpy(&row_scale, tile + 4 * lane, sizeof row_scale);
    return acc * row_scale;
}

static void matmul(mv_wtype type, float *y, size_t ldy, const void *w, size_t n_rows, size_t n_cols,
                   const int8_t *q, const mv_xblock *blocks, size_t n_batch) {
    const size_t tile_bytes = mv_packed_tile_bytes(type, n_cols);
    for (size_t r = 0; r < n_rows; r++) {
        const uint8_t *tile = (const uint8_t *)w + r / MV_TILE_ROWS * tile_bytes;
        for (size_t b = 0; b < n_batch; b++)
            y[b * ldy + r] = row_product(type, tile, r % MV_TILE_ROWS, n_cols, q + b * n_cols,
                                         blocks + b * (n_cols / MV_BLOCK));
    }
}

#define DEFINE_PACKED(name, type)                                                                  \
    void mv_packed_##name##_scalar(float *y, size_t ldy, const void *w, size_t n_rows,             \
                                   size_t n_cols, const int8_t *q, const mv_xblock *blocks,        \
                                   size_t n_batch) {                                               \
        matmul(type, y, ldy, w, n_rows, n_cols, q, blocks, n_batch);                               \
    }

DEFINE_PACKED(i8, MV_W_I8)
DEFINE_PACKED(q8, MV_W_Q8)
DEFINE_PACKED(q8a, MV_W_Q8A)
DEFINE_PACKED(q4, MV_W_Q4)
DEFINE_PACKED(q4a, MV_W_Q4A)
