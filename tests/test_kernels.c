/*
 * Owns the tests of the kernels that pass over rows: every one of every table of this machine, at sizes around the
 * vectors' own and off alignment, against double precision; gradients against finite differences.
 */
#include "kernels_check.h"

enum { MOST = 257 };

static void test_sums(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k) for (size_t s = 0; s < COUNT(sizes); s++) for (int shift = 0; shift < 2; shift++) {
    int64_t n = sizes[s];
    area a = area_new(n, shift, 1), b = area_new(n, 1 - shift, 2);
    double dot = 0, squares = 0, size = 0;
    for (int64_t i = 0; i < n; i++) {
      dot += (double)a.data[i] * b.data[i];
      size += fabs((double)a.data[i] * b.data[i]);
      squares += (double)a.data[i] * a.data[i];
    }
    assert_true(fabs(k->dot(a.data, b.data, n) - dot) <= 1e-6 * size);
    assert_true(fabs(k->sum_squares(a.data, n) - squares) <= 1e-12 * squares);
    area_free(&a);
    area_free(&b);
  }
}

static void test_sums_of_strange_numbers(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k) for (int64_t at = 0; at < 100; at += 33) {
    float x[100] = {0};
    x[at] = 1e30f; /* its square is no float */
    assert_true(fabs(k->sum_squares(x, 100) / 1e60 - 1) < 1e-6);
    x[at] = INFINITY;
    assert_true(isinf(k->sum_squares(x, 100)));
    x[at] = NAN;
    assert_true(isnan(k->sum_squares(x, 100)));
    assert_true(isnan(k->dot(x, x, 100)));
  }
}

/* y += x, y *= factor, y += a x: number 0, 1, 2. */
static void check_simple(const att_kernels *k, int which, int64_t n, int shift) {
  area x = area_new(n, shift, 1), y = area_new(n, 1 - shift, 2);
  double *want = doubles_of(y.data, n);
  for (int64_t i = 0; i < n; i++) {
    if (which == 0) want[i] += x.data[i];
    if (which == 1) want[i] *= 0.7;
    if (which == 2) want[i] += 0.7 * x.data[i];
  }
  if (which == 0) k->add(y.data, x.data, n);
  if (which == 1) k->scale(y.data, 0.7f, n);
  if (which == 2) k->axpy(y.data, 0.7f, x.data, n);
  check_close("add, scale, axpy", k->name, y.data, want, n, 2e-7);
  free(want);
  area_free(&x);
  area_free(&y);
}

static void test_add_scale_axpy(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k)
  for (size_t s = 0; s < COUNT(sizes); s++)
    for (int i = 0; i < 6; i++) check_simple(k, i / 2, sizes[s], i % 2);
}

static void check_columns(const att_kernels *k, int64_t rows, int64_t cols) {
  int64_t ld = cols + 3;
  area x = area_new(rows * ld, 0, 1), dy = area_new(cols, 1, 2);
  double *sums = doubles_of(dy.data, cols);
  for (int64_t i = 0; i < rows * cols; i++) sums[i % cols] += x.data[i / cols * ld + i % cols];
  k->column_sums(dy.data, x.data, ld, rows, cols);
  check_close("column_sums", k->name, dy.data, sums, cols, 1e-6);
  double *all = doubles_of(x.data, rows * ld);
  for (int64_t i = 0; i < rows * cols; i++) all[i / cols * ld + i % cols] += dy.data[i % cols];
  k->bias(x.data, dy.data, ld, rows, cols);
  check_close("bias", k->name, x.data, all, rows * ld, 2e-7);
  free(sums);
  free(all);
  area_free(&x);
  area_free(&dy);
}

static void test_columns(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k)
  for (size_t s = 0; s < COUNT(sizes); s++)
    for (int64_t rows = 0; rows < 10; rows++) check_columns(k, rows, sizes[s]);
}

