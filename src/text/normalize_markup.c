/* normalize_markup.c - the second pass: HTML tags and Markdown go, the words in them stay. Text
 * becomes paragraphs, one a line; headings, items of lists and rows of tables end as sentences do.
 *
 * Not spoken: tags, targets of links, definitions of links, marks of footnotes, rulers, the
 * language of a code block. */
#include "text/normalize_parts.h"

#include <string.h>

/* ---- tags ----------------------------------------------------------------------------------- */

static const char inline_tags[] =
    "a abbr acronym b bdi bdo big cite code data del dfn em font i img input ins kbd label mark q "
    "rp rt ruby s samp small span strike strong sub sup time tt u var wbr";
static const char block_tags[] =
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 head header hr html main meta nav ol p pre script section style "
    "summary table tbody tfoot thead title ul";

/* What stands for a tag, or NULL when it is none that we know. */
static const char *tag_text(const char *name, size_t n) {
    if (mv_among(name, n, "br")) return ",\n";
    if (mv_among(name, n, "li")) return "\n- ";
    if (mv_among(name, n, "tr")) return "\n| ";
    if (mv_among(name, n, "td th")) return " | ";
    if (mv_among(name, n, inline_tags)) return "";
    if (mv_among(name, n, block_tags)) return "\n\n";
    return NULL;
}

/* The end of a tag, behind its '>'; NULL: none before the next '<'. `none_before` remembers how far
 * was searched in vain, so that all searches together read the text once. */
static const char *tag_end(const char *p, const char **none_before) {
    if (p < *none_before) return NULL;
    while (*p && *p != '>' && *p != '<')
        p++;
    if (*p == '>') return p + 1;
    *none_before = p;
    return NULL;
}

void mv_strip_tags(const char *text, mv_out *out) {
    const char *none_before = text;
    bool comments = true; /* one may still end */
    for (const char *p = text; *p;) {
        const char *name = p + 1, *end = NULL, *put = NULL;
        size_t n = 0;
        bool closing;
        if (*p != '<') {
            n = strcspn(p, "<");
            mv_out_put(out, p, n);
            p += n;
            continue;
        }
        if (comments && strncmp(p, "<!--", 4) == 0) {
            end = strstr(p, "-->");
            comments = end != NULL;
            if (end) {
                p = end + 3;
                continue;
            }
        }
        closing = *name == '/';
        if (closing) name++;
        while (mv_is_alnum(name[n]) && n < 12)
            n++;
        if (n && (name[n] == '>' || name[n] == '/' || name[n] == ' ' || name[n] == '\n'))
            put = tag_text(name, n);
        if (put) end = tag_end(name, &none_before);
        if (!end) {
            mv_out_char(out, *p++);
            continue;
        }
        if (closing && put[0] == '\n' && put[1] != '\n') put = " ";
        if (closing && put[0] == ' ') put = " ";
        mv_out_put(out, put, strlen(put));
        p = end;
    }
}

/* ---- inside a line -------------------------------------------------------------------------- */

/* p is "(target)" or "(target "title")" of a link: its length, or 0. A target looks like one: what
 * has neither dot nor slash nor # is an aside in brackets. */
static size_t link_target(const char *p) {
    size_t n = 1;
    bool likely = false, nested = false;
    if (*p != '(') return 0;
    for (; p[n] && !strchr("\n []", p[n]); n++) {
        if (p[n] == '(' && nested) return 0;
        if (p[n] == '(') {
            nested = true;
            continue;
        }
        if (p[n] == ')' && !nested) break;
        if (p[n] == ')') nested = false;
        if (strchr("./#:", p[n])) likely = true;
    }
    if (p[n] == ' ' && p[n + 1] == '"') {
        n += 2;
        n += strcspn(p + n, "\"\n[");
        n += p[n] == '"';
    }
    return p[n] == ')' && likely ? n + 1 : 0;
}

