/* scalar_matmul.c - the products of kernels.h read plainly: one row, one column of the batch, one
 * term after the other. */
#include "kernels/convert.h"
#include "kernels/tiers.h"

#include <string.h>

typedef float (*load_fn)(const void *row, size_t c);

static float load_f32(const void *row, size_t c) {
    float v;
    memcpy(&v, (const char *)row + 4 * c, 4);
    return v;
}

static float load_f16(const void *row, size_t c) {
    uint16_t v;
    memcpy(&v, (const char *)row + 2 * c, 2);
    return mv_f16_to_f32(v);
}

static float load_bf16(const void *row, size_t c) {
    uint16_t v;
    memcpy(&v, (const char *)row + 2 * c, 2);
    return mv_bf16_to_f32(v);
}

static void matmul(load_fn load, float *y, size_t ldy, const void *w, size_t row_bytes,
                   const float *x, size_t ldx, size_t n_rows, size_t n_cols, size_t n_batch) {
    for (size_t r = 0; r < n_rows; r++) {
        const char *row = (const char *)w + r * row_bytes;
        for (size_t b = 0; b < n_batch; b++) {
            float sum = 0;
            for (size_t c = 0; c < n_cols; c++)
                sum += load(row, c) * x[b * ldx + c];
            y[b * ldy + r] = sum;
        }
    }
}

void mv_tiled_scalar(float *y, size_t ldy, const float *w, const float *x, size_t ldx,
                     size_t n_rows, size_t n_cols, size_t n_batch) {
    for (size_t b = 0; b < n_batch; b++) {
        for (size_t r = 0; r < n_rows; r++) {
            const float *column = w + r / MV_TILE_ROWS * MV_TILE_ROWS * n_cols + r % MV_TILE_ROWS;
            float sum = 0;
            for (size_t c = 0; c < n_cols; c++)
                sum += column[c * MV_TILE_ROWS] * x[b * ldx + c];
            y[b * ldy + r] = sum;
        }
    }
}

void mv_matmul_f32_scalar(float *y, size_t ldy, const void *w, size_t row_bytes, const float *x,
                          size_t ldx, size_t n_rows, size_t n_cols, size_t n_batch) {
    matmul(load_f32, y, ldy, w, row_bytes, x, ldx, n_rows, n_cols, n_batch);
}

void mv_matmul_f16_scalar(float *y, size_t ldy, const void *w, size_t row_bytes, const float *x,
                          size_t ldx, size_t n_rows, size_t n_cols, size_t n_batch) {
    matmul(load_f16, y, ldy, w, row_bytes, x, ldx, n_rows, n_cols, n_batch);
}

void mv_matmul_bf16_scalar(float *y, size_t ldy, const void *w, size_t row_bytes, const float *x,
                           size_t ldx, size_t n_rows, size_t n_cols, size_t n_batch) {
    matmul(load_bf16, y, ldy, w, row_bytes, x, ldx, n_rows, n_cols, n_batch);
}
