/*
 * Owns the learning of a Unigram model's pieces from counted words (Kudo 2018), as the trainer of SentencePiece 0.2.3
 * has it: seeds are all substrings that come more than once and in front of different characters, EM gives them
 * probabilities, and those whose loss costs least go, until few enough are left. Knows words and pieces; refuses to
 * know files.
 */
#ifndef ATT_TEXT_UNIGRAM_TRAINING_H
#define ATT_TEXT_UNIGRAM_TRAINING_H

#include "text/byte_pair.h"

/* A piece in the order of scores. */
typedef struct att_learnt_piece {
  char spelling[68]; /* ends in NUL: at most 16 characters */
  double score;      /* log-probability */
} att_learnt_piece;

/* words: each begins with the character that stands for a space; the last of a line has a NUL behind it (SentencePiece
 * tells what stands before the end of a line from what stands before a space). most: pieces wanted. vocab: with the
 * special tokens, as SentencePiece counts vocab_size. The characters that make up `coverage` of all are pieces always;
 * the rarer ones are in none. *pieces: [*count], att_free. progress gets 0.5..1. */
att_status att_unigram_learn(att_context *ctx, const att_words *words, size_t most, size_t vocab, double coverage,
                             int (*progress)(void *user, double done), void *user, att_learnt_piece **pieces,
                             size_t *count);

#endif
