/* split.c - see split.h. Bytes become units (a character, or a run of white space); the scan goes
 * from unit to unit of the piece to come, asks the rules what stands there, and cuts as soon as it
 * knows where. It keeps what it has seen, so that no unit is judged twice. */
#include "text/split.h"

#include "base/memory.h"
#include "text/split_parts.h"

#include <assert.h>
#include <string.h>

struct mv_split {
    mv_split_options options;

    /* input */
    char partial[4]; /* [n_partial] a character that is not complete */
    size_t n_partial;
    uint64_t offset; /* bytes taken */
    size_t n_breaks; /* line breaks in the run of white space that is arriving */
    uint64_t gap_at; /* where it began */
    bool in_gap;     /* one is arriving */
    bool breaking;   /* it has a space where a line may break */
    bool after_cr;   /* a line feed now belongs to the break before */
    bool line_start; /* the next character is the first of its line */
    mv_split_line line;

    mv_split_text text;

    /* the scan of the piece to come: lengths of the piece if it ended there, 0 for none */
    size_t scan;       /* next to look at */
    size_t held;       /* a sentence that is short and may be joined with the next */
    size_t best, late; /* clauses: the best well before the soft limit, the first close to it */
    size_t best_score;
    size_t space, seam; /* last white space; last place in a word that is better than any */
    bool first;         /* nothing has been spoken yet */

    char *piece; /* owned [4 * hard_chars + 1] */
};

/* Units at most made of one byte: a gap, an invalid part, a character; and the end's. */
enum { ROOM = 4, LEAST_HARD = 16 };

/* ---- options --------------------------------------------------------------------------------- */

void mv_split_options_init(mv_split_options *options) {
    *options = (mv_split_options){.min_chars = 30,
                                  .target_chars = 160,
                                  .soft_chars = 240,
                                  .hard_chars = 360,
                                  .first_chars = 0,
                                  .lines = false};
}

static marvis_status check_order(const char *name, size_t value, const char *other, size_t limit,
                                 marvis_error *err) {
    if (value <= limit) return MARVIS_OK;
    return mv_fail(err, MARVIS_ERR_CALL, "split: %s is %zu, more than %s (%zu)", name, value, other,
                   limit);
}

static marvis_status check_options(const mv_split_options *o, marvis_error *err) {
    MV_TRY(check_order("first_chars", o->first_chars, "target_chars", o->target_chars, err));
    MV_TRY(check_order("min_chars", o->min_chars, "target_chars", o->target_chars, err));
    MV_TRY(check_order("target_chars", o->target_chars, "soft_chars", o->soft_chars, err));
    MV_TRY(check_order("soft_chars", o->soft_chars, "hard_chars", o->hard_chars, err));
    MV_TRY(check_order("hard_chars", o->hard_chars, "the most", MV_SPLIT_MOST_CHARS, err));
    if (o->hard_chars >= LEAST_HARD) return MARVIS_OK;
    return mv_fail(err, MARVIS_ERR_CALL, "split: hard_chars is %zu, at least %d is needed",
                   o->hard_chars, LEAST_HARD);
}

marvis_status mv_split_create(const mv_split_options *options, mv_split **out, marvis_error *err) {
    size_t hard = options->hard_chars;
    mv_split *split;
    *out = NULL;
    MV_TRY(check_options(options, err));
    split = mv_alloc(1, sizeof *split);
    if (!split) return mv_fail_memory(err, sizeof *split, "text splitter");
    split->options = *options;
    split->text.cap = hard + options->min_chars + MV_SPLIT_LOOKAHEAD + ROOM;
    split->text.units = mv_alloc(split->text.cap, sizeof *split->text.units);
    split->piece = mv_alloc(4 * hard + 1, 1);
    if (!split->text.units || !split->piece) {
        mv_split_destroy(&split);
        return mv_fail_memory(err, hard * sizeof(mv_split_unit), "text splitter");
    }
    mv_split_reset(split, 0);
    *out = split;
    return MARVIS_OK;
}

void mv_split_destroy(mv_split **split) {
    if (!*split) return;
    mv_free((*split)->text.units);
    mv_free((*split)->piece);
    mv_free(*split);
    *split = NULL;
}

void mv_split_reset(mv_split *split, uint64_t offset) {
    mv_split_options options = split->options;
    mv_split_text text = {.units = split->text.units, .cap = split->text.cap, .fresh = true};
    char *piece = split->piece;
    *split = (mv_split){.options = options,
                        .offset = offset,
                        .line_start = true,
                        .text = text,
                        .scan = 1,
                        .first = true,
                        .piece = piece};
}

/* ---- input ----------------------------------------------------------------------------------- */

static void push(mv_split *split, const mv_split_unit *unit) {
    assert(split->text.n < split->text.cap);
    split->text.units[split->text.n++] = *unit;
}

