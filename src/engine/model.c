/* model.c - opening a checkpoint: find the files, read the configuration, bind every tensor, then
 * the codec and the tokenizer. */
#include "engine/engine.h"

#include "base/memory.h"
#include "engine/codec_open.h"
#include "engine/encoder.h"

#include <string.h>

void marvis_model_settings_init(marvis_model_settings *settings) {
    *settings = (marvis_model_settings){.struct_size = sizeof *settings};
}

/* Longest configuration file that is read, bytes. */
enum { MAX_CONFIG = 4 << 20 };

typedef marvis_status (*parse_fn)(const char *json, size_t len, const char *path,
                                  mv_csm_config *config, marvis_error *err);

static marvis_status parse_file(const char *path, parse_fn parse, mv_csm_config *config,
                                marvis_error *err) {
    char *json;
    size_t len;
    MV_TRY(mv_file_read(path, MAX_CONFIG, &json, &len, err));
    marvis_status status = parse(json, len, path, config, err);
    mv_free(json);
    return status;
}

/* The configuration that a one-file model holds: a text, or the name of a row. */
static marvis_status config_inside(const marvis_model *model, mv_csm_config *config, bool *inside,
                                   marvis_error *err) {
    const char *text;
    size_t len;
    char flavour[sizeof config->flavour];
    *inside = true;
    if (mv_checkpoint_text(model->ckpt, MV_KEY_CONFIG, &text, &len))
        return mv_csm_config_parse(text, len, model->files.weights, config, err);
    if (mv_checkpoint_text(model->ckpt, MV_KEY_FLAVOUR, &text, &len) && len < sizeof flavour) {
        memcpy(flavour, text, len);
        flavour[len] = '\0';
        return mv_csm_config_flavour(flavour, config, err);
    }
    *inside = false;
    return MARVIS_OK;
}

/* The configuration: the one that was named, in the file, beside the weights, or the row that their
 * shapes match. */
static marvis_status choose_config(const marvis_model *model, const marvis_model_settings *settings,
                                   mv_csm_config *config, marvis_error *err) {
    const char *path = model->files.config;
    if (settings->config) {
        if (mv_file_exists(settings->config))
            path = settings->config;
        else if (strchr(settings->config, '/') || strstr(settings->config, ".json"))
            return mv_fail(err, MARVIS_ERR_NOT_FOUND,
                           "%s: no such configuration file; give a config.json or marvis-250m, "
                           "marvis-100m or csm-1b",
                           settings->config);
        else
            return mv_csm_config_flavour(settings->config, config, err);
    }
    bool inside;
    if (path == model->files.config) { /* none was named: the file's own comes first */
        MV_TRY(config_inside(model, config, &inside, err));
        if (inside) return MARVIS_OK;
    }
    if (path) return parse_file(path, mv_csm_config_parse, config, err);
    MV_TRY(mv_csm_config_match(model->ckpt, config, err));
    mv_log(model->engine, MARVIS_LOG_WARNING,
           "%s: no config.json beside it; %s. Give --config if that is wrong", model->files.weights,
           config->source);
    return MARVIS_OK;
}

static marvis_status read_config(const marvis_model *model, const marvis_model_settings *settings,
                                 mv_csm_config *config, marvis_error *err) {
    MV_TRY(choose_config(model, settings, config, err));
    marvis_status status = MARVIS_OK;
    const char *text;
    size_t len;
    if (mv_checkpoint_text(model->ckpt, MV_KEY_GENERATION_CONFIG, &text, &len))
        status = mv_generation_config_parse(text, len, model->files.weights, config, err);
    else if (model->files.generation_config)
        status =
            parse_file(model->files.generation_config, mv_generation_config_parse, config, err);
    if (status != MARVIS_OK) mv_csm_config_deinit(config);
    return status;
}

static bool has_prefix(const mv_checkpoint *ckpt, const char *prefix) {
    for (size_t i = 0; i < mv_checkpoint_n_tensors(ckpt); i++)
        if (strncmp(mv_checkpoint_tensor(ckpt, i)->name, prefix, strlen(prefix)) == 0) return true;
    return false;
}

