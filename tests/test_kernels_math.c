/* test_kernels_math.c - sums and exponentials of every tier against double precision, at their
 * extremes, and for every length and address. */
#include "kernel_tiers.h"
#include "support.h"

#include <float.h>
#include <math.h>

static const float canary = -12345.5f;

/* ---- dot and axpy --------------------------------------------------------------------------- */

static int check_dot(size_t n, uint64_t *seed) {
    const test_tier *tiers;
    size_t n_tiers = test_tiers(&tiers);
    float *a = test_guard_alloc((n + 1) * sizeof *a), *b = test_guard_alloc((n + 3) * sizeof *b);
    double want = 0, magnitude = 0;
    for (size_t i = 0; i < n; i++) {
        a[i + 1] = test_uniform(seed);
        b[i + 3] = test_uniform(seed);
        want += (double)a[i + 1] * b[i + 3];
        magnitude += fabs((double)a[i + 1] * b[i + 3]);
    }
    for (size_t t = 0; t < n_tiers; t++) {
        float got = tiers[t].kernels->dot(a + 1, b + 3, n);
        double bound = (double)(n / tiers[t].n_lanes + 8) * 0x1p-24 * magnitude;
        if (!(fabs(got - want) <= bound))
            fail_msg("%s: dot of %zu is %.9g, must be %.9g", tiers[t].name, n, (double)got, want);
    }
    test_guard_free(a);
    test_guard_free(b);
    return 1;
}

static void dot_of_every_length(void **state) {
    (void)state;
    uint64_t seed = 11;
    int n_cases = 0;
    for (size_t n = 0; n <= 257; n++)
        n_cases += check_dot(n, &seed);
    n_cases += check_dot(1536, &seed) + check_dot(8192, &seed) + check_dot(2051, &seed);
    assert_int_equal(n_cases, 261);
}

static void axpy_of_every_length(void **state) {
    (void)state;
    const test_tier *tiers;
    size_t n_tiers = test_tiers(&tiers);
    uint64_t seed = 12;
    int n_cases = 0;
    for (size_t n = 0; n <= 257; n++) {
        float *x = test_guard_alloc((n + 1) * sizeof *x), *y = test_guard_alloc(n * 4 + 8);
        float before[260];
        for (size_t i = 0; i < n; i++)
            x[i + 1] = test_uniform(&seed), before[i] = test_uniform(&seed);
        for (size_t t = 0; t < n_tiers; t++) {
            y[0] = y[n + 1] = canary;
            memcpy(y + 1, before, n * sizeof *y);
            tiers[t].kernels->axpy(y + 1, -0.37f, x + 1, n);
            assert_true(y[0] == canary && y[n + 1] == canary);
            for (size_t i = 0; i < n; i++) {
                double want = before[i] + (double)-0.37f * x[i + 1];
                double bound = 0x1p-23 * (fabs(want) + fabs(0.37 * x[i + 1]));
                if (!(fabs(y[i + 1] - want) <= bound))
                    fail_msg("%s: axpy of %zu at %zu", tiers[t].name, n, i);
            }
        }
        test_guard_free(x);
        test_guard_free(y);
        n_cases++;
    }
    assert_int_equal(n_cases, 258);
}

/* ---- one value in, one value out ------------------------------------------------------------ */

typedef enum unary { SILU, ELU, GELU, N_UNARY } unary;
static const char *const unary_names[N_UNARY] = {"silu", "elu", "gelu"};

/* silu is silu_mul with u = 1. */
static void apply(const test_tier *tier, unary op, float *dst, const float *src, size_t n) {
    static float ones[5000];
    if (ones[0] == 0)
        for (size_t i = 0; i < 5000; i++)
            ones[i] = 1;
    assert_true(n <= 5000);
    if (op == SILU) tier->kernels->silu_mul(dst, src, ones, n);
    if (op == ELU) tier->kernels->elu(dst, src, n);
    if (op == GELU) tier->kernels->gelu(dst, src, n);
}

static double oracle(unary op, double v) {
    if (op == SILU) return v / (1 + exp(-v));
    if (op == ELU) return v > 0 ? v : expm1(v);
    return v / 2 * erfc(-v / sqrt(2));
}

/* The contract of kernels.h. */
static double error_bound(unary op, double v, double want) {
    if (op == SILU) return 1e-6 * fabs(want) + 1e-36;
    if (op == ELU) return v > 0 ? 0 : fmin(1e-7, 2e-6 * fabs(want) + FLT_MIN);
    return 1e-6 * fabs(v) + FLT_MIN;
}

