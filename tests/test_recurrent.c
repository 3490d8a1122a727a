/*
 * The recurrent layers, both attentions, and what stands around them against references in double precision: outputs,
 * and gradients against central differences. The formulas are PyTorch's (torch.nn.RNN, LSTM, GRU).
 */
#include "op_check.h"

#include <stdlib.h>

enum { WIDTH = 5, WIDE = 37, MEMORY = 3, MOST_ROWS = 64, MOST_KEYS = 8 };

/* Lengths of different size, one of none among them; and many sequences, for the panels. */
static const int64_t some[] = {0, 2, 2, 7, 8, 12}, many[] = {0, 4, 5, 11, 13, 20, 24, 30};
static const int64_t some_keys[] = {0, 3, 4, 6, 10, 10}, many_keys[] = {0, 2, 3, 7, 9, 10, 16, 17};

typedef struct cell_case {
  att_cell cell;
  bool backwards, before, additive;
  int64_t width, count;
  const int64_t *start, *keys;
} cell_case;

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* The inputs of a case, in this order; the last five with attention alone. */
enum { GATES, HIDDEN, BIAS, BEFORE, KEYS, MEM, INPUTS, QUERY, VECTOR };

/* Where input `which` stands: BEFORE may be missing. */
static const double *input_of(const problem *p, const cell_case *c, int which) {
  return p->values[which - (which > BEFORE && !c->before)];
}

static void reference_cell(const cell_case *c, const double *x, const double *products, double *state) {
  int64_t w = c->width;
  for (int64_t u = 0; u < w; u++) {
    if (c->cell == ATT_CELL_RNN) state[u] = tanh(x[u] + products[u]);
    if (c->cell == ATT_CELL_GRU) {
      double r = sigmoid(x[u] + products[u]), z = sigmoid(x[w + u] + products[w + u]);
      double n = tanh(x[2 * w + u] + r * products[2 * w + u]);
      state[u] = (1 - z) * n + z * state[u];
    }
    if (c->cell == ATT_CELL_LSTM) {
      double i = sigmoid(x[u] + products[u]), f = sigmoid(x[w + u] + products[w + u]);
      double g = tanh(x[2 * w + u] + products[2 * w + u]), o = sigmoid(x[3 * w + u] + products[3 * w + u]);
      state[w + u] = f * state[w + u] + i * g;
      state[u] = o * tanh(state[w + u]);
    }
  }
}

/* Additive attention of one row: its context, and what it adds to the gates. */
static void reference_attend(const problem *p, const cell_case *c, int64_t sequence, const double *h, double *context,
                             double *x, int64_t columns) {
  const double *keys = input_of(p, c, KEYS), *memory = input_of(p, c, MEM), *inputs = input_of(p, c, INPUTS);
  const double *query = input_of(p, c, QUERY), *vector = input_of(p, c, VECTOR);
  int64_t first = c->keys[sequence], count = c->keys[sequence + 1] - first, w = c->width;
  double scores[MOST_KEYS], sum = 0;
  for (int64_t j = 0; j < count; j++) {
    scores[j] = 0;
    for (int64_t u = 0; u < w; u++) {
      double q = 0;
      for (int64_t k = 0; k < w; k++) q += query[u * w + k] * h[k];
      scores[j] += vector[u] * tanh(q + keys[(first + j) * w + u]);
    }
    sum += scores[j] = exp(scores[j]);
  }
  for (int64_t m = 0; m < MEMORY; m++) context[m] = 0;
  for (int64_t j = 0; j < count; j++) {
    for (int64_t m = 0; m < MEMORY; m++) context[m] += scores[j] / sum * memory[(first + j) * MEMORY + m];
    for (int64_t g = 0; g < columns; g++) x[g] += scores[j] / sum * inputs[(first + j) * columns + g];
  }
}

