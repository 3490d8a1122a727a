/*
 * Owns the names and shapes of the encoder-decoder's parameters: those of Hugging Face's marian and m2m_100, which
 * differ in positions, final norms and final_logits_bias only.
 */
#include "models/encdec.h"
#include "models/parameters.h"

#include <stdio.h>
#include <string.h>

typedef struct namer {
  att_model *model;
  char prefix[96]; /* "model.encoder.layers.0." */
  char part[96];
} namer;

static att_status add(namer *n, const char *name, att_parameter_plan plan) {
  char full[192];
  snprintf(full, sizeof full, "%s%s", n->prefix, name);
  plan.name = full;
  return att_parameter_add(n->model, n->part, &plan);
}

/* Linear layers that read the same rows, as one weight and one bias: names is "q_proj,k_proj,v_proj"-like, NULL-ended.
 */
static att_status add_linear(namer *n, const char *const *names, int64_t out, int64_t in, att_linear_layer *layer) {
  char name[96];
  for (int i = 0; names[i]; i++) {
    snprintf(name, sizeof name, "%s.weight", names[i]);
    ATT_TRY(add(n, name,
                (att_parameter_plan){.rows = out,
                                     .cols = in,
                                     .rank = 2,
                                     .decay = true,
                                     .joined = i > 0,
                                     .weight = i ? NULL : &layer->weight,
                                     .frozen_row = -1}));
  }
  for (int i = 0; names[i]; i++) {
    snprintf(name, sizeof name, "%s.bias", names[i]);
    ATT_TRY(add(
        n, name,
        (att_parameter_plan){
            .rows = 1, .cols = out, .rank = 1, .joined = i > 0, .weight = i ? NULL : &layer->bias, .frozen_row = -1}));
  }
  return ATT_OK;
}

static att_status add_norm(namer *n, const char *base, int64_t width, att_norm_layer *layer) {
  char name[96];
  att_parameter_plan plan = {.rows = 1, .cols = width, .rank = 1, .frozen_row = -1};
  snprintf(name, sizeof name, "%s.weight", base);
  plan.weight = &layer->gamma;
  ATT_TRY(add(n, name, plan));
  snprintf(name, sizeof name, "%s.bias", base);
  plan.weight = &layer->beta;
  return add(n, name, plan);
}

static att_status add_attention(namer *n, bool cross, int64_t width, att_attention_layer *layer) {
  const char *self_in[] = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", NULL};
  const char *self_out[] = {"self_attn.out_proj", NULL};
  const char *cross_in[] = {"encoder_attn.q_proj", NULL};
  const char *cross_memory[] = {"encoder_attn.k_proj", "encoder_attn.v_proj", NULL};
  const char *cross_out[] = {"encoder_attn.out_proj", NULL};
  ATT_TRY(add_linear(n, cross ? cross_in : self_in, width, width, &layer->in));
  if (cross) ATT_TRY(add_linear(n, cross_memory, width, width, &layer->memory));
  return add_linear(n, cross ? cross_out : self_out, width, width, &layer->out);
}

static att_status add_block(att_model *model, bool decoder, int64_t index, att_block *block) {
  const att_config *c = &model->config;
  const char *side = decoder ? "decoder" : "encoder";
  const char *up[] = {"fc1", NULL}, *down[] = {"fc2", NULL};
  int64_t d = c->d_model, inner = decoder ? c->decoder_ffn_dim : c->encoder_ffn_dim;
  block->has_cross = block->causal = decoder;
  block->norm_before = c->family == ATT_M2M_100;
  block->heads = (int)(decoder ? c->decoder_attention_heads : c->encoder_attention_heads);
  block->activation = att_epilogue_of(c->activation);
  block->epsilon = c->layer_norm_epsilon;
  block->place = (uint32_t)(4 * index + 4) * 2 + (decoder ? 4 : 0);
  namer n = {.model = model};
  snprintf(n.prefix, sizeof n.prefix, "model.%s.layers.%d.", side, (int)index);
  snprintf(n.part, sizeof n.part, "%s layer %d self-attention", side, (int)index);
  ATT_TRY(add_attention(&n, false, d, &block->self));
  ATT_TRY(add_norm(&n, "self_attn_layer_norm", d, &block->self_norm));
  if (decoder) {
    snprintf(n.part, sizeof n.part, "%s layer %d cross-attention", side, (int)index);
    ATT_TRY(add_attention(&n, true, d, &block->cross));
    ATT_TRY(add_norm(&n, "encoder_attn_layer_norm", d, &block->cross_norm));
  }
  snprintf(n.part, sizeof n.part, "%s layer %d feed-forward", side, (int)index);
  ATT_TRY(add_linear(&n, up, inner, d, &block->up));
  ATT_TRY(add_linear(&n, down, d, inner, &block->down));
  return add_norm(&n, "final_layer_norm", d, &block->feedforward_norm);
}

static att_status add_stack(att_model *model, bool decoder, att_stack *stack) {
  const att_config *c = &model->config;
  stack->layers = decoder ? c->decoder_layers : c->encoder_layers;
  stack->blocks = ATT_NEW(model->ctx, stack->layers, att_block);
  if (!stack->blocks) return ATT_MEMORY;
  for (int64_t i = 0; i < stack->layers; i++) ATT_TRY(add_block(model, decoder, i, &stack->blocks[i]));
  if (c->family != ATT_M2M_100) return ATT_OK;
  namer n = {.model = model};
  snprintf(n.prefix, sizeof n.prefix, "model.%s.", decoder ? "decoder" : "encoder");
  snprintf(n.part, sizeof n.part, "%s last norm", decoder ? "decoder" : "encoder");
  return add_norm(&n, "layer_norm", c->d_model, &stack->norm);
}

