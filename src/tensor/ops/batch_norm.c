/*
 * Owns batch normalisation (Ioffe & Szegedy 2015; PyTorch's BatchNorm1d): by the statistics of the rows at hand while a
 * model learns, whose running means it keeps, else by those. Sums go over pieces of rows that do not depend on threads.
 */
#include "tensor/ops.h"

#include "base/parallel.h"

#include <math.h>
#include <string.h>

#define PIECE    128 /* rows of a sum */
#define MOMENTUM 0.1 /* of the running statistics, as PyTorch has it */

typedef struct batch_norm {
  att_tensor x, out;
  att_weight gamma, beta;
  const float *mean, *rstd; /* [cols] */
  const float *dy;          /* backward: [rows, cols] */
  float *dx;
  bool accumulate, learning; /* learning: mean and rstd are of x, and gradients go through them */
  double *sums;              /* [pieces, 2, cols]; all of them together in the first piece */
} batch_norm;

static int64_t piece_count(const batch_norm *b) { return (b->x.rows + PIECE - 1) / PIECE; }
static int64_t end_of(const batch_norm *b, int64_t piece) {
  return b->x.rows - piece * PIECE < PIECE ? b->x.rows : (piece + 1) * PIECE;
}

/* Each piece's sums of x and of its square. */
static void sum_values(void *arg, int64_t begin, int64_t end, int thread) {
  const batch_norm *b = arg;
  int64_t cols = b->x.cols;
  (void)thread;
  for (int64_t piece = begin; piece < end; piece++) {
    double *sum = b->sums + piece * 2 * cols, *squares = sum + cols;
    memset(sum, 0, (size_t)(2 * cols) * sizeof *sum);
    for (int64_t i = piece * PIECE; i < end_of(b, piece); i++) {
      const float *x = b->x.data + i * b->x.stride;
      for (int64_t c = 0; c < cols; c++) {
        sum[c] += (double)x[c];
        squares[c] += (double)x[c] * (double)x[c];
      }
    }
  }
}

/* Each piece's sums of dy and of dy times the normalised x. */
static void sum_gradients(void *arg, int64_t begin, int64_t end, int thread) {
  const batch_norm *b = arg;
  int64_t cols = b->x.cols;
  (void)thread;
  for (int64_t piece = begin; piece < end; piece++) {
    double *sum = b->sums + piece * 2 * cols, *products = sum + cols;
    memset(sum, 0, (size_t)(2 * cols) * sizeof *sum);
    for (int64_t i = piece * PIECE; i < end_of(b, piece); i++) {
      const float *x = b->x.data + i * b->x.stride, *dy = b->dy + i * cols;
      for (int64_t c = 0; c < cols; c++) {
        sum[c] += (double)dy[c];
        products[c] += (double)(dy[c] * (x[c] - b->mean[c]) * b->rstd[c]);
      }
    }
  }
}

static att_status sum_up(att_run *run, batch_norm *b, att_body *body) {
  int64_t pieces = piece_count(b), count = 2 * b->x.cols;
  b->sums = ATT_ARENA_NEW(run->arena, pieces * count, double);
  if (!b->sums) return ATT_MEMORY;
  att_parallel(run->ctx, pieces, 2, body, b);
  for (int64_t piece = 1; piece < pieces; piece++)
    for (int64_t i = 0; i < count; i++) b->sums[i] += b->sums[piece * count + i];
  return ATT_OK;
}

static void normalise(void *arg, int64_t begin, int64_t end, int thread) {
  const batch_norm *b = arg;
  const float *gamma = b->gamma.data, *beta = b->beta.data;
  (void)thread;
  for (int64_t i = begin; i < end; i++) {
    const float *x = b->x.data + i * b->x.stride;
    float *out = b->out.data + i * b->x.cols;
    for (int64_t c = 0; c < b->x.cols; c++) out[c] = (x[c] - b->mean[c]) * b->rstd[c] * gamma[c] + beta[c];
  }
}

