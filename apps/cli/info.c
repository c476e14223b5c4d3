/* info.c - marvis info: the model's own description, as JSON or as a table made from it. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/support.h"

/* Columns of the names in the table. */
enum { NAME_WIDTH = 28 };

static void print_scalar(const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_STRING: printf("%s", json_string_value(value)); break;
    case JSON_INTEGER: printf("%" JSON_INTEGER_FORMAT, json_integer_value(value)); break;
    case JSON_REAL: printf("%.6g", json_real_value(value)); break;
    case JSON_TRUE: printf("yes"); break;
    case JSON_FALSE: printf("no"); break;
    default: printf("none"); break;
    }
}

static void print_bytes(double n) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
    int unit = 0;
    while (n >= 1024.0 && unit < 3) {
        n /= 1024.0;
        unit++;
    }
    printf(" (%.*f %s)", unit ? 1 : 0, n, units[unit]);
}

static void print_value(const char *name, const json_t *value, int depth);

static void print_array(const char *name, const json_t *array, int depth) {
    size_t i;
    json_t *item;
    json_array_foreach(array, i, item) {
        if (json_is_object(item) || json_is_array(item)) print_value(name, item, depth);
    }
    if (json_array_size(array) > 0 &&
        (json_is_object(json_array_get(array, 0)) || json_is_array(json_array_get(array, 0))))
        return;
    printf("%*s%-*s", 2 * depth, "", NAME_WIDTH - 2 * depth, name);
    json_array_foreach(array, i, item) {
        printf("%s", i ? ", " : "");
        print_scalar(item);
    }
    printf("%s\n", json_array_size(array) ? "" : "none");
}

static void print_value(const char *name, const json_t *value, int depth) {
    const char *key;
    json_t *item;
    if (json_is_array(value)) {
        print_array(name, value, depth);
    } else if (json_is_object(value)) {
        printf("%*s%s\n", 2 * depth, "", name);
        json_object_foreach((json_t *)value, key, item) print_value(key, item, depth + 1);
    } else {
        size_t n = strlen(name);
        printf("%*s%-*s", 2 * depth, "", NAME_WIDTH - 2 * depth, name);
        print_scalar(value);
        if (json_is_integer(value) && n >= 5 && strcmp(name + n - 5, "bytes") == 0)
            print_bytes((double)json_integer_value(value));
        printf("\n");
    }
}

static int print_table(const char *text) {
    const char *key;
    json_t *item, *root = json_loads(text, 0, NULL);
    if (!json_is_object(root)) {
        json_decref(root);
        cli_complain("the model's description cannot be read");
        return CLI_FAILED;
    }
    json_object_foreach(root, key, item) print_value(key, item, 0);
    json_decref(root);
    return CLI_DONE;
}

/* A model that lacks its codec or its tokenizer can be described all the same. When nothing helps,
 * the first failure is the one to tell. */
static marvis_status load_what_is_there(const cli_call *call, cli_loaded *loaded,
                                        marvis_error *err) {
    static const unsigned tries[] = {CLI_NEEDS_TOKENIZER, CLI_NEEDS_CODEC, 0};
    const char *path = call->positionals[0];
    marvis_status status = cli_load(call, path, CLI_NEEDS_CODEC | CLI_NEEDS_TOKENIZER, loaded, err);
    if (status != MARVIS_ERR_NOT_FOUND || cli_given(call, CLI_CODEC) ||
        cli_given(call, CLI_TOKENIZER))
        return status;
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        if (cli_load(call, path, tries[i], loaded, NULL) == MARVIS_OK) return MARVIS_OK;
    }
    return status;
}

int info_run(const cli_call *call) {
    cli_loaded loaded = {0};
    marvis_error err = {0};
    char *json = NULL;
    int exit_status = CLI_DONE;
    if (load_what_is_there(call, &loaded, &err) != MARVIS_OK ||
        marvis_model_describe(loaded.model, &json, &err) != MARVIS_OK)
        exit_status = cli_fail(&err, true);
    else if (cli_given(call, CLI_JSON))
        printf("%s\n", json);
    else
        exit_status = print_table(json);
    marvis_free(json);
    cli_unload(&loaded);
    return exit_status;
}
