/*
 * Owns the encoder-decoders of Hugging Face that Marian and fairseq wrote first: marian and bart, whose norms stand
 * after each sub-layer, m2m_100 (NLLB too), mbart and pegasus, whose norms stand before. They share names and settings,
 * and differ in positions, a norm over the embeddings and final_logits_bias.
 */
#include "models/settings.h"
#include "models/transformer.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- settings ------------------------------------------------------------------------------------------------- */

/* What tells one from another. */
typedef struct description {
  att_config defaults; /* of its class: configuration_marian.py and so on */
  att_sinusoid sinusoid;
  int64_t first_learned; /* row of the first position */
  bool positions_after_pad, embedding_norm, logits_bias;
} description;

#define LARGE_SIZES                                                                                                    \
  .d_model = 1024, .max_position_embeddings = 1024, .encoder_layers = 12, .decoder_layers = 12,                        \
  .encoder_attention_heads = 16, .decoder_attention_heads = 16, .encoder_ffn_dim = 4096, .decoder_ffn_dim = 4096,      \
  .tie_word_embeddings = true, .dropout = 0.1f, .layer_norm_epsilon = 1e-5f

static const description descriptions[] = {
    [ATT_MARIAN] = {.defaults = {.family = ATT_MARIAN,
                                 .activation = ATT_GELU,
                                 .vocab_size = 58101,
                                 LARGE_SIZES,
                                 .pad = 58100,
                                 .bos = -1,
                                 .eos = 0,
                                 .decoder_start = 58100},
                    .logits_bias = true},
    [ATT_M2M_100] = {.defaults = {.family = ATT_M2M_100,
                                  .activation = ATT_RELU,
                                  .norm_before = true,
                                  .vocab_size = 128112,
                                  LARGE_SIZES,
                                  .scale_embedding = true,
                                  .pad = 1,
                                  .bos = 0,
                                  .eos = 2,
                                  .decoder_start = 2},
                     .sinusoid = ATT_SINUSOID_M2M,
                     .positions_after_pad = true},
    [ATT_BART] = {.defaults = {.family = ATT_BART,
                               .position = ATT_LEARNED,
                               .activation = ATT_GELU,
                               .vocab_size = 50265,
                               LARGE_SIZES,
                               .pad = 1,
                               .bos = 0,
                               .eos = 2,
                               .decoder_start = 2},
                  .first_learned = 2,
                  .embedding_norm = true,
                  .logits_bias = true},
    [ATT_MBART] = {.defaults = {.family = ATT_MBART,
                                .position = ATT_LEARNED,
                                .activation = ATT_GELU,
                                .norm_before = true,
                                .vocab_size = 50265,
                                LARGE_SIZES,
                                .pad = 1,
                                .bos = 0,
                                .eos = 2,
                                .decoder_start = -1},
                   .first_learned = 2,
                   .embedding_norm = true,
                   .logits_bias = true},
    [ATT_PEGASUS] = {.defaults = {.family = ATT_PEGASUS,
                                  .activation = ATT_GELU,
                                  .norm_before = true,
                                  .vocab_size = 50265,
                                  LARGE_SIZES,
                                  .pad = 0,
                                  .bos = -1,
                                  .eos = 1,
                                  .decoder_start = 0},
                     .logits_bias = true},
};

static const description *description_of(const att_config *config) { return &descriptions[config->family]; }

static const att_size_key sizes[] = {
    {"vocab_size", offsetof(att_config, vocab_size), ATT_LARGEST_SIZE},
    {"d_model", offsetof(att_config, d_model), ATT_LARGEST_SIZE},
    {"encoder_layers", offsetof(att_config, encoder_layers), ATT_MOST_LAYERS},
    {"decoder_layers", offsetof(att_config, decoder_layers), ATT_MOST_LAYERS},
    {"encoder_attention_heads", offsetof(att_config, encoder_attention_heads), ATT_LARGEST_SIZE},
    {"decoder_attention_heads", offsetof(att_config, decoder_attention_heads), ATT_LARGEST_SIZE},
    {"encoder_ffn_dim", offsetof(att_config, encoder_ffn_dim), ATT_LARGEST_SIZE},
    {"decoder_ffn_dim", offsetof(att_config, decoder_ffn_dim), ATT_LARGEST_SIZE},
    {"max_position_embeddings", offsetof(att_config, max_position_embeddings), ATT_LARGEST_SIZE},
};

static att_status read_vocabulary(const att_settings *in, const att_config *config) {
  int64_t decoder = config->vocab_size;
  ATT_TRY(att_json_int(in->ctx, in->name, in->root, "decoder_vocab_size", false, 1, ATT_LARGEST_SIZE, &decoder));
  if (decoder == config->vocab_size) return ATT_OK;
  return att_fail(in->ctx, ATT_UNSUPPORTED,
                  "%s: decoder_vocab_size is %" PRId64 " and vocab_size %" PRId64 "; attend knows one vocabulary",
                  in->name, decoder, config->vocab_size);
}

