/* csm_load.c - binds a checkpoint's tensors to the CSM network: every one by name and shape. */
#include "model/csm.h"

#include "base/memory.h"
#include "kernels/packed.h"
#include "model/csm_layout.h"
#include "model/csm_pack.h"
#include "model/csm_pack_mlx.h"
#include "nn/pack.h"
#include "nn/weights.h"

#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 160 };

typedef struct loader {
    mv_checkpoint *ckpt;
    mv_layout layout;
    const mv_csm_config *config;
    marvis_weights weights;
    mv_pool *pool;
    marvis_error *err;
} loader;

/* What the matrices of a kind are quantised to; a float type: they are not. */
typedef enum matrix_class { TABLE, PROJECTION, HEAD, ATTENTION, FEED_FORWARD } matrix_class;

static mv_wtype packed_type(marvis_weights weights, mv_tower tower, matrix_class class) {
    if (class == TABLE) return MV_W_F32;
    switch (weights) {
    case MARVIS_WEIGHTS_INT8: return MV_W_I8;
    case MARVIS_WEIGHTS_Q8: return MV_W_Q8;
    case MARVIS_WEIGHTS_Q4: return MV_W_Q4;
    case MARVIS_WEIGHTS_MIX:
        return tower == MV_TOWER_DEPTH && class == FEED_FORWARD ? MV_W_Q4 : MV_W_I8;
    default: return MV_W_F32;
    }
}

static marvis_status quantize(const loader *l, mv_tower tower, matrix_class class, const char *name,
                              mv_matrix *matrix) {
    mv_wtype type = packed_type(l->weights, tower, class);
    if (!mv_is_packed(type)) return MARVIS_OK;
    return mv_matrix_quantize(matrix, type, l->pool, name, l->err);
}

/* A matrix of the checkpoint: packed as it is stored, or in the type that was asked for. */
static marvis_status take_matrix(const loader *l, mv_tower tower, matrix_class class,
                                 const char *name, const mv_rows *rows, mv_matrix *matrix) {
    bool packed = false;
    if (l->weights == MARVIS_WEIGHTS_AUTO && class == TABLE) {
        mv_csm_borrow_blocks(rows, matrix);
        if (matrix->data) return MARVIS_OK;
    }
    if (l->weights == MARVIS_WEIGHTS_AUTO)
        MV_TRY(mv_csm_pack_rows(rows, l->pool, name, matrix, &packed, l->err));
    if (!packed && l->weights == MARVIS_WEIGHTS_AUTO && class != TABLE)
        MV_TRY(mv_csm_pack_mlx(rows, l->pool, name, matrix, &packed, l->err));
    if (packed) return MARVIS_OK;
    MV_TRY(mv_rows_to_matrix(rows, l->weights, matrix, l->err));
    return quantize(l, tower, class, name, matrix);
}

static marvis_status take_part(const loader *l, mv_csm_part part, int n_rows, int n_cols,
                               mv_matrix *matrix) {
    char name[NAME_SIZE];
    matrix_class class = part == MV_PART_PROJECTION ? PROJECTION
                         : part == MV_PART_HEAD0    ? HEAD
                                                    : TABLE;
    mv_layout_part_module(l->layout, part, name, sizeof name);
    mv_rows rows;
    MV_TRY(
        mv_checkpoint_take_rows(l->ckpt, name, n_rows, n_cols, &l->config->quant, &rows, l->err));
    return take_matrix(l, MV_TOWER_BACKBONE, class, name, &rows, matrix);
}

static marvis_status take_block(const loader *l, mv_tower tower, int layer, mv_block_part part,
                                int n_rows, int n_cols, mv_matrix *matrix) {
    char name[NAME_SIZE];
    bool wide = part == MV_BLOCK_GATE || part == MV_BLOCK_UP || part == MV_BLOCK_DOWN;
    mv_layout_block_module(l->layout, tower, layer, part, name, sizeof name);
    mv_rows rows;
    MV_TRY(
        mv_checkpoint_take_rows(l->ckpt, name, n_rows, n_cols, &l->config->quant, &rows, l->err));
    return take_matrix(l, tower, wide ? FEED_FORWARD : ATTENTION, name, &rows, matrix);
}

