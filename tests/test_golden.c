/* test_golden.c - the tiny checkpoints of tests/golden/csm against what transformers, mlx-audio and
 * float64 arithmetic compute from them (tools/make_tiny.py), and the mistakes that still sound like
 * speech: each must be seen here. */
#include "csm_fixture.h"

/* ---- every layout --------------------------------------------------------------------------- */

/* The same weights, as every publisher lays them out; the first is f32, the others f16 or bf16. */
static const char *const layouts[] = {
    "original",
    "original-prefixed",
    "mlx",
    "mlx-port",
    "transformers",
    "transformers-sharded",
    "transformers-sharded/backbone-table.safetensors.index.json",
    "transformers-sharded/depth-table.safetensors.index.json",
};
static const char *const layout_names[] = {"original",     "original",     "mlx",
                                           "mlx-port",     "transformers", "transformers",
                                           "transformers", "transformers"};
enum { N_LAYOUTS = sizeof layouts / sizeof *layouts };

static const char *const tiers[] = {"scalar", "avx2", "avx512", "amx", "neon"};

static void every_layout_matches_transformers(void **state) {
    (void)state;
    golden g;
    golden_open(&g, "layouts");
    assert_true(g.n_frames > 40);
    int n_run = 0;
    marvis_engine *engine = engine_open(NULL, 2);
    for (int i = 0; i < N_LAYOUTS; i++)
        for (int w = MARVIS_WEIGHTS_AUTO; w <= MARVIS_WEIGHTS_BF16; w++, n_run++)
            assert_golden(engine, layouts[i], (marvis_weights)w, &g, g.logits);
    assert_int_equal(n_run, 3 * N_LAYOUTS);
    marvis_engine_destroy(&engine);
    golden_close(&g);
}

static void every_tier_matches_transformers(void **state) {
    (void)state;
    golden g;
    golden_open(&g, "layouts");
    int n_run = 0;
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
        marvis_engine_settings settings;
        marvis_engine *engine;
        marvis_error err;
        marvis_engine_settings_init(&settings);
        settings.cpu = tiers[i];
        marvis_status status = marvis_engine_create(&settings, &engine, &err);
        if (status == MARVIS_ERR_UNSUPPORTED) continue; /* not this machine's */
        assert_ok(status, err);
        assert_golden(engine, "original", MARVIS_WEIGHTS_AUTO, &g, g.logits);          /* f32 */
        assert_golden(engine, "original-prefixed", MARVIS_WEIGHTS_AUTO, &g, g.logits); /* f16 */
        assert_golden(engine, "mlx", MARVIS_WEIGHTS_AUTO, &g, g.logits);               /* bf16 */
        marvis_engine_destroy(&engine);
        n_run++;
    }
    assert_true(n_run >= 1);
    golden_close(&g);
}

static void threads_do_not_change_a_bit(void **state) {
    (void)state;
    golden g;
    golden_open(&g, "layouts");
    marvis_engine *one = engine_open(NULL, 1), *three = engine_open(NULL, 3);
    marvis_model *a = model_open(one, "mlx", MARVIS_WEIGHTS_AUTO);
    marvis_model *b = model_open(three, "mlx", MARVIS_WEIGHTS_AUTO);
    traced x = trace(a, &g, g.n_frames), y = trace(b, &g, g.n_frames);
    assert_memory_equal(x.hidden, y.hidden, g.n_frames * g.width * sizeof(float));
    assert_memory_equal(x.logits, y.logits, g.n_frames * g.n_codebooks * g.vocab * sizeof(float));
    traced_free(&x);
    traced_free(&y);
    marvis_model_destroy(&a);
    marvis_model_destroy(&b);
    marvis_engine_destroy(&one);
    marvis_engine_destroy(&three);
    golden_close(&g);
}

/* Rotation of q and k: interleaved pairs in three namings, half-split in transformers' (traps 2,
 * 17: original-prefixed and transformers-sharded spell the scaling `rope_parameters`). The traced
 * positions begin at 19, so that a wrong rotation cannot hide. */
static void trap_02_layouts_agree(void **state) {
    (void)state;
    golden g;
    golden_open(&g, "layouts");
    marvis_engine *engine = engine_open(NULL, 1);
    traced first = {0};
    int n_run = 0;
    for (int i = 0; i < N_LAYOUTS; i++, n_run++) {
        marvis_model *model = model_open(engine, layouts[i], MARVIS_WEIGHTS_F32);
        assert_string_equal(mv_layout_name(model->layout), layout_names[i]);
        traced t = trace(model, &g, g.n_frames);
        if (i == 0)
            first = t;
        else {
            assert_near(layouts[i], t.logits, first.logits, g.n_frames * g.n_codebooks, g.vocab,
                        LAYOUT_TOLERANCE);
            traced_free(&t);
        }
        marvis_model_destroy(&model);
    }
    assert_int_equal(n_run, 8);
    traced_free(&first);
    marvis_engine_destroy(&engine);
    golden_close(&g);
}

