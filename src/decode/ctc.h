/*
 * Owns decoding of connectionist temporal classification: the likeliest token of each row, or the likeliest texts by
 * all their ways (prefix beam search; Hannun et al. 2014). Refuses to know of models: recognise.h does.
 */
#ifndef ATT_DECODE_CTC_H
#define ATT_DECODE_CTC_H

#include "tensor/ops.h"

/* The likeliest token of each row, repeats once, blanks left out: appended to ids[*count ..), room for `rows`. */
void att_ctc_greedy(const att_tensor *logits, int64_t first, int64_t rows, int32_t blank, int32_t *ids, int64_t *count);

/* A text, and the logarithm of its probability by all its ways that the search has seen. */
typedef struct att_ctc_text {
  const int32_t *ids; /* [count], on the arena */
  int64_t count;
  double logprob;
} att_ctc_text;

/* The `beam` likeliest texts of rows [first, first + rows), best first: texts[beam], *count of them. */
att_status att_ctc_beam(att_arena *arena, const att_tensor *logits, int64_t first, int64_t rows, int32_t blank,
                        int64_t beam, att_ctc_text *texts, int64_t *count);

#endif
