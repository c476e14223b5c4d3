/* test_tokenizer_json.c - tokenizer.json files that are broken or of an unsupported kind: the
 * status, and that the message names the file and the key. */
#include "support.h"

#include "base/memory.h"
#include "text/tokenizer.h"

#include <jansson.h>

/* A whole small file; each case replaces one part of it. */
#define MODEL                       "{\"type\":\"BPE\"," VOCAB ",\"merges\":[\"a b\"]}"
#define VOCAB                       "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2}"
#define BYTES                       "{\"type\":\"ByteLevel\"," NO_SPACE "," NO_REGEX "}"
#define NO_SPACE                    "\"add_prefix_space\":false"
#define NO_REGEX                    "\"use_regex\":false"
#define FILE_WITH(pre, model, rest) "{\"pre_tokenizer\":" pre ",\"model\":" model rest "}"
#define WITH_MODEL(model)           FILE_WITH(BYTES, model, "")
#define WITH_PRE(pre)               FILE_WITH(pre, MODEL, "")
#define WITH_STAGE(stage)                                                                          \
    WITH_PRE("{\"type\":\"Sequence\",\"pretokenizers\":[" stage "," BYTES "]}")
#define WITH_REGEX(regex)                                                                          \
    WITH_STAGE("{\"type\":\"Split\",\"behavior\":\"Isolated\",\"pattern\":{\"Regex\":\"" regex     \
               "\"}}")
#define WITH_ADDED(items) FILE_WITH(BYTES, MODEL, ",\"added_tokens\":" items)
#define WITH_POST(post)   FILE_WITH(BYTES, MODEL, ",\"post_processor\":" post)
#define TEMPLATE(single)                                                                           \
    WITH_POST(                                                                                     \
        "{\"type\":\"TemplateProcessing\",\"single\":" single                                      \
        ",\"special_tokens\":{\"a\":{\"ids\":[0]},\"x\":{\"ids\":[9]},\"y\":{\"ids\":[0,1]}}}")
#define SEQ_A       "{\"Sequence\":{\"id\":\"A\"}}"
#define TOKEN(name) "{\"SpecialToken\":{\"id\":\"" name "\"}}"

typedef struct bad_file {
    const char *json;
    const char *says; /* part of the message */
} bad_file;

