/*
 * Owns opening tests/data/model_*: a model and what PyTorch computed with it (tools/make_model_fixtures.py). Any
 * failure ends the test.
 */
#ifndef ATT_TESTS_MODEL_FIXTURE_H
#define ATT_TESTS_MODEL_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/safetensors.h"
#include "models/pass.h"

static const char *const fixture_names[] = {"model_marian_relu",  "model_marian_gelu",    "model_m2m_100_relu",
                                            "model_m2m_100_silu", "model_m2m_100_untied", "model_whisper"};
#define FIXTURES (sizeof fixture_names / sizeof *fixture_names)

typedef struct fixture {
  const char *name;
  att_context *ctx;
  att_arena *arena;
  att_model *model;
  att_tensor_file *expected;
  int32_t *source_ids, *inputs, *labels;
  float *source_rows; /* in place of source_ids */
  int64_t *source_starts, *target_starts;
  att_batch pairs;
} fixture;

static inline void require_ok(const fixture *f, att_status status) {
  if (status != ATT_OK) fail_msg("%s: %s: %s", f->name, att_status_name(status), att_message(f->ctx));
}

static inline const att_stored *stored(const fixture *f, const char *name) {
  const att_stored *tensor = att_tensor_file_find(f->expected, name);
  if (!tensor) fail_msg("%s: no %s in expected.safetensors", f->name, name);
  return tensor;
}

/* Copies, for the file's data may be unaligned. The caller frees. */
static inline float *stored_floats(const fixture *f, const char *name) {
  const att_stored *tensor = stored(f, name);
  assert_int_equal(tensor->type, ATT_F32);
  float *out = malloc(tensor->size);
  assert_non_null(out);
  memcpy(out, tensor->data, tensor->size);
  return out;
}

static inline int64_t *stored_longs(const fixture *f, const char *name) {
  const att_stored *tensor = stored(f, name);
  assert_int_equal(tensor->type, ATT_I64);
  int64_t *out = malloc(tensor->size);
  assert_non_null(out);
  memcpy(out, tensor->data, tensor->size);
  return out;
}

static inline int32_t *stored_ids(const fixture *f, const char *name) {
  int64_t *longs = stored_longs(f, name), count = stored(f, name)->count;
  int32_t *out = malloc((size_t)count * sizeof *out);
  assert_non_null(out);
  for (int64_t i = 0; i < count; i++) out[i] = (int32_t)longs[i];
  free(longs);
  return out;
}

static inline void fixture_open(fixture *f, const char *name) {
  memset(f, 0, sizeof *f);
  f->name = name;
  assert_int_equal(att_context_new(&(att_context_options){.size = sizeof(att_context_options), .threads = 2}, &f->ctx),
                   ATT_OK);
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, name);
  require_ok(f, att_model_open(f->ctx, path, &f->model));
  snprintf(path, sizeof path, "%s/%s/expected.safetensors", ATT_TEST_DATA, name);
  require_ok(f, att_safetensors_open(f->ctx, path, &f->expected));
  require_ok(f, att_arena_new(f->ctx, &f->arena));
  if (f->model->config.input_width)
    f->source_rows = stored_floats(f, "source_rows");
  else
    f->source_ids = stored_ids(f, "source_ids");
  f->inputs = stored_ids(f, "inputs");
  f->labels = stored_ids(f, "labels");
  f->source_starts = stored_longs(f, "source_starts");
  f->target_starts = stored_longs(f, "target_starts");
  int64_t count = stored(f, "source_starts")->count - 1;
  f->pairs =
      (att_batch){.source = {.ids = f->source_ids, .rows = f->source_rows, .sequences = {count, f->source_starts}},
                  .target = {.ids = f->inputs, .sequences = {count, f->target_starts}},
                  .labels = f->labels};
}

static inline void fixture_close(fixture *f) {
  free(f->source_ids);
  free(f->source_rows);
  free(f->inputs);
  free(f->labels);
  free(f->source_starts);
  free(f->target_starts);
  att_arena_free(f->arena);
  att_tensor_file_close(f->expected);
  att_model_close(f->model);
  att_context_free(f->ctx);
}

