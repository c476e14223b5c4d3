/* options.c - the option table, its parser and its help. To add an option: a name in cli_option_id,
 * a row here, a paragraph in docs/marvis.1 (a test compares the two). */
#include "cli/options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "common/error.h"

/* A NAME is a whole number, or a word that is looked up later: then its integer is -1. So is that
 * of an AUTO, a whole number or the word auto. */
typedef enum option_kind { FLAG, TEXT, INTEGER, NUMBER, CHOICE, NAME, AUTO } option_kind;

typedef struct option_row {
    const char *name;
    char letter; /* of the short form, or 0 */
    option_kind kind;
    const char *argument; /* its name in the help; of a CHOICE, the words with | between them */
    double low, high;     /* legal range of an INTEGER, NUMBER, NAME or AUTO */
    unsigned commands;
    const char *help;
} option_row;

enum {
    CODEC = CMD_CODEC_DECODE | CMD_CODEC_ENCODE,
    VOICE = CMD_VOICE_CREATE | CMD_VOICE_SHOW,
    LOADS = CMD_SAY | CMD_DIALOGUE | CMD_INFO | CMD_TOKENIZE | CMD_TRACE | CMD_QUANTIZE | VOICE,
    RUNS = LOADS | CODEC,
    ANY = RUNS | CMD_BENCH | CMD_NORMALIZE | CMD_VOICE_LIST | CMD_VOICE_REMOVE,
    SPOKEN = CMD_SAY | CMD_DIALOGUE,
    SPEAKS = SPOKEN | CMD_CODEC_DECODE
};

/* Seeds are numbers in the JSON statistics, which many readers take as doubles: up to 2^53. */
#define SEED_MAX 9007199254740992.0

