/*
 * Owns Llama's description (Touvron et al. 2023) as Hugging Face has it: RMS norms before, rotary positions, a gated
 * feed-forward part, key/value heads that several heads share, no biases unless asked for.
 */
#include "models/settings.h"
#include "models/transformer.h"

#include <math.h>
#include <string.h>

/* configuration_llama.py; as many key/value heads as heads */
static const att_config class_defaults = {.family = ATT_LLAMA,
                                          .kind = ATT_DECODER,
                                          .position = ATT_ROTARY,
                                          .activation = ATT_SILU,
                                          .norm = ATT_NORM_RMS,
                                          .norm_before = true,
                                          .gated = true,
                                          .d_model = 4096,
                                          .vocab_size = 32000,
                                          .max_position_embeddings = 2048,
                                          .decoder_layers = 32,
                                          .decoder_attention_heads = 32,
                                          .decoder_ffn_dim = 11008,
                                          .rope = {.base = 10000},
                                          .layer_norm_epsilon = 1e-6f,
                                          .pad = -1,
                                          .bos = 1,
                                          .eos = 2,
                                          .decoder_start = -1};

static const att_size_key sizes[] = {
    {"vocab_size", offsetof(att_config, vocab_size), ATT_LARGEST_SIZE},
    {"max_position_embeddings", offsetof(att_config, max_position_embeddings), ATT_LARGEST_SIZE},
    {"hidden_size", offsetof(att_config, d_model), ATT_LARGEST_SIZE},
    {"intermediate_size", offsetof(att_config, decoder_ffn_dim), ATT_LARGEST_SIZE},
    {"num_hidden_layers", offsetof(att_config, decoder_layers), ATT_MOST_LAYERS},
    {"num_attention_heads", offsetof(att_config, decoder_attention_heads), ATT_LARGEST_SIZE},
};
static const att_size_key optional_sizes[] = {
    {"num_key_value_heads", offsetof(att_config, key_value_heads), ATT_LARGEST_SIZE},
    {"head_dim", offsetof(att_config, head_size), ATT_LARGEST_SIZE},
};

/* ---- settings ------------------------------------------------------------------------------------------------- */

static att_status read_scaling(const att_settings *in, const json_t *rope, att_config *config) {
  const char *type = "default";
  ATT_TRY(att_json_string(in->ctx, in->name, rope, "type", false, &type)); /* the older name */
  ATT_TRY(att_json_string(in->ctx, in->name, rope, "rope_type", false, &type));
  if (strcmp(type, "default") == 0) return ATT_OK;
  ATT_TRY(att_json_number(in->ctx, in->name, rope, "factor", true, &config->rope.factor));
  config->rope.scaling = ATT_ROPE_LINEAR;
  if (strcmp(type, "linear") == 0) return ATT_OK;
  if (strcmp(type, "llama3") != 0) {
    return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: rope_type is \"%.60s\"; attend knows default, linear and llama3",
                    in->name, type);
  }
  config->rope.scaling = ATT_ROPE_LLAMA3;
  ATT_TRY(att_json_number(in->ctx, in->name, rope, "low_freq_factor", true, &config->rope.low));
  ATT_TRY(att_json_number(in->ctx, in->name, rope, "high_freq_factor", true, &config->rope.high));
  return att_json_int(in->ctx, in->name, rope, "original_max_position_embeddings", true, 1, ATT_LARGEST_SIZE,
                      &config->rope.original);
}

/* Transformers 5 keeps all in rope_parameters; before, the base stood alone, beside rope_scaling. */
static att_status read_rope(const att_settings *in, att_config *config) {
  static const char *const keys[] = {"rope_scaling", "rope_parameters"};
  ATT_TRY(att_json_number(in->ctx, in->name, in->root, "rope_theta", false, &config->rope.base));
  for (size_t i = 0; i < ATT_COUNT(keys); i++) {
    const json_t *rope = json_object_get(in->root, keys[i]);
    if (!rope || json_is_null(rope)) continue;
    if (!json_is_object(rope)) return att_fail(in->ctx, ATT_FORMAT, "%s: %s is not an object", in->name, keys[i]);
    ATT_TRY(att_json_number(in->ctx, in->name, rope, "rope_theta", false, &config->rope.base));
    ATT_TRY(read_scaling(in, rope, config));
  }
  return ATT_OK;
}

static att_status read_settings(const att_settings *in, att_config *config) {
  static const att_switch_key switches[] = {{"is_encoder_decoder", false}};
  *config = class_defaults;
  ATT_TRY(att_refuse_switches(in, "llama", switches, ATT_COUNT(switches)));
  ATT_TRY(att_read_sizes(in, sizes, ATT_COUNT(sizes), config));
  ATT_TRY(att_read_sizes(in, optional_sizes, ATT_COUNT(optional_sizes), config));
  ATT_TRY(att_read_activation(in, "hidden_act", &config->activation));
  ATT_TRY(att_read_bool(in, "tie_word_embeddings", &config->tie_word_embeddings));
  ATT_TRY(att_read_bool(in, "attention_bias", &config->attention_bias));
  ATT_TRY(att_read_bool(in, "mlp_bias", &config->feedforward_bias));
  ATT_TRY(att_read_float(in, "rms_norm_eps", &config->layer_norm_epsilon));
  att_read_dropout(in, "attend_dropout", config); /* the class has none */
  ATT_TRY(read_rope(in, config));
  att_read_specials(in, config);
  return ATT_OK;
}

