/* test_audio_file.c - what the programs write as sound: samples beyond full scale, headers, and
 * files that are whole or not there. */
#include "support.h"

#include <math.h>
#include <sndfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/audio_file.h"
#include "common/pcm.h"

static const float loud[] = {1.5f, -1.5f, 1.0f, -1.0f, 0.0f, 0.5f, 1e30f, -INFINITY, NAN};
static const int16_t loud_s16[] = {32767, -32767, 32767, -32767, 0, 16384, 32767, -32767, 0};
enum { N_LOUD = sizeof loud / sizeof *loud };

static void trap_43_samples_are_clamped_not_wrapped(void **state) {
    (void)state;
    int16_t s16[N_LOUD];
    uint8_t bytes[4 * N_LOUD];
    float f32[N_LOUD];
    pcm_to_s16(loud, s16, N_LOUD);
    assert_memory_equal(s16, loud_s16, sizeof s16);
    pcm_to_s16le(loud, bytes, N_LOUD);
    for (int i = 0; i < N_LOUD; i++)
        assert_int_equal((int16_t)(uint16_t)(bytes[2 * i] | bytes[2 * i + 1] << 8), loud_s16[i]);
    pcm_clamp(loud, f32, N_LOUD);
    for (int i = 0; i < N_LOUD; i++)
        assert_true(f32[i] >= -1 && f32[i] <= 1);
    pcm_to_f32le(loud, bytes, N_LOUD);
    const uint8_t one[] = {0x00, 0x00, 0x80, 0x3f};
    assert_memory_equal(bytes, one, 4);
}

static const char *in_temp(const char *name) {
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", test_temp_dir(), name);
    return path;
}

static void write_loud(const char *path, audio_format format) {
    audio_writer *writer;
    marvis_error err;
    assert_ok(audio_writer_open(path, format, &writer, &err), err);
    assert_ok(audio_writer_start(writer, 24000, &err), err);
    for (int i = 0; i < 1000; i++)
        assert_ok(audio_writer_write(writer, loud, N_LOUD, &err), err);
    assert_int_not_equal(access(path, F_OK), 0); /* not before it is whole */
    assert_ok(audio_writer_finish(writer, &err), err);
    audio_writer_destroy(&writer);
}

static void trap_43_files_hold_clamped_samples(void **state) {
    (void)state;
    static const struct {
        const char *name;
        audio_format format;
    } exact[] = {{"loud.wav", AUDIO_WAV}, {"loud.flac", AUDIO_FLAC}};
    for (size_t f = 0; f < sizeof exact / sizeof *exact; f++) {
        int16_t read[N_LOUD];
        SF_INFO info = {0};
        write_loud(in_temp(exact[f].name), exact[f].format);
        SNDFILE *file = sf_open(in_temp(exact[f].name), SFM_READ, &info);
        assert_non_null(file);
        assert_int_equal(info.frames, 1000 * N_LOUD);
        assert_int_equal(info.samplerate, 24000);
        for (int i = 0; i < 1000; i++) {
            assert_int_equal(sf_read_short(file, read, N_LOUD), N_LOUD);
            assert_memory_equal(read, loud_s16, sizeof read);
        }
        sf_close(file);
    }
}

static void every_format_can_be_written_and_read(void **state) {
    (void)state;
    static const char *const names[] = {"a.wav", "a.flac", "a.opus", "a.ogg", "a.mp3"};
    int n_read = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        audio_format format;
        marvis_error err;
        SF_INFO info = {0};
        assert_ok(audio_format_choose(names[i], NULL, &format, &err), err);
        write_loud(in_temp(names[i]), format);
        SNDFILE *file = sf_open(in_temp(names[i]), SFM_READ, &info);
        assert_non_null(file);
        assert_true(info.frames >= 1000 * N_LOUD && info.frames < 1100 * N_LOUD + 4000);
        sf_close(file);
        n_read++;
    }
    assert_int_equal(n_read, 5);
}