/* out: h of each row, then the final states, then the contexts. */
static void cell_reference(const problem *p, double *out) {
  const cell_case *c = p->arg;
  int64_t w = c->width, columns = att_cell_gates(c->cell, w), size = att_cell_state(c->cell, w);
  int64_t rows = c->start[c->count];
  double state[2 * WIDE], x[4 * WIDE], products[4 * WIDE];
  for (int64_t i = 0; i < c->count; i++) {
    for (int64_t u = 0; u < size; u++) state[u] = c->before ? p->values[BEFORE][i * size + u] : 0;
    for (int64_t t = 0; t < c->start[i + 1] - c->start[i]; t++) {
      int64_t row = c->backwards ? c->start[i + 1] - 1 - t : c->start[i] + t;
      for (int64_t g = 0; g < columns; g++) {
        x[g] = p->values[GATES][row * columns + g];
        products[g] = p->values[BIAS][g];
        for (int64_t k = 0; k < w; k++) products[g] += p->values[HIDDEN][g * w + k] * state[k];
      }
      if (c->additive) {
        double *context = out + rows * w + c->count * size + row * MEMORY;
        reference_attend(p, c, i, state, context, x, columns);
      }
      reference_cell(c, x, products, state);
      for (int64_t u = 0; u < w; u++) out[row * w + u] = state[u];
    }
    for (int64_t u = 0; u < size; u++) out[rows * w + i * size + u] = state[u];
  }
}

static float *copy_of(fixture *f, const float *x, int64_t n) {
  float *copy = ATT_ARENA_NEW(f->arena, n, float);
  assert_non_null(copy);
  memcpy(copy, x, (size_t)n * sizeof *copy);
  return copy;
}

/* Output gradients: of several outputs that stand one after another in the reference's. */
static void open_part(fixture *f, problem *p, const att_tensor *out, int64_t first, float *all) {
  float *gradient = open_output(f, out);
  memcpy(all + first, out->data, (size_t)(out->rows * out->cols) * sizeof *all);
  for (int64_t i = 0; i < out->rows * out->cols; i++) {
    gradient[i] = (float)p->weights[first + i];
    p->weights[first + i] = gradient[i];
  }
}

static void check_cell(fixture *f, const cell_case *c) {
  int64_t w = c->width, columns = att_cell_gates(c->cell, w), size = att_cell_state(c->cell, w);
  int64_t rows = c->start[c->count], key_rows = c->keys[c->count];
  begin(f, 0);
  att_tensor gates = new_input(f, rows, columns, 1), before, out, last, context = {0};
  att_weight hidden = new_weight(f, columns, w, 2), bias = new_weight(f, 1, columns, 3);
  problem p = {.reference = cell_reference, .arg = c, .every = w == WIDE ? 131 : c->count == 7 ? 7 : 1};
  add_input(f, &p, copy_of(f, gates.data, rows * columns), gates.gradient->data, rows * columns);
  add_input(f, &p, hidden.data, hidden.grad, columns * w);
  add_input(f, &p, bias.data, bias.grad, columns);
  if (c->before) {
    before = new_input(f, c->count, size, 4);
    add_input(f, &p, before.data, before.gradient->data, c->count * size);
  }
  att_additive additive = {.alignment.sequences = {c->count, c->keys}};
  if (c->additive) {
    additive.alignment.keys = new_input(f, key_rows, w, 5);
    additive.alignment.memory = new_input(f, key_rows, MEMORY, 6);
    additive.inputs = new_input(f, key_rows, columns, 7);
    additive.query = new_weight(f, w, w, 8);
    additive.vector = new_weight(f, 1, w, 9);
    add_input(f, &p, additive.alignment.keys.data, additive.alignment.keys.gradient->data, key_rows * w);
    add_input(f, &p, additive.alignment.memory.data, additive.alignment.memory.gradient->data, key_rows * MEMORY);
    add_input(f, &p, additive.inputs.data, additive.inputs.gradient->data, key_rows * columns);
    add_input(f, &p, additive.query.data, additive.query.grad, w * w);
    add_input(f, &p, additive.vector.data, additive.vector.grad, w);
  }
  att_recurrent_shape shape = {c->cell, c->backwards, {c->count, c->start}, c->additive ? &additive : NULL};
  att_recurrent_outputs outputs = {.out = &out, .last = &last, .context = c->additive ? &context : NULL};
  assert_int_equal(att_op_recurrent(&f->run, &gates, &hidden, &bias, c->before ? &before : NULL, &shape, &outputs),
                   ATT_OK);
  int64_t total = rows * w + c->count * size + (c->additive ? rows * MEMORY : 0);
  float *all = ATT_ARENA_NEW(f->arena, total, float);
  prepare(f, &p, total);
  open_part(f, &p, &out, 0, all);
  open_part(f, &p, &last, rows * w, all);
  if (c->additive) open_part(f, &p, &context, rows * w + c->count * size, all);
  check_output(&p, all);
  assert_int_equal(att_backward(&f->run), ATT_OK);
  check_gradients(&p);
}

