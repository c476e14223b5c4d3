/* packed_avx_vnni.c - products with packed weights of the avx2 tier where the CPU adds AVX-VNNI, as
 * many without AVX-512 do: vpdpbusd on registers of 256 bits. As in packed_vnni.c int8 weights get
 * 128 added, which the sum of the activations takes off again. */
#include "kernels/x86/packed_256.h"

#ifdef MV_EMULATED
#include "avx_vnni_emulation.h"
#elif !defined(__AVXVNNI__)
#error "compile with -mavxvnni"
#endif

#ifndef MV_PACKED_SUFFIX
#define MV_PACKED_SUFFIX avx_vnni
#endif
#define RAW_BIAS 128

typedef __m256i w8;

static inline w8 w8_load(const uint8_t *p) {
    return _mm256_xor_si256(load_bytes(p), _mm256_set1_epi8((char)-128));
}
static inline ivec w8_dot(ivec acc, w8 w, ivec x) { return _mm256_dpbusd_avx_epi32(acc, w, x); }
static inline nacc w4_dot(nacc acc, w4 w, ivec x) { return _mm256_dpbusd_avx_epi32(acc, w, x); }
static inline ivec nacc_sum(nacc acc) { return acc; }

#include "kernels/simd_packed.h"