static double activate(double z, att_activation kind) {
  if (kind == ATT_RELU) return z > 0 ? z : 0;
  if (kind == ATT_GELU) return 0.5 * z * erfc(-z / sqrt(2));
  if (kind == ATT_GELU_TANH) return z / (1 + exp(-2 * sqrt(2 / M_PI) * (z + 0.044715 * z * z * z)));
  if (kind == ATT_TANH) return tanh(z);
  return z / (1 + exp(-z));
}

static const att_activation kinds[] = {ATT_RELU, ATT_GELU, ATT_SILU, ATT_GELU_TANH, ATT_TANH};

static void check_activation(const att_kernels *k, att_activation kind, int64_t n, float stretch) {
  area z = area_new(n, 0, 1), y = area_new(n, 1, 2), dy = area_new(n, 0, 3);
  double want[MOST];
  for (int64_t i = 0; i < n; i++) {
    z.data[i] = fabsf(z.data[i] * stretch) + (kind == ATT_RELU ? 0.1f : 0.01f); /* away from the bend */
    if (i % 2) z.data[i] = -z.data[i];
    want[i] = activate(z.data[i], kind);
  }
  k->activation(y.data, z.data, kind, n);
  for (int64_t i = 0; i < n; i++) { /* far below zero the density itself is less exact than its argument */
    double size = fabs(z.data[i]), tolerance = 1e-6;
    if (z.data[i] < 0 && kind != ATT_TANH)
      tolerance += 2e-7 * (kind == ATT_GELU_TANH ? size * size * size : size * size);
    assert_true(fabs(y.data[i] - want[i]) <= tolerance * fabs(want[i]) + 1e-37);
    want[i] = dy.data[i] * (activate(z.data[i] + 1e-5, kind) - activate(z.data[i] - 1e-5, kind)) / 2e-5;
  }
  k->activation_backward(y.data, dy.data, z.data, kind, n);
  if (n > 1) check_close("activation_backward", k->name, y.data, want, n, 1e-6);
  k->activation_backward(dy.data, dy.data, z.data, kind, n); /* dz may be dy */
  assert_memory_equal(dy.data, y.data, (size_t)n * sizeof(float));
  k->activation(y.data, z.data, kind, n);
  k->activation(z.data, z.data, kind, n); /* y may be z */
  assert_memory_equal(z.data, y.data, (size_t)n * sizeof(float));
  area_free(&z);
  area_free(&y);
  area_free(&dy);
}

static void test_activations(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k) for (size_t s = 1; s < COUNT(sizes); s++) for (size_t i = 0; i < COUNT(kinds); i++) {
    check_activation(k, kinds[i], sizes[s], 0.1f);
    check_activation(k, kinds[i], sizes[s], 1);
    check_activation(k, kinds[i], sizes[s], 5);
  }
}

static void test_activations_of_strange_numbers(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k) for (size_t i = 0; i < COUNT(kinds); i++) {
    const float z[5] = {NAN, 1e30f, -1e30f, INFINITY, 0};
    bool bounded = kinds[i] == ATT_TANH;
    float y[5];
    k->activation(y, z, kinds[i], 5);
    assert_true(isnan(y[0]) && y[4] == 0);
    if (bounded) assert_true(y[1] == 1 && y[2] == -1 && y[3] == 1);
    if (!bounded) assert_true(y[1] == 1e30f && y[2] == 0 && isinf(y[3]));
    k->activation_backward(y, (const float[]){1, 1, 1, 1, 1}, z, kinds[i], 3);
    assert_true(fabsf(y[1] - (bounded ? 0 : 1)) < 1e-6f && fabsf(y[2]) < 1e-6f);
    if (kinds[i] != ATT_RELU) assert_true(isnan(y[0]));
  }
}

