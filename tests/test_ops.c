/* Ops that know nothing of sequences, or little: each against a reference in double precision, at one thread and two.
 */
#include "op_check.h"

static int setup_one(void **state) {
  int failed = setup(state);
  if (!failed) ((fixture *)*state)->ctx->threads = 1;
  return failed;
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

/* arg: whether the factor is 1 + gamma */
static void norm_reference(const problem *p, double *out) {
  int64_t cols = p->sizes[1], rows = p->sizes[0] / cols;
  bool centred = p->inputs == 3, plus_one = p->arg && *(const bool *)p->arg;
  for (int64_t i = 0; i < rows; i++) {
    const double *x = p->values[0] + i * cols;
    double mean = 0, variance = 0;
    for (int64_t j = 0; centred && j < cols; j++) mean += x[j] / (double)cols;
    for (int64_t j = 0; j < cols; j++) variance += (x[j] - mean) * (x[j] - mean) / (double)cols;
    for (int64_t j = 0; j < cols; j++) {
      out[i * cols + j] = (x[j] - mean) / sqrt(variance + (double)1e-5f) * (p->values[1][j] + plus_one);
      if (centred) out[i * cols + j] += p->values[2][j];
    }
  }
}

static void check_norms(fixture *f, bool centred, bool plus_one) {
  const int64_t sizes[][2] = {{1, 4}, {3, 17}, {40, 8}, {7, 64}};
  for (int i = 0; i < 4; i++) {
    begin(f, 0);
    att_tensor x = new_input(f, sizes[i][0], sizes[i][1], 1), out;
    att_weight gamma = new_weight(f, 1, sizes[i][1], 2), beta = new_weight(f, 1, sizes[i][1], 3);
    if (centred) {
      assert_int_equal(att_op_layer_norm(&f->run, &x, &gamma, &beta, 1e-5f, &out), ATT_OK);
    } else {
      assert_int_equal(att_op_rms_norm(&f->run, &x, &gamma, plus_one, 1e-5f, &out), ATT_OK);
    }
    problem p = {.reference = norm_reference, .arg = &plus_one};
    add_input(f, &p, x.data, x.gradient->data, sizes[i][0] * sizes[i][1]);
    add_input(f, &p, gamma.data, gamma.grad, sizes[i][1]);
    if (centred) add_input(f, &p, beta.data, beta.grad, sizes[i][1]);
    prepare(f, &p, sizes[i][0] * sizes[i][1]);
    finish(f, &p, &out);
  }
}

static void test_layer_norm(void **state) { check_norms(*state, true, false); }
static void test_rms_norm(void **state) {
  check_norms(*state, false, false);
  check_norms(*state, false, true);
}

/* ---- what changes a view of a linear layer's output in place ---- */

typedef struct view_case {
  int64_t rows, first, cols; /* of x; its columns first .. first + heads * size are changed */
  int heads, size;
  bool plus_one;
} view_case;

static void linear_of(const problem *p, int64_t rows, int64_t cols, double *out) {
  for (int64_t i = 0; i < rows * cols; i++) {
    out[i] = 0;
    for (int64_t k = 0; k < 3; k++) out[i] += p->values[0][i / cols * 3 + k] * p->values[1][i % cols * 3 + k];
  }
}

static void head_norm_reference(const problem *p, double *out) {
  const view_case *c = p->arg;
  linear_of(p, c->rows, c->cols, out);
  for (int64_t i = 0; i < c->rows * c->heads; i++) {
    double *x = out + i / c->heads * c->cols + c->first + i % c->heads * c->size, square = 0;
    for (int j = 0; j < c->size; j++) square += x[j] * x[j] / c->size;
    for (int j = 0; j < c->size; j++) x[j] = x[j] / sqrt(square + (double)1e-5f) * (p->values[2][j] + c->plus_one);
  }
}

static void test_head_norm(void **state) {
  fixture *f = *state;
  const view_case cases[] = {
      {1, 0, 8, 1, 8, false}, {7, 5, 40, 3, 10, true}, {40, 8, 24, 4, 4, false}, {33, 0, 66, 1, 33, true}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const view_case *c = &cases[i];
    begin(f, 0);
    att_tensor x = new_input(f, c->rows, 3, 1), out;
    att_weight w = new_weight(f, c->cols, 3, 2), gamma = new_weight(f, 1, c->size, 3), none = {0};
    assert_int_equal(att_op_linear(&f->run, &x, &w, &none, ATT_PLAIN, &out), ATT_OK);
    att_tensor view = att_tensor_columns(&out, c->first, (int64_t)c->heads * c->size);
    assert_int_equal(att_op_head_norm(&f->run, &view, c->heads, &gamma, c->plus_one, 1e-5f), ATT_OK);
    problem p = {.reference = head_norm_reference, .arg = c};
    add_input(f, &p, x.data, x.gradient->data, c->rows * 3);
    add_input(f, &p, w.data, w.grad, c->cols * 3);
    add_input(f, &p, gamma.data, gamma.grad, c->size);
    prepare(f, &p, c->rows * c->cols);
    finish(f, &p, &out);
  }
}

static void soft_cap_reference(const problem *p, double *out) {
  const view_case *c = p->arg;
  linear_of(p, c->rows, c->cols, out);
  for (int64_t i = 0; i < c->rows * c->cols; i++) out[i] = 1.5 * tanh(out[i] / 1.5);
}

static void test_soft_cap(void **state) {
  fixture *f = *state;
  const view_case cases[] = {{.rows = 1, .cols = 1}, {.rows = 7, .cols = 19}, {.rows = 50, .cols = 33}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const view_case *c = &cases[i];
    begin(f, 0);
    att_tensor x = new_input(f, c->rows, 3, 1), out;
    att_weight w = new_weight(f, c->cols, 3, 2), none = {0};
    assert_int_equal(att_op_linear(&f->run, &x, &w, &none, ATT_PLAIN, &out), ATT_OK);
    assert_int_equal(att_op_soft_cap(&f->run, &out, 1.5f), ATT_OK);
    problem p = {.reference = soft_cap_reference, .arg = c};
    add_input(f, &p, x.data, x.gradient->data, c->rows * 3);
    add_input(f, &p, w.data, w.grad, c->cols * 3);
    prepare(f, &p, c->rows * c->cols);
    finish(f, &p, &out);
  }
}

static void scale_reference(const problem *p, double *out) {
  for (int64_t i = 0; i < p->sizes[0]; i++) out[i] = 0.25 * p->values[0][i];
}

static void test_scale(void **state) {
  fixture *f = *state;
  const int64_t sizes[][2] = {{1, 1}, {7, 19}, {50, 33}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    begin(f, 0);
    att_tensor x = new_input(f, sizes[i][0], sizes[i][1], 1), out;
    assert_int_equal(att_op_scale(&f->run, &x, 0.25f, &out), ATT_OK);
    problem p = {.reference = scale_reference};
    add_input(f, &p, x.data, x.gradient->data, sizes[i][0] * sizes[i][1]);
    prepare(f, &p, sizes[i][0] * sizes[i][1]);
    finish(f, &p, &out);
  }
}

/* ---- rotary ---- */

typedef struct rotary_case {
  int64_t rows, first, cols; /* of x; its columns first .. first + cols are turned */
  int heads, size, turned;
  const float *angles; /* of each row, [turned / 2] */
  double magnitude;
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
      for (int k = 0; k < c->turned / 2; k++) {
        double angle = c->angles[i * c->turned / 2 + k], a = x[k], b = x[c->turned / 2 + k];
        x[k] = c->magnitude * (a * cos(angle) - b * sin(angle));
        x[c->turned / 2 + k] = c->magnitude * (b * cos(angle) + a * sin(angle));
      }
    }
  }
}

