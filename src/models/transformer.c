/*
 * Owns the Transformer's forward pass (Vaswani et al. 2017, section 3): the same for every family, and for training,
 * prefill and steps; only where keys and values come from differs.
 */
#include "models/transformer.h"

#include <math.h>

/* Places of dropout outside the blocks. */
enum { ENCODER_EMBEDDING = 1, DECODER_EMBEDDING = 2 };

static const att_weight none;

static att_transformer *layers_of(const att_model *model) { return model->layers; }

/* first[i]: the position of sequence i's first row; NULL: 0. */
static att_status number_positions(att_run *run, const att_model *model, att_sequences sequences, const int64_t *first,
                                   int32_t **out) {
  int32_t *positions = *out = ATT_ARENA_NEW(run->arena, sequences.start[sequences.count], int32_t);
  if (!positions) return ATT_MEMORY;
  for (int64_t i = 0; i < sequences.count; i++) {
    int64_t begin = layers_of(model)->first_position + (first ? first[i] : 0);
    for (int64_t row = sequences.start[i]; row < sequences.start[i + 1]; row++) positions[row] = (int32_t)begin++;
  }
  return ATT_OK;
}

static att_status embed(att_run *run, att_model *model, const att_stack *stack, const att_input *input,
                        const int64_t *first, uint32_t place, att_tensor *embedded, att_tensor *x) {
  const att_config *c = &model->config;
  int64_t rows = input->sequences.start[input->sequences.count];
  int32_t *positions;
  ATT_TRY(number_positions(run, model, input->sequences, first, &positions));
  float scale = c->scale_embedding ? sqrtf((float)c->d_model) : 1.0f;
  const att_weight *tokens = stack->tokens.data ? &stack->tokens : &layers_of(model)->encoder.tokens;
  ATT_TRY(att_op_embed(run, tokens, &stack->positions, input->ids, positions, rows, scale, place, x));
  if (embedded) *embedded = *x;
  if (embedded && run->tape) x->gradient->keep = true;
  return ATT_OK;
}

static att_status last_norm(att_run *run, att_model *model, const att_stack *stack, att_tensor *x) {
  if (!stack->norm.gamma.data) return ATT_OK;
  att_tensor inner = *x;
  return att_norm_forward(run, &stack->norm, model->config.norm, model->config.layer_norm_epsilon, &inner, x);
}

att_status att_transformer_encode(att_run *run, att_model *model, const att_input *input, const att_maps *maps,
                                  att_tensor *embedded, att_memory *memory) {
  const att_stack *encoder = &layers_of(model)->encoder;
  *memory = (att_memory){.sequences = input->sequences};
  ATT_TRY(embed(run, model, encoder, input, NULL, ENCODER_EMBEDDING, embedded, &memory->rows));
  att_block_input block = {.sequences = input->sequences};
  for (int64_t i = 0; i < encoder->layers; i++) {
    block.self_probs = maps && maps->encoder ? maps->encoder[i] : NULL;
    ATT_TRY(att_block_forward(run, &encoder->blocks[i], &block, &memory->rows));
  }
  return last_norm(run, model, encoder, &memory->rows);
}

att_status att_transformer_decode(att_run *run, att_model *model, const att_input *input, const att_memory *memory,
                                  const att_maps *maps, att_tensor *embedded, att_tensor *hidden) {
  const att_stack *decoder = &layers_of(model)->decoder;
  ATT_TRY(embed(run, model, decoder, input, NULL, DECODER_EMBEDDING, embedded, hidden));
  att_block_input block = {.sequences = input->sequences};
  if (memory) {
    block.memory = &memory->rows;
    block.memory_sequences = memory->sequences;
  }
  for (int64_t i = 0; i < decoder->layers; i++) {
    block.self_probs = maps && maps->decoder ? maps->decoder[i] : NULL;
    block.cross_probs = maps && maps->cross ? maps->cross[i] : NULL;
    ATT_TRY(att_block_forward(run, &decoder->blocks[i], &block, hidden));
  }
  return last_norm(run, model, decoder, hidden);
}

void att_transformer_cache_shape(const att_model *model, att_cache_shape *shape) {
  const att_stack *decoder = &layers_of(model)->decoder;
  *shape = (att_cache_shape){.layers = decoder->layers};
  if (!decoder->layers) return;
  const att_block *last = &decoder->blocks[decoder->layers - 1];
  shape->self_width = 2 * (int64_t)last->kv_heads * last->head_size;
  if (!last->has_cross) return;
  shape->cross_width = 2 * model->config.d_model;
  shape->look_heads = last->heads;
}

att_status att_transformer_cross(att_run *run, att_model *model, const att_memory *memory, float *const *cross) {
  const att_stack *decoder = &layers_of(model)->decoder;
  for (int64_t i = 0; i < decoder->layers; i++) {
    ATT_TRY(att_cross_keys(run, &decoder->blocks[i], &memory->rows, cross[i]));
  }
  return ATT_OK;
}

att_status att_transformer_step(att_run *run, att_model *model, const att_input *input, const att_cache *cache,
                                const att_maps *maps, att_tensor *hidden) {
  const att_stack *decoder = &layers_of(model)->decoder;
  att_sequences sequences = input->sequences;
  int64_t *past = ATT_ARENA_NEW(run->arena, sequences.count, int64_t);
  if (!past) return ATT_MEMORY;
  for (int64_t i = 0; i < sequences.count; i++) {
    past[i] = cache->self_counts[i] - (sequences.start[i + 1] - sequences.start[i]);
  }
  ATT_TRY(embed(run, model, decoder, input, past, DECODER_EMBEDDING, NULL, hidden));
  for (int64_t i = 0; i < decoder->layers; i++) {
    att_stored_keys self = {cache->self[i], cache->self_rows, cache->self_counts}, cross;
    att_block_input block = {.sequences = sequences, .self_cache = &self};
    if (decoder->blocks[i].has_cross) {
      cross = (att_stored_keys){cache->cross[i], cache->cross_rows, cache->cross_counts};
      block.cross_cache = &cross;
    }
    block.self_probs = maps && maps->decoder ? maps->decoder[i] : NULL;
    block.cross_probs = maps && maps->cross ? maps->cross[i] : NULL;
    ATT_TRY(att_block_forward(run, &decoder->blocks[i], &block, hidden));
  }
  return last_norm(run, model, decoder, hidden);
}

att_status att_transformer_head(att_run *run, att_model *model, const att_tensor *hidden, att_tensor *rows,
                                att_weight *weight, att_weight *bias) {
  const att_transformer *layers = model->layers;
  (void)run;
  *rows = *hidden;
  *weight = layers->head.data             ? layers->head
            : layers->encoder.tokens.data ? layers->encoder.tokens
                                          : layers->decoder.tokens;
  *bias = layers->head_bias.data ? layers->head_bias : none;
  return ATT_OK;
}
