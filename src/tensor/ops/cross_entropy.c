/*
 * Owns the projection to the vocabulary with its cross-entropy. Rows are taken in blocks whose logits fit the caches; a
 * block's gradient is made and used while its logits are still there, so a batch never holds [rows, vocabulary].
 */
#include "base/parallel.h"
#include "tensor/ops/vocabulary.h"
#include "tensor/product.h"

#include <string.h>

#define ATT_LOGITS_BLOCK ((int64_t)1 << 22) /* floats */

typedef struct entropy_block {
  float *logits; /* [rows, vocab] */
  float *capped; /* with a soft cap and a gradient: as logits, what they were before they became their gradient */
  const att_weight *bias;
  att_vocabulary_row *f;
  void *arg;
  double *loss, *nll; /* [rows] */
  int64_t first, rows, vocab;
  float softcap;
  bool gradient;
} entropy_block;

static void entropy_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const entropy_block *b = arg;
  const att_kernels *k = att_kernels_get();
  for (int64_t i = begin; i < end; i++) {
    float *logits = b->logits + i * b->vocab;
    float *capped = b->capped ? b->capped + i * b->vocab : NULL;
    if (b->bias->data) k->bias(logits, b->bias->data, b->vocab, 1, b->vocab);
    if (b->softcap > 0) k->soft_cap(logits, b->softcap, b->vocab);
    if (capped) memcpy(capped, logits, (size_t)b->vocab * sizeof *capped);
    b->f(b->arg, logits, b->first + i, b->gradient, b->loss + i, b->nll + i);
    if (capped) k->soft_cap_backward(logits, capped, b->softcap, b->vocab);
  }
}

typedef struct columns_task {
  float *sums;
  const entropy_block *block;
} columns_task;

static void bias_columns(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const columns_task *t = arg;
  const entropy_block *b = t->block;
  att_kernels_get()->column_sums(t->sums + begin, b->logits + begin, b->vocab, b->rows, end - begin);
}

/* dx: where x's gradient goes, or NULL */
static att_status put_gradients(att_run *run, const entropy_block *b, const att_tensor *x, float *dx, bool accumulate,
                                const att_weight *w, const att_weight *bias) {
  const float *rows = x->data + b->first * x->stride;
  if (dx) {
    ATT_TRY(
        att_product_backward(run, dx + b->first * x->stride, x->stride, b->logits, b->vocab, b->rows, w, accumulate));
  }
  if (w->grad) {
    att_gemm(run->ctx, w->grad, w->cols, b->logits, b->vocab, true, rows, x->stride, false, b->vocab, w->cols, b->rows,
             true);
  }
  columns_task task = {bias->grad, b};
  if (bias->grad) att_parallel(run->ctx, b->vocab, 256, bias_columns, &task);
  return ATT_OK;
}

att_status att_vocabulary_loss(att_run *run, const att_tensor *x, const att_weight *w, const att_weight *bias,
                               float softcap, att_vocabulary_row *f, void *arg, att_loss *out) {
  int64_t block = ATT_LOGITS_BLOCK / w->rows;
  if (block < 1) block = 1;
  if (block > x->rows) block = x->rows;
  float *dx = NULL;
  bool accumulate = false;
  if (run->tape && x->gradient) ATT_TRY(att_gradient_open(run, x, &dx, &accumulate));
  att_arena_mark mark = att_arena_save(run->arena);
  entropy_block b = {
      .bias = bias, .f = f, .arg = arg, .vocab = w->rows, .softcap = softcap, .gradient = run->tape != NULL};
  b.logits = ATT_ARENA_NEW(run->arena, block * w->rows, float);
  b.loss = ATT_ARENA_NEW(run->arena, block * 2, double);
  bool keeps = softcap > 0 && b.gradient;
  if (keeps) b.capped = ATT_ARENA_NEW(run->arena, block * w->rows, float);
  if (!b.logits || !b.loss || (keeps && !b.capped)) return ATT_MEMORY;
  b.nll = b.loss + block;
  for (b.first = 0; b.first < x->rows; b.first += block) {
    b.rows = x->rows - b.first < block ? x->rows - b.first : block;
    ATT_TRY(att_product(run, b.logits, w->rows, x->data + b.first * x->stride, x->stride, b.rows, w));
    att_parallel(run->ctx, b.rows, 1, entropy_rows, &b);
    for (int64_t i = 0; i < b.rows; i++) {
      out->loss += b.loss[i];
      out->nll += b.nll[i];
    }
    if (run->tape) ATT_TRY(put_gradients(run, &b, x, dx, accumulate, w, bias));
  }
  out->count += x->rows;
  att_arena_restore(run->arena, mark);
  return ATT_OK;
}

/* ---- of one token a row ---------------------------------------------------------------------------------------- */

typedef struct token_loss {
  const int32_t *targets;
  float smoothing, grad_scale;
  int64_t vocab;
} token_loss;

static void token_row(void *arg, float *logits, int64_t row, bool gradient, double *loss, double *nll) {
  const token_loss *t = arg;
  att_kernels_get()->cross_entropy(logits, loss, nll, t->targets[row], t->smoothing, t->grad_scale, gradient, t->vocab);
}

att_status att_op_cross_entropy(att_run *run, const att_tensor *x, const att_weight *w, const att_weight *bias,
                                float softcap, const int32_t *targets, float smoothing, double divisor, att_loss *out) {
  token_loss task = {targets, smoothing, (float)(1.0 / divisor), w->rows};
  return att_vocabulary_loss(run, x, w, bias, softcap, token_row, &task, out);
}
