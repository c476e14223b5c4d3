/* test_csm_faults.c - tiny CSM checkpoints altered on purpose: a tensor transposed, zeroed, scaled
 * or added, a configuration without its rope scaling. What must follow is known without a
 * reference. */
#include "csm_fixture.h"

#include <jansson.h>
#include <sys/stat.h>

/* ---- altered copies of a checkpoint --------------------------------------------------------- */

/* Changes one tensor of the copy: view's type and shape may change, data is a private copy. */
typedef void (*edit_fn)(const char *name, marvis_tensor_view *view, float *data);
typedef void (*edit_config_fn)(json_t *config);

static const char *copy_folder(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", test_temp_dir(), name);
    mkdir(path, 0700);
    return path;
}

static void copy_config(const char *from, const char *folder, edit_config_fn edit) {
    char path[640];
    snprintf(path, sizeof path, "golden/csm/%s/config.json", from);
    json_t *config = json_load_file(test_path(path), 0, NULL);
    assert_non_null(config);
    if (edit) edit(config);
    snprintf(path, sizeof path, "%s/config.json", folder);
    assert_int_equal(json_dump_file(config, path, JSON_INDENT(1)), 0);
    json_decref(config);
}

/* Copies tests/golden/csm/<from> to a folder of its own, edited; `extra` (may be NULL) is one more
 * f32 tensor of one value. Returns the folder. */
static const char *altered(const char *from, const char *name, edit_fn edit,
                           edit_config_fn edit_config, const char *extra) {
    enum { MAX = 256 };
    static const char *names[MAX];
    static marvis_tensor_view views[MAX];
    static char path[640];
    float one = 1;
    mv_safetensors file;
    marvis_error err;
    const char *folder = copy_folder(name);
    copy_config(from, folder, edit_config);
    snprintf(path, sizeof path, "golden/csm/%s/model.safetensors", from);
    assert_ok(mv_safetensors_open(test_path(path), &file, &err), err);
    size_t n = file.n_tensors;
    assert_true(n + 1 <= MAX);
    for (size_t i = 0; i < n; i++) {
        const mv_tensor *t = &file.tensors[i];
        void *data = test_malloc(t->len_bytes);
        memcpy(data, t->data, t->len_bytes);
        names[i] = t->name;
        views[i] = (marvis_tensor_view){mv_dtype_name(t->type), t->n_dims, {0}, data, t->len_bytes};
        memcpy(views[i].shape, t->shape, sizeof t->shape);
        if (edit) edit(t->name, &views[i], data);
    }
    if (extra) {
        names[n] = extra;
        views[n] = (marvis_tensor_view){"F32", 1, {1}, &one, sizeof one};
    }
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    assert_ok(marvis_tensors_write(path, n + (extra ? 1 : 0), names, views, &err), err);
    for (size_t i = 0; i < n; i++)
        test_free((void *)(uintptr_t)views[i].data);
    mv_safetensors_close(&file);
    return folder;
}

/* ---- one test's models: the original and an altered copy ------------------------------------ */

typedef struct pair {
    golden g;
    marvis_engine *engine;
    traced before, after;
} pair;

static traced trace_path(pair *p, const char *path) {
    marvis_model *model;
    marvis_error err;
    assert_ok(model_try(p->engine, path, MARVIS_WEIGHTS_F32, &model, &err), err);
    traced t = trace(model, &p->g, p->g.n_frames);
    marvis_model_destroy(&model);
    return t;
}

static void pair_open(pair *p, const char *goldens, const char *from, const char *name,
                      edit_fn edit, edit_config_fn edit_config, const char *extra) {
    char path[128];
    golden_open(&p->g, goldens);
    p->engine = engine_open(NULL, 1);
    snprintf(path, sizeof path, "golden/csm/%s", from);
    p->before = trace_path(p, test_path(path));
    p->after = trace_path(p, altered(from, name, edit, edit_config, extra));
}

