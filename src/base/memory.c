/* memory.c - see memory.h. */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#if MV_ALLOC_HOOKS
#include <stdatomic.h>

static atomic_ullong n_allocations;
static atomic_ullong fail_at; /* count at which to fail; 0 = never */
static atomic_bool fail_forever;

uint64_t mv_alloc_count(void) { return atomic_load(&n_allocations); }

void mv_alloc_fail_after(uint64_t n, bool forever) {
    atomic_store(&fail_forever, forever);
    atomic_store(&fail_at, n ? atomic_load(&n_allocations) + n : 0);
}

static bool allowed(void) {
    unsigned long long count = atomic_fetch_add(&n_allocations, 1) + 1;
    unsigned long long at = atomic_load(&fail_at);
    return !at || (atomic_load(&fail_forever) ? count < at : count != at);
}
#else
static bool allowed(void) { return true; }
#endif

bool mv_mul_size(size_t a, size_t b, size_t *out) {
    *out = 0;
    if (a && b > SIZE_MAX / a) return false;
    *out = a * b;
    return true;
}

bool mv_add_size(size_t a, size_t b, size_t *out) {
    *out = 0;
    if (b > SIZE_MAX - a) return false;
    *out = a + b;
    return true;
}

void *mv_alloc_raw(size_t n, size_t size) {
    size_t bytes;
    if (!mv_mul_size(n, size, &bytes) || bytes == 0 || bytes > PTRDIFF_MAX) return NULL;
    if (!allowed()) return NULL;
    void *p = NULL;
    return posix_memalign(&p, 64, bytes) == 0 ? p : NULL;
}

void *mv_alloc(size_t n, size_t size) {
    void *p = mv_alloc_raw(n, size);
    return p ? memset(p, 0, n * size) : NULL;
}

void *mv_grow(void *p, size_t n, size_t size) {
    size_t bytes;
    if (!mv_mul_size(n, size, &bytes) || bytes == 0 || bytes > PTRDIFF_MAX) return NULL;
    if (!allowed()) return NULL;
    return realloc(p, bytes);
}

char *mv_strndup(const char *s, size_t n) {
    if (!s) return NULL;
    size_t len = 0;
    while (len < n && s[len])
        len++;
    size_t size;
    if (!mv_add_size(len, 1, &size)) return NULL;
    char *copy = mv_alloc(size, 1);
    if (copy) memcpy(copy, s, len);
    return copy;
}

char *mv_strdup(const char *s) { return s ? mv_strndup(s, strlen(s)) : NULL; }

void mv_free(void *p) { free(p); }
