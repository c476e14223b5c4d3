/* simd_matmul.h - the products of kernels.h over the vector operations of one tier. A tier's matmul
 * file includes its vec_<tier>.h, defines MV_TIER_SUFFIX and TILE_BATCH, and then includes this.
 *
 * One reduction order, whatever path is taken: lane l of one accumulator takes the columns l,
 * l + LANES, l + 2*LANES, ... by fused multiply-adds from zero, the ragged last step padded with
 * zeros, and vec_sum4 adds up the lanes. So the result for a row and a column of the batch does not
 * depend on what else is in the call.
 *
 *   n_batch 1           8 rows at a time: bound by the bytes of the weights
 *   n_batch 2..7        tiles of 4 rows x TILE_BATCH, weights converted in registers
 *   n_batch 8..         the same tiles over panels of weights and of x, copied once for many tiles:
 *                       rows of a large matrix often lie a power of two apart, where they would
 *                       push each other out of the cache */
#include "kernels/tiers.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNROLL
#else
#define UNROLL _Pragma("unroll")
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNROLL /* instrumented code takes minutes to compile when it is unrolled */
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum {
    TILE_ROWS = 4,
    PANEL_COLS = 256,
    PANEL_ROWS = 32,  /* 32 KB of weights, read tile by tile */
    BATCH_BLOCK = 24, /* 24 KB of x, which stay in the first-level cache */
    WIDE_BATCH = 8,
    LINE_BYTES = 64,
    /* Bytes of each row fetched ahead; 8 rows at a time, so that 4 KB are under way. */
    AHEAD_BYTES = 512
};

_Static_assert(BATCH_BLOCK % TILE_BATCH == 0, "whole tiles in a block");
_Static_assert(PANEL_COLS % LANES == 0 && PANEL_ROWS % TILE_ROWS == 0, "whole tiles in a panel");

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

