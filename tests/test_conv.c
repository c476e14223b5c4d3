/* test_conv.c - streaming convolutions against the textbook sums in double precision, and against
 * themselves in other chunks and on other numbers of threads. */
#include "support.h"

#include "base/memory.h"
#include "nn/conv.h"

#include <math.h>

typedef enum kind { CONV, TRANSPOSED, DEPTHWISE } kind;

typedef struct shape {
    kind kind;
    int in, out, kernel, stride;
    bool bias;
} shape;

static const shape shapes[] = {
    {CONV, 3, 5, 7, 1, true},          {CONV, 4, 1, 3, 1, true},
    {CONV, 6, 9, 1, 1, true},          {CONV, 5, 7, 4, 2, false},
    {CONV, 1, 4, 16, 8, true},         {CONV, 33, 20, 10, 5, true},
    {CONV, 2, 3, 5, 5, true},          {TRANSPOSED, 3, 5, 4, 2, true},
    {TRANSPOSED, 7, 2, 16, 8, true},   {TRANSPOSED, 5, 6, 5, 3, true},
    {TRANSPOSED, 4, 9, 3, 3, true},    {TRANSPOSED, 2, 3, 7, 2, false},
    {TRANSPOSED, 18, 13, 12, 6, true}, {TRANSPOSED, 1, 1, 1, 1, true},
    {DEPTHWISE, 6, 6, 4, 2, false},    {DEPTHWISE, 5, 5, 7, 3, false},
    {DEPTHWISE, 3, 3, 2, 2, false},
};
enum { N_SHAPES = sizeof shapes / sizeof shapes[0], N_STEPS = 60 };

typedef struct fixture {
    shape s;
    float *weight, *bias; /* torch's order; bias NULL without */
    float *input;         /* [n_in][in] */
    size_t n_in, n_out;   /* steps */
    mv_conv conv;
    mv_convtr_dw dw;
    mv_exec exec;
} fixture;

static float *random_values(size_t n, uint64_t *seed) {
    float *values = calloc(n, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < n; i++)
        values[i] = test_normal(seed);
    return values;
}

static void fixture_init(fixture *f, const shape *s, uint64_t seed) {
    marvis_error err;
    const size_t taps = s->kind == DEPTHWISE ? 1 : (size_t)s->out;
    *f = (fixture){.s = *s};
    f->n_in = s->kind == CONV ? N_STEPS - N_STEPS % (size_t)s->stride : N_STEPS;
    f->n_out = s->kind == CONV ? f->n_in / (size_t)s->stride : f->n_in * (size_t)s->stride;
    f->weight = random_values((size_t)s->in * taps * (size_t)s->kernel, &seed);
    f->bias = s->bias ? random_values((size_t)s->out, &seed) : NULL;
    f->input = random_values(f->n_in * (size_t)s->in, &seed);
    f->exec = (mv_exec){.kernels = mv_kernels_get(mv_tier_best())};
    if (s->kind == CONV)
        assert_ok(
            mv_conv_init(&f->conv, f->weight, f->bias, s->in, s->out, s->kernel, s->stride, &err),
            err);
    else if (s->kind == TRANSPOSED)
        assert_ok(mv_conv_init_transposed(&f->conv, f->weight, f->bias, s->in, s->out, s->kernel,
                                          s->stride, &err),
                  err);
    else
        assert_ok(mv_convtr_dw_init(&f->dw, f->weight, s->in, s->kernel, s->stride, &err), err);
}

static void fixture_deinit(fixture *f) {
    if (f->s.kind == DEPTHWISE)
        mv_convtr_dw_deinit(&f->dw);
    else
        mv_conv_deinit(&f->conv);
    free(f->weight);
    free(f->bias);
    free(f->input);
}

/* Causal convolution as torch writes it, [n_out][out]. */
static void reference(const fixture *f, float *y) {
    const int in = f->s.in, out = f->s.out, kernel = f->s.kernel, stride = f->s.stride;
    for (int t = 0; t < (int)f->n_out; t++)
        for (int o = 0; o < out; o++) {
            double sum = f->bias ? (double)f->bias[o] : 0;
            if (f->s.kind == CONV) {
                for (int i = 0; i < in; i++)
                    for (int k = 0; k < kernel; k++) {
                        int at = t * stride + k - (kernel - stride);
                        if (at >= 0)
                            sum += (double)f->weight[(o * in + i) * kernel + k] *
                                   (double)f->input[at * in + i];
                    }
            } else {
                for (int at = 0; at * stride <= t; at++) {
                    int k = t - at * stride;
                    if (k >= kernel) continue;
                    if (f->s.kind == DEPTHWISE)
                        sum += (double)f->weight[o * kernel + k] * (double)f->input[at * in + o];
                    else
                        for (int i = 0; i < in; i++)
                            sum += (double)f->weight[(i * out + o) * kernel + k] *
                                   (double)f->input[at * in + i];
                }
            }
            y[t * out + o] = (float)sum;
        }
}

