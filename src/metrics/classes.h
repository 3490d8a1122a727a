/*
 * Owns the measures of classifiers: what a model said of texts against what is true of them. The public calls are
 * att_measure_classes, att_measure_labels and att_measure_values of attend.h.
 */
#ifndef ATT_METRICS_CLASSES_H
#define ATT_METRICS_CLASSES_H

#include "base/context.h"

/* att_measure_classes without the confusion matrix, whose size is the square of the classes. */
att_status att_score_classes(att_context *ctx, const int32_t *truth, const int32_t *predicted, size_t count,
                             size_t classes, att_class_metrics *metrics);

/* What is true of some texts. Zero-initialised is empty. */
typedef struct att_truth {
  int32_t *classes; /* [texts]; of a head of classes */
  float *values;    /* [texts, labels]: 0 or 1 of a head of labels, the number of a head of values */
} att_truth;

/* scores: [count, labels], as att_head_scores gives them; a label holds from a half on. confusion: the matrix too. */
att_status att_evaluate_scores(att_context *ctx, att_head head, const double *scores, const att_truth *truth,
                               size_t count, size_t labels, bool confusion, att_evaluation *out);

#endif
