/* test_hub.c - format/hub.c and model_files.c on made-up caches and folders. */
#include "format_fixture.h"

#include "base/memory.h"
#include "format/hub.h"

#include <utime.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *in_temp(const char *name) { return fx_path(name); }

static void touch(const char *name) { fx_text(name, "x"); }

static void set_time(const char *name, time_t seconds) {
    struct utimbuf times = {seconds, seconds};
    assert_int_equal(utime(fx_path(name), &times), 0);
}

static void find_ok(const char *cache, const char *name, const char *expected) {
    char *folder;
    marvis_error err;
    assert_ok(mv_hub_find(in_temp(cache), name, &folder, &err), err);
    assert_string_equal(folder, in_temp(expected));
    mv_free(folder);
}

static void find_fails(const char *cache, const char *name, const char *message) {
    char *folder;
    marvis_error err;
    assert_int_equal(mv_hub_find(cache ? in_temp(cache) : NULL, name, &folder, &err),
                     MARVIS_ERR_NOT_FOUND);
    assert_null(folder);
    assert_message(&err, name, name);
    assert_message(&err, name, message);
}

/* ---- the cache ------------------------------------------------------------------------------ */

static void main_decides(void **state) {
    (void)state;
    fx_text("c1/models--own--mod.el/refs/main", "aaa\n");
    touch("c1/models--own--mod.el/snapshots/aaa/config.json");
    touch("c1/models--own--mod.el/snapshots/bbb/config.json");
    set_time("c1/models--own--mod.el/snapshots/aaa", 1000);
    set_time("c1/models--own--mod.el/snapshots/bbb", 2000);
    find_ok("c1", "own/mod.el", "c1/models--own--mod.el/snapshots/aaa");
}

static void the_newest_snapshot_serves_without_main(void **state) {
    (void)state;
    touch("c2/models--o--m/snapshots/aaa/x");
    touch("c2/models--o--m/snapshots/bbb/x");
    touch("c2/models--o--m/snapshots/ccc/x");
    touch("c2/models--o--m/snapshots/zzz-is-a-file");
    fx_path("c2/models--o--m/snapshots/empty/"); /* made, and left empty */
    set_time("c2/models--o--m/snapshots/aaa", 1000);
    set_time("c2/models--o--m/snapshots/bbb", 3000);
    set_time("c2/models--o--m/snapshots/ccc", 2000);
    set_time("c2/models--o--m/snapshots/empty", 9000);
    find_ok("c2", "o/m", "c2/models--o--m/snapshots/bbb");

    static const char *const useless[] = {"gone", "",   "empty", "../snapshots/ccc",
                                          ".",    "..", "ccc/x"};
    for (size_t i = 0; i < COUNT(useless); i++) {
        fx_text("c2/models--o--m/refs/main", useless[i]);
        find_ok("c2", "o/m", "c2/models--o--m/snapshots/bbb");
    }
    fx_text("c2/models--o--m/refs/main", "ccc");
    find_ok("c2", "o/m", "c2/models--o--m/snapshots/ccc");
}

static void absent_models_are_named(void **state) {
    (void)state;
    fx_path("c3/models--o--nothing/snapshots/empty/");
    touch("c3/models--o--file");
    find_fails("c3", "o/absent", "not in the cache");
    find_fails("c3", "o/absent", "models--o--absent");
    find_fails("c3", "o/nothing", "not in the cache");
    find_fails("c3", "o/file", "not in the cache");
    find_fails("no-such-cache", "o/m", "no-such-cache");
    find_fails(NULL, "o/m", "no cache folder was given");
    static const char *const bad[] = {"m",    "/m",   "o/",    "o/m/x",  "../m",  "o/..",
                                      ".o/m", "o/.m", "o m/x", "o/a..b", "o\\p/m"};
    for (size_t i = 0; i < COUNT(bad); i++)
        find_fails(
            "c3", bad[i],
            "no such file or folder, nor a model's name; expected a path, or \"owner/name\"");
}

