/* Owns making a Transformer's layers and table from a family's names. See transformer.h. */
#include "models/transformer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ATT_MOST_JOINED 4

att_status att_name_add(att_namer *n, const char *name, att_parameter_plan plan) {
  char full[192];
  snprintf(full, sizeof full, "%s%s", n->prefix, name);
  plan.name = full;
  return att_parameter_add(n->model, n->part, &plan);
}

static bool ends_with(const char *text, const char *end) {
  size_t size = strlen(text), tail = strlen(end);
  return size >= tail && memcmp(text + size - tail, end, tail) == 0;
}

att_status att_name_linear(att_namer *n, const char *const *names, const int64_t *rows, int64_t in, bool transposed,
                           bool bias, att_linear_layer *layer) {
  char name[96];
  for (int i = 0; names[i]; i++) {
    snprintf(name, sizeof name, "%s.weight", names[i]);
    att_parameter_plan plan = {.rows = rows[i],
                               .cols = in,
                               .rank = 2,
                               .decay = true,
                               .joined = i > 0,
                               .transposed = transposed,
                               .weight = i ? NULL : &layer->weight,
                               .frozen_row = -1};
    ATT_TRY(att_name_add(n, name, plan));
  }
  for (int i = 0; bias && names[i]; i++) {
    bool lacks = n->without_bias && ends_with(names[i], n->without_bias); /* zeros among the others */
    snprintf(name, sizeof name, "%s.bias", names[i]);
    att_parameter_plan plan = {.rows = 1,
                               .cols = rows[i],
                               .rank = 1,
                               .fixed = lacks,
                               .not_in_file = lacks,
                               .joined = i > 0,
                               .weight = i ? NULL : &layer->bias,
                               .frozen_row = -1};
    ATT_TRY(att_name_add(n, name, plan));
  }
  return ATT_OK;
}

att_status att_name_table(att_namer *n, const char *name, int64_t rows, int64_t cols, int64_t frozen_row,
                          att_weight *weight) {
  return att_name_add(
      n, name, (att_parameter_plan){.rows = rows, .cols = cols, .rank = 2, .weight = weight, .frozen_row = frozen_row});
}

att_status att_name_matrix(att_namer *n, const char *name, int64_t rows, int64_t frozen_row, att_weight *weight) {
  return att_name_table(n, name, rows, n->model->config.d_model, frozen_row, weight);
}

static att_status add_one(att_namer *n, const char *name, int64_t out, int64_t in, const att_stack_names *names,
                          bool bias, att_linear_layer *layer) {
  return att_name_linear(n, (const char *const[]){name, NULL}, &out, in, names->transposed, bias, layer);
}

att_status att_name_norm(att_namer *n, const char *base, att_norm kind, int64_t width, att_norm_layer *layer) {
  char name[96];
  att_parameter_plan plan = {.rows = 1, .cols = width, .rank = 1, .frozen_row = -1};
  const char *inner = kind == ATT_NORM_BATCH ? ".batchnorm" : "";
  snprintf(name, sizeof name, "%s%s.weight", base, inner);
  plan.weight = &layer->gamma;
  plan.ones = kind != ATT_NORM_RMS_PLUS_ONE;
  ATT_TRY(att_name_add(n, name, plan));
  if (kind != ATT_NORM_LAYER && kind != ATT_NORM_BATCH) return ATT_OK;
  snprintf(name, sizeof name, "%s%s.bias", base, inner);
  plan.weight = &layer->beta;
  plan.ones = false;
  ATT_TRY(att_name_add(n, name, plan));
  if (kind != ATT_NORM_BATCH) return ATT_OK;
  plan.fixed = plan.running = true;
  plan.weight = &layer->mean;
  snprintf(name, sizeof name, "%s.batchnorm.running_mean", base);
  ATT_TRY(att_name_add(n, name, plan));
  plan.weight = &layer->variance;
  snprintf(name, sizeof name, "%s.batchnorm.running_var", base);
  return att_name_add(n, name, plan);
}

void att_name_aliases(att_model *model, const char *const *names, bool save) {
  att_parameter *p = &model->parameters[model->parameter_count - 1];
  for (int i = 0; names[i]; i++) p->aliases[i] = names[i];
  p->save_aliases = save;
}

att_status att_name_tokens(att_model *model, const char *name, const char *part, int64_t frozen_row,
                           att_weight *weight) {
  att_namer n = {.model = model};
  snprintf(n.part, sizeof n.part, "%s", part);
  return att_name_matrix(&n, name, model->config.vocab_size, frozen_row, weight);
}

