/*
 * Owns safetensors: a file's bytes to names and views, and back. Everything in the header is hostile: sizes are checked
 * before they are multiplied, offsets against the file, overlaps and holes, duplicate names and unknown types are
 * refused by name. Reads tensors that are spread over several files too; writes one.
 */
#ifndef ATT_FORMATS_SAFETENSORS_H
#define ATT_FORMATS_SAFETENSORS_H

#include "formats/tensor_writer.h"

/* The file; or an index (NAME.index.json, which stands also for a NAME that is absent) with the files beside it that it
 * lists (Transformers' "sharded checkpoints"), as one: a tensor stands in one of them. */
att_status att_safetensors_open(att_context *ctx, const char *path, att_tensor_file **out);

/* Whole or not at all, with metadata {"format": "pt"}; tensors in the order given, data 8-byte aligned. Quantized types
 * are refused: the format has none. */
att_status att_safetensors_write(att_context *ctx, const char *path, const att_to_store *tensors, size_t count);

#endif