static marvis_status take_norm(const loader *l, mv_tower tower, int layer, mv_block_part part,
                               int width, float **values) {
    char name[NAME_SIZE];
    const int64_t shape[] = {width};
    mv_layout_norm_tensor(l->layout, tower, layer, part, name, sizeof name);
    return mv_checkpoint_take_f32(l->ckpt, name, 1, shape, values, l->err);
}

static marvis_status load_layer(const loader *l, mv_tower tower, int index,
                                const mv_llama_config *c, mv_llama_layer *layer) {
    int q = c->n_heads * c->head_dim, kv = c->n_kv_heads * c->head_dim;
    MV_TRY(take_norm(l, tower, index, MV_BLOCK_NORM1, c->width, &layer->norm1));
    MV_TRY(take_block(l, tower, index, MV_BLOCK_Q, q, c->width, &layer->q));
    MV_TRY(take_block(l, tower, index, MV_BLOCK_K, kv, c->width, &layer->k));
    MV_TRY(take_block(l, tower, index, MV_BLOCK_V, kv, c->width, &layer->v));
    MV_TRY(take_block(l, tower, index, MV_BLOCK_O, c->width, q, &layer->o));
    MV_TRY(take_norm(l, tower, index, MV_BLOCK_NORM2, c->width, &layer->norm2));
    MV_TRY(take_block(l, tower, index, MV_BLOCK_GATE, c->mlp_width, c->width, &layer->gate));
    MV_TRY(take_block(l, tower, index, MV_BLOCK_UP, c->mlp_width, c->width, &layer->up));
    return take_block(l, tower, index, MV_BLOCK_DOWN, c->width, c->mlp_width, &layer->down);
}

static marvis_status load_tower(const loader *l, mv_tower tower, const mv_llama_config *c,
                                int n_positions, mv_llama *llama) {
    llama->config = *c;
    llama->config.rope_interleaved = mv_layout_rope_interleaved(l->layout);
    llama->layers = mv_alloc((size_t)c->n_layers, sizeof *llama->layers);
    if (!llama->layers)
        return mv_fail_memory(l->err, (size_t)c->n_layers * sizeof *llama->layers, "layers");
    for (int i = 0; i < c->n_layers; i++)
        MV_TRY(load_layer(l, tower, i, c, &llama->layers[i]));
    MV_TRY(take_norm(l, tower, 0, MV_BLOCK_FINAL_NORM, c->width, &llama->norm));
    return mv_rope_init(&llama->rope, &c->rope, c->head_dim, n_positions,
                        llama->config.rope_interleaved, l->err);
}

/* ---- heads: [C-1][d][V] in most files, used as [V][d] ---------------------------------------- */

typedef struct transpose_job {
    const uint8_t *src; /* [n_heads][n_in][n_out], unaligned */
    uint8_t *dst;       /* [n_heads][n_out][n_in] */
    size_t n_heads, n_in, n_out, size;
} transpose_job;

static void transpose(void *ctx, int part, int n_parts) {
    enum { BLOCK = 32 };
    const transpose_job *job = ctx;
    size_t blocks = (job->n_out + BLOCK - 1) / BLOCK, begin, end, size = job->size;
    mv_share(job->n_heads * blocks, 1, part, n_parts, &begin, &end);
    for (; begin < end; begin++) {
        size_t head = begin / blocks, o0 = begin % blocks * BLOCK;
        size_t o1 = o0 + BLOCK < job->n_out ? o0 + BLOCK : job->n_out;
        const uint8_t *src = job->src + head * job->n_in * job->n_out * size;
        uint8_t *dst = job->dst + head * job->n_in * job->n_out * size;
        for (size_t i = 0; i < job->n_in; i++)
            for (size_t o = o0; o < o1; o++)
                memcpy(dst + (o * job->n_in + i) * size, src + (i * job->n_out + o) * size, size);
    }
}