/* The stream in chunks of `chunk` output-side frames (0: of random sizes), bias added. */
static void stream(const fixture *f, size_t chunk, float *y) {
    const bool dw = f->s.kind == DEPTHWISE;
    const size_t in = (size_t)f->s.in;
    const size_t unit = f->s.kind == CONV ? (size_t)f->s.stride : 1;
    const size_t left = dw ? mv_convtr_dw_left(&f->dw) : mv_conv_left(&f->conv);
    float *state = left ? calloc(left * in, sizeof *state) : NULL;
    float *x = calloc((left + f->n_in) * in, sizeof *x);
    uint64_t seed = 5;
    assert_non_null(x);
    for (size_t done = 0; done < f->n_in;) {
        size_t n = (chunk ? chunk : 1 + test_random(&seed) % 6) * unit;
        if (n > f->n_in - done) n = f->n_in - done;
        memcpy(x + left * in, f->input + done * in, n * in * sizeof *x);
        float *dst =
            y + done * (f->s.kind == CONV ? 1 : (size_t)f->s.stride) / unit * (size_t)f->s.out;
        if (dw) {
            mv_convtr_dw_step(&f->dw, state, x, n, dst);
        } else {
            mv_conv_step(&f->exec, &f->conv, state, x, n, dst);
            mv_conv_finish(&f->exec, &f->conv, dst, NULL, n / unit, dst, NULL);
        }
        done += n;
    }
    free(x);
    free(state);
}

static void equals_the_textbook_sum(void **ctx) {
    (void)ctx;
    int n_run = 0;
    for (size_t i = 0; i < N_SHAPES; i++) {
        fixture f;
        fixture_init(&f, &shapes[i], 100 + i);
        const size_t n = f.n_out * (size_t)f.s.out;
        float *expected = calloc(n, sizeof *expected), *y = calloc(n, sizeof *y);
        reference(&f, expected);
        stream(&f, f.n_in, y);
        double error = test_row_error(y, expected, 1, n);
        if (!(error < 2e-6)) fail_msg("shape %zu: error %g", i, error);
        free(expected);
        free(y);
        fixture_deinit(&f);
        n_run++;
    }
    assert_int_equal(n_run, 17);
}

static void trap_09_chunks_equal_one_call(void **ctx) {
    (void)ctx;
    static const size_t chunks[] = {1, 2, 3, 7, 8, 0};
    marvis_error err;
    mv_pool *pool;
    int n_run = 0;
    assert_ok(mv_pool_create(3, &pool, &err), err);
    for (size_t i = 0; i < N_SHAPES; i++) {
        fixture f;
        fixture_init(&f, &shapes[i], 300 + i);
        const size_t n = f.n_out * (size_t)f.s.out;
        float *whole = calloc(n, sizeof *whole), *y = calloc(n, sizeof *y);
        stream(&f, f.n_in, whole);
        for (size_t c = 0; c < sizeof chunks / sizeof chunks[0]; c++) {
            f.exec.pool = c % 2 ? pool : NULL;
            stream(&f, chunks[c], y);
            assert_memory_equal(y, whole, n * sizeof *y);
            n_run++;
        }
        free(whole);
        free(y);
        fixture_deinit(&f);
    }
    mv_pool_destroy(&pool);
    assert_int_equal(n_run, 17 * 6);
}

/* Without input, only the bias comes out, once per sample, in every chunk. */
static void trap_37_zero_input_gives_the_bias(void **ctx) {
    (void)ctx;
    int n_run = 0;
    for (size_t i = 0; i < N_SHAPES; i++) {
        if (shapes[i].kind != TRANSPOSED || !shapes[i].bias) continue;
        fixture f;
        fixture_init(&f, &shapes[i], 500 + i);
        const size_t out = (size_t)f.s.out, n = f.n_out * out;
        memset(f.input, 0, f.n_in * (size_t)f.s.in * sizeof *f.input);
        float *y = calloc(n, sizeof *y);
        stream(&f, 2, y);
        for (size_t t = 0; t < f.n_out; t++)
            assert_memory_equal(y + t * out, f.bias, out * sizeof *y);
        free(y);
        fixture_deinit(&f);
        n_run++;
    }
    assert_int_equal(n_run, 6);
}

