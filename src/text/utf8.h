/* utf8.h - UTF-8 for the tokenizer: decoding, repair of invalid bytes, and White_Space. */
#ifndef MV_TEXT_UTF8_H
#define MV_TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes the character at s[0], n >= 1. Returns its length 1..4 and sets *cp. Invalid bytes:
 * returns the length of the maximal invalid part (1..3) and sets *cp to UTF8_INVALID. */
#define UTF8_INVALID UINT32_MAX
size_t mv_utf8_decode(const char *s, size_t n, uint32_t *cp);

/* Writes cp (a scalar value) as 1..4 bytes and returns their number. */
size_t mv_utf8_encode(uint32_t cp, char out[4]);

/* Number of bytes of the character whose first byte is `lead`, in valid UTF-8. */
size_t mv_utf8_len(char lead);

/* Copies text to *out (mv_grow'n, not NUL-terminated; NULL when *out_len is 0), each maximal
 * invalid part replaced by U+FFFD, as Unicode 15 section 3.9 recommends. false without memory. */
bool mv_utf8_repair(const char *text, size_t len, char **out, size_t *out_len);

/* The Unicode property White_Space, fixed since Unicode 6.3. */
bool mv_is_white_space(uint32_t cp);

#endif
