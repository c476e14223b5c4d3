/* save.h - what the files behind marvis_model_save share. */
#ifndef MV_ENGINE_SAVE_H
#define MV_ENGINE_SAVE_H

#include "engine/engine.h"
#include "format/gguf_write.h"
#include "model/csm_columns.h"

/* Reads a list of types (marvis_save_settings.types; NULL or "": the default mix). ERR_CALL lists
 * the names that there are. */
MV_CHECK marvis_status mv_save_types_parse(const char *text, mv_dtype types[MV_N_CLASSES],
                                           marvis_error *err);

/* A matrix on its way into a file, or several of one shape behind each other. */
typedef struct mv_save_matrix {
    const char *name;
    mv_dtype type;           /* that it gets */
    size_t n_rows, n_cols;   /* n_rows: of all matrices together */
    const mv_rows *rows;     /* or NULL: */
    const mv_tensor *turned; /* floats [n_rows / rows_each][n_cols][rows_each] */
    size_t rows_each;
    const float *importance; /* of each matrix, [n_rows/rows_each][n_cols]; NULL: all alike */
} mv_save_matrix;

/* Called with the bytes of each piece that was written; false: stop. */
typedef bool (*mv_save_progress)(void *ctx, size_t len_bytes);

/* Writes the tensor, converting some rows at a time on the pool. Of int8, scales [n_rows] gets the
 * rows' scales. ERR_INPUT: a value that is not finite or that the type cannot hold; ERR_CALL:
 * stopped. */
MV_CHECK marvis_status mv_save_matrix_write(const mv_save_matrix *m, mv_gguf_writer *file,
                                            mv_pool *pool, float *scales, mv_save_progress progress,
                                            void *ctx, marvis_error *err);

/* Bytes of a row of this type. */
size_t mv_save_row_bytes(mv_dtype type, size_t n_cols);

/* ---- calibrate.c ---------------------------------------------------------------------------- */

struct marvis_calibration {
    const marvis_model *model; /* borrowed */
    mv_csm_columns columns;
    int n_frames; /* that were spoken */
};

#endif