static const bad_file bad_files[] = {
    {"", "not valid JSON"},
    {"{", "not valid JSON (line 1"},
    {"[]", "expected a JSON object"},
    {"{\"a\":1,\"a\":2}", "not valid JSON"},
    {"{\"version\":\"2.0\"}", "version: expected \"1.0\""},
    {"{\"version\":1}", "version: expected a string"},
    {"{}", "model: expected an object"},
    {"{\"model\":[]}", "model: expected an object"},
    {FILE_WITH(BYTES, MODEL, ",\"normalizer\":{\"type\":\"NFC\"}"), "normalizer.type: \"NFC\""},
    {FILE_WITH(BYTES, MODEL, ",\"normalizer\":{}"), "normalizer.type: expected a string"},
    {FILE_WITH(BYTES, MODEL,
               ",\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"}]}"),
     "normalizer.type: \"Sequence\""},
    {WITH_MODEL("{\"type\":\"Unigram\",\"vocab\":[]}"),
     "model.type: expected \"BPE\", found \"Uni"},
    {WITH_MODEL("{\"type\":7}"), "model.type: expected a string"},
    {WITH_MODEL("{}"), "model.vocab: expected an object"},
    {WITH_MODEL("{\"vocab\":{}}"), "model.vocab: expected an object"},
    {WITH_MODEL("{\"vocab\":{\"a\":-1},\"merges\":[]}"), "model.vocab.a: expected an id"},
    {WITH_MODEL("{\"vocab\":{\"a\":1.0},\"merges\":[]}"), "model.vocab.a: expected an id"},
    {WITH_MODEL("{\"vocab\":{\"a\":2147483647},\"merges\":[]}"), "model.vocab.a: expected an id"},
    {WITH_MODEL("{\"vocab\":{\"a\":99999999999999999999},\"merges\":[]}"), "not valid JSON"},
    {WITH_MODEL("{\"vocab\":{\"a\":0}}"), "model.merges: expected an array"},
    {WITH_MODEL("{\"vocab\":{\"a\":0},\"merges\":[\"aa\"]}"), "model.merges[0]: expected"},
    {WITH_MODEL("{\"vocab\":{\"a\":0},\"merges\":[\"a a a\"]}"), "model.merges[0]: expected"},
    {WITH_MODEL("{\"vocab\":{\"a\":0},\"merges\":[[\"a\"]]}"), "model.merges[0]: expected"},
    {WITH_MODEL("{\"vocab\":{\"a\":0},\"merges\":[[\"a\",1]]}"), "model.merges[0]: expected"},
    {WITH_MODEL("{\"vocab\":{\"a\":0,\"aa\":1},\"merges\":[\"a a\",\"a b\"]}"),
     "model.merges[1]: its right part is not in model.vocab (\"a\" + \"b\")"},
    {WITH_MODEL("{\"vocab\":{\"a\":0},\"merges\":[\"b a\"]}"), "model.merges[0]: its left part"},
    {WITH_MODEL("{\"vocab\":{\"a\":0},\"merges\":[\"a a\"]}"), "model.merges[0]: its result"},
    {WITH_MODEL("{\"vocab\":{\"a\":0},\"merges\":[],\"unk_token\":\"u\"}"), "model.unk_token: exp"},
    {WITH_MODEL("{\"vocab\":{\"a\":0},\"merges\":[],\"byte_fallback\":true}"),
     "model.byte_fallback: expected false"},
    {WITH_MODEL("{\"vocab\":{\"a\":0},\"merges\":[],\"dropout\":0.1}"), "model.dropout: expected"},
    {WITH_MODEL("{\"vocab\":{\"a\":0},\"merges\":[],\"end_of_word_suffix\":\"</w>\"}"),
     "model.end_of_word_suffix: expected"},
    {WITH_MODEL("{\"vocab\":{\"a\":0},\"merges\":[],\"continuing_subword_prefix\":\"##\"}"),
     "model.continuing_subword_prefix: expected"},
    {WITH_MODEL("{\"vocab\":{\"a\":0},\"merges\":[],\"ignore_merges\":1}"),
     "model.ignore_merges: expected true or false"},
    {WITH_ADDED("{}"), "added_tokens: expected an array"},
    {WITH_ADDED("[3]"), "added_tokens[0]: expected an object"},
    {WITH_ADDED("[{\"id\":3}]"), "added_tokens[0].content: expected a string"},
    {WITH_ADDED("[{\"id\":3,\"content\":\"\"}]"), "added_tokens[0].content: expected a string"},
    {WITH_ADDED("[{\"content\":\"x\"}]"), "added_tokens[0].id: expected an id"},
    {WITH_ADDED("[{\"id\":5,\"content\":\"x\"}]"), "added_tokens[0].id: \"x\" has id 5 here"},
    {WITH_ADDED("[{\"id\":3,\"content\":\"ab\"}]"), "added_tokens[0].id: \"ab\" has id 3 here"},
    {WITH_ADDED("[{\"id\":3,\"content\":\"x\",\"lstrip\":0}]"), "added_tokens[0].lstrip: expected"},
    {WITH_ADDED("[{\"id\":2,\"content\":\"ab\"},{\"id\":2,\"content\":\"ab\",\"special\":true}]"),
     "added_tokens: \"ab\" occurs twice"},
    {WITH_ADDED(
         "[{\"id\":2,\"content\":\"ab\"},{\"id\":2,\"content\":\"ab\",\"normalized\":false}]"),
     "added_tokens: \"ab\" occurs twice"},
    {WITH_PRE("null"), "pre_tokenizer: expected exactly one ByteLevel"},
    {WITH_STAGE(BYTES), "pre_tokenizer: expected exactly one ByteLevel"},
    {WITH_PRE("{}"), "pre_tokenizer.type: expected a string"},
    {WITH_PRE("{\"type\":\"Metaspace\"}"), "pre_tokenizer.type: \"Metaspace\" is not supported"},
    {WITH_PRE("{\"type\":\"Sequence\"}"), "pre_tokenizer.pretokenizers: expected an array"},
    {WITH_STAGE("7"), "pre_tokenizer.pretokenizers[0].type: expected a string"},
    {WITH_STAGE("{\"type\":\"Digits\",\"individual_digits\":1}"),
     "pre_tokenizer.pretokenizers[0].individual_digits: expected"},
    {WITH_STAGE("{\"type\":\"Split\",\"behavior\":\"isolated\"}"),
     "pretokenizers[0].behavior: exp"},
    {WITH_STAGE("{\"type\":\"Split\",\"behavior\":\"Isolated\"}"), "pretokenizers[0].pattern: exp"},
    {WITH_STAGE("{\"type\":\"Split\",\"behavior\":\"Isolated\",\"pattern\":{\"Regex\":1}}"),
     "pretokenizers[0].pattern: expected"},
    {WITH_REGEX("("), "pretokenizers[0].pattern: the regular expression cannot be compiled"},
    {WITH_REGEX("a**+++"), "pretokenizers[0].pattern: the regular expression"},
    {WITH_REGEX("\\\\p{Greek}"), "byte 0: only general categories"},
    {WITH_REGEX("x\\\\h"), "byte 1: this escape is not supported"},
    {WITH_REGEX("\\\\"), "byte 0: this escape is not supported"},
    {WITH_REGEX("\\\\bx"), "byte 0: this escape is not supported"},
    {WITH_REGEX("(?i)x"), "byte 0: this kind of group"},
    {WITH_REGEX("(?<n>x)"), "byte 0: this kind of group"},
    {WITH_REGEX("(*ACCEPT)"), "byte 0: (* is not supported"},
    {WITH_REGEX("[a[b]]"), "byte 2: [ inside"},
    {WITH_REGEX("[a&&b]"), "byte 2: && inside"},
    {WITH_REGEX("[]a]"), "byte 0: an empty class"},
    {WITH_REGEX("[\\\\W]"), "byte 1: \\W inside"},
    {WITH_REGEX("a{1,2}+"), "byte 1: a repeat {n,m} followed by"},
    {WITH_REGEX("a{,2}"), "byte 1: { must begin a repeat"},
    {WITH_REGEX("\\\\xff"), "byte 0: \\x is supported"},
    {WITH_REGEX("\\\\u12"), "byte 0: \\u needs four"},
    {WITH_POST("{}"), "post_processor.type: expected a string"},
    {WITH_POST("{\"type\":\"BertProcessing\"}"), "post_processor.type: \"BertProcessing\""},
    {WITH_POST("{\"type\":\"Sequence\"}"), "post_processor.processors: expected an array"},
    {WITH_POST("{\"type\":\"TemplateProcessing\"}"), "post_processor.single: expected an array"},
    {TEMPLATE("[]"), "post_processor.single: expected a Sequence"},
    {TEMPLATE("[7," SEQ_A "]"), "post_processor.single[0]: expected a SpecialToken"},
    {TEMPLATE("[" SEQ_A "," SEQ_A "]"), "post_processor.single[1]: expected"},
    {TEMPLATE("[" TOKEN("a") "," TOKEN("a") "," SEQ_A "]"),
     "post_processor.single[1]: expected one"},
    {TEMPLATE("[" TOKEN("z") "," SEQ_A "]"), "post_processor.special_tokens.z: expected"},
    {TEMPLATE("[" TOKEN("y") "," SEQ_A "]"), "post_processor.special_tokens.y: expected"},
    {TEMPLATE("[" SEQ_A "," TOKEN("x") "]"), "special_tokens.x: expected an id of the vocabulary"},
};