static inline float largest(const float *x, int64_t n) {
  float most = 0;
  for (int64_t i = 0; i < n; i++) most = fmaxf(most, fabsf(x[i]));
  return most;
}

/* NaN fails too. */
static inline void require_close(const fixture *f, const char *what, const float *got, const float *want, int64_t n,
                                 float tolerance) {
  for (int64_t i = 0; i < n; i++)
    if (!(fabsf(got[i] - want[i]) <= tolerance))
      fail_msg("%s: %s[%lld] is %.9g, not %.9g (within %g)", f->name, what, (long long)i, (double)got[i],
               (double)want[i], (double)tolerance);
}

static inline void compare_rows(const fixture *f, const char *name, const att_tensor *got) {
  const att_stored *shape = stored(f, name);
  float *want = stored_floats(f, name), most = largest(want, shape->count);
  assert_int_equal(got->rows, shape->shape[0]);
  assert_int_equal(got->cols, shape->shape[1]);
  assert_true(most > 0.1f);
  for (int64_t r = 0; r < got->rows; r++)
    require_close(f, name, got->data + r * got->stride, want + r * got->cols, got->cols, 1e-4f * most);
  free(want);
}

/* The gradient PyTorch has for a parameter under any of its names; NULL: none. */
static inline const att_stored *find_gradient(const fixture *f, const att_parameter *p) {
  char name[256];
  snprintf(name, sizeof name, "grad.%s", p->name);
  const att_stored *found = att_tensor_file_find(f->expected, name);
  for (const char *const *alias = p->aliases; !found && alias < p->aliases + 4 && *alias; alias++) {
    snprintf(name, sizeof name, "grad.%s", *alias);
    found = att_tensor_file_find(f->expected, name);
  }
  return found;
}

static inline float largest_gradient(const fixture *f, int *count) {
  float most = 0;
  *count = 0;
  for (size_t i = 0; i < f->expected->count; i++) {
    const att_stored *tensor = &f->expected->tensors[i];
    if (strncmp(tensor->name, "grad.", 5)) continue;
    float *values = stored_floats(f, tensor->name);
    most = fmaxf(most, largest(values, tensor->count));
    free(values);
    ++*count;
  }
  return most;
}

/* [cols, rows] becomes [rows, cols]. */
static inline void turn(float *x, int64_t rows, int64_t cols) {
  float *copy = malloc((size_t)(rows * cols) * sizeof *copy);
  assert_non_null(copy);
  memcpy(copy, x, (size_t)(rows * cols) * sizeof *copy);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < cols; j++) x[i * cols + j] = copy[j * rows + i];
  free(copy);
}

/* Each tensor within 1e-4 of its largest value plus 1e-6 of the largest of all. */
static inline void compare_gradient(const fixture *f, const att_parameter *p, const att_stored *tensor,
                                    float largest_of_all, float times) {
  const float *got = f->model->gradients + p->offset;
  float *want = stored_floats(f, tensor->name);
  assert_int_equal(tensor->count, p->rows * p->cols);
  if (p->transposed) turn(want, p->rows, p->cols);
  for (int64_t r = 0; p->kernel && r < p->rows; r++) turn(want + r * p->cols, p->kernel, p->cols / p->kernel);
  for (int64_t i = 0; i < tensor->count; i++) want[i] *= times;
  float tolerance = times * (1e-4f * largest(want, tensor->count) / times + 1e-6f * largest_of_all);
  require_close(f, tensor->name, got, want, tensor->count, tolerance);
  free(want);
}

static inline void compare_gradients(const fixture *f, float times) {
  int there, compared = 0;
  float most = largest_gradient(f, &there);
  assert_true(most > 0.1f);
  for (size_t i = 0; i < f->model->parameter_count; i++) {
    const att_parameter *p = &f->model->parameters[i];
    const att_stored *tensor = p->trained ? find_gradient(f, p) : NULL;
    if (!tensor) continue;
    compare_gradient(f, p, tensor, most, times);
    compared++;
  }
  assert_int_equal(compared, there);
}

#endif
