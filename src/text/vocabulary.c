/* Owns the two-way table of ids and spellings. See vocabulary.h. */
#include "text/vocabulary.h"

#include <stdio.h>
#include <string.h>

#define ATT_NO_START UINT32_MAX

/* FNV-1a: of bytes after those whose hash is `value`. */
#define HASH_OF_NONE 0xcbf29ce484222325u
static uint64_t hash_on(uint64_t value, const char *data, size_t size) {
  for (size_t i = 0; i < size; i++) value = (value ^ (unsigned char)data[i]) * 0x100000001b3u;
  return value;
}

static size_t slot_index(uint64_t hash) { return (size_t)(hash ^ hash >> 32); }

att_status att_vocabulary_make(att_context *ctx, att_vocabulary *vocabulary, int32_t size, size_t count) {
  size_t slots = 16;
  while (slots < 2 * count) slots *= 2;
  vocabulary->starts = att_resize(ctx, NULL, (size_t)size, sizeof *vocabulary->starts);
  vocabulary->slots = att_resize(ctx, NULL, slots, sizeof *vocabulary->slots);
  vocabulary->outside = ATT_NEW(ctx, size, bool);
  if (!vocabulary->starts || !vocabulary->slots || !vocabulary->outside) return ATT_MEMORY;
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
  att_free(ctx, vocabulary->outside);
}

/* The slot where the spelling stands, or the empty one where it would. */
static int32_t *slot_of(const att_vocabulary *vocabulary, const char *spelling, size_t size) {
  for (size_t i = slot_index(hash_on(HASH_OF_NONE, spelling, size)) & vocabulary->mask;;
       i = (i + 1) & vocabulary->mask) {
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
    return att_fail(ctx, ATT_UNSUPPORTED, "%s: the vocabulary's spellings are too long", name);
  uint32_t start = (uint32_t)vocabulary->spellings.size;
  ATT_TRY(att_buffer_append(ctx, &vocabulary->spellings, spelling, size));
  ATT_TRY(att_buffer_append(ctx, &vocabulary->spellings, "", 1));
  vocabulary->starts[id] = start;
  vocabulary->count++;
  if (size > vocabulary->longest) vocabulary->longest = size;
  *slot = id;
  return ATT_OK;
}

int32_t att_vocabulary_find(const att_vocabulary *vocabulary, const char *spelling, size_t size) {
  return *slot_of(vocabulary, spelling, size);
}

int32_t att_vocabulary_find_inside(const att_vocabulary *vocabulary, const char *spelling, size_t size) {
  int32_t id = att_vocabulary_find(vocabulary, spelling, size);
  return id >= 0 && vocabulary->outside[id] ? -1 : id;
}

void att_vocabulary_find_bytes(const att_vocabulary *vocabulary, int32_t ids[256]) {
  for (int byte = 0; byte < 256; byte++) {
    char name[8];
    snprintf(name, sizeof name, "<0x%02X>", (unsigned)byte);
    ids[byte] = att_vocabulary_find(vocabulary, name, strlen(name));
  }
}

/* As slot_of, of prefix and text together, whose hash is known. */
static int32_t find_joined(const att_vocabulary *vocabulary, uint64_t hash, att_text prefix, att_text text) {
  for (size_t i = slot_index(hash) & vocabulary->mask;; i = (i + 1) & vocabulary->mask) {
    int32_t id = vocabulary->slots[i];
    if (id < 0) return -1;
    const char *there = vocabulary->spellings.data + vocabulary->starts[id];
    size_t size = prefix.size + text.size;
    if (strnlen(there, size + 1) == size && memcmp(there, prefix.data, prefix.size) == 0 &&
        memcmp(there + prefix.size, text.data, text.size) == 0)
      return id;
  }
}

int32_t att_vocabulary_longer(const att_vocabulary *vocabulary, att_vocabulary_walk *walk) {
  if (walk->size == 0) walk->hash = hash_on(HASH_OF_NONE, walk->prefix.data, walk->prefix.size);
  while (walk->size < walk->text.size && walk->prefix.size + walk->size < vocabulary->longest) {
    walk->hash = hash_on(walk->hash, walk->text.data + walk->size++, 1);
    if (walk->size < walk->text.size && ((unsigned char)walk->text.data[walk->size] & 0xc0) == 0x80)
      continue; /* amid a character */
    int32_t id = find_joined(vocabulary, walk->hash, walk->prefix, (att_text){walk->text.data, walk->size});
    if (id >= 0 && !vocabulary->outside[id]) return id;
  }
  return -1;
}

int32_t att_vocabulary_longest(const att_vocabulary *vocabulary, const char *prefix, att_text text, size_t *size) {
  att_vocabulary_walk walk = {.prefix = {prefix, strlen(prefix)}, .text = text};
  int32_t longest = -1;
  for (int32_t id; (id = att_vocabulary_longer(vocabulary, &walk)) >= 0; *size = walk.size) longest = id;
  return longest;
}

const char *att_vocabulary_spelling(const att_vocabulary *vocabulary, int32_t id) {
  if (id < 0 || id >= vocabulary->size || vocabulary->starts[id] == ATT_NO_START) return NULL;
  return vocabulary->spellings.data + vocabulary->starts[id];
}
