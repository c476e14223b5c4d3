/* test_mlx_affine.c - MLX's affine quantisation: the bit stream against a decoder that goes bit by
 * bit, the quantiser of the reference run backwards, and whole modules taken from a checkpoint. */
#include "format_fixture.h"

#include "base/memory.h"
#include "format/checkpoint.h"
#include "format/mlx_affine.h"
#include "kernels/convert.h"

#include <jansson.h>
#include <math.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const int all_bits[] = {2, 3, 4, 5, 6, 8};
static const int all_groups[] = {32, 64, 128};

/* Element k of a row, one bit at a time. */
static uint8_t oracle_element(const uint8_t *packed, size_t k, int bits) {
    unsigned value = 0;
    for (int b = 0; b < bits; b++) {
        size_t bit = k * (size_t)bits + (size_t)b;
        value |= (unsigned)(packed[bit / 8] >> (bit % 8) & 1) << b;
    }
    return (uint8_t)value;
}

static void oracle_store(uint8_t *packed, size_t k, int bits, unsigned value) {
    for (int b = 0; b < bits; b++) {
        size_t bit = k * (size_t)bits + (size_t)b;
        packed[bit / 8] = (uint8_t)(packed[bit / 8] | (value >> b & 1) << (bit % 8));
    }
}

static void trap_19_fields_cross_word_borders(void **state) {
    (void)state;
    uint64_t seed = 19;
    size_t n_checked = 0;
    for (size_t i = 0; i < COUNT(all_bits); i++) {
        int bits = all_bits[i];
        for (size_t n = 32; n <= 256; n += 32) {
            uint8_t *packed = malloc(n * (size_t)bits / 8), *q = malloc(n); /* exact sizes */
            for (size_t k = 0; k < n * (size_t)bits / 8; k++)
                packed[k] = (uint8_t)test_random(&seed);
            mv_mlx_unpack_row(q, packed, n, bits);
            for (size_t k = 0; k < n; k++, n_checked++)
                if (q[k] != oracle_element(packed, k, bits))
                    fail_msg("%d bits, element %zu of %zu", bits, k, n);
            free(packed);
            free(q);
        }
    }
    assert_int_equal(n_checked, 6 * (32 + 64 + 96 + 128 + 160 + 192 + 224 + 256));
}

/* The field positions as published for 3 and 6 bits, and the usual nibbles. */
static void published_packings_are_read(void **state) {
    (void)state;
    static const uint8_t b[3] = {0xb5, 0x6e, 0xd9};
    uint8_t row[32 * 6 / 8], q[32];
    for (size_t i = 0; i < sizeof row; i++)
        row[i] = b[i % 3];
    mv_mlx_unpack_row(q, row, 32, 6);
    assert_int_equal(q[0], b[0] & 63);
    assert_int_equal(q[1], b[0] >> 6 | (b[1] & 15) << 2);
    assert_int_equal(q[2], b[1] >> 4 | (b[2] & 3) << 4);
    assert_int_equal(q[3], b[2] >> 2);
    mv_mlx_unpack_row(q, row, 32, 3);
    assert_int_equal(q[2], b[0] >> 6 | (b[1] & 1) << 2);
    assert_int_equal(q[5], b[1] >> 7 | (b[2] & 3) << 1);
    assert_int_equal(q[7], b[2] >> 5);
    mv_mlx_unpack_row(q, row, 32, 4);
    assert_int_equal(q[0], 0x5);
    assert_int_equal(q[1], 0xb);
    mv_mlx_unpack_row(q, row, 4, 8);
    assert_memory_equal(q, row, 4);
}

/* ---- the reference's quantiser -------------------------------------------------------------- */

typedef struct quantised {
    float scale, bias;
} quantised;

/* One group of n values, as mlx.core.quantize does it: the edge of larger magnitude is kept
 * exactly, and the scale is negative when that is the maximum. */
static quantised quantise_group(const float *w, size_t n, int bits, uint8_t *packed, size_t first) {
    float low = w[0], high = w[0], top = (float)((1 << bits) - 1);
    for (size_t i = 1; i < n; i++) {
        low = fminf(low, w[i]);
        high = fmaxf(high, w[i]);
    }
    float scale = fmaxf((high - low) / top, 1e-7f), edge = low;
    if (!(fabsf(low) > fabsf(high))) {
        edge = high;
        scale = -scale;
    }
    float q0 = rintf(edge / scale), bias = 0;
    if (q0 != 0) {
        scale = edge / q0;
        bias = edge;
    }
    for (size_t i = 0; i < n; i++) {
        float q = fminf(fmaxf(rintf((w[i] - bias) / scale), 0), top);
        oracle_store(packed, first + i, bits, (unsigned)q);
    }
    return (quantised){scale, bias};
}

