/*
 * Owns the task of answering questions: SQuAD's files or tables, an encoder (or what a run goes on from) with a head of
 * spans, windows of each context with the question before them, shuffled; exact match and F1. A window without the
 * answer has its first token for one. Answers that do not stand where their file says are left out, counted and named.
 */
#include "decode/spans.h"
#include "metrics/answers.h"
#include "train/data/batches.h"
#include "train/data/examples.h"
#include "train/data/squad.h"
#include "train/tasks/encoder.h"
#include "train/trainer.h"

#include "base/number.h"
#include "base/random.h"
#include "train/data/pairs.h"

#include <stdio.h>
#include <string.h>

enum { NBEST = 20, MOST_ANSWER_TOKENS = 30, NAMED = 5, SHARE = 10 };

/* Questions whose windows are examples first .. first + plan.count. */
typedef struct asked {
  const att_squad_item *item;
  int64_t page; /* of those that are kept; -1: not */
  int64_t first;
  size_t at; /* where the page's tokens begin in each window */
  att_window_plan plan;
} asked;

typedef struct windows {
  att_examples examples;
  int32_t *labels; /* [examples.capacity, 2]: where the answer begins and ends in a window */
  size_t label_capacity;
  asked *asked; /* [count] */
  size_t count;
  att_page *pages; /* [page_count], one a context, of what is validated on */
  size_t page_count;
} windows;

typedef struct question_data {
  att_squad_file train_file, valid_file;
  const att_squad_item **train, **valid; /* [train_count], [valid_count]: of the files */
  size_t train_count, valid_count;
  bool unanswerable;
  windows learn, check;
  int32_t *order; /* [learn.examples.count]: of the epoch */
  int32_t *batch_labels;
  int64_t rows; /* windows of a batch */
  att_arena *arena;
} question_data;

static question_data *data_of(const att_trainer *t) { return t->data; }

/* ---- data ----------------------------------------------------------------------------------------------------- */

/* A tenth of the contexts, whole, drawn by the seed, where there is no file to validate on. */
static bool is_held(uint64_t seed, size_t context) {
  return att_random32(att_key(seed, 0x7371756164), (uint32_t)context) % SHARE == 0;
}

/* Contexts in their order; items of one context are next to each other and share its text. */
static void divide(question_data *d, uint64_t seed, bool hold) {
  size_t contexts = 0;
  const char *before = NULL;
  for (size_t i = 0; i < d->train_file.count; i++) {
    const att_squad_item *item = &d->train_file.items[i];
    if (item->context.data != before) contexts++;
    before = item->context.data;
    if (hold && is_held(seed, contexts))
      d->valid[d->valid_count++] = item;
    else
      d->train[d->train_count++] = item;
  }
  if (hold && d->valid_count == 0 && d->train_count > 1) d->valid[d->valid_count++] = d->train[--d->train_count];
  for (size_t i = 0; !hold && i < d->valid_file.count; i++) d->valid[d->valid_count++] = &d->valid_file.items[i];
}

static uint64_t fingerprint(const att_squad_item *const *items, size_t count) {
  uint64_t key = att_key(0, count);
  for (size_t i = 0; i < count; i++) {
    key = att_text_fingerprint(att_text_fingerprint(key, items[i]->context), items[i]->question);
    for (size_t k = 0; k < items[i]->answer_count; k++)
      key = att_key(att_text_fingerprint(key, items[i]->answers[k]), (uint64_t)items[i]->starts[k]);
  }
  return key;
}

static att_status read_data(att_trainer *t, uint64_t seed, uint64_t *train_fingerprint, uint64_t *valid_fingerprint) {
  const att_train_options *o = t->options;
  question_data *d = ATT_NEW(t->ctx, 1, question_data);
  if (!d) return ATT_MEMORY;
  t->data = d;
  ATT_TRY(att_squad_read(t->ctx, o->data, &d->train_file));
  if (o->valid) ATT_TRY(att_squad_read(t->ctx, o->valid, &d->valid_file));
  d->unanswerable = d->train_file.unanswerable;
  d->train = ATT_NEW(t->ctx, d->train_file.count, const att_squad_item *);
  d->valid = ATT_NEW(t->ctx, o->valid ? d->valid_file.count : d->train_file.count, const att_squad_item *);
  if (!d->train || !d->valid) return ATT_MEMORY;
  divide(d, seed, !o->valid);
  if (d->train_count == 0 || d->valid_count == 0)
    return att_fail(t->ctx, ATT_FORMAT, "%s: one question is too few: nothing is left to validate on", o->data);
  *train_fingerprint = fingerprint(d->train, d->train_count);
  *valid_fingerprint = fingerprint(d->valid, d->valid_count);
  return ATT_OK;
}