static att_status read_settings(const att_settings *in, att_config *config) {
  const description *d = description_of(config);
  bool before = d->defaults.norm_before;
  const att_switch_key switches[] = {
      {"is_encoder_decoder", true},
      {"normalize_before", before},
      {"add_final_layer_norm", before},
      {"normalize_embedding", d->embedding_norm},
      {"static_position_embeddings", d->defaults.position == ATT_SINUSOIDAL},
      {"add_bias_logits", false},
      {"is_decoder", false},
      {"share_encoder_decoder_embeddings", true},
  };
  *config = d->defaults;
  ATT_TRY(att_refuse_switches(in, att_family_type(config->family), switches, ATT_COUNT(switches)));
  ATT_TRY(att_read_sizes(in, sizes, ATT_COUNT(sizes), config));
  ATT_TRY(read_vocabulary(in, config));
  ATT_TRY(att_read_activation(in, "activation_function", &config->activation));
  ATT_TRY(att_read_bool(in, "tie_word_embeddings", &config->tie_word_embeddings));
  ATT_TRY(att_read_bool(in, "scale_embedding", &config->scale_embedding));
  att_read_dropout(in, "dropout", config);
  att_read_specials(in, config);
  return ATT_OK;
}

/* Every key of the classes, for their defaults differ and bite. */
static void write_settings(att_object *out, const att_config *config) {
  bool marian = config->family == ATT_MARIAN;
  att_put_sizes(out, sizes, ATT_COUNT(sizes), config);
  if (marian) att_put_int(out, "decoder_vocab_size", config->vocab_size);
  att_put_text(out, "activation_function", att_activation_name(config->activation));
  att_put_bool(out, "tie_word_embeddings", config->tie_word_embeddings);
  if (marian) att_put_bool(out, "share_encoder_decoder_embeddings", true);
  att_put_bool(out, "scale_embedding", config->scale_embedding);
  att_put_real(out, "dropout", (double)config->dropout, true);
  att_put_real(out, "attention_dropout", 0, false);
  att_put_real(out, "activation_dropout", 0, false);
  att_put_real(out, "encoder_layerdrop", 0, false);
  att_put_real(out, "decoder_layerdrop", 0, false);
  att_put_real(out, "init_std", 0.02, false);
  att_put_specials(out, config);
  att_put(out, "forced_eos_token_id", "null"); /* marian's class would say 0 */
  att_put_bool(out, "is_encoder_decoder", true);
  att_put_bool(out, "use_cache", true);
}

static bool plain(const att_config *config) {
  const att_config *class = &description_of(config)->defaults;
  return config->position == class->position && config->norm == ATT_NORM_LAYER && !config->gated &&
         config->norm_before == class->norm_before && att_config_has_own_heads(config);
}

static att_status check(att_context *ctx, const char *name, const att_config *config) {
  ATT_TRY(att_check_sizes(ctx, name, sizes, ATT_COUNT(sizes), config));
  ATT_TRY(att_check_transformer(ctx, name, "d_model", ATT_ENCODER_DECODER, config));
  if (config->d_model % 2 != 0 || config->d_model < 4) { /* m2m_100 divides by half of it less one */
    return att_fail(ctx, ATT_FORMAT, "%s: d_model is %" PRId64 ", not an even number from 4", name, config->d_model);
  }
  if (config->pad >= 0 && config->eos == config->pad) {
    return att_fail(ctx, ATT_FORMAT, "%s: eos_token_id and pad_token_id are both %" PRId32, name, config->pad);
  }
  if (description_of(config)->positions_after_pad && config->pad < 0) {
    return att_fail(ctx, ATT_FORMAT, "%s: pad_token_id is none of the %" PRId64 " tokens", name, config->vocab_size);
  }
  return ATT_OK;
}

/* ---- names ---------------------------------------------------------------------------------------------------- */

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
    },
};

/* Tied: one matrix under four names, of which Hugging Face writes the first. Untied: three, and `shared` is written as
 * a fourth that none uses. What is looked up of the pad token learns nothing, as in PyTorch: marian's is the start
 * token and stays zero. */
static att_status add_embeddings(att_model *model, att_transformer *layers) {
  static const char *const tied[] = {"model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight",
                                     "lm_head.weight", NULL};
  static const char *const shared[] = {"model.shared.weight", NULL};
  int64_t pad = model->config.pad;
  if (model->config.tie_word_embeddings) {
    ATT_TRY(att_name_tokens(model, "model.shared.weight", "embedding", pad, &layers->encoder.tokens));
    att_name_aliases(model, tied, false);
    return ATT_OK;
  }
  if (!model->config.input_width) {
    ATT_TRY(att_name_tokens(model, tied[0], "source embedding", pad, &layers->encoder.tokens));
    att_name_aliases(model, shared, true);
  }
  ATT_TRY(att_name_tokens(model, tied[1], "target embedding", pad, &layers->decoder.tokens));
  if (!model->head->output) return ATT_OK;
  return att_name_tokens(model, tied[2], "output projection", -1, &layers->output);
}

