/* test_kernels.c - matrix products and number formats of every tier against a double-precision
 * oracle, at the edges of memory, and bit for bit wherever a product stands in its call. */
#include "kernel_tiers.h"
#include "support.h"

#include "kernels/convert.h"

#include <math.h>

static const float canary = -12345.5f;

/* ---- oracle --------------------------------------------------------------------------------- */

typedef struct shape {
    size_t n_rows, n_cols, n_batch;
} shape;

/* One product: operands that end at a guard page, and what it should give. */
typedef struct product {
    mv_wtype type;
    shape s;
    size_t ldx, ldy;
    char *w;
    float *x, *y;
    double *want, *magnitude; /* [n_batch][n_rows]: sum and sum of magnitudes */
} product;

static float weight_at(mv_wtype type, const char *p) {
    float f;
    uint16_t h;
    memcpy(&f, p, type == MV_W_F32 ? 4 : 0);
    memcpy(&h, p, 2);
    return type == MV_W_F32 ? f : type == MV_W_F16 ? mv_f16_to_f32(h) : mv_bf16_to_f32(h);
}

/* Random weights of a type, of magnitude below 1; f16 bits directly, denormals among them. */
static void fill_weights(mv_wtype type, char *w, size_t n, uint64_t *seed) {
    for (size_t i = 0; i < n; i++) {
        float f = test_uniform(seed);
        uint16_t h = type == MV_W_BF16 ? mv_f32_to_bf16(f) : (uint16_t)(test_random(seed) & 0xbbff);
        if (type == MV_W_F32)
            memcpy(w + 4 * i, &f, 4);
        else
            memcpy(w + 2 * i, &h, 2);
    }
}

static void product_init(product *p, mv_wtype type, shape s, size_t ldx, size_t ldy,
                         uint64_t *seed) {
    *p = (product){.type = type, .s = s, .ldx = ldx, .ldy = ldy};
    size_t wb = mv_wtype_bytes(type), n_x = (s.n_batch - 1) * ldx + s.n_cols;
    p->w = test_guard_alloc(s.n_rows * s.n_cols * wb);
    p->x = test_guard_alloc(n_x * sizeof(float));
    p->y = test_guard_alloc(((s.n_batch - 1) * ldy + s.n_rows) * sizeof(float));
    p->want = calloc(s.n_rows * s.n_batch, sizeof *p->want);
    p->magnitude = calloc(s.n_rows * s.n_batch, sizeof *p->magnitude);
    fill_weights(type, p->w, s.n_rows * s.n_cols, seed);
    for (size_t i = 0; i < n_x; i++)
        p->x[i] = test_uniform(seed);
    for (size_t r = 0; r < s.n_rows; r++) {
        for (size_t c = 0; c < s.n_cols; c++) {
            double w = weight_at(type, p->w + (r * s.n_cols + c) * wb);
            for (size_t b = 0; b < s.n_batch; b++) {
                double term = w * p->x[b * ldx + c];
                p->want[b * s.n_rows + r] += term;
                p->magnitude[b * s.n_rows + r] += fabs(term);
            }
        }
    }
}

static void product_deinit(product *p) {
    test_guard_free(p->w);
    test_guard_free(p->x);
    test_guard_free(p->y);
    free(p->want);
    free(p->magnitude);
}

/* Each lane adds n_cols / n_lanes terms, then the lanes are added: each addition rounds off at most
 * 2^-24 of the magnitudes so far. */
static void product_check(const product *p, const test_tier *tier) {
    const shape s = p->s;
    size_t n_y = (s.n_batch - 1) * p->ldy + s.n_rows;
    for (size_t i = 0; i < n_y; i++)
        p->y[i] = canary;
    tier->kernels->matmul[p->type](p->y, p->ldy, p->w, s.n_cols * mv_wtype_bytes(p->type), p->x,
                                   p->ldx, s.n_rows, s.n_cols, s.n_batch);
    double n_steps = (double)(s.n_cols / tier->n_lanes + 6);
    for (size_t i = 0; i < n_y; i++) {
        size_t b = i / p->ldy, r = i % p->ldy;
        if (r >= s.n_rows) {
            if (p->y[i] != canary)
                fail_msg("%s %s %zux%zu b%zu: wrote past row %zu", tier->name,
                         mv_wtype_name(p->type), s.n_rows, s.n_cols, s.n_batch, s.n_rows);
            continue;
        }
        size_t j = b * s.n_rows + r;
        double bound = n_steps * 0x1p-24 * p->magnitude[j] + 1e-40;
        if (!(fabs(p->y[i] - p->want[j]) <= bound))
            fail_msg("%s %s %zux%zu b%zu: row %zu, column %zu is %.9g, must be %.9g +- %g",
                     tier->name, mv_wtype_name(p->type), s.n_rows, s.n_cols, s.n_batch, r, b,
                     (double)p->y[i], p->want[j], bound);
    }
}

