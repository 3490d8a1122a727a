/*
 * Owns decoding: sessions with their cache, greedy, beam search, sampling, scoring, batching of lines. The manner of
 * searching is that of Hugging Face's generate() (docs/DECODING.md), so that outputs can be compared one for one.
 */
#ifndef ATT_DECODE_DECODE_H
#define ATT_DECODE_DECODE_H

#include "models/model.h"

/* One finished output; tokens on the caller's arena, end mark included where it was reached. */
typedef struct att_output {
  const int32_t *tokens;
  const int32_t *look; /* or NULL */
  int64_t count;
  double score, logprob;
} att_output;

typedef struct att_outputs {
  const att_output *best; /* [count], best first */
  int64_t count;
} att_outputs;

/* Decodes a batch of sources (end mark in, each 1..max_position_embeddings long). outputs: [sources.count], the
 * caller's; what they point to is on `arena`, which is also used for the work. line_keys[i] (sampling): what the i-th
 * source draws with, so that results do not depend on batches. */
att_status att_decode_batch(att_model *model, att_arena *arena, const int32_t *ids, att_sequences sources,
                            const uint64_t *line_keys, const att_decode_options *options, att_outputs *outputs);

/* att_translate and att_score_pairs of attend.h live in src/api, over this and att_decode_batch: */
/* logprob[i] of targets (labels) given sources, in one batch. */
att_status att_score_batch(att_model *model, att_arena *arena, const att_batch *pairs, double *logprobs);

#endif
