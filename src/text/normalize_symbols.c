/* normalize_symbols.c - signs: those that are words (+, &, %), those that are pauses (brackets,
 * dashes), those that are nothing. Emoticons are nothing. */
#include "text/normalize_parts.h"

#include <string.h>

/* ---- emoticons ------------------------------------------------------------------------------- */

size_t mv_read_emoticon(mv_scan *scan, const char *p) {
    static const char *const faces[] = {
        ":-)", ":)",  ":-(", ":(",  ";-)", ";)", ":-D", ":D",  ":-P",  ":P", ":-p",
        ":p",  ":'(", ":-/", ":/",  ":-|", ":|", ":-O", ":O",  ":o",   "<3", "</3",
        "xD",  "XD",  "^^",  "^_^", "=)",  "=(", ">:(", "-_-", "\\o/",
    };
    (void)scan;
    if (!mv_is_gap(p[-1])) return 0;
    for (size_t i = 0; i < sizeof faces / sizeof faces[0]; i++) {
        size_t n = strlen(faces[i]);
        if (strncmp(p, faces[i], n) == 0 && (mv_is_gap(p[n]) || strchr(".,!?", p[n]))) return n;
    }
    return 0;
}

/* ---- signs ----------------------------------------------------------------------------------- */

typedef struct sign_row {
    const char *sign;
    const char *words; /* spoken; "," is a pause, " " nothing */
} sign_row;

/* The first that fits counts. */
static const sign_row signs[] = {
    {"...", "..."},
    {"<=>", ","},
    {"-->", ","},
    {"<=", "is less than or equal to"},
    {">=", "is greater than or equal to"},
    {"!=", "is not equal to"},
    {"===", " "},
    {"==", "equals"},
    {"=>", ","},
    {"->", ","},
    {"<-", ","},
    {"+/-", "plus or minus"},
    {"&&", "and"},
    {"&", "and"},
    {"+", "plus"},
    {"=", "equals"},
    {"%", "percent"},
    {"@", "at"},
    {"$", "dollar"},
    {"\u20ac", "euro"},
    {"\u00a3", "pound"},
    {"\u00a5", "yen"},
    {"\u00a2", "cents"},
    {"\u20b9", "rupee"},
    {"\u20a9", "won"},
    {"\u20bd", "ruble"},
    {"\u20bf", "bitcoin"},
    {"\u00b0", "degrees"},
    {"\u00d7", "times"},
    {"\u2022", ","},
    {"(", ","},
    {")", ","},
    {"[", ","},
    {"]", ","},
    {"{", ","},
    {"}", ","},
    {"|", ","},
};

static size_t read_table(mv_scan *scan, const char *p) {
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        const sign_row *row = &signs[i];
        size_t n = strlen(row->sign);
        if (strncmp(p, row->sign, n) != 0) continue;
        if (*row->words == ',' && strchr(")]}", *p) && p[1] && strchr("\".,;:!?", p[1]))
            mv_out_char(scan->out, ' '); /* what follows is pause enough */
        else if (*row->words == ',')
            mv_out_put(scan->out, " , ", 3);
        else if (*row->words == ' ')
            mv_out_char(scan->out, ' ');
        else if (*row->words == '.')
            mv_out_put(scan->out, row->words, strlen(row->words));
        else
            mv_out_say(scan->out, row->words);
        return n;
    }
    return 0;
}

/* "UTC-5" */
static bool is_zone(const char *p) {
    const char *word;
    size_t n = mv_word_before(p, &word);
    return mv_is_upper(p[-1]) && mv_among(word, n, "utc gmt");
}

