/* say_advice.h - what to do about speech that is slower to make than to hear. */
#ifndef APPS_CLI_SAY_ADVICE_H
#define APPS_CLI_SAY_ADVICE_H

#include <stdbool.h>

/* A line for after the summary, or "" where nothing is to be said: step_s seconds of work, without
 * waiting for text, made `seconds` of speech. could_be_smaller: of the model (model_facts.h). */
const char *say_advice_when_slow(double step_s, double seconds, bool could_be_smaller);

/* What costs less, for the warning of gaps in what was played. */
const char *say_advice_after_gaps(bool could_be_smaller);

#endif
