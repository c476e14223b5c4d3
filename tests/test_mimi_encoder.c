/* test_mimi_encoder.c - the codec's encoder: against moshi's codes (tests/golden/mimi, made by
 * tools/make_mimi_encoder_golden.py), against plain arithmetic, and against itself in other
 * pieces. */
#include "mimi_fixture.h"

#include "format/safetensors_write.h"
#include "kernels/convert.h"
#include "model/mimi_encoder.h"
#include "model/mimi_quantizer.h"

#include <math.h>

/* f32 against f32, the worst max|a - b| / rms(b) of a frame's latents. */
static const double TOLERANCE = 1e-4;

/* How much nearer, as a part of the length of what the quantiser is given, the best row must be
 * than the second best for the code to be certain: some times what the latents were seen to differ
 * by, 1e-5 of a component. */
static const float NEAR_TIE = 2e-5f;

#define ENCODER_MOSHI  "golden/mimi/encoder_moshi.safetensors"
#define ENCODER_GOLDEN "golden/mimi/encoder_golden.safetensors"

/* The codec of ENCODER_MOSHI, whose codebooks lie where its latents are. */
static mv_mimi_config encoder_config(void) {
    mv_mimi_config c = tiny_config();
    c.codebook_size = 64, c.codebook_dim = 8, c.n_codebooks = 8;
    return c;
}

static mv_exec best_exec(void) { return (mv_exec){.kernels = mv_kernels_get(mv_tier_best())}; }

static void *zeros(size_t n, size_t size) {
    void *p = calloc(n ? n : 1, size);
    assert_non_null(p);
    return p;
}

/* A codec with its encoder. */
typedef struct codec {
    mv_mimi_config config;
    mv_mimi *mimi;
    mv_mimi_encoder_weights *weights;
    size_t frame, n_codebooks, latent;
} codec;

static marvis_status codec_load(codec *c, const char *path, const mv_mimi_config *config,
                                marvis_error *err) {
    mv_checkpoint *ckpt;
    *c = (codec){.config = *config};
    marvis_status status = mv_checkpoint_open(path, &ckpt, err);
    if (status != MARVIS_OK) return status;
    status = mv_mimi_load(ckpt, "", config, &c->mimi, err);
    if (status == MARVIS_OK) status = mv_mimi_encoder_load(ckpt, "", c->mimi, &c->weights, err);
    mv_checkpoint_close(&ckpt);
    c->frame = (size_t)mv_mimi_frame_samples(config);
    c->n_codebooks = (size_t)config->n_codebooks;
    c->latent = (size_t)config->latent;
    return status;
}

static void codec_unload(codec *c) {
    mv_mimi_encoder_unload(&c->weights);
    mv_mimi_destroy(&c->mimi);
}

static codec codec_open(const char *relative, const mv_mimi_config *config) {
    codec c;
    marvis_error err;
    assert_ok(codec_load(&c, test_path(relative), config, &err), err);
    assert_true(mv_mimi_has_encoder(c.mimi));
    return c;
}

static codec the_codec(void) {
    const mv_mimi_config config = encoder_config();
    return codec_open(ENCODER_MOSHI, &config);
}

static size_t frames_of(const codec *c, size_t n) { return (n + c->frame - 1) / c->frame; }

/* Encodes pcm in calls of `piece` samples (0: random ones, empty and long among them) and flushes;
 * returns the number of frames. latents: [frames][latent] or NULL. */
static size_t encode_in(const codec *c, const mv_exec *exec, int n_codebooks, int max_frames,
                        size_t piece, uint64_t seed, const float *pcm, size_t n, int32_t *codes,
                        float *latents) {
    marvis_error err;
    mv_mimi_encoder *encoder;
    size_t done = 0, n_frames = 0;
    assert_ok(mv_mimi_encoder_create(c->mimi, c->weights, n_codebooks, max_frames, &encoder, &err),
              err);
    mv_mimi_encoder_tap(encoder, NULL, latents);
    while (done < n) {
        size_t count = piece;
        if (!piece) {
            const uint64_t r = test_random(&seed);
            count = r % 4 == 0 ? r / 4 % 3 : r / 4 % (r % 4 == 1 ? 20 * c->frame : 2 * c->frame);
        }
        if (count > n - done) count = n - done;
        const size_t made = mv_mimi_encode(encoder, exec, pcm + done, count,
                                           codes + n_frames * (size_t)n_codebooks);
        assert_true(made <= count / c->frame + 1);
        n_frames += made;
        done += count;
        assert_int_equal(n_frames, done / c->frame); /* nothing is held back */
    }
    n_frames += mv_mimi_encode_flush(encoder, exec, codes + n_frames * (size_t)n_codebooks);
    assert_int_equal(n_frames, frames_of(c, n));
    mv_mimi_encoder_destroy(&encoder);
    assert_null(encoder);
    return n_frames;
}

