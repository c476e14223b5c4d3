/* mimi_load_encoder.c - binds the tensors of Mimi's encoder: SEANet, transformer, downsampling and
 * the quantisers' input projections. A file without any of them is a codec that only decodes; one
 * with some needs them all. */
#include "base/memory.h"
#include "model/mimi_load_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static marvis_status load_seanet(const mv_mimi_loader *l, mv_mimi_encoder_weights *w) {
    const mv_mimi_config *c = l->config;
    int width = c->n_filters;
    const mv_mimi_conv_shape first = {0, -1, 1, width, c->kernel, 1, false};
    MV_TRY(mv_mimi_load_conv(l, "encoder", &first, w ? &w->first : NULL));
    for (int i = 0; i < c->n_ratios; i++, width *= 2) {
        mv_mimi_down_stage *stage = w ? &w->stages[i] : NULL;
        const int ratio = c->ratios[c->n_ratios - 1 - i], layer = 1 + 3 * i;
        const mv_mimi_conv_shape down = {layer + 2, -1, width, 2 * width, 2 * ratio, ratio, false};
        MV_TRY(mv_mimi_load_residual(l, "encoder", layer, width, stage ? &stage->narrow : NULL,
                                     stage ? &stage->widen : NULL));
        MV_TRY(mv_mimi_load_conv(l, "encoder", &down, stage ? &stage->down : NULL));
    }
    const mv_mimi_conv_shape last = {3 * c->n_ratios + 2, -1, width, c->latent,
                                     c->last_kernel,      1,  false};
    return mv_mimi_load_conv(l, "encoder", &last, w ? &w->last : NULL);
}

static marvis_status load_transformer(const mv_mimi_loader *l, mv_mimi_encoder_weights *w) {
    const size_t n = (size_t)l->config->n_layers;
    if (w) {
        w->blocks = mv_alloc(n, sizeof *w->blocks);
        if (!w->blocks)
            return mv_fail_memory(l->err, n * sizeof *w->blocks, "the codec's transformer");
    }
    for (int i = 0; i < l->config->n_layers; i++)
        MV_TRY(mv_mimi_load_block(l, "encoder", i, w ? &w->blocks[i] : NULL));
    return MARVIS_OK;
}

static marvis_status load_downsample(const mv_mimi_loader *l, mv_mimi_encoder_weights *w) {
    const mv_mimi_config *c = l->config;
    const int kernel = 2 * c->upsample_stride;
    float *weight;
    MV_TRY(mv_mimi_take(l, l->moshi ? "downsample.conv.conv.conv" : "downsample.conv", ".weight", 3,
                        (int64_t[]){c->latent, c->latent, kernel}, w ? &weight : NULL));
    if (!w) return MARVIS_OK;
    marvis_status status = mv_conv_init(&w->downsample, weight, NULL, c->latent, c->latent, kernel,
                                        c->upsample_stride, l->err);
    mv_free(weight);
    return status;
}

/* One of the two input projections into its rows of the joint one; rows NULL: checks it. */
static marvis_status load_input_proj(const mv_mimi_loader *l, bool semantic, float *rows) {
    const mv_mimi_config *c = l->config;
    const size_t n = (size_t)c->codebook_dim * (size_t)c->latent;
    char module[MV_MIMI_RVQ_SIZE];
    float *weight;
    mv_mimi_rvq_module(l, semantic, module);
    MV_TRY(mv_mimi_take(l, module, "input_proj.weight", 3,
                        (int64_t[]){c->codebook_dim, c->latent, 1}, rows ? &weight : NULL));
    if (!rows) return MARVIS_OK;
    memcpy(rows + (semantic ? 0 : n), weight, n * sizeof(float));
    mv_free(weight);
    return MARVIS_OK;
}

static marvis_status load_projections(const mv_mimi_loader *l, mv_mimi_encoder_weights *w) {
    const size_t n_rows = 2 * (size_t)l->config->codebook_dim, n_cols = (size_t)l->config->latent;
    float *rows = NULL;
    if (w) {
        rows = mv_alloc(n_rows * n_cols, sizeof(float));
        if (!rows)
            return mv_fail_memory(l->err, n_rows * n_cols * sizeof(float), "the codec's quantiser");
        w->project = (mv_matrix){.type = MV_W_F32,
                                 .n_rows = n_rows,
                                 .n_cols = n_cols,
                                 .row_bytes = n_cols * sizeof(float),
                                 .data = rows,
                                 .owned = rows};
    }
    MV_TRY(load_input_proj(l, true, rows));
    return load_input_proj(l, false, rows);
}

