/* split_rules.c - what stands at a position: the border of a paragraph, a sentence, a clause, or
 * nothing. A rule sees the piece so far and a few dozen characters behind it, so that it says the
 * same however much of the text has arrived. */
#include "text/split_parts.h"

#include <string.h>

enum { MOST_CLOSERS = 16, MOST_OPENERS = 8, MOST_WORD = 16 };

static const mv_split_unit *unit(const mv_split_text *text, size_t i) { return &text->units[i]; }

static uint32_t cp_at(mv_split_text *text, size_t i) { return mv_split_at(text, i)->cp; }

static bool is_gap(mv_split_text *text, size_t i) {
    return mv_split_at(text, i)->gap > MV_GAP_GLUE;
}

static bool is_digit_before(const mv_split_text *text, size_t i) {
    return i > 0 && mv_split_is_digit(unit(text, i - 1)->cp);
}

static bool is_dot(uint32_t cp) { return cp == '.'; }

/* A dot that ends what is before it, and does not begin ".NET" or ".5". */
static bool is_late_mark(mv_split_text *text, size_t i) {
    uint32_t cp = cp_at(text, i);
    if (is_dot(cp)) return !mv_split_is_word(cp_at(text, i + 1));
    return mv_split_is_terminator(cp) || (cp > 0 && cp < 0x80 && strchr(",;:", (int)cp)) ||
           cp == 0xbb || cp == 0x201d || cp == 0x203a;
}

size_t mv_split_read_word(mv_split_text *text, size_t i, char *word, size_t max) {
    size_t n = 0;
    for (; n < max; n++) {
        uint32_t cp = cp_at(text, i + n);
        if (mv_split_case(cp) == MV_CASE_NONE) break;
        word[n] = (char)(cp >= 0x80 ? '?' : cp | 0x20u);
    }
    return n;
}

/* ---- what is behind a position --------------------------------------------------------------- */

typedef enum side { SIDE_END, SIDE_UPPER, SIDE_LOWER, SIDE_DIGIT, SIDE_OTHER } side;

/* The first thing behind p, without white space, quotes and brackets; *at is where it is. */
static side look_behind(mv_split_text *text, size_t p, size_t *at) {
    const mv_split_unit *u;
    size_t i = p;
    for (size_t n = 0; n < MOST_OPENERS; n++, i++) {
        u = mv_split_at(text, i);
        if (u->gap == MV_GAP_NONE ? !mv_split_is_opener(u->cp) : u->gap == MV_GAP_END_OF_TEXT)
            break;
    }
    *at = i;
    u = mv_split_at(text, i);
    if (u->gap == MV_GAP_END_OF_TEXT) return SIDE_END;
    if (mv_split_is_digit(u->cp)) return SIDE_DIGIT;
    switch (mv_split_case(u->cp)) {
    case MV_CASE_UPPER: return SIDE_UPPER;
    case MV_CASE_LOWER: return SIDE_LOWER;
    default: return SIDE_OTHER;
    }
}

/* The word at i is one that begins sentences; "A. Smith" and "U.S. Army" are not. */
static bool starter_at(mv_split_text *text, size_t i) {
    char word[MOST_WORD];
    size_t n = mv_split_read_word(text, i, word, sizeof word);
    return mv_split_starts_sentences(word, n) && !(n == 1 && is_dot(cp_at(text, i + 1)));
}

static bool number_at(mv_split_text *text, size_t i, side next) {
    char word[MOST_WORD];
    size_t n = mv_split_read_word(text, i, word, sizeof word);
    if (next == SIDE_DIGIT || cp_at(text, i) == '#') return true;
    return next == SIDE_UPPER && n >= 2 && n <= 8 && mv_split_is_roman(word, n) &&
           mv_split_case(cp_at(text, i + 1)) == MV_CASE_UPPER;
}

/* ---- dots ------------------------------------------------------------------------------------ */

/* The word that ends before unit e, with the dots inside it. */
typedef struct last_word {
    char text[MOST_WORD]; /* [n]; n is 0 if it is longer or none */
    size_t n, first;      /* first: its first unit */
    bool upper;           /* begins with a capital */
} last_word;

