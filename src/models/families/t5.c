/*
 * Owns T5's description (Raffel et al. 2020) as Hugging Face has it, version 1.1 and FLAN too: an encoder-decoder with
 * RMS norms before, relative positions, scores that are not scaled, heads of any size, no biases; plain or gated; the
 * projection to the vocabulary tied or not. attend's own types have none of it: what its class cannot say is refused.
 */
#include "models/settings.h"
#include "models/transformer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- settings ------------------------------------------------------------------------------------------------- */

/* configuration_t5.py. Distances have no end. */
static const att_config class_defaults = {.family = ATT_T5,
                                          .kind = ATT_ENCODER_DECODER,
                                          .position = ATT_RELATIVE,
                                          .activation = ATT_RELU,
                                          .norm = ATT_NORM_RMS,
                                          .norm_before = true,
                                          .d_model = 512,
                                          .vocab_size = 32128,
                                          .max_position_embeddings = ATT_LARGEST_SIZE,
                                          .encoder_layers = 6,
                                          .decoder_layers = 6,
                                          .encoder_attention_heads = 8,
                                          .decoder_attention_heads = 8,
                                          .encoder_ffn_dim = 2048,
                                          .decoder_ffn_dim = 2048,
                                          .head_size = 64,
                                          .query_scalar = 1,
                                          .relative_buckets = 32,
                                          .relative_distance = 128,
                                          .tie_word_embeddings = true,
                                          .scale_output = true,
                                          .dropout = 0.1f,
                                          .layer_norm_epsilon = 1e-6f,
                                          .pad = 0,
                                          .bos = -1,
                                          .eos = 1,
                                          .decoder_start = 0};

static const att_size_key sizes[] = {
    {"vocab_size", offsetof(att_config, vocab_size), ATT_LARGEST_SIZE},
    {"d_model", offsetof(att_config, d_model), ATT_LARGEST_SIZE},
    {"d_kv", offsetof(att_config, head_size), ATT_LARGEST_SIZE},
    {"d_ff", offsetof(att_config, encoder_ffn_dim), ATT_LARGEST_SIZE},
    {"num_layers", offsetof(att_config, encoder_layers), ATT_MOST_LAYERS},
    {"num_heads", offsetof(att_config, encoder_attention_heads), ATT_LARGEST_SIZE},
    {"relative_attention_num_buckets", offsetof(att_config, relative_buckets), ATT_LARGEST_SIZE},
    {"relative_attention_max_distance", offsetof(att_config, relative_distance), ATT_LARGEST_SIZE},
};
/* Where it is not said, as many as the encoder's. */
static const att_size_key decoder_sizes[] = {
    {"num_decoder_layers", offsetof(att_config, decoder_layers), ATT_MOST_LAYERS}};

/* "gated-gelu" is a GELU by tanh. */
static att_status read_feedforward(const att_settings *in, att_config *config) {
  static const char gated[] = "gated-";
  const char *kind = "relu";
  ATT_TRY(att_read_string(in, "feed_forward_proj", &kind));
  config->gated = strncmp(kind, gated, strlen(gated)) == 0;
  if (strcmp(kind, "gated-gelu") == 0) {
    config->activation = ATT_GELU_TANH;
    return ATT_OK;
  }
  return att_activation_find(in, "feed_forward_proj", config->gated ? kind + strlen(gated) : kind, &config->activation);
}

/* A tie that is taken back says, since version 1.1, that hidden states are not scaled; Transformers 5 says this by
 * itself, and of the tie nothing: there the file has one matrix or two. */
static att_status read_output(const att_settings *in, att_config *config) {
  ATT_TRY(att_read_bool(in, "tie_word_embeddings", &config->tie_word_embeddings));
  config->scale_output = config->tie_word_embeddings;
  return att_read_bool(in, "scale_decoder_outputs", &config->scale_output);
}

