/* mimi_load.c - binds Mimi's tensors: moshi's names and transformers' names, their old spellings,
 * and their shapes. What the decoder needs is kept as f32; the encoder's tensors are checked here
 * and read when somebody encodes (mimi_load_encoder.c). */
#include "base/file.h"
#include "base/memory.h"
#include "format/hub.h"
#include "model/csm_layout.h"
#include "model/mimi_load_internal.h"

#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 512, MODULE_SIZE = 192 };

bool mv_mimi_any_under(const mv_checkpoint *ckpt, const char *prefix, const char *part) {
    const size_t n_prefix = strlen(prefix), n_part = strlen(part);
    for (size_t i = 0; i < mv_checkpoint_n_tensors(ckpt); i++) {
        const char *name = mv_checkpoint_tensor(ckpt, i)->name;
        if (strncmp(name, prefix, n_prefix) == 0 && strncmp(name + n_prefix, part, n_part) == 0)
            return true;
    }
    return false;
}

static bool names_are_moshi(const mv_checkpoint *ckpt, const char *prefix) {
    return mv_mimi_any_under(ckpt, prefix, "quantizer.rvq_");
}

static bool names_are_hf(const mv_checkpoint *ckpt, const char *prefix) {
    return mv_mimi_any_under(ckpt, prefix, "quantizer.semantic_residual_vector_quantizer.") ||
           mv_mimi_any_under(ckpt, prefix, "quantizer.acoustic_residual_vector_quantizer.");
}

bool mv_mimi_detect(const mv_checkpoint *ckpt, const char *prefix) {
    return names_are_moshi(ckpt, prefix) || names_are_hf(ckpt, prefix);
}

marvis_status mv_mimi_take(const mv_mimi_loader *l, const char *module, const char *leaf,
                           int n_dims, const int64_t *shape, float **values) {
    char name[NAME_SIZE];
    const mv_tensor *tensor;
    snprintf(name, sizeof name, "%s%s%s", l->prefix, module, leaf);
    if (values) return mv_checkpoint_take_f32(l->ckpt, name, n_dims, shape, values, l->err);
    return mv_checkpoint_take(l->ckpt, name, n_dims, shape, &tensor, l->err);
}

/* Not a copy where the file has it as f32; *owned is to be freed, values or not. */
static marvis_status view(const mv_mimi_loader *l, const char *module, const char *leaf, int n_dims,
                          const int64_t *shape, const float **values, float **owned) {
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%s%s%s", l->prefix, module, leaf);
    return mv_checkpoint_view_f32(l->ckpt, name, n_dims, shape, values, owned, l->err);
}

/* What `view` gave was packed and is not needed any more: nor are the file's pages. */
static void forget(const float *values, float *owned, size_t n) {
    if (!owned) mv_map_forget((const uint8_t *)values, n * sizeof *values);
    mv_free(owned);
}

static marvis_status take_vector(const mv_mimi_loader *l, const char *module, const char *leaf,
                                 int n, float **values) {
    return mv_mimi_take(l, module, leaf, 1, (int64_t[]){n}, values);
}

/* The spelling of a leaf that the file has; `usual` when it has none, so that this one is named. */
static const char *spelling(const mv_mimi_loader *l, const char *module, const char *usual,
                            const char *const *others) {
    char name[NAME_SIZE];
    for (const char *const *leaf = others; *leaf; leaf++) {
        snprintf(name, sizeof name, "%s%s%s", l->prefix, module, *leaf);
        if (mv_checkpoint_has(l->ckpt, name)) return *leaf;
    }
    return usual;
}

static mv_matrix f32_matrix(const float *values, float *owned, size_t n_rows, size_t n_cols) {
    return (mv_matrix){.type = MV_W_F32,
                       .n_rows = n_rows,
                       .n_cols = n_cols,
                       .row_bytes = n_cols * sizeof(float),
                       .data = values,
                       .owned = owned};
}

static marvis_status take_matrix(const mv_mimi_loader *l, const char *module, const char *leaf,
                                 int n_rows, int n_cols, mv_matrix *matrix) {
    const int64_t shape[] = {n_rows, n_cols};
    const float *values;
    float *owned;
    if (!matrix) return mv_mimi_take(l, module, leaf, 2, shape, NULL);
    MV_TRY(view(l, module, leaf, 2, shape, &values, &owned));
    *matrix = f32_matrix(values, owned, (size_t)n_rows, (size_t)n_cols);
    return MARVIS_OK;
}

