/* test_mimi.c - the streaming codec decoder: against moshi's output (tests/golden/mimi), against a
 * plain masked transformer in double precision, and against itself in other chunks. */
#include "mimi_fixture.h"

#include "model/mimi_transformer.h"

#include <math.h>

/* f32 against f32, the worst max|a - b| / rms(b) of a row: a step's latents, or a frame's samples.
 */
static const double TOLERANCE = 1e-4;

static mv_exec best_exec(void) { return (mv_exec){.kernels = mv_kernels_get(mv_tier_best())}; }

static float *floats(size_t n) {
    float *values = calloc(n, sizeof *values);
    assert_non_null(values);
    return values;
}

/* Decodes all frames on every tier in calls of `chunk` and compares latents and samples. */
static int check_golden(const char *weights, const char *expected, const mv_mimi_config *config,
                        size_t chunk) {
    const size_t samples = (size_t)mv_mimi_frame_samples(config);
    const size_t latent = (size_t)config->latent;
    golden g;
    golden_open(&g, expected);
    mv_mimi *mimi = load_mimi(weights, config);
    float *pcm = floats(g.n_frames * samples), *latents = floats(2 * g.n_frames * latent);
    int n_run = 0;
    for (int tier = 0; tier < MV_N_TIERS; tier++) {
        const mv_exec exec = {.kernels = mv_kernels_get((mv_tier)tier)};
        mv_mimi_decoder *decoder;
        marvis_error err;
        if (!exec.kernels) continue;
        assert_ok(mv_mimi_decoder_create(mimi, config->n_codebooks, 8, &decoder, &err), err);
        for (size_t t = 0; t < g.n_frames; t += chunk) {
            const size_t n = g.n_frames - t < chunk ? g.n_frames - t : chunk;
            mv_mimi_decoder_tap(decoder, latents + 2 * t * latent);
            mv_mimi_decode(decoder, &exec, g.codes + t * (size_t)config->n_codebooks, n,
                           pcm + t * samples);
        }
        mv_mimi_decoder_destroy(&decoder);
        double error = test_row_error(latents, g.latents, 2 * g.n_frames, latent);
        if (!(error <= TOLERANCE)) fail_msg("%s: latents off by %g", weights, error);
        error = test_row_error(pcm, g.pcm, g.n_frames, samples);
        if (!(error <= TOLERANCE)) fail_msg("%s: samples off by %g", weights, error);
        n_run++;
    }
    free(pcm);
    free(latents);
    mv_mimi_destroy(&mimi);
    golden_close(&g);
    return n_run;
}

static int n_tiers(void) {
    int n = 0;
    for (int tier = 0; tier < MV_N_TIERS; tier++)
        n += mv_kernels_get((mv_tier)tier) != NULL;
    return n;
}

/* 310 frames, 620 steps: the ring of 250 goes round more than twice. */
static void golden_in_moshi_naming(void **ctx) {
    (void)ctx;
    const mv_mimi_config config = tiny_config();
    assert_int_equal(check_golden(TINY_MOSHI, TINY_GOLDEN, &config, 310), n_tiers());
}

static void golden_in_transformers_naming(void **ctx) {
    (void)ctx;
    const mv_mimi_config config = tiny_config();
    assert_int_equal(check_golden(TINY_HF, TINY_GOLDEN, &config, 5), n_tiers());
}

static void golden_at_1920_samples_a_frame(void **ctx) {
    (void)ctx;
    const mv_mimi_config config = ratios_config();
    assert_int_equal(mv_mimi_frame_samples(&config), 1920);
    assert_int_equal(check_golden("golden/mimi/ratios_moshi.safetensors",
                                  "golden/mimi/ratios_golden.safetensors", &config, 6),
                     n_tiers());
}

