/* frame.h - the products with weight matrices that a frame of speech takes, as lists that any
 * engine can run: which matrices, how many rows of activations, and where one call ends and the
 * next begins, because something must be sampled in between. */
#ifndef MV_PEERS_FRAME_H
#define MV_PEERS_FRAME_H

#include "base/status.h"

#include <stddef.h>

/* What a weight type is chosen for. */
typedef enum frame_class {
    FRAME_BACKBONE,
    FRAME_DEPTH_ATTENTION,
    FRAME_DEPTH_FEED_FORWARD,
    FRAME_HEADS,
    FRAME_N_CLASSES
} frame_class;

/* Matrices of one shape hold the same numbers, at an address each: the model is as large as the
 * real one, and made in seconds. */
typedef struct frame_shape {
    size_t n_rows, n_cols;
    float *values; /* [n_rows][n_cols] owned, even in +-sqrt(3 / n_cols) */
} frame_shape;

typedef struct frame_matrix {
    frame_class class;
    int shape; /* index */
} frame_matrix;

enum { FRAME_MOST_SHAPES = 16 };

typedef struct frame_model {
    frame_matrix
        *matrices; /* owned; backbone layers of q, k, v, o, gate, up, down; head of codebook
                               0; depth decoder's layers likewise; the other heads */
    int n_matrices, backbone_layers, depth_layers, n_codebooks;
    frame_shape shapes[FRAME_MOST_SHAPES];
    int n_shapes;
    size_t most_rows, most_cols; /* of a matrix */
} frame_model;

/* shape: "marvis-250m", "marvis-100m", "csm-1b", "tiny". ERR_CALL, ERR_MEMORY. */
MV_CHECK marvis_status frame_model_init(const char *shape, frame_model *model, marvis_error *err);
void frame_model_deinit(frame_model *model);

static inline const frame_shape *frame_shape_of(const frame_model *model, int matrix) {
    return &model->shapes[model->matrices[matrix].shape];
}

/* Matrices first .. first + n - 1 (n <= FRAME_MOST_OUTS) on the same n_rows activations. */
enum { FRAME_MOST_OUTS = 3 };
typedef struct frame_op {
    int first, n;
    size_t n_rows;
} frame_op;

typedef struct frame_plan {
    frame_op *ops;  /* owned */
    int *part_ends; /* [n_parts] owned: parts are calls of their own */
    int n_ops, n_parts;
    size_t most_rows; /* of activations */
} frame_plan;

/* One frame of each of `batch` streams: backbone and head 0, then the depth decoder once for each
 * further codebook, its first call with two positions. Without the projection of the codes'
 * embeddings, 2 % more. */
MV_CHECK marvis_status frame_plan_step(const frame_model *model, size_t batch, frame_plan *plan,
                                       marvis_error *err);
/* n positions through the backbone. */
MV_CHECK marvis_status frame_plan_prompt(const frame_model *model, size_t n, frame_plan *plan,
                                         marvis_error *err);
/* One matrix on n rows. */
MV_CHECK marvis_status frame_plan_one(int matrix, size_t n, frame_plan *plan, marvis_error *err);
void frame_plan_deinit(frame_plan *plan);

#endif
