/*
 * Ops against PyTorch and Transformers: tests/data/ops.json, made by tools/make_op_fixtures.py. The gradient of an
 * output there is `weight`.
 */
#include <jansson.h>

#include <stdlib.h>

#include "layers/layers.h"
#include "op_check.h"

static json_t *values;

static int open_values(void **state) {
  json_error_t error;
  values = json_load_file(ATT_TEST_DATA "/ops.json", 0, &error);
  return !values || setup(state);
}

static int close_values(void **state) {
  json_decref(values);
  return teardown(state);
}

static const json_t *list_of(const json_t *in, const char *name) {
  const json_t *list = json_object_get(in, name);
  if (!json_is_array(list)) fail_msg("ops.json lacks %s", name);
  return list;
}

static int64_t whole_of(const json_t *in, const char *name) {
  const json_t *value = json_object_get(in, name);
  if (!json_is_integer(value)) fail_msg("ops.json lacks %s", name);
  return json_integer_value(value);
}

static float *floats_of(fixture *f, const json_t *in, const char *name) {
  const json_t *list = list_of(in, name);
  float *out = ATT_ARENA_NEW(f->arena, json_array_size(list), float);
  for (size_t i = 0; i < json_array_size(list); i++) out[i] = (float)json_number_value(json_array_get(list, i));
  return out;
}

static void check(const json_t *in, const char *name, const float *got, double tolerance) {
  const json_t *list = list_of(in, name);
  double most = 0;
  for (size_t i = 0; i < json_array_size(list); i++)
    most = fmax(most, fabs(json_number_value(json_array_get(list, i))));
  assert_true(most > 1e-3);
  for (size_t i = 0; i < json_array_size(list); i++) {
    double want = json_number_value(json_array_get(list, i));
    if (!(fabs(got[i] - want) <= tolerance * most)) fail_msg("%s[%zu] is %.9g, not %.9g", name, i, got[i], want);
  }
}

static att_tensor input(fixture *f, const json_t *in, int64_t rows, int64_t cols) {
  att_tensor x = new_input(f, rows, cols, 1);
  assert_int_equal(json_array_size(list_of(in, "x")), rows * cols);
  memcpy(x.data, floats_of(f, in, "x"), (size_t)(rows * cols) * sizeof *x.data);
  return x;
}

/* y, then from its weight the gradient of x. */
static void check_both(fixture *f, const json_t *in, const att_tensor *x, const att_tensor *out, double tolerance) {
  check(in, "y", out->data, tolerance);
  memcpy(open_output(f, out), floats_of(f, in, "weight"), (size_t)(out->rows * out->cols) * sizeof(float));
  assert_int_equal(att_backward(&f->run), ATT_OK);
  check(in, "dx", x->gradient->data, tolerance);
}

static void test_activations(void **state) {
  fixture *f = *state;
  static const char *const names[] = {"relu", "gelu", "silu", "gelu_tanh", "tanh"};
  static const att_activation kinds[] = {ATT_RELU, ATT_GELU, ATT_SILU, ATT_GELU_TANH, ATT_TANH};
  for (int i = 0; i < 5; i++) {
    begin(f, 0);
    const json_t *in = json_object_get(json_object_get(values, "activations"), names[i]);
    att_tensor x = input(f, in, 21, 1), out;
    att_weight one = new_weight(f, 1, 1, 1), none = {0};
    ((float *)(uintptr_t)one.data)[0] = 1;
    assert_int_equal(att_op_linear(&f->run, &x, &one, &none, att_epilogue_of(kinds[i]), &out), ATT_OK);
    check_both(f, in, &x, &out, 5e-7);
  }
}

static void test_gated(void **state) {
  fixture *f = *state;
  const json_t *in = json_object_get(values, "gated");
  begin(f, 0);
  att_tensor x = input(f, in, whole_of(in, "rows"), 2 * whole_of(in, "cols")), out;
  assert_int_equal(att_op_gated(&f->run, &x, att_epilogue_of(ATT_SWIGLU), &out), ATT_OK);
  check_both(f, in, &x, &out, 5e-7);
}

static void test_rms_norm(void **state) {
  fixture *f = *state;
  const json_t *in = json_object_get(values, "rms_norm");
  begin(f, 0);
  att_tensor x = input(f, in, whole_of(in, "rows"), whole_of(in, "cols")), out;
  att_weight gamma = new_weight(f, 1, x.cols, 1);
  gamma.data = floats_of(f, in, "gamma");
  float epsilon = (float)json_real_value(json_object_get(in, "epsilon"));
  assert_int_equal(att_op_rms_norm(&f->run, &x, &gamma, false, epsilon, &out), ATT_OK);
  check_both(f, in, &x, &out, 2e-6);
  check(in, "dgamma", gamma.grad, 2e-6);
}

