/*
 * The measures of classifiers against scikit-learn and SciPy (tests/data/class_metrics.json, made by
 * tools/make_class_fixtures.py).
 */
#include <attend/attend.h>

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "counting.h"

static json_t *fixture;
static att_context *ctx;

static int set_up(void **state) {
  (void)state;
  json_error_t error;
  fixture = json_load_file(ATT_TEST_DATA "/class_metrics.json", 0, &error);
  return !fixture || att_context_new(NULL, &ctx) != ATT_OK;
}

static int tear_down(void **state) {
  (void)state;
  json_decref(fixture);
  att_context_free(ctx);
  return 0;
}

static void check_near(const json_t *item, const char *name, double ours, double tolerance) {
  const json_t *value = json_object_get(item, name);
  assert_non_null(value);
  double theirs = json_is_null(value) ? (double)NAN : json_number_value(value);
  if (isnan(theirs) ? !isnan(ours) : !(fabs(ours - theirs) <= tolerance * fmax(1, fabs(theirs))))
    fail_msg("%s: %s is %.15g, not %.15g", json_string_value(json_object_get(item, "name")), name, ours, theirs);
}

static int32_t *read_classes(const json_t *array) {
  size_t count = json_array_size(array);
  int32_t *out = calloc(count, sizeof *out);
  for (size_t i = 0; i < count; i++) out[i] = (int32_t)json_integer_value(json_array_get(array, i));
  return out;
}

static double *read_values(const json_t *array) {
  size_t count = json_array_size(array);
  double *out = calloc(count, sizeof *out);
  for (size_t i = 0; i < count; i++) out[i] = json_number_value(json_array_get(array, i));
  return out;
}

static bool *read_labels(const json_t *array, size_t labels) {
  size_t count = json_array_size(array);
  bool *out = calloc(count * labels, sizeof *out);
  for (size_t i = 0; i < count * labels; i++)
    out[i] = json_integer_value(json_array_get(json_array_get(array, i / labels), i % labels)) != 0;
  return out;
}

static void check_confusion(const json_t *item, const att_class_metrics *m) {
  int64_t *cells = calloc(m->classes * m->classes, sizeof *cells);
  size_t i;
  json_t *cell;
  json_array_foreach(json_object_get(item, "confusion"), i, cell) {
    size_t truth = (size_t)json_integer_value(json_array_get(cell, 0));
    size_t predicted = (size_t)json_integer_value(json_array_get(cell, 1));
    cells[truth * m->classes + predicted] = json_integer_value(json_array_get(cell, 2));
  }
  assert_memory_equal(m->confusion, cells, m->classes * m->classes * sizeof *cells);
  free(cells);
}

static void test_classes(void **state) {
  (void)state;
  size_t i;
  json_t *item;
  json_array_foreach(json_object_get(fixture, "classes"), i, item) {
    size_t count = json_array_size(json_object_get(item, "truth"));
    int32_t *truth = read_classes(json_object_get(item, "truth"));
    int32_t *predicted = read_classes(json_object_get(item, "predicted"));
    att_class_metrics m;
    size_t classes = (size_t)json_integer_value(json_object_get(item, "classes"));
    assert_int_equal(att_measure_classes(ctx, truth, predicted, count, classes, &m), ATT_OK);
    assert_int_equal(m.classes, classes);
    check_near(item, "accuracy", m.accuracy, 1e-15);
    check_near(item, "macro_f1", m.macro_f1, 1e-14);
    check_near(item, "matthews", m.matthews, 1e-14);
    check_confusion(item, &m);
    att_release(ctx, (void *)(uintptr_t)m.confusion);
    free(truth);
    free(predicted);
  }
  assert_true(i >= 9);
}

