/* voice_store.c - see voice_store.h. */
#include "cli/voice_store.h"

#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/platform.h"
#include "common/user_data.h"

enum { MAX_NAME = 64 }; /* bytes */
static const char ending[] = ".safetensors";

marvis_status voice_store_folder(char **path, marvis_error *err) {
    return user_data_path("voices", path, err);
}

bool voice_store_is_file(const char *name) {
    size_t n = strlen(name), n_ending = sizeof ending - 1;
    return n > n_ending && strcmp(name + n - n_ending, ending) == 0;
}

/* A name becomes that of a file: nothing in it may lead elsewhere, hide it, or look like an option.
 */
static marvis_status check_name(const char *name, marvis_error *err) {
    const char *wrong = NULL;
    size_t n = strlen(name);
    if (n == 0)
        wrong = "is empty";
    else if (n > MAX_NAME)
        wrong = "is longer than 64 bytes";
    else if (strpbrk(name, "/\\"))
        wrong = "has a slash in it; a file is named with its ending, .safetensors";
    else if (name[0] == '.' || name[0] == '-')
        wrong = "begins with a dot or a dash";
    else if (name[0] == ' ' || name[n - 1] == ' ')
        wrong = "has a space at its end";
    for (const char *c = name; *c && !wrong; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) wrong = "has a control character in it";
    if (!wrong) return MARVIS_OK;
    return app_fail(err, MARVIS_ERR_CALL, "'%.100s' cannot be a voice's name: it %s", name, wrong);
}

marvis_status voice_store_path(const char *name, char **path, marvis_error *err) {
    char *folder, *slashed, *joined = NULL;
    *path = NULL;
    if (voice_store_is_file(name)) {
        *path = platform_concat(name, "");
        return *path ? MARVIS_OK : app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    }
    marvis_status status = check_name(name, err);
    if (status == MARVIS_OK) status = voice_store_folder(&folder, err);
    if (status != MARVIS_OK) return status;
    slashed = platform_concat(folder, "/");
    if (slashed) joined = platform_concat(slashed, name);
    if (joined) *path = platform_concat(joined, ending);
    free(joined);
    free(slashed);
    free(folder);
    return *path ? MARVIS_OK : app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
}

marvis_status voice_store_load(const char *name, marvis_voice **voice, char **path,
                               marvis_error *err) {
    char *file;
    *voice = NULL;
    if (path) *path = NULL;
    marvis_status status = voice_store_path(name, &file, err);
    if (status != MARVIS_OK) return status;
    if (!voice_store_is_file(name) && user_data_file_bytes(file) < 0)
        status = app_fail(err, MARVIS_ERR_NOT_FOUND,
                          "no voice is called '%.80s' (%.400s); 'marvis voice list' shows those "
                          "there are",
                          name, file);
    if (status == MARVIS_OK) status = marvis_voice_load(file, voice, err);
    if (status == MARVIS_OK && path)
        *path = file;
    else
        free(file);
    return status;
}

marvis_status voice_store_list(char ***names, size_t *n, marvis_error *err) {
    char *folder;
    *names = NULL;
    *n = 0;
    marvis_status status = voice_store_folder(&folder, err);
    if (status != MARVIS_OK) return status;
    status = user_data_list(folder, ending, names, n, err);
    free(folder);
    return status;
}