/* Two halves a row. Outputs, then both halves' gradients, added to or replaced. */
static void check_gated(const att_kernels *k, att_activation kind, int64_t rows, int64_t cols, bool accumulate) {
  int64_t n = rows * cols;
  area x = area_new(2 * n, 0, 1), y = area_new(n, 1, 2), dy = area_new(n, 0, 3), dx = area_new(2 * n, 1, 4);
  double *want = doubles_of(y.data, n), *slopes = doubles_of(dx.data, 2 * n);
  for (int64_t i = 0; i < n; i++) {
    int64_t at = i / cols * 2 * cols + i % cols;
    double gate = x.data[at] += x.data[at] < 0 ? -0.1f : 0.1f, up = x.data[at + cols];
    double slope = (activate(gate + 1e-5, kind) - activate(gate - 1e-5, kind)) / 2e-5;
    want[i] = activate(gate, kind) * up;
    slopes[at] = dy.data[i] * up * slope + (accumulate ? slopes[at] : 0);
    slopes[at + cols] = dy.data[i] * activate(gate, kind) + (accumulate ? slopes[at + cols] : 0);
  }
  k->gated(y.data, x.data, kind, rows, cols);
  if (n > 1) check_close("gated", k->name, y.data, want, n, 1e-6);
  k->gated_backward(dx.data, dy.data, x.data, kind, accumulate, rows, cols);
  if (n > 1) check_close("gated_backward", k->name, dx.data, slopes, 2 * n, 1e-6);
  free(want);
  free(slopes);
  area *areas[] = {&x, &y, &dy, &dx};
  for (size_t i = 0; i < COUNT(areas); i++) area_free(areas[i]);
}

static void test_gated(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k) for (size_t s = 1; s < COUNT(sizes); s++) for (size_t i = 0; i < COUNT(kinds); i++) {
    check_gated(k, kinds[i], 1, sizes[s], i % 2);
    check_gated(k, kinds[i], 3, sizes[s], i % 2 == 0);
  }
}

static void check_rotary(const att_kernels *k, int64_t heads, int64_t size, int64_t turned) {
  int64_t n = heads * size, half = turned / 2;
  area x = area_new(n, 0, 1), turns = area_new(turned, 1, 2);
  double *before = doubles_of(x.data, n), *want = doubles_of(x.data, n);
  for (int64_t i = 0; i < half; i++) {
    double angle = turns.data[i];
    turns.data[i] = (float)cos(angle);
    turns.data[half + i] = (float)sin(angle);
  }
  for (int64_t i = 0; i < n; i++) {
    int64_t c = i % size, other = c < half ? i + half : i - half;
    if (c >= turned) continue;
    want[i] = before[i] * turns.data[c % half] + (c < half ? -1 : 1) * before[other] * turns.data[half + c % half];
  }
  k->rotary(x.data, turns.data, turns.data + half, 1, heads, size, turned);
  check_close("rotary", k->name, x.data, want, n, 2e-7);
  k->rotary(x.data, turns.data, turns.data + half, -1, heads, size, turned);
  check_close("rotary back", k->name, x.data, before, n, 4e-7);
  free(before);
  free(want);
  area_free(&x);
  area_free(&turns);
}

static void test_rotary(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k)
  for (size_t s = 1; s < COUNT(sizes); s++)
    for (int64_t heads = 1; heads < 4; heads++) {
      check_rotary(k, heads, 2 * sizes[s], 2 * sizes[s]);
      check_rotary(k, heads, 2 * sizes[s] + 3, 2 * sizes[s]);
    }
}

typedef enum norm_kind { LAYER, LAYER_WITH_BETA, ROOT_MEAN_SQUARE, NORM_KINDS } norm_kind;

/* One row in double precision: the sum of weight * y, which the gradients are of. epsilon < 0: root mean square */
static double norm_row(double *y, const double *x, const double *gamma, const double *beta, const double *weight,
                       double epsilon, int64_t n) {
  double mean = 0, spread = 0, sum = 0;
  for (int64_t i = 0; epsilon >= 0 && i < n; i++) mean += x[i] / (double)n;
  for (int64_t i = 0; i < n; i++) spread += (x[i] - mean) * (x[i] - mean) / (double)n;
  for (int64_t i = 0; i < n; i++) {
    y[i] = (x[i] - mean) / sqrt(spread + fabs(epsilon)) * gamma[i] + (beta ? beta[i] : 0);
    sum += weight[i] * y[i];
  }
  return sum;
}

