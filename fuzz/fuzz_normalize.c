/* fuzz_normalize.c - any bytes as text to be spoken: plain text comes out, and stays as it is when
 * it goes in again. */
#include "marvis.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Letters and plain marks; bytes of 0x80 and more are letters of other languages. */
static int is_plain(const char *text, size_t len) {
    static const char others[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ \n'\".,;:!?-";
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\0') return 0;
        if (!((unsigned char)text[i] & 0x80u) && !strchr(others, text[i])) return 0;
    }
    return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size ? size : 1), *once, *twice;
    size_t n_once, n_twice;
    marvis_error err;
    if (!text) return 0;
    if (size) memcpy(text, data, size);
    if (marvis_normalize(text, size, &once, &n_once, &err) != MARVIS_OK) abort();
    if (!is_plain(once, n_once)) abort();
    if (marvis_normalize(once, n_once, &twice, &n_twice, &err) != MARVIS_OK) abort();
    if (n_once != n_twice || memcmp(once, twice, n_once) != 0) abort();
    marvis_free(once);
    marvis_free(twice);
    free(text);
    return 0;
}
