/* out_file.c - see out_file.h. */
#include "common/out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"
#include "common/platform.h"

/* Temporary files that a fatal signal must remove. Paths belong to their out_file. */
enum { N_SLOTS = 8 };
static const char *volatile temporaries[N_SLOTS];

static int slot_take(const char *path) {
    for (int i = 0; i < N_SLOTS; i++) {
        if (!temporaries[i]) {
            temporaries[i] = path;
            return i;
        }
    }
    return -1;
}

void out_file_remove_temporaries(void) {
    for (int i = 0; i < N_SLOTS; i++) {
        if (temporaries[i]) unlink(temporaries[i]);
    }
}

static void release(out_file *file) {
    if (file->slot >= 0) temporaries[file->slot] = NULL;
    free(file->target);
    free(file->temp);
    free(file->name);
    *file = (out_file){.fd = -1, .slot = -1, .is_cut = file->is_cut};
}

static marvis_status write_failed(const out_file *file, int error, marvis_error *err) {
    return app_fail(err, MARVIS_ERR_IO, "%s: cannot be written: %s", file->name, strerror(error));
}

/* Ordinary files can be patched afterwards, except when every write goes to the end. */
static void find_position(out_file *file) {
    struct stat st;
    int flags = fcntl(file->fd, F_GETFL);
    off_t at = lseek(file->fd, 0, SEEK_CUR);
    file->seekable = fstat(file->fd, &st) == 0 && S_ISREG(st.st_mode) && at >= 0 && flags >= 0 &&
                     !(flags & O_APPEND);
    file->start = file->seekable ? (int64_t)at : 0;
}

/* The temporary name lies in the target's folder, so that the rename stays on one file system. */
static char *temp_name(const char *target, int attempt) {
    const char *slash = strrchr(target, '/');
    size_t n_dir = slash ? (size_t)(slash - target) + 1 : 0;
    size_t size = n_dir + 64;
    char *name = malloc(size);
    if (name)
        snprintf(name, size, "%.*s.marvis-%ld-%d.part", (int)n_dir, target, (long)getpid(),
                 attempt);
    return name;
}

/* Creates the file and takes its slot with signals held back: a handler sees both or neither. */
static int create_temporary(out_file *file) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    file->fd = open(file->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    int error = errno;
    if (file->fd >= 0) file->slot = slot_take(file->temp);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return file->fd >= 0 ? 0 : error;
}

static marvis_status open_temporary(out_file *file, marvis_error *err) {
    enum { N_ATTEMPTS = 100 };
    int error = EEXIST;
    for (int attempt = 0; attempt < N_ATTEMPTS && error == EEXIST; attempt++) {
        free(file->temp);
        file->temp = temp_name(file->target, attempt);
        if (!file->temp) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
        error = create_temporary(file);
        if (error == 0) return MARVIS_OK;
    }
    return app_fail(err, MARVIS_ERR_IO, "%s: cannot be created: %s", file->name, strerror(error));
}

/* Whether a path leads to something, and what; "-" is standard output. */
static bool look(const char *path, struct stat *st) {
    return strcmp(path, "-") == 0 ? fstat(STDOUT_FILENO, st) == 0 : stat(path, st) == 0;
}

/* The path of a file that is to be created, the links of its folder followed; NULL when there is no
 * such folder. */
static char *resolve_new(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *dir = slash ? platform_concat(path, "") : platform_concat(".", "");
    if (dir && slash) dir[slash - path + 1] = '\0';
    char *folder = dir ? realpath(dir, NULL) : NULL;
    char *with_slash = folder ? platform_concat(folder, "/") : NULL;
    char *resolved = with_slash ? platform_concat(with_slash, name) : NULL;
    free(dir);
    free(folder);
    free(with_slash);
    return resolved;
}

bool out_file_same(const char *a, const char *b) {
    struct stat of_a, of_b;
    bool a_exists = look(a, &of_a), b_exists = look(b, &of_b);
    if (strcmp(a, b) == 0) return true;
    if (a_exists != b_exists) return false;
    if (a_exists) return of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
    char *path_a = resolve_new(a), *path_b = resolve_new(b);
    bool same = path_a && path_b && strcmp(path_a, path_b) == 0;
    free(path_a);
    free(path_b);
    return same;
}

static bool stat_is_stream(const struct stat *st) {
    return !S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode);
}

bool out_file_is_stream(const char *path) {
    struct stat st;
    return strcmp(path, "-") == 0 || (stat(path, &st) == 0 && stat_is_stream(&st));
}

/* Why a path that leads nowhere cannot be created: its folder may be closed to us, and the rename
 * would replace a link although the file that it names was meant. */