/* ---- SEANet ---- */

marvis_status mv_mimi_load_conv(const mv_mimi_loader *l, const char *side,
                                const mv_mimi_conv_shape *s, mv_conv *conv) {
    char module[MODULE_SIZE], block[32] = "";
    if (s->block >= 0) snprintf(block, sizeof block, ".block.%d", s->block);
    const char *leaf = !l->moshi ? ".conv" : s->transposed ? ".convtr.convtr" : ".conv.conv";
    snprintf(module, sizeof module, "%s.%s.%d%s%s", side, l->moshi ? "model" : "layers", s->layer,
             block, leaf);
    const int64_t shape[3] = {s->transposed ? s->in : s->out, s->transposed ? s->out : s->in,
                              s->kernel};
    if (!conv) {
        MV_TRY(mv_mimi_take(l, module, ".weight", 3, shape, NULL));
        return take_vector(l, module, ".bias", s->out, NULL);
    }
    const float *weight;
    float *owned, *bias;
    MV_TRY(view(l, module, ".weight", 3, shape, &weight, &owned));
    marvis_status status = take_vector(l, module, ".bias", s->out, &bias);
    if (status == MARVIS_OK) {
        status = (s->transposed ? mv_conv_init_transposed : mv_conv_init)(
            conv, weight, bias, s->in, s->out, s->kernel, s->stride, l->err);
        mv_free(bias);
    }
    forget(weight, owned, (size_t)s->in * (size_t)s->out * (size_t)s->kernel);
    return status;
}

marvis_status mv_mimi_load_residual(const mv_mimi_loader *l, const char *side, int layer, int width,
                                    mv_conv *narrow, mv_conv *widen) {
    const int inner = width / l->config->compress;
    const mv_mimi_conv_shape first = {layer, 1, width, inner, l->config->residual_kernel, 1, false};
    const mv_mimi_conv_shape second = {layer, 3, inner, width, 1, 1, false};
    MV_TRY(mv_mimi_load_conv(l, side, &first, narrow));
    return mv_mimi_load_conv(l, side, &second, widen);
}

static marvis_status load_decoder(const mv_mimi_loader *l, mv_mimi *mimi) {
    const mv_mimi_config *c = l->config;
    int width = c->n_filters << c->n_ratios;
    const mv_mimi_conv_shape first = {0, -1, c->latent, width, c->kernel, 1, false};
    MV_TRY(mv_mimi_load_conv(l, "decoder", &first, &mimi->first));
    for (int i = 0; i < c->n_ratios; i++, width /= 2) {
        mv_mimi_stage *stage = &mimi->stages[i];
        const int ratio = c->ratios[i], layer = 2 + 3 * i;
        const mv_mimi_conv_shape up = {layer, -1, width, width / 2, 2 * ratio, ratio, true};
        MV_TRY(mv_mimi_load_conv(l, "decoder", &up, &stage->up));
        MV_TRY(mv_mimi_load_residual(l, "decoder", layer + 1, width / 2, &stage->narrow,
                                     &stage->widen));
    }
    const mv_mimi_conv_shape last = {3 * c->n_ratios + 2, -1, c->n_filters, 1,
                                     c->last_kernel,      1,  false};
    return mv_mimi_load_conv(l, "decoder", &last, &mimi->last);
}

/* ---- from the frame rate to the transformer's rate ---- */

static marvis_status load_upsample(const mv_mimi_loader *l, mv_mimi *mimi) {
    const mv_mimi_config *c = l->config;
    const int kernel = 2 * c->upsample_stride;
    float *weight;
    MV_TRY(mv_mimi_take(l, l->moshi ? "upsample.convtr.convtr.convtr" : "upsample.conv", ".weight",
                        3, (int64_t[]){c->latent, 1, kernel}, &weight));
    marvis_status status =
        mv_convtr_dw_init(&mimi->upsample, weight, c->latent, kernel, c->upsample_stride, l->err);
    mv_free(weight);
    return status;
}

/* ---- transformers ---- */

