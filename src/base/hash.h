/* hash.h - a 64-bit hash of bytes, the same on every machine: to tell models and files apart and to
 * notice damage, not to keep anybody out. */
#ifndef MV_BASE_HASH_H
#define MV_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define MV_HASH_START UINT64_C(0x9e3779b97f4a7c15)

/* `hash` (MV_HASH_START at first) with len more bytes, and their number, stirred in. NULL is
 * allowed where len is 0. */
uint64_t mv_hash(uint64_t hash, const void *data, size_t len);

#endif
