/* csm_tensors.h - the tensors of a CSM model as a list: what a file of one must hold, and the
 * classes of weights that are quantised alike. */
#ifndef MV_MODEL_CSM_TENSORS_H
#define MV_MODEL_CSM_TENSORS_H

#include "model/csm.h"
#include "model/csm_layout.h"

typedef enum mv_weight_class {
    MV_CLASS_BACKBONE_ATTENTION,
    MV_CLASS_BACKBONE_FFN,
    MV_CLASS_DEPTH_ATTENTION,
    MV_CLASS_DEPTH_FFN,
    MV_CLASS_HEADS, /* of all codebooks */
    MV_CLASS_PROJECTION,
    MV_CLASS_AUDIO, /* the table of codes */
    MV_CLASS_TEXT,  /* the table of text */
    MV_N_CLASSES
} mv_weight_class;

/* "backbone.attn", "backbone.ffn", "depth.attn", "depth.ffn", "heads", "projection", "audio",
 * "text" */
const char *mv_weight_class_name(mv_weight_class which);

typedef enum mv_csm_tensor_kind {
    MV_TENSOR_MATRIX, /* name is the module's, without ".weight" */
    MV_TENSOR_HEADS,  /* [C-1] heads, each n_rows x n_cols; name is the tensor's */
    MV_TENSOR_NORM    /* a vector of n_cols values; name is the tensor's */
} mv_csm_tensor_kind;

typedef struct mv_csm_tensor {
    mv_csm_tensor_kind kind;
    mv_weight_class which; /* not of norms */
    mv_tower tower;        /* of matrices of the two classes of a tower */
    int layer;
    mv_block_part part;
    int64_t n_rows, n_cols;
    char name[128];
} mv_csm_tensor;

/* All tensors of a model of these numbers in this layout, in the order in which a step uses them;
 * *list is new memory (mv_free). Of a table that is tied, the copy that ckpt has. ERR_MEMORY. */
MV_CHECK marvis_status mv_csm_tensors(const mv_checkpoint *ckpt, mv_layout layout,
                                      const mv_csm_config *config, mv_csm_tensor **list, size_t *n,
                                      marvis_error *err);

/* The matrix of a tensor that is no norm; of heads the first. */
const mv_matrix *mv_csm_tensor_matrix(const mv_csm *csm, const mv_csm_tensor *tensor);

#endif
