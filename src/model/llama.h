/* llama.h - a Llama transformer without embeddings and head: RMSNorm, grouped-query attention with
 * rotary positions, gated MLP. The backbone and the depth decoder of CSM are two of these.
 * References: SesameAILabs/csm models.py (torchtune), transformers modeling_llama.py. */
#ifndef MV_MODEL_LLAMA_H
#define MV_MODEL_LLAMA_H

#include "nn/ops.h"

/* Dimensions of one tower. */
typedef struct mv_llama_config {
    int n_layers, width, mlp_width, n_heads, n_kv_heads, head_dim;
    int max_positions;
    float norm_eps;
    mv_rope_config rope;
    int rope_interleaved; /* set by the layout: 1 original/MLX, 0 transformers */
} mv_llama_config;

typedef struct mv_llama_layer {
    float *norm1, *norm2; /* [width] owned */
    mv_matrix q;          /* [n_heads*head_dim][width] */
    mv_matrix k, v;       /* [n_kv_heads*head_dim][width] */
    mv_matrix o;          /* [width][n_heads*head_dim] */
    mv_matrix gate, up;   /* [mlp_width][width] */
    mv_matrix down;       /* [width][mlp_width] */
} mv_llama_layer;

/* Immutable after loading. */
typedef struct mv_llama {
    mv_llama_config config;
    mv_llama_layer *layers; /* [n_layers] owned */
    float *norm;            /* [width] owned */
    mv_rope rope;
} mv_llama;

/* Frees layers, norms and tables; a zeroed one is allowed. */
void mv_llama_deinit(mv_llama *llama);

/* Keys and values of one stream, for positions 0..capacity-1. */
typedef struct mv_llama_cache {
    mv_kv *layers;  /* [n_layers] owned */
    float *storage; /* owned */
    int capacity;
} mv_llama_cache;

MV_CHECK marvis_status mv_llama_cache_init(mv_llama_cache *cache, const mv_llama_config *config,
                                           int capacity, marvis_error *err);
void mv_llama_cache_deinit(mv_llama_cache *cache);

/* Makes room for `capacity` positions, more than now; the first n_positions keep what they hold. On
 * failure the cache is as before. */
MV_CHECK marvis_status mv_llama_cache_grow(mv_llama_cache *cache, const mv_llama_config *config,
                                           int capacity, int n_positions, marvis_error *err);

/* One row of a batch: a position of a stream. Rows of the same stream stand in increasing order and
 * may attend to each other; rows of different streams do not meet. */
typedef struct mv_llama_row {
    mv_llama_cache *cache;
    int position; /* < cache->capacity and < the rope table's length */
} mv_llama_row;

/* Buffers for up to max_rows rows at once, attention over up to max_context positions. */
typedef struct mv_llama_scratch {
    float *h;         /* [max_rows][width] normed input */
    float *q, *attn;  /* [max_rows][n_heads*head_dim] */
    float *k, *v;     /* [max_rows][n_kv_heads*head_dim] */
    float *gate, *up; /* [max_rows][mlp_width] */
    float *out;       /* [max_rows][width] */
    float *scores;    /* [n_parts][max_context] */
    float *storage;   /* owned; the others point into it */
    void *room;       /* owned: activations in int8 (nn/linear.h) */
    size_t room_bytes;
    const mv_observer *observer; /* borrowed: of the products of what runs here; or NULL */
    int max_rows, max_context, n_parts;
} mv_llama_scratch;

MV_CHECK marvis_status mv_llama_scratch_init(mv_llama_scratch *scratch,
                                             const mv_llama_config *config, int max_rows,
                                             int max_context, int n_threads, marvis_error *err);
void mv_llama_scratch_deinit(mv_llama_scratch *scratch);

/* exec with this scratch's observer and room, for up to max_rows rows as wide as any of the tower.
 */
mv_exec mv_llama_exec(const mv_llama_scratch *scratch, const mv_exec *exec);

/* Runs n_rows <= max_rows rows through the tower. x [n_rows][width] holds the input embeddings and
 * is overwritten; y [n_rows][width] gets the states after the final norm. Each row's result is the
 * same whatever else is in the batch, and for any number of threads. Allocates nothing. */
void mv_llama_forward(const mv_llama *llama, mv_llama_scratch *scratch, const mv_exec *exec,
                      const mv_llama_row *rows, size_t n_rows, float *x, float *y);

#endif
