/* test_checkpoint.c - format/checkpoint*.c: canonical names, shards, taking tensors by shape and
 * type, and the account of what was left over. Quantised modules are in test_mlx_affine.c. */
#include "format_fixture.h"

#include "base/memory.h"
#include "format/checkpoint.h"
#include "kernels/convert.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static mv_checkpoint *open_ok(const char *path) {
    mv_checkpoint *ckpt;
    marvis_error err;
    assert_ok(mv_checkpoint_open(path, &ckpt, &err), err);
    return ckpt;
}

static void open_fails(const char *path, marvis_status status, const char *a, const char *b) {
    mv_checkpoint *ckpt;
    marvis_error err = {0};
    assert_int_equal(mv_checkpoint_open(path, &ckpt, &err), status);
    assert_null(ckpt);
    assert_message(&err, path, a);
    assert_message(&err, path, b);
}

/* ---- names ---------------------------------------------------------------------------------- */

static void names_lose_their_wrappers(void **state) {
    (void)state;
    static const struct {
        const char *in, *out;
    } names[] = {
        {"audio_head", "audio_head"},
        {"module.projection.weight", "projection.weight"},
        {"_orig_mod.codebook0_head.weight", "codebook0_head.weight"},
        {"module._orig_mod.model.backbone.norm.scale", "backbone.norm.scale"},
        {"backbone._orig_mod.layers.0.x", "backbone.layers.0.x"},
        {"model.decoder.norm.weight", "decoder.norm.weight"},
        {"model.text_embeddings.weight", "text_embeddings.weight"},
        {"model.audio_embeddings.weight", "audio_embeddings.weight"},
        {"model.audio_head.scales", "audio_head.scales"},
        /* names of transformers and Mimi, and strangers, keep every component */
        {"model.embed_tokens.weight", "model.embed_tokens.weight"},
        {"model.audio_header", "model.audio_header"},
        {"backbone_model.norm.weight", "backbone_model.norm.weight"},
        {"depth_decoder.model.norm.weight", "depth_decoder.model.norm.weight"},
        {"codec_model.decoder.layers.0.conv.bias", "codec_model.decoder.layers.0.conv.bias"},
        {"encoder.model.0.conv.conv.bias", "encoder.model.0.conv.conv.bias"},
        {"decoder.model.0.conv.conv.bias", "decoder.model.0.conv.conv.bias"},
        {"modules.x", "modules.x"},
        {"x.module", "x.module"},
        {"model.model.backbone.y", "model.model.backbone.y"},
    };
    fx_builder *b = fx_new();
    for (size_t i = 0; i < COUNT(names); i++)
        fx_zeros(b, names[i].in, "U8", 1, "[1]", 1);
    mv_checkpoint *ckpt = open_ok(fx_finish(b, "names.safetensors"));
    assert_int_equal(mv_checkpoint_n_tensors(ckpt), COUNT(names));
    for (size_t i = 0; i < COUNT(names); i++)
        if (!mv_checkpoint_has(ckpt, names[i].out)) fail_msg("no tensor %s", names[i].out);
    for (size_t i = 1; i < mv_checkpoint_n_tensors(ckpt); i++)
        assert_true(strcmp(mv_checkpoint_tensor(ckpt, i - 1)->name,
                           mv_checkpoint_tensor(ckpt, i)->name) < 0);
    mv_checkpoint_close(&ckpt);
    mv_checkpoint_close(&ckpt);
}

static void names_that_meet_are_refused(void **state) {
    (void)state;
    fx_builder *b = fx_new();
    fx_zeros(b, "model.projection.weight", "U8", 1, "[1]", 1);
    fx_zeros(b, "module.projection.weight", "U8", 1, "[1]", 1);
    open_fails(fx_finish(b, "clash.safetensors"), MARVIS_ERR_FORMAT, "\"model.projection.weight\"",
               "both mean \"projection.weight\"");
    open_fails(fx_header_file("none.safetensors", "{}", 0), MARVIS_ERR_TENSOR, "none.safetensors",
               "no tensors");
}

