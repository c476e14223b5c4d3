/* packed_neon_dot.c - products with packed weights of the neon tier by the dot product instructions
 * of ARMv8.2. */
#include "kernels/arm/vec_neon.h"

#if !defined(__ARM_FEATURE_DOTPROD)
#error "compile with -march=armv8.2-a+dotprod"
#endif

#define MV_PACKED_SUFFIX neon_dot

typedef int32x4_t ivec;
typedef int8x16_t w8;
typedef int8x16_t x_vec;

static inline ivec w8_dot(ivec acc, w8 w, x_vec x) { return vdotq_s32(acc, w, x); }

#include "kernels/arm/packed_neon.h"
