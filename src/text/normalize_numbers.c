/* normalize_numbers.c - digits to words: whole numbers, decimals, ordinals, years, roman numerals.
 * American usage: no "and" within a number. */
#include "text/normalize_parts.h"

#include <string.h>

static const char *const small[] = {
    "zero",     "one",     "two",     "three",     "four",     "five",     "six",
    "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
};
static const char *const tens[] = {"",      "",      "twenty",  "thirty", "forty",
                                   "fifty", "sixty", "seventy", "eighty", "ninety"};
static const char *const scales[] = {"",           "thousand",    "million",     "billion",
                                     "trillion",   "quadrillion", "quintillion", "sextillion",
                                     "septillion", "octillion",   "nonillion",   "decillion"};
enum { N_SCALES = sizeof scales / sizeof scales[0], MAX_DIGITS = 3 * N_SCALES };

/* 1..999 */
static void say_group(mv_out *out, unsigned value) {
    if (value >= 100) {
        mv_out_say(out, small[value / 100]);
        mv_out_say(out, "hundred");
        value %= 100;
    }
    if (value >= 20) {
        mv_out_say(out, tens[value / 10]);
        value %= 10;
        if (value) {
            mv_out_char(out, '-');
            mv_out_put(out, small[value], strlen(small[value]));
            out->spoken = true;
        }
    } else if (value) {
        mv_out_say(out, small[value]);
    }
}

/* n digits without signs between them. */
static void say_cardinal(mv_out *out, const char *digits, size_t n) {
    bool any = false;
    while (n > 1 && *digits == '0') {
        digits++;
        n--;
    }
    while (n > 0) {
        size_t n_group = (n - 1) % 3 + 1;
        unsigned value = mv_value(digits, n_group);
        digits += n_group;
        n -= n_group;
        if (value == 0) continue;
        say_group(out, value);
        if (n) mv_out_say(out, scales[n / 3]);
        any = true;
    }
    if (!any) mv_out_say(out, small[0]);
}

unsigned mv_value(const char *digits, size_t n) {
    unsigned value = 0;
    for (size_t i = 0; i < n; i++)
        value = value * 10 + (unsigned)(digits[i] - '0');
    return value;
}

void mv_say_integer(mv_out *out, unsigned value) {
    char digits[12];
    size_t n = 0, first = sizeof digits;
    do {
        digits[--first] = (char)('0' + value % 10);
        value /= 10;
        n++;
    } while (value);
    say_cardinal(out, digits + first, n);
}

void mv_say_digits(mv_out *out, const char *digits, size_t n) {
    for (size_t i = 0; i < n; i++)
        mv_out_say(out, small[digits[i] - '0']);
}

/* ---- numbers in the text -------------------------------------------------------------------- */

/* Length of the commas and groups of three that follow n digits at p. */
static size_t grouped(const char *p, size_t n) {
    size_t len = n;
    if (n == 0 || n > 3) return n;
    while (p[len] == ',' && mv_count_digits(p + len + 1) == 3)
        len += 4;
    return len;
}

bool mv_number_parse(const char *p, mv_number *x) {
    size_t n = mv_count_digits(p);
    *x = (mv_number){.integer = p, .n_digits = n};
    if (n == 0 && !(*p == '.' && mv_is_digit(p[1]))) return false;
    x->n_integer = grouped(p, n);
    x->n_digits = n + (x->n_integer - n) / 4 * 3;
    x->len = x->n_integer;
    if (p[x->len] == '.' && mv_is_digit(p[x->len + 1])) {
        x->fraction = p + x->len + 1;
        x->n_fraction = mv_count_digits(x->fraction);
        x->len += 1 + x->n_fraction;
    }
    return true;
}

bool mv_number_is_one(const mv_number *x) {
    return x->n_fraction == 0 && x->n_digits == 1 && x->integer[0] == '1';
}

/* The whole part. Digit by digit: a leading zero, and what is too long for a name or, without
 * commas, for a number that anyone counts. */
static void say_whole(mv_out *out, const mv_number *x) {
    enum { LONGEST_COUNTED = 9 };
    char digits[MAX_DIGITS];
    size_t n = 0;
    bool grouped = x->n_integer > x->n_digits;
    bool round = x->n_digits > 3 && memcmp(x->integer + x->n_integer - 3, "000", 3) == 0;
    bool zeros = x->n_digits > 1 && x->integer[0] == '0';
    if (zeros || x->n_digits > MAX_DIGITS ||
        (x->n_digits > LONGEST_COUNTED && !grouped && !round)) {
        for (size_t i = 0; i < x->n_integer; i++) {
            if (mv_is_digit(x->integer[i])) mv_say_digits(out, x->integer + i, 1);
        }
        return;
    }
    for (size_t i = 0; i < x->n_integer; i++) {
        if (mv_is_digit(x->integer[i])) digits[n++] = x->integer[i];
    }
    say_cardinal(out, digits, n);
}

void mv_say_number(mv_out *out, const mv_number *x) {
    if (x->n_digits) say_whole(out, x);
    if (x->n_fraction) {
        mv_out_say(out, "point");
        mv_say_digits(out, x->fraction, x->n_fraction);
    }
}

/* ---- years ---------------------------------------------------------------------------------- */

static void say_old_year(mv_out *out, unsigned year) {
    unsigned century = year / 100, rest = year % 100;
    if (year < 1000 || year > 9999 || century % 10 == 0 || (year >= 3000 && rest == 0)) {
        mv_say_integer(out, year); /* also 2005: two thousand five */
        return;
    }
    mv_say_integer(out, century);
    if (rest == 0)
        mv_out_say(out, "hundred");
    else if (rest < 10)
        mv_out_say(out, "oh");
    if (rest) mv_say_integer(out, rest);
}

/* Also "twenty ten" but "two thousand nine". */
void mv_say_year(mv_out *out, unsigned year) {
    if (year >= 2010 && year <= 2099) {
        mv_say_integer(out, year / 100);
        mv_say_integer(out, year % 100);
    } else {
        say_old_year(out, year);
    }
}

void mv_say_maybe_year(mv_out *out, const mv_number *x) {
    unsigned value;
    if (x->n_digits == 4 && x->n_integer == 4 && x->n_fraction == 0) {
        value = mv_value(x->integer, 4);
        if (value >= 1100 && value <= 2099) {
            mv_say_year(out, value);
            return;
        }
    }
    mv_say_number(out, x);
}

/* ---- roman numerals ------------------------------------------------------------------------- */

int mv_roman_value(const char *p, size_t n) {
    static const struct {
        char sign[3];
        int value;
    } signs[] = {{"C", 100}, {"XC", 90}, {"L", 50}, {"XL", 40}, {"X", 10},
                 {"IX", 9},  {"V", 5},   {"IV", 4}, {"I", 1}};
    int value = 0;
    size_t i = 0;
    for (size_t k = 0; k < sizeof signs / sizeof signs[0]; k++) {
        size_t n_sign = strlen(signs[k].sign), most = n_sign == 2 || k % 4 == 2 ? 1 : 3;
        for (size_t times = 0; times < most; times++) {
            if (i + n_sign > n || memcmp(p + i, signs[k].sign, n_sign) != 0) break;
            value += signs[k].value;
            i += n_sign;
        }
    }
    return i == n && n > 0 ? value : 0;
}
