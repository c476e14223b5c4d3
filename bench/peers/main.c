/* main.c - peer_ggml: the matrices of a frame of speech by ggml and by this library, in one process
 * and in turns (A B C A B C ...), so that both have the same noise. Two tables: one stream, as
 * seconds for a second of speech; prompts and batches. Nothing but products with weights is timed:
 * no attention, norms, sampling or codec. Each matrix of the model has memory of its own, so that
 * caches hold what they hold in a real frame.
 *
 *     peer_ggml [--shape NAME] [--threads N] [--cpu TIER] [--rounds N] [--frames N]
 *               [--batch N,N,...] [--prompt N] [WEIGHTS...]
 *
 * WEIGHTS: 32-bit 16-bit 8-bit mix 8-4-bit 4-bit; all unless given. --frames: of a turn of one
 * stream. --prompt 0: none. Built by tools/bench_peers.sh. */
#include "base/file.h"
#include "base/memory.h"
#include "peers/side.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROUNDS = 100, MOST_SIDES = 12, MOST_PLANS = 10, FRAMES_PER_S_X2 = 25 };

#define ALL(t)                                                                                     \
    { t, t, t, t }

/* Weight types that a person would weigh against each other; a NULL name ends a list. */
typedef struct group {
    const char *name;
    struct {
        const char *name;
        mv_wtype types[FRAME_N_CLASSES];
    } ours[3];
    struct {
        const char *name, *types[FRAME_N_CLASSES];
    } theirs[3];
} group;

static const group groups[] = {
    {"32-bit", {{"f32", ALL(MV_W_F32)}}, {{"F32", ALL("f32")}}},
    {"16-bit", {{"bf16", ALL(MV_W_BF16)}}, {{"F16", ALL("f16")}, {"BF16", ALL("bf16")}}},
    {"8-bit", {{"int8", ALL(MV_W_I8)}, {"q8", ALL(MV_W_Q8)}}, {{"Q8_0", ALL("q8_0")}}},
    {"mix", /* as --weights mix */
     {{"mix", {MV_W_I8, MV_W_I8, MV_W_Q4, MV_W_I8}}},
     {{"Q8_0, depth feed-forward Q4_0", {"q8_0", "q8_0", "q4_0", "q8_0"}}}},
    {"8-4-bit",
     {{"int8, depth q4", {MV_W_I8, MV_W_Q4, MV_W_Q4, MV_W_I8}}},
     {{"Q8_0, depth Q4_0", {"q8_0", "q4_0", "q4_0", "q8_0"}}}},
    {"4-bit", {{"q4", ALL(MV_W_Q4)}}, {{"Q4_0", ALL("q4_0")}}},
};
enum { N_GROUPS = sizeof groups / sizeof *groups };

/* What is timed: plans, the first of one stream. */
typedef struct workload {
    frame_plan plan;
    size_t batch, prompt; /* the other one is 0 */
    int frames;           /* of a turn */
} workload;

typedef struct figure {
    double median, spread;   /* seconds; quartiles' distance over the median */
    double ratio, low, high; /* of the best of ggml's to it, round by round; 0: a row of ggml's */
    char against[80];
} figure;

typedef struct row {
    const group *group;
    char name[80];
    double frame_bytes, error;
    figure figures[MOST_PLANS];
} row;

typedef struct bench {
    const char *shape;
    int n_threads, rounds, frames;
    size_t batches[MOST_PLANS], prompt;
    int n_batches;
    bool chosen[N_GROUPS];
    const mv_kernels *kernels;
    mv_pool *pool;
    ggml_peer *peer;
    frame_model model;
    workload works[MOST_PLANS];
    int n_works;
    float *x; /* [most rows of a plan][most_cols] */
    row rows[N_GROUPS * MOST_SIDES];
    int n_rows;
} bench;