/* A module of random weights, quantised; groups alternate between dominated by their minimum
 * (positive scale) and by their maximum (negative scale). */
enum { N_ROWS = 5 };
typedef struct module {
    int bits, group;
    size_t n_cols, n_groups, row_bytes;
    uint8_t *packed;        /* [N_ROWS][row_bytes] */
    float *w;               /* [N_ROWS][n_cols] before quantising */
    float *scales, *biases; /* [N_ROWS][n_groups] */
} module;

static module *module_new(int bits, int group, size_t n_groups, uint64_t seed) {
    module *m = calloc(1, sizeof *m);
    *m = (module){.bits = bits, .group = group, .n_groups = n_groups};
    m->n_cols = n_groups * (size_t)group;
    m->row_bytes = m->n_cols * (size_t)bits / 8;
    m->packed = calloc(N_ROWS, m->row_bytes);
    m->w = calloc(N_ROWS * m->n_cols, sizeof *m->w);
    m->scales = calloc(N_ROWS * n_groups, sizeof *m->scales);
    m->biases = calloc(N_ROWS * n_groups, sizeof *m->biases);
    for (size_t r = 0; r < N_ROWS; r++) {
        for (size_t g = 0; g < n_groups; g++) {
            float *w = m->w + r * m->n_cols + g * (size_t)group;
            for (size_t i = 0; i < (size_t)group; i++)
                w[i] = test_uniform(&seed) + ((r + g) % 2 ? 0.5f : -0.5f);
            quantised q = quantise_group(w, (size_t)group, bits, m->packed + r * m->row_bytes,
                                         g * (size_t)group);
            m->scales[r * n_groups + g] = q.scale;
            m->biases[r * n_groups + g] = q.bias;
        }
    }
    return m;
}

static void module_free(module *m) {
    free(m->packed);
    free(m->w);
    free(m->scales);
    free(m->biases);
    free(m);
}

/* scale * q + bias in f32, from the bit-by-bit decoder. */
static float oracle_value(const module *m, size_t r, size_t c) {
    size_t g = r * m->n_groups + c / (size_t)m->group;
    float product = m->scales[g] * (float)oracle_element(m->packed + r * m->row_bytes, c, m->bits);
    return product + m->biases[g];
}

static void trap_18_negative_scales_and_biases(void **state) {
    (void)state;
    size_t n_modules = 0, n_negative = 0, n_positive = 0;
    for (size_t i = 0; i < COUNT(all_bits); i++) {
        for (size_t j = 0; j < COUNT(all_groups); j++, n_modules++) {
            module *m = module_new(all_bits[i], all_groups[j], 3, 18 + i * 10 + j);
            float *row = malloc(m->n_cols * sizeof *row);
            for (size_t r = 0; r < N_ROWS; r++) {
                mv_mlx_dequantize_row(row, m->packed + r * m->row_bytes,
                                      m->scales + r * m->n_groups, m->biases + r * m->n_groups,
                                      m->n_cols, m->group, m->bits);
                for (size_t c = 0; c < m->n_cols; c++) {
                    float scale = m->scales[r * m->n_groups + c / (size_t)m->group];
                    if (scale < 0)
                        n_negative++;
                    else
                        n_positive++;
                    if (row[c] != oracle_value(m, r, c))
                        fail_msg("%d bits: row %zu column %zu: %g", m->bits, r, c, (double)row[c]);
                    /* Half a step off at most; when edge/q0 stretched the scale, the far end of the
                     * range may be a whole step away. */
                    if (fabsf(row[c] - m->w[r * m->n_cols + c]) > fabsf(scale) * 1.001f)
                        fail_msg("%d bits: row %zu column %zu lost its value", m->bits, r, c);
                }
            }
            free(row);
            module_free(m);
        }
    }
    assert_int_equal(n_modules, 18);
    assert_true(n_negative > 1000 && n_positive > 1000);
}

/* ---- modules of a checkpoint ---------------------------------------------------------------- */

