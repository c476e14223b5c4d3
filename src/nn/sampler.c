/* sampler.c - see sampler.h. */
#include "nn/sampler.h"

#include <math.h>
#include <stdbool.h>

void mv_rng_seed(mv_rng *rng, uint64_t seed) { rng->state = seed; }

uint64_t mv_rng_next(mv_rng *rng) {
    uint64_t z = rng->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double mv_rng_uniform(mv_rng *rng) { return (double)(mv_rng_next(rng) >> 11) * 0x1p-53; }

static int32_t largest(const float *logits, int n) {
    int32_t best = -1;
    for (int i = 0; i < n; i++)
        if (isfinite(logits[i]) && (best < 0 || logits[i] > logits[best])) best = i;
    return best;
}

/* whether a comes before b: larger logit, then lower code */
static bool before(const mv_candidate *a, const mv_candidate *b) {
    return a->logit > b->logit || (a->logit == b->logit && a->code < b->code);
}

static void swap(mv_candidate *a, mv_candidate *b) {
    mv_candidate t = *a;
    *a = *b;
    *b = t;
}

/* Restores the heap whose root is the worst candidate, after its root was replaced. */
static void sift_down(mv_candidate *heap, int n) {
    for (int i = 0;;) {
        int worst = i, left = 2 * i + 1;
        if (left < n && before(&heap[worst], &heap[left])) worst = left;
        if (left + 1 < n && before(&heap[worst], &heap[left + 1])) worst = left + 1;
        if (worst == i) return;
        swap(&heap[i], &heap[worst]);
        i = worst;
    }
}

static void sift_up(mv_candidate *heap, int i) {
    while (i > 0 && before(&heap[(i - 1) / 2], &heap[i])) {
        swap(&heap[i], &heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

/* The k best finite logits, in a heap at the front of candidates; returns how many there are. */
static int keep_best(const float *logits, int n, int k, mv_candidate *candidates) {
    int count = 0;
    for (int i = 0; i < n; i++) {
        if (!isfinite(logits[i])) continue;
        mv_candidate c = {.logit = logits[i], .code = i};
        if (count < k) {
            candidates[count] = c;
            sift_up(candidates, count++);
        } else if (before(&c, &candidates[0])) {
            candidates[0] = c;
            sift_down(candidates, count);
        }
    }
    return count;
}

int mv_sample_survivors(const float *logits, int n, const marvis_sampling *sampling,
                        mv_candidate *candidates) {
    int k = sampling->top_k > 0 && sampling->top_k < n ? sampling->top_k : n;
    int count = keep_best(logits, n, k, candidates);
    if (count == 0) return 0;
    for (int i = count - 1; i > 0; i--) { /* the worst of the rest goes to the end */
        swap(&candidates[0], &candidates[i]);
        sift_down(candidates, i);
    }
    double total = 0;
    for (int i = 0; i < count; i++) {
        candidates[i].weight = exp(((double)candidates[i].logit - (double)candidates[0].logit) /
                                   (double)sampling->temperature);
        total += candidates[i].weight;
    }
    if (sampling->top_p < 1.0f) {
        double reach = (double)sampling->top_p * total, sum = 0;
        int kept = 0;
        while (kept < count && sum < reach)
            sum += candidates[kept++].weight;
        count = kept > 0 ? kept : 1;
    }
    return count;
}

int32_t mv_sample(const float *logits, int n, const marvis_sampling *sampling, mv_rng *rng,
                  mv_candidate *candidates) {
    if (!(sampling->temperature > 0)) return largest(logits, n);
    int count = mv_sample_survivors(logits, n, sampling, candidates);
    double u = mv_rng_uniform(rng), total = 0, sum = 0;
    if (count == 0) return -1;
    for (int i = 0; i < count; i++)
        total += candidates[i].weight;
    for (int i = 0; i < count; i++) {
        sum += candidates[i].weight;
        if (u * total < sum) return candidates[i].code;
    }
    return candidates[count - 1].code;
}
