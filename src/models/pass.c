/*
 * Owns the checks of ids, lengths and kind that all families share, and the way into the family's own table. See pass.h
 * and family.h.
 */
#include "models/family.h"

/* ---- checks --------------------------------------------------------------------------------------------------- */

static att_status check_range(att_context *ctx, const char *what, const int32_t *ids, int64_t count, int64_t end) {
  for (int64_t i = 0; i < count; i++) {
    if (ids[i] < 0 || ids[i] >= end) {
      return att_fail(ctx, ATT_ARGUMENT, "%s %d is outside the model's %lld", what, (int)ids[i], (long long)end);
    }
  }
  return ATT_OK;
}

/* counts: of past and new tokens together, or NULL: the new ones are all. */
static att_status check_input(const att_model *model, const att_input *input, const int64_t *counts) {
  att_context *ctx = model->ctx;
  const att_config *c = &model->config;
  const int64_t *start = input->sequences.start;
  int64_t sequences = input->sequences.count, rows = start[sequences];
  ATT_TRY(check_range(ctx, "token id", input->ids, rows, c->vocab_size));
  if (input->types) ATT_TRY(check_range(ctx, "token type", input->types, rows, c->type_vocab_size));
  for (int64_t i = 0; i < sequences; i++) {
    int64_t count = counts ? counts[i] : start[i + 1] - start[i];
    if (count > c->max_position_embeddings) {
      return att_fail(ctx, ATT_ARGUMENT, "a sequence of %lld tokens is longer than the model's %lld positions",
                      (long long)count, (long long)c->max_position_embeddings);
    }
  }
  return ATT_OK;
}

static att_status check_kind(const att_model *model, bool has, const char *what) {
  if (has) return ATT_OK;
  return att_fail(model->ctx, ATT_ARGUMENT, "a %s model of this kind has no %s", att_config_type(&model->config), what);
}

static bool has_encoder(const att_model *model) { return model->config.kind != ATT_DECODER; }
static bool has_decoder(const att_model *model) { return model->config.kind != ATT_ENCODER; }
static bool has_memory(const att_model *model) { return model->config.kind == ATT_ENCODER_DECODER; }

/* ---- the calls ------------------------------------------------------------------------------------------------ */

void att_model_cache_shape(const att_model *model, att_cache_shape *shape) {
  *shape = (att_cache_shape){0};
  if (model->calls->cache_shape) model->calls->cache_shape(model, shape);
}

att_status att_model_encode(att_run *run, att_model *model, const att_input *input, const att_maps *maps,
                            att_tensor *embedded, att_memory *memory) {
  ATT_TRY(check_kind(model, has_encoder(model) && model->calls->encode, "encoder"));
  ATT_TRY(check_input(model, input, NULL));
  return model->calls->encode(run, model, input, maps, embedded, memory);
}

att_status att_model_decode(att_run *run, att_model *model, const att_input *input, const att_memory *memory,
                            const att_maps *maps, att_tensor *embedded, att_tensor *hidden) {
  ATT_TRY(check_kind(model, has_decoder(model) && model->calls->decode, "decoder"));
  if (has_memory(model) != (memory != NULL)) {
    return att_fail(model->ctx, ATT_ARGUMENT, "the decoder of this model %s the encoder's output",
                    memory ? "does not read" : "needs");
  }
  ATT_TRY(check_input(model, input, NULL));
  return model->calls->decode(run, model, input, memory, maps, embedded, hidden);
}

att_status att_model_cross(att_run *run, att_model *model, const att_memory *memory, const int32_t *rows,
                           float *const *cross) {
  ATT_TRY(check_kind(model, has_memory(model) && model->calls->cross, "encoder beside its decoder"));
  return model->calls->cross(run, model, memory, rows, cross);
}

att_status att_model_step(att_run *run, att_model *model, const att_input *input, const att_cache *cache,
                          const att_maps *maps, att_tensor *hidden) {
  ATT_TRY(check_kind(model, has_decoder(model) && model->calls->step, "decoder that goes on step by step"));
  ATT_TRY(check_input(model, input, cache->self_counts));
  return model->calls->step(run, model, input, cache, maps, hidden);
}

static att_status head_of(att_run *run, att_model *model, const att_tensor *hidden, att_tensor *rows,
                          att_weight *weight, att_weight *bias) {
  ATT_TRY(check_kind(model, model->config.head == ATT_HEAD_TOKENS && model->calls->head, "head of tokens"));
  return model->calls->head(run, model, hidden, rows, weight, bias);
}

