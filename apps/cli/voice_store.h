/* voice_store.h - saved voices by their names: files NAME.safetensors in the user's folder. Where a
 * voice is named a path that ends in .safetensors is meant as a file, wherever it lies. */
#ifndef APPS_CLI_VOICE_STORE_H
#define APPS_CLI_VOICE_STORE_H

#include <stdbool.h>

#include "marvis.h"

/* The folder, whether it is there or not; the caller frees *path. */
MARVIS_CHECK marvis_status voice_store_folder(char **path, marvis_error *err);

/* True for a path of a file, as against a name. */
bool voice_store_is_file(const char *name);

/* The file of a voice, whether it is there or not; the caller frees *path. ERR_CALL: no name. */
MARVIS_CHECK marvis_status voice_store_path(const char *name, char **path, marvis_error *err);

/* Loads a voice by name or path. The caller destroys *voice and frees *path (may be NULL). */
MARVIS_CHECK marvis_status voice_store_load(const char *name, marvis_voice **voice, char **path,
                                            marvis_error *err);

/* Names in the folder, for user_data_free_names. */
MARVIS_CHECK marvis_status voice_store_list(char ***names, size_t *n, marvis_error *err);

#endif
