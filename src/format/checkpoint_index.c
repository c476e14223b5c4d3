/* checkpoint_index.c - a *.safetensors.index.json and its shards: the map of names must agree with
 * what the shards hold, and shards are plain names beside the index, never paths. */
#include "format/checkpoint_internal.h"

#include "base/memory.h"
#include "format/json.h"

#include <string.h>

#define MAX_INDEX_BYTES ((size_t)16 << 20)

static marvis_status check_shard_name(const mv_checkpoint *ckpt, const char *tensor,
                                      const json_t *value, marvis_error *err) {
    const char *shard = json_string_value(value);
    if (!shard)
        return mv_fail(err, MARVIS_ERR_FORMAT,
                       "%s: \"weight_map\" entry \"%s\" must be a file name", ckpt->path, tensor);
    if (!*shard || strcmp(shard, ".") == 0 || strcmp(shard, "..") == 0 || strchr(shard, '/') ||
        strchr(shard, '\\'))
        return mv_fail(
            err, MARVIS_ERR_FORMAT,
            "%s: \"weight_map\" entry \"%s\" names \"%s\"; expected a file beside the index, "
            "without a folder",
            ckpt->path, tensor, shard);
    return MARVIS_OK;
}

/* Position of a shard in the list of names, or n. */
static size_t find_shard(const char *const *shards, size_t n, const char *name) {
    size_t i = 0;
    while (i < n && strcmp(shards[i], name) != 0)
        i++;
    return i;
}

/* The distinct shards of the map, in order of appearance; borrowed from the map. */
static marvis_status collect_shards(const mv_checkpoint *ckpt, const json_t *map,
                                    const char **shards, size_t *n, marvis_error *err) {
    const char *tensor;
    json_t *value;
    *n = 0;
    json_object_foreach((json_t *)map, tensor, value) {
        MV_TRY(check_shard_name(ckpt, tensor, value, err));
        const char *name = json_string_value(value);
        if (find_shard(shards, *n, name) < *n) continue;
        if (*n == MV_MAX_SHARDS)
            return mv_fail(err, MARVIS_ERR_FORMAT, "%s: \"weight_map\" names more than %d files",
                           ckpt->path, MV_MAX_SHARDS);
        shards[(*n)++] = name;
    }
    if (*n == 0)
        return mv_fail(err, MARVIS_ERR_FORMAT, "%s: \"weight_map\" is empty; expected tensor names",
                       ckpt->path);
    return MARVIS_OK;
}

static marvis_status open_shard(mv_checkpoint *ckpt, const char *dir, const char *name,
                                marvis_error *err) {
    char *path = mv_path_join(dir, name);
    if (!path) return mv_fail_memory(err, strlen(dir) + strlen(name) + 2, "a path");
    marvis_status status;
    if (!mv_file_exists(path))
        status = mv_fail(err, MARVIS_ERR_NOT_FOUND,
                         "%s: names \"%s\", but %s is missing; put all shards beside the index",
                         ckpt->path, name, path);
    else
        status = mv_safetensors_open(path, &ckpt->files[ckpt->n_files], err);
    if (status == MARVIS_OK) ckpt->n_files++;
    mv_free(path);
    return status;
}

static marvis_status check_entries(const mv_checkpoint *ckpt, const json_t *map,
                                   const char *const *shards, marvis_error *err) {
    const char *tensor;
    json_t *value;
    json_object_foreach((json_t *)map, tensor, value) {
        size_t shard = find_shard(shards, ckpt->n_files, json_string_value(value));
        if (!mv_safetensors_find(&ckpt->files[shard], tensor))
            return mv_fail(err, MARVIS_ERR_FORMAT,
                           "%s: tensor \"%s\" is missing from %s; index and shards do not belong "
                           "together, or the download is incomplete",
                           ckpt->path, tensor, ckpt->files[shard].path);
    }
    return MARVIS_OK;
}

static marvis_status open_shards(mv_checkpoint *ckpt, const json_t *map, const char **shards,
                                 marvis_error *err) {
    size_t n;
    MV_TRY(collect_shards(ckpt, map, shards, &n, err));
    ckpt->files = mv_alloc(n, sizeof *ckpt->files);
    char *dir = mv_path_dir(ckpt->path);
    marvis_status status = MARVIS_OK;
    if (!ckpt->files || !dir)
        status = mv_fail_memory(err, n * sizeof *ckpt->files, "a list of files");
    for (size_t i = 0; i < n && status == MARVIS_OK; i++)
        status = open_shard(ckpt, dir, shards[i], err);
    mv_free(dir);
    if (status == MARVIS_OK) status = check_entries(ckpt, map, shards, err);
    return status;
}

marvis_status mv_checkpoint_open_index(mv_checkpoint *ckpt, marvis_error *err) {
    char *text;
    size_t len;
    MV_TRY(mv_file_read(ckpt->path, MAX_INDEX_BYTES, &text, &len, err));
    json_t *root = NULL;
    const char **shards = NULL;
    marvis_status status = mv_json_load(text, len, ckpt->path, 0, &root, err);
    mv_free(text);
    if (status != MARVIS_OK) return status;
    const json_t *map = json_object_get(root, "weight_map");
    if (!json_is_object(map))
        status = mv_fail(err, MARVIS_ERR_FORMAT,
                         "%s: \"weight_map\" is missing; expected an object from tensor to file",
                         ckpt->path);
    else if (!(shards = mv_alloc(MV_MAX_SHARDS, sizeof *shards)))
        status = mv_fail_memory(err, MV_MAX_SHARDS * sizeof *shards, "a list of files");
    else
        status = open_shards(ckpt, map, shards, err);
    mv_free(shards);
    json_decref(root);
    return status;
}
