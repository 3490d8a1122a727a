/*
 * Owns the measures of classifiers: att_measure_classes, att_measure_labels and att_measure_values of attend.h, and
 * what training needs of them. Formulas as scikit-learn's accuracy_score, f1_score (zero_division 0), matthews_corrcoef
 * (Gorodkin 2004) and mean_squared_error, and SciPy's pearsonr and spearmanr. Refuses classes out of range.
 */
#include "metrics/classes.h"

#include <math.h>
#include <stdlib.h>

/* ---- one of several ------------------------------------------------------------------------------------------- */

/* What the confusion matrix holds, without its cells: [classes] each. */
typedef struct class_counts {
  int64_t *truth, *predicted, *right;
} class_counts;

static double f1(int64_t right, int64_t truth, int64_t predicted) {
  return truth + predicted ? 2 * (double)right / (double)(truth + predicted) : 0;
}

/* The generalised correlation of Gorodkin (2004), from the margins of the confusion matrix; 0 where a side is constant,
 * as scikit-learn has it. */
static double matthews(const class_counts *c, size_t count, size_t classes) {
  double right = 0, both = 0, truth = 0, predicted = 0, all = (double)count;
  for (size_t k = 0; k < classes; k++) {
    double t = (double)c->truth[k], p = (double)c->predicted[k];
    right += (double)c->right[k];
    both += t * p;
    truth += t * t;
    predicted += p * p;
  }
  double spread = sqrt(all * all - truth) * sqrt(all * all - predicted);
  return count == 0 ? NAN : spread > 0 ? (right * all - both) / spread : 0;
}

static void fill_scores(const class_counts *c, size_t count, size_t classes, att_class_metrics *out) {
  int64_t right = 0, present = 0;
  double f1s = 0;
  for (size_t k = 0; k < classes; k++) {
    right += c->right[k];
    if (!c->truth[k] && !c->predicted[k]) continue; /* a class that nobody named counts for nothing */
    present++;
    f1s += f1(c->right[k], c->truth[k], c->predicted[k]);
  }
  out->accuracy = count ? (double)right / (double)count : NAN;
  out->macro_f1 = present ? f1s / (double)present : NAN;
  out->matthews = matthews(c, count, classes);
}

att_status att_score_classes(att_context *ctx, const int32_t *truth, const int32_t *predicted, size_t count,
                             size_t classes, att_class_metrics *metrics) {
  *metrics = (att_class_metrics){.classes = classes};
  class_counts c = {ATT_NEW(ctx, classes, int64_t), ATT_NEW(ctx, classes, int64_t), ATT_NEW(ctx, classes, int64_t)};
  att_status status = c.truth && c.predicted && c.right ? ATT_OK : ATT_MEMORY;
  for (size_t i = 0; i < count && !status; i++) {
    int32_t t = truth[i], p = predicted[i];
    if (t < 0 || p < 0 || (size_t)t >= classes || (size_t)p >= classes) {
      status = att_fail(ctx, ATT_ARGUMENT, "item %zu is of class %d, predicted as %d: there are %zu classes", i, (int)t,
                        (int)p, classes);
      break;
    }
    c.truth[t]++;
    c.predicted[p]++;
    c.right[t] += t == p;
  }
  if (!status) fill_scores(&c, count, classes, metrics);
  att_free(ctx, c.truth);
  att_free(ctx, c.predicted);
  att_free(ctx, c.right);
  return status;
}

att_status att_measure_classes(att_context *ctx, const int32_t *truth, const int32_t *predicted, size_t count,
                               size_t classes, att_class_metrics *metrics) {
  *metrics = (att_class_metrics){0};
  if (count && (!truth || !predicted)) return att_fail(ctx, ATT_ARGUMENT, "there is nothing to measure");
  if (classes > SIZE_MAX / sizeof(int64_t)) return att_fail(ctx, ATT_ARGUMENT, "%zu classes are too many", classes);
  ATT_TRY(att_score_classes(ctx, truth, predicted, count, classes, metrics));
  int64_t *confusion = att_alloc(ctx, classes, classes * sizeof *confusion);
  if (!confusion) {
    *metrics = (att_class_metrics){0};
    return ATT_MEMORY;
  }
  for (size_t i = 0; i < count; i++) confusion[(size_t)truth[i] * classes + (size_t)predicted[i]]++;
  metrics->confusion = confusion;
  return ATT_OK;
}

/* ---- any of several ------------------------------------------------------------------------------------------- */

att_status att_measure_labels(att_context *ctx, const bool *truth, const bool *predicted, size_t count, size_t labels,
                              att_label_metrics *metrics) {
  *metrics = (att_label_metrics){NAN, NAN, NAN};
  if (count && labels && (!truth || !predicted)) return att_fail(ctx, ATT_ARGUMENT, "there is nothing to measure");
  if (count == 0 || labels == 0) return ATT_OK;
  int64_t all_right = 0, all_named = 0, whole = 0;
  double f1s = 0;
  for (size_t k = 0; k < labels; k++) {
    int64_t right = 0, true_ones = 0, predicted_ones = 0;
    for (size_t i = 0; i < count; i++) {
      bool t = truth[i * labels + k], p = predicted[i * labels + k];
      right += t && p;
      true_ones += t;
      predicted_ones += p;
    }
    f1s += f1(right, true_ones, predicted_ones);
    all_right += right;
    all_named += true_ones + predicted_ones;
  }
  for (size_t i = 0; i < count; i++) {
    bool same = true;
    for (size_t k = 0; k < labels; k++) same &= truth[i * labels + k] == predicted[i * labels + k];
    whole += same;
  }
  *metrics = (att_label_metrics){(double)whole / (double)count, f1s / (double)labels, f1(all_right, all_named, 0)};
  return ATT_OK;
}