static int check_shape(shape s, size_t ldx, size_t ldy, uint64_t *seed) {
    const test_tier *tiers;
    size_t n_tiers = test_tiers(&tiers);
    for (int type = 0; type < MV_N_FLOAT_WTYPES; type++) {
        product p;
        product_init(&p, (mv_wtype)type, s, ldx, ldy, seed);
        for (size_t t = 0; t < n_tiers; t++)
            product_check(&p, &tiers[t]);
        product_deinit(&p);
    }
    return 1;
}

/* ---- products ------------------------------------------------------------------------------- */

static void matmul_of_every_width(void **state) {
    (void)state;
    static const size_t rows[] = {1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 17, 33};
    static const size_t batches[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 25};
    uint64_t seed = 1;
    int n_cases = 0;
    for (size_t n_cols = 1; n_cols <= 257; n_cols++) {
        for (size_t k = 0; k < 2; k++) {
            size_t i = n_cols + 7 * k;
            shape s = {rows[i % 12], n_cols, batches[i / 12 % 12]};
            n_cases += check_shape(s, n_cols + k, s.n_rows + n_cols % 3, &seed);
        }
    }
    assert_int_equal(n_cases, 514);
}

static void matmul_of_every_tile(void **state) {
    (void)state;
    uint64_t seed = 2;
    int n_cases = 0;
    for (size_t n_rows = 1; n_rows <= 18; n_rows++)
        for (size_t n_batch = 1; n_batch <= 26; n_batch++)
            n_cases += check_shape((shape){n_rows, 35, n_batch}, 37, n_rows + 1, &seed);
    assert_int_equal(n_cases, 18 * 26);
}

static void matmul_of_the_models_shapes(void **state) {
    (void)state;
    static const shape shapes[] = {
        {1536, 1536, 1}, {8192, 1536, 1}, {1536, 8192, 1}, {2051, 1024, 1}, {1024, 4096, 2},
        {384, 1536, 4},  {40, 8192, 50},  {1024, 512, 14}, {64, 192, 121},  {1, 192, 100},
    };
    uint64_t seed = 3;
    int n_cases = 0;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        n_cases += check_shape(shapes[i], shapes[i].n_cols, shapes[i].n_rows, &seed);
    assert_int_equal(n_cases, 10);
}

/* A convolution's windows: x rows that overlap. */
static void matmul_of_overlapping_rows(void **state) {
    (void)state;
    uint64_t seed = 4;
    int n_cases = 0;
    for (size_t n_batch = 1; n_batch <= 30; n_batch++)
        n_cases += check_shape((shape){21, 3 * 64, n_batch}, 64, 21, &seed);
    n_cases += check_shape((shape){21, 3 * 64, 97}, 64, 21, &seed);
    assert_int_equal(n_cases, 31);
}

static void matmul_of_nothing_writes_nothing(void **state) {
    (void)state;
    const test_tier *tiers;
    size_t n_tiers = test_tiers(&tiers);
    const float w[4] = {1, 1, 1, 1}, x[4] = {1, 1, 1, 1};
    for (size_t t = 0; t < n_tiers; t++) {
        float y[4] = {7, 7, 7, 7};
        tiers[t].kernels->matmul[MV_W_F32](y, 1, w, 16, x, 4, 0, 4, 1);
        tiers[t].kernels->matmul[MV_W_F32](y, 1, w, 16, x, 4, 1, 4, 0);
        tiers[t].kernels->matmul[MV_W_F32](y, 1, w, 16, x, 0, 0, 4, 20);
        for (int i = 0; i < 4; i++)
            assert_true(y[i] == 7);
    }
}

