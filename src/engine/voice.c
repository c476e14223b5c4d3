/* voice.c - marvis_voice: made of a recording, told about, matched with models. Its file is
 * voice_file.c's, its keys and values are voice_snapshot.c's. */
#include "engine/voice.h"

#include "base/memory.h"
#include "engine/session.h"
#include "model/identity.h"
#include "text/utf8.h"

#include <stdio.h>
#include <string.h>

enum { MAX_LABEL = 4096 }; /* bytes */

/* ---- life ----------------------------------------------------------------------------------- */

void marvis_voice_settings_init(marvis_voice_settings *settings) {
    *settings = (marvis_voice_settings){.struct_size = sizeof *settings, .snapshot = 1};
}

marvis_voice *mv_voice_hold(const marvis_voice *voice) {
    marvis_voice *held = (marvis_voice *)(uintptr_t)voice; /* the count alone changes */
    atomic_fetch_add(&held->n_holders, 1);
    return held;
}

void marvis_voice_destroy(marvis_voice **voice) {
    if (!voice || !*voice) return;
    marvis_voice *v = *voice;
    *voice = NULL;
    if (atomic_fetch_sub(&v->n_holders, 1) > 1) return;
    mv_free(v->text);
    mv_free(v->codes);
    for (int i = 0; i < MV_N_VOICE_LABELS; i++)
        mv_free(v->labels[i]);
    mv_free(v->snapshot.ids);
    mv_free(v->snapshot.owned);
    mv_safetensors_close(&v->file);
    mv_free(v);
}

marvis_recording mv_voice_recording(const marvis_voice *voice) {
    marvis_recording r;
    marvis_recording_init(&r);
    r.text = voice->text;
    r.text_len_bytes = voice->text_len;
    r.codes = voice->codes;
    r.n_frames = voice->n_frames;
    r.n_codebooks = voice->n_codebooks;
    return r;
}

/* ---- making one ----------------------------------------------------------------------------- */

/* Bytes that are no UTF-8 are replaced: a label may be a file's name. */
static marvis_status set_label(marvis_voice *voice, mv_voice_label label, const char *text,
                               marvis_error *err) {
    char *repaired = NULL;
    size_t n = text ? strlen(text) : 0;
    if (n > MAX_LABEL)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "the voice: %zu bytes of name, source, date or model; give at most %d", n,
                       MAX_LABEL);
    if (!mv_utf8_repair(text ? text : "", n, &repaired, &n))
        return mv_fail_memory(err, n, "the voice");
    voice->labels[label] = n ? mv_strndup(repaired, n) : mv_strdup("");
    mv_free(repaired);
    return voice->labels[label] ? MARVIS_OK : mv_fail_memory(err, n + 1, "the voice");
}

static marvis_status set_labels(marvis_voice *voice, const marvis_voice_settings *settings,
                                marvis_error *err) {
    char engine[64];
    snprintf(engine, sizeof engine, "marvis %s", marvis_version());
    MV_TRY(set_label(voice, MV_VOICE_NAME, settings->name, err));
    MV_TRY(set_label(voice, MV_VOICE_SOURCE, settings->source, err));
    MV_TRY(set_label(voice, MV_VOICE_DATE, settings->date, err));
    MV_TRY(set_label(voice, MV_VOICE_MODEL, settings->model, err));
    return set_label(voice, MV_VOICE_ENGINE, engine, err);
}

static marvis_status copy_recording(marvis_voice *voice, const marvis_recording *r,
                                    marvis_error *err) {
    size_t n_codes = r->n_frames * (size_t)r->n_codebooks; /* fewer than 2^20 * 64 */
    const char *text = mv_strip(r->text, r->text_len_bytes, &voice->text_len);
    voice->text = mv_alloc(voice->text_len, 1);
    voice->codes = mv_alloc(n_codes, sizeof *voice->codes);
    if (!voice->text || !voice->codes)
        return mv_fail_memory(err, r->text_len_bytes + n_codes * sizeof *voice->codes, "the voice");
    memcpy(voice->text, text, voice->text_len);
    memcpy(voice->codes, r->codes, n_codes * sizeof *voice->codes);
    voice->n_frames = r->n_frames;
    voice->n_codebooks = r->n_codebooks;
    return MARVIS_OK;
}

