/* Owns putting tensors side by side, and its backward. */
#include "tensor/ops.h"

#include <string.h>

/* y (+)= x, [rows, cols] */
static void move_block(float *y, int64_t ldy, const float *x, int64_t ldx, int64_t rows, int64_t cols,
                       bool accumulate) {
  for (int64_t r = 0; r < rows; r++, y += ldy, x += ldx) {
    if (accumulate) {
      att_kernels_get()->add(y, x, cols);
    } else if (cols > 0) {
      memcpy(y, x, (size_t)cols * sizeof *y);
    }
  }
}

typedef struct concat_record {
  att_tensor parts[ATT_MOST_PARTS], out;
  int count;
} concat_record;

static att_status concat_backward(att_run *run, void *record) {
  concat_record *c = record;
  const float *dy = att_gradient_of(&c->out);
  if (!dy) return ATT_OK;
  for (int i = 0; i < c->count; i++) {
    const att_tensor *x = &c->parts[i];
    float *dx;
    bool accumulate;
    if (x->gradient) {
      ATT_TRY(att_gradient_open(run, x, &dx, &accumulate));
      move_block(dx, x->stride, dy, c->out.cols, x->rows, x->cols, accumulate);
    }
    dy += x->cols;
  }
  att_gradient_close(run, &c->out);
  return ATT_OK;
}

att_status att_op_concat(att_run *run, const att_tensor *const *parts, int count, att_tensor *out) {
  concat_record c = {.count = count};
  int64_t cols = 0, first = 0;
  for (int i = 0; i < count; i++) {
    c.parts[i] = *parts[i];
    cols += parts[i]->cols;
  }
  ATT_TRY(att_tensor_new(run, parts[0]->rows, cols, out));
  for (int i = 0; i < count; first += parts[i]->cols, i++)
    move_block(out->data + first, cols, parts[i]->data, parts[i]->stride, out->rows, parts[i]->cols, false);
  if (!run->tape) return ATT_OK;
  c.out = *out;
  void *record;
  ATT_TRY(att_tape_add(run, concat_backward, sizeof c, &record));
  memcpy(record, &c, sizeof c);
  return ATT_OK;
}