/* The heads one by one; when all are packed, the rows that they came from are freed. */
static marvis_status quantize_heads(const loader *l, size_t n_heads, const char *name,
                                    mv_csm *csm) {
    bool packed = true;
    for (size_t i = 0; i < n_heads; i++) {
        MV_TRY(quantize(l, MV_TOWER_DEPTH, HEAD, name, &csm->heads[i]));
        packed &= mv_is_packed(csm->heads[i].type);
    }
    if (!packed) return MARVIS_OK;
    mv_free(csm->heads_data);
    csm->heads_data = NULL;
    return MARVIS_OK;
}

/* Heads as files of other tools have them, floats with the codes innermost: transposed into memory
 * of their own. */
static marvis_status transpose_heads(const loader *l, const char *name, mv_csm *csm) {
    const mv_csm_config *c = l->config;
    size_t n_heads = (size_t)c->n_codebooks - 1;
    size_t n_in = (size_t)c->depth.width, n_out = (size_t)c->audio_vocab;
    const int64_t shape[] = {c->n_codebooks - 1, c->depth.width, c->audio_vocab};
    /* the shape is checked as three dimensions, the values are taken as rows */
    const mv_tensor *tensor;
    MV_TRY(mv_checkpoint_take(l->ckpt, name, 3, shape, &tensor, l->err));
    mv_wtype type = tensor->type == MV_DT_F32   ? MV_W_F32
                    : tensor->type == MV_DT_F16 ? MV_W_F16
                                                : MV_W_BF16;
    size_t values = n_heads * n_in * n_out;
    const uint8_t *src = tensor->data;
    void *converted = NULL;
    mv_wtype wanted = l->weights == MARVIS_WEIGHTS_F32    ? MV_W_F32
                      : l->weights == MARVIS_WEIGHTS_BF16 ? MV_W_BF16
                                                          : type;
    if (wanted != type) {
        MV_TRY(mv_weights_convert(src, type, wanted, values, &converted, l->err));
        src = converted;
    }
    size_t size = mv_wtype_bytes(wanted);
    csm->heads_data = mv_alloc(values, size);
    if (!csm->heads_data) {
        mv_free(converted);
        return mv_fail_memory(l->err, values * size, "the codebook heads");
    }
    transpose_job job = {.src = src,
                         .dst = csm->heads_data,
                         .n_heads = n_heads,
                         .n_in = n_in,
                         .n_out = n_out,
                         .size = size};
    mv_pool_run(l->pool, transpose, &job);
    mv_free(converted);
    for (size_t i = 0; i < n_heads; i++)
        csm->heads[i] = (mv_matrix){.type = wanted,
                                    .n_rows = n_out,
                                    .n_cols = n_in,
                                    .row_bytes = n_in * size,
                                    .data = job.dst + i * n_in * n_out * size};
    return MARVIS_OK;
}

/* Heads as our one-file models have them: [C-1][V][d], of any type. */
static marvis_status take_heads(const loader *l, const char *name, mv_csm *csm) {
    const mv_csm_config *c = l->config;
    const int64_t shape[] = {c->n_codebooks - 1, c->audio_vocab, c->depth.width};
    mv_rows rows;
    MV_TRY(mv_checkpoint_take_tensor_rows(l->ckpt, name, 3, shape, &rows, l->err));
    rows.n_rows = (size_t)c->audio_vocab;
    for (int i = 0; i + 1 < c->n_codebooks; i++) {
        rows.first = (size_t)i * rows.n_rows;
        MV_TRY(take_matrix(l, MV_TOWER_DEPTH, HEAD, name, &rows, &csm->heads[i]));
    }
    return MARVIS_OK;
}

