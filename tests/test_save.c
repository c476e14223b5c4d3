/* test_save.c - one-file models: what marvis_model_save writes is the model that it was made of,
 * bit for bit where no bits are dropped and within bounds where some are; files of other tools;
 * what is refused, and what is left behind (nothing). */
#include "csm_fixture.h"
#include "gguf_fixture.h"

#include "base/memory.h"
#include "engine/save.h"
#include "format/checkpoint_internal.h"
#include "kernels/convert.h"
#include "model/identity.h"

#include <math.h>

static marvis_engine *engine;

static int set_up(void **state) {
    (void)state;
    engine = engine_open(NULL, 2);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    marvis_engine_destroy(&engine);
    return 0;
}

/* Saves tests/golden/csm/<folder> as <types> in a new file. */
static const char *save(const char *folder, const char *types) {
    static int n;
    char name[64];
    marvis_save_settings settings;
    marvis_error err;
    marvis_model *model = model_open(engine, folder, MARVIS_WEIGHTS_AUTO);
    snprintf(name, sizeof name, "saved/%d.gguf", n++);
    const char *path = fx_path(name);
    marvis_save_settings_init(&settings);
    settings.types = types;
    assert_ok(marvis_model_save(model, path, &settings, &err), err);
    marvis_model_destroy(&model);
    return path;
}

static marvis_model *open_saved(const char *path, marvis_weights weights) {
    marvis_model *model;
    marvis_error err;
    assert_ok(model_try(engine, path, weights, &model, &err), err);
    return model;
}

/* ---- nothing is lost ------------------------------------------------------------------------ */

static void assert_same_bits(const char *what, const marvis_model *a, const marvis_model *b,
                             const golden *g) {
    traced x = trace(a, g, g->n_frames), y = trace(b, g, g->n_frames);
    if (memcmp(x.hidden, y.hidden, g->n_frames * g->width * sizeof(float)) != 0 ||
        memcmp(x.logits, y.logits, g->n_frames * g->n_codebooks * g->vocab * sizeof(float)) != 0)
        fail_msg("%s: not the same bits", what);
    traced_free(&x);
    traced_free(&y);
}

static void every_layout_is_kept_bit_for_bit(void **state) {
    (void)state;
    /* the golden that fits, and the type that the weights have or are widened to */
    static const struct {
        const char *folder, *golden, *types;
    } models[] = {
        {"original", "layouts", "f32"},
        {"original-prefixed", "layouts", "f16"},
        {"mlx", "layouts", "bf16"},
        {"mlx-port", "layouts", "f32"},
        {"transformers", "layouts", "f32"},
        {"transformers-sharded", "layouts", "f32"},
        {"transformers-sharded/depth-table.safetensors.index.json", "layouts", "f32"},
        {"same-width", "same-width", "f32"},
        {"mlx-4bit", "mlx-4bit", "f32"},
        {"mlx-3bit", "mlx-3bit", "f32"},
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        golden g;
        golden_open(&g, models[i].golden);
        /* MLX's numbers are exact in f32, rounded in what AUTO makes of them */
        marvis_weights weights =
            strncmp(models[i].folder, "mlx-", 4) == 0 ? MARVIS_WEIGHTS_F32 : MARVIS_WEIGHTS_AUTO;
        if (strcmp(models[i].folder, "mlx-port") == 0) weights = MARVIS_WEIGHTS_F32;
        marvis_model *before = model_open(engine, models[i].folder, weights);
        marvis_model *after = open_saved(save(models[i].folder, models[i].types), weights);
        assert_same_bits(models[i].folder, before, after, &g);
        assert_int_equal(before->layout, after->layout);
        marvis_model_destroy(&before);
        marvis_model_destroy(&after);
        golden_close(&g);
    }
}

