/*
 * Convolution over packed rows: against PyTorch (tests/data/ops.json, made by tools/make_op_fixtures.py), against a
 * plain loop by finite differences, each sequence as if it were alone, and an input that no gradient flows into.
 */
#include <jansson.h>

#include "op_check.h"

static int64_t whole_of(const json_t *in, const char *name) {
  const json_t *value = json_object_get(in, name);
  if (!json_is_integer(value)) fail_msg("ops.json lacks %s", name);
  return json_integer_value(value);
}

static float *floats_of(fixture *f, const json_t *in, const char *name, int64_t count) {
  const json_t *list = json_object_get(in, name);
  if ((int64_t)json_array_size(list) != count)
    fail_msg("%s has %zu numbers, not %lld", name, json_array_size(list), (long long)count);
  float *out = ATT_ARENA_NEW(f->arena, count, float);
  for (int64_t i = 0; i < count; i++) out[i] = (float)json_number_value(json_array_get(list, (size_t)i));
  return out;
}

static void must_be(fixture *f, const json_t *in, const char *name, const float *got, int64_t count) {
  const float *want = floats_of(f, in, name, count);
  double most = 0;
  for (int64_t i = 0; i < count; i++) most = fmax(most, fabs((double)want[i]));
  assert_true(most > 0.1);
  for (int64_t i = 0; i < count; i++)
    if (!(fabs((double)got[i] - (double)want[i]) <= 1e-5 * most))
      fail_msg("%s[%lld] is %.9g, not %.9g", name, (long long)i, (double)got[i], (double)want[i]);
}

static att_epilogue epilogue_of(const json_t *in) {
  const char *name = json_string_value(json_object_get(in, "activation"));
  return strcmp(name, "gelu") == 0 ? ATT_WITH_GELU : strcmp(name, "relu") == 0 ? ATT_WITH_RELU : ATT_PLAIN;
}

static void check_case(fixture *f, const json_t *in) {
  const att_convolution c = {whole_of(in, "kernel"), whole_of(in, "stride"), whole_of(in, "padding")};
  int64_t cols = whole_of(in, "cols"), outputs = whole_of(in, "outputs"), start[8] = {0}, size = c.kernel * cols;
  const json_t *lengths = json_object_get(in, "lengths");
  size_t count = json_array_size(lengths);
  for (size_t i = 0; i < count; i++) start[i + 1] = start[i] + json_integer_value(json_array_get(lengths, i));
  begin(f, 0);
  int64_t rows = start[count];
  att_tensor x = new_input(f, rows, cols, 1), out;
  att_weight w = new_weight(f, outputs, size, 2), bias = new_weight(f, 1, outputs, 3);
  memcpy(x.data, floats_of(f, in, "x", rows * cols), (size_t)(rows * cols) * sizeof(float));
  memcpy((float *)(uintptr_t)w.data, floats_of(f, in, "w", outputs * size), (size_t)(outputs * size) * sizeof(float));
  memcpy((float *)(uintptr_t)bias.data, floats_of(f, in, "bias", outputs), (size_t)outputs * sizeof(float));
  att_sequences made;
  assert_int_equal(
      att_op_convolve(&f->run, &x, (att_sequences){(int64_t)count, start}, &c, &w, &bias, epilogue_of(in), &out, &made),
      ATT_OK);
  assert_int_equal(made.count, count);
  assert_int_equal(made.start[count], out.rows);
  for (size_t i = 0; i < count; i++)
    assert_int_equal(made.start[i + 1] - made.start[i], att_convolved_rows(&c, start[i + 1] - start[i]));
  must_be(f, in, "y", out.data, out.rows * outputs);
  memcpy(open_output(f, &out), floats_of(f, in, "weight", out.rows * outputs),
         (size_t)(out.rows * outputs) * sizeof(float));
  assert_int_equal(att_backward(&f->run), ATT_OK);
  must_be(f, in, "dx", x.gradient->data, rows * cols);
  must_be(f, in, "dw", w.grad, outputs * size);
  must_be(f, in, "dbias", bias.grad, outputs);
}

static void test_values(void **state) {
  fixture *f = *state;
  json_t *all = json_load_file(ATT_TEST_DATA "/ops.json", 0, NULL), *cases = json_object_get(all, "convolution");
  assert_int_equal(json_array_size(cases), 6);
  for (size_t i = 0; i < json_array_size(cases); i++) check_case(f, json_array_get(cases, i));
  json_decref(all);
}

/* ---- finite differences ---- */

enum { COLS = 3, OUTPUTS = 4 };
static const int64_t lengths_start[] = {0, 0, 1, 6, 8};

