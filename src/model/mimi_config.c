/* mimi_config.c - Mimi's numbers: the published ones, and those of a transformers MimiConfig. What
 * the decoder cannot do is refused by the name of its key. */
#include "model/csm_config_internal.h"

#include "base/memory.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

void mv_mimi_config_init(mv_mimi_config *config) {
    *config = (mv_mimi_config){
        .sample_rate = 24000,
        .latent = 512,
        .n_filters = 64,
        .kernel = 7,
        .last_kernel = 3,
        .residual_kernel = 3,
        .compress = 2,
        .n_ratios = 4,
        .ratios = {8, 6, 5, 4},
        .n_layers = 8,
        .n_heads = 8,
        .head_dim = 64,
        .mlp_width = 2048,
        .window = 250,
        .rope_theta = 10000,
        .norm_eps = 1e-5f,
        .codebook_size = 2048,
        .codebook_dim = 256,
        .n_codebooks = 32,
        .n_semantic = 1,
        .upsample_stride = 2,
    };
}

int mv_mimi_frame_samples(const mv_mimi_config *config) {
    int samples = config->upsample_stride;
    for (int i = 0; i < config->n_ratios; i++)
        samples *= config->ratios[i];
    return samples;
}

/* A key whose only supported value is this number. */
static marvis_status only_int(const mv_json_at *at, const char *key, int supported,
                              marvis_error *err) {
    int value = supported;
    MV_TRY(mv_json_int(at, key, false, INT_MIN, INT_MAX, &value, err));
    if (value == supported) return MARVIS_OK;
    return mv_fail(err, MARVIS_ERR_UNSUPPORTED, "%s: \"%s%s\" is %d; only %d is supported",
                   at->path, at->prefix, key, value, supported);
}

static marvis_status only_bool(const mv_json_at *at, const char *key, bool supported,
                               marvis_error *err) {
    bool value = supported;
    MV_TRY(mv_json_bool(at, key, &value, err));
    if (value == supported) return MARVIS_OK;
    return mv_fail(err, MARVIS_ERR_UNSUPPORTED, "%s: \"%s%s\" is %s; only %s is supported",
                   at->path, at->prefix, key, value ? "true" : "false",
                   supported ? "true" : "false");
}

static marvis_status only_string(const mv_json_at *at, const char *key, const char *supported,
                                 marvis_error *err) {
    const char *value;
    MV_TRY(mv_json_string(at, key, &value, err));
    if (!value || strcmp(value, supported) == 0) return MARVIS_OK;
    return mv_fail(err, MARVIS_ERR_UNSUPPORTED, "%s: \"%s%s\" is \"%s\"; only \"%s\" is supported",
                   at->path, at->prefix, key, value, supported);
}

static marvis_status refuse_unsupported(const mv_json_at *at, marvis_error *err) {
    double trim = 1.0;
    MV_TRY(only_bool(at, "use_causal_conv", true, err));
    MV_TRY(only_bool(at, "use_conv_shortcut", false, err));
    MV_TRY(only_bool(at, "attention_bias", false, err));
    MV_TRY(only_int(at, "num_residual_layers", 1, err));
    MV_TRY(only_int(at, "audio_channels", 1, err));
    MV_TRY(only_string(at, "pad_mode", "constant", err));
    MV_TRY(only_string(at, "hidden_act", "gelu", err));
    MV_TRY(mv_json_double(at, "trim_right_ratio", false, -1e9, 1e9, &trim, err));
    if (trim < 1.0 || trim > 1.0)
        return mv_fail(err, MARVIS_ERR_UNSUPPORTED,
                       "%s: \"%strim_right_ratio\" is %g; only 1 is supported", at->path,
                       at->prefix, trim);
    /* With one residual layer the dilation is growth^0 = 1 whatever the growth. */
    return MARVIS_OK;
}