static void put_rope(att_object *out, const att_config *config) {
  static const char *const types[] = {"default", "linear", "llama3"};
  att_object rope = {.ctx = out->ctx};
  double theta = config->rope.base > 0 ? config->rope.base : 10000;
  att_put_text(&rope, "rope_type", types[config->rope.scaling]);
  att_put_real(&rope, "rope_theta", theta, false);
  if (config->rope.scaling != ATT_ROPE_DEFAULT) att_put_real(&rope, "factor", config->rope.factor, false);
  if (config->rope.scaling == ATT_ROPE_LLAMA3) {
    att_put_real(&rope, "low_freq_factor", config->rope.low, false);
    att_put_real(&rope, "high_freq_factor", config->rope.high, false);
    att_put_int(&rope, "original_max_position_embeddings", config->rope.original);
  }
  if (!rope.status) rope.status = att_buffer_append(out->ctx, &rope.text, "}", 1);
  if (rope.status && !out->status) out->status = rope.status;
  att_put_real(out, "rope_theta", theta, false); /* for Transformers 4 */
  if (!out->status) att_put(out, "rope_parameters", rope.text.data);
  if (!out->status && config->rope.scaling != ATT_ROPE_DEFAULT) att_put(out, "rope_scaling", rope.text.data);
  att_buffer_free(out->ctx, &rope.text);
}

static void write_settings(att_object *out, const att_config *config) {
  int64_t heads = config->decoder_attention_heads;
  att_put_sizes(out, sizes, ATT_COUNT(sizes), config);
  att_put_int(out, "num_key_value_heads", config->key_value_heads ? config->key_value_heads : heads);
  att_put_int(out, "head_dim", config->head_size ? config->head_size : config->d_model / heads);
  att_put_text(out, "hidden_act", att_activation_name(config->activation));
  att_put_bool(out, "tie_word_embeddings", config->tie_word_embeddings);
  att_put_bool(out, "attention_bias", config->attention_bias);
  att_put_bool(out, "mlp_bias", config->feedforward_bias);
  att_put_real(out, "rms_norm_eps", (double)config->layer_norm_epsilon, true);
  att_put_real(out, "attention_dropout", 0, false);
  if (config->dropout > 0) att_put_real(out, "attend_dropout", (double)config->dropout, true);
  att_put_real(out, "initializer_range", 0.02, false);
  put_rope(out, config);
  att_put_specials(out, config);
  att_put_bool(out, "use_cache", true);
}

static bool plain(const att_config *config) {
  return config->position == ATT_ROTARY && config->norm == ATT_NORM_RMS && config->norm_before && config->gated;
}

static att_status check(att_context *ctx, const char *name, const att_config *config) {
  ATT_TRY(att_check_sizes(ctx, name, sizes, ATT_COUNT(sizes), config));
  return att_check_transformer(ctx, name, "hidden_size", ATT_DECODER, config);
}

/* ---- names ---------------------------------------------------------------------------------------------------- */

static att_status plan(att_model *model) {
  const att_stack_names names = {
      .part = "decoder",
      .prefix = "model.",
      .layers = "layers.",
      .self_in = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"},
      .self_out = "self_attn.o_proj",
      .self_norm = "input_layernorm",
      .gate = "mlp.gate_proj",
      .up = "mlp.up_proj",
      .down = "mlp.down_proj",
      .feedforward_norm = "post_attention_layernorm",
      .norm = "norm",
      .tokens = "embed_tokens.weight",
      .positions = "embed_positions",
      .output = "lm_head.weight",
      .attention_bias = model->config.attention_bias,
      .other_bias = model->config.feedforward_bias,
  };
  return att_transformer_plan_decoder(model, &names);
}

/* Frequencies that older files carry; the head of another class. */
static const char *const ignored[] = {"rotary_emb.inv_freq", "lm_head.", "score.", NULL};

static const att_head_form forms[] = {{"ForCausalLM", NULL, false},
                                      {"ForSequenceClassification", "score", true},
                                      {"ForTokenClassification", "score", false},
                                      {NULL, NULL, false}};

const att_family_calls att_llama_calls = {
    .read = read_settings,
    .write = write_settings,
    .stem = "Llama",
    .forms = forms,
    .plain = plain,
    .check = check,
    .plan = plan,
    .prefix = "model.",
    .ignored = ignored,
    .fill = att_transformer_fill,
    .free = att_transformer_free,
    .cache_shape = att_transformer_cache_shape,
    .decode = att_transformer_decode,
    .step = att_transformer_step,
    .output = att_transformer_output,
    .pool = att_transformer_pool,
};
