/* test_encoder.c - the encoder of marvis.h: audio that cannot be encoded, codecs that cannot
 * encode, encoders that share their weights, and the built-in voice's codec. */
#include "mimi_fixture.h"

#include "format/safetensors_write.h"

#include <math.h>
#include <pthread.h>
#include <sys/stat.h>

enum { RATE = 24000, FRAME = 48, K = 12 }; /* of the tiny codec */

typedef struct opened {
    marvis_engine *engine;
    marvis_model *model;
} opened;

/* The codec at a path, alone. */
static opened open_codec(const char *path) {
    opened o;
    marvis_error err;
    marvis_engine_settings settings;
    marvis_engine_settings_init(&settings);
    settings.n_threads = 2;
    assert_ok(marvis_engine_create(&settings, &o.engine, &err), err);
    assert_ok(marvis_codec_open(o.engine, path, NULL, &o.model, &err), err);
    assert_int_equal(marvis_model_sample_rate(o.model), RATE);
    return o;
}

static opened open_tiny(void) {
    opened o = open_codec(test_path(TINY_MOSHI));
    assert_int_equal(marvis_model_frame_samples(o.model), FRAME);
    assert_int_equal(marvis_model_has_encoder(o.model), 1);
    return o;
}

static void close_codec(opened *o) {
    marvis_model_destroy(&o->model);
    marvis_engine_destroy(&o->engine);
}

static float *noise(size_t n) {
    float *pcm = calloc(n, sizeof *pcm);
    uint64_t seed = 21;
    assert_non_null(pcm);
    for (size_t i = 0; i < n; i++)
        pcm[i] = 0.3f * test_normal(&seed);
    return pcm;
}

static int32_t *encode(const opened *o, const float *pcm, size_t n, int n_codebooks,
                       size_t *n_frames) {
    int32_t *codes;
    marvis_error err;
    assert_ok(marvis_model_encode(o->model, pcm, n, RATE, n_codebooks, &codes, n_frames, &err),
              err);
    return codes;
}

static void streamed_and_whole_are_one(void **ctx) {
    (void)ctx;
    const size_t n = 100 * FRAME + 7;
    opened o = open_tiny();
    float *pcm = noise(n);
    size_t n_frames, n_new, done = 0;
    int32_t *whole = encode(&o, pcm, n, 0, &n_frames), streamed[101 * K];
    marvis_encoder *encoder;
    marvis_error err;
    assert_int_equal(n_frames, 101);
    assert_ok(marvis_encoder_create(o.model, RATE, 0, &encoder, &err), err);
    for (int round = 0; round < 3; round++) { /* after a flush and after a reset it is as new */
        size_t made = 0;
        uint64_t seed = (uint64_t)round;
        for (done = 0; done < n; done += n_new) {
            size_t taken = test_random(&seed) % 200, got;
            if (taken > n - done) taken = n - done;
            assert_ok(
                marvis_encoder_encode(encoder, pcm + done, taken, streamed + made * K, &got, &err),
                err);
            made += got;
            n_new = taken;
        }
        assert_int_equal(made, 100);
        if (round == 1) {
            marvis_encoder_reset(encoder);
            assert_int_equal(marvis_encoder_flush(encoder, streamed), 0);
            continue;
        }
        assert_int_equal(marvis_encoder_flush(encoder, streamed + made * K), 1);
        assert_memory_equal(streamed, whole, sizeof streamed);
    }
    marvis_encoder_destroy(&encoder);
    assert_null(encoder);
    marvis_encoder_destroy(&encoder);
    marvis_free(whole);
    free(pcm);
    close_codec(&o);
}

/* What is encoded can be decoded: as many frames, codes in range. */
static void codes_can_be_decoded(void **ctx) {
    (void)ctx;
    opened o = open_tiny();
    float *pcm = noise(50 * FRAME), out[50 * FRAME];
    for (int k = 1; k <= K; k++) {
        size_t n_frames;
        int32_t *codes = encode(&o, pcm, 50 * FRAME, k, &n_frames);
        marvis_decoder *decoder;
        marvis_error err;
        assert_int_equal(n_frames, 50);
        assert_ok(marvis_decoder_create(o.model, k, &decoder, &err), err);
        assert_ok(marvis_decoder_decode(decoder, codes, n_frames, out, &err), err);
        marvis_decoder_destroy(&decoder);
        marvis_free(codes);
    }
    free(pcm);
    close_codec(&o);
}

