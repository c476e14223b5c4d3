/* checkpoint.h - all tensors of a model, from one file or a sharded index, with an account of which
 * were used. Loaders take what they need by name and shape; mv_checkpoint_finish then fails on
 * whatever is left over under a prefix that it should know. */
#ifndef MV_FORMAT_CHECKPOINT_H
#define MV_FORMAT_CHECKPOINT_H

#include "format/safetensors.h"
#include "nn/linear.h"

#include <stdbool.h>

typedef struct mv_checkpoint mv_checkpoint;

/* Opens `path`: a .safetensors or GGUF file, or a *.safetensors.index.json whose shards lie beside
 * it.
 * A tensor listed in two shards, a shard that is missing, or an entry absent from its shard is
 * ERR_FORMAT / ERR_NOT_FOUND. */
MV_CHECK marvis_status mv_checkpoint_open(const char *path, mv_checkpoint **ckpt,
                                          marvis_error *err);
void mv_checkpoint_close(mv_checkpoint **ckpt);

/* Metadata of a GGUF file: a string (no NUL behind it; it belongs to ckpt), a number that is not
 * negative or a bool. False where there is none of this kind, as in safetensors files. */
bool mv_checkpoint_text(const mv_checkpoint *ckpt, const char *key, const char **text, size_t *len);
bool mv_checkpoint_number(const mv_checkpoint *ckpt, const char *key, uint64_t *number);
bool mv_checkpoint_is_gguf(const mv_checkpoint *ckpt);

/* Keys of one-file models beyond those of other tools (docs/MODEL.md). */
#define MV_KEY_CONFIG            "marvis.config"            /* text of config.json */
#define MV_KEY_FLAVOUR           "marvis.flavour"           /* where there was none: its row */
#define MV_KEY_GENERATION_CONFIG "marvis.generation_config" /* text of generation_config.json */
#define MV_KEY_CODEC_CONFIG      "marvis.codec_config"      /* the codec's numbers, as JSON */
#define MV_KEY_TOKENIZER         "tokenizer.huggingface.json"
#define MV_KEY_IDENTITY          "marvis.identity" /* of the model before it was quantised */
#define MV_KEY_CALIBRATION       "marvis.calibration_frames" /* its scales were searched with */
#define MV_KEY_HEADS_BY_ROWS     "marvis.heads_by_rows"      /* heads are [C-1][V][d] */

/* The name that a tensor gets in a one-file model: the codec's are shortened, because ggml allows
 * names of 63 bytes. out has room for `size` bytes; longer names are kept as they are. False
 * when not even the name itself fits. */
bool mv_gguf_short_name(const char *name, char *out, size_t size);

const char *mv_checkpoint_path(const mv_checkpoint *ckpt);
size_t mv_checkpoint_n_tensors(const mv_checkpoint *ckpt);
size_t mv_checkpoint_n_files(const mv_checkpoint *ckpt);
size_t mv_checkpoint_bytes(const mv_checkpoint *ckpt); /* of tensor data */

/* The i-th tensor, sorted by name over all shards; i < n_tensors. Its `name` is the name with
 * the wrappers "module." and "_orig_mod." stripped, and A2's optional "model." where the rest is
 * a known CSM name; the caller sees only canonical-by-layout names. */
const mv_tensor *mv_checkpoint_tensor(const mv_checkpoint *ckpt, size_t i);

/* The file that holds the i-th tensor. */
const char *mv_checkpoint_file_of(const mv_checkpoint *ckpt, size_t i);

/* Whether a tensor is there; does not mark it as used. */
bool mv_checkpoint_has(const mv_checkpoint *ckpt, const char *name);
const mv_tensor *mv_checkpoint_peek(const mv_checkpoint *ckpt, const char *name);

/* Takes a tensor: must exist, with exactly this shape (n_dims values; -1 = any) and a type among
 * F32, F16, BF16 (floats) - and marks it as used. ERR_TENSOR names file, tensor, what was found and
 * what was expected. */
MV_CHECK marvis_status mv_checkpoint_take(mv_checkpoint *ckpt, const char *name, int n_dims,
                                          const int64_t *shape, const mv_tensor **tensor,
                                          marvis_error *err);

/* Marks a tensor that may be there and that nothing needs ("_initialized"), whatever its shape and
 * type; absent is fine. */
