/* file.h - files as the library needs them: mapped for reading, small ones read whole, written
 * whole or not at all. POSIX calls live here (Linux and macOS), nowhere else. */
#ifndef MV_BASE_FILE_H
#define MV_BASE_FILE_H

#include "base/status.h"

#include <stdbool.h>

typedef struct mv_map {
    const uint8_t *data; /* NULL when len is 0 */
    size_t len;          /* bytes */
} mv_map;

/* Maps a regular file read-only. ERR_NOT_FOUND, ERR_IO (a folder, unreadable): names path. */
MV_CHECK marvis_status mv_map_open(const char *path, mv_map *map, marvis_error *err);
void mv_map_close(mv_map *map); /* zeroes *map */
/* These bytes of a map will hardly be read again: the pages that they fill need not stay in memory
 * for this process. They read as before. */
void mv_map_forget(const uint8_t *data, size_t len);

/* Reads a file of at most max_len bytes; *data gets a NUL after *len bytes; freed with mv_free.
 * ERR_FORMAT when larger. */
MV_CHECK marvis_status mv_file_read(const char *path, size_t max_len, char **data, size_t *len,
                                    marvis_error *err);

bool mv_file_exists(const char *path); /* a regular file (or a link to one) */
bool mv_dir_exists(const char *path);
/* Whether two paths lead to one file that exists. */
bool mv_file_same(const char *a, const char *b);
/* When a file or folder last changed, in seconds since 1970; -1 when it is not there. */
int64_t mv_path_changed_s(const char *path);

/* "dir/name" in new memory; NULL without memory. */
char *mv_path_join(const char *dir, const char *name);
/* the folder of a path ("." when it has none), in new memory */
char *mv_path_dir(const char *path);

/* Entries of a folder, sorted by name, without "." and ".."; free each and the array with
 * mv_names_free. */
MV_CHECK marvis_status mv_dir_list(const char *path, char ***names, size_t *n, marvis_error *err);
void mv_names_free(char ***names, size_t n);

/* A file written under a temporary name in the folder of `path` and renamed by commit. Links are
 * followed: what they point to is replaced, and keeps its rights. What exists and is no regular
 * file (a pipe, a device) is written directly. ERR_CALL: a folder, a link to nothing; ERR_IO. */
typedef struct mv_writer mv_writer;
MV_CHECK marvis_status mv_writer_open(const char *path, mv_writer **writer, marvis_error *err);
MV_CHECK marvis_status mv_writer_write(mv_writer *writer, const void *data, size_t len,
                                       marvis_error *err);
/* Closes, renames, frees; on failure the temporary file is gone and *writer is freed all the
 * same. */
MV_CHECK marvis_status mv_writer_commit(mv_writer **writer, marvis_error *err);
void mv_writer_abort(mv_writer **writer); /* removes the temporary file; NULL allowed */

/* Seconds of a monotonic clock. */
double mv_now_s(void);

#endif
