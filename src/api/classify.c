/*
 * Owns att_model_labels, att_classify and att_evaluate: texts to batches, and what the model says of each in the lines'
 * order; the same of the series of a file. Rows are packed without padding, so that lines need no sorting by length.
 * Works through windows of lines, so that memory stays bounded and output starts early. Refuses models without a head
 * of labels.
 */
#include "api/text.h"
#include "models/series_front.h"
#include "text/unicode.h"
#include "train/data/examples.h"
#include "train/data/labelled.h"

#include <string.h>

#define ATT_WINDOW_LINES  1024
#define ATT_MOST_CONFUSED 2048 /* classes of a confusion matrix */

/* Series as the model's folder has them: the same columns, the same channels. */
static att_status check_series(att_model *model, const char *path, const att_series *s) {
  const att_series_front *f = model->series;
  if (s->channels == f->channels) return ATT_OK;
  return att_fail(model->ctx, ATT_FORMAT, "%s: its series have %lld channels, the model reads %lld", path,
                  (long long)s->channels, (long long)f->channels);
}

static att_status add_series(att_model *model, const char *path, const att_series *s, att_examples *examples,
                             bool *truncated) {
  ATT_TRY(check_series(model, path, s));
  att_series_say_missing(model->ctx, path, s);
  for (int64_t i = 0; i < s->count; i++) {
    if (att_is_interrupted(model->ctx))
      return att_fail(model->ctx, ATT_INTERRUPTED, "%s: interrupted while reading", path);
    ATT_TRY(att_examples_add_series(model, s->values + s->start[i] * s->channels, s->start[i + 1] - s->start[i], 0,
                                    examples, truncated ? &truncated[i] : NULL));
  }
  return ATT_OK;
}

static att_series_columns columns_of(const att_model *model) {
  const att_series_front *f = model->series;
  return (att_series_columns){.of_model = true, .series = f->series, .time = f->time, .label = f->label};
}

att_status att_model_labels(att_model *model, const char *const **labels, size_t *count) {
  *labels = (const char *const *)model->config.labels;
  *count = (size_t)model->config.label_count;
  return ATT_OK;
}

/* A pass over texts begin .. begin + count. */
static att_status score_batch(att_model *model, att_arena *arena, const att_examples *examples, int64_t begin,
                              int64_t count, att_hidden *hidden, double **scores) {
  att_run run = {.ctx = model->ctx, .arena = arena};
  if (att_is_interrupted(model->ctx)) return att_fail(model->ctx, ATT_INTERRUPTED, "interrupted");
  ATT_TRY(att_examples_hidden(&run, model, examples, begin, count, hidden));
  return att_examples_scores(&run, model, hidden, scores);
}

/* ---- lines ---------------------------------------------------------------------------------------------------- */

typedef struct classifying {
  att_model *model;
  const att_text *lines, *others;
  size_t count, first_line;
  att_classification_fn *give;
  void *user;
  att_arena *arena;
  att_examples examples; /* of the window */
  bool truncated[ATT_WINDOW_LINES];
} classifying;

static att_status add_line(classifying *w, size_t number, bool *truncated) {
  const att_text *other = w->others && w->others[number].data ? &w->others[number] : NULL;
  return att_line_example(w->model, w->lines[number], other, 0, w->first_line + number, false, &w->examples, truncated);
}

static size_t likeliest(const double *scores, int64_t labels) {
  size_t best = 0;
  for (size_t k = 1; k < (size_t)labels; k++)
    if (scores[k] > scores[best]) best = k;
  return best;
}

/* What the tokens of text `text` of the window say; scores [its tokens, labels]. */
static att_status label_tokens(classifying *w, int64_t text, const double *scores, att_classification *out) {
  const att_tokenizer *tokenizer = w->model->tokenizer;
  int64_t labels = w->model->config.label_count, first = w->examples.start[text], end = w->examples.start[text + 1];
  att_token_class *tokens = ATT_ARENA_NEW(w->arena, end - first, att_token_class);
  if (!tokens) return ATT_MEMORY;
  out->tokens = tokens;
  for (int64_t i = first; i < end; i++, scores += labels) {
    int32_t id = w->examples.ids.data[i];
    if (att_tokenizer_is_special(tokenizer, id)) continue;
    tokens[out->token_count++] =
        (att_token_class){id, att_tokenizer_token(tokenizer, id), scores, likeliest(scores, labels)};
  }
  return ATT_OK;
}

/* scores: of the text's first row of logits, which is the only one of a head over texts. */
static att_status give_line(classifying *w, size_t first, int64_t text, const double *scores) {
  att_classification c = {.line = first + (size_t)text, .truncated = w->truncated[text]};
  const att_text *other = w->others && w->others[c.line].data ? &w->others[c.line] : NULL;
  bool blank = att_is_blank(w->lines[c.line]) && (!other || att_is_blank(*other));
  if (w->model->head->texts && !blank) {
    c.scores = scores;
    c.best = likeliest(scores, w->model->config.label_count);
  } else if (!w->model->head->texts) {
    ATT_TRY(label_tokens(w, text, scores, &c));
  }
  if (w->give(w->user, &c) == 0) return ATT_OK;
  return att_fail(w->model->ctx, ATT_INTERRUPTED, "stopped at line %zu", w->first_line + c.line + 1);
}