/* ---- numbers -------------------------------------------------------------------------------------------------- */

static double mean_of(const double *x, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += x[i];
  return sum / (double)count;
}

/* NaN where a side is constant. */
static double correlation(const double *x, const double *y, size_t count) {
  double x_mean = mean_of(x, count), y_mean = mean_of(y, count), xx = 0, yy = 0, xy = 0;
  for (size_t i = 0; i < count; i++) {
    double dx = x[i] - x_mean, dy = y[i] - y_mean;
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  if (!(xx > 0 && yy > 0)) return NAN;
  return fmax(-1, fmin(1, xy / sqrt(xx) / sqrt(yy)));
}

typedef struct ranked {
  double value;
  size_t place;
} ranked;

static int by_value(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  return (x->value > y->value) - (x->value < y->value);
}

/* Equal values share the mean of their ranks. work: [count] */
static void rank(const double *x, size_t count, ranked *work, double *ranks) {
  for (size_t i = 0; i < count; i++) work[i] = (ranked){x[i], i};
  qsort(work, count, sizeof *work, by_value);
  for (size_t begin = 0, end; begin < count; begin = end) {
    for (end = begin + 1; end < count && !(work[end].value > work[begin].value);) end++;
    for (size_t i = begin; i < end; i++) ranks[work[i].place] = 0.5 * (double)(begin + end - 1) + 1;
  }
}

static bool all_finite(const double *x, size_t count) {
  bool finite = true;
  for (size_t i = 0; i < count; i++) finite &= isfinite(x[i]) != 0;
  return finite;
}

static double rank_correlation(const double *truth, const double *predicted, size_t count, ranked *work,
                               double *ranks) {
  rank(truth, count, work, ranks);
  rank(predicted, count, work, ranks + count);
  return correlation(ranks, ranks + count, count);
}

att_status att_measure_values(att_context *ctx, const double *truth, const double *predicted, size_t count,
                              att_value_metrics *metrics) {
  *metrics = (att_value_metrics){NAN, NAN, NAN};
  if (count && (!truth || !predicted)) return att_fail(ctx, ATT_ARGUMENT, "there is nothing to measure");
  if (count == 0 || !all_finite(truth, count) || !all_finite(predicted, count)) return ATT_OK;
  ranked *work = ATT_NEW(ctx, count, ranked);
  double *ranks = att_alloc(ctx, count, 2 * sizeof *ranks), squares = 0;
  if (work && ranks) {
    for (size_t i = 0; i < count; i++) squares += (truth[i] - predicted[i]) * (truth[i] - predicted[i]);
    *metrics = (att_value_metrics){correlation(truth, predicted, count),
                                   rank_correlation(truth, predicted, count, work, ranks), squares / (double)count};
  }
  att_status status = work && ranks ? ATT_OK : ATT_MEMORY;
  att_free(ctx, work);
  att_free(ctx, ranks);
  return status;
}

/* ---- what a model said ---------------------------------------------------------------------------------------- */

static size_t likeliest(const double *scores, size_t labels) {
  size_t best = 0;
  for (size_t k = 1; k < labels; k++)
    if (scores[k] > scores[best]) best = k;
  return best;
}

att_status att_evaluate_classes(att_context *ctx, const double *scores, const int32_t *truth, size_t count,
                                size_t labels, att_class_metrics *out) {
  int32_t *predicted = ATT_NEW(ctx, count, int32_t);
  if (!predicted) return ATT_MEMORY;
  for (size_t i = 0; i < count; i++) predicted[i] = (int32_t)likeliest(scores + i * labels, labels);
  att_status status = att_score_classes(ctx, truth, predicted, count, labels, out);
  att_free(ctx, predicted);
  return status;
}

void att_confuse(const double *scores, const int32_t *truth, size_t count, size_t labels, int64_t *confusion) {
  for (size_t i = 0; i < count; i++) confusion[(size_t)truth[i] * labels + likeliest(scores + i * labels, labels)]++;
}

att_status att_evaluate_labels(att_context *ctx, const double *scores, const float *truth, size_t count, size_t labels,
                               att_label_metrics *out) {
  bool *hold = att_alloc(ctx, count, 2 * labels * sizeof *hold), *predicted = hold ? hold + count * labels : NULL;
  if (!hold) return ATT_MEMORY;
  for (size_t i = 0; i < count * labels; i++) {
    hold[i] = truth[i] > 0.5f;
    predicted[i] = scores[i] >= 0.5;
  }
  att_status status = att_measure_labels(ctx, hold, predicted, count, labels, out);
  att_free(ctx, hold);
  return status;
}

att_status att_evaluate_values(att_context *ctx, const double *scores, const float *truth, size_t count,
                               att_value_metrics *out) {
  double *values = ATT_NEW(ctx, count, double);
  if (!values) return ATT_MEMORY;
  for (size_t i = 0; i < count; i++) values[i] = truth[i];
  att_status status = att_measure_values(ctx, values, scores, count, out);
  att_free(ctx, values);
  return status;
}
