/* text_file.c - see text_file.h. */
#include "common/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/error.h"

void text_file_wait(int fd) {
    struct pollfd in = {.fd = fd, .events = POLLIN};
    (void)poll(&in, 1, -1);
}

/* Reads to the end, at most `size` bytes; -1 with errno on failure. */
static ssize_t read_all(int fd, char *to, size_t size) {
    size_t n = 0;
    while (n < size) {
        ssize_t got = read(fd, to + n, size - n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) {
            text_file_wait(fd);
            continue;
        }
        if (got < 0) return -1;
        if (got == 0) break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

/* Cuts what is not text; returns the new length. */
static size_t trim(char *text, size_t n) {
    if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        n -= 3;
        memmove(text, text + 3, n);
    }
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    text[n] = '\0';
    return n;
}

marvis_status text_file_read(const char *path, char **text, size_t *len_bytes, marvis_error *err) {
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    marvis_status status = MARVIS_OK;
    ssize_t n;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    char *buffer = malloc(TEXT_FILE_MAX_BYTES + 2);

    *text = NULL;
    *len_bytes = 0;
    if (fd < 0)
        status = app_fail(err, errno == ENOENT ? MARVIS_ERR_NOT_FOUND : MARVIS_ERR_IO,
                          "%s: cannot be opened: %s", name, strerror(errno));
    else if (!buffer)
        status = app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    else if ((n = read_all(fd, buffer, TEXT_FILE_MAX_BYTES + 1)) < 0)
        status = app_fail(err, MARVIS_ERR_IO, "%s: cannot be read: %s", name, strerror(errno));
    else if (n > TEXT_FILE_MAX_BYTES)
        status = app_fail(err, MARVIS_ERR_INPUT, "%s: more than 1 MiB of text; split it", name);
    else {
        *len_bytes = trim(buffer, (size_t)n);
        *text = buffer;
        buffer = NULL;
    }
    free(buffer);
    if (!is_stdin && fd >= 0) close(fd);
    return status;
}

bool text_is_blank(const char *text, size_t len_bytes) {
    for (size_t i = 0; i < len_bytes; i++) {
        if (!strchr(" \t\r\n\v\f", text[i]) || text[i] == '\0') return false;
    }
    return true;
}
