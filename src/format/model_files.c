/* model_files.c - from what a person calls a model (a folder, a file, a name in the cache) to the
 * files that make it up; see hub.h. */
#include "format/hub.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "format/hub_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_index(const char *name) { return mv_ends_with(name, ".index.json"); }

static bool is_safetensors(const char *name) { return mv_ends_with(name, ".safetensors"); }

static bool is_gguf(const char *name) { return mv_ends_with(name, ".gguf"); }

static bool is_weights(const char *name) { return is_safetensors(name) && !mv_is_codec_name(name); }

/* Weights of kinds that people have and this library does not read. */
static bool is_foreign(const char *name) {
    static const char *const endings[] = {".pt", ".pth", ".bin", ".ckpt", ".npz"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (mv_ends_with(name, endings[i])) return true;
    return false;
}

marvis_status mv_file_beside(const char *folder, const char *name, char **path, marvis_error *err) {
    *path = mv_path_join(folder, name);
    if (!*path) return mv_fail_memory(err, strlen(folder) + strlen(name), "a path");
    if (mv_file_exists(*path)) return MARVIS_OK;
    mv_free(*path);
    *path = NULL;
    return MARVIS_OK;
}

/* Index of the only name that is of this kind; n when there is none, n + 1 when there are several.
 */
static size_t only_one(char *const *names, size_t n, bool (*is_kind)(const char *)) {
    size_t found = n;
    for (size_t i = 0; i < n; i++) {
        if (!is_kind(names[i])) continue;
        if (found < n) return n + 1;
        found = i;
    }
    return found;
}

/* The first names of a kind, "a, b, c", for a message. */
static void list_names(char *const *names, size_t n, bool (*is_kind)(const char *), char *text,
                       size_t size) {
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < n && len < size; i++)
        if (is_kind(names[i]))
            len += (size_t)snprintf(text + len, size - len, "%s%s", len ? ", " : "", names[i]);
}

static marvis_status fail_several(const char *folder, char *const *names, size_t n,
                                  bool (*is_kind)(const char *), marvis_error *err) {
    char text[400];
    list_names(names, n, is_kind, text, sizeof text);
    return mv_fail(err, MARVIS_ERR_NOT_FOUND,
                   "%s: holds several models (%s); name one of the files", folder, text);
}

static marvis_status choose_weights(const char *folder, char *const *names, size_t n, char **path,
                                    marvis_error *err) {
    static const char *const usual[] = {"model.safetensors", "model.safetensors.index.json"};
    for (size_t i = 0; i < 2; i++) {
        MV_TRY(mv_file_beside(folder, usual[i], path, err));
        if (*path) return MARVIS_OK;
    }
    size_t i = only_one(names, n, is_index);
    if (i > n) return fail_several(folder, names, n, is_index, err);
    if (i == n) i = only_one(names, n, is_weights);
    if (i > n) return fail_several(folder, names, n, is_weights, err);
    if (i == n) i = only_one(names, n, is_gguf);
    if (i > n) return fail_several(folder, names, n, is_gguf, err);
    if (i < n) {
        *path = mv_path_join(folder, names[i]);
        return *path ? MARVIS_OK : mv_fail_memory(err, strlen(folder) + strlen(names[i]), "a path");
    }
    char foreign[400];
    list_names(names, n, is_foreign, foreign, sizeof foreign);
    if (foreign[0])
        return mv_fail(err, MARVIS_ERR_NOT_FOUND,
                       "%s: no model.safetensors, only %s; save the weights as safetensors first",
                       folder, foreign);
    return mv_fail(err, MARVIS_ERR_NOT_FOUND,
                   "%s: no model; looked for model.safetensors, model.safetensors.index.json or "
                   "another .safetensors file, or a .gguf file",
                   folder);
}

marvis_status mv_in_folder(const char *folder, mv_choose choose, char **path, marvis_error *err) {
    char **names;
    size_t n;
    *path = NULL;
    MV_TRY(mv_dir_list(folder, &names, &n, err));
    marvis_status status = choose(folder, names, n, path, err);
    mv_names_free(&names, n);
    return status;
}

