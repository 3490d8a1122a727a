/*
 * Owns BERT's description (Devlin et al. 2019) as Hugging Face has it: an encoder with norms after, learned positions,
 * token types and a norm over the embeddings; heads of masked tokens, of labels, or none.
 */
#include "models/settings.h"
#include "models/transformer.h"

#include <stdio.h>
#include <string.h>

/* configuration_bert.py */
static const att_config class_defaults = {.family = ATT_BERT,
                                          .kind = ATT_ENCODER,
                                          .head = ATT_HEAD_NONE,
                                          .position = ATT_LEARNED,
                                          .activation = ATT_GELU,
                                          .d_model = 768,
                                          .vocab_size = 30522,
                                          .max_position_embeddings = 512,
                                          .encoder_layers = 12,
                                          .encoder_attention_heads = 12,
                                          .encoder_ffn_dim = 3072,
                                          .type_vocab_size = 2,
                                          .tie_word_embeddings = true,
                                          .dropout = 0.1f,
                                          .layer_norm_epsilon = 1e-12f,
                                          .pad = 0,
                                          .bos = -1,
                                          .eos = -1,
                                          .decoder_start = -1};

static const att_size_key sizes[] = {
    {"vocab_size", offsetof(att_config, vocab_size), ATT_LARGEST_SIZE},
    {"hidden_size", offsetof(att_config, d_model), ATT_LARGEST_SIZE},
    {"num_hidden_layers", offsetof(att_config, encoder_layers), ATT_MOST_LAYERS},
    {"num_attention_heads", offsetof(att_config, encoder_attention_heads), ATT_LARGEST_SIZE},
    {"intermediate_size", offsetof(att_config, encoder_ffn_dim), ATT_LARGEST_SIZE},
    {"max_position_embeddings", offsetof(att_config, max_position_embeddings), ATT_LARGEST_SIZE},
    {"type_vocab_size", offsetof(att_config, type_vocab_size), ATT_LARGEST_SIZE},
};

/* ---- settings ------------------------------------------------------------------------------------------------- */

/* An attend model's position_embedding_type is config.c's to read. */
static att_status refuse_positions(const att_settings *in) {
  const char *position = "absolute", *type = json_string_value(json_object_get(in->root, "model_type"));
  ATT_TRY(att_read_string(in, "position_embedding_type", &position));
  if (strcmp(position, "absolute") == 0 || (type && strcmp(type, "bert") != 0)) return ATT_OK;
  return att_fail(in->ctx, ATT_UNSUPPORTED,
                  "%s: position_embedding_type is \"%.60s\"; attend knows only bert models with absolute", in->name,
                  position);
}

static att_status read_settings(const att_settings *in, att_config *config) {
  static const att_switch_key switches[] = {
      {"is_decoder", false}, {"add_cross_attention", false}, {"is_encoder_decoder", false}};
  *config = class_defaults;
  ATT_TRY(att_refuse_switches(in, "bert", switches, ATT_COUNT(switches)));
  ATT_TRY(refuse_positions(in));
  ATT_TRY(att_read_sizes(in, sizes, ATT_COUNT(sizes), config));
  ATT_TRY(att_read_activation(in, "hidden_act", &config->activation));
  ATT_TRY(att_read_bool(in, "tie_word_embeddings", &config->tie_word_embeddings));
  att_read_dropout(in, "hidden_dropout_prob", config);
  ATT_TRY(att_read_float(in, "layer_norm_eps", &config->layer_norm_epsilon));
  att_read_specials(in, config);
  return ATT_OK;
}

static bool plain(const att_config *config) {
  return config->position == ATT_LEARNED && config->norm == ATT_NORM_LAYER && !config->norm_before && !config->gated &&
         att_config_has_own_heads(config);
}

static void write_settings(att_object *out, const att_config *config) {
  att_put_sizes(out, sizes, ATT_COUNT(sizes), config);
  att_put_text(out, "hidden_act", att_activation_name(config->activation));
  att_put_bool(out, "tie_word_embeddings", config->tie_word_embeddings);
  att_put_real(out, "hidden_dropout_prob", (double)config->dropout, true);
  att_put_real(out, "attention_probs_dropout_prob", 0, false);
  att_put_real(out, "layer_norm_eps", (double)config->layer_norm_epsilon, true);
  att_put_real(out, "initializer_range", 0.02, false);
  if (att_head_class(config, &att_bert_calls)) att_put_text(out, "position_embedding_type", "absolute");
  att_put_specials(out, config);
  att_put_bool(out, "is_decoder", false);
  att_put_bool(out, "add_cross_attention", false);
}

static att_status check(att_context *ctx, const char *name, const att_config *config) {
  ATT_TRY(att_check_sizes(ctx, name, sizes, ATT_COUNT(sizes), config));
  return att_check_transformer(ctx, name, "hidden_size", ATT_ENCODER, config);
}

/* ---- names ---------------------------------------------------------------------------------------------------- */

