/* hub.h - finding files the way people have them: a folder, a file, or a model in a Hugging Face
 * cache folder (models--OWNER--NAME/snapshots/REVISION). Nothing is downloaded. */
#ifndef MV_FORMAT_HUB_H
#define MV_FORMAT_HUB_H

#include "base/status.h"

/* Where to get a codec, for messages that miss one. */
#define MV_CODEC_HINT                                                                              \
    "give one with --codec: tokenizer-e351c8d8-checkpoint125.safetensors of "                      \
    "kyutai/moshiko-pytorch-bf16, or model.safetensors of kyutai/mimi"

/* The snapshot folder of "owner/name" under cache (refs/main decides, else the newest snapshot that
 * has any file), in new memory. ERR_NOT_FOUND names the cache and the model. cache may be NULL. */
MV_CHECK marvis_status mv_hub_find(const char *cache, const char *name, char **folder,
                                   marvis_error *err);

/* Where a model's parts lie. All owned, NULL when not found. */
typedef struct mv_model_files {
    char *weights;           /* .safetensors, .gguf or .index.json */
    char *config;            /* config.json */
    char *generation_config; /* generation_config.json */
    char *tokenizer;         /* tokenizer.json */
    char *codec;             /* what holds Mimi, alone or under codec_model.; may be `weights` */
    char *codec_config;      /* config.json beside a transformers Mimi in the cache, else NULL */
} mv_model_files;

/* Resolves `path` (folder, file, or hub name) and the files beside it. When several weights lie
 * in a folder: model.safetensors, then model.safetensors.index.json, then the only *.index.json,
 * then the only *.safetensors that is not a codec, then the only *.gguf; several candidates left is
 * an error that lists them. ERR_NOT_FOUND says what was looked for and where. Codec:
 * tokenizer-*.safetensors or mimi*.safetensors in the folder; the weights, then another index, then
 * another .safetensors file there, when codec_model.* is in it; then in the cache
 * kyutai/moshiko-pytorch-bf16, kyutai/mimi, and sesame/csm-1b for the codec inside it. Tokenizer:
 * beside it, then in the cache HuggingFaceTB/SmolLM2-135M for SmolLM2's vocabulary size 49152,
 * sesame/csm-1b or unsloth/Llama-3.2-1B for 128256 (mv_hub_find_tokenizer). */
MV_CHECK marvis_status mv_model_files_find(const char *path, const char *hub_cache,
                                           mv_model_files *files, marvis_error *err);
MV_CHECK marvis_status mv_hub_find_tokenizer(const char *hub_cache, int text_vocab, char **path,
                                             marvis_error *err);
MV_CHECK marvis_status mv_hub_find_codec(const char *hub_cache, char **path, char **config_path,
                                         marvis_error *err);
/* What `path` names as a codec: a file as it is; in a folder or a model of the cache a file named
 * as a codec, else one that carries a codec, else model.safetensors. New memory. */
MV_CHECK marvis_status mv_codec_files_find(const char *path, const char *hub_cache, char **weights,
                                           marvis_error *err);
void mv_model_files_free(mv_model_files *files);

#endif