/* Equal widths let a missing projection load and run (marvis-100m); all 32 codebooks; published
 * rope numbers. */
static void trap_15_same_width_matches_transformers(void **state) {
    (void)state;
    golden g;
    golden_open(&g, "same-width");
    marvis_engine *engine = engine_open(NULL, 2);
    assert_golden(engine, "same-width", MARVIS_WEIGHTS_AUTO, &g, g.logits);
    assert_int_equal(g.n_codebooks, 32);
    marvis_engine_destroy(&engine);
    golden_close(&g);
}

/* ---- MLX affine quantisation ---------------------------------------------------------------- */

static size_t count_negative_bf16(const mv_tensor *tensor) {
    size_t n = 0;
    for (size_t i = 0; i < tensor->n_values; i++)
        n += tensor->data[2 * i + 1] >> 7; /* the sign is the top bit of the second byte */
    return n;
}

/* Traps 18 (negative scales), 19 (fields across words), 20 (audio_head is not quantised), 22 (data
 * at odd addresses), and modules left unquantised by their width or by config.json. */
static void trap_18_19_20_22_quantised_match_exact_dequantisation(void **state) {
    (void)state;
    static const char *const folders[] = {"mlx-2bit", "mlx-3bit", "mlx-4bit",
                                          "mlx-5bit", "mlx-6bit", "mlx-8bit"};
    marvis_engine *engine = engine_open(NULL, 2);
    int n_run = 0, n_odd = 0;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++, n_run++) {
        char relative[128];
        mv_safetensors file;
        marvis_error err;
        snprintf(relative, sizeof relative, "golden/csm/%s/model.safetensors", folders[i]);
        assert_ok(mv_safetensors_open(test_path(relative), &file, &err), err);
        size_t negative = 0;
        for (size_t j = 0; j < file.n_tensors; j++) {
            const char *name = file.tensors[j].name;
            assert_null(strstr(name, "audio_head.scales"));
            if (strstr(name, ".scales")) negative += count_negative_bf16(&file.tensors[j]);
        }
        assert_true(negative > 0);
        n_odd += (int)((file.tensors[0].data - file.map.data) % 2);
        mv_safetensors_close(&file);

        golden g;
        golden_open(&g, folders[i]);
        assert_golden(engine, folders[i], MARVIS_WEIGHTS_F32, &g, g.logits);
        float *bf16 = tensor_copy(g.file, "logits_bf16", NULL); /* weights rounded once more */
        assert_golden(engine, folders[i], MARVIS_WEIGHTS_BF16, &g, bf16);
        test_free(bf16);
        golden_close(&g);
    }
    assert_int_equal(n_run, 6);
    assert_int_equal(n_odd, 3);
    marvis_engine_destroy(&engine);
}

/* ---- the frame: masks, depth decoder, caches ------------------------------------------------ */

/* Text frames must not hold audio rows, nor audio frames row 0 of the text table. */
static void trap_01_embeddings_are_masked(void **state) {
    (void)state;
    golden g;
    golden_open(&g, "layouts");
    marvis_engine *engine = engine_open(NULL, 1);
    marvis_model *model = model_open(engine, "original", MARVIS_WEIGHTS_AUTO);
    size_t columns = g.n_codebooks + 1;
    float *e = test_malloc(g.width * sizeof *e), *row = test_malloc(g.width * sizeof *row);
    size_t n_text = 0;
    for (size_t s = 0; s < g.n_prompt; s++) {
        mv_csm_embed(&model->csm, g.tokens + s * columns, g.mask + s * columns, e, row);
        assert_near("embedding", e, g.embeddings + s * g.width, 1, g.width, 1e-6); /* 8 additions */
        if (!g.mask[s * columns + g.n_codebooks]) continue;
        mv_matrix_row(&model->csm.text_table, (size_t)g.tokens[s * columns + columns - 1], row);
        assert_memory_equal(e, row, g.width * sizeof *e);
        n_text++;
    }
    assert_int_equal(n_text, 13);

    traced before = trace(model, &g, 4);
    for (size_t i = 0; i < g.n_prompt * columns; i++)
        if (!g.mask[i]) g.tokens[i] = -7; /* masked columns are not read */
    traced after = trace(model, &g, 4);
    assert_memory_equal(before.logits, after.logits, 4 * g.n_codebooks * g.vocab * sizeof(float));
    traced_free(&before);
    traced_free(&after);
    test_free(e);
    test_free(row);
    marvis_model_destroy(&model);
    marvis_engine_destroy(&engine);
    golden_close(&g);
}

