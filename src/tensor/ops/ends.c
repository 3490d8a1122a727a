/* Owns taking the ends of sequences, and its backward. */
#include "tensor/ops.h"

#include <string.h>

typedef struct ends_record {
  att_tensor x, out;
  att_sequences sequences;
  int64_t split;
} ends_record;

static att_status ends_backward(att_run *run, void *record) {
  ends_record *e = record;
  const float *dy = att_gradient_of(&e->out);
  if (!dy || !e->x.gradient) return ATT_OK;
  const att_kernels *k = att_kernels_get();
  float *dx;
  bool accumulate;
  ATT_TRY(att_gradient_open(run, &e->x, &dx, &accumulate));
  for (int64_t r = 0; !accumulate && r < e->x.rows; r++)
    memset(dx + r * e->x.stride, 0, (size_t)e->x.cols * sizeof *dx);
  for (int64_t i = 0; i < e->sequences.count; i++, dy += e->out.cols) {
    int64_t first = e->sequences.start[i], end = e->sequences.start[i + 1];
    if (first == end) continue;
    k->add(dx + (end - 1) * e->x.stride, dy, e->split);
    k->add(dx + first * e->x.stride + e->split, dy + e->split, e->out.cols - e->split);
  }
  att_gradient_close(run, &e->out);
  return ATT_OK;
}

att_status att_op_ends(att_run *run, const att_tensor *x, att_sequences sequences, int64_t split, att_tensor *out) {
  ATT_TRY(att_tensor_new(run, sequences.count, x->cols, out));
  for (int64_t i = 0; i < sequences.count; i++) {
    float *y = out->data + i * out->cols;
    int64_t first = sequences.start[i], end = sequences.start[i + 1];
    if (first == end) {
      memset(y, 0, (size_t)out->cols * sizeof *y);
      continue;
    }
    if (split > 0) memcpy(y, x->data + (end - 1) * x->stride, (size_t)split * sizeof *y);
    if (split < x->cols) memcpy(y + split, x->data + first * x->stride + split, (size_t)(x->cols - split) * sizeof *y);
  }
  if (!run->tape) return ATT_OK;
  ends_record e = {*x, *out, sequences, split};
  void *record;
  ATT_TRY(att_tape_add(run, ends_backward, sizeof e, &record));
  memcpy(record, &e, sizeof e);
  return ATT_OK;
}
