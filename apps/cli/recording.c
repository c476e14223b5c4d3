/* recording.c - see recording.h. */
#include "cli/recording.h"

#include <stdlib.h>
#include <string.h>

#include "cli/tensor_input.h"
#include "common/audio_read.h"
#include "common/error.h"
#include "common/text_file.h"

/* The longest recording that is looked at, silence included, and the least speech in it. */
static const double LONGEST_S = 600, SHORTEST_S = 0.5;
enum { USUAL_RATE = 24000 }; /* to try a file before the model is there to tell */

marvis_status recording_check(const recording_source *s, marvis_error *err) {
    const char *path = s->audio ? s->audio : s->codes;
    audio_reader *reader;
    tensor_input input;
    marvis_status status;
    if (s->audio && s->codes)
        return app_fail(err, MARVIS_ERR_CALL, "%s and %s: give one of them", s->audio_option,
                        s->codes_option);
    if (!path && !s->text) return MARVIS_OK;
    if (!path)
        return app_fail(err, MARVIS_ERR_CALL, "%s without %s: give the recording of these words",
                        s->text_option, s->audio_option);
    if (!s->text || text_is_blank(s->text, strlen(s->text)))
        return app_fail(err, MARVIS_ERR_CALL,
                        "%s is %s: give the words that are said in %s, all of them and no other",
                        s->text_option, s->text ? "empty" : "missing", path);
    if (s->audio) {
        status = audio_reader_open(s->audio, USUAL_RATE, LONGEST_S, &reader, err);
        if (status == MARVIS_OK) audio_reader_close(&reader);
    } else {
        status = tensor_input_open(&input, s->codes, err);
        if (status == MARVIS_OK) tensor_input_close(&input);
    }
    return status;
}

marvis_status recording_blame(const char *path, marvis_status status, marvis_error *err) {
    marvis_error cause = *err;
    if (status != MARVIS_ERR_INPUT && status != MARVIS_ERR_TOO_LONG) return status;
    return app_fail(err, status, "%.200s: %.700s", path, cause.message);
}

static double frame_seconds(const marvis_model *model) {
    return (double)marvis_model_frame_samples(model) / marvis_model_sample_rate(model);
}

/* Before it is encoded, which takes a while. The library asks again, text and all. */
static marvis_status check_length(const spoken_recording *r, const char *limit_option,
                                  const marvis_model *model, int max_frames, marvis_error *err) {
    double seconds = (double)r->recording.n_frames * frame_seconds(model);
    int room = marvis_model_max_positions(model) - max_frames - 1;
    if (seconds < SHORTEST_S)
        return app_fail(err, MARVIS_ERR_INPUT,
                        "%s: only %.2f s of sound with its pause; a voice needs at least %.1f s, "
                        "and 5 to 15 s of speech are good",
                        r->path, seconds, SHORTEST_S);
    if (room < 0 || r->recording.n_frames > (size_t)room)
        return app_fail(err, MARVIS_ERR_TOO_LONG,
                        "%s: %.1f s of speech; beside %.1f s to come%s%s%s at most %.1f s and the "
                        "texts fit this model; cut it, 5 to 15 s are good",
                        r->path, seconds, max_frames * frame_seconds(model),
                        limit_option ? " (" : "", limit_option ? limit_option : "",
                        limit_option ? ")" : "", room * frame_seconds(model));
    return MARVIS_OK;
}

static marvis_status encode(spoken_recording *r, const recording_source *source,
                            const marvis_model *model, int n_codebooks, int max_frames,
                            marvis_error *err) {
    float *read = NULL, *pcm = NULL;
    size_t n_read, n;
    int rate = marvis_model_sample_rate(model);
    marvis_status status;
    if (!marvis_model_has_encoder(model))
        return app_fail(err, MARVIS_ERR_UNSUPPORTED,
                        "%s %s: this model's codec has no encoder, it only decodes; "
                        "give --codec FILE with one",
                        source->audio_option, r->path);
    status = audio_read(r->path, rate, LONGEST_S, &read, &n_read, err);
    if (status != MARVIS_OK) return status;
    status = marvis_speech_trim(model, read, n_read, rate, &pcm, &n, err);
    free(read);
    if (status != MARVIS_OK) return recording_blame(r->path, status, err);
    r->recording.n_codebooks = n_codebooks;
    r->recording.n_frames = n / (size_t)marvis_model_frame_samples(model);
    status = check_length(r, source->limit_option, model, max_frames, err);
    if (status == MARVIS_OK) {
        status = marvis_model_encode(model, pcm, n, rate, n_codebooks, &r->codes,
                                     &r->recording.n_frames, err);
        if (status != MARVIS_OK) status = recording_blame(r->path, status, err);
    }
    marvis_free(pcm);
    return status;
}

static marvis_status read_codes(spoken_recording *r, marvis_error *err) {
    tensor_input input;
    size_t n_codebooks = 0;
    marvis_status status = tensor_input_open(&input, r->path, err);
    if (status != MARVIS_OK) return status;
    status = tensor_input_codes(&input, &r->codes, &r->recording.n_frames, &n_codebooks, err);
    r->is_ours = true;
    r->recording.n_codebooks = (int)n_codebooks;
    tensor_input_close(&input);
    return status;
}

/* The words as the text to come is given: written out, unless the call says otherwise. */
static marvis_status take_words(spoken_recording *spoken, const recording_source *source,
                                marvis_error *err) {
    marvis_recording *r = &spoken->recording;
    r->text = source->text;
    r->text_len_bytes = strlen(source->text);
    if (source->verbatim) return MARVIS_OK;
    marvis_status status =
        marvis_normalize(source->text, r->text_len_bytes, &spoken->text, &r->text_len_bytes, err);
    r->text = spoken->text;
    if (status == MARVIS_OK && r->text_len_bytes == 0)
        return app_fail(err, MARVIS_ERR_INPUT,
                        "%s: nothing in it is spoken, only emoji, signs or markup",
                        source->text_option);
    return status;
}

marvis_status recording_read(spoken_recording *r, const recording_source *source,
                             const marvis_model *model, int n_codebooks, int max_frames,
                             marvis_error *err) {
    *r = (spoken_recording){.path = source->audio ? source->audio : source->codes};
    marvis_recording_init(&r->recording);
    marvis_status status = take_words(r, source, err);
    if (status != MARVIS_OK) return status;
    status =
        source->audio ? encode(r, source, model, n_codebooks, max_frames, err) : read_codes(r, err);
    r->recording.codes = r->codes;
    r->seconds = (double)r->recording.n_frames * frame_seconds(model);
    return status;
}

void recording_free(spoken_recording *r) {
    if (r->is_ours)
        free(r->codes);
    else
        marvis_free(r->codes);
    marvis_free(r->text);
    r->codes = NULL;
    r->text = NULL;
}
