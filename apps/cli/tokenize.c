/* tokenize.c - marvis tokenize: the prompt that the model is fed for a text, as a JSON list. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/support.h"

static void print_ids(const int32_t *ids, size_t n_ids) {
    for (size_t i = 0; i < n_ids; i++)
        printf("%s%d", i ? ", " : "[", ids[i]);
    printf("]\n");
}

int tokenize_run(const cli_call *call) {
    cli_loaded loaded = {0};
    marvis_error err;
    char *text = NULL;
    int32_t *ids = NULL;
    size_t len_bytes, n_ids;
    int exit_status = CLI_DONE;

    if (cli_read_text(call, call->positionals[1], &text, &len_bytes, &err) != MARVIS_OK ||
        cli_load(call, call->positionals[0], CLI_NEEDS_TOKENIZER, &loaded, &err) != MARVIS_OK ||
        marvis_model_tokenize(loaded.model, cli_integer(call, CLI_SPEAKER, 0), text, len_bytes,
                              &ids, &n_ids, &err) != MARVIS_OK)
        exit_status = cli_fail(&err, true);
    else
        print_ids(ids, n_ids);
    marvis_free(ids);
    cli_unload(&loaded);
    free(text);
    return exit_status;
}
