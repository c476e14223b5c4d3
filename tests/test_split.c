/* test_split.c - long text into pieces: the table of tests/data/split.tsv, and what must hold for
 * any text, however it is fed. */
#include "support.h"

#include "base/file.h"
#include "base/memory.h"
#include "text/split.h"
#include "text/utf8.h"

enum { N_CASES = 190, MAX_TEXT = 8192, MAX_PIECES = 4096 };

/* ---- splitting ------------------------------------------------------------------------------- */

/* All pieces of a text. */
typedef struct result {
    struct {
        char *text;
        size_t len, n_chars;
        uint64_t begin, end;
        mv_split_border border;
        bool has_words;
    } piece[MAX_PIECES];
    size_t n;
} result;

static mv_split *create(const mv_split_options *options) {
    mv_split *split;
    marvis_error err;
    assert_ok(mv_split_create(options, &split, &err), err);
    return split;
}

static void take_pieces(mv_split *split, result *r) {
    mv_split_piece p;
    while (mv_split_next(split, &p)) {
        assert_true(r->n < MAX_PIECES);
        assert_int_equal(p.text[p.len], '\0');
        r->piece[r->n].text = malloc(p.len + 1);
        assert_non_null(r->piece[r->n].text);
        memcpy(r->piece[r->n].text, p.text, p.len + 1);
        r->piece[r->n].len = p.len;
        r->piece[r->n].n_chars = p.n_chars;
        r->piece[r->n].begin = p.begin;
        r->piece[r->n].end = p.end;
        r->piece[r->n].border = p.border;
        r->piece[r->n++].has_words = p.has_words;
    }
}

static void free_pieces(result *r) {
    for (size_t i = 0; i < r->n; i++)
        free(r->piece[i].text);
    r->n = 0;
}

/* Feeds parts of 1..most bytes (seed: their sizes), taking what comes after each. */
static void split_parts(mv_split *split, const char *text, size_t len, size_t most, uint64_t *seed,
                        result *r) {
    r->n = 0;
    for (size_t i = 0; i < len;) {
        size_t n = most == 1 ? 1 : 1 + (size_t)(test_random(seed) % most);
        char *part;
        if (n > len - i) n = len - i;
        part = malloc(n);
        assert_non_null(part);
        memcpy(part, text + i, n);
        n = mv_split_feed(split, part, n);
        free(part);
        assert_true(n > 0);
        i += n;
        take_pieces(split, r);
    }
    mv_split_end(split);
    take_pieces(split, r);
}

/* ---- the table ------------------------------------------------------------------------------- */

/* "min=5,soft=40,lines" */
static mv_split_options parse_options(const char *s) {
    mv_split_options o;
    mv_split_options_init(&o);
    o.min_chars = 0;
    while (*s != '\t') {
        size_t n = strcspn(s, "=,\t"), value = 0;
        if (s[n] == '=') value = (size_t)strtoul(s + n + 1, NULL, 10);
        if (strncmp(s, "min", n) == 0)
            o.min_chars = value;
        else if (strncmp(s, "target", n) == 0)
            o.target_chars = value;
        else if (strncmp(s, "soft", n) == 0)
            o.soft_chars = value;
        else if (strncmp(s, "hard", n) == 0)
            o.hard_chars = value;
        else if (strncmp(s, "first", n) == 0)
            o.first_chars = value;
        else if (strncmp(s, "lines", n) == 0)
            o.lines = true;
        else
            fail_msg("unknown option: %s", s);
        s += strcspn(s, ",\t");
        s += *s == ',';
    }
    return o;
}

/* A text with its borders marked, without escapes: source [len] and where pieces end in it. */
typedef struct marked_text {
    char source[MAX_TEXT];
    size_t len, ends[64], n_ends;
} marked_text;

