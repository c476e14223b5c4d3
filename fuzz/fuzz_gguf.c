/* fuzz_gguf.c - arbitrary bytes as a GGUF file: refused with a message, or metadata and tensors
 * that lie inside the input and can be found by name. */
#include "format/gguf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(const uint8_t *bytes, size_t len, const uint8_t *copy, size_t size) {
    if (bytes < copy || len > size || bytes > copy + size - len) abort();
    volatile uint8_t sink = 0;
    if (len) sink = (uint8_t)(bytes[0] ^ bytes[len - 1]);
    (void)sink;
}

static void check_tensor(const mv_tensor *t, const uint8_t *copy, size_t size) {
    if (t->n_dims < 0 || t->n_dims > 4) abort();
    size_t n = 1;
    for (int i = 0; i < t->n_dims; i++)
        n *= (size_t)t->shape[i];
    if (n != t->n_values || n / mv_dtype_block(t->type) * mv_dtype_bytes(t->type) != t->len_bytes)
        abort();
    check_inside(t->data, t->len_bytes, copy, size);
}

static void check_value(const mv_gguf *file, const mv_gguf_value *v, const uint8_t *copy,
                        size_t size) {
    const char *text;
    size_t len;
    uint64_t number;
    if (mv_gguf_find(file, v->key) != v) abort();
    if (mv_gguf_text(file, v->key, &text, &len))
        check_inside((const uint8_t *)text, len, copy, size);
    (void)mv_gguf_number(file, v->key, &number);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    /* memory of exactly the input's size, so that a sanitizer sees one byte too many */
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) return 0;
    if (size) memcpy(copy, data, size);
    mv_gguf file;
    marvis_error err = {MARVIS_OK, -1, ""};
    marvis_status status = mv_gguf_parse(copy, size, "fuzz.gguf", &file, &err);
    if (status == MARVIS_OK) {
        for (size_t i = 0; i < file.n_tensors; i++)
            check_tensor(&file.tensors[i], copy, size);
        for (size_t i = 0; i < file.n_values; i++)
            check_value(&file, &file.values[i], copy, size);
        mv_gguf_close(&file);
    } else {
        if (err.status != status || strncmp(err.message, "fuzz.gguf: ", 11) != 0) abort();
        if (err.position < -1 || err.position > (int64_t)size) abort();
        if (file.tensors || file.values || file.path) abort();
    }
    free(copy);
    return 0;
}
