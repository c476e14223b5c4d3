/* test_pace.c - how many codebooks keep real time: the choice by tables of times, and that
 * measuring leaves no trace. Nothing here depends on how long anything takes. */
#include "csm_fixture.h"

#include "base/memory.h"
#include "engine/pace.h"

#include <math.h>

static void the_most_that_keep_real_time(void **state) {
    (void)state;
    static const struct {
        double fixed_s, codebook_s;
        int n_all, n;
        double factor, factor_all;
    } rows[] = {
        /* a frame is 80 ms, of which 72 may be used */
        {0.010, 0.001, 32, 32, 0.5125, 0.5125},    /* all are quick enough */
        {0.0409, 0.001, 32, 32, 0.89875, 0.89875}, /* just so */
        {0.0411, 0.001, 32, 31, 0.88875, 0.90125}, /* one is too many */
        {0.020, 0.0039, 32, 14, 0.88375, 1.76125}, /* 13 steps of 3.9 ms beside 20 */
        {0.030, 0.006, 32, 8, 0.9, 2.7},           /* the least, and it fits */
        {0.030, 0.0061, 32, 8, 0.90875, 2.73875},  /* the least, and it does not */
        {0.5, 0.1, 32, 8, 15, 45},                 /* far too slow */
        {0.2, 0, 32, 8, 2.5, 2.5},                 /* the rest alone is too much */
        {0.5, 0.1, 4, 4, 10, 10},                  /* fewer than the least there are */
        {0.05, 0.1, 1, 1, 0.625, 0.625},           /* none but the first */
        {0, 0, 32, 32, 0, 0},                      /* a clock that does not move */
    };
    size_t n_run = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++, n_run++) {
        const mv_pace_times times = {0.08, rows[i].fixed_s, rows[i].codebook_s};
        marvis_pace pace = {.struct_size = sizeof pace};
        mv_pace_choose(&times, rows[i].n_all, &pace);
        if (pace.n_codebooks != rows[i].n || fabs(pace.factor - rows[i].factor) > 1e-9 ||
            fabs(pace.factor_all - rows[i].factor_all) > 1e-9)
            fail_msg("row %zu: %d codebooks, %g and %g", i, pace.n_codebooks, pace.factor,
                     pace.factor_all);
    }
    assert_int_equal(n_run, 11);
    /* never fewer for a quicker machine, and real time wherever more than the least are chosen */
    int before = 32;
    for (int us = 0; us < 10000; us += 50) {
        const mv_pace_times times = {0.08, 0.02, us * 1e-6};
        marvis_pace pace = {0};
        mv_pace_choose(&times, 32, &pace);
        assert_true(pace.n_codebooks <= before && pace.n_codebooks >= 8);
        assert_true(pace.n_codebooks == 8 || pace.factor <= 0.9);
        before = pace.n_codebooks;
    }
    assert_int_equal(before, 8);
}

static marvis_model *open_speaking(marvis_engine *engine) {
    marvis_model_settings settings;
    marvis_model *model;
    marvis_error err;
    marvis_model_settings_init(&settings);
    settings.codec = test_path("golden/mimi/tiny_moshi.safetensors");
    assert_ok(marvis_model_open(engine, test_path("golden/csm/context"), &settings, &model, &err),
              err);
    return model;
}

/* A session that speaks on while the model is measured says what it would have said. */
static void measuring_disturbs_nobody(void **state) {
    (void)state;
    enum { STEPS = 4 };
    marvis_error err;
    marvis_engine *engine = engine_open(NULL, 2);
    marvis_model *model = open_speaking(engine);
    marvis_session *sessions[2];
    marvis_pace pace = {.struct_size = sizeof pace};
    for (int i = 0; i < 2; i++) {
        marvis_session_settings settings;
        marvis_session_settings_init(&settings, model);
        settings.seed = 9;
        settings.max_frames = 40;
        settings.guard = 0;
        assert_ok(marvis_session_create(model, &settings, &sessions[i], &err), err);
        assert_ok(marvis_session_push_text(sessions[i], "ab c", 4, &err), err);
    }
    size_t n_compared = 0;
    for (int k = 0; k < STEPS; k++) {
        marvis_chunk a, b;
        assert_ok(marvis_session_step(sessions[0], &a, &err), err);
        assert_ok(marvis_model_measure_pace(model, 1 + 4 * k, &pace, &err), err);
        assert_true(pace.n_codebooks == 4 && pace.factor > 0 && pace.factor == pace.factor_all);
        assert_ok(marvis_session_step(sessions[1], &b, &err), err);
        assert_true(a.n_frames == b.n_frames && a.stop == b.stop);
        assert_memory_equal(a.codes, b.codes, (size_t)a.n_frames * 4 * sizeof *a.codes);
        assert_memory_equal(a.pcm, b.pcm, (size_t)a.n_samples * sizeof *a.pcm);
        n_compared += (size_t)a.n_frames;
    }
    assert_int_equal(n_compared, 1 + 2 + 4 + 8);
    for (int i = 0; i < 2; i++)
        marvis_session_destroy(&sessions[i]);
    marvis_model_destroy(&model);
    marvis_engine_destroy(&engine);
}

static void wrong_calls_and_short_memory(void **state) {
    (void)state;
    marvis_error err;
    marvis_engine *engine = engine_open(NULL, 1);
    marvis_model *mute = model_open(engine, "context", MARVIS_WEIGHTS_AUTO);
    marvis_model *model = open_speaking(engine);
    marvis_pace pace = {.struct_size = sizeof pace, .n_codebooks = 77};
    assert_int_equal(marvis_model_measure_pace(mute, 8, &pace, &err), MARVIS_ERR_CALL);
    assert_int_equal(marvis_model_measure_pace(model, 0, &pace, &err), MARVIS_ERR_CALL);
    marvis_status status = MARVIS_ERR_MEMORY;
    uint64_t n = 0;
    while (status != MARVIS_OK) {
        assert_int_equal(pace.n_codebooks, 77);
        n++;
        mv_alloc_fail_after(n, n % 2);
        status = marvis_model_measure_pace(model, 8, &pace, &err);
        mv_alloc_fail_after(0, false);
        if (status != MARVIS_OK) assert_int_equal(status, MARVIS_ERR_MEMORY);
    }
    assert_true(n > 10 && pace.n_codebooks == 4);
    marvis_model_destroy(&mute);
    marvis_model_destroy(&model);
    marvis_engine_destroy(&engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_that_keep_real_time),
        cmocka_unit_test(measuring_disturbs_nobody),
        cmocka_unit_test(wrong_calls_and_short_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
