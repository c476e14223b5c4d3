/* say_text.h - the text of marvis say as it comes: an argument, a file of any size, or standard
 * input while it is being written. */
#ifndef APPS_CLI_SAY_TEXT_H
#define APPS_CLI_SAY_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"
#include "common/text_check.h"
#include "marvis.h"

enum { SAY_TEXT_BLOCK = 1 << 16 };

typedef struct say_text {
    const char *name; /* for messages; borrowed */
    bool lines;       /* each line is a paragraph: the text is "-" */
    bool verbatim;    /* it is not written out */
    bool any;         /* something else than white space was read */
    int fd;           /* or -1: the text is an argument */
    bool owns_fd;
    bool is_whole; /* a file, which was looked at to its end */
    int64_t size;  /* bytes, or -1: not known */
    size_t mark;   /* bytes of a byte order mark, which are no text */
    char *block;   /* owned [SAY_TEXT_BLOCK]: from at to n is not taken yet */
    size_t at, n;
    bool ended, failed;
    text_check check;
    char warning[200];    /* once, of what came: it is no text; "" where it is */
    const char *argument; /* what is left of it */
} say_text;

/* Finds the text, and of an argument or a file whether there is something to speak. ERR_CALL: none,
 * or two; ERR_NOT_FOUND, ERR_IO; ERR_INPUT: nothing to speak, or no UTF-8. */
MARVIS_CHECK marvis_status say_text_open(say_text *text, const cli_call *call, marvis_error *err);

/* The next *n bytes, which hold until the next call; waits for them. *n 0: the end, or a signal
 * came (text->ended says which). */
MARVIS_CHECK marvis_status say_text_next(say_text *text, const char **bytes, size_t *n,
                                         marvis_error *err);

/* Whether say_text_next need not wait. */
bool say_text_is_ready(const say_text *text);

/* A number that tells this text from others, from all of it. Not of standard input. */
MARVIS_CHECK marvis_status say_text_hash(say_text *text, uint64_t *hash, marvis_error *err);

/* The next byte is that at `offset` of the text. Before the first say_text_next. */
MARVIS_CHECK marvis_status say_text_seek(say_text *text, uint64_t offset, marvis_error *err);

/* "there is nothing to speak", with the reason. */
marvis_status say_text_empty(const say_text *text, marvis_error *err);

void say_text_close(say_text *text);

#endif