typedef struct convolution_case {
  att_convolution c;
  att_sequences in;
} convolution_case;

static void reference(const problem *p, double *out) {
  const convolution_case *t = p->arg;
  const double *x = p->values[0], *w = p->values[1], *bias = p->values[2];
  for (int64_t i = 0; i < t->in.count; i++) {
    int64_t first = t->in.start[i], end = t->in.start[i + 1];
    for (int64_t row = 0; row < att_convolved_rows(&t->c, end - first); row++)
      for (int64_t o = 0; o < OUTPUTS; o++) {
        double sum = bias[o];
        for (int64_t k = 0; k < t->c.kernel; k++) {
          int64_t at = first + row * t->c.stride - t->c.padding + k;
          for (int64_t c = 0; c < COLS && at >= first && at < end; c++)
            sum += w[(o * t->c.kernel + k) * COLS + c] * x[at * COLS + c];
        }
        *out++ = tanh(sum);
      }
  }
}

static void test_differences(void **state) {
  fixture *f = *state;
  static const att_convolution shapes[] = {{3, 1, 1}, {3, 2, 1}, {2, 1, 0}, {5, 3, 2}, {4, 1, 3}};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    convolution_case t = {shapes[s], {4, lengths_start}};
    int64_t size = OUTPUTS * shapes[s].kernel * COLS;
    begin(f, 0);
    att_tensor x = new_input(f, lengths_start[4], COLS, 1), out;
    att_weight w = new_weight(f, OUTPUTS, shapes[s].kernel * COLS, 2), bias = new_weight(f, 1, OUTPUTS, 3);
    att_sequences made;
    assert_int_equal(att_op_convolve(&f->run, &x, t.in, &t.c, &w, &bias, ATT_WITH_TANH, &out, &made), ATT_OK);
    problem p = {.reference = reference, .arg = &t};
    add_input(f, &p, x.data, x.gradient->data, lengths_start[4] * COLS);
    add_input(f, &p, w.data, w.grad, size);
    add_input(f, &p, bias.data, bias.grad, OUTPUTS);
    prepare(f, &p, out.rows * OUTPUTS);
    finish(f, &p, &out);
  }
}

/* Two layers, the second over what the first made, with no gradient into the input; then a sequence alone gives what it
 * gave among others. */
static void test_alone(void **state) {
  fixture *f = *state;
  const att_convolution one = {3, 1, 1}, two = {3, 2, 1};
  for (int64_t which = -1; which < 4; which++) {
    static float whole[8 * OUTPUTS];
    static int64_t whole_start[5];
    int64_t first = which < 0 ? 0 : lengths_start[which], rows = which < 0 ? 8 : lengths_start[which + 1] - first;
    const int64_t alone[] = {0, rows};
    begin(f, 0);
    att_tensor x, all = new_input(f, 8, COLS, 1), inner, out;
    att_weight w = new_weight(f, OUTPUTS, 3 * COLS, 2), v = new_weight(f, OUTPUTS, 3 * OUTPUTS, 3), none = {0};
    att_sequences made, last;
    x = (att_tensor){.data = all.data + first * COLS, .rows = rows, .cols = COLS, .stride = COLS};
    att_sequences in = which < 0 ? (att_sequences){4, lengths_start} : (att_sequences){1, alone};
    assert_int_equal(att_op_convolve(&f->run, &x, in, &one, &w, &none, ATT_WITH_GELU, &inner, &made), ATT_OK);
    assert_int_equal(att_op_convolve(&f->run, &inner, made, &two, &v, &none, ATT_WITH_GELU, &out, &last), ATT_OK);
    assert_int_equal(made.start[made.count], rows);
    if (which < 0) {
      memcpy(whole, out.data, (size_t)(out.rows * OUTPUTS) * sizeof *whole);
      memcpy(whole_start, last.start, sizeof whole_start);
      float *gradient = open_output(f, &out), largest = 0;
      for (int64_t i = 0; i < out.rows * OUTPUTS; i++) gradient[i] = 1;
      assert_int_equal(att_backward(&f->run), ATT_OK);
      for (int64_t i = 0; i < OUTPUTS * 3 * COLS; i++) largest = fmaxf(largest, fabsf(w.grad[i]));
      assert_true(largest > 0.1f && isfinite(largest));
      continue;
    }
    assert_int_equal(out.rows, whole_start[which + 1] - whole_start[which]);
    for (int64_t i = 0; i < out.rows * OUTPUTS; i++)
      assert_true(fabsf(out.data[i] - whole[whole_start[which] * OUTPUTS + i]) < 1e-6f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_values),
      cmocka_unit_test(test_differences),
      cmocka_unit_test(test_alone),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
