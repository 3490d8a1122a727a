/*
 * Owns what the tests of ops share: an op's output against a reference in double precision, and its gradients against
 * central differences of the reference. The tolerance is relative to the largest gradient, which must itself be well
 * above zero, so zeros and constants fail.
 */
#ifndef ATT_TESTS_OP_CHECK_H
#define ATT_TESTS_OP_CHECK_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "tensor/ops.h"

#define MOST_INPUTS 12

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
  int64_t every;   /* of an input's gradients one of so many is looked at; 0: all */
  double *weights; /* [out_size]: the loss is their product with the outputs */
  int64_t out_size;
  double *out;
} problem;

static inline int setup(void **state) {
  static fixture f;
  att_context_options options = {.size = sizeof(att_context_options), .threads = 2};
  assert_int_equal(att_context_new(&options, &f.ctx), ATT_OK);
  assert_int_equal(att_arena_new(f.ctx, &f.arena), ATT_OK);
  *state = &f;
  return 0;
}

static inline int teardown(void **state) {
  fixture *f = *state;
  att_arena_free(f->arena);
  att_context_free(f->ctx);
  return 0;
}

static inline void begin(fixture *f, float dropout) {
  att_arena_reset(f->arena);
  f->run = (att_run){.ctx = f->ctx, .arena = f->arena, .dropout = dropout, .dropout_key = 77};
  assert_int_equal(att_tape_new(f->arena, &f->run.tape), ATT_OK);
}

static inline void draw(float *values, int64_t count, uint64_t key) {
  for (int64_t i = 0; i < count; i++) values[i] = (float)(2.0 * att_uniform(key, (uint64_t)i) - 1.0);
}

/* Memory for a leaf's gradient, which no record gives back. */
static inline void gradient_room(fixture *f, const att_tensor *x) {
  x->gradient->data = ATT_ARENA_NEW(f->arena, x->gradient->size, float);
  assert_non_null(x->gradient->data);
}

/* Puts the loss's gradient into an output. */
static inline float *open_output(fixture *f, const att_tensor *out) {
  float *gradient;
  bool accumulate;
  assert_int_equal(att_gradient_open(&f->run, out, &gradient, &accumulate), ATT_OK);
  return gradient;
}

static inline att_tensor new_input(fixture *f, int64_t rows, int64_t cols, uint64_t key) {
  att_tensor x;
  assert_int_equal(att_tensor_new(&f->run, rows, cols, &x), ATT_OK);
  draw(x.data, rows * cols, key);
  gradient_room(f, &x);
  return x;
}

static inline att_weight new_weight(fixture *f, int64_t rows, int64_t cols, uint64_t key) {
  float *data = ATT_ARENA_NEW(f->arena, rows * cols, float), *grad = ATT_ARENA_NEW(f->arena, rows * cols, float);
  assert_true(data && grad);
  draw(data, rows * cols, key);
  memset(grad, 0, (size_t)(rows * cols) * sizeof *grad);
  return (att_weight){.data = data, .grad = grad, .type = ATT_F32, .rows = rows, .cols = cols, .frozen_row = -1};
}

static inline void add_input(fixture *f, problem *p, const float *data, const float *gradient, int64_t size) {
  int i = p->inputs++;
  p->sizes[i] = size;
  p->gradients[i] = gradient;
  p->values[i] = ATT_ARENA_NEW(f->arena, size, double);
  for (int64_t j = 0; j < size; j++) p->values[i][j] = data[j];
}

static inline double loss_of(problem *p) {
  double loss = 0;
  p->reference(p, p->out);
  for (int64_t i = 0; i < p->out_size; i++) loss += p->weights[i] * p->out[i];
  return loss;
}

static inline void check_output(problem *p, const float *out) {
  double most = 0, worst = 0;
  p->reference(p, p->out);
  for (int64_t i = 0; i < p->out_size; i++) {
    most = fmax(most, fabs(p->out[i]));
    worst = fmax(worst, fabs(p->out[i] - out[i]));
  }
  assert_true(most > 1e-3);
  assert_true(worst <= 2e-5 * most);
}

static inline void check_gradients(problem *p) {
  for (int input = 0; input < p->inputs; input++) {
    double most = 0, worst = 0;
    for (int64_t i = 0; i < p->sizes[input]; i += p->every ? p->every : 1) {
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

static inline void prepare(fixture *f, problem *p, int64_t out_size) {
  p->out_size = out_size;
  p->weights = ATT_ARENA_NEW(f->arena, out_size, double);
  p->out = ATT_ARENA_NEW(f->arena, out_size, double);
  for (int64_t i = 0; i < out_size; i++) p->weights[i] = 2.0 * att_uniform(5, (uint64_t)i) - 1.0;
}

/* Puts the loss's gradient into the op's output, walks the tape, checks all. */
static inline void finish(fixture *f, problem *p, const att_tensor *out) {
  check_output(p, out->data);
  float *gradient = open_output(f, out);
  for (int64_t i = 0; i < p->out_size; i++) gradient[i] = (float)p->weights[i];
  for (int64_t i = 0; i < p->out_size; i++) p->weights[i] = gradient[i];
  assert_int_equal(att_backward(&f->run), ATT_OK);
  check_gradients(p);
}

#endif
