/* voice_file.c - a saved voice as a safetensors file (docs/VOICES.md has the format): written whole
 * or not at all, and read as what it is, untrusted. */
#include "engine/voice.h"

#include "base/hash.h"
#include "base/memory.h"
#include "engine/session.h"
#include "format/safetensors_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char format_version[] = "1";

enum { MAX_FRAMES = 1 << 20, MAX_NUMBER = 1 << 24, N_META = 13 };

static const char *const label_keys[MV_N_VOICE_LABELS] = {
    [MV_VOICE_NAME] = "name",        [MV_VOICE_SOURCE] = "source", [MV_VOICE_DATE] = "date",
    [MV_VOICE_MODEL] = "model_name", [MV_VOICE_ENGINE] = "engine",
};

/* Of everything that the file says: a file that was changed or damaged shows. */
static uint64_t checksum(const marvis_voice *v) {
    const mv_snapshot *s = &v->snapshot;
    const int64_t numbers[] = {v->speaker, v->sample_rate, v->frame_samples, v->n_codebooks};
    const uint64_t identities[] = {v->codec, v->model, s->numerics};
    uint64_t hash = mv_hash(MV_HASH_START, v->text, v->text_len);
    hash = mv_hash(hash, v->codes, v->n_frames * (size_t)v->n_codebooks * sizeof *v->codes);
    for (int i = 0; i < MV_N_VOICE_LABELS; i++)
        hash = mv_hash(hash, v->labels[i], strlen(v->labels[i]));
    hash = mv_hash(hash, numbers, sizeof numbers);
    hash = mv_hash(hash, identities, sizeof identities);
    hash = mv_hash(hash, s->ids, s->n_ids * sizeof *s->ids);
    return mv_hash(hash, s->kv, s->len_bytes);
}

/* ---- writing -------------------------------------------------------------------------------- */

typedef struct meta_list {
    mv_meta entries[N_META];
    char texts[N_META][24];
    size_t n;
} meta_list;

static void add_text(meta_list *list, const char *key, const char *value) {
    list->entries[list->n++] = (mv_meta){key, value};
}

static void add_number(meta_list *list, const char *key, int value) {
    char *text = list->texts[list->n];
    snprintf(text, sizeof list->texts[0], "%d", value);
    add_text(list, key, text);
}

static void add_hash(meta_list *list, const char *key, uint64_t value) {
    char *text = list->texts[list->n];
    snprintf(text, sizeof list->texts[0], "%016" PRIx64, value);
    add_text(list, key, text);
}

static void list_metadata(const marvis_voice *v, meta_list *list) {
    list->n = 0;
    add_text(list, "marvis_voice", format_version);
    for (int i = 0; i < MV_N_VOICE_LABELS; i++)
        add_text(list, label_keys[i], v->labels[i]);
    add_number(list, "speaker", v->speaker);
    add_number(list, "sample_rate", v->sample_rate);
    add_number(list, "frame_samples", v->frame_samples);
    add_hash(list, "codec", v->codec);
    add_hash(list, "model", v->model);
    add_hash(list, "numerics", v->snapshot.numerics);
    add_hash(list, "check", checksum(v));
}

/* Keys and values come first, so that they are aligned. Returns the number of tensors. */
static size_t list_tensors(const marvis_voice *v, const int32_t *codes, const char **names,
                           marvis_tensor_view *views) {
    const mv_snapshot *s = &v->snapshot;
    size_t n = 0;
    if (s->n_rows) {
        names[n] = "kv";
        views[n++] = (marvis_tensor_view){.type = "F32",
                                          .n_dims = 5,
                                          .shape = {(int64_t)s->n_layers, 2, (int64_t)s->n_kv_heads,
                                                    (int64_t)s->n_rows, (int64_t)s->head_dim},
                                          .data = s->kv,
                                          .len_bytes = s->len_bytes};
        names[n] = "ids";
        views[n++] = (marvis_tensor_view){.type = "I32",
                                          .n_dims = 1,
                                          .shape = {(int64_t)s->n_ids},
                                          .data = s->ids,
                                          .len_bytes = s->n_ids * sizeof *s->ids};
    }
    names[n] = "codes";
    views[n++] =
        (marvis_tensor_view){.type = "I32",
                             .n_dims = 2,
                             .shape = {v->n_codebooks, (int64_t)v->n_frames},
                             .data = codes,
                             .len_bytes = v->n_frames * (size_t)v->n_codebooks * sizeof *codes};
    names[n] = "text";
    views[n++] = (marvis_tensor_view){.type = "U8",
                                      .n_dims = 1,
                                      .shape = {(int64_t)v->text_len},
                                      .data = v->text,
                                      .len_bytes = v->text_len};
    return n;
}