static void parse_text(const char *s, marked_text *t) {
    static const char letters[] = "nrtp\\", meant[] = "\n\r\t|\\";
    t->len = t->n_ends = 0;
    for (; *s != '\t'; s++) {
        if (*s == '|') {
            t->ends[t->n_ends++] = t->len;
        } else if (*s == '\\' && s[1] == 'u') {
            t->len +=
                mv_utf8_encode((uint32_t)strtoul((char[]){s[2], s[3], s[4], s[5], 0}, NULL, 16),
                               t->source + t->len);
            s += 5;
        } else if (*s == '\\') {
            const char *letter = strchr(letters, *++s);
            assert_non_null(letter);
            t->source[t->len++] = meant[letter - letters];
        } else {
            t->source[t->len++] = *s;
        }
    }
    t->ends[t->n_ends++] = t->len;
}

static bool is_blank(const char *s, size_t n) {
    uint32_t cp;
    for (size_t i = 0; i < n; i += mv_utf8_decode(s + i, n - i, &cp), cp = 0)
        if (mv_utf8_decode(s + i, n - i, &cp), !mv_is_white_space(cp)) return false;
    return true;
}

/* Pieces end in the source where the table says, but for white space. */
static bool is_as_marked(const result *r, const marked_text *t, const char *kinds) {
    if (r->n != t->n_ends || r->n != strcspn(kinds, "\n")) return false;
    for (size_t i = 0; i < r->n; i++) {
        size_t end = (size_t)r->piece[i].end;
        size_t low = end < t->ends[i] ? end : t->ends[i], high = end + t->ends[i] - low;
        if (!is_blank(t->source + low, high - low)) return false;
        if (kinds[i] != "fcsp"[r->piece[i].border]) return false;
    }
    return true;
}

static void table_is_split_as_marked(void **state) {
    (void)state;
    size_t len, n_cases = 0, n_wrong = 0;
    char *data, *table;
    result *r = malloc(sizeof *r);
    marked_text *t = malloc(sizeof *t);
    marvis_error err;
    assert_non_null(r);
    assert_non_null(t);
    assert_ok(mv_file_read(test_path("data/split.tsv"), 1 << 20, &data, &len, &err), err);
    table = mv_strndup(data, len);
    assert_non_null(table);
    for (const char *line = table; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (*line == '#') continue;
        const char *text = line + strcspn(line, "\t") + 1, *kinds = text + strcspn(text, "\t") + 1;
        mv_split_options options = parse_options(line);
        mv_split *split = create(&options);
        parse_text(text, t);
        split_parts(split, t->source, t->len, 1, NULL, r);
        mv_split_destroy(&split);
        n_cases++;
        if (!is_as_marked(r, t, kinds)) {
            print_message("# wanted: %.*s\n# got:    ", (int)strcspn(line, "\n"), line);
            for (size_t i = 0; i < r->n; i++)
                print_message("%s|%c ", r->piece[i].text, "fcsp"[r->piece[i].border]);
            print_message("\n");
            n_wrong++;
        }
        free_pieces(r);
    }
    free(t);
    free(r);
    mv_free(table);
    mv_free(data);
    assert_int_equal(n_cases, N_CASES);
    assert_int_equal(n_wrong, 0);
}

/* ---- random texts ---------------------------------------------------------------------------- */

static size_t below(uint64_t *seed, size_t n) { return (size_t)(test_random(seed) % n); }

