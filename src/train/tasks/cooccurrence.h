/*
 * Owns vectors of tokens made of which of them stand near which in running text. Refuses to know models.
 */
#ifndef ATT_TRAIN_TASKS_COOCCURRENCE_H
#define ATT_TRAIN_TASKS_COOCCURRENCE_H

#include "base/context.h"

/* rows[vocab, width]: of each token that occurs in ids a vector of norm 1, of the others zeros. Two tokens with like
 * neighbours get like vectors: the leading `width` dimensions of the positive pointwise mutual information between a
 * token and the tokens up to ten places from it, those near counting more (Levy & Goldberg 2014, "Neural word embedding
 * as implicit matrix factorization"; of the variants in Levy et al. 2015, section 3: dynamic window, no weights on the
 * dimensions). specials, [vocab]: tokens that part texts; nothing is near across them, and they have zeros. ids:
 * each in [0, vocab); at most 2^31 - 1 of them are read. work: as in trainer.h, non-zero ends it with ATT_INTERRUPTED,
 * and so does att_interrupt in the midst of a round. Memory: 2 x rows, 4 bytes an id, and 8 bytes x vocab a thread. */
att_status att_cooccurrence_rows(att_context *ctx, const int32_t *ids, size_t count, const bool *specials,
                                 int64_t vocab, int64_t width, uint64_t seed, int (*work)(void *user, double done),
                                 void *user, float *rows);

#endif
