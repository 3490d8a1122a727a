/*
 * Owns files of vectors with the lines that they stand for, which are searched: written whole or not at all, mapped
 * when read. Little-endian:
 *
 *      0  "attindex"
 *      8  u32 version (1), u32 type (0 float32, 1 float16)
 *     16  u64 count, u64 width, u64 bytes of the lines' texts
 *     40  u64 model: a number that tells models apart; u32 similarity, u32 pooling (of attend.h)
 *     56  zeros
 *    128  vectors [count, width]; zeros up to a multiple of 8
 *         [count] {u64 where the text begins, u64 the line's number}
 *         texts, one after another
 *
 * Refuses a file whose size is not what its head says; what a head can not tell, a line's bounds, is checked where it
 * is read. Refuses to know what the vectors are.
 */
#ifndef ATT_FORMATS_VECTOR_FILE_H
#define ATT_FORMATS_VECTOR_FILE_H

#include "base/types.h"
#include "formats/file.h"

typedef struct att_vector_head {
  att_type type; /* ATT_F32 or ATT_F16 */
  size_t count, width, text_bytes;
  uint64_t model;
  uint32_t similarity, pooling;
} att_vector_head;

typedef struct att_vector_file {
  att_vector_head head;
  char *path; /* for messages */
  att_mapping mapping;
  const void *vectors;         /* [count, width] */
  const unsigned char *places; /* of the lines */
  const char *texts;
} att_vector_file;

att_status att_vector_file_open(att_context *ctx, const char *path, att_vector_file *file);
void att_vector_file_close(att_context *ctx, att_vector_file *file); /* zeros are fine */
/* Line i < count. */
att_status att_vector_file_line(att_context *ctx, const att_vector_file *file, size_t i, att_text *text,
                                size_t *number);

/* head: but for count and text_bytes. Refuses another type, a width of 0, or beyond 2^20. */
typedef struct att_vector_writer att_vector_writer;
att_status att_vector_writer_open(att_context *ctx, const char *path, const att_vector_head *head,
                                  att_vector_writer **writer);
/* A vector [width] and its line; a number too large for float16 is refused (ATT_NUMERIC). */
att_status att_vector_writer_put(att_vector_writer *writer, const float *vector, att_text text, size_t number);
att_status att_vector_writer_commit(att_vector_writer *writer); /* frees the writer, whatever the outcome */
void att_vector_writer_discard(att_vector_writer *writer);      /* NULL is fine */

#endif
