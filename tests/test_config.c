/* test_config.c - model/csm_config.c, csm_flavours.c, mimi_config.c: every spelling of a config,
 * the rows of published models, and what is refused. Broken files are in test_broken_files.c. */
#include "format_fixture.h"

#include "base/memory.h"
#include "model/csm_config.h"
#include "model/csm_layout.h"

#include <math.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static mv_csm_config parse_ok(const char *json) {
    mv_csm_config config;
    marvis_error err;
    char *copy = malloc(strlen(json)); /* exact size, no NUL */
    memcpy(copy, json, strlen(json));
    assert_ok(mv_csm_config_parse(copy, strlen(json), "m/config.json", &config, &err), err);
    free(copy);
    return config;
}

/* ---- spellings ------------------------------------------------------------------------------ */

#define TOWERS_HF                                                                                  \
    "\"hidden_size\":2048,\"intermediate_size\":8192,\"num_hidden_layers\":16,"                    \
    "\"num_attention_heads\":32,\"num_key_value_heads\":8,\"head_dim\":64,"                        \
    "\"max_position_embeddings\":2048,\"rms_norm_eps\":1e-05,\"rope_theta\":500000,"
#define DEPTH_HF                                                                                   \
    "\"hidden_size\":1024,\"intermediate_size\":8192,\"num_hidden_layers\":4,"                     \
    "\"num_attention_heads\":8,\"num_key_value_heads\":2,\"head_dim\":128,"                        \
    "\"max_position_embeddings\":33,\"num_codebooks\":32,\"vocab_size\":2051,"                     \
    "\"backbone_hidden_size\":2048"

static void transformers_config_is_read(void **state) {
    (void)state;
    mv_csm_config c = parse_ok(
        "{\"model_type\":\"csm\",\"num_codebooks\":32,\"vocab_size\":2051,\"text_vocab_size\":"
        "128256,"
        "\"codebook_eos_token_id\":0,\"codebook_pad_token_id\":2050,\"bos_token_id\":128000,"
        "\"tie_codebooks_embeddings\":true,\"attention_bias\":false,\"mlp_bias\":false,"
        "\"hidden_act\":\"silu\",\"quantization_config\":null," TOWERS_HF
        "\"rope_scaling\":{\"factor\":32.0,\"high_freq_factor\":0.5,\"low_freq_factor\":0.125,"
        "\"original_max_position_embeddings\":1024,\"rope_type\":\"llama3\"},"
        "\"depth_decoder_config\":{" DEPTH_HF ",\"rope_theta\":500000,"
        "\"rope_scaling\":{\"factor\":32.0,\"high_freq_factor\":0.0078125,"
        "\"low_freq_factor\":0.001953125,\"original_max_position_embeddings\":16,"
        "\"rope_type\":\"llama3\"}},"
        "\"codec_config\":{\"model_type\":\"mimi\",\"num_quantizers\":32,\"sliding_window\":250}}");
    assert_int_equal(c.text_vocab, 128256);
    assert_int_equal(c.audio_vocab, 2051);
    assert_int_equal(c.n_codebooks, 32);
    int bos, eos;
    assert_true(mv_csm_known_text_ids(c.text_vocab, &bos, &eos));
    assert_int_equal(bos, 128000);
    assert_int_equal(eos, 128001);
    assert_false(c.speaker_prefix_space);
    assert_false(c.quant.present);
    assert_true(c.has_codec);
    assert_int_equal(c.codec.latent, 512);
    assert_int_equal(c.backbone.n_layers, 16);
    assert_int_equal(c.backbone.width, 2048);
    assert_int_equal(c.backbone.mlp_width, 8192);
    assert_int_equal(c.backbone.n_heads, 32);
    assert_int_equal(c.backbone.n_kv_heads, 8);
    assert_int_equal(c.backbone.head_dim, 64);
    assert_int_equal(c.backbone.max_positions, 2048);
    assert_true(c.backbone.norm_eps == 1e-5f);
    assert_int_equal(c.depth.n_layers, 4);
    assert_int_equal(c.depth.width, 1024);
    assert_int_equal(c.depth.head_dim, 128);
    assert_int_equal(c.depth.max_positions, 33);
    assert_true(c.depth.rope.low_freq_factor == 0.001953125);
    assert_string_equal(c.source, "config.json");
    mv_csm_config_deinit(&c);
    assert_null(c.json);
    mv_csm_config_deinit(&c);
}