/* The tables of a quantised file are read where they lie: the same numbers as widened. */
static void tables_stay_in_the_file(void **state) {
    (void)state;
    static const char *const types[] = {"q8", "q4"};
    int n_rows = 0;
    for (size_t i = 0; i < 2; i++) {
        const char *path = save("transformers", types[i]);
        marvis_model *model = open_saved(path, MARVIS_WEIGHTS_AUTO);
        marvis_model *wide = open_saved(path, MARVIS_WEIGHTS_F32);
        const mv_matrix *tables[] = {&model->csm.text_table, &model->csm.audio_table};
        const mv_matrix *wanted[] = {&wide->csm.text_table, &wide->csm.audio_table};
        for (size_t t = 0; t < 2; t++) {
            const size_t n = tables[t]->n_cols;
            float *got = test_malloc(2 * n * sizeof *got);
            assert_true(tables[t]->type >= MV_W_ROWS_Q8_0);
            assert_null(tables[t]->owned);
            for (size_t r = 0; r < tables[t]->n_rows; r++, n_rows++) {
                mv_matrix_row(tables[t], r, got);
                mv_matrix_row(wanted[t], r, got + n);
                assert_memory_equal(got, got + n, n * sizeof *got);
            }
            test_free(got);
        }
        marvis_model_destroy(&model);
        marvis_model_destroy(&wide);
    }
    assert_true(n_rows > 100);
}

/* A file of ours is a model like any other: saved again it is the same. */
static void a_saved_file_is_saved_again(void **state) {
    (void)state;
    golden g;
    marvis_error err;
    golden_open(&g, "layouts");
    marvis_model *first = open_saved(save("transformers", "mix"), MARVIS_WEIGHTS_AUTO);
    const char *path = fx_path("saved/again.gguf");
    marvis_save_settings settings;
    marvis_save_settings_init(&settings);
    settings.types = "f32";
    assert_ok(marvis_model_save(first, path, &settings, &err), err);
    marvis_model *second = open_saved(path, MARVIS_WEIGHTS_F32);
    marvis_model_destroy(&first);
    first = open_saved(save("transformers", "mix"), MARVIS_WEIGHTS_F32);
    assert_same_bits("again", first, second, &g);
    marvis_model_destroy(&first);
    marvis_model_destroy(&second);
    golden_close(&g);
}

/* ---- something is ---------------------------------------------------------------------------- */

/* Worst error of a row, by type: a few times the steps of 8 or 4 bits, through two towers. */
static void quantised_models_stay_close(void **state) {
    (void)state;
    static const struct {
        const char *types;
        double bound;
    } cases[] = {{"q8", 0.15},   {"int8", 0.12},        {"q4", 1}, {"mix", 0.6}, {"bf16", 0.04},
                 {"f16", 0.005}, {"f32,heads=q8", 0.04}};
    golden g;
    golden_open(&g, "mlx-8bit");
    int n = 0;
    marvis_model *exact = model_open(engine, "mlx-8bit", MARVIS_WEIGHTS_F32);
    traced want = trace(exact, &g, g.n_frames);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++, n++) {
        marvis_model *model = open_saved(save("mlx-8bit", cases[i].types), MARVIS_WEIGHTS_F32);
        traced got = trace(model, &g, g.n_frames);
        double error = test_row_error(got.logits, want.logits, g.n_frames * g.n_codebooks, g.vocab);
        if (!(error <= cases[i].bound && error > 0))
            fail_msg("%s: off by %.3g, at most %.3g", cases[i].types, error, cases[i].bound);
        traced_free(&got);
        marvis_model_destroy(&model);
    }
    assert_int_equal(n, 7);
    traced_free(&want);
    marvis_model_destroy(&exact);
    golden_close(&g);
}

