/* audio_file.c - see audio_file.h. */
#include "common/audio_file.h"

#include <errno.h>
#include <sndfile.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"
#include "common/out_file.h"
#include "common/pcm.h"
#include "common/platform.h"

/* Samples converted at a time. */
enum { BLOCK = 4096, WAV_HEADER_BYTES = 44 };

struct audio_writer {
    out_file file;
    audio_format format;
    int sample_rate;
    SNDFILE *encoder;   /* FLAC, Opus, MP3 */
    int encoder_errno;  /* why a write of the encoder's failed, or 0 */
    int64_t encoder_at; /* the encoder's position in the file */
    union {
        uint8_t bytes[4 * BLOCK];
        int16_t s16[BLOCK];
        float f32[BLOCK];
    } block;
};

static const struct format_row {
    const char *name; /* of --format, and an extension */
    audio_format format;
    int sndfile; /* libsndfile's number, or 0: ours */
} formats[] = {
    {"wav", AUDIO_WAV, 0},
    {"flac", AUDIO_FLAC, SF_FORMAT_FLAC | SF_FORMAT_PCM_16},
    {"opus", AUDIO_OPUS, SF_FORMAT_OGG | SF_FORMAT_OPUS},
    {"ogg", AUDIO_OPUS, SF_FORMAT_OGG | SF_FORMAT_OPUS},
    {"mp3", AUDIO_MP3, SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III},
    {"raw", AUDIO_S16, 0},
    {"pcm", AUDIO_S16, 0},
    {"s16", AUDIO_S16, 0},
    {"f32", AUDIO_F32, 0},
};

static const struct format_row *format_find(const char *name) {
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcasecmp(formats[i].name, name) == 0) return &formats[i];
    }
    return NULL;
}

/* libsndfile's number of a format, or 0. */
static int format_sndfile(audio_format format) {
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (formats[i].format == format) return formats[i].sndfile;
    }
    return 0;
}

marvis_status audio_format_choose(const char *path, const char *name, audio_format *format,
                                  marvis_error *err) {
    const struct format_row *row = NULL;
    bool stream = out_file_is_stream(path);
    if (name) {
        row = format_find(name);
        if (!row) return app_fail(err, MARVIS_ERR_CALL, "%s is not an audio format", name);
    } else if (stream) {
        row = format_find("wav");
    } else {
        const char *slash = strrchr(path, '/');
        const char *dot = strrchr(slash ? slash : path, '.');
        row = dot ? format_find(dot + 1) : NULL;
        if (!row && platform_is_dir(path))
            return app_fail(err, MARVIS_ERR_CALL, "%s is a folder; give the name of a file", path);
        if (!row)
            return app_fail(err, MARVIS_ERR_CALL,
                            "%s: the name does not end in .wav, .flac, .opus, .ogg, .mp3 or .raw; "
                            "rename it or give --format",
                            path);
    }
    if (stream && row->sndfile)
        return app_fail(err, MARVIS_ERR_CALL,
                        "%s needs an ordinary file, and %s is none; give -o FILE.%s", row->name,
                        strcmp(path, "-") == 0 ? "standard output" : path, row->name);
    *format = row->format;
    return MARVIS_OK;
}

marvis_status audio_writer_open(const char *path, audio_format format, audio_writer **writer,
                                marvis_error *err) {
    marvis_status status;
    audio_writer *w = calloc(1, sizeof *w);
    *writer = NULL;
    if (!w) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    w->format = format;
    status = out_file_open(&w->file, path, err);
    if (status != MARVIS_OK) {
        free(w);
        return status;
    }
    *writer = w;
    return MARVIS_OK;
}

void audio_writer_set_wait(audio_writer *w, bool (*wait)(int fd)) {
    struct stat st;
    if (fstat(w->file.fd, &st) == 0 && !S_ISREG(st.st_mode)) w->file.wait = wait;
}

bool audio_writer_is_cut(const audio_writer *w) { return w && w->file.is_cut; }

/* ---- WAV ------------------------------------------------------------------------------------ */

static uint8_t *put_le(uint8_t *at, uint32_t value, int n_bytes) {
    for (int i = 0; i < n_bytes; i++)
        *at++ = (uint8_t)(value >> (8 * i));
    return at;
}

static uint8_t *put_tag(uint8_t *at, const char *tag) {
    memcpy(at, tag, 4);
    return at + 4;
}

