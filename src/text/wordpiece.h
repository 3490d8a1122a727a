/*
 * Owns WordPiece: a word's way to ids by the longest match first. Its training is BPE's, in bpe.h. Refuses to know
 * files and special tokens.
 */
#ifndef ATT_TEXT_WORDPIECE_H
#define ATT_TEXT_WORDPIECE_H

#include "text/tokenizer.h"
#include "text/vocabulary.h"

/* Bytes of a token: bounds the work at each place of a word. */
#define ATT_LONGEST_PIECE 1000

typedef struct att_wordpiece {
  bool used;               /* the tokenizer's model is this one */
  char prefix[32];         /* of tokens that go on a word: "##" */
  int32_t unknown;         /* stands for a word that cannot be made of tokens */
  int64_t most_characters; /* a longer word is unknown */
} att_wordpiece;

/* Appends the ids of a word (valid UTF-8): from its start on always the longest token (Wu et al. 2016; BERT's
 * tokenization.py). */
att_status att_wordpiece_encode(const att_wordpiece *model, const att_vocabulary *vocabulary, att_context *ctx,
                                att_text word, att_ids *ids);

#endif
