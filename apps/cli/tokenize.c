/* tokenize.c - marvis tokenize: the prompt that the model is fed for a text, as a JSON list. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/model_facts.h"
#include "cli/support.h"
#include "common/error.h"
#include "common/platform.h"

static void print_ids(const int32_t *ids, size_t n_ids) {
    for (size_t i = 0; i < n_ids; i++)
        printf("%s%d", i ? ", " : "[", ids[i]);
    printf("]\n");
}

/* One word alone is the text, and with --file the model; a folder is a model whose text was
 * forgotten. */
static marvis_status find_words(const cli_call *call, const char **model, const char **text,
                                marvis_error *err) {
    *model = call->positionals[0];
    *text = call->positionals[1];
    if (*text || cli_text(call, CLI_FILE)) return MARVIS_OK;
    if (*model && platform_is_dir(*model))
        return app_fail(err, MARVIS_ERR_CALL,
                        "TEXT is missing behind the model %.300s; give a text, - for standard "
                        "input, or --file FILE",
                        *model);
    *text = *model;
    *model = NULL;
    return MARVIS_OK;
}

int tokenize_run(const cli_call *call) {
    cli_loaded loaded = {0};
    marvis_error err;
    const char *model, *words;
    char *text = NULL;
    int32_t *ids = NULL;
    size_t len_bytes, n_ids;
    model_facts facts = {0};
    int speaker = 0;
    int exit_status = CLI_DONE;

    if (find_words(call, &model, &words, &err) != MARVIS_OK ||
        cli_read_text(call, words, &text, &len_bytes, &err) != MARVIS_OK ||
        cli_load(call, model, CLI_NEEDS_TOKENIZER, &loaded, &err) != MARVIS_OK ||
        model_facts_read(&facts, loaded.model, &err) != MARVIS_OK ||
        model_facts_speaker(&facts, call, &speaker, &err) != MARVIS_OK ||
        marvis_model_tokenize(loaded.model, speaker, text, len_bytes, &ids, &n_ids, &err) !=
            MARVIS_OK)
        exit_status = cli_fail(&err, true);
    else
        print_ids(ids, n_ids);
    marvis_free(ids);
    cli_unload(&loaded);
    model_facts_free(&facts);
    free(text);
    return exit_status;
}
