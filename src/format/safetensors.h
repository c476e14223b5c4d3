/* safetensors.h - one safetensors file: untrusted bytes to a checked list of tensors. Every name,
 * type, shape and range is checked against the file before anything is handed out.
 * Format: huggingface/safetensors README (8-byte little-endian header length, JSON, data). */
#ifndef MV_FORMAT_SAFETENSORS_H
#define MV_FORMAT_SAFETENSORS_H

#include "base/file.h"
#include "base/status.h"
#include "format/tensor.h"

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
