/* matmul_avx512.c - products of the avx512 tier. */
#include "kernels/x86/vec_avx512.h"

#ifndef MV_TIER_SUFFIX
#define MV_TIER_SUFFIX avx512
#endif
#define TILE_BATCH 6 /* 24 accumulators, 6 columns and a row in 32 registers */
#include "kernels/simd_matmul.h"

#define TILED_BATCH 12 /* sums; a line of weights is one register */
#include "kernels/simd_tiled.h"
