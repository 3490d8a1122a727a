/* Owns where guesses come from, and the account of what they bring and cost. See draft.h. */
#include "decode/draft.h"

#include "base/random.h"

#include <string.h>

#define LONGEST_MATCH 32
#define PIECE         256 /* tokens of a prompt that a model reads at once */
#define STEPS_BETWEEN 32  /* after so many steps without, a model guesses again */
/* Of a guess' cost, as long as nothing else is known: more than it mostly is, so that the first ones are likely right.
 */
static const double first_reading = 0.35, first_making = 0.25;

/* ---- beginning and ending ------------------------------------------------------------------------------------- */

att_status att_draft_begin(att_draft *d, const att_draft_plan *plan) {
  *d = (att_draft){.plan = *plan, .sequence = -1, .reading = first_reading};
  if (!plan->model) return ATT_OK;
  d->making = first_making;
  d->rates[0] = (att_guess_rate){.right = 4, .tried = 4}; /* who names a model expects it to be mostly right */
  ATT_TRY(att_session_new(plan->model, 0, &d->session));
  return att_session_add(d->session, &d->sequence);
}

void att_draft_free(att_draft *d) {
  att_session_free(d->session);
  *d = (att_draft){0};
}

/* ---- looking up ----------------------------------------------------------------------------------------------- */

/* How many tokens end alike at `at` and at the end. */
static int64_t match_at(const int32_t *tokens, int64_t count, int64_t at) {
  int64_t match = 0;
  while (match < LONGEST_MATCH && match <= at && tokens[at - match] == tokens[count - 1 - match]) match++;
  return match;
}

/* What followed the longest match, of several the last; a text that repeats itself is repeated further. */
void att_draft_look_up(att_draft *d, const int32_t *tokens, int64_t count, int64_t most) {
  int64_t best = -1;
  d->known = d->match = 0;
  for (int64_t at = count - 2; at >= 0 && d->match < LONGEST_MATCH; at--) {
    int64_t match = tokens[at] == tokens[count - 1] ? match_at(tokens, count, at) : 0;
    if (match <= d->match) continue;
    d->match = match;
    best = at;
  }
  if (best < 0) return;
  for (int64_t at = best + 1; d->known < most && d->known < ATT_MOST_GUESSES; at++, d->known++)
    d->tokens[1 + d->known] = at < count ? tokens[at] : d->tokens[1 + at - count];
}

/* ---- a model's ------------------------------------------------------------------------------------------------ */

/* Reads what it has not read, all but what has changed since; logits after the last. */
static att_status catch_up(att_draft *d, att_arena *arena, const int32_t *tokens, int64_t count, float **logits) {
  int64_t read = att_session_common(d->session, d->sequence, tokens, count - 1);
  att_session_cut(d->session, d->sequence, read);
  for (; read < count; read = att_session_length(d->session, d->sequence)) {
    int64_t piece = count - read < PIECE ? count - read : PIECE;
    att_reading reading = {.sequence = d->sequence, .tokens = tokens + read, .count = piece};
    ATT_TRY(att_session_step(d->session, arena, &reading, 1, read + piece == count ? logits : NULL));
  }
  return ATT_OK;
}

/* `most` guesses, fewer where there is none to go on with. */
static att_status ask_model(att_draft *d, att_arena *arena, const int32_t *tokens, int64_t count, int64_t most,
                            const att_generation *settings, uint64_t key, int64_t length) {
  const att_model *model = d->plan.model;
  att_processors none = {.settings = settings, .vocab = model->config.vocab_size};
  float *logits;
  d->known = 0;
  ATT_TRY(catch_up(d, arena, tokens, count, &logits));
  for (;;) {
    double uniform = att_uniform(key, (uint64_t)(length + d->known));
    att_choice choice;
    int32_t choices;
    ATT_TRY(att_choose(model->ctx, arena, logits, 1, 1, &none, NULL, &uniform, &choice, &choices));
    if (choices == 0) return ATT_OK;
    d->tokens[1 + d->known++] = choice.token;
    if (d->known == most) return ATT_OK;
    att_reading reading = {.sequence = d->sequence, .tokens = &choice.token, .count = 1};
    ATT_TRY(att_session_step(d->session, arena, &reading, 1, &logits));
  }
}

/* ---- what pays ------------------------------------------------------------------------------------------------ */

