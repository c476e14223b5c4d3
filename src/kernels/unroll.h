/* unroll.h - INLINE functions whose sizes are constants where they are called, and UNROLL, before a
 * loop over such a size: accumulators in an array are then registers. */
#ifndef MV_KERNELS_UNROLL_H
#define MV_KERNELS_UNROLL_H

#define INLINE static inline __attribute__((always_inline))
#if defined(MV_SIMDE) || defined(MV_EMULATED)
#define UNROLL /* minutes to compile: each operation is a loop of its own */
#elif defined(__clang__)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNROLL
#else
#define UNROLL _Pragma("unroll")
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNROLL /* instrumented code takes minutes to compile when it is unrolled */
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#endif
