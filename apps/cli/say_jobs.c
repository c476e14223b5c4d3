/* say_jobs.c - see say_jobs.h. Each paragraph at work has a session and a speech of its own; a
 * batch makes their frames, and those before the first one that is not complete are written. */
#include "cli/say_jobs.h"

#include <stdlib.h>
#include <string.h>

#include "cli/say_json.h"
#include "cli/support.h"
#include "common/error.h"
#include "common/platform.h"
#include "common/text_file.h"

enum { FADE_MS = 5 };

typedef struct paragraph {
    uint64_t begin, end; /* of it in the text */
    int worker;          /* of the session; -1: it is complete */
    marvis_speech *speech;
    marvis_speech_info info;
    float *pcm; /* owned [capacity]: from n_out to n is not written yet */
    size_t n, n_out, capacity;
    bool paused; /* it begins with a pause, */
    size_t skip; /* of which so many samples are left out */
} paragraph;

typedef struct work {
    say_jobs *jobs;
    marvis_batch *batch;
    marvis_session **sessions; /* [jobs->n] owned */
    bool *busy;                /* [jobs->n] */
    paragraph *queue;          /* [2 * jobs->n] in the order of the text */
    size_t n_queue;
    char *text; /* owned: read, from at on not taken, from scanned on not looked at */
    size_t at, scanned, n, capacity;
    bool has_words;  /* between at and scanned */
    bool ended;      /* all of the text has been read */
    uint64_t offset; /* of text[0] in the whole */
    float last;      /* the last sample written */
    bool any;        /* there is one */
    uint64_t n_done; /* paragraphs written to their end */
} work;

static marvis_status no_memory(marvis_error *err) {
    return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
}

/* ---- paragraphs of the text ----------------------------------------------------------------- */

static marvis_status read_more(work *w, marvis_error *err) {
    const char *bytes;
    size_t n;
    marvis_status status = say_text_next(w->jobs->text, &bytes, &n, err);
    if (status != MARVIS_OK) return status;
    w->ended = n == 0 && w->jobs->text->ended;
    if (w->at > 0) {
        memmove(w->text, w->text + w->at, w->n - w->at);
        w->offset += w->at;
        w->n -= w->at;
        w->scanned -= w->at;
        w->at = 0;
    }
    if (w->n + n > w->capacity) {
        size_t capacity = 2 * (w->n + n);
        char *grown = realloc(w->text, capacity);
        if (!grown) return no_memory(err);
        w->text = grown;
        w->capacity = capacity;
    }
    if (n) memcpy(w->text + w->n, bytes, n);
    w->n += n;
    return MARVIS_OK;
}

/* The end of the paragraph that begins at w->at: behind the empty line after it, or the end of the
 * text. 0: there is no more. */
static marvis_status find_paragraph(work *w, size_t *end, marvis_error *err) {
    *end = 0;
    for (;;) {
        while (w->scanned < w->n) {
            const char *line = w->text + w->scanned;
            const char *stop = memchr(line, '\n', w->n - w->scanned);
            if (!stop) break;
            size_t n = (size_t)(stop - line) + 1;
            bool blank = text_is_blank(line, n), over = blank && w->has_words;
            w->scanned += n;
            if (!blank) w->has_words = true;
            if (!over) continue;
            *end = w->scanned;
            return MARVIS_OK;
        }
        if (w->ended) {
            if (w->n > w->at && (w->has_words || !text_is_blank(w->text + w->at, w->n - w->at)))
                *end = w->scanned = w->n;
            return MARVIS_OK;
        }
        if (cli_is_cancelled()) return MARVIS_OK;
        marvis_status status = read_more(w, err);
        if (status != MARVIS_OK) return status;
    }
}

/* ---- one paragraph -------------------------------------------------------------------------- */

/* By the place in the text: the same however many come before. */
static uint64_t seed_at(uint64_t seed, uint64_t offset) {
    uint64_t z = seed ^ (offset * UINT64_C(0x9e3779b97f4a7c15));
    if (offset == 0) return seed;
    z = (z ^ z >> 31) * UINT64_C(0xbf58476d1ce4e5b9);
    return z ^ z >> 29;
}

/* Gives the paragraph at w->at to a session. It begins with its pause, and as after silence. */
static marvis_status begin_paragraph(work *w, int worker, size_t end, marvis_error *err) {
    paragraph *p = &w->queue[w->n_queue];
    uint64_t offset = w->offset + w->at;
    marvis_speech_settings settings = w->jobs->settings;
    marvis_speech_position position = {.struct_size = sizeof position,
                                       .offset = offset,
                                       .n_samples = 1,
                                       .pause_ms = settings.paragraph_pause_ms};
    *p = (paragraph){
        .begin = offset, .end = w->offset + end, .worker = worker, .paused = offset > 0};
    settings.seed = seed_at(settings.seed, offset);
    marvis_status status = marvis_speech_create(w->sessions[worker], &settings, &p->speech, err);
    if (status != MARVIS_OK) return status;
    w->n_queue++;
    w->busy[worker] = true;
    marvis_recording_init(&position.tail);
    if (offset > 0) status = marvis_speech_resume(p->speech, &position, err);
    if (status == MARVIS_OK)
        status = marvis_speech_push_text(p->speech, w->text + w->at, end - w->at, err);
    marvis_speech_end(p->speech);
    w->at = end;
    w->has_words = false;
    return status;
}

