/* normalize_quantity.c - numbers in the text and what belongs to them: ranges, ordinals, decades,
 * percent, units, multiples, fractions, sizes, and years where nothing else is said. */
#include "text/normalize_parts.h"

#include <string.h>

/* ---- fractions ------------------------------------------------------------------------------ */

/* "three quarters" */
static void say_parts(mv_out *out, unsigned above, unsigned below) {
    mv_say_integer(out, above);
    if (below == 2) {
        mv_out_say(out, above == 1 ? "half" : "halves");
        return;
    }
    if (below == 4) {
        mv_out_say(out, "quarter");
    } else if (below == 100) {
        mv_out_say(out, "hundredth");
    } else {
        mv_say_integer(out, below);
        mv_out_make_ordinal(out);
    }
    if (above != 1) mv_out_make_plural(out);
}

/* "1/2" at p, with nothing that makes it a path or a date: its length, or 0. */
static size_t fraction_at(const char *p, unsigned *above, unsigned *below) {
    size_t n_above = mv_count_digits(p), n_below, n;
    if (n_above < 1 || n_above > 3 || p[n_above] != '/') return 0;
    n_below = mv_count_digits(p + n_above + 1);
    n = n_above + 1 + n_below;
    if (n_below < 1 || n_below > 4) return 0;
    if (p[n] == '/' || (p[n] == '.' && mv_is_digit(p[n + 1])) || p[n] == ':') return 0;
    *above = mv_value(p, n_above);
    *below = mv_value(p + n_above + 1, n_below);
    return n;
}

static bool has_name(unsigned below) { return (below >= 2 && below <= 20) || below == 100; }

/* The unit that may follow a fraction, and its length with the space before it. */
static size_t unit_behind(mv_out *out, const char *p, bool one) {
    bool spaced = *p == ' ';
    size_t n = mv_unit_say(out, p + spaced, spaced, one);
    return n ? n + spaced : 0;
}

size_t mv_read_fraction(mv_scan *scan, const char *p) {
    mv_out *out = scan->out;
    unsigned above, below, whole;
    size_t n_whole = mv_count_digits(p), n;
    if (n_whole && n_whole <= 4 && (p[n_whole] == ' ' || p[n_whole] == '-')) {
        n = fraction_at(p + n_whole + 1, &above, &below);
        if (n && above < below && above > 0 && has_name(below) &&
            !mv_is_alnum(p[n_whole + 1 + n])) {
            whole = mv_value(p, n_whole);
            mv_say_integer(out, whole);
            mv_out_say(out, "and");
            if (above == 1 && below == 2)
                mv_out_say(out, "a half");
            else if (above == 1 && below == 4)
                mv_out_say(out, "a quarter");
            else
                say_parts(out, above, below);
            n += n_whole + 1;
            return n + unit_behind(out, p + n, false);
        }
    }
    n = fraction_at(p, &above, &below);
    if (n == 0) return 0;
    if (above == below || strncmp(p, "50/50", n) == 0 || strncmp(p, "24/7", n) == 0 ||
        strncmp(p, "9/11", n) == 0) {
        mv_say_integer(out, above);
        if (above == below && above != 50) mv_out_say(out, "out of");
        mv_say_integer(out, below);
    } else if (has_name(below)) {
        if (above == 1 && below == 2)
            mv_out_say(out, "one half");
        else
            say_parts(out, above, below);
    } else {
        mv_say_integer(out, above);
        mv_out_say(out, "over");
        mv_say_integer(out, below);
    }
    if (above < below) n += unit_behind(out, p + n, true);
    scan->after_number = p + n;
    return n;
}

/* ---- what follows a number ------------------------------------------------------------------ */

typedef struct amount {
    mv_number first, second; /* second: of a range */
    bool range, counted;     /* counted: not a year */
} amount;

