/* regex.h - the regular expressions of tokenizer files, run by PCRE2 with the meaning that
 * Oniguruma (Ruby syntax, UTF-8) gives them in Hugging Face's `tokenizers`. A compiled regex is
 * immutable and shared by threads; a matcher belongs to one call. */
#ifndef MV_TEXT_REGEX_H
#define MV_TEXT_REGEX_H

#include "base/status.h"

#include <stdbool.h>

typedef struct mv_regex mv_regex;
typedef struct mv_matcher mv_matcher;

/* Compiles a pattern (valid UTF-8); `literal`: the pattern stands for itself. `where` (copied)
 * names file and key in messages. ERR_TOKENIZER: malformed, or a construct that PCRE2 and Oniguruma
 * read differently and that is not translated. */
MV_CHECK marvis_status mv_regex_compile(const char *pattern, size_t len, bool literal,
                                        const char *where, mv_regex **regex, marvis_error *err);
void mv_regex_destroy(mv_regex **regex);

MV_CHECK marvis_status mv_matcher_create(const mv_regex *regex, mv_matcher **matcher,
                                         marvis_error *err);
void mv_matcher_destroy(mv_matcher **matcher);

/* Starts over at the beginning of text (valid UTF-8, borrowed until the next start). */
void mv_matcher_start(mv_matcher *matcher, const char *text, size_t len);

/* The next match as byte offsets, leftmost first, never overlapping; an empty match directly behind
 * the last match is skipped. ERR_TOKENIZER: the pattern backtracks without bounds on this text. */
MV_CHECK marvis_status mv_matcher_next(mv_matcher *matcher, bool *found, size_t *start, size_t *end,
                                       marvis_error *err);

#endif
