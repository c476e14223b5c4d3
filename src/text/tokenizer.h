/* tokenizer.h - byte-level BPE as Hugging Face's `tokenizers` library runs it, read from a
 * tokenizer.json. Immutable after loading; encoding is thread-safe. */
#ifndef MV_TEXT_TOKENIZER_H
#define MV_TEXT_TOKENIZER_H

#include "base/status.h"

#include <stdbool.h>

typedef struct mv_tokenizer mv_tokenizer;

/* Parses the JSON text of a tokenizer.json; `path` is for messages. ERR_TOKENIZER names the file,
 * the key and what was expected. Supported: model BPE (byte-level; merges as "a b" or ["a","b"];
 * ignore_merges; unk_token), pre_tokenizer ByteLevel, Digits, Split, Sequence, normalizer null or
 * an empty Sequence (NFC is refused), added_tokens, post_processor TemplateProcessing / ByteLevel /
 * Sequence. Patterns see the Unicode tables of the PCRE2 in use (10.42: Unicode 14): of the code
 * points assigned since, `tokenizers` knows 9272 letters and 133 digits more. */
MV_CHECK marvis_status mv_tokenizer_parse(const char *json, size_t len, const char *path,
                                          mv_tokenizer **tokenizer, marvis_error *err);
MV_CHECK marvis_status mv_tokenizer_open(const char *path, mv_tokenizer **tokenizer,
                                         marvis_error *err);
void mv_tokenizer_destroy(mv_tokenizer **tokenizer);

/* Encodes without BOS and EOS. Invalid UTF-8 becomes U+FFFD per maximal invalid part (as Python's
 * errors="replace"). parse_special: added special tokens spelled in the text become their ids, as
 * `tokenizers` does; false: they are ordinary characters. *ids is freed with mv_free; *n may be 0
 * (then *ids is NULL). */
MV_CHECK marvis_status mv_tokenizer_encode(const mv_tokenizer *tokenizer, const char *text,
                                           size_t len, bool parse_special, int32_t **ids, size_t *n,
                                           marvis_error *err);

/* Number of ids: largest id of vocabulary and added tokens + 1. */
int32_t mv_tokenizer_n_ids(const mv_tokenizer *tokenizer);

/* Id of a token by its content in the vocabulary or the added tokens; -1 when absent. */
int32_t mv_tokenizer_id(const mv_tokenizer *tokenizer, const char *content);

/* BOS and EOS around a segment. Taken from the post_processor's single template (leading and
 * trailing special token); -1 when the template has none. */
int32_t mv_tokenizer_template_bos(const mv_tokenizer *tokenizer);
int32_t mv_tokenizer_template_eos(const mv_tokenizer *tokenizer);

/* "byte-level BPE, 49152 ids" */
const char *mv_tokenizer_kind(const mv_tokenizer *tokenizer);

#endif
