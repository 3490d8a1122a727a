/* Owns layer and root mean square normalisation, of rows and of the heads in them, and their backward. The gradients of
 * gamma and beta are summed in fixed parts, whatever the threads. */
#include "base/parallel.h"
#include "tensor/ops.h"

#include <string.h>

#define ATT_NORM_PARTS 16

typedef struct norm_record {
  att_tensor x, out;
  att_weight gamma, beta;
  float epsilon;
  bool centred;       /* layer normalisation */
  float *mean, *rstd; /* [rows] */
  const float *dy;    /* backward, as all below */
  float *dx;
  bool accumulate;
  float *sums; /*  [ATT_NORM_PARTS, 2, cols] */
} norm_record;

static void norm_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const norm_record *l = arg;
  const att_kernels *k = att_kernels_get();
  int64_t cols = l->x.cols, rows = end - begin;
  float *y = l->out.data + begin * cols, *rstd = l->rstd ? l->rstd + begin : NULL;
  const float *x = l->x.data + begin * cols;
  if (l->centred) {
    k->layer_norm(y, l->mean ? l->mean + begin : NULL, rstd, x, l->gamma.data, l->beta.data, l->epsilon, rows, cols);
  } else {
    k->rms_norm(y, rstd, x, l->gamma.data, l->epsilon, rows, cols);
  }
}

static void backward_parts(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const norm_record *l = arg;
  const att_kernels *k = att_kernels_get();
  int64_t cols = l->x.cols, rows = l->x.rows;
  for (int64_t part = begin; part < end; part++) {
    int64_t first = rows * part / ATT_NORM_PARTS, count = rows * (part + 1) / ATT_NORM_PARTS - first;
    float *dgamma = l->sums + part * 2 * cols, *dx = l->dx + first * cols;
    const float *dy = l->dy + first * cols, *x = l->x.data + first * cols, *rstd = l->rstd + first;
    memset(dgamma, 0, (size_t)cols * 2 * sizeof *dgamma);
    if (l->centred) {
      k->layer_norm_backward(dx, dgamma, dgamma + cols, dy, x, l->mean + first, rstd, l->gamma.data, l->accumulate,
                             count, cols);
    } else {
      k->rms_norm_backward(dx, dgamma, dy, x, rstd, l->gamma.data, l->accumulate, count, cols);
    }
  }
}

static att_status norm_backward(att_run *run, void *record) {
  norm_record *l = record;
  l->dy = att_gradient_of(&l->out);
  if (!l->dy) return ATT_OK;
  const att_kernels *k = att_kernels_get();
  int64_t cols = l->x.cols;
  ATT_TRY(att_gradient_open(run, &l->x, &l->dx, &l->accumulate));
  att_arena_mark mark = att_arena_save(run->arena);
  l->sums = ATT_ARENA_NEW(run->arena, ATT_NORM_PARTS * 2 * cols, float);
  if (!l->sums) return ATT_MEMORY;
  att_parallel(run->ctx, ATT_NORM_PARTS, 1, backward_parts, l);
  for (int part = 0; part < ATT_NORM_PARTS; part++) {
    const float *dgamma = l->sums + part * 2 * cols;
    if (l->gamma.grad) k->add(l->gamma.grad, dgamma, cols);
    if (l->beta.grad) k->add(l->beta.grad, dgamma + cols, cols);
  }
  att_arena_restore(run->arena, mark);
  att_gradient_close(run, &l->out);
  return ATT_OK;
}

/* 1 + gamma, on the arena, for backward reads it again. */
static att_status add_one(att_run *run, att_weight *gamma) {
  const float *data = gamma->data;
  float *out = ATT_ARENA_NEW(run->arena, gamma->cols, float);
  if (!out) return ATT_MEMORY;
  for (int64_t c = 0; c < gamma->cols; c++) out[c] = 1.0f + data[c];
  gamma->data = out;
  return ATT_OK;
}

/* x is contiguous. */
static att_status normalise(att_run *run, norm_record *l, att_tensor *out) {
  ATT_TRY(att_tensor_new(run, l->x.rows, l->x.cols, out));
  l->out = *out;
  if (run->tape) {
    l->mean = ATT_ARENA_NEW(run->arena, l->x.rows * (l->centred ? 2 : 1), float);
    if (!l->mean) return ATT_MEMORY;
    l->rstd = l->centred ? l->mean + l->x.rows : l->mean;
  }
  att_parallel(run->ctx, l->x.rows, 1 + 8192 / (l->x.cols + 1), norm_rows, l);
  if (!run->tape) return ATT_OK;
  void *record;
  ATT_TRY(att_tape_add(run, norm_backward, sizeof *l, &record));
  memcpy(record, l, sizeof *l);
  return ATT_OK;
}