static int32_t *encode_all(const codec *c, const float *pcm, size_t n) {
    const mv_exec exec = best_exec();
    int32_t *codes = zeros(frames_of(c, n) * c->n_codebooks, sizeof *codes);
    encode_in(c, &exec, (int)c->n_codebooks, 8, n, 0, pcm, n, codes, NULL);
    return codes;
}

static float *noise(size_t n, uint64_t seed, float level) {
    float *pcm = zeros(n, sizeof *pcm);
    for (size_t i = 0; i < n; i++)
        pcm[i] = level * test_normal(&seed);
    return pcm;
}

static int n_tiers(void) {
    int n = 0;
    for (int tier = 0; tier < MV_N_TIERS; tier++)
        n += mv_kernels_get((mv_tier)tier) != NULL;
    return n;
}

/* ---- against moshi ---- */

typedef struct clip {
    size_t n_samples, n_frames;
    float *pcm;
    const int32_t *codes;
    const float *latents, *margins;
} clip;

static const mv_tensor *clip_tensor(const mv_safetensors *file, const char *kind, const char *what,
                                    mv_dtype type) {
    char name[64];
    snprintf(name, sizeof name, "%s.%s", kind, what);
    const mv_tensor *t = mv_safetensors_find(file, name);
    assert_non_null(t);
    assert_int_equal(t->type, type);
    return t;
}

static clip clip_open(const mv_safetensors *file, const char *kind) {
    clip c = {0};
    const mv_tensor *samples = clip_tensor(file, kind, "samples", MV_DT_I16);
    const mv_tensor *codes = clip_tensor(file, kind, "codes", MV_DT_I32);
    c.n_samples = samples->n_values;
    c.n_frames = (size_t)codes->shape[0];
    c.codes = (const void *)codes->data;
    c.latents = (const void *)clip_tensor(file, kind, "latents", MV_DT_F32)->data;
    c.margins = (const void *)clip_tensor(file, kind, "margins", MV_DT_F32)->data;
    c.pcm = zeros(c.n_samples, sizeof *c.pcm);
    for (size_t i = 0; i < c.n_samples; i++) {
        int16_t value;
        memcpy(&value, (const char *)samples->data + 2 * i, 2);
        c.pcm[i] = (float)value / 32768;
    }
    return c;
}

/* Compares codes level by level; where moshi's choice was a near tie, another code is right, too,
 * and what follows it in its quantiser cannot be compared. Returns how many could not. */
static size_t compare_codes(const codec *c, const clip *k, const int32_t *codes, const char *name) {
    size_t n_skipped = 0;
    for (size_t t = 0; t < k->n_frames; t++) {
        bool open = false;
        for (size_t i = 0; i < c->n_codebooks; i++) {
            const size_t at = t * c->n_codebooks + i;
            if (i == (size_t)c->config.n_semantic) open = false;
            if (open || codes[at] != k->codes[at]) {
                if (!open && k->margins[at] >= NEAR_TIE)
                    fail_msg("%s: frame %zu, codebook %zu: code %d, moshi has %d by %g", name, t, i,
                             codes[at], k->codes[at], (double)k->margins[at]);
                open = true;
                n_skipped++;
            }
        }
    }
    return n_skipped;
}

