/* user_data.c - see user_data.h. */
#include "common/user_data.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/error.h"
#include "common/platform.h"

/* The folder of all programs' data. An XDG_DATA_HOME that is not absolute does not count, by its
 * specification. */
static char *data_home(void) {
    const char *home = getenv("HOME");
#ifndef __APPLE__
    const char *data = getenv("XDG_DATA_HOME");
    if (data && data[0] == '/') return platform_concat(data, "");
#endif
    if (!home || !*home) return NULL;
#ifdef __APPLE__
    return platform_concat(home, "/Library/Application Support");
#else
    return platform_concat(home, "/.local/share");
#endif
}

marvis_status user_data_path(const char *name, char **path, marvis_error *err) {
    *path = NULL;
    char *home = data_home();
    if (!home)
        return app_fail(err, MARVIS_ERR_NOT_FOUND,
                        "no folder to keep voices in: HOME is not set; give a file's path, "
                        "FILE.safetensors, instead of a name");
    char *folder = platform_concat(home, "/marvis/");
    if (folder) *path = platform_concat(folder, name);
    free(folder);
    free(home);
    return *path ? MARVIS_OK : app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
}

marvis_status user_data_make_folder(const char *path, marvis_error *err) {
    char *part = platform_concat(path, "/");
    if (!part) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    marvis_status status = MARVIS_OK;
    for (char *slash = strchr(part + 1, '/'); slash && status == MARVIS_OK;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            status = app_fail(err, MARVIS_ERR_IO, "%s: cannot make the folder: %s", part,
                              strerror(errno));
        else if (!platform_is_dir(part))
            status = app_fail(err, MARVIS_ERR_IO, "%s: is not a folder", part);
        *slash = '/';
    }
    free(part);
    return status;
}

/* ---- listing -------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b) {
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

/* Appends a copy of the first n bytes of name. */
static bool append(char ***names, size_t *n_names, const char *name, size_t n) {
    char **grown = realloc(*names, (*n_names + 1) * sizeof *grown);
    if (!grown) return false;
    *names = grown;
    char *copy = malloc(n + 1);
    if (!copy) return false;
    memcpy(copy, name, n);
    copy[n] = '\0';
    grown[(*n_names)++] = copy;
    return true;
}

marvis_status user_data_list(const char *path, const char *ending, char ***names, size_t *n,
                             marvis_error *err) {
    size_t n_ending = strlen(ending);
    bool have_memory = true;
    *names = NULL;
    *n = 0;
    DIR *dir = opendir(path);
    if (!dir && errno == ENOENT) return MARVIS_OK;
    if (!dir) return app_fail(err, MARVIS_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    for (struct dirent *entry; have_memory && (entry = readdir(dir));) {
        size_t length = strlen(entry->d_name);
        if (entry->d_name[0] != '.' && length > n_ending &&
            strcmp(entry->d_name + length - n_ending, ending) == 0)
            have_memory = append(names, n, entry->d_name, length - n_ending);
    }
    closedir(dir);
    if (have_memory) {
        if (*n > 1) qsort(*names, *n, sizeof **names, compare);
        return MARVIS_OK;
    }
    user_data_free_names(names, *n);
    *n = 0;
    return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
}

void user_data_free_names(char ***names, size_t n) {
    for (size_t i = 0; i < n; i++)
        free((*names)[i]);
    free(*names);
    *names = NULL;
}

/* ---- files ---------------------------------------------------------------------------------- */

int64_t user_data_file_bytes(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (int64_t)st.st_size : -1;
}

marvis_status user_data_remove(const char *path, marvis_error *err) {
    if (unlink(path) == 0) return MARVIS_OK;
    return app_fail(err, errno == ENOENT ? MARVIS_ERR_NOT_FOUND : MARVIS_ERR_IO,
                    "%s: cannot be removed: %s", path, strerror(errno));
}

void user_data_today(char date[16]) {
    struct tm day;
    time_t now = time(NULL);
    date[0] = '\0';
    if (localtime_r(&now, &day)) (void)strftime(date, 16, "%Y-%m-%d", &day);
}
