/* Owns the two-way table of ids and spellings. See vocabulary.h. */
#include "text/vocabulary.h"

#include <string.h>

#define ATT_NO_START UINT32_MAX

static size_t hash(const char *data, size_t size) {
  uint64_t value = 0xcbf29ce484222325u; /* FNV-1a */
  for (size_t i = 0; i < size; i++) value = (value ^ (unsigned char)data[i]) * 0x100000001b3u;
  return (size_t)(value ^ value >> 32);
}

att_status att_vocabulary_make(att_context *ctx, att_vocabulary *vocabulary, int32_t size, size_t count) {
  size_t slots = 16;
  while (slots < 2 * count) slots *= 2;
  vocabulary->starts = att_resize(ctx, NULL, (size_t)size, sizeof *vocabulary->starts);
  vocabulary->slots = att_resize(ctx, NULL, slots, sizeof *vocabulary->slots);
  if (!vocabulary->starts || !vocabulary->slots) return ATT_MEMORY;
  memset(vocabulary->starts, 0xff, (size_t)size * sizeof *vocabulary->starts);
  memset(vocabulary->slots, 0xff, slots * sizeof *vocabulary->slots);
  vocabulary->size = size;
  vocabulary->mask = slots - 1;
  return ATT_OK;
}

void att_vocabulary_free(att_context *ctx, att_vocabulary *vocabulary) {
  att_buffer_free(ctx, &vocabulary->spellings);
  att_free(ctx, vocabulary->starts);
  att_free(ctx, vocabulary->slots);
}

/* The slot where the spelling stands, or the empty one where it would. */
static int32_t *slot_of(const att_vocabulary *vocabulary, const char *spelling, size_t size) {
  for (size_t i = hash(spelling, size) & vocabulary->mask;; i = (i + 1) & vocabulary->mask) {
    int32_t id = vocabulary->slots[i];
    if (id < 0) return &vocabulary->slots[i];
    const char *there = vocabulary->spellings.data + vocabulary->starts[id];
    if (strnlen(there, size + 1) == size && memcmp(there, spelling, size) == 0) return &vocabulary->slots[i];
  }
}

att_status att_vocabulary_add(att_context *ctx, att_vocabulary *vocabulary, const char *name, int32_t id,
                              const char *spelling, size_t size) {
  if (id < 0 || id >= vocabulary->size) return att_fail(ctx, ATT_FORMAT, "%s: id %d is out of range", name, (int)id);
  if (vocabulary->starts[id] != ATT_NO_START)
    return att_fail(ctx, ATT_FORMAT, "%s: id %d has two tokens, \"%s\" and \"%.*s\"", name, (int)id,
                    att_vocabulary_spelling(vocabulary, id), (int)(size < 100 ? size : 100), spelling);
  int32_t *slot = slot_of(vocabulary, spelling, size);
  if (*slot >= 0)
    return att_fail(ctx, ATT_FORMAT, "%s: token \"%.*s\" has two ids, %d and %d", name, (int)(size < 100 ? size : 100),
                    spelling, (int)*slot, (int)id);
  if (vocabulary->spellings.size + size + 1 >= ATT_NO_START)
    return att_fail(ctx, ATT_FORMAT, "%s: the vocabulary's spellings are too long", name);
  uint32_t start = (uint32_t)vocabulary->spellings.size;
  ATT_TRY(att_buffer_append(ctx, &vocabulary->spellings, spelling, size));
  ATT_TRY(att_buffer_append(ctx, &vocabulary->spellings, "", 1));
  vocabulary->starts[id] = start;
  vocabulary->count++;
  *slot = id;
  return ATT_OK;
}

int32_t att_vocabulary_find(const att_vocabulary *vocabulary, const char *spelling, size_t size) {
  return *slot_of(vocabulary, spelling, size);
}

const char *att_vocabulary_spelling(const att_vocabulary *vocabulary, int32_t id) {
  if (id < 0 || id >= vocabulary->size || vocabulary->starts[id] == ATT_NO_START) return NULL;
  return vocabulary->spellings.data + vocabulary->starts[id];
}
