/* test_kernels_quant.c - weights of 8 and 4 bits: formats and packing against their definitions,
 * products of every tier bit for bit with the scalar ones and against a double-precision oracle, at
 * the edges of memory. */
#include "kernel_tiers.h"
#include "support.h"

#include "kernels/blocks.h"
#include "kernels/convert.h"
#include "kernels/packed.h"

#include <float.h>
#include <math.h>

static const float canary = -12345.5f;

static float bits_to_float(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* ---- f16 ------------------------------------------------------------------------------------ */

static void f16_is_rounded_to_nearest_even(void **state) {
    (void)state;
    int n_cases = 0;
    for (uint32_t h = 0; h < 0x7c00; h++) { /* every finite one, and the middle to the next */
        float low = mv_f16_to_f32((uint16_t)h), high = mv_f16_to_f32((uint16_t)(h + 1));
        if (h + 1 == 0x7c00) high = 65536; /* what infinity stands for */
        float middle = (float)(((double)low + (double)high) / 2);
        assert_int_equal(mv_f32_to_f16(low), h);
        assert_int_equal(mv_f32_to_f16(-low), h | 0x8000);
        assert_int_equal(mv_f32_to_f16(middle), h + (h & 1));
        assert_int_equal(mv_f32_to_f16(nextafterf(middle, 0)), h);
        assert_int_equal(mv_f32_to_f16(nextafterf(middle, FLT_MAX)), h + 1);
        n_cases++;
    }
    assert_int_equal(n_cases, 0x7c00);
    assert_int_equal(mv_f32_to_f16(INFINITY), 0x7c00);
    assert_int_equal(mv_f32_to_f16(-FLT_MAX), 0xfc00);
    assert_true(isnan(mv_f16_to_f32(mv_f32_to_f16(NAN))));
}

/* ---- blocks and rows ------------------------------------------------------------------------ */

static void blocks_lie_as_gguf_says(void **state) {
    (void)state;
    uint8_t q8[34] = {0x00, 0x38}, q4[18] = {0x00, 0xc0}, q41[20] = {0x00, 0x3c, 0x00, 0xb8};
    float v[32]; /* scales 0.5, -2, 1 with -0.5 */
    for (int i = 0; i < 32; i++)
        q8[2 + i] = (uint8_t)(i * 8 - 128);
    for (int i = 0; i < 16; i++)
        q4[2 + i] = q41[4 + i] = (uint8_t)(i | (15 - i) << 4);
    mv_blocks_to_f32(v, MV_BLOCKS_Q8_0, q8, 32);
    for (int i = 0; i < 32; i++)
        assert_true(v[i] == 0.5f * (float)(i * 8 - 128));
    mv_blocks_to_f32(v, MV_BLOCKS_Q4_0, q4, 32);
    for (int i = 0; i < 32; i++)
        assert_true(v[i] == -2.0f * (float)((i < 16 ? i : 31 - i) - 8));
    mv_blocks_to_f32(v, MV_BLOCKS_Q4_1, q41, 32);
    for (int i = 0; i < 32; i++)
        assert_true(v[i] == (float)(i < 16 ? i : 31 - i) - 0.5f);
}

/* A block of a kind of values: ordinary, small, large, one outlier, zeros, all alike. */
static void fill_kind(float *x, size_t n, int kind, uint64_t *seed) {
    for (size_t i = 0; i < n; i++) {
        x[i] = test_normal(seed);
        switch (kind) {
        case 1: x[i] *= 1e-6f; break; /* scales among f16's denormals */
        case 2: x[i] *= 1e3f; break;
        case 3: x[i] *= i % 32 == 5 ? 1000.0f : 0.01f; break;
        case 4: x[i] = 0; break;
        case 5: x[i] = -0.37f; break;
        default: break;
        }
    }
}

/* No value is off by more than half a step of its block, and what the scale's own rounding to f16
 * moves: 2^-11 of the largest, or half of f16's smallest step for each of the q. */
static void blocks_are_nearest(void **state) {
    (void)state;
    static const double steps[MV_N_BLOCK_FORMATS] = {127, 8, 15};
    uint64_t seed = 31;
    int n_cases = 0;
    for (int format = 0; format < MV_N_BLOCK_FORMATS; format++) {
        for (int kind = 0; kind < 6; kind++) {
            float x[4 * 32], got[4 * 32];
            uint8_t blocks[4 * 34];
            fill_kind(x, 4 * 32, kind, &seed);
            mv_blocks_from_f32(blocks, (mv_block_format)format, x, 4 * 32);
            mv_blocks_to_f32(got, (mv_block_format)format, blocks, 4 * 32);
            for (int b = 0; b < 4; b++) {
                double low = INFINITY, high = -INFINITY, largest = 0;
                for (int i = 0; i < 32; i++) {
                    low = fmin(low, x[b * 32 + i]);
                    high = fmax(high, x[b * 32 + i]);
                    largest = fmax(largest, fabs(x[b * 32 + i]));
                }
                bool affine = format == MV_BLOCKS_Q4_1;
                double step = (affine ? high - low : largest) / steps[format];
                /* Q4_0 has no +8: one end of its range is a whole step short */
                double bound = step * (format == MV_BLOCKS_Q4_0 ? 1 : 0.5) + largest * 0x1p-9 +
                               steps[format] * 0x1p-24;
                for (int i = 0; i < 32; i++)
                    if (!(fabs(got[b * 32 + i] - x[b * 32 + i]) <= bound))
                        fail_msg("format %d, kind %d: %g became %g (bound %g)", format, kind,
                                 (double)x[b * 32 + i], (double)got[b * 32 + i], bound);
            }
            n_cases++;
        }
    }
    assert_int_equal(n_cases, 3 * 6);
}

static void int8_rows_are_nearest(void **state) {
    (void)state;
    uint64_t seed = 32;
    int n_cases = 0;
    for (int kind = 0; kind < 6; kind++, n_cases++) {
        float x[96], scale;
        int8_t q[96];
        fill_kind(x, 96, kind, &seed);
        mv_int8_from_f32(q, &scale, x, 96);
        float largest = 0;
        for (int i = 0; i < 96; i++)
            largest = fmaxf(largest, fabsf(x[i]));
        assert_true(scale == largest / 127);
        for (int i = 0; i < 96; i++) {
            assert_in_range(q[i] + 127, 0, 254);
            assert_true(fabs((double)scale * q[i] - x[i]) <= scale * 0.5 * (1 + 0x1p-20));
        }
    }
    assert_int_equal(n_cases, 6);
    int8_t q[2];
    float scale, tiny[2] = {1e-44f, -1e-45f}, bad[2] = {1, NAN};
    mv_int8_from_f32(q, &scale, tiny, 2); /* no reciprocal: zeros */
    assert_true(scale == 0 && q[0] == 0 && q[1] == 0);
    mv_int8_from_f32(q, &scale, bad, 2);
    assert_true(!isfinite(scale));
}

/* ---- packing -------------------------------------------------------------------------------- */

/* One row's parts. */
typedef struct parts {
    uint8_t q[512];
    uint16_t scales[16], mins[16];
    mv_packed_row row;
} parts;

static void parts_init(parts *p) {
    *p = (parts){0};
    p->row = (mv_packed_row){.q = p->q, .scales = p->scales, .mins = p->mins};
}

/* Random integers over their whole range, -128 and 255 among them, and f16 scales of both signs. */
static void fill_parts(parts *p, mv_wtype type, size_t n_cols, uint64_t *seed) {
    for (size_t i = 0; i < n_cols; i++)
        p->q[i] = (uint8_t)(test_random(seed) & (mv_packed_is_4_bit(type) ? 15 : 255));
    for (size_t b = 0; b < n_cols / MV_BLOCK; b++) {
        p->scales[b] = mv_f32_to_f16(test_uniform(seed) * 0.1f);
        p->mins[b] = mv_f32_to_f16(test_uniform(seed));
    }
    p->row.scale = test_uniform(seed) * 0.1f;
}

static int integer_of(mv_wtype type, uint8_t q) {
    if (type == MV_W_I8 || type == MV_W_Q8) return (int8_t)q;
    return type == MV_W_Q4 ? q - 8 : q;
}

/* What each value of a row stands for. */
static float value_of(const parts *p, mv_wtype type, size_t c) {
    float scale = type == MV_W_I8 ? p->row.scale : mv_f16_to_f32(p->scales[c / MV_BLOCK]);
    float v = scale * (float)integer_of(type, p->q[c]);
    return mv_packed_has_mins(type) ? v + mv_f16_to_f32(p->mins[c / MV_BLOCK]) : v;
}

static void rows_come_back_as_they_were_packed(void **state) {
    (void)state;
    uint64_t seed = 33;
    int n_cases = 0;
    for (int t = MV_W_I8; t < MV_N_WTYPES; t++) {
        const mv_wtype type = (mv_wtype)t;
        for (size_t n_cols = 32; n_cols <= 256; n_cols += 32) {
            static parts rows[35];
            size_t bytes;
            float row[257];
            assert_true(mv_packed_bytes(type, 35, n_cols, &bytes));
            void *packed = test_guard_alloc(bytes);
            memset(packed, 0, bytes);
            for (size_t r = 0; r < 35; r++) {
                parts_init(&rows[r]);
                fill_parts(&rows[r], type, n_cols, &seed);
                assert_true(mv_packed_row_is_finite(&rows[r].row, type, n_cols));
                mv_packed_put(packed, type, n_cols, r, &rows[r].row);
            }
            for (size_t r = 0; r < 35; r++) {
                row[n_cols] = canary;
                mv_packed_get(row, type, packed, n_cols, r);
                assert_true(row[n_cols] == canary);
                for (size_t c = 0; c < n_cols; c++)
                    assert_true(row[c] == value_of(&rows[r], type, c));
            }
            test_guard_free(packed);
            n_cases++;
        }
    }
    assert_int_equal(n_cases, 5 * 8);
}

static void blocks_are_packed_without_loss(void **state) {
    (void)state;
    uint64_t seed = 34;
    int n_cases = 0;
    for (int format = 0; format < MV_N_BLOCK_FORMATS; format++) {
        const mv_wtype type = mv_packed_type_of((mv_block_format)format);
        uint8_t blocks[5 * 34];
        for (size_t i = 0; i < sizeof blocks; i++)
            blocks[i] = (uint8_t)test_random(&seed);
        for (size_t b = 0; b < 5; b++) { /* finite scales, denormals among them */
            uint8_t *head = blocks + b * mv_block_bytes((mv_block_format)format);
            head[1] &= b == 4 ? 0x83 : 0xbb;
            head[3] &= format == MV_BLOCKS_Q4_1 ? 0xbb : 0xff;
        }
        float want[160], got[160];
        parts p;
        parts_init(&p);
        mv_blocks_to_f32(want, (mv_block_format)format, blocks, 160);
        mv_packed_row_from_blocks(&p.row, (mv_block_format)format, blocks, 160);
        size_t bytes;
        assert_true(mv_packed_bytes(type, 1, 160, &bytes));
        void *packed = test_guard_alloc(bytes);
        mv_packed_put(packed, type, 160, 0, &p.row);
        mv_packed_get(got, type, packed, 160, 0);
        assert_memory_equal(got, want, sizeof want);
        test_guard_free(packed);
        n_cases++;
    }
    assert_int_equal(n_cases, 3);
}

/* From f32: the same as by way of the blocks; Q8A within half of its 255 steps. */
static void floats_are_packed_by_the_plain_rule(void **state) {
    (void)state;
    uint64_t seed = 35;
    int n_cases = 0;
    for (int t = MV_W_I8; t < MV_N_WTYPES; t++) {
        for (int kind = 0; kind < 6; kind++, n_cases++) {
            const mv_wtype type = (mv_wtype)t;
            float x[64];
            parts p;
            parts_init(&p);
            fill_kind(x, 64, kind, &seed);
            mv_packed_row_from_f32(&p.row, type, x, 64);
            assert_true(mv_packed_row_is_finite(&p.row, type, 64));
            double largest = 0;
            for (size_t c = 0; c < 64; c++)
                largest = fmax(largest, fabs(x[c]));
            /* at most a step of the coarsest, and of f16's own */
            double bound = largest * (mv_packed_is_4_bit(type) ? 0.14 : 0.0075) + 255 * 0x1p-24;
            for (size_t c = 0; c < 64; c++)
                if (!(fabs(value_of(&p, type, c) - x[c]) <= bound))
                    fail_msg("%s, kind %d: %g became %g", mv_wtype_name(type), kind, (double)x[c],
                             (double)value_of(&p, type, c));
        }
    }
    assert_int_equal(n_cases, 5 * 6);
}

static void what_no_scale_can_hold_is_told(void **state) {
    (void)state;
    static const float bad[] = {NAN, INFINITY, -INFINITY, FLT_MAX};
    int n_cases = 0;
    for (int t = MV_W_I8; t < MV_N_WTYPES; t++) {
        for (size_t i = 0; i < 4; i++, n_cases++) {
            float x[64] = {1, -2, 3};
            parts p;
            parts_init(&p);
            x[40] = bad[i];
            mv_packed_row_from_f32(&p.row, (mv_wtype)t, x, 64);
            bool fits = t == MV_W_I8 && bad[i] == FLT_MAX; /* its scale is f32 */
            assert_int_equal(mv_packed_row_is_finite(&p.row, (mv_wtype)t, 64), fits);
        }
    }
    assert_int_equal(n_cases, 5 * 4);
}

/* ---- activations ---------------------------------------------------------------------------- */

static void check_activations(const float *x, size_t n) {
    const test_tier *tiers;
    size_t n_tiers = test_tiers(&tiers), n_blocks = n / MV_BLOCK;
    int8_t want[1024], *got = test_guard_alloc(n);
    mv_xblock want_blocks[32], *blocks = test_guard_alloc(n_blocks * sizeof *blocks);
    float *in = test_guard_alloc(n * sizeof *in);
    memcpy(in, x, n * sizeof *in);
    tiers[0].kernels->quantize(want, want_blocks, in, n);
    for (size_t t = 1; t < n_tiers; t++) {
        memset(got, 99, n);
        tiers[t].kernels->quantize(got, blocks, in, n);
        if (memcmp(got, want, n) != 0) fail_msg("%s: other integers", tiers[t].name);
        for (size_t b = 0; b < n_blocks; b++) {
            bool nan = isnan(want_blocks[b].scale);
            if (nan ? !isnan(blocks[b].scale) || !isnan(blocks[b].scaled_sum)
                    : memcmp(&blocks[b], &want_blocks[b], sizeof *blocks) != 0)
                fail_msg("%s: block %zu differs", tiers[t].name, b);
        }
    }
    for (size_t b = 0; b < n_blocks; b++) { /* and the scalar one against the definition */
        double largest = 0;
        int sum = 0;
        bool finite = true;
        for (size_t i = b * 32; i < b * 32 + 32; i++) {
            largest = fmax(largest, fabs(x[i]));
            finite &= isfinite(x[i]) != 0;
            sum += want[i];
            assert_in_range(want[i] + 127, 0, 254);
        }
        assert_int_equal(sum, want_blocks[b].sum);
        if (!finite) {
            assert_true(isnan(want_blocks[b].scale) && isnan(want_blocks[b].scaled_sum));
            continue;
        }
        assert_true(want_blocks[b].scale == (largest < 0x1p-100 ? 0 : (float)largest / 127));
        assert_true(want_blocks[b].scaled_sum == want_blocks[b].scale * (float)sum);
        for (size_t i = b * 32; i < b * 32 + 32 && largest >= 0x1p-100; i++)
            assert_true(fabs(want_blocks[b].scale * (double)want[i] - x[i]) <=
                        largest / 127 * (0.5 + 1e-4));
    }
    test_guard_free(got);
    test_guard_free(blocks);
    test_guard_free(in);
}

static void activations_are_the_same_on_every_tier(void **state) {
    (void)state;
    uint64_t seed = 36;
    int n_cases = 0;
    float x[1024];
    for (size_t n = 32; n <= 1024; n += 32, n_cases++) {
        for (size_t i = 0; i < n; i++)
            x[i] = test_normal(&seed) * (i % 64 < 32 ? 1.0f : 1e-3f);
        check_activations(x, n);
    }
    for (int i = 0; i < 400; i++, n_cases++) { /* any bits at all */
        for (size_t k = 0; k < 64; k++)
            x[k] = bits_to_float((uint32_t)test_random(&seed));
        check_activations(x, 64);
    }
    assert_int_equal(n_cases, 32 + 400);
}

static void activations_at_the_edges(void **state) {
    (void)state;
    static const float edges[] = {0.0f,   -0.0f,    0x1p-100f, 0x1.fffffep-101f,
                                  1e-45f, -FLT_MAX, INFINITY,  -INFINITY,
                                  NAN,    FLT_MIN,  127,       -127,
                                  126.5f, 1e38f,    -1,        0x1.fffffep+0f};
    int n_cases = 0;
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        for (size_t at = 0; at < 32; at += 31, n_cases++) {
            float x[64] = {0};
            x[at] = edges[i];
            x[32] = 1; /* the next block is not touched by what is in this one */
            check_activations(x, 64);
        }
    }
    /* ties go to even: with 127 as the largest the values are the integers' own */
    float x[32] = {127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 125.5f, 126.5f, -126.5f};
    static const int want[10] = {127, 0, 2, 2, 0, -2, -2, 126, 126, -126};
    int8_t q[32];
    mv_xblock block;
    check_activations(x, 32);
    mv_kernels_get(MV_TIER_SCALAR)->quantize(q, &block, x, 32);
    for (int i = 0; i < 10; i++)
        assert_int_equal(q[i], want[i]);
    assert_true(block.scale == 1);
    assert_int_equal(n_cases, 2 * 16);
}

