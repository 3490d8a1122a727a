/*
 * A recurrent layer with attention, forward and backward, gives the same bits at any number of threads. With attend's
 * own matrix products: a library's may split its sums by threads (oneDNN does on some processors).
 */
#include "op_check.h"

#include <stdlib.h>

/* One pass with attention on so many threads: outputs, gradients of what is trained. */
static float *pass_on(int threads, int64_t *size) {
  enum { COUNT = 20, LENGTH = 6, UNITS = 96 };
  fixture f;
  int64_t start[COUNT + 1], columns = 3 * UNITS;
  for (int64_t i = 0; i <= COUNT; i++) start[i] = LENGTH * i;
  assert_int_equal(
      att_context_new(&(att_context_options){.size = sizeof(att_context_options), .threads = threads}, &f.ctx), ATT_OK);
  assert_int_equal(att_arena_new(f.ctx, &f.arena), ATT_OK);
  begin(&f, 0);
  att_tensor gates = new_input(&f, start[COUNT], columns, 1), out, context;
  att_weight hidden = new_weight(&f, columns, UNITS, 2), bias = new_weight(&f, 1, columns, 3);
  att_additive additive = {.alignment = {.keys = new_input(&f, start[COUNT], UNITS, 5),
                                         .memory = new_input(&f, start[COUNT], UNITS, 6),
                                         .sequences = {COUNT, start}},
                           .inputs = new_input(&f, start[COUNT], columns, 7),
                           .query = new_weight(&f, UNITS, UNITS, 8),
                           .vector = new_weight(&f, 1, UNITS, 9)};
  att_recurrent_shape shape = {ATT_CELL_GRU, false, {COUNT, start}, &additive};
  att_recurrent_outputs outputs = {.out = &out, .context = &context};
  assert_int_equal(att_op_recurrent(&f.run, &gates, &hidden, &bias, NULL, &shape, &outputs), ATT_OK);
  draw(open_output(&f, &out), out.rows * out.cols, 10);
  draw(open_output(&f, &context), context.rows * context.cols, 11);
  assert_int_equal(att_backward(&f.run), ATT_OK);
  const struct {
    const float *data;
    int64_t n;
  } results[] = {{out.data, out.rows * out.cols},
                 {gates.gradient->data, gates.rows * columns},
                 {hidden.grad, columns * UNITS},
                 {additive.query.grad, UNITS * UNITS},
                 {additive.vector.grad, UNITS},
                 {bias.grad, columns},
                 {additive.alignment.keys.gradient->data, start[COUNT] * UNITS}};
  *size = 0;
  for (int i = 0; i < 7; i++) *size += results[i].n;
  float *all = malloc((size_t)*size * sizeof *all), *to = all;
  assert_non_null(all);
  for (int i = 0; i < 7; to += results[i].n, i++) memcpy(to, results[i].data, (size_t)results[i].n * sizeof *to);
  att_arena_free(f.arena);
  att_context_free(f.ctx);
  return all;
}

static void test_threads_change_no_bit(void **state) {
  (void)state;
  int64_t size;
  float *one = pass_on(1, &size);
  for (int threads = 2; threads <= 3; threads++) {
    float *other = pass_on(threads, &size);
    assert_memory_equal(one, other, (size_t)size * sizeof *one);
    free(other);
  }
  free(one);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads_change_no_bit)};
  setenv("ATTEND_GEMM", "own", 1);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
