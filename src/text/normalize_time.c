/* normalize_time.c - dates and times of day. Dates in digits are read as in the United States,
 * month first, unless the first number can be no month. */
#include "text/normalize_parts.h"

#include <string.h>

/* ---- months and days of the week ------------------------------------------------------------- */

static const struct {
    const char *name, *forms; /* in lower case */
} months[] = {
    {"January", "january jan"},
    {"February", "february feb"},
    {"March", "march mar"},
    {"April", "april apr"},
    {"May", "may"},
    {"June", "june jun"},
    {"July", "july jul"},
    {"August", "august aug"},
    {"September", "september sep sept"},
    {"October", "october oct"},
    {"November", "november nov"},
    {"December", "december dec"},
};

static const struct {
    const char *name, *forms;
} days[] = {
    {"Monday", "mon"},    {"Tuesday", "tue tues"},
    {"Wednesday", "wed"}, {"Thursday", "thu thur thurs"},
    {"Friday", "fri"},    {"Saturday", "sat"},
    {"Sunday", "sun"},
};

const char *mv_month_name(int month) { return months[month - 1].name; }

int mv_month_at(const char *p, size_t *len) {
    size_t n = mv_count_alpha(p);
    *len = 0;
    if (!mv_is_upper(*p) || n < 3 || n > 9 || mv_is_word(p[n])) return 0;
    for (int i = 0; i < 12; i++) {
        if (!mv_among(p, n, months[i].forms)) continue;
        *len = n + (p[n] == '.' && n <= 4);
        return i + 1;
    }
    return 0;
}

/* ---- dates ---------------------------------------------------------------------------------- */

static void say_ordinal(mv_out *out, unsigned value) {
    mv_say_integer(out, value);
    mv_out_make_ordinal(out);
}

static void say_date(mv_out *out, unsigned year, unsigned month, unsigned day) {
    mv_out_say(out, mv_month_name((int)month));
    say_ordinal(out, day);
    mv_out_mark(out, ',');
    mv_say_year(out, year);
}

/* A year of four digits at p that nothing continues: its value, or 0. */
static unsigned year_at(const char *p) {
    unsigned year;
    if (mv_count_digits(p) != 4 || mv_is_letter(p[4])) return 0;
    if (strchr(":%/", p[4]) && p[4]) return 0;
    if ((p[4] == '.' || p[4] == ',' || p[4] == '-') && mv_is_digit(p[5])) return 0;
    year = mv_value(p, 4);
    return year >= 1000 && year <= 2999 ? year : 0;
}

/* ", 2024" or " 2024" behind a date: says it and returns its length. */
static size_t say_year_behind(mv_out *out, const char *p, bool comma) {
    size_t n = *p == ',' ? 1 : 0;
    unsigned year;
    if (p[n] != ' ') return 0;
    n++;
    year = year_at(p + n);
    if (!year) return 0;
    if (comma) mv_out_mark(out, ',');
    mv_say_year(out, year);
    return n + 4;
}

/* Three numbers with the same sign between them; their lengths in n. */
static bool three_numbers(const char *p, const char *signs, size_t n[3], unsigned value[3]) {
    const char *q = p;
    char sign = 0;
    for (int i = 0; i < 3; i++) {
        n[i] = mv_count_digits(q);
        if (n[i] == 0 || n[i] > 4) return false;
        value[i] = mv_value(q, n[i]);
        q += n[i];
        if (i == 2) break;
        if (!*q || !strchr(signs, *q) || (sign && *q != sign)) return false;
        sign = *q++;
    }
    return !mv_is_foreign(*q) && (!mv_is_alpha(*q) || (*q == 'T' && mv_is_digit(q[1]))) &&
           !(strchr("-./:", *q) && *q && mv_is_digit(q[1]));
}

