/*
 * Owns counting the n-grams that a hypothesis has in common with its references, for BLEU and chrF, and numbering words
 * for whoever compares them.
 */
#ifndef ATT_METRICS_NGRAMS_H
#define ATT_METRICS_NGRAMS_H

#include "metrics/line_tokenizers.h"

/* How many n-grams of one order the hypothesis has, the references have, and how many of the hypothesis' are in the
 * references: each as often as in the one reference that has it most, and at most as often as in the hypothesis. */
typedef struct att_ngram_count {
  int64_t hypothesis, reference, match;
} att_ngram_count;

/* The work space of counting. An n-gram is a pair (its first n - 1 symbols, its last one), and its identity is its slot
 * in the table: exact, whatever the hash. Zero-initialised is empty. */
typedef struct att_ngrams {
  struct att_ngram_slot *slots;
  size_t slot_count; /* a power of two */
  uint64_t generation;
  att_runes hypothesis, reference; /* the symbols of both sides; ATT_NGRAMS_END stands between references */
  att_runes hypothesis_ids, reference_ids;
} att_ngrams;

enum { ATT_NGRAMS_UNKNOWN = -1, ATT_NGRAMS_END = -2 };

/* Numbers the words of a hypothesis (code points with spaces between) as its symbols; there is no reference then. */
att_status att_ngrams_set_words(att_context *ctx, att_ngrams *ngrams, const att_runes *hypothesis);
/* One more reference, after att_ngrams_set_words: its words have the hypothesis' numbers, others ATT_NGRAMS_UNKNOWN.
 * *length: how many words. Whoever wants it alone sets reference.count to 0 first. */
att_status att_ngrams_add_words(att_context *ctx, att_ngrams *ngrams, const att_runes *reference, size_t *length);
/* counts: [orders], for n = 1 .. orders. Words must be numbered anew afterwards. `reference` is right for one only. */
att_status att_ngrams_count(att_context *ctx, att_ngrams *ngrams, int orders, att_ngram_count *counts);
void att_ngrams_free(att_context *ctx, att_ngrams *ngrams);

#endif
