/* json.c - see json.h. The nesting is measured before jansson sees the text, because its own limit
 * (2048) is generous and recursive. */
#include "format/json.h"

#include <string.h>

/* The offset of the bracket that opens level MV_JSON_MAX_DEPTH + 1, or len. */
static size_t too_deep_at(const char *text, size_t len) {
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > MV_JSON_MAX_DEPTH) return i;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return len;
}

marvis_status mv_json_load(const char *text, size_t len, const char *path, size_t base,
                           json_t **root, marvis_error *err) {
    *root = NULL;
    if (len == 0)
        return mv_fail_at(err, MARVIS_ERR_FORMAT, (int64_t)base,
                          "%s: expected a JSON object, found nothing; the file is empty", path);
    size_t deep = too_deep_at(text, len);
    if (deep < len)
        return mv_fail_at(err, MARVIS_ERR_FORMAT, (int64_t)(base + deep),
                          "%s: JSON nested deeper than %d levels; expected a plain object", path,
                          MV_JSON_MAX_DEPTH);

    json_error_t error;
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!value) {
        if (json_error_code(&error) == json_error_out_of_memory)
            return mv_fail_memory(err, len, path);
        size_t at = error.position > 0 ? (size_t)error.position : 0;
        return mv_fail_at(err, MARVIS_ERR_FORMAT, (int64_t)(base + at),
                          "%s: not valid JSON at byte %zu: %s; the file is damaged", path,
                          base + at, error.text);
    }
    if (!json_is_object(value)) {
        json_decref(value);
        return mv_fail_at(err, MARVIS_ERR_FORMAT, (int64_t)base,
                          "%s: expected a JSON object ({...}), found another kind of value", path);
    }
    *root = value;
    return MARVIS_OK;
}

/* Whether the JSON string literal at text (quotes included) spells key. */
static bool literal_is(const char *text, size_t len, const char *key) {
    if (!memchr(text, '\\', len)) return strlen(key) == len - 2 && !memcmp(text + 1, key, len - 2);
    json_t *value = json_loadb(text, len, JSON_DECODE_ANY, NULL);
    bool same = value && strcmp(json_string_value(value), key) == 0;
    json_decref(value);
    return same;
}

int64_t mv_json_key_position(const char *text, size_t len, const char *key) {
    int depth = 0;
    bool expect_key = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '"') {
            size_t begin = i++;
            while (i < len && text[i] != '"')
                i += text[i] == '\\' ? 2 : 1;
            if (i >= len) return -1;
            if (expect_key && literal_is(text + begin, i - begin + 1, key)) return (int64_t)begin;
            expect_key = false;
        } else if (c == '{' || c == '[') {
            depth++;
            expect_key = depth == 1;
        } else if (c == '}' || c == ']') {
            depth--;
        } else if (c == ',') {
            expect_key = depth == 1;
        }
    }
    return -1;
}

const json_t *mv_json_get(const mv_json_at *at, const char *key) {
    const json_t *value = json_object_get(at->object, key);
    return json_is_null(value) ? NULL : value;
}

/* What a value of the wrong kind is, for messages. */
static const char *kind_name(const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "a list";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a fraction";
    case JSON_TRUE:
    case JSON_FALSE: return "true or false";
    default: return "null";
    }
}

static marvis_status fail_absent(const mv_json_at *at, const char *key, const char *expected,
                                 marvis_error *err) {
    return mv_fail(err, MARVIS_ERR_CONFIG, "%s: \"%s%s\" is missing; expected %s", at->path,
                   at->prefix, key, expected);
}

static marvis_status fail_kind(const mv_json_at *at, const char *key, const char *expected,
                               const json_t *value, marvis_error *err) {
    return mv_fail(err, MARVIS_ERR_CONFIG, "%s: \"%s%s\" is %s; expected %s", at->path, at->prefix,
                   key, kind_name(value), expected);
}

marvis_status mv_json_int(const mv_json_at *at, const char *key, bool required, int min, int max,
                          int *value, marvis_error *err) {
    const json_t *member = mv_json_get(at, key);
    if (!member) return required ? fail_absent(at, key, "an integer", err) : MARVIS_OK;
    if (!json_is_integer(member)) return fail_kind(at, key, "an integer", member, err);
    json_int_t number = json_integer_value(member);
    if (number < min || number > max)
        return mv_fail(err, MARVIS_ERR_CONFIG, "%s: \"%s%s\" is %lld; expected %d to %d", at->path,
                       at->prefix, key, (long long)number, min, max);
    *value = (int)number;
    return MARVIS_OK;
}

marvis_status mv_json_double(const mv_json_at *at, const char *key, bool required, double min,
                             double max, double *value, marvis_error *err) {
    const json_t *member = mv_json_get(at, key);
    if (!member) return required ? fail_absent(at, key, "a number", err) : MARVIS_OK;
    if (!json_is_number(member)) return fail_kind(at, key, "a number", member, err);
    double number = json_number_value(member);
    if (!(number >= min && number <= max))
        return mv_fail(err, MARVIS_ERR_CONFIG, "%s: \"%s%s\" is %g; expected %g to %g", at->path,
                       at->prefix, key, number, min, max);
    *value = number;
    return MARVIS_OK;
}

marvis_status mv_json_bool(const mv_json_at *at, const char *key, bool *value, marvis_error *err) {
    const json_t *member = mv_json_get(at, key);
    if (!member) return MARVIS_OK;
    if (!json_is_boolean(member)) return fail_kind(at, key, "true or false", member, err);
    *value = json_is_true(member);
    return MARVIS_OK;
}

marvis_status mv_json_string(const mv_json_at *at, const char *key, const char **value,
                             marvis_error *err) {
    *value = NULL;
    const json_t *member = mv_json_get(at, key);
    if (!member) return MARVIS_OK;
    if (!json_is_string(member)) return fail_kind(at, key, "a string", member, err);
    *value = json_string_value(member);
    return MARVIS_OK;
}

marvis_status mv_json_object(const mv_json_at *at, const char *key, const json_t **value,
                             marvis_error *err) {
    *value = NULL;
    const json_t *member = mv_json_get(at, key);
    if (!member) return MARVIS_OK;
    if (!json_is_object(member)) return fail_kind(at, key, "an object", member, err);
    *value = member;
    return MARVIS_OK;
}
