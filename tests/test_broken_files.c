/* test_broken_files.c - what a person sees when a model's files are broken: a tiny model that
 * opens is broken in one way at a time, and opening it must fail with the right status and one
 * line that names the file, the tensor or key, and what was expected. */
#include "format_fixture.h"

#include <stdbool.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- the model that opens ------------------------------------------------------------------- */

static const char good_config[] =
    "{\"text_vocab_size\": 11, \"audio_vocab_size\": 7, \"audio_num_codebooks\": 3,"
    " \"hidden_size\": 16, \"intermediate_size\": 24, \"num_hidden_layers\": 1,"
    " \"num_attention_heads\": 2, \"num_key_value_heads\": 1, \"max_position_embeddings\": 64,"
    " \"depth_decoder_config\": {\"hidden_size\": 8, \"intermediate_size\": 12,"
    " \"num_hidden_layers\": 1, \"num_attention_heads\": 4, \"num_key_value_heads\": 2}}";

static const struct {
    const char *name, *shape;
} good_tensors[] = {
    {"text_embeddings.weight", "[11,16]"},
    {"audio_embeddings.weight", "[21,16]"},
    {"projection.weight", "[8,16]"},
    {"codebook0_head.weight", "[7,16]"},
    {"audio_head", "[2,8,7]"},
    {"backbone.norm.scale", "[16]"},
    {"backbone.layers.0.sa_norm.scale", "[16]"},
    {"backbone.layers.0.attn.q_proj.weight", "[16,16]"},
    {"backbone.layers.0.attn.k_proj.weight", "[8,16]"},
    {"backbone.layers.0.attn.v_proj.weight", "[8,16]"},
    {"backbone.layers.0.attn.output_proj.weight", "[16,16]"},
    {"backbone.layers.0.mlp_norm.scale", "[16]"},
    {"backbone.layers.0.mlp.w1.weight", "[24,16]"},
    {"backbone.layers.0.mlp.w3.weight", "[24,16]"},
    {"backbone.layers.0.mlp.w2.weight", "[16,24]"},
    {"decoder.norm.scale", "[8]"},
    {"decoder.layers.0.sa_norm.scale", "[8]"},
    {"decoder.layers.0.attn.q_proj.weight", "[8,8]"},
    {"decoder.layers.0.attn.k_proj.weight", "[4,8]"},
    {"decoder.layers.0.attn.v_proj.weight", "[4,8]"},
    {"decoder.layers.0.attn.output_proj.weight", "[8,8]"},
    {"decoder.layers.0.mlp_norm.scale", "[8]"},
    {"decoder.layers.0.mlp.w1.weight", "[12,8]"},
    {"decoder.layers.0.mlp.w3.weight", "[12,8]"},
    {"decoder.layers.0.mlp.w2.weight", "[8,12]"},
};

/* Number of values of a shape text. */
static size_t values_of(const char *shape) {
    size_t n = 1;
    for (const char *s = shape; *s; s++) {
        if (*s < '0' || *s > '9') continue;
        n *= strtoul(s, (char **)&s, 10);
        if (!*s) break;
    }
    return n;
}

/* ---- the ways to break it ------------------------------------------------------------------- */

typedef struct broken {
    marvis_status status;
    const char *says[3]; /* all must be in the message; unused ones NULL */
    /* config.json: `find` replaced by `with`; find "" replaces all of it */
    const char *find, *with;
    /* one tensor: dropped (no shape), or given another shape and type, or added when it is new */
    const char *tensor, *shape, *type;
    /* the weights instead: a header and zeros after it, or bytes as they are */
    const char *header;
    size_t data_len;
    const char *bytes;
    size_t n_bytes;
    /* an index instead of one file; the tensors are in s.safetensors */
    const char *index;
} broken;

