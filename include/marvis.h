/* marvis.h - the public interface of libmarvis.
 *
 * Text to speech with Marvis and CSM checkpoints on an ordinary CPU. A checkpoint is opened once as
 * a marvis_model (read-only, shared between threads); each utterance runs in a marvis_session that
 * yields 24 kHz audio in chunks of 80 ms frames.
 *
 * Conventions, unless a function says otherwise:
 *  - functions that can fail return marvis_status; results go to trailing out-parameters, which are
 *    set to NULL or 0 on failure;
 *  - `err` may be NULL; when given, it is filled on failure and left alone on success;
 *  - strings are UTF-8 and NUL-terminated; the library copies what it keeps;
 *  - settings structs are filled by their _init function, which also sets struct_size, and then
 *    adjusted by the caller;
 *  - the library never prints, exits, reads the environment or installs signal handlers.
 *
 * Sources of the model: Marvis-Labs/marvis-tts, SesameAILabs/csm, Kyutai's moshi (Mimi).
 */
#ifndef MARVIS_H
#define MARVIS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MARVIS_API   __attribute__((visibility("default")))
#define MARVIS_CHECK __attribute__((warn_unused_result))
#else
#define MARVIS_API
#define MARVIS_CHECK
#endif

/* ---- status and errors ---------------------------------------------------------------------- */

/* name, value, text. The one place where a status is defined. */
#define MARVIS_STATUS_LIST(X)                                                                      \
    X(OK, 0, "ok")                                                                                 \
    X(ERR_CALL, -1, "the call was wrong (an argument out of range, or out of order)")              \
    X(ERR_MEMORY, -2, "out of memory")                                                             \
    X(ERR_IO, -3, "a file could not be read or written")                                           \
    X(ERR_NOT_FOUND, -4, "a file that is needed was not found")                                    \
    X(ERR_FORMAT, -5, "a file is damaged or not of the format it claims")                          \
    X(ERR_CONFIG, -6, "the model's configuration is missing a value or has an impossible one")     \
    X(ERR_TENSOR, -7, "a tensor is missing, unexpected, or has the wrong shape or type")           \
    X(ERR_TOKENIZER, -8, "the tokenizer file is damaged or of an unsupported kind")                \
    X(ERR_UNSUPPORTED, -9, "valid, but not supported by this build")                               \
    X(ERR_INPUT, -10, "the text, codes or audio given cannot be used")                             \
    X(ERR_TOO_LONG, -11, "the prompt does not fit the model's context")                            \
    X(ERR_INTERNAL, -12, "an internal error; please report it")

typedef enum marvis_status {
#define MARVIS_STATUS_ENUM(name, value, text) MARVIS_##name = value,
    MARVIS_STATUS_LIST(MARVIS_STATUS_ENUM)
#undef MARVIS_STATUS_ENUM
} marvis_status;

/* What failed, in one line fit for a person: it names the file, tensor or option and what to do. */
typedef struct marvis_error {
    marvis_status status;
    int64_t position;   /* byte offset in the file or text that was being read, or -1 */
    char message[1024]; /* NUL-terminated, no newline */
} marvis_error;

/* The text of a status; never NULL. Any thread. */
MARVIS_API const char *marvis_status_text(marvis_status status);

/* The library's version, "MAJOR.MINOR.PATCH". Any thread. */
MARVIS_API const char *marvis_version(void);

typedef enum marvis_log_level {
    MARVIS_LOG_DEBUG = 0,
    MARVIS_LOG_INFO = 1,
    MARVIS_LOG_WARNING = 2
} marvis_log_level;

/* Receives one line without a newline. May be called from any thread that calls the library. */
typedef void (*marvis_log_fn)(void *ctx, marvis_log_level level, const char *line);

/* ---- engine: threads and kernels ------------------------------------------------------------ */

/* Threads, CPU kernels and the log. Shared by any number of models and sessions; all sessions of
 * one engine take turns on its threads, one step at a time. */
typedef struct marvis_engine marvis_engine;

typedef struct marvis_engine_settings {
    size_t struct_size;
    int n_threads;     /* 1..256; 0 = one per core that this process may run on */
    const char *cpu;   /* kernel tier: NULL or "auto", "scalar", "avx2", "avx512", "amx", "neon";
                          auto never takes amx: no hardware has run it so far */
    marvis_log_fn log; /* NULL = silent */
    void *log_ctx;
} marvis_engine_settings;

MARVIS_API void marvis_engine_settings_init(marvis_engine_settings *settings);

/* Creates an engine. settings NULL = defaults. The caller destroys it after its models.
 * ERR_CALL: a number out of range or an unknown tier; ERR_UNSUPPORTED: this CPU lacks the tier.
 *
 *     marvis_engine *engine;
 *     marvis_model *model;
 *     marvis_error err;
 *     if (marvis_engine_create(NULL, &engine, &err) != MARVIS_OK ||
 *         marvis_model_open(engine, "path/to/model", NULL, &model, &err) != MARVIS_OK)
 *         fprintf(stderr, "%s\n", err.message);
 */
MARVIS_API MARVIS_CHECK marvis_status marvis_engine_create(const marvis_engine_settings *settings,
                                                           marvis_engine **engine,
                                                           marvis_error *err);

/* Frees *engine and sets it to NULL; *engine NULL is allowed. */
MARVIS_API void marvis_engine_destroy(marvis_engine **engine);

/* Name of the kernel tier in use ("avx2", ...) and the number of threads. */
MARVIS_API const char *marvis_engine_cpu(const marvis_engine *engine);
MARVIS_API int marvis_engine_n_threads(const marvis_engine *engine);

/* ---- model ---------------------------------------------------------------------------------- */

/* A checkpoint (backbone, depth decoder, codec, tokenizer): read-only once open, shared by threads.
 */
typedef struct marvis_model marvis_model;

typedef enum marvis_weights {
    MARVIS_WEIGHTS_AUTO = 0, /* f32, f16 and bf16 as they lie; quantised ones widened to bf16 */
    MARVIS_WEIGHTS_F32 = 1,  /* everything widened to f32: exact, twice the memory */
    MARVIS_WEIGHTS_BF16 = 2, /* everything rounded to bf16 */
    /* Matrices quantised when they are read, and computed with as they are, activations in int8;
     * tables of embeddings as in AUTO, and so are matrices whose width is no multiple of 32. Blocks
     * are 32 columns with a scale (docs/MODEL.md). */
    MARVIS_WEIGHTS_INT8 = 3, /* 8 bits, a scale for each row */
    MARVIS_WEIGHTS_Q8 = 4,   /* 8 bits, in blocks */
    MARVIS_WEIGHTS_Q4 = 5,   /* 4 bits, in blocks */
    MARVIS_WEIGHTS_MIX = 6   /* as INT8, the depth decoder's feed-forward matrices as Q4 */
} marvis_weights;