/* "[12]", "[1, 2]", "[^note]", "[ ]" at p: its length, or 0. */
static size_t footnote_mark(const char *p) {
    size_t n = 1;
    if (p[1] == '^') {
        while (mv_is_word(p[n]) || strchr("^-_", p[n])) {
            if (!p[n]) return 0;
            n++;
        }
        return p[n] == ']' ? n + 1 : 0;
    }
    for (; mv_is_digit(p[n]) || p[n] == ',' || p[n] == ' ' || p[n] == '-'; n++) {
        if (mv_count_digits(p + n) > 3) return 0;
    }
    return n > 1 && p[n] == ']' ? n + 1 : 0;
}

static void put_inline(mv_out *out, const char *p, const char *end);

/* At a '[': puts the text of a link and returns how much was read, or 0. */
static size_t put_link(mv_out *out, const char *p, const char *end) {
    size_t n = footnote_mark(p), target;
    const char *close = p + 1;
    if (n) return n;
    while (close < end && *close != ']' && *close != '[')
        close++;
    if (close == end || *close != ']') return 0;
    target = link_target(close + 1);
    if (!target && close[1] == '[') { /* [text][reference] */
        size_t i = 2;
        while (close + i < end && close[i] != ']' && close[i] != '[' && close[i] != ' ')
            i++;
        if (close + i < end && close[i] == ']') target = i;
    }
    if (!target) return 0;
    put_inline(out, p + 1, close);
    return (size_t)(close + 1 - p) + target;
}

/* A mark of emphasis at p: its length; *space: it parts two words. 0: it is none. */
static size_t emphasis(const char *p, bool *space) {
    char c = *p;
    size_t n = 0;
    bool before = mv_is_word(p[-1]), after;
    while (p[n] == c && n < 3)
        n++;
    after = mv_is_word(p[n]);
    *space = false;
    if (c == '`') return n;
    if (c == '~') return n == 2 ? n : 0;
    if (c == '_') return before && after ? 0 : n;
    if (n == 1 && p[-1] == ' ' && p[n] == ' ') return 0;
    if (n == 1 && mv_is_digit(p[-1]) && mv_is_digit(p[n])) return 0;
    *space = before && after;
    return n;
}

