/* test_calibrate.c - what is learnt of a model that speaks, by arithmetic of its own; that it
 * depends on nothing but the seed; what files are made of it; models that do not speak. */
#include "csm_fixture.h"
#include "gguf_fixture.h"

#include "automaton.h"
#include "base/memory.h"
#include "engine/save.h"
#include "format/checkpoint_internal.h"
#include "format/quantize.h"
#include "kernels/blocks.h"
#include "kernels/convert.h"

#include <math.h>
#include <sys/stat.h>

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

/* ---- what is seen --------------------------------------------------------------------------- */

typedef struct seen {
    const mv_matrix *w;
    size_t ldx, n_batch, n_calls;
    const float *x;
} seen;

static void note(void *ctx, const mv_matrix *w, const float *x, size_t ldx, size_t n_batch) {
    seen *s = ctx;
    *s = (seen){w, ldx, n_batch, s->n_calls + 1, x};
}

static void an_observer_sees_each_call_once(void **state) {
    (void)state;
    static float values[6 * 32], x[3 * 40], y[2][3 * 6];
    seen s = {0};
    const mv_observer observer = {note, &s};
    mv_exec exec = engine->exec;
    const mv_matrix a = {MV_W_F32, 6, 32, 128, values, NULL, NULL}, b = a;
    const mv_linear_out outs[] = {{&a, y[0], 6}, {&b, y[1], 6}};
    mv_linear_multi(&exec, outs, 2, x, 40, 3);
    assert_int_equal(s.n_calls, 0);
    exec.observer = &observer;
    mv_linear_multi(&exec, outs, 2, x, 40, 3);
    assert_true(s.n_calls == 1 && s.w == &a && s.x == x && s.ldx == 40 && s.n_batch == 3);
    mv_linear(&exec, &b, x, 32, 2, y[0], 6);
    assert_true(s.n_calls == 2 && s.w == &b && s.n_batch == 2);
}

/* sums [n] += the squares of x [n] */
static void add_squares(double *sums, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        sums[i] += (double)x[i] * (double)x[i];
}

static void assert_columns(const mv_csm_columns *columns, const mv_csm_tensor *t,
                           const double *sums) {
    float weights[8 * 64];
    size_t n = (size_t)t->n_cols;
    double all = 0;
    assert_true(mv_csm_columns_get(columns, t, weights));
    for (size_t i = 0; i < n; i++)
        all += sums[i];
    for (size_t i = 0; i < n; i++) {
        double want = sums[i] / (all / (double)n) + 0.5;
        if (fabs((double)weights[i] - want) > 1e-5 * want)
            fail_msg("%s, column %zu: %g, not %g", t->name, i, (double)weights[i], want);
    }
}

static const mv_csm_tensor *tensor_of(const mv_csm_tensor *list, size_t n, mv_tower tower,
                                      int layer, mv_block_part part) {
    for (size_t i = 0; i < n; i++)
        if (list[i].kind == MV_TENSOR_MATRIX && list[i].which <= MV_CLASS_DEPTH_FFN &&
            list[i].tower == tower && list[i].layer == layer && list[i].part == part)
            return &list[i];
    fail_msg("no such tensor");
    return NULL;
}

static const mv_csm_tensor *part_of(const mv_csm_tensor *list, size_t n, mv_csm_tensor_kind kind,
                                    mv_weight_class which) {
    for (size_t i = 0; i < n; i++)
        if (list[i].kind == kind && list[i].which == which) return &list[i];
    fail_msg("no such tensor");
    return NULL;
}

typedef struct watched {
    marvis_model *model;
    mv_csm_tensor *list;
    size_t n;
    mv_csm_stream stream;
    mv_csm_scratch scratch;
    mv_csm_columns columns;
} watched;

static void watch(watched *w) {
    marvis_error err;
    w->model = model_open(engine, "original", MARVIS_WEIGHTS_F32);
    const mv_csm *csm = &w->model->csm;
    assert_ok(mv_csm_tensors(w->model->ckpt, w->model->layout, &csm->config, &w->list, &w->n, &err),
              err);
    assert_ok(mv_csm_stream_init(&w->stream, csm, 32, &err), err);
    assert_ok(mv_csm_scratch_init(&w->scratch, csm, 4, 32, 2, &err), err);
    assert_ok(mv_csm_columns_init(&w->columns, csm, &err), err);
    mv_csm_scratch_observe(&w->scratch, &w->columns.observer);
}

