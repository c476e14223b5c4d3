/* safetensors_write.h - writing tensors as a safetensors file, whole or not at all. */
#ifndef MV_FORMAT_SAFETENSORS_WRITE_H
#define MV_FORMAT_SAFETENSORS_WRITE_H

#include "format/safetensors.h"

/* An entry of the file's "__metadata__". */
typedef struct mv_meta {
    const char *key, *value;
} mv_meta;

/* Writes n tensors in the order given. views[i].type is a safetensors type name ("F32"). The
 * header is padded so that the data begins at a multiple of 8. ERR_CALL: a name that is given
 * twice, reserved or not UTF-8, an unknown type, or a shape that does not make len_bytes;
 * ERR_IO, ERR_MEMORY. */
MV_CHECK marvis_status mv_safetensors_write(const char *path, size_t n, const char *const *names,
                                            const marvis_tensor_view *views, marvis_error *err);

/* The same with n_meta entries of metadata. ERR_CALL, too: one that is not UTF-8. */
MV_CHECK marvis_status mv_safetensors_write_meta(const char *path, const mv_meta *meta,
                                                 size_t n_meta, size_t n, const char *const *names,
                                                 const marvis_tensor_view *views,
                                                 marvis_error *err);

#endif
