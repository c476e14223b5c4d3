/* normalize_out.c - growing text and the small questions about characters and words that all
 * readers ask (see normalize_parts.h). */
#include "text/normalize_parts.h"

#include "base/memory.h"

#include <string.h>

/* ---- words in the text ---------------------------------------------------------------------- */

size_t mv_count_digits(const char *p) {
    size_t n = 0;
    while (mv_is_digit(p[n]))
        n++;
    return n;
}

size_t mv_count_alpha(const char *p) {
    size_t n = 0;
    while (mv_is_alpha(p[n]))
        n++;
    return n;
}

bool mv_begins(const char *p, const char *word) {
    for (; *word; p++, word++) {
        if (mv_lower(*p) != *word) return false;
    }
    return true;
}

bool mv_begins_word(const char *p, const char *word) {
    return mv_begins(p, word) && !mv_is_word(p[strlen(word)]);
}

bool mv_is_sign(const char *p) {
    static const char *const signs[] = {"\u00a2", "\u00a3", "\u00a5", "\u00b0", "\u00b2", "\u00b3",
                                        "\u00b9", "\u00d7", "\u2022", "\u2070", "\u2074", "\u2075",
                                        "\u2076", "\u2077", "\u2078", "\u2079", "\u20a9", "\u20ac",
                                        "\u20b9", "\u20bd", "\u20bf"};
    if (!mv_is_foreign(*p)) return false;
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (strncmp(p, signs[i], strlen(signs[i])) == 0) return true;
    }
    return false;
}

bool mv_among(const char *p, size_t n, const char *words) {
    while (*words) {
        size_t n_word = strcspn(words, " "), i = 0;
        while (i < n && i < n_word && mv_lower(p[i]) == words[i])
            i++;
        if (i == n && i == n_word) return true;
        words += n_word + (words[n_word] == ' ');
    }
    return false;
}

size_t mv_word_before(const char *p, const char **word) {
    const char *end;
    enum { LONGEST = 40 };
    if (p[-1] == ' ') p--;
    end = p;
    while (mv_is_letter(p[-1]) && end - p < LONGEST)
        p--;
    *word = p;
    return (size_t)(end - p);
}

/* ---- output --------------------------------------------------------------------------------- */

static bool reserve(mv_out *out, size_t n) {
    size_t need, cap;
    char *data;
    if (out->failed) return false;
    if (!mv_add_size(out->len, n, &need) || !mv_add_size(need, 1, &need)) {
        out->failed = true;
        return false;
    }
    if (need <= out->cap) return true;
    if (!mv_add_size(need, need / 2 + 64, &cap)) cap = need;
    data = mv_grow(out->data, cap, 1);
    if (!data) {
        out->failed = true;
        return false;
    }
    out->data = data;
    out->cap = cap;
    return true;
}

void mv_out_put(mv_out *out, const char *text, size_t n) {
    if (!reserve(out, n)) return;
    if (n) memcpy(out->data + out->len, text, n);
    out->len += n;
    out->data[out->len] = '\0';
    out->spoken = false;
}

void mv_out_char(mv_out *out, char c) { mv_out_put(out, &c, 1); }

char mv_out_last(const mv_out *out) { return out->len ? out->data[out->len - 1] : '\n'; }

void mv_out_empty(mv_out *out) {
    out->len = 0;
    out->spoken = false;
    if (out->data) out->data[0] = '\0';
}

void mv_out_trim(mv_out *out) {
    while (out->len && out->data[out->len - 1] == ' ')
        out->data[--out->len] = '\0';
}

void mv_out_say_n(mv_out *out, const char *words, size_t n) {
    char last = mv_out_last(out);
    if (mv_is_word(last) || strchr(",.;:?!", last)) mv_out_char(out, ' ');
    mv_out_put(out, words, n);
    out->spoken = true;
}

void mv_out_say(mv_out *out, const char *words) { mv_out_say_n(out, words, strlen(words)); }

void mv_out_mark(mv_out *out, char mark) {
    mv_out_trim(out);
    mv_out_char(out, mark);
}

void mv_out_spell(mv_out *out, const char *letters, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char c = mv_is_lower(letters[i]) ? (char)(letters[i] - ('a' - 'A')) : letters[i];
        mv_out_say_n(out, &c, 1);
    }
}

/* Cuts `tail` off the end and puts `with` there; false when the end is another. */
static bool replace_tail(mv_out *out, const char *tail, const char *with) {
    size_t n = strlen(tail);
    if (out->len < n || memcmp(out->data + out->len - n, tail, n) != 0) return false;
    out->len -= n;
    mv_out_put(out, with, strlen(with));
    out->spoken = true;
    return true;
}

void mv_out_make_ordinal(mv_out *out) {
    static const char *const tails[][2] = {
        {"one", "first"},      {"two", "second"},   {"three", "third"},
        {"five", "fifth"},     {"eight", "eighth"}, {"nine", "ninth"},
        {"twelve", "twelfth"}, {"y", "ieth"},       {"", "th"},
    };
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        if (replace_tail(out, tails[i][0], tails[i][1])) return;
    }
}

void mv_out_make_plural(mv_out *out) {
    static const char *const tails[][2] = {{"y", "ies"}, {"six", "sixes"}, {"", "s"}};
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        if (replace_tail(out, tails[i][0], tails[i][1])) return;
    }
}
