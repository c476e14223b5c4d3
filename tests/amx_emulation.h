/* amx_emulation.h - AMX for a CPU without it, so that the tests can run packed_amx.c's own source
 * anywhere: the instructions that it uses, step by step as Intel's manual has them in its operation
 * sections, for palette 1. What would be a fault there ends the program here, and so does a product
 * that begins with tiles that the one before has not released. */
#ifndef MV_TESTS_AMX_EMULATION_H
#define MV_TESTS_AMX_EMULATION_H

#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EMULATED_TILES = 8, EMULATED_ROWS = 16, EMULATED_ROW_BYTES = 64 };

typedef struct emulated_tile {
    unsigned n_rows, row_bytes;
    uint8_t rows[EMULATED_ROWS][EMULATED_ROW_BYTES];
} emulated_tile;

/* Each thread has its own, as it has registers. */
static _Thread_local emulated_tile emulated_tiles[EMULATED_TILES];
static _Thread_local int emulated_configured;

static inline void emulated_must(int holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "amx_emulation.h: %s\n", what);
    abort();
}

static inline emulated_tile *emulated_tile_of(unsigned tile) {
    emulated_must(emulated_configured, "no tiles are configured");
    emulated_must(tile < EMULATED_TILES, "there are 8 tiles");
    emulated_must(emulated_tiles[tile].n_rows > 0, "a tile that is not configured");
    return &emulated_tiles[tile];
}

/* The 64 bytes: palette, row to begin with, 14 zeros; 16 widths in bytes, 16 bits each; 16 heights.
 */
static inline void emulated_tile_loadconfig(const void *config) {
    uint8_t bytes[64];
    memcpy(bytes, config, sizeof bytes);
    emulated_must(!emulated_configured, "tiles were not released");
    emulated_must(bytes[0] == 1, "a palette other than 1");
    for (int i = 1; i < 16; i++)
        emulated_must(bytes[i] == 0, "reserved bytes are zero; no product begins in a middle row");
    for (int i = EMULATED_TILES; i < 16; i++)
        emulated_must(bytes[16 + 2 * i] == 0 && bytes[17 + 2 * i] == 0 && bytes[48 + i] == 0,
                      "palette 1 has 8 tiles");
    memset(emulated_tiles, 0, sizeof emulated_tiles);
    for (int i = 0; i < EMULATED_TILES; i++) {
        emulated_tile *t = &emulated_tiles[i];
        t->row_bytes = bytes[16 + 2 * i] | (unsigned)bytes[17 + 2 * i] << 8;
        t->n_rows = bytes[48 + i];
        emulated_must(t->n_rows <= EMULATED_ROWS && t->row_bytes <= EMULATED_ROW_BYTES,
                      "a tile is larger than 16 rows of 64 bytes");
        emulated_must((t->n_rows == 0) == (t->row_bytes == 0), "rows without columns");
    }
    emulated_configured = 1;
}

static inline void emulated_tile_release(void) {
    memset(emulated_tiles, 0, sizeof emulated_tiles);
    emulated_configured = 0;
}

static inline void emulated_tile_zero(unsigned tile) {
    emulated_tile *t = emulated_tile_of(tile);
    memset(t->rows, 0, sizeof t->rows);
}

/* Rows and bytes of rows that the tile does not have become zero. */
static inline void emulated_tile_loadd(unsigned tile, const void *base, size_t stride) {
    emulated_tile_zero(tile);
    emulated_tile *t = emulated_tile_of(tile);
    for (size_t r = 0; r < t->n_rows; r++)
        memcpy(t->rows[r], (const char *)base + r * stride, t->row_bytes);
}

static inline void emulated_tile_stored(unsigned tile, void *base, size_t stride) {
    const emulated_tile *t = emulated_tile_of(tile);
    for (size_t r = 0; r < t->n_rows; r++)
        memcpy((char *)base + r * stride, t->rows[r], t->row_bytes);
}

/* One element: int32 n of row m, plus four products of signed bytes. */
static inline void emulated_dot4(emulated_tile *c, const uint8_t *a, const uint8_t *b, size_t m,
                                 size_t n) {
    int32_t sum;
    memcpy(&sum, &c->rows[m][4 * n], sizeof sum);
    for (int i = 0; i < 4; i++)
        sum += (int8_t)a[i] * (int8_t)b[i];
    memcpy(&c->rows[m][4 * n], &sum, sizeof sum);
}

static inline void emulated_tile_dpbssd(unsigned dst, unsigned src1, unsigned src2) {
    emulated_tile *c = emulated_tile_of(dst), *a = emulated_tile_of(src1);
    const emulated_tile *b = emulated_tile_of(src2);
    emulated_must(dst != src1 && dst != src2 && src1 != src2, "an operand is there twice");
    emulated_must(c->row_bytes % 4 == 0 && a->row_bytes % 4 == 0 && b->row_bytes % 4 == 0,
                  "rows are not of whole groups of four bytes");
    emulated_must(c->n_rows == a->n_rows && a->row_bytes / 4 == b->n_rows &&
                      c->row_bytes == b->row_bytes,
                  "shapes that do not fit");
    for (size_t m = 0; m < c->n_rows; m++)
        for (size_t k = 0; k < a->row_bytes / 4; k++)
            for (size_t n = 0; n < c->row_bytes / 4; n++)
                emulated_dot4(c, &a->rows[m][4 * k], &b->rows[k][4 * n], m, n);
    memset(c->rows[c->n_rows], 0, (EMULATED_ROWS - c->n_rows) * sizeof c->rows[0]);
}

/* In gcc's header some are functions, some macros. */
#undef _tile_loadconfig
#define _tile_loadconfig emulated_tile_loadconfig
#undef _tile_release
#define _tile_release emulated_tile_release
#undef _tile_zero
#define _tile_zero emulated_tile_zero
#undef _tile_loadd
#define _tile_loadd emulated_tile_loadd
#undef _tile_stored
#define _tile_stored emulated_tile_stored
#undef _tile_dpbssd
#define _tile_dpbssd emulated_tile_dpbssd

#endif