static void mlx_config_is_read(void **state) {
    (void)state;
    mv_csm_config c = parse_ok(
        "{\"model_type\":\"marvis\",\"backbone_flavor\":\"unknown\",\"decoder_flavor\":\"unknown\","
        "\"text_vocab_size\":49152,\"audio_vocab_size\":2051,\"audio_num_codebooks\":32,"
        "\"vocab_size\":2051,\"num_codebooks\":32,\"hidden_size\":1536,\"intermediate_size\":8192,"
        "\"num_hidden_layers\":6,\"num_attention_heads\":12,\"num_key_value_heads\":3,"
        "\"bos_token_id\":128000,\"speaker_prefix_space\":true,\"tie_codebooks_embeddings\":false,"
        "\"rope_scaling\":{\"factor\":32.0},"
        "\"quantization\":{\"group_size\":64,\"bits\":6,\"mode\":\"affine\","
        "\"model.projection\":{\"group_size\":32,\"bits\":8},\"model.x\":false,\"model.y\":true},"
        "\"quantization_config\":{\"group_size\":128,\"bits\":2},"
        "\"depth_decoder_config\":{\"hidden_size\":1024,\"intermediate_size\":4096,"
        "\"num_hidden_layers\":4,\"num_attention_heads\":8,\"num_key_value_heads\":2}}");
    assert_int_equal(c.backbone.head_dim, 128); /* hidden_size / heads */
    assert_int_equal(c.depth.head_dim, 128);
    assert_int_equal(c.backbone.max_positions, 2048);
    assert_int_equal(c.depth.max_positions, 33);
    /* the ids of CSM's defaults do not belong to SmolLM2's vocabulary */
    assert_int_equal(c.bos_id, -1);
    int bos, eos;
    assert_true(mv_csm_known_text_ids(c.text_vocab, &bos, &eos));
    assert_int_equal(bos, 1);
    assert_int_equal(eos, 2);
    assert_true(c.speaker_prefix_space);
    assert_false(c.has_codec);
    assert_int_equal(c.codec.codebook_size, 2048);
    assert_true(c.quant.present);
    assert_int_equal(c.quant.bits, 6);
    assert_int_equal(c.quant.group_size, 64);
    assert_non_null(c.quant.overrides);
    assert_true(c.backbone.rope.llama3);
    assert_true(c.backbone.rope.low_freq_factor == 1 && c.backbone.rope.high_freq_factor == 4);
    assert_true(c.backbone.rope.original_max_positions == 8192);
    assert_false(c.depth.rope.llama3);
    mv_csm_config_deinit(&c);
}

static void flavours_stand_for_numbers(void **state) {
    (void)state;
    mv_csm_config c =
        parse_ok("{\"backbone_flavor\":\"llama-250M\",\"decoder_flavor\":\"llama-60M\","
                 "\"text_vocab_size\":49152,\"audio_vocab_size\":2051,\"audio_num_codebooks\":32}");
    assert_int_equal(c.backbone.n_layers, 6);
    assert_int_equal(c.backbone.width, 1536);
    assert_int_equal(c.backbone.n_kv_heads, 3);
    assert_int_equal(c.depth.mlp_width, 4096);
    assert_int_equal(c.depth.max_positions, 33);
    assert_true(c.backbone.rope.llama3);
    assert_string_equal(c.source, "config.json (flavours)");
    mv_csm_config_deinit(&c);
    c = parse_ok("{\"backbone_flavor\":\"llama-1B\",\"decoder_flavor\":\"llama-100M\","
                 "\"text_vocab_size\":128256,\"vocab_size\":2051,\"num_codebooks\":32}");
    assert_int_equal(c.backbone.head_dim, 64);
    assert_int_equal(c.depth.mlp_width, 8192);
    mv_csm_config_deinit(&c);
}

/* A small model whose members a case may replace or add to: SMALL("text,") . */
#define SMALL_TOP                                                                                  \
    "\"text_vocab_size\":64,\"vocab_size\":67,\"num_codebooks\":8,\"hidden_size\":32,"             \
    "\"intermediate_size\":60,\"num_hidden_layers\":3,\"num_attention_heads\":4,"                  \
    "\"num_key_value_heads\":2,"
#define SMALL_DEPTH                                                                                \
    "\"depth_decoder_config\":{\"hidden_size\":24,\"intermediate_size\":44,"                       \
    "\"num_hidden_layers\":2,\"num_attention_heads\":4,\"num_key_value_heads\":2"

