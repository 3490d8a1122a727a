/*
 * The recurrent cells, additive attention's score and products by panels, of every table, against double precision.
 */
#include "kernels/gemm_own.h"
#include "kernels_check.h"

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* What forward gives, in double, as kernels.h lays it out. */
static void reference_forward(att_cell cell, int64_t w, const double *sum_x, const double *sum_h, const double *before,
                              double *gates, double *after) {
  for (int64_t u = 0; u < w; u++) {
    if (cell == ATT_CELL_RNN) after[u] = gates[u] = tanh(sum_x[u] + sum_h[u]);
    if (cell == ATT_CELL_GRU) {
      gates[u] = sigmoid(sum_x[u] + sum_h[u]);
      gates[w + u] = sigmoid(sum_x[w + u] + sum_h[w + u]);
      gates[2 * w + u] = tanh(sum_x[2 * w + u] + gates[u] * sum_h[2 * w + u]);
      after[u] = (1 - gates[w + u]) * gates[2 * w + u] + gates[w + u] * before[u];
    }
    if (cell == ATT_CELL_LSTM) {
      for (int64_t g = 0; g < 4; g++) {
        double sum = sum_x[g * w + u] + sum_h[g * w + u];
        gates[g * w + u] = g == 2 ? tanh(sum) : sigmoid(sum);
      }
      after[w + u] = gates[w + u] * before[w + u] + gates[u] * gates[2 * w + u];
      after[u] = gates[3 * w + u] * tanh(after[w + u]);
    }
  }
}

/* Forward against the formulas; backward's sizes and its agreement with central differences are test_recurrent's, and
 * here with the portable one. */
static void check_cell(const att_kernels *k, att_cell cell, int64_t w) {
  int64_t columns = w * (cell == ATT_CELL_LSTM  ? 4
                         : cell == ATT_CELL_GRU ? 3
                                                : 1),
          size = cell == ATT_CELL_LSTM ? 2 * w : w;
  area gates = area_new(columns, 0, 1), products = area_new(columns, 1, 2), bias = area_new(columns, 0, 3);
  area before = area_new(size, 0, 4), after = area_new(size, 1, 5), inner = area_new(w, 0, 6);
  double *x = doubles_of(gates.data, columns), *h = doubles_of(products.data, columns);
  double *state = doubles_of(before.data, size), *want_gates = doubles_of(gates.data, columns);
  double *want_after = doubles_of(after.data, size);
  for (int64_t i = 0; i < columns; i++) h[i] += bias.data[i];
  reference_forward(cell, w, x, h, state, want_gates, want_after);
  att_cell_args args = {w, gates.data, inner.data, before.data, products.data, bias.data, after.data, 0, 0, 0, 0};
  k->cell_forward(&args, cell, 0, w);
  check_close("gates", k->name, gates.data, want_gates, columns, 1e-6);
  check_close("state", k->name, after.data, want_after, size, 1e-6);
  if (cell == ATT_CELL_GRU) check_close("inner", k->name, inner.data, h + 2 * w, w, 1e-6);

  area dout = area_new(w, 1, 7), dstate = area_new(size, 0, 8), dgates = area_new(columns, 1, 9);
  area dproducts = area_new(columns, 0, 10), same_dstate = area_new(size, 0, 8);
  area same_dgates = area_new(columns, 0, 11), same_dproducts = area_new(columns, 0, 12);
  att_cell_args back = {w,    gates.data, inner.data,  before.data, NULL,          NULL,
                        NULL, dout.data,  dstate.data, dgates.data, dproducts.data};
  att_cell_args same = back;
  same.dstate = same_dstate.data;
  same.dgates = same_dgates.data;
  same.dproducts = same_dproducts.data;
  k->cell_backward(&back, cell, 0, w);
  att_kernels_named("portable")->cell_backward(&same, cell, 0, w);
  double *want[] = {doubles_of(same_dstate.data, size), doubles_of(same_dgates.data, columns),
                    doubles_of(same_dproducts.data, columns)};
  check_close("dstate", k->name, dstate.data, want[0], size, 1e-5);
  check_close("dgates", k->name, dgates.data, want[1], columns, 1e-5);
  check_close("dproducts", k->name, dproducts.data, want[2], columns, 1e-5);
  double *doubles[] = {x, h, state, want_gates, want_after, want[0], want[1], want[2]};
  for (size_t i = 0; i < COUNT(doubles); i++) free(doubles[i]);
  area *areas[] = {&gates,  &products, &bias,      &before,      &after,       &inner,         &dout,
                   &dstate, &dgates,   &dproducts, &same_dstate, &same_dgates, &same_dproducts};
  for (size_t i = 0; i < COUNT(areas); i++) area_free(areas[i]);
}

