/* Owns the counting of words and the learning of merges from them. See bpe.h. */
#include "text/byte_pair.h"

#include "text/unicode.h"

#include <string.h>

#define EMPTY         UINT32_MAX
#define MIN_FREQUENCY 2

/* ---- words ---------------------------------------------------------------------------------------------------- */

static uint32_t hash_word(att_text word) {
  uint64_t value = 0xcbf29ce484222325u; /* FNV-1a */
  for (size_t i = 0; i < word.size; i++) value = (value ^ (unsigned char)word.data[i]) * 0x100000001b3u;
  return (uint32_t)(value ^ value >> 32);
}

static att_status grow_words(att_context *ctx, att_words *words) {
  if (words->count == words->capacity) {
    size_t capacity = words->capacity ? 2 * words->capacity : 1024;
    att_word *grown = att_resize(ctx, words->words, capacity, sizeof *grown);
    if (!grown) return ATT_MEMORY;
    words->words = grown;
    words->capacity = capacity;
  }
  if (2 * words->count < words->slot_count) return ATT_OK;
  if (words->count >= EMPTY / 4) return att_fail(ctx, ATT_UNSUPPORTED, "the texts have too many different words");
  size_t slot_count = words->slot_count ? 2 * words->slot_count : 4096;
  uint32_t *slots = att_resize(ctx, words->slots, slot_count, sizeof *slots);
  if (!slots) return ATT_MEMORY;
  memset(slots, 0xff, slot_count * sizeof *slots);
  for (size_t i = 0; i < words->count; i++) {
    size_t at = words->words[i].hash & (slot_count - 1);
    while (slots[at] != EMPTY) at = (at + 1) & (slot_count - 1);
    slots[at] = (uint32_t)i;
  }
  words->slots = slots;
  words->slot_count = slot_count;
  return ATT_OK;
}

att_status att_words_add(att_context *ctx, att_words *words, att_text word) {
  if (word.size > INT32_MAX) return att_fail(ctx, ATT_UNSUPPORTED, "a word of %zu bytes is too long", word.size);
  ATT_TRY(grow_words(ctx, words));
  uint32_t hash = hash_word(word);
  size_t mask = words->slot_count - 1, at = hash & mask;
  for (; words->slots[at] != EMPTY; at = (at + 1) & mask) {
    att_word *there = &words->words[words->slots[at]];
    if (there->hash == hash && there->size == word.size &&
        memcmp(words->bytes.data + there->start, word.data, word.size) == 0) {
      there->count++;
      return ATT_OK;
    }
  }
  size_t start = words->bytes.size;
  ATT_TRY(att_buffer_append(ctx, &words->bytes, word.data, word.size));
  words->words[words->count] = (att_word){start, (uint32_t)word.size, hash, 1};
  words->slots[at] = (uint32_t)words->count++;
  return ATT_OK;
}

void att_words_free(att_context *ctx, att_words *words) {
  att_buffer_free(ctx, &words->bytes);
  att_free(ctx, words->words);
  att_free(ctx, words->slots);
}

/* ---- pairs ---------------------------------------------------------------------------------------------------- */

/* Indices of words, without repeats because words are visited in order. */
typedef struct places {
  uint32_t *data;
  uint32_t count, capacity;
} places;

typedef struct pair {
  uint64_t key; /* left id << 32 | right id: the order of ties */
  int64_t count;
  places fresh; /* where it appeared since it was last queued */
} pair;

/* Where a pair was when it was queued. Its count may be outdated: it is then corrected and queued again. */
typedef struct queued {
  int64_t count;
  uint64_t key;
  uint32_t pair;
  places places;
} queued;

typedef struct learner {
  att_context *ctx;
  const att_words *words;
  const char *prefix; /* of tokens that go on a word */
  int32_t *symbols;   /* the words' ids, word i's at words[i].start */
  uint32_t *lengths;  /* [words]: symbols left of each */
  pair *pairs;
  size_t pair_count, pair_capacity;
  uint32_t *slots; /* hash table of pairs */
  size_t slot_count;
  uint32_t *touched; /* [pair_capacity]: pairs with fresh places */
  size_t touched_count;
  queued *heap;
  size_t heap_count, heap_capacity;
  size_t merge_capacity;
} learner;

