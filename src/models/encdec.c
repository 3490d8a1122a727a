/*
 * Owns the encoder-decoder's forward pass (Vaswani et al. 2017, section 3): the same for training, prefill and steps;
 * only where keys and values come from differs.
 */
#include "models/encdec.h"

#include <math.h>

/* Places of dropout outside the blocks. */
enum { ENCODER_EMBEDDING = 1, DECODER_EMBEDDING = 2 };

static const att_weight none;

static att_status check_ids(att_context *ctx, const int32_t *ids, int64_t count, int64_t vocabulary) {
  for (int64_t i = 0; i < count; i++) {
    if (ids[i] < 0 || ids[i] >= vocabulary) {
      return att_fail(ctx, ATT_ARGUMENT, "token id %d is outside the model's vocabulary of %lld", (int)ids[i],
                      (long long)vocabulary);
    }
  }
  return ATT_OK;
}

/* first[i]: the position of sequence i's first row; NULL: 0. */
static att_status embed(att_run *run, att_model *model, const att_stack *stack, const int32_t *ids,
                        att_sequences sequences, const int64_t *first, uint32_t place, att_tensor *x) {
  const att_config *c = &model->config;
  int64_t rows = sequences.start[sequences.count];
  ATT_TRY(check_ids(run->ctx, ids, rows, c->vocab_size));
  int32_t *positions = ATT_ARENA_NEW(run->arena, rows, int32_t);
  if (!positions) return ATT_MEMORY;
  for (int64_t i = 0; i < sequences.count; i++) {
    int64_t begin = first ? first[i] : 0, count = sequences.start[i + 1] - sequences.start[i];
    if (begin + count > c->max_position_embeddings) {
      return att_fail(run->ctx, ATT_ARGUMENT, "a sequence of %lld tokens is longer than the model's %lld positions",
                      (long long)(begin + count), (long long)c->max_position_embeddings);
    }
    for (int64_t t = 0; t < count; t++) {
      positions[sequences.start[i] + t] = (int32_t)(model->layers->first_position + begin + t);
    }
  }
  float scale = c->scale_embedding ? sqrtf((float)c->d_model) : 1.0f;
  const att_weight *tokens = stack->tokens.data ? &stack->tokens : &model->layers->encoder.tokens;
  return att_op_embed(run, tokens, &stack->positions, ids, positions, rows, scale, place, x);
}

static att_status last_norm(att_run *run, att_model *model, const att_stack *stack, att_tensor *x) {
  if (!stack->norm.gamma.data) return ATT_OK;
  att_tensor inner = *x;
  return att_op_layer_norm(run, &inner, &stack->norm.gamma, &stack->norm.beta, model->config.layer_norm_epsilon, x);
}

att_status att_encdec_encode(att_run *run, att_model *model, const int32_t *ids, att_sequences sequences,
                             const att_maps *maps, att_tensor *memory) {
  const att_stack *encoder = &model->layers->encoder;
  ATT_TRY(embed(run, model, encoder, ids, sequences, NULL, ENCODER_EMBEDDING, memory));
  att_block_input input = {.sequences = sequences};
  for (int64_t i = 0; i < encoder->layers; i++) {
    input.self_probs = maps && maps->encoder ? maps->encoder[i] : NULL;
    ATT_TRY(att_block_forward(run, &encoder->blocks[i], &input, memory));
  }
  return last_norm(run, model, encoder, memory);
}

att_status att_encdec_decode(att_run *run, att_model *model, const int32_t *ids, att_sequences sequences,
                             const att_tensor *memory, att_sequences memory_sequences, const att_maps *maps,
                             att_tensor *hidden) {
  const att_stack *decoder = &model->layers->decoder;
  ATT_TRY(embed(run, model, decoder, ids, sequences, NULL, DECODER_EMBEDDING, hidden));
  att_block_input input = {.sequences = sequences, .memory = memory, .memory_sequences = memory_sequences};
  for (int64_t i = 0; i < decoder->layers; i++) {
    input.self_probs = maps && maps->decoder ? maps->decoder[i] : NULL;
    input.cross_probs = maps && maps->cross ? maps->cross[i] : NULL;
    ATT_TRY(att_block_forward(run, &decoder->blocks[i], &input, hidden));
  }
  return last_norm(run, model, decoder, hidden);
}

att_status att_encdec_cross(att_run *run, att_model *model, const att_tensor *memory, float *const *cross) {
  const att_stack *decoder = &model->layers->decoder;
  for (int64_t i = 0; i < decoder->layers; i++) ATT_TRY(att_cross_keys(run, &decoder->blocks[i], memory, cross[i]));
  return ATT_OK;
}

att_status att_encdec_step(att_run *run, att_model *model, const int32_t *ids, att_sequences sequences,
                           const att_cache *cache, const att_maps *maps, att_tensor *hidden) {
  const att_stack *decoder = &model->layers->decoder;
  int64_t *past = ATT_ARENA_NEW(run->arena, sequences.count, int64_t);
  if (!past) return ATT_MEMORY;
  for (int64_t i = 0; i < sequences.count; i++) {
    past[i] = cache->self_counts[i] - (sequences.start[i + 1] - sequences.start[i]);
  }
  ATT_TRY(embed(run, model, decoder, ids, sequences, past, DECODER_EMBEDDING, hidden));
  for (int64_t i = 0; i < decoder->layers; i++) {
    att_stored_keys self = {cache->self[i], cache->self_rows, cache->self_counts};
    att_stored_keys cross = {cache->cross[i], cache->cross_rows, cache->cross_counts};
    att_block_input input = {.sequences = sequences, .self_cache = &self, .cross_cache = &cross};
    input.self_probs = maps && maps->decoder ? maps->decoder[i] : NULL;
    input.cross_probs = maps && maps->cross ? maps->cross[i] : NULL;
    ATT_TRY(att_block_forward(run, &decoder->blocks[i], &input, hidden));
  }
  return last_norm(run, model, decoder, hidden);
}

static const att_weight *head_of(const att_model *model) {
  return model->layers->head.data ? &model->layers->head : &model->layers->encoder.tokens;
}

static att_weight logits_bias_of(const att_model *model) {
  return model->layers->logits_bias.data ? model->layers->logits_bias : none;
}

att_status att_encdec_logits(att_run *run, att_model *model, const att_tensor *hidden, att_tensor *logits) {
  att_weight bias = logits_bias_of(model);
  return att_op_linear(run, hidden, head_of(model), &bias, ATT_PLAIN, logits);
}

att_status att_encdec_loss(att_run *run, att_model *model, const att_pairs *pairs, float smoothing, double divisor,
                           att_loss *loss) {
  att_tensor memory, hidden;
  ATT_TRY(check_ids(run->ctx, pairs->labels, pairs->target.start[pairs->target.count], model->config.vocab_size));
  ATT_TRY(att_encdec_encode(run, model, pairs->source_ids, pairs->source, NULL, &memory));
  ATT_TRY(att_encdec_decode(run, model, pairs->inputs, pairs->target, &memory, pairs->source, NULL, &hidden));
  att_weight bias = logits_bias_of(model);
  return att_op_cross_entropy(run, &hidden, head_of(model), &bias, pairs->labels, smoothing, divisor, loss);
}
