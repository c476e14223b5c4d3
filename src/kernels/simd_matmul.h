/* simd_matmul.h - the products of kernels.h over the vector operations of one tier. A tier's matmul
 * file includes its vec_<tier>.h, defines MV_TIER_SUFFIX and TILE_BATCH, and then includes this.
 *
 * One reduction order, whatever path is taken: lane l of one accumulator takes the columns l,
 * l + LANES, l + 2*LANES, ... by fused multiply-adds from zero, the ragged last step padded with
 * zeros, and vec_sum4 adds up the lanes. So the result for a row and a column of the batch does not
 * depend on what else is in the call.
 *
 *   n_batch 1           8 rows at a time: bound by the bytes of the weights
 *   n_batch 2..         tiles of 4 rows x TILE_BATCH, weights converted in registers */
#include "kernels/tiers.h"
#include "kernels/unroll.h"

#include <string.h>

enum {
    TILE_ROWS = 4,
    BLOCK_ROWS = 32,
    BLOCK_BATCH = 48, /* 300 KB of x where it is 1536 wide */
    LINE_BYTES = 64,
    /* Bytes of each row fetched ahead; 8 rows at a time, so that 4 KB are under way. */
    AHEAD_BYTES = 512
};

_Static_assert(BLOCK_BATCH % TILE_BATCH == 0 && BLOCK_ROWS % 8 == 0, "whole tiles in a block");

INLINE size_t bytes_of(mv_wtype type) { return type == MV_W_F32 ? 4 : 2; }

INLINE vec load_weights(mv_wtype type, const char *p) {
    switch (type) {
    case MV_W_F16: return vec_load_f16(p);
    case MV_W_BF16: return vec_load_bf16(p);
    default: return vec_load((const float *)(const void *)p);
    }
}

/* The first n < LANES weights at p, zeros after them. */
INLINE vec load_weights_tail(mv_wtype type, const char *p, size_t n) {
    char padded[LANES * 4] = {0};
    memcpy(padded, p, n * bytes_of(type));
    return load_weights(type, padded);
}

/* acc[b*n_r + r] += row r of w times x row b, over the columns [0, n_cols). n_r and n_b are
 * constants where this is inlined. Fetches ahead: within the row, and from its last AHEAD_BYTES on
 * the beginning of the row n_r further down, which comes next. */
INLINE void accumulate(mv_wtype type, size_t n_r, size_t n_b, vec *acc, const char *w,
                       size_t row_bytes, const float *x, size_t ldx, size_t n_cols) {
    const size_t wb = bytes_of(type), chunk = LINE_BYTES / wb;
    const size_t n_lines = n_cols / chunk, n_ahead = AHEAD_BYTES / LINE_BYTES;
    const size_t seam = n_lines > n_ahead ? n_lines - n_ahead : 0;
    size_t c = 0, ahead = AHEAD_BYTES;
    for (int phase = 0; phase < 2; phase++) {
        for (size_t end = (phase ? n_lines : seam) * chunk; c < end; c += chunk) {
            UNROLL for (size_t r = 0; r < n_r; r++)
                vec_prefetch((uintptr_t)w + r * row_bytes + c * wb + ahead);
            UNROLL for (size_t v = 0; v < chunk; v += LANES) {
                vec xs[TILE_BATCH];
                UNROLL for (size_t b = 0; b < n_b; b++) xs[b] = vec_load(x + b * ldx + c + v);
                UNROLL for (size_t r = 0; r < n_r; r++) {
                    vec ws = load_weights(type, w + r * row_bytes + (c + v) * wb);
                    UNROLL for (size_t b = 0; b < n_b; b++) acc[b * n_r + r] =
                        vec_fma(ws, xs[b], acc[b * n_r + r]);
                }
            }
        }
        ahead = AHEAD_BYTES + (n_r - 1) * row_bytes;
    }
    for (; c + LANES <= n_cols; c += LANES) {
        UNROLL for (size_t r = 0; r < n_r; r++) {
            vec ws = load_weights(type, w + r * row_bytes + c * wb);
            UNROLL for (size_t b = 0; b < n_b; b++) acc[b * n_r + r] =
                vec_fma(ws, vec_load(x + b * ldx + c), acc[b * n_r + r]);
        }
    }
    if (c < n_cols) {
        const size_t rest = n_cols - c;
        UNROLL for (size_t r = 0; r < n_r; r++) {
            vec ws = load_weights_tail(type, w + r * row_bytes + c * wb, rest);
            UNROLL for (size_t b = 0; b < n_b; b++) acc[b * n_r + r] =
                vec_fma(ws, vec_load_tail(x + b * ldx + c, rest), acc[b * n_r + r]);
        }
    }
}