marvis_status marvis_voice_save(const marvis_voice *voice, const char *path, marvis_error *err) {
    const char *names[4];
    marvis_tensor_view views[4];
    meta_list meta;
    size_t n_frames = voice->n_frames, n_codebooks = (size_t)voice->n_codebooks;
    int32_t *codes = mv_alloc(n_frames * n_codebooks, sizeof *codes);
    if (!codes) return mv_fail_memory(err, n_frames * n_codebooks * sizeof *codes, "the voice");
    for (size_t c = 0; c < n_codebooks; c++)
        for (size_t t = 0; t < n_frames; t++)
            codes[c * n_frames + t] = voice->codes[t * n_codebooks + c];
    list_metadata(voice, &meta);
    size_t n = list_tensors(voice, codes, names, views);
    marvis_status status =
        mv_safetensors_write_meta(path, meta.entries, meta.n, n, names, views, err);
    mv_free(codes);
    return status;
}

/* ---- reading -------------------------------------------------------------------------------- */

static marvis_status damaged(const marvis_voice *v, const char *what, marvis_error *err) {
    return mv_fail(err, MARVIS_ERR_FORMAT,
                   "%s: a damaged voice: %s; create it again from its audio", v->file.path, what);
}

static marvis_status read_meta(const marvis_voice *v, const char *key, char **value,
                               marvis_error *err) {
    char what[64];
    MV_TRY(mv_safetensors_metadata(&v->file, key, value, err));
    if (*value) return MARVIS_OK;
    snprintf(what, sizeof what, "its \"%s\" is missing", key);
    return damaged(v, what, err);
}

/* A number in `base` 10 or 16, of nothing but digits. */
static marvis_status read_number(const marvis_voice *v, const char *key, int base, uint64_t max,
                                 uint64_t *value, marvis_error *err) {
    static const char digits[] = "0123456789abcdef";
    char *text, what[64], *end;
    MV_TRY(read_meta(v, key, &text, err));
    size_t n = strlen(text), n_max = base == 16 ? 16 : 9;
    bool good = n > 0 && n <= n_max && strspn(text, base == 16 ? digits : "0123456789") == n;
    *value = good ? strtoull(text, &end, base) : 0;
    mv_free(text);
    if (good && *value <= max) return MARVIS_OK;
    snprintf(what, sizeof what, "its \"%s\" is no such number", key);
    return damaged(v, what, err);
}

static marvis_status read_int(const marvis_voice *v, const char *key, int max, int *value,
                              marvis_error *err) {
    uint64_t number;
    MV_TRY(read_number(v, key, 10, (uint64_t)max, &number, err));
    *value = (int)number;
    return MARVIS_OK;
}

/* Any file may be given as a voice: what is none says so. */
static marvis_status read_version(const marvis_voice *v, marvis_error *err) {
    char *version;
    MV_TRY(mv_safetensors_metadata(&v->file, "marvis_voice", &version, err));
    if (!version)
        return mv_fail(err, MARVIS_ERR_FORMAT,
                       "%s: not a saved voice: its metadata has no \"marvis_voice\"; give a file "
                       "that 'marvis voice create' has written",
                       v->file.path);
    bool known = strcmp(version, format_version) == 0;
    mv_free(version);
    if (known) return MARVIS_OK;
    return mv_fail(err, MARVIS_ERR_UNSUPPORTED,
                   "%s: a voice of a later version, which this build does not read: update it, or "
                   "create the voice again from its audio",
                   v->file.path);
}

static marvis_status read_metadata(marvis_voice *v, uint64_t *check, marvis_error *err) {
    for (int i = 0; i < MV_N_VOICE_LABELS; i++)
        MV_TRY(read_meta(v, label_keys[i], &v->labels[i], err));
    MV_TRY(read_int(v, "speaker", MV_MAX_SPEAKER, &v->speaker, err));
    MV_TRY(read_int(v, "sample_rate", MAX_NUMBER, &v->sample_rate, err));
    MV_TRY(read_int(v, "frame_samples", MAX_NUMBER, &v->frame_samples, err));
    if (v->sample_rate == 0 || v->frame_samples == 0)
        return damaged(v, "a rate or a frame of 0", err);
    MV_TRY(read_number(v, "codec", 16, UINT64_MAX, &v->codec, err));
    MV_TRY(read_number(v, "model", 16, UINT64_MAX, &v->model, err));
    MV_TRY(read_number(v, "numerics", 16, UINT64_MAX, &v->snapshot.numerics, err));
    return read_number(v, "check", 16, UINT64_MAX, check, err);
}

