/* safetensors.c - see safetensors.h. The checks are those of the reference reader (header length,
 * entry fields, bytes against shape, no overlap, no hole, nothing after the last tensor) plus
 * limits on header size and dimensions. */
#include "format/safetensors.h"

#include "base/memory.h"
#include "base/text.h"
#include "format/json.h"

#include <stdlib.h>
#include <string.h>

/* jansson needs about 20 bytes per byte of header; published models stay below 100 kB. */
#define MAX_HEADER_BYTES ((size_t)16 << 20)

/* What is being read; positions in errors are offsets in the file. */
typedef struct reader {
    const char *path;
    const char *header; /* JSON text, at byte 8 of the file */
    size_t header_len;
    const uint8_t *data; /* tensor bytes, after the header */
    size_t data_len;
    marvis_error *err;
} reader;

static int64_t entry_position(const reader *r, const char *name) {
    int64_t at = mv_json_key_position(r->header, r->header_len, name);
    return at < 0 ? at : at + 8;
}

/* Files that people have instead of safetensors are called by their name. */
static marvis_status refuse_other_formats(const uint8_t *data, size_t len, const char *path,
                                          marvis_error *err) {
    static const char lfs[] = "version https://git-lfs";
    if (len >= sizeof lfs - 1 && memcmp(data, lfs, sizeof lfs - 1) == 0)
        return mv_fail_at(
            err, MARVIS_ERR_FORMAT, 0,
            "%s: a Git LFS pointer, not the weights; fetch them with \"git lfs pull\"", path);
    if (len >= 4 && memcmp(data, "GGUF", 4) == 0)
        return mv_fail_at(err, MARVIS_ERR_UNSUPPORTED, 0, "%s: a GGUF file; expected safetensors",
                          path);
    if (len >= 4 && memcmp(data, "PK\3\4", 4) == 0)
        return mv_fail_at(err, MARVIS_ERR_UNSUPPORTED, 0,
                          "%s: a %s; save the weights as safetensors first", path,
                          mv_ends_with(path, ".npz") ? "NumPy archive"
                                                     : "zip archive, as PyTorch (.pt, .bin) or "
                                                       "NumPy (.npz) write them");
    return MARVIS_OK;
}

static marvis_status read_header_len(const uint8_t *data, size_t len, const char *path,
                                     size_t *header_len, marvis_error *err) {
    if (len < 8)
        return mv_fail_at(err, MARVIS_ERR_FORMAT, (int64_t)len,
                          "%s: %zu bytes long; a safetensors file has at least 8: the download is "
                          "incomplete, or it is another kind of file",
                          path, len);
    MV_TRY(refuse_other_formats(data, len, path, err));
    uint64_t n = 0;
    for (int i = 7; i >= 0; i--)
        n = n << 8 | data[i];
    if (n < 2)
        return mv_fail_at(err, MARVIS_ERR_FORMAT, 0,
                          "%s: not a safetensors or GGUF file: header length %llu; expected at "
                          "least 2 (\"{}\")",
                          path, (unsigned long long)n);
    if (n > MAX_HEADER_BYTES)
        return mv_fail_at(err, MARVIS_ERR_FORMAT, 0,
                          "%s: not a safetensors or GGUF file: header length %llu; expected at "
                          "most %zu",
                          path, (unsigned long long)n, MAX_HEADER_BYTES);
    if (n > len - 8)
        return mv_fail_at(
            err, MARVIS_ERR_FORMAT, (int64_t)len,
            "%s: header of %llu bytes, but the file has %zu: the download is incomplete", path,
            (unsigned long long)n, len);
    *header_len = (size_t)n;
    return MARVIS_OK;
}

static marvis_status read_type(const reader *r, const json_t *entry, mv_tensor *t) {
    const char *name = json_string_value(json_object_get(entry, "dtype"));
    if (!name)
        return mv_fail_at(r->err, MARVIS_ERR_FORMAT, entry_position(r, t->name),
                          "%s: tensor \"%s\": \"dtype\" is missing; expected a string", r->path,
                          t->name);
    if (mv_dtype_from_name(name, &t->type)) return MARVIS_OK;
    return mv_fail_at(r->err, MARVIS_ERR_FORMAT, entry_position(r, t->name),
                      "%s: tensor \"%s\": unknown type \"%s\"; expected F32, F16, BF16 or another "
                      "safetensors type",
                      r->path, t->name, name);
}

