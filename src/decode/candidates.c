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
  int64_t vocab;
  const att_rules *rules;
  const double *uniform;
  att_choice *choices; /* logprob holds the logit until the row is done */
  int32_t *counts;
  float *weights; /* [threads, vocab]; order too; drawing only */
  int32_t *order;
  float *own; /* [threads, seen_count]: logits before the penalty; NULL: there is none */
  bool *bad;  /* [rows]: not numbers */
} choose_task;

const char *att_rules_wrong(const att_rules *rules) {
  if (!(rules->temperature >= 0 && rules->temperature <= 1e6)) return "temperature must be 0 to 1e6";
  if (rules->top_k < 0) return "top_k must be 0 (all) or more";
  if (!(rules->top_p > 0 && rules->top_p <= 1)) return "top_p must be above 0 and at most 1";
  if (!(rules->min_p >= 0 && rules->min_p <= 1)) return "min_p must be 0 to 1";
  if (!(rules->repetition_penalty >= 0.01 && rules->repetition_penalty <= 100)) {
    return "repetition_penalty must be 0.01 to 100";
  }
  return NULL;
}

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

/* All are read before one is written, so that what was seen twice pays once. */
static void penalise(const att_rules *rules, const int32_t *seen, double log_sum, float *x, float *own) {
  double zero = rules->width > 1 ? log_sum : 0.0, penalty = rules->repetition_penalty;
  for (int64_t j = 0; j < rules->seen_count; j++) own[j] = x[seen[j]];
  for (int64_t j = 0; j < rules->seen_count; j++) {
    double value = (double)own[j] - zero;
    x[seen[j]] = (float)((value < 0.0 ? value * penalty : value / penalty) + zero);
  }
}

static int32_t choose_of_row(const choose_task *t, float *x, double uniform, int thread, att_choice *choices) {
  if (t->rules->temperature <= 0) return best_of_row(x, t->vocab, t->rules->width, choices);
  int32_t token =
      att_draw(x, t->vocab, t->rules, uniform, t->weights + thread * t->vocab, t->order + thread * t->vocab);
  choices[0] = (att_choice){token, x[token]};
  return 1;
}

static void choose_rows(void *arg, int64_t begin, int64_t end, int thread) {
  const choose_task *t = arg;
  const att_rules *rules = t->rules;
  for (int64_t i = begin; i < end; i++) {
    float *x = t->logits + i * t->vocab, *own = t->own ? t->own + thread * rules->seen_count : NULL;
    const int32_t *seen = own ? rules->seen + i * rules->seen_count : NULL;
    att_choice *choices = t->choices + i * rules->width;
    if (rules->forced >= 0) {
      choices[0] = (att_choice){rules->forced, 0.0};
      t->counts[i] = 1;
      continue;
    }
    double log_sum = att_kernels_get()->log_sum_exp(x, t->vocab);
    t->bad[i] = !isfinite(log_sum);
    if (t->bad[i]) continue;
    if (own) penalise(rules, seen, log_sum, x, own);
    if (rules->banned >= 0) x[rules->banned] = -INFINITY;
    t->counts[i] = choose_of_row(t, x, t->uniform ? t->uniform[i] : 0.0, thread, choices);
    for (int64_t j = 0; own && rules->width == 1 && j < rules->seen_count; j++) {
      if (seen[j] == choices[0].token) choices[0].logprob = (double)own[j];
    }
    for (int32_t j = 0; j < t->counts[i]; j++) choices[j].logprob -= log_sum;
  }
}

att_status att_choose(att_context *ctx, att_arena *arena, float *logits, int64_t rows, int64_t vocab,
                      const att_rules *rules, const double *uniform, att_choice *choices, int32_t *counts) {
  choose_task task = {.logits = logits,
                      .vocab = vocab,
                      .rules = rules,
                      .uniform = uniform,
                      .choices = choices,
                      .counts = counts,
                      .bad = ATT_ARENA_NEW(arena, rows, bool)};
  if (!task.bad) return ATT_MEMORY;
  memset(task.bad, 0, (size_t)rows * sizeof *task.bad);
  if (rules->temperature > 0) {
    task.weights = ATT_ARENA_NEW(arena, ctx->threads * vocab, float);
    task.order = ATT_ARENA_NEW(arena, ctx->threads * vocab, int32_t);
    if (!task.weights || !task.order) return ATT_MEMORY;
  }
  if (rules->repetition_penalty != 1.0 && rules->seen_count > 0) {
    task.own = ATT_ARENA_NEW(arena, ctx->threads * rules->seen_count, float);
    if (!task.own) return ATT_MEMORY;
  }
  att_parallel(ctx, rows, 1 + ATT_SCAN_GRAIN / (vocab + 1), choose_rows, &task);
  for (int64_t i = 0; i < rows; i++) {
    if (task.bad[i]) return att_fail(ctx, ATT_NUMERIC, "the model's logits are not finite: are its weights damaged?");
  }
  return ATT_OK;
}