static marvis_status load_heads(const loader *l, mv_csm *csm) {
    char name[NAME_SIZE];
    uint64_t by_rows = 0;
    size_t n_heads = (size_t)l->config->n_codebooks - 1;
    mv_layout_heads_tensor(l->layout, name, sizeof name);
    csm->heads = mv_alloc(n_heads, sizeof *csm->heads);
    if (!csm->heads) return mv_fail_memory(l->err, n_heads * sizeof *csm->heads, "the heads");
    (void)mv_checkpoint_number(l->ckpt, MV_KEY_HEADS_BY_ROWS, &by_rows);
    if (by_rows) return take_heads(l, name, csm);
    MV_TRY(transpose_heads(l, name, csm));
    return quantize_heads(l, n_heads, name, csm);
}

/* ---- tables --------------------------------------------------------------------------------- */

/* Whether two copies agree, by 1024 places spread over them: reading both whole would cost a
 * gigabyte from disk at every start. */
static bool same_at_samples(const mv_tensor *a, const mv_tensor *b) {
    enum { PLACES = 1024, PLACE = 64 };
    if (a->type != b->type || a->len_bytes != b->len_bytes) return false;
    if (a->len_bytes <= PLACES * PLACE) return memcmp(a->data, b->data, a->len_bytes) == 0;
    size_t step = (a->len_bytes - PLACE) / (PLACES - 1);
    for (size_t i = 0; i < PLACES; i++)
        if (memcmp(a->data + i * step, b->data + i * step, PLACE) != 0) return false;
    return true;
}

/* transformers ties two copies of the audio table; a file may hold both or either. Two must be
 * equal. */
static marvis_status check_tied(const loader *l, const char *main_tensor, const char *tied_tensor) {
    const mv_csm_config *c = l->config;
    const int64_t shape[] = {c->n_codebooks * c->audio_vocab, c->backbone.width};
    const mv_tensor *first = mv_checkpoint_peek(l->ckpt, main_tensor);
    mv_rows tied;
    MV_TRY(mv_checkpoint_take_tensor_rows(l->ckpt, tied_tensor, 2, shape, &tied, l->err));
    if (same_at_samples(first, tied.weight)) return MARVIS_OK;
    return mv_fail(l->err, MARVIS_ERR_TENSOR,
                   "%s: %s and %s differ, but they are one tied table in this architecture; export "
                   "the checkpoint again with tied tables",
                   mv_checkpoint_path(l->ckpt), main_tensor, tied_tensor);
}

static marvis_status load_audio_table(const loader *l, mv_csm *csm) {
    const mv_csm_config *c = l->config;
    mv_csm_part part = MV_PART_AUDIO_TABLE;
    char module[NAME_SIZE], main_tensor[NAME_SIZE + 8], tied_tensor[NAME_SIZE + 8];
    mv_layout_part_module(l->layout, MV_PART_AUDIO_TABLE, module, sizeof module);
    snprintf(main_tensor, sizeof main_tensor, "%s.weight", module);
    mv_layout_part_module(l->layout, MV_PART_AUDIO_TABLE_TIED, module, sizeof module);
    snprintf(tied_tensor, sizeof tied_tensor, "%s.weight", module);
    if (module[0] && mv_checkpoint_has(l->ckpt, tied_tensor)) {
        if (mv_checkpoint_has(l->ckpt, main_tensor))
            MV_TRY(check_tied(l, main_tensor, tied_tensor));
        else
            part = MV_PART_AUDIO_TABLE_TIED;
    }
    return take_part(l, part, c->n_codebooks * c->audio_vocab, c->backbone.width,
                     &csm->audio_table);
}