/* n_r rows (8, 4 or 1) times n_b columns of the batch, from the weights as they lie. */
INLINE void rows_direct(mv_wtype type, size_t n_r, size_t n_b, float *y, size_t ldy, const char *w,
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

/* One row for each call of `tile` with a constant number of columns. */
#define FOR_EACH_TILE(n_batch, tile)                                                               \
    do {                                                                                           \
        size_t b = 0;                                                                              \
        for (; b + TILE_BATCH <= (n_batch); b += TILE_BATCH)                                       \
            tile(TILE_BATCH);                                                                      \
        switch ((n_batch)-b) {                                                                     \
            TILE_TAIL_CASES(tile)                                                                  \
        default: break;                                                                            \
        }                                                                                          \
    } while (0)
#if TILE_BATCH == 3
#define TILE_TAIL_CASES(tile)                                                                      \
    case 1: tile(1); break;                                                                        \
    case 2:                                                                                        \
        tile(2);                                                                                   \
        break;
#elif TILE_BATCH == 6
#define TILE_TAIL_CASES(tile)                                                                      \
    case 1: tile(1); break;                                                                        \
    case 2: tile(2); break;                                                                        \
    case 3: tile(3); break;                                                                        \
    case 4: tile(4); break;                                                                        \
    case 5:                                                                                        \
        tile(5);                                                                                   \
        break;
#else
#error "TILE_BATCH must be 3 or 6"
#endif

INLINE void matmul_direct(mv_wtype type, float *y, size_t ldy, const char *w, size_t row_bytes,
                          const float *x, size_t ldx, size_t n_rows, size_t n_cols,
                          size_t n_batch) {
    size_t r = 0;
    if (n_batch == 1) {
        for (; r + 8 <= n_rows; r += 8)
            rows_direct(type, 8, 1, y + r, ldy, w + r * row_bytes, row_bytes, x, ldx, n_cols);
    }
#define DIRECT_TILE(n_b)                                                                           \
    rows_direct(type, TILE_ROWS, n_b, y + b * ldy + r, ldy, w + r * row_bytes, row_bytes,          \
                x + b * ldx, ldx, n_cols)
    for (; r + TILE_ROWS <= n_rows; r += TILE_ROWS)
        FOR_EACH_TILE(n_batch, DIRECT_TILE);
#undef DIRECT_TILE
    for (; r < n_rows; r++)
        for (size_t b = 0; b < n_batch; b++)
            rows_direct(type, 1, 1, y + b * ldy + r, ldy, w + r * row_bytes, row_bytes, x + b * ldx,
                        ldx, n_cols);
}

/* What the tiles of one step work on: a block of rows, of columns and of the batch. */
typedef struct panels {
    float *w; /* [PANEL_ROWS][PANEL_COLS], with zeros up to a whole vector */
    float *x; /* [BATCH_BLOCK][PANEL_COLS], likewise */
    vec *acc; /* [BATCH_BLOCK][PANEL_ROWS], kept from one block of columns to the next */
    size_t n_rows, n_batch;
    size_t n_padded; /* columns, in whole vectors */
    int first, last; /* the first and the last block of columns */
} panels;

/* Copies n values as f32, with zeros up to a whole vector. */
INLINE void copy_row(mv_wtype type, float *dst, const char *src, size_t n) {
    size_t c = 0;
    for (; c + LANES <= n; c += LANES)
        vec_store(dst + c, load_weights(type, src + c * bytes_of(type)));
    if (c < n) vec_store(dst + c, load_weights_tail(type, src + c * bytes_of(type), n - c));
}

/* TILE_ROWS rows from r on times n_b columns of the batch from b on; y is theirs. */
INLINE void panel_tile(const panels *p, size_t n_b, float *y, size_t ldy, size_t r, size_t b) {
    vec acc[TILE_ROWS * TILE_BATCH];
    vec *kept = p->acc + b * PANEL_ROWS + r;
    UNROLL for (size_t i = 0; i < n_b; i++) {
        UNROLL for (size_t j = 0; j < TILE_ROWS; j++) acc[i * TILE_ROWS + j] =
            p->first ? vec_zero() : kept[i * PANEL_ROWS + j];
    }
    const float *w = p->w + r * PANEL_COLS, *x = p->x + b * PANEL_COLS;
    for (size_t c = 0; c < p->n_padded; c += LANES) {
        vec xs[TILE_BATCH];
        UNROLL for (size_t i = 0; i < n_b; i++) xs[i] = vec_load(x + i * PANEL_COLS + c);
        UNROLL for (size_t j = 0; j < TILE_ROWS; j++) {
            vec ws = vec_load(w + j * PANEL_COLS + c);
            UNROLL for (size_t i = 0; i < n_b; i++) acc[i * TILE_ROWS + j] =
                vec_fma(ws, xs[i], acc[i * TILE_ROWS + j]);
        }
    }
    UNROLL for (size_t i = 0; i < n_b; i++) {
        const vec *a = acc + i * TILE_ROWS;
        if (!p->last) {
            UNROLL for (size_t j = 0; j < TILE_ROWS; j++) kept[i * PANEL_ROWS + j] = a[j];
        } else if (p->n_rows - r >= TILE_ROWS) {
            vec_sum4(y + i * ldy, a[0], a[1], a[2], a[3]);
        } else {
            float sums[TILE_ROWS];
            vec_sum4(sums, a[0], a[1], a[2], a[3]);
            memcpy(y + i * ldy, sums, (p->n_rows - r) * sizeof(float));
        }
    }
}

/* All tiles of one step, the same for every type of weights. */
static void panel_tiles(const panels *p, float *y, size_t ldy) {
    for (size_t r = 0; r < p->n_rows; r += TILE_ROWS) {
#define PANEL_TILE(n_b) panel_tile(p, n_b, y + b * ldy + r, ldy, r, b)
        FOR_EACH_TILE(p->n_batch, PANEL_TILE);
#undef PANEL_TILE
    }
}

INLINE void matmul_wide(mv_wtype type, float *y, size_t ldy, const char *w, size_t row_bytes,
                        const float *x, size_t ldx, size_t n_rows, size_t n_cols, size_t n_batch) {
    _Alignas(64) float w_panel[PANEL_ROWS * PANEL_COLS];
    _Alignas(64) float x_panel[BATCH_BLOCK * PANEL_COLS];
    vec acc[PANEL_ROWS * BATCH_BLOCK];
    panels p = {.w = w_panel, .x = x_panel, .acc = acc};
    for (size_t b = 0; b < n_batch; b += BATCH_BLOCK) {
        p.n_batch = n_batch - b < BATCH_BLOCK ? n_batch - b : BATCH_BLOCK;
        for (size_t r = 0; r < n_rows; r += PANEL_ROWS) {
            p.n_rows = n_rows - r < PANEL_ROWS ? n_rows - r : PANEL_ROWS;
            for (size_t c = 0; c < n_cols; c += PANEL_COLS) {
                size_t n = n_cols - c < PANEL_COLS ? n_cols - c : PANEL_COLS;
                p.n_padded = (n + LANES - 1) / LANES * LANES;
                p.first = c == 0;
                p.last = n_cols - c <= PANEL_COLS;
                for (size_t i = 0; i < p.n_batch; i++)
                    copy_row(MV_W_F32, x_panel + i * PANEL_COLS,
                             (const char *)(x + (b + i) * ldx + c), n);
                for (size_t i = 0; i < p.n_rows; i++)
                    copy_row(type, w_panel + i * PANEL_COLS,
                             w + (r + i) * row_bytes + c * bytes_of(type), n);
                /* Rows that the last tile lacks; their sums are thrown away. */
                for (size_t i = p.n_rows; i % TILE_ROWS; i++)
                    memset(w_panel + i * PANEL_COLS, 0, p.n_padded * sizeof(float));
                panel_tiles(&p, y + b * ldy + r, ldy);
            }
        }
    }
}

INLINE void matmul(mv_wtype type, float *y, size_t ldy, const void *w, size_t row_bytes,
                   const float *x, size_t ldx, size_t n_rows, size_t n_cols, size_t n_batch) {
    if (n_batch < WIDE_BATCH)
        matmul_direct(type, y, ldy, w, row_bytes, x, ldx, n_rows, n_cols, n_batch);
    else
        matmul_wide(type, y, ldy, w, row_bytes, x, ldx, n_rows, n_cols, n_batch);
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
