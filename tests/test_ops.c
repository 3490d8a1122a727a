/*
 * Every op against a reference in double precision: its output, and its gradients against central differences of the
 * reference. The tolerance is relative to the largest gradient, which must itself be well above zero, so zeros and
 * constants fail.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "tensor/ops.h"

#define MOST_INPUTS 6

typedef struct fixture {
  att_context *ctx;
  att_arena *arena;
  att_run run;
} fixture;

/* One op under test: inputs in double, the gradients that the op gave, a reference that computes the outputs. */
typedef struct problem {
  int inputs;
  int64_t sizes[MOST_INPUTS];
  double *values[MOST_INPUTS];
  const float *gradients[MOST_INPUTS];
  void (*reference)(const struct problem *p, double *out);
  const void *arg;
  double *weights; /* [out_size]: the loss is their product with the outputs */
  int64_t out_size;
  double *out;
} problem;

static int setup_threads(void **state, int threads) {
  static fixture f;
  att_context_options options = {.threads = threads};
  assert_int_equal(att_context_new(&options, &f.ctx), ATT_OK);
  assert_int_equal(att_arena_new(f.ctx, &f.arena), ATT_OK);
  *state = &f;
  return 0;
}

static int setup_one(void **state) { return setup_threads(state, 1); }
static int setup_two(void **state) { return setup_threads(state, 2); }

static int teardown(void **state) {
  fixture *f = *state;
  att_arena_free(f->arena);
  att_context_free(f->ctx);
  return 0;
}

static void begin(fixture *f, float dropout) {
  att_arena_reset(f->arena);
  f->run = (att_run){.ctx = f->ctx, .arena = f->arena, .dropout = dropout, .dropout_key = 77};
  assert_int_equal(att_tape_new(f->arena, &f->run.tape), ATT_OK);
}

static void draw(float *values, int64_t count, uint64_t key) {
  for (int64_t i = 0; i < count; i++) values[i] = (float)(2.0 * att_uniform(key, (uint64_t)i) - 1.0);
}

/* Memory for a leaf's gradient, which no record gives back. */
static void gradient_room(fixture *f, const att_tensor *x) {
  x->gradient->data = ATT_ARENA_NEW(f->arena, x->gradient->size, float);
  assert_non_null(x->gradient->data);
}

/* Puts the loss's gradient into an output. */
static float *open_output(fixture *f, const att_tensor *out) {
  float *gradient;
  bool accumulate;
  assert_int_equal(att_gradient_open(&f->run, out, &gradient, &accumulate), ATT_OK);
  return gradient;
}

static att_tensor new_input(fixture *f, int64_t rows, int64_t cols, uint64_t key) {
  att_tensor x;
  assert_int_equal(att_tensor_new(&f->run, rows, cols, &x), ATT_OK);
  draw(x.data, rows * cols, key);
  gradient_room(f, &x);
  return x;
}

static att_weight new_weight(fixture *f, int64_t rows, int64_t cols, uint64_t key) {
  float *data = ATT_ARENA_NEW(f->arena, rows * cols, float), *grad = ATT_ARENA_NEW(f->arena, rows * cols, float);
  assert_true(data && grad);
  draw(data, rows * cols, key);
  memset(grad, 0, (size_t)(rows * cols) * sizeof *grad);
  return (att_weight){.data = data, .grad = grad, .type = ATT_F32, .rows = rows, .cols = cols, .frozen_row = -1};
}

static void add_input(fixture *f, problem *p, const float *data, const float *gradient, int64_t size) {
  int i = p->inputs++;
  p->sizes[i] = size;
  p->gradients[i] = gradient;
  p->values[i] = ATT_ARENA_NEW(f->arena, size, double);
  for (int64_t j = 0; j < size; j++) p->values[i][j] = data[j];
}

static double loss_of(problem *p) {
  double loss = 0;
  p->reference(p, p->out);
  for (int64_t i = 0; i < p->out_size; i++) loss += p->weights[i] * p->out[i];
  return loss;
}

static void check_output(problem *p, const float *out) {
  double most = 0, worst = 0;
  p->reference(p, p->out);
  for (int64_t i = 0; i < p->out_size; i++) {
    most = fmax(most, fabs(p->out[i]));
    worst = fmax(worst, fabs(p->out[i] - out[i]));
  }
  assert_true(most > 1e-3);
  assert_true(worst <= 2e-5 * most);
}