/* Fewer codebooks: the last ones are dropped. moshi decodes the same first 8 codes. */
static void trap_04_number_of_codebooks(void **ctx) {
    (void)ctx;
    const mv_mimi_config config = tiny_config();
    const size_t samples = (size_t)mv_mimi_frame_samples(&config);
    const mv_exec exec = best_exec();
    golden g;
    golden_open(&g, TINY_GOLDEN);
    const float *expected = golden_values(&g, "pcm_8_codebooks", MV_DT_F32);
    const size_t n = (size_t)mv_safetensors_find(&g.file, "pcm_8_codebooks")->shape[0] / samples;
    assert_int_equal(n, 16);
    mv_mimi *mimi = load_mimi(TINY_MOSHI, &config);
    int32_t *codes = first_codes(g.codes, n, config.n_codebooks, 8);
    float *pcm = floats(n * samples);
    decode_chunked(mimi, &exec, 8, 4, 3, codes, n, pcm);
    assert_true(test_row_error(pcm, expected, n, samples) <= TOLERANCE);
    assert_true(test_row_error(pcm, g.pcm, n, samples) > 0.1);
    free(pcm);
    free(codes);
    mv_mimi_destroy(&mimi);
    golden_close(&g);
}

/* Every count gives another sound, the semantic codebook alone included. */
static void every_number_of_codebooks_differs(void **ctx) {
    (void)ctx;
    const mv_mimi_config config = tiny_config();
    const size_t samples = (size_t)mv_mimi_frame_samples(&config), n = 4;
    const mv_exec exec = best_exec();
    golden g;
    golden_open(&g, TINY_GOLDEN);
    mv_mimi *mimi = load_mimi(TINY_MOSHI, &config);
    float *pcm = floats(n * samples);
    int n_run = 0;
    for (int k = 1; k < config.n_codebooks; k++, n_run++) {
        int32_t *codes = first_codes(g.codes, n, config.n_codebooks, k);
        decode_chunked(mimi, &exec, k, 4, 0, codes, n, pcm);
        assert_true(test_row_error(pcm, g.pcm, n, samples) > 0.01);
        free(codes);
    }
    assert_int_equal(n_run, 11);
    free(pcm);
    mv_mimi_destroy(&mimi);
    golden_close(&g);
}

static void trap_08_codes_out_of_range(void **ctx) {
    (void)ctx;
    static const int32_t bad[] = {32, 33, 2048, 2050, 65535, -1, INT32_MAX, INT32_MIN};
    const mv_mimi_config config = tiny_config();
    const size_t samples = (size_t)mv_mimi_frame_samples(&config), n = 10;
    const size_t width = (size_t)config.n_codebooks;
    const mv_exec exec = best_exec();
    marvis_error err;
    golden g;
    golden_open(&g, TINY_GOLDEN);
    mv_mimi *mimi = load_mimi(TINY_MOSHI, &config);
    float *pcm = floats(n * samples), *whole = floats(n * samples);
    int32_t *codes = first_codes(g.codes, n, config.n_codebooks, config.n_codebooks);
    decode_chunked(mimi, &exec, config.n_codebooks, 8, n, g.codes, n, whole);
    mv_mimi_decoder *decoder;
    assert_ok(mv_mimi_decoder_create(mimi, config.n_codebooks, 8, &decoder, &err), err);
    mv_mimi_decode(decoder, &exec, g.codes, 5, pcm);
    int n_run = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++, n_run++) {
        codes[7 * width + 3] = bad[i];
        assert_int_equal(mv_mimi_check_codes(mimi, codes, n, config.n_codebooks, &err),
                         MARVIS_ERR_INPUT);
        assert_non_null(strstr(err.message, "frame 7, codebook 3"));
        assert_int_equal(mv_mimi_check_codes(mimi, codes, 7, config.n_codebooks, NULL), MARVIS_OK);
    }
    assert_int_equal(n_run, 8);
    codes[7 * width + 3] = config.codebook_size - 1;
    assert_ok(mv_mimi_check_codes(mimi, codes, n, config.n_codebooks, &err), err);
    assert_int_equal(mv_mimi_check_codes(mimi, codes, 1, 13, &err), MARVIS_ERR_INPUT);
    assert_int_equal(mv_mimi_check_codes(mimi, codes, 1, 0, &err), MARVIS_ERR_INPUT);
    mv_mimi_decode(decoder, &exec, g.codes + 5 * width, n - 5, pcm + 5 * samples);
    assert_memory_equal(pcm, whole, n * samples * sizeof *pcm);
    mv_mimi_decoder_destroy(&decoder);
    free(pcm), free(whole), free(codes);
    mv_mimi_destroy(&mimi);
    golden_close(&g);
}

