/* test_normalize.c - text as written to text as spoken: the table of tests/data/normalize.tsv, and
 * what must hold for any text. */
#include "support.h"

#include "base/file.h"
#include "base/memory.h"
#include "text/normalize_parts.h"
#include "text/utf8.h"

enum { N_CASES = 540, MAX_TEXT = 8192, N_RANDOM = 500 }; /* more of them: fuzz/ */

/* The table's file, whole; freed with mv_free. */
static char *read_table(size_t *len) {
    char *data, *text;
    marvis_error err;
    assert_ok(mv_file_read(test_path("data/normalize.tsv"), 1 << 20, &data, len, &err), err);
    text = mv_strndup(data, *len);
    assert_non_null(text);
    mv_free(data);
    return text;
}

/* Writes the n bytes at p without their escapes; returns the length. */
static size_t unescape(const char *p, size_t n, char *out) {
    static const char letters[] = "nt\\", meant[] = "\n\t\\";
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        const char *found = p[i] == '\\' && i + 1 < n ? strchr(letters, p[i + 1]) : NULL;
        if (found) i++;
        out[len++] = found ? meant[found - letters] : p[i];
    }
    out[len] = '\0';
    return len;
}

/* Calls `check` for every case of the table; returns how many there were. */
static size_t each_case(void (*check)(const char *written, size_t n, const char *spoken)) {
    size_t len, n_cases = 0;
    char *table = read_table(&len);
    char *written = malloc(MAX_TEXT), *spoken = malloc(MAX_TEXT);
    assert_non_null(written);
    assert_non_null(spoken);
    for (const char *line = table; *line;) {
        size_t n = strcspn(line, "\n"), n_written = strcspn(line, "\t\n");
        if (n_written < n) {
            n_written = unescape(line, n_written, written);
            unescape(line + strcspn(line, "\t") + 1, n - strcspn(line, "\t") - 1, spoken);
            check(written, n_written, spoken);
            n_cases++;
        } else {
            assert_int_equal(*line, '#');
        }
        line += n + (line[n] == '\n');
    }
    free(written);
    free(spoken);
    mv_free(table);
    return n_cases;
}

/* The text in an allocation of its exact size, so that a sanitizer sees the first byte too many. */
static char *normalize(const char *text, size_t n, size_t *out_len) {
    char *copy = malloc(n ? n : 1), *out;
    marvis_error err;
    assert_non_null(copy);
    memcpy(copy, text, n);
    assert_ok(marvis_normalize(copy, n, &out, out_len, &err), err);
    free(copy);
    assert_non_null(out);
    assert_int_equal(strlen(out), *out_len);
    return out;
}

/* ---- the table ------------------------------------------------------------------------------ */

static size_t n_wrong;

static void check_case(const char *written, size_t n, const char *spoken) {
    size_t len;
    char *out = normalize(written, n, &len);
    if (strcmp(out, spoken) != 0) {
        print_message("# written: %s\n# wanted:  %s\n# got:     %s\n", written, spoken, out);
        n_wrong++;
    }
    marvis_free(out);
}

static void table_is_spoken_as_written_there(void **state) {
    (void)state;
    n_wrong = 0;
    assert_int_equal(each_case(check_case), N_CASES);
    assert_int_equal(n_wrong, 0);
}

/* ---- for any text --------------------------------------------------------------------------- */

/* Letters, digits of other scripts, and plain punctuation: nothing else comes out. */
static void assert_plain(const char *out) {
    for (const char *p = out; *p; p++) {
        if (!mv_is_letter(*p) && !strchr(" \n'\".,;:!?-", *p))
            fail_msg("'%c' (0x%02x) came out: %s", *p, (unsigned char)*p, out);
    }
    assert_null(strstr(out, "  "));
    assert_null(strstr(out, " ,"));
    assert_null(strstr(out, ",,"));
}

static void assert_stable(const char *text, size_t n) {
    size_t len, again_len;
    char *out = normalize(text, n, &len), *again;
    assert_plain(out);
    again = normalize(out, len, &again_len);
    if (strcmp(out, again) != 0) fail_msg("\"%s\" became \"%s\"", out, again);
    marvis_free(out);
    marvis_free(again);
}

static void stable_case(const char *written, size_t n, const char *spoken) {
    (void)spoken;
    assert_stable(written, n);
}

static void result_is_plain_and_stays(void **state) {
    (void)state;
    assert_int_equal(each_case(stable_case), N_CASES);
}

/* What the random texts below are put together from. */
typedef struct pieces {
    char *text[1024];
    size_t len[1024];
    size_t n;
} pieces;
static pieces written_pieces;

