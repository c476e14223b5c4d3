/* gguf.c - see gguf.h. A cursor walks over the bytes; whatever a length or a count claims is held
 * against what is left behind the cursor before it is used. */
#include "format/gguf.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_DIMS = 4,    /* of the format */
    MAX_NAME = 512,  /* bytes of a tensor's name; the longest in use have 90 */
    MAX_KEY = 65535, /* bytes, of the format */
    MIN_VALUE = 13,  /* bytes of the shortest metadata entry: key, type, one byte */
    MIN_TENSOR = 24, /* bytes of the shortest tensor info */
    MAX_ALIGNMENT = 1 << 16
};

static const struct {
    const char *name;
    size_t bytes; /* 0: of varying length */
} kinds[MV_N_GGUF_KINDS] = {
    [MV_GGUF_U8] = {"uint8", 1},    [MV_GGUF_I8] = {"int8", 1},    [MV_GGUF_U16] = {"uint16", 2},
    [MV_GGUF_I16] = {"int16", 2},   [MV_GGUF_U32] = {"uint32", 4}, [MV_GGUF_I32] = {"int32", 4},
    [MV_GGUF_F32] = {"float32", 4}, [MV_GGUF_BOOL] = {"bool", 1},  [MV_GGUF_STRING] = {"string", 0},
    [MV_GGUF_ARRAY] = {"array", 0}, [MV_GGUF_U64] = {"uint64", 8}, [MV_GGUF_I64] = {"int64", 8},
    [MV_GGUF_F64] = {"float64", 8},
};

/* Tensor types by their number in the file; those without a place in mv_dtype are known by name
 * alone. */
static const struct {
    uint32_t number;
    const char *name;
    int type; /* mv_dtype or -1 */
} types[] = {
    {0, "F32", MV_DT_F32},   {1, "F16", MV_DT_F16},    {2, "Q4_0", MV_DT_Q4_0},
    {3, "Q4_1", MV_DT_Q4_1}, {6, "Q5_0", -1},          {7, "Q5_1", -1},
    {8, "Q8_0", MV_DT_Q8_0}, {9, "Q8_1", -1},          {10, "Q2_K", -1},
    {11, "Q3_K", -1},        {12, "Q4_K", -1},         {13, "Q5_K", -1},
    {14, "Q6_K", -1},        {15, "Q8_K", -1},         {16, "IQ2_XXS", -1},
    {17, "IQ2_XS", -1},      {18, "IQ3_XXS", -1},      {19, "IQ1_S", -1},
    {20, "IQ4_NL", -1},      {21, "IQ3_S", -1},        {22, "IQ2_S", -1},
    {23, "IQ4_XS", -1},      {24, "I8", MV_DT_I8},     {25, "I16", MV_DT_I16},
    {26, "I32", MV_DT_I32},  {27, "I64", MV_DT_I64},   {28, "F64", MV_DT_F64},
    {29, "IQ1_M", -1},       {30, "BF16", MV_DT_BF16}, {34, "TQ1_0", -1},
    {35, "TQ2_0", -1},       {39, "MXFP4", -1},
};

enum { N_TYPES = sizeof types / sizeof *types };

int mv_gguf_type_of(mv_dtype type) {
    for (size_t i = 0; i < N_TYPES; i++)
        if (types[i].type == (int)type) return (int)types[i].number;
    return -1;
}

bool mv_gguf_is(const uint8_t *data, size_t len) {
    return len >= 4 && (memcmp(data, "GGUF", 4) == 0 || memcmp(data, "FUGG", 4) == 0);
}

/* ---- the cursor ----------------------------------------------------------------------------- */

typedef struct reader {
    const char *path;
    const uint8_t *data;
    size_t len, at;
    size_t alignment;
    marvis_error *err;
} reader;

static marvis_status take(reader *r, size_t n, const char *what, const uint8_t **bytes) {
    *bytes = NULL;
    if (n > r->len - r->at)
        return mv_fail_at(r->err, MARVIS_ERR_FORMAT, (int64_t)r->at,
                          "%s: ends at byte %zu, inside %s: the file is incomplete", r->path,
                          r->len, what);
    *bytes = r->data + r->at;
    r->at += n;
    return MARVIS_OK;
}