/* ---- products ------------------------------------------------------------------------------- */

typedef struct product {
    mv_wtype type;
    size_t n_rows, n_cols, n_batch, ldy;
    void *w;
    int8_t *q;
    mv_xblock *x;
    float *y, *want; /* want: of the scalar tier, [n_batch][n_rows] */
} product;

/* Integers and scales of any value: not what the plain rule would give, but what files may hold. */
static void product_init(product *p, mv_wtype type, size_t n_rows, size_t n_cols, size_t n_batch,
                         uint64_t *seed) {
    *p =
        (product){type, n_rows, n_cols, n_batch, n_rows + n_cols % 3, NULL, NULL, NULL, NULL, NULL};
    size_t bytes, n_blocks = n_cols / MV_BLOCK;
    assert_true(mv_packed_bytes(type, n_rows, n_cols, &bytes));
    p->w = test_guard_alloc(bytes);
    p->q = test_guard_alloc(n_batch * n_cols);
    p->x = test_guard_alloc(n_batch * n_blocks * sizeof *p->x);
    p->y = test_guard_alloc(((n_batch - 1) * p->ldy + n_rows) * sizeof *p->y);
    p->want = calloc(n_batch * n_rows, sizeof *p->want);
    memset(p->w, 0, bytes);
    uint8_t *q = malloc(n_cols);
    uint16_t *scales = malloc(2 * n_blocks * sizeof *scales);
    assert_true(p->want && q && scales);
    for (size_t r = 0; r < n_rows; r++) {
        mv_packed_row row = {.q = q, .scales = scales, .mins = scales + n_blocks};
        bool extreme = test_random(seed) % 8 == 0; /* sums as large as they get */
        for (size_t c = 0; c < n_cols; c++) {
            uint8_t any = (uint8_t)test_random(seed);
            q[c] = extreme ? (type == MV_W_Q8A || mv_packed_is_4_bit(type) ? 255 : 128) : any;
            if (mv_packed_is_4_bit(type)) q[c] &= 15;
        }
        for (size_t b = 0; b < 2 * n_blocks; b++)
            scales[b] = mv_f32_to_f16(test_uniform(seed) * 0.01f);
        row.scale = test_uniform(seed) * 0.01f;
        mv_packed_put(p->w, type, n_cols, r, &row);
    }
    free(q);
    free(scales);
    for (size_t b = 0; b < n_batch; b++) {
        float x[32];
        bool extreme = test_random(seed) % 4 == 0;
        for (size_t i = 0; i < n_blocks; i++) {
            for (size_t c = 0; c < 32; c++)
                x[c] = extreme ? (b % 2 ? 3.0f : -3.0f) : test_normal(seed);
            mv_kernels_get(MV_TIER_SCALAR)
                ->quantize(p->q + b * n_cols + i * 32, &p->x[b * n_blocks + i], x, 32);
        }
    }
    mv_kernels_get(MV_TIER_SCALAR)
        ->packed[type - MV_N_FLOAT_WTYPES](p->want, n_rows, p->w, n_rows, n_cols, p->q, p->x,
                                           n_batch);
}