static marvis_status bind_codec(marvis_model *model, const marvis_model_settings *settings,
                                marvis_error *err) {
    static const char prefix[] = "codec_model.";
    const mv_csm_config *config = &model->csm.config;
    const char *weights = mv_checkpoint_path(model->ckpt);
    /* a codec that is there but incomplete fails in mv_mimi_load: it is not passed over */
    if (settings->no_codec || settings->codec || !has_prefix(model->ckpt, prefix)) {
        mv_checkpoint_ignore_prefix(model->ckpt, prefix);
        if (settings->no_codec) return MARVIS_OK;
        const mv_mimi_config *expected = config->has_codec ? &config->codec : NULL;
        MV_TRY(mv_codec_open_file(model, settings, expected, err));
    } else {
        mv_mimi_config codec = config->codec; /* Mimi's own numbers where the config has none */
        if (!config->has_codec) mv_mimi_config_init(&codec);
        MV_TRY(mv_codec_config_inside(model->ckpt, &codec, err));
        MV_TRY(mv_mimi_load(model->ckpt, prefix, &codec, &model->mimi, err));
        MV_TRY(mv_shared_encoder_bind(model, model->ckpt, false, prefix, err));
        model->codec_source = mv_strdup(weights);
        if (!model->codec_source) return mv_fail_memory(err, strlen(weights), "a path");
    }
    int have = mv_mimi_config_of(model->mimi)->n_codebooks;
    if (have < config->n_codebooks)
        return mv_fail(
            err, MARVIS_ERR_CONFIG,
            "%s: the codec has %d codebooks, the model speaks %d; give the codec that the "
            "model was trained with",
            model->codec_source, have, config->n_codebooks);
    return MARVIS_OK;
}

marvis_status mv_model_bind(marvis_model *model, mv_csm_config *config,
                            const marvis_model_settings *settings, marvis_error *err) {
    marvis_status status =
        mv_csm_load(model->ckpt, config, settings->weights, &model->engine->exec, &model->csm, err);
    mv_csm_config_deinit(config);
    MV_TRY(status);
    model->has_csm = true;
    MV_TRY(bind_codec(model, settings, err));
    return mv_checkpoint_finish(model->ckpt, mv_layout_known_prefixes(model->layout),
                                settings->strict, model->engine->log, model->engine->log_ctx, err);
}

static marvis_status bind_tokenizer(marvis_model *model, const marvis_model_settings *settings,
                                    marvis_error *err) {
    const char *text;
    size_t len;
    if (settings->no_tokenizer) return MARVIS_OK;
    if (!settings->tokenizer && mv_checkpoint_text(model->ckpt, MV_KEY_TOKENIZER, &text, &len)) {
        const char *path = model->files.weights;
        mv_free(model->files.tokenizer);
        model->files.tokenizer = mv_strdup(path);
        if (!model->files.tokenizer) return mv_fail_memory(err, strlen(path), "a path");
        MV_TRY(mv_tokenizer_parse(text, len, path, &model->tokenizer, err));
        return mv_prompt_bind(model, err);
    }
    if (settings->tokenizer) {
        mv_free(model->files.tokenizer);
        model->files.tokenizer = mv_strdup(settings->tokenizer);
        if (!model->files.tokenizer)
            return mv_fail_memory(err, strlen(settings->tokenizer), "a path");
    }
    if (!model->files.tokenizer)
        MV_TRY(mv_hub_find_tokenizer(settings->hub_cache, model->csm.config.text_vocab,
                                     &model->files.tokenizer, err));
    MV_TRY(mv_tokenizer_open(model->files.tokenizer, &model->tokenizer, err));
    return mv_prompt_bind(model, err);
}

static marvis_status open_parts(marvis_model *model, const char *path,
                                const marvis_model_settings *settings, marvis_error *err) {
    MV_TRY(mv_model_files_find(path, settings->hub_cache, &model->files, err));
    MV_TRY(mv_checkpoint_open(model->files.weights, &model->ckpt, err));
    MV_TRY(mv_layout_detect(model->ckpt, &model->layout, err));
    mv_csm_config config = {0};
    MV_TRY(read_config(model, settings, &config, err));
    MV_TRY(mv_model_bind(model, &config, settings, err));
    return bind_tokenizer(model, settings, err);
}