static void add_module(fx_builder *b, const char *name, const module *m, const char *type) {
    char full[128], shape[64];
    size_t n = N_ROWS * m->n_groups;
    uint16_t *narrow = malloc(2 * n * sizeof *narrow);
    snprintf(full, sizeof full, "%s.weight", name);
    snprintf(shape, sizeof shape, "[%d,%zu]", N_ROWS, m->row_bytes / 4);
    fx_add(b, full, "U32", shape, m->packed, N_ROWS * m->row_bytes);
    snprintf(shape, sizeof shape, "[%d,%zu]", N_ROWS, m->n_groups);
    for (size_t i = 0; i < n; i++) {
        narrow[i] = mv_f32_to_bf16(m->scales[i]);
        narrow[n + i] = mv_f32_to_bf16(m->biases[i]);
    }
    bool f32 = strcmp(type, "F32") == 0;
    snprintf(full, sizeof full, "%s.scales", name);
    fx_add(b, full, type, shape, f32 ? (void *)m->scales : (void *)narrow, n * (f32 ? 4 : 2));
    snprintf(full, sizeof full, "%s.biases", name);
    fx_add(b, full, type, shape, f32 ? (void *)m->biases : (void *)(narrow + n), n * (f32 ? 4 : 2));
    free(narrow);
}

static mv_checkpoint *checkpoint_of(const module *m, const char *type, size_t alignment) {
    fx_builder *b = fx_new();
    mv_checkpoint *ckpt;
    marvis_error err;
    add_module(b, "model.backbone.q", m, type);
    fx_zeros(b, "model.audio_head", "BF16", 2, "[2,1,4]", 8);
    const char *path = fx_finish_at(b, "module.safetensors", alignment);
    assert_ok(mv_checkpoint_open(path, &ckpt, &err), err);
    return ckpt;
}

static void modules_widen_to_f32_or_bf16(void **state) {
    (void)state;
    size_t n_cases = 0;
    for (size_t i = 0; i < COUNT(all_bits); i++) {
        for (size_t j = 0; j < COUNT(all_groups); j++) {
            module *m = module_new(all_bits[i], all_groups[j], 2, 100 + i * 10 + j);
            mv_checkpoint *ckpt = checkpoint_of(m, "F32", (i + j) % 8);
            mv_matrix f32, narrow, rounded;
            marvis_error err;
            assert_ok(mv_checkpoint_take_matrix(ckpt, "backbone.q", N_ROWS, (int64_t)m->n_cols,
                                                NULL, MARVIS_WEIGHTS_F32, &f32, &err),
                      err);
            assert_ok(mv_checkpoint_take_matrix(ckpt, "backbone.q", N_ROWS, (int64_t)m->n_cols,
                                                NULL, MARVIS_WEIGHTS_AUTO, &narrow, &err),
                      err);
            assert_ok(mv_checkpoint_take_matrix(ckpt, "backbone.q", N_ROWS, (int64_t)m->n_cols,
                                                NULL, MARVIS_WEIGHTS_BF16, &rounded, &err),
                      err);
            assert_int_equal(f32.type, MV_W_F32);
            assert_int_equal(narrow.type, MV_W_BF16);
            assert_int_equal(rounded.type, MV_W_BF16);
            for (size_t k = 0; k < N_ROWS * m->n_cols; k++) {
                float value = oracle_value(m, k / m->n_cols, k % m->n_cols);
                assert_true(((const float *)f32.data)[k] == value);
                assert_int_equal(((const uint16_t *)narrow.data)[k], mv_f32_to_bf16(value));
                assert_int_equal(((const uint16_t *)rounded.data)[k], mv_f32_to_bf16(value));
            }
            mv_free(f32.owned);
            mv_free(narrow.owned);
            mv_free(rounded.owned);
            mv_checkpoint_ignore(ckpt, "audio_head");
            assert_ok(mv_checkpoint_finish(ckpt, NULL, 1, NULL, NULL, &err), err);
            mv_checkpoint_close(&ckpt);
            module_free(m);
            n_cases++;
        }
    }
    assert_int_equal(n_cases, 18);
}

