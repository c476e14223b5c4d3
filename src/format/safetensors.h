/* safetensors.h - one safetensors file: untrusted bytes to a checked list of tensors. Every name,
 * type, shape and range is checked against the file before anything is handed out.
 * Format: huggingface/safetensors README (8-byte little-endian header length, JSON, data). */
#ifndef MV_FORMAT_SAFETENSORS_H
#define MV_FORMAT_SAFETENSORS_H

#include "base/file.h"
#include "base/status.h"

#include <stdbool.h>

#define MV_MAX_DIMS 8

typedef enum mv_dtype {
    MV_DT_F64,
    MV_DT_F32,
    MV_DT_F16,
    MV_DT_BF16,
    MV_DT_I64,
    MV_DT_I32,
    MV_DT_I16,
    MV_DT_I8,
    MV_DT_U64,
    MV_DT_U32,
    MV_DT_U16,
    MV_DT_U8,
    MV_DT_BOOL,
    MV_DT_F8_E4M3,
    MV_DT_F8_E5M2,
    MV_N_DTYPES
} mv_dtype;

size_t mv_dtype_bytes(mv_dtype type);
const char *mv_dtype_name(mv_dtype type); /* safetensors' own spelling, "BF16" */
/* true and *type, when `name` (NULL allowed) is such a spelling */
bool mv_dtype_from_name(const char *name, mv_dtype *type);

typedef struct mv_tensor {
    const char *name; /* owned by the file object */
    mv_dtype type;
    int n_dims;
    int64_t shape[MV_MAX_DIMS]; /* each >= 0; the product and its bytes fit size_t */
    size_t n_values;
    const uint8_t *data; /* inside the mapped file, any alignment; little-endian */
    size_t len_bytes;
} mv_tensor;

typedef struct mv_safetensors {
    char *path; /* owned */
    mv_map map;
    const char *header; /* [header_len] inside the mapped file: its JSON */
    size_t header_len;
    mv_tensor *tensors; /* [n_tensors] owned, sorted by name (strcmp) */
    size_t n_tensors;
} mv_safetensors;

/* Parses `len` bytes at data as a safetensors file; `path` is for messages only. The tensors point
 * into data. Does not own data. On failure nothing is left to free. */
MV_CHECK marvis_status mv_safetensors_parse(const uint8_t *data, size_t len, const char *path,
                                            mv_safetensors *file, marvis_error *err);
/* Maps and parses. mv_safetensors_close unmaps. */
MV_CHECK marvis_status mv_safetensors_open(const char *path, mv_safetensors *file,
                                           marvis_error *err);
void mv_safetensors_close(mv_safetensors *file); /* zeroes; a zeroed one is allowed */

/* NULL when absent */
const mv_tensor *mv_safetensors_find(const mv_safetensors *file, const char *name);

/* A value of "__metadata__" in new memory, freed with mv_free; *value NULL when it is not there.
 * ERR_MEMORY. */
MV_CHECK marvis_status mv_safetensors_metadata(const mv_safetensors *file, const char *key,
                                               char **value, marvis_error *err);

#endif