static double slope_of_norm(double *at, const double *x, const double *gamma, const double *beta, const double *weight,
                            double epsilon, int64_t n) {
  double y[MOST], kept = *at, up, down;
  *at = kept + 1e-5;
  up = norm_row(y, x, gamma, beta, weight, epsilon, n);
  *at = kept - 1e-5;
  down = norm_row(y, x, gamma, beta, weight, epsilon, n);
  *at = kept;
  return (up - down) / 2e-5;
}

static void check_norm(const att_kernels *k, int64_t n, norm_kind kind, bool accumulate) {
  enum { ROWS = 3 };
  const bool with_beta = kind == LAYER_WITH_BETA, centred = kind != ROOT_MEAN_SQUARE;
  const double epsilon = centred ? 1e-2 : -1e-2;
  area x = area_new(ROWS * n, 0, 1), gamma = area_new(n, 1, 2), beta = area_new(n, 0, 3), y = area_new(ROWS * n, 1, 4);
  area dy = area_new(ROWS * n, 0, 5), dx = area_new(ROWS * n, 1, 6), dgamma = area_new(n, 0, 7);
  area dbeta = area_new(n, 1, 8), mean = area_new(ROWS, 0, 9), rstd = area_new(ROWS, 1, 10);
  double *want = malloc((size_t)(ROWS * n) * sizeof *want), *want_dx = doubles_of(dx.data, ROWS * n);
  double *want_dgamma = doubles_of(dgamma.data, n), *want_dbeta = doubles_of(dbeta.data, n);
  double *g = doubles_of(gamma.data, n), *b = with_beta ? doubles_of(beta.data, n) : NULL;
  for (int64_t r = 0; r < ROWS; r++) {
    double *row = doubles_of(x.data + r * n, n), *weight = doubles_of(dy.data + r * n, n);
    norm_row(want + r * n, row, g, b, weight, epsilon, n);
    for (int64_t i = 0; i < n; i++) {
      double slope = slope_of_norm(row + i, row, g, b, weight, epsilon, n);
      want_dx[r * n + i] = slope + (accumulate ? want_dx[r * n + i] : 0);
      want_dgamma[i] += slope_of_norm(g + i, row, g, b, weight, epsilon, n);
      want_dbeta[i] += weight[i];
    }
    free(row);
    free(weight);
  }
  if (centred) {
    k->layer_norm(y.data, mean.data, rstd.data, x.data, gamma.data, with_beta ? beta.data : NULL, 1e-2f, ROWS, n);
    k->layer_norm_backward(dx.data, dgamma.data, with_beta ? dbeta.data : NULL, dy.data, x.data, mean.data, rstd.data,
                           gamma.data, accumulate, ROWS, n);
  } else {
    k->rms_norm(y.data, rstd.data, x.data, gamma.data, 1e-2f, ROWS, n);
    k->rms_norm_backward(dx.data, dgamma.data, dy.data, x.data, rstd.data, gamma.data, accumulate, ROWS, n);
  }
  if (n > 1 || with_beta) check_close("norm", k->name, y.data, want, ROWS * n, 2e-6);
  if (n > 1 || accumulate) check_close("norm's dx", k->name, dx.data, want_dx, ROWS * n, 5e-6);
  check_close("norm's dgamma", k->name, dgamma.data, want_dgamma, n, 5e-6);
  if (with_beta) check_close("norm's dbeta", k->name, dbeta.data, want_dbeta, n, 1e-6);
  if (!centred && !accumulate) {
    k->rms_norm_backward(dy.data, NULL, dy.data, x.data, rstd.data, gamma.data, false, ROWS, n);
    assert_memory_equal(dy.data, dx.data, (size_t)(ROWS * n) * sizeof(float)); /* dx may be dy */
  }
  if (centred) k->layer_norm(x.data, NULL, NULL, x.data, gamma.data, with_beta ? beta.data : NULL, 1e-2f, ROWS, n);
  if (!centred) k->rms_norm(x.data, NULL, x.data, gamma.data, 1e-2f, ROWS, n);
  assert_memory_equal(x.data, y.data, (size_t)(ROWS * n) * sizeof(float)); /* y may be x; mean, rstd not wanted */
  double *doubles[] = {want, want_dx, want_dgamma, want_dbeta, g, b};
  for (size_t i = 0; i < COUNT(doubles); i++) free(doubles[i]);
  area *areas[] = {&x, &gamma, &beta, &y, &dy, &dx, &dgamma, &dbeta, &mean, &rstd};
  for (size_t i = 0; i < COUNT(areas); i++) area_free(areas[i]);
}