static uint64_t little_endian(const uint8_t *bytes, size_t n) {
    uint64_t value = 0;
    while (n > 0)
        value = value << 8 | bytes[--n];
    return value;
}

static marvis_status take_u32(reader *r, const char *what, uint32_t *value) {
    const uint8_t *bytes;
    MV_TRY(take(r, 4, what, &bytes));
    *value = (uint32_t)little_endian(bytes, 4);
    return MARVIS_OK;
}

static marvis_status take_u64(reader *r, const char *what, uint64_t *value) {
    const uint8_t *bytes;
    MV_TRY(take(r, 8, what, &bytes));
    *value = little_endian(bytes, 8);
    return MARVIS_OK;
}

/* A number of things of at least `least` bytes each, as many as can follow. */
static marvis_status take_count(reader *r, const char *what, size_t least, size_t *n) {
    uint64_t count;
    size_t at = r->at;
    *n = 0;
    MV_TRY(take_u64(r, what, &count));
    if (count > (r->len - r->at) / least)
        return mv_fail_at(r->err, MARVIS_ERR_FORMAT, (int64_t)at,
                          "%s: claims %llu %s, more than its %zu bytes can hold: it is damaged or "
                          "incomplete",
                          r->path, (unsigned long long)count, what, r->len);
    *n = (size_t)count;
    return MARVIS_OK;
}

/* A string of at most max bytes; max 0: whatever fits the file. */
static marvis_status take_string(reader *r, const char *what, size_t max, const uint8_t **text,
                                 size_t *n) {
    size_t at = r->at;
    *text = NULL;
    MV_TRY(take_count(r, what, 1, n));
    if (max && *n > max)
        return mv_fail_at(r->err, MARVIS_ERR_FORMAT, (int64_t)at,
                          "%s: %s of %zu bytes; expected at most %zu", r->path, what, *n, max);
    return take(r, *n, what, text);
}

/* A key or a name: copied to *names with a NUL. */
static marvis_status take_name(reader *r, const char *what, size_t max, char **names,
                               const char **name) {
    const uint8_t *text;
    size_t n, at = r->at;
    MV_TRY(take_string(r, what, max, &text, &n));
    if (n == 0 || memchr(text, '\0', n))
        return mv_fail_at(r->err, MARVIS_ERR_FORMAT, (int64_t)at,
                          "%s: %s is empty or holds a NUL byte", r->path, what);
    memcpy(*names, text, n);
    *name = *names;
    *names += n;
    *(*names)++ = '\0';
    return MARVIS_OK;
}

/* ---- metadata ------------------------------------------------------------------------------- */

static marvis_status take_kind(reader *r, const char *key, mv_gguf_kind *kind) {
    uint32_t number;
    size_t at = r->at;
    MV_TRY(take_u32(r, "the type of a metadata entry", &number));
    if (number >= MV_N_GGUF_KINDS)
        return mv_fail_at(r->err, MARVIS_ERR_FORMAT, (int64_t)at,
                          "%s: metadata \"%s\" has type %u; expected 0 to %d", r->path, key,
                          (unsigned)number, MV_N_GGUF_KINDS - 1);
    *kind = (mv_gguf_kind)number;
    return MARVIS_OK;
}

static marvis_status take_array(reader *r, mv_gguf_value *v) {
    size_t at = r->at;
    MV_TRY(take_kind(r, v->key, &v->element));
    if (v->element == MV_GGUF_ARRAY)
        return mv_fail_at(r->err, MARVIS_ERR_UNSUPPORTED, (int64_t)at,
                          "%s: metadata \"%s\" is an array of arrays, which is not read", r->path,
                          v->key);
    size_t each = kinds[v->element].bytes;
    MV_TRY(take_count(r, "elements of an array", each ? each : 8, &v->n));
    if (each) return take(r, v->n * each, "an array", &v->data);
    v->data = r->data + r->at;
    for (size_t i = 0; i < v->n; i++) {
        const uint8_t *text;
        size_t len;
        MV_TRY(take_string(r, "a string of an array", 0, &text, &len));
    }
    return MARVIS_OK;
}