static void test_cells(void **state) {
  for (int i = 0; i < 24; i++) {
    cell_case c = {(att_cell)(i % 3), i / 3 % 2, i / 6 % 2, false, WIDTH, 5, some, some_keys};
    if (i >= 12) {
      c.count = 7;
      c.start = many;
      c.keys = many_keys;
    }
    check_cell(*state, &c);
  }
}

/* More units than a panel has columns. */
static void test_wide_cells(void **state) {
  for (int i = 0; i < 3; i++) {
    cell_case c = {(att_cell)i, false, true, false, WIDE, 7, many, many_keys};
    check_cell(*state, &c);
  }
}

static void test_additive(void **state) {
  for (int i = 0; i < 12; i++) {
    cell_case c = {(att_cell)(i % 3), false, i / 3 % 2, true, WIDTH, 5, some, some_keys};
    if (i >= 6) {
      c.count = 7;
      c.start = many;
      c.keys = many_keys;
    }
    check_cell(*state, &c);
  }
}

/* ---- multiplicative attention ---- */

static void align_reference(const problem *p, double *out) {
  for (int64_t i = 0; i < 5; i++) {
    for (int64_t row = some[i]; row < some[i + 1]; row++) {
      double weights[MOST_KEYS], sum = 0;
      for (int64_t j = some_keys[i]; j < some_keys[i + 1]; j++) {
        double score = 0;
        for (int64_t u = 0; u < WIDTH; u++) score += p->values[0][row * WIDTH + u] * p->values[1][j * WIDTH + u];
        sum += weights[j - some_keys[i]] = exp(score);
      }
      for (int64_t m = 0; m < MEMORY; m++) {
        out[row * MEMORY + m] = 0;
        for (int64_t j = some_keys[i]; j < some_keys[i + 1]; j++)
          out[row * MEMORY + m] += weights[j - some_keys[i]] / sum * p->values[2][j * MEMORY + m];
      }
    }
  }
}

static void test_align(void **state) {
  fixture *f = *state;
  begin(f, 0);
  att_tensor x = new_input(f, some[5], WIDTH, 1), out;
  att_alignment a = {.keys = new_input(f, some_keys[5], WIDTH, 2),
                     .memory = new_input(f, some_keys[5], MEMORY, 3),
                     .sequences = {5, some_keys}};
  assert_int_equal(att_op_align(&f->run, &x, (att_sequences){5, some}, &a, &out), ATT_OK);
  problem p = {.reference = align_reference};
  add_input(f, &p, x.data, x.gradient->data, some[5] * WIDTH);
  add_input(f, &p, a.keys.data, a.keys.gradient->data, some_keys[5] * WIDTH);
  add_input(f, &p, a.memory.data, a.memory.gradient->data, some_keys[5] * MEMORY);
  prepare(f, &p, some[5] * MEMORY);
  finish(f, &p, &out);
}

/* ---- concat, ends ---- */

static void concat_reference(const problem *p, double *out) {
  const int64_t cols[] = {3, 1, 4};
  for (int64_t row = 0; row < 6; row++)
    for (int i = 0; i < 3; i++)
      for (int64_t c = 0; c < cols[i]; c++) *out++ = p->values[i][row * cols[i] + c];
}

static void test_concat(void **state) {
  fixture *f = *state;
  begin(f, 0);
  att_tensor a = new_input(f, 6, 3, 1), b = new_input(f, 6, 1, 2), c = new_input(f, 6, 4, 3), out;
  assert_int_equal(att_op_concat(&f->run, (const att_tensor *[]){&a, &b, &c}, 3, &out), ATT_OK);
  problem p = {.reference = concat_reference};
  add_input(f, &p, a.data, a.gradient->data, 18);
  add_input(f, &p, b.data, b.gradient->data, 6);
  add_input(f, &p, c.data, c.gradient->data, 24);
  prepare(f, &p, 48);
  finish(f, &p, &out);
}