/* ---- the same bits, wherever ---------------------------------------------------------------- */

/* A part of the product of a whole, with its operands moved to other addresses. */
static void check_part(const test_tier *tier, const product *p, const float *whole, size_t r,
                       size_t n_rows, size_t b, size_t n_batch, size_t shift) {
    static _Alignas(64) char w[80 * 700 * 4 + 64];
    static float x[60 * 700 + 16], y[80 * 60 + 16];
    const size_t n_cols = p->s.n_cols, row_bytes = n_cols * mv_wtype_bytes(p->type);
    const size_t ldy = n_rows + shift % 3;
    memcpy(w + shift, p->w + r * row_bytes, n_rows * row_bytes);
    for (size_t i = 0; i < n_batch; i++)
        memcpy(x + shift + i * n_cols, p->x + (b + i) * p->ldx, n_cols * sizeof(float));
    tier->kernels->matmul[p->type](y + shift, ldy, w + shift, row_bytes, x + shift, n_cols, n_rows,
                                   n_cols, n_batch);
    for (size_t i = 0; i < n_batch; i++)
        if (memcmp(y + shift + i * ldy, whole + (b + i) * p->s.n_rows + r, n_rows * sizeof(float)))
            fail_msg("%s %s: rows %zu+%zu of batch %zu+%zu depend on the call", tier->name,
                     mv_wtype_name(p->type), r, n_rows, b, n_batch);
}

static void matmul_does_not_depend_on_the_call(void **state) {
    (void)state;
    const test_tier *tiers;
    size_t n_tiers = test_tiers(&tiers);
    const shape s = {71, 611, 53};
    uint64_t seed = 5;
    int n_cases = 0;
    for (int type = 0; type < MV_N_FLOAT_WTYPES; type++) {
        product p;
        product_init(&p, (mv_wtype)type, s, s.n_cols, s.n_rows, &seed);
        for (size_t t = 0; t < n_tiers; t++) {
            tiers[t].kernels->matmul[type](p.y, p.ldy, p.w, s.n_cols * mv_wtype_bytes(p.type), p.x,
                                           p.ldx, s.n_rows, s.n_cols, s.n_batch);
            for (size_t n_batch = 1; n_batch <= 27; n_batch++) {
                size_t n_rows = 1 + test_random(&seed) % (n_batch % 2 ? 71 : 12);
                size_t r = test_random(&seed) % (s.n_rows - n_rows + 1);
                size_t b = test_random(&seed) % (s.n_batch - n_batch + 1);
                check_part(&tiers[t], &p, p.y, r, n_rows, b, n_batch, test_random(&seed) % 16);
                n_cases += t == 0;
            }
        }
        product_deinit(&p);
    }
    assert_int_equal(n_cases, 27 * MV_N_FLOAT_WTYPES);
}

/* ---- number formats ------------------------------------------------------------------------- */

/* Every half as a weight times 1 is that half in f32: conversions of all tiers, denormals too. */
static void every_half_is_converted(void **state) {
    (void)state;
    const test_tier *tiers;
    size_t n_tiers = test_tiers(&tiers), n_cases = 0;
    static uint16_t halves[65536];
    static float got[65536];
    const float one = 1;
    for (size_t i = 0; i < 65536; i++)
        halves[i] = (uint16_t)i;
    for (size_t t = 0; t < n_tiers; t++) {
        for (int type = MV_W_F16; type <= MV_W_BF16; type++) {
            tiers[t].kernels->matmul[type](got, 65536, halves, 2, &one, 1, 65536, 1, 1);
            for (size_t i = 0; i < 65536; i++) {
                float want = weight_at((mv_wtype)type, (const char *)&halves[i]);
                if (isnan(want) ? !isnan(got[i]) : got[i] != want)
                    fail_msg("%s: %s %04zx is %.9g, must be %.9g", tiers[t].name,
                             mv_wtype_name((mv_wtype)type), i, (double)got[i], (double)want);
                n_cases += t == 0;
            }
        }
    }
    assert_int_equal(n_cases, 2 * 65536);
}