/* Any chunking, any buffer size, any number of threads, either naming's own file: the same bits. */
static void trap_09_streaming_equals_offline(void **ctx) {
    (void)ctx;
    static const size_t chunks[] = {1, 2, 3, 7, 8, 0, 310};
    static const int max_frames[] = {1, 3, 8, 16, 1000};
    const mv_mimi_config config = tiny_config();
    const size_t samples = (size_t)mv_mimi_frame_samples(&config);
    golden g;
    golden_open(&g, TINY_GOLDEN);
    mv_mimi *mimi = load_mimi(TINY_MOSHI, &config);
    const size_t n = g.n_frames * samples;
    float *whole = floats(n), *pcm = floats(n);
    int n_run = 0;
    for (int tier = 0; tier < MV_N_TIERS; tier++) {
        mv_exec exec = {.kernels = mv_kernels_get((mv_tier)tier)};
        if (!exec.kernels) continue;
        decode_chunked(mimi, &exec, config.n_codebooks, 16, g.n_frames, g.codes, g.n_frames, whole);
        for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
            marvis_error err;
            mv_pool *pool = NULL;
            if (i % 3) assert_ok(mv_pool_create((int)(i % 3) + 1, &pool, &err), err);
            exec.pool = pool;
            decode_chunked(mimi, &exec, config.n_codebooks, max_frames[i % 5], chunks[i], g.codes,
                           g.n_frames, pcm);
            if (memcmp(pcm, whole, n * sizeof *pcm) != 0)
                fail_msg("chunks of %zu in a decoder for %d frames differ", chunks[i],
                         max_frames[i % 5]);
            mv_pool_destroy(&pool);
            n_run++;
        }
    }
    assert_int_equal(n_run, 7 * n_tiers());
    free(whole);
    free(pcm);
    mv_mimi_destroy(&mimi);
    golden_close(&g);
}

/* The same, where the passes are long enough to be split over threads: 1920 samples a frame. */
static void trap_09_threads_on_long_frames(void **ctx) {
    (void)ctx;
    const mv_mimi_config config = ratios_config();
    golden g;
    golden_open(&g, "golden/mimi/ratios_golden.safetensors");
    mv_mimi *mimi = load_mimi("golden/mimi/ratios_moshi.safetensors", &config);
    const size_t n = g.n_frames * 1920;
    float *whole = floats(n), *pcm = floats(n);
    mv_exec exec = best_exec();
    decode_chunked(mimi, &exec, 32, 1, 1, g.codes, g.n_frames, whole);
    for (int n_threads = 2; n_threads <= 5; n_threads++) {
        marvis_error err;
        assert_ok(mv_pool_create(n_threads, &exec.pool, &err), err);
        decode_chunked(mimi, &exec, 32, 8, (size_t)n_threads, g.codes, g.n_frames, pcm);
        assert_memory_equal(pcm, whole, n * sizeof *pcm);
        mv_pool_destroy(&exec.pool);
    }
    free(whole);
    free(pcm);
    mv_mimi_destroy(&mimi);
    golden_close(&g);
}

static void trap_33_gelu_is_exact(void **ctx) {
    (void)ctx;
    int n_run = 0;
    for (int tier = 0; tier < MV_N_TIERS; tier++) {
        const mv_kernels *kernels = mv_kernels_get((mv_tier)tier);
        if (!kernels) continue;
        float x[3] = {1, -1, 0};
        kernels->gelu(x, x, 3);
        assert_float_equal(x[0], 0.8413447f, 2e-6); /* tanh would give 0.841192 */
        assert_float_equal(x[1], -0.1586553f, 2e-6);
        assert_float_equal(x[2], 0, 0);
        n_run++;
    }
    assert_int_equal(n_run, n_tiers());
}

/* ---- the transformer against a masked dense one in double ---- */

