/* frame.c - see frame.h. */
#include "peers/frame.h"

#include "base/memory.h"
#include "model/csm_random.h"

#include <math.h>

enum { PER_LAYER = 7 };

/* ---- the model ------------------------------------------------------------------------------ */

/* Even numbers by a linear congruential generator; its high bits are good enough for weights. */
static void fill(float *values, size_t n, size_t n_cols, uint64_t state) {
    const double most = sqrt(3.0 / (double)n_cols);
    for (size_t i = 0; i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        values[i] = (float)(((double)(state >> 32) / 2147483648.0 - 1) * most);
    }
}

static marvis_status find_shape(frame_model *model, size_t n_rows, size_t n_cols, int *index,
                                marvis_error *err) {
    for (*index = 0; *index < model->n_shapes; ++*index) {
        const frame_shape *s = &model->shapes[*index];
        if (s->n_rows == n_rows && s->n_cols == n_cols) return MARVIS_OK;
    }
    if (model->n_shapes == FRAME_MOST_SHAPES)
        return mv_fail(err, MARVIS_ERR_CALL, "more than %d shapes of matrices", FRAME_MOST_SHAPES);
    frame_shape *s = &model->shapes[model->n_shapes++];
    *s = (frame_shape){n_rows, n_cols, mv_alloc(n_rows, n_cols * sizeof(float))};
    if (!s->values) return mv_fail_memory(err, n_rows * n_cols * sizeof(float), "weights");
    fill(s->values, n_rows * n_cols, n_cols, (uint64_t)model->n_shapes);
    if (n_rows > model->most_rows) model->most_rows = n_rows;
    if (n_cols > model->most_cols) model->most_cols = n_cols;
    return MARVIS_OK;
}

static marvis_status add_matrix(frame_model *model, frame_class class, int n_rows, int n_cols,
                                marvis_error *err) {
    frame_matrix *m = &model->matrices[model->n_matrices++];
    m->class = class;
    return find_shape(model, (size_t)n_rows, (size_t)n_cols, &m->shape, err);
}

static marvis_status add_tower(frame_model *model, const mv_llama_config *c, frame_class attention,
                               frame_class feed_forward, marvis_error *err) {
    int q = c->n_heads * c->head_dim, kv = c->n_kv_heads * c->head_dim;
    for (int i = 0; i < c->n_layers; i++) {
        MV_TRY(add_matrix(model, attention, q, c->width, err));
        MV_TRY(add_matrix(model, attention, kv, c->width, err));
        MV_TRY(add_matrix(model, attention, kv, c->width, err));
        MV_TRY(add_matrix(model, attention, c->width, q, err));
        MV_TRY(add_matrix(model, feed_forward, c->mlp_width, c->width, err));
        MV_TRY(add_matrix(model, feed_forward, c->mlp_width, c->width, err));
        MV_TRY(add_matrix(model, feed_forward, c->width, c->mlp_width, err));
    }
    return MARVIS_OK;
}

static marvis_status add_all(frame_model *model, const mv_csm_config *config, marvis_error *err) {
    model->backbone_layers = config->backbone.n_layers;
    model->depth_layers = config->depth.n_layers;
    model->n_codebooks = config->n_codebooks;
    size_t n = (size_t)(PER_LAYER * (model->backbone_layers + model->depth_layers)) +
               (size_t)model->n_codebooks;
    model->matrices = mv_alloc(n, sizeof *model->matrices);
    if (!model->matrices) return mv_fail_memory(err, n * sizeof *model->matrices, "matrices");
    MV_TRY(add_tower(model, &config->backbone, FRAME_BACKBONE, FRAME_BACKBONE, err));
    MV_TRY(add_matrix(model, FRAME_HEADS, config->audio_vocab, config->backbone.width, err));
    MV_TRY(add_tower(model, &config->depth, FRAME_DEPTH_ATTENTION, FRAME_DEPTH_FEED_FORWARD, err));
    for (int i = 1; i < model->n_codebooks; i++)
        MV_TRY(add_matrix(model, FRAME_HEADS, config->audio_vocab, config->depth.width, err));
    return MARVIS_OK;
}

