/* Owns the linear layer with its bias and activation: y = f(x w^T + b), and dx = dz w, dw += dz^T x, db += sum of dz's
 * rows. */
#include "base/parallel.h"
#include "tensor/ops.h"
#include "tensor/product.h"

#include <string.h>

typedef struct linear_record {
  att_tensor x, out;
  att_weight w, bias;
  att_epilogue f;
  float *dz; /* backward: the output's gradient, then that of what is before the activation */
  float *z;  /* before the activation, which its slope is a function of; ReLU's sign is in its output */
} linear_record;

static void finish_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const linear_record *l = arg;
  const att_kernels *k = att_kernels_get();
  int64_t cols = l->out.cols, rows = end - begin;
  float *y = l->out.data + begin * cols, *z = l->z ? l->z + begin * cols : y;
  int64_t first = 0;
  for (const att_weight *b = l->bias.data ? &l->bias : NULL; b; first += b->cols, b = b->next)
    k->bias(z + first, b->data, cols, rows, b->cols);
  if (l->f != ATT_PLAIN) k->activation(y, z, att_activation_of(l->f), rows * cols);
}

static void activation_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const linear_record *l = arg;
  int64_t first = begin * l->out.cols, n = (end - begin) * l->out.cols;
  const float *z = l->z ? l->z : l->out.data;
  att_kernels_get()->activation_backward(l->dz + first, l->dz + first, z + first, att_activation_of(l->f), n);
}

/* Of one part of the bias, whose first column is `first`. */
typedef struct bias_task {
  const linear_record *linear;
  const att_weight *bias;
  int64_t first;
} bias_task;

static void bias_columns(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const bias_task *t = arg;
  const linear_record *l = t->linear;
  att_kernels_get()->column_sums(t->bias->grad + begin, l->dz + t->first + begin, l->out.cols, l->out.rows,
                                 end - begin);
}

static att_status linear_backward(att_run *run, void *record) {
  linear_record *l = record;
  l->dz = att_gradient_of(&l->out);
  if (!l->dz) return ATT_OK;
  int64_t m = l->out.rows, n = l->out.cols, k = l->x.cols;
  if (l->f != ATT_PLAIN) att_parallel(run->ctx, m, 16, activation_rows, l);
  bias_task task = {l, &l->bias, 0};
  for (; task.bias; task.first += task.bias->cols, task.bias = task.bias->next)
    if (task.bias->grad) att_parallel(run->ctx, task.bias->cols, 64, bias_columns, &task);
  float *dz = l->dz, *dx = NULL;
  bool accumulate = false;
  if (l->x.gradient) ATT_TRY(att_gradient_open(run, &l->x, &dx, &accumulate));
  for (const att_weight *w = &l->w; w; w = w->next, accumulate = true) {
    if (w->grad) att_gemm(run->ctx, w->grad, k, dz, n, true, l->x.data, l->x.stride, false, w->rows, k, m, true);
    if (dx) ATT_TRY(att_product_backward(run, dx, l->x.stride, dz, n, m, w, accumulate));
    dz += w->rows;
  }
  att_gradient_close(run, &l->out);
  return ATT_OK;
}

static void add_moments(double *moments, const att_tensor *x) {
  for (int64_t i = 0; i < x->rows; i++) {
    const float *row = x->data + i * x->stride;
    for (int64_t j = 0; j < x->cols; j++) moments[j] += (double)row[j] * (double)row[j];
  }
  moments[x->cols] += (double)x->rows;
}

att_status att_op_linear(att_run *run, const att_tensor *x, const att_weight *w, const att_weight *bias, att_epilogue f,
                         att_tensor *out) {
  if (x->cols != w->cols) { /* backward would write beyond the weight's gradient */
    return att_fail(run->ctx, ATT_ARGUMENT, "a linear layer reads %lld columns, not %lld", (long long)w->cols,
                    (long long)x->cols);
  }
  ATT_TRY(att_tensor_new(run, x->rows, att_weight_rows(w), out));
  linear_record l = {.x = *x, .out = *out, .w = *w, .bias = *bias, .f = f};
  if (run->tape && f != ATT_PLAIN && f != ATT_WITH_RELU) {
    l.z = ATT_ARENA_NEW(run->arena, out->rows * out->cols, float);
    if (!l.z) return ATT_MEMORY;
  }
  if (w->moments) add_moments(w->moments, x);
  ATT_TRY(att_product(run, l.z ? l.z : out->data, out->cols, x->data, x->stride, x->rows, w));
  if (bias->data || f != ATT_PLAIN) att_parallel(run->ctx, out->rows, 1 + 16384 / (out->cols + 1), finish_rows, &l);
  if (!run->tape) return ATT_OK;
  void *record;
  ATT_TRY(att_tape_add(run, linear_backward, sizeof l, &record));
  memcpy(record, &l, sizeof l);
  return ATT_OK;
}
