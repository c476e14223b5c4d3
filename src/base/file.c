/* file.c - see file.h. POSIX: open, fstat, mmap, opendir, rename. */
#include "base/file.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static marvis_status fail_errno(marvis_error *err, const char *path, const char *what, int error) {
    marvis_status status =
        error == ENOENT || error == ENOTDIR ? MARVIS_ERR_NOT_FOUND : MARVIS_ERR_IO;
    return mv_fail(err, status, "%s: cannot %s: %s", path, what, strerror(error));
}

/* Opens a regular file for reading and tells its length. */
static marvis_status open_regular(const char *path, int *fd, size_t *len, marvis_error *err) {
    /* O_NONBLOCK: a FIFO in the place of a file is refused below instead of waiting for a writer */
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0) return fail_errno(err, path, "open the file", errno);
    struct stat st;
    if (fstat(*fd, &st) != 0) {
        int error = errno;
        close(*fd);
        return fail_errno(err, path, "read the file's size", error);
    }
    if (!S_ISREG(st.st_mode)) {
        close(*fd);
        return mv_fail(err, MARVIS_ERR_IO, "%s: is %s, a regular file is needed", path,
                       S_ISDIR(st.st_mode) ? "a folder" : "not a file");
    }
    *len = (size_t)st.st_size;
    return MARVIS_OK;
}

marvis_status mv_map_open(const char *path, mv_map *map, marvis_error *err) {
    *map = (mv_map){0};
    int fd;
    size_t len = 0;
    MV_TRY(open_regular(path, &fd, &len, err));
    if (len == 0) {
        close(fd);
        return MARVIS_OK;
    }
    void *data = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    int error = errno;
    close(fd);
    if (data == MAP_FAILED) return fail_errno(err, path, "map the file into memory", error);
    map->data = data;
    map->len = len;
    return MARVIS_OK;
}

void mv_map_close(mv_map *map) {
    if (map->data) munmap((void *)(uintptr_t)map->data, map->len);
    *map = (mv_map){0};
}

void mv_map_forget(const uint8_t *data, size_t len) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t begin = ((uintptr_t)data + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)data + len) / page * page;
    if (begin < end) (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
}

marvis_status mv_file_read(const char *path, size_t max_len, char **data, size_t *len,
                           marvis_error *err) {
    *data = NULL;
    *len = 0;
    int fd;
    size_t size = 0;
    MV_TRY(open_regular(path, &fd, &size, err));
    if (size > max_len) {
        close(fd);
        return mv_fail(err, MARVIS_ERR_FORMAT, "%s: %zu bytes, more than the %zu expected here",
                       path, size, max_len);
    }
    char *text = mv_alloc(size + 1, 1);
    if (!text) {
        close(fd);
        return mv_fail_memory(err, size + 1, path);
    }
    size_t have = 0;
    while (have < size) {
        ssize_t n = read(fd, text + have, size - have);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            int error = errno;
            close(fd);
            mv_free(text);
            return fail_errno(err, path, "read the file", error);
        }
        if (n == 0) break; /* shorter than it was a moment ago */
        have += (size_t)n;
    }
    close(fd);
    text[have] = '\0';
    *data = text;
    *len = have;
    return MARVIS_OK;
}

