/* Owns what evaluate.h says. */
#include "train/tasks/validation.h"

#include <math.h>

#define ATT_MOST_ASKED  500 /* translations of a validation: BLEU to about a point, at little cost */
#define ATT_ASKED_BATCH 64

/* ---- making --------------------------------------------------------------------------------------------------- */

static att_status copy_references(att_validation *e, const att_lines *lines) {
  for (int64_t i = 0; i < e->asked_count; i++) {
    att_text line = lines->target[e->corpus.line[e->asked[i]]];
    ATT_TRY(att_buffer_append(e->ctx, &e->reference_text, line.data, line.size));
    e->references[i].size = line.size;
  }
  size_t at = 0;
  for (int64_t i = 0; i < e->asked_count; i++) {
    e->references[i].data = e->reference_text.data + at;
    at += e->references[i].size;
  }
  return ATT_OK;
}

/* Those asked stand evenly among all, so that short and long ones have their share. */
static att_status choose_asked(att_validation *e, const att_lines *lines) {
  int64_t pairs = e->corpus.count;
  e->asked_count = pairs < ATT_MOST_ASKED ? pairs : ATT_MOST_ASKED;
  e->asked = ATT_NEW(e->ctx, e->asked_count, int32_t);
  e->references = ATT_NEW(e->ctx, e->asked_count, att_text);
  e->hypotheses = ATT_NEW(e->ctx, e->asked_count, att_text);
  e->ends = ATT_NEW(e->ctx, e->asked_count, size_t);
  if (!e->asked || !e->references || !e->hypotheses || !e->ends) return ATT_MEMORY;
  for (int64_t i = 0; i < e->asked_count; i++) e->asked[i] = e->batches.sorted[i * pairs / e->asked_count];
  return copy_references(e, lines);
}

att_status att_validation_new(att_context *ctx, att_corpus *corpus, const att_lines *lines, const att_plan *plan,
                              bool rouge, att_validation *e) {
  *e = (att_validation){.ctx = ctx, .corpus = *corpus, .lowercase = plan->lowercase == 1, .rouge = rouge};
  for (int64_t i = 0; i < corpus->count; i++) {
    int64_t length = corpus->target_start[i + 1] - corpus->target_start[i];
    if (length > e->longest) e->longest = length;
  }
  att_status status = att_batches_new(ctx, &e->corpus, plan->batch_tokens, plan->batch, &e->batches);
  if (!status) status = choose_asked(e, lines);
  if (status) {
    e->corpus = (att_corpus){0};
    att_validation_free(e);
  } else {
    *corpus = (att_corpus){0};
  }
  return status;
}

void att_validation_free(att_validation *e) {
  if (!e->ctx) return;
  att_batches_free(e->ctx, &e->batches);
  att_corpus_free(e->ctx, &e->corpus);
  att_free(e->ctx, e->asked);
  att_free(e->ctx, e->references);
  att_free(e->ctx, e->hypotheses);
  att_free(e->ctx, e->ends);
  att_buffer_free(e->ctx, &e->text);
  att_buffer_free(e->ctx, &e->reference_text);
  *e = (att_validation){0};
}

/* ---- measuring ------------------------------------------------------------------------------------------------ */

static att_status interrupted(const att_validation *e) {
  return att_is_interrupted(e->ctx) ? att_fail(e->ctx, ATT_INTERRUPTED, "interrupted while validating") : ATT_OK;
}

static att_status measure_loss(att_validation *e, att_model *model, att_arena *arena, double *loss) {
  att_loss sum = {0};
  for (int64_t b = 0; b < e->batches.count; b++) {
    att_run run = {.ctx = e->ctx, .arena = arena};
    att_batch batch = att_batches_get(&e->batches, b, model->config.decoder_start);
    att_arena_reset(arena);
    ATT_TRY(interrupted(e));
    ATT_TRY(att_model_loss(&run, model, &batch, 0, 1, &sum));
  }
  *loss = sum.nll / (double)sum.count;
  return ATT_OK;
}

