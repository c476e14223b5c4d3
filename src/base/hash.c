/* hash.c - see hash.h. Eight bytes at a time: xor, multiply by an odd constant, fold the upper half
 * down, so that each bit of the input reaches every bit of the hash. */
#include "base/hash.h"

static uint64_t stir(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
    return hash ^ hash >> 32;
}

uint64_t mv_hash(uint64_t hash, const void *data, size_t len) {
    const uint8_t *bytes = data;
    size_t left = len;
    for (; left >= 8; left -= 8, bytes += 8) {
        uint64_t word = 0;
        for (int i = 0; i < 8; i++)
            word |= (uint64_t)bytes[i] << 8 * i;
        hash = stir(hash, word);
    }
    uint64_t tail = 0;
    for (size_t i = 0; i < left; i++)
        tail |= (uint64_t)bytes[i] << 8 * i;
    return stir(stir(hash, tail), len);
}
