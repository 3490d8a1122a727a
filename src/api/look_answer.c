/* Owns what look_answer.h says. */
#include "api/look_answer.h"

#include "api/look.h"
#include "decode/spans.h"

#include <math.h>
#include <string.h>

enum { WINDOW = 384, STRIDE = 128, BEST = 20, MOST_TOKENS = 30 }; /* att_answer's defaults */

typedef struct finder {
  att_model *model;
  att_arena *arena, *work; /* work: of one pass */
  att_page page;
  att_ids question;
  att_window_plan plan;
  att_span_search search;
} finder;

static att_status read_window(finder *f, int64_t window, att_ids *ids, att_ids *types, size_t *at) {
  ids->count = types->count = 0;
  return att_window_put(f->model, &f->page, &f->plan, window, &f->question, ids, types, at);
}

static att_status search_window(finder *f, int64_t window, att_ids *ids, att_ids *types) {
  att_run run = {.ctx = f->model->ctx, .arena = f->work};
  att_hidden hidden;
  att_tensor logits;
  size_t at;
  att_arena_reset(f->work);
  if (att_is_interrupted(run.ctx)) return att_fail(run.ctx, ATT_INTERRUPTED, "interrupted");
  ATT_TRY(read_window(f, window, ids, types, &at));
  const int64_t start[] = {0, (int64_t)ids->count};
  const att_input input = {
      .ids = ids->data, .types = f->model->config.type_vocab_size > 1 ? types->data : NULL, .sequences = {1, start}};
  ATT_TRY(att_model_hidden(&run, f->model, &input, NULL, NULL, &hidden));
  ATT_TRY(att_head_logits(&run, f->model, &hidden, &logits));
  return att_span_search_window(&f->search, window, &logits, 0, start[1], at);
}

/* The best one, or none where the model has learned that there may be none and that is likelier. */
static att_status choose(finder *f, att_found_span *best) {
  bool null = f->model->config.null_answers;
  att_found_span *spans;
  size_t count;
  double odds;
  ATT_TRY(att_span_search_end(&f->search, null, f->arena, &spans, &count, &odds));
  *best = (att_found_span){.first = -1};
  for (size_t i = count; i-- > 0;)
    if ((spans[i].first < 0) == (null && odds > 0)) *best = spans[i];
  return ATT_OK;
}

static att_status find(finder *f, att_text question, att_text context, att_answer_window *out) {
  att_context *ctx = f->model->ctx;
  att_found_span best;
  bool unclean, cut;
  size_t at;
  ATT_TRY(att_page_read(f->model, context, &f->page, &unclean));
  ATT_TRY(att_tokenizer_encode(f->model->tokenizer, ctx, question, false, &f->question));
  ATT_TRY(att_check_range(ctx, "token id", f->question.data, (int64_t)f->question.count, f->model->config.vocab_size));
  ATT_TRY(att_windows_plan(f->model, &f->page, WINDOW, STRIDE, &f->question, &cut, &f->plan));
  if (f->plan.count == 0) return att_fail(ctx, ATT_ARGUMENT, "there is no text to look at: the context has no tokens");
  f->search =
      (att_span_search){.ctx = ctx, .page = &f->page, .plan = &f->plan, .best = BEST, .most_tokens = MOST_TOKENS};
  for (int64_t i = 0; i < f->plan.count; i++) ATT_TRY(search_window(f, i, &out->ids, &out->types));
  ATT_TRY(choose(f, &best));
  int64_t window = best.first < 0 ? 0 : att_window_of(&f->plan, best.first);
  ATT_TRY(read_window(f, window, &out->ids, &out->types, &at));
  int64_t shift = (int64_t)at - att_window_first(&f->plan, window);
  out->first = best.first < 0 ? -1 : best.first + shift;
  out->last = best.first < 0 ? -1 : best.last + shift;
  out->score = best.score;
  if (f->plan.count > 1)
    att_log(ctx, ATT_LOG_NOTE, "the context is read in %lld windows: the one with the answer is shown",
            (long long)f->plan.count);
  return att_buffer_append(ctx, &out->answer, best.first < 0 ? "" : best.text.data,
                           best.first < 0 ? 0 : best.text.size);
}

att_status att_answer_window_find(att_model *model, att_text question, att_text context, att_answer_window *out) {
  finder f = {.model = model};
  att_status status = att_arena_new(model->ctx, &f.arena);
  if (!status) status = att_arena_new(model->ctx, &f.work);
  if (!status) status = find(&f, question, context, out);
  att_arena_free(f.arena);
  att_arena_free(f.work);
  att_page_free(model->ctx, &f.page);
  att_free(model->ctx, f.question.data);
  att_free(model->ctx, f.search.found);
  return status;
}

void att_answer_window_free(att_context *ctx, att_answer_window *window) {
  att_free(ctx, window->ids.data);
  att_free(ctx, window->types.data);
  att_buffer_free(ctx, &window->answer);
}

att_status att_answer_window_push(att_run *run, att_model *model, const att_answer_window *window,
                                  const att_hidden *hidden, const att_tensor *embedded, float *norms) {
  const int64_t ends[] = {window->first < 0 ? 0 : window->first, window->first < 0 ? 0 : window->last};
  att_tensor logits;
  bool accumulate;
  float *gradient;
  ATT_TRY(att_head_logits(run, model, hidden, &logits));
  ATT_TRY(att_gradient_open(run, &logits, &gradient, &accumulate));
  memset(gradient, 0, (size_t)(logits.rows * logits.stride) * sizeof *gradient);
  for (int end = 0; end < 2; end++) { /* each a softmax over the rows */
    double most = -INFINITY, sum = 0;
    for (int64_t r = 0; r < logits.rows; r++) most = fmax(most, (double)logits.data[r * logits.stride + end]);
    for (int64_t r = 0; r < logits.rows; r++) sum += exp((double)logits.data[r * logits.stride + end] - most);
    for (int64_t r = 0; r < logits.rows; r++)
      gradient[r * logits.stride + end] =
          (float)((r == ends[end]) - exp((double)logits.data[r * logits.stride + end] - most) / sum);
  }
  ATT_TRY(att_backward(run));
  att_look_measure(embedded, norms);
  return ATT_OK;
}
