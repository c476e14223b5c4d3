/* say_advice.h - what to do about speech that is slower to make than to hear. */
#ifndef APPS_CLI_SAY_ADVICE_H
#define APPS_CLI_SAY_ADVICE_H

#include <jansson.h>
#include <stdbool.h>

/* Whether weights in 16 or 32 bits are most of what a frame is made of: then --weights mix is
 * faster. `model`: what marvis_model_describe says of the model; tables are looked up, and do not
 * count. */
bool say_advice_is_large(const json_t *model);

/* A line for after the summary, or "" where nothing is to be said: step_s seconds of work, without
 * waiting for text, made `seconds` of speech. could_be_smaller: model_facts_could_be_smaller. */
const char *say_advice_when_slow(double step_s, double seconds, bool could_be_smaller);

/* What costs less, for the warning of gaps in what was played. */
const char *say_advice_after_gaps(bool could_be_smaller);

#endif
