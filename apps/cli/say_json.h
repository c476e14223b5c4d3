/* say_json.h - what the reports of marvis say and marvis dialogue share. */
#ifndef APPS_CLI_SAY_JSON_H
#define APPS_CLI_SAY_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "common/jitter_buffer.h"
#include "marvis.h"

/* Seconds of speech in a chunk; none in one of silence. */
static inline double made_seconds(const marvis_chunk *chunk, const marvis_model *model) {
    if (chunk->n_frames == 0) return 0;
    return chunk->n_samples / (double)marvis_model_sample_rate(model);
}

/* The pieces of a text: of this call, where it went on from an earlier one. */
json_t *say_pieces_json(const marvis_speech_info *info);

/* null where nothing was played. */
json_t *say_played_json(bool plays, const jitter_report *played);

/* A warning where there were gaps. could_be_smaller: model_facts_could_be_smaller. */
void say_warn_of_gaps(const jitter_report *played, bool could_be_smaller);

#endif
