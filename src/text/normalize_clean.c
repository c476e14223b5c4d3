/* normalize_clean.c - the first pass: characters. Whatever Unicode offers for a quote, a dash, a
 * space, a digit or a letter of the alphabet becomes the plain one; emoji, pictures, controls and
 * characters without width go; letters of other languages stay. Entities of HTML are decoded. */
#include "text/normalize_parts.h"

#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

/* ---- single characters ---------------------------------------------------------------------- */

typedef struct plain_row {
    uint32_t cp;
    const char *plain;
} plain_row;

/* By code point. */
static const plain_row plain_rows[] = {
    {0x0a1, " "},
    {0x0a2, "\u00a2"},
    {0x0a3, "\u00a3"},
    {0x0a4, " "},
    {0x0a5, "\u00a5"},
    {0x0a6, "|"},
    {0x0a7, " section "},
    {0x0a8, " "},
    {0x0a9, " copyright "},
    {0x0ab, "\""},
    {0x0ac, " not "},
    {0x0ad, ""},
    {0x0ae, ""},
    {0x0af, " "},
    {0x0b0, "\u00b0"},
    {0x0b1, " plus or minus "},
    {0x0b2, "\u00b2"},
    {0x0b3, "\u00b3"},
    {0x0b4, "'"},
    {0x0b5, "\u03bc"},
    {0x0b6, " "},
    {0x0b7, "\u2022"},
    {0x0b8, " "},
    {0x0b9, "\u00b9"},
    {0x0bb, "\""},
    {0x0bc, "1/4"},
    {0x0bd, "1/2"},
    {0x0be, "3/4"},
    {0x0bf, " "},
    {0x0d7, "\u00d7"},
    {0x0f7, " divided by "},
    {0x2bc, "'"},
    {0x2018, "'"},
    {0x2019, "'"},
    {0x201a, "'"},
    {0x201b, "'"},
    {0x201c, "\""},
    {0x201d, "\""},
    {0x201e, "\""},
    {0x201f, "\""},
    {0x2022, "\u2022"},
    {0x2023, "\u2022"},
    {0x2024, "."},
    {0x2025, ".."},
    {0x2026, "..."},
    {0x2030, " per thousand"},
    {0x2032, "'"},
    {0x2033, "\""},
    {0x2039, "'"},
    {0x203a, "'"},
    {0x203c, "!!"},
    {0x203d, "?!"},
    {0x2043, "\u2022"},
    {0x2044, "/"},
    {0x2047, "??"},
    {0x2048, "?!"},
    {0x2049, "!?"},
    {0x2070, "\u2070"},
    {0x20a9, "\u20a9"},
    {0x20ac, "\u20ac"},
    {0x20b9, "\u20b9"},
    {0x20bd, "\u20bd"},
    {0x20bf, "\u20bf"},
    {0x2103, "\u00b0C"},
    {0x2109, "\u00b0F"},
    {0x2113, "l"},
    {0x2116, "No. "},
    {0x2117, ""},
    {0x2120, ""},
    {0x2122, ""},
    {0x2126, "\u03a9"},
    {0x212a, "K"},
    {0x212b, "\u00c5"},
    {0x2150, "1/7"},
    {0x2151, "1/9"},
    {0x2152, "1/10"},
    {0x2153, "1/3"},
    {0x2154, "2/3"},
    {0x2155, "1/5"},
    {0x2156, "2/5"},
    {0x2157, "3/5"},
    {0x2158, "4/5"},
    {0x2159, "1/6"},
    {0x215a, "5/6"},
    {0x215b, "1/8"},
    {0x215c, "3/8"},
    {0x215d, "5/8"},
    {0x215e, "7/8"},
    {0x2160, "I"},
    {0x2161, "II"},
    {0x2162, "III"},
    {0x2163, "IV"},
    {0x2164, "V"},
    {0x2165, "VI"},
    {0x2166, "VII"},
    {0x2167, "VIII"},
    {0x2168, "IX"},
    {0x2169, "X"},
    {0x216a, "XI"},
    {0x216b, "XII"},
    {0x2212, "-"},
    {0x2215, "/"},
    {0x2219, "\u2022"},
    {0x221a, " square root of "},
    {0x221e, " infinity "},
    {0x2248, " approximately "},
    {0x2260, " is not equal to "},
    {0x2261, " is equivalent to "},
    {0x2264, " is less than or equal to "},
    {0x2265, " is greater than or equal to "},
    {0x22c5, "\u00d7"},
    {0x25aa, "\u2022"},
    {0x25cb, "\u2022"},
    {0x25cf, "\u2022"},
    {0x25e6, "\u2022"},
    {0x3001, ", "},
    {0x3002, ". "},
    {0x301c, "~"},
    {0x338e, "mg"},
    {0x338f, "kg"},
    {0x3395, "\u03bcl"},
    {0x3396, "ml"},
    {0x339c, "mm"},
    {0x339d, "cm"},
    {0x339e, "km"},
    {0x33a1, "m\u00b2"},
    {0x33a2, "km\u00b2"},
    {0xfb00, "ff"},
    {0xfb01, "fi"},
    {0xfb02, "fl"},
    {0xfb03, "ffi"},
    {0xfb04, "ffl"},
    {0xfb05, "st"},
    {0xfb06, "st"},
    {0xffe0, "\u00a2"},
    {0xffe1, "\u00a3"},
    {0xffe5, "\u00a5"},
    {0xffe6, "\u20a9"},
};

