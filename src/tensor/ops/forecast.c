/* Owns what forecasts need of ops: undoing a normalisation of rows, and the loss of a mean and its quantiles. */
#include "tensor/ops.h"

#include <math.h>
#include <string.h>

/* ---- undoing -------------------------------------------------------------------------------------------------- */

typedef struct scale_record {
  att_tensor x, out;
  const float *scales;
} scale_record;

static att_status scale_backward(att_run *run, void *record) {
  scale_record *s = record;
  const float *dy = att_gradient_of(&s->out);
  if (!dy || !s->x.gradient) return ATT_OK;
  float *dx;
  bool accumulate;
  ATT_TRY(att_gradient_open(run, &s->x, &dx, &accumulate));
  for (int64_t i = 0; i < s->x.rows; i++) {
    float *to = dx + i * s->x.stride, factor = s->scales[2 * i + 1];
    for (int64_t c = 0; c < s->x.cols; c++) to[c] = dy[i * s->out.cols + c] * factor + (accumulate ? to[c] : 0);
  }
  att_gradient_close(run, &s->out);
  return ATT_OK;
}

att_status att_op_scale_rows(att_run *run, const att_tensor *x, const float *scales, att_tensor *out) {
  ATT_TRY(att_tensor_new(run, x->rows, x->cols, out));
  for (int64_t i = 0; i < x->rows; i++)
    for (int64_t c = 0; c < x->cols; c++)
      out->data[i * x->cols + c] = x->data[i * x->stride + c] * scales[2 * i + 1] + scales[2 * i];
  if (!run->tape) return ATT_OK;
  scale_record s = {*x, *out, scales};
  void *record;
  ATT_TRY(att_tape_add(run, scale_backward, sizeof s, &record));
  memcpy(record, &s, sizeof s);
  return ATT_OK;
}

/* ---- the loss ------------------------------------------------------------------------------------------------- */

typedef struct forecast_task {
  const float *quantiles;
  int64_t count, horizon;
  double scale; /* of gradients */
} forecast_task;

/* The squared error of x [horizon], and its slope. */
static double squared_row(const forecast_task *t, const float *x, const float *y, float *dx) {
  double sum = 0, n = (double)t->horizon;
  for (int64_t i = 0; i < t->horizon; i++) {
    double error = (double)x[i] - (double)y[i];
    sum += error * error;
    dx[i] = (float)(2 * error / n * t->scale);
  }
  return sum / n;
}

/* max(q (y - x), (q - 1)(y - x)): Koenker & Bassett 1978. */
static double pinball_row(const forecast_task *t, const float *x, const float *y, float q, float *dx) {
  double sum = 0, n = (double)t->horizon * (double)t->count;
  for (int64_t i = 0; i < t->horizon; i++) {
    double error = (double)y[i] - (double)x[i], slope = error > 0 ? (double)q : (double)q - 1;
    sum += slope * error;
    dx[i] = (float)(error == 0 ? 0 : -slope / n * t->scale);
  }
  return sum / n;
}

att_status att_op_forecast_loss(att_run *run, const att_tensor *x, const float *targets, const float *quantiles,
                                int64_t count, double divisor, att_loss *out) {
  forecast_task t = {quantiles, count, x->cols / (count + 1), 1.0 / divisor};
  float *dx = NULL;
  bool accumulate = false;
  if (run->tape && x->gradient) ATT_TRY(att_gradient_open(run, x, &dx, &accumulate));
  att_arena_mark mark = att_arena_save(run->arena);
  float *row = ATT_ARENA_NEW(run->arena, x->cols, float);
  if (!row) return ATT_MEMORY;
  for (int64_t i = 0; i < x->rows; i++) {
    const float *from = x->data + i * x->stride, *y = targets + i * t.horizon;
    double squared = squared_row(&t, from, y, row);
    out->loss += squared;
    out->nll += squared;
    for (int64_t q = 0; q < count; q++) {
      int64_t at = (q + 1) * t.horizon;
      out->loss += pinball_row(&t, from + at, y, quantiles[q], row + at);
    }
    float *to = dx ? dx + i * x->stride : row;
    for (int64_t c = 0; dx && c < x->cols; c++) to[c] = accumulate ? to[c] + row[c] : row[c];
  }
  out->count += x->rows;
  att_arena_restore(run->arena, mark);
  return ATT_OK;
}
