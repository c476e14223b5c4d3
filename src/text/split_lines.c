/* split_lines.c - where a single line break ends a paragraph: headings, rules, lists, tables. The
 * line before is judged when it is complete, by its first 64 characters; the line behind by the few
 * that it begins with. */
#include "text/split_parts.h"

#include <string.h>

enum { MOST_HEADING = 60, MOST_MARKS = 12 };

static const char rule_marks[] = "-*_=~";

static bool is_ascii(uint32_t cp, const char *list) {
    return cp > 0 && cp < 0x80 && strchr(list, (int)cp) != NULL;
}

/* ---- the line before ------------------------------------------------------------------------- */

void mv_split_line_add(mv_split_line *line, uint32_t cp) {
    mv_letter_case kind = mv_split_case(cp);
    char c = '?';
    if (cp > 0 && cp < 0x80)
        c = (char)cp;
    else if (mv_split_is_bullet(cp))
        c = '*';
    else if (kind != MV_CASE_NONE)
        c = kind == MV_CASE_UPPER ? 'X' : 'x';
    else if (cp != UTF8_INVALID && mv_split_is_word(cp))
        c = 'x';
    if (line->n < sizeof line->start) line->start[line->n] = c;
    line->n++;
}

/* "#", "## Title" */
static bool is_hashed(const char *s, size_t n) {
    size_t k = 0;
    while (k < n && s[k] == '#')
        k++;
    return k >= 1 && k <= 6 && (k == n || s[k] == ' ');
}

/* "-----", "* * *" */
static bool is_rule(const char *s, size_t n) {
    size_t n_marks = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == ' ') continue;
        if (s[i] != s[0] || !strchr(rule_marks, s[i])) return false;
        n_marks++;
    }
    return n_marks >= 3;
}

/* The next word of s in lower case; returns where it ends. */
static size_t next_word(const char *s, size_t from, size_t n, char *word, size_t *n_word) {
    size_t i = from;
    *n_word = 0;
    for (; i < n && mv_split_is_word((unsigned char)s[i]); i++)
        if (*n_word < MOST_MARKS)
            word[(*n_word)++] = (char)(s[i] >= 'A' && s[i] <= 'Z' ? s[i] + 32 : s[i]);
    return i;
}

static bool is_number(const char *word, size_t n) {
    if (n == 0) return false;
    if (mv_split_is_roman(word, n) || mv_split_is_number_word(word, n)) return true;
    for (size_t i = 0; i < n; i++)
        if (!mv_split_is_digit((unsigned char)word[i])) return false;
    return true;
}

/* "Chapter 3", "Part Two: The Sea" */
static bool is_numbered(const char *s, size_t n) {
    char word[MOST_MARKS];
    size_t n_word, i = next_word(s, 0, n, word, &n_word);
    if (s[0] < 'A' || s[0] > 'Z' || !mv_split_has_number(word, n_word)) return false;
    if (i == n || s[i] != ' ') return false;
    i = next_word(s, i + 1, n, word, &n_word);
    return is_number(word, n_word) && (i == n || is_ascii((unsigned char)s[i], ".:?-"));
}

/* Three capitals and no small letter; a comma at the end would go on. */
static bool is_capitals(const char *s, size_t n) {
    size_t n_upper = 0;
    for (size_t i = 0; i < n; i++) {
        mv_letter_case kind = mv_split_case((unsigned char)s[i]);
        if (kind == MV_CASE_LOWER) return false;
        n_upper += kind == MV_CASE_UPPER;
    }
    return n_upper >= 3 && !strchr(",;-", s[n - 1]);
}

/* "- milk", "2. Eggs", "3) Flour" */
static bool is_item(const char *s, size_t n) {
    size_t k = 0;
    if (n >= 2 && s[1] == ' ' && mv_split_is_bullet((unsigned char)s[0])) return true;
    while (k < n && k < 4 && mv_split_is_digit((unsigned char)s[k]))
        k++;
    return k >= 1 && k <= 3 && k + 1 < n && (s[k] == '.' || s[k] == ')') && s[k + 1] == ' ';
}

