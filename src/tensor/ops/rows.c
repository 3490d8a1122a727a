/* Owns picking rows and averaging them by sequence, with their backward. */
#include "base/parallel.h"
#include "tensor/ops.h"

#include <string.h>

typedef struct rows_record {
  att_tensor x, out;
  const int32_t *rows;     /* picking */
  att_sequences sequences; /* averaging */
  const float *dy;         /* backward, as all below */
  float *dx;
  bool accumulate;
} rows_record;

static void pick_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const rows_record *r = arg;
  for (int64_t i = begin; i < end; i++) {
    const float *x = r->x.data + r->rows[i] * r->x.stride;
    memcpy(r->out.data + i * r->out.cols, x, (size_t)r->out.cols * sizeof *x);
  }
}

static void clear_columns(const rows_record *r, int64_t begin, int64_t end) {
  for (int64_t i = 0; i < r->x.rows; i++) {
    memset(r->dx + i * r->x.stride + begin, 0, (size_t)(end - begin) * sizeof *r->dx);
  }
}

/* Several rows may add into one, so threads share the columns: the order of sums is fixed. */
static void unpick_columns(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const rows_record *r = arg;
  if (!r->accumulate) clear_columns(r, begin, end);
  for (int64_t i = 0; i < r->out.rows; i++) {
    float *dx = r->dx + r->rows[i] * r->x.stride + begin;
    att_kernels_get()->add(dx, r->dy + i * r->out.cols + begin, end - begin);
  }
}

static void average_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const rows_record *r = arg;
  const att_kernels *k = att_kernels_get();
  int64_t cols = r->out.cols;
  for (int64_t i = begin; i < end; i++) {
    int64_t first = r->sequences.start[i], count = r->sequences.start[i + 1] - first;
    float *y = r->out.data + i * cols;
    memset(y, 0, (size_t)cols * sizeof *y);
    k->column_sums(y, r->x.data + first * r->x.stride, r->x.stride, count, cols);
    if (count > 1) k->scale(y, 1.0f / (float)count, cols);
  }
}

static void unaverage_columns(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const rows_record *r = arg;
  if (!r->accumulate) clear_columns(r, begin, end);
  for (int64_t i = 0; i < r->sequences.count; i++) {
    int64_t first = r->sequences.start[i], last = r->sequences.start[i + 1];
    for (int64_t row = first; row < last; row++) {
      att_kernels_get()->axpy(r->dx + row * r->x.stride + begin, 1.0f / (float)(last - first),
                              r->dy + i * r->out.cols + begin, end - begin);
    }
  }
}

static att_status rows_backward(att_run *run, void *record) {
  rows_record *r = record;
  r->dy = att_gradient_of(&r->out);
  if (!r->dy) return ATT_OK;
  ATT_TRY(att_gradient_open(run, &r->x, &r->dx, &r->accumulate));
  att_parallel(run->ctx, r->out.cols, 64, r->rows ? unpick_columns : unaverage_columns, r);
  att_gradient_close(run, &r->out);
  return ATT_OK;
}

static att_status record_rows(att_run *run, const rows_record *r) {
  if (!run->tape || !r->x.gradient) return ATT_OK;
  void *record;
  ATT_TRY(att_tape_add(run, rows_backward, sizeof *r, &record));
  memcpy(record, r, sizeof *r);
  return ATT_OK;
}

att_status att_op_rows(att_run *run, const att_tensor *x, const int32_t *rows, int64_t n, att_tensor *out) {
  ATT_TRY(att_tensor_new(run, n, x->cols, out));
  rows_record r = {.x = *x, .out = *out, .rows = rows};
  att_parallel(run->ctx, n, 64, pick_rows, &r);
  return record_rows(run, &r);
}

att_status att_op_mean(att_run *run, const att_tensor *x, att_sequences sequences, att_tensor *out) {
  ATT_TRY(att_tensor_new(run, sequences.count, x->cols, out));
  rows_record r = {.x = *x, .out = *out, .sequences = sequences};
  att_parallel(run->ctx, sequences.count, 8, average_rows, &r);
  return record_rows(run, &r);
}