static void test_bad_files(void **state) {
    (void)state;
    size_t n = sizeof bad_files / sizeof bad_files[0];
    for (size_t i = 0; i < n; i++) {
        const bad_file *f = &bad_files[i];
        mv_tokenizer *t = (mv_tokenizer *)(uintptr_t)8;
        marvis_error err = {0};
        marvis_status status =
            mv_tokenizer_parse(f->json, strlen(f->json), "dir/bad.json", &t, &err);
        if (status != MARVIS_ERR_TOKENIZER || t || err.status != status ||
            strncmp(err.message, "dir/bad.json: ", 14) != 0 || !strstr(err.message, f->says))
            fail_msg("case %zu: status %d, \"%s\" should say \"%s\"", i, (int)status, err.message,
                     f->says);
        assert_int_equal(mv_tokenizer_parse(f->json, strlen(f->json), "x", &t, NULL), status);
    }
    assert_int_equal(n, 81);
}

typedef struct good_file {
    const char *json;
    const char *text;
    int32_t bos, eos;
    size_t n;
    int32_t ids[4];
} good_file;

static const good_file good_files[] = {
    {WITH_MODEL(MODEL), "abba", -1, -1, 3, {2, 1, 0}},
    {WITH_MODEL("{\"vocab\":{\"a\":0,\"b\":1,\"ab\":7},\"merges\":[\"#version: 0.2\",\"a b\"]}"),
     "ab",
     -1,
     -1,
     1,
     {7}},
    {WITH_MODEL(
         "{\"vocab\":{\"a\":0,\"b\":1,\"ab\":2,\"ba\":3},\"merges\":[\"a b\",\"b a\",\"a b\"]}"),
     "abab",
     -1,
     -1,
     3,
     {0, 3, 1}}, /* the last of equal merges counts */
    {WITH_MODEL("{\"vocab\":{\"a\":0},\"merges\":[],\"dropout\":0,\"unk_token\":\"a\"}"),
     "xyz",
     -1,
     -1,
     3,
     {0, 0, 0}},
    {WITH_MODEL("{\"vocab\":{\"a\":0},\"merges\":[],\"fuse_unk\":true,\"unk_token\":\"a\"}"),
     "xyaz",
     -1,
     -1,
     3,
     {0, 0, 0}},
    {FILE_WITH(BYTES, MODEL, ",\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[]}"),
     "b",
     -1,
     -1,
     1,
     {1}},
    {WITH_ADDED("[{\"id\":3,\"content\":\"x\"},{\"id\":2,\"content\":\"ab\"}]"),
     "axab",
     -1,
     -1,
     3,
     {0, 3, 2}},
    /* normalized is the default, and such tokens are searched after the others */
    {WITH_ADDED(
         "[{\"id\":3,\"content\":\"xx\"},{\"id\":4,\"content\":\"x\",\"normalized\":false}]"),
     "xx",
     -1,
     -1,
     2,
     {4, 4}},
    {WITH_REGEX("(a+)+$|\\\\u0062"), "ab", -1, -1, 2, {0, 1}},
    {TEMPLATE("[" SEQ_A "]"), "a", -1, -1, 1, {0}},
    {TEMPLATE("[" TOKEN("a") "," SEQ_A "]"), "a", 0, -1, 1, {0}},
    {TEMPLATE("[" SEQ_A "," TOKEN("a") "]"), "a", -1, 0, 1, {0}},
    {WITH_POST("{\"type\":\"Sequence\",\"processors\":[{\"type\":\"ByteLevel\"}]}"),
     "a",
     -1,
     -1,
     1,
     {0}},
};

