/* packed.h - how weights of 8 and 4 bits lie in memory: tiles of 16 rows, of which one register of
 * 512 bits holds four columns each, so that one packing serves every instruction set (8 rows a
 * register in AVX2, 4 in NEON; a block's data are rows of an AMX tile).
 *
 *   matrix   n_rows / 16 tiles, rounded up; rows that are missing are zeros
 *   tile     I8: the 16 row scales, f32; then ceil(n_blocks / 2) pairs of blocks of 32 columns
 *   pair     all but I8: scales [2][16], f16; Q8A and Q4A: mins [2][16], f16; then two blocks' data
 *   data     8 bits: [8][16][4]: byte (k, r, j) is column 4k + j of row r
 *            4 bits: [4][16][4]: the low half is column 4k + j, the high one column 16 + 4k + j
 *
 * Pairs keep the data at multiples of 64 bytes (blocks of their own would lie at odd halves of
 * lines) in one stream of addresses without holes. Of an odd number of blocks the last pair's
 * second half is there and zero, and is never read. */
#ifndef MV_KERNELS_PACKED_H
#define MV_KERNELS_PACKED_H

#include "kernels/blocks.h"
#include "kernels/kernels.h"

enum { MV_LINE_BYTES = 64 };

static inline bool mv_is_packed(mv_wtype type) { return type >= MV_W_I8 && type < MV_N_WTYPES; }
static inline bool mv_packed_has_mins(mv_wtype type) {
    return type == MV_W_Q8A || type == MV_W_Q4A;
}
static inline bool mv_packed_is_4_bit(mv_wtype type) { return type == MV_W_Q4 || type == MV_W_Q4A; }

/* Bytes of the row scales at the head of a tile, of the scales and mins at the head of a pair, of a
 * block's data, and of a pair. */
static inline size_t mv_packed_tile_head(mv_wtype type) { return type == MV_W_I8 ? 64 : 0; }
static inline size_t mv_packed_pair_head(mv_wtype type) {
    return type == MV_W_I8 ? 0 : mv_packed_has_mins(type) ? 128 : 64;
}
static inline size_t mv_packed_block_data(mv_wtype type) {
    return mv_packed_is_4_bit(type) ? 256 : 512;
}
static inline size_t mv_packed_pair_bytes(mv_wtype type) {
    return mv_packed_pair_head(type) + 2 * mv_packed_block_data(type);
}
static inline size_t mv_packed_tile_bytes(mv_wtype type, size_t n_cols) {
    return mv_packed_tile_head(type) + (n_cols / MV_BLOCK + 1) / 2 * mv_packed_pair_bytes(type);
}

/* Where block b of a tile has its 16 scales, its 16 mins and its data. */
static inline size_t mv_packed_scales_at(mv_wtype type, size_t b) {
    return b / 2 * mv_packed_pair_bytes(type) + b % 2 * 32;
}
static inline size_t mv_packed_mins_at(mv_wtype type, size_t b) {
    return mv_packed_scales_at(type, b) + 64;
}
static inline size_t mv_packed_data_at(mv_wtype type, size_t b) {
    return mv_packed_tile_head(type) + b / 2 * mv_packed_pair_bytes(type) +
           mv_packed_pair_head(type) + b % 2 * mv_packed_block_data(type);
}

/* Whether a matrix of this width can be packed: whole blocks. */
static inline bool mv_packed_fits(size_t n_cols) { return n_cols > 0 && n_cols % MV_BLOCK == 0; }

/* Bytes of a whole matrix; false on overflow. */
bool mv_packed_bytes(mv_wtype type, size_t n_rows, size_t n_cols, size_t *bytes);

/* One row before it is packed. */
typedef struct mv_packed_row {
    uint8_t *q;       /* [n_cols] I8, Q8: int8; Q8A: 0..255; Q4, Q4A: 0..15 */
    uint16_t *scales; /* [n_cols/32] f16; not of I8 */
    uint16_t *mins;   /* [n_cols/32] f16; of Q8A, Q4A */
    float scale;      /* of I8 */
} mv_packed_row;

/* Row r of the matrix at `packed`. Different tiles may be filled at once. What no row fills (rows
 * that the last tile lacks, the second block of a last pair) is the caller's to zero. */
void mv_packed_put(void *packed, mv_wtype type, size_t n_cols, size_t r, const mv_packed_row *row);

/* Row r as f32: scale*q (Q4: scale*(q - 8)) with the product rounded to f32, then + min, rounded.
 */
void mv_packed_get(float *dst, mv_wtype type, const void *packed, size_t n_cols, size_t r);

/* Fills row from n_cols = n values: blocks to the kind that holds them without loss (Q8_0 to Q8,
 * Q4_0 to Q4, Q4_1 to Q4A); f32 to any kind by the plain rule of blocks.h, Q8A like Q4_1 with 255
 * steps. */
mv_wtype mv_packed_type_of(mv_block_format format);
/* The packed type of the same numbers, for rows in a file's blocks; other types as they are. */
mv_wtype mv_packed_equal(mv_wtype type);
void mv_packed_row_from_blocks(mv_packed_row *row, mv_block_format format, const void *src,
                               size_t n);
void mv_packed_row_from_f32(mv_packed_row *row, mv_wtype type, const float *src, size_t n);

/* Whether all scales and mins of a row are finite: else it must not be packed. */
bool mv_packed_row_is_finite(const mv_packed_row *row, mv_wtype type, size_t n_cols);

#endif
