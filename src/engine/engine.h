/* engine.h - the objects behind marvis.h, shared by the files of this folder. */
#ifndef MV_ENGINE_H
#define MV_ENGINE_H

#include "format/hub.h"
#include "model/csm.h"
#include "model/csm_layout.h"
#include "model/mimi.h"
#include "nn/sampler.h"
#include "text/tokenizer.h"

struct marvis_engine {
    mv_exec exec;
    mv_pool *pool; /* owned; exec.pool */
    int n_threads;
    marvis_log_fn log;
    void *log_ctx;
};

/* One line to the engine's log. */
void mv_log(const marvis_engine *engine, marvis_log_level level, const char *fmt, ...)
    MV_PRINTF(3, 4);

typedef struct mv_shared_encoder mv_shared_encoder; /* engine/encoder.h */

struct marvis_model {
    marvis_engine *engine; /* borrowed */
    mv_model_files files;  /* where everything came from */
    mv_checkpoint *ckpt;   /* owned: csm borrows its matrices; NULL for a codec alone */
    bool has_csm;
    mv_layout layout;
    mv_csm csm;                 /* valid when has_csm */
    mv_mimi *mimi;              /* owned, NULL without a codec */
    char *codec_source;         /* owned, the file the codec came from */
    mv_shared_encoder *encoder; /* owned; NULL: no codec, or one that only decodes */
    mv_tokenizer *tokenizer;    /* owned, NULL without one */
    int32_t bos, eos;           /* text ids around a segment */
};

/* marvis_model_settings that can be used. */
MV_CHECK marvis_status mv_model_check_settings(const marvis_model_settings *settings,
                                               marvis_error *err);

/* Binds the network and the codec to the model's checkpoint, whose layout is known, and accounts
 * for its tensors. Takes `config` over, on failure too. */
MV_CHECK marvis_status mv_model_bind(marvis_model *model, mv_csm_config *config,
                                     const marvis_model_settings *settings, marvis_error *err);

/* Codes that may be sampled: 0..this-1. */
int mv_model_n_codes(const marvis_model *model);

/* Finds and checks BOS and EOS of the tokenizer (engine/prompt.c). */
MV_CHECK marvis_status mv_prompt_bind(marvis_model *model, marvis_error *err);

/* A prompt: rows of C+1 ids and as many mask bytes. */
typedef struct mv_prompt {
    int32_t *frames; /* [n][C+1] owned */
    uint8_t *mask;   /* [n][C+1] owned */
    size_t n;
} mv_prompt;

void mv_prompt_deinit(mv_prompt *prompt);

/* Appends one text segment: BOS, "[speaker]text", EOS as text frames. */
MV_CHECK marvis_status mv_prompt_add_text(mv_prompt *prompt, const marvis_model *model, int speaker,
                                          const char *text, size_t len, marvis_error *err);

/* Appends audio frames: the first n_used columns of codes [n_frames][n_columns], checked before. */
MV_CHECK marvis_status mv_prompt_add_audio(mv_prompt *prompt, const marvis_model *model,
                                           const int32_t *codes, size_t n_frames, size_t n_columns,
                                           size_t n_used, marvis_error *err);

/* Appends the frame that ends a turn: zeros in n_used audio columns, which count. */
MV_CHECK marvis_status mv_prompt_add_eos(mv_prompt *prompt, const marvis_model *model,
                                         size_t n_used, marvis_error *err);

/* Appends the rows of another prompt. */
MV_CHECK marvis_status mv_prompt_add_rows(mv_prompt *prompt, const marvis_model *model,
                                          const mv_prompt *rows, marvis_error *err);

/* Makes room for n_more rows behind the last one, all zero. */
MV_CHECK marvis_status mv_prompt_reserve(mv_prompt *prompt, const marvis_model *model,
                                         size_t n_more, marvis_error *err);

#endif
