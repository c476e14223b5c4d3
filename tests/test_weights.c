/* test_weights.c - whole models with weights of 8 and 4 bits, quantised here or as MLX files have
 * them: how far they are from f32, and that neither threads nor memory running out matter. */
#include "csm_fixture.h"

#include "base/memory.h"
#include "kernels/packed.h"

#include <jansson.h>
#include <math.h>

static const marvis_weights quantised[] = {MARVIS_WEIGHTS_INT8, MARVIS_WEIGHTS_Q8,
                                           MARVIS_WEIGHTS_MIX, MARVIS_WEIGHTS_Q4};
static const char *const names[] = {"int8", "q8", "mix", "q4"};
enum { N_QUANTISED = 4, MAX_CODEBOOKS = 32 };
#define NEAR_TIE 0.05f /* of f32's logits: so near, either code may be called the best */

/* ---- comparing --------------------------------------------------------------------------------
 */

/* What quantisation did to each codebook, over all frames. */
typedef struct damage {
    double kl[MAX_CODEBOOKS];   /* mean Kullback-Leibler divergence from f32, nats */
    size_t same[MAX_CODEBOOKS]; /* frames whose likeliest code is the same, near ties aside */
    size_t n_frames;
} damage;

static size_t best_of(const float *logits, size_t n) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[best]) best = i;
    return best;
}

static double log_sum(const float *logits, size_t n) {
    double sum = 0, best = logits[best_of(logits, n)];
    for (size_t i = 0; i < n; i++)
        sum += exp(logits[i] - best);
    return best + log(sum);
}

static double divergence(const float *p, const float *q, size_t n) {
    double kl = 0, log_p = log_sum(p, n), log_q = log_sum(q, n);
    for (size_t i = 0; i < n; i++)
        kl += exp(p[i] - log_p) * ((p[i] - log_p) - (q[i] - log_q));
    return kl;
}

static void compare(damage *d, const golden *g, const float *exact, const float *logits) {
    for (size_t t = 0; t < g->n_frames; t++)
        for (size_t c = 0; c < g->n_codebooks; c++) {
            const float *p = exact + (t * g->n_codebooks + c) * g->vocab;
            const float *q = logits + (t * g->n_codebooks + c) * g->vocab;
            d->kl[c] += divergence(p, q, g->vocab);
            d->same[c] += p[best_of(p, g->vocab)] - p[best_of(q, g->vocab)] < NEAR_TIE;
        }
    d->n_frames += g->n_frames;
}

/* ---- the tiny checkpoint -------------------------------------------------------------------- */

/* Random weights: how far the logits are off relative to their size is all that can be told; the
 * worst single one is measured, at widths too small for errors to cancel. A fault would be 1. */
static void the_reference_is_near_in_8_bits(void **state) {
    (void)state;
    static const double bounds[N_QUANTISED] = {0.25, 0.25, 0.25, 4};
    golden g;
    golden_open(&g, "layouts");
    marvis_engine *engine = engine_open(NULL, 2);
    int n_run = 0;
    for (int i = 0; i < N_QUANTISED; i++, n_run++) {
        marvis_model *model = model_open(engine, "original", quantised[i]);
        const mv_llama_layer *layer = &model->csm.backbone.layers[0];
        assert_true(mv_is_packed(layer->q.type) && mv_is_packed(model->csm.head0.type));
        assert_false(mv_is_packed(layer->down.type)); /* 60 columns: as it was; these have 24 */
        assert_false(mv_is_packed(model->csm.heads[0].type));
        assert_false(mv_is_packed(model->csm.text_table.type));
        traced t = trace(model, &g, g.n_frames);
        double error = test_row_error(t.logits, g.logits, g.n_frames * g.n_codebooks, g.vocab);
        print_message("tiny, %s: worst row off by %.3f\n", names[i], error);
        assert_true(error > 1e-3 && error < bounds[i]); /* quantised, and not broken */
        traced_free(&t);
        marvis_model_destroy(&model);
    }
    assert_int_equal(n_run, N_QUANTISED);
    marvis_engine_destroy(&engine);
    golden_close(&g);
}