static void test_good_files(void **state) {
    (void)state;
    size_t n = sizeof good_files / sizeof good_files[0];
    for (size_t i = 0; i < n; i++) {
        const good_file *f = &good_files[i];
        mv_tokenizer *t;
        marvis_error err;
        int32_t *ids;
        size_t n_ids;
        assert_ok(mv_tokenizer_parse(f->json, strlen(f->json), "good.json", &t, &err), err);
        assert_int_equal(mv_tokenizer_template_bos(t), f->bos);
        assert_int_equal(mv_tokenizer_template_eos(t), f->eos);
        assert_ok(mv_tokenizer_encode(t, f->text, strlen(f->text), true, &ids, &n_ids, &err), err);
        assert_int_equal(n_ids, f->n);
        assert_memory_equal(ids, f->ids, n_ids * sizeof *ids);
        mv_free(ids);
        mv_tokenizer_destroy(&t);
        assert_null(t);
    }
    assert_int_equal(n, 13);
}

/* A special token that stays text still hides the tokens inside it. */
static void test_special_token_as_text(void **state) {
    (void)state;
    static const char json[] = WITH_ADDED(
        "[{\"id\":3,\"content\":\"axb\",\"special\":true},{\"id\":4,\"content\":\"x\"}]");
    static const int32_t want[2][2] = {{2, 4}, {3, 4}};
    mv_tokenizer *t;
    marvis_error err;
    assert_ok(mv_tokenizer_parse(json, strlen(json), "good.json", &t, &err), err);
    for (int parse_special = 0; parse_special < 2; parse_special++) {
        int32_t *ids;
        size_t n;
        assert_ok(mv_tokenizer_encode(t, "axbx", 4, parse_special, &ids, &n, &err), err);
        assert_int_equal(n, 2);
        assert_memory_equal(ids, want[parse_special], sizeof want[0]);
        mv_free(ids);
    }
    mv_tokenizer_destroy(&t);
}

