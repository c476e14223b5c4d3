/* speech_piece.c - one piece of a long text: from the splitter to the session, and how it ended. */
#include "engine/speech.h"

#include "base/memory.h"
#include "text/normalize.h"

#include <string.h>

/* ---- text ----------------------------------------------------------------------------------- */

/* The splitter's next piece from what was pushed. */
static bool split_next(marvis_speech *sp) {
    for (;;) {
        if (mv_split_next(sp->split, &sp->piece)) return true;
        if (sp->queue_at < sp->queue_end) {
            sp->queue_at +=
                mv_split_feed(sp->split, sp->queue + sp->queue_at, sp->queue_end - sp->queue_at);
        } else if (sp->ended && !sp->split_ended) {
            mv_split_end(sp->split);
            sp->split_ended = true;
        } else {
            return false;
        }
    }
}

static bool is_plain(unsigned char c) {
    return c >= 0x80 || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* At the end of a text a comma goes, but this end is in the middle of a sentence: a piece that ends
 * behind a mark keeps one. */
static marvis_status keep_mark(marvis_speech *sp, marvis_error *err) {
    size_t n = sp->text_len;
    const char *raw = sp->piece.text;
    char mark = raw[sp->piece.len - 1];
    bool dash = sp->piece.len >= 3 && memcmp(raw + sp->piece.len - 3, "\xe2\x80", 2) == 0;
    if (sp->piece.border != MV_SPLIT_CLAUSE || !is_plain((unsigned char)sp->normalized[n - 1]) ||
        (is_plain((unsigned char)mark) && !dash))
        return MARVIS_OK;
    char *longer = mv_alloc(n + 2, 1);
    if (!longer) return mv_fail_memory(err, n + 2, "the piece");
    memcpy(longer, sp->normalized, n);
    longer[n] = mark == ';' || mark == ':' ? mark : ',';
    mv_free(sp->normalized);
    sp->normalized = longer;
    sp->text_len = n + 1;
    return MARVIS_OK;
}

/* Words for the session, or none where nothing in the piece is spoken. */
static marvis_status prepare_text(marvis_speech *sp, marvis_error *err) {
    mv_free(sp->normalized);
    sp->normalized = NULL;
    sp->text = sp->piece.text;
    sp->text_len = sp->piece.has_words ? sp->piece.len : 0;
    if (!sp->settings.normalize) return MARVIS_OK;
    MV_TRY(mv_normalize(sp->piece.text, sp->piece.len, &sp->normalized, &sp->text_len, err));
    if (sp->text_len > 0) MV_TRY(keep_mark(sp, err));
    sp->text = sp->normalized;
    return MARVIS_OK;
}

static int pause_behind(const marvis_speech *sp) {
    int sentence = sp->settings.sentence_pause_ms, paragraph = sp->settings.paragraph_pause_ms;
    if (sp->piece.border == MV_SPLIT_PARAGRAPH) return paragraph > sentence ? paragraph : sentence;
    return sp->piece.border == MV_SPLIT_SENTENCE ? sentence : 0;
}

/* The piece is behind us: what comes next begins here. */
static void pass(marvis_speech *sp) {
    marvis_speech_position *p = &sp->position;
    int pause = pause_behind(sp);
    if (pause > sp->pause_ms) sp->pause_ms = pause;
    p->n_pieces = ++sp->index;
    p->n_within++;
    if (sp->piece.border == MV_SPLIT_PARAGRAPH) {
        p->offset = sp->piece.end;
        p->n_within = 0;
    }
    p->pause_ms = sp->pause_ms;
    p->n_frames = sp->info.n_frames;
    p->n_samples = sp->info.n_samples;
    p->last = sp->last;
    p->contiguous = sp->contiguous;
}

marvis_status mv_speech_next_piece(marvis_speech *sp, bool *found, marvis_error *err) {
    *found = false;
    sp->text_len = 0;
    while (split_next(sp)) {
        if (sp->n_skip > 0) { /* spoken before the position that we went on from */
            sp->n_skip--;
            sp->index++;
            continue;
        }
        MV_TRY(prepare_text(sp, err));
        if (sp->text_len > 0) {
            sp->info.n_pieces++;
            *found = true;
            return MARVIS_OK;
        }
        pass(sp);
    }
    return MARVIS_OK;
}

/* ---- the session ---------------------------------------------------------------------------- */

/* The first attempt at the first piece has the seed itself: what a session would say. */
static uint64_t seed_of(const marvis_speech *sp, int attempt) {
    uint64_t seed = sp->settings.seed;
    mv_rng rng;
    if (sp->index == 0 && attempt == 0) return seed;
    mv_rng_seed(&rng, seed ^ (sp->index * 0x9e3779b97f4a7c15u));
    seed = mv_rng_next(&rng);
    mv_rng_seed(&rng, seed ^ ((uint64_t)attempt * 0xd1b54a32d192ed03u));
    return mv_rng_next(&rng);
}

/* Frames that the piece may have: of its own, of all, and by the guard, so that no more positions
 * are set aside than can be needed. */
static int most_frames(const marvis_speech *sp) {
    int most = sp->piece_frames;
    int64_t left = sp->settings.max_frames - sp->info.n_frames;
    if (sp->settings.max_frames && left < most) most = (int)left;
    if (sp->session->settings.guard) {
        int limit = mv_session_length(sp->session).limit;
        if (limit < most) most = limit;
    }
    return most;
}

/* Positions of the session's prompt, and how many of them can be dropped to make room. */
static marvis_status measure(const marvis_session *s, size_t *n_prompt, size_t *n_droppable,
                             marvis_error *err) {
    const mv_context *c = &s->context;
    mv_prompt prompt = {0};
    marvis_status status = mv_session_prompt(s, &prompt, err);
    *n_prompt = prompt.n;
    *n_droppable = 0;
    if (s->settings.drop_turns && c->n_turns >= c->n_pinned + 2)
        *n_droppable = c->ends[c->n_turns - 2] - (c->n_pinned ? c->ends[c->n_pinned - 1] : 0);
    mv_prompt_deinit(&prompt);
    return status;
}

/* Whether the session's prompt leaves room for the piece. */
static marvis_status fits(const marvis_session *s, bool *yes, marvis_error *err) {
    size_t n_prompt, n_droppable;
    int positions = s->model->csm.config.backbone.max_positions;
    marvis_status status = measure(s, &n_prompt, &n_droppable, err);
    *yes = n_prompt < (size_t)(positions - s->settings.max_frames);
    return status;
}

/* Where a long piece behind a long voice does not leave room for the most that it may take, it gets
 * what there is, if that is well beyond what it should take: a book must not fail in its middle. */
static marvis_status take_room(marvis_session *s, marvis_error *err) {
    size_t n_prompt, n_droppable, positions = (size_t)s->model->csm.config.backbone.max_positions;
    size_t expected = (size_t)mv_session_length(s).expected;
    MV_TRY(measure(s, &n_prompt, &n_droppable, err));
    size_t taken = n_prompt - n_droppable + 1;
    size_t room = taken < positions ? positions - taken : 0;
    if (room < (size_t)s->settings.max_frames && room >= expected + expected / 2)
        s->settings.max_frames = (int)room;
    return MARVIS_OK;
}

/* Frames below which an end by itself comes too early, of a text that should take `expected`. */
static size_t least_frames(int expected) { return expected > 0 ? ((size_t)expected + 3) / 4 : 1; }

marvis_status mv_speech_begin_piece(marvis_speech *sp, int attempt, marvis_error *err) {
    marvis_session *s = sp->session;
    bool yes = true;
    if (attempt == 0) sp->bars_end = false;
    sp->attempt = attempt;
    sp->n_frames = sp->n_given = sp->n_pcm = sp->pcm_at = 0;
    sp->early = false;
    mv_session_restart(s, seed_of(sp, attempt));
    s->settings.max_frames = sp->piece_frames;
    MV_TRY(marvis_session_push_text(s, sp->text, sp->text_len, err));
    /* another attempt is not to go wrong by the same tail */
    yes = attempt == 0 && sp->n_tail > 0;
    if (yes) s->tail = (mv_tail){sp->tail_text, sp->tail_len, sp->tail_codes, sp->n_tail};
    s->settings.max_frames = most_frames(sp);
    if (yes) MV_TRY(fits(s, &yes, err));
    if (!yes && sp->n_tail) {
        s->tail = (mv_tail){0};
        sp->fade_from = sp->last; /* the codec does not go on from what was heard */
        sp->n_fade = 0;
        s->settings.max_frames = sp->piece_frames;
        s->settings.max_frames = most_frames(sp);
    }
    MV_TRY(take_room(s, err));
    size_t least = least_frames(mv_session_length(s).expected);
    if (sp->bars_end) s->n_barred = (int)least;
    sp->n_hold = sp->settings.hold ? SIZE_MAX : sp->spoken ? least : 0;
    sp->spoken = true;
    return MARVIS_OK;
}

marvis_status mv_speech_take(marvis_speech *sp, const marvis_chunk *chunk, marvis_error *err) {
    size_t n = (size_t)chunk->n_frames, wanted = sp->n_pcm + n;
    size_t n_codebooks = (size_t)sp->n_codebooks;
    if (wanted > sp->pcm_frames) {
        size_t capacity = 2 * wanted;
        float *grown = mv_grow(sp->pcm, capacity, sp->frame_samples * sizeof *grown);
        if (!grown)
            return mv_fail_memory(err, capacity * sp->frame_samples * sizeof *grown, "the piece");
        sp->pcm = grown;
        sp->pcm_frames = capacity;
    }
    memcpy(sp->pcm + sp->n_pcm * sp->frame_samples, chunk->pcm,
           n * sp->frame_samples * sizeof *sp->pcm);
    memcpy(sp->codes + sp->n_frames * n_codebooks, chunk->codes,
           n * n_codebooks * sizeof *sp->codes);
    sp->n_pcm = wanted;
    sp->n_frames += n;
    return MARVIS_OK;
}

/* ---- the end -------------------------------------------------------------------------------- */

void mv_speech_add_timing(marvis_session_timing *sum, const marvis_session *session) {
    marvis_session_timing one = {.struct_size = sizeof one};
    marvis_session_timing_get(session, &one);
    if (sum->n_prompt == 0) sum->first_pcm_s = one.first_pcm_s;
    sum->n_prompt += one.n_prompt;
    sum->n_reused += one.n_reused;
    sum->n_frames += one.n_frames;
    sum->n_expected += one.n_expected;
    sum->n_dropped += one.n_dropped;
    sum->prefill_s += one.prefill_s;
    sum->backbone_s += one.backbone_s;
    sum->depth_s += one.depth_s;
    sum->codec_s += one.codec_s;
    sum->heads_s += one.heads_s;
    sum->sampling_s += one.sampling_s;
}

bool mv_speech_went_wrong(marvis_speech *sp, marvis_stop stop) {
    const marvis_session *s = sp->session;
    bool greedy = s->settings.codebook0.temperature <= 0 &&
                  (s->settings.depth.temperature <= 0 || s->settings.n_codebooks == 1);
    bool all = sp->settings.max_frames &&
               sp->info.n_frames + (int64_t)sp->n_pcm >= sp->settings.max_frames;
    mv_speech_add_timing(&sp->info.timing, s);
    sp->ending = stop;
    sp->early = stop == MARVIS_STOP_EOS && sp->n_frames < least_frames(s->length.expected);
    bool wrong = stop == MARVIS_STOP_RUNAWAY || (stop == MARVIS_STOP_CAP && !all) || sp->early;
    if (stop == MARVIS_STOP_RUNAWAY) sp->info.runaway = marvis_session_runaway(s);
    if (!wrong || sp->n_given > 0 || sp->settings.retries == 0) return false;
    bool is_first_empty = sp->n_frames == 0 && !sp->bars_end; /* it has cost a frame */
    if (!is_first_empty && (greedy || sp->attempt >= sp->settings.retries)) return false;
    sp->bars_end = sp->bars_end || is_first_empty;
    sp->info.n_retries++;
    return true;
}

/* A piece that ended well and is short enough takes the tail's place. */
static marvis_status keep_tail(marvis_speech *sp, marvis_error *err) {
    sp->contiguous = false;
    if (sp->ending != MARVIS_STOP_EOS || sp->early || sp->n_frames > sp->tail_frames ||
        sp->settings.keep_turns)
        return MARVIS_OK;
    if (sp->text_len > sp->tail_capacity) {
        char *grown = mv_grow(sp->tail_text, 2 * sp->text_len, 1);
        if (!grown) return mv_fail_memory(err, 2 * sp->text_len, "the tail");
        sp->tail_text = grown;
        sp->tail_capacity = 2 * sp->text_len;
    }
    memcpy(sp->tail_text, sp->text, sp->text_len);
    sp->tail_len = sp->text_len;
    int32_t *codes = sp->tail_codes;
    sp->tail_codes = sp->codes;
    sp->codes = codes;
    sp->n_tail = sp->n_frames;
    sp->contiguous = true;
    return MARVIS_OK;
}

marvis_status mv_speech_keep_turn(marvis_speech *sp, marvis_error *err) {
    if (!sp->settings.keep_turns || !sp->session->started) return MARVIS_OK;
    return marvis_session_keep_turn(sp->session, sp->n_given, NULL, 0, NULL, err);
}

marvis_status mv_speech_end_piece(marvis_speech *sp, marvis_error *err) {
    sp->info.n_runaway += sp->ending == MARVIS_STOP_RUNAWAY;
    sp->info.n_cap += sp->ending == MARVIS_STOP_CAP;
    sp->info.n_early += sp->early;
    MV_TRY(mv_speech_keep_turn(sp, err));
    MV_TRY(keep_tail(sp, err));
    sp->pause_ms = 0;
    pass(sp);
    return MARVIS_OK;
}
