/* cpu_quota.c - see cpu_quota.h. Version 2 has one hierarchy ("0::/group") with cpu.max, version 1
 * one for each controller ("4:cpu,cpuacct:/group") with cpu.cfs_quota_us and cpu.cfs_period_us. A
 * container may see its group's path as it is outside, where nothing is mounted inside: then the
 * files at the mount itself are its own, and they are read in any case. */
#include "base/cpu_quota.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MAX_PATH = 1024, MAX_CORES = 4096 };

static bool read_line(const char *folder, const char *name, char *line, int size) {
    char path[MAX_PATH + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r");
    if (!f) return false;
    bool good = fgets(line, size, f) != NULL;
    fclose(f);
    return good;
}

/* The quota of one group, in cores; 0 when it has none ("max", or -1 in version 1). */
static int group_quota(const char *folder, bool v2) {
    char line[64], period_line[64];
    long long quota = 0, period = 0;
    if (v2) {
        if (!read_line(folder, "cpu.max", line, sizeof line)) return 0;
        if (sscanf(line, "%18lld %18lld", &quota, &period) != 2) return 0;
    } else {
        if (!read_line(folder, "cpu.cfs_quota_us", line, sizeof line) ||
            !read_line(folder, "cpu.cfs_period_us", period_line, sizeof period_line))
            return 0;
        if (sscanf(line, "%18lld", &quota) != 1 || sscanf(period_line, "%18lld", &period) != 1)
            return 0;
    }
    if (quota <= 0 || period <= 0) return 0;
    long long cores = quota / period + (quota % period != 0);
    return cores < MAX_CORES ? (int)cores : MAX_CORES;
}

/* The smallest quota of the group and its parents, up to the hierarchy's mount. */
static int path_quota(const char *mount, const char *group, bool v2) {
    char folder[MAX_PATH];
    const size_t n_mount = strlen(mount);
    int n = snprintf(folder, sizeof folder, "%s%s", mount, group);
    if (n < 0 || (size_t)n >= sizeof folder) return 0;
    int least = 0;
    for (;;) {
        int cores = group_quota(folder, v2);
        if (cores && (!least || cores < least)) least = cores;
        char *slash = strrchr(folder + n_mount, '/');
        if (!slash) return least;
        *slash = '\0';
    }
}

/* Whether "cpu" is among the controllers "cpu,cpuacct". */
static bool has_cpu(const char *controllers) {
    for (const char *at = controllers; at; at = strchr(at, ',')) {
        if (*at == ',') at++;
        size_t n = strcspn(at, ",");
        if (n == 3 && memcmp(at, "cpu", 3) == 0) return true;
    }
    return false;
}

int mv_cpu_quota(const char *membership, const char *mount) {
    FILE *f = fopen(membership, "r");
    if (!f) return 0;
    int least = 0;
    char line[MAX_PATH];
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) continue;
        *group++ = '\0';
        const bool v2 = *++controllers == '\0';
        if (!v2 && !has_cpu(controllers)) continue;
        char root[MAX_PATH];
        int n = snprintf(root, sizeof root, "%s%s", mount, v2 ? "" : "/cpu");
        if (n < 0 || (size_t)n >= sizeof root) continue;
        int cores = path_quota(root, group, v2);
        if (cores && (!least || cores < least)) least = cores;
    }
    fclose(f);
    return least;
}
