/* speech_fixture.h - what speech is tested with: a checkpoint (automaton.h) that speaks frames at
 * random, some twenty for each piece, 80 ms each, with a codec; a text of three paragraphs; and all
 * that was heard of a speech, as it came. */
#ifndef MV_TESTS_SPEECH_FIXTURE_H
#define MV_TESTS_SPEECH_FIXTURE_H

#include "support.h"

#include "automaton.h"

#include <sys/stat.h>

enum { CODEBOOKS = 32, CODES = 16, VOCAB = CODES + 3, FRAME = 1920, SPOKEN = 1 };

typedef struct fixture {
    marvis_engine *engine;
    marvis_model *model;
    marvis_session_settings settings;
    marvis_session *session;
} fixture;

static inline size_t read_file(const char *path, char *bytes, size_t size) {
    FILE *from = fopen(path, "rb");
    assert_non_null(from);
    size_t n = fread(bytes, 1, size, from);
    assert_true(n > 0 && n < size);
    fclose(from);
    return n;
}

static inline void write_file(const char *path, const char *bytes, size_t n) {
    FILE *to = fopen(path, "wb");
    assert_non_null(to);
    assert_int_equal(fwrite(bytes, 1, n, to), n);
    assert_int_equal(fclose(to), 0);
}

/* The codec beside the checkpoint, and its sizes in the checkpoint's config. */
static inline void add_codec(const char *folder) {
    static char bytes[1 << 20];
    static const char config[] =
        ",\"codec_config\":{\"codebook_dim\":4,\"codebook_size\":16,\"hidden_size\":8,"
        "\"intermediate_size\":16,\"num_filters\":2,\"num_attention_heads\":1,"
        "\"num_key_value_heads\":1,\"head_dim\":8,\"num_hidden_layers\":1,\"num_quantizers\":32,"
        "\"sampling_rate\":24000,\"sliding_window\":250,\"upsampling_ratios\":[8,6,5,4],"
        "\"vector_quantization_hidden_dimension\":4}}\n";
    char path[600];
    size_t n = read_file(test_path("golden/mimi/ratios_moshi.safetensors"), bytes, sizeof bytes);
    snprintf(path, sizeof path, "%s/mimi.safetensors", folder);
    write_file(path, bytes, n);
    snprintf(path, sizeof path, "%s/config.json", folder);
    n = read_file(path, bytes, sizeof bytes);
    while (bytes[n - 1] != '}')
        n--;
    memcpy(bytes + n - 1, config, sizeof config);
    write_file(path, bytes, n - 1 + strlen(config));
}

/* first: the code that a speech begins with; with 0 it ends at once, whatever the seed, unless the
 * temperature is high. */
static inline fixture open_fixture_of(int max_positions, int first) {
    static int n_made;
    char folder[512];
    fixture f = {0};
    marvis_error err;
    automaton a = {.n_codebooks = CODEBOOKS,
                   .audio_vocab = VOCAB,
                   .text_vocab = 258,
                   .max_positions = max_positions,
                   .first = first,
                   .second_best = -1};
    for (int k = 0; k < VOCAB; k++)
        a.next[k] = (k + 5) % CODES;
    snprintf(folder, sizeof folder, "%s/automaton%d", test_temp_dir(), n_made++);
    assert_int_equal(mkdir(folder, 0700), 0);
    automaton_write(&a, folder);
    marvis_engine_settings engine_settings;
    marvis_engine_settings_init(&engine_settings);
    engine_settings.n_threads = 1;
    assert_ok(marvis_engine_create(&engine_settings, &f.engine, &err), err);
    marvis_model_settings settings;
    marvis_model_settings_init(&settings);
    add_codec(folder);
    assert_ok(marvis_model_open(f.engine, folder, &settings, &f.model, &err), err);
    marvis_session_settings_init(&f.settings, f.model);
    f.settings.codebook0 = (marvis_sampling){.temperature = 1000, .top_p = 1};
    f.settings.n_codebooks = SPOKEN;
    f.settings.max_frames = 200;
    f.settings.seed = 7;
    assert_ok(marvis_session_create(f.model, &f.settings, &f.session, &err), err);
    return f;
}

static inline fixture open_fixture(int max_positions) { return open_fixture_of(max_positions, 3); }

static inline void close_fixture(fixture *f) {
    marvis_session_destroy(&f->session);
    marvis_model_destroy(&f->model);
    marvis_engine_destroy(&f->engine);
}

/* A session of the same model with other chunks. */
static inline void use_chunks(fixture *f, int chunk_frames) {
    marvis_error err;
    marvis_session_destroy(&f->session);
    f->settings.chunk_frames = chunk_frames;
    assert_ok(marvis_session_create(f->model, &f->settings, &f->session, &err), err);
}

