/*
 * Quantized types: blocks are the numbers that the `gguf` package says (tools/make_quant_fixtures.py), bytes come back
 * from every layout, chosen blocks are no worse than the package's; products of every table with panels against double
 * precision, with the bound that quant_panels.h states; the same bits for any number of rows and any part of the
 * panels.
 */
#include "kernels_check.h"

#include <jansson.h>

#include "kernels/quant_panels.h"

static const att_type types[] = {ATT_Q4_0, ATT_Q4_1, ATT_Q5_0, ATT_Q5_1, ATT_Q8_0,  ATT_Q2_K,
                                 ATT_Q3_K, ATT_Q4_K, ATT_Q5_K, ATT_Q6_K, ATT_IQ4_NL};
#define EACH_QUANT_TABLE(k)                                                                                            \
  for (size_t table_ = 0; table_ < 5; table_++)                                                                        \
    if ((k = att_kernels_named((const char *[]){"portable", "avx2", "avx2-vnni", "avx512", "avx512-vnni"}[table_])))

static json_t *fixture;

static int open_fixture(void **state) {
  (void)state;
  fixture = json_load_file(ATT_TEST_DATA "/quants.json", 0, NULL);
  return !fixture;
}

static int close_fixture(void **state) {
  (void)state;
  json_decref(fixture);
  return 0;
}

static float *floats_of(const json_t *list, size_t *count) {
  *count = json_array_size(list);
  assert_true(*count > 0);
  float *out = calloc(*count, sizeof *out);
  for (size_t i = 0; i < *count; i++) out[i] = (float)json_number_value(json_array_get(list, i));
  return out;
}

static uint8_t *bytes_of(const char *hex, size_t *size) {
  *size = strlen(hex) / 2;
  uint8_t *out = malloc(*size);
  for (size_t i = 0; i < *size; i++) {
    unsigned byte;
    assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
    out[i] = (uint8_t)byte;
  }
  return out;
}

/* ---- blocks --------------------------------------------------------------------------------------------------- */

static void blocks_are_the_packages(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(types); i++) {
    const json_t *entry = json_object_get(fixture, att_type_label(types[i]));
    size_t size, count;
    uint8_t *blocks = bytes_of(json_string_value(json_object_get(entry, "blocks")), &size);
    float *want = floats_of(json_object_get(entry, "values"), &count), *got = calloc(count, sizeof *got);
    assert_int_equal(att_type_bytes(types[i], (int64_t)count), size);
    att_quants_to_f32(got, blocks, types[i], (int64_t)count);
    for (size_t k = 0; k < count; k++)
      if (!(fabsf(got[k] - want[k]) <= 1e-7f * fabsf(want[k])))
        fail_msg("%s[%zu] is %.9g, not %.9g", att_type_name(types[i]), k, (double)got[k], (double)want[k]);
    free(blocks);
    free(want);
    free(got);
  }
}

static void bytes_come_back(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(types); i++) {
    uint8_t bytes[256], back[256];
    size_t size = att_type_size(types[i]);
    att_quant_block block;
    for (int n = 0; n < 200; n++) {
      for (size_t k = 0; k < size; k++) bytes[k] = (uint8_t)att_random32(i * 1000 + (size_t)n, (uint32_t)k);
      memset(back, 0xa5, sizeof back);
      att_quant_read(&block, types[i], bytes);
      att_quant_write(back, types[i], &block);
      assert_memory_equal(back, bytes, size);
      assert_int_equal(back[size], 0xa5);
    }
  }
}

static double error_of(att_type type, const float *x, const float *weights, size_t count) {
  void *blocks = malloc(att_type_bytes(type, (int64_t)count));
  float *y = calloc(count, sizeof *y);
  double error = 0, squares = 0;
  att_quants_from_f32(blocks, type, x, weights, (int64_t)count);
  att_quants_to_f32(y, blocks, type, (int64_t)count);
  for (size_t i = 0; i < count; i++) {
    double w = weights ? (double)weights[i] : 1;
    error += w * ((double)y[i] - (double)x[i]) * ((double)y[i] - (double)x[i]);
    squares += w * (double)x[i] * (double)x[i];
  }
  free(blocks);
  free(y);
  return squares > 0 ? sqrt(error / squares) : sqrt(error);
}