static void test_norms(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k)
  for (size_t s = 1; s < COUNT(sizes); s++)
    for (int i = 0; i < 2 * NORM_KINDS; i++) check_norm(k, sizes[s], (norm_kind)(i / 2), i % 2);
}

static void check_soft_cap(const att_kernels *k, int64_t n, double cap) {
  area x = area_new(n, 0, 1), dx = area_new(n, 1, 2);
  double *want = doubles_of(x.data, n), *want_dx = doubles_of(dx.data, n);
  for (int64_t i = 0; i < n; i++) {
    want[i] = cap * tanh(want[i] / cap);
    want_dx[i] *= 1 - want[i] / cap * want[i] / cap;
  }
  k->soft_cap(x.data, (float)cap, n);
  check_close("soft cap", k->name, x.data, want, n, 5e-7);
  k->soft_cap_backward(dx.data, x.data, (float)cap, n);
  check_close("soft cap's dx", k->name, dx.data, want_dx, n, 1e-6);
  free(want);
  free(want_dx);
  area_free(&x);
  area_free(&dx);
}

static void test_soft_cap(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k) for (size_t s = 1; s < COUNT(sizes); s++) {
    check_soft_cap(k, sizes[s], 0.75);
    check_soft_cap(k, sizes[s], 30);
    float out[] = {NAN, 1e30f, -INFINITY};
    k->soft_cap(out, 2, 3);
    assert_true(isnan(out[0]) && out[1] == 2 && out[2] == -2);
  }
}

static void check_dropout(const att_kernels *k, int64_t n, uint64_t key, uint32_t first, uint32_t threshold) {
  area x = area_new(n, 0, 1), y = area_new(n, 1, 2), a = area_new(n, 0, 3), sum = area_new(n, 1, 4);
  k->dropout(y.data, x.data, key, first, threshold, 1.25f, false, n);
  for (int64_t i = 0; i < n; i++) {
    bool dropped = att_random32(key, first + (uint32_t)i) < threshold;
    assert_true(y.data[i] == (dropped ? 0 : x.data[i] * 1.25f));
  }
  k->add_dropout(sum.data, a.data, x.data, key, first, threshold, 1.25f, n);
  for (int64_t i = 0; i < n; i++) assert_true(sum.data[i] == a.data[i] + y.data[i]);
  k->add_dropout(x.data, a.data, x.data, key, first, threshold, 1.25f, n); /* y may be x */
  assert_memory_equal(x.data, sum.data, (size_t)n * sizeof(float));
  memcpy(x.data, y.data, (size_t)n * sizeof(float));
  k->dropout(a.data, x.data, key, first, 0, 1, true, n);
  assert_memory_equal(a.data, sum.data, (size_t)n * sizeof(float)); /* nothing dropped, added */
  k->dropout(x.data, x.data, key, first, UINT32_MAX, 2, false, n);
  for (int64_t i = 0; i < n; i++) assert_true(x.data[i] == 0);
  area *areas[] = {&x, &y, &a, &sum};
  for (size_t i = 0; i < COUNT(areas); i++) area_free(areas[i]);
}

static void test_dropout(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k) for (size_t s = 0; s < COUNT(sizes); s++) {
    check_dropout(k, sizes[s], 0x0123456789abcdefu, 0, 0x4ccccccdu);
    check_dropout(k, sizes[s], 0xfedcba9876543210u, 0xffffffc0u, 0x99999999u); /* the counter wraps */
  }
}

static void test_dropout_share(void **state) {
  (void)state;
  const att_kernels *k = att_kernels_get();
  static float x[100000];
  for (int i = 0; i < 100000; i++) x[i] = 1;
  k->dropout(x, x, att_key(7, 3), 0, (uint32_t)(0.3 * 4294967296.0), 1 / 0.7f, false, 100000);
  double kept = 0;
  for (int i = 0; i < 100000; i++) kept += x[i] > 0;
  assert_true(fabs(kept / 100000 - 0.7) < 0.005);
}