static const att_stack_names bert_names = {
    .part = "encoder",
    .prefix = "bert.",
    .layers = "encoder.layer.",
    .self_in = {"attention.self.query", "attention.self.key", "attention.self.value"},
    .self_out = "attention.output.dense",
    .self_norm = "attention.output.LayerNorm",
    .gate = "intermediate.gate",
    .up = "intermediate.dense",
    .down = "output.dense",
    .feedforward_norm = "output.LayerNorm",
    .norm = "encoder.norm",
    .positions = "embeddings.position_embeddings",
    .attention_bias = true,
    .other_bias = true,
};

static att_status add_linear(att_namer *n, const char *name, int64_t rows, att_linear_layer *layer) {
  return att_name_linear(n, (const char *const[]){name, NULL}, &rows, n->model->config.d_model, false, true, layer);
}

/* The projection is the token embedding unless they are untied; its bias has two names in files. */
static att_status add_masked_head(att_model *model, att_transformer *layers) {
  static const char *const bias_names[] = {"cls.predictions.decoder.bias", NULL};
  const att_config *c = &model->config;
  att_namer n = {.model = model, .prefix = "cls.predictions.", .part = "output transform"};
  ATT_TRY(add_linear(&n, "transform.dense", c->d_model, &layers->transform));
  ATT_TRY(att_name_norm(&n, "transform.LayerNorm", c->norm, c->d_model, &layers->transform_norm));
  snprintf(n.part, sizeof n.part, "output projection");
  if (!c->tie_word_embeddings) ATT_TRY(att_name_matrix(&n, "decoder.weight", c->vocab_size, -1, &layers->output));
  ATT_TRY(
      att_name_add(&n, "bias",
                   (att_parameter_plan){
                       .rows = 1, .cols = c->vocab_size, .rank = 1, .weight = &layers->output_bias, .frozen_row = -1}));
  att_name_aliases(model, bias_names, true);
  return ATT_OK;
}

/* A model without a head keeps the pooler that its file may have, untouched. */
static att_status add_pooler(att_model *model, const char *prefix, att_transformer *layers) {
  int64_t d = model->config.d_model;
  bool unused = model->head->bare;
  att_namer n = {.model = model, .part = "pooler"};
  snprintf(n.prefix, sizeof n.prefix, "%s", prefix);
  if (!unused) return add_linear(&n, "pooler.dense", d, &layers->pooler);
  att_parameter_plan plan = {
      .rows = d, .cols = d, .rank = 2, .fixed = true, .not_in_file = true, .optional = true, .frozen_row = -1};
  plan.weight = &layers->pooler.weight;
  ATT_TRY(att_name_add(&n, "pooler.dense.weight", plan));
  plan.weight = &layers->pooler.bias;
  plan.rows = plan.rank = 1;
  return att_name_add(&n, "pooler.dense.bias", plan);
}

static att_status add_embeddings(att_model *model, const char *prefix, att_stack *stack) {
  static const char *const tied[] = {"cls.predictions.decoder.weight", NULL};
  const att_config *c = &model->config;
  att_namer n = {.model = model, .part = "embedding"};
  snprintf(n.prefix, sizeof n.prefix, "%sembeddings.", prefix);
  if (c->input_width) return att_name_norm(&n, "LayerNorm", c->norm, c->d_model, &stack->embedding_norm);
  ATT_TRY(att_name_matrix(&n, "word_embeddings.weight", c->vocab_size, c->pad, &stack->tokens));
  if (model->head->output && c->tie_word_embeddings) att_name_aliases(model, tied, false);
  ATT_TRY(att_name_matrix(&n, "token_type_embeddings.weight", c->type_vocab_size, -1, &stack->types));
  return att_name_norm(&n, "LayerNorm", c->norm, c->d_model, &stack->embedding_norm);
}

static att_status plan(att_model *model) {
  const att_head_calls *head = model->head;
  att_stack_names stack = bert_names;
  att_transformer *layers;
  if (head->bare) stack.prefix = "";
  ATT_TRY(att_transformer_new(model, &layers));
  if (model->config.input_width) ATT_TRY(att_transformer_input(model, false, &stack));
  ATT_TRY(add_embeddings(model, stack.prefix, &layers->encoder));
  ATT_TRY(att_transformer_stack(model, false, &stack));
  if (head->output) ATT_TRY(add_masked_head(model, layers));
  if (head->texts || head->bare) ATT_TRY(add_pooler(model, stack.prefix, layers));
  ATT_TRY(att_head_plan(model));
  return att_transformer_positions(model, false, &stack);
}

/* Counters that older files carry; parts that this head does not need. */
static const char *const ignored[] = {"embeddings.position_ids", "pooler.", "cls.", "classifier.", NULL};

static const att_head_form forms[] = {{.ending = "ForMaskedLM"}, {.ending = NULL}};

const att_family_calls att_bert_calls = {
    .read = read_settings,
    .write = write_settings,
    .stem = "Bert",
    .forms = forms,
    .plain = plain,
    .check = check,
    .plan = plan,
    .prefix = "bert.",
    .ignored = ignored,
    .small_weights = true,
    .fill = att_transformer_fill,
    .free = att_transformer_free,
    .encode = att_transformer_encode,
    .output = att_transformer_output,
    .pool = att_transformer_pool,
};
