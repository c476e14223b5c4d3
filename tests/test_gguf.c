/* test_gguf.c - GGUF files: what the reader takes, refuses and says; what the writer writes; blocks
 * that are searched for. */
#include "gguf_fixture.h"

#include "base/memory.h"
#include "format/checkpoint_internal.h"
#include "format/gguf_write.h"
#include "format/quantize.h"
#include "kernels/blocks.h"

#include <math.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* ---- the reader ----------------------------------------------------------------------------- */

/* Four values and two tensors, the second of blocks; ends with its last byte. */
static gg small_file(void) {
    gg g = {0};
    gg_header(&g, 3, 2, 4);
    gg_text(&g, "general.architecture", "csm");
    gg_u32(&g, "csm.audio_num_codebooks", 32);
    gg_string(&g, "words");
    gg_number(&g, GG_ARRAY, 4);
    gg_number(&g, GG_STRING, 4);
    gg_number(&g, 2, 8);
    gg_string(&g, "one");
    gg_string(&g, "");
    gg_string(&g, "flag");
    gg_number(&g, GG_BOOL, 4);
    gg_number(&g, 1, 1);
    gg_info(&g, "b", 2, (int64_t[]){2, 3}, GG_F32, 64);
    gg_info(&g, "a.weight", 3, (int64_t[]){1, 1, 32}, GG_Q8_0, 0);
    gg_pad(&g, 32);
    for (int i = 0; i < 64 + 24; i++)
        gg_number(&g, (uint64_t)(i < 34 ? i + 1 : i >= 64 ? i : 0), 1);
    return g;
}

static void a_file_is_read(void **state) {
    (void)state;
    gg g = small_file();
    mv_gguf file;
    marvis_error err;
    const char *text;
    size_t len;
    uint64_t number;
    assert_ok(mv_gguf_parse(g.bytes, g.len, "x.gguf", &file, &err), err);
    assert_int_equal(file.version, 3);
    assert_int_equal(file.n_values, 4);
    assert_true(mv_gguf_text(&file, "general.architecture", &text, &len));
    assert_int_equal(len, 3);
    assert_memory_equal(text, "csm", 3);
    assert_true(mv_gguf_number(&file, "csm.audio_num_codebooks", &number));
    assert_int_equal(number, 32);
    assert_true(mv_gguf_number(&file, "flag", &number));
    assert_int_equal(number, 1);
    assert_false(mv_gguf_number(&file, "general.architecture", &number));
    assert_false(mv_gguf_text(&file, "csm.audio_num_codebooks", &text, &len));
    const mv_gguf_value *words = mv_gguf_find(&file, "words");
    assert_int_equal(words->kind, MV_GGUF_ARRAY);
    assert_int_equal(words->n, 2);
    assert_null(mv_gguf_find(&file, "word"));
    assert_int_equal(file.n_tensors, 2);
    const mv_tensor *a = &file.tensors[0], *b = &file.tensors[1];
    assert_string_equal(a->name, "a.weight");
    assert_int_equal(a->type, MV_DT_Q8_0);
    assert_int_equal(a->len_bytes, 34);
    assert_int_equal(a->data[0], 1);
    assert_int_equal(b->shape[0], 2); /* the outermost size comes first here, last in the file */
    assert_int_equal(b->shape[1], 3);
    assert_int_equal(b->len_bytes, 24);
    assert_int_equal(b->data[0], 64);
    mv_gguf_close(&file);
    free(g.bytes);
}

/* Memory of exactly that length, so that a sanitizer sees one byte too many. */
static marvis_status parse_copy(const uint8_t *bytes, size_t len, marvis_error *err) {
    uint8_t *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    if (len) memcpy(copy, bytes, len);
    mv_gguf file;
    marvis_status status = mv_gguf_parse(copy, len, "x.gguf", &file, err);
    if (status == MARVIS_OK)
        mv_gguf_close(&file);
    else
        assert_true(!file.values && !file.tensors && !file.names && !file.path);
    free(copy);
    return status;
}

static void every_truncation_is_refused(void **state) {
    (void)state;
    gg g = small_file();
    marvis_error err;
    for (size_t len = 0; len < g.len; len++) {
        assert_int_not_equal(parse_copy(g.bytes, len, &err), MARVIS_OK);
        assert_message(&err, "truncated", "x.gguf");
        assert_true(err.position <= (int64_t)len);
    }
    free(g.bytes);
}

