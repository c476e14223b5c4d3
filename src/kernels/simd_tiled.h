/* simd_tiled.h - the product with tiled f32 weights of kernels.h over the vector operations of one
 * tier. A tier's matmul file includes its vec_<tier>.h, defines MV_TIER_SUFFIX and TILED_BATCH
 * (columns of the batch whose sums fit the registers beside a line of weights), then includes this.
 *
 * A lane is a row, so that nothing is added up across lanes: for each column of the weights one
 * line of 16 is multiplied with the same value of x. A tile is read once for every TILED_BATCH rows
 * of x and stays in the nearest cache for them. */
#include "kernels/tiers.h"
#include "kernels/unroll.h"

enum {
    TILED_GROUPS = MV_TILE_ROWS / LANES,
    TILED_AHEAD = 4096, /* bytes fetched ahead in the one stream of weights */
    TILED_COLUMNS = 48  /* of the batch at a time: x stays near while all tiles pass */
};

/* One tile times n_b rows of x; the first n_rows <= 16 rows of the tile are there. */
INLINE void tiled_product(size_t n_b, float *y, size_t ldy, const float *w, const float *x,
                          size_t ldx, size_t n_rows, size_t n_cols) {
    vec acc[TILED_GROUPS * TILED_BATCH];
    UNROLL for (size_t i = 0; i < TILED_GROUPS * n_b; i++) acc[i] = vec_zero();
    for (size_t c = 0; c < n_cols; c++, w += MV_TILE_ROWS) {
        vec line[TILED_GROUPS];
        vec_prefetch((uintptr_t)w + TILED_AHEAD);
        UNROLL for (size_t g = 0; g < TILED_GROUPS; g++) line[g] = vec_load(w + g * LANES);
        UNROLL for (size_t b = 0; b < n_b; b++) {
            vec value = vec_set1(x[b * ldx + c]);
            UNROLL for (size_t g = 0; g < TILED_GROUPS; g++) acc[b * TILED_GROUPS + g] =
                vec_fma(line[g], value, acc[b * TILED_GROUPS + g]);
        }
    }
    UNROLL for (size_t b = 0; b < n_b; b++) {
        UNROLL for (size_t g = 0; g < TILED_GROUPS; g++) {
            const size_t row = g * LANES;
            if (row + LANES <= n_rows)
                vec_store(y + b * ldy + row, acc[b * TILED_GROUPS + g]);
            else if (row < n_rows)
                vec_store_tail(y + b * ldy + row, acc[b * TILED_GROUPS + g], n_rows - row);
        }
    }
}

void MV_TIER_JOIN(tiled, MV_TIER_SUFFIX)(float *y, size_t ldy, const float *w, const float *x,
                                         size_t ldx, size_t n_rows, size_t n_cols, size_t n_batch) {
    for (size_t first = 0; first < n_batch; first += TILED_COLUMNS) {
        const size_t end = n_batch - first < TILED_COLUMNS ? n_batch : first + TILED_COLUMNS;
        for (size_t r = 0; r < n_rows; r += MV_TILE_ROWS) {
            const size_t n = n_rows - r < MV_TILE_ROWS ? n_rows - r : MV_TILE_ROWS;
            size_t b = first;
#define TILED_STEP(n_b)                                                                            \
    for (; b + (n_b) <= end; b += (n_b))                                                           \
    tiled_product(n_b, y + b * ldy + r, ldy, w + r * n_cols, x + b * ldx, ldx, n, n_cols)
            TILED_STEP(TILED_BATCH);
            TILED_STEP(4);
            TILED_STEP(2);
            TILED_STEP(1);
#undef TILED_STEP
        }
    }
}
