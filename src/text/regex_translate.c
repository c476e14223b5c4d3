/* regex_translate.c - see regex_translate.h.
 *
 * The two engines agree on most of what tokenizer files use. What differs is rewritten (\s, \S, \w,
 * \W, \uHHHH) or refused, never passed on to mean something else:
 *  - \s: PCRE2 counts U+180E, Oniguruma has the property White_Space;
 *  - \w: Oniguruma has Alphabetic, M, Nd and Pc, and outside [...] six Latin-1 fractions and
 *    superscripts as well;
 *  - \h, \v, \R, \X, \b, \G, \K, (?i) without a colon, (?m), named groups, nested classes, `&&`, a
 *    quantifier behind {n,m}, {,n}: other meanings.
 * Known and left alone: inside (?i:...) Oniguruma also folds one character to two ("ss" and
 * U+00DF). */
#include "text/regex_translate.h"

#include "base/memory.h"

#include <string.h>

/* White_Space and its complement, as the inside of a class. */
#define SPACE                                                                                      \
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}"    \
    "\\x{205f}\\x{3000}"
#define NOT_SPACE                                                                                  \
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{84}\\x{86}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{"     \
    "1fff}"                                                                                        \
    "\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-"       \
    "\\x{10ffff}"
/* Alphabetic is L, Nl, marks, and the symbols listed (Other_Alphabetic outside M). */
#define WORD                                                                                       \
    "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}\\x{1f150}-"         \
    "\\x{1f169}\\x{1f170}-\\x{1f189}"
#define WORD_LATIN1 "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"

typedef struct rewrite {
    const char *pattern;
    size_t len, at;
    char *out;
    size_t n, cap;
    bool in_class;
    mv_regex_problem *problem;
} rewrite;

static bool refuse(rewrite *r, const char *what) {
    r->problem->what = what;
    r->problem->position = r->at;
    return false;
}

static bool put(rewrite *r, const char *s, size_t n) {
    if (r->n + n >= r->cap) {
        size_t cap = r->cap * 2 + n + 64;
        char *grown = mv_grow(r->out, cap, 1);
        if (!grown) return refuse(r, NULL);
        r->out = grown;
        r->cap = cap;
    }
    memcpy(r->out + r->n, s, n);
    r->n += n;
    return true;
}

static bool put_string(rewrite *r, const char *s) { return put(r, s, strlen(s)); }

/* Copies n bytes of the pattern. */
static bool copy(rewrite *r, size_t n) {
    bool ok = put(r, r->pattern + r->at, n);
    r->at += n;
    return ok;
}

static char peek(const rewrite *r, size_t ahead) {
    return r->len - r->at > ahead ? r->pattern[r->at + ahead] : '\0';
}

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* \s and \w, in and outside a class; r->at is at the backslash. */
static bool rewrite_set(rewrite *r, const char *set, bool negated) {
    r->at += 2;
    if (r->in_class) return put_string(r, set);
    return put_string(r, negated ? "[^" : "[") && put_string(r, set) && put_string(r, "]");
}

/* \p{L}, \p{Lu}, \P{N}, \p{^N}: general categories only. */
static bool rewrite_property(rewrite *r) {
    size_t name = peek(r, 3) == '^' ? 4 : 3;
    size_t n = 0;
    while (n < 3 && is_letter(peek(r, name + n)))
        n++;
    if (peek(r, 2) != '{' || n < 1 || n > 2 || peek(r, name + n) != '}')
        return refuse(r, "only general categories such as \\p{L} or \\p{Lu} are supported");
    return copy(r, name + n + 1);
}

static bool rewrite_hex(rewrite *r) {
    if (peek(r, 1) == 'u') {
        for (size_t i = 2; i < 6; i++)
            if (!is_hex(peek(r, i))) return refuse(r, "\\u needs four hexadecimal digits");
        bool ok = put_string(r, "\\x{") && put(r, r->pattern + r->at + 2, 4) && put_string(r, "}");
        r->at += 6;
        return ok;
    }
    if (peek(r, 2) == '{') return copy(r, 3);
    if (peek(r, 2) >= '0' && peek(r, 2) <= '7' && is_hex(peek(r, 3))) return copy(r, 4);
    return refuse(r, "\\x is supported as \\x{...} and as \\x00 to \\x7f");
}

