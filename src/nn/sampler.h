/* sampler.h - choosing a code from logits, and the random numbers for it. */
#ifndef MV_NN_SAMPLER_H
#define MV_NN_SAMPLER_H

#include "marvis.h"

/* splitmix64: one 64-bit state, the same sequence on every machine. */
typedef struct mv_rng {
    uint64_t state;
} mv_rng;

void mv_rng_seed(mv_rng *rng, uint64_t seed);
uint64_t mv_rng_next(mv_rng *rng);
/* uniform in [0, 1), 53 bits */
double mv_rng_uniform(mv_rng *rng);

/* A logit, where it stood, and its weight exp((logit - max) / temperature). */
typedef struct mv_candidate {
    float logit;
    int32_t code;
    double weight;
} mv_candidate;

/* Chooses one of the codes 0..n-1 (n >= 1): exactly top_k of the largest logits survive, a tie at
 * the border going to the lower code; then temperature; then the smallest set whose probability
 * reaches top_p, the likelier and on ties the lower code first. Temperature 0: the largest logit,
 * the lower code on a tie, and no random number is used. Otherwise exactly one is. candidates [n]
 * is scratch. Returns -1 when no logit is finite. NaN counts as minus infinity, plus infinity as a
 * bad logit too. */
int32_t mv_sample(const float *logits, int n, const marvis_sampling *sampling, mv_rng *rng,
                  mv_candidate *candidates);

/* The survivors of top-k and top-p, best first, at the front of candidates, with their weights;
 * returns their number, 0 when no logit is finite. temperature > 0. */
int mv_sample_survivors(const float *logits, int n, const marvis_sampling *sampling,
                        mv_candidate *candidates);

#endif
