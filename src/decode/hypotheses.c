/* Owns the step of many searches, and what a beam and its finished hypotheses become. See hypotheses.h. */
#include "decode/hypotheses.h"

#include "base/random.h"
#include "decode/stops.h"

#include <math.h>
#include <string.h>

#define ATT_MOST_END_TIMES 16 /* end tokens that candidates are taken for */

static att_context *context_of(const att_search *s) { return att_session_model(s->session)->ctx; }

static int64_t most_hypotheses(const att_search_plan *plan) { return plan->beam > 1 ? plan->beam : plan->samples; }

/* ---- beginning and ending ------------------------------------------------------------------------------------- */

/* Of a beam more candidates than hypotheses: of each as many may be ends as there are end tokens. */
static int width_of(const att_search_plan *plan) {
  int64_t ends = plan->settings->ends.count < ATT_MOST_END_TIMES ? plan->settings->ends.count : ATT_MOST_END_TIMES;
  return plan->beam == 1 ? 1 : (int)plan->beam * (ends > 1 ? 1 + (int)ends : 2);
}

att_status att_search_begin(att_search *s, att_session *session, const att_search_plan *plan, int32_t sequence,
                            int32_t token) {
  int64_t begin = att_session_length(session, sequence) + 1, vocab = att_session_model(session)->config.vocab_size;
  *s = (att_search){.plan = *plan, .session = session, .width = width_of(plan)};
  att_processors_make(plan->settings, vocab, begin, begin + plan->most, plan->grammar, &s->processors);
  if (plan->alignment) s->plan.alignment = att_session_align(session);
  att_context *ctx = context_of(s);
  int64_t most = most_hypotheses(plan), count = plan->beam > 1 ? 1 : plan->samples;
  s->hypotheses = ATT_NEW(ctx, most, att_running);
  s->next = ATT_NEW(ctx, most, att_running);
  s->results = ATT_NEW(ctx, most, att_output);
  s->top = plan->top ? ATT_NEW(ctx, most * plan->top, att_token_logprob) : NULL;
  if (!s->hypotheses || !s->next || !s->results || (plan->top && !s->top)) {
    att_session_drop(session, sequence);
    return ATT_MEMORY;
  }
  s->hypotheses[s->running++] = (att_running){.sequence = sequence, .token = token};
  bool drafts = most == 1 && att_session_reads_ahead(session) && (plan->draft.lookup || plan->draft.model);
  if (drafts) {
    s->draft = ATT_NEW(ctx, 1, att_draft);
    if (!s->draft) return ATT_MEMORY;
    ATT_TRY(att_draft_begin(s->draft, &plan->draft));
  }
  while (s->running < count) {
    int32_t fork;
    ATT_TRY(att_session_fork(session, sequence, att_session_length(session, sequence), &fork));
    s->hypotheses[s->running] = (att_running){.sequence = fork, .token = token, .number = (int32_t)s->running};
    s->running++;
  }
  return ATT_OK;
}

void att_search_end(att_search *s) {
  if (!s->session) return;
  att_context *ctx = context_of(s);
  for (int64_t i = 0; i < s->running; i++) att_session_drop(s->session, s->hypotheses[i].sequence);
  for (int64_t i = 0; i < s->result_count; i++) att_free(ctx, (void *)s->results[i].tokens);
  att_free(ctx, s->hypotheses);
  att_free(ctx, s->next);
  att_free(ctx, s->results);
  att_free(ctx, s->top);
  att_buffer_free(ctx, &s->text);
  if (s->draft) att_draft_free(s->draft);
  att_free(ctx, s->draft);
  *s = (att_search){0};
}

/* ---- results -------------------------------------------------------------------------------------------------- */

/* A hypothesis with its new token: tokens [s->length]. */
static void get_path(const att_search *s, const att_running *h, int32_t *tokens) {
  int64_t before = s->length - 1, rows = att_session_length(s->session, h->sequence);
  att_session_tokens(s->session, h->sequence, rows - before, before, tokens);
  tokens[before] = h->token;
}

