/* automaton.h - a checkpoint whose speech is known beforehand: the transformer layers add nothing,
 * the embeddings are one-hot, and the heads are tables. Codebook 0 of a frame is a function of
 * codebook 0 of the frame before (or of the prompt); codebook i of codebook i-1 of the same frame.
 */
#ifndef MV_TESTS_AUTOMATON_H
#define MV_TESTS_AUTOMATON_H

#include <stdbool.h>
#include <stdint.h>

enum { AUTOMATON_MAX_CODEBOOKS = 32, AUTOMATON_MAX_VOCAB = 128 };

typedef struct automaton {
    int n_codebooks, audio_vocab, text_vocab, max_positions;
    int first;                     /* codebook 0 of the first frame */
    int next[AUTOMATON_MAX_VOCAB]; /* codebook 0 after a frame with that codebook 0 */
    /* below[i][k]: codebook i+1 when codebook i is k */
    int below[AUTOMATON_MAX_CODEBOOKS - 1][AUTOMATON_MAX_VOCAB];
    bool broken_text; /* the text table holds NaN */
    int second_best;  /* >= 0: a code that comes second everywhere; -1: none */
} automaton;

/* Writes model.safetensors (original layout, f32), config.json and tokenizer.json (the 256 bytes,
 * BOS 256 and EOS 257: text_vocab must be 258) into folder. Aborts on failure. */
void automaton_write(const automaton *a, const char *folder);

#endif