static marvis_status read_shape(const reader *r, const json_t *entry, mv_tensor *t) {
    const json_t *shape = json_object_get(entry, "shape");
    if (!json_is_array(shape))
        return mv_fail_at(r->err, MARVIS_ERR_FORMAT, entry_position(r, t->name),
                          "%s: tensor \"%s\": \"shape\" is missing; expected a list of sizes",
                          r->path, t->name);
    if (json_array_size(shape) > MV_MAX_DIMS)
        return mv_fail_at(r->err, MARVIS_ERR_FORMAT, entry_position(r, t->name),
                          "%s: tensor \"%s\" has %zu dimensions; expected at most %d", r->path,
                          t->name, json_array_size(shape), MV_MAX_DIMS);
    t->n_dims = (int)json_array_size(shape);
    t->n_values = 1;
    for (int i = 0; i < t->n_dims; i++) {
        const json_t *size = json_array_get(shape, (size_t)i);
        if (!json_is_integer(size) || json_integer_value(size) < 0)
            return mv_fail_at(
                r->err, MARVIS_ERR_FORMAT, entry_position(r, t->name),
                "%s: tensor \"%s\": \"shape\" holds something other than sizes; expected "
                "integers of at least 0",
                r->path, t->name);
        t->shape[i] = json_integer_value(size);
        if ((uint64_t)t->shape[i] > SIZE_MAX ||
            !mv_mul_size(t->n_values, (size_t)t->shape[i], &t->n_values))
            return mv_fail_at(
                r->err, MARVIS_ERR_FORMAT, entry_position(r, t->name),
                "%s: tensor \"%s\": the product of \"shape\" overflows; expected a shape "
                "that fits the file",
                r->path, t->name);
    }
    return MARVIS_OK;
}

static marvis_status read_range(const reader *r, const json_t *entry, mv_tensor *t) {
    const json_t *range = json_object_get(entry, "data_offsets");
    const json_t *first = json_array_get(range, 0), *last = json_array_get(range, 1);
    if (json_array_size(range) != 2 || !json_is_integer(first) || !json_is_integer(last) ||
        json_integer_value(first) < 0 || json_integer_value(last) < json_integer_value(first))
        return mv_fail_at(
            r->err, MARVIS_ERR_FORMAT, entry_position(r, t->name),
            "%s: tensor \"%s\": \"data_offsets\" must be [begin, end] with 0 <= begin <= "
            "end",
            r->path, t->name);
    json_int_t begin = json_integer_value(first), end = json_integer_value(last);
    if ((uint64_t)end > r->data_len)
        return mv_fail_at(r->err, MARVIS_ERR_FORMAT, entry_position(r, t->name),
                          "%s: tensor \"%s\" ends at data byte %lld, but the file has %zu: the "
                          "download is incomplete",
                          r->path, t->name, (long long)end, r->data_len);
    t->len_bytes = (size_t)(end - begin);
    size_t expected;
    if (!mv_mul_size(t->n_values, mv_dtype_bytes(t->type), &expected) || expected != t->len_bytes)
        return mv_fail_at(
            r->err, MARVIS_ERR_FORMAT, entry_position(r, t->name),
            "%s: tensor \"%s\": \"data_offsets\" span %zu bytes; expected %zu values of "
            "type %s",
            r->path, t->name, t->len_bytes, t->n_values, mv_dtype_name(t->type));
    t->data = r->data + begin;
    return MARVIS_OK;
}

static marvis_status read_metadata(const reader *r, const json_t *metadata) {
    const char *key;
    json_t *value;
    bool good = json_is_object(metadata);
    json_object_foreach((json_t *)metadata, key, value) good = good && json_is_string(value);
    if (good) return MARVIS_OK;
    return mv_fail_at(r->err, MARVIS_ERR_FORMAT, entry_position(r, "__metadata__"),
                      "%s: \"__metadata__\" must be an object of strings", r->path);
}