static void say_amount(mv_out *out, const amount *a) {
    bool year = !a->counted;
    if (year)
        mv_say_maybe_year(out, &a->first);
    else
        mv_say_number(out, &a->first);
    if (!a->range) return;
    mv_out_say(out, "to");
    if (year)
        mv_say_maybe_year(out, &a->second);
    else
        mv_say_number(out, &a->second);
}

/* "st", "nd", "rd", "th" */
static bool ordinal_sign(const char *p) {
    return mv_among(p, 2, "st nd rd th") && !mv_is_word(p[2]);
}

/* The plural of a year or of tens: "s" or "'s". */
static size_t plural_sign(const char *p) {
    size_t n = *p == '\'' ? 1 : 0;
    return p[n] == 's' && !mv_is_word(p[n + 1]) ? n + 1 : 0;
}

static bool is_decade(const mv_number *x) {
    const char *word;
    size_t n;
    if (x->n_fraction || x->n_integer > x->n_digits || x->n_digits % 2 || x->n_digits > 4)
        return false;
    if (x->integer[x->n_digits - 1] != '0') return false;
    if (x->n_digits == 4) return true;
    if (x->integer[0] < '2') return false;
    if (x->integer[-1] == '-' || x->integer[-1] == '\'') return true;
    n = mv_word_before(x->integer, &word);
    return mv_among(word, n, "the his her their my your our its early mid late");
}

static size_t say_decade(mv_out *out, const amount *a, const char *p) {
    size_t n = plural_sign(p);
    if (!n || a->range || !is_decade(&a->first)) return 0;
    if (a->first.n_digits == 4)
        mv_say_year(out, mv_value(a->first.integer, 4));
    else
        mv_say_number(out, &a->first);
    mv_out_make_plural(out);
    return n;
}

/* Letters behind a number that multiply it. */
static size_t say_multiple(mv_out *out, const amount *a, const char *p) {
    static const struct {
        const char *sign, *word;
    } rows[] = {{"M", "million"}, {"B", "billion"}, {"bn", "billion"}, {"mn", "million"},
                {"k", "K"},       {"K", "K"},       {"x", "times"},    {"G", "G"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = strlen(rows[i].sign);
        if (strncmp(p, rows[i].sign, n) != 0 || mv_is_word(p[n])) continue;
        say_amount(out, a);
        mv_out_say(out, rows[i].word);
        return n;
    }
    return 0;
}

/* "Room 3A", "Apt. 4B", "B2B", "MP3s": a letter that is no unit. */
static size_t say_letter(mv_out *out, const amount *a, const char *p) {
    static const char nouns[] =
        "apartment apt article block building bus class door exhibit fig figure flat floor gate "
        "grade item line part platform question room route row seat section sec step suite table "
        "terminal type unit zone";
    const char *first = a->first.integer, *word;
    bool glued = mv_is_alpha(first[-1]) && !mv_is_digit(first[-2]);
    size_t n;
    if (a->range || a->first.n_fraction || !mv_is_alpha(*p) || mv_is_word(p[1])) return 0;
    if (!glued) {
        if (!mv_is_upper(*p) || first[-1] != ' ') return 0;
        n = mv_word_before(first[-2] == '.' ? first - 2 : first, &word);
        if (!mv_among(word, n, nouns)) return 0;
    }
    mv_say_number(out, &a->first);
    if (glued && *p == 's')
        mv_out_make_plural(out);
    else
        mv_out_spell(out, p, 1);
    return 1;
}

/* "100s of them" */
static size_t say_tens(mv_out *out, const amount *a, const char *p) {
    size_t n = a->first.n_digits;
    if (a->range || a->first.n_fraction || n < 2 || n > 4 || !mv_begins(p, "s of ")) return 0;
    if (a->first.n_integer != n || memcmp(a->first.integer, "1000", n) != 0) return 0;
    mv_out_say(out, n == 2 ? "tens" : n == 3 ? "hundreds" : "thousands");
    return 1;
}

static size_t say_percent(mv_out *out, const amount *a, const char *p) {
    size_t spaced = *p == ' ';
    if (p[spaced] != '%' || mv_is_alnum(p[spaced + 1])) return 0;
    say_amount(out, a);
    mv_out_say(out, "percent");
    return spaced + 1;
}

/* "5 km", "5-km", "5km": a hyphen and "a 5 km run" take the singular. */
static size_t say_unit(mv_scan *scan, const amount *a, const char *p) {
    const mv_unit *unit;
    bool spaced = *p == ' ', hyphen = *p == '-';
    const char *sign = p + (spaced || hyphen), *word;
    size_t n, n_word;
    bool one = mv_number_is_one(&a->first) && !a->range;
    if (!mv_unit_find(sign, spaced || hyphen, &unit) &&
        !(strncmp(sign, "sq", 2) == 0 && (sign[2] == ' ' || sign[2] == '.')))
        return 0;
    if (hyphen) one = true;
    n_word = mv_word_before(a->first.integer, &word);
    n = mv_unit_find(sign, spaced, &unit);
    if (n && mv_among(word, n_word, "a an") && sign[n] == ' ' && mv_is_lower(sign[n + 1]) &&
        !mv_begins_word(sign + n + 1, "of"))
        one = true;
    say_amount(scan->out, a);
    n = mv_unit_say(scan->out, sign, spaced || hyphen, one);
    return (size_t)(sign - p) + n;
}

/* "3.2 million km": the scale is a word already, the unit behind it is none yet. */
static size_t say_scaled_unit(mv_out *out, const amount *a, const char *p) {
    static const char *const scales[] = {"hundred", "thousand", "million", "billion", "trillion"};
    const mv_unit *unit;
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
        size_t n = 1 + strlen(scales[i]);
        if (*p != ' ' || !mv_begins(p + 1, scales[i]) || p[n] != ' ') continue;
        if (!mv_unit_find(p + n + 1, true, &unit)) return 0;
        say_amount(out, a);
        mv_out_say(out, scales[i]);
        return n + 1 + mv_unit_say(out, p + n + 1, true, false);
    }
    return 0;
}

