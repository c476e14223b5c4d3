/* save.c - marvis_model_save: a model, its codec, its tokenizer and its configuration as one GGUF
 * file. Tensors keep their names, so that the layout stays what it was; heads are turned round, so
 * that their rows can be quantised and need no work at the next start. */
#include "engine/save.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/codec_open.h"
#include "model/identity.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 256 << 20, NAME_SIZE = 160 };

void marvis_save_settings_init(marvis_save_settings *settings) {
    *settings = (marvis_save_settings){.struct_size = sizeof *settings};
}

marvis_status marvis_save_settings_check(const marvis_save_settings *settings, marvis_error *err) {
    mv_dtype types[MV_N_CLASSES];
    if (settings->struct_size != sizeof *settings)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "save settings of another version: fill them with "
                       "marvis_save_settings_init");
    return mv_save_types_parse(settings->types, types, err);
}

typedef struct job {
    const marvis_model *model;
    const marvis_save_settings *settings;
    mv_checkpoint *ckpt; /* the model's tensors, opened again: their account is ours */
    mv_dtype types[MV_N_CLASSES];
    mv_csm_tensor *tensors; /* [n_tensors] owned */
    size_t n_tensors;
    mv_checkpoint *codec; /* the codec's tensors; ckpt, or `opened` */
    mv_checkpoint *opened;
    const char *codec_prefix; /* in it */
    mv_gguf_writer *file;
    const char *current; /* what is being written, for progress */
    uint64_t done, total;
    marvis_error *err;
} job;

/* ---- metadata ------------------------------------------------------------------------------- */

static marvis_status put_text(job *j, const char *key, const char *text) {
    return mv_gguf_put_text(j->file, key, text, strlen(text), j->err);
}

/* The text of a file; where the path is that of the model itself, what this holds under the key. */
static marvis_status put_file(job *j, const char *key, const char *path) {
    const char *inside;
    char *text;
    size_t len;
    if (!path) return MARVIS_OK;
    if (strcmp(path, j->model->files.weights) == 0 &&
        mv_checkpoint_text(j->ckpt, key, &inside, &len))
        return mv_gguf_put_text(j->file, key, inside, len, j->err);
    MV_TRY(mv_file_read(path, MAX_TEXT, &text, &len, j->err));
    marvis_status status = mv_gguf_put_text(j->file, key, text, len, j->err);
    mv_free(text);
    return status;
}

