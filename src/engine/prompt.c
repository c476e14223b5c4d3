/* prompt.c - the rows of a prompt: text as the tokenizer's BOS, "[speaker]text" and EOS, recorded
 * speech as its codes (docs/MODEL.md, "Prompts"). How they are put together: session_prompt.c. */
#include "engine/engine.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

/* Tokens around a segment in the two families, for fine-tuned models whose vocabulary has grown and
 * whose tokenizer.json has no template. */
static const struct {
    const char *bos, *eos;
} families[] = {{"<|im_start|>", "<|im_end|>"}, {"<|begin_of_text|>", "<|end_of_text|>"}};

static bool by_content(const mv_tokenizer *tokenizer, int32_t *bos, int32_t *eos) {
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        *bos = mv_tokenizer_id(tokenizer, families[i].bos);
        *eos = mv_tokenizer_id(tokenizer, families[i].eos);
        if (*bos >= 0 && *eos >= 0) return true;
    }
    return false;
}

/* In this order: what Marvis and CSM are trained with, the file's template, the families' tokens,
 * and the ids of config.json. */
static bool choose_ids(marvis_model *model) {
    const mv_csm_config *config = &model->csm.config;
    int32_t bos = mv_tokenizer_template_bos(model->tokenizer);
    int32_t eos = mv_tokenizer_template_eos(model->tokenizer);
    int known_bos, known_eos;
    if (mv_csm_known_text_ids(config->text_vocab, &known_bos, &known_eos)) {
        bool has_template = bos >= 0 || eos >= 0;
        if (has_template && (bos != known_bos || eos != known_eos))
            mv_log(model->engine, MARVIS_LOG_WARNING,
                   "%s: its template has BOS %d and EOS %d; using %d and %d, with which models of "
                   "this vocabulary are trained",
                   model->files.tokenizer, (int)bos, (int)eos, known_bos, known_eos);
        bos = known_bos;
        eos = known_eos;
    } else if ((bos < 0 || eos < 0) && !by_content(model->tokenizer, &bos, &eos)) {
        bos = config->bos_id;
        eos = config->eos_id;
    }
    model->bos = bos;
    model->eos = eos;
    return bos >= 0 && eos >= 0;
}

marvis_status mv_prompt_bind(marvis_model *model, marvis_error *err) {
    const mv_tokenizer *tokenizer = model->tokenizer;
    const char *path = model->files.tokenizer;
    if (!choose_ids(model))
        return mv_fail(
            err, MARVIS_ERR_TOKENIZER,
            "%s: no BOS and EOS; needs a TemplateProcessing post_processor, <|im_start|> "
            "and <|im_end|>, or bos_token_id and eos_token_id in config.json",
            path);
    int text_vocab = model->csm.config.text_vocab;
    if (mv_tokenizer_n_ids(tokenizer) > text_vocab)
        return mv_fail(err, MARVIS_ERR_TOKENIZER,
                       "%s: has %d ids, but the model's text table has %d rows; give the tokenizer "
                       "that this model was trained with",
                       path, (int)mv_tokenizer_n_ids(tokenizer), text_vocab);
    return MARVIS_OK;
}

marvis_status marvis_model_tokenize(const marvis_model *model, int speaker, const char *text,
                                    size_t len_bytes, int32_t **ids, size_t *n_ids,
                                    marvis_error *err) {
    *ids = NULL;
    *n_ids = 0;
    if (!model->tokenizer)
        return mv_fail(err, MARVIS_ERR_CALL, "the model was opened without a tokenizer");
    if (speaker < 0 || speaker > 999999)
        return mv_fail(err, MARVIS_ERR_CALL, "speaker %d: use a number from 0 to 999999", speaker);
    char prefix[16];
    int prefix_len = snprintf(prefix, sizeof prefix, "[%d]%s", speaker,
                              model->csm.config.speaker_prefix_space ? " " : "");
    size_t size;
    if (!mv_add_size(len_bytes, (size_t)prefix_len + 1, &size))
        return mv_fail_memory(err, len_bytes, "the text");
    char *line = mv_alloc(size, 1);
    if (!line) return mv_fail_memory(err, size, "the text");
    memcpy(line, prefix, (size_t)prefix_len);
    if (len_bytes) memcpy(line + prefix_len, text, len_bytes);
    int32_t *inner;
    size_t n_inner;
    marvis_status status =
        mv_tokenizer_encode(model->tokenizer, line, size - 1, false, &inner, &n_inner, err);
    mv_free(line);
    MV_TRY(status);
    int32_t *all = mv_alloc(n_inner + 2, sizeof *all);
    if (!all) {
        mv_free(inner);
        return mv_fail_memory(err, (n_inner + 2) * sizeof *all, "the token ids");
    }
    all[0] = model->bos;
    if (n_inner) memcpy(all + 1, inner, n_inner * sizeof *all);
    all[n_inner + 1] = model->eos;
    mv_free(inner);
    *ids = all;
    *n_ids = n_inner + 2;
    return MARVIS_OK;
}

