/* say_voice.c - see say_voice.h. */
#include "cli/say_voice.h"

#include <string.h>

#include "cli/recording.h"
#include "cli/voice_store.h"
#include "common/error.h"
#include "common/platform.h"

static recording_source source_of(const cli_call *call) {
    return (recording_source){.audio = cli_text(call, CLI_VOICE_AUDIO),
                              .codes = cli_text(call, CLI_VOICE_CODES),
                              .text = cli_text(call, CLI_VOICE_TEXT),
                              .audio_option = "--voice-audio",
                              .codes_option = "--voice-codes",
                              .text_option = "--voice-text",
                              .limit_option = "--max-seconds",
                              .verbatim = cli_given(call, CLI_NO_NORMALIZE)};
}

marvis_status say_voice_check(const cli_call *call, marvis_error *err) {
    const char *name = cli_text(call, CLI_VOICE);
    recording_source source = source_of(call);
    bool is_recorded = source.audio || source.codes;
    marvis_voice *voice;
    if (name && (is_recorded || source.text))
        return app_fail(err, MARVIS_ERR_CALL,
                        "--voice and %s: a saved voice has its recording and its words; give one "
                        "or the other",
                        source.audio   ? "--voice-audio"
                        : source.codes ? "--voice-codes"
                                       : "--voice-text");
    if (!name && !is_recorded && cli_given(call, CLI_VOICE_LAYOUT))
        return app_fail(err, MARVIS_ERR_CALL,
                        "--voice-layout without a voice: give --voice or --voice-audio");
    if (!name) return recording_check(&source, err);
    marvis_status status = voice_store_load(name, &voice, NULL, err);
    marvis_voice_destroy(&voice);
    return status;
}

static marvis_voice_layout layout_of(const cli_call *call) {
    const char *layout = cli_text(call, CLI_VOICE_LAYOUT);
    if (!layout) return MARVIS_VOICE_DEFAULT;
    return strcmp(layout, "context") == 0 ? MARVIS_VOICE_CONTEXT : MARVIS_VOICE_MATCH;
}

/* A voice for this call alone needs no snapshot: it would cost what it saves. */
static marvis_status record(const cli_call *call, const marvis_model *model,
                            const marvis_session_settings *settings, marvis_voice **voice,
                            marvis_error *err) {
    marvis_voice_settings voice_settings;
    spoken_recording recording;
    recording_source source = source_of(call);
    *voice = NULL;
    marvis_voice_settings_init(&voice_settings);
    voice_settings.snapshot = 0;
    marvis_status status = recording_read(&recording, &source, model, settings->n_codebooks,
                                          settings->max_frames, err);
    if (status == MARVIS_OK)
        status = marvis_voice_create(model, &recording.recording, &voice_settings, voice, err);
    recording_free(&recording);
    return status;
}

marvis_status say_voice_use(const say_voice *say, const cli_call *call, marvis_session *session,
                            marvis_error *err) {
    if (!say->voice) return MARVIS_OK;
    marvis_status status = marvis_session_use_voice(session, say->voice, layout_of(call), err);
    bool is_named = status == MARVIS_OK || strstr(err->message, say->path);
    return is_named ? status : recording_blame(say->path, status, err);
}

marvis_status say_voice_set(say_voice *say, const cli_call *call, const marvis_model *model,
                            marvis_session_settings *settings, marvis_session *session,
                            marvis_error *err) {
    const char *name = cli_text(call, CLI_VOICE), *audio = cli_text(call, CLI_VOICE_AUDIO);
    double start = platform_seconds();
    marvis_status status;
    *say = (say_voice){.path = name ? name : audio ? audio : cli_text(call, CLI_VOICE_CODES)};
    if (!say->path) return MARVIS_OK;
    if (name)
        status = voice_store_load(name, &say->voice, NULL, err);
    else
        status = record(call, model, settings, &say->voice, err);
    if (status != MARVIS_OK)
        return strstr(err->message, say->path) ? status : recording_blame(say->path, status, err);
    marvis_voice_info info = {.struct_size = sizeof info};
    marvis_voice_info_get(say->voice, &info);
    if (name && !cli_given(call, CLI_SPEAKER)) {
        settings->speaker = info.speaker;
        status = marvis_session_set_speaker(session, info.speaker, err);
    }
    if (status == MARVIS_OK) status = say_voice_use(say, call, session, err);
    say->seconds = info.seconds;
    say->prepare_s = platform_seconds() - start;
    return status;
}

void say_voice_close(say_voice *say) { marvis_voice_destroy(&say->voice); }
