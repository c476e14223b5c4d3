/* speech.h - text of any length as pieces that a session speaks one after the other. speech.c has
 * life and steps, speech_piece.c a piece from its text to its end, speech_state.c what is told. */
#ifndef MV_ENGINE_SPEECH_H
#define MV_ENGINE_SPEECH_H

#include "engine/session.h"
#include "text/split.h"

typedef enum mv_speech_stage {
    MV_SPEECH_TEXT,  /* before a piece */
    MV_SPEECH_PAUSE, /* a piece is there; the pause before it */
    MV_SPEECH_SPEAK, /* the session speaks it */
    MV_SPEECH_GIVE,  /* it is over; what was held of it is handed out */
    MV_SPEECH_OVER
} mv_speech_stage;

struct marvis_speech {
    marvis_session *session; /* borrowed */
    marvis_speech_settings settings;
    int piece_frames; /* the session's own max_frames, which changes with the pieces */
    int n_codebooks;
    size_t frame_samples;
    size_t tail_frames; /* most of a tail */

    /* text */
    mv_split *split;
    char *queue; /* owned: pushed, not yet taken by the splitter, from queue_at to queue_end */
    size_t queue_at, queue_end, queue_capacity;
    bool pushed, ended, split_ended;
    uint64_t n_skip; /* pieces to leave out after marvis_speech_resume */

    /* the piece */
    mv_speech_stage stage;
    mv_split_piece piece;
    uint64_t index;   /* of the piece among all that the splitter made */
    char *normalized; /* owned; or NULL: the piece is spoken as it is */
    const char *text; /* [text_len] as it is spoken */
    size_t text_len;
    int attempt;
    bool bars_end;  /* an attempt has said nothing: the next may not end at once */
    size_t n_hold;  /* frames that are held back before the first is handed out */
    int32_t *codes; /* owned [piece_frames][n_codebooks] of the piece so far */
    size_t n_frames;
    float *pcm; /* owned [pcm_frames][frame_samples]: of the frames from n_given on */
    size_t pcm_frames, n_pcm, pcm_at;
    size_t n_given;     /* frames handed out */
    marvis_stop ending; /* how it ended */
    bool early;

    /* what the next piece goes on from */
    char *tail_text; /* owned [tail_len] */
    size_t tail_len, tail_capacity;
    int32_t *tail_codes; /* owned [piece_frames][n_codebooks] */
    size_t n_tail;
    bool contiguous; /* the tail is the piece just spoken */

    /* the seam between pieces */
    int pause_ms;    /* due before the next piece */
    size_t n_pause;  /* samples of it to come */
    float last;      /* the last sample handed out */
    float fade_from; /* the sample before the piece or pause that is smoothed */
    size_t n_fade;   /* samples smoothed so far, of fade_samples */
    size_t fade_samples;
    float *quiet; /* owned [chunk_frames * frame_samples] */

    bool spoken; /* a piece has been begun */
    marvis_stop stop;
    marvis_status failed;
    marvis_speech_info info;
    marvis_speech_position position; /* without the tail's pointers */
};

/* ---- speech_piece.c ------------------------------------------------------------------------- */

/* Takes the next piece with something to speak from the text there is; *found is whether. */
MV_CHECK marvis_status mv_speech_next_piece(marvis_speech *speech, bool *found, marvis_error *err);

/* Gives the piece to the session; attempt 0 is the first. */
MV_CHECK marvis_status mv_speech_begin_piece(marvis_speech *speech, int attempt, marvis_error *err);

/* Frames that the session has spoken of the piece. */
MV_CHECK marvis_status mv_speech_take(marvis_speech *speech, const marvis_chunk *chunk,
                                      marvis_error *err);

/* The session has stopped. Returns whether the piece is to be spoken again. */
bool mv_speech_went_wrong(marvis_speech *speech, marvis_stop stop);

/* The piece has been handed out to its end: counts it, and keeps it as a tail. */
MV_CHECK marvis_status mv_speech_end_piece(marvis_speech *speech, marvis_error *err);

/* With settings.keep_turns, makes a turn of what was handed out of the piece. */
MV_CHECK marvis_status mv_speech_keep_turn(marvis_speech *speech, marvis_error *err);

/* Sums the session's timing into the speech's. */
void mv_speech_add_timing(marvis_session_timing *sum, const marvis_session *session);

#endif
