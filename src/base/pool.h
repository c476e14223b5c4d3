/* pool.h - a fixed team of threads that run one function over parts of a range. Part i of n is
 * always the same share and has an owner, so that each core keeps its rows in its cache; the caller
 * owns the first. A thread that is done takes parts that their owners have not begun, so that one
 * that lost its core to another program holds up no more than the part it is in. When the caller
 * waits for the others for much of its time all the same, it works alone for a while. Workers spin
 * for a bounded time between jobs, then sleep. */
#ifndef MV_BASE_POOL_H
#define MV_BASE_POOL_H

#include "base/status.h"

typedef struct mv_pool mv_pool;

/* n_threads 1..256 (the caller included, so n_threads - 1 are started). */
MV_CHECK marvis_status mv_pool_create(int n_threads, mv_pool **pool, marvis_error *err);
void mv_pool_destroy(mv_pool **pool);
int mv_pool_n_threads(const mv_pool *pool); /* pool NULL: 1 */

typedef void (*mv_job)(void *ctx, int part, int n_parts);

/* Runs job(ctx, part, n_parts) for every part, once each and whatever thread does it, and returns
 * when all are done; everything written by the parts is visible to the caller. n_parts is the
 * number of threads. pool NULL: runs the one part here. Calls from several threads are serialised
 * by a lock inside; a job must not call mv_pool_run. Allocates nothing. */
void mv_pool_run(mv_pool *pool, mv_job job, void *ctx);

/* The same in MV_FINE_PARTS times as many parts, for long jobs without memory for each part. */
void mv_pool_run_fine(mv_pool *pool, mv_job job, void *ctx);
enum { MV_FINE_PARTS = 4 };

/* The share of part i: [*begin, *end) of n items in steps of `grain` (the last share may be
 * ragged). */
void mv_share(size_t n, size_t grain, int part, int n_parts, size_t *begin, size_t *end);

#endif
