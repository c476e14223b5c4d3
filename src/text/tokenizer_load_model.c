/* tokenizer_load_model.c - the keys "model" (vocabulary and merges) and "added_tokens". */
#include "base/memory.h"
#include "text/tokenizer_parts.h"

#include <string.h>

/* ---- model.vocab ---- */

static marvis_status load_vocab(mv_tokenizer *t, json_t *vocab, const mv_json_place *place,
                                marvis_error *err) {
    mv_bpe *bpe = &t->bpe;
    size_t n = json_object_size(vocab), n_bytes = 0;
    if (!json_is_object(vocab) || n == 0 || n >= INT32_MAX)
        return mv_json_expected(place, "an object of tokens and ids", err);
    const char *content;
    json_t *value;
    json_object_foreach(vocab, content, value) n_bytes += strlen(content);
    bpe->arena = mv_alloc(n_bytes + 1, 1);
    bpe->tokens = mv_alloc(n, sizeof *bpe->tokens);
    if (!bpe->arena || !bpe->tokens) return mv_fail_memory(err, n_bytes, "the vocabulary");
    char *to = bpe->arena;
    json_object_foreach(vocab, content, value) {
        mv_bpe_token *token = &bpe->tokens[bpe->n_tokens++];
        token->id = mv_json_id(value);
        if (token->id < 0) {
            mv_json_place at = mv_json_member(place, content);
            return mv_json_get_id(value, &at, &token->id, err);
        }
        token->content = to;
        token->len = strlen(content);
        memcpy(to, content, token->len);
        to += token->len;
        if (token->id >= t->n_ids) t->n_ids = token->id + 1;
    }
    return MARVIS_OK;
}

/* ---- model.merges ---- */

/* Two views into one merge, "a b" or ["a", "b"]. */
typedef struct pair {
    const char *left, *right;
    size_t left_len, right_len;
} pair;

static bool read_pair(const json_t *merge, pair *p) {
    if (json_is_string(merge)) {
        p->left = json_string_value(merge);
        size_t len = json_string_length(merge);
        const char *space = memchr(p->left, ' ', len);
        if (!space) return false;
        p->left_len = (size_t)(space - p->left);
        p->right = space + 1;
        p->right_len = len - p->left_len - 1;
        return memchr(p->right, ' ', p->right_len) == NULL;
    }
    const json_t *left = json_array_get(merge, 0), *right = json_array_get(merge, 1);
    if (json_array_size(merge) != 2 || !json_is_string(left) || !json_is_string(right))
        return false;
    p->left = json_string_value(left);
    p->left_len = json_string_length(left);
    p->right = json_string_value(right);
    p->right_len = json_string_length(right);
    return true;
}

/* Id of a NUL-terminated content through the vocabulary's own hash table, while it is still there.
 */
static int32_t vocab_id(const json_t *vocab, const char *content) {
    const json_t *value = json_object_get(vocab, content);
    return value ? (int32_t)json_integer_value(value) : -1;
}

/* The ids of a pair and of what it merges to; `room` holds left and right and two NULs. */
static marvis_status resolve_pair(const json_t *vocab, const pair *p, char *room,
                                  const mv_json_place *place, size_t index, mv_bpe_merge *merge,
                                  marvis_error *err) {
    memcpy(room, p->left, p->left_len);
    room[p->left_len] = '\0';
    merge->left = vocab_id(vocab, room);
    memcpy(room + p->left_len, p->right, p->right_len);
    room[p->left_len + p->right_len] = '\0';
    merge->right = vocab_id(vocab, room + p->left_len);
    merge->id = vocab_id(vocab, room);
    if (merge->left >= 0 && merge->right >= 0 && merge->id >= 0) return MARVIS_OK;
    const char *missing = merge->left < 0    ? "its left part"
                          : merge->right < 0 ? "its right part"
                                             : "its result";
    return mv_fail(err, MARVIS_ERR_TOKENIZER,
                   "%s: %s[%zu]: %s is not in model.vocab (\"%.*s\" + \"%.*s\")", place->path,
                   place->key, index, missing, (int)(p->left_len < 64 ? p->left_len : 64), p->left,
                   (int)(p->right_len < 64 ? p->right_len : 64), p->right);
}

