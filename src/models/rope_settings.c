/* Owns rotary positions in config.json: reading, checking and writing them. See settings.h. What an att_rope does is in
 * layers.h; defaults are those of modeling_rope_utils.py. */
#include "models/settings.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *const types[ATT_ROPE_SCALINGS] = {"default", "linear", "llama3", "dynamic", "yarn", "longrope"};
static const char *const known[] = {"type",
                                    "rope_type",
                                    "rope_theta",
                                    "factor",
                                    "truncate",
                                    "low_freq_factor",
                                    "high_freq_factor",
                                    "attention_factor",
                                    "beta_fast",
                                    "beta_slow",
                                    "mscale",
                                    "mscale_all_dim",
                                    "short_factor",
                                    "long_factor",
                                    "original_max_position_embeddings",
                                    "partial_rotary_factor"}; /* the last where a part of a head may be turned */

/* ---- reading -------------------------------------------------------------------------------------------------- */

static att_status find_type(const att_settings *in, const json_t *object, bool partial, att_rope_scaling *out) {
  const char *type = types[ATT_ROPE_DEFAULT];
  ATT_TRY(att_json_string(in->ctx, in->name, object, "type", false, &type)); /* the older name */
  ATT_TRY(att_json_string(in->ctx, in->name, object, "rope_type", false, &type));
  if (partial && (strcmp(type, "su") == 0 || strcmp(type, "yarn") == 0)) type = types[ATT_ROPE_LONGROPE];
  for (int i = 0; i < ATT_ROPE_SCALINGS; i++) {
    *out = (att_rope_scaling)i;
    if (strcmp(type, types[i]) == 0) return ATT_OK;
  }
  return att_fail(in->ctx, ATT_UNSUPPORTED,
                  "%s: rope_type is \"%.60s\"; attend knows default, linear, llama3, dynamic, yarn and longrope",
                  in->name, type);
}

static att_status read_number(const att_settings *in, const json_t *object, const char *key, bool required,
                              double *out) {
  return att_json_number(in->ctx, in->name, object, key, required, out);
}

/* The context trained with: beside the object before in it. */
static att_status read_original(const att_settings *in, const json_t *object, int64_t positions, att_rope *rope) {
  static const char *const key = "original_max_position_embeddings";
  if (rope->scaling < ATT_ROPE_LLAMA3) return ATT_OK;
  if (rope->original == 0 || rope->scaling == ATT_ROPE_DYNAMIC) rope->original = positions;
  if (rope->scaling == ATT_ROPE_DYNAMIC) return ATT_OK;
  ATT_TRY(att_json_int(in->ctx, in->name, object, key, false, 1, ATT_LARGEST_SIZE, &rope->original));
  return att_json_int(in->ctx, in->name, in->root, key, false, 1, ATT_LARGEST_SIZE, &rope->original);
}

static double magnitude_of(double factor, double scale) { return factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1; }

/* attention_factor, or what the type makes of the others. */
static att_status read_magnitude(const att_settings *in, const json_t *object, att_rope *rope) {
  double scale = 0, scale_all = 0;
  bool yarn = rope->scaling == ATT_ROPE_YARN;
  ATT_TRY(read_number(in, object, "mscale", false, &scale));
  ATT_TRY(read_number(in, object, "mscale_all_dim", false, &scale_all));
  rope->magnitude = magnitude_of(rope->factor, 1);
  if (scale != 0 && scale_all != 0)
    rope->magnitude = magnitude_of(rope->factor, scale) / magnitude_of(rope->factor, scale_all);
  if (!yarn) rope->magnitude = rope->factor <= 1 ? 1 : sqrt(1 + log(rope->factor) / log((double)rope->original));
  return read_number(in, object, "attention_factor", false, &rope->magnitude);
}

static att_status read_yarn(const att_settings *in, const json_t *object, att_rope *rope) {
  bool truncate = true;
  rope->low = 1;
  rope->high = 32;
  ATT_TRY(read_number(in, object, "factor", true, &rope->factor));
  ATT_TRY(read_number(in, object, "beta_slow", false, &rope->low));
  ATT_TRY(read_number(in, object, "beta_fast", false, &rope->high));
  ATT_TRY(att_json_bool(in->ctx, in->name, object, "truncate", false, &truncate));
  rope->untruncated = !truncate;
  return read_magnitude(in, object, rope);
}

