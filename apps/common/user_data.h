/* user_data.h - the folder where a person's own data of marvis lie: XDG_DATA_HOME or
 * ~/.local/share on Linux, ~/Library/Application Support on macOS; and files in such a folder. */
#ifndef APPS_COMMON_USER_DATA_H
#define APPS_COMMON_USER_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "marvis.h"

/* "FOLDER/marvis/NAME", whether it is there or not; the caller frees *path. ERR_NOT_FOUND: there is
 * no home; ERR_MEMORY. */
MARVIS_CHECK marvis_status user_data_path(const char *name, char **path, marvis_error *err);

/* Makes a folder and all above it. ERR_IO. */
MARVIS_CHECK marvis_status user_data_make_folder(const char *path, marvis_error *err);

/* Names in a folder that end in `ending`, without it and without those that begin with a dot,
 * sorted; none when the folder is not there. Freed by user_data_free_names. ERR_IO, ERR_MEMORY. */
MARVIS_CHECK marvis_status user_data_list(const char *path, const char *ending, char ***names,
                                          size_t *n, marvis_error *err);
void user_data_free_names(char ***names, size_t n);

/* Bytes of an ordinary file; -1 when there is none. */
int64_t user_data_file_bytes(const char *path);

/* ERR_NOT_FOUND, ERR_IO. */
MARVIS_CHECK marvis_status user_data_remove(const char *path, marvis_error *err);

/* The day in this place of the world, "2026-11-22". */
void user_data_today(char date[16]);

#endif
