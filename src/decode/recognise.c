/* Owns what recognise.h says. */
#include "decode/recognise.h"

#include "decode/decode.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

att_status att_ctc_encode(att_run *run, att_model *model, const att_input *input, att_memory *memory,
                          att_tensor *logits) {
  ATT_TRY(att_model_encode(run, model, input, NULL, NULL, memory));
  return att_head_ctc_logits(run, model, &memory->rows, logits);
}

/* ---- the decoder alone ------------------------------------------------------------------------------------------ */

static att_status run_search(att_session *session, att_run *run, const att_memory *memory, const att_search_plan *plan,
                             att_search *search) {
  int32_t sequence;
  att_model *model = att_session_model(session);
  ATT_TRY(att_session_add_memory(session, run->arena, memory, &sequence));
  ATT_TRY(att_search_begin(search, session, plan, sequence, model->config.decoder_start));
  while (search->running) ATT_TRY(att_searches_step(session, run->arena, &search, 1));
  return ATT_OK;
}

/* Without the end. */
static att_status take_results(att_run *run, const att_model *model, const att_search *search, int64_t most,
                               att_ctc_text *texts, int64_t *count) {
  *count = search->result_count < most ? search->result_count : most;
  for (int64_t i = 0; i < *count; i++) {
    const att_output *result = &search->results[i];
    bool ended = result->count > 0 && result->tokens[result->count - 1] == model->config.eos;
    int64_t size = result->count - ended;
    int32_t *ids = ATT_ARENA_NEW(run->arena, size + 1, int32_t);
    if (!ids) return ATT_MEMORY;
    memcpy(ids, result->tokens, (size_t)size * sizeof *ids);
    texts[i] = (att_ctc_text){ids, size, -INFINITY};
  }
  return ATT_OK;
}

att_status att_write_heard(att_run *run, att_model *model, const att_memory *memory, int64_t beam, att_ctc_text *texts,
                           int64_t *count) {
  att_session *session;
  att_search search = {0};
  att_search_plan plan;
  att_generation settings;
  att_decode_options options;
  att_decode_options_default(model, &options);
  options.beam = options.nbest = (int)beam;
  options.temperature = 0;
  ATT_TRY(att_decode_plan(model, &options, &settings, &plan));
  if (plan.most > memory->rows.rows + 1) plan.most = memory->rows.rows + 1; /* no more tokens than rows, and the end */
  ATT_TRY(att_session_new(model, 0, &session));
  att_status status = run_search(session, run, memory, &plan, &search);
  if (!status) status = take_results(run, model, &search, beam, texts, count);
  att_search_end(&search);
  att_session_free(session);
  return status;
}

/* ---- both ------------------------------------------------------------------------------------------------------- */

/* The memory of one sound, once for each text. */
static att_status repeat_memory(att_run *run, const att_memory *memory, int64_t times, att_memory *out) {
  int64_t rows = memory->rows.rows, *start = ATT_ARENA_NEW(run->arena, times + 1, int64_t);
  *out = (att_memory){0};
  ATT_TRY(att_tensor_new(run, times * rows, memory->rows.cols, &out->rows));
  if (memory->state.data) ATT_TRY(att_tensor_new(run, times, memory->state.cols, &out->state));
  if (!start) return ATT_MEMORY;
  for (int64_t i = 0; i <= times; i++) start[i] = i * rows;
  for (int64_t i = 0; i < times; i++) {
    for (int64_t r = 0; r < rows; r++)
      memcpy(out->rows.data + (i * rows + r) * out->rows.stride, memory->rows.data + r * memory->rows.stride,
             (size_t)memory->rows.cols * sizeof(float));
    if (memory->state.data)
      memcpy(out->state.data + i * out->state.stride, memory->state.data, (size_t)memory->state.cols * sizeof(float));
  }
  out->sequences = (att_sequences){times, start};
  return ATT_OK;
}

/* What the decoder reads of each text, and is to say: the start, the text; the text, the end. */
static att_status lay_out(att_run *run, const att_model *model, const att_ctc_text *texts, int64_t count,
                          att_input *input, int32_t **labels) {
  int64_t *start = ATT_ARENA_NEW(run->arena, count + 1, int64_t), rows = 0;
  if (!start) return ATT_MEMORY;
  start[0] = 0;
  for (int64_t i = 0; i < count; i++) start[i + 1] = rows += texts[i].count + 1;
  int32_t *ids = ATT_ARENA_NEW(run->arena, rows, int32_t);
  *labels = ATT_ARENA_NEW(run->arena, rows, int32_t);
  if (!ids || !*labels) return ATT_MEMORY;
  for (int64_t i = 0; i < count; i++) {
    size_t size = (size_t)texts[i].count * sizeof *ids;
    ids[start[i]] = model->config.decoder_start;
    memcpy(ids + start[i] + 1, texts[i].ids, size);
    memcpy(*labels + start[i], texts[i].ids, size);
    (*labels)[start[i + 1] - 1] = model->config.eos;
  }
  *input = (att_input){.ids = ids, .sequences = {count, start}};
  return ATT_OK;
}

