/* memory.h - allocation and checked sizes. All heap memory of the library comes from here, so that
 * tests can count allocations and make the Nth one fail (built with MV_ALLOC_HOOKS=1). */
#ifndef MV_BASE_MEMORY_H
#define MV_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* a*b and a+b; false (and *out = 0) on overflow */
bool mv_mul_size(size_t a, size_t b, size_t *out);
bool mv_add_size(size_t a, size_t b, size_t *out);

/* n zeroed objects of `size` bytes, aligned to 64 bytes; NULL on overflow, n*size == 0 or no
 * memory. Freed with mv_free. */
void *mv_alloc(size_t n, size_t size);

/* The same, but not zeroed: for large blocks that are filled at once, each thread its part, because
 * the system provides a page when it is first written. */
void *mv_alloc_raw(size_t n, size_t size);

/* Like realloc, for growing buffers (alignment of malloc is enough); contents past the old size are
 * undefined. On NULL the old block is intact. Only for blocks that came from mv_grow or are NULL;
 * freed with mv_free. */
void *mv_grow(void *p, size_t n, size_t size);

char *mv_strdup(const char *s); /* NULL when s is NULL or without memory */
char *mv_strndup(const char *s, size_t n);
void mv_free(void *p);

#if MV_ALLOC_HOOKS
/* Number of allocations made by this process so far. */
uint64_t mv_alloc_count(void);
/* The nth allocation from now on fails (n = 1: the next); `forever`: and all after it. n = 0: off.
 */
void mv_alloc_fail_after(uint64_t n, bool forever);
#endif

#endif