static void check_gradients(problem *p) {
  for (int input = 0; input < p->inputs; input++) {
    double most = 0, worst = 0;
    for (int64_t i = 0; i < p->sizes[input]; i++) {
      double *value = &p->values[input][i], before = *value, step = 1e-5;
      *value = before + step;
      double up = loss_of(p);
      *value = before - step;
      double down = loss_of(p);
      *value = before;
      double slope = (up - down) / (2 * step);
      most = fmax(most, fabs(slope));
      worst = fmax(worst, fabs(slope - p->gradients[input][i]));
    }
    if (!(most > 1e-3 && worst <= 1e-4 * most)) {
      print_message("input %d: largest gradient %g, worst difference %g\n", input, most, worst);
    }
    assert_true(most > 1e-3);
    assert_true(worst <= 1e-4 * most);
  }
}

static void prepare(fixture *f, problem *p, int64_t out_size) {
  p->out_size = out_size;
  p->weights = ATT_ARENA_NEW(f->arena, out_size, double);
  p->out = ATT_ARENA_NEW(f->arena, out_size, double);
  for (int64_t i = 0; i < out_size; i++) p->weights[i] = 2.0 * att_uniform(5, (uint64_t)i) - 1.0;
}

/* Puts the loss's gradient into the op's output, walks the tape, checks all. */
static void finish(fixture *f, problem *p, const att_tensor *out) {
  check_output(p, out->data);
  float *gradient = open_output(f, out);
  for (int64_t i = 0; i < p->out_size; i++) gradient[i] = (float)p->weights[i];
  for (int64_t i = 0; i < p->out_size; i++) p->weights[i] = gradient[i];
  assert_int_equal(att_backward(&f->run), ATT_OK);
  check_gradients(p);
}

/* ---- linear ---- */

typedef struct linear_shape {
  int64_t m, k, n;
  att_epilogue f;
} linear_shape;

static double activate(double z, att_epilogue f) {
  switch (f) {
  case ATT_PLAIN: return z;
  case ATT_WITH_RELU: return z > 0 ? z : 0;
  case ATT_WITH_GELU: return 0.5 * z * (1 + erf(z / sqrt(2.0)));
  case ATT_WITH_GELU_TANH: return 0.5 * z * (1 + tanh(sqrt(2 / M_PI) * (z + 0.044715 * z * z * z)));
  case ATT_WITH_TANH: return tanh(z);
  default: return z / (1 + exp(-z));
  }
}

static void linear_reference(const problem *p, double *out) {
  const linear_shape *s = p->arg;
  for (int64_t i = 0; i < s->m; i++) {
    for (int64_t j = 0; j < s->n; j++) {
      double z = p->values[2][j];
      for (int64_t k = 0; k < s->k; k++) z += p->values[0][i * s->k + k] * p->values[1][j * s->k + k];
      out[i * s->n + j] = activate(z, s->f);
    }
  }
}

static void test_linear(void **state) {
  fixture *f = *state;
  const int64_t sizes[][3] = {{1, 3, 2}, {5, 7, 9}, {20, 16, 33}, {3, 65, 4}};
  for (int i = 0; i < 4 * (ATT_WITH_TANH + 1); i++) {
    linear_shape s = {sizes[i % 4][0], sizes[i % 4][1], sizes[i % 4][2], (att_epilogue)(i / 4)};
    begin(f, 0);
    att_tensor x = new_input(f, s.m, s.k, 1), out;
    att_weight w = new_weight(f, s.n, s.k, 2), b = new_weight(f, 1, s.n, 3);
    assert_int_equal(att_op_linear(&f->run, &x, &w, &b, s.f, &out), ATT_OK);
    problem p = {.reference = linear_reference, .arg = &s};
    add_input(f, &p, x.data, x.gradient->data, s.m * s.k);
    add_input(f, &p, w.data, w.grad, s.n * s.k);
    add_input(f, &p, b.data, b.grad, s.n);
    prepare(f, &p, s.m * s.n);
    finish(f, &p, &out);
  }
}

