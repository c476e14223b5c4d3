/* kernels.c - the tables of all tiers and their selection. */
#include "kernels/kernels.h"

#include "kernels/tiers.h"

static const mv_kernels scalar_table = MV_TIER_TABLE(MV_TIER_SCALAR, scalar, scalar);
#if defined(__x86_64__)
static const mv_kernels avx2_table = MV_TIER_TABLE(MV_TIER_AVX2, avx2, avx2);
#if MV_HAVE_AVX_VNNI
static const mv_kernels avx_vnni_table = MV_TIER_TABLE(MV_TIER_AVX2, avx2, avx_vnni);
#endif
static const mv_kernels avx512_table = MV_TIER_TABLE(MV_TIER_AVX512, avx512, avx2);
static const mv_kernels vnni_table = MV_TIER_TABLE(MV_TIER_AVX512, avx512, vnni);
#if MV_HAVE_AMX
static const mv_kernels amx_table = MV_TIER_TABLE(MV_TIER_AMX, avx512, amx);
#endif
#elif defined(__aarch64__)
static const mv_kernels neon_table = MV_TIER_TABLE(MV_TIER_NEON, neon, neon);
static const mv_kernels neon_dot_table = MV_TIER_TABLE(MV_TIER_NEON, neon, neon_dot);
#endif

/* dot: with the dot products of int8 that some CPUs of the tier have. */
static const mv_kernels *table_of(mv_tier tier, bool dot) {
    switch (tier) {
    case MV_TIER_SCALAR: return &scalar_table;
#if defined(__x86_64__)
#if MV_HAVE_AVX_VNNI
    case MV_TIER_AVX2: return dot ? &avx_vnni_table : &avx2_table;
#else
    case MV_TIER_AVX2: return &avx2_table;
#endif
    case MV_TIER_AVX512: return dot ? &vnni_table : &avx512_table;
#if MV_HAVE_AMX
    case MV_TIER_AMX: return &amx_table;
#endif
#elif defined(__aarch64__)
    case MV_TIER_NEON: return dot ? &neon_dot_table : &neon_table;
#endif
    default: return NULL;
    }
}

const mv_kernels *mv_kernels_get(mv_tier tier) {
    return mv_tier_available(tier) ? table_of(tier, mv_cpu_has_int8_dot(tier)) : NULL;
}

const mv_kernels *mv_kernels_plain(mv_tier tier) {
    return mv_tier_available(tier) ? table_of(tier, false) : NULL;
}

size_t mv_wtype_bytes(mv_wtype type) { return type == MV_W_F32 ? 4 : 2; }

const char *mv_wtype_name(mv_wtype type) {
    static const char *const names[] = {"f32", "f16", "bf16",      "int8", "q8", "q8a",
                                        "q4",  "q4a", "f32 tiles", "q8",   "q4", "q4a"};
    return (unsigned)type <= MV_W_ROWS_Q4_1 ? names[type] : "unknown";
}