/* ---- one group ------------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *values, int n, double q) {
    double sorted[MOST_ROUNDS];
    memcpy(sorted, values, (size_t)n * sizeof *values);
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    double at = q * (n - 1);
    int i = (int)at;
    return i + 1 < n ? sorted[i] + (at - i) * (sorted[i + 1] - sorted[i]) : sorted[i];
}

static double frame_bytes(const frame_plan *plan, const size_t *matrix_bytes) {
    double bytes = 0;
    for (int i = 0; i < plan->n_ops; i++)
        for (int j = 0; j < plan->ops[i].n; j++)
            bytes += (double)matrix_bytes[plan->ops[i].first + j];
    return bytes;
}

static marvis_status make_sides(const bench *b, const group *g, side **sides, int *n,
                                marvis_error *err) {
    for (int i = 0; g->ours[i].name; i++, ++*n)
        MV_TRY(side_ours(&b->model, g->ours[i].name, g->ours[i].types, b->kernels, b->pool,
                         &sides[*n], err));
    for (int i = 0; g->theirs[i].name; i++) {
        int types[FRAME_N_CLASSES];
        for (int c = 0; c < FRAME_N_CLASSES; c++) {
            types[c] = ggml_peer_type(g->theirs[i].types[c]);
            if (types[c] < 0)
                return mv_fail(err, MARVIS_ERR_UNSUPPORTED, "this ggml has no type '%s'",
                               g->theirs[i].types[c]);
        }
        for (int buffer = 0; buffer < ggml_peer_n_buffers(b->peer) && *n < MOST_SIDES; buffer++) {
            MV_TRY(
                side_ggml(&b->model, g->theirs[i].name, types, b->peer, buffer, &sides[*n], err));
            if (sides[*n]) ++*n;
        }
    }
    return MARVIS_OK;
}

/* How far a matrix's products are from those with the numbers before they were quantised, in the
 * root of the mean square of two rows. */
static marvis_status matrix_error(const bench *b, side *s, int matrix, double *error,
                                  marvis_error *err) {
    const frame_shape *shape = frame_shape_of(&b->model, matrix);
    frame_plan plan;
    MV_TRY(frame_plan_one(matrix, 2, &plan, err));
    marvis_status status = s->prepare(s, &plan, b->x, err);
    if (status == MARVIS_OK) status = s->run(s, err);
    double wrong = 0, all = 0;
    for (size_t i = 0; status == MARVIS_OK && i < 2 * shape->n_rows; i++) {
        size_t ld, r = i % shape->n_rows;
        const float *y = s->output(s, &ld), *w = shape->values + r * shape->n_cols;
        const float *x = b->x + i / shape->n_rows * shape->n_cols;
        double sum = 0;
        for (size_t c = 0; c < shape->n_cols; c++)
            sum += (double)w[c] * (double)x[c];
        double difference = (double)y[i / shape->n_rows * ld + r] - sum;
        wrong += difference * difference;
        all += sum * sum;
    }
    s->rest(s);
    frame_plan_deinit(&plan);
    *error = sqrt(wrong / all);
    return status;
}

/* The worst over all shapes and classes. More than any weight type costs means that something else
 * was multiplied. */
static marvis_status check(const bench *b, side *s, double *worst, marvis_error *err) {
    const double most = 0.15;
    bool done[FRAME_MOST_SHAPES][FRAME_N_CLASSES] = {{false}};
    *worst = 0;
    for (int i = 0; i < b->model.n_matrices; i++) {
        const frame_matrix *m = &b->model.matrices[i];
        double error;
        if (done[m->shape][m->class]) continue;
        done[m->shape][m->class] = true;
        MV_TRY(matrix_error(b, s, i, &error, err));
        if (!(error < most))
            return mv_fail(err, MARVIS_ERR_INTERNAL, "%s: matrix %d: products are wrong by %.3g",
                           s->name, i, error);
        if (error > *worst) *worst = error;
    }
    return MARVIS_OK;
}

static void summarise(const bench *b, int n, const double (*s)[MOST_ROUNDS], side *const *sides,
                      int w, row *rows) {
    int best = -1;
    for (int i = 0; i < n; i++) {
        figure *f = &rows[i].figures[w];
        f->median = quantile(s[i], b->rounds, 0.5);
        f->spread = (quantile(s[i], b->rounds, 0.75) - quantile(s[i], b->rounds, 0.25)) / f->median;
        if (!sides[i]->is_ours && (best < 0 || f->median < rows[best].figures[w].median)) best = i;
    }
    for (int i = 0; i < n && best >= 0; i++) {
        figure *f = &rows[i].figures[w];
        double ratios[MOST_ROUNDS];
        if (!sides[i]->is_ours) continue;
        for (int r = 0; r < b->rounds; r++)
            ratios[r] = s[best][r] / s[i][r];
        f->ratio = quantile(ratios, b->rounds, 0.5);
        f->low = quantile(ratios, b->rounds, 0);
        f->high = quantile(ratios, b->rounds, 1);
        snprintf(f->against, sizeof f->against, "%s", sides[best]->name);
    }
}

/* Turns of all sides, the first round not counted. */
static marvis_status measure(const bench *b, side *const *sides, int n, int w, row *rows,
                             marvis_error *err) {
    static double s[MOST_SIDES][MOST_ROUNDS];
    const workload *work = &b->works[w];
    for (int i = 0; i < n; i++)
        MV_TRY(sides[i]->prepare(sides[i], &work->plan, b->x, err));
    for (int r = -1; r < b->rounds; r++)
        for (int i = 0; i < n; i++) {
            double begin = mv_now_s();
            for (int f = 0; f < work->frames; f++)
                MV_TRY(sides[i]->run(sides[i], err));
            if (r >= 0) s[i][r] = (mv_now_s() - begin) / work->frames;
            sides[i]->rest(sides[i]);
        }
    summarise(b, n, (const double(*)[MOST_ROUNDS])s, sides, w, rows);
    return MARVIS_OK;
}

