/* tensor.h - what the readers of tensor files hand out: number formats, and a tensor as a view of
 * checked bytes. */
#ifndef MV_FORMAT_TENSOR_H
#define MV_FORMAT_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MV_MAX_DIMS 8

typedef enum mv_dtype {
    MV_DT_F64,
    MV_DT_F32,
    MV_DT_F16,
    MV_DT_BF16,
    MV_DT_I64,
    MV_DT_I32,
    MV_DT_I16,
    MV_DT_I8,
    MV_DT_U64,
    MV_DT_U32,
    MV_DT_U16,
    MV_DT_U8,
    MV_DT_BOOL,
    MV_DT_F8_E4M3,
    MV_DT_F8_E5M2,
    MV_N_PLAIN_DTYPES, /* those above are safetensors' own, one value at a time */
    /* Of GGUF (format/blocks.h): blocks of 32 values of one row. */
    MV_DT_Q8_0 = MV_N_PLAIN_DTYPES,
    MV_DT_Q4_0,
    MV_DT_Q4_1,
    MV_N_DTYPES
} mv_dtype;

size_t mv_dtype_bytes(mv_dtype type);     /* of a value, or of a block */
size_t mv_dtype_block(mv_dtype type);     /* values in a block; 1 for plain types */
const char *mv_dtype_name(mv_dtype type); /* the formats' own spelling, "BF16", "Q8_0" */
/* true and *type, when `name` (NULL allowed) is safetensors' spelling of a plain type */
bool mv_dtype_from_name(const char *name, mv_dtype *type);

typedef struct mv_tensor {
    const char *name; /* owned by the file object */
    mv_dtype type;
    int n_dims;
    int64_t shape[MV_MAX_DIMS]; /* each >= 0; the product and its bytes fit size_t */
    size_t n_values;
    const uint8_t *data; /* inside the mapped file, any alignment; little-endian */
    size_t len_bytes;
} mv_tensor;

#endif
