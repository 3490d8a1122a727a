/* Owns what examples.h says. */
#include "train/data/examples.h"

#include "models/series_front.h"

#include <string.h>

/* Of a batch without gradients: tokens enough for the matrix products, few enough for the caches. */
#define ATT_RUN_TOKENS 2048

/* ---- texts to ids --------------------------------------------------------------------------------------------- */

static att_status make_room(att_context *ctx, att_examples *e) {
  if (e->start && e->count < e->capacity) return ATT_OK;
  int64_t capacity = e->capacity ? 2 * e->capacity : 64;
  int64_t *start = att_resize(ctx, e->start, (size_t)capacity + 1, sizeof *start);
  if (!start) return ATT_MEMORY;
  if (!e->start) start[0] = 0;
  e->start = start;
  e->capacity = capacity;
  return ATT_OK;
}

/* A model must read something. */
static att_status push_special(const att_model *model, att_examples *e) {
  const att_config *c = &model->config;
  int32_t special = c->eos >= 0 ? c->eos : c->bos >= 0 ? c->bos : c->unk >= 0 ? c->unk : 0;
  ATT_TRY(att_ids_push(model->ctx, &e->ids, special));
  return att_ids_push(model->ctx, &e->types, 0);
}

att_status att_examples_add(const att_model *model, att_text first, const att_text *second, int64_t most,
                            att_examples *e, bool *truncated) {
  int64_t positions = model->config.max_position_embeddings, begin = (int64_t)e->ids.count;
  bool was_cut = false;
  if (most <= 0 || most > positions) most = positions;
  ATT_TRY(att_model_check_text(model));
  ATT_TRY(make_room(model->ctx, e));
  ATT_TRY(att_tokenizer_encode_pair(model->tokenizer, model->ctx, first, second, most, &e->ids, &e->types, &was_cut));
  if ((int64_t)e->ids.count == begin) ATT_TRY(push_special(model, e));
  int64_t length = (int64_t)e->ids.count - begin;
  if (length > e->longest) e->longest = length;
  e->truncated += was_cut;
  e->start[++e->count] = (int64_t)e->ids.count;
  if (truncated) *truncated = was_cut;
  return ATT_OK;
}

att_status att_examples_end(const att_model *model, att_examples *e) {
  ATT_TRY(make_room(model->ctx, e));
  int64_t length = (int64_t)e->ids.count - e->start[e->count];
  if (length > e->longest) e->longest = length;
  e->start[++e->count] = (int64_t)e->ids.count;
  return ATT_OK;
}

static att_status make_rows(att_context *ctx, att_examples *e, int64_t tokens) {
  if (tokens <= e->room) return ATT_OK;
  int64_t room = tokens > 2 * e->room ? tokens : 2 * e->room;
  float *rows = att_resize(ctx, e->rows, (size_t)room, (size_t)e->width * sizeof *rows);
  if (!rows) return ATT_MEMORY;
  e->rows = rows;
  e->room = room;
  return ATT_OK;
}

att_status att_examples_add_series(const att_model *model, const float *values, int64_t rows, int64_t most,
                                   att_examples *e, bool *truncated) {
  const att_series_front *front = model->series;
  int64_t positions = att_config_most_read(&model->config, model->config.kind == ATT_DECODER);
  if (most <= 0 || most > positions) most = positions;
  bool was_cut = att_series_tokens(front, rows) > most;
  if (was_cut) rows = most * front->patch;
  int64_t tokens = att_series_tokens(front, rows);
  e->width = front->patch * front->channels;
  ATT_TRY(make_room(model->ctx, e));
  ATT_TRY(make_rows(model->ctx, e, e->start[e->count] + tokens));
  ATT_TRY(att_series_front_rows(model->ctx, front, values, rows, NULL, e->rows + e->start[e->count] * e->width));
  if (tokens > e->longest) e->longest = tokens;
  e->truncated += was_cut;
  e->start[e->count + 1] = e->start[e->count] + tokens;
  e->count++;
  if (truncated) *truncated = was_cut;
  return ATT_OK;
}

