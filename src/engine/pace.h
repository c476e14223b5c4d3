/* pace.h - how many codebooks speech keeps real time with, from what its parts take. */
#ifndef MV_ENGINE_PACE_H
#define MV_ENGINE_PACE_H

#include "marvis.h"

/* Seconds. A frame of n codebooks takes fixed_s + (n - 1) * codebook_s. */
typedef struct mv_pace_times {
    double frame_s;    /* of speech in a frame */
    double fixed_s;    /* the backbone, codebook 0 and the codec */
    double codebook_s; /* each further codebook */
} mv_pace_times;

/* Real time is a factor of at most 0.9: what is measured in a moment is not what lasts. */
#define MV_PACE_LIMIT 0.9

/* Fewer are no speech that anybody wants to hear, however slow the machine. */
enum { MV_PACE_LEAST = 8 };

/* Fills *pace, but for its struct_size: the most codebooks of n_all whose factor is within the
 * limit, but MV_PACE_LEAST (or n_all, if that is less) at least. */
void mv_pace_choose(const mv_pace_times *times, int n_all, marvis_pace *pace);

#endif
