/* tensors.c - safetensors files for the programs (marvis_tensors). */
#include "base/memory.h"
#include "format/safetensors.h"
#include "format/safetensors_write.h"

#include <string.h>

struct marvis_tensors {
    mv_safetensors file;
};

marvis_status marvis_tensors_open(const char *path, marvis_tensors **tensors, marvis_error *err) {
    *tensors = NULL;
    marvis_tensors *t = mv_alloc(1, sizeof *t);
    if (!t) return mv_fail_memory(err, sizeof *t, path);
    marvis_status status = mv_safetensors_open(path, &t->file, err);
    if (status != MARVIS_OK) {
        mv_free(t);
        return status;
    }
    *tensors = t;
    return MARVIS_OK;
}

void marvis_tensors_close(marvis_tensors **tensors) {
    if (!tensors || !*tensors) return;
    mv_safetensors_close(&(*tensors)->file);
    mv_free(*tensors);
    *tensors = NULL;
}

marvis_status marvis_tensors_find(const marvis_tensors *tensors, const char *name,
                                  marvis_tensor_view *view, marvis_error *err) {
    *view = (marvis_tensor_view){0};
    const mv_tensor *t = mv_safetensors_find(&tensors->file, name);
    if (!t)
        return mv_fail(err, MARVIS_ERR_TENSOR, "%s: has no tensor \"%s\"", tensors->file.path,
                       name);
    view->type = mv_dtype_name(t->type);
    view->n_dims = t->n_dims;
    memcpy(view->shape, t->shape, (size_t)t->n_dims * sizeof t->shape[0]);
    view->data = t->data;
    view->len_bytes = t->len_bytes;
    return MARVIS_OK;
}

marvis_status marvis_tensors_write(const char *path, size_t n, const char *const *names,
                                   const marvis_tensor_view *views, marvis_error *err) {
    return mv_safetensors_write(path, n, names, views, err);
}