/* "model-00001-of-00004.safetensors" alone is no model: the numbers are found from the end. */
static marvis_status refuse_shard(const char *path, marvis_error *err) {
    static const char shape[] = "-00000-of-00000.safetensors";
    size_t n = strlen(path), n_shape = sizeof shape - 1;
    const char *tail = path + (n > n_shape ? n - n_shape : 0);
    for (size_t i = 0; i < n_shape; i++)
        if (n <= n_shape ||
            (shape[i] == '0' ? tail[i] < '0' || tail[i] > '9' : tail[i] != shape[i]))
            return MARVIS_OK;
    long shard = strtol(tail + 1, NULL, 10), n_shards = strtol(tail + 10, NULL, 10);
    if (n_shards < 2) return MARVIS_OK;
    return mv_fail(
        err, MARVIS_ERR_NOT_FOUND,
        "%s: one file of several, number %ld of %ld: name the folder, or its .index.json", path,
        shard, n_shards);
}

/* The folder and, when `path` is itself a file, the weights. */
static marvis_status resolve(const char *path, const char *cache, char **folder, char **weights,
                             marvis_error *err) {
    if (mv_dir_exists(path)) {
        *folder = mv_strdup(path);
    } else if (mv_file_exists(path)) {
        if (!is_safetensors(path) && !is_index(path) && mv_ends_with(path, ".json"))
            return mv_fail(err, MARVIS_ERR_NOT_FOUND,
                           "%s: not a model's weights; expected a folder, a .safetensors file, its "
                           ".index.json, or a .gguf file",
                           path);
        MV_TRY(refuse_shard(path, err));
        *folder = mv_path_dir(path);
        *weights = mv_strdup(path);
        if (!*weights) return mv_fail_memory(err, strlen(path), "a path");
    } else if (mv_hub_is_name(path)) {
        MV_TRY(mv_hub_find(cache, path, folder, err));
    } else {
        return mv_fail(
            err, MARVIS_ERR_NOT_FOUND,
            "%s: no such file or folder; expected a model's folder, its .safetensors file, "
            "or \"owner/name\" in the cache",
            path);
    }
    return *folder ? MARVIS_OK : mv_fail_memory(err, strlen(path), "a path");
}

static marvis_status find_parts(const char *folder, const char *cache, mv_model_files *files,
                                marvis_error *err) {
    if (!files->weights) MV_TRY(mv_in_folder(folder, choose_weights, &files->weights, err));
    MV_TRY(mv_file_beside(folder, "config.json", &files->config, err));
    MV_TRY(mv_file_beside(folder, "generation_config.json", &files->generation_config, err));
    MV_TRY(mv_file_beside(folder, "tokenizer.json", &files->tokenizer, err));
    MV_TRY(mv_codec_beside(folder, files->weights, &files->codec, err));
    if (files->codec) return MARVIS_OK;
    marvis_error absent; /* no failure: a model may be opened without a codec */
    marvis_status status = mv_hub_find_codec(cache, &files->codec, &files->codec_config, &absent);
    if (status == MARVIS_OK || status == MARVIS_ERR_NOT_FOUND) return MARVIS_OK;
    if (err) *err = absent;
    return status;
}

marvis_status mv_model_files_find(const char *path, const char *hub_cache, mv_model_files *files,
                                  marvis_error *err) {
    char *folder = NULL;
    *files = (mv_model_files){0};
    marvis_status status = resolve(path, hub_cache, &folder, &files->weights, err);
    if (status == MARVIS_OK) status = find_parts(folder, hub_cache, files, err);
    mv_free(folder);
    if (status != MARVIS_OK) mv_model_files_free(files);
    return status;
}

void mv_model_files_free(mv_model_files *files) {
    mv_free(files->weights);
    mv_free(files->config);
    mv_free(files->generation_config);
    mv_free(files->tokenizer);
    mv_free(files->codec);
    mv_free(files->codec_config);
    *files = (mv_model_files){0};
}
