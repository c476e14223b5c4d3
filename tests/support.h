/* support.h - what several test programs share: cmocka, paths of test data, seeded random numbers,
 * and comparisons that say how far off a vector is. */
#ifndef MV_TESTS_SUPPORT_H
#define MV_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "marvis.h"

/* tests/<relative>; the string is static and overwritten by the fourth call after. */
const char *test_path(const char *relative);

/* A fresh folder under the system's temporary folder, removed at exit. */
const char *test_temp_dir(void);

/* splitmix64 */
uint64_t test_random(uint64_t *state);
/* uniform in [-1, 1) and standard normal */
float test_uniform(uint64_t *state);
float test_normal(uint64_t *state);

/* The worst row of max|a - b| / rms(b) over rows of n values. */
double test_row_error(const float *a, const float *b, size_t n_rows, size_t n);

/* Asserts status OK and prints the error's message otherwise. */
#define assert_ok(expr, err)                                                                       \
    do {                                                                                           \
        marvis_status ok_status_ = (expr);                                                         \
        if (ok_status_ != MARVIS_OK)                                                               \
            fail_msg("%s: status %d: %s", #expr, (int)ok_status_, (err).message);                  \
    } while (0)

#endif
