/* pool.c - the thread team of pool.h. A job is announced by a counter (`generation`) and its end by
 * a count of parts that are left; both sides spin on these for a bounded time, then sleep on a
 * condition variable. Every announcement and every sleeper's flag is sequentially consistent:
 * either the sleeper sees the news before it sleeps, or the announcer sees the sleeper and wakes
 * it.
 *
 * A part is taken by lowering its owner's `claim`, which holds the generation and how many parts
 * are left: a worker that comes late finds another generation there, or none left, and takes
 * nothing. What it read of the job before is then of no matter; when it does get a part, the job
 * cannot have been over, so it read the right one. Whether there is a part must not be asked of
 * anything else: a late worker may read the next job's count while the claim is still the last
 * one's. */
#include "base/pool.h"

#include "base/cpu.h"
#include "base/file.h"
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
    STACK_BYTES = 1 << 20,
    PART_BITS = 16 /* of a claim: parts that are left; above them the generation */
};

/* Waiting is looked at over this time; more than this share of it, and the caller works alone, at
 * first so long, twice as long each time that it has not become better. */
static const double WINDOW_S = 0.02, SHARE_LOST = 0.4, ALONE_S = 0.05, ALONE_MOST_S = 1;

typedef struct claims {
    _Alignas(64) atomic_ullong next;
} claims;

typedef struct worker {
    pthread_t thread;
    mv_pool *pool;
    int part;
} worker;

struct mv_pool {
    int n_threads;
    int n_spins;
    worker *workers; /* [n_threads - 1] owned */
    claims *claims;  /* [n_threads] owned */
    int n_started;
    pthread_mutex_t run_lock; /* held during mv_pool_run */

    /* the caller's: how long it waited asleep since window_s, and until when it works alone */
    double window_s, lost_s, alone_s, alone_until_s;

