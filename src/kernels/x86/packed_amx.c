/* packed_amx.c - products of packed weights with many columns by AMX. The data of a block of 8 bits
 * are an operand of tdpbssd as they lie, 8 rows of 64 bytes; the other one is the block's 32
 * activations of up to 16 columns. The sums, int32, go through memory to the float steps, which are
 * AVX-512. Few columns and the quantising of activations are packed_vnni.c's. */
#include "kernels/packed.h"
#include "kernels/tiers.h"
#include "kernels/unroll.h"
#include "kernels/x86/vec_avx512.h"

#ifdef MV_SIMDE
#include "amx_emulation.h"
#elif !(defined(__AMX_TILE__) && defined(__AMX_INT8__)) && /* gcc and clang */                     \
    !(defined(__AMXTILE__) && defined(__AMXINT8__))        /* clang before 17 */
#error "compile with -mamx-tile -mamx-int8"
#endif
#include <assert.h>
#include <stdbool.h>

#ifndef MV_PACKED_SUFFIX
#define MV_PACKED_SUFFIX amx
#define MV_FEW_SUFFIX    vnni
#endif
#define NAME(kernel) MV_TIER_JOIN(kernel, MV_PACKED_SUFFIX)
#define FEW(kernel)  MV_TIER_JOIN(kernel, MV_FEW_SUFFIX)

MV_PACKED_DECLARE(MV_FEW_SUFFIX);

enum {
    MIN_COLUMNS = 4, /* fewer are packed_vnni.c's */
    GROUP = 16,      /* columns of the batch at a time */
    BLOCK_LINES = 8, /* of 64 bytes: a block's data in 8 bits */
    HALF_BLOCK_LINES = 4
};

/* The tiles. Instructions hold their numbers, so that these cannot be an enum: the headers paste
 * them into assembly. The last group of columns, unless it is whole, has tiles of its own. */
#define T_WEIGHTS   0
#define T_X         1
#define T_DOTS      2
#define T_REST_X    3
#define T_REST_DOTS 4

/* What ldtilecfg reads (Intel's manual, palette 1). */
typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t n_rows[16];
} tile_config;

static_assert(sizeof(tile_config) == 64, "as the instruction reads it");

/* gcc's intrinsics do not say that they read memory: what is written at p must be there by now, and
 * must not be written over before that either. */
INLINE void memory_is_read(const void *p) { __asm__ volatile("" ::"r"(p) : "memory"); }

static void shape_tile(tile_config *config, size_t tile, size_t n_rows, size_t row_bytes) {
    config->n_rows[tile] = (uint8_t)n_rows;
    config->row_bytes[tile] = (uint16_t)row_bytes;
}

static void configure(size_t n_rest) {
    tile_config config = {.palette = 1};
    shape_tile(&config, T_WEIGHTS, BLOCK_LINES, MV_LINE_BYTES);
    shape_tile(&config, T_X, GROUP, MV_BLOCK);
    shape_tile(&config, T_DOTS, GROUP, MV_LINE_BYTES);
    if (n_rest > 0) { /* a tile without rows must have no columns either */
        shape_tile(&config, T_REST_X, n_rest, MV_BLOCK);
        shape_tile(&config, T_REST_DOTS, n_rest, MV_LINE_BYTES);
    }
    memory_is_read(&config);
    _tile_loadconfig(&config);
    memory_is_read(&config);
}

/* Of one product: the operands that stay the same. */
typedef struct operands {
    const uint8_t *tile;
    const int8_t *q; /* the first column of the group */
    const mv_xblock *x;
    size_t n_blocks;
} operands;

/* 4 bits to 8: low halves are columns 0..15, high ones 16..31. */
INLINE void unpack(uint8_t *lines, const uint8_t *data) {
    const __m512i low = _mm512_set1_epi8(15);
    UNROLL for (size_t k = 0; k < HALF_BLOCK_LINES; k++) {
        __m512i both = _mm512_loadu_si512(data + k * MV_LINE_BYTES);
        __m512i high = _mm512_and_si512(_mm512_srli_epi16(both, 4), low);
        _mm512_storeu_si512(lines + k * MV_LINE_BYTES, _mm512_and_si512(both, low));
        _mm512_storeu_si512(lines + (HALF_BLOCK_LINES + k) * MV_LINE_BYTES, high);
    }
}

/* dots[b][r] = stored weights of block i of row r times activations of column b. */
INLINE void block_dots(mv_wtype type, bool whole, int32_t *dots, const operands *o, size_t i) {
    _Alignas(MV_LINE_BYTES) uint8_t lines[BLOCK_LINES * MV_LINE_BYTES];
    const uint8_t *data = o->tile + mv_packed_data_at(type, i);
    const int8_t *q = o->q + i * MV_BLOCK;
    const size_t ldq = o->n_blocks * MV_BLOCK;
    if (mv_packed_is_4_bit(type)) {
        unpack(lines, data);
        data = lines;
    }
    memory_is_read(data);
    _tile_loadd(T_WEIGHTS, data, MV_LINE_BYTES);
    if (whole) {
        _tile_zero(T_DOTS);
        _tile_loadd(T_X, q, ldq);
        _tile_dpbssd(T_DOTS, T_X, T_WEIGHTS);
        _tile_stored(T_DOTS, dots, MV_LINE_BYTES);
    } else {
        _tile_zero(T_REST_DOTS);
        _tile_loadd(T_REST_X, q, ldq);
        _tile_dpbssd(T_REST_DOTS, T_REST_X, T_WEIGHTS);
        _tile_stored(T_REST_DOTS, dots, MV_LINE_BYTES);
    }
}

