/*
 * Owns what BLEU and chrF share: lines as code points, the reference tokenizers, and counting the n-grams that two
 * sequences have in common. The public call is att_bleu of attend.h.
 */
#ifndef ATT_METRICS_NGRAMS_H
#define ATT_METRICS_NGRAMS_H

#include "base/context.h"

/* A line as code points. Zero-initialised is empty; only grows; free data with att_free. */
typedef struct att_runes {
  int32_t *data;
  size_t count, capacity;
} att_runes;

/* Room for count code points. More than 2^29 are refused (ATT_ARGUMENT): counts are int32_t. */
att_status att_runes_reserve(att_context *ctx, att_runes *runes, size_t count);
/* UTF-8 to code points, U+FFFD for each byte that is none; lowercase as Python's str.lower(), final sigma included. */
att_status att_runes_read(att_context *ctx, att_text text, bool lowercase, att_runes *out);
/* What Python's str.split() splits at. */
bool att_rune_is_space(int32_t rune);

/* Rewrites line so that its words are what stands between spaces. scratch: any runes. */
att_status att_bleu_tokenize(att_context *ctx, att_bleu_tokenizer tokenizer, att_runes *line, att_runes *scratch);

/* How many n-grams of one order there are, and how many of them are in both (each as often as in the rarer). */
typedef struct att_ngram_count {
  int64_t hypothesis, reference, match;
} att_ngram_count;

/* The work space of counting. An n-gram is a pair (its first n - 1 symbols, its last one), and its identity is its slot
 * in the table: exact, whatever the hash. Zero-initialised is empty. */
typedef struct att_ngrams {
  struct att_ngram_slot *slots;
  size_t slot_count; /* a power of two */
  uint64_t generation;
  att_runes hypothesis, reference; /* the symbols of both sides: set before att_ngrams_count, used up by it */
  att_runes hypothesis_ids, reference_ids;
} att_ngrams;

/* Numbers the words of two lines (code points with spaces between) as symbols, equal where the words are equal. */
att_status att_ngrams_words(att_context *ctx, att_ngrams *ngrams, const att_runes *hypothesis,
                            const att_runes *reference);
/* counts: [orders], for n = 1 .. orders. */
att_status att_ngrams_count(att_context *ctx, att_ngrams *ngrams, int orders, att_ngram_count *counts);
void att_ngrams_free(att_context *ctx, att_ngrams *ngrams);

/* The release of sacreBLEU whose numbers and signatures these are. */
#define ATT_SACREBLEU_VERSION "2.6.0"

/* chrF (Popovic 2015) and chrF++ (Popovic 2017), one reference. Fills score, line and signature. */
att_status att_chrf(att_context *ctx, const att_text *hypotheses, const att_text *references, size_t count,
                    const att_bleu_options *options, att_bleu_result *result);

#endif