/* n_bytes of samples, or UINT32_MAX: as many as follow. */
static void wav_header(uint8_t header[WAV_HEADER_BYTES], int sample_rate, uint32_t n_bytes) {
    uint32_t rate = (uint32_t)sample_rate;
    uint32_t riff = n_bytes > UINT32_MAX - 36 ? UINT32_MAX : n_bytes + 36;
    uint8_t *at = put_tag(header, "RIFF");
    at = put_le(at, riff, 4);
    at = put_tag(at, "WAVE");
    at = put_tag(at, "fmt ");
    at = put_le(at, 16, 4);
    at = put_le(at, 1, 2); /* PCM */
    at = put_le(at, 1, 2); /* mono */
    at = put_le(at, rate, 4);
    at = put_le(at, rate * 2, 4);
    at = put_le(at, 2, 2);  /* bytes a sample of all channels */
    at = put_le(at, 16, 2); /* bits */
    at = put_tag(at, "data");
    put_le(at, n_bytes, 4);
}

/* The true sizes, once they are known. */
static marvis_status wav_finish(audio_writer *w, marvis_error *err) {
    uint8_t header[WAV_HEADER_BYTES];
    int64_t n_bytes = w->file.size - WAV_HEADER_BYTES;
    if (!w->file.seekable) return MARVIS_OK;
    wav_header(header, w->sample_rate, n_bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)n_bytes);
    return out_file_overwrite(&w->file, 0, header, sizeof header, err);
}

/* ---- libsndfile ----------------------------------------------------------------------------- */

static sf_count_t vio_length(void *user) {
    audio_writer *w = user;
    return w->file.size;
}

static sf_count_t vio_seek(sf_count_t offset, int whence, void *user) {
    audio_writer *w = user;
    int64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? w->encoder_at : w->file.size;
    if (base + offset >= 0 && base + offset <= w->file.size) w->encoder_at = base + offset;
    return w->encoder_at;
}

static sf_count_t vio_read(void *to, sf_count_t count, void *user) {
    audio_writer *w = user;
    ssize_t n = pread(w->file.fd, to, (size_t)count, (off_t)w->encoder_at);
    if (n > 0) w->encoder_at += n;
    return n > 0 ? n : 0;
}

static sf_count_t vio_write(const void *from, sf_count_t count, void *user) {
    audio_writer *w = user;
    sf_count_t done = 0;
    while (done < count && !w->encoder_errno) {
        ssize_t n = pwrite(w->file.fd, (const char *)from + done, (size_t)(count - done),
                           (off_t)w->encoder_at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            w->encoder_errno = errno;
            break;
        }
        done += n;
        w->encoder_at += n;
        if (w->encoder_at > w->file.size) w->file.size = w->encoder_at;
    }
    return done;
}

static sf_count_t vio_tell(void *user) {
    audio_writer *w = user;
    return w->encoder_at;
}

static marvis_status encoder_start(audio_writer *w, marvis_error *err) {
    SF_VIRTUAL_IO io = {vio_length, vio_seek, vio_read, vio_write, vio_tell};
    SF_INFO info = {
        .samplerate = w->sample_rate, .channels = 1, .format = format_sndfile(w->format)};
    w->encoder = sf_open_virtual(&io, SFM_WRITE, &info, w);
    if (!w->encoder && w->encoder_errno)
        return app_fail(err, MARVIS_ERR_IO, "%s: cannot be written: %s", w->file.name,
                        strerror(w->encoder_errno));
    if (!w->encoder)
        return app_fail(err, MARVIS_ERR_UNSUPPORTED,
                        "%s: libsndfile cannot write this format at %d Hz; use .wav", w->file.name,
                        w->sample_rate);
    return MARVIS_OK;
}

static marvis_status encoder_check(audio_writer *w, bool complete, marvis_error *err) {
    if (complete && !w->encoder_errno) return MARVIS_OK;
    return app_fail(err, MARVIS_ERR_IO, "%s: cannot be written: %s", w->file.name,
                    w->encoder_errno ? strerror(w->encoder_errno) : sf_strerror(w->encoder));
}

static marvis_status encoder_finish(audio_writer *w, marvis_error *err) {
    int code = sf_close(w->encoder);
    w->encoder = NULL;
    return encoder_check(w, code == 0, err);
}

/* ---- all formats ---------------------------------------------------------------------------- */

marvis_status audio_writer_start(audio_writer *w, int sample_rate, marvis_error *err) {
    uint8_t header[WAV_HEADER_BYTES];
    w->sample_rate = sample_rate;
    if (format_sndfile(w->format)) return encoder_start(w, err);
    if (w->format != AUDIO_WAV) return MARVIS_OK;
    wav_header(header, sample_rate, UINT32_MAX);
    return out_file_write(&w->file, header, sizeof header, err);
}

