/* simde_avx512.h - AVX-512 for a CPU without it, so that the tests can run the avx512 tier's own
 * source anywhere with AVX2: SIMDe's intrinsics, and here those that SIMDe 0.7.4 lacks. */
#ifndef MV_TESTS_SIMDE_AVX512_H
#define MV_TESTS_SIMDE_AVX512_H

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <immintrin.h>
#include <simde/x86/avx512.h>
#include <string.h>

#define __mmask16 simde__mmask16

static inline simde__m512 shim_512(__m256 low, __m256 high) {
    simde__m512 v;
    memcpy(&v, &low, sizeof low);
    memcpy((char *)&v + sizeof low, &high, sizeof high);
    return v;
}

static inline __m256 shim_half(simde__m512 v, int i) {
    __m256 half;
    memcpy(&half, (const char *)&v + (size_t)i * sizeof half, sizeof half);
    return half;
}

/* Lane by lane, touching no lane that the mask leaves out. */
static inline simde__m512 shim_maskz_loadu_ps(simde__mmask16 mask, const float *p) {
    float lanes[16] = {0};
    for (int i = 0; i < 16; i++)
        if (mask >> i & 1) lanes[i] = p[i];
    simde__m512 v;
    memcpy(&v, lanes, sizeof v);
    return v;
}

static inline void shim_mask_storeu_ps(float *p, simde__mmask16 mask, simde__m512 v) {
    float lanes[16];
    memcpy(lanes, &v, sizeof v);
    for (int i = 0; i < 16; i++)
        if (mask >> i & 1) p[i] = lanes[i];
}

static inline simde__m512 shim_cvtph_ps(__m256i v) {
    return shim_512(_mm256_cvtph_ps(_mm256_castsi256_si128(v)),
                    _mm256_cvtph_ps(_mm256_extracti128_si256(v, 1)));
}

static inline simde__m512i shim_cvtepu16_epi32(__m256i v) {
    __m256i low = _mm256_cvtepu16_epi32(_mm256_castsi256_si128(v));
    __m256i high = _mm256_cvtepu16_epi32(_mm256_extracti128_si256(v, 1));
    return simde_mm512_castps_si512(shim_512(_mm256_castsi256_ps(low), _mm256_castsi256_ps(high)));
}

static inline simde__m512i shim_cvtps_epi32(simde__m512 v) {
    __m256i low = _mm256_cvtps_epi32(shim_half(v, 0)), high = _mm256_cvtps_epi32(shim_half(v, 1));
    return simde_mm512_castps_si512(shim_512(_mm256_castsi256_ps(low), _mm256_castsi256_ps(high)));
}

static inline simde__m512 shim_cvtepi32_ps(simde__m512i v) {
    simde__m512 bits = simde_mm512_castsi512_ps(v);
    return shim_512(_mm256_cvtepi32_ps(_mm256_castps_si256(shim_half(bits, 0))),
                    _mm256_cvtepi32_ps(_mm256_castps_si256(shim_half(bits, 1))));
}

#undef _mm512_maskz_loadu_ps
#define _mm512_maskz_loadu_ps shim_maskz_loadu_ps
#undef _mm512_mask_storeu_ps
#define _mm512_mask_storeu_ps shim_mask_storeu_ps
#undef _mm512_cvtph_ps
#define _mm512_cvtph_ps shim_cvtph_ps
#undef _mm512_cvtepu16_epi32
#define _mm512_cvtepu16_epi32 shim_cvtepu16_epi32
#undef _mm512_cvtps_epi32
#define _mm512_cvtps_epi32 shim_cvtps_epi32
#undef _mm512_cvtepi32_ps
#define _mm512_cvtepi32_ps shim_cvtepi32_ps
#undef _mm512_extractf32x8_ps
#define _mm512_extractf32x8_ps shim_half

#endif
