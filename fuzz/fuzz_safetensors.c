/* fuzz_safetensors.c - arbitrary bytes as a safetensors file: refused with a message, or tensors
 * that lie inside the input, tile it, and can be found by name. */
#include "format/safetensors.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads a byte of every tensor's both ends: outside the copy a sanitizer stops here. */
static void check_tensor(const mv_safetensors *file, const mv_tensor *t, const uint8_t *copy,
                         size_t size) {
    if (t->n_dims < 0 || t->n_dims > MV_MAX_DIMS) abort();
    size_t n = 1;
    for (int i = 0; i < t->n_dims; i++)
        n *= (size_t)t->shape[i];
    if (n != t->n_values || n * mv_dtype_bytes(t->type) != t->len_bytes) abort();
    if (t->data < copy || t->data + t->len_bytes > copy + size) abort();
    volatile uint8_t sink = 0;
    if (t->len_bytes) sink = (uint8_t)(t->data[0] ^ t->data[t->len_bytes - 1]);
    (void)sink;
    if (mv_safetensors_find(file, t->name) != t) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    /* memory of exactly the input's size, so that a sanitizer sees one byte too many */
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) return 0;
    if (size) memcpy(copy, data, size);
    mv_safetensors file;
    marvis_error err = {MARVIS_OK, -1, ""};
    marvis_status status = mv_safetensors_parse(copy, size, "fuzz.safetensors", &file, &err);
    if (status == MARVIS_OK) {
        size_t total = 0;
        for (size_t i = 0; i < file.n_tensors; i++) {
            check_tensor(&file, &file.tensors[i], copy, size);
            total += file.tensors[i].len_bytes;
        }
        if (total > size) abort();
        mv_safetensors_close(&file);
    } else {
        if (err.status != status || strncmp(err.message, "fuzz.safetensors: ", 18) != 0) abort();
        if (err.position < -1 || err.position > (int64_t)size) abort();
        if (file.tensors || file.path) abort();
    }
    free(copy);
    return 0;
}