static marvis_status take_value(reader *r, char **names, mv_gguf_value *v) {
    MV_TRY(take_name(r, "a key of the metadata", MAX_KEY, names, &v->key));
    MV_TRY(take_kind(r, v->key, &v->kind));
    v->n = 1;
    if (v->kind == MV_GGUF_ARRAY) return take_array(r, v);
    if (v->kind == MV_GGUF_STRING)
        return take_string(r, "a string of the metadata", 0, &v->data, &v->n);
    size_t at = r->at;
    MV_TRY(take(r, kinds[v->kind].bytes, "a number of the metadata", &v->data));
    if (v->kind == MV_GGUF_BOOL && v->data[0] > 1)
        return mv_fail_at(r->err, MARVIS_ERR_FORMAT, (int64_t)at,
                          "%s: metadata \"%s\" is a bool of %d; expected 0 or 1", r->path, v->key,
                          v->data[0]);
    return MARVIS_OK;
}

static int compare_keys(const void *a, const void *b) {
    const mv_gguf_value *x = a, *y = b;
    return strcmp(x->key, y->key);
}

static marvis_status take_values(reader *r, char **names, mv_gguf *file) {
    for (size_t i = 0; i < file->n_values; i++)
        MV_TRY(take_value(r, names, &file->values[i]));
    if (file->n_values > 1) qsort(file->values, file->n_values, sizeof *file->values, compare_keys);
    for (size_t i = 1; i < file->n_values; i++)
        if (strcmp(file->values[i - 1].key, file->values[i].key) == 0)
            return mv_fail(r->err, MARVIS_ERR_FORMAT, "%s: metadata \"%s\" is there twice", r->path,
                           file->values[i].key);
    return MARVIS_OK;
}

static marvis_status read_alignment(reader *r, const mv_gguf *file) {
    uint64_t alignment = 32;
    r->alignment = 32;
    if (!mv_gguf_find(file, "general.alignment")) return MARVIS_OK;
    if (!mv_gguf_number(file, "general.alignment", &alignment) || alignment < 8 ||
        alignment > MAX_ALIGNMENT || (alignment & (alignment - 1)) != 0)
        return mv_fail(r->err, MARVIS_ERR_FORMAT,
                       "%s: \"general.alignment\" must be a power of two, 8 to %d", r->path,
                       MAX_ALIGNMENT);
    r->alignment = (size_t)alignment;
    return MARVIS_OK;
}

/* ---- tensors -------------------------------------------------------------------------------- */

static marvis_status take_shape(reader *r, mv_tensor *t) {
    uint32_t n_dims;
    size_t at = r->at;
    MV_TRY(take_u32(r, "a tensor's number of dimensions", &n_dims));
    if (n_dims > MAX_DIMS)
        return mv_fail_at(r->err, MARVIS_ERR_FORMAT, (int64_t)at,
                          "%s: tensor \"%s\" has %u dimensions; expected at most %d", r->path,
                          t->name, (unsigned)n_dims, MAX_DIMS);
    t->n_dims = (int)n_dims;
    t->n_values = 1;
    for (int i = t->n_dims - 1; i >= 0; i--) { /* the file begins with the innermost */
        uint64_t size;
        at = r->at;
        MV_TRY(take_u64(r, "a tensor's shape", &size));
        if (size > INT64_MAX || size > SIZE_MAX ||
            !mv_mul_size(t->n_values, (size_t)size, &t->n_values))
            return mv_fail_at(r->err, MARVIS_ERR_FORMAT, (int64_t)at,
                              "%s: tensor \"%s\": the product of its sizes overflows", r->path,
                              t->name);
        t->shape[i] = (int64_t)size;
    }
    return MARVIS_OK;
}

static marvis_status take_type(reader *r, mv_tensor *t) {
    static const char expected[] = "F32, F16, BF16, Q8_0, Q4_0, Q4_1 or I8";
    uint32_t number;
    size_t at = r->at;
    MV_TRY(take_u32(r, "a tensor's type", &number));
    for (size_t i = 0; i < N_TYPES; i++) {
        if (types[i].number != number) continue;
        if (types[i].type < 0)
            return mv_fail_at(r->err, MARVIS_ERR_UNSUPPORTED, (int64_t)at,
                              "%s: tensor \"%s\" has type %s, which is not read; expected %s",
                              r->path, t->name, types[i].name, expected);
        t->type = (mv_dtype)types[i].type;
        return MARVIS_OK;
    }
    return mv_fail_at(r->err, MARVIS_ERR_UNSUPPORTED, (int64_t)at,
                      "%s: tensor \"%s\" has type number %u, which nobody knows; expected %s",
                      r->path, t->name, (unsigned)number, expected);
}

