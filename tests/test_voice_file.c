/* test_voice_file.c - the file of a saved voice: there and back, and broken in every way. */
#include "saved_voice_fixture.h"

#include "model/mimi_weights.h"

static void *read_file(const char *path, size_t *len) {
    static unsigned char bytes[1 << 20];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    *len = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_true(*len > 0 && *len < sizeof bytes);
    void *copy = malloc(*len);
    assert_non_null(copy);
    return memcpy(copy, bytes, *len);
}

static void write_file(const char *path, const void *bytes, size_t len) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static void a_file_holds_the_whole_voice(void **state) {
    (void)state;
    for (int snapshot = 0; snapshot < 2; snapshot++) {
        size_t n_first, n_second;
        marvis_voice *voice = reload(new_voice(7, snapshot));
        marvis_voice_info info = info_of(voice);
        assert_string_equal(info.name, "anna");
        assert_string_equal(info.source, "anna.wav");
        assert_string_equal(info.date, "2026-11-22");
        assert_string_equal(info.model, "tiny");
        assert_int_equal(strncmp(info.engine, "marvis ", 7), 0);
        assert_int_equal(info.speaker, 7);
        assert_int_equal(info.recording.n_frames, FRAMES);
        assert_int_equal(info.recording.n_codebooks, C);
        assert_memory_equal(info.recording.codes, codes, sizeof codes);
        assert_int_equal(info.recording.text_len_bytes, strlen(words));
        assert_memory_equal(info.recording.text, words, strlen(words));
        assert_true(info.seconds * 24000 - FRAMES * marvis_model_frame_samples(model) < 1e-6);
        assert_int_equal(info.snapshot_bytes > 0, snapshot);
        void *first = read_file(voice_path(), &n_first);
        voice = reload(voice);
        void *second = read_file(voice_path(), &n_second);
        assert_int_equal(n_first, n_second);
        assert_memory_equal(first, second, n_first);
        free(first);
        free(second);
        marvis_voice_destroy(&voice);
    }
}

/* Names come from file systems, and words from anywhere. */
static void odd_bytes_survive(void **state) {
    (void)state;
    static const char odd[] = "N\0UL and \xff\xfe bytes";
    marvis_voice *voice;
    marvis_voice_settings s;
    marvis_error err;
    marvis_recording r = said();
    char longer[4098];
    r.text = odd;
    r.text_len_bytes = sizeof odd - 1;
    marvis_voice_settings_init(&s);
    s.source = "\xe4\nb\"\\.wav";
    assert_ok(marvis_voice_create(model, &r, &s, &voice, &err), err);
    voice = reload(voice);
    marvis_voice_info info = info_of(voice);
    assert_int_equal(info.recording.text_len_bytes, sizeof odd - 1);
    assert_memory_equal(info.recording.text, odd, sizeof odd - 1);
    assert_string_equal(info.source, "\xef\xbf\xbd\nb\"\\.wav");
    assert_string_equal(info.name, "");
    marvis_voice_destroy(&voice);
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    s.name = longer;
    assert_int_equal(marvis_voice_create(model, &r, &s, &voice, &err), MARVIS_ERR_CALL);
    assert_null(voice);
}

/* Loads what is wrong; the message is one line that names the file. */
static void assert_broken(const void *bytes, size_t len, const char *what) {
    marvis_voice *voice;
    marvis_error err = {0};
    write_file(voice_path(), bytes, len);
    marvis_status status = marvis_voice_load(voice_path(), &voice, &err);
    if (status != MARVIS_ERR_FORMAT && status != MARVIS_ERR_UNSUPPORTED)
        fail_msg("%s: status %d", what, (int)status);
    assert_null(voice);
    assert_non_null(strstr(err.message, "voice.safetensors: "));
}

/* A small file byte for byte, one with a snapshot in steps. */
static void every_truncation_is_refused(void **state) {
    (void)state;
    for (int snapshot = 0; snapshot < 2; snapshot++) {
        marvis_voice *voice = reload(new_voice(0, snapshot));
        marvis_voice_destroy(&voice);
        size_t len, n_run = 0;
        void *bytes = read_file(voice_path(), &len);
        for (size_t n = 0; n < len; n += snapshot ? 61 : 1, n_run++)
            assert_broken(bytes, n, "cut off");
        assert_broken(bytes, len - 1, "cut off");
        assert_true(n_run > 150);
        free(bytes);
    }
}

