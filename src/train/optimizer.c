/* Owns what optimizer.h says. */
#include "train/optimizer.h"

#include "base/parallel.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

#define ATT_PIECE 32768 /* floats: four arrays of it fit the second-level cache */

/* Where a parameter's part of the block ends: with the padding behind it, which is zeros and stays so, where the next
 * one is trained too. */
static int64_t end_of(const att_model *model, size_t i) {
  const att_parameter *p = &model->parameters[i];
  bool goes_on = i + 1 < model->parameter_count && p[1].trained;
  return goes_on ? p[1].offset : p->offset + p->rows * p->cols;
}

/* Cuts the trained parameters' part of the block where the decay changes, where one that is not trained stands between,
 * and every ATT_PIECE floats; returns how many, written where pieces is given. */
static int64_t cut(const att_model *model, att_piece *pieces) {
  int64_t count = 0;
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *first = &model->parameters[i], *p = first;
    if (!first->trained) continue;
    while (i + 1 < model->parameter_count && p[1].trained && p[1].decay == first->decay) p = &model->parameters[++i];
    for (int64_t begin = first->offset, end = end_of(model, i); begin < end; begin += ATT_PIECE) {
      int64_t size = end - begin < ATT_PIECE ? end - begin : ATT_PIECE;
      if (pieces) pieces[count] = (att_piece){begin, size, first->decay, 0};
      count++;
    }
  }
  return count;
}

att_status att_optimizer_new(att_model *model, att_optimizer *o) {
  int64_t count = cut(model, NULL);
  *o = (att_optimizer){
      .model = model,
      .mean = att_alloc_aligned(model->ctx, (size_t)model->trained_total, sizeof(float)),
      .power = att_alloc_aligned(model->ctx, (size_t)model->trained_total, sizeof(float)),
      .pieces = ATT_NEW(model->ctx, count, att_piece),
      .piece_count = count,
  };
  if (!o->mean || !o->power || !o->pieces) {
    att_optimizer_free(o);
    return ATT_MEMORY;
  }
  cut(model, o->pieces);
  return ATT_OK;
}

void att_optimizer_free(att_optimizer *o) {
  if (!o->model) return;
  att_free_aligned(o->model->ctx, o->mean);
  att_free_aligned(o->model->ctx, o->power);
  att_free(o->model->ctx, o->pieces);
  *o = (att_optimizer){0};
}

/* What one pass over the pieces reads and does. */
typedef struct att_sweep {
  att_optimizer *optimizer;
  const float *block;
  att_adam_args args;
  double decay;
} att_sweep;

static void square_pieces(void *arg, int64_t begin, int64_t end, int thread) {
  att_sweep *sweep = arg;
  (void)thread;
  for (int64_t i = begin; i < end; i++) {
    att_piece *piece = &sweep->optimizer->pieces[i];
    piece->squares = att_kernels_get()->sum_squares(sweep->block + piece->offset, piece->count);
  }
}

static double sum_of_squares(att_optimizer *o, const float *block) {
  att_sweep sweep = {.optimizer = o, .block = block};
  double sum = 0;
  att_parallel(o->model->ctx, o->piece_count, 4, square_pieces, &sweep);
  for (int64_t i = 0; i < o->piece_count; i++) sum += o->pieces[i].squares;
  return sum;
}

/* A frozen row has a gradient all the same, as in PyTorch: the output projection gives it one. */
static void clear_frozen_rows(const att_model *model) {
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    if (!p->trained || p->frozen_row < 0) continue;
    memset(model->gradients + p->offset + p->frozen_row * p->cols, 0, (size_t)p->cols * sizeof(float));
  }
}

double att_optimizer_norm(att_optimizer *o) {
  clear_frozen_rows(o->model);
  return sqrt(sum_of_squares(o, o->model->gradients));
}

bool att_optimizer_is_finite(att_optimizer *o) { return isfinite(sum_of_squares(o, o->model->values)); }

static void step_pieces(void *arg, int64_t begin, int64_t end, int thread) {
  att_sweep *sweep = arg;
  att_optimizer *o = sweep->optimizer;
  (void)thread;
  for (int64_t i = begin; i < end; i++) {
    int64_t at = o->pieces[i].offset, count = o->pieces[i].count;
    float *gradients = o->model->gradients + at;
    att_adam_args args = sweep->args;
    args.weight_decay = o->pieces[i].decay ? (float)sweep->decay : 0;
    att_kernels_get()->adam(o->model->values + at, o->mean + at, o->power + at, gradients, &args, count);
    memset(gradients, 0, (size_t)count * sizeof(float));
  }
}

void att_optimizer_step(att_optimizer *o, const att_plan *plan, int64_t t, double lr, double norm) {
  att_sweep sweep = {
      .optimizer = o,
      .args = {.lr = (float)lr,
               .beta1 = (float)plan->beta1,
               .beta2 = (float)plan->beta2,
               .epsilon = (float)plan->epsilon,
               .correction1 = (float)(1 - pow(plan->beta1, (double)t)),
               .correction2 = (float)(1 - pow(plan->beta2, (double)t)),
               .grad_scale = plan->clip > 0 && norm > plan->clip ? (float)(plan->clip / norm) : 1},
      .decay = plan->weight_decay,
  };
  att_parallel(o->model->ctx, o->piece_count, 4, step_pieces, &sweep);
}