/* The configuration as it was read, without what it says of a quantisation that ends here. */
static marvis_status put_config(job *j) {
    const mv_csm_config *c = &j->model->csm.config;
    if (!c->json) return put_text(j, MV_KEY_FLAVOUR, c->flavour);
    json_t *copy = json_copy(c->json);
    if (!copy) return mv_fail_memory(j->err, 4096, "the configuration");
    json_object_del(copy, "quantization");
    json_object_del(copy, "quantization_config");
    char *text = json_dumps(copy, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(copy);
    marvis_status status =
        text ? put_text(j, MV_KEY_CONFIG, text) : mv_fail_memory(j->err, 4096, "the configuration");
    free(text); /* jansson's memory */
    return status;
}

static marvis_status put_codec_config(job *j) {
    if (!j->model->mimi) return MARVIS_OK;
    char *text = mv_mimi_config_text(mv_mimi_config_of(j->model->mimi));
    if (!text) return mv_fail_memory(j->err, 1024, "the codec's configuration");
    marvis_status status = put_text(j, MV_KEY_CODEC_CONFIG, text);
    mv_free(text);
    return status;
}

static marvis_status put_numbers(job *j) {
    const mv_csm_config *c = &j->model->csm.config;
    const struct {
        const char *key;
        int value;
    } numbers[] = {
        {"general.quantization_version", 2},
        {"csm.embedding_length", c->backbone.width},
        {"csm.backbone.block_count", c->backbone.n_layers},
        {"csm.decoder.block_count", c->depth.n_layers},
        {"csm.audio_num_codebooks", c->n_codebooks},
        {"csm.audio_vocab_size", c->audio_vocab},
        {"csm.text_vocab_size", c->text_vocab},
    };
    MV_TRY(put_text(j, "general.architecture", "csm"));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        MV_TRY(mv_gguf_put_u32(j->file, numbers[i].key, (uint32_t)numbers[i].value, j->err));
    return MARVIS_OK;
}

static marvis_status put_metadata(job *j) {
    uint64_t identity;
    const char *text;
    size_t len;
    const mv_model_files *files = &j->model->files;
    MV_TRY(put_numbers(j));
    MV_TRY(put_text(j, "marvis.version", marvis_version()));
    MV_TRY(mv_gguf_put_bool(j->file, MV_KEY_HEADS_BY_ROWS, true, j->err));
    if (j->settings->calibration)
        MV_TRY(mv_gguf_put_u32(j->file, MV_KEY_CALIBRATION,
                               (uint32_t)j->settings->calibration->n_frames, j->err));
    MV_TRY(mv_csm_identity(&j->model->csm, &identity, j->err));
    MV_TRY(mv_gguf_put_u64(j->file, MV_KEY_IDENTITY, identity, j->err));
    MV_TRY(put_config(j));
    bool inside = mv_checkpoint_text(j->ckpt, MV_KEY_GENERATION_CONFIG, &text, &len);
    MV_TRY(
        put_file(j, MV_KEY_GENERATION_CONFIG, inside ? files->weights : files->generation_config));
    MV_TRY(put_codec_config(j));
    return j->model->tokenizer ? put_file(j, MV_KEY_TOKENIZER, files->tokenizer) : MARVIS_OK;
}

/* ---- tensors -------------------------------------------------------------------------------- */

/* The type of a matrix: rows that are no whole blocks become int8. MLX's 4 bits and fewer have a
 * minimum for each group, as Q4_1 has. */
static mv_dtype type_of(const job *j, const mv_csm_tensor *t) {
    char name[NAME_SIZE];
    if (t->kind == MV_TENSOR_NORM) return MV_DT_F32;
    mv_dtype type = j->types[t->which];
    if (t->n_cols % (int64_t)mv_dtype_block(type) != 0) return MV_DT_I8;
    if (type != MV_DT_Q4_0 || t->kind != MV_TENSOR_MATRIX) return type;
    snprintf(name, sizeof name, "%s.scales", t->name);
    const mv_tensor *scales = mv_checkpoint_peek(j->ckpt, name);
    snprintf(name, sizeof name, "%s.weight", t->name);
    const mv_tensor *weight = mv_checkpoint_peek(j->ckpt, name);
    bool mlx = scales && weight && weight->n_dims == 2;
    return mlx && weight->shape[1] * 32 <= 4 * t->n_cols ? MV_DT_Q4_1 : type;
}

/* Name and shape in the file. Returns the number of dimensions. */
static int tensor_shape(const job *j, const mv_csm_tensor *t, char *name, int64_t shape[3]) {
    snprintf(name, NAME_SIZE, "%s%s", t->name, t->kind == MV_TENSOR_MATRIX ? ".weight" : "");
    if (t->kind == MV_TENSOR_NORM) {
        shape[0] = t->n_cols;
        return 1;
    }
    int n = 0;
    if (t->kind == MV_TENSOR_HEADS) shape[n++] = j->model->csm.config.n_codebooks - 1;
    shape[n++] = t->n_rows;
    shape[n++] = t->n_cols;
    return n;
}

static bool is_codec_tensor(const job *j, const mv_tensor *t) {
    return mv_starts_with(t->name, j->codec_prefix) &&
           (t->type == MV_DT_F32 || t->type == MV_DT_F16 || t->type == MV_DT_BF16);
}

static marvis_status announce_codec(job *j) {
    char name[640], brief[640];
    for (size_t i = 0; j->codec && i < mv_checkpoint_n_tensors(j->codec); i++) {
        const mv_tensor *t = mv_checkpoint_tensor(j->codec, i);
        if (!is_codec_tensor(j, t)) continue; /* flags of training have other types */
        snprintf(name, sizeof name, "codec_model.%s", t->name + strlen(j->codec_prefix));
        if (!mv_gguf_short_name(name, brief, sizeof brief))
            return mv_fail(j->err, MARVIS_ERR_UNSUPPORTED,
                           "%s: the name of tensor \"%s\" is too long",
                           mv_checkpoint_path(j->codec), t->name);
        MV_TRY(mv_gguf_add_tensor(j->file, brief, t->type, t->n_dims, t->shape, j->err));
    }
    return MARVIS_OK;
}

static marvis_status announce(job *j) {
    char name[NAME_SIZE + 8];
    int64_t shape[3];
    for (size_t i = 0; i < j->n_tensors; i++) {
        const mv_csm_tensor *t = &j->tensors[i];
        mv_dtype type = type_of(j, t);
        int n = tensor_shape(j, t, name, shape);
        MV_TRY(mv_gguf_add_tensor(j->file, name, type, n, shape, j->err));
        if (type != MV_DT_I8) continue;
        size_t len = strlen(name);
        snprintf(name + len, sizeof name - len, "_scale");
        MV_TRY(mv_gguf_add_tensor(j->file, name, MV_DT_F32, n - 1, shape, j->err));
    }
    MV_TRY(announce_codec(j));
    j->total = mv_gguf_writer_bytes(j->file);
    return MARVIS_OK;
}

static bool advance(void *ctx, size_t len_bytes) {
    job *j = ctx;
    j->done += len_bytes;
    return !j->settings->progress ||
           j->settings->progress(j->settings->progress_ctx, j->current, j->done, j->total) == 0;
}

static marvis_status stopped(job *j) {
    return mv_fail(j->err, MARVIS_ERR_CALL, "stopped before the file was complete");
}

static marvis_status write_norm(job *j, const mv_csm_tensor *t) {
    float *values;
    MV_TRY(mv_checkpoint_take_f32(j->ckpt, t->name, 1, &t->n_cols, &values, j->err));
    size_t len = (size_t)t->n_cols * sizeof *values;
    marvis_status status = mv_gguf_writer_write(j->file, values, len, j->err);
    mv_free(values);
    if (status == MARVIS_OK && !advance(j, len)) return stopped(j);
    return status;
}

/* Heads lie as they are used in a file of ours, turned in those of others. */
static marvis_status take_heads(job *j, const mv_csm_tensor *t, mv_save_matrix *m, mv_rows *rows) {
    const int64_t n = j->model->csm.config.n_codebooks - 1;
    uint64_t by_rows = 0;
    (void)mv_checkpoint_number(j->ckpt, MV_KEY_HEADS_BY_ROWS, &by_rows);
    if (by_rows)
        return mv_checkpoint_take_tensor_rows(j->ckpt, t->name, 3,
                                              (int64_t[]){n, t->n_rows, t->n_cols}, rows, j->err);
    return mv_checkpoint_take(j->ckpt, t->name, 3, (int64_t[]){n, t->n_cols, t->n_rows}, &m->turned,
                              j->err);
}

/* What the calibration knows of the columns: *importance [n_matrices][n_cols] owned, or NULL. */
static marvis_status weigh_columns(job *j, const mv_csm_tensor *t, size_t n_matrices,
                                   float **importance) {
    const marvis_calibration *calibration = j->settings->calibration;
    *importance = NULL;
    if (!calibration) return MARVIS_OK;
    *importance = mv_alloc(n_matrices * (size_t)t->n_cols, sizeof **importance);
    if (!*importance)
        return mv_fail_memory(j->err, n_matrices * (size_t)t->n_cols * sizeof **importance,
                              t->name);
    if (mv_csm_columns_get(&calibration->columns, t, *importance)) return MARVIS_OK;
    mv_free(*importance);
    *importance = NULL;
    return MARVIS_OK;
}

static marvis_status write_matrix(job *j, const mv_csm_tensor *t) {
    const mv_csm_config *c = &j->model->csm.config;
    size_t n_matrices = t->kind == MV_TENSOR_HEADS ? (size_t)c->n_codebooks - 1 : 1;
    mv_rows rows;
    mv_save_matrix m = {.name = t->name,
                        .type = type_of(j, t),
                        .n_rows = n_matrices * (size_t)t->n_rows,
                        .n_cols = (size_t)t->n_cols,
                        .rows_each = (size_t)t->n_rows};
    if (t->kind == MV_TENSOR_HEADS)
        MV_TRY(take_heads(j, t, &m, &rows));
    else
        MV_TRY(mv_checkpoint_take_rows(j->ckpt, t->name, t->n_rows, t->n_cols, &c->quant, &rows,
                                       j->err));
    if (!m.turned) m.rows = &rows;
    float *scales = NULL, *importance = NULL;
    marvis_status status = weigh_columns(j, t, n_matrices, &importance);
    m.importance = importance;
    if (status == MARVIS_OK && m.type == MV_DT_I8 && !(scales = mv_alloc(m.n_rows, sizeof *scales)))
        status = mv_fail_memory(j->err, m.n_rows * sizeof *scales, t->name);
    if (status == MARVIS_OK)
        status =
            mv_save_matrix_write(&m, j->file, j->model->engine->pool, scales, advance, j, j->err);
    if (status == MARVIS_OK && scales)
        status = mv_gguf_writer_write(j->file, scales, m.n_rows * sizeof *scales, j->err);
    mv_free(scales);
    mv_free(importance);
    return status;
}

static marvis_status write_codec(job *j) {
    enum { PIECE = 1 << 22 };
    j->current = "codec";
    for (size_t i = 0; j->codec && i < mv_checkpoint_n_tensors(j->codec); i++) {
        const mv_tensor *t = mv_checkpoint_tensor(j->codec, i);
        if (!is_codec_tensor(j, t)) continue;
        for (size_t at = 0; at < t->len_bytes; at += PIECE) {
            size_t n = t->len_bytes - at < PIECE ? t->len_bytes - at : PIECE;
            MV_TRY(mv_gguf_writer_write(j->file, t->data + at, n, j->err));
            if (!advance(j, n)) return stopped(j);
        }
    }
    return MARVIS_OK;
}

static marvis_status write_tensors(job *j) {
    for (size_t i = 0; i < j->n_tensors; i++) {
        const mv_csm_tensor *t = &j->tensors[i];
        j->current = t->name;
        MV_TRY(t->kind == MV_TENSOR_NORM ? write_norm(j, t) : write_matrix(j, t));
    }
    return write_codec(j);
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* The codec's tensors: in the model's own files, or in a file that is opened again. */
static marvis_status open_codec(job *j) {
    static const char inner[] = "codec_model.";
    const marvis_model *m = j->model;
    j->codec_prefix = inner;
    if (!m->mimi) return MARVIS_OK;
    j->codec = j->ckpt;
    if (strcmp(m->codec_source, m->files.weights) != 0) {
        MV_TRY(mv_checkpoint_open(m->codec_source, &j->opened, j->err));
        j->codec = j->opened;
    }
    if (!mv_mimi_detect(j->codec, inner)) j->codec_prefix = "";
    return MARVIS_OK;
}

/* A file that the model was read from must not be replaced: it is mapped, and may be the only copy.
 */
static marvis_status check_target(const marvis_model *m, const char *path, marvis_error *err) {
    const char *inputs[] = {m->files.weights, m->files.config, m->files.generation_config,
                            m->files.tokenizer, m->codec_source};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        if (inputs[i] && mv_file_same(inputs[i], path))
            return mv_fail(err, MARVIS_ERR_CALL,
                           "%s: the model itself is read from it; give the name of another file",
                           path);
    for (size_t i = 0; i < mv_checkpoint_n_tensors(m->ckpt); i++)
        if (mv_file_same(mv_checkpoint_file_of(m->ckpt, i), path))
            return mv_fail(err, MARVIS_ERR_CALL,
                           "%s: the model itself is read from it; give the name of another file",
                           path);
    return MARVIS_OK;
}

static marvis_status run(job *j, const char *path) {
    const marvis_model *m = j->model;
    MV_TRY(mv_checkpoint_open(m->files.weights, &j->ckpt, j->err));
    MV_TRY(open_codec(j));
    MV_TRY(mv_csm_tensors(j->ckpt, m->layout, &m->csm.config, &j->tensors, &j->n_tensors, j->err));
    MV_TRY(mv_gguf_writer_create(path, &j->file, j->err));
    MV_TRY(put_metadata(j));
    MV_TRY(announce(j));
    MV_TRY(mv_gguf_writer_begin(j->file, j->err));
    MV_TRY(write_tensors(j));
    return mv_gguf_writer_commit(&j->file, j->err);
}

marvis_status marvis_model_save(const marvis_model *model, const char *path,
                                const marvis_save_settings *settings, marvis_error *err) {
    marvis_save_settings chosen;
    marvis_save_settings_init(&chosen);
    if (settings) MV_TRY(marvis_save_settings_check(settings, err));
    if (settings) chosen = *settings;
    if (chosen.calibration && chosen.calibration->model != model)
        return mv_fail(err, MARVIS_ERR_CALL, "the calibration is of another model");
    if (!model->has_csm || !model->files.weights)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "only a model that was opened from files can be saved");
    job j = {.model = model, .settings = &chosen, .err = err};
    MV_TRY(mv_save_types_parse(chosen.types, j.types, err));
    MV_TRY(check_target(model, path, err));
    marvis_status status = run(&j, path);
    mv_gguf_writer_abort(&j.file);
    mv_checkpoint_close(&j.opened);
    mv_checkpoint_close(&j.ckpt);
    mv_free(j.tensors);
    return status;
}
