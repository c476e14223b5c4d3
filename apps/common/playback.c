/* playback.c - see playback.h. */
#include "common/playback.h"

#include "common/error.h"

#ifndef APPS_PORTAUDIO

marvis_status playback_open(const playback_settings *settings, playback **out, marvis_error *err) {
    (void)settings;
    *out = NULL;
    return app_fail(err, MARVIS_ERR_UNSUPPORTED,
                    "no sound: this program was built without PortAudio; install it "
                    "(portaudio19-dev, in brew portaudio) and build again, or write a file");
}

marvis_status playback_write(playback *p, const float *pcm, size_t n, marvis_error *err) {
    (void)p, (void)pcm, (void)n;
    return app_fail(err, MARVIS_ERR_UNSUPPORTED, "no PortAudio");
}

marvis_status playback_pause(playback *p, const float *silence, size_t n, marvis_error *err) {
    return playback_write(p, silence, n, err);
}

marvis_status playback_rest(playback *p, marvis_error *err) {
    (void)p;
    return app_fail(err, MARVIS_ERR_UNSUPPORTED, "no PortAudio");
}

marvis_status playback_drain(playback *p, marvis_error *err) { return playback_rest(p, err); }

void playback_report(const playback *p, jitter_report *report) {
    (void)p;
    *report = (jitter_report){0};
}

void playback_close(playback **p) { *p = NULL; }

#else

#include <ctype.h>
#include <fcntl.h>
#include <portaudio.h>
#include <soxr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/platform.h"

enum { CONVERTED = 4096, WAIT_MS = 10 };

struct playback {
    playback_settings settings;
    bool initialised;
    PaStream *stream;
    jitter_buffer *buffer;
    soxr_t converter; /* NULL: the card has the speech's rate */
    float converted[CONVERTED];
    bool rests;          /* nothing was written since the last rest */
    double written_at_s; /* when the last write was over */
};

/* ---- the card ------------------------------------------------------------------------------- */

/* The libraries under PortAudio tell standard error of every card that they do not find. */
static int hush_stderr(void) {
    int kept = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    fflush(stderr);
    if (nowhere >= 0 && kept >= 0) dup2(nowhere, STDERR_FILENO);
    if (nowhere >= 0) close(nowhere);
    return kept;
}

static void restore_stderr(int kept) {
    if (kept < 0) return;
    dup2(kept, STDERR_FILENO);
    close(kept);
}

static int on_card_wants(const void *input, void *output, unsigned long n,
                         const PaStreamCallbackTimeInfo *time, PaStreamCallbackFlags flags,
                         void *ctx) {
    playback *p = ctx;
    (void)input, (void)time, (void)flags;
    jitter_buffer_take(p->buffer, output, n);
    return paContinue;
}

static bool contains(const char *text, const char *part) {
    size_t n = strlen(part);
    for (; *text; text++) {
        size_t i = 0;
        while (i < n && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]))
            i++;
        if (i == n) return true;
    }
    return false;
}

static bool plays(PaDeviceIndex i) {
    const PaDeviceInfo *info = Pa_GetDeviceInfo(i);
    return info && info->maxOutputChannels > 0;
}

/* "0: HDMI, 3: USB Audio" */
static const char *list_cards(char *list, size_t size) {
    size_t at = 0;
    list[0] = '\0';
    for (PaDeviceIndex i = 0; i < Pa_GetDeviceCount() && at < size; i++)
        if (plays(i))
            at += (size_t)snprintf(list + at, size - at, "%s%d: %.60s", at ? ", " : "", i,
                                   Pa_GetDeviceInfo(i)->name);
    return list;
}

