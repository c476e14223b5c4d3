/* speak.c - the whole way from a text to speech with libmarvis: 16-bit samples on standard output.
 *
 *     cc speak.c -o speak $(pkg-config --cflags --libs --static marvis)     # after make install
 *     ./speak models/builtin "Good morning." | aplay -t raw -f S16_LE -r 24000
 */
#include <marvis.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Samples may lie outside -1..1: they are clamped, or they would wrap around to the other sign. */
static int write_samples(const float *pcm, int n) {
    for (int i = 0; i < n; i++) {
        int sample = (int)lrintf(fmaxf(-1.0f, fminf(1.0f, pcm[i])) * 32767.0f);
        unsigned char bytes[2] = {(unsigned char)(sample & 255),
                                  (unsigned char)(sample >> 8 & 255)};
        if (fwrite(bytes, sizeof bytes, 1, stdout) != 1) return -1;
    }
    return fflush(stdout); /* each chunk is heard as soon as it is made */
}

static marvis_status speak(marvis_session *session, const char *text, marvis_error *err) {
    marvis_status status = marvis_session_push_text(session, text, strlen(text), err);
    while (status == MARVIS_OK) {
        marvis_chunk chunk;
        status = marvis_session_step(session, &chunk, err); /* 80 ms of speech, then more */
        if (status != MARVIS_OK || chunk.stop != MARVIS_STOP_NONE) break;
        if (write_samples(chunk.pcm, chunk.n_samples) != 0) {
            fprintf(stderr, "standard output cannot be written\n");
            return MARVIS_OK;
        }
    }
    return status;
}

int main(int argc, char **argv) {
    marvis_engine *engine = NULL;
    marvis_model *model = NULL;
    marvis_session *session = NULL;
    marvis_error err;
    if (argc != 3) {
        fprintf(stderr, "usage: %s MODEL TEXT\n", argv[0]);
        return 2;
    }
    marvis_status status = marvis_engine_create(NULL, &engine, &err);
    if (status == MARVIS_OK) status = marvis_model_open(engine, argv[1], NULL, &model, &err);
    if (status == MARVIS_OK) status = marvis_session_create(model, NULL, &session, &err);
    if (status == MARVIS_OK) status = speak(session, argv[2], &err);
    if (status != MARVIS_OK) fprintf(stderr, "%s\n", err.message);
    marvis_session_destroy(&session); /* in the order of their dependence; NULL is allowed */
    marvis_model_destroy(&model);
    marvis_engine_destroy(&engine);
    return status == MARVIS_OK ? 0 : 1;
}
