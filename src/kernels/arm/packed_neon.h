/* packed_neon.h - products with packed weights of the neon tier, but for w8_dot: packed_neon.c and
 * packed_neon_dot.c define it, and then include this. */
#include <string.h>

#define TILE_BATCH     4 /* of 32 registers, 8 sums in f32, 8 in integers */
#define GROUPS_BATCHED 2
#define RAW_BIAS       0

typedef int32x4_t nacc;
typedef int8x16_t w4;

static inline ivec ivec_set1(int32_t v) { return vdupq_n_s32(v); }
static inline ivec ivec_add(ivec a, ivec b) { return vaddq_s32(a, b); }
static inline vec vec_from_int(ivec v) { return vcvtq_f32_s32(v); }
static inline x_vec x4(const int8_t *q) {
    int32_t four;
    memcpy(&four, q, sizeof four);
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
}
static inline w8 w8_load(const uint8_t *p) { return vreinterpretq_s8_u8(vld1q_u8(p)); }
static inline w4 w4_low(const uint8_t *p) {
    return vreinterpretq_s8_u8(vandq_u8(vld1q_u8(p), vdupq_n_u8(15)));
}
static inline w4 w4_high(const uint8_t *p) {
    return vreinterpretq_s8_u8(vshrq_n_u8(vld1q_u8(p), 4));
}
static inline nacc nacc_zero(void) { return vdupq_n_s32(0); }
static inline nacc w4_dot(nacc acc, w4 w, x_vec x) { return w8_dot(acc, w, x); }
static inline ivec nacc_sum(nacc acc) { return acc; }

static inline uint32_t largest_bits(const float *x) {
    uint32x4_t largest = vdupq_n_u32(0);
    for (size_t i = 0; i < 32; i += 4) {
        uint32x4_t bits = vreinterpretq_u32_f32(vec_load(x + i));
        largest = vmaxq_u32(largest, vandq_u32(bits, vdupq_n_u32(0x7fffffff)));
    }
    return vmaxvq_u32(largest);
}

static inline int32_t round_block(int8_t *q, const float *x, float inv) {
    int32x4_t sums = vdupq_n_s32(0);
    for (size_t i = 0; i < 32; i += 8) {
        int32x4_t a = vcvtnq_s32_f32(vmulq_n_f32(vec_load(x + i), inv));
        int32x4_t b = vcvtnq_s32_f32(vmulq_n_f32(vec_load(x + i + 4), inv));
        sums = vaddq_s32(sums, vaddq_s32(a, b));
        vst1_s8(q + i, vmovn_s16(vcombine_s16(vmovn_s32(a), vmovn_s32(b))));
    }
    return vaddvq_s32(sums);
}

#include "kernels/simd_packed.h"
