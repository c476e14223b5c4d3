/* voice.c - marvis voice list, show and remove: the saved voices, as a table or as JSON. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/support.h"
#include "cli/voice_store.h"
#include "common/error.h"
#include "common/user_data.h"

/* ---- a voice as JSON ------------------------------------------------------------------------ */

/* A path or words may hold bytes that are no UTF-8: then "?" stands for them. */
static json_t *text_json(const char *text, size_t n) {
    json_t *value = json_stringn(text, n);
    return value ? value : json_string("?");
}

static json_t *voice_json(const char *name, const char *path, const marvis_voice *voice) {
    marvis_voice_info info = {.struct_size = sizeof info};
    marvis_voice_info_get(voice, &info);
    json_t *snapshot = info.n_snapshot ? json_pack("{s:i, s:I}", "positions", info.n_snapshot,
                                                   "bytes", (json_int_t)info.snapshot_bytes)
                                       : json_null();
    return json_pack("{s:o, s:o, s:I, s:f, s:I, s:i, s:i, s:o, s:s, s:s, s:s, s:s, s:o}", "name",
                     text_json(name, strlen(name)), "file", text_json(path, strlen(path)), "bytes",
                     (json_int_t)user_data_file_bytes(path), "seconds", info.seconds, "frames",
                     (json_int_t)info.recording.n_frames, "codebooks", info.recording.n_codebooks,
                     "speaker", info.speaker, "text",
                     text_json(info.recording.text, info.recording.text_len_bytes), "source",
                     info.source, "date", info.date, "model", info.model, "engine", info.engine,
                     "snapshot", snapshot);
}

/* What a file says goes to a terminal without its control characters. */
static void print_text(const char *text, int width) {
    int n = 0;
    for (; *text; text++) {
        bool first = ((unsigned char)*text & 0xc0) != 0x80;
        bool control = (unsigned char)*text < 0x20 || *text == 0x7f ||
                       ((unsigned char)text[0] == 0xc2 && ((unsigned char)text[1] & 0xe0) == 0x80);
        putchar(control ? '?' : *text);
        if (control && (unsigned char)*text == 0xc2) text++;
        n += first;
    }
    for (; n < width; n++)
        putchar(' ');
}

static const char *string_of(const json_t *voice, const char *key) {
    const char *text = json_string_value(json_object_get(voice, key));
    return text ? text : "";
}

static double megabytes_of(const json_t *voice) {
    return json_number_value(json_object_get(voice, "bytes")) / 1e6;
}

static int print_json(const json_t *value) {
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    if (!text) {
        cli_complain("out of memory");
        return CLI_FAILED;
    }
    printf("%s\n", text);
    free(text);
    return CLI_DONE;
}

/* ---- list ----------------------------------------------------------------------------------- */

static json_t *list_json(char *const *names, size_t n) {
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        marvis_voice *voice;
        marvis_error err;
        char *path = NULL;
        json_t *item;
        if (voice_store_load(names[i], &voice, &path, &err) == MARVIS_OK)
            item = voice_json(names[i], path, voice);
        else
            item = json_pack("{s:o, s:o}", "name", text_json(names[i], strlen(names[i])), "error",
                             text_json(err.message, strlen(err.message)));
        json_array_append_new(list, item);
        marvis_voice_destroy(&voice);
        free(path);
    }
    return list;
}

static int name_width(const json_t *list) {
    size_t i, width = 4;
    json_t *voice;
    json_array_foreach(list, i, voice) {
        size_t n = strlen(string_of(voice, "name"));
        if (n > width) width = n;
    }
    return (int)width + 2;
}

static void print_list(const json_t *list) {
    int width = name_width(list);
    size_t i;
    json_t *voice;
    if (json_array_size(list) == 0) {
        printf("no voices yet; 'marvis voice create' makes one\n");
        return;
    }
    printf("%-*s%8s%9s  %-12s%s\n", width, "name", "seconds", "MB", "date", "made for");
    json_array_foreach(list, i, voice) {
        const char *error = string_of(voice, "error");
        print_text(string_of(voice, "name"), width);
        if (*error) {
            print_text(error, 0);
        } else {
            printf("%8.1f%9.2f  ", json_number_value(json_object_get(voice, "seconds")),
                   megabytes_of(voice));
            print_text(string_of(voice, "date"), 12);
            print_text(string_of(voice, "model"), 0);
        }
        putchar('\n');
    }
}

int voice_list_run(const cli_call *call) {
    char **names;
    size_t n;
    marvis_error err;
    int exit_status = CLI_DONE;
    if (voice_store_list(&names, &n, &err) != MARVIS_OK) return cli_fail(&err, true);
    json_t *list = list_json(names, n);
    if (cli_given(call, CLI_JSON))
        exit_status = print_json(list);
    else
        print_list(list);
    json_decref(list);
    user_data_free_names(&names, n);
    return exit_status;
}

/* ---- show ----------------------------------------------------------------------------------- */

