/* bench_kernels.c - the products of marvis-250m, by tier, weight type and threads, each beside the
 * plain streaming read of the same number of bytes in the same run. Prints one line per case: time,
 * GB/s of weights, GMAC/s, and the ratio to that read; medians with the spread between quartiles.
 *
 *     bench_kernels [THREADS]      all cores unless given */
#include "base/file.h"
#include "kernels/packed.h"
#include "nn/linear.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_RUNS = 15, MAX_BATCH = 300, MAX_COLS = 8192 };

typedef struct bench_case {
    const char *name;
    size_t n_rows, n_cols, n_batch;
} bench_case;

/* One layer's matrices at batch 1; a prompt; Mimi's convolutions for one frame. */
static const bench_case cases[] = {
    {"backbone q, o", 1536, 1536, 1},     {"backbone gate, up", 8192, 1536, 1},
    {"backbone down", 1536, 8192, 1},     {"depth gate, up", 4096, 1024, 1},
    {"depth down", 1024, 4096, 1},        {"audio head", 2051, 1024, 1},
    {"prompt gate, up", 8192, 1536, 300}, {"prompt down", 1536, 8192, 300},
    {"mimi conv 7", 1024, 3584, 2},       {"mimi convtr 16", 8192, 1024, 2},
    {"mimi convtr 10", 1280, 256, 96},    {"mimi conv 3", 64, 384, 480},
};

typedef struct timing {
    double median_s, spread; /* spread: quartiles' distance over the median */
} timing;

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static timing summary(double *s) {
    qsort(s, N_RUNS, sizeof *s, by_value);
    double median = s[N_RUNS / 2];
    return (timing){median, (s[N_RUNS * 3 / 4] - s[N_RUNS / 4]) / median};
}

/* ---- the plain read ------------------------------------------------------------------------- */

typedef struct read_job {
    const uint64_t *data;
    size_t n;
    uint64_t sums[256];
} read_job;

static void read_part(void *ctx, int part, int n_parts) {
    read_job *job = ctx;
    size_t begin, end;
    mv_share(job->n, 64, part, n_parts, &begin, &end);
    uint64_t sum = 0;
    for (size_t i = begin; i < end; i++)
        sum ^= job->data[i];
    job->sums[part] += sum;
}

/* A volatile sink keeps the reads. */
static timing time_read(mv_pool *pool, const void *data, size_t bytes, volatile uint64_t *sink) {
    static read_job job;
    job.data = data;
    job.n = bytes / 8;
    double s[N_RUNS];
    for (int i = -1; i < N_RUNS; i++) { /* the first warms up */
        double start = mv_now_s();
        mv_pool_run(pool, read_part, &job);
        if (i >= 0) s[i] = mv_now_s() - start;
        *sink = job.sums[0];
    }
    return summary(s);
}

/* ---- products ------------------------------------------------------------------------------- */

typedef struct operands {
    void *w;
    float *x, *y;
    void *room; /* for MAX_BATCH rows of MAX_COLS */
} operands;

static void run_case(const mv_exec *exec, mv_wtype type, const bench_case *c, const operands *ops) {
    size_t row_bytes = mv_is_packed(type) ? mv_packed_tile_bytes(type, c->n_cols) / MV_TILE_ROWS
                                          : c->n_cols * mv_wtype_bytes(type);
    /* As many copies of the matrix as make 64 MB, one after the other: as in a step of the model,
     * none is found in the cache of a core. */
    mv_matrix m = {.type = type, .n_rows = c->n_rows, .n_cols = c->n_cols, .row_bytes = row_bytes};
    size_t bytes = mv_matrix_bytes(&m), n_copies = c->n_batch == 1 ? (64u << 20) / bytes : 1;
    double s[N_RUNS];
    for (int i = -1; i < N_RUNS; i++) {
        double start = mv_now_s();
        for (size_t k = 0; k < n_copies; k++) {
            m.data = (const char *)ops->w + k * bytes;
            mv_linear(exec, &m, ops->x, c->n_cols, c->n_batch, ops->y, c->n_rows);
        }
        if (i >= 0) s[i] = mv_now_s() - start;
    }
    timing product = summary(s);
    volatile uint64_t sink = 0;
    timing read = time_read(exec->pool, ops->w, n_copies * bytes, &sink);
    double macs = (double)c->n_rows * (double)c->n_cols * (double)(c->n_batch * n_copies);
    double total = (double)(n_copies * bytes);
    printf(
        "%-7s %-4s %3d  %-18s %5zux%-5zu b%-4zu %8.1f us  %6.1f GB/s %7.1f GMAC/s  spread %3.0f%%"
        "  read %6.1f GB/s  ratio %.2f\n",
        mv_tier_name(exec->kernels->tier), mv_wtype_name(type), mv_pool_n_threads(exec->pool),
        c->name, c->n_rows, c->n_cols, c->n_batch, product.median_s / (double)n_copies * 1e6,
        total / product.median_s * 1e-9, macs / product.median_s * 1e-9, product.spread * 100,
        total / read.median_s * 1e-9, read.median_s / product.median_s);
}

static int run_all(mv_pool *pool, const operands *ops) {
    for (int tier = MV_TIER_SCALAR + 1; tier < MV_N_TIERS; tier++) {
        mv_exec exec = {.kernels = mv_kernels_get((mv_tier)tier), .pool = pool};
        if (!exec.kernels) continue;
        exec.room = ops->room;
        exec.room_bytes = mv_linear_room(MAX_BATCH, MAX_COLS);
        for (int type = 0; type < MV_N_WTYPES; type++)
            for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
                run_case(&exec, (mv_wtype)type, &cases[i], ops);
    }
    return 0;
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    int n_threads = argc > 1 ? atoi(argv[1]) : mv_n_cores();
    marvis_error err;
    mv_pool *pool;
    if (mv_pool_create(n_threads, &pool, &err) != MARVIS_OK) {
        fprintf(stderr, "bench_kernels: %s\n", err.message);
        return 2;
    }
    /* Weights of one value (1.0 as f16, normal in every float type): times don't depend on it. */
    size_t w_bytes = 64u << 20, n = (size_t)MAX_BATCH * MAX_COLS;
    size_t room_bytes = mv_linear_room(MAX_BATCH, MAX_COLS) / 64 * 64 + 64;
    operands ops = {aligned_alloc(64, w_bytes), malloc(n * sizeof(float)),
                    malloc(n * sizeof(float)), aligned_alloc(64, room_bytes)};
    if (!ops.w || !ops.x || !ops.y || !ops.room) {
        fprintf(stderr, "bench_kernels: out of memory\n");
        return 1;
    }
    memset(ops.w, 0x3c, w_bytes);
    for (size_t i = 0; i < n; i++)
        ops.x[i] = (float)(i % 17) * 0.1f;
    int status = run_all(pool, &ops);
    free(ops.w);
    free(ops.x);
    free(ops.y);
    free(ops.room);
    mv_pool_destroy(&pool);
    return status;
}