static void other_vocabularies_take_ids_from_the_file(void **state) {
    (void)state;
    static const struct {
        const char *extra;
        int bos, eos;
    } cases[] = {
        {"\"bos_token_id\":1,\"eos_token_id\":2,", 1, 2},
        {"\"bos_token_id\":128000,\"eos_token_id\":2,", -1, -1},
        {"\"bos_token_id\":1,\"eos_token_id\":-2,", -1, -1},
        {"\"bos_token_id\":1,\"eos_token_id\":[2],", -1, -1},
        {"\"bos_token_id\":1,", -1, -1},
        {"", -1, -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char json[1024];
        snprintf(json, sizeof json, "{%s" SMALL_TOP SMALL_DEPTH "}}", cases[i].extra);
        mv_csm_config c = parse_ok(json);
        assert_int_equal(c.bos_id, cases[i].bos);
        assert_int_equal(c.eos_id, cases[i].eos);
        mv_csm_config_deinit(&c);
    }
}

/* ---- rotary positions ----------------------------------------------------------------------- */

/* Inverse frequencies of Llama 3 scaling, base 500000, factor 32: computed in f64 from the
 * formula. */
static const struct {
    int head_dim, i;
    double inv;
} gold[] = {
    {64, 15, 1.290547928e-03},  {64, 16, 4.295567966e-04},  {64, 17, 9.708287803e-05},
    {64, 31, 9.418306725e-08},  {128, 29, 2.118406997e-03}, {128, 30, 1.290547928e-03},
    {128, 31, 7.625412034e-04}, {128, 32, 4.295567966e-04}, {128, 33, 2.227635015e-04},
    {128, 34, 9.708287803e-05}, {128, 63, 7.672314972e-08},
};

static void check_gold(const mv_rope_config *rope) {
    for (size_t i = 0; i < COUNT(gold); i++) {
        double inv = mv_rope_inv_freq(rope, gold[i].head_dim, gold[i].i);
        if (!(fabs(inv - gold[i].inv) < 1e-8 * gold[i].inv))
            fail_msg("pair %d of %d: %.10g, expected %.10g", gold[i].i, gold[i].head_dim, inv,
                     gold[i].inv);
    }
}

static const char *const scaled[] = {
    "{\"rope_type\":\"llama3\",\"factor\":32,\"low_freq_factor\":1,\"high_freq_factor\":4,"
    "\"original_max_position_embeddings\":8192%s}",
    "{\"rope_type\":\"llama3\",\"factor\":32.0,\"low_freq_factor\":0.125,\"high_freq_factor\":0.5,"
    "\"original_max_position_embeddings\":1024%s}",
    "{\"type\":\"llama3\",\"factor\":32.0,\"low_freq_factor\":0.001953125,"
    "\"high_freq_factor\":0.0078125,\"original_max_position_embeddings\":16%s}",
    "{\"factor\":32.0%s}",
};

/* Fractions survive as doubles: 0.125 read as an integer would divide by zero. */
static void trap_16_scaling_reaches_the_frequencies(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(scaled); i++) {
        char json[2048], object[256];
        snprintf(object, sizeof object, scaled[i], "");
        snprintf(json, sizeof json,
                 "{" SMALL_TOP "\"rope_scaling\":%s," SMALL_DEPTH ",\"rope_scaling\":%s}}", object,
                 object);
        mv_csm_config c = parse_ok(json);
        check_gold(&c.backbone.rope);
        check_gold(&c.depth.rope);
        mv_csm_config_deinit(&c);
    }
    mv_csm_config c;
    marvis_error err;
    assert_ok(mv_csm_config_flavour("csm-1b", &c, &err), err);
    check_gold(&c.backbone.rope);
    check_gold(&c.depth.rope);
    mv_csm_config_deinit(&c);
}

/* Newer writers say rope_parameters, with the base inside. */
static void trap_17_both_spellings_scale(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(scaled); i++) {
        char json[2048], object[256];
        snprintf(object, sizeof object, scaled[i], ",\"rope_theta\":500000.0");
        snprintf(json, sizeof json,
                 "{" SMALL_TOP "\"rope_parameters\":%s,\"rope_theta\":17," SMALL_DEPTH
                 ",\"rope_parameters\":%s,\"rope_scaling\":{\"rope_type\":\"default\"}}}",
                 object, object);
        mv_csm_config c = parse_ok(json);
        check_gold(&c.backbone.rope);
        check_gold(&c.depth.rope);
        mv_csm_config_deinit(&c);
    }
    /* without scaling the base alone is read, wherever it stands */
    static const char *const plain[] = {
        "\"rope_theta\":10000,", "\"rope_theta\":10000.0,\"rope_scaling\":null,",
        "\"rope_parameters\":{\"rope_theta\":10000,\"rope_type\":\"default\"},",
        "\"rope_parameters\":{\"rope_theta\":10000},",
        "\"rope_scaling\":{\"rope_type\":\"default\"},\"rope_theta\":1e4,"};
    for (size_t i = 0; i < COUNT(plain); i++) {
        char json[1024];
        snprintf(json, sizeof json, "{%s" SMALL_TOP SMALL_DEPTH "}}", plain[i]);
        mv_csm_config c = parse_ok(json);
        assert_false(c.backbone.rope.llama3);
        assert_true(c.backbone.rope.theta == 10000);
        assert_true(c.depth.rope.theta == 500000);
        mv_csm_config_deinit(&c);
    }
}

/* ---- rows and shapes ------------------------------------------------------------------------ */

