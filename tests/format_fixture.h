/* format_fixture.h - writing safetensors files, indices and config files for the tests of formats
 * and configuration, byte by byte: it shares nothing with the library's own reader and writer. */
#ifndef MV_TESTS_FORMAT_FIXTURE_H
#define MV_TESTS_FORMAT_FIXTURE_H

#include "support.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* temp folder/name; the string is static and overwritten by the eighth call after. Folders in name
 * are made. */
static inline const char *fx_path(const char *name) {
    static char paths[8][1024];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", test_temp_dir(), name);
    for (char *slash = path + strlen(test_temp_dir()) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST) fail_msg("cannot make %s", path);
        *slash = '/';
    }
    return path;
}

static inline const char *fx_write(const char *name, const void *data, size_t len) {
    const char *path = fx_path(name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, len, f) != len || fclose(f) != 0) fail_msg("cannot write %s", path);
    return path;
}

static inline const char *fx_text(const char *name, const char *text) {
    return fx_write(name, text, strlen(text));
}

static inline void fx_le64(uint8_t *bytes, uint64_t value) {
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

/* Length, header text and data_len bytes 0, 1, 2, ... in new memory (free). */
static inline uint8_t *fx_bytes(const char *header, size_t data_len, size_t *len) {
    size_t n = strlen(header);
    *len = 8 + n + data_len;
    uint8_t *bytes = malloc(*len);
    assert_non_null(bytes);
    fx_le64(bytes, n);
    memcpy(bytes + 8, header, n);
    for (size_t i = 0; i < data_len; i++)
        bytes[8 + n + i] = (uint8_t)i;
    return bytes;
}

static inline const char *fx_header_file(const char *name, const char *header, size_t data_len) {
    size_t len;
    uint8_t *bytes = fx_bytes(header, data_len, &len);
    const char *path = fx_write(name, bytes, len);
    free(bytes);
    return path;
}

/* A safetensors file that grows tensor by tensor. */
typedef struct fx_builder {
    char header[1 << 16];
    size_t header_len;
    uint8_t *data;
    size_t data_len;
} fx_builder;

static inline fx_builder *fx_new(void) {
    fx_builder *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->header_len = (size_t)snprintf(b->header, sizeof b->header, "{");
    return b;
}

/* Adds a tensor of len bytes; data NULL: zeros. shape is JSON text, "[2,3]". */
static inline void fx_add(fx_builder *b, const char *name, const char *type, const char *shape,
                          const void *data, size_t len) {
    int n =
        snprintf(b->header + b->header_len, sizeof b->header - b->header_len,
                 "%s\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
                 b->header_len > 1 ? "," : "", name, type, shape, b->data_len, b->data_len + len);
    b->header_len += (size_t)n;
    assert_true(b->header_len < sizeof b->header - 16);
    b->data = realloc(b->data, b->data_len + len + 1);
    assert_non_null(b->data);
    if (data)
        memcpy(b->data + b->data_len, data, len);
    else
        memset(b->data + b->data_len, 0, len);
    b->data_len += len;
}

/* A tensor of zeros of n values of a type of `size` bytes. */
static inline void fx_zeros(fx_builder *b, const char *name, const char *type, size_t size,
                            const char *shape, size_t n) {
    fx_add(b, name, type, shape, NULL, size * n);
}

/* Ends the header, pads it until its length is `alignment` modulo 8 (so that data lies at any
 * alignment), writes the file and frees the builder. */
static inline const char *fx_finish_at(fx_builder *b, const char *name, size_t alignment) {
    b->header[b->header_len++] = '}';
    while (b->header_len % 8 != alignment)
        b->header[b->header_len++] = ' ';
    size_t len = 8 + b->header_len + b->data_len;
    uint8_t *bytes = malloc(len);
    assert_non_null(bytes);
    fx_le64(bytes, b->header_len);
    memcpy(bytes + 8, b->header, b->header_len);
    if (b->data_len) memcpy(bytes + 8 + b->header_len, b->data, b->data_len);
    const char *path = fx_write(name, bytes, len);
    free(bytes);
    free(b->data);
    free(b);
    return path;
}

static inline const char *fx_finish(fx_builder *b, const char *name) {
    return fx_finish_at(b, name, 0);
}

/* Asserts that a message has a text in it. */
static inline void assert_message(const marvis_error *err, const char *what, const char *text) {
    if (!strstr(err->message, text))
        fail_msg("%s: message \"%s\" lacks \"%s\"", what, err->message, text);
}

#endif
