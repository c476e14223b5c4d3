/* model_facts.h - what a model declares of itself in its files: who speaks, and in which languages.
 * Most checkpoints declare nothing, and then nothing is asked or warned of. */
#ifndef APPS_CLI_MODEL_FACTS_H
#define APPS_CLI_MODEL_FACTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"
#include "marvis.h"

typedef struct model_facts {
    json_t *speakers, *languages; /* owned arrays, empty where nothing is declared */
    bool is_large;                /* say_advice_is_large */
} model_facts;

/* model_facts_free in any case. ERR_MEMORY. */
MARVIS_CHECK marvis_status model_facts_read(model_facts *facts, const marvis_model *model,
                                            marvis_error *err);
void model_facts_free(model_facts *facts);

/* Whether --weights mix would be faster: the model is large, and the call has not chosen less. */
bool model_facts_could_be_smaller(const model_facts *facts, const cli_call *call);

/* *speaker: the number that --speaker gives, by itself or by a name that the model declares; as it
 * was without the option. ERR_CALL: no such name. */
MARVIS_CHECK marvis_status model_facts_speaker(const model_facts *facts, const cli_call *call,
                                               int *speaker, marvis_error *err);

/* One line on stderr where the model declares its speakers and this one is none of them. `who` is
 * put before the number: "--speaker". */
void model_facts_warn_of_speaker(const model_facts *facts, const char *who, int speaker);

/* One line on stderr where the model declares that it speaks English alone, and letters of another
 * script are in the text. Returns whether it was written. */
bool model_facts_warn_of_script(const model_facts *facts, const char *text, size_t n);

#endif