static const option_row options[CLI_N_OPTIONS] = {
    [CLI_MODEL] =
        {"--model", 0, TEXT, "MODEL", 0, 0, SPOKEN | CMD_BENCH | CMD_TRACE | CODEC | VOICE,
         "folder, .safetensors or .gguf file, or OWNER/NAME in the Hugging Face cache; without it "
         "the built-in voice speaks"},
    [CLI_CODEC] = {"--codec", 0, TEXT, "FILE", 0, 0,
                   SPOKEN | CMD_BENCH | CMD_INFO | CMD_QUANTIZE | CODEC | VOICE,
                   "weights of the Mimi codec, where the model's folder has none"},
    [CLI_TOKENIZER] = {"--tokenizer", 0, TEXT, "FILE", 0, 0,
                       SPOKEN | CMD_BENCH | CMD_INFO | CMD_TOKENIZE | CMD_QUANTIZE |
                           CMD_VOICE_CREATE,
                       "tokenizer.json, where the model's folder has none"},
    [CLI_CONFIG] = {"--config", 0, TEXT, "FILE", 0, 0, LOADS | CMD_BENCH,
                    "config.json, or marvis-250m, marvis-100m or csm-1b, where the model's folder "
                    "has none"},
    [CLI_STRICT] = {"--strict", 0, FLAG, NULL, 0, 0, RUNS,
                    "refuse a model that holds tensors nobody knows"},
    [CLI_WEIGHTS] = {"--weights", 0, CHOICE, "auto|f32|bf16|int8|q8|q4|mix", 0, 0,
                     RUNS & ~(unsigned)CMD_QUANTIZE,
                     "weights in memory: as in the file, exact in twice the memory, rounded, or "
                     "quantised to 8 or 4 bits (default auto)"},
    [CLI_SPEAKER] =
        {"--speaker", 0, NAME, "N", 0, 999999, CMD_SAY | CMD_TOKENIZE | CMD_VOICE_CREATE,
         "number of the speaker, or a name that the model's own files have (default 0, or "
         "the saved voice's)"},
    [CLI_VOICE] = {"--voice", 0, TEXT, "NAME", 0, 0, CMD_SAY,
                   "speak in a voice of 'marvis voice create', or of such a .safetensors file"},
    [CLI_VOICE_LAYOUT] =
        {"--voice-layout", 0, CHOICE, "match|context", 0, 0, SPOKEN,
         "where the voice stands in the prompt (default: as the model was trained, "
         "context for CSM, else match)"},
    [CLI_SPEAKERS] = {"--speakers", 0, TEXT, "LIST", 0, 0, CMD_DIALOGUE,
                      "numbers of the speakers, NAME=N,... (default: 0, 1, ... as they appear)"},
    [CLI_VOICES] = {"--voices", 0, TEXT, "LIST", 0, 0, CMD_DIALOGUE,
                    "their voices, NAME=VOICE,..., of 'marvis voice create' or .safetensors files"},
    [CLI_TURN_PAUSE] = {"--turn-pause", 0, NUMBER, "S", 0, 60, CMD_DIALOGUE,
                        "seconds between turns (default: the script's, else 0.25)"},
    [CLI_VOICE_AUDIO] = {"--voice-audio", 0, TEXT, "FILE", 0, 0, CMD_SAY,
                         "speak in the voice of this recording, 5 to 15 s of speech; needs "
                         "--voice-text"},
    [CLI_VOICE_TEXT] = {"--voice-text", 0, TEXT, "TEXT", 0, 0, CMD_SAY,
                        "the words that are said in the recording, all of them and no other"},
    [CLI_VOICE_CODES] = {"--voice-codes", 0, TEXT, "FILE", 0, 0, CMD_SAY,
                         "the recording as 'marvis codec encode' wrote it, instead of "
                         "--voice-audio"},
    [CLI_AUDIO] = {"--audio", 0, TEXT, "FILE", 0, 0, CMD_VOICE_CREATE,
                   "recording of the voice, 5 to 15 s of speech"},
    [CLI_CODES] = {"--codes", 0, TEXT, "FILE", 0, 0, CMD_VOICE_CREATE,
                   "the recording as 'marvis codec encode' wrote it, instead of --audio"},
    [CLI_TEXT] = {"--text", 0, TEXT, "TEXT", 0, 0, CMD_VOICE_CREATE,
                  "the words that are said in the recording, all of them and no other"},
    [CLI_FORCE] = {"--force", 0, FLAG, NULL, 0, 0, CMD_VOICE_CREATE,
                   "replace the voice of this name"},
    [CLI_FILE] = {"--file", 'f', TEXT, "FILE", 0, 0, CMD_SAY | CMD_TOKENIZE | CMD_NORMALIZE,
                  "take the text from a file, a book for one"},
    [CLI_INPUT] = {"--input", 0, TEXT, "FILE", 0, 0, CMD_TRACE,
                   "safetensors file with tokens, mask and frames"},
    [CLI_OUTPUT] = {"--output", 'o', TEXT, "FILE", 0, 0, SPOKEN | CMD_TRACE | CMD_QUANTIZE | CODEC,
                    "what to write; of speech, the extension tells the format, and - is standard "
                    "output"},
    [CLI_FORMAT] = {"--format", 0, CHOICE, "wav|flac|opus|ogg|mp3|raw|f32", 0, 0, SPEAKS,
                    "format of the speech whatever the name says; raw is bare 16-bit samples, f32 "
                    "bare floats"},
    [CLI_TYPE] =
        {"--type", 0, TEXT, "TYPES", 0, 0, CMD_QUANTIZE,
         "mix, f32, f16, bf16, q8, q4 or int8, then exceptions as in "
         "q8,depth.ffn=q4 (default mix: 8 bits, 4 in the depth decoder's feed-forward, tables "
         "as they are)"},
    [CLI_CALIBRATE] = {"--calibrate", 0, INTEGER, "N", 0, 1000000, CMD_QUANTIZE,
                       "let the model speak N frames first, and store those columns best that "
                       "carry most; 0: all alike (default 256 where something gets 4 bits)"},
    [CLI_REPORT] = {"--report", 0, FLAG, NULL, 0, 0, CMD_QUANTIZE,
                    "print what fewer bits cost this model: sizes, divergence by codebook, equal "
                    "greedy codes"},
    [CLI_TEMPERATURE] = {"--temperature", 0, NUMBER, "T", 0, 100, SPOKEN,
                         "randomness of the sampling, 0 for none (default: the model's, else "
                         "0.9)"},
    [CLI_TOP_K] = {"--top-k", 0, INTEGER, "K", 0, 1000000, SPOKEN,
                   "sample among the K best codes, 0 for all (default: the model's, else 50)"},
    [CLI_TOP_P] = {"--top-p", 0, NUMBER, "P", 0.000001, 1, SPOKEN,
                   "sample among the best codes that have probability P together (default 1)"},
    [CLI_DEPTH_TEMPERATURE] = {"--depth-temperature", 0, NUMBER, "T", 0, 100, SPOKEN,
                               "temperature of the depth decoder (default: --temperature where "
                               "given, else the model's)"},
    [CLI_DEPTH_TOP_K] = {"--depth-top-k", 0, INTEGER, "K", 0, 1000000, SPOKEN,
                         "top-k of the depth decoder (default: --top-k where given, else the "
                         "model's)"},
    [CLI_DEPTH_TOP_P] = {"--depth-top-p", 0, NUMBER, "P", 0.000001, 1, SPOKEN,
                         "top-p of the depth decoder (default: --top-p where given, else the "
                         "model's)"},
    [CLI_GREEDY] = {"--greedy", 0, FLAG, NULL, 0, 0, SPOKEN,
                    "always the most probable code, as --temperature 0"},
    [CLI_SEED] = {"--seed", 0, INTEGER, "N", 0, SEED_MAX, SPOKEN,
                  "seed of the random numbers: the same gives the same speech (default: a new one "
                  "each time, reported)"},
    [CLI_CODEBOOKS] =
        {"--codebooks", 0, INTEGER, "N", 1, 1024, CMD_BENCH | CMD_CODEC_ENCODE,
         "codebooks to use: fewer cost less and are less clear; with a few words are lost (default "
         "all)"},
    /* the same name as that of the other commands */
    [CLI_CODEBOOKS_SPOKEN] =
        {"--codebooks", 0, AUTO, "N|auto", 1, 1024, SPOKEN,
         "codebooks to use: fewer cost less and are less clear, and with less than 8 words are "
         "lost; auto: the most that keep real time here, measured first (default all)"},
    [CLI_MAX_SECONDS] = {"--max-seconds", 0, NUMBER, "S", 0.001, 86400, SPOKEN,
                         "longest speech (default 90 for each piece of the text)"},
    [CLI_CHUNK_FRAMES] = {"--chunk-frames", 0, INTEGER, "N", 1, 1024, SPEAKS,
                          "write up to N frames of 80 ms at a time; speech begins with one "
                          "(default 8)"},
    [CLI_RETRIES] = {"--retries", 0, INTEGER, "N", 0, 100, SPOKEN,
                     "times that a piece of the text that went wrong is spoken again (default 1)"},
    [CLI_TAIL_SECONDS] = {"--tail-seconds", 0, NUMBER, "S", 0, 60, CMD_SAY,
                          "each piece of a long text goes on from the one before, if that has up "
                          "to S seconds (default 16)"},
    [CLI_SENTENCE_PAUSE] = {"--sentence-pause", 0, INTEGER, "MS", 0, 60000, SPOKEN,
                            "milliseconds of silence added between pieces that end with a sentence "
                            "(default 0)"},
    [CLI_PARAGRAPH_PAUSE] = {"--paragraph-pause", 0, INTEGER, "MS", 0, 60000, SPOKEN,
                             "milliseconds of silence added between paragraphs (default 400)"},
    [CLI_NO_GUARD] = {"--no-guard", 0, FLAG, NULL, 0, 0, SPOKEN,
                      "do not stop speech that repeats itself, falls silent for long or is far "
                      "too long for its text"},
    [CLI_EOS_BIAS] = {"--eos-bias", 0, NUMBER, "B", 0, 1000, SPOKEN,
                      "push speech that is longer than usual for its text to its end: added to a "
                      "logit, for each second beyond (default 0: off)"},
    [CLI_NO_NORMALIZE] = {"--no-normalize", 0, FLAG, NULL, 0, 0, SPOKEN | CMD_VOICE_CREATE,
                          "give the model the text as it is: digits, signs, markup and all"},
    [CLI_DRY_RUN] = {"--dry-run", 0, FLAG, NULL, 0, 0, SPOKEN,
                     "print what would be spoken, and speak nothing"},
    [CLI_PLAY] =
        {"--play", 0, FLAG, NULL, 0, 0, SPOKEN,
         "play the speech on the sound card, while it is made; with -o it is written, too"},
    [CLI_DEVICE] = {"--device", 0, TEXT, "NAME", 0, 0, SPOKEN,
                    "sound card to play on: its number or a part of its name (default: the "
                    "system's)"},
    [CLI_RESUME] = {"--resume", 0, FLAG, NULL, 0, 0, CMD_SAY,
                    "keep what is spoken when the work is interrupted, and go on from it: give it "
                    "from the first call on"},
    [CLI_JOBS] = {"--jobs", 0, INTEGER, "N", 1, 64, CMD_SAY,
                  "speak up to N paragraphs at once, each for itself (default 1: one after the "
                  "other, each going on from the one before)"},
    [CLI_THREADS] = {"--threads", 0, INTEGER, "N", 0, 256, RUNS | CMD_BENCH,
                     "threads, 0 for one per core (default 0)"},
    [CLI_CPU] =
        {"--cpu", 0, TEXT, "TIER", 0, 0, RUNS | CMD_BENCH,
         "kernels: auto, scalar, avx2, avx512, amx or neon (default auto, which never takes "
         "amx: no hardware has run it so far)"},
    [CLI_STATS] = {"--stats", 0, TEXT, "FILE", 0, 0, SPOKEN,
                   "write what was done and how long it took as JSON; - is standard output"},
    [CLI_JSON] = {"--json", 0, FLAG, NULL, 0, 0, CMD_INFO | CMD_VOICE_LIST | CMD_VOICE_SHOW,
                  "print JSON instead of a table"},
    [CLI_SHAPE] = {"--shape", 0, TEXT, "SHAPE", 0, 0, CMD_BENCH,
                   "random weights of marvis-250m, marvis-100m, csm-1b or tiny, or the built-in "
                   "voice: builtin (default marvis-250m)"},
    [CLI_TYPES] = {"--types", 0, TEXT, "LIST", 0, 0, CMD_BENCH,
                   "types of weights, of those that --weights takes, with commas (default: all "
                   "but auto and f32)"},
    [CLI_RUNS] = {"--runs", 0, INTEGER, "N", 1, 100, CMD_BENCH,
                  "measurements of each figure (default 3)"},
    [CLI_BATCH] = {"--batch", 0, TEXT, "LIST", 0, 0, CMD_BENCH,
                   "also so many sessions together, 1,2,4,8 for one"},
    /* the same name as the flag of the other commands */
    [CLI_JSON_FILE] = {"--json", 0, TEXT, "FILE", 0, 0, CMD_BENCH,
                       "write the figures as JSON, too"},
    [CLI_SVG] = {"--svg", 0, TEXT, "FILE", 0, 0, CMD_BENCH, "draw them"},
    [CLI_QUIET] = {"--quiet", 'q', FLAG, NULL, 0, 0, RUNS | CMD_BENCH,
                   "nothing on standard error but errors"},
    [CLI_HELP] = {"--help", 'h', FLAG, NULL, 0, 0, ANY, "this help"},
};

