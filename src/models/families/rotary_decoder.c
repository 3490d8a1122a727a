/* Owns what rotary_decoder.h says. */
#include "models/families/rotary_decoder.h"

#include <inttypes.h>
#include <string.h>

static const att_size_key sizes[] = {
    {"vocab_size", offsetof(att_config, vocab_size), ATT_LARGEST_SIZE},
    {"max_position_embeddings", offsetof(att_config, max_position_embeddings), ATT_LARGEST_SIZE},
    {"hidden_size", offsetof(att_config, d_model), ATT_LARGEST_SIZE},
    {"intermediate_size", offsetof(att_config, decoder_ffn_dim), ATT_LARGEST_SIZE},
    {"num_hidden_layers", offsetof(att_config, decoder_layers), ATT_MOST_LAYERS},
    {"num_attention_heads", offsetof(att_config, decoder_attention_heads), ATT_LARGEST_SIZE},
};
/* null: as many key/value heads as heads; the width's share */
static const att_size_key optional_sizes[] = {
    {"num_key_value_heads", offsetof(att_config, key_value_heads), ATT_LARGEST_SIZE},
    {"head_dim", offsetof(att_config, head_size), ATT_LARGEST_SIZE},
};

/* ---- reading -------------------------------------------------------------------------------------------------- */

static const json_t *is_null(const att_settings *in, const char *key) {
  const json_t *value = json_object_get(in->root, key);
  return json_is_null(value) ? value : NULL;
}

static att_status read_sizes(const att_settings *in, att_config *config) {
  if (is_null(in, "num_key_value_heads")) config->key_value_heads = 0;
  if (is_null(in, "head_dim")) config->head_size = 0;
  ATT_TRY(att_read_sizes(in, sizes, ATT_COUNT(sizes), config));
  return att_read_sizes(in, optional_sizes, ATT_COUNT(optional_sizes), config);
}

static att_status read_cap(const att_settings *in, const char *key, float *out) {
  double cap = (double)*out;
  if (is_null(in, key)) cap = 0;
  ATT_TRY(att_json_number(in->ctx, in->name, in->root, key, false, &cap));
  *out = (float)cap;
  if (cap == 0 || (cap >= 1e-3 && cap <= 1e12)) return ATT_OK;
  return att_fail(in->ctx, ATT_FORMAT, "%s: %s is %g, not from 0.001 to 1e+12", in->name, key, cap);
}

static att_status read_scalars(const att_settings *in, const att_rotary_decoder *d, att_config *config) {
  static const char *const cap = "attn_logit_softcapping", *const scalar = "query_pre_attn_scalar";
  if (!d->scalars) return ATT_OK;
  ATT_TRY(att_json_number(in->ctx, in->name, in->root, scalar, false, &config->query_scalar));
  if (!(config->query_scalar >= 1e-3 && config->query_scalar <= 1e12)) {
    return att_fail(in->ctx, ATT_FORMAT, "%s: %s is %g, not from 0.001 to 1e+12", in->name, scalar,
                    config->query_scalar);
  }
  ATT_TRY(read_cap(in, "final_logit_softcapping", &config->logit_softcap));
  if (d->score_cap) return read_cap(in, cap, &config->attention_softcap);
  const json_t *unused = json_object_get(in->root, cap);
  if (unused && !json_is_null(unused))
    att_log(in->ctx, ATT_LOG_WARNING, "%s: %s is not applied, as in Transformers", in->name, cap);
  return ATT_OK;
}

/* Each kind of layer has its own, within rope_parameters; older files have the local base alone, and rope_scaling is of
 * the other layers. */