att_status att_model_logits(att_run *run, att_model *model, const att_tensor *hidden, att_tensor *logits) {
  att_tensor rows;
  att_weight weight, bias;
  ATT_TRY(head_of(run, model, hidden, &rows, &weight, &bias));
  return att_op_linear(run, &rows, &weight, &bias, ATT_PLAIN, logits);
}

att_status att_model_hidden(att_run *run, att_model *model, const att_input *input, const att_maps *maps,
                            att_tensor *embedded, att_tensor *hidden) {
  if (!has_encoder(model)) return att_model_decode(run, model, input, NULL, maps, embedded, hidden);
  att_memory memory;
  ATT_TRY(att_model_encode(run, model, input, maps, embedded, &memory));
  *hidden = memory.rows;
  return ATT_OK;
}

static bool has_labels(const att_model *model) {
  return model->config.head != ATT_HEAD_TOKENS && model->config.head != ATT_HEAD_NONE;
}

att_status att_model_classify(att_run *run, att_model *model, const att_input *input, const att_maps *maps,
                              att_tensor *embedded, att_tensor *logits) {
  att_tensor hidden;
  const int64_t *start = input->sequences.start;
  ATT_TRY(check_kind(model, has_labels(model) && model->calls->classify, "head of labels"));
  for (int64_t i = 0; i < input->sequences.count; i++) {
    if (start[i] == start[i + 1]) return att_fail(model->ctx, ATT_ARGUMENT, "a text without tokens has no label");
  }
  ATT_TRY(att_model_hidden(run, model, input, maps, embedded, &hidden));
  return model->calls->classify(run, model, input, &hidden, logits);
}

/* ---- the loss ------------------------------------------------------------------------------------------------- */

int64_t att_batch_targets(const att_model *model, const att_batch *batch) {
  const att_sequences *read = has_decoder(model) ? &batch->target.sequences : &batch->source.sequences;
  if (has_labels(model)) return read->count;
  return has_decoder(model) ? read->start[read->count] : batch->label_count;
}

/* A decoder's hidden rows; of an encoder those that have labels. */
static att_status rows_of(att_run *run, att_model *model, const att_batch *batch, att_tensor *rows) {
  att_memory memory;
  if (has_encoder(model)) ATT_TRY(att_model_encode(run, model, &batch->source, NULL, NULL, &memory));
  if (has_decoder(model)) {
    return att_model_decode(run, model, &batch->target, has_memory(model) ? &memory : NULL, NULL, NULL, rows);
  }
  ATT_TRY(check_range(run->ctx, "row of a label", batch->label_rows, batch->label_count, memory.rows.rows));
  return att_op_rows(run, &memory.rows, batch->label_rows, batch->label_count, rows);
}

static att_status tokens_loss(att_run *run, att_model *model, const att_batch *batch, float smoothing, double divisor,
                              att_loss *loss) {
  att_tensor hidden, rows;
  att_weight weight, bias;
  ATT_TRY(check_range(run->ctx, "label", batch->labels, att_batch_targets(model, batch), model->config.vocab_size));
  ATT_TRY(rows_of(run, model, batch, &hidden));
  ATT_TRY(head_of(run, model, &hidden, &rows, &weight, &bias));
  return att_op_cross_entropy(run, &rows, &weight, &bias, batch->labels, smoothing, divisor, loss);
}

att_status att_model_loss(att_run *run, att_model *model, const att_batch *batch, float smoothing, double divisor,
                          att_loss *loss) {
  if (!has_labels(model)) return tokens_loss(run, model, batch, smoothing, divisor, loss);
  const att_input *read = has_decoder(model) ? &batch->target : &batch->source;
  att_tensor logits;
  att_head head = model->config.head;
  if (head == ATT_HEAD_CLASSES) {
    ATT_TRY(check_range(run->ctx, "class", batch->classes, read->sequences.count, model->config.label_count));
  }
  ATT_TRY(att_model_classify(run, model, read, NULL, NULL, &logits));
  if (head == ATT_HEAD_CLASSES) return att_op_class_loss(run, &logits, batch->classes, smoothing, divisor, loss);
  if (head == ATT_HEAD_LABELS) return att_op_label_loss(run, &logits, batch->values, divisor, loss);
  return att_op_value_loss(run, &logits, batch->values, divisor, loss);
}
