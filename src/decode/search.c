/*
 * Owns the options of translating: their defaults, what is impossible in them, the search that they ask for; and the
 * decoding of a batch of sources, whose searches go step by step together. A search that is over leaves the batch.
 */
#include "decode/decode.h"
#include "decode/stops.h"
#include "models/languages.h"

#include <math.h>
#include <string.h>

/* Tokens of a translation where neither the folder nor the model's positions say less. */
#define ATT_USUAL_LENGTH ((int64_t)1 << 12)

void att_decode_options_init(const att_model *model, att_decode_options *options, size_t size) {
  const att_generation *g = &model->generation;
  int64_t positions = model->config.max_position_embeddings;
  int64_t usual = positions < ATT_USUAL_LENGTH ? positions : ATT_USUAL_LENGTH;
  int64_t length = g->max_new_tokens > 0 ? g->max_new_tokens : g->max_length > 1 ? g->max_length - 1 : usual;
  bool drawn = g->do_sample && g->num_beams == 1;
  int beam = g->num_beams < ATT_WIDEST_BEAM ? g->num_beams : ATT_WIDEST_BEAM, most = drawn ? ATT_WIDEST_BEAM : beam;
  att_decode_options own = {.size = size,
                            .beam = beam,
                            .nbest = g->num_return_sequences < most ? g->num_return_sequences : most,
                            .max_length = (int)(length < positions ? length : positions),
                            .batch_tokens = 2048,
                            .seed = 1,
                            .stop = g->stop_strings,
                            .stop_count = g->stop_string_count};
  att_generation_give(g, ATT_OPTIONS_DECODE, &own);
  if (!drawn) own.temperature = 0;
  if (g->min_new_tokens == 0 && g->min_length > 1) own.min_tokens = g->min_length - 1; /* without the start token */
  att_give_struct(&own, sizeof own, options, size);
}

const char *att_decode_options_wrong(const att_decode_options *o) {
  bool sampling = o->temperature > 0;
  const char *wrong = att_stops_wrong(o->stop, o->stop_count);
  if (o->beam < 1 || o->beam > ATT_WIDEST_BEAM) wrong = "beam must be 1 to 64";
  if (sampling && o->beam != 1) wrong = "sampling (temperature above 0) goes with beam 1 only";
  if (o->nbest < 1 || o->nbest > ATT_WIDEST_BEAM) wrong = "nbest must be 1 to 64";
  if (!sampling && o->nbest > o->beam) wrong = "nbest must be at most beam";
  if (!isfinite(o->length_penalty)) wrong = "length_penalty must be a number";
  if (o->max_length < 1) wrong = "max_length must be at least 1";
  if (o->batch_tokens < 1) wrong = "batch_tokens must be at least 1";
  return wrong;
}

int32_t att_decoder_start(const att_model *model) {
  const att_generation *g = &model->generation;
  return g->decoder_start >= 0 ? g->decoder_start : g->bos >= 0 ? g->bos : model->config.decoder_start;
}

att_status att_decode_plan(const att_model *model, const att_decode_options *options, att_generation *settings,
                           att_search_plan *plan) {
  bool sampling = options->temperature > 0;
  int64_t most = options->max_length, positions = model->config.max_position_embeddings;
  *settings = model->generation;
  ATT_TRY(att_generation_take(model->ctx, ATT_OPTIONS_DECODE, options, settings));
  settings->min_length = 0; /* min_tokens has it */
  *plan = (att_search_plan){.beam = options->beam,
                            .samples = sampling ? options->nbest : 1,
                            .most = most < positions ? most : positions,
                            .at_most = ATT_FINISH_LENGTH,
                            .length_penalty = sampling ? 0 : options->length_penalty, /* a sample's score is its own */
                            .early_stopping = options->early_stopping,
                            .alignment = options->alignment,
                            .settings = settings,
                            .stop = options->stop,
                            .stop_count = options->stop_count};
  return ATT_OK;
}

/* ---- a batch -------------------------------------------------------------------------------------------------- */

static att_status copy_outputs(const att_search *s, const att_decode_options *options, att_arena *arena,
                               att_outputs *outputs) {
  int64_t count = s->result_count < options->nbest ? s->result_count : options->nbest;
  if (count < 1) return att_fail_no_token(att_session_model(s->session)->ctx);
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

/* How a translation into a language begins: its token follows the start token (nllb, m2m_100, mbart-50), or is it,
 * where the folder has a language or nothing there (mbart). language: where the token stays while the search does. */
static att_status begin_language(const att_model *model, const char *name, int32_t *language, att_generation *settings,
                                 int32_t *start) {
  if (!name) return ATT_OK;
  ATT_TRY(att_language_find(model, name, language));
  bool begins = *start < 0 || att_is_language(model, *start);
  settings->forced_bos = begins ? (att_token_list){0} : (att_token_list){language, 1};
  if (begins) *start = *language;
  return ATT_OK;
}

/* One search a source; searches: [sources.count], zeroed. start: what decoders begin with. */
static att_status begin(att_session *session, att_arena *arena, const int32_t *ids, att_sequences sources,
                        const uint64_t *line_keys, att_search_plan *plan, int32_t start, att_search *searches) {
  att_input input = {.ids = ids, .sequences = sources};
  int32_t *sequences = ATT_ARENA_NEW(arena, sources.count, int32_t);
  if (!sequences) return ATT_MEMORY;
  ATT_TRY(att_session_add_sources(session, arena, &input, sequences));
  att_status status = ATT_OK;
  for (int64_t i = 0; i < sources.count; i++) {
    plan->key = line_keys ? line_keys[i] : 0;
    plan->source = ids + sources.start[i];
    plan->source_count = sources.start[i + 1] - sources.start[i];
    if (status) att_session_drop(session, sequences[i]);
    if (!status) status = att_search_begin(&searches[i], session, plan, sequences[i], start);
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
    for (int64_t i = 0; i < left; i++)
      if (running[i]->stuck) return att_fail_no_token(att_session_model(session)->ctx);
  }
  return ATT_OK;
}

att_status att_decode_sources(att_session *session, att_arena *arena, const int32_t *ids, att_sequences sources,
                              const uint64_t *line_keys, const att_decode_options *options, att_outputs *outputs) {
  att_generation settings;
  att_search_plan plan;
  const att_model *model = att_session_model(session);
  int32_t start = att_decoder_start(model), language;
  if (sources.count == 0) return ATT_OK;
  ATT_TRY(att_decode_plan(model, options, &settings, &plan));
  ATT_TRY(begin_language(model, options->target_language, &language, &settings, &start));
  att_search *searches = ATT_ARENA_NEW(arena, sources.count, att_search);
  if (!searches) return ATT_MEMORY;
  memset(searches, 0, (size_t)sources.count * sizeof *searches);
  att_status status = begin(session, arena, ids, sources, line_keys, &plan, start, searches);
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
