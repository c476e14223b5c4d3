/* kernel_tiers.h - what the kernel tests share: every tier that this machine can run, and memory
 * that ends at a page which may not be touched. */
#ifndef MV_TESTS_KERNEL_TIERS_H
#define MV_TESTS_KERNEL_TIERS_H

#include "kernels/kernels.h"

typedef struct test_tier {
    const char *name;
    const mv_kernels *kernels;
    size_t n_lanes; /* of its vectors: the length of its sums */
} test_tier;

/* Scalar first; then the machine's own, and where the CPU adds dot products to a tier, the tier
 * without them, too; then sources without the instructions that they use: "avx-vnni-emulated", with
 * dot products in plain C (tests/avx_vnni_emulation.h), and, where SIMDe was found, "avx512-simde"
 * and "amx-emulated", the latter with tiles in plain C (tests/amx_emulation.h). */
size_t test_tiers(const test_tier **tiers);

/* n_bytes that end right at a PROT_NONE page (and begin at any address); free with test_guard_free.
 * A read or write past the end is a fault. */
void *test_guard_alloc(size_t n_bytes);
void test_guard_free(void *p);

#endif