static marvis_status check(const marvis_model *model, const marvis_recording *r,
                           const marvis_voice_settings *settings, marvis_error *err) {
    if (settings->struct_size != sizeof *settings)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "voice settings of another version: fill them with "
                       "marvis_voice_settings_init");
    if (!model->has_csm || !model->mimi || !model->tokenizer)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "a voice needs a model opened with its codec and tokenizer");
    if (settings->speaker < 0 || settings->speaker > MV_MAX_SPEAKER)
        return mv_fail(err, MARVIS_ERR_CALL, "speaker %d: use a number from 0 to %d",
                       settings->speaker, MV_MAX_SPEAKER);
    MV_TRY(mv_check_recording(r, "the voice", err));
    if (r->n_codebooks < 1 || r->n_codebooks > MV_MAX_CODEBOOKS)
        return mv_fail(err, MARVIS_ERR_INPUT, "the voice: the recording has %d codebooks",
                       r->n_codebooks);
    if (r->n_frames >= (size_t)model->csm.config.backbone.max_positions)
        return mv_fail(err, MARVIS_ERR_TOO_LONG,
                       "the voice: %zu frames, and this model has %d positions for voice, text and "
                       "speech: give a shorter recording",
                       r->n_frames, model->csm.config.backbone.max_positions);
    return mv_check_codes(model, r, "the voice", err);
}

marvis_status marvis_voice_create(const marvis_model *model, const marvis_recording *recording,
                                  const marvis_voice_settings *settings, marvis_voice **voice,
                                  marvis_error *err) {
    marvis_voice_settings defaults;
    marvis_status status;
    *voice = NULL;
    marvis_voice_settings_init(&defaults);
    if (!settings) settings = &defaults;
    MV_TRY(check(model, recording, settings, err));
    marvis_voice *v = mv_alloc(1, sizeof *v);
    if (!v) return mv_fail_memory(err, sizeof *v, "the voice");
    atomic_init(&v->n_holders, 1);
    v->speaker = settings->speaker;
    v->sample_rate = marvis_model_sample_rate(model);
    v->frame_samples = marvis_model_frame_samples(model);
    v->codec = mv_mimi_identity(model->mimi);
    MV_TRY_GOTO(mv_csm_identity(&model->csm, &v->model, err));
    MV_TRY_GOTO(set_labels(v, settings, err));
    MV_TRY_GOTO(copy_recording(v, recording, err));
    if (settings->snapshot) {
        MV_TRY_GOTO(mv_voice_numerics(model, &v->snapshot.numerics, err));
        MV_TRY_GOTO(mv_snapshot_make(v, model, err));
    }
    mv_warn_of_pace(model, v->text, v->text_len, v->n_frames);
    *voice = v;
    return MARVIS_OK;
fail:
    marvis_voice_destroy(&v);
    return status;
}

/* ---- what it is ----------------------------------------------------------------------------- */

void marvis_voice_info_get(const marvis_voice *voice, marvis_voice_info *info) {
    marvis_voice_info now = {
        .struct_size = info->struct_size,
        .name = voice->labels[MV_VOICE_NAME],
        .source = voice->labels[MV_VOICE_SOURCE],
        .date = voice->labels[MV_VOICE_DATE],
        .model = voice->labels[MV_VOICE_MODEL],
        .engine = voice->labels[MV_VOICE_ENGINE],
        .recording = mv_voice_recording(voice),
        .speaker = voice->speaker,
        .seconds = (double)voice->n_frames * voice->frame_samples / voice->sample_rate,
        .n_snapshot = (int)voice->snapshot.n_rows,
        .snapshot_bytes = voice->snapshot.len_bytes,
    };
    memcpy(info, &now, info->struct_size < sizeof now ? info->struct_size : sizeof now);
}

marvis_status mv_voice_numerics(const marvis_model *model, uint64_t *numerics, marvis_error *err) {
    char where[96];
    snprintf(where, sizeof where, "%s %s", marvis_engine_cpu(model->engine), marvis_version());
    return mv_csm_numerics(&model->csm, where, numerics, err);
}

