/* calibrate.c - marvis_calibration: which columns carry much, seen while the model speaks. Eight
 * sentences at a time, frame by frame together (batch.c); a sentence that ends early makes room for
 * the next ones. Nothing is decoded. */
#include "engine/save.h"
#include "engine/session.h"

#include "base/memory.h"

#include <string.h>

enum {
    AT_ONCE = 8,
    DEFAULT_FRAMES = 256,
    MOST_FRAMES = 1000000,
    SILENT_ROUNDS = 4 /* of AT_ONCE sentences in which nothing is said: then it never will */
};

/* What people say: statements, questions, numbers, names, feelings; short, so that small models
 * have room. */
static const char *const sentences[] = {
    "Good morning, I hope you slept well.",
    "Could you tell me where the nearest bakery is?",
    "We ran out of milk, so I had my coffee black.",
    "The meeting was moved to Thursday at a quarter past three.",
    "No way, that is the best news I have heard all year!",
    "My grandfather built this table with his own hands.",
    "Please leave your keys and your coat by the door.",
    "It rained so hard that the whole garden was under water.",
    "She laughed, shook her head, and closed the book.",
    "Thank you very much, you have been a great help.",
    "First peel the potatoes, then cut them into thin slices.",
    "I am not sure about this; what do you think?",
    "Twenty-four people came, but we had only eleven chairs.",
    "The old bridge over the river is closed until further notice.",
    "Why did nobody tell me that the shop was already shut?",
    "Doctor Harris will see you in about ten minutes.",
    "Oh, I am so sorry, I did not see you standing there.",
    "Light travels from the sun to the earth in eight minutes.",
    "My phone number has changed, I will send you the new one.",
    "In winter the lake freezes and children skate on it.",
    "He whispered something, but the music was too loud.",
    "Turn left at the church and follow the road up the hill.",
    "Yes, of course, just give me a moment to find my glasses.",
    "The cat jumped onto the shelf and knocked over a vase.",
};

enum { N_SENTENCES = sizeof sentences / sizeof *sentences };

void marvis_calibration_settings_init(marvis_calibration_settings *settings) {
    *settings = (marvis_calibration_settings){
        .struct_size = sizeof *settings, .n_frames = DEFAULT_FRAMES, .seed = 1};
}

typedef struct job {
    marvis_calibration *calibration;
    marvis_calibration_settings settings;
    marvis_batch *batch;
    marvis_session *sessions[AT_ONCE];
    mv_rng seeds;
    size_t next; /* sentence */
    marvis_error *err;
} job;

/* Begins the next sentence, of at most n_frames. */
static marvis_status begin(job *j, int n_frames, marvis_session **session) {
    const marvis_model *model = j->calibration->model;
    const char *text = sentences[j->next++ % N_SENTENCES];
    marvis_session_settings settings;
    int most = marvis_model_max_positions(model) / 2;
    marvis_session_settings_init(&settings, model);
    settings.seed = mv_rng_next(&j->seeds);
    settings.max_frames = n_frames < most ? n_frames : most > 0 ? most : 1;
    settings.guard = 0; /* which listens, and nothing is decoded here */
    settings.chunk_frames = 1;
    MV_TRY(marvis_session_create(model, &settings, session, j->err));
    mv_csm_scratch_observe(&(*session)->scratch, &j->calibration->columns.observer);
    return marvis_session_push_text(*session, text, strlen(text), j->err);
}

/* The next frame of each sentence under way; *n_advanced 0 when all have ended. */
static marvis_status advance(job *j, size_t n, size_t *n_advanced) {
    marvis_calibration *c = j->calibration;
    MV_TRY(marvis_batch_step(j->batch, j->sessions, n, n_advanced, j->err));
    for (size_t i = 0; i < n; i++) {
        marvis_session *s = j->sessions[i];
        c->n_frames += s->n_pending;
        s->n_frames += s->n_pending; /* as if decoded */
        s->n_pending = 0;
    }
    if (j->settings.progress &&
        j->settings.progress(j->settings.progress_ctx, c->n_frames, j->settings.n_frames) != 0)
        return mv_fail(j->err, MARVIS_ERR_CALL, "stopped while the model spoke");
    return MARVIS_OK;
}

