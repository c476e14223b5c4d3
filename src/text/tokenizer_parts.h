/* tokenizer_parts.h - what a tokenizer is made of; for the tokenizer_*.c files only. */
#ifndef MV_TEXT_TOKENIZER_PARTS_H
#define MV_TEXT_TOKENIZER_PARTS_H

#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/pretokenize.h"
#include "text/tokenizer.h"

#include <jansson.h>

#define MV_MAX_STAGES 16

struct mv_tokenizer {
    mv_bpe bpe;
    mv_added_tokens added;
    mv_stage stages[MV_MAX_STAGES];
    size_t n_stages;
    int32_t template_bos, template_eos;
    int32_t n_ids;
    char kind[48];
};

/* A place in the file, for messages: "PATH: KEY". */
typedef struct mv_json_place {
    const char *path;
    char key[192];
} mv_json_place;

/* The place of a member ("key.name") or an element ("key[index]") of `place`. */
mv_json_place mv_json_member(const mv_json_place *place, const char *name);
mv_json_place mv_json_element(const mv_json_place *place, size_t index);

/* ERR_TOKENIZER "PATH: KEY: expected WHAT". */
marvis_status mv_json_expected(const mv_json_place *place, const char *what, marvis_error *err);

/* A string or boolean member of an object. Absent (or null): *value is left alone. */
MV_CHECK marvis_status mv_json_get_string(const json_t *object, const char *name,
                                          const mv_json_place *place, const char **value,
                                          marvis_error *err);
MV_CHECK marvis_status mv_json_get_bool(const json_t *object, const char *name,
                                        const mv_json_place *place, bool *value, marvis_error *err);
/* An id, 0..INT32_MAX - 1; mv_json_id: -1 when it is none. */
int32_t mv_json_id(const json_t *value);
MV_CHECK marvis_status mv_json_get_id(const json_t *value, const mv_json_place *place, int32_t *id,
                                      marvis_error *err);

/* The parts of a tokenizer.json; `root` is the whole object. */
MV_CHECK marvis_status mv_load_model(mv_tokenizer *t, const json_t *root, const char *path,
                                     marvis_error *err);
MV_CHECK marvis_status mv_load_added_tokens(mv_tokenizer *t, const json_t *root, const char *path,
                                            marvis_error *err);
MV_CHECK marvis_status mv_load_pre_tokenizer(mv_tokenizer *t, const json_t *root, const char *path,
                                             marvis_error *err);
/* After the model and the added tokens: checks ids against n_ids. */
MV_CHECK marvis_status mv_load_post_processor(mv_tokenizer *t, const json_t *root, const char *path,
                                              marvis_error *err);

#endif
