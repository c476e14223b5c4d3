/* bench_run.c - the measurements of marvis bench: a model made or opened anew for each type of
 * weights and number of threads, a session that speaks, and its times. */
#include "cli/bench.h"

#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/platform.h"

enum {
    VOICE_FRAMES = 150, /* 12 s */
    MOST_RESTARTS = 50,
    SEED = 1
};

static const char sentence[] =
    "The ferry left the harbour at dawn, and nobody on the quay could say when it would be back, "
    "for the wind had turned in the night and the sea beyond the wall was white.";
static const char voice_words[] =
    "These are the words of a recording of twelve seconds, as many as a person says in that time "
    "when nothing hurries them, and then they come to an end.";

/* ---- reading -------------------------------------------------------------------------------- */

static const size_t set_mb[] = {1, 8, 64, 512};
enum { N_SETS = sizeof set_mb / sizeof *set_mb };

marvis_status bench_read(bench *b, marvis_error *err) {
    b->speeds = calloc((size_t)b->n_threads * N_SETS, sizeof *b->speeds);
    if (!b->speeds) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    size_t n_sets = b->shape && strcmp(b->shape, "tiny") == 0 ? 1 : N_SETS;
    for (int t = 0; t < b->n_threads; t++) {
        cli_call one = *b->call;
        marvis_engine *engine;
        one.values[CLI_THREADS] = (cli_value){.given = true, .integer = b->threads[t]};
        marvis_status status = cli_engine(&one, &engine, err);
        if (status != MARVIS_OK) return status;
        b->cpu = marvis_engine_cpu(engine);
        for (size_t i = 0; i < n_sets && status == MARVIS_OK; i++) {
            bench_speed *s = &b->speeds[b->n_speeds++];
            *s = (bench_speed){.bytes = set_mb[i] << 20, .threads = b->threads[t]};
            status = marvis_engine_read_speed(engine, s->bytes, &s->bytes_per_s, err);
        }
        marvis_engine_destroy(&engine);
        if (status != MARVIS_OK) return status;
    }
    return MARVIS_OK;
}

double bench_read_speed(const bench *b, int threads) {
    double speed = 0;
    for (size_t i = 0; i < b->n_speeds; i++) /* the last is the largest set */
        if (b->speeds[i].threads == threads) speed = b->speeds[i].bytes_per_s;
    return speed;
}

/* ---- figures -------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bench_figure bench_summary(double *values, int n) {
    if (n == 0) return (bench_figure){0};
    qsort(values, (size_t)n, sizeof *values, by_value);
    double median = n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
    return (bench_figure){.median = median, .low = values[0], .high = values[n - 1], .n = n};
}

/* ---- speaking ------------------------------------------------------------------------------- */

static double frame_seconds(const marvis_model *model) {
    return (double)marvis_model_frame_samples(model) / marvis_model_sample_rate(model);
}

/* A random model has an id for each byte: as many as a sentence has in a trained one. */
static size_t text_len(const bench *b) { return b->shape ? 20 : sizeof sentence - 1; }

static marvis_status new_session(const bench *b, const marvis_model *model, int max_frames,
                                 uint64_t seed, marvis_session **session, marvis_error *err) {
    marvis_session_settings settings;
    marvis_session_settings_init(&settings, model);
    settings.n_codebooks = b->n_codebooks;
    settings.guard = 0; /* random speech may trip it */
    settings.seed = seed;
    settings.chunk_frames = BENCH_CHUNK;
    if (max_frames < settings.max_frames) settings.max_frames = max_frames;
    marvis_status status = marvis_session_create(model, &settings, session, err);
    if (status != MARVIS_OK) return status;
    return marvis_session_push_text(*session, sentence, text_len(b), err);
}

/* The utterance again from its beginning. */
static marvis_status restart(const bench *b, marvis_session *session, uint64_t seed,
                             marvis_error *err) {
    marvis_session_reset(session, seed);
    return marvis_session_push_text(session, sentence, text_len(b), err);
}

/* Times of the whole chunks of a session, each by stage. The first chunks, of fewer frames, warm
 * everything up. */
