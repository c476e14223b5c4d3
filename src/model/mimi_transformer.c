/* mimi_transformer.c - see mimi_transformer.h. moshi modules/transformer.py, with the mask of its
 * whole-sequence path: step q sees step k when 0 <= q - k < window. */
#include "model/mimi_transformer.h"

#include "base/memory.h"

#include <assert.h>

/* Floats of the arena's parts, in the order of mv_mimi_stream. */
enum {
    PART_COS_SIN,
    PART_NORM,
    PART_QKV,
    PART_ATTENDED,
    PART_MLP,
    PART_SCORES,
    PART_RINGS,
    N_PARTS
};

static bool part_sizes(const mv_mimi_config *c, size_t max_steps, size_t sizes[N_PARTS],
                       size_t *total) {
    const size_t width = (size_t)c->n_heads * (size_t)c->head_dim;
    const size_t capacity = (size_t)c->window - 1 + max_steps;
    const size_t per_step[N_PARTS] = {(size_t)c->head_dim,
                                      (size_t)c->latent,
                                      3 * width,
                                      width,
                                      (size_t)c->mlp_width,
                                      (size_t)c->n_heads * (size_t)c->window,
                                      0};
    *total = 0;
    for (int i = 0; i < N_PARTS; i++) {
        bool ok = i == PART_RINGS
                      ? mv_mul_size(capacity, 2 * width * (size_t)c->n_layers, &sizes[i])
                      : mv_mul_size(per_step[i], max_steps, &sizes[i]);
        if (!ok || !mv_add_size(*total, sizes[i], total)) return false;
    }
    return true;
}

marvis_status mv_mimi_stream_init(mv_mimi_stream *stream, const mv_mimi *mimi, int max_steps,
                                  marvis_error *err) {
    const mv_mimi_config *c = &mimi->config;
    *stream = (mv_mimi_stream){.config = c,
                               .blocks = mimi->blocks,
                               .max_steps = max_steps,
                               .rope_interleaved = mimi->rope_interleaved};
    size_t sizes[N_PARTS], total;
    if (!part_sizes(c, (size_t)max_steps, sizes, &total))
        return mv_fail_memory(err, SIZE_MAX, "the codec's transformer");
    stream->kv = mv_alloc((size_t)c->n_layers, sizeof *stream->kv);
    stream->arena = mv_alloc(total, sizeof(float));
    if (!stream->kv || !stream->arena) {
        mv_mimi_stream_deinit(stream);
        return mv_fail_memory(err, total * sizeof(float), "the codec's transformer");
    }
    stream->cos_sin = stream->arena;
    stream->norm = stream->cos_sin + sizes[PART_COS_SIN];
    stream->qkv = stream->norm + sizes[PART_NORM];
    stream->attended = stream->qkv + sizes[PART_QKV];
    stream->mlp = stream->attended + sizes[PART_ATTENDED];
    stream->scores = stream->mlp + sizes[PART_MLP];
    float *ring = stream->scores + sizes[PART_SCORES];
    const size_t ring_size = sizes[PART_RINGS] / (2 * (size_t)c->n_layers);
    for (int l = 0; l < c->n_layers; l++, ring += 2 * ring_size)
        stream->kv[l] = (mv_kv){.k = ring,
                                .v = ring + ring_size,
                                .n_kv_heads = c->n_heads,
                                .head_dim = c->head_dim,
                                .capacity = c->window - 1 + max_steps};
    return MARVIS_OK;
}

void mv_mimi_stream_deinit(mv_mimi_stream *stream) {
    mv_free(stream->kv);
    mv_free(stream->arena);
    *stream = (mv_mimi_stream){0};
}

/* The rings need no clearing: only positions stored since are read. */
void mv_mimi_stream_reset(mv_mimi_stream *stream) { stream->position = 0; }

typedef struct attention_job {
    const mv_mimi_stream *stream;
    const mv_kernels *kernels;
    const mv_kv *kv;
    size_t n;
} attention_job;

