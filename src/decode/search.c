/*
 * Owns the search: which hypotheses go on, which are finished, when a source is done. One loop serves all manners: beam
 * search is one group of hypotheses a source; greedy search is a beam of one, which its first end ends; sampling is as
 * many such groups as samples are wanted, with drawn tokens. The rules are those of generate() in Hugging Face
 * Transformers (docs/DECODING.md). Groups that are done leave the batch.
 */
#include "base/random.h"
#include "decode/candidates.h"
#include "decode/session.h"
#include "decode/stops.h"

#include <math.h>
#include <string.h>

#define ATT_MOST_END_TIMES 16 /* end tokens that candidates are taken for */

typedef struct finished {
  double score, logprob;
  int32_t row, token; /* the cache row that its last token was chosen after, and that token */
  int64_t count;
} finished;

typedef struct group {
  uint64_t key;      /* what a sample draws with */
  int64_t running;   /* hypotheses, which stand one after another in the session; 0: done */
  int64_t done;      /* finished ones, best first */
  finished *results; /* [beam] */
} group;

typedef struct candidate {
  double logprob;
  int32_t parent, token; /* parent: place among the session's running hypotheses */
} candidate;

typedef struct search {
  att_session *session;
  const att_decode_options *options;
  att_generation settings; /* the folder's and the options' */
  att_processors processors;
  int width;      /* choices wanted of a row */
  int64_t length; /* tokens of a hypothesis after this step */
  int64_t group_count;
  group *groups;
  /* running hypotheses: */
  int64_t running;
  att_next *next;        /* [most] */
  double *logprobs;      /* [most] of the running ones */
  double *new_logprobs;  /* [most] of the next ones */
  double *uniform;       /* [most] */
  att_choice *choices;   /* [most, width] */
  int32_t *counts;       /* [most] choices */
  int32_t *taken;        /* [most] choices that are among a group's candidates */
  candidate *candidates; /* [width] of one group */
  int32_t *tokens;       /* [most_steps] of one hypothesis: where there are stop texts */
  att_buffer text;       /* of it */
} search;

/* The best continuations of a group, so many that `beam` go on even where as many end as there are end tokens: its
 * hypotheses' choices, each sorted, are merged. */
static int64_t merge_choices(search *s, const group *g, int64_t first) {
  int64_t count = 0, wanted = s->width;
  for (int64_t i = 0; i < g->running; i++) s->taken[i] = 0;
  for (; count < wanted; count++) {
    int64_t best = -1;
    double most = -INFINITY;
    for (int64_t i = 0; i < g->running; i++) {
      if (s->taken[i] == s->counts[first + i]) continue;
      double logprob = s->logprobs[first + i] + s->choices[(first + i) * wanted + s->taken[i]].logprob;
      if (best < 0 || logprob > most) {
        best = i;
        most = logprob;
      }
    }
    if (best < 0) break;
    int32_t token = s->choices[(first + best) * wanted + s->taken[best]++].token;
    s->candidates[count] = (candidate){most, (int32_t)(first + best), token};
  }
  return count;
}

/* A finished hypothesis takes its place among the group's best, or is forgotten. */
static void finish(const search *s, group *g, const candidate *c) {
  int64_t beam = s->options->beam;
  double score = c->logprob / pow((double)s->length, s->options->length_penalty);
  if (g->done == beam && score <= g->results[beam - 1].score) return;
  int64_t at = g->done < beam ? g->done++ : beam - 1;
  for (; at > 0 && g->results[at - 1].score < score; at--) g->results[at] = g->results[at - 1];
  int64_t row = s->session->rows - s->session->running + c->parent;
  g->results[at] = (finished){score, c->logprob, (int32_t)row, c->token, s->length};
}

/* A group is done when it is full and stops early, or when its best running hypothesis, scored as if it ended now (or
 * as late as it can), would not be among the full beam. */
static bool is_done(const search *s, const group *g, double best_running) {
  if (g->done < s->options->beam) return false;
  if (s->options->early_stopping == ATT_EARLY_STOPPING_ON) return true;
  bool never = s->options->early_stopping == ATT_EARLY_STOPPING_NEVER && s->options->length_penalty > 0;
  int64_t length = never ? s->session->most_steps : s->length;
  return best_running / pow((double)length, s->options->length_penalty) <= g->results[g->done - 1].score;
}