/* 50 ms at 1920 samples a frame, silence, one sample. */
static void short_and_silent_audio_is_encoded(void **ctx) {
    (void)ctx;
    static const size_t lengths[] = {1, 47, 48, 49, 1200, 24000};
    static float silence[24000];
    opened o = open_tiny();
    int n_run = 0;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++, n_run++) {
        size_t n_frames;
        int32_t *codes = encode(&o, silence, lengths[i], 0, &n_frames);
        assert_int_equal(n_frames, (lengths[i] + FRAME - 1) / FRAME);
        for (size_t c = 0; c < n_frames * K; c++)
            assert_true(codes[c] >= 0 && codes[c] < 32);
        marvis_free(codes);
    }
    assert_int_equal(n_run, 6);
    close_codec(&o);
}

/* Refused with the sample's number; the stream goes on as if the call had not been. */
static void samples_that_are_no_sound_are_refused(void **ctx) {
    (void)ctx;
    static const float bad[] = {NAN, INFINITY, -INFINITY, 2e6f, -3e38f};
    const size_t n = 20 * FRAME;
    opened o = open_tiny();
    float *pcm = noise(n);
    size_t n_frames, n_new;
    int32_t *whole = encode(&o, pcm, n, 0, &n_frames), codes[20 * K], *none;
    marvis_encoder *encoder;
    marvis_error err;
    assert_ok(marvis_encoder_create(o.model, RATE, 0, &encoder, &err), err);
    assert_ok(marvis_encoder_encode(encoder, pcm, 500, codes, &n_new, &err), err);
    int n_run = 0;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++, n_run++) {
        const float good = pcm[620];
        size_t count = 1;
        pcm[620] = bad[i];
        assert_int_equal(
            marvis_encoder_encode(encoder, pcm + 500, 300, codes + n_new * K, &count, &err),
            MARVIS_ERR_INPUT);
        assert_non_null(strstr(err.message, "sample 120 of the audio is"));
        assert_int_equal(count, 0);
        count = 1;
        assert_int_equal(marvis_model_encode(o.model, pcm, n, RATE, 0, &none, &count, &err),
                         MARVIS_ERR_INPUT);
        assert_non_null(strstr(err.message, "sample 620 of the audio is"));
        assert_null(none);
        assert_int_equal(count, 0);
        pcm[620] = good;
    }
    assert_int_equal(n_run, 5);
    size_t rest;
    assert_ok(marvis_encoder_encode(encoder, pcm + 500, n - 500, codes + n_new * K, &rest, &err),
              err);
    assert_int_equal(n_new + rest, 20);
    assert_memory_equal(codes, whole, sizeof codes);
    marvis_encoder_destroy(&encoder);
    marvis_free(whole);
    free(pcm);
    close_codec(&o);
}

static void no_samples_are_refused(void **ctx) {
    (void)ctx;
    opened o = open_tiny();
    int32_t *codes = (int32_t *)&o;
    size_t n_frames = 1;
    marvis_error err;
    assert_int_equal(marvis_model_encode(o.model, NULL, 0, RATE, 0, &codes, &n_frames, &err),
                     MARVIS_ERR_INPUT);
    assert_non_null(strstr(err.message, "no samples"));
    assert_null(codes);
    assert_int_equal(n_frames, 0);
    close_codec(&o);
}

