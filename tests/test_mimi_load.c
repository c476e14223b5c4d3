/* test_mimi_load.c - binding the codec's tensors: both namings and the old spellings, prefixes,
 * files that only decode; and that nothing missing, extra or mis-shaped ever loads. */
#include "mimi_fixture.h"

#include "format/safetensors_write.h"
#include "model/csm_config.h"
#include "model/csm_layout.h"

#include <math.h>

/* A change to a file's list of tensors, applied to each in turn by write_changed. */
typedef struct change {
    const char *drop;               /* leave this one out */
    const char *rename, *rename_to; /* whole name */
    const char *replace, *by;       /* part of every name */
    const char *prefix;             /* in front of every name */
    const char *reshape;            /* its first dimension becomes one less */
    const char *flatten;            /* its dimensions become one */
    const char *extra;              /* one more tensor of this name */
    bool (*keep)(const char *name); /* NULL: all */
} change;

enum { MAX_TENSORS = 256, NAME = 256 };

static void changed_name(const char *name, const change *c, char out[NAME]) {
    const char *at = c->replace ? strstr(name, c->replace) : NULL;
    const char *prefix = c->prefix ? c->prefix : "";
    if (c->rename && strcmp(name, c->rename) == 0)
        snprintf(out, NAME, "%s%s", prefix, c->rename_to);
    else if (at)
        snprintf(out, NAME, "%s%.*s%s%s", prefix, (int)(at - name), name, c->by,
                 at + strlen(c->replace));
    else
        snprintf(out, NAME, "%s%s", prefix, name);
}

/* Writes the tensors of `source` with the change to a file; returns its path. */
static const char *write_changed(const mv_safetensors *source, const change *c) {
    static char names[MAX_TENSORS][NAME], path[NAME];
    static const float one = 1;
    const char *pointers[MAX_TENSORS];
    marvis_tensor_view views[MAX_TENSORS];
    marvis_error err;
    size_t n = 0;
    for (size_t i = 0; i < source->n_tensors; i++) {
        const mv_tensor *t = &source->tensors[i];
        if ((c->drop && strcmp(t->name, c->drop) == 0) || (c->keep && !c->keep(t->name))) continue;
        marvis_tensor_view *view = &views[n];
        changed_name(t->name, c, names[n]);
        pointers[n] = names[n];
        n++;
        *view = (marvis_tensor_view){.type = mv_dtype_name(t->type),
                                     .n_dims = t->n_dims,
                                     .data = t->data,
                                     .len_bytes = t->len_bytes};
        memcpy(view->shape, t->shape, sizeof t->shape);
        if (c->reshape && strcmp(t->name, c->reshape) == 0)
            view->len_bytes = view->len_bytes / (size_t)t->shape[0] * (size_t)--view->shape[0];
        if (c->flatten && strcmp(t->name, c->flatten) == 0)
            view->n_dims = 1, view->shape[0] = (int64_t)t->n_values;
    }
    if (c->extra) {
        pointers[n] = c->extra;
        views[n++] = (marvis_tensor_view){
            .type = "F32", .shape = {1}, .n_dims = 1, .data = &one, .len_bytes = sizeof one};
    }
    snprintf(path, sizeof path, "%s/changed.safetensors", test_temp_dir());
    assert_ok(mv_safetensors_write(path, n, pointers, views, &err), err);
    return path;
}

static void open_file(mv_safetensors *file, const char *relative) {
    marvis_error err;
    assert_ok(mv_safetensors_open(test_path(relative), file, &err), err);
    assert_true(file->n_tensors < MAX_TENSORS);
}

/* The changed file must be refused as a wrong tensor, with a line that names `name`. */
static void assert_refused(const mv_safetensors *source, const change *c, const char *name) {
    const mv_mimi_config config = tiny_config();
    marvis_error err;
    mv_mimi *mimi = NULL;
    marvis_status status =
        load_mimi_path(write_changed(source, c), c->prefix ? c->prefix : "", &config, &mimi, &err);
    if (status != MARVIS_ERR_TENSOR || mimi) fail_msg("status %d without \"%s\"", status, name);
    if (!strstr(err.message, name)) fail_msg("\"%s\" does not name %s", err.message, name);
}