static void sizes_are_told(void **state) {
    (void)state;
    fx_builder *b = fx_new();
    fx_zeros(b, "a", "F32", 4, "[3]", 3);
    fx_zeros(b, "b", "BF16", 2, "[5]", 5);
    const char *path = fx_finish(b, "sizes.safetensors");
    mv_checkpoint *ckpt = open_ok(path);
    assert_string_equal(mv_checkpoint_path(ckpt), path);
    assert_int_equal(mv_checkpoint_n_files(ckpt), 1);
    assert_int_equal(mv_checkpoint_bytes(ckpt), 22);
    assert_null(mv_checkpoint_peek(ckpt, "c"));
    assert_int_equal(mv_checkpoint_peek(ckpt, "b")->n_values, 5);
    mv_checkpoint_close(&ckpt);
}

/* ---- taking --------------------------------------------------------------------------------- */

static void take_checks_name_shape_and_type(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int n_dims;
        int64_t shape[3];
        const char *message[2]; /* NULL: it must succeed */
    } cases[] = {
        {"f", 2, {2, 3}, {NULL, NULL}},
        {"f", 2, {-1, 3}, {NULL, NULL}},
        {"h", 1, {2}, {NULL, NULL}},
        {"b", 1, {2}, {NULL, NULL}},
        {"f", 2, {3, 2}, {"tensor \"f\" has shape [2, 3]", "expected [3, 2]"}},
        {"f", 1, {6}, {"has shape [2, 3]", "expected [6]"}},
        {"f", 3, {2, 3, 1}, {"has shape [2, 3]", "expected [2, 3, 1]"}},
        {"f", 0, {0}, {"has shape [2, 3]", "expected []"}},
        {"f", 2, {-1, 4}, {"has shape [2, 3]", "expected [any, 4]"}},
        {"g", 2, {2051, -1}, {"tensor \"g\" is missing", "expected shape [2051, any]"}},
        {"i", 1, {1}, {"tensor \"i\" has type I32", "expected F32, F16 or BF16"}},
        {"d", 1, {1}, {"tensor \"d\" has type F64", "expected F32, F16 or BF16"}},
    };
    fx_builder *b = fx_new();
    fx_zeros(b, "f", "F32", 4, "[2,3]", 6);
    fx_zeros(b, "h", "F16", 2, "[2]", 2);
    fx_zeros(b, "b", "BF16", 2, "[2]", 2);
    fx_zeros(b, "i", "I32", 4, "[1]", 1);
    fx_zeros(b, "d", "F64", 8, "[1]", 1);
    mv_checkpoint *ckpt = open_ok(fx_finish(b, "take.safetensors"));
    for (size_t i = 0; i < COUNT(cases); i++) {
        const mv_tensor *t;
        float *values;
        marvis_error err = {0};
        marvis_status status =
            mv_checkpoint_take(ckpt, cases[i].name, cases[i].n_dims, cases[i].shape, &t, &err);
        marvis_status f32 = mv_checkpoint_take_f32(ckpt, cases[i].name, cases[i].n_dims,
                                                   cases[i].shape, &values, NULL);
        assert_int_equal(status, f32);
        mv_free(values);
        if (!cases[i].message[0]) {
            assert_ok(status, err);
            assert_string_equal(t->name, cases[i].name);
            continue;
        }
        assert_int_equal(status, MARVIS_ERR_TENSOR);
        assert_null(t);
        assert_message(&err, cases[i].name, "take.safetensors: ");
        assert_message(&err, cases[i].name, cases[i].message[0]);
        assert_message(&err, cases[i].name, cases[i].message[1]);
    }
    mv_checkpoint_close(&ckpt);
}

/* Values that f16 and bf16 hold exactly, and one in f32 that bf16 must round to even. */
static const float exact[6] = {1, -2, 0.5f, -0.125f, 96, 0};
static const uint16_t exact_f16[6] = {0x3c00, 0xc000, 0x3800, 0xb000, 0x5600, 0};
static const uint16_t exact_bf16[6] = {0x3f80, 0xc000, 0x3f00, 0xbe00, 0x42c0, 0};

