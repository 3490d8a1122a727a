/*
 * Owns att_answer: questions about texts, each text read in windows with the question before it, as often as the model
 * is narrow. A text that several questions in turn are asked about is tokenized once. Refuses models without a head of
 * spans.
 */
#include "decode/spans.h"
#include "models/head.h"

#include <math.h>
#include <string.h>

#define ATT_RUN_TOKENS 2048 /* of a pass: enough for the matrix products, few enough for the caches */

void att_answer_options_init(att_answer_options *options, size_t size) {
  const att_answer_options own = {.size = size,
                                  .nbest = 20,
                                  .max_answer_tokens = 30,
                                  .window = 384,
                                  .stride = 128,
                                  .no_answer = ATT_NO_ANSWER_DEFAULT};
  att_give_struct(&own, sizeof own, options, size);
}

typedef struct answerer {
  att_model *model;
  const att_answer_options *options;
  bool null;
  att_page page;
  att_text context; /* of the page, as the caller has it */
  bool unclean;
  att_ids question, ids, types;
  int64_t *start; /* [windows of a pass + 1] */
  size_t *at;     /* where the page begins in each */
  int64_t capacity;
  att_arena *arena;
  att_span_search search;
} answerer;

static att_status read_page(answerer *a, att_text context, size_t number) {
  bool same = a->page.text.data && context.data == a->context.data && context.size == a->context.size;
  if (!same) ATT_TRY(att_page_read(a->model, context, &a->page, &a->unclean));
  a->context = context;
  if (a->unclean && !same)
    att_log(a->model->ctx, ATT_LOG_WARNING, "question %zu: its text is not valid UTF-8: wrong bytes become U+FFFD",
            number);
  return ATT_OK;
}

static att_status make_room(answerer *a, int64_t windows) {
  if (windows <= a->capacity) return ATT_OK;
  int64_t *start = att_resize(a->model->ctx, a->start, (size_t)windows + 1, sizeof *start);
  if (start) a->start = start;
  size_t *at = att_resize(a->model->ctx, a->at, (size_t)windows, sizeof *at);
  if (at) a->at = at;
  if (!start || !at) return ATT_MEMORY;
  a->capacity = windows;
  return ATT_OK;
}

/* One pass over windows first .. first + count. */
static att_status run_windows(answerer *a, const att_window_plan *plan, int64_t first, int64_t count) {
  att_model *model = a->model;
  att_run run = {.ctx = model->ctx, .arena = a->arena};
  att_hidden hidden;
  att_tensor logits;
  att_arena_reset(a->arena);
  a->ids.count = a->types.count = 0;
  a->start[0] = 0;
  if (att_is_interrupted(model->ctx)) return att_fail(model->ctx, ATT_INTERRUPTED, "interrupted");
  for (int64_t i = 0; i < count; i++) {
    ATT_TRY(att_window_put(model, &a->page, plan, first + i, &a->question, &a->ids, &a->types, &a->at[i]));
    a->start[i + 1] = (int64_t)a->ids.count;
  }
  att_input input = {.ids = a->ids.data,
                     .types = model->config.type_vocab_size > 1 ? a->types.data : NULL,
                     .sequences = {count, a->start}};
  ATT_TRY(att_model_hidden(&run, model, &input, NULL, NULL, &hidden));
  ATT_TRY(att_head_logits(&run, model, &hidden, &logits));
  for (int64_t i = 0; i < count; i++)
    ATT_TRY(
        att_span_search_window(&a->search, first + i, &logits, a->start[i], a->start[i + 1] - a->start[i], a->at[i]));
  return ATT_OK;
}

static att_status read_windows(answerer *a, const att_window_plan *plan) {
  int64_t window = a->options->window, most = ATT_RUN_TOKENS / (window < ATT_RUN_TOKENS ? window : ATT_RUN_TOKENS);
  ATT_TRY(make_room(a, most));
  for (int64_t first = 0, count; first < plan->count; first += count) {
    count = plan->count - first < most ? plan->count - first : most;
    ATT_TRY(run_windows(a, plan, first, count));
  }
  return ATT_OK;
}

/* Which answer it is: the best one, or none where that is likelier by more than the threshold. */
static size_t decide(const att_found_span *spans, size_t count, bool none) {
  for (size_t i = 0; i < count; i++)
    if ((spans[i].first < 0) == none) return i;
  return 0;
}