/* Tokens and alignment, in one block. */
static att_status copy_path(const att_search *s, const att_running *h, att_output *out) {
  int64_t count = s->length, rows = att_session_length(s->session, h->sequence);
  int32_t *tokens = ATT_NEW(context_of(s), s->plan.alignment ? 2 * count : count, int32_t);
  if (!tokens) return ATT_MEMORY;
  get_path(s, h, tokens);
  if (s->plan.alignment) att_session_alignment(s->session, h->sequence, rows - count, count, tokens + count);
  out->tokens = tokens;
  out->alignment = s->plan.alignment ? tokens + count : NULL;
  return ATT_OK;
}

/* A finished hypothesis takes its place among the best, or is forgotten. */
static att_status keep_result(att_search *s, const att_running *h) {
  int64_t most = most_hypotheses(&s->plan);
  double score = h->logprob / pow((double)s->length, s->plan.length_penalty);
  if (s->result_count == most && score <= s->results[most - 1].score) return ATT_OK;
  att_output output = {.count = s->length, .score = score, .logprob = h->logprob};
  ATT_TRY(copy_path(s, h, &output));
  if (s->result_count == most) att_free(context_of(s), (void *)s->results[--s->result_count].tokens);
  int64_t at = s->result_count++;
  for (; at > 0 && s->results[at - 1].score < score; at--) s->results[at] = s->results[at - 1];
  s->results[at] = output;
  return ATT_OK;
}

/* ---- who goes on ---------------------------------------------------------------------------------------------- */

static bool any_on(const att_running *hypotheses, int64_t count, int32_t sequence) {
  for (int64_t i = 0; i < count; i++)
    if (hypotheses[i].sequence == sequence) return true;
  return false;
}

/* Of those that go on, each on its parent's sequence, the first takes that over, and the others fork it. Sequences that
 * none goes on from are dropped. Where a fork fails, the others are given back. */
static att_status follow(att_search *s, int64_t count) {
  att_running *next = s->next;
  int64_t left = 0;
  for (int64_t i = 0; i < s->running; i++) {
    bool stays = any_on(next, count, s->hypotheses[i].sequence);
    if (stays) s->hypotheses[left++] = s->hypotheses[i];
    if (!stays) att_session_drop(s->session, s->hypotheses[i].sequence);
  }
  s->running = left;
  for (int64_t i = 0; i < count; i++) {
    int32_t parent = next[i].sequence;
    if (!any_on(next, i, parent)) continue;
    att_status status = att_session_fork(s->session, parent, att_session_length(s->session, parent), &next[i].sequence);
    if (status == ATT_OK) continue;
    for (int64_t j = 0; j < i; j++)
      if (!any_on(s->hypotheses, left, next[j].sequence)) att_session_drop(s->session, next[j].sequence);
    return status;
  }
  s->next = s->hypotheses;
  s->hypotheses = next;
  s->running = count;
  return ATT_OK;
}

static bool is_end(const att_search *s, int32_t token) {
  return !s->plan.ignore_end && att_generation_ends(s->plan.settings, token);
}

/* Whether a stop text is complete in the hypothesis, special tokens' spellings in. */
static att_status stops(att_search *s, att_arena *arena, const att_running *h, bool *stop) {
  const att_search_plan *plan = &s->plan;
  *stop = false;
  if (plan->stop_count == 0) return ATT_OK;
  const att_model *model = att_session_model(s->session);
  int32_t *tokens = ATT_ARENA_NEW(arena, s->length, int32_t);
  if (!tokens) return ATT_MEMORY;
  get_path(s, h, tokens);
  s->text.size = 0;
  ATT_TRY(att_tokenizer_decode(model->tokenizer, model->ctx, tokens, (size_t)s->length, false, &s->text));
  *stop = att_stop_find(plan->stop, plan->stop_count, (att_text){s->text.data, s->text.size}) < s->text.size;
  return ATT_OK;
}