static void pair_close(pair *p) {
    traced_free(&p->before);
    traced_free(&p->after);
    marvis_engine_destroy(&p->engine);
    golden_close(&p->g);
}

static double changed(const pair *p, size_t c) {
    return codebook_error(&p->g, p->after.logits, p->before.logits, c);
}

/* ---- heads and tables ----------------------------------------------------------------------- */

static void transpose_heads(const char *name, marvis_tensor_view *view, float *data) {
    (void)data;
    if (strcmp(name, "audio_head") != 0) return;
    int64_t d = view->shape[1];
    view->shape[1] = view->shape[2];
    view->shape[2] = d;
}

/* [C-1][V][d] where [C-1][d][V] belongs is an error that names the tensor. */
static void trap_12_transposed_heads_are_refused(void **state) {
    (void)state;
    marvis_engine *engine = engine_open(NULL, 1);
    marvis_model *model;
    marvis_error err;
    const char *folder = altered("original", "transposed", transpose_heads, NULL, NULL);
    assert_int_equal(model_try(engine, folder, MARVIS_WEIGHTS_AUTO, &model, &err),
                     MARVIS_ERR_TENSOR);
    assert_null(model);
    assert_non_null(strstr(err.message, "audio_head"));
    marvis_engine_destroy(&engine);
}

enum { HEAD_SLOT = 2, TABLE_BLOCK = 4, VOCAB = 67 };

static void zero_head_slot(const char *name, marvis_tensor_view *view, float *data) {
    if (strcmp(name, "audio_head") != 0) return;
    size_t slot = (size_t)(view->shape[1] * view->shape[2]);
    memset(data + HEAD_SLOT * slot, 0, slot * sizeof *data);
}

static void trap_13_head_slot_serves_the_next_codebook(void **state) {
    (void)state;
    pair p;
    pair_open(&p, "layouts", "original", "zero-slot", zero_head_slot, NULL, NULL);
    for (size_t t = 0; t < p.g.n_frames; t++)
        for (size_t c = 0; c < p.g.n_codebooks; c++) {
            size_t at = (t * p.g.n_codebooks + c) * p.g.vocab;
            if (c == HEAD_SLOT + 1)
                for (size_t v = 0; v < p.g.vocab; v++)
                    assert_true(p.after.logits[at + v] == 0);
            else
                assert_memory_equal(p.after.logits + at, p.before.logits + at,
                                    p.g.vocab * sizeof(float));
        }
    pair_close(&p);
}

static void zero_table_block(const char *name, marvis_tensor_view *view, float *data) {
    if (strcmp(name, "audio_embeddings.weight") != 0) return;
    size_t block = (size_t)(VOCAB * view->shape[1]);
    memset(data + TABLE_BLOCK * block, 0, block * sizeof *data);
}

/* One frame after a prompt of text alone: block c of the audio table is read for code c only, which
 * is seen by codebooks c+1 and up. */
static void trap_13_table_block_belongs_to_one_codebook(void **state) {
    (void)state;
    pair p;
    golden_open(&p.g, "layouts");
    assert_int_equal(p.g.vocab, VOCAB);
    p.g.n_prompt = 7; /* the first text segment */
    p.g.n_frames = 1;
    p.engine = engine_open(NULL, 1);
    p.before = trace_path(&p, test_path("golden/csm/original"));
    p.after = trace_path(&p, altered("original", "zero-block", zero_table_block, NULL, NULL));
    for (size_t c = 0; c < p.g.n_codebooks; c++)
        if (c <= TABLE_BLOCK)
            assert_true(changed(&p, c) == 0);
        else
            assert_true(changed(&p, c) > 0.01);
    pair_close(&p);
}

/* ---- hidden state and projection ------------------------------------------------------------ */

static void double_final_norm(const char *name, marvis_tensor_view *view, float *data) {
    if (strcmp(name, "backbone.norm.scale") != 0) return;
    for (int64_t i = 0; i < view->shape[0]; i++)
        data[i] *= 2;
}

