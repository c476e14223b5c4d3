/* mimi_fixture.h - what the codec's test programs share: the configurations of the committed tiny
 * codecs (tools/make_mimi_golden.py), loading them, and reading what the reference made of them. */
#ifndef MV_TESTS_MIMI_FIXTURE_H
#define MV_TESTS_MIMI_FIXTURE_H

#include "support.h"

#include "base/memory.h"
#include "format/checkpoint.h"
#include "model/mimi_weights.h"

#define TINY_MOSHI  "golden/mimi/tiny_moshi.safetensors"
#define TINY_HF     "golden/mimi/tiny_hf.safetensors"
#define TINY_GOLDEN "golden/mimi/tiny_golden.safetensors"

static inline mv_mimi_config tiny_config(void) {
    mv_mimi_config c;
    mv_mimi_config_init(&c);
    c.latent = 16, c.n_filters = 4;
    c.n_ratios = 3, c.ratios[0] = 4, c.ratios[1] = 3, c.ratios[2] = 2;
    c.n_layers = 2, c.n_heads = 2, c.head_dim = 8, c.mlp_width = 32;
    c.codebook_size = 32, c.codebook_dim = 8, c.n_codebooks = 12;
    return c;
}

/* True ratios, 1920 samples a frame, 32 codebooks. */
static inline mv_mimi_config ratios_config(void) {
    mv_mimi_config c;
    mv_mimi_config_init(&c);
    c.latent = 8, c.n_filters = 2;
    c.n_layers = 1, c.n_heads = 1, c.head_dim = 8, c.mlp_width = 16;
    c.codebook_size = 16, c.codebook_dim = 4;
    return c;
}

/* Opens, loads and closes; path as given. */
static inline marvis_status load_mimi_path(const char *path, const char *prefix,
                                           const mv_mimi_config *config, mv_mimi **mimi,
                                           marvis_error *err) {
    mv_checkpoint *ckpt;
    *mimi = NULL;
    marvis_status status = mv_checkpoint_open(path, &ckpt, err);
    if (status != MARVIS_OK) return status;
    status = mv_mimi_load(ckpt, prefix, config, mimi, err);
    mv_checkpoint_close(&ckpt);
    return status;
}

static inline mv_mimi *load_mimi(const char *relative, const mv_mimi_config *config) {
    marvis_error err;
    mv_mimi *mimi;
    assert_ok(load_mimi_path(test_path(relative), "", config, &mimi, &err), err);
    return mimi;
}

/* The reference's codes and what it decoded. */
typedef struct golden {
    mv_safetensors file;
    size_t n_frames;
    const int32_t *codes;       /* [n_frames][n_codebooks] */
    const float *latents, *pcm; /* [2*n_frames][latent], [n_frames][frame_samples] */
} golden;

/* The values of a tensor that must be aligned (these files are made so). */
static inline const void *golden_values(const golden *g, const char *name, mv_dtype type) {
    const mv_tensor *tensor = mv_safetensors_find(&g->file, name);
    assert_non_null(tensor);
    assert_int_equal(tensor->type, type);
    assert_int_equal((uintptr_t)tensor->data % 4, 0);
    return tensor->data;
}

static inline void golden_open(golden *g, const char *relative) {
    marvis_error err;
    assert_ok(mv_safetensors_open(test_path(relative), &g->file, &err), err);
    g->codes = golden_values(g, "codes", MV_DT_I32);
    g->latents = golden_values(g, "latents", MV_DT_F32);
    g->pcm = golden_values(g, "pcm", MV_DT_F32);
    g->n_frames = (size_t)mv_safetensors_find(&g->file, "codes")->shape[0];
}

static inline void golden_close(golden *g) { mv_safetensors_close(&g->file); }

/* Decodes in calls of `chunk` frames (0: of 1..9 at random) with a decoder made for max_frames. */
static inline void decode_chunked(const mv_mimi *mimi, const mv_exec *exec, int n_codebooks,
                                  int max_frames, size_t chunk, const int32_t *codes,
                                  size_t n_frames, float *pcm) {
    const size_t samples = (size_t)mv_mimi_frame_samples(&mimi->config);
    marvis_error err;
    mv_mimi_decoder *decoder;
    uint64_t seed = 77;
    assert_ok(mv_mimi_decoder_create(mimi, n_codebooks, max_frames, &decoder, &err), err);
    for (size_t done = 0; done < n_frames;) {
        size_t n = chunk ? chunk : 1 + test_random(&seed) % 9;
        if (n > n_frames - done) n = n_frames - done;
        mv_mimi_decode(decoder, exec, codes + done * (size_t)n_codebooks, n, pcm + done * samples);
        done += n;
    }
    mv_mimi_decoder_destroy(&decoder);
    assert_null(decoder);
}

/* The first k codes of each frame. */
static inline int32_t *first_codes(const int32_t *codes, size_t n_frames, int n_codebooks, int k) {
    int32_t *kept = calloc(n_frames * (size_t)k, sizeof *kept);
    assert_non_null(kept);
    for (size_t t = 0; t < n_frames; t++)
        memcpy(kept + t * (size_t)k, codes + t * (size_t)n_codebooks, (size_t)k * sizeof *kept);
    return kept;
}

#endif