static marvis_status find_card(const char *wanted, PaDeviceIndex *found, marvis_error *err) {
    char list[600], *end;
    PaDeviceIndex n = Pa_GetDeviceCount();
    long number = wanted ? strtol(wanted, &end, 10) : -1;
    bool is_number = wanted && *wanted && *end == '\0';
    *found = wanted ? paNoDevice : Pa_GetDefaultOutputDevice();
    if (is_number && number >= 0 && number < n && plays((PaDeviceIndex)number))
        *found = (PaDeviceIndex)number;
    for (PaDeviceIndex i = 0; wanted && !is_number && i < n && *found == paNoDevice; i++)
        if (plays(i) && contains(Pa_GetDeviceInfo(i)->name, wanted)) *found = i;
    if (*found != paNoDevice) return MARVIS_OK;
    if (!*list_cards(list, sizeof list))
        return app_fail(err, MARVIS_ERR_NOT_FOUND,
                        "this machine has no sound card that can be played on; write a file with "
                        "-o FILE instead");
    if (!wanted)
        return app_fail(err, MARVIS_ERR_NOT_FOUND,
                        "no sound card is the system's default; there are: %s", list);
    return app_fail(err, MARVIS_ERR_NOT_FOUND, "no sound card '%.100s'; there are: %s", wanted,
                    list);
}

static PaError open_stream(playback *p, PaDeviceIndex card, double rate) {
    const PaDeviceInfo *info = Pa_GetDeviceInfo(card);
    PaStreamParameters output = {.device = card,
                                 .channelCount = 1,
                                 .sampleFormat = paFloat32,
                                 .suggestedLatency = info->defaultHighOutputLatency};
    return Pa_OpenStream(&p->stream, NULL, &output, rate, paFramesPerBufferUnspecified, paNoFlag,
                         on_card_wants, p);
}

/* At the speech's rate, else at the card's own and with a converter. The buffer is there before the
 * stream, which starts to ask as soon as it runs. */
static marvis_status start(playback *p, PaDeviceIndex card, marvis_error *err) {
    const PaDeviceInfo *info = Pa_GetDeviceInfo(card);
    double rate = p->settings.sample_rate;
    PaError error = open_stream(p, card, rate);
    if (error == paInvalidSampleRate) {
        soxr_error_t cause;
        rate = info->defaultSampleRate;
        p->converter = soxr_create(p->settings.sample_rate, rate, 1, &cause, NULL, NULL, NULL);
        if (!p->converter)
            return app_fail(err, MARVIS_ERR_MEMORY, "sound card '%s' at %g Hz: %s", info->name,
                            rate, cause);
        error = open_stream(p, card, rate);
    }
    if (error == paNoError) {
        jitter_settings settings;
        jitter_settings_init(&settings, (int)rate);
        if (p->settings.piece_s > 0) settings.piece_s = p->settings.piece_s;
        if (settings.capacity_s < 4 * settings.piece_s) settings.capacity_s = 4 * settings.piece_s;
        p->buffer = jitter_buffer_create(&settings);
        if (!p->buffer) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory for playback");
        error = Pa_StartStream(p->stream);
    }
    if (error != paNoError)
        return app_fail(err, MARVIS_ERR_IO, "sound card '%s' cannot be opened: %s", info->name,
                        Pa_GetErrorText(error));
    return MARVIS_OK;
}

marvis_status playback_open(const playback_settings *settings, playback **out, marvis_error *err) {
    PaDeviceIndex card;
    *out = NULL;
    playback *p = calloc(1, sizeof *p);
    if (!p) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory for playback");
    p->settings = *settings;
    int kept = hush_stderr();
    PaError error = Pa_Initialize();
    p->initialised = error == paNoError;
    marvis_status status =
        p->initialised ? find_card(settings->device, &card, err)
                       : app_fail(err, MARVIS_ERR_IO, "no sound: %s", Pa_GetErrorText(error));
    if (status == MARVIS_OK) status = start(p, card, err);
    restore_stderr(kept);
    if (status != MARVIS_OK) {
        playback_close(&p);
        return status;
    }
    p->rests = true;
    p->written_at_s = platform_seconds();
    *out = p;
    return MARVIS_OK;
}

void playback_close(playback **out) {
    playback *p = *out;
    *out = NULL;
    if (!p) return;
    int kept = hush_stderr();
    if (p->stream) {
        Pa_AbortStream(p->stream);
        Pa_CloseStream(p->stream);
    }
    if (p->initialised) Pa_Terminate();
    restore_stderr(kept);
    jitter_buffer_destroy(&p->buffer);
    soxr_delete(p->converter);
    free(p);
}

/* ---- the speech ----------------------------------------------------------------------------- */

