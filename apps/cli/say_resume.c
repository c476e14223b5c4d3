/* say_resume.c - see say_resume.h. */
#include "cli/say_resume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"
#include "common/out_file.h"
#include "common/platform.h"

enum { BLOCK = 4096, MOST_TEXT = 1 << 20 };

marvis_status say_resume_open(say_resume *r, const char *path, audio_format format,
                              marvis_error *err) {
    json_error_t where;
    *r = (say_resume){.path = path, .format = format, .fd = -1};
    if (out_file_is_stream(path))
        return app_fail(err, MARVIS_ERR_CALL,
                        "--resume needs an ordinary file, and %s is none; give -o FILE",
                        strcmp(path, "-") == 0 ? "standard output" : path);
    r->partial = platform_concat(path, ".partial");
    r->state = platform_concat(path, ".resume");
    if (!r->partial || !r->state) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    marvis_status status = out_file_probe(path, err);
    if (status != MARVIS_OK) return status;
    if (access(r->state, F_OK) != 0) return MARVIS_OK;
    if (out_file_is_stream(r->state))
        return app_fail(err, MARVIS_ERR_IO, "%s is no ordinary file; remove it", r->state);
    r->old = json_load_file(r->state, 0, &where);
    if (!json_is_object(r->old) || !json_is_object(json_object_get(r->old, "what")))
        return app_fail(err, MARVIS_ERR_INPUT,
                        "%s: damaged, or not of marvis say; remove it and %s to begin anew",
                        r->state, r->partial);
    return MARVIS_OK;
}

uint64_t say_resume_seed(const say_resume *r, uint64_t seed, bool given) {
    json_t *old = json_object_get(json_object_get(r->old, "what"), "seed");
    return given || !json_is_integer(old) ? seed : (uint64_t)json_integer_value(old);
}

/* ---- the position --------------------------------------------------------------------------- */

static json_t *hex_of(const char *text, size_t n) {
    char *hex = malloc(2 * n + 1);
    if (!hex) return NULL;
    for (size_t i = 0; i < n; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned)(unsigned char)text[i]);
    json_t *string = json_stringn(hex, 2 * n);
    free(hex);
    return string;
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_tail(say_resume *r, json_t *tail, marvis_recording *recording) {
    json_t *codes = json_object_get(tail, "codes");
    const char *hex = json_string_value(json_object_get(tail, "text"));
    size_t n_codes = json_array_size(codes), n = hex ? strlen(hex) / 2 : 0;
    json_int_t n_codebooks = json_integer_value(json_object_get(tail, "codebooks"));
    marvis_recording_init(recording);
    if (n_codes == 0) return true;
    if (n_codebooks < 1 || n_codebooks > 1024 || n_codes % (size_t)n_codebooks != 0 || n == 0 ||
        n > MOST_TEXT)
        return false;
    r->codes = malloc(n_codes * sizeof *r->codes);
    r->text = malloc(n);
    if (!r->codes || !r->text) return false;
    for (size_t i = 0; i < n_codes; i++) {
        json_int_t code = json_integer_value(json_array_get(codes, i));
        if (code < 0 || code > INT32_MAX) return false;
        r->codes[i] = (int32_t)code;
    }
    for (size_t i = 0; i < n; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        r->text[i] = (char)(16 * high + low);
    }
    recording->text = r->text;
    recording->text_len_bytes = n;
    recording->codes = r->codes;
    recording->n_frames = n_codes / (size_t)n_codebooks;
    recording->n_codebooks = (int)n_codebooks;
    return true;
}