/* ---- gated ---- */

static void gated_reference(const problem *p, double *out) {
  const linear_shape *s = p->arg;
  for (int64_t i = 0; i < s->m; i++) {
    const double *x = p->values[0] + i * 2 * s->n;
    for (int64_t j = 0; j < s->n; j++) out[i * s->n + j] = activate(x[j], s->f) * x[s->n + j];
  }
}

static void test_gated(void **state) {
  fixture *f = *state;
  const int64_t sizes[][2] = {{1, 1}, {5, 9}, {40, 16}, {3, 65}};
  for (int i = 0; i < 4 * ATT_WITH_TANH; i++) {
    linear_shape s = {.m = sizes[i % 4][0], .n = sizes[i % 4][1], .f = (att_epilogue)(i / 4 + 1)};
    begin(f, 0);
    att_tensor x = new_input(f, s.m, 2 * s.n, 1), out;
    x.data[0] = fabsf(x.data[0]);
    assert_int_equal(att_op_gated(&f->run, &x, s.f, &out), ATT_OK);
    problem p = {.reference = gated_reference, .arg = &s};
    add_input(f, &p, x.data, x.gradient->data, s.m * 2 * s.n);
    prepare(f, &p, s.m * s.n);
    finish(f, &p, &out);
  }
}

/* ---- norms ---- */

static void norm_reference(const problem *p, double *out) {
  int64_t cols = p->sizes[1], rows = p->sizes[0] / cols;
  bool centred = p->inputs == 3;
  for (int64_t i = 0; i < rows; i++) {
    const double *x = p->values[0] + i * cols;
    double mean = 0, variance = 0;
    for (int64_t j = 0; centred && j < cols; j++) mean += x[j] / (double)cols;
    for (int64_t j = 0; j < cols; j++) variance += (x[j] - mean) * (x[j] - mean) / (double)cols;
    for (int64_t j = 0; j < cols; j++) {
      out[i * cols + j] = (x[j] - mean) / sqrt(variance + (double)1e-5f) * p->values[1][j];
      if (centred) out[i * cols + j] += p->values[2][j];
    }
  }
}

static void check_norms(fixture *f, bool centred) {
  const int64_t sizes[][2] = {{1, 4}, {3, 17}, {40, 8}, {7, 64}};
  for (int i = 0; i < 4; i++) {
    begin(f, 0);
    att_tensor x = new_input(f, sizes[i][0], sizes[i][1], 1), out;
    att_weight gamma = new_weight(f, 1, sizes[i][1], 2), beta = new_weight(f, 1, sizes[i][1], 3);
    if (centred) {
      assert_int_equal(att_op_layer_norm(&f->run, &x, &gamma, &beta, 1e-5f, &out), ATT_OK);
    } else {
      assert_int_equal(att_op_rms_norm(&f->run, &x, &gamma, 1e-5f, &out), ATT_OK);
    }
    problem p = {.reference = norm_reference};
    add_input(f, &p, x.data, x.gradient->data, sizes[i][0] * sizes[i][1]);
    add_input(f, &p, gamma.data, gamma.grad, sizes[i][1]);
    if (centred) add_input(f, &p, beta.data, beta.grad, sizes[i][1]);
    prepare(f, &p, sizes[i][0] * sizes[i][1]);
    finish(f, &p, &out);
  }
}

static void test_layer_norm(void **state) { check_norms(*state, true); }
static void test_rms_norm(void **state) { check_norms(*state, false); }

/* ---- rotary ---- */

typedef struct rotary_case {
  int64_t rows, first, cols; /* of x; its columns first .. first + cols are turned */
  int heads, size;
  const int32_t *positions;
  const float *frequencies;
} rotary_case;