static int compare_ranges(const void *a, const void *b) {
    const mv_tensor *x = a, *y = b;
    if (x->data != y->data) return x->data < y->data ? -1 : 1;
    if (x->len_bytes != y->len_bytes) return x->len_bytes < y->len_bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int compare_names(const void *a, const void *b) {
    const mv_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* The tensors must tile the data. Leaves them in the order of their data. */
static marvis_status check_tiling(const reader *r, mv_tensor *tensors, size_t n) {
    if (n > 1) qsort(tensors, n, sizeof *tensors, compare_ranges);
    size_t end = 0;
    for (size_t i = 0; i < n; i++) {
        size_t begin = (size_t)(tensors[i].data - r->data);
        if (begin != end)
            return mv_fail_at(
                r->err, MARVIS_ERR_FORMAT, entry_position(r, tensors[i].name),
                "%s: tensor \"%s\" begins at data byte %zu; expected %zu: tensors must "
                "neither overlap nor leave holes",
                r->path, tensors[i].name, begin, end);
        end = begin + tensors[i].len_bytes;
    }
    if (end != r->data_len)
        return mv_fail_at(r->err, MARVIS_ERR_FORMAT, (int64_t)(8 + r->header_len + end),
                          "%s: %zu bytes follow the last tensor; expected the file to end there",
                          r->path, r->data_len - end);
    return MARVIS_OK;
}

/* Fills the list from the parsed header. Tensors and their names share one block. */
static marvis_status read_entries(const reader *r, const json_t *root, mv_safetensors *file) {
    const char *key;
    json_t *value;
    size_t n = 0, name_bytes = 0, table_bytes, total;
    json_object_foreach((json_t *)root, key, value) {
        if (strcmp(key, "__metadata__") == 0) continue;
        n++;
        name_bytes += strlen(key) + 1; /* bounded by the header's length */
    }
    json_t *metadata = json_object_get(root, "__metadata__");
    if (metadata) MV_TRY(read_metadata(r, metadata));
    if (n > 0) {
        if (!mv_mul_size(n, sizeof *file->tensors, &table_bytes) ||
            !mv_add_size(table_bytes, name_bytes, &total) || !(file->tensors = mv_alloc(1, total)))
            return mv_fail_memory(r->err, n * sizeof *file->tensors, "the list of tensors");
        file->n_tensors = n;
        char *names = (char *)(file->tensors + n);
        mv_tensor *t = file->tensors;
        json_object_foreach((json_t *)root, key, value) {
            if (strcmp(key, "__metadata__") == 0) continue;
            size_t len = strlen(key) + 1;
            memcpy(names, key, len);
            t->name = names;
            names += len;
            MV_TRY(read_type(r, value, t));
            MV_TRY(read_shape(r, value, t));
            MV_TRY(read_range(r, value, t));
            t++;
        }
    }
    MV_TRY(check_tiling(r, file->tensors, n));
    if (n > 1) qsort(file->tensors, n, sizeof *file->tensors, compare_names);
    return MARVIS_OK;
}

marvis_status mv_safetensors_parse(const uint8_t *data, size_t len, const char *path,
                                   mv_safetensors *file, marvis_error *err) {
    *file = (mv_safetensors){0};
    reader r = {.path = path, .err = err};
    MV_TRY(read_header_len(data, len, path, &r.header_len, err));
    r.header = (const char *)data + 8;
    r.data = data + 8 + r.header_len;
    r.data_len = len - 8 - r.header_len;
    json_t *root;
    MV_TRY(mv_json_load(r.header, r.header_len, path, 8, &root, err));
    marvis_status status = read_entries(&r, root, file);
    json_decref(root);
    if (status == MARVIS_OK && !(file->path = mv_strdup(path)))
        status = mv_fail_memory(err, strlen(path) + 1, "a path");
    file->header = r.header;
    file->header_len = r.header_len;
    if (status != MARVIS_OK) mv_safetensors_close(file);
    return status;
}

marvis_status mv_safetensors_open(const char *path, mv_safetensors *file, marvis_error *err) {
    mv_map map;
    *file = (mv_safetensors){0};
    MV_TRY(mv_map_open(path, &map, err));
    marvis_status status = mv_safetensors_parse(map.data, map.len, path, file, err);
    if (status == MARVIS_OK)
        file->map = map;
    else
        mv_map_close(&map);
    return status;
}

void mv_safetensors_close(mv_safetensors *file) {
    if (file->map.data) mv_map_close(&file->map);
    mv_free(file->tensors);
    mv_free(file->path);
    *file = (mv_safetensors){0};
}

const mv_tensor *mv_safetensors_find(const mv_safetensors *file, const char *name) {
    mv_tensor key = {.name = name};
    if (file->n_tensors == 0) return NULL;
    return bsearch(&key, file->tensors, file->n_tensors, sizeof *file->tensors, compare_names);
}

marvis_status mv_safetensors_metadata(const mv_safetensors *file, const char *key, char **value,
                                      marvis_error *err) {
    json_t *root;
    *value = NULL;
    MV_TRY(mv_json_load(file->header, file->header_len, file->path, 8, &root, err));
    const char *found =
        json_string_value(json_object_get(json_object_get(root, "__metadata__"), key));
    marvis_status status = MARVIS_OK;
    if (found && !(*value = mv_strdup(found)))
        status = mv_fail_memory(err, strlen(found) + 1, "metadata");
    json_decref(root);
    return status;
}
