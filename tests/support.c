/* support.c - see support.h. */
#include "support.h"

#include <ftw.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

const char *test_path(const char *relative) {
    static char paths[4][1024];
    static int next;
    char *path = paths[next++ % 4];
    const char *root = getenv("MARVIS_TESTS");
    snprintf(path, sizeof paths[0], "%s/%s", root ? root : "tests", relative);
    return path;
}

static char temp_dir[256];

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static void remove_temp_dir(void) {
    if (temp_dir[0]) nftw(temp_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *test_temp_dir(void) {
    if (!temp_dir[0]) {
        const char *base = getenv("TMPDIR");
        snprintf(temp_dir, sizeof temp_dir, "%s/marvis-test-XXXXXX", base ? base : "/tmp");
        if (!mkdtemp(temp_dir)) abort();
        atexit(remove_temp_dir);
    }
    return temp_dir;
}

uint64_t test_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

float test_uniform(uint64_t *state) {
    return (float)((double)(test_random(state) >> 11) * 0x1p-52 - 1.0);
}

float test_normal(uint64_t *state) {
    double u = ((double)(test_random(state) >> 11) + 1.0) * 0x1p-53;
    double v = (double)(test_random(state) >> 11) * 0x1p-53;
    return (float)(sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v));
}

double test_row_error(const float *a, const float *b, size_t n_rows, size_t n) {
    double worst = 0;
    for (size_t r = 0; r < n_rows; r++) {
        double square = 0, largest = 0;
        for (size_t i = 0; i < n; i++) {
            double d = fabs((double)a[r * n + i] - (double)b[r * n + i]);
            square += (double)b[r * n + i] * (double)b[r * n + i];
            if (!(d <= largest)) largest = d; /* a NaN sticks */
        }
        double error = largest / (sqrt(square / (double)n) + 1e-30);
        if (!(error <= worst)) worst = error;
    }
    return worst;
}
