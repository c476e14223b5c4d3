/* text_check.c - see text_check.h. Well-formed UTF-8 is that of table 3-7 of the Unicode standard.
 */
#include "common/text_check.h"

#include <inttypes.h>

#include "common/error.h"

/* The first byte of a character. */
static bool begin(text_check *c, unsigned char byte) {
    c->low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;  /* nothing longer than need be */
    c->high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf; /* no surrogates, no more planes */
    c->n_missing = byte < 0x80 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    c->has_nul = byte == 0;
    return byte != 0 && (byte < 0x80 || (byte >= 0xc2 && byte <= 0xf4));
}

static bool take(text_check *c, unsigned char byte) {
    if (c->n_missing == 0) return begin(c, byte);
    bool fits = byte >= c->low && byte <= c->high;
    c->n_missing--;
    c->low = 0x80;
    c->high = 0xbf;
    return fits;
}

marvis_status text_check_part(text_check *c, const char *name, const char *text, size_t n,
                              bool is_last, marvis_error *err) {
    if (c->wrong) return MARVIS_OK;
    for (size_t i = 0; i < n && !c->wrong; i++) {
        c->wrong = !take(c, (unsigned char)text[i]);
        c->line += text[i] == '\n' && !c->wrong;
    }
    if (!c->wrong && is_last) c->wrong = c->n_missing > 0;
    if (!c->wrong) return MARVIS_OK;
    return app_fail(err, MARVIS_ERR_INPUT, "%s: line %" PRIu64 " %s; convert it to UTF-8", name,
                    c->line + 1, c->has_nul ? "holds a NUL: no text, or UTF-16" : "is not UTF-8");
}
