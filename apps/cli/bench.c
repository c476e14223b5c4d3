/* bench.c - marvis bench: what speech costs on this machine, measured without any download. */
#include "cli/bench.h"

#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "common/error.h"
#include "common/out_file.h"
#include "common/platform.h"

enum { MOST_TYPES = 12, MOST_SESSIONS = 1024, DEFAULT_RUNS = 3 };

typedef struct type_list {
    char names[MOST_TYPES][16];
    int n;
} type_list;

/* ---- options -------------------------------------------------------------------------------- */

/* The next word of a list with commas, or NULL; *n is its length. */
static const char *next_word(const char **list, char separator, size_t *n) {
    const char *word = *list;
    if (!word) return NULL;
    const char *end = strchr(word, separator);
    *n = end ? (size_t)(end - word) : strlen(word);
    *list = end ? end + 1 : NULL;
    return word;
}

static bool is_choice(const char *word, size_t n) {
    const char *choices = cli_choices(CLI_WEIGHTS), *choice;
    size_t n_choice;
    while ((choice = next_word(&choices, '|', &n_choice)))
        if (n == n_choice && memcmp(word, choice, n) == 0) return true;
    return false;
}

/* --types, else all types there are but what the file happens to hold and the one for comparisons.
 */
static marvis_status read_types(const cli_call *call, type_list *types, marvis_error *err) {
    const char *given = cli_text(call, CLI_TYPES), *word;
    const char *list = given ? given : cli_choices(CLI_WEIGHTS);
    size_t n;
    types->n = 0;
    while ((word = next_word(&list, given ? ',' : '|', &n))) {
        bool passed = !given && ((n == 4 && memcmp(word, "auto", n) == 0) ||
                                 (n == 3 && memcmp(word, "f32", n) == 0));
        if (passed) continue;
        if (n >= sizeof types->names[0] || !is_choice(word, n))
            return app_fail(err, MARVIS_ERR_CALL, "--types %s: must be some of %s, with commas",
                            given, cli_choices(CLI_WEIGHTS));
        if (types->n == MOST_TYPES)
            return app_fail(err, MARVIS_ERR_CALL, "--types: at most %d", MOST_TYPES);
        memcpy(types->names[types->n], word, n);
        types->names[types->n++][n] = '\0';
    }
    return MARVIS_OK;
}

static marvis_status read_batches(const cli_call *call, bench *b, marvis_error *err) {
    const char *list = cli_text(call, CLI_BATCH), *given = list, *word;
    size_t n;
    while ((word = next_word(&list, ',', &n))) {
        char *end;
        long size = n > 0 && n < 5 ? strtol(word, &end, 10) : 0;
        if (size < 1 || size > MOST_SESSIONS || end != word + n ||
            b->n_batches == BENCH_MOST_BATCHES)
            return app_fail(err, MARVIS_ERR_CALL,
                            "--batch %s: must be up to %d numbers from 1 to %d, with commas", given,
                            BENCH_MOST_BATCHES, MOST_SESSIONS);
        b->batches[b->n_batches++] = (int)size;
    }
    return MARVIS_OK;
}

/* 1, 2, 4, ... and as many as there are. */
static marvis_status choose_threads(bench *b, marvis_error *err) {
    marvis_engine *engine;
    marvis_status status = cli_engine(b->call, &engine, err);
    if (status != MARVIS_OK) return status;
    int most = marvis_engine_n_threads(engine);
    for (int t = 1; t < most && b->n_threads + 1 < BENCH_MOST_THREADS; t *= 2)
        b->threads[b->n_threads++] = t;
    b->threads[b->n_threads++] = most;
    marvis_engine_destroy(&engine);
    return MARVIS_OK;
}

static marvis_status check_shape(const char *shape, marvis_error *err) {
    static const char *const known[] = {"marvis-250m", "marvis-100m", "csm-1b", "tiny", "builtin"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(shape, known[i]) == 0) return MARVIS_OK;
    return app_fail(err, MARVIS_ERR_CALL,
                    "--shape %s: must be marvis-250m, marvis-100m, csm-1b, tiny or builtin", shape);
}