/* Each hypothesis goes on alone or ends. */
static att_status advance_alone(att_search *s, att_arena *arena, const att_choice *choices) {
  int64_t count = 0;
  for (int64_t i = 0; i < s->running; i++) {
    att_running h = s->hypotheses[i];
    att_finish finish = s->length == s->plan.most ? s->plan.at_most : ATT_RUNNING;
    h.token = choices[i].token;
    h.logprob += choices[i].logprob;
    if (is_end(s, h.token)) finish = ATT_FINISH_END;
    h.top = s->top ? s->top + i * s->plan.top : NULL;
    if (s->plan.give) {
      ATT_TRY(s->plan.give(s->plan.user, &h, choices[i].logprob, &finish));
    } else {
      bool stop = false;
      if (finish == ATT_RUNNING) ATT_TRY(stops(s, arena, &h, &stop));
      if (stop) finish = ATT_FINISH_STOP;
      if (finish != ATT_RUNNING) ATT_TRY(keep_result(s, &h));
    }
    if (finish == ATT_RUNNING) s->next[count++] = h;
  }
  return follow(s, count);
}

/* The best continuations, so many that `beam` go on even where as many end as there are end tokens: the hypotheses'
 * choices, each sorted, are merged. taken: [running], scratch. */
static int64_t merge_choices(const att_search *s, const att_choice *choices, const int32_t *counts, int32_t *taken,
                             att_running *candidates) {
  int64_t count = 0, wanted = s->width;
  memset(taken, 0, (size_t)s->running * sizeof *taken);
  for (; count < wanted; count++) {
    int64_t best = -1;
    double most = -INFINITY;
    for (int64_t i = 0; i < s->running; i++) {
      if (taken[i] == counts[i]) continue;
      double logprob = s->hypotheses[i].logprob + choices[i * wanted + taken[i]].logprob;
      if (best >= 0 && logprob <= most) continue;
      best = i;
      most = logprob;
    }
    if (best < 0) break;
    candidates[count] = s->hypotheses[best];
    candidates[count].token = choices[best * wanted + taken[best]++].token;
    candidates[count].logprob = most;
  }
  return count;
}

/* A beam is over when it is full and stops early, or when its best running hypothesis, scored as if it ended now (or as
 * late as it can), would not be among the finished ones. */
static bool is_over(const att_search *s, double best_running) {
  const att_search_plan *plan = &s->plan;
  if (s->result_count < plan->beam) return false;
  if (plan->early_stopping == ATT_EARLY_STOPPING_ON) return true;
  bool never = plan->early_stopping == ATT_EARLY_STOPPING_NEVER && plan->length_penalty > 0;
  int64_t length = never ? plan->most : s->length;
  return best_running / pow((double)length, plan->length_penalty) <= s->results[s->result_count - 1].score;
}

/* A beam's candidates end or go on. Of those that end, only the ones among the first `beam` count. */
static att_status advance_beam(att_search *s, att_arena *arena, const att_choice *choices, const int32_t *counts) {
  int64_t beam = s->plan.beam, count = 0;
  int32_t *taken = ATT_ARENA_NEW(arena, beam, int32_t);
  att_running *candidates = ATT_ARENA_NEW(arena, s->width, att_running);
  if (!taken || !candidates) return ATT_MEMORY;
  int64_t candidate_count = merge_choices(s, choices, counts, taken, candidates);
  for (int64_t i = 0; i < candidate_count; i++) {
    bool end = s->length == s->plan.most || is_end(s, candidates[i].token);
    if (!end) ATT_TRY(stops(s, arena, &candidates[i], &end));
    if (end) {
      if (i < beam) ATT_TRY(keep_result(s, &candidates[i]));
    } else if (count < beam) {
      s->next[count++] = candidates[i];
    }
  }
  if (count && is_over(s, s->next[0].logprob)) count = 0;
  s->stuck = count == 0 && s->result_count == 0;
  return follow(s, count);
}

static bool any_without(const int32_t *counts, int64_t rows) {
  for (int64_t i = 0; i < rows; i++)
    if (counts[i] == 0) return true;
  return false;
}

static att_status advance(att_search *s, att_arena *arena, const att_choice *choices, const int32_t *counts) {
  s->length++;
  if (s->plan.beam > 1) return advance_beam(s, arena, choices, counts);
  s->stuck = any_without(counts, s->running);
  return s->stuck ? follow(s, 0) : advance_alone(s, arena, choices);
}

