/* csm_config.c - config.json and generation_config.json of a CSM or Marvis model, in the spellings
 * of mlx-audio, Marvis-Labs and transformers. Numbers are checked against sane limits here and
 * against the tensors when those are loaded. */
#include "model/csm_config_internal.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

void mv_csm_config_defaults(mv_csm_config *config) {
    *config = (mv_csm_config){
        .audio_vocab = 2051,
        .n_codebooks = 32,
        .bos_id = -1,
        .eos_id = -1,
    };
    mv_mimi_config_init(&config->codec);
}

bool mv_csm_known_text_ids(int text_vocab, int *bos_id, int *eos_id) {
    static const struct {
        int vocab, bos, eos;
    } known[] = {
        {49152, 1, 2},            /* SmolLM2: <|im_start|>, <|im_end|> */
        {128256, 128000, 128001}, /* Llama 3.2: <|begin_of_text|>, <|end_of_text|> */
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].vocab != text_vocab) continue;
        *bos_id = known[i].bos;
        *eos_id = known[i].eos;
        return true;
    }
    return false;
}

/* ---- rotary positions ----------------------------------------------------------------------- */

static marvis_status read_llama3(const mv_json_at *at, mv_rope_config *rope, marvis_error *err) {
    rope->llama3 = 1;
    MV_TRY(mv_json_double(at, "factor", true, 1e-3, 1e6, &rope->factor, err));
    /* mlx-audio reads the factor alone; these are the numbers that it assumes. */
    rope->low_freq_factor = 1;
    rope->high_freq_factor = 4;
    rope->original_max_positions = 8192;
    MV_TRY(mv_json_double(at, "low_freq_factor", false, 1e-9, 1e6, &rope->low_freq_factor, err));
    MV_TRY(mv_json_double(at, "high_freq_factor", false, 1e-9, 1e6, &rope->high_freq_factor, err));
    MV_TRY(mv_json_double(at, "original_max_position_embeddings", false, 1, 1e9,
                          &rope->original_max_positions, err));
    if (rope->high_freq_factor > rope->low_freq_factor) return MARVIS_OK;
    return mv_fail(err, MARVIS_ERR_CONFIG,
                   "%s: \"%shigh_freq_factor\" is %g; expected more than \"low_freq_factor\" (%g)",
                   at->path, at->prefix, rope->high_freq_factor, rope->low_freq_factor);
}

marvis_status mv_rope_config_read(const mv_json_at *at, mv_rope_config *rope, marvis_error *err) {
    const json_t *object;
    const char *key = mv_json_get(at, "rope_parameters") ? "rope_parameters" : "rope_scaling";
    MV_TRY(mv_json_double(at, "rope_theta", false, 1.0001, 1e12, &rope->theta, err));
    MV_TRY(mv_json_object(at, key, &object, err));
    if (!object) return MARVIS_OK;

    char prefix[96];
    snprintf(prefix, sizeof prefix, "%s%s.", at->prefix, key);
    mv_json_at inner = {object, at->path, prefix};
    const char *type, *old_type;
    MV_TRY(mv_json_double(&inner, "rope_theta", false, 1.0001, 1e12, &rope->theta, err));
    MV_TRY(mv_json_string(&inner, "rope_type", &type, err));
    MV_TRY(mv_json_string(&inner, "type", &old_type, err));
    if (!type) type = old_type;
    /* mlx-audio never looks at the type: a factor alone means Llama 3 scaling. */
    if (!type) type = mv_json_get(&inner, "factor") ? "llama3" : "default";
    if (strcmp(type, "llama3") == 0) return read_llama3(&inner, rope, err);
    if (strcmp(type, "default") == 0) return MARVIS_OK;
    return mv_fail(err, MARVIS_ERR_UNSUPPORTED,
                   "%s: \"%srope_type\" is \"%s\"; only \"llama3\" and \"default\" are supported",
                   at->path, prefix, type);
}

/* ---- towers --------------------------------------------------------------------------------- */

static marvis_status refuse_biases(const mv_json_at *at, marvis_error *err) {
    static const char *const keys[] = {"attention_bias", "mlp_bias"};
    for (size_t i = 0; i < 2; i++) {
        bool bias = false;
        MV_TRY(mv_json_bool(at, keys[i], &bias, err));
        if (bias)
            return mv_fail(err, MARVIS_ERR_UNSUPPORTED,
                           "%s: \"%s%s\" is true; only false is supported", at->path, at->prefix,
                           keys[i]);
    }
    const char *act;
    MV_TRY(mv_json_string(at, "hidden_act", &act, err));
    if (act && strcmp(act, "silu") != 0)
        return mv_fail(err, MARVIS_ERR_UNSUPPORTED,
                       "%s: \"%shidden_act\" is \"%s\"; only \"silu\" is supported", at->path,
                       at->prefix, act);
    return MARVIS_OK;
}

