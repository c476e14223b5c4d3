/* test_tokenizer.c - encoding against what Hugging Face's `tokenizers` gives for the same texts
 * (tools/make_tokenizers.py), the traps of the two tokenizer families, hostile texts, threads. */
#include "support.h"

#include "base/file.h"
#include "base/memory.h"
#include "text/tokenizer.h"

#include <jansson.h>
#include <pthread.h>

/* ---- the golden file and the tokenizers ------------------------------------------------------ */

static json_t *load_json(const char *relative) {
    json_error_t problem;
    json_t *root = json_load_file(test_path(relative), JSON_ALLOW_NUL, &problem);
    if (!root) fail_msg("%s: %s", relative, problem.text);
    return root;
}

static mv_tokenizer *parse(const json_t *root) {
    char *text = json_dumps(root, JSON_COMPACT);
    assert_non_null(text);
    mv_tokenizer *t;
    marvis_error err;
    assert_ok(mv_tokenizer_parse(text, strlen(text), "test.json", &t, &err), err);
    free(text);
    return t;
}

static mv_tokenizer *open_base(const char *name) {
    char relative[64];
    snprintf(relative, sizeof relative, "data/tokenizers/%s.json", name);
    mv_tokenizer *t;
    marvis_error err;
    assert_ok(mv_tokenizer_open(test_path(relative), &t, &err), err);
    return t;
}

/* A base with some keys replaced, as the golden file lists them. */
static mv_tokenizer *open_patched(const json_t *set) {
    char relative[64];
    snprintf(relative, sizeof relative, "data/tokenizers/%s.json",
             json_string_value(json_object_get(set, "base")));
    json_t *root = load_json(relative);
    json_object_update(root, json_object_get(set, "patch"));
    json_object_update(json_object_get(root, "model"), json_object_get(set, "model_patch"));
    mv_tokenizer *t = parse(root);
    json_decref(root);
    return t;
}

static const json_t *golden;
static uint32_t *allowed; /* code points of the sweep, in order */
static size_t n_allowed;
static bool *is_allowed; /* [0x110000] */

static int setup(void **state) {
    (void)state;
    golden = load_json("golden/tokenizer.json");
    is_allowed = malloc(0x110000 * sizeof *is_allowed);
    allowed = malloc(0x110000 * sizeof *allowed);
    memset(is_allowed, 1, 0x110000 * sizeof *is_allowed);
    const json_t *ranges = json_object_get(golden, "skipped");
    for (size_t i = 0; i < json_array_size(ranges); i++) {
        const json_t *range = json_array_get(ranges, i);
        json_int_t last = json_integer_value(json_array_get(range, 1));
        for (json_int_t cp = json_integer_value(json_array_get(range, 0)); cp <= last; cp++)
            is_allowed[cp] = false;
    }
    for (uint32_t cp = 0; cp < 0x110000; cp++)
        if (is_allowed[cp]) allowed[n_allowed++] = cp;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    json_decref((json_t *)(uintptr_t)golden);
    free(is_allowed);
    free(allowed);
    return 0;
}

/* ---- texts, made as in make_tokenizers.py -----------------------------------------------------
 */

typedef struct text {
    char data[1 << 16];
    size_t len;
} text;

static void add(text *t, const char *s, size_t n) {
    assert_true(t->len + n <= sizeof t->data);
    memcpy(t->data + t->len, s, n);
    t->len += n;
}

static void add_code_point(text *t, uint32_t cp) {
    char s[4];
    if (cp < 0x80) {
        s[0] = (char)cp;
        add(t, s, 1);
    } else if (cp < 0x800) {
        s[0] = (char)(0xc0 | cp >> 6);
        s[1] = (char)(0x80 | (cp & 63));
        add(t, s, 2);
    } else if (cp < 0x10000) {
        s[0] = (char)(0xe0 | cp >> 12);
        s[1] = (char)(0x80 | (cp >> 6 & 63));
        s[2] = (char)(0x80 | (cp & 63));
        add(t, s, 3);
    } else {
        s[0] = (char)(0xf0 | cp >> 18);
        s[1] = (char)(0x80 | (cp >> 12 & 63));
        s[2] = (char)(0x80 | (cp >> 6 & 63));
        s[3] = (char)(0x80 | (cp & 63));
        add(t, s, 4);
    }
}

