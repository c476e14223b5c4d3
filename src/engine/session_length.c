/* session_length.c - how long the speech of a text may be: what the guard stops at, where the bias
 * towards the end begins, and by which a speech that ended far too early is known (docs/MODEL.md,
 * "When speech ends"). */
#include "engine/session.h"

#include "text/utf8.h"

#include <limits.h>
#include <math.h>

/* Letters a second: usual ones, and what a recorded voice is taken for at most and at least, as its
 * words may not be its own. */
static const double USUAL_PACE = 15, SLOWEST_PACE = 5, FASTEST_PACE = 25;

/* What one character counts, in letters: as much as the longest that it may be spoken as, so that
 * text which is not written out is not cut either. */
static int weight_of(uint32_t cp) {
    if (cp < 0x80) {
        if ((cp >= 'a' && cp <= 'z') || cp <= ' ') return 1;
        if (cp >= 'A' && cp <= 'Z') return 3; /* spelled: F B I */
        return 6;                             /* a digit, a sign, or a pause */
    }
    return cp < 0x1100 ? 2 : 4; /* alphabets, and scripts that write syllables or words */
}

/* What a text counts: at most, and as its letters, digits and spaces alone. */
typedef struct weight {
    double most, plain;
} weight;

static weight weigh(const char *text, size_t len) {
    weight sum = {0};
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        i += mv_utf8_decode(text + i, len - i, &cp);
        int most = weight_of(cp);
        sum.most += most;
        sum.plain += most < 6 || (cp >= '0' && cp <= '9');
    }
    return sum;
}

static int frames_of(double seconds, double frame_s) {
    double n = ceil(seconds / frame_s);
    return n < INT_MAX ? (int)n : INT_MAX;
}

mv_length mv_session_length(const marvis_session *s) {
    double frame_s =
        (double)marvis_model_frame_samples(s->model) / marvis_model_sample_rate(s->model);
    weight text = weigh(s->text, s->text_len);
    double pace = USUAL_PACE;
    double heard_s = (double)(s->voice.n_frames + s->tail.n_frames) * frame_s;
    double heard = weigh(s->voice.text, s->voice.text_len).plain;
    if (s->tail.n_frames) heard += weigh(s->tail.text, s->tail.text_len).plain;
    if (heard_s > 0) pace = fmin(fmax(heard / heard_s, SLOWEST_PACE), FASTEST_PACE);
    double most = text.most / pace;
    return (mv_length){.expected = frames_of(text.plain / pace, frame_s),
                       .late = frames_of(2 + 1.5 * most, frame_s),
                       .limit = frames_of(4 + 3 * most, frame_s)};
}
