/* avx_vnni_emulation.h - AVX-VNNI for a CPU without it, so that the tests can run
 * packed_avx_vnni.c's own source anywhere with AVX2: the one instruction that it uses, as the
 * operation section of Intel's manual has it. */
#ifndef MV_TESTS_AVX_VNNI_EMULATION_H
#define MV_TESTS_AVX_VNNI_EMULATION_H

#include <immintrin.h>
#include <stdint.h>

/* acc + the products of four bytes a lane, u unsigned and s signed, without saturation */
static inline __m256i emulated_dpbusd(__m256i acc, __m256i u, __m256i s) {
    uint8_t a[32];
    int8_t b[32];
    uint32_t sums[8];
    _mm256_storeu_si256((__m256i *)(void *)a, u);
    _mm256_storeu_si256((__m256i *)(void *)b, s);
    _mm256_storeu_si256((__m256i *)(void *)sums, acc);
    for (int i = 0; i < 32; i++)
        sums[i / 4] += (uint32_t)(a[i] * b[i]); /* wraps, as the instruction does */
    return _mm256_loadu_si256((const __m256i *)(const void *)sums);
}

#undef _mm256_dpbusd_avx_epi32
#define _mm256_dpbusd_avx_epi32 emulated_dpbusd

#endif
