/* Owns the processors, a function each, and the order that they act in. See processors.h. */
#include "decode/processors.h"

#include "kernels/kernels.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

static bool ends_in(const att_sequence *s, const int32_t *tokens, int64_t count) {
  return count <= s->count && memcmp(s->tokens + s->count - count, tokens, (size_t)count * sizeof *tokens) == 0;
}

static void set_all(const att_token_list *list, float value, float *scores) {
  for (int64_t i = 0; i < list->count; i++) scores[list->tokens[i]] = value;
}

/* All its tokens, those in that the window left behind. */
static int64_t length_of(const att_sequence *s) { return s->gone + s->count; }

/* ---- biases ------------------------------------------------------------------------------------------------------ */

static void add_biases(const att_bias_list *list, const att_sequence *s, float *scores) {
  for (int64_t i = 0; i < list->count; i++) {
    const att_biased *b = &list->items[i];
    if (ends_in(s, b->tokens, b->count - 1)) scores[b->tokens[b->count - 1]] += (float)b->bias;
  }
}

static void sequence_bias(const att_processors *p, const att_sequence *s, float *scores, float *scratch) {
  (void)scratch;
  add_biases(&p->settings->sequence_bias, s, scores);
}

static void bad_words(const att_processors *p, const att_sequence *s, float *scores, float *scratch) {
  (void)scratch;
  add_biases(&p->settings->bad_words, s, scores);
}

static void suppress(const att_processors *p, const att_sequence *s, float *scores, float *scratch) {
  (void)s;
  (void)scratch;
  set_all(&p->settings->suppress_tokens, -INFINITY, scores);
}

/* At the first token; where that one is forced, at the second. */
static void begin_suppress(const att_processors *p, const att_sequence *s, float *scores, float *scratch) {
  bool forced = p->begin == 1 && p->settings->forced_bos.count > 0;
  (void)scratch;
  if (length_of(s) == p->begin + forced) set_all(&p->settings->begin_suppress_tokens, -INFINITY, scores);
}

/* ---- repetition -------------------------------------------------------------------------------------------------- */

/* By sign, once, however often a token is there (Keskar et al. 2019, section 4.1): all are read before one is written.
 */
static void penalise(const int32_t *tokens, int64_t count, float penalty, float *scores, float *scratch) {
  for (int64_t i = 0; i < count; i++) scratch[i] = scores[tokens[i]];
  for (int64_t i = 0; i < count; i++) {
    scores[tokens[i]] = scratch[i] < 0.0f ? scratch[i] * penalty : scratch[i] / penalty;
  }
}

static void repetition(const att_processors *p, const att_sequence *s, float *scores, float *scratch) {
  penalise(s->tokens, s->count, (float)p->settings->repetition_penalty, scores, scratch);
}

/* What is in the source becomes likelier. */
static void encoder_repetition(const att_processors *p, const att_sequence *s, float *scores, float *scratch) {
  penalise(s->source, s->source_count, (float)(1 / p->settings->encoder_repetition_penalty), scores, scratch);
}

/* Of what was written behind the prompt: each time, and once (OpenAI's interface, "Frequency and presence penalties").
 */
static const int32_t *written(const att_processors *p, const att_sequence *s, int64_t *count) {
  int64_t prompt = p->begin > s->gone ? p->begin - s->gone : 0;
  *count = s->count > prompt ? s->count - prompt : 0;
  return s->tokens + prompt;
}

static void frequency(const att_processors *p, const att_sequence *s, float *scores, float *scratch) {
  int64_t count;
  const int32_t *tokens = written(p, s, &count);
  (void)scratch;
  for (int64_t i = 0; i < count; i++) scores[tokens[i]] -= (float)p->settings->frequency_penalty;
}

static void presence(const att_processors *p, const att_sequence *s, float *scores, float *scratch) {
  int64_t count;
  const int32_t *tokens = written(p, s, &count);
  for (int64_t i = 0; i < count; i++) scratch[i] = scores[tokens[i]] - (float)p->settings->presence_penalty;
  for (int64_t i = 0; i < count; i++) scores[tokens[i]] = scratch[i];
}