/* acc after the step of one block of one column. */
INLINE vec add_dots(mv_wtype type, vec acc, const int32_t *dots, const mv_xblock *x, vec scale,
                    vec min) {
    /* what a weight is more than its stored byte */
    const int zero_point = type == MV_W_Q8A ? 128 : type == MV_W_Q4 ? -8 : 0;
    __m512i d = _mm512_add_epi32(_mm512_loadu_si512(dots), _mm512_set1_epi32(zero_point * x->sum));
    vec xs = vec_set1(x->scale);
    if (type != MV_W_I8) xs = vec_mul(scale, xs);
    acc = vec_fma(_mm512_cvtepi32_ps(d), xs, acc);
    return mv_packed_has_mins(type) ? vec_fma(min, vec_set1(x->scaled_sum), acc) : acc;
}

/* acc[b] takes the step of block i of column b. */
INLINE void add_block(mv_wtype type, bool whole, size_t n_b, vec *acc, const operands *o,
                      size_t i) {
    const uint8_t *scales = o->tile + mv_packed_scales_at(type, i);
    const mv_xblock *x = o->x + i;
    _Alignas(MV_LINE_BYTES) int32_t dots[GROUP * MV_TILE_ROWS];
    block_dots(type, whole, dots, o, i);
    vec scale = type == MV_W_I8 ? vec_zero() : vec_load_f16(scales);
    vec min = mv_packed_has_mins(type) ? vec_load_f16(scales + MV_LINE_BYTES) : vec_zero();
    if (whole)
        UNROLL for (size_t b = 0; b < GROUP; b++) acc[b] =
            add_dots(type, acc[b], dots + b * MV_TILE_ROWS, x + b * o->n_blocks, scale, min);
    else
        for (size_t b = 0; b < n_b; b++)
            acc[b] =
                add_dots(type, acc[b], dots + b * MV_TILE_ROWS, x + b * o->n_blocks, scale, min);
}

/* A tile of weights, of which n_rows rows are there, times n_b columns. A whole group's are GROUP,
 * in loops of that length, so that the sums are registers. */
INLINE void tile_product(mv_wtype type, bool whole, size_t n_b, float *y, size_t ldy,
                         const operands *o, size_t n_rows) {
    vec acc[GROUP], scale = vec_zero();
    UNROLL for (size_t b = 0; b < GROUP; b++) acc[b] = vec_zero();
    for (size_t i = 0; i < o->n_blocks; i++)
        add_block(type, whole, n_b, acc, o, i);
    if (type == MV_W_I8) {
        scale = vec_load((const float *)(const void *)o->tile);
        UNROLL for (size_t b = 0; b < GROUP; b++) acc[b] = vec_mul(acc[b], scale);
    }
    if (whole)
        UNROLL for (size_t b = 0; b < GROUP; b++) vec_store_tail(y + b * ldy, acc[b], n_rows);
    else
        for (size_t b = 0; b < n_b; b++)
            vec_store_tail(y + b * ldy, acc[b], n_rows);
}

INLINE void matmul(mv_wtype type, float *y, size_t ldy, const void *w, size_t n_rows, size_t n_cols,
                   const int8_t *q, const mv_xblock *blocks, size_t n_batch) {
    const size_t tile_bytes = mv_packed_tile_bytes(type, n_cols), n_blocks = n_cols / MV_BLOCK;
    configure(n_batch % GROUP);
    for (size_t r = 0; r < n_rows; r += MV_TILE_ROWS) {
        const uint8_t *tile = (const uint8_t *)w + r / MV_TILE_ROWS * tile_bytes;
        const size_t n = n_rows - r < MV_TILE_ROWS ? n_rows - r : MV_TILE_ROWS;
        for (size_t b = 0; b < n_batch; b += GROUP) {
            const operands o = {tile, q + b * n_cols, blocks + b * n_blocks, n_blocks};
            if (n_batch - b >= GROUP)
                tile_product(type, true, GROUP, y + b * ldy + r, ldy, &o, n);
            else
                tile_product(type, false, n_batch - b, y + b * ldy + r, ldy, &o, n);
        }
    }
    _tile_release();
}

#define DEFINE_PACKED(name, type)                                                                  \
    void NAME(packed_##name)(float *y, size_t ldy, const void *w, size_t n_rows, size_t n_cols,    \
                             const int8_t *q, const mv_xblock *blocks, size_t n_batch) {           \
        if (n_batch < MIN_COLUMNS)                                                                 \
            FEW(packed_##name)(y, ldy, w, n_rows, n_cols, q, blocks, n_batch);                     \
        else                                                                                       \
            matmul(type, y, ldy, w, n_rows, n_cols, q, blocks, n_batch);                           \
    }

DEFINE_PACKED(i8, MV_W_I8)
DEFINE_PACKED(q8, MV_W_Q8)
DEFINE_PACKED(q8a, MV_W_Q8A)
DEFINE_PACKED(q4, MV_W_Q4)
DEFINE_PACKED(q4a, MV_W_Q4A)

void NAME(quantize)(int8_t *q, mv_xblock *blocks, const float *x, size_t n) {
    FEW(quantize)(q, blocks, x, n);
}
