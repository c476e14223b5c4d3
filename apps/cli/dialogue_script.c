/* dialogue_script.c - see dialogue_script.h: what both forms of a script share. */
#include "cli/dialogue_script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/voice_store.h"
#include "common/error.h"
#include "common/platform.h"
#include "common/text_file.h"

enum { MAX_SPEAKER = 999999, MAX_PEOPLE = 1000 };

static marvis_status no_memory(marvis_error *err) {
    return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
}

/* ---- messages ------------------------------------------------------------------------------- */

marvis_status dialogue_blame_turn(const dialogue_script *script, size_t turn, marvis_status status,
                                  marvis_error *err) {
    const dialogue_turn *t = &script->turns[turn];
    marvis_error cause = *err;
    char where[32];
    if (status == MARVIS_OK || status == MARVIS_ERR_MEMORY) return status;
    snprintf(where, sizeof where, script->is_json ? "turn %d" : "line %d",
             script->is_json ? (int)turn + 1 : t->line);
    return app_fail(err, status, "%.200s: %s (%.60s): %.600s", script->name, where,
                    script->people[t->person].name, cause.message);
}

marvis_status dialogue_blame_person(const dialogue_script *script, size_t person,
                                    marvis_status status, marvis_error *err) {
    marvis_error cause = *err;
    if (status == MARVIS_OK || status == MARVIS_ERR_MEMORY) return status;
    return app_fail(err, status, "%.200s: the voice of %.60s: %.600s", script->name,
                    script->people[person].name, cause.message);
}

/* ---- people and turns ----------------------------------------------------------------------- */

static dialogue_person *person_named(const dialogue_script *script, const char *name, size_t n) {
    for (size_t i = 0; i < script->n_people; i++)
        if (strlen(script->people[i].name) == n && memcmp(script->people[i].name, name, n) == 0)
            return &script->people[i];
    return NULL;
}

marvis_status dialogue_person_find(dialogue_script *script, const char *name, size_t name_len,
                                   size_t *person, marvis_error *err) {
    dialogue_person *found = person_named(script, name, name_len);
    if (!found) {
        if (script->n_people == MAX_PEOPLE)
            return app_fail(
                err, MARVIS_ERR_INPUT,
                "%.200s: '%.*s' would be one more than the %d who may speak in a script",
                script->name, name_len < 60 ? (int)name_len : 60, name, MAX_PEOPLE);
        dialogue_person *grown =
            realloc(script->people, (script->n_people + 1) * sizeof *script->people);
        if (!grown) return no_memory(err);
        script->people = grown;
        found = &grown[script->n_people];
        *found = (dialogue_person){.speaker = -1, .name = strndup(name, name_len)};
        if (!found->name) return no_memory(err);
        script->n_people++;
    }
    *person = (size_t)(found - script->people);
    return MARVIS_OK;
}

marvis_status dialogue_turn_add(dialogue_script *script, size_t person, const char *text,
                                size_t text_len, int line, marvis_error *err) {
    if (script->n_turns == script->turns_capacity) {
        size_t capacity = script->turns_capacity ? 2 * script->turns_capacity : 64;
        dialogue_turn *grown = realloc(script->turns, capacity * sizeof *grown);
        if (!grown) return no_memory(err);
        script->turns = grown;
        script->turns_capacity = capacity;
    }
    dialogue_turn *turn = &script->turns[script->n_turns];
    *turn = (dialogue_turn){.person = person, .text_len = text_len, .pause_s = -1, .line = line};
    turn->text = malloc(text_len + 1);
    if (!turn->text) return no_memory(err);
    memcpy(turn->text, text, text_len);
    turn->text[text_len] = '\0';
    script->n_turns++;
    return MARVIS_OK;
}

marvis_status dialogue_file(const dialogue_script *script, const char *path, char **full,
                            marvis_error *err) {
    *full = platform_concat(path[0] == '/' ? "" : script->folder, path);
    return *full ? MARVIS_OK : no_memory(err);
}