/* No worse than the package's, and the more bits the nearer. */
static void chosen_blocks_are_near(void **state) {
  (void)state;
  static const double bounds[] = {.09, .08, .045, .04, .006, .30, .17, .08, .04, .02, .085};
  size_t count;
  float *x = floats_of(json_object_get(fixture, "numbers"), &count), *weights = calloc(count, sizeof *weights);
  for (size_t i = 0; i < count; i++) weights[i] = i % 8 == 0 ? 100 : 0.01f;
  for (size_t i = 0; i < COUNT(types); i++) {
    const json_t *theirs = json_object_get(json_object_get(fixture, att_type_label(types[i])), "error");
    double error = error_of(types[i], x, NULL, count);
    if (!(error > 1e-4 && error < bounds[i])) fail_msg("%s: an error of %g", att_type_name(types[i]), error);
    if (json_is_number(theirs)) assert_true(error <= 1.001 * json_number_value(theirs));
    if (types[i] == ATT_Q8_0) continue;
    float *plain = calloc(count, sizeof *plain); /* what matters more comes out nearer than without being told */
    for (size_t k = 0; k < count; k++) plain[k] = 1;
    assert_true(error_of(types[i], x, weights, count) < 0.95 * error_of(types[i], x, plain, count) ||
                error_of(types[i], x, weights, count) < 0.8 * error);
    free(plain);
  }
  free(x);
  free(weights);
}

static void odd_numbers_have_blocks(void **state) {
  (void)state;
  float x[256] = {0};
  for (size_t i = 0; i < COUNT(types); i++) {
    double bound = types[i] == ATT_IQ4_NL ? 0.05 : 0.03; /* that one has no zero */
    memset(x, 0, sizeof x);
    assert_true(error_of(types[i], x, NULL, 256) == 0);
    for (int k = 0; k < 256; k++) x[k] = 3.5f; /* all the same */
    assert_true(error_of(types[i], x, NULL, 256) < bound);
    for (int k = 0; k < 256; k++) x[k] = k == 77 ? -20.f : 0; /* one alone */
    assert_true(error_of(types[i], x, NULL, 256) < bound);
    for (int k = 0; k < 256; k++) x[k] = 1e-30f * (float)(k % 5); /* too small for binary16 */
    assert_true(error_of(types[i], x, NULL, 256) <= 1);
  }
}

/* ---- panels --------------------------------------------------------------------------------------------------- */

typedef struct weight {
  att_type type;
  int64_t rows, cols;
  uint8_t *blocks, *panels;
  float *values; /* [rows, cols] */
} weight;

static weight weight_new(att_type type, int64_t rows, int64_t cols) {
  weight w = {.type = type, .rows = rows, .cols = cols};
  w.values = calloc((size_t)(rows * cols), sizeof *w.values);
  w.blocks = malloc(att_type_bytes(type, rows * cols));
  w.panels = malloc(att_quant_panel_bytes(type, cols) * (size_t)att_quant_panel_count(rows));
  for (int64_t i = 0; i < rows * cols; i++)
    w.values[i] = (float)(att_uniform(3, (uint64_t)i) - 0.4) * (1 + (float)(i % 7)) * 0.1f;
  att_quants_from_f32(w.blocks, type, w.values, NULL, rows * cols);
  att_quants_to_f32(w.values, w.blocks, type, rows * cols);
  att_quant_pack(w.panels, w.blocks, type, rows, cols, 0, att_quant_panel_count(rows));
  return w;
}

static void weight_free(weight *w) {
  free(w->values);
  free(w->blocks);
  free(w->panels);
}

