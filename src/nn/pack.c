/* pack.c - see pack.h. */
#include "nn/pack.h"

#include "base/memory.h"
#include "kernels/convert.h"

#include <assert.h>
#include <string.h>

enum { SMALL_MATRIX = 1 << 16 };

typedef struct pack_job {
    const mv_row_source *source;
    mv_wtype type;
    uint8_t *packed;
    float *scratch; /* [n_parts][part_floats] */
    size_t part_floats;
    bool *unfit; /* [n_parts] */
} pack_job;

/* Of one part: the row's bytes, its scales and its mins, then what the source needs. */
static size_t scratch_floats(const mv_row_source *source) {
    return source->n_cols / 4 + source->n_cols / MV_BLOCK + source->scratch_floats + 16;
}

static void pack_part(void *ctx, int part, int n_parts) {
    const pack_job *job = ctx;
    const size_t n_cols = job->source->n_cols, n_blocks = n_cols / MV_BLOCK;
    float *scratch = job->scratch + (size_t)part * job->part_floats;
    mv_packed_row row = {.q = (uint8_t *)scratch};
    row.scales = (uint16_t *)(void *)(row.q + n_cols);
    row.mins = row.scales + n_blocks;
    scratch += n_cols / 4 + n_blocks;
    size_t begin, end;
    mv_share(job->source->n_rows, MV_TILE_ROWS, part, n_parts, &begin, &end);
    for (; begin < end && !job->unfit[part]; begin++) {
        job->source->row(job->source->ctx, begin, scratch, &row);
        if (mv_packed_row_is_finite(&row, job->type, n_cols))
            mv_packed_put(job->packed, job->type, n_cols, begin, &row);
        else
            job->unfit[part] = true;
    }
}

/* What no row fills: rows that the last tile lacks, and the second block of the last pair. */
static void zero_holes(const pack_job *job, size_t bytes) {
    const size_t tile_bytes = mv_packed_tile_bytes(job->type, job->source->n_cols);
    if (job->source->n_cols / MV_BLOCK % 2)
        memset(job->packed, 0, bytes);
    else if (job->source->n_rows % MV_TILE_ROWS)
        memset(job->packed + bytes - tile_bytes, 0, tile_bytes);
}

static marvis_status run(pack_job *job, mv_pool *pool, const char *name, bool *fits,
                         marvis_error *err) {
    if (job->source->n_rows * job->source->n_cols < SMALL_MATRIX) pool = NULL;
    size_t n_parts = (size_t)mv_pool_n_threads(pool), floats;
    job->part_floats = (scratch_floats(job->source) + 15) / 16 * 16;
    if (!mv_mul_size(n_parts, job->part_floats, &floats) ||
        !(job->scratch = mv_alloc(floats, sizeof *job->scratch)))
        return mv_fail_memory(err, n_parts * job->part_floats * sizeof(float), name);
    job->unfit = mv_alloc(n_parts, sizeof *job->unfit);
    if (job->unfit) {
        mv_pool_run(pool, pack_part, job);
        *fits = true;
        for (size_t i = 0; i < n_parts; i++)
            *fits &= !job->unfit[i];
    }
    mv_free(job->scratch);
    marvis_status status = job->unfit ? MARVIS_OK : mv_fail_memory(err, n_parts, name);
    mv_free(job->unfit);
    return status;
}

marvis_status mv_matrix_pack(const mv_row_source *source, mv_wtype type, mv_pool *pool,
                             const char *name, mv_matrix *m, bool *fits, marvis_error *err) {
    assert(mv_is_packed(type) && mv_packed_fits(source->n_cols));
    size_t bytes;
    *m = (mv_matrix){0};
    *fits = false;
    if (!mv_packed_bytes(type, source->n_rows, source->n_cols, &bytes))
        return mv_fail_memory(err, SIZE_MAX, name);
    pack_job job = {.source = source, .type = type, .packed = mv_alloc_raw(bytes, 1)};
    if (!job.packed) return mv_fail_memory(err, bytes, name);
    zero_holes(&job, bytes);
    marvis_status status = run(&job, pool, name, fits, err);
    if (status != MARVIS_OK || !*fits) {
        mv_free(job.packed);
        return status;
    }
    *m = (mv_matrix){.type = type,
                     .n_rows = source->n_rows,
                     .n_cols = source->n_cols,
                     .row_bytes = mv_packed_tile_bytes(type, source->n_cols) / MV_TILE_ROWS,
                     .data = job.packed,
                     .owned = job.packed};
    return MARVIS_OK;
}

/* ---- from floats ---------------------------------------------------------------------------- */

typedef struct float_rows {
    const mv_matrix *m;
    mv_wtype type;
} float_rows;

static void quantize_row(const void *ctx, size_t r, float *scratch, mv_packed_row *row) {
    const float_rows *rows = ctx;
    mv_matrix_row(rows->m, r, scratch);
    mv_packed_row_from_f32(row, rows->type, scratch, rows->m->n_cols);
}

static marvis_status take_sample(const mv_matrix *from, mv_matrix *to, const char *name,
                                 marvis_error *err) {
    size_t n = from->n_cols;
    float *row = mv_alloc(n, sizeof *row);
    to->sample = mv_alloc(MV_SAMPLED_ROWS * n, sizeof *to->sample);
    if (!row || !to->sample) {
        mv_free(row);
        return mv_fail_memory(err, n * (sizeof *row + MV_SAMPLED_ROWS * sizeof *to->sample), name);
    }
    for (size_t i = 0; i < MV_SAMPLED_ROWS; i++) {
        mv_matrix_sampled_row(from, i, row);
        mv_convert_f32_bf16(to->sample + i * n, row, n);
    }
    mv_free(row);
    return MARVIS_OK;
}

marvis_status mv_matrix_quantize(mv_matrix *m, mv_wtype type, mv_pool *pool, const char *name,
                                 marvis_error *err) {
    assert(!mv_is_packed(m->type));
    if (!mv_packed_fits(m->n_cols)) return MARVIS_OK;
    const float_rows rows = {m, type};
    const mv_row_source source = {.n_rows = m->n_rows,
                                  .n_cols = m->n_cols,
                                  .scratch_floats = m->n_cols,
                                  .row = quantize_row,
                                  .ctx = &rows};
    mv_matrix packed;
    bool fits;
    MV_TRY(mv_matrix_pack(&source, type, pool, name, &packed, &fits, err));
    if (!fits) return MARVIS_OK;
    marvis_status status = take_sample(m, &packed, name, err);
    if (status != MARVIS_OK) {
        mv_matrix_deinit(&packed);
        return status;
    }
    mv_matrix_deinit(m);
    *m = packed;
    return MARVIS_OK;
}
