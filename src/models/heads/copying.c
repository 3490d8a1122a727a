/*
 * Owns the head that writes or copies: a pointer-generator network's (See et al. 2017, section 2.2) over a decoder and
 * the encoder's memory. It reads the family's output projection, as the head of tokens does, and points at the tokens
 * of the source by an attention of one head of its own. Its gate is made of the context vector and of the decoder's
 * row; the paper's third part, of what the decoder has just read, is in that row already: residual connections carry
 * it.
 *
 * The cache keeps of a source's row the key, the gate's part and, as bits, the token.
 */
#include "models/head.h"
#include "models/transformer.h"

#include <string.h>

enum { QUERY, KEY, LAYERS, WIDEST = 256 }; /* WIDEST: of attention's kernels */

/* What the family's layers keep; the head's own rows stand behind them, as wide. */
static att_cache_shape shape_of(const att_model *model) {
  att_cache_shape shape = {0};
  model->calls->cache_shape(model, &shape);
  return shape;
}

/* As wide as the decoder's heads together, within what the kernels take. */
static int64_t choose_width(const att_model *model) {
  const att_cache_shape shape = shape_of(model);
  return shape.cross_width / 2 < WIDEST ? shape.cross_width / 2 : WIDEST;
}

static att_status plan(att_model *model) {
  const int64_t rows[] = {choose_width(model), 1}, in = model->config.d_model;
  att_namer n = {.model = model, .part = "copying"};
  att_linear_layer *layers = model->head_layers = ATT_NEW(model->ctx, LAYERS, att_linear_layer);
  if (!layers) return ATT_MEMORY;
  ATT_TRY(att_name_linear(&n, (const char *const[]){"copy_query", "copy_gate", NULL}, rows, in, false, true,
                          &layers[QUERY]));
  return att_name_linear(&n, (const char *const[]){"copy_key", "copy_gate_context", NULL}, rows, in, false, false,
                         &layers[KEY]);
}

static att_status check(att_context *ctx, const char *name, const att_config *config) {
  if (config->label_count == 0 && !config->input_width && config->family != ATT_RECURRENT &&
      config->family != ATT_PADDED)
    return ATT_OK;
  return att_fail(ctx, ATT_UNSUPPORTED, "%s: copying is for Transformers that read tokens", name);
}

static att_status project(att_run *run, const att_model *model, int which, const att_tensor *x, att_tensor *out) {
  const att_linear_layer *layer = (const att_linear_layer *)model->head_layers + which;
  return att_op_linear(run, x, &layer->weight, &layer->bias, ATT_PLAIN, out);
}

static att_status keep(att_run *run, att_model *model, const att_memory *memory, const int32_t *rows,
                       void *const *cross) {
  const att_cache_shape shape = shape_of(model);
  att_tensor keys;
  att_arena_mark mark = att_arena_save(run->arena);
  ATT_TRY(project(run, model, KEY, &memory->rows, &keys));
  for (int64_t i = 0; i < keys.rows; i++) {
    float *to = (float *)cross[shape.layers] + (rows ? rows[i] : i) * shape.cross_width;
    memcpy(to, keys.data + i * keys.stride, (size_t)keys.cols * sizeof *to);
    memcpy(to + keys.cols, &memory->ids[i], sizeof *memory->ids);
  }
  att_arena_restore(run->arena, mark);
  return ATT_OK;
}

/* ---- where it points ------------------------------------------------------------------------------------------- */

static att_status point_at_cache(att_run *run, const att_model *model, const att_cache *cache, int64_t count,
                                 att_pointer *p) {
  const att_cache_shape shape = shape_of(model);
  const int32_t **ids = ATT_ARENA_NEW(run->arena, count, const int32_t *);
  if (!ids) return ATT_MEMORY;
  const int64_t cols = p->queries.cols, stride = shape.cross_width;
  p->keys = (att_tensor){.data = cache->cross[shape.layers], .cols = cols, .stride = stride};
  for (int64_t i = 0; i < count; i++) {
    int32_t *of_source = ATT_ARENA_NEW(run->arena, cache->cross_counts[i], int32_t);
    if (!of_source) return ATT_MEMORY;
    for (int64_t j = 0; j < cache->cross_counts[i]; j++)
      memcpy(&of_source[j], p->keys.data + cache->cross_rows[i][j] * stride + cols, sizeof *of_source);
    ids[i] = of_source;
  }
  p->key_rows = cache->cross_rows;
  p->key_counts = cache->cross_counts;
  p->ids = ids;
  return ATT_OK;
}