/* Of guess i: of a model's all alike, else by what has matched up to there. */
static att_guess_rate *rate_of(att_draft *d, int64_t i) {
  static const int64_t least[ATT_MATCH_CLASSES] = {0, 2, 3, 4, 8, 16};
  int at = ATT_MATCH_CLASSES - 1;
  if (d->plan.model) return &d->rates[0];
  while (d->match + i < least[at]) at--;
  return &d->rates[at];
}

/* So many that the most tokens come in a second; a tenth more, for the sums are rough. A guess is right only if those
 * before it are. */
int64_t att_draft_worth(const att_draft *d) {
  att_draft account = *d;
  double tokens = 1, chance = 1, cost = 1, best = 1.1;
  int64_t count = 0;
  for (int64_t i = 0; d->alone > 0 && i < d->known; i++) {
    const att_guess_rate *rate = rate_of(&account, i);
    chance *= (rate->right + 0.6) / (rate->tried + 2);
    tokens += chance;
    cost += d->reading + d->making;
    if (tokens / cost <= best) continue;
    best = tokens / cost;
    count = i + 1;
  }
  return count;
}

static att_status guess_by_model(att_draft *d, att_arena *arena, const int32_t *tokens, int64_t count, int64_t most,
                                 const att_generation *settings, uint64_t key, int64_t length) {
  int64_t room = d->plan.model->config.max_position_embeddings - count + 1;
  if (most > room) most = room;
  d->known = most > 0 ? most : 0;
  int64_t wanted = d->plan.count ? d->plan.count : att_draft_worth(d);
  if (wanted == 0 && d->waited >= STEPS_BETWEEN) wanted = 2;
  if (wanted > d->known) wanted = d->known;
  d->known = 0;
  if (wanted == 0) return ATT_OK;
  double begun = att_now();
  int64_t unread = count - att_session_length(d->session, d->sequence);
  att_arena_mark mark = att_arena_save(arena);
  ATT_TRY(ask_model(d, arena, tokens, count, wanted, settings, key, length));
  att_arena_restore(arena, mark);
  d->count = d->known;
  if (d->alone > 0 && d->known > 0 && unread < ATT_FEW_ROWS) /* else most of it went into the prompt */
    d->making += 0.3 * ((att_now() - begun) / (double)d->known / d->alone - d->making);
  return ATT_OK;
}

att_status att_draft_guess(att_draft *d, att_arena *arena, const int32_t *tokens, int64_t count, int64_t most,
                           const att_generation *settings, uint64_t key, int64_t length) {
  d->tokens[0] = tokens[count - 1];
  d->count = 0;
  if (most > ATT_MOST_GUESSES) most = ATT_MOST_GUESSES;
  if (d->plan.model) return guess_by_model(d, arena, tokens, count, most, settings, key, length);
  att_draft_look_up(d, tokens, count, most);
  d->count = d->plan.count ? d->plan.count : att_draft_worth(d);
  if (d->count > d->known) d->count = d->known;
  return ATT_OK;
}

/* Guesses that were made and not read are compared too, which costs nothing: so looking up begins to pay after it has
 * been seen to be right. */
static void count_right(att_draft *d, const int32_t *written, int64_t count) {
  for (int64_t i = 0; i < count && i < d->known; i++) {
    att_guess_rate *rate = rate_of(d, i);
    bool right = written[i] == d->tokens[1 + i];
    rate->right = 0.95 * rate->right + right;
    rate->tried = 0.95 * rate->tried + 1;
    if (!right) return;
  }
}

void att_draft_learn(att_draft *d, const int32_t *written, int64_t count, double seconds) {
  count_right(d, written, count);
  if (d->count == 0) {
    if (d->alone > 0 && seconds > 2 * d->alone) seconds = 2 * d->alone; /* the machine had something else to do */
    d->alone = d->alone > 0 ? d->alone + 0.2 * (seconds - d->alone) : seconds;
    d->reading += 0.01 * (first_reading - d->reading);
    d->waited++;
    return;
  }
  d->waited = 0;
  if (d->alone <= 0) return;
  double part = (seconds / d->alone - 1) / (double)d->count;
  part = part < 0.01 ? 0.01 : part > 2 ? 2 : part;
  d->reading += 0.3 * (part - d->reading);
}