static bool rewrite_escape(rewrite *r) {
    char c = peek(r, 1);
    switch (c) {
    case 's': return rewrite_set(r, SPACE, false);
    case 'S': return r->in_class ? rewrite_set(r, NOT_SPACE, false) : rewrite_set(r, SPACE, true);
    case 'w': return rewrite_set(r, r->in_class ? WORD : WORD WORD_LATIN1, false);
    case 'W':
        if (r->in_class) return refuse(r, "\\W inside [...] is not supported");
        return rewrite_set(r, WORD WORD_LATIN1, true);
    case 'p':
    case 'P': return rewrite_property(r);
    case 'x':
    case 'u': return rewrite_hex(r);
    case 'd':
    case 'D':
    case 'n':
    case 'r':
    case 't':
    case 'f': return copy(r, 2);
    case 'A':
    case 'z':
    case 'Z':
        if (!r->in_class) return copy(r, 2);
        break;
    default:
        if ((unsigned char)c < 0x80 && c > ' ' && !is_letter(c) && !is_digit(c)) return copy(r, 2);
        if (c == ' ') return copy(r, 2);
        break;
    }
    return refuse(r, "this escape is not supported");
}

/* The opening of a group; r->at is at '('. */
static bool rewrite_group(rewrite *r) {
    static const char *const openings[] = {"(?:",  "(?=",  "(?!",  "(?>",
                                           "(?<=", "(?<!", "(?i:", "(?-i:"};
    if (peek(r, 1) == '*') return refuse(r, "(* is not supported");
    if (peek(r, 1) != '?') return copy(r, 1);
    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++) {
        size_t n = strlen(openings[i]);
        if (r->len - r->at >= n && memcmp(r->pattern + r->at, openings[i], n) == 0)
            return copy(r, n);
    }
    return refuse(r, "this kind of group is not supported");
}

/* {n}, {n,}, {n,m}; r->at is at '{'. */
static bool rewrite_repeat(rewrite *r) {
    size_t n = 1;
    while (is_digit(peek(r, n)))
        n++;
    bool counted = n > 1;
    if (peek(r, n) == ',') {
        n++;
        while (is_digit(peek(r, n)))
            n++;
    }
    if (!counted || peek(r, n) != '}') return refuse(r, "{ must begin a repeat {n}, {n,} or {n,m}");
    char next = peek(r, n + 1);
    if (next == '+' || next == '?' || next == '*')
        return refuse(r, "a repeat {n,m} followed by +, ? or * is not supported");
    return copy(r, n + 1);
}

static bool rewrite_in_class(rewrite *r, char c) {
    if (c == '[') return refuse(r, "[ inside [...] is not supported");
    if (c == '&' && peek(r, 1) == '&') return refuse(r, "&& inside [...] is not supported");
    if (c == ']') r->in_class = false;
    return copy(r, 1);
}

static bool rewrite_one(rewrite *r) {
    char c = peek(r, 0);
    if (c == '\\') return rewrite_escape(r);
    if (r->in_class) return rewrite_in_class(r, c);
    if (c == '[') {
        size_t n = peek(r, 1) == '^' ? 2 : 1;
        if (peek(r, n) == ']') return refuse(r, "an empty class is not supported");
        r->in_class = true;
        return copy(r, n);
    }
    if (c == '(') return rewrite_group(r);
    if (c == '{') return rewrite_repeat(r);
    return copy(r, 1);
}

bool mv_regex_translate(const char *pattern, size_t len, char **out, size_t *out_len,
                        mv_regex_problem *problem) {
    rewrite r = {.pattern = pattern, .len = len, .problem = problem};
    *out = NULL;
    *out_len = 0;
    bool ok = put_string(&r, "");
    while (ok && r.at < r.len)
        ok = rewrite_one(&r);
    if (!ok) {
        mv_free(r.out);
        return false;
    }
    *out = r.out;
    *out_len = r.n;
    return true;
}
