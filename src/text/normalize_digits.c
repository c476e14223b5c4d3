/* normalize_digits.c - numbers that are not counted: telephone numbers and the like, digit by
 * digit; addresses and versions with dots; sizes ("3x4", "1080p"); feet and inches. */
#include "text/normalize_parts.h"

#include <string.h>

/* ---- telephone numbers ----------------------------------------------------------------------- */

enum { MAX_GROUPS = 8, MAX_PHONE_DIGITS = 20 };

/* Groups of digits with single signs between them. */
typedef struct digit_groups {
    const char *start[MAX_GROUPS];
    size_t n_digits[MAX_GROUPS];
    size_t n, total, len;
    bool hyphens, dots, spaces, parens;
} digit_groups;

/* Reads groups at p. spaces: may separate, too. */
static bool groups_at(const char *p, bool spaces, digit_groups *g) {
    const char *q = p;
    *g = (digit_groups){0};
    while (g->n < MAX_GROUPS) {
        bool paren = *q == '(' && mv_is_digit(q[1]);
        size_t n;
        if (paren) q++;
        n = mv_count_digits(q);
        if (n == 0 || n > 10) break;
        if (paren && q[n] != ')') break;
        g->start[g->n] = q;
        g->n_digits[g->n++] = n;
        g->total += n;
        q += n + paren;
        if (paren) g->parens = true;
        g->len = (size_t)(q - p);
        if (*q == '-' && mv_is_digit(q[1])) {
            g->hyphens = true;
            q++;
        } else if (*q == '.' && mv_is_digit(q[1])) {
            g->dots = true;
            q++;
        } else if (*q == ' ' && (mv_is_digit(q[1]) || q[1] == '(') && (spaces || paren)) {
            g->spaces = true;
            q++;
        } else if (!(paren && mv_is_digit(*q)) && !(*q == '(' && mv_is_digit(q[1]) && spaces)) {
            break;
        }
    }
    return g->n > 0;
}

/* 555-123-4567, 1-800-555-0199, (555) 123-4567 and with dots. */
static bool is_american(const digit_groups *g) {
    size_t first = g->n == 4 && g->n_digits[0] == 1 ? 1 : 0;
    return g->n - first == 3 && g->n_digits[first] == 3 && g->n_digits[first + 1] == 3 &&
           g->n_digits[first + 2] == 4 && !(g->hyphens && g->dots);
}

/* 555-1234, and not 100-1000 */
static bool is_local(const digit_groups *g) {
    return g->n == 2 && g->hyphens && g->n_digits[0] == 3 && g->n_digits[1] == 4 &&
           memcmp(g->start[0] + 1, "00", 2) != 0 && memcmp(g->start[1] + 2, "00", 2) != 0;
}

/* 020 7946 0958 */
static bool has_trunk_zero(const digit_groups *g) {
    return g->start[0][0] == '0' && g->n >= 2 && g->total >= 10 && g->total <= 11 && !g->dots;
}

/* A number of an account, a book, a person: three groups and more with hyphens. */
static bool is_hyphenated(const digit_groups *g) {
    return g->n >= 3 && g->hyphens && !g->dots && !g->spaces && !g->parens;
}

static void say_groups(mv_out *out, const digit_groups *g) {
    for (size_t i = 0; i < g->n; i++) {
        if (i) mv_out_mark(out, ',');
        mv_say_digits(out, g->start[i], g->n_digits[i]);
    }
}

static bool called(const char *p) {
    const char *word;
    size_t n = mv_word_before(p, &word);
    return mv_among(word, n,
                    "call calls called calling dial dials dialed dialled dialing phone ring "
                    "rang");
}

static bool nothing_follows(const char *p) {
    return !mv_is_word(*p) && !((*p == '-' || *p == '/' || *p == ':') && mv_is_digit(p[1]));
}

size_t mv_read_phone(mv_scan *scan, const char *p) {
    digit_groups g;
    bool plus = *p == '+';
    const char *digits = p + plus;
    if (!mv_is_digit(*digits) && !(*digits == '(' && mv_is_digit(digits[1]))) return 0;
    if (mv_is_word(p[-1])) return 0;
    if (plus) {
        if (!groups_at(digits, true, &g) || g.total < 8 || g.total > 15) return 0;
        if (!nothing_follows(digits + g.len)) return 0;
        mv_out_say(scan->out, "plus");
        say_groups(scan->out, &g);
        return g.len + 1;
    }
    if (groups_at(p, true, &g) && nothing_follows(p + g.len) &&
        ((is_american(&g) && (g.hyphens || g.dots || g.parens || g.n == 4)) ||
         has_trunk_zero(&g))) {
        say_groups(scan->out, &g);
        return g.len;
    }
    if (!groups_at(p, false, &g) || !nothing_follows(p + g.len)) return 0;
    if (is_american(&g) || is_local(&g) || is_hyphenated(&g) ||
        (g.n == 1 && g.total == 3 && called(p))) {
        say_groups(scan->out, &g);
        return g.len;
    }
    return 0;
}

/* ---- dots, sizes, feet ----------------------------------------------------------------------- */

/* "192.168.1.1", "1.2.3": three groups and more. */
static size_t read_dotted(mv_scan *scan, const char *p) {
    size_t n_groups = 0, n = 0;
    for (;;) {
        size_t n_digits = mv_count_digits(p + n);
        if (n_digits == 0 || n_digits > 5 || n_groups == MAX_GROUPS) return 0;
        n += n_digits;
        n_groups++;
        if (p[n] != '.' || !mv_is_digit(p[n + 1])) break;
        n++;
    }
    if (n_groups < 3 || mv_is_word(p[n])) return 0;
    for (size_t i = 0; i < n;) {
        size_t n_digits = mv_count_digits(p + i);
        if (i) mv_out_say(scan->out, n_groups == 4 ? "dot" : "point");
        mv_say_integer(scan->out, mv_value(p + i, n_digits));
        i += n_digits + 1;
    }
    return n;
}