static mv_checkpoint *three_types(size_t alignment) {
    fx_builder *b = fx_new();
    fx_add(b, "f.weight", "F32", "[2,3]", exact, sizeof exact);
    fx_add(b, "h.weight", "F16", "[2,3]", exact_f16, sizeof exact_f16);
    fx_add(b, "b.weight", "BF16", "[2,3]", exact_bf16, sizeof exact_bf16);
    fx_add(b, "s.weight", "F32", "[2,1,3]", exact, sizeof exact);
    return open_ok(fx_finish_at(b, "types.safetensors", alignment));
}

static void take_f32_widens(void **state) {
    (void)state;
    static const char *const names[] = {"f.weight", "h.weight", "b.weight"};
    mv_checkpoint *ckpt = three_types(0);
    for (size_t i = 0; i < COUNT(names); i++) {
        float *values;
        marvis_error err;
        assert_ok(mv_checkpoint_take_f32(ckpt, names[i], 2, (int64_t[]){2, 3}, &values, &err), err);
        assert_memory_equal(values, exact, sizeof exact);
        mv_free(values);
    }
    mv_checkpoint_close(&ckpt);

    fx_builder *b = fx_new();
    fx_zeros(b, "e", "F32", 4, "[0]", 0);
    ckpt = open_ok(fx_finish(b, "zero.safetensors"));
    float *values;
    marvis_error err;
    assert_int_equal(mv_checkpoint_take_f32(ckpt, "e", 1, (int64_t[]){-1}, &values, &err),
                     MARVIS_ERR_TENSOR);
    assert_message(&err, "e", "\"e\" is empty");
    mv_checkpoint_close(&ckpt);
}

static void matrices_are_kept_or_converted(void **state) {
    (void)state;
    static const struct {
        const char *module;
        marvis_weights weights;
        mv_wtype type;
        bool owned;
    } cases[] = {
        {"f", MARVIS_WEIGHTS_AUTO, MV_W_F32, false},  {"h", MARVIS_WEIGHTS_AUTO, MV_W_F16, false},
        {"b", MARVIS_WEIGHTS_AUTO, MV_W_BF16, false}, {"f", MARVIS_WEIGHTS_F32, MV_W_F32, false},
        {"h", MARVIS_WEIGHTS_F32, MV_W_F32, true},    {"b", MARVIS_WEIGHTS_F32, MV_W_F32, true},
        {"f", MARVIS_WEIGHTS_BF16, MV_W_BF16, true},  {"h", MARVIS_WEIGHTS_BF16, MV_W_BF16, true},
        {"b", MARVIS_WEIGHTS_BF16, MV_W_BF16, false},
    };
    mv_checkpoint *ckpt = three_types(3);
    for (size_t i = 0; i < COUNT(cases); i++) {
        mv_matrix m;
        marvis_error err;
        assert_ok(mv_checkpoint_take_matrix(ckpt, cases[i].module, 2, 3, NULL, cases[i].weights, &m,
                                            &err),
                  err);
        assert_int_equal(m.type, cases[i].type);
        assert_int_equal(m.n_rows, 2);
        assert_int_equal(m.n_cols, 3);
        assert_int_equal(m.owned != NULL, cases[i].owned);
        if (m.owned) assert_ptr_equal(m.data, m.owned);
        const void *expected = m.type == MV_W_F32   ? (const void *)exact
                               : m.type == MV_W_F16 ? (const void *)exact_f16
                                                    : (const void *)exact_bf16;
        assert_int_equal(m.row_bytes, m.type == MV_W_F32 ? 12 : 6);
        assert_memory_equal(m.data, expected, 2 * m.row_bytes);
        mv_free(m.owned);
    }
    mv_checkpoint_close(&ckpt);
}