/* The depth decoder gets the state behind the final norm: its scale must reach codebook 1. */
static void trap_14_depth_decoder_gets_the_normed_state(void **state) {
    (void)state;
    pair p;
    pair_open(&p, "layouts", "original", "double-norm", double_final_norm, NULL, NULL);
    for (size_t i = 0; i < p.g.n_frames * p.g.width; i++)
        assert_true(p.after.hidden[i] == 2 * p.before.hidden[i]);
    for (size_t i = 0; i < p.g.vocab; i++)
        assert_true(p.after.logits[i] == 2 * p.before.logits[i]);
    assert_true(changed(&p, 1) > 0.01);
    pair_close(&p);
}

static void zero_projection(const char *name, marvis_tensor_view *view, float *data) {
    if (strcmp(name, "projection.weight") == 0) memset(data, 0, view->len_bytes);
}

/* With equal widths and a projection of zero, nothing reaches the depth decoder: neither state nor
 * codes may go around it. */
static void trap_15_projection_applies_to_state_and_codes(void **state) {
    (void)state;
    pair p;
    pair_open(&p, "same-width", "same-width", "zero-projection", zero_projection, NULL, NULL);
    size_t row = p.g.n_codebooks * p.g.vocab;
    for (size_t t = 0; t < p.g.n_frames; t++) {
        assert_memory_equal(p.after.logits + t * row, p.before.logits + t * row,
                            p.g.vocab * sizeof(float));
        for (size_t v = p.g.vocab; v < row; v++)
            assert_true(p.after.logits[t * row + v] == 0);
    }
    pair_close(&p);
}

/* ---- rope scaling --------------------------------------------------------------------------- */

static void drop_scaling(json_t *config) {
    json_object_set_new(config, "rope_scaling", json_null());
    json_object_set_new(json_object_get(config, "depth_decoder_config"), "rope_scaling",
                        json_null());
}

static void respell(json_t *config) {
    json_t *towers[] = {config, json_object_get(config, "depth_decoder_config")};
    for (int i = 0; i < 2; i++) {
        json_t *scaling = json_incref(json_object_get(towers[i], "rope_scaling"));
        json_object_set(scaling, "rope_theta", json_object_get(towers[i], "rope_theta"));
        json_object_set_new(towers[i], "rope_parameters", scaling);
        json_object_del(towers[i], "rope_scaling");
        json_object_del(towers[i], "rope_theta");
    }
}

static void set_fraction(json_t *tower, double low, double high, int original) {
    json_t *scaling = json_object_get(tower, "rope_scaling");
    json_object_set_new(scaling, "low_freq_factor", json_real(low));
    json_object_set_new(scaling, "high_freq_factor", json_real(high));
    json_object_set_new(scaling, "original_max_position_embeddings", json_integer(original));
}

/* transformers' numbers for the published scaling 1, 4, 8192, which the model's own file has */
static void rescale(json_t *config) {
    set_fraction(config, 0.125, 0.5, 1024);
    set_fraction(json_object_get(config, "depth_decoder_config"), 0.001953125, 0.0078125, 16);
}

static void trap_16_rope_scaling_matters_and_fractions_are_exact(void **state) {
    (void)state;
    pair p;
    pair_open(&p, "same-width", "same-width", "plain-rope", NULL, drop_scaling, NULL);
    assert_true(changed(&p, 0) > 0.01);
    pair_close(&p);
    pair_open(&p, "same-width", "same-width", "fractions", NULL, rescale, NULL);
    for (size_t c = 0; c < p.g.n_codebooks; c++)
        assert_true(changed(&p, c) <= 1e-6); /* the quotients are equal, powers of two apart */
    pair_close(&p);
}

static void trap_17_rope_parameters_is_rope_scaling(void **state) {
    (void)state;
    pair p;
    pair_open(&p, "layouts", "original", "respelled", NULL, respell, NULL);
    for (size_t c = 0; c < p.g.n_codebooks; c++)
        assert_true(changed(&p, c) == 0);
    pair_close(&p);
}