/* The sign of a multiplication at p: its length, or 0. */
static size_t times_at(const char *p) {
    if (*p == 'x' || *p == 'X') return 1;
    return strncmp(p, "\u00d7", 2) == 0 ? 2 : 0;
}

/* As people call the sizes of screens: 1920 by 1080, nineteen twenty by ten eighty. */
static void say_size(mv_out *out, const mv_number *x) {
    unsigned value = x->n_digits == 4 && x->n_integer == 4 ? mv_value(x->integer, 4) : 0;
    if (value < 1010 || value > 9999 || x->n_fraction || value % 100 < 10) {
        mv_say_number(out, x);
        return;
    }
    mv_say_integer(out, value / 100);
    mv_say_integer(out, value % 100);
}

/* 10^8 */
static bool is_power(const char *p) {
    p += mv_count_digits(p);
    return *p == '^' || (mv_is_sign(p) && (strncmp(p, "\u00b2", 2) == 0 ||
                                           strncmp(p, "\u00b3", 2) == 0 || *p == '\xe2'));
}

/* "1e-5", "2.5e10" */
static size_t read_scientific(mv_scan *scan, const char *p) {
    mv_number x;
    size_t n, n_digits, sign;
    if (mv_is_word(p[-1]) || !mv_number_parse(p, &x) || x.n_digits > 3) return 0;
    n = x.len;
    sign = p[n] && (p[n + 1] == '-' || p[n + 1] == '+');
    if (p[n] != 'e' && !(p[n] == 'E' && sign)) return 0;
    n += 1 + sign;
    n_digits = mv_count_digits(p + n);
    if (n_digits < 1 || n_digits > 3 || mv_is_word(p[n + n_digits])) return 0;
    mv_say_number(scan->out, &x);
    mv_out_say(scan->out, "times ten to the power of");
    if (p[n - 1] == '-') mv_out_say(scan->out, "minus");
    mv_say_integer(scan->out, mv_value(p + n, n_digits));
    return n + n_digits;
}

/* "3x4": all but the last number, which is read with its unit. */
static size_t read_size(mv_scan *scan, const char *p) {
    mv_number x;
    size_t n, sign, spaced;
    if (!mv_number_parse(p, &x)) return 0;
    n = x.len;
    if (p[n] == 'p' && !mv_is_word(p[n + 1]) && x.n_digits >= 3 && !x.n_fraction) {
        say_size(scan->out, &x);
        mv_out_say(scan->out, "P");
        return n + 1;
    }
    spaced = p[n] == ' ';
    sign = times_at(p + n + spaced);
    if (!sign || spaced != (size_t)(p[n + spaced + sign] == ' ')) {
        bool last = times_at(p - 1) && mv_is_digit(p[-2]);
        if (!last || x.n_digits != 4 || mv_is_word(p[n])) return 0;
        say_size(scan->out, &x); /* the last of a glued size */
        return n;
    }
    n += 2 * spaced + sign;
    if (!mv_is_digit(p[n])) return 0;
    if (x.len == 1 && *p == '0' && !spaced) return 0; /* 0x1F */
    say_size(scan->out, &x);
    mv_out_say(scan->out, (spaced && sign == 2) || is_power(p + n) ? "times" : "by");
    return n;
}

/* 5'11", 5' 11": foot and inches; 12": inches where no quote is open; 6' where a size is told. */
static size_t read_feet(mv_scan *scan, const char *p) {
    mv_out *out = scan->out;
    size_t n = mv_count_digits(p), next, n_inches;
    if (n == 0 || n > 4) return 0;
    if (p[n] == '"' && !scan->quoted && !mv_is_word(p[n + 1])) {
        mv_say_integer(out, mv_value(p, n));
        mv_out_say(out, n == 1 && *p == '1' ? "inch" : "inches");
        return n + 1;
    }
    if (p[n] != '\'') return 0;
    next = n + 1 + (p[n + 1] == ' ');
    n_inches = mv_count_digits(p + next);
    if (n_inches && n_inches <= 2 && mv_value(p + next, n_inches) < 12 &&
        (p[next + n_inches] == '"' || strncmp(p + next + n_inches, "''", 2) == 0)) {
        mv_say_integer(out, mv_value(p, n));
        mv_out_say(out, "foot");
        mv_say_integer(out, mv_value(p + next, n_inches));
        return next + n_inches + (p[next + n_inches] == '"' ? 1 : 2);
    }
    if (n == 1 && *p >= '3' && *p <= '8' && next == n + 1 && n_inches && n_inches <= 2 &&
        mv_value(p + next, n_inches) < 12 && !mv_is_word(p[next + n_inches])) { /* 5'8 */
        mv_say_integer(out, mv_value(p, n));
        mv_out_say(out, "foot");
        mv_say_integer(out, mv_value(p + next, n_inches));
        return next + n_inches;
    }
    if (p[n + 1] != ' ') return 0;
    if (!mv_among(p + n + 2, mv_count_alpha(p + n + 2), "tall long wide high deep by x")) return 0;
    mv_say_integer(out, mv_value(p, n));
    mv_out_say(out, n == 1 && *p == '1' ? "foot" : "feet");
    return n + 1;
}

size_t mv_read_special(mv_scan *scan, const char *p) {
    size_t n = read_dotted(scan, p);
    if (!n) n = read_feet(scan, p);
    if (!n) n = read_scientific(scan, p);
    if (!n) n = read_size(scan, p);
    return n;
}