/* ---- a block -------------------------------------------------------------------------------------------------- */

static att_status add_self(att_namer *n, const att_stack_names *names, int64_t width, att_block *block) {
  int64_t queries = (int64_t)block->heads * block->head_size, keys = (int64_t)block->kv_heads * block->head_size;
  const int64_t apart[ATT_MOST_JOINED] = {queries, keys, keys}, together = queries + 2 * keys;
  ATT_TRY(att_name_linear(n, names->self_in, names->self_in[1] ? apart : &together, width, names->transposed,
                          names->attention_bias, &block->self.in));
  ATT_TRY(add_one(n, names->self_out, width, queries, names, names->attention_bias && !names->no_out_bias,
                  &block->self.out));
  att_norm kind = block->norm == ATT_NORM_LAYER ? ATT_NORM_RMS : block->norm;
  if (!names->query_norm) return ATT_OK;
  ATT_TRY(att_name_norm(n, names->query_norm, kind, block->head_size, &block->self.query_norm));
  return att_name_norm(n, names->key_norm, kind, block->head_size, &block->self.key_norm);
}

static att_status add_cross(att_namer *n, const att_stack_names *names, int64_t width, att_block *block) {
  int64_t inner = (int64_t)block->heads * block->head_size;
  const int64_t rows[ATT_MOST_JOINED] = {inner, inner};
  bool bias = names->attention_bias;
  ATT_TRY(add_one(n, names->cross_in, inner, width, names, bias, &block->cross.in));
  ATT_TRY(att_name_linear(n, names->cross_memory, rows, width, names->transposed, bias, &block->cross.memory));
  return add_one(n, names->cross_out, width, inner, names, bias, &block->cross.out);
}

static att_status add_feedforward(att_namer *n, const att_stack_names *names, int64_t width, int64_t inner,
                                  att_block *block) {
  const char *const gated[] = {names->gate, names->up, NULL};
  const int64_t rows[ATT_MOST_JOINED] = {inner, inner};
  bool bias = names->other_bias;
  if (block->gated && !names->gate) {
    ATT_TRY(add_one(n, names->up, 2 * inner, width, names, bias, &block->up));
  } else {
    ATT_TRY(att_name_linear(n, block->gated ? gated : gated + 1, rows, width, names->transposed, bias, &block->up));
  }
  return add_one(n, names->down, width, inner, names, bias, &block->down);
}

static void describe(const att_model *model, bool decoder, int64_t index, att_block *block) {
  const att_config *c = &model->config;
  int64_t heads = decoder ? c->decoder_attention_heads : c->encoder_attention_heads;
  block->causal = decoder;
  block->has_cross = decoder && c->kind == ATT_ENCODER_DECODER;
  block->norm_before = c->norm_before;
  block->norm = c->norm;
  block->gated = c->gated;
  block->heads = (int)heads;
  block->kv_heads = (int)(c->key_value_heads ? c->key_value_heads : heads);
  block->head_size = (int)(c->head_size ? c->head_size : c->d_model / heads);
  block->scale = c->query_scalar > 0 ? (float)pow(c->query_scalar, -0.5) : 0;
  block->softcap = c->attention_softcap;
  if (decoder && c->local_layers[index]) {
    block->window = c->sliding_window;
    block->local = c->local_rope.base > 0;
  }
  block->activation = att_epilogue_of(c->activation);
  block->epsilon = c->layer_norm_epsilon;
}

static att_status add_block(att_model *model, bool decoder, int64_t index, const att_stack_names *names,
                            att_block *block) {
  const att_config *c = &model->config;
  int64_t d = c->d_model, inner = decoder ? c->decoder_ffn_dim : c->encoder_ffn_dim;
  describe(model, decoder, index, block);
  att_namer n = {.model = model, .without_bias = names->without_bias};
  snprintf(n.prefix, sizeof n.prefix, "%s%s%d.", names->prefix, names->layers, (int)index);
  snprintf(n.part, sizeof n.part, "%s layer %d self-attention", names->part, (int)index);
  ATT_TRY(add_self(&n, names, d, block));
  ATT_TRY(att_name_norm(&n, names->self_norm, c->norm, d, &block->self_norm));
  if (names->self_out_norm) ATT_TRY(att_name_norm(&n, names->self_out_norm, c->norm, d, &block->self_out_norm));
  if (block->has_cross) {
    snprintf(n.part, sizeof n.part, "%s layer %d cross-attention", names->part, (int)index);
    ATT_TRY(add_cross(&n, names, d, block));
    ATT_TRY(att_name_norm(&n, names->cross_norm, c->norm, d, &block->cross_norm));
  }
  snprintf(n.part, sizeof n.part, "%s layer %d feed-forward", names->part, (int)index);
  ATT_TRY(add_feedforward(&n, names, d, inner, block));
  ATT_TRY(att_name_norm(&n, names->feedforward_norm, c->norm, d, &block->feedforward_norm));
  if (!names->feedforward_out_norm) return ATT_OK;
  return att_name_norm(&n, names->feedforward_out_norm, c->norm, d, &block->feedforward_out_norm);
}

