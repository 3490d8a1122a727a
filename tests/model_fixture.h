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
#include "models/model.h"

static const char *const fixture_names[] = {"model_marian_relu", "model_marian_gelu", "model_m2m_100_relu",
                                            "model_m2m_100_silu", "model_m2m_100_untied"};
#define FIXTURES (sizeof fixture_names / sizeof *fixture_names)

typedef struct fixture {
  const char *name;
  att_context *ctx;
  att_arena *arena;
  att_model *model;
  att_safetensors *expected;
  int32_t *source_ids, *inputs, *labels;
  int64_t *source_starts, *target_starts;
  att_batch pairs;
} fixture;

static inline void require_ok(const fixture *f, att_status status) {
  if (status != ATT_OK) fail_msg("%s: %s: %s", f->name, att_status_name(status), att_message(f->ctx));
}

static inline const att_stored *stored(const fixture *f, const char *name) {
  const att_stored *tensor = att_safetensors_find(f->expected, name);
  if (!tensor) fail_msg("%s: no %s in expected.safetensors", f->name, name);
  return tensor;
}

/* Copies, for the file's data may be unaligned. The caller frees. */
static inline float *stored_floats(const fixture *f, const char *name) {
  const att_stored *tensor = stored(f, name);
  assert_int_equal(tensor->type, ATT_STORE_F32);
  float *out = malloc(tensor->size);
  assert_non_null(out);
  memcpy(out, tensor->data, tensor->size);
  return out;
}

static inline int64_t *stored_longs(const fixture *f, const char *name) {
  const att_stored *tensor = stored(f, name);
  assert_int_equal(tensor->type, ATT_STORE_I64);
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
  assert_int_equal(att_context_new(&(att_context_options){.threads = 2}, &f->ctx), ATT_OK);
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, name);
  require_ok(f, att_model_open(f->ctx, path, &f->model));
  snprintf(path, sizeof path, "%s/%s/expected.safetensors", ATT_TEST_DATA, name);
  require_ok(f, att_safetensors_open(f->ctx, path, &f->expected));
  require_ok(f, att_arena_new(f->ctx, &f->arena));
  f->source_ids = stored_ids(f, "source_ids");
  f->inputs = stored_ids(f, "inputs");
  f->labels = stored_ids(f, "labels");
  f->source_starts = stored_longs(f, "source_starts");
  f->target_starts = stored_longs(f, "target_starts");
  int64_t count = stored(f, "source_starts")->count - 1;
  f->pairs = (att_batch){.source = {f->source_ids, NULL, {count, f->source_starts}},
                         .target = {f->inputs, NULL, {count, f->target_starts}},
                         .labels = f->labels};
}

static inline void fixture_close(fixture *f) {
  free(f->source_ids);
  free(f->inputs);
  free(f->labels);
  free(f->source_starts);
  free(f->target_starts);
  att_arena_free(f->arena);
  att_safetensors_close(f->expected);
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

#endif
