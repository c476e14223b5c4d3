/* ops.c - see ops.h: norms, residual sums, rotary positions, the KV ring and attention. */
#include "nn/ops.h"

#include "base/memory.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const double two_pi = 6.283185307179586476925286766559;

void mv_rmsnorm(float *y, const float *x, const float *scale, float eps, size_t n) {
    /* eight partial sums in a fixed order: vectorisable, and the same on every tier */
    float part[8] = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t j = 0; j < 8; j++)
            part[j] += x[i + j] * x[i + j];
    for (; i < n; i++)
        part[i & 7] += x[i] * x[i];
    float sum =
        ((part[0] + part[4]) + (part[1] + part[5])) + ((part[2] + part[6]) + (part[3] + part[7]));
    float r = 1.0f / sqrtf(sum / (float)n + eps);
    for (i = 0; i < n; i++)
        y[i] = x[i] * r * scale[i];
}

void mv_layernorm(float *y, const float *x, const float *weight, const float *bias, float eps,
                  size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    float mean = sum / (float)n;
    float square = 0;
    for (size_t i = 0; i < n; i++)
        square += (x[i] - mean) * (x[i] - mean);
    float r = 1.0f / sqrtf(square / (float)n + eps);
    for (size_t i = 0; i < n; i++)
        y[i] = (x[i] - mean) * r * weight[i] + bias[i];
}

void mv_add(float *x, const float *y, size_t n) {
    for (size_t i = 0; i < n; i++)
        x[i] += y[i];
}

void mv_add_scaled(float *x, const float *y, const float *scale, size_t n) {
    for (size_t i = 0; i < n; i++)
        x[i] += scale[i] * y[i];
}

double mv_rope_inv_freq(const mv_rope_config *config, int head_dim, int i) {
    double inv = pow(config->theta, -2.0 * i / head_dim);
    if (!config->llama3) return inv;
    double low = config->low_freq_factor, high = config->high_freq_factor;
    double wavelength = two_pi / inv;
    if (wavelength < config->original_max_positions / high) return inv;
    if (wavelength > config->original_max_positions / low) return inv / config->factor;
    double s = (config->original_max_positions / wavelength - low) / (high - low);
    return (1.0 - s) * inv / config->factor + s * inv;
}

void mv_rope_angles(const mv_rope_config *config, int head_dim, int64_t position, float *cos_sin) {
    for (int i = 0; i < head_dim / 2; i++) {
        double angle = (double)position * mv_rope_inv_freq(config, head_dim, i);
        cos_sin[2 * i] = (float)cos(angle);
        cos_sin[2 * i + 1] = (float)sin(angle);
    }
}

marvis_status mv_rope_init(mv_rope *rope, const mv_rope_config *config, int head_dim,
                           int n_positions, int interleaved, marvis_error *err) {
    *rope = (mv_rope){.head_dim = head_dim, .n_positions = n_positions, .interleaved = interleaved};
    size_t half = (size_t)head_dim / 2;
    rope->cos_sin = mv_alloc((size_t)n_positions, 2 * half * sizeof *rope->cos_sin);
    double *inv = mv_alloc(half, sizeof *inv);
    if (!rope->cos_sin || !inv) {
        mv_free(inv);
        mv_rope_deinit(rope);
        return mv_fail_memory(err, (size_t)n_positions * 2 * half * sizeof(float), "rotary tables");
    }
    for (size_t i = 0; i < half; i++)
        inv[i] = mv_rope_inv_freq(config, head_dim, (int)i);
    for (size_t p = 0; p < (size_t)n_positions; p++)
        for (size_t i = 0; i < half; i++) {
            double angle = (double)p * inv[i];
            rope->cos_sin[(p * half + i) * 2] = (float)cos(angle);
            rope->cos_sin[(p * half + i) * 2 + 1] = (float)sin(angle);
        }
    mv_free(inv);
    return MARVIS_OK;
}

void mv_rope_deinit(mv_rope *rope) {
    mv_free(rope->cos_sin);
    *rope = (mv_rope){0};
}

void mv_rope_rotate(float *x, int n_heads, int head_dim, int interleaved, const float *cos_sin) {
    int half = head_dim / 2;
    int step = interleaved ? 2 : 1;     /* from pair to pair */
    int other = interleaved ? 1 : half; /* from a pair's first to its second */
    for (int h = 0; h < n_heads; h++, x += head_dim)
        for (int i = 0; i < half; i++) {
            float *a = x + i * step, *b = a + other;
            float c = cos_sin[2 * i], s = cos_sin[2 * i + 1];
            float ra = *a * c - *b * s;
            float rb = *b * c + *a * s;
            *a = ra;
            *b = rb;
        }
}

void mv_rope_apply(const mv_rope *rope, float *x, int n_heads, int position) {
    assert(position >= 0 && position < rope->n_positions);
    mv_rope_rotate(x, n_heads, rope->head_dim, rope->interleaved,
                   rope->cos_sin + (size_t)position * (size_t)rope->head_dim);
}

static float *kv_row(float *base, const mv_kv *kv, int head, int64_t position) {
    size_t slot = (size_t)(position % kv->capacity);
    return base + ((size_t)head * (size_t)kv->capacity + slot) * (size_t)kv->head_dim;
}

void mv_kv_store(mv_kv *kv, const float *k, const float *v, int64_t position) {
    size_t dim = (size_t)kv->head_dim;
    for (int h = 0; h < kv->n_kv_heads; h++) {
        memcpy(kv_row(kv->k, kv, h, position), k + (size_t)h * dim, dim * sizeof *k);
        memcpy(kv_row(kv->v, kv, h, position), v + (size_t)h * dim, dim * sizeof *v);
    }
}

void mv_attention(const mv_kernels *kernels, const mv_kv *kv, const float *q, float *out,
                  int n_heads, int head_begin, int head_end, int64_t first, int64_t last,
                  float *scores) {
    assert(first >= 0 && last - first < kv->capacity && n_heads % kv->n_kv_heads == 0);
    size_t dim = (size_t)kv->head_dim, n = (size_t)(last - first) + 1;
    float scale = 1.0f / sqrtf((float)dim);
    for (int h = head_begin; h < head_end; h++) {
        int kv_head = h / (n_heads / kv->n_kv_heads);
        const float *query = q + (size_t)h * dim;
        float *sum = out + (size_t)h * dim;
        for (size_t i = 0; i < n; i++)
            scores[i] =
                scale * kernels->dot(query, kv_row(kv->k, kv, kv_head, first + (int64_t)i), dim);
        kernels->softmax(scores, n);
        memset(sum, 0, dim * sizeof *sum);
        for (size_t i = 0; i < n; i++)
            kernels->axpy(sum, scores[i], kv_row(kv->v, kv, kv_head, first + (int64_t)i), dim);
    }
}