static last_word read_last_word(const mv_split_text *text, size_t e) {
    last_word word = {.n = 0, .first = e};
    while (word.first > 0) {
        uint32_t cp = unit(text, word.first - 1)->cp;
        if (!is_dot(cp) && !mv_split_is_word(cp)) break;
        if (word.n++ == MOST_WORD) break;
        word.first--;
    }
    if (word.n > MOST_WORD) word.n = 0;
    for (size_t i = 0; i < word.n; i++) {
        uint32_t cp = unit(text, word.first + i)->cp;
        bool upper = mv_split_case(cp) == MV_CASE_UPPER;
        word.text[i] = (char)(cp >= 0x80 ? '?' : upper ? cp | 0x20u : cp);
        if (i == 0) word.upper = upper;
    }
    return word;
}

/* The number of an item at the beginning of its line: "3.", "IV." */
static bool is_item_number(const mv_split_text *text, const last_word *word) {
    bool digits = word->n <= 3, capitals = true;
    for (size_t i = 0; i < word->n; i++) {
        uint32_t cp = unit(text, word->first + i)->cp;
        digits = digits && mv_split_is_digit(cp);
        capitals = capitals && mv_split_case(cp) == MV_CASE_UPPER;
    }
    return word->n > 0 && unit(text, word->first)->line_start &&
           (digits || (capitals && mv_split_is_roman(word->text, word->n)));
}

/* What is being said began in lower case: its writer does without capitals. */
static bool is_lower_case(const mv_split_text *text, size_t p) {
    if (!text->fresh) return false;
    for (size_t i = 0; i < p && i < MOST_OPENERS; i++) {
        mv_letter_case kind = mv_split_case(unit(text, i)->cp);
        if (kind != MV_CASE_NONE) return kind == MV_CASE_LOWER;
    }
    return false;
}

/* "J. Smith": a letter that is no sentence's last word. I is, except in a row of initials. */
static bool is_initial(const mv_split_text *text, const last_word *word) {
    size_t i = word->first;
    if (word->n != 1 || !word->upper) return false;
    if (word->text[0] != 'i' || unit(text, i)->line_start) return true;
    return i >= 3 && is_dot(unit(text, i - 2)->cp) &&
           mv_split_case(unit(text, i - 3)->cp) == MV_CASE_UPPER &&
           (i == 3 || unit(text, i - 4)->gap != MV_GAP_NONE);
}

/* An abbreviation's dot before `next` at unit `at`. */
static mv_split_mark judge_abbreviation(mv_split_text *text, mv_split_word kind, side next,
                                        size_t at) {
    char word[MOST_WORD];
    size_t n;
    if (next != SIDE_UPPER) return MV_MARK_NONE;
    if (kind == MV_WORD_ENDING) return starter_at(text, at) ? MV_MARK_SENTENCE : MV_MARK_NONE;
    if (kind != MV_WORD_CLOSING) return MV_MARK_NONE;
    n = mv_split_read_word(text, at, word, sizeof word);
    return mv_split_follows_time(word, n) ? MV_MARK_NONE : MV_MARK_SENTENCE;
}

/* One dot, at unit e; p is behind it and its quotes. */
static mv_split_mark judge_dot(mv_split_text *text, size_t e, size_t p) {
    size_t at;
    side next = look_behind(text, p, &at);
    last_word word = read_last_word(text, e);
    mv_split_word kind = mv_split_word_kind(word.text, word.n);
    if (next == SIDE_END) return MV_MARK_SENTENCE;
    if (is_item_number(text, &word)) return MV_MARK_NONE;
    if (kind == MV_WORD_NUMBERED && number_at(text, at, next)) return MV_MARK_NONE;
    if (kind == MV_WORD_NUMBERED || (kind == MV_WORD_TITLE && !word.upper)) kind = MV_WORD_PLAIN;
    if (kind == MV_WORD_PLAIN && next == SIDE_UPPER && is_initial(text, &word))
        kind = MV_WORD_ENDING;
    if (kind != MV_WORD_PLAIN) return judge_abbreviation(text, kind, next, at);
    if (next == SIDE_LOWER) return is_lower_case(text, p) ? MV_MARK_SENTENCE : MV_MARK_CLAUSE;
    return MV_MARK_SENTENCE;
}

