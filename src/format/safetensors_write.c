/* safetensors_write.c - see safetensors_write.h. */
#include "format/safetensors_write.h"

#include "base/memory.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Checks one tensor and moves *end past its data. */
static marvis_status check_tensor(const char *path, const char *name, const marvis_tensor_view *t,
                                  size_t *end, marvis_error *err) {
    mv_dtype type;
    if (!mv_dtype_from_name(t->type, &type))
        return mv_fail(err, MARVIS_ERR_CALL,
                       "%s: tensor \"%s\": unknown type \"%s\"; expected F32 or "
                       "another safetensors type",
                       path, name, t->type ? t->type : "");
    size_t bytes = mv_dtype_bytes(type);
    bool good = t->n_dims >= 0 && t->n_dims <= MV_MAX_DIMS && (t->data || t->len_bytes == 0);
    for (int i = 0; good && i < t->n_dims; i++)
        good = t->shape[i] >= 0 && mv_mul_size(bytes, (size_t)t->shape[i], &bytes);
    if (!good || bytes != t->len_bytes || !mv_add_size(*end, bytes, end))
        return mv_fail(err, MARVIS_ERR_CALL,
                       "%s: tensor \"%s\": its %zu bytes are not what its shape and type %s make",
                       path, name, t->len_bytes, t->type);
    return MARVIS_OK;
}

/* {"dtype", "shape", "data_offsets"}; NULL without memory */
static json_t *entry_of(const marvis_tensor_view *t, size_t begin) {
    json_t *shape = json_array();
    for (int i = 0; shape && i < t->n_dims; i++) {
        if (json_array_append_new(shape, json_integer(t->shape[i])) == 0) continue;
        json_decref(shape);
        shape = NULL;
    }
    if (!shape) return NULL;
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", t->type, "shape", shape, "data_offsets",
                     (json_int_t)begin, (json_int_t)(begin + t->len_bytes));
}

static marvis_status build_header(const char *path, size_t n, const char *const *names,
                                  const marvis_tensor_view *views, json_t *header,
                                  marvis_error *err) {
    size_t end = 0;
    for (size_t i = 0; i < n; i++) {
        size_t begin = end;
        MV_TRY(check_tensor(path, names[i], &views[i], &end, err));
        if (json_object_get(header, names[i]) || strcmp(names[i], "__metadata__") == 0)
            return mv_fail(
                err, MARVIS_ERR_CALL,
                "%s: tensor name \"%s\" is given twice or reserved; expected another name", path,
                names[i]);
        json_t *entry = entry_of(&views[i], begin);
        if (!entry) return mv_fail_memory(err, sizeof *views, "a header");
        if (json_object_set_new(header, names[i], entry) != 0)
            return mv_fail(err, MARVIS_ERR_CALL, "%s: tensor name \"%s\" is not UTF-8", path,
                           names[i]);
    }
    return MARVIS_OK;
}

static marvis_status add_metadata(const char *path, const mv_meta *meta, size_t n, json_t *header,
                                  marvis_error *err) {
    if (n == 0) return MARVIS_OK;
    json_t *object = json_object();
    if (!object || json_object_set_new(header, "__metadata__", object) != 0)
        return mv_fail_memory(err, 64, "a header");
    for (size_t i = 0; i < n; i++)
        if (json_object_set_new(object, meta[i].key, json_string(meta[i].value)) != 0)
            return mv_fail(err, MARVIS_ERR_CALL, "%s: metadata \"%s\" is not UTF-8", path,
                           meta[i].key);
    return MARVIS_OK;
}

static marvis_status write_all(mv_writer *writer, const char *text, size_t n,
                               const marvis_tensor_view *views, marvis_error *err) {
    static const char spaces[] = "        ";
    size_t len = strlen(text), padding = (8 - len % 8) % 8;
    uint64_t total = len + padding;
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)(total >> (8 * i));
    MV_TRY(mv_writer_write(writer, length, sizeof length, err));
    MV_TRY(mv_writer_write(writer, text, len, err));
    MV_TRY(mv_writer_write(writer, spaces, padding, err));
    for (size_t i = 0; i < n; i++)
        MV_TRY(mv_writer_write(writer, views[i].data, views[i].len_bytes, err));
    return MARVIS_OK;
}

marvis_status mv_safetensors_write_meta(const char *path, const mv_meta *meta, size_t n_meta,
                                        size_t n, const char *const *names,
                                        const marvis_tensor_view *views, marvis_error *err) {
    char *text = NULL;
    mv_writer *writer = NULL;
    json_t *header = json_object();
    if (!header) return mv_fail_memory(err, 64, "a header");
    marvis_status status = add_metadata(path, meta, n_meta, header, err);
    if (status == MARVIS_OK) status = build_header(path, n, names, views, header, err);
    if (status == MARVIS_OK && !(text = json_dumps(header, JSON_COMPACT)))
        status = mv_fail_memory(err, 64 * n, "a header");
    if (status == MARVIS_OK) status = mv_writer_open(path, &writer, err);
    if (status == MARVIS_OK) status = write_all(writer, text, n, views, err);
    if (status == MARVIS_OK)
        status = mv_writer_commit(&writer, err);
    else
        mv_writer_abort(&writer);
    free(text); /* jansson's memory */
    json_decref(header);
    return status;
}

marvis_status mv_safetensors_write(const char *path, size_t n, const char *const *names,
                                   const marvis_tensor_view *views, marvis_error *err) {
    return mv_safetensors_write_meta(path, NULL, 0, n, names, views, err);
}
