/* bench_kernels.c - the products of marvis-250m, by tier, weight type and threads, each beside the
 * plain streaming read of the same number of bytes in the same run. Prints one line per case: time,
 * GB/s of weights, GMAC/s, and the ratio to that read; medians with the spread between quartiles.
 *
 *     bench_kernels [--cached] [--plain] [--cpu TIER] [THREADS [TYPE...]]
 *
 * All cores, tiers and types unless given. --cached: matrices of fewer rows, which stay in the
 * caches of the cores, so that the time is that of the arithmetic. --plain: without the dot
 * products of int8 that the CPU may add to a tier (base/cpu.h), to tell what they are worth. */
#include "base/file.h"
#include "kernels/packed.h"
#include "nn/linear.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    N_RUNS = 15,
    MAX_BATCH = 300,
    MAX_COLS = 8192,
    WEIGHT_BYTES = 64 << 20,
    CACHED_BYTES = 256 << 10 /* of each thread: half of a small second-level cache */
};

typedef struct choice {
    bool cached, plain;
    bool tiers[MV_N_TIERS], types[MV_N_WTYPES];
    int n_threads;
} choice;

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

/* The most rows, whole tiles for each thread, that stay in the caches of the cores. */
static size_t cached_rows(size_t n_rows, size_t row_bytes, size_t n_threads) {
    size_t step = MV_TILE_ROWS * n_threads;
    size_t most = CACHED_BYTES * n_threads / row_bytes / step * step;
    if (most < step) most = step;
    return n_rows < most ? n_rows : most;
}

static void run_case(const mv_exec *exec, mv_wtype type, const bench_case *c, const operands *ops,
                     bool cached) {
    size_t row_bytes = mv_is_packed(type) ? mv_packed_tile_bytes(type, c->n_cols) / MV_TILE_ROWS
                                          : c->n_cols * mv_wtype_bytes(type);
    size_t n_rows = c->n_rows;
    if (cached) n_rows = cached_rows(n_rows, row_bytes, (size_t)mv_pool_n_threads(exec->pool));
    /* As many copies of the matrix as make 64 MB, one after the other: as in a step of the model,
     * none is found in the cache of a core. Or one, as many times. */
    mv_matrix m = {.type = type, .n_rows = n_rows, .n_cols = c->n_cols, .row_bytes = row_bytes};
    size_t bytes = mv_matrix_bytes(&m), n_copies = c->n_batch == 1 ? WEIGHT_BYTES / bytes : 1;
    double s[N_RUNS];
    for (int i = -1; i < N_RUNS; i++) {
        double start = mv_now_s();
        for (size_t k = 0; k < n_copies; k++) {
            m.data = (const char *)ops->w + (cached ? 0 : k * bytes);
            mv_linear(exec, &m, ops->x, c->n_cols, c->n_batch, ops->y, n_rows);
        }
        if (i >= 0) s[i] = mv_now_s() - start;
    }
    timing product = summary(s);
    volatile uint64_t sink = 0;
    timing read = time_read(exec->pool, ops->w, cached ? bytes : n_copies * bytes, &sink);
    if (cached) read.median_s *= (double)n_copies;
    double macs = (double)n_rows * (double)c->n_cols * (double)(c->n_batch * n_copies);
    double total = (double)(n_copies * bytes);
    printf(
        "%-7s %-4s %3d  %-18s %5zux%-5zu b%-4zu %8.1f us  %6.1f GB/s %7.1f GMAC/s  spread %3.0f%%"
        "  read %6.1f GB/s  ratio %.2f\n",
        mv_tier_name(exec->kernels->tier), mv_wtype_name(type), mv_pool_n_threads(exec->pool),
        c->name, n_rows, c->n_cols, c->n_batch, product.median_s / (double)n_copies * 1e6,
        total / product.median_s * 1e-9, macs / product.median_s * 1e-9, product.spread * 100,
        total / read.median_s * 1e-9, read.median_s / product.median_s);
}

