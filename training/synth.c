/* Teacher: reads one sentence per line on stdin, speaks it with flite's rms voice and appends 24 kHz mono
 * int16 samples to PREFIX.pcm and one JSON line per sentence to PREFIX.jsonl: the text, the words that were
 * spoken, where the samples lie, and every phone with its end (in samples) and the index of the whitespace
 * token it came from (-1: pause). Those labels are what the alignment supervision of the language model uses.
 * Build: cc -O2 synth.c -o synth -lflite_cmu_us_rms -lflite_usenglish -lflite_cmulex -lflite -lm
 * Use:   synth PREFIX < sentences.txt
 */
#include <flite/flite.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cst_voice *register_cmu_us_rms(const char *dir);

enum { UP = 3, DOWN = 2, HALF = 48, TAPS = 2 * HALF + 1, LEAD_MS = 80, TAIL_MS = 120, RATE = 24000 };

static double taps[TAPS];

/* Windowed sinc at 48 kHz (3 x 16 kHz), cut-off 7.7 kHz, gain 3. */
static void taps_init(void)
{
    for (int i = 0; i < TAPS; i++) {
        double x = i - HALF, fc = 7700.0 / 48000.0;
        double sinc = x == 0 ? 2 * fc : sin(2 * M_PI * fc * x) / (M_PI * x);
        double window = 0.5 + 0.5 * cos(M_PI * x / (HALF + 1));
        taps[i] = UP * sinc * window;
    }
}

/* 16 kHz -> 24 kHz; out has room for n * 3 / 2 samples. */
static int resample(const short *in, int n, short *out)
{
    int n_out = n * UP / DOWN;
    for (int m = 0; m < n_out; m++) {
        int centre = m * DOWN, low = centre - HALF; /* positions at 48 kHz; inputs lie at multiples of UP */
        int first = low <= 0 ? 0 : (low + UP - 1) / UP, last = (centre + HALF) / UP;
        double sum = 0;
        for (int i = first; i <= last && i < n; i++) sum += taps[HALF + i * UP - centre] * in[i];
        out[m] = (short)lrint(sum > 32767 ? 32767 : sum < -32768 ? -32768 : sum);
    }
    return n_out;
}

static void json_string(FILE *f, const char *s)
{
    putc('"', f);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') putc('\\', f);
        putc(*s, f);
    }
    putc('"', f);
}

static int token_index(cst_utterance *u, cst_item *segment)
{
    cst_item *token = path_to_item(segment, "R:SylStructure.parent.parent.R:Token.parent");
    int i = 0;
    if (!token) return -1;
    for (cst_item *t = relation_head(utt_relation(u, "Token")); t; t = item_next(t), i++)
        if (item_equal(t, token)) return i;
    return -1;
}

static int clamp(int x, int low, int high) { return x < low ? low : x > high ? high : x; }

static void speak(cst_voice *voice, const char *text, FILE *pcm, FILE *labels, long *position)
{
    cst_utterance *u = flite_synth_text(text, voice);
    cst_wave *wave = utt_wave(u);
    short *out = malloc(sizeof(short) * (wave->num_samples * UP / DOWN + UP));
    int n = resample(wave->samples, wave->num_samples, out);

    cst_item *head = relation_head(utt_relation(u, "Segment")), *last = relation_tail(utt_relation(u, "Segment"));
    int first = (int)(RATE * flite_ffeature_float(head, "end"));            /* end of the leading pause */
    int end = (int)(RATE * flite_ffeature_float(last, "p.end"));            /* end of the last phone */
    int from = clamp(first - RATE / 1000 * LEAD_MS, 0, n), to = clamp(end + RATE / 1000 * TAIL_MS, from, n);

    fputs("{\"text\": ", labels);
    json_string(labels, text);
    fputs(", \"words\": [", labels);
    for (cst_item *w = relation_head(utt_relation(u, "Word")); w; w = item_next(w)) {
        json_string(labels, item_feat_string(w, "name"));
        if (item_next(w)) fputs(", ", labels);
    }
    fprintf(labels, "], \"start\": %ld, \"n\": %d, \"phones\": [", *position, to - from);
    for (cst_item *s = head; s; s = item_next(s)) {
        int stop = clamp((int)(RATE * item_feat_float(s, "end")) - from, 0, to - from);
        fprintf(labels, "[\"%s\", %d, %d]%s", item_feat_string(s, "name"), stop, token_index(u, s),
                item_next(s) ? ", " : "");
    }
    fputs("]}\n", labels);
    fwrite(out + from, sizeof(short), to - from, pcm);
    *position += to - from;
    free(out);
    delete_utterance(u);
}

int main(int argc, char **argv)
{
    char name[4096], line[1024];
    long position = 0;
    if (argc != 2) return fprintf(stderr, "usage: synth PREFIX < sentences\n"), 2;
    snprintf(name, sizeof name, "%s.pcm", argv[1]);
    FILE *pcm = fopen(name, "wb");
    snprintf(name, sizeof name, "%s.jsonl", argv[1]);
    FILE *labels = fopen(name, "w");
    if (!pcm || !labels) return fprintf(stderr, "cannot write %s\n", name), 1;
    flite_init();
    taps_init();
    cst_voice *voice = register_cmu_us_rms(NULL);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (*line) speak(voice, line, pcm, labels, &position);
    }
    return fclose(pcm) || fclose(labels);
}
