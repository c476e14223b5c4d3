/* status.c - see status.h. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *marvis_status_text(marvis_status status) {
    switch (status) {
#define STATUS_TEXT(name, value, text)                                                             \
    case MARVIS_##name: return text;
        MARVIS_STATUS_LIST(STATUS_TEXT)
#undef STATUS_TEXT
    }
    return "unknown status";
}

/* Cuts an incomplete UTF-8 sequence off the end and replaces what a terminal would act on. */
static void tidy(char *text) {
    size_t len = strlen(text);
    size_t back = 0;
    while (back < 3 && back < len && ((unsigned char)text[len - 1 - back] & 0xC0) == 0x80)
        back++;
    if (back < len) {
        unsigned char lead = (unsigned char)text[len - 1 - back];
        size_t need = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
        if (lead >= 0xC0 && back < need) text[len - 1 - back] = '\0';
    }
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F) *c = '?';
}

static void fill(marvis_error *err, marvis_status status, int64_t position, const char *fmt,
                 va_list args) {
    err->status = status;
    err->position = position;
    vsnprintf(err->message, sizeof err->message, fmt, args);
    tidy(err->message);
}

marvis_status mv_fail(marvis_error *err, marvis_status status, const char *fmt, ...) {
    if (err) {
        va_list args;
        va_start(args, fmt);
        fill(err, status, -1, fmt, args);
        va_end(args);
    }
    return status;
}

marvis_status mv_fail_at(marvis_error *err, marvis_status status, int64_t position, const char *fmt,
                         ...) {
    if (err) {
        va_list args;
        va_start(args, fmt);
        fill(err, status, position, fmt, args);
        va_end(args);
    }
    return status;
}

marvis_status mv_fail_memory(marvis_error *err, size_t n_bytes, const char *what) {
    return mv_fail(err, MARVIS_ERR_MEMORY, "out of memory (%zu bytes for %s)", n_bytes, what);
}
