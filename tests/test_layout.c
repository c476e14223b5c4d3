/* test_layout.c - model/csm_layout.c: which layout a set of names is, and the names in each. */
#include "format_fixture.h"

#include "model/csm_layout.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Opens a checkpoint of one-byte tensors with these names ("a;b;c"). */
static mv_checkpoint *with_names(const char *names) {
    char list[1024], *rest = NULL;
    fx_builder *b = fx_new();
    mv_checkpoint *ckpt;
    marvis_error err;
    snprintf(list, sizeof list, "%s", names);
    for (char *name = strtok_r(list, ";", &rest); name; name = strtok_r(NULL, ";", &rest))
        fx_zeros(b, name, "U8", 1, "[1]", 1);
    assert_ok(mv_checkpoint_open(fx_finish(b, "layout.safetensors"), &ckpt, &err), err);
    return ckpt;
}

static void names_decide_the_layout(void **state) {
    (void)state;
    static const struct {
        const char *names;
        mv_layout layout;
    } cases[] = {
        {"backbone.layers.0.attn.output_proj.weight;audio_head", MV_LAYOUT_ORIGINAL},
        {"backbone.layers.3.sa_norm.scale", MV_LAYOUT_ORIGINAL},
        {"module.model.backbone.layers.3.sa_norm.scale", MV_LAYOUT_ORIGINAL},
        {"model.backbone.layers.0.self_attn.q_proj.weight;model.audio_head", MV_LAYOUT_MLX},
        {"backbone.layers.11.self_attn.q_proj.weight", MV_LAYOUT_MLX},
        {"backbone.layers.0.attention.wq.weight", MV_LAYOUT_MLX_PORT},
        {"embed_text_tokens.weight;backbone_model.layers.0.self_attn.q_proj.weight", MV_LAYOUT_HF},
        /* the leaf names are shared: the parent decides */
        {"embed_text_tokens.weight;backbone.layers.0.self_attn.q_proj.weight", MV_LAYOUT_HF},
        {"embed_text_tokens.weight;codec_model.quantizer.semantic_residual_vector_quantizer.a.b",
         MV_LAYOUT_HF},
        {"quantizer.rvq_first.vq.layers.0._codebook.embedding_sum", MV_LAYOUT_MIMI},
        {"quantizer.semantic_residual_vector_quantizer.layers.0.codebook.embed_sum",
         MV_LAYOUT_MIMI},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        mv_checkpoint *ckpt = with_names(cases[i].names);
        mv_layout layout;
        marvis_error err;
        assert_ok(mv_layout_detect(ckpt, &layout, &err), err);
        assert_string_equal(mv_layout_name(layout), mv_layout_name(cases[i].layout));
        mv_checkpoint_close(&ckpt);
    }
}

static void strangers_are_refused(void **state) {
    (void)state;
    static const char *const names[] = {
        "model.embed_tokens.weight;model.layers.0.self_attn.q_proj.weight", /* a plain Llama */
        "backbone_model.layers.0.self_attn.q_proj.weight",
        "encoder.layers.0.self_attn.q_proj.weight",
        "quantizer.x",
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        mv_checkpoint *ckpt = with_names(names[i]);
        mv_layout layout;
        marvis_error err;
        assert_int_equal(mv_layout_detect(ckpt, &layout, &err), MARVIS_ERR_TENSOR);
        assert_message(&err, names[i], "layout.safetensors: tensor \"");
        assert_message(&err, names[i], "of no known layout; expected a CSM or Marvis model");
        mv_checkpoint_close(&ckpt);
    }
}

static void only_transformers_splits_the_pairs(void **state) {
    (void)state;
    assert_int_equal(mv_layout_rope_interleaved(MV_LAYOUT_ORIGINAL), 1);
    assert_int_equal(mv_layout_rope_interleaved(MV_LAYOUT_MLX), 1);
    assert_int_equal(mv_layout_rope_interleaved(MV_LAYOUT_MLX_PORT), 1);
    assert_int_equal(mv_layout_rope_interleaved(MV_LAYOUT_HF), 0);
}