static void any_number_of_threads_gives_the_same_bits(void **state) {
    (void)state;
    golden g;
    golden_open(&g, "layouts");
    marvis_engine *one = engine_open(NULL, 1), *three = engine_open(NULL, 3);
    size_t n = g.n_frames * g.n_codebooks * g.vocab;
    for (int i = 0; i < N_QUANTISED; i++) {
        marvis_model *a = model_open(one, "original", quantised[i]);
        marvis_model *b = model_open(three, "original", quantised[i]);
        traced x = trace(a, &g, g.n_frames), y = trace(b, &g, g.n_frames);
        assert_memory_equal(x.logits, y.logits, n * sizeof(float));
        traced_free(&x);
        traced_free(&y);
        marvis_model_destroy(&a);
        marvis_model_destroy(&b);
    }
    marvis_engine_destroy(&one);
    marvis_engine_destroy(&three);
    golden_close(&g);
}

/* ---- MLX ------------------------------------------------------------------------------------ */

/* Every row of a packed matrix is what the same matrix is when it is widened to f32. */
static size_t check_matrix(const mv_matrix *packed, const mv_matrix *wide) {
    static float a[512], b[512];
    if (!mv_is_packed(packed->type)) return 0;
    assert_true(packed->n_cols <= 512 && wide->type == MV_W_F32);
    for (size_t r = 0; r < packed->n_rows; r++) {
        mv_matrix_row(packed, r, a);
        mv_matrix_row(wide, r, b);
        for (size_t c = 0; c < packed->n_cols; c++)
            assert_true(a[c] == b[c]);
    }
    return 1;
}

static size_t check_tower(const mv_llama *packed, const mv_llama *wide) {
    size_t n = 0;
    for (int i = 0; i < packed->config.n_layers; i++) {
        const mv_llama_layer *p = &packed->layers[i], *w = &wide->layers[i];
        n += check_matrix(&p->q, &w->q) + check_matrix(&p->k, &w->k) + check_matrix(&p->v, &w->v);
        n += check_matrix(&p->o, &w->o) + check_matrix(&p->gate, &w->gate);
        n += check_matrix(&p->up, &w->up) + check_matrix(&p->down, &w->down);
    }
    return n;
}

static void mlx_runs_in_its_own_precision(void **state) {
    (void)state;
    static const char *const folders[] = {"mlx-2bit", "mlx-3bit", "mlx-4bit",
                                          "mlx-5bit", "mlx-6bit", "mlx-8bit"};
    marvis_engine *engine = engine_open(NULL, 2);
    int n_run = 0;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++, n_run++) {
        golden g;
        golden_open(&g, folders[i]);
        marvis_model *model = model_open(engine, folders[i], MARVIS_WEIGHTS_AUTO);
        marvis_model *wide = model_open(engine, folders[i], MARVIS_WEIGHTS_F32);
        size_t n = check_tower(&model->csm.backbone, &wide->csm.backbone) +
                   check_tower(&model->csm.depth, &wide->csm.depth) +
                   check_matrix(&model->csm.projection, &wide->csm.projection) +
                   check_matrix(&model->csm.head0, &wide->csm.head0);
        assert_true(n >= 7);
        /* only the activations are rounded, to 8 bits */
        traced t = trace(model, &g, g.n_frames);
        double error = test_row_error(t.logits, g.logits, g.n_frames * g.n_codebooks, g.vocab);
        print_message("%s: %zu matrices packed, worst row off by %.3f\n", folders[i], n, error);
        assert_true(error < 0.15);
        traced_free(&t);
        marvis_model_destroy(&model);
        marvis_model_destroy(&wide);
        golden_close(&g);
    }
    assert_int_equal(n_run, 6);
    marvis_engine_destroy(&engine);
}

/* ---- the built-in voice --------------------------------------------------------------------- */

/* One sentence of the voice's golden file as a prompt of text and the frames that follow it. */
static void sentence_open(golden *g, const marvis_model *model, const json_t *sentence) {
    const json_t *ids = json_object_get(sentence, "prompt_ids");
    const json_t *codes = json_object_get(sentence, "codes");
    *g = (golden){.n_prompt = json_array_size(ids), .n_frames = json_array_size(codes)};
    g->n_codebooks = (size_t)marvis_model_n_codebooks(model);
    g->vocab = (size_t)marvis_model_audio_vocab(model);
    g->width = (size_t)marvis_model_width(model);
    size_t columns = g->n_codebooks + 1;
    g->tokens = test_calloc(g->n_prompt * columns, sizeof *g->tokens);
    g->mask = test_calloc(g->n_prompt * columns, 1);
    g->frames = test_calloc(g->n_frames * g->n_codebooks, sizeof *g->frames);
    for (size_t i = 0; i < g->n_prompt; i++) {
        g->tokens[i * columns + columns - 1] = (int32_t)json_integer_value(json_array_get(ids, i));
        g->mask[i * columns + columns - 1] = 1;
    }
    for (size_t t = 0; t < g->n_frames; t++)
        for (size_t c = 0; c < g->n_codebooks; c++)
            g->frames[t * g->n_codebooks + c] =
                (int32_t)json_integer_value(json_array_get(json_array_get(codes, t), c));
}