/* The text as it is spoken takes the place of the text as it is written. */
static marvis_status normalize(dialogue_turn *turn, marvis_error *err) {
    char *spoken, *copy;
    size_t n;
    marvis_status status = marvis_normalize(turn->text, turn->text_len, &spoken, &n, err);
    if (status != MARVIS_OK) return status;
    copy = platform_concat(spoken, "");
    marvis_free(spoken);
    if (!copy) return no_memory(err);
    free(turn->text);
    turn->text = copy;
    turn->text_len = n;
    return MARVIS_OK;
}

static marvis_status finish_turns(dialogue_script *script, bool verbatim, marvis_error *err) {
    for (size_t i = 0; i < script->n_turns; i++) {
        dialogue_turn *turn = &script->turns[i];
        marvis_status status = MARVIS_OK;
        if (text_is_blank(turn->text, turn->text_len))
            status = app_fail(err, MARVIS_ERR_INPUT, "the turn has no text");
        if (status == MARVIS_OK && !verbatim) {
            status = normalize(turn, err);
            if (status == MARVIS_OK && turn->text_len == 0)
                status = app_fail(err, MARVIS_ERR_INPUT,
                                  "nothing in the text is spoken, only emoji, signs or markup; "
                                  "leave the turn out");
        }
        if (status != MARVIS_OK) return dialogue_blame_turn(script, i, status, err);
        if (!turn->audio && !turn->codes) script->people[turn->person].is_spoken = true;
    }
    return MARVIS_OK;
}

/* ---- the options ---------------------------------------------------------------------------- */

typedef marvis_status (*assign_fn)(dialogue_person *person, const char *value, const char *option,
                                   marvis_error *err);

static marvis_status assign_speaker(dialogue_person *person, const char *value, const char *option,
                                    marvis_error *err) {
    char *end;
    long number = strtol(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || number > MAX_SPEAKER)
        return app_fail(err, MARVIS_ERR_CALL, "%s: '%.60s' is no speaker; use 0 to %d", option,
                        value, MAX_SPEAKER);
    person->speaker = (int)number;
    return MARVIS_OK;
}

static marvis_status assign_voice(dialogue_person *person, const char *value, const char *option,
                                  marvis_error *err) {
    (void)option;
    char **owned[] = {&person->voice, &person->audio, &person->codes, &person->text};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
        free(*owned[i]);
        *owned[i] = NULL;
    }
    person->voice = platform_concat(value, "");
    return person->voice ? MARVIS_OK : no_memory(err);
}

/* "NAME=VALUE,NAME=VALUE" */
static marvis_status assign_all(dialogue_script *script, const char *list, const char *option,
                                assign_fn assign, marvis_error *err) {
    while (list && *list) {
        size_t n = strcspn(list, ","), n_name = strcspn(list, "=");
        if (n_name == 0 || n_name + 1 >= n)
            return app_fail(err, MARVIS_ERR_CALL, "%s: '%.*s' is not NAME=VALUE", option,
                            n < 80 ? (int)n : 80, list);
        dialogue_person *person = person_named(script, list, n_name);
        if (!person)
            return app_fail(err, MARVIS_ERR_CALL, "%s: nobody is called '%.*s' in %s", option,
                            n_name < 60 ? (int)n_name : 60, list, script->name);
        char *value = strndup(list + n_name + 1, n - n_name - 1);
        marvis_status status = value ? assign(person, value, option, err) : no_memory(err);
        free(value);
        if (status != MARVIS_OK) return status;
        list += n + (list[n] == ',');
    }
    return MARVIS_OK;
}

static bool is_taken(const dialogue_script *script, int speaker) {
    for (size_t i = 0; i < script->n_people; i++)
        if (script->people[i].speaker == speaker) return true;
    return false;
}

