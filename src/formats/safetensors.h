/*
 * Owns safetensors: a file's bytes to names and views, and back. Everything in the header is hostile: sizes are checked
 * before they are multiplied, offsets against the file, overlaps and holes, duplicate names and unknown types are
 * refused by name. Reads tensors that are spread over several files too; writes one.
 */
#ifndef ATT_FORMATS_SAFETENSORS_H
#define ATT_FORMATS_SAFETENSORS_H

#include "formats/file.h"

#define ATT_MAX_RANK 8
typedef enum att_storage {
  ATT_STORE_F32,
  ATT_STORE_F16,
  ATT_STORE_BF16,
  ATT_STORE_I64,
  ATT_STORE_I32,
  ATT_STORE_U8,
  ATT_STORE_F64,
  ATT_STORE_BOOL
} att_storage;

typedef struct att_stored {
  const char *name;
  att_storage type;
  int rank;
  int64_t shape[ATT_MAX_RANK];
  int64_t count;    /* product of shape */
  const void *data; /* in the mapping; may be unaligned */
  size_t size;      /* bytes */
} att_stored;

typedef struct att_safetensors att_safetensors;

/* The file, or, where it is absent and path.index.json is there, the files beside it that this lists (Transformers'
 * "sharded checkpoints"), as one: a tensor stands in one of them. */
att_status att_safetensors_open(att_context *ctx, const char *path, att_safetensors **out);
void att_safetensors_close(att_safetensors *file);
const char *att_safetensors_path(const att_safetensors *file); /* the file, or the index: for messages */
size_t att_safetensors_count(const att_safetensors *file);
const att_stored *att_safetensors_at(const att_safetensors *file, size_t index);       /* in order of the data */
const att_stored *att_safetensors_find(const att_safetensors *file, const char *name); /* NULL where absent */

/* What is written: data read as float32 and stored as `type` (F32, F16, BF16), or raw bytes of the other types. */
typedef struct att_to_store {
  const char *name;
  att_storage type;
  int rank;
  int64_t shape[ATT_MAX_RANK];
  const void *data; /* float* for the float types */
  bool transposed;  /* of a float matrix: data is [shape[1], shape[0]], turned as it is written */
} att_to_store;

/* Whole or not at all, with metadata {"format": "pt"}; tensors in the order given, data 8-byte aligned. */
att_status att_safetensors_write(att_context *ctx, const char *path, const att_to_store *tensors, size_t count);

#endif
