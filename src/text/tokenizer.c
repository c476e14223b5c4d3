/* tokenizer.c - see tokenizer.h: encoding, and what a tokenizer says about itself. Loading is in
 * tokenizer_load.c. */
#include "text/tokenizer.h"

#include "base/memory.h"
#include "text/tokenizer_parts.h"
#include "text/utf8.h"

#include <string.h>

/* Longer than any prompt by orders of magnitude; keeps every size far from overflow. */
#define MAX_TEXT ((size_t)64 << 20)

void mv_tokenizer_destroy(mv_tokenizer **tokenizer) {
    mv_tokenizer *t = *tokenizer;
    *tokenizer = NULL;
    if (!t) return;
    mv_bpe_deinit(&t->bpe);
    mv_added_deinit(&t->added);
    for (size_t i = 0; i < t->n_stages; i++)
        mv_regex_destroy(&t->stages[i].regex);
    mv_free(t);
}

static marvis_status encode_pieces(const mv_tokenizer *t, const mv_pieces *pieces, mv_ids *ids,
                                   marvis_error *err) {
    mv_bpe_scratch scratch = {0};
    marvis_status status = MARVIS_OK;
    for (size_t i = 0; i < pieces->n && status == MARVIS_OK; i++) {
        const mv_piece *p = &pieces->items[i];
        if (p->id >= 0)
            status = mv_ids_push(ids, p->id, err);
        else
            status = mv_bpe_encode(&t->bpe, &scratch, pieces->text + p->start, p->len, ids, err);
    }
    mv_bpe_scratch_deinit(&scratch);
    return status;
}

marvis_status mv_tokenizer_encode(const mv_tokenizer *tokenizer, const char *text, size_t len,
                                  bool parse_special, int32_t **ids, size_t *n, marvis_error *err) {
    const mv_tokenizer *t = tokenizer;
    *ids = NULL;
    *n = 0;
    if (len > MAX_TEXT)
        return mv_fail(err, MARVIS_ERR_TOO_LONG, "a text of %zu bytes is too long to tokenize",
                       len);
    mv_pieces pieces = {0};
    mv_ids out = {0};
    marvis_status status;
    if (!mv_utf8_repair(text, len, &pieces.text, &pieces.len)) {
        status = mv_fail_memory(err, len, "text");
        goto fail;
    }
    MV_TRY_GOTO(mv_pieces_push(&pieces, (mv_piece){0, pieces.len, -1}, err));
    MV_TRY_GOTO(mv_added_split(&t->added, parse_special, &pieces, err));
    for (size_t i = 0; i < t->n_stages; i++)
        MV_TRY_GOTO(mv_stage_run(&t->stages[i], &pieces, err));
    MV_TRY_GOTO(encode_pieces(t, &pieces, &out, err));
    mv_pieces_deinit(&pieces);
    *ids = out.data;
    *n = out.n;
    return MARVIS_OK;
fail:
    mv_pieces_deinit(&pieces);
    mv_free(out.data);
    return status;
}

int32_t mv_tokenizer_n_ids(const mv_tokenizer *tokenizer) { return tokenizer->n_ids; }

int32_t mv_tokenizer_id(const mv_tokenizer *tokenizer, const char *content) {
    size_t len = strlen(content);
    const mv_added_token *added = mv_added_find(&tokenizer->added, content, len);
    return added ? added->id : mv_bpe_find(&tokenizer->bpe, content, len);
}

int32_t mv_tokenizer_template_bos(const mv_tokenizer *tokenizer) { return tokenizer->template_bos; }

int32_t mv_tokenizer_template_eos(const mv_tokenizer *tokenizer) { return tokenizer->template_eos; }

const char *mv_tokenizer_kind(const mv_tokenizer *tokenizer) { return tokenizer->kind; }