/* transformers' q, k and v in one matrix [3*A][latent], as moshi has them. */
static marvis_status take_qkv_hf(const mv_mimi_loader *l, const char *module, mv_matrix *qkv) {
    static const char *const leaves[3] = {"self_attn.q_proj.weight", "self_attn.k_proj.weight",
                                          "self_attn.v_proj.weight"};
    const mv_mimi_config *c = l->config;
    const int width = c->n_heads * c->head_dim;
    const size_t n = (size_t)width * (size_t)c->latent;
    float *all = NULL;
    if (qkv) {
        all = mv_alloc_raw(3 * n, sizeof(float));
        if (!all) return mv_fail_memory(l->err, 3 * n * sizeof(float), "the codec's weights");
    }
    for (size_t i = 0; i < 3; i++) {
        mv_matrix part;
        marvis_status status =
            take_matrix(l, module, leaves[i], width, c->latent, qkv ? &part : NULL);
        if (status != MARVIS_OK) {
            mv_free(all);
            return status;
        }
        if (!qkv) continue;
        memcpy(all + i * n, part.data, n * sizeof(float));
        mv_matrix_deinit(&part);
    }
    if (qkv) *qkv = f32_matrix(all, all, 3 * (size_t)width, (size_t)c->latent);
    return MARVIS_OK;
}

static marvis_status load_attention(const mv_mimi_loader *l, const char *module, mv_mimi_block *b) {
    static const char *const in_leaves[] = {"self_attn.in_proj.weight",
                                            "self_attn.in_projs.0.weight", NULL};
    static const char *const out_leaves[] = {"self_attn.out_projs.0.weight", NULL};
    const mv_mimi_config *c = l->config;
    const int width = c->n_heads * c->head_dim;
    if (l->moshi)
        MV_TRY(take_matrix(l, module, spelling(l, module, "self_attn.in_proj_weight", in_leaves),
                           3 * width, c->latent, b ? &b->qkv : NULL));
    else
        MV_TRY(take_qkv_hf(l, module, b ? &b->qkv : NULL));
    const char *out = l->moshi ? spelling(l, module, "self_attn.out_proj.weight", out_leaves)
                               : "self_attn.o_proj.weight";
    return take_matrix(l, module, out, c->latent, width, b ? &b->out : NULL);
}

marvis_status mv_mimi_load_block(const mv_mimi_loader *l, const char *side, int index,
                                 mv_mimi_block *b) {
    const mv_mimi_config *c = l->config;
    const bool m = l->moshi;
    char module[MODULE_SIZE];
    snprintf(module, sizeof module, "%s_transformer.%slayers.%d.", side, m ? "transformer." : "",
             index);
    MV_TRY(load_attention(l, module, b));
    MV_TRY(take_vector(l, module, m ? "norm1.weight" : "input_layernorm.weight", c->latent,
                       b ? &b->norm1_weight : NULL));
    MV_TRY(take_vector(l, module, m ? "norm1.bias" : "input_layernorm.bias", c->latent,
                       b ? &b->norm1_bias : NULL));
    MV_TRY(take_vector(l, module, m ? "norm2.weight" : "post_attention_layernorm.weight", c->latent,
                       b ? &b->norm2_weight : NULL));
    MV_TRY(take_vector(l, module, m ? "norm2.bias" : "post_attention_layernorm.bias", c->latent,
                       b ? &b->norm2_bias : NULL));
    MV_TRY(take_vector(l, module, m ? "layer_scale_1.scale" : "self_attn_layer_scale.scale",
                       c->latent, b ? &b->scale1 : NULL));
    MV_TRY(take_vector(l, module, m ? "layer_scale_2.scale" : "mlp_layer_scale.scale", c->latent,
                       b ? &b->scale2 : NULL));
    MV_TRY(take_matrix(l, module, m ? "linear1.weight" : "mlp.fc1.weight", c->mlp_width, c->latent,
                       b ? &b->fc1 : NULL));
    MV_TRY(take_matrix(l, module, m ? "linear2.weight" : "mlp.fc2.weight", c->latent, c->mlp_width,
                       b ? &b->fc2 : NULL));
    if (!b) return MARVIS_OK;
    mv_matrix *const weights[] = {&b->qkv, &b->out, &b->fc1, &b->fc2};
    for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++) {
        const mv_matrix rows = *weights[i];
        MV_TRY(mv_matrix_tile(weights[i], l->err));
        if (!rows.owned) forget(rows.data, NULL, rows.n_rows * rows.n_cols);
    }
    return MARVIS_OK;
}

