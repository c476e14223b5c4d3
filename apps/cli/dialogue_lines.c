/* dialogue_lines.c - scripts in the text form: "NAME: text", a line or more for each turn. Lines
 * that begin with white space go on with the turn before; blank lines and lines that begin with #
 * are left out. */
#include <stdlib.h>
#include <string.h>

#include "cli/dialogue_script.h"
#include "common/error.h"

enum { MAX_NAME = 60 };

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* The bytes before the colon, where the line begins with a name, a colon and a space; else 0:
 * "10:30" is no name. */
static size_t name_length(const char *line, size_t n) {
    const char *colon = memchr(line, ':', n);
    size_t n_name = colon ? (size_t)(colon - line) : 0;
    if (n_name == 0 || n_name > MAX_NAME) return 0;
    if (n_name + 1 < n && !is_blank(line[n_name + 1])) return 0;
    for (size_t i = 0; i < n_name; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f) return 0;
    return n_name;
}

static marvis_status wrong_line(const dialogue_script *script, int line, const char *what,
                                marvis_error *err) {
    return app_fail(err, MARVIS_ERR_INPUT, "%s: line %d: %s", script->name, line, what);
}

/* Appends a line to the last turn's text. */
static marvis_status go_on(dialogue_turn *turn, const char *text, size_t n, marvis_error *err) {
    size_t gap = turn->text_len > 0;
    char *grown = realloc(turn->text, turn->text_len + gap + n + 1);
    if (!grown) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    if (gap) grown[turn->text_len] = ' ';
    memcpy(grown + turn->text_len + gap, text, n);
    turn->text = grown;
    turn->text_len += gap + n;
    grown[turn->text_len] = '\0';
    return MARVIS_OK;
}

static marvis_status begin_turn(dialogue_script *script, const char *line, size_t n, int number,
                                marvis_error *err) {
    size_t n_name = name_length(line, n), begin = n_name + 1, person;
    if (n_name == 0)
        return wrong_line(script, number,
                          "no turn begins here: write 'NAME: text' with a space behind the colon, "
                          "or begin the line with a space to go on with the turn before",
                          err);
    while (is_blank(line[n_name - 1]))
        n_name--;
    while (begin < n && is_blank(line[begin]))
        begin++;
    marvis_status status = dialogue_person_find(script, line, n_name, &person, err);
    if (status != MARVIS_OK) return status;
    return dialogue_turn_add(script, person, line + begin, n - begin, number, err);
}

static bool is_utf8(const char *text, size_t n) {
    json_t *probe = json_stringn(text, n);
    json_decref(probe);
    return probe != NULL;
}

static marvis_status read_line(dialogue_script *script, const char *line, size_t n, int number,
                               marvis_error *err) {
    size_t indent = 0;
    while (n > 0 && is_blank(line[n - 1]))
        n--;
    while (indent < n && is_blank(line[indent]))
        indent++;
    if (indent == n || line[indent] == '#') return MARVIS_OK;
    if (!is_utf8(line, n))
        return wrong_line(script, number, "it is not UTF-8; save the script as UTF-8", err);
    if (indent == 0) return begin_turn(script, line, n, number, err);
    if (script->n_turns == 0)
        return wrong_line(script, number, "it goes on with a turn, but none came before", err);
    return go_on(&script->turns[script->n_turns - 1], line + indent, n - indent, err);
}

marvis_status dialogue_read_lines(dialogue_script *script, const char *text, size_t n,
                                  marvis_error *err) {
    marvis_status status = MARVIS_OK;
    int number = 1;
    for (size_t begin = 0; begin < n && status == MARVIS_OK; number++) {
        const char *end = memchr(text + begin, '\n', n - begin);
        size_t n_line = end ? (size_t)(end - text) - begin : n - begin;
        status = read_line(script, text + begin, n_line, number, err);
        begin += n_line + 1;
    }
    return status;
}
