/* pretokenize.c - see pretokenize.h. Follows the semantics of Hugging Face's `tokenizers`: each
 * stage sees every piece as a text of its own, and empty pieces vanish. */
#include "text/pretokenize.h"

#include "base/memory.h"
#include "text/utf8.h"

#include <string.h>

const char mv_byte_level_regex[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+|"
                                   " ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/* A cut of one piece; matches and what lies between them cover it. */
typedef struct cut {
    size_t start, end;
    bool match;
} cut;

typedef struct cuts {
    cut *items;
    size_t n, cap;
} cuts;

void mv_pieces_deinit(mv_pieces *pieces) {
    mv_free(pieces->text);
    mv_free(pieces->items);
    *pieces = (mv_pieces){0};
}

marvis_status mv_pieces_push(mv_pieces *pieces, mv_piece piece, marvis_error *err) {
    if (piece.len == 0 && piece.id < 0) return MARVIS_OK;
    if (pieces->n == pieces->cap) {
        size_t cap = pieces->cap + pieces->cap / 2 + 32;
        mv_piece *grown = mv_grow(pieces->items, cap, sizeof *grown);
        if (!grown) return mv_fail_memory(err, cap * sizeof *grown, "pieces of text");
        pieces->items = grown;
        pieces->cap = cap;
    }
    pieces->items[pieces->n++] = piece;
    return MARVIS_OK;
}

static marvis_status push_cut(cuts *c, cut added, marvis_error *err) {
    if (c->n == c->cap) {
        size_t cap = c->cap + c->cap / 2 + 32;
        cut *grown = mv_grow(c->items, cap, sizeof *grown);
        if (!grown) return mv_fail_memory(err, cap * sizeof *grown, "pieces of text");
        c->items = grown;
        c->cap = cap;
    }
    c->items[c->n++] = added;
    return MARVIS_OK;
}

/* ---- splitting ---- */

static marvis_status find_cuts(mv_matcher *matcher, bool invert, const char *text, size_t len,
                               cuts *c, marvis_error *err) {
    c->n = 0;
    size_t done = 0;
    mv_matcher_start(matcher, text, len);
    for (;;) {
        bool found;
        size_t start, end;
        MV_TRY(mv_matcher_next(matcher, &found, &start, &end, err));
        if (!found) break;
        if (start > done) MV_TRY(push_cut(c, (cut){done, start, invert}, err));
        MV_TRY(push_cut(c, (cut){start, end, !invert}, err));
        done = end;
    }
    if (done < len) MV_TRY(push_cut(c, (cut){done, len, invert}, err));
    return MARVIS_OK;
}

/* Joins each cut to the one before it where the behavior says so. */
static void join_with_previous(cuts *c, bool contiguous) {
    size_t n = 0;
    bool last_match = false;
    for (size_t i = 0; i < c->n; i++) {
        cut added = c->items[i];
        bool join = contiguous ? added.match == last_match : added.match && !last_match;
        if (join && n)
            c->items[n - 1].end = added.end;
        else
            c->items[n++] = added;
        last_match = added.match;
    }
    c->n = n;
}

/* From the end: a match joins what follows it, unless that is a match too. */
static void join_with_next(cuts *c) {
    size_t first = c->n;
    bool last_match = false;
    for (size_t i = c->n; i-- > 0;) {
        cut added = c->items[i];
        if (added.match && !last_match && first < c->n)
            c->items[first].start = added.start;
        else
            c->items[--first] = added;
        last_match = added.match;
    }
    c->n -= first;
    if (c->n) memmove(c->items, c->items + first, c->n * sizeof *c->items);
}

static marvis_status emit_cuts(cuts *c, mv_split_behavior behavior, size_t base, mv_pieces *out,
                               marvis_error *err) {
    if (behavior == MV_SPLIT_CONTIGUOUS)
        join_with_previous(c, true);
    else if (behavior == MV_SPLIT_MERGED_WITH_PREVIOUS)
        join_with_previous(c, false);
    else if (behavior == MV_SPLIT_MERGED_WITH_NEXT)
        join_with_next(c);
    for (size_t i = 0; i < c->n; i++) {
        const cut *k = &c->items[i];
        if (behavior == MV_SPLIT_REMOVED && k->match) continue;
        mv_piece piece = {.start = base + k->start, .len = k->end - k->start, .id = -1};
        MV_TRY(mv_pieces_push(out, piece, err));
    }
    return MARVIS_OK;
}

/* Fills out->items with the pieces of `in` after splitting; the text is shared. */
static marvis_status split_pieces(const mv_stage *stage, mv_matcher *matcher, const mv_pieces *in,
                                  mv_pieces *out, cuts *c, marvis_error *err) {
    for (size_t i = 0; i < in->n; i++) {
        mv_piece piece = in->items[i];
        if (piece.id >= 0) {
            MV_TRY(mv_pieces_push(out, piece, err));
            continue;
        }
        MV_TRY(find_cuts(matcher, stage->invert, in->text + piece.start, piece.len, c, err));
        MV_TRY(emit_cuts(c, stage->behavior, piece.start, out, err));
    }
    return MARVIS_OK;
}

static marvis_status split(const mv_stage *stage, mv_pieces *pieces, marvis_error *err) {
    mv_matcher *matcher;
    MV_TRY(mv_matcher_create(stage->regex, &matcher, err));
    mv_pieces out = {0};
    cuts c = {0};
    marvis_status status = split_pieces(stage, matcher, pieces, &out, &c, err);
    mv_matcher_destroy(&matcher);
    mv_free(c.items);
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

/* ---- ByteLevel ---- */

uint32_t mv_byte_alphabet(unsigned char b) {
    if (b <= 0x20) return 0x100u + b;           /* 33 controls and space */
    if (b < 0x7f) return b;                     /* '!'..'~' */
    if (b <= 0xa0) return 0x121u + (b - 0x7fu); /* 34 more */
    return b == 0xad ? 0x143u : b;              /* soft hyphen is the last */
}

/* How one piece is rewritten: a space before it, or its bytes as characters of the alphabet. */
typedef size_t (*rewrite_fn)(const char *piece, size_t len, char *out);

static size_t prefix_space(const char *piece, size_t len, char *out) {
    size_t space = piece[0] == ' ' ? 0 : 1;
    if (space) out[0] = ' ';
    memcpy(out + space, piece, len);
    return len + space;
}

static size_t map_bytes(const char *piece, size_t len, char *out) {
    char *to = out;
    for (size_t i = 0; i < len; i++)
        to += mv_utf8_encode(mv_byte_alphabet((unsigned char)piece[i]), to);
    return (size_t)(to - out);
}

/* Rewrites every piece into a new text; no piece grows to more than twice its length. */
static marvis_status rewrite_pieces(mv_pieces *pieces, rewrite_fn rewrite, marvis_error *err) {
    size_t most = 0;
    for (size_t i = 0; i < pieces->n; i++)
        if (pieces->items[i].id < 0) most += 2 * pieces->items[i].len;
    if (most == 0) return MARVIS_OK;
    char *text = mv_grow(NULL, most, 1);
    if (!text) return mv_fail_memory(err, most, "text");
    size_t len = 0;
    for (size_t i = 0; i < pieces->n; i++) {
        mv_piece *piece = &pieces->items[i];
        if (piece->id >= 0) continue;
        size_t n = rewrite(pieces->text + piece->start, piece->len, text + len);
        *piece = (mv_piece){.start = len, .len = n, .id = -1};
        len += n;
    }
    mv_free(pieces->text);
    pieces->text = text;
    pieces->len = len;
    return MARVIS_OK;
}

marvis_status mv_stage_run(const mv_stage *stage, mv_pieces *pieces, marvis_error *err) {
    if (stage->add_prefix_space) MV_TRY(rewrite_pieces(pieces, prefix_space, err));
    if (stage->regex) MV_TRY(split(stage, pieces, err));
    if (stage->byte_level) MV_TRY(rewrite_pieces(pieces, map_bytes, err));
    return MARVIS_OK;
}
