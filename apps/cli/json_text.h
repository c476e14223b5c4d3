/* json_text.h - texts that may be anything, such as a file's name, as JSON strings. */
#ifndef APPS_CLI_JSON_TEXT_H
#define APPS_CLI_JSON_TEXT_H

#include <jansson.h>
#include <stddef.h>

/* Each byte that is not part of valid UTF-8 becomes U+FFFD. NULL: out of memory. */
json_t *json_text(const char *text, size_t n);

#endif