static size_t below(uint64_t *r, size_t n) { return (size_t)(test_random(r) % n); }

static void add_swapped_case(text *t, const char *s, size_t n, uint64_t bits) {
    for (size_t i = 0; i < n; i++) {
        bool letter = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z');
        char c = letter && (bits >> (i % 64) & 1) ? (char)(s[i] ^ 0x20) : s[i];
        add(t, &c, 1);
    }
}

static void add_fragment(text *t, uint64_t *r, size_t kind) {
    const json_t *fragments = json_object_get(golden, "fragments");
    const json_t *fragment = json_array_get(fragments, below(r, json_array_size(fragments)));
    const char *s = json_string_value(fragment);
    size_t n = json_string_length(fragment);
    if (kind < 46) {
        add(t, s, n);
    } else if (kind < 52) {
        for (size_t times = 1 + below(r, 40); times; times--)
            add(t, s, n);
    } else if (kind < 54) {
        add(t, s, below(r, n + 1));
    } else {
        add_swapped_case(t, s, n, test_random(r));
    }
}

static void case_text(uint64_t seed, size_t index, text *t) {
    uint64_t r = (seed << 32) + index;
    r = test_random(&r);
    t->len = 0;
    for (size_t parts = 1 + below(&r, 16); parts; parts--) {
        size_t kind = below(&r, 64);
        if (kind < 56) {
            add_fragment(t, &r, kind);
        } else if (kind < 62) {
            size_t cp = below(&r, 0x32400);
            while (!is_allowed[cp])
                cp = below(&r, 0x32400);
            add_code_point(t, (uint32_t)cp);
        } else {
            for (size_t n = 1 + below(&r, 4); n; n--) {
                char c = (char)below(&r, 256);
                add(t, &c, 1);
            }
        }
    }
}

static void sweep_text(uint64_t chunk_size, size_t index, text *t) {
    t->len = 0;
    for (size_t i = index * chunk_size; i < (index + 1) * chunk_size && i < n_allowed; i++) {
        add(t, "a", 1);
        add_code_point(t, allowed[i]);
        add(t, " ", 1);
        add_code_point(t, allowed[i]);
        add(t, "1", 1);
    }
}

/* ---- comparing ---------------------------------------------------------------------------------
 */

typedef struct ids {
    int32_t *data;
    size_t n;
} ids;

static ids encode(const mv_tokenizer *t, const char *s, size_t n, bool parse_special) {
    ids out;
    marvis_error err;
    /* an exact-size copy, so that reading past the end shows under a sanitizer */
    char *copy = malloc(n ? n : 1);
    memcpy(copy, s, n);
    assert_ok(mv_tokenizer_encode(t, copy, n, parse_special, &out.data, &out.n, &err), err);
    free(copy);
    assert_true((out.n == 0) == (out.data == NULL));
    return out;
}

static uint64_t hash_value(uint64_t h, uint32_t value) {
    for (int i = 0; i < 4; i++)
        h = (h ^ (value >> (8 * i) & 255)) * 0x100000001b3u;
    return h;
}

static uint64_t hash_text(uint64_t h, const mv_tokenizer *t, const text *x) {
    for (int parse_special = 0; parse_special < 2; parse_special++) {
        ids got = encode(t, x->data, x->len, parse_special);
        h = hash_value(h, (uint32_t)got.n);
        for (size_t i = 0; i < got.n; i++)
            h = hash_value(h, (uint32_t)got.data[i]);
        mv_free(got.data);
    }
    return h;
}