/* The clip on every tier in calls of `piece` samples. */
static int check_clip(const codec *c, const mv_safetensors *file, const char *kind, size_t piece) {
    clip k = clip_open(file, kind);
    assert_int_equal(k.n_frames, frames_of(c, k.n_samples));
    int32_t *codes = zeros(k.n_frames * c->n_codebooks, sizeof *codes);
    float *latents = zeros(k.n_frames * c->latent, sizeof *latents);
    int n_run = 0;
    for (int tier = 0; tier < MV_N_TIERS; tier++) {
        const mv_exec exec = {.kernels = mv_kernels_get((mv_tier)tier)};
        if (!exec.kernels) continue;
        encode_in(c, &exec, (int)c->n_codebooks, 5, piece, 1, k.pcm, k.n_samples, codes, latents);
        const double error = test_row_error(latents, k.latents, k.n_frames, c->latent);
        if (!(error <= TOLERANCE)) fail_msg("%s: latents off by %g", kind, error);
        const size_t n_skipped = compare_codes(c, &k, codes, kind);
        /* Few, or the comparison says nothing. */
        if (n_skipped * 100 > k.n_frames * c->n_codebooks)
            fail_msg("%s: %zu codes not compared", kind, n_skipped);
        n_run++;
    }
    free(k.pcm);
    free(codes);
    free(latents);
    return n_run;
}

static void check_clips(const char *weights, const char *expected, const mv_mimi_config *config,
                        const char *const *kinds, int n_kinds) {
    mv_safetensors file;
    marvis_error err;
    codec c = codec_open(weights, config);
    int n_run = 0;
    assert_ok(mv_safetensors_open(test_path(expected), &file, &err), err);
    for (int i = 0; i < n_kinds; i++)
        n_run += check_clip(&c, &file, kinds[i], i % 2 ? 0 : 100000);
    assert_int_equal(n_run, n_kinds * n_tiers());
    mv_safetensors_close(&file);
    codec_unload(&c);
}

/* Speech: 602 steps, so that the window of 250 goes round more than twice. Of the lengths, only
 * tones and click are whole frames. */
static void golden_of_many_kinds_of_audio(void **ctx) {
    (void)ctx;
    static const char *const kinds[] = {"speech", "silence", "noise", "tones", "clipped", "click"};
    const mv_mimi_config config = encoder_config();
    check_clips(ENCODER_MOSHI, ENCODER_GOLDEN, &config, kinds, 6);
}

static void golden_in_both_namings(void **ctx) {
    (void)ctx;
    static const char *const kinds[] = {"noise"};
    const mv_mimi_config config = tiny_config();
    check_clips(TINY_MOSHI, "golden/mimi/tiny_encoder_golden.safetensors", &config, kinds, 1);
    check_clips(TINY_HF, "golden/mimi/tiny_encoder_golden.safetensors", &config, kinds, 1);
}

static void golden_at_1920_samples_a_frame(void **ctx) {
    (void)ctx;
    static const char *const kinds[] = {"noise"};
    const mv_mimi_config config = ratios_config();
    check_clips("golden/mimi/ratios_moshi.safetensors",
                "golden/mimi/ratios_encoder_golden.safetensors", &config, kinds, 1);
}

/* ---- against itself ---- */

/* Any pieces, any buffer, any number of threads: the same codes, and the same latents bit for bit.
 */
static void trap_09_streaming_equals_offline(void **ctx) {
    (void)ctx;
    static const size_t pieces[] = {1, 2, 47, 48, 49, 0, 0, 0, 0, 0, 0, 1000};
    static const int max_frames[] = {1, 3, 8, 16, 1000};
    codec c = the_codec();
    const size_t n = 290 * c.frame + 13, n_frames = frames_of(&c, n);
    float *pcm = noise(n, 5, 0.3f);
    int32_t *whole = zeros(n_frames * c.n_codebooks, sizeof *whole);
    int32_t *codes = zeros(n_frames * c.n_codebooks, sizeof *codes);
    float *expected = zeros(n_frames * c.latent, sizeof *expected);
    float *latents = zeros(n_frames * c.latent, sizeof *latents);
    int n_run = 0;
    for (int tier = 0; tier < MV_N_TIERS; tier++) {
        mv_exec exec = {.kernels = mv_kernels_get((mv_tier)tier)};
        if (!exec.kernels) continue;
        encode_in(&c, &exec, 8, 16, n, 0, pcm, n, whole, expected);
        for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++, n_run++) {
            marvis_error err;
            mv_pool *pool = NULL;
            if (i % 3) assert_ok(mv_pool_create((int)(i % 3) + 1, &pool, &err), err);
            exec.pool = pool;
            encode_in(&c, &exec, 8, max_frames[i % 5], pieces[i], i, pcm, n, codes, latents);
            if (memcmp(codes, whole, n_frames * c.n_codebooks * sizeof *codes) != 0 ||
                memcmp(latents, expected, n_frames * c.latent * sizeof *latents) != 0)
                fail_msg("pieces of %zu in an encoder for %d frames differ", pieces[i],
                         max_frames[i % 5]);
            mv_pool_destroy(&pool);
        }
        exec.pool = NULL;
    }
    assert_int_equal(n_run, 12 * n_tiers());
    free(pcm), free(whole), free(codes), free(expected), free(latents);
    codec_unload(&c);
}