/* Scales and biases in bf16 are widened first: value = f32(scale) * q + f32(bias). */
static void bf16_scales_are_widened(void **state) {
    (void)state;
    module *m = module_new(6, 64, 2, 7);
    mv_checkpoint *ckpt = checkpoint_of(m, "BF16", 1);
    mv_matrix f32;
    marvis_error err;
    assert_ok(mv_checkpoint_take_matrix(ckpt, "backbone.q", N_ROWS, (int64_t)m->n_cols, NULL,
                                        MARVIS_WEIGHTS_F32, &f32, &err),
              err);
    for (size_t g = 0; g < N_ROWS * m->n_groups; g++) {
        m->scales[g] = mv_bf16_to_f32(mv_f32_to_bf16(m->scales[g]));
        m->biases[g] = mv_bf16_to_f32(mv_f32_to_bf16(m->biases[g]));
    }
    for (size_t k = 0; k < N_ROWS * m->n_cols; k++)
        assert_true(((const float *)f32.data)[k] == oracle_value(m, k / m->n_cols, k % m->n_cols));
    mv_free(f32.owned);
    mv_checkpoint_close(&ckpt);
    module_free(m);
}

/* The heads stay in the source's type: no scales are looked for, whatever the config says. */
static void trap_20_heads_are_never_quantised(void **state) {
    (void)state;
    static const mv_quant_config quant = {.present = true, .group_size = 64, .bits = 6};
    module *m = module_new(6, 64, 2, 20);
    mv_checkpoint *ckpt = checkpoint_of(m, "BF16", 0);
    const mv_tensor *t;
    marvis_error err;
    assert_false(mv_checkpoint_has(ckpt, "audio_head.scales"));
    assert_ok(mv_checkpoint_take(ckpt, "audio_head", 3, (int64_t[]){2, 1, 4}, &t, &err), err);
    assert_int_equal(t->type, MV_DT_BF16);

    /* and a plain matrix beside quantised ones stays plain */
    fx_builder *b = fx_new();
    fx_zeros(b, "projection.weight", "BF16", 2, "[2,3]", 6);
    mv_checkpoint *plain;
    mv_matrix matrix;
    assert_ok(mv_checkpoint_open(fx_finish(b, "plain.safetensors"), &plain, &err), err);
    assert_ok(mv_checkpoint_take_matrix(plain, "projection", 2, 3, &quant, MARVIS_WEIGHTS_AUTO,
                                        &matrix, &err),
              err);
    assert_null(matrix.owned);
    mv_checkpoint_close(&plain);
    mv_checkpoint_close(&ckpt);
    module_free(m);
}

static void config_and_shapes_must_agree(void **state) {
    (void)state;
    static const struct {
        int bits, group;
        const char *overrides;
        const char *message; /* NULL: agrees */
    } cases[] = {
        {6, 64, "{}", NULL},
        {4, 64, "{\"backbone.q\":{\"bits\":6,\"group_size\":64}}", NULL},
        {4, 32, "{\"model.backbone.q\":{\"bits\":6,\"group_size\":64}}", NULL},
        {6, 32, "{\"model.backbone.q\":{\"group_size\":64}}", NULL},
        {6, 64, "{\"backbone.q\":true}", NULL},
        {4, 64, "{}", "has 6 bits in groups of 64; config.json says 4 bits in groups of 64"},
        {6, 32, "{}", "config.json says 6 bits in groups of 32"},
        {6, 64, "{\"backbone.q\":{\"bits\":8}}", "config.json says 8 bits in groups of 64"},
        {6, 64, "{\"model.backbone.q\":false}", "config.json says that it is not quantised"},
    };
    module *m = module_new(6, 64, 2, 3);
    mv_checkpoint *ckpt = checkpoint_of(m, "BF16", 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *overrides = json_loads(cases[i].overrides, 0, NULL);
        mv_quant_config quant = {true, cases[i].group, cases[i].bits, overrides};
        mv_matrix matrix;
        marvis_error err = {0};
        marvis_status status =
            mv_checkpoint_take_matrix(ckpt, "backbone.q", N_ROWS, (int64_t)m->n_cols, &quant,
                                      MARVIS_WEIGHTS_AUTO, &matrix, &err);
        if (cases[i].message) {
            assert_int_equal(status, MARVIS_ERR_TENSOR);
            assert_message(&err, "quant", "module.safetensors: module \"backbone.q\"");
            assert_message(&err, "quant", cases[i].message);
        } else {
            assert_ok(status, err);
        }
        mv_free(matrix.owned);
        json_decref(overrides);
    }
    mv_checkpoint_close(&ckpt);
    module_free(m);
}

