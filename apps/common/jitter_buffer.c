/* jitter_buffer.c - see jitter_buffer.h. A ring with one writer and one reader. All that the two
 * sides tell each other are places in the sound, counted in samples from the first: they only ever
 * grow, and each is stored by one side alone. `play` is the exception: the sound card's side takes
 * a permission back after a gap, but only the one that it has seen, never a newer one. */
#include "common/jitter_buffer.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const double FADE_S = 0.005, MARGIN = 1.25;

struct jitter_buffer {
    jitter_settings settings;
    size_t capacity; /* samples of the ring */
    size_t n_fade;   /* samples of a fade */
    atomic_size_t n_put, n_taken;
    atomic_size_t end;  /* what was put when it was last said to end: plays in any case */
    atomic_size_t play; /* where behind `end`: what was put when it was allowed to play; 0: not */
    atomic_bool ended;  /* nothing was put or announced since the end */
    atomic_int n_gaps;
    atomic_size_t n_gap;   /* samples of silence in gaps that are over */
    atomic_size_t n_quiet; /* and since then: a gap, unless the end comes before more sound */

    double speed, last_s; /* the maker's: how fast the pieces come, and how long the last was */
    bool is_first;        /* the next piece is, from the beginning or since the end */

    size_t fade_in; /* the sound card's: samples of it that are left */
    float level;    /* where the sound stopped, fading out */
    float ring[];
};

void jitter_settings_init(jitter_settings *settings, int sample_rate) {
    *settings = (jitter_settings){
        .sample_rate = sample_rate, .capacity_s = 30, .piece_s = 0.64, .slow_s = 2};
}

jitter_buffer *jitter_buffer_create(const jitter_settings *s) {
    double samples = s->capacity_s * s->sample_rate;
    if (!(samples >= 1 && samples < 1e9 && s->piece_s > 0 && s->slow_s > 0)) return NULL;
    jitter_buffer *b = calloc(1, sizeof *b + (size_t)samples * sizeof b->ring[0]);
    if (!b) return NULL;
    b->settings = *s;
    b->capacity = (size_t)samples;
    b->n_fade = (size_t)(FADE_S * s->sample_rate) + 1;
    atomic_init(&b->n_put, 0);
    atomic_init(&b->n_taken, 0);
    atomic_init(&b->end, 0);
    atomic_init(&b->play, 0);
    atomic_init(&b->ended, false);
    atomic_init(&b->n_gaps, 0);
    atomic_init(&b->n_gap, 0);
    atomic_init(&b->n_quiet, 0);
    b->speed = -1;
    b->is_first = true;
    return b;
}

void jitter_buffer_destroy(jitter_buffer **buffer) {
    free(*buffer);
    *buffer = NULL;
}

/* ---- the maker's side ----------------------------------------------------------------------- */

bool jitter_may_begin(double held_s, double last_s, double speed, double piece_s, double slow_s) {
    if (speed >= 1) return held_s >= slow_s;
    if (speed < 0) return held_s >= piece_s; /* not known yet */
    for (double next = last_s; held_s > 0;) {
        next = fmin(2 * next, piece_s);
        if (held_s < MARGIN * speed * next) return false;
        if (next >= piece_s || next <= 0) return true;
        held_s += (1 - speed) * next;
    }
    return false;
}

size_t jitter_buffer_held(const jitter_buffer *b) {
    size_t taken = atomic_load(&b->n_taken); /* first: it never passes n_put */
    return atomic_load(&b->n_put) - taken;
}

void jitter_buffer_announce(jitter_buffer *b, double piece_s, double made_s) {
    atomic_store(&b->ended, false);
    /* A prompt, and perhaps a wait, stands before the first piece: its time tells nothing of the
     * next. */
    b->speed = b->is_first ? -1 : made_s > 0 ? made_s / piece_s : 0;
    b->last_s = piece_s;
    b->is_first = false;
}