static marvis_status begin_all(work *w, marvis_error *err) {
    for (int i = 0; i < w->jobs->n && w->n_queue < 2 * (size_t)w->jobs->n; i++) {
        size_t end;
        if (w->busy[i]) continue;
        marvis_status status = find_paragraph(w, &end, err);
        if (status == MARVIS_OK && end > 0) status = begin_paragraph(w, i, end, err);
        if (status != MARVIS_OK || end == 0) return status;
    }
    return MARVIS_OK;
}

static marvis_status take(paragraph *p, const marvis_chunk *chunk, marvis_error *err) {
    size_t n = (size_t)chunk->n_samples;
    if (p->n + n > p->capacity) {
        size_t capacity = 2 * (p->n + n);
        float *grown = realloc(p->pcm, capacity * sizeof *grown);
        if (!grown) return no_memory(err);
        p->pcm = grown;
        p->capacity = capacity;
    }
    if (n) memcpy(p->pcm + p->n, chunk->pcm, n * sizeof *p->pcm);
    p->n += n;
    return MARVIS_OK;
}

/* What of a paragraph needs no new frame. */
static marvis_status poll(work *w, paragraph *p, marvis_error *err) {
    while (p->worker >= 0 && marvis_speech_is_ready(p->speech)) {
        marvis_chunk chunk;
        marvis_status status = marvis_speech_poll(p->speech, &chunk, err);
        if (status == MARVIS_OK) status = take(p, &chunk, err);
        if (status != MARVIS_OK) return status;
        w->jobs->result->made_s += made_seconds(&chunk, w->jobs->model);
        if (chunk.stop == MARVIS_STOP_NONE) continue;
        p->info.struct_size = sizeof p->info;
        marvis_speech_info_get(p->speech, &p->info);
        marvis_speech_destroy(&p->speech);
        w->busy[p->worker] = false;
        p->worker = -1;
    }
    return MARVIS_OK;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* The samples of the first paragraph in the queue that are not written yet. */
static marvis_status write_some(work *w, paragraph *p, marvis_error *err) {
    say_result *r = w->jobs->result;
    double rate = marvis_model_sample_rate(w->jobs->model);
    bool first = p->n_out == 0 && p->n > 0;
    if (first && !w->any) /* no pause before the first words of all */
        p->skip = p->paused ? (size_t)(rate * w->jobs->settings.paragraph_pause_ms / 1000) : 0;
    if (first && w->any) { /* from the last sample to what follows, without a click */
        size_t n = (size_t)(rate * FADE_MS / 1000);
        for (size_t i = 0; i < n && i < p->n; i++)
            p->pcm[i] += w->last * (1 - (float)(i + 1) / (float)(n + 1));
    }
    size_t n = p->n - p->n_out, n_skip = p->skip < n ? p->skip : n;
    const float *pcm = p->pcm + p->n_out + n_skip;
    p->skip -= n_skip;
    p->n_out = p->n;
    n -= n_skip;
    if (n == 0) return MARVIS_OK;
    r->info.begin = p->begin;
    w->any = true;
    w->last = pcm[n - 1];
    r->info.n_samples += (int64_t)n;
    r->seconds = (double)r->info.n_samples / rate;
    return w->jobs->sink.write(w->jobs->sink.ctx, pcm, n, err);
}

static void add_timing(marvis_session_timing *sum, const marvis_session_timing *one) {
    if (sum->n_prompt == 0) sum->first_pcm_s = one->first_pcm_s;
    sum->n_prompt += one->n_prompt;
    sum->n_reused += one->n_reused;
    sum->n_frames += one->n_frames;
    sum->prefill_s += one->prefill_s;
    sum->backbone_s += one->backbone_s;
    sum->depth_s += one->depth_s;
    sum->codec_s += one->codec_s;
}

/* The first paragraph is complete and written: counts it and takes it out. */
static marvis_status finish_first(work *w, marvis_error *err) {
    paragraph *p = &w->queue[0];
    say_result *r = w->jobs->result;
    r->info.n_pieces += p->info.n_pieces;
    r->info.n_retries += p->info.n_retries;
    r->info.n_runaway += p->info.n_runaway;
    r->info.n_cap += p->info.n_cap;
    r->info.n_early += p->info.n_early;
    if (p->info.runaway != MARVIS_RUNAWAY_NONE) r->info.runaway = p->info.runaway;
    r->info.n_frames += p->info.n_frames;
    r->n_frames = r->info.n_frames;
    add_timing(&r->timing, &p->info.timing);
    w->n_done++;
    marvis_speech_position at = {.struct_size = sizeof at,
                                 .offset = p->end,
                                 .n_pieces = w->n_done,
                                 .n_frames = r->info.n_frames,
                                 .n_samples = r->info.n_samples,
                                 .last = w->last};
    marvis_recording_init(&at.tail);
    free(p->pcm);
    memmove(w->queue, w->queue + 1, --w->n_queue * sizeof *w->queue);
    return say_resume_note(w->jobs->resume, &at, err);
}

static marvis_status write_all(work *w, marvis_error *err) {
    marvis_status status = MARVIS_OK;
    while (w->n_queue > 0 && status == MARVIS_OK) {
        status = write_some(w, &w->queue[0], err);
        if (status != MARVIS_OK || w->queue[0].worker >= 0) return status;
        status = finish_first(w, err);
    }
    return status;
}

/* What was written of the paragraph that a signal ended. */
static void count_unfinished(work *w) {
    marvis_speech_info info = {.struct_size = sizeof info};
    if (w->n_queue == 0 || !w->queue[0].speech || w->queue[0].n_out == 0) return;
    marvis_speech_info_get(w->queue[0].speech, &info);
    w->jobs->result->n_frames += info.n_frames;
}

/* ---- the work ------------------------------------------------------------------------------- */

static marvis_status step(work *w, marvis_error *err) {
    marvis_session *together[SAY_MOST_JOBS];
    size_t n = 0;
    for (size_t i = 0; i < w->n_queue; i++)
        if (w->queue[i].worker >= 0) together[n++] = w->sessions[w->queue[i].worker];
    double begun = platform_seconds();
    marvis_status status = marvis_batch_step(w->batch, together, n, NULL, err);
    for (size_t i = 0; i < w->n_queue && status == MARVIS_OK; i++)
        status = poll(w, &w->queue[i], err);
    w->jobs->result->step_s += platform_seconds() - begun;
    return status;
}

/* Sessions as the first one, which the call has. */
static marvis_status prepare(work *w, marvis_error *err) {
    say_jobs *jobs = w->jobs;
    size_t n = (size_t)jobs->n;
    jobs->result->text = calloc(1, 1); /* words that are spoken at once have no order */
    w->sessions = calloc(n, sizeof(marvis_session *));
    w->busy = calloc(n, sizeof *w->busy);
    w->queue = calloc(2 * n, sizeof *w->queue);
    if (!jobs->result->text || !w->sessions || !w->busy || !w->queue) return no_memory(err);
    marvis_status status = marvis_batch_create(jobs->model, jobs->n, &w->batch, err);
    for (size_t i = 0; i < n && status == MARVIS_OK; i++) {
        status = marvis_session_create(jobs->model, &jobs->result->settings, &w->sessions[i], err);
        if (status == MARVIS_OK)
            status = say_voice_use(jobs->voice, jobs->call, w->sessions[i], err);
    }
    if (jobs->position) {
        w->offset = jobs->position->offset;
        w->n_done = jobs->position->n_pieces;
        w->last = jobs->position->last;
        w->any = jobs->position->n_samples > 0;
        jobs->result->info.n_frames = jobs->result->n_frames = jobs->position->n_frames;
        jobs->result->info.n_samples = jobs->position->n_samples;
    }
    return status;
}

static void release(work *w) {
    for (size_t i = 0; i < w->n_queue; i++) {
        marvis_speech_destroy(&w->queue[i].speech);
        free(w->queue[i].pcm);
    }
    marvis_batch_destroy(&w->batch);
    for (int i = 0; w->sessions && i < w->jobs->n; i++)
        marvis_session_destroy(&w->sessions[i]);
    free(w->sessions);
    free(w->busy);
    free(w->queue);
    free(w->text);
}

marvis_status say_jobs_run(say_jobs *jobs, marvis_error *err) {
    work w = {.jobs = jobs};
    marvis_status status = prepare(&w, err);
    jobs->result->stop = MARVIS_STOP_EOS;
    while (status == MARVIS_OK) {
        if (cli_is_cancelled()) {
            jobs->result->stop = MARVIS_STOP_CANCELLED;
            count_unfinished(&w);
            break;
        }
        status = begin_all(&w, err);
        if (status == MARVIS_OK && w.n_queue == 0 && !cli_is_cancelled()) break;
        if (status == MARVIS_OK) status = step(&w, err);
        if (status == MARVIS_OK) status = write_all(&w, err);
    }
    release(&w);
    return status;
}