typedef struct marvis_model_settings {
    size_t struct_size;
    const char *codec; /* Mimi weights file, or NULL: in the checkpoint, beside it, or the cache */
    const char *tokenizer; /* tokenizer.json, or NULL: beside the checkpoint, then the cache */
    const char *config;    /* config.json, or a row of docs/MODEL.md ("marvis-250m", "marvis-100m",
                              "csm-1b"), or NULL: beside the checkpoint, else matched by shapes */
    const char *hub_cache; /* Hugging Face cache folder that holds models--*; NULL: not searched */
    int strict;            /* 1: a tensor that nobody knows is an error, not a warning */
    int no_codec;          /* 1: open without a codec (trace and tokenize need none) */
    int no_tokenizer;      /* 1: open without a tokenizer */
    marvis_weights weights;
} marvis_model_settings;

MARVIS_API void marvis_model_settings_init(marvis_model_settings *settings);

/* Opens a checkpoint: `path` is a folder, a .safetensors file, an .index.json, or the name of a
 * model in hub_cache ("owner/name"). Layouts are told apart by tensor names (docs/MODEL.md). Every
 * tensor is checked. The engine must outlive the model. settings NULL = defaults. */
MARVIS_API MARVIS_CHECK marvis_status marvis_model_open(marvis_engine *engine, const char *path,
                                                        const marvis_model_settings *settings,
                                                        marvis_model **model, marvis_error *err);

/* Makes a model of random weights in memory, to measure what one of this shape costs on a machine,
 * without any file: `shape` is a row of docs/MODEL.md ("marvis-250m", "marvis-100m", "csm-1b") or
 * "tiny". Its codec is a Mimi that decodes only, its tokenizer gives one id a byte, and what it
 * says is noise. The same seed gives the same weights on every machine, for any number of threads.
 * Of settings (NULL = defaults) only the weights' type counts; the bf16 numbers that it converts
 * are freed. The engine must outlive the model. ERR_CALL: an unknown shape, or settings;
 * ERR_MEMORY. */
MARVIS_API MARVIS_CHECK marvis_status marvis_model_create_random(
    marvis_engine *engine, const char *shape, uint64_t seed, const marvis_model_settings *settings,
    marvis_model **model, marvis_error *err);

/* Frees *model and sets it to NULL; *model NULL is allowed. Its sessions must be gone. */
MARVIS_API void marvis_model_destroy(marvis_model **model);

/* What the model is, as a JSON object: layout, dimensions, weight types, bytes, files, tokenizer,
 * sampling defaults. The caller frees *json with marvis_free. */
MARVIS_API MARVIS_CHECK marvis_status marvis_model_describe(const marvis_model *model, char **json,
                                                            marvis_error *err);

/* ---- one-file models */

/* Which input columns of a model's matrices carry much when it speaks: errors in their weights are
 * heard most, so that marvis_model_save stores them best. Read-only once it is there. */
typedef struct marvis_calibration marvis_calibration;

typedef struct marvis_calibration_settings {
    size_t struct_size;
    int n_frames;  /* 1..1000000 frames of 80 ms that the model speaks; 256 */
    uint64_t seed; /* the same seed and kernel tier give the same, for any number of threads; 1 */
    /* Called from the calling thread after some frames, with those spoken and those to be spoken;
     * another value than 0 stops. NULL: not called. */
    int (*progress)(void *ctx, int done, int total);
    void *progress_ctx;
} marvis_calibration_settings;

/* 256 frames, seed 1, no progress. */
MARVIS_API void marvis_calibration_settings_init(marvis_calibration_settings *settings);

/* Lets the model speak everyday English sentences, eight at a time, sampled as its own defaults
 * say, with all codebooks, and adds up what goes into each matrix: no data is needed. Nothing is
 * decoded. Takes about the time of n_frames of speech of eight sessions (marvis_batch). settings
 * NULL = defaults. The model needs codec and tokenizer, and must outlive the calibration.
 *
 *     marvis_calibration *calibration;
 *     marvis_save_settings settings;
 *     marvis_save_settings_init(&settings);
 *     settings.types = "q4";
 *     if (marvis_calibration_create(model, NULL, &calibration, &err) == MARVIS_OK) {
 *         settings.calibration = calibration;
 *         if (marvis_model_save(model, "small.gguf", &settings, &err) != MARVIS_OK)
 *             fprintf(stderr, "%s\n", err.message);
 *     }
 *     marvis_calibration_destroy(&calibration);
 *
 * ERR_CALL: settings, a model that cannot speak, stopped by progress; ERR_INPUT: the model ends
 * every sentence before it has said anything; ERR_TOO_LONG: too few positions; ERR_TENSOR: its
 * numbers are none; ERR_MEMORY. */
MARVIS_API MARVIS_CHECK marvis_status
marvis_calibration_create(const marvis_model *model, const marvis_calibration_settings *settings,
                          marvis_calibration **calibration, marvis_error *err);

/* Frees *calibration and sets it to NULL; *calibration NULL is allowed. */
MARVIS_API void marvis_calibration_destroy(marvis_calibration **calibration);

/* Frames that were spoken: fewer than asked for where the model hardly speaks. */
MARVIS_API int marvis_calibration_n_frames(const marvis_calibration *calibration);

typedef struct marvis_save_settings {
    size_t struct_size;
    const char *types; /* "mix" (NULL), or f32, f16, bf16, q8, q4, int8; then exceptions by class,
                          "q8,depth.ffn=q4" (docs/MODEL.md) */
    /* Called from the calling thread now and then, with bytes written and to be written; another
     * value than 0 stops. NULL: not called. */
    int (*progress)(void *ctx, const char *tensor, uint64_t done, uint64_t total);
    void *progress_ctx;
    const marvis_calibration *calibration; /* of this model, borrowed; NULL: columns count alike */
} marvis_save_settings;

/* types NULL, no progress, no calibration. */
MARVIS_API void marvis_save_settings_init(marvis_save_settings *settings);

/* ERR_CALL, with the line that marvis_model_save would give for these types; OK where it would take
 * them. Needs no model. Any thread. */
MARVIS_API MARVIS_CHECK marvis_status
marvis_save_settings_check(const marvis_save_settings *settings, marvis_error *err);

/* Writes the model with its codec, tokenizer and configuration as one GGUF file that
 * marvis_model_open takes, whole or not at all. Weights are read from the model's own files, some
 * megabytes at a time, and quantised with scales that are searched for; the codec stays as it is.
 * Saved voices fit the new model as they fit this one. settings NULL = defaults. ERR_CALL: unknown
 * types (the message lists them), a calibration of another model, a codec alone, a path that the
 * model itself is read from, stopped by progress; ERR_INPUT: weights that are not finite or that a
 * type cannot hold; ERR_IO. */
MARVIS_API MARVIS_CHECK marvis_status marvis_model_save(const marvis_model *model, const char *path,
                                                        const marvis_save_settings *settings,
                                                        marvis_error *err);

/* Frees memory that this library handed to the caller; NULL is allowed. */
MARVIS_API void marvis_free(void *memory);