size_t jitter_buffer_put(jitter_buffer *b, const float *pcm, size_t n) {
    size_t put = atomic_load(&b->n_put), room = b->capacity - jitter_buffer_held(b);
    size_t at = put % b->capacity, count = n < room ? n : room;
    size_t first = count < b->capacity - at ? count : b->capacity - at;
    const jitter_settings *s = &b->settings;
    if (n == 0) return 0;
    memcpy(b->ring + at, pcm, first * sizeof *pcm);
    memcpy(b->ring, pcm + first, (count - first) * sizeof *pcm);
    atomic_store(&b->ended, false);
    atomic_store(&b->n_put, put + count);
    double held_s = (double)jitter_buffer_held(b) / s->sample_rate;
    bool is_full = count < n;
    /* A pause before the first piece is no reason to begin: it would be over before that comes. */
    if (is_full ||
        (!b->is_first && jitter_may_begin(held_s, b->last_s, b->speed, s->piece_s, s->slow_s)))
        atomic_store(&b->play, put + count);
    return count;
}

void jitter_buffer_end(jitter_buffer *b) {
    b->speed = -1;
    b->is_first = true;
    atomic_store(&b->end, atomic_load(&b->n_put));
    atomic_store(&b->ended, true);
}

bool jitter_buffer_is_done(const jitter_buffer *b) {
    return atomic_load(&b->ended) && jitter_buffer_held(b) == 0;
}

void jitter_buffer_report(const jitter_buffer *b, jitter_report *report) {
    double rate = b->settings.sample_rate;
    /* what is over first: what becomes over meanwhile is then left out, not counted twice */
    size_t gap = atomic_load(&b->n_gap);
    int n_gaps = atomic_load(&b->n_gaps);
    size_t quiet = atomic_load(&b->n_quiet), taken = atomic_load(&b->n_taken);
    if (taken == atomic_load(&b->end)) quiet = 0;
    *report = (jitter_report){.played_s = (double)taken / rate,
                              .gap_s = (double)(gap + quiet) / rate,
                              .n_gaps = n_gaps + (quiet > 0)};
}

/* ---- the sound card's side ------------------------------------------------------------------ */

static void copy_out(jitter_buffer *b, float *out, size_t n) {
    size_t at = atomic_load(&b->n_taken) % b->capacity;
    if (n == 0) return;
    size_t quiet = atomic_exchange(&b->n_quiet, 0);
    if (quiet > 0) atomic_fetch_add(&b->n_gaps, 1);
    atomic_fetch_add(&b->n_gap, quiet);
    for (size_t i = 0; i < n; i++) {
        float x = b->ring[at];
        if (b->fade_in > 0) {
            x *= 1 - (float)b->fade_in / (float)b->n_fade;
            b->fade_in--;
        }
        out[i] = b->level = x;
        if (++at == b->capacity) at = 0;
    }
    atomic_fetch_add(&b->n_taken, n);
}

/* Silence, into which the last sample fades. */
static void silence(jitter_buffer *b, float *out, size_t n) {
    float keep = 1 - 5 / (float)b->n_fade; /* e^-5 at the end of the fade */
    if (keep < 0) keep = 0;
    for (size_t i = 0; i < n; i++) {
        b->level = fabsf(b->level) < 1e-5f ? 0 : b->level * keep;
        out[i] = b->level;
    }
}

void jitter_buffer_take(jitter_buffer *b, float *out, size_t n) {
    /* In this order: what is put after the end is not among what is seen to have been put before
     * it. What has ended, or may play, has been put in any case. */
    size_t put = atomic_load(&b->n_put), end = atomic_load(&b->end), play = atomic_load(&b->play);
    size_t taken = atomic_load(&b->n_taken), stop = play > end ? (play > put ? play : put) : end;
    size_t count = stop <= taken ? 0 : stop - taken < n ? stop - taken : n;
    if (taken == end) atomic_store(&b->n_quiet, 0); /* no gap: all had been heard */
    copy_out(b, out, count);
    if (count == n) return;
    silence(b, out + count, n - count);
    b->fade_in = 0;
    if (taken + count == end) return; /* all that has ended was heard, and nothing else */
    atomic_fetch_add(&b->n_quiet, n - count);
    b->fade_in = b->n_fade;
    if (play > end) atomic_compare_exchange_strong(&b->play, &play, 0);
}