static bool read_position(say_resume *r, marvis_speech_position *p) {
    json_int_t offset, n_pieces, n_within, n_frames, n_samples;
    json_t *tail;
    double last;
    int pause_ms, contiguous;
    *p = (marvis_speech_position){.struct_size = sizeof *p};
    if (json_unpack(r->old, "{s:I, s:I, s:I, s:I, s:I, s:i, s:F, s:b, s:o}", "offset", &offset,
                    "pieces", &n_pieces, "pieces_of_paragraph", &n_within, "frames", &n_frames,
                    "samples", &n_samples, "pause_ms", &pause_ms, "last", &last, "contiguous",
                    &contiguous, "tail", &tail) != 0 ||
        offset < 0 || n_pieces < 0 || n_within < 0 || n_frames < 0 || n_samples < 0)
        return false;
    p->offset = (uint64_t)offset;
    p->n_pieces = (uint64_t)n_pieces;
    p->n_within = (uint64_t)n_within;
    p->n_frames = n_frames;
    p->n_samples = n_samples;
    p->pause_ms = pause_ms;
    p->last = (float)last;
    p->contiguous = contiguous;
    return read_tail(r, tail, &p->tail);
}

/* The samples behind the position are those of a piece that was not completed. */
static marvis_status open_partial(say_resume *r, int64_t n_samples, marvis_error *err) {
    struct stat st;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    off_t size = n_samples > INT64_MAX / 4 ? 0 : (off_t)n_samples * 4;
    r->fd = open(r->partial, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (r->fd < 0 || fstat(r->fd, &st) != 0)
        return app_fail(err, MARVIS_ERR_IO, "%s: cannot be opened: %s", r->partial,
                        strerror(errno));
    if (!S_ISREG(st.st_mode)) {
        close(r->fd); /* and it is not ours to remove */
        r->fd = -1;
        return app_fail(err, MARVIS_ERR_IO, "%s is no ordinary file; remove it", r->partial);
    }
    if (fcntl(r->fd, F_SETLK, &lock) != 0 && (errno == EACCES || errno == EAGAIN)) {
        close(r->fd); /* and it is not ours to remove */
        r->fd = -1;
        return app_fail(err, MARVIS_ERR_IO,
                        "%s: another marvis is writing it; wait for that one, or end it",
                        r->partial);
    }
    if (n_samples > INT64_MAX / 4 || st.st_size < size)
        return app_fail(err, MARVIS_ERR_INPUT,
                        "%s: holds less than %s says; remove both to begin anew", r->partial,
                        r->state);
    if (ftruncate(r->fd, size) != 0 || lseek(r->fd, size, SEEK_SET) < 0)
        return app_fail(err, MARVIS_ERR_IO, "%s: cannot be written: %s", r->partial,
                        strerror(errno));
    return MARVIS_OK;
}

marvis_status say_resume_begin(say_resume *r, json_t *what, marvis_speech_position *position,
                               bool *found, marvis_error *err) {
    const char *key;
    json_t *value, *old = json_object_get(r->old, "what");
    *found = r->old != NULL;
    *position = (marvis_speech_position){.struct_size = sizeof *position};
    r->what = what;
    if (!what) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    if (!*found) return open_partial(r, 0, err);
    json_object_foreach(what, key, value) {
        if (!json_equal(value, json_object_get(old, key)))
            return app_fail(err, MARVIS_ERR_INPUT,
                            "%s: was begun with another %s; give the same call again, or remove it "
                            "and %s to begin anew",
                            r->state, key, r->partial);
    }
    if (!read_position(r, position))
        return app_fail(err, MARVIS_ERR_INPUT, "%s: damaged; remove it and %s to begin anew",
                        r->state, r->partial);
    r->saved_pieces = position->n_pieces;
    return open_partial(r, position->n_samples, err);
}

static json_t *tail_json(const marvis_recording *tail) {
    json_t *codes = json_array();
    for (size_t i = 0; i < tail->n_frames * (size_t)tail->n_codebooks; i++)
        json_array_append_new(codes, json_integer(tail->codes[i]));
    return json_pack("{s:o, s:i, s:o}", "text", hex_of(tail->text, tail->text_len_bytes),
                     "codebooks", tail->n_codebooks, "codes", codes);
}

marvis_status say_resume_save(say_resume *r, const marvis_speech *speech, marvis_error *err) {
    marvis_speech_position p = {.struct_size = sizeof p};
    if (!r->path) return MARVIS_OK;
    marvis_speech_position_get(speech, &p);
    return p.n_pieces == r->saved_pieces ? MARVIS_OK : say_resume_note(r, &p, err);
}

marvis_status say_resume_note(say_resume *r, const marvis_speech_position *at, marvis_error *err) {
    const marvis_speech_position p = *at;
    out_file file;
    if (!r->path) return MARVIS_OK;
    json_t *root = json_pack(
        "{s:s, s:O, s:I, s:I, s:I, s:I, s:I, s:i, s:f, s:b, s:o}", "version", marvis_version(),
        "what", r->what, "offset", (json_int_t)p.offset, "pieces", (json_int_t)p.n_pieces,
        "pieces_of_paragraph", (json_int_t)p.n_within, "frames", (json_int_t)p.n_frames, "samples",
        (json_int_t)p.n_samples, "pause_ms", p.pause_ms, "last", (double)p.last, "contiguous",
        p.contiguous, "tail", tail_json(&p.tail));
    char *text = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(root);
    if (!text) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    marvis_status status = out_file_open(&file, r->state, err);
    if (status == MARVIS_OK) {
        status = out_file_write(&file, text, strlen(text), err);
        if (status == MARVIS_OK)
            status = out_file_commit(&file, err);
        else
            out_file_discard(&file);
    }
    free(text);
    if (status == MARVIS_OK) r->saved_pieces = p.n_pieces;
    return status;
}

/* ---- the sink ------------------------------------------------------------------------------- */

static marvis_status start(void *ctx, int sample_rate, marvis_error *err) {
    say_resume *r = ctx;
    (void)err;
    r->sample_rate = sample_rate;
    return MARVIS_OK;
}

static marvis_status write_samples(void *ctx, const float *pcm, size_t n, marvis_error *err) {
    say_resume *r = ctx;
    const char *next = (const char *)pcm;
    size_t left = n * sizeof *pcm;
    while (left > 0) {
        ssize_t written = write(r->fd, next, left);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0)
            return app_fail(err, MARVIS_ERR_IO, "%s: cannot be written: %s", r->partial,
                            strerror(errno));
        next += written;
        left -= (size_t)written;
    }
    return MARVIS_OK;
}

