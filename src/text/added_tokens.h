/* added_tokens.h - tokens that are found in the text before it is cut into pieces. */
#ifndef MV_TEXT_ADDED_TOKENS_H
#define MV_TEXT_ADDED_TOKENS_H

#include "text/pretokenize.h"

/* Longest content that is read; bounds the cost of searching. */
#define MV_ADDED_TOKEN_MAX 1024

typedef struct mv_added_token {
    char *content; /* owned, NUL-terminated, not empty */
    size_t len;
    int32_t id;
    bool single_word;    /* only where no letter or digit touches it */
    bool lstrip, rstrip; /* takes the white space on its left, right with it */
    bool normalized;     /* searched in the second pass, after the others */
    bool special;
} mv_added_token;

/* Immutable once mv_added_index has run. */
typedef struct mv_added_tokens {
    mv_added_token *items; /* owned; by (normalized, content) */
    size_t n;
    size_t n_first; /* the first n_first are searched in the first pass */
    mv_regex *word; /* one word character; NULL when no token is single_word; owned */
} mv_added_tokens;

/* Sorts; ERR_TOKENIZER names a content that occurs twice. */
MV_CHECK marvis_status mv_added_index(mv_added_tokens *added, const char *path, marvis_error *err);
void mv_added_deinit(mv_added_tokens *added);

/* The token with this content, or NULL. */
const mv_added_token *mv_added_find(const mv_added_tokens *added, const char *content, size_t len);

/* Cuts added tokens out of the pieces: leftmost, then longest. parse_special false: special tokens
 * stay text. */
MV_CHECK marvis_status mv_added_split(const mv_added_tokens *added, bool parse_special,
                                      mv_pieces *pieces, marvis_error *err);

#endif
