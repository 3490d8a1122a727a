/*
 * Owns a tensor as it is written: its shape, its numbers in memory, and their conversion to the type that the file has,
 * a piece at a time. Refuses numbers that the type cannot hold, and to know the file's format.
 */
#ifndef ATT_FORMATS_TENSOR_WRITER_H
#define ATT_FORMATS_TENSOR_WRITER_H

#include "formats/tensor_file.h"

/* What is written: numbers of a weight's type, converted where `type` is another one; of other types as they are. */
typedef struct att_to_store {
  const char *name;
  att_type type; /* in the file */
  int rank;
  int64_t shape[ATT_MAX_RANK];
  const void *data;
  att_type data_type; /* of data; both or neither are a weight's */
  bool transposed;    /* of a matrix: data is [shape[1], shape[0]], turned as it is written; never of blocks */
} att_to_store;

/* Bytes in the file. A shape that cannot be, rows that are not whole blocks, a conversion that there is not:
 * ATT_ARGUMENT. path: of the file, for messages. */
att_status att_to_store_size(att_context *ctx, const char *path, const att_to_store *tensor, size_t *size);
/* Puts them; att_to_store_size has accepted the tensor. NaN, infinity and numbers too large for the type: ATT_NUMERIC,
 * naming the first. */
att_status att_to_store_put(att_context *ctx, att_writer *writer, const char *path, const att_to_store *tensor);

#endif