static void tokenizers_go_by_vocabulary(void **state) {
    (void)state;
    touch("c4/models--HuggingFaceTB--SmolLM2-135M/snapshots/1/tokenizer.json");
    touch("c4/models--sesame--csm-1b/snapshots/1/model.safetensors"); /* without a tokenizer */
    touch("c4/models--unsloth--Llama-3.2-1B/snapshots/1/tokenizer.json");
    char *path;
    marvis_error err;
    assert_ok(mv_hub_find_tokenizer(in_temp("c4"), 49152, &path, &err), err);
    assert_string_equal(
        path, in_temp("c4/models--HuggingFaceTB--SmolLM2-135M/snapshots/1/tokenizer.json"));
    mv_free(path);
    assert_ok(mv_hub_find_tokenizer(in_temp("c4"), 128256, &path, &err), err);
    assert_string_equal(path,
                        in_temp("c4/models--unsloth--Llama-3.2-1B/snapshots/1/tokenizer.json"));
    mv_free(path);
    assert_int_equal(mv_hub_find_tokenizer(in_temp("c4"), 777, &path, &err), MARVIS_ERR_NOT_FOUND);
    assert_message(&err, "777", "777 ids; give the model's own with --tokenizer");
    assert_null(path);
    assert_int_equal(mv_hub_find_tokenizer(NULL, 49152, &path, &err), MARVIS_ERR_NOT_FOUND);
    assert_message(&err, "no cache", "HuggingFaceTB/SmolLM2-135M");
    assert_int_equal(mv_hub_find_tokenizer(in_temp("c3"), 128256, &path, &err),
                     MARVIS_ERR_NOT_FOUND);
    assert_message(&err, "no llama", "sesame/csm-1b");
    assert_message(&err, "no llama", "--tokenizer: tokenizer.json of sesame/csm-1b");
}

static void codecs_come_from_moshi_or_transformers(void **state) {
    (void)state;
    char *path, *config;
    marvis_error err;
    assert_int_equal(mv_hub_find_codec(NULL, &path, &config, &err), MARVIS_ERR_NOT_FOUND);
    assert_int_equal(mv_hub_find_codec(in_temp("c5"), &path, &config, &err), MARVIS_ERR_NOT_FOUND);
    assert_message(&err, "codec", "kyutai/mimi");
    assert_message(&err, "codec",
                   "give one with --codec: tokenizer-e351c8d8-checkpoint125.safetensors of");
    assert_null(path);

    touch("c5/models--kyutai--mimi/snapshots/1/model.safetensors");
    assert_ok(mv_hub_find_codec(in_temp("c5"), &path, &config, &err), err);
    assert_string_equal(path, in_temp("c5/models--kyutai--mimi/snapshots/1/model.safetensors"));
    assert_null(config);
    mv_free(path);
    touch("c5/models--kyutai--mimi/snapshots/1/config.json");
    assert_ok(mv_hub_find_codec(in_temp("c5"), &path, &config, &err), err);
    assert_string_equal(config, in_temp("c5/models--kyutai--mimi/snapshots/1/config.json"));
    mv_free(path);
    mv_free(config);

    touch("c5/models--kyutai--moshiko-pytorch-bf16/snapshots/1/model.safetensors");
    touch("c5/models--kyutai--moshiko-pytorch-bf16/snapshots/1/tokenizer-e3.safetensors");
    assert_ok(mv_hub_find_codec(in_temp("c5"), &path, &config, &err), err);
    assert_string_equal(path, in_temp("c5/models--kyutai--moshiko-pytorch-bf16/snapshots/1/"
                                      "tokenizer-e3.safetensors"));
    assert_null(config);
    mv_free(path);
}

/* What --codec names: a file, a folder, or a model of which the cache may hold the codec's file
 * alone. */