typedef struct range_row {
    uint32_t first, last;
    const char *plain; /* for each character of the range */
} range_row;

/* By code point; where a range holds single characters from above, those go first. */
static const range_row range_rows[] = {
    {0x00, 0x08, ""},        {0x0b, 0x0c, "\n"},      {0x0e, 0x1f, ""},
    {0x7f, 0x84, ""},        {0x85, 0x85, "\n"},      {0x86, 0x9f, ""},
    {0xa0, 0xa0, " "},       {0x180e, 0x180e, ""},    {0x2000, 0x200a, " "},
    {0x200b, 0x200f, ""},    {0x2010, 0x2013, "-"},   {0x2014, 0x2015, " - "},
    {0x2016, 0x2027, " "},   {0x2028, 0x2028, "\n"},  {0x2029, 0x2029, "\n\n"},
    {0x202a, 0x202e, ""},    {0x202f, 0x202f, " "},   {0x2031, 0x205e, " "},
    {0x205f, 0x205f, " "},   {0x2060, 0x206f, ""},    {0x20a0, 0x20cf, " "},
    {0x20d0, 0x20ff, ""},    {0x2190, 0x21ff, " - "}, {0x2200, 0x2bff, " "},
    {0x2e00, 0x2e7f, " "},   {0x3000, 0x3000, " "},   {0x3003, 0x3004, " "},
    {0x3008, 0x300b, "\""},  {0x300c, 0x300f, "\""},  {0x3010, 0x301b, ", "},
    {0x301d, 0x301f, "\""},  {0x3012, 0x3020, " "},   {0xd800, 0xdfff, ""},
    {0xe000, 0xf8ff, ""},    {0xfdd0, 0xfdef, ""},    {0xfe00, 0xfe0f, ""},
    {0xfe30, 0xfe6f, " "},   {0xfeff, 0xfeff, ""},    {0xffe2, 0xffef, " "},
    {0xfff0, 0xffff, ""},    {0x1f000, 0x1faff, " "}, {0x1fb00, 0x1fbff, " "},
    {0xe0000, 0x10ffff, ""},
};

static int by_code_point(const void *key, const void *row) {
    uint32_t cp = *(const uint32_t *)key, other = ((const plain_row *)row)->cp;
    return cp < other ? -1 : cp > other;
}

/* Runs of characters that stand for ASCII in order; the character, or 0. */
static char in_run(uint32_t cp) {
    if (cp >= 0xff01 && cp <= 0xff5e) return (char)(cp - 0xff01 + '!');
    if (cp >= 0x2080 && cp <= 0x2089) return (char)(cp - 0x2080 + '0');
    if (cp >= 0x2460 && cp <= 0x2468) return (char)(cp - 0x2460 + '1');
    if (cp >= 0x1d7ce && cp <= 0x1d7ff) return (char)((cp - 0x1d7ce) % 10 + '0');
    if (cp >= 0x1d400 && cp <= 0x1d6a3) {
        uint32_t i = (cp - 0x1d400) % 52;
        return (char)(i < 26 ? 'A' + i : 'a' + i - 26);
    }
    return 0;
}

/* The plain text of a character, or NULL: it stays. */
static const char *plain_of(uint32_t cp) {
    const plain_row *row;
    if (cp >= 0x2074 && cp <= 0x2079) return NULL; /* superscript digits */
    row = bsearch(&cp, plain_rows, sizeof plain_rows / sizeof plain_rows[0], sizeof plain_rows[0],
                  by_code_point);
    if (row) return row->plain;
    for (size_t i = 0; i < sizeof range_rows / sizeof range_rows[0]; i++) {
        if (cp >= range_rows[i].first && cp <= range_rows[i].last) return range_rows[i].plain;
    }
    return NULL;
}

static void put_code_point(mv_out *out, uint32_t cp) {
    const char *plain;
    char bytes[4];
    if (cp == '\t') cp = ' ';
    if (cp == '\n' || (cp >= ' ' && cp <= '~')) {
        mv_out_char(out, (char)cp);
        return;
    }
    bytes[0] = in_run(cp);
    if (bytes[0]) {
        bool circled = cp >= 0x2460 && cp <= 0x2468;
        if (circled) mv_out_char(out, ' ');
        mv_out_char(out, bytes[0]);
        if (circled) mv_out_char(out, ' ');
        return;
    }
    plain = plain_of(cp);
    if (!plain) {
        mv_out_put(out, bytes, mv_utf8_encode(cp, bytes));
        return;
    }
    /* 3\u00bd is 3 1/2 */
    if (mv_is_digit(plain[0]) && mv_is_digit(mv_out_last(out))) mv_out_char(out, ' ');
    mv_out_put(out, plain, strlen(plain));
}