static void check_values(unary op, const float *src, size_t n) {
    const test_tier *tiers;
    size_t n_tiers = test_tiers(&tiers);
    static float got[5000];
    for (size_t t = 0; t < n_tiers; t++) {
        apply(&tiers[t], op, got, src, n);
        for (size_t i = 0; i < n; i++) {
            double want = oracle(op, src[i]), bound = error_bound(op, src[i], want);
            if (!(fabs(got[i] - want) <= bound))
                fail_msg("%s: %s(%.9g) is %.9g, must be %.9g +- %g", tiers[t].name, unary_names[op],
                         (double)src[i], (double)got[i], want, bound);
        }
    }
}

static void unary_values_are_accurate(void **state) {
    (void)state;
    static float src[5000];
    int n_cases = 0;
    for (int op = 0; op < N_UNARY; op++) {
        for (int i = 0; i < 5000; i++) /* evenly, through all of the exponential's range */
            src[i] = (float)(i - 2500) * 0.0443f;
        check_values((unary)op, src, 5000);
        for (int i = 0; i < 5000; i++) /* densely, where networks live */
            src[i] = (float)(i - 2500) * 0.0017f;
        check_values((unary)op, src, 5000);
        for (int i = 0; i < 5000; i++) /* by magnitude: denormals to the largest */
            src[i] = ldexpf(i % 2 ? -1.37f : 1.21f, i % 276 - 148);
        check_values((unary)op, src, 5000);
        n_cases += 3;
    }
    assert_int_equal(n_cases, 9);
}

static void unary_extremes(void **state) {
    (void)state;
    static const float huge[] = {89, 100, 1e4f, 3e38f, FLT_MAX, INFINITY};
    const test_tier *tiers;
    size_t n_tiers = test_tiers(&tiers);
    int n_cases = 0;
    for (size_t t = 0; t < n_tiers; t++) {
        for (int op = 0; op < N_UNARY; op++) {
            for (size_t i = 0; i < sizeof huge / sizeof huge[0]; i++) {
                float src[2] = {huge[i], -huge[i]}, got[2];
                apply(&tiers[t], (unary)op, got, src, 2);
                float low = op == ELU ? -1.0f : 0.0f;
                if (got[0] != huge[i] || !(fabsf(got[1] - low) <= FLT_MIN))
                    fail_msg("%s: %s(+-%g) is %g, %g", tiers[t].name, unary_names[op],
                             (double)huge[i], (double)got[0], (double)got[1]);
                n_cases += t == 0;
            }
            float src[2] = {0.0f, NAN}, got[2];
            apply(&tiers[t], (unary)op, got, src, 2);
            assert_true(got[0] == 0);
            if (!isnan(got[1])) fail_msg("%s: %s lost a NaN", tiers[t].name, unary_names[op]);
        }
    }
    assert_int_equal(n_cases, 18);
}

/* Trap 33: the exact GELU, not its tanh approximation. */
static void trap_33_gelu_is_exact(void **state) {
    (void)state;
    const test_tier *tiers;
    size_t n_tiers = test_tiers(&tiers);
    for (size_t t = 0; t < n_tiers; t++) {
        float v = 1;
        tiers[t].kernels->gelu(&v, &v, 1);
        assert_true(fabs(v - 0.8413447) < 2e-6); /* tanh: 0.841192 */
    }
}

/* For every length and at any address, in place or not, each element is what it is alone. */
static void unary_does_not_depend_on_the_place(void **state) {
    (void)state;
    const test_tier *tiers;
    size_t n_tiers = test_tiers(&tiers);
    uint64_t seed = 13;
    int n_cases = 0;
    for (size_t n = 0; n <= 257; n++) {
        float *src = test_guard_alloc(n * 4), *dst = test_guard_alloc((n + 2) * 4);
        for (size_t i = 0; i < n; i++)
            src[i] = 6 * test_normal(&seed);
        for (size_t t = 0; t < n_tiers; t++) {
            for (int op = 0; op < N_UNARY; op++) {
                dst[0] = dst[n + 1] = canary;
                apply(&tiers[t], (unary)op, dst + 1, src, n);
                assert_true(dst[0] == canary && dst[n + 1] == canary);
                float in_place[257];
                memcpy(in_place, src, n * 4);
                apply(&tiers[t], (unary)op, in_place, in_place, n);
                assert_memory_equal(in_place, dst + 1, n * 4);
                for (size_t i = 0; i < n; i += 5) {
                    float alone;
                    apply(&tiers[t], (unary)op, &alone, src + i, 1);
                    if (memcmp(&alone, dst + 1 + i, 4))
                        fail_msg("%s: %s at %zu of %zu", tiers[t].name, unary_names[op], i, n);
                }
            }
        }
        test_guard_free(src);
        test_guard_free(dst);
        n_cases++;
    }
    assert_int_equal(n_cases, 258);
}

