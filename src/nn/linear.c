/* linear.c - products with weight matrices, split over the pool. See linear.h. */
#include "nn/linear.h"

#include "base/memory.h"
#include "kernels/convert.h"
#include "kernels/packed.h"

#include <assert.h>
#include <string.h>

enum {
    /* Rows in one step of a share: what the kernels take at a time with one column. */
    ROW_GRAIN = 8,
    /* Columns of the batch in one step: whole tiles of every tier. */
    BATCH_GRAIN = 12,
    MAX_OUTS = 4,
    /* Multiply-adds below which waking the other threads costs more than they save. */
    SMALL_PRODUCT = 30000,
    /* Activations below which one thread quantises them: some microseconds. */
    SMALL_QUANTIZE = 32768
};

void mv_matrix_deinit(mv_matrix *m) {
    mv_free(m->owned);
    mv_free(m->sample);
    *m = (mv_matrix){0};
}

static bool in_tiles(const mv_matrix *m) {
    return mv_is_packed(m->type) || m->type == MV_W_F32_TILED;
}

size_t mv_matrix_bytes(const mv_matrix *m) {
    size_t grain = in_tiles(m) ? MV_TILE_ROWS : 1;
    return (m->n_rows + grain - 1) / grain * grain * m->row_bytes;
}

marvis_status mv_matrix_tile(mv_matrix *m, marvis_error *err) {
    if (!m->data) return MARVIS_OK;
    assert(m->type == MV_W_F32 && m->row_bytes == m->n_cols * sizeof(float));
    const size_t n_tiles = (m->n_rows + MV_TILE_ROWS - 1) / MV_TILE_ROWS;
    size_t n;
    float *tiles = NULL;
    if (mv_mul_size(n_tiles * MV_TILE_ROWS, m->n_cols, &n)) tiles = mv_alloc_raw(n, sizeof *tiles);
    if (!tiles) return mv_fail_memory(err, n * sizeof *tiles, "weights in tiles");
    const float *rows = m->data;
    for (size_t t = 0; t < n_tiles; t++) {
        const size_t first = t * MV_TILE_ROWS, left = m->n_rows - first;
        const size_t n_rows = left < MV_TILE_ROWS ? left : MV_TILE_ROWS;
        float *tile = tiles + first * m->n_cols;
        if (n_rows < MV_TILE_ROWS) memset(tile, 0, MV_TILE_ROWS * m->n_cols * sizeof *tile);
        for (size_t c = 0; c < m->n_cols; c++)
            for (size_t i = 0; i < n_rows; i++)
                tile[c * MV_TILE_ROWS + i] = rows[(first + i) * m->n_cols + c];
    }
    mv_free(m->owned);
    m->type = MV_W_F32_TILED;
    m->data = m->owned = tiles;
    return MARVIS_OK;
}

void mv_matrix_row(const mv_matrix *m, size_t r, float *dst) {
    assert(r < m->n_rows);
    if (mv_is_packed(m->type))
        mv_packed_get(dst, m->type, m->data, m->n_cols, r);
    else if (m->type == MV_W_F32_TILED)
        for (size_t c = 0; c < m->n_cols; c++)
            dst[c] =
                ((const float *)
                     m->data)[(r / MV_TILE_ROWS * m->n_cols + c) * MV_TILE_ROWS + r % MV_TILE_ROWS];
    else if (m->type >= MV_W_ROWS_Q8_0)
        mv_blocks_to_f32(dst, (mv_block_format)(m->type - MV_W_ROWS_Q8_0),
                         (const char *)m->data + r * m->row_bytes, m->n_cols);
    else
        mv_widen(dst, m->type, (const char *)m->data + r * m->row_bytes, m->n_cols);
}

void mv_matrix_sampled_row(const mv_matrix *m, size_t i, float *dst) {
    assert(i < MV_SAMPLED_ROWS);
    if (m->sample) {
        mv_widen(dst, MV_W_BF16, m->sample + i * m->n_cols, m->n_cols);
        return;
    }
    mv_matrix_row(m, i * (m->n_rows - 1) / (MV_SAMPLED_ROWS - 1), dst);
    for (size_t c = 0; c < m->n_cols; c++)
        dst[c] = mv_bf16_to_f32(mv_f32_to_bf16(dst[c]));
}

/* ---- quantised activations ------------------------------------------------------------------ */

/* Rows of activations, in the room of an mv_exec: as floats, and as blocks where they are needed.
 */
typedef struct rows {
    const float *x;
    size_t ldx, n, n_cols;
    int8_t *q;         /* [n][n_cols] */
    mv_xblock *blocks; /* [n][n_cols/32]; NULL: not needed */
} rows;

static size_t quantized_bytes(size_t n_cols) {
    return n_cols + n_cols / MV_BLOCK * sizeof(mv_xblock);
}

size_t mv_linear_room(size_t n, size_t n_cols) {
    size_t bytes;
    return mv_mul_size(n, quantized_bytes(n_cols), &bytes) ? bytes : SIZE_MAX;
}

typedef struct quantize_job {
    const mv_kernels *kernels;
    const rows *rows;
} quantize_job;

