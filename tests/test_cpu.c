/* test_cpu.c - base/cpu_quota.c on made-up control groups of both versions; base/cpu.c beside what
 * Linux says of the CPU. */
#include "format_fixture.h"

#include "base/cpu.h"
#include "base/cpu_quota.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static int quota(const char *test) {
    char mount[64];
    snprintf(mount, sizeof mount, "%s/fs", test);
    const char *folder = fx_path(mount);
    snprintf(mount, sizeof mount, "%s/self", test);
    return mv_cpu_quota(fx_path(mount), folder);
}

static void version_2_rounds_up(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int cores;
    } cases[] = {
        {"max 100000\n", 0},
        {"200000 100000\n", 2},
        {"250000 100000\n", 3},
        {"1000 100000\n", 1},
        {"100001 100000", 2},
        {"400000 50000\n", 8},
        {"0 100000\n", 0},
        {"200000 0\n", 0},
        {"-1 100000\n", 0},
        {"rubbish\n", 0},
        {"", 0},
        {"200000\n", 0},
        {"999999999999 1\n", 4096},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        fx_text("a/self", "0::/\n");
        fx_text("a/fs/cpu.max", cases[i].text);
        if (quota("a") != cases[i].cores)
            fail_msg("\"%s\": %d cores, not %d", cases[i].text, quota("a"), cases[i].cores);
    }
}

static void the_smallest_quota_above_counts(void **state) {
    (void)state;
    fx_text("b/self", "0::/machine/box/leaf\n");
    fx_path("b/fs/machine/box/leaf/");
    assert_int_equal(quota("b"), 0);
    fx_text("b/fs/machine/box/leaf/cpu.max", "600000 100000");
    assert_int_equal(quota("b"), 6);
    fx_text("b/fs/machine/cpu.max", "300000 100000");
    assert_int_equal(quota("b"), 3);
    fx_text("b/fs/machine/box/cpu.max", "max 100000");
    assert_int_equal(quota("b"), 3);
    fx_text("b/fs/cpu.max", "200000 100000");
    assert_int_equal(quota("b"), 2);
    fx_text("b/fs/machine/box/leaf/cpu.max", "100000 100000");
    assert_int_equal(quota("b"), 1);
}

static void a_group_that_is_not_mounted_is_the_mount(void **state) {
    (void)state;
    fx_text("c/self", "0::/docker/0123456789\n");
    fx_text("c/fs/cpu.max", "150000 100000\n");
    assert_int_equal(quota("c"), 2);
}

static void version_1_has_a_folder_for_the_controller(void **state) {
    (void)state;
    fx_text("d/self", "12:cpuset:/\n4:cpuacct,cpu:/box\n3:memory:/box\n0::/\n");
    fx_text("d/fs/cpu/box/cpu.cfs_quota_us", "-1\n");
    fx_text("d/fs/cpu/box/cpu.cfs_period_us", "100000\n");
    fx_text("d/fs/cpuset/cpu.cfs_quota_us", "100000\n");
    fx_text("d/fs/cpuset/cpu.cfs_period_us", "100000\n");
    assert_int_equal(quota("d"), 0);
    fx_text("d/fs/cpu/box/cpu.cfs_quota_us", "350000\n");
    assert_int_equal(quota("d"), 4);
    fx_text("d/fs/cpu/cpu.cfs_quota_us", "150000\n");
    fx_text("d/fs/cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(quota("d"), 2);
    fx_text("d/self", "12:cpuset:/\n2:cpuacct:/box\n");
    assert_int_equal(quota("d"), 0);
}

static void what_cannot_be_read_is_no_quota(void **state) {
    (void)state;
    assert_int_equal(mv_cpu_quota("/no/such/file", "/no/such/folder"), 0);
    char text[3000] = "0::/";
    memset(text + 4, 'x', 2900);
    fx_text("e/self", text);
    fx_text("e/fs/cpu.max", "200000 100000");
    (void)quota("e"); /* too long for any path */
    static const char *const odd[] = {
        "", "\n", ":", "::", "0:", "no colon\n", "0:,:/\n", "0:cpu\n"};
    for (size_t i = 0; i < COUNT(odd); i++) {
        fx_text("f/self", odd[i]);
        fx_path("f/fs/");
        assert_int_equal(quota("f"), 0);
    }
    assert_in_range(mv_n_cores(), 1, 4096);
}

/* Intel's manual, CPUID: leaf 7, subleaf 1, eax, bit 4. Of a subleaf that is not there the CPU
 * gives what it likes. */
static void avx_vnni_has_its_bit(void **state) {
    (void)state;
    assert_true(mv_cpuid_has_avx_vnni(1, 0x10));
    assert_true(mv_cpuid_has_avx_vnni(2, 0xffffffff));
    assert_false(mv_cpuid_has_avx_vnni(1, 0xffffffef));
    assert_false(mv_cpuid_has_avx_vnni(0, 0xffffffff));
}

#if defined(__x86_64__) && defined(__linux__)

/* Whether every word of `wanted` is a flag of the first CPU in /proc/cpuinfo. */
static bool flags_have(const char *flags, const char *wanted) {
    char name[32];
    for (int n; sscanf(wanted, " %31s%n", name, &n) == 1; wanted += n) {
        char padded[40];
        snprintf(padded, sizeof padded, " %s ", name);
        if (!strstr(flags, padded)) return false;
    }
    return true;
}

/* Linux looks at CPUID on its own, and leaves out what it does not save the registers of. It has a
 * word for AVX-VNNI only since 5.12. */
static void linux_finds_the_same_instructions(void **state) {
    (void)state;
    static char line[1 << 14];
    FILE *f = fopen("/proc/cpuinfo", "r");
    bool found = false;
    while (f && !found && fgets(line, sizeof line, f))
        found = strncmp(line, "flags", 5) == 0;
    if (f) fclose(f);
    char *end = found ? strchr(line, '\n') : NULL;
    if (!end) {
        skip();
        return;
    }
    *end = ' ';
    const char *const avx2 = "avx avx2 fma f16c";
    const char *const avx512 = "avx512f avx512dq avx512bw avx512vl";
    bool has_512 = flags_have(line, avx2) && flags_have(line, avx512);
    assert_int_equal(mv_tier_available(MV_TIER_AVX2), flags_have(line, avx2));
    assert_int_equal(mv_tier_available(MV_TIER_AVX512), has_512);
    if (flags_have(line, avx2) && flags_have(line, "avx_vnni"))
        assert_true(mv_cpu_has_int8_dot(MV_TIER_AVX2));
    assert_int_equal(mv_cpu_has_int8_dot(MV_TIER_AVX512),
                     has_512 && flags_have(line, "avx512_vnni"));
    if (mv_tier_available(MV_TIER_AMX)) /* which may also not be granted */
        assert_true(flags_have(line, "amx_tile amx_int8"));
    assert_false(mv_cpu_has_int8_dot(MV_TIER_SCALAR));
}

#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_2_rounds_up),
        cmocka_unit_test(the_smallest_quota_above_counts),
        cmocka_unit_test(a_group_that_is_not_mounted_is_the_mount),
        cmocka_unit_test(version_1_has_a_folder_for_the_controller),
        cmocka_unit_test(what_cannot_be_read_is_no_quota),
        cmocka_unit_test(avx_vnni_has_its_bit),
#if defined(__x86_64__) && defined(__linux__)
        cmocka_unit_test(linux_finds_the_same_instructions),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
