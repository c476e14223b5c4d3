/* csm.h - the CSM / Marvis network: masked sums of embeddings, the backbone that predicts codebook
 * 0 of a frame, and the depth decoder that predicts the other codebooks of the same frame.
 * References: SesameAILabs/csm models.py, Marvis-Labs/marvis-tts, transformers modeling_csm.py.
 *
 * Shapes: D backbone width, d depth width, C codebooks, V audio vocabulary, Vt text vocabulary. */
#ifndef MV_MODEL_CSM_H
#define MV_MODEL_CSM_H

#include "model/csm_config.h"
#include "model/llama.h"

/* Immutable after loading. */
typedef struct mv_csm {
    mv_csm_config config;
    mv_matrix text_table;  /* [Vt][D] */
    mv_matrix audio_table; /* [C*V][D]: row of code k in codebook c is c*V + k */
    mv_matrix projection;  /* [d][D] */
    mv_matrix head0;       /* [V][D] */
    mv_matrix *heads;      /* [C-1] of [V][d] (in most files [d][V]); i serves codebook i+1 */
    void *heads_data;  /* owned bytes behind heads that were transposed and not packed, else NULL */
    uint64_t identity; /* of the model that this one was made of (identity.h); 0: its own */
    mv_llama backbone, depth;
} mv_csm;

/* Takes every CSM tensor from ckpt. The matrices may borrow from it: it must stay open as long as
 * the model. `config` moves into the model (its owner no longer deinits it) on success only. */
MV_CHECK marvis_status mv_csm_load(mv_checkpoint *ckpt, mv_csm_config *config,
                                   marvis_weights weights, const mv_exec *exec, mv_csm *csm,
                                   marvis_error *err);
void mv_csm_deinit(mv_csm *csm);

/* Bytes of all matrices, tables included; *owned (may be NULL): those in memory of their own, not
 * in the mapped file. */
size_t mv_csm_bytes(const mv_csm *csm, size_t *owned);

/* e = sum over c < C of mask[c] * audio[c*V + frame[c]] + mask[C] * text[frame[C]]; frame, mask
 * [C+1], out [D]. Masked columns are not read at all. Ids must be in range. tmp [D] is scratch. */
void mv_csm_embed(const mv_csm *csm, const int32_t *frame, const uint8_t *mask, float *out,
                  float *tmp);

/* ERR_INPUT names row, column and id when an unmasked id is out of range. frames [n][C+1]; `rows`
 * and `columns` are what the caller's person calls them ("position", "column"). */
MV_CHECK marvis_status mv_csm_check_frames(const mv_csm *csm, const int32_t *frames,
                                           const uint8_t *mask, size_t n, const char *rows,
                                           const char *columns, marvis_error *err);

/* One stream: its backbone cache and position, and the depth decoder's cache of the current frame.
 */
typedef struct mv_csm_stream {
    mv_llama_cache backbone, depth;
    int position;    /* next backbone position */
    int depth_steps; /* positions in the depth cache */
} mv_csm_stream;

/* capacity: backbone positions, 1..max_positions. */
MV_CHECK marvis_status mv_csm_stream_init(mv_csm_stream *stream, const mv_csm *csm, int capacity,
                                          marvis_error *err);
void mv_csm_stream_deinit(mv_csm_stream *stream);

/* Room for `capacity` backbone positions, more than now. Those that were run stay; on failure the
 * stream is as before. */
MV_CHECK marvis_status mv_csm_stream_grow(mv_csm_stream *stream, const mv_csm *csm, int capacity,
                                          marvis_error *err);

/* Back to an earlier position: what came after it is forgotten. */
void mv_csm_stream_rewind(mv_csm_stream *stream, int position);

/* Buffers of a step, for up to max_batch positions (prompt) or streams (steps) at once. */
typedef struct mv_csm_scratch {
    mv_llama_scratch backbone, depth;
    mv_llama_row *rows; /* [2*max_batch] */
    float *x, *y;       /* [max_batch][D] */
    float *dx, *dy;     /* [2*max_batch][d] */
    float *de;          /* [2*max_batch][D] what the projection is applied to */
    float *tmp;         /* [D] */
    float *storage;     /* owned */
    int max_batch;
    double heads_s; /* seconds spent on heads 1..C-1, added up by mv_csm_depth_step */
} mv_csm_scratch;

MV_CHECK marvis_status mv_csm_scratch_init(mv_csm_scratch *scratch, const mv_csm *csm,
                                           int max_batch, int max_context, int n_threads,
                                           marvis_error *err);
void mv_csm_scratch_deinit(mv_csm_scratch *scratch);

/* From here on the observer, which must outlive the scratch, sees all products of what runs with
 * it; NULL: nobody does. */
void mv_csm_scratch_observe(mv_csm_scratch *scratch, const mv_observer *observer);

/* Runs n positions of one stream through the backbone: frames [n][C+1], mask [n][C+1], checked
 * before. hidden [n][D] gets the final-norm states, or, when last_only, hidden [D] that of the
 * last. The stream's capacity must suffice. */
void mv_csm_prefill(const mv_csm *csm, mv_csm_stream *stream, mv_csm_scratch *scratch,
                    const mv_exec *exec, const int32_t *frames, const uint8_t *mask, size_t n,
                    int last_only, float *hidden);

/* One position each of n_streams streams, n <= max_batch: frames [n][C+1], mask [n][C+1], hidden
 * [n][D]. */
void mv_csm_step(const mv_csm *csm, mv_csm_stream *const *streams, size_t n,
                 mv_csm_scratch *scratch, const mv_exec *exec, const int32_t *frames,
                 const uint8_t *mask, float *hidden);

/* Logits [n][V] of codebook 0 from hidden [n][D]. */
void mv_csm_head0(const mv_csm *csm, mv_csm_scratch *scratch, const mv_exec *exec,
                  const float *hidden, size_t n, float *logits);

/* Empties the depth decoder's cache of the stream: at the start of every frame. */
void mv_csm_depth_begin(mv_csm_stream *stream);

/* Logits [n][V] of codebook i (1..C-1) of the current frame, for n streams that stand at the same
 * codebook. previous [n]: the code of codebook i-1. The first call (i = 1) also feeds hidden
 * [n][D], at position 0; later calls ignore it. */
void mv_csm_depth_step(const mv_csm *csm, mv_csm_stream *const *streams, size_t n,
                       mv_csm_scratch *scratch, const mv_exec *exec, int i, const float *hidden,
                       const int32_t *previous, float *logits);

#endif
