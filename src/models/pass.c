/*
 * Owns the checks of ids, lengths and kind that all families share, and the way into the family's own table. See pass.h
 * and family.h.
 */
#include "models/head.h"
#include "models/patching.h"

#include <math.h>
#include <string.h>

/* ---- checks --------------------------------------------------------------------------------------------------- */

static att_status check_tokens(const att_model *model, const att_input *input, int64_t rows) {
  if (input->rows) return att_fail(model->ctx, ATT_ARGUMENT, "the model reads tokens, not rows of floats");
  ATT_TRY(att_check_range(model->ctx, "token id", input->ids, rows, model->config.vocab_size));
  if (!input->types) return ATT_OK;
  return att_check_range(model->ctx, "token type", input->types, rows, model->config.type_vocab_size);
}

static att_status check_rows(const att_model *model, const att_input *input, int64_t rows) {
  int64_t width = att_config_row_width(&model->config);
  if (rows > 0 && !input->rows) {
    return att_fail(model->ctx, ATT_ARGUMENT, "the model reads rows of %lld floats, not tokens", (long long)width);
  }
  for (int64_t i = 0; i < rows * width; i++) {
    if (isfinite(input->rows[i])) continue;
    return att_fail(model->ctx, ATT_NUMERIC, "row %lld of the input holds NaN or infinity", (long long)(i / width));
  }
  return ATT_OK;
}

