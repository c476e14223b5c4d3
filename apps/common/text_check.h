/* text_check.h - whether bytes are text: UTF-8, without NULs. They may come in any parts. */
#ifndef APPS_COMMON_TEXT_CHECK_H
#define APPS_COMMON_TEXT_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "marvis.h"

typedef struct text_check {
    uint64_t line;           /* the one that is being read, from 0 */
    unsigned char low, high; /* bounds of the next byte inside a character */
    int n_missing;           /* bytes to its end */
    bool wrong, has_nul;     /* at `line`: what comes after is not looked at */
} text_check;                /* {0} before the first part */

/* Looks at the next part; `is_last`: nothing comes after it. ERR_INPUT, once, for what is no text:
 * names its line and what to do. */
MARVIS_CHECK marvis_status text_check_part(text_check *check, const char *name, const char *text,
                                           size_t n, bool is_last, marvis_error *err);

#endif