static void learner_free(learner *l) {
  for (size_t i = 0; i < l->pair_count; i++) att_free(l->ctx, l->pairs[i].fresh.data);
  for (size_t i = 0; i < l->heap_count; i++) att_free(l->ctx, l->heap[i].places.data);
  att_free(l->ctx, l->symbols);
  att_free(l->ctx, l->lengths);
  att_free(l->ctx, l->pairs);
  att_free(l->ctx, l->slots);
  att_free(l->ctx, l->touched);
  att_free(l->ctx, l->heap);
}

static size_t hash_pair(uint64_t key) { return (size_t)((key ^ key >> 29) * 0x9e3779b97f4a7c15u >> 20); }

static att_status grow_pairs(learner *l) {
  if (l->pair_count == l->pair_capacity) {
    size_t capacity = l->pair_capacity ? 2 * l->pair_capacity : 4096;
    pair *pairs = att_resize(l->ctx, l->pairs, capacity, sizeof *pairs);
    if (!pairs) return ATT_MEMORY;
    l->pairs = pairs;
    uint32_t *touched = att_resize(l->ctx, l->touched, capacity, sizeof *touched);
    if (!touched) return ATT_MEMORY;
    l->touched = touched;
    l->pair_capacity = capacity;
  }
  if (2 * l->pair_count < l->slot_count) return ATT_OK;
  if (l->pair_count >= EMPTY / 4) return att_fail(l->ctx, ATT_UNSUPPORTED, "the texts have too many pairs of tokens");
  size_t slot_count = l->slot_count ? 2 * l->slot_count : 16384;
  uint32_t *slots = att_resize(l->ctx, l->slots, slot_count, sizeof *slots);
  if (!slots) return ATT_MEMORY;
  memset(slots, 0xff, slot_count * sizeof *slots);
  for (size_t i = 0; i < l->pair_count; i++) {
    size_t at = hash_pair(l->pairs[i].key) & (slot_count - 1);
    while (slots[at] != EMPTY) at = (at + 1) & (slot_count - 1);
    slots[at] = (uint32_t)i;
  }
  l->slots = slots;
  l->slot_count = slot_count;
  return ATT_OK;
}

static att_status place(learner *l, uint32_t index, uint32_t word) {
  places *fresh = &l->pairs[index].fresh;
  if (fresh->count && fresh->data[fresh->count - 1] == word) return ATT_OK;
  if (fresh->count == fresh->capacity) {
    uint32_t capacity = fresh->capacity ? 2 * fresh->capacity : 4;
    uint32_t *data = att_resize(l->ctx, fresh->data, capacity, sizeof *data);
    if (!data) return ATT_MEMORY;
    fresh->data = data;
    fresh->capacity = capacity;
  }
  if (fresh->count == 0) l->touched[l->touched_count++] = index;
  fresh->data[fresh->count++] = word;
  return ATT_OK;
}

/* A pair appears (change +1) or goes (-1) in a word. */
static att_status count_pair(learner *l, int32_t left, int32_t right, int change, uint32_t word) {
  ATT_TRY(grow_pairs(l));
  uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
  size_t mask = l->slot_count - 1, at = hash_pair(key) & mask;
  while (l->slots[at] != EMPTY && l->pairs[l->slots[at]].key != key) at = (at + 1) & mask;
  if (l->slots[at] == EMPTY) {
    l->pairs[l->pair_count] = (pair){.key = key};
    l->slots[at] = (uint32_t)l->pair_count++;
  }
  uint32_t index = l->slots[at];
  l->pairs[index].count += change * l->words->words[word].count;
  return change > 0 ? place(l, index, word) : ATT_OK;
}

/* ---- the queue: highest count first, ties to the smaller pair -------------------------------------------------- */

static bool before(const queued *a, const queued *b) {
  return a->count != b->count ? a->count > b->count : a->key < b->key;
}

static void heap_put(learner *l, queued item) {
  size_t at = l->heap_count++;
  for (; at > 0 && before(&item, &l->heap[(at - 1) / 2]); at = (at - 1) / 2) l->heap[at] = l->heap[(at - 1) / 2];
  l->heap[at] = item;
}