static void keep_piece(const char *written, size_t n, const char *spoken) {
    pieces *w = &written_pieces;
    (void)spoken;
    assert_true(w->n < 1024);
    w->text[w->n] = malloc(n + 1);
    assert_non_null(w->text[w->n]);
    memcpy(w->text[w->n], written, n + 1);
    w->len[w->n++] = n;
}

static int make_pieces(void **state) {
    (void)state;
    each_case(keep_piece);
    return 0;
}

static int free_pieces(void **state) {
    (void)state;
    for (size_t i = 0; i < written_pieces.n; i++)
        free(written_pieces.text[i]);
    written_pieces.n = 0;
    return 0;
}

static size_t below(uint64_t *seed, size_t n) { return (size_t)(test_random(seed) % n); }

/* Cases of the table, parts of them, and signs, side by side. */
static size_t mixed_text(uint64_t *seed, char *text) {
    static const char *const glue[] = {" ", "\n", "\n\n", ".", ". ", "\"", "'", "(",
                                       ")", "-",  " A",   "I", "*",  "_",  "[", "](a.b)",
                                       "`", "#",  "|",    "<", "&",  "5"};
    size_t n = 0, n_parts = 1 + below(seed, 6);
    for (size_t i = 0; i < n_parts; i++) {
        size_t k = below(seed, written_pieces.n), len = written_pieces.len[k];
        size_t from = below(seed, 2) ? below(seed, len + 1) : 0;
        size_t to = below(seed, 2) ? from + below(seed, len - from + 1) : len;
        const char *with = glue[below(seed, sizeof glue / sizeof glue[0])];
        memcpy(text + n, written_pieces.text[k] + from, to - from);
        n += to - from;
        memcpy(text + n, with, strlen(with));
        n += strlen(with);
    }
    return n;
}

static void mixtures_are_plain_and_stay(void **state) {
    (void)state;
    char *text = malloc(MAX_TEXT);
    uint64_t seed = 1;
    assert_non_null(text);
    assert_int_equal(written_pieces.n, N_CASES);
    for (int i = 0; i < N_RANDOM; i++)
        assert_stable(text, mixed_text(&seed, text));
    free(text);
}

static void random_bytes_are_survived(void **state) {
    (void)state;
    char text[256];
    uint64_t seed = 2;
    for (int i = 0; i < N_RANDOM; i++) {
        size_t n = below(&seed, sizeof text);
        for (size_t k = 0; k < n; k++)
            text[k] = (char)(unsigned char)test_random(&seed);
        assert_stable(text, n);
    }
}

static void random_characters_are_survived(void **state) {
    (void)state;
    static const uint32_t planes[] = {0x80,   0x250,  0x2000,  0x2100,
                                      0x3100, 0xff00, 0x1d400, 0x1f300};
    char text[256];
    uint64_t seed = 3;
    for (int i = 0; i < N_RANDOM; i++) {
        size_t n = 0;
        while (n < sizeof text - 8) {
            uint32_t cp = planes[below(&seed, 8)] + (uint32_t)below(&seed, 256);
            if (below(&seed, 2)) cp = 32 + (uint32_t)below(&seed, 95);
            n += mv_utf8_encode(cp, text + n);
        }
        assert_stable(text, n);
    }
}

/* ---- no word is lost ------------------------------------------------------------------------- */

/* A letter of the words below: ASCII or two bytes long, as no sign between them is. */
static bool is_letter_at(const char *p) {
    return mv_is_alpha(*p) || (mv_is_foreign(*p) && (unsigned char)*p < 0xe0);
}

/* The next word of letters at *p: its length, with *p on it; 0: none. */
static size_t next_word(const char **p) {
    size_t n = 0;
    while (**p && !is_letter_at(*p))
        *p += mv_utf8_len(**p);
    while (is_letter_at(*p + n))
        n++;
    return n;
}

/* Every word of `text` stands in `out`, in order; more may stand between them. */
static void assert_words_kept(const char *text, const char *out) {
    const char *p = text, *q = out;
    size_t n, m;
    for (; (n = next_word(&p)) > 0; p += n) {
        for (;; q += m) {
            m = next_word(&q);
            if (m == 0) fail_msg("'%.*s' is lost: \"%s\" became \"%s\"", (int)n, p, text, out);
            if (m == n && memcmp(p, q, n) == 0) break;
        }
        q += m;
    }
}

