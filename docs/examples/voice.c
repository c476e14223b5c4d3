/* voice.c - speaks in the voice of a recording. The recording comes from standard input, mono
 * floats at 24 kHz, with the words that are said in it; the speech goes to standard output, the
 * same way.
 *
 *     cc voice.c -o voice $(pkg-config --cflags --libs --static marvis)     # after make install
 *     ./voice MODEL "What is said in it." "Something new." < recording.f32 > speech.f32
 */
#include <marvis.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RATE = 24000, LONGEST = 60 * RATE };

/* Trims the recording, encodes it and makes it the session's voice, which copies what it keeps. */
static marvis_status set_voice(marvis_session *session, const marvis_model *model, const float *pcm,
                               size_t n, const char *words, marvis_error *err) {
    marvis_recording voice;
    float *trimmed = NULL;
    int32_t *codes = NULL;
    size_t n_trimmed;
    marvis_status status = marvis_speech_trim(model, pcm, n, RATE, &trimmed, &n_trimmed, err);
    marvis_recording_init(&voice);
    voice.n_codebooks = marvis_model_n_codebooks(model);
    if (status == MARVIS_OK)
        status = marvis_model_encode(model, trimmed, n_trimmed, RATE, voice.n_codebooks, &codes,
                                     &voice.n_frames, err);
    voice.codes = codes;
    voice.text = words;
    voice.text_len_bytes = strlen(words);
    if (status == MARVIS_OK) status = marvis_session_set_voice(session, &voice, err);
    marvis_free(codes);
    marvis_free(trimmed);
    return status;
}

static marvis_status speak(marvis_session *session, const char *text, marvis_error *err) {
    marvis_status status = marvis_session_push_text(session, text, strlen(text), err);
    while (status == MARVIS_OK) {
        marvis_chunk chunk;
        status = marvis_session_step(session, &chunk, err);
        if (status != MARVIS_OK || chunk.stop != MARVIS_STOP_NONE) break;
        fwrite(chunk.pcm, sizeof *chunk.pcm, (size_t)chunk.n_samples, stdout);
    }
    return status;
}

int main(int argc, char **argv) {
    marvis_engine *engine = NULL;
    marvis_model *model = NULL;
    marvis_session *session = NULL;
    marvis_error err;
    float *pcm = malloc(LONGEST * sizeof *pcm);
    if (argc != 4 || !pcm) {
        fprintf(stderr, "usage: %s MODEL WORDS TEXT < RECORDING > SPEECH\n", argv[0]);
        free(pcm);
        return 2;
    }
    size_t n = fread(pcm, sizeof *pcm, LONGEST, stdin);
    marvis_status status = marvis_engine_create(NULL, &engine, &err);
    if (status == MARVIS_OK) status = marvis_model_open(engine, argv[1], NULL, &model, &err);
    if (status == MARVIS_OK) status = marvis_session_create(model, NULL, &session, &err);
    if (status == MARVIS_OK) status = set_voice(session, model, pcm, n, argv[2], &err);
    if (status == MARVIS_OK) status = speak(session, argv[3], &err);
    if (status == MARVIS_OK && fflush(stdout) != 0) fprintf(stderr, "the speech is not whole\n");
    if (status != MARVIS_OK) fprintf(stderr, "%s\n", err.message);
    marvis_session_destroy(&session);
    marvis_model_destroy(&model);
    marvis_engine_destroy(&engine);
    free(pcm);
    return status == MARVIS_OK ? 0 : 1;
}