/* Where the passes are long enough to be split over threads: 1920 samples a frame. */
static void trap_09_threads_on_long_frames(void **ctx) {
    (void)ctx;
    const mv_mimi_config config = ratios_config();
    codec c = codec_open("golden/mimi/ratios_moshi.safetensors", &config);
    const size_t n = 9 * 1920 + 700;
    float *pcm = noise(n, 6, 0.3f);
    int32_t *whole = encode_all(&c, pcm, n), *codes = zeros(10 * 32, sizeof *codes);
    for (int n_threads = 2; n_threads <= 5; n_threads++) {
        marvis_error err;
        mv_exec exec = best_exec();
        assert_ok(mv_pool_create(n_threads, &exec.pool, &err), err);
        encode_in(&c, &exec, 32, 4, 0, (uint64_t)n_threads, pcm, n, codes, NULL);
        assert_memory_equal(codes, whole, 10 * 32 * sizeof *codes);
        mv_pool_destroy(&exec.pool);
    }
    free(pcm), free(whole), free(codes);
    codec_unload(&c);
}

/* Fewer codebooks are the first of all of them. */
static void trap_04_number_of_codebooks(void **ctx) {
    (void)ctx;
    codec c = the_codec();
    const mv_exec exec = best_exec();
    const size_t n = 40 * c.frame;
    float *pcm = noise(n, 7, 0.3f);
    int32_t *all = encode_all(&c, pcm, n), *codes = zeros(40 * 8, sizeof *codes);
    int n_run = 0;
    for (int k = 1; k <= 8; k++, n_run++) {
        int32_t *expected = first_codes(all, 40, 8, k);
        encode_in(&c, &exec, k, 8, 0, 1, pcm, n, codes, NULL);
        assert_memory_equal(codes, expected, 40 * (size_t)k * sizeof *codes);
        free(expected);
    }
    assert_int_equal(n_run, 8);
    free(pcm), free(all), free(codes);
    codec_unload(&c);
}

static void trap_38_reset_and_flush_equal_new(void **ctx) {
    (void)ctx;
    static const size_t before[] = {1, 48, 50, 130 * 48, 260 * 48 + 7};
    codec c = the_codec();
    const mv_exec exec = best_exec();
    const size_t n = 140 * c.frame;
    float *pcm = noise(n, 8, 0.3f), *other = noise(261 * c.frame, 9, 0.5f);
    int32_t *fresh = encode_all(&c, pcm, n), *codes = zeros(262 * 8, sizeof *codes);
    mv_mimi_encoder *encoder;
    marvis_error err;
    int n_run = 0;
    assert_ok(mv_mimi_encoder_create(c.mimi, c.weights, 8, 8, &encoder, &err), err);
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++)
        for (int flush = 0; flush < 2; flush++, n_run++) {
            mv_mimi_encode(encoder, &exec, other, before[i], codes);
            if (flush)
                assert_int_equal(mv_mimi_encode_flush(encoder, &exec, codes), before[i] % 48 != 0);
            else
                mv_mimi_encoder_reset(encoder);
            assert_int_equal(mv_mimi_encode(encoder, &exec, pcm, n, codes), 140);
            assert_memory_equal(codes, fresh, 140 * 8 * sizeof *codes);
            assert_int_equal(mv_mimi_encode_flush(encoder, &exec, codes), 0);
        }
    assert_int_equal(n_run, 10);
    mv_mimi_encoder_destroy(&encoder);
    free(pcm), free(other), free(fresh), free(codes);
    codec_unload(&c);
}