/* y [n][rows] = x [n][cols] W^T */
static void dense_linear(const mv_matrix *w, const double *x, size_t n, double *y) {
    float *row = floats(w->n_cols);
    for (size_t r = 0; r < w->n_rows; r++) {
        mv_matrix_row(w, r, row);
        for (size_t t = 0; t < n; t++) {
            double sum = 0;
            for (size_t c = 0; c < w->n_cols; c++)
                sum += (double)row[c] * x[t * w->n_cols + c];
            y[t * w->n_rows + r] = sum;
        }
    }
    free(row);
}

static void dense_norm(const double *x, const float *weight, const float *bias, size_t n,
                       size_t width, double *y) {
    for (size_t t = 0; t < n; t++, x += width, y += width) {
        double mean = 0, var = 0;
        for (size_t i = 0; i < width; i++)
            mean += x[i] / (double)width;
        for (size_t i = 0; i < width; i++)
            var += (x[i] - mean) * (x[i] - mean) / (double)width;
        for (size_t i = 0; i < width; i++)
            y[i] = (x[i] - mean) / sqrt(var + 1e-5) * (double)weight[i] + (double)bias[i];
    }
}

/* Interleaved pairs, base 10000, position t. */
static void dense_rope(double *x, size_t t, const mv_mimi_config *c) {
    for (int h = 0; h < c->n_heads; h++)
        for (int i = 0; i < c->head_dim / 2; i++) {
            double angle = (double)t * pow(10000, -2.0 * i / c->head_dim);
            double *a = x + h * c->head_dim + 2 * i, *b = a + 1, old = *a;
            *a = old * cos(angle) - *b * sin(angle);
            *b = *b * cos(angle) + old * sin(angle);
        }
}

/* Step q sees step k when 0 <= q - k < window. qkv [n][3*width], rotated; out [n][width]. */
static void dense_attention(const double *qkv, size_t n, const mv_mimi_config *c, double *out) {
    const size_t dim = (size_t)c->head_dim, width = dim * (size_t)c->n_heads;
    double *p = calloc(n, sizeof *p);
    for (size_t q = 0; q < n; q++)
        for (size_t first = 0; first < width; first += dim) {
            double max = -INFINITY, sum = 0;
            for (size_t k = 0; k < n; k++) {
                p[k] = -INFINITY;
                if (k > q || q - k >= (size_t)c->window) continue;
                double dot = 0;
                for (size_t i = first; i < first + dim; i++)
                    dot += qkv[q * 3 * width + i] * qkv[k * 3 * width + width + i];
                p[k] = dot / sqrt((double)dim);
                max = fmax(max, p[k]);
            }
            for (size_t k = 0; k < n; k++)
                sum += p[k] = exp(p[k] - max);
            for (size_t i = first; i < first + dim; i++) {
                double value = 0;
                for (size_t k = 0; k < n; k++)
                    value += p[k] / sum * qkv[k * 3 * width + 2 * width + i];
                out[q * width + i] = value;
            }
        }
    free(p);
}

static void dense_add_scaled(double *x, const double *y, const float *scale, size_t n,
                             size_t width) {
    for (size_t i = 0; i < n * width; i++)
        x[i] += (double)scale[i % width] * y[i];
}

/* All blocks of the decoder transformer on x [n][latent], in place. */
static void dense_transformer(const mv_mimi *mimi, double *x, size_t n) {
    const mv_mimi_config *c = &mimi->config;
    const size_t latent = (size_t)c->latent, width = (size_t)(c->n_heads * c->head_dim);
    const size_t mlp = (size_t)c->mlp_width;
    double *norm = calloc(n * latent, sizeof *norm), *qkv = calloc(n * 3 * width, sizeof *qkv);
    double *att = calloc(n * width, sizeof *att), *h = calloc(n * mlp, sizeof *h);
    for (int l = 0; l < c->n_layers; l++) {
        const mv_mimi_block *b = &mimi->blocks[l];
        dense_norm(x, b->norm1_weight, b->norm1_bias, n, latent, norm);
        dense_linear(&b->qkv, norm, n, qkv);
        for (size_t t = 0; t < n; t++) {
            dense_rope(qkv + t * 3 * width, t, c);
            dense_rope(qkv + t * 3 * width + width, t, c);
        }
        dense_attention(qkv, n, c, att);
        dense_linear(&b->out, att, n, norm);
        dense_add_scaled(x, norm, b->scale1, n, latent);
        dense_norm(x, b->norm2_weight, b->norm2_bias, n, latent, norm);
        dense_linear(&b->fc1, norm, n, h);
        for (size_t i = 0; i < n * mlp; i++)
            h[i] = h[i] / 2 * (1 + erf(h[i] / sqrt(2)));
        dense_linear(&b->fc2, h, n, norm);
        dense_add_scaled(x, norm, b->scale2, n, latent);
    }
    free(norm), free(qkv), free(att), free(h);
}

