/* test_audio_read.c - what the programs read as sound: every format, rate and number of channels
 * comes out as the same mono tone, and what is no sound, or not all of it, is refused in one line.
 */
#include "support.h"

#include <math.h>
#include <sndfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/audio_read.h"

enum { RATE = 24000 };
static const double PI = 3.14159265358979323846;

static const char *in_temp(const char *name) {
    static char paths[4][600];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", test_temp_dir(), name);
    return path;
}

/* A tone of 440 Hz; channel c is scaled by gains[c]. */
static const char *write_tone(const char *name, int format, int rate, int n_channels,
                              const double *gains, double seconds) {
    const char *path = in_temp(name);
    SF_INFO info = {.samplerate = rate, .channels = n_channels, .format = format};
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    if (!file) fail_msg("%s: %s", name, sf_strerror(NULL));
    float frame[64];
    const int n = (int)(seconds * rate);
    for (int t = 0; t < n; t++) {
        for (int c = 0; c < n_channels; c++)
            frame[c] = (float)(gains[c] * sin(2 * PI * 440 * t / rate));
        assert_int_equal(sf_writef_float(file, frame, 1), 1);
    }
    sf_close(file);
    return path;
}

/* Level and rms error of x against the best tone of 440 Hz, its first and last tenth left out. */
static void measure_tone(const float *x, size_t n, double *level, double *error) {
    double a = 0, b = 0, square = 0;
    const size_t begin = n / 10, end = n - n / 10;
    for (size_t t = begin; t < end; t++) {
        const double angle = 2 * PI * 440 * (double)t / RATE;
        a += (double)x[t] * sin(angle);
        b += (double)x[t] * cos(angle);
    }
    a *= 2 / (double)(end - begin);
    b *= 2 / (double)(end - begin);
    for (size_t t = begin; t < end; t++) {
        const double angle = 2 * PI * 440 * (double)t / RATE;
        square += pow((double)x[t] - a * sin(angle) - b * cos(angle), 2);
    }
    *level = sqrt(a * a + b * b);
    *error = sqrt(square / (double)(end - begin));
}

static void trap_28_every_rate_gives_the_same_tone(void **state) {
    (void)state;
    static const int rates[] = {8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 96000};
    static const double gain[] = {0.5};
    int n_run = 0;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++, n_run++) {
        float *pcm;
        size_t n;
        double level, error;
        marvis_error err;
        const char *path =
            write_tone("tone.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, rates[i], 1, gain, 1.5);
        assert_ok(audio_read(path, RATE, 2, &pcm, &n, &err), err);
        if (fabs((double)n - 1.5 * RATE) > 2) fail_msg("%d Hz: %zu samples", rates[i], n);
        measure_tone(pcm, n, &level, &error);
        if (fabs(level - 0.5) > 1e-3 || error > 1e-3)
            fail_msg("%d Hz: level %g, error %g", rates[i], level, error);
        free(pcm);
    }
    assert_int_equal(n_run, 9);
}