/* The changed file must load and decode the same bits as the unchanged one. */
static void assert_decodes_the_same(const char *relative, const change *c, const char *prefix) {
    const mv_mimi_config config = tiny_config();
    const size_t samples = (size_t)mv_mimi_frame_samples(&config), n = 6;
    const mv_exec exec = {.kernels = mv_kernels_get(mv_tier_best())};
    float *pcm[2];
    mv_safetensors source;
    marvis_error err;
    golden g;
    golden_open(&g, TINY_GOLDEN);
    open_file(&source, relative);
    for (int i = 0; i < 2; i++) {
        mv_mimi *mimi;
        if (i == 0)
            mimi = load_mimi(relative, &config);
        else
            assert_ok(load_mimi_path(write_changed(&source, c), prefix, &config, &mimi, &err), err);
        pcm[i] = calloc(n * samples, sizeof(float));
        decode_chunked(mimi, &exec, config.n_codebooks, 4, 3, g.codes, n, pcm[i]);
        mv_mimi_destroy(&mimi);
    }
    assert_memory_equal(pcm[0], pcm[1], n * samples * sizeof(float));
    assert_true(fabsf(pcm[0][samples]) > 0);
    free(pcm[0]);
    free(pcm[1]);
    mv_safetensors_close(&source);
    golden_close(&g);
}

static const char *const namings[] = {TINY_MOSHI, TINY_HF};
static const size_t n_expected[] = {126, 134};

/* "_initialized": nothing depends on it, whatever it is. */
static bool is_flag(const char *name) { return strstr(name, "initialized") != NULL; }

static void trap_10_missing_tensor(void **ctx) {
    (void)ctx;
    for (size_t f = 0; f < 2; f++) {
        mv_safetensors source;
        open_file(&source, namings[f]);
        size_t n_run = 0;
        for (size_t i = 0; i < source.n_tensors; i++, n_run++) {
            const change c = {.drop = source.tensors[i].name};
            const char *leaf = strrchr(source.tensors[i].name, '.') + 1;
            if (!is_flag(leaf)) assert_refused(&source, &c, leaf);
        }
        assert_int_equal(n_run, n_expected[f]);
        mv_safetensors_close(&source);
    }
}

static void trap_10_renamed_tensor(void **ctx) {
    (void)ctx;
    for (size_t f = 0; f < 2; f++) {
        mv_safetensors source;
        open_file(&source, namings[f]);
        size_t n_run = 0;
        for (size_t i = 0; i < source.n_tensors; i++, n_run++) {
            char wrong[NAME];
            snprintf(wrong, sizeof wrong, "%sx", source.tensors[i].name);
            const change c = {.rename = source.tensors[i].name, .rename_to = wrong};
            assert_refused(&source, &c, "safetensors");
        }
        assert_int_equal(n_run, n_expected[f]);
        mv_safetensors_close(&source);
    }
}

static void trap_10_misshaped_tensor(void **ctx) {
    (void)ctx;
    for (size_t f = 0; f < 2; f++) {
        mv_safetensors source;
        open_file(&source, namings[f]);
        size_t n_run = 0;
        for (size_t i = 0; i < source.n_tensors; i++, n_run++) {
            const char *name = source.tensors[i].name;
            const change shorter = {.reshape = name}, flat = {.flatten = name};
            if (!is_flag(name)) assert_refused(&source, &shorter, name);
            if (source.tensors[i].n_dims > 1) assert_refused(&source, &flat, name);
        }
        assert_int_equal(n_run, n_expected[f]);
        mv_safetensors_close(&source);
    }
}

static void trap_10_extra_tensor(void **ctx) {
    (void)ctx;
    static const char *const extras[] = {
        "decoder.model.0.conv.conv.weight_g",
        "decoder_transformer.transformer.layers.2.norm1.bias",
        "quantizer.rvq_rest.vq.layers.11._codebook.cluster_usage",
        "encoder.model.12.conv.conv.bias",
        "decoder_transformer.transformer.layers.0.self_attn.in_proj.weight",
        "quantizer.rvq_first.vq.layers.0._codebook.embed_avg"};
    mv_safetensors source;
    open_file(&source, TINY_MOSHI);
    int n_run = 0;
    for (size_t i = 0; i < sizeof extras / sizeof extras[0]; i++, n_run++) {
        const change c = {.extra = extras[i]};
        assert_refused(&source, &c, extras[i]);
    }
    assert_int_equal(n_run, 6);
    mv_safetensors_close(&source);
}

static bool is_no_flag(const char *name) { return !is_flag(name); }

