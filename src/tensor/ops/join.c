/* Owns putting tensors and rows side by side, and taking the ends of sequences, with their backwards. */
#include "base/parallel.h"
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

typedef struct join_record {
  att_tensor parts[ATT_MOST_PARTS], out;
  int count;
} join_record;

static att_status join_backward(att_run *run, void *record) {
  join_record *j = record;
  const float *dy = att_gradient_of(&j->out);
  if (!dy) return ATT_OK;
  for (int i = 0; i < j->count; i++) {
    const att_tensor *x = &j->parts[i];
    float *dx;
    bool accumulate;
    if (x->gradient) {
      ATT_TRY(att_gradient_open(run, x, &dx, &accumulate));
      move_block(dx, x->stride, dy, j->out.cols, x->rows, x->cols, accumulate);
    }
    dy += x->cols;
  }
  att_gradient_close(run, &j->out);
  return ATT_OK;
}

att_status att_op_join(att_run *run, const att_tensor *const *parts, int count, att_tensor *out) {
  join_record j = {.count = count};
  int64_t cols = 0, first = 0;
  for (int i = 0; i < count; i++) {
    j.parts[i] = *parts[i];
    cols += parts[i]->cols;
  }
  ATT_TRY(att_tensor_new(run, parts[0]->rows, cols, out));
  for (int i = 0; i < count; first += parts[i]->cols, i++)
    move_block(out->data + first, cols, parts[i]->data, parts[i]->stride, out->rows, parts[i]->cols, false);
  if (!run->tape) return ATT_OK;
  j.out = *out;
  void *record;
  ATT_TRY(att_tape_add(run, join_backward, sizeof j, &record));
  memcpy(record, &j, sizeof j);
  return ATT_OK;
}

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
  if (!run->tape) return ATT_OK;
  void *record;
  ATT_TRY(att_tape_add(run, windows_backward, sizeof w, &record));
  memcpy(record, &w, sizeof w);
  return ATT_OK;
}

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
    move_block(y, 0, x->data + (end - 1) * x->stride, 0, 1, split, false);
    move_block(y + split, 0, x->data + first * x->stride + split, 0, 1, x->cols - split, false);
  }
  if (!run->tape) return ATT_OK;
  ends_record e = {*x, *out, sequences, split};
  void *record;
  ATT_TRY(att_tape_add(run, ends_backward, sizeof e, &record));
  memcpy(record, &e, sizeof e);
  return ATT_OK;
}
