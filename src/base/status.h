/* status.h - filling a marvis_error. Every function that can fail takes `marvis_error *err` (may be
 * NULL) last and returns mv_fail(...) at the place where the failure is known best. */
#ifndef MV_BASE_STATUS_H
#define MV_BASE_STATUS_H

#include "marvis.h"

#if defined(__GNUC__)
#define MV_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#define MV_PRINTF(fmt, first)
#endif

/* Fills *err (if given) with status and one line, position -1; control characters and newlines in
 * the result become '?', text too long is cut at the end on a UTF-8 border. Returns status. */
marvis_status mv_fail(marvis_error *err, marvis_status status, const char *fmt, ...)
    MV_PRINTF(3, 4);

/* The same with a byte position in the file or text. */
marvis_status mv_fail_at(marvis_error *err, marvis_status status, int64_t position, const char *fmt,
                         ...) MV_PRINTF(4, 5);

/* ERR_MEMORY with "out of memory (N bytes for WHAT)". */
marvis_status mv_fail_memory(marvis_error *err, size_t n_bytes, const char *what);

#define MV_CHECK MARVIS_CHECK

/* return on failure */
#define MV_TRY(expr)                                                                               \
    do {                                                                                           \
        marvis_status mv_try_status_ = (expr);                                                     \
        if (mv_try_status_ != MARVIS_OK) return mv_try_status_;                                    \
    } while (0)

/* goto fail on failure; `status` must be in scope */
#define MV_TRY_GOTO(expr)                                                                          \
    do {                                                                                           \
        status = (expr);                                                                           \
        if (status != MARVIS_OK) goto fail;                                                        \
    } while (0)

#endif
