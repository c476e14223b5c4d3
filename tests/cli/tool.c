/* tool.c - what the tests of the program need beside the shell: model folders whose speech is
 * known, tensor files, a look into audio, tensor and JSON files, and a program start with Ctrl-C
 * enabled, or pressed. */
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "automaton.h"
#include "marvis.h"

static int die(const char *what, const char *name) {
    fprintf(stderr, "tool: %s: %s\n", what, name);
    return 1;
}

/* ---- model FOLDER FRAMES: speaks FRAMES frames; 0 = never ends, -1 = repeats one frame,
 * -2 = ends at once ---------------------------------------------------------------------------
 */

enum { CODEBOOKS = 32, CODES = 16, VOCAB = CODES + 3 };

/* The codec of tests/golden/mimi/ratios_moshi.safetensors, whose frames are 1920 samples. */
static const char codec_config[] =
    ",\"codec_config\":{\"codebook_dim\":4,\"codebook_size\":16,\"hidden_size\":8,"
    "\"intermediate_size\":16,\"num_filters\":2,\"num_attention_heads\":1,"
    "\"num_key_value_heads\":1,\"head_dim\":8,\"num_hidden_layers\":1,\"num_quantizers\":32,"
    "\"sampling_rate\":24000,\"sliding_window\":250,\"upsampling_ratios\":[8,6,5,4],"
    "\"vector_quantization_hidden_dimension\":4}}\n";

static int add_codec_config(const char *folder) {
    char path[1200], text[4096];
    FILE *file;
    snprintf(path, sizeof path, "%s/config.json", folder);
    if (!(file = fopen(path, "r"))) return die("cannot open", path);
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    while (n > 0 && text[n - 1] != '}')
        n--;
    if (n == 0) return die("no object", path);
    if (!(file = fopen(path, "w"))) return die("cannot write", path);
    fwrite(text, 1, n - 1, file);
    fputs(codec_config, file);
    return fclose(file) == 0 ? 0 : die("cannot write", path);
}

static int make_model(const char *folder, int n_frames) {
    automaton a = {.n_codebooks = CODEBOOKS,
                   .audio_vocab = VOCAB,
                   .text_vocab = 258,
                   .max_positions = 2048,
                   .first = n_frames != -2,
                   .second_best = -1};
    if (n_frames >= CODES) return die("too many frames", folder);
    for (int k = 0; k < VOCAB; k++) {
        if (n_frames > 0)
            a.next[k] = k < n_frames ? k + 1 : 0;
        else
            a.next[k] = n_frames == 0 ? k % (CODES - 1) + 1 : 1;
        for (int i = 0; i < CODEBOOKS - 1; i++)
            a.below[i][k] = k % CODES;
    }
    automaton_write(&a, folder);
    return add_codec_config(folder);
}

/* ---- tensors FILE NAME:TYPE:ROWSxCOLUMNS:VALUE... ----------------------------------------------
 */

enum { MAX_TENSORS = 8 };

static size_t type_size(const char *type) {
    if (strcmp(type, "U8") == 0) return 1;
    return strcmp(type, "I64") == 0 ? 8 : 4;
}

static void fill(unsigned char *data, size_t n, size_t n_columns, size_t size, long value,
                 long step) {
    for (size_t i = 0; i < n; i++)
        for (size_t b = 0; b < size; b++)
            data[i * size + b] = (unsigned char)((value + step * (long)(i % n_columns)) >> (8 * b));
}