static marvis_status copy_samples(say_resume *r, audio_writer *writer, marvis_error *err) {
    static const char message[] = "%s: cannot be read: %s";
    float block[BLOCK];
    off_t at = 0;
    for (;;) {
        ssize_t n = pread(r->fd, block, sizeof block, at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return app_fail(err, MARVIS_ERR_IO, message, r->partial, strerror(errno));
        size_t n_samples = (size_t)n / sizeof *block;
        if (n_samples == 0) return MARVIS_OK;
        marvis_status status = audio_writer_write(writer, block, n_samples, err);
        if (status != MARVIS_OK) return status;
        at += (off_t)(n_samples * sizeof *block);
    }
}

static marvis_status finish(void *ctx, marvis_error *err) {
    say_resume *r = ctx;
    audio_writer *writer;
    marvis_status status = audio_writer_open(r->path, r->format, &writer, err);
    if (status != MARVIS_OK) return status;
    status = audio_writer_start(writer, r->sample_rate, err);
    if (status == MARVIS_OK) status = copy_samples(r, writer, err);
    if (status == MARVIS_OK) status = audio_writer_finish(writer, err);
    audio_writer_destroy(&writer);
    if (status != MARVIS_OK) return status;
    unlink(r->state);
    unlink(r->partial);
    return MARVIS_OK;
}

say_sink say_resume_sink(say_resume *resume) {
    return (say_sink){resume, start, write_samples, write_samples, NULL, finish};
}

void say_resume_close(say_resume *r) {
    if (r->fd >= 0) {
        if (r->saved_pieces == 0) unlink(r->partial); /* nothing that could be gone on from */
        close(r->fd);
    }
    json_decref(r->old);
    json_decref(r->what);
    free(r->partial);
    free(r->state);
    free(r->codes);
    free(r->text);
    *r = (say_resume){.fd = -1};
}