static void carry_back(void *arg, int64_t begin, int64_t end, int thread) {
  const batch_norm *b = arg;
  const float *gamma = b->gamma.data;
  int64_t cols = b->x.cols;
  double share = b->learning ? 1 / (double)b->x.rows : 0;
  (void)thread;
  for (int64_t i = begin; i < end; i++) {
    const float *x = b->x.data + i * b->x.stride, *dy = b->dy + i * cols;
    float *dx = b->dx + i * b->x.stride;
    for (int64_t c = 0; c < cols; c++) {
      float normalised = (x[c] - b->mean[c]) * b->rstd[c];
      float through = (float)(share * b->sums[c]) + normalised * (float)(share * b->sums[cols + c]);
      dx[c] = gamma[c] * b->rstd[c] * (dy[c] - through) + (b->accumulate ? dx[c] : 0);
    }
  }
}

static att_status backward(att_run *run, void *record) {
  batch_norm *b = record;
  int64_t cols = b->x.cols;
  b->dy = att_gradient_of(&b->out);
  if (!b->dy) return ATT_OK;
  ATT_TRY(att_gradient_open(run, &b->x, &b->dx, &b->accumulate));
  ATT_TRY(sum_up(run, b, sum_gradients));
  for (int64_t c = 0; c < cols; c++) {
    if (b->beta.grad) b->beta.grad[c] += (float)b->sums[c];
    if (b->gamma.grad) b->gamma.grad[c] += (float)b->sums[cols + c];
  }
  att_parallel(run->ctx, b->x.rows, PIECE, carry_back, b);
  att_gradient_close(run, &b->out);
  return ATT_OK;
}

/* The batch's mean and variance, and the running ones a step nearer to them (of the variance, the unbiased one). */
static att_status measure(att_run *run, batch_norm *b, float *mean, float *rstd, float *running_mean,
                          float *running_variance, float epsilon) {
  double rows = (double)b->x.rows;
  ATT_TRY(sum_up(run, b, sum_values));
  for (int64_t c = 0; c < b->x.cols; c++) {
    double middle = b->sums[c] / rows, variance = fmax(0, b->sums[b->x.cols + c] / rows - middle * middle);
    mean[c] = (float)middle;
    rstd[c] = (float)(1 / sqrt(variance + (double)epsilon));
    running_mean[c] += (float)(MOMENTUM * (middle - (double)running_mean[c]));
    if (rows > 1)
      running_variance[c] += (float)(MOMENTUM * (variance * rows / (rows - 1) - (double)running_variance[c]));
  }
  return ATT_OK;
}

att_status att_op_batch_norm(att_run *run, const att_tensor *x, const att_weight *gamma, const att_weight *beta,
                             const att_weight *mean, const att_weight *variance, float epsilon, att_tensor *out) {
  float *kept_mean = (float *)(uintptr_t)mean->data, *kept_variance = (float *)(uintptr_t)variance->data;
  ATT_TRY(att_tensor_new(run, x->rows, x->cols, out));
  float *rstd = ATT_ARENA_NEW(run->arena, x->cols, float);
  float *of_batch = run->learning ? ATT_ARENA_NEW(run->arena, x->cols, float) : kept_mean;
  batch_norm b = {.x = *x, .out = *out, .gamma = *gamma, .beta = *beta, .mean = of_batch, .rstd = rstd};
  b.learning = run->learning;
  if (!rstd || !of_batch) return ATT_MEMORY;
  if (run->learning) {
    ATT_TRY(measure(run, &b, of_batch, rstd, kept_mean, kept_variance, epsilon));
  } else {
    for (int64_t c = 0; c < x->cols; c++) rstd[c] = (float)(1 / sqrt((double)kept_variance[c] + (double)epsilon));
  }
  att_parallel(run->ctx, x->rows, PIECE, normalise, &b);
  if (!run->tape) return ATT_OK;
  void *record;
  ATT_TRY(att_tape_add(run, backward, sizeof b, &record));
  memcpy(record, &b, sizeof b);
  return ATT_OK;
}
