/* csm_columns.h - how much the input columns of a model's matrices carry: mean squares of what goes
 * into them while the model runs. A column that carries much is one whose weights must be stored
 * well (format/quantize.h). */
#ifndef MV_MODEL_CSM_COLUMNS_H
#define MV_MODEL_CSM_COLUMNS_H

#include "model/csm_tensors.h"

/* The input of one matrix, or of several that share it (q, k, v; gate, up). */
typedef struct mv_column_site {
    const mv_matrix *w; /* the first of them */
    double *sums;       /* [w->n_cols] of squares */
} mv_column_site;

typedef struct mv_csm_columns {
    const mv_csm *csm;     /* borrowed */
    mv_column_site *sites; /* [n_sites] owned */
    size_t n_sites;
    double *storage;      /* owned: all sums */
    mv_observer observer; /* for mv_csm_scratch_observe; the struct must stay where it is */
} mv_csm_columns;

/* Nothing seen yet. ERR_MEMORY; *columns is then zeroed. */
MV_CHECK marvis_status mv_csm_columns_init(mv_csm_columns *columns, const mv_csm *csm,
                                           marvis_error *err);
void mv_csm_columns_deinit(mv_csm_columns *columns); /* zeroes; a zeroed one is allowed */

/* How much the columns of a tensor count: their mean squares divided by the average over the
 * matrix, and 0.5, for speech that was not heard. weights [C-1][n_cols] of heads, [n_cols] of other
 * matrices. False for tables, which are looked up, and where nothing was seen, nothing but zeros,
 * or a value that is none. */
bool mv_csm_columns_get(const mv_csm_columns *columns, const mv_csm_tensor *tensor, float *weights);

#endif
