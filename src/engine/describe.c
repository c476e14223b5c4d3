/* describe.c - a model as JSON, for `marvis info` and for programs. */
#include "engine/describe.h"

#include "base/memory.h"
#include "engine/session.h"
#include "kernels/packed.h"

#include <jansson.h>
#include <stdlib.h>

/* Keys are set only with json_object_set_new, which takes the value and fails on NULL: one flag. */
static void put(json_t *object, const char *key, json_t *value, bool *ok) {
    if (json_object_set_new(object, key, value) != 0) *ok = false;
}

/* A path may hold bytes that are not UTF-8: then it is shown as "?" rather than failing. */
static json_t *text(const char *s) {
    if (!s) return json_null();
    json_t *value = json_string(s);
    return value ? value : json_string("?");
}

static json_t *describe_tower(const mv_llama_config *c, bool *ok) {
    json_t *o = json_object();
    put(o, "layers", json_integer(c->n_layers), ok);
    put(o, "width", json_integer(c->width), ok);
    put(o, "mlp_width", json_integer(c->mlp_width), ok);
    put(o, "heads", json_integer(c->n_heads), ok);
    put(o, "kv_heads", json_integer(c->n_kv_heads), ok);
    put(o, "head_dim", json_integer(c->head_dim), ok);
    put(o, "max_positions", json_integer(c->max_positions), ok);
    put(o, "rope_theta", json_real(c->rope.theta), ok);
    put(o, "rope_scaling", text(c->rope.llama3 ? "llama3" : "none"), ok);
    return o;
}

static json_t *describe_sampling(const marvis_sampling *s, bool *ok) {
    json_t *o = json_object();
    put(o, "temperature", json_real((double)s->temperature), ok);
    put(o, "top_k", json_integer(s->top_k), ok);
    put(o, "top_p", json_real((double)s->top_p), ok);
    return o;
}

static void count(const mv_matrix *m, size_t *values) {
    values[mv_packed_equal(m->type)] += m->n_rows * m->n_cols;
}

/* Number of values of each matrix type, in order of mv_wtype. */
static void count_types(const mv_csm *csm, size_t *values) {
    const mv_matrix *tables[] = {&csm->text_table, &csm->audio_table, &csm->projection,
                                 &csm->head0};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        count(tables[i], values);
    const mv_llama *towers[] = {&csm->backbone, &csm->depth};
    for (int t = 0; t < 2; t++)
        for (int i = 0; i < towers[t]->config.n_layers; i++) {
            const mv_llama_layer *y = &towers[t]->layers[i];
            const mv_matrix *ms[] = {&y->q, &y->k, &y->v, &y->o, &y->gate, &y->up, &y->down};
            for (size_t j = 0; j < sizeof ms / sizeof ms[0]; j++)
                count(ms[j], values);
        }
    for (int i = 0; i + 1 < csm->config.n_codebooks; i++)
        count(&csm->heads[i], values);
}

/* Speakers that the model was trained with and languages that it speaks, as its config.json
 * declares them (docs/MODEL.md); what is no such declaration is left aside. */
static void describe_voices(const json_t *config, json_t *o, bool *ok) {
    const json_t *declared = json_object_get(config, "speakers"), *item;
    json_t *speakers = json_array(), *languages = json_array();
    size_t i;
    *ok = *ok && speakers && languages;
    json_array_foreach(declared, i, item) {
        const json_t *number = json_object_get(item, "number");
        const char *name = json_string_value(json_object_get(item, "name"));
        const char *about = json_string_value(json_object_get(item, "about"));
        json_int_t n = json_integer_value(number);
        if (!json_is_integer(number) || n < 0 || n > MV_MAX_SPEAKER || !name || !*name) continue;
        json_t *speaker = json_object();
        put(speaker, "number", json_integer(n), ok);
        put(speaker, "name", text(name), ok);
        if (about) put(speaker, "about", text(about), ok);
        if (json_array_append_new(speakers, speaker) != 0) *ok = false;
    }
    json_array_foreach(json_object_get(config, "languages"), i,
                       item) if (json_is_string(item) &&
                                 json_array_append_new(languages, text(json_string_value(item))) !=
                                     0) *ok = false;
    if (json_array_size(speakers))
        put(o, "speakers", speakers, ok);
    else
        json_decref(speakers);
    if (json_array_size(languages))
        put(o, "languages", languages, ok);
    else
        json_decref(languages);
}