static void product_deinit(product *p) {
    test_guard_free(p->w);
    test_guard_free(p->q);
    test_guard_free(p->x);
    test_guard_free(p->y);
    free(p->want);
}

/* The scalar product against the sum of the numbers that weights and activations stand for: each
 * block adds two roundings of 2^-24 of what is there so far. */
static void check_oracle(const product *p) {
    float *row = malloc(p->n_cols * sizeof *row);
    assert_non_null(row);
    for (size_t r = 0; r < p->n_rows; r++) {
        mv_packed_get(row, p->type, p->w, p->n_cols, r);
        for (size_t b = 0; b < p->n_batch; b++) {
            double sum = 0, magnitude = 0;
            for (size_t c = 0; c < p->n_cols; c++) {
                double term = (double)row[c] * p->x[(b * p->n_cols + c) / MV_BLOCK].scale *
                              p->q[b * p->n_cols + c];
                sum += term;
                magnitude += fabs(term);
            }
            double bound = (double)(2 * p->n_cols / MV_BLOCK + 6) * 0x1p-24 * magnitude + 1e-30;
            /* the affine kinds add large sums of either sign */
            if (mv_packed_has_mins(p->type)) bound *= 8;
            double got = p->want[b * p->n_rows + r];
            if (!(fabs(got - sum) <= bound))
                fail_msg("%s %zux%zu: row %zu, column %zu is %.9g, must be %.9g +- %g",
                         mv_wtype_name(p->type), p->n_rows, p->n_cols, r, b, got, sum, bound);
        }
    }
    free(row);
}

