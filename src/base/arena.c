/* Owns the arenas' blocks. See arena.h. */
#include "base/arena.h"

#include <string.h>

#define ATT_ARENA_ALIGN 64u
#define ATT_ARENA_FIRST ((size_t)1 << 20)

typedef struct att_block {
  char *data; /* aligned */
  size_t size;
} att_block;

struct att_arena {
  att_context *ctx;
  att_block *blocks;
  size_t count;         /* of blocks */
  size_t current, used; /* the block that is being filled, and how far */
  size_t before;        /* bytes in the blocks before it */
  size_t peak;
};

att_status att_arena_new(att_context *ctx, att_arena **out) {
  *out = ATT_NEW(ctx, 1, att_arena);
  if (!*out) return ATT_MEMORY;
  (*out)->ctx = ctx;
  return ATT_OK;
}

static void free_blocks(att_arena *arena) {
  for (size_t i = 0; i < arena->count; i++) att_free_aligned(arena->ctx, arena->blocks[i].data);
  arena->count = arena->current = arena->used = arena->before = 0;
}

void att_arena_free(att_arena *arena) {
  if (!arena) return;
  free_blocks(arena);
  att_free(arena->ctx, arena->blocks);
  att_free(arena->ctx, arena);
}

static bool add_block(att_arena *arena, size_t size) {
  att_block *blocks = att_resize(arena->ctx, arena->blocks, arena->count + 1, sizeof *blocks);
  if (!blocks) return false;
  arena->blocks = blocks;
  char *data = att_take_aligned(arena->ctx, size, 1);
  if (!data) return false;
  blocks[arena->count++] = (att_block){data, size};
  return true;
}

/* Goes on to the next block that holds `bytes`, making one where there is none. */
static bool next_block(att_arena *arena, size_t bytes) {
  size_t last = arena->count ? arena->blocks[arena->count - 1].size : 0;
  while (arena->current + 1 < arena->count) {
    arena->before += arena->used;
    arena->current++;
    arena->used = 0;
    if (arena->blocks[arena->current].size >= bytes) return true;
  }
  size_t size = last < ATT_ARENA_FIRST ? ATT_ARENA_FIRST : last;
  if (size < bytes) size = bytes;
  if (!add_block(arena, size)) return false;
  arena->before += arena->count > 1 ? arena->used : 0;
  arena->current = arena->count - 1;
  arena->used = 0;
  return true;
}

void *att_arena_alloc(att_arena *arena, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 4) {
    att_fail(arena->ctx, ATT_MEMORY, "no memory for %zu x %zu bytes", count, size);
    return NULL;
  }
  bytes = (bytes + ATT_ARENA_ALIGN - 1) & ~(size_t)(ATT_ARENA_ALIGN - 1);
  bool fits = arena->count && arena->blocks[arena->current].size - arena->used >= bytes;
  if (!fits && !next_block(arena, bytes)) return NULL;
  char *pointer = arena->blocks[arena->current].data + arena->used;
  arena->used += bytes;
  if (arena->before + arena->used > arena->peak) arena->peak = arena->before + arena->used;
  return pointer;
}

/* Where several blocks were needed, one of the sum takes their place: the next pass fits into it. */
void att_arena_reset(att_arena *arena) {
  if (arena->count > 1) {
    size_t peak = arena->peak;
    free_blocks(arena);
    add_block(arena, peak + peak / 8); /* where it fails, the next alloc tries again */
  }
  arena->current = arena->used = arena->before = 0;
}

size_t att_arena_peak(const att_arena *arena) { return arena->peak; }

att_arena_mark att_arena_save(const att_arena *arena) {
  return (att_arena_mark){arena->current, arena->used, arena->before};
}

void att_arena_restore(att_arena *arena, att_arena_mark mark) {
  arena->current = mark.block;
  arena->used = mark.used;
  arena->before = mark.before;
}
