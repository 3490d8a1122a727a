/*
 * CTC's loss against PyTorch (tests/data/ops.json, made by tools/make_op_fixtures.py), against all ways written out,
 * and its gradient against differences; what has no way, what is empty, what is no number.
 */
#include <jansson.h>

#include "op_check.h"

enum { COLS = 4, MOST_ROWS = 6, MOST_TOKENS = 4 };

/* ---- all ways, one by one ---- */

typedef struct ways {
  int64_t rows, tokens;
  const int32_t *label;
  int32_t blank;
} ways;

/* Whether a way, less its repeats and then its blanks, is the label. */
static bool writes(const ways *w, const int32_t *way) {
  int64_t count = 0;
  for (int64_t t = 0; t < w->rows; t++) {
    if (way[t] == w->blank || (t > 0 && way[t] == way[t - 1])) continue;
    if (count == w->tokens || way[t] != w->label[count]) return false;
    count++;
  }
  return count == w->tokens;
}

static void all_ways(const problem *p, double *out) {
  const ways *w = p->arg;
  double total = 0, norm[MOST_ROWS];
  for (int64_t t = 0; t < w->rows; t++) {
    norm[t] = 0;
    for (int c = 0; c < COLS; c++) norm[t] += exp(p->values[0][t * COLS + c]);
  }
  int64_t count = 1;
  for (int64_t t = 0; t < w->rows; t++) count *= COLS;
  for (int64_t n = 0; n < count; n++) {
    int32_t way[MOST_ROWS];
    double product = 1;
    for (int64_t t = 0, rest = n; t < w->rows; t++, rest /= COLS) {
      way[t] = (int32_t)(rest % COLS);
      product *= exp(p->values[0][t * COLS + way[t]]) / norm[t];
    }
    if (writes(w, way)) total += product;
  }
  *out = -log(total);
}

static void test_all_ways(void **state) {
  fixture *f = *state;
  static const int32_t labels[][MOST_TOKENS] = {{1, 2}, {1, 1}, {3, 1, 3}, {2}, {0}, {1, 1, 1}};
  static const int64_t tokens[] = {2, 2, 3, 1, 0, 3}, rows[] = {5, 3, 6, 1, 4, 5};
  for (int i = 0; i < 6; i++) {
    const ways w = {rows[i], tokens[i], labels[i], 0};
    const int64_t start[] = {0, w.rows}, label_start[] = {0, w.tokens};
    int64_t impossible;
    att_loss loss = {0};
    begin(f, 0);
    att_tensor x = new_input(f, w.rows, COLS, (uint64_t)i + 1);
    assert_int_equal(
        att_op_ctc_loss(&f->run, &x, (att_sequences){1, start}, w.label, label_start, w.blank, 2, &loss, &impossible),
        ATT_OK);
    problem p = {.reference = all_ways, .arg = &w};
    add_input(f, &p, x.data, x.gradient->data, w.rows * COLS);
    prepare(f, &p, 1);
    p.weights[0] = 0.5;
    all_ways(&p, p.out);
    assert_true(impossible == 0 && loss.count == w.tokens && p.out[0] > 0.1);
    assert_true(fabs(loss.loss - p.out[0]) <= 1e-6 * p.out[0] && loss.nll == loss.loss);
    check_gradients(&p);
  }
}

/* ---- PyTorch ---- */

static json_t *values;

static const json_t *list_of(const json_t *in, const char *name) {
  const json_t *list = json_object_get(in, name);
  assert_true(json_is_array(list) && json_array_size(list) > 0);
  return list;
}