/* Whether the model of the call can speak with it. Without --model the built-in one is meant, and
 * if it is not there nothing is known. */
static marvis_status add_use(const cli_call *call, const marvis_voice *voice, json_t *o,
                             marvis_error *err) {
    cli_loaded loaded;
    int snapshot_fits = 0;
    marvis_status status = cli_load(call, cli_text(call, CLI_MODEL), CLI_NEEDS_CODEC, &loaded, err);
    if (status == MARVIS_ERR_NOT_FOUND && !cli_given(call, CLI_MODEL)) {
        json_object_set_new(o, "usable", json_null());
        return MARVIS_OK;
    }
    if (status != MARVIS_OK) return status;
    marvis_voice_layout layout = marvis_model_voice_layout(loaded.model);
    status = marvis_voice_check(voice, loaded.model, &snapshot_fits, err);
    cli_unload(&loaded);
    if (status != MARVIS_OK && status != MARVIS_ERR_INPUT) return status;
    json_object_set_new(o, "usable", json_boolean(status == MARVIS_OK));
    if (status != MARVIS_OK)
        json_object_set_new(o, "reason", text_json(err->message, strlen(err->message)));
    json_object_set_new(o, "snapshot_usable", json_boolean(snapshot_fits));
    json_object_set_new(o, "layout",
                        json_string(layout == MARVIS_VOICE_CONTEXT ? "context" : "match"));
    return MARVIS_OK;
}

static void print_line(const char *what, const char *text) {
    printf("%-10s", what);
    print_text(*text ? text : "not known", 0);
    putchar('\n');
}

static void print_show(const json_t *o) {
    const json_t *snapshot = json_object_get(o, "snapshot"), *usable = json_object_get(o, "usable");
    print_line("name", string_of(o, "name"));
    print_line("file", string_of(o, "file"));
    printf("%-10s%.2f MB\n", "size", megabytes_of(o));
    printf("%-10s%.1f s, %lld frames of %lld codebooks\n", "speech",
           json_number_value(json_object_get(o, "seconds")),
           (long long)json_integer_value(json_object_get(o, "frames")),
           (long long)json_integer_value(json_object_get(o, "codebooks")));
    print_line("words", string_of(o, "text"));
    printf("%-10s%lld\n", "speaker", (long long)json_integer_value(json_object_get(o, "speaker")));
    print_line("made from", string_of(o, "source"));
    print_line("made for", string_of(o, "model"));
    print_line("made on", string_of(o, "date"));
    print_line("made by", string_of(o, "engine"));
    if (json_is_object(snapshot))
        printf("%-10s%lld positions%s\n", "snapshot",
               (long long)json_integer_value(json_object_get(snapshot, "positions")),
               json_is_false(json_object_get(o, "snapshot_usable")) ? ", not used here" : "");
    else
        printf("%-10snone\n", "snapshot");
    if (json_is_true(usable))
        printf("%-10syes, as %s\n", "usable", string_of(o, "layout"));
    else
        print_line("usable", json_is_false(usable) ? string_of(o, "reason") : "");
}

int voice_show_run(const cli_call *call) {
    const char *name = call->positionals[0];
    marvis_voice *voice;
    marvis_error err;
    char *path;
    int exit_status = CLI_DONE;
    if (voice_store_load(name, &voice, &path, &err) != MARVIS_OK) return cli_fail(&err, true);
    json_t *o = voice_json(name, path, voice);
    if (!o) {
        cli_complain("out of memory");
        exit_status = CLI_FAILED;
    } else if (add_use(call, voice, o, &err) != MARVIS_OK) {
        exit_status = cli_fail(&err, true);
    } else if (cli_given(call, CLI_JSON)) {
        exit_status = print_json(o);
    } else {
        print_show(o);
    }
    json_decref(o);
    marvis_voice_destroy(&voice);
    free(path);
    return exit_status;
}

/* ---- remove --------------------------------------------------------------------------------- */

/* By its name a voice goes even if it is damaged; a path must be a voice's. */
static marvis_status remove_voice(const char *name, marvis_error *err) {
    marvis_voice *voice;
    char *path;
    marvis_status status = MARVIS_OK;
    if (voice_store_is_file(name)) {
        status = voice_store_load(name, &voice, NULL, err);
        marvis_voice_destroy(&voice);
    }
    if (status == MARVIS_OK) status = voice_store_path(name, &path, err);
    if (status != MARVIS_OK) return status;
    status = user_data_remove(path, err);
    if (status == MARVIS_ERR_NOT_FOUND)
        status = app_fail(err, status,
                          "no voice is called '%.80s' (%.400s); 'marvis voice list' shows those "
                          "there are",
                          name, path);
    free(path);
    return status;
}

int voice_remove_run(const cli_call *call) {
    marvis_error err;
    if (remove_voice(call->positionals[0], &err) != MARVIS_OK) return cli_fail(&err, false);
    return CLI_DONE;
}