static marvis_status check_new(const char *path, int error, marvis_error *err) {
    struct stat st;
    if (error == ENOENT && lstat(path, &st) == 0)
        return app_fail(
            err, MARVIS_ERR_CALL,
            "%s is a link to a file that does not exist; create that or remove the link", path);
    if (error != ENOENT)
        return app_fail(err, MARVIS_ERR_IO, "%s: cannot be created: %s", path, strerror(error));
    return MARVIS_OK;
}

static marvis_status open_path(out_file *file, const char *path, marvis_error *err) {
    struct stat st;
    marvis_status status;
    size_t n = strlen(path);
    bool exists = stat(path, &st) == 0;
    int error = errno;
    if (n == 0 || path[n - 1] == '/' || (exists && S_ISDIR(st.st_mode)))
        return app_fail(err, MARVIS_ERR_CALL, "%s is a folder; give the name of a file",
                        n ? path : "the empty name");
    if (exists && stat_is_stream(&st)) {
        file->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        if (file->fd < 0)
            return app_fail(err, MARVIS_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
        return MARVIS_OK;
    }
    if (!exists && (status = check_new(path, error, err)) != MARVIS_OK) return status;
    file->target = exists ? realpath(path, NULL) : platform_concat(path, "");
    if (!file->target)
        return app_fail(err, MARVIS_ERR_IO, "%s: cannot be created: %s", path, strerror(errno));
    status = open_temporary(file, err);
    /* What is replaced keeps its rights; a failure leaves those of a new file. */
    if (status == MARVIS_OK && exists) fchmod(file->fd, st.st_mode & 0777);
    return status;
}

marvis_status out_file_probe(const char *path, marvis_error *err) {
    out_file file;
    marvis_status status;
    if (out_file_is_stream(path)) return MARVIS_OK;
    status = out_file_open(&file, path, err);
    if (status == MARVIS_OK) out_file_discard(&file);
    return status;
}

marvis_status out_file_open(out_file *file, const char *path, marvis_error *err) {
    marvis_status status = MARVIS_OK;
    bool is_stdout = strcmp(path, "-") == 0;
    *file = (out_file)OUT_FILE_CLOSED;
    file->name = platform_concat(is_stdout ? "standard output" : path, "");
    if (!file->name) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    file->owns_fd = !is_stdout;
    if (is_stdout)
        file->fd = STDOUT_FILENO;
    else
        status = open_path(file, path, err);
    if (status != MARVIS_OK) {
        release(file);
        return status;
    }
    find_position(file);
    return MARVIS_OK;
}

/* A pipe that can be written takes this much without holding us up in the write. */
static size_t most_at_once(const out_file *file, size_t n) {
    return file->wait && n > _POSIX_PIPE_BUF ? _POSIX_PIPE_BUF : n;
}

enum { ASK_AGAIN_MS = 10 };

/* For a pipe that who started us has opened so that it never holds up a write. */
static void wait_writable(const out_file *file) {
    struct pollfd out = {.fd = file->fd, .events = POLLOUT};
    (void)poll(&out, 1, file->wait ? ASK_AGAIN_MS : -1);
}

marvis_status out_file_write(out_file *file, const void *data, size_t n, marvis_error *err) {
    const char *next = data;
    while (n > 0) {
        if (file->wait && !file->is_cut) file->is_cut = !file->wait(file->fd);
        if (file->is_cut) return MARVIS_OK;
        ssize_t written = write(file->fd, next, most_at_once(file, n));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno == EAGAIN) {
            wait_writable(file);
            continue;
        }
        if (written < 0) return write_failed(file, errno, err);
        next += written;
        n -= (size_t)written;
        file->size += written;
    }
    return MARVIS_OK;
}

marvis_status out_file_overwrite(out_file *file, int64_t offset, const void *data, size_t n,
                                 marvis_error *err) {
    const char *next = data;
    while (n > 0) {
        ssize_t written = pwrite(file->fd, next, n, (off_t)(file->start + offset));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return write_failed(file, errno, err);
        next += written;
        n -= (size_t)written;
        offset += written;
    }
    return MARVIS_OK;
}

marvis_status out_file_commit(out_file *file, marvis_error *err) {
    marvis_status status = MARVIS_OK;
    if (file->owns_fd && close(file->fd) != 0 && errno != EINTR)
        status = write_failed(file, errno, err);
    if (file->temp && status == MARVIS_OK && rename(file->temp, file->target) != 0)
        status = write_failed(file, errno, err);
    if (file->temp && status != MARVIS_OK) unlink(file->temp);
    release(file);
    return status;
}

void out_file_discard(out_file *file) {
    if (file->fd < 0) return;
    if (file->owns_fd) close(file->fd);
    if (file->temp) unlink(file->temp);
    release(file);
}
