/* codec_files.c - where a Mimi codec lies: in a file that is named as one, or in the weights of a
 * speech model that carries it; in a folder or in the cache. See hub.h. */
#include "base/memory.h"
#include "base/text.h"
#include "format/checkpoint.h"
#include "format/hub.h"
#include "format/hub_internal.h"

#include <string.h>

bool mv_is_codec_name(const char *name) {
    return mv_ends_with(name, ".safetensors") &&
           (mv_starts_with(name, "tokenizer-") || mv_starts_with(name, "mimi"));
}

static bool is_index(const char *name) { return mv_ends_with(name, ".index.json"); }

static bool is_other_weights(const char *name) {
    return mv_ends_with(name, ".safetensors") && !mv_is_codec_name(name);
}

/* Whether these weights carry a codec, by the names of their tensors (headers alone are read). A
 * file that cannot be opened carries none: it is not the one that was asked for. */
static marvis_status holds_codec(const char *path, bool *holds, marvis_error *err) {
    mv_checkpoint *ckpt;
    *holds = false;
    marvis_status status = mv_checkpoint_open(path, &ckpt, NULL);
    if (status == MARVIS_ERR_MEMORY) return mv_fail_memory(err, strlen(path), path);
    if (status != MARVIS_OK) return MARVIS_OK;
    for (size_t i = 0; i < mv_checkpoint_n_tensors(ckpt) && !*holds; i++)
        *holds = mv_starts_with(mv_checkpoint_tensor(ckpt, i)->name, "codec_model.quantizer.");
    mv_checkpoint_close(&ckpt);
    return MARVIS_OK;
}

/* The first name of a kind; if `inside`, the first whose file carries a codec. */
static marvis_status first_of(const char *folder, char *const *names, size_t n,
                              bool (*is_kind)(const char *), bool inside, char **path,
                              marvis_error *err) {
    for (size_t i = 0; i < n; i++) {
        if (!is_kind(names[i])) continue;
        MV_TRY(mv_file_beside(folder, names[i], path, err));
        if (!*path) continue;
        bool holds = true;
        marvis_status status = inside ? holds_codec(*path, &holds, err) : MARVIS_OK;
        if (status == MARVIS_OK && holds) return MARVIS_OK;
        mv_free(*path);
        *path = NULL;
        MV_TRY(status);
    }
    return MARVIS_OK;
}

static marvis_status choose_named(const char *folder, char *const *names, size_t n, char **path,
                                  marvis_error *err) {
    return first_of(folder, names, n, mv_is_codec_name, false, path, err);
}

/* Indices before single files: a shard alone may hold a part of a codec. */
static marvis_status choose_carried(const char *folder, char *const *names, size_t n, char **path,
                                    marvis_error *err) {
    MV_TRY(first_of(folder, names, n, is_index, true, path, err));
    if (*path) return MARVIS_OK;
    return first_of(folder, names, n, is_other_weights, true, path, err);
}

static marvis_status named_in(const char *folder, char **path, marvis_error *err) {
    return mv_in_folder(folder, choose_named, path, err);
}

static marvis_status carried_in(const char *folder, char **path, marvis_error *err) {
    return mv_in_folder(folder, choose_carried, path, err);
}

static marvis_status model_in(const char *folder, char **path, marvis_error *err) {
    return mv_file_beside(folder, "model.safetensors", path, err);
}

marvis_status mv_codec_beside(const char *folder, const char *weights, char **path,
                              marvis_error *err) {
    bool holds;
    MV_TRY(named_in(folder, path, err));
    if (*path) return MARVIS_OK;
    MV_TRY(holds_codec(weights, &holds, err));
    if (!holds) return carried_in(folder, path, err);
    *path = mv_strdup(weights);
    return *path ? MARVIS_OK : mv_fail_memory(err, strlen(weights), "a path");
}

marvis_status mv_codec_files_find(const char *path, const char *hub_cache, char **weights,
                                  marvis_error *err) {
    char *folder = NULL; /* of a model in the cache */
    *weights = NULL;
    if (mv_file_exists(path)) {
        *weights = mv_strdup(path);
        return *weights ? MARVIS_OK : mv_fail_memory(err, strlen(path), "a path");
    }
    if (!mv_dir_exists(path)) {
        MV_TRY(mv_hub_find(hub_cache, path, &folder, err));
        path = folder;
    }
    marvis_status status = named_in(path, weights, err);
    if (status == MARVIS_OK && !*weights) status = carried_in(path, weights, err);
    if (status == MARVIS_OK && !*weights) status = model_in(path, weights, err);
    if (status == MARVIS_OK && !*weights)
        status = mv_fail(err, MARVIS_ERR_NOT_FOUND,
                         "%s: holds no Mimi codec; looked for tokenizer-*.safetensors, "
                         "mimi*.safetensors and model.safetensors: " MV_CODEC_HINT,
                         path);
    mv_free(folder);
    return status;
}

marvis_status mv_hub_find_codec(const char *hub_cache, char **path, char **config_path,
                                marvis_error *err) {
    static const char *const moshi[] = {"kyutai/moshiko-pytorch-bf16",
                                        "kyutai/moshika-pytorch-bf16", NULL};
    static const char *const transformers[] = {"kyutai/mimi", NULL};
    static const char *const carriers[] = {"sesame/csm-1b", NULL};
    char *folder;
    *config_path = NULL;
    MV_TRY(mv_hub_first(hub_cache, moshi, named_in, path, &folder, err));
    mv_free(folder);
    if (*path) return MARVIS_OK;
    MV_TRY(mv_hub_first(hub_cache, transformers, model_in, path, &folder, err));
    if (!*path) MV_TRY(mv_hub_first(hub_cache, carriers, carried_in, path, &folder, err));
    if (!*path)
        return mv_fail(err, MARVIS_ERR_NOT_FOUND,
                       "no Mimi codec beside the model, nor in the cache %s; " MV_CODEC_HINT,
                       hub_cache ? hub_cache : "(none was given)");
    marvis_status status = mv_file_beside(folder, "config.json", config_path, err);
    mv_free(folder);
    if (status == MARVIS_OK) return MARVIS_OK;
    mv_free(*path);
    *path = NULL;
    return status;
}