MARVIS_API int marvis_model_n_codebooks(const marvis_model *model); /* 32 in Marvis and CSM */
MARVIS_API int marvis_model_audio_vocab(const marvis_model *model); /* V: logits per codebook */
MARVIS_API int marvis_model_width(const marvis_model *model);       /* D: backbone width */
MARVIS_API int marvis_model_max_positions(const marvis_model *model);
MARVIS_API int marvis_model_sample_rate(const marvis_model *model); /* Hz; 24000 */
MARVIS_API int marvis_model_frame_samples(
    const marvis_model *model); /* 1920 = 80 ms; 0: no codec */

/* Token ids of one prompt segment, BOS "[speaker]text" EOS, as the model is fed with them. Special
 * tokens spelled out in `text` are ordinary characters. len_bytes may hold NULs and invalid UTF-8.
 * *ids is freed by the caller with marvis_free. speaker 0..999999. */
MARVIS_API MARVIS_CHECK marvis_status marvis_model_tokenize(const marvis_model *model, int speaker,
                                                            const char *text, size_t len_bytes,
                                                            int32_t **ids, size_t *n_ids,
                                                            marvis_error *err);

/* ---- sampling ------------------------------------------------------------------------------- */

typedef struct marvis_sampling {
    float temperature; /* > 0; 0 = greedy: the largest logit, the lowest code among equals */
    int top_k;   /* keep exactly the k largest logits, ties going to the lower code; 0 = all */
    float top_p; /* then keep the smallest set whose probability reaches p; 0 < p <= 1 */
} marvis_sampling;

/* ---- session -------------------------------------------------------------------------------- */

/* One voice speaking one utterance at a time. Belongs to one thread at a time. */
typedef struct marvis_session marvis_session;

typedef enum marvis_stop {
    MARVIS_STOP_NONE = 0,      /* still speaking */
    MARVIS_STOP_EOS = 1,       /* the model ended the utterance: a frame of zero codes */
    MARVIS_STOP_CAP = 2,       /* max_frames reached */
    MARVIS_STOP_CANCELLED = 3, /* marvis_session_cancel */
    MARVIS_STOP_RUNAWAY = 4,   /* the guard; marvis_session_runaway says what it saw */
    MARVIS_STOP_TEXT = 5       /* of marvis_speech_step: more text is needed */
} marvis_stop;

/* What the guard against runaway speech saw (docs/MODEL.md has the numbers). */
typedef enum marvis_runaway {
    MARVIS_RUNAWAY_NONE = 0,
    MARVIS_RUNAWAY_REPEATS = 1, /* identical frames that do not end */
    MARVIS_RUNAWAY_SILENCE = 2, /* silence that does not end */
    MARVIS_RUNAWAY_LENGTH = 3   /* far more speech than the text can take */
} marvis_runaway;

MARVIS_API const char *marvis_runaway_text(marvis_runaway runaway); /* "repeats", ... */

MARVIS_API const char *marvis_stop_text(marvis_stop stop); /* "eos", "cap", ... */

typedef struct marvis_session_settings {
    size_t struct_size;
    int speaker;               /* the number in "[0]text" */
    marvis_sampling codebook0; /* backbone's codebook 0 */
    marvis_sampling depth;     /* codebooks 1.. of the depth decoder */
    uint64_t seed;             /* same seed, same codes, for any number of threads */
    int n_codebooks; /* 1..marvis_model_n_codebooks: fewer are sampled, fed back, decoded */
    int max_frames;  /* cap in frames of 80 ms; 1125 = 90 s */
    int guard;       /* 1: stop runaway speech (docs/MODEL.md says when) */
    float eos_bias;  /* 0..1000, added to the logit of code 0 of codebook 0, with which speech ends,
                         for each second beyond one and a half times the expected length and 2 s */
    int chunk_frames; /* frames decoded together, 1..1024: more is cheaper, later; 8 */
    int drop_turns;   /* 1: the oldest turns go when a conversation outgrows the model's positions;
                         0: that is ERR_TOO_LONG */
} marvis_session_settings;

/* Fills settings with the model's defaults: its generation_config where it has one, else
 * temperature 0.9 and top-k 50; all codebooks; 90 s; guard on; no eos_bias; chunks of 8 frames; old
 * turns go; seed 0. */
MARVIS_API void marvis_session_settings_init(marvis_session_settings *settings,
                                             const marvis_model *model);

/* Creates a session. settings NULL = defaults. The model must outlive it and have a codec.
 * ERR_CALL names the setting that is out of range. */
MARVIS_API MARVIS_CHECK marvis_status marvis_session_create(const marvis_model *model,
                                                            const marvis_session_settings *settings,
                                                            marvis_session **session,
                                                            marvis_error *err);

/* Frees *session and sets it to NULL; *session NULL is allowed. */
MARVIS_API void marvis_session_destroy(marvis_session **session);

/* Appends text to the utterance to come. May be called repeatedly, until the first step.
 * ERR_CALL after the first step; ERR_MEMORY. */
MARVIS_API MARVIS_CHECK marvis_status marvis_session_push_text(marvis_session *session,
                                                               const char *text, size_t len_bytes,
                                                               marvis_error *err);

/* ---- what the speech goes on from: a voice, a conversation */

/* Speech that exists already: its words and its codes, as marvis_model_encode or the chunks of a
 * session give them. */
typedef struct marvis_recording {
    size_t struct_size;
    const char *text; /* [text_len_bytes]: every word that is heard in it, and no other */
    size_t text_len_bytes;
    const int32_t *codes; /* [n_frames][n_codebooks], each of the codec's (in Mimi 0..2047) */
    size_t n_frames;      /* of 80 ms */
    int n_codebooks;      /* at least the session's; of more, the first are taken */
} marvis_recording;

/* An empty recording with struct_size; text, codes and their sizes must be filled in. */
MARVIS_API void marvis_recording_init(marvis_recording *recording);

/* Makes recorded speech ready to be encoded and gone on from: cuts what is quiet before the first
 * sound (but 50 ms) and behind the last, and leaves a pause of 200 to 280 ms there, filled up with
 * zeros where the recording ends sooner, so that the whole fills its last frame and the last word
 * does not run into the new speech. Quiet is 40 dB below the loudest 10 ms, or below -60 dB of full
 * scale, whatever constant offset there is. pcm [n_samples] is mono at sample_rate, which must be
 * the model's. The caller frees *trimmed [*n_trimmed] with marvis_free. Any thread. ERR_CALL:
 * another rate, or no codec; ERR_INPUT: no samples, nothing but silence, or a sample that is not a
 * number (the message says which); ERR_MEMORY. */
MARVIS_API MARVIS_CHECK marvis_status marvis_speech_trim(const marvis_model *model,
                                                         const float *pcm, size_t n_samples,
                                                         int sample_rate, float **trimmed,
                                                         size_t *n_trimmed, marvis_error *err);

