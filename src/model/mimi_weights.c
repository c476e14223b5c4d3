/* mimi_weights.c - the loaded codec as an object: sanity of its numbers, its size, its end. */
#include "model/mimi_weights.h"

#include "base/memory.h"

marvis_status mv_mimi_config_check(const mv_mimi_config *c, marvis_error *err) {
    const struct {
        const char *name;
        int value, min, max;
    } ranges[] = {
        {"sample_rate", c->sample_rate, 1, 1000000},
        {"hidden_size", c->latent, 1, 1 << 16},
        {"num_filters", c->n_filters, 1, 1 << 12},
        {"kernel_size", c->kernel, 1, 1024},
        {"last_kernel_size", c->last_kernel, 1, 1024},
        {"residual_kernel_size", c->residual_kernel, 1, 1024},
        {"compress", c->compress, 1, c->n_filters},
        {"number of upsampling_ratios", c->n_ratios, 1, MV_MIMI_MAX_RATIOS},
        {"num_hidden_layers", c->n_layers, 1, 1024},
        {"num_attention_heads", c->n_heads, 1, 1024},
        {"head_dim", c->head_dim, 2, 4096},
        {"intermediate_size", c->mlp_width, 1, 1 << 18},
        {"sliding_window", c->window, 1, 1 << 16},
        {"codebook_size", c->codebook_size, 1, 1 << 20},
        {"codebook_dim", c->codebook_dim, 1, 1 << 16},
        {"num_quantizers", c->n_codebooks, 2, 1024},
        {"num_semantic_quantizers", c->n_semantic, 1, 1023},
        {"ratio of encodec_frame_rate to frame_rate", c->upsample_stride, 2, 64},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (ranges[i].value < ranges[i].min || ranges[i].value > ranges[i].max)
            return mv_fail(err, MARVIS_ERR_CONFIG,
                           "the codec's %s is %d, which is not between %d and %d", ranges[i].name,
                           ranges[i].value, ranges[i].min, ranges[i].max);
    if (c->n_semantic >= c->n_codebooks)
        return mv_fail(err, MARVIS_ERR_CONFIG,
                       "the codec's num_semantic_quantizers %d is not below its num_quantizers %d",
                       c->n_semantic, c->n_codebooks);
    int64_t samples = c->upsample_stride;
    for (int i = 0; i < c->n_ratios; i++) {
        if (c->ratios[i] < 1 || c->ratios[i] > 64)
            return mv_fail(err, MARVIS_ERR_CONFIG,
                           "the codec's upsampling ratio %d is not between 1 and 64", c->ratios[i]);
        samples *= c->ratios[i];
    }
    if (samples > 1 << 20)
        return mv_fail(err, MARVIS_ERR_CONFIG,
                       "the codec's ratios give %lld samples a frame, more than 2^20",
                       (long long)samples);
    if (c->head_dim % 2 != 0)
        return mv_fail(err, MARVIS_ERR_CONFIG, "the codec's head_dim %d is odd", c->head_dim);
    if (!(c->rope_theta > 0) || !(c->norm_eps >= 0))
        return mv_fail(err, MARVIS_ERR_CONFIG,
                       "the codec's rope_theta or norm_eps is not positive");
    return MARVIS_OK;
}

void mv_mimi_block_deinit(mv_mimi_block *b) {
    mv_free(b->norm1_weight);
    mv_free(b->norm1_bias);
    mv_free(b->norm2_weight);
    mv_free(b->norm2_bias);
    mv_free(b->scale1);
    mv_free(b->scale2);
    mv_matrix_deinit(&b->qkv);
    mv_matrix_deinit(&b->out);
    mv_matrix_deinit(&b->fc1);
    mv_matrix_deinit(&b->fc2);
}

void mv_mimi_destroy(mv_mimi **mimi_ptr) {
    mv_mimi *mimi = *mimi_ptr;
    if (!mimi) return;
    for (int i = 0; mimi->tables && i < mimi->config.n_codebooks; i++)
        mv_free(mimi->tables[i]);
    mv_free(mimi->tables);
    mv_matrix_deinit(&mimi->project);
    mv_convtr_dw_deinit(&mimi->upsample);
    for (int i = 0; mimi->blocks && i < mimi->config.n_layers; i++)
        mv_mimi_block_deinit(&mimi->blocks[i]);
    mv_free(mimi->blocks);
    mv_conv_deinit(&mimi->first);
    for (int i = 0; i < mimi->config.n_ratios; i++) {
        mv_conv_deinit(&mimi->stages[i].up);
        mv_conv_deinit(&mimi->stages[i].narrow);
        mv_conv_deinit(&mimi->stages[i].widen);
    }
    mv_conv_deinit(&mimi->last);
    mv_free(mimi);
    *mimi_ptr = NULL;
}

const mv_mimi_config *mv_mimi_config_of(const mv_mimi *mimi) { return &mimi->config; }

static size_t conv_bytes(const mv_conv *conv) {
    return mv_matrix_bytes(&conv->w) + (conv->bias ? (size_t)conv->out * sizeof(float) : 0);
}

size_t mv_mimi_bytes(const mv_mimi *mimi) {
    const mv_mimi_config *c = &mimi->config;
    size_t n = (size_t)c->n_codebooks * (size_t)c->codebook_size * (size_t)c->codebook_dim;
    n += (size_t)mimi->upsample.channels * (size_t)mimi->upsample.kernel;
    n += (size_t)c->n_layers * 6 * (size_t)c->latent;
    size_t bytes = n * sizeof(float) + mv_matrix_bytes(&mimi->project);
    for (int i = 0; i < c->n_layers; i++) {
        const mv_mimi_block *b = &mimi->blocks[i];
        bytes += mv_matrix_bytes(&b->qkv) + mv_matrix_bytes(&b->out);
        bytes += mv_matrix_bytes(&b->fc1) + mv_matrix_bytes(&b->fc2);
    }
    bytes += conv_bytes(&mimi->first) + conv_bytes(&mimi->last);
    for (int i = 0; i < c->n_ratios; i++) {
        const mv_mimi_stage *s = &mimi->stages[i];
        bytes += conv_bytes(&s->up) + conv_bytes(&s->narrow) + conv_bytes(&s->widen);
    }
    return bytes;
}