/* The waveform is completed with zeros; the layers are not, each for itself. */
static void trap_40_the_end_is_padded_as_a_waveform(void **ctx) {
    (void)ctx;
    codec c = the_codec();
    const size_t whole = 6 * c.frame;
    float *pcm = noise(whole, 10, 0.4f);
    int n_run = 0;
    for (size_t n = 1; n <= whole; n += n % 5 + 1, n_run++) {
        const size_t n_frames = frames_of(&c, n), padded = n_frames * c.frame;
        float *with_zeros = zeros(padded, sizeof *with_zeros);
        memcpy(with_zeros, pcm, n * sizeof *pcm);
        int32_t *a = encode_all(&c, pcm, n), *b = encode_all(&c, with_zeros, padded);
        assert_memory_equal(a, b, n_frames * c.n_codebooks * sizeof *a);
        free(with_zeros), free(a), free(b);
    }
    assert_true(n_run > 80);
    free(pcm);
    codec_unload(&c);
}

/* Later samples do not reach back, not by one frame. */
static void trap_41_encoder_is_causal(void **ctx) {
    (void)ctx;
    enum { N = 16 };
    codec c = the_codec();
    const mv_exec exec = best_exec();
    const size_t n = N * c.frame;
    float *pcm = noise(n, 11, 0.4f), *latents[2];
    int32_t *codes = zeros(N * 8, sizeof *codes);
    for (int i = 0; i < 2; i++)
        latents[i] = zeros(N * c.latent, sizeof(float));
    encode_in(&c, &exec, 8, 16, n, 0, pcm, n, codes, latents[0]);
    for (size_t cut = N; cut-- > 1;) {
        pcm[cut * c.frame] += 1;
        encode_in(&c, &exec, 8, 16, n, 0, pcm, n, codes, latents[1]);
        assert_memory_equal(latents[1], latents[0], cut * c.latent * sizeof(float));
        assert_memory_not_equal(latents[1] + cut * c.latent, latents[0] + cut * c.latent,
                                c.latent * sizeof(float));
    }
    free(pcm), free(codes), free(latents[0]), free(latents[1]);
    codec_unload(&c);
}

/* ---- against plain arithmetic ---- */