static marvis_status check_heads(const mv_json_at *at, const mv_llama_config *t,
                                 marvis_error *err) {
    if (t->n_heads % t->n_kv_heads != 0)
        return mv_fail(err, MARVIS_ERR_CONFIG,
                       "%s: \"%snum_attention_heads\" is %d; expected a multiple of "
                       "\"num_key_value_heads\" (%d)",
                       at->path, at->prefix, t->n_heads, t->n_kv_heads);
    if (t->head_dim < 2 || t->head_dim % 2 != 0)
        return mv_fail(err, MARVIS_ERR_CONFIG,
                       "%s: \"%shead_dim\" is %d; expected an even number (absent, it is "
                       "\"hidden_size\" / \"num_attention_heads\")",
                       at->path, at->prefix, t->head_dim);
    if (t->n_heads * t->head_dim > MV_MAX_WIDTH)
        return mv_fail(
            err, MARVIS_ERR_CONFIG,
            "%s: \"%snum_attention_heads\" x \"head_dim\" is %d x %d; expected at most %d",
            at->path, at->prefix, t->n_heads, t->head_dim, MV_MAX_WIDTH);
    return MARVIS_OK;
}

static marvis_status read_tower(const mv_json_at *at, int max_positions, mv_llama_config *t,
                                marvis_error *err) {
    double eps = 1e-5;
    *t = (mv_llama_config){.max_positions = max_positions, .rope = {.theta = 500000}};
    MV_TRY(refuse_biases(at, err));
    MV_TRY(mv_json_int(at, "num_hidden_layers", true, 1, MV_MAX_LAYERS, &t->n_layers, err));
    MV_TRY(mv_json_int(at, "hidden_size", true, 2, MV_MAX_WIDTH, &t->width, err));
    MV_TRY(mv_json_int(at, "intermediate_size", true, 1, MV_MAX_MLP_WIDTH, &t->mlp_width, err));
    MV_TRY(mv_json_int(at, "num_attention_heads", true, 1, MV_MAX_HEADS, &t->n_heads, err));
    MV_TRY(mv_json_int(at, "num_key_value_heads", true, 1, MV_MAX_HEADS, &t->n_kv_heads, err));
    if (t->width % t->n_heads == 0) t->head_dim = t->width / t->n_heads;
    MV_TRY(mv_json_int(at, "head_dim", false, 2, MV_MAX_HEAD_DIM, &t->head_dim, err));
    MV_TRY(check_heads(at, t, err));
    MV_TRY(mv_json_int(at, "max_position_embeddings", false, 2, MV_MAX_POSITIONS, &t->max_positions,
                       err));
    MV_TRY(mv_json_double(at, "rms_norm_eps", false, 1e-12, 1e-1, &eps, err));
    t->norm_eps = (float)eps;
    return mv_rope_config_read(at, &t->rope, err);
}

/* Old files name flavours instead of giving numbers. */
static marvis_status read_flavour(const mv_json_at *at, const char *key, mv_llama_config *tower,
                                  marvis_error *err) {
    const char *name;
    MV_TRY(mv_json_string(at, key, &name, err));
    if (!name)
        return mv_fail(
            err, MARVIS_ERR_CONFIG,
            "%s: neither \"depth_decoder_config\" nor \"%s\" is there; expected the config "
            "of a CSM or Marvis model",
            at->path, key);
    if (mv_csm_flavour_tower(name, tower)) return MARVIS_OK;
    return mv_fail(err, MARVIS_ERR_CONFIG, "%s: \"%s\" is \"%s\"; expected one of %s", at->path,
                   key, name, mv_csm_flavour_towers());
}

/* A number of the depth decoder that repeats one of the model must agree with it. */
static marvis_status check_repeated(const mv_json_at *depth, const char *key, int expected,
                                    marvis_error *err) {
    int value = expected;
    MV_TRY(mv_json_int(depth, key, false, INT_MIN, INT_MAX, &value, err));
    if (value == expected) return MARVIS_OK;
    return mv_fail(err, MARVIS_ERR_CONFIG,
                   "%s: \"%s%s\" is %d; expected %d as in the rest of the file", depth->path,
                   depth->prefix, key, value, expected);
}