static att_status read_local_ropes(const att_settings *in, const json_t *scaling, const json_t *parameters,
                                   att_config *config) {
  static const char *const kinds[] = {"full_attention", "sliding_attention"};
  const json_t *full, *local;
  ATT_TRY(att_json_number(in->ctx, in->name, in->root, "rope_local_base_freq", false, &config->local_rope.base));
  att_json_warn_of_others(in->ctx, in->name, parameters, "rope_parameters: ", kinds, ATT_COUNT(kinds));
  ATT_TRY(att_rope_object(in, parameters, kinds[0], &full));
  ATT_TRY(att_rope_object(in, parameters, kinds[1], &local));
  if (full) ATT_TRY(att_read_rope(in, full, false, config, &config->rope));
  if (scaling) ATT_TRY(att_read_rope(in, scaling, false, config, &config->rope));
  return local ? att_read_rope(in, local, false, config, &config->local_rope) : ATT_OK;
}

static att_status read_rope(const att_settings *in, const att_rotary_decoder *d, att_config *config) {
  const json_t *scaling, *parameters;
  if (config->local_rope.base <= 0) return att_read_ropes(in, d->partial_rope, config);
  ATT_TRY(att_rope_object(in, in->root, "rope_scaling", &scaling));
  ATT_TRY(att_rope_object(in, in->root, "rope_parameters", &parameters));
  ATT_TRY(att_json_number(in->ctx, in->name, in->root, "rope_theta", false, &config->rope.base));
  ATT_TRY(read_local_ropes(in, scaling, parameters, config));
  return att_read_dynamic_limit(in, config);
}

/* ---- windows -------------------------------------------------------------------------------------------------- */

static att_status read_types(const att_settings *in, const json_t *list, att_config *config) {
  if (!json_is_array(list) || json_array_size(list) != (size_t)config->decoder_layers) {
    return att_fail(in->ctx, ATT_FORMAT, "%s: layer_types is not a list of %" PRId64 " names", in->name,
                    config->decoder_layers);
  }
  for (size_t i = 0; i < json_array_size(list); i++) {
    const char *type = json_string_value(json_array_get(list, i));
    config->local_layers[i] = type && strcmp(type, "sliding_attention") == 0;
    if (type && (config->local_layers[i] || strcmp(type, "full_attention") == 0)) continue;
    return att_fail(in->ctx, ATT_UNSUPPORTED,
                    "%s: layer_types has \"%.60s\"; attend knows full_attention and sliding_attention", in->name,
                    type ? type : "");
  }
  return ATT_OK;
}

static att_status read_window_size(const att_settings *in, att_config *config) {
  if (is_null(in, "sliding_window")) config->sliding_window = 0;
  return att_json_int(in->ctx, in->name, in->root, "sliding_window", false, 1, ATT_LARGEST_SIZE,
                      &config->sliding_window);
}

/* Which layers are local where no list says it: those whose number, from 1, is none of these. */
static bool is_local(const att_rotary_decoder *d, int64_t layer, int64_t first, int64_t period) {
  if (d->windows == ATT_WINDOWS_EVERYWHERE) return true;
  return d->windows == ATT_WINDOWS_ABOVE ? layer >= first : (layer + 1) % period != 0;
}

static att_status read_windows(const att_settings *in, const att_rotary_decoder *d, att_config *config) {
  bool used = d->windows != ATT_WINDOWS_ABOVE, any = false;
  int64_t first = 28, period = d->period; /* max_window_layers as the classes have it */
  if (d->windows == ATT_NO_WINDOWS) return ATT_OK;
  ATT_TRY(read_window_size(in, config));
  if (!used) ATT_TRY(att_read_bool(in, "use_sliding_window", &used));
  if (!used) config->sliding_window = 0;
  if (d->windows == ATT_WINDOWS_ABOVE)
    ATT_TRY(att_json_int(in->ctx, in->name, in->root, "max_window_layers", false, 0, INT32_MAX, &first));
  if (config->local_rope.base > 0)
    ATT_TRY(att_json_int(in->ctx, in->name, in->root, "sliding_window_pattern", false, 1, ATT_MOST_LAYERS, &period));
  const json_t *list = json_object_get(in->root, "layer_types");
  bool listed = list && !json_is_null(list) && d->windows != ATT_WINDOWS_EVERYWHERE;
  if (listed) ATT_TRY(read_types(in, list, config));
  for (int64_t i = 0; i < config->decoder_layers; i++) {
    bool optional = d->windows != ATT_WINDOWS_IN_TURN && config->sliding_window == 0;
    if (!listed) config->local_layers[i] = !optional && is_local(d, i, first, period);
    any = any || config->local_layers[i];
  }
  if (!any || config->sliding_window > 0) return ATT_OK;
  return att_fail(in->ctx, ATT_FORMAT, "%s: layer_types has sliding_attention, and there is no sliding_window%s",
                  in->name, used ? "" : " (use_sliding_window is false)");
}