static void sentence_close(golden *g) {
    test_free(g->tokens);
    test_free(g->mask);
    test_free(g->frames);
}

/* Quantising the depth decoder hard makes the late codebooks' distributions drift: seen codebook by
 * codebook, against f32, on frames that are given. 8 bits must not; 4 bits do, by far. */
static void trap_44_codebooks_keep_their_distributions_in_8_bits(void **state) {
    (void)state;
    enum { N_SENTENCES = 12 };
    marvis_error err;
    marvis_engine *engine = engine_open(NULL, 2);
    const char *path = test_path("../models/builtin");
    char file[1024];
    snprintf(file, sizeof file, "%s/golden/greedy.json", path);
    json_t *json = json_load_file(file, 0, NULL);
    assert_non_null(json);
    marvis_model *exact, *models[N_QUANTISED];
    assert_ok(model_try(engine, path, MARVIS_WEIGHTS_F32, &exact, &err), err);
    for (int i = 0; i < N_QUANTISED; i++)
        assert_ok(model_try(engine, path, quantised[i], &models[i], &err), err);
    damage all[N_QUANTISED] = {{{0}, {0}, 0}};
    size_t n_codebooks = 0;
    for (size_t k = 0; k < N_SENTENCES; k++) {
        golden g;
        sentence_open(&g, exact, json_array_get(json_object_get(json, "cases"), k));
        traced want = trace(exact, &g, g.n_frames);
        for (int i = 0; i < N_QUANTISED; i++) {
            traced got = trace(models[i], &g, g.n_frames);
            compare(&all[i], &g, want.logits, got.logits);
            traced_free(&got);
        }
        n_codebooks = g.n_codebooks;
        traced_free(&want);
        sentence_close(&g);
    }
    assert_true(n_codebooks >= 8 && all[0].n_frames > 50);
    for (int i = 0; i < N_QUANTISED; i++)
        for (size_t c = 0; c < n_codebooks; c++) {
            double kl = all[i].kl[c] / (double)all[i].n_frames;
            double same = (double)all[i].same[c] / (double)all[i].n_frames;
            print_message("%s, codebook %zu: divergence %.5f, same code %.2f\n", names[i], c, kl,
                          same);
            if (quantised[i] == MARVIS_WEIGHTS_Q4)
                assert_true(kl > 10 * all[1].kl[c] / (double)all[1].n_frames);
            else if (quantised[i] == MARVIS_WEIGHTS_MIX)
                assert_true(kl < 0.02 && same > 0.8);
            else
                assert_true(kl < 0.002 && same > 0.9);
        }
    for (int i = 0; i < N_QUANTISED; i++)
        marvis_model_destroy(&models[i]);
    marvis_model_destroy(&exact);
    json_decref(json);
    marvis_engine_destroy(&engine);
}

/* ---- memory --------------------------------------------------------------------------------- */

static void memory_that_runs_out_is_told(void **state) {
    (void)state;
    static const struct {
        const char *folder;
        marvis_weights weights;
    } cases[] = {{"original", MARVIS_WEIGHTS_MIX}, {"mlx-4bit", MARVIS_WEIGHTS_AUTO}};
    marvis_engine *engine = engine_open(NULL, 1);
    int n_run = 0;
    for (size_t i = 0; i < 2; i++, n_run++) {
        char relative[160];
        snprintf(relative, sizeof relative, "golden/csm/%s", cases[i].folder);
        const char *path = test_path(relative);
        marvis_status status = MARVIS_ERR_MEMORY;
        uint64_t n = 0;
        while (status != MARVIS_OK) {
            marvis_model *model;
            marvis_error err;
            n++;
            mv_alloc_fail_after(n, n % 2);
            status = model_try(engine, path, cases[i].weights, &model, &err);
            mv_alloc_fail_after(0, false);
            if (status == MARVIS_OK)
                marvis_model_destroy(&model);
            else
                assert_null(model);
        }
        assert_true(n > 100);
    }
    assert_int_equal(n_run, 2);
    marvis_engine_destroy(&engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_is_near_in_8_bits),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(mlx_runs_in_its_own_precision),
        cmocka_unit_test(trap_44_codebooks_keep_their_distributions_in_8_bits),
        cmocka_unit_test(memory_that_runs_out_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