/* x is made by a linear layer, whose own gradients must be those of the turned output. */
static void rotary_reference(const problem *p, double *out) {
  const rotary_case *c = p->arg;
  for (int64_t i = 0; i < c->rows * c->cols; i++) {
    int64_t row = i / c->cols, col = i % c->cols;
    out[i] = 0;
    for (int64_t k = 0; k < 3; k++) out[i] += p->values[0][row * 3 + k] * p->values[1][col * 3 + k];
  }
  for (int64_t i = 0; i < c->rows; i++) {
    for (int h = 0; h < c->heads; h++) {
      double *x = out + i * c->cols + c->first + h * c->size;
      for (int k = 0; k < c->size / 2; k++) {
        double angle = (double)((float)c->positions[i] * c->frequencies[k]), a = x[k], b = x[c->size / 2 + k];
        x[k] = a * cos(angle) - b * sin(angle);
        x[c->size / 2 + k] = b * cos(angle) + a * sin(angle);
      }
    }
  }
}

static void test_rotary(void **state) {
  fixture *f = *state;
  static const int32_t close[] = {3, 0, 1, 2, 5, 4, 4}, far[] = {0, 70000, 12, 131071};
  static const float frequencies[] = {1, 0.7f, 0.31f, 0.013f, 1e-3f, 3e-4f, 1e-4f, 1e-5f};
  const rotary_case cases[] = {
      {7, 0, 16, 1, 16, close, frequencies}, {7, 5, 40, 3, 10, close, frequencies}, {4, 8, 24, 4, 4, far, frequencies}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const rotary_case *c = &cases[i];
    begin(f, 0);
    att_tensor x = new_input(f, c->rows, 3, 1), out;
    att_weight w = new_weight(f, c->cols, 3, 2), none = {0};
    assert_int_equal(att_op_linear(&f->run, &x, &w, &none, ATT_PLAIN, &out), ATT_OK);
    att_tensor view = att_tensor_columns(&out, c->first, (int64_t)c->heads * c->size);
    assert_int_equal(att_op_rotary(&f->run, &view, c->heads, c->size, c->positions, c->frequencies), ATT_OK);
    problem p = {.reference = rotary_reference, .arg = c};
    add_input(f, &p, x.data, x.gradient->data, c->rows * 3);
    add_input(f, &p, w.data, w.grad, c->cols * 3);
    prepare(f, &p, c->rows * c->cols);
    finish(f, &p, &out);
  }
}

/* ---- residual and dropout ---- */

static double kept(uint64_t run_key, uint32_t place, float rate, int64_t i) {
  uint32_t threshold = (uint32_t)((double)rate * 4294967296.0);
  return att_random32(att_key(run_key, place), (uint32_t)i) < threshold ? 0.0 : 1.0 / (1.0 - (double)rate);
}

static void residual_reference(const problem *p, double *out) {
  float rate = *(const float *)p->arg;
  for (int64_t i = 0; i < p->out_size; i++) {
    out[i] = p->values[0][i] + p->values[1][i] * (rate > 0 ? kept(77, 9, rate, i) : 1.0);
  }
}

static void test_residual(void **state) {
  fixture *f = *state;
  const float rates[] = {0.0f, 0.3f, 0.9f};
  for (int i = 0; i < 3; i++) {
    begin(f, rates[i]);
    att_tensor x = new_input(f, 11, 37, 1), y = new_input(f, 11, 37, 2), out;
    assert_int_equal(att_op_residual(&f->run, &x, &y, 9, &out), ATT_OK);
    problem p = {.reference = residual_reference, .arg = &rates[i]};
    add_input(f, &p, x.data, x.gradient->data, 11 * 37);
    add_input(f, &p, y.data, y.gradient->data, 11 * 37);
    prepare(f, &p, 11 * 37);
    finish(f, &p, &out);
  }
}

static void dropout_reference(const problem *p, double *out) {
  float rate = *(const float *)p->arg;
  for (int64_t i = 0; i < p->out_size; i++) out[i] = p->values[0][i] * kept(77, 4, rate, i);
}

static void test_dropout(void **state) {
  fixture *f = *state;
  const float rates[] = {0.3f, 0.9f};
  for (int i = 0; i < 2; i++) {
    begin(f, rates[i]);
    att_tensor x = new_input(f, 50, 37, 1), out;
    assert_int_equal(att_op_dropout(&f->run, &x, 4, &out), ATT_OK);
    problem p = {.reference = dropout_reference, .arg = &rates[i]};
    add_input(f, &p, x.data, x.gradient->data, 50 * 37);
    prepare(f, &p, 50 * 37);
    finish(f, &p, &out);
  }
}

