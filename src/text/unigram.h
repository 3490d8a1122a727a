/*
 * Owns the Unigram model: a word's way to ids by the likeliest pieces. Refuses to know files and special tokens, and
 * does not learn pieces.
 */
#ifndef ATT_TEXT_UNIGRAM_H
#define ATT_TEXT_UNIGRAM_H

#include "text/tokenizer.h"
#include "text/vocabulary.h"

typedef struct att_unigram {
  bool used;             /* the tokenizer's model is this one */
  int32_t count;         /* of its pieces, which have the first ids */
  double *scores;        /* [count]: log-probabilities */
  int32_t unknown;       /* stands for a run of characters that no piece has; -1: such text is refused */
  double unknown_score;  /* of one such character */
  bool byte_fallback;    /* such a run becomes its bytes' pieces, where all have one */
  int32_t fallback[256]; /* the piece of a byte, <0x0A>, or -1 */
} att_unigram;

/* The best way to the places of a word; grows to the longest word and may be used again. */
typedef struct att_unigram_scratch {
  struct att_way *ways;
  size_t capacity;
} att_unigram_scratch;

/* Appends the ids of a word (valid UTF-8): of all ways to make it of pieces the one with the highest sum of scores,
 * the first found of equals (Kudo 2018, section 3.2; Viterbi's algorithm). A character without a piece scores 10 less
 * than the worst one, as in SentencePiece. Time: bytes of the word x bytes of the longest piece. */
att_status att_unigram_encode(const att_unigram *model, const att_vocabulary *vocabulary, att_context *ctx,
                              att_unigram_scratch *scratch, att_text word, att_ids *ids);

#endif
