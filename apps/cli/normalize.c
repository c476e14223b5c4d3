/* normalize.c - marvis normalize, and marvis say --dry-run: the text as it is spoken. A file may be
 * of any size: it is written out in blocks that end with a paragraph. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/support.h"
#include "common/error.h"
#include "common/text_check.h"
#include "common/text_file.h"

enum { BLOCK = 1 << 20 };

typedef struct text_stream {
    FILE *file;
    const char *name; /* for messages */
    bool verbatim, any;
    char *block; /* owned [BLOCK]: what is not written out yet, n bytes */
    size_t n;
    const char *gap; /* between what was printed and what comes */
    text_check check;
} text_stream;

/* Bytes up to the end of the last paragraph in the block, else of its last line or word; all of it
 * where there is no such place. What was between goes into *gap. */
static size_t cut(const char *text, size_t n, const char **gap) {
    size_t line = 0, word = 0;
    *gap = "\n\n";
    for (size_t i = n; i-- > 0;) {
        if (text[i] == ' ' && word == 0) word = i + 1;
        if (text[i] != '\n') continue;
        if (line == 0) line = i + 1;
        size_t before = i > 0 && text[i - 1] == '\r' ? i - 1 : i;
        if (before > 0 && text[before - 1] == '\n') return i + 1;
    }
    *gap = line ? "\n" : " ";
    if (line || word) return line ? line : word;
    *gap = "";
    for (size_t i = 0; i < 3 && n > 1 && ((unsigned char)text[n - 1] & 0xc0) == 0x80; i++)
        n--; /* not inside a character */
    return n > 1 && (unsigned char)text[n - 1] >= 0xc0 ? n - 1 : n;
}

static marvis_status print_part(text_stream *t, const char *text, size_t n, const char *gap,
                                marvis_error *err) {
    char *spoken = NULL;
    if (t->verbatim) {
        t->any = t->any || n > 0;
        fwrite(text, 1, n, stdout);
        return MARVIS_OK;
    }
    marvis_status status = marvis_normalize(text, n, &spoken, &n, err);
    if (status == MARVIS_OK && n > 0) {
        if (t->any) fputs(*t->gap == '\n' && !t->gap[1] ? " " : t->gap, stdout);
        fwrite(spoken, 1, n, stdout);
        t->any = true;
        t->gap = gap;
    }
    marvis_free(spoken);
    return status;
}

/* Reads until the block is full, or to the end. */
static marvis_status fill(text_stream *t, marvis_error *err) {
    bool first = t->n == 0;
    errno = 0;
    size_t n = fread(t->block + t->n, 1, BLOCK - t->n, t->file);
    while (ferror(t->file) && errno == EAGAIN) { /* as who started us has opened it */
        clearerr(t->file);
        text_file_wait(fileno(t->file));
        n += fread(t->block + t->n + n, 1, BLOCK - t->n - n, t->file);
    }
    if (ferror(t->file))
        return app_fail(err, MARVIS_ERR_IO, "%s: cannot be read: %s", t->name, strerror(errno));
    marvis_status status =
        text_check_part(&t->check, t->name, t->block + t->n, n, feof(t->file) != 0, err);
    if (status != MARVIS_OK) return status;
    t->n += n;
    if (first && !t->any && t->n >= 3 && memcmp(t->block, "\xEF\xBB\xBF", 3) == 0) {
        t->n -= 3; /* a byte order mark */
        memmove(t->block, t->block + 3, t->n);
    }
    return MARVIS_OK;
}

static marvis_status print_all(text_stream *t, marvis_error *err) {
    const char *gap;
    bool blank = true;
    for (;;) {
        marvis_status status = fill(t, err);
        if (status != MARVIS_OK) return status;
        bool ended = feof(t->file) != 0;
        size_t n = t->n;
        if (ended)
            while (n > 0 && (t->block[n - 1] == '\n' || t->block[n - 1] == '\r'))
                n--;
        blank = blank && text_is_blank(t->block, n);
        size_t part = ended ? n : cut(t->block, n, &gap);
        status = print_part(t, t->block, part, ended ? "" : gap, err);
        if (status != MARVIS_OK || ended) {
            if (status != MARVIS_OK || (t->any && !blank)) return status;
            break;
        }
        t->n -= part;
        memmove(t->block, t->block + part, t->n);
    }
    if (blank) return app_fail(err, MARVIS_ERR_INPUT, "%s: there is no text to speak", t->name);
    return app_fail(err, MARVIS_ERR_INPUT,
                    "%s: nothing in it is spoken, only emoji, signs or markup", t->name);
}

static marvis_status print_stream(const cli_call *call, const char *path, marvis_error *err) {
    bool is_stdin = strcmp(path, "-") == 0;
    text_stream t = {.file = is_stdin ? stdin : fopen(path, "rb"),
                     .name = is_stdin ? "standard input" : path,
                     .verbatim = cli_given(call, CLI_NO_NORMALIZE),
                     .gap = ""};
    marvis_status status = MARVIS_OK;
    if (!t.file)
        return app_fail(err, errno == ENOENT ? MARVIS_ERR_NOT_FOUND : MARVIS_ERR_IO,
                        "%s: cannot be opened: %s", t.name, strerror(errno));
    t.block = malloc(BLOCK);
    status = t.block ? print_all(&t, err) : app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    if (!is_stdin) fclose(t.file);
    free(t.block);
    return status;
}

int normalize_run(const cli_call *call) {
    const char *file = cli_text(call, CLI_FILE), *given = call->positionals[0];
    marvis_status status;
    marvis_error err;
    char *text = NULL;
    size_t n = 0;
    if (!given == !file || (given && strcmp(given, "-") != 0)) {
        status = cli_read_speech(call, given, &text, &n, &err); /* an argument, or a wrong call */
        if (status == MARVIS_OK) fwrite(text, 1, n, stdout);
    } else {
        status = print_stream(call, file ? file : given, &err);
    }
    free(text);
    if (status != MARVIS_OK) return cli_fail(&err, true);
    putchar('\n');
    return CLI_DONE;
}