/* Whether a candidate ends: at its longest, with an end token, or where a stop text is complete. */
static att_status ends(search *s, const candidate *c, bool *end) {
  const att_decode_options *o = s->options;
  *end = s->length == s->session->most_steps || att_generation_ends(&s->settings, c->token);
  if (*end || o->stop_count == 0) return ATT_OK;
  int64_t row = s->session->rows - s->session->running + c->parent;
  att_session_path(s->session, (int32_t)row, c->token, s->length, s->tokens, NULL);
  s->text.size = 0;
  ATT_TRY(att_tokenizer_decode(s->session->model->tokenizer, s->session->run.ctx, s->tokens, (size_t)s->length, false,
                               &s->text));
  *end = att_stop_find(o->stop, o->stop_count, (att_text){s->text.data, s->text.size}) < s->text.size;
  return ATT_OK;
}

/* One group's step: its candidates end or go on. Of those that end, only the ones among the first `beam` count. */
static att_status advance(search *s, group *g, int64_t first, int64_t *next_count) {
  int64_t beam = s->options->beam, count = merge_choices(s, g, first), running = 0;
  for (int64_t i = 0; i < count; i++) {
    const candidate *c = &s->candidates[i];
    bool end;
    ATT_TRY(ends(s, c, &end));
    if (end) {
      if (i < beam) finish(s, g, c);
    } else if (running < beam) {
      s->next[*next_count + running] = (att_next){c->parent, c->token};
      s->new_logprobs[*next_count + running++] = c->logprob;
    }
  }
  if (running && is_done(s, g, s->new_logprobs[*next_count])) running = 0;
  g->running = running;
  *next_count += running;
  return ATT_OK;
}

static att_status step(search *s) {
  att_context *ctx = s->session->run.ctx;
  if (ctx->interrupted) return att_fail(ctx, ATT_INTERRUPTED, "interrupted");
  att_sequence *sequences = NULL;
  float *logits;
  ATT_TRY(att_session_step(s->session, s->next, s->running, &logits));
  if (s->processors.count) ATT_TRY(att_session_sequences(s->session, &sequences));
  int64_t first = 0, next_count = 0;
  for (int64_t i = 0; i < s->group_count; i++) {
    const group *g = &s->groups[i];
    for (int64_t j = 0; j < g->running; j++) s->uniform[first++] = att_uniform(g->key, (uint64_t)s->length);
  }
  ATT_TRY(att_choose(ctx, s->session->run.arena, logits, s->running, s->width, &s->processors, sequences, s->uniform,
                     s->choices, s->counts));
  s->length++;
  first = 0;
  for (int64_t i = 0; i < s->group_count; i++) {
    group *g = &s->groups[i];
    int64_t running = g->running;
    if (running) ATT_TRY(advance(s, g, first, &next_count));
    first += running;
  }
  double *logprobs = s->logprobs;
  s->logprobs = s->new_logprobs;
  s->new_logprobs = logprobs;
  s->running = next_count;
  return ATT_OK;
}

static att_status make_arrays(search *s, att_arena *arena, int64_t most) {
  int64_t beam = s->options->beam;
  s->groups = ATT_ARENA_NEW(arena, s->group_count, group);
  s->next = ATT_ARENA_NEW(arena, most, att_next);
  s->logprobs = ATT_ARENA_NEW(arena, most, double);
  s->new_logprobs = ATT_ARENA_NEW(arena, most, double);
  s->uniform = ATT_ARENA_NEW(arena, most, double);
  s->choices = ATT_ARENA_NEW(arena, most * s->width, att_choice);
  s->counts = ATT_ARENA_NEW(arena, most, int32_t);
  s->taken = ATT_ARENA_NEW(arena, beam, int32_t);
  s->candidates = ATT_ARENA_NEW(arena, s->width, candidate);
  s->tokens = ATT_ARENA_NEW(arena, s->processors.most, int32_t);
  finished *results = ATT_ARENA_NEW(arena, s->group_count * beam, finished);
  if (!s->groups || !s->next || !s->logprobs || !s->new_logprobs || !s->uniform || !s->choices || !s->counts ||
      !s->taken || !s->candidates || !s->tokens || !results) {
    return ATT_MEMORY;
  }
  for (int64_t i = 0; i < s->group_count; i++) s->groups[i] = (group){.running = 1, .results = results + i * beam};
  return ATT_OK;
}

/* More candidates than hypotheses: of each row as many may be ends as there are end tokens. */
static att_status settle(search *s, att_model *model) {
  const att_decode_options *options = s->options;
  s->settings = model->generation;
  ATT_TRY(att_generation_take(model->ctx, ATT_OPTIONS_DECODE, options, &s->settings));
  s->settings.min_length = 0; /* min_tokens has it */
  int64_t ends = s->settings.ends.count < ATT_MOST_END_TIMES ? s->settings.ends.count : ATT_MOST_END_TIMES;
  s->width = options->beam == 1 ? 1 : options->beam * (ends > 1 ? 1 + (int)ends : 2);
  int64_t length = options->max_length;
  if (length > model->config.max_position_embeddings) length = model->config.max_position_embeddings;
  att_processors_make(&s->settings, model->config.vocab_size, 1, length + 1, &s->processors);
  return ATT_OK;
}

