/* csm_columns.c - see csm_columns.h. Sums are added up by the thread that calls, row after row, so
 * that they do not depend on the number of threads. */
#include "model/csm_columns.h"

#include "base/memory.h"

#include <math.h>

/* The matrix under which the input of a layer's matrix is counted. */
static const mv_matrix *first_of(const mv_llama_layer *y, const mv_matrix *w) {
    if (w == &y->k || w == &y->v) return &y->q;
    return w == &y->up ? &y->gate : w;
}

static mv_column_site *find(const mv_csm_columns *columns, const mv_matrix *w) {
    for (size_t i = 0; i < columns->n_sites; i++)
        if (columns->sites[i].w == w) return &columns->sites[i];
    return NULL;
}

static void see(void *ctx, const mv_matrix *w, const float *x, size_t ldx, size_t n_batch) {
    mv_column_site *site = find(ctx, w);
    if (!site) return;
    for (size_t b = 0; b < n_batch; b++, x += ldx)
        for (size_t i = 0; i < w->n_cols; i++)
            site->sums[i] += (double)x[i] * (double)x[i];
}

static void add_site(mv_csm_columns *columns, const mv_matrix *w, size_t *n_sums) {
    columns->sites[columns->n_sites++].w = w;
    *n_sums += w->n_cols;
}

static void add_tower(mv_csm_columns *columns, const mv_llama *tower, size_t *n_sums) {
    for (int i = 0; i < tower->config.n_layers; i++) {
        const mv_llama_layer *y = &tower->layers[i];
        const mv_matrix *first[] = {&y->q, &y->o, &y->gate, &y->down};
        for (size_t k = 0; k < sizeof first / sizeof *first; k++)
            add_site(columns, first[k], n_sums);
    }
}

marvis_status mv_csm_columns_init(mv_csm_columns *columns, const mv_csm *csm, marvis_error *err) {
    const int n_heads = csm->config.n_codebooks - 1;
    size_t most = 4 * (size_t)(csm->config.backbone.n_layers + csm->config.depth.n_layers) + 2 +
                  (size_t)n_heads;
    size_t n_sums = 0;
    *columns = (mv_csm_columns){.csm = csm, .observer.see = see, .observer.ctx = columns};
    columns->sites = mv_alloc(most, sizeof *columns->sites);
    if (!columns->sites) {
        mv_csm_columns_deinit(columns);
        return mv_fail_memory(err, most * sizeof *columns->sites, "the calibration");
    }
    add_tower(columns, &csm->backbone, &n_sums);
    add_tower(columns, &csm->depth, &n_sums);
    add_site(columns, &csm->head0, &n_sums);
    add_site(columns, &csm->projection, &n_sums);
    for (int i = 0; i < n_heads; i++)
        add_site(columns, &csm->heads[i], &n_sums);
    double *sums = columns->storage = mv_alloc(n_sums, sizeof *sums);
    if (!sums) {
        mv_csm_columns_deinit(columns);
        return mv_fail_memory(err, n_sums * sizeof *sums, "the calibration");
    }
    for (size_t i = 0; i < columns->n_sites; sums += columns->sites[i++].w->n_cols)
        columns->sites[i].sums = sums;
    return MARVIS_OK;
}

void mv_csm_columns_deinit(mv_csm_columns *columns) {
    mv_free(columns->sites);
    mv_free(columns->storage);
    *columns = (mv_csm_columns){0};
}

/* What other speech may bring to a column that carried nothing, as a share of the average. Without
 * it such columns would be stored at random; the built-in voice's codebook 0 in 4 bits was the
 * worse for 0 and 0.1 (docs/MODEL.md). */
static const double unseen = 0.5;

static bool weigh(const mv_column_site *site, float *weights) {
    size_t n = site->w->n_cols;
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += site->sums[i];
    if (!(sum > 0) || isinf(sum)) return false;
    for (size_t i = 0; i < n; i++)
        weights[i] = (float)(site->sums[i] * (double)n / sum + unseen);
    return true;
}

bool mv_csm_columns_get(const mv_csm_columns *columns, const mv_csm_tensor *t, float *weights) {
    const mv_csm *csm = columns->csm;
    if (t->kind == MV_TENSOR_NORM || t->which == MV_CLASS_AUDIO || t->which == MV_CLASS_TEXT)
        return false;
    const mv_matrix *w = mv_csm_tensor_matrix(csm, t);
    if (t->kind == MV_TENSOR_HEADS) {
        for (int i = 0; i + 1 < csm->config.n_codebooks; i++)
            if (!weigh(find(columns, w + i), weights + (size_t)i * w->n_cols)) return false;
        return csm->config.n_codebooks > 1;
    }
    bool layered = t->which <= MV_CLASS_DEPTH_FFN;
    const mv_llama *tower = t->tower == MV_TOWER_DEPTH ? &csm->depth : &csm->backbone;
    if (layered) w = first_of(&tower->layers[t->layer], w);
    return weigh(find(columns, w), weights);
}
