/*
 * Owns batches: which pairs stand together, in which order, as what the model reads. All is a pure function of the
 * corpus, the bounds, the seed and the epoch, so that a run is resumed from two numbers.
 *
 * Pairs are sorted by their longer side and cut into batches once; the cuts are the same in every epoch. Each epoch
 * shuffles the pairs of equal length among themselves and the order of the batches.
 */
#ifndef ATT_TRAIN_DATA_BATCHES_H
#define ATT_TRAIN_DATA_BATCHES_H

#include "models/pass.h"
#include "train/data/pairs.h"

typedef struct att_batches {
  const att_corpus *corpus; /* the caller's, which outlives this; another may take its place whose pairs have the same
                               sources, and targets no longer than them */
  int64_t count;            /* batches of an epoch */
  int64_t *first;           /* [count + 1]: cut b holds sorted pairs first[b] up to first[b + 1] */
  int32_t *sorted;          /* [pairs]: by length, in the corpus' order where equal */
  int32_t *order;           /* [pairs]: sorted, shuffled for the epoch */
  int32_t *turn;            /* [count]: the cut that comes b-th in the epoch */
  int64_t *source_start, *target_start;
  int32_t *source_ids, *inputs, *labels; /* room for the largest batch */
} att_batches;

/* Bounds: rows x longest side <= tokens where tokens is above 0, rows <= rows where that is above 0. A pair alone above
 * the bound makes a batch. The order is epoch 0's of no shuffle until att_batches_shuffle. */
att_status att_batches_new(att_context *ctx, const att_corpus *corpus, int64_t tokens, int64_t rows, att_batches *out);
void att_batches_free(att_context *ctx, att_batches *batches);
/* The order of an epoch. */
void att_batches_shuffle(att_batches *batches, uint64_t seed, int64_t epoch);
/* The b-th batch of the epoch; valid until the next. start: the decoder's first input. */
att_batch att_batches_get(att_batches *batches, int64_t b, int32_t start);

/* Fisher & Yates, with draws that are a function of key and place. */
void att_shuffle(int32_t *items, int64_t count, uint64_t key);

#endif