static void add_aliases(att_model *model, const char *const *names, bool save) {
  att_parameter *p = &model->parameters[model->parameter_count - 1];
  for (int i = 0; names[i]; i++) p->aliases[i] = names[i];
  p->save_aliases = save;
}

static att_status add_table(att_model *model, const char *name, const char *part, att_weight *weight) {
  const att_config *c = &model->config;
  namer n = {.model = model};
  snprintf(n.part, sizeof n.part, "%s", part);
  /* marian's pad is also the start token, and its row is zero and stays so; m2m_100's is never looked up */
  return add(&n, name,
             (att_parameter_plan){.rows = c->vocab_size,
                                  .cols = c->d_model,
                                  .rank = 2,
                                  .decay = false,
                                  .weight = weight,
                                  .frozen_row = c->pad});
}

/* Tied: one matrix under four names, of which Hugging Face writes the first. Untied: three, and `shared` is written as
 * a fourth that none uses. */
static att_status add_embeddings(att_model *model, att_encdec *layers) {
  static const char *const tied[] = {"model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight",
                                     "lm_head.weight", NULL};
  static const char *const shared[] = {"model.shared.weight", NULL};
  if (model->config.tie_word_embeddings) {
    ATT_TRY(add_table(model, "model.shared.weight", "embedding", &layers->encoder.tokens));
    add_aliases(model, tied, false);
    return ATT_OK;
  }
  ATT_TRY(add_table(model, "model.encoder.embed_tokens.weight", "source embedding", &layers->encoder.tokens));
  add_aliases(model, shared, true);
  ATT_TRY(add_table(model, "model.decoder.embed_tokens.weight", "target embedding", &layers->decoder.tokens));
  ATT_TRY(add_table(model, "lm_head.weight", "output projection", &layers->head));
  model->parameters[model->parameter_count - 1].frozen_row = -1;
  return ATT_OK;
}

static att_status add_positions(att_model *model, const char *side, att_weight *weight) {
  const att_config *c = &model->config;
  bool learned = c->position == ATT_LEARNED;
  namer n = {.model = model};
  snprintf(n.prefix, sizeof n.prefix, "model.%s.", side);
  snprintf(n.part, sizeof n.part, "%s positions", side);
  return add(&n, "embed_positions.weight",
             (att_parameter_plan){.rows = c->max_position_embeddings + (learned ? 0 : model->layers->first_position),
                                  .cols = c->d_model,
                                  .rank = 2,
                                  .fixed = !learned,
                                  .not_in_file = !learned,
                                  .weight = weight,
                                  .frozen_row = -1});
}

att_status att_encdec_plan(att_model *model) {
  const att_config *c = &model->config;
  att_encdec *layers = model->layers = ATT_NEW(model->ctx, 1, att_encdec);
  if (!layers) return ATT_MEMORY;
  bool learned = c->position == ATT_LEARNED, offset = c->family == ATT_M2M_100 && !learned;
  layers->first_position = offset ? c->pad + 1 : 0;
  ATT_TRY(add_embeddings(model, layers));
  if (learned) ATT_TRY(add_positions(model, "encoder", &layers->encoder.positions));
  ATT_TRY(add_stack(model, false, &layers->encoder));
  if (learned) ATT_TRY(add_positions(model, "decoder", &layers->decoder.positions));
  ATT_TRY(add_stack(model, true, &layers->decoder));
  if (!learned) { /* what is fixed stands behind all that is trained */
    ATT_TRY(add_positions(model, "encoder", &layers->encoder.positions));
    ATT_TRY(add_positions(model, "decoder", &layers->decoder.positions));
  }
  if (c->family != ATT_MARIAN) return ATT_OK;
  namer n = {.model = model, .part = "final_logits_bias"};
  return add(&n, "final_logits_bias",
             (att_parameter_plan){.rows = 1,
                                  .cols = c->vocab_size,
                                  .rank = 2,
                                  .fixed = true,
                                  .weight = &layers->logits_bias,
                                  .frozen_row = -1});
}

void att_encdec_free(att_model *model) {
  if (!model->layers) return;
  att_free(model->ctx, model->layers->encoder.blocks);
  att_free(model->ctx, model->layers->decoder.blocks);
  att_free(model->ctx, model->layers);
}

static void fill(att_model *model, const att_weight *weight) {
  const att_config *c = &model->config;
  int64_t first = model->layers->first_position;
  float *rows = model->values + ((const float *)weight->data - model->values);
  att_sinusoids(rows + first * weight->cols, c->family == ATT_MARIAN ? ATT_SINUSOID_PAPER : ATT_SINUSOID_M2M, first,
                weight->rows - first, weight->cols);
}

void att_encdec_fill_positions(att_model *model) {
  if (model->config.position != ATT_SINUSOIDAL) return;
  fill(model, &model->layers->encoder.positions);
  fill(model, &model->layers->decoder.positions);
}
