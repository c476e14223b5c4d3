/* split_chars.c - the classes of characters that decide where text may be cut, from the Unicode
 * blocks of the scripts that have upper and lower case, and of those without spaces. */
#include "text/split_parts.h"

#include <string.h>

static bool among(uint32_t cp, const uint32_t *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (list[i] == cp) return true;
    return false;
}

#define AMONG(cp, list) among(cp, list, sizeof(list) / sizeof(list)[0])

static bool ascii_among(uint32_t cp, const char *list) {
    return cp > 0 && cp < 0x80 && strchr(list, (int)cp) != NULL;
}

static bool between(uint32_t cp, uint32_t low, uint32_t high) { return cp >= low && cp <= high; }

mv_letter_case mv_split_case(uint32_t cp) {
    if (between(cp, 'a', 'z')) return MV_CASE_LOWER;
    if (between(cp, 'A', 'Z')) return MV_CASE_UPPER;
    if (cp < 0xc0 || cp == 0xd7 || cp == 0xf7) return MV_CASE_NONE;
    if (cp < 0x100) return cp < 0xdf ? MV_CASE_UPPER : MV_CASE_LOWER;
    if (cp < 0x180) { /* pairs, upper first; in two stretches of the block at odd numbers */
        bool odd = between(cp, 0x139, 0x148) || between(cp, 0x179, 0x17e);
        if (cp == 0x138 || cp == 0x149 || cp == 0x17f) return MV_CASE_LOWER;
        if (cp == 0x178) return MV_CASE_UPPER;
        return (cp % 2 == 1) == odd ? MV_CASE_UPPER : MV_CASE_LOWER;
    }
    if (between(cp, 0x386, 0x3ab)) return cp == 0x390 ? MV_CASE_LOWER : MV_CASE_UPPER;
    if (between(cp, 0x3ac, 0x3ce)) return MV_CASE_LOWER;
    if (between(cp, 0x400, 0x42f)) return MV_CASE_UPPER;
    if (between(cp, 0x430, 0x45f)) return MV_CASE_LOWER;
    return MV_CASE_NONE;
}

bool mv_split_is_digit(uint32_t cp) { return between(cp, '0', '9') || between(cp, 0xff10, 0xff19); }

bool mv_split_is_word(uint32_t cp) {
    static const uint32_t latin[] = {0xaa, 0xb2, 0xb3, 0xb5, 0xb9, 0xba, 0xbc, 0xbd, 0xbe};
    if (cp < 0x80) return mv_split_case(cp) != MV_CASE_NONE || mv_split_is_digit(cp);
    if (cp < 0xc0) return AMONG(cp, latin);
    if (cp == 0xd7 || cp == 0xf7) return false;
    if (between(cp, 0x2000, 0x206f) || between(cp, 0x2190, 0x2bff)) return false;
    if (between(cp, 0x3000, 0x3004) || between(cp, 0x3008, 0x3020)) return false;
    if (between(cp, 0xe000, 0xf8ff) || between(cp, 0xfe00, 0xfe6f)) return false;
    if (between(cp, 0xff00, 0xff0f) || between(cp, 0xff1a, 0xff20)) return false;
    if (between(cp, 0xff3b, 0xff40) || between(cp, 0xff5b, 0xff65)) return false;
    if (cp == 0xfeff || between(cp, 0xfff0, 0xffff)) return false;
    return !between(cp, 0x1f000, 0x1faff) && !mv_split_is_mark(cp) &&
           cp < 0xe0000; /* tags and the like, and invalid bytes */
}

bool mv_split_is_wide(uint32_t cp) {
    return between(cp, 0x2e80, 0x9fff) || between(cp, 0xf900, 0xfaff) ||
           between(cp, 0xff00, 0xff9f) || between(cp, 0x20000, 0x3ffff);
}

bool mv_split_is_wide_terminator(uint32_t cp) {
    static const uint32_t list[] = {0x3002, 0xff01, 0xff0e, 0xff1f, 0xff61};
    return AMONG(cp, list);
}

bool mv_split_is_terminator(uint32_t cp) {
    static const uint32_t list[] = {0x61f,  0x6d4,  0x964,  0x965, 0x2026,
                                    0x203c, 0x2047, 0x2048, 0x2049};
    return ascii_among(cp, ".?!") || AMONG(cp, list) || mv_split_is_wide_terminator(cp);
}

bool mv_split_is_closer(uint32_t cp) {
    static const uint32_t list[] = {0xbb,   0x2019, 0x201c, 0x201d, 0x203a, 0x3009,
                                    0x300b, 0x300d, 0x300f, 0x3011, 0x3015, 0xff09,
                                    0xff3d, 0xff63, 0xb2,   0xb3,   0xb9,   0x2070};
    return ascii_among(cp, "\"')]}*_`") || AMONG(cp, list) || between(cp, 0x2074, 0x2079);
}

bool mv_split_is_opener(uint32_t cp) {
    static const uint32_t list[] = {0xa1,   0xab,   0xbf,   0x2018, 0x201a, 0x201c, 0x201e,
                                    0x2039, 0x3008, 0x300a, 0x300c, 0x300e, 0x3010, 0xff08};
    return ascii_among(cp, "\"'([{*_`") || AMONG(cp, list);
}

bool mv_split_is_dash(uint32_t cp) { return between(cp, 0x2013, 0x2015); }

bool mv_split_is_mark(uint32_t cp) {
    return between(cp, 0x300, 0x36f) || between(cp, 0xfe00, 0xfe0f) ||
           between(cp, 0xfe20, 0xfe2f) || between(cp, 0x20d0, 0x20ff) ||
           between(cp, 0x1f3fb, 0x1f3ff) || cp == 0x200d || between(cp, 0x3099, 0x309a);
}

bool mv_split_is_bullet(uint32_t cp) {
    static const uint32_t list[] = {0xb7, 0x2022, 0x2023, 0x2043, 0x25aa, 0x25cf, 0x25e6};
    return ascii_among(cp, "-*+") || AMONG(cp, list);
}