/* Speaks in the voice of a recording from the next utterance on ("voice match"): recorded and new
 * text become one segment under the session's speaker number, the recorded frames follow it, and
 * the model goes on from them. Only new speech comes out, and its first sample continues the
 * recording's last, which should therefore end in a short pause: marvis_speech_trim makes one.
 * Five to fifteen seconds are good. voice NULL: no longer.
 *
 * Before the first step of an utterance only; kept by marvis_session_reset; everything is copied,
 * and on failure the voice that was set stays. A text that does not belong to so much speech (fewer
 * than 5 or more than 25 characters a second) is a warning in the engine's log. ERR_CALL: after the
 * first step, or not filled by marvis_recording_init; ERR_INPUT: no text, no frames, too few
 * codebooks, a code out of range; ERR_TOO_LONG: it leaves no room beside max_frames; ERR_MEMORY. */
MARVIS_API MARVIS_CHECK marvis_status marvis_session_set_voice(marvis_session *session,
                                                               const marvis_recording *voice,
                                                               marvis_error *err);

/* Appends a turn to the conversation that the next utterance answers: what one of its speakers
 * said, this session's own earlier speech included. speaker 0..999999 tells them apart; the session
 * speaks as settings.speaker. The turns stand in the prompt in the order of the calls, each ended
 * by a frame of zeros; the text of the utterance follows, or the one segment of a voice that is set
 * (docs/MODEL.md).
 *
 * When, copies and errors as marvis_session_set_voice; on failure the context is as before. Turns
 * are kept by marvis_session_reset, and positions that stood in the prompt or in the speech before
 * are not computed again, so that a conversation costs its new turns alone.
 *
 * When turns, voice and text do not fit beside max_frames at the first step, the oldest turns are
 * forgotten, whole ones, until the rest takes no more than half of the positions that voice and
 * text leave; the newest turn always stays (ERR_TOO_LONG at the step if it alone is too much). What
 * is spoken then is what a new session says that was given the remaining turns only. settings.
 * drop_turns 0: nothing is forgotten, and a conversation that is too long is ERR_TOO_LONG. */
MARVIS_API MARVIS_CHECK marvis_status marvis_session_add_context(marvis_session *session,
                                                                 int speaker,
                                                                 const marvis_recording *turn,
                                                                 marvis_error *err);

/* The turns that were added so far are never dropped: recordings of those who speak, for one. They
 * stay until the context is cleared. Before the first step only, else ERR_CALL. */
MARVIS_API MARVIS_CHECK marvis_status marvis_session_pin_context(marvis_session *session,
                                                                 marvis_error *err);

/* Forgets all turns. Before the first step only, else ERR_CALL. */
MARVIS_API MARVIS_CHECK marvis_status marvis_session_clear_context(marvis_session *session,
                                                                   marvis_error *err);

/* The number of turns in the context; *n_dropped (may be NULL): of those that had to go since the
 * session was created or the context cleared. */
MARVIS_API size_t marvis_session_n_turns(const marvis_session *session, size_t *n_dropped);

/* Makes a turn of what this session has just spoken, under its speaker number, without copying:
 * the next utterance answers it. Called once, after the utterance's last step and before
 * marvis_session_reset; an utterance that has not ended is over then.
 *
 * n_heard: frames of it that were heard, when it was interrupted; SIZE_MAX or anything beyond what
 * was spoken is all. 0: nothing was heard, and no turn is made. text [len_bytes]: the words of
 * these frames; NULL: the utterance's own, cut behind the last word whose middle was heard. That is
 * an estimate: letters are taken for evenly long, over the frames spoken where the model ended by
 * itself, else over what the text would take at the voice's pace (15 characters a second without
 * one). *len_kept (may be NULL) is the length of the turn's text, a beginning of the text given or
 * pushed. Of a turn whose text was not cut all that stands in the cache is used again; the result
 * is always that of the same turn in marvis_session_add_context.
 *
 * ERR_CALL: before the first step, after a failed one, or a second time; ERR_INPUT: text without a
 * word; ERR_MEMORY. The context is then as before. */
MARVIS_API MARVIS_CHECK marvis_status marvis_session_keep_turn(marvis_session *session,
                                                               size_t n_heard, const char *text,
                                                               size_t len_bytes, size_t *len_kept,
                                                               marvis_error *err);

/* The next utterance is spoken by another speaker, 0..999999, under whose number a recorded voice
 * that is set speaks, too. Before the first step only, else ERR_CALL. */
MARVIS_API MARVIS_CHECK marvis_status marvis_session_set_speaker(marvis_session *session,
                                                                 int speaker, marvis_error *err);

/* ---- saved voices */

/* A recording ready to be spoken with, what it was made for and from, and the backbone's keys and
 * values of it (its snapshot), which a session takes instead of computing them again. Never changes
 * once it is there: any number of threads and sessions may use one, of any model that it was made
 * for. A session copies words and codes and shares the snapshot. */
typedef struct marvis_voice marvis_voice;

/* Where a voice stands in the prompt (docs/VOICES.md). */
typedef enum marvis_voice_layout {
    MARVIS_VOICE_DEFAULT = 0, /* that of marvis_model_voice_layout */
    MARVIS_VOICE_MATCH = 1,   /* one segment of recorded and new text, then the recording: as
                                 marvis_session_set_voice. The new text stands before the frames, so
                                 that they are computed for every utterance; the first sample
                                 continues the recording */
    MARVIS_VOICE_CONTEXT = 2  /* a turn of its own before all others: as if it had been the first
                                 that was given to marvis_session_add_context, under the session's
                                 speaker number. All of it is computed once, or comes from the
                                 snapshot */
} marvis_voice_layout;

/* What the model's family is trained with: CONTEXT for CSM, MATCH for Marvis and all others. */
MARVIS_API marvis_voice_layout marvis_model_voice_layout(const marvis_model *model);

typedef struct marvis_voice_settings {
    size_t struct_size;
    const char *name;    /* what it is called */
    const char *source;  /* what it was made from: a file's name */
    const char *date;    /* when, as the caller writes dates */
    const char *model;   /* what the model is called, for messages */
    int speaker;         /* 0..999999: the snapshot serves sessions with this number */
    int snapshot;        /* 1; 0: none is computed */
} marvis_voice_settings; /* texts: NULL is "", at most 4096 bytes */

/* No texts, speaker 0, with a snapshot. */
MARVIS_API void marvis_voice_settings_init(marvis_voice_settings *settings);

/* Makes a voice of a recording, which should have been made ready by marvis_speech_trim; everything
 * is copied. A snapshot costs the time of a prompt, and memory: 18 KB a position of marvis-250m, 64
 * KB of csm-1b. settings NULL = defaults. The model must have codec and tokenizer, and need not
 * outlive the voice. ERR_CALL: settings; ERR_INPUT: no text, no frames, a code out of range;
 * ERR_TOO_LONG: more positions than the model has; ERR_MEMORY. Any thread. */
MARVIS_API MARVIS_CHECK marvis_status marvis_voice_create(const marvis_model *model,
                                                          const marvis_recording *recording,
                                                          const marvis_voice_settings *settings,
                                                          marvis_voice **voice, marvis_error *err);