static att_status add_embedding_norm(att_model *model, bool decoder, att_norm_layer *layer) {
  att_namer n = {.model = model};
  snprintf(n.prefix, sizeof n.prefix, "%s", sides[decoder].prefix);
  snprintf(n.part, sizeof n.part, "%s embedding norm", sides[decoder].part);
  return att_name_norm(&n, "layernorm_embedding", model->config.norm, model->config.d_model, layer);
}

static att_status add_logits_bias(att_model *model, att_weight *bias) {
  att_namer n = {.model = model, .part = "final_logits_bias"};
  return att_name_add(&n, "final_logits_bias",
                      (att_parameter_plan){.rows = 1,
                                           .cols = model->config.vocab_size,
                                           .rank = 2,
                                           .fixed = true,
                                           .optional = true,
                                           .floats = true,
                                           .weight = bias,
                                           .frozen_row = -1});
}

static int64_t first_position(const att_config *c) {
  const description *d = description_of(c);
  if (c->position == ATT_LEARNED) return d->first_learned;
  return c->position == ATT_SINUSOIDAL && d->positions_after_pad ? c->pad + 1 : 0;
}

static att_status plan(att_model *model) {
  const att_config *c = &model->config;
  const description *d = description_of(c);
  att_transformer *layers;
  ATT_TRY(att_transformer_new(model, &layers));
  layers->sinusoid = d->sinusoid;
  layers->first_position = first_position(c);
  if (c->input_width) ATT_TRY(att_transformer_input(model, false, &sides[0]));
  ATT_TRY(add_embeddings(model, layers));
  for (int side = 0; side < 2; side++) {
    att_stack *stack = side ? &layers->decoder : &layers->encoder;
    if (d->embedding_norm) ATT_TRY(add_embedding_norm(model, side == 1, &stack->embedding_norm));
    ATT_TRY(att_transformer_stack(model, side == 1, &sides[side]));
  }
  if (model->head->texts) ATT_TRY(att_transformer_classification_head(model));
  ATT_TRY(att_head_plan(model));
  for (int side = 0; side < 2; side++) ATT_TRY(att_transformer_positions(model, side == 1, &sides[side]));
  return d->logits_bias && model->head->output ? add_logits_bias(model, &layers->output_bias) : ATT_OK;
}

/* Names that older files carry and that say nothing: sinusoids that are computed. */
static const char *const ignored[] = {"embed_positions.weights", NULL};
/* And parts that this head does not need. */
static const char *const bart_ignored[] = {"embed_positions.weights", "final_logits_bias", "lm_head.",
                                           "classification_head.",    "qa_outputs.",       NULL};

static const att_head_form marian_forms[] = {{.ending = "MTModel"}, {.ending = NULL}};
static const att_head_form forms[] = {{.ending = "ForConditionalGeneration"}, {.ending = NULL}};
static const att_head_form bart_forms[] = {
    {.ending = "ForConditionalGeneration"},
    {.ending = "ForSequenceClassification", .projection = "classification_head.out_proj"},
    {.ending = NULL}};

#define ATT_ENCODER_DECODER_CALLS(name, heads, others, twice, wrapped)                                                 \
  {                                                                                                                    \
    .read = read_settings, .write = write_settings, .stem = name, .forms = heads, .plain = plain, .check = check,      \
    .plan = plan, .prefix = "model.", .ignored = others, .reads_twice = twice, .wraps = wrapped,                       \
    .pool = twice ? att_transformer_pool : NULL, .fill = att_transformer_fill, .free = att_transformer_free,           \
    .cache_shape = att_transformer_cache_shape, .encode = att_transformer_encode, .decode = att_transformer_decode,    \
    .cross = att_transformer_cross, .step = att_transformer_step, .output = att_transformer_output                     \
  }
const att_family_calls att_marian_calls = ATT_ENCODER_DECODER_CALLS("Marian", marian_forms, ignored, false, false);
const att_family_calls att_m2m_100_calls = ATT_ENCODER_DECODER_CALLS("M2M100", forms, ignored, false, false);
const att_family_calls att_bart_calls = ATT_ENCODER_DECODER_CALLS("Bart", bart_forms, bart_ignored, true, false);
const att_family_calls att_mbart_calls = ATT_ENCODER_DECODER_CALLS("MBart", bart_forms, bart_ignored, true, true);
const att_family_calls att_pegasus_calls = ATT_ENCODER_DECODER_CALLS("Pegasus", forms, ignored, false, false);