/* The rate must be said, and be the codec's. */
static void trap_28_another_rate_is_refused(void **ctx) {
    (void)ctx;
    static const int rates[] = {16000, 44100, 48000, 0, -1};
    static const float silence[10];
    opened o = open_tiny();
    int n_run = 0;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++, n_run++) {
        int32_t *codes;
        size_t n_frames;
        marvis_encoder *encoder;
        marvis_error err;
        assert_int_equal(marvis_encoder_create(o.model, rates[i], 0, &encoder, &err),
                         MARVIS_ERR_CALL);
        assert_non_null(strstr(err.message, "24000 Hz"));
        assert_null(encoder);
        assert_int_equal(
            marvis_model_encode(o.model, silence, 10, rates[i], 0, &codes, &n_frames, &err),
            MARVIS_ERR_CALL);
        assert_null(codes);
    }
    assert_int_equal(n_run, 5);
    close_codec(&o);
}

static void codebooks_are_checked(void **ctx) {
    (void)ctx;
    static const int bad[] = {-1, 13, 1000};
    opened o = open_tiny();
    for (size_t i = 0; i < 3; i++) {
        marvis_encoder *encoder;
        marvis_error err;
        assert_int_equal(marvis_encoder_create(o.model, RATE, bad[i], &encoder, &err),
                         MARVIS_ERR_CALL);
        assert_non_null(strstr(err.message, "1 to 12"));
    }
    close_codec(&o);
}

/* ---- codecs ---- */

/* A folder with the tiny codec and its config.json, without the tensors whose names begin so. */
static const char *write_codec(const char *relative, const char *const *without) {
    static char path[600];
    char folder[500], config[600], text[4096];
    mv_safetensors file;
    marvis_error err;
    marvis_tensor_view views[256];
    const char *names[256];
    size_t n = 0;
    snprintf(folder, sizeof folder, "%s/codec", test_temp_dir());
    mkdir(folder, 0700);
    snprintf(config, sizeof config, "%s/config.json", folder);
    FILE *from = fopen(test_path("golden/mimi/config.json"), "r"), *to = fopen(config, "w");
    const size_t len = fread(text, 1, sizeof text, from);
    assert_int_equal(fwrite(text, 1, len, to), len);
    fclose(from);
    fclose(to);
    assert_ok(mv_safetensors_open(test_path(relative), &file, &err), err);
    for (size_t i = 0; i < file.n_tensors; i++) {
        const mv_tensor *t = &file.tensors[i];
        bool left_out = false;
        for (const char *const *w = without; *w; w++)
            left_out |= strncmp(t->name, *w, strlen(*w)) == 0;
        if (left_out) continue;
        names[n] = t->name;
        views[n] = (marvis_tensor_view){.type = mv_dtype_name(t->type),
                                        .n_dims = t->n_dims,
                                        .data = t->data,
                                        .len_bytes = t->len_bytes};
        memcpy(views[n++].shape, t->shape, sizeof t->shape);
    }
    snprintf(path, sizeof path, "%s/codec.safetensors", folder);
    assert_ok(mv_safetensors_write(path, n, names, views, &err), err);
    mv_safetensors_close(&file);
    return path;
}

static void a_codec_without_encoder_opens_and_says_so(void **ctx) {
    (void)ctx;
    static const char *const without[] = {"encoder.", "encoder_transformer.", "downsample.", NULL};
    static const char *const files[] = {TINY_MOSHI, TINY_HF};
    static const float silence[10];
    for (int i = 0; i < 2; i++) {
        opened o = open_codec(write_codec(files[i], without));
        marvis_encoder *encoder;
        marvis_decoder *decoder;
        int32_t *codes;
        size_t n_frames;
        marvis_error err;
        char *json;
        assert_int_equal(marvis_model_has_encoder(o.model), 0);
        assert_int_equal(marvis_encoder_create(o.model, RATE, 0, &encoder, &err),
                         MARVIS_ERR_UNSUPPORTED);
        assert_null(encoder);
        assert_non_null(strstr(err.message, "codec.safetensors: this Mimi has no encoder"));
        assert_int_equal(
            marvis_model_encode(o.model, silence, 10, RATE, 0, &codes, &n_frames, &err),
            MARVIS_ERR_UNSUPPORTED);
        assert_ok(marvis_decoder_create(o.model, 0, &decoder, &err), err);
        marvis_decoder_destroy(&decoder);
        assert_ok(marvis_model_describe(o.model, &json, &err), err);
        assert_non_null(strstr(json, "\"encoder\": false"));
        marvis_free(json);
        close_codec(&o);
    }
}

