/* mimi_transformer.h - Mimi's causal transformer as a stream: a window of `window` steps, positions
 * counted from the stream's start without an end. */
#ifndef MV_MODEL_MIMI_TRANSFORMER_H
#define MV_MODEL_MIMI_TRANSFORMER_H

#include "model/mimi_weights.h"
#include "nn/ops.h"

typedef struct mv_mimi_stream {
    const mv_mimi_config *config; /* borrowed, as are the blocks */
    const mv_mimi_block *blocks;
    int rope_interleaved;
    int max_steps;    /* steps in one run */
    int64_t position; /* of the next step */
    mv_kv *kv;        /* [n_layers], each a ring of window - 1 + max_steps positions */
    float *arena;     /* owned; all that follows, and the rings, lie in it */
    float *cos_sin;   /* [max_steps][head_dim/2][2] */
    float *norm;      /* [max_steps][latent] */
    float *qkv;       /* [max_steps][3*A] */
    float *attended;  /* [max_steps][A] */
    float *mlp;       /* [max_steps][mlp_width] */
    float *scores;    /* [max_steps][n_heads][window] */
} mv_mimi_stream;

MV_CHECK marvis_status mv_mimi_stream_init(mv_mimi_stream *stream, const mv_mimi *mimi,
                                           int max_steps, marvis_error *err);
void mv_mimi_stream_deinit(mv_mimi_stream *stream); /* zeroes; a zeroed one is allowed */
void mv_mimi_stream_reset(mv_mimi_stream *stream);  /* to the start of a stream */

/* x [n][latent] in place, the next n <= max_steps steps. */
void mv_mimi_stream_run(mv_mimi_stream *stream, const mv_exec *exec, float *x, size_t n);

#endif
