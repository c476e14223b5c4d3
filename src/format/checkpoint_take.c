/* checkpoint_take.c - handing tensors of a checkpoint to the networks: by exact shape, widened to
 * f32, or as a matrix in the type that was asked for. Matrices are read by rows
 * (checkpoint_rows.c). */
#include "format/checkpoint_internal.h"

#include "base/memory.h"
#include "kernels/convert.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "[2051, 1536]"; -1 is written as "any" */
static const char *shape_text(char *text, size_t size, int n_dims, const int64_t *shape) {
    size_t len = 0;
    len += (size_t)snprintf(text, size, "[");
    for (int i = 0; i < n_dims && len < size; i++) {
        const char *comma = i ? ", " : "";
        int n = shape[i] < 0 ? snprintf(text + len, size - len, "%sany", comma)
                             : snprintf(text + len, size - len, "%s%" PRId64, comma, shape[i]);
        len += (size_t)n;
    }
    if (len < size) snprintf(text + len, size - len, "]");
    return text;
}

bool mv_dtype_is_float(mv_dtype type) {
    return type == MV_DT_F32 || type == MV_DT_F16 || type == MV_DT_BF16;
}

bool mv_shape_is(const mv_tensor *t, int n_dims, const int64_t *shape) {
    if (t->n_dims != n_dims) return false;
    for (int i = 0; i < n_dims; i++)
        if (shape[i] >= 0 && t->shape[i] != shape[i]) return false;
    return true;
}

marvis_status mv_fail_missing(const mv_checkpoint *ckpt, const char *name, int n_dims,
                              const int64_t *shape, marvis_error *err) {
    char text[200];
    return mv_fail(err, MARVIS_ERR_TENSOR, "%s: tensor \"%s\" is missing; expected shape %s",
                   ckpt->path, name, shape_text(text, sizeof text, n_dims, shape));
}

marvis_status mv_fail_shape(const mv_checkpoint *ckpt, size_t i, int n_dims, const int64_t *shape,
                            marvis_error *err) {
    char found[200], expected[200];
    const mv_tensor *t = &ckpt->tensors[i];
    return mv_fail(
        err, MARVIS_ERR_TENSOR,
        "%s: tensor \"%s\" has shape %s; expected %s: does config.json belong to this file?",
        ckpt->file_of[i], t->name, shape_text(found, sizeof found, t->n_dims, t->shape),
        shape_text(expected, sizeof expected, n_dims, shape));
}

marvis_status mv_checkpoint_take(mv_checkpoint *ckpt, const char *name, int n_dims,
                                 const int64_t *shape, const mv_tensor **tensor,
                                 marvis_error *err) {
    *tensor = NULL;
    size_t i = mv_checkpoint_index(ckpt, name);
    if (i == ckpt->n_tensors) return mv_fail_missing(ckpt, name, n_dims, shape, err);
    const mv_tensor *t = &ckpt->tensors[i];
    if (!mv_shape_is(t, n_dims, shape)) return mv_fail_shape(ckpt, i, n_dims, shape, err);
    if (!mv_dtype_is_float(t->type))
        return mv_fail(err, MARVIS_ERR_TENSOR,
                       "%s: tensor \"%s\" has type %s; expected F32, F16 or BF16", ckpt->file_of[i],
                       name, mv_dtype_name(t->type));
    ckpt->used[i] = true;
    *tensor = t;
    return MARVIS_OK;
}

/* The weight type of a float tensor. */
mv_wtype mv_wtype_of(mv_dtype type) {
    return type == MV_DT_F32 ? MV_W_F32 : type == MV_DT_F16 ? MV_W_F16 : MV_W_BF16;
}

static marvis_status take_values(mv_checkpoint *ckpt, const char *name, int n_dims,
                                 const int64_t *shape, const mv_tensor **tensor,
                                 marvis_error *err) {
    MV_TRY(mv_checkpoint_take(ckpt, name, n_dims, shape, tensor, err));
    if ((*tensor)->n_values > 0) return MARVIS_OK;
    return mv_fail(err, MARVIS_ERR_TENSOR, "%s: tensor \"%s\" is empty; expected values",
                   ckpt->path, name);
}

static marvis_status widen(const mv_tensor *t, const char *name, float **values,
                           marvis_error *err) {
    float *v = mv_alloc_raw(t->n_values, sizeof *v);
    if (!v) return mv_fail_memory(err, t->n_values * sizeof *v, name);
    mv_widen(v, mv_wtype_of(t->type), t->data, t->n_values);
    *values = v;
    return MARVIS_OK;
}