/* Whatever a byte is changed to: an answer, never a crash. */
static void every_changed_byte_is_survived(void **state) {
    (void)state;
    static const uint8_t changes[] = {0x01, 0x80, 0xff, 0x7f};
    gg g = small_file();
    size_t n_refused = 0;
    for (size_t i = 0; i < g.len; i++)
        for (size_t c = 0; c < COUNT(changes); c++) {
            marvis_error err;
            g.bytes[i] ^= changes[c];
            n_refused += parse_copy(g.bytes, g.len, &err) != MARVIS_OK;
            g.bytes[i] ^= changes[c];
        }
    assert_true(n_refused > 400);
    free(g.bytes);
}

typedef struct lie {
    const char *says; /* in the message */
    marvis_status status;
    void (*make)(gg *g);
} lie;

static void one_value(gg *g, const char *key, unsigned kind) {
    gg_header(g, 3, 0, 1);
    gg_string(g, key);
    gg_number(g, kind, 4);
}

/* A file of one tensor with `bytes` of data. */
static void one_tensor(gg *g, const char *name, int n_dims, const int64_t *shape, unsigned type,
                       uint64_t offset, size_t bytes) {
    gg_header(g, 3, 1, 0);
    gg_info(g, name, n_dims, shape, type, offset);
    gg_pad(g, 32);
    gg_raw(g, NULL, bytes);
}

static void version_1(gg *g) { gg_header(g, 1, 0, 0); }
static void version_4(gg *g) { gg_header(g, 4, 0, 0); }
static void big_endian(gg *g) { gg_header(g, 0x03000000, 0, 0); }
static void no_magic(gg *g) { gg_raw(g, "GGML\3\0\0\0", 8); }
static void many_tensors(gg *g) { gg_header(g, 3, UINT64_C(1) << 63, 0); }
static void four_gb_of_values(gg *g) { gg_header(g, 3, 0, UINT64_C(1) << 32); }
/* Fewer than the file has bytes, but not of the shortest entries. */
static void a_tensor_a_byte(gg *g) {
    gg_header(g, 3, 40, 0);
    gg_raw(g, NULL, 64);
}
static void long_key(gg *g) {
    gg_header(g, 3, 0, 1);
    gg_number(g, UINT64_MAX, 8);
    gg_raw(g, NULL, 64);
}
static void long_string(gg *g) {
    one_value(g, "k", GG_STRING);
    gg_number(g, UINT64_C(1) << 32, 8);
    gg_raw(g, NULL, 64);
}
static void long_array(gg *g) {
    one_value(g, "k", GG_ARRAY);
    gg_number(g, GG_U64, 4);
    gg_number(g, UINT64_C(1) << 61, 8); /* times 8 is 0 */
    gg_raw(g, NULL, 64);
}
static void nested_array(gg *g) {
    one_value(g, "k", GG_ARRAY);
    gg_number(g, GG_ARRAY, 4);
    gg_number(g, 1, 8);
    gg_raw(g, NULL, 64);
}
static void unknown_kind(gg *g) {
    one_value(g, "k", 13);
    gg_raw(g, NULL, 64);
}
static void bool_of_two(gg *g) {
    one_value(g, "k", GG_BOOL);
    gg_number(g, 2, 1);
}
static void empty_key(gg *g) {
    one_value(g, "", GG_U32);
    gg_number(g, 2, 4);
}
static void double_key(gg *g) {
    gg_header(g, 3, 0, 2);
    gg_u32(g, "twice", 1);
    gg_u32(g, "twice", 2);
}
static void odd_alignment(gg *g) {
    gg_header(g, 3, 0, 1);
    gg_u32(g, "general.alignment", 48);
}
static void zero_alignment(gg *g) {
    gg_header(g, 3, 0, 1);
    gg_u32(g, "general.alignment", 0);
}
static void k_quant(gg *g) { one_tensor(g, "t", 1, (int64_t[]){256}, GG_Q4_K, 0, 144); }
static void unknown_type(gg *g) { one_tensor(g, "t", 1, (int64_t[]){32}, 99, 0, 64); }
static void five_dims(gg *g) { one_tensor(g, "t", 5, (int64_t[]){1, 1, 1, 1, 1}, GG_F32, 0, 4); }
static void overflow(gg *g) {
    one_tensor(g, "t", 2, (int64_t[]){INT64_C(1) << 32, INT64_C(1) << 32}, GG_F32, 0, 64);
}
static void byte_overflow(gg *g) {
    one_tensor(g, "t", 1, (int64_t[]){INT64_C(1) << 62}, GG_F32, 0, 64);
}
static void four_gb(gg *g) { one_tensor(g, "t", 1, (int64_t[]){1 << 30}, GG_F32, 0, 64); }
static void half_block(gg *g) { one_tensor(g, "t", 2, (int64_t[]){2, 16}, GG_Q8_0, 0, 64); }
static void misaligned(gg *g) { one_tensor(g, "t", 1, (int64_t[]){4}, GG_F32, 8, 64); }
static void hole(gg *g) { one_tensor(g, "t", 1, (int64_t[]){4}, GG_F32, 32, 64); }
static void far_away(gg *g) { one_tensor(g, "t", 1, (int64_t[]){4}, GG_F32, UINT64_MAX - 31, 64); }
static void trailing(gg *g) { one_tensor(g, "t", 1, (int64_t[]){4}, GG_F32, 0, 16 + 32); }
static void empty_name(gg *g) { one_tensor(g, "", 1, (int64_t[]){4}, GG_F32, 0, 16); }
static void overlap(gg *g) {
    gg_header(g, 3, 2, 0);
    gg_info(g, "s", 1, (int64_t[]){16}, GG_F32, 0);
    gg_info(g, "t", 1, (int64_t[]){16}, GG_F32, 32);
    gg_pad(g, 32);
    gg_raw(g, NULL, 96);
}
static void double_name(gg *g) {
    gg_header(g, 3, 2, 0);
    gg_info(g, "same", 1, (int64_t[]){8}, GG_F32, 0);
    gg_info(g, "same", 1, (int64_t[]){8}, GG_F32, 32);
    gg_pad(g, 32);
    gg_raw(g, NULL, 64);
}
static void nul_in_name(gg *g) {
    gg_header(g, 3, 1, 0);
    gg_number(g, 3, 8);
    gg_raw(g, "a\0b", 3);
    gg_raw(g, NULL, 64);
}
static void long_name(gg *g) {
    char name[600];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    one_tensor(g, name, 1, (int64_t[]){4}, GG_F32, 0, 16);
}

