/* normalize.c - the order of work: characters, tags, markup, words, punctuation, each a pass over
 * the whole text. The pass over words is here: at each border of a word the readers of what may
 * begin with this character are asked in turn, and what none of them knows is copied.
 *
 * All of it is done again until it changes nothing, which for ordinary text is the second time: so
 * text that was normalised stays as it is, by construction. */
#include "text/normalize.h"

#include "base/memory.h"
#include "text/normalize_parts.h"

#include <string.h>

/* ---- the readers ----------------------------------------------------------------------------- */

static mv_reader *const for_digits[] = {
    mv_read_web,      mv_read_date,    mv_read_phone,    mv_read_time,
    mv_read_fraction, mv_read_special, mv_read_quantity, NULL};
static mv_reader *const for_letters[] = {mv_read_web,      mv_read_month,        mv_read_money,
                                         mv_read_emoticon, mv_read_abbreviation, mv_read_initials,
                                         mv_read_roman,    mv_read_acronym,      NULL};
static mv_reader *const for_signs[] = {mv_read_emoticon, mv_read_phone,  mv_read_money,
                                       mv_read_decade,   mv_read_symbol, NULL};

static size_t ask(mv_scan *scan, mv_reader *const *readers, const char *p) {
    size_t n = 0;
    while (*readers && n == 0)
        n = (*readers++)(scan, p);
    return n;
}

/* ---- copying --------------------------------------------------------------------------------- */

static bool begins_sentence(const mv_out *out) {
    size_t i = out->len;
    while (i > 0 && (out->data[i - 1] == ' ' || out->data[i - 1] == '"'))
        i--;
    return i == 0 || strchr(".!?\n", out->data[i - 1]);
}

/* Letters, up to the next that are none. In a paragraph in capitals, in small letters. */
static size_t copy_word(mv_scan *scan, const char *p) {
    mv_out *out = scan->out;
    size_t n = 0;
    bool capital = begins_sentence(out), alone;
    while (mv_is_letter(p[n]) && !(n && mv_is_sign(p + n)))
        n++;
    alone = n == 1 && *p == 'I';
    if (out->spoken) mv_out_char(out, ' ');
    if (!scan->shouting || alone) {
        mv_out_put(out, p, n);
        return n;
    }
    for (size_t i = 0; i < n; i++)
        mv_out_char(out, i == 0 && capital ? p[i] : mv_lower(p[i]));
    return n;
}

/* "word.word", ".env": a dot that is spoken, or the end of a sentence without its space. */
static size_t read_dot(mv_scan *scan, const char *p) {
    bool inside = mv_is_word(p[-1]) && mv_is_word(p[1]);
    bool leading = mv_is_gap(p[-1]) && mv_is_letter(p[1]);
    if (!inside && !leading) return 0;
    if (mv_is_upper(p[1]) && mv_is_lower(p[2]))
        mv_out_put(scan->out, ". ", 2);
    else
        mv_out_say(scan->out, "dot");
    return 1;
}

/* What goes on with a word: the s of "it's". Readers would take it for a word of its own. */
static bool continues_word(const char *p) {
    return mv_is_letter(p[-1]) || (p[-1] == '\'' && mv_is_letter(p[-2]));
}

static size_t scan_at(mv_scan *scan, const char *p) {
    size_t n = 0;
    if (mv_is_digit(*p) || (*p == '.' && mv_is_digit(p[1]) && !mv_is_word(p[-1]))) {
        n = ask(scan, for_digits, p);
    } else if (mv_is_alpha(*p)) {
        if (!continues_word(p)) n = ask(scan, for_letters, p);
        return n ? n : copy_word(scan, p);
    } else if (*p == '"') {
        scan->quoted = !scan->quoted;
    } else {
        n = *p == '.' ? read_dot(scan, p) : 0;
        if (n == 0) n = ask(scan, for_signs, p);
    }
    if (n == 0) {
        if (mv_is_foreign(*p)) return copy_word(scan, p);
        mv_out_char(scan->out, *p);
        n = 1;
    }
    return n;
}

/* Three words of two letters and more, all letters capitals. */
static bool is_shouting(const char *p) {
    size_t n_words = 0, n = 0;
    for (; !mv_is_end(*p); p++) {
        if (mv_is_lower(*p)) return false;
        n = mv_is_upper(*p) ? n + 1 : 0;
        n_words += n == 2;
    }
    return n_words >= 3;
}

static void say_words(const char *text, mv_out *out) {
    mv_scan scan = {.out = out};
    mv_out_char(out, '\n');
    scan.shouting = is_shouting(text + 1);
    for (const char *p = text + 1; *p && !out->failed;) {
        if (*p == '\n') {
            mv_out_char(out, '\n');
            scan.quoted = false;
            scan.shouting = is_shouting(++p);
            scan.path_end = NULL;
            continue;
        }
        p += scan_at(&scan, p);
    }
}

/* ---- the passes ------------------------------------------------------------------------------ */

/* One round over text; *out is empty before. False without memory. */
static bool normalize_once(const char *text, size_t len, mv_out *out) {
    mv_out a = {0}, b = {0};
    bool ok;
    mv_out_char(&a, '\n');
    mv_clean(text, len, &a);
    ok = !a.failed;
    if (ok) mv_strip_tags(a.data, &b);
    ok = ok && !b.failed;
    mv_out_empty(&a);
    if (ok) mv_strip_markup(b.data, &a);
    ok = ok && !a.failed;
    mv_out_empty(&b);
    if (ok) say_words(a.data, &b);
    ok = ok && !b.failed;
    if (ok) mv_tidy(b.data, out);
    mv_out_put(out, "", 0);
    ok = ok && !out->failed;
    mv_free(a.data);
    mv_free(b.data);
    return ok;
}

marvis_status mv_normalize(const char *text, size_t len, char **out, size_t *out_len,
                           marvis_error *err) {
    enum { MOST_ROUNDS = 8 };
    mv_out from = {0}, to = {0};
    bool ok = normalize_once(text, len, &to), same = false;
    *out = NULL;
    *out_len = 0;
    for (int round = 1; ok && !same && round < MOST_ROUNDS; round++) {
        mv_out swap = from;
        from = to;
        to = swap;
        mv_out_empty(&to);
        ok = normalize_once(from.data, from.len, &to);
        same = ok && from.len == to.len && memcmp(from.data, to.data, to.len) == 0;
    }
    mv_free(from.data);
    if (!ok) {
        mv_free(to.data);
        return mv_fail_memory(err, len, "normalised text");
    }
    *out = to.data;
    *out_len = to.len;
    return MARVIS_OK;
}