/* ---- access --------------------------------------------------------------------------------- */

bool cli_given(const cli_call *call, cli_option_id id) { return call->values[id].given; }

const char *cli_text(const cli_call *call, cli_option_id id) { return call->values[id].text; }

int cli_integer(const cli_call *call, cli_option_id id, int otherwise) {
    return call->values[id].given ? (int)call->values[id].integer : otherwise;
}

double cli_number(const cli_call *call, cli_option_id id, double otherwise) {
    return call->values[id].given ? call->values[id].number : otherwise;
}

const char *cli_choices(cli_option_id id) { return options[id].argument; }

/* ---- help ----------------------------------------------------------------------------------- */

enum { HELP_INDENT = 30, HELP_WIDTH = 79 };

/* Prints words, broken before HELP_WIDTH, from column HELP_INDENT on. */
static void print_wrapped(const char *text, FILE *to) {
    int column = HELP_INDENT;
    for (bool first = true; *text; first = false) {
        int n = (int)strcspn(text, " ");
        if (!first && column + 1 + n > HELP_WIDTH) {
            fprintf(to, "\n%*s", HELP_INDENT, "");
            column = HELP_INDENT;
        } else if (!first) {
            column += fprintf(to, " ");
        }
        column += fprintf(to, "%.*s", n, text);
        text += n;
        text += strspn(text, " ");
    }
    fputc('\n', to);
}

