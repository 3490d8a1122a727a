/* Owns layer normalisation and its backward. The gradients of gamma and beta are summed in fixed parts, whatever the
 * threads. */
#include "base/parallel.h"
#include "tensor/ops.h"

#include <string.h>

#define ATT_NORM_PARTS 16

typedef struct norm_record {
  att_tensor x, out;
  att_weight gamma, beta;
  float epsilon;
  float *mean, *rstd; /* [rows] */
  const float *dy;    /* backward, as all below */
  float *dx;
  bool accumulate;
  float *sums; /*  [ATT_NORM_PARTS, 2, cols] */
} norm_record;

static void norm_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const norm_record *l = arg;
  int64_t cols = l->x.cols;
  att_kernels_get()->layer_norm(l->out.data + begin * cols, l->mean ? l->mean + begin : NULL,
                                l->rstd ? l->rstd + begin : NULL, l->x.data + begin * cols, l->gamma.data, l->beta.data,
                                l->epsilon, end - begin, cols);
}

static void backward_parts(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const norm_record *l = arg;
  int64_t cols = l->x.cols, rows = l->x.rows;
  for (int64_t part = begin; part < end; part++) {
    int64_t first = rows * part / ATT_NORM_PARTS, last = rows * (part + 1) / ATT_NORM_PARTS;
    float *dgamma = l->sums + part * 2 * cols;
    memset(dgamma, 0, (size_t)cols * 2 * sizeof *dgamma);
    att_kernels_get()->layer_norm_backward(l->dx + first * cols, dgamma, dgamma + cols, l->dy + first * cols,
                                           l->x.data + first * cols, l->mean + first, l->rstd + first, l->gamma.data,
                                           l->accumulate, last - first, cols);
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

/* x is contiguous and, where there is a tape, has a gradient: every norm in a model stands behind an op. */
att_status att_op_layer_norm(att_run *run, const att_tensor *x, const att_weight *gamma, const att_weight *beta,
                             float epsilon, att_tensor *out) {
  ATT_TRY(att_tensor_new(run, x->rows, x->cols, out));
  norm_record l = {.x = *x, .out = *out, .gamma = *gamma, .beta = *beta, .epsilon = epsilon};
  if (run->tape) {
    l.mean = ATT_ARENA_NEW(run->arena, x->rows, float);
    l.rstd = ATT_ARENA_NEW(run->arena, x->rows, float);
    if (!l.mean || !l.rstd) return ATT_MEMORY;
  }
  att_parallel(run->ctx, x->rows, 1 + 8192 / (x->cols + 1), norm_rows, &l);
  if (!run->tape) return ATT_OK;
  void *record;
  ATT_TRY(att_tape_add(run, norm_backward, sizeof l, &record));
  memcpy(record, &l, sizeof l);
  return ATT_OK;
}