static void put_types(att_object *out, const att_config *config) {
  att_put(out, "layer_types", "[");
  for (int64_t i = 0; i < config->decoder_layers; i++) {
    att_put_more(out, i ? ", " : "");
    att_put_more_string(out, config->local_layers[i] ? "sliding_attention" : "full_attention");
  }
  att_put_more(out, "]");
}

static void put_windows(att_object *out, const att_rotary_decoder *d, const att_config *config) {
  int64_t first = 0;
  if (d->windows == ATT_NO_WINDOWS) return;
  while (first < config->decoder_layers && !config->local_layers[first]) first++;
  bool used = first < config->decoder_layers;
  if (used || d->windows == ATT_WINDOWS_IN_TURN) {
    att_put_int(out, "sliding_window", config->sliding_window);
  } else {
    att_put(out, "sliding_window", "null");
  }
  if (d->windows == ATT_WINDOWS_EVERYWHERE) return;
  put_types(out, config);
  if (d->windows != ATT_WINDOWS_ABOVE) return;
  att_put_bool(out, "use_sliding_window", used);
  att_put_int(out, "max_window_layers", first);
}

/* ---- the whole ------------------------------------------------------------------------------------------------ */

att_status att_rotary_read(const att_settings *in, const att_rotary_decoder *d, att_config *config) {
  static const att_switch_key switches[] = {{"is_encoder_decoder", false}, {"use_bidirectional_attention", false}};
  *config = d->defaults;
  ATT_TRY(att_refuse_switches(in, att_family_type(config->family), switches, d->bidirectional ? 2 : 1));
  ATT_TRY(read_sizes(in, config));
  ATT_TRY(att_read_activation(in, d->activation, &config->activation));
  ATT_TRY(att_read_bool(in, "tie_word_embeddings", &config->tie_word_embeddings));
  if (d->attention_bias) ATT_TRY(att_read_bool(in, "attention_bias", &config->attention_bias));
  if (d->feedforward_bias) ATT_TRY(att_read_bool(in, "mlp_bias", &config->feedforward_bias));
  ATT_TRY(att_read_float(in, "rms_norm_eps", &config->layer_norm_epsilon));
  att_read_dropout(in, d->dropout, config);
  ATT_TRY(read_scalars(in, d, config));
  ATT_TRY(read_rope(in, d, config));
  ATT_TRY(read_windows(in, d, config));
  att_read_specials(in, config);
  return ATT_OK;
}

static int64_t head_size(const att_config *c) {
  return c->head_size ? c->head_size : c->d_model / c->decoder_attention_heads;
}

static void put_ropes(att_object *out, const att_rotary_decoder *d, const att_config *config) {
  att_rope rope = config->rope;
  if (rope.base <= 0) rope.base = d->defaults.rope.base;
  att_put_real(out, "rope_theta", rope.base, false); /* for Transformers 4, as rope_local_base_freq and rope_scaling */
  if (d->partial_rope && rope.scaling == ATT_ROPE_LONGROPE)
    att_put_int(out, "original_max_position_embeddings", rope.original);
  if (config->local_rope.base > 0) {
    att_object both = {.ctx = out->ctx};
    att_put_real(out, "rope_local_base_freq", config->local_rope.base, false);
    att_put_rope(&both, "full_attention", &rope, head_size(config));
    att_put_rope(&both, "sliding_attention", &config->local_rope, head_size(config));
    att_put_more(&both, "}");
    if (both.status && !out->status) out->status = both.status;
    if (!out->status) att_put(out, "rope_parameters", both.text.data);
    att_buffer_free(out->ctx, &both.text);
  } else {
    att_put_rope(out, "rope_parameters", &rope, head_size(config));
  }
  if (rope.scaling != ATT_ROPE_DEFAULT && !d->partial_rope) att_put_rope(out, "rope_scaling", &rope, head_size(config));
}

