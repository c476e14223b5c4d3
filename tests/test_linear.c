/* test_linear.c - layers give the same bits for any number of threads, and the kernel's own. */
#include "support.h"

#include "base/memory.h"
#include "kernels/convert.h"
#include "kernels/packed.h"
#include "nn/linear.h"
#include "nn/pack.h"

static void fill(mv_matrix *m, mv_wtype type, size_t n_rows, size_t n_cols, uint64_t *seed) {
    size_t wb = mv_wtype_bytes(type);
    *m = (mv_matrix){.type = type, .n_rows = n_rows, .n_cols = n_cols, .row_bytes = n_cols * wb};
    m->data = m->owned = mv_alloc(n_rows * n_cols, wb);
    assert_non_null(m->owned);
    for (size_t i = 0; i < n_rows * n_cols; i++) {
        float f = test_uniform(seed);
        uint16_t h = type == MV_W_F16 ? (uint16_t)(test_random(seed) & 0xbbff) : mv_f32_to_bf16(f);
        memcpy((char *)m->owned + i * wb, wb == 4 ? (const void *)&f : (const void *)&h, wb);
    }
}

/* Rows and columns small and large, so that every way to split comes up: the caller alone, by rows
 * (ragged, and fewer than threads), by the batch (likewise). */
static const struct {
    size_t n_rows, n_cols, n_batch;
} shapes[] = {
    {5, 7, 1},     {1, 1, 1},     {300, 200, 1}, {2051, 64, 1}, {9, 8192, 1},   {3, 12000, 2},
    {64, 129, 70}, {37, 40, 121}, {1, 192, 200}, {512, 64, 9},  {100, 301, 25}, {6, 5000, 7},
};

/* Part of trap 45: nothing that is computed depends on the number of threads. */
static void trap_45_any_number_of_threads_gives_the_same_bits(void **state) {
    (void)state;
    marvis_error err;
    uint64_t seed = 21;
    int n_cases = 0;
    mv_exec exec = {.kernels = mv_kernels_get(mv_tier_best())};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const size_t n_rows = shapes[i].n_rows, n_cols = shapes[i].n_cols, n = shapes[i].n_batch;
        const mv_wtype type = (mv_wtype)(i % MV_N_FLOAT_WTYPES);
        const size_t ldx = n_cols + i % 3, ldy = n_rows + i % 2, n_y = n * ldy;
        mv_matrix m;
        fill(&m, type, n_rows, n_cols, &seed);
        float *x = mv_alloc(n * ldx, sizeof *x), *want = mv_alloc(n_y, sizeof *want);
        float *got = mv_alloc(n_y, sizeof *got);
        for (size_t k = 0; k < n * ldx; k++)
            x[k] = test_uniform(&seed);
        exec.kernels->matmul[type](want, ldy, m.data, m.row_bytes, x, ldx, n_rows, n_cols, n);
        for (int n_threads = 0; n_threads <= 5; n_threads++) { /* 0: without a pool */
            if (n_threads) assert_ok(mv_pool_create(n_threads, &exec.pool, &err), err);
            memset(got, 0, n_y * sizeof *got);
            uint64_t n_allocations = mv_alloc_count();
            mv_linear(&exec, &m, x, ldx, n, got, ldy);
            assert_true(mv_alloc_count() == n_allocations);
            if (memcmp(got, want, n_y * sizeof *got) != 0)
                fail_msg("%zux%zu b%zu differs with %d threads", n_rows, n_cols, n, n_threads);
            mv_pool_destroy(&exec.pool);
            n_cases++;
        }
        mv_free(got);
        mv_free(want);
        mv_free(x);
        mv_matrix_deinit(&m);
        assert_null(m.data);
    }
    assert_int_equal(n_cases, 12 * 6);
}

