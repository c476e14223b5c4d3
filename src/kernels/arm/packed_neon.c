/* packed_neon.c - products with packed weights of the neon tier on a CPU without dot product: pairs
 * of products are at most 2*128*127, which 16 bits hold. */
#include "kernels/arm/vec_neon.h"

#define MV_PACKED_SUFFIX neon

typedef int32x4_t ivec;
typedef int8x16_t w8;
typedef int8x16_t x_vec;

static inline ivec w8_dot(ivec acc, w8 w, x_vec x) {
    int16x8_t low = vmull_s8(vget_low_s8(w), vget_low_s8(x)), high = vmull_high_s8(w, x);
    return vpadalq_s16(acc, vpaddq_s16(low, high));
}

#include "kernels/arm/packed_neon.h"
