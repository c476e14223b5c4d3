/* checkpoint_take.c - handing tensors of a checkpoint to the networks: by exact shape, widened to
 * f32, or as a matrix in the type that was asked for. */
#include "format/checkpoint_internal.h"

#include "base/memory.h"
#include "format/json.h"
#include "format/mlx_affine.h"
#include "kernels/convert.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_NAME 512

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

static bool is_float(mv_dtype type) {
    return type == MV_DT_F32 || type == MV_DT_F16 || type == MV_DT_BF16;
}

static bool shape_is(const mv_tensor *t, int n_dims, const int64_t *shape) {
    if (t->n_dims != n_dims) return false;
    for (int i = 0; i < n_dims; i++)
        if (shape[i] >= 0 && t->shape[i] != shape[i]) return false;
    return true;
}

static marvis_status fail_missing(const mv_checkpoint *ckpt, const char *name, int n_dims,
                                  const int64_t *shape, marvis_error *err) {
    char text[200];
    return mv_fail(err, MARVIS_ERR_TENSOR, "%s: tensor \"%s\" is missing; expected shape %s",
                   ckpt->path, name, shape_text(text, sizeof text, n_dims, shape));
}

static marvis_status fail_shape(const mv_checkpoint *ckpt, size_t i, int n_dims,
                                const int64_t *shape, marvis_error *err) {
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
    if (i == ckpt->n_tensors) return fail_missing(ckpt, name, n_dims, shape, err);
    const mv_tensor *t = &ckpt->tensors[i];
    if (!shape_is(t, n_dims, shape)) return fail_shape(ckpt, i, n_dims, shape, err);
    if (!is_float(t->type))
        return mv_fail(err, MARVIS_ERR_TENSOR,
                       "%s: tensor \"%s\" has type %s; expected F32, F16 or BF16", ckpt->file_of[i],
                       name, mv_dtype_name(t->type));
    ckpt->used[i] = true;
    *tensor = t;
    return MARVIS_OK;
}

/* The weight type of a float tensor. */
static mv_wtype wtype_of(mv_dtype type) {
    return type == MV_DT_F32 ? MV_W_F32 : type == MV_DT_F16 ? MV_W_F16 : MV_W_BF16;
}

marvis_status mv_checkpoint_take_f32(mv_checkpoint *ckpt, const char *name, int n_dims,
                                     const int64_t *shape, float **values, marvis_error *err) {
    const mv_tensor *t;
    *values = NULL;
    MV_TRY(mv_checkpoint_take(ckpt, name, n_dims, shape, &t, err));
    if (t->n_values == 0)
        return mv_fail(err, MARVIS_ERR_TENSOR, "%s: tensor \"%s\" is empty; expected values",
                       ckpt->path, name);
    float *v = mv_alloc(t->n_values, sizeof *v);
    if (!v) return mv_fail_memory(err, t->n_values * sizeof *v, name);
    mv_widen(v, wtype_of(t->type), t->data, t->n_values);
    *values = v;
    return MARVIS_OK;
}

/* ---- matrices ------------------------------------------------------------------------------- */