static void check_tiers(const product *p) {
    const test_tier *tiers;
    size_t n_tiers = test_tiers(&tiers), n_y = (p->n_batch - 1) * p->ldy + p->n_rows;
    for (size_t t = 0; t < n_tiers; t++) {
        for (size_t i = 0; i < n_y; i++)
            p->y[i] = canary;
        tiers[t].kernels->packed[p->type - MV_N_FLOAT_WTYPES](p->y, p->ldy, p->w, p->n_rows,
                                                              p->n_cols, p->q, p->x, p->n_batch);
        for (size_t i = 0; i < n_y; i++) {
            size_t b = i / p->ldy, r = i % p->ldy;
            float want = r < p->n_rows ? p->want[b * p->n_rows + r] : canary;
            if (memcmp(&p->y[i], &want, sizeof want) != 0)
                fail_msg("%s %s %zux%zu b%zu: row %zu, column %zu is %.9g, not %.9g", tiers[t].name,
                         mv_wtype_name(p->type), p->n_rows, p->n_cols, p->n_batch, r, b,
                         (double)p->y[i], (double)want);
        }
    }
}

static int check_shape(size_t n_rows, size_t n_cols, size_t n_batch, uint64_t *seed) {
    int n = 0;
    for (int type = MV_W_I8; type < MV_N_WTYPES; type++, n++) {
        product p;
        product_init(&p, (mv_wtype)type, n_rows, n_cols, n_batch, seed);
        check_oracle(&p);
        check_tiers(&p);
        product_deinit(&p);
    }
    return n;
}