/* Rules out what followed the sequence's last size - 1 tokens where they stand in the text. */
static void ban_ngrams(const att_sequence *s, const int32_t *text, int64_t count, int64_t size, float *scores) {
  if (s->count < size - 1) return;
  const int32_t *last = s->tokens + s->count - (size - 1);
  for (int64_t i = 0; i + size <= count; i++) {
    if (memcmp(text + i, last, (size_t)(size - 1) * sizeof *text) == 0) scores[text[i + size - 1]] = -INFINITY;
  }
}

static void no_repeat_ngram(const att_processors *p, const att_sequence *s, float *scores, float *scratch) {
  (void)scratch;
  ban_ngrams(s, s->tokens, s->count, p->settings->no_repeat_ngram_size, scores);
}

static void encoder_no_repeat_ngram(const att_processors *p, const att_sequence *s, float *scores, float *scratch) {
  (void)scratch;
  ban_ngrams(s, s->source, s->source_count, p->settings->encoder_no_repeat_ngram_size, scores);
}

/* ---- lengths ----------------------------------------------------------------------------------------------------- */

static void min_length(const att_processors *p, const att_sequence *s, float *scores, float *scratch) {
  (void)scratch;
  if (length_of(s) < p->settings->min_length) set_all(&p->settings->ends, -INFINITY, scores);
}

static void min_new_tokens(const att_processors *p, const att_sequence *s, float *scores, float *scratch) {
  (void)scratch;
  if (length_of(s) - p->begin < p->settings->min_new_tokens) set_all(&p->settings->ends, -INFINITY, scores);
}

static void force(const att_processors *p, const att_token_list *tokens, float *scores) {
  for (int64_t i = 0; i < p->vocab; i++) scores[i] = -INFINITY;
  set_all(tokens, 0.0f, scores);
}

/* After the start token, which may also be a prompt of one token. */
static void forced_bos(const att_processors *p, const att_sequence *s, float *scores, float *scratch) {
  (void)scratch;
  if (length_of(s) == 1) force(p, &p->settings->forced_bos, scores);
}

static void forced_eos(const att_processors *p, const att_sequence *s, float *scores, float *scratch) {
  (void)scratch;
  if (length_of(s) == p->most - 1) force(p, &p->settings->forced_eos, scores);
}

/* The end becomes likelier from a length on, by a power of the tokens beyond it. */
static void length_decay(const att_processors *p, const att_sequence *s, float *scores, float *scratch) {
  const att_token_list *ends = &p->settings->ends;
  int64_t beyond = length_of(s) - (p->settings->decay_start + p->begin);
  (void)scratch;
  for (int64_t i = 0; beyond > 0 && i < ends->count; i++) {
    float *score = &scores[ends->tokens[i]];
    if (isfinite(*score)) *score += fabsf(*score) * (float)(pow(p->settings->decay_factor, (double)beyond) - 1);
  }
}

/* ---- timestamps ---------------------------------------------------------------------------------------------------
 */

static void rule_out(float *scores, int64_t first, int64_t end) {
  for (int64_t i = first; i < end; i++) scores[i] = -INFINITY;
}

/* They come in pairs, but for the last, and never go back; the first token is one. s: from what was generated on. */
static void rule_out_timestamps(const att_processors *p, const int32_t *tokens, int64_t count, float *scores) {
  int32_t first = p->settings->first_timestamp, latest = -1;
  bool last = count > 0 && tokens[count - 1] >= first, before = count < 2 || tokens[count - 2] >= first;
  for (int64_t i = count - 1; i >= 0 && latest < 0; i--)
    if (tokens[i] >= first) latest = tokens[i];
  scores[p->settings->no_timestamps] = -INFINITY;
  if (last && before) rule_out(scores, first, p->vocab);
  if (last && !before) rule_out(scores, 0, p->settings->ends.count ? p->settings->ends.tokens[0] : first);
  if (latest >= 0) rule_out(scores, first, last && !before ? latest : latest + 1);
  if (count > 0) return;
  rule_out(scores, 0, first);
  if (p->settings->last_initial_timestamp >= 0)
    rule_out(scores, (int64_t)first + p->settings->last_initial_timestamp + 1, p->vocab);
}

