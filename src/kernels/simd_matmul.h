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
 *   n_batch 8..         the same tiles over a panel of weights converted once for many columns */
#include "kernels/tiers.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum {
    TILE_ROWS = 4,
    PANEL_ROWS = 16,
    PANEL_COLS = 256, /* x PANEL_ROWS x 4 bytes: half of a first-level cache */
    BATCH_BLOCK = 48, /* a multiple of TILE_BATCH; accumulators for PANEL_ROWS x this on the stack */
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
 * constants where this is inlined. With `stream` set, fetches ahead: within the row, and from its
 * last AHEAD_BYTES on the beginning of the row n_r further down, which comes next. */
INLINE void accumulate(mv_wtype type, size_t n_r, size_t n_b, vec *acc, const char *w,
                       size_t row_bytes, const float *x, size_t ldx, size_t n_cols, int stream) {
    const size_t wb = bytes_of(type), chunk = LINE_BYTES / wb;
    const size_t n_lines = n_cols / chunk;
    size_t seam = stream && n_lines > AHEAD_BYTES / LINE_BYTES ? n_lines - AHEAD_BYTES / LINE_BYTES
                                                              : 0;
    size_t c = 0, ahead = AHEAD_BYTES;
    for (int phase = 0; phase < 2; phase++) {
        for (size_t end = (phase ? n_lines : seam) * chunk; c < end; c += chunk) {
            if (stream) {
                UNROLL for (size_t r = 0; r < n_r; r++)
                    vec_prefetch((uintptr_t)w + r * row_bytes + c * wb + ahead);
            }
            UNROLL for (size_t v = 0; v < chunk; v += LANES) {
                vec xs[16];
                UNROLL for (size_t b = 0; b < n_b; b++)
                    xs[b] = vec_load(x + b * ldx + c + v);
                UNROLL for (size_t r = 0; r < n_r; r++) {
                    vec ws = load_weights(type, w + r * row_bytes + (c + v) * wb);
                    UNROLL for (size_t b = 0; b < n_b; b++)
                        acc[b * n_r + r] = vec_fma(ws, xs[b], acc[b * n_r + r]);
                }
            }
        }
        ahead = AHEAD_BYTES + (n_r - 1) * row_bytes;
    }
    for (; c + LANES <= n_cols; c += LANES) {
        UNROLL for (size_t r = 0; r < n_r; r++) {
            vec ws = load_weights(type, w + r * row_bytes + c * wb);
            UNROLL for (size_t b = 0; b < n_b; b++)
                acc[b * n_r + r] = vec_fma(ws, vec_load(x + b * ldx + c), acc[b * n_r + r]);
        }
    }
    if (c < n_cols) {
        const size_t rest = n_cols - c;
        UNROLL for (size_t r = 0; r < n_r; r++) {
            vec ws = load_weights_tail(type, w + r * row_bytes + c * wb, rest);
            UNROLL for (size_t b = 0; b < n_b; b++)
                acc[b * n_r + r] =
                    vec_fma(ws, vec_load_tail(x + b * ldx + c, rest), acc[b * n_r + r]);
        }
    }
}

/* n_r rows (8, 4 or 1) times n_b columns of the batch, from the weights as they lie. */
INLINE void rows_direct(mv_wtype type, size_t n_r, size_t n_b, float *y, size_t ldy, const char *w,
                        size_t row_bytes, const float *x, size_t ldx, size_t n_cols) {
    vec acc[32];
    UNROLL for (size_t i = 0; i < n_r * n_b; i++)
        acc[i] = vec_zero();
    accumulate(type, n_r, n_b, acc, w, row_bytes, x, ldx, n_cols, 1);
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
        for (; b + TILE_BATCH <= (n_batch); b += TILE_BATCH) tile(TILE_BATCH);                     \
        switch ((n_batch)-b) {                                                                     \
            TILE_TAIL_CASES(tile)                                                                  \
        default: break;                                                                            \
        }                                                                                          \
    } while (0)
#if TILE_BATCH == 3
#define TILE_TAIL_CASES(tile)                                                                      \
    case 1: tile(1); break;                                                                        \
    case 2: tile(2); break;
#elif TILE_BATCH == 6
#define TILE_TAIL_CASES(tile)                                                                      \
    case 1: tile(1); break;                                                                        \
    case 2: tile(2); break;                                                                        \
    case 3: tile(3); break;                                                                        \
    case 4: tile(4); break;                                                                        \
    case 5: tile(5); break;
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
            rows_direct(type, 1, 1, y + b * ldy + r, ldy, w + r * row_bytes, row_bytes,
                        x + b * ldx, ldx, n_cols);
}

