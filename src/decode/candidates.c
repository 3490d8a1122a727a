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

static void choose_rows(void *arg, int64_t begin, int64_t end, int thread) {
  const choose_task *t = arg;
  const att_rules *rules = t->rules;
  for (int64_t i = begin; i < end; i++) {
    float *x = t->logits + i * t->vocab;
    att_choice *choices = t->choices + i * rules->width;
    if (rules->forced >= 0) {
      choices[0] = (att_choice){rules->forced, 0.0};
      t->counts[i] = 1;
      continue;
    }
    double log_sum = att_kernels_get()->log_sum_exp(x, t->vocab);
    t->bad[i] = !isfinite(log_sum);
    if (t->bad[i]) continue;
    if (rules->banned >= 0) x[rules->banned] = -INFINITY;
    if (rules->temperature > 0) {
      int32_t token =
          att_draw(x, t->vocab, rules, t->uniform[i], t->weights + thread * t->vocab, t->order + thread * t->vocab);
      choices[0] = (att_choice){token, x[token]};
      t->counts[i] = 1;
    } else {
      t->counts[i] = best_of_row(x, t->vocab, rules->width, choices);
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
  att_parallel(ctx, rows, 1 + ATT_SCAN_GRAIN / (vocab + 1), choose_rows, &task);
  for (int64_t i = 0; i < rows; i++) {
    if (task.bad[i]) return att_fail(ctx, ATT_NUMERIC, "the model's logits are not finite: are its weights damaged?");
  }
  return ATT_OK;
}
