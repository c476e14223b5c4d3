/* split.h - long text into pieces to speak, as it arrives: a book block by block, or the words of a
 * language model. Pieces end where a reader would breathe: at the ends of paragraphs and sentences,
 * or at a clause where a sentence is too long. Constant memory, and the same pieces however the
 * text is cut up on its way in. What ends what is in split_rules.c. */
#ifndef MV_TEXT_SPLIT_H
#define MV_TEXT_SPLIT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What ended a piece, from the shortest pause to the longest. */
typedef enum mv_split_border {
    MV_SPLIT_FORCED,   /* nothing: the piece was full */
    MV_SPLIT_CLAUSE,   /* comma, semicolon, colon, dash, bracket, or before a conjunction */
    MV_SPLIT_SENTENCE, /* . ? ! and their kin */
    MV_SPLIT_PARAGRAPH /* blank line, heading, item of a list, or the end of the text */
} mv_split_border;

/* Lengths are in characters (code points), a run of white space counted as one; about 15 are spoken
 * in a second. first, min <= target <= soft <= hard <= MV_SPLIT_MOST_CHARS. */
enum { MV_SPLIT_MOST_CHARS = 1 << 16 };

typedef struct mv_split_options {
    /* Sentences shorter than this are joined with the next of their paragraph, a last one with the
     * one before: alone, a word or two come out rushed and in another voice. Default 30, two
     * seconds. 0: every sentence by itself. */
    size_t min_chars;
    /* Joining makes no piece longer than this. Default 160, ten seconds. */
    size_t target_chars;
    /* A longer sentence is cut at the best of its clauses. Default 240, sixteen seconds: as long as
     * the utterances that models are trained on. */
    size_t soft_chars;
    /* No piece is longer, whatever it takes. Default 360: 24 seconds leave half the positions of a
     * model to its voice and its past. At least 16. */
    size_t hard_chars;
    /* Of the first piece only: it ends at the first clause or sentence from this length on, so that
     * speech starts before the sentence is there. Default 0: off. 12 is enough to speak well. */
    size_t first_chars;
    /* Each line break ends a paragraph: text that is not wrapped, or arrives in lines. Default
     * false, for books are wrapped. */
    bool lines;
} mv_split_options;

void mv_split_options_init(mv_split_options *options);

typedef struct mv_split_piece {
    const char *text; /* [len], and a NUL; borrowed, until the next call with this splitter */
    size_t len;       /* bytes, at least 1; may hold NULs and invalid UTF-8, as the source does */
    size_t n_chars;
    uint64_t begin, end; /* its bytes in the source: between pieces there is white space only */
    mv_split_border border;
    bool has_words; /* a letter or a digit: something to speak */
} mv_split_piece;

/* One thread at a time. */
typedef struct mv_split mv_split;

/* Allocates all it will ever need. ERR_CALL names the option that is out of order; ERR_MEMORY. */
MV_CHECK marvis_status mv_split_create(const mv_split_options *options, mv_split **out,
                                       marvis_error *err);
void mv_split_destroy(mv_split **split);

/* Takes text and returns how many bytes of it, at least one (of len > 0) if mv_split_next has said
 * false since the last call. No text is taken after mv_split_end.
 *
 *     while (len > 0) {
 *         size_t n = mv_split_feed(split, text, len);
 *         text += n, len -= n;
 *         while (mv_split_next(split, &piece))
 *             speak(&piece);
 *     }
 */
size_t mv_split_feed(mv_split *split, const char *text, size_t len);

/* The text is complete: what is left comes out of mv_split_next, the last piece as the end of a
 * paragraph. */
void mv_split_end(mv_split *split);

/* The next piece, or false when more text is needed (after mv_split_end: when there is none). A
 * piece comes out as soon as no further text could change it. */
bool mv_split_next(mv_split *split, mv_split_piece *piece);

/* Forgets all text; the next begins at byte `offset` of its source. Where a paragraph ended, the
 * pieces are those of the whole text (the first apart, if first_chars is given); anywhere else the
 * rest counts as a new paragraph. */
void mv_split_reset(mv_split *split, uint64_t offset);

#endif
