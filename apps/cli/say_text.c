/* say_text.c - see say_text.h. */
#include "cli/say_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/support.h"
#include "common/error.h"
#include "common/text_file.h"

static marvis_status cannot_read(say_text *t, int error, marvis_error *err) {
    t->failed = true;
    return app_fail(err, error == ENOENT ? MARVIS_ERR_NOT_FOUND : MARVIS_ERR_IO,
                    "%s: cannot be read: %s", t->name, strerror(error));
}

/* One read; *n 0 at the end, after a signal, and where nothing came after all. */
static marvis_status read_some(say_text *t, char *to, size_t size, size_t *n, marvis_error *err) {
    *n = 0;
    cli_wait_readable(t->fd);
    if (cli_is_cancelled()) return MARVIS_OK;
    ssize_t got = read(t->fd, to, size);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return MARVIS_OK;
    if (got < 0) return cannot_read(t, errno, err);
    t->ended = got == 0;
    *n = (size_t)got;
    /* What arrives while it is spoken is not refused. */
    marvis_error what;
    if (!t->is_whole && text_check_part(&t->check, t->name, to, *n, t->ended, &what) != MARVIS_OK)
        snprintf(t->warning, sizeof t->warning, "%.120s%s", what.message,
                 t->verbatim ? "" : "; what is wrong is left out");
    return MARVIS_OK;
}

