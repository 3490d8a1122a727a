/*
 * Owns the options of translating: their defaults, what is impossible in them, the search that they ask for; and the
 * decoding of a batch of sources, whose searches go step by step together. A search that is over leaves the batch.
 */
#include "base/random.h"
#include "decode/decode.h"

#include <math.h>
#include <string.h>

static att_rules rules_of(const att_config *config, const att_decode_options *options) {
  bool ban = config->family == ATT_MARIAN && config->pad != config->eos;
  return (att_rules){.banned = ban ? config->pad : -1,
                     .width = options->beam == 1 ? 1 : 2 * options->beam,
                     .temperature = options->temperature,
                     .top_k = options->top_k,
                     .top_p = options->top_p,
                     .min_p = options->min_p,
                     .repetition_penalty = options->repetition_penalty};
}

void att_decode_options_default(const att_model *model, att_decode_options *options) {
  const att_config *config = &model->config;
  int64_t length = config->max_length > 1 ? config->max_length - 1 : config->max_position_embeddings;
  if (length > config->max_position_embeddings) length = config->max_position_embeddings;
  *options = (att_decode_options){.beam = config->num_beams < 1                 ? 1
                                          : config->num_beams > ATT_WIDEST_BEAM ? ATT_WIDEST_BEAM
                                                                                : config->num_beams,
                                  .length_penalty = config->length_penalty,
                                  .early_stopping = config->early_stopping,
                                  .nbest = 1,
                                  .max_length = (int)length,
                                  .batch_tokens = 2048,
                                  .top_p = 1.0,
                                  .repetition_penalty = config->repetition_penalty > 0 ? config->repetition_penalty : 1,
                                  .seed = 1};
}

const char *att_decode_options_wrong(const att_decode_options *o) {
  bool sampling = o->temperature > 0;
  att_rules rules = {.temperature = o->temperature,
                     .top_k = o->top_k,
                     .top_p = o->top_p,
                     .min_p = o->min_p,
                     .repetition_penalty = o->repetition_penalty};
  const char *wrong = att_rules_wrong(&rules);
  if (o->beam < 1 || o->beam > ATT_WIDEST_BEAM) wrong = "beam must be 1 to 64";
  if (sampling && o->beam != 1) wrong = "sampling (temperature above 0) goes with beam 1 only";
  if (o->nbest < 1 || o->nbest > ATT_WIDEST_BEAM) wrong = "nbest must be 1 to 64";
  if (!sampling && o->nbest > o->beam) wrong = "nbest must be at most beam";
  if (!isfinite(o->length_penalty)) wrong = "length_penalty must be a number";
  if (o->max_length < 1) wrong = "max_length must be at least 1";
  if (o->batch_tokens < 1) wrong = "batch_tokens must be at least 1";
  return wrong;
}

void att_decode_plan(const att_model *model, const att_decode_options *options, uint64_t key, att_search_plan *plan) {
  const att_config *config = &model->config;
  bool sampling = options->temperature > 0;
  int64_t most = options->max_length, positions = config->max_position_embeddings;
  *plan = (att_search_plan){.beam = options->beam,
                            .samples = sampling ? options->nbest : 1,
                            .most = most < positions ? most : positions,
                            .at_most = ATT_FINISH_LENGTH,
                            .length_penalty = sampling ? 0 : options->length_penalty, /* a sample's score is its own */
                            .early_stopping = options->early_stopping,
                            .alignment = options->alignment,
                            .key = key,
                            .rules = rules_of(config, options),
                            .forced = config->forced_bos};
}

/* ---- a batch -------------------------------------------------------------------------------------------------- */

static att_status copy_outputs(const att_search *s, const att_decode_options *options, att_arena *arena,
                               att_outputs *outputs) {
  int64_t count = s->result_count < options->nbest ? s->result_count : options->nbest;
  att_output *best = ATT_ARENA_NEW(arena, count, att_output);
  if (!best) return ATT_MEMORY;
  *outputs = (att_outputs){best, count};
  for (int64_t i = 0; i < count; i++) {
    int64_t size = (int64_t)(s->results[i].alignment ? 2 : 1) * s->results[i].count;
    int32_t *tokens = ATT_ARENA_NEW(arena, size, int32_t);
    if (!tokens) return ATT_MEMORY;
    memcpy(tokens, s->results[i].tokens, (size_t)size * sizeof *tokens); /* its alignment stands behind */
    best[i] = s->results[i];
    best[i].tokens = tokens;
    if (best[i].alignment) best[i].alignment = tokens + best[i].count;
  }
  return ATT_OK;
}

/* One search a source; searches: [sources.count], zeroed. */
static att_status begin(att_session *session, att_arena *arena, const int32_t *ids, att_sequences sources,
                        const uint64_t *line_keys, const att_decode_options *options, att_search *searches) {
  const att_model *model = att_session_model(session);
  att_input input = {ids, NULL, sources};
  att_search_plan plan;
  int32_t *sequences = ATT_ARENA_NEW(arena, sources.count, int32_t);
  if (!sequences) return ATT_MEMORY;
  ATT_TRY(att_session_add_sources(session, arena, &input, sequences));
  att_status status = ATT_OK;
  for (int64_t i = 0; i < sources.count; i++) {
    att_decode_plan(model, options, line_keys ? line_keys[i] : 0, &plan);
    if (status) att_session_drop(session, sequences[i]);
    if (!status) status = att_search_begin(&searches[i], session, &plan, sequences[i], model->config.decoder_start);
  }
  return status;
}

static att_status run_searches(att_session *session, att_arena *arena, att_search *searches, int64_t count) {
  att_search **running = ATT_ARENA_NEW(arena, count, att_search *);
  if (!running) return ATT_MEMORY;
  for (int64_t left = 1; left;) {
    left = 0;
    for (int64_t i = 0; i < count; i++)
      if (searches[i].running) running[left++] = &searches[i];
    if (left) ATT_TRY(att_searches_step(session, arena, running, left));
  }
  return ATT_OK;
}

att_status att_decode_sources(att_session *session, att_arena *arena, const int32_t *ids, att_sequences sources,
                              const uint64_t *line_keys, const att_decode_options *options, att_outputs *outputs) {
  if (sources.count == 0) return ATT_OK;
  att_search *searches = ATT_ARENA_NEW(arena, sources.count, att_search);
  if (!searches) return ATT_MEMORY;
  memset(searches, 0, (size_t)sources.count * sizeof *searches);
  att_status status = begin(session, arena, ids, sources, line_keys, options, searches);
  if (!status) status = run_searches(session, arena, searches, sources.count);
  for (int64_t i = 0; i < sources.count; i++) {
    if (!status) status = copy_outputs(&searches[i], options, arena, &outputs[i]);
    att_search_end(&searches[i]);
  }
  return status;
}

att_status att_decode_batch(att_model *model, att_arena *arena, const int32_t *ids, att_sequences sources,
                            const uint64_t *line_keys, const att_decode_options *options, att_outputs *outputs) {
  att_session *session;
  ATT_TRY(att_session_new(model, 0, &session));
  att_status status = att_decode_sources(session, arena, ids, sources, line_keys, options, outputs);
  att_session_free(session);
  return status;
}