static void several_matrices_are_the_same_as_each_alone(void **state) {
    (void)state;
    static const size_t rows[4] = {1536, 384, 5, 1};
    static const size_t batches[] = {1, 3, 40, 2000};
    static float y[4][1536 * 40 + 5 * 2000], want[1536 * 40 + 5 * 2000], x[2000 * 65];
    marvis_error err;
    uint64_t seed = 22;
    mv_exec exec = {.kernels = mv_kernels_get(mv_tier_best())};
    assert_ok(mv_pool_create(3, &exec.pool, &err), err);
    mv_matrix m[4];
    for (int i = 0; i < 4; i++)
        fill(&m[i], (mv_wtype)(i % MV_N_FLOAT_WTYPES), rows[i], 65, &seed);
    for (size_t i = 0; i < 2000 * 65; i++)
        x[i] = test_uniform(&seed);
    int n_cases = 0;
    for (size_t k = 0; k < 4; k++) {
        size_t first = batches[k] == 2000 ? 2 : 0; /* the large ones would not fit */
        mv_linear_out outs[4];
        for (size_t i = first; i < 4; i++)
            outs[i - first] = (mv_linear_out){&m[i], y[i], rows[i]};
        mv_linear_multi(&exec, outs, 4 - first, x, 65, batches[k]);
        for (size_t i = first; i < 4; i++) {
            mv_linear(&exec, &m[i], x, 65, batches[k], want, rows[i]);
            assert_memory_equal(y[i], want, rows[i] * batches[k] * sizeof(float));
            n_cases++;
        }
    }
    assert_int_equal(n_cases, 14);
    for (int i = 0; i < 4; i++)
        mv_matrix_deinit(&m[i]);
    mv_pool_destroy(&exec.pool);
}

/* Matrices of every type on the same x, in steps of as many rows as there is room for, by any
 * number of threads: what the kernel gives for each. */
static void packed_matrices_among_others(void **state) {
    (void)state;
    enum { COLS = 96, BATCH = 11, LDX = COLS + 3, MOST_ROWS = 300 };
    static const size_t rows[4] = {300, 17, 128, 5};
    static float x[BATCH * LDX], y[4][BATCH * MOST_ROWS], want[BATCH * MOST_ROWS];
    static int8_t q[BATCH * COLS];
    static mv_xblock blocks[BATCH * COLS / 32];
    marvis_error err;
    uint64_t seed = 24;
    int n_cases = 0;
    const mv_kernels *kernels = mv_kernels_get(mv_tier_best());
    for (size_t i = 0; i < BATCH * LDX; i++)
        x[i] = test_uniform(&seed);
    for (size_t b = 0; b < BATCH; b++)
        kernels->quantize(q + b * COLS, blocks + b * COLS / 32, x + b * LDX, COLS);
    for (int first = 0; first < MV_N_WTYPES; first++) {
        mv_matrix m[4];
        mv_linear_out outs[4];
        for (int i = 0; i < 4; i++) {
            mv_wtype type = (mv_wtype)((first + i) % MV_N_WTYPES);
            fill(&m[i], mv_is_packed(type) ? MV_W_F32 : type, rows[i], COLS, &seed);
            if (mv_is_packed(type))
                assert_ok(mv_matrix_quantize(&m[i], type, NULL, "m", &err), err);
            assert_int_equal(m[i].type, type);
            outs[i] = (mv_linear_out){&m[i], y[i], rows[i]};
        }
        for (int n_threads = 0; n_threads <= 3; n_threads++) {
            size_t room = n_threads == 1 ? 1 : n_threads == 2 ? 4 : BATCH;
            mv_exec exec = {.kernels = kernels, .room_bytes = mv_linear_room(room, COLS)};
            exec.room = mv_alloc(exec.room_bytes, 1);
            assert_non_null(exec.room);
            if (n_threads) assert_ok(mv_pool_create(n_threads, &exec.pool, &err), err);
            uint64_t n_allocations = mv_alloc_count();
            mv_linear_multi(&exec, outs, 4, x, LDX, BATCH);
            assert_true(mv_alloc_count() == n_allocations);
            for (int i = 0; i < 4; i++, n_cases++) {
                if (mv_is_packed(m[i].type))
                    kernels->packed[m[i].type - MV_N_FLOAT_WTYPES](want, rows[i], m[i].data,
                                                                   rows[i], COLS, q, blocks, BATCH);
                else
                    kernels->matmul[m[i].type](want, rows[i], m[i].data, m[i].row_bytes, x, LDX,
                                               rows[i], COLS, BATCH);
                assert_memory_equal(y[i], want, rows[i] * BATCH * sizeof(float));
            }
            mv_pool_destroy(&exec.pool);
            mv_free(exec.room);
        }
        for (int i = 0; i < 4; i++)
            mv_matrix_deinit(&m[i]);
    }
    assert_int_equal(n_cases, 8 * 4 * 4);
}