/* Currencies behind their amount: "5 \u20ac", "50\u00a2". */
static size_t say_currency(mv_out *out, const amount *a, const char *p) {
    static const struct {
        const char *sign, *one, *many;
    } rows[] = {
        {"\u20ac", "euro", "euros"},
        {"\u00a3", "pound", "pounds"},
        {"$", "dollar", "dollars"},
        {"\u00a2", "cent", "cents"},
        {"\u00a5", "yen", "yen"},
        {"USD", "U S dollar", "U S dollars"},
        {"EUR", "euro", "euros"},
        {"GBP", "pound", "pounds"},
        {"CHF", "Swiss franc", "Swiss francs"},
        {"JPY", "yen", "yen"},
        {"CAD", "Canadian dollar", "Canadian dollars"},
        {"AUD", "Australian dollar", "Australian dollars"},
    };
    size_t spaced = *p == ' ';
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = strlen(rows[i].sign);
        if (strncmp(p + spaced, rows[i].sign, n) != 0 || mv_is_word(p[spaced + n])) continue;
        say_amount(out, a);
        mv_out_say(out, mv_number_is_one(&a->first) && !a->range ? rows[i].one : rows[i].many);
        return spaced + n;
    }
    return 0;
}

/* ---- counting or dating --------------------------------------------------------------------- */

/* "1234 people": the number counts, unless something before it makes a year of it. */
static bool is_counted(const char *before, const char *after) {
    const char *word;
    size_t n = mv_word_before(before, &word), n_after;
    if (mv_among(word, n,
                 "in since until till from by before after during around circa year early "
                 "mid late between and spring summer autumn fall winter"))
        return false;
    if (*after != ' ' || !mv_is_lower(after[1])) return false;
    n_after = mv_count_alpha(after + 1);
    if (mv_among(after + 1, n_after, "people men women children")) return true;
    if (mv_among(after + 1, n_after, "was is has as its this does")) return false;
    return n_after > 3 && after[n_after] == 's';
}