static void f16_is_read_by_its_definition(void **state) {
    (void)state;
    int n_cases = 0;
    for (int h = 0; h < 65536; h++) {
        int sign = h >> 15, exponent = h >> 10 & 31, fraction = h & 1023;
        float got = mv_f16_to_f32((uint16_t)h);
        double want = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
        if (exponent == 31) want = fraction ? NAN : INFINITY;
        assert_true(isnan(want) ? isnan(got) : (double)got == (sign ? -want : want));
        assert_int_equal(!!signbit(got), sign);
        n_cases++;
    }
    assert_int_equal(n_cases, 65536);
}

static void bf16_is_rounded_to_nearest_even(void **state) {
    (void)state;
    static const struct {
        uint32_t f32;
        uint16_t bf16;
    } cases[] = {
        {0x3f800000, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f808001, 0x3f81}, {0x3f818000, 0x3f82},
        {0x3f817fff, 0x3f81}, {0x80000000, 0x8000}, {0x7f7fffff, 0x7f80}, {0x7f800000, 0x7f80},
        {0xff800000, 0xff80}, {0x7f800001, 0x7fc0}, {0xffffffff, 0xffff}, {0x00008000, 0x0000},
        {0x00008001, 0x0001}, {0x00018000, 0x0002},
    };
    int n_cases = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float f;
        memcpy(&f, &cases[i].f32, 4);
        uint16_t got;
        mv_convert_f32_bf16(&got, &f, 1);
        assert_int_equal(got, cases[i].bf16);
        n_cases++;
    }
    for (uint32_t h = 0; h < 65536; h++) { /* and back: exact, a NaN stays a NaN */
        float f = mv_bf16_to_f32((uint16_t)h);
        uint16_t back = mv_f32_to_bf16(f);
        assert_int_equal(back, isnan(f) ? (h | 0x40) : h);
    }
    assert_int_equal(n_cases, 14);
}

static void rows_are_converted_at_odd_addresses(void **state) {
    (void)state;
    for (size_t n = 0; n <= 40; n++) {
        char *bytes = test_guard_alloc(2 * n + 1);
        float f16[41], bf16[41];
        for (size_t i = 0; i < 41; i++)
            f16[i] = bf16[i] = canary;
        uint64_t seed = n;
        fill_weights(MV_W_F16, bytes + 1, n, &seed);
        mv_convert_f16_f32(f16, bytes + 1, n);
        mv_convert_bf16_f32(bf16, bytes + 1, n);
        for (size_t i = 0; i < n; i++) {
            assert_true(f16[i] == weight_at(MV_W_F16, bytes + 1 + 2 * i));
            assert_true(bf16[i] == weight_at(MV_W_BF16, bytes + 1 + 2 * i));
        }
        assert_true(f16[n] == canary && bf16[n] == canary);
        test_guard_free(bytes);
    }
}

/* ---- selection ------------------------------------------------------------------------------ */

static void tiers_are_found_by_name(void **state) {
    (void)state;
    mv_tier tier = MV_TIER_SCALAR;
    for (int i = 0; i < MV_N_TIERS; i++) {
        assert_true(mv_tier_from_name(mv_tier_name((mv_tier)i), &tier));
        assert_int_equal(tier, i);
        const mv_kernels *kernels = mv_kernels_get((mv_tier)i);
        assert_int_equal(kernels != NULL, mv_tier_available((mv_tier)i));
        if (kernels) assert_int_equal(kernels->tier, i);
    }
    assert_false(mv_tier_from_name("AVX2", &tier));
    assert_false(mv_tier_from_name("", &tier));
    assert_true(mv_tier_available(mv_tier_best()));
    assert_int_not_equal(mv_tier_best(), MV_TIER_AMX); /* only when asked for */
#if defined(__aarch64__)
    assert_int_equal(mv_tier_best(), MV_TIER_NEON);
#endif
    assert_in_range(mv_n_cores(), 1, 4096);
    assert_int_equal(mv_wtype_bytes(MV_W_F32), 4);
    assert_int_equal(mv_wtype_bytes(MV_W_F16), 2);
    assert_int_equal(mv_wtype_bytes(MV_W_BF16), 2);
}

