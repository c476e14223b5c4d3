/* main.c - the program marvis: finds the subcommand, reads its options, prints help and version. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/support.h"
#include "common/platform.h"
#include "marvis.h"

static const cli_command commands[] = {
    {"say",
     CMD_SAY,
     {"TEXT"},
     0,
     "[OPTION]... -o FILE|--play TEXT|-f FILE|-",
     "speak a text into a file, a pipe or the sound card",
     "TEXT may be - for standard input. The speech is written as it is made.",
     say_run},
    {"dialogue",
     CMD_DIALOGUE,
     {"SCRIPT"},
     1,
     "[OPTION]... -o FILE|--play SCRIPT",
     "speak a script of several speakers, each with a voice",
     "SCRIPT has lines 'NAME: text', or is JSON; it may be - for standard input.\n"
     "Each turn is spoken as an answer to those before it.",
     dialogue_run},
    {"info",
     CMD_INFO,
     {"MODEL"},
     0,
     "[OPTION]... [MODEL]",
     "what a model is: layout, dimensions, weights, files",
     "Without MODEL, the built-in voice.",
     info_run},
    {"quantize",
     CMD_QUANTIZE,
     {"MODEL"},
     0,
     "[OPTION]... [MODEL] -o FILE.gguf|--report [--type TYPES]",
     "write a model with codec and tokenizer as one file, its weights in fewer bits",
     "Without MODEL, the built-in voice. The file is a model for every command.",
     quantize_run},
    {"bench",
     CMD_BENCH,
     {NULL},
     0,
     "[OPTION]...",
     "what speech costs on this machine, and where the time goes",
     "Without --model or --shape, random weights of marvis-250m: nothing is\ndownloaded.",
     bench_run},
    {"tokenize",
     CMD_TOKENIZE,
     {"MODEL", "TEXT"},
     0,
     "[OPTION]... [MODEL] TEXT",
     "the token ids that a text becomes, as JSON",
     "TEXT may be - for standard input. Without MODEL, of the built-in voice.",
     tokenize_run},
    {"normalize",
     CMD_NORMALIZE,
     {"TEXT"},
     0,
     "[-f FILE] [TEXT]",
     "what is spoken of a text: numbers, signs and abbreviations as words",
     "TEXT may be - for standard input. It needs no model.",
     normalize_run},
    {"trace",
     CMD_TRACE,
     {NULL},
     0,
     "--model MODEL --input FILE -o FILE",
     "hidden states and logits for given codes, to compare with a reference",
     "Input: tokens int32 [S, C+1] (audio first, text last), mask uint8 [S, C+1],\n"
     "frames int32 [T, C]. Output, f32: hidden [T, D] and logits [T, C, V].",
     trace_run},
    {"codec decode",
     CMD_CODEC_DECODE,
     {"CODES"},
     1,
     "[OPTION]... CODES -o FILE",
     "Mimi codes to speech",
     "CODES is a safetensors file with a tensor \"codes\", int32 [codebooks, frames].",
     codec_decode_run},
    {"codec encode",
     CMD_CODEC_ENCODE,
     {"AUDIO"},
     1,
     "[OPTION]... AUDIO -o FILE",
     "speech to Mimi codes",
     "AUDIO is a WAV, FLAC, Ogg, Opus or MP3 file of any rate; channels are mixed.\n"
     "FILE gets a tensor \"codes\", int32 [codebooks, frames], for codec decode.",
     codec_encode_run},
    {"voice create",
     CMD_VOICE_CREATE,
     {"NAME"},
     1,
     "[OPTION]... NAME --audio FILE --text TEXT",
     "keep a recorded voice under a name",
     "The recording is any audio file; what is quiet at its ends is cut off.\n"
     "NAME may be a path that ends in .safetensors. 'marvis say --voice NAME' speaks\n"
     "with it.",
     voice_create_run},
    {"voice list",
     CMD_VOICE_LIST,
     {NULL},
     0,
     "[--json]",
     "the voices that are kept",
     "",
     voice_list_run},
    {"voice show",
     CMD_VOICE_SHOW,
     {"NAME"},
     1,
     "[OPTION]... NAME",
     "what a voice is, and whether a model can speak with it",
     "NAME may be a path that ends in .safetensors.",
     voice_show_run},
    {"voice remove", CMD_VOICE_REMOVE, {"NAME"}, 1, "NAME", "forget a voice", "", voice_remove_run},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void print_help(void) {
    printf("marvis %s - text to speech with Marvis and CSM models\n\n", marvis_version());
    for (int i = 0; i < N_COMMANDS; i++)
        printf("  marvis %-13s %s\n", commands[i].name, commands[i].summary);
    printf("\n  marvis help COMMAND   what a command takes\n"
           "  marvis --version      the version\n\n"
           "Exit status: 0 done, 1 the work failed, 2 the call or its input was wrong.\n");
}

/* Of "voice" the commands that begin with it; false where none does. */
static bool print_group_help(const char *word) {
    size_t n = strlen(word);
    bool any = false;
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strncmp(commands[i].name, word, n) != 0 || commands[i].name[n] != ' ') continue;
        printf("  marvis %-13s %s\n", commands[i].name, commands[i].summary);
        any = true;
    }
    if (any) printf("\n  marvis help %s COMMAND   what a command takes\n", word);
    return any;
}