static void matrices_of_other_shapes_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *module;
        int64_t n_rows, n_cols;
        marvis_status status;
        const char *message;
    } cases[] = {
        {"f", 3, 2, MARVIS_ERR_TENSOR, "\"f.weight\" has shape [2, 3]; expected [3, 2]"},
        {"s", 1, 6, MARVIS_ERR_TENSOR, "\"s.weight\" has shape [2, 1, 3]; expected [1, 6]"},
        {"s", 2, 3, MARVIS_ERR_TENSOR, "\"s.weight\" has shape [2, 1, 3]; expected [2, 3]"},
        {"s", 3, 3, MARVIS_ERR_TENSOR, "\"s.weight\" has shape [2, 1, 3]; expected [3, 3]"},
        {"x", 2, 3, MARVIS_ERR_TENSOR, "\"x.weight\" is missing; expected shape [2, 3]"},
        {"f", 0, 3, MARVIS_ERR_CALL, "impossible"},
        {"f", INT64_MAX, 3, MARVIS_ERR_CALL, "impossible"},
    };
    mv_checkpoint *ckpt = three_types(0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        mv_matrix m;
        marvis_error err;
        assert_int_equal(mv_checkpoint_take_matrix(ckpt, cases[i].module, cases[i].n_rows,
                                                   cases[i].n_cols, NULL, MARVIS_WEIGHTS_AUTO, &m,
                                                   &err),
                         cases[i].status);
        assert_message(&err, cases[i].module, cases[i].message);
        assert_null(m.data);
        assert_null(m.owned);
    }
    mv_checkpoint_close(&ckpt);
}

/* mlx-audio pads no header: data may lie at any byte. Under a sanitizer a wide load would trap. */
static void trap_22_unaligned_data_is_read(void **state) {
    (void)state;
    for (size_t alignment = 0; alignment < 8; alignment++) {
        mv_checkpoint *ckpt = three_types(alignment);
        assert_int_equal((uintptr_t)mv_checkpoint_peek(ckpt, "f.weight")->data % 8, alignment);
        static const char *const modules[] = {"f", "h", "b"};
        for (size_t i = 0; i < 3; i++) {
            for (int weights = MARVIS_WEIGHTS_F32; weights <= MARVIS_WEIGHTS_BF16; weights++) {
                mv_matrix m;
                marvis_error err;
                assert_ok(mv_checkpoint_take_matrix(ckpt, modules[i], 2, 3, NULL,
                                                    (marvis_weights)weights, &m, &err),
                          err);
                assert_memory_equal(m.data,
                                    weights == MARVIS_WEIGHTS_F32 ? (const void *)exact
                                                                  : (const void *)exact_bf16,
                                    2 * m.row_bytes);
                mv_free(m.owned);
            }
        }
        mv_checkpoint_close(&ckpt);
    }
}

/* ---- what is left --------------------------------------------------------------------------- */

static char logged[1024];
static int n_logged;

static void log_line(void *ctx, marvis_log_level level, const char *line) {
    assert_ptr_equal(ctx, &n_logged);
    assert_int_equal(level, MARVIS_LOG_WARNING);
    snprintf(logged, sizeof logged, "%s", line);
    n_logged++;
}