/* ---- what lies beside the model's own tensors ------------------------------------------------ */

/* transformers keeps the codec in the same file: not an unknown tensor, even when strict. */
static void trap_21_codec_tensors_are_left_to_the_codec(void **state) {
    (void)state;
    pair p;
    pair_open(&p, "layouts", "transformers", "with-codec", NULL, NULL,
              "codec_model.decoder.layers.0.conv.bias");
    for (size_t c = 0; c < p.g.n_codebooks; c++)
        assert_true(changed(&p, c) == 0);
    pair_close(&p);
}

static void trap_21_one_audio_table_is_enough_but_not_none(void **state) {
    (void)state;
    marvis_engine *engine = engine_open(NULL, 1);
    marvis_model *model;
    marvis_error err;
    char path[640], bytes[4096];
    snprintf(path, sizeof path, "%s/no-table.safetensors", copy_folder("no-table"));
    FILE *from = fopen(test_path("golden/csm/transformers-sharded/"
                                 "model-00001-of-00003.safetensors"),
                       "rb");
    FILE *to = fopen(path, "wb");
    assert_true(from && to);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, from)) > 0;)
        assert_int_equal(fwrite(bytes, 1, n, to), n);
    fclose(from);
    assert_int_equal(fclose(to), 0);
    copy_config("transformers-sharded", copy_folder("no-table"), NULL);
    assert_int_equal(model_try(engine, path, MARVIS_WEIGHTS_AUTO, &model, &err), MARVIS_ERR_TENSOR);
    assert_non_null(strstr(err.message, "embed_tokens"));
    marvis_engine_destroy(&engine);
}

static void add_codec_config(json_t *config) {
    json_t *codec = json_load_file(test_path("golden/mimi/config.json"), 0, NULL);
    assert_int_equal(json_object_set_new(config, "codec_config", codec), 0);
}

/* Writes the codec as transformers' CSM carries it, behind an index, to a folder. */
static void write_carrier(const char *folder) {
    enum { MAX = 256 };
    static char names[MAX][128];
    static marvis_tensor_view views[MAX];
    const char *pointers[MAX];
    char path[640];
    mv_safetensors file;
    marvis_error err;
    assert_ok(mv_safetensors_open(test_path("golden/mimi/tiny_hf.safetensors"), &file, &err), err);
    assert_true(file.n_tensors <= MAX);
    json_t *index = json_object(), *map = json_object();
    json_object_set_new(index, "weight_map", map);
    for (size_t i = 0; i < file.n_tensors; i++) {
        const mv_tensor *t = &file.tensors[i];
        snprintf(names[i], sizeof names[i], "codec_model.%s", t->name);
        pointers[i] = names[i];
        views[i] =
            (marvis_tensor_view){mv_dtype_name(t->type), t->n_dims, {0}, t->data, t->len_bytes};
        memcpy(views[i].shape, t->shape, sizeof t->shape);
        json_object_set_new(map, names[i], json_string("transformers-1.safetensors"));
    }
    snprintf(path, sizeof path, "%s/transformers-1.safetensors", folder);
    assert_ok(marvis_tensors_write(path, file.n_tensors, pointers, views, &err), err);
    snprintf(path, sizeof path, "%s/transformers.safetensors.index.json", folder);
    assert_int_equal(json_dump_file(index, path, 0), 0);
    json_decref(index);
    mv_safetensors_close(&file);
}

/* As in a full download of csm-1b: the original model without a codec beside transformers' with
 * one. It speaks, and the folder serves as another model's codec. */