static const lie lies[] = {
    {"version 1", MARVIS_ERR_UNSUPPORTED, version_1},
    {"version 4", MARVIS_ERR_UNSUPPORTED, version_4},
    {"big-endian", MARVIS_ERR_UNSUPPORTED, big_endian},
    {"not a GGUF file", MARVIS_ERR_FORMAT, no_magic},
    {"claims 9223372036854775808 tensors", MARVIS_ERR_FORMAT, many_tensors},
    {"claims 40 tensors", MARVIS_ERR_FORMAT, a_tensor_a_byte},
    {"claims 4294967296 metadata entries", MARVIS_ERR_FORMAT, four_gb_of_values},
    {"a key of the metadata", MARVIS_ERR_FORMAT, long_key},
    {"a string of the metadata", MARVIS_ERR_FORMAT, long_string},
    {"elements of an array", MARVIS_ERR_FORMAT, long_array},
    {"array of arrays", MARVIS_ERR_UNSUPPORTED, nested_array},
    {"metadata \"k\" has type 13", MARVIS_ERR_FORMAT, unknown_kind},
    {"a bool of 2", MARVIS_ERR_FORMAT, bool_of_two},
    {"is empty or holds a NUL", MARVIS_ERR_FORMAT, empty_key},
    {"metadata \"twice\" is there twice", MARVIS_ERR_FORMAT, double_key},
    {"power of two", MARVIS_ERR_FORMAT, odd_alignment},
    {"power of two", MARVIS_ERR_FORMAT, zero_alignment},
    {"tensor \"t\" has type Q4_K", MARVIS_ERR_UNSUPPORTED, k_quant},
    {"type number 99", MARVIS_ERR_UNSUPPORTED, unknown_type},
    {"has 5 dimensions", MARVIS_ERR_FORMAT, five_dims},
    {"product of its sizes overflows", MARVIS_ERR_FORMAT, overflow},
    {"size in bytes overflows", MARVIS_ERR_FORMAT, byte_overflow},
    {"of 4294967296 bytes begins", MARVIS_ERR_FORMAT, four_gb},
    {"rows of 16 values", MARVIS_ERR_FORMAT, half_block},
    {"expected a multiple of 32", MARVIS_ERR_FORMAT, misaligned},
    {"begins at data byte 32; expected 0", MARVIS_ERR_FORMAT, hole},
    {"neither overlap nor leave holes", MARVIS_ERR_FORMAT, far_away},
    {"32 bytes follow the last tensor", MARVIS_ERR_FORMAT, trailing},
    {"is empty or holds a NUL", MARVIS_ERR_FORMAT, empty_name},
    {"neither overlap nor leave holes", MARVIS_ERR_FORMAT, overlap},
    {"tensor \"same\" is there twice", MARVIS_ERR_FORMAT, double_name},
    {"is empty or holds a NUL", MARVIS_ERR_FORMAT, nul_in_name},
    {"the name of a tensor of 599 bytes", MARVIS_ERR_FORMAT, long_name},
};