static void put_inline(mv_out *out, const char *p, const char *end) {
    while (p < end) {
        size_t n = 0;
        bool space = false;
        if (*p == '[' || (*p == '!' && p[1] == '[')) {
            n = put_link(out, p + (*p == '!'), end);
            if (n) n += *p == '!';
        } else if (*p == '*' || *p == '_' || *p == '`' || *p == '~') {
            n = emphasis(p, &space);
            if (n && space) mv_out_char(out, ' ');
        } else if (*p == '\\' && p[1] && strchr("\\`*_{}[]()#+-.!|<>~", p[1]) && p + 1 < end) {
            mv_out_char(out, p[1]);
            n = 2;
        }
        if (n == 0) {
            mv_out_char(out, *p);
            n = 1;
        }
        p += n;
    }
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* A full stop behind a heading, an item or a row that has no mark of its own. */
static void end_sentence(mv_out *out) {
    size_t i;
    mv_out_trim(out);
    i = out->len;
    while (i > 0 && strchr("\"')]", out->data[i - 1]))
        i--;
    if (i > 0 && !strchr(".!?:;,\n", out->data[i - 1])) mv_out_char(out, '.');
}

static void end_paragraph(mv_out *out) {
    mv_out_trim(out);
    if (mv_out_last(out) != '\n') mv_out_char(out, '\n');
}

/* ---, ===, |---|:--|: nothing but such signs, three at least. */
static bool is_ruler(const char *p, const char *end) {
    size_t n = 0;
    for (; p < end; p++) {
        if (!strchr("-=*_|:+ ", *p)) return false;
        n += *p != ' ';
    }
    return n >= 3;
}

/* "[name]: target" */
static bool is_link_definition(const char *p, const char *end) {
    const char *close = p + 1;
    if (*p != '[' || p[1] == '^') return false;
    while (close < end && *close != ']')
        close++;
    if (end - close < 4 || close[1] != ':' || close[2] != ' ') return false;
    close += 3;
    return *close == '#' || *close == '/' || *close == '<' || mv_begins(close, "http");
}

/* The sign of an item at p: its length, or 0. *n_number digits of it are to be spoken. */
static size_t list_sign(const char *p, size_t *n_number) {
    size_t n = 0;
    *n_number = 0;
    if (strncmp(p, "\u2022", 3) == 0)
        n = 3;
    else if (*p && strchr("-*+", *p) && p[1] == ' ')
        n = 1;
    if (n) {
        n += strspn(p + n, " ");
        if (p[n] == '[' && p[n + 1] && strchr(" xX", p[n + 1]) && p[n + 2] == ']') n += 3;
        return n;
    }
    n = mv_count_digits(p);
    if (n == 0 || n > 3 || !(p[n] == '.' || p[n] == ')') || p[n + 1] != ' ') return 0;
    if (mv_is_end(p[n + 2])) return 0;
    *n_number = n;
    return n + 2;
}

static void put_row(mv_out *out, const char *p, const char *end) {
    while (p < end) {
        const char *cell = p;
        while (p < end && *p != '|')
            p++;
        put_inline(out, cell, p);
        mv_out_trim(out);
        if (p < end) p++;
        while (p < end && *p == ' ')
            p++;
        if (p < end) mv_out_put(out, ", ", 2);
    }
}

/* What the line before leaves for the next. */
typedef struct line_state {
    bool in_code, in_item;
} line_state;

/* A line of text, or an item of a list. */
static void put_text_line(mv_out *out, line_state *state, const char *p, const char *end) {
    size_t n_number, n = list_sign(p, &n_number);
    if (n) {
        if ((state->in_item || !n_number) && mv_out_last(out) != '\n') end_sentence(out);
        state->in_item = true;
    } else if (strncmp(p, "[^", 2) == 0) { /* the text of a footnote */
        size_t mark = footnote_mark(p);
        if (mark && p[mark] == ':') n = mark + 1;
    }
    if (mv_out_last(out) != '\n') mv_out_char(out, ' ');
    if (n_number) {
        mv_out_put(out, p, n_number);
        mv_out_put(out, ", ", 2);
    }
    put_inline(out, p + n, end);
}

static void put_line(mv_out *out, line_state *state, const char *p, const char *end) {
    size_t n = 0;
    while (*p == ' ' || (*p == '>' && (p[1] == ' ' || p[1] == '>' || p[1] == '\n')))
        p++;
    while (end > p && end[-1] == ' ')
        end--;
    if (strncmp(p, "```", 3) == 0 || strncmp(p, "~~~", 3) == 0) {
        state->in_code = !state->in_code;
        p = end;
    }
    while (p + n < end && p[n] == '#' && n < 7)
        n++;
    if (*p == '|' && is_ruler(p, end)) return;
    if (p >= end || is_ruler(p, end) || is_link_definition(p, end)) {
        if (state->in_item) end_sentence(out);
        state->in_item = false;
        end_paragraph(out);
    } else if (n && n < 7 && p[n] == ' ' && !state->in_code) {
        end_paragraph(out);
        while (end > p && (end[-1] == '#' || end[-1] == ' '))
            end--;
        if (p + n < end) put_inline(out, p + n + 1, end);
        end_sentence(out);
        end_paragraph(out);
    } else if (*p == '|' && end - p > 1) {
        if (mv_out_last(out) != '\n') end_sentence(out);
        mv_out_char(out, ' ');
        put_row(out, p + 1, end[-1] == '|' ? end - 1 : end);
        end_sentence(out);
    } else {
        put_text_line(out, state, p, end);
    }
}

void mv_strip_markup(const char *text, mv_out *out) {
    line_state state = {false, false};
    mv_out_char(out, '\n');
    for (const char *p = text; *p;) {
        const char *end = p + strcspn(p, "\n");
        put_line(out, &state, p, end);
        p = *end ? end + 1 : end;
    }
    if (state.in_item) end_sentence(out);
    end_paragraph(out);
}