static bool held(const att_trainer *t, size_t index, att_held_item *item) {
  const question_data *d = data_of(t);
  if (index >= d->valid_count) return false;
  const att_squad_item *one = d->valid[index];
  *item = (att_held_item){
      .input = one->question, .second = one->context, .answers = one->answers, .answer_count = one->answer_count};
  item->reference = one->answer_count ? one->answers[0] : (att_text){"", 0};
  return true;
}

/* ---- the choice and the model --------------------------------------------------------------------------------- */

static double passes_for(const att_plan *p) { return p->fine_tuned == 1 ? 2 : 10; }
static double most_epochs(const att_trainer *t) { return 2 * passes_for(&t->state.plan); }

static void choose(const att_trainer *t, att_plan *p) {
  size_t questions = data_of(t)->train_count;
  if (p->fine_tuned != 1) att_choose_whole(&p->context, 512);
  att_choose_whole(&p->max_length, p->context != ATT_UNSET && p->context < 384 ? p->context : 384);
  att_encoder_choose(p, questions < 50000 ? ATT_TINY : ATT_SMALL, questions < 20000 ? 8000 : 16000, 5e-4);
  if (p->batch_tokens == ATT_UNSET) att_choose_whole(&p->batch, p->fine_tuned == 1 ? 16 : 32);
  if (p->steps == 0 && p->minutes <= 0 && p->epochs <= 0) p->epochs = passes_for(p);
}

/* Each context once, and the questions. */
static att_status train_tokenizer(att_trainer *t, att_tokenizer **tokenizer) {
  const question_data *d = data_of(t);
  att_text *lines = ATT_NEW(t->ctx, 2 * d->train_count, att_text);
  size_t count = 0;
  if (!lines) return ATT_MEMORY;
  for (size_t i = 0; i < d->train_count; i++) {
    if (i == 0 || d->train[i]->context.data != d->train[i - 1]->context.data) lines[count++] = d->train[i]->context;
    lines[count++] = d->train[i]->question;
  }
  const att_text *const texts[] = {lines};
  att_status status = att_encoder_train_tokenizer(t, texts, &count, 1, true, tokenizer);
  att_free(t->ctx, lines);
  return status;
}

static void configure(const att_trainer *t, const att_tokenizer *tokenizer, att_config *c) {
  att_encoder_configure(&t->state.plan, tokenizer, c);
  c->head = ATT_HEAD_SPANS;
  c->null_answers = data_of(t)->unanswerable;
}

static att_status fits(att_trainer *t, const char *folder) {
  const att_config *c = &t->model->config;
  if (c->kind == ATT_ENCODER_DECODER && !t->model->calls->reads_twice)
    return att_trainer_wrong_model(t, folder, "an encoder or a decoder, such as bert, or bart");
  if (!t->resumed || c->head == ATT_HEAD_SPANS) return ATT_OK;
  return att_fail(t->ctx, ATT_FORMAT, "%s: the model in it does not answer questions: the checkpoint is damaged",
                  folder);
}

static att_status adopt(att_trainer *t) {
  att_model *model;
  uint64_t seed = t->state.plan.seed == ATT_UNSET ? 1 : (uint64_t)t->state.plan.seed;
  t->model->config.null_answers = data_of(t)->unanswerable;
  if (t->model->config.head == ATT_HEAD_SPANS) return ATT_OK;
  ATT_TRY(att_model_new_head(t->model, ATT_HEAD_SPANS, NULL, 0, seed, &model));
  att_model_close(t->model);
  t->model = model;
  return ATT_OK;
}

/* ---- windows -------------------------------------------------------------------------------------------------- */

/* What was wrong with answers. */
typedef struct misplaced {
  size_t count, unclean, cut;
  char names[160];
} misplaced;

static void note_misplaced(misplaced *m, const char *id) {
  size_t used = strlen(m->names);
  if (m->count++ < NAMED) snprintf(m->names + used, sizeof m->names - used, "%s%.28s", used ? ", " : "", id);
}

/* The tokens of the first answer; false: it has one that does not stand where it should. first -1: there is none. */
static bool find_answer(const att_squad_item *item, const att_page *page, int64_t *first, int64_t *last) {
  size_t begin, end;
  *first = *last = -1;
  if (item->answer_count == 0) return true;
  if (page->repaired.size) return false; /* its bytes are not the file's */
  return att_squad_place(item, 0, &begin, &end) && att_page_tokens(page, begin, end, first, last);
}

