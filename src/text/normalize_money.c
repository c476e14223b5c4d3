/* normalize_money.c - amounts of money behind a sign or a code: "$12.50", "\u00a31m", "USD 20". */
#include "text/normalize_parts.h"

#include <string.h>

typedef struct currency {
    const char *sign;
    const char *one, *many;
    const char *cent, *cents; /* NULL: has none */
} currency;

/* The longest that fits counts. */
static const currency currencies[] = {
    {"$", "dollar", "dollars", "cent", "cents"},
    {"US$", "U S dollar", "U S dollars", "cent", "cents"},
    {"A$", "Australian dollar", "Australian dollars", "cent", "cents"},
    {"AU$", "Australian dollar", "Australian dollars", "cent", "cents"},
    {"C$", "Canadian dollar", "Canadian dollars", "cent", "cents"},
    {"CA$", "Canadian dollar", "Canadian dollars", "cent", "cents"},
    {"NZ$", "New Zealand dollar", "New Zealand dollars", "cent", "cents"},
    {"HK$", "Hong Kong dollar", "Hong Kong dollars", "cent", "cents"},
    {"S$", "Singapore dollar", "Singapore dollars", "cent", "cents"},
    {"R$", "real", "reais", "centavo", "centavos"},
    {"\u20ac", "euro", "euros", "cent", "cents"},
    {"\u00a3", "pound", "pounds", "penny", "pence"},
    {"\u00a5", "yen", "yen", NULL, NULL},
    {"\u20b9", "rupee", "rupees", "paisa", "paise"},
    {"\u20a9", "won", "won", NULL, NULL},
    {"\u20bd", "ruble", "rubles", "kopeck", "kopecks"},
    {"\u20bf", "bitcoin", "bitcoins", NULL, NULL},
    {"USD ", "U S dollar", "U S dollars", "cent", "cents"},
    {"EUR ", "euro", "euros", "cent", "cents"},
    {"GBP ", "pound", "pounds", "penny", "pence"},
    {"CHF ", "Swiss franc", "Swiss francs", "centime", "centimes"},
    {"JPY ", "yen", "yen", NULL, NULL},
    {"CAD ", "Canadian dollar", "Canadian dollars", "cent", "cents"},
    {"AUD ", "Australian dollar", "Australian dollars", "cent", "cents"},
};

static const currency *currency_at(const char *p, size_t *len) {
    const currency *found = NULL;
    *len = 0;
    for (size_t i = 0; i < sizeof currencies / sizeof currencies[0]; i++) {
        size_t n = strlen(currencies[i].sign);
        if (n <= *len || strncmp(p, currencies[i].sign, n) != 0) continue;
        found = &currencies[i];
        *len = n;
    }
    return found;
}

/* "m", "bn", " billion" behind an amount: its length and what it means. */
static size_t scale_at(const char *p, const char **word) {
    static const struct {
        const char *sign, *word;
    } rows[] = {
        {"k", "thousand"}, {"K", "thousand"}, {"m", "million"},   {"M", "million"},
        {"mn", "million"}, {"mm", "million"}, {"b", "billion"},   {"B", "billion"},
        {"bn", "billion"}, {"Bn", "billion"}, {"tn", "trillion"}, {"T", "trillion"},
    };
    static const char *const words[] = {"hundred", "thousand", "million", "billion", "trillion"};
    size_t spaced = *p == ' ' || *p == '-';
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (spaced && mv_begins_word(p + 1, words[i])) {
            *word = words[i];
            return 1 + strlen(words[i]);
        }
    }
    spaced = *p == ' ';
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = strlen(rows[i].sign);
        if (strncmp(p + spaced, rows[i].sign, n) != 0 || mv_is_word(p[spaced + n])) continue;
        if (spaced && n < 2) continue;
        *word = rows[i].word;
        return spaced + n;
    }
    return 0;
}

typedef struct sum {
    const currency *currency;
    mv_number first, second;
    const char *first_scale, *second_scale; /* or NULL */
    bool range;
    bool of_what; /* "a $5 tip", "a $100 bill": singular */
} sum;

/* "a $5 tip": an article before it, a word behind it. */
static bool says_of_what(const char *before, const char *after) {
    static const char notes[] = "bill bills note notes coin coins";
    const char *word;
    size_t n = mv_word_before(before, &word), n_after;
    if (*after != ' ' && *after != '-') return false;
    n_after = mv_count_alpha(after + 1);
    if (n_after == 0) return false;
    if (mv_among(after + 1, n_after, notes)) return true;
    if (mv_among(after + 1, n_after, "of or and in to off for a an per")) return false;
    return mv_among(word, n, "a an") || *after == '-';
}

static void say_whole_and_cents(mv_out *out, const sum *m) {
    const currency *c = m->currency;
    unsigned cents = mv_value(m->first.fraction, 2);
    mv_number whole = m->first;
    bool zero = whole.n_digits == 0 || (whole.n_digits == 1 && whole.integer[0] == '0');
    whole.n_fraction = 0;
    if (!zero || cents == 0) {
        mv_say_number(out, &whole);
        mv_out_say(out, mv_number_is_one(&whole) || m->of_what ? c->one : c->many);
        if (cents) mv_out_say(out, "and");
    }
    if (cents) {
        mv_say_integer(out, cents);
        mv_out_say(out, cents == 1 ? c->cent : c->cents);
    }
}

static void say_sum(mv_out *out, const sum *m) {
    const currency *c = m->currency;
    const char *scale = m->range ? m->second_scale : m->first_scale;
    if (!m->range && !scale && m->first.n_fraction == 2 && c->cents) {
        say_whole_and_cents(out, m);
        return;
    }
    mv_say_number(out, &m->first);
    if (m->range) {
        if (m->first_scale && m->first_scale != m->second_scale) mv_out_say(out, m->first_scale);
        mv_out_say(out, "to");
        mv_say_number(out, &m->second);
    }
    if (scale) mv_out_say(out, scale);
    mv_out_say(out, (mv_number_is_one(&m->first) && !m->range && !scale) || m->of_what ? c->one
                                                                                       : c->many);
}

/* The second amount of a range, which may repeat the sign. */
static size_t range_at(const char *p, sum *m) {
    size_t n = 1, n_sign = 0;
    if (*p != '-') return 0;
    if (!mv_is_digit(p[n]) && currency_at(p + n, &n_sign) != m->currency) return 0;
    n += n_sign;
    if (!mv_is_digit(p[n]) || !mv_number_parse(p + n, &m->second)) return 0;
    n += m->second.len;
    if (p[n] == '-' && mv_is_digit(p[n + 1])) return 0;
    n += scale_at(p + n, &m->second_scale);
    m->range = true;
    return n;
}

size_t mv_read_money(mv_scan *scan, const char *p) {
    sum m = {0};
    size_t n;
    m.currency = currency_at(p, &n);
    if (!m.currency || (mv_is_alpha(*p) && mv_is_word(p[-1]))) return 0;
    if (p[n] == ' ' && mv_is_digit(p[n + 1])) n++;
    if (!mv_number_parse(p + n, &m.first)) return 0;
    n += m.first.len;
    n += scale_at(p + n, &m.first_scale);
    n += range_at(p + n, &m);
    m.of_what = says_of_what(p, p + n);
    say_sum(scan->out, &m);
    scan->after_number = p + n;
    return n;
}
