/* bench.h - marvis bench: what is measured (bench_run.c), and how it is told (bench_report.c as
 * table and JSON, bench_svg.c as a picture). */
#ifndef APPS_CLI_BENCH_H
#define APPS_CLI_BENCH_H

#include <stdio.h>

#include "cli/support.h"

enum { BENCH_MOST_RUNS = 100, BENCH_CHUNK = 8, BENCH_MOST_BATCHES = 8, BENCH_MOST_THREADS = 10 };

typedef enum bench_stage {
    BENCH_BACKBONE, /* with the head of codebook 0 */
    BENCH_DEPTH,
    BENCH_HEADS,
    BENCH_MIMI,
    BENCH_OTHER, /* sampling and everything else */
    BENCH_N_STAGES
} bench_stage;

/* "backbone", ... */
const char *bench_stage_name(bench_stage stage);

/* A median of n measurements with the least and the most; n 0: not measured. */
typedef struct bench_figure {
    double median, low, high;
    int n;
} bench_figure;

/* Sorts the values. */
bench_figure bench_summary(double *values, int n);

typedef struct bench_speed { /* of plain reading */
    size_t bytes;
    int threads;
    double bytes_per_s;
} bench_speed;

typedef struct bench_result { /* of one type of weights with one number of threads */
    char weights[16];
    int threads;
    double load_s;
    marvis_frame_cost cost;
    bench_figure rtf, stages[BENCH_N_STAGES]; /* seconds for a second of speech */
    bench_figure share;                       /* of the plain read of the largest working set */
    bench_figure first_plain, first_saved, first_computed; /* seconds to the first audio */
    int n_prompt, n_prompt_voice;
    marvis_pace pace;       /* with the most threads; n_codebooks 0: not measured */
    int n_all;              /* codebooks of the model */
    int64_t resident_bytes; /* of the process, after the work; 0: unknown */
} bench_result;

typedef struct bench_batch { /* n sessions together */
    char weights[16];
    int threads, n;
    bench_figure speed; /* seconds of speech a second, of all together */
} bench_batch;

typedef struct bench {
    const cli_call *call;
    const char *shape; /* NULL: a model by --model, or the built-in voice */
    const char *name;  /* of the model, for people */
    int runs, n_codebooks;
    int threads[BENCH_MOST_THREADS], n_threads;
    int batches[BENCH_MOST_BATCHES], n_batches; /* sizes */
    double load_average;                        /* before the start; below 0: unknown */
    const char *cpu;
    bench_speed *speeds; /* [n_speeds] */
    size_t n_speeds;
    bench_result *results; /* [n_results] */
    size_t n_results;
    bench_batch *batch_results; /* [n_batch_results] */
    size_t n_batch_results;
} bench;

/* ---- bench_run.c ---- */

/* How fast the threads read: fills bench->speeds. */
MARVIS_CHECK marvis_status bench_read(bench *b, marvis_error *err);

/* One type of weights with one number of threads; first audio and batches only with the most. */
MARVIS_CHECK marvis_status bench_measure(bench *b, const char *weights, int threads,
                                         marvis_error *err);

/* The plain read of the largest working set with so many threads, bytes a second; 0: not measured.
 */
double bench_read_speed(const bench *b, int threads);

/* ---- bench_report.c ---- */

/* The tables, and each row as soon as it is there. */
void bench_print_head(const bench *b);
void bench_print_result(const bench_result *r);
void bench_print_batch(const bench_batch *r);

/* The files of --json and --svg, whole or not at all. ERR_IO, ERR_MEMORY. */
MARVIS_CHECK marvis_status bench_write_json(const bench *b, const char *path, marvis_error *err);
MARVIS_CHECK marvis_status bench_write_svg(const bench *b, const char *path, marvis_error *err);

#endif