/* ---- sentences ------------------------------------------------------------------------------- */

/* The end of what closers (quotes, brackets, "[12]", a French quote's space) leave before p. */
static size_t skip_closers(const mv_split_text *text, size_t p) {
    size_t i = p;
    for (size_t n = 0; n < MOST_CLOSERS && i > 0; n++) {
        const mv_split_unit *u = unit(text, i - 1);
        if (u->cp == ']' && is_digit_before(text, i - 1)) {
            size_t k = i - 1;
            while (is_digit_before(text, k) && i - k < 5)
                k--;
            if (k > 0 && unit(text, k - 1)->cp == '[') {
                i = k - 1;
                continue;
            }
        }
        if (!mv_split_is_closer(u->cp)) break;
        i--;
        if (u->cp == 0xbb && i > 1 && unit(text, i - 1)->gap != MV_GAP_NONE) i--;
    }
    return i;
}

/* A run of terminators that ends at unit e, with closers from there to p. */
static mv_split_mark judge_terminators(mv_split_text *text, size_t e, size_t p) {
    size_t n_dots = 0, n_marks = 0, at, i = e + 1;
    bool ellipsis = false, quoted = e + 1 < p;
    side next;
    for (size_t n = 0; n < MOST_CLOSERS && i > 0; n++, i--) {
        uint32_t cp = unit(text, i - 1)->cp;
        if (!mv_split_is_terminator(cp)) break;
        n_dots += is_dot(cp);
        n_marks += !is_dot(cp) && cp != 0x2026;
        ellipsis = ellipsis || cp == 0x2026;
    }
    ellipsis = ellipsis || n_dots > 1 || (n_dots == 1 && i > 0 && unit(text, i - 1)->gap);
    if (n_marks == 0 && !ellipsis) return judge_dot(text, e, p);
    next = look_behind(text, p, &at);
    if (next != SIDE_LOWER) return MV_MARK_SENTENCE;
    if (n_marks > 0 && !quoted) return MV_MARK_SENTENCE;
    return MV_MARK_CLAUSE;
}

/* No white space is needed behind these. */
static mv_split_mark judge_wide(mv_split_text *text, size_t e, size_t p) {
    uint32_t cp = unit(text, e)->cp, next = cp_at(text, p);
    if (cp == 0xff0e && mv_split_is_digit(next)) return MV_MARK_NONE;
    /* The particle behind what somebody said. */
    if (e + 1 < p && next == 0x3068) return MV_MARK_COMMA;
    return MV_MARK_SENTENCE;
}

/* ---- clauses --------------------------------------------------------------------------------- */

/* A comma that is one of "March 3, 2024", "e.g., this", "Smith, Jr.". */
static bool is_inner_comma(mv_split_text *text, size_t e, size_t p) {
    char word[MOST_WORD];
    size_t n, at;
    side next = look_behind(text, p, &at);
    if (next == SIDE_DIGIT && is_digit_before(text, e)) {
        for (n = 0; n < 5 && mv_split_is_digit(cp_at(text, at + n)); n++)
            ;
        return n == 4;
    }
    if (e > 0 && is_dot(unit(text, e - 1)->cp)) {
        last_word last = read_last_word(text, e - 1);
        if (mv_split_word_kind(last.text, last.n) == MV_WORD_NEVER) return true;
    }
    if (next != SIDE_UPPER) return false;
    n = mv_split_read_word(text, at, word, sizeof word);
    return mv_split_follows_name(word, n);
}

/* A hyphen that is used as a dash: between spaces, or two of them. */
static bool is_hyphen_dash(const mv_split_text *text, size_t e) {
    if (unit(text, e)->cp != '-' || unit(text, e)->line_start || e == 0) return false;
    if (unit(text, e - 1)->cp == '-') return e > 1 && unit(text, e - 2)->cp != '-';
    return unit(text, e - 1)->gap != MV_GAP_NONE;
}

