/*
 * Owns telling which format a file of tensors has, by what it holds. Refuses to know the formats' insides.
 */
#ifndef ATT_FORMATS_TENSOR_OPEN_H
#define ATT_FORMATS_TENSOR_OPEN_H

#include "formats/tensor_file.h"

/* A GGUF file (one of several: all), or safetensors as att_safetensors_open has them. */
att_status att_tensor_file_open(att_context *ctx, const char *path, att_tensor_file **out);

#endif
