/* llama.c - see llama.h. */
#include "model/llama.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

void mv_llama_deinit(mv_llama *llama) {
    for (int i = 0; llama->layers && i < llama->config.n_layers; i++) {
        mv_llama_layer *layer = &llama->layers[i];
        mv_free(layer->norm1);
        mv_free(layer->norm2);
        mv_matrix *all[] = {&layer->q,    &layer->k,  &layer->v,   &layer->o,
                            &layer->gate, &layer->up, &layer->down};
        for (size_t j = 0; j < sizeof all / sizeof all[0]; j++)
            mv_matrix_deinit(all[j]);
    }
    mv_free(llama->layers);
    mv_free(llama->norm);
    mv_rope_deinit(&llama->rope);
    *llama = (mv_llama){0};
}

marvis_status mv_llama_cache_init(mv_llama_cache *cache, const mv_llama_config *config,
                                  int capacity, marvis_error *err) {
    *cache = (mv_llama_cache){.capacity = capacity};
    size_t n_layers = (size_t)config->n_layers;
    size_t layer_floats, floats;
    if (!mv_mul_size((size_t)config->n_kv_heads * (size_t)config->head_dim, (size_t)capacity,
                     &layer_floats) ||
        !mv_mul_size(layer_floats, 2 * n_layers, &floats))
        return mv_fail_memory(err, SIZE_MAX, "the key-value cache");
    cache->layers = mv_alloc(n_layers, sizeof *cache->layers);
    cache->storage = mv_alloc(floats, sizeof *cache->storage);
    if (!cache->layers || !cache->storage) {
        mv_llama_cache_deinit(cache);
        return mv_fail_memory(err, floats * sizeof(float), "the key-value cache");
    }
    for (size_t i = 0; i < n_layers; i++)
        cache->layers[i] = (mv_kv){.k = cache->storage + 2 * i * layer_floats,
                                   .v = cache->storage + (2 * i + 1) * layer_floats,
                                   .n_kv_heads = config->n_kv_heads,
                                   .head_dim = config->head_dim,
                                   .capacity = capacity};
    return MARVIS_OK;
}

void mv_llama_cache_deinit(mv_llama_cache *cache) {
    mv_free(cache->layers);
    mv_free(cache->storage);
    *cache = (mv_llama_cache){0};
}

/* The first n positions of every head, each head's [capacity][head_dim]. */
static void copy_heads(const mv_kv *from, mv_kv *to, size_t n) {
    size_t dim = (size_t)from->head_dim, n_heads = (size_t)from->n_kv_heads;
    size_t from_head = (size_t)from->capacity * dim, to_head = (size_t)to->capacity * dim;
    for (size_t h = 0; h < n_heads; h++) {
        memcpy(to->k + h * to_head, from->k + h * from_head, n * dim * sizeof(float));
        memcpy(to->v + h * to_head, from->v + h * from_head, n * dim * sizeof(float));
    }
}

marvis_status mv_llama_cache_grow(mv_llama_cache *cache, const mv_llama_config *config,
                                  int capacity, int n_positions, marvis_error *err) {
    mv_llama_cache grown;
    MV_TRY(mv_llama_cache_init(&grown, config, capacity, err));
    for (int i = 0; i < config->n_layers; i++)
        copy_heads(&cache->layers[i], &grown.layers[i], (size_t)n_positions);
    mv_llama_cache_deinit(cache);
    *cache = grown;
    return MARVIS_OK;
}

marvis_status mv_llama_scratch_init(mv_llama_scratch *scratch, const mv_llama_config *config,
                                    int max_rows, int max_context, int n_threads,
                                    marvis_error *err) {
    *scratch =
        (mv_llama_scratch){.max_rows = max_rows, .max_context = max_context, .n_parts = n_threads};
    size_t rows = (size_t)max_rows, width = (size_t)config->width;
    size_t q = (size_t)config->n_heads * (size_t)config->head_dim;
    size_t kv = (size_t)config->n_kv_heads * (size_t)config->head_dim;
    size_t mlp = (size_t)config->mlp_width;
    size_t per_row = 2 * width + 2 * q + 2 * kv + 2 * mlp, floats, scores;
    if (!mv_mul_size(rows, per_row, &floats) ||
        !mv_mul_size((size_t)max_context, (size_t)n_threads, &scores) ||
        !mv_add_size(floats, scores, &floats) ||
        !(scratch->storage = mv_alloc(floats, sizeof(float))))
        return mv_fail_memory(err, floats * sizeof(float), "the transformer's buffers");
    scratch->room_bytes =
        mv_linear_room(rows, mlp > q ? (mlp > width ? mlp : width) : (q > width ? q : width));
    scratch->room = mv_alloc(scratch->room_bytes, 1);
    if (!scratch->room) {
        mv_free(scratch->storage);
        size_t bytes = scratch->room_bytes;
        *scratch = (mv_llama_scratch){0};
        return mv_fail_memory(err, bytes, "the transformer's buffers");
    }
    float *p = scratch->storage;
    scratch->h = p, p += rows * width;
    scratch->out = p, p += rows * width;
    scratch->q = p, p += rows * q;
    scratch->attn = p, p += rows * q;
    scratch->k = p, p += rows * kv;
    scratch->v = p, p += rows * kv;
    scratch->gate = p, p += rows * mlp;
    scratch->up = p, p += rows * mlp;
    scratch->scores = p;
    return MARVIS_OK;
}

void mv_llama_scratch_deinit(mv_llama_scratch *scratch) {
    mv_free(scratch->storage);
    mv_free(scratch->room);
    *scratch = (mv_llama_scratch){0};
}

