/* matmul_avx2.c - products of the avx2 tier. */
#include "kernels/x86/vec_avx2.h"

#define MV_TIER_SUFFIX avx2
#define TILE_BATCH     3 /* 12 accumulators, 3 columns and a row in 16 registers */
#include "kernels/simd_matmul.h"

#define TILED_BATCH 6 /* 12 sums, 2 vectors of weights and a value in 16 registers */
#include "kernels/simd_tiled.h"