/* Where a tile of the panel stands in its product. */
typedef struct panel_state {
    const float *panel; /* [PANEL_ROWS][PANEL_COLS] */
    vec *acc;           /* [BATCH_BLOCK][PANEL_ROWS], across blocks of columns */
    size_t n_cols;      /* columns in this panel */
    int first, last;    /* the row's first and last panel */
} panel_state;

/* TILE_ROWS rows of the panel times n_b columns of the batch; n_rows of the rows exist. */
INLINE void panel_tile(const panel_state *s, size_t n_b, float *y, size_t ldy, const float *x,
                       size_t ldx, size_t r, size_t b, size_t n_rows) {
    vec acc[TILE_ROWS * TILE_BATCH];
    vec *kept = s->acc + b * PANEL_ROWS + r;
    UNROLL for (size_t i = 0; i < n_b; i++) {
        UNROLL for (size_t j = 0; j < TILE_ROWS; j++)
            acc[i * TILE_ROWS + j] = s->first ? vec_zero() : kept[i * PANEL_ROWS + j];
    }
    accumulate(MV_W_F32, TILE_ROWS, n_b, acc, (const char *)(s->panel + r * PANEL_COLS),
               PANEL_COLS * sizeof(float), x, ldx, s->n_cols, 0);
    UNROLL for (size_t i = 0; i < n_b; i++) {
        const vec *a = acc + i * TILE_ROWS;
        if (!s->last) {
            UNROLL for (size_t j = 0; j < TILE_ROWS; j++)
                kept[i * PANEL_ROWS + j] = a[j];
        } else if (n_rows >= TILE_ROWS) {
            vec_sum4(y + i * ldy, a[0], a[1], a[2], a[3]);
        } else {
            float sums[TILE_ROWS];
            vec_sum4(sums, a[0], a[1], a[2], a[3]);
            memcpy(y + i * ldy, sums, n_rows * sizeof(float));
        }
    }
}

/* All tiles of one panel: rows r0.. of y and the columns of one block of the batch. */
static void panel_times_batch(const panel_state *s, float *y, size_t ldy, const float *x,
                              size_t ldx, size_t n_rows, size_t n_batch) {
    for (size_t r = 0; r < n_rows; r += TILE_ROWS) {
#define PANEL_TILE(n_b)                                                                            \
    panel_tile(s, n_b, y + b * ldy + r, ldy, x + b * ldx, ldx, r, b, n_rows - r)
        FOR_EACH_TILE(n_batch, PANEL_TILE);
#undef PANEL_TILE
    }
}

/* n weights to f32 */
INLINE void convert_row(mv_wtype type, float *dst, const char *w, size_t n) {
    size_t c = 0;
    for (; c + LANES <= n; c += LANES)
        vec_store(dst + c, load_weights(type, w + c * bytes_of(type)));
    if (c < n) vec_store(dst + c, load_weights_tail(type, w + c * bytes_of(type), n - c));
}

INLINE void matmul_wide(mv_wtype type, float *y, size_t ldy, const char *w, size_t row_bytes,
                        const float *x, size_t ldx, size_t n_rows, size_t n_cols, size_t n_batch) {
    _Alignas(64) float panel[PANEL_ROWS * PANEL_COLS];
    vec acc[PANEL_ROWS * BATCH_BLOCK];
    panel_state s = {.panel = panel, .acc = acc};
    for (size_t b = 0; b < n_batch; b += BATCH_BLOCK) {
        size_t n_b = n_batch - b < BATCH_BLOCK ? n_batch - b : BATCH_BLOCK;
        for (size_t r = 0; r < n_rows; r += PANEL_ROWS) {
            size_t n_r = n_rows - r < PANEL_ROWS ? n_rows - r : PANEL_ROWS;
            for (size_t c = 0; c < n_cols; c += PANEL_COLS) {
                s.n_cols = n_cols - c < PANEL_COLS ? n_cols - c : PANEL_COLS;
                s.first = c == 0;
                s.last = n_cols - c <= PANEL_COLS;
                for (size_t i = 0; i < n_r; i++)
                    convert_row(type, panel + i * PANEL_COLS,
                                w + (r + i) * row_bytes + c * bytes_of(type), s.n_cols);
                /* The rows that a ragged tile lacks; their sums are thrown away. */
                for (size_t i = n_r; i % TILE_ROWS; i++)
                    memset(panel + i * PANEL_COLS, 0, PANEL_COLS * sizeof(float));
                panel_times_batch(&s, y + b * ldy + r, ldy, x + b * ldx + c, ldx, n_r, n_b);
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