/* The next sentences, until each has ended or had its share of the frames that are missing. */
static marvis_status speak_round(job *j) {
    int missing = j->settings.n_frames - j->calibration->n_frames;
    size_t n = 0, n_advanced = 1;
    marvis_status status = MARVIS_OK;
    for (; n < AT_ONCE && (int)n < missing && status == MARVIS_OK; n++)
        status = begin(j, (missing + AT_ONCE - 1 - (int)n) / AT_ONCE, &j->sessions[n]);
    while (status == MARVIS_OK && n_advanced > 0)
        status = advance(j, n, &n_advanced);
    for (size_t i = 0; i < n; i++)
        marvis_session_destroy(&j->sessions[i]);
    return status;
}

static marvis_status run(job *j) {
    marvis_calibration *c = j->calibration;
    const marvis_engine *engine = c->model->engine;
    MV_TRY(mv_csm_columns_init(&c->columns, &c->model->csm, j->err));
    MV_TRY(marvis_batch_create(c->model, AT_ONCE, &j->batch, j->err));
    mv_batch_observe(j->batch, &c->columns.observer);
    mv_rng_seed(&j->seeds, j->settings.seed);
    for (int silent = 0; c->n_frames < j->settings.n_frames && silent < SILENT_ROUNDS;) {
        int before = c->n_frames;
        MV_TRY(speak_round(j));
        silent = c->n_frames > before ? 0 : silent + 1;
    }
    if (c->n_frames == 0)
        return mv_fail(j->err, MARVIS_ERR_INPUT,
                       "%s: the model ended each of %d sentences before it had said anything, so "
                       "that nothing can be learnt of it; quantise it without calibration",
                       c->model->files.weights ? c->model->files.weights : "a random model",
                       SILENT_ROUNDS * AT_ONCE);
    if (c->n_frames < j->settings.n_frames)
        mv_log(engine, MARVIS_LOG_WARNING,
               "the model hardly speaks: calibrated with %d frames instead of %d", c->n_frames,
               j->settings.n_frames);
    return MARVIS_OK;
}

static marvis_status check(const marvis_model *model, const marvis_calibration_settings *settings,
                           marvis_error *err) {
    if (settings->struct_size != sizeof *settings)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "calibration settings of another version: fill them with "
                       "marvis_calibration_settings_init");
    if (settings->n_frames < 1 || settings->n_frames > MOST_FRAMES)
        return mv_fail(err, MARVIS_ERR_CALL, "calibration with %d frames: use 1 to %d",
                       settings->n_frames, MOST_FRAMES);
    if (!model->has_csm || !model->mimi || !model->tokenizer)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "to be calibrated a model speaks, which needs its codec and its tokenizer");
    return MARVIS_OK;
}

marvis_status marvis_calibration_create(const marvis_model *model,
                                        const marvis_calibration_settings *settings,
                                        marvis_calibration **calibration, marvis_error *err) {
    job j = {.err = err};
    *calibration = NULL;
    marvis_calibration_settings_init(&j.settings);
    if (settings) j.settings = *settings;
    MV_TRY(check(model, &j.settings, err));
    marvis_calibration *c = j.calibration = mv_alloc(1, sizeof *c);
    if (!c) return mv_fail_memory(err, sizeof *c, "the calibration");
    c->model = model;
    marvis_status status = run(&j);
    marvis_batch_destroy(&j.batch);
    if (status != MARVIS_OK)
        marvis_calibration_destroy(&c);
    else
        *calibration = c;
    return status;
}

void marvis_calibration_destroy(marvis_calibration **calibration) {
    if (!calibration || !*calibration) return;
    mv_csm_columns_deinit(&(*calibration)->columns);
    mv_free(*calibration);
    *calibration = NULL;
}

int marvis_calibration_n_frames(const marvis_calibration *calibration) {
    return calibration->n_frames;
}
