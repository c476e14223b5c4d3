/* random.c - a model of a named shape with random weights, made in memory: for `marvis bench`, and
 * for tests that need no file. */
#include "engine/engine.h"

#include "base/memory.h"
#include "format/checkpoint_random.h"
#include "model/csm_random.h"
#include "text/pretokenize.h"
#include "text/utf8.h"

#include <stdio.h>
#include <string.h>

/* ---- tokenizer: every byte is an id --------------------------------------------------------- */

static marvis_status make_tokenizer(const char *path, mv_tokenizer **tokenizer, marvis_error *err) {
    static const char head[] = "{\"version\":\"1.0\",\"pre_tokenizer\":{\"type\":\"ByteLevel\","
                               "\"add_prefix_space\":false,\"use_regex\":false},"
                               "\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{";
    enum { ENTRY = 16 };
    char json[sizeof head + 256 * ENTRY + 8], utf8[4];
    size_t len = sizeof head - 1;
    memcpy(json, head, len);
    for (int b = 0; b < 256; b++) {
        uint32_t cp = mv_byte_alphabet((unsigned char)b);
        int n = (int)mv_utf8_encode(cp, utf8);
        const char *escape = cp == '"' || cp == '\\' ? "\\" : "";
        len += (size_t)snprintf(json + len, sizeof json - len, "%s\"%s%.*s\":%d", b ? "," : "",
                                escape, n, utf8, b);
    }
    len += (size_t)snprintf(json + len, sizeof json - len, "}}}");
    return mv_tokenizer_parse(json, len, path, tokenizer, err);
}

/* ---- weights that were converted ------------------------------------------------------------ */

static bool llama_borrows(const mv_llama *llama, const void *data) {
    for (int i = 0; i < llama->config.n_layers; i++) {
        const mv_llama_layer *y = &llama->layers[i];
        const mv_matrix *all[] = {&y->q, &y->k, &y->v, &y->o, &y->gate, &y->up, &y->down};
        for (size_t j = 0; j < sizeof all / sizeof *all; j++)
            if (all[j]->data == data) return true;
    }
    return false;
}

static bool csm_borrows(const mv_csm *csm, const void *data) {
    const mv_matrix *all[] = {&csm->text_table, &csm->audio_table, &csm->projection, &csm->head0};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]->data == data) return true;
    return llama_borrows(&csm->backbone, data) || llama_borrows(&csm->depth, data);
}

static void drop_converted(marvis_model *model) {
    for (size_t i = 0; i < mv_checkpoint_n_tensors(model->ckpt); i++)
        if (!csm_borrows(&model->csm, mv_checkpoint_tensor(model->ckpt, i)->data))
            mv_checkpoint_drop(model->ckpt, i);
}

/* ---- the model ------------------------------------------------------------------------------ */

static marvis_status build(marvis_model *model, const char *shape, uint64_t seed,
                           const marvis_model_settings *settings, marvis_error *err) {
    mv_csm_config config;
    char path[64];
    MV_TRY(mv_csm_random_config(shape, &config, err));
    snprintf(path, sizeof path, "%s (random weights)", shape);
    model->files.weights = mv_strdup(path);
    model->files.tokenizer = mv_strdup(path);
    if (!model->files.weights || !model->files.tokenizer)
        return mv_fail_memory(err, sizeof path, "a path");
    MV_TRY(mv_csm_random_checkpoint(&config, path, seed, &model->engine->exec, &model->ckpt, err));
    model->layout = MV_LAYOUT_HF;
    MV_TRY(mv_model_bind(model, &config, settings, err));
    drop_converted(model);
    MV_TRY(make_tokenizer(path, &model->tokenizer, err));
    return mv_prompt_bind(model, err);
}

marvis_status marvis_model_create_random(marvis_engine *engine, const char *shape, uint64_t seed,
                                         const marvis_model_settings *settings,
                                         marvis_model **model, marvis_error *err) {
    marvis_model_settings chosen;
    *model = NULL;
    marvis_model_settings_init(&chosen);
    if (settings) {
        MV_TRY(mv_model_check_settings(settings, err));
        chosen.weights = settings->weights;
    }
    if (!engine || !shape)
        return mv_fail(err, MARVIS_ERR_CALL, "a model needs an engine and a shape");
    marvis_model *m = mv_alloc(1, sizeof *m);
    if (!m) return mv_fail_memory(err, sizeof *m, "the model");
    m->engine = engine;
    marvis_status status = build(m, shape, seed, &chosen, err);
    if (status != MARVIS_OK) {
        marvis_model_destroy(&m);
        return status;
    }
    *model = m;
    return MARVIS_OK;
}
