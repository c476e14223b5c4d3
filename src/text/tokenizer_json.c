/* tokenizer_json.c - places, types and messages for reading a tokenizer.json. */
#include "text/tokenizer_parts.h"

#include <stdio.h>
#include <string.h>

/* A key too long for a message is cut. */
static void append(mv_json_place *place, const char *s) {
    size_t n = strlen(place->key);
    while (*s && n + 1 < sizeof place->key)
        place->key[n++] = *s++;
    place->key[n] = '\0';
}

mv_json_place mv_json_member(const mv_json_place *place, const char *name) {
    mv_json_place member = *place;
    if (member.key[0]) append(&member, ".");
    append(&member, name);
    return member;
}

mv_json_place mv_json_element(const mv_json_place *place, size_t index) {
    mv_json_place element = *place;
    char text[24];
    snprintf(text, sizeof text, "[%zu]", index);
    append(&element, text);
    return element;
}

marvis_status mv_json_expected(const mv_json_place *place, const char *what, marvis_error *err) {
    return mv_fail(err, MARVIS_ERR_TOKENIZER, "%s: %s: expected %s", place->path, place->key, what);
}

marvis_status mv_json_get_string(const json_t *object, const char *name, const mv_json_place *place,
                                 const char **value, marvis_error *err) {
    const json_t *v = json_object_get(object, name);
    if (!v || json_is_null(v)) return MARVIS_OK;
    if (json_is_string(v)) {
        *value = json_string_value(v);
        return MARVIS_OK;
    }
    mv_json_place member = mv_json_member(place, name);
    return mv_json_expected(&member, "a string", err);
}

marvis_status mv_json_get_bool(const json_t *object, const char *name, const mv_json_place *place,
                               bool *value, marvis_error *err) {
    const json_t *v = json_object_get(object, name);
    if (!v || json_is_null(v)) return MARVIS_OK;
    if (json_is_boolean(v)) {
        *value = json_is_true(v);
        return MARVIS_OK;
    }
    mv_json_place member = mv_json_member(place, name);
    return mv_json_expected(&member, "true or false", err);
}

int32_t mv_json_id(const json_t *value) {
    json_int_t i = json_is_integer(value) ? json_integer_value(value) : -1;
    return i < 0 || i >= INT32_MAX ? -1 : (int32_t)i;
}

marvis_status mv_json_get_id(const json_t *value, const mv_json_place *place, int32_t *id,
                             marvis_error *err) {
    *id = mv_json_id(value);
    return *id >= 0 ? MARVIS_OK : mv_json_expected(place, "an id, 0 to 2147483646", err);
}