static void panels_come_back(void **state) {
  (void)state;
  static const int64_t shapes[][2] = {{1, 256}, {16, 512}, {17, 256}, {40, 768}};
  for (size_t i = 0; i < COUNT(types); i++)
    for (size_t s = 0; s < COUNT(shapes); s++) {
      weight w = weight_new(types[i], shapes[s][0], shapes[s][1]);
      size_t size = att_type_bytes(w.type, w.rows * w.cols), panel = att_quant_panel_bytes(w.type, w.cols);
      uint8_t *back = malloc(size), *parts = malloc(panel * (size_t)att_quant_panel_count(w.rows));
      assert_true(panel <= ATT_QUANT_PANEL * att_type_bytes(w.type, w.cols) * 104 / 100); /* 4 % more at most */
      att_quant_unpack(back, w.panels, w.type, w.rows, w.cols, 0, att_quant_panel_count(w.rows));
      assert_memory_equal(back, w.blocks, size);
      for (int64_t p = att_quant_panel_count(w.rows); p-- > 0;) /* one by one, from the last */
        att_quant_pack(parts, w.blocks, w.type, w.rows, w.cols, p, p + 1);
      assert_memory_equal(parts, w.panels, panel * (size_t)att_quant_panel_count(w.rows));
      float *row = calloc((size_t)w.cols, sizeof *row);
      for (int64_t r = 0; r < w.rows; r++) {
        att_quant_row(row, w.panels, w.type, w.cols, r);
        assert_memory_equal(row, w.values + r * w.cols, (size_t)w.cols * sizeof *row);
      }
      free(row);
      free(back);
      free(parts);
      weight_free(&w);
    }
}

/* ---- products ------------------------------------------------------------------------------------------------- */

static float *draw(int64_t count, uint64_t seed) {
  float *x = calloc((size_t)count, sizeof *x);
  for (int64_t i = 0; i < count; i++) x[i] = (float)(att_uniform(seed, (uint64_t)i) - 0.5) * (i % 50 == 0 ? 20 : 2);
  return x;
}

static att_quant_rows make_rows(const att_kernels *k, void **memory, att_type type, const float *x, int64_t rows,
                                int64_t cols) {
  *memory = aligned_alloc(64, att_quant_rows_bytes(type, rows, cols));
  att_quant_rows made = att_quant_rows_in(*memory, type, rows, cols);
  k->quantize_rows(&made, type, x, cols, 0, rows);
  return made;
}

/* Against the integers' exact product in doubles, and against x itself within the stated bound. */
static void check_product(const att_kernels *k, const weight *w, int64_t m) {
  void *memory;
  float *x = draw(m * w->cols, 9), *y = calloc((size_t)(m * w->rows), sizeof *y);
  att_quant_rows rows = make_rows(k, &memory, w->type, x, m, w->cols);
  k->multiply_panels(y, w->rows, &rows, w->panels, w->type, w->rows, 0, att_quant_panel_count(w->rows));
  for (int64_t r = 0; r < m; r++)
    for (int64_t j = 0; j < w->rows; j++) {
      double sum = 0, size = 0, exact = 0, bound = 0;
      for (int64_t i = 0; i < w->cols; i++) {
        double scale = (double)rows.scale[(r * w->cols + i) / 32], v = (double)w->values[j * w->cols + i];
        sum += scale * rows.q[r * w->cols + i] * v;
        size += fabs(scale * rows.q[r * w->cols + i] * v);
        exact += (double)x[r * w->cols + i] * v;
        bound += fabs(v) * scale / 2;
      }
      double got = (double)y[r * w->rows + j];
      /* a lowest integer is taken off at the end: of sums that are larger than the numbers */
      if (!(fabs(got - sum) <= 3e-6 * size + 1e-6))
        fail_msg("%s, %s: row %d, %d: %.9g, not %.9g", k->name, att_type_name(w->type), (int)r, (int)j, got, sum);
      if (!(fabs(got - exact) <= 1.01 * bound + 1e-5))
        fail_msg("%s, %s: %.9g is more than %g off %.9g", k->name, att_type_name(w->type), got, bound, exact);
    }
  free(x);
  free(y);
  free(memory);
}

