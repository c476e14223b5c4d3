/* checkpoint_internal.h - the inside of mv_checkpoint, for checkpoint.c (opening and accounting),
 * checkpoint_index.c (sharded files), checkpoint_gguf.c (one-file models), checkpoint_rows.c and
 * checkpoint_take.c (handing tensors out). */
#ifndef MV_FORMAT_CHECKPOINT_INTERNAL_H
#define MV_FORMAT_CHECKPOINT_INTERNAL_H

#include "format/checkpoint.h"
#include "format/gguf.h"
#include "kernels/blocks.h"

#define MV_MAX_SHARDS 512

struct mv_checkpoint {
    char *path;            /* as it was given */
    mv_safetensors *files; /* [n_files] */
    size_t n_files;
    mv_gguf gguf;         /* instead of files, when its path is set */
    mv_tensor *tensors;   /* [n_tensors], sorted by name; names are canonical, in `names` */
    const char **file_of; /* [n_tensors] path of the file that holds the tensor */
    bool *used;           /* [n_tensors] */
    char *names;          /* all canonical names, each with its NUL */
    void **blocks;        /* [n_tensors] owned data of a random checkpoint, else NULL */
    size_t n_tensors;
};

bool mv_dtype_is_float(mv_dtype type);       /* F32, F16, BF16 */
mv_wtype mv_wtype_of(mv_dtype type);         /* of a float type */
mv_block_format mv_blocks_of(mv_dtype type); /* of a type of blocks */

/* Whether a tensor has these sizes (-1: any); the failures of one that is not there or has not. */
bool mv_shape_is(const mv_tensor *t, int n_dims, const int64_t *shape);
MV_CHECK marvis_status mv_fail_missing(const mv_checkpoint *ckpt, const char *name, int n_dims,
                                       const int64_t *shape, marvis_error *err);
MV_CHECK marvis_status mv_fail_shape(const mv_checkpoint *ckpt, size_t i, int n_dims,
                                     const int64_t *shape, marvis_error *err);

/* Index of a tensor by canonical name, or n_tensors. */
size_t mv_checkpoint_index(const mv_checkpoint *ckpt, const char *name);

/* The longest that an expanded name gets beyond what the file has, bytes. */
enum { MV_NAME_GROWTH = 80 };

/* Writes the name that a tensor of a one-file model stands for (mv_gguf_short_name the other way)
 * to out, room for strlen(name) + MV_NAME_GROWTH bytes. */
void mv_gguf_long_name(const char *name, char *out);

/* Whether the file at path begins as a GGUF file does. */
MV_CHECK marvis_status mv_checkpoint_sniff_gguf(const char *path, bool *is_gguf, marvis_error *err);

/* Opens the shards that an index file names, into ckpt->files, and checks them against it. */
MV_CHECK marvis_status mv_checkpoint_open_index(mv_checkpoint *ckpt, marvis_error *err);

#endif
