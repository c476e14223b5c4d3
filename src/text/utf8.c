/* utf8.c - see utf8.h. Well-formed sequences are those of table 3-7 of the Unicode standard: the
 * second byte's range depends on the first, which excludes overlong forms and surrogates. */
#include "text/utf8.h"

#include "base/memory.h"

#include <string.h>

static bool is_tail(unsigned char c) { return (c & 0xc0u) == 0x80u; }

/* Range of the second byte after lead byte c (c >= 0xc2). */
static bool is_second(unsigned char c, unsigned char second) {
    switch (c) {
    case 0xe0: return second >= 0xa0 && second <= 0xbf;
    case 0xed: return second >= 0x80 && second <= 0x9f;
    case 0xf0: return second >= 0x90 && second <= 0xbf;
    case 0xf4: return second >= 0x80 && second <= 0x8f;
    default: return is_tail(second);
    }
}

size_t mv_utf8_decode(const char *s, size_t n, uint32_t *cp) {
    const unsigned char *u = (const unsigned char *)s;
    *cp = UTF8_INVALID;
    if (u[0] < 0x80) {
        *cp = u[0];
        return 1;
    }
    if (u[0] < 0xc2 || u[0] > 0xf4) return 1;
    size_t want = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
    if (n < 2 || !is_second(u[0], u[1])) return 1;
    uint32_t value = ((uint32_t)u[0] & (0x7fu >> want)) << 6 | (u[1] & 0x3fu);
    for (size_t i = 2; i < want; i++) {
        if (i == n || !is_tail(u[i])) return i;
        value = value << 6 | (u[i] & 0x3fu);
    }
    *cp = value;
    return want;
}

size_t mv_utf8_encode(uint32_t cp, char out[4]) {
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    static const unsigned char lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(unsigned char)(0x80u | (cp & 0x3fu));
        cp >>= 6;
    }
    out[0] = (char)(unsigned char)(lead[n] | cp);
    return n;
}

size_t mv_utf8_len(char lead) {
    unsigned char c = (unsigned char)lead;
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

bool mv_utf8_repair(const char *text, size_t len, char **out, size_t *out_len) {
    *out = NULL;
    *out_len = 0;
    if (len == 0) return true;
    size_t need = 0;
    uint32_t cp;
    for (size_t i = 0; i < len;) {
        size_t n = mv_utf8_decode(text + i, len - i, &cp);
        if (!mv_add_size(need, cp == UTF8_INVALID ? 3 : n, &need)) return false;
        i += n;
    }
    char *to = mv_grow(NULL, need, 1);
    if (!to) return false;
    *out = to;
    *out_len = need;
    for (size_t i = 0; i < len;) {
        size_t n = mv_utf8_decode(text + i, len - i, &cp);
        if (cp == UTF8_INVALID) {
            to += mv_utf8_encode(0xfffd, to);
        } else {
            memcpy(to, text + i, n);
            to += n;
        }
        i += n;
    }
    return true;
}

bool mv_is_white_space(uint32_t cp) {
    return (cp >= 0x9 && cp <= 0xd) || cp == 0x20 || cp == 0x85 || cp == 0xa0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 || cp == 0x202f ||
           cp == 0x205f || cp == 0x3000;
}