static double dot(const float *a, const float *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* Steps and latents of n frames of noise. */
static void tapped(const codec *c, size_t n, float **steps, float **latents, int32_t **codes) {
    const mv_exec exec = best_exec();
    marvis_error err;
    mv_mimi_encoder *encoder;
    float *pcm = noise(n * c->frame, 12, 0.4f);
    *steps = zeros(2 * n * c->latent, sizeof **steps);
    *latents = zeros(n * c->latent, sizeof **latents);
    *codes = zeros(n * c->n_codebooks, sizeof **codes);
    assert_ok(mv_mimi_encoder_create(c->mimi, c->weights, (int)c->n_codebooks, 3, &encoder, &err),
              err);
    mv_mimi_encoder_tap(encoder, *steps, *latents);
    assert_int_equal(mv_mimi_encode(encoder, &exec, pcm, n * c->frame, *codes), n);
    mv_mimi_encoder_destroy(&encoder);
    free(pcm);
}

/* The downsampling sees its first step where the others see zeros, and only there. */
static void trap_34_downsample_repeats_the_first_step(void **ctx) {
    (void)ctx;
    enum { N = 10 };
    codec c = the_codec();
    const size_t latent = c.latent;
    const mv_matrix *m = &c.weights->downsample.w; /* [latent][4*latent] */
    float *w = zeros(4 * latent * latent, sizeof *w);
    for (size_t o = 0; o < latent; o++)
        mv_matrix_row(m, o, w + o * 4 * latent);
    float *steps, *latents, *expected = zeros(N * latent, sizeof *expected);
    int32_t *codes;
    tapped(&c, N, &steps, &latents, &codes);
    for (size_t t = 0; t < N; t++)
        for (size_t o = 0; o < latent; o++) {
            double sum = 0;
            for (size_t k = 0; k < 4; k++) {
                const size_t at = 2 * t + k < 2 ? 0 : 2 * t + k - 2;
                sum += dot(w + (o * 4 + k) * latent, steps + at * latent, latent);
            }
            expected[t * latent + o] = (float)sum;
        }
    assert_true(test_row_error(latents, expected, N, latent) < 1e-5);
    free(steps), free(latents), free(expected), free(codes), free(w);
    codec_unload(&c);
}

/* Both quantisers are given the latent itself; inside each, a level sees what the levels before it
 * left. */
static void trap_32_acoustic_codes_do_not_depend_on_the_semantic(void **ctx) {
    (void)ctx;
    enum { N = 40 };
    codec c = the_codec();
    const size_t dim = 8, size = 64;
    const float *project = c.weights->project.data; /* [2*dim][latent] */
    float *steps, *latents;
    int32_t *codes;
    int n_run = 0;
    tapped(&c, N, &steps, &latents, &codes);
    for (size_t t = 0; t < N; t++)
        for (size_t k = 0; k < 8; k++, n_run++) {
            double x[8], best = INFINITY, found = INFINITY;
            for (size_t i = 0; i < dim; i++) {
                x[i] =
                    dot(project + ((k > 0) * dim + i) * c.latent, latents + t * c.latent, c.latent);
                for (size_t before = 1; before < k; before++)
                    x[i] -= (double)c.mimi->tables[before][(size_t)codes[t * 8 + before] * dim + i];
            }
            for (size_t r = 0; r < size; r++) {
                double distance = 0;
                for (size_t i = 0; i < dim; i++)
                    distance += pow(x[i] - (double)c.mimi->tables[k][r * dim + i], 2);
                best = fmin(best, distance);
                if ((int32_t)r == codes[t * 8 + k]) found = distance;
            }
            if (!(found <=
                  best + 1e-5 * dot(latents + t * c.latent, latents + t * c.latent, c.latent)))
                fail_msg("frame %zu, codebook %zu: %g away, not %g", t, k, found, best);
        }
    assert_int_equal(n_run, N * 8);
    free(steps), free(latents), free(codes);
    codec_unload(&c);
}

/* ---- the search ---- */

/* The semantic codes of latents, on every tier, which must agree. */
static void quantize(codec *c, const float *latents, size_t n, int32_t *codes) {
    float *residuals = zeros(n * 16, sizeof *residuals), *dots = zeros(n * 64, sizeof *dots);
    int32_t *first = zeros(n, sizeof *first);
    int n_run = 0;
    for (int tier = 0; tier < MV_N_TIERS; tier++) {
        const mv_exec exec = {.kernels = mv_kernels_get((mv_tier)tier)};
        if (!exec.kernels) continue;
        mv_mimi_quantize(c->mimi, c->weights, &exec, latents, n, 1, residuals, dots, codes);
        if (n_run++ == 0) memcpy(first, codes, n * sizeof *codes);
        assert_memory_equal(codes, first, n * sizeof *codes);
    }
    assert_int_equal(n_run, n_tiers());
    free(residuals), free(dots), free(first);
}

static void measure_row(codec *c, size_t k, size_t r) {
    const float *row = c->mimi->tables[k] + r * 8;
    c->weights->half_squares[k * 64 + r] = (float)(dot(row, row, 8) / 2);
    c->weights->lengths[k * 64 + r] = (float)sqrt(dot(row, row, 8));
}

/* Puts the semantic projection out of the way: what the search sees is the latent's first 8. */
static void project_plainly(codec *c) {
    float *project = c->weights->project.owned;
    memset(project, 0, 16 * c->latent * sizeof *project);
    for (size_t i = 0; i < 8; i++)
        project[i * c->latent + i] = 1;
}

static void equal_rows_go_to_the_lower_code(void **ctx) {
    (void)ctx;
    codec c = the_codec();
    project_plainly(&c);
    uint64_t seed = 13;
    float *latents = zeros(64 * c.latent, sizeof *latents);
    int32_t codes[64];
    /* Rows 32.. repeat the rows before them. */
    for (size_t r = 0; r < 64; r++) {
        memcpy(c.mimi->tables[0] + r * 8, c.mimi->tables[0] + r % 32 * 8, 8 * sizeof(float));
        measure_row(&c, 0, r);
        for (size_t i = 0; i < 8; i++)
            latents[r * c.latent + i] =
                c.mimi->tables[0][r * 8 + i] + (r < 32 ? 0 : 0.01f * test_normal(&seed));
    }
    quantize(&c, latents, 64, codes);
    for (int r = 0; r < 64; r++)
        assert_int_equal(codes[r], r % 32);
    free(latents);
    codec_unload(&c);
}

/* Rows far from the origin and close to each other: |e|^2 - 2 x.e alone cannot tell them apart in
 * f32, the distance can. */
static void close_rows_are_told_apart(void **ctx) {
    (void)ctx;
    codec c = the_codec();
    project_plainly(&c);
    float *latents = zeros(64 * c.latent, sizeof *latents);
    int32_t codes[64];
    for (size_t r = 0; r < 64; r++) {
        for (size_t i = 0; i < 8; i++) {
            const float value = 1000 + (float)((r >> (i % 6)) % 2) * 0.001f * (float)(i / 6 + 1);
            c.mimi->tables[0][r * 8 + i] = value;
            latents[r * c.latent + i] = value;
        }
        measure_row(&c, 0, r);
    }
    quantize(&c, latents, 64, codes);
    for (int r = 0; r < 64; r++)
        assert_int_equal(codes[r], r);
    free(latents);
    codec_unload(&c);
}

static void latents_that_are_no_numbers_give_codes_in_range(void **ctx) {
    (void)ctx;
    static const float bad[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e30f};
    codec c = the_codec();
    const mv_exec exec = best_exec();
    float *latents = zeros(6 * c.latent, sizeof *latents), residuals[6 * 16], dots[6 * 64];
    int32_t codes[6 * 8];
    for (size_t i = 0; i < 6 * c.latent; i++)
        latents[i] = bad[i / c.latent];
    mv_mimi_quantize(c.mimi, c.weights, &exec, latents, 6, 8, residuals, dots, codes);
    for (int i = 0; i < 6 * 8; i++)
        assert_true(codes[i] >= 0 && codes[i] < 64);
    free(latents);
    codec_unload(&c);
}

/* ---- memory and arguments ---- */

/* Two minutes in pieces of 100 ms, 12 times the window: nothing is allocated, so memory cannot
 * grow, with ten minutes no more than with these. */
static void minutes_in_bounded_memory(void **ctx) {
    (void)ctx;
    const mv_mimi_config config = ratios_config();
    codec c = codec_open("golden/mimi/ratios_moshi.safetensors", &config);
    const mv_exec exec = best_exec();
    float *pcm = noise(2400, 14, 0.3f);
    int32_t codes[2 * 32];
    mv_mimi_encoder *encoder;
    marvis_error err;
    size_t n_frames = 0;
    assert_ok(mv_mimi_encoder_create(c.mimi, c.weights, 32, 8, &encoder, &err), err);
    const uint64_t before = mv_alloc_count();
    for (int i = 0; i < 1200; i++) {
        const size_t made = mv_mimi_encode(encoder, &exec, pcm, 2400, codes);
        for (size_t k = 0; k < made * 32; k++)
            assert_true(codes[k] >= 0 && codes[k] < 16);
        n_frames += made;
    }
    assert_int_equal(n_frames, 1500);
    assert_int_equal(mv_mimi_encode_flush(encoder, &exec, codes), 0);
    assert_int_equal(mv_alloc_count(), before);
    mv_mimi_encoder_destroy(&encoder);
    free(pcm);
    codec_unload(&c);
}

static void encoder_arguments_are_checked(void **ctx) {
    (void)ctx;
    static const int bad[][2] = {{0, 8}, {-1, 8}, {9, 8}, {8, 0}, {8, -3}};
    codec c = the_codec();
    marvis_error err;
    int n_run = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++, n_run++) {
        mv_mimi_encoder *encoder = (mv_mimi_encoder *)c.mimi;
        assert_int_equal(
            mv_mimi_encoder_create(c.mimi, c.weights, bad[i][0], bad[i][1], &encoder, &err),
            MARVIS_ERR_CALL);
        assert_null(encoder);
    }
    assert_int_equal(n_run, 5);
    codec_unload(&c);
}

