/* say_voice.c - see say_voice.h. */
#include "cli/say_voice.h"

#include <stdlib.h>
#include <string.h>

#include "cli/tensor_input.h"
#include "common/audio_read.h"
#include "common/error.h"
#include "common/platform.h"
#include "common/text_file.h"

/* The longest recording that is looked at, silence included, and the least speech in it. */
static const double LONGEST_S = 600, SHORTEST_S = 0.5;
enum { USUAL_RATE = 24000 }; /* to try a file before the model is there to tell */

marvis_status say_voice_check(const cli_call *call, marvis_error *err) {
    const char *audio = cli_text(call, CLI_VOICE_AUDIO), *codes = cli_text(call, CLI_VOICE_CODES);
    const char *text = cli_text(call, CLI_VOICE_TEXT), *path = audio ? audio : codes;
    audio_reader *reader;
    tensor_input input;
    marvis_status status;
    if (audio && codes)
        return app_fail(err, MARVIS_ERR_CALL, "--voice-audio and --voice-codes: give one of them");
    if (!path && !text) return MARVIS_OK;
    if (!path)
        return app_fail(err, MARVIS_ERR_CALL,
                        "--voice-text without --voice-audio: give the recording of these words");
    if (!text || text_is_blank(text, strlen(text)))
        return app_fail(err, MARVIS_ERR_CALL,
                        "--voice-text is %s: give the words that are said in %s, all of them and "
                        "no other",
                        text ? "empty" : "missing", path);
    if (audio) {
        status = audio_reader_open(audio, USUAL_RATE, LONGEST_S, &reader, err);
        if (status == MARVIS_OK) audio_reader_close(&reader);
    } else {
        status = tensor_input_open(&input, codes, err);
        if (status == MARVIS_OK) tensor_input_close(&input);
    }
    return status;
}

/* Puts the file's name before what the library says about its contents. */
static marvis_status blame(const say_voice *voice, marvis_status status, marvis_error *err) {
    marvis_error cause = *err;
    if (status != MARVIS_ERR_INPUT && status != MARVIS_ERR_TOO_LONG) return status;
    return app_fail(err, status, "%.200s: %.700s", voice->path, cause.message);
}

static double frame_seconds(const marvis_model *model) {
    return (double)marvis_model_frame_samples(model) / marvis_model_sample_rate(model);
}

/* Before it is encoded, which takes a while. The library asks again, text and all. */
static marvis_status check_length(const say_voice *voice, const marvis_model *model,
                                  const marvis_session_settings *settings, marvis_error *err) {
    double seconds = (double)voice->recording.n_frames * frame_seconds(model);
    int room = marvis_model_max_positions(model) - settings->max_frames - 1;
    if (seconds < SHORTEST_S)
        return app_fail(err, MARVIS_ERR_INPUT,
                        "%s: only %.2f s of sound with its pause; a voice needs at least %.1f s, "
                        "and 5 to 15 s of speech are good",
                        voice->path, seconds, SHORTEST_S);
    if (voice->recording.n_frames > (size_t)room)
        return app_fail(err, MARVIS_ERR_TOO_LONG,
                        "%s: %.1f s of speech; beside %.1f s to come (--max-seconds) at most %.1f "
                        "s and the texts fit this model; cut it, 5 to 15 s are good",
                        voice->path, seconds, settings->max_frames * frame_seconds(model),
                        room * frame_seconds(model));
    return MARVIS_OK;
}

static marvis_status encode(say_voice *voice, const marvis_model *model,
                            const marvis_session_settings *settings, marvis_error *err) {
    float *read = NULL, *pcm = NULL;
    size_t n_read, n;
    int rate = marvis_model_sample_rate(model), n_codebooks = settings->n_codebooks;
    marvis_status status;
    if (!marvis_model_has_encoder(model))
        return app_fail(err, MARVIS_ERR_UNSUPPORTED,
                        "--voice-audio %s: this model's codec has no encoder, it only decodes; "
                        "give --codec FILE with one",
                        voice->path);
    status = audio_read(voice->path, rate, LONGEST_S, &read, &n_read, err);
    if (status != MARVIS_OK) return status;
    status = marvis_speech_trim(model, read, n_read, rate, &pcm, &n, err);
    free(read);
    if (status != MARVIS_OK) return blame(voice, status, err);
    voice->recording.n_codebooks = n_codebooks;
    voice->recording.n_frames = n / (size_t)marvis_model_frame_samples(model);
    status = check_length(voice, model, settings, err);
    if (status == MARVIS_OK) {
        status = marvis_model_encode(model, pcm, n, rate, n_codebooks, &voice->codes,
                                     &voice->recording.n_frames, err);
        if (status != MARVIS_OK) status = blame(voice, status, err);
    }
    marvis_free(pcm);
    return status;
}

static marvis_status read_codes(say_voice *voice, marvis_error *err) {
    tensor_input input;
    size_t n_codebooks = 0;
    marvis_status status = tensor_input_open(&input, voice->path, err);
    if (status != MARVIS_OK) return status;
    status =
        tensor_input_codes(&input, &voice->codes, &voice->recording.n_frames, &n_codebooks, err);
    voice->is_ours = true;
    voice->recording.n_codebooks = (int)n_codebooks;
    tensor_input_close(&input);
    return status;
}

/* The words as the text to come is given: written out, unless --no-normalize says otherwise. */
static marvis_status take_words(say_voice *voice, const cli_call *call, marvis_error *err) {
    const char *given = cli_text(call, CLI_VOICE_TEXT);
    marvis_recording *r = &voice->recording;
    r->text = given;
    r->text_len_bytes = strlen(given);
    if (cli_given(call, CLI_NO_NORMALIZE)) return MARVIS_OK;
    marvis_status status =
        marvis_normalize(given, r->text_len_bytes, &voice->text, &r->text_len_bytes, err);
    r->text = voice->text;
    if (status == MARVIS_OK && r->text_len_bytes == 0)
        return app_fail(err, MARVIS_ERR_INPUT,
                        "--voice-text: nothing in it is spoken, only emoji, signs or markup");
    return status;
}

marvis_status say_voice_set(say_voice *voice, const cli_call *call, const marvis_model *model,
                            const marvis_session_settings *settings, marvis_session *session,
                            marvis_error *err) {
    const char *audio = cli_text(call, CLI_VOICE_AUDIO);
    double start = platform_seconds();
    marvis_status status;
    *voice = (say_voice){.path = audio ? audio : cli_text(call, CLI_VOICE_CODES)};
    if (!voice->path) return MARVIS_OK;
    marvis_recording_init(&voice->recording);
    status = take_words(voice, call, err);
    if (status != MARVIS_OK) return status;
    status = audio ? encode(voice, model, settings, err) : read_codes(voice, err);
    if (status != MARVIS_OK) return status;
    voice->recording.codes = voice->codes;
    voice->seconds = (double)voice->recording.n_frames * frame_seconds(model);
    status = marvis_session_set_voice(session, &voice->recording, err);
    voice->prepare_s = platform_seconds() - start;
    return status == MARVIS_OK ? status : blame(voice, status, err);
}

void say_voice_free(say_voice *voice) {
    if (voice->is_ours)
        free(voice->codes);
    else
        marvis_free(voice->codes);
    marvis_free(voice->text);
    voice->codes = NULL;
    voice->text = NULL;
}
