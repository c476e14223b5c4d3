/* hub_internal.h - what hub.c (the cache) and model_files.c (folders) share. */
#ifndef MV_FORMAT_HUB_INTERNAL_H
#define MV_FORMAT_HUB_INTERNAL_H

#include "base/status.h"

#include <stdbool.h>

/* "owner/name" in the hub's alphabet; never anything that climbs out of a folder */
bool mv_hub_is_name(const char *name);

/* Finders in a folder: *path is new memory, or NULL when the file is not there. */
typedef marvis_status (*mv_hub_pick)(const char *folder, char **path, marvis_error *err);
MV_CHECK marvis_status mv_file_beside(const char *folder, const char *name, char **path,
                                      marvis_error *err);
MV_CHECK marvis_status mv_codec_beside(const char *folder, char **path, marvis_error *err);
MV_CHECK marvis_status mv_model_beside(const char *folder, char **path, marvis_error *err);

/* The first of `names` (NULL-terminated) whose snapshot has what `pick` finds; both NULL when none.
 */
MV_CHECK marvis_status mv_hub_first(const char *cache, const char *const *names, mv_hub_pick pick,
                                    char **path, char **folder, marvis_error *err);

#endif