static const int32_t windows[] = {-1, 0, 2, 2, 5, -1, 1, 2, 3, -1, -1, -1};

static void windows_reference(const problem *p, double *out) {
  for (int64_t i = 0; i < 12; i++)
    for (int64_t c = 0; c < 4; c++) *out++ = windows[i] < 0 ? 0 : p->values[0][windows[i] * 4 + c];
}

/* Row 4 stands in no window. */
static void test_windows(void **state) {
  fixture *f = *state;
  begin(f, 0);
  att_tensor x = new_input(f, 6, 4, 1), out;
  assert_int_equal(att_op_windows(&f->run, &x, windows, 4, 3, &out), ATT_OK);
  problem p = {.reference = windows_reference};
  add_input(f, &p, x.data, x.gradient->data, 24);
  prepare(f, &p, 48);
  finish(f, &p, &out);
}

static void ends_reference(const problem *p, double *out) {
  for (int64_t i = 0; i < 5; i++)
    for (int64_t c = 0; c < 4; c++) {
      int64_t row = c < 3 ? some[i + 1] - 1 : some[i];
      out[i * 4 + c] = some[i] == some[i + 1] ? 0 : p->values[0][row * 4 + c];
    }
}

static void test_ends(void **state) {
  fixture *f = *state;
  begin(f, 0);
  att_tensor x = new_input(f, some[5], 4, 1), out;
  assert_int_equal(att_op_ends(&f->run, &x, (att_sequences){5, some}, 3, &out), ATT_OK);
  problem p = {.reference = ends_reference};
  add_input(f, &p, x.data, x.gradient->data, some[5] * 4);
  prepare(f, &p, 20);
  finish(f, &p, &out);
}

/* ---- pieces, threads ---- */

/* A sequence in two pieces, the second from the state that the first left, is the sequence. */
static void test_pieces(void **state) {
  fixture *f = *state;
  enum { ROWS = 9, FIRST = 4 };
  for (int cell = 0; cell < 3; cell++) {
    int64_t columns = att_cell_gates((att_cell)cell, WIDTH);
    begin(f, 0);
    f->run.tape = NULL;
    float *x = ATT_ARENA_NEW(f->arena, ROWS * columns, float);
    draw(x, ROWS * columns, 1);
    att_weight hidden = new_weight(f, columns, WIDTH, 2), bias = new_weight(f, 1, columns, 3);
    att_tensor whole, parts[2], last[2], cells[2];
    const int64_t starts[3][2] = {{0, ROWS}, {0, FIRST}, {0, ROWS - FIRST}};
    for (int i = 0; i < 3; i++) {
      int64_t first = i == 2 ? FIRST : 0;
      att_tensor gates = {.data = copy_of(f, x + first * columns, starts[i][1] * columns),
                          .rows = starts[i][1],
                          .cols = columns,
                          .stride = columns};
      att_recurrent_shape shape = {(att_cell)cell, false, {1, starts[i]}, NULL};
      att_recurrent_outputs outputs = {.out = i ? &parts[i - 1] : &whole,
                                       .last = i ? &last[i - 1] : NULL,
                                       .cells = i && cell == ATT_CELL_LSTM ? &cells[i - 1] : NULL};
      assert_int_equal(att_op_recurrent(&f->run, &gates, &hidden, &bias, i == 2 ? &last[0] : NULL, &shape, &outputs),
                       ATT_OK);
    }
    for (int64_t i = 0; i < FIRST * WIDTH; i++) assert_true(whole.data[i] == parts[0].data[i]);
    for (int64_t i = 0; i < (ROWS - FIRST) * WIDTH; i++)
      assert_true(fabsf(whole.data[FIRST * WIDTH + i] - parts[1].data[i]) < 1e-6f);
    for (int64_t i = 0; cell == ATT_CELL_LSTM && i < WIDTH; i++)
      assert_true(cells[1].data[(ROWS - FIRST - 1) * WIDTH + i] == last[1].data[WIDTH + i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_cells), cmocka_unit_test(test_wide_cells), cmocka_unit_test(test_additive),
      cmocka_unit_test(test_align), cmocka_unit_test(test_concat),     cmocka_unit_test(test_windows),
      cmocka_unit_test(test_ends),  cmocka_unit_test(test_pieces),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
