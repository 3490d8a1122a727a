/* Owns the table of merges and the encoding of a word. See bpe.h. */
#include "text/byte_pair.h"

#include "base/random.h"
#include "text/unicode.h"
#include "text/word_patterns.h"

#include <string.h>

#define NO_PAIR UINT32_MAX

/* A piece of the word: a linked list in an array, a merged right side being unlinked. */
struct att_symbol {
  int32_t id, previous, next; /* -1: none */
  uint32_t rank;              /* of the merge with the next, or NO_PAIR */
};

void att_bpe_find_bytes(att_bpe *bpe, const att_vocabulary *vocabulary) {
  for (int byte = 0; byte < 256; byte++) {
    char spelled[4];
    size_t size = att_utf8_put(att_byte_to_char((unsigned char)byte), spelled);
    bpe->byte_ids[byte] = att_vocabulary_find(vocabulary, spelled, size);
  }
  att_vocabulary_find_bytes(vocabulary, bpe->fallback);
}

/* The slot of a pair, or the empty one where it would stand. (Fibonacci hashing) */
static att_merge_slot *slot_of(const att_bpe *bpe, int32_t left, int32_t right) {
  size_t mask = ((size_t)1 << (64 - bpe->shift)) - 1;
  uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
  for (size_t i = (size_t)((key ^ key >> 29) * 0x9e3779b97f4a7c15u >> bpe->shift);; i = (i + 1) & mask) {
    att_merge_slot *slot = &bpe->slots[i];
    if (slot->left < 0 || (slot->left == left && slot->right == right)) return slot;
  }
}

att_status att_bpe_index(att_context *ctx, att_bpe *bpe) {
  int bits = 4;
  while (((size_t)1 << bits) < 2 * bpe->count) bits++;
  bpe->shift = 64 - bits;
  bpe->slots = att_resize(ctx, NULL, (size_t)1 << bits, sizeof *bpe->slots);
  if (!bpe->slots) return ATT_MEMORY;
  memset(bpe->slots, 0xff, ((size_t)1 << bits) * sizeof *bpe->slots);
  for (size_t i = 0; i < bpe->count; i++) {
    const att_merge *merge = &bpe->merges[i];
    *slot_of(bpe, merge->left, merge->right) = (att_merge_slot){merge->left, merge->right, merge->result, (uint32_t)i};
  }
  size_t kept = 0;
  for (size_t i = 0; i < bpe->count; i++) {
    att_merge_slot *slot = slot_of(bpe, bpe->merges[i].left, bpe->merges[i].right);
    if (slot->rank != i) continue; /* a later one took its place */
    slot->rank = (uint32_t)kept;
    bpe->merges[kept++] = bpe->merges[i];
  }
  bpe->count = kept;
  return ATT_OK;
}

void att_bpe_free(att_context *ctx, att_bpe *bpe) {
  att_free(ctx, bpe->merges);
  att_free(ctx, bpe->slots);
}

att_status att_ids_push(att_context *ctx, att_ids *ids, int32_t id) {
  if (ids->count == ids->capacity) {
    size_t capacity = ids->capacity ? 2 * ids->capacity : 32;
    int32_t *data = att_resize(ctx, ids->data, capacity, sizeof *data);
    if (!data) return ATT_MEMORY;
    ids->data = data;
    ids->capacity = capacity;
  }
  ids->data[ids->count++] = id;
  return ATT_OK;
}

static att_status scratch_reserve(att_context *ctx, att_bpe_scratch *scratch, size_t size) {
  if (size <= scratch->capacity) return ATT_OK;
  size_t capacity = size < 64 ? 64 : size + size / 2;
  struct att_symbol *symbols = att_resize(ctx, scratch->symbols, capacity, sizeof *symbols);
  if (!symbols) return ATT_MEMORY;
  scratch->symbols = symbols;
  uint64_t *heap = att_resize(ctx, scratch->heap, 3 * capacity, sizeof *heap);
  if (!heap) return ATT_MEMORY;
  scratch->heap = heap;
  scratch->capacity = capacity;
  return ATT_OK;
}

void att_bpe_scratch_free(att_context *ctx, att_bpe_scratch *scratch) {
  att_free(ctx, scratch->symbols);
  att_free(ctx, scratch->heap);
  att_buffer_free(ctx, &scratch->spelling);
}

