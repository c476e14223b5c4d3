/* cpu_quota.h - the CPU time that control groups leave to this process (Linux: containers,
 * services), as a number of cores. */
#ifndef MV_BASE_CPU_QUOTA_H
#define MV_BASE_CPU_QUOTA_H

/* Cores that the quota allows, rounded up and at least 1; 0 when there is none. `membership` is
 * /proc/self/cgroup, `mount` is /sys/fs/cgroup; other paths are for tests. The smallest quota
 * counts of the group and of all that hold it, of versions 1 and 2 alike; what cannot be read is
 * no quota. */
int mv_cpu_quota(const char *membership, const char *mount);

#endif
