/* gguf_write.h - writing a GGUF file (version 3), whole or not at all: the metadata and the list of
 * tensors first, then their bytes in that order, as they come, so that no two tensors need to be in
 * memory at a time. */
#ifndef MV_FORMAT_GGUF_WRITE_H
#define MV_FORMAT_GGUF_WRITE_H

#include "base/status.h"
#include "format/tensor.h"

typedef struct mv_gguf_writer mv_gguf_writer;

/* Nothing is written before mv_gguf_writer_begin. ERR_MEMORY. */
MV_CHECK marvis_status mv_gguf_writer_create(const char *path, mv_gguf_writer **writer,
                                             marvis_error *err);

/* Metadata, before begin. ERR_CALL: a key that is given twice. */
MV_CHECK marvis_status mv_gguf_put_u32(mv_gguf_writer *w, const char *key, uint32_t value,
                                       marvis_error *err);
MV_CHECK marvis_status mv_gguf_put_u64(mv_gguf_writer *w, const char *key, uint64_t value,
                                       marvis_error *err);
MV_CHECK marvis_status mv_gguf_put_bool(mv_gguf_writer *w, const char *key, bool value,
                                        marvis_error *err);
MV_CHECK marvis_status mv_gguf_put_text(mv_gguf_writer *w, const char *key, const char *text,
                                        size_t len, marvis_error *err);

/* Announces a tensor, before begin; shape[0] is the outermost size. ERR_CALL: a name that is given
 * twice, a type that GGUF lacks, more than 4 dimensions, rows that are no whole blocks. */
MV_CHECK marvis_status mv_gguf_add_tensor(mv_gguf_writer *w, const char *name, mv_dtype type,
                                          int n_dims, const int64_t *shape, marvis_error *err);

/* Bytes of all tensors announced. */
size_t mv_gguf_writer_bytes(const mv_gguf_writer *w);

/* Opens the file and writes all that was announced. ERR_CALL, ERR_IO as mv_writer_open. */
MV_CHECK marvis_status mv_gguf_writer_begin(mv_gguf_writer *w, marvis_error *err);

/* Bytes of the tensors, in the order in which they were announced, in pieces of any size that do
 * not reach over a tensor's end (ERR_CALL). */
MV_CHECK marvis_status mv_gguf_writer_write(mv_gguf_writer *w, const void *data, size_t len,
                                            marvis_error *err);

/* The end: the file takes its place. Frees *writer in any case; on failure nothing is left behind.
 * ERR_CALL: tensors are incomplete. */
MV_CHECK marvis_status mv_gguf_writer_commit(mv_gguf_writer **writer, marvis_error *err);
void mv_gguf_writer_abort(mv_gguf_writer **writer); /* NULL is allowed */

#endif
