/* text.h - comparing text and bytes. */
#ifndef MV_BASE_TEXT_H
#define MV_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

bool mv_starts_with(const char *s, const char *prefix);
bool mv_ends_with(const char *s, const char *suffix);

/* Order by bytes, a prefix before what it begins: < 0, 0 or > 0. A NULL of length 0 is allowed. */
int mv_compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
