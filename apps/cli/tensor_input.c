/* tensor_input.c - see tensor_input.h. */
#include "cli/tensor_input.h"

#include <stdlib.h>
#include <string.h>

#include "common/error.h"

marvis_status tensor_input_open(tensor_input *input, const char *path, marvis_error *err) {
    *input = (tensor_input){.path = path};
    return marvis_tensors_open(path, &input->tensors, err);
}

void tensor_input_close(tensor_input *input) { marvis_tensors_close(&input->tensors); }

/* Checks type and shape and copies the bytes, which may lie at any address in the file. */
static marvis_status copy_matrix(const tensor_input *input, const char *name, const char *type,
                                 const char *other_type, size_t item_size, void **values,
                                 size_t *n_rows, size_t *n_columns, marvis_error *err) {
    marvis_tensor_view view;
    marvis_status status = marvis_tensors_find(input->tensors, name, &view, err);
    if (status != MARVIS_OK) return status;
    if (strcmp(view.type, type) != 0 && strcmp(view.type, other_type) != 0)
        return app_fail(err, MARVIS_ERR_INPUT, "%s: tensor '%s' is %s, but must be %s", input->path,
                        name, view.type, type);
    if (view.n_dims != 2)
        return app_fail(err, MARVIS_ERR_INPUT, "%s: tensor '%s' has %d dimensions, but must have 2",
                        input->path, name, view.n_dims);
    if (view.len_bytes == 0)
        return app_fail(err, MARVIS_ERR_INPUT,
                        "%s: tensor '%s' is empty; it must have rows and columns", input->path,
                        name);
    *n_rows = (size_t)view.shape[0];
    *n_columns = (size_t)view.shape[1];
    if (view.len_bytes / item_size / *n_rows != *n_columns)
        return app_fail(err, MARVIS_ERR_INTERNAL, "%s: tensor '%s' has an impossible size",
                        input->path, name);
    *values = malloc(view.len_bytes);
    if (!*values) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    memcpy(*values, view.data, view.len_bytes);
    return MARVIS_OK;
}

marvis_status tensor_input_int32(const tensor_input *input, const char *name, int32_t **values,
                                 size_t *n_rows, size_t *n_columns, marvis_error *err) {
    void *bytes = NULL;
    marvis_status status =
        copy_matrix(input, name, "I32", "I32", sizeof(int32_t), &bytes, n_rows, n_columns, err);
    *values = bytes;
    return status;
}

marvis_status tensor_input_codes(const tensor_input *input, int32_t **codes, size_t *n_frames,
                                 size_t *n_codebooks, marvis_error *err) {
    int32_t *rows;
    *codes = NULL;
    marvis_status status = tensor_input_int32(input, "codes", &rows, n_codebooks, n_frames, err);
    if (status != MARVIS_OK) return status;
    *codes = malloc(*n_codebooks * *n_frames * sizeof **codes);
    for (size_t c = 0; *codes && c < *n_codebooks; c++)
        for (size_t t = 0; t < *n_frames; t++)
            (*codes)[t * *n_codebooks + c] = rows[c * *n_frames + t];
    free(rows);
    return *codes ? MARVIS_OK : app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
}

marvis_status tensor_input_mask(const tensor_input *input, const char *name, uint8_t **values,
                                size_t *n_rows, size_t *n_columns, marvis_error *err) {
    void *bytes = NULL;
    uint8_t *mask;
    marvis_status status =
        copy_matrix(input, name, "U8", "BOOL", 1, &bytes, n_rows, n_columns, err);
    *values = mask = bytes;
    if (status != MARVIS_OK) return status;
    for (size_t i = 0; i < *n_rows * *n_columns; i++) {
        if (mask[i] > 1) {
            status = app_fail(err, MARVIS_ERR_INPUT,
                              "%s: tensor '%s' holds %d at [%zu, %zu], but must be 0 or 1",
                              input->path, name, mask[i], i / *n_columns, i % *n_columns);
            free(mask);
            *values = NULL;
            return status;
        }
    }
    return MARVIS_OK;
}

marvis_status tensor_input_blame(const tensor_input *input, marvis_status status,
                                 marvis_error *err) {
    marvis_error cause = *err;
    if (status != MARVIS_ERR_INPUT) return status;
    return app_fail(err, status, "%.200s: %.300s", input->path, cause.message);
}
