/* math_avx512.c - exponentials and sums of the avx512 tier. */
#include "kernels/x86/vec_avx512.h"

#ifndef MV_TIER_SUFFIX
#define MV_TIER_SUFFIX avx512
#endif

#include "kernels/simd_math.h"