static att_status classify_window(classifying *w, size_t first, size_t count) {
  int64_t labels = w->model->config.label_count;
  att_examples_clear(&w->examples);
  for (size_t i = 0; i < count; i++) ATT_TRY(add_line(w, first + i, &w->truncated[i]));
  for (int64_t begin = 0, texts; begin < (int64_t)count; begin += texts) {
    att_hidden hidden;
    double *scores;
    att_arena_reset(w->arena);
    texts = att_examples_fit(&w->examples, begin);
    ATT_TRY(score_batch(w->model, w->arena, &w->examples, begin, texts, &hidden, &scores));
    for (int64_t i = 0; i < texts; i++) {
      int64_t row = w->model->head->texts ? i : hidden.sequences.start[i];
      ATT_TRY(give_line(w, first, begin + i, scores + row * labels));
    }
  }
  return ATT_OK;
}

static att_status classify_all(classifying *w) {
  for (size_t first = 0, count; first < w->count; first += count) {
    count = w->count - first < ATT_WINDOW_LINES ? w->count - first : ATT_WINDOW_LINES;
    ATT_TRY(classify_window(w, first, count));
  }
  return ATT_OK;
}

att_status att_classify(att_model *model, const att_text *lines, const att_text *others, size_t count,
                        size_t first_line, att_classification_fn *give, void *user) {
  att_context *ctx = model->ctx;
  if ((count && !lines) || !give) return att_fail(ctx, ATT_ARGUMENT, "att_classify needs lines and a callback");
  ATT_TRY(att_check_verb(model, ATT_VERB_CLASSIFY));
  classifying *w = ATT_NEW(ctx, 1, classifying);
  if (!w) return ATT_MEMORY;
  *w = (classifying){.model = model,
                     .lines = lines,
                     .others = others,
                     .count = count,
                     .first_line = first_line,
                     .give = give,
                     .user = user};
  att_status status = att_arena_new(ctx, &w->arena);
  if (!status) status = classify_all(w);
  att_arena_free(w->arena);
  att_examples_free(ctx, &w->examples);
  att_free(ctx, w);
  return status;
}

/* ---- series --------------------------------------------------------------------------------------------------- */

typedef struct classifying_series {
  att_series series;
  att_examples examples;
  bool *truncated; /* [series.count] */
  att_arena *arena;
} classifying_series;

static att_status give_series(att_model *model, classifying_series *w, att_classification_fn *give, void *user) {
  int64_t labels = model->config.label_count;
  for (int64_t begin = 0, count; begin < w->examples.count; begin += count) {
    att_hidden hidden;
    double *scores;
    att_arena_reset(w->arena);
    count = att_examples_fit(&w->examples, begin);
    ATT_TRY(score_batch(model, w->arena, &w->examples, begin, count, &hidden, &scores));
    for (int64_t i = 0; i < count; i++) {
      att_classification c = {.line = (size_t)(begin + i), .truncated = w->truncated[begin + i]};
      c.scores = scores + i * labels;
      c.best = likeliest(c.scores, labels);
      if (give(user, &c) != 0) return att_fail(model->ctx, ATT_INTERRUPTED, "stopped at series %zu", c.line + 1);
    }
  }
  return ATT_OK;
}

static att_status classify_series(att_model *model, const char *path, classifying_series *w,
                                  att_classification_fn *give, void *user) {
  att_series_columns columns = columns_of(model);
  const att_mel_settings *mel = &model->config.mel;
  if (!mel->rate)
    ATT_TRY(att_series_read_labelled(model->ctx, path, &columns, false, &w->series));
  else if (att_is_sound_name((att_text){path, strlen(path)}))
    ATT_TRY(att_sound_series_read_one(model->ctx, path, mel, &w->series));
  else
    ATT_TRY(att_sound_series_read(model->ctx, path, mel, &w->series));
  w->truncated = ATT_NEW(model->ctx, w->series.count, bool);
  if (!w->truncated) return ATT_MEMORY;
  ATT_TRY(add_series(model, path, &w->series, &w->examples, w->truncated));
  if (w->examples.truncated) {
    att_log(model->ctx, ATT_LOG_WARNING, "%s: %lld series are longer than the model reads: truncated to %lld tokens",
            path, (long long)w->examples.truncated, (long long)model->config.max_position_embeddings);
  }
  ATT_TRY(att_arena_new(model->ctx, &w->arena));
  return give_series(model, w, give, user);
}

att_status att_classify_series(att_model *model, const char *path, att_classification_fn *give, void *user) {
  att_context *ctx = model->ctx;
  classifying_series w = {0};
  if (!path || !give) return att_fail(ctx, ATT_ARGUMENT, "att_classify_series needs a file and a callback");
  ATT_TRY(att_check_verb(model, ATT_VERB_CLASSIFY));
  if (!model->series || !model->head->texts) {
    return att_fail(ctx, ATT_UNSUPPORTED, "the model does not label series");
  }
  att_status status = classify_series(model, path, &w, give, user);
  att_series_free(ctx, &w.series);
  att_examples_free(ctx, &w.examples);
  att_arena_free(w.arena);
  att_free(ctx, w.truncated);
  return status;
}