/* -, and runs of it. */
static size_t read_dash(mv_scan *scan, const char *p) {
    mv_out *out = scan->out;
    size_t n = 1, len;
    bool before = mv_is_word(p[-1]);
    const char *next;
    if (p[1] == '>') return read_table(scan, p);
    while (p[n] == '-')
        n++;
    next = p + n;
    if (n > 1 && (n > 2 || next[0] != '>')) {
        mv_out_put(out, " , ", 3);
        return n;
    }
    if (mv_is_digit(*next) || (*next == '.' && mv_is_digit(next[1])) || *next == '$' ||
        strncmp(next, "\u20ac", 3) == 0 || strncmp(next, "\u00a3", 2) == 0) {
        len = out->len;
        if (p == scan->after_number)
            mv_out_say(out, "to");
        else if (is_zone(p))
            mv_out_say(out, "minus");
        else if (before || (len && p[-1] == ')'))
            mv_out_char(out, ' ');
        else
            mv_out_say(out, "minus");
        return n;
    }
    if (n == 1 && p[-1] == ' ' && p - 1 == scan->after_number && *next == ' ' && mv_is_digit(p[2]))
        mv_out_say(out, "minus");
    else if (before && mv_is_letter(*next))
        mv_out_char(out, '-');
    else if (mv_is_gap(p[-1]) && mv_is_gap(*next))
        mv_out_put(out, " , ", 3);
    else
        mv_out_char(out, ' ');
    return n;
}

static bool is_operand(const char *p) {
    return mv_is_digit(*p) || *p == '$' || (*p == '-' && mv_is_digit(p[1])) ||
           (*p == '.' && mv_is_digit(p[1]));
}

/* < and >: of numbers or between spaces a comparison, otherwise brackets. */
static size_t read_angle(mv_scan *scan, const char *p) {
    const char *next = p + 1 + (p[1] == ' ');
    size_t n = read_table(scan, p);
    if (n) return n;
    if ((mv_is_gap(p[-1]) && mv_is_gap(p[1])) || is_operand(next))
        mv_out_say(scan->out, *p == '<' ? "less than" : "greater than");
    else
        mv_out_put(scan->out, " , ", 3);
    return 1;
}

/* "4.8" ends at p, and is no part of a path. */
static bool is_decimal_before(const char *p) {
    enum { LONGEST = 20 };
    const char *q = p;
    while (mv_is_digit(q[-1]) && p - q < LONGEST)
        q--;
    if (q[-1] != '.') return false;
    q--;
    while (mv_is_digit(q[-1]) && p - q < LONGEST)
        q--;
    return !mv_is_digit(q[-1]) && q[-1] != '/';
}

/* he/she, and/or, km/h, /usr/bin, 4.8/5 */
static size_t read_slash(mv_scan *scan, const char *p) {
    static const char pairs[] = "he him his she her hers himself herself yes true on y";
    mv_out *out = scan->out;
    const char *word, *q;
    size_t n_word;
    if (p == scan->after_number && mv_is_alpha(p[1])) {
        size_t n;
        mv_out_say(out, "per");
        n = mv_unit_say(out, p + 1, false, true);
        return 1 + n;
    }
    if (p == scan->after_number && mv_is_digit(p[1]) && is_decimal_before(p)) {
        mv_out_say(out, "out of");
        return 1;
    }
    if (p[-1] == ' ' && p - 1 == scan->after_number && p[1] == ' ' && mv_is_digit(p[2])) {
        mv_out_say(out, "divided by");
        return 1;
    }
    if (p < scan->path_end) {
        mv_out_say(out, "slash");
        return 1;
    }
    if (!mv_is_word(p[-1]) && mv_is_word(p[1])) { /* a path */
        for (q = p; !mv_is_gap(*q) && q - p < 256;)
            q++;
        scan->path_end = q;
        mv_out_say(out, "slash");
        return 1;
    }
    n_word = mv_word_before(p, &word);
    if (mv_is_alpha(p[1]) && mv_among(word, n_word, pairs))
        mv_out_say(out, "or");
    else
        mv_out_char(out, ' ');
    return 1;
}

/* ^ and superscript digits: a power behind a number, a letter or a unit, else the mark of a note.
 */
