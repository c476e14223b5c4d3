/* gguf_write.c - see gguf_write.h. Metadata and tensor infos are encoded into two growing buffers
 * as they are given; begin puts the header before them. */
#include "format/gguf_write.h"

#include "base/file.h"
#include "base/memory.h"
#include "format/gguf.h"

#include <string.h>

enum { VERSION = 3, ALIGNMENT = 64, MAX_BUFFER = 1 << 30 };

typedef struct buffer {
    uint8_t *bytes; /* owned */
    size_t len, capacity;
} buffer;

typedef struct mv_gguf_entry {
    char *name; /* owned */
    size_t len_bytes;
} entry;

typedef struct list {
    entry *entries; /* [n] owned */
    size_t n, capacity;
} list;

struct mv_gguf_writer {
    char *path; /* owned */
    buffer values, infos;
    list keys, tensors;
    uint64_t offset; /* of the next tensor's data */
    size_t total;
    mv_writer *file;  /* NULL before begin */
    size_t current;   /* tensor that is being written */
    size_t remaining; /* of its bytes */
};

/* ---- buffers -------------------------------------------------------------------------------- */

static marvis_status append(buffer *b, const void *bytes, size_t n, marvis_error *err) {
    if (n > MAX_BUFFER - b->len)
        return mv_fail(err, MARVIS_ERR_CALL, "more than %d bytes of metadata", MAX_BUFFER);
    if (b->len + n > b->capacity) {
        size_t wanted = 2 * b->capacity + n + 256;
        uint8_t *grown = mv_grow(b->bytes, wanted, 1);
        if (!grown) return mv_fail_memory(err, wanted, "a header");
        b->bytes = grown;
        b->capacity = wanted;
    }
    if (n) memcpy(b->bytes + b->len, bytes, n);
    b->len += n;
    return MARVIS_OK;
}

static marvis_status append_number(buffer *b, uint64_t value, size_t n, marvis_error *err) {
    uint8_t bytes[8];
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    return append(b, bytes, n, err);
}

static marvis_status append_string(buffer *b, const char *text, size_t n, marvis_error *err) {
    MV_TRY(append_number(b, n, 8, err));
    return append(b, text, n, err);
}

/* A new entry of a list; its name must not be there yet. */
static marvis_status remember(const mv_gguf_writer *w, list *l, const char *name, size_t len_bytes,
                              marvis_error *err) {
    if (w->file) return mv_fail(err, MARVIS_ERR_CALL, "%s: is being written already", w->path);
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->entries[i].name, name) == 0)
            return mv_fail(err, MARVIS_ERR_CALL, "%s: \"%s\" is given twice", w->path, name);
    if (l->n == l->capacity) {
        size_t wanted = 2 * l->capacity + 64;
        entry *grown = mv_grow(l->entries, wanted, sizeof *grown);
        if (!grown) return mv_fail_memory(err, wanted * sizeof *grown, "a list of tensors");
        l->entries = grown;
        l->capacity = wanted;
    }
    char *copy = mv_strdup(name);
    if (!copy) return mv_fail_memory(err, strlen(name) + 1, "a name");
    l->entries[l->n++] = (entry){copy, len_bytes};
    return MARVIS_OK;
}

static void forget(list *l) {
    for (size_t i = 0; i < l->n; i++)
        mv_free(l->entries[i].name);
    mv_free(l->entries);
}

/* ---- announcing ----------------------------------------------------------------------------- */

marvis_status mv_gguf_writer_create(const char *path, mv_gguf_writer **writer, marvis_error *err) {
    *writer = NULL;
    mv_gguf_writer *w = mv_alloc(1, sizeof *w);
    if (!w) return mv_fail_memory(err, sizeof *w, path);
    w->path = mv_strdup(path);
    if (!w->path) {
        mv_free(w);
        return mv_fail_memory(err, strlen(path) + 1, path);
    }
    *writer = w;
    marvis_status status = mv_gguf_put_u32(w, "general.alignment", ALIGNMENT, err);
    if (status != MARVIS_OK) mv_gguf_writer_abort(writer);
    return status;
}

static marvis_status begin_value(mv_gguf_writer *w, const char *key, mv_gguf_kind kind,
                                 marvis_error *err) {
    MV_TRY(remember(w, &w->keys, key, 0, err));
    MV_TRY(append_string(&w->values, key, strlen(key), err));
    return append_number(&w->values, (uint64_t)kind, 4, err);
}

marvis_status mv_gguf_put_u32(mv_gguf_writer *w, const char *key, uint32_t value,
                              marvis_error *err) {
    MV_TRY(begin_value(w, key, MV_GGUF_U32, err));
    return append_number(&w->values, value, 4, err);
}

marvis_status mv_gguf_put_u64(mv_gguf_writer *w, const char *key, uint64_t value,
                              marvis_error *err) {
    MV_TRY(begin_value(w, key, MV_GGUF_U64, err));
    return append_number(&w->values, value, 8, err);
}

marvis_status mv_gguf_put_bool(mv_gguf_writer *w, const char *key, bool value, marvis_error *err) {
    MV_TRY(begin_value(w, key, MV_GGUF_BOOL, err));
    return append_number(&w->values, value, 1, err);
}

