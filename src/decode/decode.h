/*
 * Owns decoding: sessions with their cache, greedy, beam search, sampling, scoring, batching of lines. The manner of
 * searching is that of Hugging Face's generate() (docs/DECODING.md), so that outputs can be compared one for one.
 */
#ifndef ATT_DECODE_DECODE_H
#define ATT_DECODE_DECODE_H

#include "decode/hypotheses.h"

typedef struct att_outputs {
  const att_output *best; /* [count], best first */
  int64_t count;
} att_outputs;

/* What is impossible in the options, in words, or NULL. */
const char *att_decode_options_wrong(const att_decode_options *options);
/* The search that options, in which nothing of that is impossible, ask for; what is the source's own (its tokens, the
 * key) is the caller's to add. settings: the plan's. ATT_ARGUMENT where an option is out of its range. */
att_status att_decode_plan(const att_model *model, const att_decode_options *options, att_generation *settings,
                           att_search_plan *plan);
/* What a decoder behind an encoder begins with, as generate() takes it; config.json's, where that would have none. */
int32_t att_decoder_start(const att_model *model);

/* Decodes a batch of sources (end token in, each 1..max_position_embeddings long). outputs: [sources.count], the
 * caller's; what they point to is on `arena`, which is also used for the work. line_keys[i] (sampling): what the i-th
 * source draws with, so that results do not depend on batches. */
att_status att_decode_sources(att_session *session, att_arena *arena, const int32_t *ids, att_sequences sources,
                              const uint64_t *line_keys, const att_decode_options *options, att_outputs *outputs);
/* The same in a session of its own. */
att_status att_decode_batch(att_model *model, att_arena *arena, const int32_t *ids, att_sequences sources,
                            const uint64_t *line_keys, const att_decode_options *options, att_outputs *outputs);

/* logprob[i] of targets (labels) given sources, in one batch. */
att_status att_score_batch(att_model *model, att_arena *arena, const att_batch *pairs, double *logprobs);

/* The sum of log p of ids[1 .. count) given those before, in windows of max_position_embeddings tokens (`stride` of
 * them new, 1 <= stride < max_position_embeddings; the first window's all but its first). Windows that fit together are
 * one batch. */
att_status att_score_windows(att_model *model, att_arena *arena, const int32_t *ids, int64_t count, int64_t stride,
                             double *logprob);

#endif