static att_status read_settings(const att_settings *in, att_config *config) {
  static const att_switch_key switches[] = {{"is_encoder_decoder", true}, {"is_decoder", false}};
  *config = class_defaults;
  ATT_TRY(att_refuse_switches(in, "t5", switches, ATT_COUNT(switches)));
  ATT_TRY(att_read_sizes(in, sizes, ATT_COUNT(sizes), config));
  config->decoder_layers = config->encoder_layers;
  ATT_TRY(att_read_sizes(in, decoder_sizes, ATT_COUNT(decoder_sizes), config));
  config->decoder_attention_heads = config->encoder_attention_heads;
  config->decoder_ffn_dim = config->encoder_ffn_dim;
  ATT_TRY(read_feedforward(in, config));
  ATT_TRY(read_output(in, config));
  ATT_TRY(att_read_float(in, "layer_norm_epsilon", &config->layer_norm_epsilon));
  att_read_dropout(in, "dropout_rate", config);
  att_read_specials(in, config);
  return ATT_OK;
}

static void write_settings(att_object *out, const att_config *config) {
  char kind[40];
  bool gelu = config->gated && config->activation == ATT_GELU_TANH;
  snprintf(kind, sizeof kind, "%s%s", config->gated ? "gated-" : "",
           gelu ? "gelu" : att_activation_name(config->activation));
  att_put_sizes(out, sizes, ATT_COUNT(sizes), config);
  att_put_sizes(out, decoder_sizes, ATT_COUNT(decoder_sizes), config);
  att_put_text(out, "feed_forward_proj", kind);
  att_put_bool(out, "tie_word_embeddings", config->tie_word_embeddings);
  att_put_bool(out, "scale_decoder_outputs", config->scale_output);
  att_put_real(out, "layer_norm_epsilon", (double)config->layer_norm_epsilon, true);
  att_put_real(out, "dropout_rate", (double)config->dropout, true);
  att_put_real(out, "initializer_factor", 1, false);
  att_put_specials(out, config);
  att_put_bool(out, "is_encoder_decoder", true);
  att_put_bool(out, "use_cache", true);
}

/* Without a word for a gated GELU that is none by tanh. */
static bool plain(const att_config *config) {
  return config->position == ATT_RELATIVE && config->norm == ATT_NORM_RMS && config->norm_before &&
         !(config->gated && config->activation == ATT_GELU) && config->query_scalar == 1 && !config->key_value_heads &&
         config->encoder_attention_heads == config->decoder_attention_heads &&
         config->encoder_ffn_dim == config->decoder_ffn_dim && !config->scale_embedding;
}

static att_status check(att_context *ctx, const char *name, const att_config *config) {
  ATT_TRY(att_check_sizes(ctx, name, sizes, ATT_COUNT(sizes), config));
  ATT_TRY(att_check_sizes(ctx, name, decoder_sizes, ATT_COUNT(decoder_sizes), config));
  ATT_TRY(att_check_transformer(ctx, name, "d_kv", ATT_ENCODER_DECODER, config));
  if (plain(config) && !config->input_width) return ATT_OK;
  return att_fail(ctx, ATT_UNSUPPORTED, "%s: no t5 model has these positions, norms, heads or this activation", name);
}

/* ---- names ---------------------------------------------------------------------------------------------------- */

