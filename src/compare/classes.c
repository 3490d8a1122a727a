/* Owns how comparisons measure classifiers, of texts and of series: how often the likeliest label is right; of numbers
 * Spearman's correlation. */
#include "compare/compare.h"

#include "models/head.h"
#include "train/data/examples.h"

#include <math.h>
#include <string.h>

typedef struct labelling {
  att_examples examples; /* of the items, truncated where they are longer than the model reads */
  att_arena *arena;
  double *right, *truth, *given, *ones; /* [count]: right in percent; numbers that are true, and that it gave */
  double *scratch;                      /* [2 * count] */
  bool *cut;                            /* [count]: the model could not read it whole */
} labelling;

static att_status read_items(att_model *model, const att_probes *q, labelling *l) {
  for (size_t i = 0; i < q->count; i++) {
    const att_held_item *item = &q->items[i];
    if (item->channels) {
      const float *values = (const float *)(const void *)item->input.data;
      ATT_TRY(att_examples_add_series(model, values, (int64_t)q->lengths[i], 0, &l->examples, &l->cut[i]));
    } else {
      ATT_TRY(
          att_examples_add(model, item->input, item->second.data ? &item->second : NULL, 0, &l->examples, &l->cut[i]));
    }
  }
  return ATT_OK;
}

/* Whether a label is the text's, or one of several with commas between. */
static bool is_label(att_text truth, bool several, const char *label) {
  size_t size = strlen(label);
  for (size_t begin = 0, end; begin <= truth.size; begin = end + 1) {
    for (end = begin; end < truth.size && !(several && truth.data[end] == ',');) end++;
    if (end - begin == size && memcmp(truth.data + begin, label, size) == 0) return true;
  }
  return false;
}

static att_status take_scores(att_model *model, const att_probes *q, labelling *l, size_t i, const double *scores,
                              att_results *a) {
  const att_config *c = &model->config;
  bool number = model->head->form == ATT_NUMBER;
  char text[64];
  int64_t best = 0;
  for (int64_t k = 1; k < c->label_count; k++)
    if (scores[k] > scores[best]) best = k;
  att_text truth = q->items[i].reference;
  l->right[i] = is_label(truth, model->head->form == ATT_SEVERAL_LABELS, c->labels[best]) ? 100 : 0;
  l->given[i] = scores[best];
  l->ones[i] = 1;
  if (number && !att_read_number(truth.data, truth.size, &l->truth[i])) l->truth[i] = 0;
  if (number) att_format(text, sizeof text, "%.4g", scores[best]);
  const char *output = number ? text : c->labels[best];
  a->refused += l->cut[i];
  return att_keep_output(q, i, output, strlen(output), a);
}

static att_status label_items(att_model *model, const att_probes *q, labelling *l, att_results *a) {
  ATT_TRY(read_items(model, q, l));
  for (int64_t begin = 0, count; begin < l->examples.count; begin += count) {
    att_run run = {.ctx = q->ctx, .arena = l->arena};
    att_hidden hidden;
    double *scores;
    att_arena_reset(l->arena);
    if (att_is_interrupted(q->ctx)) return att_fail(q->ctx, ATT_INTERRUPTED, "interrupted while measuring");
    count = att_examples_fit(&l->examples, begin);
    ATT_TRY(att_examples_hidden(&run, model, &l->examples, begin, count, &hidden));
    ATT_TRY(att_examples_scores(&run, model, &hidden, &scores));
    for (int64_t i = 0; i < count; i++)
      ATT_TRY(take_scores(model, q, l, (size_t)(begin + i), scores + i * model->config.label_count, a));
  }
  return ATT_OK;
}

static att_status score_numbers(void *user, const att_probes *q, const att_span *span, double *score) {
  const labelling *l = user;
  size_t count = 0;
  for (size_t i = 0; i < q->count; i++) {
    if (span && !att_in_span(span, q->lengths[i])) continue;
    l->scratch[count] = l->truth[i];
    l->scratch[q->count + count++] = l->given[i];
  }
  att_value_metrics metrics;
  ATT_TRY(att_measure_values(q->ctx, l->scratch, l->scratch + q->count, count, &metrics));
  *score = 100 * metrics.spearman;
  return ATT_OK;
}

att_status att_compare_classes(att_model *model, const att_probes *q, att_results *a) {
  labelling l = {.right = ATT_NEW(q->ctx, 6 * q->count, double), .cut = ATT_NEW(q->ctx, q->count, bool)};
  att_status status = l.right && l.cut ? att_arena_new(q->ctx, &l.arena) : ATT_MEMORY;
  if (!status) {
    l.truth = l.right + q->count;
    l.given = l.truth + q->count;
    l.ones = l.given + q->count;
    l.scratch = l.ones + q->count;
    status = label_items(model, q, &l, a);
  }
  if (!status && model->head->form == ATT_NUMBER)
    status = att_score_spans(q, score_numbers, &l, a);
  else if (!status)
    status = att_score_means(q, l.right, l.ones, a);
  att_examples_free(q->ctx, &l.examples);
  att_arena_free(l.arena);
  att_free(q->ctx, l.right);
  att_free(q->ctx, l.cut);
  return status;
}