static marvis_status load_merges(mv_bpe *bpe, const json_t *vocab, const json_t *merges,
                                 const mv_json_place *place, marvis_error *err) {
    size_t n = json_array_size(merges);
    if (!json_is_array(merges) || n >= INT32_MAX)
        return mv_json_expected(place, "an array of pairs", err);
    if (n == 0) return MARVIS_OK;
    bpe->merges = mv_alloc(n, sizeof *bpe->merges);
    if (!bpe->merges) return mv_fail_memory(err, n * sizeof *bpe->merges, "the merges");
    char *room = NULL;
    size_t cap = 0;
    marvis_status status = MARVIS_OK;
    for (size_t i = 0; i < n && status == MARVIS_OK; i++) {
        const json_t *merge = json_array_get(merges, i);
        pair p;
        if (json_is_string(merge) && strncmp(json_string_value(merge), "#version", 8) == 0)
            continue;
        if (!read_pair(merge, &p)) {
            mv_json_place at = mv_json_element(place, i);
            status = mv_json_expected(&at, "\"left right\" or [\"left\", \"right\"]", err);
            break;
        }
        if (p.left_len + p.right_len + 1 > cap) {
            cap = 2 * (p.left_len + p.right_len + 1);
            mv_free(room);
            room = mv_grow(NULL, cap, 1);
            if (!room) return mv_fail_memory(err, cap, "the merges");
        }
        mv_bpe_merge *to = &bpe->merges[bpe->n_merges++];
        to->rank = (int32_t)i;
        status = resolve_pair(vocab, &p, room, place, i, to, err);
    }
    mv_free(room);
    return status;
}

/* ---- model ---- */

