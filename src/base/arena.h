/*
 * Owns arenas: memory that is handed out in order and given back all at once. A step of training has one, a decoding
 * session has one, an op's scratch is one. After the first steps a reset leaves one block of the largest size seen, so
 * that nothing is allocated any more.
 */
#ifndef ATT_BASE_ARENA_H
#define ATT_BASE_ARENA_H

#include "base/context.h"

typedef struct att_arena att_arena;

att_status att_arena_new(att_context *ctx, att_arena **arena);
void att_arena_free(att_arena *arena); /* NULL is fine */
/* count x size bytes, 64-byte aligned, NOT zeroed; NULL (message set) on overflow or no memory. Valid until the reset.
 */
void *att_arena_alloc(att_arena *arena, size_t count, size_t size);
#define ATT_ARENA_NEW(arena, count, type) ((type *)att_arena_alloc((arena), (size_t)(count), sizeof(type)))
void att_arena_reset(att_arena *arena);
/* The most bytes in use at once since it was made. */
size_t att_arena_peak(const att_arena *arena);
/* A mark to go back to: everything handed out after it is given back. Marks nest. */
typedef struct att_arena_mark {
  size_t block, used, before;
} att_arena_mark;
att_arena_mark att_arena_save(const att_arena *arena);
void att_arena_restore(att_arena *arena, att_arena_mark mark);

#endif