static void tiers_under_test_are_told(void **state) {
    (void)state;
    const test_tier *tiers;
    size_t n = test_tiers(&tiers);
    assert_true(n >= 1);
    for (size_t i = 0; i < n; i++)
        printf("# tier %s\n", tiers[i].name);
}

/* ---- products in tiles ----------------------------------------------------------------------- */

/* Column after column by one fused multiply-add each: on every tier but scalar to the bit. */
static void check_tiled(shape s, size_t ldx, size_t ldy, uint64_t *seed) {
    const test_tier *tiers;
    const size_t n_tiers = test_tiers(&tiers), n_tiles = (s.n_rows + 15) / 16;
    const size_t n_w = n_tiles * 16 * s.n_cols, n_y = (s.n_batch - 1) * ldy + s.n_rows;
    const size_t n_x = (s.n_batch - 1) * ldx + s.n_cols;
    float *w = test_guard_alloc(n_w * sizeof *w), *x = test_guard_alloc(n_x * sizeof *x);
    float *y = test_guard_alloc(n_y * sizeof *y);
    for (size_t i = 0; i < n_w; i++)
        w[i] = test_uniform(seed); /* rows that are missing, too: nothing may come of them */
    for (size_t i = 0; i < n_x; i++)
        x[i] = test_uniform(seed);
    for (size_t t = 0; t < n_tiers; t++) {
        for (size_t i = 0; i < n_y; i++)
            y[i] = canary;
        tiers[t].kernels->tiled(y, ldy, w, x, ldx, s.n_rows, s.n_cols, s.n_batch);
        for (size_t i = 0; i < n_y; i++) {
            const size_t b = i / ldy, r = i % ldy;
            float want = 0, magnitude = 0;
            for (size_t c = 0; r < s.n_rows && c < s.n_cols; c++) {
                const float term = w[(r / 16 * s.n_cols + c) * 16 + r % 16];
                want = fmaf(term, x[b * ldx + c], want);
                magnitude += fabsf(term * x[b * ldx + c]);
            }
            const float bound = t ? 0 : (float)(s.n_cols + 6) * 0x1p-23f * magnitude;
            if (r >= s.n_rows ? y[i] != canary : !(fabsf(y[i] - want) <= bound))
                fail_msg("%s %zux%zu b%zu: row %zu, column %zu is %.9g, must be %.9g +- %g",
                         tiers[t].name, s.n_rows, s.n_cols, s.n_batch, r, b, (double)y[i],
                         (double)(r >= s.n_rows ? canary : want), (double)bound);
        }
    }
    test_guard_free(w), test_guard_free(x), test_guard_free(y);
}

static void tiled_products_are_exact_chains(void **state) {
    (void)state;
    static const size_t rows[] = {1, 4, 7, 8, 9, 15, 16, 17, 31, 33, 48};
    static const size_t batches[] = {1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 23, 48, 49, 101};
    uint64_t seed = 5;
    int n_cases = 0;
    for (size_t n_cols = 1; n_cols <= 257; n_cols++, n_cases++) {
        shape s = {rows[n_cols % 11], n_cols, batches[n_cols % 14]};
        check_tiled(s, n_cols % 2 ? n_cols : n_cols / 2 + 1, s.n_rows + n_cols % 3, &seed);
    }
    for (size_t i = 0; i < 11 * 14; i++, n_cases++)
        check_tiled((shape){rows[i % 11], 20, batches[i / 11]}, 20, rows[i % 11], &seed);
    assert_int_equal(n_cases, 257 + 11 * 14);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiers_under_test_are_told),
        cmocka_unit_test(tiers_are_found_by_name),
        cmocka_unit_test(matmul_of_every_width),
        cmocka_unit_test(matmul_of_every_tile),
        cmocka_unit_test(tiled_products_are_exact_chains),
        cmocka_unit_test(matmul_of_the_models_shapes),
        cmocka_unit_test(matmul_of_overlapping_rows),
        cmocka_unit_test(matmul_of_nothing_writes_nothing),
        cmocka_unit_test(matmul_does_not_depend_on_the_call),
        cmocka_unit_test(every_half_is_converted),
        cmocka_unit_test(f16_is_read_by_its_definition),
        cmocka_unit_test(bf16_is_rounded_to_nearest_even),
        cmocka_unit_test(rows_are_converted_at_odd_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