/* Greedy translations of asked[begin .. begin + count), appended to the text. */
static att_status translate(att_validation *e, att_model *model, att_arena *arena, int64_t begin, int64_t count) {
  int64_t start[ATT_ASKED_BATCH + 1] = {0}, longest = 0;
  att_outputs outputs[ATT_ASKED_BATCH];
  att_arena_reset(arena);
  for (int64_t i = 0; i < count; i++) {
    const int64_t *at = e->corpus.source_start + e->asked[begin + i];
    start[i + 1] = start[i] + at[1] - at[0];
    if (at[1] - at[0] > longest) longest = at[1] - at[0];
  }
  int32_t *ids = ATT_ARENA_NEW(arena, start[count], int32_t);
  if (!ids) return ATT_MEMORY;
  for (int64_t i = 0; i < count; i++) {
    const int32_t *from = e->corpus.source.data + e->corpus.source_start[e->asked[begin + i]];
    for (int64_t t = start[i]; t < start[i + 1]; t++) ids[t] = *from++;
  }
  if (e->rouge) longest = e->longest;
  int64_t limit = longest + longest / 2 + 10, most = model->config.max_position_embeddings;
  att_decode_options options;
  att_decode_options_default(model, &options);
  options.beam = options.nbest = 1;
  options.temperature = 0;
  options.max_length = (int)(limit < most ? limit : most);
  options.batch_tokens = start[count];
  ATT_TRY(att_decode_batch(model, arena, ids, (att_sequences){count, start}, NULL, &options, outputs));
  for (int64_t i = 0; i < count; i++) {
    const att_output *best = outputs[i].best;
    if (outputs[i].count > 0) {
      ATT_TRY(att_tokenizer_decode(model->tokenizer, e->ctx, best->tokens, (size_t)best->count, true, &e->text));
    }
    e->ends[begin + i] = e->text.size;
  }
  return ATT_OK;
}

static att_status measure_bleu(att_validation *e, double *score) {
  const att_text *references = e->references;
  att_bleu_options options;
  att_bleu_result result;
  att_bleu_options_default(&options);
  options.lowercase = e->lowercase;
  ATT_TRY(att_bleu(e->ctx, e->hypotheses, (size_t)e->asked_count, &references, 1, &options, &result));
  *score = result.score;
  return ATT_OK;
}

static att_status measure_rouge(att_validation *e, double *score) {
  const att_text *references = e->references;
  att_rouge_result result;
  ATT_TRY(att_rouge(e->ctx, e->hypotheses, (size_t)e->asked_count, &references, 1, NULL, NULL, &result));
  *score = 100 * result.mean.kinds[ATT_ROUGE_L].f;
  return ATT_OK;
}

static att_status measure_quality(att_validation *e, att_model *model, att_arena *arena, double *score) {
  e->text.size = 0;
  for (int64_t begin = 0; begin < e->asked_count; begin += ATT_ASKED_BATCH) {
    int64_t rest = e->asked_count - begin;
    ATT_TRY(interrupted(e));
    ATT_TRY(translate(e, model, arena, begin, rest < ATT_ASKED_BATCH ? rest : ATT_ASKED_BATCH));
  }
  for (int64_t i = 0; i < e->asked_count; i++) {
    size_t begin = i ? e->ends[i - 1] : 0;
    e->hypotheses[i] = (att_text){e->text.data ? e->text.data + begin : "", e->ends[i] - begin};
  }
  return e->rouge ? measure_rouge(e, score) : measure_bleu(e, score);
}

att_status att_validation_run(att_validation *e, att_model *model, att_arena *arena, att_score_of_model *score) {
  *score = (att_score_of_model){.loss = INFINITY, .quality = -1};
  ATT_TRY(measure_loss(e, model, arena, &score->loss));
  if (!isfinite(score->loss)) return ATT_OK; /* nothing to translate with */
  return measure_quality(e, model, arena, &score->quality);
}