/* Lets go of *voice and sets it to NULL; *voice NULL is allowed. Sessions that use the voice keep
 * what they share of it until they are done. */
MARVIS_API void marvis_voice_destroy(marvis_voice **voice);

/* Writes the voice as one safetensors file (docs/VOICES.md), whole or not at all. ERR_IO,
 * ERR_MEMORY. */
MARVIS_API MARVIS_CHECK marvis_status marvis_voice_save(const marvis_voice *voice, const char *path,
                                                        marvis_error *err);

/* Reads what marvis_voice_save wrote; needs no model. The snapshot stays in the mapped file.
 * ERR_NOT_FOUND, ERR_IO; ERR_FORMAT: another file, or a damaged one; ERR_UNSUPPORTED: of a later
 * version; ERR_MEMORY. */
MARVIS_API MARVIS_CHECK marvis_status marvis_voice_load(const char *path, marvis_voice **voice,
                                                        marvis_error *err);

/* Whether the model can speak with the voice: ERR_INPUT when it was made for another one, by its
 * dimensions, its weights or its codec. *snapshot_fits (may be NULL): 1 when its snapshot can be
 * used, too, which also takes the same weight types, CPU tier and version of this library. Without
 * it the prompt is computed, with the same result. */
MARVIS_API MARVIS_CHECK marvis_status marvis_voice_check(const marvis_voice *voice,
                                                         const marvis_model *model,
                                                         int *snapshot_fits, marvis_error *err);

/* What a voice is. Pointers belong to the voice; no text is NULL. */
typedef struct marvis_voice_info {
    size_t struct_size;                       /* set by the caller */
    const char *name, *source, *date, *model; /* as they were given */
    const char *engine;                       /* what made it: "marvis 0.1.0" */
    marvis_recording recording;               /* its words and codes */
    int speaker;
    double seconds;        /* of speech, its pause included */
    int n_snapshot;        /* positions in its snapshot; 0: none */
    size_t snapshot_bytes; /* what they take */
} marvis_voice_info;
MARVIS_API void marvis_voice_info_get(const marvis_voice *voice, marvis_voice_info *info);

/* Speaks with a saved voice from the next utterance on, in place of one that was set by this
 * function or by marvis_session_set_voice; NULL: with none. When, and errors, as there; ERR_INPUT,
 * too: the voice was made for another model. The timing's n_reused counts what came from the
 * snapshot.
 *
 * The session holds what it needs of the voice:
 *
 *     marvis_voice *voice;
 *     if (marvis_voice_load("anna.safetensors", &voice, &err) == MARVIS_OK &&
 *         marvis_session_use_voice(session, voice, MARVIS_VOICE_DEFAULT, &err) == MARVIS_OK)
 *         marvis_session_push_text(session, "Hello.", 6, &err);
 *     marvis_voice_destroy(&voice);
 */
MARVIS_API MARVIS_CHECK marvis_status marvis_session_use_voice(marvis_session *session,
                                                               const marvis_voice *voice,
                                                               marvis_voice_layout layout,
                                                               marvis_error *err);

/* Appends a saved voice as a turn of the conversation: marvis_session_add_context of its recording,
 * under that speaker, with the same result. Where it is the first turn, and no voice that is set
 * stands before it, what its snapshot holds is not computed; of the turns behind it every position
 * depends on those before, so that theirs are. When and errors as there; ERR_INPUT, too: the voice
 * was made for another model. */
MARVIS_API MARVIS_CHECK marvis_status marvis_session_add_voice(marvis_session *session, int speaker,
                                                               const marvis_voice *voice,
                                                               marvis_error *err);

/* ---- speaking */

/* A piece of speech: up to chunk_frames frames of 80 ms. Pointers belong to the session and hold
 * until its next call. */
typedef struct marvis_chunk {
    const int32_t *codes; /* [n_frames][n_codebooks]; NULL when n_frames is 0 */
    const float *pcm; /* [n_samples], nominally -1..1 but not clamped; NULL when n_frames is 0 */
    int n_frames;     /* 0 when stop is not NONE */
    int n_codebooks;
    int n_samples;    /* n_frames * marvis_model_frame_samples */
    marvis_stop stop; /* NONE, or why the utterance is over: then the chunk is empty */
} marvis_chunk;

/* Generates and decodes the next chunk: one frame at first, so that speech begins early, then twice
 * as many each time up to chunk_frames; the last one before a stop may be shorter. The size of the
 * chunks does not change a sample. The first call also runs the prompt. Once it has reported a stop
 * it reports the same again, until marvis_session_reset. ERR_INPUT: the text is empty;
 * ERR_TOO_LONG: text, voice and context do not fit beside max_frames (the message has all their
 * lengths); ERR_TENSOR: the checkpoint computes numbers that are none. After an error the utterance
 * is over: the same status comes back until the session is reset. */
MARVIS_API MARVIS_CHECK marvis_status marvis_session_step(marvis_session *session,
                                                          marvis_chunk *chunk, marvis_error *err);

/* Asks a running step loop to stop; a step under way ends after the frame it is at, and the
 * next one reports MARVIS_STOP_CANCELLED. Any thread, async-signal-safe. */
MARVIS_API void marvis_session_cancel(marvis_session *session);

/* Forgets the utterance, its text and a cancel; keeps the settings, the voice and the context. The
 * random numbers start again from `seed`. */
MARVIS_API void marvis_session_reset(marvis_session *session, uint64_t seed);

typedef struct marvis_session_timing {
    size_t struct_size;
    int n_prompt;       /* positions of the prompt */
    int n_frames;       /* frames generated */
    double prefill_s;   /* seconds spent on the prompt */
    double backbone_s;  /* on backbone steps and codebook 0 */
    double depth_s;     /* on the depth decoder, its heads and sampling */
    double codec_s;     /* on Mimi */
    double first_pcm_s; /* from the start of the first step to the first audio */
    int n_reused;   /* positions of the prompt that were still there from the utterance before, or
                      came from a saved voice's snapshot */
    int n_dropped;  /* turns of the context that had to go to make room for this utterance */
    int n_expected; /* frames that the text should take, at the voice's pace or a usual one */
    double heads_s; /* part of depth_s: on the heads of codebooks 1.. */
    double sampling_s;   /* part of depth_s: on choosing codes from their logits */
} marvis_session_timing; /* of frames made together with other sessions' (marvis_batch_step) a
                            session has an equal share of the time */

/* What the guard saw when the utterance ended with MARVIS_STOP_RUNAWAY, else NONE. */
MARVIS_API marvis_runaway marvis_session_runaway(const marvis_session *session);

/* Where the time of the utterance went so far. timing->struct_size must be set by the caller. */
MARVIS_API void marvis_session_timing_get(const marvis_session *session,
                                          marvis_session_timing *timing);

/* ---- many sessions together ------------------------------------------------------------------ */