static marvis_status load_transformer(const mv_mimi_loader *l, mv_mimi *mimi) {
    const size_t n = (size_t)l->config->n_layers;
    mimi->blocks = mv_alloc(n, sizeof *mimi->blocks);
    if (!mimi->blocks)
        return mv_fail_memory(l->err, n * sizeof *mimi->blocks, "the codec's transformer");
    for (int i = 0; i < l->config->n_layers; i++)
        MV_TRY(mv_mimi_load_block(l, "decoder", i, &mimi->blocks[i]));
    return MARVIS_OK;
}

/* ---- quantiser ---- */

void mv_mimi_rvq_module(const mv_mimi_loader *l, bool semantic, char module[MV_MIMI_RVQ_SIZE]) {
    const char *first = l->moshi ? "rvq_first" : "semantic_residual_vector_quantizer";
    const char *rest = l->moshi ? "rvq_rest" : "acoustic_residual_vector_quantizer";
    snprintf(module, MV_MIMI_RVQ_SIZE, "quantizer.%s.", semantic ? first : rest);
}

/* Training's mark that a codebook holds anything: there or not, decoding does without it. */
static void ignore_flags(const mv_mimi_loader *l, const char *module) {
    static const char *const flags[] = {"_codebook._initialized", "_codebook.initialized",
                                        "_codebook.inited",       "codebook._initialized",
                                        "codebook.initialized",   "codebook.inited"};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "%s%s%s", l->prefix, module, flags[i]);
        mv_checkpoint_ignore(l->ckpt, name);
    }
}

/* Finished rows: embedding_sum / max(cluster_usage, 1e-5), as training keeps them apart. */
static marvis_status load_codebook(const mv_mimi_loader *l, int index, float **table) {
    static const char *const sums[] = {"_codebook.embedding_sum",
                                       "_codebook.embed_sum",
                                       "_codebook.embed_avg",
                                       "codebook.embed_sum",
                                       "codebook.embedding_sum",
                                       "codebook.embed_avg",
                                       NULL};
    static const char *const usages[] = {"_codebook.cluster_usage", "_codebook.cluster_size",
                                         "codebook.cluster_usage", "codebook.cluster_size", NULL};
    const mv_mimi_config *c = l->config;
    const bool semantic = index < c->n_semantic;
    char rvq[MV_MIMI_RVQ_SIZE], module[MODULE_SIZE];
    mv_mimi_rvq_module(l, semantic, rvq);
    snprintf(module, sizeof module, "%s%slayers.%d.", rvq, l->moshi ? "vq." : "",
             semantic ? index : index - c->n_semantic);
    const char *sum_leaf = spelling(l, module, l->moshi ? sums[0] : sums[3], sums);
    const char *usage_leaf = spelling(l, module, l->moshi ? usages[0] : usages[2], usages);
    float *usage;
    ignore_flags(l, module);
    MV_TRY(mv_mimi_take(l, module, sum_leaf, 2, (int64_t[]){c->codebook_size, c->codebook_dim},
                        table));
    MV_TRY(take_vector(l, module, usage_leaf, c->codebook_size, &usage));
    const size_t dim = (size_t)c->codebook_dim;
    for (size_t r = 0; r < (size_t)c->codebook_size; r++) {
        const float count = usage[r] < 1e-5f ? 1e-5f : usage[r];
        for (size_t i = 0; i < dim; i++)
            (*table)[r * dim + i] /= count;
    }
    mv_free(usage);
    return MARVIS_OK;
}

/* Columns [first, first + dim) of the joint projection. */
static marvis_status load_output_proj(const mv_mimi_loader *l, bool semantic, float *project) {
    const mv_mimi_config *c = l->config;
    const size_t dim = (size_t)c->codebook_dim, first = semantic ? 0 : dim;
    char module[MV_MIMI_RVQ_SIZE];
    float *weight;
    mv_mimi_rvq_module(l, semantic, module);
    MV_TRY(mv_mimi_take(l, module, "output_proj.weight", 3,
                        (int64_t[]){c->latent, c->codebook_dim, 1}, &weight));
    for (size_t r = 0; r < (size_t)c->latent; r++)
        memcpy(project + r * 2 * dim + first, weight + r * dim, dim * sizeof(float));
    mv_free(weight);
    return MARVIS_OK;
}