static marvis_status speak(const bench *b, const marvis_model *model, bench_result *r,
                           marvis_error *err) {
    double rtf[BENCH_MOST_RUNS], share[BENCH_MOST_RUNS];
    double stages[BENCH_N_STAGES][BENCH_MOST_RUNS];
    double speech_s = BENCH_CHUNK * frame_seconds(model), speed = bench_read_speed(b, r->threads);
    double bytes =
        BENCH_CHUNK * (r->cost.backbone_bytes + r->cost.depth_bytes + r->cost.heads_bytes) +
        r->cost.codec_bytes;
    marvis_session *session = NULL;
    int n = 0, n_restarts = 0;
    marvis_status status = new_session(b, model, BENCH_CHUNK * (b->runs + 1), SEED, &session, err);
    while (status == MARVIS_OK && n < b->runs && n_restarts < MOST_RESTARTS) {
        marvis_session_timing was = {.struct_size = sizeof was}, now = was;
        marvis_chunk chunk;
        marvis_session_timing_get(session, &was);
        double begin = platform_seconds();
        status = marvis_session_step(session, &chunk, err);
        double wall = platform_seconds() - begin;
        if (status != MARVIS_OK) break;
        marvis_session_timing_get(session, &now);
        if (chunk.stop != MARVIS_STOP_NONE)
            status = restart(b, session, SEED + (uint64_t)++n_restarts, err);
        if (chunk.n_frames < BENCH_CHUNK) continue;
        double heads = now.heads_s - was.heads_s, sampling = now.sampling_s - was.sampling_s;
        stages[BENCH_BACKBONE][n] = (now.backbone_s - was.backbone_s) / speech_s;
        stages[BENCH_DEPTH][n] = (now.depth_s - was.depth_s - heads - sampling) / speech_s;
        stages[BENCH_HEADS][n] = heads / speech_s;
        stages[BENCH_MIMI][n] = (now.codec_s - was.codec_s) / speech_s;
        rtf[n] = wall / speech_s;
        stages[BENCH_OTHER][n] = rtf[n];
        for (int s = 0; s < BENCH_OTHER; s++)
            stages[BENCH_OTHER][n] -= stages[s][n];
        share[n] = speed > 0 ? bytes / wall / speed : 0;
        n++;
    }
    r->rtf = bench_summary(rtf, n);
    r->share = bench_summary(share, n);
    for (int s = 0; s < BENCH_N_STAGES; s++)
        r->stages[s] = bench_summary(stages[s], n);
    marvis_session_destroy(&session);
    return status;
}

/* ---- the first audio ------------------------------------------------------------------------ */

static marvis_status first_audio(const bench *b, const marvis_model *model,
                                 const marvis_voice *voice, bench_figure *figure, int *n_prompt,
                                 marvis_error *err) {
    double seconds[BENCH_MOST_RUNS];
    for (int i = 0; i < b->runs; i++) {
        marvis_session *session = NULL;
        marvis_session_timing timing = {.struct_size = sizeof timing};
        marvis_chunk chunk;
        marvis_status status = new_session(b, model, 4, SEED + (uint64_t)i, &session, err);
        if (status == MARVIS_OK && voice)
            status = marvis_session_use_voice(session, voice, MARVIS_VOICE_CONTEXT, err);
        if (status == MARVIS_OK) status = marvis_session_step(session, &chunk, err);
        if (status == MARVIS_OK) marvis_session_timing_get(session, &timing);
        marvis_session_destroy(&session);
        if (status != MARVIS_OK) return status;
        seconds[i] = timing.first_pcm_s;
        *n_prompt = timing.n_prompt;
    }
    *figure = bench_summary(seconds, b->runs);
    return MARVIS_OK;
}

/* A voice of codes that nobody spoke: its prompt costs what any of its length costs. */
static marvis_status make_voice(const marvis_model *model, bool snapshot, marvis_voice **voice,
                                marvis_error *err) {
    size_t n_codebooks = (size_t)marvis_model_n_codebooks(model);
    marvis_voice_settings settings;
    marvis_recording recording;
    *voice = NULL;
    int32_t *codes = calloc(VOICE_FRAMES * n_codebooks, sizeof *codes);
    if (!codes) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    uint32_t state = SEED;
    for (size_t i = 0; i < VOICE_FRAMES * n_codebooks; i++)
        codes[i] =
            (int32_t)((state = state * 1664525u + 1013904223u) >> 28); /* below 16: of any model */
    marvis_voice_settings_init(&settings);
    settings.snapshot = snapshot;
    marvis_recording_init(&recording);
    recording.text = voice_words;
    recording.text_len_bytes = sizeof voice_words - 1;
    recording.codes = codes;
    recording.n_frames = VOICE_FRAMES;
    recording.n_codebooks = (int)n_codebooks;
    marvis_status status = marvis_voice_create(model, &recording, &settings, voice, err);
    free(codes);
    return status;
}

static marvis_status first_audios(const bench *b, const marvis_model *model, bench_result *r,
                                  marvis_error *err) {
    marvis_voice *saved = NULL, *plain = NULL;
    marvis_status status = first_audio(b, model, NULL, &r->first_plain, &r->n_prompt, err);
    if (status == MARVIS_OK) status = make_voice(model, true, &saved, err);
    if (status == MARVIS_OK) status = make_voice(model, false, &plain, err);
    if (status == MARVIS_OK)
        status = first_audio(b, model, saved, &r->first_saved, &r->n_prompt_voice, err);
    if (status == MARVIS_OK)
        status = first_audio(b, model, plain, &r->first_computed, &r->n_prompt_voice, err);
    marvis_voice_destroy(&saved);
    marvis_voice_destroy(&plain);
    return status;
}

/* ---- batches -------------------------------------------------------------------------------- */

