/* csm.c - see csm.h. */
#include "model/csm.h"

#include "base/file.h"
#include "base/memory.h"

#include <assert.h>
#include <string.h>

/* ---- embeddings ----------------------------------------------------------------------------- */

void mv_csm_embed(const mv_csm *csm, const int32_t *frame, const uint8_t *mask, float *out,
                  float *tmp) {
    size_t width = csm->text_table.n_cols, vocab = (size_t)csm->config.audio_vocab;
    int n_codebooks = csm->config.n_codebooks;
    memset(out, 0, width * sizeof *out);
    for (int c = 0; c < n_codebooks; c++)
        if (mask[c]) {
            mv_matrix_row(&csm->audio_table, (size_t)c * vocab + (size_t)frame[c], tmp);
            mv_add(out, tmp, width);
        }
    if (mask[n_codebooks]) {
        mv_matrix_row(&csm->text_table, (size_t)frame[n_codebooks], tmp);
        mv_add(out, tmp, width);
    }
}

marvis_status mv_csm_check_frames(const mv_csm *csm, const int32_t *frames, const uint8_t *mask,
                                  size_t n, const char *rows, const char *columns,
                                  marvis_error *err) {
    size_t n_columns = (size_t)csm->config.n_codebooks + 1;
    for (size_t r = 0; r < n; r++)
        for (size_t c = 0; c < n_columns; c++) {
            int limit = c + 1 < n_columns ? csm->config.audio_vocab : csm->config.text_vocab;
            int32_t id = frames[r * n_columns + c];
            if (mask[r * n_columns + c] && (id < 0 || id >= limit))
                return mv_fail(err, MARVIS_ERR_INPUT, "%s %zu, %s %zu: id %d is not in 0..%d", rows,
                               r, columns, c, (int)id, limit - 1);
        }
    return MARVIS_OK;
}

/* ---- streams and buffers -------------------------------------------------------------------- */

marvis_status mv_csm_stream_init(mv_csm_stream *stream, const mv_csm *csm, int capacity,
                                 marvis_error *err) {
    *stream = (mv_csm_stream){0};
    marvis_status status;
    MV_TRY_GOTO(mv_llama_cache_init(&stream->backbone, &csm->backbone.config, capacity, err));
    MV_TRY_GOTO(
        mv_llama_cache_init(&stream->depth, &csm->depth.config, csm->config.n_codebooks, err));
    return MARVIS_OK;
fail:
    mv_csm_stream_deinit(stream);
    return status;
}

void mv_csm_stream_deinit(mv_csm_stream *stream) {
    mv_llama_cache_deinit(&stream->backbone);
    mv_llama_cache_deinit(&stream->depth);
    *stream = (mv_csm_stream){0};
}

marvis_status mv_csm_stream_grow(mv_csm_stream *stream, const mv_csm *csm, int capacity,
                                 marvis_error *err) {
    return mv_llama_cache_grow(&stream->backbone, &csm->backbone.config, capacity, stream->position,
                               err);
}

void mv_csm_stream_rewind(mv_csm_stream *stream, int position) {
    assert(position <= stream->position);
    stream->position = position;
    stream->depth_steps = 0;
}

marvis_status mv_csm_scratch_init(mv_csm_scratch *scratch, const mv_csm *csm, int max_batch,
                                  int max_context, int n_threads, marvis_error *err) {
    *scratch = (mv_csm_scratch){.max_batch = max_batch};
    marvis_status status;
    MV_TRY_GOTO(mv_llama_scratch_init(&scratch->backbone, &csm->backbone.config, max_batch,
                                      max_context, n_threads, err));
    MV_TRY_GOTO(mv_llama_scratch_init(&scratch->depth, &csm->depth.config, 2 * max_batch,
                                      csm->config.n_codebooks, n_threads, err));
    size_t batch = (size_t)max_batch, wide = (size_t)csm->config.backbone.width;
    size_t narrow = (size_t)csm->config.depth.width;
    size_t floats = 4 * batch * wide + 4 * batch * narrow + wide;
    scratch->rows = mv_alloc(2 * batch, sizeof *scratch->rows);
    scratch->storage = mv_alloc(floats, sizeof(float));
    if (!scratch->rows || !scratch->storage) {
        status = mv_fail_memory(err, floats * sizeof(float), "the model's buffers");
        goto fail;
    }
    float *p = scratch->storage;
    scratch->x = p, p += batch * wide;
    scratch->y = p, p += batch * wide;
    scratch->de = p, p += 2 * batch * wide;
    scratch->dx = p, p += 2 * batch * narrow;
    scratch->dy = p, p += 2 * batch * narrow;
    scratch->tmp = p;
    return MARVIS_OK;
fail:
    mv_csm_scratch_deinit(scratch);
    return status;
}

void mv_csm_scratch_deinit(mv_csm_scratch *scratch) {
    mv_llama_scratch_deinit(&scratch->backbone);
    mv_llama_scratch_deinit(&scratch->depth);
    mv_free(scratch->rows);
    mv_free(scratch->storage);
    *scratch = (mv_csm_scratch){0};
}

