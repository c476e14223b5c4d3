/* dialogue_json.c - scripts in JSON: {"voices": {NAME: {...}}, "turns": [{...}], "pause": S}. Every
 * key is known or an error; what is wrong is told with its line, its voice or its turn. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/dialogue_script.h"
#include "cli/voice_store.h"
#include "common/error.h"

static const double LONGEST_PAUSE_S = 60;
enum { MAX_NAME = 60, MAX_SPEAKER = 999999 };

/* An object of the script, and where it stands. */
typedef struct place {
    dialogue_script *script;
    json_t *object;
    char where[100]; /* "turn 3: ", or "" */
} place;

__attribute__((format(printf, 3, 4))) static marvis_status wrong(const place *p, marvis_error *err,
                                                                 const char *format, ...) {
    char what[500];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return app_fail(err, MARVIS_ERR_INPUT, "%.200s: %s%s", p->script->name, p->where, what);
}

/* keys: all that the object may have, with a space behind each. */
static marvis_status check_keys(const place *p, const char *keys, marvis_error *err) {
    const char *key;
    json_t *value;
    json_object_foreach(p->object, key, value) {
        char word[40];
        (void)value;
        snprintf(word, sizeof word, "%.30s ", key);
        const char *found = strstr(keys, word);
        if (strlen(key) > 30 || strchr(key, ' ') || !found || (found > keys && found[-1] != ' '))
            return wrong(p, err, "\"%.60s\" is not known here; there are: %s", key, keys);
    }
    return MARVIS_OK;
}

/* *text: the string under a key, or NULL. */
static marvis_status get_text(const place *p, const char *key, const char **text,
                              marvis_error *err) {
    const json_t *value = json_object_get(p->object, key);
    *text = json_string_value(value);
    if (value && !*text) return wrong(p, err, "\"%s\" must be a text in quotes", key);
    return MARVIS_OK;
}

/* *seconds stays as it is where the key is not there. */
static marvis_status get_pause(const place *p, double *seconds, marvis_error *err) {
    const json_t *value = json_object_get(p->object, "pause");
    if (!value) return MARVIS_OK;
    double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= 0 && number <= LONGEST_PAUSE_S))
        return wrong(p, err, "\"pause\" must be a number of seconds, 0 to %g", LONGEST_PAUSE_S);
    *seconds = number;
    return MARVIS_OK;
}

/* *full: a file under a key, relative to the script's folder, or NULL. */
static marvis_status get_file(const place *p, const char *key, char **full, marvis_error *err) {
    const char *path;
    marvis_status status = get_text(p, key, &path, err);
    if (status != MARVIS_OK || !path) return status;
    if (!*path) return wrong(p, err, "\"%s\" is empty; give a file's name", key);
    return dialogue_file(p->script, path, full, err);
}

static marvis_status get_speaker(const place *p, int *speaker, marvis_error *err) {
    const json_t *value = json_object_get(p->object, "speaker");
    if (!value) return MARVIS_OK;
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || number > MAX_SPEAKER)
        return wrong(p, err, "\"speaker\" must be a number from 0 to %d", MAX_SPEAKER);
    *speaker = (int)number;
    return MARVIS_OK;
}

/* A name as the lines of a script may have one, too: it is printed, and is a line's beginning. */
static marvis_status check_name(const place *p, const char *what, const char *name,
                                marvis_error *err) {
    if (!*name || strlen(name) > MAX_NAME)
        return wrong(p, err, "%sa name has 1 to %d bytes", what, MAX_NAME);
    for (; *name; name++)
        if ((unsigned char)*name < 0x20 || *name == 0x7f)
            return wrong(p, err, "%sa name has no line breaks or other control characters", what);
    return MARVIS_OK;
}

/* ---- voices --------------------------------------------------------------------------------- */

/* A saved voice is a name, or a file beside the script. */
static marvis_status get_saved(const place *p, char **voice, marvis_error *err) {
    const char *name;
    marvis_status status = get_text(p, "voice", &name, err);
    if (status != MARVIS_OK || !name) return status;
    if (voice_store_is_file(name)) return dialogue_file(p->script, name, voice, err);
    *voice = strdup(name);
    return *voice ? MARVIS_OK : app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
}

static marvis_status read_voice(const place *p, dialogue_person *person, marvis_error *err) {
    const char *text;
    marvis_status status = check_keys(p, "speaker voice audio codes text ", err);
    if (status == MARVIS_OK) status = get_speaker(p, &person->speaker, err);
    if (status == MARVIS_OK) status = get_saved(p, &person->voice, err);
    if (status == MARVIS_OK) status = get_file(p, "audio", &person->audio, err);
    if (status == MARVIS_OK) status = get_file(p, "codes", &person->codes, err);
    if (status == MARVIS_OK) status = get_text(p, "text", &text, err);
    if (status != MARVIS_OK) return status;
    if (person->voice && (person->audio || person->codes || text))
        return wrong(p, err,
                     "\"voice\" is a saved voice, which has its recording and its words; "
                     "give it alone, or \"audio\" and \"text\"");
    if (text && !(person->text = strdup(text)))
        return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    return MARVIS_OK;
}