void mv_prompt_deinit(mv_prompt *prompt) {
    mv_free(prompt->frames);
    mv_free(prompt->mask);
    *prompt = (mv_prompt){0};
}

static marvis_status grow(mv_prompt *prompt, size_t columns, size_t n_more, marvis_error *err) {
    size_t n, cells;
    if (!mv_add_size(prompt->n, n_more, &n) || !mv_mul_size(n, columns, &cells))
        return mv_fail_memory(err, SIZE_MAX, "the prompt");
    int32_t *frames = mv_grow(prompt->frames, cells, sizeof *frames);
    if (frames) prompt->frames = frames;
    uint8_t *mask = mv_grow(prompt->mask, cells, sizeof *mask);
    if (mask) prompt->mask = mask;
    if (!frames || !mask) return mv_fail_memory(err, cells * sizeof *frames, "the prompt");
    memset(prompt->frames + prompt->n * columns, 0, n_more * columns * sizeof *frames);
    memset(prompt->mask + prompt->n * columns, 0, n_more * columns);
    prompt->n = n;
    return MARVIS_OK;
}

marvis_status mv_prompt_add_text(mv_prompt *prompt, const marvis_model *model, int speaker,
                                 const char *text, size_t len, marvis_error *err) {
    int32_t *ids;
    size_t n_ids, columns = (size_t)model->csm.config.n_codebooks + 1, begin = prompt->n;
    MV_TRY(marvis_model_tokenize(model, speaker, text, len, &ids, &n_ids, err));
    marvis_status status = grow(prompt, columns, n_ids, err);
    for (size_t i = 0; status == MARVIS_OK && i < n_ids; i++) {
        /* a text frame: audio columns masked out, the text column alone counts */
        prompt->frames[(begin + i) * columns + columns - 1] = ids[i];
        prompt->mask[(begin + i) * columns + columns - 1] = 1;
    }
    mv_free(ids);
    return status;
}

marvis_status mv_prompt_add_audio(mv_prompt *prompt, const marvis_model *model,
                                  const int32_t *codes, size_t n_frames, size_t n_columns,
                                  size_t n_used, marvis_error *err) {
    size_t columns = (size_t)model->csm.config.n_codebooks + 1, begin = prompt->n;
    MV_TRY(grow(prompt, columns, n_frames, err));
    for (size_t t = 0; t < n_frames; t++) {
        /* an audio frame: its codes count, the text column is masked out */
        memcpy(prompt->frames + (begin + t) * columns, codes + t * n_columns,
               n_used * sizeof *codes);
        memset(prompt->mask + (begin + t) * columns, 1, n_used);
    }
    return MARVIS_OK;
}

marvis_status mv_prompt_add_eos(mv_prompt *prompt, const marvis_model *model, size_t n_used,
                                marvis_error *err) {
    size_t columns = (size_t)model->csm.config.n_codebooks + 1;
    MV_TRY(grow(prompt, columns, 1, err));
    memset(prompt->mask + (prompt->n - 1) * columns, 1, n_used);
    return MARVIS_OK;
}

marvis_status mv_prompt_add_rows(mv_prompt *prompt, const marvis_model *model,
                                 const mv_prompt *rows, marvis_error *err) {
    size_t columns = (size_t)model->csm.config.n_codebooks + 1, begin = prompt->n;
    if (rows->n == 0) return MARVIS_OK;
    MV_TRY(grow(prompt, columns, rows->n, err));
    memcpy(prompt->frames + begin * columns, rows->frames,
           rows->n * columns * sizeof *rows->frames);
    memcpy(prompt->mask + begin * columns, rows->mask, rows->n * columns);
    return MARVIS_OK;
}

marvis_status mv_prompt_reserve(mv_prompt *prompt, const marvis_model *model, size_t n_more,
                                marvis_error *err) {
    MV_TRY(grow(prompt, (size_t)model->csm.config.n_codebooks + 1, n_more, err));
    prompt->n -= n_more;
    return MARVIS_OK;
}