marvis_status mv_model_check_settings(const marvis_model_settings *settings, marvis_error *err) {
    if (settings->struct_size != sizeof *settings)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "model settings of another version: fill them with "
                       "marvis_model_settings_init");
    if (settings->weights < MARVIS_WEIGHTS_AUTO || settings->weights > MARVIS_WEIGHTS_MIX)
        return mv_fail(err, MARVIS_ERR_CALL, "weights %d: use a value of marvis_weights",
                       (int)settings->weights);
    return MARVIS_OK;
}

/* Both ways to open end here: on failure everything is freed. */
static marvis_status open_with(marvis_engine *engine, const char *path,
                               const marvis_model_settings *settings, bool codec_alone,
                               marvis_model **out, marvis_error *err) {
    *out = NULL;
    marvis_model_settings chosen;
    marvis_model_settings_init(&chosen);
    if (settings) {
        MV_TRY(mv_model_check_settings(settings, err));
        chosen = *settings;
    }
    if (!engine || !path)
        return mv_fail(err, MARVIS_ERR_CALL, "a model needs an engine and a path");
    if (!path[0])
        return mv_fail(err, MARVIS_ERR_CALL,
                       "the name of the model is empty: give a folder, a file or OWNER/NAME");
    marvis_model *model = mv_alloc(1, sizeof *model);
    if (!model) return mv_fail_memory(err, sizeof *model, "the model");
    model->engine = engine;
    marvis_status status;
    if (codec_alone) {
        chosen.codec = path;
        status = mv_codec_open_file(model, &chosen, NULL, err);
    } else {
        status = open_parts(model, path, &chosen, err);
    }
    if (status != MARVIS_OK) {
        marvis_model_destroy(&model);
        return status;
    }
    *out = model;
    return MARVIS_OK;
}

marvis_status marvis_model_open(marvis_engine *engine, const char *path,
                                const marvis_model_settings *settings, marvis_model **model,
                                marvis_error *err) {
    return open_with(engine, path, settings, false, model, err);
}

marvis_status marvis_codec_open(marvis_engine *engine, const char *path,
                                const marvis_model_settings *settings, marvis_model **model,
                                marvis_error *err) {
    return open_with(engine, path, settings, true, model, err);
}

void marvis_model_destroy(marvis_model **model) {
    if (!model || !*model) return;
    marvis_model *m = *model;
    *model = NULL;
    if (m->has_csm) mv_csm_deinit(&m->csm);
    mv_shared_encoder_destroy(&m->encoder);
    mv_mimi_destroy(&m->mimi);
    mv_tokenizer_destroy(&m->tokenizer);
    mv_checkpoint_close(&m->ckpt);
    mv_model_files_free(&m->files);
    mv_free(m->codec_source);
    mv_free(m);
}

/* ---- numbers -------------------------------------------------------------------------------- */

int mv_model_n_codes(const marvis_model *model) {
    int n = model->has_csm ? model->csm.config.audio_vocab : 0;
    if (model->mimi) {
        int size = mv_mimi_config_of(model->mimi)->codebook_size;
        if (!model->has_csm || size < n) n = size;
    }
    return n;
}

int marvis_model_n_codebooks(const marvis_model *model) {
    if (model->has_csm) return model->csm.config.n_codebooks;
    return mv_mimi_config_of(model->mimi)->n_codebooks;
}

int marvis_model_audio_vocab(const marvis_model *model) {
    return model->has_csm ? model->csm.config.audio_vocab : mv_model_n_codes(model);
}

int marvis_model_width(const marvis_model *model) {
    return model->has_csm ? model->csm.config.backbone.width : 0;
}

int marvis_model_max_positions(const marvis_model *model) {
    return model->has_csm ? model->csm.config.backbone.max_positions : 0;
}

int marvis_model_sample_rate(const marvis_model *model) {
    return model->mimi ? mv_mimi_config_of(model->mimi)->sample_rate : 0;
}

int marvis_model_frame_samples(const marvis_model *model) {
    return model->mimi ? mv_mimi_frame_samples(mv_mimi_config_of(model->mimi)) : 0;
}
