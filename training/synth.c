/* Teacher: reads one utterance per line on stdin as VOICE<TAB>PITCH<TAB>FORMANT<TAB>TEMPO<TAB>TEXT, speaks it with that
 * flite voice and appends to
 *   PREFIX.pcm    24 kHz mono int16 samples;
 *   PREFIX.par    the synthesiser's own parameters, free of noise, one row of N_PAR float16 for every 120 samples (5 ms,
 *                 the last one begun counts): ln f0 (0: unvoiced), 25 mel-cepstra, 5 voicing strengths (0..1);
 *   PREFIX.jsonl  one JSON line per utterance: the five fields, the words that were spoken, where the samples and rows
 *                 lie, and every phone with its end (in samples) and the index of the whitespace token it came from
 *                 (-1: pause), which the alignment supervision uses.
 * PITCH multiplies the median pitch, FORMANT moves the whole spectrum, TEMPO multiplies the duration; 1 1 1 is the
 * voice itself. They are independent: FORMANT is a change of the playing speed whose effect on the other two is undone.
 * Build: see build_data.sh.  Use: synth PREFIX < utterances.tsv
 */
#include <flite/flite.h>
#include <flite/cst_cg.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cst_voice *register_cmu_us_rms(const char *dir);
cst_voice *register_cmu_us_slt(const char *dir);
cst_voice *register_cmu_us_awb(const char *dir);

enum { SIDE = 16, TAPS = 2 * SIDE, PHASES = 768, LEAD_MS = 80, TAIL_MS = 120, RATE = 24000, RATE_IN = 16000 };
enum { HOP = 120, N_CEP = 25, N_STR = 5, N_PAR = 1 + N_CEP + N_STR };

/* The clustergen voices; gain brings them to about the same level. */
static struct {
    const char *name;
    cst_voice *(*open)(const char *);
    double gain;
    cst_voice *voice;
} voices[] = {{"rms", register_cmu_us_rms, 1.0, NULL},
              {"slt", register_cmu_us_slt, 0.6, NULL},
              {"awb", register_cmu_us_awb, 0.9, NULL}};
enum { N_VOICES = sizeof voices / sizeof voices[0] };

static double taps[PHASES + 1][TAPS];

/* Windowed sinc, cut-off 7.7 kHz at 16 kHz, for every 1/768 of a sample. */
static void taps_init(void)
{
    for (int p = 0; p <= PHASES; p++)
        for (int i = 0; i < TAPS; i++) {
            double x = i - (SIDE - 1) - (double)p / PHASES, fc = 7700.0 / RATE_IN;
            double sinc = fabs(x) < 1e-9 ? 2 * fc : sin(2 * M_PI * fc * x) / (M_PI * x);
            taps[p][i] = sinc * (0.5 + 0.5 * cos(M_PI * x / (SIDE + 1)));
        }
}

