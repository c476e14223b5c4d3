/* fuzz_tokenize.c - any bytes as text, for two small tokenizers with every kind of part: one with
 * digits and GPT-2's regex, one with Llama 3's regex and added tokens of every kind. The
 * first byte chooses. All 256 bytes are in the vocabulary, so the text must come back. */
#include "base/memory.h"
#include "text/pretokenize.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define N_BYTES 256

static const char *const rests[2] = {
    "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":["
    "{\"type\":\"Digits\",\"individual_digits\":true},"
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}]}",
    "\"added_tokens\":[{\"id\":262,\"content\":\"<|im_end|>\",\"special\":true,\"normalized\":"
    "false},"
    "{\"id\":263,\"content\":\"<w>\",\"single_word\":true},"
    "{\"id\":264,\"content\":\"<l>\",\"lstrip\":true},"
    "{\"id\":265,\"content\":\"<r>\",\"rstrip\":true,\"normalized\":false}],"
    "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":"
    "{\"Regex\":\"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,"
    "3}|"
    " ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"},"
    "\"behavior\":\"Isolated\",\"invert\":false},"
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]}",
};

/* Contents of the merged tokens, ids N_BYTES and on. */
static const char *const merged[] = {"ab", "abab", "aa", "aaaa", "\u0120a", "\u00c3\u00a9"};
#define N_MERGED (sizeof merged / sizeof merged[0])

static mv_tokenizer *make(int which) {
    static char json[1 << 15];
    size_t n = (size_t)snprintf(json, sizeof json, "{\"model\":{\"vocab\":{");
    for (unsigned b = 0; b < N_BYTES; b++) {
        char c[4];
        size_t len = mv_utf8_encode(mv_byte_alphabet((unsigned char)b), c);
        const char *escape = b == '"' || b == '\\' ? "\\" : "";
        n += (size_t)snprintf(json + n, sizeof json - n, "\"%s%.*s\":%u,", escape, (int)len, c, b);
    }
    for (unsigned i = 0; i < N_MERGED; i++)
        n += (size_t)snprintf(json + n, sizeof json - n, "%s\"%s\":%u", i ? "," : "", merged[i],
                              N_BYTES + i);
    snprintf(
        json + n, sizeof json - n,
        "},\"merges\":[\"a b\",\"ab ab\",\"a a\",\"aa aa\",\"\u0120 a\",\"\u00c3 \u00a9\"]},%s}",
        rests[which]);
    mv_tokenizer *t;
    marvis_error err;
    if (mv_tokenizer_parse(json, strlen(json), "fuzz", &t, &err) != MARVIS_OK) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    return t;
}

/* Appends the bytes of one id; false for an added token. */
static bool spell(int32_t id, char *out, size_t *n) {
    static const char *const bytes[] = {"ab", "abab", "aa", "aaaa", " a", "\xc3\xa9"};
    if (id < N_BYTES) {
        out[(*n)++] = (char)(unsigned char)id;
        return true;
    }
    if (id >= (int32_t)(N_BYTES + N_MERGED)) return false;
    size_t len = strlen(bytes[id - N_BYTES]);
    memcpy(out + *n, bytes[id - N_BYTES], len);
    *n += len;
    return true;
}

static void check(const mv_tokenizer *t, const char *text, size_t len, bool parse_special) {
    int32_t *ids;
    size_t n, repaired_len, out_len = 0;
    marvis_error err;
    char *repaired;
    if (mv_tokenizer_encode(t, text, len, parse_special, &ids, &n, &err) != MARVIS_OK) abort();
    if (!mv_utf8_repair(text, len, &repaired, &repaired_len)) abort();
    char *out = malloc(4 * n + 1);
    if (!out) abort();
    bool whole = true;
    for (size_t i = 0; i < n; i++)
        whole = spell(ids[i], out, &out_len) && whole;
    if (whole && (out_len != repaired_len || (out_len && memcmp(out, repaired, out_len)))) abort();
    free(out);
    mv_free(repaired);
    mv_free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static mv_tokenizer *tokenizers[2];
    if (!size) return 0;
    int which = data[0] & 1;
    if (!tokenizers[which]) tokenizers[which] = make(which);
    char *text = malloc(size);
    if (!text) return 0;
    memcpy(text, data + 1, size - 1);
    check(tokenizers[which], text, size - 1, data[0] & 2);
    free(text);
    return 0;
}
