/* bpe.c - see bpe.h. Merging takes the pair of lowest rank, leftmost first, from a heap over linked
 * symbols: O(n log n) for a piece of n symbols, however hostile. Lookups are binary searches, whose
 * cost no file can raise. */
#include "text/bpe.h"

#include "base/memory.h"
#include "base/text.h"
#include "text/utf8.h"

#include <stdlib.h>

#define NONE SIZE_MAX

typedef struct mv_bpe_symbol {
    int32_t id; /* -1: merged into its left neighbour */
    size_t prev, next;
} symbol;

typedef struct mv_bpe_candidate {
    size_t position; /* of the left symbol */
    int32_t rank, id;
} candidate;

/* ---- tables ---- */

static int compare_tokens(const void *a, const void *b) {
    const mv_bpe_token *x = a, *y = b;
    return mv_compare_bytes(x->content, x->len, y->content, y->len);
}

static int compare_pairs(const mv_bpe_merge *x, int32_t left, int32_t right) {
    if (x->left != left) return x->left < left ? -1 : 1;
    return (x->right > right) - (x->right < right);
}

static int compare_merges(const void *a, const void *b) {
    const mv_bpe_merge *x = a, *y = b;
    int order = compare_pairs(x, y->left, y->right);
    return order ? order : (x->rank > y->rank) - (x->rank < y->rank);
}

void mv_bpe_index(mv_bpe *bpe) {
    if (bpe->n_tokens) qsort(bpe->tokens, bpe->n_tokens, sizeof *bpe->tokens, compare_tokens);
    if (!bpe->n_merges) return;
    qsort(bpe->merges, bpe->n_merges, sizeof *bpe->merges, compare_merges);
    size_t n = 1;
    for (size_t i = 1; i < bpe->n_merges; i++) {
        const mv_bpe_merge *m = &bpe->merges[i];
        if (compare_pairs(&bpe->merges[n - 1], m->left, m->right) != 0) n++;
        bpe->merges[n - 1] = *m;
    }
    bpe->n_merges = n;
}

void mv_bpe_deinit(mv_bpe *bpe) {
    mv_free(bpe->arena);
    mv_free(bpe->tokens);
    mv_free(bpe->merges);
    *bpe = (mv_bpe){.unk = -1};
}