/* At no place nothing drops, whatever the rate, and dropout alone hands out its input. */
static void test_no_dropout(void **state) {
  fixture *f = *state;
  begin(f, 0.5f);
  att_tensor x = new_input(f, 3, 19, 1), y = new_input(f, 3, 19, 2), out;
  assert_int_equal(att_op_dropout(&f->run, &x, ATT_NO_DROPOUT, &out), ATT_OK);
  assert_true(out.data == x.data && out.gradient == x.gradient);
  assert_int_equal(att_op_residual(&f->run, &x, &y, ATT_NO_DROPOUT, &out), ATT_OK);
  for (int i = 0; i < 3 * 19; i++) assert_true(out.data[i] == x.data[i] + y.data[i]);
  att_weight table = new_weight(f, 5, 19, 1), none = {0};
  const int32_t ids[] = {3};
  assert_int_equal(att_op_embed(&f->run, &table, &none, ids, NULL, 1, 1.0f, ATT_NO_DROPOUT, &out), ATT_OK);
  assert_memory_equal(out.data, (const float *)table.data + 3 * 19, 19 * sizeof(float));
}

/* ---- embed ---- */

static const int32_t embed_ids[] = {2, 0, 2, 4, 1}, embed_positions[] = {0, 1, 2, 0, 1};

static void embed_reference(const problem *p, double *out) {
  float rate = *(const float *)p->arg;
  for (int64_t i = 0; i < 5; i++) {
    for (int64_t j = 0; j < 19; j++) {
      double sum = 1.5 * p->values[0][embed_ids[i] * 19 + j] + p->values[1][embed_positions[i] * 19 + j];
      out[i * 19 + j] = sum * (rate > 0 ? kept(77, 3, rate, i * 19 + j) : 1.0);
    }
  }
}

static void test_embed(void **state) {
  fixture *f = *state;
  const float rates[] = {0.0f, 0.5f};
  for (int i = 0; i < 2; i++) {
    begin(f, rates[i]);
    att_tensor out;
    att_weight table = new_weight(f, 5, 19, 1), positions = new_weight(f, 3, 19, 2);
    assert_int_equal(att_op_embed(&f->run, &table, &positions, embed_ids, embed_positions, 5, 1.5f, 3, &out), ATT_OK);
    problem p = {.reference = embed_reference, .arg = &rates[i]};
    add_input(f, &p, table.data, table.grad, 5 * 19);
    add_input(f, &p, positions.data, positions.grad, 3 * 19);
    prepare(f, &p, 5 * 19);
    finish(f, &p, &out);
  }
}

static void test_embed_padding_row(void **state) {
  fixture *f = *state;
  begin(f, 0);
  att_tensor out;
  att_weight table = new_weight(f, 5, 19, 1), positions = {0};
  table.frozen_row = 2;
  assert_int_equal(att_op_embed(&f->run, &table, &positions, embed_ids, embed_positions, 5, 1.0f, 3, &out), ATT_OK);
  float *gradient = open_output(f, &out);
  for (int i = 0; i < 5 * 19; i++) gradient[i] = 1.0f;
  assert_int_equal(att_backward(&f->run), ATT_OK);
  for (int j = 0; j < 19; j++) {
    assert_true(table.grad[2 * 19 + j] == 0.0f);
    assert_true(table.grad[4 * 19 + j] == 1.0f);
  }
}

/* ---- attention ---- */

typedef struct attention_case {
  int heads, kv_heads, size;
  bool causal;
  const int64_t *queries, *keys;
  int64_t count;
} attention_case;

static void attend_row(const problem *p, const attention_case *c, int64_t query, int64_t first_key, int64_t seen,
                       int head, double *out) {
  int64_t ldq = c->heads * c->size, ldk = c->kv_heads * c->size,
          at = (int64_t)(head * c->kv_heads / c->heads) * c->size;
  double weights[128], sum = 0;
  for (int64_t j = 0; j < seen; j++) {
    double score = 0;
    for (int d = 0; d < c->size; d++) {
      score += p->values[0][query * ldq + head * c->size + d] * p->values[1][(first_key + j) * ldk + at + d];
    }
    weights[j] = exp(score / sqrt((double)c->size));
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
      for (int h = 0; h < c->heads; h++) attend_row(p, c, c->queries[s] + i, c->keys[s], seen, h, out);
    }
  }
}

