/* Owns the product of a tensor with a number, and its backward. */
#include "base/parallel.h"
#include "tensor/ops.h"

#include <string.h>

typedef struct scale_record {
  att_tensor x, out;
  float factor;
  const float *dout; /* backward, as all below */
  float *dx;
  bool accumulate;
} scale_record;

static void scale_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const scale_record *s = arg;
  int64_t d = s->out.cols;
  for (int64_t i = begin; i < end; i++) {
    float *y = s->out.data + i * d;
    memcpy(y, s->x.data + i * s->x.stride, (size_t)d * sizeof *y);
    att_kernels_get()->scale(y, s->factor, d);
  }
}

static void backward_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const scale_record *s = arg;
  int64_t d = s->out.cols;
  for (int64_t i = begin; i < end; i++) {
    float *dx = s->dx + i * s->x.stride;
    if (!s->accumulate) memset(dx, 0, (size_t)d * sizeof *dx);
    att_kernels_get()->axpy(dx, s->factor, s->dout + i * d, d);
  }
}

static att_status scale_backward(att_run *run, void *record) {
  scale_record *s = record;
  s->dout = att_gradient_of(&s->out);
  if (!s->dout) return ATT_OK;
  if (s->x.gradient) {
    ATT_TRY(att_gradient_open(run, &s->x, &s->dx, &s->accumulate));
    att_parallel(run->ctx, s->out.rows, 16, backward_rows, s);
  }
  att_gradient_close(run, &s->out);
  return ATT_OK;
}

att_status att_op_scale(att_run *run, const att_tensor *x, float factor, att_tensor *out) {
  scale_record s = {.x = *x, .factor = factor};
  ATT_TRY(att_tensor_new(run, x->rows, x->cols, &s.out));
  att_parallel(run->ctx, x->rows, 16, scale_rows, &s);
  *out = s.out;
  if (!run->tape) return ATT_OK;
  void *record;
  ATT_TRY(att_tape_add(run, scale_backward, sizeof s, &record));
  memcpy(record, &s, sizeof s);
  return ATT_OK;
}
