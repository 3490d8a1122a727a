/* Attention and the biases of its scores against references in double precision, at one thread and two. */
#include "op_check.h"

static int setup_one(void **state) {
  int failed = setup(state);
  if (!failed) ((fixture *)*state)->ctx->threads = 1;
  return failed;
}

enum { REACH = 71 };

typedef struct attention_case {
  int heads, kv_heads, size;
  bool causal, biased;
  const int64_t *queries, *keys;
  int64_t count;
} attention_case;

/* biases: of the first key and so on */
static void attend_row(const problem *p, const attention_case *c, int64_t query, int64_t first_key, int64_t seen,
                       int head, const double *biases, double *out) {
  int64_t ldq = c->heads * c->size, ldk = c->kv_heads * c->size,
          at = (int64_t)(head * c->kv_heads / c->heads) * c->size;
  double weights[128], sum = 0;
  for (int64_t j = 0; j < seen; j++) {
    double score = 0;
    for (int d = 0; d < c->size; d++) {
      score += p->values[0][query * ldq + head * c->size + d] * p->values[1][(first_key + j) * ldk + at + d];
    }
    weights[j] = exp(score / sqrt((double)c->size) + (biases ? biases[j] : 0));
    sum += weights[j];
  }
  for (int d = 0; d < c->size; d++) {
    double mixed = 0;
    for (int64_t j = 0; j < seen; j++) mixed += weights[j] / sum * p->values[2][(first_key + j) * ldk + at + d];
    out[query * ldq + head * c->size + d] = mixed;
  }
}

static void attention_reference(const problem *p, double *out) {
  const attention_case *c = p->arg;
  for (int64_t s = 0; s < c->count; s++) {
    int64_t keys = c->keys[s + 1] - c->keys[s], queries = c->queries[s + 1] - c->queries[s];
    for (int64_t i = 0; i < queries; i++) {
      int64_t seen = c->causal ? keys - queries + i + 1 : keys;
      for (int h = 0; h < c->heads; h++) {
        const double *biases = NULL;
        if (c->biased) biases = p->values[3] + h * (2 * REACH - 1) + REACH - 1 - (keys - queries + i);
        attend_row(p, c, c->queries[s] + i, c->keys[s], seen, h, biases, out);
      }
    }
  }
}

static void check_attention(fixture *f, const attention_case *c) {
  begin(f, 0);
  int64_t rows = c->queries[c->count], keys = c->keys[c->count], wide = c->heads * c->size,
          narrow = c->kv_heads * c->size;
  att_tensor q = new_input(f, rows, wide, 1), k = new_input(f, keys, narrow, 2), v = new_input(f, keys, narrow, 3), out;
  for (int64_t i = 0; i < rows * wide; i++) q.data[i] *= 3;
  att_weight numbers = new_weight(f, c->heads, 2 * REACH - 1, 4);
  float *values = ATT_ARENA_NEW(f->arena, numbers.rows * numbers.cols, float);
  memcpy(values, numbers.data, (size_t)(numbers.rows * numbers.cols) * sizeof *values);
  const att_distance_bias bias = {values, numbers.grad, REACH, c->heads};
  att_attention_shape shape = {.heads = c->heads,
                               .kv_heads = c->kv_heads,
                               .size = c->size,
                               .causal = c->causal,
                               .bias = c->biased ? &bias : NULL,
                               .queries = {c->count, c->queries},
                               .keys = {c->count, c->keys}};
  assert_int_equal(att_op_attention(&f->run, &q, &k, &v, &shape, &out), ATT_OK);
  problem p = {.reference = attention_reference, .arg = c};
  add_input(f, &p, q.data, q.gradient->data, rows * wide);
  add_input(f, &p, k.data, k.gradient->data, keys * narrow);
  add_input(f, &p, v.data, v.gradient->data, keys * narrow);
  if (c->biased) add_input(f, &p, values, numbers.grad, numbers.rows * numbers.cols);
  prepare(f, &p, rows * wide);
  finish(f, &p, &out);
}