/* The last row's angles first. */
static att_turns turns_of(fixture *f, const rotary_case *c) {
  int64_t half = c->turned / 2, *rows = ATT_ARENA_NEW(f->arena, c->rows, int64_t);
  float *out = ATT_ARENA_NEW(f->arena, c->rows * c->turned, float);
  for (int64_t i = 0; i < c->rows; i++) {
    rows[i] = c->rows - 1 - i;
    for (int64_t k = 0; k < half; k++) {
      double angle = c->angles[i * half + k];
      out[rows[i] * c->turned + k] = (float)(c->magnitude * cos(angle));
      out[rows[i] * c->turned + half + k] = (float)(c->magnitude * sin(angle));
    }
  }
  return (att_turns){out, rows, c->turned};
}

static void test_rotary(void **state) {
  fixture *f = *state;
  float angles[64];
  for (int i = 0; i < 64; i++) angles[i] = (float)(6 * att_uniform(3, (uint64_t)i) - 3);
  const rotary_case cases[] = {{7, 0, 16, 1, 16, 16, angles, 1},
                               {7, 5, 40, 3, 10, 10, angles, 1},
                               {4, 8, 24, 4, 4, 4, angles, 1.5},
                               {7, 5, 40, 3, 10, 6, angles, 0.75}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const rotary_case *c = &cases[i];
    begin(f, 0);
    att_tensor x = new_input(f, c->rows, 3, 1), out;
    att_weight w = new_weight(f, c->cols, 3, 2), none = {0};
    assert_int_equal(att_op_linear(&f->run, &x, &w, &none, ATT_PLAIN, &out), ATT_OK);
    att_tensor view = att_tensor_columns(&out, c->first, (int64_t)c->heads * c->size);
    const att_turns turns = turns_of(f, c);
    assert_int_equal(att_op_rotary(&f->run, &view, c->heads, c->size, &turns), ATT_OK);
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

/* ---- cross-entropy ---- */

typedef struct entropy_case {
  int64_t rows, vocab, width;
  double smoothing, divisor;
  const int32_t *targets;
  double softcap;
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
      if (c->softcap > 0) logits[j] = c->softcap * tanh(logits[j] / c->softcap);
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
  const entropy_case cases[] = {{6, 7, 5, 0.0, 6, targets, 0},
                                {6, 7, 5, 0.1, 4, targets, 0},
                                {3, 257, 12, 0.2, 1, targets, 0},
                                {6, 7, 5, 0.1, 4, targets, 0.8},
                                {3, 257, 12, 0, 1, targets, 1.5}};
  for (int i = 0; i < 5; i++) {
    const entropy_case *c = &cases[i];
    begin(f, 0);
    att_tensor x = new_input(f, c->rows, c->width, 1);
    att_weight w = new_weight(f, c->vocab, c->width, 2), b = new_weight(f, 1, c->vocab, 3);
    att_loss loss = {0};
    assert_int_equal(att_op_cross_entropy(&f->run, &x, &w, &b, (float)c->softcap, c->targets, (float)c->smoothing,
                                          c->divisor, &loss),
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
    att_tensor embedded, normed, inner, out;
    att_weight table = new_weight(f, 5, 6, 1), w = new_weight(f, 6, 6, 2), gamma = new_weight(f, 1, 6, 3), none = {0};
    if (frozen) table.grad = w.grad = gamma.grad = NULL;
    assert_int_equal(att_op_embed(&f->run, &table, &none, embed_ids, NULL, 5, 1.0f, ATT_NO_DROPOUT, &embedded), ATT_OK);
    embedded.gradient->keep = true;
    assert_int_equal(att_op_rms_norm(&f->run, &embedded, &gamma, false, 1e-5f, &normed), ATT_OK);
    assert_int_equal(att_op_linear(&f->run, &normed, &w, &none, ATT_WITH_TANH, &inner), ATT_OK);
    assert_int_equal(att_op_residual(&f->run, &embedded, &inner, ATT_NO_DROPOUT, &out), ATT_OK);
    att_loss loss = {0};
    assert_int_equal(att_op_cross_entropy(&f->run, &out, &w, &none, 0, embed_ids, 0, 1, &loss), ATT_OK);
    assert_int_equal(att_backward(&f->run), ATT_OK);
    const float *gradient = att_gradient_of(&embedded);
    assert_non_null(gradient);
    if (!frozen) memcpy(kept_once, gradient, sizeof kept_once);
    assert_memory_equal(kept_once, gradient, sizeof kept_once);
    for (int i = 0; i < 5 * 6; i++) assert_true(fabsf(gradient[i]) > 1e-6f);
    if (!frozen) assert_true(table.grad[4 * 6] == gradient[3 * 6]);
  }
}

/* ---- rows and means ---- */

static const int32_t picked[] = {4, 0, 4, 2, 4};
static const int64_t mean_starts[] = {0, 3, 3, 4, 9};

static void rows_reference(const problem *p, double *out) {
  for (int64_t i = 0; i < 5 * 70; i++) out[i] = p->values[0][picked[i / 70] * 70 + i % 70];
}

static void mean_reference(const problem *p, double *out) {
  for (int64_t i = 0; i < 4 * 70; i++) {
    int64_t first = mean_starts[i / 70], last = mean_starts[i / 70 + 1];
    out[i] = 0;
    for (int64_t row = first; row < last; row++) out[i] += p->values[0][row * 70 + i % 70] / (double)(last - first);
  }
}

static void test_rows_and_mean(void **state) {
  fixture *f = *state;
  for (int mean = 0; mean < 2; mean++) {
    begin(f, 0);
    att_tensor x = new_input(f, 9, 70, 1), out;
    problem p = {.reference = mean ? mean_reference : rows_reference};
    if (mean) {
      assert_int_equal(att_op_mean(&f->run, &x, (att_sequences){4, mean_starts}, &out), ATT_OK);
    } else {
      assert_int_equal(att_op_rows(&f->run, &x, picked, 5, &out), ATT_OK);
    }
    add_input(f, &p, x.data, x.gradient->data, 9 * 70);
    prepare(f, &p, out.rows * 70);
    finish(f, &p, &out);
  }
}

/* A masked language model's loss: a few rows, or none, through the head; the others get zeros. */
static void test_loss_of_some_rows(void **state) {
  fixture *f = *state;
  for (int count = 0; count < 3; count += 2) {
    begin(f, 0);
    const int32_t rows[] = {3, 1}, targets[] = {0, 6};
    att_tensor x = new_input(f, 5, 6, 1), some;
    att_weight w = new_weight(f, 7, 6, 2), b = new_weight(f, 1, 7, 3);
    att_loss loss = {0};
    assert_int_equal(att_op_rows(&f->run, &x, count ? rows : NULL, count, &some), ATT_OK);
    assert_int_equal(att_op_cross_entropy(&f->run, &some, &w, &b, 0, targets, 0, 1, &loss), ATT_OK);
    assert_int_equal(att_backward(&f->run), ATT_OK);
    assert_int_equal(loss.count, count);
    assert_true((loss.loss > 0.1) == (count > 0));
    for (int i = 0; i < 5 * 6; i++) {
      assert_true((fabsf(x.gradient->data[i]) > 1e-5f) == (count && (i / 6 == 3 || i / 6 == 1)));
    }
  }
}

/* The loss of rows that no gradient flows to still moves the head, and only what of it is not frozen. */
static void test_cross_entropy_alone(void **state) {
  fixture *f = *state;
  begin(f, 0);
  const int32_t targets[] = {0, 6, 3};
  att_tensor x = new_input(f, 3, 6, 1);
  x.gradient = NULL;
  att_weight w = new_weight(f, 7, 6, 2), b = new_weight(f, 1, 7, 3);
  att_loss loss = {0};
  float *grad = b.grad;
  b.grad = NULL;
  assert_int_equal(att_op_cross_entropy(&f->run, &x, &w, &b, 0, targets, 0, 1, &loss), ATT_OK);
  assert_true(loss.loss > 0.1 && fabsf(w.grad[0]) > 1e-3f);
  float before = w.grad[0];
  w.grad = NULL;
  b.grad = grad;
  assert_int_equal(att_op_cross_entropy(&f->run, &x, &w, &b, 0, targets, 0, 1, &loss), ATT_OK);
  assert_true(loss.count == 6 && fabsf(b.grad[0]) > 1e-3f && before != 0);
  assert_int_equal(att_backward(&f->run), ATT_OK);
}

/* ---- losses of a few logits ---- */

static const int32_t some_classes[] = {0, 3, 1, 1, 2};
static const float some_targets[] = {0, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 1};

static void loss_reference(const problem *p, double *out) {
  const char *kind = p->arg;
  *out = 0;
  for (int64_t i = 0; i < 20; i++) {
    double x = p->values[0][i], t = some_targets[i];
    if (*kind == 'v') *out += (x - t) * (x - t) / 4;
    if (*kind == 'l') *out -= (t * log(1 / (1 + exp(-x))) + (1 - t) * log(1 / (1 + exp(x)))) / 4;
  }
  for (int64_t i = 0; *kind == 'c' && i < 5; i++) {
    const double *x = p->values[0] + i * 4;
    double norm = log(exp(x[0]) + exp(x[1]) + exp(x[2]) + exp(x[3]));
    *out += 0.8 * (norm - x[some_classes[i]]) + 0.2 * (norm - (x[0] + x[1] + x[2] + x[3]) / 4);
  }
}

static att_status call_loss(att_run *run, const char *kind, const att_tensor *x, double divisor, att_loss *loss) {
  if (*kind == 'c') return att_op_class_loss(run, x, some_classes, 0.2f, divisor, loss);
  if (*kind == 'l') return att_op_label_loss(run, x, some_targets, divisor, loss);
  return att_op_value_loss(run, x, some_targets, divisor, loss);
}

/* With a tape the gradient is there at once, and adds to what is; without one the logits stay and none is. */
static void test_small_losses(void **state) {
  fixture *f = *state;
  const char *const kinds[] = {"class", "label", "value"};
  for (int i = 0; i < 3; i++) {
    begin(f, 0);
    att_tensor x = new_input(f, 5, 4, 1), bare = x;
    bare.gradient = NULL;
    att_loss loss = {0}, again = {0};
    assert_int_equal(call_loss(&f->run, kinds[i], &x, 5, &loss), ATT_OK);
    assert_int_equal(call_loss(&f->run, kinds[i], &bare, 5, &again), ATT_OK);
    problem p = {.reference = loss_reference, .arg = kinds[i]};
    add_input(f, &p, x.data, x.gradient->data, 20);
    prepare(f, &p, 1);
    p.weights[0] = 0.2;
    loss_reference(&p, p.out);
    assert_true(fabs(loss.loss - p.out[0]) <= 1e-6 * p.out[0] && loss.count == 5);
    assert_true(again.loss == loss.loss && again.nll == loss.nll && (loss.nll != loss.loss) == (i == 0));
    check_gradients(&p);
    float once = x.gradient->data[7];
    assert_int_equal(call_loss(&f->run, kinds[i], &x, 5, &loss), ATT_OK);
    assert_true(fabsf(x.gradient->data[7] - 2 * once) < 1e-6f && fabsf(once) > 1e-4f && loss.count == 10);
  }
}

static const int64_t span_starts[] = {0, 3, 7};
static const int32_t some_spans[] = {0, 2, 1, 1};

static void span_reference(const problem *p, double *out) {
  *out = 0;
  for (int text = 0; text < 2; text++)
    for (int end = 0; end < 2; end++) {
      double sum = 0;
      for (int64_t i = span_starts[text]; i < span_starts[text + 1]; i++) sum += exp(p->values[0][2 * i + end]);
      *out += (log(sum) - p->values[0][2 * (span_starts[text] + some_spans[2 * text + end]) + end]) / 2;
    }
}

/* Each softmax is over a sequence's own rows. */
static void test_span_loss(void **state) {
  fixture *f = *state;
  const att_sequences sequences = {2, span_starts};
  begin(f, 0);
  att_tensor x = new_input(f, 7, 2, 1);
  att_loss loss = {0};
  assert_int_equal(att_op_span_loss(&f->run, &x, sequences, some_spans, 4, &loss), ATT_OK);
  problem p = {.reference = span_reference};
  add_input(f, &p, x.data, x.gradient->data, 14);
  prepare(f, &p, 1);
  p.weights[0] = 0.25;
  span_reference(&p, p.out);
  assert_true(fabs(loss.loss - p.out[0]) <= 1e-6 * p.out[0] && loss.count == 2 && loss.nll == loss.loss);
  check_gradients(&p);
  float once = x.gradient->data[5];
  assert_int_equal(att_op_span_loss(&f->run, &x, sequences, some_spans, 4, &loss), ATT_OK);
  assert_true(fabsf(x.gradient->data[5] - 2 * once) < 1e-6f && fabsf(once) > 1e-4f && loss.count == 4);
}

/* Logits of any size give a finite loss where one is; NaN comes through. */
static void test_strange_logits(void **state) {
  fixture *f = *state;
  begin(f, 0);
  att_tensor x = new_input(f, 5, 4, 1);
  for (int i = 0; i < 20; i++) x.data[i] = i % 2 ? 1e30f : -1e30f;
  att_loss loss = {0};
  assert_int_equal(call_loss(&f->run, "label", &x, 1, &loss), ATT_OK);
  assert_true(isfinite(loss.loss) && loss.loss > 1e28 && isfinite(x.gradient->data[0]));
  x.data[3] = NAN;
  assert_int_equal(call_loss(&f->run, "label", &x, 1, &loss), ATT_OK);
  assert_true(isnan(loss.loss) && isnan(x.gradient->data[3]));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_linear),
      cmocka_unit_test(test_gated),
      cmocka_unit_test(test_layer_norm),
      cmocka_unit_test(test_rms_norm),
      cmocka_unit_test(test_head_norm),
      cmocka_unit_test(test_soft_cap),
      cmocka_unit_test(test_scale),
      cmocka_unit_test(test_rotary),
      cmocka_unit_test(test_residual),
      cmocka_unit_test(test_dropout),
      cmocka_unit_test(test_no_dropout),
      cmocka_unit_test(test_embed),
      cmocka_unit_test(test_embed_padding_row),
      cmocka_unit_test(test_tape_adds),
      cmocka_unit_test(test_cross_entropy),
      cmocka_unit_test(test_cross_entropy_alone),
      cmocka_unit_test(test_loss_of_some_rows),
      cmocka_unit_test(test_rows_and_mean),
      cmocka_unit_test(test_small_losses),
      cmocka_unit_test(test_span_loss),
      cmocka_unit_test(test_strange_logits),
      cmocka_unit_test(test_gradient_of_the_embeddings),
  };
  return cmocka_run_group_tests_name("ops, one thread", tests, setup_one, teardown) +
         cmocka_run_group_tests_name("ops, two threads", tests, setup, teardown);
}
