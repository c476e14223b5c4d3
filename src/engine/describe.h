/* describe.h - parts of a model's description that have files of their own. */
#ifndef MV_ENGINE_DESCRIBE_H
#define MV_ENGINE_DESCRIBE_H

#include "engine/engine.h"

#include <jansson.h>

/* By class of weights: what they are in the file, what they are computed with, their bytes in the
 * file. NULL without memory. */
json_t *mv_describe_classes(const marvis_model *model);

#endif
