/* csm_pack_mlx.c - see csm_pack_mlx.h. A group's scale and bias are repeated for each of its blocks
 * of 32 columns. */
#include "model/csm_pack_mlx.h"

#include "base/memory.h"
#include "format/mlx_affine.h"
#include "kernels/convert.h"
#include "nn/pack.h"

#include <math.h>

/* A scale or bias as f16, where that is the same number, or below f16's normal ones and off by no
 * more than its rounding there, 2^-25; else infinity, which no packed matrix may hold. */
static uint16_t fitting_f16(float v) {
    uint16_t h = mv_f32_to_f16(v);
    float back = mv_f16_to_f32(h);
    return back == v || fabsf(v) < 0x1p-14f ? h : 0x7c00;
}

static void widen(float *dst, const mv_tensor *t, size_t first, size_t n) {
    mv_wtype type = t->type == MV_DT_F32 ? MV_W_F32 : t->type == MV_DT_F16 ? MV_W_F16 : MV_W_BF16;
    mv_widen(dst, type, t->data + first * mv_wtype_bytes(type), n);
}

static void fill_row(const void *ctx, size_t r, float *scratch, mv_packed_row *row) {
    const mv_rows *rows = ctx;
    const mv_tensor *w = rows->weight, *s = rows->scales, *b = rows->biases; /* floats */
    size_t groups = (size_t)s->shape[1], per_group = (size_t)rows->group / MV_BLOCK;
    float *biases = scratch + groups;
    r += rows->first;
    mv_mlx_unpack_row(row->q, w->data + r * (size_t)w->shape[1] * 4, rows->n_cols, rows->bits);
    widen(scratch, s, r * groups, groups);
    widen(biases, b, r * groups, groups);
    for (size_t i = 0; i < groups * per_group; i++) {
        row->scales[i] = fitting_f16(scratch[i / per_group]);
        row->mins[i] = fitting_f16(biases[i / per_group]);
    }
}

/* Of the numbers as the file has them, which f16 may have rounded. */
static marvis_status take_sample(const mv_rows *rows, const char *name, mv_matrix *m,
                                 marvis_error *err) {
    size_t n = rows->n_cols;
    float *row = mv_alloc(n + mv_rows_scratch(rows), sizeof *row);
    m->sample = mv_alloc(MV_SAMPLED_ROWS * n, sizeof *m->sample);
    if (!row || !m->sample) {
        mv_free(row);
        mv_matrix_deinit(m);
        return mv_fail_memory(err, n * sizeof *row, name);
    }
    for (size_t i = 0; i < MV_SAMPLED_ROWS; i++) {
        mv_rows_get(rows, i * (rows->n_rows - 1) / (MV_SAMPLED_ROWS - 1), row, row + n);
        mv_convert_f32_bf16(m->sample + i * n, row, n);
    }
    mv_free(row);
    return MARVIS_OK;
}

marvis_status mv_csm_pack_mlx(const mv_rows *rows, mv_pool *pool, const char *name, mv_matrix *m,
                              bool *packed, marvis_error *err) {
    *packed = false;
    *m = (mv_matrix){0};
    if (!rows->bits) return MARVIS_OK;
    const mv_row_source source = {.n_rows = rows->n_rows,
                                  .n_cols = rows->n_cols,
                                  .scratch_floats = mv_rows_scratch(rows),
                                  .row = fill_row,
                                  .ctx = rows};
    MV_TRY(
        mv_matrix_pack(&source, rows->bits <= 4 ? MV_W_Q4A : MV_W_Q8A, pool, name, m, packed, err));
    return *packed ? take_sample(rows, name, m, err) : MARVIS_OK;
}