static void codecs_that_are_named(void **state) {
    (void)state;
    char *path;
    marvis_error err;
    touch("named/models--kyutai--moshiko-pytorch-bf16/snapshots/1/tokenizer-e3.safetensors");
    static const char file[] =
        "named/models--kyutai--moshiko-pytorch-bf16/snapshots/1/tokenizer-e3.safetensors";
    assert_ok(mv_codec_files_find("kyutai/moshiko-pytorch-bf16", in_temp("named"), &path, &err),
              err);
    assert_string_equal(path, in_temp(file));
    mv_free(path);
    assert_ok(mv_codec_files_find(in_temp(file), NULL, &path, &err), err);
    assert_string_equal(path, in_temp(file));
    mv_free(path);
    touch("alone/model.safetensors");
    assert_ok(mv_codec_files_find(in_temp("alone"), NULL, &path, &err), err);
    assert_string_equal(path, in_temp("alone/model.safetensors"));
    mv_free(path);
    touch("nothing/readme.txt");
    assert_int_equal(mv_codec_files_find(in_temp("nothing"), NULL, &path, &err),
                     MARVIS_ERR_NOT_FOUND);
    assert_null(path);
    assert_message(&err, "nothing", "holds no Mimi codec");
    assert_int_equal(mv_codec_files_find("nowhere", NULL, &path, &err), MARVIS_ERR_NOT_FOUND);
    assert_message(&err, "nowhere", "no such file or folder");
}

/* ---- folders and files ---------------------------------------------------------------------- */

static void same_path(const char *found, const char *expected) {
    if (!expected)
        assert_null(found);
    else {
        assert_non_null(found);
        assert_string_equal(found, in_temp(expected));
    }
}

static void folders_are_searched_in_order(void **state) {
    (void)state;
    /* what each step adds to the folder, and the weights that are chosen then */
    static const struct {
        const char *folder, *add, *weights;
    } steps[] = {
        {"m1", "m1/marvis_mlx.safetensors", "m1/marvis_mlx.safetensors"},
        {"m1", "m1/tokenizer-e351.safetensors", "m1/marvis_mlx.safetensors"},
        {"m1", "m1/mimi-f32.safetensors", "m1/marvis_mlx.safetensors"},
        {"m1", "m1/transformers.safetensors.index.json", "m1/transformers.safetensors.index.json"},
        {"m1", "m1/model.safetensors.index.json", "m1/model.safetensors.index.json"},
        {"m1", "m1/model.safetensors", "m1/model.safetensors"},
    };
    for (size_t i = 0; i < COUNT(steps); i++) {
        mv_model_files files;
        marvis_error err;
        touch(steps[i].add);
        assert_ok(mv_model_files_find(in_temp(steps[i].folder), NULL, &files, &err), err);
        same_path(files.weights, steps[i].weights);
        mv_model_files_free(&files);
    }
}

static void parts_lie_beside_the_weights(void **state) {
    (void)state;
    mv_model_files files;
    marvis_error err;
    touch("m2/model.safetensors");
    assert_ok(mv_model_files_find(in_temp("m2"), NULL, &files, &err), err);
    same_path(files.config, NULL);
    same_path(files.generation_config, NULL);
    same_path(files.tokenizer, NULL);
    same_path(files.codec, NULL);
    same_path(files.codec_config, NULL);
    mv_model_files_free(&files);

    touch("m2/config.json");
    touch("m2/generation_config.json");
    touch("m2/tokenizer.json");
    touch("m2/mimi.safetensors");
    static const char *const ways[] = {"m2", "m2/", "m2/model.safetensors"};
    for (size_t i = 0; i < COUNT(ways); i++) {
        char slash[1024];
        snprintf(slash, sizeof slash, "%s/%s", test_temp_dir(), ways[i]);
        assert_ok(mv_model_files_find(slash, NULL, &files, &err), err);
        assert_non_null(strstr(files.weights, "m2/model.safetensors"));
        assert_non_null(strstr(files.config, "m2/config.json"));
        assert_non_null(strstr(files.generation_config, "m2/generation_config.json"));
        assert_non_null(strstr(files.tokenizer, "m2/tokenizer.json"));
        assert_non_null(strstr(files.codec, "m2/mimi.safetensors"));
        mv_model_files_free(&files);
    }
    assert_null(files.weights);
}