/* As generate() takes it; config.json's, where that would have none. */
static int32_t decoder_start(const att_model *model) {
  const att_generation *g = &model->generation;
  return g->decoder_start >= 0 ? g->decoder_start : g->bos >= 0 ? g->bos : model->config.decoder_start;
}

/* The first hypotheses: each group's start token, after its source. */
static att_status begin(search *s, att_model *model, att_arena *arena, const int32_t *ids, att_sequences sources,
                        const uint64_t *line_keys, int64_t samples) {
  const att_decode_options *options = s->options;
  int64_t most = s->group_count * options->beam;
  int32_t start = decoder_start(model);
  if (most > INT32_MAX) return att_fail(model->ctx, ATT_ARGUMENT, "too many hypotheses at once: use smaller batches");
  ATT_TRY(make_arrays(s, arena, most));
  for (int64_t i = 0; i < s->group_count; i++) {
    s->groups[i].key = line_keys ? att_key(line_keys[i / samples], (uint64_t)(i % samples)) : 0;
    s->next[i] = (att_next){(int32_t)(i / samples), start};
    s->logprobs[i] = 0.0;
  }
  s->running = s->group_count;
  att_session_plan plan = {.sources = {ids, NULL, sources},
                           .most = most,
                           .most_steps = s->processors.most - 1,
                           .alignment = options->alignment};
  return att_session_new(model, arena, &plan, &s->session);
}

static att_status give_output(const search *s, const finished *f, bool sampled, att_arena *arena, att_output *out) {
  bool aligned = s->session->row_alignment != NULL;
  int32_t *tokens = ATT_ARENA_NEW(arena, f->count, int32_t);
  int32_t *alignment = aligned ? ATT_ARENA_NEW(arena, f->count, int32_t) : NULL;
  if (!tokens || (aligned && !alignment)) return ATT_MEMORY;
  att_session_path(s->session, f->row, f->token, f->count, tokens, alignment);
  *out = (att_output){tokens, alignment, f->count, sampled ? f->logprob : f->score, f->logprob};
  return ATT_OK;
}

static att_status give_source(const search *s, const group *groups, int64_t samples, att_arena *arena,
                              att_outputs *outputs) {
  bool sampled = s->options->temperature > 0;
  int64_t count = sampled ? samples : s->options->nbest;
  if (!sampled && count > groups->done) count = groups->done;
  if (count < 1) return att_fail_no_token(s->session->run.ctx);
  att_output *best = ATT_ARENA_NEW(arena, count, att_output);
  if (!best) return ATT_MEMORY;
  *outputs = (att_outputs){best, count};
  for (int64_t i = 0; i < count; i++) {
    const finished *f = sampled ? groups[i].results : &groups->results[i];
    att_output output;
    ATT_TRY(give_output(s, f, sampled, arena, &output));
    int64_t at = i;
    for (; at > 0 && best[at - 1].score < output.score; at--) best[at] = best[at - 1];
    best[at] = output;
  }
  return ATT_OK;
}

void att_decode_options_init(const att_model *model, att_decode_options *options, size_t size) {
  const att_generation *g = &model->generation;
  int64_t positions = model->config.max_position_embeddings;
  int64_t length = g->max_new_tokens > 0 ? g->max_new_tokens : g->max_length > 1 ? g->max_length - 1 : positions;
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

att_status att_decode_batch(att_model *model, att_arena *arena, const int32_t *ids, att_sequences sources,
                            const uint64_t *line_keys, const att_decode_options *options, att_outputs *outputs) {
  if (sources.count == 0) return ATT_OK;
  int64_t samples = options->temperature > 0 ? options->nbest : 1;
  search s = {.options = options, .group_count = sources.count * samples};
  ATT_TRY(settle(&s, model));
  ATT_TRY(begin(&s, model, arena, ids, sources, line_keys, samples));
  att_status status = ATT_OK;
  while (s.running > 0 && !status) status = step(&s);
  att_buffer_free(model->ctx, &s.text);
  if (status) return status;
  for (int64_t i = 0; i < sources.count; i++) {
    ATT_TRY(give_source(&s, s.groups + i * samples, samples, arena, &outputs[i]));
  }
  return ATT_OK;
}