/* ---- the whole ------------------------------------------------------------------------------------------------ */

att_status att_transformer_new(att_model *model, att_transformer **out) {
  model->layers = *out = ATT_NEW(model->ctx, 1, att_transformer);
  return *out ? ATT_OK : ATT_MEMORY;
}

static att_stack *stack_of(att_model *model, bool decoder) {
  att_transformer *layers = model->layers;
  return decoder ? &layers->decoder : &layers->encoder;
}

static att_status add_positions(att_model *model, bool decoder, const att_stack_names *names) {
  const att_config *c = &model->config;
  const att_transformer *layers = model->layers;
  bool learned = c->position == ATT_LEARNED;
  int64_t rows = c->max_position_embeddings + layers->first_position;
  if (!decoder && c->max_source_positions) rows = c->max_source_positions;
  att_namer n = {.model = model};
  char name[96];
  snprintf(n.prefix, sizeof n.prefix, "%s", names->prefix);
  snprintf(n.part, sizeof n.part, "%s positions", names->part);
  snprintf(name, sizeof name, "%s.weight", names->positions);
  return att_name_add(&n, name,
                      (att_parameter_plan){.rows = rows,
                                           .cols = decoder ? c->d_model : att_config_embedding(c),
                                           .rank = 2,
                                           .fixed = !learned || names->fixed_positions,
                                           .not_in_file = !learned,
                                           .optional = !learned,
                                           .floats = true,
                                           .weight = &stack_of(model, decoder)->positions,
                                           .frozen_row = -1});
}

/* T5's table, of all layers of a stack (Raffel et al. 2020, section 2.1). */
static att_status add_distances(att_model *model, bool decoder, const att_stack_names *names) {
  const att_config *c = &model->config;
  att_namer n = {.model = model};
  snprintf(n.prefix, sizeof n.prefix, "%s", names->prefix);
  snprintf(n.part, sizeof n.part, "%s positions", names->part);
  return att_name_add(&n, names->distances ? names->distances : "relative_attention_bias.weight",
                      (att_parameter_plan){.rows = c->relative_buckets,
                                           .cols = decoder ? c->decoder_attention_heads : c->encoder_attention_heads,
                                           .rank = 2,
                                           .floats = true,
                                           .weight = &stack_of(model, decoder)->distances,
                                           .frozen_row = -1});
}

/* One that reads `inputs` columns. */
static att_status add_convolution(att_namer *n, const char *base, int64_t inputs, att_linear_layer *layer) {
  enum { KERNEL = 3 };
  char name[32];
  int64_t outputs = n->model->config.d_model;
  att_parameter_plan plan = {.rows = outputs, .cols = KERNEL * inputs, .rank = 2, .kernel = KERNEL, .frozen_row = -1};
  plan.decay = true;
  plan.weight = &layer->weight;
  snprintf(name, sizeof name, "%s.weight", base);
  ATT_TRY(att_name_add(n, name, plan));
  snprintf(name, sizeof name, "%s.bias", base);
  return att_name_add(
      n, name, (att_parameter_plan){.rows = 1, .cols = outputs, .rank = 1, .weight = &layer->bias, .frozen_row = -1});
}

att_status att_name_convolutions(att_namer *n, att_linear_layer convolutions[2]) {
  const att_config *c = &n->model->config;
  snprintf(n->part, sizeof n->part, "convolutions");
  ATT_TRY(add_convolution(n, "conv1", c->input_width, &convolutions[0]));
  return add_convolution(n, "conv2", c->d_model, &convolutions[1]);
}

att_status att_transformer_input(att_model *model, bool decoder, const att_stack_names *names) {
  att_stack *stack = stack_of(model, decoder);
  att_namer n = {.model = model, .part = "input projection"};
  snprintf(n.prefix, sizeof n.prefix, "%s", names->prefix);
  if (model->config.input_stride) return att_name_convolutions(&n, stack->convolutions);
  return att_name_linear(&n, (const char *const[]){names->input ? names->input : "input_projection", NULL},
                         &model->config.d_model, model->config.input_width, false, true, &stack->input);
}

