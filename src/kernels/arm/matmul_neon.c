/* matmul_neon.c - products of the neon tier. */
#include "kernels/arm/vec_neon.h"

#define MV_TIER_SUFFIX neon
#define TILE_BATCH     6 /* 24 accumulators, 6 columns and a row in 32 registers */
#include "kernels/simd_matmul.h"

#define TILED_BATCH 6 /* 24 sums, 4 vectors of weights and a value in 32 registers */
#include "kernels/simd_tiled.h"
