/* Owns the pool's memory. See rows.h. */
#include "decode/rows.h"

/* Rows of the first block. Memory that no row has come to is not touched. */
#define ATT_FIRST_ROWS 256

att_status att_rows_init(att_rows *rows, att_context *ctx, int64_t layers, size_t size, int64_t most) {
  *rows = (att_rows){.layers = layers, .size = size, .most = most};
  rows->data = ATT_NEW(ctx, layers, void *);
  return rows->data ? ATT_OK : ATT_MEMORY;
}

void att_rows_free(att_rows *rows, att_context *ctx) {
  for (int64_t i = 0; rows->data && i < rows->layers; i++) att_free_aligned(ctx, rows->data[i]);
  att_free(ctx, rows->data);
  att_free(ctx, rows->uses);
  att_free(ctx, rows->free);
}

int64_t att_rows_used(const att_rows *rows) { return rows->made - rows->free_count; }

/* Where one array cannot grow, those before it are larger than `room` says, which does no harm. */
static att_status grow(att_rows *rows, att_context *ctx, int64_t room) {
  for (int64_t i = 0; i < rows->layers; i++) {
    void *data = att_resize_aligned(ctx, rows->data[i], (size_t)rows->made * rows->size, (size_t)room, rows->size);
    if (!data) return ATT_MEMORY;
    rows->data[i] = data;
  }
  int32_t *uses = att_resize(ctx, rows->uses, (size_t)room, sizeof *uses);
  if (!uses) return ATT_MEMORY;
  rows->uses = uses;
  int32_t *free = att_resize(ctx, rows->free, (size_t)room, sizeof *free);
  if (!free) return ATT_MEMORY;
  rows->free = free;
  rows->room = room;
  return ATT_OK;
}

att_status att_rows_reserve(att_rows *rows, att_context *ctx, int64_t count) {
  int64_t used = att_rows_used(rows);
  if (count > rows->most - used) {
    return att_fail(ctx, ATT_FULL, "the cache is full: %lld tokens more than its %lld, of which %lld are in use",
                    (long long)count, (long long)rows->most, (long long)used);
  }
  int64_t wanted = used + count, room = rows->room < ATT_FIRST_ROWS ? ATT_FIRST_ROWS : 2 * rows->room;
  if (wanted <= rows->room) return ATT_OK;
  if (room < wanted) room = wanted;
  if (room > rows->most) room = rows->most;
  return grow(rows, ctx, room);
}

int32_t att_rows_take(att_rows *rows) {
  int32_t row = rows->free_count ? rows->free[--rows->free_count] : (int32_t)rows->made++;
  rows->uses[row] = 1;
  return row;
}

void att_rows_release(att_rows *rows, int32_t row) {
  if (--rows->uses[row] == 0) rows->free[rows->free_count++] = row;
}
