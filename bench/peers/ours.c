/* ours.c - the library's own products as a side (side.h): every matrix in memory of its own, as a
 * model has it. */
#include "base/memory.h"
#include "kernels/convert.h"
#include "nn/pack.h"
#include "peers/side.h"

#include <stdio.h>
#include <string.h>

typedef struct ours {
    side base;
    const frame_model *model;
    const frame_plan *plan;
    const float *x;
    mv_exec exec;
    mv_matrix *matrices;
    float *y[FRAME_MOST_OUTS];
} ours;

/* The first matrix of a shape and type, of its values. */
static marvis_status make(const frame_shape *shape, mv_wtype type, mv_pool *pool, mv_matrix *m,
                          marvis_error *err) {
    *m = (mv_matrix){.type = MV_W_F32,
                     .n_rows = shape->n_rows,
                     .n_cols = shape->n_cols,
                     .row_bytes = shape->n_cols * sizeof(float),
                     .data = shape->values};
    if (mv_is_packed(type)) {
        MV_TRY(mv_matrix_quantize(m, type, pool, "a matrix", err));
        if (m->type == type) return MARVIS_OK;
        return mv_fail(err, MARVIS_ERR_CALL, "%zu columns cannot be packed", shape->n_cols);
    }
    if (type != MV_W_F32 && type != MV_W_BF16)
        return mv_fail(err, MARVIS_ERR_CALL, "weights in %s cannot be made", mv_wtype_name(type));
    m->type = type;
    m->row_bytes = shape->n_cols * mv_wtype_bytes(type);
    m->owned = mv_alloc(shape->n_rows, m->row_bytes);
    if (!m->owned) return mv_fail_memory(err, shape->n_rows * m->row_bytes, "weights");
    if (type == MV_W_BF16)
        mv_convert_f32_bf16(m->owned, shape->values, shape->n_rows * shape->n_cols);
    else
        memcpy(m->owned, shape->values, mv_matrix_bytes(m));
    m->data = m->owned;
    return MARVIS_OK;
}

static marvis_status copy(const mv_matrix *from, mv_matrix *to, marvis_error *err) {
    size_t bytes = mv_matrix_bytes(from);
    *to = *from;
    to->sample = NULL;
    to->owned = mv_alloc(bytes, 1);
    to->data = to->owned;
    if (!to->owned) return mv_fail_memory(err, bytes, "weights");
    memcpy(to->owned, from->data, bytes);
    return MARVIS_OK;
}

static marvis_status make_matrices(ours *o, const mv_wtype *types, marvis_error *err) {
    const frame_model *model = o->model;
    o->matrices = mv_alloc((size_t)model->n_matrices, sizeof *o->matrices);
    o->base.matrix_bytes = mv_alloc((size_t)model->n_matrices, sizeof *o->base.matrix_bytes);
    if (!o->matrices || !o->base.matrix_bytes)
        return mv_fail_memory(err, sizeof *o->matrices, "matrices");
    for (int i = 0; i < model->n_matrices; i++) {
        const frame_matrix *m = &model->matrices[i];
        mv_wtype type = types[m->class];
        int same = 0;
        while (same < i &&
               (model->matrices[same].shape != m->shape || o->matrices[same].type != type))
            same++;
        if (same < i)
            MV_TRY(copy(&o->matrices[same], &o->matrices[i], err));
        else
            MV_TRY(make(frame_shape_of(model, i), type, o->exec.pool, &o->matrices[i], err));
        o->base.matrix_bytes[i] = mv_matrix_bytes(&o->matrices[i]);
    }
    return MARVIS_OK;
}

static void free_buffers(ours *o) {
    mv_free(o->exec.room);
    o->exec.room = NULL;
    for (int i = 0; i < FRAME_MOST_OUTS; i++) {
        mv_free(o->y[i]);
        o->y[i] = NULL;
    }
}

static marvis_status prepare(side *s, const frame_plan *plan, const float *x, marvis_error *err) {
    ours *o = (ours *)s;
    free_buffers(o);
    o->plan = plan;
    o->x = x;
    o->exec.room_bytes = mv_linear_room(plan->most_rows, o->model->most_cols);
    o->exec.room = mv_alloc(o->exec.room_bytes, 1);
    bool all = o->exec.room != NULL;
    for (int i = 0; i < FRAME_MOST_OUTS; i++) {
        o->y[i] = mv_alloc(plan->most_rows, o->model->most_rows * sizeof(float));
        all = all && o->y[i];
    }
    return all ? MARVIS_OK : mv_fail_memory(err, o->exec.room_bytes, "activations");
}

static marvis_status run(side *s, marvis_error *err) {
    ours *o = (ours *)s;
    (void)err;
    for (int i = 0; i < o->plan->n_ops; i++) {
        const frame_op *op = &o->plan->ops[i];
        mv_linear_out outs[FRAME_MOST_OUTS];
        for (int j = 0; j < op->n; j++) {
            const mv_matrix *m = &o->matrices[op->first + j];
            outs[j] = (mv_linear_out){m, o->y[j], m->n_rows};
        }
        mv_linear_multi(&o->exec, outs, (size_t)op->n, o->x, outs[0].w->n_cols, op->n_rows);
    }
    return MARVIS_OK;
}

/* The pool's threads sleep by themselves, within a tenth of a millisecond. */
static void rest(side *s) { (void)s; }

static const float *output(const side *s, size_t *ld) {
    const ours *o = (const ours *)s;
    *ld = o->matrices[o->plan->ops[o->plan->n_ops - 1].first].n_rows;
    return o->y[0];
}

static void destroy(side *s) {
    ours *o = (ours *)s;
    free_buffers(o);
    for (int i = 0; o->matrices && i < o->model->n_matrices; i++)
        mv_matrix_deinit(&o->matrices[i]);
    mv_free(o->matrices);
    mv_free(s->matrix_bytes);
    mv_free(o);
}

marvis_status side_ours(const frame_model *model, const char *name,
                        const mv_wtype types[FRAME_N_CLASSES], const mv_kernels *kernels,
                        mv_pool *pool, side **s, marvis_error *err) {
    *s = NULL;
    ours *o = mv_alloc(1, sizeof *o);
    if (!o) return mv_fail_memory(err, sizeof *o, "a side");
    o->base = (side){.is_ours = true,
                     .prepare = prepare,
                     .run = run,
                     .rest = rest,
                     .output = output,
                     .destroy = destroy};
    snprintf(o->base.name, sizeof o->base.name, "marvis %s", name);
    o->model = model;
    o->exec = (mv_exec){.kernels = kernels, .pool = pool};
    marvis_status status = make_matrices(o, types, err);
    if (status == MARVIS_OK)
        *s = &o->base;
    else
        destroy(&o->base);
    return status;
}