/* Bytes by shape and type; a row is whole blocks. */
static marvis_status measure(const reader *r, size_t at, mv_tensor *t) {
    size_t block = mv_dtype_block(t->type);
    int64_t row = t->n_dims > 0 ? t->shape[t->n_dims - 1] : 1;
    if (row % (int64_t)block != 0)
        return mv_fail_at(r->err, MARVIS_ERR_FORMAT, (int64_t)at,
                          "%s: tensor \"%s\" has rows of %lld values; expected a multiple of %zu "
                          "with type %s",
                          r->path, t->name, (long long)row, block, mv_dtype_name(t->type));
    if (!mv_mul_size(t->n_values / block, mv_dtype_bytes(t->type), &t->len_bytes))
        return mv_fail_at(r->err, MARVIS_ERR_FORMAT, (int64_t)at,
                          "%s: tensor \"%s\": its size in bytes overflows", r->path, t->name);
    return MARVIS_OK;
}

/* Leaves the offset in the data, not yet checked, in `offset`. */
static marvis_status take_tensor(reader *r, char **names, mv_tensor *t, uint64_t *offset) {
    MV_TRY(take_name(r, "the name of a tensor", MAX_NAME, names, &t->name));
    size_t at = r->at;
    MV_TRY(take_shape(r, t));
    MV_TRY(take_type(r, t));
    MV_TRY(measure(r, at, t));
    at = r->at;
    MV_TRY(take_u64(r, "a tensor's place", offset));
    if (*offset % r->alignment == 0) return MARVIS_OK;
    return mv_fail_at(r->err, MARVIS_ERR_FORMAT, (int64_t)at,
                      "%s: tensor \"%s\" begins at data byte %llu; expected a multiple of %zu",
                      r->path, t->name, (unsigned long long)*offset, r->alignment);
}

/* A tensor and where it is said to lie. */
typedef struct placed {
    mv_tensor tensor;
    uint64_t offset;
} placed;

static int compare_places(const void *a, const void *b) {
    const placed *x = a, *y = b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    if (x->tensor.len_bytes != y->tensor.len_bytes)
        return x->tensor.len_bytes < y->tensor.len_bytes ? -1 : 1;
    return strcmp(x->tensor.name, y->tensor.name);
}

