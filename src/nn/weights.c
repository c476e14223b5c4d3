/* weights.c - see weights.h. */
#include "nn/weights.h"

#include "base/memory.h"
#include "kernels/convert.h"

#include <assert.h>
#include <string.h>

mv_wtype mv_weights_float(marvis_weights weights, mv_wtype source) {
    if (weights == MARVIS_WEIGHTS_F32) return MV_W_F32;
    return weights == MARVIS_WEIGHTS_BF16 ? MV_W_BF16 : source;
}

marvis_status mv_weights_convert(const void *src, mv_wtype from, mv_wtype to, size_t n, void **dst,
                                 marvis_error *err) {
    enum { BLOCK = 1024 };
    assert(to == MV_W_F32 || to == MV_W_BF16);
    const uint8_t *bytes = src;
    size_t from_size = mv_wtype_bytes(from), to_size = mv_wtype_bytes(to);
    uint8_t *out = mv_alloc(n, to_size);
    *dst = out;
    if (!out) return mv_fail_memory(err, n * to_size, "converted weights");
    float block[BLOCK];
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t count = n - i < BLOCK ? n - i : BLOCK;
        mv_widen(block, from, bytes + i * from_size, count);
        if (to == MV_W_F32)
            memcpy(out + i * to_size, block, count * sizeof *block);
        else
            mv_convert_f32_bf16((uint16_t *)(void *)(out + i * to_size), block, count);
    }
    return MARVIS_OK;
}