/* Its codes mean what they meant when it was made. */
static marvis_status check_identity(const marvis_voice *voice, const marvis_model *model,
                                    marvis_error *err) {
    const char *made_for = voice->labels[MV_VOICE_MODEL];
    const char *name = voice->file.path ? voice->file.path : voice->labels[MV_VOICE_NAME];
    const char *called = voice->labels[MV_VOICE_NAME], *source = voice->labels[MV_VOICE_SOURCE];
    uint64_t identity;
    bool same_codec = voice->codec == mv_mimi_identity(model->mimi);
    MV_TRY(mv_csm_identity(&model->csm, &identity, err));
    if (same_codec && voice->model == identity) return MARVIS_OK;
    return mv_fail(err, MARVIS_ERR_INPUT,
                   "%.300s%sthis voice was made for another %s%s%.100s%s: create it again with the "
                   "model that is to speak: marvis voice create '%.64s' --force --audio '%.100s' "
                   "--text '...' ('marvis voice show' has the words)",
                   name, *name ? ": " : "", same_codec ? "model" : "model, one with another codec",
                   *made_for ? " (" : "", made_for, *made_for ? ")" : "", *called ? called : "NAME",
                   *source ? source : "FILE");
}

marvis_status marvis_voice_check(const marvis_voice *voice, const marvis_model *model,
                                 int *snapshot_fits, marvis_error *err) {
    const mv_snapshot *s = &voice->snapshot;
    uint64_t numerics;
    if (snapshot_fits) *snapshot_fits = 0;
    if (!model->has_csm || !model->mimi)
        return mv_fail(err, MARVIS_ERR_CALL, "a voice needs a model opened with its codec");
    MV_TRY(check_identity(voice, model, err));
    marvis_recording r = mv_voice_recording(voice);
    MV_TRY(mv_check_codes(model, &r, "the voice", err));
    if (!snapshot_fits || s->n_rows == 0) return MARVIS_OK;
    const mv_llama_config *c = &model->csm.config.backbone;
    MV_TRY(mv_voice_numerics(model, &numerics, err));
    *snapshot_fits = s->numerics == numerics && s->n_layers == (size_t)c->n_layers &&
                     s->n_kv_heads == (size_t)c->n_kv_heads && s->head_dim == (size_t)c->head_dim &&
                     s->n_rows <= (size_t)c->max_positions;
    return MARVIS_OK;
}

marvis_voice_layout marvis_model_voice_layout(const marvis_model *model) {
    int bos, eos;
    bool is_csm = model->has_csm &&
                  mv_csm_known_text_ids(model->csm.config.text_vocab, &bos, &eos) && bos == 128000;
    return is_csm ? MARVIS_VOICE_CONTEXT : MARVIS_VOICE_MATCH;
}

/* ---- in a session --------------------------------------------------------------------------- */

marvis_status marvis_session_use_voice(marvis_session *s, const marvis_voice *voice,
                                       marvis_voice_layout layout, marvis_error *err) {
    int snapshot_fits;
    if (!voice) return marvis_session_set_voice(s, NULL, err);
    if (layout == MARVIS_VOICE_DEFAULT) layout = marvis_model_voice_layout(s->model);
    if (layout != MARVIS_VOICE_MATCH && layout != MARVIS_VOICE_CONTEXT)
        return mv_fail(err, MARVIS_ERR_CALL, "voice layout %d is none", (int)layout);
    MV_TRY(marvis_voice_check(voice, s->model, &snapshot_fits, err));
    marvis_recording r = mv_voice_recording(voice);
    MV_TRY(mv_session_take_voice(s, &r, layout, err));
    if (snapshot_fits) s->voice.saved = mv_voice_hold(voice);
    return MARVIS_OK;
}

marvis_status marvis_session_add_voice(marvis_session *s, int speaker, const marvis_voice *voice,
                                       marvis_error *err) {
    int snapshot_fits;
    bool is_first = s->context.n_turns == 0;
    MV_TRY(marvis_voice_check(voice, s->model, &snapshot_fits, err));
    marvis_recording r = mv_voice_recording(voice);
    MV_TRY(marvis_session_add_context(s, speaker, &r, err));
    if (!is_first || !snapshot_fits) return MARVIS_OK;
    marvis_voice_destroy(&s->context.saved);
    s->context.saved = mv_voice_hold(voice);
    return MARVIS_OK;
}