/* One number of each frequency. */
static att_status read_factors(const att_settings *in, const json_t *object, const char *key, int64_t count,
                               float *out) {
  const json_t *list = json_object_get(object, key);
  bool good = json_is_array(list) && json_array_size(list) == (size_t)count && count <= ATT_MOST_FREQUENCIES;
  for (int64_t i = 0; good && i < count; i++) {
    double value = json_number_value(json_array_get(list, (size_t)i));
    good = value >= 1e-3 && value <= 1e12;
    out[i] = (float)value;
  }
  if (good) return ATT_OK;
  return att_fail(in->ctx, ATT_FORMAT, "%s: %s is not a list of %" PRId64 " numbers from 0.001 to 1e+12", in->name, key,
                  count);
}

static att_status read_longrope(const att_settings *in, const json_t *object, const att_config *config,
                                att_rope *rope) {
  bool encoder = config->kind == ATT_ENCODER;
  int64_t size = config->head_size, heads = encoder ? config->encoder_attention_heads : config->decoder_attention_heads;
  if (!size && heads) size = config->d_model / heads;
  int64_t count = att_rope_turned(rope, size) / 2;
  rope->factor = (double)config->max_position_embeddings / (double)rope->original;
  ATT_TRY(read_number(in, object, "factor", false, &rope->factor));
  ATT_TRY(read_factors(in, object, "short_factor", count, rope->short_factors));
  ATT_TRY(read_factors(in, object, "long_factor", count, rope->long_factors));
  return read_magnitude(in, object, rope);
}

att_status att_read_rope(const att_settings *in, const json_t *object, bool partial, const att_config *config,
                         att_rope *rope) {
  size_t count = ATT_COUNT(known) - (partial ? 0 : 1);
  ATT_TRY(find_type(in, object, partial, &rope->scaling));
  att_json_warn_of_others(in->ctx, in->name, object, "", known, count);
  ATT_TRY(read_number(in, object, "rope_theta", false, &rope->base));
  if (partial) ATT_TRY(read_number(in, object, "partial_rotary_factor", false, &rope->partial));
  if (!(rope->partial >= 0 && rope->partial <= 1)) {
    return att_fail(in->ctx, ATT_FORMAT, "%s: partial_rotary_factor is %g, not from 0 to 1", in->name, rope->partial);
  }
  ATT_TRY(read_original(in, object, config->max_position_embeddings, rope));
  switch (rope->scaling) {
  case ATT_ROPE_LLAMA3:
    ATT_TRY(read_number(in, object, "low_freq_factor", true, &rope->low));
    ATT_TRY(read_number(in, object, "high_freq_factor", true, &rope->high));
    return read_number(in, object, "factor", true, &rope->factor);
  case ATT_ROPE_LINEAR:
  case ATT_ROPE_DYNAMIC: return read_number(in, object, "factor", true, &rope->factor);
  case ATT_ROPE_YARN: return read_yarn(in, object, rope);
  case ATT_ROPE_LONGROPE: return read_longrope(in, object, config, rope);
  default: return ATT_OK;
  }
}

att_status att_rope_object(const att_settings *in, const json_t *from, const char *key, const json_t **out) {
  const json_t *rope = json_object_get(from, key);
  *out = rope && !json_is_null(rope) ? rope : NULL;
  if (!*out || json_is_object(rope)) return ATT_OK;
  return att_fail(in->ctx, ATT_FORMAT, "%s: %s is not an object", in->name, key);
}

att_status att_read_dynamic_limit(const att_settings *in, att_config *config) {
  double limit = (double)config->max_position_embeddings * config->rope.factor;
  if (config->rope.scaling != ATT_ROPE_DYNAMIC) return ATT_OK;
  if (!(limit >= 1 && limit <= (double)ATT_LARGEST_SIZE)) {
    return att_fail(in->ctx, ATT_FORMAT, "%s: factor is %g, which makes %g positions of %" PRId64, in->name,
                    config->rope.factor, limit, config->max_position_embeddings);
  }
  config->max_position_embeddings = (int64_t)limit;
  return ATT_OK;
}

att_status att_read_ropes(const att_settings *in, bool partial, att_config *config) {
  const json_t *scaling, *parameters;
  ATT_TRY(att_rope_object(in, in->root, "rope_scaling", &scaling));
  ATT_TRY(att_rope_object(in, in->root, "rope_parameters", &parameters));
  ATT_TRY(read_number(in, in->root, "rope_theta", false, &config->rope.base));
  if (partial) ATT_TRY(read_number(in, in->root, "partial_rotary_factor", false, &config->rope.partial));
  if (json_object_size(scaling) > 0) parameters = scaling;
  if (parameters) ATT_TRY(att_read_rope(in, parameters, partial, config, &config->rope));
  return att_read_dynamic_limit(in, config);
}

/* ---- checking ------------------------------------------------------------------------------------------------- */

