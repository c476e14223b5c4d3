/* pool.c - the thread team of pool.h. A job is announced by a counter (`generation`) and its end by
 * a count of workers that are still busy; both sides spin on these for a bounded time, then sleep
 * on a condition variable. Every announcement and every sleeper's flag is sequentially consistent:
 * either the sleeper sees the news before it sleeps, or the announcer sees the sleeper and wakes
 * it. */
#include "base/pool.h"

#include "base/cpu.h"
#include "base/memory.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

enum {
    MAX_THREADS = 256,
    /* About 0.1 ms with the hints below: longer than the gaps between the products of one frame. */
    SPINS = 4000,
    /* With more threads than cores, spinning only keeps the others from working. */
    SPINS_CROWDED = 50,
    STACK_BYTES = 1 << 20
};

typedef struct worker {
    pthread_t thread;
    mv_pool *pool;
    int part;
} worker;

struct mv_pool {
    int n_threads;
    int n_spins;
    worker *workers; /* [n_threads - 1] owned */
    int n_started;
    pthread_mutex_t run_lock; /* held during mv_pool_run */

    mv_job job; /* these two are published by generation */
    void *ctx;
    _Alignas(64) atomic_uint generation; /* one more for each job */
    atomic_bool stop;
    _Alignas(64) atomic_int n_busy; /* workers that have not finished the job */

    pthread_mutex_t sleep_lock;
    pthread_cond_t start_cond; /* workers sleep here */
    pthread_cond_t done_cond;  /* the caller sleeps here */
    atomic_int n_asleep;
    atomic_bool caller_asleep;
};

static inline void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    /* `yield` is a no-op on most cores; isb waits some tens of cycles. */
    __asm__ volatile("isb" ::: "memory");
#endif
}

/* Waits until generation differs from `seen`; returns it. */
static unsigned wait_for_job(mv_pool *pool, unsigned seen) {
    for (int i = 0; i < pool->n_spins; i++) {
        unsigned now = atomic_load_explicit(&pool->generation, memory_order_acquire);
        if (now != seen) return now;
        relax();
    }
    pthread_mutex_lock(&pool->sleep_lock);
    atomic_fetch_add(&pool->n_asleep, 1);
    unsigned now;
    while ((now = atomic_load(&pool->generation)) == seen)
        pthread_cond_wait(&pool->start_cond, &pool->sleep_lock);
    atomic_fetch_sub(&pool->n_asleep, 1);
    pthread_mutex_unlock(&pool->sleep_lock);
    return now;
}

static void announce(mv_pool *pool) {
    atomic_fetch_add(&pool->generation, 1u);
    if (atomic_load(&pool->n_asleep) > 0) {
        pthread_mutex_lock(&pool->sleep_lock);
        pthread_cond_broadcast(&pool->start_cond);
        pthread_mutex_unlock(&pool->sleep_lock);
    }
}

static void wait_until_done(mv_pool *pool) {
    for (int i = 0; i < pool->n_spins; i++) {
        if (atomic_load_explicit(&pool->n_busy, memory_order_acquire) == 0) return;
        relax();
    }
    pthread_mutex_lock(&pool->sleep_lock);
    atomic_store(&pool->caller_asleep, true);
    while (atomic_load(&pool->n_busy) != 0)
        pthread_cond_wait(&pool->done_cond, &pool->sleep_lock);
    atomic_store(&pool->caller_asleep, false);
    pthread_mutex_unlock(&pool->sleep_lock);
}

static void *worker_main(void *arg) {
    worker *self = arg;
    mv_pool *pool = self->pool;
    unsigned seen = 0;
    for (;;) {
        seen = wait_for_job(pool, seen);
        if (atomic_load(&pool->stop)) return NULL;
        pool->job(pool->ctx, self->part, pool->n_threads);
        if (atomic_fetch_sub(&pool->n_busy, 1) == 1 && atomic_load(&pool->caller_asleep)) {
            pthread_mutex_lock(&pool->sleep_lock);
            pthread_cond_signal(&pool->done_cond);
            pthread_mutex_unlock(&pool->sleep_lock);
        }
    }
}