static void encoder_survives_failing_allocations(void **ctx) {
    (void)ctx;
    const mv_mimi_config config = encoder_config();
    uint64_t n_failed = 0;
    for (uint64_t nth = 1;; nth++) {
        codec c;
        mv_mimi_encoder *encoder = NULL;
        marvis_error err;
        const char *path = test_path(ENCODER_MOSHI);
        mv_alloc_fail_after(nth, nth % 2 == 0);
        marvis_status status = codec_load(&c, path, &config, &err);
        if (status == MARVIS_OK)
            status = mv_mimi_encoder_create(c.mimi, c.weights, 8, 8, &encoder, &err);
        mv_alloc_fail_after(0, false);
        mv_mimi_encoder_destroy(&encoder);
        codec_unload(&c);
        if (status == MARVIS_OK) break;
        assert_int_equal(status, MARVIS_ERR_MEMORY);
        n_failed++;
    }
    assert_true(n_failed >= 100);
}

/* ---- weights ---- */

/* Writes the file with its f32 rounded to bf16, as that type or as f32 again. */
static const char *write_rounded(const char *name, mv_wtype type) {
    static char path[600];
    mv_safetensors file;
    marvis_error err;
    assert_ok(mv_safetensors_open(test_path(ENCODER_MOSHI), &file, &err), err);
    const char **names = zeros(file.n_tensors, sizeof *names);
    marvis_tensor_view *views = zeros(file.n_tensors, sizeof *views);
    for (size_t i = 0; i < file.n_tensors; i++) {
        const mv_tensor *t = &file.tensors[i];
        uint16_t *half = zeros(t->n_values, sizeof *half);
        float *wide = zeros(t->n_values, sizeof *wide);
        memcpy(wide, t->data, t->len_bytes);
        mv_convert_f32_bf16(half, wide, t->n_values);
        mv_widen(wide, MV_W_BF16, half, t->n_values);
        names[i] = t->name;
        views[i] = (marvis_tensor_view){.type = type == MV_W_BF16 ? "BF16" : "F32",
                                        .n_dims = t->n_dims,
                                        .data = type == MV_W_BF16 ? (void *)half : (void *)wide,
                                        .len_bytes = t->n_values * mv_wtype_bytes(type)};
        memcpy(views[i].shape, t->shape, sizeof t->shape);
        free(type == MV_W_BF16 ? (void *)wide : (void *)half);
    }
    snprintf(path, sizeof path, "%s/%s", test_temp_dir(), name);
    assert_ok(mv_safetensors_write(path, file.n_tensors, names, views, &err), err);
    for (size_t i = 0; i < file.n_tensors; i++)
        free((void *)(uintptr_t)views[i].data);
    free(names);
    free(views);
    mv_safetensors_close(&file);
    return path;
}