static queued heap_take(learner *l) {
  queued top = l->heap[0], item = l->heap[--l->heap_count];
  size_t at = 0, child;
  while ((child = 2 * at + 1) < l->heap_count) {
    if (child + 1 < l->heap_count && before(&l->heap[child + 1], &l->heap[child])) child++;
    if (!before(&l->heap[child], &item)) break;
    l->heap[at] = l->heap[child];
    at = child;
  }
  l->heap[at] = item;
  return top;
}

/* Moves the fresh places of the touched pairs into the queue. */
static att_status queue_fresh(learner *l) {
  if (l->heap_count + l->touched_count > l->heap_capacity) {
    size_t capacity = 2 * (l->heap_count + l->touched_count);
    queued *heap = att_resize(l->ctx, l->heap, capacity, sizeof *heap);
    if (!heap) return ATT_MEMORY;
    l->heap = heap;
    l->heap_capacity = capacity;
  }
  for (size_t i = 0; i < l->touched_count; i++) {
    pair *fresh = &l->pairs[l->touched[i]];
    if (fresh->count > 0)
      heap_put(l, (queued){fresh->count, fresh->key, l->touched[i], fresh->fresh});
    else
      att_free(l->ctx, fresh->fresh.data);
    fresh->fresh = (places){0};
  }
  l->touched_count = 0;
  return ATT_OK;
}

/* ---- learning ------------------------------------------------------------------------------------------------- */

/* The word's characters as ids; *length 0 where one is not in the vocabulary. */
static att_status spell_characters(const learner *l, const att_vocabulary *vocabulary, att_text word, int32_t *symbols,
                                   uint32_t *length) {
  att_buffer spelled = {0};
  att_status status = ATT_OK;
  *length = 0;
  for (size_t at = 0, size, bad; at < word.size && status == ATT_OK; at += size) {
    int32_t code;
    size = (size_t)att_utf8_next(word.data + at, word.size - at, &code, &bad);
    spelled.size = 0;
    if (at > 0) status = att_buffer_append(l->ctx, &spelled, l->prefix, strlen(l->prefix));
    if (status == ATT_OK) status = att_buffer_append(l->ctx, &spelled, word.data + at, size);
    if (status) break;
    symbols[*length] = att_vocabulary_find(vocabulary, spelled.data, spelled.size);
    if (symbols[(*length)++] >= 0) continue;
    *length = 0;
    break;
  }
  att_buffer_free(l->ctx, &spelled);
  return status;
}

static att_status interrupted(att_context *ctx) {
  return att_fail(ctx, ATT_INTERRUPTED, "training the tokenizer was interrupted");
}

static att_status count_all(learner *l, const att_vocabulary *vocabulary, const att_bpe *bpe) {
  const att_words *words = l->words;
  l->symbols = att_resize(l->ctx, NULL, words->bytes.size, sizeof *l->symbols);
  l->lengths = att_resize(l->ctx, NULL, words->count, sizeof *l->lengths);
  if (!l->symbols || !l->lengths) return ATT_MEMORY;
  for (size_t i = 0; i < words->count; i++) {
    if (att_is_interrupted(l->ctx)) return interrupted(l->ctx);
    const att_text word = {words->bytes.data + words->words[i].start, words->words[i].size};
    int32_t *symbols = l->symbols + words->words[i].start;
    l->lengths[i] = words->words[i].size;
    if (bpe->characters) {
      ATT_TRY(spell_characters(l, vocabulary, word, symbols, &l->lengths[i]));
    } else {
      for (size_t k = 0; k < word.size; k++) symbols[k] = bpe->byte_ids[(unsigned char)word.data[k]];
    }
    for (uint32_t k = 0; k + 1 < l->lengths[i]; k++) ATT_TRY(count_pair(l, symbols[k], symbols[k + 1], 1, (uint32_t)i));
  }
  return queue_fresh(l);
}

/* Replaces each occurrence of the pair in a word, from the left, and counts the neighbours anew. The count of the pair
 * itself stays: that of `tokenizers` does, and it matters where a later merge makes a text that exists already. */
