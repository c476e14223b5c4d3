/* platform.c - see platform.h. */
#include "common/platform.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef __APPLE__
#include <mach-o/dyld.h>
#include <sys/random.h>
#endif

void platform_reserve_std_fds(void) {
    /* stdin for writing only and the others for reading only: use of them is still an error. */
    static const int mode[3] = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", mode[fd]) != fd) _exit(1);
    }
}

double platform_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int64_t platform_random_seed(void) {
    uint32_t seed;
    if (getentropy(&seed, sizeof seed) != 0) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        seed = (uint32_t)now.tv_nsec ^ (uint32_t)now.tv_sec << 12 ^ (uint32_t)getpid();
    }
    return (int64_t)seed;
}

int64_t platform_peak_rss(void) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
#ifdef __APPLE__
    return (int64_t)usage.ru_maxrss;
#else
    return (int64_t)usage.ru_maxrss * 1024;
#endif
}

int64_t platform_resident(void) {
#ifdef __APPLE__
    return 0;
#else
    char line[128], *at = line;
    FILE *file = fopen("/proc/self/statm", "r");
    bool read = file && fgets(line, sizeof line, file);
    if (file) fclose(file);
    if (!read) return 0;
    (void)strtoll(line, &at, 10); /* the whole size; then the resident pages */
    return (int64_t)strtoll(at, NULL, 10) * (int64_t)sysconf(_SC_PAGESIZE);
#endif
}

double platform_load_average(void) {
    double load;
    return getloadavg(&load, 1) == 1 ? load : -1;
}

char *platform_program_dir(void) {
    char path[PATH_MAX];
    char *real;
#ifdef __APPLE__
    uint32_t size = sizeof path;
    if (_NSGetExecutablePath(path, &size) != 0) return NULL;
#else
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0) return NULL;
    path[n] = '\0';
#endif
    real = realpath(path, NULL);
    if (!real) return NULL;
    char *slash = strrchr(real, '/');
    if (slash) *slash = '\0';
    return real;
}

bool platform_is_dir(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool platform_stderr_is_terminal(void) { return isatty(STDERR_FILENO) == 1; }

char *platform_concat(const char *a, const char *b) {
    size_t n_a = strlen(a), n_b = strlen(b);
    char *joined = malloc(n_a + n_b + 1);
    if (!joined) return NULL;
    memcpy(joined, a, n_a);
    memcpy(joined + n_a, b, n_b + 1);
    return joined;
}

static const char *environment(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

char *platform_hub_cache(void) {
    const char *dir = environment("HF_HUB_CACHE");
    if (dir) return platform_concat(dir, "");
    if ((dir = environment("HF_HOME"))) return platform_concat(dir, "/hub");
    if ((dir = environment("XDG_CACHE_HOME"))) return platform_concat(dir, "/huggingface/hub");
    if ((dir = environment("HOME"))) return platform_concat(dir, "/.cache/huggingface/hub");
    return NULL;
}