static void half_types_are_widened(void **ctx) {
    (void)ctx;
    const mv_mimi_config config = encoder_config();
    const size_t n = 20 * 48;
    float *pcm = noise(n, 15, 0.3f);
    int32_t *codes[2];
    for (int i = 0; i < 2; i++) {
        codec c;
        marvis_error err;
        const char *path = write_rounded("rounded.safetensors", i ? MV_W_BF16 : MV_W_F32);
        assert_ok(codec_load(&c, path, &config, &err), err);
        codes[i] = encode_all(&c, pcm, n);
        codec_unload(&c);
    }
    assert_memory_equal(codes[0], codes[1], 20 * 8 * sizeof **codes);
    free(pcm), free(codes[0]), free(codes[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_of_many_kinds_of_audio),
        cmocka_unit_test(golden_in_both_namings),
        cmocka_unit_test(golden_at_1920_samples_a_frame),
        cmocka_unit_test(trap_09_streaming_equals_offline),
        cmocka_unit_test(trap_09_threads_on_long_frames),
        cmocka_unit_test(trap_04_number_of_codebooks),
        cmocka_unit_test(trap_38_reset_and_flush_equal_new),
        cmocka_unit_test(trap_40_the_end_is_padded_as_a_waveform),
        cmocka_unit_test(trap_41_encoder_is_causal),
        cmocka_unit_test(trap_34_downsample_repeats_the_first_step),
        cmocka_unit_test(trap_32_acoustic_codes_do_not_depend_on_the_semantic),
        cmocka_unit_test(equal_rows_go_to_the_lower_code),
        cmocka_unit_test(close_rows_are_told_apart),
        cmocka_unit_test(latents_that_are_no_numbers_give_codes_in_range),
        cmocka_unit_test(minutes_in_bounded_memory),
        cmocka_unit_test(encoder_arguments_are_checked),
        cmocka_unit_test(encoder_survives_failing_allocations),
        cmocka_unit_test(half_types_are_widened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
