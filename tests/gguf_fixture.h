/* gguf_fixture.h - writing GGUF files byte by byte for the tests: it shares nothing with the
 * library's own reader and writer. */
#ifndef MV_TESTS_GGUF_FIXTURE_H
#define MV_TESTS_GGUF_FIXTURE_H

#include "format_fixture.h"

/* Numbers of the format. */
enum { GG_U32 = 4, GG_BOOL = 7, GG_STRING = 8, GG_ARRAY = 9, GG_U64 = 10 };
enum { GG_F32 = 0, GG_F16 = 1, GG_Q4_0 = 2, GG_Q8_0 = 8, GG_Q4_K = 12, GG_I8 = 24, GG_BF16 = 30 };

typedef struct gg {
    uint8_t *bytes;
    size_t len;
} gg;

static inline void gg_raw(gg *g, const void *data, size_t n) {
    g->bytes = realloc(g->bytes, g->len + n + 1);
    assert_non_null(g->bytes);
    if (data)
        memcpy(g->bytes + g->len, data, n);
    else
        memset(g->bytes + g->len, 0, n);
    g->len += n;
}

static inline void gg_number(gg *g, uint64_t value, size_t n) {
    uint8_t bytes[8];
    fx_le64(bytes, value);
    gg_raw(g, bytes, n);
}

static inline void gg_string(gg *g, const char *text) {
    gg_number(g, strlen(text), 8);
    gg_raw(g, text, strlen(text));
}

static inline void gg_header(gg *g, unsigned version, uint64_t n_tensors, uint64_t n_values) {
    gg_raw(g, "GGUF", 4);
    gg_number(g, version, 4);
    gg_number(g, n_tensors, 8);
    gg_number(g, n_values, 8);
}

static inline void gg_text(gg *g, const char *key, const char *value) {
    gg_string(g, key);
    gg_number(g, GG_STRING, 4);
    gg_string(g, value);
}

static inline void gg_u32(gg *g, const char *key, unsigned value) {
    gg_string(g, key);
    gg_number(g, GG_U32, 4);
    gg_number(g, value, 4);
}

/* A tensor info; shape[0] is the outermost size. */
static inline void gg_info(gg *g, const char *name, int n_dims, const int64_t *shape, unsigned type,
                           uint64_t offset) {
    gg_string(g, name);
    gg_number(g, (unsigned)n_dims, 4);
    for (int i = n_dims - 1; i >= 0; i--)
        gg_number(g, (uint64_t)shape[i], 8);
    gg_number(g, type, 4);
    gg_number(g, offset, 8);
}

static inline void gg_pad(gg *g, size_t alignment) {
    gg_raw(g, NULL, (alignment - g->len % alignment) % alignment);
}

#endif