#define WEIGHTS "model.safetensors: "
#define CONFIG  "config.json: "
#define INDEX   "model.safetensors.index.json: "
#define T(name, type, shape, offsets)                                                              \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define HEADER(text, n, ...)                                                                       \
    {                                                                                              \
        .header = text, .data_len = n, .status = MARVIS_ERR_FORMAT, .says = {                      \
            WEIGHTS,                                                                               \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define BYTES(text, st, ...)                                                                       \
    {                                                                                              \
        .bytes = text, .n_bytes = sizeof text - 1, .status = st, .says = { WEIGHTS, __VA_ARGS__ }  \
    }
#define TENSOR(name, sh, ty, ...)                                                                  \
    {                                                                                              \
        .tensor = name, .shape = sh, .type = ty, .status = MARVIS_ERR_TENSOR, .says = {            \
            WEIGHTS,                                                                               \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define KEY(text, other, st, ...)                                                                  \
    {                                                                                              \
        .find = text, .with = other, .status = st, .says = { CONFIG, __VA_ARGS__ }                 \
    }
#define SHARD(text, st, ...)                                                                       \
    {                                                                                              \
        .index = text, .status = st, .says = { INDEX, __VA_ARGS__ }                                \
    }

static const broken cases[] = {
    /* bytes that are no safetensors file */
    BYTES("", MARVIS_ERR_FORMAT, "0 bytes long", "the download is incomplete"),
    BYTES("\1\2\3", MARVIS_ERR_FORMAT, "3 bytes long", "has at least 8"),
    BYTES("\0\0\0\0\0\0\0\0{}", MARVIS_ERR_FORMAT, "header length 0", "expected at least 2"),
    BYTES("\377\377\377\377\377\377\377\377{}", MARVIS_ERR_FORMAT, "expected at most",
          "not a safetensors or GGUF file"),
    BYTES("\0\0\0\0\0\0\0\200{}", MARVIS_ERR_FORMAT, "expected at most",
          "not a safetensors or GGUF file"),
    BYTES("\100\0\0\0\0\0\0\0{}", MARVIS_ERR_FORMAT, "header of 64 bytes, but the file has 10",
          "the download is incomplete"),
    BYTES("version https://git-lfs.github.com/spec/v1\n", MARVIS_ERR_FORMAT, "Git LFS pointer",
          "git lfs pull"),
    BYTES("GGUF\3\0\0", MARVIS_ERR_FORMAT, "ends at byte 7", "inside the version"),
    BYTES("PK\3\4\0\0\0\0", MARVIS_ERR_UNSUPPORTED, "zip archive", "save the weights"),
    /* headers that lie */
    HEADER("[]", 0, "expected a JSON object"),
    HEADER("77", 0, "expected a JSON object"),
    HEADER("{\"a\":{}", 0, "not valid JSON at byte", "damaged"),
    HEADER("{" T("a", "U8", "[1]", "[0,1]") "," T("a", "U8", "[1]", "[1,2]") "}", 2, "duplicate",
           "\"a\""),
    HEADER("{" T("a\\u0000b", "U8", "[1]", "[0,1]") "}", 1, "NUL byte in object key", "damaged"),
    HEADER("{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 0,
           "nested deeper than 64 levels", "expected a plain object"),
    HEADER("{" T("a", "F31", "[1]", "[0,4]") "}", 4, "\"a\"", "unknown type \"F31\"; expected F32"),
    HEADER("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "\"a\"", "must be [begin, end]"),
    HEADER("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "\"a\"",
           "expected a list of sizes"),
    HEADER("{\"a\":\"F32\"}", 4, "\"a\"", "\"dtype\" is missing; expected a string"),
    HEADER("{" T("a", "F32", "[-1]", "[0,4]") "}", 4, "\"a\"", "expected integers of at least 0"),
    HEADER("{" T("a", "F32", "[4294967296,4294967296]", "[0,4]") "}", 4, "\"a\"",
           "overflows; expected a shape that fits"),
    HEADER("{" T("a", "F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, "\"a\"",
           "9 dimensions; expected at most 8"),
    HEADER("{" T("a", "F32", "[2]", "[0,4]") "}", 4, "\"a\"", "expected 2 values of type F32"),
    HEADER("{" T("a", "F32", "[1]", "[-4,0]") "}", 4, "\"a\"", "0 <= begin <= end"),
    HEADER("{" T("a", "F32", "[1]", "[4,0]") "}", 4, "\"a\"", "0 <= begin <= end"),
    HEADER("{" T("a", "F32", "[2]", "[0,8]") "}", 4, "\"a\"", "the download is incomplete"),
    HEADER("{" T("a", "U8", "[3]", "[0,3]") "," T("b", "U8", "[3]", "[2,5]") "}", 5, "\"b\"",
           "must neither overlap nor leave holes"),
    HEADER("{" T("a", "U8", "[3]", "[0,3]") "," T("b", "U8", "[3]", "[4,7]") "}", 7, "\"b\"",
           "must neither overlap nor leave holes"),
    HEADER("{" T("a", "U8", "[3]", "[0,3]") "}", 9, "6 bytes follow", "expected the file to end"),
    HEADER("{\"__metadata__\":7}", 0, "__metadata__", "must be an object of strings"),
    {.header = "{}", .status = MARVIS_ERR_TENSOR, .says = {WEIGHTS, "no tensors", "expected"}},
    {.header = "{" T("model.embed_tokens.weight", "U8", "[1]", "[0,1]") "}",
     .data_len = 1,
     .status = MARVIS_ERR_TENSOR,
     .says = {WEIGHTS, "\"model.embed_tokens.weight\"", "expected a CSM or Marvis model"}},
    /* tensors */
    TENSOR("projection.weight", NULL, NULL, "\"projection.weight\" is missing",
           "expected shape [8, 16]"),
    TENSOR("text_embeddings.weight", NULL, NULL, "\"text_embeddings.weight\" is missing",
           "expected shape [11, 16]"),
    TENSOR("backbone.norm.scale", NULL, NULL, "\"backbone.norm.scale\" is missing",
           "expected shape [16]"),
    TENSOR("audio_head", NULL, NULL, "\"audio_head\" is missing", "expected shape [2, 8, 7]"),
    TENSOR("audio_head", "[2,7,8]", "F32", "\"audio_head\" has shape [2, 7, 8]",
           "expected [2, 8, 7]"),
    TENSOR("audio_embeddings.weight", "[14,16]", "F32", "has shape [14, 16]",
           "expected [21, 16]: does config.json belong to this file?"),
    TENSOR("decoder.layers.0.attn.k_proj.weight", "[8,8]", "F32", "has shape [8, 8]",
           "expected [4, 8]"),
    TENSOR("decoder.layers.0.mlp.w2.weight", "[96]", "F32", "has shape [96]", "expected [8, 12]"),
    TENSOR("backbone.layers.0.mlp.w1.weight", "[24,16]", "I8",
           "\"backbone.layers.0.mlp.w1.weight\"", "has type I8; expected F32, F16 or BF16"),
    TENSOR("decoder.norm.scale", "[8]", "F64", "\"decoder.norm.scale\" has type F64",
           "expected F32, F16 or BF16"),
    TENSOR("backbone.layers.1.sa_norm.scale", "[16]", "F32",
           "unexpected tensor \"backbone.layers.1.sa_norm.scale\"", "no place for it"),
    TENSOR("projection.bias", "[8]", "F32", "unexpected tensor \"projection.bias\"",
           "no place for it"),
    TENSOR("projection.scales", "[8,1]", "F32", "\"projection.weight\" has type F32; expected U32",
           "\"projection.scales\""),
    {.tensor = "model.projection.weight",
     .shape = "[8,16]",
     .type = "F32",
     .status = MARVIS_ERR_FORMAT,
     .says = {WEIGHTS, "\"model.projection.weight\" and \"projection.weight\"", "expected one of"}},
    /* shards */
    SHARD("{\"metadata\":{}}", MARVIS_ERR_FORMAT, "\"weight_map\" is missing",
          "expected an object"),
    SHARD("{\"weight_map\":{}}", MARVIS_ERR_FORMAT, "is empty", "expected tensor names"),
    SHARD("{\"weight_map\":{\"a\":\"t.safetensors\"}}", MARVIS_ERR_NOT_FOUND,
          "t.safetensors is missing", "put all shards beside the index"),
    SHARD("{\"weight_map\":{\"a\":\"../s.safetensors\"}}", MARVIS_ERR_FORMAT, "../s.safetensors",
          "expected a file beside the index"),
    SHARD("{\"weight_map\":{\"a\":\"/etc/hostname\"}}", MARVIS_ERR_FORMAT, "/etc/hostname",
          "expected a file beside the index"),
    SHARD("{\"weight_map\":{\"a\":3}}", MARVIS_ERR_FORMAT, "\"a\"", "must be a file name"),
    SHARD("{\"weight_map\":{\"a\":\"s.safetensors\"}}", MARVIS_ERR_FORMAT,
          "tensor \"a\" is missing from", "do not belong together"),
    SHARD("{\"weight_map\":", MARVIS_ERR_FORMAT, "not valid JSON", "damaged"),
    /* configuration */
    KEY("", "", MARVIS_ERR_FORMAT, "the file is empty", "expected a JSON object"),
    KEY("", "[]", MARVIS_ERR_FORMAT, "expected a JSON object"),
    KEY("", "{}", MARVIS_ERR_CONFIG, "\"text_vocab_size\" is missing", "expected an integer"),
    KEY("16,", "16;", MARVIS_ERR_FORMAT, "not valid JSON at byte", "damaged"),
    KEY("{\"hidden_size\": 8,", "{", MARVIS_ERR_CONFIG, "\"depth_decoder_config.hidden_size\"",
        "is missing; expected an integer"),
    KEY("\"intermediate_size\": 24,", "", MARVIS_ERR_CONFIG, "\"intermediate_size\" is missing",
        "expected an integer"),
    KEY("\"depth_decoder_config\"", "\"other\"", MARVIS_ERR_CONFIG, "\"depth_decoder_config\"",
        "expected the config of a CSM or Marvis model"),
    KEY("\"depth_decoder_config\"",
        "\"backbone_flavor\": \"llama-9B\", \"decoder_flavor\": \"llama-60M\", \"other\"",
        MARVIS_ERR_CONFIG, "\"backbone_flavor\" is \"llama-9B\"", "expected one of llama-1B"),
    /* more than the weights have is reported on the weights */
    {.find = "\"num_hidden_layers\": 1,",
     .with = "\"num_hidden_layers\": 2,",
     .status = MARVIS_ERR_TENSOR,
     .says = {WEIGHTS, "\"backbone.layers.1.sa_norm.scale\" is missing", "expected shape [16]"}},
    KEY("\"num_hidden_layers\": 1,", "\"num_hidden_layers\": 257,", MARVIS_ERR_CONFIG,
        "\"num_hidden_layers\" is 257", "expected 1 to 256"),
    KEY("\"num_hidden_layers\": 1,", "\"num_hidden_layers\": 0,", MARVIS_ERR_CONFIG,
        "\"num_hidden_layers\" is 0", "expected 1 to 256"),
    KEY("\"hidden_size\": 16", "\"hidden_size\": 9999999999", MARVIS_ERR_CONFIG,
        "\"hidden_size\" is 9999999999", "expected 2 to 65536"),
    KEY("\"hidden_size\": 16", "\"hidden_size\": -16", MARVIS_ERR_CONFIG, "\"hidden_size\" is -16",
        "expected 2 to 65536"),
    KEY("\"hidden_size\": 16", "\"hidden_size\": \"16\"", MARVIS_ERR_CONFIG,
        "\"hidden_size\" is a string", "expected an integer"),
    KEY("\"hidden_size\": 16", "\"hidden_size\": 16.0", MARVIS_ERR_CONFIG,
        "\"hidden_size\" is a fraction", "expected an integer"),
    KEY("\"text_vocab_size\": 11", "\"text_vocab_size\": 2147483647", MARVIS_ERR_CONFIG,
        "\"text_vocab_size\"", "expected 1 to 16777216"),
    KEY("\"audio_num_codebooks\": 3", "\"audio_num_codebooks\": 65", MARVIS_ERR_CONFIG,
        "\"audio_num_codebooks\" is 65", "expected 2 to 64"),
    KEY("\"num_attention_heads\": 2", "\"num_attention_heads\": 3", MARVIS_ERR_CONFIG,
        "\"head_dim\" is 0", "expected an even number"),
    KEY("\"num_attention_heads\": 2,", "\"num_attention_heads\": 2, \"head_dim\": 7,",
        MARVIS_ERR_CONFIG, "\"head_dim\" is 7", "expected an even number"),
    KEY("\"num_attention_heads\": 2,", "\"num_attention_heads\": 1024, \"head_dim\": 1024,",
        MARVIS_ERR_CONFIG, "1024 x 1024", "expected at most 65536"),
    KEY("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", MARVIS_ERR_CONFIG,
        "\"depth_decoder_config.num_attention_heads\" is 4", "expected a multiple of"),
    KEY("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 2, \"num_codebooks\": 32",
        MARVIS_ERR_CONFIG, "\"depth_decoder_config.num_codebooks\" is 32", "expected 3"),
    KEY("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 2, \"backbone_hidden_size\": 8",
        MARVIS_ERR_CONFIG, "\"depth_decoder_config.backbone_hidden_size\" is 8", "expected 16"),
    KEY("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 2, \"max_position_embeddings\": 2",
        MARVIS_ERR_CONFIG, "max_position_embeddings\" is 2", "expected at least the number"),
    KEY("\"max_position_embeddings\": 64", "\"max_position_embeddings\": 1000000000",
        MARVIS_ERR_CONFIG, "\"max_position_embeddings\"", "expected 2 to 131072"),
    KEY("\"hidden_size\": 16", "\"rms_norm_eps\": -1, \"hidden_size\": 16", MARVIS_ERR_CONFIG,
        "\"rms_norm_eps\" is -1", "expected 1e-12 to 0.1"),
    KEY("\"hidden_size\": 16", "\"rope_theta\": 0, \"hidden_size\": 16", MARVIS_ERR_CONFIG,
        "\"rope_theta\" is 0", "expected 1.0001 to"),
    KEY("\"hidden_size\": 16",
        "\"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 4}, \"hidden_size\": 16",
        MARVIS_ERR_UNSUPPORTED, "\"rope_scaling.rope_type\" is \"yarn\"", "only \"llama3\""),
    KEY("\"hidden_size\": 16",
        "\"rope_parameters\": {\"rope_type\": \"llama3\"}, \"hidden_size\": 16", MARVIS_ERR_CONFIG,
        "\"rope_parameters.factor\" is missing", "expected a number"),
    KEY("\"hidden_size\": 16",
        "\"rope_scaling\": {\"factor\": 2, \"low_freq_factor\": 4, \"high_freq_factor\": 4},"
        "\"hidden_size\": 16",
        MARVIS_ERR_CONFIG, "\"rope_scaling.high_freq_factor\" is 4", "expected more than"),
    KEY("\"hidden_size\": 16", "\"rope_scaling\": [1], \"hidden_size\": 16", MARVIS_ERR_CONFIG,
        "\"rope_scaling\" is a list", "expected an object"),
    KEY("\"hidden_size\": 16", "\"attention_bias\": true, \"hidden_size\": 16",
        MARVIS_ERR_UNSUPPORTED, "\"attention_bias\" is true", "only false is supported"),
    KEY("\"hidden_size\": 16", "\"hidden_act\": \"gelu\", \"hidden_size\": 16",
        MARVIS_ERR_UNSUPPORTED, "\"hidden_act\" is \"gelu\"", "only \"silu\""),
    KEY("\"hidden_size\": 16",
        "\"quantization_config\": {\"quant_method\": \"gptq\", \"bits\": 4}, \"hidden_size\": 16",
        MARVIS_ERR_UNSUPPORTED, "\"quantization_config.quant_method\" is \"gptq\"", "only MLX's"),
    KEY("\"hidden_size\": 16",
        "\"quantization\": {\"mode\": \"mxfp4\", \"bits\": 4, \"group_size\": 32},"
        "\"hidden_size\": 16",
        MARVIS_ERR_UNSUPPORTED, "\"quantization.mode\" is \"mxfp4\"", "only \"affine\""),
    KEY("\"hidden_size\": 16", "\"quantization\": {\"bits\": 4}, \"hidden_size\": 16",
        MARVIS_ERR_CONFIG, "\"quantization.group_size\" is missing", "expected an integer"),
    KEY("\"hidden_size\": 16",
        "\"quantization\": {\"bits\": 7, \"group_size\": 64}, \"hidden_size\": 16",
        MARVIS_ERR_CONFIG, "\"quantization.bits\" is 7", "expected 2, 3, 4, 5, 6 or 8 bits"),
    KEY("\"hidden_size\": 16",
        "\"quantization\": {\"bits\": 4, \"group_size\": 64, \"x\": {\"bits\": 9}},"
        "\"hidden_size\": 16",
        MARVIS_ERR_CONFIG, "\"quantization.x.bits\" is 9", "expected 2 to 8"),
    KEY("\"hidden_size\": 16", "\"codebook_eos_token_id\": 7, \"hidden_size\": 16",
        MARVIS_ERR_CONFIG, "\"codebook_eos_token_id\" is 7", "expected 0 to 6"),
    KEY("\"hidden_size\": 16", "\"codebook_eos_token_id\": 3, \"hidden_size\": 16",
        MARVIS_ERR_UNSUPPORTED, "\"codebook_eos_token_id\" is 3", "expected 0"),
    KEY("\"hidden_size\": 16", "\"speaker_prefix_space\": \"no\", \"hidden_size\": 16",
        MARVIS_ERR_CONFIG, "\"speaker_prefix_space\" is a string", "expected true or false"),
    KEY("\"hidden_size\": 16", "\"hidden_size\": 16, \"hidden_size\": 16", MARVIS_ERR_FORMAT,
        "duplicate object key", "\"hidden_size\""),
    KEY("\"hidden_size\": 16", "\"model_type\": \"mimi\", \"hidden_size\": 16", MARVIS_ERR_CONFIG,
        "\"model_type\" is \"mimi\"", "expected the model's"),
    KEY("\"hidden_size\": 16", "\"codec_config\": {\"pad_mode\": \"edge\"}, \"hidden_size\": 16",
        MARVIS_ERR_UNSUPPORTED, "\"codec_config.pad_mode\" is \"edge\"", "only \"constant\""),
};

/* ---- building and opening ------------------------------------------------------------------- */

static size_t type_bytes(const char *type) {
    return strcmp(type, "F64") == 0 ? 8 : strcmp(type, "F32") == 0 ? 4 : 1;
}

static const char *write_tensors(const broken *c, const char *name) {
    fx_builder *b = fx_new();
    bool known = false;
    for (size_t i = 0; i < COUNT(good_tensors); i++) {
        const char *shape = good_tensors[i].shape, *type = "F32";
        if (c->tensor && strcmp(c->tensor, good_tensors[i].name) == 0) {
            known = true;
            if (!c->shape) continue;
            shape = c->shape;
            type = c->type;
        }
        fx_zeros(b, good_tensors[i].name, type, type_bytes(type), shape, values_of(shape));
    }
    if (c->tensor && !known)
        fx_zeros(b, c->tensor, c->type, type_bytes(c->type), c->shape, values_of(c->shape));
    return fx_finish(b, name);
}

static void write_config(const broken *c, const char *name) {
    char text[4096];
    if (!c->find) {
        fx_text(name, good_config);
    } else if (!*c->find) {
        fx_text(name, c->with);
    } else {
        const char *at = strstr(good_config, c->find);
        if (!at) fail_msg("the config has no %s", c->find);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good_config), good_config, c->with,
                 at + strlen(c->find));
        fx_text(name, text);
    }
}

/* Writes the case's files to folder i and opens it. */
static marvis_status open_case(marvis_engine *engine, const broken *c, size_t i,
                               marvis_error *err) {
    char name[64], folder[1024];
    marvis_model_settings settings;
    marvis_model *model;
    snprintf(name, sizeof name, "%zu/config.json", i);
    write_config(c, name);
    snprintf(name, sizeof name, "%zu/model.safetensors", i);
    if (c->index) {
        snprintf(name, sizeof name, "%zu/model.safetensors.index.json", i);
        fx_text(name, c->index);
        snprintf(name, sizeof name, "%zu/s.safetensors", i);
        write_tensors(c, name);
    } else if (c->header) {
        fx_header_file(name, c->header, c->data_len);
    } else if (c->bytes) {
        fx_write(name, c->bytes, c->n_bytes);
    } else {
        write_tensors(c, name);
    }
    snprintf(folder, sizeof folder, "%s/%zu", test_temp_dir(), i);
    marvis_model_settings_init(&settings);
    settings.no_codec = settings.no_tokenizer = 1;
    memset(err, 0, sizeof *err);
    marvis_status status = marvis_model_open(engine, folder, &settings, &model, err);
    marvis_model_destroy(&model);
    return status;
}

static marvis_engine *new_engine(void) {
    marvis_engine_settings settings;
    marvis_engine *engine;
    marvis_error err;
    marvis_engine_settings_init(&settings);
    settings.n_threads = 1;
    assert_ok(marvis_engine_create(&settings, &engine, &err), err);
    return engine;
}

static void the_whole_model_opens(void **state) {
    (void)state;
    static const broken whole,
        sharded = {.index = "{\"weight_map\":{\"audio_head\":\"s.safetensors\"}}"};
    marvis_engine *engine = new_engine();
    marvis_error err;
    assert_ok(open_case(engine, &whole, 1000, &err), err);
    assert_ok(open_case(engine, &sharded, 1001, &err), err);
    marvis_engine_destroy(&engine);
}

static void every_break_is_reported(void **state) {
    (void)state;
    marvis_engine *engine = new_engine();
    size_t n = 0, n_wrong = 0;
    for (size_t i = 0; i < COUNT(cases); i++, n++) {
        marvis_error err;
        marvis_status status = open_case(engine, &cases[i], i, &err);
        bool good = status == cases[i].status && err.status == status;
        for (size_t k = 0; k < 3; k++) {
            const char *text = cases[i].says[k];
            good = good && (!text || strstr(err.message, text));
        }
        good = good && !strchr(err.message, '\n');
        if (good) continue;
        print_error("case %zu: status %d: \"%s\"; expected status %d, \"%s\", \"%s\"\n", i,
                    (int)status, err.message, (int)cases[i].status,
                    cases[i].says[1] ? cases[i].says[1] : "",
                    cases[i].says[2] ? cases[i].says[2] : "");
        n_wrong++;
    }
    marvis_engine_destroy(&engine);
    assert_int_equal(n_wrong, 0);
    assert_int_equal(n, 98);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_model_opens),
        cmocka_unit_test(every_break_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