static void unwatch(watched *w) {
    mv_csm_columns_deinit(&w->columns);
    mv_csm_scratch_deinit(&w->scratch);
    mv_csm_stream_deinit(&w->stream);
    mv_free(w->list);
    marvis_model_destroy(&w->model);
}

/* Inputs that are known without running a layer: of the first layer's q, k and v the normed
 * embeddings, of head 0 the states given to it, of the projection these and rows of the table. */
static void columns_are_sums_of_squares(void **state) {
    (void)state;
    golden g;
    watched w;
    double first[64] = {0}, head[64] = {0}, projection[64] = {0};
    float hidden[9][64], logits[128], e[64], tmp[64], weights[8 * 64];
    golden_open(&g, "layouts");
    watch(&w);
    const mv_csm *csm = &w.model->csm;
    const size_t width = g.width, columns = g.n_codebooks + 1, n = 9;
    assert_true(width <= 64 && g.vocab <= 128 && g.n_prompt >= n && csm->config.n_codebooks == 8);
    const mv_llama_layer *y = &csm->backbone.layers[0];
    for (size_t t = 0; t < n; t++) {
        mv_csm_embed(csm, g.tokens + t * columns, g.mask + t * columns, e, tmp);
        mv_rmsnorm(e, e, y->norm1, csm->backbone.config.norm_eps, width);
        add_squares(first, e, width);
    }
    mv_csm_prefill(csm, &w.stream, &w.scratch, &engine->exec, g.tokens, g.mask, n, 0, hidden[0]);
    for (size_t t = 0; t < n; t++) { /* the rows stand behind each other, width apart */
        const float *h = hidden[0] + t * width;
        mv_csm_stream *stream = &w.stream;
        int32_t code = (int32_t)(t % g.vocab);
        mv_csm_head0(csm, &w.scratch, &engine->exec, h, 1, logits);
        add_squares(head, h, width);
        mv_csm_depth_begin(stream);
        add_squares(projection, h, width);
        for (int i = 1; i < 3; i++) {
            mv_csm_depth_step(csm, &stream, 1, &w.scratch, &engine->exec, i, h, &code, logits);
            mv_matrix_row(&csm->audio_table, (size_t)(i - 1) * g.vocab + (size_t)code, e);
            add_squares(projection, e, width);
        }
    }
    static const mv_block_part same[] = {MV_BLOCK_Q, MV_BLOCK_K, MV_BLOCK_V};
    for (size_t i = 0; i < 3; i++)
        assert_columns(&w.columns, tensor_of(w.list, w.n, MV_TOWER_BACKBONE, 0, same[i]), first);
    assert_columns(&w.columns, part_of(w.list, w.n, MV_TENSOR_MATRIX, MV_CLASS_HEADS), head);
    assert_columns(&w.columns, part_of(w.list, w.n, MV_TENSOR_MATRIX, MV_CLASS_PROJECTION),
                   projection);
    /* gate and up have the same input; down has another; heads 2.. of codebooks 3.. had none */
    float gate[64], up[64];
    assert_true(mv_csm_columns_get(&w.columns,
                                   tensor_of(w.list, w.n, MV_TOWER_DEPTH, 0, MV_BLOCK_GATE), gate));
    assert_true(
        mv_csm_columns_get(&w.columns, tensor_of(w.list, w.n, MV_TOWER_DEPTH, 0, MV_BLOCK_UP), up));
    assert_memory_equal(gate, up, (size_t)csm->depth.config.width * sizeof *gate);
    assert_false(mv_csm_columns_get(
        &w.columns, part_of(w.list, w.n, MV_TENSOR_HEADS, MV_CLASS_HEADS), weights));
    assert_false(mv_csm_columns_get(
        &w.columns, part_of(w.list, w.n, MV_TENSOR_MATRIX, MV_CLASS_AUDIO), weights));
    assert_false(mv_csm_columns_get(
        &w.columns, part_of(w.list, w.n, MV_TENSOR_MATRIX, MV_CLASS_TEXT), weights));
    unwatch(&w);
    golden_close(&g);
}

