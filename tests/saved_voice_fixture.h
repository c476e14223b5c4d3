/* saved_voice_fixture.h - a voice of the tiny model for the tests of saved voices, and its file. */
#ifndef MV_TESTS_SAVED_VOICE_FIXTURE_H
#define MV_TESTS_SAVED_VOICE_FIXTURE_H

#include "voice_fixture.h"

#include "automaton.h"
#include "engine/voice.h"

enum { FRAMES = 12 };

static const char words[] = "These were said.";
static int32_t codes[FRAMES * C];

static inline int set_up_voice(void **state) {
    uint64_t seed = 3;
    random_codes(&seed, codes, FRAMES * C);
    return set_up(state);
}

static inline marvis_recording said(void) { return recording(words, codes, FRAMES, C); }

static inline marvis_voice *new_voice(int speaker, int snapshot) {
    marvis_voice *voice;
    marvis_voice_settings s;
    marvis_error err;
    marvis_recording r = said();
    marvis_voice_settings_init(&s);
    s.name = "anna";
    s.source = "anna.wav";
    s.date = "2026-11-22";
    s.model = "tiny";
    s.speaker = speaker;
    s.snapshot = snapshot;
    assert_ok(marvis_voice_create(model, &r, &s, &voice, &err), err);
    return voice;
}

static inline const char *voice_path(void) {
    static char path[1024];
    snprintf(path, sizeof path, "%s/voice.safetensors", test_temp_dir());
    return path;
}

/* The voice after a way to its file and back; the one given is gone. */
static inline marvis_voice *reload(marvis_voice *voice) {
    marvis_voice *again;
    marvis_error err;
    assert_ok(marvis_voice_save(voice, voice_path(), &err), err);
    marvis_voice_destroy(&voice);
    assert_ok(marvis_voice_load(voice_path(), &again, &err), err);
    return again;
}

static inline marvis_voice_info info_of(const marvis_voice *voice) {
    marvis_voice_info info = {.struct_size = sizeof info};
    marvis_voice_info_get(voice, &info);
    return info;
}

static inline void use(marvis_session *session, const marvis_voice *voice,
                       marvis_voice_layout layout) {
    marvis_error err;
    assert_ok(marvis_session_use_voice(session, voice, layout, &err), err);
}

static inline marvis_session_settings sampled(int n_codebooks, int speaker) {
    marvis_session_settings s = greedy(n_codebooks, 14);
    s.codebook0 = s.depth = (marvis_sampling){.temperature = 1, .top_k = 20, .top_p = 1};
    s.speaker = speaker;
    return s;
}

#endif
