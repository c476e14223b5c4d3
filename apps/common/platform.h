/* platform.h - what the programs ask of the operating system, for Linux and macOS: clock, random
 * seed, own path, terminal, memory use, and where Hugging Face keeps its cache. */
#ifndef APPS_COMMON_PLATFORM_H
#define APPS_COMMON_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens /dev/null in the place of a closed stdin, stdout or stderr, so that no file of ours gets
 * their number. A write to such a stdout still fails. Called first in main. */
void platform_reserve_std_fds(void);

/* Seconds of a clock that never goes back. */
double platform_seconds(void);

/* A seed from the system's random source, below 2^32 so that a person can type it again. */
int64_t platform_random_seed(void);

/* Most memory this process has held, in bytes; 0 if unknown. */
int64_t platform_peak_rss(void);

/* Memory that this process holds now, in bytes; 0 if unknown. */
int64_t platform_resident(void);

/* Programs that wanted to run, on average over the last minute; below 0 if unknown. */
double platform_load_average(void);

/* The folder of the running program, without a final slash. The caller frees it; NULL if unknown.
 */
char *platform_program_dir(void);

bool platform_is_dir(const char *path);
bool platform_stderr_is_terminal(void);

/* Hugging Face's cache folder by its environment variables. The caller frees it; NULL if there is
 * no home to look in. */
char *platform_hub_cache(void);

/* "a" followed by "b", on the heap; NULL when out of memory. */
char *platform_concat(const char *a, const char *b);

#endif
