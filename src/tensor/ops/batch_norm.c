/* Owns batch normalisation by statistics that stay as they are (PyTorch's BatchNorm1d in evaluation). */
#include "tensor/ops.h"

#include <math.h>
#include <string.h>

typedef struct batch_norm_record {
  att_tensor x, out;
  att_weight gamma, beta;
  const float *mean, *rstd; /* [cols] */
} batch_norm_record;

static att_status backward(att_run *run, void *record) {
  batch_norm_record *b = record;
  const float *dy = att_gradient_of(&b->out), *gamma = b->gamma.data;
  if (!dy) return ATT_OK;
  int64_t cols = b->x.cols;
  float *dx;
  bool accumulate;
  ATT_TRY(att_gradient_open(run, &b->x, &dx, &accumulate));
  for (int64_t i = 0; i < b->x.rows; i++) {
    const float *x = b->x.data + i * b->x.stride, *d = dy + i * cols;
    float *to = dx + i * b->x.stride;
    for (int64_t c = 0; c < cols; c++) {
      if (b->gamma.grad) b->gamma.grad[c] += d[c] * (x[c] - b->mean[c]) * b->rstd[c];
      if (b->beta.grad) b->beta.grad[c] += d[c];
      to[c] = d[c] * gamma[c] * b->rstd[c] + (accumulate ? to[c] : 0);
    }
  }
  att_gradient_close(run, &b->out);
  return ATT_OK;
}

att_status att_op_batch_norm(att_run *run, const att_tensor *x, const att_weight *gamma, const att_weight *beta,
                             const att_weight *mean, const att_weight *variance, float epsilon, att_tensor *out) {
  const float *g = gamma->data, *b = beta->data, *m = mean->data, *v = variance->data;
  int64_t cols = x->cols;
  ATT_TRY(att_tensor_new(run, x->rows, cols, out));
  float *rstd = ATT_ARENA_NEW(run->arena, cols, float);
  if (!rstd) return ATT_MEMORY;
  for (int64_t c = 0; c < cols; c++) rstd[c] = (float)(1 / sqrt((double)v[c] + (double)epsilon));
  for (int64_t i = 0; i < x->rows; i++)
    for (int64_t c = 0; c < cols; c++)
      out->data[i * cols + c] = (x->data[i * x->stride + c] - m[c]) * rstd[c] * g[c] + b[c];
  if (!run->tape) return ATT_OK;
  batch_norm_record r = {.x = *x, .out = *out, .gamma = *gamma, .beta = *beta, .mean = m, .rstd = rstd};
  void *record;
  ATT_TRY(att_tape_add(run, backward, sizeof r, &record));
  memcpy(record, &r, sizeof r);
  return ATT_OK;
}