att_status att_op_layer_norm(att_run *run, const att_tensor *x, const att_weight *gamma, const att_weight *beta,
                             float epsilon, att_tensor *out) {
  norm_record l = {.x = *x, .gamma = *gamma, .beta = *beta, .epsilon = epsilon, .centred = true};
  return normalise(run, &l, out);
}

att_status att_op_rms_norm(att_run *run, const att_tensor *x, const att_weight *gamma, bool plus_one, float epsilon,
                           att_tensor *out) {
  norm_record l = {.x = *x, .gamma = *gamma, .epsilon = epsilon};
  if (plus_one) ATT_TRY(add_one(run, &l.gamma));
  return normalise(run, &l, out);
}

/* ---- of heads ------------------------------------------------------------------------------------------------- */

typedef struct heads_record {
  att_tensor x;
  att_weight gamma;
  float epsilon;
  int64_t heads;
  float *before, *rstd; /* with a tape: x as it was, contiguous, and [rows, heads] */
  float *dx;            /* backward, as below */
  float *sums;          /* [ATT_NORM_PARTS, size] */
} heads_record;

static void head_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const heads_record *h = arg;
  int64_t cols = h->x.cols;
  for (int64_t i = begin; i < end; i++) {
    float *y = h->x.data + i * h->x.stride, *kept = h->before ? h->before + i * cols : NULL;
    if (kept) memcpy(kept, y, (size_t)cols * sizeof *y);
    att_kernels_get()->rms_norm(y, h->rstd ? h->rstd + i * h->heads : NULL, y, h->gamma.data, h->epsilon, h->heads,
                                h->gamma.cols);
  }
}

static void head_backward_parts(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const heads_record *h = arg;
  int64_t rows = h->x.rows, cols = h->x.cols, size = h->gamma.cols;
  for (int64_t part = begin; part < end; part++) {
    float *dgamma = h->sums + part * size;
    memset(dgamma, 0, (size_t)size * sizeof *dgamma);
    for (int64_t i = rows * part / ATT_NORM_PARTS; i < rows * (part + 1) / ATT_NORM_PARTS; i++) {
      float *dx = h->dx + i * h->x.stride;
      att_kernels_get()->rms_norm_backward(dx, dgamma, dx, h->before + i * cols, h->rstd + i * h->heads, h->gamma.data,
                                           false, h->heads, size);
    }
  }
}

/* x's gradient is that of what it became; it goes on as that of x before. */
static att_status heads_backward(att_run *run, void *record) {
  heads_record *h = record;
  h->dx = att_gradient_of(&h->x);
  if (!h->dx) return ATT_OK;
  att_arena_mark mark = att_arena_save(run->arena);
  h->sums = ATT_ARENA_NEW(run->arena, ATT_NORM_PARTS * h->gamma.cols, float);
  if (!h->sums) return ATT_MEMORY;
  att_parallel(run->ctx, ATT_NORM_PARTS, 1, head_backward_parts, h);
  for (int part = 0; h->gamma.grad && part < ATT_NORM_PARTS; part++)
    att_kernels_get()->add(h->gamma.grad, h->sums + part * h->gamma.cols, h->gamma.cols);
  att_arena_restore(run->arena, mark);
  return ATT_OK;
}

att_status att_op_head_norm(att_run *run, att_tensor *x, int heads, const att_weight *gamma, bool plus_one,
                            float epsilon) {
  heads_record h = {.x = *x, .gamma = *gamma, .epsilon = epsilon, .heads = heads};
  if (plus_one) ATT_TRY(add_one(run, &h.gamma));
  if (run->tape && x->gradient) {
    h.before = ATT_ARENA_NEW(run->arena, x->rows * x->cols, float);
    h.rstd = ATT_ARENA_NEW(run->arena, x->rows * heads, float);
    if (!h.before || !h.rstd) return ATT_MEMORY;
  }
  att_parallel(run->ctx, x->rows, 1 + 8192 / (x->cols + 1), head_rows, &h);
  if (!h.before) return ATT_OK;
  void *record;
  ATT_TRY(att_tape_add(run, heads_backward, sizeof h, &record));
  memcpy(record, &h, sizeof h);
  return ATT_OK;
}
