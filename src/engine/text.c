/* text.c - the text section of marvis.h. */
#include "marvis.h"

#include "text/normalize.h"

marvis_status marvis_normalize(const char *text, size_t len_bytes, char **out, size_t *out_len,
                               marvis_error *err) {
    *out = NULL;
    *out_len = 0;
    if (!text && len_bytes > 0) return mv_fail(err, MARVIS_ERR_CALL, "there is no text");
    return mv_normalize(text ? text : "", len_bytes, out, out_len, err);
}
