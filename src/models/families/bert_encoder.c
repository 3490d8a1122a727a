/* Owns what bert_encoder.h says. */
#include "models/families/bert_encoder.h"

#include <stdio.h>
#include <string.h>

/* Rows of the table of positions before that of the first token. */
static int64_t first_position(const att_bert_encoder *d, const att_config *c) { return d->after_pad ? c->pad + 1 : 0; }

/* ---- settings ------------------------------------------------------------------------------------------------- */

/* An attend model's position_embedding_type is config.c's to read. */
static att_status refuse_positions(const att_settings *in) {
  const char *position = "absolute", *type = json_string_value(json_object_get(in->root, "model_type"));
  ATT_TRY(att_read_string(in, "position_embedding_type", &position));
  if (strcmp(position, "absolute") == 0 || (type && strcmp(type, "attend") == 0)) return ATT_OK;
  return att_fail(in->ctx, ATT_UNSUPPORTED,
                  "%s: position_embedding_type is \"%.60s\"; attend knows only %s models with absolute", in->name,
                  position, type ? type : "bert");
}

/* Of the rows that the file counts, those that tokens can have. */
static att_status take_positions(const att_settings *in, const att_bert_encoder *d, att_config *c) {
  int64_t first = first_position(d, c);
  if (d->after_pad && c->pad < 0)
    return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: there is no pad_token_id, behind which %s counts its positions",
                    in->name, att_family_type(c->family));
  if (c->max_position_embeddings <= first)
    return att_fail(in->ctx, ATT_FORMAT, "%s: max_position_embeddings is %lld, of which %lld stand before the first",
                    in->name, (long long)c->max_position_embeddings, (long long)first);
  c->max_position_embeddings -= first;
  return ATT_OK;
}

/* Of rotary positions, and of how wide heads are: null is the width's share. */
static att_status read_heads(const att_settings *in, att_config *config) {
  ATT_TRY(att_json_int(in->ctx, in->name, in->root, "head_dim", false, 1, ATT_LARGEST_SIZE, &config->head_size));
  return att_read_ropes(in, false, config);
}

att_status att_bert_read(const att_settings *in, const att_bert_encoder *d, att_config *config) {
  static const att_switch_key switches[] = {
      {"is_decoder", false}, {"add_cross_attention", false}, {"is_encoder_decoder", false}};
  *config = d->defaults;
  ATT_TRY(att_refuse_switches(in, att_family_type(config->family), switches, ATT_COUNT(switches)));
  ATT_TRY(refuse_positions(in));
  ATT_TRY(att_read_sizes(in, d->sizes, d->size_count, config));
  ATT_TRY(att_read_activation(in, d->activation, &config->activation));
  ATT_TRY(att_read_bool(in, "tie_word_embeddings", &config->tie_word_embeddings));
  att_read_dropout(in, d->dropout, config);
  if (!d->fixed_epsilon) ATT_TRY(att_read_float(in, "layer_norm_eps", &config->layer_norm_epsilon));
  att_read_specials(in, config);
  if (d->defaults.position == ATT_ROTARY) ATT_TRY(read_heads(in, config));
  return take_positions(in, d, config);
}

bool att_bert_plain(const att_config *config) {
  return config->position == ATT_LEARNED && config->norm == ATT_NORM_LAYER && !config->norm_before && !config->gated &&
         att_config_has_own_heads(config);
}

/* rope_theta alone is of Transformers 4. */
static void put_heads(att_object *out, const att_config *config) {
  int64_t size = config->head_size ? config->head_size : config->d_model / config->encoder_attention_heads;
  att_put_int(out, "head_dim", size);
  if (config->position != ATT_ROTARY) return;
  att_put_real(out, "rope_theta", config->rope.base, false);
  att_put_rope(out, "rope_parameters", &config->rope, size);
}