static void every_changed_byte_is_seen(void **state) {
    (void)state;
    uint64_t random = 5;
    for (int snapshot = 0; snapshot < 2; snapshot++) {
        marvis_voice *voice = reload(new_voice(0, snapshot));
        marvis_voice_destroy(&voice);
        size_t len, n_run = 0;
        unsigned char *bytes = read_file(voice_path(), &len);
        for (size_t i = 0; i < len; i += snapshot ? 61 : 1, n_run++) {
            char what[64];
            unsigned char kept = bytes[i];
            bytes[i] = (unsigned char)(kept ^ (1u << test_random(&random) % 8));
            snprintf(what, sizeof what, "byte %zu, %02x for %02x", i, bytes[i], kept);
            assert_broken(bytes, len, what);
            bytes[i] = kept;
        }
        assert_true(n_run > 150);
        free(bytes);
    }
}

static void assert_load_fails(const char *path, marvis_status status, const char *expected) {
    marvis_voice *voice;
    marvis_error err = {0};
    assert_int_equal(marvis_voice_load(path, &voice, &err), status);
    if (!strstr(err.message, expected)) fail_msg("'%s' is not in: %s", expected, err.message);
}

static void other_files_are_no_voices(void **state) {
    (void)state;
    assert_load_fails(test_path("golden/mimi/tiny_moshi.safetensors"), MARVIS_ERR_FORMAT,
                      "tiny_moshi.safetensors: not a saved voice");
    assert_load_fails(test_path("golden/csm/context/config.json"), MARVIS_ERR_FORMAT,
                      "config.json: ");
    assert_load_fails(test_path("golden"), MARVIS_ERR_IO, "is a folder");
    assert_load_fails("no/such.safetensors", MARVIS_ERR_NOT_FOUND, "no/such.safetensors");
}

/* Files whose checksum is right and whose contents are not: made by a voice that is bent first. */
static void lies_are_refused(void **state) {
    (void)state;
    marvis_error err;
    marvis_voice *voice;
    for (int i = 0; i < 2; i++) {
        voice = new_voice(0, 0);
        voice->codes[2 * C + 1] = i ? -1 : CODES;
        voice = reload(voice);
        assert_int_equal(marvis_voice_check(voice, model, NULL, &err), MARVIS_ERR_INPUT);
        assert_non_null(strstr(err.message, "frame 2, codebook 1: code"));
        marvis_voice_destroy(&voice);
    }
    voice = new_voice(0, 1); /* another form of the same number of bytes */
    voice->snapshot.n_layers *= 2;
    voice->snapshot.n_kv_heads /= 2;
    voice = reload(voice);
    int fits = 1;
    assert_ok(marvis_voice_check(voice, model, &fits, &err), err);
    assert_int_equal(fits, 0);
    marvis_session_settings s = sampled(C, 0);
    marvis_session *session = new_session(&s);
    use(session, voice, MARVIS_VOICE_CONTEXT);
    assert_int_equal(speak(session, "New words.")->timing.n_reused, 0);
    marvis_session_destroy(&session);
    marvis_voice_destroy(&voice);

    voice = new_voice(0, 1);
    voice->snapshot.n_ids--;
    assert_ok(marvis_voice_save(voice, voice_path(), &err), err);
    marvis_voice_destroy(&voice);
    assert_load_fails(voice_path(), MARVIS_ERR_FORMAT, "do not belong together");
    static const int wrong[] = {-1, 1000000};
    for (int i = 0; i < 2; i++) {
        voice = new_voice(0, 0);
        voice->speaker = wrong[i];
        assert_ok(marvis_voice_save(voice, voice_path(), &err), err);
        marvis_voice_destroy(&voice);
        assert_load_fails(voice_path(), MARVIS_ERR_FORMAT, "its \"speaker\" is no such number");
    }
    voice = new_voice(0, 0);
    memset(voice->text, ' ', voice->text_len);
    assert_ok(marvis_voice_save(voice, voice_path(), &err), err);
    marvis_voice_destroy(&voice);
    assert_load_fails(voice_path(), MARVIS_ERR_FORMAT, "it holds no words");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_holds_the_whole_voice),
        cmocka_unit_test(odd_bytes_survive),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_changed_byte_is_seen),
        cmocka_unit_test(other_files_are_no_voices),
        cmocka_unit_test(lies_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up_voice, tear_down);
}