int32_t mv_bpe_find(const mv_bpe *bpe, const char *content, size_t len) {
    size_t low = 0, high = bpe->n_tokens;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const mv_bpe_token *t = &bpe->tokens[middle];
        int order = mv_compare_bytes(t->content, t->len, content, len);
        if (order == 0) return t->id;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static const mv_bpe_merge *find_merge(const mv_bpe *bpe, int32_t left, int32_t right) {
    size_t low = 0, high = bpe->n_merges;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const mv_bpe_merge *m = &bpe->merges[middle];
        int order = compare_pairs(m, left, right);
        if (order == 0) return m;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- growing arrays ---- */

/* Room for one more of `size` bytes; *items and *cap are updated. */
static marvis_status reserve_one(void **items, size_t n, size_t *cap, size_t size, const char *what,
                                 marvis_error *err) {
    if (n < *cap) return MARVIS_OK;
    size_t grown_cap = *cap + *cap / 2 + 32;
    void *grown = mv_grow(*items, grown_cap, size);
    if (!grown) return mv_fail_memory(err, grown_cap * size, what);
    *items = grown;
    *cap = grown_cap;
    return MARVIS_OK;
}

marvis_status mv_ids_push(mv_ids *ids, int32_t id, marvis_error *err) {
    void *items = ids->data;
    MV_TRY(reserve_one(&items, ids->n, &ids->cap, sizeof *ids->data, "token ids", err));
    ids->data = items;
    ids->data[ids->n++] = id;
    return MARVIS_OK;
}

void mv_bpe_scratch_deinit(mv_bpe_scratch *scratch) {
    mv_free(scratch->symbols);
    mv_free(scratch->heap);
    *scratch = (mv_bpe_scratch){0};
}

/* ---- the heap of candidates ---- */

static bool comes_first(const candidate *a, const candidate *b) {
    return a->rank != b->rank ? a->rank < b->rank : a->position < b->position;
}

static marvis_status heap_push(mv_bpe_scratch *s, candidate added, marvis_error *err) {
    void *items = s->heap;
    MV_TRY(reserve_one(&items, s->n_heap, &s->cap_heap, sizeof *s->heap, "merging", err));
    s->heap = items;
    size_t i = s->n_heap++;
    while (i > 0 && comes_first(&added, &s->heap[(i - 1) / 2])) {
        s->heap[i] = s->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->heap[i] = added;
    return MARVIS_OK;
}

static candidate heap_pop(mv_bpe_scratch *s) {
    candidate top = s->heap[0];
    candidate last = s->heap[--s->n_heap];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= s->n_heap) break;
        if (child + 1 < s->n_heap && comes_first(&s->heap[child + 1], &s->heap[child])) child++;
        if (!comes_first(&s->heap[child], &last)) break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = last;
    return top;
}

/* ---- merging ---- */

static marvis_status add_symbol(mv_bpe_scratch *s, int32_t id, marvis_error *err) {
    void *items = s->symbols;
    MV_TRY(reserve_one(&items, s->n_symbols, &s->cap_symbols, sizeof *s->symbols, "merging", err));
    s->symbols = items;
    size_t n = s->n_symbols++;
    s->symbols[n] = (symbol){.id = id, .prev = n ? n - 1 : NONE, .next = NONE};
    if (n) s->symbols[n - 1].next = n;
    return MARVIS_OK;
}

/* One symbol per character of the piece; characters outside the vocabulary become unk or nothing.
 */
static marvis_status add_symbols(const mv_bpe *bpe, mv_bpe_scratch *s, const char *piece,
                                 size_t len, marvis_error *err) {
    s->n_symbols = 0;
    bool last_unknown = false;
    for (size_t i = 0; i < len;) {
        size_t n = mv_utf8_len(piece[i]);
        int32_t id = mv_bpe_find(bpe, piece + i, n);
        bool unknown = id < 0;
        if (!unknown)
            MV_TRY(add_symbol(s, id, err));
        else if (bpe->unk >= 0 && !(last_unknown && bpe->fuse_unk))
            MV_TRY(add_symbol(s, bpe->unk, err));
        last_unknown = unknown;
        i += n;
    }
    return MARVIS_OK;
}

/* Queues the pair that begins at `position`, if it can merge. */
static marvis_status consider(const mv_bpe *bpe, mv_bpe_scratch *s, size_t position,
                              marvis_error *err) {
    const symbol *left = &s->symbols[position];
    if (left->next == NONE) return MARVIS_OK;
    const mv_bpe_merge *merge = find_merge(bpe, left->id, s->symbols[left->next].id);
    if (!merge) return MARVIS_OK;
    return heap_push(s, (candidate){.position = position, .rank = merge->rank, .id = merge->id},
                     err);
}

static marvis_status merge_symbols(const mv_bpe *bpe, mv_bpe_scratch *s, marvis_error *err) {
    s->n_heap = 0;
    for (size_t i = 0; i + 1 < s->n_symbols; i++)
        MV_TRY(consider(bpe, s, i, err));
    while (s->n_heap) {
        candidate top = heap_pop(s);
        symbol *left = &s->symbols[top.position];
        if (left->id < 0 || left->next == NONE) continue;
        symbol *right = &s->symbols[left->next];
        const mv_bpe_merge *merge = find_merge(bpe, left->id, right->id);
        if (!merge || merge->id != top.id) continue; /* the pair has changed since it was queued */
        left->id = top.id;
        left->next = right->next;
        right->id = -1;
        if (left->next != NONE) s->symbols[left->next].prev = top.position;
        if (left->prev != NONE) MV_TRY(consider(bpe, s, left->prev, err));
        MV_TRY(consider(bpe, s, top.position, err));
    }
    return MARVIS_OK;
}

marvis_status mv_bpe_encode(const mv_bpe *bpe, mv_bpe_scratch *scratch, const char *piece,
                            size_t len, mv_ids *ids, marvis_error *err) {
    if (bpe->ignore_merges) {
        int32_t id = mv_bpe_find(bpe, piece, len);
        if (id >= 0) return mv_ids_push(ids, id, err);
    }
    MV_TRY(add_symbols(bpe, scratch, piece, len, err));
    MV_TRY(merge_symbols(bpe, scratch, err));
    for (size_t i = 0; i < scratch->n_symbols; i++)
        if (scratch->symbols[i].id >= 0) MV_TRY(mv_ids_push(ids, scratch->symbols[i].id, err));
    return MARVIS_OK;
}
