/* test_say_advice.c - when a user is told that smaller weights are faster. */
#include "cli/say_advice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

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
        cmocka_unit_test(slow_speech_of_whole_weights_gets_advice),
        cmocka_unit_test(gaps_are_answered_with_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
