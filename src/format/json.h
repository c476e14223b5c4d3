/* json.h - jansson with limits: nesting, size and duplicate keys are checked while loading, and
 * members are read by typed getters that name file and key when a value is absent or impossible. */
#ifndef MV_FORMAT_JSON_H
#define MV_FORMAT_JSON_H

#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>

#define MV_JSON_MAX_DEPTH 64

/* Parses text whose outermost value must be an object. `path` is for messages; `base` is where the
 * text begins in the file, added to positions. ERR_FORMAT for damaged text (with the position),
 * ERR_MEMORY. The caller frees *root with json_decref. */
MV_CHECK marvis_status mv_json_load(const char *text, size_t len, const char *path, size_t base,
                                    json_t **root, marvis_error *err);

/* Byte offset in text of the opening quote of `key` among the members of the outermost object, -1
 * when it is not there. text must have been accepted by mv_json_load. */
int64_t mv_json_key_position(const char *text, size_t len, const char *key);

/* An object inside a file, for the getters. */
typedef struct mv_json_at {
    const json_t *object;
    const char *path;   /* of the file */
    const char *prefix; /* "" or, for a nested object, "depth_decoder_config." */
} mv_json_at;

/* The member, NULL when it is absent or null. */
const json_t *mv_json_get(const mv_json_at *at, const char *key);

/* Getters: *value keeps its old content (the default) when the member is absent or null, unless it
 * is `required`. ERR_CONFIG names file and key, and says what was expected. */
MV_CHECK marvis_status mv_json_int(const mv_json_at *at, const char *key, bool required, int min,
                                   int max, int *value, marvis_error *err);
/* min <= value <= max; never a NaN */
MV_CHECK marvis_status mv_json_double(const mv_json_at *at, const char *key, bool required,
                                      double min, double max, double *value, marvis_error *err);
MV_CHECK marvis_status mv_json_bool(const mv_json_at *at, const char *key, bool *value,
                                    marvis_error *err);
/* *value is NULL when absent; borrowed from the object */
MV_CHECK marvis_status mv_json_string(const mv_json_at *at, const char *key, const char **value,
                                      marvis_error *err);
/* *value is NULL when absent */
MV_CHECK marvis_status mv_json_object(const mv_json_at *at, const char *key, const json_t **value,
                                      marvis_error *err);

#endif