static marvis_status run_sides(bench *b, const group *g, side *const *sides, int n,
                               marvis_error *err) {
    row *rows = &b->rows[b->n_rows];
    for (int i = 0; i < n; i++) {
        rows[i].group = g;
        memcpy(rows[i].name, sides[i]->name, sizeof rows[i].name);
        rows[i].frame_bytes = frame_bytes(&b->works[0].plan, sides[i]->matrix_bytes);
        MV_TRY(check(b, sides[i], &rows[i].error, err));
    }
    for (int w = 0; w < b->n_works; w++)
        MV_TRY(measure(b, sides, n, w, rows, err));
    b->n_rows += n;
    return MARVIS_OK;
}

static marvis_status run_group(bench *b, const group *g, marvis_error *err) {
    side *sides[MOST_SIDES + 1] = {NULL};
    int n = 0;
    fprintf(stderr, "%s ...\n", g->name);
    marvis_status status = make_sides(b, g, sides, &n, err);
    if (status == MARVIS_OK) status = run_sides(b, g, sides, n, err);
    for (int i = 0; i < n; i++)
        sides[i]->destroy(sides[i]);
    return status;
}

/* ---- the tables ----------------------------------------------------------------------------- */

static double speech_s(const workload *w) { return 2 * (double)w->batch / FRAMES_PER_S_X2; }

static void print_ratio(const figure *f) {
    if (f->ratio > 0)
        printf(" %.2f (%.2f..%.2f) x %s |", f->ratio, f->low, f->high, f->against);
    else
        printf(" |");
}

static void print_single(const bench *b, int w) {
    printf("\nOne stream: seconds of matrices for a second of speech\n\n"
           "| weights | program | MB a frame | s | spread | GB/s | error | speed against ggml's "
           "best |\n|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < b->n_rows; i++) {
        const row *r = &b->rows[i];
        const figure *f = &r->figures[w];
        printf("| %s | %s | %.0f | %.3f | %.0f %% | %.1f | %.2f %% |", r->group->name, r->name,
               r->frame_bytes * 1e-6, f->median / speech_s(&b->works[w]), f->spread * 100,
               r->frame_bytes / f->median * 1e-9, r->error * 100);
        print_ratio(f);
        printf("\n");
    }
}

static void print_many(const bench *b, int w) {
    const workload *work = &b->works[w];
    if (work->prompt)
        printf("\nPrompt of %zu positions through the backbone: milliseconds\n\n"
               "| weights | program | ms | spread | speed against ggml's best |\n",
               work->prompt);
    else
        printf("\n%zu streams together: seconds of speech a second, of all\n\n"
               "| weights | program | s/s | spread | speed against ggml's best |\n",
               work->batch);
    printf("|---|---|---|---|---|\n");
    for (int i = 0; i < b->n_rows; i++) {
        const figure *f = &b->rows[i].figures[w];
        printf("| %s | %s | %.*f | %.0f %% |", b->rows[i].group->name, b->rows[i].name,
               work->prompt ? 0 : 2, work->prompt ? f->median * 1e3 : speech_s(work) / f->median,
               f->spread * 100);
        print_ratio(f);
        printf("\n");
    }
}

static void print_all(const bench *b) {
    printf("%s, %d threads, %s, beside %s; median of %d rounds, spread: quartiles' distance over "
           "it\n",
           b->shape, b->n_threads, mv_tier_name(b->kernels->tier), ggml_peer_version(), b->rounds);
    for (int w = 0; w < b->n_works; w++)
        if (b->works[w].batch == 1)
            print_single(b, w);
        else
            print_many(b, w);
}

/* ---- the call ------------------------------------------------------------------------------- */

static bool number(const char *text, long least, long most, long *n) {
    char *end;
    *n = strtol(text, &end, 10);
    return end != text && (*end == '\0' || *end == ',') && *n >= least && *n <= most;
}

static bool numbers(const char *text, bench *b) {
    for (b->n_batches = 0; text; text = strchr(text, ',') ? strchr(text, ',') + 1 : NULL) {
        long n;
        if (b->n_batches == MOST_PLANS - 1 || !number(text, 1, 256, &n)) return false;
        b->batches[b->n_batches++] = (size_t)n;
    }
    return true;
}

