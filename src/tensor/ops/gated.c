/* Owns the gated linear unit, out = f(gate) * up, and its backward. Both factors are one product's halves. */
#include "base/parallel.h"
#include "tensor/ops.h"

#include <string.h>

typedef struct gated_record {
  att_tensor x, out;
  att_activation kind;
  const float *dy; /* backward, as all below */
  float *dx;
  bool accumulate;
} gated_record;

static void gated_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const gated_record *g = arg;
  int64_t cols = g->out.cols;
  att_kernels_get()->gated(g->out.data + begin * cols, g->x.data + begin * 2 * cols, g->kind, end - begin, cols);
}

static void backward_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const gated_record *g = arg;
  int64_t cols = g->out.cols;
  att_kernels_get()->gated_backward(g->dx + begin * 2 * cols, g->dy + begin * cols, g->x.data + begin * 2 * cols,
                                    g->kind, g->accumulate, end - begin, cols);
}

static int64_t grain(const gated_record *g) { return 1 + 8192 / (g->out.cols + 1); }

static att_status gated_backward(att_run *run, void *record) {
  gated_record *g = record;
  g->dy = att_gradient_of(&g->out);
  if (!g->dy) return ATT_OK;
  ATT_TRY(att_gradient_open(run, &g->x, &g->dx, &g->accumulate));
  att_parallel(run->ctx, g->out.rows, grain(g), backward_rows, g);
  att_gradient_close(run, &g->out);
  return ATT_OK;
}

att_status att_op_gated(att_run *run, const att_tensor *x, att_epilogue f, att_tensor *out) {
  ATT_TRY(att_tensor_new(run, x->rows, x->cols / 2, out));
  gated_record g = {.x = *x, .out = *out, .kind = att_activation_of(f)};
  att_parallel(run->ctx, x->rows, grain(&g), gated_rows, &g);
  if (!run->tape) return ATT_OK;
  void *record;
  ATT_TRY(att_tape_add(run, gated_backward, sizeof g, &record));
  memcpy(record, &g, sizeof g);
  return ATT_OK;
}
