/* csm_flavours.c - the published models as rows of numbers: for config files that name flavours
 * only, and for weights without a config.json, matched by their shapes. The table of docs/MODEL.md.
 */
#include "model/csm_config_internal.h"
#include "model/csm_layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Of each tower: layers, width, mlp width, heads, kv heads, head size. */
#define LLAMA_1B             16, 2048, 8192, 32, 8, 64
#define LLAMA_250M           6, 1536, 8192, 12, 3, 128
#define LLAMA_100M           4, 1024, 8192, 8, 2, 128
#define LLAMA_60M            4, 1024, 4096, 8, 2, 128
#define MARVIS_100M_BACKBONE 8, 1024, 4096, 8, 2, 128

typedef struct tower {
    int n_layers, width, mlp_width, n_heads, n_kv_heads, head_dim;
} tower;

static const struct {
    const char *name;
    tower dims;
} towers[] = {
    {"llama-1B", {LLAMA_1B}},
    {"llama-250M", {LLAMA_250M}},
    {"llama-100M", {LLAMA_100M}},
    {"llama-60M", {LLAMA_60M}},
};

typedef struct row {
    const char *name;
    int text_vocab;
    tower backbone, depth;
    const char *note; /* what the row assumes, for mv_csm_config.source */
} row;

static const row rows[] = {
    {"marvis-250m", 49152, {LLAMA_250M}, {LLAMA_60M}, ""},
    /* Tensor shapes do not tell 8 heads of 128 from 16 of 64, and no source names the split. */
    {"marvis-100m", 49152, {MARVIS_100M_BACKBONE}, {LLAMA_60M}, ", assumed heads 8/2/128"},
    {"csm-1b", 128256, {LLAMA_1B}, {LLAMA_100M}, ""},
};

#define N_ROWS   (sizeof rows / sizeof *rows)
#define N_TOWERS (sizeof towers / sizeof *towers)

static mv_llama_config tower_config(const tower *t, int max_positions) {
    return (mv_llama_config){
        .n_layers = t->n_layers,
        .width = t->width,
        .mlp_width = t->mlp_width,
        .n_heads = t->n_heads,
        .n_kv_heads = t->n_kv_heads,
        .head_dim = t->head_dim,
        .max_positions = max_positions,
        .norm_eps = 1e-5f,
        .rope = {.theta = 500000,
                 .llama3 = 1,
                 .factor = 32,
                 .low_freq_factor = 1,
                 .high_freq_factor = 4,
                 .original_max_positions = 8192},
    };
}

bool mv_csm_flavour_tower(const char *name, mv_llama_config *config) {
    for (size_t i = 0; i < N_TOWERS; i++) {
        if (strcmp(name, towers[i].name) != 0) continue;
        *config = tower_config(&towers[i].dims, 2048);
        return true;
    }
    return false;
}

const char *mv_csm_flavour_towers(void) { return "llama-1B, llama-250M, llama-100M, llama-60M"; }

static void fill_from_row(const row *r, mv_csm_config *config) {
    mv_csm_config_defaults(config);
    snprintf(config->flavour, sizeof config->flavour, "%s", r->name);
    config->text_vocab = r->text_vocab;
    config->backbone = tower_config(&r->backbone, 2048);
    config->depth = tower_config(&r->depth, config->n_codebooks + 1);
}

marvis_status mv_csm_config_flavour(const char *name, mv_csm_config *config, marvis_error *err) {
    memset(config, 0, sizeof *config);
    for (size_t i = 0; i < N_ROWS; i++) {
        if (strcmp(name, rows[i].name) != 0) continue;
        fill_from_row(&rows[i], config);
        snprintf(config->source, sizeof config->source, "flavour %s%s", name, rows[i].note);
        return MARVIS_OK;
    }
    return mv_fail(
        err, MARVIS_ERR_CONFIG,
        "no flavour is called \"%s\"; expected marvis-250m, marvis-100m, csm-1b or the path "
        "of a config.json",
        name);
}

/* ---- matching by shapes --------------------------------------------------------------------- */

/* What tensor shapes reveal whether or not the matrices are quantised: their rows, and the lengths
 * of norms and heads, which never are. */
typedef struct tower_shapes {
    int64_t n_layers, width, mlp_width, q_rows, kv_rows;
} tower_shapes;

typedef struct shapes {
    int64_t text_vocab, audio_rows, audio_vocab, n_codebooks;
    tower_shapes towers[2];
} shapes;

/* Size of dimension `dim` of a tensor with n_dims dimensions; 0 when it is absent or otherwise. */
static int64_t dim_of(const mv_checkpoint *ckpt, const char *name, int n_dims, int dim) {
    const mv_tensor *t = mv_checkpoint_peek(ckpt, name);
    return t && t->n_dims == n_dims ? t->shape[dim] : 0;
}

static int64_t rows_of_module(const mv_checkpoint *ckpt, char *module, size_t size) {
    size_t len = strlen(module);
    snprintf(module + len, size - len, ".weight");
    return dim_of(ckpt, module, 2, 0);
}