static att_status put_labels(att_trainer *t, windows *w, int32_t first, int32_t last) {
  size_t need = 2 * (size_t)w->examples.count;
  if (need > w->label_capacity) {
    size_t capacity = need + need / 2 + 64;
    int32_t *grown = att_resize(t->ctx, w->labels, capacity, sizeof *grown);
    if (!grown) return ATT_MEMORY;
    w->labels = grown;
    w->label_capacity = capacity;
  }
  w->labels[need - 2] = first;
  w->labels[need - 1] = last;
  return ATT_OK;
}

static att_status put_window(att_trainer *t, windows *w, asked *a, const att_page *page, const att_ids *question,
                             int64_t window, int64_t first, int64_t last) {
  int64_t begin = att_window_first(&a->plan, window), end = begin + att_window_size(&a->plan, window);
  bool inside = first >= begin && last < end;
  ATT_TRY(att_window_put(t->model, page, &a->plan, window, question, &w->examples.ids, &w->examples.types, &a->at));
  ATT_TRY(att_examples_end(t->model, &w->examples));
  int32_t shift = (int32_t)((int64_t)a->at - begin);
  return put_labels(t, w, inside ? (int32_t)first + shift : 0, inside ? (int32_t)last + shift : 0);
}

/* One question's windows; keep: it stays, whatever its answer. */
static att_status put_question(att_trainer *t, windows *w, const att_squad_item *item, const att_page *page,
                               att_ids *question, bool keep, misplaced *m) {
  const att_plan *p = &t->state.plan;
  asked *a = &w->asked[w->count];
  int64_t first, last;
  bool cut, found = find_answer(item, page, &first, &last);
  if (!found) note_misplaced(m, item->id);
  if (!found && !keep) return ATT_OK;
  question->count = 0;
  ATT_TRY(att_tokenizer_encode(t->model->tokenizer, t->ctx, item->question, false, question));
  *a = (asked){.item = item, .page = (int64_t)w->page_count - 1, .first = w->examples.count};
  ATT_TRY(att_windows_plan(t->model, page, p->max_length, p->stride, question, &cut, &a->plan));
  m->cut += cut;
  for (int64_t i = 0; i < a->plan.count; i++) ATT_TRY(put_window(t, w, a, page, question, i, first, last));
  w->count++;
  return ATT_OK;
}

static void say_wrongs(const att_trainer *t, const char *name, const misplaced *m, bool keep) {
  if (m->count)
    att_log(t->ctx, ATT_LOG_WARNING, "%s: answers that do not stand where they should%s (%zu): %s%s", name,
            keep ? "" : " are left out", m->count, m->names, m->count > NAMED ? ", ..." : "");
  if (m->unclean)
    att_log(t->ctx, ATT_LOG_WARNING, "%s: %zu contexts with invalid UTF-8: invalid bytes are read as U+FFFD", name,
            m->unclean);
  if (m->cut)
    att_log(t->ctx, ATT_LOG_WARNING, "%s: %zu questions take more than half of a window, and are cut", name, m->cut);
}

static att_status put_all(att_trainer *t, windows *w, const att_squad_item *const *items, size_t count,
                          const char *name, bool keep) {
  misplaced m = {0};
  att_page page = {0}, *now = &page;
  att_ids question = {0};
  att_status status = ATT_OK;
  bool unclean = false;
  for (size_t i = 0; i < count && !status; i++) {
    bool same = i > 0 && items[i]->context.data == items[i - 1]->context.data;
    bool stop = i % 64 == 0 && att_trainer_work(t, (double)i / (double)count);
    if (stop || att_is_interrupted(t->ctx))
      status = att_fail(t->ctx, ATT_INTERRUPTED, "interrupted while reading %s", name);
    if (!same && keep) now = &w->pages[w->page_count++];
    if (!status && !same) status = att_page_read(t->model, items[i]->context, now, &unclean);
    if (!same) m.unclean += unclean;
    if (!status) status = put_question(t, w, items[i], now, &question, keep, &m);
  }
  att_page_free(t->ctx, &page);
  att_free(t->ctx, question.data);
  if (!status) say_wrongs(t, name, &m, keep);
  if (!status && w->examples.count == 0)
    status = att_fail(t->ctx, ATT_FORMAT, "%s: there is no question with a text and an answer in it", name);
  return status;
}

static int64_t rows_of(const att_plan *p, const att_examples *e) {
  int64_t rows = p->batch > 0 ? p->batch : p->batch_tokens / (e->longest ? e->longest : 1);
  return rows < 1 ? 1 : rows > e->count ? e->count : rows;
}

