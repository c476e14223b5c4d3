/* fuzz_voice.c - arbitrary bytes as a saved voice: refused with a message, or a voice whose words,
 * codes and snapshot lie inside the input. */
#include "engine/voice.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good) {
    if (!good) abort();
}

static void check_voice(const marvis_voice *voice, const uint8_t *copy, size_t size) {
    const mv_snapshot *s = &voice->snapshot;
    marvis_voice_info info = {.struct_size = sizeof info};
    marvis_voice_info_get(voice, &info);
    check(info.recording.n_frames > 0 && info.recording.n_codebooks > 0);
    check(info.recording.text_len_bytes > 0 && info.seconds > 0);
    check(info.name && info.source && info.date && info.model && info.engine);
    volatile int32_t last =
        voice->codes[voice->n_frames * (size_t)voice->n_codebooks - 1]; /* a sanitizer looks */
    (void)last;
    if (s->n_rows == 0) return;
    check(s->n_rows == s->n_ids + voice->n_frames + 1);
    check(s->n_layers * 2 * s->n_kv_heads * s->n_rows * s->head_dim * sizeof(float) ==
          s->len_bytes);
    check(s->kv >= copy && s->kv + s->len_bytes <= copy + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    /* memory of exactly the input's size, so that a sanitizer sees one byte too many */
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) return 0;
    if (size) memcpy(copy, data, size);
    marvis_voice *voice;
    marvis_error err = {MARVIS_OK, -1, ""};
    marvis_status status = mv_voice_parse(copy, size, "fuzz.safetensors", &voice, &err);
    if (status == MARVIS_OK) {
        check_voice(voice, copy, size);
        marvis_voice_destroy(&voice);
    } else {
        check(!voice && err.status == status);
        check(strncmp(err.message, "fuzz.safetensors: ", 18) == 0);
    }
    free(copy);
    return 0;
}
