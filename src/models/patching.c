/* Owns what patching.h says. */
#include "models/patching.h"

#include <math.h>
#include <string.h>

#define ATT_MINIMUM_SCALE 1e-5 /* PatchTSTStdScaler's */

int64_t att_patch_count(const att_config *c) {
  int64_t patch = c->input_width, stride = c->patching.stride;
  return c->patching.lookback < patch || stride < 1 ? 0 : (c->patching.lookback - patch) / stride + 1;
}

void att_instance_norm(const float *x, int64_t rows, int64_t stride, float *mean, float *deviation) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < rows; i++) sum += (double)x[i * stride];
  double m = sum / (double)rows;
  for (int64_t i = 0; i < rows; i++) squares += ((double)x[i * stride] - m) * ((double)x[i * stride] - m);
  *mean = (float)m;
  *deviation = (float)sqrt(squares / (double)rows + ATT_MINIMUM_SCALE);
}

/* One channel of one window into its patches. */
static void cut(const att_config *c, const float *x, const float *scale, int64_t count, float *out) {
  int64_t patch = c->input_width, stride = c->patching.stride, channels = c->patching.channels;
  int64_t first = c->patching.lookback - (patch + stride * (count - 1));
  for (int64_t p = 0; p < count; p++)
    for (int64_t k = 0; k < patch; k++) *out++ = (x[(first + p * stride + k) * channels] - scale[0]) / scale[1];
}

att_status att_patch(att_run *run, const att_config *c, const att_input *windows, att_input *patches,
                     const float **scales) {
  const att_patching *p = &c->patching;
  int64_t count = att_patch_count(c), all = windows->sequences.count * p->channels;
  for (int64_t i = 0; i < windows->sequences.count; i++) {
    int64_t rows = windows->sequences.start[i + 1] - windows->sequences.start[i];
    if (rows == p->lookback) continue;
    return att_fail(run->ctx, ATT_ARGUMENT, "a window of %lld rows; the model reads %lld", (long long)rows,
                    (long long)p->lookback);
  }
  float *rows = att_arena_alloc(run->arena, (size_t)(all * count), (size_t)c->input_width * sizeof *rows);
  float *scale = ATT_ARENA_NEW(run->arena, 2 * all, float);
  int64_t *start = ATT_ARENA_NEW(run->arena, all + 1, int64_t);
  if (!rows || !scale || !start) return ATT_MEMORY;
  start[0] = 0;
  for (int64_t i = 0; i < all; i++) {
    const float *x = windows->rows + windows->sequences.start[i / p->channels] * p->channels + i % p->channels;
    scale[2 * i] = 0;
    scale[2 * i + 1] = 1;
    if (p->normalise) att_instance_norm(x, p->lookback, p->channels, &scale[2 * i], &scale[2 * i + 1]);
    cut(c, x, scale + 2 * i, count, rows + i * count * c->input_width);
    start[i + 1] = start[i] + count;
  }
  *patches = (att_input){.rows = rows, .sequences = {all, start}};
  *scales = scale;
  return ATT_OK;
}

/* ---- config.json ---------------------------------------------------------------------------------------------- */

/* Hugging Face's scaling may be a name, true ("mean"), false or null. */
static att_status read_scaling(const att_settings *in, att_patching *p) {
  const json_t *value = json_object_get(in->root, "scaling");
  const char *text = json_string_value(value);
  p->normalise = !value || (text && strcmp(text, "std") == 0);
  if (p->normalise || json_is_false(value) || json_is_null(value)) return ATT_OK;
  return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: scaling is neither \"std\" nor null; attend knows no other", in->name);
}

att_status att_patching_read(const att_settings *in, att_config *c) {
  att_patching *p = &c->patching;
  const struct {
    const char *key;
    int64_t *at;
  } sizes[] = {{"num_input_channels", &p->channels},
               {"context_length", &p->lookback},
               {"patch_length", &c->input_width},
               {"patch_stride", &p->stride}};
  if (!p->lookback && !json_object_get(in->root, "context_length")) return ATT_OK;
  if (!p->channels) p->channels = 1;
  if (!p->stride) p->stride = 1;
  for (size_t i = 0; i < ATT_COUNT(sizes); i++)
    ATT_TRY(att_json_int(in->ctx, in->name, in->root, sizes[i].key, false, 1, ATT_LARGEST_SIZE, sizes[i].at));
  return read_scaling(in, p);
}

void att_patching_write(att_object *out, const att_config *c) {
  const att_patching *p = &c->patching;
  att_put_int(out, "num_input_channels", p->channels);
  att_put_int(out, "context_length", p->lookback);
  att_put_int(out, "patch_length", c->input_width);
  att_put_int(out, "patch_stride", p->stride);
  if (p->normalise)
    att_put_text(out, "scaling", "std");
  else
    att_put(out, "scaling", "null");
}

att_status att_patching_check(att_context *ctx, const char *name, const att_config *c) {
  const att_patching *p = &c->patching;
  bool good = p->channels >= 1 && p->channels <= ATT_LARGEST_SIZE && p->lookback <= ATT_LARGEST_SIZE && p->stride >= 1;
  if (!good || att_patch_count(c) < 1) {
    return att_fail(ctx, ATT_ARGUMENT, "%s: patches of %lld every %lld of %lld rows cannot be", name,
                    (long long)c->input_width, (long long)p->stride, (long long)p->lookback);
  }
  if (att_patch_count(c) <= c->max_position_embeddings) return ATT_OK;
  return att_fail(ctx, ATT_ARGUMENT, "%s: %lld patches are more than the model's %lld positions", name,
                  (long long)att_patch_count(c), (long long)c->max_position_embeddings);
}
