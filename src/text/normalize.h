/* normalize.h - English text as it is written, to English text as it is spoken: numbers, dates,
 * money, addresses, abbreviations and symbols become words, markup and emoji go. What becomes what
 * is in docs/NORMALIZE.md; its order of work is at the head of normalize.c. */
#ifndef MV_TEXT_NORMALIZE_H
#define MV_TEXT_NORMALIZE_H

#include "base/status.h"

/* Any bytes in, UTF-8 out: letters, spaces, newlines between paragraphs and plain punctuation, with
 * a NUL behind (not counted); freed with mv_free. Nothing to say: *out_len is 0. What comes out
 * stays as it is when it goes in again. Takes time in proportion to len. ERR_MEMORY. */
MV_CHECK marvis_status mv_normalize(const char *text, size_t len, char **out, size_t *out_len,
                                    marvis_error *err);

#endif
