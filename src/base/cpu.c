/* cpu.c - CPU tiers by CPUID and XGETBV on x86-64 (the CPU must have the instructions and the
 * system must save the registers), and the number of cores. */
#include "base/cpu.h"

#include "base/cpu_quota.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__) && defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif
#if defined(__linux__)
#include <sched.h>
#include <sys/syscall.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

static const char *const tier_names[MV_N_TIERS] = {"scalar", "avx2", "avx512", "amx", "neon"};

const char *mv_tier_name(mv_tier tier) {
    return (unsigned)tier < MV_N_TIERS ? tier_names[tier] : "unknown";
}

bool mv_tier_from_name(const char *name, mv_tier *tier) {
    for (int i = 0; i < MV_N_TIERS; i++) {
        if (strcmp(name, tier_names[i]) == 0) {
            *tier = (mv_tier)i;
            return true;
        }
    }
    return false;
}

#if defined(__x86_64__)

enum {
    LEAF1_FMA = 1 << 12,
    LEAF1_OSXSAVE = 1 << 27,
    LEAF1_AVX = 1 << 28,
    LEAF1_F16C = 1 << 29,
    LEAF7_AVX2 = 1 << 5,
    LEAF7_AVX512F = 1 << 16,
    LEAF7_AVX512DQ = 1 << 17,
    LEAF7_AVX512BW = 1 << 30,
    XCR0_AVX = 0x06,     /* xmm and ymm */
    XCR0_AVX512 = 0xe6,  /* and opmask, zmm 0-15 upper halves, zmm 16-31 */
    XCR0_TILES = 0x60000 /* their configuration, their data */
};
#define LEAF7_AVX512VL (1u << 31)
enum { LEAF7_C_VNNI = 1 << 11, LEAF7_D_AMX_TILE = 1 << 24, LEAF7_D_AMX_INT8 = 1 << 25 };

static uint64_t read_xcr0(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool has_all(uint32_t have, uint32_t want) { return (have & want) == want; }

static bool x86_tier_available(mv_tier tier) {
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return false;
    if (!has_all(c, LEAF1_FMA | LEAF1_OSXSAVE | LEAF1_AVX | LEAF1_F16C)) return false;
    uint64_t xcr0 = read_xcr0();
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
    if (!has_all(b, LEAF7_AVX2) || (xcr0 & XCR0_AVX) != XCR0_AVX) return false;
    if (tier == MV_TIER_AVX2) return true;
    return has_all(b, LEAF7_AVX512F | LEAF7_AVX512DQ | LEAF7_AVX512BW | LEAF7_AVX512VL) &&
           (xcr0 & XCR0_AVX512) == XCR0_AVX512;
}

/* Linux gives a process the room for tiles when it asks (Documentation/arch/x86/xstate.rst). What
 * it has once granted it grants again, so that nothing need be kept here. */
static bool may_use_tiles(void) {
#if defined(__linux__)
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0;
#else
    return true;
#endif
}

static bool amx_available(void) {
    uint32_t a, b, c, d;
    return mv_cpu_has_int8_dot(MV_TIER_AVX512) && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
           has_all(d, LEAF7_D_AMX_TILE | LEAF7_D_AMX_INT8) &&
           (read_xcr0() & XCR0_TILES) == XCR0_TILES && may_use_tiles();
}

#endif

bool mv_tier_available(mv_tier tier) {
    switch (tier) {
    case MV_TIER_SCALAR: return true;
#if defined(__x86_64__)
    case MV_TIER_AVX2:
    case MV_TIER_AVX512: return x86_tier_available(tier);
    case MV_TIER_AMX: return MV_HAVE_AMX && amx_available();
#elif defined(__aarch64__)
    case MV_TIER_NEON: return true;
#endif
    default: return false;
    }
}

bool mv_cpuid_has_avx_vnni(uint32_t eax_7_0, uint32_t eax_7_1) {
    return eax_7_0 >= 1 && eax_7_1 >> 4 & 1;
}

bool mv_cpu_has_int8_dot(mv_tier tier) {
    if (!mv_tier_available(tier)) return false;
#if defined(__x86_64__)
    uint32_t a, b, c, d, last;
    if (!__get_cpuid_count(7, 0, &last, &b, &c, &d)) return false;
    if (tier == MV_TIER_AVX512) return has_all(c, LEAF7_C_VNNI);
    return tier == MV_TIER_AVX2 && __get_cpuid_count(7, 1, &a, &b, &c, &d) &&
           mv_cpuid_has_avx_vnni(last, a);
#elif defined(__aarch64__) && defined(__linux__)
    return tier == MV_TIER_NEON && (getauxval(AT_HWCAP) & HWCAP_ASIMDDP);
#elif defined(__aarch64__) && defined(__APPLE__)
    int has = 0;
    size_t len = sizeof has;
    return tier == MV_TIER_NEON &&
           sysctlbyname("hw.optional.arm.FEAT_DotProd", &has, &len, NULL, 0) == 0 && has;
#else
    return false;
#endif
}

mv_tier mv_tier_best(void) {
    static const mv_tier order[] = {MV_TIER_AVX512, MV_TIER_AVX2, MV_TIER_NEON};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        if (mv_tier_available(order[i])) return order[i];
    }
    return MV_TIER_SCALAR;
}

int mv_n_cores(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) {
        int n_allowed = CPU_COUNT(&set),
            quota = mv_cpu_quota("/proc/self/cgroup", "/sys/fs/cgroup");
        return quota > 0 && quota < n_allowed ? quota : n_allowed;
    }
#elif defined(__APPLE__)
    /* Work is split into equal shares: an efficiency core would hold the others up. */
    static const char *const names[] = {"hw.perflevel0.logicalcpu", "hw.activecpu"};
    for (int i = 0; i < 2; i++) {
        int n = 0;
        size_t len = sizeof n;
        if (sysctlbyname(names[i], &n, &len, NULL, 0) == 0 && n > 0) return n;
    }
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 && n <= 4096 ? (int)n : 1;
}