static double log_sum(const double *x, int64_t n) {
  double most = -INFINITY, sum = 0;
  for (int64_t i = 0; i < n; i++) most = x[i] > most ? x[i] : most;
  for (int64_t i = 0; i < n; i++) sum += exp(x[i] - most);
  return most + log(sum);
}

static void check_softmax(const att_kernels *k, int64_t n, float stretch, float offset) {
  area x = area_new(n, 0, 1);
  for (int64_t i = 0; i < n; i++) x.data[i] = x.data[i] * stretch + offset;
  double *want = doubles_of(x.data, n), lse = log_sum(want, n);
  for (int64_t i = 0; i < n; i++) want[i] = exp(want[i] - lse);
  assert_true(fabs(k->log_sum_exp(x.data, n) - lse) <= 2e-7 * (fabs(lse) + 4));
  assert_true(fabs(k->softmax(x.data, n) - lse) <= 2e-7 * (fabs(lse) + 4));
  check_each("softmax", k->name, x.data, want, n, 1e-6 + 1e-7 * (stretch + fabs(offset)));
  free(want);
  area_free(&x);
}

static void test_softmax(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k) for (size_t s = 1; s < COUNT(sizes); s++) {
    check_softmax(k, sizes[s], 1, 0);
    check_softmax(k, sizes[s], 15, -3);
    check_softmax(k, sizes[s], 1, 1000);
  }
}

static void test_softmax_of_strange_numbers(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k) for (int n = 3; n < 50; n += 23) {
    float x[50];
    for (int i = 0; i < n; i++) x[i] = -INFINITY;
    assert_true(k->log_sum_exp(x, n) == -INFINITY && k->log_sum_exp(x, 0) == -INFINITY);
    x[1] = 5;
    x[2] = -1e30f;
    assert_true(fabsf(k->softmax(x, n) - 5) < 1e-6f);
    for (int i = 0; i < n; i++) assert_true(x[i] == (i == 1 ? 1 : 0));
    for (int i = 0; i < n; i++) x[i] = (float)i;
    x[n - 1] = NAN;
    assert_true(isnan(k->log_sum_exp(x, n)) && isnan(k->softmax(x, n)));
    for (int i = 0; i < n; i++) assert_true(isnan(x[i]));
    for (int i = 0; i < n; i++) x[i] = (float)i;
    x[0] = INFINITY;
    assert_true(isinf(k->log_sum_exp(x, n)) && isinf(k->softmax(x, n)) && isnan(x[0]));
  }
}

/* The exponential itself, to about three units in the last place with what softmax adds. */
static void test_exponential(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k) for (float x = 0; x < 87; x += 0.0137f) {
    float pair[2] = {0, -x};
    double want = exp(-(double)x), sum = 1 + want;
    k->softmax(pair, 2);
    assert_true(fabs(pair[1] - want / sum) <= 3.5e-7 * want / sum);
  }
}

static double smoothed_loss(const double *x, int32_t target, double smoothing, int64_t n) {
  double lse = log_sum(x, n), loss = 0;
  for (int64_t i = 0; i < n; i++) loss -= ((i == target ? 1 - smoothing : 0) + smoothing / (double)n) * (x[i] - lse);
  return loss;
}