/* Who was given no number gets the next free one, in the order of the script. */
static void number_the_rest(dialogue_script *script) {
    int next = 0;
    for (size_t i = 0; i < script->n_people; i++) {
        if (script->people[i].speaker >= 0) continue;
        while (is_taken(script, next))
            next++;
        script->people[i].speaker = next;
    }
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* A script that begins with a brace is JSON. */
static bool looks_like_json(const char *text) { return text[strspn(text, " \t\r\n")] == '{'; }

static marvis_status parse(dialogue_script *script, const cli_call *call, const char *text,
                           size_t n, marvis_error *err) {
    marvis_status status;
    script->is_json = looks_like_json(text);
    status = script->is_json ? dialogue_read_json(script, text, n, err)
                             : dialogue_read_lines(script, text, n, err);
    if (status == MARVIS_OK && script->n_turns == 0)
        status = app_fail(err, MARVIS_ERR_INPUT,
                          "%s: nobody says anything; write lines 'NAME: text', or JSON with "
                          "\"turns\"",
                          script->name);
    if (status == MARVIS_OK) status = finish_turns(script, cli_given(call, CLI_NO_NORMALIZE), err);
    if (status == MARVIS_OK)
        status =
            assign_all(script, cli_text(call, CLI_SPEAKERS), "--speakers", assign_speaker, err);
    if (status == MARVIS_OK)
        status = assign_all(script, cli_text(call, CLI_VOICES), "--voices", assign_voice, err);
    if (status == MARVIS_OK) number_the_rest(script);
    return status;
}

marvis_status dialogue_script_read(dialogue_script *script, const cli_call *call, const char *path,
                                   marvis_error *err) {
    bool is_stdin = strcmp(path, "-") == 0;
    const char *slash = is_stdin ? NULL : strrchr(path, '/');
    char *text;
    size_t n;
    *script = (dialogue_script){.name = is_stdin ? "standard input" : path, .pause_s = -1};
    marvis_status status = text_file_read(path, &text, &n, err);
    if (status != MARVIS_OK) return status;
    script->folder = slash ? strndup(path, (size_t)(slash - path) + 1) : platform_concat("", "");
    status = script->folder ? parse(script, call, text, n, err) : no_memory(err);
    free(text);
    return status;
}

void dialogue_script_free(dialogue_script *script) {
    for (size_t i = 0; i < script->n_people; i++) {
        dialogue_person *p = &script->people[i];
        free(p->name);
        free(p->voice);
        free(p->audio);
        free(p->codes);
        free(p->text);
    }
    for (size_t i = 0; i < script->n_turns; i++) {
        free(script->turns[i].text);
        free(script->turns[i].audio);
        free(script->turns[i].codes);
    }
    free(script->people);
    free(script->turns);
    free(script->folder);
    *script = (dialogue_script){0};
}

/* ---- files ---------------------------------------------------------------------------------- */

recording_source dialogue_voice_source(const dialogue_person *p, bool verbatim) {
    return (recording_source){.audio = p->audio,
                              .codes = p->codes,
                              .text = p->text,
                              .audio_option = "\"audio\"",
                              .codes_option = "\"codes\"",
                              .text_option = "\"text\"",
                              .limit_option = "--max-seconds",
                              .verbatim = verbatim};
}

/* The words are written out already. */
recording_source dialogue_turn_source(const dialogue_turn *t) {
    return (recording_source){.audio = t->audio,
                              .codes = t->codes,
                              .text = t->text,
                              .audio_option = "\"audio\"",
                              .codes_option = "\"codes\"",
                              .text_option = "\"text\"",
                              .limit_option = "--max-seconds",
                              .verbatim = true};
}

marvis_status dialogue_script_check_files(const dialogue_script *script, marvis_error *err) {
    marvis_status status = MARVIS_OK;
    for (size_t i = 0; i < script->n_people && status == MARVIS_OK; i++) {
        const dialogue_person *person = &script->people[i];
        recording_source source = dialogue_voice_source(person, false);
        marvis_voice *voice = NULL;
        if (!person->is_spoken) continue;
        status = person->voice ? voice_store_load(person->voice, &voice, NULL, err)
                               : recording_check(&source, err);
        marvis_voice_destroy(&voice);
        if (status != MARVIS_OK) return dialogue_blame_person(script, i, status, err);
    }
    for (size_t i = 0; i < script->n_turns && status == MARVIS_OK; i++) {
        const dialogue_turn *turn = &script->turns[i];
        recording_source source = dialogue_turn_source(turn);
        if (!turn->audio && !turn->codes) continue;
        status = recording_check(&source, err);
        if (status != MARVIS_OK) return dialogue_blame_turn(script, i, status, err);
    }
    return status;
}
