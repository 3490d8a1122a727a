/*
 * Owns choosing tokens from a row of logits: the best ones, or one that is drawn, once the processors have changed it.
 * Knows no hypotheses.
 */
#ifndef ATT_DECODE_CANDIDATES_H
#define ATT_DECODE_CANDIDATES_H

#include "decode/processors.h"

#define ATT_MOST_LIKELIEST 20

typedef struct att_choice {
  int32_t token;
  double logprob; /* the model's own: over the whole vocabulary, whatever processors did; of several choices a row what
                     they made of it, as in Transformers' beams */
} att_choice;

/* choices[rows, width], best first, and how many there are of each row: fewer where the vocabulary is small, or where
 * processors leave fewer, and none where they leave none. With a temperature one of each row is drawn; width is then 1.
 * logits [rows, vocab] are changed. sequences: [rows], or NULL where there is no processor. uniform[rows]: what each
 * row draws with, in [0, 1). ATT_NUMERIC where a row holds NaN or +infinity, unless remove_invalid_values is set. */
att_status att_choose(att_context *ctx, att_arena *arena, float *logits, int64_t rows, int width,
                      const att_processors *processors, const att_sequence *sequences, const double *uniform,
                      att_choice *choices, int32_t *counts);

/* The `most` likeliest of a row's n logits with their log-probabilities; -1 where there are no more. */
void att_likeliest(const float *logits, int64_t n, int most, att_token_logprob *out);

/* For who has nothing to go on with: ATT_ARGUMENT. */
att_status att_fail_no_token(att_context *ctx);

/* What drawing needs beside the row: [n] each; keys with a typical_p below 1 only. */
typedef struct att_draw_scratch {
  float *weights, *keys;
  int32_t *order;
} att_draw_scratch;

/* Draws one token from logits[n] as Hugging Face does, or -1 where all are -infinity. The logits are divided by the
 * temperature; then top_h, top_k, top_p, min_p, typical_p, epsilon_cutoff and eta_cutoff each leave out a part of what
 * the ones before it left (sample.c says which). */
int32_t att_draw(const float *logits, int64_t n, const att_generation *settings, double uniform,
                 const att_draw_scratch *scratch);

#endif