static void every_lie_is_named(void **state) {
    (void)state;
    size_t n = 0;
    for (size_t i = 0; i < COUNT(lies); i++, n++) {
        gg g = {0};
        marvis_error err;
        lies[i].make(&g);
        marvis_status status = parse_copy(g.bytes, g.len, &err);
        if (status != lies[i].status || !strstr(err.message, lies[i].says))
            fail_msg("lie %zu: status %d: \"%s\"; expected %d and \"%s\"", i, (int)status,
                     status ? err.message : "", (int)lies[i].status, lies[i].says);
        free(g.bytes);
    }
    assert_int_equal(n, 33);
}

/* What the gguf package wrote (tools/make_gguf.py): all kinds of metadata, and of every type the
 * numbers that the package itself reads from it, to the last bit. */
static void a_file_of_the_gguf_package_is_read(void **state) {
    (void)state;
    static const char *const names[] = {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_1"};
    const char *path = test_path("golden/gguf/reference.gguf"), *text;
    mv_checkpoint *ckpt;
    mv_safetensors expected;
    marvis_error err;
    uint64_t number;
    size_t len;
    assert_ok(mv_checkpoint_open(path, &ckpt, &err), err);
    assert_ok(mv_safetensors_open(test_path("golden/gguf/reference.safetensors"), &expected, &err),
              err);
    assert_true(mv_checkpoint_is_gguf(ckpt));
    assert_true(mv_checkpoint_text(ckpt, "text", &text, &len));
    assert_int_equal(len, 7);
    assert_memory_equal(text,
                        "Gr\xc3\xbc\xc3\x9f"
                        "e",
                        7);
    assert_true(mv_checkpoint_number(ckpt, "small", &number) && number == 200);
    assert_true(mv_checkpoint_number(ckpt, "large", &number) && number == UINT64_C(1) << 63);
    assert_true(mv_checkpoint_number(ckpt, "yes", &number) && number == 1);
    assert_false(mv_checkpoint_number(ckpt, "negative", &number));
    assert_false(mv_checkpoint_number(ckpt, "third", &number));
    assert_int_equal(mv_gguf_find(&ckpt->gguf, "words")->n, 3);
    assert_int_equal(mv_gguf_find(&ckpt->gguf, "numbers")->n, 3);
    for (size_t i = 0; i < COUNT(names); i++) {
        mv_rows rows;
        float row[64];
        assert_ok(mv_checkpoint_take_rows(ckpt, names[i], 3, 64, NULL, &rows, &err), err);
        const mv_tensor *want = mv_safetensors_find(&expected, names[i]);
        for (size_t r = 0; r < 3; r++) {
            mv_rows_get(&rows, r, row, NULL);
            assert_memory_equal(row, want->data + r * sizeof row, sizeof row);
        }
    }
    assert_int_equal(expected.n_tensors, COUNT(names));
    mv_safetensors_close(&expected);
    mv_checkpoint_close(&ckpt);
}

/* ---- names ---------------------------------------------------------------------------------- */

static void names_of_the_codec_are_shortened_and_found(void **state) {
    (void)state;
    static const struct {
        const char *full, *brief;
    } names[] = {
        {"backbone.layers.0.attn.q_proj.weight", "backbone.layers.0.attn.q_proj.weight"},
        {"depth_decoder.model.layers.3.post_attention_layernorm.weight",
         "depth_decoder.model.layers.3.post_attention_layernorm.weight"},
        {"codec_model.quantizer.rvq_rest.vq.layers.30._codebook.embedding_sum",
         "codec.quantizer.rvq_rest.vq.layers.30._codebook.embedding_sum"},
        {"codec_model.quantizer.acoustic_residual_vector_quantizer.layers.30.codebook.embed_sum",
         "codec.quantizer.acoustic_rvq.layers.30.codebook.embed_sum"},
        {"codec_model.decoder_transformer.transformer.layers.7.self_attn.out_projs.0.weight",
         "codec.decoder_t.layers.7.self_attn.out_projs.0.weight"},
        {"codec_model.decoder_transformer.layers.7.post_attention_layernorm.weight",
         "codec.decoder_transformer.layers.7.post_norm.weight"},
        {"codec_model.encoder_transformer.layers.7.self_attn_layer_scale.scale",
         "codec.encoder_transformer.layers.7.self_attn_layer_scale.scale"},
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        char brief[200], full[400];
        assert_true(mv_gguf_short_name(names[i].full, brief, sizeof brief));
        assert_string_equal(brief, names[i].brief);
        assert_true(strlen(brief) <= 63); /* what ggml allows */
        mv_gguf_long_name(brief, full);
        assert_string_equal(full, names[i].full);
    }
    char small[8];
    assert_false(mv_gguf_short_name("codec_model.x", small, sizeof small));
}

/* ---- the writer ----------------------------------------------------------------------------- */

static void what_is_written_is_read(void **state) {
    (void)state;
    const char *path = fx_path("written.gguf"), *text;
    const float values[6] = {1, -2, 3, 4, 5, -6};
    uint8_t blocks[2 * 18];
    marvis_error err;
    mv_gguf_writer *w;
    mv_gguf file;
    uint64_t number;
    size_t len;
    for (size_t i = 0; i < sizeof blocks; i++)
        blocks[i] = (uint8_t)(i * 7);
    assert_ok(mv_gguf_writer_create(path, &w, &err), err);
    assert_ok(mv_gguf_put_text(w, "text", "a\0b", 3, &err), err);
    assert_ok(mv_gguf_put_u32(w, "u32", UINT32_MAX, &err), err);
    assert_ok(mv_gguf_put_u64(w, "u64", UINT64_MAX, &err), err);
    assert_ok(mv_gguf_put_bool(w, "yes", true, &err), err);
    assert_int_equal(mv_gguf_put_u32(w, "yes", 1, &err), MARVIS_ERR_CALL);
    assert_ok(mv_gguf_add_tensor(w, "f", MV_DT_F32, 2, (int64_t[]){2, 3}, &err), err);
    assert_ok(mv_gguf_add_tensor(w, "empty", MV_DT_F16, 1, (int64_t[]){0}, &err), err);
    assert_ok(mv_gguf_add_tensor(w, "q", MV_DT_Q4_0, 2, (int64_t[]){2, 32}, &err), err);
    assert_int_equal(mv_gguf_add_tensor(w, "f", MV_DT_F32, 1, (int64_t[]){2}, &err),
                     MARVIS_ERR_CALL);
    assert_int_equal(mv_gguf_add_tensor(w, "g", MV_DT_Q4_0, 1, (int64_t[]){16}, &err),
                     MARVIS_ERR_CALL);
    assert_int_equal(mv_gguf_add_tensor(w, "g", MV_DT_BOOL, 1, (int64_t[]){16}, &err),
                     MARVIS_ERR_CALL);
    assert_int_equal(mv_gguf_writer_bytes(w), 24 + 36);
    assert_int_equal(mv_gguf_writer_write(w, values, 4, &err), MARVIS_ERR_CALL);
    assert_ok(mv_gguf_writer_begin(w, &err), err);
    assert_int_equal(mv_gguf_put_u32(w, "late", 1, &err), MARVIS_ERR_CALL);
    assert_int_equal(mv_gguf_writer_write(w, blocks, 25, &err), MARVIS_ERR_CALL);
    assert_ok(mv_gguf_writer_write(w, values, 20, &err), err);
    assert_ok(mv_gguf_writer_write(w, values + 5, 4, &err), err);
    assert_ok(mv_gguf_writer_write(w, blocks, sizeof blocks, &err), err);
    assert_ok(mv_gguf_writer_commit(&w, &err), err);
    assert_null(w);
    assert_ok(mv_gguf_open(path, &file, &err), err);
    assert_true(mv_gguf_text(&file, "text", &text, &len));
    assert_int_equal(len, 3);
    assert_memory_equal(text, "a\0b", 3);
    assert_true(mv_gguf_number(&file, "u32", &number) && number == UINT32_MAX);
    assert_true(mv_gguf_number(&file, "u64", &number) && number == UINT64_MAX);
    assert_true(mv_gguf_number(&file, "yes", &number) && number == 1);
    assert_int_equal(file.n_tensors, 3);
    assert_string_equal(file.tensors[1].name, "f");
    assert_memory_equal(file.tensors[1].data, values, sizeof values);
    assert_int_equal(file.tensors[1].shape[0], 2);
    assert_memory_equal(file.tensors[2].data, blocks, sizeof blocks);
    mv_gguf_close(&file);
}

static void half_a_file_is_none(void **state) {
    (void)state;
    const char *path = fx_path("half/half.gguf");
    marvis_error err;
    mv_gguf_writer *w;
    char **names;
    size_t n;
    for (int i = 0; i < 2; i++) {
        assert_ok(mv_gguf_writer_create(path, &w, &err), err);
        assert_ok(mv_gguf_add_tensor(w, "f", MV_DT_F32, 1, (int64_t[]){2}, &err), err);
        assert_ok(mv_gguf_writer_begin(w, &err), err);
        assert_ok(mv_gguf_writer_write(w, "1234", 4, &err), err);
        if (i == 0)
            mv_gguf_writer_abort(&w);
        else
            assert_int_equal(mv_gguf_writer_commit(&w, &err), MARVIS_ERR_CALL);
        assert_null(w);
        assert_ok(mv_dir_list(fx_path("half"), &names, &n, &err), err);
        assert_int_equal(n, 0);
        mv_names_free(&names, n);
    }
}

/* ---- quantising ----------------------------------------------------------------------------- */

/* Normal numbers, and now and then one far outside. */
static void random_row(float *x, size_t n, uint64_t *seed, int kind) {
    for (size_t i = 0; i < n; i++) {
        x[i] = test_normal(seed) * 0.05f;
        if (kind == 1 && i % 29 == 3) x[i] *= 9;
        if (kind == 2) x[i] = fabsf(x[i]) + 0.3f;
        if (kind == 3) x[i] = 0;
        if (kind == 4) x[i] *= 1e-6f;
    }
}

static double weighted_error(const float *x, const float *y, const float *w, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum +=
            (w ? (double)w[i] : 1) * ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
    return sum;
}

static void searched_blocks_are_never_worse_than_plain_ones(void **state) {
    (void)state;
    enum { N = 96 };
    static const mv_dtype types[] = {MV_DT_Q8_0, MV_DT_Q4_0, MV_DT_Q4_1};
    uint64_t seed = 5;
    int n_better = 0, n_run = 0;
    for (size_t t = 0; t < COUNT(types); t++)
        for (int round = 0; round < 200; round++, n_run++) {
            float x[N], y[N], w[N];
            uint8_t plain[N / 32 * 34], found[N / 32 * 34];
            const float *weights = round % 2 ? w : NULL;
            mv_block_format format = mv_blocks_of(types[t]);
            size_t bytes = mv_dtype_bytes(types[t]);
            random_row(x, N, &seed, round / 2 % 5);
            for (size_t i = 0; i < N; i++)
                w[i] = expf(test_normal(&seed));
            mv_blocks_from_f32(plain, format, x, N);
            assert_true(mv_quantize_blocks(found, types[t], x, weights, N));
            for (size_t b = 0; b < N / 32; b++) {
                mv_blocks_to_f32(y, format, plain + b * bytes, 32);
                double before =
                    weighted_error(x + b * 32, y, weights ? weights + b * 32 : NULL, 32);
                mv_blocks_to_f32(y, format, found + b * bytes, 32);
                double after = weighted_error(x + b * 32, y, weights ? weights + b * 32 : NULL, 32);
                if (!(after <= before * 1.00001))
                    fail_msg("%s: %g, but %g by the plain rule", mv_dtype_name(types[t]), after,
                             before);
                n_better += after < before * 0.98;
            }
        }
    assert_int_equal(n_run, 600);
    assert_true(n_better > 900); /* of 1440 that are not zeros */
}

static void searched_int8_rows_are_never_worse_than_plain_ones(void **state) {
    (void)state;
    uint64_t seed = 6;
    int n_better = 0;
    for (size_t n = 1; n < 300; n++) {
        float x[300], y[300], w[300], scale;
        int8_t q[300];
        const float *weights = n % 2 ? w : NULL;
        random_row(x, n, &seed, (int)(n % 5));
        for (size_t i = 0; i < n; i++)
            w[i] = expf(test_normal(&seed));
        mv_int8_from_f32(q, &scale, x, n);
        for (size_t i = 0; i < n; i++)
            y[i] = scale * (float)q[i];
        double before = weighted_error(x, y, weights, n);
        assert_true(mv_quantize_int8(q, &scale, x, weights, n));
        for (size_t i = 0; i < n; i++) {
            assert_true(q[i] >= -127);
            y[i] = scale * (float)q[i];
        }
        double after = weighted_error(x, y, weights, n);
        if (!(after <= before * 1.00001)) fail_msg("%zu values: %g, but %g", n, after, before);
        n_better += after < before * 0.98;
    }
    assert_true(n_better > 100);
}

/* What the format holds exactly comes back exactly; what matters more comes back closer. */
static void steps_are_kept_and_weights_count(void **state) {
    (void)state;
    float x[32], y[32], w[32];
    uint8_t block[34];
    for (int i = 0; i < 32; i++)
        x[i] = 0.25f * (float)(i % 16 - 8);
    assert_true(mv_quantize_blocks(block, MV_DT_Q4_0, x, NULL, 32));
    mv_blocks_to_f32(y, MV_BLOCKS_Q4_0, block, 32);
    assert_memory_equal(x, y, sizeof x);
    for (int i = 0; i < 32; i++)
        x[i] = 0.125f * (float)(i % 16) + 3;
    assert_true(mv_quantize_blocks(block, MV_DT_Q4_1, x, NULL, 32));
    mv_blocks_to_f32(y, MV_BLOCKS_Q4_1, block, 32);
    assert_memory_equal(x, y, sizeof x);
    uint64_t seed = 7;
    random_row(x, 32, &seed, 0);
    x[5] = 1; /* takes up all steps, unless it does not count */
    for (int i = 0; i < 32; i++)
        w[i] = i == 5 ? 1e-6f : 1;
    assert_true(mv_quantize_blocks(block, MV_DT_Q4_0, x, w, 32));
    mv_blocks_to_f32(y, MV_BLOCKS_Q4_0, block, 32);
    double sum = weighted_error(x, y, w, 32);
    assert_true(sum < 32 * 0.0004); /* steps of 1/8 would cost three times as much */
    x[7] = INFINITY;
    assert_false(mv_quantize_blocks(block, MV_DT_Q4_0, x, NULL, 32));
    assert_false(mv_quantize_blocks(block, MV_DT_Q4_1, x, NULL, 32));
    x[7] = NAN;
    assert_false(mv_quantize_blocks(block, MV_DT_Q8_0, x, NULL, 32));
    x[7] = 1e9f; /* too large for an f16 scale */
    assert_false(mv_quantize_blocks(block, MV_DT_Q8_0, x, NULL, 32));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_changed_byte_is_survived),
        cmocka_unit_test(every_lie_is_named),
        cmocka_unit_test(a_file_of_the_gguf_package_is_read),
        cmocka_unit_test(names_of_the_codec_are_shortened_and_found),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(half_a_file_is_none),
        cmocka_unit_test(searched_blocks_are_never_worse_than_plain_ones),
        cmocka_unit_test(searched_int8_rows_are_never_worse_than_plain_ones),
        cmocka_unit_test(steps_are_kept_and_weights_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
