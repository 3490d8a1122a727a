/*
 * Owns GPT-2's description (Radford et al. 2019) as Hugging Face has it: norms before, learned positions, biases
 * everywhere, q, k and v of one weight, and linear weights that files hold transposed.
 */
#include "models/settings.h"
#include "models/transformer.h"

#include <stdio.h>

/* configuration_gpt2.py; n_inner's default is 4 * n_embd */
static const att_config class_defaults = {.family = ATT_GPT2,
                                          .kind = ATT_DECODER,
                                          .position = ATT_LEARNED,
                                          .activation = ATT_GELU_TANH,
                                          .norm_before = true,
                                          .d_model = 768,
                                          .vocab_size = 50257,
                                          .max_position_embeddings = 1024,
                                          .decoder_layers = 12,
                                          .decoder_attention_heads = 12,
                                          .tie_word_embeddings = true,
                                          .dropout = 0.1f,
                                          .layer_norm_epsilon = 1e-5f,
                                          .pad = -1,
                                          .bos = 50256,
                                          .eos = 50256,
                                          .decoder_start = -1};

static const att_size_key sizes[] = {
    {"vocab_size", offsetof(att_config, vocab_size), ATT_LARGEST_SIZE},
    {"n_positions", offsetof(att_config, max_position_embeddings), ATT_LARGEST_SIZE},
    {"n_embd", offsetof(att_config, d_model), ATT_LARGEST_SIZE},
    {"n_layer", offsetof(att_config, decoder_layers), ATT_MOST_LAYERS},
    {"n_head", offsetof(att_config, decoder_attention_heads), ATT_LARGEST_SIZE},
    {"n_inner", offsetof(att_config, decoder_ffn_dim), 4 * ATT_LARGEST_SIZE},
};

static att_status read_settings(const att_settings *in, att_config *config) {
  static const att_switch_key switches[] = {{"scale_attn_weights", true},
                                            {"scale_attn_by_inverse_layer_idx", false},
                                            {"add_cross_attention", false},
                                            {"is_encoder_decoder", false}};
  *config = class_defaults;
  ATT_TRY(att_refuse_switches(in, "gpt2", switches, ATT_COUNT(switches)));
  ATT_TRY(att_read_sizes(in, sizes, ATT_COUNT(sizes), config));
  if (!config->decoder_ffn_dim) config->decoder_ffn_dim = 4 * config->d_model;
  ATT_TRY(att_read_activation(in, "activation_function", &config->activation));
  ATT_TRY(att_read_bool(in, "tie_word_embeddings", &config->tie_word_embeddings));
  att_read_dropout(in, "resid_pdrop", config);
  ATT_TRY(att_read_float(in, "layer_norm_epsilon", &config->layer_norm_epsilon));
  att_read_specials(in, config);
  return ATT_OK;
}

static void write_settings(att_object *out, const att_config *config) {
  att_put_sizes(out, sizes, ATT_COUNT(sizes), config);
  att_put_text(out, "activation_function", att_activation_name(config->activation));
  att_put_bool(out, "tie_word_embeddings", config->tie_word_embeddings);
  att_put_real(out, "resid_pdrop", (double)config->dropout, true);
  att_put_real(out, "embd_pdrop", (double)config->dropout, true);
  att_put_real(out, "attn_pdrop", 0, false);
  att_put_real(out, "layer_norm_epsilon", (double)config->layer_norm_epsilon, true);
  att_put_real(out, "initializer_range", 0.02, false);
  att_put_bool(out, "scale_attn_weights", true);
  att_put_bool(out, "scale_attn_by_inverse_layer_idx", false);
  att_put_bool(out, "reorder_and_upcast_attn", false);
  att_put_bool(out, "add_cross_attention", false);
  att_put_specials(out, config);
  att_put_bool(out, "use_cache", true);
}

static bool plain(const att_config *config) {
  return config->position == ATT_LEARNED && config->norm == ATT_NORM_LAYER && config->norm_before && !config->gated &&
         att_config_has_own_heads(config);
}

static att_status check(att_context *ctx, const char *name, const att_config *config) {
  ATT_TRY(att_check_sizes(ctx, name, sizes, ATT_COUNT(sizes), config));
  return att_check_transformer(ctx, name, "n_embd", ATT_DECODER, config);
}

static att_status plan(att_model *model) {
  static const att_stack_names names = {
      .part = "decoder",
      .prefix = "transformer.",
      .layers = "h.",
      .self_in = {"attn.c_attn"},
      .self_out = "attn.c_proj",
      .self_norm = "ln_1",
      .gate = "mlp.c_gate",
      .up = "mlp.c_fc",
      .down = "mlp.c_proj",
      .feedforward_norm = "ln_2",
      .norm = "ln_f",
      .tokens = "wte.weight",
      .positions = "wpe",
      .output = "lm_head.weight",
      .transposed = true,
      .attention_bias = true,
      .other_bias = true,
  };
  return att_transformer_plan_decoder(model, &names);
}

/* Masks that older files carry; the head of another class. */
static const char *const ignored[] = {".attn.bias", ".attn.masked_bias", "lm_head.", "score.", "qa_outputs.", NULL};

static const att_head_form forms[] = {{.ending = "LMHeadModel"},
                                      {.ending = "ForSequenceClassification", .projection = "score", .no_bias = true},
                                      {.ending = NULL}};

const att_family_calls att_gpt2_calls = {
    .read = read_settings,
    .write = write_settings,
    .stem = "GPT2",
    .forms = forms,
    .plain = plain,
    .check = check,
    .plan = plan,
    .prefix = "transformer.",
    .ignored = ignored,
    .small_weights = true,
    .fill = att_transformer_fill,
    .free = att_transformer_free,
    .cache_shape = att_transformer_cache_shape,
    .decode = att_transformer_decode,
    .step = att_transformer_step,
    .output = att_transformer_output,
    .pool = att_transformer_pool,
};
