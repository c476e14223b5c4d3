/* ggml.c - ggml's CPU backend as a side (side.h), by its public headers alone: a graph for each
 * part of a plan, run by its own thread pool, and the weights in its plain buffer or in one that
 * packs them (CPU_REPACK, AMX, CPU_KLEIDIAI, as it was built and as the machine has it). */
#include "base/memory.h"
#include "peers/side.h"

#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <ggml.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
    MOST_BUFFERS = 8,
    /* ggml's packing kernels want whole groups of rows; others than theirs get what there is. */
    ROW_GROUP = 64,
    SLOT_GRAIN = 256
};

struct ggml_peer {
    ggml_backend_t backend;
    ggml_threadpool_t threads;
    ggml_backend_buffer_type_t buffers[MOST_BUFFERS];
    int n_buffers;
};

int ggml_peer_type(const char *name) {
    for (int type = 0; type < GGML_TYPE_COUNT; type++) {
        const char *its = ggml_type_name((enum ggml_type)type);
        if (its && strcmp(its, name) == 0) return type;
    }
    return -1;
}

const char *ggml_peer_version(void) {
    static char text[80];
    snprintf(text, sizeof text, "ggml %s (%s)", ggml_version(), ggml_commit());
    return text;
}

int ggml_peer_n_buffers(const ggml_peer *peer) { return peer->n_buffers; }

