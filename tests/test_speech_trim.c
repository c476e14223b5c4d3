/* test_speech_trim.c - recorded speech made ready to be gone on from: what is cut, what is kept,
 * the pause at the end, and what is refused. */
#include "support.h"

#include "base/memory.h"

#include <math.h>

enum { RATE = 24000, FRAME = 1920, MS = RATE / 1000, LEAD = 50 * MS, PAUSE = 200 * MS };

static marvis_engine *engine;
static marvis_model *model;

/* The numbers of tests/golden/mimi/ratios_moshi.safetensors, whose frames are as long as Mimi's. */
static const char config_json[] =
    "{\"codebook_dim\":4,\"codebook_size\":16,\"hidden_size\":8,\"intermediate_size\":16,"
    "\"num_filters\":2,\"num_attention_heads\":1,\"num_key_value_heads\":1,\"head_dim\":8,"
    "\"num_hidden_layers\":1,\"num_quantizers\":32,\"sampling_rate\":24000,\"sliding_window\":250,"
    "\"upsampling_ratios\":[8,6,5,4],\"vector_quantization_hidden_dimension\":4}\n";

static void write_file(const char *folder, const char *name, const void *data, size_t n) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state) {
    (void)state;
    static char bytes[1 << 18];
    const char *folder = test_temp_dir();
    char path[512];
    marvis_error err;
    FILE *codec = fopen(test_path("golden/mimi/ratios_moshi.safetensors"), "rb");
    assert_non_null(codec);
    write_file(folder, "mimi.safetensors", bytes, fread(bytes, 1, sizeof bytes, codec));
    fclose(codec);
    write_file(folder, "config.json", config_json, strlen(config_json));
    snprintf(path, sizeof path, "%s/mimi.safetensors", folder);
    assert_ok(marvis_engine_create(NULL, &engine, &err), err);
    assert_ok(marvis_codec_open(engine, path, NULL, &model, &err), err);
    assert_int_equal(marvis_model_frame_samples(model), FRAME);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    marvis_model_destroy(&model);
    marvis_engine_destroy(&engine);
    return 0;
}

/* n samples: noise at `noise`, a constant, and a tone of `loud` in [begin, end). */
static float *recorded(size_t n, float noise, float constant, float loud, size_t begin,
                       size_t end) {
    float *pcm = test_malloc((n + 1) * sizeof *pcm);
    uint64_t seed = n;
    for (size_t i = 0; i < n; i++) {
        pcm[i] = constant + noise * test_uniform(&seed);
        if (i >= begin && i < end) pcm[i] += loud * sinf(0.05f * (float)(i + 1));
    }
    return pcm;
}

static void quiet_goes_and_a_pause_stays(void **state) {
    (void)state;
    static const struct {
        size_t before, sound, after; /* ms, whole windows of 10 */
        float noise, constant, loud;
    } cases[] = {
        {0, 1000, 0, 0, 0, 0.5f},          {500, 1000, 500, 0, 0, 0.5f},
        {500, 1000, 500, 0.003f, 0, 0.5f}, {40, 700, 100, 0.0005f, 0, 0.3f},
        {300, 400, 210, 0, 0.2f, 0.5f},    {2000, 80, 3000, 0.001f, -0.5f, 0.4f},
        {60, 120, 10, 0, 0, 0.002f}, /* as quiet as may be */
    };
    size_t n_run = 0;
    for (; n_run < sizeof cases / sizeof *cases; n_run++) {
        size_t begin = cases[n_run].before * MS, end = begin + cases[n_run].sound * MS;
        size_t n = end + cases[n_run].after * MS, n_trimmed;
        float *pcm = recorded(n, cases[n_run].noise, cases[n_run].constant, cases[n_run].loud,
                              begin, end),
              *trimmed;
        marvis_error err;
        assert_ok(marvis_speech_trim(model, pcm, n, RATE, &trimmed, &n_trimmed, &err), err);
        size_t from = begin > LEAD ? begin - LEAD : 0, sound_end = end - from;
        assert_int_equal(n_trimmed % FRAME, 0);
        assert_in_range(n_trimmed, sound_end + PAUSE, sound_end + PAUSE + FRAME - 1);
        size_t kept = n - from < n_trimmed ? n - from : n_trimmed;
        assert_memory_equal(trimmed, pcm + from, kept * sizeof *pcm);
        for (size_t i = kept; i < n_trimmed; i++)
            assert_true(trimmed[i] == 0);
        marvis_free(trimmed);
        test_free(pcm);
    }
    assert_int_equal(n_run, 7);
}

/* Twice is the same as once, but for the lead that is left. */
static void trimming_again_cuts_nothing(void **state) {
    (void)state;
    marvis_error err;
    size_t n_once, n_twice;
    float *pcm = recorded(RATE, 0, 0, 0.5f, RATE / 4, RATE / 2), *once, *twice;
    assert_ok(marvis_speech_trim(model, pcm, RATE, RATE, &once, &n_once, &err), err);
    assert_ok(marvis_speech_trim(model, once, n_once, RATE, &twice, &n_twice, &err), err);
    assert_int_equal(n_once, n_twice);
    assert_memory_equal(once, twice, n_once * sizeof *once);
    marvis_free(once);
    marvis_free(twice);
    test_free(pcm);
}

static void what_cannot_be_trimmed_is_named(void **state) {
    (void)state;
    marvis_error err;
    float *trimmed, *pcm = recorded(RATE, 0.0005f, 0.3f, 0, 0, 0);
    size_t n;
    static const struct {
        float value;
        size_t n;
        int rate;
        marvis_status status;
        const char *words;
    } cases[] = {
        {0, 0, RATE, MARVIS_ERR_INPUT, "empty"},
        {0.3f, RATE, RATE, MARVIS_ERR_INPUT, "silent: 1.00 s"},
        {0.3f, 1, RATE, MARVIS_ERR_INPUT, "silent"},
        {NAN, RATE, RATE, MARVIS_ERR_INPUT, "sample 77 "},
        {INFINITY, RATE, RATE, MARVIS_ERR_INPUT, "sample 77 "},
        {0.3f, RATE, 16000, MARVIS_ERR_CALL, "16000 Hz"}, /* trap 28 */
        {0.3f, RATE, 0, MARVIS_ERR_CALL, "0 Hz"},
    };
    size_t n_run = 0;
    for (; n_run < sizeof cases / sizeof *cases; n_run++) {
        pcm[77] = cases[n_run].value;
        assert_int_equal(
            marvis_speech_trim(model, pcm, cases[n_run].n, cases[n_run].rate, &trimmed, &n, &err),
            cases[n_run].status);
        assert_null(trimmed);
        assert_int_equal(n, 0);
        if (!strstr(err.message, cases[n_run].words))
            fail_msg("'%s' is not in: %s", cases[n_run].words, err.message);
    }
    assert_int_equal(n_run, 7);
    pcm[77] = 0.9f; /* a click is a sound */
    mv_alloc_fail_after(1, true);
    marvis_status status = marvis_speech_trim(model, pcm, RATE, RATE, &trimmed, &n, &err);
    mv_alloc_fail_after(0, false);
    assert_int_equal(status, MARVIS_ERR_MEMORY);
    assert_null(trimmed);
    test_free(pcm);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quiet_goes_and_a_pause_stays),
        cmocka_unit_test(trimming_again_cuts_nothing),
        cmocka_unit_test(what_cannot_be_trimmed_is_named),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