static void rows_have_the_published_counts(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int64_t parameters;
        int bos;
        const char *source;
    } rows[] = {
        {"csm-1b", 1552791552, 128000, "flavour csm-1b"},
        {"marvis-250m", 568866816, 1, "flavour marvis-250m"},
        {"marvis-100m", 368273408, 1, "flavour marvis-100m, assumed heads 8/2/128"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mv_csm_config c;
        marvis_error err;
        assert_ok(mv_csm_config_flavour(rows[i].name, &c, &err), err);
        const mv_llama_config *towers[2] = {&c.backbone, &c.depth};
        int64_t D = c.backbone.width, d = c.depth.width, n = 0;
        for (int t = 0; t < 2; t++) {
            int64_t w = towers[t]->width, q = towers[t]->n_heads * towers[t]->head_dim;
            int64_t kv = towers[t]->n_kv_heads * towers[t]->head_dim;
            n += towers[t]->n_layers *
                     (2 * w * q + 2 * w * kv + 3 * w * towers[t]->mlp_width + 2 * w) +
                 w;
        }
        n += c.text_vocab * D + (int64_t)c.n_codebooks * c.audio_vocab * D + d * D +
             c.audio_vocab * D + (c.n_codebooks - 1) * d * c.audio_vocab;
        assert_int_equal(n, rows[i].parameters);
        int bos, eos;
        assert_true(mv_csm_known_text_ids(c.text_vocab, &bos, &eos));
        assert_int_equal(bos, rows[i].bos);
        assert_string_equal(c.source, rows[i].source);
        mv_csm_config_deinit(&c);
    }
    mv_csm_config c;
    marvis_error err;
    assert_int_equal(mv_csm_config_flavour("llama-250M", &c, &err), MARVIS_ERR_CONFIG);
    assert_message(&err, "flavour", "\"llama-250M\"; expected marvis-250m, marvis-100m, csm-1b");
}

/* Header of a checkpoint with a row's true shapes, over a file of holes. */
typedef struct shape_file {
    char *header;
    size_t len, capacity;
    int64_t data;
} shape_file;

static void shape_add(shape_file *f, const char *name, const char *type, int size, int64_t a,
                      int64_t b, int64_t c) {
    char shape[80];
    int64_t n = a * (b ? b : 1) * (c ? c : 1) * size;
    snprintf(shape, sizeof shape,
             c   ? "[%lld,%lld,%lld]"
             : b ? "[%lld,%lld]"
                 : "[%lld]",
             (long long)a, (long long)b, (long long)c);
    assert_true(f->len + 400 < f->capacity);
    f->len += (size_t)snprintf(
        f->header + f->len, f->capacity - f->len,
        "%s\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%lld,%lld]}",
        f->len > 1 ? "," : "", name, type, shape, (long long)f->data, (long long)(f->data + n));
    f->data += n;
}

/* A matrix [rows][cols], in bf16 or as 4-bit triple. */
static void shape_matrix(shape_file *f, bool quantised, const char *module, int64_t rows,
                         int64_t cols) {
    char name[160];
    snprintf(name, sizeof name, "%s.weight", module);
    if (!quantised) {
        shape_add(f, name, "BF16", 2, rows, cols, 0);
        return;
    }
    shape_add(f, name, "U32", 4, rows, cols / 8, 0);
    snprintf(name, sizeof name, "%s.scales", module);
    shape_add(f, name, "BF16", 2, rows, cols / 64, 0);
    snprintf(name, sizeof name, "%s.biases", module);
    shape_add(f, name, "BF16", 2, rows, cols / 64, 0);
}

static void shape_tower(shape_file *f, mv_layout layout, bool quantised, mv_tower which,
                        const mv_llama_config *t) {
    char name[128];
    int64_t w = t->width, q = t->n_heads * t->head_dim, kv = t->n_kv_heads * t->head_dim;
    int64_t rows[] = {0, q, kv, kv, w, 0, t->mlp_width, t->mlp_width, w};
    int64_t cols[] = {0, w, w, w, q, 0, w, w, t->mlp_width};
    for (int layer = 0; layer < t->n_layers; layer++) {
        for (int part = MV_BLOCK_NORM1; part <= MV_BLOCK_DOWN; part++) {
            if (part == MV_BLOCK_NORM1 || part == MV_BLOCK_NORM2) {
                mv_layout_norm_tensor(layout, which, layer, (mv_block_part)part, name, sizeof name);
                shape_add(f, name, "BF16", 2, w, 0, 0);
            } else {
                mv_layout_block_module(layout, which, layer, (mv_block_part)part, name,
                                       sizeof name);
                shape_matrix(f, quantised, name, rows[part], cols[part]);
            }
        }
    }
    mv_layout_norm_tensor(layout, which, 0, MV_BLOCK_FINAL_NORM, name, sizeof name);
    shape_add(f, name, "BF16", 2, w, 0, 0);
}

