/* error.c - see error.h. */
#include "common/error.h"

#include <stdarg.h>
#include <stdio.h>

marvis_status app_fail(marvis_error *err, marvis_status status, const char *format, ...) {
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        err->status = status;
        err->position = -1;
    }
    return status;
}