static json_t *describe_csm(const marvis_model *model, bool *ok) {
    const mv_csm_config *c = &model->csm.config;
    json_t *o = json_object();
    size_t values[MV_N_WTYPES] = {0}, total = 0, owned;
    count_types(&model->csm, values);
    json_t *types = json_object();
    for (int t = 0; t < MV_N_WTYPES; t++) {
        total += values[t];
        if (values[t])
            put(types, mv_wtype_name((mv_wtype)t), json_integer((json_int_t)values[t]), ok);
    }
    size_t bytes = mv_csm_bytes(&model->csm, &owned);
    put(o, "config", text(c->source), ok);
    put(o, "parameters", json_integer((json_int_t)total), ok);
    put(o, "weights", types, ok);
    if (model->ckpt) put(o, "classes", mv_describe_classes(model), ok);
    if (c->quant.present) {
        json_t *q = json_object();
        put(q, "kind", text("mlx affine"), ok);
        put(q, "bits", json_integer(c->quant.bits), ok);
        put(q, "group_size", json_integer(c->quant.group_size), ok);
        put(o, "quantization", q, ok);
    }
    put(o, "bytes", json_integer((json_int_t)bytes), ok);
    put(o, "bytes_converted", json_integer((json_int_t)owned), ok);
    put(o, "text_vocab", json_integer(c->text_vocab), ok);
    put(o, "audio_vocab", json_integer(c->audio_vocab), ok);
    put(o, "codebooks", json_integer(c->n_codebooks), ok);
    put(o, "backbone", describe_tower(&c->backbone, ok), ok);
    put(o, "depth_decoder", describe_tower(&c->depth, ok), ok);
    describe_voices(c->json, o, ok);
    marvis_session_settings settings;
    marvis_session_settings_init(&settings, model);
    json_t *sampling = json_object();
    put(sampling, "codebook0", describe_sampling(&settings.codebook0, ok), ok);
    put(sampling, "depth_decoder", describe_sampling(&settings.depth, ok), ok);
    put(o, "sampling", sampling, ok);
    return o;
}

static json_t *describe_codec(const marvis_model *model, bool *ok) {
    const mv_mimi_config *c = mv_mimi_config_of(model->mimi);
    json_t *o = json_object();
    put(o, "file", text(model->codec_source), ok);
    put(o, "sample_rate", json_integer(c->sample_rate), ok);
    put(o, "frame_samples", json_integer(mv_mimi_frame_samples(c)), ok);
    put(o, "codebooks", json_integer(c->n_codebooks), ok);
    put(o, "codebook_size", json_integer(c->codebook_size), ok);
    put(o, "latent", json_integer(c->latent), ok);
    put(o, "layers", json_integer(c->n_layers), ok);
    put(o, "window", json_integer(c->window), ok);
    put(o, "encoder", json_boolean(marvis_model_has_encoder(model)), ok);
    put(o, "bytes", json_integer((json_int_t)mv_mimi_bytes(model->mimi)), ok);
    return o;
}

static json_t *describe_tokenizer(const marvis_model *model, bool *ok) {
    json_t *o = json_object();
    put(o, "file", text(model->files.tokenizer), ok);
    put(o, "kind", text(mv_tokenizer_kind(model->tokenizer)), ok);
    put(o, "bos", json_integer(model->bos), ok);
    put(o, "eos", json_integer(model->eos), ok);
    return o;
}

marvis_status marvis_model_describe(const marvis_model *model, char **json, marvis_error *err) {
    *json = NULL;
    bool ok = true;
    json_t *o = json_object();
    put(o, "layout", text(mv_layout_name(model->has_csm ? model->layout : MV_LAYOUT_MIMI)), &ok);
    if (model->ckpt) {
        put(o, "file", text(model->files.weights), &ok);
        put(o, "files", json_integer((json_int_t)mv_checkpoint_n_files(model->ckpt)), &ok);
        put(o, "tensors", json_integer((json_int_t)mv_checkpoint_n_tensors(model->ckpt)), &ok);
        put(o, "file_bytes", json_integer((json_int_t)mv_checkpoint_bytes(model->ckpt)), &ok);
    }
    if (model->has_csm) put(o, "model", describe_csm(model, &ok), &ok);
    if (model->mimi) put(o, "codec", describe_codec(model, &ok), &ok);
    if (model->tokenizer) put(o, "tokenizer", describe_tokenizer(model, &ok), &ok);
    char *dumped = ok ? json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(o);
    if (dumped)
        *json = mv_strdup(dumped); /* the caller frees with marvis_free, not jansson's free */
    free(dumped);
    return *json ? MARVIS_OK : mv_fail_memory(err, 4096, "the description");
}