static att_status encode(att_trainer *t) {
  question_data *d = data_of(t);
  t->work = "encoding";
  d->learn.asked = ATT_NEW(t->ctx, d->train_count, asked);
  d->check.asked = ATT_NEW(t->ctx, d->valid_count, asked);
  d->check.pages = ATT_NEW(t->ctx, d->valid_count, att_page);
  if (!d->learn.asked || !d->check.asked || !d->check.pages) return ATT_MEMORY;
  ATT_TRY(put_all(t, &d->learn, d->train, d->train_count, t->options->data, false));
  ATT_TRY(put_all(t, &d->check, d->valid, d->valid_count, t->options->valid ? t->options->valid : "the held-out part",
                  true));
  ATT_TRY(att_encoder_place_words(t, &d->learn.examples.ids));
  d->rows = rows_of(&t->state.plan, &d->learn.examples);
  d->order = ATT_NEW(t->ctx, d->learn.examples.count, int32_t);
  d->batch_labels = ATT_NEW(t->ctx, 2 * d->rows, int32_t);
  if (!d->order || !d->batch_labels) return ATT_MEMORY;
  return att_arena_new(t->ctx, &d->arena);
}

/* ---- batches -------------------------------------------------------------------------------------------------- */

static att_status begin_epoch(att_trainer *t) {
  question_data *d = data_of(t);
  uint64_t key = att_key(att_key((uint64_t)t->state.plan.seed, 0x77696e646f), (uint64_t)t->state.epoch);
  for (int64_t i = 0; i < d->learn.examples.count; i++) d->order[i] = (int32_t)i;
  att_shuffle(d->order, d->learn.examples.count, key);
  return ATT_OK;
}

static int64_t batch_count(const att_trainer *t) {
  const question_data *d = data_of(t);
  return (d->learn.examples.count + d->rows - 1) / d->rows;
}

static double epoch_tokens(const att_trainer *t) { return (double)data_of(t)->learn.examples.ids.count; }

static void counts(const att_trainer *t, int64_t *train, int64_t *valid) {
  *train = (int64_t)data_of(t)->learn.count;
  *valid = (int64_t)data_of(t)->check.count;
}

static att_status get_batch(att_trainer *t, att_batch *batch, int64_t *tokens) {
  question_data *d = data_of(t);
  const att_examples *e = &d->learn.examples;
  int64_t begin = t->state.index * d->rows, rest = e->count - begin, rows = rest < d->rows ? rest : d->rows;
  const int32_t *which = d->order + begin;
  att_input input;
  att_arena_reset(d->arena);
  ATT_TRY(att_examples_input(t->model, e, which, 0, rows, d->arena, &input));
  for (int64_t i = 0; i < rows; i++)
    memcpy(d->batch_labels + 2 * i, d->learn.labels + 2 * (size_t)which[i], 2 * sizeof *d->batch_labels);
  *tokens = input.sequences.start[rows];
  *batch = (att_batch){.labels = d->batch_labels};
  *att_batch_texts(t->model, batch) = input;
  return ATT_OK;
}

/* ---- validation ----------------------------------------------------------------------------------------------- */

typedef struct checking {
  att_trainer *t;
  windows *w;
  size_t question; /* whose windows come */
  att_span_search search;
  att_answer_scorer scorer;
  att_arena *arena;
  double exact, f1;
} checking;

static void begin_question(checking *c) {
  const asked *a = &c->w->asked[c->question];
  c->search = (att_span_search){.ctx = c->t->ctx,
                                .page = &c->w->pages[a->page],
                                .plan = &a->plan,
                                .best = NBEST,
                                .most_tokens = MOST_ANSWER_TOKENS,
                                .found = c->search.found,
                                .capacity = c->search.capacity};
}

static att_status end_question(checking *c) {
  const att_squad_item *item = c->w->asked[c->question].item;
  bool null = c->t->model->config.null_answers;
  att_found_span *spans;
  size_t count;
  double odds, exact, f1;
  att_text text = {"", 0};
  att_arena_reset(c->arena);
  ATT_TRY(att_span_search_end(&c->search, null, c->arena, &spans, &count, &odds));
  for (size_t i = 0; i < count && text.size == 0 && !(null && odds > 0); i++) text = spans[i].text;
  ATT_TRY(att_answer_score(c->t->ctx, &c->scorer, text.size ? text : (att_text){"", 0}, item->answers,
                           item->answer_count, null, &exact, &f1));
  c->exact += exact;
  c->f1 += f1;
  c->question++;
  return ATT_OK;
}