/* Every matrix that is multiplied is counted, heads each for itself; what is no number is not. */
static void every_matrix_has_its_columns(void **state) {
    (void)state;
    watched w;
    float weights[8 * 64], bad[2 * 67];
    watch(&w);
    const mv_csm *csm = &w.model->csm;
    const size_t n_heads = (size_t)csm->config.n_codebooks - 1;
    int n_counted = 0;
    for (size_t i = 0; i < w.n; i++) {
        const mv_csm_tensor *t = &w.list[i];
        if (t->kind == MV_TENSOR_NORM || t->which == MV_CLASS_AUDIO || t->which == MV_CLASS_TEXT)
            continue;
        assert_false(mv_csm_columns_get(&w.columns, t, weights)); /* nothing seen */
        const size_t n = (size_t)t->n_cols, n_matrices = t->kind == MV_TENSOR_HEADS ? n_heads : 1;
        const mv_matrix *m = mv_csm_tensor_matrix(csm, t);
        assert_true(m->n_cols == n && n_matrices * n <= sizeof weights / sizeof *weights);
        const mv_llama *tower = t->tower == MV_TOWER_DEPTH ? &csm->depth : &csm->backbone;
        const mv_llama_layer *y = &tower->layers[t->layer];
        if (t->which <= MV_CLASS_DEPTH_FFN && (m == &y->k || m == &y->v || m == &y->up)) continue;
        for (size_t h = 0; h < n_matrices; h++) {
            memset(bad, 0, sizeof bad);
            bad[(h + 5) % n] = 3;
            bad[n] = 100; /* between the rows */
            bad[n + 3 + (h + 6) % n] = 1;
            w.columns.observer.see(w.columns.observer.ctx, m + h, bad, n + 3, 2);
        }
        assert_true(mv_csm_columns_get(&w.columns, t, weights));
        for (size_t h = 0; h < n_matrices; h++) {
            assert_float_equal(weights[h * n + (h + 5) % n], 0.9f * (float)n + 0.5f, 1e-4f);
            assert_float_equal(weights[h * n + (h + 6) % n], 0.1f * (float)n + 0.5f, 1e-4f);
            assert_float_equal(weights[h * n + (h + 7) % n], 0.5f, 1e-6f);
        }
        bad[3] = NAN;
        w.columns.observer.see(w.columns.observer.ctx, m + (n_matrices - 1), bad, n, 1);
        assert_false(mv_csm_columns_get(&w.columns, t, weights));
        n_counted++;
    }
    assert_int_equal(n_counted,
                     4 * (csm->config.backbone.n_layers + csm->config.depth.n_layers) + 3);
    unwatch(&w);
}

/* ---- what it depends on --------------------------------------------------------------------- */

static marvis_model *open_speaking(marvis_engine *of, const char *folder) {
    marvis_model_settings settings;
    marvis_model *model;
    marvis_error err;
    marvis_model_settings_init(&settings);
    settings.codec = test_path("golden/mimi/tiny_moshi.safetensors");
    assert_ok(marvis_model_open(of, folder, &settings, &model, &err), err);
    return model;
}

static marvis_calibration *calibrate(const marvis_model *model, int n_frames, uint64_t seed) {
    marvis_calibration_settings settings;
    marvis_calibration *calibration;
    marvis_error err;
    marvis_calibration_settings_init(&settings);
    settings.n_frames = n_frames;
    settings.seed = seed;
    assert_ok(marvis_calibration_create(model, &settings, &calibration, &err), err);
    return calibration;
}

static bool same_sums(const marvis_calibration *a, const marvis_calibration *b) {
    assert_int_equal(a->columns.n_sites, b->columns.n_sites);
    for (size_t i = 0; i < a->columns.n_sites; i++) {
        size_t n = a->columns.sites[i].w->n_cols;
        if (memcmp(a->columns.sites[i].sums, b->columns.sites[i].sums, n * sizeof(double)) != 0)
            return false;
    }
    return true;
}

