/* json_text.c - see json_text.h. */
#include "cli/json_text.h"

#include <stdlib.h>
#include <string.h>

json_t *json_text(const char *text, size_t n) {
    json_t *valid = json_stringn(text, n), *result;
    char *copy;
    size_t n_copy = 0;
    if (valid || !(copy = malloc(3 * n + 1))) return valid;
    for (size_t i = 0; i < n;) {
        size_t length = 1;
        json_t *probe = NULL;
        for (; length <= 4 && i + length <= n; length++) {
            probe = json_stringn(text + i, length);
            if (probe) break;
        }
        memcpy(copy + n_copy, probe ? text + i : "\xEF\xBF\xBD", probe ? length : 3);
        n_copy += probe ? length : 3;
        i += probe ? length : 1;
        json_decref(probe);
    }
    result = json_stringn(copy, n_copy);
    free(copy);
    return result;
}
