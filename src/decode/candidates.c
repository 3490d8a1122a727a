/* Owns the choice of each row's best tokens, split over threads. See candidates.h. */
#include "decode/candidates.h"

#include "base/parallel.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

/* Logits looked at together: one comparison of all says whether any can be among the best. */
#define ATT_SCAN_BLOCK 32
/* Logits that are worth a thread of their own. */
#define ATT_SCAN_GRAIN 16384

typedef struct choose_task {
  float *logits;
  int width;
  const att_processors *p;
  const att_sequence *sequences;
  const double *uniform;
  att_choice *choices; /* logprob holds the score until the row is done */
  int32_t *counts;
  att_draw_scratch draw; /* [threads, vocab] each; drawing only */
  float *own;            /* [threads, vocab]: the logits before the processors; NULL: there are none */
  float *scratch;        /* [threads, longest]: the processors' */
  int64_t longest;
  bool *bad; /* [rows]: not numbers */
} choose_task;

/* Puts a logit where it belongs among the `count` best so far; the last one falls out of a full list. */
static int insert(att_choice *best, int count, int width, int32_t token, float logit) {
  int at = count < width ? count++ : width - 1;
  for (; at > 0 && best[at - 1].logprob < (double)logit; at--) best[at] = best[at - 1];
  best[at] = (att_choice){token, logit};
  return count;
}

static int best_of_row(const float *x, int64_t n, int width, att_choice *best) {
  int count = 0;
  float least = -INFINITY; /* what a logit must exceed */
  for (int64_t first = 0; first < n; first += ATT_SCAN_BLOCK) {
    int64_t end = first + ATT_SCAN_BLOCK;
    int any = 0;
    if (end <= n) {
      for (int j = 0; j < ATT_SCAN_BLOCK; j++) any |= x[first + j] > least;
    } else {
      end = n;
      any = 1;
    }
    for (int64_t j = first; any && j < end; j++) {
      if (!(x[j] > least)) continue;
      count = insert(best, count, width, (int32_t)j, x[j]);
      if (count == width) least = (float)best[width - 1].logprob;
    }
  }
  return count;
}

void att_likeliest(const float *logits, int64_t n, int most, att_token_logprob *out) {
  att_choice best[ATT_MOST_LIKELIEST];
  double log_sum = att_kernels_get()->log_sum_exp(logits, n);
  int count = best_of_row(logits, n, most, best);
  for (int i = 0; i < most; i++)
    out[i] = i < count ? (att_token_logprob){best[i].token, best[i].logprob - log_sum} : (att_token_logprob){-1, 0};
}

static int32_t choose_of_row(const choose_task *t, const float *x, double uniform, int thread, att_choice *choices) {
  int64_t vocab = t->p->vocab, at = thread * vocab;
  if (t->p->settings->temperature <= 0) return best_of_row(x, vocab, t->width, choices);
  att_draw_scratch scratch = {t->draw.weights + at, t->draw.keys ? t->draw.keys + at : NULL, t->draw.order + at};
  int32_t token = att_draw(x, vocab, t->p->settings, uniform, &scratch);
  if (token >= 0) choices[0] = (att_choice){token, x[token]};
  return token >= 0;
}

/* Beams' processors work on log-probabilities, and theirs are the choices'; else the choice has the model's own. */
static void choose_processed(const choose_task *t, int64_t row, float *x, double log_sum, int thread,
                             att_choice *choices) {
  int64_t vocab = t->p->vocab;
  float *own = t->own + thread * vocab;
  memcpy(own, x, (size_t)vocab * sizeof *x);
  for (int64_t j = 0; t->width > 1 && j < vocab; j++) x[j] -= (float)log_sum;
  att_process(t->p, &t->sequences[row], x, t->scratch + thread * t->longest);
  t->counts[row] = choose_of_row(t, x, t->uniform ? t->uniform[row] : 0.0, thread, choices);
  if (t->width == 1 && t->counts[row]) choices[0].logprob = (double)own[choices[0].token] - log_sum;
}

static void choose_rows(void *arg, int64_t begin, int64_t end, int thread) {
  const choose_task *t = arg;
  const att_kernels *k = att_kernels_get();
  int64_t vocab = t->p->vocab;
  for (int64_t i = begin; i < end; i++) {
    float *x = t->logits + i * vocab;
    att_choice *choices = t->choices + i * t->width;
    double log_sum = k->log_sum_exp(x, vocab);
    if (!isfinite(log_sum) && t->p->settings->remove_invalid_values) {
      att_remove_invalid(x, vocab);
      log_sum = k->log_sum_exp(x, vocab);
    }
    t->bad[i] = !isfinite(log_sum);
    if (t->bad[i]) continue;
    if (t->own) {
      choose_processed(t, i, x, log_sum, thread, choices);
      continue;
    }
    t->counts[i] = choose_of_row(t, x, t->uniform ? t->uniform[i] : 0.0, thread, choices);
    for (int32_t j = 0; j < t->counts[i]; j++) choices[j].logprob -= log_sum;
  }
}

static att_status make_scratch(choose_task *t, att_context *ctx, att_arena *arena, int64_t rows) {
  const att_generation *settings = t->p->settings;
  int64_t size = ctx->threads * t->p->vocab;
  if (settings->temperature > 0) {
    t->draw.weights = ATT_ARENA_NEW(arena, size, float);
    t->draw.order = ATT_ARENA_NEW(arena, size, int32_t);
    if (settings->typical_p < 1) t->draw.keys = ATT_ARENA_NEW(arena, size, float);
    if (!t->draw.weights || !t->draw.order || (settings->typical_p < 1 && !t->draw.keys)) return ATT_MEMORY;
  }
  if (t->p->count == 0) return ATT_OK;
  for (int64_t i = 0; i < rows; i++) {
    const att_sequence *s = &t->sequences[i];
    int64_t longer = s->count > s->source_count ? s->count : s->source_count;
    if (longer > t->longest) t->longest = longer;
  }
  t->own = ATT_ARENA_NEW(arena, size, float);
  t->scratch = ATT_ARENA_NEW(arena, ctx->threads * t->longest, float);
  return t->own && t->scratch ? ATT_OK : ATT_MEMORY;
}

att_status att_fail_no_token(att_context *ctx) {
  return att_fail(ctx, ATT_ARGUMENT,
                  "no token may come next: generation_config.json and the options (bad words, n-grams, lengths, a "
                  "grammar) rule out "
                  "every one");
}

att_status att_choose(att_context *ctx, att_arena *arena, float *logits, int64_t rows, int width,
                      const att_processors *processors, const att_sequence *sequences, const double *uniform,
                      att_choice *choices, int32_t *counts) {
  choose_task task = {.logits = logits,
                      .width = width,
                      .p = processors,
                      .sequences = sequences,
                      .uniform = uniform,
                      .choices = choices,
                      .counts = counts,
                      .bad = ATT_ARENA_NEW(arena, rows, bool)};
  if (!task.bad) return ATT_MEMORY;
  memset(task.bad, 0, (size_t)rows * sizeof *task.bad);
  ATT_TRY(make_scratch(&task, ctx, arena, rows));
  att_parallel(ctx, rows, 1 + ATT_SCAN_GRAIN / (processors->vocab + 1), choose_rows, &task);
  for (int64_t i = 0; i < rows; i++) {
    if (task.bad[i]) return att_fail(ctx, ATT_NUMERIC, "the model's logits are not finite: are its weights damaged?");
  }
  return ATT_OK;
}
