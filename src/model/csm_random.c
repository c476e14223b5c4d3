/* csm_random.c - see csm_random.h. The lists of tensors here are checked by the loaders, which take
 * each by name and shape and refuse what is missing or left over. */
#include "model/csm_random.h"

#include "base/memory.h"
#include "format/checkpoint_random.h"
#include "model/csm_layout.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const mv_layout layout = MV_LAYOUT_HF;

/* ---- shapes --------------------------------------------------------------------------------- */

static void make_tiny(mv_csm_config *config) {
    mv_llama_config *towers[] = {&config->backbone, &config->depth};
    config->text_vocab = 300;
    config->audio_vocab = 67;
    config->n_codebooks = 4;
    config->bos_id = 256;
    config->eos_id = 257;
    for (int i = 0; i < 2; i++) {
        towers[i]->n_layers = 2;
        towers[i]->width = 64;
        towers[i]->mlp_width = 128;
        towers[i]->n_heads = 4;
        towers[i]->n_kv_heads = 2;
        towers[i]->head_dim = 16;
    }
    mv_mimi_config *mimi = &config->codec;
    mimi->latent = 32;
    mimi->n_filters = 4;
    mimi->n_layers = 2;
    mimi->n_heads = 2;
    mimi->head_dim = 16;
    mimi->mlp_width = 64;
    mimi->codebook_size = 64;
    mimi->codebook_dim = 16;
    mimi->n_codebooks = 4;
}

marvis_status mv_csm_random_config(const char *shape, mv_csm_config *config, marvis_error *err) {
    bool tiny = strcmp(shape, "tiny") == 0;
    if (mv_csm_config_flavour(tiny ? "marvis-250m" : shape, config, NULL) != MARVIS_OK)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "shape '%s' is unknown; use marvis-250m, marvis-100m, csm-1b or tiny",
                       shape);
    mv_mimi_config_init(&config->codec);
    if (tiny) make_tiny(config);
    config->has_codec = true;
    snprintf(config->source, sizeof config->source, "shape %s", shape);
    return MARVIS_OK;
}

/* ---- tensors -------------------------------------------------------------------------------- */

typedef struct list {
    mv_random_tensor *items; /* mv_grow'n */
    size_t n, capacity;
    bool failed; /* out of memory: told at the end */
} list;

/* A tensor by name; dimensions that are 0 are not there. */
static void add(list *l, const char *name, int64_t d0, int64_t d1, int64_t d2, float mean,
                float deviation) {
    if (l->n == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 256;
        mv_random_tensor *items = mv_grow(l->items, capacity, sizeof *items);
        l->failed |= !items;
        if (!items) return;
        l->items = items;
        l->capacity = capacity;
    }
    mv_random_tensor *t = &l->items[l->n++];
    *t = (mv_random_tensor){.n_dims = 1 + (d1 > 0) + (d2 > 0),
                            .shape = {d0, d1, d2},
                            .mean = mean,
                            .deviation = deviation};
    l->failed |= snprintf(t->name, sizeof t->name, "%s", name) >= (int)sizeof t->name;
}

/* A matrix whose products are about as large as what they are made of. */
static void add_matrix(list *l, const char *module, int64_t n_rows, int64_t n_cols) {
    char name[144];
    snprintf(name, sizeof name, "%s.weight", module);
    add(l, name, n_rows, n_cols, 0, 0, 1 / sqrtf((float)n_cols));
}

static void add_part(list *l, mv_csm_part part, int64_t n_rows, int64_t n_cols) {
    char module[128];
    mv_layout_part_module(layout, part, module, sizeof module);
    add_matrix(l, module, n_rows, n_cols);
}

static void add_norm(list *l, mv_tower tower, int layer, mv_block_part part, int width) {
    char name[128];
    mv_layout_norm_tensor(layout, tower, layer, part, name, sizeof name);
    add(l, name, width, 0, 0, 1, 0.1f);
}

static void add_tower(list *l, mv_tower tower, const mv_llama_config *c) {
    const int q = c->n_heads * c->head_dim, kv = c->n_kv_heads * c->head_dim;
    const struct {
        mv_block_part part;
        int n_rows, n_cols;
    } matrices[] = {
        {MV_BLOCK_Q, q, c->width},
        {MV_BLOCK_K, kv, c->width},
        {MV_BLOCK_V, kv, c->width},
        {MV_BLOCK_O, c->width, q},
        {MV_BLOCK_GATE, c->mlp_width, c->width},
        {MV_BLOCK_UP, c->mlp_width, c->width},
        {MV_BLOCK_DOWN, c->width, c->mlp_width},
    };
    char module[128];
    for (int i = 0; i < c->n_layers; i++) {
        add_norm(l, tower, i, MV_BLOCK_NORM1, c->width);
        add_norm(l, tower, i, MV_BLOCK_NORM2, c->width);
        for (size_t m = 0; m < sizeof matrices / sizeof *matrices; m++) {
            mv_layout_block_module(layout, tower, i, matrices[m].part, module, sizeof module);
            add_matrix(l, module, matrices[m].n_rows, matrices[m].n_cols);
        }
    }
    add_norm(l, tower, 0, MV_BLOCK_FINAL_NORM, c->width);
}

