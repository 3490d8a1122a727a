/* Owns the losses of a few logits a row. They are small, so one thread does them, a row at a time: the row's copy
 * becomes its gradient. */
#include "tensor/ops.h"

#include <math.h>
#include <string.h>

typedef struct loss_task {
  const int32_t *classes;
  const float *targets; /* [rows, cols] */
  float smoothing;
  float grad_scale;
  int64_t cols;
} loss_task;

/* The loss of row i, whose logits become their gradient. */
typedef void row_loss(const loss_task *task, float *x, int64_t i, double *loss, double *nll);

static void class_row(const loss_task *task, float *x, int64_t i, double *loss, double *nll) {
  att_kernels_get()->cross_entropy(x, loss, nll, task->classes[i], task->smoothing, task->grad_scale, true, task->cols);
}

/* -t log s(x) - (1 - t) log(1 - s(x)) = max(x, 0) - x t + log(1 + e^-|x|), of which x gets the slope s(x) - t. */
static void label_row(const loss_task *task, float *x, int64_t i, double *loss, double *nll) {
  const float *targets = task->targets + i * task->cols;
  double sum = 0, cols = (double)task->cols;
  for (int64_t c = 0; c < task->cols; c++) {
    double z = x[c], t = targets[c];
    sum += (z > 0 ? z : 0) - z * t + log1p(exp(-fabs(z)));
    x[c] = (float)((1 / (1 + exp(-z)) - t) / cols * task->grad_scale);
  }
  *loss = *nll = sum / cols;
}

static void value_row(const loss_task *task, float *x, int64_t i, double *loss, double *nll) {
  const float *targets = task->targets + i * task->cols;
  double sum = 0, cols = (double)task->cols;
  for (int64_t c = 0; c < task->cols; c++) {
    double error = (double)x[c] - targets[c];
    sum += error * error;
    x[c] = (float)(2 * error / cols * task->grad_scale);
  }
  *loss = *nll = sum / cols;
}

static att_status sum_rows(att_run *run, const att_tensor *x, row_loss *f, loss_task *task, double divisor,
                           att_loss *out) {
  float *dx = NULL;
  bool accumulate = false;
  if (run->tape && x->gradient) ATT_TRY(att_gradient_open(run, x, &dx, &accumulate));
  task->cols = x->cols;
  task->grad_scale = (float)(1.0 / divisor);
  att_arena_mark mark = att_arena_save(run->arena);
  float *row = ATT_ARENA_NEW(run->arena, x->cols, float);
  if (!row) return ATT_MEMORY;
  for (int64_t i = 0; i < x->rows; i++) {
    double loss, nll;
    memcpy(row, x->data + i * x->stride, (size_t)x->cols * sizeof *row);
    f(task, row, i, &loss, &nll);
    out->loss += loss;
    out->nll += nll;
    float *to = dx ? dx + i * x->stride : row;
    for (int64_t c = 0; dx && c < x->cols; c++) to[c] = accumulate ? to[c] + row[c] : row[c];
  }
  out->count += x->rows;
  att_arena_restore(run->arena, mark);
  return ATT_OK;
}

att_status att_op_class_loss(att_run *run, const att_tensor *logits, const int32_t *targets, float smoothing,
                             double divisor, att_loss *out) {
  loss_task task = {.classes = targets, .smoothing = smoothing};
  return sum_rows(run, logits, class_row, &task, divisor, out);
}

att_status att_op_label_loss(att_run *run, const att_tensor *logits, const float *targets, double divisor,
                             att_loss *out) {
  loss_task task = {.targets = targets};
  return sum_rows(run, logits, label_row, &task, divisor, out);
}

att_status att_op_value_loss(att_run *run, const att_tensor *values, const float *targets, double divisor,
                             att_loss *out) {
  loss_task task = {.targets = targets};
  return sum_rows(run, values, value_row, &task, divisor, out);
}

/* One end of all spans: column `end` of a sequence's rows through *row, whose gradient goes to dx. */
static void span_end(const att_tensor *logits, int64_t begin, int64_t rows, int end, int32_t target, float scale,
                     float *row, float *dx, bool accumulate, att_loss *out) {
  double loss, nll;
  for (int64_t i = 0; i < rows; i++) row[i] = logits->data[(begin + i) * logits->stride + end];
  att_kernels_get()->cross_entropy(row, &loss, &nll, target, 0, scale, true, rows);
  out->loss += loss / 2;
  out->nll += nll / 2;
  for (int64_t i = 0; dx && i < rows; i++) {
    float *to = dx + (begin + i) * logits->stride + end;
    *to = accumulate ? *to + row[i] : row[i];
  }
}

att_status att_op_span_loss(att_run *run, const att_tensor *logits, att_sequences sequences, const int32_t *targets,
                            double divisor, att_loss *out) {
  float *dx = NULL;
  bool accumulate = false;
  if (run->tape && logits->gradient) ATT_TRY(att_gradient_open(run, logits, &dx, &accumulate));
  att_arena_mark mark = att_arena_save(run->arena);
  float *row = ATT_ARENA_NEW(run->arena, logits->rows, float);
  if (!row) return ATT_MEMORY;
  for (int64_t i = 0; i < sequences.count; i++) {
    int64_t begin = sequences.start[i], rows = sequences.start[i + 1] - begin;
    for (int end = 0; end < 2; end++)
      span_end(logits, begin, rows, end, targets[2 * i + end], (float)(0.5 / divisor), row, dx, accumulate, out);
  }
  out->count += sequences.count;
  att_arena_restore(run->arena, mark);
  return ATT_OK;
}
