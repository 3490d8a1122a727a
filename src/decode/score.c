/* Owns scoring: the log-probability that a model gives to targets, or to a text. All positions at once, as in training,
 * without a cache; the logits a block of rows at a time. */
#include "base/parallel.h"
#include "decode/decode.h"

#include <math.h>
#include <string.h>

#define ATT_LOGITS_BLOCK ((int64_t)1 << 21) /* floats */
/* Rows of the windows that are scored together. */
#define ATT_WINDOW_ROWS 2048

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

/* Rows [first, first + count), and what of each sequence is among them. */
static att_status cut(att_run *run, const att_hidden *hidden, int64_t first, int64_t count, att_hidden *out) {
  const att_sequences *all = &hidden->sequences;
  int64_t *start = ATT_ARENA_NEW(run->arena, all->count + 1, int64_t);
  if (!start) return ATT_MEMORY;
  for (int64_t i = 0; i <= all->count; i++) {
    int64_t at = all->start[i] - first;
    start[i] = at < 0 ? 0 : at < count ? at : count;
  }
  *out = *hidden;
  out->sequences = (att_sequences){all->count, start};
  out->rows.data += first * hidden->rows.stride;
  out->rows.rows = count;
  return ATT_OK;
}

/* logprobs[rows] of every label. */
static att_status score_labels(att_run *run, att_model *model, const att_hidden *hidden, const int32_t *labels,
                               double *logprobs) {
  int64_t vocab = model->config.vocab_size, block = 1 + ATT_LOGITS_BLOCK / vocab, rows = hidden->rows.rows;
  for (int64_t first = 0; first < rows; first += block) {
    if (att_is_interrupted(run->ctx)) return att_fail(run->ctx, ATT_INTERRUPTED, "interrupted");
    att_arena_mark mark = att_arena_save(run->arena);
    att_hidden part;
    att_tensor logits;
    ATT_TRY(cut(run, hidden, first, rows - first < block ? rows - first : block, &part));
    ATT_TRY(att_head_logits(run, model, &part, &logits));
    score_task task = {logits.data, labels + first, logprobs + first, vocab};
    att_parallel(run->ctx, part.rows.rows, 1 + 16384 / vocab, score_rows, &task);
    att_arena_restore(run->arena, mark);
  }
  return ATT_OK;
}

static att_status add_up(att_context *ctx, const double *logprobs, int64_t count, double *sum) {
  double total = 0.0;
  for (int64_t i = 0; i < count; i++) total += logprobs[i];
  if (!isfinite(total)) {
    return att_fail(ctx, ATT_NUMERIC, "the model's logits are not finite: are its weights damaged?");
  }
  *sum += total;
  return ATT_OK;
}

att_status att_score_batch(att_model *model, att_arena *arena, const att_batch *pairs, double *logprobs) {
  att_run run = {.ctx = model->ctx, .arena = arena};
  att_memory memory;
  att_sequences targets = pairs->target.sequences;
  att_hidden hidden = {.sequences = targets, .memory = &memory};
  const int64_t *start = targets.start;
  double *each = ATT_ARENA_NEW(arena, start[targets.count], double);
  if (!each) return ATT_MEMORY;
  ATT_TRY(att_model_encode(&run, model, &pairs->source, NULL, NULL, &memory));
  ATT_TRY(att_model_decode(&run, model, &pairs->target, &memory, NULL, NULL, &hidden.rows));
  ATT_TRY(score_labels(&run, model, &hidden, pairs->labels, each));
  for (int64_t i = 0; i < targets.count; i++) {
    logprobs[i] = 0.0;
    ATT_TRY(add_up(model->ctx, each + start[i], start[i + 1] - start[i], &logprobs[i]));
  }
  return ATT_OK;
}

/* ---- windows of a text ---- */

typedef struct windows {
  const int32_t *ids;
  int64_t count, longest, stride;
  int64_t begin, scored; /* the next window's first token; tokens that have been predicted, or given */
  /* the batch */
  int64_t held;                   /* windows */
  int64_t start[ATT_WINDOW_ROWS]; /* [held + 1] rows: a window has one less than tokens, as its last predicts none */
  int64_t fresh[ATT_WINDOW_ROWS]; /* [held] how many of a window's rows, its last ones, predict what is new */
  const int32_t *last[ATT_WINDOW_ROWS]; /* [held] behind a window's last token */
} windows;

/* Takes windows until they fill a batch, or the text is over. */
static void next_windows(windows *w) {
  w->held = 0;
  while (w->scored < w->count && w->held + 1 < ATT_WINDOW_ROWS) {
    int64_t end = w->count - w->begin < w->longest ? w->count : w->begin + w->longest;
    int64_t rows = end - w->begin - 1, before = w->start[w->held];
    if (w->held && before + rows > ATT_WINDOW_ROWS) break;
    w->fresh[w->held] = end - w->scored;
    w->last[w->held++] = w->ids + end;
    w->start[w->held] = before + rows;
    w->scored = end;
    w->begin += w->stride;
  }
}

static att_status score_windows(att_run *run, att_model *model, const windows *w, double *logprob) {
  int64_t total = w->start[w->held];
  int32_t *ids = ATT_ARENA_NEW(run->arena, total, int32_t);
  double *each = ATT_ARENA_NEW(run->arena, total, double);
  if (!ids || !each) return ATT_MEMORY;
  for (int64_t i = 0; i < w->held; i++) {
    int64_t rows = w->start[i + 1] - w->start[i];
    memcpy(ids + w->start[i], w->last[i] - 1 - rows, (size_t)rows * sizeof *ids);
  }
  att_input input = {.ids = ids, .sequences = {w->held, w->start}};
  att_tensor hidden;
  ATT_TRY(att_model_decode(run, model, &input, NULL, NULL, NULL, &hidden));
  for (int64_t i = 0; i < w->held; i++) {
    const int64_t rows = w->fresh[i], start[] = {0, rows};
    att_hidden fresh = {.rows = hidden, .sequences = {1, start}};
    fresh.rows.rows = rows;
    fresh.rows.data += (w->start[i + 1] - rows) * hidden.stride;
    ATT_TRY(score_labels(run, model, &fresh, w->last[i] - rows, each));
    ATT_TRY(add_up(run->ctx, each, rows, logprob));
  }
  return ATT_OK;
}

att_status att_score_windows(att_model *model, att_arena *arena, const int32_t *ids, int64_t count, int64_t stride,
                             double *logprob) {
  att_run run = {.ctx = model->ctx, .arena = arena};
  windows *w = ATT_ARENA_NEW(arena, 1, windows);
  if (!w) return ATT_MEMORY;
  w->ids = ids;
  w->count = count;
  w->longest = model->config.max_position_embeddings;
  w->stride = stride;
  w->begin = w->start[0] = 0;
  w->scored = 1;
  *logprob = 0.0;
  for (att_arena_mark mark = att_arena_save(arena); w->scored < w->count; att_arena_restore(arena, mark)) {
    next_windows(w);
    ATT_TRY(score_windows(&run, model, w, logprob));
  }
  return ATT_OK;
}