static void print_text(const mv_tokenizer *t, const text *x) {
    printf("# text:");
    for (size_t i = 0; i < x->len; i++)
        printf(" %02x", (unsigned char)x->data[i]);
    ids got = encode(t, x->data, x->len, true);
    printf("\n# ids:");
    for (size_t i = 0; i < got.n; i++)
        printf(" %d", (int)got.data[i]);
    printf("\n");
    mv_free(got.data);
}

typedef void (*make_fn)(uint64_t seed, size_t index, text *t);

/* Compares n texts by the hashes of their blocks; returns how many were compared. */
static size_t compare_blocks(const mv_tokenizer *t, const char *name, const json_t *hashes,
                             make_fn make, uint64_t seed, size_t n) {
    text *x = malloc(sizeof *x);
    size_t block =
        (size_t)json_integer_value(json_object_get(json_object_get(golden, "about"), "block"));
    assert_int_equal(json_array_size(hashes), (n + block - 1) / block);
    for (size_t begin = 0; begin < n; begin += block) {
        size_t end = begin + block < n ? begin + block : n;
        uint64_t h = 0xcbf29ce484222325u;
        for (size_t i = begin; i < end; i++) {
            make(seed, i, x);
            h = hash_text(h, t, x);
        }
        char hex[24];
        snprintf(hex, sizeof hex, "%016llx", (unsigned long long)h);
        const char *want = json_string_value(json_array_get(hashes, begin / block));
        if (strcmp(hex, want) == 0) continue;
        for (size_t i = begin; i < end; i++) {
            make(seed, i, x);
            print_text(t, x);
        }
        fail_msg("%s: ids of texts %zu..%zu (printed above) differ", name, begin, end - 1);
    }
    free(x);
    return n;
}

static void assert_ids(const mv_tokenizer *t, const char *s, size_t n, bool parse_special,
                       const json_t *want) {
    ids got = encode(t, s, n, parse_special);
    bool equal = got.n == json_array_size(want);
    for (size_t i = 0; equal && i < got.n; i++)
        equal = got.data[i] == json_integer_value(json_array_get(want, i));
    mv_free(got.data);
    if (!equal) {
        char *expected = json_dumps(want, JSON_COMPACT);
        fail_msg("\"%.*s\" (special %d): expected %s", (int)n, s, parse_special, expected);
    }
}

/* ---- goldens -----------------------------------------------------------------------------------
 */

/* 20,000 texts for each of the two tokenizers, and fewer for each variant of their parts. */
static void test_golden_sets(void **state) {
    (void)state;
    const json_t *sets = json_object_get(golden, "sets");
    size_t n_texts = 0, n_ids = 0;
    text *x = malloc(sizeof *x);
    for (size_t s = 0; s < json_array_size(sets); s++) {
        const json_t *set = json_array_get(sets, s);
        const char *name = json_string_value(json_object_get(set, "name"));
        uint64_t seed = (uint64_t)json_integer_value(json_object_get(set, "seed"));
        mv_tokenizer *t = open_patched(set);
        const json_t *full = json_object_get(set, "ids");
        for (size_t i = 0; i < json_array_size(full); i++, n_ids++) {
            case_text(seed, i, x);
            const json_t *both = json_array_get(full, i);
            for (size_t special = 0; special < 2; special++)
                assert_ids(t, x->data, x->len, special, json_array_get(both, special));
        }
        n_texts += compare_blocks(t, name, json_object_get(set, "hashes"), case_text, seed,
                                  (size_t)json_integer_value(json_object_get(set, "n")));
        mv_tokenizer_destroy(&t);
    }
    free(x);
    assert_int_equal(json_array_size(sets), 211);
    assert_int_equal(n_texts, 71500);
    assert_int_equal(n_ids, 200);
}

/* Every code point that Unicode 14 assigns, but the private planes. The 962,950 others (surrogates
 * and planes 15, 16 among them) are left out: those assigned since are letters or digits to one
 * Unicode version and nothing to another. */
