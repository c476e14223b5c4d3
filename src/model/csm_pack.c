/* csm_pack.c - see csm_pack.h. */
#include "model/csm_pack.h"

#include "base/file.h"
#include "nn/pack.h"

#include <string.h>

static bool is_blocks(mv_dtype type, mv_block_format *format) {
    switch (type) {
    case MV_DT_Q8_0: *format = MV_BLOCKS_Q8_0; return true;
    case MV_DT_Q4_0: *format = MV_BLOCKS_Q4_0; return true;
    case MV_DT_Q4_1: *format = MV_BLOCKS_Q4_1; return true;
    default: return false;
    }
}

static void fill_row(const void *ctx, size_t r, float *scratch, mv_packed_row *row) {
    const mv_rows *rows = ctx;
    const mv_tensor *t = rows->weight;
    const size_t n = rows->n_cols;
    const uint8_t *src =
        t->data + (rows->first + r) * (n / mv_dtype_block(t->type)) * mv_dtype_bytes(t->type);
    (void)scratch;
    if (t->type == MV_DT_I8) {
        memcpy(row->q, src, n);
        memcpy(&row->scale, rows->scales->data + (rows->first + r) * sizeof row->scale,
               sizeof row->scale);
        return;
    }
    mv_block_format format;
    if (is_blocks(t->type, &format)) mv_packed_row_from_blocks(row, format, src, n);
}

void mv_csm_borrow_blocks(const mv_rows *rows, mv_matrix *m) {
    mv_block_format format;
    *m = (mv_matrix){0};
    if (!is_blocks(rows->weight->type, &format) || rows->bits || !mv_packed_fits(rows->n_cols))
        return;
    *m = (mv_matrix){.type = (mv_wtype)(MV_W_ROWS_Q8_0 + format),
                     .n_rows = rows->n_rows,
                     .n_cols = rows->n_cols,
                     .row_bytes = rows->n_cols / MV_BLOCK * mv_block_bytes(format)};
    m->data = rows->weight->data + rows->first * m->row_bytes;
}

marvis_status mv_csm_pack_rows(const mv_rows *rows, mv_pool *pool, const char *name, mv_matrix *m,
                               bool *packed, marvis_error *err) {
    const mv_tensor *t = rows->weight;
    mv_block_format format;
    mv_wtype type = MV_W_I8;
    *packed = false;
    *m = (mv_matrix){0};
    if (is_blocks(t->type, &format))
        type = mv_packed_type_of(format);
    else if (t->type != MV_DT_I8)
        return MARVIS_OK;
    if (rows->bits || !mv_packed_fits(rows->n_cols)) return MARVIS_OK;
    mv_row_source source = {
        .n_rows = rows->n_rows, .n_cols = rows->n_cols, .row = fill_row, .ctx = rows};
    MV_TRY(mv_matrix_pack(&source, type, pool, name, m, packed, err));
    if (!*packed) return MARVIS_OK;
    size_t row_bytes = rows->n_cols / mv_dtype_block(t->type) * mv_dtype_bytes(t->type);
    mv_map_forget(t->data + rows->first * row_bytes, rows->n_rows * row_bytes);
    return MARVIS_OK;
}