/* One input channel at a time reaches the outputs with its own weights: [in][out][kernel], not
 * [out][in][kernel], which for equal channel counts would have the same shape. */
static void trap_39_transposed_weight_order(void **ctx) {
    (void)ctx;
    enum { C = 4, K = 4, S = 2 };
    marvis_error err;
    float weight[C * C * K], x[2 * C], y[S * C], state[C];
    for (int i = 0; i < C * C * K; i++)
        weight[i] = (float)i;
    mv_conv conv;
    assert_ok(mv_conv_init_transposed(&conv, weight, NULL, C, C, K, S, &err), err);
    const mv_exec exec = {.kernels = mv_kernels_get(MV_TIER_SCALAR)};
    for (int i = 0; i < C; i++) {
        memset(state, 0, sizeof state);
        memset(x, 0, sizeof x);
        x[C + i] = 1;
        mv_conv_step(&exec, &conv, state, x, 1, y);
        for (int j = 0; j < S; j++)
            for (int o = 0; o < C; o++)
                assert_float_equal(y[j * C + o], weight[(i * C + o) * K + j], 0);
    }
    mv_conv_deinit(&conv);
}

/* v = skip + (y + bias), to sum and through ELU to act, alone and in place, on any threads. */
static void finish_adds_and_activates(void **ctx) {
    (void)ctx;
    enum { OUT = 37, ROWS = 500 };
    marvis_error err;
    uint64_t seed = 9;
    float *weight = random_values(OUT, &seed), *bias = random_values(OUT, &seed);
    float *y = random_values(OUT * ROWS, &seed), *skip = random_values(OUT * ROWS, &seed);
    float *sum = calloc(OUT * ROWS, sizeof *sum), *act = calloc(OUT * ROWS, sizeof *act);
    float *alone = calloc(OUT * ROWS, sizeof *alone);
    mv_conv conv;
    mv_pool *pool;
    assert_ok(mv_conv_init(&conv, weight, bias, 1, OUT, 1, 1, &err), err);
    assert_ok(mv_pool_create(2, &pool, &err), err);
    const mv_exec many = {.kernels = mv_kernels_get(mv_tier_best()), .pool = pool};
    const mv_exec one = {.kernels = many.kernels};
    mv_conv_finish(&many, &conv, y, skip, ROWS, sum, act);
    mv_conv_finish(&one, &conv, y, skip, ROWS, NULL, alone);
    assert_memory_equal(act, alone, OUT * ROWS * sizeof *act);
    for (size_t i = 0; i < OUT * ROWS; i++) {
        double v = (double)y[i] + (double)bias[i % OUT] + (double)skip[i];
        assert_true(fabs((double)sum[i] - v) < 1e-6);
        assert_true(fabs((double)act[i] - (v > 0 ? v : expm1(v))) < 1e-6);
    }
    mv_conv_finish(&one, &conv, y, skip, ROWS, NULL, y); /* y itself */
    assert_memory_equal(act, y, OUT * ROWS * sizeof *act);
    mv_pool_destroy(&pool);
    mv_conv_deinit(&conv);
    free(weight), free(bias), free(y), free(skip), free(sum), free(act), free(alone);
}

static void allocation_failures_are_reported(void **ctx) {
    (void)ctx;
    const float weight[12] = {1}, bias[3] = {1};
    for (int i = 0; i < 5; i++) {
        mv_conv conv = {0};
        mv_convtr_dw dw = {0};
        marvis_error err;
        marvis_status status;
        mv_alloc_fail_after((uint64_t)(1 + i % 2), false);
        if (i < 2)
            status = mv_conv_init(&conv, weight, bias, 1, 3, 4, 2, &err);
        else if (i < 4)
            status = mv_conv_init_transposed(&conv, weight, bias, 1, 3, 4, 2, &err);
        else
            status = mv_convtr_dw_init(&dw, weight, 3, 4, 2, &err);
        mv_alloc_fail_after(0, false);
        assert_int_equal(status, MARVIS_ERR_MEMORY);
        mv_conv_deinit(&conv);
        mv_convtr_dw_deinit(&dw);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_textbook_sum),
        cmocka_unit_test(trap_09_chunks_equal_one_call),
        cmocka_unit_test(trap_37_zero_input_gives_the_bias),
        cmocka_unit_test(trap_39_transposed_weight_order),
        cmocka_unit_test(finish_adds_and_activates),
        cmocka_unit_test(allocation_failures_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