static void test_golden_every_code_point(void **state) {
    (void)state;
    uint64_t chunk = (uint64_t)json_integer_value(json_object_get(golden, "sweep_chunk"));
    const char *name;
    json_t *hashes;
    size_t n_sweeps = 0;
    json_object_foreach(json_object_get(golden, "sweeps"), name, hashes) {
        mv_tokenizer *t = open_base(name);
        size_t n_chunks = (n_allowed + chunk - 1) / chunk;
        n_sweeps += compare_blocks(t, name, hashes, sweep_text, chunk, n_chunks) == n_chunks;
        mv_tokenizer_destroy(&t);
    }
    assert_int_equal(n_sweeps, 2);
    assert_int_equal(n_allowed, 151162);
    assert_int_equal(0x110000 - n_allowed,
                     json_integer_value(json_object_get(golden, "n_skipped")));
}

static void test_golden_hand_written(void **state) {
    (void)state;
    const json_t *hand = json_object_get(golden, "hand");
    static const char *const names[] = {"smollm", "llama"};
    size_t n = 0;
    for (int b = 0; b < 2; b++) {
        mv_tokenizer *t = open_base(names[b]);
        for (size_t i = 0; i < json_array_size(hand); i++, n++) {
            const json_t *item = json_array_get(hand, i);
            const json_t *s = json_object_get(item, "text");
            const json_t *both = json_object_get(item, names[b]);
            for (size_t special = 0; special < 2; special++)
                assert_ids(t, json_string_value(s), json_string_length(s), special,
                           json_array_get(both, special));
        }
        mv_tokenizer_destroy(&t);
    }
    assert_int_equal(n, 56);
}

/* Merges spelled "a b" and ["a","b"] mean the same. */
static json_t *respell(const json_t *merge) {
    if (json_is_array(merge))
        return json_sprintf("%s %s", json_string_value(json_array_get(merge, 0)),
                            json_string_value(json_array_get(merge, 1)));
    const char *both = json_string_value(merge), *space = strchr(both, ' ');
    return json_pack("[s%, s]", both, (size_t)(space - both), space + 1);
}

static void test_both_spellings_of_merges(void **state) {
    (void)state;
    static const char *const names[] = {"smollm", "llama"};
    const json_t *sets = json_object_get(golden, "sets");
    for (size_t b = 0; b < 2; b++) {
        char relative[64];
        snprintf(relative, sizeof relative, "data/tokenizers/%s.json", names[b]);
        json_t *root = load_json(relative);
        json_t *merges = json_object_get(json_object_get(root, "model"), "merges");
        assert_true(json_is_string(json_array_get(merges, 0)) == (b == 0));
        for (size_t i = 0; i < json_array_size(merges); i++)
            json_array_set_new(merges, i, respell(json_array_get(merges, i)));
        mv_tokenizer *t = parse(root);
        const json_t *set = json_array_get(sets, b);
        json_t *hashes = json_copy(json_object_get(set, "hashes"));
        while (json_array_size(hashes) > 40)
            json_array_remove(hashes, json_array_size(hashes) - 1);
        assert_int_equal(compare_blocks(t, names[b], hashes, case_text, b + 1, 1000), 1000);
        json_decref(hashes);
        json_decref(root);
        mv_tokenizer_destroy(&t);
    }
}

/* ---- traps -------------------------------------------------------------------------------------
 */