static void add_csm(list *l, const mv_csm_config *c) {
    char name[128];
    int wide = c->backbone.width, narrow = c->depth.width;
    add_part(l, MV_PART_TEXT_TABLE, c->text_vocab, wide);
    add_part(l, MV_PART_AUDIO_TABLE, (int64_t)c->n_codebooks * c->audio_vocab, wide);
    add_part(l, MV_PART_PROJECTION, narrow, wide);
    add_part(l, MV_PART_HEAD0, c->audio_vocab, wide);
    mv_layout_heads_tensor(layout, name, sizeof name);
    add(l, name, c->n_codebooks - 1, narrow, c->audio_vocab, 0, 1 / sqrtf((float)narrow));
    add_tower(l, MV_TOWER_BACKBONE, &c->backbone);
    add_tower(l, MV_TOWER_DEPTH, &c->depth);
}

/* ---- Mimi, as transformers names it ---- */

MV_PRINTF(6, 7)
static void add_mimi(list *l, int64_t d0, int64_t d1, int64_t d2, float mean, const char *format,
                     ...) {
    char name[128] = "codec_model.";
    size_t n = strlen(name);
    va_list args;
    va_start(args, format);
    vsnprintf(name + n, sizeof name - n, format, args);
    va_end(args);
    size_t n_in = (size_t)(d1 ? d1 : 1) * (size_t)(d2 ? d2 : 1);
    add(l, name, d0, d1, d2, mean, d1 ? 1 / sqrtf((float)n_in) : 0);
}

static void add_conv(list *l, int layer, int block, int in, int out, int kernel, bool transposed) {
    char module[64];
    if (block < 0)
        snprintf(module, sizeof module, "decoder.layers.%d.conv", layer);
    else
        snprintf(module, sizeof module, "decoder.layers.%d.block.%d.conv", layer, block);
    add_mimi(l, transposed ? in : out, transposed ? out : in, kernel, 0, "%s.weight", module);
    add_mimi(l, out, 0, 0, 0, "%s.bias", module);
}

static void add_seanet(list *l, const mv_mimi_config *c) {
    int width = c->n_filters << c->n_ratios;
    add_conv(l, 0, -1, c->latent, width, c->kernel, false);
    for (int i = 0; i < c->n_ratios; i++, width /= 2) {
        int layer = 2 + 3 * i, half = width / 2, inner = half / c->compress;
        add_conv(l, layer, -1, width, half, 2 * c->ratios[i], true);
        add_conv(l, layer + 1, 1, half, inner, c->residual_kernel, false);
        add_conv(l, layer + 1, 3, inner, half, 1, false);
    }
    add_conv(l, 3 * c->n_ratios + 2, -1, c->n_filters, 1, c->last_kernel, false);
}

static void add_quantizer(list *l, const mv_mimi_config *c) {
    static const char *const halves[] = {"semantic", "acoustic"};
    for (int h = 0; h < 2; h++) {
        int n = h ? c->n_codebooks - c->n_semantic : c->n_semantic;
        add_mimi(l, c->latent, c->codebook_dim, 1, 0,
                 "quantizer.%s_residual_vector_quantizer.output_proj.weight", halves[h]);
        for (int i = 0; i < n; i++) {
            char module[64];
            snprintf(module, sizeof module, "%s_residual_vector_quantizer.layers.%d.codebook",
                     halves[h], i);
            add_mimi(l, c->codebook_size, c->codebook_dim, 0, 0, "quantizer.%s.embed_sum", module);
            add_mimi(l, c->codebook_size, 0, 0, 1, "quantizer.%s.cluster_usage", module);
        }
    }
}

static void add_transformer(list *l, const mv_mimi_config *c) {
    static const char *const norms[] = {"input_layernorm", "post_attention_layernorm"};
    static const char *const projections[] = {"q", "k", "v"};
    const int width = c->n_heads * c->head_dim;
    for (int i = 0; i < c->n_layers; i++) {
        char at[48];
        snprintf(at, sizeof at, "decoder_transformer.layers.%d", i);
        for (int k = 0; k < 2; k++) {
            add_mimi(l, c->latent, 0, 0, 1, "%s.%s.weight", at, norms[k]);
            add_mimi(l, c->latent, 0, 0, 0, "%s.%s.bias", at, norms[k]);
        }
        for (int k = 0; k < 3; k++)
            add_mimi(l, width, c->latent, 0, 0, "%s.self_attn.%s_proj.weight", at, projections[k]);
        add_mimi(l, c->latent, width, 0, 0, "%s.self_attn.o_proj.weight", at);
        add_mimi(l, c->latent, 0, 0, 0.1f, "%s.self_attn_layer_scale.scale", at);
        add_mimi(l, c->latent, 0, 0, 0.1f, "%s.mlp_layer_scale.scale", at);
        add_mimi(l, c->mlp_width, c->latent, 0, 0, "%s.mlp.fc1.weight", at);
        add_mimi(l, c->latent, c->mlp_width, 0, 0, "%s.mlp.fc2.weight", at);
    }
}

marvis_status mv_csm_random_checkpoint(const mv_csm_config *config, const char *path, uint64_t seed,
                                       const mv_exec *exec, mv_checkpoint **ckpt,
                                       marvis_error *err) {
    list l = {0};
    const mv_mimi_config *codec = &config->codec;
    *ckpt = NULL;
    add_csm(&l, config);
    add_quantizer(&l, codec);
    add_mimi(&l, codec->latent, 1, 2 * codec->upsample_stride, 0, "upsample.conv.weight");
    add_transformer(&l, codec);
    add_seanet(&l, codec);
    marvis_status status = l.failed
                               ? mv_fail_memory(err, l.n * sizeof *l.items, "the list of tensors")
                               : mv_checkpoint_random(path, l.items, l.n, seed, exec, ckpt, err);
    mv_free(l.items);
    return status;
}
