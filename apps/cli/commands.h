/* commands.h - the subcommands of marvis. Each returns the exit status. */
#ifndef APPS_CLI_COMMANDS_H
#define APPS_CLI_COMMANDS_H

#include "cli/options.h"

/* Bits of cli_option.commands. */
enum {
    CMD_SAY = 1,
    CMD_INFO = 2,
    CMD_TOKENIZE = 4,
    CMD_TRACE = 8,
    CMD_CODEC_DECODE = 16,
    CMD_CODEC_ENCODE = 32,
    CMD_NORMALIZE = 64,
    CMD_VOICE_CREATE = 128,
    CMD_VOICE_LIST = 256,
    CMD_VOICE_SHOW = 512,
    CMD_VOICE_REMOVE = 1024,
    CMD_DIALOGUE = 2048,
    CMD_QUANTIZE = 4096,
    CMD_BENCH = 8192
};

int say_run(const cli_call *call);
int bench_run(const cli_call *call);
int info_run(const cli_call *call);
int tokenize_run(const cli_call *call);
int normalize_run(const cli_call *call);
int trace_run(const cli_call *call);
int codec_decode_run(const cli_call *call);
int codec_encode_run(const cli_call *call);
int voice_create_run(const cli_call *call);
int voice_list_run(const cli_call *call);
int voice_show_run(const cli_call *call);
int voice_remove_run(const cli_call *call);
int dialogue_run(const cli_call *call);
int quantize_run(const cli_call *call);

#endif
