/* linear.c - products with weight matrices, split over the pool. See linear.h. */
#include "nn/linear.h"

#include "base/memory.h"
#include "kernels/convert.h"

#include <assert.h>

enum {
    /* Rows in one step of a share: what the kernels take at a time with one column. */
    ROW_GRAIN = 8,
    /* Columns of the batch in one step: whole tiles of every tier. */
    BATCH_GRAIN = 12,
    MAX_OUTS = 4,
    /* Multiply-adds below which waking the other threads costs more than they save. */
    SMALL_PRODUCT = 30000
};

void mv_matrix_deinit(mv_matrix *m) {
    mv_free(m->owned);
    *m = (mv_matrix){0};
}

void mv_matrix_row(const mv_matrix *m, size_t r, float *dst) {
    assert(r < m->n_rows);
    mv_widen(dst, m->type, (const char *)m->data + r * m->row_bytes, m->n_cols);
}

typedef struct linear_job {
    const mv_kernels *kernels;
    const mv_linear_out *outs;
    size_t n_outs;
    const float *x;
    size_t ldx, n_batch;
    bool split_batch;
} linear_job;

static void run_part(void *ctx, int part, int n_parts) {
    const linear_job *job = ctx;
    for (size_t i = 0; i < job->n_outs; i++) {
        const mv_linear_out *out = &job->outs[i];
        const mv_matrix *w = out->w;
        size_t row = 0, row_end = w->n_rows, b = 0, b_end = job->n_batch;
        if (job->split_batch)
            mv_share(job->n_batch, BATCH_GRAIN, part, n_parts, &b, &b_end);
        else
            mv_share(w->n_rows, ROW_GRAIN, part, n_parts, &row, &row_end);
        if (row == row_end || b == b_end) continue;
        job->kernels->matmul[w->type](
            out->y + b * out->ldy + row, out->ldy, (const char *)w->data + row * w->row_bytes,
            w->row_bytes, job->x + b * job->ldx, job->ldx, row_end - row, w->n_cols, b_end - b);
    }
}

void mv_linear_multi(const mv_exec *exec, const mv_linear_out *outs, size_t n_outs, const float *x,
                     size_t ldx, size_t n_batch) {
    assert(n_outs <= MAX_OUTS);
    linear_job job = {exec->kernels, outs, n_outs, x, ldx, n_batch, false};
    size_t n_rows = 0;
    double work = 0;
    for (size_t i = 0; i < n_outs; i++) {
        n_rows += outs[i].w->n_rows;
        work += (double)outs[i].w->n_rows * (double)outs[i].w->n_cols * (double)n_batch;
    }
    /* Rows otherwise: each thread then reads its own weights only. With more columns than rows, as
     * in convolutions, x is the larger operand and is shared out instead. */
    job.split_batch = n_batch > n_rows;
    if (work < SMALL_PRODUCT)
        run_part(&job, 0, 1);
    else
        mv_pool_run(exec->pool, run_part, &job);
}

void mv_linear(const mv_exec *exec, const mv_matrix *w, const float *x, size_t ldx, size_t n_batch,
               float *y, size_t ldy) {
    mv_linear_out out = {w, y, ldy};
    mv_linear_multi(exec, &out, 1, x, ldx, n_batch);
}