static void put_cap(att_object *out, const char *key, float cap) {
  if (cap > 0) {
    att_put_real(out, key, (double)cap, true);
  } else {
    att_put(out, key, "null");
  }
}

static void put_scalars(att_object *out, const att_rotary_decoder *d, const att_config *config) {
  if (!d->scalars) return;
  double scalar = config->query_scalar > 0 ? config->query_scalar : (double)head_size(config);
  if (scalar == (double)(int64_t)scalar) {
    att_put_int(out, "query_pre_attn_scalar", (int64_t)scalar); /* the class takes no fraction */
  } else {
    att_put_real(out, "query_pre_attn_scalar", scalar, false);
  }
  put_cap(out, "final_logit_softcapping", config->logit_softcap);
  put_cap(out, "attn_logit_softcapping", config->attention_softcap);
}

void att_rotary_write(att_object *out, const att_rotary_decoder *d, const att_config *config) {
  int64_t heads = config->decoder_attention_heads;
  att_config said = *config;
  if (said.rope.scaling == ATT_ROPE_DYNAMIC) said.max_position_embeddings = said.rope.original;
  att_put_sizes(out, sizes, ATT_COUNT(sizes), &said);
  att_put_int(out, "num_key_value_heads", config->key_value_heads ? config->key_value_heads : heads);
  att_put_int(out, "head_dim", head_size(config));
  att_put_text(out, d->activation, att_activation_name(config->activation));
  att_put_bool(out, "tie_word_embeddings", config->tie_word_embeddings);
  if (d->attention_bias) att_put_bool(out, "attention_bias", config->attention_bias);
  if (d->feedforward_bias) att_put_bool(out, "mlp_bias", config->feedforward_bias);
  att_put_real(out, "rms_norm_eps", (double)config->layer_norm_epsilon, true);
  att_put_real(out, "attention_dropout", 0, false);
  if (config->dropout > 0) att_put_real(out, d->dropout, (double)config->dropout, true);
  att_put_real(out, "initializer_range", 0.02, false);
  put_scalars(out, d, config);
  put_windows(out, d, config);
  put_ropes(out, d, config);
  att_put_specials(out, config);
  att_put_bool(out, "use_cache", true);
}

bool att_rotary_plain(const att_rotary_decoder *d, const att_config *config) {
  return config->position == ATT_ROTARY && config->norm == d->defaults.norm && config->norm_before && config->gated;
}

att_status att_rotary_check(att_context *ctx, const char *name, const att_config *config) {
  ATT_TRY(att_check_sizes(ctx, name, sizes, ATT_COUNT(sizes), config));
  return att_check_transformer(ctx, name, "hidden_size", ATT_DECODER, config);
}

att_status att_rotary_plan(att_model *model) {
  att_stack_names names = model->calls->rotary->names;
  names.attention_bias = model->config.attention_bias;
  names.other_bias = model->config.feedforward_bias;
  return att_transformer_plan_decoder(model, &names);
}

/* Frequencies that older files carry; the head of another class. */
const char *const att_rotary_ignored[] = {"rotary_emb.inv_freq", "lm_head.", "score.", "qa_outputs.", NULL};

const att_head_form att_rotary_forms[] = {
    ATT_ROTARY_FORMS, {.ending = "ForQuestionAnswering", .prefix = "transformer."}, {.ending = NULL}};