/* Words, marks and white space of all kinds, and now and then invalid bytes. */
static size_t random_text(uint64_t *seed, char *text, size_t n_parts) {
    static const char *const parts[] = {"word",
                                        "The",
                                        "a",
                                        "Dr",
                                        "Mr",
                                        "e.g",
                                        "No",
                                        "5",
                                        "3.14",
                                        "U.S",
                                        "p.m",
                                        "i",
                                        "I",
                                        "and",
                                        "which",
                                        "but",
                                        "Chapter",
                                        "II",
                                        "CAPITALS",
                                        "HERE",
                                        "caf\u00e9",
                                        "\u00c9mile",
                                        "na\u0131ve",
                                        "\u4f60\u597d",
                                        "\u3002",
                                        "\uff0c",
                                        "\u300c",
                                        "\u300d",
                                        "\U0001F600",
                                        "\u0434\u0430",
                                        "antidisestablishmentarianismantidisestablishmentarianism",
                                        "x@y.com",
                                        "http://a.b/c?d=e",
                                        "\xff",
                                        "\xc3",
                                        "\xe2\x82",
                                        "\xf0\x90",
                                        "\x80",
                                        "\xed\xa0\x80"};
    static const char *const marks[] = {".",      ".",      "?",   "!",      ",", ",",  ";",
                                        ":",      "\u2026", "...", "\u2014", "-", "--", "\"",
                                        "\u201c", "\u201d", "'",   "(",      ")", "]",  "#",
                                        "*",      "\u00bb", "[1]", "\u0301", "|"};
    static const char *const gaps[] = {" ",       " ",      " ",      " ",    "  ",   "\n",
                                       "\n",      "\n\n",   "\r\n",   "\t",   "\r",   "\u00a0",
                                       "\u2028",  "\u2029", "\u3000", "\n# ", "\n- ", "\n2. ",
                                       "\n---\n", " . . ",  "\n \n",  "\f"};
    size_t n = 0;
    for (size_t i = 0; i < n_parts; i++) {
        const char *add[3] = {parts[below(seed, sizeof parts / sizeof *parts)], "", ""};
        if (below(seed, 3) == 0) add[1] = marks[below(seed, sizeof marks / sizeof *marks)];
        if (below(seed, 8) > 0) add[2] = gaps[below(seed, sizeof gaps / sizeof *gaps)];
        for (size_t k = 0; k < 3; k++) {
            memcpy(text + n, add[k], strlen(add[k]));
            n += strlen(add[k]);
        }
    }
    return n;
}

static size_t random_bytes(uint64_t *seed, char *text, size_t n) {
    static const char frequent[] = "  ..\n,a\"";
    for (size_t i = 0; i < n; i++)
        text[i] =
            below(seed, 2) ? frequent[below(seed, 8)] : (char)(unsigned char)test_random(seed);
    return n;
}

static mv_split_options random_options(uint64_t *seed) {
    mv_split_options o;
    mv_split_options_init(&o);
    if (below(seed, 4) == 0) return o;
    o.hard_chars = 16 + below(seed, 100);
    o.soft_chars = below(seed, o.hard_chars + 1);
    o.target_chars = below(seed, o.soft_chars + 1);
    o.min_chars = below(seed, o.target_chars + 1);
    if (below(seed, 2)) o.first_chars = below(seed, o.target_chars + 1);
    o.lines = below(seed, 4) == 0;
    return o;
}

static void assert_same_pieces(const result *a, size_t from, const result *b) {
    assert_int_equal(a->n - from, b->n);
    for (size_t i = 0; i < b->n; i++) {
        assert_int_equal(a->piece[from + i].len, b->piece[i].len);
        assert_memory_equal(a->piece[from + i].text, b->piece[i].text, b->piece[i].len);
        assert_int_equal(a->piece[from + i].begin, b->piece[i].begin);
        assert_int_equal(a->piece[from + i].end, b->piece[i].end);
        assert_int_equal(a->piece[from + i].n_chars, b->piece[i].n_chars);
        assert_int_equal(a->piece[from + i].border, b->piece[i].border);
        assert_int_equal(a->piece[from + i].has_words, b->piece[i].has_words);
    }
}

/* Writes text with each run of white space as one space; returns the length. */
static size_t collapse(const char *text, size_t len, char *out) {
    size_t n = 0;
    uint32_t cp;
    for (size_t i = 0, k; i < len; i += k) {
        k = mv_utf8_decode(text + i, len - i, &cp);
        if (!mv_is_white_space(cp)) {
            memcpy(out + n, text + i, k);
            n += k;
        } else if (n == 0 || out[n - 1] != ' ') {
            out[n++] = ' ';
        }
    }
    return n;
}