/* Radford et al. 2022, section 2.3 and 4.5, as WhisperTimeStampLogitsProcessor has it: where all timestamps together
 * are likelier than any other token, one of them it is. */
static void timestamps(const att_processors *p, const att_sequence *s, float *scores, float *scratch) {
  int32_t first = p->settings->first_timestamp;
  float best = -INFINITY;
  (void)scratch;
  rule_out_timestamps(p, s->tokens + p->begin, s->count - p->begin, scores);
  for (int64_t i = 0; i < first; i++) best = fmaxf(best, scores[i]);
  if (att_kernels_get()->log_sum_exp(scores + first, p->vocab - first) > (double)best) rule_out(scores, 0, first);
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

void att_remove_invalid(float *scores, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    if (isnan(scores[i])) scores[i] = 0.0f;
    if (isinf(scores[i])) scores[i] = scores[i] > 0 ? FLT_MAX : -FLT_MAX;
  }
}

static void remove_invalid(const att_processors *p, const att_sequence *s, float *scores, float *scratch) {
  (void)s;
  (void)scratch;
  att_remove_invalid(scores, p->vocab);
}

static void renormalize(const att_processors *p, const att_sequence *s, float *scores, float *scratch) {
  float sum = (float)att_kernels_get()->log_sum_exp(scores, p->vocab);
  (void)s;
  (void)scratch;
  for (int64_t i = 0; isfinite(sum) && i < p->vocab; i++) scores[i] -= sum;
}

/* ---- grammars ---------------------------------------------------------------------------------------------------- */

/* Rules out what the grammar does not allow; ends where the text may not end. */
static void grammar(const att_processors *p, const att_sequence *s, float *scores, float *scratch) {
  (void)scratch;
  for (int64_t i = 0; i < p->vocab; i++) {
    if (s->allowed && ((s->allowed[i >> 6] >> (i & 63)) & 1)) continue;
    if (!s->ends || !att_generation_ends(p->settings, (int32_t)i)) scores[i] = -INFINITY;
  }
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

/* In generate()'s order. What draws (sample.c) comes before the last, which only beams feel. */
static const struct {
  const char *key; /* of the setting that asks for it */
  att_process_fn *apply;
} processors[] = {
    {"sequence_bias", sequence_bias},
    {"encoder_repetition_penalty", encoder_repetition},
    {"repetition_penalty", repetition},
    {"frequency_penalty", frequency},
    {"presence_penalty", presence},
    {"no_repeat_ngram_size", no_repeat_ngram},
    {"encoder_no_repeat_ngram_size", encoder_no_repeat_ngram},
    {"bad_words_ids", bad_words},
    {"min_length", min_length},
    {"min_new_tokens", min_new_tokens},
    {"forced_bos_token_id", forced_bos},
    {"forced_eos_token_id", forced_eos},
    {"remove_invalid_values", remove_invalid},
    {"exponential_decay_length_penalty", length_decay},
    {"suppress_tokens", suppress},
    {"begin_suppress_tokens", begin_suppress},
    {"timestamps", timestamps},
    {"renormalize_logits", renormalize},
};
static_assert(sizeof processors / sizeof *processors < ATT_MOST_PROCESSORS, "the list of active ones holds all");

void att_processors_make(const att_generation *settings, int64_t vocab, int64_t begin, int64_t most, att_grammar *rules,
                         att_processors *out) {
  *out = (att_processors){.settings = settings, .vocab = vocab, .begin = begin, .most = most, .grammar = rules};
  for (size_t i = 0; i < sizeof processors / sizeof *processors; i++) {
    if (att_generation_is_set(settings, processors[i].key)) out->active[out->count++] = processors[i].apply;
  }
  if (rules) out->active[out->count++] = grammar;
}

void att_process(const att_processors *p, const att_sequence *sequence, float *scores, float *scratch) {
  for (int i = 0; i < p->count; i++) p->active[i](p, sequence, scores, scratch);
}