static marvis_status read_towers(const mv_json_at *at, mv_csm_config *c, marvis_error *err) {
    const json_t *object;
    MV_TRY(mv_json_object(at, "depth_decoder_config", &object, err));
    if (object) {
        mv_json_at depth = {object, at->path, "depth_decoder_config."};
        MV_TRY(read_tower(at, 2048, &c->backbone, err));
        MV_TRY(read_tower(&depth, c->n_codebooks + 1, &c->depth, err));
        MV_TRY(check_repeated(&depth, "num_codebooks", c->n_codebooks, err));
        MV_TRY(check_repeated(&depth, "vocab_size", c->audio_vocab, err));
        MV_TRY(check_repeated(&depth, "backbone_hidden_size", c->backbone.width, err));
    } else {
        MV_TRY(read_flavour(at, "backbone_flavor", &c->backbone, err));
        MV_TRY(read_flavour(at, "decoder_flavor", &c->depth, err));
        c->depth.max_positions = c->n_codebooks + 1;
    }
    if (c->depth.max_positions >= c->n_codebooks) return MARVIS_OK;
    return mv_fail(
        err, MARVIS_ERR_CONFIG,
        "%s: \"depth_decoder_config.max_position_embeddings\" is %d; expected at least the "
        "number of codebooks (%d)",
        at->path, c->depth.max_positions, c->n_codebooks);
}

/* ---- the rest of config.json ---------------------------------------------------------------- */

/* mlx-audio and Marvis-Labs say audio_*, transformers says plain names; mlx-audio's files have
 * both. */
static marvis_status read_counts(const mv_json_at *at, mv_csm_config *c, marvis_error *err) {
    const char *vocab = mv_json_get(at, "audio_vocab_size") ? "audio_vocab_size" : "vocab_size";
    const char *books =
        mv_json_get(at, "audio_num_codebooks") ? "audio_num_codebooks" : "num_codebooks";
    MV_TRY(mv_json_int(at, "text_vocab_size", true, 1, MV_MAX_TEXT_VOCAB, &c->text_vocab, err));
    MV_TRY(mv_json_int(at, vocab, true, 2, MV_MAX_AUDIO_VOCAB, &c->audio_vocab, err));
    MV_TRY(mv_json_int(at, books, true, 2, MV_MAX_CODEBOOKS, &c->n_codebooks, err));
    int eos = 0;
    MV_TRY(mv_json_int(at, "codebook_eos_token_id", false, 0, c->audio_vocab - 1, &eos, err));
    if (eos == 0) return MARVIS_OK;
    return mv_fail(
        err, MARVIS_ERR_UNSUPPORTED,
        "%s: \"codebook_eos_token_id\" is %d; expected 0: a frame of zeros ends the speech",
        at->path, eos);
}

/* A config of Marvis may carry the ids of CSM's class defaults: they count only when the vocabulary
 * has them. */
static void read_text_ids(const mv_json_at *at, mv_csm_config *c) {
    const json_t *bos = mv_json_get(at, "bos_token_id"), *eos = mv_json_get(at, "eos_token_id");
    if (!json_is_integer(bos) || !json_is_integer(eos)) return;
    json_int_t b = json_integer_value(bos), e = json_integer_value(eos);
    if (b < 0 || b >= c->text_vocab || e < 0 || e >= c->text_vocab) return;
    c->bos_id = (int)b;
    c->eos_id = (int)e;
}

static marvis_status read_bits(const mv_json_at *at, bool required, int *bits, int *group,
                               marvis_error *err) {
    const char *mode;
    MV_TRY(mv_json_string(at, "mode", &mode, err));
    if (mode && strcmp(mode, "affine") != 0)
        return mv_fail(err, MARVIS_ERR_UNSUPPORTED,
                       "%s: \"%smode\" is \"%s\"; only \"affine\" is supported", at->path,
                       at->prefix, mode);
    MV_TRY(mv_json_int(at, "bits", required, 2, 8, bits, err));
    MV_TRY(mv_json_int(at, "group_size", required, 32, 128, group, err));
    if (*bits == 7 || (*group != 32 && *group != 64 && *group != 128))
        return mv_fail(
            err, MARVIS_ERR_CONFIG,
            "%s: \"%sbits\" is %d and \"group_size\" %d; expected 2, 3, 4, 5, 6 or 8 bits "
            "in groups of 32, 64 or 128",
            at->path, at->prefix, *bits, *group);
    return MARVIS_OK;
}

static marvis_status read_overrides(const mv_json_at *at, mv_quant_config *q, marvis_error *err) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)at->object, key, value) {
        if (!json_is_object(value)) continue;
        char prefix[256];
        int bits = q->bits, group = q->group_size;
        snprintf(prefix, sizeof prefix, "%s%s.", at->prefix, key);
        mv_json_at entry = {value, at->path, prefix};
        MV_TRY(read_bits(&entry, false, &bits, &group, err));
    }
    q->overrides = at->object;
    return MARVIS_OK;
}

