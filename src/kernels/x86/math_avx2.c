/* math_avx2.c - exponentials and sums of the avx2 tier. */
#include "kernels/x86/vec_avx2.h"

#define MV_TIER_SUFFIX avx2
#include "kernels/simd_math.h"
