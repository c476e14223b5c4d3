/* checkpoint_random.h - a checkpoint that no file holds: tensors of given names and shapes, filled
 * with random numbers in memory. What it costs to run a model of these shapes is what it costs to
 * run one that was trained. */
#ifndef MV_FORMAT_CHECKPOINT_RANDOM_H
#define MV_FORMAT_CHECKPOINT_RANDOM_H

#include "format/checkpoint.h"

/* A tensor to make: BF16, uniform around `mean` with this standard deviation. */
typedef struct mv_random_tensor {
    char name[128];
    int n_dims;
    int64_t shape[3];
    float mean, deviation;
} mv_random_tensor;

/* Makes the n tensors of the list, whose order it changes. `path` stands for a file's name in
 * messages. The same seed and list give the same numbers for any number of threads. ERR_MEMORY. */
MV_CHECK marvis_status mv_checkpoint_random(const char *path, mv_random_tensor *list, size_t n,
                                            uint64_t seed, const mv_exec *exec,
                                            mv_checkpoint **ckpt, marvis_error *err);

/* Frees the numbers of a tensor that nothing borrows any more; its name and shape stay. Does
 * nothing to a tensor that lies in a file. */
void mv_checkpoint_drop(mv_checkpoint *ckpt, size_t i);

#endif
