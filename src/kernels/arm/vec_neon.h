/* vec_neon.h - vector operations of the neon tier, for simd_matmul.h and simd_math.h. */
#ifndef MV_KERNELS_VEC_NEON_H
#define MV_KERNELS_VEC_NEON_H

#if !defined(__aarch64__) || !defined(__ARM_NEON)
#error "compile for arm64 with NEON"
#endif

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef float32x4_t vec;
enum { LANES = 4 };

static inline vec vec_zero(void) { return vdupq_n_f32(0); }
static inline vec vec_set1(float v) { return vdupq_n_f32(v); }

/* Through bytes: weights may lie at any address, which a pointer to float may not. */
static inline vec vec_load(const float *p) {
    return vreinterpretq_f32_u8(vld1q_u8((const uint8_t *)(const void *)p));
}
static inline void vec_store(float *p, vec v) { vst1q_f32(p, v); }

/* the first n < LANES values, zeros after them */
static inline vec vec_load_tail(const float *p, size_t n) {
    float lanes[4] = {0};
    memcpy(lanes, p, n * sizeof(float));
    return vld1q_f32(lanes);
}
static inline void vec_store_tail(float *p, vec v, size_t n) {
    float lanes[4];
    vst1q_f32(lanes, v);
    memcpy(p, lanes, n * sizeof(float));
}
static inline vec vec_load_f16(const void *p) {
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8((const uint8_t *)p)));
}
static inline vec vec_load_bf16(const void *p) {
    return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8((const uint8_t *)p)), 16));
}
/* Not a function: gcc finds that one without effect and drops its calls. */
#define vec_prefetch(address) __builtin_prefetch((const void *)(address))

static inline vec vec_add(vec a, vec b) { return vaddq_f32(a, b); }
static inline vec vec_sub(vec a, vec b) { return vsubq_f32(a, b); }
static inline vec vec_mul(vec a, vec b) { return vmulq_f32(a, b); }
static inline vec vec_div(vec a, vec b) { return vdivq_f32(a, b); }
static inline vec vec_fma(vec a, vec b, vec c) { return vfmaq_f32(c, a, b); }
static inline vec vec_fnma(vec a, vec b, vec c) { return vfmsq_f32(c, a, b); } /* c - ab */

/* When one is a NaN, so is the result. */
static inline vec vec_max(vec a, vec b) { return vmaxq_f32(a, b); }
static inline vec vec_min(vec a, vec b) { return vminq_f32(a, b); }

static inline vec vec_abs(vec v) { return vabsq_f32(v); }
static inline vec vec_round(vec v) { return vrndnq_f32(v); }
/* 2^n for whole n, -126 <= n <= 127 */
static inline vec vec_pow2(vec n) {
    int32x4_t exponent = vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127));
    return vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23));
}
/* v > 0 ? a : b */
static inline vec vec_select_positive(vec v, vec a, vec b) {
    return vbslq_f32(vcgtzq_f32(v), a, b);
}

/* out[i] = the sum of the lanes of the ith vector: neighbours, then pairs */
static inline void vec_sum4(float *out, vec a, vec b, vec c, vec d) {
    vst1q_f32(out, vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d)));
}

#endif