static void products_of_every_shape(void **state) {
    (void)state;
    uint64_t seed = 37;
    int n_cases = 0;
    for (size_t n_rows = 1; n_rows <= 35; n_rows++)
        n_cases += check_shape(n_rows, 32 + 32 * (n_rows % 8), 1 + n_rows % 11, &seed);
    for (size_t n_batch = 1; n_batch <= 40; n_batch++)
        n_cases += check_shape(17, 32 + 32 * (n_batch % 3), n_batch, &seed);
    for (size_t n_cols = 32; n_cols <= 256; n_cols += 32)
        n_cases += check_shape(16, n_cols, 1, &seed);
    assert_int_equal(n_cases, 5 * (35 + 40 + 8));
}

static void products_of_the_models_shapes(void **state) {
    (void)state;
    static const size_t shapes[][3] = {
        {257, 1536, 1}, {130, 1024, 3}, {40, 8192, 1}, {33, 4096, 9}, {384, 1536, 2},
    };
    uint64_t seed = 38;
    int n_cases = 0;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        n_cases += check_shape(shapes[i][0], shapes[i][1], shapes[i][2], &seed);
    assert_int_equal(n_cases, 5 * 5);
}

/* A part of a product, from any tile and any column of the batch on, has the bits of the whole. */
static void products_do_not_depend_on_the_call(void **state) {
    (void)state;
    const test_tier *tiers;
    size_t n_tiers = test_tiers(&tiers);
    uint64_t seed = 39;
    int n_cases = 0;
    for (int type = MV_W_I8; type < MV_N_WTYPES; type++) {
        product p;
        product_init(&p, (mv_wtype)type, 71, 160, 40, &seed);
        for (int i = 0; i < 40; i++, n_cases++) {
            size_t tile = test_random(&seed) % 5, r = tile * MV_TILE_ROWS;
            size_t n_rows = 1 + test_random(&seed) % (71 - r), b = test_random(&seed) % 40;
            size_t n_batch = 1 + test_random(&seed) % (40 - b);
            static float y[40 * 71];
            for (size_t t = 0; t < n_tiers; t++) {
                tiers[t].kernels->packed[type - MV_N_FLOAT_WTYPES](
                    y, n_rows,
                    (const char *)p.w + tile * mv_packed_tile_bytes((mv_wtype)type, p.n_cols),
                    n_rows, p.n_cols, p.q + b * p.n_cols, p.x + b * p.n_cols / MV_BLOCK, n_batch);
                for (size_t k = 0; k < n_batch; k++)
                    if (memcmp(y + k * n_rows, p.want + (b + k) * 71 + r, n_rows * sizeof *y) != 0)
                        fail_msg("%s %s: rows %zu+%zu of column %zu depend on the call",
                                 tiers[t].name, mv_wtype_name((mv_wtype)type), r, n_rows, b + k);
            }
        }
        product_deinit(&p);
    }
    assert_int_equal(n_cases, 5 * 40);
}