/* Number of characters; an invalid part counts as one. */
static size_t count_chars(const char *text, size_t len) {
    size_t n = 0;
    uint32_t cp;
    for (size_t i = 0; i < len; n++)
        i += mv_utf8_decode(text + i, len - i, &cp);
    return n;
}

/* No byte is lost, changed or twice but white space; no piece is too long or cut in a character. */
static void assert_whole(const result *r, const char *text, size_t len,
                         const mv_split_options *options) {
    static char a[MAX_TEXT], b[MAX_TEXT];
    size_t at = 0, n;
    for (size_t i = 0; i < r->n; i++) {
        size_t begin = (size_t)r->piece[i].begin, end = (size_t)r->piece[i].end;
        assert_true(begin >= at && end > begin && end <= len);
        assert_true(is_blank(text + at, begin - at));
        n = collapse(text + begin, end - begin, a);
        assert_int_equal(collapse(r->piece[i].text, r->piece[i].len, b), n);
        assert_memory_equal(a, b, n);
        assert_true(n > 0 && a[0] != ' ' && a[n - 1] != ' ');
        assert_true(r->piece[i].n_chars <= options->hard_chars);
        assert_int_equal(count_chars(b, n), r->piece[i].n_chars);
        assert_int_equal(count_chars(text + begin, len - begin),
                         count_chars(text + begin, end - begin) +
                             count_chars(text + end, len - end));
        at = end;
    }
    assert_true(is_blank(text + at, len - at));
    if (r->n) assert_int_equal(r->piece[r->n - 1].border, MV_SPLIT_PARAGRAPH);
}

/* A cut inside a word, with letters on both sides, only where no space was within reach. */
static void assert_words_whole(const result *r, const char *text, size_t len) {
    for (size_t i = 0; i < r->n; i++) {
        size_t end = (size_t)r->piece[i].end;
        uint32_t cp;
        if (r->piece[i].border != MV_SPLIT_FORCED || end == len) continue;
        mv_utf8_decode(text + end, len - end, &cp);
        if (!mv_is_white_space(cp)) assert_null(memchr(r->piece[i].text, ' ', r->piece[i].len));
    }
}

static void check_text(mv_split *split, const mv_split_options *options, const char *text,
                       size_t len, uint64_t *seed, result *a, result *b) {
    split_parts(split, text, len, 1, seed, a);
    assert_whole(a, text, len, options);
    assert_words_whole(a, text, len);
    for (size_t most = 3; most <= 3000; most = most * 30 + 1) {
        mv_split_reset(split, 0);
        split_parts(split, text, len, most, seed, b);
        assert_same_pieces(a, 0, b);
        free_pieces(b);
    }
    for (size_t i = 0; i + 1 < a->n && !options->first_chars; i++) {
        size_t end = (size_t)a->piece[i].end;
        if (a->piece[i].border != MV_SPLIT_PARAGRAPH || below(seed, 4)) continue;
        mv_split_reset(split, end);
        split_parts(split, text + end, len - end, 100, seed, b);
        assert_same_pieces(a, i + 1, b);
        free_pieces(b);
    }
    free_pieces(a);
}

static void check_random_texts(uint64_t seed, size_t n_texts,
                               size_t (*make)(uint64_t *seed, char *text, size_t n), size_t most) {
    result *a = malloc(sizeof *a), *b = malloc(sizeof *b);
    char *text = malloc(MAX_TEXT);
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(text);
    for (size_t i = 0; i < n_texts; i++) {
        mv_split_options options = random_options(&seed);
        mv_split *split = create(&options);
        size_t len = make(&seed, text, below(&seed, most));
        check_text(split, &options, text, len, &seed, a, b);
        mv_split_destroy(&split);
    }
    free(text);
    free(a);
    free(b);
}

