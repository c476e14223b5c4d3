/* voice_snapshot.c - the backbone's keys and values of a saved voice: computed once, kept beside
 * its codes, put into the cache of a session instead of being computed again. They are the bits
 * that the backbone computes, so that nothing is heard of it (docs/VOICES.md). */
#include "engine/voice.h"

#include "base/memory.h"

#include <string.h>

enum { BATCH = 64 }; /* positions that go through the backbone together */

static size_t head_bytes(const mv_snapshot *s) { return s->n_rows * s->head_dim * sizeof(float); }

/* Where the keys (of_values 0) or the values of a head begin. */
static size_t head_offset(const mv_snapshot *s, size_t layer, size_t of_values, size_t head) {
    return ((2 * layer + of_values) * s->n_kv_heads + head) * head_bytes(s);
}

/* The voice as a turn of its own; its frames have n_used codebooks. */
static marvis_status make_rows(const marvis_voice *voice, const marvis_model *model, size_t n_used,
                               mv_prompt *rows, marvis_error *err) {
    MV_TRY(mv_prompt_add_text(rows, model, voice->speaker, voice->text, voice->text_len, err));
    MV_TRY(mv_prompt_add_audio(rows, model, voice->codes, voice->n_frames,
                               (size_t)voice->n_codebooks, n_used, err));
    return mv_prompt_add_eos(rows, model, n_used, err);
}

static size_t used_codebooks(const marvis_voice *voice, const marvis_model *model) {
    int n = model->csm.config.n_codebooks;
    return (size_t)(voice->n_codebooks < n ? voice->n_codebooks : n);
}

/* Runs the rows through a backbone of its own. */
static marvis_status run(const marvis_model *model, const mv_prompt *rows, mv_csm_stream *stream,
                         marvis_error *err) {
    const marvis_engine *engine = model->engine;
    mv_csm_scratch scratch;
    MV_TRY(mv_csm_scratch_init(&scratch, &model->csm, BATCH, (int)rows->n, engine->n_threads, err));
    float *hidden = mv_alloc((size_t)model->csm.config.backbone.width, sizeof *hidden);
    marvis_status status = MARVIS_OK;
    if (!hidden)
        status = mv_fail_memory(err, sizeof *hidden, "the voice's snapshot");
    else
        status = mv_csm_stream_init(stream, &model->csm, (int)rows->n, err);
    if (status == MARVIS_OK)
        mv_csm_prefill(&model->csm, stream, &scratch, &engine->exec, rows->frames, rows->mask,
                       rows->n, 1, hidden);
    mv_free(hidden);
    mv_csm_scratch_deinit(&scratch);
    return status;
}

/* Text ids and sizes of the snapshot from its rows. */
static marvis_status describe(marvis_voice *voice, const marvis_model *model, const mv_prompt *rows,
                              marvis_error *err) {
    const mv_llama_config *c = &model->csm.config.backbone;
    size_t columns = (size_t)model->csm.config.n_codebooks + 1;
    mv_snapshot *s = &voice->snapshot;
    s->n_ids = rows->n - voice->n_frames - 1;
    s->n_layers = (size_t)c->n_layers;
    s->n_kv_heads = (size_t)c->n_kv_heads;
    s->head_dim = (size_t)c->head_dim;
    s->len_bytes = rows->n * s->n_layers * 2 * s->n_kv_heads * s->head_dim * sizeof *s->owned;
    s->ids = mv_alloc(s->n_ids, sizeof *s->ids);
    s->owned = mv_alloc(s->len_bytes, 1);
    if (!s->ids || !s->owned) return mv_fail_memory(err, s->len_bytes, "the voice's snapshot");
    for (size_t i = 0; i < s->n_ids; i++)
        s->ids[i] = rows->frames[i * columns + columns - 1];
    s->kv = (const uint8_t *)s->owned;
    s->n_rows = rows->n;
    return MARVIS_OK;
}

