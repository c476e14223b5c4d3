/* out_file.h - an output that appears whole or not at all: a file is written under a temporary name
 * in the target's folder and renamed when it is complete. Links are followed: what they point to is
 * replaced, and keeps its rights. Standard output, pipes and devices are written directly. The
 * library writes tensor files by the same rules (src/base/file.h). */
#ifndef APPS_COMMON_OUT_FILE_H
#define APPS_COMMON_OUT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "marvis.h"

/* Waits until fd takes more; false: it does not, and is not to be waited for any longer. */
typedef bool (*out_file_wait)(int fd);

typedef struct out_file {
    int fd;             /* -1: not open */
    bool owns_fd;       /* false for standard output */
    bool seekable;      /* bytes already written can be changed */
    int64_t start;      /* where in the file our first byte lies */
    int64_t size;       /* bytes written */
    int slot;           /* of the list of temporary files, or -1: written directly */
    char *target;       /* owned; what is renamed to, symbolic links followed */
    char *temp;         /* owned; NULL: written directly */
    char *name;         /* owned; for messages */
    out_file_wait wait; /* set for a pipe or a device: asked before each write */
    bool is_cut;        /* `wait` has said no: nothing was written since */
} out_file;

/* A closed out_file: discard does nothing to it. */
#define OUT_FILE_CLOSED                                                                            \
    { .fd = -1, .slot = -1 }

/* True for "-" and for a target that exists and is not an ordinary file (a pipe or a device). */
bool out_file_is_stream(const char *path);

/* True when two paths ("-": standard output) lead to one file, whether it exists or not. */
bool out_file_same(const char *a, const char *b);

/* What out_file_open would say, with nothing left behind; a pipe or a device is not touched. */
MARVIS_CHECK marvis_status out_file_probe(const char *path, marvis_error *err);

/* Opens the output; path "-" is standard output. ERR_CALL: a folder, or a link
 * to nothing; ERR_IO. */
MARVIS_CHECK marvis_status out_file_open(out_file *file, const char *path, marvis_error *err);

/* Appends n bytes; of a file that is cut, none. ERR_IO: full disk, closed pipe and the like. */
MARVIS_CHECK marvis_status out_file_write(out_file *file, const void *data, size_t n,
                                          marvis_error *err);

/* Writes n bytes over those from `offset` on; file->seekable must be true. */
MARVIS_CHECK marvis_status out_file_overwrite(out_file *file, int64_t offset, const void *data,
                                              size_t n, marvis_error *err);

/* Closes and puts the file in its place. On failure nothing is left behind. */
MARVIS_CHECK marvis_status out_file_commit(out_file *file, marvis_error *err);

/* Closes and removes what was written; does nothing after a commit. */
void out_file_discard(out_file *file);

/* Removes the temporary files of all open outputs, from a signal handler that ends the process. */
void out_file_remove_temporaries(void);

#endif
