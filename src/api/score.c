/* Owns att_score_pairs, pairs of texts to batches and back, and att_score_text. */
#include "api/text.h"
#include "decode/decode.h"

#include <string.h>

/* Source and target tokens scored together. Sentences stand one after another without padding, so that pairs need no
 * sorting. */
#define ATT_SCORE_TOKENS 2048

typedef struct pairs_batch {
  att_ids source, inputs, labels;
  int64_t *source_start, *target_start; /* [capacity + 1] */
  size_t capacity, count;
  att_ids line; /* scratch */
} pairs_batch;

static att_status append_ids(att_context *ctx, att_ids *to, const int32_t *ids, size_t count) {
  if (count > to->capacity - to->count) {
    size_t capacity = 2 * (to->count + count);
    int32_t *data = att_resize(ctx, to->data, capacity, sizeof *data);
    if (!data) return ATT_MEMORY;
    to->data = data;
    to->capacity = capacity;
  }
  if (count) memcpy(to->data + to->count, ids, count * sizeof *ids);
  to->count += count;
  return ATT_OK;
}

static att_status make_room(att_context *ctx, pairs_batch *b) {
  if (b->count < b->capacity) return ATT_OK;
  size_t capacity = b->capacity ? 2 * b->capacity : 64;
  int64_t *source = att_resize(ctx, b->source_start, capacity + 1, sizeof *source);
  if (!source) return ATT_MEMORY;
  b->source_start = source;
  int64_t *target = att_resize(ctx, b->target_start, capacity + 1, sizeof *target);
  if (!target) return ATT_MEMORY;
  b->target_start = target;
  b->capacity = capacity;
  return ATT_OK;
}

static att_status add_pair(att_model *model, pairs_batch *b, const att_text *source, const att_text *target,
                           size_t number, att_score *score) {
  att_context *ctx = model->ctx;
  bool source_cut, target_cut;
  ATT_TRY(make_room(ctx, b));
  ATT_TRY(att_line_ids(model, *source, number, "source line", false, &b->line, &source_cut));
  if (b->line.count == 0) ATT_TRY(append_ids(ctx, &b->line, &model->config.eos, 1)); /* a model must read something */
  b->source_start[b->count] = (int64_t)b->source.count;
  ATT_TRY(append_ids(ctx, &b->source, b->line.data, b->line.count));
  ATT_TRY(att_line_ids(model, *target, number, "target line", true, &b->line, &target_cut));
  b->target_start[b->count] = (int64_t)b->labels.count;
  ATT_TRY(append_ids(ctx, &b->labels, b->line.data, b->line.count));
  ATT_TRY(append_ids(ctx, &b->inputs, &model->config.decoder_start, 1));
  ATT_TRY(append_ids(ctx, &b->inputs, b->line.data, b->line.count - 1));
  b->count++;
  b->source_start[b->count] = (int64_t)b->source.count;
  b->target_start[b->count] = (int64_t)b->labels.count;
  *score = (att_score){.tokens = (int64_t)b->line.count, .truncated = source_cut || target_cut};
  return ATT_OK;
}

/* Scores the batch, whose first pair is that of scores[0], and empties it. */
static att_status score_batch(att_model *model, att_arena *arena, pairs_batch *b, att_score *scores) {
  if (b->count == 0) return ATT_OK;
  att_arena_reset(arena);
  double *logprobs = ATT_ARENA_NEW(arena, b->count, double);
  if (!logprobs) return ATT_MEMORY;
  int64_t count = (int64_t)b->count;
  att_batch pairs = {.source = {.ids = b->source.data, .sequences = {count, b->source_start}},
                     .target = {.ids = b->inputs.data, .sequences = {count, b->target_start}},
                     .labels = b->labels.data};
  ATT_TRY(att_score_batch(model, arena, &pairs, logprobs));
  for (size_t i = 0; i < b->count; i++) scores[i].logprob = logprobs[i];
  b->count = b->source.count = b->inputs.count = b->labels.count = 0;
  return ATT_OK;
}

static att_status score_all(att_model *model, att_arena *arena, pairs_batch *b, const att_text *sources,
                            const att_text *targets, size_t count, att_score *scores) {
  for (size_t i = 0; i < count; i++) {
    if (att_is_interrupted(model->ctx)) return att_fail(model->ctx, ATT_INTERRUPTED, "interrupted");
    ATT_TRY(add_pair(model, b, &sources[i], &targets[i], i, &scores[i]));
    bool full = b->source.count + b->labels.count >= ATT_SCORE_TOKENS;
    if (full) ATT_TRY(score_batch(model, arena, b, scores + (i + 1 - b->count)));
  }
  return score_batch(model, arena, b, scores + (count - b->count));
}

att_status att_score_pairs(att_model *model, const att_text *sources, const att_text *targets, size_t count,
                           att_score *scores) {
  att_context *ctx = model->ctx;
  if (count && (!sources || !targets || !scores)) {
    return att_fail(ctx, ATT_ARGUMENT, "att_score_pairs needs sources, targets and scores");
  }
  ATT_TRY(att_check_verb(model, ATT_VERB_SCORE_PAIRS));
  att_arena *arena;
  pairs_batch batch = {0};
  ATT_TRY(att_arena_new(ctx, &arena));
  att_status status = score_all(model, arena, &batch, sources, targets, count, scores);
  att_arena_free(arena);
  att_free(ctx, batch.source.data);
  att_free(ctx, batch.inputs.data);
  att_free(ctx, batch.labels.data);
  att_free(ctx, batch.line.data);
  att_free(ctx, batch.source_start);
  att_free(ctx, batch.target_start);
  return status;
}

static att_status score_text(att_model *model, att_arena *arena, att_text text, int64_t stride, att_ids *ids,
                             att_text_score *score) {
  att_context *ctx = model->ctx;
  const att_config *config = &model->config;
  att_ids read = {0};
  att_status status = att_text_ids(model, text, true, "the text", &read);
  bool marked = read.count && read.data[0] == config->bos;
  if (!status && config->bos >= 0 && !marked) status = att_ids_push(ctx, ids, config->bos);
  if (!status) status = append_ids(ctx, ids, read.data, read.count);
  att_free(ctx, read.data);
  if (status) return status;
  *score = (att_text_score){.tokens = ids->count > 1 ? (int64_t)ids->count - 1 : 0, .bytes = (int64_t)text.size};
  return att_score_windows(model, arena, ids->data, (int64_t)ids->count, stride, &score->logprob);
}

att_status att_score_text(att_model *model, att_text text, int64_t stride, att_text_score *score) {
  att_context *ctx = model->ctx;
  if (!score || (text.size && !text.data))
    return att_fail(ctx, ATT_ARGUMENT, "att_score_text needs a text and a score");
  ATT_TRY(att_check_verb(model, ATT_VERB_SCORE_TEXT));
  int64_t context = model->config.max_position_embeddings;
  if (stride == 0) stride = context > 1 ? context / 2 : 1;
  if (context < 2 || stride < 1 || stride >= context) {
    return att_fail(ctx, ATT_ARGUMENT, "stride must be 1 to %lld: less than the model's %lld positions",
                    (long long)context - 1, (long long)context);
  }
  att_arena *arena;
  att_ids ids = {0};
  ATT_TRY(att_arena_new(ctx, &arena));
  att_status status = score_text(model, arena, text, stride, &ids, score);
  att_arena_free(arena);
  att_free(ctx, ids.data);
  return status;
}