mv_split_gap mv_split_line_end(const mv_split_line *line) {
    const char *s = line->start;
    size_t n = line->n < sizeof line->start ? line->n : sizeof line->start;
    if (n == 0) return MV_GAP_LINE;
    if (is_hashed(s, n) || is_rule(s, n)) return MV_GAP_PARAGRAPH;
    if (line->n <= MOST_HEADING && is_numbered(s, n)) return MV_GAP_PARAGRAPH;
    if (is_item(s, n)) return MV_GAP_LINE_ITEM;
    if (line->n <= MOST_HEADING && is_capitals(s, n)) return MV_GAP_LINE_CAPS;
    return MV_GAP_LINE;
}

/* ---- the line behind ------------------------------------------------------------------------- */

/* Number of equal units from i on, at most MOST_MARKS. */
static size_t count_same(mv_split_text *text, size_t i) {
    uint32_t cp = mv_split_at(text, i)->cp;
    size_t n = 1;
    while (n < MOST_MARKS && mv_split_at(text, i + n)->gap == MV_GAP_NONE &&
           mv_split_at(text, i + n)->cp == cp)
        n++;
    return n;
}

static bool is_gap(mv_split_text *text, size_t i) {
    return mv_split_at(text, i)->gap > MV_GAP_GLUE;
}

/* A number of a list; one that is no 1 only where the line before does not just go on. */
static bool begins_item(mv_split_text *text, size_t p) {
    uint32_t before = mv_split_at(text, p - 1)->cp, dot;
    size_t n = 0;
    while (n < 4 && mv_split_is_digit(mv_split_at(text, p + 1 + n)->cp))
        n++;
    if (n == 0 || n > 3) return false;
    dot = mv_split_at(text, p + 1 + n)->cp;
    if ((dot != '.' && dot != ')') || !is_gap(text, p + 2 + n)) return false;
    if (n == 1 && mv_split_at(text, p + 1)->cp == '1') return true;
    return mv_split_at(text, p)->gap == MV_GAP_LINE_ITEM || before == ':' ||
           mv_split_is_terminator(before) || mv_split_is_closer(before);
}

/* "Chapter 3" and nothing behind it, or a colon or dot. */
static bool begins_numbered(mv_split_text *text, size_t i) {
    char word[MOST_MARKS];
    size_t n = mv_split_read_word(text, i, word, sizeof word), n_number = 0;
    if (mv_split_case(mv_split_at(text, i)->cp) != MV_CASE_UPPER) return false;
    if (!mv_split_has_number(word, n) || mv_split_at(text, i + n)->gap != MV_GAP_SPACE)
        return false;
    i += n + 1;
    n = mv_split_read_word(text, i, word, sizeof word);
    while (n == 0 && n_number < 4 && mv_split_is_digit(mv_split_at(text, i + n_number)->cp))
        n_number++;
    if (n_number == 0 && !is_number(word, n)) return false;
    i += n + n_number;
    return mv_split_at(text, i)->gap >= MV_GAP_LINE || is_ascii(mv_split_at(text, i)->cp, ".:");
}

/* "It was", and not "OF WORDS". */
static bool begins_in_small(mv_split_text *text, size_t i) {
    for (size_t k = 0, n_letters = 0; k < 8; k++) {
        mv_letter_case kind = mv_split_case(mv_split_at(text, i + k)->cp);
        if (kind == MV_CASE_NONE) continue;
        if (n_letters++ == 1) return kind == MV_CASE_LOWER;
        if (kind == MV_CASE_LOWER) return false;
    }
    return false;
}

bool mv_split_line_breaks(mv_split_text *text, size_t p) {
    uint32_t first = mv_split_at(text, p + 1)->cp;
    if (mv_split_at(text, p + 1)->gap == MV_GAP_END_OF_TEXT) return false;
    if (mv_split_at(text, p)->gap == MV_GAP_LINE_CAPS && begins_in_small(text, p + 1)) return true;
    if (first == '|' || (mv_split_is_bullet(first) && is_gap(text, p + 2))) return true;
    if (first == '#') {
        size_t n = count_same(text, p + 1);
        return n <= 6 && is_gap(text, p + 1 + n);
    }
    if (is_ascii(first, rule_marks)) {
        size_t n = count_same(text, p + 1);
        return n >= 3 && (n == MOST_MARKS || is_gap(text, p + 1 + n));
    }
    return begins_item(text, p) || begins_numbered(text, p + 1);
}