static void assert_begins(const mv_tokenizer *t, const char *s, const int32_t *want, size_t n) {
    ids got = encode(t, s, strlen(s), false);
    assert_true(got.n >= n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(got.data[i], want[i]);
    mv_free(got.data);
}

/* BOS and EOS are those of the template, and the speaker's tag has the ids it has in SmolLM2. */
static void trap_23_template_and_speaker_tag(void **state) {
    (void)state;
    mv_tokenizer *t = open_base("smollm");
    assert_int_equal(mv_tokenizer_template_bos(t), 1);
    assert_int_equal(mv_tokenizer_template_eos(t), 2);
    assert_int_equal(mv_tokenizer_id(t, "<|im_start|>"), 1);
    assert_int_equal(mv_tokenizer_id(t, "<|im_end|>"), 2);
    assert_begins(t, "[0]Hello there.", (int32_t[]){75, 32, 77}, 3);
    assert_begins(t, "[12]Hello there.", (int32_t[]){75, 33, 34, 77}, 4);
    mv_tokenizer_destroy(&t);
    t = open_base("llama");
    assert_int_equal(mv_tokenizer_template_bos(t), mv_tokenizer_id(t, "<|begin_of_text|>"));
    assert_int_equal(mv_tokenizer_template_eos(t), -1);
    mv_tokenizer_destroy(&t);
}

/* "[0]text" and "[0] text" are different prompts. */
static void trap_24_space_after_speaker_tag(void **state) {
    (void)state;
    mv_tokenizer *t = open_base("smollm");
    int32_t with = mv_tokenizer_id(t, "\u0120the"), without = mv_tokenizer_id(t, "the");
    assert_true(with >= 0 && without >= 0 && with != without);
    assert_begins(t, "[0]the", (int32_t[]){75, 32, 77, without}, 4);
    assert_begins(t, "[0] the", (int32_t[]){75, 32, 77, with}, 4);
    mv_tokenizer_destroy(&t);
}

/* Digits stand alone, and the space before one is a piece of its own. */
static void trap_48_digits_stand_alone(void **state) {
    (void)state;
    mv_tokenizer *t = open_base("smollm");
    int32_t space = mv_tokenizer_id(t, "\u0120");
    ids got = encode(t, "Hello world! 123", 16, false);
    assert_true(got.n > 5);
    const int32_t want[] = {17, space, 33, 34, 35};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(got.data[got.n - 5 + i], want[i]);
    mv_free(got.data);
    mv_tokenizer_destroy(&t);
}

/* ---- other properties --------------------------------------------------------------------------
 */

static void test_special_tokens_in_text(void **state) {
    (void)state;
    mv_tokenizer *t = open_base("smollm");
    ids parsed = encode(t, "a<|im_end|>b", 12, true);
    ids plain = encode(t, "a<|im_end|>b", 12, false);
    assert_int_equal(parsed.n, 3);
    assert_int_equal(parsed.data[1], 2);
    assert_true(plain.n > 3);
    for (size_t i = 0; i < plain.n; i++)
        assert_true(plain.data[i] > 16);
    mv_free(parsed.data);
    mv_free(plain.data);
    mv_tokenizer_destroy(&t);
}

static void test_lookups(void **state) {
    (void)state;
    mv_tokenizer *t = open_base("llama");
    assert_int_equal(mv_tokenizer_n_ids(t), 2009);
    assert_string_equal(mv_tokenizer_kind(t), "byte-level BPE, 2009 ids");
    assert_int_equal(mv_tokenizer_id(t, "<|eot_id|>"), 2008);
    assert_true(mv_tokenizer_id(t, "\u0120the") > 0);
    assert_int_equal(mv_tokenizer_id(t, ""), -1);
    assert_int_equal(mv_tokenizer_id(t, "no such token"), -1);
    mv_tokenizer_destroy(&t);
}

static void test_empty_text(void **state) {
    (void)state;
    mv_tokenizer *t = open_base("llama");
    int32_t *data = (int32_t *)(uintptr_t)8;
    size_t n = 1;
    marvis_error err;
    assert_ok(mv_tokenizer_encode(t, NULL, 0, false, &data, &n, &err), err);
    assert_null(data);
    assert_int_equal(n, 0);
    mv_tokenizer_destroy(&t);
}

/* One word of 100,000 letters, one of 100,000 different pairs, and runs of white space. */
static void test_long_words(void **state) {
    (void)state;
    static const char *const names[] = {"smollm", "llama"};
    size_t len = 100000;
    char *s = malloc(len);
    for (int b = 0; b < 2; b++) {
        mv_tokenizer *t = open_base(names[b]);
        for (int kind = 0; kind < 4; kind++) {
            uint64_t r = 7;
            for (size_t i = 0; i < len; i++)
                s[i] = kind == 0   ? 'a'
                       : kind == 1 ? (char)('a' + below(&r, 26))
                       : kind == 2 ? ' '
                                   : "\n\t \r"[below(&r, 4)];
            ids got = encode(t, s, len, true);
            assert_true(got.n > 0 && got.n <= len);
            mv_free(got.data);
        }
        mv_tokenizer_destroy(&t);
    }
    free(s);
}

static void test_text_too_long(void **state) {
    (void)state;
    mv_tokenizer *t = open_base("smollm");
    int32_t *data;
    size_t n;
    marvis_error err;
    /* the length is looked at before the text */
    assert_int_equal(mv_tokenizer_encode(t, "", ((size_t)64 << 20) + 1, false, &data, &n, &err),
                     MARVIS_ERR_TOO_LONG);
    assert_null(data);
    mv_tokenizer_destroy(&t);
}

typedef struct worker {
    pthread_t thread;
    const mv_tokenizer *t;
    const json_t *hashes;
    uint64_t hash;
} worker;

static void *work(void *arg) {
    worker *w = arg;
    text *x = malloc(sizeof *x);
    w->hash = 0;
    for (size_t i = 0; i < 2000; i++) {
        case_text(1, i, x);
        w->hash = hash_text(w->hash, w->t, x);
    }
    free(x);
    return NULL;
}

static void test_four_threads_encode(void **state) {
    (void)state;
    mv_tokenizer *t = open_base("smollm");
    worker workers[5] = {{.t = t}, {.t = t}, {.t = t}, {.t = t}, {.t = t}};
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(workers[i].thread, NULL);
    work(&workers[4]);
    for (int i = 0; i < 4; i++)
        assert_true(workers[i].hash == workers[4].hash);
    mv_tokenizer_destroy(&t);
}

/* Every allocation of encoding fails once, alone and with all that follow. */
static void test_encode_without_memory(void **state) {
    (void)state;
    const json_t *sets = json_object_get(golden, "sets");
    const json_t *set = NULL;
    for (size_t i = 0; i < json_array_size(sets); i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(sets, i), "name")),
                   "prefix space, added tokens") == 0)
            set = json_array_get(sets, i);
    assert_non_null(set);
    mv_tokenizer *t = open_patched(set);
    static const char s[] = "Hello friend <|eot_id|> <w> 12 don't\xff [MASK]";
    ids want = encode(t, s, sizeof s - 1, true);
    size_t n_failed = 0;
    for (int forever = 0; forever < 2; forever++) {
        for (uint64_t nth = 1;; nth++) {
            ids got;
            marvis_error err;
            mv_alloc_fail_after(nth, forever);
            marvis_status status =
                mv_tokenizer_encode(t, s, sizeof s - 1, true, &got.data, &got.n, &err);
            mv_alloc_fail_after(0, false);
            if (status == MARVIS_OK) {
                assert_int_equal(got.n, want.n);
                assert_memory_equal(got.data, want.data, want.n * sizeof *want.data);
                mv_free(got.data);
                break;
            }
            assert_int_equal(status, MARVIS_ERR_MEMORY);
            assert_null(got.data);
            n_failed++;
        }
    }
    assert_true(n_failed >= 20);
    mv_free(want.data);
    mv_tokenizer_destroy(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_hand_written),
        cmocka_unit_test(test_golden_sets),
        cmocka_unit_test(test_golden_every_code_point),
        cmocka_unit_test(test_both_spellings_of_merges),
        cmocka_unit_test(trap_23_template_and_speaker_tag),
        cmocka_unit_test(trap_24_space_after_speaker_tag),
        cmocka_unit_test(trap_48_digits_stand_alone),
        cmocka_unit_test(test_special_tokens_in_text),
        cmocka_unit_test(test_lookups),
        cmocka_unit_test(test_empty_text),
        cmocka_unit_test(test_long_words),
        cmocka_unit_test(test_text_too_long),
        cmocka_unit_test(test_four_threads_encode),
        cmocka_unit_test(test_encode_without_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