static marvis_status load_quantizer(const mv_mimi_loader *l, mv_mimi *mimi) {
    const mv_mimi_config *c = l->config;
    const size_t latent = (size_t)c->latent, n_cols = 2 * (size_t)c->codebook_dim;
    mimi->tables = mv_alloc((size_t)c->n_codebooks, sizeof *mimi->tables);
    float *project = mv_alloc(latent * n_cols, sizeof(float));
    if (project) mimi->project = f32_matrix(project, project, latent, n_cols);
    if (!mimi->tables || !project)
        return mv_fail_memory(l->err, latent * n_cols * sizeof(float), "the codec's quantiser");
    MV_TRY(load_output_proj(l, true, project));
    MV_TRY(load_output_proj(l, false, project));
    for (int i = 0; i < c->n_codebooks; i++)
        MV_TRY(load_codebook(l, i, &mimi->tables[i]));
    return mv_matrix_tile(&mimi->project, l->err);
}

/* ---- the whole ---- */

/* Nothing of a codec may be left; what else the file holds is the caller's. */
static marvis_status finish(const mv_mimi_loader *l) {
    enum { MAX_KNOWN = 8 };
    const char *const *parts = mv_layout_known_prefixes(MV_LAYOUT_MIMI);
    char names[MAX_KNOWN][NAME_SIZE];
    const char *known[MAX_KNOWN + 1] = {NULL};
    for (size_t i = 0; i < MAX_KNOWN && parts[i]; i++) {
        snprintf(names[i], sizeof names[i], "%s%s", l->prefix, parts[i]);
        known[i] = names[i];
    }
    return mv_checkpoint_finish(l->ckpt, known, 0, NULL, NULL, l->err);
}

static marvis_status load_all(const mv_mimi_loader *l, mv_mimi *mimi) {
    MV_TRY(load_quantizer(l, mimi));
    MV_TRY(load_upsample(l, mimi));
    MV_TRY(load_transformer(l, mimi));
    MV_TRY(load_decoder(l, mimi));
    MV_TRY(mv_mimi_check_encoder(l, &mimi->has_encoder));
    return finish(l);
}

marvis_status mv_mimi_load(mv_checkpoint *ckpt, const char *prefix, const mv_mimi_config *config,
                           mv_mimi **mimi_ptr, marvis_error *err) {
    *mimi_ptr = NULL;
    MV_TRY(mv_mimi_config_check(config, err));
    const bool moshi = names_are_moshi(ckpt, prefix), hf = names_are_hf(ckpt, prefix);
    if (moshi && hf)
        return mv_fail(err, MARVIS_ERR_TENSOR,
                       "%s: a Mimi codec in both moshi's and transformers' naming, "
                       "\"%squantizer.rvq_*\" and \"%squantizer.*_residual_vector_quantizer.*\"; "
                       "expected one of them",
                       mv_checkpoint_path(ckpt), prefix, prefix);
    if (!moshi && !hf)
        return mv_fail(
            err, MARVIS_ERR_TENSOR,
            "%s: no Mimi codec: neither \"%squantizer.rvq_first.*\" nor "
            "\"%squantizer.semantic_residual_vector_quantizer.*\" is there; " MV_CODEC_HINT,
            mv_checkpoint_path(ckpt), prefix, prefix);
    mv_mimi *mimi = mv_alloc(1, sizeof *mimi);
    if (!mimi) return mv_fail_memory(err, sizeof *mimi, "the codec");
    mimi->config = *config;
    mimi->rope_interleaved = moshi;
    const mv_mimi_loader l = {ckpt, prefix, &mimi->config, moshi, err};
    marvis_status status = load_all(&l, mimi);
    if (status != MARVIS_OK) {
        mv_mimi_destroy(&mimi);
        return status;
    }
    *mimi_ptr = mimi;
    return MARVIS_OK;
}