/* One unit of work is a head of a step. */
static void attend(void *ctx, int part, int n_parts) {
    const attention_job *job = ctx;
    const mv_mimi_stream *s = job->stream;
    const mv_mimi_config *c = s->config;
    const size_t heads = (size_t)c->n_heads, width = heads * (size_t)c->head_dim;
    size_t begin, end;
    mv_share(job->n * heads, 1, part, n_parts, &begin, &end);
    for (size_t unit = begin; unit < end; unit++) {
        const size_t t = unit / heads;
        const int head = (int)(unit % heads);
        const int64_t last = s->position + (int64_t)t;
        const int64_t first = last < c->window ? 0 : last - c->window + 1;
        mv_attention(job->kernels, job->kv, s->qkv + t * 3 * width, s->attended + t * width,
                     c->n_heads, head, head + 1, first, last, s->scores + unit * (size_t)c->window);
    }
}

/* Rotates q and k of the chunk, stores k and v, and attends. All of the chunk is stored first: the
 * ring has room for it beside the oldest step that the chunk's first query still sees. */
static void attention(mv_mimi_stream *s, const mv_exec *exec, mv_kv *kv, size_t n) {
    const mv_mimi_config *c = s->config;
    const size_t width = (size_t)c->n_heads * (size_t)c->head_dim;
    for (size_t t = 0; t < n; t++) {
        float *q = s->qkv + t * 3 * width, *k = q + width, *v = k + width;
        const float *cos_sin = s->cos_sin + t * (size_t)c->head_dim;
        mv_rope_rotate(q, c->n_heads, c->head_dim, s->rope_interleaved, cos_sin);
        mv_rope_rotate(k, c->n_heads, c->head_dim, s->rope_interleaved, cos_sin);
        mv_kv_store(kv, k, v, s->position + (int64_t)t);
    }
    attention_job job = {s, exec->kernels, kv, n};
    mv_pool_run(exec->pool, attend, &job);
}

typedef struct gelu_job {
    const mv_kernels *kernels;
    float *x; /* [n][width] */
    size_t n, width;
} gelu_job;

static void gelu_rows(void *ctx, int part, int n_parts) {
    const gelu_job *job = ctx;
    size_t begin, end;
    mv_share(job->n, 1, part, n_parts, &begin, &end);
    for (size_t t = begin; t < end; t++)
        job->kernels->gelu(job->x + t * job->width, job->x + t * job->width, job->width);
}

static void run_block(mv_mimi_stream *s, const mv_exec *exec, const mv_mimi_block *b, mv_kv *kv,
                      float *x, size_t n) {
    const mv_mimi_config *c = s->config;
    const size_t latent = (size_t)c->latent, width = (size_t)c->n_heads * (size_t)c->head_dim;
    const size_t mlp = (size_t)c->mlp_width;
    for (size_t t = 0; t < n; t++)
        mv_layernorm(s->norm + t * latent, x + t * latent, b->norm1_weight, b->norm1_bias,
                     c->norm_eps, latent);
    mv_linear(exec, &b->qkv, s->norm, latent, n, s->qkv, 3 * width);
    attention(s, exec, kv, n);
    mv_linear(exec, &b->out, s->attended, width, n, s->norm, latent);
    for (size_t t = 0; t < n; t++)
        mv_add_scaled(x + t * latent, s->norm + t * latent, b->scale1, latent);

    for (size_t t = 0; t < n; t++)
        mv_layernorm(s->norm + t * latent, x + t * latent, b->norm2_weight, b->norm2_bias,
                     c->norm_eps, latent);
    mv_linear(exec, &b->fc1, s->norm, latent, n, s->mlp, mlp);
    gelu_job job = {exec->kernels, s->mlp, n, mlp};
    mv_pool_run(exec->pool, gelu_rows, &job);
    mv_linear(exec, &b->fc2, s->mlp, mlp, n, s->norm, latent);
    for (size_t t = 0; t < n; t++)
        mv_add_scaled(x + t * latent, s->norm + t * latent, b->scale2, latent);
}

void mv_mimi_stream_run(mv_mimi_stream *s, const mv_exec *exec, float *x, size_t n) {
    const mv_mimi_config *c = s->config;
    const mv_rope_config rope = {.theta = c->rope_theta};
    assert(n <= (size_t)s->max_steps);
    for (size_t t = 0; t < n; t++)
        mv_rope_angles(&rope, c->head_dim, s->position + (int64_t)t,
                       s->cos_sin + t * (size_t)c->head_dim);
    for (int l = 0; l < c->n_layers; l++)
        run_block(s, exec, &s->blocks[l], &s->kv[l], x, n);
    s->position += (int64_t)n;
}