static void check_cross_entropy(const att_kernels *k, int64_t n, float smoothing, bool gradient) {
  area x = area_new(n, 0, 1);
  int32_t target = (int32_t)(n * 2 / 3);
  double *want = doubles_of(x.data, n), *slope = doubles_of(x.data, n), loss = NAN, nll = NAN;
  double want_loss = smoothed_loss(want, target, smoothing, n), want_nll = smoothed_loss(want, target, 0, n);
  for (int64_t i = 0; gradient && i < n; i++) {
    double kept = want[i], up, down;
    want[i] = kept + 1e-5;
    up = smoothed_loss(want, target, smoothing, n);
    want[i] = kept - 1e-5;
    down = smoothed_loss(want, target, smoothing, n);
    want[i] = kept;
    slope[i] = 0.25 * (up - down) / 2e-5;
  }
  k->cross_entropy(x.data, &loss, &nll, target, smoothing, 0.25f, gradient, n);
  assert_true(fabs(loss - want_loss) <= 1e-6 * (1 + want_loss) && fabs(nll - want_nll) <= 1e-6 * (1 + want_nll));
  if (n > 1) check_close("cross_entropy", k->name, x.data, slope, n, gradient ? 1e-6 : 0); /* or untouched */
  if (gradient && n > 1) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += x.data[i];
    assert_true(fabs(sum) < 1e-6);
  }
  free(want);
  free(slope);
  area_free(&x);
}

static void test_cross_entropy(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k)
  for (size_t s = 1; s < COUNT(sizes); s++)
    for (int i = 0; i < 4; i++) check_cross_entropy(k, sizes[s], i & 1 ? 0.1f : 0, i & 2);
}

static void test_cross_entropy_of_nan(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k) {
    float x[40] = {0};
    double loss, nll;
    x[37] = NAN;
    k->cross_entropy(x, &loss, &nll, 2, 0, 1, true, 40);
    assert_true(isnan(loss) && isnan(nll) && isnan(x[0]));
  }
}

static void check_adam(const att_kernels *k, int64_t n) {
  area w = area_new(n, 0, 1), m = area_new(n, 1, 2), v = area_new(n, 0, 3), g = area_new(n, 1, 4);
  const att_adam_args a = {2e-2f, 0.9f, 0.98f, 1e-6f, 0.1f, 1 - 0.729f, 1 - 0.941192f, 0.5f};
  for (int64_t i = 0; i < n; i++) v.data[i] = fabsf(v.data[i]);
  double *want_w = doubles_of(w.data, n), *want_m = doubles_of(m.data, n), *want_v = doubles_of(v.data, n);
  for (int64_t i = 0; i < n; i++) {
    double gradient = 0.5 * g.data[i];
    want_m[i] = a.beta1 * want_m[i] + (1.0 - a.beta1) * gradient;
    want_v[i] = a.beta2 * want_v[i] + (1.0 - a.beta2) * gradient * gradient;
    want_w[i] -= a.lr * a.weight_decay * want_w[i];
    want_w[i] -= a.lr * (want_m[i] / a.correction1) / (sqrt(want_v[i] / a.correction2) + a.epsilon);
  }
  k->adam(w.data, m.data, v.data, g.data, &a, n);
  check_close("adam w", k->name, w.data, want_w, n, 5e-7);
  check_close("adam m", k->name, m.data, want_m, n, 5e-7);
  check_close("adam v", k->name, v.data, want_v, n, 5e-7);
  double *doubles[] = {want_w, want_m, want_v};
  for (size_t i = 0; i < COUNT(doubles); i++) free(doubles[i]);
  area *areas[] = {&w, &m, &v, &g};
  for (size_t i = 0; i < COUNT(areas); i++) area_free(areas[i]);
}

static void test_adam(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k) for (size_t s = 0; s < COUNT(sizes); s++) check_adam(k, sizes[s]);
}

static bool same_float(float a, float b) { return (isnan(a) && isnan(b)) || !memcmp(&a, &b, sizeof a); }

/* Every half there is, upwards and back. */
static void test_halves(void **state) {
  (void)state;
  const att_kernels *k;
  static uint16_t half[65536], back[65536];
  static float wide[65536];
  for (int i = 0; i < 65536; i++) half[i] = (uint16_t)i;
  EACH_TABLE(k) for (int type = ATT_F16; type <= ATT_BF16; type++) {
    k->to_f32(wide, half, (att_type)type, 65536);
    k->from_f32(back, wide, (att_type)type, 65536);
    for (int i = 0; i < 65536; i++) {
      assert_true(same_float(wide[i], type == ATT_F16 ? att_f16_to_f32(half[i]) : att_bf16_to_f32(half[i])));
      if (!isnan(wide[i])) assert_int_equal(back[i], half[i]);
    }
  }
}

