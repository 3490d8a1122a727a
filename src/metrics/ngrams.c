/*
 * Owns counting the n-grams that sequences share, for BLEU and chrF. A hash table maps (prefix, symbol) to a slot,
 * and the slot is the next order's prefix: nothing is compared but integers, and nothing depends on a lucky hash.
 */
#include "metrics/ngrams.h"
#include "base/random.h"

typedef struct att_ngram_slot {
  uint64_t key, generation; /* free where the generation is not the table's */
  int32_t hypothesis;       /* how often in the hypothesis */
  int32_t matched;          /* how many of these the references have */
  int32_t seen, round;      /* how often in the reference of that number */
} att_ngram_slot;

/* A reference's n-gram that the hypothesis lacks: no longer one can match either. */
enum { UNKNOWN = ATT_NGRAMS_UNKNOWN };

/* Empties the table and makes room for `count` keys. */
static att_status start_table(att_context *ctx, att_ngrams *ngrams, size_t count) {
  if (ngrams->slot_count < 2 * count || !ngrams->slots) {
    size_t slot_count = 1024;
    while (slot_count < 2 * count) slot_count *= 2;
    att_ngram_slot *slots = ATT_NEW(ctx, slot_count, att_ngram_slot);
    if (!slots) return ATT_MEMORY;
    att_free(ctx, ngrams->slots);
    ngrams->slots = slots;
    ngrams->slot_count = slot_count;
    ngrams->generation = 0;
  }
  ngrams->generation++;
  return ATT_OK;
}

/* The slot of a key, or the free one where it belongs. */
static size_t find_slot(const att_ngrams *ngrams, uint64_t key) {
  size_t mask = ngrams->slot_count - 1, at = (size_t)att_key(key, 0) & mask;
  while (ngrams->slots[at].generation == ngrams->generation && ngrams->slots[at].key != key) at = (at + 1) & mask;
  return at;
}

static int32_t add_key(att_ngrams *ngrams, uint64_t key) {
  size_t at = find_slot(ngrams, key);
  att_ngram_slot *slot = &ngrams->slots[at];
  if (slot->generation != ngrams->generation) *slot = (att_ngram_slot){.key = key, .generation = ngrams->generation};
  slot->hypothesis++;
  return (int32_t)at;
}

static int32_t find_key(const att_ngrams *ngrams, uint64_t key) {
  size_t at = find_slot(ngrams, key);
  return ngrams->slots[at].generation == ngrams->generation ? (int32_t)at : UNKNOWN;
}

static uint64_t make_key(int32_t prefix, int32_t symbol) { return (uint64_t)(uint32_t)prefix << 32 | (uint32_t)symbol; }

/* Slots as prefixes begin at 0 like any number, so the empty prefix of a word is one that no slot has. */
static const int32_t NO_PREFIX = INT32_MAX;

static void number_words(att_ngrams *ngrams, const att_runes *line, bool add, att_runes *out) {
  for (size_t i = 0; i < line->count;) {
    int32_t word = NO_PREFIX;
    for (; i < line->count && !att_rune_is_space(line->data[i]); i++) {
      uint64_t key = make_key(word, line->data[i]);
      if (word != UNKNOWN) word = add ? add_key(ngrams, key) : find_key(ngrams, key);
    }
    if (word != NO_PREFIX) out->data[out->count++] = word;
    while (i < line->count && att_rune_is_space(line->data[i])) i++;
  }
}

att_status att_ngrams_set_words(att_context *ctx, att_ngrams *ngrams, const att_runes *hypothesis) {
  ngrams->hypothesis.count = ngrams->reference.count = 0;
  ATT_TRY(start_table(ctx, ngrams, hypothesis->count));
  ATT_TRY(att_runes_reserve(ctx, &ngrams->hypothesis, hypothesis->count));
  number_words(ngrams, hypothesis, true, &ngrams->hypothesis);
  return ATT_OK;
}

att_status att_ngrams_add_words(att_context *ctx, att_ngrams *ngrams, const att_runes *reference, size_t *length) {
  att_runes *words = &ngrams->reference;
  ATT_TRY(att_runes_reserve(ctx, words, words->count + reference->count + 1));
  if (words->count > 0) words->data[words->count++] = ATT_NGRAMS_END;
  *length = words->count;
  number_words(ngrams, reference, false, words);
  *length = words->count - *length;
  return ATT_OK;
}

/* One more of an n-gram in the reference of number `round`: 1 where the hypothesis has so many too. */
static int count_match(att_ngram_slot *slot, int32_t round) {
  if (slot->round != round) slot->round = round, slot->seen = 0;
  if (++slot->seen <= slot->matched || slot->matched == slot->hypothesis) return 0;
  slot->matched++;
  return 1;
}

/* One order: ids[i] holds the n-gram of length n - 1 at i, and is given the one of length n. */
static int64_t count_order(att_ngrams *ngrams, size_t n) {
  const att_runes *hypothesis = &ngrams->hypothesis, *reference = &ngrams->reference;
  int32_t *ids = ngrams->hypothesis_ids.data;
  for (size_t i = 0; i + n <= hypothesis->count; i++)
    ids[i] = add_key(ngrams, make_key(ids[i], hypothesis->data[i + n - 1]));
  int64_t match = 0;
  int32_t round = 1;
  ids = ngrams->reference_ids.data;
  for (size_t i = 0; i + n <= reference->count; i++) {
    int32_t last = reference->data[i + n - 1];
    round += reference->data[i] == ATT_NGRAMS_END;
    ids[i] = ids[i] == UNKNOWN || last < 0 ? UNKNOWN : find_key(ngrams, make_key(ids[i], last));
    if (ids[i] != UNKNOWN) match += count_match(&ngrams->slots[ids[i]], round);
  }
  return match;
}

att_status att_ngrams_count(att_context *ctx, att_ngrams *ngrams, int orders, att_ngram_count *counts) {
  size_t hypothesis = ngrams->hypothesis.count, reference = ngrams->reference.count;
  ATT_TRY(att_runes_reserve(ctx, &ngrams->hypothesis_ids, hypothesis));
  ATT_TRY(att_runes_reserve(ctx, &ngrams->reference_ids, reference));
  for (size_t i = 0; i < hypothesis; i++) ngrams->hypothesis_ids.data[i] = 0;
  for (size_t i = 0; i < reference; i++) ngrams->reference_ids.data[i] = 0;
  for (size_t n = 1; n <= (size_t)orders; n++) {
    ATT_TRY(start_table(ctx, ngrams, hypothesis));
    counts[n - 1].match = count_order(ngrams, n);
    counts[n - 1].hypothesis = hypothesis >= n ? (int64_t)(hypothesis - n + 1) : 0;
    counts[n - 1].reference = reference >= n ? (int64_t)(reference - n + 1) : 0;
  }
  return ATT_OK;
}

void att_ngrams_free(att_context *ctx, att_ngrams *ngrams) {
  att_free(ctx, ngrams->slots);
  att_free(ctx, ngrams->hypothesis.data);
  att_free(ctx, ngrams->reference.data);
  att_free(ctx, ngrams->hypothesis_ids.data);
  att_free(ctx, ngrams->reference_ids.data);
  *ngrams = (att_ngrams){0};
}
