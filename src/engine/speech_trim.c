/* speech_trim.c - a recording made ready to be gone on from: silence cut off, a short pause behind
 * the last word. In the library, not in the programs, because a voice is as good as this makes it.
 */
#include "engine/engine.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

enum {
    WINDOWS_PER_S = 100, /* levels are those of 10 ms */
    LEAD_MS = 50,        /* kept before the first sound: words begin softly */
    PAUSE_MS = 200       /* behind the last one; up to a frame more, to fill the last frame */
};
static const double floor_level = 1e-3;   /* of full scale, -60 dB: silence everywhere */
static const double below_loudest = 0.01; /* -40 dB: silence in this recording */

/* Standard deviation of a window: its level, whatever constant the recorder has added. */
static double level(const float *pcm, size_t n) {
    double sum = 0, square = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)pcm[i];
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        square += ((double)pcm[i] - mean) * ((double)pcm[i] - mean);
    return sqrt(square / (double)n);
}

/* From the first sound to the end of the last one, in samples; false when there is none. */
static bool find_sound(const float *pcm, size_t n_samples, size_t window, size_t *begin,
                       size_t *end) {
    double loudest = 0;
    *begin = *end = 0;
    for (size_t at = 0; at < n_samples; at += window) {
        double now = level(pcm + at, n_samples - at < window ? n_samples - at : window);
        if (now > loudest) loudest = now;
    }
    double threshold = fmax(floor_level, loudest * below_loudest);
    for (size_t at = 0; at < n_samples; at += window) {
        size_t n = n_samples - at < window ? n_samples - at : window;
        if (level(pcm + at, n) < threshold) continue;
        if (*end == 0) *begin = at;
        *end = at + n;
    }
    return *end > 0;
}

marvis_status marvis_speech_trim(const marvis_model *model, const float *pcm, size_t n_samples,
                                 int sample_rate, float **trimmed, size_t *n_trimmed,
                                 marvis_error *err) {
    *trimmed = NULL;
    *n_trimmed = 0;
    if (!model->mimi) return mv_fail(err, MARVIS_ERR_CALL, "the model was opened without a codec");
    if (sample_rate != marvis_model_sample_rate(model))
        return mv_fail(err, MARVIS_ERR_CALL, "audio at %d Hz: this codec takes %d Hz; convert it",
                       sample_rate, marvis_model_sample_rate(model));
    if (n_samples == 0) return mv_fail(err, MARVIS_ERR_INPUT, "the audio is empty: 0 samples");
    for (size_t i = 0; i < n_samples; i++)
        if (!isfinite(pcm[i]))
            return mv_fail(err, MARVIS_ERR_INPUT, "sample %zu of the audio is not a number", i);
    size_t rate = (size_t)sample_rate, frame = (size_t)marvis_model_frame_samples(model);
    size_t window = rate < WINDOWS_PER_S ? 1 : rate / WINDOWS_PER_S, begin, end, wanted;
    if (!find_sound(pcm, n_samples, window, &begin, &end))
        return mv_fail(err, MARVIS_ERR_INPUT,
                       "the audio is silent: %.2f s, and nothing louder than -60 dB of full scale",
                       (double)n_samples / sample_rate);
    size_t lead = rate * LEAD_MS / 1000;
    begin = begin > lead ? begin - lead : 0;
    if (!mv_add_size(end - begin, rate * PAUSE_MS / 1000 + frame - 1, &wanted))
        return mv_fail_memory(err, n_samples * sizeof *pcm, "the recording");
    wanted -= wanted % frame;
    float *out = mv_alloc(wanted, sizeof *out);
    if (!out) return mv_fail_memory(err, wanted * sizeof *out, "the recording");
    /* the recording's own quiet first, then zeros: mv_alloc has put them there */
    memcpy(out, pcm + begin,
           (n_samples - begin < wanted ? n_samples - begin : wanted) * sizeof *out);
    *trimmed = out;
    *n_trimmed = wanted;
    return MARVIS_OK;
}