static att_status merge_word(learner *l, const att_merge *merge, uint32_t word) {
  int32_t *symbols = l->symbols + l->words->words[word].start;
  uint32_t length = l->lengths[word], kept = 0;
  for (uint32_t i = 0; i < length; i++, kept++) {
    if (symbols[i] != merge->left || i + 1 == length || symbols[i + 1] != merge->right) {
      symbols[kept] = symbols[i];
      continue;
    }
    if (kept > 0) {
      ATT_TRY(count_pair(l, symbols[kept - 1], merge->left, -1, word));
      ATT_TRY(count_pair(l, symbols[kept - 1], merge->result, 1, word));
    }
    if (i + 2 < length) {
      ATT_TRY(count_pair(l, merge->right, symbols[i + 2], -1, word));
      ATT_TRY(count_pair(l, merge->result, symbols[i + 2], 1, word));
    }
    symbols[kept] = merge->result;
    i++;
  }
  l->lengths[word] = kept;
  return ATT_OK;
}

/* The id of the pair's joined text, the right one's prefix left out: an old one where it exists already. */
static att_status joined_id(learner *l, att_vocabulary *vocabulary, uint64_t key, int32_t *id) {
  att_context *ctx = l->ctx;
  const char *left = att_vocabulary_spelling(vocabulary, (int32_t)(key >> 32));
  const char *right = att_vocabulary_spelling(vocabulary, (int32_t)(uint32_t)key);
  if (strncmp(right, l->prefix, strlen(l->prefix)) == 0) right += strlen(l->prefix);
  att_buffer joined = {0};
  att_status status = att_buffer_append(ctx, &joined, left, strlen(left));
  if (status == ATT_OK) status = att_buffer_append(ctx, &joined, right, strlen(right));
  if (status == ATT_OK) {
    *id = att_vocabulary_find(vocabulary, joined.data, joined.size);
    if (*id < 0) {
      *id = (int32_t)vocabulary->count;
      status = att_vocabulary_add(ctx, vocabulary, "training", *id, joined.data, joined.size);
    }
  }
  att_buffer_free(ctx, &joined);
  return status;
}

static att_status record(learner *l, att_bpe *bpe, att_merge merge) {
  if (bpe->count == l->merge_capacity) {
    size_t capacity = l->merge_capacity ? 2 * l->merge_capacity : 4096;
    att_merge *merges = att_resize(l->ctx, bpe->merges, capacity, sizeof *merges);
    if (!merges) return ATT_MEMORY;
    bpe->merges = merges;
    l->merge_capacity = capacity;
  }
  bpe->merges[bpe->count++] = merge;
  return ATT_OK;
}

static att_status apply(learner *l, const queued *top, att_vocabulary *vocabulary, att_bpe *bpe) {
  att_merge merge = {(int32_t)(top->key >> 32), (int32_t)(uint32_t)top->key, -1};
  ATT_TRY(joined_id(l, vocabulary, top->key, &merge.result));
  ATT_TRY(record(l, bpe, merge));
  for (uint32_t i = 0; i < top->places.count; i++) ATT_TRY(merge_word(l, &merge, top->places.data[i]));
  return queue_fresh(l);
}

/* One step of the queue: corrects an outdated count, or merges. *more is false where nothing is frequent enough. */
static att_status step(learner *l, att_vocabulary *vocabulary, att_bpe *bpe, bool *more) {
  queued top = heap_take(l);
  if (top.count != l->pairs[top.pair].count) {
    top.count = l->pairs[top.pair].count;
    heap_put(l, top);
    return ATT_OK;
  }
  *more = top.count >= MIN_FREQUENCY;
  att_status status = *more ? apply(l, &top, vocabulary, bpe) : ATT_OK;
  att_free(l->ctx, top.places.data);
  return status;
}

att_status att_bpe_learn(att_context *ctx, const att_words *words, int32_t limit, const char *prefix,
                         att_vocabulary *vocabulary, att_bpe *bpe, int (*progress)(void *user, double done),
                         void *user) {
  learner l = {.ctx = ctx, .words = words, .prefix = prefix};
  att_status status = count_all(&l, vocabulary, bpe);
  double first = (double)vocabulary->count, all = (double)limit - first;
  bool more = true;
  for (size_t told = 0; status == ATT_OK && more && l.heap_count > 0 && (int64_t)vocabulary->count < limit;) {
    status = att_is_interrupted(ctx) ? interrupted(ctx) : step(&l, vocabulary, bpe, &more);
    if (bpe->count < told + 64) continue;
    told = bpe->count;
    if (progress && progress(user, 0.5 + 0.5 * ((double)vocabulary->count - first) / all)) status = interrupted(ctx);
  }
  learner_free(&l);
  return status;
}