static marvis_status read_options(const cli_call *call, bench *b, type_list *types,
                                  marvis_error *err) {
    const char *model = cli_text(call, CLI_MODEL), *shape = cli_text(call, CLI_SHAPE);
    *b = (bench){.call = call, .runs = cli_integer(call, CLI_RUNS, DEFAULT_RUNS)};
    b->n_codebooks = cli_integer(call, CLI_CODEBOOKS, 0);
    if (model && shape)
        return app_fail(err, MARVIS_ERR_CALL, "--model and --shape: give one of them");
    if (!shape) shape = "marvis-250m";
    marvis_status status = check_shape(shape, err);
    if (status != MARVIS_OK) return status;
    b->name = model ? model : shape;
    if (!model && strcmp(shape, "builtin") != 0) b->shape = shape;
    status = read_types(call, types, err);
    if (status == MARVIS_OK) status = read_batches(call, b, err);
    if (status == MARVIS_OK) status = choose_threads(b, err);
    return status;
}

/* ---- the work ------------------------------------------------------------------------------- */

/* A busy machine's figures are not its own. */
static void warn_of_load(bench *b) {
    b->load_average = platform_load_average();
    if (b->load_average >= 0.5 && !cli_given(b->call, CLI_QUIET))
        cli_complain("warning: other programs are at work here (load %.1f): these figures are "
                     "worse than the machine",
                     b->load_average);
}

/* What one setting took says what all will: a byte costs what it cost. */
static void tell_duration(const bench *b, double first_s, int n_types) {
    double sum = 0;
    for (int t = 1; t < b->n_threads; t++)
        sum += 1.0 / b->threads[t];
    double rest = first_s * (n_types * (1 + sum) - 1);
    if (!cli_given(b->call, CLI_QUIET) && rest > 5)
        fprintf(stderr, "about %.0f s more, less with fewer --types or --runs\n", rest);
}

static marvis_status run_all(bench *b, const type_list *types, marvis_error *err) {
    marvis_status status = bench_read(b, err);
    if (status == MARVIS_OK) bench_print_head(b);
    double begin = platform_seconds();
    for (int i = 0; i < types->n; i++)
        for (int t = 0; t < b->n_threads && status == MARVIS_OK; t++) {
            status = bench_measure(b, types->names[i], b->threads[t], err);
            if (status == MARVIS_OK) bench_print_result(&b->results[b->n_results - 1]);
            if (i == 0 && t == 0 && status == MARVIS_OK)
                tell_duration(b, platform_seconds() - begin, types->n);
        }
    if (status == MARVIS_OK && b->n_batch_results)
        printf("\nweights  threads  sessions  seconds of speech a second\n");
    for (size_t i = 0; i < b->n_batch_results && status == MARVIS_OK; i++)
        bench_print_batch(&b->batch_results[i]);
    return status;
}

int bench_run(const cli_call *call) {
    bench b = {0};
    type_list types;
    marvis_error err = {0};
    const cli_option_id files[] = {CLI_JSON_FILE, CLI_SVG};
    marvis_status status = read_options(call, &b, &types, &err);
    bool input = status != MARVIS_OK; /* what fails is what was given, not what is written */
    for (size_t i = 0; i < 2 && status == MARVIS_OK; i++)
        if (cli_given(call, files[i])) status = out_file_probe(cli_text(call, files[i]), &err);
    if (status == MARVIS_OK) {
        warn_of_load(&b);
        b.results = calloc((size_t)(types.n * b.n_threads), sizeof *b.results);
        b.batch_results = calloc((size_t)(types.n * b.n_batches) + 1, sizeof *b.batch_results);
        if (!b.results || !b.batch_results)
            status = app_fail(&err, MARVIS_ERR_MEMORY, "out of memory");
    }
    if (status == MARVIS_OK) {
        status = run_all(&b, &types, &err);
        input = status != MARVIS_OK;
    }
    if (status == MARVIS_OK) {
        printf("\npeak memory %.0f MB\n", (double)platform_peak_rss() * 1e-6);
        if (cli_given(call, CLI_JSON_FILE))
            status = bench_write_json(&b, cli_text(call, CLI_JSON_FILE), &err);
    }
    if (status == MARVIS_OK && cli_given(call, CLI_SVG))
        status = bench_write_svg(&b, cli_text(call, CLI_SVG), &err);
    free(b.speeds);
    free(b.results);
    free(b.batch_results);
    return status == MARVIS_OK ? CLI_DONE : cli_fail(&err, input);
}
