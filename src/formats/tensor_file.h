/*
 * Owns files of named tensors, opened: names, types, shapes and views of the mapped bytes, whatever the format. A
 * format's reader (safetensors.c) fills it. Refuses to know what the tensors mean.
 */
#ifndef ATT_FORMATS_TENSOR_FILE_H
#define ATT_FORMATS_TENSOR_FILE_H

#include "base/types.h"
#include "formats/file.h"

#define ATT_MAX_RANK 8

typedef struct att_stored {
  const char *name;
  att_type type;
  int rank;
  int64_t shape[ATT_MAX_RANK];
  int64_t count;    /* product of shape */
  const void *data; /* in the mapping; may be unaligned */
  size_t size;      /* bytes */
} att_stored;

/* Values and bytes of a shape; false where they overflow or a dimension is negative. */
bool att_shape_size(const int64_t *shape, int rank, att_type type, int64_t *count, size_t *size);

/* One of the files that the tensors lie in. */
typedef struct att_tensor_part {
  att_mapping mapping;
  void *header; /* owns the names */
} att_tensor_part;

typedef struct att_tensor_file {
  att_context *ctx;
  char *path; /* of the file, or of the index that lists several: for messages */
  att_tensor_part *parts;
  size_t part_count, count;
  att_stored *tensors;        /* part after part, in order of the data */
  const att_stored **by_name; /* sorted */
  void (*free_header)(void *header);
} att_tensor_file;

/* For readers: a file without tensors; and the index by name, once all tensors are there (a name twice: ATT_FORMAT). */
att_status att_tensor_file_new(att_context *ctx, att_tensor_file **out);
att_status att_tensor_file_sort(att_tensor_file *file);

void att_tensor_file_close(att_tensor_file *file);                                     /* NULL is fine */
const att_stored *att_tensor_file_find(const att_tensor_file *file, const char *name); /* NULL where absent */
/* A tensor to be written. Its numbers are at `data`, of data_type (both or neither a float type: converted where `type`
 * is another one, and refused where they are not finite), or `rows` gives them: */
typedef struct att_to_store {
  const char *name;
  att_type type; /* in the file */
  int rank;
  int64_t shape[ATT_MAX_RANK];
  const void *data;
  att_type data_type;
  /* rows [first, first + count) of a matrix (of a vector the only one), in `type`, into out */
  att_status (*rows)(const void *owner, int64_t first, int64_t count, void *out);
  const void *owner;
} att_to_store;

/* Rows that are asked for at once: a multiple of 16. */
int64_t att_rows_at_once(const att_to_store *tensor);

/* The tensor's bytes have been copied: its pages need not stay in memory. They are read again where they are used. */
void att_tensor_file_forget(const att_stored *stored);

#endif