static const att_stack_names sides[] = {
    {
        .part = "encoder",
        .prefix = "encoder.",
        .layers = "block.",
        .self_in = {"layer.0.SelfAttention.q", "layer.0.SelfAttention.k", "layer.0.SelfAttention.v"},
        .self_out = "layer.0.SelfAttention.o",
        .self_norm = "layer.0.layer_norm",
        .gate = "layer.1.DenseReluDense.wi_0",
        .up = "layer.1.DenseReluDense.wi_1",
        .down = "layer.1.DenseReluDense.wo",
        .feedforward_norm = "layer.1.layer_norm",
        .norm = "final_layer_norm",
        .distances = "block.0.layer.0.SelfAttention.relative_attention_bias.weight",
    },
    {
        .part = "decoder",
        .prefix = "decoder.",
        .layers = "block.",
        .self_in = {"layer.0.SelfAttention.q", "layer.0.SelfAttention.k", "layer.0.SelfAttention.v"},
        .self_out = "layer.0.SelfAttention.o",
        .self_norm = "layer.0.layer_norm",
        .cross_in = "layer.1.EncDecAttention.q",
        .cross_memory = {"layer.1.EncDecAttention.k", "layer.1.EncDecAttention.v"},
        .cross_out = "layer.1.EncDecAttention.o",
        .cross_norm = "layer.1.layer_norm",
        .gate = "layer.2.DenseReluDense.wi_0",
        .up = "layer.2.DenseReluDense.wi_1",
        .down = "layer.2.DenseReluDense.wo",
        .feedforward_norm = "layer.2.layer_norm",
        .norm = "final_layer_norm",
        .distances = "block.0.layer.0.SelfAttention.relative_attention_bias.weight",
    },
};

static att_status add_embeddings(att_model *model, att_transformer *layers) {
  static const char *const tied[] = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight",
                                     NULL};
  static const char *const shared[] = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight", NULL};
  static const char *const inside[] = {"transformer.encoder.embed_tokens.weight",
                                       "transformer.decoder.embed_tokens.weight", NULL};
  bool output = model->head->output, is_tied = output && model->config.tie_word_embeddings;
  if (model->head->texts) {
    ATT_TRY(att_name_tokens(model, "transformer.shared.weight", "embedding", -1, &layers->encoder.tokens));
    att_name_aliases(model, inside, false);
    return ATT_OK;
  }
  ATT_TRY(att_name_tokens(model, "shared.weight", "embedding", -1, &layers->encoder.tokens));
  att_name_aliases(model, is_tied ? tied : shared, false);
  return is_tied || !output ? ATT_OK
                            : att_name_tokens(model, "lm_head.weight", "output projection", -1, &layers->output);
}

/* Heads over texts stand on a model inside another (modeling_t5.py, T5ForSequenceClassification). */
static att_status plan(att_model *model) {
  static const char *const inside[] = {"transformer.encoder.", "transformer.decoder."};
  static const char *const plain_up[] = {"layer.1.DenseReluDense.wi", "layer.2.DenseReluDense.wi"};
  att_transformer *layers;
  ATT_TRY(att_transformer_new(model, &layers));
  ATT_TRY(add_embeddings(model, layers));
  for (int side = 0; side < 2; side++) {
    att_stack_names names = sides[side];
    if (!model->config.gated) names.up = plain_up[side];
    if (model->head->texts) names.prefix = inside[side];
    ATT_TRY(att_transformer_stack(model, side == 1, &names));
  }
  if (model->head->texts) ATT_TRY(att_transformer_classification_head(model));
  return att_head_plan(model);
}

/* A table of distances that first files have and no model reads; parts that this head does not need. */
static const char *const ignored[] = {"EncDecAttention.relative_attention_bias", "lm_head.", "classification_head.",
                                      "qa_outputs.", NULL};

static const att_head_form forms[] = {
    {.ending = "ForConditionalGeneration"},
    {.ending = "ForSequenceClassification", .projection = "classification_head.out_proj"},
    {.ending = NULL}};

const att_family_calls att_t5_calls = {
    .read = read_settings,
    .write = write_settings,
    .stem = "T5",
    .forms = forms,
    .plain = plain,
    .check = check,
    .plan = plan,
    .prefix = "transformer.",
    .ignored = ignored,
    .reads_twice = true,
    .pool = att_transformer_pool,
    .tie_unsaid = true,
    .free = att_transformer_free,
    .cache_shape = att_transformer_cache_shape,
    .encode = att_transformer_encode,
    .decode = att_transformer_decode,
    .cross = att_transformer_cross,
    .step = att_transformer_step,
    .output = att_transformer_output,
};
