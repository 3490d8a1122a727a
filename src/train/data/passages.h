/*
 * Owns passages: of each text the stretch that has most of its summary, and else says most of the text. A model that
 * copies learns from them where to look and how to copy, of which its few and short summaries alone tell it little.
 */
#ifndef ATT_TRAIN_DATA_PASSAGES_H
#define ATT_TRAIN_DATA_PASSAGES_H

#include "train/data/pairs.h"

/* passages: the corpus with a passage in each summary's place but where the text has all of the summary's tokens; its
 * sources are the corpus', which outlives it. end: the token that ends a target. A passage has as many tokens as its
 * summary, 4 to 64, but fewer than its text; of all such stretches its weights' sum is the largest, the first where
 * several are equal. A token's weight is its tf-idf (Salton & Buckley 1988), (1 + ln n) ln(N / d), where it stands n
 * times in the text and in d of the N texts; ten times that where the summary has it too. Tokens that differ by case,
 * or by the space before them, are one. */
att_status att_passages_find(att_context *ctx, const att_tokenizer *tokenizer, const att_corpus *corpus, int32_t end,
                             att_corpus *passages);
void att_passages_free(att_context *ctx, att_corpus *passages);

#endif
