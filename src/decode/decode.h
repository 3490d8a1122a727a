/*
 * Owns decoding: sessions with their cache, greedy, beam search, sampling, scoring, batching of lines. The manner of
 * searching is that of Hugging Face's generate() (docs/DECODING.md), so that outputs can be compared one for one.
 */
#ifndef ATT_DECODE_DECODE_H
#define ATT_DECODE_DECODE_H

#include "models/pass.h"

/* One finished output; tokens on the caller's arena, end token included where it was reached. */
typedef struct att_output {
  const int32_t *tokens;
  const int32_t *alignment; /* or NULL */
  int64_t count;
  double score, logprob;
} att_output;

typedef struct att_outputs {
  const att_output *best; /* [count], best first */
  int64_t count;
} att_outputs;

/* Decodes a batch of sources (end token in, each 1..max_position_embeddings long). outputs: [sources.count], the
 * caller's; what they point to is on `arena`, which is also used for the work. line_keys[i] (sampling): what the i-th
 * source draws with, so that results do not depend on batches. */
att_status att_decode_batch(att_model *model, att_arena *arena, const int32_t *ids, att_sequences sources,
                            const uint64_t *line_keys, const att_decode_options *options, att_outputs *outputs);

/* What the caller does with a sample's next token, whose log-probability is the model's own; *ended: the sample has no
 * more. */
typedef att_status att_token_fn(void *user, int64_t sample, int32_t token, double logprob, bool *ended);

/* Goes on from a prompt (count >= 1 tokens) with options->samples samples side by side, each of at most `most` tokens,
 * count + most <= max_position_embeddings + 1. Sample i draws with att_key(key, i). All memory is on the arena. */
att_status att_continue(att_model *model, att_arena *arena, const int32_t *prompt, int64_t count, int64_t most,
                        const att_generate_options *options, uint64_t key, att_token_fn *give, void *user);

/* logprob[i] of targets (labels) given sources, in one batch. */
att_status att_score_batch(att_model *model, att_arena *arena, const att_batch *pairs, double *logprobs);

/* The sum of log p of ids[1 .. count) given those before, in windows of max_position_embeddings tokens (`stride` of
 * them new, 1 <= stride < max_position_embeddings; the first window's all but its first). Windows that fit together are
 * one batch. */
att_status att_score_windows(att_model *model, att_arena *arena, const int32_t *ids, int64_t count, int64_t stride,
                             double *logprob);

#endif