static size_t read_power(mv_scan *scan, const char *p) {
    static const char *const superscripts[] = {"\u2070", "\u00b9", "\u00b2", "\u00b3", "\u2074",
                                               "\u2075", "\u2076", "\u2077", "\u2078", "\u2079"};
    mv_out *out = scan->out;
    char digits[8];
    size_t n = *p == '^', n_digits = 0;
    bool caret = n > 0, number = mv_is_digit(p[-1]) || p[-1] == ')',
         letter = mv_is_alpha(p[-1]) && !mv_is_word(p[-2]);
    if (caret) {
        while (mv_is_digit(p[n]) && n_digits < sizeof digits)
            digits[n_digits++] = p[n++];
        if (n_digits == 0) {
            mv_out_char(out, ' ');
            return 1;
        }
    }
    for (size_t k = 0; !caret && k < 10 && n_digits < sizeof digits; k++) {
        size_t len = strlen(superscripts[k]);
        if (strncmp(p + n, superscripts[k], len) != 0) continue;
        digits[n_digits++] = (char)('0' + k);
        n += len;
        k = (size_t)-1;
    }
    if (n_digits == 0) return 0;
    if (!caret && !number && !letter) return n;
    if (n_digits == 1 && (digits[0] == '2' || digits[0] == '3')) {
        mv_out_say(out, digits[0] == '2' ? "squared" : "cubed");
    } else {
        mv_out_say(out, "to the power of");
        mv_say_integer(out, mv_value(digits, n_digits));
    }
    return n;
}

/* # before a number, behind C or F, before a word. */
static size_t read_hash(mv_scan *scan, const char *p) {
    bool number = mv_is_digit(p[1]) && mv_count_alpha(p + 1 + mv_count_digits(p + 1)) < 3;
    if (number)
        mv_out_say(scan->out, "number");
    else if ((p[-1] == 'C' || p[-1] == 'F' || p[-1] == 'c') && !mv_is_word(p[-2]) &&
             !mv_is_word(p[1]))
        mv_out_say(scan->out, "sharp");
    else if (mv_is_word(p[1]))
        mv_out_say(scan->out, "hashtag");
    else
        mv_out_char(scan->out, ' ');
    return 1;
}

static size_t read_star(mv_scan *scan, const char *p) {
    const char *next = p + 1 + (p[1] == ' '), *last = p - 1 - (p[-1] == ' ');
    if (mv_is_word(*next) && mv_is_word(*last))
        mv_out_say(scan->out, "times");
    else
        mv_out_char(scan->out, ' ');
    return 1;
}

size_t mv_read_symbol(mv_scan *scan, const char *p) {
    mv_out *out = scan->out;
    size_t n;
    switch (*p) {
    case '-': return read_dash(scan, p);
    case '<':
    case '>': return read_angle(scan, p);
    case '/': return read_slash(scan, p);
    case '#': return read_hash(scan, p);
    case '*': return read_star(scan, p);
    case '^': return read_power(scan, p);
    case '~':
        if (mv_is_digit(p[1]) || (p[1] == '$' && mv_is_digit(p[2])))
            mv_out_say(out, "about");
        else
            mv_out_char(out, ' ');
        return 1;
    case '\\':
        if (mv_is_word(p[-1]) && mv_is_word(p[1]))
            mv_out_say(out, "backslash");
        else
            mv_out_char(out, ' ');
        return 1;
    case '_':
    case '`': mv_out_char(out, ' '); return 1;
    case '(':
        if (mv_is_letter(p[-1]) && (strncmp(p, "(s)", 3) == 0 || strncmp(p, "(es)", 4) == 0)) {
            n = p[1] == 's' ? 1 : 2;
            mv_out_put(out, p + 1, n);
            return n + 2;
        }
        break;
    default: break;
    }
    n = mv_is_foreign(*p) ? read_power(scan, p) : 0;
    return n ? n : read_table(scan, p);
}