static void random_texts_are_whole_however_fed(void **state) {
    (void)state;
    check_random_texts(1, 600, random_text, 120);
}

static void random_bytes_are_whole_however_fed(void **state) {
    (void)state;
    check_random_texts(2, 600, random_bytes, 600);
}

/* ---- as it arrives --------------------------------------------------------------------------- */

/* A piece comes out with the first character that settles it, and not only at the end. */
static void pieces_come_early(void **state) {
    (void)state;
    static const struct {
        const char *text, *piece;
    } cases[] = {
        {"Hello there, my friend. H", "Hello there, my friend."},
        {"Is it? y", "Is it?"},
        {"One\n\nTw", "One"},
        {"\u4f60\u597d\u3002\u518d", "\u4f60\u597d\u3002"},
    };
    mv_split_options options;
    mv_split_options_init(&options);
    options.min_chars = 0;
    for (size_t i = 0; i < 4; i++) {
        mv_split *split = create(&options);
        mv_split_piece piece;
        size_t len = strlen(cases[i].text);
        assert_int_equal(mv_split_feed(split, cases[i].text, len), len);
        assert_true(mv_split_next(split, &piece));
        assert_string_equal(piece.text, cases[i].piece);
        assert_false(mv_split_next(split, &piece));
        mv_split_destroy(&split);
    }
}

static void first_piece_is_a_clause(void **state) {
    (void)state;
    static const char text[] = "Once upon a time, t";
    mv_split_options options;
    mv_split_piece piece;
    mv_split *split;
    mv_split_options_init(&options);
    options.first_chars = 12;
    split = create(&options);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(mv_split_feed(split, text, sizeof text - 1), sizeof text - 1);
        assert_true(mv_split_next(split, &piece));
        assert_string_equal(piece.text, "Once upon a time,");
        assert_int_equal(piece.border, MV_SPLIT_CLAUSE);
        assert_true(piece.has_words);
        assert_int_equal(piece.begin, round * 1000);
        assert_int_equal(piece.end, round * 1000 + 17);
        mv_split_reset(split, 1000);
    }
    mv_split_destroy(&split);
}