static void leftovers_are_accounted_for(void **state) {
    (void)state;
    static const char *const known[] = {"backbone.", "audio_head", NULL};
    fx_builder *b = fx_new();
    static const char *const names[] = {"backbone.a", "backbone.b", "other.x", "other.y",
                                        "audio_head"};
    for (size_t i = 0; i < COUNT(names); i++)
        fx_zeros(b, names[i], "F32", 4, "[1]", 1);
    mv_checkpoint *ckpt = open_ok(fx_finish(b, "left.safetensors"));
    const mv_tensor *t;
    marvis_error err;
    assert_ok(mv_checkpoint_take(ckpt, "backbone.a", 1, (int64_t[]){1}, &t, &err), err);
    assert_int_equal(mv_checkpoint_finish(ckpt, known, 0, log_line, &n_logged, &err),
                     MARVIS_ERR_TENSOR);
    assert_message(&err, "finish", "left.safetensors: unexpected tensor \"audio_head\"");
    mv_checkpoint_ignore(ckpt, "audio_head");
    mv_checkpoint_ignore(ckpt, "absent");
    assert_int_equal(mv_checkpoint_finish(ckpt, known, 0, log_line, &n_logged, &err),
                     MARVIS_ERR_TENSOR);
    assert_message(&err, "finish", "unexpected tensor \"backbone.b\"");
    assert_ok(mv_checkpoint_take(ckpt, "backbone.b", 1, (int64_t[]){1}, &t, &err), err);
    assert_int_equal(n_logged, 0);
    assert_ok(mv_checkpoint_finish(ckpt, known, 0, log_line, &n_logged, &err), err);
    assert_int_equal(n_logged, 1);
    assert_non_null(strstr(logged, "left.safetensors: ignoring 2 tensors"));
    assert_non_null(strstr(logged, "\"other.x\""));
    assert_ok(mv_checkpoint_finish(ckpt, NULL, 0, NULL, NULL, &err), err);
    assert_int_equal(mv_checkpoint_finish(ckpt, known, 1, log_line, &n_logged, &err),
                     MARVIS_ERR_TENSOR);
    assert_message(&err, "strict", "\"other.x\" (2 in all)");
    assert_int_equal(mv_checkpoint_ignore_prefix(ckpt, "other."), 2);
    assert_int_equal(mv_checkpoint_ignore_prefix(ckpt, "nothing."), 0);
    assert_ok(mv_checkpoint_finish(ckpt, known, 1, log_line, &n_logged, &err), err);
    assert_int_equal(n_logged, 1);
    mv_checkpoint_close(&ckpt);
}

/* ---- shards --------------------------------------------------------------------------------- */

static void make_shards(void) {
    fx_builder *b = fx_new();
    fx_add(b, "module.b", "U8", "[1]", "B", 1);
    fx_finish(b, "shards/one.safetensors");
    b = fx_new();
    fx_add(b, "a", "U8", "[1]", "A", 1);
    fx_add(b, "c", "U8", "[1]", "C", 1);
    fx_finish(b, "shards/two.safetensors");
}

static void shards_are_one_checkpoint(void **state) {
    (void)state;
    make_shards();
    const char *path = fx_text("shards/m.safetensors.index.json",
                               "{\"metadata\":{\"total_size\":3},\"weight_map\":{\"a\":\"two."
                               "safetensors\",\"module.b\":\"one.safetensors\",\"c\":\"two."
                               "safetensors\"}}");
    mv_checkpoint *ckpt = open_ok(path);
    assert_int_equal(mv_checkpoint_n_files(ckpt), 2);
    assert_int_equal(mv_checkpoint_n_tensors(ckpt), 3);
    assert_int_equal(mv_checkpoint_bytes(ckpt), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(mv_checkpoint_tensor(ckpt, i)->name[0], "abc"[i]);
        assert_int_equal(mv_checkpoint_tensor(ckpt, i)->data[0], "ABC"[i]);
    }
    const mv_tensor *t;
    marvis_error err;
    assert_int_equal(mv_checkpoint_take(ckpt, "c", 1, (int64_t[]){1}, &t, &err), MARVIS_ERR_TENSOR);
    assert_message(&err, "shard", "shards/two.safetensors: tensor \"c\" has type U8");
    mv_checkpoint_close(&ckpt);
}

