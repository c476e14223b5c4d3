/* regex_translate.h - rewriting an Oniguruma pattern (Ruby syntax) for PCRE2. */
#ifndef MV_TEXT_REGEX_TRANSLATE_H
#define MV_TEXT_REGEX_TRANSLATE_H

#include <stdbool.h>
#include <stddef.h>

/* What is wrong with a pattern, and where. */
typedef struct mv_regex_problem {
    const char *what; /* NULL: out of memory */
    size_t position;  /* byte in the pattern */
} mv_regex_problem;

/* Rewrites a pattern into *out (freed with mv_free). False: *problem says why. */
bool mv_regex_translate(const char *pattern, size_t len, char **out, size_t *out_len,
                        mv_regex_problem *problem);

#endif
