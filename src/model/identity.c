/* identity.c - see identity.h. */
#include "model/identity.h"

#include "base/hash.h"
#include "base/memory.h"
#include "kernels/convert.h"
#include "kernels/packed.h"
#include "model/mimi_weights.h"

#include <string.h>

static uint64_t hash_int(uint64_t hash, int64_t value) {
    return mv_hash(hash, &value, sizeof value);
}

static uint64_t hash_double(uint64_t hash, double value) {
    return mv_hash(hash, &value, sizeof value);
}

uint64_t mv_mimi_identity(const mv_mimi *mimi) {
    const mv_mimi_config *c = &mimi->config;
    const int numbers[] = {c->sample_rate,  mv_mimi_frame_samples(c), c->codebook_size,
                           c->codebook_dim, c->n_codebooks,           c->n_semantic};
    const size_t size = (size_t)c->codebook_size, dim = (size_t)c->codebook_dim;
    uint64_t hash = MV_HASH_START;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        hash = hash_int(hash, numbers[i]);
    for (int i = 0; i < c->n_codebooks; i++)
        for (size_t j = 0; j < MV_SAMPLED_ROWS; j++) {
            size_t row = j * (size - 1) / (MV_SAMPLED_ROWS - 1);
            hash = mv_hash(hash, mimi->tables[i] + row * dim, dim * sizeof(float));
        }
    return hash;
}

/* ---- the speech model ----------------------------------------------------------------------- */

/* Not the number of positions nor how they are scaled: files spell these in several ways. */
static uint64_t hash_tower(uint64_t hash, const mv_llama_config *c) {
    const int numbers[] = {c->n_layers, c->width,      c->mlp_width,
                           c->n_heads,  c->n_kv_heads, c->head_dim};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        hash = hash_int(hash, numbers[i]);
    return hash;
}

static uint64_t hash_rope(uint64_t hash, const mv_rope_config *r) {
    hash = hash_double(hash, r->theta);
    hash = hash_int(hash, r->llama3);
    if (!r->llama3) return hash;
    hash = hash_double(hash, r->factor);
    hash = hash_double(hash, r->low_freq_factor);
    hash = hash_double(hash, r->high_freq_factor);
    return hash_double(hash, (double)r->original_max_positions);
}

/* What a row is read into; `exact`: all bits count, else those that bfloat16 has. */
typedef struct sampler {
    float *row;        /* [widest] owned */
    uint16_t *rounded; /* [widest] owned */
    bool exact;
} sampler;

static uint64_t hash_floats(const sampler *s, uint64_t hash, const float *values, size_t n) {
    if (s->exact) return mv_hash(hash, values, n * sizeof *values);
    mv_convert_f32_bf16(s->rounded, values, n);
    return mv_hash(hash, s->rounded, n * sizeof *s->rounded);
}

static uint64_t hash_matrix(const sampler *s, uint64_t hash, const mv_matrix *m) {
    if (s->exact) hash = hash_int(hash, (int64_t)mv_packed_equal(m->type));
    for (size_t i = 0; i < MV_SAMPLED_ROWS; i++) {
        if (s->exact)
            mv_matrix_row(m, i * (m->n_rows - 1) / (MV_SAMPLED_ROWS - 1), s->row);
        else
            mv_matrix_sampled_row(m, i, s->row);
        hash = hash_floats(s, hash, s->row, m->n_cols);
    }
    return hash;
}

/* q and k only where all bits count: their rows' order is that of the layout. */
static uint64_t hash_layers(const sampler *s, uint64_t hash, const mv_llama *llama) {
    size_t width = (size_t)llama->config.width;
    for (int i = 0; i < llama->config.n_layers; i++) {
        const mv_llama_layer *l = &llama->layers[i];
        const mv_matrix *ms[] = {&l->v, &l->o, &l->gate, &l->up, &l->down, &l->q, &l->k};
        for (size_t j = 0; j < (s->exact ? 7u : 5u); j++)
            hash = hash_matrix(s, hash, ms[j]);
        hash = hash_floats(s, hash, l->norm1, width);
        hash = hash_floats(s, hash, l->norm2, width);
    }
    return hash_floats(s, hash, llama->norm, width);
}

static size_t widest_of(const mv_llama_config *c) {
    size_t n = (size_t)c->n_heads * (size_t)c->head_dim;
    if (n < (size_t)c->width) n = (size_t)c->width;
    return n < (size_t)c->mlp_width ? (size_t)c->mlp_width : n;
}

static marvis_status sampler_init(sampler *s, const mv_csm *csm, bool exact, marvis_error *err) {
    size_t n = widest_of(&csm->config.backbone), depth = widest_of(&csm->config.depth);
    if (n < depth) n = depth;
    *s = (sampler){.row = mv_alloc(n, sizeof *s->row),
                   .rounded = mv_alloc(n, sizeof *s->rounded),
                   .exact = exact};
    if (s->row && s->rounded) return MARVIS_OK;
    mv_free(s->row);
    mv_free(s->rounded);
    return mv_fail_memory(err, n * sizeof *s->row, "the model's identity");
}

marvis_status mv_csm_identity(const mv_csm *csm, uint64_t *identity, marvis_error *err) {
    const mv_csm_config *c = &csm->config;
    sampler s;
    *identity = csm->identity;
    if (csm->identity) return MARVIS_OK;
    MV_TRY(sampler_init(&s, csm, false, err));
    uint64_t hash = hash_int(MV_HASH_START, c->text_vocab);
    hash = hash_int(hash, c->audio_vocab);
    hash = hash_int(hash, c->n_codebooks);
    hash = hash_tower(hash, &c->backbone);
    hash = hash_tower(hash, &c->depth);
    hash = hash_matrix(&s, hash, &csm->text_table);
    hash = hash_matrix(&s, hash, &csm->audio_table);
    hash = hash_matrix(&s, hash, &csm->projection);
    hash = hash_matrix(&s, hash, &csm->head0);
    for (int i = 0; i + 1 < c->n_codebooks; i++)
        hash = hash_matrix(&s, hash, &csm->heads[i]);
    hash = hash_layers(&s, hash, &csm->backbone);
    *identity = hash_layers(&s, hash, &csm->depth);
    mv_free(s.row);
    mv_free(s.rounded);
    return MARVIS_OK;
}

marvis_status mv_csm_numerics(const mv_csm *csm, const char *where, uint64_t *numerics,
                              marvis_error *err) {
    const mv_llama_config *c = &csm->config.backbone;
    sampler s;
    *numerics = 0;
    MV_TRY(sampler_init(&s, csm, true, err));
    uint64_t hash = mv_hash(MV_HASH_START, where, strlen(where));
    hash = hash_tower(hash, c);
    hash = hash_rope(hash, &c->rope);
    hash = hash_int(hash, c->rope_interleaved);
    hash = hash_double(hash, (double)c->norm_eps);
    hash = hash_matrix(&s, hash, &csm->text_table);
    hash = hash_matrix(&s, hash, &csm->audio_table);
    *numerics = hash_layers(&s, hash, &csm->backbone);
    mv_free(s.row);
    mv_free(s.rounded);
    return MARVIS_OK;
}