marvis_status frame_model_init(const char *shape, frame_model *model, marvis_error *err) {
    mv_csm_config config;
    *model = (frame_model){0};
    MV_TRY(mv_csm_random_config(shape, &config, err));
    marvis_status status = add_all(model, &config, err);
    mv_csm_config_deinit(&config);
    if (status != MARVIS_OK) frame_model_deinit(model);
    return status;
}

void frame_model_deinit(frame_model *model) {
    for (int i = 0; i < model->n_shapes; i++)
        mv_free(model->shapes[i].values);
    mv_free(model->matrices);
    *model = (frame_model){0};
}

/* ---- plans ---------------------------------------------------------------------------------- */

static marvis_status plan_init(int most_ops, int most_parts, frame_plan *plan, marvis_error *err) {
    *plan = (frame_plan){.ops = mv_alloc((size_t)most_ops, sizeof *plan->ops),
                         .part_ends = mv_alloc((size_t)most_parts, sizeof *plan->part_ends)};
    if (plan->ops && plan->part_ends) return MARVIS_OK;
    frame_plan_deinit(plan);
    return mv_fail_memory(err, (size_t)most_ops * sizeof *plan->ops, "the list of products");
}

void frame_plan_deinit(frame_plan *plan) {
    mv_free(plan->ops);
    mv_free(plan->part_ends);
    *plan = (frame_plan){0};
}

static void add_op(frame_plan *plan, int first, int n, size_t n_rows) {
    plan->ops[plan->n_ops++] = (frame_op){first, n, n_rows};
    if (n_rows > plan->most_rows) plan->most_rows = n_rows;
}

static void end_part(frame_plan *plan) { plan->part_ends[plan->n_parts++] = plan->n_ops; }

static void add_layers(frame_plan *plan, int first, int n_layers, size_t n_rows) {
    for (int i = 0; i < n_layers; i++, first += PER_LAYER) {
        add_op(plan, first, 3, n_rows);     /* q, k, v */
        add_op(plan, first + 3, 1, n_rows); /* o */
        add_op(plan, first + 4, 2, n_rows); /* gate, up */
        add_op(plan, first + 6, 1, n_rows); /* down */
    }
}

marvis_status frame_plan_step(const frame_model *model, size_t batch, frame_plan *plan,
                              marvis_error *err) {
    int head0 = PER_LAYER * model->backbone_layers, depth = head0 + 1;
    int heads = depth + PER_LAYER * model->depth_layers;
    int n_calls = model->n_codebooks - 1;
    MV_TRY(plan_init(4 * model->backbone_layers + 1 + n_calls * (4 * model->depth_layers + 1),
                     1 + n_calls, plan, err));
    add_layers(plan, 0, model->backbone_layers, batch);
    add_op(plan, head0, 1, batch);
    end_part(plan);
    for (int i = 0; i < n_calls; i++) {
        add_layers(plan, depth, model->depth_layers, i == 0 ? 2 * batch : batch);
        add_op(plan, heads + i, 1, batch);
        end_part(plan);
    }
    return MARVIS_OK;
}

marvis_status frame_plan_prompt(const frame_model *model, size_t n, frame_plan *plan,
                                marvis_error *err) {
    MV_TRY(plan_init(4 * model->backbone_layers, 1, plan, err));
    add_layers(plan, 0, model->backbone_layers, n);
    end_part(plan);
    return MARVIS_OK;
}

marvis_status frame_plan_one(int matrix, size_t n, frame_plan *plan, marvis_error *err) {
    MV_TRY(plan_init(1, 1, plan, err));
    add_op(plan, matrix, 1, n);
    end_part(plan);
    return MARVIS_OK;
}
