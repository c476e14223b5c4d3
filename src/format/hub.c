/* hub.c - a Hugging Face cache folder: models--OWNER--NAME/refs/main and snapshots/REVISION, as
 * huggingface_hub lays them out. Where a model's parts lie is in model_files.c. */
#include "format/hub.h"

#include "base/file.h"
#include "base/memory.h"
#include "format/hub_internal.h"

#include <string.h>

bool mv_hub_is_name(const char *name) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
    size_t len = strlen(name);
    const char *slash = strchr(name, '/');
    if (!slash || strchr(slash + 1, '/') || slash == name || !slash[1]) return false;
    if (len > 200 || strspn(name, allowed) != len || strstr(name, "..")) return false;
    return name[0] != '.' && slash[1] != '.';
}

/* cache/models--OWNER--NAME in new memory; name is valid, hence short */
static char *model_folder(const char *cache, const char *name) {
    char folder[256] = "models--";
    size_t len = strlen(folder);
    for (; *name && len + 3 < sizeof folder; name++) {
        folder[len++] = *name == '/' ? '-' : *name;
        if (*name == '/') folder[len++] = '-';
    }
    return mv_path_join(cache, folder);
}

/* *folder = snapshots/NAME when that is a folder with anything in it, else NULL. */
static marvis_status try_snapshot(const char *snapshots, const char *name, char **folder,
                                  marvis_error *err) {
    char *path = mv_path_join(snapshots, name), **names;
    size_t n;
    *folder = NULL;
    if (!path) return mv_fail_memory(err, strlen(name), "a path");
    marvis_status status = mv_dir_list(path, &names, &n, NULL);
    if (status == MARVIS_OK) mv_names_free(&names, n);
    if (status == MARVIS_OK && n > 0)
        *folder = path;
    else
        mv_free(path);
    return status == MARVIS_ERR_MEMORY ? mv_fail_memory(err, 1, "a list of files") : MARVIS_OK;
}

/* The snapshot that refs/main names; NULL when that file is absent or names none that is there. */
static marvis_status main_snapshot(const char *model, const char *snapshots, char **folder,
                                   marvis_error *err) {
    char *path = mv_path_join(model, "refs/main"), *revision;
    size_t len;
    *folder = NULL;
    if (!path) return mv_fail_memory(err, strlen(model), "a path");
    marvis_status read = mv_file_read(path, 256, &revision, &len, NULL);
    mv_free(path);
    if (read == MARVIS_ERR_MEMORY) return mv_fail_memory(err, 256, "a revision");
    if (read != MARVIS_OK) return MARVIS_OK;
    revision[strcspn(revision, " \t\r\n")] = '\0';
    marvis_status status = MARVIS_OK;
    if (*revision && revision[0] != '.' && !strchr(revision, '/'))
        status = try_snapshot(snapshots, revision, folder, err);
    mv_free(revision);
    return status;
}

/* The snapshot that changed last, among those that hold anything; NULL when there is none. */
static marvis_status newest_snapshot(const char *snapshots, char **folder, marvis_error *err) {
    char **names;
    size_t n;
    int64_t newest = -1;
    *folder = NULL;
    marvis_status status = mv_dir_list(snapshots, &names, &n, NULL);
    if (status == MARVIS_ERR_MEMORY) return mv_fail_memory(err, 1, "a list of files");
    if (status != MARVIS_OK) return MARVIS_OK;
    for (size_t i = 0; i < n && status == MARVIS_OK; i++) {
        char *candidate;
        status = try_snapshot(snapshots, names[i], &candidate, err);
        int64_t changed = candidate ? mv_path_changed_s(candidate) : -1;
        if (changed > newest) {
            newest = changed;
            mv_free(*folder);
            *folder = candidate;
        } else {
            mv_free(candidate);
        }
    }
    mv_names_free(&names, n);
    if (status == MARVIS_OK) return MARVIS_OK;
    mv_free(*folder);
    *folder = NULL;
    return status;
}

marvis_status mv_hub_find(const char *cache, const char *name, char **folder, marvis_error *err) {
    *folder = NULL;
    if (!mv_hub_is_name(name))
        return mv_fail(err, MARVIS_ERR_NOT_FOUND,
                       "%s: no such file or folder, nor a model's name; expected a path, or "
                       "\"owner/name\" of a model in the cache",
                       name);
    if (!cache)
        return mv_fail(
            err, MARVIS_ERR_NOT_FOUND,
            "%s: no such file or folder, and no cache folder was given to look for this model in",
            name);
    char *model = model_folder(cache, name);
    char *snapshots = model ? mv_path_join(model, "snapshots") : NULL;
    marvis_status status;
    if (!snapshots)
        status = mv_fail_memory(err, strlen(cache) + strlen(name), "a path");
    else
        status = main_snapshot(model, snapshots, folder, err);
    if (status == MARVIS_OK && !*folder) status = newest_snapshot(snapshots, folder, err);
    if (status == MARVIS_OK && !*folder)
        status = mv_fail(err, MARVIS_ERR_NOT_FOUND,
                         "%s: no such file or folder, and not in the cache %s (looked for %s); "
                         "download it first",
                         name, cache, snapshots);
    mv_free(model);
    mv_free(snapshots);
    return status;
}

/* ---- parts that models share ---------------------------------------------------------------- */

/* The first of `names` whose snapshot has a file that `pick` finds; *path NULL when none has. */
marvis_status mv_hub_first(const char *cache, const char *const *names, mv_hub_pick pick,
                           char **path, char **folder, marvis_error *err) {
    *path = NULL;
    *folder = NULL;
    for (; cache && *names; names++) {
        marvis_error absent; /* no failure: the next may be there */
        marvis_status status = mv_hub_find(cache, *names, folder, &absent);
        if (status == MARVIS_ERR_NOT_FOUND) continue;
        if (status != MARVIS_OK) {
            if (err) *err = absent;
            return status;
        }
        status = pick(*folder, path, err);
        if (status == MARVIS_OK && *path) return MARVIS_OK;
        mv_free(*folder);
        *folder = NULL;
        if (status != MARVIS_OK) return status;
    }
    return MARVIS_OK;
}

static marvis_status pick_tokenizer(const char *folder, char **path, marvis_error *err) {
    return mv_file_beside(folder, "tokenizer.json", path, err);
}

marvis_status mv_hub_find_tokenizer(const char *hub_cache, int text_vocab, char **path,
                                    marvis_error *err) {
    static const char *const smollm[] = {"HuggingFaceTB/SmolLM2-135M",
                                         "HuggingFaceTB/SmolLM2-135M-Instruct", NULL};
    static const char *const llama[] = {"sesame/csm-1b", "unsloth/Llama-3.2-1B",
                                        "meta-llama/Llama-3.2-1B", NULL};
    static const char *const none[] = {NULL};
    const char *const *names = text_vocab == 49152 ? smollm : text_vocab == 128256 ? llama : none;
    char *folder;
    MV_TRY(mv_hub_first(hub_cache, names, pick_tokenizer, path, &folder, err));
    mv_free(folder);
    if (*path) return MARVIS_OK;
    if (!*names)
        return mv_fail(
            err, MARVIS_ERR_NOT_FOUND,
            "no tokenizer.json beside the model, and no known tokenizer has %d ids; give the "
            "model's own with --tokenizer",
            text_vocab);
    return mv_fail(err, MARVIS_ERR_NOT_FOUND,
                   "no tokenizer.json beside the model, nor of %s in the cache %s; give it with "
                   "--tokenizer: tokenizer.json of %s",
                   *names, hub_cache ? hub_cache : "(none was given)", *names);
}