static att_status give_answers(answerer *a, size_t number, bool cut, att_answer_fn *give, void *user) {
  const att_answer_options *o = a->options;
  att_found_span *spans;
  size_t count;
  double odds;
  ATT_TRY(att_span_search_end(&a->search, a->null, a->arena, &spans, &count, &odds));
  att_found_answer *answers = ATT_ARENA_NEW(a->arena, count, att_found_answer);
  const att_found_answer **list = ATT_ARENA_NEW(a->arena, count, const att_found_answer *);
  if (!answers || !list) return ATT_MEMORY;
  for (size_t i = 0; i < count; i++) {
    const att_found_span *s = &spans[i];
    list[i] = &answers[i];
    answers[i] =
        (att_found_answer){.text = "", .score = s->score, .start_logit = s->start_logit, .end_logit = s->end_logit};
    if (s->first < 0) continue;
    answers[i].text = s->text.data;
    answers[i].size = s->text.size;
    answers[i].start = att_page_character(&a->page, s->text.data);
    answers[i].end = att_page_character(&a->page, s->text.data + s->text.size);
  }
  const att_answers given = {.question = number,
                             .answers = list,
                             .count = count,
                             .best = decide(spans, count, a->null && odds > o->null_threshold),
                             .null_odds = odds,
                             .may_be_none = a->null,
                             .truncated = cut};
  if (give(user, &given) == 0) return ATT_OK;
  return att_fail(a->model->ctx, ATT_INTERRUPTED, "stopped at question %zu", o->first_question + number + 1);
}

static att_status read_question(answerer *a, att_text question) {
  att_context *ctx = a->model->ctx;
  a->question.count = 0;
  ATT_TRY(att_tokenizer_encode(a->model->tokenizer, ctx, question, false, &a->question));
  return att_check_range(ctx, "token id", a->question.data, (int64_t)a->question.count, a->model->config.vocab_size);
}

static att_status answer(answerer *a, const att_question *question, size_t number, att_answer_fn *give, void *user) {
  const att_answer_options *o = a->options;
  att_model *model = a->model;
  size_t shown = o->first_question + number + 1;
  att_window_plan plan;
  bool cut;
  ATT_TRY(read_page(a, question->context, shown));
  ATT_TRY(read_question(a, question->question));
  ATT_TRY(att_windows_plan(model, &a->page, o->window, o->stride, &a->question, &cut, &plan));
  if (cut)
    att_log(model->ctx, ATT_LOG_WARNING, "question %zu is too long: its first %zu tokens are read", shown,
            a->question.count);
  a->search = (att_span_search){.ctx = model->ctx,
                                .page = &a->page,
                                .plan = &plan,
                                .best = o->nbest,
                                .most_tokens = o->max_answer_tokens,
                                .found = a->search.found,
                                .capacity = a->search.capacity};
  att_arena_reset(a->arena);
  ATT_TRY(read_windows(a, &plan));
  return give_answers(a, number, cut, give, user);
}

static att_status check_options(att_context *ctx, const att_answer_options *o) {
  bool counts = o->nbest >= 1 && o->nbest <= 1000 && o->max_answer_tokens >= 1 && o->max_answer_tokens <= 100000;
  bool sizes = o->window >= 8 && o->window <= 1 << 20 && o->stride >= 1 && o->stride <= 1 << 20;
  bool null = (unsigned)o->no_answer <= ATT_NO_ANSWER_NEVER && !isnan(o->null_threshold);
  if (counts && sizes && null) return ATT_OK;
  return att_fail(ctx, ATT_ARGUMENT, "att_answer: %s is out of range",
                  !counts  ? "nbest or max_answer_tokens"
                  : !sizes ? "window or stride"
                           : "no_answer or null_threshold");
}

att_status att_answer(att_model *model, const att_question *questions, size_t count, const att_answer_options *given,
                      att_answer_fn *give, void *user) {
  att_context *ctx = model->ctx;
  att_answer_options options = {0};
  att_answer_options_default(&options);
  ATT_TRY(att_take_options(ctx, "att_answer", given, &options, sizeof options));
  if ((count && !questions) || !give) return att_fail(ctx, ATT_ARGUMENT, "att_answer needs questions and a callback");
  ATT_TRY(check_options(ctx, &options));
  ATT_TRY(att_check_verb(model, ATT_VERB_ANSWER));
  ATT_TRY(att_model_check_text(model));
  answerer a = {.model = model, .options = &options};
  a.null = options.no_answer == ATT_NO_ANSWER_DEFAULT ? model->config.null_answers
                                                      : options.no_answer == ATT_NO_ANSWER_ALLOWED;
  att_status status = att_arena_new(ctx, &a.arena);
  for (size_t i = 0; i < count && !status; i++) status = answer(&a, &questions[i], i, give, user);
  att_arena_free(a.arena);
  att_page_free(ctx, &a.page);
  void *const owned[] = {a.question.data, a.ids.data, a.types.data, a.start, a.at, a.search.found};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) att_free(ctx, owned[i]);
  return status;
}
