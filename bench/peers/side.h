/* side.h - an engine that runs the products of a plan, so that two can be timed in turns. */
#ifndef MV_PEERS_SIDE_H
#define MV_PEERS_SIDE_H

#include "kernels/kernels.h"
#include "nn/linear.h"
#include "peers/frame.h"

#include <stdbool.h>

/* One engine with one choice of weights. The functions are called by one thread. */
typedef struct side side;
struct side {
    char name[80];
    bool is_ours;
    size_t *matrix_bytes; /* [n_matrices] owned: as they lie in memory */
    /* Makes ready for a plan, which stays valid until the next call; x [most_rows][most_cols] is
     * what every product gets, its rows one after the other. */
    marvis_status (*prepare)(side *s, const frame_plan *plan, const float *x, marvis_error *err);
    marvis_status (*run)(side *s, marvis_error *err);
    void (*rest)(side *s); /* its threads sleep: they must not disturb the other side */
    /* The first product of the last operation: row i at [i * *ld]. */
    const float *(*output)(const side *s, size_t *ld);
    void (*destroy)(side *s);
};

/* Ours, of the weight types by class. kernels and pool are borrowed. */
MV_CHECK marvis_status side_ours(const frame_model *model, const char *name,
                                 const mv_wtype types[FRAME_N_CLASSES], const mv_kernels *kernels,
                                 mv_pool *pool, side **s, marvis_error *err);

/* ggml's CPU backend and its thread pool, shared by its sides. */
typedef struct ggml_peer ggml_peer;
MV_CHECK marvis_status ggml_peer_create(int n_threads, ggml_peer **peer, marvis_error *err);
void ggml_peer_destroy(ggml_peer *peer);
/* Buffer types: 0 is the plain one, the others pack weights for kernels of their own. */
int ggml_peer_n_buffers(const ggml_peer *peer);

const char *ggml_peer_version(void);

/* The type by the name that ggml gives it ("q8_0"); -1: none. */
int ggml_peer_type(const char *name);

/* types are ggml_types. Matrices that the buffer type does not take stay in the plain one. *s NULL:
 * it takes none. */
MV_CHECK marvis_status side_ggml(const frame_model *model, const char *name,
                                 const int types[FRAME_N_CLASSES], ggml_peer *peer, int buffer,
                                 side **s, marvis_error *err);

#endif
