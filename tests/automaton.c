/* automaton.c - see automaton.h. */
#include "automaton.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "marvis.h"

enum { LAYERS = 1, HEADS = 2, KV_HEADS = 1, HEAD_DIM = 8, MLP = 16, MAX_TENSORS = 64 };

typedef struct file {
    char names[MAX_TENSORS][96];
    const char *name_list[MAX_TENSORS];
    marvis_tensor_view views[MAX_TENSORS];
    size_t n;
} file;

static float *add(file *f, const char *name, int n_dims, int64_t d0, int64_t d1, int64_t d2) {
    size_t values = (size_t)d0 * (size_t)(n_dims > 1 ? d1 : 1) * (size_t)(n_dims > 2 ? d2 : 1);
    float *data = calloc(values, sizeof *data);
    if (!data || f->n == MAX_TENSORS) abort();
    snprintf(f->names[f->n], sizeof f->names[0], "%s", name);
    f->name_list[f->n] = f->names[f->n];
    f->views[f->n] = (marvis_tensor_view){.type = "F32",
                                          .n_dims = n_dims,
                                          .shape = {d0, d1, d2},
                                          .data = data,
                                          .len_bytes = values * sizeof *data};
    f->n++;
    return data;
}

static void ones(float *x, int n) {
    for (int i = 0; i < n; i++)
        x[i] = 1;
}

static void add_tower(file *f, const char *tower, int width) {
    char name[96];
    static const struct {
        const char *leaf;
        int rows, cols; /* 0: width */
    } parts[] = {
        {"attn.q_proj.weight", HEADS * HEAD_DIM, 0},
        {"attn.k_proj.weight", KV_HEADS * HEAD_DIM, 0},
        {"attn.v_proj.weight", KV_HEADS * HEAD_DIM, 0},
        {"attn.output_proj.weight", 0, HEADS * HEAD_DIM},
        {"mlp.w1.weight", MLP, 0},
        {"mlp.w3.weight", MLP, 0},
        {"mlp.w2.weight", 0, MLP},
    };
    for (int l = 0; l < LAYERS; l++) {
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
            snprintf(name, sizeof name, "%s.layers.%d.%s", tower, l, parts[i].leaf);
            add(f, name, 2, parts[i].rows ? parts[i].rows : width,
                parts[i].cols ? parts[i].cols : width, 0);
        }
        snprintf(name, sizeof name, "%s.layers.%d.sa_norm.scale", tower, l);
        ones(add(f, name, 1, width, 0, 0), width);
        snprintf(name, sizeof name, "%s.layers.%d.mlp_norm.scale", tower, l);
        ones(add(f, name, 1, width, 0, 0), width);
    }
    snprintf(name, sizeof name, "%s.norm.scale", tower);
    ones(add(f, name, 1, width, 0, 0), width);
}

static void write_config(const automaton *a, int width, const char *folder) {
    char path[1200];
    snprintf(path, sizeof path, "%s/config.json", folder);
    FILE *out = fopen(path, "w");
    if (!out) abort();
    const char *tower = "\"hidden_size\":%d,\"intermediate_size\":%d,\"num_hidden_layers\":%d,"
                        "\"num_attention_heads\":%d,\"num_key_value_heads\":%d,\"head_dim\":%d,"
                        "\"max_position_embeddings\":%d,\"rms_norm_eps\":1e-5,"
                        "\"rope_theta\":500000,\"vocab_size\":%d,\"num_codebooks\":%d";
    fputs("{\"model_type\":\"csm\",", out);
    fprintf(out, "\"text_vocab_size\":%d,\"audio_vocab_size\":%d,\"audio_num_codebooks\":%d,",
            a->text_vocab, a->audio_vocab, a->n_codebooks);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    fprintf(out, tower, width, MLP, LAYERS, HEADS, KV_HEADS, HEAD_DIM, a->max_positions,
            a->audio_vocab, a->n_codebooks);
    fputs(",\"depth_decoder_config\":{", out);
    fprintf(out, tower, width, MLP, LAYERS, HEADS, KV_HEADS, HEAD_DIM, 33, a->audio_vocab,
            a->n_codebooks);
#pragma GCC diagnostic pop
    fprintf(out, ",\"backbone_hidden_size\":%d}}\n", width);
    if (fclose(out) != 0) abort();
}