static marvis_status read_ratios(const mv_json_at *at, mv_mimi_config *config, marvis_error *err) {
    const json_t *list = mv_json_get(at, "upsampling_ratios");
    if (!list) return MARVIS_OK;
    size_t n = json_array_size(list);
    if (n < 1 || n > MV_MIMI_MAX_RATIOS)
        return mv_fail(err, MARVIS_ERR_CONFIG,
                       "%s: \"%supsampling_ratios\" must be a list of 1 to %d numbers", at->path,
                       at->prefix, MV_MIMI_MAX_RATIOS);
    int64_t product = 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *ratio = json_array_get(list, i);
        json_int_t value = json_is_integer(ratio) ? json_integer_value(ratio) : 0;
        product *= value >= 1 && value <= 64 ? value : INT_MAX;
        if (product > 1 << 20)
            return mv_fail(
                err, MARVIS_ERR_CONFIG,
                "%s: \"%supsampling_ratios\" holds an impossible value; expected integers "
                "of 1 to 64 with a product of at most %d",
                at->path, at->prefix, 1 << 20);
        config->ratios[i] = (int)value;
    }
    config->n_ratios = (int)n;
    return MARVIS_OK;
}

static marvis_status read_convolutions(const mv_json_at *at, mv_mimi_config *c, marvis_error *err) {
    MV_TRY(mv_json_int(at, "sampling_rate", false, 1000, 192000, &c->sample_rate, err));
    MV_TRY(mv_json_int(at, "hidden_size", false, 2, 16384, &c->latent, err));
    MV_TRY(mv_json_int(at, "num_filters", false, 1, 4096, &c->n_filters, err));
    MV_TRY(mv_json_int(at, "kernel_size", false, 1, 63, &c->kernel, err));
    MV_TRY(mv_json_int(at, "last_kernel_size", false, 1, 63, &c->last_kernel, err));
    MV_TRY(mv_json_int(at, "residual_kernel_size", false, 1, 63, &c->residual_kernel, err));
    MV_TRY(mv_json_int(at, "compress", false, 1, c->n_filters, &c->compress, err));
    MV_TRY(read_ratios(at, c, err));
    if (c->n_filters % c->compress != 0 || c->n_filters << c->n_ratios > MV_MAX_WIDTH)
        return mv_fail(
            err, MARVIS_ERR_CONFIG,
            "%s: \"%snum_filters\" is %d; expected a multiple of \"compress\" (%d) and at "
            "most %d channels after %d ratios",
            at->path, at->prefix, c->n_filters, c->compress, MV_MAX_WIDTH, c->n_ratios);
    /* The depthwise upsampling works on every latent channel by itself. */
    return only_int(at, "upsample_groups", c->latent, err);
}

static marvis_status read_transformer(const mv_json_at *at, mv_mimi_config *c, marvis_error *err) {
    double eps = (double)c->norm_eps;
    mv_rope_config rope = {.theta = c->rope_theta};
    MV_TRY(mv_json_int(at, "num_hidden_layers", false, 1, MV_MAX_LAYERS, &c->n_layers, err));
    MV_TRY(mv_json_int(at, "num_attention_heads", false, 1, MV_MAX_HEADS, &c->n_heads, err));
    MV_TRY(only_int(at, "num_key_value_heads", c->n_heads, err));
    c->head_dim = c->latent / c->n_heads;
    MV_TRY(mv_json_int(at, "head_dim", false, 2, MV_MAX_HEAD_DIM, &c->head_dim, err));
    if (c->head_dim < 2 || c->head_dim % 2 != 0 || c->head_dim * c->n_heads != c->latent)
        return mv_fail(
            err, MARVIS_ERR_CONFIG,
            "%s: \"%shead_dim\" is %d; expected \"hidden_size\" / \"num_attention_heads\" "
            "(%d / %d), an even number",
            at->path, at->prefix, c->head_dim, c->latent, c->n_heads);
    MV_TRY(mv_json_int(at, "intermediate_size", false, 1, MV_MAX_WIDTH, &c->mlp_width, err));
    MV_TRY(mv_json_int(at, "sliding_window", false, 1, 1 << 16, &c->window, err));
    MV_TRY(mv_json_double(at, "norm_eps", false, 1e-12, 1e-1, &eps, err));
    c->norm_eps = (float)eps;
    MV_TRY(mv_rope_config_read(at, &rope, err));
    if (rope.llama3)
        return mv_fail(err, MARVIS_ERR_UNSUPPORTED,
                       "%s: \"%s%s\" scales the positions; Mimi is supported without scaling",
                       at->path, at->prefix,
                       mv_json_get(at, "rope_parameters") ? "rope_parameters" : "rope_scaling");
    c->rope_theta = rope.theta;
    return MARVIS_OK;
}

