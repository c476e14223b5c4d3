/* kernel_tiers.c - see kernel_tiers.h. */
#include "kernel_tiers.h"

#include "support.h"

#include "kernels/tiers.h"

#include <sys/mman.h>
#include <unistd.h>

/* The sources that are compiled without the instructions that they use. */
#if MV_TEST_SIMDE
MV_TIER_DECLARE(avx512_simde);
MV_PACKED_DECLARE(vnni_simde);
MV_PACKED_DECLARE(amx_emulated);
static const mv_kernels simde_table = MV_TIER_TABLE(MV_TIER_AVX512, avx512_simde, vnni_simde);
static const mv_kernels amx_table = MV_TIER_TABLE(MV_TIER_AMX, avx512_simde, amx_emulated);
#endif
#if MV_TEST_AVX_VNNI
MV_PACKED_DECLARE(avx_vnni_emulated);
static const mv_kernels avx_vnni_table = MV_TIER_TABLE(MV_TIER_AVX2, avx2, avx_vnni_emulated);
#endif

size_t test_tiers(const test_tier **tiers) {
    static const size_t n_lanes[MV_N_TIERS] = {1, 8, 16, 16, 4};
    static const char *const without[MV_N_TIERS] = {
        NULL, "avx2 without VNNI", "avx512 without VNNI", NULL, "neon without dot products"};
    static test_tier found[2 * MV_N_TIERS + 3];
    size_t n = 0;
    for (int i = 0; i < MV_N_TIERS; i++) {
        const mv_kernels *kernels = mv_kernels_get((mv_tier)i);
        const mv_kernels *plain = mv_kernels_plain((mv_tier)i);
        if (kernels) found[n++] = (test_tier){mv_tier_name((mv_tier)i), kernels, n_lanes[i]};
        if (plain != kernels) found[n++] = (test_tier){without[i], plain, n_lanes[i]};
    }
#if MV_TEST_AVX_VNNI
    if (mv_tier_available(MV_TIER_AVX2)) /* that is what it is compiled for, as the others are */
        found[n++] = (test_tier){"avx-vnni-emulated", &avx_vnni_table, 8};
#endif
#if MV_TEST_SIMDE
    if (mv_tier_available(MV_TIER_AVX2)) {
        found[n++] = (test_tier){"avx512-simde", &simde_table, 16};
        found[n++] = (test_tier){"amx-emulated", &amx_table, 16};
    }
#endif
    *tiers = found;
    return n;
}

/* The blocks that are in use. */
typedef struct guard {
    void *map;
    size_t map_bytes;
    void *block;
} guard;

static guard guards[64];

void *test_guard_alloc(size_t n_bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t body = (n_bytes + page - 1) / page * page;
    char *map = mmap(NULL, body + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (map == MAP_FAILED || mprotect(map + body, page, PROT_NONE) != 0)
        fail_msg("no memory for %zu guarded bytes", n_bytes);
    for (size_t i = 0; i < sizeof guards / sizeof guards[0]; i++) {
        if (guards[i].map) continue;
        guards[i] = (guard){map, body + page, map + body - n_bytes};
        return guards[i].block;
    }
    fail_msg("too many guarded blocks");
    return NULL;
}

void test_guard_free(void *p) {
    for (size_t i = 0; i < sizeof guards / sizeof guards[0]; i++) {
        if (!guards[i].map || guards[i].block != p) continue;
        munmap(guards[i].map, guards[i].map_bytes);
        guards[i].map = NULL;
        return;
    }
    fail_msg("not a guarded block");
}
