/* checkpoint_internal.h - the inside of mv_checkpoint, for checkpoint.c (opening and accounting),
 * checkpoint_index.c (sharded files) and checkpoint_take.c (handing tensors out). */
#ifndef MV_FORMAT_CHECKPOINT_INTERNAL_H
#define MV_FORMAT_CHECKPOINT_INTERNAL_H

#include "format/checkpoint.h"

#define MV_MAX_SHARDS 512

struct mv_checkpoint {
    char *path;            /* as it was given */
    mv_safetensors *files; /* [n_files] */
    size_t n_files;
    mv_tensor *tensors;   /* [n_tensors], sorted by name; names are canonical, in `names` */
    const char **file_of; /* [n_tensors] path of the file that holds the tensor */
    bool *used;           /* [n_tensors] */
    char *names;          /* all canonical names, each with its NUL */
    size_t n_tensors;
};

/* Index of a tensor by canonical name, or n_tensors. */
size_t mv_checkpoint_index(const mv_checkpoint *ckpt, const char *name);

/* Opens the shards that an index file names, into ckpt->files, and checks them against it. */
MV_CHECK marvis_status mv_checkpoint_open_index(mv_checkpoint *ckpt, marvis_error *err);

#endif