void att_bert_write(att_object *out, const att_bert_encoder *d, const att_config *config) {
  att_config said = *config;
  if (config->position == ATT_ROTARY && config->rope.scaling == ATT_ROPE_DYNAMIC)
    said.max_position_embeddings = config->rope.original;
  said.max_position_embeddings += first_position(d, config);
  att_put_sizes(out, d->sizes, d->size_count, &said);
  att_put_text(out, d->activation, att_activation_name(config->activation));
  att_put_bool(out, "tie_word_embeddings", config->tie_word_embeddings);
  att_put_real(out, d->dropout, (double)config->dropout, true);
  att_put_real(out, "attention_probs_dropout_prob", 0, false);
  if (!d->fixed_epsilon) att_put_real(out, "layer_norm_eps", (double)config->layer_norm_epsilon, true);
  att_put_real(out, "initializer_range", 0.02, false);
  if (config->family == ATT_BERT && !config->input_width && att_bert_plain(config))
    att_put_text(out, "position_embedding_type", "absolute");
  att_put_specials(out, config);
  if (d->defaults.position == ATT_ROTARY) {
    put_heads(out, config);
    return;
  }
  att_put_bool(out, "is_decoder", false);
  att_put_bool(out, "add_cross_attention", false);
}

att_status att_bert_check(att_context *ctx, const char *name, const att_bert_encoder *d, const att_config *config) {
  int64_t embedding = config->embedding_size;
  ATT_TRY(att_check_sizes(ctx, name, d->sizes, d->size_count, config));
  if (!d->widen && embedding && embedding != config->d_model)
    return att_fail(ctx, ATT_ARGUMENT, "%s: embeddings of a %s model cannot have %lld columns, and %s %lld", name,
                    att_family_type(config->family), (long long)embedding, d->width, (long long)config->d_model);
  return att_check_transformer(ctx, name, d->width, ATT_ENCODER, config);
}

/* ---- names ---------------------------------------------------------------------------------------------------- */

static att_status add_linear(att_namer *n, const char *name, int64_t rows, int64_t cols, att_linear_layer *layer) {
  return att_name_linear(n, (const char *const[]){name, NULL}, &rows, cols, false, true, layer);
}

static att_status add_masked_head(att_model *model, const att_bert_encoder *d, att_transformer *layers) {
  const att_config *c = &model->config;
  int64_t width = att_config_embedding(c);
  att_namer n = {.model = model, .part = "output transform"};
  layers->transform_activation = att_epilogue_of(d->transform_gelu ? ATT_GELU : c->activation);
  ATT_TRY(add_linear(&n, d->transform, width, c->d_model, &layers->transform));
  ATT_TRY(att_name_norm(&n, d->transform_norm, c->norm, width, &layers->transform_norm));
  snprintf(n.part, sizeof n.part, "output projection");
  if (!c->tie_word_embeddings) ATT_TRY(att_name_table(&n, d->output, c->vocab_size, width, -1, &layers->output));
  ATT_TRY(
      att_name_add(&n, d->output_bias,
                   (att_parameter_plan){
                       .rows = 1, .cols = c->vocab_size, .rank = 1, .weight = &layers->output_bias, .frozen_row = -1}));
  if (d->bias_alias) att_name_aliases(model, (const char *const[]){d->bias_alias, NULL}, true);
  return ATT_OK;
}

/* A model without a head keeps the pooler that its file may have, untouched. */
static att_status keep_pooler(att_model *model, const char *name, att_transformer *layers) {
  int64_t width = model->config.d_model;
  char whole[96];
  att_namer n = {.model = model, .part = "pooler"};
  att_parameter_plan plan = {
      .rows = width, .cols = width, .rank = 2, .fixed = true, .not_in_file = true, .optional = true, .frozen_row = -1};
  plan.weight = &layers->pooler.weight;
  snprintf(whole, sizeof whole, "%s.weight", name);
  ATT_TRY(att_name_add(&n, whole, plan));
  plan.weight = &layers->pooler.bias;
  plan.rows = plan.rank = 1;
  snprintf(whole, sizeof whole, "%s.bias", name);
  return att_name_add(&n, whole, plan);
}