static void parts_have_their_names(void **state) {
    (void)state;
    static const struct {
        mv_layout layout;
        const char *parts[6];
        const char *heads;
    } cases[] = {
        {MV_LAYOUT_ORIGINAL,
         {"text_embeddings", "audio_embeddings", "projection", "codebook0_head", "audio_head", ""},
         "audio_head"},
        {MV_LAYOUT_MLX,
         {"text_embeddings", "audio_embeddings", "projection", "codebook0_head", "audio_head", ""},
         "audio_head"},
        {MV_LAYOUT_MLX_PORT,
         {"text_embeddings", "audio_embeddings", "projection", "codebook0_head", "audio_head", ""},
         "audio_head"},
        {MV_LAYOUT_HF,
         {"embed_text_tokens", "backbone_model.embed_tokens.embed_audio_tokens",
          "depth_decoder.model.inputs_embeds_projector", "lm_head", "depth_decoder.codebooks_head",
          "depth_decoder.model.embed_tokens"},
         "depth_decoder.codebooks_head.weight"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char name[128];
        for (int part = 0; part < 6; part++) {
            mv_layout_part_module(cases[i].layout, (mv_csm_part)part, name, sizeof name);
            assert_string_equal(name, cases[i].parts[part]);
        }
        mv_layout_heads_tensor(cases[i].layout, name, sizeof name);
        assert_string_equal(name, cases[i].heads);
    }
}

static void blocks_have_their_names(void **state) {
    (void)state;
    static const struct {
        mv_layout layout;
        mv_tower tower;
        int layer;
        mv_block_part part;
        const char *module;
    } cases[] = {
        {MV_LAYOUT_ORIGINAL, MV_TOWER_BACKBONE, 0, MV_BLOCK_Q, "backbone.layers.0.attn.q_proj"},
        {MV_LAYOUT_ORIGINAL, MV_TOWER_BACKBONE, 0, MV_BLOCK_K, "backbone.layers.0.attn.k_proj"},
        {MV_LAYOUT_ORIGINAL, MV_TOWER_BACKBONE, 0, MV_BLOCK_V, "backbone.layers.0.attn.v_proj"},
        {MV_LAYOUT_ORIGINAL, MV_TOWER_DEPTH, 15, MV_BLOCK_O, "decoder.layers.15.attn.output_proj"},
        {MV_LAYOUT_ORIGINAL, MV_TOWER_DEPTH, 1, MV_BLOCK_GATE, "decoder.layers.1.mlp.w1"},
        {MV_LAYOUT_ORIGINAL, MV_TOWER_DEPTH, 1, MV_BLOCK_UP, "decoder.layers.1.mlp.w3"},
        {MV_LAYOUT_ORIGINAL, MV_TOWER_DEPTH, 1, MV_BLOCK_DOWN, "decoder.layers.1.mlp.w2"},
        {MV_LAYOUT_MLX, MV_TOWER_BACKBONE, 2, MV_BLOCK_Q, "backbone.layers.2.self_attn.q_proj"},
        {MV_LAYOUT_MLX, MV_TOWER_BACKBONE, 2, MV_BLOCK_O, "backbone.layers.2.self_attn.o_proj"},
        {MV_LAYOUT_MLX, MV_TOWER_DEPTH, 2, MV_BLOCK_GATE, "decoder.layers.2.mlp.gate_proj"},
        {MV_LAYOUT_MLX, MV_TOWER_DEPTH, 2, MV_BLOCK_UP, "decoder.layers.2.mlp.up_proj"},
        {MV_LAYOUT_MLX, MV_TOWER_DEPTH, 2, MV_BLOCK_DOWN, "decoder.layers.2.mlp.down_proj"},
        {MV_LAYOUT_MLX_PORT, MV_TOWER_BACKBONE, 2, MV_BLOCK_K, "backbone.layers.2.attention.wk"},
        {MV_LAYOUT_MLX_PORT, MV_TOWER_BACKBONE, 2, MV_BLOCK_O, "backbone.layers.2.attention.wo"},
        {MV_LAYOUT_MLX_PORT, MV_TOWER_DEPTH, 2, MV_BLOCK_GATE, "decoder.layers.2.feed_forward.w1"},
        {MV_LAYOUT_MLX_PORT, MV_TOWER_DEPTH, 2, MV_BLOCK_UP, "decoder.layers.2.feed_forward.w3"},
        {MV_LAYOUT_MLX_PORT, MV_TOWER_DEPTH, 2, MV_BLOCK_DOWN, "decoder.layers.2.feed_forward.w2"},
        {MV_LAYOUT_HF, MV_TOWER_BACKBONE, 7, MV_BLOCK_V,
         "backbone_model.layers.7.self_attn.v_proj"},
        {MV_LAYOUT_HF, MV_TOWER_DEPTH, 3, MV_BLOCK_O,
         "depth_decoder.model.layers.3.self_attn.o_proj"},
        {MV_LAYOUT_HF, MV_TOWER_DEPTH, 3, MV_BLOCK_DOWN,
         "depth_decoder.model.layers.3.mlp.down_proj"},
    };
    static const struct {
        mv_layout layout;
        mv_tower tower;
        mv_block_part part;
        const char *tensor;
    } norms[] = {
        {MV_LAYOUT_ORIGINAL, MV_TOWER_BACKBONE, MV_BLOCK_NORM1, "backbone.layers.4.sa_norm.scale"},
        {MV_LAYOUT_ORIGINAL, MV_TOWER_DEPTH, MV_BLOCK_NORM2, "decoder.layers.4.mlp_norm.scale"},
        {MV_LAYOUT_ORIGINAL, MV_TOWER_DEPTH, MV_BLOCK_FINAL_NORM, "decoder.norm.scale"},
        {MV_LAYOUT_MLX, MV_TOWER_BACKBONE, MV_BLOCK_NORM1,
         "backbone.layers.4.input_layernorm.weight"},
        {MV_LAYOUT_MLX, MV_TOWER_BACKBONE, MV_BLOCK_FINAL_NORM, "backbone.norm.weight"},
        {MV_LAYOUT_MLX_PORT, MV_TOWER_DEPTH, MV_BLOCK_NORM1,
         "decoder.layers.4.attention_norm.weight"},
        {MV_LAYOUT_MLX_PORT, MV_TOWER_DEPTH, MV_BLOCK_NORM2, "decoder.layers.4.ffn_norm.weight"},
        {MV_LAYOUT_HF, MV_TOWER_BACKBONE, MV_BLOCK_NORM2,
         "backbone_model.layers.4.post_attention_layernorm.weight"},
        {MV_LAYOUT_HF, MV_TOWER_DEPTH, MV_BLOCK_FINAL_NORM, "depth_decoder.model.norm.weight"},
    };
    char name[128];
    for (size_t i = 0; i < COUNT(cases); i++) {
        mv_layout_block_module(cases[i].layout, cases[i].tower, cases[i].layer, cases[i].part, name,
                               sizeof name);
        assert_string_equal(name, cases[i].module);
    }
    for (size_t i = 0; i < COUNT(norms); i++) {
        mv_layout_norm_tensor(norms[i].layout, norms[i].tower, 4, norms[i].part, name, sizeof name);
        assert_string_equal(name, norms[i].tensor);
    }
}

static bool is_known(mv_layout layout, const char *name) {
    const char *const *known = mv_layout_known_prefixes(layout);
    while (*known && strncmp(name, *known, strlen(*known)) != 0)
        known++;
    return *known != NULL;
}

/* Every name that a layout makes lies under the known prefixes of all of them, so that a stray twin
 * and what a conversion forgot are errors. */
static void made_names_are_known(void **state) {
    (void)state;
    int n = 0;
    for (int layout = MV_LAYOUT_ORIGINAL; layout <= MV_LAYOUT_HF; layout++) {
        for (int i = 0; i < 6 + 2 * (MV_BLOCK_FINAL_NORM + 1); i++) {
            char name[128];
            if (i < 6)
                mv_layout_part_module((mv_layout)layout, (mv_csm_part)i, name, sizeof name);
            else
                mv_layout_block_module((mv_layout)layout, (mv_tower)((i - 6) % 2), 0,
                                       (mv_block_part)((i - 6) / 2), name, sizeof name);
            if (!name[0]) continue;
            strcat(name, ".weight");
            for (int other = MV_LAYOUT_ORIGINAL; other <= MV_LAYOUT_HF; other++, n++)
                if (!is_known((mv_layout)other, name))
                    fail_msg("%s is no known name of %s", name, mv_layout_name((mv_layout)other));
        }
    }
    assert_int_equal(n, 4 * (3 * 25 + 26));
}

/* A codec's names are known in a file of its own and, under codec_model. or not, in a CSM. */
static void codec_names_are_known(void **state) {
    (void)state;
    static const char *const names[] = {"encoder.model.0.conv.conv.bias",
                                        "decoder.layers.0.conv.bias",
                                        "encoder_transformer.layers.0.x",
                                        "decoder_transformer.layers.0.x",
                                        "quantizer.rvq_first.vq.layers.0.x.y",
                                        "downsample.conv.weight",
                                        "upsample.conv.weight"};
    for (size_t i = 0; i < COUNT(names); i++)
        for (int layout = MV_LAYOUT_ORIGINAL; layout <= MV_LAYOUT_MIMI; layout++)
            assert_true(is_known((mv_layout)layout, names[i]));
    for (int layout = MV_LAYOUT_ORIGINAL; layout <= MV_LAYOUT_HF; layout++) {
        assert_true(is_known((mv_layout)layout, "codec_model.anything"));
        assert_false(is_known((mv_layout)layout, "optimizer.step"));
    }
    assert_false(is_known(MV_LAYOUT_MIMI, "nobody.knows"));
    assert_false(is_known(MV_LAYOUT_MIMI, "backbone.norm.weight"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_decide_the_layout),
        cmocka_unit_test(strangers_are_refused),
        cmocka_unit_test(only_transformers_splits_the_pairs),
        cmocka_unit_test(parts_have_their_names),
        cmocka_unit_test(blocks_have_their_names),
        cmocka_unit_test(made_names_are_known),
        cmocka_unit_test(codec_names_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
