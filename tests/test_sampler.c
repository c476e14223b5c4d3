/* test_sampler.c - choosing codes: exactly k survive, ties, top-p, greedy, seeds. */
#include "support.h"

#include "nn/sampler.h"

#include <math.h>

enum { N = 2051 };

static mv_candidate candidates[N];

static void trap_06_exactly_k_survive(void **state) {
    (void)state;
    float logits[N];
    uint64_t seed = 6;
    int n_cases = 0;
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < N; i++) /* coarse values: many ties, as bf16 logits have */
            logits[i] = round % 2 ? test_normal(&seed) : rintf(4 * test_normal(&seed)) / 4;
        for (int k = 1; k <= 300; k += 13, n_cases++) {
            marvis_sampling s = {.temperature = 0.9f, .top_k = k, .top_p = 1};
            assert_int_equal(mv_sample_survivors(logits, N, &s, candidates), k);
            /* nobody outside is better than the worst inside; equals outside have higher codes */
            mv_candidate worst = candidates[k - 1];
            static unsigned char inside[N];
            memset(inside, 0, sizeof inside);
            for (int i = 0; i < k; i++)
                inside[candidates[i].code] = 1;
            for (int i = 0; i < N; i++)
                if (!inside[i])
                    assert_true(logits[i] < worst.logit ||
                                (logits[i] == worst.logit && i > worst.code));
            for (int i = 1; i < k; i++)
                assert_true(candidates[i - 1].logit >= candidates[i].logit);
        }
    }
    assert_int_equal(n_cases, 40 * 24);
}

static void top_k_zero_or_large_keeps_all(void **state) {
    (void)state;
    float logits[64];
    uint64_t seed = 1;
    for (int i = 0; i < 64; i++)
        logits[i] = test_normal(&seed);
    const int ks[] = {0, 64, 1000};
    for (int i = 0; i < 3; i++) {
        marvis_sampling s = {.temperature = 1, .top_k = ks[i], .top_p = 1};
        assert_int_equal(mv_sample_survivors(logits, 64, &s, candidates), 64);
    }
}

static void top_p_keeps_the_smallest_set(void **state) {
    (void)state;
    /* probabilities 0.5, 0.25, 0.125, 0.125 in scattered order */
    const float logits[4] = {logf(0.125f), logf(0.5f), logf(0.125f), logf(0.25f)};
    const struct {
        float p;
        int expected;
    } cases[] = {{0.1f, 1}, {0.49f, 1}, {0.51f, 2}, {0.74f, 2}, {0.76f, 3}, {0.9f, 4}, {1.0f, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        marvis_sampling s = {.temperature = 1, .top_p = cases[i].p};
        assert_int_equal(mv_sample_survivors(logits, 4, &s, candidates), cases[i].expected);
        assert_int_equal(candidates[0].code, 1);
        if (cases[i].expected >= 3) assert_int_equal(candidates[2].code, 0); /* tie: the lower */
    }
}

static void greedy_takes_the_lower_of_equals(void **state) {
    (void)state;
    const float logits[5] = {1, 3, 3, 2, NAN};
    marvis_sampling s = {.temperature = 0, .top_k = 50, .top_p = 1};
    mv_rng rng, untouched;
    mv_rng_seed(&rng, 5);
    untouched = rng;
    assert_int_equal(mv_sample(logits, 5, &s, &rng, candidates), 1);
    assert_true(rng.state == untouched.state);
}

static void follows_the_distribution(void **state) {
    (void)state;
    const float logits[4] = {0, 1, 2, -INFINITY};
    enum { DRAWS = 200000 };
    marvis_sampling s = {.temperature = 0.5f, .top_p = 1};
    int counts[4] = {0};
    mv_rng rng;
    mv_rng_seed(&rng, 42);
    for (int i = 0; i < DRAWS; i++)
        counts[mv_sample(logits, 4, &s, &rng, candidates)]++;
    double weights[3] = {exp(0), exp(2), exp(4)}, total = weights[0] + weights[1] + weights[2];
    for (int i = 0; i < 3; i++) {
        double p = weights[i] / total;
        /* five standard deviations of a binomial count */
        assert_true(fabs(counts[i] - DRAWS * p) < 5 * sqrt(DRAWS * p * (1 - p)));
    }
    assert_int_equal(counts[3], 0);
}

static void no_finite_logit_is_reported(void **state) {
    (void)state;
    const float logits[3] = {NAN, -INFINITY, INFINITY};
    mv_rng rng;
    mv_rng_seed(&rng, 0);
    for (int t = 0; t < 2; t++) {
        marvis_sampling s = {.temperature = (float)t, .top_k = 2, .top_p = 1};
        assert_int_equal(mv_sample(logits, 3, &s, &rng, candidates), -1);
    }
}

static void tiny_temperature_is_greedy(void **state) {
    (void)state;
    float logits[100];
    uint64_t seed = 9;
    mv_rng rng;
    mv_rng_seed(&rng, 1);
    for (int round = 0; round < 100; round++) {
        int best = 0;
        for (int i = 0; i < 100; i++) {
            logits[i] = 30 * test_normal(&seed);
            if (logits[i] > logits[best]) best = i;
        }
        marvis_sampling s = {.temperature = 1e-30f, .top_k = 50, .top_p = 1};
        assert_int_equal(mv_sample(logits, 100, &s, &rng, candidates), best);
    }
}

static void same_seed_same_numbers(void **state) {
    (void)state;
    mv_rng a;
    mv_rng_seed(&a, 1234567);
    /* splitmix64's own first outputs for this seed (Vigna's reference program) */
    assert_true(mv_rng_next(&a) == UINT64_C(6457827717110365317));
    assert_true(mv_rng_next(&a) == UINT64_C(3203168211198807973));
    assert_true(mv_rng_next(&a) == UINT64_C(9817491932198370423));
    for (int i = 0; i < 1000; i++) {
        double u = mv_rng_uniform(&a);
        assert_true(u >= 0 && u < 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trap_06_exactly_k_survive),
        cmocka_unit_test(top_k_zero_or_large_keeps_all),
        cmocka_unit_test(top_p_keeps_the_smallest_set),
        cmocka_unit_test(greedy_takes_the_lower_of_equals),
        cmocka_unit_test(follows_the_distribution),
        cmocka_unit_test(no_finite_logit_is_reported),
        cmocka_unit_test(tiny_temperature_is_greedy),
        cmocka_unit_test(same_seed_same_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
