/* tokenizer_load.c - the keys "pre_tokenizer", "normalizer" and "post_processor", and reading the
 * file as a whole. */
#include "base/file.h"
#include "base/memory.h"
#include "text/tokenizer_parts.h"

#include <stdio.h>
#include <string.h>

/* Larger than any tokenizer.json of the field by far. */
#define MAX_FILE ((size_t)256 << 20)
/* Sequences inside sequences. */
#define MAX_NESTING 8

/* The "type" of an object, or NULL with an error. */
static const char *type_of(const json_t *object, const mv_json_place *place, marvis_error *err) {
    const char *type = json_string_value(json_object_get(object, "type"));
    mv_json_place at = mv_json_member(place, "type");
    if (!type) (void)mv_json_expected(&at, "a string", err);
    return type;
}

static marvis_status unsupported(const mv_json_place *place, const char *type, const char *known,
                                 marvis_error *err) {
    return mv_fail(err, MARVIS_ERR_TOKENIZER,
                   "%s: %s.type: \"%.64s\" is not supported; expected %s", place->path, place->key,
                   type, known);
}

/* ---- normalizer ---- */

static marvis_status check_normalizer(const json_t *root, const char *path, marvis_error *err) {
    mv_json_place place = {.path = path, .key = "normalizer"};
    const json_t *normalizer = json_object_get(root, "normalizer");
    if (!normalizer || json_is_null(normalizer)) return MARVIS_OK;
    const char *type = type_of(normalizer, &place, err);
    if (!type) return MARVIS_ERR_TOKENIZER;
    const json_t *parts = json_object_get(normalizer, "normalizers");
    if (strcmp(type, "Sequence") == 0 && json_is_array(parts) && json_array_size(parts) == 0)
        return MARVIS_OK;
    return unsupported(&place, type, "null or an empty Sequence", err);
}

/* ---- pre_tokenizer ---- */

static marvis_status compile_stage(mv_stage *stage, const char *pattern, size_t len, bool literal,
                                   const mv_json_place *place, marvis_error *err) {
    char where[512];
    int n = snprintf(where, sizeof where, "%s: %s", place->path, place->key);
    (void)n; /* cut in a message when too long */
    return mv_regex_compile(pattern, len, literal, where, &stage->regex, err);
}

static marvis_status load_byte_level(mv_stage *stage, const json_t *object,
                                     const mv_json_place *place, marvis_error *err) {
    bool use_regex = true;
    stage->byte_level = true;
    stage->add_prefix_space = true;
    MV_TRY(mv_json_get_bool(object, "add_prefix_space", place, &stage->add_prefix_space, err));
    MV_TRY(mv_json_get_bool(object, "use_regex", place, &use_regex, err));
    if (!use_regex) return MARVIS_OK;
    return compile_stage(stage, mv_byte_level_regex, strlen(mv_byte_level_regex), false, place,
                         err);
}

static marvis_status load_digits(mv_stage *stage, const json_t *object, const mv_json_place *place,
                                 marvis_error *err) {
    bool individual = false;
    MV_TRY(mv_json_get_bool(object, "individual_digits", place, &individual, err));
    stage->behavior = individual ? MV_SPLIT_ISOLATED : MV_SPLIT_CONTIGUOUS;
    return compile_stage(stage, "\\p{N}", 5, false, place, err);
}

static marvis_status load_split(mv_stage *stage, const json_t *object, const mv_json_place *place,
                                marvis_error *err) {
    static const char *const names[] = {"Isolated", "Removed", "MergedWithPrevious",
                                        "MergedWithNext", "Contiguous"};
    const char *behavior = "";
    MV_TRY(mv_json_get_string(object, "behavior", place, &behavior, err));
    size_t b = 0;
    while (b < 5 && strcmp(behavior, names[b]) != 0)
        b++;
    mv_json_place behavior_at = mv_json_member(place, "behavior");
    if (b == 5)
        return mv_json_expected(&behavior_at,
                                "Isolated, Removed, MergedWithPrevious, MergedWithNext "
                                "or Contiguous",
                                err);
    stage->behavior = (mv_split_behavior)b;
    MV_TRY(mv_json_get_bool(object, "invert", place, &stage->invert, err));
    const json_t *pattern = json_object_get(object, "pattern");
    const json_t *regex = json_object_get(pattern, "Regex");
    const json_t *literal = json_object_get(pattern, "String");
    const json_t *text = regex ? regex : literal;
    mv_json_place pattern_at = mv_json_member(place, "pattern");
    if (!json_is_string(text) || json_object_size(pattern) != 1)
        return mv_json_expected(&pattern_at, "{\"Regex\": ...} or {\"String\": ...}", err);
    return compile_stage(stage, json_string_value(text), json_string_length(text), !regex,
                         &pattern_at, err);
}