static int compare_names(const void *a, const void *b) {
    const mv_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* n rounded up to the alignment; n lies in the file. */
static size_t padded(const reader *r, size_t n) {
    size_t over = n % r->alignment;
    return over ? n + (r->alignment - over) : n;
}

/* The tensors follow one another with nothing but padding between them. */
static marvis_status place_tensors(const reader *r, placed *list, size_t n) {
    size_t begin = padded(r, r->at), data_len = begin < r->len ? r->len - begin : 0, end = 0;
    if (n > 1) qsort(list, n, sizeof *list, compare_places);
    for (size_t i = 0; i < n; i++) {
        mv_tensor *t = &list[i].tensor;
        if (list[i].offset != padded(r, end))
            return mv_fail(r->err, MARVIS_ERR_FORMAT,
                           "%s: tensor \"%s\" begins at data byte %llu; expected %zu: tensors must "
                           "neither overlap nor leave holes",
                           r->path, t->name, (unsigned long long)list[i].offset, padded(r, end));
        size_t at = (size_t)list[i].offset;
        if (at > data_len || t->len_bytes > data_len - at)
            return mv_fail_at(r->err, MARVIS_ERR_FORMAT, (int64_t)r->len,
                              "%s: tensor \"%s\" of %zu bytes begins at data byte %zu, but the "
                              "file has %zu: it is incomplete",
                              r->path, t->name, t->len_bytes, at, data_len);
        t->data = r->data + begin + at;
        end = at + t->len_bytes;
    }
    if (data_len - end < r->alignment) return MARVIS_OK;
    return mv_fail_at(r->err, MARVIS_ERR_FORMAT, (int64_t)(begin + end),
                      "%s: %zu bytes follow the last tensor; expected the file to end there",
                      r->path, data_len - end);
}

static marvis_status take_tensors(reader *r, char **names, mv_gguf *file) {
    size_t n = file->n_tensors;
    marvis_status status = MARVIS_OK;
    if (n == 0) return place_tensors(r, NULL, 0);
    placed *list = mv_alloc(n, sizeof *list);
    if (!list) return mv_fail_memory(r->err, n * sizeof *list, "the list of tensors");
    for (size_t i = 0; i < n && status == MARVIS_OK; i++)
        status = take_tensor(r, names, &list[i].tensor, &list[i].offset);
    if (status == MARVIS_OK) status = place_tensors(r, list, n);
    for (size_t i = 0; i < n; i++)
        file->tensors[i] = list[i].tensor;
    mv_free(list);
    MV_TRY(status);
    qsort(file->tensors, n, sizeof *file->tensors, compare_names);
    for (size_t i = 1; i < n; i++)
        if (strcmp(file->tensors[i - 1].name, file->tensors[i].name) == 0)
            return mv_fail(r->err, MARVIS_ERR_FORMAT, "%s: tensor \"%s\" is there twice", r->path,
                           file->tensors[i].name);
    return MARVIS_OK;
}

/* ---- the file ------------------------------------------------------------------------------- */

static marvis_status take_header(reader *r, mv_gguf *file) {
    const uint8_t *magic;
    if (r->len < 4 || memcmp(r->data, "GGUF", 4) != 0) {
        if (mv_gguf_is(r->data, r->len))
            return mv_fail_at(r->err, MARVIS_ERR_UNSUPPORTED, 0,
                              "%s: a big-endian GGUF file; only little-endian ones are read",
                              r->path);
        return mv_fail_at(r->err, MARVIS_ERR_FORMAT, 0,
                          "%s: does not begin with \"GGUF\": not a GGUF file", r->path);
    }
    MV_TRY(take(r, 4, "the magic", &magic));
    MV_TRY(take_u32(r, "the version", &file->version));
    if (file->version == 2 || file->version == 3) {
        MV_TRY(take_count(r, "tensors", MIN_TENSOR, &file->n_tensors));
        return take_count(r, "metadata entries", MIN_VALUE, &file->n_values);
    }
    if ((file->version & 0xffff) == 0)
        return mv_fail_at(r->err, MARVIS_ERR_UNSUPPORTED, 4,
                          "%s: a big-endian GGUF file; only little-endian ones are read", r->path);
    return mv_fail_at(r->err, MARVIS_ERR_UNSUPPORTED, 4,
                      "%s: GGUF version %u; versions 2 and 3 are read", r->path,
                      (unsigned)file->version);
}

/* Keys and names with their NULs need less than the file is long: each has a length of 8 bytes in
 * front of it. */
static marvis_status allocate(reader *r, mv_gguf *file) {
    if (file->n_values) {
        file->values = mv_alloc(file->n_values, sizeof *file->values);
        if (!file->values)
            return mv_fail_memory(r->err, file->n_values * sizeof *file->values, "the metadata");
    }
    if (file->n_tensors) {
        file->tensors = mv_alloc(file->n_tensors, sizeof *file->tensors);
        if (!file->tensors)
            return mv_fail_memory(r->err, file->n_tensors * sizeof *file->tensors,
                                  "the list of tensors");
    }
    return MARVIS_OK;
}

/* Bytes that keys and names take with their NULs, found by a first walk that stores nothing: the
 * metadata may hold a whole tokenizer, and the names are a thousandth of it. */
static marvis_status measure_names(reader r, const mv_gguf *file, size_t *n) {
    const uint8_t *text;
    size_t len;
    *n = 0;
    for (size_t i = 0; i < file->n_values; i++) {
        char key[64]; /* for messages */
        mv_gguf_value v = {.key = key};
        MV_TRY(take_string(&r, "a key of the metadata", MAX_KEY, &text, &len));
        *n += len + 1;
        snprintf(key, sizeof key, "%.*s", (int)len, (const char *)text);
        MV_TRY(take_kind(&r, v.key, &v.kind));
        if (v.kind == MV_GGUF_ARRAY)
            MV_TRY(take_array(&r, &v));
        else if (v.kind == MV_GGUF_STRING)
            MV_TRY(take_string(&r, "a string of the metadata", 0, &text, &len));
        else
            MV_TRY(take(&r, kinds[v.kind].bytes, "a number of the metadata", &text));
    }
    for (size_t i = 0; i < file->n_tensors; i++) {
        uint32_t n_dims;
        MV_TRY(take_string(&r, "the name of a tensor", MAX_NAME, &text, &len));
        *n += len + 1;
        MV_TRY(take_u32(&r, "a tensor's number of dimensions", &n_dims));
        MV_TRY(
            take(&r, n_dims <= MAX_DIMS ? 8 * (size_t)n_dims + 12 : 0, "a tensor's shape", &text));
        if (n_dims > MAX_DIMS) break; /* told with the tensor's name, by the second walk */
    }
    return MARVIS_OK;
}

static marvis_status parse(reader *r, mv_gguf *file) {
    size_t n_names;
    MV_TRY(take_header(r, file));
    MV_TRY(measure_names(*r, file, &n_names));
    MV_TRY(allocate(r, file));
    if (n_names && !(file->names = mv_alloc(n_names, 1)))
        return mv_fail_memory(r->err, n_names, "the list of tensors");
    char *names = file->names;
    MV_TRY(take_values(r, &names, file));
    MV_TRY(read_alignment(r, file));
    MV_TRY(take_tensors(r, &names, file));
    file->path = mv_strdup(r->path);
    return file->path ? MARVIS_OK : mv_fail_memory(r->err, strlen(r->path) + 1, "a path");
}

marvis_status mv_gguf_parse(const uint8_t *data, size_t len, const char *path, mv_gguf *file,
                            marvis_error *err) {
    reader r = {.path = path, .data = data, .len = len, .err = err};
    *file = (mv_gguf){0};
    marvis_status status = parse(&r, file);
    if (status != MARVIS_OK) mv_gguf_close(file);
    return status;
}

marvis_status mv_gguf_open(const char *path, mv_gguf *file, marvis_error *err) {
    mv_map map;
    *file = (mv_gguf){0};
    MV_TRY(mv_map_open(path, &map, err));
    marvis_status status = mv_gguf_parse(map.data, map.len, path, file, err);
    if (status == MARVIS_OK)
        file->map = map;
    else
        mv_map_close(&map);
    return status;
}

void mv_gguf_close(mv_gguf *file) {
    if (file->map.data) mv_map_close(&file->map);
    mv_free(file->values);
    mv_free(file->tensors);
    mv_free(file->names);
    mv_free(file->path);
    *file = (mv_gguf){0};
}

const mv_gguf_value *mv_gguf_find(const mv_gguf *file, const char *key) {
    mv_gguf_value wanted = {.key = key};
    if (file->n_values == 0) return NULL;
    return bsearch(&wanted, file->values, file->n_values, sizeof *file->values, compare_keys);
}

bool mv_gguf_text(const mv_gguf *file, const char *key, const char **text, size_t *len) {
    const mv_gguf_value *v = mv_gguf_find(file, key);
    if (!v || v->kind != MV_GGUF_STRING) return false;
    *text = (const char *)v->data;
    *len = v->n;
    return true;
}

bool mv_gguf_number(const mv_gguf *file, const char *key, uint64_t *number) {
    const mv_gguf_value *v = mv_gguf_find(file, key);
    if (!v || v->kind == MV_GGUF_STRING || v->kind == MV_GGUF_ARRAY || v->kind == MV_GGUF_F32 ||
        v->kind == MV_GGUF_F64)
        return false;
    size_t n = kinds[v->kind].bytes;
    bool is_signed = v->kind == MV_GGUF_I8 || v->kind == MV_GGUF_I16 || v->kind == MV_GGUF_I32 ||
                     v->kind == MV_GGUF_I64;
    *number = little_endian(v->data, n);
    return !is_signed || v->data[n - 1] < 0x80;
}