static size_t heap_push(uint64_t *heap, size_t count, uint64_t item) {
  size_t at = count;
  for (; at > 0 && heap[(at - 1) / 2] > item; at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
  heap[at] = item;
  return count + 1;
}

/* Removes the smallest, heap[0]. */
static size_t heap_pop(uint64_t *heap, size_t count) {
  uint64_t item = heap[--count];
  size_t at = 0, child;
  while ((child = 2 * at + 1) < count) {
    if (child + 1 < count && heap[child + 1] < heap[child]) child++;
    if (heap[child] >= item) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = item;
  return count;
}

/* The token of the byte or character at `at`, or -1; *size: its bytes. */
static int32_t letter_id(const att_bpe *bpe, const att_vocabulary *vocabulary, att_text word, size_t at, size_t *size) {
  *size = 1;
  if (!bpe->characters) return bpe->byte_ids[(unsigned char)word.data[at]];
  int32_t code;
  size_t bad;
  *size = (size_t)att_utf8_next(word.data + at, word.size - at, &code, &bad);
  return att_vocabulary_find_inside(vocabulary, word.data + at, *size);
}

/* The same with the prefix or suffix that it has there; *letter: its spelling. */
static att_status spell_letter(const att_bpe *bpe, const att_vocabulary *vocabulary, att_context *ctx, att_text word,
                               size_t at, att_buffer *spelling, att_text *letter, int32_t *id) {
  size_t size;
  *id = letter_id(bpe, vocabulary, word, at, &size);
  *letter = (att_text){word.data + at, size};
  const char *prefix = at > 0 ? bpe->prefix : "", *suffix = at + size == word.size ? bpe->suffix : "";
  if (!*prefix && !*suffix) return ATT_OK;
  spelling->size = 0;
  ATT_TRY(att_buffer_append(ctx, spelling, prefix, strlen(prefix)));
  ATT_TRY(bpe->characters ? att_buffer_append(ctx, spelling, letter->data, size)
                          : att_spell(ctx, letter->data, size, spelling));
  ATT_TRY(att_buffer_append(ctx, spelling, suffix, strlen(suffix)));
  *letter = (att_text){spelling->data, spelling->size};
  *id = att_vocabulary_find_inside(vocabulary, letter->data, letter->size);
  return ATT_OK;
}

/* Whether the letter goes by its bytes' tokens. */
static bool falls_back(const att_bpe *bpe, att_text letter) {
  for (size_t i = 0; i < letter.size; i++)
    if (bpe->fallback[(unsigned char)letter.data[i]] < 0) return false;
  return bpe->byte_fallback && bpe->characters;
}

/* Appends the letters' tokens; letters without one become their bytes' tokens, `unknown`, or vanish. An unknown one
 * waits until a known one comes, as in `tokenizers`: bytes' tokens go before it. */
static att_status spell_word(const att_bpe *bpe, const att_vocabulary *vocabulary, att_context *ctx, att_text word,
                             att_buffer *spelling, att_ids *ids) {
  const bool plain = !bpe->prefix[0] && !bpe->suffix[0];
  bool waits = false;
  for (size_t i = 0, size; i < word.size; i += size) { /* a text of characters is one word */
    if (att_is_interrupted(ctx)) return att_fail(ctx, ATT_INTERRUPTED, "interrupted while tokenizing");
    int32_t id = letter_id(bpe, vocabulary, word, i, &size);
    att_text letter = {word.data + i, size};
    if (!plain) ATT_TRY(spell_letter(bpe, vocabulary, ctx, word, i, spelling, &letter, &id));
    if (id < 0 && falls_back(bpe, letter)) {
      for (size_t k = 0; k < letter.size; k++)
        ATT_TRY(att_ids_push(ctx, ids, bpe->fallback[(unsigned char)letter.data[k]]));
      continue;
    }
    if (id < 0 && bpe->unknown < 0) continue;
    if (waits && (id >= 0 || !bpe->fuse_unknown)) ATT_TRY(att_ids_push(ctx, ids, bpe->unknown));
    waits = id < 0;
    if (id >= 0) ATT_TRY(att_ids_push(ctx, ids, id));
  }
  return waits ? att_ids_push(ctx, ids, bpe->unknown) : ATT_OK;
}

/* Looks up the merge of a symbol with its next and queues it. A queued item is rank << 32 | position. */
static size_t queue_pair(const att_bpe *bpe, struct att_symbol *symbols, int32_t at, uint64_t *heap, size_t queued) {
  struct att_symbol *symbol = &symbols[at];
  symbol->rank = NO_PAIR;
  if (symbol->next < 0) return queued;
  const att_merge_slot *slot = slot_of(bpe, symbol->id, symbols[symbol->next].id);
  if (slot->left < 0) return queued;
  symbol->rank = slot->rank;
  return heap_push(heap, queued, (uint64_t)slot->rank << 32 | (uint32_t)at);
}

static bool falls(att_bpe_scratch *scratch) {
  return scratch->dropout && att_random32(scratch->draw_key, scratch->draw_count++) < scratch->dropout;
}

static void merge_symbols(const att_bpe *bpe, att_bpe_scratch *scratch, size_t count) {
  struct att_symbol *symbols = scratch->symbols;
  uint64_t *heap = scratch->heap, *end = heap + 3 * scratch->capacity;
  size_t queued = 0, left_out = 0; /* merges that fell wait behind the heap until another is made */
  for (size_t i = 0; i + 1 < count; i++) queued = queue_pair(bpe, symbols, (int32_t)i, heap, queued);
  while (queued > 0) {
    uint32_t rank = (uint32_t)(heap[0] >> 32);
    int32_t at = (int32_t)(uint32_t)heap[0];
    queued = heap_pop(heap, queued);
    struct att_symbol *left = &symbols[at];
    /* An item outlives its pair; it still counts, as in `tokenizers`, where the pair there now makes the same token. */
    if (left->rank == NO_PAIR || bpe->merges[left->rank].result != bpe->merges[rank].result) continue;
    if (falls(scratch)) {
      end[-(ptrdiff_t)++left_out] = (uint64_t)rank << 32 | (uint32_t)at;
      continue;
    }
    for (; left_out > 0; left_out--) queued = heap_push(heap, queued, end[-(ptrdiff_t)left_out]);
    struct att_symbol *right = &symbols[left->next];
    left->id = bpe->merges[rank].result;
    left->next = right->next;
    right->rank = NO_PAIR;
    if (left->next >= 0) symbols[left->next].previous = at;
    if (left->previous >= 0) queued = queue_pair(bpe, symbols, left->previous, heap, queued);
    queued = queue_pair(bpe, symbols, at, heap, queued);
  }
}

/* The token of a whole word, or -1. */
static att_status find_whole(const att_bpe *bpe, const att_vocabulary *vocabulary, att_context *ctx,
                             att_buffer *spelling, att_text word, int32_t *id) {
  if (!bpe->characters) {
    spelling->size = 0;
    ATT_TRY(att_spell(ctx, word.data, word.size, spelling));
    word = (att_text){spelling->data, spelling->size};
  }
  *id = att_vocabulary_find_inside(vocabulary, word.data, word.size);
  return ATT_OK;
}

att_status att_bpe_encode(const att_bpe *bpe, const att_vocabulary *vocabulary, att_context *ctx,
                          att_bpe_scratch *scratch, att_text word, att_ids *ids) {
  if (word.size > INT32_MAX) return att_fail(ctx, ATT_UNSUPPORTED, "a word of %zu bytes is too long", word.size);
  if (bpe->whole_words || (bpe->ignore_merges && !scratch->dropout)) {
    int32_t whole;
    ATT_TRY(find_whole(bpe, vocabulary, ctx, &scratch->spelling, word, &whole));
    if (whole >= 0 || bpe->whole_words) return att_ids_push(ctx, ids, whole >= 0 ? whole : bpe->unknown);
  }
  size_t start = ids->count;
  ATT_TRY(spell_word(bpe, vocabulary, ctx, word, &scratch->spelling, ids));
  size_t count = ids->count - start;
  if (bpe->count == 0 || count < 2) return ATT_OK;
  ATT_TRY(scratch_reserve(ctx, scratch, count));
  for (size_t i = 0; i < count; i++)
    scratch->symbols[i] = (struct att_symbol){ids->data[start + i], (int32_t)i - 1, (int32_t)i + 1, NO_PAIR};
  scratch->symbols[count - 1].next = -1;
  merge_symbols(bpe, scratch, count);
  ids->count = start; /* fewer than there were: pushing them cannot fail */
  for (int32_t i = 0; i >= 0; i = scratch->symbols[i].next) ids->data[ids->count++] = scratch->symbols[i].id;
  return ATT_OK;
}