static marvis_status write_block(audio_writer *w, const float *pcm, size_t n, marvis_error *err) {
    sf_count_t count = (sf_count_t)n;
    switch (w->format) {
    case AUDIO_WAV:
    case AUDIO_S16:
        pcm_to_s16le(pcm, w->block.bytes, n);
        return out_file_write(&w->file, w->block.bytes, 2 * n, err);
    case AUDIO_F32:
        pcm_to_f32le(pcm, w->block.bytes, n);
        return out_file_write(&w->file, w->block.bytes, 4 * n, err);
    case AUDIO_FLAC:
        pcm_to_s16(pcm, w->block.s16, n);
        return encoder_check(w, sf_write_short(w->encoder, w->block.s16, count) == count, err);
    case AUDIO_OPUS:
    case AUDIO_MP3:
        pcm_clamp(pcm, w->block.f32, n);
        return encoder_check(w, sf_write_float(w->encoder, w->block.f32, count) == count, err);
    }
    return app_fail(err, MARVIS_ERR_INTERNAL, "unknown audio format %d", (int)w->format);
}

marvis_status audio_writer_write(audio_writer *w, const float *pcm, size_t n, marvis_error *err) {
    while (n > 0) {
        size_t count = n < BLOCK ? n : BLOCK;
        marvis_status status = write_block(w, pcm, count, err);
        if (status != MARVIS_OK) return status;
        pcm += count;
        n -= count;
    }
    return MARVIS_OK;
}

marvis_status audio_writer_finish(audio_writer *w, marvis_error *err) {
    marvis_status status = MARVIS_OK;
    if (w->encoder)
        status = encoder_finish(w, err);
    else if (w->format == AUDIO_WAV)
        status = wav_finish(w, err);
    return status == MARVIS_OK ? out_file_commit(&w->file, err) : status;
}

/* Samples in what an encoder has written so far, as others will read it; 0: it is no audio file. An
 * encoder that could not complete its file has left out how long it is: they are counted, where
 * they are wanted no more, up to `least`. */
static int64_t count_encoded(audio_writer *w, double least, bool (*is_cancelled)(void),
                             bool *is_counted) {
    SF_VIRTUAL_IO io = {vio_length, vio_seek, vio_read, vio_write, vio_tell};
    SF_INFO info = {0};
    int64_t n = 0;
    sf_count_t part;
    w->encoder_at = 0;
    SNDFILE *decoder = sf_open_virtual(&io, SFM_READ, &info, w);
    if (!decoder) return 0;
    while (*is_counted && (part = sf_read_float(decoder, w->block.f32, BLOCK)) > 0) {
        n += part;
        *is_counted = !((double)n >= least && is_cancelled && is_cancelled());
    }
    sf_close(decoder);
    return n;
}

marvis_status audio_writer_keep(audio_writer *w, double least_s, bool (*is_cancelled)(void),
                                audio_kept *kept, marvis_error *err) {
    marvis_status status = MARVIS_OK;
    bool is_encoded = format_sndfile(w->format) != 0;
    int64_t header = w->format == AUDIO_WAV ? WAV_HEADER_BYTES : 0, n_samples;
    int64_t bytes = w->file.size - header, sample = w->format == AUDIO_F32 ? 4 : 2;
    *kept = (audio_kept){0, true};
    if (w->encoder) sf_close(w->encoder); /* what it cannot write any more is missing at the end */
    w->encoder = NULL;
    if (!w->file.temp) return app_fail(err, MARVIS_ERR_IO, "there is nothing to keep");
    if (is_encoded)
        n_samples = count_encoded(w, least_s * w->sample_rate, is_cancelled, &kept->is_counted);
    else
        n_samples = bytes > 0 ? bytes / sample : 0;
    if (!is_encoded) w->file.size = header + n_samples * sample;
    if (n_samples > 0) kept->seconds = (double)n_samples / w->sample_rate;
    if (n_samples <= 0 || kept->seconds < least_s)
        status = app_fail(err, MARVIS_ERR_IO, "%s: there is nothing to keep", w->file.name);
    else if (ftruncate(w->file.fd, (off_t)w->file.size) != 0)
        status =
            app_fail(err, MARVIS_ERR_IO, "%s: cannot be cut: %s", w->file.name, strerror(errno));
    else if (w->format == AUDIO_WAV)
        status = wav_finish(w, err);
    if (status == MARVIS_OK) return out_file_commit(&w->file, err);
    out_file_discard(&w->file);
    return status;
}

void audio_writer_destroy(audio_writer **writer) {
    audio_writer *w = *writer;
    if (!w) return;
    if (w->encoder) sf_close(w->encoder);
    out_file_discard(&w->file);
    free(w);
    *writer = NULL;
}
