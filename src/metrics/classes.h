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
  int32_t *labels; /* [texts]: of one of several, which */
  float *values;   /* [texts, labels]: of any of several, 0 or 1 each; of numbers, they */
} att_truth;

/* scores: [count, labels], or a number each: the likeliest is what was said, and any of several from a half on. */
att_status att_evaluate_classes(att_context *ctx, const double *scores, const int32_t *truth, size_t count,
                                size_t labels, att_class_metrics *metrics);
att_status att_evaluate_labels(att_context *ctx, const double *scores, const float *truth, size_t count, size_t labels,
                               att_label_metrics *metrics);
att_status att_evaluate_values(att_context *ctx, const double *scores, const float *truth, size_t count,
                               att_value_metrics *metrics);
/* confusion[labels, labels], zeroed by the caller: truth by the likeliest. */
void att_confuse(const double *scores, const int32_t *truth, size_t count, size_t labels, int64_t *confusion);

#endif