static marvis_status read_quantiser(const mv_json_at *at, mv_mimi_config *c, marvis_error *err) {
    MV_TRY(mv_json_int(at, "codebook_size", false, 2, MV_MAX_AUDIO_VOCAB, &c->codebook_size, err));
    MV_TRY(mv_json_int(at, "codebook_dim", false, 1, 4096, &c->codebook_dim, err));
    MV_TRY(only_int(at, "vector_quantization_hidden_dimension", c->codebook_dim, err));
    MV_TRY(mv_json_int(at, "num_quantizers", false, 1, MV_MAX_CODEBOOKS, &c->n_codebooks, err));
    MV_TRY(mv_json_int(at, "num_semantic_quantizers", false, 1, MV_MAX_CODEBOOKS, &c->n_semantic,
                       err));
    if (c->n_semantic >= c->n_codebooks)
        return mv_fail(err, MARVIS_ERR_CONFIG,
                       "%s: \"%snum_semantic_quantizers\" is %d; expected less than "
                       "\"num_quantizers\" (%d)",
                       at->path, at->prefix, c->n_semantic, c->n_codebooks);
    return MARVIS_OK;
}

/* transformers resamples between latents and frames by 2, whatever the rates are; a config whose
 * rates say otherwise is of another codec. */
static marvis_status read_frame_rate(const mv_json_at *at, const mv_mimi_config *c,
                                     marvis_error *err) {
    const char *key = mv_json_get(at, "frame_rate") ? "frame_rate" : "_frame_rate";
    double expected = (double)c->sample_rate / mv_mimi_frame_samples(c), rate = expected;
    MV_TRY(mv_json_double(at, key, false, 1e-3, 1e6, &rate, err));
    if (rate > expected * 0.999 && rate < expected * 1.001) return MARVIS_OK;
    return mv_fail(err, MARVIS_ERR_UNSUPPORTED,
                   "%s: \"%s%s\" is %g; expected %g: only %d latents a frame are supported",
                   at->path, at->prefix, key, rate, expected, c->upsample_stride);
}

marvis_status mv_mimi_config_read(const mv_json_at *at, mv_mimi_config *config, marvis_error *err) {
    mv_mimi_config_init(config);
    MV_TRY(refuse_unsupported(at, err));
    MV_TRY(read_convolutions(at, config, err));
    MV_TRY(read_transformer(at, config, err));
    MV_TRY(read_quantiser(at, config, err));
    return read_frame_rate(at, config, err);
}

marvis_status mv_mimi_config_parse(const char *json, size_t len, const char *path,
                                   mv_mimi_config *config, marvis_error *err) {
    json_t *root;
    const json_t *codec;
    mv_mimi_config_init(config);
    MV_TRY(mv_json_load(json, len, path, 0, &root, err));
    mv_json_at at = {root, path, ""};
    marvis_status status = mv_json_object(&at, "codec_config", &codec, err);
    if (codec) at = (mv_json_at){codec, path, "codec_config."};
    if (status == MARVIS_OK) status = mv_mimi_config_read(&at, config, err);
    json_decref(root);
    if (status != MARVIS_OK) mv_mimi_config_init(config);
    return status;
}

char *mv_mimi_config_text(const mv_mimi_config *c) {
    json_t *ratios = json_array();
    for (int i = 0; i < c->n_ratios; i++)
        json_array_append_new(ratios, json_integer(c->ratios[i]));
    json_t *root = json_pack(
        "{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:i, s:i, "
        "s:i, s:i}",
        "sampling_rate", c->sample_rate, "hidden_size", c->latent, "num_filters", c->n_filters,
        "kernel_size", c->kernel, "last_kernel_size", c->last_kernel, "residual_kernel_size",
        c->residual_kernel, "compress", c->compress, "upsampling_ratios", ratios,
        "num_hidden_layers", c->n_layers, "num_attention_heads", c->n_heads, "head_dim",
        c->head_dim, "intermediate_size", c->mlp_width, "sliding_window", c->window, "rope_theta",
        c->rope_theta, "norm_eps", (double)c->norm_eps, "codebook_size", c->codebook_size,
        "codebook_dim", c->codebook_dim, "num_quantizers", c->n_codebooks,
        "num_semantic_quantizers", c->n_semantic);
    bool complete = root && json_array_size(ratios) == (size_t)c->n_ratios;
    char *dumped = complete ? json_dumps(root, JSON_COMPACT) : NULL;
    char *text = mv_strdup(dumped); /* NULL stays NULL */
    free(dumped);                   /* jansson's memory */
    json_decref(root);
    return text;
}
