/*
 * Owns how comparisons measure models of piano rolls: the nats that each frame takes, by how many frames of its tune
 * stand before it, and how likely each key was found in the frames that are shown.
 */
#include "compare/compare.h"

#include "models/head.h"
#include "train/data/rolls.h"

#include <math.h>
#include <string.h>

enum { SHOWN = 64 };

static size_t frames_of(const att_held_item *item) { return item->input.size / ATT_ROLL_KEYS; }

size_t att_shown_frames(const att_held_item *item) { return frames_of(item) < SHOWN ? frames_of(item) : SHOWN; }

/* All tunes; what has a score of its own is a frame. */
att_status att_choose_tunes(att_probes *q, const att_held *held) {
  size_t count = att_count_held(held), frames = 0, at = 0;
  att_held_item item;
  for (size_t i = 0; i < count; i++)
    if (att_held_at(held, i, &item)) frames += frames_of(&item);
  ATT_TRY(att_probes_reserve(q, count, frames));
  for (size_t i = 0; i < count; i++) {
    att_held_at(held, i, &q->items[i]);
    for (size_t f = 0; f < frames_of(&q->items[i]); f++) q->lengths[at++] = f;
  }
  q->count = count;
  q->scored = frames;
  return ATT_OK;
}

/* -log p of a frame, a sigmoid each key. */
static double nats_of(const float *logits, const float *truth) {
  double sum = 0;
  for (int k = 0; k < ATT_ROLL_KEYS; k++) {
    double z = truth[k] > 0 ? (double)logits[k] : -(double)logits[k];
    sum += log1p(exp(-fabs(z))) + fmax(-z, 0);
  }
  return sum;
}

/* Of an example. */
static att_status keep_picture(att_model *model, const att_probes *q, size_t index, const att_tensor *logits,
                               att_results *a) {
  size_t rows = att_shown_frames(&q->items[index]), example = 0;
  while (example < q->example_count && (q->examples[example] != index || a->likely[example])) example++;
  if (example == q->example_count) return ATT_OK;
  float *likely = a->likely[example] = ATT_NEW(q->ctx, rows * ATT_ROLL_KEYS, float);
  if (!likely) return ATT_MEMORY;
  for (size_t r = 0; r < rows; r++) {
    double scores[ATT_ROLL_KEYS];
    model->head->scores(logits->data + (int64_t)r * logits->stride, ATT_ROLL_KEYS, scores);
    for (size_t k = 0; k < ATT_ROLL_KEYS; k++) likely[r * ATT_ROLL_KEYS + k] = (float)scores[k];
  }
  return ATT_OK;
}

/* nats [frames of the tune]. */
static att_status measure_tune(att_model *model, const att_probes *q, size_t index, att_arena *arena, double *nats,
                               att_results *a) {
  att_run run = {.ctx = q->ctx, .arena = arena};
  const att_held_item *item = &q->items[index];
  int64_t frames = (int64_t)frames_of(item), start[2] = {0, frames};
  const att_rolls tune = {(unsigned char *)(uintptr_t)item->input.data, start, 1, frames};
  att_batch batch;
  att_hidden hidden;
  att_tensor logits;
  char text[64];
  double sum = 0;
  att_arena_reset(arena);
  if (att_is_interrupted(q->ctx)) return att_fail(q->ctx, ATT_INTERRUPTED, "interrupted while measuring");
  ATT_TRY(att_rolls_take(&tune, NULL, NULL, 0, 1, model->config.max_position_embeddings, arena, &batch));
  ATT_TRY(att_model_hidden(&run, model, &batch.target, NULL, NULL, &hidden));
  ATT_TRY(att_head_logits(&run, model, &hidden, &logits));
  for (int64_t f = 0; f < frames; f++) {
    nats[f] = nats_of(logits.data + f * logits.stride, batch.values + f * ATT_ROLL_KEYS);
    sum += nats[f];
  }
  att_format(text, sizeof text, "%.2f nats a frame", sum / (double)frames);
  ATT_TRY(att_keep_output(q, index, text, strlen(text), a));
  return keep_picture(model, q, index, &logits, a);
}

att_status att_compare_rolls(att_model *model, const att_probes *q, att_results *a) {
  double *nats = ATT_NEW(q->ctx, 2 * q->scored, double), *ones = nats ? nats + q->scored : NULL;
  att_arena *arena = NULL;
  size_t at = 0;
  att_status status = nats ? att_arena_new(q->ctx, &arena) : ATT_MEMORY;
  for (size_t i = 0; i < q->scored && !status; i++) ones[i] = 1;
  for (size_t i = 0; i < q->count && !status; at += frames_of(&q->items[i++]))
    status = measure_tune(model, q, i, arena, nats + at, a);
  if (!status) status = att_score_means(q, nats, ones, a);
  att_arena_free(arena);
  att_free(q->ctx, nats);
  return status;
}