/* Questions whose contexts are empty have no window, and an empty answer. */
static att_status skip_empty(checking *c) {
  while (c->question < c->w->count && c->w->asked[c->question].plan.count == 0) {
    begin_question(c);
    ATT_TRY(end_question(c));
  }
  return ATT_OK;
}

static att_status check_windows(checking *c, int64_t begin, int64_t count, att_loss *loss) {
  att_trainer *t = c->t;
  att_run run = {.ctx = t->ctx, .arena = t->arena};
  att_batch batch = {.labels = c->w->labels + 2 * begin};
  att_hidden hidden;
  att_tensor logits;
  att_arena_reset(t->arena);
  if (att_is_interrupted(t->ctx)) return att_fail(t->ctx, ATT_INTERRUPTED, "interrupted while validating");
  ATT_TRY(att_examples_hidden(&run, t->model, &c->w->examples, begin, count, &hidden));
  ATT_TRY(att_head_loss(&run, t->model, &hidden, &batch, 0, 1, loss));
  ATT_TRY(att_head_logits(&run, t->model, &hidden, &logits));
  const int64_t *start = hidden.sequences.start;
  for (int64_t i = 0; i < count; i++) {
    const asked *a = &c->w->asked[c->question];
    int64_t window = begin + i - a->first;
    if (window == 0) begin_question(c);
    ATT_TRY(att_span_search_window(&c->search, window, &logits, start[i], start[i + 1] - start[i], a->at));
    if (window + 1 == a->plan.count) ATT_TRY(end_question(c));
    ATT_TRY(skip_empty(c));
  }
  return ATT_OK;
}

static att_status check_all(checking *c, att_loss *loss) {
  ATT_TRY(skip_empty(c));
  for (int64_t begin = 0, count; begin < c->w->examples.count; begin += count) {
    count = att_examples_fit(&c->w->examples, begin);
    ATT_TRY(check_windows(c, begin, count, loss));
  }
  return ATT_OK;
}

static att_status evaluate(att_trainer *t, att_score_of_model *score) {
  checking c = {.t = t, .w = &data_of(t)->check};
  att_loss loss = {0};
  att_status status = att_arena_new(t->ctx, &c.arena);
  if (!status) status = check_all(&c, &loss);
  double questions = (double)c.w->count;
  if (!status)
    *score = (att_score_of_model){loss.loss / (double)loss.count, 100 * c.f1 / questions, {100 * c.exact / questions}};
  att_arena_free(c.arena);
  att_free(t->ctx, c.search.found);
  att_answer_scorer_free(t->ctx, &c.scorer);
  return status;
}

static const char *quality(const att_trainer *t) {
  (void)t;
  return "F1";
}

static double evaluated_tokens(const att_trainer *t) { return (double)data_of(t)->check.examples.ids.count; }

static void describe(const att_trainer *t, att_score_of_model s, char *text, size_t size) {
  (void)t;
  att_format(text, size, "F1 %.2f, exact match %.2f", s.quality, s.also[0]);
}

static void free_windows(att_context *ctx, windows *w) {
  att_examples_free(ctx, &w->examples);
  for (size_t i = 0; i < w->page_count; i++) att_page_free(ctx, &w->pages[i]);
  att_free(ctx, w->pages);
  att_free(ctx, w->labels);
  att_free(ctx, w->asked);
}

static void free_data(att_trainer *t) {
  question_data *d = t->data;
  if (!d) return;
  free_windows(t->ctx, &d->learn);
  free_windows(t->ctx, &d->check);
  att_squad_file_free(t->ctx, &d->train_file);
  att_squad_file_free(t->ctx, &d->valid_file);
  att_arena_free(d->arena);
  att_free(t->ctx, d->train);
  att_free(t->ctx, d->valid);
  att_free(t->ctx, d->order);
  att_free(t->ctx, d->batch_labels);
  att_free(t->ctx, d);
}

const att_task att_questions_task = {
    .things = "questions",
    .rows = "windows",
    .shapes = &att_encoder_shapes,
    .read = read_data,
    .held = held,
    .choose = choose,
    .train_tokenizer = train_tokenizer,
    .configure = configure,
    .fits = fits,
    .adopt = adopt,
    .encode = encode,
    .begin_epoch = begin_epoch,
    .batch_count = batch_count,
    .epoch_tokens = epoch_tokens,
    .counts = counts,
    .batch = get_batch,
    .evaluate = evaluate,
    .quality = quality,
    .evaluated_tokens = evaluated_tokens,
    .most_epochs = most_epochs,
    .describe = describe,
    .free = free_data,
};
