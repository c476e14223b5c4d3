/* split_parts.h - what the split*.c files share: the text as units, classes of characters, and the
 * rules that say what stands at a position. */
#ifndef MV_TEXT_SPLIT_PARTS_H
#define MV_TEXT_SPLIT_PARTS_H

#include "text/utf8.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- the text -------------------------------------------------------------------------------- */

/* A run of white space, by what it does. */
typedef enum mv_split_gap {
    MV_GAP_NONE, /* no white space */
    MV_GAP_GLUE, /* no-break spaces only: a place to cut in need, and no border */
    MV_GAP_SPACE,
    MV_GAP_LINE,       /* one line break */
    MV_GAP_LINE_ITEM,  /* the same behind an item of a list */
    MV_GAP_LINE_CAPS,  /* the same behind a short line in capitals */
    MV_GAP_PARAGRAPH,  /* a blank line, or the end of a heading */
    MV_GAP_END_OF_TEXT /* behind the last unit of a text that is complete */
} mv_split_gap;

/* A character, an invalid part of one, or a run of white space (cp is ' '). */
typedef struct mv_split_unit {
    uint64_t begin; /* its first byte in the source */
    uint32_t cp;
    char bytes[4]; /* [n_bytes] as they are handed out */
    uint8_t n_bytes;
    uint8_t gap; /* mv_split_gap */
    bool line_start;
} mv_split_unit;

/* The text from the beginning of the piece on. Looking at a unit that has not arrived sets
 * `starved`: what was concluded then does not count. */
typedef struct mv_split_text {
    mv_split_unit *units; /* owned [cap] */
    size_t n, cap;
    bool ended; /* no more text comes */
    bool fresh; /* begins where a sentence or paragraph ended */
    bool starved;
} mv_split_text;

/* No rule looks further ahead than this. */
enum { MV_SPLIT_LOOKAHEAD = 64 };

const mv_split_unit *mv_split_at(mv_split_text *text, size_t i);

/* ---- characters ------------------------------------------------------------------------------ */

typedef enum mv_letter_case { MV_CASE_NONE, MV_CASE_UPPER, MV_CASE_LOWER } mv_letter_case;

/* Latin, Greek and Cyrillic; other letters have none. */
mv_letter_case mv_split_case(uint32_t cp);
bool mv_split_is_digit(uint32_t cp); /* ASCII and full width */
bool mv_split_is_word(uint32_t cp);  /* letter or digit of any script */
/* Written without spaces between words: a line may break anywhere. */
bool mv_split_is_wide(uint32_t cp);
bool mv_split_is_terminator(uint32_t cp);      /* . ? ! ... */
bool mv_split_is_wide_terminator(uint32_t cp); /* those that no space follows */
bool mv_split_is_closer(uint32_t cp);          /* quotes and brackets; ASCII quotes, emphasis */
bool mv_split_is_opener(uint32_t cp);
bool mv_split_is_dash(uint32_t cp); /* longer than a hyphen */
/* Belongs to the character before: accents, joiners, variation selectors. */
bool mv_split_is_mark(uint32_t cp);
bool mv_split_is_bullet(uint32_t cp);

/* ---- words ----------------------------------------------------------------------------------- */

typedef enum mv_split_word {
    MV_WORD_PLAIN,
    MV_WORD_NEVER,    /* "e.g.", "Mr.": something always follows */
    MV_WORD_TITLE,    /* "Gen.": if in capitals, a name follows */
    MV_WORD_NUMBERED, /* "No.": an abbreviation if a number follows */
    MV_WORD_ENDING,   /* "Inc.": ends a sentence if the next begins with a word that does that */
    MV_WORD_CLOSING   /* "p.m.", "etc.": ends one before almost any capital */
} mv_split_word;

/* What the n characters before a dot are, ASCII in lower case with the dots inside ("e.g"). */
mv_split_word mv_split_word_kind(const char *word, size_t n);
/* All of these: n lower-case letters. */
bool mv_split_starts_sentences(const char *word, size_t n); /* "the", "however" */
bool mv_split_is_conjunction(const char *word, size_t n);
bool mv_split_follows_time(const char *word, size_t n); /* "eastern", "monday" */
bool mv_split_follows_name(const char *word, size_t n); /* "jr", "inc" */
bool mv_split_has_number(const char *word, size_t n);   /* "chapter" */
bool mv_split_is_number_word(const char *word, size_t n);
bool mv_split_is_roman(const char *word, size_t n);

/* ---- lines ----------------------------------------------------------------------------------- */

/* The line that is arriving, as far as it could be a heading. */
typedef struct mv_split_line {
    char start[64]; /* ASCII as it is; other letters X or x, bullets *, the rest ? */
    size_t n;       /* characters so far; may be more than fit */
} mv_split_line;

void mv_split_line_add(mv_split_line *line, uint32_t cp);
/* What the one line break behind this line is. */
mv_split_gap mv_split_line_end(const mv_split_line *line);
/* The line break at p ends a paragraph. */
bool mv_split_line_breaks(mv_split_text *text, size_t p);

/* ---- rules ----------------------------------------------------------------------------------- */

/* What a piece that ended before unit p would end with, the strongest last. */
typedef enum mv_split_mark {
    MV_MARK_NONE,
    MV_MARK_CONJUNCTION,
    MV_MARK_COMMA,
    MV_MARK_CLAUSE,
    MV_MARK_SENTENCE,
    MV_MARK_PARAGRAPH
} mv_split_mark;

/* p >= 1; the units before p are there. */
mv_split_mark mv_split_mark_at(mv_split_text *text, size_t p);
bool mv_split_is_paragraph(mv_split_text *text, size_t p);

/* Up to max letters from unit i on, as ASCII in lower case (others '?'); returns their number. */
size_t mv_split_read_word(mv_split_text *text, size_t i, char *word, size_t max);

#endif