/* Greedy generation of n frames of n_codebooks codes with one stream, as a session does it. */
static void greedy(const marvis_model *model, const golden *g, int n_codebooks, size_t n,
                   int32_t *codes) {
    const mv_csm *csm = &model->csm;
    const mv_exec *exec = &model->engine->exec;
    size_t columns = g->n_codebooks + 1;
    marvis_error err;
    mv_csm_stream stream, *streams[] = {&stream};
    mv_csm_scratch scratch;
    int capacity = (int)(g->n_prompt + n);
    assert_ok(mv_csm_stream_init(&stream, csm, capacity, &err), err);
    assert_ok(mv_csm_scratch_init(&scratch, csm, 4, capacity, model->engine->n_threads, &err), err);
    float *hidden = test_malloc(g->width * sizeof *hidden);
    float *logits = test_malloc(g->vocab * sizeof *logits);
    int32_t *frame = test_calloc(columns, sizeof *frame);
    uint8_t *mask = test_calloc(columns, 1);
    memset(mask, 1, (size_t)n_codebooks);
    mv_csm_prefill(csm, &stream, &scratch, exec, g->tokens, g->mask, g->n_prompt, 1, hidden);
    for (size_t t = 0; t < n; t++) {
        if (t) mv_csm_step(csm, streams, 1, &scratch, exec, frame, mask, hidden);
        mv_csm_depth_begin(&stream);
        for (int i = 0; i < n_codebooks; i++) {
            if (i == 0)
                mv_csm_head0(csm, &scratch, exec, hidden, 1, logits);
            else
                mv_csm_depth_step(csm, streams, 1, &scratch, exec, i, hidden, &frame[i - 1],
                                  logits);
            frame[i] = 0;
            for (size_t v = 1; v < g->vocab; v++)
                if (logits[v] > logits[frame[i]]) frame[i] = (int32_t)v;
        }
        memcpy(codes + t * (size_t)n_codebooks, frame, (size_t)n_codebooks * sizeof *frame);
    }
    test_free(hidden);
    test_free(logits);
    test_free(frame);
    test_free(mask);
    mv_csm_scratch_deinit(&scratch);
    mv_csm_stream_deinit(&stream);
}

/* Free-running codes, exact: every margin between the two best logits exceeds the tolerance 50
 * times. A depth cache that outlives its frame (trap 3), or fewer codebooks than the model's being
 * embedded as if all were there, changes the second frame. */
static void trap_03_greedy_codes_are_those_of_transformers(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"layouts", "original"}, {"layouts", "transformers"}, {"same-width", "same-width"}};
    int n_run = 0;
    marvis_engine *engine = engine_open(NULL, 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int few = 0; few < 2; few++, n_run++) {
            golden g;
            golden_open(&g, cases[i][0]);
            int64_t shape[8];
            int32_t *expected = tensor_copy(g.file, few ? "greedy_few" : "greedy", shape);
            assert_true(shape[0] >= 30);
            assert_int_equal((size_t)shape[1] < g.n_codebooks, few);
            size_t n_codes = (size_t)(shape[0] * shape[1]);
            float *margin = tensor_copy(g.file, few ? "greedy_few_margin" : "greedy_margin", NULL);
            for (size_t j = 0; j < n_codes; j++)
                assert_true(margin[j] > 50 * GOLDEN_TOLERANCE);
            int32_t *codes = test_malloc(n_codes * sizeof *codes);
            marvis_model *model = model_open(engine, cases[i][1], MARVIS_WEIGHTS_AUTO);
            greedy(model, &g, (int)shape[1], (size_t)shape[0], codes);
            for (size_t j = 0; j < n_codes; j++)
                if (codes[j] != expected[j])
                    fail_msg("%s: frame %zu, codebook %zu: %d, not %d", cases[i][1],
                             j / (size_t)shape[1], j % (size_t)shape[1], (int)codes[j],
                             (int)expected[j]);
            marvis_model_destroy(&model);
            test_free(codes);
            test_free(margin);
            test_free(expected);
            golden_close(&g);
        }
    assert_int_equal(n_run, 6);
    marvis_engine_destroy(&engine);
}

/* A frame's logits must not depend on what the depth decoder saw before: row t of one long trace
 * equals a trace of frame t alone after a prompt that ends with frames 0..t-1. */