    _Atomic(mv_job) job; /* these three are published by the claims */
    void *_Atomic ctx;
    atomic_int parts_each;
    _Alignas(64) atomic_ullong generation; /* one more for each job */
    atomic_bool stop;
    _Alignas(64) atomic_int n_left; /* parts that are not finished */

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
static unsigned long long wait_for_job(mv_pool *pool, unsigned long long seen) {
    unsigned long long now;
    for (int i = 0; i < pool->n_spins; i++) {
        now = atomic_load_explicit(&pool->generation, memory_order_acquire);
        if (now != seen) return now;
        relax();
    }
    pthread_mutex_lock(&pool->sleep_lock);
    atomic_fetch_add(&pool->n_asleep, 1);
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

/* One of the parts that `owner` has not begun, counted from 1; 0: none of this generation. */
static int claim(claims *owner, unsigned long long generation) {
    const unsigned long long mask = (1u << PART_BITS) - 1;
    unsigned long long now = atomic_load_explicit(&owner->next, memory_order_relaxed);
    do {
        if (now >> PART_BITS != generation || (now & mask) == 0) return 0;
    } while (!atomic_compare_exchange_weak_explicit(&owner->next, &now, now - 1,
                                                    memory_order_acq_rel, memory_order_relaxed));
    return (int)(now & mask);
}

/* Own parts first, then the others'. */
static void work(mv_pool *pool, int self, unsigned long long generation) {
    mv_job job = atomic_load_explicit(&pool->job, memory_order_relaxed);
    void *ctx = atomic_load_explicit(&pool->ctx, memory_order_relaxed);
    int each = atomic_load_explicit(&pool->parts_each, memory_order_relaxed), n_done = 0;
    for (int i = 0; i < pool->n_threads; i++) {
        int owner = (self + i) % pool->n_threads, left;
        while ((left = claim(&pool->claims[owner], generation)) > 0) {
            job(ctx, owner * each + each - left, pool->n_threads * each);
            n_done++;
        }
    }
    if (n_done > 0 && atomic_fetch_sub(&pool->n_left, n_done) == n_done &&
        atomic_load(&pool->caller_asleep)) {
        pthread_mutex_lock(&pool->sleep_lock);
        pthread_cond_signal(&pool->done_cond);
        pthread_mutex_unlock(&pool->sleep_lock);
    }
}

/* Whether the caller lost too much time by waiting is decided whenever it had to sleep. */
static void count_wait(mv_pool *pool, double began_s) {
    double now = mv_now_s();
    if (now - pool->window_s > 10 * WINDOW_S) { /* all went well for a while */
        pool->window_s = began_s;
        pool->lost_s = 0;
        pool->alone_s = ALONE_S;
    }
    pool->lost_s += now - began_s;
    if (now - pool->window_s < WINDOW_S) return;
    if (pool->lost_s > SHARE_LOST * (now - pool->window_s)) {
        pool->alone_until_s = now + pool->alone_s;
        pool->alone_s = 2 * pool->alone_s < ALONE_MOST_S ? 2 * pool->alone_s : ALONE_MOST_S;
    }
    pool->window_s = now;
    pool->lost_s = 0;
}

static void wait_until_done(mv_pool *pool) {
    for (int i = 0; i < pool->n_spins; i++) {
        if (atomic_load_explicit(&pool->n_left, memory_order_acquire) == 0) return;
        relax();
    }
    double began = mv_now_s();
    pthread_mutex_lock(&pool->sleep_lock);
    atomic_store(&pool->caller_asleep, true);
    while (atomic_load(&pool->n_left) != 0)
        pthread_cond_wait(&pool->done_cond, &pool->sleep_lock);
    atomic_store(&pool->caller_asleep, false);
    pthread_mutex_unlock(&pool->sleep_lock);
    count_wait(pool, began);
}

static void *worker_main(void *arg) {
    worker *self = arg;
    mv_pool *pool = self->pool;
    unsigned long long seen = 0;
    for (;;) {
        seen = wait_for_job(pool, seen);
        if (atomic_load(&pool->stop)) return NULL;
        work(pool, self->part, seen);
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
        size_t n = (size_t)n_threads;
        p->workers = mv_alloc(n - 1, sizeof *p->workers);
        p->claims = mv_alloc(n, sizeof *p->claims);
        if (!p->workers || !p->claims) {
            mv_free(p->workers);
            mv_free(p->claims);
            mv_free(p);
            return mv_fail_memory(err, n * (sizeof(worker) + sizeof(claims)), "the thread pool");
        }
    }
    p->n_threads = n_threads;
    p->n_spins = n_threads <= mv_n_cores() ? SPINS : SPINS_CROWDED;
    pthread_mutex_init(&p->run_lock, NULL);
    pthread_mutex_init(&p->sleep_lock, NULL);
    pthread_cond_init(&p->start_cond, NULL);
    pthread_cond_init(&p->done_cond, NULL);
    p->alone_s = ALONE_S;
    atomic_init(&p->job, NULL);
    atomic_init(&p->ctx, NULL);
    atomic_init(&p->parts_each, 0);
    atomic_init(&p->generation, 0u);
    atomic_init(&p->stop, false);
    atomic_init(&p->n_left, 0);
    for (int i = 0; p->claims && i < n_threads; i++)
        atomic_init(&p->claims[i].next, 0u);
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
    mv_free(p->claims);
    mv_free(p);
}

int mv_pool_n_threads(const mv_pool *pool) { return pool ? pool->n_threads : 1; }

static void publish(mv_pool *pool, mv_job job, void *ctx, int parts_each) {
    atomic_store_explicit(&pool->job, job, memory_order_relaxed);
    atomic_store_explicit(&pool->ctx, ctx, memory_order_relaxed);
    atomic_store_explicit(&pool->parts_each, parts_each, memory_order_relaxed);
    atomic_store(&pool->n_left, pool->n_threads * parts_each);
    unsigned long long next = atomic_load_explicit(&pool->generation, memory_order_relaxed) + 1;
    for (int i = 0; i < pool->n_threads; i++)
        atomic_store_explicit(&pool->claims[i].next,
                              next << PART_BITS | (unsigned long long)parts_each,
                              memory_order_release);
    announce(pool);
}

static void run(mv_pool *pool, mv_job job, void *ctx, int parts_each) {
    if (!pool) {
        job(ctx, 0, 1);
        return;
    }
    pthread_mutex_lock(&pool->run_lock);
    bool alone = pool->n_threads == 1;
    if (!alone && pool->alone_until_s > 0) {
        alone = mv_now_s() < pool->alone_until_s;
        if (!alone) pool->alone_until_s = 0, pool->window_s = mv_now_s(), pool->lost_s = 0;
    }
    if (alone) {
        for (int part = 0; part < pool->n_threads * parts_each; part++)
            job(ctx, part, pool->n_threads * parts_each);
    } else {
        publish(pool, job, ctx, parts_each);
        work(pool, 0, atomic_load_explicit(&pool->generation, memory_order_relaxed));
        wait_until_done(pool);
    }
    pthread_mutex_unlock(&pool->run_lock);
}

void mv_pool_run(mv_pool *pool, mv_job job, void *ctx) { run(pool, job, ctx, 1); }
void mv_pool_run_fine(mv_pool *pool, mv_job job, void *ctx) { run(pool, job, ctx, MV_FINE_PARTS); }

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
