/*
 * Owns what changes the scores of the next token before one is chosen: the logits processors of generate() in Hugging
 * Face Transformers, in its order. Greedy search and sampling give them logits, beam search log-probabilities. Refuses
 * to draw, and to know how sequences are kept.
 */
#ifndef ATT_DECODE_PROCESSORS_H
#define ATT_DECODE_PROCESSORS_H

#include "decode/grammar.h"
#include "models/generation.h"

/* What a processor sees of the sequence whose next token is chosen. All ids are in the vocabulary. */
typedef struct att_sequence {
  const int32_t *tokens; /* [count]: the prompt, or the decoder's start token, and what was generated */
  int64_t count;
  const int32_t *source; /* [source_count]: what the encoder read; of a decoder alone the prompt */
  int64_t source_count;
  int64_t gone;            /* tokens before `tokens`, which a window left behind */
  const uint64_t *allowed; /* with a grammar: att_grammar_allowed's, as is ends */
  bool ends;
} att_sequence;

typedef struct att_processors att_processors;
/* Changes scores[vocab]. scratch: [of the longer of tokens and source]. */
typedef void att_process_fn(const att_processors *p, const att_sequence *sequence, float *scores, float *scratch);

#define ATT_MOST_PROCESSORS 20

struct att_processors {
  const att_generation *settings; /* the folder's and the options' */
  int64_t vocab;
  int64_t begin;        /* tokens that each sequence has before the first that is generated */
  int64_t most;         /* and those at which it ends in any case */
  att_grammar *grammar; /* of what is generated, or NULL */
  att_process_fn *active[ATT_MOST_PROCESSORS];
  int count; /* 0: nothing is changed, and no sequences are needed */
};

void att_processors_make(const att_generation *settings, int64_t vocab, int64_t begin, int64_t most,
                         att_grammar *grammar, att_processors *out);
void att_process(const att_processors *p, const att_sequence *sequence, float *scores, float *scratch);
/* NaN becomes 0, infinities the largest numbers. */
void att_remove_invalid(float *scores, int64_t count);

#endif
