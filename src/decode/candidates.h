/*
 * Owns choosing tokens from a row of logits: the best ones, or one that is drawn. Knows no hypotheses.
 */
#ifndef ATT_DECODE_CANDIDATES_H
#define ATT_DECODE_CANDIDATES_H

#include "base/arena.h"

typedef struct att_choice {
  int32_t token;
  double logprob; /* the model's own: over the whole vocabulary, whatever the rules leave out; of several choices a row
                     with the penalty in it, as Transformers' beams */
} att_choice;

/* What may be chosen. */
typedef struct att_rules {
  int32_t banned; /* a token that is never chosen, or -1 */
  int32_t forced; /* the one token that is chosen, at log-probability 0, or -1 */
  int width;      /* choices wanted of a row */
  /* drawing: one token a row; temperature 0: the best `width` are taken */
  double temperature, top_p, min_p;
  int top_k;
  /* Tokens that were there become less likely (Keskar et al. 2019, section 4.1, with Hugging Face's division or
   * multiplication by sign): one choice a row: their logits; several: their log-probabilities. 1: no penalty */
  double repetition_penalty;
  const int32_t *seen; /* [rows, seen_count]: each in [0, vocab); only with a penalty */
  int64_t seen_count;
} att_rules;

/* What is impossible in the rules for drawing and the penalty, in words, or NULL. */
const char *att_rules_wrong(const att_rules *rules);

/* choices[rows, width], best first, and how many there are of each row (fewer where the vocabulary is small). logits
 * [rows, vocab] may be changed. uniform[rows]: what each row draws with, in [0, 1). ATT_NUMERIC where a row holds NaN
 * or +infinity. */
att_status att_choose(att_context *ctx, att_arena *arena, float *logits, int64_t rows, int64_t vocab,
                      const att_rules *rules, const double *uniform, att_choice *choices, int32_t *counts);

/* Draws one token from logits[n] as Hugging Face does: the logits are divided by the temperature; then all but the
 * top_k largest are left out (0: none is; equals of the last one stay); then the least probable, as long as the others
 * keep at least top_p of the mass (Holtzman et al. 2020); then those below min_p of the most probable (Nguyen et al.
 * 2024). weights and order: [n], scratch. */
int32_t att_draw(const float *logits, int64_t n, const att_rules *rules, double uniform, float *weights,
                 int32_t *order);

#endif