static void test_pytorch(void **state) {
  fixture *f = *state;
  const json_t *in = json_object_get(values, "ctc"), *lengths = list_of(in, "lengths"), *labels = list_of(in, "labels");
  const json_t *x_values = list_of(in, "x"), *dx = list_of(in, "dx"), *losses = list_of(in, "losses");
  int64_t start[16] = {0}, label_start[16] = {0}, cols = json_integer_value(json_object_get(in, "cols")), impossible;
  int32_t ids[64], blank = (int32_t)json_integer_value(json_object_get(in, "blank"));
  size_t count = json_array_size(lengths);
  double want = 0, most = 0;
  for (size_t i = 0; i < count; i++) {
    const json_t *label = json_array_get(labels, i);
    start[i + 1] = start[i] + json_integer_value(json_array_get(lengths, i));
    label_start[i + 1] = label_start[i] + (int64_t)json_array_size(label);
    for (size_t k = 0; k < json_array_size(label); k++)
      ids[label_start[i] + (int64_t)k] = (int32_t)json_integer_value(json_array_get(label, k));
    want += json_number_value(json_array_get(losses, i));
  }
  begin(f, 0);
  att_tensor x = new_input(f, start[count], cols, 1);
  for (int64_t i = 0; i < x.rows * cols; i++) {
    x.data[i] = (float)json_number_value(json_array_get(x_values, (size_t)i));
    most = fmax(most, fabs(json_number_value(json_array_get(dx, (size_t)i))));
  }
  att_loss loss = {0};
  assert_int_equal(att_op_ctc_loss(&f->run, &x, (att_sequences){(int64_t)count, start}, ids, label_start, blank, 1,
                                   &loss, &impossible),
                   ATT_OK);
  assert_true(impossible == 1 && want > 10 && most > 0.1);
  assert_true(fabs(loss.loss - want) <= 1e-6 * want);
  for (int64_t i = 0; i < x.rows * cols; i++) {
    double theirs = json_number_value(json_array_get(dx, (size_t)i));
    if (!(fabs(x.gradient->data[i] - theirs) <= 1e-6 * most))
      fail_msg("dx[%d] is %g, not %g", (int)i, (double)x.gradient->data[i], theirs);
  }
}

/* ---- what is not as usual ---- */

/* The gradient is added to what is there; without one, or a tape, the loss is the same; sequences of no rows too. */
static void test_edges(void **state) {
  fixture *f = *state;
  static const int64_t start[] = {0, 0, 3, 3}, label_start[] = {0, 0, 2, 3};
  static const int32_t labels[] = {1, 2, 1};
  const att_sequences sequences = {3, start};
  att_loss loss = {0}, again = {0}, bare = {0};
  int64_t impossible;
  begin(f, 0);
  att_tensor x = new_input(f, 3, COLS, 1), data = x;
  data.gradient = NULL;
  assert_int_equal(att_op_ctc_loss(&f->run, &x, sequences, labels, label_start, 0, 1, &loss, &impossible), ATT_OK);
  assert_true(impossible == 1 && loss.count == 2 && loss.loss > 0.1);
  float once = x.gradient->data[5];
  assert_int_equal(att_op_ctc_loss(&f->run, &x, sequences, labels, label_start, 0, 1, &again, &impossible), ATT_OK);
  assert_true(fabsf(once) > 1e-3f && fabsf(x.gradient->data[5] - 2 * once) < 1e-6f);
  assert_int_equal(att_op_ctc_loss(&f->run, &data, sequences, labels, label_start, 0, 1, &bare, &impossible), ATT_OK);
  assert_true(again.loss == loss.loss && bare.loss == loss.loss);
  x.data[4] = NAN;
  assert_int_equal(att_op_ctc_loss(&f->run, &x, sequences, labels, label_start, 0, 1, &loss, &impossible), ATT_OK);
  assert_true(isnan(loss.loss));
}

/* Long sequences underflow nothing: 3000 rows, 700 tokens. */
static void test_long(void **state) {
  fixture *f = *state;
  enum { ROWS = 3000, TOKENS = 700 };
  static const int64_t start[] = {0, ROWS}, label_start[] = {0, TOKENS};
  int32_t labels[TOKENS];
  for (int i = 0; i < TOKENS; i++) labels[i] = 1 + i % (COLS - 1);
  att_loss loss = {0};
  int64_t impossible;
  double sum = 0;
  begin(f, 0);
  att_tensor x = new_input(f, ROWS, COLS, 9);
  assert_int_equal(
      att_op_ctc_loss(&f->run, &x, (att_sequences){1, start}, labels, label_start, 0, 1, &loss, &impossible), ATT_OK);
  assert_true(impossible == 0 && isfinite(loss.loss) && loss.loss > 100);
  for (int64_t i = 0; i < ROWS; i++) { /* a softmax less what sums to 1 */
    double row = 0;
    for (int c = 0; c < COLS; c++) row += (double)x.gradient->data[i * COLS + c];
    sum = fmax(sum, fabs(row));
  }
  assert_true(sum < 1e-5 && fabsf(x.gradient->data[0]) > 1e-6f);
}

int main(void) {
  json_error_t error;
  values = json_load_file(ATT_TEST_DATA "/ops.json", 0, &error);
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_ways), cmocka_unit_test(test_pytorch),
                                     cmocka_unit_test(test_edges), cmocka_unit_test(test_long)};
  int failed = cmocka_run_group_tests_name("CTC", tests, setup, teardown);
  json_decref(values);
  return failed;
}