marvis_status mv_gguf_put_text(mv_gguf_writer *w, const char *key, const char *text, size_t len,
                               marvis_error *err) {
    MV_TRY(begin_value(w, key, MV_GGUF_STRING, err));
    return append_string(&w->values, text, len, err);
}

marvis_status mv_gguf_add_tensor(mv_gguf_writer *w, const char *name, mv_dtype type, int n_dims,
                                 const int64_t *shape, marvis_error *err) {
    int number = mv_gguf_type_of(type);
    size_t block = mv_dtype_block(type), bytes = mv_dtype_bytes(type);
    bool good = number >= 0 && n_dims >= 0 && n_dims <= 4;
    for (int i = 0; good && i < n_dims; i++) {
        size_t size = shape[i] < 0 ? 0 : (size_t)shape[i];
        good = shape[i] >= 0 && (i + 1 < n_dims || size % block == 0);
        good = good && mv_mul_size(bytes, i + 1 < n_dims ? size : size / block, &bytes);
    }
    if (!good || (n_dims == 0 && block > 1))
        return mv_fail(err, MARVIS_ERR_CALL,
                       "%s: tensor \"%s\" of type %s cannot be in a GGUF file with this shape",
                       w->path, name, mv_dtype_name(type));
    MV_TRY(remember(w, &w->tensors, name, bytes, err));
    MV_TRY(append_string(&w->infos, name, strlen(name), err));
    MV_TRY(append_number(&w->infos, (uint64_t)n_dims, 4, err));
    for (int i = n_dims - 1; i >= 0; i--)
        MV_TRY(append_number(&w->infos, (uint64_t)shape[i], 8, err));
    MV_TRY(append_number(&w->infos, (uint64_t)number, 4, err));
    MV_TRY(append_number(&w->infos, w->offset, 8, err));
    w->offset += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    w->total += bytes;
    return MARVIS_OK;
}

size_t mv_gguf_writer_bytes(const mv_gguf_writer *w) { return w->total; }

/* ---- writing -------------------------------------------------------------------------------- */

static marvis_status write_padding(mv_gguf_writer *w, size_t after, marvis_error *err) {
    static const uint8_t zeros[ALIGNMENT];
    return mv_writer_write(w->file, zeros, (ALIGNMENT - after % ALIGNMENT) % ALIGNMENT, err);
}

/* Moves on to the next tensor that has bytes. */
static void next_tensor(mv_gguf_writer *w) {
    while (w->current < w->tensors.n && w->tensors.entries[w->current].len_bytes == 0)
        w->current++;
    w->remaining = w->current < w->tensors.n ? w->tensors.entries[w->current].len_bytes : 0;
}

marvis_status mv_gguf_writer_begin(mv_gguf_writer *w, marvis_error *err) {
    buffer header = {0};
    marvis_status status = append(&header, "GGUF", 4, err);
    if (status == MARVIS_OK) status = append_number(&header, VERSION, 4, err);
    if (status == MARVIS_OK) status = append_number(&header, w->tensors.n, 8, err);
    if (status == MARVIS_OK) status = append_number(&header, w->keys.n, 8, err);
    if (status == MARVIS_OK) status = mv_writer_open(w->path, &w->file, err);
    if (status == MARVIS_OK) status = mv_writer_write(w->file, header.bytes, header.len, err);
    if (status == MARVIS_OK) status = mv_writer_write(w->file, w->values.bytes, w->values.len, err);
    if (status == MARVIS_OK) status = mv_writer_write(w->file, w->infos.bytes, w->infos.len, err);
    if (status == MARVIS_OK)
        status = write_padding(w, header.len + w->values.len + w->infos.len, err);
    mv_free(header.bytes);
    next_tensor(w);
    return status;
}

marvis_status mv_gguf_writer_write(mv_gguf_writer *w, const void *data, size_t len,
                                   marvis_error *err) {
    if (!w->file || len > w->remaining)
        return mv_fail(err, MARVIS_ERR_CALL, "%s: %zu bytes are more than the tensor has left",
                       w->path, len);
    MV_TRY(mv_writer_write(w->file, data, len, err));
    w->remaining -= len;
    if (w->remaining > 0 || len == 0) return MARVIS_OK;
    size_t written = w->tensors.entries[w->current++].len_bytes;
    next_tensor(w);
    return write_padding(w, written, err);
}

static void release(mv_gguf_writer **writer) {
    mv_gguf_writer *w = *writer;
    *writer = NULL;
    if (!w) return;
    mv_writer_abort(&w->file);
    forget(&w->keys);
    forget(&w->tensors);
    mv_free(w->values.bytes);
    mv_free(w->infos.bytes);
    mv_free(w->path);
    mv_free(w);
}

marvis_status mv_gguf_writer_commit(mv_gguf_writer **writer, marvis_error *err) {
    mv_gguf_writer *w = *writer;
    marvis_status status;
    if (!w->file || w->current < w->tensors.n)
        status = mv_fail(err, MARVIS_ERR_CALL, "%s: not all tensors were written", w->path);
    else
        status = mv_writer_commit(&w->file, err);
    release(writer);
    return status;
}

void mv_gguf_writer_abort(mv_gguf_writer **writer) { release(writer); }