static marvis_status load_stage(mv_tokenizer *t, const json_t *object, const mv_json_place *place,
                                int nesting, marvis_error *err);

static marvis_status load_sequence(mv_tokenizer *t, const json_t *object,
                                   const mv_json_place *place, int nesting, marvis_error *err) {
    const json_t *parts = json_object_get(object, "pretokenizers");
    mv_json_place parts_at = mv_json_member(place, "pretokenizers");
    if (!json_is_array(parts)) return mv_json_expected(&parts_at, "an array", err);
    if (nesting == MAX_NESTING) return mv_json_expected(place, "fewer nested sequences", err);
    for (size_t i = 0; i < json_array_size(parts); i++) {
        mv_json_place at = mv_json_element(&parts_at, i);
        MV_TRY(load_stage(t, json_array_get(parts, i), &at, nesting + 1, err));
    }
    return MARVIS_OK;
}

static marvis_status load_stage(mv_tokenizer *t, const json_t *object, const mv_json_place *place,
                                int nesting, marvis_error *err) {
    const char *type = type_of(object, place, err);
    if (!type) return MARVIS_ERR_TOKENIZER;
    if (strcmp(type, "Sequence") == 0) return load_sequence(t, object, place, nesting, err);
    if (t->n_stages == MV_MAX_STAGES) return mv_json_expected(place, "at most 16 parts", err);
    mv_stage *stage = &t->stages[t->n_stages++];
    if (strcmp(type, "ByteLevel") == 0) return load_byte_level(stage, object, place, err);
    if (strcmp(type, "Digits") == 0) return load_digits(stage, object, place, err);
    if (strcmp(type, "Split") == 0) return load_split(stage, object, place, err);
    return unsupported(place, type, "ByteLevel, Digits, Split or Sequence", err);
}

marvis_status mv_load_pre_tokenizer(mv_tokenizer *t, const json_t *root, const char *path,
                                    marvis_error *err) {
    mv_json_place place = {.path = path, .key = "pre_tokenizer"};
    const json_t *object = json_object_get(root, "pre_tokenizer");
    if (json_is_object(object)) MV_TRY(load_stage(t, object, &place, 0, err));
    size_t n_byte_level = 0;
    for (size_t i = 0; i < t->n_stages; i++)
        n_byte_level += t->stages[i].byte_level;
    if (n_byte_level == 1) return MARVIS_OK;
    return mv_json_expected(&place, "exactly one ByteLevel (only byte-level BPE is supported)",
                            err);
}

/* ---- post_processor ---- */

/* The one id of a template's special token. */
static marvis_status template_id(const mv_tokenizer *t, const json_t *processor, const char *token,
                                 const mv_json_place *place, int32_t *id, marvis_error *err) {
    mv_json_place tokens_at = mv_json_member(place, "special_tokens");
    mv_json_place token_at = mv_json_member(&tokens_at, token);
    const json_t *ids = json_object_get(
        json_object_get(json_object_get(processor, "special_tokens"), token), "ids");
    if (json_array_size(ids) != 1) return mv_json_expected(&token_at, "\"ids\" with one id", err);
    MV_TRY(mv_json_get_id(json_array_get(ids, 0), &token_at, id, err));
    if (*id < t->n_ids) return MARVIS_OK;
    return mv_json_expected(&token_at, "an id of the vocabulary", err);
}

/* single: at most one special token before and one behind the sequence. */
static marvis_status load_template(mv_tokenizer *t, const json_t *processor,
                                   const mv_json_place *place, marvis_error *err) {
    const json_t *pieces = json_object_get(processor, "single");
    mv_json_place single_at = mv_json_member(place, "single");
    if (!json_is_array(pieces)) return mv_json_expected(&single_at, "an array", err);
    bool sequence_seen = false;
    for (size_t i = 0; i < json_array_size(pieces); i++) {
        const json_t *piece = json_array_get(pieces, i);
        mv_json_place at = mv_json_element(&single_at, i);
        const char *token =
            json_string_value(json_object_get(json_object_get(piece, "SpecialToken"), "id"));
        if (!token) {
            if (!json_is_object(json_object_get(piece, "Sequence")) || sequence_seen)
                return mv_json_expected(&at, "a SpecialToken or the one Sequence", err);
            sequence_seen = true;
            continue;
        }
        int32_t *id = sequence_seen ? &t->template_eos : &t->template_bos;
        if (*id >= 0)
            return mv_json_expected(&at, "one token at most on each side of the Sequence", err);
        MV_TRY(template_id(t, processor, token, place, id, err));
    }
    return sequence_seen ? MARVIS_OK : mv_json_expected(&single_at, "a Sequence", err);
}

