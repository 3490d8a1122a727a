/*
 * Owns Whisper (Radford et al. 2022): an encoder that reads log-mel features through two convolutions, with sinusoids
 * that the file has, and a decoder of tokens with learned positions; norms before, keys without a bias. Refuses to know
 * of recordings and of the tokens that steer it: api/transcribe.c does.
 */
#include "models/settings.h"
#include "models/transformer.h"

#include <inttypes.h>

/* configuration_whisper.py */
static const att_config class_defaults = {.family = ATT_WHISPER,
                                          .position = ATT_LEARNED,
                                          .activation = ATT_GELU,
                                          .norm_before = true,
                                          .input_width = 80,
                                          .input_stride = 2,
                                          .mel = {16000, 400, 160, 400, 80, ATT_MEL_WHISPER},
                                          .d_model = 384,
                                          .vocab_size = 51865,
                                          .max_position_embeddings = 448,
                                          .max_source_positions = 1500,
                                          .encoder_layers = 4,
                                          .decoder_layers = 4,
                                          .encoder_attention_heads = 6,
                                          .decoder_attention_heads = 6,
                                          .encoder_ffn_dim = 1536,
                                          .decoder_ffn_dim = 1536,
                                          .tie_word_embeddings = true,
                                          .layer_norm_epsilon = 1e-5f,
                                          .pad = 50256,
                                          .bos = 50256,
                                          .eos = 50256,
                                          .decoder_start = 50257};

static const att_size_key sizes[] = {
    {"vocab_size", offsetof(att_config, vocab_size), ATT_LARGEST_SIZE},
    {"num_mel_bins", offsetof(att_config, input_width), ATT_LARGEST_SIZE},
    {"d_model", offsetof(att_config, d_model), ATT_LARGEST_SIZE},
    {"encoder_layers", offsetof(att_config, encoder_layers), ATT_MOST_LAYERS},
    {"decoder_layers", offsetof(att_config, decoder_layers), ATT_MOST_LAYERS},
    {"encoder_attention_heads", offsetof(att_config, encoder_attention_heads), ATT_LARGEST_SIZE},
    {"decoder_attention_heads", offsetof(att_config, decoder_attention_heads), ATT_LARGEST_SIZE},
    {"encoder_ffn_dim", offsetof(att_config, encoder_ffn_dim), ATT_LARGEST_SIZE},
    {"decoder_ffn_dim", offsetof(att_config, decoder_ffn_dim), ATT_LARGEST_SIZE},
    {"max_source_positions", offsetof(att_config, max_source_positions), ATT_LARGEST_SIZE},
    {"max_target_positions", offsetof(att_config, max_position_embeddings), ATT_LARGEST_SIZE},
};

static att_status read_settings(const att_settings *in, att_config *config) {
  *config = class_defaults;
  ATT_TRY(att_read_sizes(in, sizes, ATT_COUNT(sizes), config));
  ATT_TRY(att_read_activation(in, "activation_function", &config->activation));
  ATT_TRY(att_read_bool(in, "tie_word_embeddings", &config->tie_word_embeddings));
  ATT_TRY(att_read_bool(in, "scale_embedding", &config->scale_embedding));
  att_read_dropout(in, "dropout", config);
  att_read_specials(in, config);
  config->mel.bands = (int)config->input_width;
  return ATT_OK;
}

static void write_settings(att_object *out, const att_config *config) {
  att_put_sizes(out, sizes, ATT_COUNT(sizes), config);
  att_put_int(out, "num_hidden_layers", config->encoder_layers);
  att_put_text(out, "activation_function", att_activation_name(config->activation));
  att_put_bool(out, "tie_word_embeddings", config->tie_word_embeddings);
  att_put_bool(out, "scale_embedding", config->scale_embedding);
  att_put_real(out, "dropout", (double)config->dropout, true);
  att_put_real(out, "attention_dropout", 0, false);
  att_put_real(out, "activation_dropout", 0, false);
  att_put_real(out, "encoder_layerdrop", 0, false);
  att_put_real(out, "decoder_layerdrop", 0, false);
  att_put_real(out, "init_std", 0.02, false);
  att_put_specials(out, config);
  att_put_bool(out, "is_encoder_decoder", true);
  att_put_bool(out, "use_cache", true);
}