static void no_word_is_lost(void **state) {
    (void)state;
    static const char *const words[] = {
        "apple",
        "river",
        "Anna",
        "seven",
        "walked",
        "the",
        "a",
        "caf\u00e9",
        "\u00fcber",
        "I",
        "people",
        "bread",
        "quickly",
        "green",
        "said",
        "London",
        "\u043c\u0438\u0440",
        "may",
    };
    static const char *const between[] = {
        " ",    " ",     " ",       " ",        ", ",      ". ",           "! ",      "? ",
        "; ",   ": ",    " - ",     " \u2014 ", "\u2014",  " (",           ") ",      " \"",
        "\" ",  " [",    "] ",      " {",       "} ",      "\n",           "\n\n",    "\n- ",
        "\n# ", "\n1. ", " 12 ",    " $5 ",     " 50% ",   " \U0001F600 ", " & ",     " / ",
        " | ",  " *",    "* ",      " **",      "** ",     " _",           "_ ",      " `",
        "` ",   " #",    " @ ",     " ~ ",      "\u2026 ", "??? ",         " \u2018", "\u2019 ",
        "\t",   " 3/4 ", " 10:30 ", " 2024 ",   "\u200b ", " ... ",        "\n> ",    "\n| ",
        " = ",  "+",     " ^ ",     "[1] ",
    };
    char text[2048];
    uint64_t seed = 4;
    for (int i = 0; i < N_RANDOM; i++) {
        size_t n = 0, len, n_words = 1 + below(&seed, 20);
        char *out;
        for (size_t k = 0; k < n_words; k++) {
            const char *word = words[below(&seed, sizeof words / sizeof words[0])];
            const char *gap = between[below(&seed, sizeof between / sizeof between[0])];
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", word, gap);
        }
        out = normalize(text, n, &len);
        assert_words_kept(text, out);
        marvis_free(out);
    }
}

/* ---- length and memory ----------------------------------------------------------------------- */

/* So much of what readers look ahead from that looking to the end each time would take hours. */
static void long_text_takes_its_length(void **state) {
    (void)state;
    static const char *const parts[] = {
        "[",   "](",  "<a ", "<!--",  "*",     "a.", "1-", "1/", "(1) ", "\"", "www.", "a@",
        "&#1", "$1-", "A.",  "1,111", "```\n", "| ", "/a", "- ", "1:",   "'",  "12 ",  "http://"};
    size_t n = 1 << 16, n_parts = sizeof parts / sizeof parts[0];
    char *text = malloc(n + 16);
    assert_non_null(text);
    for (size_t k = 0; k < n_parts; k++) {
        size_t len = strlen(parts[k]), out_len;
        for (size_t i = 0; i < n; i += len)
            memcpy(text + i, parts[k], len);
        marvis_free(normalize(text, n, &out_len));
    }
    free(text);
}

static void without_memory_it_fails(void **state) {
    (void)state;
    static const char text[] = "On 3/4/2024 **Dr. Smith** paid $12.50 (or 5%) at 10:30.";
    for (uint64_t nth = 1;; nth++) {
        char *out;
        size_t len;
        marvis_error err;
        uint64_t before = mv_alloc_count();
        mv_alloc_fail_after(nth, nth % 2 == 0);
        marvis_status status = marvis_normalize(text, strlen(text), &out, &len, &err);
        mv_alloc_fail_after(0, false);
        if (status == MARVIS_OK) {
            marvis_free(out);
            assert_true(nth > 4 && mv_alloc_count() - before < nth);
            return;
        }
        assert_int_equal(status, MARVIS_ERR_MEMORY);
        assert_null(out);
        assert_int_equal(len, 0);
    }
}

static void nothing_and_no_text(void **state) {
    (void)state;
    char *out;
    size_t len;
    marvis_error err;
    assert_ok(marvis_normalize(NULL, 0, &out, &len, &err), err);
    assert_int_equal(len, 0);
    assert_string_equal(out, "");
    marvis_free(out);
    assert_int_equal(marvis_normalize(NULL, 1, &out, &len, &err), MARVIS_ERR_CALL);
    assert_null(out);
    out = normalize("a\0b \xff\xfe c\xc3", 9, &len);
    assert_string_equal(out, "ab c");
    marvis_free(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_spoken_as_written_there),
        cmocka_unit_test(result_is_plain_and_stays),
        cmocka_unit_test(mixtures_are_plain_and_stay),
        cmocka_unit_test(random_bytes_are_survived),
        cmocka_unit_test(random_characters_are_survived),
        cmocka_unit_test(no_word_is_lost),
        cmocka_unit_test(long_text_takes_its_length),
        cmocka_unit_test(without_memory_it_fails),
        cmocka_unit_test(nothing_and_no_text),
    };
    return cmocka_run_group_tests(tests, make_pieces, free_pieces);
}