/* A module that breaks one rule at a time; [2][64] in 4 bits would be [2,8] with scales [2,1]. */
static void broken_modules_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *type, *weight;
        size_t n_weight;
        const char *scale_type, *scales, *biases;
        size_t n_scales, n_biases;
        const char *message;
    } cases[] = {
        {"U32", "[2,7]", 14, "BF16", "[2,1]", "[2,1]", 2, 2, "7 words and 1 scales a row"},
        {"U32", "[2,14]", 28, "BF16", "[2,1]", "[2,1]", 2, 2, "14 words and 1 scales a row"},
        {"U32", "[2,2]", 4, "BF16", "[2,1]", "[2,1]", 2, 2, "2 words and 1 scales a row"},
        {"U32", "[2,0]", 0, "BF16", "[2,1]", "[2,1]", 2, 2, "0 words and 1 scales a row"},
        {"U32", "[2,8]", 16, "BF16", "[2,4]", "[2,4]", 8, 8, "8 words and 4 scales a row"},
        {"U32", "[2,8]", 16, "BF16", "[2,0]", "[2,0]", 0, 0, "8 words and 0 scales a row"},
        {"U32", "[3,8]", 24, "BF16", "[2,1]", "[2,1]", 2, 2, "\"m.weight\" has shape [3, 8]"},
        {"U32", "[2,8]", 16, "BF16", "[3,1]", "[3,1]", 3, 3, "\"m.scales\" has shape [3, 1]"},
        {"U32", "[2,8]", 16, "BF16", "[2,1]", "[2,2]", 2, 4, "\"m.biases\" has shape [2, 2]"},
        {"U32", "[2,8]", 16, "BF16", "[2,1]", NULL, 2, 0, "\"m.biases\" is missing"},
        {"U32", "[2,8]", 16, "U16", "[2,1]", "[2,1]", 2, 2, "\"m.scales\" has type U16"},
        {"I16", "[2,8]", 16, "BF16", "[2,1]", "[2,1]", 2, 2,
         "\"m.weight\" has type I16; expected U32"},
        {"BF16", "[2,64]", 128, "BF16", "[2,1]", "[2,1]", 2, 2, "expected U32"},
        {NULL, NULL, 0, "BF16", "[2,1]", "[2,1]", 2, 2, "\"m.weight\" is missing"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        fx_builder *b = fx_new();
        if (cases[i].type)
            fx_zeros(b, "m.weight", cases[i].type, strcmp(cases[i].type, "U32") == 0 ? 4 : 2,
                     cases[i].weight, cases[i].n_weight);
        fx_zeros(b, "m.scales", cases[i].scale_type, 2, cases[i].scales, cases[i].n_scales);
        if (cases[i].biases) fx_zeros(b, "m.biases", "BF16", 2, cases[i].biases, cases[i].n_biases);
        mv_checkpoint *ckpt;
        mv_matrix matrix;
        marvis_error err;
        assert_ok(mv_checkpoint_open(fx_finish(b, "broken.safetensors"), &ckpt, &err), err);
        assert_int_equal(
            mv_checkpoint_take_matrix(ckpt, "m", 2, 64, NULL, MARVIS_WEIGHTS_AUTO, &matrix, &err),
            MARVIS_ERR_TENSOR);
        assert_message(&err, cases[i].message, "broken.safetensors: ");
        assert_message(&err, cases[i].message, cases[i].message);
        assert_null(matrix.owned);
        mv_checkpoint_close(&ckpt);
    }
}

static void memory_may_run_out_anywhere(void **state) {
    (void)state;
    module *m = module_new(3, 32, 2, 5);
    mv_checkpoint *ckpt = checkpoint_of(m, "BF16", 0);
    uint64_t n = 1;
    for (;; n++) {
        mv_matrix matrix;
        mv_alloc_fail_after(n, true);
        marvis_status status =
            mv_checkpoint_take_matrix(ckpt, "backbone.q", N_ROWS, (int64_t)m->n_cols, NULL,
                                      MARVIS_WEIGHTS_F32, &matrix, NULL);
        mv_alloc_fail_after(0, false);
        mv_free(matrix.owned);
        if (status == MARVIS_OK) break;
        assert_int_equal(status, MARVIS_ERR_MEMORY);
    }
    assert_true(n > 2);
    mv_checkpoint_close(&ckpt);
    module_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trap_19_fields_cross_word_borders),
        cmocka_unit_test(published_packings_are_read),
        cmocka_unit_test(trap_18_negative_scales_and_biases),
        cmocka_unit_test(modules_widen_to_f32_or_bf16),
        cmocka_unit_test(bf16_scales_are_widened),
        cmocka_unit_test(trap_20_heads_are_never_quantised),
        cmocka_unit_test(config_and_shapes_must_agree),
        cmocka_unit_test(broken_modules_are_refused),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