static void every_format_is_read(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int format, rate;
        double tolerance;
    } cases[] = {
        {"a.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 24000, 1e-4},
        {"b.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_24, 24000, 1e-6},
        {"c.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 24000, 1e-2},
        {"d.wav", SF_FORMAT_WAV | SF_FORMAT_DOUBLE, 24000, 1e-6},
        {"e.wav", SF_FORMAT_WAV | SF_FORMAT_ULAW, 24000, 2e-2},
        {"f.aiff", SF_FORMAT_AIFF | SF_FORMAT_PCM_16, 24000, 1e-4},
        {"g.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 24000, 1e-4},
        {"h.ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS, 24000, 2e-2},
        {"i.opus", SF_FORMAT_OGG | SF_FORMAT_OPUS, 24000, 5e-2},
        {"j.mp3", SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, 44100, 2e-2},
        {"k.au", SF_FORMAT_AU | SF_FORMAT_PCM_16, 48000, 1e-3},
    };
    static const double gain[] = {0.5};
    int n_run = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++, n_run++) {
        float *pcm;
        size_t n;
        double level, error;
        marvis_error err;
        const char *path = write_tone(cases[i].name, cases[i].format, cases[i].rate, 1, gain, 1);
        assert_ok(audio_read(path, RATE, 2, &pcm, &n, &err), err);
        assert_true(n >= RATE - 1 && n < RATE + 3000); /* MP3 pads */
        measure_tone(pcm, n, &level, &error);
        if (fabs(level - 0.5) > 0.02 || error > cases[i].tolerance)
            fail_msg("%s: level %g, error %g", cases[i].name, level, error);
        free(pcm);
    }
    assert_int_equal(n_run, 11);
}

static void channels_are_averaged(void **state) {
    (void)state;
    static const double gains[8] = {0.8, 0.2, 0, 0, 0.4, 0.4, -0.2, 0};
    static const double expected[9] = {0, 0.8, 0.5, 1.0 / 3, 0.25, 0.28, 0.3, 1.6 / 7, 0.2};
    int n_run = 0;
    for (int n_channels = 1; n_channels <= 8; n_channels++, n_run++) {
        float *pcm;
        size_t n;
        double level, error;
        marvis_error err;
        const char *path =
            write_tone("many.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 24000, n_channels, gains, 0.5);
        assert_ok(audio_read(path, RATE, 2, &pcm, &n, &err), err);
        assert_int_equal(n, RATE / 2);
        measure_tone(pcm, n, &level, &error);
        if (fabs(level - expected[n_channels]) > 1e-5 || error > 1e-5)
            fail_msg("%d channels: level %g, error %g", n_channels, level, error);
        free(pcm);
    }
    assert_int_equal(n_run, 8);
}

/* At the rate that is wanted, samples are what the file has; in pieces or at once. */
static void samples_are_untouched_at_the_same_rate(void **state) {
    (void)state;
    static const size_t pieces[] = {1, 100, 4096, 4097, 100000};
    enum { N = 10000 };
    static float written[N], read[N + 1];
    const char *path = in_temp("exact.wav");
    SF_INFO info = {.samplerate = RATE, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    uint64_t seed = 1;
    for (int i = 0; i < N; i++)
        written[i] = test_uniform(&seed);
    assert_int_equal(sf_write_float(file, written, N), N);
    sf_close(file);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        audio_reader *reader;
        marvis_error err;
        size_t done = 0, n = 1;
        assert_ok(audio_reader_open(path, RATE, 1, &reader, &err), err);
        while (n > 0) {
            const size_t room = N + 1 - done;
            assert_ok(audio_reader_read(reader, read + done, room < pieces[i] ? room : pieces[i],
                                        &n, &err),
                      err);
            done += n;
        }
        assert_int_equal(done, N);
        assert_memory_equal(read, written, sizeof written);
        audio_reader_close(&reader);
        assert_null(reader);
    }
}

/* Resampled in pieces of any size: as long, and as good. */
static void pieces_of_any_size_resample_alike(void **state) {
    (void)state;
    static const double gain[] = {0.5};
    enum { MAX = 2 * RATE };
    static float whole[MAX], read[MAX];
    const char *path = write_tone("t.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 44100, 1, gain, 1);
    float *pcm;
    size_t n_whole;
    marvis_error err;
    assert_ok(audio_read(path, RATE, 2, &pcm, &n_whole, &err), err);
    memcpy(whole, pcm, n_whole * sizeof *pcm);
    free(pcm);
    for (size_t piece = 1; piece < 30000; piece = piece * 5 + 2) {
        audio_reader *reader;
        size_t done = 0, n = 1;
        assert_ok(audio_reader_open(path, RATE, 2, &reader, &err), err);
        while (n > 0) {
            assert_ok(audio_reader_read(reader, read + done, piece, &n, &err), err);
            done += n;
        }
        assert_int_equal(done, n_whole);
        for (size_t i = 0; i < done; i++)
            assert_float_equal(read[i], whole[i], 1e-5f);
        audio_reader_close(&reader);
    }
}

/* ---- what is refused ---- */

static const char *write_bytes(const char *name, const void *data, size_t n) {
    const char *path = in_temp(name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, n, file), n);
    fclose(file);
    return path;
}

/* The first part of a file, of `keep` bytes, or all but -keep of them. */
static const char *write_part(const char *name, const char *source, long keep) {
    static char bytes[1 << 20];
    FILE *file = fopen(source, "rb");
    assert_non_null(file);
    long n = (long)fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    n = keep < 0 ? n + keep : keep;
    assert_true(n > 0);
    return write_bytes(name, bytes, (size_t)n);
}

static void assert_refused(const char *path, double max_seconds, marvis_status expected,
                           const char *words) {
    float *pcm = NULL;
    size_t n = 1;
    marvis_error err = {0};
    marvis_status status = audio_read(path, RATE, max_seconds, &pcm, &n, &err);
    if (status != expected) fail_msg("%s: status %d: %s", path, (int)status, err.message);
    assert_null(pcm);
    assert_int_equal(n, 0);
    if (!strstr(err.message, words)) fail_msg("'%s' is not in '%s'", words, err.message);
    if (!strstr(err.message, path)) fail_msg("'%s' does not name the file", err.message);
    assert_null(strchr(err.message, '\n'));
}

static void what_is_no_sound_is_refused(void **state) {
    (void)state;
    static const double gain[] = {0.5};
    char folder[600];
    snprintf(folder, sizeof folder, "%s", in_temp("folder"));
    mkdir(folder, 0700);
    assert_refused(in_temp("gone.wav"), 9, MARVIS_ERR_NOT_FOUND, "cannot be opened");
    assert_refused(folder, 9, MARVIS_ERR_INPUT, "no ordinary file");
    assert_refused("/dev/null", 9, MARVIS_ERR_INPUT, "no ordinary file");
    assert_int_equal(mkfifo(in_temp("fifo.wav"), 0600), 0); /* nobody will ever write into it */
    assert_refused(in_temp("fifo.wav"), 9, MARVIS_ERR_INPUT, "no ordinary file");
    assert_refused(write_bytes("zero.wav", "", 0), 9, MARVIS_ERR_INPUT, "empty");
    assert_refused(write_bytes("text.wav", "not a sound at all", 18), 9, MARVIS_ERR_FORMAT,
                   "not audio");
    assert_refused(write_bytes("riff.wav", "RIFF\xff\xff\xff\xffWAVE", 12), 9, MARVIS_ERR_FORMAT,
                   "not audio");
    assert_refused(write_tone("none.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, RATE, 1, gain, 0), 9,
                   MARVIS_ERR_INPUT, "no samples");
    assert_refused(write_tone("long.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 8000, 1, gain, 2.1), 2,
                   MARVIS_ERR_INPUT, "longer than 2 s (2.1 s)");
    assert_refused(write_tone("slow.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 500, 1, gain, 1), 9,
                   MARVIS_ERR_INPUT, "500 samples a second");
    /* Three samples of 192 kHz are less than half a one of 24 kHz. */
    assert_refused(
        write_tone("short.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 192000, 1, gain, 3.5 / 192000), 9,
        MARVIS_ERR_INPUT, "no samples");
}

/* A header, and zeros without end: 2^33 chunks of no bytes, which nobody may walk through. */
static void an_endless_header_is_refused(void **state) {
    (void)state;
    char path[600];
    snprintf(path, sizeof path, "%s", write_bytes("hole.wav", "RIFF\xff\xff\xff\x7fWAVE", 12));
    assert_int_equal(truncate(path, (off_t)1 << 36), 0);
    assert_refused(path, 9, MARVIS_ERR_FORMAT, "not audio");
}

static void what_is_cut_off_is_refused(void **state) {
    (void)state;
    static const double gain[] = {0.5};
    char wav[600], flac[600];
    snprintf(wav, sizeof wav, "%s",
             write_tone("whole.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, RATE, 1, gain, 2));
    snprintf(flac, sizeof flac, "%s",
             write_tone("whole.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, RATE, 1, gain, 2));
    assert_refused(write_part("cut.wav", wav, -2), 9, MARVIS_ERR_FORMAT, "cut off: 2 bytes");
    assert_refused(write_part("cut.wav", wav, 5000), 9, MARVIS_ERR_FORMAT, "cut off");
    assert_refused(write_part("cut.wav", wav, 44), 9, MARVIS_ERR_FORMAT, "cut off");
    assert_refused(write_part("cut.flac", flac, 9000), 9, MARVIS_ERR_FORMAT, "d");
    assert_refused(write_part("cut.flac", flac, 20), 9, MARVIS_ERR_FORMAT, "not audio");
    /* No file may crash the reader, wherever it ends. */
    for (long n = 1; n < 200; n += 3) {
        float *pcm;
        size_t count;
        assert_int_not_equal(
            audio_read(write_part("cut.flac", flac, n), RATE, 9, &pcm, &count, NULL), MARVIS_OK);
        assert_int_not_equal(audio_read(write_part("cut.wav", wav, n), RATE, 9, &pcm, &count, NULL),
                             MARVIS_OK);
    }
}

/* An MP3 of changing bit rate whose first frame does not say its length: libsndfile guesses one,
 * which is no reason to find it cut off. One that says it is held to it. */
static void guessed_lengths_of_mp3_are_no_claims(void **state) {
    (void)state;
    enum { N = 6 * RATE };
    static float tone[N];
    static unsigned char bytes[1 << 20];
    SF_INFO info = {
        .samplerate = RATE, .channels = 1, .format = SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III};
    char path[600];
    snprintf(path, sizeof path, "%s", in_temp("v.mp3"));
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    int mode = SF_BITRATE_MODE_VARIABLE;
    double quality = 0.5;
    sf_command(file, SFC_SET_BITRATE_MODE, &mode, sizeof mode);
    sf_command(file, SFC_SET_VBR_ENCODING_QUALITY, &quality, sizeof quality);
    for (int t = 0; t < N; t++) /* a second of silence, one of sound */
        tone[t] = (float)(0.5 * sin(0.05 * t * (1 + t / 3e4)) * (t / RATE % 2));
    assert_int_equal(sf_write_float(file, tone, N), N);
    sf_close(file);
    FILE *source = fopen(path, "rb");
    size_t n_bytes = fread(bytes, 1, sizeof bytes, source);
    fclose(source);
    assert_refused(write_part("cut.mp3", path, (long)n_bytes / 2), 9, MARVIS_ERR_FORMAT, "cut off");

    size_t first = 0, second = 4; /* frames; the first one has the length */
    while (memcmp(bytes + first, "\xff\xf3", 2) != 0)
        first++;
    second += first;
    while (memcmp(bytes + second, bytes + first, 2) != 0)
        second++;
    float *pcm;
    size_t n;
    marvis_error err;
    assert_ok(
        audio_read(write_bytes("v.mp3", bytes + second, n_bytes - second), RATE, 9, &pcm, &n, &err),
        err);
    if (n < N || n > N + 3000) fail_msg("%zu samples of %d", n, N);
    free(pcm);

    /* The length is found behind a tag, too, of 300 bytes here. */
    static unsigned char tagged[10 + 300 + sizeof bytes] = "ID3\x03\0\0\0\0\x02\x2c";
    memcpy(tagged + 310, bytes, n_bytes / 2);
    assert_refused(write_bytes("tag.mp3", tagged, 310 + n_bytes / 2), 9, MARVIS_ERR_FORMAT,
                   "cut off");
}

/* A WAV from a pipe does not know its length: it is read to its end. */
static void unknown_lengths_are_read(void **state) {
    (void)state;
    static const double gain[] = {0.5};
    static unsigned char bytes[44 + 2 * RATE];
    const char *path = write_tone("w.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, RATE, 1, gain, 1);
    FILE *file = fopen(path, "rb");
    assert_int_equal(fread(bytes, 1, sizeof bytes, file), sizeof bytes);
    fclose(file);
    memset(bytes + 4, 0xff, 4);
    memset(bytes + 40, 0xff, 4);
    float *pcm;
    size_t n;
    marvis_error err;
    assert_ok(audio_read(write_bytes("pipe.wav", bytes, sizeof bytes), RATE, 2, &pcm, &n, &err),
              err);
    assert_int_equal(n, RATE);
    free(pcm);
    assert_refused(in_temp("pipe.wav"), 0.5, MARVIS_ERR_INPUT, "longer than 0.5 s");
}

static void samples_that_are_no_numbers_are_refused(void **state) {
    (void)state;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    static float samples[2 * 9000];
    int n_run = 0;
    for (size_t i = 0; i < 3; i++, n_run++) {
        const char *path = in_temp("nan.wav");
        SF_INFO info = {
            .samplerate = 48000, .channels = 2, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
        SNDFILE *file = sf_open(path, SFM_WRITE, &info);
        samples[2 * 6000 + 1] = bad[i];
        assert_int_equal(sf_writef_float(file, samples, 9000), 9000);
        sf_close(file);
        assert_refused(path, 9, MARVIS_ERR_INPUT, "sample 6000 (at 0.125 s)");
    }
    assert_int_equal(n_run, 3);
}

/* The place of a sample that no sound has is told in the file's own time. */
static void samples_beyond_any_sound_are_refused(void **state) {
    (void)state;
    static float samples[9000];
    const char *path = in_temp("loud.wav");
    SF_INFO info = {.samplerate = 48000, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    samples[6000] = -3e6f;
    assert_int_equal(sf_writef_float(file, samples, 9000), 9000);
    sf_close(file);
    assert_refused(path, 9, MARVIS_ERR_INPUT, "sample 6000 (at 0.125 s) is -3e+06");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trap_28_every_rate_gives_the_same_tone),
        cmocka_unit_test(every_format_is_read),
        cmocka_unit_test(channels_are_averaged),
        cmocka_unit_test(samples_are_untouched_at_the_same_rate),
        cmocka_unit_test(pieces_of_any_size_resample_alike),
        cmocka_unit_test(what_is_no_sound_is_refused),
        cmocka_unit_test(what_is_cut_off_is_refused),
        cmocka_unit_test(an_endless_header_is_refused),
        cmocka_unit_test(guessed_lengths_of_mp3_are_no_claims),
        cmocka_unit_test(unknown_lengths_are_read),
        cmocka_unit_test(samples_that_are_no_numbers_are_refused),
        cmocka_unit_test(samples_beyond_any_sound_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