/* Runs x [n][latent] in place through a stream, `chunk` steps at a time (0: 1..max_steps). */
static void run_stream(const mv_mimi *mimi, int max_steps, size_t chunk, float *x, size_t n) {
    const mv_exec exec = best_exec();
    mv_mimi_stream stream;
    marvis_error err;
    uint64_t seed = 31;
    assert_ok(mv_mimi_stream_init(&stream, mimi, max_steps, &err), err);
    for (size_t t = 0; t < n;) {
        size_t m = chunk ? chunk : 1 + test_random(&seed) % (size_t)max_steps;
        if (m > n - t) m = n - t;
        mv_mimi_stream_run(&stream, &exec, x + t * (size_t)mimi->config.latent, m);
        t += m;
    }
    mv_mimi_stream_deinit(&stream);
}

/* Steps 249, 250, 251 and the two turns of the ring after them, in odd chunks that straddle its
 * seam. */
static void trap_35_36_window_and_positions(void **ctx) {
    (void)ctx;
    static const size_t chunks[] = {1, 2, 7, 16, 0};
    enum { N = 760 };
    const mv_mimi_config config = tiny_config();
    const size_t latent = (size_t)config.latent;
    mv_mimi *mimi = load_mimi(TINY_MOSHI, &config);
    uint64_t seed = 3;
    float *x = floats(N * latent), *y = floats(N * latent), *expected = floats(N * latent);
    double *dense = calloc(N * latent, sizeof *dense);
    for (size_t i = 0; i < N * latent; i++)
        dense[i] = (double)(x[i] = test_normal(&seed));
    dense_transformer(mimi, dense, N);
    for (size_t i = 0; i < N * latent; i++)
        expected[i] = (float)dense[i];
    int n_run = 0;
    for (size_t c = 0; c < sizeof chunks / sizeof chunks[0]; c++, n_run++) {
        memcpy(y, x, N * latent * sizeof *y);
        run_stream(mimi, 16, chunks[c], y, N);
        for (size_t t = 0; t < N; t++) {
            double error = test_row_error(y + t * latent, expected + t * latent, 1, latent);
            if (!(error <= TOLERANCE))
                fail_msg("chunks of %zu: step %zu off by %g", chunks[c], t, error);
        }
    }
    assert_int_equal(n_run, 5);
    free(x), free(y), free(expected), free(dense);
    mv_mimi_destroy(&mimi);
}

/* With one layer, a step is heard for 250 steps, its own included, and never again. */
static void trap_35_edge_of_the_window(void **ctx) {
    (void)ctx;
    enum { N = 275 };
    static const size_t at[] = {0, 1, 2, 15, 16, 17};
    const mv_mimi_config config = tiny_config();
    const size_t latent = (size_t)config.latent;
    mv_mimi *mimi = load_mimi(TINY_MOSHI, &config);
    mv_mimi one = *mimi;
    int n_run = 0;
    one.config.n_layers = 1;
    /* Queries and keys of 0 make the attention even, so that no step is too faint to be seen. */
    memset(one.blocks[0].qkv.owned, 0, 2 * latent * latent * sizeof(float));
    for (size_t chunk = 1; chunk <= 16; chunk++)
        for (size_t i = 0; i < sizeof at / sizeof at[0]; i++, n_run++) {
            uint64_t seed = 4;
            float *x = floats(N * latent), *y = floats(N * latent);
            for (size_t k = 0; k < N * latent; k++)
                x[k] = y[k] = test_normal(&seed);
            y[at[i] * latent] += 3;
            run_stream(&one, 16, chunk, x, N);
            run_stream(&one, 16, chunk, y, N);
            for (size_t t = 0; t < N; t++) {
                bool same = memcmp(x + t * latent, y + t * latent, latent * sizeof *x) == 0;
                if (same != (t < at[i] || t >= at[i] + 250))
                    fail_msg("chunks of %zu: step %zu at step %zu", chunk, at[i], t);
            }
            free(x);
            free(y);
        }
    assert_int_equal(n_run, 16 * 6);
    mv_mimi_destroy(&mimi);
}

