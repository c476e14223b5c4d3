/* normalize.c - marvis normalize, and marvis say --dry-run: the text as it is spoken. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/support.h"

int normalize_run(const cli_call *call) {
    marvis_error err;
    char *text;
    size_t len_bytes;
    if (cli_read_speech(call, call->positionals[0], &text, &len_bytes, &err) != MARVIS_OK)
        return cli_fail(&err, true);
    fwrite(text, 1, len_bytes, stdout);
    putchar('\n');
    free(text);
    return CLI_DONE;
}