static void trap_03_frames_start_with_an_empty_depth_cache(void **state) {
    (void)state;
    golden g;
    golden_open(&g, "layouts");
    marvis_engine *engine = engine_open(NULL, 1);
    marvis_model *model = model_open(engine, "original", MARVIS_WEIGHTS_AUTO);
    marvis_error err;
    traced all = trace(model, &g, g.n_frames);
    size_t columns = g.n_codebooks + 1, n_logits = g.n_codebooks * g.vocab, t = 40;
    int32_t *tokens = test_calloc((g.n_prompt + t) * columns, sizeof *tokens);
    uint8_t *mask = test_calloc((g.n_prompt + t) * columns, 1);
    memcpy(tokens, g.tokens, g.n_prompt * columns * sizeof *tokens);
    memcpy(mask, g.mask, g.n_prompt * columns);
    for (size_t f = 0; f < t; f++) {
        memcpy(tokens + (g.n_prompt + f) * columns, g.frames + f * g.n_codebooks,
               g.n_codebooks * sizeof *tokens);
        memset(mask + (g.n_prompt + f) * columns, 1, g.n_codebooks);
    }
    float *logits = test_malloc(n_logits * sizeof *logits);
    assert_ok(marvis_model_trace(model, tokens, mask, g.n_prompt + t, g.frames + t * g.n_codebooks,
                                 1, NULL, logits, &err),
              err);
    assert_memory_equal(logits, all.logits + t * n_logits, n_logits * sizeof *logits);
    test_free(logits);
    test_free(tokens);
    test_free(mask);
    traced_free(&all);
    marvis_model_destroy(&model);
    marvis_engine_destroy(&engine);
    golden_close(&g);
}

/* Codebook i's logits follow from codes 0..i-1 alone, and the state at position 0 must not see the
 * code at position 1: golden rows 2 and up would be off by more than 1 (tools/make_tiny.py). */
static void trap_11_depth_decoder_is_causal(void **state) {
    (void)state;
    golden g;
    golden_open(&g, "layouts");
    marvis_engine *engine = engine_open(NULL, 1);
    marvis_model *model = model_open(engine, "original", MARVIS_WEIGHTS_AUTO);
    traced before = trace(model, &g, 1);
    for (size_t c = 0; c < g.n_codebooks; c++) {
        int32_t code = g.frames[c];
        g.frames[c] = (code + 1) % 64;
        traced after = trace(model, &g, 1);
        size_t same = (c + 1) * g.vocab;
        assert_memory_equal(after.logits, before.logits, same * sizeof(float));
        for (size_t i = c + 1; i < g.n_codebooks; i++)
            assert_true(test_row_error(after.logits + i * g.vocab, before.logits + i * g.vocab, 1,
                                       g.vocab) > 0.01);
        g.frames[c] = code;
        traced_free(&after);
    }
    traced_free(&before);
    traced t = trace(model, &g, g.n_frames);
    for (size_t c = 1; c < g.n_codebooks; c++)
        assert_true(codebook_error(&g, t.logits, g.logits, c) <= GOLDEN_TOLERANCE);
    traced_free(&t);
    marvis_model_destroy(&model);
    marvis_engine_destroy(&engine);
    golden_close(&g);
}

/* Positions 0..63 exist; the 63rd is used, and one more is refused (traps 30 and 31). The depth
 * decoder's table also ends with the last position in use. */
static void trap_30_31_last_position_works_and_no_more(void **state) {
    (void)state;
    golden g;
    golden_open(&g, "layouts");
    marvis_engine *engine = engine_open(NULL, 1);
    marvis_model *model = model_open(engine, "original", MARVIS_WEIGHTS_AUTO);
    marvis_error err;
    assert_int_equal(marvis_model_max_positions(model), 64);
    assert_int_equal(model->csm.config.depth.max_positions, g.n_codebooks);
    assert_int_equal(g.n_prompt + g.n_frames - 1, 64);
    traced t = trace(model, &g, g.n_frames);
    size_t last = g.n_frames - 1;
    assert_near("hidden", t.hidden + last * g.width, g.hidden + last * g.width, 1, g.width,
                GOLDEN_TOLERANCE);
    size_t longer = g.n_frames + 1;
    int32_t *frames = test_calloc(longer * g.n_codebooks, sizeof *frames);
    assert_int_equal(
        marvis_model_trace(model, g.tokens, g.mask, g.n_prompt, frames, longer, NULL, NULL, &err),
        MARVIS_ERR_TOO_LONG);
    assert_non_null(strstr(err.message, "64"));
    test_free(frames);
    traced_free(&t);
    marvis_model_destroy(&model);
    marvis_engine_destroy(&engine);
    golden_close(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout_matches_transformers),
        cmocka_unit_test(every_tier_matches_transformers),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(trap_02_layouts_agree),
        cmocka_unit_test(trap_15_same_width_matches_transformers),
        cmocka_unit_test(trap_18_19_20_22_quantised_match_exact_dequantisation),
        cmocka_unit_test(trap_01_embeddings_are_masked),
        cmocka_unit_test(trap_03_greedy_codes_are_those_of_transformers),
        cmocka_unit_test(trap_03_frames_start_with_an_empty_depth_cache),
        cmocka_unit_test(trap_11_depth_decoder_is_causal),
        cmocka_unit_test(trap_30_31_last_position_works_and_no_more),
    };
    return cmocka_run_group_tests_name("golden", tests, NULL, NULL);
}