static void run_all(mv_pool *pool, const operands *ops, const choice *chosen) {
    for (int tier = 0; tier < MV_N_TIERS; tier++) {
        mv_exec exec = {.pool = pool};
        exec.kernels =
            chosen->plain ? mv_kernels_plain((mv_tier)tier) : mv_kernels_get((mv_tier)tier);
        if (!exec.kernels || !chosen->tiers[tier]) continue;
        exec.room = ops->room;
        exec.room_bytes = mv_linear_room(MAX_BATCH, MAX_COLS);
        for (int type = 0; type < MV_N_WTYPES; type++)
            for (size_t i = 0; chosen->types[type] && i < sizeof cases / sizeof cases[0]; i++)
                run_case(&exec, (mv_wtype)type, &cases[i], ops, chosen->cached);
    }
}

/* ---- the call ------------------------------------------------------------------------------- */

static bool choose_type(const char *name, choice *chosen) {
    for (int type = 0; type < MV_N_WTYPES; type++)
        if (strcmp(name, mv_wtype_name((mv_wtype)type)) == 0) return chosen->types[type] = true;
    fprintf(stderr, "bench_kernels: no type '%s'; use", name);
    for (int type = 0; type < MV_N_WTYPES; type++)
        fprintf(stderr, " %s", mv_wtype_name((mv_wtype)type));
    fprintf(stderr, "\n");
    return false;
}

static bool choose(int argc, char **argv, choice *chosen) {
    *chosen = (choice){.n_threads = mv_n_cores()};
    int i = 1;
    bool one_tier = false;
    for (; i < argc && argv[i][0] == '-'; i++) {
        mv_tier tier;
        if (strcmp(argv[i], "--cached") == 0) {
            chosen->cached = true;
        } else if (strcmp(argv[i], "--plain") == 0) {
            chosen->plain = true;
        } else if (strcmp(argv[i], "--cpu") == 0 && i + 1 < argc &&
                   mv_tier_from_name(argv[i + 1], &tier) && mv_kernels_get(tier)) {
            chosen->tiers[tier] = one_tier = true;
            i++;
        } else {
            fprintf(
                stderr,
                "bench_kernels: '%s': use [--cached] [--plain] [--cpu TIER that this machine has]"
                " [THREADS [TYPE...]]\n",
                argv[i]);
            return false;
        }
    }
    for (int tier = MV_TIER_SCALAR + 1; !one_tier && tier < MV_N_TIERS; tier++)
        chosen->tiers[tier] = true;
    if (i < argc) chosen->n_threads = (int)strtol(argv[i++], NULL, 10);
    for (int type = 0; i == argc && type < MV_N_WTYPES; type++)
        chosen->types[type] = true;
    for (; i < argc; i++)
        if (!choose_type(argv[i], chosen)) return false;
    return true;
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    choice chosen;
    marvis_error err;
    mv_pool *pool;
    if (!choose(argc, argv, &chosen)) return 2;
    if (mv_pool_create(chosen.n_threads, &pool, &err) != MARVIS_OK) {
        fprintf(stderr, "bench_kernels: %s\n", err.message);
        return 2;
    }
    /* Weights of one value (1.0 as f16, normal in every float type): times don't depend on it. */
    size_t n = (size_t)MAX_BATCH * MAX_COLS;
    size_t room_bytes = mv_linear_room(MAX_BATCH, MAX_COLS) / 64 * 64 + 64;
    operands ops = {aligned_alloc(64, WEIGHT_BYTES), malloc(n * sizeof(float)),
                    malloc(n * sizeof(float)), aligned_alloc(64, room_bytes)};
    int status = 0;
    if (ops.w && ops.x && ops.y && ops.room) {
        memset(ops.w, 0x3c, WEIGHT_BYTES);
        for (size_t i = 0; i < n; i++)
            ops.x[i] = (float)(i % 17) * 0.1f;
        run_all(pool, &ops, &chosen);
    } else {
        fprintf(stderr, "bench_kernels: out of memory\n");
        status = 1;
    }
    free(ops.w);
    free(ops.x);
    free(ops.y);
    free(ops.room);
    mv_pool_destroy(&pool);
    return status;
}