static tower_shapes read_tower(const mv_checkpoint *ckpt, mv_layout layout, mv_tower which) {
    char name[160];
    tower_shapes t = {0};
    mv_layout_norm_tensor(layout, which, 0, MV_BLOCK_FINAL_NORM, name, sizeof name);
    t.width = dim_of(ckpt, name, 1, 0);
    for (; t.n_layers <= MV_MAX_LAYERS; t.n_layers++) {
        mv_layout_norm_tensor(layout, which, (int)t.n_layers, MV_BLOCK_NORM1, name, sizeof name);
        if (!mv_checkpoint_has(ckpt, name)) break;
    }
    mv_layout_block_module(layout, which, 0, MV_BLOCK_Q, name, sizeof name);
    t.q_rows = rows_of_module(ckpt, name, sizeof name);
    mv_layout_block_module(layout, which, 0, MV_BLOCK_K, name, sizeof name);
    t.kv_rows = rows_of_module(ckpt, name, sizeof name);
    mv_layout_block_module(layout, which, 0, MV_BLOCK_GATE, name, sizeof name);
    t.mlp_width = rows_of_module(ckpt, name, sizeof name);
    return t;
}

static shapes read_shapes(const mv_checkpoint *ckpt, mv_layout layout) {
    char name[160];
    shapes s = {0};
    mv_layout_part_module(layout, MV_PART_TEXT_TABLE, name, sizeof name);
    s.text_vocab = rows_of_module(ckpt, name, sizeof name);
    mv_layout_part_module(layout, MV_PART_AUDIO_TABLE, name, sizeof name);
    s.audio_rows = rows_of_module(ckpt, name, sizeof name);
    if (s.audio_rows == 0 && layout == MV_LAYOUT_HF) { /* saved with the tied copy only */
        mv_layout_part_module(layout, MV_PART_AUDIO_TABLE_TIED, name, sizeof name);
        s.audio_rows = rows_of_module(ckpt, name, sizeof name);
    }
    mv_layout_heads_tensor(layout, name, sizeof name);
    uint64_t by_rows = 0;
    (void)mv_checkpoint_number(ckpt, MV_KEY_HEADS_BY_ROWS, &by_rows);
    s.n_codebooks = dim_of(ckpt, name, 3, 0) + 1;
    s.audio_vocab = dim_of(ckpt, name, 3, by_rows ? 1 : 2);
    s.towers[0] = read_tower(ckpt, layout, MV_TOWER_BACKBONE);
    s.towers[1] = read_tower(ckpt, layout, MV_TOWER_DEPTH);
    return s;
}

static bool tower_fits(const tower_shapes *s, const mv_llama_config *c) {
    return s->n_layers == c->n_layers && s->width == c->width && s->mlp_width == c->mlp_width &&
           s->q_rows == c->n_heads * c->head_dim && s->kv_rows == c->n_kv_heads * c->head_dim;
}

static bool row_fits(const shapes *s, const mv_csm_config *c) {
    return s->text_vocab == c->text_vocab && s->n_codebooks == c->n_codebooks &&
           s->audio_vocab == c->audio_vocab &&
           s->audio_rows == (int64_t)c->n_codebooks * c->audio_vocab &&
           tower_fits(&s->towers[0], &c->backbone) && tower_fits(&s->towers[1], &c->depth);
}

marvis_status mv_csm_config_match(const mv_checkpoint *ckpt, mv_csm_config *config,
                                  marvis_error *err) {
    mv_layout layout;
    memset(config, 0, sizeof *config);
    MV_TRY(mv_layout_detect(ckpt, &layout, err));
    if (layout == MV_LAYOUT_MIMI)
        return mv_fail(err, MARVIS_ERR_CONFIG,
                       "%s: a Mimi codec alone; expected a CSM or Marvis model",
                       mv_checkpoint_path(ckpt));
    shapes s = read_shapes(ckpt, layout);
    for (size_t i = 0; i < N_ROWS; i++) {
        fill_from_row(&rows[i], config);
        if (!row_fits(&s, config)) continue;
        config->backbone.rope_interleaved = mv_layout_rope_interleaved(layout);
        config->depth.rope_interleaved = mv_layout_rope_interleaved(layout);
        snprintf(config->source, sizeof config->source, "shapes matched %s%s", rows[i].name,
                 rows[i].note);
        return MARVIS_OK;
    }
    memset(config, 0, sizeof *config);
    const tower_shapes *b = &s.towers[0], *d = &s.towers[1];
    return mv_fail(
        err, MARVIS_ERR_CONFIG,
        "%s: no config.json, and the shapes (%" PRId64 " layers of %" PRId64 " and %" PRId64
        " of %" PRId64 ", text vocabulary %" PRId64 ") match no known model; give its config.json",
        mv_checkpoint_path(ckpt), b->n_layers, b->width, d->n_layers, d->width, s.text_vocab);
}