static void an_unfinished_file_leaves_nothing(void **state) {
    (void)state;
    static const audio_format formats[] = {AUDIO_WAV, AUDIO_FLAC, AUDIO_OPUS, AUDIO_MP3};
    char folder[600], path[700];
    snprintf(folder, sizeof folder, "%s/unfinished", test_temp_dir());
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(path, sizeof path, "%s/x", folder);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        audio_writer *writer;
        marvis_error err;
        assert_ok(audio_writer_open(path, formats[i], &writer, &err), err);
        assert_ok(audio_writer_start(writer, 24000, &err), err);
        assert_ok(audio_writer_write(writer, loud, N_LOUD, &err), err);
        audio_writer_destroy(&writer);
        assert_null(writer);
    }
    assert_int_equal(rmdir(folder), 0); /* empty */
}

static void formats_go_by_extension_or_name(void **state) {
    (void)state;
    static const struct {
        const char *path, *name;
        int format; /* -1: refused */
    } cases[] = {
        {"a.wav", NULL, AUDIO_WAV},
        {"a.FLAC", NULL, AUDIO_FLAC},
        {"a.b.ogg", NULL, AUDIO_OPUS},
        {"a.opus", NULL, AUDIO_OPUS},
        {"a.mp3", NULL, AUDIO_MP3},
        {"a.raw", NULL, AUDIO_S16},
        {"a.pcm", NULL, AUDIO_S16},
        {"-", NULL, AUDIO_WAV},
        {"/dev/null", NULL, AUDIO_WAV},
        {"-", "raw", AUDIO_S16},
        {"-", "f32", AUDIO_F32},
        {"a.wav", "flac", AUDIO_FLAC},
        {"noextension", "wav", AUDIO_WAV},
        {"noextension", NULL, -1},
        {"a.txt", NULL, -1},
        {"a.wav/b", NULL, -1},
        {"wav", NULL, -1},
        {".", NULL, -1},
        {"-", "flac", -1},
        {"/dev/null", "mp3", -1},
        {"a.wav", "aiff", -1},
    };
    int n_run = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++, n_run++) {
        audio_format format;
        marvis_error err = {0};
        marvis_status status = audio_format_choose(cases[i].path, cases[i].name, &format, &err);
        if (cases[i].format < 0) {
            assert_int_equal(status, MARVIS_ERR_CALL);
            assert_true(err.message[0]);
        } else {
            assert_ok(status, err);
            assert_int_equal(format, cases[i].format);
        }
    }
    assert_int_equal(n_run, 21);
}

static void an_impossible_rate_is_refused(void **state) {
    (void)state;
    audio_writer *writer;
    marvis_error err;
    assert_ok(audio_writer_open(in_temp("rate.opus"), AUDIO_OPUS, &writer, &err), err);
    assert_int_equal(audio_writer_start(writer, 22051, &err), MARVIS_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "rate.opus"));
    audio_writer_destroy(&writer);
    assert_int_not_equal(access(in_temp("rate.opus"), F_OK), 0);
}

/* A signal while a long file is counted: all of it is kept, and known to be the least. */
static bool is_cancelled(void) { return true; }

static void what_is_kept_is_kept_uncounted(void **state) {
    (void)state;
    static const float silence[24000];
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        audio_writer *writer;
        audio_kept kept;
        SF_INFO info = {0};
        marvis_error err;
        const char *path = in_temp("kept.flac");
        assert_ok(audio_writer_open(path, AUDIO_FLAC, &writer, &err), err);
        assert_ok(audio_writer_start(writer, 24000, &err), err);
        for (int i = 0; i < 20; i++)
            assert_ok(audio_writer_write(writer, silence, 24000, &err), err);
        assert_ok(audio_writer_keep(writer, 0.5, cancelled ? is_cancelled : NULL, &kept, &err),
                  err);
        assert_int_equal(kept.is_counted, !cancelled);
        assert_true(cancelled ? kept.seconds >= 0.5 && kept.seconds < 1 : kept.seconds == 20);
        audio_writer_destroy(&writer);
        SNDFILE *file = sf_open(path, SFM_READ, &info);
        assert_non_null(file);
        assert_int_equal(info.frames, 20 * 24000);
        sf_close(file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trap_43_samples_are_clamped_not_wrapped),
        cmocka_unit_test(trap_43_files_hold_clamped_samples),
        cmocka_unit_test(every_format_can_be_written_and_read),
        cmocka_unit_test(an_unfinished_file_leaves_nothing),
        cmocka_unit_test(formats_go_by_extension_or_name),
        cmocka_unit_test(an_impossible_rate_is_refused),
        cmocka_unit_test(what_is_kept_is_kept_uncounted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