enum { MOST_PIECES = 64, MOST_FRAMES = 4000 };

typedef struct heard {
    float pcm[(MOST_FRAMES + 200) * FRAME];
    size_t n_samples;
    int32_t codes[MOST_FRAMES * SPOKEN];
    size_t n_frames;
    size_t ends[MOST_PIECES];   /* frames up to the end of each piece */
    size_t begins[MOST_PIECES]; /* samples before its first frame */
    char texts[MOST_PIECES][600];
    size_t n_pieces;
    marvis_stop stop;
    marvis_speech_info info;
} heard;

static inline void listen(heard *h, const marvis_speech *speech, const marvis_chunk *chunk) {
    h->info.struct_size = sizeof h->info;
    marvis_speech_info_get(speech, &h->info);
    assert_true(h->n_samples + (size_t)chunk->n_samples <= sizeof h->pcm / sizeof *h->pcm);
    if (chunk->n_frames && (size_t)h->info.n_pieces > h->n_pieces) {
        assert_true((size_t)h->info.n_pieces <= MOST_PIECES);
        h->n_pieces = (size_t)h->info.n_pieces;
        h->begins[h->n_pieces - 1] = h->n_samples;
        snprintf(h->texts[h->n_pieces - 1], sizeof h->texts[0], "%.*s", (int)h->info.text_len_bytes,
                 h->info.text);
    }
    if (chunk->n_samples)
        memcpy(h->pcm + h->n_samples, chunk->pcm, (size_t)chunk->n_samples * sizeof *h->pcm);
    if (chunk->n_frames)
        memcpy(h->codes + h->n_frames * SPOKEN, chunk->codes,
               (size_t)chunk->n_frames * SPOKEN * sizeof *h->codes);
    h->n_samples += (size_t)chunk->n_samples;
    h->n_frames += (size_t)chunk->n_frames;
    if (h->n_pieces) h->ends[h->n_pieces - 1] = h->n_frames;
    h->stop = chunk->stop;
}

/* Speaks all of the text, pushed in portions of up to `portion` bytes when it is asked for; 0: at
 * once. */
static inline void speak_on(marvis_speech *speech, const char *text, size_t portion, heard *h) {
    marvis_error err;
    uint64_t random = 5;
    size_t len = strlen(text);
    if (portion == 0) {
        assert_ok(marvis_speech_push_text(speech, text, len, &err), err);
        marvis_speech_end(speech);
    }
    for (;;) {
        marvis_chunk chunk;
        assert_ok(marvis_speech_step(speech, &chunk, &err), err);
        listen(h, speech, &chunk);
        if (chunk.stop == MARVIS_STOP_NONE) continue;
        if (chunk.stop != MARVIS_STOP_TEXT) return;
        size_t n = 1 + (size_t)(test_random(&random) % (portion ? portion : 1));
        if (n > len) n = len;
        if (len == 0) {
            marvis_speech_end(speech);
            continue;
        }
        assert_ok(marvis_speech_push_text(speech, text, n, &err), err);
        text += n, len -= n;
    }
}

static inline marvis_speech_settings defaults(const fixture *f) {
    marvis_speech_settings s;
    marvis_speech_settings_init(&s, f->session);
    return s;
}

static inline heard *speak(fixture *f, const marvis_speech_settings *settings, const char *text,
                           size_t portion) {
    marvis_error err;
    marvis_speech *speech;
    heard *h = calloc(1, sizeof *h);
    assert_non_null(h);
    assert_ok(marvis_speech_create(f->session, settings, &speech, &err), err);
    speak_on(speech, text, portion, h);
    marvis_speech_destroy(&speech);
    return h;
}

static inline uint64_t mixed(uint64_t x) { return test_random(&x); }

/* As docs/LONGTEXT.md has it. */
static inline uint64_t seed_of(uint64_t seed, uint64_t index, uint64_t attempt) {
    if (index == 0 && attempt == 0) return seed;
    return mixed(mixed(seed ^ index * 0x9e3779b97f4a7c15u) ^ attempt * 0xd1b54a32d192ed03u);
}

static const char *const book =
    "It was a bright cold day in April, and the clocks were striking. Nobody heard them at all.\n\n"
    "The hall smelt of 3 things: cabbage, old rag mats, and of somebody who had left. At one end "
    "of it a poster, too large for indoor display, had been tacked to the wall. It showed a face."
    "\n\nInside the flat a voice was reading out a list of figures. The voice came from a plaque, "
    "which formed part of the surface. \"Who is there?\" she asked. Nobody answered her question.";

#endif