/* White space at p. */
static mv_split_mark judge_clause(mv_split_text *text, size_t e, size_t p) {
    char word[MOST_WORD];
    uint32_t cp = unit(text, e)->cp, last = unit(text, p - 1)->cp, next = cp_at(text, p + 1);
    size_t n;
    if (cp == ',' || cp == 0x60c) return is_inner_comma(text, e, p) ? MV_MARK_NONE : MV_MARK_COMMA;
    if (cp == ';' || cp == ':' || cp == 0x61b) return MV_MARK_CLAUSE;
    if (e + 1 == p && (mv_split_is_dash(cp) || is_hyphen_dash(text, e)))
        return unit(text, e)->line_start ? MV_MARK_NONE : MV_MARK_CLAUSE;
    if (last == ')' || last == ']' || next == '(' || next == '[') return MV_MARK_COMMA;
    n = mv_split_read_word(text, p + 1, word, sizeof word);
    if (n > 0 && mv_split_is_conjunction(word, n) && is_gap(text, p + 1 + n) &&
        mv_split_case(next) == MV_CASE_LOWER)
        return MV_MARK_CONJUNCTION;
    return MV_MARK_NONE;
}

/* No white space at p: a dash between words, an ellipsis, and the commas of scripts without
 * spaces. */
static mv_split_mark judge_tight(mv_split_text *text, size_t e, size_t p) {
    uint32_t cp = unit(text, e)->cp, next = cp_at(text, p);
    bool tight = e + 1 == p, word = mv_split_is_word(next) || mv_split_is_opener(next);
    if (cp == 0xff0c) return mv_split_is_digit(next) ? MV_MARK_NONE : MV_MARK_COMMA;
    if (cp == 0x3001 || cp == 0xff64) return MV_MARK_COMMA;
    if (cp == 0xff1b || cp == 0xff1a)
        return mv_split_is_digit(next) ? MV_MARK_NONE : MV_MARK_CLAUSE;
    if (!tight || !word || e == 0) return MV_MARK_NONE;
    if (cp == 0x2014 || cp == 0x2015) return MV_MARK_CLAUSE;
    if (cp == '-' && e > 1 && unit(text, e - 1)->cp == '-')
        return mv_split_is_word(unit(text, e - 2)->cp) ? MV_MARK_CLAUSE : MV_MARK_NONE;
    if (cp == 0x2026) return MV_MARK_CLAUSE;
    if (is_dot(cp) && e > 3 && is_dot(unit(text, e - 1)->cp) && is_dot(unit(text, e - 2)->cp))
        return mv_split_is_word(unit(text, e - 3)->cp) ? MV_MARK_CLAUSE : MV_MARK_NONE;
    return MV_MARK_NONE;
}

/* ---- all of them ----------------------------------------------------------------------------- */

bool mv_split_is_paragraph(mv_split_text *text, size_t p) {
    switch (mv_split_at(text, p)->gap) {
    case MV_GAP_PARAGRAPH:
    case MV_GAP_END_OF_TEXT: return true;
    case MV_GAP_LINE:
    case MV_GAP_LINE_ITEM:
    case MV_GAP_LINE_CAPS: return mv_split_line_breaks(text, p);
    default: return false;
    }
}

mv_split_mark mv_split_mark_at(mv_split_text *text, size_t p) {
    bool gap = is_gap(text, p);
    size_t end, e;
    uint32_t cp, next;
    if (mv_split_is_paragraph(text, p)) return MV_MARK_PARAGRAPH;
    if (mv_split_at(text, p)->gap == MV_GAP_GLUE || unit(text, p - 1)->gap) return MV_MARK_NONE;
    if (gap && is_late_mark(text, p + 1)) return MV_MARK_NONE;
    next = cp_at(text, p);
    if (!gap && (mv_split_is_terminator(next) || is_late_mark(text, p))) return MV_MARK_NONE;
    end = skip_closers(text, p);
    if (end == 0) return MV_MARK_NONE;
    e = end - 1;
    cp = unit(text, e)->cp;
    if (mv_split_is_wide_terminator(cp) && (gap || !mv_split_is_closer(next)))
        return judge_wide(text, e, p);
    if (!gap) return judge_tight(text, e, p);
    if (mv_split_is_terminator(cp)) {
        mv_split_mark mark = judge_terminators(text, e, p);
        if (mark != MV_MARK_NONE) return mark;
    }
    return judge_clause(text, e, p);
}