/* tables: bit 0 the audio table, bit 1 transformers' tied copy */
static const char *shape_checkpoint(const mv_csm_config *c, mv_layout layout, bool quantised,
                                    int tables) {
    shape_file f = {.capacity = 1 << 18, .len = 1};
    f.header = malloc(f.capacity);
    assert_non_null(f.header);
    f.header[0] = '{';
    char name[128];
    int64_t D = c->backbone.width, d = c->depth.width, audio = c->n_codebooks * c->audio_vocab;
    mv_layout_part_module(layout, MV_PART_TEXT_TABLE, name, sizeof name);
    shape_matrix(&f, quantised, name, c->text_vocab, D);
    for (int table = 0; table < 2; table++) {
        if (!(tables >> table & 1)) continue;
        mv_layout_part_module(layout, table ? MV_PART_AUDIO_TABLE_TIED : MV_PART_AUDIO_TABLE, name,
                              sizeof name);
        shape_matrix(&f, quantised, name, audio, D);
    }
    mv_layout_part_module(layout, MV_PART_PROJECTION, name, sizeof name);
    shape_matrix(&f, quantised, name, d, D);
    mv_layout_part_module(layout, MV_PART_HEAD0, name, sizeof name);
    shape_matrix(&f, quantised, name, c->audio_vocab, D);
    mv_layout_heads_tensor(layout, name, sizeof name);
    shape_add(&f, name, "BF16", 2, c->n_codebooks - 1, d, c->audio_vocab);
    shape_tower(&f, layout, quantised, MV_TOWER_BACKBONE, &c->backbone);
    shape_tower(&f, layout, quantised, MV_TOWER_DEPTH, &c->depth);
    f.header[f.len++] = '}';
    uint8_t length[8];
    fx_le64(length, f.len);
    const char *path = fx_path("shapes.safetensors");
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(length, 1, 8, file), 8);
    assert_int_equal(fwrite(f.header, 1, f.len, file), f.len);
    assert_int_equal(fflush(file), 0);
    assert_int_equal(ftruncate(fileno(file), (off_t)(8 + f.len) + (off_t)f.data), 0);
    fclose(file);
    free(f.header);
    return path;
}

static const char *match(const char *path, mv_csm_config *config, marvis_error *err) {
    mv_checkpoint *ckpt;
    assert_ok(mv_checkpoint_open(path, &ckpt, err), *err);
    marvis_status status = mv_csm_config_match(ckpt, config, err);
    mv_checkpoint_close(&ckpt);
    return status == MARVIS_OK ? config->source : NULL;
}