static void names_are_found_in_the_cache(void **state) {
    (void)state;
    mv_model_files files;
    marvis_error err;
    touch("c6/models--Marvis-AI--marvis/snapshots/1/model.safetensors");
    touch("c6/models--Marvis-AI--marvis/snapshots/1/config.json");
    touch("c6/models--kyutai--mimi/snapshots/1/model.safetensors");
    touch("c6/models--kyutai--mimi/snapshots/1/config.json");
    assert_ok(mv_model_files_find("Marvis-AI/marvis", in_temp("c6"), &files, &err), err);
    same_path(files.weights, "c6/models--Marvis-AI--marvis/snapshots/1/model.safetensors");
    same_path(files.config, "c6/models--Marvis-AI--marvis/snapshots/1/config.json");
    same_path(files.codec, "c6/models--kyutai--mimi/snapshots/1/model.safetensors");
    same_path(files.codec_config, "c6/models--kyutai--mimi/snapshots/1/config.json");
    mv_model_files_free(&files);
}

/* ---- a codec inside a speech model ---------------------------------------------------------- */

static void small_file(const char *name, const char *tensor) {
    fx_builder *b = fx_new();
    fx_zeros(b, tensor, "U8", 1, "[1]", 1);
    fx_finish(b, name);
}

#define CODEC "codec_model.quantizer.semantic_residual_vector_quantizer.x"

/* What a snapshot of sesame/csm-1b holds: the original model, and transformers' with its codec. */
static void make_full_snapshot(const char *folder) {
    char name[300];
#define IN(file) (snprintf(name, sizeof name, "%s/%s", folder, file), name)
    small_file(IN("model.safetensors"), "backbone.norm.scale");
    small_file(IN("transformers-00001-of-00002.safetensors"), "backbone_model.norm.weight");
    small_file(IN("transformers-00002-of-00002.safetensors"), CODEC);
    fx_text(IN("transformers.safetensors.index.json"),
            "{\"weight_map\":{"
            "\"backbone_model.norm.weight\":\"transformers-00001-of-00002.safetensors\","
            "\"" CODEC "\":\"transformers-00002-of-00002.safetensors\"}}");
}

static void codec_is(const char *path, const char *cache, const char *codec) {
    mv_model_files files;
    marvis_error err;
    assert_ok(mv_model_files_find(in_temp(path), cache ? in_temp(cache) : NULL, &files, &err), err);
    same_path(files.codec, codec);
    mv_model_files_free(&files);
}

/* A shard is told from a model by its name alone; "1 of 1" is a model. */
static void one_shard_of_several_is_told(void **state) {
    (void)state;
    mv_model_files files;
    marvis_error err;
    int n = 0;
    static const char *const shards[][2] = {
        {"s/model-00001-of-00002.safetensors", "number 1 of 2"},
        {"s/model-00012-of-00013.safetensors", "number 12 of 13"},
        {"s/-00001-of-00001.safetensors", NULL},
        {"s/a-00001-of-00001.safetensors", NULL},
        {"s/a-00001-of-0000x.safetensors", NULL},
        {"s/00001-of-00002.safetensors", NULL},
    };
    for (; n < (int)(sizeof shards / sizeof *shards); n++) {
        touch(shards[n][0]);
        marvis_status status = mv_model_files_find(in_temp(shards[n][0]), NULL, &files, &err);
        if (shards[n][1]) {
            assert_int_equal(status, MARVIS_ERR_NOT_FOUND);
            assert_non_null(strstr(err.message, shards[n][1]));
            assert_non_null(strstr(err.message, "name the folder, or its .index.json"));
        } else if (status == MARVIS_OK) {
            mv_model_files_free(&files);
        } else {
            assert_null(strstr(err.message, "one file of several"));
        }
    }
    assert_int_equal(n, 6);
}

