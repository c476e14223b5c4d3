/* decoder.c - the Mimi decoder of marvis.h: checks codes, then streams. */
#include "engine/engine.h"

#include "base/memory.h"

struct marvis_decoder {
    const marvis_model *model; /* borrowed */
    mv_mimi_decoder *mimi;     /* owned */
    int n_codebooks;
};

/* Frames that go through the decoder in one piece. */
enum { CHUNK_FRAMES = 8 };

marvis_status marvis_decoder_create(const marvis_model *model, int n_codebooks,
                                    marvis_decoder **decoder, marvis_error *err) {
    *decoder = NULL;
    if (!model->mimi) return mv_fail(err, MARVIS_ERR_CALL, "the model was opened without a codec");
    int all = mv_mimi_config_of(model->mimi)->n_codebooks;
    if (n_codebooks < 0 || n_codebooks > all)
        return mv_fail(err, MARVIS_ERR_CALL, "%d codebooks: this codec has 1 to %d", n_codebooks,
                       all);
    marvis_decoder *d = mv_alloc(1, sizeof *d);
    if (!d) return mv_fail_memory(err, sizeof *d, "the decoder");
    d->model = model;
    d->n_codebooks = n_codebooks ? n_codebooks : all;
    marvis_status status =
        mv_mimi_decoder_create(model->mimi, d->n_codebooks, CHUNK_FRAMES, &d->mimi, err);
    if (status != MARVIS_OK) {
        marvis_decoder_destroy(&d);
        return status;
    }
    *decoder = d;
    return MARVIS_OK;
}

void marvis_decoder_destroy(marvis_decoder **decoder) {
    if (!decoder || !*decoder) return;
    mv_mimi_decoder_destroy(&(*decoder)->mimi);
    mv_free(*decoder);
    *decoder = NULL;
}

marvis_status marvis_decoder_decode(marvis_decoder *decoder, const int32_t *codes, size_t n_frames,
                                    float *pcm, marvis_error *err) {
    MV_TRY(mv_mimi_check_codes(decoder->model->mimi, codes, n_frames, decoder->n_codebooks, err));
    mv_mimi_decode(decoder->mimi, &decoder->model->engine->exec, codes, n_frames, pcm);
    return MARVIS_OK;
}

void marvis_decoder_reset(marvis_decoder *decoder) { mv_mimi_decoder_reset(decoder->mimi); }