/* The type that a matrix gets. */
static mv_wtype target_type(mv_dtype source, marvis_weights weights) {
    if (weights == MARVIS_WEIGHTS_F32) return MV_W_F32;
    if (weights == MARVIS_WEIGHTS_BF16) return MV_W_BF16;
    return wtype_of(source);
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

static marvis_status take_float_matrix(mv_checkpoint *ckpt, const char *name, int64_t n_rows,
                                       int64_t n_cols, marvis_weights weights, mv_matrix *matrix,
                                       marvis_error *err) {
    const mv_tensor *t;
    MV_TRY(mv_checkpoint_take(ckpt, name, 2, (int64_t[]){n_rows, n_cols}, &t, err));
    mv_matrix m;
    set_shape(&m, target_type(t->type, weights), (size_t)n_rows, (size_t)n_cols);
    if (dtype_of(m.type) == t->type) {
        m.data = t->data;
        *matrix = m;
        return MARVIS_OK;
    }
    MV_TRY(alloc_matrix(&m, name, err));
    float *row = mv_alloc(m.n_cols, sizeof *row);
    if (!row) {
        mv_free(m.owned);
        return mv_fail_memory(err, m.n_cols * sizeof *row, name);
    }
    for (size_t r = 0; r < m.n_rows; r++) {
        mv_widen(row, wtype_of(t->type), t->data + r * m.n_cols * mv_dtype_bytes(t->type),
                 m.n_cols);
        store_row(&m, r, row);
    }
    mv_free(row);
    *matrix = m;
    return MARVIS_OK;
}

/* A quantised module: its three tensors and the numbers that their shapes reveal. */
typedef struct triple {
    const mv_tensor *weight, *scales, *biases;
    int bits, group;
} triple;

static marvis_status take_triple(mv_checkpoint *ckpt, const char *module, int64_t n_rows,
                                 int64_t n_cols, triple *q, marvis_error *err) {
    char name[MAX_NAME];
    snprintf(name, sizeof name, "%s.weight", module);
    size_t i = mv_checkpoint_index(ckpt, name);
    if (i == ckpt->n_tensors) return fail_missing(ckpt, name, 2, (int64_t[]){n_rows, -1}, err);
    q->weight = &ckpt->tensors[i];
    if (!shape_is(q->weight, 2, (int64_t[]){n_rows, -1}))
        return fail_shape(ckpt, i, 2, (int64_t[]){n_rows, -1}, err);
    if (q->weight->type != MV_DT_U32)
        return mv_fail(
            err, MARVIS_ERR_TENSOR,
            "%s: tensor \"%s\" has type %s; expected U32, because \"%s.scales\" says that "
            "it is quantised",
            ckpt->file_of[i], name, mv_dtype_name(q->weight->type), module);
    ckpt->used[i] = true;
    snprintf(name, sizeof name, "%s.scales", module);
    MV_TRY(mv_checkpoint_take(ckpt, name, 2, (int64_t[]){n_rows, -1}, &q->scales, err));
    snprintf(name, sizeof name, "%s.biases", module);
    MV_TRY(mv_checkpoint_take(ckpt, name, 2, q->scales->shape, &q->biases, err));

    int64_t words = q->weight->shape[1], groups = q->scales->shape[1];
    q->bits = words <= n_cols && words * 32 % n_cols == 0 ? (int)(words * 32 / n_cols) : 0;
    q->group = groups > 0 && groups <= n_cols && n_cols % groups == 0 ? (int)(n_cols / groups) : 0;
    bool legal_bits = (q->bits >= 2 && q->bits <= 6) || q->bits == 8;
    bool legal_group = q->group == 32 || q->group == 64 || q->group == 128;
    if (!legal_bits || !legal_group)
        return mv_fail(err, MARVIS_ERR_TENSOR,
                       "%s: module \"%s\": %" PRId64 " words and %" PRId64
                       " scales a row do not fit %" PRId64
                       " columns; expected 2, 3, 4, 5, 6 or 8 bits in groups of 32, 64 or 128",
                       ckpt->file_of[i], module, words, groups, n_cols);
    return MARVIS_OK;
}

/* The entry of config.json for one module: "quantization" may override its own numbers under the
 * module's path, as the converter saw it: with or without mlx-audio's outer "model.". */
static const json_t *find_override(const mv_quant_config *quant, const char *module) {
    char path[MAX_NAME + 8];
    const json_t *all = quant->overrides;
    const json_t *entry = json_object_get(all, module);
    if (entry) return entry;
    snprintf(path, sizeof path, "model.%s", module);
    return json_object_get(all, path);
}

/* The shapes decide; a config that says otherwise belongs to another file. */
static marvis_status check_quant(const mv_checkpoint *ckpt, const char *module,
                                 const mv_quant_config *quant, const triple *q, marvis_error *err) {
    if (!quant || !quant->present) return MARVIS_OK;
    int bits = quant->bits, group = quant->group_size;
    const json_t *entry = find_override(quant, module);
    if (json_is_false(entry))
        return mv_fail(
            err, MARVIS_ERR_TENSOR,
            "%s: module \"%s\" has scales, but config.json says that it is not quantised",
            ckpt->path, module);
    const json_t *value = json_object_get(entry, "bits");
    if (json_is_integer(value)) bits = (int)json_integer_value(value);
    value = json_object_get(entry, "group_size");
    if (json_is_integer(value)) group = (int)json_integer_value(value);
    if (bits == q->bits && group == q->group) return MARVIS_OK;
    return mv_fail(
        err, MARVIS_ERR_TENSOR,
        "%s: module \"%s\" has %d bits in groups of %d; config.json says %d bits in groups "
        "of %d: does it belong to this file?",
        ckpt->path, module, q->bits, q->group, bits, group);
}

static marvis_status take_quantised_matrix(mv_checkpoint *ckpt, const char *module, int64_t n_rows,
                                           int64_t n_cols, const mv_quant_config *quant,
                                           marvis_weights weights, mv_matrix *matrix,
                                           marvis_error *err) {
    triple q;
    MV_TRY(take_triple(ckpt, module, n_rows, n_cols, &q, err));
    MV_TRY(check_quant(ckpt, module, quant, &q, err));
    mv_matrix m;
    set_shape(&m, weights == MARVIS_WEIGHTS_F32 ? MV_W_F32 : MV_W_BF16, (size_t)n_rows,
              (size_t)n_cols);
    MV_TRY(alloc_matrix(&m, module, err));
    size_t groups = (size_t)q.scales->shape[1], row_words = (size_t)q.weight->shape[1];
    float *row = mv_alloc(m.n_cols + 2 * groups, sizeof *row);
    if (!row) {
        mv_free(m.owned);
        return mv_fail_memory(err, m.n_cols * sizeof *row, module);
    }
    float *scales = row + m.n_cols, *biases = scales + groups;
    size_t scale_bytes = groups * mv_dtype_bytes(q.scales->type);
    size_t bias_bytes = groups * mv_dtype_bytes(q.biases->type);
    for (size_t r = 0; r < m.n_rows; r++) {
        mv_widen(scales, wtype_of(q.scales->type), q.scales->data + r * scale_bytes, groups);
        mv_widen(biases, wtype_of(q.biases->type), q.biases->data + r * bias_bytes, groups);
        mv_mlx_dequantize_row(row, q.weight->data + r * row_words * 4, scales, biases, m.n_cols,
                              q.group, q.bits);
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
    char name[MAX_NAME];
    *matrix = (mv_matrix){0};
    if (strlen(module) + sizeof ".weight" > sizeof name || n_rows < 1 || n_cols < 1 ||
        n_rows > INT64_MAX / n_cols / 8)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "%s: a matrix of %" PRId64 " x %" PRId64 " is impossible", module, n_rows,
                       n_cols);
    snprintf(name, sizeof name, "%s.scales", module);
    if (mv_checkpoint_has(ckpt, name))
        return take_quantised_matrix(ckpt, module, n_rows, n_cols, quant, weights, matrix, err);
    snprintf(name, sizeof name, "%s.weight", module);
    return take_float_matrix(ckpt, name, n_rows, n_cols, weights, matrix, err);
}
