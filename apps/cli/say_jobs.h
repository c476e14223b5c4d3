/* say_jobs.h - marvis say --jobs: paragraphs of a text spoken at once, each for itself, and written
 * in their order. */
#ifndef APPS_CLI_SAY_JOBS_H
#define APPS_CLI_SAY_JOBS_H

#include "cli/say.h"
#include "cli/say_resume.h"
#include "cli/say_sink.h"
#include "cli/say_text.h"
#include "cli/say_voice.h"

enum { SAY_MOST_JOBS = 64 };

typedef struct say_jobs {
    const cli_call *call;
    const marvis_model *model;
    marvis_speech_settings settings; /* of each paragraph's speech, with the seed of the first */
    int n;                           /* paragraphs at once */
    const say_voice *voice;          /* of all */
    say_text *text;
    say_sink sink;
    say_resume *resume;
    say_result *result;               /* what was done is added up here */
    marvis_speech_position *position; /* what was spoken before and is kept; of its end only */
} say_jobs;

/* Speaks the rest of the text. Bytes between two empty lines are a paragraph, whose samples depend
 * on it, on its place in the text and on the seed, not on how many are spoken at once. A signal
 * ends it with result->stop CANCELLED, the paragraph under way written up to there. */
MARVIS_CHECK marvis_status say_jobs_run(say_jobs *jobs, marvis_error *err);

#endif