static void a_row_is_read_as_f32(void **state) {
    (void)state;
    uint64_t seed = 23;
    for (int type = 0; type < MV_N_FLOAT_WTYPES; type++) {
        mv_matrix m;
        fill(&m, (mv_wtype)type, 7, 33, &seed);
        for (size_t r = 0; r < 7; r++) {
            float row[34] = {0}, one_hot[33] = {0}, column;
            row[33] = 5;
            mv_matrix_row(&m, r, row);
            assert_true(row[33] == 5);
            for (size_t c = 0; c < 33; c++) { /* the product with a unit vector picks an entry */
                one_hot[c] = 1;
                mv_kernels_get(MV_TIER_SCALAR)
                    ->matmul[type](&column, 1, (const char *)m.data + r * m.row_bytes, m.row_bytes,
                                   one_hot, 33, 1, 33, 1);
                assert_true(row[c] == column);
                one_hot[c] = 0;
            }
        }
        mv_matrix_deinit(&m);
        mv_matrix_deinit(&m);
    }
}

/* Rows to tiles and back, ragged and whole; products by any number of threads. */
static void weights_in_tiles(void **state) {
    (void)state;
    marvis_error err;
    uint64_t seed = 25;
    int n_cases = 0;
    mv_exec exec = {.kernels = mv_kernels_get(mv_tier_best())};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const size_t n_rows = shapes[i].n_rows, n_cols = shapes[i].n_cols, n = shapes[i].n_batch;
        const size_t ldx = n_cols + i % 3, ldy = n_rows + i % 2, n_y = n * ldy;
        mv_matrix m;
        fill(&m, MV_W_F32, n_rows, n_cols, &seed);
        float *rows = mv_alloc(n_rows * n_cols, sizeof *rows), *row = mv_alloc(n_cols, sizeof *row);
        memcpy(rows, m.data, n_rows * n_cols * sizeof *rows);
        mv_alloc_fail_after(1, false);
        assert_int_equal(mv_matrix_tile(&m, &err), MARVIS_ERR_MEMORY);
        mv_alloc_fail_after(0, false);
        assert_int_equal(m.type, MV_W_F32);
        assert_ok(mv_matrix_tile(&m, &err), err);
        assert_int_equal(m.type, MV_W_F32_TILED);
        assert_int_equal(mv_matrix_bytes(&m), (n_rows + 15) / 16 * 16 * n_cols * sizeof(float));
        for (size_t r = 0; r < n_rows; r++) {
            mv_matrix_row(&m, r, row);
            assert_memory_equal(row, rows + r * n_cols, n_cols * sizeof *row);
        }
        float *x = mv_alloc(n * ldx, sizeof *x), *want = mv_alloc(n_y, sizeof *want);
        float *got = mv_alloc(n_y, sizeof *got);
        for (size_t k = 0; k < n * ldx; k++)
            x[k] = test_uniform(&seed);
        exec.kernels->tiled(want, ldy, m.data, x, ldx, n_rows, n_cols, n);
        for (int n_threads = 1; n_threads <= 5; n_threads += 2, n_cases++) {
            assert_ok(mv_pool_create(n_threads, &exec.pool, &err), err);
            memset(got, 0, n_y * sizeof *got);
            mv_linear(&exec, &m, x, ldx, n, got, ldy);
            assert_memory_equal(got, want, n_y * sizeof *got);
            mv_pool_destroy(&exec.pool);
        }
        mv_free(rows), mv_free(row), mv_free(x), mv_free(want), mv_free(got);
        mv_matrix_deinit(&m);
    }
    mv_matrix none = {0};
    assert_ok(mv_matrix_tile(&none, &err), err);
    assert_int_equal(n_cases, 12 * 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trap_45_any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(several_matrices_are_the_same_as_each_alone),
        cmocka_unit_test(packed_matrices_among_others),
        cmocka_unit_test(a_row_is_read_as_f32),
        cmocka_unit_test(weights_in_tiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
