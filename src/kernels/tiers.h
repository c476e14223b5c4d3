/* tiers.h - the functions that each tier defines, named mv_<kernel>_<tier>, and the table made of
 * them. For kernels.c and the tiers' own files only. */
#ifndef MV_KERNELS_TIERS_H
#define MV_KERNELS_TIERS_H

#include "kernels/kernels.h"

#define MV_TIER_JOIN_(name, tier) mv_##name##_##tier
#define MV_TIER_JOIN(name, tier)  MV_TIER_JOIN_(name, tier)

#define MV_TIER_MATMUL_(type, tier)                                                                \
    void MV_TIER_JOIN(matmul_##type, tier)(float *y, size_t ldy, const void *w, size_t row_bytes,  \
                                           const float *x, size_t ldx, size_t n_rows,              \
                                           size_t n_cols, size_t n_batch)

#define MV_TIER_PACKED_(type, tier)                                                                \
    void MV_TIER_JOIN(packed_##type, tier)(float *y, size_t ldy, const void *w, size_t n_rows,     \
                                           size_t n_cols, const int8_t *q,                         \
                                           const mv_xblock *blocks, size_t n_batch)

/* Products with packed weights: a tier may have several, for what instructions a CPU adds. */
#define MV_PACKED_DECLARE(tier)                                                                    \
    void MV_TIER_JOIN(quantize, tier)(int8_t * q, mv_xblock * blocks, const float *x, size_t n);   \
    MV_TIER_PACKED_(i8, tier);                                                                     \
    MV_TIER_PACKED_(q8, tier);                                                                     \
    MV_TIER_PACKED_(q8a, tier);                                                                    \
    MV_TIER_PACKED_(q4, tier);                                                                     \
    MV_TIER_PACKED_(q4a, tier)

#define MV_TIER_DECLARE(tier)                                                                      \
    MV_TIER_MATMUL_(f32, tier);                                                                    \
    MV_TIER_MATMUL_(f16, tier);                                                                    \
    MV_TIER_MATMUL_(bf16, tier);                                                                   \
    void MV_TIER_JOIN(tiled, tier)(float *y, size_t ldy, const float *w, const float *x,           \
                                   size_t ldx, size_t n_rows, size_t n_cols, size_t n_batch);      \
    float MV_TIER_JOIN(dot, tier)(const float *a, const float *b, size_t n);                       \
    void MV_TIER_JOIN(axpy, tier)(float *y, float a, const float *x, size_t n);                    \
    void MV_TIER_JOIN(silu_mul, tier)(float *y, const float *g, const float *u, size_t n);         \
    void MV_TIER_JOIN(elu, tier)(float *dst, const float *src, size_t n);                          \
    void MV_TIER_JOIN(gelu, tier)(float *dst, const float *src, size_t n);                         \
    void MV_TIER_JOIN(softmax, tier)(float *x, size_t n)

#define MV_TIER_TABLE(id, tier, packed)                                                            \
    {                                                                                              \
        id,                                                                                        \
            {MV_TIER_JOIN(matmul_f32, tier), MV_TIER_JOIN(matmul_f16, tier),                       \
             MV_TIER_JOIN(matmul_bf16, tier)},                                                     \
            MV_TIER_JOIN(tiled, tier), MV_TIER_JOIN(quantize, packed),                             \
            {MV_TIER_JOIN(packed_i8, packed), MV_TIER_JOIN(packed_q8, packed),                     \
             MV_TIER_JOIN(packed_q8a, packed), MV_TIER_JOIN(packed_q4, packed),                    \
             MV_TIER_JOIN(packed_q4a, packed)},                                                    \
            MV_TIER_JOIN(dot, tier), MV_TIER_JOIN(axpy, tier), MV_TIER_JOIN(silu_mul, tier),       \
            MV_TIER_JOIN(elu, tier), MV_TIER_JOIN(gelu, tier), MV_TIER_JOIN(softmax, tier)         \
    }

MV_TIER_DECLARE(scalar);
MV_PACKED_DECLARE(scalar);
#if defined(__x86_64__)
MV_TIER_DECLARE(avx2);
MV_PACKED_DECLARE(avx2);
MV_PACKED_DECLARE(avx_vnni); /* of avx2, where the CPU has it */
MV_TIER_DECLARE(avx512);
MV_PACKED_DECLARE(vnni); /* of avx512, where the CPU has it; else those of avx2 */
MV_PACKED_DECLARE(amx);  /* of amx, which is avx512 otherwise */
#elif defined(__aarch64__)
MV_TIER_DECLARE(neon);
MV_PACKED_DECLARE(neon);
MV_PACKED_DECLARE(neon_dot); /* where the CPU has dot products */
#endif

#endif
