/*
 * Owns the calls about files of questions: att_squad_open and its kind, and how good predictions are
 * (att_evaluate_squad), as the official scripts count it (evaluate-v1.1.py, evaluate-v2.0.py).
 */
#include "train/data/squad.h"
#include "metrics/answers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct att_squad {
  att_context *ctx;
  att_squad_file file;
  att_squad_question shown; /* what att_squad_at gave */
};

att_status att_squad_open(att_context *ctx, const char *path, att_squad **out) {
  *out = NULL;
  if (!path) return att_fail(ctx, ATT_ARGUMENT, "att_squad_open needs a file");
  att_squad *squad = ATT_NEW(ctx, 1, att_squad);
  if (!squad) return ATT_MEMORY;
  squad->ctx = ctx;
  att_status status = att_squad_read(ctx, path, &squad->file);
  if (status) {
    att_free(ctx, squad);
    return status;
  }
  *out = squad;
  return ATT_OK;
}

void att_squad_close(att_squad *squad) {
  if (!squad) return;
  att_squad_file_free(squad->ctx, &squad->file);
  att_free(squad->ctx, squad);
}

size_t att_squad_count(const att_squad *squad, bool *unanswerable) {
  if (unanswerable) *unanswerable = squad->file.unanswerable;
  return squad->file.count;
}

const att_squad_question *att_squad_at(att_squad *squad, size_t index) {
  if (index >= squad->file.count) return NULL;
  const att_squad_item *item = &squad->file.items[index];
  squad->shown = (att_squad_question){.id = item->id,
                                      .asked = {item->context, item->question},
                                      .answers = item->answers,
                                      .answer_count = item->answer_count};
  return &squad->shown;
}

/* ---- measuring ------------------------------------------------------------------------------------------------ */

/* What a question's prediction is worth. */
typedef struct judged {
  bool predicted, answerable, said; /* there is one; the question has an answer; the prediction is not empty */
  double exact, f1, odds;           /* odds: of no answer */
  size_t order;                     /* of odds that are equal: which come first in their file */
} judged;

typedef struct judging {
  att_context *ctx;
  const att_squad_file *file;
  const char *path, *odds_path;
  json_t *predictions, *odds;
  judged *all; /* [file->count] */
  const judged **sorted;
} judging;

static att_status open_object(att_context *ctx, const char *path, json_t **out) {
  ATT_TRY(att_json_open(ctx, path, out));
  if (json_is_object(*out)) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT, "%s: is no object of question ids", path);
}

static att_status read_odds(judging *j, size_t i) {
  const json_t *value = json_object_get(j->odds, j->file->items[i].id);
  j->all[i].odds = json_is_number(value) ? json_number_value(value) : 0;
  if (!j->all[i].predicted || json_is_number(value)) return ATT_OK;
  return att_fail(j->ctx, ATT_FORMAT, "%s: has no number for the question %s", j->odds_path, j->file->items[i].id);
}

static att_status judge(judging *j) {
  bool version2 = j->file->unanswerable;
  att_answer_scorer scorer = {0};
  att_status status = ATT_OK;
  for (size_t i = 0; i < j->file->count && !status; i++) {
    const att_squad_item *item = &j->file->items[i];
    const json_t *given = json_object_get(j->predictions, item->id);
    judged *one = &j->all[i];
    one->answerable = item->answer_count > 0;
    one->predicted = json_is_string(given);
    if (given && !one->predicted) status = att_fail(j->ctx, ATT_FORMAT, "%s: %s is no text", j->path, item->id);
    const att_text text = {one->predicted ? json_string_value(given) : "",
                           one->predicted ? json_string_length(given) : 0};
    one->said = text.size > 0;
    if (!status && one->predicted)
      status =
          att_answer_score(j->ctx, &scorer, text, item->answers, item->answer_count, version2, &one->exact, &one->f1);
    if (!status && j->odds) status = read_odds(j, i);
  }
  att_answer_scorer_free(j->ctx, &scorer);
  return status;
}

typedef struct totals {
  double count, exact, f1;
} totals;

static double percent(double sum, double count) { return count > 0 ? 100 * sum / count : NAN; }

/* Of answers that are told from none by a threshold. */
static void add(const judging *j, const judged *one, double threshold, totals *to) {
  bool none = j->odds && one->odds > threshold;
  to->count++;
  to->exact += none ? !one->answerable : one->exact;
  to->f1 += none ? !one->answerable : one->f1;
}