/* Nothing but what stands between the words of a book. */
static void words_are_told_from_marks(void **state) {
    (void)state;
    static const char text[] = "* * *\n\n5\n\n\U0001F600!\n\n\u4f60\n\n\xff\n\nyes";
    static const bool has_words[] = {false, true, false, true, false, true};
    mv_split_options options;
    result *r = malloc(sizeof *r);
    mv_split *split;
    assert_non_null(r);
    mv_split_options_init(&options);
    split = create(&options);
    split_parts(split, text, sizeof text - 1, 1, NULL, r);
    assert_int_equal(r->n, 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(r->piece[i].has_words, has_words[i]);
    free_pieces(r);
    free(r);
    mv_split_destroy(&split);
}

/* ---- memory and length ----------------------------------------------------------------------- */

/* A book's worth of anything, without a paragraph, a sentence or even a space: no allocation, and
 * pieces all along. */
static void long_text_takes_no_memory(void **state) {
    (void)state;
    static const char *const parts[] = {"word ",  "a. ",   " ",      "\n",   "x",          ".",
                                        ")",      ". ",    "[1]",    "- ",   "\n1. ",      "\"",
                                        "\u4f60", "\xc3",  "\n# a",  "A ",   "\u00a0",     ", ",
                                        "\u0301", " and ", "\u2014", "e.g.", "\nCHAPTER I"};
    size_t n_parts = sizeof parts / sizeof *parts, n_blank = 0;
    mv_split_options options;
    mv_split_options_init(&options);
    for (size_t i = 0; i < n_parts; i++) {
        mv_split *split = create(&options);
        uint64_t before = mv_alloc_count(), end = 0;
        size_t n_pieces = 0, len = strlen(parts[i]);
        mv_split_piece piece;
        for (size_t fed = 0; fed < 50000; fed += len) {
            for (size_t n = 0; n < len;) {
                size_t taken = mv_split_feed(split, parts[i] + n, len - n);
                assert_true(taken > 0);
                for (n += taken; mv_split_next(split, &piece); n_pieces++)
                    end = piece.end;
            }
            assert_true(n_pieces == 0 || fed - end < 4 * 1000);
        }
        mv_split_end(split);
        while (mv_split_next(split, &piece))
            n_pieces++;
        assert_int_equal(mv_alloc_count(), before);
        if (n_pieces == 0)
            n_blank++;
        else
            assert_true(n_pieces > 50000 / (4 * 1000));
        mv_split_destroy(&split);
    }
    assert_int_equal(n_blank, 3);
}

static void no_text_has_no_pieces(void **state) {
    (void)state;
    mv_split_options options;
    mv_split_piece piece;
    mv_split *split;
    mv_split_options_init(&options);
    split = create(&options);
    assert_false(mv_split_next(split, &piece));
    assert_int_equal(mv_split_feed(split, NULL, 0), 0);
    assert_int_equal(mv_split_feed(split, " \n\n \t", 5), 5);
    assert_false(mv_split_next(split, &piece));
    mv_split_end(split);
    mv_split_end(split);
    assert_false(mv_split_next(split, &piece));
    mv_split_destroy(&split);
    mv_split_destroy(&split);
}

static void options_out_of_order_are_refused(void **state) {
    (void)state;
    static const struct {
        size_t min, target, soft, hard, first;
        const char *names;
    } cases[] = {
        {31, 30, 240, 360, 0, "min_chars is 31, more than target_chars (30)"},
        {30, 241, 240, 360, 0, "target_chars is 241, more than soft_chars (240)"},
        {30, 160, 361, 360, 0, "soft_chars is 361, more than hard_chars (360)"},
        {30, 160, 240, 65537, 0, "hard_chars is 65537, more than the most (65536)"},
        {0, 0, 0, 15, 0, "hard_chars is 15, at least 16 is needed"},
        {30, 160, 240, 360, 161, "first_chars is 161, more than target_chars (160)"},
    };
    for (size_t i = 0; i < 6; i++) {
        mv_split *split;
        marvis_error err;
        mv_split_options o = {.min_chars = cases[i].min,
                              .target_chars = cases[i].target,
                              .soft_chars = cases[i].soft,
                              .hard_chars = cases[i].hard,
                              .first_chars = cases[i].first};
        assert_int_equal(mv_split_create(&o, &split, &err), MARVIS_ERR_CALL);
        assert_null(split);
        assert_non_null(strstr(err.message, cases[i].names));
    }
}

static void without_memory_it_fails(void **state) {
    (void)state;
    mv_split_options options;
    mv_split_options_init(&options);
    for (uint64_t nth = 1; nth <= 3; nth++) {
        mv_split *split;
        marvis_error err;
        mv_alloc_fail_after(nth, false);
        marvis_status status = mv_split_create(&options, &split, &err);
        mv_alloc_fail_after(0, false);
        assert_int_equal(status, MARVIS_ERR_MEMORY);
        assert_null(split);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_split_as_marked),
        cmocka_unit_test(random_texts_are_whole_however_fed),
        cmocka_unit_test(random_bytes_are_whole_however_fed),
        cmocka_unit_test(pieces_come_early),
        cmocka_unit_test(first_piece_is_a_clause),
        cmocka_unit_test(words_are_told_from_marks),
        cmocka_unit_test(long_text_takes_no_memory),
        cmocka_unit_test(no_text_has_no_pieces),
        cmocka_unit_test(options_out_of_order_are_refused),
        cmocka_unit_test(without_memory_it_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
