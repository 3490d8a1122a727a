/*
 * Owns a tensor as it is written: its shape, its numbers, and their conversion to the type that the file has, a piece
 * at a time. Refuses numbers that the type cannot hold, and to know the file's format.
 */
#ifndef ATT_FORMATS_TENSOR_WRITER_H
#define ATT_FORMATS_TENSOR_WRITER_H

#include "formats/tensor_file.h"

/* What is written: its numbers are at `data`, or `rows` gives them. */
typedef struct att_to_store {
  const char *name;
  att_type type; /* in the file */
  int rank;
  int64_t shape[ATT_MAX_RANK];
  const void *data;
  att_type data_type; /* of data: float types are converted to any weight's type, others are written as they are */
  /* rows [first, first + count) (of a vector the only one), in `type`, into out; count: at most att_rows_at_once */
  att_status (*rows)(const void *owner, int64_t first, int64_t count, void *out);
  const void *owner;
} att_to_store;

/* Rows that are asked for at once: a multiple of 16. */
int64_t att_rows_at_once(const att_to_store *tensor);

/* Bytes in the file. A shape that cannot be, rows that are not whole blocks, a conversion that there is not:
 * ATT_ARGUMENT. path: of the file, for messages. */
att_status att_to_store_size(att_context *ctx, const char *path, const att_to_store *tensor, size_t *size);
/* Puts them; att_to_store_size has accepted the tensor. NaN, infinity and numbers too large for the type: ATT_NUMERIC,
 * naming the first. */
att_status att_to_store_put(att_context *ctx, att_writer *writer, const char *path, const att_to_store *tensor);

/* A tensor's numbers [first, first + count), both in whole blocks, converted to a weight's type, by all threads.
 * columns: [cols], what a number of each column weighs where blocks are chosen, `first` being a row's; NULL: as much as
 * another. ATT_NUMERIC as above, naming file and tensor. */
att_status att_convert_numbers(att_context *ctx, const char *path, const char *tensor, att_type type, int64_t first,
                               const float *values, int64_t count, const float *columns, int64_t cols, void *out);

#endif