static void initialized_may_be_there_or_not(void **ctx) {
    (void)ctx;
    for (size_t f = 0; f < 2; f++) {
        const change without = {.keep = is_no_flag};
        assert_decodes_the_same(namings[f], &without, "");
    }
    const change empty = {.reshape = "quantizer.rvq_first.vq.layers.0._codebook._initialized"};
    assert_decodes_the_same(TINY_MOSHI, &empty, "");
    const change twice = {.extra = "quantizer.rvq_first.vq.layers.0._codebook.inited"};
    assert_decodes_the_same(TINY_MOSHI, &twice, "");
}

/* What no codec has is left to whoever opened the file: a warning, an error when strict. */
static void strangers_are_left_to_the_caller(void **ctx) {
    (void)ctx;
    const mv_mimi_config config = tiny_config();
    const change c = {.extra = "nobody.knows"};
    mv_safetensors source;
    mv_checkpoint *ckpt;
    mv_mimi *mimi;
    marvis_error err;
    open_file(&source, TINY_MOSHI);
    assert_ok(mv_checkpoint_open(write_changed(&source, &c), &ckpt, &err), err);
    assert_ok(mv_mimi_load(ckpt, "", &config, &mimi, &err), err);
    const char *const *known = mv_layout_known_prefixes(MV_LAYOUT_MIMI);
    assert_ok(mv_checkpoint_finish(ckpt, known, 0, NULL, NULL, &err), err);
    assert_int_equal(mv_checkpoint_finish(ckpt, known, 1, NULL, NULL, &err), MARVIS_ERR_TENSOR);
    assert_non_null(strstr(err.message, "\"nobody.knows\" (1 in all)"));
    mv_mimi_destroy(&mimi);
    mv_checkpoint_close(&ckpt);
    mv_safetensors_close(&source);
}

/* A file with the wrong number of layers or codebooks for the configuration is not quietly cut. */
static void counts_must_match(void **ctx) {
    (void)ctx;
    int n_run = 0;
    for (int which = 0; which < 6; which++, n_run++) {
        mv_mimi_config config = tiny_config();
        int *const values[] = {&config.n_layers,  &config.n_codebooks,   &config.latent,
                               &config.n_filters, &config.codebook_size, &config.n_semantic};
        for (int delta = -1; delta <= 1; delta += 2) {
            marvis_error err;
            mv_mimi *mimi;
            if (which == 5 && delta < 0) continue; /* 0 semantic codebooks is no configuration */
            *values[which] += delta;
            assert_int_equal(load_mimi_path(test_path(TINY_MOSHI), "", &config, &mimi, &err),
                             MARVIS_ERR_TENSOR);
            assert_null(mimi);
            *values[which] -= delta;
        }
    }
    assert_int_equal(n_run, 6);
}

static void impossible_configurations_are_refused(void **ctx) {
    (void)ctx;
    int n_run = 0;
    for (int which = 0; which < 20; which++, n_run++) {
        mv_mimi_config c = tiny_config();
        int *const values[] = {&c.sample_rate, &c.latent,          &c.n_filters,    &c.kernel,
                               &c.last_kernel, &c.residual_kernel, &c.compress,     &c.n_ratios,
                               &c.n_layers,    &c.n_heads,         &c.head_dim,     &c.mlp_width,
                               &c.window,      &c.codebook_size,   &c.codebook_dim, &c.n_codebooks,
                               &c.n_semantic,  &c.upsample_stride, &c.ratios[0],    &c.ratios[2]};
        static const int bad[] = {0, -1, INT32_MIN, INT32_MAX};
        for (size_t i = 0; i < 4; i++) {
            marvis_error err;
            mv_mimi *mimi;
            *values[which] = bad[i];
            assert_int_equal(load_mimi_path(test_path(TINY_MOSHI), "", &c, &mimi, &err),
                             MARVIS_ERR_CONFIG);
            assert_null(mimi);
        }
    }
    assert_int_equal(n_run, 20);
    mv_mimi_config c = tiny_config();
    c.head_dim = 9;
    assert_int_equal(mv_mimi_config_check(&c, NULL), MARVIS_ERR_CONFIG);
    c = tiny_config(), c.rope_theta = NAN;
    assert_int_equal(mv_mimi_config_check(&c, NULL), MARVIS_ERR_CONFIG);
    c = tiny_config(), c.norm_eps = -1;
    assert_int_equal(mv_mimi_config_check(&c, NULL), MARVIS_ERR_CONFIG);
    c = tiny_config(), c.ratios[0] = c.ratios[1] = c.ratios[2] = 64;
    assert_int_equal(mv_mimi_config_check(&c, NULL), MARVIS_OK);
    c.n_ratios = 5, c.ratios[3] = c.ratios[4] = 64;
    assert_int_equal(mv_mimi_config_check(&c, NULL), MARVIS_ERR_CONFIG);
    mv_mimi_config_init(&c);
    assert_int_equal(mv_mimi_config_check(&c, NULL), MARVIS_OK);
}