/* Far from the start the attention sees only distances: the same input again, 10^6 steps later. The
 * ring is filled by one window of steps at either place. */
static void trap_36_positions_without_end(void **ctx) {
    (void)ctx;
    enum { N = 280 };
    const mv_mimi_config config = tiny_config();
    const size_t latent = (size_t)config.latent;
    const mv_exec exec = best_exec();
    mv_mimi *mimi = load_mimi(TINY_MOSHI, &config);
    mv_mimi one = *mimi;
    one.config.n_layers = 1;
    float *rows[2];
    for (int far = 0; far < 2; far++) {
        mv_mimi_stream stream;
        marvis_error err;
        uint64_t seed = 6;
        rows[far] = floats(N * latent);
        for (size_t i = 0; i < N * latent; i++)
            rows[far][i] = test_normal(&seed);
        assert_ok(mv_mimi_stream_init(&stream, &one, 1, &err), err);
        stream.position = far ? 1000003 : 500;
        for (size_t t = 0; t < N; t++)
            mv_mimi_stream_run(&stream, &exec, rows[far] + t * latent, 1);
        mv_mimi_stream_deinit(&stream);
    }
    assert_true(test_row_error(rows[1] + 250 * latent, rows[0] + 250 * latent, N - 250, latent) <
                1e-3);
    free(rows[0]);
    free(rows[1]);
    mv_mimi_destroy(&mimi);
}

/* ---- the stream as a whole ---- */

/* The same codes for ever settle once both layers' windows are full (upsampling makes odd steps
 * differ from even ones): frames become equal, without steps at the borders of chunks. */
static void trap_37_constant_codes_settle(void **ctx) {
    (void)ctx;
    enum { N = 290, SETTLED = 256 };
    const mv_mimi_config config = tiny_config();
    const size_t samples = (size_t)mv_mimi_frame_samples(&config);
    const mv_exec exec = best_exec();
    mv_mimi *mimi = load_mimi(TINY_MOSHI, &config);
    int32_t *codes = calloc(N * (size_t)config.n_codebooks, sizeof *codes);
    float *pcm = floats(N * samples);
    for (size_t i = 0; i < N * (size_t)config.n_codebooks; i++)
        codes[i] = (int32_t)(i % (size_t)config.n_codebooks);
    decode_chunked(mimi, &exec, config.n_codebooks, 3, 3, codes, N, pcm);
    for (size_t t = SETTLED; t < N; t++)
        assert_true(test_row_error(pcm + t * samples, pcm + (N - 1) * samples, 1, samples) < 1e-4);
    free(codes);
    free(pcm);
    mv_mimi_destroy(&mimi);
}

static void trap_38_reset_equals_new(void **ctx) {
    (void)ctx;
    static const size_t before[] = {1, 2, 13, 130, 260};
    const mv_mimi_config config = tiny_config();
    const size_t samples = (size_t)mv_mimi_frame_samples(&config), n = 140;
    const mv_exec exec = best_exec();
    golden g;
    golden_open(&g, TINY_GOLDEN);
    mv_mimi *mimi = load_mimi(TINY_MOSHI, &config);
    float *fresh = floats(n * samples), *pcm = floats(g.n_frames * samples);
    mv_mimi_decoder *decoder;
    marvis_error err;
    decode_chunked(mimi, &exec, config.n_codebooks, 8, 8, g.codes, n, fresh);
    assert_ok(mv_mimi_decoder_create(mimi, config.n_codebooks, 8, &decoder, &err), err);
    int n_run = 0;
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++, n_run++) {
        mv_mimi_decode(decoder, &exec, g.codes + 12, before[i], pcm);
        mv_mimi_decoder_reset(decoder);
        mv_mimi_decode(decoder, &exec, g.codes, n, pcm);
        assert_memory_equal(pcm, fresh, n * samples * sizeof *pcm);
        mv_mimi_decoder_reset(decoder);
    }
    assert_int_equal(n_run, 5);
    mv_mimi_decoder_destroy(&decoder);
    free(fresh);
    free(pcm);
    mv_mimi_destroy(&mimi);
    golden_close(&g);
}

