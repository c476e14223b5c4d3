/* bpe.h - the BPE model: vocabulary, ranked merges, and the merging of one pre-tokenized piece. */
#ifndef MV_TEXT_BPE_H
#define MV_TEXT_BPE_H

#include "base/status.h"

#include <stdbool.h>

typedef struct mv_bpe_token {
    const char *content; /* borrowed from mv_bpe.arena, not NUL-terminated */
    size_t len;
    int32_t id;
} mv_bpe_token;

typedef struct mv_bpe_merge {
    int32_t left, right; /* ids of the pair */
    int32_t rank;        /* lower merges first */
    int32_t id;          /* the id it becomes */
} mv_bpe_merge;

/* Immutable once mv_bpe_index has run; pointers are owned. */
typedef struct mv_bpe {
    char *arena;
    mv_bpe_token *tokens; /* by content */
    size_t n_tokens;
    mv_bpe_merge *merges; /* by (left, right) */
    size_t n_merges;
    int32_t unk;        /* id for unknown symbols; -1: they are dropped */
    bool fuse_unk;      /* a run of unknown symbols becomes one unk */
    bool ignore_merges; /* a piece that is in the vocabulary is its token */
} mv_bpe;

/* Sorts tokens and merges for searching. Of merges of the same pair the last one stays. */
void mv_bpe_index(mv_bpe *bpe);
void mv_bpe_deinit(mv_bpe *bpe);

/* Id of a token, or -1. */
int32_t mv_bpe_find(const mv_bpe *bpe, const char *content, size_t len);

/* Growing list of ids. */
typedef struct mv_ids {
    int32_t *data;
    size_t n, cap;
} mv_ids;
MV_CHECK marvis_status mv_ids_push(mv_ids *ids, int32_t id, marvis_error *err);

/* Room for merging, reused from piece to piece; zero it first. */
typedef struct mv_bpe_scratch {
    struct mv_bpe_symbol *symbols;
    size_t n_symbols, cap_symbols;
    struct mv_bpe_candidate *heap;
    size_t n_heap, cap_heap;
} mv_bpe_scratch;
void mv_bpe_scratch_deinit(mv_bpe_scratch *scratch);

/* Appends the ids of one piece (valid UTF-8, already mapped to the byte alphabet). */
MV_CHECK marvis_status mv_bpe_encode(const mv_bpe *bpe, mv_bpe_scratch *scratch, const char *piece,
                                     size_t len, mv_ids *ids, marvis_error *err);

#endif