static void check_conversion(const att_kernels *k, att_type type, int64_t n) {
  area x = area_new(n, 1, 5), y = area_new(n, 0, 6), half = area_new((n + 1) / 2, 1, 7);
  uint16_t *h = (uint16_t *)half.data;
  for (int64_t i = 0; i < n; i++) { /* any bits: halfway cases, subnormal numbers, NaN and infinity among them */
    uint32_t bits = att_random32(n + 99, (uint32_t)i);
    if (i % 3 == 1) bits = (bits & 0x8007e000u) | 0x38001000u | (bits & 0x1000000u);
    if (i % 3 == 2) bits = (bits & 0x81ffffffu) | 0x33000000u;
    memcpy(x.data + i, &bits, 4);
  }
  k->from_f32(h, x.data, type, n);
  k->to_f32(y.data, h, type, n);
  for (int64_t i = 0; i < n; i++) {
    uint16_t want = type == ATT_F16 ? att_f32_to_f16(x.data[i]) : att_f32_to_bf16(x.data[i]);
    if (!isnan(x.data[i])) assert_int_equal(h[i], want);
    assert_true(same_float(y.data[i], type == ATT_F16 ? att_f16_to_f32(want) : att_bf16_to_f32(want)));
  }
  k->to_f32(y.data, x.data, ATT_F32, n);
  assert_memory_equal(y.data, x.data, (size_t)n * sizeof(float));
  k->from_f32(y.data, x.data, ATT_F32, n);
  assert_memory_equal(y.data, x.data, (size_t)n * sizeof(float));
  area_free(&x);
  area_free(&y);
  area_free(&half);
}

static void test_conversions(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k) for (size_t s = 0; s < COUNT(sizes); s++) {
    check_conversion(k, ATT_F16, sizes[s]);
    check_conversion(k, ATT_BF16, sizes[s]);
  }
}

/* A file may hold them at an odd address. */
static void test_halves_at_odd_addresses(void **state) {
  (void)state;
  const att_kernels *k;
  unsigned char bytes[1 + 2 * 37];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(7 * i + 1);
  EACH_TABLE(k) for (int type = ATT_F16; type <= ATT_BF16; type++) {
    float got[37];
    k->to_f32(got, bytes + 1, (att_type)type, 37);
    for (size_t i = 0; i < 37; i++) {
      uint16_t half;
      memcpy(&half, bytes + 1 + 2 * i, sizeof half);
      assert_true(same_float(got[i], type == ATT_F16 ? att_f16_to_f32(half) : att_bf16_to_f32(half)));
    }
  }
}

static void test_tables(void **state) {
  (void)state;
  assert_non_null(att_kernels_named("portable"));
  assert_null(att_kernels_named("abacus"));
  assert_non_null(att_kernels_get());
  assert_ptr_equal(att_kernels_named(att_kernels_get()->name), att_kernels_get());
  printf("kernels: %s\n", att_kernels_get()->name);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_tables),
      cmocka_unit_test(test_sums),
      cmocka_unit_test(test_sums_of_strange_numbers),
      cmocka_unit_test(test_add_scale_axpy),
      cmocka_unit_test(test_columns),
      cmocka_unit_test(test_activations),
      cmocka_unit_test(test_activations_of_strange_numbers),
      cmocka_unit_test(test_gated),
      cmocka_unit_test(test_rotary),
      cmocka_unit_test(test_soft_cap),
      cmocka_unit_test(test_norms),
      cmocka_unit_test(test_dropout),
      cmocka_unit_test(test_dropout_share),
      cmocka_unit_test(test_softmax),
      cmocka_unit_test(test_softmax_of_strange_numbers),
      cmocka_unit_test(test_exponential),
      cmocka_unit_test(test_cross_entropy),
      cmocka_unit_test(test_cross_entropy_of_nan),
      cmocka_unit_test(test_adam),
      cmocka_unit_test(test_halves),
      cmocka_unit_test(test_conversions),
      cmocka_unit_test(test_halves_at_odd_addresses),
  };
  return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