static bool asks_for_help(const char *word) {
    return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static void print_command_help(const cli_command *command) {
    printf("usage: marvis %s %s\n\n%s.\n", command->name, command->usage, command->summary);
    if (*command->details) printf("%s\n", command->details);
    printf("\n");
    cli_print_options(command, stdout);
}

/* The command that the first words spell, and how many words it took. */
static const cli_command *find_command(int argc, char **argv, int *n_words) {
    for (int i = 0; i < N_COMMANDS; i++) {
        const char *name = commands[i].name, *space = strchr(name, ' ');
        size_t n = space ? (size_t)(space - name) : strlen(name);
        if (argc < 1 || strlen(argv[0]) != n || memcmp(argv[0], name, n) != 0) continue;
        *n_words = space ? 2 : 1;
        if (!space || (argc > 1 && strcmp(argv[1], space + 1) == 0)) return &commands[i];
    }
    return NULL;
}

/* "marvis voice" alone, or with a second word that is an option: the words that may follow. */
static bool complain_of_half(const char *word, const char *second) {
    char list[200] = "";
    size_t at = 0, n = strlen(word);
    for (int i = 0; i < N_COMMANDS && at < sizeof list; i++)
        if (strncmp(commands[i].name, word, n) == 0 && commands[i].name[n] == ' ')
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", at ? ", " : "",
                                   commands[i].name + n + 1);
    if (at == 0 || (second && *second != '-')) return false;
    cli_complain("'marvis %.80s' wants one more word: %s; see 'marvis help'", word, list);
    return true;
}

static int unknown_command(int argc, char **argv) {
    const char *word = argv[0], *second = "";
    if (complain_of_half(word, argc > 1 ? argv[1] : NULL)) return CLI_WRONG;
    const cli_command *nearest = NULL;
    int nearest_distance = 3;
    for (int i = 0; i < N_COMMANDS; i++) {
        const char *name = commands[i].name;
        size_t n = strlen(word);
        bool begins = n > 0 && strncmp(word, name, n) == 0;
        int distance = begins ? 1 : cli_word_distance(word, name);
        if (begins && name[n] == ' ' && argc > 1) second = argv[1];
        if (distance < nearest_distance) {
            nearest = &commands[i];
            nearest_distance = distance;
        }
    }
    if (nearest)
        cli_complain("unknown command '%.80s%s%.80s'; did you mean 'marvis %s'?", word,
                     *second ? " " : "", second, nearest->name);
    else
        cli_complain("unknown command '%.80s'; see 'marvis help'", word);
    return CLI_WRONG;
}

static int run_command(const cli_command *command, int argc, char **argv) {
    cli_call call;
    marvis_error err;
    if (cli_parse(&call, command, argc, argv, &err) != MARVIS_OK) return cli_fail(&err, true);
    if (cli_given(&call, CLI_HELP)) {
        print_command_help(command);
        return CLI_DONE;
    }
    return command->run(&call);
}

static int run(int argc, char **argv) {
    const cli_command *command;
    int n_words = 0;
    const char *word = argc > 0 ? argv[0] : "";
    if (argc == 0) {
        cli_complain("no command; see 'marvis help'");
        return CLI_WRONG;
    }
    if (strcmp(word, "--version") == 0) {
        printf("marvis %s\n", marvis_version());
        return CLI_DONE;
    }
    if (asks_for_help(word)) {
        if (argc == 1) {
            print_help();
            return CLI_DONE;
        }
        command = find_command(argc - 1, argv + 1, &n_words);
        if (!command && argc == 2 && print_group_help(argv[1])) return CLI_DONE;
        if (!command) return unknown_command(argc - 1, argv + 1);
        print_command_help(command);
        return CLI_DONE;
    }
    command = find_command(argc, argv, &n_words);
    if (!command && argc == 2 && asks_for_help(argv[1]) && print_group_help(word)) return CLI_DONE;
    if (!command) return unknown_command(argc, argv);
    return run_command(command, argc - n_words, argv + n_words);
}

int main(int argc, char **argv) {
    platform_reserve_std_fds();
    cli_catch_signals();
    return cli_close_stdout(run(argc - 1, argv + 1));
}
