/*
 * Owns decoding of connectionist temporal classification: the likeliest token of each row, or the likeliest texts by
 * all their ways (prefix beam search; Hannun et al. 2014), which a decoder beside it may judge too.
 */
#ifndef ATT_DECODE_CTC_H
#define ATT_DECODE_CTC_H

#include "models/head.h"

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

/* What a recogniser (a model with a head of CTC) writes of one sound's features rows[frames, input_width]: by a beam of
 * 1 the likeliest token of each row; else the best text of a beam, which the decoder, where there is one, judges by its
 * part of the loss. *text: on the arena. */
att_status att_recognise(att_run *run, att_model *model, const float *rows, int64_t frames, int64_t beam,
                         att_ctc_text *text);
/* The logits of CTC over what the encoder makes of some sounds. */
att_status att_ctc_encode(att_run *run, att_model *model, const att_input *input, att_memory *memory,
                          att_tensor *logits);

#endif