static void codec_inside_another_model_is_found(void **state) {
    (void)state;
    make_full_snapshot("f1");
    mv_model_files files;
    marvis_error err;
    assert_ok(mv_model_files_find(in_temp("f1"), NULL, &files, &err), err);
    same_path(files.weights, "f1/model.safetensors");
    same_path(files.codec, "f1/transformers.safetensors.index.json");
    mv_model_files_free(&files);
    codec_is("f1/model.safetensors", NULL, "f1/transformers.safetensors.index.json");

    /* an index whose shards are not all there carries nothing; the shard with the codec does */
    assert_int_equal(remove(in_temp("f1/transformers-00001-of-00002.safetensors")), 0);
    codec_is("f1", NULL, "f1/transformers-00002-of-00002.safetensors");
    assert_int_equal(remove(in_temp("f1/transformers-00002-of-00002.safetensors")), 0);
    codec_is("f1", NULL, NULL);
    touch("c8/models--kyutai--mimi/snapshots/1/model.safetensors");
    codec_is("f1", "c8", "c8/models--kyutai--mimi/snapshots/1/model.safetensors");

    /* a file that is named as a codec comes first, then what the weights carry themselves */
    make_full_snapshot("f2");
    touch("f2/mimi.safetensors");
    codec_is("f2", NULL, "f2/mimi.safetensors");
    assert_int_equal(remove(in_temp("f2/mimi.safetensors")), 0);
    small_file("f2/model.safetensors", CODEC);
    codec_is("f2", NULL, "f2/model.safetensors");
}

static void codec_inside_csm_1b_is_found_in_the_cache(void **state) {
    (void)state;
    static const char snapshot[] = "c9/models--sesame--csm-1b/snapshots/1";
    make_full_snapshot(snapshot);
    touch("c9/models--sesame--csm-1b/snapshots/1/config.json");
    touch("m10/model.safetensors");
    char *path, *config;
    marvis_error err;
    assert_ok(mv_hub_find_codec(in_temp("c9"), &path, &config, &err), err);
    same_path(path, "c9/models--sesame--csm-1b/snapshots/1/transformers.safetensors.index.json");
    same_path(config, "c9/models--sesame--csm-1b/snapshots/1/config.json");
    mv_free(path);
    mv_free(config);
    codec_is("m10", "c9",
             "c9/models--sesame--csm-1b/snapshots/1/transformers.safetensors.index.json");
    touch("c9/models--kyutai--mimi/snapshots/1/model.safetensors");
    codec_is("m10", "c9", "c9/models--kyutai--mimi/snapshots/1/model.safetensors");
}

/* marvis.h: the error is left alone on success, also when a part of the search came to nothing. */
static void errors_are_left_alone_on_success(void **state) {
    (void)state;
    touch("c7/models--HuggingFaceTB--SmolLM2-135M-Instruct/snapshots/1/tokenizer.json");
    touch("c7/models--kyutai--mimi/snapshots/1/model.safetensors");
    fx_text("c7/models--o--m/refs/main", "gone");
    touch("c7/models--o--m/snapshots/aaa-is-a-file");
    touch("c7/models--o--m/snapshots/bbb/model.safetensors");
    touch("m11/model.safetensors");
    const marvis_error untouched = {.status = MARVIS_ERR_CALL, .message = "untouched"};
    marvis_error err = untouched;
    char *path, *config;
    mv_model_files files;
    int n = 0;
#define UNTOUCHED(expr)                                                                            \
    (assert_int_equal(expr, MARVIS_OK), assert_memory_equal(&err, &untouched, sizeof err), n++)
    UNTOUCHED(mv_hub_find(in_temp("c7"), "o/m", &path, &err));
    mv_free(path);
    UNTOUCHED(mv_hub_find_tokenizer(in_temp("c7"), 49152, &path, &err));
    mv_free(path);
    UNTOUCHED(mv_hub_find_codec(in_temp("c7"), &path, &config, &err));
    mv_free(path);
    UNTOUCHED(mv_model_files_find(in_temp("m11"), in_temp("c7"), &files, &err));
    mv_model_files_free(&files);
    UNTOUCHED(mv_model_files_find(in_temp("m11"), in_temp("no-such-cache"), &files, &err));
    mv_model_files_free(&files);
    UNTOUCHED(mv_model_files_find("o/m", in_temp("c7"), &files, &err));
    mv_model_files_free(&files);
    assert_int_equal(n, 6);
}