static void drop_mark(say_text *t) {
    t->mark = t->n >= 3 && memcmp(t->block, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    t->at = t->mark;
}

marvis_status say_text_empty(const say_text *t, marvis_error *err) {
    if (!t->any) return app_fail(err, MARVIS_ERR_INPUT, "%s: there is no text to speak", t->name);
    return app_fail(err, MARVIS_ERR_INPUT, "%s: nothing in it is spoken, only emoji, signs%s",
                    t->name, t->verbatim ? "" : " or markup");
}

/* Of a text that is there as a whole. */
static marvis_status check_whole(say_text *t, const char *text, size_t n, bool normalize,
                                 marvis_error *err) {
    char *spoken;
    size_t n_spoken;
    t->any = !text_is_blank(text, n);
    if (!t->any) return say_text_empty(t, err);
    if (!normalize) return MARVIS_OK;
    marvis_status status = marvis_normalize(text, n, &spoken, &n_spoken, err);
    if (status != MARVIS_OK) return status;
    marvis_free(spoken);
    return n_spoken ? MARVIS_OK : say_text_empty(t, err);
}

/* Of a file the beginning is looked at before a model is loaded: often it is all of it. */
static marvis_status read_head(say_text *t, bool normalize, marvis_error *err) {
    while (t->n < SAY_TEXT_BLOCK && !t->ended) {
        size_t n;
        marvis_status status = read_some(t, t->block + t->n, SAY_TEXT_BLOCK - t->n, &n, err);
        if (status != MARVIS_OK) return status;
        t->n += n;
    }
    drop_mark(t);
    if (t->ended) return check_whole(t, t->block + t->at, t->n - t->at, normalize, err);
    t->any = !text_is_blank(t->block + t->at, t->n - t->at);
    return MARVIS_OK;
}

/* Calls `look` with every part of a file from `at` on. */
static marvis_status read_all(say_text *t, off_t at, marvis_error *err,
                              marvis_status (*look)(say_text *t, void *to, const char *bytes,
                                                    size_t n, marvis_error *err),
                              void *to) {
    char *buffer = malloc(SAY_TEXT_BLOCK);
    marvis_status status = MARVIS_OK;
    ssize_t n = 0;
    if (!buffer) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    while (status == MARVIS_OK &&
           ((n = pread(t->fd, buffer, SAY_TEXT_BLOCK, at)) > 0 || (n < 0 && errno == EINTR))) {
        if (n < 0) continue;
        status = look(t, to, buffer, (size_t)n, err);
        at += n;
    }
    if (status == MARVIS_OK && n < 0) status = cannot_read(t, errno, err);
    free(buffer);
    return status;
}

static marvis_status check_part(say_text *t, void *unused, const char *bytes, size_t n,
                                marvis_error *err) {
    (void)unused;
    return text_check_part(&t->check, t->name, bytes, n, false, err);
}

/* Of a file that is there as a whole: the text is not begun with if it is none. */
static marvis_status check_file(say_text *t, marvis_error *err) {
    t->is_whole = true;
    off_t begin = lseek(t->fd, 0, SEEK_CUR); /* of standard input some may have been read */
    marvis_status status = read_all(t, begin < 0 ? 0 : begin, err, check_part, NULL);
    return status == MARVIS_OK ? text_check_part(&t->check, t->name, "", 0, true, err) : status;
}

marvis_status say_text_open(say_text *t, const cli_call *call, marvis_error *err) {
    const char *file = cli_text(call, CLI_FILE), *given = call->positionals[0];
    bool normalize = !cli_given(call, CLI_NO_NORMALIZE);
    struct stat st;
    *t = (say_text){.fd = -1, .size = -1, .name = "TEXT", .verbatim = !normalize};
    if (file && given) return app_fail(err, MARVIS_ERR_CALL, "TEXT and --file: give one of them");
    if (!file && !given)
        return app_fail(err, MARVIS_ERR_CALL,
                        "TEXT is missing; give a text, - for standard input, or --file FILE");
    t->block = malloc(SAY_TEXT_BLOCK);
    if (!t->block) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    if (!file && strcmp(given, "-") != 0) {
        t->argument = given;
        t->size = (int64_t)strlen(given);
        marvis_status status = text_check_part(&t->check, t->name, given, strlen(given), true, err);
        return status == MARVIS_OK ? check_whole(t, given, strlen(given), normalize, err) : status;
    }
    bool is_stdin = !file || strcmp(file, "-") == 0;
    t->name = is_stdin ? "standard input" : file;
    t->lines = !file;
    t->owns_fd = !is_stdin;
    t->fd = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    if (t->fd < 0)
        return app_fail(err, errno == ENOENT ? MARVIS_ERR_NOT_FOUND : MARVIS_ERR_IO,
                        "%s: cannot be opened: %s", t->name, strerror(errno));
    bool regular = fstat(t->fd, &st) == 0 && S_ISREG(st.st_mode);
    if (regular) t->size = (int64_t)st.st_size;
    marvis_status status = regular ? check_file(t, err) : MARVIS_OK;
    return status == MARVIS_OK && (regular || !is_stdin) ? read_head(t, normalize, err) : status;
}

marvis_status say_text_next(say_text *t, const char **bytes, size_t *n, marvis_error *err) {
    *n = 0;
    if (t->argument) {
        *bytes = t->argument;
        *n = strlen(t->argument);
        t->argument += *n;
        t->ended = *n == 0;
        return MARVIS_OK;
    }
    if (t->at == t->n && !t->ended) {
        bool first = t->n == 0;
        t->at = t->n = 0;
        marvis_status status = read_some(t, t->block, SAY_TEXT_BLOCK, &t->n, err);
        if (status != MARVIS_OK) return status;
        if (first) drop_mark(t);
        t->any = t->any || !text_is_blank(t->block + t->at, t->n - t->at);
    }
    *bytes = t->block + t->at;
    *n = t->n - t->at;
    t->at = t->n;
    return MARVIS_OK;
}

bool say_text_is_ready(const say_text *t) {
    return t->argument || t->at < t->n || t->ended || cli_is_readable(t->fd);
}

marvis_status say_text_seek(say_text *t, uint64_t offset, marvis_error *err) {
    if (t->argument) {
        size_t n = strlen(t->argument);
        t->argument += offset < n ? (size_t)offset : n;
        return MARVIS_OK;
    }
    if (lseek(t->fd, (off_t)(offset + t->mark), SEEK_SET) < 0) return cannot_read(t, errno, err);
    t->at = t->n = SAY_TEXT_BLOCK; /* nothing is left of the beginning, and no mark comes */
    t->ended = false;
    return MARVIS_OK;
}

/* FNV-1a, 64 bits */
static uint64_t add_to_hash(uint64_t hash, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3u;
    return hash;
}

static marvis_status hash_part(say_text *t, void *hash, const char *bytes, size_t n,
                               marvis_error *err) {
    (void)t;
    (void)err;
    *(uint64_t *)hash = add_to_hash(*(uint64_t *)hash, bytes, n);
    return MARVIS_OK;
}

marvis_status say_text_hash(say_text *t, uint64_t *hash, marvis_error *err) {
    *hash = 0xcbf29ce484222325u;
    if (t->argument) {
        *hash = add_to_hash(*hash, t->argument, strlen(t->argument));
        return MARVIS_OK;
    }
    return read_all(t, 0, err, hash_part, hash);
}

void say_text_close(say_text *t) {
    if (t->owns_fd && t->fd >= 0) close(t->fd);
    free(t->block);
    *t = (say_text){.fd = -1};
}