static att_status add_pooler(att_model *model, const att_bert_encoder *d, const char *prefix, att_transformer *layers) {
  int64_t width = model->config.d_model;
  att_namer n = {.model = model, .part = "pooler"};
  if (model->head->bare) return d->kept_pooler ? keep_pooler(model, d->kept_pooler, layers) : ATT_OK;
  if (!model->head->texts) return ATT_OK;
  if (d->pooler_inside) snprintf(n.prefix, sizeof n.prefix, "%s", prefix);
  layers->pooler_activation = d->pooler_activation;
  layers->pooler_drops = d->pooler_drops;
  return add_linear(&n, d->pooler, width, width, &layers->pooler);
}

static att_status add_embeddings(att_model *model, const att_bert_encoder *d, const char *prefix, att_stack *stack) {
  const att_config *c = &model->config;
  int64_t width = att_config_embedding(c);
  att_namer n = {.model = model, .part = "embedding"};
  snprintf(n.prefix, sizeof n.prefix, "%s", prefix);
  const char *norm = d->embedding_norm ? d->embedding_norm : "embeddings.LayerNorm";
  if (c->input_width) return att_name_norm(&n, norm, c->norm, c->d_model, &stack->embedding_norm);
  ATT_TRY(att_name_table(&n, "embeddings.word_embeddings.weight", c->vocab_size, width, c->pad, &stack->tokens));
  if (model->head->output && c->tie_word_embeddings)
    att_name_aliases(model, (const char *const[]){d->output, NULL}, false);
  if (c->type_vocab_size)
    ATT_TRY(
        att_name_table(&n, "embeddings.token_type_embeddings.weight", c->type_vocab_size, width, -1, &stack->types));
  ATT_TRY(att_name_norm(&n, norm, c->norm, width, &stack->embedding_norm));
  if (!d->widen || (width == c->d_model && !d->widen_always)) return ATT_OK;
  return add_linear(&n, d->widen, c->d_model, width, &stack->widen);
}

att_status att_bert_plan(att_model *model) {
  const att_bert_encoder *d = model->calls->encoder;
  const att_head_calls *head = model->head;
  att_stack_names stack = d->names;
  att_transformer *layers;
  if (head->bare) stack.prefix = "";
  ATT_TRY(att_transformer_new(model, &layers));
  if (model->config.position == ATT_LEARNED) layers->first_position = first_position(d, &model->config);
  if (model->config.input_width) ATT_TRY(att_transformer_input(model, false, &stack));
  ATT_TRY(add_embeddings(model, d, stack.prefix, &layers->encoder));
  ATT_TRY(att_transformer_stack(model, false, &stack));
  if (head->output) ATT_TRY(add_masked_head(model, d, layers));
  ATT_TRY(add_pooler(model, d, stack.prefix, layers));
  ATT_TRY(att_head_plan(model));
  return att_transformer_positions(model, false, &stack);
}

/* Counters that older files carry; parts that this head does not need. */
const char *const att_bert_ignored[] = {"embeddings.position_ids",
                                        "embeddings.token_type_ids",
                                        "pooler.",
                                        "cls.",
                                        "lm_head.",
                                        "vocab_",
                                        "generator_",
                                        "discriminator_predictions.",
                                        "predictions.",
                                        "sop_classifier.",
                                        "classifier.",
                                        "qa_outputs.",
                                        NULL};

const att_head_form att_bert_forms[] = {{.ending = "ForMaskedLM"}, {.ending = NULL}};
const att_head_form att_bert_out_forms[] = {
    {.ending = "ForMaskedLM"},
    {.ending = "ForSequenceClassification", .projection = "classifier.out_proj"},
    {.ending = NULL}};
