/* packed.c - see packed.h. */
#include "kernels/packed.h"

#include "base/memory.h"
#include "kernels/convert.h"

#include <math.h>
#include <string.h>

bool mv_packed_bytes(mv_wtype type, size_t n_rows, size_t n_cols, size_t *bytes) {
    size_t tiles = n_rows / MV_TILE_ROWS + (n_rows % MV_TILE_ROWS != 0);
    return mv_mul_size(n_cols / MV_BLOCK + 1, mv_packed_pair_bytes(type), bytes) &&
           mv_mul_size(tiles, mv_packed_tile_bytes(type, n_cols), bytes);
}

/* The bytes of the tile that holds row r. */
static size_t tile_of(mv_wtype type, size_t n_cols, size_t r) {
    return r / MV_TILE_ROWS * mv_packed_tile_bytes(type, n_cols);
}

static void put_f16(uint8_t *at, size_t lane, uint16_t value) {
    memcpy(at + 2 * lane, &value, sizeof value);
}

static float get_f16(const uint8_t *at, size_t lane) {
    uint16_t h;
    memcpy(&h, at + 2 * lane, sizeof h);
    return mv_f16_to_f32(h);
}

static uint32_t get_word(const uint8_t *at) {
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

void mv_packed_put(void *packed, mv_wtype type, size_t n_cols, size_t r, const mv_packed_row *row) {
    uint8_t *tile = (uint8_t *)packed + tile_of(type, n_cols, r);
    const size_t lane = r % MV_TILE_ROWS;
    const size_t n_words = mv_packed_block_data(type) / MV_LINE_BYTES;
    if (type == MV_W_I8) memcpy(tile + 4 * lane, &row->scale, sizeof row->scale);
    /* zero point of the stored bytes: 0..255 is held as int8 */
    const uint32_t flip = type == MV_W_Q8A ? 0x80808080 : 0;
    for (size_t b = 0; b < n_cols / MV_BLOCK; b++) {
        const uint8_t *q = row->q + b * MV_BLOCK;
        uint8_t *data = tile + mv_packed_data_at(type, b) + 4 * lane;
        if (type != MV_W_I8) put_f16(tile + mv_packed_scales_at(type, b), lane, row->scales[b]);
        if (mv_packed_has_mins(type))
            put_f16(tile + mv_packed_mins_at(type, b), lane, row->mins[b]);
        for (size_t k = 0; k < n_words; k++) { /* four bytes at once: none carries over */
            uint32_t word = get_word(q + 4 * k) ^ flip;
            if (mv_packed_is_4_bit(type)) word |= get_word(q + MV_BLOCK / 2 + 4 * k) << 4;
            memcpy(data + k * MV_LINE_BYTES, &word, sizeof word);
        }
    }
}

/* The 32 integers of one block of a row, as they enter the products. */
static void get_integers(int *q, mv_wtype type, const uint8_t *data) {
    for (size_t c = 0; c < MV_BLOCK; c++) {
        size_t k = mv_packed_is_4_bit(type) ? c % (MV_BLOCK / 2) : c;
        uint8_t byte = data[k / 4 * MV_LINE_BYTES + k % 4];
        if (mv_packed_is_4_bit(type))
            q[c] = (c < MV_BLOCK / 2 ? byte & 15 : byte >> 4) - (type == MV_W_Q4 ? 8 : 0);
        else
            q[c] = (int8_t)byte + (type == MV_W_Q8A ? 128 : 0);
    }
}

void mv_packed_get(float *dst, mv_wtype type, const void *packed, size_t n_cols, size_t r) {
    const uint8_t *tile = (const uint8_t *)packed + tile_of(type, n_cols, r);
    size_t lane = r % MV_TILE_ROWS;
    float row_scale = 0;
    if (type == MV_W_I8) memcpy(&row_scale, tile + 4 * lane, sizeof row_scale);
    for (size_t b = 0; b < n_cols / MV_BLOCK; b++) {
        int q[MV_BLOCK];
        get_integers(q, type, tile + mv_packed_data_at(type, b) + 4 * lane);
        float scale =
            type == MV_W_I8 ? row_scale : get_f16(tile + mv_packed_scales_at(type, b), lane);
        for (size_t c = 0; c < MV_BLOCK; c++)
            dst[b * MV_BLOCK + c] = scale * (float)q[c];
        if (!mv_packed_has_mins(type)) continue;
        float min = get_f16(tile + mv_packed_mins_at(type, b), lane);
        for (size_t c = 0; c < MV_BLOCK; c++)
            dst[b * MV_BLOCK + c] += min;
    }
}

/* ---- rows ----------------------------------------------------------------------------------- */

mv_wtype mv_packed_type_of(mv_block_format format) {
    static const mv_wtype types[MV_N_BLOCK_FORMATS] = {MV_W_Q8, MV_W_Q4, MV_W_Q4A};
    return types[format];
}

mv_wtype mv_packed_equal(mv_wtype type) {
    return type < MV_W_ROWS_Q8_0 ? type
                                 : mv_packed_type_of((mv_block_format)(type - MV_W_ROWS_Q8_0));
}

void mv_packed_row_from_blocks(mv_packed_row *row, mv_block_format format, const void *src,
                               size_t n) {
    const uint8_t *block = src;
    for (size_t b = 0; b < n / MV_BLOCK; b++, block += mv_block_bytes(format)) {
        uint8_t *q = row->q + b * MV_BLOCK;
        memcpy(&row->scales[b], block, 2);
        if (format == MV_BLOCKS_Q8_0) {
            memcpy(q, block + 2, MV_BLOCK);
            continue;
        }
        if (format == MV_BLOCKS_Q4_1) memcpy(&row->mins[b], block + 2, 2);
        uint8_t halves[MV_BLOCK / 2]; /* a copy, which q cannot overlap: then this is vectorised */
        memcpy(halves, block + (format == MV_BLOCKS_Q4_1 ? 4 : 2), sizeof halves);
        for (size_t i = 0; i < MV_BLOCK / 2; i++) {
            q[i] = halves[i] & 15;
            q[i + MV_BLOCK / 2] = halves[i] >> 4;
        }
    }
}

/* A block of Q8A: as Q4_1, with 255 steps. */
static void affine_8(mv_packed_row *row, size_t b, const float *src) {
    float lowest = src[0], highest = src[0];
    for (size_t i = 0; i < MV_BLOCK; i++) {
        if (!isfinite(src[i])) lowest = NAN;
        if (src[i] < lowest) lowest = src[i];
        if (src[i] > highest) highest = src[i];
    }
    row->scales[b] = mv_f32_to_f16((highest - lowest) / 255);
    row->mins[b] = mv_f32_to_f16(lowest);
    float scale = mv_f16_to_f32(row->scales[b]), min = mv_f16_to_f32(row->mins[b]);
    for (size_t i = 0; i < MV_BLOCK; i++) {
        float v = scale > 0 ? (src[i] - min) / scale : 0;
        row->q[b * MV_BLOCK + i] = v > 0 ? v < 255 ? (uint8_t)rintf(v) : 255 : 0;
    }
}

void mv_packed_row_from_f32(mv_packed_row *row, mv_wtype type, const float *src, size_t n) {
    if (type == MV_W_I8) {
        mv_int8_from_f32((int8_t *)row->q, &row->scale, src, n);
        return;
    }
    mv_block_format format = type == MV_W_Q8   ? MV_BLOCKS_Q8_0
                             : type == MV_W_Q4 ? MV_BLOCKS_Q4_0
                                               : MV_BLOCKS_Q4_1;
    for (size_t b = 0; b < n / MV_BLOCK; b++) {
        if (type == MV_W_Q8A) {
            affine_8(row, b, src + b * MV_BLOCK);
            continue;
        }
        uint8_t block[34];
        mv_blocks_from_f32(block, format, src + b * MV_BLOCK, MV_BLOCK);
        mv_packed_row one = {
            .q = row->q + b * MV_BLOCK, .scales = row->scales + b, .mins = row->mins + b};
        mv_packed_row_from_blocks(&one, format, block, MV_BLOCK);
    }
}

bool mv_packed_row_is_finite(const mv_packed_row *row, mv_wtype type, size_t n_cols) {
    const uint16_t infinite = 0x7c00; /* exponent bits all set */
    if (type == MV_W_I8) return isfinite(row->scale);
    for (size_t b = 0; b < n_cols / MV_BLOCK; b++) {
        if ((row->scales[b] & infinite) == infinite) return false;
        if (mv_packed_has_mins(type) && (row->mins[b] & infinite) == infinite) return false;
    }
    return true;
}
