/* fuzz_tokenizer_json.c - any bytes as a tokenizer.json. Whatever is accepted must encode a few
 * texts within bounds; an error must have a message. */
#include "base/memory.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const texts[] = {
    "Hello, world! 123  ab\n\n",
    "[0]it's \xc3\xa9\xe4\xb8\x96\xff<|im_end|> x",
    "aaaaaaaaaaaaaaaaaaaaaaaa b",
};

static void encode(const mv_tokenizer *t, const char *text) {
    for (int parse_special = 0; parse_special < 2; parse_special++) {
        int32_t *ids;
        size_t n;
        marvis_error err = {0};
        if (mv_tokenizer_encode(t, text, strlen(text), parse_special, &ids, &n, &err) !=
            MARVIS_OK) {
            if (!err.message[0] || ids || n) abort();
            continue;
        }
        /* the prefix space makes at most one more byte per piece */
        if (n > 2 * strlen(text)) abort();
        for (size_t i = 0; i < n; i++)
            if (ids[i] < 0 || ids[i] >= mv_tokenizer_n_ids(t)) abort();
        mv_free(ids);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *json = malloc(size ? size : 1);
    if (!json) return 0;
    if (size) memcpy(json, data, size);
    mv_tokenizer *t;
    marvis_error err = {0};
    if (mv_tokenizer_parse(json, size, "fuzz.json", &t, &err) != MARVIS_OK) {
        if (t || !err.message[0]) abort();
    } else {
        if (mv_tokenizer_template_bos(t) >= mv_tokenizer_n_ids(t)) abort();
        if (mv_tokenizer_template_eos(t) >= mv_tokenizer_n_ids(t)) abort();
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
            encode(t, texts[i]);
    }
    mv_tokenizer_destroy(&t);
    free(json);
    return 0;
}
