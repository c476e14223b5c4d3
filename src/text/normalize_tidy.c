/* normalize_tidy.c - the last pass: one space between words, one mark between phrases, none where
 * nothing is said. What brackets and dropped signs have left behind becomes ordinary punctuation.
 */
#include "text/normalize_parts.h"

#include <string.h>

/* Marks by weight: of several in a row the heaviest stays. */
static const char marks[] = ",;:.!?";
enum { ELLIPSIS_WEIGHT = 5 }; /* between . and ! */

static int weight_of(char mark) {
    static const int weights[] = {1, 2, 3, 4, 6, 7};
    return weights[strchr(marks, mark) - marks];
}

typedef struct tidy_state {
    mv_out *out;
    size_t start; /* of the paragraph in out */
    int mark;     /* the weight of the mark to come, 0: none */
    int n_dots;   /* in the run of marks */
    bool space;   /* something lay between the last word and here */
    bool fresh;   /* no word yet, in the paragraph or behind an opening quote: no mark fits */
    bool quoted;
    bool has_words; /* in the paragraph */
} tidy_state;

static void put_mark(tidy_state *t) {
    static const char by_weight[][4] = {"", ",", ";", ":", ".", "...", "!", "?"};
    const char *mark = by_weight[t->mark];
    if (t->mark && !t->fresh) {
        mv_out_put(t->out, mark, strlen(mark));
        t->space = true;
    }
    t->mark = 0;
    t->n_dots = 0;
}

static void put_space(tidy_state *t) {
    char last = mv_out_last(t->out);
    bool behind_opening = t->quoted && t->fresh && last == '"';
    if (t->space && t->out->len > t->start && last != ' ' && !behind_opening)
        mv_out_char(t->out, ' ');
    t->space = false;
}

static void put_quote(tidy_state *t, const char *p) {
    bool opening = !t->quoted;
    /* A quote that nothing closes, or that stands in the air, is told by what touches it. */
    if (opening && !mv_is_word(p[1]) && p[1] != '\'' && mv_is_word(p[-1])) opening = false;
    if (opening) {
        put_mark(t);
        t->space = t->space || mv_is_word(mv_out_last(t->out));
        put_space(t);
        mv_out_char(t->out, '"');
        t->fresh = true;
        t->quoted = true;
        return;
    }
    if (t->fresh && mv_out_last(t->out) == '"') { /* nothing was quoted */
        t->out->len--;
        t->out->data[t->out->len] = '\0';
        t->fresh = !t->has_words;
        t->quoted = false;
        t->space = t->out->len > t->start;
        return;
    }
    int mark = t->mark;
    t->space = false;
    put_mark(t);
    mv_out_char(t->out, '"');
    t->quoted = false;
    t->space = false;
    t->fresh = mark != 0; /* the mark inside the quotes is enough */
}

static void end_paragraph(tidy_state *t) {
    if (t->mark == 1) t->mark = 0; /* a comma before nothing */
    put_mark(t);
    mv_out_trim(t->out);
    if (!t->has_words && t->out->data) {
        t->out->len = t->start;
        t->out->data[t->out->len] = '\0';
    }
    if (t->out->len > t->start) mv_out_put(t->out, "\n\n", 2);
    t->start = t->out->len;
    t->space = t->quoted = t->has_words = false;
    t->fresh = true;
}

/* An apostrophe that belongs to a word, or quotes one. */
static bool is_apostrophe(const char *p) {
    return *p == '\'' && (mv_is_word(p[1]) || mv_is_word(p[-1]));
}

static const char *put_piece(tidy_state *t, const char *p) {
    if (*p == ' ') {
        t->space = true;
    } else if (*p == '"') {
        put_quote(t, p);
    } else if (strchr(marks, *p)) {
        int weight = weight_of(*p);
        if (*p == '.' && ++t->n_dots >= 3) weight = ELLIPSIS_WEIGHT;
        if (weight > t->mark) t->mark = weight;
        if (t->mark < ELLIPSIS_WEIGHT && t->n_dots >= 3) t->mark = ELLIPSIS_WEIGHT;
    } else if (mv_is_word(*p) || is_apostrophe(p) || (*p == '-' && mv_is_word(p[-1]))) {
        put_mark(t);
        put_space(t);
        mv_out_char(t->out, *p);
        if (mv_is_word(*p)) t->has_words = true;
        t->fresh = false;
    } else {
        t->space = true;
    }
    return p + 1;
}

void mv_tidy(const char *text, mv_out *out) {
    tidy_state t = {.out = out, .start = out->len, .fresh = true};
    for (const char *p = text + 1; *p;) {
        if (*p == '\n') {
            end_paragraph(&t);
            p++;
        } else {
            p = put_piece(&t, p);
        }
    }
    end_paragraph(&t);
    while (out->len && out->data[out->len - 1] == '\n')
        out->data[--out->len] = '\0';
}
