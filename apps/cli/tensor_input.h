/* tensor_input.h - reads a tensor of a safetensors file with the type and shape that a command
 * expects, and says what is wrong otherwise. */
#ifndef APPS_CLI_TENSOR_INPUT_H
#define APPS_CLI_TENSOR_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include "marvis.h"

/* An opened file and its name for messages. */
typedef struct tensor_input {
    const char *path; /* borrowed */
    marvis_tensors *tensors;
} tensor_input;

MARVIS_CHECK marvis_status tensor_input_open(tensor_input *input, const char *path,
                                             marvis_error *err);
void tensor_input_close(tensor_input *input);

/* Copies a 2-dimensional int32 tensor out, [*n_rows, *n_columns]; neither is 0. The caller frees
 * *values. ERR_TENSOR: no such tensor; ERR_INPUT: another type or shape. */
MARVIS_CHECK marvis_status tensor_input_int32(const tensor_input *input, const char *name,
                                              int32_t **values, size_t *n_rows, size_t *n_columns,
                                              marvis_error *err);

/* The tensor "codes" [n_codebooks, n_frames] turned round: *codes [*n_frames, *n_codebooks], which
 * the caller frees. Errors as tensor_input_int32. */
MARVIS_CHECK marvis_status tensor_input_codes(const tensor_input *input, int32_t **codes,
                                              size_t *n_frames, size_t *n_codebooks,
                                              marvis_error *err);

/* As tensor_input_int32 for uint8 (or bool) of zeros and ones. */
MARVIS_CHECK marvis_status tensor_input_mask(const tensor_input *input, const char *name,
                                             uint8_t **values, size_t *n_rows, size_t *n_columns,
                                             marvis_error *err);

/* Puts the file's name before a message about its contents (ERR_INPUT); returns status. */
marvis_status tensor_input_blame(const tensor_input *input, marvis_status status,
                                 marvis_error *err);

#endif