static void test_attention(void **state) {
  const int64_t a[] = {0, 1, 4, 9, 26}, b[] = {0, 3, 8, 9, 40}, lone[] = {0, 70};
  const attention_case cases[] = {
      {2, 2, 8, false, false, a, a, 4}, {2, 2, 8, true, false, a, a, 4},   {4, 2, 5, false, false, a, b, 4},
      {4, 1, 6, true, false, a, a, 4},  {1, 1, 64, false, false, b, a, 4}, {2, 2, 3, true, false, lone, lone, 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_attention(*state, &cases[i]);
}

static void test_biased_attention(void **state) {
  const int64_t a[] = {0, 1, 4, 9, 26}, b[] = {0, 3, 8, 9, 40}, c[] = {0, 2, 7, 16, 33}, lone[] = {0, 70};
  const attention_case cases[] = {
      {2, 2, 8, false, true, a, a, 4}, {2, 1, 7, true, true, a, c, 4},       {4, 2, 5, false, true, a, b, 4},
      {3, 3, 6, false, true, b, a, 4}, {1, 1, 3, true, true, lone, lone, 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_attention(*state, &cases[i]);
}

/* Whatever the threads, and whichever of them comes first, the bias's gradient has the same bits. */
static void test_bias_gradient_is_one(void **state) {
  fixture *f = *state;
  enum { SEQUENCES = 40, LENGTH = 33, HEADS = 4, SIZE = 16, COUNT = HEADS * (2 * LENGTH - 1) };
  static float first[COUNT];
  static bool known;
  int64_t starts[SEQUENCES + 1];
  for (int i = 0; i <= SEQUENCES; i++) starts[i] = i * LENGTH;
  for (int turn = 0; turn < 5; turn++) {
    begin(f, 0);
    att_tensor qkv = new_input(f, SEQUENCES * LENGTH, 3 * HEADS * SIZE, 1), out;
    att_weight numbers = new_weight(f, HEADS, 2 * LENGTH - 1, 2);
    float values[COUNT];
    memcpy(values, numbers.data, sizeof values);
    const att_distance_bias bias = {values, numbers.grad, LENGTH, HEADS};
    const att_attention_shape shape = {HEADS, HEADS,   SIZE, true, {SEQUENCES, starts}, {SEQUENCES, starts}, NULL,
                                       NULL,  ATT_F32, NULL, &bias};
    att_tensor q = att_tensor_columns(&qkv, 0, HEADS * SIZE), k = att_tensor_columns(&qkv, HEADS * SIZE, HEADS * SIZE),
               v = att_tensor_columns(&qkv, 2 * HEADS * SIZE, HEADS * SIZE);
    assert_int_equal(att_op_attention(&f->run, &q, &k, &v, &shape, &out), ATT_OK);
    draw(open_output(f, &out), out.rows * out.cols, 5);
    assert_int_equal(att_backward(&f->run), ATT_OK);
    if (!known) memcpy(first, numbers.grad, sizeof first);
    known = true;
    assert_memory_equal(first, numbers.grad, sizeof first);
    for (int h = 0; h < HEADS; h++) { /* causal: nothing comes after */
      const float *middle = numbers.grad + h * (2 * LENGTH - 1) + LENGTH - 1;
      assert_true(fabsf(middle[0]) > 1e-3f && fabsf(middle[-5]) > 1e-3f && middle[1] == 0);
    }
  }
}

/* A key cache gives what all rows at once give, wherever a query stands. */
static void test_bias_in_steps(void **state) {
  fixture *f = *state;
  enum { LENGTH = 21, HEADS = 2, SIZE = 5, WIDTH = HEADS * SIZE };
  begin(f, 0);
  att_tensor q = new_input(f, LENGTH, WIDTH, 1), k = new_input(f, LENGTH, WIDTH, 2), v = new_input(f, LENGTH, WIDTH, 3);
  att_tensor whole, step;
  att_distance_bias bias;
  assert_int_equal(att_op_alibi(&f->run, HEADS, LENGTH, &bias), ATT_OK);
  const int64_t starts[] = {0, LENGTH};
  att_attention_shape shape = {.heads = HEADS, .kv_heads = HEADS, .size = SIZE, .causal = true, .bias = &bias};
  shape.queries = shape.keys = (att_sequences){1, starts};
  assert_int_equal(att_op_attention(&f->run, &q, &k, &v, &shape, &whole), ATT_OK);
  int32_t rows[LENGTH];
  for (int i = 0; i < LENGTH; i++) rows[i] = i;
  f->run.tape = NULL;
  for (int64_t first = 0, next = 1; first < LENGTH; first = next, next = next < 6 ? next + 2 : LENGTH) {
    const int64_t some[] = {0, next - first};
    att_tensor part = {.data = q.data + first * WIDTH, .rows = next - first, .cols = WIDTH, .stride = WIDTH};
    shape.queries.start = some;
    shape.key_rows = (const int32_t *const[]){rows};
    shape.key_counts = &next;
    assert_int_equal(att_op_attention(&f->run, &part, &k, &v, &shape, &step), ATT_OK);
    for (int64_t i = 0; i < step.rows * WIDTH; i++) {
      assert_true(fabsf(step.data[i] - whole.data[first * WIDTH + i]) < 1e-6f);
    }
  }
}

/* ---- T5's buckets in attention ---- */

typedef struct relative_case {
  bool causal;
  int64_t buckets, most, length;
} relative_case;

/* Inputs: q, k, v, table. Which bucket a distance has is tested against Transformers; here values of 8 buckets of both
 * directions (2 alone, 2 of ranges each), or 6 of the past (3 and 3). */
static int64_t bucket(const relative_case *c, int64_t distance) {
  static const int both[] = {0, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3}, past[] = {0, 1, 2, 3, 3, 4, 4, 4, 5, 5, 5, 5};
  if (c->causal) return past[distance < 0 ? -distance : 0];
  return both[distance < 0 ? -distance : distance] + (distance > 0 ? 4 : 0);
}

static void relative_reference(const problem *p, double *out) {
  const relative_case *c = p->arg;
  const int64_t starts[] = {0, c->length};
  const attention_case plain = {2, 2, 3, c->causal, true, starts, starts, 1};
  double values[2 * (2 * REACH - 1)] = {0};
  for (int64_t h = 0; h < 2; h++)
    for (int64_t d = 1 - c->length; d < c->length; d++)
      values[h * (2 * REACH - 1) + REACH - 1 + d] = p->values[3][bucket(c, d) * 2 + h];
  problem with = *p;
  with.values[3] = values;
  with.arg = &plain;
  attention_reference(&with, out);
}

static void test_relative_bias(void **state) {
  fixture *f = *state;
  const relative_case cases[] = {{false, 8, 16, 12}, {true, 6, 12, 12}};
  for (int i = 0; i < 2; i++) {
    const relative_case *c = &cases[i];
    const int64_t starts[] = {0, c->length};
    begin(f, 0);
    att_tensor q = new_input(f, c->length, 6, 1), k = new_input(f, c->length, 6, 2), v = new_input(f, c->length, 6, 3);
    att_tensor out;
    att_weight table = new_weight(f, c->buckets, 2, 4);
    att_distance_bias bias;
    assert_int_equal(att_op_relative_bias(&f->run, &table, c->causal, c->most, c->length + 3, &bias), ATT_OK);
    att_attention_shape shape = {.heads = 2, .kv_heads = 2, .size = 3, .causal = c->causal, .bias = &bias};
    shape.queries = shape.keys = (att_sequences){1, starts};
    assert_int_equal(att_op_attention(&f->run, &q, &k, &v, &shape, &out), ATT_OK);
    problem p = {.reference = relative_reference, .arg = c};
    add_input(f, &p, q.data, q.gradient->data, c->length * 6);
    add_input(f, &p, k.data, k.gradient->data, c->length * 6);
    add_input(f, &p, v.data, v.gradient->data, c->length * 6);
    add_input(f, &p, table.data, table.grad, c->buckets * 2);
    prepare(f, &p, c->length * 6);
    finish(f, &p, &out);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_attention),     cmocka_unit_test(test_biased_attention),
      cmocka_unit_test(test_bias_in_steps), cmocka_unit_test(test_bias_gradient_is_one),
      cmocka_unit_test(test_relative_bias),
  };
  return cmocka_run_group_tests_name("attention, one thread", tests, setup_one, teardown) +
         cmocka_run_group_tests_name("attention, two threads", tests, setup, teardown);
}