/* The run of white space is complete: a character follows, or the line is over. */
static void end_gap(mv_split *split) {
    mv_split_unit gap = {.begin = split->gap_at, .cp = ' ', .bytes = " ", .n_bytes = 1};
    gap.gap = MV_GAP_SPACE;
    if (!split->breaking) {
        gap.gap = MV_GAP_GLUE;
        gap.n_bytes = (uint8_t)mv_utf8_encode(0xa0, gap.bytes);
    } else if (split->n_breaks > 1 || (split->n_breaks == 1 && split->options.lines)) {
        gap.gap = MV_GAP_PARAGRAPH;
    } else if (split->n_breaks == 1) {
        gap.gap = (uint8_t)mv_split_line_end(&split->line);
    }
    if (split->n_breaks > 0) {
        split->line = (mv_split_line){.n = 0};
        split->line_start = true;
    } else if (!split->line_start) {
        mv_split_line_add(&split->line, ' ');
    }
    /* a line that is over has its gap already */
    if (split->text.n > 0 && split->text.units[split->text.n - 1].gap == MV_GAP_NONE)
        push(split, &gap);
    split->in_gap = false;
}

static void add_white_space(mv_split *split, uint32_t cp, uint64_t at) {
    bool crlf = cp == '\n' && split->after_cr;
    if (!split->in_gap) {
        split->in_gap = true;
        split->gap_at = at;
        split->n_breaks = 0;
        split->breaking = false;
    }
    split->breaking = split->breaking || (cp != 0xa0 && cp != 0x2007 && cp != 0x202f);
    if (((cp >= 0xa && cp <= 0xd) || cp == 0x85 || cp == 0x2028) && !crlf) split->n_breaks++;
    if (cp == 0x2029) split->n_breaks += 2;
    split->after_cr = cp == 0xd;
    /* Whoever writes line by line waits for each to be spoken, not for the next to begin. */
    if (split->options.lines && split->n_breaks > 0 && split->text.n > 0) end_gap(split);
}

static void add_unit(mv_split *split, const char *bytes, size_t n, uint32_t cp, uint64_t at) {
    mv_split_unit unit = {.begin = at, .cp = cp, .n_bytes = (uint8_t)n};
    if (mv_is_white_space(cp)) {
        add_white_space(split, cp, at);
        return;
    }
    if (split->in_gap) end_gap(split);
    split->after_cr = false;
    memcpy(unit.bytes, bytes, n);
    unit.line_start = split->line_start;
    split->line_start = false;
    mv_split_line_add(&split->line, cp);
    push(split, &unit);
}

/* Makes units of what is complete in `partial`; of all of it, if no more comes. */
static void take_partial(mv_split *split, bool last) {
    while (split->n_partial > 0) {
        uint32_t cp;
        unsigned char lead = (unsigned char)split->partial[0];
        size_t n = mv_utf8_decode(split->partial, split->n_partial, &cp);
        bool open = cp == UTF8_INVALID && n == split->n_partial && lead >= 0xc2 && lead <= 0xf4 &&
                    n < mv_utf8_len(split->partial[0]);
        if (open && !last) return;
        add_unit(split, split->partial, n, cp, split->offset - split->n_partial);
        split->n_partial -= n;
        memmove(split->partial, split->partial + n, split->n_partial);
    }
}

size_t mv_split_feed(mv_split *split, const char *text, size_t len) {
    size_t n = 0;
    assert(!split->text.ended || len == 0);
    while (n < len && !split->text.ended && split->text.n + ROOM <= split->text.cap) {
        split->partial[split->n_partial++] = text[n++];
        split->offset++;
        take_partial(split, false);
    }
    return n;
}

void mv_split_end(mv_split *split) {
    take_partial(split, true);
    split->text.ended = true;
}

const mv_split_unit *mv_split_at(mv_split_text *text, size_t i) {
    static const mv_split_unit end = {.gap = MV_GAP_END_OF_TEXT};
    if (i < text->n) return &text->units[i];
    if (!text->ended) text->starved = true;
    return &end;
}

/* ---- output ---------------------------------------------------------------------------------- */

/* Takes n units from the front, and the white space behind them. */
static void drop(mv_split *split, size_t n) {
    mv_split_text *text = &split->text;
    while (n < text->n && text->units[n].gap != MV_GAP_NONE)
        n++;
    text->n -= n;
    memmove(text->units, text->units + n, text->n * sizeof *text->units);
    split->scan = 1;
    split->held = split->best = split->late = split->best_score = split->space = split->seam = 0;
}

