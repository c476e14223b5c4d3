/* error.h - failures of the programs' own code, told in the library's terms: a marvis_status and
 * one line fit for a person. */
#ifndef APPS_COMMON_ERROR_H
#define APPS_COMMON_ERROR_H

#include "marvis.h"

/* Fills err (NULL is allowed) and returns status. */
__attribute__((format(printf, 3, 4))) marvis_status app_fail(marvis_error *err,
                                                             marvis_status status,
                                                             const char *format, ...);

#endif