static bool take_option(bench *b, const char *name, const char *value) {
    long n = 0;
    mv_tier tier;
    if (!value) return false;
    if (strcmp(name, "--shape") == 0) {
        b->shape = value;
    } else if (strcmp(name, "--cpu") == 0) {
        b->kernels = mv_tier_from_name(value, &tier) ? mv_kernels_get(tier) : NULL;
        return b->kernels != NULL;
    } else if (strcmp(name, "--batch") == 0) {
        return numbers(value, b);
    } else if (strcmp(name, "--threads") == 0) {
        if (!number(value, 1, 256, &n)) return false;
        b->n_threads = (int)n;
    } else if (strcmp(name, "--rounds") == 0) {
        if (!number(value, 1, MOST_ROUNDS, &n)) return false;
        b->rounds = (int)n;
    } else if (strcmp(name, "--frames") == 0) {
        if (!number(value, 1, 1000, &n)) return false;
        b->frames = (int)n;
    } else if (strcmp(name, "--prompt") == 0) {
        if (!number(value, 0, 2000, &n)) return false;
        b->prompt = (size_t)n;
    } else {
        return false;
    }
    return true;
}

static bool take_call(bench *b, int argc, char **argv) {
    bool any = false;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-') {
            if (!take_option(b, argv[i], i + 1 < argc ? argv[i + 1] : NULL)) {
                fprintf(stderr, "peer_ggml: '%s' is unknown, or its value is missing or wrong\n",
                        argv[i]);
                return false;
            }
            i++;
            continue;
        }
        int g = 0;
        while (g < N_GROUPS && strcmp(argv[i], groups[g].name) != 0)
            g++;
        if (g == N_GROUPS) {
            fprintf(stderr,
                    "peer_ggml: no weights '%s'; use 32-bit, 16-bit, 8-bit, mix, 8-4-bit "
                    "or 4-bit\n",
                    argv[i]);
            return false;
        }
        b->chosen[g] = any = true;
    }
    for (int g = 0; !any && g < N_GROUPS; g++)
        b->chosen[g] = true;
    return true;
}

static marvis_status set_up(bench *b, marvis_error *err) {
    size_t most_rows = 2; /* of the check */
    MV_TRY(mv_pool_create(b->n_threads, &b->pool, err));
    MV_TRY(ggml_peer_create(b->n_threads, &b->peer, err));
    MV_TRY(frame_model_init(b->shape, &b->model, err));
    for (int i = 0; i < b->n_batches; i++) {
        workload *w = &b->works[b->n_works++];
        w->batch = b->batches[i];
        w->frames = w->batch == 1 ? b->frames : 1;
        MV_TRY(frame_plan_step(&b->model, w->batch, &w->plan, err));
    }
    if (b->prompt) {
        workload *w = &b->works[b->n_works++];
        w->prompt = b->prompt;
        w->frames = 1;
        MV_TRY(frame_plan_prompt(&b->model, w->prompt, &w->plan, err));
    }
    for (int i = 0; i < b->n_works; i++)
        if (b->works[i].plan.most_rows > most_rows) most_rows = b->works[i].plan.most_rows;
    size_t n = most_rows * b->model.most_cols;
    b->x = mv_alloc(n, sizeof *b->x);
    if (!b->x) return mv_fail_memory(err, n * sizeof *b->x, "activations");
    for (size_t i = 0; i < n; i++) /* a wave that no block of 32 has a whole period of */
        b->x[i] = sinf(0.37f * (float)(i % 4093));
    return MARVIS_OK;
}

static void tear_down(bench *b) {
    for (int i = 0; i < b->n_works; i++)
        frame_plan_deinit(&b->works[i].plan);
    mv_free(b->x);
    frame_model_deinit(&b->model);
    ggml_peer_destroy(b->peer);
    mv_pool_destroy(&b->pool);
}

int main(int argc, char **argv) {
    static bench b = {.shape = "marvis-250m",
                      .rounds = 5,
                      .frames = 4,
                      .prompt = 200,
                      .batches = {1, 4, 8, 16},
                      .n_batches = 4};
    marvis_error err;
    b.n_threads = mv_n_cores();
    b.kernels = mv_kernels_get(mv_tier_best());
    if (!take_call(&b, argc, argv)) return 2;
    marvis_status status = set_up(&b, &err);
    for (int g = 0; status == MARVIS_OK && g < N_GROUPS; g++)
        if (b.chosen[g]) status = run_group(&b, &groups[g], &err);
    if (status == MARVIS_OK)
        print_all(&b);
    else
        fprintf(stderr, "peer_ggml: %s\n", err.message);
    tear_down(&b);
    return status == MARVIS_OK ? 0 : 1;
}