marvis_status mv_checkpoint_take_f32(mv_checkpoint *ckpt, const char *name, int n_dims,
                                     const int64_t *shape, float **values, marvis_error *err) {
    const mv_tensor *t;
    *values = NULL;
    MV_TRY(take_values(ckpt, name, n_dims, shape, &t, err));
    return widen(t, name, values, err);
}

marvis_status mv_checkpoint_view_f32(mv_checkpoint *ckpt, const char *name, int n_dims,
                                     const int64_t *shape, const float **values, float **owned,
                                     marvis_error *err) {
    const mv_tensor *t;
    *values = *owned = NULL;
    MV_TRY(take_values(ckpt, name, n_dims, shape, &t, err));
    if (t->type == MV_DT_F32 && (uintptr_t)t->data % _Alignof(float) == 0) {
        *values = (const float *)(const void *)t->data;
        return MARVIS_OK;
    }
    MV_TRY(widen(t, name, owned, err));
    *values = *owned;
    return MARVIS_OK;
}

/* ---- matrices ------------------------------------------------------------------------------- */

/* The type that a matrix gets: what is quantised is widened to bf16. */
static mv_wtype target_type(mv_dtype source, marvis_weights weights) {
    if (weights == MARVIS_WEIGHTS_F32) return MV_W_F32;
    if (weights == MARVIS_WEIGHTS_BF16 || !mv_dtype_is_float(source)) return MV_W_BF16;
    return mv_wtype_of(source);
}

static mv_dtype dtype_of(mv_wtype type) {
    return type == MV_W_F32 ? MV_DT_F32 : type == MV_W_F16 ? MV_DT_F16 : MV_DT_BF16;
}

/* Gives the matrix its own zeroed memory of its type and shape. */
static marvis_status alloc_matrix(mv_matrix *m, const char *name, marvis_error *err) {
    size_t n_values;
    if (!mv_mul_size(m->n_rows, m->n_cols, &n_values) ||
        !(m->owned = mv_alloc(n_values, mv_dtype_bytes(dtype_of(m->type)))))
        return mv_fail_memory(err, m->n_rows * m->row_bytes, name);
    m->data = m->owned;
    return MARVIS_OK;
}

static void set_shape(mv_matrix *m, mv_wtype type, size_t n_rows, size_t n_cols) {
    *m = (mv_matrix){.type = type, .n_rows = n_rows, .n_cols = n_cols};
    m->row_bytes = n_cols * mv_dtype_bytes(dtype_of(type));
}

/* Stores one f32 row in the matrix's own memory, which is f32 or bf16. */
static void store_row(const mv_matrix *m, size_t r, const float *row) {
    char *dst = (char *)m->owned + r * m->row_bytes;
    if (m->type == MV_W_F32)
        memcpy(dst, row, m->row_bytes);
    else
        mv_convert_f32_bf16((uint16_t *)(void *)dst, row, m->n_cols);
}

marvis_status mv_rows_to_matrix(const mv_rows *rows, marvis_weights weights, mv_matrix *matrix,
                                marvis_error *err) {
    mv_matrix m;
    *matrix = (mv_matrix){0};
    set_shape(&m, target_type(rows->weight->type, weights), rows->n_rows, rows->n_cols);
    if (dtype_of(m.type) == rows->weight->type) {
        m.data = rows->weight->data + rows->first * m.row_bytes;
        *matrix = m;
        return MARVIS_OK;
    }
    MV_TRY(alloc_matrix(&m, rows->weight->name, err));
    float *row = mv_alloc(m.n_cols + mv_rows_scratch(rows), sizeof *row);
    if (!row) {
        mv_free(m.owned);
        return mv_fail_memory(err, m.n_cols * sizeof *row, rows->weight->name);
    }
    for (size_t r = 0; r < m.n_rows; r++) {
        mv_rows_get(rows, r, row, row + m.n_cols);
        store_row(&m, r, row);
    }
    mv_free(row);
    *matrix = m;
    return MARVIS_OK;
}

marvis_status mv_checkpoint_take_matrix(mv_checkpoint *ckpt, const char *module, int64_t n_rows,
                                        int64_t n_cols, const mv_quant_config *quant,
                                        marvis_weights weights, mv_matrix *matrix,
                                        marvis_error *err) {
    mv_rows rows;
    *matrix = (mv_matrix){0};
    MV_TRY(mv_checkpoint_take_rows(ckpt, module, n_rows, n_cols, quant, &rows, err));
    return mv_rows_to_matrix(&rows, weights, matrix, err);
}