/* An activation that is no number shows in every value of its column, and in no other. */
static void a_nan_spoils_its_own_column(void **state) {
    (void)state;
    const test_tier *tiers;
    size_t n_tiers = test_tiers(&tiers);
    uint64_t seed = 40;
    int n_cases = 0;
    for (int type = MV_W_I8; type < MV_N_WTYPES; type++) {
        product p;
        product_init(&p, (mv_wtype)type, 20, 96, 9, &seed);
        float x[96] = {0};
        x[50] = -INFINITY;
        for (size_t t = 0; t < n_tiers; t++, n_cases++) {
            tiers[t].kernels->quantize(p.q + 4 * 96, p.x + 4 * 3, x, 96);
            tiers[t].kernels->packed[type - MV_N_FLOAT_WTYPES](p.y, p.ldy, p.w, 20, 96, p.q, p.x,
                                                               9);
            for (size_t b = 0; b < 9; b++)
                for (size_t r = 0; r < 20; r++) {
                    float got = p.y[b * p.ldy + r];
                    assert_true(b == 4 ? isnan(got) : got == p.want[b * 20 + r]);
                }
        }
        product_deinit(&p);
    }
    assert_int_equal(n_cases, 5 * (int)n_tiers);
}

static void a_product_of_nothing_writes_nothing(void **state) {
    (void)state;
    const test_tier *tiers;
    size_t n_tiers = test_tiers(&tiers);
    for (size_t t = 0; t < n_tiers; t++)
        for (int type = 0; type < MV_N_PACKED_WTYPES; type++) {
            float y = 7;
            tiers[t].kernels->packed[type](&y, 1, NULL, 0, 32, NULL, NULL, 1);
            tiers[t].kernels->quantize(NULL, NULL, NULL, 0);
            assert_true(y == 7);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f16_is_rounded_to_nearest_even),
        cmocka_unit_test(blocks_lie_as_gguf_says),
        cmocka_unit_test(blocks_are_nearest),
        cmocka_unit_test(int8_rows_are_nearest),
        cmocka_unit_test(rows_come_back_as_they_were_packed),
        cmocka_unit_test(blocks_are_packed_without_loss),
        cmocka_unit_test(floats_are_packed_by_the_plain_rule),
        cmocka_unit_test(what_no_scale_can_hold_is_told),
        cmocka_unit_test(activations_are_the_same_on_every_tier),
        cmocka_unit_test(activations_at_the_edges),
        cmocka_unit_test(products_of_every_shape),
        cmocka_unit_test(products_of_the_models_shapes),
        cmocka_unit_test(products_do_not_depend_on_the_call),
        cmocka_unit_test(a_nan_spoils_its_own_column),
        cmocka_unit_test(a_product_of_nothing_writes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