static void bad_indices_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *index;
        marvis_status status;
        const char *message;
    } cases[] = {
        {"{\"metadata\":{}}", MARVIS_ERR_FORMAT, "\"weight_map\" is missing"},
        {"{\"weight_map\":[]}", MARVIS_ERR_FORMAT, "\"weight_map\" is missing"},
        {"{\"weight_map\":{}}", MARVIS_ERR_FORMAT, "\"weight_map\" is empty"},
        {"{\"weight_map\":{\"a\":1}}", MARVIS_ERR_FORMAT, "\"a\" must be a file name"},
        {"{\"weight_map\":{\"a\":\"\"}}", MARVIS_ERR_FORMAT, "names \"\""},
        {"{\"weight_map\":{\"a\":\"..\"}}", MARVIS_ERR_FORMAT, "names \"..\""},
        {"{\"weight_map\":{\"a\":\"../shards/two.safetensors\"}}", MARVIS_ERR_FORMAT,
         "without a folder"},
        {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", MARVIS_ERR_FORMAT, "without a folder"},
        {"{\"weight_map\":{\"a\":\"x\\\\two.safetensors\"}}", MARVIS_ERR_FORMAT,
         "without a folder"},
        {"{\"weight_map\":{\"a\":\"three.safetensors\"}}", MARVIS_ERR_NOT_FOUND,
         "three.safetensors is missing"},
        {"{\"weight_map\":{\"a\":\"one.safetensors\"}}", MARVIS_ERR_FORMAT,
         "\"a\" is missing from"},
        {"{\"weight_map\":{\"a\":\"two.safetensors\",\"b\":\"two-copy.safetensors\"}}",
         MARVIS_ERR_FORMAT, "\"b\" is missing from"},
        {"{\"weight_map\":{\"a\":\"two.safetensors\",\"c\":\"two-copy.safetensors\"}}",
         MARVIS_ERR_FORMAT, "is in two shards"},
        {"{\"weight_map\":{\"a\":\"m.safetensors.index.json\"}}", MARVIS_ERR_FORMAT,
         "not a safetensors or GGUF file"},
        {"", MARVIS_ERR_FORMAT, "the file is empty"},
        {"{\"weight_map\":", MARVIS_ERR_FORMAT, "not valid JSON"},
    };
    make_shards();
    fx_builder *b = fx_new();
    fx_add(b, "a", "U8", "[1]", "A", 1);
    fx_add(b, "c", "U8", "[1]", "C", 1);
    fx_finish(b, "shards/two-copy.safetensors");
    for (size_t i = 0; i < COUNT(cases); i++)
        open_fails(fx_text("shards/m.safetensors.index.json", cases[i].index), cases[i].status,
                   "m.safetensors.index.json", cases[i].message);
}

static void memory_may_run_out_anywhere(void **state) {
    (void)state;
    make_shards();
    const char *path = fx_text("shards/m.safetensors.index.json",
                               "{\"weight_map\":{\"a\":\"two.safetensors\",\"module.b\":\"one."
                               "safetensors\"}}");
    int n_failures = 0;
    for (int forever = 0; forever <= 1; forever++) {
        for (uint64_t n = 1;; n++, n_failures++) {
            mv_checkpoint *ckpt;
            mv_alloc_fail_after(n, forever);
            marvis_status status = mv_checkpoint_open(path, &ckpt, NULL);
            mv_alloc_fail_after(0, false);
            if (status == MARVIS_OK) {
                mv_checkpoint_close(&ckpt);
                break;
            }
            assert_int_equal(status, MARVIS_ERR_MEMORY);
            assert_null(ckpt);
        }
        mv_checkpoint *ckpt = three_types(0);
        for (uint64_t n = 1;; n++, n_failures++) {
            mv_matrix m;
            mv_alloc_fail_after(n, forever);
            marvis_status status =
                mv_checkpoint_take_matrix(ckpt, "h", 2, 3, NULL, MARVIS_WEIGHTS_F32, &m, NULL);
            mv_alloc_fail_after(0, false);
            mv_free(m.owned);
            if (status == MARVIS_OK) break;
            assert_int_equal(status, MARVIS_ERR_MEMORY);
            assert_null(m.data);
        }
        mv_checkpoint_close(&ckpt);
    }
    assert_true(n_failures >= 24);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_lose_their_wrappers),
        cmocka_unit_test(names_that_meet_are_refused),
        cmocka_unit_test(sizes_are_told),
        cmocka_unit_test(take_checks_name_shape_and_type),
        cmocka_unit_test(take_f32_widens),
        cmocka_unit_test(matrices_are_kept_or_converted),
        cmocka_unit_test(matrices_of_other_shapes_are_refused),
        cmocka_unit_test(trap_22_unaligned_data_is_read),
        cmocka_unit_test(leftovers_are_accounted_for),
        cmocka_unit_test(shards_are_one_checkpoint),
        cmocka_unit_test(bad_indices_are_refused),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