static void trap_45_any_number_of_threads_learns_the_same(void **state) {
    (void)state;
    const char *folder = test_path("golden/csm/context");
    marvis_model *model = open_speaking(engine, folder);
    marvis_calibration *two = calibrate(model, 61, 5), *other = calibrate(model, 61, 6);
    marvis_calibration *longer = calibrate(model, 62, 5);
    assert_int_equal(marvis_calibration_n_frames(two), 61);
    assert_int_equal(marvis_calibration_n_frames(longer), 62);
    assert_false(same_sums(two, other));
    assert_false(same_sums(two, longer));
    for (int n = 1; n <= 3; n += 2) {
        marvis_engine *others = engine_open(NULL, n);
        marvis_model *again = open_speaking(others, folder);
        marvis_calibration *c = calibrate(again, 61, 5);
        assert_true(same_sums(two, c));
        marvis_calibration_destroy(&c);
        marvis_model_destroy(&again);
        marvis_engine_destroy(&others);
    }
    for (size_t i = 0; i < two->columns.n_sites; i++) { /* everything has been used */
        double sum = 0;
        for (size_t k = 0; k < two->columns.sites[i].w->n_cols; k++)
            sum += two->columns.sites[i].sums[k];
        assert_true(sum > 0);
    }
    marvis_calibration_destroy(&two);
    marvis_calibration_destroy(&other);
    marvis_calibration_destroy(&longer);
    marvis_calibration_destroy(&longer); /* nothing */
    marvis_model_destroy(&model);
}

/* ---- files ---------------------------------------------------------------------------------- */

static const char *save(const marvis_model *model, const char *types,
                        const marvis_calibration *calibration) {
    static int n;
    char name[64];
    marvis_save_settings settings;
    marvis_error err;
    snprintf(name, sizeof name, "calibrated/%d.gguf", n++);
    const char *path = fx_path(name);
    marvis_save_settings_init(&settings);
    settings.types = types;
    settings.calibration = calibration;
    assert_ok(marvis_model_save(model, path, &settings, &err), err);
    return path;
}

static void close_numbers(double error[2], const mv_tensor *t, const mv_tensor *exact,
                          const float *weights, int which) {
    float *x = test_malloc(t->n_values * sizeof *x), *y = test_malloc(t->n_values * sizeof *y);
    size_t n = (size_t)t->shape[t->n_dims - 1];
    size_t rows_each = (size_t)t->shape[t->n_dims - 2];
    mv_blocks_to_f32(x, MV_BLOCKS_Q4_0, t->data, t->n_values);
    mv_widen(y, MV_W_F32, exact->data, t->n_values);
    for (size_t i = 0; i < t->n_values; i++) {
        const float *w = weights + i / n / rows_each * n;
        double d = (double)x[i] - (double)y[i];
        error[which] += (double)w[i % n] * d * d;
    }
    test_free(x);
    test_free(y);
}

static const mv_tensor *find_tensor(const mv_gguf *file, const char *name) {
    for (size_t i = 0; i < file->n_tensors; i++)
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    return NULL;
}

/* Of every matrix in 4 bits the error that is heard, by what its own columns carry, falls. */
static void calibrated_matrices_are_nearer_where_it_counts(void **state) {
    (void)state;
    marvis_error err;
    mv_gguf files[3];
    marvis_model *model = open_speaking(engine, test_path("golden/csm/context"));
    marvis_calibration *calibration = calibrate(model, 64, 1);
    const char *types[] = {"q4", "q4", "f32"};
    for (int i = 0; i < 3; i++)
        assert_ok(mv_gguf_open(save(model, types[i], i == 1 ? calibration : NULL), &files[i], &err),
                  err);
    mv_csm_tensor *list;
    size_t n;
    assert_ok(mv_csm_tensors(model->ckpt, model->layout, &model->csm.config, &list, &n, &err), err);
    int n_compared = 0, n_better = 0;
    for (size_t i = 0; i < n; i++) {
        char name[192];
        float weights[8 * 64];
        double error[2] = {0, 0};
        snprintf(name, sizeof name, "%s%s", list[i].name,
                 list[i].kind == MV_TENSOR_MATRIX ? ".weight" : "");
        const mv_tensor *plain = find_tensor(&files[0], name);
        if (!plain || plain->type != MV_DT_Q4_0) continue;
        assert_true(mv_csm_columns_get(&calibration->columns, &list[i], weights));
        close_numbers(error, plain, find_tensor(&files[2], name), weights, 0);
        close_numbers(error, find_tensor(&files[1], name), find_tensor(&files[2], name), weights,
                      1);
        n_compared++;
        n_better += error[1] < error[0];
    }
    print_message("%d matrices, %d nearer\n", n_compared, n_better);
    assert_true(n_compared >= 10 && n_better == n_compared);
    uint64_t n_frames = 0;
    assert_false(mv_gguf_number(&files[0], "marvis.calibration_frames", &n_frames));
    assert_true(mv_gguf_number(&files[1], "marvis.calibration_frames", &n_frames));
    assert_int_equal(n_frames, 64);
    mv_free(list);
    for (int i = 0; i < 3; i++)
        mv_gguf_close(&files[i]);
    marvis_calibration_destroy(&calibration);
    marvis_model_destroy(&model);
}