/* Frames of several sessions of one model made together: each weight is read once for all of them,
 * so that on most machines four sessions take little longer than one. There is nothing to join or
 * to leave: a session takes part in the steps that it is given to, from its first frame or any
 * later one, whatever its text, voice, sampler, seed, codebooks and length are.
 *
 * A batch prepares what marvis_session_step (or marvis_speech_step on the session) then hands out:
 *
 *     while (n_speaking > 0) {
 *         if (marvis_batch_step(batch, sessions, n_speaking, NULL, &err) != MARVIS_OK) break;
 *         for (size_t i = 0; i < n_speaking; i++)
 *             if (marvis_session_is_ready(sessions[i]))
 *                 hand_out(sessions[i]);  // marvis_session_step; one that stopped is taken out
 *     }
 *
 * Codes and samples of a session are, bit for bit, those that it gives alone on the same kernel
 * tier (marvis_engine_cpu). A batch belongs to one thread at a time, and so do the sessions of a
 * step while it runs; other sessions of the engine may run in other threads and take turns. */
typedef struct marvis_batch marvis_batch;

/* Creates a batch for up to max_sessions (1..1024) sessions at once; needs a model with codec and
 * tokenizer, which must outlive it. ERR_CALL, ERR_MEMORY. */
MARVIS_API MARVIS_CHECK marvis_status marvis_batch_create(const marvis_model *model,
                                                          int max_sessions, marvis_batch **batch,
                                                          marvis_error *err);

/* Frees *batch and sets it to NULL; *batch NULL is allowed. Sessions are left as they are. */
MARVIS_API void marvis_batch_destroy(marvis_batch **batch);

/* Generates the next frame of each session that can have one before it is asked for its chunk: that
 * has text, has not stopped or failed, and lacks frames of its next chunk. The others are left as
 * they are. One that has not begun runs its prompt first, alone, while the others wait. The array
 * may be in any order and another one each time; a session must not be in it twice.
 * *n_advanced (may be NULL): for how many a frame was generated.
 *
 * ERR_CALL: too many sessions, one twice, or one of another model; then nothing is done. When a
 * session fails (its prompt is too long, its numbers are none), the others go on all the same; the
 * first such status is returned, and that session's marvis_session_step repeats it. */
MARVIS_API MARVIS_CHECK marvis_status marvis_batch_step(marvis_batch *batch,
                                                        marvis_session *const *sessions, size_t n,
                                                        size_t *n_advanced, marvis_error *err);

/* 1 where marvis_session_step has no frame left to generate: the chunk's frames are there, or the
 * utterance has stopped or failed. */
MARVIS_API int marvis_session_is_ready(const marvis_session *session);

/* ---- speech of any length ------------------------------------------------------------------- */

/* Text of any length and from any source, a book or the words of a language model, spoken by a
 * session piece by piece. A piece is a sentence or two, or a clause of a long one. Each is spoken
 * after the voice, the context and the piece before it, so that voice and pace stay what they are;
 * speech begins as soon as there is enough text for a first piece, and memory does not grow with
 * what has been spoken. The same text and seed give the same samples however the text is pushed and
 * whatever the chunks (docs/LONGTEXT.md). Belongs to one thread at a time. */
typedef struct marvis_speech marvis_speech;

typedef struct marvis_speech_settings {
    size_t struct_size;
    uint64_t seed;   /* of the first piece; those of the others follow from it */
    int normalize;   /* 1: each piece is written out by marvis_normalize; 0: spoken as it is */
    int lines;       /* 1: each line break ends a paragraph; 0: an empty line does */
    int first_chars; /* 0..the pieces' usual length: the first piece ends at the first clause from
                         this length on, so that speech starts early; 0: it is as the others */
    int piece_chars; /* 24..4096: a longer sentence is cut at a clause; shorter ones are joined to
                         two thirds of it, and no piece is longer than one and a half of it */
    double tail_s;   /* 0..60: a piece of up to so many seconds is what the next goes on from; one
                         that is longer, or went wrong, leaves that to the piece before it; 0: each
                         piece stands for itself */
    int sentence_pause_ms;  /* 0..60000: added where a piece ended with its sentence */
    int paragraph_pause_ms; /* 0..60000: added between paragraphs */
    int hold;    /* 1: a piece is handed out when it is complete, so that it can be spoken again
                         when it went wrong; 0: at once, but for the first quarter of what a piece
                         but the first should take */
    int retries; /* 0..100: times that a piece that went wrong is spoken again, with another
                         seed, while nothing of it has been handed out. One of which nothing at all
                         was said is spoken once more whatever their number, but with 0, and
                         from then on may not end before a quarter of what it should take */
    int64_t max_frames; /* of all speech, without pauses; 0: no limit */
    int keep_turns;     /* 1: each piece that was spoken becomes a turn of the session's context, as
                       marvis_session_keep_turn makes one, and the next answers it instead of going
                       on from a tail: a turn of a conversation, of any length */
} marvis_speech_settings;

/* The session's seed; normalised; paragraphs by empty lines; no early first piece; 240 characters;
 * a tail of 16 s; no pause in a paragraph, 400 ms between two; nothing held; one retry; no limit;
 * no turns are kept. */
MARVIS_API void marvis_speech_settings_init(marvis_speech_settings *settings,
                                            const marvis_session *session);

/* Creates a speech on a session, which must outlive it, is reset, and serves nothing else until the
 * speech is destroyed; its voice and context are what each piece is spoken after. What max_frames
 * of the session's settings limits is a piece. settings NULL = defaults. ERR_CALL names the setting
 * that is out of range; ERR_MEMORY. */
MARVIS_API MARVIS_CHECK marvis_status marvis_speech_create(marvis_session *session,
                                                           const marvis_speech_settings *settings,
                                                           marvis_speech **speech,
                                                           marvis_error *err);

/* Frees *speech and sets it to NULL; *speech NULL is allowed. The session is reset. */
MARVIS_API void marvis_speech_destroy(marvis_speech **speech);

/* Appends text, cut anywhere, even inside a character. It is kept until it is spoken: where memory
 * matters push more when a step asks for it. ERR_CALL after the end; ERR_MEMORY. */
MARVIS_API MARVIS_CHECK marvis_status marvis_speech_push_text(marvis_speech *speech,
                                                              const char *text, size_t len_bytes,
                                                              marvis_error *err);

/* The text is complete. */
MARVIS_API void marvis_speech_end(marvis_speech *speech);

/* The next chunk, as marvis_session_step gives it, with these differences. A chunk with samples and
 * no frames is a pause. stop MARVIS_STOP_TEXT: there is no complete piece to speak; go on when more
 * text or the end has been pushed. Any other stop is the end of the speech: that of its last piece,
 * EOS where nothing was spoken at all, CAP where max_frames was reached, CANCELLED after
 * marvis_session_cancel, when what was held of the piece under way has been handed out. Pieces that
 * went wrong on the way do not end it (marvis_speech_info_get counts them). */
MARVIS_API MARVIS_CHECK marvis_status marvis_speech_step(marvis_speech *speech, marvis_chunk *chunk,
                                                         marvis_error *err);