static void shapes_find_their_row(void **state) {
    (void)state;
    static const struct {
        const char *row;
        mv_layout layout;
        bool quantised;
        const char *source;
    } cases[] = {
        {"csm-1b", MV_LAYOUT_ORIGINAL, false, "shapes matched csm-1b"},
        {"marvis-250m", MV_LAYOUT_ORIGINAL, false, "shapes matched marvis-250m"},
        {"marvis-250m", MV_LAYOUT_MLX, true, "shapes matched marvis-250m"},
        {"marvis-250m", MV_LAYOUT_MLX_PORT, false, "shapes matched marvis-250m"},
        {"marvis-100m", MV_LAYOUT_MLX, true, "shapes matched marvis-100m, assumed heads 8/2/128"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        mv_csm_config row, found;
        marvis_error err;
        assert_ok(mv_csm_config_flavour(cases[i].row, &row, &err), err);
        const char *path = shape_checkpoint(&row, cases[i].layout, cases[i].quantised, 1);
        const char *source = match(path, &found, &err);
        if (!source) fail_msg("%s: %s", cases[i].row, err.message);
        assert_string_equal(source, cases[i].source);
        assert_int_equal(found.backbone.n_heads, row.backbone.n_heads);
        assert_int_equal(found.backbone.rope_interleaved, 1);
        unlink(path);
    }
}

/* transformers' files carry either audio table or both. */
static void trap_21_either_audio_table_serves(void **state) {
    (void)state;
    mv_csm_config row, found;
    marvis_error err;
    assert_ok(mv_csm_config_flavour("marvis-250m", &row, &err), err);
    for (int tables = 1; tables <= 3; tables++) {
        const char *path = shape_checkpoint(&row, MV_LAYOUT_HF, false, tables);
        const char *source = match(path, &found, &err);
        if (!source) fail_msg("tables %d: %s", tables, err.message);
        assert_string_equal(source, "shapes matched marvis-250m");
        assert_int_equal(found.backbone.rope_interleaved, 0);
        assert_int_equal(found.depth.rope_interleaved, 0);
        unlink(path);
    }
    const char *path = shape_checkpoint(&row, MV_LAYOUT_HF, false, 0);
    assert_null(match(path, &found, &err));
    unlink(path);
}

static void other_shapes_find_none(void **state) {
    (void)state;
    mv_csm_config row, found;
    marvis_error err;
    for (int change = 0; change < 7; change++) {
        assert_ok(mv_csm_config_flavour("marvis-250m", &row, &err), err);
        switch (change) {
        case 0: row.text_vocab++; break;
        case 1: row.backbone.n_layers--; break;
        case 2: row.depth.n_layers++; break;
        case 3: row.backbone.n_kv_heads *= 2; break;
        case 4: row.depth.mlp_width *= 2; break;
        case 5: row.n_codebooks--; break;
        default: row.audio_vocab++; break;
        }
        const char *path = shape_checkpoint(&row, MV_LAYOUT_ORIGINAL, false, 1);
        assert_null(match(path, &found, &err));
        assert_int_equal(err.status, MARVIS_ERR_CONFIG);
        assert_message(&err, "match", "shapes.safetensors: no config.json, and the shapes (");
        assert_message(&err, "match", "match no known model; give its config.json");
        unlink(path);
    }
    fx_builder *b = fx_new();
    fx_zeros(b, "quantizer.rvq_first.x", "F32", 4, "[1]", 1);
    assert_null(match(fx_finish(b, "codec.safetensors"), &found, &err));
    assert_message(&err, "codec", "a Mimi codec alone");
}

/* ---- Mimi ----------------------------------------------------------------------------------- */

/* Field by field: what lies between them is anything. */
static void assert_mimi_equal(const mv_mimi_config *a, const mv_mimi_config *b) {
    assert_int_equal(a->sample_rate, b->sample_rate);
    assert_int_equal(a->latent, b->latent);
    assert_int_equal(a->n_filters, b->n_filters);
    assert_int_equal(a->kernel, b->kernel);
    assert_int_equal(a->last_kernel, b->last_kernel);
    assert_int_equal(a->residual_kernel, b->residual_kernel);
    assert_int_equal(a->compress, b->compress);
    assert_int_equal(a->n_ratios, b->n_ratios);
    assert_memory_equal(a->ratios, b->ratios, (size_t)a->n_ratios * sizeof *a->ratios);
    assert_int_equal(a->n_layers, b->n_layers);
    assert_int_equal(a->n_heads, b->n_heads);
    assert_int_equal(a->head_dim, b->head_dim);
    assert_int_equal(a->mlp_width, b->mlp_width);
    assert_int_equal(a->window, b->window);
    assert_true(fabs(a->rope_theta - b->rope_theta) <= 0);
    assert_true(fabsf(a->norm_eps - b->norm_eps) <= 0);
    assert_int_equal(a->codebook_size, b->codebook_size);
    assert_int_equal(a->codebook_dim, b->codebook_dim);
    assert_int_equal(a->n_codebooks, b->n_codebooks);
    assert_int_equal(a->n_semantic, b->n_semantic);
    assert_int_equal(a->upsample_stride, b->upsample_stride);
}

static void mimi_defaults_are_the_published_numbers(void **state) {
    (void)state;
    mv_mimi_config published, c;
    marvis_error err;
    mv_mimi_config_init(&published);
    assert_int_equal(mv_mimi_frame_samples(&published), 1920);
    assert_ok(mv_mimi_config_parse("{}", 2, "config.json", &c, &err), err);
    assert_mimi_equal(&c, &published);
    static const char full[] =
        "{\"model_type\":\"mimi\",\"sampling_rate\":24000,\"frame_rate\":12.5,\"audio_channels\":1,"
        "\"hidden_size\":512,\"num_filters\":64,\"num_residual_layers\":1,"
        "\"upsampling_ratios\":[8,6,5,4],\"kernel_size\":7,\"last_kernel_size\":3,"
        "\"residual_kernel_size\":3,\"dilation_growth_rate\":2,\"use_causal_conv\":true,"
        "\"pad_mode\":\"constant\",\"compress\":2,\"trim_right_ratio\":1.0,\"codebook_size\":2048,"
        "\"codebook_dim\":256,\"num_quantizers\":32,\"use_conv_shortcut\":false,"
        "\"vector_quantization_hidden_dimension\":256,\"num_semantic_quantizers\":1,"
        "\"upsample_groups\":512,\"num_hidden_layers\":8,\"intermediate_size\":2048,"
        "\"num_attention_heads\":8,\"num_key_value_heads\":8,\"head_dim\":null,"
        "\"hidden_act\":\"gelu\",\"norm_eps\":1e-05,\"rope_theta\":10000.0,\"sliding_window\":250,"
        "\"attention_bias\":false}";
    assert_ok(mv_mimi_config_parse(full, strlen(full), "config.json", &c, &err), err);
    assert_mimi_equal(&c, &published);
}

static void mimi_numbers_are_read(void **state) {
    (void)state;
    static const char small[] =
        "{\"codec_config\":{\"sampling_rate\":16000,\"hidden_size\":16,\"num_filters\":4,"
        "\"upsampling_ratios\":[4,3,2],\"kernel_size\":5,\"last_kernel_size\":1,"
        "\"residual_kernel_size\":5,\"compress\":1,\"num_hidden_layers\":2,"
        "\"num_attention_heads\":2,\"num_key_value_heads\":2,\"intermediate_size\":32,"
        "\"sliding_window\":7,\"norm_eps\":1e-6,\"codebook_size\":32,\"codebook_dim\":8,"
        "\"vector_quantization_hidden_dimension\":8,\"num_quantizers\":12,"
        "\"num_semantic_quantizers\":2,\"upsample_groups\":16,"
        "\"rope_parameters\":{\"rope_theta\":5000.0,\"rope_type\":\"default\"}},\"kernel_size\":9}";
    mv_mimi_config c;
    marvis_error err;
    assert_ok(mv_mimi_config_parse(small, strlen(small), "config.json", &c, &err), err);
    const mv_mimi_config expected = {.sample_rate = 16000,
                                     .latent = 16,
                                     .n_filters = 4,
                                     .kernel = 5,
                                     .last_kernel = 1,
                                     .residual_kernel = 5,
                                     .compress = 1,
                                     .n_ratios = 3,
                                     .ratios = {4, 3, 2},
                                     .n_layers = 2,
                                     .n_heads = 2,
                                     .head_dim = 8,
                                     .mlp_width = 32,
                                     .window = 7,
                                     .rope_theta = 5000,
                                     .norm_eps = 1e-6f,
                                     .codebook_size = 32,
                                     .codebook_dim = 8,
                                     .n_codebooks = 12,
                                     .n_semantic = 2,
                                     .upsample_stride = 2};
    assert_mimi_equal(&c, &expected);
    assert_int_equal(mv_mimi_frame_samples(&c), 48);
}

static void mimi_refuses_what_the_decoder_cannot_do(void **state) {
    (void)state;
    static const struct {
        const char *member;
        marvis_status status;
        const char *key, *message;
    } cases[] = {
        {"\"use_causal_conv\":false", MARVIS_ERR_UNSUPPORTED, "use_causal_conv", "only true"},
        {"\"use_conv_shortcut\":true", MARVIS_ERR_UNSUPPORTED, "use_conv_shortcut", "only false"},
        {"\"attention_bias\":true", MARVIS_ERR_UNSUPPORTED, "attention_bias", "only false"},
        {"\"num_residual_layers\":2", MARVIS_ERR_UNSUPPORTED, "num_residual_layers", "only 1"},
        {"\"audio_channels\":2", MARVIS_ERR_UNSUPPORTED, "audio_channels", "only 1"},
        {"\"pad_mode\":\"reflect\"", MARVIS_ERR_UNSUPPORTED, "pad_mode", "only \"constant\""},
        {"\"hidden_act\":\"relu\"", MARVIS_ERR_UNSUPPORTED, "hidden_act", "only \"gelu\""},
        {"\"trim_right_ratio\":0.5", MARVIS_ERR_UNSUPPORTED, "trim_right_ratio", "only 1"},
        {"\"num_key_value_heads\":4", MARVIS_ERR_UNSUPPORTED, "num_key_value_heads", "only 8"},
        {"\"upsample_groups\":1", MARVIS_ERR_UNSUPPORTED, "upsample_groups", "only 512"},
        {"\"frame_rate\":25.0", MARVIS_ERR_UNSUPPORTED, "frame_rate", "expected 12.5"},
        {"\"vector_quantization_hidden_dimension\":128", MARVIS_ERR_UNSUPPORTED,
         "vector_quantization_hidden_dimension", "only 256"},
        {"\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":2}", MARVIS_ERR_UNSUPPORTED,
         "rope_scaling", "without scaling"},
        {"\"rope_parameters\":{\"rope_type\":\"yarn\"}", MARVIS_ERR_UNSUPPORTED,
         "rope_parameters.rope_type", "\"yarn\""},
        {"\"upsampling_ratios\":[]", MARVIS_ERR_CONFIG, "upsampling_ratios", "1 to 8"},
        {"\"upsampling_ratios\":8", MARVIS_ERR_CONFIG, "upsampling_ratios", "1 to 8"},
        {"\"upsampling_ratios\":[1,1,1,1,1,1,1,1,1]", MARVIS_ERR_CONFIG, "upsampling_ratios",
         "1 to 8"},
        {"\"upsampling_ratios\":[8,0]", MARVIS_ERR_CONFIG, "upsampling_ratios", "impossible"},
        {"\"upsampling_ratios\":[64,64,64,64,64,64,64,64]", MARVIS_ERR_CONFIG, "upsampling_ratios",
         "impossible"},
        {"\"num_filters\":4096,\"upsampling_ratios\":[2,2,2,2,2]", MARVIS_ERR_CONFIG, "num_filters",
         "channels after 5 ratios"},
        {"\"compress\":3", MARVIS_ERR_CONFIG, "num_filters", "multiple of \"compress\" (3)"},
        {"\"compress\":65", MARVIS_ERR_CONFIG, "compress", "expected 1 to 64"},
        {"\"head_dim\":32", MARVIS_ERR_CONFIG, "head_dim", "(512 / 8)"},
        {"\"num_semantic_quantizers\":32", MARVIS_ERR_CONFIG, "num_semantic_quantizers",
         "less than"},
        {"\"num_quantizers\":65", MARVIS_ERR_CONFIG, "num_quantizers", "expected 1 to 64"},
        {"\"sliding_window\":0", MARVIS_ERR_CONFIG, "sliding_window", "expected 1 to"},
        {"\"norm_eps\":\"x\"", MARVIS_ERR_CONFIG, "norm_eps", "a string; expected a number"},
        {"\"kernel_size\":[7]", MARVIS_ERR_CONFIG, "kernel_size", "a list; expected an integer"},
        {"\"pad_mode\":1", MARVIS_ERR_CONFIG, "pad_mode", "an integer; expected a string"},
        {"\"use_causal_conv\":1", MARVIS_ERR_CONFIG, "use_causal_conv", "expected true or false"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char json[256], key[80];
        mv_mimi_config c;
        marvis_error err = {0};
        snprintf(json, sizeof json, "{\"codec_config\":{%s}}", cases[i].member);
        marvis_status status = mv_mimi_config_parse(json, strlen(json), "m/config.json", &c, &err);
        if (status != cases[i].status)
            fail_msg("%s: status %d: %s", json, (int)status, err.message);
        snprintf(key, sizeof key, "m/config.json: \"codec_config.%s", cases[i].key);
        assert_message(&err, json, key);
        assert_message(&err, json, cases[i].message);
    }
    assert_int_equal(COUNT(cases), 30);
}

/* ---- generation_config.json ----------------------------------------------------------------- */

static void sampling_defaults_are_read(void **state) {
    (void)state;
    static const char json[] =
        "{\"temperature\":0.75,\"top_k\":40,\"do_sample\":true,\"top_p\":null,\"max_new_tokens\":"
        "125,"
        "\"depth_decoder_temperature\":1.5,\"depth_decoder_top_p\":0.5,"
        "\"depth_decoder_do_sample\":false,\"depth_decoder_max_new_tokens\":31}";
    mv_csm_config c;
    marvis_error err;
    assert_ok(mv_csm_config_flavour("csm-1b", &c, &err), err);
    assert_ok(mv_generation_config_parse(json, strlen(json), "generation_config.json", &c, &err),
              err);
    assert_true(c.gen_codebook0.has_temperature && c.gen_codebook0.temperature == 0.75f);
    assert_true(c.gen_codebook0.has_top_k && c.gen_codebook0.top_k == 40);
    assert_true(c.gen_codebook0.has_do_sample && c.gen_codebook0.do_sample);
    assert_false(c.gen_codebook0.has_top_p);
    assert_true(c.gen_depth.has_temperature && c.gen_depth.temperature == 1.5f);
    assert_true(c.gen_depth.has_top_p && c.gen_depth.top_p == 0.5f);
    assert_true(c.gen_depth.has_do_sample && !c.gen_depth.do_sample);
    assert_false(c.gen_depth.has_top_k);

    static const struct {
        const char *json, *message;
    } bad[] = {
        {"{\"temperature\":-1}", "\"temperature\" is -1"},
        {"{\"top_k\":0.5}", "\"top_k\" is a fraction"},
        {"{\"depth_decoder_top_p\":0}", "\"depth_decoder_top_p\" is 0"},
        {"{\"top_p\":1.5}", "\"top_p\" is 1.5"},
        {"{\"do_sample\":\"yes\"}", "\"do_sample\" is a string"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(mv_generation_config_parse(bad[i].json, strlen(bad[i].json),
                                                    "generation_config.json", &c, &err),
                         MARVIS_ERR_CONFIG);
        assert_message(&err, bad[i].json, "generation_config.json: ");
        assert_message(&err, bad[i].json, bad[i].message);
        assert_true(c.gen_codebook0.temperature == 0.75f); /* as it was */
    }
    mv_csm_config_deinit(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transformers_config_is_read),
        cmocka_unit_test(mlx_config_is_read),
        cmocka_unit_test(flavours_stand_for_numbers),
        cmocka_unit_test(other_vocabularies_take_ids_from_the_file),
        cmocka_unit_test(trap_16_scaling_reaches_the_frequencies),
        cmocka_unit_test(trap_17_both_spellings_scale),
        cmocka_unit_test(rows_have_the_published_counts),
        cmocka_unit_test(shapes_find_their_row),
        cmocka_unit_test(trap_21_either_audio_table_serves),
        cmocka_unit_test(other_shapes_find_none),
        cmocka_unit_test(mimi_defaults_are_the_published_numbers),
        cmocka_unit_test(mimi_numbers_are_read),
        cmocka_unit_test(mimi_refuses_what_the_decoder_cannot_do),
        cmocka_unit_test(sampling_defaults_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