static void silu_mul_multiplies_in_place(void **state) {
    (void)state;
    const test_tier *tiers;
    size_t n_tiers = test_tiers(&tiers);
    uint64_t seed = 14;
    for (size_t t = 0; t < n_tiers; t++) {
        float g[77], u[77], over_g[77], over_u[77], y[77];
        for (size_t i = 0; i < 77; i++) {
            over_g[i] = g[i] = test_normal(&seed);
            over_u[i] = u[i] = test_normal(&seed);
        }
        tiers[t].kernels->silu_mul(y, g, u, 77);
        tiers[t].kernels->silu_mul(over_g, over_g, u, 77);
        tiers[t].kernels->silu_mul(over_u, g, over_u, 77);
        assert_memory_equal(y, over_g, sizeof y);
        assert_memory_equal(y, over_u, sizeof y);
        for (size_t i = 0; i < 77; i++) {
            double want = oracle(SILU, g[i]) * u[i];
            assert_true(fabs(y[i] - want) <= 1e-6 * fabs(want));
        }
    }
}

/* ---- softmax -------------------------------------------------------------------------------- */

/* The exponent's argument is rounded once, exp and the sum a few times. */
static void check_softmax(const test_tier *tier, const float *src, size_t n) {
    float *x = test_guard_alloc((n + 1) * sizeof *x);
    memcpy(x + 1, src, n * sizeof *x);
    x[0] = canary;
    tier->kernels->softmax(x + 1, n);
    assert_true(x[0] == canary);
    double max = src[0], sum = 0;
    for (size_t i = 1; i < n; i++)
        if (src[i] > max) max = src[i];
    for (size_t i = 0; i < n; i++)
        sum += exp(src[i] - max);
    for (size_t i = 0; i < n; i++) {
        double want = exp(src[i] - max) / sum, away = isinf(src[i]) ? 0 : fabs(src[i] - max);
        double steps = (double)(n / tier->n_lanes) + 12 + away;
        if (!(fabs(x[i + 1] - want) <= steps * 0x1p-24 * want + FLT_MIN))
            fail_msg("%s: softmax of %zu at %zu: %.9g is %.9g, must be %.9g", tier->name, n, i,
                     (double)src[i], (double)x[i + 1], want);
        if (src[i] == -INFINITY) assert_true(x[i + 1] == 0);
    }
    test_guard_free(x);
}

static void softmax_of_every_length(void **state) {
    (void)state;
    static const float scales[] = {1, 30, 1e-3f, 1e30f};
    const test_tier *tiers;
    size_t n_tiers = test_tiers(&tiers);
    uint64_t seed = 15;
    int n_cases = 0;
    for (size_t n = 1; n <= 258; n++) {
        static float src[2051];
        size_t length = n == 258 ? 2051 : n;
        for (size_t k = 0; k < 4; k++) {
            for (size_t i = 0; i < length; i++) /* every seventh is masked, never the first */
                src[i] = i % 7 == 6 ? -INFINITY : scales[k] * test_normal(&seed);
            for (size_t t = 0; t < n_tiers; t++)
                check_softmax(&tiers[t], src, length);
            n_cases++;
        }
    }
    assert_int_equal(n_cases, 258 * 4);
}

static void softmax_of_one_survivor(void **state) {
    (void)state;
    const test_tier *tiers;
    size_t n_tiers = test_tiers(&tiers);
    for (size_t t = 0; t < n_tiers; t++) {
        for (size_t at = 0; at < 40; at++) {
            float x[40];
            for (size_t i = 0; i < 40; i++)
                x[i] = i == at ? -3e38f : -INFINITY;
            tiers[t].kernels->softmax(x, 40);
            for (size_t i = 0; i < 40; i++)
                assert_true(x[i] == (i == at ? 1.0f : 0.0f));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dot_of_every_length),
        cmocka_unit_test(axpy_of_every_length),
        cmocka_unit_test(unary_values_are_accurate),
        cmocka_unit_test(unary_extremes),
        cmocka_unit_test(trap_33_gelu_is_exact),
        cmocka_unit_test(unary_does_not_depend_on_the_place),
        cmocka_unit_test(silu_mul_multiplies_in_place),
        cmocka_unit_test(softmax_of_every_length),
        cmocka_unit_test(softmax_of_one_survivor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