/* ---- entities ------------------------------------------------------------------------------- */

static const struct {
    const char *name, *plain;
} entities[] = {
    {"amp", "&"},
    {"lt", " < "},
    {"gt", " > "},
    {"quot", "\""},
    {"apos", "'"},
    {"nbsp", " "},
    {"ensp", " "},
    {"emsp", " "},
    {"thinsp", " "},
    {"shy", ""},
    {"zwj", ""},
    {"zwnj", ""},
    {"ndash", "-"},
    {"mdash", " - "},
    {"hellip", "..."},
    {"lsquo", "'"},
    {"rsquo", "'"},
    {"ldquo", "\""},
    {"rdquo", "\""},
    {"laquo", "\""},
    {"raquo", "\""},
    {"bull", "\u2022"},
    {"middot", "\u2022"},
    {"copy", " copyright "},
    {"reg", ""},
    {"trade", ""},
    {"deg", "\u00b0"},
    {"plusmn", " plus or minus "},
    {"times", "\u00d7"},
    {"divide", " divided by "},
    {"frac12", "1/2"},
    {"frac14", "1/4"},
    {"frac34", "3/4"},
    {"euro", "\u20ac"},
    {"pound", "\u00a3"},
    {"yen", "\u00a5"},
    {"cent", "\u00a2"},
    {"sect", " section "},
    {"rarr", " - "},
    {"larr", " - "},
    {"le", " is less than or equal to "},
    {"ge", " is greater than or equal to "},
    {"eacute", "\u00e9"},
    {"egrave", "\u00e8"},
    {"agrave", "\u00e0"},
    {"ccedil", "\u00e7"},
    {"auml", "\u00e4"},
    {"ouml", "\u00f6"},
    {"uuml", "\u00fc"},
    {"szlig", "\u00df"},
    {"ntilde", "\u00f1"},
};

/* "&#8212;" or "&#x2014;" at p: its length, or 0. */
static size_t numeric_entity(const char *p, size_t n, uint32_t *cp) {
    bool hexadecimal = n > 2 && (p[2] == 'x' || p[2] == 'X');
    size_t first = hexadecimal ? 3 : 2, i = first;
    *cp = 0;
    for (; i < n && i < first + 7; i++) {
        char c = mv_lower(p[i]);
        if (mv_is_digit(c))
            *cp = *cp * (hexadecimal ? 16 : 10) + (uint32_t)(c - '0');
        else if (hexadecimal && c >= 'a' && c <= 'f')
            *cp = *cp * 16 + (uint32_t)(c - 'a' + 10);
        else
            break;
    }
    if (i == first || i == n || p[i] != ';' || *cp > 0x10ffff) return 0;
    return i + 1;
}

/* An entity at p, which is an ampersand: puts it and returns its length, or 0. */
static size_t put_entity(mv_out *out, const char *p, size_t n) {
    uint32_t cp;
    if (n > 3 && p[1] == '#') {
        size_t len = numeric_entity(p, n, &cp);
        if (len && (cp == '<' || cp == '>'))
            mv_out_put(out, cp == '<' ? " < " : " > ", 3);
        else if (len)
            put_code_point(out, cp);
        return len;
    }
    for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++) {
        size_t len = strlen(entities[i].name);
        if (len + 2 > n || memcmp(p + 1, entities[i].name, len) != 0 || p[len + 1] != ';') continue;
        if (mv_is_digit(entities[i].plain[0]) && mv_is_digit(mv_out_last(out)))
            mv_out_char(out, ' ');
        mv_out_put(out, entities[i].plain, strlen(entities[i].plain));
        return len + 2;
    }
    return 0;
}

/* A colour or cursor command of a terminal at p, which is ESC: its length, or 0. */
static size_t terminal_command(const char *p, size_t n) {
    size_t i = 2;
    if (n < 3 || p[1] != '[') return 0;
    while (i < n && i < 24 && (mv_is_digit(p[i]) || p[i] == ';'))
        i++;
    return i < n && mv_is_alpha(p[i]) ? i + 1 : 0;
}

void mv_clean(const char *text, size_t len, mv_out *out) {
    for (size_t i = 0; i < len;) {
        const char *p = text + i;
        size_t n = 0;
        uint32_t cp;
        if (*p == '&') n = put_entity(out, p, len - i);
        if (*p == 0x1b) n = terminal_command(p, len - i);
        if (*p == '\r') {
            n = i + 1 < len && p[1] == '\n' ? 2 : 1;
            mv_out_char(out, '\n');
        }
        if (n == 0) {
            n = mv_utf8_decode(p, len - i, &cp);
            if (cp != UTF8_INVALID) put_code_point(out, cp);
        }
        i += n;
    }
}
