/* Owns how comparisons measure forecasts: the squared error of scaled values by how far ahead they are. */
#include "compare/compare.h"

#include "models/head.h"

#include <math.h>
#include <string.h>

enum { TOGETHER = 16 }; /* windows of a pass */

/* Windows, and the steps ahead that their forecasts have. */
att_status att_choose_steps(att_probes *q, const att_held *held) {
  size_t all = att_count_held(held), count = all > q->kind->most ? q->kind->most : all;
  att_held_item first;
  if (!att_held_at(held, 0, &first)) return ATT_OK;
  q->scored = first.reference.size / ((size_t)first.channels * sizeof(float));
  ATT_TRY(att_probes_reserve(q, count, q->scored));
  for (size_t i = 0; i < count; i++) att_held_at(held, i * all / count, &q->items[i]);
  for (size_t i = 0; i < q->scored; i++) q->lengths[i] = i + 1;
  q->count = count;
  return ATT_OK;
}

/* One after another, as rows of one input. */
static att_status lay_out(const att_probes *q, size_t begin, size_t count, att_arena *arena, att_input *input) {
  size_t size = q->items[begin].input.size, channels = (size_t)q->items[begin].channels;
  int64_t *start = ATT_ARENA_NEW(arena, count + 1, int64_t);
  float *rows = att_arena_alloc(arena, count, size);
  if (!start || !rows) return ATT_MEMORY;
  start[0] = 0;
  for (size_t i = 0; i < count; i++) {
    start[i + 1] = start[i] + (int64_t)(size / (channels * sizeof *rows));
    memcpy(rows + i * size / sizeof *rows, q->items[begin + i].input.data, size);
  }
  *input = (att_input){.rows = rows, .sequences = {(int64_t)count, start}};
  return ATT_OK;
}

/* The mean squared error of the window, in words. */
static att_status add_errors(const att_probes *q, size_t index, const att_tensor *ahead, int64_t first, double *sums,
                             double *weights, att_results *a) {
  const att_held_item *item = &q->items[index];
  double sum = 0, count = 0;
  char text[64];
  const float *truth = (const float *)(const void *)item->reference.data;
  for (int64_t c = 0; c < item->channels; c++) {
    const float *forecast = ahead->data + (first + c) * ahead->stride;
    for (size_t step = 0; step < q->scored; step++) {
      double error = (double)forecast[step] - (double)truth[(int64_t)step * item->channels + c];
      if (isnan(error)) continue; /* missing */
      sums[step] += error * error;
      weights[step]++;
      sum += error * error;
      count++;
    }
  }
  att_format(text, sizeof text, "squared error %.4g", sum / count);
  return count > 0 ? att_keep_output(q, index, text, strlen(text), a) : ATT_OK;
}

static att_status look_ahead(att_model *model, const att_probes *q, att_arena *arena, double *sums, double *weights,
                             att_results *a) {
  for (size_t begin = 0, count; begin < q->count; begin += count) {
    att_run run = {.ctx = q->ctx, .arena = arena};
    att_input input;
    att_hidden hidden;
    att_tensor ahead;
    att_arena_reset(arena);
    if (att_is_interrupted(q->ctx)) return att_fail(q->ctx, ATT_INTERRUPTED, "interrupted while measuring");
    count = q->count - begin < TOGETHER ? q->count - begin : TOGETHER;
    ATT_TRY(lay_out(q, begin, count, arena, &input));
    ATT_TRY(att_model_hidden(&run, model, &input, NULL, NULL, &hidden));
    ATT_TRY(att_head_logits(&run, model, &hidden, &ahead));
    for (size_t i = 0; i < count; i++)
      ATT_TRY(add_errors(q, begin + i, &ahead, (int64_t)i * q->items[begin].channels, sums, weights, a));
  }
  return ATT_OK;
}

att_status att_compare_forecasts(att_model *model, const att_probes *q, att_results *a) {
  double *sums = ATT_NEW(q->ctx, 2 * q->scored, double);
  att_arena *arena = NULL;
  att_status status = sums ? att_arena_new(q->ctx, &arena) : ATT_MEMORY;
  if (!status) status = look_ahead(model, q, arena, sums, sums + q->scored, a);
  if (!status) status = att_score_means(q, sums, sums + q->scored, a);
  att_arena_free(arena);
  att_free(q->ctx, sums);
  return status;
}