static void test_rotary(void **state) {
  fixture *f = *state;
  const json_t *in = json_object_get(values, "rotary"), *positions = list_of(in, "positions");
  begin(f, 0);
  int64_t heads = whole_of(in, "heads"), size = whole_of(in, "size");
  att_tensor x = input(f, in, (int64_t)json_array_size(positions), heads * size), same = x;
  same.data = floats_of(f, in, "x");
  int32_t ids[16];
  for (int64_t i = 0; i < x.rows; i++) ids[i] = (int32_t)json_integer_value(json_array_get(positions, (size_t)i));
  const att_rope rope = {.base = 10000};
  const int64_t start[] = {0, x.rows};
  att_turns turns;
  assert_int_equal(att_rope_turns(&f->run, &rope, size, (att_sequences){1, start}, start + 1, ids, &turns), ATT_OK);
  assert_int_equal(att_op_rotary(&f->run, &same, (int)heads, (int)size, &turns), ATT_OK);
  check_both(f, in, &x, &same, 1e-6); /* one gradient, turned in place */
}

static double number_or(const json_t *in, const char *name, double other) {
  const json_t *value = json_object_get(in, name);
  return value ? json_number_value(value) : other;
}

static att_rope rope_of(const json_t *in) {
  static const char *const kinds[] = {"default", "linear", "llama3", "dynamic", "yarn", "longrope"};
  const json_t *more = json_object_get(in, "parameters");
  bool yarn = strcmp(json_string_value(json_object_get(in, "kind")), "yarn") == 0;
  att_rope rope = {.base = number_or(in, "base", 0),
                   .partial = number_or(in, "partial", 1),
                   .factor = number_or(more, "factor", 0),
                   .low = yarn ? number_or(more, "beta_slow", 1) : number_or(more, "low_freq_factor", 0),
                   .high = yarn ? number_or(more, "beta_fast", 32) : number_or(more, "high_freq_factor", 0),
                   .untruncated = json_is_false(json_object_get(more, "truncate")),
                   .original =
                       (int64_t)number_or(more, "original_max_position_embeddings", number_or(in, "positions", 0))};
  while (strcmp(json_string_value(json_object_get(in, "kind")), kinds[rope.scaling]) != 0) rope.scaling++;
  for (size_t k = 0; k < json_array_size(json_object_get(more, "short_factor")); k++) {
    rope.short_factors[k] = (float)json_number_value(json_array_get(json_object_get(more, "short_factor"), k));
    rope.long_factors[k] = (float)json_number_value(json_array_get(json_object_get(more, "long_factor"), k));
  }
  return rope;
}

static void test_rope_frequencies(void **state) {
  (void)state;
  const json_t *all = list_of(values, "rope"), *in, *want;
  size_t i, j, k;
  json_array_foreach(all, i, in) {
    const att_rope rope = rope_of(in);
    int64_t size = whole_of(in, "size"), lengths[4] = {0};
    json_array_foreach(list_of(in, "frequencies"), j, want) {
      float got[ATT_MOST_FREQUENCIES];
      lengths[j] = json_integer_value(json_array_get(list_of(in, "lengths"), j));
      att_rope_frequencies(got, &rope, size, lengths[j]);
      assert_int_equal(json_array_size(want), att_rope_turned(&rope, size) / 2);
      for (k = 0; k < json_array_size(want); k++) {
        double number = json_number_value(json_array_get(want, k));
        if (!(fabs(got[k] - number) <= 1e-6 * number)) fail_msg("rope %zu: %.9g, not %.9g", i, (double)got[k], number);
      }
      if (j == 0) continue;
      bool alike = json_equal(want, json_array_get(list_of(in, "frequencies"), j - 1));
      assert_int_equal(att_rope_alike(&rope, lengths[j - 1], lengths[j]), alike);
    }
  }
  assert_true(json_array_size(all) > 8);
}

/* The same angles whether rows share them or not, whatever else is in the pass; each sequence by its own length. */
static void test_turns(void **state) {
  fixture *f = *state;
  begin(f, 0);
  const int64_t start[] = {0, 3, 4, 9}, alone[] = {0, 5}, lengths[] = {3, 1, 30};
  const int32_t positions[] = {0, 1, 2, 0, 25, 26, 27, 28, 29}, dense[] = {2, 0, 1, 2, 4};
  att_rope rope = {.base = 100, .scaling = ATT_ROPE_DYNAMIC, .factor = 4, .original = 10, .magnitude = 1.5};
  att_turns together, one;
  float frequencies[4];
  assert_int_equal(att_rope_turns(&f->run, &rope, 8, (att_sequences){3, start}, lengths, positions, &together), ATT_OK);
  for (int64_t i = 0; i < 9; i++) {
    att_rope_frequencies(frequencies, &rope, 8, i < 4 ? 1 : 30);
    for (int k = 0; k < 4; k++) {
      const float *angles = together.angles + together.rows[i] * together.turned;
      assert_true(fabsf(angles[k] - 1.5f * cosf((float)positions[i] * frequencies[k])) < 1e-6f);
      assert_true(fabsf(angles[4 + k] - 1.5f * sinf((float)positions[i] * frequencies[k])) < 1e-6f);
    }
  }
  assert_int_equal(att_rope_turns(&f->run, &rope, 8, (att_sequences){1, alone}, alone + 1, dense, &one), ATT_OK);
  assert_true(one.rows[0] == one.rows[3] && one.rows[1] != one.rows[2]);
  for (int i = 0; i < 3; i++)
    assert_memory_equal(one.angles + one.rows[(i + 1) % 3] * 8, together.angles + together.rows[i] * 8,
                        8 * sizeof(float));
}