/* It tells of every matrix that it packs. */
static void log_warnings(enum ggml_log_level level, const char *text, void *ctx) {
    (void)ctx;
    if (level == GGML_LOG_LEVEL_WARN || level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

marvis_status ggml_peer_create(int n_threads, ggml_peer **peer, marvis_error *err) {
    ggml_peer *p = *peer = mv_alloc(1, sizeof *p);
    if (!p) return mv_fail_memory(err, sizeof *p, "ggml");
    ggml_log_set(log_warnings, NULL);
    struct ggml_threadpool_params params = ggml_threadpool_params_default(n_threads);
    p->backend = ggml_backend_cpu_init();
    p->threads = ggml_threadpool_new(&params);
    if (!p->backend || !p->threads) {
        ggml_peer_destroy(p);
        *peer = NULL;
        return mv_fail(err, MARVIS_ERR_MEMORY, "ggml's CPU backend could not be started");
    }
    ggml_backend_cpu_set_n_threads(p->backend, n_threads);
    ggml_backend_cpu_set_threadpool(p->backend, p->threads);
    p->buffers[p->n_buffers++] = ggml_backend_cpu_buffer_type();
    ggml_backend_dev_t device = ggml_backend_get_device(p->backend);
    ggml_backend_dev_get_extra_bufts_t extra =
        (ggml_backend_dev_get_extra_bufts_t)ggml_backend_reg_get_proc_address(
            ggml_backend_dev_backend_reg(device), "ggml_backend_dev_get_extra_bufts");
    ggml_backend_buffer_type_t *types = extra ? extra(device) : NULL;
    for (; types && *types && p->n_buffers < MOST_BUFFERS; types++)
        p->buffers[p->n_buffers++] = *types;
    return MARVIS_OK;
}

void ggml_peer_destroy(ggml_peer *peer) {
    if (!peer) return;
    if (peer->backend) ggml_backend_free(peer->backend);
    if (peer->threads) ggml_threadpool_free(peer->threads);
    mv_free(peer);
}

/* ---- weights -------------------------------------------------------------------------------- */

typedef struct its {
    side base;
    const frame_model *model;
    ggml_peer *peer;
    struct ggml_context *weights[2];      /* in the plain buffer, in the packing one */
    ggml_backend_buffer_t weight_data[2]; /* NULL: none */
    struct ggml_tensor **matrices;
    struct ggml_context *compute;
    ggml_backend_buffer_t activations;
    struct ggml_cgraph **graphs; /* [n_parts] owned, as a list; the graphs are in `compute` */
    int n_graphs;
    struct ggml_tensor *last;
} its;

/* Whether the packing buffer has a kernel for a matrix, asked as ggml's users ask. */
static bool takes(const ggml_peer *peer, int buffer, enum ggml_type type, int64_t n_cols,
                  int64_t n_rows) {
    struct ggml_init_params params = {4 * ggml_tensor_overhead(), NULL, true};
    struct ggml_context *ctx = ggml_init(params);
    struct ggml_tensor *w = ggml_new_tensor_2d(ctx, type, n_cols, n_rows);
    struct ggml_tensor *x = ggml_new_tensor_2d(ctx, GGML_TYPE_F32, n_cols, 1);
    struct ggml_tensor *product = ggml_mul_mat(ctx, w, x);
    w->buffer = ggml_backend_buft_alloc_buffer(peer->buffers[buffer], 0);
    bool yes = ggml_backend_dev_supports_op(ggml_backend_get_device(peer->backend), product);
    ggml_backend_buffer_free(w->buffer);
    ggml_free(ctx);
    return yes;
}

/* Rows are filled up with zeros where a packing buffer then takes the matrix: to ggml's favour. */
static void add_matrices(its *g, const int *types, int buffer, bool *any) {
    const frame_model *model = g->model;
    for (int i = 0; i < model->n_matrices; i++) {
        const frame_shape *shape = frame_shape_of(model, i);
        enum ggml_type type = (enum ggml_type)types[model->matrices[i].class];
        int64_t n_cols = (int64_t)shape->n_cols, n_rows = (int64_t)shape->n_rows;
        int64_t filled = (n_rows + ROW_GROUP - 1) / ROW_GROUP * ROW_GROUP;
        bool packed = buffer > 0 && takes(g->peer, buffer, type, n_cols, filled);
        g->matrices[i] =
            ggml_new_tensor_2d(g->weights[packed], type, n_cols, packed ? filled : n_rows);
        g->base.matrix_bytes[i] =
            ggml_backend_buft_get_alloc_size(g->peer->buffers[packed ? buffer : 0], g->matrices[i]);
        *any = *any || packed;
    }
}

/* Quantises each shape once and hands the bytes to all of its matrices. */
static marvis_status set_matrices(its *g, marvis_error *err) {
    const frame_model *model = g->model;
    for (int i = 0; i < model->n_matrices; i++) {
        const frame_shape *shape = frame_shape_of(model, i);
        const struct ggml_tensor *w = g->matrices[i];
        size_t bytes = ggml_nbytes(w);
        bool done = false;
        for (int j = 0; j < i; j++)
            done = done || (frame_shape_of(model, j) == shape && g->matrices[j]->type == w->type &&
                            g->matrices[j]->buffer == w->buffer);
        if (done) continue;
        void *data = mv_alloc(bytes, 1);
        if (!data) return mv_fail_memory(err, bytes, "weights");
        ggml_quantize_chunk(w->type, shape->values, data, 0, (int64_t)shape->n_rows,
                            (int64_t)shape->n_cols, NULL);
        for (int j = i; j < model->n_matrices; j++)
            if (frame_shape_of(model, j) == shape && g->matrices[j]->type == w->type &&
                g->matrices[j]->buffer == w->buffer)
                ggml_backend_tensor_set(g->matrices[j], data, 0, bytes);
        mv_free(data);
    }
    return MARVIS_OK;
}

static marvis_status make_matrices(its *g, const int *types, int buffer, bool *any,
                                   marvis_error *err) {
    size_t n = (size_t)g->model->n_matrices;
    struct ggml_init_params params = {n * ggml_tensor_overhead(), NULL, true};
    g->matrices = mv_alloc(n, sizeof *g->matrices);
    g->base.matrix_bytes = mv_alloc(n, sizeof *g->base.matrix_bytes);
    if (!g->matrices || !g->base.matrix_bytes)
        return mv_fail_memory(err, n * sizeof *g->matrices, "matrices");
    for (int i = 0; i < 2; i++)
        g->weights[i] = ggml_init(params);
    add_matrices(g, types, buffer, any);
    if (buffer > 0 && !*any) return MARVIS_OK;
    for (int i = 0; i < 2; i++) {
        if (!ggml_get_first_tensor(g->weights[i])) continue;
        g->weight_data[i] = ggml_backend_alloc_ctx_tensors_from_buft(
            g->weights[i], g->peer->buffers[i ? buffer : 0]);
        if (!g->weight_data[i])
            return mv_fail(err, MARVIS_ERR_MEMORY, "out of memory for ggml's weights");
    }
    return set_matrices(g, err);
}

/* ---- plans ---------------------------------------------------------------------------------- */

static void free_plan(its *g) {
    if (g->compute) ggml_free(g->compute);
    if (g->activations) ggml_backend_buffer_free(g->activations);
    mv_free(g->graphs);
    g->compute = NULL;
    g->activations = NULL;
    g->graphs = NULL;
}

static size_t graph_size(const frame_plan *plan, int part) {
    int begin = part ? plan->part_ends[part - 1] : 0;
    return 4 * (size_t)(plan->part_ends[part] - begin) + 16;
}

static size_t round_up(size_t n) { return (n + SLOT_GRAIN - 1) / SLOT_GRAIN * SLOT_GRAIN; }

/* The activations lie at the base, the products of an operation in slots behind them, which the
 * next one uses again, as a network would. */
static bool add_op(its *g, struct ggml_cgraph *graph, const frame_op *op, size_t x_bytes,
                   size_t slot_bytes) {
    char *base = ggml_backend_buffer_get_base(g->activations);
    struct ggml_tensor *x = ggml_new_tensor_2d(g->compute, GGML_TYPE_F32,
                                               g->matrices[op->first]->ne[0], (int64_t)op->n_rows);
    bool fine = ggml_backend_tensor_alloc(g->activations, x, base) == GGML_STATUS_SUCCESS;
    for (int j = 0; j < op->n; j++) {
        struct ggml_tensor *y = ggml_mul_mat(g->compute, g->matrices[op->first + j], x);
        char *at = base + x_bytes + (size_t)j * slot_bytes;
        fine = fine && ggml_backend_tensor_alloc(g->activations, y, at) == GGML_STATUS_SUCCESS;
        ggml_build_forward_expand(graph, y);
        if (j == 0) g->last = y;
    }
    return fine;
}

static marvis_status prepare(side *s, const frame_plan *plan, const float *x, marvis_error *err) {
    its *g = (its *)s;
    size_t x_bytes = round_up(plan->most_rows * g->model->most_cols * sizeof(float));
    size_t slot_bytes =
        round_up(plan->most_rows * (g->model->most_rows + ROW_GROUP) * sizeof(float));
    size_t bytes = (size_t)plan->n_ops * (1 + FRAME_MOST_OUTS) * ggml_tensor_overhead();
    free_plan(g);
    for (int part = 0; part < plan->n_parts; part++)
        bytes += ggml_graph_overhead_custom(graph_size(plan, part), false);
    struct ggml_init_params params = {bytes, NULL, true};
    g->compute = ggml_init(params);
    g->activations =
        ggml_backend_buft_alloc_buffer(g->peer->buffers[0], x_bytes + FRAME_MOST_OUTS * slot_bytes);
    g->graphs = mv_alloc((size_t)plan->n_parts, sizeof *g->graphs);
    if (!g->compute || !g->activations || !g->graphs)
        return mv_fail_memory(err, bytes + x_bytes + FRAME_MOST_OUTS * slot_bytes, "activations");
    memcpy(ggml_backend_buffer_get_base(g->activations), x,
           plan->most_rows * g->model->most_cols * sizeof(float));
    g->n_graphs = plan->n_parts;
    int i = 0;
    for (int part = 0; part < plan->n_parts; part++) {
        g->graphs[part] = ggml_new_graph_custom(g->compute, graph_size(plan, part), false);
        for (; i < plan->part_ends[part]; i++)
            if (!add_op(g, g->graphs[part], &plan->ops[i], x_bytes, slot_bytes))
                return mv_fail(err, MARVIS_ERR_INTERNAL, "ggml refused a tensor's address");
    }
    return MARVIS_OK;
}

static marvis_status run(side *s, marvis_error *err) {
    its *g = (its *)s;
    for (int i = 0; i < g->n_graphs; i++)
        if (ggml_backend_graph_compute(g->peer->backend, g->graphs[i]) != GGML_STATUS_SUCCESS)
            return mv_fail(err, MARVIS_ERR_INTERNAL, "%s: ggml could not compute", s->name);
    return MARVIS_OK;
}

/* The next graph wakes them. */
static void rest(side *s) { ggml_threadpool_pause(((its *)s)->peer->threads); }

static const float *output(const side *s, size_t *ld) {
    const its *g = (const its *)s;
    *ld = (size_t)g->last->ne[0];
    return g->last->data;
}

static void destroy(side *s) {
    its *g = (its *)s;
    free_plan(g);
    for (int i = 0; i < 2; i++) {
        if (g->weight_data[i]) ggml_backend_buffer_free(g->weight_data[i]);
        if (g->weights[i]) ggml_free(g->weights[i]);
    }
    mv_free(g->matrices);
    mv_free(s->matrix_bytes);
    mv_free(g);
}

marvis_status side_ggml(const frame_model *model, const char *name,
                        const int types[FRAME_N_CLASSES], ggml_peer *peer, int buffer, side **s,
                        marvis_error *err) {
    bool any = false;
    *s = NULL;
    its *g = mv_alloc(1, sizeof *g);
    if (!g) return mv_fail_memory(err, sizeof *g, "a side");
    g->base =
        (side){.prepare = prepare, .run = run, .rest = rest, .output = output, .destroy = destroy};
    if (buffer > 0)
        snprintf(g->base.name, sizeof g->base.name, "ggml %s, %s", name,
                 ggml_backend_buft_name(peer->buffers[buffer]));
    else
        snprintf(g->base.name, sizeof g->base.name, "ggml %s", name);
    g->model = model;
    g->peer = peer;
    marvis_status status = make_matrices(g, types, buffer, &any, err);
    if (status == MARVIS_OK && (buffer == 0 || any))
        *s = &g->base;
    else
        destroy(&g->base);
    return status;
}