static void test_labels(void **state) {
  (void)state;
  size_t i;
  json_t *item;
  json_array_foreach(json_object_get(fixture, "labels"), i, item) {
    const json_t *rows = json_object_get(item, "truth");
    size_t count = json_array_size(rows), labels = json_array_size(json_array_get(rows, 0));
    bool *truth = read_labels(rows, labels), *predicted = read_labels(json_object_get(item, "predicted"), labels);
    att_label_metrics m;
    assert_int_equal(att_measure_labels(ctx, truth, predicted, count, labels, &m), ATT_OK);
    check_near(item, "accuracy", m.accuracy, 1e-15);
    check_near(item, "macro_f1", m.macro_f1, 1e-14);
    check_near(item, "micro_f1", m.micro_f1, 1e-14);
    free(truth);
    free(predicted);
  }
  assert_true(i >= 4);
}

static void test_values(void **state) {
  (void)state;
  size_t i;
  json_t *item;
  json_array_foreach(json_object_get(fixture, "values"), i, item) {
    size_t count = json_array_size(json_object_get(item, "truth"));
    double *truth = read_values(json_object_get(item, "truth"));
    double *predicted = read_values(json_object_get(item, "predicted"));
    att_value_metrics m;
    assert_int_equal(att_measure_values(ctx, truth, predicted, count, &m), ATT_OK);
    check_near(item, "pearson", m.pearson, 1e-12);
    check_near(item, "spearman", m.spearman, 1e-12);
    check_near(item, "mean_squared_error", m.mean_squared_error, 1e-14);
    free(truth);
    free(predicted);
  }
  assert_true(i >= 7);
}

static void test_nothing_and_the_impossible(void **state) {
  (void)state;
  att_class_metrics classes;
  att_label_metrics labels;
  att_value_metrics values;
  assert_int_equal(att_measure_classes(ctx, NULL, NULL, 0, 2, &classes), ATT_OK);
  assert_true(isnan(classes.accuracy) && isnan(classes.macro_f1) && isnan(classes.matthews));
  att_release(ctx, (void *)(uintptr_t)classes.confusion);
  assert_int_equal(att_measure_labels(ctx, NULL, NULL, 0, 2, &labels), ATT_OK);
  assert_true(isnan(labels.accuracy) && isnan(labels.macro_f1) && isnan(labels.micro_f1));
  assert_int_equal(att_measure_values(ctx, NULL, NULL, 0, &values), ATT_OK);
  assert_true(isnan(values.pearson) && isnan(values.spearman) && isnan(values.mean_squared_error));
  const double odd[] = {1, NAN, INFINITY, 2}, even[] = {1, 2, 3, 4};
  assert_int_equal(att_measure_values(ctx, odd, even, 4, &values), ATT_OK);
  assert_true(isnan(values.pearson) && isnan(values.spearman));

  const int32_t truth[] = {0, 1}, beyond[] = {0, 2}, below[] = {-1, 0};
  assert_int_equal(att_measure_classes(ctx, truth, beyond, 2, 2, &classes), ATT_ARGUMENT);
  assert_non_null(strstr(att_message(ctx), "predicted as 2: there are 2 classes"));
  assert_int_equal(att_measure_classes(ctx, below, truth, 2, 2, &classes), ATT_ARGUMENT);
  assert_null(classes.confusion);
  assert_int_equal(att_measure_classes(ctx, truth, truth, 2, SIZE_MAX / 4, &classes), ATT_ARGUMENT);
  assert_int_equal(att_measure_classes(ctx, truth, NULL, 2, 2, &classes), ATT_ARGUMENT);
}

static att_status measure(att_context *small, void *arg) {
  (void)arg;
  const int32_t truth[] = {0, 1, 2}, predicted[] = {0, 2, 2};
  const double x[] = {1, 2, 3}, y[] = {3, 2, 2};
  att_class_metrics classes;
  att_value_metrics values;
  ATT_TRY(att_measure_classes(small, truth, predicted, 3, 3, &classes));
  att_release(small, (void *)(uintptr_t)classes.confusion);
  return att_measure_values(small, x, y, 3, &values);
}

static void test_each_allocation_fails(void **state) {
  (void)state;
  assert_int_equal(fail_each_allocation(measure, NULL), 6);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_classes),
      cmocka_unit_test(test_labels),
      cmocka_unit_test(test_values),
      cmocka_unit_test(test_nothing_and_the_impossible),
      cmocka_unit_test(test_each_allocation_fails),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