bool mv_file_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool mv_dir_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool mv_file_same(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int64_t mv_path_changed_s(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_mtime : -1;
}

char *mv_path_join(const char *dir, const char *name) {
    size_t n = strlen(dir), m = strlen(name), size;
    if (!mv_add_size(n, m, &size) || !mv_add_size(size, 2, &size)) return NULL;
    char *path = mv_alloc(size, 1);
    if (path) snprintf(path, size, "%s%s%s", dir, n && dir[n - 1] == '/' ? "" : "/", name);
    return path;
}

char *mv_path_dir(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return mv_strdup(".");
    return mv_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

marvis_status mv_dir_list(const char *path, char ***names, size_t *n, marvis_error *err) {
    *names = NULL;
    *n = 0;
    DIR *dir = opendir(path);
    if (!dir) return fail_errno(err, path, "open the folder", errno);
    char **list = NULL;
    size_t count = 0, capacity = 0;
    marvis_status status = MARVIS_OK;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (count == capacity) {
            size_t wanted = capacity ? 2 * capacity : 16;
            char **grown = mv_grow(list, wanted, sizeof *list);
            if (!grown) {
                status = mv_fail_memory(err, wanted * sizeof *list, path);
                break;
            }
            list = grown;
            capacity = wanted;
        }
        list[count] = mv_strdup(entry->d_name);
        if (!list[count]) {
            status = mv_fail_memory(err, sizeof entry->d_name, path);
            break;
        }
        count++;
    }
    closedir(dir);
    if (status != MARVIS_OK) {
        mv_names_free(&list, count);
        return status;
    }
    if (count) qsort(list, count, sizeof *list, compare_names);
    *names = list;
    *n = count;
    return MARVIS_OK;
}

void mv_names_free(char ***names, size_t n) {
    for (size_t i = 0; i < n; i++)
        mv_free((*names)[i]);
    mv_free(*names);
    *names = NULL;
}

struct mv_writer {
    int fd;
    char *path;   /* owned; as given, for messages */
    char *target; /* what is renamed to, links followed; realpath's memory */
    char *temp;   /* owned; NULL: written directly */
};

static void writer_free(mv_writer **writer, bool remove_temp) {
    mv_writer *w = *writer;
    *writer = NULL;
    if (!w) return;
    if (w->fd >= 0) close(w->fd);
    if (remove_temp && w->temp) unlink(w->temp);
    free(w->target);
    mv_free(w->path);
    mv_free(w->temp);
    mv_free(w);
}

/* Creates the temporary file in the target's folder, so that the rename stays on one file system;
 * its rights are those that the umask leaves to any new file. */
static marvis_status open_temp(mv_writer *w, const char *target, marvis_error *err) {
    enum { N_ATTEMPTS = 100 };
    const char *slash = strrchr(target, '/');
    size_t n_dir = slash ? (size_t)(slash - target) + 1 : 0, size = n_dir + 64;
    char *temp = mv_alloc(size, 1);
    if (!temp) return mv_fail_memory(err, size, w->path);
    for (int i = 0; i < N_ATTEMPTS && w->fd < 0 && (i == 0 || errno == EEXIST); i++) {
        snprintf(temp, size, "%.*s.marvis-%ld-%d.part", (int)n_dir, target, (long)getpid(), i);
        w->fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    if (w->fd < 0) {
        int error = errno;
        mv_free(temp);
        return mv_fail(err, MARVIS_ERR_IO, "%s: cannot create the file: %s", w->path,
                       strerror(error));
    }
    w->temp = temp;
    return MARVIS_OK;
}

/* Refuses what rename would replace although a file of another place was meant. */
static marvis_status open_new(mv_writer *w, int error, marvis_error *err) {
    struct stat st;
    if (error == ENOENT && lstat(w->path, &st) == 0)
        return mv_fail(
            err, MARVIS_ERR_CALL,
            "%s: is a link to a file that does not exist; create that or remove the link", w->path);
    if (error != ENOENT)
        return mv_fail(err, MARVIS_ERR_IO, "%s: cannot create the file: %s", w->path,
                       strerror(error));
    return open_temp(w, w->path, err);
}

static marvis_status open_output(mv_writer *w, marvis_error *err) {
    struct stat st;
    size_t n = strlen(w->path);
    bool exists = stat(w->path, &st) == 0;
    int error = errno;
    if (n == 0 || w->path[n - 1] == '/' || (exists && S_ISDIR(st.st_mode)))
        return mv_fail(err, MARVIS_ERR_CALL, "%s: is a folder; give the name of a file",
                       n ? w->path : "the empty name");
    if (!exists) return open_new(w, error, err);
    if (!S_ISREG(st.st_mode)) {
        w->fd = open(w->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return w->fd >= 0 ? MARVIS_OK : fail_errno(err, w->path, "open it for writing", errno);
    }
    w->target = realpath(w->path, NULL);
    if (!w->target) return fail_errno(err, w->path, "follow the link", errno);
    MV_TRY(open_temp(w, w->target, err));
    fchmod(w->fd, st.st_mode & 0777); /* a failure leaves the rights of a new file */
    return MARVIS_OK;
}

marvis_status mv_writer_open(const char *path, mv_writer **writer, marvis_error *err) {
    *writer = NULL;
    mv_writer *w = mv_alloc(1, sizeof *w);
    if (!w) return mv_fail_memory(err, sizeof *w, path);
    w->fd = -1;
    w->path = mv_strdup(path);
    marvis_status status =
        w->path ? open_output(w, err) : mv_fail_memory(err, strlen(path) + 1, path);
    if (status != MARVIS_OK) {
        writer_free(&w, true);
        return status;
    }
    *writer = w;
    return MARVIS_OK;
}

marvis_status mv_writer_write(mv_writer *writer, const void *data, size_t len, marvis_error *err) {
    const char *bytes = data;
    while (len) {
        ssize_t n = write(writer->fd, bytes, len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0)
            return mv_fail(err, MARVIS_ERR_IO, "%s: cannot write: %s", writer->path,
                           strerror(n < 0 ? errno : EIO));
        bytes += n;
        len -= (size_t)n;
    }
    return MARVIS_OK;
}

marvis_status mv_writer_commit(mv_writer **writer, marvis_error *err) {
    mv_writer *w = *writer;
    int fd = w->fd;
    w->fd = -1;
    if ((close(fd) != 0 && errno != EINTR) ||
        (w->temp && rename(w->temp, w->target ? w->target : w->path) != 0)) {
        marvis_status status =
            mv_fail(err, MARVIS_ERR_IO, "%s: cannot write: %s", w->path, strerror(errno));
        writer_free(writer, true);
        return status;
    }
    writer_free(writer, false);
    return MARVIS_OK;
}

void mv_writer_abort(mv_writer **writer) { writer_free(writer, true); }

double mv_now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
