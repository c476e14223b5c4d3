/* hub_internal.h - what hub.c (the cache), model_files.c (folders) and codec_files.c (the codec in
 * either) share. */
#ifndef MV_FORMAT_HUB_INTERNAL_H
#define MV_FORMAT_HUB_INTERNAL_H

#include "base/file.h"

#include <stdbool.h>

/* "owner/name" in the hub's alphabet; never anything that climbs out of a folder */
bool mv_hub_is_name(const char *name);

/* Finders in a folder: *path is new memory, or NULL when the file is not there. */
typedef marvis_status (*mv_hub_pick)(const char *folder, char **path, marvis_error *err);
MV_CHECK marvis_status mv_file_beside(const char *folder, const char *name, char **path,
                                      marvis_error *err);

/* Lists the folder and hands over to `choose`. */
typedef marvis_status (*mv_choose)(const char *folder, char *const *names, size_t n, char **path,
                                   marvis_error *err);
MV_CHECK marvis_status mv_in_folder(const char *folder, mv_choose choose, char **path,
                                    marvis_error *err);

/* tokenizer-*.safetensors or mimi*.safetensors */
bool mv_is_codec_name(const char *name);
/* The codec of the model that lies in `folder` and has these `weights`; *path NULL when there is
 * none, and `weights` when they carry it. */
MV_CHECK marvis_status mv_codec_beside(const char *folder, const char *weights, char **path,
                                       marvis_error *err);

/* The first of `names` (NULL-terminated) whose snapshot has what `pick` finds; both NULL when none.
 */
MV_CHECK marvis_status mv_hub_first(const char *cache, const char *const *names, mv_hub_pick pick,
                                    char **path, char **folder, marvis_error *err);

#endif