static void products_are_right(void **state) {
  (void)state;
  static const int64_t shapes[][2] = {{1, 256}, {16, 256}, {33, 512}, {40, 1280}, {20, 2304}};
  const att_kernels *k;
  EACH_QUANT_TABLE(k)
  for (size_t i = 0; i < COUNT(types); i++)
    for (size_t s = 0; s < COUNT(shapes); s++) {
      weight w = weight_new(types[i], shapes[s][0], shapes[s][1]);
      check_product(k, &w, 1);
      check_product(k, &w, 5);
      check_product(k, &w, 19);
      weight_free(&w);
    }
}

static void rows_do_not_depend_on_others(void **state) {
  (void)state;
  enum { M = 150, N = 37, K = 1536 };
  const att_kernels *k;
  float *x = draw((int64_t)M * K, 4), *all = calloc(M * N, sizeof *all), *some = calloc(M * N, sizeof *some);
  EACH_QUANT_TABLE(k)
  for (size_t i = 0; i < COUNT(types); i++) {
    if (table_ == 0 && i % 5) continue; /* the portable one is slow */
    void *memory, *part_memory;
    weight w = weight_new(types[i], N, K);
    att_quant_rows rows = make_rows(k, &memory, w.type, x, M, K);
    k->multiply_panels(all, N, &rows, w.panels, w.type, N, 0, 3);
    for (int64_t first = 0, count = 1; first < M; first += count, count = first % 9 + 1) {
      if (first + count > M) count = M - first;
      att_quant_rows part = make_rows(k, &part_memory, w.type, x + first * K, count, K);
      for (int64_t p = 0; p < 3; p++) k->multiply_panels(some + first * N, N, &part, w.panels, w.type, N, p, p + 1);
      free(part_memory);
    }
    assert_memory_equal(some, all, M * N * sizeof *all);
    free(memory);
    weight_free(&w);
  }
  free(x);
  free(all);
  free(some);
}

/* The same integers and scales in every table; what is not finite stays so. */
static void rows_are_the_same_everywhere(void **state) {
  (void)state;
  const att_kernels *k;
  void *first_memory, *memory;
  float *x = draw(4 * 512, 8);
  att_quant_rows first = make_rows(att_kernels_named("portable"), &first_memory, ATT_Q6_K, x, 4, 512);
  EACH_QUANT_TABLE(k) {
    att_quant_rows rows = make_rows(k, &memory, ATT_Q6_K, x, 4, 512);
    assert_memory_equal(rows.q, first.q, 4 * 512);
    assert_memory_equal(rows.scale, first.scale, 4 * 512 / 32 * sizeof(float));
    assert_memory_equal(rows.start, first.start, 4 * 512 / 16 * sizeof(int32_t));
    free(memory);
  }
  free(first_memory);
  x[700] = NAN;
  x[1200] = INFINITY;
  EACH_QUANT_TABLE(k) {
    float y[4 * 3];
    weight w = weight_new(ATT_Q4_K, 3, 512);
    att_quant_rows rows = make_rows(k, &memory, w.type, x, 4, 512);
    k->multiply_panels(y, 3, &rows, w.panels, w.type, 3, 0, 1);
    for (int i = 0; i < 12; i++) assert_true(isfinite(y[i]) == (i / 3 == 0 || i / 3 == 3));
    free(memory);
    weight_free(&w);
  }
  free(x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_are_the_packages),
      cmocka_unit_test(bytes_come_back),
      cmocka_unit_test(chosen_blocks_are_near),
      cmocka_unit_test(odd_numbers_have_blocks),
      cmocka_unit_test(panels_come_back),
      cmocka_unit_test(products_are_right),
      cmocka_unit_test(rows_do_not_depend_on_others),
      cmocka_unit_test(rows_are_the_same_everywhere),
  };
  return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