/* The smallest part of a step: at most one chunk of the session, held back or not. The chunk may
 * hold nothing although the speech goes on (no samples, stop NONE); else as marvis_speech_step.
 * With marvis_speech_is_ready, many speeches share a batch: marvis_batch_step on their sessions,
 * then this on those that are ready. */
MARVIS_API MARVIS_CHECK marvis_status marvis_speech_poll(marvis_speech *speech, marvis_chunk *chunk,
                                                         marvis_error *err);

/* 1 where marvis_speech_poll generates no frame: there are frames to hand out, the session's chunk
 * is ready, or the speech is between two pieces. */
MARVIS_API int marvis_speech_is_ready(const marvis_speech *speech);

/* What was spoken so far. */
typedef struct marvis_speech_info {
    size_t struct_size;          /* set by the caller */
    int64_t n_pieces;            /* begun, without those that hold nothing to speak */
    int64_t n_retries;           /* times that one was spoken again */
    int64_t n_runaway;           /* pieces that the guard ended, after the retries */
    int64_t n_cap;               /* that reached the session's max_frames */
    int64_t n_early;             /* that ended before a quarter of what their text should take */
    int64_t n_frames, n_samples; /* handed out; samples with pauses */
    marvis_runaway runaway;      /* what the guard saw last */
    const char *text;      /* [text_len_bytes] the last piece that was begun, as it is spoken */
    size_t text_len_bytes; /* (valid until the next step), */
    uint64_t begin, end;   /* its bytes in the text, */
    int ends_paragraph;    /* and whether a paragraph ended with it */
    marvis_session_timing timing; /* sums over all pieces; first_pcm_s is that of the first */
} marvis_speech_info;
MARVIS_API void marvis_speech_info_get(const marvis_speech *speech, marvis_speech_info *info);

/* Where the speech stands: behind the last piece that was handed out to its end. With it another
 * speech, of the same model, settings, voice and text, goes on as if it had never been stopped.
 * Pointers belong to the speech, until its next call. */
typedef struct marvis_speech_position {
    size_t struct_size;          /* set by the caller */
    uint64_t offset;             /* bytes of the text before the paragraph under way */
    uint64_t n_pieces;           /* pieces behind us, all that the text was cut into */
    uint64_t n_within;           /* of those, in the paragraph under way */
    int64_t n_frames, n_samples; /* handed out up to here */
    int pause_ms;                /* due before the next piece */
    float last;                  /* the last sample */
    int contiguous;              /* 1: the tail is the piece just spoken */
    marvis_recording tail;       /* what the next piece goes on from; no frames: nothing */
} marvis_speech_position;
MARVIS_API void marvis_speech_position_get(const marvis_speech *speech,
                                           marvis_speech_position *position);

/* Goes on from a position; the first byte pushed must be that at position->offset. Everything is
 * copied. ERR_CALL: text was pushed before, or turns are kept, which a position does not hold;
 * ERR_INPUT: the tail cannot be this session's. */
MARVIS_API MARVIS_CHECK marvis_status marvis_speech_resume(marvis_speech *speech,
                                                           const marvis_speech_position *position,
                                                           marvis_error *err);

/* ---- codec ---------------------------------------------------------------------------------- */

/* A Mimi decoder with its streaming state. Belongs to one thread at a time. */
typedef struct marvis_decoder marvis_decoder;

/* Creates a decoder on the model's codec, for the first n_codebooks codebooks (0 = all). */
MARVIS_API MARVIS_CHECK marvis_status marvis_decoder_create(const marvis_model *model,
                                                            int n_codebooks,
                                                            marvis_decoder **decoder,
                                                            marvis_error *err);
MARVIS_API void marvis_decoder_destroy(marvis_decoder **decoder);

/* Decodes n_frames frames: codes [n_frames][n_codebooks] to pcm [n_frames * frame_samples]. Chunks
 * of any size give the same samples. ERR_INPUT: a code outside the codec's codebook; nothing is
 * decoded then and the state is unchanged. */
MARVIS_API MARVIS_CHECK marvis_status marvis_decoder_decode(marvis_decoder *decoder,
                                                            const int32_t *codes, size_t n_frames,
                                                            float *pcm, marvis_error *err);

/* Back to the state of a new decoder. */
MARVIS_API void marvis_decoder_reset(marvis_decoder *decoder);

/* A Mimi encoder with its streaming state: audio to codes. Belongs to one thread at a time. While a
 * model has encoders, the encoder's weights are in memory once for all of them (157 MB of Mimi);
 * the first encoder reads them from the codec's file. */
typedef struct marvis_encoder marvis_encoder;

/* 1 where the model's codec can encode, else 0: some files carry the decoder alone. */
MARVIS_API int marvis_model_has_encoder(const marvis_model *model);

/* Creates an encoder on the model's codec, to the first n_codebooks codebooks (0 = all).
 * sample_rate: of the audio to come, in Hz, which must be marvis_model_sample_rate: speech passed
 * at another rate would be another voice. The model must outlive it. ERR_CALL: no codec, codebooks
 * or a rate that it does not have; ERR_UNSUPPORTED: the codec has no encoder; ERR_MEMORY. */
MARVIS_API MARVIS_CHECK marvis_status marvis_encoder_create(const marvis_model *model,
                                                            int sample_rate, int n_codebooks,
                                                            marvis_encoder **encoder,
                                                            marvis_error *err);

/* Frees *encoder and sets it to NULL; *encoder NULL is allowed. */
MARVIS_API void marvis_encoder_destroy(marvis_encoder **encoder);

/* Takes n_samples more samples of mono audio, nominally -1..1, and writes the codes of the frames
 * that they complete: codes [*n_frames][n_codebooks], with room for n_samples / frame_samples + 1
 * frames. The rest waits for the next call: calls of any size, 0 included, give the same codes.
 * ERR_INPUT names the first sample that is not a number or beyond any sound; nothing is taken then
 * and the state is unchanged. */
MARVIS_API MARVIS_CHECK marvis_status marvis_encoder_encode(marvis_encoder *encoder,
                                                            const float *pcm, size_t n_samples,
                                                            int32_t *codes, size_t *n_frames,
                                                            marvis_error *err);

/* The end of the audio: a frame that has begun is completed with silence and its codes are written,
 * [n_codebooks]. Returns the number of frames, 0 or 1. The encoder is then as new. */
MARVIS_API size_t marvis_encoder_flush(marvis_encoder *encoder, int32_t *codes);

/* Back to the state of a new encoder. */
MARVIS_API void marvis_encoder_reset(marvis_encoder *encoder);

/* Encodes a whole piece of audio: pcm [n_samples] at sample_rate, which must be the model's, to
 * codes [*n_frames][n_codebooks] of the first n_codebooks codebooks (0 = all the codec has), the
 * last frame completed with silence. The caller frees *codes with marvis_free. Any thread.
 * ERR_INPUT: no samples, or one that is not a number (the message says which); else as
 * marvis_encoder_create. */
