/* bench_report.c - what marvis bench found, as tables and as JSON. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/json_text.h"
#include "common/error.h"
#include "common/out_file.h"
#include "common/platform.h"

const char *bench_stage_name(bench_stage stage) {
    static const char *const names[BENCH_N_STAGES] = {"backbone", "depth", "heads", "mimi",
                                                      "other"};
    return names[stage];
}

/* ---- tables --------------------------------------------------------------------------------- */

void bench_print_head(const bench *b) {
    printf("%s%s, %s kernels, %d run%s; medians (least..most)\n\n", b->name,
           b->shape ? " (random weights)" : "", b->cpu, b->runs, b->runs == 1 ? "" : "s");
    printf("plain reads, GB/s\n");
    for (size_t i = 0; i < b->n_speeds; i++) {
        const bench_speed *s = &b->speeds[i];
        if (i == 0 || s->threads != s[-1].threads)
            printf("%s%2d thread%s ", i ? "\n" : "", s->threads, s->threads == 1 ? " " : "s");
        printf(" %6.1f of %zu MB", s->bytes_per_s * 1e-9, s->bytes >> 20);
    }
    printf("\n\nseconds for a second of speech, by stage; share: of the plain read of the largest "
           "set\n");
    printf("weights thr  load s     MB  total (least..most)  backbone  depth  heads   mimi  other  "
           "share\n");
    fflush(stdout);
}

static void print_seconds(const char *what, const bench_figure *f) {
    if (f->n) printf(", %s %.3f (%.3f..%.3f)", what, f->median, f->low, f->high);
}

void bench_print_result(const bench_result *r) {
    printf("%-7s %3d %7.2f %6.0f %6.3f (%.3f..%.3f)", r->weights, r->threads, r->load_s,
           r->cost.held_bytes * 1e-6, r->rtf.median, r->rtf.low, r->rtf.high);
    for (int s = 0; s < BENCH_N_STAGES; s++)
        printf(" %s%6.3f", s == BENCH_BACKBONE ? "   " : "", r->stages[s].median);
    printf("  %4.0f%%\n", 100 * r->share.median);
    if (r->first_plain.n) {
        printf("        first audio after s: no voice");
        printf(" %.3f (%.3f..%.3f)", r->first_plain.median, r->first_plain.low,
               r->first_plain.high);
        print_seconds("saved voice of 12 s", &r->first_saved);
        print_seconds("computed", &r->first_computed);
        printf("\n        codebooks in real time: %d of %d%s (--codebooks auto)\n",
               r->pace.n_codebooks, r->n_all, r->pace.factor > 1 ? ", and even they are not" : "");
    }
    fflush(stdout);
}

void bench_print_batch(const bench_batch *r) {
    printf("%-7s  %7d  %8d  %.2f (%.2f..%.2f)\n", r->weights, r->threads, r->n, r->speed.median,
           r->speed.low, r->speed.high);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *figure_json(const bench_figure *f) {
    if (f->n == 0) return json_null();
    return json_pack("{s:f, s:f, s:f, s:i}", "median", f->median, "least", f->low, "most", f->high,
                     "n", f->n);
}

static json_t *speeds_json(const bench *b) {
    json_t *list = json_array();
    for (size_t i = 0; i < b->n_speeds; i++) {
        const bench_speed *s = &b->speeds[i];
        json_array_append_new(list, json_pack("{s:i, s:I, s:f}", "threads", s->threads, "bytes",
                                              (json_int_t)s->bytes, "bytes_per_s", s->bytes_per_s));
    }
    return list;
}

static json_t *result_json(const bench_result *r) {
    json_t *stages = json_object();
    for (int s = 0; s < BENCH_N_STAGES; s++)
        json_object_set_new(stages, bench_stage_name((bench_stage)s), figure_json(&r->stages[s]));
    json_t *cost =
        json_pack("{s:f, s:f, s:f, s:f, s:f}", "backbone_bytes", r->cost.backbone_bytes,
                  "depth_bytes", r->cost.depth_bytes, "heads_bytes", r->cost.heads_bytes,
                  "mimi_bytes_per_chunk", r->cost.codec_bytes, "held_bytes", r->cost.held_bytes);
    json_t *first = json_pack("{s:o, s:o, s:o, s:i, s:i}", "no_voice", figure_json(&r->first_plain),
                              "saved_voice", figure_json(&r->first_saved), "computed_voice",
                              figure_json(&r->first_computed), "n_prompt", r->n_prompt,
                              "n_prompt_voice", r->n_prompt_voice);
    return json_pack("{s:s, s:i, s:f, s:o, s:o, s:o, s:o, s:o, s:I, s:o}", "weights", r->weights,
                     "threads", r->threads, "load_s", r->load_s, "frame", cost, "real_time_factor",
                     figure_json(&r->rtf), "stages", stages, "share_of_plain_read",
                     figure_json(&r->share), "first_audio_s", first, "resident_bytes",
                     (json_int_t)r->resident_bytes, "codebooks_in_real_time",
                     r->pace.n_codebooks ? json_integer(r->pace.n_codebooks) : json_null());
}

static json_t *whole_json(const bench *b) {
    json_t *results = json_array(), *batches = json_array();
    for (size_t i = 0; i < b->n_results; i++)
        json_array_append_new(results, result_json(&b->results[i]));
    for (size_t i = 0; i < b->n_batch_results; i++) {
        const bench_batch *r = &b->batch_results[i];
        json_array_append_new(batches, json_pack("{s:s, s:i, s:i, s:o}", "weights", r->weights,
                                                 "threads", r->threads, "sessions", r->n,
                                                 "speech_s_per_s", figure_json(&r->speed)));
    }
    return json_pack("{s:s, s:o, s:b, s:s, s:i, s:i, s:f, s:o, s:o, s:o, s:I}", "version",
                     marvis_version(), "model", json_text(b->name, strlen(b->name)),
                     "random_weights", b->shape != NULL, "cpu", b->cpu, "runs", b->runs,
                     "codebooks", b->n_codebooks, "load_average", b->load_average, "plain_reads",
                     speeds_json(b), "results", results, "batches", batches, "peak_bytes",
                     (json_int_t)platform_peak_rss());
}

marvis_status bench_write_json(const bench *b, const char *path, marvis_error *err) {
    json_t *root = whole_json(b);
    char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(root);
    if (!text) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    out_file file = OUT_FILE_CLOSED;
    marvis_status status = out_file_open(&file, path, err);
    if (status == MARVIS_OK) status = out_file_write(&file, text, strlen(text), err);
    if (status == MARVIS_OK) status = out_file_write(&file, "\n", 1, err);
    if (status == MARVIS_OK) status = out_file_commit(&file, err);
    out_file_discard(&file);
    free(text);
    return status;
}
