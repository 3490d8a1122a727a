/*
 * Owns a pool of rows of numbers, the same in several layers, that are handed out and taken back one by one: a
 * decoder's cache, or what is kept of encoded sources. Counts how many tables hold each row. Refuses to know what is in
 * them.
 */
#ifndef ATT_DECODE_ROWS_H
#define ATT_DECODE_ROWS_H

#include "base/context.h"

typedef struct att_rows {
  void **data; /* [layers] each [room] rows, which grow: pointers into them are valid until the next reserve */
  int64_t layers;
  size_t size;  /* bytes of a row */
  int64_t most; /* rows in use at once */
  int64_t room, made, free_count;
  int32_t *uses; /* [room] of each row made; 0: free */
  int32_t *free; /* [room] the rows that were taken back, the last one first */
} att_rows;

/* size: bytes of a row in each layer. most: above 0, at most INT32_MAX. */
att_status att_rows_init(att_rows *rows, att_context *ctx, int64_t layers, size_t size, int64_t most);
void att_rows_free(att_rows *rows, att_context *ctx);
int64_t att_rows_used(const att_rows *rows);
/* Of the rows that there is room for. */
static inline int64_t att_rows_bytes(const att_rows *rows) { return rows->layers * rows->room * (int64_t)rows->size; }
/* Room for `count` rows more, or ATT_FULL beyond the limit and ATT_MEMORY: then nothing has changed. */
att_status att_rows_reserve(att_rows *rows, att_context *ctx, int64_t count);
/* A row with one use. Only within what was reserved. */
int32_t att_rows_take(att_rows *rows);
static inline void att_rows_share(att_rows *rows, int32_t row) { rows->uses[row]++; }
/* One use less; after the last one the row is handed out again. */
void att_rows_release(att_rows *rows, int32_t row);

#endif