void att_examples_clear(att_examples *e) {
  e->ids.count = e->types.count = 0;
  e->count = e->truncated = e->longest = 0;
}

void att_examples_free(att_context *ctx, att_examples *e) {
  att_free(ctx, e->ids.data);
  att_free(ctx, e->rows);
  att_free(ctx, e->types.data);
  att_free(ctx, e->start);
  *e = (att_examples){0};
}

/* ---- ids to batches ------------------------------------------------------------------------------------------- */

static att_status give_rows(const att_examples *e, const int32_t *which, int64_t begin, att_sequences sequences,
                            bool pooled, att_arena *arena, att_input *input) {
  size_t token = (size_t)e->width * sizeof(float);
  float *rows = att_arena_alloc(arena, (size_t)sequences.start[sequences.count], token);
  if (!rows) return ATT_MEMORY;
  for (int64_t i = 0; i < sequences.count; i++) {
    int64_t text = which ? which[i] : begin + i, count = sequences.start[i + 1] - sequences.start[i];
    memcpy(rows + sequences.start[i] * e->width, e->rows + e->start[text] * e->width, (size_t)count * token);
  }
  *input = (att_input){.rows = rows, .sequences = sequences, .pooled = pooled};
  return ATT_OK;
}

att_status att_examples_input(const att_model *model, const att_examples *e, const int32_t *which, int64_t begin,
                              int64_t count, att_arena *arena, att_input *input) {
  int64_t *start = ATT_ARENA_NEW(arena, count + 1, int64_t);
  if (!start) return ATT_MEMORY;
  start[0] = 0;
  for (int64_t i = 0; i < count; i++) {
    int64_t text = which ? which[i] : begin + i;
    start[i + 1] = start[i] + e->start[text + 1] - e->start[text];
  }
  if (e->width) return give_rows(e, which, begin, (att_sequences){count, start}, model->head->texts, arena, input);
  int32_t *ids = ATT_ARENA_NEW(arena, start[count], int32_t), *types = ATT_ARENA_NEW(arena, start[count], int32_t);
  if (!ids || !types) return ATT_MEMORY;
  for (int64_t i = 0; i < count; i++) {
    int64_t text = which ? which[i] : begin + i;
    size_t size = (size_t)(start[i + 1] - start[i]) * sizeof *ids;
    memcpy(ids + start[i], e->ids.data + e->start[text], size);
    memcpy(types + start[i], e->types.data + e->start[text], size);
  }
  *input = (att_input){.ids = ids,
                       .types = model->config.type_vocab_size > 1 ? types : NULL,
                       .sequences = {count, start},
                       .pooled = model->head->texts};
  return ATT_OK;
}

int64_t att_examples_fit(const att_examples *e, int64_t begin) {
  int64_t end = begin + 1;
  while (end < e->count && e->start[end + 1] - e->start[begin] <= ATT_RUN_TOKENS) end++;
  return end - begin;
}

att_input *att_batch_texts(const att_model *model, att_batch *batch) {
  return model->config.kind == ATT_DECODER ? &batch->target : &batch->source;
}

/* ---- what the model says -------------------------------------------------------------------------------------- */

att_status att_examples_hidden(att_run *run, att_model *model, const att_examples *e, int64_t begin, int64_t count,
                               att_hidden *hidden) {
  att_input input;
  ATT_TRY(att_examples_input(model, e, NULL, begin, count, run->arena, &input));
  return att_model_hidden(run, model, &input, NULL, NULL, hidden);
}

att_status att_examples_scores(att_run *run, att_model *model, const att_hidden *hidden, double **scores) {
  att_tensor logits;
  ATT_TRY(att_head_logits(run, model, hidden, &logits));
  *scores = att_arena_alloc(run->arena, (size_t)logits.rows, (size_t)logits.cols * sizeof **scores);
  if (!*scores) return ATT_MEMORY;
  for (int64_t i = 0; i < logits.rows; i++)
    model->head->scores(logits.data + i * logits.stride, logits.cols, *scores + i * logits.cols);
  return ATT_OK;
}