/* ---- measuring ------------------------------------------------------------------------------------------------ */

typedef struct measuring {
  att_labelled labelled;
  att_truth truth;
  att_examples examples;
  att_arena *arena;
  double *scores; /* [count, labels] */
} measuring;

static att_status read_file(att_model *model, const char *path, const att_columns *columns, measuring *m) {
  const att_config *c = &model->config;
  att_series_columns series = model->series ? columns_of(model) : (att_series_columns){0};
  if (model->series && columns && columns->label) series.label = columns->label;
  if (model->series && c->mel.rate)
    ATT_TRY(att_labelled_read_sounds(model->ctx, path, &c->mel, &m->labelled));
  else if (model->series)
    ATT_TRY(att_labelled_read_series(model->ctx, path, &series, &m->labelled));
  else
    ATT_TRY(att_labelled_read(model->ctx, path, columns, &m->labelled));
  const att_lines *lines = &m->labelled.lines;
  ATT_TRY(att_truth_read(model->ctx, path, lines, m->labelled.number, c->head, c->labels, c->label_count, &m->truth));
  if (model->series) return add_series(model, path, &m->labelled.series, &m->examples, NULL);
  for (size_t i = 0; i < lines->count; i++) {
    att_text first, second;
    if (att_is_interrupted(model->ctx)) {
      return att_fail(model->ctx, ATT_INTERRUPTED, "%s: interrupted while reading", path);
    }
    bool two = att_labelled_texts(lines->source[i], &first, &second);
    ATT_TRY(att_examples_add(model, first, two ? &second : NULL, 0, &m->examples, NULL));
  }
  return ATT_OK;
}

static att_status score_file(att_model *model, measuring *m) {
  size_t labels = (size_t)model->config.label_count;
  m->scores = att_alloc(model->ctx, m->labelled.lines.count, labels * sizeof *m->scores);
  if (!m->scores) return ATT_MEMORY;
  ATT_TRY(att_arena_new(model->ctx, &m->arena));
  for (int64_t begin = 0, rows; begin < m->examples.count; begin += rows) {
    att_hidden hidden;
    double *scores;
    att_arena_reset(m->arena);
    rows = att_examples_fit(&m->examples, begin);
    ATT_TRY(score_batch(model, m->arena, &m->examples, begin, rows, &hidden, &scores));
    memcpy(m->scores + (size_t)begin * labels, scores, (size_t)rows * labels * sizeof *scores);
  }
  return ATT_OK;
}

static att_status measure(att_model *model, const char *path, const att_columns *columns, measuring *m,
                          att_evaluation *out) {
  const att_head_calls *head = model->head;
  size_t count, labels = (size_t)model->config.label_count;
  double values[ATT_HEAD_MEASURES];
  int64_t *confusion = NULL;
  if (head->form == ATT_NO_LABEL) {
    return att_fail(model->ctx, ATT_UNSUPPORTED, "a model with a head of %s is not measured on a file of texts",
                    head->name);
  }
  ATT_TRY(read_file(model, path, columns, m));
  ATT_TRY(score_file(model, m));
  count = m->labelled.lines.count;
  ATT_TRY(head->measure(model->ctx, m->scores, &m->truth, count, labels, values));
  if (head->form == ATT_ONE_LABEL && labels <= ATT_MOST_CONFUSED) {
    confusion = att_alloc(model->ctx, labels, labels * sizeof *confusion);
    if (!confusion) return ATT_MEMORY;
    att_confuse(m->scores, m->truth.labels, count, labels, confusion);
  }
  *out = (att_evaluation){.count = count,
                          .truncated = (size_t)m->examples.truncated,
                          .classes = confusion ? labels : 0,
                          .confusion = confusion};
  for (int i = 0; i < ATT_HEAD_MEASURES && head->measures[i].name; i++) {
    out->measures[out->measure_count++] = (att_measure){head->measures[i].name, head->measures[i].key, values[i]};
  }
  return ATT_OK;
}

static att_status evaluate(att_model *model, const char *path, const att_columns *columns, att_evaluation *out) {
  att_context *ctx = model->ctx;
  measuring m = {0};
  if (!path) return att_fail(ctx, ATT_ARGUMENT, "att_evaluate needs a file");
  ATT_TRY(att_check_verb(model, ATT_VERB_CLASSIFY));
  att_status status = measure(model, path, columns, &m, out);
  att_labelled_free(ctx, &m.labelled);
  att_truth_free(ctx, &m.truth);
  att_examples_free(ctx, &m.examples);
  att_arena_free(m.arena);
  att_free(ctx, m.scores);
  return status;
}

att_status att_evaluate_sized(att_model *model, const char *path, const att_columns *columns, att_evaluation *out,
                              size_t size) {
  att_evaluation own = {0};
  att_status status = evaluate(model, path, columns, &own);
  att_give_struct(&own, sizeof own, out, size);
  return status;
}