static void copy_out(mv_snapshot *s, const mv_csm_stream *stream) {
    for (size_t l = 0; l < s->n_layers; l++) {
        const mv_kv *kv = &stream->backbone.layers[l];
        size_t stride = (size_t)kv->capacity * s->head_dim;
        for (size_t h = 0; h < s->n_kv_heads; h++) {
            memcpy((char *)s->owned + head_offset(s, l, 0, h), kv->k + h * stride, head_bytes(s));
            memcpy((char *)s->owned + head_offset(s, l, 1, h), kv->v + h * stride, head_bytes(s));
        }
    }
}

marvis_status mv_snapshot_make(marvis_voice *voice, const marvis_model *model, marvis_error *err) {
    int positions = model->csm.config.backbone.max_positions;
    mv_prompt rows = {0};
    mv_csm_stream stream = {0};
    marvis_status status = make_rows(voice, model, used_codebooks(voice, model), &rows, err);
    if (status == MARVIS_OK && rows.n >= (size_t)positions)
        status = mv_fail(err, MARVIS_ERR_TOO_LONG,
                         "the voice takes %zu positions, %zu of them its frames, and this model "
                         "has %d for voice, text and speech: give a shorter recording",
                         rows.n, voice->n_frames, positions);
    if (status == MARVIS_OK) status = run(model, &rows, &stream, err);
    if (status == MARVIS_OK) status = describe(voice, model, &rows, err);
    if (status == MARVIS_OK) copy_out(&voice->snapshot, &stream);
    mv_csm_stream_deinit(&stream);
    mv_prompt_deinit(&rows);
    return status;
}

/* ---- use ------------------------------------------------------------------------------------ */

/* Row i as it stands in a prompt. */
static void row_of(const marvis_voice *voice, size_t i, size_t n_used, size_t columns,
                   int32_t *frame, uint8_t *mask) {
    const mv_snapshot *s = &voice->snapshot;
    memset(frame, 0, columns * sizeof *frame);
    memset(mask, 0, columns);
    if (i < s->n_ids) {
        frame[columns - 1] = s->ids[i];
        mask[columns - 1] = 1;
        return;
    }
    memset(mask, 1, n_used);
    if (i + 1 < s->n_rows)
        memcpy(frame, voice->codes + (i - s->n_ids) * (size_t)voice->n_codebooks,
               n_used * sizeof *frame);
}

size_t mv_snapshot_count(const marvis_voice *voice, const marvis_model *model,
                         const mv_prompt *prompt) {
    size_t columns = (size_t)model->csm.config.n_codebooks + 1, n = 0;
    size_t n_used = used_codebooks(voice, model);
    int32_t frame[MV_MAX_CODEBOOKS + 1];
    uint8_t mask[MV_MAX_CODEBOOKS + 1];
    for (; n < voice->snapshot.n_rows && n + 1 < prompt->n; n++) {
        row_of(voice, n, n_used, columns, frame, mask);
        if (memcmp(frame, prompt->frames + n * columns, columns * sizeof *frame) != 0 ||
            memcmp(mask, prompt->mask + n * columns, columns) != 0)
            break;
    }
    return n;
}

void mv_snapshot_restore(const mv_snapshot *s, mv_csm_stream *stream, size_t begin, size_t end) {
    size_t skip = begin * s->head_dim, n = (end - begin) * s->head_dim * sizeof(float);
    for (size_t l = 0; l < s->n_layers; l++) {
        mv_kv *kv = &stream->backbone.layers[l];
        size_t stride = (size_t)kv->capacity * s->head_dim;
        for (size_t h = 0; h < s->n_kv_heads; h++) {
            const uint8_t *k = s->kv + head_offset(s, l, 0, h) + skip * sizeof(float);
            const uint8_t *v = s->kv + head_offset(s, l, 1, h) + skip * sizeof(float);
            memcpy(kv->k + h * stride + skip, k, n);
            memcpy(kv->v + h * stride + skip, v, n);
        }
    }
    stream->position = (int)end;
}