static bool is_date(unsigned month, unsigned day) {
    return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* "2024-03-03", "3/4/2024", "13.4.2024" */
static size_t read_digits(mv_scan *scan, const char *p) {
    size_t n[3], len;
    unsigned v[3], year;
    char sign;
    if (!three_numbers(p, "-/.", n, v)) return 0;
    sign = p[n[0]];
    len = n[0] + n[1] + n[2] + 2;
    if (n[0] == 4 && sign != '.' && n[1] <= 2 && n[2] <= 2 && is_date(v[1], v[2])) {
        say_date(scan->out, v[0], v[1], v[2]);
        if (p[len] == 'T' && mv_is_digit(p[len + 1])) {
            mv_out_mark(scan->out, ',');
            len++;
        }
        return len;
    }
    if (n[0] > 2 || n[1] > 2 || !(n[2] == 4 || (n[2] == 2 && sign == '/'))) return 0;
    year = n[2] == 4 ? v[2] : v[2] < 70 ? 2000 + v[2] : 1900 + v[2];
    if (sign != '.' && is_date(v[0], v[1]))
        say_date(scan->out, year, v[0], v[1]);
    else if (is_date(v[1], v[0]))
        say_date(scan->out, year, v[1], v[0]);
    else
        return 0;
    return len;
}

/* "3 March 2024", "3rd of March", "3-5 March" */
size_t mv_read_date(mv_scan *scan, const char *p) {
    mv_out *out = scan->out;
    const char *word;
    size_t n = mv_count_digits(p), n_last = 0, n_month, n_word, len;
    int month;
    unsigned last = 0;
    len = read_digits(scan, p);
    if (len) return len;
    if (n == 0 || n > 2 || !is_date(1, mv_value(p, n))) return 0;
    len = n;
    if (p[len] == '-' && mv_is_digit(p[len + 1])) {
        n_last = mv_count_digits(p + len + 1);
        if (n_last > 2) return 0;
        last = mv_value(p + len + 1, n_last);
        if (!is_date(1, last)) return 0;
        len += 1 + n_last;
    }
    if (mv_among(p + len, 2, "st nd rd th")) len += 2;
    if (p[len] != ' ') return 0;
    len++;
    if (mv_begins(p + len, "of ")) len += 3;
    month = mv_month_at(p + len, &n_month);
    if (!month) return 0;
    if (p[len + n_month - 1] == '.' && mv_sentence_ends(p + len + n_month)) n_month--;
    len += n_month;
    n_word = mv_word_before(p, &word);
    if (!mv_among(word, n_word, "the")) mv_out_say(out, "the");
    say_ordinal(out, mv_value(p, n));
    if (last) {
        mv_out_say(out, "to the");
        say_ordinal(out, last);
    }
    mv_out_say(out, "of");
    mv_out_say(out, mv_month_name(month));
    return len + say_year_behind(out, p + len, false);
}

/* A day of the month at p, which may have an ordinal's letters: its length, or 0. */
static size_t day_at(const char *p, unsigned *day) {
    const mv_unit *unit;
    size_t n = mv_count_digits(p);
    if (n == 0 || n > 2) return 0;
    *day = mv_value(p, n);
    if (!is_date(1, *day)) return 0;
    if (mv_among(p + n, 2, "st nd rd th") && !mv_is_word(p[n + 2])) return n + 2;
    if (mv_is_word(p[n]) || (strchr(":%/", p[n]) && p[n])) return 0;
    if ((p[n] == '.' || p[n] == ',') && mv_is_digit(p[n + 1])) return 0;
    if (p[n] == ' ' && mv_unit_find(p + n + 1, true, &unit)) return 0;
    return n;
}

/* The name of a day of the week in short, at p, and the length of that; or NULL. */
static const char *day_of_week_at(const char *p, size_t *n) {
    *n = mv_count_alpha(p);
    for (size_t i = 0; mv_is_upper(*p) && !mv_is_word(p[*n]) && i < 7; i++) {
        if (mv_among(p, *n, days[i].forms)) return days[i].name;
    }
    return NULL;
}

/* "Mon., " or "Mon 3 March": a day of the week in short, where a date follows. */
static size_t read_weekday(mv_scan *scan, const char *p) {
    const char *last;
    size_t n = mv_count_alpha(p), next = n, n_month, n_last;
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        if (!mv_among(p, n, days[i].forms)) continue;
        if (p[n] == '-' && (last = day_of_week_at(p + n + 1, &n_last)) != NULL) { /* Mon-Fri */
            mv_out_say(scan->out, days[i].name);
            mv_out_say(scan->out, "to");
            mv_out_say(scan->out, last);
            return n + 1 + n_last;
        }
        if (p[next] == '.') next++;
        if (p[next] == ',') next++;
        if (p[next] != ' ') return 0;
        next++;
        if (!mv_is_digit(p[next]) && !mv_month_at(p + next, &n_month)) return 0;
        mv_out_say(scan->out, days[i].name);
        return p[n] == '.' ? n + 1 : n;
    }
    return 0;
}