static void codec_is_taken_out_of_another_model(void **state) {
    (void)state;
    marvis_engine *engine = engine_open(NULL, 1);
    marvis_model *model;
    marvis_error err;
    marvis_model_settings settings;
    marvis_model_settings_init(&settings);
    settings.no_tokenizer = 1;
    settings.strict = 1;
    const char *folder = altered("original", "full", NULL, add_codec_config, NULL);
    assert_int_equal(marvis_model_open(engine, folder, &settings, &model, &err),
                     MARVIS_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "--codec"));
    write_carrier(folder);
    assert_ok(marvis_model_open(engine, folder, &settings, &model, &err), err);
    assert_true(marvis_model_frame_samples(model) > 0);
    marvis_model_destroy(&model);

    char named[512];
    snprintf(named, sizeof named, "%s", folder);
    settings.codec = named;
    const char *alone = altered("original", "alone", NULL, add_codec_config, NULL);
    assert_ok(marvis_model_open(engine, alone, &settings, &model, &err), err);
    assert_true(marvis_model_frame_samples(model) > 0);
    marvis_model_destroy(&model);
    marvis_engine_destroy(&engine);
}

static void unknown_tensor_in_a_tower_is_refused(void **state) {
    (void)state;
    marvis_engine *engine = engine_open(NULL, 1);
    marvis_model *model;
    marvis_error err;
    marvis_model_settings settings;
    marvis_model_settings_init(&settings);
    settings.no_codec = settings.no_tokenizer = 1; /* and not strict */
    static const struct {
        const char *from, *extra;
    } cases[] = {
        {"original", "backbone.layers.0.attn.q_proj.bias"},
        /* other layouts' names, as half a conversion leaves them */
        {"original", "lm_head.weight"},
        {"original", "backbone_model.norm.weight"},
        {"original", "quantizer.rvq_first.input_proj.weight"},
        {"mlx", "depth_decoder.model.norm.weight"},
        {"mlx", "embed_text_tokens.scales"},
        {"transformers", "backbone.norm.scale"},
        {"transformers", "audio_head"},
    };
    size_t n = 0;
    for (; n < sizeof cases / sizeof cases[0]; n++) {
        char name[32];
        snprintf(name, sizeof name, "extra-%zu", n);
        const char *folder = altered(cases[n].from, name, NULL, NULL, cases[n].extra);
        if (marvis_model_open(engine, folder, &settings, &model, &err) != MARVIS_ERR_TENSOR)
            fail_msg("%s is let through in %s", cases[n].extra, cases[n].from);
        assert_non_null(strstr(err.message, cases[n].extra));
    }
    assert_int_equal(n, 8);
    /* a codec in the checkpoint is none of the network's business when it is not asked for, nor is
     * what nobody knows */
    static const char *const harmless[] = {"codec_model.something", "optimizer.step"};
    for (size_t i = 0; i < 2; i++) {
        char name[32];
        snprintf(name, sizeof name, "harmless-%zu", i);
        const char *folder = altered("original", name, NULL, NULL, harmless[i]);
        assert_ok(marvis_model_open(engine, folder, &settings, &model, &err), err);
        marvis_model_destroy(&model);
    }
    marvis_engine_destroy(&engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trap_12_transposed_heads_are_refused),
        cmocka_unit_test(trap_13_head_slot_serves_the_next_codebook),
        cmocka_unit_test(trap_13_table_block_belongs_to_one_codebook),
        cmocka_unit_test(trap_14_depth_decoder_gets_the_normed_state),
        cmocka_unit_test(trap_15_projection_applies_to_state_and_codes),
        cmocka_unit_test(trap_16_rope_scaling_matters_and_fractions_are_exact),
        cmocka_unit_test(trap_17_rope_parameters_is_rope_scaling),
        cmocka_unit_test(trap_21_codec_tensors_are_left_to_the_codec),
        cmocka_unit_test(trap_21_one_audio_table_is_enough_but_not_none),
        cmocka_unit_test(codec_is_taken_out_of_another_model),
        cmocka_unit_test(unknown_tensor_in_a_tower_is_refused),
    };
    return cmocka_run_group_tests_name("csm faults", tests, NULL, NULL);
}
