/* added_tokens.c - see added_tokens.h. The rules, odd ones included, are those of `tokenizers`
 * 0.22: a match that is passed over (a special token that shall stay text, a word that goes on)
 * still uses up its characters, so no shorter token inside it is found. */
#include "text/added_tokens.h"

#include "base/memory.h"
#include "base/text.h"
#include "text/utf8.h"

#include <stdlib.h>

/* The tokens of one pass, sorted by content. */
typedef struct token_set {
    const mv_added_token *items;
    size_t n;
} token_set;

static int compare_tokens(const void *a, const void *b) {
    const mv_added_token *x = a, *y = b;
    if (x->normalized != y->normalized) return x->normalized ? 1 : -1;
    return mv_compare_bytes(x->content, x->len, y->content, y->len);
}

static bool same_content(const mv_added_token *a, const mv_added_token *b) {
    return mv_compare_bytes(a->content, a->len, b->content, b->len) == 0;
}

static token_set pass_set(const mv_added_tokens *added, int pass) {
    if (pass == 0) return (token_set){added->items, added->n_first};
    return (token_set){added->n ? added->items + added->n_first : NULL, added->n - added->n_first};
}

static const mv_added_token *find_in(token_set set, const char *content, size_t len) {
    size_t low = 0, high = set.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const mv_added_token *t = &set.items[middle];
        int order = mv_compare_bytes(t->content, t->len, content, len);
        if (!order) return t;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const mv_added_token *mv_added_find(const mv_added_tokens *added, const char *content, size_t len) {
    const mv_added_token *t = find_in(pass_set(added, 0), content, len);
    return t ? t : find_in(pass_set(added, 1), content, len);
}

marvis_status mv_added_index(mv_added_tokens *added, const char *path, marvis_error *err) {
    if (!added->n) return MARVIS_OK;
    qsort(added->items, added->n, sizeof *added->items, compare_tokens);
    added->n_first = 0;
    while (added->n_first < added->n && !added->items[added->n_first].normalized)
        added->n_first++;
    token_set first = pass_set(added, 0);
    for (size_t i = 0; i < added->n; i++) {
        const mv_added_token *t = &added->items[i];
        bool twice = i > 0 && i != added->n_first && same_content(t - 1, t);
        if (twice || (i >= added->n_first && find_in(first, t->content, t->len)))
            return mv_fail(err, MARVIS_ERR_TOKENIZER, "%s: added_tokens: \"%s\" occurs twice", path,
                           t->content);
    }
    return MARVIS_OK;
}

void mv_added_deinit(mv_added_tokens *added) {
    for (size_t i = 0; i < added->n; i++)
        mv_free(added->items[i].content);
    mv_free(added->items);
    mv_regex_destroy(&added->word);
    *added = (mv_added_tokens){0};
}

/* The longest token that begins at text, or NULL: the range of tokens that begin as the text does
 * is narrowed byte by byte. */
static const mv_added_token *longest_at(token_set set, const char *text, size_t len) {
    const mv_added_token *longest = NULL;
    size_t begin = 0, end = set.n;
    for (size_t depth = 0; begin < end; depth++) {
        if (set.items[begin].len == depth) longest = &set.items[begin++];
        if (depth == len) break;
        unsigned char c = (unsigned char)text[depth];
        size_t bounds[2] = {begin, begin};
        for (unsigned i = 0; i < 2; i++) { /* first token whose byte is >= c, then > c */
            size_t low = bounds[0], high = end;
            while (low < high) {
                size_t middle = low + (high - low) / 2;
                if ((unsigned char)set.items[middle].content[depth] < c + i)
                    low = middle + 1;
                else
                    high = middle;
            }
            bounds[i] = low;
        }
        begin = bounds[0];
        end = bounds[1];
    }
    return longest;
}

/* Start of the character before s[at], at > 0. */
static size_t step_back(const char *s, size_t at) {
    do
        at--;
    while (at > 0 && ((unsigned char)s[at] & 0xc0u) == 0x80u);
    return at;
}

static bool white_space_at(const char *s, size_t at, size_t len) {
    uint32_t cp;
    (void)mv_utf8_decode(s + at, len - at, &cp);
    return mv_is_white_space(cp);
}

static marvis_status is_word(mv_matcher *word, const char *s, size_t at, bool *yes,
                             marvis_error *err) {
    size_t start, end;
    mv_matcher_start(word, s + at, mv_utf8_len(s[at]));
    return mv_matcher_next(word, yes, &start, &end, err);
}

/* Whether a word character touches [start, stop) from outside. */
static marvis_status touches_word(mv_matcher *word, const char *s, size_t len, size_t start,
                                  size_t stop, bool *yes, marvis_error *err) {
    *yes = false;
    if (start > 0) MV_TRY(is_word(word, s, step_back(s, start), yes, err));
    if (!*yes && stop < len) MV_TRY(is_word(word, s, stop, yes, err));
    return MARVIS_OK;
}

typedef struct finder {
    token_set set;
    bool parse_special;
    mv_matcher *word;
    mv_pieces *out;
} finder;

/* Cuts one piece at the tokens of one pass. */
static marvis_status find_tokens(const finder *f, const char *s, size_t base, size_t len,
                                 marvis_error *err) {
    size_t done = 0;
    for (size_t at = 0; at < len;) {
        const mv_added_token *t = longest_at(f->set, s + at, len - at);
        if (!t) {
            at += mv_utf8_len(s[at]);
            continue;
        }
        size_t start = at, stop = at + t->len;
        at = stop;
        if (t->special && !f->parse_special) continue;
        if (t->single_word) {
            bool inside;
            MV_TRY(touches_word(f->word, s, len, start, stop, &inside, err));
            if (inside) continue;
        }
        while (t->lstrip && start > done && white_space_at(s, step_back(s, start), len))
            start = step_back(s, start);
        while (t->rstrip && stop < len && white_space_at(s, stop, len))
            stop += mv_utf8_len(s[stop]);
        if (start > done)
            MV_TRY(mv_pieces_push(f->out, (mv_piece){base + done, start - done, -1}, err));
        MV_TRY(mv_pieces_push(f->out, (mv_piece){base + start, stop - start, t->id}, err));
        done = stop;
    }
    if (done < len) MV_TRY(mv_pieces_push(f->out, (mv_piece){base + done, len - done, -1}, err));
    return MARVIS_OK;
}

static marvis_status run_pass(const mv_added_tokens *added, int pass, bool parse_special,
                              mv_matcher *word, mv_pieces *pieces, marvis_error *err) {
    mv_pieces out = {0};
    finder f = {pass_set(added, pass), parse_special, word, &out};
    marvis_status status = MARVIS_OK;
    for (size_t i = 0; i < pieces->n && status == MARVIS_OK; i++) {
        mv_piece piece = pieces->items[i];
        if (piece.id >= 0)
            status = mv_pieces_push(&out, piece, err);
        else
            status = find_tokens(&f, pieces->text + piece.start, piece.start, piece.len, err);
    }
    if (status != MARVIS_OK) {
        mv_free(out.items);
        return status;
    }
    mv_free(pieces->items);
    pieces->items = out.items;
    pieces->n = out.n;
    pieces->cap = out.cap;
    return MARVIS_OK;
}

marvis_status mv_added_split(const mv_added_tokens *added, bool parse_special, mv_pieces *pieces,
                             marvis_error *err) {
    mv_matcher *word = NULL;
    marvis_status status = MARVIS_OK;
    if (added->word) MV_TRY(mv_matcher_create(added->word, &word, err));
    for (int pass = 0; pass < 2 && status == MARVIS_OK; pass++)
        if (pass_set(added, pass).n)
            status = run_pass(added, pass, parse_special, word, pieces, err);
    mv_matcher_destroy(&word);
    return status;
}