static marvis_status load_processor(mv_tokenizer *t, const json_t *object,
                                    const mv_json_place *place, int nesting, bool *seen,
                                    marvis_error *err) {
    const char *type = type_of(object, place, err);
    if (!type) return MARVIS_ERR_TOKENIZER;
    if (strcmp(type, "ByteLevel") == 0) return MARVIS_OK; /* moves offsets only */
    if (strcmp(type, "TemplateProcessing") == 0) {
        if (*seen) return mv_json_expected(place, "one TemplateProcessing at most", err);
        *seen = true;
        return load_template(t, object, place, err);
    }
    if (strcmp(type, "Sequence") != 0)
        return unsupported(place, type, "TemplateProcessing, ByteLevel or Sequence", err);
    const json_t *parts = json_object_get(object, "processors");
    mv_json_place parts_at = mv_json_member(place, "processors");
    if (!json_is_array(parts)) return mv_json_expected(&parts_at, "an array", err);
    if (nesting == MAX_NESTING) return mv_json_expected(place, "fewer nested sequences", err);
    for (size_t i = 0; i < json_array_size(parts); i++) {
        mv_json_place at = mv_json_element(&parts_at, i);
        MV_TRY(load_processor(t, json_array_get(parts, i), &at, nesting + 1, seen, err));
    }
    return MARVIS_OK;
}

marvis_status mv_load_post_processor(mv_tokenizer *t, const json_t *root, const char *path,
                                     marvis_error *err) {
    mv_json_place place = {.path = path, .key = "post_processor"};
    t->template_bos = t->template_eos = -1;
    const json_t *object = json_object_get(root, "post_processor");
    if (!object || json_is_null(object)) return MARVIS_OK;
    bool seen = false;
    return load_processor(t, object, &place, 0, &seen, err);
}

/* ---- the whole ---- */

static marvis_status load(mv_tokenizer *t, const json_t *root, const char *path,
                          marvis_error *err) {
    mv_json_place place = {.path = path, .key = "version"};
    if (!json_is_object(root))
        return mv_fail(err, MARVIS_ERR_TOKENIZER, "%s: expected a JSON object", path);
    const char *version = "1.0";
    mv_json_place whole = {.path = path};
    MV_TRY(mv_json_get_string(root, "version", &whole, &version, err));
    if (strcmp(version, "1.0") != 0) return mv_json_expected(&place, "\"1.0\"", err);
    t->bpe.unk = -1;
    MV_TRY(check_normalizer(root, path, err));
    MV_TRY(mv_load_model(t, root, path, err));
    MV_TRY(mv_load_added_tokens(t, root, path, err));
    MV_TRY(mv_load_pre_tokenizer(t, root, path, err));
    MV_TRY(mv_load_post_processor(t, root, path, err));
    int n = snprintf(t->kind, sizeof t->kind, "byte-level BPE, %d ids", (int)t->n_ids);
    (void)n;
    return MARVIS_OK;
}

marvis_status mv_tokenizer_parse(const char *json, size_t len, const char *path,
                                 mv_tokenizer **tokenizer, marvis_error *err) {
    *tokenizer = NULL;
    json_error_t problem; /* jansson itself stops at a depth of 2048 */
    json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &problem);
    if (!root) {
        if (json_error_code(&problem) == json_error_out_of_memory)
            return mv_fail_memory(err, len, "the tokenizer's JSON");
        return mv_fail_at(err, MARVIS_ERR_TOKENIZER, problem.position,
                          "%s: not valid JSON (line %d, column %d): %s", path, problem.line,
                          problem.column, problem.text);
    }
    mv_tokenizer *t = mv_alloc(1, sizeof *t);
    marvis_status status =
        t ? load(t, root, path, err) : mv_fail_memory(err, sizeof *t, "a tokenizer");
    json_decref(root);
    if (status != MARVIS_OK) mv_tokenizer_destroy(&t);
    *tokenizer = t;
    return status;
}

marvis_status mv_tokenizer_open(const char *path, mv_tokenizer **tokenizer, marvis_error *err) {
    *tokenizer = NULL;
    char *json;
    size_t len;
    MV_TRY(mv_file_read(path, MAX_FILE, &json, &len, err));
    marvis_status status = mv_tokenizer_parse(json, len, path, tokenizer, err);
    mv_free(json);
    return status;
}
