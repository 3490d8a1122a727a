/*
 * Owns files of named tensors, opened: names, types, shapes and views of the mapped bytes, whatever the format. A
 * format's reader (safetensors.c, gguf.c) fills it. Refuses to know what the tensors mean.
 */
#ifndef ATT_FORMATS_TENSOR_FILE_H
#define ATT_FORMATS_TENSOR_FILE_H

#include "base/arena.h"
#include "base/types.h"
#include "formats/file.h"

#define ATT_MAX_RANK 8

typedef struct att_stored {
  const char *name;
  att_type type;     /* ATT_TYPE_COUNT: one that attend does not know; who asks for the tensor refuses it */
  const char *label; /* the type's name in the file, known or not: "F32", "Q4_0", "IQ2_XXS" */
  int rank;
  int64_t shape[ATT_MAX_RANK]; /* rows first: neighbours in memory differ in the last index */
  int64_t count;               /* product of shape */
  const void *data;            /* in the mapping; may be unaligned */
  size_t size;                 /* bytes; 0 where not even the size of the type's blocks is known */
  int64_t heads; /* > 0: the rows are those of so many heads, and the two halves of each head's rows are in turn: 0, d /
                    2, 1, ... (GGUF's llama) */
  float more;    /* its numbers are so much more than the parameter's (the norms of GGUF's gemma: 1) */
} att_stored;

/* Values and bytes of a shape, of a type with blocks of `block` numbers in block_size bytes (att_type_block,
 * att_type_size); false where they overflow, a dimension is negative, or rows are not whole blocks. */
bool att_shape_size(const int64_t *shape, int rank, int64_t block, size_t block_size, int64_t *count, size_t *size);

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
  att_stored *tensors;                      /* part after part, in order of the data */
  const att_stored **by_name;               /* sorted */
  const struct att_gguf_metadata *metadata; /* formats/gguf_metadata.h; NULL: the format has none */
  bool upright;       /* linear weights are [out, in], whatever Hugging Face's class has (GPT-2's Conv1D) */
  att_arena *renamed; /* names that att_tensor_file_rename gave, or NULL */
  void (*free_header)(void *header);
} att_tensor_file;

/* For readers: a file without tensors; and the index by name, once all tensors are there (a name twice: ATT_FORMAT). */
att_status att_tensor_file_new(att_context *ctx, att_tensor_file **out);
att_status att_tensor_file_sort(att_tensor_file *file);
/* Another name (copied) for a tensor; att_tensor_file_sort once all have theirs. */
att_status att_tensor_file_rename(att_tensor_file *file, size_t tensor, const char *name);

void att_tensor_file_close(att_tensor_file *file);                                     /* NULL is fine */
const att_stored *att_tensor_file_find(const att_tensor_file *file, const char *name); /* NULL where absent */
/* The tensor's bytes have been copied: its pages need not stay in memory. They are read again where they are used. */
void att_tensor_file_forget(const att_stored *stored);

#endif