static marvis_status read_voices(const place *root, marvis_error *err) {
    json_t *voices = json_object_get(root->object, "voices"), *value;
    const char *name;
    if (!voices) return MARVIS_OK;
    if (!json_is_object(voices))
        return wrong(root, err, "\"voices\" must be an object: {\"NAME\": {...}, ...}");
    json_object_foreach(voices, name, value) {
        place p = {.script = root->script, .object = value};
        size_t person;
        snprintf(p.where, sizeof p.where, "voice \"%.60s\": ", name);
        marvis_status status = check_name(&p, "", name, err);
        if (status != MARVIS_OK) return status;
        if (!json_is_object(value))
            return wrong(&p, err, "it must be an object, {} for one without a recorded voice");
        status = dialogue_person_find(root->script, name, strlen(name), &person, err);
        if (status == MARVIS_OK) status = read_voice(&p, &root->script->people[person], err);
        if (status != MARVIS_OK) return status;
    }
    return MARVIS_OK;
}

/* ---- turns ---------------------------------------------------------------------------------- */

/* Who speaks: one of "voices", where there are any, so that a slip of the pen is noticed. */
static marvis_status get_person(const place *p, bool is_known, size_t *person, marvis_error *err) {
    const char *name;
    size_t n_people = p->script->n_people;
    marvis_status status = get_text(p, "speaker", &name, err);
    if (status != MARVIS_OK) return status;
    if (!name) return wrong(p, err, "\"speaker\" is missing: give the name of who says it");
    status = check_name(p, "\"speaker\": ", name, err);
    if (status == MARVIS_OK)
        status = dialogue_person_find(p->script, name, strlen(name), person, err);
    if (status == MARVIS_OK && is_known && *person == n_people)
        return wrong(p, err,
                     "\"voices\" has nobody called \"%.60s\"; add {} for one without a "
                     "recorded voice",
                     name);
    return status;
}

static marvis_status get_left_out(const place *p, bool *is_left_out, marvis_error *err) {
    const json_t *value = json_object_get(p->object, "output");
    if (value && !json_is_boolean(value)) return wrong(p, err, "\"output\" must be true or false");
    *is_left_out = json_is_false(value);
    return MARVIS_OK;
}

static marvis_status read_turn(const place *p, bool is_known, marvis_error *err) {
    dialogue_script *script = p->script;
    const char *text;
    size_t person;
    if (!json_is_object(p->object))
        return wrong(p, err, "it must be an object: {\"speaker\": \"NAME\", \"text\": \"...\"}");
    marvis_status status = check_keys(p, "speaker text audio codes pause output ", err);
    if (status == MARVIS_OK) status = get_person(p, is_known, &person, err);
    if (status == MARVIS_OK) status = get_text(p, "text", &text, err);
    if (status != MARVIS_OK) return status;
    if (!text)
        return wrong(p, err,
                     "\"text\" is missing: give the words, of a recorded turn those that "
                     "are said in it");
    status = dialogue_turn_add(script, person, text, strlen(text), 0, err);
    if (status != MARVIS_OK) return status;
    dialogue_turn *turn = &script->turns[script->n_turns - 1];
    status = get_file(p, "audio", &turn->audio, err);
    if (status == MARVIS_OK) status = get_file(p, "codes", &turn->codes, err);
    if (status == MARVIS_OK) status = get_pause(p, &turn->pause_s, err);
    if (status == MARVIS_OK) status = get_left_out(p, &turn->is_left_out, err);
    return status;
}

static marvis_status read_turns(const place *root, bool is_known, marvis_error *err) {
    json_t *turns = json_object_get(root->object, "turns"), *value;
    size_t i;
    if (!json_is_array(turns))
        return wrong(root, err,
                     turns ? "\"turns\" must be a list, [...]"
                           : "\"turns\" is missing: the list of who says what");
    json_array_foreach(turns, i, value) {
        place p = {.script = root->script, .object = value};
        snprintf(p.where, sizeof p.where, "turn %zu: ", i + 1);
        marvis_status status = read_turn(&p, is_known, err);
        if (status != MARVIS_OK) return status;
    }
    return MARVIS_OK;
}

marvis_status dialogue_read_json(dialogue_script *script, const char *text, size_t n,
                                 marvis_error *err) {
    json_error_t error;
    json_t *object = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
    place root = {.script = script, .object = object};
    if (!object)
        return app_fail(err, MARVIS_ERR_INPUT, "%.200s: line %d, column %d: %s", script->name,
                        error.line, error.column, error.text);
    marvis_status status = check_keys(&root, "voices turns pause ", err);
    if (status == MARVIS_OK) status = get_pause(&root, &script->pause_s, err);
    if (status == MARVIS_OK) status = read_voices(&root, err);
    if (status == MARVIS_OK) status = read_turns(&root, script->n_people > 0, err);
    json_decref(object);
    return status;
}