static att_status point_at_memory(att_run *run, const att_model *model, const att_memory *memory, att_pointer *p) {
  const int32_t **ids = ATT_ARENA_NEW(run->arena, memory->sequences.count, const int32_t *);
  if (!ids) return ATT_MEMORY;
  ATT_TRY(project(run, model, KEY, &memory->rows, &p->keys));
  for (int64_t i = 0; i < memory->sequences.count; i++) ids[i] = memory->ids + memory->sequences.start[i];
  p->sources = memory->sequences;
  p->ids = ids;
  return ATT_OK;
}

static att_status point(att_run *run, const att_model *model, const att_hidden *hidden, att_pointer *p) {
  *p = (att_pointer){.rows = hidden->sequences};
  ATT_TRY(project(run, model, QUERY, &hidden->rows, &p->queries));
  if (hidden->cache) return point_at_cache(run, model, hidden->cache, hidden->sequences.count, p);
  if (hidden->memory && hidden->memory->ids) return point_at_memory(run, model, hidden->memory, p);
  return att_fail(run->ctx, ATT_ARGUMENT, "copying needs the source beside the decoder's rows");
}

static att_status logits(att_run *run, att_model *model, const att_hidden *hidden, att_tensor *out) {
  att_pointer pointer;
  ATT_TRY(att_head_token_logits(run, model, hidden, out));
  ATT_TRY(point(run, model, hidden, &pointer));
  return att_op_pointer_logits(run, out, &pointer);
}

/* ---- learning --------------------------------------------------------------------------------------------------- */

/* The rows that have labels, and which sequences they are of; label_rows ascend. */
static att_status pick(att_run *run, const att_model *model, const att_hidden *hidden, const att_batch *batch,
                       att_hidden *picked) {
  ATT_TRY(att_head_pick(run, hidden, batch, model->config.vocab_size, picked));
  if (!batch->label_rows) return ATT_OK;
  const att_sequences *all = &hidden->sequences;
  int64_t *start = ATT_ARENA_NEW(run->arena, all->count + 1, int64_t), at = 0;
  if (!start) return ATT_MEMORY;
  for (int64_t i = 0; i <= all->count; i++) {
    while (at < batch->label_count && batch->label_rows[at] < all->start[i]) at++;
    start[i] = at;
  }
  picked->sequences = (att_sequences){all->count, start};
  return ATT_OK;
}

static att_status loss(att_run *run, att_model *model, const att_hidden *hidden, const att_batch *batch,
                       float smoothing, double divisor, att_loss *out) {
  att_hidden picked;
  att_pointer pointer;
  att_tensor rows;
  att_weight weight, bias;
  ATT_TRY(pick(run, model, hidden, batch, &picked));
  ATT_TRY(point(run, model, &picked, &pointer));
  ATT_TRY(model->calls->output(run, model, &picked.rows, &rows, &weight, &bias));
  return att_op_pointer_loss(run, &rows, &weight, &bias, &pointer, batch->labels, smoothing, divisor, out);
}

const att_head_calls att_copying_head = {
    .name = "copying",
    .kinds = {[ATT_ENCODER_DECODER] = {"an encoder-decoder that copies",
                                       ATT_CAN(TRANSLATE) | ATT_CAN(SUMMARIZE) | ATT_CAN(SCORE_PAIRS)}},
    .vocabulary = true,
    .output = true,
    .check = check,
    .plan = plan,
    .keep = keep,
    .logits = logits,
    .targets = att_label_targets,
    .loss = loss,
};
