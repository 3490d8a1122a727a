/*
 * Owns the residual connection with its dropout: out = x + dropout(y). As d out / d x is the identity, out and x share
 * one gradient, where x has one: x must not be used by an op recorded later (in a block it never is), and nothing is
 * copied.
 */
#include "base/parallel.h"
#include "tensor/dropout.h"
#include "tensor/ops.h"

#include <string.h>

typedef struct residual_record {
  att_tensor x, y, out;
  att_dropout dropout;
  const float *dout; /* backward, as all below */
  float *dy;
  bool accumulate;
} residual_record;

static void residual_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const residual_record *r = arg;
  int64_t first = begin * r->out.cols, n = (end - begin) * r->out.cols;
  att_kernels_get()->add_dropout(r->out.data + first, r->x.data + first, r->y.data + first, r->dropout.key,
                                 (uint32_t)first, r->dropout.threshold, r->dropout.keep_scale, n);
}

static void backward_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const residual_record *r = arg;
  int64_t first = begin * r->out.cols, n = (end - begin) * r->out.cols;
  att_dropout_apply(&r->dropout, r->dy + first, r->dout + first, first, r->accumulate, n);
}

static att_status residual_backward(att_run *run, void *record) {
  residual_record *r = record;
  r->dout = att_gradient_of(&r->out);
  if (!r->dout) return ATT_OK;
  if (r->y.gradient) {
    ATT_TRY(att_gradient_open(run, &r->y, &r->dy, &r->accumulate));
    att_parallel(run->ctx, r->out.rows, 16, backward_rows, r);
  }
  if (!r->x.gradient) att_gradient_close(run, &r->out); /* else it goes on as x's */
  return ATT_OK;
}

att_status att_op_residual(att_run *run, const att_tensor *x, const att_tensor *y, uint32_t place, att_tensor *out) {
  att_run untaped = *run; /* the gradient is x's */
  untaped.tape = NULL;
  residual_record r = {.x = *x, .y = *y, .dropout = att_dropout_of(run, place)};
  ATT_TRY(att_tensor_new(x->gradient ? &untaped : run, x->rows, x->cols, &r.out));
  if (x->gradient) r.out.gradient = x->gradient;
  att_parallel(run->ctx, r.x.rows, 1 + 16384 / (r.x.cols + 1), residual_rows, &r);
  *out = r.out;
  if (!run->tape) return ATT_OK;
  void *record;
  ATT_TRY(att_tape_add(run, residual_backward, sizeof r, &record));
  memcpy(record, &r, sizeof r);
  return ATT_OK;
}
