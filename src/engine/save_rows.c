/* save_rows.c - a matrix into a file: rows are converted some megabytes at a time, on all threads,
 * so that memory stays bounded however large it is. */
#include "engine/save.h"

#include "base/memory.h"
#include "format/quantize.h"
#include "kernels/convert.h"

#include <math.h>
#include <string.h>

enum { CHUNK_BYTES = 1 << 22 };

size_t mv_save_row_bytes(mv_dtype type, size_t n_cols) {
    return n_cols / mv_dtype_block(type) * mv_dtype_bytes(type);
}

typedef struct chunk {
    const mv_save_matrix *m;
    size_t first, n_rows;
    uint8_t *out;   /* [n_rows][row bytes] */
    float *scales;  /* [n_rows] of int8, else NULL */
    float *scratch; /* [n_parts][part_floats] */
    size_t part_floats;
    bool *bad; /* [n_parts] */
} chunk;

static void read_row(const mv_save_matrix *m, size_t r, float *row, float *scratch) {
    if (m->rows) {
        mv_rows_get(m->rows, r, row, scratch);
        return;
    }
    const mv_tensor *t = m->turned;
    const size_t size = mv_dtype_bytes(t->type), step = m->rows_each * size;
    const uint8_t *src =
        t->data + (r / m->rows_each * m->n_cols * m->rows_each) * size + r % m->rows_each * size;
    mv_wtype type = t->type == MV_DT_F32 ? MV_W_F32 : t->type == MV_DT_F16 ? MV_W_F16 : MV_W_BF16;
    for (size_t i = 0; i < m->n_cols; i++, src += step)
        mv_widen(&row[i], type, src, 1);
}

static bool all_finite(const float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

static bool store_f16(uint8_t *dst, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint16_t h = mv_f32_to_f16(x[i]);
        if ((h & 0x7c00) == 0x7c00) return false;
        memcpy(dst + 2 * i, &h, sizeof h);
    }
    return true;
}

static bool store_bf16(uint8_t *dst, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint16_t h = mv_f32_to_bf16(x[i]);
        if ((h & 0x7f80) == 0x7f80) return false;
        memcpy(dst + 2 * i, &h, sizeof h);
    }
    return true;
}

static bool store_row(const mv_save_matrix *m, size_t r, const float *row, uint8_t *dst,
                      float *scale) {
    const float *importance = m->importance;
    if (importance) importance += r / m->rows_each * m->n_cols;
    switch (m->type) {
    case MV_DT_F32: memcpy(dst, row, m->n_cols * sizeof *row); return all_finite(row, m->n_cols);
    case MV_DT_F16: return store_f16(dst, row, m->n_cols);
    case MV_DT_BF16: return store_bf16(dst, row, m->n_cols);
    case MV_DT_I8: return mv_quantize_int8((int8_t *)dst, scale, row, importance, m->n_cols);
    default: return mv_quantize_blocks(dst, m->type, row, importance, m->n_cols);
    }
}

static void convert_part(void *ctx, int part, int n_parts) {
    const chunk *c = ctx;
    const mv_save_matrix *m = c->m;
    float *row = c->scratch + (size_t)part * c->part_floats;
    size_t begin, end, row_bytes = mv_save_row_bytes(m->type, m->n_cols);
    mv_share(c->n_rows, 1, part, n_parts, &begin, &end);
    for (; begin < end && !c->bad[part]; begin++) {
        read_row(m, c->first + begin, row, row + m->n_cols);
        c->bad[part] = !store_row(m, c->first + begin, row, c->out + begin * row_bytes,
                                  c->scales ? &c->scales[begin] : NULL);
    }
}

static marvis_status write_chunks(chunk *c, size_t most, mv_gguf_writer *file, mv_pool *pool,
                                  float *scales, mv_save_progress progress, void *ctx,
                                  marvis_error *err) {
    const mv_save_matrix *m = c->m;
    size_t row_bytes = mv_save_row_bytes(m->type, m->n_cols);
    for (; c->first < m->n_rows; c->first += c->n_rows) {
        c->n_rows = m->n_rows - c->first < most ? m->n_rows - c->first : most;
        c->scales = scales ? scales + c->first : NULL;
        mv_pool_run(pool, convert_part, c);
        for (int i = 0; i < mv_pool_n_threads(pool); i++)
            if (c->bad[i])
                return mv_fail(err, MARVIS_ERR_INPUT,
                               "tensor \"%s\" holds a value that is not finite or too large for "
                               "%s; choose another type for it (f32 takes any)",
                               m->name, mv_dtype_name(m->type));
        MV_TRY(mv_gguf_writer_write(file, c->out, c->n_rows * row_bytes, err));
        if (progress && !progress(ctx, c->n_rows * row_bytes))
            return mv_fail(err, MARVIS_ERR_CALL, "stopped before the file was complete");
    }
    return MARVIS_OK;
}

marvis_status mv_save_matrix_write(const mv_save_matrix *m, mv_gguf_writer *file, mv_pool *pool,
                                   float *scales, mv_save_progress progress, void *ctx,
                                   marvis_error *err) {
    size_t row_bytes = mv_save_row_bytes(m->type, m->n_cols);
    size_t most = CHUNK_BYTES / row_bytes, n_parts = (size_t)mv_pool_n_threads(pool);
    if (most < 1) most = 1;
    if (most > m->n_rows) most = m->n_rows;
    chunk c = {.m = m, .part_floats = m->n_cols + (m->rows ? mv_rows_scratch(m->rows) : 0) + 16};
    c.out = mv_alloc(most, row_bytes);
    c.scratch = mv_alloc(n_parts, c.part_floats * sizeof *c.scratch);
    c.bad = mv_alloc(n_parts, sizeof *c.bad);
    marvis_status status;
    if (c.out && c.scratch && c.bad)
        status = write_chunks(&c, most, file, pool, scales, progress, ctx, err);
    else
        status = mv_fail_memory(err, most * row_bytes, m->name);
    mv_free(c.out);
    mv_free(c.scratch);
    mv_free(c.bad);
    return status;
}