/* The weights are read when they are needed, though the file is gone by then. */
static void the_encoder_needs_no_file_any_more(void **ctx) {
    (void)ctx;
    static const char *const nothing[] = {NULL};
    opened whole = open_tiny(), o = open_codec(write_codec(TINY_MOSHI, nothing));
    float *pcm = noise(10 * FRAME);
    size_t n_frames;
    char gone[700];
    snprintf(gone, sizeof gone, "%s/codec/codec.safetensors", test_temp_dir());
    assert_int_equal(remove(gone), 0);
    int32_t *expected = encode(&whole, pcm, 10 * FRAME, 0, &n_frames);
    for (int i = 0; i < 2; i++) { /* read, freed, and read again */
        int32_t *codes = encode(&o, pcm, 10 * FRAME, 0, &n_frames);
        assert_memory_equal(codes, expected, 10 * K * sizeof *codes);
        marvis_free(codes);
    }
    marvis_free(expected);
    free(pcm);
    close_codec(&o);
    close_codec(&whole);
}

/* One copy of the weights for all encoders: the second costs its own buffers alone, and it goes on
 * when the first is gone. */
static void encoders_share_their_weights(void **ctx) {
    (void)ctx;
    opened o = open_tiny();
    marvis_encoder *first, *second;
    marvis_error err;
    float *pcm = noise(10 * FRAME);
    int32_t codes[10 * K];
    size_t n_frames;
    int32_t *expected = encode(&o, pcm, 10 * FRAME, 0, &n_frames);
    uint64_t n_before = mv_alloc_count();
    assert_ok(marvis_encoder_create(o.model, RATE, 0, &first, &err), err);
    const uint64_t n_first = mv_alloc_count() - n_before;
    n_before = mv_alloc_count();
    assert_ok(marvis_encoder_create(o.model, RATE, 0, &second, &err), err);
    const uint64_t n_second = mv_alloc_count() - n_before;
    assert_true(n_second < 20 && n_first > 3 * n_second);
    marvis_encoder_destroy(&first);
    assert_ok(marvis_encoder_encode(second, pcm, 10 * FRAME, codes, &n_frames, &err), err);
    assert_memory_equal(codes, expected, sizeof codes);
    marvis_encoder_destroy(&second);
    n_before = mv_alloc_count();
    assert_ok(marvis_encoder_create(o.model, RATE, 0, &first, &err), err);
    assert_int_equal(mv_alloc_count() - n_before, n_first); /* they had been freed */
    marvis_encoder_destroy(&first);
    marvis_free(expected);
    free(pcm);
    close_codec(&o);
}

typedef struct crowd {
    const opened *codec;
    const float *pcm;
    const int32_t *expected;
    bool wrong;
} crowd;

static void *encode_often(void *arg) {
    crowd *c = arg;
    for (int i = 0; i < 8; i++) {
        int32_t *codes;
        size_t n_frames;
        if (marvis_model_encode(c->codec->model, c->pcm, 10 * FRAME, RATE, 0, &codes, &n_frames,
                                NULL) != MARVIS_OK ||
            memcmp(codes, c->expected, 10 * K * sizeof *codes) != 0)
            c->wrong = true;
        marvis_free(codes);
    }
    return NULL;
}

static void threads_may_encode_at_once(void **ctx) {
    (void)ctx;
    enum { N = 4 };
    opened o = open_tiny();
    float *pcm = noise(10 * FRAME);
    size_t n_frames;
    int32_t *expected = encode(&o, pcm, 10 * FRAME, 0, &n_frames);
    pthread_t threads[N];
    crowd crowds[N];
    for (int i = 0; i < N; i++) {
        crowds[i] = (crowd){&o, pcm, expected, false};
        assert_int_equal(pthread_create(&threads[i], NULL, encode_often, &crowds[i]), 0);
    }
    for (int i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        assert_false(crowds[i].wrong);
    }
    marvis_free(expected);
    free(pcm);
    close_codec(&o);
}