static att_status check_numbers(att_context *ctx, const char *name, const att_rope *rope) {
  bool llama3 = rope->scaling == ATT_ROPE_LLAMA3, yarn = rope->scaling == ATT_ROPE_YARN;
  bool longrope = rope->scaling == ATT_ROPE_LONGROPE;
  const struct {
    const char *key;
    double value;
    bool used;
  } numbers[] = {{"rope_theta", rope->base, true},
                 {"factor", rope->factor, rope->scaling != ATT_ROPE_DEFAULT},
                 {"low_freq_factor", rope->low, llama3},
                 {"high_freq_factor", rope->high, llama3},
                 {"beta_slow", rope->low, yarn},
                 {"beta_fast", rope->high, yarn},
                 {"attention_factor", rope->magnitude, yarn || longrope}};
  for (size_t i = 0; i < ATT_COUNT(numbers); i++) {
    if (!numbers[i].used || (numbers[i].value >= 1e-3 && numbers[i].value <= 1e12)) continue;
    return att_fail(ctx, ATT_FORMAT, "%s: %s is %g, not from 0.001 to 1e+12", name, numbers[i].key, numbers[i].value);
  }
  return ATT_OK;
}

att_status att_check_rope(att_context *ctx, const char *name, const att_rope *rope, int64_t size) {
  ATT_TRY(check_numbers(ctx, name, rope));
  int64_t turned = att_rope_turned(rope, size);
  if (turned < 2 || (rope->scaling == ATT_ROPE_DYNAMIC && turned < 4)) {
    return att_fail(ctx, ATT_FORMAT,
                    "%s: %" PRId64 " columns of a head are too few for rotary positions (rope_type %s)", name, turned,
                    types[rope->scaling]);
  }
  bool scaled = rope->scaling >= ATT_ROPE_LLAMA3;
  if (scaled && rope->original < 1) {
    return att_fail(ctx, ATT_FORMAT, "%s: original_max_position_embeddings is %" PRId64, name, rope->original);
  }
  if (rope->scaling == ATT_ROPE_YARN && rope->base <= 1) {
    return att_fail(ctx, ATT_FORMAT, "%s: rope_theta is %g, which yarn cannot have", name, rope->base);
  }
  if (rope->scaling == ATT_ROPE_LLAMA3 && rope->high <= rope->low) {
    return att_fail(ctx, ATT_FORMAT, "%s: high_freq_factor is not above low_freq_factor", name);
  }
  return ATT_OK;
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

static void put_factors(att_object *out, const char *key, const float *factors, int64_t count) {
  att_put(out, key, "[");
  for (int64_t i = 0; i < count && !out->status; i++) {
    if (i) att_put_more(out, ", ");
    if (!out->status) out->status = att_json_put_float(out->ctx, &out->text, factors[i]);
  }
  att_put_more(out, "]");
}

static void put_scaling(att_object *out, const att_rope *rope, int64_t size) {
  bool llama3 = rope->scaling == ATT_ROPE_LLAMA3, yarn = rope->scaling == ATT_ROPE_YARN;
  bool longrope = rope->scaling == ATT_ROPE_LONGROPE;
  if (rope->scaling != ATT_ROPE_DEFAULT) att_put_real(out, "factor", rope->factor, false);
  if (llama3 || yarn) att_put_real(out, llama3 ? "low_freq_factor" : "beta_slow", rope->low, false);
  if (llama3 || yarn) att_put_real(out, llama3 ? "high_freq_factor" : "beta_fast", rope->high, false);
  if (rope->untruncated) att_put_bool(out, "truncate", false);
  if (yarn || longrope) att_put_real(out, "attention_factor", rope->magnitude, false);
  if (longrope) put_factors(out, "short_factor", rope->short_factors, att_rope_turned(rope, size) / 2);
  if (longrope) put_factors(out, "long_factor", rope->long_factors, att_rope_turned(rope, size) / 2);
  if (llama3 || yarn || longrope) att_put_int(out, "original_max_position_embeddings", rope->original);
}

void att_put_rope(att_object *out, const char *key, const att_rope *rope, int64_t size) {
  att_object inner = {.ctx = out->ctx};
  att_put_text(&inner, "rope_type", types[rope->scaling]);
  att_put_real(&inner, "rope_theta", rope->base, false);
  if (rope->partial > 0) att_put_real(&inner, "partial_rotary_factor", rope->partial, false);
  put_scaling(&inner, rope, size);
  att_put_more(&inner, "}");
  if (inner.status && !out->status) out->status = inner.status;
  if (!out->status) att_put(out, key, inner.text.data);
  att_buffer_free(out->ctx, &inner.text);
}