/* Several matrices in one tensor, each with columns of its own, in both ways to hand out rows. */
static void each_head_has_columns_of_its_own(void **state) {
    (void)state;
    enum { N = 3, ROWS = 5, COLS = 64 };
    static float source[N * COLS * ROWS], importance[N * COLS], row[COLS];
    uint64_t seed = 3;
    marvis_error err;
    mv_gguf_writer *file;
    mv_gguf back;
    uint8_t want[COLS / 32 * 18];
    for (size_t i = 0; i < N * COLS * ROWS; i++)
        source[i] = test_normal(&seed);
    for (size_t i = 0; i < N * COLS; i++)
        importance[i] = expf(3 * test_normal(&seed));
    const mv_tensor turned = {.type = MV_DT_F32, .data = (const uint8_t *)source};
    const mv_save_matrix m = {.name = "heads",
                              .type = MV_DT_Q4_0,
                              .n_rows = N * ROWS,
                              .n_cols = COLS,
                              .turned = &turned,
                              .rows_each = ROWS,
                              .importance = importance};
    const char *path = fx_path("heads.gguf");
    assert_ok(mv_gguf_writer_create(path, &file, &err), err);
    assert_ok(mv_gguf_put_text(file, "general.architecture", "csm", 3, &err), err);
    assert_ok(mv_gguf_add_tensor(file, "heads", MV_DT_Q4_0, 3, (int64_t[]){N, ROWS, COLS}, &err),
              err);
    assert_ok(mv_gguf_writer_begin(file, &err), err);
    assert_ok(mv_save_matrix_write(&m, file, engine->pool, NULL, NULL, NULL, &err), err);
    assert_ok(mv_gguf_writer_commit(&file, &err), err);
    assert_ok(mv_gguf_open(path, &back, &err), err);
    const uint8_t *got = find_tensor(&back, "heads")->data;
    for (size_t r = 0; r < N * ROWS; r++, got += sizeof want) {
        for (size_t c = 0; c < COLS; c++)
            row[c] = source[r / ROWS * COLS * ROWS + c * ROWS + r % ROWS];
        assert_true(mv_quantize_blocks(want, MV_DT_Q4_0, row, importance + r / ROWS * COLS, COLS));
        assert_memory_equal(got, want, sizeof want);
    }
    mv_gguf_close(&back);
}

/* ---- models that do not speak, calls that are wrong ------------------------------------------ */

/* A model that speaks n_frames and ends, in a folder of its own. */
static const char *speaker_of(int n_frames) {
    static char folder[512];
    enum { VOCAB = 19 };
    automaton a = {.n_codebooks = 4,
                   .audio_vocab = VOCAB,
                   .text_vocab = 258,
                   .max_positions = 512,
                   .first = n_frames > 0,
                   .second_best = -1};
    for (int k = 0; k < VOCAB; k++)
        a.next[k] = k < n_frames ? k + 1 : 0;
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < VOCAB; k++)
            a.below[i][k] = k;
    snprintf(folder, sizeof folder, "%s/speaks%d", test_temp_dir(), n_frames);
    assert_int_equal(mkdir(folder, 0700), 0);
    automaton_write(&a, folder);
    return folder;
}

static void a_model_that_ends_at_once_is_told(void **state) {
    (void)state;
    marvis_error err;
    marvis_calibration *calibration;
    marvis_model *model = open_speaking(engine, speaker_of(0));
    assert_int_equal(marvis_calibration_create(model, NULL, &calibration, &err), MARVIS_ERR_INPUT);
    assert_null(calibration);
    assert_message(&err, "ends at once", "before it had said anything");
    assert_message(&err, "ends at once", "without calibration");
    marvis_model_destroy(&model);
    /* short sentences make room for more of them */
    model = open_speaking(engine, speaker_of(2));
    calibration = calibrate(model, 37, 1);
    assert_int_equal(marvis_calibration_n_frames(calibration), 37);
    marvis_calibration_destroy(&calibration);
    marvis_model_destroy(&model);
}

