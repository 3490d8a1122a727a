/*
 * Vectors from which tokens stand near which, against NumPy's eigenvectors (tests/data/cooccurrence.json, made by
 * tools/make_cooccurrence_fixtures.py), on one to three threads; texts with next to nothing in them.
 */
#include "train/tasks/cooccurrence.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "counting.h"

typedef struct text {
  const char *name;
  int32_t *ids;
  bool *marks;
  size_t count;
  int64_t vocab, width;
  const json_t *cosines;
} text;

static json_t *fixture;

static int set_up(void **state) {
  (void)state;
  fixture = json_load_file(ATT_TEST_DATA "/cooccurrence.json", 0, NULL);
  return !fixture;
}

static int tear_down(void **state) {
  (void)state;
  json_decref(fixture);
  return 0;
}

static text read_text(const json_t *item) {
  const json_t *ids = json_object_get(item, "ids"), *marks = json_object_get(item, "marks");
  text t = {json_string_value(json_object_get(item, "name")),
            NULL,
            NULL,
            json_array_size(ids),
            json_integer_value(json_object_get(item, "vocab")),
            json_integer_value(json_object_get(item, "width")),
            json_object_get(item, "cosines")};
  t.ids = calloc(t.count, sizeof *t.ids);
  t.marks = calloc((size_t)t.vocab, sizeof *t.marks);
  for (size_t i = 0; i < t.count; i++) t.ids[i] = (int32_t)json_integer_value(json_array_get(ids, i));
  for (size_t i = 0; i < json_array_size(marks); i++) t.marks[json_integer_value(json_array_get(marks, i))] = true;
  return t;
}

static void free_text(text *t) {
  free(t->ids);
  free(t->marks);
}

static att_status make_rows(att_context *ctx, const text *t, float *rows) {
  return att_cooccurrence_rows(ctx, t->ids, t->count, t->marks, t->vocab, t->width, 7, NULL, NULL, rows);
}

static double cosine(const float *a, const float *b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)a[i] * b[i];
  return sum;
}

static void check_cosines(const text *t, const float *rows) {
  for (int64_t a = 0; a < t->vocab; a++)
    for (int64_t b = 0; b < t->vocab; b++) {
      double ours = cosine(rows + a * t->width, rows + b * t->width, t->width);
      double theirs = json_number_value(json_array_get(t->cosines, (size_t)(a * t->vocab + b)));
      if (!(fabs(ours - theirs) < 1e-3))
        fail_msg("%s: tokens %d and %d: %.6f, not %.6f", t->name, (int)a, (int)b, ours, theirs);
    }
}

static void test_numpy(void **state) {
  (void)state;
  assert_true(json_array_size(fixture) > 0);
  for (size_t i = 0; i < json_array_size(fixture); i++) {
    text t = read_text(json_array_get(fixture, i));
    float *rows = calloc((size_t)(t.vocab * t.width), sizeof *rows);
    for (int threads = 1; threads <= 3; threads++) {
      att_context *ctx;
      assert_int_equal(
          att_context_new(&(att_context_options){.size = sizeof(att_context_options), .threads = threads}, &ctx),
          ATT_OK);
      assert_int_equal(make_rows(ctx, &t, rows), ATT_OK);
      check_cosines(&t, rows);
      att_context_free(ctx);
    }
    free(rows);
    free_text(&t);
  }
}

/* Wider than what there is to know: what is left over is zeros, and nothing is NaN. */
static void test_little(void **state) {
  (void)state;
  int32_t ids[] = {0, 3, 0, 0, 2, 2, 2, 2, 0, 1, 2};
  bool marks[] = {true, false, false, false, false, false};
  float rows[6 * 8];
  att_context *ctx;
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  for (size_t count = 0; count <= sizeof ids / sizeof *ids; count++) {
    assert_int_equal(att_cooccurrence_rows(ctx, ids, count, marks, 6, 8, 1, NULL, NULL, rows), ATT_OK);
    for (int v = 0; v < 6; v++) {
      double norm = sqrt(cosine(rows + v * 8, rows + v * 8, 8));
      bool alone = v == 0 || v == 3 || v > 3; /* a mark, a text of its own, not there */
      if (alone) assert_true(norm == 0);
      assert_true(norm == 0 || fabs(norm - 1) < 1e-5);
    }
  }
  assert_true(cosine(rows + 8, rows + 8, 8) > 0.99); /* beside 2 at the end */
  att_context_free(ctx);
}

static int stop(void *user, double done) {
  double *last = user;
  assert_true(done >= *last && done < 1);
  *last = done;
  return done > 0.5;
}

static int interrupt(void *user, double done) {
  (void)done;
  att_interrupt(user);
  return 0;
}

/* By what work says, and by the user in the midst of a round. */
static void test_stopped(void **state) {
  (void)state;
  text t = read_text(json_array_get(fixture, 0));
  float *rows = calloc((size_t)(t.vocab * t.width), sizeof *rows);
  att_context *ctx;
  double last = 0;
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  assert_int_equal(att_cooccurrence_rows(ctx, t.ids, t.count, t.marks, t.vocab, t.width, 7, stop, &last, rows),
                   ATT_INTERRUPTED);
  assert_int_equal(att_cooccurrence_rows(ctx, t.ids, t.count, t.marks, t.vocab, t.width, 7, interrupt, ctx, rows),
                   ATT_INTERRUPTED);
  att_context_free(ctx);
  free(rows);
  free_text(&t);
}

static att_status make_counted(att_context *ctx, void *arg) {
  const text *t = arg;
  float rows[17 * 3];
  return make_rows(ctx, t, rows);
}

static void test_memory(void **state) {
  (void)state;
  text t = read_text(json_array_get(fixture, 0));
  assert_true(fail_each_allocation(make_counted, &t) >= 8);
  free_text(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_numpy),
      cmocka_unit_test(test_little),
      cmocka_unit_test(test_stopped),
      cmocka_unit_test(test_memory),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