static marvis_status read_quantization(const mv_json_at *at, mv_quant_config *q,
                                       marvis_error *err) {
    const json_t *object, *other;
    const char *method;
    MV_TRY(mv_json_object(at, "quantization", &object, err));
    MV_TRY(mv_json_object(at, "quantization_config", &other, err));
    mv_json_at inner = {object, at->path, "quantization."};
    if (!object) inner = (mv_json_at){other, at->path, "quantization_config."};
    if (!inner.object) return MARVIS_OK;
    MV_TRY(mv_json_string(&inner, "quant_method", &method, err));
    if (method)
        return mv_fail(
            err, MARVIS_ERR_UNSUPPORTED,
            "%s: \"%squant_method\" is \"%s\"; only MLX's affine quantisation is supported",
            at->path, inner.prefix, method);
    MV_TRY(read_bits(&inner, true, &q->bits, &q->group_size, err));
    q->present = true;
    return read_overrides(&inner, q, err);
}

static marvis_status read_all(const mv_json_at *at, mv_csm_config *c, marvis_error *err) {
    const json_t *codec;
    const char *type;
    MV_TRY(mv_json_string(at, "model_type", &type, err));
    if (type && strcmp(type, "mimi") == 0)
        return mv_fail(err, MARVIS_ERR_CONFIG,
                       "%s: \"model_type\" is \"mimi\", the codec's config; expected the model's",
                       at->path);
    MV_TRY(read_counts(at, c, err));
    MV_TRY(read_towers(at, c, err));
    read_text_ids(at, c);
    MV_TRY(mv_json_bool(at, "speaker_prefix_space", &c->speaker_prefix_space, err));
    MV_TRY(read_quantization(at, &c->quant, err));
    MV_TRY(mv_json_object(at, "codec_config", &codec, err));
    if (!codec) return MARVIS_OK;
    c->has_codec = true;
    mv_json_at inner = {codec, at->path, "codec_config."};
    return mv_mimi_config_read(&inner, &c->codec, err);
}

marvis_status mv_csm_config_parse(const char *json, size_t len, const char *path,
                                  mv_csm_config *config, marvis_error *err) {
    json_t *root;
    memset(config, 0, sizeof *config);
    MV_TRY(mv_json_load(json, len, path, 0, &root, err));
    mv_csm_config_defaults(config);
    config->json = root;
    mv_json_at at = {root, path, ""};
    marvis_status status = read_all(&at, config, err);
    if (status != MARVIS_OK) {
        mv_csm_config_deinit(config);
        return status;
    }
    snprintf(config->source, sizeof config->source, "config.json%s",
             mv_json_get(&at, "depth_decoder_config") ? "" : " (flavours)");
    return MARVIS_OK;
}

void mv_csm_config_deinit(mv_csm_config *config) {
    json_decref(config->json);
    memset(config, 0, sizeof *config);
}

/* ---- generation_config.json ----------------------------------------------------------------- */

static marvis_status read_sampling(const mv_json_at *at, const char *prefix,
                                   mv_generation_config *g, marvis_error *err) {
    char key[64];
    double number = 0;
    *g = (mv_generation_config){0};
    snprintf(key, sizeof key, "%stemperature", prefix);
    g->has_temperature = mv_json_get(at, key) != NULL;
    MV_TRY(mv_json_double(at, key, false, 0, 100, &number, err));
    g->temperature = (float)number;
    snprintf(key, sizeof key, "%stop_k", prefix);
    g->has_top_k = mv_json_get(at, key) != NULL;
    MV_TRY(mv_json_int(at, key, false, 0, INT_MAX, &g->top_k, err));
    snprintf(key, sizeof key, "%stop_p", prefix);
    g->has_top_p = mv_json_get(at, key) != NULL;
    number = 0;
    MV_TRY(mv_json_double(at, key, false, 1e-6, 1, &number, err));
    g->top_p = (float)number;
    snprintf(key, sizeof key, "%sdo_sample", prefix);
    g->has_do_sample = mv_json_get(at, key) != NULL;
    return mv_json_bool(at, key, &g->do_sample, err);
}

marvis_status mv_generation_config_parse(const char *json, size_t len, const char *path,
                                         mv_csm_config *config, marvis_error *err) {
    json_t *root;
    mv_generation_config codebook0, depth;
    MV_TRY(mv_json_load(json, len, path, 0, &root, err));
    mv_json_at at = {root, path, ""};
    marvis_status status = read_sampling(&at, "", &codebook0, err);
    if (status == MARVIS_OK) status = read_sampling(&at, "depth_decoder_", &depth, err);
    json_decref(root);
    if (status != MARVIS_OK) return status;
    config->gen_codebook0 = codebook0;
    config->gen_depth = depth;
    return MARVIS_OK;
}