/* Workers take no signals: the program's handlers run on the program's threads. */
static int start_workers(mv_pool *pool) {
    pthread_attr_t attr;
    int rc = pthread_attr_init(&attr);
    if (rc != 0) return rc;
    rc = pthread_attr_setstacksize(&attr, STACK_BYTES);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 0; rc == 0 && i < pool->n_threads - 1; i++) {
        pool->workers[i].pool = pool;
        pool->workers[i].part = i + 1;
        rc = pthread_create(&pool->workers[i].thread, &attr, worker_main, &pool->workers[i]);
        if (rc == 0) pool->n_started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return rc;
}

marvis_status mv_pool_create(int n_threads, mv_pool **pool, marvis_error *err) {
    *pool = NULL;
    if (n_threads < 1 || n_threads > MAX_THREADS)
        return mv_fail(err, MARVIS_ERR_CALL, "threads: %d given, must be 1 to %d", n_threads,
                       MAX_THREADS);
    mv_pool *p = mv_alloc(1, sizeof *p);
    if (!p) return mv_fail_memory(err, sizeof *p, "the thread pool");
    if (n_threads > 1) {
        size_t n = (size_t)n_threads - 1;
        p->workers = mv_alloc(n, sizeof *p->workers);
        if (!p->workers) {
            mv_free(p);
            return mv_fail_memory(err, n * sizeof *p->workers, "the thread pool");
        }
    }
    p->n_threads = n_threads;
    p->n_spins = n_threads <= mv_n_cores() ? SPINS : SPINS_CROWDED;
    pthread_mutex_init(&p->run_lock, NULL);
    pthread_mutex_init(&p->sleep_lock, NULL);
    pthread_cond_init(&p->start_cond, NULL);
    pthread_cond_init(&p->done_cond, NULL);
    atomic_init(&p->generation, 0u);
    atomic_init(&p->stop, false);
    atomic_init(&p->n_busy, 0);
    atomic_init(&p->n_asleep, 0);
    atomic_init(&p->caller_asleep, false);
    int rc = start_workers(p);
    if (rc != 0) {
        int n_started = p->n_started;
        mv_pool_destroy(&p);
        return mv_fail(err, MARVIS_ERR_MEMORY,
                       "only %d of %d threads could be started (%s); ask for fewer threads",
                       n_started + 1, n_threads, strerror(rc));
    }
    *pool = p;
    return MARVIS_OK;
}

void mv_pool_destroy(mv_pool **pool) {
    mv_pool *p = *pool;
    if (!p) return;
    *pool = NULL;
    atomic_store(&p->stop, true);
    announce(p);
    for (int i = 0; i < p->n_started; i++)
        pthread_join(p->workers[i].thread, NULL);
    pthread_cond_destroy(&p->done_cond);
    pthread_cond_destroy(&p->start_cond);
    pthread_mutex_destroy(&p->sleep_lock);
    pthread_mutex_destroy(&p->run_lock);
    mv_free(p->workers);
    mv_free(p);
}

int mv_pool_n_threads(const mv_pool *pool) { return pool ? pool->n_threads : 1; }

void mv_pool_run(mv_pool *pool, mv_job job, void *ctx) {
    if (!pool) {
        job(ctx, 0, 1);
        return;
    }
    pthread_mutex_lock(&pool->run_lock);
    if (pool->n_threads > 1) {
        pool->job = job;
        pool->ctx = ctx;
        atomic_store(&pool->n_busy, pool->n_threads - 1);
        announce(pool);
    }
    job(ctx, 0, pool->n_threads);
    if (pool->n_threads > 1) wait_until_done(pool);
    pthread_mutex_unlock(&pool->run_lock);
}

void mv_share(size_t n, size_t grain, int part, int n_parts, size_t *begin, size_t *end) {
    size_t n_steps = n / grain + (n % grain != 0);
    size_t each = n_steps / (size_t)n_parts, extra = n_steps % (size_t)n_parts;
    size_t p = (size_t)part;
    size_t first = p * each + (p < extra ? p : extra);
    size_t last = first + each + (p < extra ? 1 : 0);
    /* only the very last step can be ragged, so that only it needs clipping */
    *begin = first < n_steps ? first * grain : n;
    *end = last < n_steps ? last * grain : n;
}