void mv_checkpoint_ignore(mv_checkpoint *ckpt, const char *name);

/* Takes a float tensor and widens it to f32 in new memory (mv_free). */
MV_CHECK marvis_status mv_checkpoint_take_f32(mv_checkpoint *ckpt, const char *name, int n_dims,
                                              const int64_t *shape, float **values,
                                              marvis_error *err);

/* The same without a copy where the file has the values as f32 at an address for floats: *values
 * then points into the file and *owned is NULL; else both are new memory (free *owned). */
MV_CHECK marvis_status mv_checkpoint_view_f32(mv_checkpoint *ckpt, const char *name, int n_dims,
                                              const int64_t *shape, const float **values,
                                              float **owned, marvis_error *err);

/* How quantised modules are described by config.json's "quantization" (MLX affine). */
typedef struct mv_quant_config {
    bool present;          /* config.json has a "quantization" object */
    int group_size;        /* 32, 64, 128 */
    int bits;              /* 2, 3, 4, 5, 6, 8 */
    const void *overrides; /* json_t * of the object, for per-module entries; borrowed */
} mv_quant_config;

/* A matrix in a checkpoint, read row by row as f32: floats, GGUF's blocks, int8 with a scale for
 * each row (a companion tensor, F32, of the same name and "_scale"), or an MLX affine triple.
 * Borrows from the checkpoint. */
typedef struct mv_rows {
    size_t n_rows, n_cols;
    size_t first; /* row of the tensor that is row 0 here: a part may be taken of it */
    const mv_tensor *weight;
    const mv_tensor *scales; /* of int8 [n_rows]; of MLX [n_rows][n_cols/group]; else NULL */
    const mv_tensor *biases; /* of MLX, likewise */
    int bits, group;         /* of MLX; else 0 */
} mv_rows;

/* Takes `module`.weight [n_rows][n_cols]: a triple where `module`.scales exists (weight U32
 * [n_rows][n_cols*bits/32], scales and biases [n_rows][n_cols/group]), whose group and bits follow
 * from the shapes and are checked against quant, which may be NULL; else one tensor. */
MV_CHECK marvis_status mv_checkpoint_take_rows(mv_checkpoint *ckpt, const char *module,
                                               int64_t n_rows, int64_t n_cols,
                                               const mv_quant_config *quant, mv_rows *rows,
                                               marvis_error *err);
/* Takes a tensor of 2 or more dimensions by its full name, the last one being the columns. */
MV_CHECK marvis_status mv_checkpoint_take_tensor_rows(mv_checkpoint *ckpt, const char *name,
                                                      int n_dims, const int64_t *shape,
                                                      mv_rows *rows, marvis_error *err);

/* Row r < n_rows to dst [n_cols]. scratch: mv_rows_scratch() floats. Any thread. */
size_t mv_rows_scratch(const mv_rows *rows);
void mv_rows_get(const mv_rows *rows, size_t r, float *dst, float *scratch);

/* The rows as a matrix: borrowed from the map where a float type is kept, else converted into owned
 * memory. `weights` says what it becomes (marvis.h). */
MV_CHECK marvis_status mv_rows_to_matrix(const mv_rows *rows, marvis_weights weights,
                                         mv_matrix *matrix, marvis_error *err);

/* The two together: the matrix `module`.weight. */
MV_CHECK marvis_status mv_checkpoint_take_matrix(mv_checkpoint *ckpt, const char *module,
                                                 int64_t n_rows, int64_t n_cols,
                                                 const mv_quant_config *quant,
                                                 marvis_weights weights, mv_matrix *matrix,
                                                 marvis_error *err);

/* Marks every tensor whose name begins with `prefix` as used, such as codec_model.* when the codec
 * is taken from elsewhere. Returns how many there were. */
size_t mv_checkpoint_ignore_prefix(mv_checkpoint *ckpt, const char *prefix);

/* Accounts for the rest. `known_prefixes` (NULL-terminated): an unused tensor under one of them
 * is ERR_TENSOR; any other one is a warning through `log` (one line in all), or ERR_TENSOR if
 * strict. */
MV_CHECK marvis_status mv_checkpoint_finish(const mv_checkpoint *ckpt,
                                            const char *const *known_prefixes, int strict,
                                            marvis_log_fn log, void *log_ctx, marvis_error *err);

#endif
