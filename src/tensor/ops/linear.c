/* Owns the linear layer with its bias and activation: y = f(x w^T + b), and dx = dz w, dw += dz^T x, db += sum of dz's
 * rows. */
#include "base/parallel.h"
#include "tensor/ops.h"

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
  if (l->bias.data) k->bias(z, l->bias.data, cols, rows, cols);
  if (l->f != ATT_PLAIN) k->activation(y, z, att_activation_of(l->f), rows * cols);
}

static void activation_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const linear_record *l = arg;
  int64_t first = begin * l->out.cols, n = (end - begin) * l->out.cols;
  const float *z = l->z ? l->z : l->out.data;
  att_kernels_get()->activation_backward(l->dz + first, l->dz + first, z + first, att_activation_of(l->f), n);
}

static void bias_columns(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const linear_record *l = arg;
  att_kernels_get()->column_sums(l->bias.grad + begin, l->dz + begin, l->out.cols, l->out.rows, end - begin);
}

static att_status linear_backward(att_run *run, void *record) {
  linear_record *l = record;
  l->dz = att_gradient_of(&l->out);
  if (!l->dz) return ATT_OK;
  int64_t m = l->out.rows, n = l->out.cols, k = l->x.cols;
  if (l->f != ATT_PLAIN) att_parallel(run->ctx, m, 16, activation_rows, l);
  if (l->bias.grad) att_parallel(run->ctx, n, 64, bias_columns, l);
  if (l->w.grad) att_gemm(run->ctx, l->w.grad, k, l->dz, n, true, l->x.data, l->x.stride, false, n, k, m, true);
  if (l->x.gradient) {
    float *dx;
    bool accumulate;
    ATT_TRY(att_gradient_open(run, &l->x, &dx, &accumulate));
    att_gemm(run->ctx, dx, l->x.stride, l->dz, n, false, l->w.data, k, false, m, k, n, accumulate);
  }
  att_gradient_close(run, &l->out);
  return ATT_OK;
}

att_status att_op_linear(att_run *run, const att_tensor *x, const att_weight *w, const att_weight *bias, att_epilogue f,
                         att_tensor *out) {
  ATT_TRY(att_tensor_new(run, x->rows, w->rows, out));
  linear_record l = {.x = *x, .out = *out, .w = *w, .bias = *bias, .f = f};
  if (run->tape && f != ATT_PLAIN && f != ATT_WITH_RELU) {
    l.z = ATT_ARENA_NEW(run->arena, out->rows * out->cols, float);
    if (!l.z) return ATT_MEMORY;
  }
  float *product = l.z ? l.z : out->data;
  att_gemm_weight(run->ctx, product, out->cols, x->data, x->stride, w->data, w->type, x->rows, w->rows, w->cols, false);
  if (bias->data || f != ATT_PLAIN) att_parallel(run->ctx, out->rows, 1 + 16384 / (out->cols + 1), finish_rows, &l);
  if (!run->tape) return ATT_OK;
  void *record;
  ATT_TRY(att_tape_add(run, linear_backward, sizeof l, &record));
  memcpy(record, &l, sizeof l);
  return ATT_OK;
}