static void opening_and_encoding_survive_failing_allocations(void **ctx) {
    (void)ctx;
    opened whole = open_tiny();
    float *pcm = noise(10 * FRAME);
    uint64_t n_failed = 0;
    for (uint64_t nth = 1;; nth++) {
        marvis_model *model;
        int32_t *codes = NULL;
        size_t n_frames;
        marvis_error err;
        const char *path = test_path(TINY_MOSHI);
        mv_alloc_fail_after(nth, nth % 2 == 0);
        marvis_status status = marvis_codec_open(whole.engine, path, NULL, &model, &err);
        if (status == MARVIS_OK)
            status = marvis_model_encode(model, pcm, 10 * FRAME, RATE, 0, &codes, &n_frames, &err);
        mv_alloc_fail_after(0, false);
        marvis_free(codes);
        marvis_model_destroy(&model);
        if (status == MARVIS_OK) break;
        if (status != MARVIS_ERR_MEMORY) fail_msg("allocation %d: %s", (int)nth, err.message);
        n_failed++;
    }
    assert_true(n_failed >= 100);
    free(pcm);
    close_codec(&whole);
}

/* Inside a model, where the checkpoint is the model's own: whatever its encoder has learnt, codes
 * are in range, and pieces make no difference. */
static void the_builtin_codec_encodes(void **ctx) {
    (void)ctx;
    struct stat st;
    opened o;
    marvis_error err;
    const char *path = test_path("../models/builtin");
    if (stat(path, &st) != 0) skip();
    assert_ok(marvis_engine_create(NULL, &o.engine, &err), err);
    assert_ok(marvis_model_open(o.engine, path, NULL, &o.model, &err), err);
    if (marvis_model_has_encoder(o.model)) {
        const size_t n = (size_t)marvis_model_sample_rate(o.model);
        const size_t width = (size_t)marvis_model_n_codebooks(o.model);
        float *pcm = noise(n);
        size_t n_frames, n_first, n_rest;
        int32_t *codes = encode(&o, pcm, n, (int)width, &n_frames);
        int32_t *pieces = calloc((n_frames + 2) * width, sizeof *pieces);
        marvis_encoder *encoder;
        assert_ok(marvis_encoder_create(o.model, RATE, (int)width, &encoder, &err), err);
        assert_ok(marvis_encoder_encode(encoder, pcm, 7777, pieces, &n_first, &err), err);
        assert_ok(marvis_encoder_encode(encoder, pcm + 7777, n - 7777, pieces + n_first * width,
                                        &n_rest, &err),
                  err);
        (void)marvis_encoder_flush(encoder, pieces + (n_first + n_rest) * width);
        assert_memory_equal(pieces, codes, n_frames * width * sizeof *codes);
        for (size_t i = 0; i < n_frames * width; i++)
            assert_true(codes[i] >= 0 && codes[i] < marvis_model_audio_vocab(o.model));
        marvis_encoder_destroy(&encoder);
        marvis_free(codes);
        free(pieces);
        free(pcm);
    }
    close_codec(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streamed_and_whole_are_one),
        cmocka_unit_test(codes_can_be_decoded),
        cmocka_unit_test(short_and_silent_audio_is_encoded),
        cmocka_unit_test(samples_that_are_no_sound_are_refused),
        cmocka_unit_test(no_samples_are_refused),
        cmocka_unit_test(trap_28_another_rate_is_refused),
        cmocka_unit_test(codebooks_are_checked),
        cmocka_unit_test(a_codec_without_encoder_opens_and_says_so),
        cmocka_unit_test(the_encoder_needs_no_file_any_more),
        cmocka_unit_test(encoders_share_their_weights),
        cmocka_unit_test(threads_may_encode_at_once),
        cmocka_unit_test(opening_and_encoding_survive_failing_allocations),
        cmocka_unit_test(the_builtin_codec_encodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
