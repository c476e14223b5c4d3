/* simd_packed.h - the products with packed weights of kernels.h over the vector operations of one
 * tier. A file includes its vec_<tier>.h, defines what follows, then includes this:
 *
 *  - MV_PACKED_SUFFIX of the functions' names; TILE_BATCH columns of the batch at a time, with them
 *    GROUPS_BATCHED groups of LANES rows;
 *  - ivec of LANES int32; ivec_set1, ivec_add; x4(q): 4 activations in every lane; vec_from_int:
 *    exact below 2^24;
 *  - w8_load, w8_dot: 4 weights of 8 bits a lane, and acc + their products with an x4; RAW_BIAS:
 *    what each weight is larger by in these products than its int8;
 *  - w4, w4_low, w4_high: likewise from the halves of the bytes; nacc, nacc_zero, w4_dot, nacc_sum:
 *    for sums of 8 such products;
 *  - largest_bits, round_block: see quantize.
 *
 * Integers are exact, so only the float steps have an order: per value, block after block. A batch
 * of one reads each line once and fetches 4 KB ahead in the one stream of addresses; a larger one
 * goes over a tile, which stays in the nearest cache, for every TILE_BATCH columns. */
#include "kernels/packed.h"
#include "kernels/tiers.h"
#include "kernels/unroll.h"

#include <math.h>
#include <string.h>

#define NAME(kernel) MV_TIER_JOIN(kernel, MV_PACKED_SUFFIX)

enum {
    GROUPS = MV_TILE_ROWS / LANES, /* of a tile */
    GROUP_BYTES = 4 * LANES,       /* of a group in a line of data */
    AHEAD = 4096
};

/* Of one product: the operands that stay the same. */
typedef struct operands {
    const uint8_t *tile;
    const int8_t *q; /* the first column of the batch */
    const mv_xblock *x;
    size_t n_blocks;
} operands;

/* What the integer sums begin with, for each unit of a block's sum of activations. */
INLINE int zero_point(mv_wtype type) {
    if (mv_packed_is_4_bit(type)) return type == MV_W_Q4 ? -8 : 0;
    return (type == MV_W_Q8A ? 128 : 0) - RAW_BIAS;
}

/* dots[b*n_g + g] += weights of a block times activations, 8 bits. */
INLINE void dots_8(size_t n_g, size_t n_b, ivec *dots, const uint8_t *data, const int8_t *q,
                   size_t ldq, bool ahead) {
    UNROLL for (size_t k = 0; k < 8; k++) {
        if (ahead) vec_prefetch((uintptr_t)data + k * MV_LINE_BYTES + AHEAD);
        UNROLL for (size_t g = 0; g < n_g; g++) {
            w8 w = w8_load(data + k * MV_LINE_BYTES + g * GROUP_BYTES);
            UNROLL for (size_t b = 0; b < n_b; b++) dots[b * n_g + g] =
                w8_dot(dots[b * n_g + g], w, x4(q + b * ldq + 4 * k));
        }
    }
}

INLINE void dots_4(size_t n_g, size_t n_b, ivec *dots, const uint8_t *data, const int8_t *q,
                   size_t ldq, bool ahead) {
    nacc sums[GROUPS * TILE_BATCH];
    UNROLL for (size_t i = 0; i < n_g * n_b; i++) sums[i] = nacc_zero();
    UNROLL for (size_t k = 0; k < 4; k++) {
        if (ahead) vec_prefetch((uintptr_t)data + k * MV_LINE_BYTES + AHEAD);
        UNROLL for (size_t g = 0; g < n_g; g++) {
            const uint8_t *bytes = data + k * MV_LINE_BYTES + g * GROUP_BYTES;
            w4 low = w4_low(bytes), high = w4_high(bytes);
            UNROLL for (size_t b = 0; b < n_b; b++) {
                nacc s = w4_dot(sums[b * n_g + g], low, x4(q + b * ldq + 4 * k));
                sums[b * n_g + g] = w4_dot(s, high, x4(q + b * ldq + 16 + 4 * k));
            }
        }
    }
    UNROLL for (size_t i = 0; i < n_g * n_b; i++) dots[i] = ivec_add(dots[i], nacc_sum(sums[i]));
}

/* acc[b*n_g + g] takes the step of block i: groups group.. of the tile, n_b columns. */
INLINE void add_block(mv_wtype type, size_t n_g, size_t n_b, vec *acc, const operands *o,
                      size_t group, size_t i, bool ahead) {
    const uint8_t *data = o->tile + mv_packed_data_at(type, i) + group * GROUP_BYTES;
    const uint8_t *scales = o->tile + mv_packed_scales_at(type, i) + group * 2 * LANES;
    const mv_xblock *x = o->x + i;
    const size_t ldq = o->n_blocks * MV_BLOCK;
    if (ahead && type != MV_W_I8 && i % 2 == 0) {
        vec_prefetch((uintptr_t)scales + AHEAD);
        if (mv_packed_has_mins(type)) vec_prefetch((uintptr_t)scales + MV_LINE_BYTES + AHEAD);
    }
    ivec dots[GROUPS * TILE_BATCH];
    UNROLL for (size_t b = 0; b < n_b; b++) {
        ivec begin = ivec_set1(zero_point(type) * x[b * o->n_blocks].sum);
        UNROLL for (size_t g = 0; g < n_g; g++) dots[b * n_g + g] = begin;
    }
    if (mv_packed_is_4_bit(type))
        dots_4(n_g, n_b, dots, data, o->q + i * MV_BLOCK, ldq, ahead);
    else
        dots_8(n_g, n_b, dots, data, o->q + i * MV_BLOCK, ldq, ahead);
    UNROLL for (size_t g = 0; g < n_g; g++) {
        vec scale = type == MV_W_I8 ? vec_zero() : vec_load_f16(scales + g * 2 * LANES);
        UNROLL for (size_t b = 0; b < n_b; b++) {
            vec xs = vec_set1(x[b * o->n_blocks].scale), *a = &acc[b * n_g + g];
            if (type != MV_W_I8) xs = vec_mul(scale, xs);
            *a = vec_fma(vec_from_int(dots[b * n_g + g]), xs, *a);
        }
        if (!mv_packed_has_mins(type)) continue;
        vec min = vec_load_f16(scales + MV_LINE_BYTES + g * 2 * LANES);
        UNROLL for (size_t b = 0; b < n_b; b++) acc[b * n_g + g] =
            vec_fma(min, vec_set1(x[b * o->n_blocks].scaled_sum), acc[b * n_g + g]);
    }
}

