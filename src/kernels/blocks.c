/* blocks.c - see blocks.h. */
#include "kernels/blocks.h"

#include "kernels/convert.h"

#include <math.h>
#include <string.h>

size_t mv_block_bytes(mv_block_format format) {
    static const size_t bytes[MV_N_BLOCK_FORMATS] = {34, 18, 20};
    return bytes[format];
}

static float read_f16(const uint8_t *p) {
    uint16_t h;
    memcpy(&h, p, sizeof h);
    return mv_f16_to_f32(h);
}

/* Stores a scale as f16 and returns what was stored. */
static float write_f16(uint8_t *p, float v) {
    uint16_t h = mv_f32_to_f16(v);
    memcpy(p, &h, sizeof h);
    return mv_f16_to_f32(h);
}

/* ---- to f32 --------------------------------------------------------------------------------- */

static void from_q8_0(float *dst, const uint8_t *src) {
    float scale = read_f16(src);
    for (size_t i = 0; i < MV_BLOCK; i++)
        dst[i] = scale * (float)(int8_t)src[2 + i];
}

static void from_q4_0(float *dst, const uint8_t *src) {
    float scale = read_f16(src);
    for (size_t i = 0; i < MV_BLOCK / 2; i++) {
        dst[i] = scale * (float)((src[2 + i] & 15) - 8);
        dst[i + MV_BLOCK / 2] = scale * (float)((src[2 + i] >> 4) - 8);
    }
}

static void from_q4_1(float *dst, const uint8_t *src) {
    float scale = read_f16(src), min = read_f16(src + 2);
    for (size_t i = 0; i < MV_BLOCK / 2; i++) {
        dst[i] = scale * (float)(src[4 + i] & 15) + min;
        dst[i + MV_BLOCK / 2] = scale * (float)(src[4 + i] >> 4) + min;
    }
}

void mv_blocks_to_f32(float *dst, mv_block_format format, const void *src, size_t n) {
    const uint8_t *block = src;
    for (size_t i = 0; i < n; i += MV_BLOCK, block += mv_block_bytes(format)) {
        switch (format) {
        case MV_BLOCKS_Q8_0: from_q8_0(dst + i, block); break;
        case MV_BLOCKS_Q4_0: from_q4_0(dst + i, block); break;
        default: from_q4_1(dst + i, block); break;
        }
    }
}

/* ---- from f32 ------------------------------------------------------------------------------- */

/* The integer of low..high nearest to v, ties to even; low for a NaN. */
static int nearest(float v, int low, int high) {
    if (!(v > (float)low)) return low;
    if (v >= (float)high) return high;
    return (int)rintf(v);
}

/* 1/scale; 0 where nothing but zeros can be stored. */
static float inverse(float scale) { return scale == 0 || !isfinite(scale) ? 0 : 1 / scale; }

/* The value of the largest magnitude, the first of equals; not finite if any value is not. */
static float extreme(const float *src, size_t n) {
    float found = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(src[i])) return NAN;
        if (fabsf(src[i]) > fabsf(found)) found = src[i];
    }
    return found;
}

static void to_q8_0(uint8_t *dst, const float *src) {
    float scale = write_f16(dst, fabsf(extreme(src, MV_BLOCK)) / 127);
    float inv = inverse(scale);
    for (size_t i = 0; i < MV_BLOCK; i++)
        dst[2 + i] = (uint8_t)(int8_t)nearest(src[i] * inv, -127, 127);
}

static void to_q4_0(uint8_t *dst, const float *src) {
    float scale = write_f16(dst, extreme(src, MV_BLOCK) / -8);
    float inv = inverse(scale);
    for (size_t i = 0; i < MV_BLOCK / 2; i++) {
        int low = nearest(src[i] * inv, -8, 7) + 8;
        int high = nearest(src[i + MV_BLOCK / 2] * inv, -8, 7) + 8;
        dst[2 + i] = (uint8_t)(low | high << 4);
    }
}

static void to_q4_1(uint8_t *dst, const float *src) {
    float lowest = src[0], highest = src[0];
    for (size_t i = 0; i < MV_BLOCK; i++) {
        if (!isfinite(src[i])) lowest = NAN;
        if (src[i] < lowest) lowest = src[i];
        if (src[i] > highest) highest = src[i];
    }
    float scale = write_f16(dst, (highest - lowest) / 15), min = write_f16(dst + 2, lowest);
    float inv = inverse(scale);
    for (size_t i = 0; i < MV_BLOCK / 2; i++) {
        int low = nearest((src[i] - min) * inv, 0, 15);
        int high = nearest((src[i + MV_BLOCK / 2] - min) * inv, 0, 15);
        dst[4 + i] = (uint8_t)(low | high << 4);
    }
}

void mv_blocks_from_f32(void *dst, mv_block_format format, const float *src, size_t n) {
    uint8_t *block = dst;
    for (size_t i = 0; i < n; i += MV_BLOCK, block += mv_block_bytes(format)) {
        switch (format) {
        case MV_BLOCKS_Q8_0: to_q8_0(block, src + i); break;
        case MV_BLOCKS_Q4_0: to_q4_0(block, src + i); break;
        default: to_q4_1(block, src + i); break;
        }
    }
}

void mv_int8_from_f32(int8_t *q, float *scale, const float *src, size_t n) {
    *scale = fabsf(extreme(src, n)) / 127;
    float inv = inverse(*scale);
    if (!isfinite(inv)) inv = *scale = 0; /* a row of numbers too small to have a reciprocal */
    for (size_t i = 0; i < n; i++)
        q[i] = (int8_t)nearest(src[i] * inv, -127, 127);
}