static int make_tensors(const char *path, int n, char **specs) {
    static char names[MAX_TENSORS][32], types[MAX_TENSORS][8];
    const char *name_list[MAX_TENSORS] = {0};
    marvis_tensor_view views[MAX_TENSORS] = {{0}};
    marvis_error err;
    for (int i = 0; i < n && i < MAX_TENSORS; i++) {
        char dims[64];
        long value, step = 0;
        marvis_tensor_view *v = &views[i];
        size_t n_values = 1;
        if (sscanf(specs[i], "%31[^:]:%7[^:]:%63[^:]:%ld+%ld", names[i], types[i], dims, &value,
                   &step) < 4)
            return die("bad tensor", specs[i]);
        for (char *d = strtok(dims, "x"); d; d = strtok(NULL, "x"))
            n_values *= (size_t)(v->shape[v->n_dims++] = atol(d));
        v->type = types[i];
        name_list[i] = names[i];
        v->len_bytes = n_values * type_size(types[i]);
        unsigned char *data = calloc(v->len_bytes + 1, 1);
        if (!data) return die("out of memory", path);
        fill(data, n_values, (size_t)v->shape[v->n_dims - 1], type_size(types[i]), value, step);
        v->data = data;
    }
    if (marvis_tensors_write(path, (size_t)n, name_list, views, &err) != MARVIS_OK)
        return die("cannot write", err.message);
    for (int i = 0; i < n; i++)
        free((void *)(uintptr_t)views[i].data);
    return 0;
}

/* ---- decoder-only IN OUT: a codec without its encoder ------------------------------------------
 */

enum { MAX_CODEC_TENSORS = 512 };

static json_t *read_header(const char *path) {
    unsigned char length[8];
    json_t *root = NULL;
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    if (fread(length, 1, 8, file) == 8) {
        size_t n = (size_t)length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16;
        char *text = malloc(n + 1);
        if (text && fread(text, 1, n, file) == n) root = json_loadb(text, n, 0, NULL);
        free(text);
    }
    fclose(file);
    return root;
}

static int make_decoder_only(const char *from, const char *to) {
    static const char *names[MAX_CODEC_TENSORS];
    static marvis_tensor_view views[MAX_CODEC_TENSORS];
    json_t *header = read_header(from), *value;
    marvis_tensors *tensors;
    marvis_error err;
    const char *name;
    size_t n = 0;
    if (!header || marvis_tensors_open(from, &tensors, &err) != MARVIS_OK)
        return die("cannot read", from);
    json_object_foreach(header, name, value) {
        if (strncmp(name, "encoder", 7) == 0 || strncmp(name, "downsample", 10) == 0 ||
            strstr(name, "input_proj") || name[0] == '_' || n == MAX_CODEC_TENSORS)
            continue;
        if (marvis_tensors_find(tensors, name, &views[n], &err) != MARVIS_OK)
            return die("cannot find", err.message);
        names[n++] = name;
    }
    if (marvis_tensors_write(to, n, names, views, &err) != MARVIS_OK)
        return die("cannot write", err.message);
    marvis_tensors_close(&tensors);
    json_decref(header);
    return 0;
}

/* ---- looks into files --------------------------------------------------------------------------
 */

/* Prints "TYPE AxBxC". */
static int print_shape(const char *path, const char *name) {
    marvis_tensors *tensors;
    marvis_tensor_view view;
    marvis_error err;
    if (marvis_tensors_open(path, &tensors, &err) != MARVIS_OK)
        return die("cannot open", err.message);
    if (marvis_tensors_find(tensors, name, &view, &err) != MARVIS_OK) {
        marvis_tensors_close(&tensors);
        return die("cannot find", err.message);
    }
    printf("%s ", view.type);
    for (int i = 0; i < view.n_dims; i++)
        printf("%s%lld", i ? "x" : "", (long long)view.shape[i]);
    printf("\n");
    marvis_tensors_close(&tensors);
    return 0;
}

/* Prints "FORMAT RATE CHANNELS FRAMES". */
static int print_audio(const char *path) {
    SF_INFO info = {0};
    SNDFILE *file = sf_open(path, SFM_READ, &info);
    const char *format = "other";
    if (!file) return die(path, sf_strerror(NULL));
    switch (info.format & SF_FORMAT_TYPEMASK) {
    case SF_FORMAT_WAV: format = "wav"; break;
    case SF_FORMAT_FLAC: format = "flac"; break;
    case SF_FORMAT_OGG: format = "ogg"; break;
    case SF_FORMAT_MPEG: format = "mp3"; break;
    default: break;
    }
    printf("%s %d %d %lld\n", format, info.samplerate, info.channels, (long long)info.frames);
    sf_close(file);
    return 0;
}