static int by_odds(const void *a, const void *b) {
  const judged *x = *(const judged *const *)a, *y = *(const judged *const *)b;
  if (x->odds != y->odds) return x->odds < y->odds ? -1 : 1;
  return x->order < y->order ? -1 : x->order > y->order;
}

/* find_best_thresh: all are none at first, and then those with the least odds no more. */
static void find_best(const judging *j, size_t count, bool f1, double *best, double *threshold) {
  double score = 0;
  for (size_t i = 0; i < j->file->count; i++) score += !j->all[i].answerable;
  *best = score;
  *threshold = 0;
  for (size_t i = 0; i < count; i++) {
    const judged *one = j->sorted[i];
    score += one->answerable ? (f1 ? one->f1 : one->exact) : one->said ? -1 : 0;
    if (score <= *best) continue;
    *best = score;
    *threshold = one->odds;
  }
  *best = percent(*best, (double)count);
}

/* Where each id stands in the file of odds. */
static void order_odds(const judging *j) {
  json_t *places = json_object();
  const char *key;
  json_t *value;
  json_int_t place = 0;
  json_object_foreach(j->odds, key, value) json_object_set_new(places, key, json_integer(place++));
  for (size_t i = 0; i < j->file->count; i++)
    j->all[i].order = (size_t)json_integer_value(json_object_get(places, j->file->items[i].id));
  json_decref(places);
}

static att_status sum_up(judging *j, double threshold, att_squad_score *out) {
  totals all = {0}, has = {0}, none = {0};
  size_t predicted = 0;
  j->sorted = ATT_NEW(j->ctx, j->file->count, const judged *);
  if (!j->sorted) return ATT_MEMORY;
  for (size_t i = 0; i < j->file->count; i++) {
    const judged *one = &j->all[i];
    if (one->predicted) j->sorted[predicted++] = one;
    if (!one->predicted && j->file->unanswerable) continue; /* as the script has it */
    add(j, one, threshold, &all);
    add(j, one, threshold, one->answerable ? &has : &none);
  }
  *out = (att_squad_score){.total = (size_t)all.count,
                           .missing = j->file->count - predicted,
                           .version2 = j->file->unanswerable,
                           .exact = percent(all.exact, all.count),
                           .f1 = percent(all.f1, all.count),
                           .has_answer = (size_t)has.count,
                           .has_answer_exact = percent(has.exact, has.count),
                           .has_answer_f1 = percent(has.f1, has.count),
                           .no_answer = (size_t)none.count,
                           .no_answer_exact = percent(none.exact, none.count),
                           .no_answer_f1 = percent(none.f1, none.count),
                           .best_exact = NAN,
                           .best_f1 = NAN};
  if (!j->odds) return ATT_OK;
  order_odds(j);
  if (predicted) qsort(j->sorted, predicted, sizeof *j->sorted, by_odds);
  find_best(j, predicted, false, &out->best_exact, &out->best_exact_threshold);
  find_best(j, predicted, true, &out->best_f1, &out->best_f1_threshold);
  return ATT_OK;
}

att_status att_evaluate_squad_sized(att_squad *squad, const char *predictions, const char *odds, double threshold,
                                    att_squad_score *score, size_t size) {
  judging j = {.ctx = squad->ctx, .file = &squad->file, .path = predictions, .odds_path = odds};
  att_squad_score own = {0};
  if (!predictions || isnan(threshold))
    return att_fail(squad->ctx, ATT_ARGUMENT, "att_evaluate_squad needs a file of predictions and a threshold");
  att_status status = open_object(squad->ctx, predictions, &j.predictions);
  if (!status && odds) status = open_object(squad->ctx, odds, &j.odds);
  j.all = status ? NULL : ATT_NEW(squad->ctx, squad->file.count, judged);
  if (!status && !j.all) status = ATT_MEMORY;
  if (!status) status = judge(&j);
  if (!status) status = sum_up(&j, threshold, &own);
  json_decref(j.predictions);
  json_decref(j.odds);
  att_free(squad->ctx, j.all);
  att_free(squad->ctx, j.sorted);
  att_give_struct(&own, sizeof own, score, size);
  return status;
}