static bool plain(const att_config *config) {
  return config->position == ATT_LEARNED && config->norm == ATT_NORM_LAYER && !config->gated && config->norm_before &&
         config->input_stride == 2 && att_config_has_own_heads(config);
}

static att_status check(att_context *ctx, const char *name, const att_config *config) {
  ATT_TRY(att_check_sizes(ctx, name, sizes, ATT_COUNT(sizes), config));
  if (config->d_model % 2 != 0 || config->d_model < 4) { /* its sinusoids are divided by half of it less one */
    return att_fail(ctx, ATT_FORMAT, "%s: d_model is %" PRId64 ", not an even number from 4", name, config->d_model);
  }
  return att_check_transformer(ctx, name, "d_model", ATT_ENCODER_DECODER, config);
}

static const att_stack_names sides[] = {
    {
        .part = "encoder",
        .prefix = "model.encoder.",
        .layers = "layers.",
        .self_in = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"},
        .self_out = "self_attn.out_proj",
        .self_norm = "self_attn_layer_norm",
        .gate = "fc_gate",
        .up = "fc1",
        .down = "fc2",
        .feedforward_norm = "final_layer_norm",
        .norm = "layer_norm",
        .positions = "embed_positions",
        .attention_bias = true,
        .other_bias = true,
        .without_bias = "k_proj",
        .fixed_positions = true,
    },
    {
        .part = "decoder",
        .prefix = "model.decoder.",
        .layers = "layers.",
        .self_in = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"},
        .self_out = "self_attn.out_proj",
        .self_norm = "self_attn_layer_norm",
        .cross_in = "encoder_attn.q_proj",
        .cross_memory = {"encoder_attn.k_proj", "encoder_attn.v_proj"},
        .cross_out = "encoder_attn.out_proj",
        .cross_norm = "encoder_attn_layer_norm",
        .gate = "fc_gate",
        .up = "fc1",
        .down = "fc2",
        .feedforward_norm = "final_layer_norm",
        .norm = "layer_norm",
        .positions = "embed_positions",
        .attention_bias = true,
        .other_bias = true,
        .without_bias = "k_proj",
    },
};

static att_status plan(att_model *model) {
  static const char *const output[] = {"proj_out.weight", NULL};
  att_transformer *layers;
  ATT_TRY(att_transformer_new(model, &layers));
  ATT_TRY(att_transformer_input(model, false, &sides[0]));
  ATT_TRY(att_name_tokens(model, "model.decoder.embed_tokens.weight", "embedding", -1, &layers->decoder.tokens));
  if (model->config.tie_word_embeddings) att_name_aliases(model, output, false);
  if (!model->config.tie_word_embeddings)
    ATT_TRY(att_name_tokens(model, output[0], "output projection", -1, &layers->output));
  for (int side = 0; side < 2; side++) ATT_TRY(att_transformer_stack(model, side == 1, &sides[side]));
  ATT_TRY(att_head_plan(model));
  for (int side = 0; side < 2; side++) ATT_TRY(att_transformer_positions(model, side == 1, &sides[side]));
  return ATT_OK;
}

/* A new model's encoder has the sinusoids that Whisper's were trained with: openai/whisper, model.py. */
static void initialise(att_model *model, uint64_t seed) {
  const att_transformer *layers = model->layers;
  const att_weight *positions = &layers->encoder.positions;
  (void)seed;
  if (model->config.position != ATT_LEARNED) return;
  att_sinusoids((float *)(uintptr_t)positions->data, ATT_SINUSOID_M2M, 0, positions->rows, positions->cols);
}

static const att_head_form forms[] = {{.ending = "ForConditionalGeneration"}, {.ending = NULL}};

const att_family_calls att_whisper_calls = {
    .read = read_settings,
    .write = write_settings,
    .stem = "Whisper",
    .rows = true,
    .forms = forms,
    .plain = plain,
    .check = check,
    .plan = plan,
    .prefix = "model.",
    .fill = att_transformer_fill,
    .initialise = initialise,
    .free = att_transformer_free,
    .cache_shape = att_transformer_cache_shape,
    .encode = att_transformer_encode,
    .decode = att_transformer_decode,
    .cross = att_transformer_cross,
    .step = att_transformer_step,
    .output = att_transformer_output,
};
