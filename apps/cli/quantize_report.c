/* quantize_report.c - marvis quantize --report: what fewer bits cost this model. The model
 * speaks some sentences; each mix is then forced through the same codes, and what it would have
 * said next is compared with what the model would have. */
#include "cli/quantize_report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/platform.h"

static const char *const sentences[] = {
    "The train to the coast leaves at half past seven, and I would rather not miss it.",
    "She asked whether anybody had seen the small grey cat.",
    "What a strange idea, I would never have thought of that myself.",
    "He bought bread, cheese, two bottles of wine and a bunch of flowers.",
    "Would you rather live by the sea or high in the mountains?",
    "The committee will publish its report by the end of the month.",
};

enum { N_SENTENCES = sizeof sentences / sizeof *sentences, MAX_FRAMES = 40 };

/* One sentence: its prompt, the codes that the model spoke, and the logits that it had for them. */
typedef struct passage {
    int32_t *tokens; /* [n_prompt, C+1] */
    uint8_t *mask;
    size_t n_prompt;
    int32_t *frames; /* [n_frames, C] */
    size_t n_frames;
    float *logits; /* [n_frames, C, V] */
} passage;

typedef struct report {
    marvis_engine *engine;
    const marvis_model *model;
    size_t n_codebooks, vocab;
    passage passages[N_SENTENCES];
    float *logits; /* of a mix, room for the longest passage */
} report;

/* What one mix did: divergence in nats, averaged over frames. */
typedef struct outcome {
    double first, early, late; /* codebooks 0, 1 to 7, 8 and on */
    double worst;              /* of a codebook's averages */
    size_t n, n_same;          /* predictions, and those whose best code is the same */
} outcome;

static marvis_status no_memory(marvis_error *err) {
    return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
}

/* ---- what the model says -------------------------------------------------------------------- */

static marvis_status make_prompt(const report *r, const char *text, passage *p, marvis_error *err) {
    size_t columns = r->n_codebooks + 1;
    int32_t *ids;
    marvis_status status =
        marvis_model_tokenize(r->model, 0, text, strlen(text), &ids, &p->n_prompt, err);
    if (status != MARVIS_OK) return status;
    p->tokens = calloc(p->n_prompt * columns, sizeof *p->tokens);
    p->mask = calloc(p->n_prompt * columns, 1);
    for (size_t i = 0; p->tokens && p->mask && i < p->n_prompt; i++) {
        p->tokens[i * columns + columns - 1] = ids[i];
        p->mask[i * columns + columns - 1] = 1;
    }
    marvis_free(ids);
    return p->tokens && p->mask ? MARVIS_OK : no_memory(err);
}

static marvis_status speak(const report *r, const char *text, uint64_t seed, passage *p,
                           marvis_error *err) {
    marvis_session_settings settings;
    marvis_session *session;
    marvis_chunk chunk = {0};
    marvis_session_settings_init(&settings, r->model);
    settings.seed = seed;
    settings.max_frames = MAX_FRAMES;
    p->frames = calloc(MAX_FRAMES * r->n_codebooks, sizeof *p->frames);
    if (!p->frames) return no_memory(err);
    marvis_status status = marvis_session_create(r->model, &settings, &session, err);
    if (status != MARVIS_OK) return status;
    status = marvis_session_push_text(session, text, strlen(text), err);
    while (status == MARVIS_OK && chunk.stop == MARVIS_STOP_NONE) {
        status = marvis_session_step(session, &chunk, err);
        if (status != MARVIS_OK || chunk.n_frames == 0) continue;
        memcpy(p->frames + p->n_frames * r->n_codebooks, chunk.codes,
               (size_t)chunk.n_frames * r->n_codebooks * sizeof *p->frames);
        p->n_frames += (size_t)chunk.n_frames;
    }
    marvis_session_destroy(&session);
    return status;
}

static marvis_status prepare(report *r, marvis_error *err) {
    size_t longest = 0;
    for (size_t i = 0; i < N_SENTENCES; i++) {
        passage *p = &r->passages[i];
        marvis_status status = make_prompt(r, sentences[i], p, err);
        if (status == MARVIS_OK) status = speak(r, sentences[i], i + 1, p, err);
        if (status != MARVIS_OK) return status;
        p->logits = calloc(p->n_frames * r->n_codebooks * r->vocab + 1, sizeof *p->logits);
        if (!p->logits) return no_memory(err);
        status = marvis_model_trace(r->model, p->tokens, p->mask, p->n_prompt, p->frames,
                                    p->n_frames, NULL, p->logits, err);
        if (status != MARVIS_OK) return status;
        if (p->n_frames > longest) longest = p->n_frames;
    }
    if (longest == 0)
        return app_fail(err, MARVIS_ERR_INPUT, "the model says nothing that could be compared");
    r->logits = calloc(longest * r->n_codebooks * r->vocab, sizeof *r->logits);
    return r->logits ? MARVIS_OK : no_memory(err);
}

/* ---- comparing ------------------------------------------------------------------------------ */

static size_t best_of(const float *logits, size_t n, double *log_sum) {
    size_t best = 0;
    double sum = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[best]) best = i;
    for (size_t i = 0; i < n; i++)
        sum += exp((double)logits[i] - (double)logits[best]);
    *log_sum = (double)logits[best] + log(sum);
    return best;
}

/* Kullback-Leibler divergence of what `found` predicts from what `expected` does. */
static double divergence(const float *expected, const float *found, size_t n, bool *same) {
    double log_p, log_q, sum = 0;
    *same = best_of(expected, n, &log_p) == best_of(found, n, &log_q);
    for (size_t i = 0; i < n; i++) {
        double lp = (double)expected[i] - log_p, lq = (double)found[i] - log_q;
        sum += exp(lp) * (lp - lq);
    }
    return sum;
}

