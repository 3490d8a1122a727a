/* Owns dropout where no residual connection or embedding has it. */
#include "tensor/dropout.h"
#include "base/parallel.h"
#include "tensor/ops.h"

#include <string.h>

typedef struct dropout_record {
  att_tensor x, out;
  att_dropout dropout;
  const float *dy; /* backward, as all below */
  float *dx;
  bool accumulate;
} dropout_record;

static void dropout_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const dropout_record *d = arg;
  int64_t first = begin * d->out.cols, n = (end - begin) * d->out.cols;
  att_dropout_apply(&d->dropout, d->out.data + first, d->x.data + first, first, false, n);
}

static void backward_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const dropout_record *d = arg;
  int64_t first = begin * d->out.cols, n = (end - begin) * d->out.cols;
  att_dropout_apply(&d->dropout, d->dx + first, d->dy + first, first, d->accumulate, n);
}

static att_status dropout_backward(att_run *run, void *record) {
  dropout_record *d = record;
  d->dy = att_gradient_of(&d->out);
  if (!d->dy) return ATT_OK;
  ATT_TRY(att_gradient_open(run, &d->x, &d->dx, &d->accumulate));
  att_parallel(run->ctx, d->out.rows, 16, backward_rows, d);
  att_gradient_close(run, &d->out);
  return ATT_OK;
}

att_status att_op_dropout(att_run *run, const att_tensor *x, uint32_t place, att_tensor *out) {
  att_dropout dropout = att_dropout_of(run, place);
  if (!dropout.threshold) {
    *out = *x;
    return ATT_OK;
  }
  ATT_TRY(att_tensor_new(run, x->rows, x->cols, out));
  dropout_record d = {.x = *x, .out = *out, .dropout = dropout};
  att_parallel(run->ctx, x->rows, 16, dropout_rows, &d);
  if (!run->tape) return ATT_OK;
  void *record;
  ATT_TRY(att_tape_add(run, dropout_backward, sizeof d, &record));
  memcpy(record, &d, sizeof d);
  return ATT_OK;
}