/* Hands out the first n units. */
static void cut(mv_split *split, size_t n, mv_split_border border, mv_split_piece *piece) {
    const mv_split_unit *units = split->text.units;
    *piece = (mv_split_piece){.text = split->piece, .begin = units[0].begin, .border = border};
    while (units[n - 1].gap != MV_GAP_NONE)
        n--;
    for (size_t i = 0; i < n; i++) {
        memcpy(split->piece + piece->len, units[i].bytes, units[i].n_bytes);
        piece->len += units[i].n_bytes;
        piece->has_words = piece->has_words || mv_split_is_word(units[i].cp);
    }
    split->piece[piece->len] = '\0';
    piece->n_chars = n;
    piece->end = units[n - 1].begin + units[n - 1].n_bytes;
    split->first = split->first && !piece->has_words;
    split->text.fresh = border >= MV_SPLIT_SENTENCE;
    drop(split, n);
}

/* Nowhere to cut within the hard limit but at a space, or inside a word that is longer. */
static void cut_forced(mv_split *split, mv_split_piece *piece) {
    size_t hard = split->options.hard_chars, n = hard;
    if (split->space) {
        n = split->space;
    } else if (split->seam > hard / 2) {
        n = split->seam;
    } else {
        while (n > hard / 2 && mv_split_is_mark(split->text.units[n].cp))
            n--;
    }
    cut(split, n, MV_SPLIT_FORCED, piece);
}

/* ---- the scan -------------------------------------------------------------------------------- */

/* What follows the sentence that ends at p is short and the last of its paragraph, and both fit. */
static bool tail_is_short(mv_split *split, size_t p) {
    mv_split_text *text = &split->text;
    size_t from = mv_split_at(text, p)->gap != MV_GAP_NONE ? p + 1 : p;
    for (size_t q = from; q - from < split->options.min_chars; q++) {
        if (text->starved || q > split->options.target_chars) return false;
        if (q > from && mv_split_is_paragraph(text, q)) return true;
    }
    return false;
}

static void note_places(mv_split *split, size_t p) {
    mv_split_text *text = &split->text;
    const mv_split_unit *next = mv_split_at(text, p);
    uint32_t cp = text->units[p - 1].cp;
    if (next->gap > MV_GAP_GLUE)
        split->space = p;
    else if (mv_split_is_wide(cp) && !mv_split_is_closer(next->cp) &&
             !mv_split_is_terminator(next->cp) && !mv_split_is_mark(next->cp))
        split->seam = p;
    else if (next->gap == MV_GAP_GLUE || cp == '-' || cp == '/')
        split->seam = p;
}

/* Looks at a piece that would end at p. Returns whether it does. */
static bool ends_here(mv_split *split, size_t p, mv_split_mark mark) {
    static const size_t weights[] = {0, 4, 8, 10}; /* a comma at 200 is better than a dash at 150 */
    const mv_split_options *o = &split->options;
    bool early = split->first && o->first_chars > 0;
    if (mark == MV_MARK_PARAGRAPH) return true;
    if (mark == MV_MARK_SENTENCE) {
        if (p < (early ? o->first_chars : o->min_chars)) {
            split->held = p;
            return false;
        }
        return early || !tail_is_short(split, p);
    }
    if (mark == MV_MARK_NONE) return false;
    if (early && mark >= MV_MARK_COMMA && p >= o->first_chars) return true;
    if (split->held || p < o->min_chars) return false;
    if (p > o->soft_chars) return true;
    if (p + o->min_chars > o->soft_chars) {
        if (!split->late) split->late = p;
    } else if (p * weights[mark] >= split->best_score) {
        split->best = p;
        split->best_score = p * weights[mark];
    }
    return false;
}

bool mv_split_next(mv_split *split, mv_split_piece *piece) {
    static const mv_split_border borders[] = {MV_SPLIT_FORCED,   MV_SPLIT_CLAUSE,
                                              MV_SPLIT_CLAUSE,   MV_SPLIT_CLAUSE,
                                              MV_SPLIT_SENTENCE, MV_SPLIT_PARAGRAPH};
    mv_split_text *text = &split->text;
    const mv_split_options *o = &split->options;
    if (split->scan == 1) drop(split, 0);
    if (text->n == 0) return false;
    for (;; split->scan++) {
        size_t p = split->scan;
        bool full = p > o->soft_chars;
        mv_split_mark mark;
        if (p > o->target_chars && split->held) {
            cut(split, split->held, MV_SPLIT_SENTENCE, piece);
            return true;
        }
        if (full && (split->best || split->late)) {
            cut(split, split->best ? split->best : split->late, MV_SPLIT_CLAUSE, piece);
            return true;
        }
        if (p > o->hard_chars) {
            cut_forced(split, piece);
            return true;
        }
        text->starved = false;
        mark = mv_split_mark_at(text, p);
        if (!text->starved && ends_here(split, p, mark) && !text->starved) {
            cut(split, p, borders[mark], piece);
            return true;
        }
        if (text->starved) return false;
        note_places(split, p);
    }
}