static int stop_at(void *ctx, int done, int total) {
    int *calls = ctx;
    assert_int_equal(total, 50);
    assert_true(done <= total);
    return ++*calls == 3;
}

static void wrong_calls_are_told(void **state) {
    (void)state;
    marvis_error err;
    marvis_calibration_settings settings;
    marvis_calibration *calibration;
    int calls = 0;
    marvis_model *mute = model_open(engine, "context", MARVIS_WEIGHTS_AUTO);
    marvis_model *model = open_speaking(engine, test_path("golden/csm/context"));
    assert_int_equal(marvis_calibration_create(mute, NULL, &calibration, &err), MARVIS_ERR_CALL);
    assert_message(&err, "mute", "codec and its tokenizer");
    marvis_calibration_settings_init(&settings);
    static const int wrong[] = {0, -1, 1000001};
    for (size_t i = 0; i < 3; i++) {
        settings.n_frames = wrong[i];
        assert_int_equal(marvis_calibration_create(model, &settings, &calibration, &err),
                         MARVIS_ERR_CALL);
        assert_message(&err, "frames", "use 1 to 1000000");
    }
    settings.n_frames = 50;
    settings.progress = stop_at;
    settings.progress_ctx = &calls;
    assert_int_equal(marvis_calibration_create(model, &settings, &calibration, &err),
                     MARVIS_ERR_CALL);
    assert_message(&err, "stopped", "stopped while the model spoke");
    assert_int_equal(calls, 3);
    settings.struct_size = 1;
    assert_int_equal(marvis_calibration_create(model, &settings, &calibration, &err),
                     MARVIS_ERR_CALL);
    assert_null(calibration);
    marvis_save_settings other;
    marvis_save_settings_init(&other);
    calibration = calibrate(model, 3, 1);
    assert_int_equal(marvis_calibration_n_frames(calibration), 3);
    other.calibration = calibration;
    assert_int_equal(marvis_model_save(mute, fx_path("other.gguf"), &other, &err), MARVIS_ERR_CALL);
    assert_message(&err, "other", "of another model");
    other.types = "q5";
    assert_int_equal(marvis_save_settings_check(&other, &err), MARVIS_ERR_CALL);
    assert_message(&err, "q5", "unknown type");
    other.types = "q4,heads=q8";
    assert_ok(marvis_save_settings_check(&other, &err), err);
    marvis_calibration_destroy(&calibration);
    marvis_model_destroy(&model);
    marvis_model_destroy(&mute);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    marvis_error err;
    marvis_model *model = open_speaking(engine, test_path("golden/csm/context"));
    marvis_calibration_settings settings;
    marvis_calibration *calibration;
    marvis_calibration_settings_init(&settings);
    settings.n_frames = 2;
    uint64_t n = 0;
    for (marvis_status status = MARVIS_ERR_MEMORY; status != MARVIS_OK;) {
        n++;
        mv_alloc_fail_after(n, n % 2);
        status = marvis_calibration_create(model, &settings, &calibration, &err);
        mv_alloc_fail_after(0, false);
        if (status != MARVIS_OK) {
            assert_int_equal(status, MARVIS_ERR_MEMORY);
            assert_null(calibration);
        }
    }
    assert_true(n > 20);
    marvis_save_settings save_settings;
    marvis_save_settings_init(&save_settings);
    save_settings.calibration = calibration;
    n = 0;
    for (marvis_status status = MARVIS_ERR_MEMORY; status != MARVIS_OK;) {
        n++;
        mv_alloc_fail_after(n, n % 2);
        status = marvis_model_save(model, fx_path("torture.gguf"), &save_settings, &err);
        mv_alloc_fail_after(0, false);
        if (status != MARVIS_OK) assert_int_equal(status, MARVIS_ERR_MEMORY);
    }
    assert_true(n > 50);
    marvis_calibration_destroy(&calibration);
    marvis_model_destroy(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_observer_sees_each_call_once),
        cmocka_unit_test(columns_are_sums_of_squares),
        cmocka_unit_test(every_matrix_has_its_columns),
        cmocka_unit_test(trap_45_any_number_of_threads_learns_the_same),
        cmocka_unit_test(calibrated_matrices_are_nearer_where_it_counts),
        cmocka_unit_test(each_head_has_columns_of_its_own),
        cmocka_unit_test(a_model_that_ends_at_once_is_told),
        cmocka_unit_test(wrong_calls_are_told),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