static void test_cells(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k) for (size_t s = 0; s < COUNT(sizes); s++) {
    for (int cell = 0; cell < 3; cell++) check_cell(k, (att_cell)cell, sizes[s]);
  }
}

/* Units outside the range stay, and no bias is none. */
static void test_part_of_a_cell(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k) {
    float gates[20], products[20], before[20] = {0}, after[20] = {0}, want = tanhf(0.25f + 0.5f);
    for (int i = 0; i < 20; i++) {
      gates[i] = 0.25f;
      products[i] = 0.5f;
    }
    att_cell_args args = {20, gates, NULL, before, products, NULL, after, 0, 0, 0, 0};
    k->cell_forward(&args, ATT_CELL_RNN, 3, 19);
    for (int i = 0; i < 20; i++) assert_true(fabsf(after[i] - (i < 3 || i == 19 ? 0 : want)) < 1e-6f);
  }
}

static void check_additive(const att_kernels *k, int64_t n) {
  area q = area_new(n, 0, 1), key = area_new(n, 1, 2), v = area_new(n, 0, 3);
  area dq = area_new(n, 1, 4), dk = area_new(n, 0, 5), dv = area_new(n, 1, 6);
  double *want[] = {doubles_of(dq.data, n), doubles_of(dk.data, n), doubles_of(dv.data, n)}, score = 0, size = 0;
  for (int64_t i = 0; i < n; i++) {
    double y = tanh((double)q.data[i] + key.data[i]), dz = 0.7f * v.data[i] * (1 - y * y);
    score += v.data[i] * y;
    size += fabs(v.data[i] * y);
    want[0][i] += dz;
    want[1][i] += dz;
    want[2][i] += 0.7f * y;
  }
  assert_true(fabs(k->additive_score(q.data, key.data, v.data, n) - score) <= 2e-6 * size);
  k->additive_backward(dq.data, dk.data, dv.data, q.data, key.data, v.data, 0.7f, n);
  check_close("dq", k->name, dq.data, want[0], n, 2e-6);
  check_close("dk", k->name, dk.data, want[1], n, 2e-6);
  check_close("dv", k->name, dv.data, want[2], n, 2e-6);
  area *areas[] = {&q, &key, &v, &dq, &dk, &dv};
  for (size_t i = 0; i < COUNT(areas); i++) area_free(areas[i]);
  for (size_t i = 0; i < COUNT(want); i++) free(want[i]);
}

static void test_additive(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k) for (size_t s = 0; s < COUNT(sizes); s++) check_additive(k, sizes[s]);
}

/* By panels in two parts: the same bits as att_gemm_own, whatever the transposition. */
static void check_panels(const att_kernels *k, int64_t m, int64_t n, int64_t depth, bool transpose, bool accumulate) {
  att_context *ctx;
  assert_int_equal(att_context_new(&(att_context_options){.size = sizeof(att_context_options), .threads = 1}, &ctx),
                   ATT_OK);
  area a = area_new(m * depth, 0, 1), b = area_new(n * depth, 0, 2), c = area_new(m * n, 0, 3),
       want = area_new(m * n, 0, 3);
  int64_t ldb = transpose ? depth : n, panels = att_panels(k, n);
  float *packed = calloc((size_t)att_panels_size(k, n, depth) + 1, sizeof *packed);
  assert_non_null(packed);
  att_panels_pack(k, packed, b.data, ATT_F32, ldb, transpose, n, depth);
  att_panels_multiply(k, c.data, n, a.data, depth, packed, m, n, depth, 0, panels / 2, accumulate);
  att_panels_multiply(k, c.data, n, a.data, depth, packed, m, n, depth, panels / 2, panels, accumulate);
  att_gemm_own(ctx, k, want.data, n, a.data, depth, false, b.data, ATT_F32, ldb, transpose, m, n, depth, accumulate);
  assert_memory_equal(c.data, want.data, (size_t)(m * n) * sizeof *c.data);
  area *areas[] = {&a, &b, &c, &want};
  for (size_t i = 0; i < COUNT(areas); i++) area_free(areas[i]);
  free(packed);
  att_context_free(ctx);
}

static void test_panels(void **state) {
  (void)state;
  const int64_t shapes[][3] = {{1, 1, 1}, {5, 33, 7}, {64, 96, 300}, {17, 5, 513}, {230, 40, 256}};
  const att_kernels *k;
  EACH_TABLE(k) for (size_t s = 0; s < COUNT(shapes); s++) {
    for (int i = 0; i < 4; i++) check_panels(k, shapes[s][0], shapes[s][1], shapes[s][2], i % 2, i / 2);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_cells),
      cmocka_unit_test(test_part_of_a_cell),
      cmocka_unit_test(test_additive),
      cmocka_unit_test(test_panels),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