/* A tensor of this type and number of dimensions, none of them 0; NULL: not there, or otherwise. */
static const mv_tensor *find(const marvis_voice *v, const char *name, mv_dtype type, int n_dims) {
    const mv_tensor *t = mv_safetensors_find(&v->file, name);
    return t && t->type == type && t->n_dims == n_dims && t->n_values > 0 ? t : NULL;
}

static marvis_status read_recording(marvis_voice *v, marvis_error *err) {
    const mv_tensor *codes = find(v, "codes", MV_DT_I32, 2), *text = find(v, "text", MV_DT_U8, 1);
    if (!codes || codes->shape[0] > MV_MAX_CODEBOOKS || codes->shape[1] > MAX_FRAMES)
        return damaged(v, "no \"codes\", int32 [codebooks, frames]", err);
    if (!text) return damaged(v, "no \"text\", uint8 [bytes]", err);
    size_t n_codebooks = (size_t)codes->shape[0], n_frames = (size_t)codes->shape[1];
    v->codes = mv_alloc(n_frames * n_codebooks, sizeof *v->codes);
    v->text = mv_alloc(text->len_bytes, 1);
    if (!v->codes || !v->text)
        return mv_fail_memory(err, codes->len_bytes + text->len_bytes, "the voice");
    memcpy(v->text, text->data, text->len_bytes);
    v->text_len = text->len_bytes;
    v->n_frames = n_frames;
    v->n_codebooks = (int)n_codebooks;
    for (size_t c = 0; c < n_codebooks; c++)
        for (size_t t = 0; t < n_frames; t++)
            memcpy(&v->codes[t * n_codebooks + c], codes->data + (c * n_frames + t) * 4, 4);
    return MARVIS_OK;
}

static marvis_status read_snapshot(marvis_voice *v, marvis_error *err) {
    const mv_tensor *kv = find(v, "kv", MV_DT_F32, 5), *ids = find(v, "ids", MV_DT_I32, 1);
    mv_snapshot *s = &v->snapshot;
    if (!mv_safetensors_find(&v->file, "kv") && !mv_safetensors_find(&v->file, "ids"))
        return MARVIS_OK;
    if (!kv || !ids || kv->shape[1] != 2 || (uint64_t)ids->shape[0] > MAX_FRAMES ||
        (uint64_t)kv->shape[3] != (uint64_t)ids->shape[0] + v->n_frames + 1)
        return damaged(v, "its \"kv\" and \"ids\" do not belong together", err);
    s->n_ids = (size_t)ids->shape[0];
    s->ids = mv_alloc(s->n_ids, sizeof *s->ids);
    if (!s->ids) return mv_fail_memory(err, ids->len_bytes, "the voice");
    memcpy(s->ids, ids->data, ids->len_bytes);
    s->n_layers = (size_t)kv->shape[0];
    s->n_kv_heads = (size_t)kv->shape[2];
    s->n_rows = (size_t)kv->shape[3];
    s->head_dim = (size_t)kv->shape[4];
    s->kv = kv->data;
    s->len_bytes = kv->len_bytes;
    return MARVIS_OK;
}

static marvis_status read_all(marvis_voice *v, marvis_error *err) {
    uint64_t check;
    MV_TRY(read_version(v, err));
    MV_TRY(read_metadata(v, &check, err));
    MV_TRY(read_recording(v, err));
    MV_TRY(read_snapshot(v, err));
    if (check != checksum(v))
        return damaged(v, "its contents are not those that were written", err);
    marvis_recording r = mv_voice_recording(v);
    marvis_status status = mv_check_recording(&r, v->file.path, err);
    return status == MARVIS_ERR_INPUT ? damaged(v, "it holds no words", err) : status;
}

/* `bytes` NULL: the file at path. */
static marvis_status load(const char *path, const mv_map *bytes, marvis_voice **voice,
                          marvis_error *err) {
    *voice = NULL;
    marvis_voice *v = mv_alloc(1, sizeof *v);
    if (!v) return mv_fail_memory(err, sizeof *v, "the voice");
    atomic_init(&v->n_holders, 1);
    marvis_status status = bytes
                               ? mv_safetensors_parse(bytes->data, bytes->len, path, &v->file, err)
                               : mv_safetensors_open(path, &v->file, err);
    if (status == MARVIS_OK) status = read_all(v, err);
    if (status == MARVIS_OK)
        *voice = v;
    else
        marvis_voice_destroy(&v);
    return status;
}

marvis_status marvis_voice_load(const char *path, marvis_voice **voice, marvis_error *err) {
    return load(path, NULL, voice, err);
}

marvis_status mv_voice_parse(const uint8_t *data, size_t len, const char *path,
                             marvis_voice **voice, marvis_error *err) {
    return load(path, &(mv_map){data, len}, voice, err);
}