mv_exec mv_llama_exec(const mv_llama_scratch *scratch, const mv_exec *exec) {
    mv_exec own = *exec;
    own.room = scratch->room;
    own.room_bytes = scratch->room_bytes;
    own.observer = scratch->observer;
    return own;
}

/* ---- one layer ------------------------------------------------------------------------------ */

typedef struct layer_job {
    const mv_llama *llama;
    mv_llama_scratch *scratch;
    const mv_kernels *kernels;
    const mv_llama_row *rows;
    size_t n_rows;
    int layer;
} layer_job;

/* Attention of all rows, heads split over the parts. */
static void attend(void *ctx, int part, int n_parts) {
    const layer_job *job = ctx;
    const mv_llama_config *config = &job->llama->config;
    size_t n_heads = (size_t)config->n_heads, width = n_heads * (size_t)config->head_dim;
    size_t begin, end;
    mv_share(job->n_rows * n_heads, 1, part, n_parts, &begin, &end);
    float *scores = job->scratch->scores + (size_t)part * (size_t)job->scratch->max_context;
    while (begin < end) {
        size_t row = begin / n_heads, head = begin % n_heads;
        size_t stop = n_heads - head < end - begin ? n_heads : head + (end - begin);
        mv_attention(job->kernels, &job->rows[row].cache->layers[job->layer],
                     job->scratch->q + row * width, job->scratch->attn + row * width,
                     config->n_heads, (int)head, (int)stop, 0, job->rows[row].position, scores);
        begin += stop - head;
    }
}

/* gate = silu(gate) * up */
static void gate_mlp(void *ctx, int part, int n_parts) {
    const layer_job *job = ctx;
    size_t begin, end;
    mv_share(job->n_rows * (size_t)job->llama->config.mlp_width, 64, part, n_parts, &begin, &end);
    float *gate = job->scratch->gate + begin;
    job->kernels->silu_mul(gate, gate, job->scratch->up + begin, end - begin);
}

/* Below this many multiply-adds the threads are not worth waking. */
enum { SMALL_WORK = 1 << 15 };

static void run_job(const mv_exec *exec, mv_job fn, layer_job *job, size_t work) {
    mv_pool_run(work < SMALL_WORK ? NULL : exec->pool, fn, job);
}

static void attention_block(layer_job *job, const mv_exec *exec, float *x) {
    const mv_llama_config *config = &job->llama->config;
    const mv_llama_layer *layer = &job->llama->layers[job->layer];
    mv_llama_scratch *s = job->scratch;
    size_t width = (size_t)config->width, q_width = layer->q.n_rows, kv_width = layer->k.n_rows;
    for (size_t r = 0; r < job->n_rows; r++)
        mv_rmsnorm(s->h + r * width, x + r * width, layer->norm1, config->norm_eps, width);
    const mv_linear_out qkv[] = {
        {&layer->q, s->q, q_width}, {&layer->k, s->k, kv_width}, {&layer->v, s->v, kv_width}};
    mv_linear_multi(exec, qkv, 3, s->h, width, job->n_rows);
    size_t work = 0;
    for (size_t r = 0; r < job->n_rows; r++) {
        const mv_llama_row *row = &job->rows[r];
        mv_rope_apply(&job->llama->rope, s->q + r * q_width, config->n_heads, row->position);
        mv_rope_apply(&job->llama->rope, s->k + r * kv_width, config->n_kv_heads, row->position);
        mv_kv_store(&row->cache->layers[job->layer], s->k + r * kv_width, s->v + r * kv_width,
                    row->position);
        work += 2 * q_width * ((size_t)row->position + 1);
    }
    run_job(exec, attend, job, work);
    mv_linear(exec, &layer->o, s->attn, q_width, job->n_rows, s->out, width);
    mv_add(x, s->out, job->n_rows * width);
}

static void mlp_block(layer_job *job, const mv_exec *exec, float *x) {
    const mv_llama_config *config = &job->llama->config;
    const mv_llama_layer *layer = &job->llama->layers[job->layer];
    mv_llama_scratch *s = job->scratch;
    size_t width = (size_t)config->width, mlp = (size_t)config->mlp_width;
    for (size_t r = 0; r < job->n_rows; r++)
        mv_rmsnorm(s->h + r * width, x + r * width, layer->norm2, config->norm_eps, width);
    const mv_linear_out gate_up[] = {{&layer->gate, s->gate, mlp}, {&layer->up, s->up, mlp}};
    mv_linear_multi(exec, gate_up, 2, s->h, width, job->n_rows);
    run_job(exec, gate_mlp, job, 4 * job->n_rows * mlp);
    mv_linear(exec, &layer->down, s->gate, mlp, job->n_rows, s->out, width);
    mv_add(x, s->out, job->n_rows * width);
}

void mv_llama_forward(const mv_llama *llama, mv_llama_scratch *scratch, const mv_exec *exec,
                      const mv_llama_row *rows, size_t n_rows, float *x, float *y) {
    assert(n_rows <= (size_t)scratch->max_rows);
    assert(mv_pool_n_threads(exec->pool) <= scratch->n_parts);
    size_t width = (size_t)llama->config.width;
    layer_job job = {.llama = llama,
                     .scratch = scratch,
                     .kernels = exec->kernels,
                     .rows = rows,
                     .n_rows = n_rows};
    const mv_exec own = mv_llama_exec(scratch, exec);
    for (job.layer = 0; job.layer < llama->config.n_layers; job.layer++) {
        attention_block(&job, &own, x);
        mlp_block(&job, &own, x);
    }
    for (size_t r = 0; r < n_rows; r++)
        mv_rmsnorm(y + r * width, x + r * width, llama->norm, llama->config.norm_eps, width);
}