marvis_status mv_csm_load(mv_checkpoint *ckpt, mv_csm_config *config, marvis_weights weights,
                          const mv_exec *exec, mv_csm *csm, marvis_error *err) {
    *csm = (mv_csm){0};
    loader l = {.ckpt = ckpt, .config = config, .weights = weights, .pool = exec->pool, .err = err};
    marvis_status status;
    MV_TRY_GOTO(mv_layout_detect(ckpt, &l.layout, err));
    if (l.layout == MV_LAYOUT_MIMI) {
        status = mv_fail(err, MARVIS_ERR_TENSOR,
                         "%s: this is a Mimi codec alone, not a speech model; give it as the codec "
                         "(--codec) and a Marvis or CSM checkpoint as the model",
                         mv_checkpoint_path(ckpt));
        goto fail;
    }
    (void)mv_checkpoint_number(ckpt, MV_KEY_IDENTITY, &csm->identity);
    int wide = config->backbone.width;
    csm->config.n_codebooks = config->n_codebooks;
    MV_TRY_GOTO(take_part(&l, MV_PART_TEXT_TABLE, config->text_vocab, wide, &csm->text_table));
    MV_TRY_GOTO(load_audio_table(&l, csm));
    MV_TRY_GOTO(take_part(&l, MV_PART_PROJECTION, config->depth.width, wide, &csm->projection));
    MV_TRY_GOTO(take_part(&l, MV_PART_HEAD0, config->audio_vocab, wide, &csm->head0));
    MV_TRY_GOTO(load_heads(&l, csm));
    MV_TRY_GOTO(load_tower(&l, MV_TOWER_BACKBONE, &config->backbone, config->backbone.max_positions,
                           &csm->backbone));
    /* positions of the depth decoder: the backbone's state and codes 0..C-2 */
    MV_TRY_GOTO(load_tower(&l, MV_TOWER_DEPTH, &config->depth, config->n_codebooks, &csm->depth));
    csm->config = *config;
    *config = (mv_csm_config){0};
    return MARVIS_OK;
fail:
    /* still the caller's, but for the count of heads */
    csm->config = (mv_csm_config){.n_codebooks = config->n_codebooks};
    mv_csm_deinit(csm);
    return status;
}

static void count_matrix(const mv_matrix *m, size_t *all, size_t *owned) {
    *all += mv_matrix_bytes(m);
    if (m->owned) *owned += mv_matrix_bytes(m);
}

static void count_tower(const mv_llama *llama, size_t *all, size_t *owned) {
    for (int i = 0; i < llama->config.n_layers; i++) {
        const mv_llama_layer *y = &llama->layers[i];
        const mv_matrix *ms[] = {&y->q, &y->k, &y->v, &y->o, &y->gate, &y->up, &y->down};
        for (size_t j = 0; j < sizeof ms / sizeof ms[0]; j++)
            count_matrix(ms[j], all, owned);
    }
}

size_t mv_csm_bytes(const mv_csm *csm, size_t *owned) {
    size_t all = 0, own = 0;
    const mv_matrix *tables[] = {&csm->text_table, &csm->audio_table, &csm->projection,
                                 &csm->head0};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        count_matrix(tables[i], &all, &own);
    count_tower(&csm->backbone, &all, &own);
    count_tower(&csm->depth, &all, &own);
    for (int i = 0; i + 1 < csm->config.n_codebooks; i++) {
        all += mv_matrix_bytes(&csm->heads[i]);
        own += mv_matrix_bytes(&csm->heads[i]);
    }
    if (owned) *owned = own;
    return all;
}

void mv_csm_deinit(mv_csm *csm) {
    mv_matrix *all[] = {&csm->text_table, &csm->audio_table, &csm->projection, &csm->head0};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        mv_matrix_deinit(all[i]);
    for (int i = 0; csm->heads && i + 1 < csm->config.n_codebooks; i++)
        mv_matrix_deinit(&csm->heads[i]);
    mv_free(csm->heads);
    mv_free(csm->heads_data);
    mv_llama_deinit(&csm->backbone);
    mv_llama_deinit(&csm->depth);
    mv_csm_config_deinit(&csm->config);
    *csm = (mv_csm){0};
}