static void what_cannot_be_found_is_explained(void **state) {
    (void)state;
    touch("m3/a.safetensors");
    touch("m3/b.safetensors");
    touch("m4/a.safetensors.index.json");
    touch("m4/b.safetensors.index.json");
    touch("m5/readme.txt");
    touch("m6/ckpt.pt");
    touch("m6/pytorch_model.bin");
    touch("m7/config.json");
    touch("m8/tokenizer-e3.safetensors");
    static const struct {
        const char *path, *message;
    } cases[] = {
        {"m3", "several models (a.safetensors, b.safetensors); name one"},
        {"m4", "several models (a.safetensors.index.json, b.safetensors.index.json)"},
        {"m5", "no model; looked for model.safetensors"},
        {"m6", "only ckpt.pt, pytorch_model.bin; save the weights as safetensors"},
        {"m7/config.json", "expected a folder, a .safetensors file"},
        {"m8", "no model; looked for"},
        {"m9", "no such file or folder; expected a model's folder"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        mv_model_files files;
        marvis_error err;
        const char *path = in_temp(cases[i].path);
        assert_int_equal(mv_model_files_find(path, NULL, &files, &err), MARVIS_ERR_NOT_FOUND);
        assert_message(&err, path, path);
        assert_message(&err, path, cases[i].message);
        assert_null(files.weights);
    }
    mv_model_files files;
    marvis_error err;
    assert_int_equal(mv_model_files_find("owner/name", NULL, &files, &err), MARVIS_ERR_NOT_FOUND);
    assert_message(&err, "hub name", "owner/name: no such file or folder, and no cache folder");
    assert_int_equal(mv_model_files_find("owner/name", in_temp("c3"), &files, &err),
                     MARVIS_ERR_NOT_FOUND);
    assert_message(&err, "hub name", "owner/name: no such file or folder, and not in the cache");
}

static void memory_may_run_out_anywhere(void **state) {
    (void)state;
    names_are_found_in_the_cache(NULL);
    tokenizers_go_by_vocabulary(NULL);
    const char *cache = in_temp("c6"), *tokenizers = in_temp("c4");
    small_file("c6/models--Marvis-AI--marvis/snapshots/1/model.safetensors", "backbone.norm.scale");
    int n_failures = 0;
    for (int forever = 0; forever <= 1; forever++) {
        for (uint64_t n = 1;; n++, n_failures++) {
            mv_model_files files;
            uint64_t before = mv_alloc_count();
            mv_alloc_fail_after(n, forever);
            marvis_status status = mv_model_files_find("Marvis-AI/marvis", cache, &files, NULL);
            mv_alloc_fail_after(0, false);
            bool complete = files.codec_config != NULL;
            mv_model_files_free(&files);
            if (status == MARVIS_OK && mv_alloc_count() - before < n && complete) break;
            if (status != MARVIS_OK) assert_int_equal(status, MARVIS_ERR_MEMORY);
            assert_true(n < 1000);
        }
        for (uint64_t n = 1;; n++, n_failures++) {
            char *path;
            uint64_t before = mv_alloc_count();
            mv_alloc_fail_after(n, forever);
            marvis_status status = mv_hub_find_tokenizer(tokenizers, 128256, &path, NULL);
            mv_alloc_fail_after(0, false);
            mv_free(path);
            if (status == MARVIS_OK && mv_alloc_count() - before < n) break;
            if (status != MARVIS_OK) assert_int_equal(status, MARVIS_ERR_MEMORY);
            assert_true(n < 1000);
        }
    }
    assert_true(n_failures > 60);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(main_decides),
        cmocka_unit_test(the_newest_snapshot_serves_without_main),
        cmocka_unit_test(absent_models_are_named),
        cmocka_unit_test(codecs_that_are_named),
        cmocka_unit_test(tokenizers_go_by_vocabulary),
        cmocka_unit_test(codecs_come_from_moshi_or_transformers),
        cmocka_unit_test(folders_are_searched_in_order),
        cmocka_unit_test(parts_lie_beside_the_weights),
        cmocka_unit_test(names_are_found_in_the_cache),
        cmocka_unit_test(one_shard_of_several_is_told),
        cmocka_unit_test(codec_inside_another_model_is_found),
        cmocka_unit_test(codec_inside_csm_1b_is_found_in_the_cache),
        cmocka_unit_test(errors_are_left_alone_on_success),
        cmocka_unit_test(what_cannot_be_found_is_explained),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
