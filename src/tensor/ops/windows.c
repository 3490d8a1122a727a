/* Owns windows: rows side by side in one row, and its backward. */
#include "base/parallel.h"
#include "tensor/ops.h"

#include <string.h>

typedef struct windows_record {
  att_tensor x, out;
  const int32_t *rows;
  int64_t slots;
  const float *dy; /* backward, as below */
  float *dx;
} windows_record;

static void fill_windows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const windows_record *w = arg;
  size_t bytes = (size_t)w->x.cols * sizeof(float);
  for (int64_t i = begin * w->slots; i < end * w->slots; i++) {
    float *y = w->out.data + i * w->x.cols;
    if (w->rows[i] < 0) {
      memset(y, 0, bytes);
    } else {
      memcpy(y, w->x.data + w->rows[i] * w->x.stride, bytes);
    }
  }
}

/* A row may stand in many windows, so threads share the columns: the order of sums is fixed. */
static void scatter_columns(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const windows_record *w = arg;
  for (int64_t i = 0; i < w->out.rows * w->slots; i++) {
    if (w->rows[i] < 0) continue;
    att_kernels_get()->add(w->dx + w->rows[i] * w->x.stride + begin, w->dy + i * w->x.cols + begin, end - begin);
  }
}

static att_status windows_backward(att_run *run, void *record) {
  windows_record *w = record;
  bool accumulate;
  w->dy = att_gradient_of(&w->out);
  if (!w->dy) return ATT_OK;
  ATT_TRY(att_gradient_open(run, &w->x, &w->dx, &accumulate));
  for (int64_t r = 0; !accumulate && r < w->x.rows; r++)
    memset(w->dx + r * w->x.stride, 0, (size_t)w->x.cols * sizeof *w->dx);
  att_parallel(run->ctx, w->x.cols, 32, scatter_columns, w);
  att_gradient_close(run, &w->out);
  return ATT_OK;
}

att_status att_op_windows(att_run *run, const att_tensor *x, const int32_t *rows, int64_t n, int64_t slots,
                          att_tensor *out) {
  ATT_TRY(att_tensor_new(run, n, slots * x->cols, out));
  windows_record w = {.x = *x, .out = *out, .rows = rows, .slots = slots};
  att_parallel(run->ctx, n, 1 + 16384 / (out->cols + 1), fill_windows, &w);
  if (!x->gradient) out->gradient = NULL;
  if (!run->tape || !x->gradient) return ATT_OK;
  void *record;
  ATT_TRY(att_tape_add(run, windows_backward, sizeof w, &record));
  memcpy(record, &w, sizeof w);
  return ATT_OK;
}