/* counts: of past and new tokens together, or NULL: the new ones are all. */
static att_status check_input(const att_model *model, bool decoder, const att_input *input, const int64_t *counts) {
  att_context *ctx = model->ctx;
  const att_config *c = &model->config;
  const int64_t *start = input->sequences.start;
  int64_t sequences = input->sequences.count, rows = start[sequences];
  int64_t most = att_config_most_read(c, decoder);
  ATT_TRY(att_config_reads_rows(c, decoder) ? check_rows(model, input, rows) : check_tokens(model, input, rows));
  for (int64_t i = 0; i < sequences && !c->patching.lookback; i++) {
    int64_t count = counts ? counts[i] : start[i + 1] - start[i];
    if (count > most) {
      return att_fail(ctx, ATT_ARGUMENT, "a sequence of %lld %s is longer than the model's %lld positions",
                      (long long)count, input->rows ? "rows" : "tokens", (long long)most);
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
  shape->cross_layers = shape->layers + (model->head->keep != NULL);
}

att_status att_model_encode(att_run *run, att_model *model, const att_input *input, const att_maps *maps,
                            att_tensor *embedded, att_memory *memory) {
  ATT_TRY(check_kind(model, has_encoder(model) && model->calls->encode, "encoder"));
  ATT_TRY(check_input(model, false, input, NULL));
  if (!model->config.patching.lookback) return model->calls->encode(run, model, input, maps, embedded, memory);
  att_input patches;
  const float *scales;
  ATT_TRY(att_patch(run, &model->config, input, &patches, &scales));
  ATT_TRY(model->calls->encode(run, model, &patches, maps, embedded, memory));
  memory->scales = scales;
  return ATT_OK;
}

att_status att_model_decode(att_run *run, att_model *model, const att_input *input, const att_memory *memory,
                            const att_maps *maps, att_tensor *embedded, att_tensor *hidden) {
  ATT_TRY(check_kind(model, has_decoder(model) && model->calls->decode, "decoder"));
  if (has_memory(model) != (memory != NULL)) {
    return att_fail(model->ctx, ATT_ARGUMENT, "the decoder of this model %s the encoder's output",
                    memory ? "does not read" : "needs");
  }
  ATT_TRY(check_input(model, true, input, NULL));
  return model->calls->decode(run, model, input, memory, maps, embedded, hidden);
}

att_status att_model_cross(att_run *run, att_model *model, const att_memory *memory, const int32_t *rows,
                           void *const *cross) {
  ATT_TRY(check_kind(model, has_memory(model) && model->calls->cross, "encoder beside its decoder"));
  ATT_TRY(model->calls->cross(run, model, memory, rows, cross));
  return model->head->keep ? model->head->keep(run, model, memory, rows, cross) : ATT_OK;
}

/* A dynamic base changes with every token; keys of the past stay as they are then, as in Transformers. */
bool att_model_goes_on(const att_model *model, int64_t from, int64_t to) {
  const att_config *c = &model->config;
  return c->position != ATT_ROTARY || c->rope.scaling != ATT_ROPE_LONGROPE || att_rope_alike(&c->rope, from, to);
}

/* A text whose past was read as a shorter one. */
static att_status check_past(const att_model *model, const att_input *input, const att_cache *cache) {
  for (int64_t i = 0; i < input->sequences.count && !cache->lengths; i++) {
    int64_t count = cache->self_counts[i], past = count - (input->sequences.start[i + 1] - input->sequences.start[i]);
    if (past == 0 || att_model_goes_on(model, past, count)) continue;
    return att_fail(model->ctx, ATT_ARGUMENT, "a text grows from %lld to %lld tokens, and its past is not read again",
                    (long long)past, (long long)count);
  }
  return ATT_OK;
}

att_status att_model_step(att_run *run, att_model *model, const att_input *input, const att_cache *cache,
                          const att_maps *maps, att_tensor *hidden) {
  ATT_TRY(check_kind(model, has_decoder(model) && model->calls->step, "decoder that goes on step by step"));
  ATT_TRY(check_input(model, true, input, cache->self_counts));
  ATT_TRY(check_past(model, input, cache));
  return model->calls->step(run, model, input, cache, maps, hidden);
}

/* What the decoder reads before a text that it reads too (Lewis et al. 2020, section 3): the start token; mbart's,
 * which has none, the text's last token, found as shift_tokens_right does by how many are no padding. */
static int32_t first_token(const att_model *model, const int32_t *ids, int64_t count) {
  const att_config *c = &model->config;
  int64_t real = 0;
  if (!model->calls->wraps) return c->decoder_start;
  for (int64_t i = 0; i < count; i++) real += ids[i] != c->pad;
  return ids[real ? real - 1 : 0];
}

/* The decoder reads the text one token later. */
static att_status read_twice(att_run *run, att_model *model, const att_input *input, const att_maps *maps,
                             att_tensor *embedded, att_hidden *hidden) {
  const int64_t *start = input->sequences.start;
  att_input source = *input, target = *input;
  att_memory *memory = ATT_ARENA_NEW(run->arena, 1, att_memory);
  int32_t *ids = ATT_ARENA_NEW(run->arena, start[input->sequences.count], int32_t);
  if (!memory || !ids) return ATT_MEMORY;
  source.pooled = target.pooled = false;
  hidden->ids = input->ids;
  ATT_TRY(att_model_encode(run, model, &source, maps, embedded, memory));
  for (int64_t i = 0; i < input->sequences.count; i++) {
    int64_t count = start[i + 1] - start[i];
    if (count == 0) continue;
    ids[start[i]] = first_token(model, input->ids + start[i], count);
    memcpy(ids + start[i] + 1, input->ids + start[i], (size_t)(count - 1) * sizeof *ids);
  }
  target.ids = ids;
  return att_model_decode(run, model, &target, memory, NULL, NULL, &hidden->rows);
}

att_status att_model_hidden(att_run *run, att_model *model, const att_input *input, const att_maps *maps,
                            att_tensor *embedded, att_hidden *hidden) {
  *hidden = (att_hidden){.sequences = input->sequences};
  if (att_model_reads_twice(model)) return read_twice(run, model, input, maps, embedded, hidden);
  if (!has_encoder(model)) return att_model_decode(run, model, input, NULL, maps, embedded, &hidden->rows);
  att_memory memory;
  ATT_TRY(att_model_encode(run, model, input, maps, embedded, &memory));
  hidden->rows = memory.rows;
  hidden->sequences = memory.sequences;
  hidden->scales = memory.scales;
  return ATT_OK;
}

/* ---- the head ------------------------------------------------------------------------------------------------- */

att_status att_head_logits(att_run *run, att_model *model, const att_hidden *hidden, att_tensor *logits) {
  ATT_TRY(check_kind(model, model->head->logits != NULL, "head"));
  ATT_TIMED(run->ctx, ATT_TIMED_HEAD, model->head->logits(run, model, hidden, logits));
  return ATT_OK;
}

att_status att_model_logits(att_run *run, att_model *model, const att_tensor *hidden, att_tensor *logits) {
  ATT_TRY(check_kind(model, model->head->output, "head of tokens"));
  return att_head_logits(run, model, &(att_hidden){.rows = *hidden}, logits);
}

int64_t att_batch_targets(const att_model *model, const att_batch *batch) {
  return model->head->targets ? model->head->targets(model, batch) : 0;
}

att_status att_head_loss(att_run *run, att_model *model, const att_hidden *hidden, const att_batch *batch,
                         float smoothing, double divisor, att_loss *loss) {
  ATT_TRY(check_kind(model, model->head->loss != NULL, "head"));
  return model->head->loss(run, model, hidden, batch, smoothing, divisor, loss);
}

att_status att_model_loss(att_run *run, att_model *model, const att_batch *batch, float smoothing, double divisor,
                          att_loss *loss) {
  att_memory memory;
  att_hidden hidden = {.sequences = batch->target.sequences, .memory = &memory};
  if (!has_memory(model) || att_model_reads_twice(model)) {
    const att_input *read = has_encoder(model) ? &batch->source : &batch->target;
    ATT_TRY(att_model_hidden(run, model, read, NULL, NULL, &hidden));
  } else {
    ATT_TRY(att_model_encode(run, model, &batch->source, NULL, NULL, &memory));
    ATT_TRY(att_model_decode(run, model, &batch->target, &memory, NULL, NULL, &hidden.rows));
  }
  return att_head_loss(run, model, &hidden, batch, smoothing, divisor, loss);
}