/* Until every session has handed out its next chunk; *n_frames: of all together. */
static marvis_status next_chunks(const bench *b, marvis_batch *batch, marvis_session **sessions,
                                 size_t n, int *n_frames, marvis_error *err) {
    size_t n_advanced = 1;
    *n_frames = 0;
    while (n_advanced > 0) {
        marvis_status status = marvis_batch_step(batch, sessions, n, &n_advanced, err);
        if (status != MARVIS_OK) return status;
    }
    for (size_t i = 0; i < n; i++) {
        marvis_chunk chunk;
        marvis_status status = marvis_session_step(sessions[i], &chunk, err);
        if (status == MARVIS_OK && chunk.stop != MARVIS_STOP_NONE)
            status = restart(b, sessions[i], SEED + i, err);
        if (status != MARVIS_OK) return status;
        *n_frames += chunk.n_frames;
    }
    return MARVIS_OK;
}

static marvis_status speak_together(const bench *b, const marvis_model *model, size_t n,
                                    bench_batch *r, marvis_error *err) {
    enum { N_WARM = 3 }; /* chunks of 1, 2 and 4 frames */
    double speeds[BENCH_MOST_RUNS];
    marvis_batch *batch = NULL;
    marvis_session **sessions = calloc(n, sizeof *sessions);
    marvis_status status = sessions ? marvis_batch_create(model, (int)n, &batch, err)
                                    : app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < n && status == MARVIS_OK; i++)
        status = new_session(b, model, BENCH_CHUNK * (b->runs + 1), SEED + i, &sessions[i], err);
    for (int run = -N_WARM; run < b->runs && status == MARVIS_OK; run++) {
        int n_frames;
        double begin = platform_seconds();
        status = next_chunks(b, batch, sessions, n, &n_frames, err);
        double wall = platform_seconds() - begin;
        if (run >= 0) speeds[run] = n_frames * frame_seconds(model) / wall;
    }
    if (status == MARVIS_OK) r->speed = bench_summary(speeds, b->runs);
    for (size_t i = 0; sessions && i < n; i++)
        marvis_session_destroy(&sessions[i]);
    free(sessions);
    marvis_batch_destroy(&batch);
    return status;
}

/* ---- one setting ---------------------------------------------------------------------------- */

static marvis_status load(const bench *b, const char *weights, int threads, cli_loaded *loaded,
                          marvis_error *err) {
    cli_call one = *b->call;
    one.values[CLI_THREADS] = (cli_value){.given = true, .integer = threads};
    one.values[CLI_WEIGHTS] = (cli_value){.given = true, .text = weights};
    if (!b->shape)
        return cli_load(&one, cli_text(&one, CLI_MODEL), CLI_NEEDS_CODEC | CLI_NEEDS_TOKENIZER,
                        loaded, err);
    marvis_model_settings settings;
    double begin = platform_seconds();
    *loaded = (cli_loaded){0};
    marvis_model_settings_init(&settings);
    settings.weights = cli_weights_named(weights);
    marvis_status status = cli_engine(&one, &loaded->engine, err);
    if (status == MARVIS_OK)
        status = marvis_model_create_random(loaded->engine, b->shape, SEED, &settings,
                                            &loaded->model, err);
    loaded->load_s = platform_seconds() - begin;
    if (status != MARVIS_OK) cli_unload(loaded);
    return status;
}

static marvis_status measure_batches(bench *b, const marvis_model *model, const bench_result *r,
                                     marvis_error *err) {
    for (int i = 0; i < b->n_batches; i++) {
        bench_batch *one = &b->batch_results[b->n_batch_results];
        *one = (bench_batch){.threads = r->threads, .n = b->batches[i]};
        memcpy(one->weights, r->weights, sizeof one->weights);
        marvis_status status = speak_together(b, model, (size_t)one->n, one, err);
        if (status != MARVIS_OK) return status;
        b->n_batch_results++;
    }
    return MARVIS_OK;
}

marvis_status bench_measure(bench *b, const char *weights, int threads, marvis_error *err) {
    cli_loaded loaded;
    bench_result *r = &b->results[b->n_results];
    *r = (bench_result){.threads = threads, .cost = {.struct_size = sizeof r->cost}};
    snprintf(r->weights, sizeof r->weights, "%s", weights);
    marvis_status status = load(b, weights, threads, &loaded, err);
    if (status != MARVIS_OK) return status;
    r->load_s = loaded.load_s;
    if (b->n_codebooks == 0) b->n_codebooks = marvis_model_n_codebooks(loaded.model);
    marvis_model_frame_cost(loaded.model, b->n_codebooks, &r->cost);
    status = speak(b, loaded.model, r, err);
    if (status == MARVIS_OK && threads == b->threads[b->n_threads - 1]) {
        status = first_audios(b, loaded.model, r, err);
        r->pace.struct_size = sizeof r->pace;
        if (status == MARVIS_OK)
            status = marvis_model_measure_pace(loaded.model, BENCH_CHUNK, &r->pace, err);
        r->n_all = marvis_model_n_codebooks(loaded.model);
        if (status == MARVIS_OK) status = measure_batches(b, loaded.model, r, err);
    }
    r->resident_bytes = platform_resident();
    cli_unload(&loaded);
    if (status == MARVIS_OK) b->n_results++;
    return status;
}