/* Byte b as the byte-level alphabet spells it, as a JSON string (GPT-2's bytes_to_unicode). */
static void put_byte(FILE *out, int b) {
    int code = b;
    if (b < 33 || (b > 126 && b < 161) || b == 173) {
        code = 256;
        for (int other = 0; other < b; other++)
            code += other < 33 || (other > 126 && other < 161) || other == 173;
    }
    fprintf(out, "\"\\u%04x\"", (unsigned)code);
}

static void write_tokenizer(const char *folder) {
    char path[1200];
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    FILE *out = fopen(path, "w");
    if (!out) abort();
    fputs("{\"added_tokens\":[{\"id\":256,\"content\":\"<s>\",\"special\":true},"
          "{\"id\":257,\"content\":\"</s>\",\"special\":true}],\"normalizer\":null,"
          "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
          "\"use_regex\":true},\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["
          "{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}},"
          "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},"
          "{\"SpecialToken\":{\"id\":\"</s>\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{"
          "\"<s>\":{\"id\":\"<s>\",\"ids\":[256],\"tokens\":[\"<s>\"]},"
          "\"</s>\":{\"id\":\"</s>\",\"ids\":[257],\"tokens\":[\"</s>\"]}}},"
          "\"decoder\":null,\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{",
          out);
    for (int b = 0; b < 256; b++) {
        put_byte(out, b);
        fprintf(out, ":%d%s", b, b < 255 ? "," : "}}}\n");
    }
    if (fclose(out) != 0) abort();
}

void automaton_write(const automaton *a, const char *folder) {
    static file f;
    memset(&f, 0, sizeof f);
    int vocab = a->audio_vocab, n = a->n_codebooks;
    int width = n * vocab + 1; /* a dimension for every code of every codebook, and one for text */
    width += width % 2;
    int text_dim = n * vocab;
    const float strong = 10, weak = 5;
    float *text = add(&f, "text_embeddings.weight", 2, a->text_vocab, width, 0);
    for (int t = 0; t < a->text_vocab; t++)
        text[(size_t)t * (size_t)width + (size_t)text_dim] = a->broken_text ? NAN : 1;
    float *audio = add(&f, "audio_embeddings.weight", 2, (int64_t)n * vocab, width, 0);
    for (int r = 0; r < n * vocab; r++)
        audio[(size_t)r * (size_t)width + (size_t)r] = 1;
    float *projection = add(&f, "projection.weight", 2, width, width, 0);
    for (int r = 0; r < width; r++)
        projection[(size_t)r * (size_t)width + (size_t)r] = 1;
    float *head0 = add(&f, "codebook0_head.weight", 2, vocab, width, 0);
    head0[(size_t)a->first * (size_t)width + (size_t)text_dim] = strong;
    for (int k = 0; k < vocab; k++)
        head0[(size_t)a->next[k] * (size_t)width + (size_t)k] = strong;
    float *heads = add(&f, "audio_head", 3, n - 1, width, vocab);
    for (int i = 0; i + 1 < n; i++)
        for (int k = 0; k < vocab; k++)
            heads[((size_t)i * (size_t)width + (size_t)(i * vocab + k)) * (size_t)vocab +
                  (size_t)a->below[i][k]] = strong;
    for (int c = 0; a->second_best >= 0 && c < width; c++) {
        float *w = &head0[(size_t)a->second_best * (size_t)width + (size_t)c];
        if (*w < weak) *w = weak;
        for (int i = 0; i + 1 < n; i++) {
            w = &heads[((size_t)i * (size_t)width + (size_t)c) * (size_t)vocab +
                       (size_t)a->second_best];
            if (*w < weak) *w = weak;
        }
    }
    add_tower(&f, "backbone", width);
    add_tower(&f, "decoder", width);
    char path[1200];
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    marvis_error err;
    if (marvis_tensors_write(path, f.n, f.name_list, f.views, &err) != MARVIS_OK) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    for (size_t i = 0; i < f.n; i++)
        free((void *)(uintptr_t)f.views[i].data);
    write_config(a, width, folder);
    write_tokenizer(folder);
}
