/*
 * Owns what cooccurrence.h says: the leading subspace of a matrix that is never written down, by multiplying with it
 * again and again (Halko et al. 2011, algorithm 4.4). A row of it is counted anew each time from the places of its
 * token, so that memory does not grow with the pairs, and rows are computed side by side with the same bits at any
 * number of threads.
 */
#include "train/tasks/cooccurrence.h"

#include "base/parallel.h"
#include "base/random.h"
#include "kernels/gemm.h"

#include <math.h>
#include <string.h>

#define ATT_WINDOW 10 /* tokens to either side */
#define ATT_ROUNDS 12 /* more add little: docs/TRAINING.md */

typedef struct att_nearby {
  att_context *ctx;
  const int32_t *ids;
  const bool *specials;
  int64_t count, vocab, width;
  int64_t *first;  /* [vocab + 1]: of each token in places */
  int32_t *places; /* [count]: by token */
  double *sums;    /* [vocab]: of the weights near a token */
  double total;    /* of the sums */
  float *weights;  /* [threads, vocab]: scratch, zeros between rows */
  int32_t *met;    /* [threads, vocab]: scratch */
  const float *in;
  float *out;
  float *gram; /* [width, width], as those below */
  double *factors;
  float *rounded;
} att_nearby;

/* Counting sort of the places by token. */
static void sort_places(att_nearby *n) {
  for (int64_t i = 0; i < n->count; i++) n->first[n->ids[i] + 1]++;
  for (int64_t v = 0; v < n->vocab; v++) n->first[v + 1] += n->first[v];
  for (int64_t i = 0; i < n->count; i++) n->places[n->first[n->ids[i]]++] = (int32_t)i;
  memmove(n->first + 1, n->first, (size_t)n->vocab * sizeof *n->first);
  n->first[0] = 0;
}

/* Sums the weights of what stands near a token; returns how many tokens that are. */
static int64_t count_near(const att_nearby *n, int64_t token, float *weights, int32_t *met) {
  int64_t count = 0, end = n->specials[token] ? n->first[token] : n->first[token + 1];
  for (int64_t k = n->first[token]; k < end; k++) {
    for (int side = -1; side <= 1; side += 2) {
      int64_t i = n->places[k] + side;
      for (int away = 1; away <= ATT_WINDOW && i >= 0 && i < n->count && !n->specials[n->ids[i]]; away++, i += side) {
        int32_t other = n->ids[i];
        if (!(weights[other] > 0)) met[count++] = other;
        weights[other] += (float)(ATT_WINDOW + 1 - away) / ATT_WINDOW;
      }
    }
  }
  return count;
}

static void sum_rows(void *arg, int64_t begin, int64_t end, int thread) {
  att_nearby *n = arg;
  float *weights = n->weights + thread * n->vocab;
  int32_t *met = n->met + thread * n->vocab;
  for (int64_t token = begin; token < end && !att_is_interrupted(n->ctx); token++) {
    for (int64_t k = count_near(n, token, weights, met); k-- > 0;) {
      n->sums[token] += weights[met[k]];
      weights[met[k]] = 0;
    }
  }
}

/* out = M in, with M[w, c] = max(0, log(n(w, c) n / (n(w) n(c)))). */
static void multiply_rows(void *arg, int64_t begin, int64_t end, int thread) {
  att_nearby *n = arg;
  float *weights = n->weights + thread * n->vocab;
  int32_t *met = n->met + thread * n->vocab;
  for (int64_t token = begin; token < end && !att_is_interrupted(n->ctx); token++) {
    float *row = n->out + token * n->width;
    memset(row, 0, (size_t)n->width * sizeof *row);
    for (int64_t k = count_near(n, token, weights, met); k-- > 0;) {
      int32_t other = met[k];
      double ratio = weights[other] * n->total / (n->sums[token] * n->sums[other]);
      weights[other] = 0;
      if (ratio > 1) att_kernels_get()->axpy(row, (float)log(ratio), n->in + other * n->width, n->width);
    }
  }
}

/* Row j of the factors: what of columns 0 .. j makes the part of column j that is orthogonal to those before, with
 * length 1 (Gram & Schmidt, with products looked up). A column that the others hold already becomes zeros. */