static void quantize_part(void *ctx, int part, int n_parts) {
    const quantize_job *job = ctx;
    const rows *r = job->rows;
    size_t n_blocks = r->n_cols / MV_BLOCK, begin, end;
    mv_share(r->n * n_blocks, 1, part, n_parts, &begin, &end);
    while (begin < end) { /* whole rows, and parts of the first and the last */
        size_t row = begin / n_blocks, first = begin % n_blocks;
        size_t count = n_blocks - first < end - begin ? n_blocks - first : end - begin;
        job->kernels->quantize(r->q + begin * MV_BLOCK, r->blocks + begin,
                               r->x + row * r->ldx + first * MV_BLOCK, count * MV_BLOCK);
        begin += count;
    }
}

/* As many rows of x as there is room for, quantised; the others are left to the next step. */
static void quantize(const mv_exec *exec, rows *r) {
    size_t room = exec->room_bytes / quantized_bytes(r->n_cols);
    assert(exec->room && room > 0);
    if (r->n > room) r->n = room;
    r->blocks = exec->room;
    r->q = (int8_t *)(r->blocks + r->n * (r->n_cols / MV_BLOCK));
    quantize_job job = {exec->kernels, r};
    mv_pool_run(r->n * r->n_cols < SMALL_QUANTIZE ? NULL : exec->pool, quantize_part, &job);
}

/* ---- products ------------------------------------------------------------------------------- */

typedef struct linear_job {
    const mv_kernels *kernels;
    const mv_linear_out *outs;
    size_t n_outs, first; /* first: of the rows, in y */
    const rows *rows;
    bool split_batch;
} linear_job;

static void multiply(const linear_job *job, const mv_linear_out *out, size_t row, size_t row_end,
                     size_t b, size_t b_end) {
    const mv_matrix *w = out->w;
    const rows *x = job->rows;
    float *y = out->y + (job->first + b) * out->ldy + row;
    const char *data = (const char *)w->data + row * w->row_bytes;
    if (mv_is_packed(w->type))
        job->kernels->packed[w->type - MV_N_FLOAT_WTYPES](
            y, out->ldy, data, row_end - row, w->n_cols, x->q + b * w->n_cols,
            x->blocks + b * (w->n_cols / MV_BLOCK), b_end - b);
    else if (w->type == MV_W_F32_TILED)
        job->kernels->tiled(y, out->ldy, (const float *)(const void *)data, x->x + b * x->ldx,
                            x->ldx, row_end - row, w->n_cols, b_end - b);
    else
        job->kernels->matmul[w->type](y, out->ldy, data, w->row_bytes, x->x + b * x->ldx, x->ldx,
                                      row_end - row, w->n_cols, b_end - b);
}

static void run_part(void *ctx, int part, int n_parts) {
    const linear_job *job = ctx;
    for (size_t i = 0; i < job->n_outs; i++) {
        const mv_linear_out *out = &job->outs[i];
        size_t row = 0, row_end = out->w->n_rows, b = 0, b_end = job->rows->n;
        size_t grain = in_tiles(out->w) ? MV_TILE_ROWS : ROW_GRAIN;
        if (job->split_batch)
            mv_share(job->rows->n, BATCH_GRAIN, part, n_parts, &b, &b_end);
        else
            mv_share(out->w->n_rows, grain, part, n_parts, &row, &row_end);
        if (row == row_end || b == b_end) continue;
        multiply(job, out, row, row_end, b, b_end);
    }
}

void mv_linear_multi(const mv_exec *exec, const mv_linear_out *outs, size_t n_outs, const float *x,
                     size_t ldx, size_t n_batch) {
    assert(n_outs <= MAX_OUTS);
    size_t n_rows = 0, n_values = 0;
    bool packed = false;
    if (exec->observer) exec->observer->see(exec->observer->ctx, outs[0].w, x, ldx, n_batch);
    for (size_t i = 0; i < n_outs; i++) {
        n_rows += outs[i].w->n_rows;
        n_values += outs[i].w->n_rows * outs[i].w->n_cols;
        packed |= mv_is_packed(outs[i].w->type);
    }
    for (size_t first = 0; first < n_batch;) {
        rows r = {.x = x + first * ldx, .ldx = ldx, .n = n_batch - first};
        r.n_cols = outs[0].w->n_cols;
        if (packed) quantize(exec, &r);
        /* Rows otherwise: each thread then reads its own weights only. With more columns than rows,
         * as in convolutions, x is the larger operand and is shared out instead. */
        linear_job job = {exec->kernels, outs, n_outs, first, &r, r.n > n_rows};
        double work = (double)n_values * (double)r.n;
        if (work < SMALL_PRODUCT)
            run_part(&job, 0, 1);
        else
            mv_pool_run_fine(exec->pool, run_part, &job);
        first += r.n;
    }
}

void mv_linear(const mv_exec *exec, const mv_matrix *w, const float *x, size_t ldx, size_t n_batch,
               float *y, size_t ldy) {
    mv_linear_out out = {w, y, ldy};
    mv_linear_multi(exec, &out, 1, x, ldx, n_batch);
}
