/* text_file.h - text for the model from a file or from standard input. */
#ifndef APPS_COMMON_TEXT_FILE_H
#define APPS_COMMON_TEXT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "marvis.h"

/* More text than any model's context holds. */
enum { TEXT_FILE_MAX_BYTES = 1 << 20 };

/* Reads a whole file, or standard input for "-". Bytes are taken as they are, NULs included; a byte
 * order mark at the start and line breaks at the end are not text. The caller frees *text, which is
 * also NUL-terminated. ERR_NOT_FOUND, ERR_IO, ERR_MEMORY; ERR_INPUT: more than 1 MiB. */
MARVIS_CHECK marvis_status text_file_read(const char *path, char **text, size_t *len_bytes,
                                          marvis_error *err);

/* Waits until there is something to read, or its end, where a read would not wait by itself. */
void text_file_wait(int fd);

/* True if nothing in the text could be spoken: no byte but white space. */
bool text_is_blank(const char *text, size_t len_bytes);

#endif
