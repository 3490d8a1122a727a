/* Owns the soft cap of logits and its backward, both in place. */
#include "base/parallel.h"
#include "tensor/ops.h"

#include <string.h>

typedef struct cap_record {
  att_tensor x;
  float cap;
  float *dx; /* backward */
} cap_record;

static void cap_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const cap_record *c = arg;
  att_kernels_get()->soft_cap(c->x.data + begin * c->x.cols, c->cap, (end - begin) * c->x.cols);
}

static void bend_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const cap_record *c = arg;
  int64_t first = begin * c->x.cols;
  att_kernels_get()->soft_cap_backward(c->dx + first, c->x.data + first, c->cap, (end - begin) * c->x.cols);
}

static att_status cap_backward(att_run *run, void *record) {
  cap_record *c = record;
  c->dx = att_gradient_of(&c->x);
  if (c->dx) att_parallel(run->ctx, c->x.rows, 1 + 8192 / (c->x.cols + 1), bend_rows, c);
  return ATT_OK; /* it goes on as that of x before */
}

att_status att_op_soft_cap(att_run *run, att_tensor *x, float cap) {
  cap_record c = {.x = *x, .cap = cap};
  att_parallel(run->ctx, x->rows, 1 + 8192 / (x->cols + 1), cap_rows, &c);
  if (!run->tape || !x->gradient) return ATT_OK;
  void *record;
  ATT_TRY(att_tape_add(run, cap_backward, sizeof c, &record));
  memcpy(record, &c, sizeof c);
  return ATT_OK;
}
