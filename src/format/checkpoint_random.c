/* checkpoint_random.c - see checkpoint_random.h. Numbers come in blocks, each from a generator that
 * is seeded by its place: threads take any share of them. */
#include "format/checkpoint_random.h"

#include "base/memory.h"
#include "format/checkpoint_internal.h"
#include "kernels/convert.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 4096 };

static size_t n_values_of(const mv_random_tensor *t) {
    size_t n = 1;
    for (int i = 0; i < t->n_dims; i++)
        n *= (size_t)t->shape[i];
    return n;
}

static size_t n_blocks_of(const mv_tensor *t) { return (t->n_values + BLOCK - 1) / BLOCK; }

/* ---- numbers -------------------------------------------------------------------------------- */

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next_bits(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

typedef struct fill_job {
    const mv_checkpoint *ckpt;
    const mv_random_tensor *list; /* in the order of the checkpoint's tensors */
    uint64_t seed;
    size_t n_blocks;
} fill_job;

static void fill_block(const fill_job *job, size_t i, size_t block) {
    const mv_tensor *t = &job->ckpt->tensors[i];
    size_t begin = block * BLOCK, n = t->n_values - begin < BLOCK ? t->n_values - begin : BLOCK;
    uint64_t state = (job->seed << 40) ^ ((uint64_t)i << 32) ^ block;
    float values[BLOCK], mean = job->list[i].mean;
    float step = job->list[i].deviation * 1.7320508f / 32768; /* a uniform's range: sqrt(3) */
    (void)next_bits(&state);
    for (size_t v = 0; v < BLOCK; v += 4) {
        uint64_t bits = next_bits(&state);
        for (size_t k = 0; k < 4; k++)
            values[v + k] = mean + step * (float)(int16_t)(bits >> 16 * k);
    }
    mv_convert_f32_bf16((uint16_t *)job->ckpt->blocks[i] + begin, values, n);
}

static void fill(void *ctx, int part, int n_parts) {
    const fill_job *job = ctx;
    size_t begin, end, first = 0;
    mv_share(job->n_blocks, 1, part, n_parts, &begin, &end);
    for (size_t i = 0; i < job->ckpt->n_tensors && first < end; i++) {
        size_t n = n_blocks_of(&job->ckpt->tensors[i]);
        for (size_t b = begin > first ? begin - first : 0; b < n && first + b < end; b++)
            fill_block(job, i, b);
        first += n;
    }
}

/* ---- the checkpoint ------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b) {
    const mv_random_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static marvis_status allocate(mv_checkpoint *c, const mv_random_tensor *list, size_t n,
                              marvis_error *err) {
    c->tensors = mv_alloc(n, sizeof *c->tensors);
    c->file_of = mv_alloc(n, sizeof *c->file_of);
    c->used = mv_alloc(n, sizeof *c->used);
    c->names = mv_alloc(n, sizeof list->name);
    c->blocks = mv_alloc(n, sizeof *c->blocks);
    if (!c->tensors || !c->file_of || !c->used || !c->names || !c->blocks)
        return mv_fail_memory(err, n * sizeof *c->tensors, "the list of tensors");
    c->n_tensors = n;
    for (size_t i = 0; i < n; i++) {
        const mv_random_tensor *from = &list[i];
        char *name = c->names + i * sizeof from->name;
        mv_tensor *t = &c->tensors[i];
        memcpy(name, from->name, sizeof from->name);
        *t = (mv_tensor){.name = name,
                         .type = MV_DT_BF16,
                         .n_dims = from->n_dims,
                         .n_values = n_values_of(from)};
        memcpy(t->shape, from->shape, sizeof from->shape);
        t->len_bytes = t->n_values * sizeof(uint16_t);
        c->file_of[i] = c->path;
        c->blocks[i] = mv_alloc(t->n_values, sizeof(uint16_t));
        if (!c->blocks[i]) return mv_fail_memory(err, t->len_bytes, name);
        t->data = c->blocks[i];
    }
    return MARVIS_OK;
}

marvis_status mv_checkpoint_random(const char *path, mv_random_tensor *list, size_t n,
                                   uint64_t seed, const mv_exec *exec, mv_checkpoint **ckpt,
                                   marvis_error *err) {
    marvis_status status;
    *ckpt = NULL;
    mv_checkpoint *c = mv_alloc(1, sizeof *c);
    if (!c) return mv_fail_memory(err, sizeof *c, "a checkpoint");
    if (!(c->path = mv_strdup(path))) {
        status = mv_fail_memory(err, strlen(path) + 1, "a path");
        goto fail;
    }
    qsort(list, n, sizeof *list, compare_names);
    MV_TRY_GOTO(allocate(c, list, n, err));
    fill_job job = {.ckpt = c, .list = list, .seed = seed};
    for (size_t i = 0; i < n; i++)
        job.n_blocks += n_blocks_of(&c->tensors[i]);
    mv_pool_run(exec->pool, fill, &job);
    *ckpt = c;
    return MARVIS_OK;
fail:
    mv_checkpoint_close(&c);
    return status;
}

void mv_checkpoint_drop(mv_checkpoint *ckpt, size_t i) {
    if (!ckpt->blocks || !ckpt->blocks[i]) return;
    mv_free(ckpt->blocks[i]);
    ckpt->blocks[i] = NULL;
    ckpt->tensors[i].data = NULL;
}