MARVIS_API MARVIS_CHECK marvis_status marvis_model_encode(const marvis_model *model,
                                                          const float *pcm, size_t n_samples,
                                                          int sample_rate, int n_codebooks,
                                                          int32_t **codes, size_t *n_frames,
                                                          marvis_error *err);

/* Opens a Mimi file alone (moshi or transformers naming) as a model without backbone and tokenizer:
 * good for marvis_decoder_create. */
MARVIS_API MARVIS_CHECK marvis_status marvis_codec_open(marvis_engine *engine, const char *path,
                                                        const marvis_model_settings *settings,
                                                        marvis_model **model, marvis_error *err);

/* ---- trace ---------------------------------------------------------------------------------- */

/* Runs a prompt and then forced frames, without sampling, to compare a checkpoint with its
 * reference.
 *   tokens [n_prompt][C+1]: audio columns 0..C-1, text last;
 *   mask   [n_prompt][C+1]: 0 or 1;
 *   frames [n_frames][C]: the frames forced after the prompt;
 *   hidden [n_frames][D]: the backbone's final-norm state from which frame t is predicted;
 *   logits [n_frames][C][V]: row (t,0) from the codebook-0 head, row (t,i) from head i with codes
 *          0..i-1 of frame t forced.
 * hidden and logits are the caller's; either may be NULL. ERR_INPUT names the id out of range;
 * ERR_TOO_LONG: prompt and frames do not fit the model's positions. */
MARVIS_API MARVIS_CHECK marvis_status marvis_model_trace(const marvis_model *model,
                                                         const int32_t *tokens, const uint8_t *mask,
                                                         size_t n_prompt, const int32_t *frames,
                                                         size_t n_frames, float *hidden,
                                                         float *logits, marvis_error *err);

/* ---- measuring ------------------------------------------------------------------------------ */

/* Bytes of weights that one frame of 80 ms is made of: each matrix counted as often as a frame
 * passes over it. */
typedef struct marvis_frame_cost {
    size_t struct_size;    /* set by the caller */
    double backbone_bytes; /* the backbone and the head of codebook 0, once */
    double depth_bytes;    /* the depth decoder and its projection, for each further codebook */
    double heads_bytes;    /* the heads of these codebooks */
    double codec_bytes;    /* Mimi, once for a chunk of any number of frames; its codebooks not */
    double held_bytes;     /* all weights in memory, tables and codec included */
} marvis_frame_cost;

/* The cost of a frame with n_codebooks (1..marvis_model_n_codebooks, others are brought into that
 * range) of a model that speaks. */
MARVIS_API void marvis_model_frame_cost(const marvis_model *model, int n_codebooks,
                                        marvis_frame_cost *cost);

/* How fast the engine's threads read memory: *bytes_per_s of a working set of `bytes` (at least
 * 64 KiB), each thread its own share of it again and again. The median of five measurements, which
 * take some tenths of a second in all. ERR_CALL, ERR_MEMORY. */
MARVIS_API MARVIS_CHECK marvis_status marvis_engine_read_speed(marvis_engine *engine, size_t bytes,
                                                               double *bytes_per_s,
                                                               marvis_error *err);

/* How fast a model speaks on this machine. Factors are seconds that a second of speech takes: below
 * 1 it keeps up with a listener. */
typedef struct marvis_pace {
    size_t struct_size; /* set by the caller */
    int n_codebooks;    /* the most with a factor of at most 0.9; but 8 at least, or all of fewer */
    double factor;      /* expected with them */
    double factor_all;  /* and with all codebooks */
} marvis_pace;

/* Measures what speaking costs here, with the engine's threads as they are and whatever else the
 * machine is doing: three frames, or as much of them as 0.3 s hold, and a chunk of the codec.
 * chunk_frames (1 or more) is that of the sessions to come: frames decoded together cost less
 * each. Sessions of the model are not touched: one that gets pace.n_codebooks says what it says
 * with that number given by hand. Any thread; nobody else should use the engine meanwhile. *pace is
 * written on success alone. ERR_CALL: chunk_frames, or a model without codec or speech;
 * ERR_MEMORY. */
MARVIS_API MARVIS_CHECK marvis_status marvis_model_measure_pace(const marvis_model *model,
                                                                int chunk_frames, marvis_pace *pace,
                                                                marvis_error *err);

/* ---- text ----------------------------------------------------------------------------------- */

/* English text as it is spoken: numbers, dates, times, money, units, addresses, abbreviations and
 * signs become words; markup, emoji and what cannot be said go; letters of other languages stay
 * (docs/NORMALIZE.md). A session does not do it by itself: text is pushed as it is to be spoken.
 *
 * text [len_bytes] may hold NULs and invalid UTF-8; NULL where len_bytes is 0. *out is UTF-8:
 * letters, spaces, plain punctuation, an empty line between paragraphs; *out_len bytes, 0 when
 * there is nothing to say, and a NUL behind them; the caller frees it with marvis_free. Given its
 * own result it changes nothing. Takes time in proportion to len_bytes. Any thread. ERR_CALL: no
 * text; ERR_MEMORY.
 *
 * The example prints "At ten thirty":
 *
 *     char *spoken;
 *     size_t n;
 *     if (marvis_normalize("At 10:30", 8, &spoken, &n, &err) == MARVIS_OK)
 *         puts(spoken);
 *     marvis_free(spoken);
 */
MARVIS_API MARVIS_CHECK marvis_status marvis_normalize(const char *text, size_t len_bytes,
                                                       char **out, size_t *out_len,
                                                       marvis_error *err);

/* ---- tensor files (safetensors) ------------------------------------------------------------- */

/* A safetensors file opened for reading, every header checked. Read-only; any thread. */
typedef struct marvis_tensors marvis_tensors;

MARVIS_API MARVIS_CHECK marvis_status marvis_tensors_open(const char *path,
                                                          marvis_tensors **tensors,
                                                          marvis_error *err);
MARVIS_API void marvis_tensors_close(marvis_tensors **tensors);

/* Finds a tensor: its safetensors type name ("F32", "I32", ...), shape (n_dims values, at most 8)
 * and bytes (little-endian, any alignment; they belong to `tensors`). ERR_TENSOR: no such tensor.
 */
typedef struct marvis_tensor_view {
    const char *type;
    int n_dims;
    int64_t shape[8];
    const void *data;
    size_t len_bytes;
} marvis_tensor_view;
MARVIS_API MARVIS_CHECK marvis_status marvis_tensors_find(const marvis_tensors *tensors,
                                                          const char *name,
                                                          marvis_tensor_view *view,
                                                          marvis_error *err);

/* Writes n tensors as a safetensors file, whole or not at all (a temporary file is renamed). */
MARVIS_API MARVIS_CHECK marvis_status marvis_tensors_write(const char *path, size_t n,
                                                           const char *const *names,
                                                           const marvis_tensor_view *views,
                                                           marvis_error *err);

#ifdef __cplusplus
}
#endif
#endif
