/* test_pool.c - shares cover a range once; a pool runs each part once a job, spinning or asleep. */
#include "support.h"

#include "base/memory.h"
#include "base/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static void shares_cover_the_range_once(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 7, 8, 9, 63, 64, 65, 1536, 2051, SIZE_MAX / 2};
    static const size_t grains[] = {1, 8, 12, 64};
    int n_cases = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t g = 0; g < 4; g++) {
            for (int n_parts = 1; n_parts <= 17; n_parts++) {
                size_t at = 0, least = SIZE_MAX, most = 0;
                for (int part = 0; part < n_parts; part++) {
                    size_t begin, end;
                    mv_share(sizes[i], grains[g], part, n_parts, &begin, &end);
                    assert_true(begin == at && end >= begin && end <= sizes[i]);
                    assert_true(begin == sizes[i] || begin % grains[g] == 0);
                    size_t steps = (end - begin) / grains[g] + ((end - begin) % grains[g] != 0);
                    least = steps < least ? steps : least;
                    most = steps > most ? steps : most;
                    at = end;
                }
                assert_true(at == sizes[i] && most - least <= 1);
                n_cases++;
            }
        }
    }
    assert_int_equal(n_cases, 11 * 4 * 17);
}

/* ---- jobs ----------------------------------------------------------------------------------- */

typedef struct tally {
    int n_parts_seen;
    int counts[256];           /* runs of each part; each thread writes its own */
    const unsigned *published; /* written by the caller right before the job */
    unsigned seen[256];
} tally;

static void count_part(void *ctx, int part, int n_parts) {
    tally *t = ctx;
    t->counts[part]++;
    if (part == 0) t->n_parts_seen = n_parts;
    if (t->published) t->seen[part] = *t->published;
}

static void rest_ms(long ms) { nanosleep(&(struct timespec){0, ms * 1000000}, NULL); }

static void every_part_runs_once_per_job(void **state) {
    (void)state;
    static const int n_threads[] = {1, 2, 3, 4, 5, 16};
    marvis_error err;
    int n_cases = 0;
    for (size_t i = 0; i < 6; i++) {
        mv_pool *pool;
        assert_ok(mv_pool_create(n_threads[i], &pool, &err), err);
        assert_int_equal(mv_pool_n_threads(pool), n_threads[i]);
        unsigned job = 0;
        tally t = {.published = &job};
        for (job = 1; job <= 300; job++) {
            if (job % 100 == 0) rest_ms(20); /* workers are asleep after this */
            mv_pool_run(pool, count_part, &t);
            for (int part = 0; part < n_threads[i]; part++) {
                assert_int_equal(t.counts[part], job);
                assert_int_equal(t.seen[part], job);
            }
        }
        assert_int_equal(t.n_parts_seen, n_threads[i]);
        tally fine = {.published = &job};
        for (job = 1; job <= 300; job++)
            mv_pool_run_fine(pool, count_part, &fine);
        assert_int_equal(fine.n_parts_seen, MV_FINE_PARTS * n_threads[i]);
        for (int part = 0; part < fine.n_parts_seen; part++)
            assert_int_equal(fine.counts[part], 300);
        mv_pool_destroy(&pool);
        assert_null(pool);
        n_cases++;
    }
    assert_int_equal(n_cases, 6);
}

static void count_all(void *ctx, int part, int n_parts) {
    (void)part;
    (void)n_parts;
    atomic_fetch_add((atomic_int *)ctx, 1);
}

/* A worker that is late for one job meets the next, of which a thread has more parts. */
static void jobs_with_few_and_many_parts_by_turns(void **state) {
    (void)state;
    static const int n_threads[] = {2, 3, 5};
    marvis_error err;
    for (size_t i = 0; i < 3; i++) {
        mv_pool *pool;
        assert_ok(mv_pool_create(n_threads[i], &pool, &err), err);
        for (int job = 0; job < 40000; job++) {
            atomic_int n_run = 0;
            if (job % 2)
                mv_pool_run_fine(pool, count_all, &n_run);
            else
                mv_pool_run(pool, count_all, &n_run);
            assert_int_equal(atomic_load(&n_run), n_threads[i] * (job % 2 ? MV_FINE_PARTS : 1));
        }
        mv_pool_destroy(&pool);
    }
}

static void without_a_pool_the_caller_runs_the_job(void **state) {
    (void)state;
    tally t = {0};
    mv_pool_run(NULL, count_part, &t);
    assert_int_equal(t.counts[0], 1);
    assert_int_equal(t.n_parts_seen, 1);
    assert_int_equal(mv_pool_n_threads(NULL), 1);
    mv_pool *none = NULL;
    mv_pool_destroy(&none);
}

/* A part that takes longer than anyone spins: the caller, too, sleeps and is woken. */
static void rest_in_last_part(void *ctx, int part, int n_parts) {
    if (part == n_parts - 1) rest_ms(30);
    atomic_fetch_add((atomic_int *)ctx, 1);
}

static void the_caller_waits_for_the_slowest(void **state) {
    (void)state;
    marvis_error err;
    mv_pool *pool;
    assert_ok(mv_pool_create(3, &pool, &err), err);
    atomic_int n_done = 0;
    for (int job = 1; job <= 5; job++) {
        mv_pool_run(pool, rest_in_last_part, &n_done);
        assert_int_equal(atomic_load(&n_done), 3 * job);
    }
    mv_pool_destroy(&pool);
}

/* ---- workers that are held up ---------------------------------------------------------------- */

typedef struct held_up {
    pthread_t caller;
    atomic_int n_done;
    int n_others; /* a worker's first part waits for so many other parts */
    long rest_ms; /* of a worker in each part */
    atomic_int n_by_workers, n_gave_up;
} held_up;