void mv_csm_scratch_observe(mv_csm_scratch *scratch, const mv_observer *observer) {
    scratch->backbone.observer = scratch->depth.observer = observer;
}

/* ---- backbone ------------------------------------------------------------------------------- */

void mv_csm_prefill(const mv_csm *csm, mv_csm_stream *stream, mv_csm_scratch *scratch,
                    const mv_exec *exec, const int32_t *frames, const uint8_t *mask, size_t n,
                    int last_only, float *hidden) {
    size_t width = (size_t)csm->config.backbone.width;
    size_t columns = (size_t)csm->config.n_codebooks + 1;
    for (size_t begin = 0; begin < n;) {
        size_t count = n - begin;
        if (count > (size_t)scratch->max_batch) count = (size_t)scratch->max_batch;
        for (size_t r = 0; r < count; r++) {
            scratch->rows[r] = (mv_llama_row){&stream->backbone, stream->position++};
            mv_csm_embed(csm, frames + (begin + r) * columns, mask + (begin + r) * columns,
                         scratch->x + r * width, scratch->tmp);
        }
        float *y = last_only ? scratch->y : hidden + begin * width;
        mv_llama_forward(&csm->backbone, &scratch->backbone, exec, scratch->rows, count, scratch->x,
                         y);
        begin += count;
        if (last_only && begin == n)
            memcpy(hidden, y + (count - 1) * width, width * sizeof *hidden);
    }
}

void mv_csm_step(const mv_csm *csm, mv_csm_stream *const *streams, size_t n,
                 mv_csm_scratch *scratch, const mv_exec *exec, const int32_t *frames,
                 const uint8_t *mask, float *hidden) {
    size_t width = (size_t)csm->config.backbone.width;
    size_t columns = (size_t)csm->config.n_codebooks + 1;
    assert(n <= (size_t)scratch->max_batch);
    for (size_t s = 0; s < n; s++) {
        scratch->rows[s] = (mv_llama_row){&streams[s]->backbone, streams[s]->position++};
        mv_csm_embed(csm, frames + s * columns, mask + s * columns, scratch->x + s * width,
                     scratch->tmp);
    }
    mv_llama_forward(&csm->backbone, &scratch->backbone, exec, scratch->rows, n, scratch->x,
                     hidden);
}

void mv_csm_head0(const mv_csm *csm, mv_csm_scratch *scratch, const mv_exec *exec,
                  const float *hidden, size_t n, float *logits) {
    const mv_exec own = mv_llama_exec(&scratch->backbone, exec);
    mv_linear(&own, &csm->head0, hidden, csm->head0.n_cols, n, logits, csm->head0.n_rows);
}

/* ---- depth decoder -------------------------------------------------------------------------- */

void mv_csm_depth_begin(mv_csm_stream *stream) { stream->depth_steps = 0; }

void mv_csm_depth_step(const mv_csm *csm, mv_csm_stream *const *streams, size_t n,
                       mv_csm_scratch *scratch, const mv_exec *exec, int i, const float *hidden,
                       const int32_t *previous, float *logits) {
    assert(i >= 1 && i < csm->config.n_codebooks && n <= (size_t)scratch->max_batch);
    size_t wide = (size_t)csm->config.backbone.width, narrow = (size_t)csm->config.depth.width;
    size_t vocab = (size_t)csm->config.audio_vocab;
    /* The first call has two positions: the backbone's state, then code 0; causal between them. */
    size_t per_stream = i == 1 ? 2 : 1, n_rows = 0;
    for (size_t s = 0; s < n; s++) {
        assert(streams[s]->depth_steps == (i == 1 ? 0 : i));
        for (size_t j = 0; j < per_stream; j++, n_rows++) {
            float *e = scratch->de + n_rows * wide;
            if (per_stream == 2 && j == 0)
                memcpy(e, hidden + s * wide, wide * sizeof *e);
            else
                mv_matrix_row(&csm->audio_table, (size_t)(i - 1) * vocab + (size_t)previous[s], e);
            scratch->rows[n_rows] = (mv_llama_row){&streams[s]->depth, streams[s]->depth_steps++};
        }
    }
    const mv_exec own = mv_llama_exec(&scratch->backbone, exec);
    mv_linear(&own, &csm->projection, scratch->de, wide, n_rows, scratch->dx, narrow);
    mv_llama_forward(&csm->depth, &scratch->depth, exec, scratch->rows, n_rows, scratch->dx,
                     scratch->dy);
    double begin = mv_now_s();
    /* the last position of each stream */
    const mv_exec last = mv_llama_exec(&scratch->depth, exec);
    mv_linear(&last, &csm->heads[i - 1], scratch->dy + (per_stream - 1) * narrow,
              per_stream * narrow, n, logits, vocab);
    scratch->heads_s += mv_now_s() - begin;
}
