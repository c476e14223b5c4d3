/* math_neon.c - exponentials and sums of the neon tier. */
#include "kernels/arm/vec_neon.h"

#define MV_TIER_SUFFIX neon
#include "kernels/simd_math.h"
