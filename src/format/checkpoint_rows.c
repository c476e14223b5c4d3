/* checkpoint_rows.c - matrices of a checkpoint as rows of f32, whatever they are stored as: floats,
 * blocks of GGUF, int8 with a scale for each row, MLX's affine triples. */
#include "format/checkpoint_internal.h"

#include "format/json.h"
#include "format/mlx_affine.h"
#include "kernels/blocks.h"
#include "kernels/convert.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_NAME 512

/* ---- MLX: weight, scales and biases, and the numbers that their shapes reveal ---------------- */

static marvis_status take_triple(mv_checkpoint *ckpt, const char *module, int64_t n_rows,
                                 int64_t n_cols, mv_rows *q, marvis_error *err) {
    char name[MAX_NAME];
    snprintf(name, sizeof name, "%s.weight", module);
    size_t i = mv_checkpoint_index(ckpt, name);
    if (i == ckpt->n_tensors) return mv_fail_missing(ckpt, name, 2, (int64_t[]){n_rows, -1}, err);
    q->weight = &ckpt->tensors[i];
    if (!mv_shape_is(q->weight, 2, (int64_t[]){n_rows, -1}))
        return mv_fail_shape(ckpt, i, 2, (int64_t[]){n_rows, -1}, err);
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
                                 const mv_quant_config *quant, const mv_rows *q,
                                 marvis_error *err) {
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

/* ---- one tensor ----------------------------------------------------------------------------- */

static bool is_blocks(mv_dtype type) { return mv_dtype_block(type) > 1; }

/* The scales of the rows of an int8 tensor: one for each. */
static marvis_status take_row_scales(mv_checkpoint *ckpt, const char *name, int n_dims,
                                     const int64_t *shape, mv_rows *rows, marvis_error *err) {
    char scale_name[MAX_NAME];
    snprintf(scale_name, sizeof scale_name, "%s_scale", name);
    MV_TRY(mv_checkpoint_take(ckpt, scale_name, n_dims - 1, shape, &rows->scales, err));
    if (rows->scales->type == MV_DT_F32) return MARVIS_OK;
    return mv_fail(err, MARVIS_ERR_TENSOR, "%s: tensor \"%s\" has type %s; expected F32",
                   ckpt->path, scale_name, mv_dtype_name(rows->scales->type));
}

marvis_status mv_checkpoint_take_tensor_rows(mv_checkpoint *ckpt, const char *name, int n_dims,
                                             const int64_t *shape, mv_rows *rows,
                                             marvis_error *err) {
    *rows = (mv_rows){0};
    size_t i = mv_checkpoint_index(ckpt, name);
    if (strlen(name) + sizeof "_scale" > MAX_NAME || n_dims < 2)
        return mv_fail(err, MARVIS_ERR_CALL, "%s: no name of a matrix", name);
    if (i == ckpt->n_tensors) return mv_fail_missing(ckpt, name, n_dims, shape, err);
    const mv_tensor *t = &ckpt->tensors[i];
    if (!mv_shape_is(t, n_dims, shape)) return mv_fail_shape(ckpt, i, n_dims, shape, err);
    if (!mv_dtype_is_float(t->type) && !is_blocks(t->type) &&
        !(t->type == MV_DT_I8 && ckpt->gguf.path))
        return mv_fail(err, MARVIS_ERR_TENSOR, "%s: tensor \"%s\" has type %s; expected F32, F16%s",
                       ckpt->file_of[i], name, mv_dtype_name(t->type),
                       ckpt->gguf.path ? ", BF16, Q8_0, Q4_0, Q4_1 or I8" : " or BF16");
    rows->weight = t;
    rows->n_cols = (size_t)t->shape[n_dims - 1];
    rows->n_rows = 1;
    for (int d = 0; d + 1 < n_dims; d++)
        rows->n_rows *= (size_t)t->shape[d]; /* no more than n_values */
    if (t->type == MV_DT_I8) MV_TRY(take_row_scales(ckpt, name, n_dims, shape, rows, err));
    ckpt->used[i] = true;
    return MARVIS_OK;
}

marvis_status mv_checkpoint_take_rows(mv_checkpoint *ckpt, const char *module, int64_t n_rows,
                                      int64_t n_cols, const mv_quant_config *quant, mv_rows *rows,
                                      marvis_error *err) {
    char name[MAX_NAME];
    *rows = (mv_rows){0};
    if (strlen(module) + sizeof ".weight_scale" > sizeof name || n_rows < 1 || n_cols < 1 ||
        n_rows > INT64_MAX / n_cols / 8)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "%s: a matrix of %" PRId64 " x %" PRId64 " is impossible", module, n_rows,
                       n_cols);
    snprintf(name, sizeof name, "%s.scales", module);
    if (!mv_checkpoint_has(ckpt, name)) {
        snprintf(name, sizeof name, "%s.weight", module);
        return mv_checkpoint_take_tensor_rows(ckpt, name, 2, (int64_t[]){n_rows, n_cols}, rows,
                                              err);
    }
    MV_TRY(take_triple(ckpt, module, n_rows, n_cols, rows, err));
    rows->n_rows = (size_t)n_rows;
    rows->n_cols = (size_t)n_cols;
    return check_quant(ckpt, module, quant, rows, err);
}

/* ---- reading -------------------------------------------------------------------------------- */

size_t mv_rows_scratch(const mv_rows *rows) {
    return rows->bits ? 2 * (size_t)rows->scales->shape[1] : 0;
}

static void get_mlx(const mv_rows *m, size_t r, float *dst, float *scales) {
    size_t groups = (size_t)m->scales->shape[1], row_words = (size_t)m->weight->shape[1];
    float *biases = scales + groups;
    mv_widen(scales, mv_wtype_of(m->scales->type),
             m->scales->data + r * groups * mv_dtype_bytes(m->scales->type), groups);
    mv_widen(biases, mv_wtype_of(m->biases->type),
             m->biases->data + r * groups * mv_dtype_bytes(m->biases->type), groups);
    mv_mlx_dequantize_row(dst, m->weight->data + r * row_words * 4, scales, biases, m->n_cols,
                          m->group, m->bits);
}

static void get_int8(const mv_rows *m, size_t r, float *dst) {
    float scale;
    memcpy(&scale, m->scales->data + r * sizeof scale, sizeof scale);
    const int8_t *q = (const int8_t *)m->weight->data + r * m->n_cols;
    for (size_t i = 0; i < m->n_cols; i++)
        dst[i] = scale * (float)q[i];
}

mv_block_format mv_blocks_of(mv_dtype type) {
    return type == MV_DT_Q8_0   ? MV_BLOCKS_Q8_0
           : type == MV_DT_Q4_0 ? MV_BLOCKS_Q4_0
                                : MV_BLOCKS_Q4_1;
}

void mv_rows_get(const mv_rows *rows, size_t r, float *dst, float *scratch) {
    mv_dtype type = rows->weight->type;
    size_t row_bytes = rows->n_cols / mv_dtype_block(type) * mv_dtype_bytes(type);
    r += rows->first;
    const uint8_t *src = rows->weight->data + r * row_bytes;
    if (rows->bits)
        get_mlx(rows, r, dst, scratch);
    else if (type == MV_DT_I8)
        get_int8(rows, r, dst);
    else if (is_blocks(type))
        mv_blocks_to_f32(dst, mv_blocks_of(type), src, rows->n_cols);
    else
        mv_widen(dst, mv_wtype_of(type), src, rows->n_cols);
}
