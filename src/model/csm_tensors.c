/* csm_tensors.c - see csm_tensors.h. */
#include "model/csm_tensors.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

const char *mv_weight_class_name(mv_weight_class which) {
    static const char *const names[MV_N_CLASSES] = {"backbone.attn", "backbone.ffn", "depth.attn",
                                                    "depth.ffn",     "heads",        "projection",
                                                    "audio",         "text"};
    return names[which];
}

typedef struct lister {
    mv_layout layout;
    mv_csm_tensor *next;
} lister;

static void add_part(lister *l, mv_csm_part part, mv_weight_class which, int64_t n_rows,
                     int64_t n_cols) {
    mv_csm_tensor *t = l->next++;
    *t = (mv_csm_tensor){
        .kind = MV_TENSOR_MATRIX, .which = which, .n_rows = n_rows, .n_cols = n_cols};
    mv_layout_part_module(l->layout, part, t->name, sizeof t->name);
}

static void add_norm(lister *l, mv_tower tower, int layer, mv_block_part part, int64_t width) {
    mv_csm_tensor *t = l->next++;
    *t = (mv_csm_tensor){.kind = MV_TENSOR_NORM,
                         .tower = tower,
                         .layer = layer,
                         .part = part,
                         .n_rows = 1,
                         .n_cols = width};
    mv_layout_norm_tensor(l->layout, tower, layer, part, t->name, sizeof t->name);
}

static void add_block(lister *l, mv_tower tower, int layer, mv_block_part part, int64_t n_rows,
                      int64_t n_cols) {
    bool ffn = part == MV_BLOCK_GATE || part == MV_BLOCK_UP || part == MV_BLOCK_DOWN;
    int which = (tower == MV_TOWER_DEPTH ? MV_CLASS_DEPTH_ATTENTION : MV_CLASS_BACKBONE_ATTENTION) +
                (ffn ? 1 : 0);
    mv_csm_tensor *t = l->next++;
    *t = (mv_csm_tensor){.kind = MV_TENSOR_MATRIX,
                         .which = (mv_weight_class)which,
                         .tower = tower,
                         .layer = layer,
                         .part = part,
                         .n_rows = n_rows,
                         .n_cols = n_cols};
    mv_layout_block_module(l->layout, tower, layer, part, t->name, sizeof t->name);
}

static void add_tower(lister *l, mv_tower tower, const mv_llama_config *c) {
    int64_t q = (int64_t)c->n_heads * c->head_dim, kv = (int64_t)c->n_kv_heads * c->head_dim;
    for (int i = 0; i < c->n_layers; i++) {
        add_norm(l, tower, i, MV_BLOCK_NORM1, c->width);
        add_block(l, tower, i, MV_BLOCK_Q, q, c->width);
        add_block(l, tower, i, MV_BLOCK_K, kv, c->width);
        add_block(l, tower, i, MV_BLOCK_V, kv, c->width);
        add_block(l, tower, i, MV_BLOCK_O, c->width, q);
        add_norm(l, tower, i, MV_BLOCK_NORM2, c->width);
        add_block(l, tower, i, MV_BLOCK_GATE, c->mlp_width, c->width);
        add_block(l, tower, i, MV_BLOCK_UP, c->mlp_width, c->width);
        add_block(l, tower, i, MV_BLOCK_DOWN, c->width, c->mlp_width);
    }
    add_norm(l, tower, 0, MV_BLOCK_FINAL_NORM, c->width);
}

/* transformers has two names for the audio table. */
static mv_csm_part audio_part(const mv_checkpoint *ckpt, mv_layout layout) {
    char module[128], name[160];
    mv_layout_part_module(layout, MV_PART_AUDIO_TABLE, module, sizeof module);
    snprintf(name, sizeof name, "%s.weight", module);
    return layout != MV_LAYOUT_HF || mv_checkpoint_has(ckpt, name) ? MV_PART_AUDIO_TABLE
                                                                   : MV_PART_AUDIO_TABLE_TIED;
}

marvis_status mv_csm_tensors(const mv_checkpoint *ckpt, mv_layout layout, const mv_csm_config *c,
                             mv_csm_tensor **list, size_t *n, marvis_error *err) {
    const size_t most = 5 + 2 + 9 * (size_t)(c->backbone.n_layers + c->depth.n_layers);
    *n = 0;
    *list = mv_alloc(most, sizeof **list);
    if (!*list) return mv_fail_memory(err, most * sizeof **list, "a list of tensors");
    lister l = {layout, *list};
    const int wide = c->backbone.width, narrow = c->depth.width;
    add_part(&l, MV_PART_TEXT_TABLE, MV_CLASS_TEXT, c->text_vocab, wide);
    add_part(&l, audio_part(ckpt, layout), MV_CLASS_AUDIO, (int64_t)c->n_codebooks * c->audio_vocab,
             wide);
    add_tower(&l, MV_TOWER_BACKBONE, &c->backbone);
    add_part(&l, MV_PART_HEAD0, MV_CLASS_HEADS, c->audio_vocab, wide);
    add_part(&l, MV_PART_PROJECTION, MV_CLASS_PROJECTION, narrow, wide);
    add_tower(&l, MV_TOWER_DEPTH, &c->depth);
    mv_csm_tensor *heads = l.next++;
    *heads = (mv_csm_tensor){.kind = MV_TENSOR_HEADS,
                             .which = MV_CLASS_HEADS,
                             .n_rows = c->audio_vocab,
                             .n_cols = narrow};
    mv_layout_heads_tensor(layout, heads->name, sizeof heads->name);
    *n = (size_t)(l.next - *list);
    return MARVIS_OK;
}

const mv_matrix *mv_csm_tensor_matrix(const mv_csm *csm, const mv_csm_tensor *t) {
    const mv_llama *tower = t->tower == MV_TOWER_DEPTH ? &csm->depth : &csm->backbone;
    switch (t->which) {
    case MV_CLASS_TEXT: return &csm->text_table;
    case MV_CLASS_AUDIO: return &csm->audio_table;
    case MV_CLASS_PROJECTION: return &csm->projection;
    case MV_CLASS_HEADS: return t->kind == MV_TENSOR_HEADS ? &csm->heads[0] : &csm->head0;
    default: break;
    }
    const mv_llama_layer *y = &tower->layers[t->layer];
    switch (t->part) {
    case MV_BLOCK_Q: return &y->q;
    case MV_BLOCK_K: return &y->k;
    case MV_BLOCK_V: return &y->v;
    case MV_BLOCK_O: return &y->o;
    case MV_BLOCK_GATE: return &y->gate;
    case MV_BLOCK_UP: return &y->up;
    default: return &y->down;
    }
}
