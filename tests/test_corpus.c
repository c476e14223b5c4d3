/* test_corpus.c - replays one fuzz driver's corpus without libFuzzer: seeds, and every input
 * that once broke something. Built once per driver, whose name is FUZZ_NAME; the driver aborts
 * on what must not be. */
#include "support.h"

#include "base/file.h"
#include "base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void corpus_is_survived(void **state) {
    (void)state;
    const char *folder = test_path("../fuzz/corpus/" FUZZ_NAME);
    char **files;
    size_t n, n_run = 0;
    marvis_error err;
    assert_ok(mv_dir_list(folder, &files, &n, &err), err);
    for (size_t i = 0; i < n; i++, n_run++) {
        char *data, *path = mv_path_join(folder, files[i]);
        size_t len;
        assert_non_null(path);
        assert_ok(mv_file_read(path, 1 << 24, &data, &len, &err), err);
        assert_int_equal(LLVMFuzzerTestOneInput((const uint8_t *)data, len), 0);
        mv_free(data);
        mv_free(path);
    }
    mv_names_free(&files, n);
    assert_true(n_run >= 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus_is_survived)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
