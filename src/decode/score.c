/* Owns scoring: the log-probability that a model gives to targets. All positions at once, as in training, without a
 * cache; the logits a block of rows at a time. */
#include "base/parallel.h"
#include "decode/decode.h"

#include <math.h>

#define ATT_LOGITS_BLOCK ((int64_t)1 << 21) /* floats */

typedef struct score_task {
  const float *logits; /* [rows, vocab] */
  const int32_t *labels;
  double *logprobs; /* [rows] */
  int64_t vocab;
} score_task;

static void score_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const score_task *t = arg;
  for (int64_t i = begin; i < end; i++) {
    const float *logits = t->logits + i * t->vocab;
    t->logprobs[i] = (double)logits[t->labels[i]] - (double)att_kernels_get()->log_sum_exp(logits, t->vocab);
  }
}

/* logprobs[rows] of every label. */
static att_status score_labels(att_run *run, att_model *model, const att_tensor *hidden, const int32_t *labels,
                               double *logprobs) {
  int64_t vocab = model->config.vocab_size, block = 1 + ATT_LOGITS_BLOCK / vocab;
  for (int64_t first = 0; first < hidden->rows; first += block) {
    if (run->ctx->interrupted) return att_fail(run->ctx, ATT_INTERRUPTED, "interrupted");
    att_arena_mark mark = att_arena_save(run->arena);
    att_tensor rows = *hidden, logits;
    rows.data += first * hidden->stride;
    rows.rows = hidden->rows - first < block ? hidden->rows - first : block;
    ATT_TRY(att_model_logits(run, model, &rows, &logits));
    score_task task = {logits.data, labels + first, logprobs + first, vocab};
    att_parallel(run->ctx, rows.rows, 1 + 16384 / vocab, score_rows, &task);
    att_arena_restore(run->arena, mark);
  }
  return ATT_OK;
}

att_status att_score_batch(att_model *model, att_arena *arena, const att_batch *pairs, double *logprobs) {
  att_run run = {.ctx = model->ctx, .arena = arena};
  att_memory memory;
  att_tensor hidden;
  att_sequences targets = pairs->target.sequences;
  const int64_t *start = targets.start;
  double *each = ATT_ARENA_NEW(arena, start[targets.count], double);
  if (!each) return ATT_MEMORY;
  ATT_TRY(att_model_encode(&run, model, &pairs->source, NULL, NULL, &memory));
  ATT_TRY(att_model_decode(&run, model, &pairs->target, &memory, NULL, NULL, &hidden));
  ATT_TRY(score_labels(&run, model, &hidden, pairs->labels, each));
  for (int64_t i = 0; i < targets.count; i++) {
    double sum = 0.0;
    for (int64_t j = start[i]; j < start[i + 1]; j++) sum += each[j];
    if (!isfinite(sum)) {
      return att_fail(model->ctx, ATT_NUMERIC, "the model's logits are not finite: are its weights damaged?");
    }
    logprobs[i] = sum;
  }
  return ATT_OK;
}