/* n_g groups of a tile, from `group` on, times n_b columns; n_rows of the tile's rows are there. */
INLINE void tile_product(mv_wtype type, size_t n_g, size_t n_b, float *y, size_t ldy,
                         const operands *o, size_t group, size_t n_rows, bool ahead) {
    vec acc[GROUPS * TILE_BATCH];
    UNROLL for (size_t i = 0; i < n_g * n_b; i++) acc[i] = vec_zero();
    for (size_t i = 0; i < o->n_blocks; i++)
        add_block(type, n_g, n_b, acc, o, group, i, ahead);
    UNROLL for (size_t g = 0; g < n_g; g++) {
        size_t row = (group + g) * LANES;
        if (row >= n_rows) break;
        vec scale = vec_zero();
        if (type == MV_W_I8) scale = vec_load((const float *)(const void *)o->tile + row);
        UNROLL for (size_t b = 0; b < n_b; b++) {
            vec v = acc[b * n_g + g];
            if (type == MV_W_I8) v = vec_mul(v, scale);
            if (n_rows - row >= LANES)
                vec_store(y + b * ldy + row, v);
            else
                vec_store_tail(y + b * ldy + row, v, n_rows - row);
        }
    }
}

INLINE void matmul(mv_wtype type, float *y, size_t ldy, const void *w, size_t n_rows, size_t n_cols,
                   const int8_t *q, const mv_xblock *blocks, size_t n_batch) {
    const size_t tile_bytes = mv_packed_tile_bytes(type, n_cols), n_blocks = n_cols / MV_BLOCK;
    for (size_t r = 0; r < n_rows; r += MV_TILE_ROWS) {
        const uint8_t *tile = (const uint8_t *)w + r / MV_TILE_ROWS * tile_bytes;
        const size_t n = n_rows - r < MV_TILE_ROWS ? n_rows - r : MV_TILE_ROWS;
        size_t b = 0;
        for (; b + TILE_BATCH <= n_batch; b += TILE_BATCH) {
            const operands o = {tile, q + b * n_cols, blocks + b * n_blocks, n_blocks};
            for (size_t g = 0; g < GROUPS; g += GROUPS_BATCHED)
                tile_product(type, GROUPS_BATCHED, TILE_BATCH, y + b * ldy + r, ldy, &o, g, n,
                             b == 0 && g == 0);
        }
        for (; b < n_batch; b++) {
            const operands o = {tile, q + b * n_cols, blocks + b * n_blocks, n_blocks};
            if (b == 0)
                tile_product(type, GROUPS, 1, y + b * ldy + r, ldy, &o, 0, n, true);
            else
                tile_product(type, GROUPS, 1, y + b * ldy + r, ldy, &o, 0, n, false);
        }
    }
}

#define DEFINE_PACKED(name, type)                                                                  \
    void NAME(packed_##name)(float *y, size_t ldy, const void *w, size_t n_rows, size_t n_cols,    \
                             const int8_t *q, const mv_xblock *blocks, size_t n_batch) {           \
        matmul(type, y, ldy, w, n_rows, n_cols, q, blocks, n_batch);                               \
    }

DEFINE_PACKED(i8, MV_W_I8)
DEFINE_PACKED(q8, MV_W_Q8)
DEFINE_PACKED(q8a, MV_W_Q8A)
DEFINE_PACKED(q4, MV_W_Q4)
DEFINE_PACKED(q4a, MV_W_Q4A)

/* largest_bits: the largest of the 32 magnitudes as the bits of a float, NaN above all.
 * round_block: stores x * inv, rounded, and returns the sum. */
void NAME(quantize)(int8_t *q, mv_xblock *blocks, const float *x, size_t n) {
    const uint32_t infinity = 0x7f800000;
    for (size_t b = 0; b < n / MV_BLOCK; b++, q += MV_BLOCK, x += MV_BLOCK) {
        uint32_t bits = largest_bits(x);
        float largest;
        memcpy(&largest, &bits, sizeof largest);
        if (bits >= infinity || largest < 0x1p-100f) {
            memset(q, 0, MV_BLOCK);
            blocks[b] = (mv_xblock){0};
            if (bits >= infinity) blocks[b].scale = blocks[b].scaled_sum = NAN;
            continue;
        }
        int32_t sum = round_block(q, x, 127 / largest);
        float scale = largest / 127;
        blocks[b] = (mv_xblock){scale, scale * (float)sum, sum};
    }
}