/* 16 kHz -> 24 kHz, played `speed` times as fast; out has room for n * 1.5 / speed + 2 samples. */
static int resample(const short *in, int n, double speed, double gain, short *out)
{
    int n_out = (int)(n * (double)RATE / RATE_IN / speed);
    for (int m = 0; m < n_out; m++) {
        double at = m * speed * RATE_IN / RATE;
        int whole = (int)at, phase = (int)lrint((at - whole) * PHASES);
        double sum = 0;
        for (int i = 0; i < TAPS; i++) {
            int k = whole + i - (SIDE - 1);
            if (k >= 0 && k < n) sum += taps[phase][i] * in[k];
        }
        sum *= gain;
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

/* The parameters of [from, to) of the output: rows of HOP samples, linear between the synthesiser's 5 ms frames. */
static void write_parameters(FILE *f, const cst_track *par, const cst_track *str, double speed, double gain, int from, int to)
{
    for (int at = from; at < to; at += HOP) {
        double t = (at + HOP / 2.0) * speed / RATE * 200;
        int i = clamp((int)t, 0, par->num_frames - 1), j = clamp(i + 1, 0, par->num_frames - 1);
        double w = t - i > 1 ? 1 : t - i, fa = par->frames[i][0], fb = par->frames[j][0];
        _Float16 row[N_PAR];
        double f0 = fa > 0 && fb > 0 ? fa * (1 - w) + fb * w : w < 0.5 ? fa : fb;
        row[0] = (_Float16)(f0 > 0 ? log(f0 * speed) : 0);
        for (int k = 0; k < N_CEP; k++) {
            double c = par->frames[i][1 + k] * (1 - w) + par->frames[j][1 + k] * w;
            row[1 + k] = (_Float16)(k == 0 ? c + log(gain) : c);
        }
        for (int k = 0; k < N_STR; k++) row[1 + N_CEP + k] = (_Float16)(str->frames[i][k] * (1 - w) + str->frames[j][k] * w);
        fwrite(row, sizeof row, 1, f);
    }
}

/* The synthesiser's parameters smoothed as it does itself; the caller frees them. */
static cst_track *smoothed(const cst_track *par, cst_cg_db *db)
{
    return db->do_mlpg ? mlpg(par, db) : cst_track_copy(par);
}

static void write_label(FILE *f, cst_utterance *u, const char *fields, const char *text, double scale, int from, int to,
                        long position, long row)
{
    fputs("{\"text\": ", f);
    json_string(f, text);
    fprintf(f, ", %s, \"words\": [", fields);
    for (cst_item *w = relation_head(utt_relation(u, "Word")); w; w = item_next(w)) {
        json_string(f, item_feat_string(w, "name"));
        if (item_next(w)) fputs(", ", f);
    }
    fprintf(f, "], \"start\": %ld, \"n\": %d, \"row\": %ld, \"phones\": [", position, to - from, row);
    for (cst_item *s = relation_head(utt_relation(u, "Segment")); s; s = item_next(s)) {
        int stop = clamp((int)(scale * item_feat_float(s, "end")) - from, 0, to - from);
        fprintf(f, "[\"%s\", %d, %d]%s", item_feat_string(s, "name"), stop, token_index(u, s), item_next(s) ? ", " : "");
    }
    fputs("]}\n", f);
}

typedef struct Output {
    FILE *pcm, *par, *labels;
    long position, row;
} Output;

static void speak(int v, double pitch, double formant, double tempo, const char *text, Output *o)
{
    cst_voice *voice = voices[v].voice;
    feat_set_float(voice->features, "duration_stretch", (float)(tempo * formant));
    cst_utterance *u = flite_synth_text(text, voice);
    cst_item *head = relation_head(utt_relation(u, "Segment")), *last = relation_tail(utt_relation(u, "Segment"));
    if (!head || head == last) {
        fprintf(stderr, "nothing to speak, left out: %s\n", text);
        delete_utterance(u);
        return;
    }
    cst_cg_db *db = val_cg_db(utt_feat_val(u, "cg_db"));
    cst_track *par = smoothed(val_track(utt_feat_val(u, "param_track")), db), *str = val_track(utt_feat_val(u, "str_track"));
    cst_wave *wave = utt_wave(u), *other = NULL;
    if (pitch != formant) {                     /* the voices' own knob for it does not work on all of them */
        for (int i = 0; i < par->num_frames; i++) par->frames[i][0] *= (float)(pitch / formant);
        wave = other = mlsa_resynthesis(par, str, db, NULL, 0);
    }
    short *out = malloc(sizeof(short) * (size_t)(wave->num_samples * 1.5 / formant + 8));
    int n = resample(wave->samples, wave->num_samples, formant, voices[v].gain, out);

    double scale = RATE / formant;
    int first = (int)(scale * flite_ffeature_float(head, "end"));           /* end of the leading pause */
    int end = (int)(scale * flite_ffeature_float(last, "p.end"));           /* end of the last phone */
    int from = clamp(first - RATE / 1000 * LEAD_MS, 0, n), to = clamp(end + RATE / 1000 * TAIL_MS, from, n);
    char fields[128];
    snprintf(fields, sizeof fields, "\"voice\": \"%s\", \"pitch\": %g, \"formant\": %g, \"tempo\": %g", voices[v].name,
             pitch, formant, tempo);
    write_label(o->labels, u, fields, text, scale, from, to, o->position, o->row);
    write_parameters(o->par, par, str, formant, voices[v].gain, from, to);
    fwrite(out + from, sizeof(short), (size_t)(to - from), o->pcm);
    o->position += to - from;
    o->row += (to - from + HOP - 1) / HOP;
    free(out);
    if (other) delete_wave(other);
    delete_track(par);
    delete_utterance(u);
}

static FILE *open_out(const char *prefix, const char *suffix)
{
    char name[4096];
    snprintf(name, sizeof name, "%s%s", prefix, suffix);
    FILE *f = fopen(name, "wb");
    if (!f) fprintf(stderr, "cannot write %s\n", name), exit(1);
    return f;
}

int main(int argc, char **argv)
{
    char line[4096], who[32];
    if (argc != 2) return fprintf(stderr, "usage: synth PREFIX < utterances.tsv\n"), 2;
    Output o = {open_out(argv[1], ".pcm"), open_out(argv[1], ".par"), open_out(argv[1], ".jsonl"), 0, 0};
    flite_init();
    taps_init();
    while (fgets(line, sizeof line, stdin)) {
        double pitch, formant, tempo;
        int at = 0, v = 0;
        line[strcspn(line, "\n")] = 0;
        if (sscanf(line, "%31s\t%lf\t%lf\t%lf\t%n", who, &pitch, &formant, &tempo, &at) < 4 || !at || !line[at])
            return fprintf(stderr, "not VOICE PITCH FORMANT TEMPO TEXT: %s\n", line), 1;
        while (v < N_VOICES && strcmp(voices[v].name, who)) v++;
        if (v == N_VOICES) return fprintf(stderr, "no such voice: %s\n", who), 1;
        if (!voices[v].voice) voices[v].voice = voices[v].open(NULL);
        speak(v, pitch, formant, tempo, line + at, &o);
    }
    return fclose(o.pcm) || fclose(o.par) || fclose(o.labels);
}