void cli_print_options(const cli_command *command, FILE *to) {
    for (int id = 0; id < CLI_N_OPTIONS; id++) {
        const option_row *row = &options[id];
        int column = 0;
        if (!(row->commands & command->bit)) continue;
        if (row->letter)
            column += fprintf(to, "  -%c, ", row->letter);
        else
            column += fprintf(to, "      ");
        column += fprintf(to, "%s%s%s", row->name, row->argument ? " " : "",
                          row->argument ? row->argument : "");
        if (column >= HELP_INDENT - 1) {
            fputc('\n', to);
            column = 0;
        }
        fprintf(to, "%*s", HELP_INDENT - column, "");
        print_wrapped(row->help, to);
    }
}

/* ---- suggestions ---------------------------------------------------------------------------- */

static int least(int a, int b, int c) {
    int m = a < b ? a : b;
    return m < c ? m : c;
}

int cli_word_distance(const char *a, const char *b) {
    enum { MAX = 40 };
    size_t n_a = strlen(a), n_b = strlen(b);
    int row[MAX + 1];
    if (n_a > MAX || n_b > MAX) return MAX;
    for (size_t j = 0; j <= n_b; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= n_a; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= n_b; j++) {
            int above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[n_b];
}

static marvis_status unknown_option(const cli_command *command, const char *argument,
                                    marvis_error *err) {
    const char *nearest = NULL, *hint = "";
    int n = (int)strcspn(argument, "="), nearest_distance = 4;
    char name[64];
    snprintf(name, sizeof name, "%.*s", n, argument);
    for (int id = 0; id < CLI_N_OPTIONS; id++) {
        int distance = cli_word_distance(name, options[id].name);
        if (distance == 0)
            return app_fail(err, MARVIS_ERR_CALL, "%s is not an option of 'marvis %s'", name,
                            command->name);
        if (strlen(name) > 3 && strncmp(name, options[id].name, strlen(name)) == 0) distance = 1;
        if ((options[id].commands & command->bit) && distance < nearest_distance) {
            nearest = options[id].name;
            nearest_distance = distance;
        }
    }
    if (nearest)
        return app_fail(err, MARVIS_ERR_CALL, "unknown option %s; did you mean %s?", name, nearest);
    if (command->positionals[0]) hint = ", or put -- before a text that begins with a dash";
    return app_fail(err, MARVIS_ERR_CALL, "unknown option %s; see 'marvis %s --help'%s", name,
                    command->name, hint);
}

/* ---- parsing -------------------------------------------------------------------------------- */

/* The option that an argument spells, or CLI_N_OPTIONS; *value is what is glued to it, or NULL. */
static int option_find(unsigned commands, const char *argument, const char **value) {
    *value = NULL;
    for (int id = 0; id < CLI_N_OPTIONS; id++) {
        size_t n = strlen(options[id].name);
        if (!(options[id].commands & commands)) continue;
        if (strncmp(argument, options[id].name, n) == 0 &&
            (argument[n] == '\0' || argument[n] == '=')) {
            *value = argument[n] ? argument + n + 1 : NULL;
            return id;
        }
        if (options[id].letter && argument[0] == '-' && argument[1] == options[id].letter) {
            *value = argument[2] ? argument + 2 : NULL;
            return id;
        }
    }
    return CLI_N_OPTIONS;
}

static bool choice_has(const char *choices, const char *word) {
    size_t n = strlen(word);
    while (*choices) {
        size_t n_choice = strcspn(choices, "|");
        if (n == n_choice && memcmp(choices, word, n) == 0) return true;
        choices += n_choice + (choices[n_choice] == '|');
    }
    return false;
}

static marvis_status parse_number(const option_row *row, const char *text, cli_value *value,
                                  marvis_error *err) {
    /* strtod would also take hexadecimal, "nan" and "inf". */
    size_t n_plain = strspn(text, row->kind == NUMBER ? "0123456789+-.eE" : "0123456789+-");
    char *end;
    errno = 0;
    if (row->kind == NUMBER) {
        value->number = strtod(text, &end);
    } else {
        value->integer = strtoll(text, &end, 10);
        value->number = (double)value->integer;
    }
    if (end == text || *end || text[n_plain])
        return app_fail(err, MARVIS_ERR_CALL, "%s %s: not %s number%s", row->name, text,
                        row->kind == NUMBER ? "a" : "a whole",
                        row->kind == AUTO ? ", nor auto" : "");
    if (errno == ERANGE || value->number < row->low || value->number > row->high)
        return app_fail(err, MARVIS_ERR_CALL, "%s %s: must be %.16g to %.16g", row->name, text,
                        row->low, row->high);
    return MARVIS_OK;
}

static marvis_status parse_value(const option_row *row, const char *text, cli_value *value,
                                 marvis_error *err) {
    value->given = true;
    value->text = text;
    if (row->kind == FLAG && text)
        return app_fail(err, MARVIS_ERR_CALL, "%s takes no value", row->name);
    if (row->kind == FLAG) return MARVIS_OK;
    if (!text || !*text)
        return app_fail(err, MARVIS_ERR_CALL, "%s needs a value (%s)", row->name, row->argument);
    if ((row->kind == NAME && !strchr("0123456789+-", text[0])) ||
        (row->kind == AUTO && strcmp(text, "auto") == 0)) {
        value->integer = -1;
        return MARVIS_OK;
    }
    if (row->kind == INTEGER || row->kind == NUMBER || row->kind == NAME || row->kind == AUTO)
        return parse_number(row, text, value, err);
    if (row->kind == CHOICE && !choice_has(row->argument, text))
        return app_fail(err, MARVIS_ERR_CALL, "%s %s: must be one of %s", row->name, text,
                        row->argument);
    return MARVIS_OK;
}

/* Reads the option at argv[*i] and its value, and moves *i to the last argument used. */
static marvis_status parse_option(cli_call *call, int argc, char **argv, int *i,
                                  marvis_error *err) {
    const char *value, *ignored;
    int id = option_find(call->command->bit, argv[*i], &value);
    if (id == CLI_N_OPTIONS) return unknown_option(call->command, argv[*i], err);
    /* "--model --seed 1": the name of an option is not meant as the value of another. */
    if (options[id].kind != FLAG && !value && *i + 1 < argc && strcmp(argv[*i + 1], "--") != 0 &&
        option_find(~0u, argv[*i + 1], &ignored) == CLI_N_OPTIONS)
        value = argv[++*i];
    return parse_value(&options[id], value, &call->values[id], err);
}

static marvis_status take_positional(cli_call *call, int *n, const char *text, marvis_error *err) {
    const cli_command *command = call->command;
    if (*n < CLI_MAX_POSITIONALS && command->positionals[*n]) {
        call->positionals[(*n)++] = text;
        return MARVIS_OK;
    }
    if (*n == 0)
        return app_fail(err, MARVIS_ERR_CALL,
                        "'%.80s' is superfluous: 'marvis %s' takes options only", text,
                        command->name);
    return app_fail(err, MARVIS_ERR_CALL,
                    "'%.80s' is superfluous after %s '%.80s'; put quotes around words that belong "
                    "together",
                    text, command->positionals[*n - 1], call->positionals[*n - 1]);
}

marvis_status cli_parse(cli_call *call, const cli_command *command, int argc, char **argv,
                        marvis_error *err) {
    int n_positionals = 0;
    bool only_positionals = false;
    *call = (cli_call){.command = command};
    for (int i = 0; i < argc; i++) {
        marvis_status status = MARVIS_OK;
        if (!only_positionals && strcmp(argv[i], "--") == 0)
            only_positionals = true;
        else if (!only_positionals && argv[i][0] == '-' && argv[i][1])
            status = parse_option(call, argc, argv, &i, err);
        else
            status = take_positional(call, &n_positionals, argv[i], err);
        if (status != MARVIS_OK || call->values[CLI_HELP].given) return status;
    }
    if (n_positionals < command->n_required)
        return app_fail(err, MARVIS_ERR_CALL, "%s is missing; usage: marvis %s %s",
                        command->positionals[n_positionals], command->name, command->usage);
    return MARVIS_OK;
}