size_t mv_read_month(mv_scan *scan, const char *p) {
    mv_out *out = scan->out;
    size_t n, n_day, len;
    unsigned day, last;
    int month;
    if (!mv_is_upper(*p)) return 0;
    month = mv_month_at(p, &n);
    if (!month) return read_weekday(scan, p);
    len = n;
    if (p[n] == ' ' && year_at(p + n + 1)) {
        mv_out_say(out, mv_month_name(month));
        mv_out_char(out, ' ');
        mv_say_year(out, year_at(p + n + 1));
        return n + 5;
    }
    n_day = p[n] == ' ' ? day_at(p + n + 1, &day) : 0;
    if (!n_day) {
        bool dot = p[n - 1] == '.';
        if (!dot || mv_is_upper(p[n] == ' ' ? p[n + 1] : p[n]) || mv_sentence_ends(p + n)) return 0;
        mv_out_say(out, mv_month_name(month));
        return n;
    }
    len += 1 + n_day;
    mv_out_say(out, mv_month_name(month));
    say_ordinal(out, day);
    if (p[len] == '-' && mv_is_digit(p[len + 1]) && (n_day = day_at(p + len + 1, &last))) {
        mv_out_say(out, "to");
        say_ordinal(out, last);
        len += 1 + n_day;
    }
    return len + say_year_behind(out, p + len, true);
}

/* ---- times ---------------------------------------------------------------------------------- */

size_t mv_day_half_at(const char *p, bool *morning) {
    size_t n = *p == ' ', dot;
    char half = mv_lower(p[n]);
    bool dotted;
    *morning = half == 'a';
    if (half != 'a' && half != 'p') return 0;
    dotted = p[n + 1] == '.';
    dot = n + 1 + dotted;
    if (dotted && p[dot] == ' ' && p[dot + 2] == '.') dot++;
    if (mv_lower(p[dot]) != 'm' || mv_is_word(p[dot + 1])) return 0;
    if (p[dot + 1] == '\'' && mv_is_letter(p[dot + 2])) return 0;
    n = dot + 1;
    if (dotted && p[n] == '.' && !mv_sentence_ends(p + n + 1)) n++;
    return n;
}

/* "10:30", "10:30:15" */
typedef struct clock_time {
    unsigned hour, minute, second;
    size_t len;
} clock_time;

static bool clock_at(const char *p, clock_time *t) {
    size_t n = mv_count_digits(p);
    *t = (clock_time){.len = n + 3};
    if (n < 1 || n > 2 || p[n] != ':' || mv_count_digits(p + n + 1) != 2) return false;
    t->hour = mv_value(p, n);
    t->minute = mv_value(p + n + 1, 2);
    if (t->hour > 24 || t->minute > 59) return false;
    if (p[t->len] == ':' && mv_count_digits(p + t->len + 1) == 2) {
        t->second = mv_value(p + t->len + 1, 2);
        if (t->second > 59) return false;
        t->len += 3;
        if (p[t->len] == '.' && mv_is_digit(p[t->len + 1])) return false;
    }
    return !(p[t->len] == ':' && mv_is_digit(p[t->len + 1]));
}

static void say_clock(mv_out *out, const clock_time *t, bool has_half) {
    if (t->minute == 0 && t->second == 0 && !has_half) {
        if (t->hour == 0 || t->hour == 24) {
            mv_out_say(out, "midnight");
            return;
        }
        mv_say_integer(out, t->hour);
        mv_out_say(out, t->hour > 12 ? "hundred" : "o'clock");
        return;
    }
    mv_say_integer(out, t->hour);
    if (t->minute || t->second) {
        if (t->minute < 10) mv_out_say(out, t->minute ? "oh" : "zero");
        mv_say_integer(out, t->minute);
    }
    if (t->second) {
        mv_out_say(out, "and");
        mv_say_integer(out, t->second);
        mv_out_say(out, t->second == 1 ? "second" : "seconds");
    }
}

/* Says "UTC" for the Z of "14:00Z" and "14:00:00Z". */
static size_t say_zulu(mv_out *out, const char *p) {
    if (*p != 'Z' || mv_is_word(p[1])) return 0;
    mv_out_say(out, "U T C");
    return 1;
}

size_t mv_read_time(mv_scan *scan, const char *p) {
    mv_out *out = scan->out;
    clock_time t;
    mv_number a, b;
    bool morning, verses;
    size_t n, n_half;
    if (clock_at(p, &t)) {
        n = t.len;
        n_half = mv_day_half_at(p + n, &morning);
        say_clock(out, &t, n_half > 0);
        if (n_half) mv_out_say(out, morning ? "A M" : "P M");
        n += n_half ? n_half : say_zulu(out, p + n);
        scan->after_number = p + n;
        return n;
    }
    /* A ratio. */
    if (!mv_number_parse(p, &a) || p[a.len] != ':' || !mv_is_digit(p[a.len + 1])) return 0;
    if (!mv_number_parse(p + a.len + 1, &b)) return 0;
    verses = p[a.len + 1 + b.len] == '-' && mv_is_digit(p[a.len + 2 + b.len]);
    mv_say_number(out, &a);
    if (!verses) mv_out_say(out, "to"); /* "Psalm 23:4-6" */
    mv_say_number(out, &b);
    n = a.len + 1 + b.len;
    scan->after_number = p + n;
    return n;
}
