/* csm_layout.h - which published layout a checkpoint has, and the names of its tensors in it. */
#ifndef MV_MODEL_CSM_LAYOUT_H
#define MV_MODEL_CSM_LAYOUT_H

#include "format/checkpoint.h"

typedef enum mv_layout {
    MV_LAYOUT_ORIGINAL, /* A1 torchtune: *.attn.output_proj.weight, *.sa_norm.scale */
    MV_LAYOUT_MLX,      /* A2 mlx-audio: backbone.layers.*.self_attn.q_proj.weight */
    MV_LAYOUT_MLX_PORT, /* A2b: backbone.layers.*.attention.wq.weight */
    MV_LAYOUT_HF,       /* A3 transformers: embed_text_tokens.weight */
    MV_LAYOUT_MIMI      /* a Mimi codec alone, in either naming */
} mv_layout;

const char *mv_layout_name(
    mv_layout layout); /* "original", "mlx", "mlx-port", "transformers", "mimi" */

/* 1 when q and k of this layout are rotated in interleaved pairs, 0 for half-split. */
int mv_layout_rope_interleaved(mv_layout layout);

/* By tensor names, never by file name. ERR_TENSOR: neither (says what it saw). */
MV_CHECK marvis_status mv_layout_detect(const mv_checkpoint *ckpt, mv_layout *layout,
                                        marvis_error *err);

typedef enum mv_csm_part {
    MV_PART_TEXT_TABLE,      /* [Vt][D] */
    MV_PART_AUDIO_TABLE,     /* [C*V][D] */
    MV_PART_PROJECTION,      /* [d][D] */
    MV_PART_HEAD0,           /* [V][D] */
    MV_PART_HEADS,           /* [C-1][d][V]; a bare tensor in all layouts but HF */
    MV_PART_AUDIO_TABLE_TIED /* HF's second copy, "" elsewhere */
} mv_csm_part;

typedef enum mv_tower { MV_TOWER_BACKBONE, MV_TOWER_DEPTH } mv_tower;

typedef enum mv_block_part {
    MV_BLOCK_NORM1,
    MV_BLOCK_Q,
    MV_BLOCK_K,
    MV_BLOCK_V,
    MV_BLOCK_O,
    MV_BLOCK_NORM2,
    MV_BLOCK_GATE,
    MV_BLOCK_UP,
    MV_BLOCK_DOWN,
    MV_BLOCK_FINAL_NORM /* of the tower; layer is ignored */
} mv_block_part;

/* Writes the name of the part's module, WITHOUT ".weight"/".scale", to name (size bytes, >=
 * 128). */
void mv_layout_part_module(mv_layout layout, mv_csm_part part, char *name, size_t size);
void mv_layout_block_module(mv_layout layout, mv_tower tower, int layer, mv_block_part part,
                            char *name, size_t size);
/* The full tensor name of a norm's vector or of the heads (with the right suffix, or none). */
void mv_layout_norm_tensor(mv_layout layout, mv_tower tower, int layer, mv_block_part part,
                           char *name, size_t size);
void mv_layout_heads_tensor(mv_layout layout, char *name, size_t size);

/* Prefixes under which every tensor must be known, NULL-terminated: the same for all layouts of CSM
 * (names of any of them, and of the codec), and those of a codec alone. */
const char *const *mv_layout_known_prefixes(mv_layout layout);

#endif