static void held_up_part(void *ctx, int part, int n_parts) {
    held_up *h = ctx;
    (void)part;
    (void)n_parts;
    if (pthread_equal(pthread_self(), h->caller)) { /* leaves the workers time to come */
        for (int i = 0; i < 5 && atomic_load(&h->n_by_workers) == 0; i++)
            rest_ms(1);
    } else {
        bool first = atomic_fetch_add(&h->n_by_workers, 1) == 0;
        for (int i = 0; first && atomic_load(&h->n_done) < h->n_others; i++) {
            rest_ms(1);
            if (i < 5000) continue;
            atomic_fetch_add(&h->n_gave_up, 1);
            break;
        }
        if (h->rest_ms) rest_ms(h->rest_ms);
    }
    atomic_fetch_add(&h->n_done, 1);
}

static void parts_that_a_held_up_worker_has_not_begun_are_taken(void **state) {
    (void)state;
    marvis_error err;
    mv_pool *pool;
    assert_ok(mv_pool_create(2, &pool, &err), err);
    int n_held_up = 0;
    for (int job = 0; job < 1000 && n_held_up < 5; job++) {
        held_up h = {.caller = pthread_self(), .n_others = 2 * MV_FINE_PARTS - 1};
        mv_pool_run_fine(pool, held_up_part, &h);
        assert_int_equal(atomic_load(&h.n_done), 2 * MV_FINE_PARTS);
        assert_int_equal(atomic_load(&h.n_gave_up), 0);
        n_held_up += atomic_load(&h.n_by_workers) > 0;
    }
    assert_int_equal(n_held_up, 5);
    mv_pool_destroy(&pool);
}

/* Workers that are always late: the caller leaves them out, and asks them again later. */
static void a_caller_who_only_waits_goes_on_alone(void **state) {
    (void)state;
    marvis_error err;
    mv_pool *pool;
    assert_ok(mv_pool_create(2, &pool, &err), err);
    int n_alone = 0, n_again = 0; /* n_alone: jobs one after another without a worker */
    for (int n_jobs = 0; n_jobs < 5000 && n_again == 0; n_jobs++) {
        held_up h = {.caller = pthread_self(), .rest_ms = 3};
        mv_pool_run(pool, held_up_part, &h);
        assert_int_equal(atomic_load(&h.n_done), 2);
        if (atomic_load(&h.n_by_workers) == 0) {
            n_alone++;
            continue;
        }
        n_again += n_alone >= 5;
        n_alone = 0;
    }
    assert_int_equal(n_again, 1);
    mv_pool_destroy(&pool);
}

/* ---- several callers ------------------------------------------------------------------------ */

typedef struct caller {
    mv_pool *pool;
    tally t;
} caller;

static void *call_often(void *arg) {
    caller *c = arg;
    for (int i = 0; i < 400; i++)
        mv_pool_run(c->pool, count_part, &c->t);
    return NULL;
}

static void callers_take_turns(void **state) {
    (void)state;
    marvis_error err;
    mv_pool *pool;
    assert_ok(mv_pool_create(3, &pool, &err), err);
    static caller callers[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        callers[i] = (caller){.pool = pool};
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        for (int part = 0; part < 3; part++)
            assert_int_equal(callers[i].t.counts[part], 400);
    }
    mv_pool_destroy(&pool);
}

/* ---- failures ------------------------------------------------------------------------------- */

static void wrong_numbers_of_threads_are_refused(void **state) {
    (void)state;
    static const int wrong[] = {0, -1, 257, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < 5; i++) {
        marvis_error err = {0};
        mv_pool *pool = (mv_pool *)&err;
        assert_int_equal(mv_pool_create(wrong[i], &pool, &err), MARVIS_ERR_CALL);
        assert_null(pool);
        assert_non_null(strstr(err.message, "1 to 256"));
        assert_int_equal(mv_pool_create(wrong[i], &pool, NULL), MARVIS_ERR_CALL);
    }
}

static void memory_that_runs_out_is_reported(void **state) {
    (void)state;
    marvis_error err;
    mv_pool *pool;
    int n_failed = 0;
    for (uint64_t nth = 1; nth < 20; nth++) {
        mv_alloc_fail_after(nth, false);
        marvis_status status = mv_pool_create(3, &pool, &err);
        mv_alloc_fail_after(0, false);
        if (status == MARVIS_OK) {
            mv_pool_destroy(&pool);
            break;
        }
        assert_int_equal(status, MARVIS_ERR_MEMORY);
        assert_null(pool);
        n_failed++;
    }
    assert_int_equal(n_failed, 3);
}

static void a_job_allocates_nothing(void **state) {
    (void)state;
    marvis_error err;
    mv_pool *pool;
    assert_ok(mv_pool_create(2, &pool, &err), err);
    tally t = {0};
    uint64_t before = mv_alloc_count();
    mv_pool_run(pool, count_part, &t);
    assert_true(mv_alloc_count() == before);
    mv_pool_destroy(&pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_cover_the_range_once),
        cmocka_unit_test(every_part_runs_once_per_job),
        cmocka_unit_test(jobs_with_few_and_many_parts_by_turns),
        cmocka_unit_test(without_a_pool_the_caller_runs_the_job),
        cmocka_unit_test(the_caller_waits_for_the_slowest),
        cmocka_unit_test(parts_that_a_held_up_worker_has_not_begun_are_taken),
        cmocka_unit_test(a_caller_who_only_waits_goes_on_alone),
        cmocka_unit_test(callers_take_turns),
        cmocka_unit_test(wrong_numbers_of_threads_are_refused),
        cmocka_unit_test(memory_that_runs_out_is_reported),
        cmocka_unit_test(a_job_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