static void check_attention(fixture *f, const attention_case *c) {
  begin(f, 0);
  int64_t rows = c->queries[c->count], keys = c->keys[c->count], wide = c->heads * c->size,
          narrow = c->kv_heads * c->size;
  att_tensor q = new_input(f, rows, wide, 1), k = new_input(f, keys, narrow, 2), v = new_input(f, keys, narrow, 3), out;
  for (int64_t i = 0; i < rows * wide; i++) q.data[i] *= 3;
  att_attention_shape shape = {.heads = c->heads,
                               .kv_heads = c->kv_heads,
                               .size = c->size,
                               .causal = c->causal,
                               .queries = {c->count, c->queries},
                               .keys = {c->count, c->keys}};
  assert_int_equal(att_op_attention(&f->run, &q, &k, &v, &shape, &out), ATT_OK);
  problem p = {.reference = attention_reference, .arg = c};
  add_input(f, &p, q.data, q.gradient->data, rows * wide);
  add_input(f, &p, k.data, k.gradient->data, keys * narrow);
  add_input(f, &p, v.data, v.gradient->data, keys * narrow);
  prepare(f, &p, rows * wide);
  finish(f, &p, &out);
}

static void test_attention(void **state) {
  const int64_t a[] = {0, 1, 4, 9, 26}, b[] = {0, 3, 8, 9, 40}, lone[] = {0, 70};
  const attention_case cases[] = {
      {2, 2, 8, false, a, a, 4}, {2, 2, 8, true, a, a, 4},   {4, 2, 5, false, a, b, 4},
      {4, 1, 6, true, a, a, 4},  {1, 1, 64, false, b, a, 4}, {2, 2, 3, true, lone, lone, 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_attention(*state, &cases[i]);
}

/* ---- cross-entropy ---- */

typedef struct entropy_case {
  int64_t rows, vocab, width;
  double smoothing, divisor;
  const int32_t *targets;
} entropy_case;

static void entropy_reference(const problem *p, double *out) {
  const entropy_case *c = p->arg;
  *out = 0;
  for (int64_t i = 0; i < c->rows; i++) {
    double logits[300], most = -1e300, sum = 0, total = 0;
    for (int64_t j = 0; j < c->vocab; j++) {
      logits[j] = p->values[2][j];
      for (int64_t k = 0; k < c->width; k++)
        logits[j] += p->values[0][i * c->width + k] * p->values[1][j * c->width + k];
      most = fmax(most, logits[j]);
      total += logits[j];
    }
    for (int64_t j = 0; j < c->vocab; j++) sum += exp(logits[j] - most);
    double norm = most + log(sum);
    *out += (1 - c->smoothing) * (norm - logits[c->targets[i]]) + c->smoothing * (norm - total / (double)c->vocab);
  }
}

static void test_cross_entropy(void **state) {
  fixture *f = *state;
  static const int32_t targets[] = {0, 6, 3, 3, 5, 1};
  const entropy_case cases[] = {{6, 7, 5, 0.0, 6, targets}, {6, 7, 5, 0.1, 4, targets}, {3, 257, 12, 0.2, 1, targets}};
  for (int i = 0; i < 3; i++) {
    const entropy_case *c = &cases[i];
    begin(f, 0);
    att_tensor x = new_input(f, c->rows, c->width, 1);
    att_weight w = new_weight(f, c->vocab, c->width, 2), b = new_weight(f, 1, c->vocab, 3);
    att_loss loss = {0};
    assert_int_equal(att_op_cross_entropy(&f->run, &x, &w, &b, c->targets, (float)c->smoothing, c->divisor, &loss),
                     ATT_OK);
    problem p = {.reference = entropy_reference, .arg = c};
    add_input(f, &p, x.data, x.gradient->data, c->rows * c->width);
    add_input(f, &p, w.data, w.grad, c->vocab * c->width);
    add_input(f, &p, b.data, b.grad, c->vocab);
    prepare(f, &p, 1);
    p.weights[0] = 1.0 / c->divisor;
    p.reference(&p, p.out);
    assert_true(fabs(loss.loss - p.out[0]) <= 1e-5 * fabs(p.out[0]));
    assert_int_equal(loss.count, c->rows);
    assert_true(x.gradient->written);
    check_gradients(&p);
  }
}

/* The gradient of what is used twice is the sum; a tensor that nothing needs is left alone. */
static void test_tape_adds(void **state) {
  fixture *f = *state;
  begin(f, 0);
  att_tensor x = new_input(f, 4, 6, 1), a, b, sum;
  att_weight w = new_weight(f, 6, 6, 2), none = {0};
  assert_int_equal(att_op_linear(&f->run, &x, &w, &none, ATT_PLAIN, &a), ATT_OK);
  assert_int_equal(att_op_linear(&f->run, &x, &w, &none, ATT_PLAIN, &b), ATT_OK);
  assert_int_equal(att_op_residual(&f->run, &a, &b, 0, &sum), ATT_OK);
  float *gradient = open_output(f, &sum);
  for (int i = 0; i < 24; i++) gradient[i] = 1.0f;
  assert_int_equal(att_backward(&f->run), ATT_OK);
  for (int k = 0; k < 6; k++) {
    double expected = 0;
    for (int j = 0; j < 6; j++) expected += 2.0 * ((const float *)w.data)[j * 6 + k];
    assert_true(fabs(expected) > 1e-3 && fabs(x.gradient->data[k] - expected) < 1e-5);
  }
}

/* A kept gradient is there after the pass, though the op that made its tensor used it; weights that are frozen (no
 * grad) change nothing in it, and more passes over other records write nowhere near it. */
static void test_gradient_of_the_embeddings(void **state) {
  fixture *f = *state;
  float kept_once[5 * 6];
  for (int frozen = 0; frozen < 2; frozen++) {
    begin(f, 0);
    att_tensor embedded, inner, out;
    att_weight table = new_weight(f, 5, 6, 1), w = new_weight(f, 6, 6, 2), gamma = new_weight(f, 1, 6, 3), none = {0};
    if (frozen) table.grad = w.grad = gamma.grad = NULL;
    assert_int_equal(att_op_embed(&f->run, &table, &none, embed_ids, NULL, 5, 1.0f, ATT_NO_DROPOUT, &embedded), ATT_OK);
    embedded.gradient->keep = true;
    assert_int_equal(att_op_rms_norm(&f->run, &embedded, &gamma, 1e-5f, &inner), ATT_OK);
    assert_int_equal(att_op_linear(&f->run, &inner, &w, &none, ATT_WITH_TANH, &inner), ATT_OK);
    assert_int_equal(att_op_residual(&f->run, &embedded, &inner, ATT_NO_DROPOUT, &out), ATT_OK);
    att_loss loss = {0};
    assert_int_equal(att_op_cross_entropy(&f->run, &out, &w, &none, embed_ids, 0, 1, &loss), ATT_OK);
    assert_int_equal(att_backward(&f->run), ATT_OK);
    const float *gradient = att_gradient_of(&embedded);
    assert_non_null(gradient);
    if (!frozen) memcpy(kept_once, gradient, sizeof kept_once);
    assert_memory_equal(kept_once, gradient, sizeof kept_once);
    for (int i = 0; i < 5 * 6; i++) assert_true(fabsf(gradient[i]) > 1e-6f);
    if (!frozen) assert_true(table.grad[4 * 6] == gradient[3 * 6]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_linear),        cmocka_unit_test(test_gated),
      cmocka_unit_test(test_layer_norm),    cmocka_unit_test(test_rms_norm),
      cmocka_unit_test(test_rotary),        cmocka_unit_test(test_residual),
      cmocka_unit_test(test_dropout),       cmocka_unit_test(test_no_dropout),
      cmocka_unit_test(test_embed),         cmocka_unit_test(test_embed_padding_row),
      cmocka_unit_test(test_attention),     cmocka_unit_test(test_tape_adds),
      cmocka_unit_test(test_cross_entropy), cmocka_unit_test(test_gradient_of_the_embeddings),
  };
  return cmocka_run_group_tests_name("ops, one thread", tests, setup_one, teardown) +
         cmocka_run_group_tests_name("ops, two threads", tests, setup_two, teardown);
}