static const mv_tensor *find_tensor(const mv_gguf *file, const char *name) {
    for (size_t i = 0; i < file->n_tensors; i++)
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

/* Each class gets its type, heads are turned, what is no multiple of 32 becomes int8. */
static void types_and_shapes_in_the_file(void **state) {
    (void)state;
    mv_gguf file;
    marvis_error err;
    uint64_t number;
    const char *path = save("original", "q8,depth.ffn=q4,heads=f16,text=bf16,audio=int8");
    assert_ok(mv_gguf_open(path, &file, &err), err);
    static const struct {
        const char *name;
        mv_dtype type;
    } expected[] = {
        {"backbone.layers.0.attn.q_proj.weight", MV_DT_Q8_0},
        {"backbone.layers.0.mlp.w2.weight", MV_DT_I8}, /* 60 columns */
        {"backbone.layers.0.mlp.w2.weight_scale", MV_DT_F32},
        {"decoder.layers.0.mlp.w1.weight", MV_DT_I8}, /* 24 columns */
        {"audio_head", MV_DT_F16},
        {"codebook0_head.weight", MV_DT_F16},
        {"text_embeddings.weight", MV_DT_BF16},
        {"audio_embeddings.weight", MV_DT_I8},
        {"backbone.norm.scale", MV_DT_F32},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_int_equal(find_tensor(&file, expected[i].name)->type, expected[i].type);
    const mv_tensor *heads = find_tensor(&file, "audio_head");
    assert_int_equal(heads->shape[0], 7);
    assert_int_equal(heads->shape[1], 67);
    assert_int_equal(heads->shape[2], 24);
    assert_true(mv_gguf_number(&file, "csm.audio_num_codebooks", &number) && number == 8);
    assert_true(mv_gguf_number(&file, "csm.embedding_length", &number) && number == 32);
    assert_true(mv_gguf_number(&file, "csm.backbone.block_count", &number) && number == 3);
    mv_gguf_close(&file);
    path = save("mlx-4bit", "q4");
    assert_ok(mv_gguf_open(path, &file, &err), err);
    /* MLX's groups have a minimum; 8 bits and what was never quantised have none */
    assert_int_equal(find_tensor(&file, "backbone.layers.0.self_attn.q_proj.weight")->type,
                     MV_DT_Q4_1);
    assert_int_equal(find_tensor(&file, "projection.weight")->type, MV_DT_Q8_0);
    assert_int_equal(find_tensor(&file, "backbone.layers.0.mlp.down_proj.weight")->type,
                     MV_DT_Q4_0);
    assert_int_equal(find_tensor(&file, "audio_head")->type, MV_DT_Q4_0);
    mv_gguf_close(&file);
}

/* ---- codec, tokenizer, configuration, voices ------------------------------------------------ */

static marvis_model *open_whole(const char *path, const char *codec) {
    marvis_model_settings settings;
    marvis_model *model;
    marvis_error err;
    marvis_model_settings_init(&settings);
    settings.codec = codec;
    settings.strict = 1;
    assert_ok(marvis_model_open(engine, path, &settings, &model, &err), err);
    return model;
}

static int32_t *speak(const marvis_model *model, size_t *n, float **pcm, size_t *n_pcm) {
    marvis_session_settings settings;
    marvis_session *session;
    marvis_chunk chunk;
    marvis_error err;
    int32_t *codes = NULL;
    *pcm = NULL;
    *n = *n_pcm = 0;
    marvis_session_settings_init(&settings, model);
    settings.seed = 11;
    settings.max_frames = 12;
    assert_ok(marvis_session_create(model, &settings, &session, &err), err);
    assert_ok(marvis_session_push_text(session, "ab c", 4, &err), err);
    do {
        assert_ok(marvis_session_step(session, &chunk, &err), err);
        size_t more = (size_t)chunk.n_frames * (size_t)chunk.n_codebooks;
        size_t n_more = (size_t)chunk.n_samples;
        codes = realloc(codes, (*n + more + 1) * sizeof *codes);
        *pcm = realloc(*pcm, (*n_pcm + n_more + 1) * sizeof **pcm);
        assert_true(codes && *pcm);
        if (more) memcpy(codes + *n, chunk.codes, more * sizeof *codes);
        if (n_more) memcpy(*pcm + *n_pcm, chunk.pcm, n_more * sizeof **pcm);
        *n += more;
        *n_pcm += n_more;
    } while (chunk.stop == MARVIS_STOP_NONE);
    marvis_session_destroy(&session);
    return codes;
}

static void one_file_speaks_as_the_folder_did(void **state) {
    (void)state;
    static const char *const codecs[] = {"golden/mimi/tiny_moshi.safetensors",
                                         "golden/mimi/tiny_hf.safetensors"};
    for (size_t i = 0; i < 2; i++) {
        marvis_error err;
        size_t n_a, n_b, s_a, s_b;
        float *pcm_a, *pcm_b;
        const char *path = fx_path(i ? "whole/hf.gguf" : "whole/moshi.gguf");
        marvis_save_settings settings;
        marvis_save_settings_init(&settings);
        settings.types = "f32";
        marvis_model *a = open_whole(test_path("golden/csm/context"), test_path(codecs[i]));
        assert_ok(marvis_model_save(a, path, &settings, &err), err);
        marvis_model *b = open_whole(path, NULL);
        int32_t *x = speak(a, &n_a, &pcm_a, &s_a), *y = speak(b, &n_b, &pcm_b, &s_b);
        assert_true(n_a > 0 && n_a == n_b && s_a == s_b);
        assert_memory_equal(x, y, n_a * sizeof *x);
        assert_memory_equal(pcm_a, pcm_b, s_a * sizeof *pcm_a);
        assert_int_equal(marvis_model_has_encoder(a), marvis_model_has_encoder(b));
        free(x), free(y), free(pcm_a), free(pcm_b);
        marvis_model_destroy(&a);
        /* alone it is a codec, too, and a folder with it is a model */
        marvis_model_destroy(&b);
        assert_ok(marvis_codec_open(engine, path, NULL, &b, &err), err);
        assert_true(marvis_model_frame_samples(b) > 0);
        marvis_model_destroy(&b);
    }
}

static void saved_voices_fit_the_quantised_model(void **state) {
    (void)state;
    marvis_error err;
    uint64_t before, after;
    const char *path = fx_path("voices/q4.gguf");
    marvis_save_settings settings;
    marvis_save_settings_init(&settings);
    settings.types = "q4";
    marvis_model *a = open_whole(test_path("golden/csm/context"),
                                 test_path("golden/mimi/tiny_moshi.safetensors"));
    assert_ok(marvis_model_save(a, path, &settings, &err), err);
    marvis_model *b = open_whole(path, NULL);
    assert_ok(mv_csm_identity(&a->csm, &before, &err), err);
    assert_ok(mv_csm_identity(&b->csm, &after, &err), err);
    assert_true(before == after);
    assert_ok(mv_csm_numerics(&a->csm, "here", &before, &err), err);
    assert_ok(mv_csm_numerics(&b->csm, "here", &after, &err), err);
    assert_true(before != after); /* what a snapshot depends on is another matter */
    assert_true(mv_mimi_identity(a->mimi) == mv_mimi_identity(b->mimi));
    marvis_model_destroy(&a);
    marvis_model_destroy(&b);
}

/* ---- csm.rs --------------------------------------------------------------------------------- */

/* As csm.rs writes a file: names of the source, matrices without "norm" or "embeddings" in the name
 * as Q8_0 where they are ".weight", all else F16, heads as they were, no configuration. */
static const char *write_csm_rs(const char *folder, const char *name) {
    char relative[128];
    marvis_error err;
    mv_safetensors in;
    mv_gguf_writer *w;
    const char *path = fx_path(name);
    snprintf(relative, sizeof relative, "golden/csm/%s/model.safetensors", folder);
    assert_ok(mv_safetensors_open(test_path(relative), &in, &err), err);
    assert_ok(mv_gguf_writer_create(path, &w, &err), err);
    assert_ok(mv_gguf_put_text(w, "general.architecture", "csm", 3, &err), err);
    for (int pass = 0; pass < 2; pass++) {
        if (pass) assert_ok(mv_gguf_writer_begin(w, &err), err);
        for (size_t i = 0; i < in.n_tensors; i++) {
            const mv_tensor *t = &in.tensors[i];
            bool q8 = t->n_dims == 2 && strstr(t->name, ".weight") && !strstr(t->name, "norm") &&
                      !strstr(t->name, "embeddings") && t->shape[1] % 32 == 0;
            mv_dtype type = q8 ? MV_DT_Q8_0 : MV_DT_F16;
            if (pass == 0) {
                assert_ok(mv_gguf_add_tensor(w, t->name, type, t->n_dims, t->shape, &err), err);
                continue;
            }
            float *x = test_malloc(t->n_values * sizeof *x);
            uint16_t *h = test_malloc(t->n_values * sizeof *h + 64);
            mv_widen(x, mv_wtype_of(t->type), t->data, t->n_values);
            size_t len = t->n_values * 2;
            if (q8) {
                mv_blocks_from_f32(h, MV_BLOCKS_Q8_0, x, t->n_values);
                len = t->n_values / 32 * 34;
            }
            for (size_t v = 0; !q8 && v < t->n_values; v++)
                h[v] = mv_f32_to_f16(x[v]);
            assert_ok(mv_gguf_writer_write(w, h, len, &err), err);
            test_free(x);
            test_free(h);
        }
    }
    assert_ok(mv_gguf_writer_commit(&w, &err), err);
    mv_safetensors_close(&in);
    return path;
}

static void files_of_csm_rs_are_read(void **state) {
    (void)state;
    static const char *const folders[] = {"original", "transformers"};
    golden g;
    golden_open(&g, "layouts");
    for (size_t i = 0; i < 2; i++) {
        char name[64], config[64];
        marvis_model_settings settings;
        marvis_model *model;
        marvis_error err;
        snprintf(name, sizeof name, "rs-%s/csm.gguf", folders[i]);
        write_csm_rs(folders[i], name);
        snprintf(config, sizeof config, "golden/csm/%s/config.json", folders[i]);
        marvis_model_settings_init(&settings);
        settings.no_codec = settings.no_tokenizer = settings.strict = 1;
        settings.config = test_path(config);
        /* the folder holds one .gguf file: it is the model */
        snprintf(name, sizeof name, "rs-%s", folders[i]);
        assert_ok(marvis_model_open(engine, fx_path(name), &settings, &model, &err), err);
        /* 8 bits; what is read wrongly (pairs of the wrong kind above all) is off by more than 1 */
        traced t = trace(model, &g, g.n_frames);
        assert_near(folders[i], t.logits, g.logits, g.n_frames * g.n_codebooks, g.vocab, 0.3);
        traced_free(&t);
        marvis_model_destroy(&model);
    }
    golden_close(&g);
}

/* ---- refusals ------------------------------------------------------------------------------- */

static void types_that_nobody_knows_are_listed(void **state) {
    (void)state;
    static const char *const wrong[] = {"q5",       "q8,",          "q8,q4",        "depth.ffn",
                                        "depth=q9", "nothing=q4",   "q8,depth.ffn", "mix,,f32",
                                        "=q8",      "mix,heads=mix"};
    mv_dtype types[MV_N_CLASSES];
    marvis_error err;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (mv_save_types_parse(wrong[i], types, &err) != MARVIS_ERR_CALL)
            fail_msg("\"%s\" was taken", wrong[i]);
        assert_message(&err, wrong[i], "mix, f32, f16, bf16, q8, q4 or int8");
        assert_message(&err, wrong[i], "depth.ffn");
    }
    assert_ok(mv_save_types_parse(NULL, types, &err), err);
    assert_int_equal(types[MV_CLASS_DEPTH_FFN], MV_DT_Q4_0);
    assert_int_equal(types[MV_CLASS_DEPTH_ATTENTION], MV_DT_Q8_0); /* never below 8 by default */
    assert_int_equal(types[MV_CLASS_HEADS], MV_DT_Q8_0);
    assert_ok(mv_save_types_parse("q4", types, &err), err);
    assert_int_equal(types[MV_CLASS_BACKBONE_FFN], MV_DT_Q4_0);
    assert_int_equal(types[MV_CLASS_AUDIO], MV_DT_Q8_0);
    assert_ok(mv_save_types_parse("backbone=int8,tables=f16", types, &err), err);
    assert_int_equal(types[MV_CLASS_BACKBONE_FFN], MV_DT_I8);
    assert_int_equal(types[MV_CLASS_TEXT], MV_DT_F16);
    assert_int_equal(types[MV_CLASS_HEADS], MV_DT_Q8_0);
}

static int stop_soon(void *ctx, const char *tensor, uint64_t done, uint64_t total) {
    int *n = ctx;
    assert_non_null(tensor);
    assert_true(done <= total);
    return ++*n >= 3;
}

static void nothing_is_left_of_what_fails(void **state) {
    (void)state;
    marvis_save_settings settings;
    marvis_error err;
    char **names;
    size_t n;
    int calls = 0;
    marvis_model *model = model_open(engine, "original", MARVIS_WEIGHTS_AUTO);
    marvis_save_settings_init(&settings);
    settings.progress = stop_soon;
    settings.progress_ctx = &calls;
    assert_int_equal(marvis_model_save(model, fx_path("left/x.gguf"), &settings, &err),
                     MARVIS_ERR_CALL);
    assert_int_equal(calls, 3);
    assert_int_equal(marvis_model_save(model, model->files.weights, NULL, &err), MARVIS_ERR_CALL);
    assert_message(&err, "overwriting", "read from it");
    assert_int_equal(marvis_model_save(model, model->files.config, NULL, &err), MARVIS_ERR_CALL);
    settings.struct_size = 1;
    assert_int_equal(marvis_model_save(model, fx_path("left/x.gguf"), &settings, &err),
                     MARVIS_ERR_CALL);
    marvis_model_destroy(&model);
    assert_ok(mv_dir_list(fx_path("left"), &names, &n, &err), err);
    assert_int_equal(n, 0);
    mv_names_free(&names, n);
}

/* A weight that is no number, or that f16 cannot hold, is named. */
static void impossible_weights_are_named(void **state) {
    (void)state;
    mv_safetensors file;
    marvis_error err;
    size_t len;
    char *bytes;
    marvis_save_settings settings;
    marvis_model *model;
    const char *source = test_path("golden/csm/original/model.safetensors");
    assert_ok(mv_safetensors_open(source, &file, &err), err);
    size_t at =
        (size_t)(mv_safetensors_find(&file, "projection.weight")->data - file.map.data) + 40;
    mv_safetensors_close(&file);
    assert_ok(mv_file_read(source, 1 << 24, &bytes, &len, &err), err);
    const float values[] = {70000.0f, NAN};
    for (int i = 0; i < 2; i++) {
        memcpy(bytes + at, &values[i], sizeof values[i]);
        fx_write("odd/model.safetensors", bytes, len);
        marvis_model_settings open;
        marvis_model_settings_init(&open);
        open.no_codec = open.no_tokenizer = 1;
        open.config = test_path("golden/csm/original/config.json");
        assert_ok(marvis_model_open(engine, fx_path("odd/model.safetensors"), &open, &model, &err),
                  err);
        marvis_save_settings_init(&settings);
        settings.types = i ? "f32" : "f16";
        assert_int_equal(marvis_model_save(model, fx_path("odd/x.gguf"), &settings, &err),
                         MARVIS_ERR_INPUT);
        assert_message(&err, "odd weight", "projection");
        marvis_model_destroy(&model);
    }
    mv_free(bytes);
}

/* The Nth allocation fails, of saving and of opening, for every N: a status, and nothing leaks. */
static void every_allocation_may_fail(void **state) {
    (void)state;
    marvis_error err;
    marvis_model *model = model_open(engine, "original", MARVIS_WEIGHTS_AUTO), *other;
    const char *path = fx_path("torture/x.gguf");
    uint64_t n = 0;
    marvis_status status = MARVIS_ERR_MEMORY;
    while (status != MARVIS_OK) {
        n++;
        mv_alloc_fail_after(n, n % 2);
        status = marvis_model_save(model, path, NULL, &err);
        mv_alloc_fail_after(0, false);
        if (status != MARVIS_OK) assert_int_equal(status, MARVIS_ERR_MEMORY);
    }
    assert_true(n > 50);
    marvis_model_destroy(&model);
    for (n = 0, status = MARVIS_ERR_MEMORY; status != MARVIS_OK;) {
        n++;
        mv_alloc_fail_after(n, n % 2);
        status = model_try(engine, path, MARVIS_WEIGHTS_AUTO, &other, &err);
        mv_alloc_fail_after(0, false);
        if (status != MARVIS_OK) assert_int_equal(status, MARVIS_ERR_MEMORY);
    }
    assert_true(n > 50);
    marvis_model_destroy(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout_is_kept_bit_for_bit),
        cmocka_unit_test(tables_stay_in_the_file),
        cmocka_unit_test(a_saved_file_is_saved_again),
        cmocka_unit_test(quantised_models_stay_close),
        cmocka_unit_test(types_and_shapes_in_the_file),
        cmocka_unit_test(one_file_speaks_as_the_folder_did),
        cmocka_unit_test(saved_voices_fit_the_quantised_model),
        cmocka_unit_test(files_of_csm_rs_are_read),
        cmocka_unit_test(types_that_nobody_knows_are_listed),
        cmocka_unit_test(nothing_is_left_of_what_fails),
        cmocka_unit_test(impossible_weights_are_named),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