static marvis_status load_all(const mv_mimi_loader *l, mv_mimi_encoder_weights *w) {
    MV_TRY(load_projections(l, w));
    MV_TRY(load_seanet(l, w));
    MV_TRY(load_downsample(l, w));
    return load_transformer(l, w);
}

/* The lengths of the codebooks' rows, for the search. */
static marvis_status measure_rows(const mv_mimi *mimi, mv_mimi_encoder_weights *w,
                                  marvis_error *err) {
    const mv_mimi_config *c = &mimi->config;
    const size_t size = (size_t)c->codebook_size, dim = (size_t)c->codebook_dim;
    const size_t n = (size_t)c->n_codebooks * size;
    w->half_squares = mv_alloc(n, sizeof(float));
    w->lengths = mv_alloc(n, sizeof(float));
    if (!w->half_squares || !w->lengths)
        return mv_fail_memory(err, 2 * n * sizeof(float), "the codec's quantiser");
    for (int k = 0; k < c->n_codebooks; k++)
        for (size_t r = 0; r < size; r++) {
            const float *row = mimi->tables[k] + r * dim;
            double square = 0;
            for (size_t i = 0; i < dim; i++)
                square += (double)row[i] * (double)row[i];
            w->half_squares[(size_t)k * size + r] = (float)(square / 2);
            w->lengths[(size_t)k * size + r] = (float)sqrt(square);
        }
    return MARVIS_OK;
}

marvis_status mv_mimi_check_encoder(const mv_mimi_loader *l, bool *present) {
    static const bool semantic[] = {true, false};
    *present = mv_mimi_any_under(l->ckpt, l->prefix, "encoder.") ||
               mv_mimi_any_under(l->ckpt, l->prefix, "encoder_transformer.") ||
               mv_mimi_any_under(l->ckpt, l->prefix, "downsample.");
    if (*present) return load_all(l, NULL);
    /* A codec that only decodes may or may not carry the quantisers' input projections. */
    for (int i = 0; i < 2; i++) {
        char module[MV_MIMI_RVQ_SIZE], part[MV_MIMI_RVQ_SIZE + 32];
        mv_mimi_rvq_module(l, semantic[i], module);
        snprintf(part, sizeof part, "%sinput_proj.weight", module);
        if (mv_mimi_any_under(l->ckpt, l->prefix, part))
            MV_TRY(load_input_proj(l, semantic[i], NULL));
    }
    return MARVIS_OK;
}

marvis_status mv_mimi_encoder_load(mv_checkpoint *ckpt, const char *prefix, const mv_mimi *mimi,
                                   mv_mimi_encoder_weights **weights, marvis_error *err) {
    const mv_mimi_loader l = {ckpt, prefix, &mimi->config, mimi->rope_interleaved, err};
    *weights = NULL;
    mv_mimi_encoder_weights *w = mv_alloc(1, sizeof *w);
    if (!w) return mv_fail_memory(err, sizeof *w, "the codec's encoder");
    w->n_ratios = mimi->config.n_ratios;
    w->n_layers = mimi->config.n_layers;
    marvis_status status = load_all(&l, w);
    if (status == MARVIS_OK) status = measure_rows(mimi, w, err);
    if (status != MARVIS_OK) {
        mv_mimi_encoder_unload(&w);
        return status;
    }
    *weights = w;
    return MARVIS_OK;
}

void mv_mimi_encoder_unload(mv_mimi_encoder_weights **weights) {
    mv_mimi_encoder_weights *w = *weights;
    if (!w) return;
    mv_conv_deinit(&w->first);
    for (int i = 0; i < w->n_ratios; i++) {
        mv_conv_deinit(&w->stages[i].narrow);
        mv_conv_deinit(&w->stages[i].widen);
        mv_conv_deinit(&w->stages[i].down);
    }
    mv_conv_deinit(&w->last);
    for (int i = 0; w->blocks && i < w->n_layers; i++)
        mv_mimi_block_deinit(&w->blocks[i]);
    mv_free(w->blocks);
    mv_conv_deinit(&w->downsample);
    mv_matrix_deinit(&w->project);
    mv_free(w->half_squares);
    mv_free(w->lengths);
    mv_free(w);
    *weights = NULL;
}

bool mv_mimi_has_encoder(const mv_mimi *mimi) { return mimi->has_encoder; }