/* ---- what is chosen ------------------------------------------------------------------------------------------- */

/* What all running hypotheses of the searches need together; on the arena. */
typedef struct joint {
  int64_t rows;
  att_reading *readings; /* [rows] */
  double *uniform;       /* [rows] */
  int32_t *counts;       /* [rows] choices */
  att_choice *choices;   /* of each row as many as its search wants */
  float *logits;         /* [rows, vocab] */
  att_draft *draft;      /* of the one hypothesis that there is, whose logits are a row for each guess more; or NULL */
  double begun;          /* on the clock */
  int64_t written;       /* tokens, which stand in: */
  int32_t tokens[1 + ATT_MOST_GUESSES];
} joint;

/* The last half of a full context, before it the start token, and the new token, for a sequence of its own: every
 * position begins anew, so that it does not matter how positions enter the model. The sequence is empty still. */
static att_status slide(att_search *s, att_arena *arena, const att_running *h, att_reading *reading) {
  const att_config *config = &att_session_model(s->session)->config;
  int64_t length = att_session_length(s->session, h->sequence), kept = config->max_position_embeddings / 2;
  int32_t *tokens = ATT_ARENA_NEW(arena, length + 1, int32_t), fresh;
  if (!tokens) return ATT_MEMORY;
  att_session_tokens(s->session, h->sequence, 0, length, tokens);
  ATT_TRY(att_session_add(s->session, &fresh));
  int64_t starts = config->bos >= 0 && tokens[0] == config->bos;
  if (kept > length - starts) kept = length - starts;
  memmove(tokens + starts, tokens + length - kept, (size_t)kept * sizeof *tokens);
  tokens[starts + kept] = h->token;
  *reading = (att_reading){.sequence = fresh, .tokens = tokens, .count = starts + kept + 1};
  if (!s->slid) {
    att_log(context_of(s), ATT_LOG_NOTE, "the context of %lld tokens is full: going on with the last %lld",
            (long long)config->max_position_embeddings, (long long)kept);
  }
  s->slid = true;
  return ATT_OK;
}

/* The next reading of a hypothesis. */
static att_status read_on(att_search *s, att_arena *arena, const att_running *h, att_reading *reading) {
  int64_t positions = att_session_model(s->session)->config.max_position_embeddings;
  *reading = (att_reading){.sequence = h->sequence, .tokens = &h->token, .count = 1};
  if (!s->plan.slide || att_session_length(s->session, h->sequence) < positions) return ATT_OK;
  return slide(s, arena, h, reading);
}

/* Sequences that windows were moved to take the places of the full ones (done), or go. */
static void settle_windows(att_search *const *searches, int64_t count, const joint *j, int64_t rows, bool done) {
  for (int64_t i = 0, row = 0; i < count; i++) {
    att_search *s = searches[i];
    for (int64_t h = 0; h < s->running && row < rows; h++, row++) {
      att_running *running = &s->hypotheses[h];
      int32_t fresh = j->readings[row].sequence, full = running->sequence;
      if (fresh == full) continue;
      if (done) running->gone += att_session_length(s->session, full) + 1 - j->readings[row].count;
      if (done) running->sequence = fresh;
      att_session_drop(s->session, done ? full : fresh);
    }
  }
}

static att_status gather(att_arena *arena, att_search *const *searches, int64_t count, joint *j) {
  int64_t choices = 0;
  for (int64_t i = 0; i < count; i++) {
    j->rows += searches[i]->running;
    choices += searches[i]->running * searches[i]->width;
  }
  j->readings = ATT_ARENA_NEW(arena, j->rows, att_reading);
  j->uniform = ATT_ARENA_NEW(arena, j->rows, double);
  j->counts = ATT_ARENA_NEW(arena, j->rows, int32_t);
  j->choices = ATT_ARENA_NEW(arena, choices, att_choice);
  if (!j->readings || !j->uniform || !j->counts || !j->choices) return ATT_MEMORY;
  for (int64_t i = 0, row = 0; i < count; i++) {
    att_search *s = searches[i];
    for (int64_t h = 0; h < s->running; h++, row++) {
      att_status status = read_on(s, arena, &s->hypotheses[h], &j->readings[row]);
      if (status) settle_windows(searches, count, j, row, false);
      if (status) return status;
      j->uniform[row] = att_uniform(att_key(s->plan.key, (uint64_t)s->hypotheses[h].number), (uint64_t)s->length);
    }
  }
  return ATT_OK;
}