/* A pattern that backtracks without bounds is an error where it meets a text that makes it. */
static void test_runaway_regex(void **state) {
    (void)state;
    static const char json[] = WITH_REGEX("(a|aa|b?a)+[cd]");
    mv_tokenizer *t;
    marvis_error err;
    assert_ok(mv_tokenizer_parse(json, strlen(json), "bad.json", &t, &err), err);
    char text[400];
    memset(text, 'a', sizeof text);
    int32_t *ids = NULL;
    size_t n = 0;
    assert_int_equal(mv_tokenizer_encode(t, text, sizeof text, true, &ids, &n, &err),
                     MARVIS_ERR_TOKENIZER);
    assert_non_null(strstr(err.message, "bad.json: pre_tokenizer.pretokenizers[0].pattern: "));
    assert_non_null(strstr(err.message, "too many steps"));
    assert_null(ids);
    assert_ok(mv_tokenizer_encode(t, text, 4, true, &ids, &n, &err), err);
    assert_int_equal(n, 4);
    mv_free(ids);
    mv_tokenizer_destroy(&t);
}

static void test_deep_nesting(void **state) {
    (void)state;
    char json[4000] = "{\"model\":" MODEL ",\"pre_tokenizer\":";
    for (int i = 0; i < 40; i++)
        strcat(json, "{\"type\":\"Sequence\",\"pretokenizers\":[");
    strcat(json, BYTES);
    for (int i = 0; i < 40; i++)
        strcat(json, "]}");
    strcat(json, "}");
    mv_tokenizer *t;
    marvis_error err;
    assert_int_equal(mv_tokenizer_parse(json, strlen(json), "deep.json", &t, &err),
                     MARVIS_ERR_TOKENIZER);
    assert_non_null(strstr(err.message, "fewer nested sequences"));
}

/* Brackets without end neither exhaust the stack nor anything else. */
static void test_bottomless_nesting(void **state) {
    (void)state;
    enum { DEPTH = 200000 };
    char *json = malloc(DEPTH);
    assert_non_null(json);
    memset(json, '[', DEPTH);
    mv_tokenizer *t;
    marvis_error err;
    assert_int_equal(mv_tokenizer_parse(json, DEPTH, "deep.json", &t, &err), MARVIS_ERR_TOKENIZER);
    assert_null(t);
    assert_non_null(strstr(err.message, "not valid JSON"));
    assert_non_null(strstr(err.message, "depth"));
    free(json);
}

static void test_missing_file(void **state) {
    (void)state;
    mv_tokenizer *t;
    marvis_error err;
    assert_int_equal(mv_tokenizer_open("/nowhere/tokenizer.json", &t, &err), MARVIS_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "/nowhere/tokenizer.json"));
    assert_null(t);
}

/* Every allocation of loading fails once, alone and with all that follow. */
static void test_load_without_memory(void **state) {
    (void)state;
    static const char json[] =
        FILE_WITH("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"behavior\":"
                  "\"Removed\",\"pattern\":{\"String\":\".\"}},{\"type\":\"Digits\"},"
                  "{\"type\":\"ByteLevel\"}]}",
                  MODEL, ",\"added_tokens\":[{\"id\":3,\"content\":\"x\",\"single_word\":true}]");
    size_t n_failed = 0;
    for (int forever = 0; forever < 2; forever++) {
        for (uint64_t nth = 1;; nth++) {
            mv_tokenizer *t;
            marvis_error err;
            uint64_t before = mv_alloc_count();
            mv_alloc_fail_after(nth, forever);
            marvis_status status = mv_tokenizer_parse(json, strlen(json), "x.json", &t, &err);
            bool reached = mv_alloc_count() - before >= nth;
            mv_alloc_fail_after(0, false);
            if (status == MARVIS_OK)
                mv_tokenizer_destroy(&t);
            else
                assert_int_equal(status, MARVIS_ERR_MEMORY);
            assert_null(t);
            if (!reached) break;
            n_failed += status != MARVIS_OK;
        }
    }
    assert_true(n_failed >= 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_good_files),
        cmocka_unit_test(test_special_token_as_text),
        cmocka_unit_test(test_runaway_regex),
        cmocka_unit_test(test_deep_nesting),
        cmocka_unit_test(test_bottomless_nesting),
        cmocka_unit_test(test_missing_file),
        cmocka_unit_test(test_load_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
