/* portaudio.h - as much of PortAudio as playback.c uses, for test_playback.c, which is the card: so
 * that playing is tested without a sound card, and where PortAudio is not installed. */
#ifndef TESTS_FAKE_CARD_PORTAUDIO_H
#define TESTS_FAKE_CARD_PORTAUDIO_H

typedef int PaError;
typedef int PaDeviceIndex;
typedef void PaStream;
typedef unsigned long PaStreamCallbackFlags;
typedef struct PaStreamCallbackTimeInfo {
    double currentTime;
} PaStreamCallbackTimeInfo;
typedef int PaStreamCallback(const void *input, void *output, unsigned long n,
                             const PaStreamCallbackTimeInfo *time, PaStreamCallbackFlags flags,
                             void *ctx);
typedef struct PaDeviceInfo {
    const char *name;
    int maxOutputChannels;
    double defaultHighOutputLatency, defaultSampleRate;
} PaDeviceInfo;
typedef struct PaStreamParameters {
    PaDeviceIndex device;
    int channelCount, sampleFormat;
    double suggestedLatency;
} PaStreamParameters;
typedef struct PaStreamInfo {
    double outputLatency;
} PaStreamInfo;

enum { paNoError = 0, paInvalidSampleRate = -9997, paNoDevice = -1, paContinue = 0 };
enum { paFloat32 = 1, paFramesPerBufferUnspecified = 0, paNoFlag = 0 };

PaError Pa_Initialize(void);
PaError Pa_Terminate(void);
const char *Pa_GetErrorText(PaError error);
PaDeviceIndex Pa_GetDeviceCount(void);
PaDeviceIndex Pa_GetDefaultOutputDevice(void);
const PaDeviceInfo *Pa_GetDeviceInfo(PaDeviceIndex device);
PaError Pa_OpenStream(PaStream **stream, const PaStreamParameters *input,
                      const PaStreamParameters *output, double rate, unsigned long n,
                      PaStreamCallbackFlags flags, PaStreamCallback *callback, void *ctx);
PaError Pa_StartStream(PaStream *stream);
PaError Pa_AbortStream(PaStream *stream);
PaError Pa_CloseStream(PaStream *stream);
PaError Pa_IsStreamActive(PaStream *stream);
const PaStreamInfo *Pa_GetStreamInfo(PaStream *stream);
void Pa_Sleep(long ms);

#endif