static void old_spellings_load_the_same(void **ctx) {
    (void)ctx;
    static const struct {
        const char *file, *replace, *by;
    } cases[] = {
        {TINY_MOSHI, "self_attn.in_proj_weight", "self_attn.in_proj.weight"},
        {TINY_MOSHI, "self_attn.in_proj_weight", "self_attn.in_projs.0.weight"},
        {TINY_MOSHI, "self_attn.out_proj.weight", "self_attn.out_projs.0.weight"},
        {TINY_MOSHI, "_codebook.embedding_sum", "_codebook.embed_avg"},
        {TINY_MOSHI, "_codebook.embedding_sum", "_codebook.embed_sum"},
        {TINY_MOSHI, "_codebook.cluster_usage", "_codebook.cluster_size"},
        {TINY_MOSHI, "_codebook._initialized", "_codebook.inited"},
        {TINY_MOSHI, "._codebook.", ".codebook."},
        {TINY_HF, "codebook.embed_sum", "codebook.embed_avg"},
        {TINY_HF, "codebook.cluster_usage", "codebook.cluster_size"},
        {TINY_HF, "codebook.initialized", "codebook.inited"},
        {TINY_HF, ".codebook.", "._codebook."},
    };
    int n_run = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++, n_run++) {
        const change c = {.replace = cases[i].replace, .by = cases[i].by};
        assert_decodes_the_same(cases[i].file, &c, "");
    }
    assert_int_equal(n_run, 12);
}

static void prefixed_names_load_the_same(void **ctx) {
    (void)ctx;
    for (size_t f = 0; f < 2; f++) {
        const change c = {.prefix = "codec_model."};
        assert_decodes_the_same(namings[f], &c, "codec_model.");
    }
    mv_safetensors source;
    open_file(&source, TINY_HF);
    const change extra = {.prefix = "codec_model.", .extra = "codec_model.decoder.layers.1.bias"};
    assert_refused(&source, &extra, "codec_model.decoder.layers.1.bias");
    /* another network's tensor beside it is none of the codec's business */
    const change other = {.prefix = "codec_model.", .extra = "lm_head.weight"};
    assert_decodes_the_same(TINY_HF, &other, "codec_model.");
    mv_safetensors_close(&source);
}

static bool is_decoder_side(const char *name) {
    return strncmp(name, "encoder", 7) != 0 && strncmp(name, "downsample", 10) != 0;
}

static bool is_decoder_only(const char *name) {
    return is_decoder_side(name) && !strstr(name, "input_proj");
}

static void codec_without_encoder_decodes(void **ctx) {
    (void)ctx;
    for (size_t f = 0; f < 2; f++) {
        const change with = {.keep = is_decoder_side}, without = {.keep = is_decoder_only};
        assert_decodes_the_same(namings[f], &with, "");
        assert_decodes_the_same(namings[f], &without, "");
    }
}

static void detects_a_codec(void **ctx) {
    (void)ctx;
    marvis_error err;
    mv_checkpoint *ckpt;
    mv_mimi *mimi;
    const mv_mimi_config config = tiny_config();
    for (size_t f = 0; f < 2; f++) {
        assert_ok(mv_checkpoint_open(test_path(namings[f]), &ckpt, &err), err);
        assert_true(mv_mimi_detect(ckpt, ""));
        assert_false(mv_mimi_detect(ckpt, "codec_model."));
        assert_int_equal(mv_mimi_load(ckpt, "codec_model.", &config, &mimi, &err),
                         MARVIS_ERR_TENSOR);
        assert_non_null(strstr(err.message, "no Mimi codec: neither \"codec_model.quantizer.rvq_"));
        assert_non_null(strstr(err.message, "--codec: tokenizer-e351c8d8-checkpoint125."));
        assert_null(mimi);
        mv_checkpoint_close(&ckpt);
    }
    assert_ok(mv_checkpoint_open(test_path(TINY_GOLDEN), &ckpt, &err), err);
    assert_false(mv_mimi_detect(ckpt, ""));
    mv_checkpoint_close(&ckpt);
}

