/* Owns how comparisons measure what answers questions about a text: F1 of the words, as SQuAD's script counts it. */
#include "compare/compare.h"

#include "metrics/answers.h"

typedef struct answering {
  const att_probes *probes;
  att_results *results;
  att_answer_scorer scorer;
  double *sums, *weights; /* [count] */
  bool none;              /* some questions have no answer */
  att_status status;
} answering;

static int on_answer(void *user, const att_answers *given) {
  answering *s = user;
  const att_held_item *item = &s->probes->items[given->question];
  const att_found_answer *best = given->count ? given->answers[given->best] : NULL;
  att_text text = best ? (att_text){best->text, best->size} : (att_text){"", 0};
  double exact, f1;
  s->status =
      att_answer_score(s->probes->ctx, &s->scorer, text, item->answers, item->answer_count, s->none, &exact, &f1);
  if (!s->status) s->status = att_keep_output(s->probes, given->question, text.data, text.size, s->results);
  if (s->status) return 1;
  s->sums[given->question] = 100 * f1;
  s->weights[given->question] = 1;
  return 0;
}

static att_status answer(att_model *model, answering *s) {
  const att_probes *q = s->probes;
  att_question *asked = ATT_NEW(q->ctx, q->count, att_question);
  if (!asked) return ATT_MEMORY;
  for (size_t i = 0; i < q->count; i++) {
    asked[i] = (att_question){q->items[i].second, q->items[i].input};
    s->none = s->none || q->items[i].answer_count == 0;
  }
  att_status status = att_answer(model, asked, q->count, NULL, on_answer, s);
  att_free(q->ctx, asked);
  return s->status ? s->status : status;
}

att_status att_compare_answers(att_model *model, const att_probes *q, att_results *a) {
  answering s = {.probes = q, .results = a, .sums = ATT_NEW(q->ctx, 2 * q->count, double)};
  att_status status = s.sums ? ATT_OK : ATT_MEMORY;
  if (!status) {
    s.weights = s.sums + q->count;
    status = answer(model, &s);
  }
  if (!status) status = att_score_means(q, s.sums, s.weights, a);
  att_answer_scorer_free(q->ctx, &s.scorer);
  att_free(q->ctx, s.sums);
  return status;
}