static void test_alibi(void **state) {
  fixture *f = *state;
  const json_t *all = list_of(values, "alibi");
  for (size_t i = 0; i < json_array_size(all); i++) {
    const json_t *slopes = json_array_get(all, i);
    int heads = (int)json_array_size(slopes);
    att_distance_bias bias;
    begin(f, 0);
    assert_int_equal(att_op_alibi(&f->run, heads, 9, &bias), ATT_OK);
    assert_true(bias.heads == heads && bias.reach == 9 && !bias.gradient);
    for (int h = 0; h < heads; h++) {
      double slope = json_number_value(json_array_get(slopes, (size_t)h));
      for (int d = -8; d < 9; d++) assert_true(fabs(bias.values[h * 17 + 8 + d] + slope * abs(d)) <= 1e-6 * slope * 8);
    }
  }
}

/* The table's values tell its buckets and heads. */
static void test_buckets(void **state) {
  fixture *f = *state;
  const json_t *all = list_of(values, "buckets");
  for (size_t i = 0; i < json_array_size(all); i++) {
    const json_t *in = json_array_get(all, i), *wanted = list_of(in, "values");
    int64_t buckets = whole_of(in, "buckets"), reach = whole_of(in, "reach"), most = whole_of(in, "max_distance");
    float numbers[64 * 2];
    for (int j = 0; j < 64 * 2; j++) numbers[j] = (float)(j / 2 + 1000 * (j % 2));
    const att_weight table = {.data = numbers, .type = ATT_F32, .rows = buckets, .cols = 2, .frozen_row = -1};
    att_distance_bias bias;
    begin(f, 0);
    bool causal = json_is_true(json_object_get(in, "causal"));
    assert_int_equal(att_op_relative_bias(&f->run, &table, causal, most, reach, &bias), ATT_OK);
    assert_int_equal(json_array_size(wanted), 2 * reach - 1);
    for (int64_t d = 0; d < 2 * reach - 1; d++) {
      int64_t want = json_integer_value(json_array_get(wanted, (size_t)d));
      if (bias.values[d] != (float)want)
        fail_msg("case %zu: distance %lld is in bucket %g, not %lld", i, (long long)(d - reach + 1), bias.values[d],
                 (long long)want);
      assert_true(bias.values[2 * reach - 1 + d] == (float)(1000 + want));
    }
  }
}

static void test_losses(void **state) {
  fixture *f = *state;
  const json_t *in = json_object_get(values, "losses"), *list = list_of(in, "classes");
  int64_t rows = whole_of(in, "rows"), cols = whole_of(in, "cols");
  float smoothing = (float)json_real_value(json_object_get(in, "smoothing"));
  int32_t classes[16];
  for (int64_t i = 0; i < rows; i++) classes[i] = (int32_t)json_integer_value(json_array_get(list, (size_t)i));
  for (int i = 0; i < 3; i++) {
    begin(f, 0);
    const json_t *found = json_object_get(in, (const char *const[]){"class", "label", "value"}[i]);
    att_tensor x = input(f, in, rows, cols);
    att_loss loss = {0};
    const float *targets = i ? floats_of(f, in, i == 1 ? "labels" : "values") : NULL;
    if (i == 0) assert_int_equal(att_op_class_loss(&f->run, &x, classes, smoothing, (double)rows, &loss), ATT_OK);
    if (i == 1) assert_int_equal(att_op_label_loss(&f->run, &x, targets, (double)rows, &loss), ATT_OK);
    if (i == 2) assert_int_equal(att_op_value_loss(&f->run, &x, targets, (double)rows, &loss), ATT_OK);
    double want = json_number_value(json_object_get(found, "loss"));
    assert_true(want > 0.1 && fabs(loss.loss / (double)loss.count - want) <= 1e-6 * want);
    check(found, "dx", x.gradient->data, 1e-6);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_activations),
      cmocka_unit_test(test_gated),
      cmocka_unit_test(test_rms_norm),
      cmocka_unit_test(test_rotary),
      cmocka_unit_test(test_rope_frequencies),
      cmocka_unit_test(test_turns),
      cmocka_unit_test(test_alibi),
      cmocka_unit_test(test_buckets),
      cmocka_unit_test(test_losses),
  };
  return cmocka_run_group_tests_name("ops as PyTorch's", tests, open_values, close_values);
}
