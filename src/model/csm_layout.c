/* csm_layout.c - the naming tables of csm_layout.h. All layouts hold the same tensors in the same
 * shapes; only transformers permutes the rows of q and k (half-split rotary pairs). */
#include "model/csm_layout.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define N_LAYOUTS     (MV_LAYOUT_MIMI + 1)
#define N_PARTS       (MV_PART_AUDIO_TABLE_TIED + 1)
#define N_BLOCK_PARTS (MV_BLOCK_FINAL_NORM + 1)

typedef struct naming {
    const char *name;
    const char *parts[N_PARTS];        /* indexed by mv_csm_part */
    const char *towers[2];             /* prefixes, indexed by mv_tower */
    const char *blocks[N_BLOCK_PARTS]; /* after "layers.N.", indexed by mv_block_part */
    const char *norm_suffix;
    const char *heads_suffix;
} naming;

#define PLAIN_PARTS                                                                                \
    { "text_embeddings", "audio_embeddings", "projection", "codebook0_head", "audio_head", "" }
#define PLAIN_TOWERS                                                                               \
    { "backbone.", "decoder." }
#define HF_BLOCKS                                                                                  \
    {                                                                                              \
        "input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",             \
            "self_attn.o_proj", "post_attention_layernorm", "mlp.gate_proj", "mlp.up_proj",        \
            "mlp.down_proj", "norm"                                                                \
    }

static const naming namings[N_LAYOUTS] = {
    [MV_LAYOUT_ORIGINAL] = {"original",
                            PLAIN_PARTS,
                            PLAIN_TOWERS,
                            {"sa_norm", "attn.q_proj", "attn.k_proj", "attn.v_proj",
                             "attn.output_proj", "mlp_norm", "mlp.w1", "mlp.w3", "mlp.w2", "norm"},
                            ".scale",
                            ""},
    [MV_LAYOUT_MLX] = {"mlx", PLAIN_PARTS, PLAIN_TOWERS, HF_BLOCKS, ".weight", ""},
    [MV_LAYOUT_MLX_PORT] = {"mlx-port",
                            PLAIN_PARTS,
                            PLAIN_TOWERS,
                            {"attention_norm", "attention.wq", "attention.wk", "attention.wv",
                             "attention.wo", "ffn_norm", "feed_forward.w1", "feed_forward.w3",
                             "feed_forward.w2", "norm"},
                            ".weight",
                            ""},
    [MV_LAYOUT_HF] = {"transformers",
                      {"embed_text_tokens", "backbone_model.embed_tokens.embed_audio_tokens",
                       "depth_decoder.model.inputs_embeds_projector", "lm_head",
                       "depth_decoder.codebooks_head", "depth_decoder.model.embed_tokens"},
                      {"backbone_model.", "depth_decoder.model."},
                      HF_BLOCKS,
                      ".weight",
                      ".weight"},
    [MV_LAYOUT_MIMI] = {.name = "mimi"},
};

/* In a CSM of whatever layout, what a name of any of them or of a codec begins with: half a
 * conversion leaves tensors of the other layout behind. */
static const char *const csm_known[] = {"text_embeddings",
                                        "audio_embeddings",
                                        "projection",
                                        "codebook0_head",
                                        "audio_head",
                                        "backbone.",
                                        "embed_text_tokens",
                                        "backbone_model.",
                                        "depth_decoder.",
                                        "lm_head",
                                        "codec_model.",
                                        "encoder.",
                                        "decoder.",
                                        "quantizer.",
                                        "encoder_transformer.",
                                        "decoder_transformer.",
                                        "downsample.",
                                        "upsample.",
                                        NULL};

static const char *const mimi_known[] = {
    "encoder.",   "encoder_transformer.", "decoder.",  "decoder_transformer.",
    "quantizer.", "downsample.",          "upsample.", NULL};

const char *mv_layout_name(mv_layout layout) { return namings[layout].name; }

int mv_layout_rope_interleaved(mv_layout layout) { return layout != MV_LAYOUT_HF; }

/* Whether any name begins and ends so. */
static bool any_name(const mv_checkpoint *ckpt, const char *prefix, const char *suffix) {
    size_t len = strlen(prefix);
    for (size_t i = 0; i < mv_checkpoint_n_tensors(ckpt); i++) {
        const char *name = mv_checkpoint_tensor(ckpt, i)->name;
        if (mv_starts_with(name, prefix) && mv_ends_with(name + len, suffix)) return true;
    }
    return false;
}

marvis_status mv_layout_detect(const mv_checkpoint *ckpt, mv_layout *layout, marvis_error *err) {
    *layout = MV_LAYOUT_ORIGINAL;
    /* The order matters: transformers and mlx-audio share the leaf names self_attn.q_proj. */
    if (mv_checkpoint_has(ckpt, "embed_text_tokens.weight"))
        *layout = MV_LAYOUT_HF;
    else if (any_name(ckpt, "backbone.", ".attn.output_proj.weight") ||
             any_name(ckpt, "backbone.", ".sa_norm.scale"))
        *layout = MV_LAYOUT_ORIGINAL;
    else if (any_name(ckpt, "backbone.layers.", ".self_attn.q_proj.weight"))
        *layout = MV_LAYOUT_MLX;
    else if (any_name(ckpt, "backbone.layers.", ".attention.wq.weight"))
        *layout = MV_LAYOUT_MLX_PORT;
    else if (any_name(ckpt, "quantizer.rvq_first.", "") ||
             any_name(ckpt, "quantizer.semantic_residual_vector_quantizer.", ""))
        *layout = MV_LAYOUT_MIMI;
    else
        return mv_fail(
            err, MARVIS_ERR_TENSOR,
            "%s: tensor \"%s\" and its %zu companions are of no known layout; expected a "
            "CSM or Marvis model (original, mlx-audio or transformers names) or Mimi",
            mv_checkpoint_path(ckpt), mv_checkpoint_tensor(ckpt, 0)->name,
            mv_checkpoint_n_tensors(ckpt) - 1);
    return MARVIS_OK;
}

void mv_layout_part_module(mv_layout layout, mv_csm_part part, char *name, size_t size) {
    const char *module = namings[layout].parts[part];
    snprintf(name, size, "%s", module ? module : "");
}

void mv_layout_block_module(mv_layout layout, mv_tower tower, int layer, mv_block_part part,
                            char *name, size_t size) {
    const naming *n = &namings[layout];
    if (!n->towers[tower])
        snprintf(name, size, "%s", "");
    else if (part == MV_BLOCK_FINAL_NORM)
        snprintf(name, size, "%s%s", n->towers[tower], n->blocks[part]);
    else
        snprintf(name, size, "%slayers.%d.%s", n->towers[tower], layer, n->blocks[part]);
}

/* Appends to a name that is already there. */
static void append(char *name, size_t size, const char *suffix) {
    size_t len = strlen(name);
    snprintf(name + len, size - len, "%s", suffix ? suffix : "");
}

void mv_layout_norm_tensor(mv_layout layout, mv_tower tower, int layer, mv_block_part part,
                           char *name, size_t size) {
    mv_layout_block_module(layout, tower, layer, part, name, size);
    append(name, size, namings[layout].norm_suffix);
}

void mv_layout_heads_tensor(mv_layout layout, char *name, size_t size) {
    mv_layout_part_module(layout, MV_PART_HEADS, name, size);
    append(name, size, namings[layout].heads_suffix);
}

const char *const *mv_layout_known_prefixes(mv_layout layout) {
    return layout == MV_LAYOUT_MIMI ? mimi_known : csm_known;
}
