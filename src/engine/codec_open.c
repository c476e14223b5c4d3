/* codec_open.c - see codec_open.h. */
#include "engine/codec_open.h"

#include "base/memory.h"
#include "engine/encoder.h"
#include "format/json.h"

#include <jansson.h>
#include <string.h>

enum { MAX_CONFIG = 4 << 20 };

/* A config.json beside a codec: of a Mimi (transformers), of a speech model that holds one, or of
 * something that says nothing about a codec: then *found is false. */
static marvis_status read_codec_config(const char *path, mv_mimi_config *config, bool *found,
                                       marvis_error *err) {
    *found = false;
    char *json;
    size_t len;
    MV_TRY(mv_file_read(path, MAX_CONFIG, &json, &len, err));
    json_t *root = NULL;
    marvis_status status = mv_json_load(json, len, path, 0, &root, err);
    if (status != MARVIS_OK) {
        mv_free(json);
        return status;
    }
    if (json_is_object(json_object_get(root, "codec_config"))) {
        mv_csm_config csm = {0};
        status = mv_csm_config_parse(json, len, path, &csm, err);
        if (status == MARVIS_OK && csm.has_codec) {
            *config = csm.codec;
            *found = true;
        }
        mv_csm_config_deinit(&csm);
    } else if (json_object_get(root, "upsampling_ratios") ||
               json_object_get(root, "codebook_size")) {
        status = mv_mimi_config_parse(json, len, path, config, err);
        *found = status == MARVIS_OK;
    }
    json_decref(root);
    mv_free(json);
    return status;
}

/* config.json in the folder of a file, or NULL. */
static marvis_status config_beside(const char *path, char **config, marvis_error *err) {
    char *folder = mv_path_dir(path);
    *config = folder ? mv_path_join(folder, "config.json") : NULL;
    mv_free(folder);
    if (!*config) return mv_fail_memory(err, strlen(path), "a path");
    if (!mv_file_exists(*config)) {
        mv_free(*config);
        *config = NULL;
    }
    return MARVIS_OK;
}

/* The file of the codec and the config.json that may describe it; both are the caller's to free, on
 * failure too. */
static marvis_status locate(const marvis_model *model, const marvis_model_settings *settings,
                            char **weights, char **config, marvis_error *err) {
    *weights = *config = NULL;
    if (settings->codec) {
        MV_TRY(mv_codec_files_find(settings->codec, settings->hub_cache, weights, err));
        return config_beside(*weights, config, err);
    }
    if (!model->files.codec) return mv_hub_find_codec(settings->hub_cache, weights, config, err);
    *weights = mv_strdup(model->files.codec);
    if (!*weights) return mv_fail_memory(err, strlen(model->files.codec), "a path");
    if (model->files.codec_config) {
        *config = mv_strdup(model->files.codec_config);
        if (!*config) return mv_fail_memory(err, strlen(model->files.codec_config), "a path");
    }
    return MARVIS_OK;
}

marvis_status mv_codec_config_inside(const mv_checkpoint *ckpt, mv_mimi_config *config,
                                     marvis_error *err) {
    const char *text;
    size_t len;
    if (!mv_checkpoint_text(ckpt, MV_KEY_CODEC_CONFIG, &text, &len)) return MARVIS_OK;
    return mv_mimi_config_parse(text, len, mv_checkpoint_path(ckpt), config, err);
}

static marvis_status load(marvis_model *model, const marvis_model_settings *settings,
                          const char *weights, mv_mimi_config *config, marvis_error *err) {
    static const char *const embedded[] = {"codec_model.", NULL};
    mv_checkpoint *ckpt;
    MV_TRY(mv_checkpoint_open(weights, &ckpt, err));
    const char *prefix = mv_mimi_detect(ckpt, embedded[0]) ? embedded[0] : "";
    marvis_status status = mv_codec_config_inside(ckpt, config, err);
    if (status == MARVIS_OK) status = mv_mimi_load(ckpt, prefix, config, &model->mimi, err);
    /* a speech model around the codec is none of the codec's business */
    if (status == MARVIS_OK)
        status = mv_checkpoint_finish(
            ckpt, prefix[0] ? embedded : mv_layout_known_prefixes(MV_LAYOUT_MIMI),
            prefix[0] ? 0 : settings->strict, prefix[0] ? NULL : model->engine->log,
            model->engine->log_ctx, err);
    mv_checkpoint_close(&ckpt);
    if (status != MARVIS_OK || !mv_mimi_has_encoder(model->mimi)) return status;
    /* Mapped anew for the encoder: what was read so far need not stay in memory. */
    MV_TRY(mv_checkpoint_open(weights, &ckpt, err));
    return mv_shared_encoder_bind(model, ckpt, true, prefix, err);
}

marvis_status mv_codec_open_file(marvis_model *model, const marvis_model_settings *settings,
                                 const mv_mimi_config *expected, marvis_error *err) {
    char *weights, *config_path;
    mv_mimi_config config;
    mv_mimi_config_init(&config);
    bool found = false;
    marvis_status status = locate(model, settings, &weights, &config_path, err);
    if (status == MARVIS_OK && config_path)
        status = read_codec_config(config_path, &config, &found, err);
    if (!found && expected) config = *expected;
    if (status == MARVIS_OK) status = load(model, settings, weights, &config, err);
    mv_free(config_path);
    if (status == MARVIS_OK)
        model->codec_source = weights;
    else
        mv_free(weights);
    return status;
}