/* Later codes do not reach back, not by one sample. */
static void trap_41_decoder_is_causal(void **ctx) {
    (void)ctx;
    const mv_mimi_config config = tiny_config();
    const size_t samples = (size_t)mv_mimi_frame_samples(&config), n = 16;
    const mv_exec exec = best_exec();
    golden g;
    golden_open(&g, TINY_GOLDEN);
    mv_mimi *mimi = load_mimi(TINY_MOSHI, &config);
    float *whole = floats(n * samples), *pcm = floats(n * samples);
    decode_chunked(mimi, &exec, config.n_codebooks, 16, n, g.codes, n, whole);
    for (size_t cut = 1; cut < n; cut++) {
        int32_t *codes = first_codes(g.codes, n, config.n_codebooks, config.n_codebooks);
        for (size_t i = cut * 12; i < n * 12; i++)
            codes[i] = (codes[i] + 1) % 32;
        decode_chunked(mimi, &exec, config.n_codebooks, 16, n, codes, n, pcm);
        assert_memory_equal(pcm, whole, cut * samples * sizeof *pcm);
        assert_memory_not_equal(pcm + cut * samples, whole + cut * samples, samples * sizeof *pcm);
        free(codes);
    }
    free(whole);
    free(pcm);
    mv_mimi_destroy(&mimi);
    golden_close(&g);
}

/* The decoder itself does not clamp: that belongs to the conversion to 16 bits. */
static void trap_43_samples_are_not_clamped(void **ctx) {
    (void)ctx;
    const mv_mimi_config config = tiny_config();
    const size_t samples = (size_t)mv_mimi_frame_samples(&config), n = 8;
    const mv_exec exec = best_exec();
    golden g;
    golden_open(&g, TINY_GOLDEN);
    mv_mimi *mimi = load_mimi(TINY_MOSHI, &config);
    float *pcm = floats(n * samples), largest = 0;
    decode_chunked(mimi, &exec, config.n_codebooks, 8, n, g.codes, n, pcm);
    for (size_t i = 0; i < n * samples; i++)
        largest = fmaxf(largest, fabsf(pcm[i]));
    assert_true(largest > 1.5f);
    free(pcm);
    mv_mimi_destroy(&mimi);
    golden_close(&g);
}

/* The tap of latents serves one call, and a reset takes it away. */
static void tap_serves_one_call(void **ctx) {
    (void)ctx;
    const mv_mimi_config config = tiny_config();
    const size_t n = 2 * (size_t)config.latent;
    const mv_exec exec = best_exec();
    marvis_error err;
    golden g;
    golden_open(&g, TINY_GOLDEN);
    mv_mimi *mimi = load_mimi(TINY_MOSHI, &config);
    mv_mimi_decoder *decoder;
    float *pcm = floats((size_t)mv_mimi_frame_samples(&config)), *latents = floats(3 * n);
    assert_ok(mv_mimi_decoder_create(mimi, config.n_codebooks, 8, &decoder, &err), err);
    mv_mimi_decoder_tap(decoder, latents);
    mv_mimi_decode(decoder, &exec, g.codes, 1, pcm);
    mv_mimi_decode(decoder, &exec, g.codes, 1, pcm);
    assert_true(latents[n - 1] != 0);
    mv_mimi_decoder_tap(decoder, latents + 2 * n);
    mv_mimi_decoder_reset(decoder);
    mv_mimi_decode(decoder, &exec, g.codes, 1, pcm);
    for (size_t i = n; i < 3 * n; i++)
        assert_float_equal(latents[i], 0, 0);
    mv_mimi_decoder_destroy(&decoder);
    free(pcm);
    free(latents);
    mv_mimi_destroy(&mimi);
    golden_close(&g);
}

