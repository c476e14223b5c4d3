/* tensor.c - see tensor.h. */
#include "format/tensor.h"

#include <string.h>

static const struct {
    const char *name;
    size_t bytes, block;
} dtypes[MV_N_DTYPES] = {
    [MV_DT_F64] = {"F64", 8, 1},         [MV_DT_F32] = {"F32", 4, 1},
    [MV_DT_F16] = {"F16", 2, 1},         [MV_DT_BF16] = {"BF16", 2, 1},
    [MV_DT_I64] = {"I64", 8, 1},         [MV_DT_I32] = {"I32", 4, 1},
    [MV_DT_I16] = {"I16", 2, 1},         [MV_DT_I8] = {"I8", 1, 1},
    [MV_DT_U64] = {"U64", 8, 1},         [MV_DT_U32] = {"U32", 4, 1},
    [MV_DT_U16] = {"U16", 2, 1},         [MV_DT_U8] = {"U8", 1, 1},
    [MV_DT_BOOL] = {"BOOL", 1, 1},       [MV_DT_F8_E4M3] = {"F8_E4M3", 1, 1},
    [MV_DT_F8_E5M2] = {"F8_E5M2", 1, 1}, [MV_DT_Q8_0] = {"Q8_0", 34, 32},
    [MV_DT_Q4_0] = {"Q4_0", 18, 32},     [MV_DT_Q4_1] = {"Q4_1", 20, 32},
};

size_t mv_dtype_bytes(mv_dtype type) { return dtypes[type].bytes; }

size_t mv_dtype_block(mv_dtype type) { return dtypes[type].block; }

const char *mv_dtype_name(mv_dtype type) { return dtypes[type].name; }

bool mv_dtype_from_name(const char *name, mv_dtype *type) {
    for (int i = 0; name && i < MV_N_PLAIN_DTYPES; i++) {
        if (strcmp(name, dtypes[i].name) != 0) continue;
        *type = (mv_dtype)i;
        return true;
    }
    return false;
}
