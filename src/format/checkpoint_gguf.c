/* checkpoint_gguf.c - what a checkpoint in a GGUF file has beyond one in safetensors: metadata, and
 * shortened names of the codec's tensors. */
#include "format/checkpoint_internal.h"

#include "base/file.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

marvis_status mv_checkpoint_sniff_gguf(const char *path, bool *is_gguf, marvis_error *err) {
    mv_map map;
    *is_gguf = false;
    MV_TRY(mv_map_open(path, &map, err));
    *is_gguf = mv_gguf_is(map.data, map.len);
    mv_map_close(&map);
    return MARVIS_OK;
}

bool mv_checkpoint_is_gguf(const mv_checkpoint *ckpt) { return ckpt->gguf.path != NULL; }

bool mv_checkpoint_text(const mv_checkpoint *ckpt, const char *key, const char **text,
                        size_t *len) {
    return mv_gguf_text(&ckpt->gguf, key, text, len);
}

bool mv_checkpoint_number(const mv_checkpoint *ckpt, const char *key, uint64_t *number) {
    return mv_gguf_number(&ckpt->gguf, key, number);
}

/* ---- names ---------------------------------------------------------------------------------- */

/* The codec's prefix, and what is shortened behind it, once in a name. Together they add less than
 * MV_NAME_GROWTH bytes. */
static const struct {
    const char *full, *brief;
} shortened[] = {
    {"codec_model.", "codec."},
    {"_residual_vector_quantizer.", "_rvq."},
    {"coder_transformer.transformer.", "coder_t."},
    {"post_attention_layernorm.", "post_norm."},
};

enum { N_SHORTENED = sizeof shortened / sizeof *shortened };

/* Copies name to out with the first `from` in it replaced; false when it has none or there is no
 * room. */
static bool replace(const char *name, const char *from, const char *to, char *out, size_t size) {
    const char *at = strstr(name, from);
    if (!at) return false;
    int n = snprintf(out, size, "%.*s%s%s", (int)(at - name), name, to, at + strlen(from));
    return n >= 0 && (size_t)n < size;
}

void mv_gguf_long_name(const char *name, char *out) {
    char other[1024];
    size_t size = strlen(name) + MV_NAME_GROWTH;
    snprintf(out, size, "%s", name);
    if (!mv_starts_with(name, shortened[0].brief)) return;
    for (size_t i = 0; i < N_SHORTENED; i++)
        if (replace(out, shortened[i].brief, shortened[i].full, other, sizeof other))
            snprintf(out, size, "%s", other);
}

bool mv_gguf_short_name(const char *name, char *out, size_t size) {
    char brief[1024], other[1024];
    if (strlen(name) >= 512 || strlen(name) >= size) return false;
    snprintf(out, size, "%s", name);
    if (!mv_starts_with(name, shortened[0].full)) return true;
    snprintf(brief, sizeof brief, "%s", name);
    for (size_t i = 0; i < N_SHORTENED; i++)
        if (replace(brief, shortened[i].full, shortened[i].brief, other, sizeof other))
            snprintf(brief, sizeof brief, "%s", other);
    mv_gguf_long_name(brief, other);
    if (strcmp(other, name) == 0) snprintf(out, size, "%s", brief);
    return true;
}
