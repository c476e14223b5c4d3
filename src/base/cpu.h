/* cpu.h - what this CPU and its operating system offer, as kernel tiers. */
#ifndef MV_BASE_CPU_H
#define MV_BASE_CPU_H

#include <stdbool.h>
#include <stdint.h>

typedef enum mv_tier {
    MV_TIER_SCALAR,
    MV_TIER_AVX2,
    MV_TIER_AVX512,
    MV_TIER_AMX,
    MV_TIER_NEON,
    MV_N_TIERS
} mv_tier;

/* "scalar", "avx2" (with FMA and F16C), "avx512" (F, BW, DQ, VL), "amx" (avx512 with VNNI, and
 * tiles of int8), "neon" */
const char *mv_tier_name(mv_tier tier);

/* true and *tier, when `name` names a tier */
bool mv_tier_from_name(const char *name, mv_tier *tier);

/* Whether this machine can run the tier: CPUID and XGETBV on x86-64; always NEON on arm64. Of amx,
 * which must be compiled in, it also asks Linux to let the process use tiles; where the answer is
 * yes, that stays so, and signal frames of threads that use them are 8 KB larger. */
bool mv_tier_available(mv_tier tier);

/* Whether the CPU and its system add dot products of int8 to an available tier: AVX-VNNI to avx2,
 * AVX-512 VNNI to avx512, arm64's to neon. amx needs those of avx512. */
bool mv_cpu_has_int8_dot(mv_tier tier);

/* Whether CPUID says AVX-VNNI: eax of leaf 7, subleaf 0, the number of the last subleaf, and eax of
 * subleaf 1, which is not looked at where there is none. */
bool mv_cpuid_has_avx_vnni(uint32_t eax_7_0, uint32_t eax_7_1);

/* The best tier that is available and compiled in. Never amx, which no hardware has run so far: it
 * must be asked for by its name. */
mv_tier mv_tier_best(void);

/* Cores that this process may keep busy (Linux: affinity mask and CPU quota), at least 1. */
int mv_n_cores(void);

#endif