/* Whether two draw in the same way. */
static bool draw_alike(const att_generation *a, const att_generation *b) {
  return a->temperature == b->temperature && a->top_h == b->top_h && a->top_k == b->top_k && a->top_p == b->top_p &&
         a->min_p == b->min_p && a->typical_p == b->typical_p && a->epsilon_cutoff == b->epsilon_cutoff &&
         a->eta_cutoff == b->eta_cutoff;
}

/* Whether one call chooses for both: their processors are the same, or there are none. */
static bool choose_alike(const att_search *a, const att_search *b) {
  const att_processors *x = &a->processors, *y = &b->processors;
  if (a->width != b->width) return false;
  if (x->settings == y->settings && x->begin == y->begin && x->most == y->most) return true;
  return x->count == 0 && y->count == 0 && draw_alike(x->settings, y->settings);
}

/* What the processors see of the hypotheses, from row `row` on. */
static att_status make_sequences(att_session *session, att_arena *arena, att_search *const *searches, int64_t count,
                                 const joint *j, int64_t row, att_sequence *sequences) {
  for (int64_t i = 0; i < count; i++) {
    const att_search *s = searches[i];
    for (int64_t h = 0; h < s->running; h++, row++, sequences++) {
      int32_t number = j->readings[row].sequence;
      int64_t gone = s->hypotheses[h].gone, prompt = s->processors.begin - gone;
      int64_t length = att_session_length(session, number);
      int32_t *tokens = ATT_ARENA_NEW(arena, length, int32_t);
      if (!tokens) return ATT_MEMORY;
      att_session_tokens(session, number, 0, length, tokens);
      *sequences = (att_sequence){tokens, length, tokens, prompt > 0 ? prompt : 0, gone, NULL, false};
      if (s->plan.grammar) {
        att_status status = att_grammar_allowed(s->plan.grammar, tokens + prompt, length - prompt, &sequences->allowed,
                                                &sequences->ends);
        if (status && status != ATT_ARGUMENT) return status; /* that one is this search's own: nothing may follow */
      }
      if (!s->plan.source) continue;
      sequences->source = s->plan.source;
      sequences->source_count = s->plan.source_count;
    }
  }
  return ATT_OK;
}

/* For searches that choose alike, whose first row is `row`. */
static att_status choose(att_session *session, att_arena *arena, att_search *const *searches, int64_t count,
                         const joint *j, int64_t row, int64_t rows, att_choice *choices) {
  const att_search *first = searches[0];
  att_context *ctx = context_of(first);
  att_sequence *sequences = NULL;
  att_arena_mark mark = att_arena_save(arena);
  if (first->processors.count) {
    sequences = ATT_ARENA_NEW(arena, rows, att_sequence);
    if (!sequences) return ATT_MEMORY;
    ATT_TRY(make_sequences(session, arena, searches, count, j, row, sequences));
  }
  ATT_TRY(att_choose(ctx, arena, j->logits + row * first->processors.vocab, rows, first->width, &first->processors,
                     sequences, j->uniform + row, choices, j->counts + row));
  att_arena_restore(arena, mark);
  return ATT_OK;
}

static att_status choose_all(att_session *session, att_arena *arena, att_search *const *searches, int64_t count,
                             joint *j) {
  att_choice *choices = j->choices;
  const float *logits = j->logits;
  for (int64_t i = 0; i < count; i++)
    for (int64_t h = 0; h < searches[i]->running; h++, logits += searches[i]->processors.vocab)
      if (searches[i]->plan.top)
        att_likeliest(logits, searches[i]->processors.vocab, searches[i]->plan.top,
                      searches[i]->top + h * searches[i]->plan.top);
  for (int64_t i = 0, row = 0, end; i < count; i = end) {
    int64_t rows = 0;
    for (end = i; end < count && (end == i || choose_alike(searches[i], searches[end])); end++)
      rows += searches[end]->running;
    ATT_TRY(choose(session, arena, searches + i, end - i, j, row, rows, choices));
    choices += rows * searches[i]->width;
    row += rows;
  }
  return ATT_OK;
}