/* The second number of a range, and its length with the sign between them; 0: no range. Between
 * spaces only an ascending pair is one: 5 - 3 is a difference. */
static size_t range_at(const mv_number *first, const char *p, mv_number *second) {
    size_t spaced = *p == ' ' && p[1] == '-' && p[2] == ' ', n = spaced ? 3 : 1;
    if (p[spaced] != '-' || !mv_is_digit(p[n])) return 0;
    if (!mv_number_parse(p + n, second)) return 0;
    if (mv_is_alpha(p[n + second->len]) && p[n + second->len] == 'x') return 0;
    if (p[n + second->len] == '-' && mv_is_digit(p[n + second->len + 1])) return 0;
    if (strchr(":/", p[n + second->len]) && p[n + second->len] &&
        mv_is_digit(p[n + second->len + 1]))
        return 0;
    if (spaced) {
        if (first->n_digits > second->n_digits || first->n_digits > 9 || second->n_digits > 9)
            return 0;
        if (first->n_digits == second->n_digits &&
            memcmp(first->integer, second->integer, first->n_integer) >= 0)
            return 0;
    }
    return n + second->len;
}

static size_t say_day_half(mv_out *out, const amount *a, const char *p) {
    const mv_number *last = a->range ? &a->second : &a->first;
    bool morning;
    size_t n;
    if (last->n_fraction || last->n_digits > 2 || last->n_digits == 0) return 0;
    if (mv_value(last->integer, last->n_digits) > 12) return 0;
    n = mv_day_half_at(p, &morning);
    if (n == 0) return 0;
    say_amount(out, a);
    mv_out_say(out, morning ? "A M" : "P M");
    return n;
}

size_t mv_read_quantity(mv_scan *scan, const char *p) {
    mv_out *out = scan->out;
    amount a = {.counted = true};
    size_t n, rest;
    if (!mv_number_parse(p, &a.first)) return 0;
    n = a.first.len;
    if (a.first.n_fraction == 0 && ordinal_sign(p + n)) {
        mv_say_number(out, &a.first);
        mv_out_make_ordinal(out);
        return n + 2;
    }
    rest = say_tens(out, &a, p + n);
    if (!rest) rest = say_decade(out, &a, p + n);
    if (rest) return n + rest;
    rest = range_at(&a.first, p + n, &a.second);
    a.range = rest > 0;
    n += rest;
    rest = say_percent(out, &a, p + n);
    if (!rest) rest = say_day_half(out, &a, p + n);
    if (!rest) rest = say_currency(out, &a, p + n);
    if (!rest) rest = say_letter(out, &a, p + n);
    if (!rest) rest = say_unit(scan, &a, p + n);
    if (!rest) rest = say_scaled_unit(out, &a, p + n);
    if (!rest) rest = say_multiple(out, &a, p + n);
    if (!rest) {
        a.counted = !a.range && is_counted(p, p + n);
        say_amount(out, &a);
    }
    scan->after_number = p + n + rest;
    return n + rest;
}

/* "'90s", "'99" */
size_t mv_read_decade(mv_scan *scan, const char *p) {
    amount a = {.counted = true};
    size_t n;
    if (*p != '\'' || mv_is_word(p[-1]) || mv_count_digits(p + 1) != 2) return 0;
    if (!mv_is_word(p[3]) && p[3] != '\'') { /* "in '99" */
        if (p[1] == '0') mv_out_say(scan->out, "oh");
        mv_say_integer(scan->out, mv_value(p + 1, 2));
        return 3;
    }
    if (!mv_number_parse(p + 1, &a.first) || !is_decade(&a.first)) return 0;
    n = say_decade(scan->out, &a, p + 3);
    return n ? 3 + n : 0;
}
