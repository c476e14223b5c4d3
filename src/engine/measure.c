/* measure.c - what `marvis bench` compares its times with: the bytes of weights that a frame is
 * made of, and how fast this machine reads memory. */
#include "engine/engine.h"

#include "base/file.h"
#include "base/memory.h"

#include <string.h>

/* ---- bytes ---------------------------------------------------------------------------------- */

static double bytes_of(const mv_matrix *m) { return (double)m->n_rows * (double)m->row_bytes; }

static double tower_bytes(const mv_llama *llama) {
    double sum = 0;
    for (int i = 0; i < llama->config.n_layers; i++) {
        const mv_llama_layer *y = &llama->layers[i];
        const mv_matrix *all[] = {&y->q, &y->k, &y->v, &y->o, &y->gate, &y->up, &y->down};
        for (size_t j = 0; j < sizeof all / sizeof *all; j++)
            sum += bytes_of(all[j]);
    }
    return sum;
}

void marvis_model_frame_cost(const marvis_model *model, int n_codebooks, marvis_frame_cost *cost) {
    marvis_frame_cost now = {.struct_size = cost->struct_size};
    if (model->has_csm) {
        const mv_csm *csm = &model->csm;
        int most = csm->config.n_codebooks;
        int n = n_codebooks < 1 ? 1 : n_codebooks > most ? most : n_codebooks;
        now.backbone_bytes = tower_bytes(&csm->backbone) + bytes_of(&csm->head0);
        /* the first call of a frame also projects the backbone's state, in the same pass */
        now.depth_bytes = (n - 1) * (tower_bytes(&csm->depth) + bytes_of(&csm->projection));
        for (int i = 0; i + 1 < n; i++)
            now.heads_bytes += bytes_of(&csm->heads[i]);
        now.held_bytes = (double)mv_csm_bytes(csm, NULL);
    }
    if (model->mimi) {
        const mv_mimi_config *c = mv_mimi_config_of(model->mimi);
        double all = (double)mv_mimi_bytes(model->mimi);
        now.codec_bytes = all - (double)c->n_codebooks * c->codebook_size * c->codebook_dim * 4;
        now.held_bytes += all;
    }
    size_t size = cost->struct_size < sizeof now ? cost->struct_size : sizeof now;
    memcpy(cost, &now, size);
}

/* ---- reading -------------------------------------------------------------------------------- */

enum { N_SAMPLES = 5, LEAST_BYTES = 1 << 16, PIECE = 4096 };
static const double sample_bytes = 256e6; /* read in one measurement, or once the whole set */

typedef struct read_job {
    const mv_kernels *kernels;
    float *data; /* [n] */
    size_t n;
    size_t n_passes;
    float sums[256]; /* of the parts: what is read must be used */
} read_job;

static void fill_part(void *ctx, int part, int n_parts) {
    read_job *job = ctx;
    size_t begin, end;
    mv_share(job->n, 2 * PIECE, part, n_parts, &begin, &end);
    for (size_t i = begin; i < end; i++)
        job->data[i] = 1.0f; /* memory that was never written is one page of zeros */
}

/* A part's share as two streams of a dot product, which reads with the widest loads there are. */
static void read_part(void *ctx, int part, int n_parts) {
    read_job *job = ctx;
    size_t begin, end;
    float sum = 0;
    mv_share(job->n, 2 * PIECE, part, n_parts, &begin, &end);
    for (size_t pass = 0; pass < job->n_passes; pass++)
        for (size_t i = begin; i + 2 * PIECE <= end; i += 2 * PIECE)
            sum += job->kernels->dot(job->data + i, job->data + i + PIECE, PIECE);
    job->sums[part] += sum;
}

static void sort(double *values, int n) {
    for (int i = 1; i < n; i++)
        for (int k = i; k > 0 && values[k] < values[k - 1]; k--) {
            double swap = values[k];
            values[k] = values[k - 1];
            values[k - 1] = swap;
        }
}

marvis_status marvis_engine_read_speed(marvis_engine *engine, size_t bytes, double *bytes_per_s,
                                       marvis_error *err) {
    double seconds[N_SAMPLES];
    *bytes_per_s = 0;
    if (bytes < LEAST_BYTES)
        return mv_fail(err, MARVIS_ERR_CALL, "a working set of %zu bytes: use %d or more", bytes,
                       LEAST_BYTES);
    read_job job = {.kernels = mv_kernels_get(mv_tier_best()),
                    .n = bytes / sizeof(float) / (2 * PIECE) * (2 * PIECE)};
    job.data = mv_alloc(job.n, sizeof *job.data);
    if (!job.data) return mv_fail_memory(err, bytes, "the working set");
    bytes = job.n * sizeof *job.data;
    job.n_passes = (size_t)(sample_bytes / (double)bytes) + 1;
    mv_pool_run(engine->pool, fill_part, &job);
    for (int i = -1; i < N_SAMPLES; i++) { /* the first warms up */
        double begin = mv_now_s();
        mv_pool_run(engine->pool, read_part, &job);
        if (i >= 0) seconds[i] = mv_now_s() - begin;
    }
    mv_free(job.data);
    sort(seconds, N_SAMPLES);
    *bytes_per_s = (double)job.n_passes * (double)bytes / seconds[N_SAMPLES / 2];
    return MARVIS_OK;
}
