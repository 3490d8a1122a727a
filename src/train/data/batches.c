/* Owns what batch.h says. */
#include "train/data/batches.h"

#include "base/random.h"

#include <string.h>

static int64_t source_length(const att_corpus *c, int64_t pair) {
  return c->source_start[pair + 1] - c->source_start[pair];
}

static int64_t target_length(const att_corpus *c, int64_t pair) {
  return c->target_start[pair + 1] - c->target_start[pair];
}

static int64_t length_of(const att_corpus *c, int64_t pair) {
  int64_t source = source_length(c, pair), target = target_length(c, pair);
  return source > target ? source : target;
}

/* Counting sort: stable, so the corpus' order holds among equals. */
static att_status sort_by_length(att_context *ctx, att_batches *b) {
  const att_corpus *c = b->corpus;
  int64_t longest = 0;
  for (int64_t i = 0; i < c->count; i++)
    if (length_of(c, i) > longest) longest = length_of(c, i);
  int64_t *place = ATT_NEW(ctx, longest + 2, int64_t);
  if (!place) return ATT_MEMORY;
  for (int64_t i = 0; i < c->count; i++) place[length_of(c, i) + 1]++;
  for (int64_t n = 0; n <= longest; n++) place[n + 1] += place[n];
  for (int64_t i = 0; i < c->count; i++) b->sorted[place[length_of(c, i)]++] = (int32_t)i;
  att_free(ctx, place);
  return ATT_OK;
}

/* Writes the cuts into first; returns the largest rows x longest side. */
static int64_t cut(att_batches *b, int64_t tokens, int64_t rows) {
  int64_t begin = 0, largest = 0;
  b->count = 0;
  for (int64_t i = 0; i < b->corpus->count; i++) {
    int64_t count = i - begin + 1, length = length_of(b->corpus, b->sorted[i]);
    bool full = (tokens > 0 && count * length > tokens) || (rows > 0 && count > rows);
    if (full && i > begin) {
      b->first[++b->count] = begin = i;
      count = 1;
    }
    if (count * length > largest) largest = count * length;
  }
  b->first[++b->count] = b->corpus->count;
  return largest;
}

static att_status make_room(att_context *ctx, att_batches *b, int64_t largest) {
  int64_t rows = 0;
  for (int64_t i = 0; i < b->count; i++)
    if (b->first[i + 1] - b->first[i] > rows) rows = b->first[i + 1] - b->first[i];
  b->turn = ATT_NEW(ctx, b->count, int32_t);
  b->source_start = ATT_NEW(ctx, rows + 1, int64_t);
  b->target_start = ATT_NEW(ctx, rows + 1, int64_t);
  b->source_ids = ATT_NEW(ctx, largest, int32_t);
  b->inputs = ATT_NEW(ctx, largest, int32_t);
  b->labels = ATT_NEW(ctx, largest, int32_t);
  if (!b->turn || !b->source_start || !b->target_start || !b->source_ids || !b->inputs || !b->labels) return ATT_MEMORY;
  for (int64_t i = 0; i < b->count; i++) b->turn[i] = (int32_t)i;
  memcpy(b->order, b->sorted, (size_t)b->corpus->count * sizeof *b->order);
  return ATT_OK;
}

att_status att_batches_new(att_context *ctx, const att_corpus *corpus, int64_t tokens, int64_t rows, att_batches *b) {
  *b = (att_batches){
      .corpus = corpus,
      .first = ATT_NEW(ctx, corpus->count + 1, int64_t),
      .sorted = ATT_NEW(ctx, corpus->count, int32_t),
      .order = ATT_NEW(ctx, corpus->count, int32_t),
  };
  att_status status = b->first && b->sorted && b->order ? sort_by_length(ctx, b) : ATT_MEMORY;
  if (!status) status = make_room(ctx, b, cut(b, tokens, rows));
  if (status) att_batches_free(ctx, b);
  return status;
}

void att_batches_free(att_context *ctx, att_batches *b) {
  void *const owned[] = {b->first,        b->sorted,     b->order,  b->turn,  b->source_start,
                         b->target_start, b->source_ids, b->inputs, b->labels};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) att_free(ctx, owned[i]);
  *b = (att_batches){0};
}

void att_shuffle(int32_t *items, int64_t count, uint64_t key) {
  for (int64_t i = count - 1; i > 0; i--) {
    int64_t j = (int64_t)(att_random64(key, (uint64_t)i) % (uint64_t)(i + 1));
    int32_t item = items[i];
    items[i] = items[j];
    items[j] = item;
  }
}

void att_batches_shuffle(att_batches *b, uint64_t seed, int64_t epoch) {
  const att_corpus *c = b->corpus;
  uint64_t key = att_key(att_key(seed, 0x6f72646572), (uint64_t)epoch);
  memcpy(b->order, b->sorted, (size_t)c->count * sizeof *b->order);
  for (int64_t begin = 0, end; begin < c->count; begin = end) {
    int64_t length = length_of(c, b->sorted[begin]);
    for (end = begin + 1; end < c->count && length_of(c, b->sorted[end]) == length;) end++;
    att_shuffle(b->order + begin, end - begin, att_key(key, (uint64_t)length));
  }
  for (int64_t i = 0; i < b->count; i++) b->turn[i] = (int32_t)i;
  att_shuffle(b->turn, b->count, att_key(key, 0));
}

att_batch att_batches_get(att_batches *b, int64_t index, int32_t start) {
  const att_corpus *c = b->corpus;
  int64_t begin = b->first[b->turn[index]], rows = b->first[b->turn[index] + 1] - begin;
  for (int64_t r = 0; r < rows; r++) {
    int64_t pair = b->order[begin + r], sources = source_length(c, pair), targets = target_length(c, pair);
    int64_t s = b->source_start[r], t = b->target_start[r];
    memcpy(b->source_ids + s, c->source.data + c->source_start[pair], (size_t)sources * sizeof(int32_t));
    memcpy(b->labels + t, c->target.data + c->target_start[pair], (size_t)targets * sizeof(int32_t));
    b->inputs[t] = start;
    memcpy(b->inputs + t + 1, b->labels + t, (size_t)(targets - 1) * sizeof(int32_t));
    b->source_start[r + 1] = s + sources;
    b->target_start[r + 1] = t + targets;
  }
  return (att_batch){.source = {.ids = b->source_ids, .sequences = {rows, b->source_start}},
                     .target = {.ids = b->inputs, .sequences = {rows, b->target_start}},
                     .labels = b->labels};
}