/* n_r rows (8, 4 or 1) times n_b columns of the batch. */
INLINE void tile(mv_wtype type, size_t n_r, size_t n_b, float *y, size_t ldy, const char *w,
                 size_t row_bytes, const float *x, size_t ldx, size_t n_cols) {
    vec acc[32];
    UNROLL for (size_t i = 0; i < n_r * n_b; i++) acc[i] = vec_zero();
    accumulate(type, n_r, n_b, acc, w, row_bytes, x, ldx, n_cols);
    UNROLL for (size_t b = 0; b < n_b; b++) {
        if (n_r == 1) {
            float sums[4];
            vec_sum4(sums, acc[b], acc[b], acc[b], acc[b]);
            y[b * ldy] = sums[0];
        } else {
            UNROLL for (size_t r = 0; r < n_r; r += 4) {
                const vec *a = acc + b * n_r + r;
                vec_sum4(y + b * ldy + r, a[0], a[1], a[2], a[3]);
            }
        }
    }
}

INLINE void matmul_block(mv_wtype type, float *y, size_t ldy, const char *w, size_t row_bytes,
                         const float *x, size_t ldx, size_t n_rows, size_t n_cols, size_t n_batch) {
    size_t r = 0;
    if (n_batch == 1) {
        for (; r + 8 <= n_rows; r += 8)
            tile(type, 8, 1, y + r, ldy, w + r * row_bytes, row_bytes, x, ldx, n_cols);
    }
    for (; r + TILE_ROWS <= n_rows; r += TILE_ROWS) {
        size_t b = 0;
#define TILE_STEP(n_b)                                                                             \
    for (; b + (n_b) <= n_batch; b += (n_b))                                                       \
    tile(type, TILE_ROWS, n_b, y + b * ldy + r, ldy, w + r * row_bytes, row_bytes, x + b * ldx,    \
         ldx, n_cols)
        TILE_STEP(TILE_BATCH);
        if (TILE_BATCH > 4) TILE_STEP(4);
        TILE_STEP(2);
        TILE_STEP(1);
#undef TILE_STEP
    }
    for (; r < n_rows; r++)
        for (size_t b = 0; b < n_batch; b++)
            tile(type, 1, 1, y + b * ldy + r, ldy, w + r * row_bytes, row_bytes, x + b * ldx, ldx,
                 n_cols);
}

/* In blocks: their rows are read from memory once and their columns of the batch stay in the second
 * level of the cache meanwhile. */
INLINE void matmul(mv_wtype type, float *y, size_t ldy, const void *w, size_t row_bytes,
                   const float *x, size_t ldx, size_t n_rows, size_t n_cols, size_t n_batch) {
    for (size_t r = 0; r < n_rows; r += BLOCK_ROWS) {
        const size_t n_r = n_rows - r < BLOCK_ROWS ? n_rows - r : BLOCK_ROWS;
        for (size_t b = 0; b < n_batch; b += BLOCK_BATCH) {
            const size_t n_b = n_batch - b < BLOCK_BATCH ? n_batch - b : BLOCK_BATCH;
            matmul_block(type, y + b * ldy + r, ldy, (const char *)w + r * row_bytes, row_bytes,
                         x + b * ldx, ldx, n_r, n_cols, n_b);
        }
    }
}

#define DEFINE_MATMUL(name, type)                                                                  \
    void MV_TIER_JOIN(name, MV_TIER_SUFFIX)(float *y, size_t ldy, const void *w, size_t row_bytes, \
                                            const float *x, size_t ldx, size_t n_rows,             \
                                            size_t n_cols, size_t n_batch) {                       \
        matmul(type, y, ldy, w, row_bytes, x, ldx, n_rows, n_cols, n_batch);                       \
    }

DEFINE_MATMUL(matmul_f32, MV_W_F32)
DEFINE_MATMUL(matmul_f16, MV_W_F16)
DEFINE_MATMUL(matmul_bf16, MV_W_BF16)