/* Rows are embedding_sum / max(cluster_usage, 1e-5): a clamp, not a sum, and never left out. */
static void trap_42_cluster_usage(void **ctx) {
    (void)ctx;
    const mv_mimi_config config = tiny_config();
    mv_mimi *mimi = load_mimi(TINY_MOSHI, &config);
    mv_safetensors file;
    open_file(&file, TINY_MOSHI);
    int n_unused = 0, n_two = 0;
    for (int k = 0; k < config.n_codebooks; k++) {
        char name[NAME];
        snprintf(name, sizeof name, "quantizer.rvq_%s.vq.layers.%d._codebook.embedding_sum",
                 k < 1 ? "first" : "rest", k < 1 ? k : k - 1);
        const float *sum = (const void *)mv_safetensors_find(&file, name)->data;
        strcpy(strstr(name, "embedding_sum"), "cluster_usage");
        const float *usage = (const void *)mv_safetensors_find(&file, name)->data;
        for (int r = 0; r < config.codebook_size; r++)
            for (int i = 0; i < config.codebook_dim; i++) {
                const double row = (double)sum[r * 8 + i] / fmax((double)usage[r], 1e-5);
                const double got = (double)mimi->tables[k][r * 8 + i];
                assert_true(fabs(got - row) <= 1e-6 * fabs(row));
                n_unused += usage[r] == 0;
                n_two += usage[r] == 2;
            }
    }
    assert_int_equal(n_unused, 12 * 3 * 8);
    assert_int_equal(n_two, 12 * 5 * 8);
    mv_safetensors_close(&file);
    mv_mimi_destroy(&mimi);
}

/* config.json beside the transformers file says what the fixture says. */
static void config_json_agrees(void **ctx) {
    (void)ctx;
    char *json;
    size_t len;
    marvis_error err;
    mv_mimi_config parsed;
    const mv_mimi_config config = tiny_config();
    mv_mimi *mimi;
    assert_ok(mv_file_read(test_path("golden/mimi/config.json"), 1 << 16, &json, &len, &err), err);
    assert_ok(mv_mimi_config_parse(json, len, "config.json", &parsed, &err), err);
    mv_free(json);
    assert_int_equal(parsed.window, config.window);
    assert_int_equal(mv_mimi_frame_samples(&parsed), mv_mimi_frame_samples(&config));
    assert_ok(load_mimi_path(test_path(TINY_HF), "", &parsed, &mimi, &err), err);
    assert_true(mv_mimi_bytes(mimi) > 60000 && mv_mimi_bytes(mimi) < 120000);
    assert_int_equal(mv_mimi_config_of(mimi)->n_codebooks, 12);
    mv_mimi_destroy(&mimi);
}

static void load_survives_failing_allocations(void **ctx) {
    (void)ctx;
    const mv_mimi_config config = tiny_config();
    for (size_t f = 0; f < 2; f++) {
        uint64_t n_failed = 0;
        for (uint64_t nth = 1;; nth++) {
            mv_mimi *mimi;
            marvis_error err;
            mv_checkpoint *ckpt;
            assert_ok(mv_checkpoint_open(test_path(namings[f]), &ckpt, &err), err);
            mv_alloc_fail_after(nth, nth % 2 == 0);
            marvis_status status = mv_mimi_load(ckpt, "", &config, &mimi, &err);
            mv_alloc_fail_after(0, false);
            mv_checkpoint_close(&ckpt);
            if (status == MARVIS_OK) {
                mv_mimi_destroy(&mimi);
                break;
            }
            assert_int_equal(status, MARVIS_ERR_MEMORY);
            assert_null(mimi);
            n_failed++;
        }
        assert_true(n_failed > 90);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trap_10_missing_tensor),
        cmocka_unit_test(trap_10_renamed_tensor),
        cmocka_unit_test(trap_10_misshaped_tensor),
        cmocka_unit_test(trap_10_extra_tensor),
        cmocka_unit_test(initialized_may_be_there_or_not),
        cmocka_unit_test(strangers_are_left_to_the_caller),
        cmocka_unit_test(counts_must_match),
        cmocka_unit_test(impossible_configurations_are_refused),
        cmocka_unit_test(old_spellings_load_the_same),
        cmocka_unit_test(prefixed_names_load_the_same),
        cmocka_unit_test(codec_without_encoder_decodes),
        cmocka_unit_test(detects_a_codec),
        cmocka_unit_test(trap_42_cluster_usage),
        cmocka_unit_test(config_json_agrees),
        cmocka_unit_test(load_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
