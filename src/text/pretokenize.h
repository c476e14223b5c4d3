/* pretokenize.h - cutting text into pieces before BPE: the stages of a tokenizer.json's
 * pre_tokenizer. */
#ifndef MV_TEXT_PRETOKENIZE_H
#define MV_TEXT_PRETOKENIZE_H

#include "text/regex.h"

/* A stretch of the text, or (id >= 0) a token that was found whole and is left alone. */
typedef struct mv_piece {
    size_t start, len;
    int32_t id;
} mv_piece;

/* Text and its pieces in order; owned. Zero it first. */
typedef struct mv_pieces {
    char *text;
    size_t len;
    mv_piece *items;
    size_t n, cap;
} mv_pieces;

void mv_pieces_deinit(mv_pieces *pieces);
/* Appends a piece; one without text and id is dropped. */
MV_CHECK marvis_status mv_pieces_push(mv_pieces *pieces, mv_piece piece, marvis_error *err);

/* What becomes of a match in a Split. */
typedef enum mv_split_behavior {
    MV_SPLIT_ISOLATED,
    MV_SPLIT_REMOVED,
    MV_SPLIT_MERGED_WITH_PREVIOUS,
    MV_SPLIT_MERGED_WITH_NEXT,
    MV_SPLIT_CONTIGUOUS
} mv_split_behavior;

/* One pre-tokenizer. Split and Digits are a regex with a behavior; ByteLevel is a prefix space, a
 * regex (or none) with behavior isolated, and the byte alphabet. */
typedef struct mv_stage {
    mv_regex *regex; /* owned; NULL: no splitting */
    mv_split_behavior behavior;
    bool invert; /* what does not match is the match */
    bool byte_level;
    bool add_prefix_space;
} mv_stage;

/* The regex of ByteLevel, as GPT-2 has it. */
extern const char mv_byte_level_regex[];

MV_CHECK marvis_status mv_stage_run(const mv_stage *stage, mv_pieces *pieces, marvis_error *err);

/* Code point of byte b in the byte alphabet: the printable bytes of Latin-1 stand for themselves,
 * the other 68 for U+0100 and on, in order. */
uint32_t mv_byte_alphabet(unsigned char b);

#endif
