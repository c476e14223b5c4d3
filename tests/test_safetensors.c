/* test_safetensors.c - format/safetensors.c and safetensors_write.c: what a good file becomes,
 * every error with its position, and a writer whose files the reader takes back. */
#include "format_fixture.h"

#include "base/memory.h"
#include "format/safetensors.h"
#include "format/safetensors_write.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Parses an exact-size heap copy, so that a sanitizer sees any byte read past the end. */
static marvis_status parse_copy(const void *data, size_t len, mv_safetensors *file, uint8_t **copy,
                                marvis_error *err) {
    *copy = malloc(len ? len : 1);
    assert_non_null(*copy);
    if (len) memcpy(*copy, data, len);
    memset(err, 0, sizeof *err);
    return mv_safetensors_parse(*copy, len, "dir/m.safetensors", file, err);
}

static void archives_are_called_by_their_name(void **state) {
    (void)state;
    static const struct {
        const char *path, *message;
    } cases[] = {
        {"voice.npz", "voice.npz: a NumPy archive; save the weights as safetensors"},
        {"voice.pt", "voice.pt: a zip archive, as PyTorch (.pt, .bin) or NumPy (.npz)"},
        {"model.safetensors", "model.safetensors: a zip archive, as PyTorch"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        mv_safetensors file;
        marvis_error err;
        assert_int_equal(
            mv_safetensors_parse((const uint8_t *)"PK\3\4\0\0\0\0", 8, cases[i].path, &file, &err),
            MARVIS_ERR_UNSUPPORTED);
        assert_message(&err, cases[i].path, cases[i].message);
    }
}

static void good_file_becomes_sorted_tensors(void **state) {
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"mlx\"},"
        "\"z\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[4,16]},"
        "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
        "\"empty\":{\"dtype\":\"I64\",\"shape\":[0,7],\"data_offsets\":[16,16]},"
        "\"m\\u00e9\":{\"shape\":[1,1,1,1,1,1,1,3],\"data_offsets\":[16,19],\"dtype\":\"U8\"}}   ";
    size_t len;
    uint8_t *bytes = fx_bytes(header, 19, &len), *copy;
    mv_safetensors file;
    marvis_error err;
    assert_ok(parse_copy(bytes, len, &file, &copy, &err), err);
    assert_int_equal(file.n_tensors, 4);
    assert_string_equal(file.path, "dir/m.safetensors");
    assert_string_equal(file.tensors[0].name, "a");
    assert_int_equal(file.tensors[0].n_dims, 0);
    assert_int_equal(file.tensors[0].n_values, 1);
    assert_string_equal(file.tensors[1].name, "empty");
    assert_int_equal(file.tensors[1].n_values, 0);
    assert_string_equal(file.tensors[2].name, "m\xc3\xa9");
    assert_int_equal(file.tensors[2].n_dims, 8);
    assert_int_equal(file.tensors[2].shape[7], 3);
    const mv_tensor *z = mv_safetensors_find(&file, "z");
    assert_non_null(z);
    assert_int_equal(z->type, MV_DT_BF16);
    assert_int_equal(z->shape[0], 2);
    assert_int_equal(z->shape[1], 3);
    assert_int_equal(z->len_bytes, 12);
    assert_int_equal(z->data - copy, 8 + (int)strlen(header) + 4);
    assert_int_equal(z->data[0], 4);
    assert_null(mv_safetensors_find(&file, "absent"));
    assert_null(mv_safetensors_find(&file, "__metadata__"));
    mv_safetensors_close(&file);
    mv_safetensors_close(&file);
    free(copy);
    free(bytes);
}

static void every_type_has_its_size(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t bytes;
    } types[] = {{"F64", 8}, {"F32", 4}, {"F16", 2},  {"BF16", 2},    {"I64", 8},
                 {"I32", 4}, {"I16", 2}, {"I8", 1},   {"U64", 8},     {"U32", 4},
                 {"U16", 2}, {"U8", 1},  {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};
    assert_int_equal(COUNT(types), MV_N_PLAIN_DTYPES);
    for (size_t i = 0; i < COUNT(types); i++) {
        char header[128];
        size_t len;
        mv_safetensors file;
        marvis_error err;
        uint8_t *copy;
        snprintf(header, sizeof header,
                 "{\"t\":{\"dtype\":\"%s\",\"shape\":[3],\"data_offsets\":[0,%zu]}}", types[i].name,
                 3 * types[i].bytes);
        uint8_t *bytes = fx_bytes(header, 3 * types[i].bytes, &len);
        assert_ok(parse_copy(bytes, len, &file, &copy, &err), err);
        assert_int_equal(mv_dtype_bytes(file.tensors[0].type), types[i].bytes);
        assert_string_equal(mv_dtype_name(file.tensors[0].type), types[i].name);
        mv_safetensors_close(&file);
        free(copy);
        free(bytes);
    }
}

static void file_without_tensors_is_legal(void **state) {
    (void)state;
    mv_safetensors file;
    marvis_error err;
    uint8_t *copy, bytes[10] = {2, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
    assert_ok(parse_copy(bytes, sizeof bytes, &file, &copy, &err), err);
    assert_int_equal(file.n_tensors, 0);
    assert_null(mv_safetensors_find(&file, "a"));
    mv_safetensors_close(&file);
    free(copy);
}

/* ---- errors --------------------------------------------------------------------------------- */

/* A header whose error is found at the text `at` (or, with at NULL, at file offset `offset`). */
typedef struct bad_header {
    const char *header;
    size_t data_len;
    const char *at;
    int64_t offset;
    const char *message;
} bad_header;

#define T(name, type, shape, offsets)                                                              \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static const bad_header bad_headers[] = {
    {"[1, 2]", 0, NULL, 8, "object"},
    {"\"text\"", 0, NULL, 8, "object"},
    {"{\"a\":}", 0, NULL, -2, "not valid JSON"},
    {"{" T("a", "U8", "[1]", "[0,1]") "} x", 1, NULL, -2, "not valid JSON"},
    {"{" T("a", "U8", "[1]", "[0,1]") "," T("a", "U8", "[1]", "[1,2]") "}", 2, NULL, -2,
     "duplicate"},
    {"{" T("a\\u0000b", "U8", "[1]", "[0,1]") "}", 1, NULL, -2, "\\u0000"},
    {"{" T("a\xff", "U8", "[1]", "[0,1]") "}", 1, NULL, -2, "unable to decode byte 0xff"},
    {"{" T("a", "F99", "[1]", "[0,4]") "}", 4, "\"a\"", 0, "unknown type \"F99\""},
    {"{\"b\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "\"b\"", 0, "\"dtype\" is missing"},
    {"{\"b\":{\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "\"b\"", 0, "\"dtype\""},
    {"{\"b\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "\"b\"", 0, "\"shape\" is missing"},
    {"{\"b\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "\"b\"", 0, "\"data_offsets\""},
    {"{\"b\":[1]}", 4, "\"b\"", 0, "\"dtype\""},
    {"{" T("b", "F32", "[1,2,3,4,5,6,7,8,9]", "[0,4]") "}", 4, "\"b\"", 0, "9 dimensions"},
    {"{" T("b", "F32", "[-1]", "[0,4]") "}", 4, "\"b\"", 0, "\"shape\""},
    {"{" T("b", "F32", "[1.0]", "[0,4]") "}", 4, "\"b\"", 0, "\"shape\""},
    {"{" T("b", "F32", "[\"1\"]", "[0,4]") "}", 4, "\"b\"", 0, "\"shape\""},
    {"{" T("b", "F32", "[4294967296,4294967296]", "[0,4]") "}", 4, "\"b\"", 0, "overflows"},
    {"{" T("b", "F32", "[4294967296,4294967296,0]", "[0,4]") "}", 4, "\"b\"", 0, "overflows"},
    {"{" T("b", "F32", "[4611686018427387904]", "[0,0]") "}", 0, "\"b\"", 0, "span 0 bytes"},
    {"{" T("b", "F32", "[99999999999999999999]", "[0,4]") "}", 4, NULL, -2, "integer"},
    {"{" T("b", "F32", "[1]", "[0,1e400]") "}", 4, NULL, -2, "real"},
    {"{" T("b", "F32", "[1]", "[-4,0]") "}", 4, "\"b\"", 0, "0 <= begin <= end"},
    {"{" T("b", "F32", "[1]", "[4,0]") "}", 4, "\"b\"", 0, "0 <= begin <= end"},
    {"{" T("b", "F32", "[1]", "[0]") "}", 4, "\"b\"", 0, "[begin, end]"},
    {"{" T("b", "F32", "[1]", "[0,4,8]") "}", 4, "\"b\"", 0, "[begin, end]"},
    {"{" T("b", "F32", "[1]", "[0.0,4]") "}", 4, "\"b\"", 0, "[begin, end]"},
    {"{" T("b", "F32", "[1]", "{\"0\":4}") "}", 4, "\"b\"", 0, "[begin, end]"},
    {"{" T("a", "F32", "[1]", "[0,4]") "," T("b", "F32", "[1]", "[4,8]") "}", 7, "\"b\"", 0,
     "incomplete"},
    {"{" T("b", "F32", "[1]", "[9223372036854775803,9223372036854775807]") "}", 4, "\"b\"", 0,
     "incomplete"},
    {"{" T("b", "F32", "[2]", "[0,4]") "}", 4, "\"b\"", 0, "expected 2 values of type F32"},
    {"{" T("b", "BF16", "[1]", "[0,4]") "}", 4, "\"b\"", 0, "expected 1 values of type BF16"},
    {"{" T("a", "U8", "[4]", "[0,4]") "," T("b", "U8", "[4]", "[3,7]") "}", 7, "\"b\"", 0,
     "overlap"},
    {"{" T("a", "U8", "[4]", "[0,4]") "," T("b", "U8", "[4]", "[0,4]") "}", 4, "\"b\"", 0,
     "overlap"},
    {"{" T("a", "U8", "[4]", "[0,4]") "," T("b", "U8", "[2]", "[5,7]") "}", 7, "\"b\"", 0, "hole"},
    {"{" T("c", "U8", "[2]", "[1,3]") "}", 3, "\"c\"", 0, "hole"},
    {"{" T("z\\\"q", "U8", "[2]", "[1,3]") "}", 3, "\"z\\\"q\"", 0, "hole"},
    {"{\"x\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0],\"y\":{\"c\":\"c\"}}," T(
         "c", "U8", "[2]", "[1,3]") "}",
     3, "\"c\":{\"dtype\"", 0, "hole"},
    {"{\"__metadata__\":[],\"c\":{}}", 0, "\"__metadata__\"", 0, "strings"},
    {"{\"__metadata__\":{\"format\":1}}", 0, "\"__metadata__\"", 0, "strings"},
};

static void bad_headers_are_refused_where_they_err(void **state) {
    (void)state;
    size_t n = 0;
    for (size_t i = 0; i < COUNT(bad_headers); i++, n++) {
        const bad_header *c = &bad_headers[i];
        size_t len;
        mv_safetensors file;
        marvis_error err;
        uint8_t *bytes = fx_bytes(c->header, c->data_len, &len), *copy;
        marvis_status status = parse_copy(bytes, len, &file, &copy, &err);
        if (status != MARVIS_ERR_FORMAT) fail_msg("case %zu: status %d", i, (int)status);
        assert_message(&err, c->header, "dir/m.safetensors: ");
        assert_message(&err, c->header, c->message);
        if (c->offset == -2) { /* inside the header, where jansson stopped */
            if (err.position <= 8 || err.position > 8 + (int64_t)strlen(c->header))
                fail_msg("case %zu: position %lld", i, (long long)err.position);
        } else {
            int64_t expected = c->at ? 8 + (strstr(c->header, c->at) - c->header) : c->offset;
            if (err.position != expected)
                fail_msg("case %zu: position %lld, expected %lld", i, (long long)err.position,
                         (long long)expected);
        }
        assert_null(file.tensors);
        assert_null(file.path);
        free(copy);
        free(bytes);
    }
    assert_int_equal(n, 40);
}

static void json_errors_have_exact_positions(void **state) {
    (void)state;
    /* jansson reports the offset just past the token it could not use */
    static const char header[] = "{\"a\": nul}";
    size_t len;
    mv_safetensors file;
    marvis_error err;
    uint8_t *bytes = fx_bytes(header, 0, &len), *copy;
    assert_int_equal(parse_copy(bytes, len, &file, &copy, &err), MARVIS_ERR_FORMAT);
    assert_int_equal(err.position, 8 + 9);
    free(copy);
    free(bytes);
}

static void nesting_is_limited(void **state) {
    (void)state;
    char header[4096] = "{\"a\":";
    for (int i = 0; i < 1000; i++)
        strcat(header, "[");
    size_t len;
    mv_safetensors file;
    marvis_error err;
    uint8_t *bytes = fx_bytes(header, 0, &len), *copy;
    assert_int_equal(parse_copy(bytes, len, &file, &copy, &err), MARVIS_ERR_FORMAT);
    assert_message(&err, "nesting", "nested deeper than 64");
    assert_int_equal(err.position, 8 + 5 + 63); /* the object is level 1 */
    free(copy);
    free(bytes);
}

static void bad_lengths_are_refused(void **state) {
    (void)state;
    static const struct {
        uint64_t header_len;
        size_t len;
        int64_t position;
        const char *message;
    } cases[] = {
        {0, 0, 0, "0 bytes long"},
        {2, 1, 1, "1 bytes long"},
        {2, 7, 7, "7 bytes long"},
        {0, 64, 0, "header length 0"},
        {1, 64, 0, "header length 1"},
        {57, 64, 64, "header of 57 bytes, but the file has 64"},
        {2, 8, 8, "header of 2 bytes, but the file has 8"},
        {(16u << 20) + 1, 64, 0, "at most 16777216"},
        {UINT64_C(1) << 63, 64, 0, "at most 16777216"},
        {UINT64_MAX, 64, 0, "at most 16777216"},
        {UINT64_MAX - 7, 64, 0, "at most 16777216"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t bytes[64] = {0}, *copy;
        mv_safetensors file;
        marvis_error err;
        fx_le64(bytes, cases[i].header_len);
        assert_int_equal(parse_copy(bytes, cases[i].len, &file, &copy, &err), MARVIS_ERR_FORMAT);
        assert_message(&err, "length", cases[i].message);
        assert_int_equal(err.position, cases[i].position);
        free(copy);
    }
}

static void other_formats_are_named(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        marvis_status status;
        const char *message;
    } cases[] = {
        {"version https://git-lfs.github.com/spec/v1\noid sha256:0", MARVIS_ERR_FORMAT,
         "git lfs pull"},
        {"GGUF\3___________", MARVIS_ERR_UNSUPPORTED, "GGUF"},
        {"PK\3\4____________", MARVIS_ERR_UNSUPPORTED, "save the weights as safetensors"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        mv_safetensors file;
        marvis_error err;
        uint8_t *copy;
        marvis_status status =
            parse_copy(cases[i].bytes, strlen(cases[i].bytes), &file, &copy, &err);
        assert_int_equal(status, cases[i].status);
        assert_message(&err, "format", cases[i].message);
        assert_int_equal(err.position, 0);
        free(copy);
    }
}

static void every_truncation_and_extension_is_refused(void **state) {
    (void)state;
    static const char header[] =
        "{" T("a", "F32", "[2,2]", "[0,16]") "," T("b", "U8", "[5]", "[16,21]") "}";
    size_t len, n = 0;
    uint8_t *bytes = fx_bytes(header, 21, &len);
    for (size_t cut = 0; cut < len; cut++, n++) {
        mv_safetensors file;
        marvis_error err;
        uint8_t *copy;
        marvis_status status = parse_copy(bytes, cut, &file, &copy, &err);
        if (status != MARVIS_ERR_FORMAT) fail_msg("cut at %zu: status %d", cut, (int)status);
        free(copy);
    }
    assert_int_equal(n, 8 + strlen(header) + 21);
    free(bytes);

    mv_safetensors file;
    marvis_error err;
    uint8_t *copy;
    bytes = fx_bytes(header, 22, &len);
    assert_int_equal(parse_copy(bytes, len, &file, &copy, &err), MARVIS_ERR_FORMAT);
    assert_message(&err, "extension", "1 bytes follow the last tensor");
    assert_int_equal(err.position, len - 1);
    free(copy);
    free(bytes);
}

/* Random damage either is refused or leaves tensors that lie inside the file. */
static void damaged_files_stay_inside(void **state) {
    (void)state;
    static const char header[] =
        "{" T("a", "F32", "[2,2]", "[0,16]") "," T("b", "U8", "[5]", "[16,21]") "}";
    size_t len, n_good = 0, n_bad = 0;
    uint8_t *bytes = fx_bytes(header, 21, &len);
    uint64_t seed = 20260101;
    for (int round = 0; round < 4000; round++) {
        mv_safetensors file;
        marvis_error err;
        uint8_t *copy, *damaged = malloc(len);
        memcpy(damaged, bytes, len);
        for (uint64_t k = test_random(&seed) % 3 + 1; k > 0; k--)
            damaged[test_random(&seed) % len] =
                (uint8_t) "0123456789[]{},:\"\\ aeF\0\xff"[test_random(&seed) % 25];
        if (parse_copy(damaged, len, &file, &copy, &err) == MARVIS_OK) {
            for (size_t i = 0; i < file.n_tensors; i++) {
                const mv_tensor *t = &file.tensors[i];
                assert_true(t->data >= copy && t->data + t->len_bytes <= copy + len);
                assert_int_equal(t->n_values * mv_dtype_bytes(t->type), t->len_bytes);
            }
            mv_safetensors_close(&file);
            n_good++;
        } else {
            n_bad++;
        }
        free(copy);
        free(damaged);
    }
    assert_true(n_good > 100 && n_bad > 100);
    free(bytes);
}

/* ---- files ---------------------------------------------------------------------------------- */

static void opening_maps_the_file(void **state) {
    (void)state;
    fx_builder *b = fx_new();
    fx_add(b, "t", "U8", "[3]", "abc", 3);
    const char *path = fx_finish_at(b, "odd.safetensors", 5);
    mv_safetensors file;
    marvis_error err;
    assert_ok(mv_safetensors_open(path, &file, &err), err);
    assert_int_equal(file.n_tensors, 1);
    assert_memory_equal(file.tensors[0].data, "abc", 3);
    mv_safetensors_close(&file);

    assert_int_equal(mv_safetensors_open(fx_path("none.safetensors"), &file, &err),
                     MARVIS_ERR_NOT_FOUND);
    assert_message(&err, "absent", "none.safetensors");
    assert_int_equal(mv_safetensors_open(test_temp_dir(), &file, &err), MARVIS_ERR_IO);
    assert_int_equal(mv_safetensors_open(fx_text("empty.safetensors", ""), &file, &err),
                     MARVIS_ERR_FORMAT);
    assert_message(&err, "empty", "empty.safetensors: 0 bytes");
}

static void written_files_are_read_back(void **state) {
    (void)state;
    static const char *const names[] = {"z", "codes \"q\"", "scalar", "none"};
    static const int32_t codes[6] = {1, -2, 3, -4, 5, 2147483647};
    static const float scalar = 0.25f;
    const marvis_tensor_view views[] = {{"U8", 1, {3}, "xyz", 3},
                                        {"I32", 2, {2, 3}, codes, sizeof codes},
                                        {"F32", 0, {0}, &scalar, 4},
                                        {"F16", 2, {0, 5}, NULL, 0}};
    const char *path = fx_path("written.safetensors");
    mv_safetensors file;
    marvis_error err;
    assert_ok(mv_safetensors_write(path, 4, names, views, &err), err);
    assert_ok(mv_safetensors_open(path, &file, &err), err);
    assert_int_equal(file.n_tensors, 4);
    for (size_t i = 0; i < 4; i++) {
        const mv_tensor *t = mv_safetensors_find(&file, names[i]);
        assert_non_null(t);
        assert_string_equal(mv_dtype_name(t->type), views[i].type);
        assert_int_equal(t->n_dims, views[i].n_dims);
        for (int d = 0; d < t->n_dims; d++)
            assert_int_equal(t->shape[d], views[i].shape[d]);
        assert_int_equal(t->len_bytes, views[i].len_bytes);
        if (t->len_bytes) assert_memory_equal(t->data, views[i].data, t->len_bytes);
    }
    assert_int_equal((mv_safetensors_find(&file, "z")->data - file.map.data) % 8, 0);
    mv_safetensors_close(&file);
    assert_ok(mv_safetensors_write(path, 0, NULL, NULL, &err), err);
    assert_ok(mv_safetensors_open(path, &file, &err), err);
    assert_int_equal(file.n_tensors, 0);
    mv_safetensors_close(&file);
}

static void wrong_tensors_are_not_written(void **state) {
    (void)state;
    static const marvis_tensor_view good = {"U8", 1, {1}, "x", 1};
    static const struct {
        const char *names[2];
        marvis_tensor_view second;
        const char *message;
    } cases[] = {
        {{"a", "a"}, {"U8", 1, {1}, "x", 1}, "given twice"},
        {{"a", "__metadata__"}, {"U8", 1, {1}, "x", 1}, "reserved"},
        {{"a", "\xff"}, {"U8", 1, {1}, "x", 1}, "UTF-8"},
        {{"a", "b"}, {"U9", 1, {1}, "x", 1}, "unknown type"},
        {{"a", "b"}, {NULL, 1, {1}, "x", 1}, "unknown type"},
        {{"a", "b"}, {"F32", 1, {1}, "x", 1}, "shape"},
        {{"a", "b"}, {"U8", 1, {-1}, "x", 1}, "shape"},
        {{"a", "b"}, {"U8", 9, {1}, "x", 1}, "shape"},
        {{"a", "b"}, {"U8", 2, {INT64_MAX, INT64_MAX}, "x", 1}, "shape"},
        {{"a", "b"}, {"U8", 1, {1}, NULL, 1}, "shape"},
    };
    const char *path = fx_text("kept.safetensors", "as it was");
    for (size_t i = 0; i < COUNT(cases); i++) {
        marvis_error err;
        const marvis_tensor_view views[] = {good, cases[i].second};
        assert_int_equal(mv_safetensors_write(path, 2, cases[i].names, views, &err),
                         MARVIS_ERR_CALL);
        assert_message(&err, "write", "kept.safetensors");
        assert_message(&err, "write", cases[i].message);
    }
    char text[16] = "";
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(text, 1, sizeof text - 1, f), 9);
    fclose(f);
    assert_string_equal(text, "as it was");
    marvis_error err;
    const char *const name = "a";
    assert_int_equal(
        mv_safetensors_write(fx_path("absent") /* a file in no folder */, 1, &name, &good, &err),
        MARVIS_OK);
    assert_int_equal(mv_safetensors_write("/nonexistent/x.safetensors", 1, &name, &good, &err),
                     MARVIS_ERR_IO);
}

static void memory_may_run_out_anywhere(void **state) {
    (void)state;
    static const char *const names[] = {"a", "b"};
    static const marvis_tensor_view views[] = {{"U8", 1, {1}, "x", 1}, {"U8", 1, {1}, "y", 1}};
    const char *path = fx_path("torture.safetensors");
    mv_safetensors file;
    marvis_error err;
    int n_write = 0, n_open = 0;
    for (int forever = 0; forever <= 1; forever++) {
        for (uint64_t n = 1;; n++, n_write++) {
            mv_alloc_fail_after(n, forever);
            marvis_status status = mv_safetensors_write(path, 2, names, views, &err);
            mv_alloc_fail_after(0, false);
            if (status == MARVIS_OK) break;
            assert_int_equal(status, MARVIS_ERR_MEMORY);
        }
        for (uint64_t n = 1;; n++, n_open++) {
            mv_alloc_fail_after(n, forever);
            marvis_status status = mv_safetensors_open(path, &file, &err);
            mv_alloc_fail_after(0, false);
            if (status == MARVIS_OK) break;
            assert_int_equal(status, MARVIS_ERR_MEMORY);
            assert_null(file.tensors);
        }
        mv_safetensors_close(&file);
    }
    assert_true(n_write >= 4 && n_open >= 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_file_becomes_sorted_tensors),
        cmocka_unit_test(archives_are_called_by_their_name),
        cmocka_unit_test(every_type_has_its_size),
        cmocka_unit_test(file_without_tensors_is_legal),
        cmocka_unit_test(bad_headers_are_refused_where_they_err),
        cmocka_unit_test(json_errors_have_exact_positions),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(bad_lengths_are_refused),
        cmocka_unit_test(other_formats_are_named),
        cmocka_unit_test(every_truncation_and_extension_is_refused),
        cmocka_unit_test(damaged_files_stay_inside),
        cmocka_unit_test(opening_maps_the_file),
        cmocka_unit_test(written_files_are_read_back),
        cmocka_unit_test(wrong_tensors_are_not_written),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