static void decode_allocates_nothing(void **ctx) {
    (void)ctx;
    const mv_mimi_config config = tiny_config();
    const size_t samples = (size_t)mv_mimi_frame_samples(&config);
    marvis_error err;
    golden g;
    golden_open(&g, TINY_GOLDEN);
    mv_mimi *mimi = load_mimi(TINY_MOSHI, &config);
    mv_exec exec = best_exec();
    mv_mimi_decoder *decoder;
    float *pcm = floats(g.n_frames * samples);
    assert_ok(mv_pool_create(2, &exec.pool, &err), err);
    assert_ok(mv_mimi_decoder_create(mimi, config.n_codebooks, 8, &decoder, &err), err);
    const uint64_t before = mv_alloc_count();
    mv_mimi_decode(decoder, &exec, g.codes, g.n_frames, pcm);
    mv_mimi_decoder_reset(decoder);
    mv_mimi_decode(decoder, &exec, g.codes, 3, pcm);
    assert_int_equal(mv_alloc_count(), before);
    mv_mimi_decoder_destroy(&decoder);
    mv_pool_destroy(&exec.pool);
    free(pcm);
    mv_mimi_destroy(&mimi);
    golden_close(&g);
}

static void decoder_arguments_are_checked(void **ctx) {
    (void)ctx;
    const mv_mimi_config config = tiny_config();
    static const int bad[][2] = {{0, 8}, {-1, 8}, {13, 8}, {12, 0}, {12, -3}};
    mv_mimi *mimi = load_mimi(TINY_MOSHI, &config);
    marvis_error err;
    int n_run = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++, n_run++) {
        mv_mimi_decoder *decoder = (mv_mimi_decoder *)mimi;
        assert_int_equal(mv_mimi_decoder_create(mimi, bad[i][0], bad[i][1], &decoder, &err),
                         MARVIS_ERR_CALL);
        assert_null(decoder);
    }
    assert_int_equal(n_run, 5);
    mv_mimi_destroy(&mimi);
}

static void decoder_survives_failing_allocations(void **ctx) {
    (void)ctx;
    const mv_mimi_config config = tiny_config();
    mv_mimi *mimi = load_mimi(TINY_MOSHI, &config);
    uint64_t n_failed = 0;
    for (uint64_t nth = 1;; nth++) {
        mv_mimi_decoder *decoder;
        marvis_error err;
        mv_alloc_fail_after(nth, nth % 2 == 0);
        marvis_status status = mv_mimi_decoder_create(mimi, 12, 8, &decoder, &err);
        mv_alloc_fail_after(0, false);
        mv_mimi_decoder_destroy(&decoder);
        if (status == MARVIS_OK) break;
        assert_int_equal(status, MARVIS_ERR_MEMORY);
        n_failed++;
    }
    assert_true(n_failed >= 8);
    mv_mimi_destroy(&mimi);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_in_moshi_naming),
        cmocka_unit_test(golden_in_transformers_naming),
        cmocka_unit_test(golden_at_1920_samples_a_frame),
        cmocka_unit_test(trap_04_number_of_codebooks),
        cmocka_unit_test(every_number_of_codebooks_differs),
        cmocka_unit_test(trap_08_codes_out_of_range),
        cmocka_unit_test(trap_09_streaming_equals_offline),
        cmocka_unit_test(trap_09_threads_on_long_frames),
        cmocka_unit_test(trap_33_gelu_is_exact),
        cmocka_unit_test(trap_35_36_window_and_positions),
        cmocka_unit_test(trap_35_edge_of_the_window),
        cmocka_unit_test(trap_36_positions_without_end),
        cmocka_unit_test(trap_37_constant_codes_settle),
        cmocka_unit_test(trap_38_reset_equals_new),
        cmocka_unit_test(trap_41_decoder_is_causal),
        cmocka_unit_test(trap_43_samples_are_not_clamped),
        cmocka_unit_test(tap_serves_one_call),
        cmocka_unit_test(decode_allocates_nothing),
        cmocka_unit_test(decoder_arguments_are_checked),
        cmocka_unit_test(decoder_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
