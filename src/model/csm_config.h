/* csm_config.h - the numbers of a CSM / Marvis model, from its config.json (mlx-audio,
 * Marvis-Labs or transformers spelling), a flavour table, or the shapes of its tensors. */
#ifndef MV_MODEL_CSM_CONFIG_H
#define MV_MODEL_CSM_CONFIG_H

#include "format/checkpoint.h"
#include "model/llama.h"
#include "model/mimi.h"
#include "nn/ops.h"

/* The most codebooks that a configuration may have; more are refused. */
enum { MV_MAX_CODEBOOKS = 64 };

/* Defaults of generation_config.json; has_* says which were given. */
typedef struct mv_generation_config {
    bool has_temperature, has_top_k, has_top_p, has_do_sample;
    float temperature, top_p;
    int top_k;
    bool do_sample;
} mv_generation_config;

typedef struct mv_csm_config {
    int text_vocab;  /* Vt */
    int audio_vocab; /* V = 2051 */
    int n_codebooks; /* 32 */
    mv_llama_config backbone, depth;
    int bos_id, eos_id;        /* bos_token_id, eos_token_id of config.json; -1: not given */
    bool speaker_prefix_space; /* "[0] text" (Miso fork) */
    mv_quant_config quant;
    bool has_codec;       /* codec_config present (transformers) */
    mv_mimi_config codec; /* valid when has_codec, else Mimi's own numbers */
    mv_generation_config gen_codebook0, gen_depth;
    char flavour[32]; /* the row that the numbers are of, or "" */
    char source[128]; /* "config.json", "flavour marvis-250m", "shapes matched marvis-250m" */
    void *json;       /* owned json_t *, kept alive for quant.overrides */
} mv_csm_config;

/* BOS and EOS of the tokenizers that CSM and Marvis are trained with, by the size of their
 * vocabulary, whatever a file says (published ones disagree); false: another vocabulary. */
bool mv_csm_known_text_ids(int text_vocab, int *bos_id, int *eos_id);

/* Reads config.json text. Every number is range-checked; ERR_CONFIG names path and key. */
MV_CHECK marvis_status mv_csm_config_parse(const char *json, size_t len, const char *path,
                                           mv_csm_config *config, marvis_error *err);
/* generation_config.json text, into gen_codebook0 and gen_depth. */
MV_CHECK marvis_status mv_generation_config_parse(const char *json, size_t len, const char *path,
                                                  mv_csm_config *config, marvis_error *err);
/* By name of a row of docs/MODEL.md ("marvis-250m"); ERR_CONFIG lists the names. */
MV_CHECK marvis_status mv_csm_config_flavour(const char *name, mv_csm_config *config,
                                             marvis_error *err);
/* By the shapes of the checkpoint's tensors: the row that they match. ERR_CONFIG when none does. */
MV_CHECK marvis_status mv_csm_config_match(const mv_checkpoint *ckpt, mv_csm_config *config,
                                           marvis_error *err);
/* A transformers MimiModel config.json (alone, or the codec_config object). */
MV_CHECK marvis_status mv_mimi_config_parse(const char *json, size_t len, const char *path,
                                            mv_mimi_config *config, marvis_error *err);
/* The codec's numbers in transformers' spelling, as mv_mimi_config_parse reads them. NULL without
 * memory; freed with mv_free. */
char *mv_mimi_config_text(const mv_mimi_config *config);
void mv_csm_config_deinit(mv_csm_config *config);

#endif
