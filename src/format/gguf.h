/* gguf.h - one GGUF file (version 2 or 3, little-endian): untrusted bytes to a checked list of
 * metadata and tensors. Every length, count, type, shape and range is checked against the bytes
 * that remain before anything is handed out.
 * Format: ggml docs/gguf.md (header, metadata, tensor infos, padding, data). */
#ifndef MV_FORMAT_GGUF_H
#define MV_FORMAT_GGUF_H

#include "base/file.h"
#include "base/status.h"
#include "format/tensor.h"

/* Types of metadata, with the numbers that the file has for them. */
typedef enum mv_gguf_kind {
    MV_GGUF_U8,
    MV_GGUF_I8,
    MV_GGUF_U16,
    MV_GGUF_I16,
    MV_GGUF_U32,
    MV_GGUF_I32,
    MV_GGUF_F32,
    MV_GGUF_BOOL,
    MV_GGUF_STRING,
    MV_GGUF_ARRAY,
    MV_GGUF_U64,
    MV_GGUF_I64,
    MV_GGUF_F64,
    MV_N_GGUF_KINDS
} mv_gguf_kind;

typedef struct mv_gguf_value {
    const char *key; /* owned by the file object */
    mv_gguf_kind kind;
    mv_gguf_kind element; /* of an array */
    size_t n;             /* bytes of a string, elements of an array, else 1 */
    const uint8_t *data;  /* inside the file, any alignment */
} mv_gguf_value;

typedef struct mv_gguf {
    char *path; /* owned */
    mv_map map;
    uint32_t version;
    mv_gguf_value *values; /* [n_values] owned, sorted by key (strcmp) */
    size_t n_values;
    mv_tensor *tensors; /* [n_tensors] owned, sorted by name; shape[0] is the outermost size, as in
                           safetensors */
    size_t n_tensors;
    char *names; /* owned: all keys and names */
} mv_gguf;

/* Whether these bytes begin as a GGUF file does. */
bool mv_gguf_is(const uint8_t *data, size_t len);

/* Parses `len` bytes at data; `path` is for messages only. Keys, strings and tensors point into
 * data, which is not owned. On failure nothing is left to free. ERR_FORMAT: damaged;
 * ERR_UNSUPPORTED: another version, the other byte order, a type of tensor that is not read (the
 * message names it). */
MV_CHECK marvis_status mv_gguf_parse(const uint8_t *data, size_t len, const char *path,
                                     mv_gguf *file, marvis_error *err);
/* Maps and parses. mv_gguf_close unmaps. */
MV_CHECK marvis_status mv_gguf_open(const char *path, mv_gguf *file, marvis_error *err);
void mv_gguf_close(mv_gguf *file); /* zeroes; a zeroed one is allowed */

/* NULL when absent */
const mv_gguf_value *mv_gguf_find(const mv_gguf *file, const char *key);

/* A string: true and its bytes (no NUL behind them). */
bool mv_gguf_text(const mv_gguf *file, const char *key, const char **text, size_t *len);
/* An integer of any width that is not negative, or a bool: true and *number. */
bool mv_gguf_number(const mv_gguf *file, const char *key, uint64_t *number);

/* The file's number of a tensor type; -1 where GGUF has none. */
int mv_gguf_type_of(mv_dtype type);

#endif
