/* convert.c - see convert.h. */
#include "kernels/convert.h"

#include <string.h>

static float from_bits(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

float mv_f16_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    uint32_t exponent = h >> 10 & 31, fraction = h & 0x3ff;
    if (exponent == 31) {
        /* infinity, or a NaN, made quiet as conversion instructions do */
        uint32_t quiet = fraction ? 0x400000u : 0u;
        return from_bits(sign | 0x7f800000 | quiet | fraction << 13);
    }
    if (exponent) return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
    float tiny = (float)fraction * 0x1p-24f;
    return sign ? -tiny : tiny;
}

float mv_bf16_to_f32(uint16_t h) { return from_bits((uint32_t)h << 16); }

uint16_t mv_f32_to_f16(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) return (uint16_t)(sign | 0x7e00);  /* NaN, quiet */
    if (magnitude >= 0x477ff000) return (uint16_t)(sign | 0x7c00); /* halfway beyond 65504 */
    if (magnitude < 0x38800000) { /* below 2^-14: units of 2^-24, which adding 0.5 rounds to */
        float small = from_bits(magnitude) + 0.5f;
        memcpy(&bits, &small, sizeof bits);
        return (uint16_t)(sign | (bits - 0x3f000000));
    }
    uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
    return (uint16_t)(sign | (rounded - 0x38000000) >> 13);
}

uint16_t mv_f32_to_bf16(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40); /* NaN, quiet */
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

void mv_convert_f16_f32(float *dst, const void *src, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, (const char *)src + 2 * i, 2);
        dst[i] = mv_f16_to_f32(h);
    }
}

void mv_convert_bf16_f32(float *dst, const void *src, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, (const char *)src + 2 * i, 2);
        dst[i] = mv_bf16_to_f32(h);
    }
}

void mv_convert_f32_bf16(uint16_t *dst, const float *src, size_t n) {
    for (size_t i = 0; i < n; i++)
        dst[i] = mv_f32_to_bf16(src[i]);
}

void mv_widen(float *dst, mv_wtype type, const void *src, size_t n) {
    switch (type) {
    case MV_W_F16: mv_convert_f16_f32(dst, src, n); break;
    case MV_W_BF16: mv_convert_bf16_f32(dst, src, n); break;
    default: memcpy(dst, src, n * sizeof *dst); break;
    }
}