/* CTC's log-probability of a text; -infinity: it has no way. */
static att_status score_by_ctc(att_run *run, const att_model *model, const att_tensor *logits, att_ctc_text *text) {
  const int64_t start[] = {0, logits->rows}, label_start[] = {0, text->count};
  att_run quiet = *run;
  att_loss loss = {0};
  int64_t impossible;
  quiet.tape = NULL;
  for (int64_t i = 0; i < text->count; i++) {
    if (text->ids[i] == model->config.pad) return ATT_OK;
  }
  ATT_TRY(att_op_ctc_loss(&quiet, logits, (att_sequences){1, start}, text->ids, label_start, model->config.pad, 1,
                          &loss, &impossible));
  if (!impossible) text->logprob = -loss.loss;
  return ATT_OK;
}

static att_status judge(att_run *run, att_model *model, const att_memory *memory, const att_ctc_text *texts,
                        int64_t count, int64_t *best) {
  att_memory repeated;
  att_input input;
  att_tensor hidden, logits;
  int32_t *labels;
  double most = -INFINITY, weight = (double)model->config.ctc_weight;
  *best = 0;
  ATT_TRY(repeat_memory(run, memory, count, &repeated));
  ATT_TRY(lay_out(run, model, texts, count, &input, &labels));
  ATT_TRY(att_model_decode(run, model, &input, &repeated, NULL, NULL, &hidden));
  ATT_TRY(att_model_logits(run, model, &hidden, &logits));
  for (int64_t i = 0; i < count; i++) {
    double score = weight * texts[i].logprob;
    for (int64_t row = input.sequences.start[i]; row < input.sequences.start[i + 1]; row++) {
      const float *x = logits.data + row * logits.stride;
      score += (1 - weight) * ((double)x[labels[row]] - (double)att_kernels_get()->log_sum_exp(x, logits.cols));
    }
    if (score <= most) continue;
    *best = i;
    most = score;
  }
  return ATT_OK;
}

/* CTC's texts, and behind them the decoder's. */
att_status att_recognise_heard(att_run *run, att_model *model, const att_memory *memory, const att_tensor *logits,
                               int64_t beam, att_ctc_text *text) {
  int64_t count = 0, written = 0, best = 0;
  bool alone = model->config.ctc_weight <= 0;
  att_ctc_text *texts = ATT_ARENA_NEW(run->arena, 2 * beam, att_ctc_text);
  if (!texts) return ATT_MEMORY;
  if (!alone) ATT_TRY(att_ctc_beam(run->arena, logits, 0, logits->rows, model->config.pad, beam, texts, &count));
  ATT_TRY(att_write_heard(run, model, memory, beam, texts + count, &written));
  for (int64_t i = count; i < count + written && !alone; i++) ATT_TRY(score_by_ctc(run, model, logits, &texts[i]));
  if (count + written == 0) return att_fail(run->ctx, ATT_NUMERIC, "nothing could be written of a recording");
  if (!alone) ATT_TRY(judge(run, model, memory, texts, count + written, &best));
  *text = texts[best];
  return ATT_OK;
}

att_status att_recognise(att_run *run, att_model *model, const float *rows, int64_t frames, int64_t beam,
                         att_ctc_text *text) {
  const int64_t start[] = {0, frames};
  const att_input input = {.rows = rows, .sequences = {1, start}};
  bool decoder = model->config.kind == ATT_ENCODER_DECODER;
  att_memory memory;
  att_tensor logits;
  ATT_TRY(att_ctc_encode(run, model, &input, &memory, &logits));
  if (decoder) return att_recognise_heard(run, model, &memory, &logits, beam, text);
  int64_t count = 0;
  att_ctc_text *texts = ATT_ARENA_NEW(run->arena, beam, att_ctc_text);
  int32_t *ids = ATT_ARENA_NEW(run->arena, logits.rows + 1, int32_t);
  if (!texts || !ids) return ATT_MEMORY;
  if (beam > 1) {
    ATT_TRY(att_ctc_beam(run->arena, &logits, 0, logits.rows, model->config.pad, beam, texts, &count));
    *text = texts[0];
    return ATT_OK;
  }
  att_ctc_greedy(&logits, 0, logits.rows, model->config.pad, ids, &count);
  *text = (att_ctc_text){ids, count, 0};
  return ATT_OK;
}