/* Options that would change the result and that byte-level tokenizers leave off. */
static marvis_status refuse_options(const json_t *model, const mv_json_place *place,
                                    marvis_error *err) {
    static const char *const affixes[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    for (int i = 0; i < 2; i++) {
        const char *affix = NULL;
        MV_TRY(mv_json_get_string(model, affixes[i], place, &affix, err));
        mv_json_place at = mv_json_member(place, affixes[i]);
        if (affix && affix[0]) return mv_json_expected(&at, "null or an empty string", err);
    }
    bool byte_fallback = false;
    MV_TRY(mv_json_get_bool(model, "byte_fallback", place, &byte_fallback, err));
    mv_json_place fallback_at = mv_json_member(place, "byte_fallback");
    if (byte_fallback) return mv_json_expected(&fallback_at, "false", err);
    const json_t *dropout = json_object_get(model, "dropout");
    mv_json_place dropout_at = mv_json_member(place, "dropout");
    bool off = !dropout || json_is_null(dropout) ||
               (json_is_number(dropout) && json_number_value(dropout) == 0.0);
    return off ? MARVIS_OK : mv_json_expected(&dropout_at, "null", err);
}

static marvis_status load_options(mv_bpe *bpe, const json_t *model, const json_t *vocab,
                                  const mv_json_place *place, marvis_error *err) {
    MV_TRY(refuse_options(model, place, err));
    MV_TRY(mv_json_get_bool(model, "fuse_unk", place, &bpe->fuse_unk, err));
    MV_TRY(mv_json_get_bool(model, "ignore_merges", place, &bpe->ignore_merges, err));
    const char *unk = NULL;
    MV_TRY(mv_json_get_string(model, "unk_token", place, &unk, err));
    if (!unk) return MARVIS_OK;
    bpe->unk = vocab_id(vocab, unk);
    mv_json_place at = mv_json_member(place, "unk_token");
    return bpe->unk >= 0 ? MARVIS_OK : mv_json_expected(&at, "null or a token of model.vocab", err);
}

marvis_status mv_load_model(mv_tokenizer *t, const json_t *root, const char *path,
                            marvis_error *err) {
    mv_json_place place = {.path = path, .key = "model"};
    const json_t *model = json_object_get(root, "model");
    if (!json_is_object(model)) return mv_json_expected(&place, "an object", err);
    const char *type = "BPE"; /* old files do not say */
    MV_TRY(mv_json_get_string(model, "type", &place, &type, err));
    mv_json_place type_at = mv_json_member(&place, "type");
    if (strcmp(type, "BPE") != 0)
        return mv_fail(err, MARVIS_ERR_TOKENIZER, "%s: %s: expected \"BPE\", found \"%.64s\"", path,
                       type_at.key, type);
    json_t *vocab = json_object_get(model, "vocab");
    mv_json_place vocab_at = mv_json_member(&place, "vocab");
    mv_json_place merges_at = mv_json_member(&place, "merges");
    MV_TRY(load_vocab(t, vocab, &vocab_at, err));
    MV_TRY(load_merges(&t->bpe, vocab, json_object_get(model, "merges"), &merges_at, err));
    MV_TRY(load_options(&t->bpe, model, vocab, &place, err));
    mv_bpe_index(&t->bpe);
    return MARVIS_OK;
}

/* ---- added_tokens ---- */

static marvis_status load_added_token(mv_added_token *token, const json_t *item,
                                      const mv_json_place *place, marvis_error *err) {
    if (!json_is_object(item)) return mv_json_expected(place, "an object", err);
    const char *content = NULL;
    MV_TRY(mv_json_get_string(item, "content", place, &content, err));
    mv_json_place content_at = mv_json_member(place, "content");
    if (!content || !content[0] || strlen(content) > MV_ADDED_TOKEN_MAX)
        return mv_json_expected(&content_at, "a string of 1 to 1024 bytes", err);
    mv_json_place id_at = mv_json_member(place, "id");
    MV_TRY(mv_json_get_id(json_object_get(item, "id"), &id_at, &token->id, err));
    token->normalized = true;
    MV_TRY(mv_json_get_bool(item, "single_word", place, &token->single_word, err));
    MV_TRY(mv_json_get_bool(item, "lstrip", place, &token->lstrip, err));
    MV_TRY(mv_json_get_bool(item, "rstrip", place, &token->rstrip, err));
    MV_TRY(mv_json_get_bool(item, "normalized", place, &token->normalized, err));
    MV_TRY(mv_json_get_bool(item, "special", place, &token->special, err));
    token->len = strlen(content);
    token->content = mv_strndup(content, token->len);
    if (!token->content) return mv_fail_memory(err, token->len + 1, "an added token");
    return MARVIS_OK;
}

/* `tokenizers` does not believe the file's id: a token of the vocabulary keeps the id it has there,
 * and others are numbered on. A file that says otherwise would be read differently by different
 * programs, so it is refused. *next is the next free number. */
static marvis_status check_id(const mv_bpe *bpe, const mv_added_token *token, int32_t *next,
                              const mv_json_place *place, marvis_error *err) {
    int32_t id = mv_bpe_find(bpe, token->content, token->len);
    if (id < 0) id = (*next)++;
    if (id == token->id) return MARVIS_OK;
    return mv_fail(err, MARVIS_ERR_TOKENIZER,
                   "%s: %s.id: \"%.64s\" has id %d here, but the vocabulary gives it %d",
                   place->path, place->key, token->content, (int)token->id, (int)id);
}

marvis_status mv_load_added_tokens(mv_tokenizer *t, const json_t *root, const char *path,
                                   marvis_error *err) {
    mv_json_place place = {.path = path, .key = "added_tokens"};
    const json_t *items = json_object_get(root, "added_tokens");
    if (!items || json_is_null(items)) return MARVIS_OK;
    if (!json_is_array(items)) return mv_json_expected(&place, "an array", err);
    size_t n = json_array_size(items);
    if (n == 0) return MARVIS_OK;
    if (n >= INT32_MAX - t->bpe.n_tokens) return mv_json_expected(&place, "fewer tokens", err);
    mv_added_tokens *added = &t->added;
    added->items = mv_alloc(n, sizeof *added->items);
    if (!added->items) return mv_fail_memory(err, n * sizeof *added->items, "added tokens");
    int32_t next = (int32_t)t->bpe.n_tokens;
    bool single_word = false;
    for (size_t i = 0; i < n; i++) {
        mv_json_place at = mv_json_element(&place, i);
        mv_added_token *token = &added->items[added->n++];
        MV_TRY(load_added_token(token, json_array_get(items, i), &at, err));
        MV_TRY(check_id(&t->bpe, token, &next, &at, err));
        if (token->id >= t->n_ids) t->n_ids = token->id + 1;
        single_word = single_word || token->single_word;
    }
    MV_TRY(mv_added_index(added, path, err));
    if (!single_word) return MARVIS_OK;
    /* Join controls count as parts of words here. */
    static const char word[] = "[\\w\\x{200c}\\x{200d}]";
    return mv_regex_compile(word, sizeof word - 1, false, path, &added->word, err);
}
