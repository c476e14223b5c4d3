/* fuzz_config.c - arbitrary bytes as config.json, generation_config.json and a Mimi config:
 * refused with a message, or numbers within the limits that everything after them relies on. */
#include "model/csm_config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good) {
    if (!good) abort();
}

static void check_failure(marvis_status status, const marvis_error *err, size_t size) {
    check(err->status == status && strncmp(err->message, "fuzz.json: ", 11) == 0);
    check(err->position >= -1 && err->position <= (int64_t)size);
}

static void check_tower(const mv_llama_config *t) {
    check(t->n_layers >= 1 && t->n_layers <= 256);
    check(t->width >= 2 && t->width <= 65536);
    check(t->mlp_width >= 1 && t->mlp_width <= 1 << 20);
    check(t->n_heads >= 1 && t->n_kv_heads >= 1 && t->n_heads % t->n_kv_heads == 0);
    check(t->head_dim >= 2 && t->head_dim % 2 == 0 && t->n_heads * t->head_dim <= 65536);
    check(t->max_positions >= 2 && t->max_positions <= 131072);
    check(t->norm_eps > 0 && t->norm_eps < 1);
    check(t->rope.theta > 1);
    for (int i = 0; i < t->head_dim / 2; i += t->head_dim / 4 + 1) {
        double inv = mv_rope_inv_freq(&t->rope, t->head_dim, i);
        check(inv >= 0 && inv <= 1e6); /* finite: no division by zero, no NaN */
    }
}

static void check_mimi(const mv_mimi_config *m) {
    check(m->n_ratios >= 1 && m->n_ratios <= MV_MIMI_MAX_RATIOS);
    check(mv_mimi_frame_samples(m) >= 2 && mv_mimi_frame_samples(m) <= 1 << 21);
    check(m->n_heads * m->head_dim == m->latent && m->head_dim % 2 == 0);
    check(m->n_filters % m->compress == 0 && m->n_filters << m->n_ratios <= 65536);
    check(m->n_semantic >= 1 && m->n_semantic < m->n_codebooks);
    check(m->n_codebooks <= MV_MAX_CODEBOOKS);
}

static void check_config(const mv_csm_config *c) {
    check_tower(&c->backbone);
    check_tower(&c->depth);
    check(c->n_codebooks >= 2 && c->n_codebooks <= MV_MAX_CODEBOOKS);
    check(c->audio_vocab >= 2 && c->audio_vocab <= 65536);
    check(c->text_vocab >= 1 && c->text_vocab <= 1 << 24);
    check(c->depth.max_positions >= c->n_codebooks);
    check(c->bos_id >= -1 && c->bos_id < c->text_vocab);
    check(c->eos_id >= -1 && c->eos_id < c->text_vocab);
    check(!c->quant.present || (c->quant.bits >= 2 && c->quant.bits <= 8 && c->quant.bits != 7));
    check_mimi(&c->codec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    /* memory of exactly the input's size, so that a sanitizer sees one byte too many */
    char *copy = malloc(size ? size : 1);
    if (!copy) return 0;
    if (size) memcpy(copy, data, size);
    mv_csm_config config;
    mv_mimi_config mimi;
    marvis_error err = {MARVIS_OK, -1, ""};
    marvis_status status = mv_csm_config_parse(copy, size, "fuzz.json", &config, &err);
    if (status == MARVIS_OK)
        check_config(&config);
    else
        check_failure(status, &err, size);
    status = mv_generation_config_parse(copy, size, "fuzz.json", &config, &err);
    if (status != MARVIS_OK) check_failure(status, &err, size);
    mv_csm_config_deinit(&config);
    status = mv_mimi_config_parse(copy, size, "fuzz.json", &mimi, &err);
    if (status == MARVIS_OK)
        check_mimi(&mimi);
    else
        check_failure(status, &err, size);
    free(copy);
    return 0;
}