att_status att_transformer_blocks(att_model *model, bool decoder, const att_stack_names *names) {
  const att_config *c = &model->config;
  att_stack *stack = stack_of(model, decoder);
  stack->layers = decoder ? c->decoder_layers : c->encoder_layers;
  stack->groups = !decoder && c->layer_groups ? c->layer_groups : stack->layers;
  stack->blocks = ATT_NEW(model->ctx, stack->groups, att_block);
  if (!stack->blocks) return ATT_MEMORY;
  for (int64_t i = 0; i < stack->groups; i++) {
    ATT_TRY(add_block(model, decoder, i, names, &stack->blocks[i]));
  }
  return ATT_OK;
}

att_status att_transformer_stack(att_model *model, bool decoder, const att_stack_names *names) {
  const att_config *c = &model->config;
  att_stack *stack = stack_of(model, decoder);
  if (c->position == ATT_LEARNED) ATT_TRY(add_positions(model, decoder, names));
  if (c->position == ATT_RELATIVE || (names->distances_too && c->position != ATT_ALIBI))
    ATT_TRY(add_distances(model, decoder, names));
  ATT_TRY(att_transformer_blocks(model, decoder, names));
  if (!c->norm_before) return ATT_OK;
  att_namer n = {.model = model};
  snprintf(n.prefix, sizeof n.prefix, "%s", names->prefix);
  snprintf(n.part, sizeof n.part, "%s last norm", names->part);
  return att_name_norm(&n, names->norm, c->norm, c->d_model, &stack->norm);
}

att_status att_transformer_positions(att_model *model, bool decoder, const att_stack_names *names) {
  return model->config.position == ATT_SINUSOIDAL ? add_positions(model, decoder, names) : ATT_OK;
}

att_status att_transformer_plan_decoder(att_model *model, const att_stack_names *given) {
  const att_config *c = &model->config;
  att_stack_names names = *given;
  att_transformer *layers;
  att_namer n = {.model = model, .part = "embedding"};
  const att_head_form *form = att_head_form_of(model->head, model->calls);
  if (form && form->prefix) names.prefix = form->prefix;
  if (model->head->bare) names.prefix = "";
  snprintf(n.prefix, sizeof n.prefix, "%s", names.prefix);
  ATT_TRY(att_transformer_new(model, &layers));
  if (c->input_width) ATT_TRY(att_transformer_input(model, true, &names));
  if (!c->input_width) ATT_TRY(att_name_matrix(&n, names.tokens, c->vocab_size, -1, &layers->decoder.tokens));
  const char *const tied[] = {names.output, NULL};
  if (model->head->output && c->tie_word_embeddings) att_name_aliases(model, tied, false);
  ATT_TRY(att_transformer_stack(model, true, &names));
  if (model->head->output && !c->tie_word_embeddings) {
    ATT_TRY(att_name_tokens(model, names.output, "output projection", -1, &layers->output));
  }
  ATT_TRY(att_head_plan(model));
  return att_transformer_positions(model, true, &names);
}

void att_transformer_free(att_model *model) {
  att_transformer *layers = model->layers;
  if (!layers) return;
  att_free(model->ctx, layers->encoder.blocks);
  att_free(model->ctx, layers->decoder.blocks);
  att_free(model->ctx, layers);
}

/* Whether the file had them: those are used, rounded or not, as Transformers does. */
static bool are_read(const att_model *model, const att_weight *positions) {
  for (size_t i = 0; i < model->parameter_count; i++) {
    if (model->parameters[i].weight == positions) return model->parameters[i].in_file;
  }
  return false;
}

static void fill(const att_model *model, const att_weight *positions) {
  const att_transformer *layers = model->layers;
  if (!positions->data || are_read(model, positions)) return;
  int64_t first = layers->first_position;
  float *rows = (float *)(uintptr_t)positions->data; /* of a fixed parameter: the model's own memory */
  att_sinusoids(rows + first * positions->cols, layers->sinusoid, first, positions->rows - first, positions->cols);
}

void att_transformer_fill(att_model *model) {
  const att_transformer *layers = model->layers;
  if (model->config.position != ATT_SINUSOIDAL) return;
  fill(model, &layers->encoder.positions);
  fill(model, &layers->decoder.positions);
}
