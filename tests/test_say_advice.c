/* test_say_advice.c - when a user is told that smaller weights are faster. */
#include "cli/say_advice.h"
#include "csm_fixture.h"

/* By what the library itself says of a model. */
static bool is_large(const marvis_model *model) {
    char *text = NULL;
    marvis_error err;
    assert_ok(marvis_model_describe(model, &text, &err), err);
    json_t *root = json_loads(text, 0, NULL);
    bool large = say_advice_is_large(json_object_get(root, "model"));
    json_decref(root);
    marvis_free(text);
    return large;
}

static void weights_of_8_bits_are_small(void **state) {
    (void)state;
    static const marvis_weights large[] = {MARVIS_WEIGHTS_AUTO, MARVIS_WEIGHTS_F32,
                                           MARVIS_WEIGHTS_BF16};
    static const marvis_weights small[] = {MARVIS_WEIGHTS_INT8, MARVIS_WEIGHTS_Q8,
                                           MARVIS_WEIGHTS_MIX, MARVIS_WEIGHTS_Q4};
    marvis_engine *engine = engine_open(NULL, 1);
    for (size_t i = 0; i < sizeof large / sizeof large[0] + sizeof small / sizeof small[0]; i++) {
        bool expected = i < sizeof large / sizeof large[0];
        marvis_weights weights = expected ? large[i] : small[i - sizeof large / sizeof large[0]];
        marvis_model *model;
        marvis_error err;
        assert_ok(model_try(engine, test_path("../models/builtin"), weights, &model, &err), err);
        if (is_large(model) != expected) fail_msg("weights %d", (int)weights);
        marvis_model_destroy(&model);
    }
    marvis_engine_destroy(&engine);
}

static void tables_are_looked_up(void **state) {
    (void)state;
    json_t *model = json_pack("{s:{s:{s:s, s:i}, s:{s:s, s:i}, s:{s:s, s:i}}}", "classes", "text",
                              "computed", "bf16", "bytes", 100, "audio", "computed", "bf16",
                              "bytes", 100, "depth.ffn", "computed", "q4", "bytes", 10);
    assert_non_null(model);
    assert_false(say_advice_is_large(model));
    json_decref(model);
    assert_false(say_advice_is_large(NULL)); /* nothing is known */
}

static void slow_speech_of_whole_weights_gets_advice(void **state) {
    (void)state;
    assert_non_null(strstr(say_advice_when_slow(2.7, 1.0, true), "--weights mix"));
    assert_string_equal(say_advice_when_slow(2.7, 1.0, false), ""); /* they are small already */
    assert_string_equal(say_advice_when_slow(0.6, 1.0, true), "");
    assert_string_equal(say_advice_when_slow(0.3, 0.0, true), ""); /* nothing was said */
}

static void gaps_are_answered_with_what_is_left(void **state) {
    (void)state;
    assert_non_null(strstr(say_advice_after_gaps(true), "--weights mix"));
    assert_null(strstr(say_advice_after_gaps(false), "--weights"));
    assert_non_null(strstr(say_advice_after_gaps(false), "--codebooks"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_of_8_bits_are_small),
        cmocka_unit_test(tables_are_looked_up),
        cmocka_unit_test(slow_speech_of_whole_weights_gets_advice),
        cmocka_unit_test(gaps_are_answered_with_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