static marvis_status compare(report *r, const marvis_model *model, outcome *o, marvis_error *err) {
    size_t n_frames = 0;
    double *sums = calloc(r->n_codebooks, sizeof *sums);
    if (!sums) return no_memory(err);
    marvis_status status = MARVIS_OK;
    for (size_t i = 0; i < N_SENTENCES && status == MARVIS_OK; i++) {
        const passage *p = &r->passages[i];
        if (p->n_frames == 0) continue;
        status = marvis_model_trace(model, p->tokens, p->mask, p->n_prompt, p->frames, p->n_frames,
                                    NULL, r->logits, err);
        for (size_t k = 0; status == MARVIS_OK && k < p->n_frames * r->n_codebooks; k++) {
            bool same;
            sums[k % r->n_codebooks] +=
                divergence(p->logits + k * r->vocab, r->logits + k * r->vocab, r->vocab, &same);
            o->n++;
            o->n_same += same;
        }
        n_frames += p->n_frames;
    }
    size_t n_early = 0, n_late = 0;
    for (size_t c = 0; c < r->n_codebooks && n_frames > 0; c++) {
        double mean = sums[c] / (double)n_frames;
        if (mean > o->worst) o->worst = mean;
        if (c == 0) o->first = mean;
        if (c > 0 && c < 8) o->early += mean, n_early++;
        if (c >= 8) o->late += mean, n_late++;
    }
    if (n_early) o->early /= (double)n_early;
    if (n_late) o->late /= (double)n_late;
    free(sums);
    return status;
}

/* ---- the table ------------------------------------------------------------------------------ */

static int64_t size_of(const char *path) {
    FILE *file = fopen(path, "rb");
    long size = -1;
    if (file && fseek(file, 0, SEEK_END) == 0) size = ftell(file);
    if (file) fclose(file);
    return size;
}

static void print_outcome(const marvis_save_settings *save, int64_t size, const outcome *o) {
    char types[80];
    snprintf(types, sizeof types, "%.66s%s", save->types, save->calibration ? " calibrated" : "");
    printf("%-28s %8.1f %9.5f %9.5f %9.5f %9.5f %7.2f %%\n", types, (double)size / 1048576,
           o->first, o->early, o->late, o->worst, 100 * (double)o->n_same / (double)o->n);
    fflush(stdout);
}

/* Types that are no more than numbers of 16 or 32 bits have nothing to calibrate. */
static bool has_scales(const char *types) {
    return strstr(types, "mix") || strstr(types, "q8") || strstr(types, "q4") ||
           strstr(types, "int8") || strchr(types, '=');
}

static marvis_status report_mix(report *r, const char *path, const marvis_save_settings *save,
                                marvis_error *err) {
    marvis_model_settings settings;
    marvis_model *model;
    outcome o = {0};
    marvis_status status = marvis_model_save(r->model, path, save, err);
    if (status != MARVIS_OK) return status;
    int64_t size = size_of(path);
    marvis_model_settings_init(&settings);
    settings.no_codec = settings.no_tokenizer = 1;
    status = marvis_model_open(r->engine, path, &settings, &model, err);
    remove(path); /* what is mapped stays readable */
    if (status != MARVIS_OK) return status;
    status = compare(r, model, &o, err);
    marvis_model_destroy(&model);
    if (status != MARVIS_OK) return status;
    print_outcome(save, size, &o);
    return MARVIS_OK;
}

/* Without the calibration, and with it where there is one and scales are searched for. */
static marvis_status report_types(report *r, const char *path, const char *types,
                                  const marvis_save_settings *settings, marvis_error *err) {
    marvis_save_settings one = *settings;
    one.types = types;
    one.calibration = NULL;
    marvis_status status = report_mix(r, path, &one, err);
    one.calibration = settings->calibration;
    if (status != MARVIS_OK || !one.calibration || !has_scales(types)) return status;
    return report_mix(r, path, &one, err);
}

marvis_status quantize_report(marvis_engine *engine, const marvis_model *model,
                              const marvis_save_settings *settings, marvis_error *err) {
    static const char *const mixes[] = {"bf16", "q8", "int8", "mix", "q8,depth=q4", "q4"};
    const char *folder = getenv("TMPDIR");
    char name[64];
    report r = {.engine = engine,
                .model = model,
                .n_codebooks = (size_t)marvis_model_n_codebooks(model),
                .vocab = (size_t)marvis_model_audio_vocab(model)};
    snprintf(name, sizeof name, "/marvis-report-%.0f.gguf", platform_seconds() * 1e6);
    char *path = platform_concat(folder && *folder ? folder : "/tmp", name);
    marvis_status status = path ? prepare(&r, err) : no_memory(err);
    if (status == MARVIS_OK)
        printf("%-28s %8s %9s %9s %9s %9s %9s\n", "types", "MiB", "KL cb 0", "cb 1-7", "cb 8-",
               "worst cb", "greedy");
    for (size_t i = 0; i <= sizeof mixes / sizeof *mixes && status == MARVIS_OK; i++) {
        const char *types = i < sizeof mixes / sizeof *mixes ? mixes[i] : settings->types;
        if (types) status = report_types(&r, path, types, settings, err);
    }
    for (size_t i = 0; i < N_SENTENCES; i++) {
        free(r.passages[i].tokens);
        free(r.passages[i].mask);
        free(r.passages[i].frames);
        free(r.passages[i].logits);
    }
    free(r.logits);
    free(path);
    return status;
}
