/* fuzz_split.c - any bytes as text to be split, the first six of them as options and sizes of the
 * parts it is fed in: no byte but white space is lost, and pieces are the same as when fed at
 * once. */
#include "text/split.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Feeds all of text in parts, and sums up what comes out. */
static uint64_t split_all(mv_split *split, const char *text, size_t len, size_t part, size_t hard) {
    uint64_t sum = 0, at = 0;
    mv_split_piece piece;
    bool more = true;
    for (size_t i = 0; more;) {
        size_t n = len - i < part ? len - i : part;
        more = n > 0;
        if (more) {
            n = mv_split_feed(split, text + i, n);
            if (n == 0) abort();
            i += n;
        } else {
            mv_split_end(split);
        }
        while (mv_split_next(split, &piece)) {
            if (piece.len == 0 || piece.n_chars > hard || piece.begin < at) abort();
            if (piece.end <= piece.begin || piece.end > i) abort();
            at = piece.end;
            for (size_t k = 0; k < piece.len; k++)
                sum = sum * 31 + (unsigned char)piece.text[k];
            sum = sum * 31 + piece.end * 4 + (uint64_t)piece.border;
        }
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t head[6] = {0};
    size_t n_head = size < sizeof head ? size : sizeof head, len = size - n_head;
    mv_split_options options;
    mv_split *split;
    marvis_error err;
    uint64_t parts, whole;
    char *text = malloc(len ? len : 1);
    if (!text) return 0;
    if (n_head) memcpy(head, data, n_head);
    if (len) memcpy(text, data + n_head, len);
    mv_split_options_init(&options);
    options.hard_chars = 16u + head[0];
    options.soft_chars = head[1] % (options.hard_chars + 1);
    options.target_chars = head[2] % (options.soft_chars + 1);
    options.min_chars = head[3] % (options.target_chars + 1);
    options.first_chars = head[4] % (options.target_chars + 1);
    options.lines = (head[5] & 1) != 0;
    if (mv_split_create(&options, &split, &err) != MARVIS_OK) abort();
    parts = split_all(split, text, len, 1 + head[5] / 2, options.hard_chars);
    mv_split_reset(split, 0);
    whole = split_all(split, text, len, len, options.hard_chars);
    if (parts != whole) abort();
    mv_split_destroy(&split);
    free(text);
    return 0;
}