static bool is_cancelled(const playback *p) {
    return p->settings.is_cancelled && p->settings.is_cancelled();
}

static marvis_status check_card(const playback *p, marvis_error *err) {
    PaError active = Pa_IsStreamActive(p->stream);
    if (active == 1) return MARVIS_OK;
    return app_fail(err, MARVIS_ERR_IO, "the sound card has stopped%s%s", active < 0 ? ": " : "",
                    active < 0 ? Pa_GetErrorText(active) : "; is it still there?");
}

static marvis_status put_all(playback *p, const float *pcm, size_t n, marvis_error *err) {
    while (n > 0 && !is_cancelled(p)) {
        size_t taken = jitter_buffer_put(p->buffer, pcm, n);
        pcm += taken;
        n -= taken;
        marvis_status status = check_card(p, err);
        if (status != MARVIS_OK) return status;
        if (n > 0) Pa_Sleep(WAIT_MS);
    }
    return MARVIS_OK;
}

/* pcm NULL: the converter's rest. */
static marvis_status convert(playback *p, const float *pcm, size_t n, marvis_error *err) {
    size_t given = 0, done;
    do {
        size_t used = 0;
        soxr_error_t cause = soxr_process(p->converter, pcm ? pcm + given : NULL, n - given, &used,
                                          p->converted, CONVERTED, &done);
        if (cause) return app_fail(err, MARVIS_ERR_INTERNAL, "resampling: %s", cause);
        given += used;
        marvis_status status = put_all(p, p->converted, done, err);
        if (status != MARVIS_OK) return status;
    } while ((pcm ? given < n : done > 0) && !is_cancelled(p));
    return MARVIS_OK;
}

static marvis_status write_clamped(playback *p, const float *pcm, size_t n, marvis_error *err) {
    marvis_status status = MARVIS_OK;
    float clamped[CONVERTED];
    p->rests = false;
    for (size_t at = 0; at < n && status == MARVIS_OK;) {
        size_t part = n - at < CONVERTED ? n - at : CONVERTED;
        for (size_t i = 0; i < part; i++) {
            float x = pcm[at + i];
            clamped[i] = x > 1 ? 1 : x < -1 ? -1 : x;
        }
        status = p->converter ? convert(p, clamped, part, err) : put_all(p, clamped, part, err);
        at += part;
    }
    return status;
}

marvis_status playback_write(playback *p, const float *pcm, size_t n, marvis_error *err) {
    if (n == 0) return MARVIS_OK;
    /* Since a rest a wait may have passed, but then this is the first piece, whose time is not
     * looked at. */
    jitter_buffer_announce(p->buffer, (double)n / p->settings.sample_rate,
                           platform_seconds() - p->written_at_s);
    marvis_status status = write_clamped(p, pcm, n, err);
    p->written_at_s = platform_seconds();
    return status;
}

marvis_status playback_pause(playback *p, const float *silence, size_t n, marvis_error *err) {
    double begun_s = platform_seconds();
    marvis_status status = write_clamped(p, silence, n, err);
    /* The next piece may be under way, or made already: only the wait for room is not its own. */
    p->written_at_s += platform_seconds() - begun_s;
    return status;
}

marvis_status playback_rest(playback *p, marvis_error *err) {
    marvis_status status = MARVIS_OK;
    if (p->converter && !p->rests) {
        status = convert(p, NULL, 0, err);
        soxr_clear(p->converter);
    }
    p->rests = true;
    jitter_buffer_end(p->buffer);
    return status;
}

marvis_status playback_drain(playback *p, marvis_error *err) {
    marvis_status status = playback_rest(p, err);
    while (status == MARVIS_OK && !jitter_buffer_is_done(p->buffer) && !is_cancelled(p)) {
        status = check_card(p, err);
        Pa_Sleep(WAIT_MS);
    }
    if (status == MARVIS_OK && !is_cancelled(p)) /* what the card itself still holds */
        Pa_Sleep((long)(1000 * Pa_GetStreamInfo(p->stream)->outputLatency));
    return status;
}

void playback_report(const playback *p, jitter_report *report) {
    jitter_buffer_report(p->buffer, report);
}

#endif
