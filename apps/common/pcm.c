/* pcm.c - see pcm.h. */
#include "common/pcm.h"

#include <math.h>
#include <string.h>

static float clamp(float x) {
    if (isnan(x)) return 0.0f;
    return x > 1.0f ? 1.0f : x < -1.0f ? -1.0f : x;
}

static int16_t to_s16(float x) { return (int16_t)lrintf(clamp(x) * 32767.0f); }

void pcm_clamp(const float *in, float *out, size_t n) {
    for (size_t i = 0; i < n; i++)
        out[i] = clamp(in[i]);
}

void pcm_to_s16(const float *in, int16_t *out, size_t n) {
    for (size_t i = 0; i < n; i++)
        out[i] = to_s16(in[i]);
}

void pcm_to_s16le(const float *in, uint8_t *out, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint16_t sample = (uint16_t)to_s16(in[i]);
        out[2 * i] = (uint8_t)(sample & 0xff);
        out[2 * i + 1] = (uint8_t)(sample >> 8);
    }
}

void pcm_to_f32le(const float *in, uint8_t *out, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float sample = clamp(in[i]);
        uint32_t bits;
        memcpy(&bits, &sample, sizeof bits);
        for (int b = 0; b < 4; b++)
            out[4 * i + (size_t)b] = (uint8_t)(bits >> (8 * b));
    }
}