/* Writes the samples of an audio file as bare 16-bit numbers. */
static int print_samples(const char *path) {
    SF_INFO info = {0};
    SNDFILE *file = sf_open(path, SFM_READ, &info);
    short block[1024];
    sf_count_t n;
    if (!file) return die(path, sf_strerror(NULL));
    while ((n = sf_read_short(file, block, 1024)) > 0)
        fwrite(block, sizeof *block, (size_t)n, stdout);
    sf_close(file);
    return 0;
}

/* Prints the value at a path such as "settings.depth.top_k", or "0.name" of a list, of a JSON file.
 */
static int print_json(const char *path, char *keys) {
    json_t *root = json_load_file(path, JSON_ALLOW_NUL, NULL), *at = root;
    if (!root) return die("not JSON", path);
    for (char *key = strtok(keys, "."); key; key = strtok(NULL, "."))
        at = json_is_array(at) ? json_array_get(at, (size_t)atoi(key)) : json_object_get(at, key);
    if (!at) return die("no such value", path);
    if (json_is_string(at))
        printf("%s\n", json_string_value(at));
    else
        json_dumpf(at, stdout, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6)), printf("\n");
    json_decref(root);
    return 0;
}

/* Shells start background jobs with Ctrl-C ignored. */
static int run_interruptible(char **argv) {
    signal(SIGINT, SIG_DFL);
    execvp(argv[0], argv);
    return die("cannot run", argv[0]);
}

/* With Ctrl-C already pressed but held back: it arrives where the program lets signals in again. */
static int run_interrupted(char **argv) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    signal(SIGINT, SIG_DFL);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGINT);
    execvp(argv[0], argv);
    return die("cannot run", argv[0]);
}

/* ---- lock FILE: until standard input ends; says so when it has it -------------------------------
 */

static int hold_lock(const char *path) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char byte;
    int fd = open(path, O_RDWR);
    if (fd < 0 || fcntl(fd, F_SETLK, &lock) != 0) return die("cannot lock", path);
    puts("ready");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    return close(fd);
}

/* ---- full PIPE: waits until nothing more can be written to it ----------------------------------
 */

static int wait_until_full(const char *path) {
    const struct timespec a_while = {.tv_nsec = 1000000};
    struct pollfd out = {.fd = open(path, O_RDWR | O_NONBLOCK), .events = POLLOUT};
    if (out.fd < 0) return die("cannot open", path);
    for (int i = 0; i < 60000; i++) {
        if (poll(&out, 1, 0) == 0) return close(out.fd);
        nanosleep(&a_while, NULL);
    }
    return die("is never full", path);
}

/* ---- nonblocking COMMAND...: with standard input and output that never hold it up --------------
 */

static int run_nonblocking(char **argv) {
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK);
    execvp(argv[0], argv);
    return die("cannot run", argv[0]);
}

int main(int argc, char **argv) {
    const char *mode = argc > 2 ? argv[1] : "";
    if (strcmp(mode, "model") == 0 && argc == 4) return make_model(argv[2], atoi(argv[3]));
    if (strcmp(mode, "tensors") == 0) return make_tensors(argv[2], argc - 3, argv + 3);
    if (strcmp(mode, "decoder-only") == 0 && argc == 4) return make_decoder_only(argv[2], argv[3]);
    if (strcmp(mode, "shape") == 0 && argc == 4) return print_shape(argv[2], argv[3]);
    if (strcmp(mode, "audio") == 0) return print_audio(argv[2]);
    if (strcmp(mode, "samples") == 0) return print_samples(argv[2]);
    if (strcmp(mode, "json") == 0 && argc == 4) return print_json(argv[2], argv[3]);
    if (strcmp(mode, "interruptible") == 0) return run_interruptible(argv + 2);
    if (strcmp(mode, "lock") == 0) return hold_lock(argv[2]);
    if (strcmp(mode, "full") == 0) return wait_until_full(argv[2]);
    if (strcmp(mode, "nonblocking") == 0) return run_nonblocking(argv + 2);
    if (strcmp(mode, "interrupted") == 0) return run_interrupted(argv + 2);
    fprintf(stderr, "usage: tool model|tensors|decoder-only|shape|audio|samples|json|interruptible|"
                    "interrupted|lock|full|nonblocking ...\n");
    return 2;
}