/* ---- guesses -------------------------------------------------------------------------------------------------- */

/* The sequence and its token, and guesses behind them; no more than there may still be tokens, and positions. */
static att_status guess(att_session *session, att_arena *arena, const att_search *s, joint *j) {
  const att_running *h = s->hypotheses;
  int64_t length = att_session_length(session, h->sequence);
  att_arena_mark mark = att_arena_save(arena);
  int32_t *tokens = ATT_ARENA_NEW(arena, length + 1, int32_t);
  if (!tokens) return ATT_MEMORY;
  att_session_tokens(session, h->sequence, 0, length, tokens);
  tokens[length] = h->token;
  int64_t most = s->plan.most - s->length - 1,
          free = att_session_model(session)->config.max_position_embeddings - length - 1;
  if (most > free) most = free;
  ATT_TRY(att_draft_guess(s->draft, arena, tokens, length + 1, most, s->plan.settings,
                          att_key(s->plan.key, (uint64_t)h->number), s->length));
  att_arena_restore(arena, mark);
  j->draft = s->draft;
  j->readings[0].tokens = s->draft->tokens;
  j->readings[0].guesses = s->draft->count;
  s->draft->guessed += s->draft->count;
  return ATT_OK;
}

/* Whether the token that was just chosen is the guess that was read behind the last one. */
static bool is_guessed(const joint *j) {
  const att_draft *d = j->draft;
  return d && j->counts[0] && j->written < d->count && j->choices[0].token == d->tokens[1 + j->written];
}

/* Whether the step goes on: with the logits after the guess that proved right. */
static bool goes_on(att_session *session, const att_search *s, joint *j) {
  const att_running *h = s->hypotheses;
  bool guessed = is_guessed(j);
  if (!j->draft || s->stuck) return false;
  j->tokens[j->written++] = j->choices[0].token;
  if (s->running && guessed) {
    att_session_accept(session, h->sequence);
    j->logits += s->processors.vocab;
    j->uniform[0] = att_uniform(att_key(s->plan.key, (uint64_t)h->number), (uint64_t)s->length);
    return true;
  }
  if (s->running) att_session_cut(session, h->sequence, att_session_length(session, h->sequence));
  att_draft_learn(j->draft, j->tokens, j->written, att_now() - j->begun);
  return false;
}

/* ---- the step ------------------------------------------------------------------------------------------------- */

static att_status choose_and_advance(att_session *session, att_arena *arena, att_search *const *searches, int64_t count,
                                     joint *j) {
  ATT_TRY(choose_all(session, arena, searches, count, j));
  if (is_guessed(j)) j->draft->accepted++;
  const att_choice *choices = j->choices;
  const int32_t *counts = j->counts;
  for (int64_t i = 0; i < count; i++) {
    int64_t rows = searches[i]->running;
    ATT_TRY(advance(searches[i], arena, choices, counts));
    choices += rows * searches[i]->width;
    counts += rows;
  }
  return ATT_OK;
}

static att_status step(att_session *session, att_arena *arena, att_search *const *searches, int64_t count) {
  joint j = {0};
  ATT_TRY(gather(arena, searches, count, &j));
  if (count == 1 && searches[0]->draft && j.readings[0].count == 1) ATT_TRY(guess(session, arena, searches[0], &j));
  j.begun = att_now();
  att_status read = att_session_step(session, arena, j.readings, j.rows, &j.logits);
  settle_windows(searches, count, &j, j.rows, read == ATT_OK);
  ATT_TRY(read);
  do ATT_TRY(choose_and_advance(session, arena, searches, count, &j));
  while (goes_on(session, searches[0], &j));
  return ATT_OK;
}

att_status att_searches_step(att_session *session, att_arena *arena, att_search *const *searches, int64_t count) {
  att_arena_mark mark = att_arena_save(arena);
  att_status status = step(session, arena, searches, count);
  att_arena_restore(arena, mark);
  return status;
}