static void find_factors(const att_nearby *n) {
  int64_t width = n->width;
  for (int64_t j = 0; j < width; j++) {
    double *row = n->factors + j * width, square = n->gram[j * width + j];
    memset(row, 0, (size_t)width * sizeof *row);
    row[j] = 1;
    for (int64_t i = 0; i < j; i++) {
      const double *before = n->factors + i * width;
      double product = 0;
      for (int64_t k = 0; k <= i; k++) product += before[k] * n->gram[k * width + j];
      for (int64_t k = 0; k <= i; k++) row[k] -= product * before[k];
      square -= product * product;
    }
    double scale = square > 1e-6 * n->gram[j * width + j] ? 1 / sqrt(square) : 0;
    for (int64_t k = 0; k <= j; k++) row[k] *= scale;
  }
  for (int64_t i = 0; i < width * width; i++) n->rounded[i] = (float)n->factors[i];
}

/* to = from with orthonormal columns. */
static void orthonormalise(const att_nearby *n, float *to, const float *from) {
  int64_t width = n->width;
  att_gemm(n->ctx, n->gram, width, from, width, true, from, width, false, width, width, n->vocab, false);
  find_factors(n);
  att_gemm(n->ctx, to, width, from, width, false, n->rounded, width, true, n->vocab, width, width, false);
}

static void normalise_rows(const att_nearby *n, float *rows) {
  for (int64_t v = 0; v < n->vocab; v++) {
    float *row = rows + v * n->width;
    double norm = sqrt(att_kernels_get()->sum_squares(row, n->width));
    att_kernels_get()->scale(row, norm > 0 ? (float)(1 / norm) : 0, n->width);
  }
}

static att_status iterate(att_nearby *n, uint64_t seed, int (*work)(void *user, double done), void *user, float *rows) {
  sort_places(n);
  att_parallel_dynamic(n->ctx, n->vocab, sum_rows, n);
  for (int64_t v = 0; v < n->vocab; v++) n->total += n->sums[v];
  for (int64_t i = 0; i < n->vocab * n->width; i++) rows[i] = (float)att_normal(seed, (uint64_t)i);
  for (int round = 0; round < ATT_ROUNDS; round++) {
    bool stop = work && work(user, (double)round / ATT_ROUNDS);
    n->in = rows;
    if (!stop) att_parallel_dynamic(n->ctx, n->vocab, multiply_rows, n);
    if (stop || att_is_interrupted(n->ctx)) {
      return att_fail(n->ctx, ATT_INTERRUPTED, "interrupted while initialising word vectors");
    }
    orthonormalise(n, rows, n->out);
  }
  normalise_rows(n, rows);
  return ATT_OK;
}

att_status att_cooccurrence_rows(att_context *ctx, const int32_t *ids, size_t count, const bool *specials,
                                 int64_t vocab, int64_t width, uint64_t seed, int (*work)(void *user, double done),
                                 void *user, float *rows) {
  size_t threads = (size_t)ctx->threads * (size_t)vocab, square = (size_t)width * (size_t)width;
  att_nearby n = {.ctx = ctx,
                  .ids = ids,
                  .specials = specials,
                  .count = count < INT32_MAX ? (int64_t)count : INT32_MAX,
                  .vocab = vocab,
                  .width = width,
                  .first = ATT_NEW(ctx, vocab + 1, int64_t)};
  n.places = ATT_NEW(ctx, n.count, int32_t);
  n.sums = ATT_NEW(ctx, vocab, double);
  n.weights = ATT_NEW(ctx, threads, float);
  n.met = ATT_NEW(ctx, threads, int32_t);
  n.out = att_alloc(ctx, (size_t)vocab, (size_t)width * sizeof(float));
  n.gram = ATT_NEW(ctx, square, float);
  n.factors = ATT_NEW(ctx, square, double);
  n.rounded = ATT_NEW(ctx, square, float);
  bool room = n.first && n.places && n.sums && n.weights && n.met && n.out && n.gram && n.factors && n.rounded;
  att_status status = room ? iterate(&n, seed, work, user, rows) : ATT_MEMORY;
  void *const owned[] = {n.first, n.places, n.sums, n.weights, n.met, n.out, n.gram, n.factors, n.rounded};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) att_free(ctx, owned[i]);
  return status;
}
