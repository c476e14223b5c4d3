/* audio_read.c - see audio_read.h. */
#include "common/audio_read.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sndfile.h>
#include <soxr.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"

enum {
    BLOCK = 4096,     /* frames of the file that are read at a time */
    MAX_CHUNKS = 1000 /* of a WAV, looked through for its sound */
};

/* Louder than any sound, as the library has it. */
static const float max_sample = 1e6f;

struct audio_reader {
    char *path;
    int fd;
    SNDFILE *file;
    SF_INFO info;
    double max_seconds;
    int64_t n_read;   /* frames of the file */
    int64_t n_given;  /* samples of the result */
    bool has_length;  /* the file says how long it is: info.frames */
    bool file_ended;  /* nothing more in the file */
    soxr_t resampler; /* NULL: the file has the rate that is wanted */
    float *frames;    /* [BLOCK][channels] */
    float *mono;      /* [BLOCK] */
    size_t n_mono;    /* read and mixed */
    size_t n_used;    /* of those, given out or to the resampler */
};

/* ---- what the file claims ------------------------------------------------------------------- */

static uint32_t little32(const uint8_t *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* libsndfile takes a WAV that lacks its end for a shorter one. *missing: the bytes of its data
 * chunk that are not there; 0 for other files, and for a WAV that was written into a pipe, whose
 * header cannot know. */
static void find_missing(int fd, int64_t size, int64_t *missing) {
    uint8_t head[12];
    *missing = 0;
    if (pread(fd, head, sizeof head, 0) != (ssize_t)sizeof head || memcmp(head, "RIFF", 4) != 0 ||
        memcmp(head + 8, "WAVE", 4) != 0)
        return;
    int64_t at = 12;
    for (int i = 0; i < MAX_CHUNKS && at + 8 <= size; i++) {
        uint8_t chunk[8];
        if (pread(fd, chunk, sizeof chunk, (off_t)at) != (ssize_t)sizeof chunk) return;
        const int64_t n = little32(chunk + 4), end = at + 8 + n;
        if (memcmp(chunk, "data", 4) == 0) {
            /* From 2^31 - 64 KiB on it is what programs write that do not know better. */
            if (end > size && n < 0x7fff0000) *missing = end - size;
            return;
        }
        at = end + (n & 1);
    }
}

/* Whether info.frames is what the file says. An MP3 says it in its first frame, or not at all: then
 * libsndfile guesses from the bit rate there. A file that does not know says the largest number. */
static bool says_length(int fd, const SF_INFO *info) {
    static const char *const marks[] = {"Xing", "Info", "VBRI"};
    uint8_t head[64];
    off_t at = 0;
    if ((info->format & SF_FORMAT_TYPEMASK) != SF_FORMAT_MPEG) return info->frames < SF_COUNT_MAX;
    if (pread(fd, head, 10, 0) == 10 && memcmp(head, "ID3", 3) == 0) /* 7 bits of each count */
        at = 10 + ((head[6] & 127) << 21 | (head[7] & 127) << 14 | (head[8] & 127) << 7 |
                   (head[9] & 127));
    const ssize_t n = pread(fd, head, sizeof head, at);
    for (ssize_t i = 0; i + 4 <= n; i++)
        for (size_t m = 0; m < sizeof marks / sizeof *marks; m++)
            if (memcmp(head + i, marks[m], 4) == 0) return true;
    return false;
}

static marvis_status open_file(audio_reader *r, marvis_error *err) {
    struct stat st;
    /* O_NONBLOCK: a FIFO is refused below instead of waiting for a writer */
    r->fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (r->fd < 0)
        return app_fail(err, errno == ENOENT ? MARVIS_ERR_NOT_FOUND : MARVIS_ERR_IO,
                        "%s: cannot be opened: %s", r->path, strerror(errno));
    if (fstat(r->fd, &st) != 0)
        return app_fail(err, MARVIS_ERR_IO, "%s: cannot be read: %s", r->path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return app_fail(err, MARVIS_ERR_INPUT, "%s: is no ordinary file; give an audio file",
                        r->path);
    if (st.st_size == 0)
        return app_fail(err, MARVIS_ERR_INPUT, "%s: is empty; give an audio file", r->path);
    int64_t missing;
    find_missing(r->fd, st.st_size, &missing);
    r->file = sf_open_fd(r->fd, SFM_READ, &r->info, SF_FALSE);
    if (!r->file)
        return app_fail(err, MARVIS_ERR_FORMAT, "%s: is not audio that can be read: %s", r->path,
                        sf_strerror(NULL));
    if (missing > 0)
        return app_fail(err, MARVIS_ERR_FORMAT,
                        "%s: is cut off: %lld bytes of its sound are missing", r->path,
                        (long long)missing);
    r->has_length = says_length(r->fd, &r->info);
    return MARVIS_OK;
}

static marvis_status fail_too_long(const audio_reader *r, double seconds, marvis_error *err) {
    return app_fail(err, MARVIS_ERR_INPUT, "%s: is longer than %g s (%.1f s); cut it", r->path,
                    r->max_seconds, seconds);
}

static marvis_status check_claims(const audio_reader *r, marvis_error *err) {
    const SF_INFO *info = &r->info;
    if (info->samplerate < AUDIO_MIN_RATE || info->samplerate > AUDIO_MAX_RATE)
        return app_fail(err, MARVIS_ERR_INPUT, "%s: has %d samples a second; %d to %d can be read",
                        r->path, info->samplerate, AUDIO_MIN_RATE, AUDIO_MAX_RATE);
    if (info->channels < 1 || info->channels > AUDIO_MAX_CHANNELS)
        return app_fail(err, MARVIS_ERR_INPUT, "%s: has %d channels; 1 to %d can be read", r->path,
                        info->channels, AUDIO_MAX_CHANNELS);
    const double seconds = (double)info->frames / info->samplerate;
    if (r->has_length && seconds > r->max_seconds) return fail_too_long(r, seconds, err);
    return MARVIS_OK;
}

static marvis_status make_buffers(audio_reader *r, int sample_rate, marvis_error *err) {
    r->frames = malloc(sizeof *r->frames * BLOCK * (size_t)r->info.channels);
    r->mono = malloc(sizeof *r->mono * BLOCK);
    if (!r->frames || !r->mono) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    if (r->info.samplerate == sample_rate) return MARVIS_OK;
    const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
    soxr_error_t error = NULL;
    r->resampler = soxr_create(r->info.samplerate, sample_rate, 1, &error, NULL, &quality, NULL);
    if (!r->resampler || error)
        return app_fail(err, MARVIS_ERR_MEMORY, "%s: cannot be converted from %d to %d Hz: %s",
                        r->path, r->info.samplerate, sample_rate, error ? error : "out of memory");
    return MARVIS_OK;
}

marvis_status audio_reader_open(const char *path, int sample_rate, double max_seconds,
                                audio_reader **reader, marvis_error *err) {
    *reader = NULL;
    audio_reader *r = calloc(1, sizeof *r);
    if (!r) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    r->fd = -1;
    r->max_seconds = max_seconds;
    r->path = strdup(path);
    marvis_status status =
        r->path ? open_file(r, err) : app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    if (status == MARVIS_OK) status = check_claims(r, err);
    if (status == MARVIS_OK) status = make_buffers(r, sample_rate, err);
    if (status != MARVIS_OK) {
        audio_reader_close(&r);
        return status;
    }
    *reader = r;
    return MARVIS_OK;
}

void audio_reader_close(audio_reader **reader) {
    audio_reader *r = *reader;
    if (!r) return;
    if (r->file) sf_close(r->file);
    if (r->fd >= 0) close(r->fd);
    soxr_delete(r->resampler);
    free(r->frames);
    free(r->mono);
    free(r->path);
    free(r);
    *reader = NULL;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* The file has no more: is that all it said? */
static marvis_status check_end(const audio_reader *r, marvis_error *err) {
    if (sf_error(r->file) != SF_ERR_NO_ERROR)
        return app_fail(err, MARVIS_ERR_FORMAT, "%s: is damaged after %.2f s: %s", r->path,
                        (double)r->n_read / r->info.samplerate, sf_strerror(r->file));
    if (r->n_read == 0)
        return app_fail(err, MARVIS_ERR_INPUT, "%s: holds no sound: it has no samples", r->path);
    if (r->has_length && r->n_read < r->info.frames)
        return app_fail(err, MARVIS_ERR_FORMAT,
                        "%s: is cut off or damaged: %.2f s of its %.2f s can be read", r->path,
                        (double)r->n_read / r->info.samplerate,
                        (double)r->info.frames / r->info.samplerate);
    return MARVIS_OK;
}

static marvis_status fail_sample(const audio_reader *r, size_t t, marvis_error *err) {
    const int64_t at = r->n_read + (int64_t)t;
    const double seconds = (double)at / r->info.samplerate, value = (double)r->mono[t];
    if (!isfinite(value))
        return app_fail(err, MARVIS_ERR_INPUT, "%s: sample %lld (at %.3f s) is not a number",
                        r->path, (long long)at, seconds);
    return app_fail(err, MARVIS_ERR_INPUT,
                    "%s: sample %lld (at %.3f s) is %g; samples lie between -1 and 1", r->path,
                    (long long)at, seconds, value);
}

/* Averages the channels of n frames. */
static marvis_status mix(audio_reader *r, size_t n, marvis_error *err) {
    const size_t n_channels = (size_t)r->info.channels;
    for (size_t t = 0; t < n; t++) {
        float sum = 0;
        for (size_t c = 0; c < n_channels; c++)
            sum += r->frames[t * n_channels + c];
        r->mono[t] = sum / (float)n_channels;
        if (!(fabsf(r->mono[t]) <= max_sample)) return fail_sample(r, t, err);
    }
    return MARVIS_OK;
}

/* Refills mono, or notes the end. */
static marvis_status fill(audio_reader *r, marvis_error *err) {
    r->n_mono = r->n_used = 0;
    const sf_count_t n = sf_readf_float(r->file, r->frames, BLOCK);
    if (n <= 0) {
        r->file_ended = true;
        return check_end(r, err);
    }
    marvis_status status = mix(r, (size_t)n, err);
    if (status != MARVIS_OK) return status;
    r->n_mono = (size_t)n;
    r->n_read += n;
    const double seconds = (double)r->n_read / r->info.samplerate;
    return seconds > r->max_seconds ? fail_too_long(r, seconds, err) : MARVIS_OK;
}

/* Moves what fits from mono to pcm, through the resampler if there is one. */
static marvis_status convert(audio_reader *r, float *pcm, size_t n_max, size_t *n,
                             marvis_error *err) {
    const size_t n_left = r->n_mono - r->n_used;
    size_t n_taken = n_left < n_max ? n_left : n_max;
    *n = n_taken;
    if (r->resampler) {
        /* No input is how it is told that there is no more. */
        const bool end = r->file_ended && n_left == 0;
        soxr_error_t error = soxr_process(r->resampler, end ? NULL : r->mono + r->n_used,
                                          end ? 0 : n_left, &n_taken, pcm, n_max, n);
        if (end) n_taken = 0;
        if (error)
            return app_fail(err, MARVIS_ERR_INTERNAL, "%s: cannot be converted: %s", r->path,
                            error);
    } else {
        memcpy(pcm, r->mono + r->n_used, n_taken * sizeof *pcm);
    }
    r->n_used += n_taken;
    return MARVIS_OK;
}

marvis_status audio_reader_read(audio_reader *r, float *pcm, size_t n_max, size_t *n,
                                marvis_error *err) {
    *n = 0;
    while (*n < n_max) {
        marvis_status status = MARVIS_OK;
        size_t n_new;
        if (r->n_used == r->n_mono && !r->file_ended) status = fill(r, err);
        if (status == MARVIS_OK) status = convert(r, pcm + *n, n_max - *n, &n_new, err);
        if (status != MARVIS_OK) {
            *n = 0;
            return status;
        }
        if (n_new == 0 && r->file_ended && r->n_used == r->n_mono) break;
        *n += n_new;
    }
    r->n_given += (int64_t)*n;
    if (n_max > 0 && r->n_given == 0) /* resampled to nothing */
        return app_fail(err, MARVIS_ERR_INPUT,
                        "%s: holds no sound: %lld samples of %d a second make no samples here",
                        r->path, (long long)r->n_read, r->info.samplerate);
    return MARVIS_OK;
}

marvis_status audio_read(const char *path, int sample_rate, double max_seconds, float **pcm,
                         size_t *n_samples, marvis_error *err) {
    audio_reader *reader;
    float *all = NULL;
    size_t n = 0, capacity = 0, n_new = 1;
    *pcm = NULL;
    *n_samples = 0;
    marvis_status status = audio_reader_open(path, sample_rate, max_seconds, &reader, err);
    while (status == MARVIS_OK && n_new > 0) {
        if (n == capacity) {
            capacity = capacity ? 2 * capacity : (size_t)1 << 16;
            float *grown = realloc(all, capacity * sizeof *all);
            if (!grown) {
                status = app_fail(err, MARVIS_ERR_MEMORY, "%s: out of memory after %zu samples",
                                  path, n);
                break;
            }
            all = grown;
        }
        status = audio_reader_read(reader, all + n, capacity - n, &n_new, err);
        n += n_new;
    }
    audio_reader_close(&reader);
    if (status != MARVIS_OK) {
        free(all);
        return status;
    }
    *pcm = all;
    *n_samples = n;
    return MARVIS_OK;
}
