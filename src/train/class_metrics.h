/*
 * Owns the measures of classifiers: what a model said of texts against what is true of them. The public calls are
 * att_measure_classes, att_measure_labels and att_measure_values of attend.h.
 */
#ifndef ATT_TRAIN_CLASS_METRICS_H
#define ATT_TRAIN_CLASS_METRICS_H

#include "train/labelled.h"

/* att_measure_classes without the confusion matrix, whose size is the square of the classes. */
att_status att_score_classes(att_context *ctx, const int32_t *truth, const int32_t *predicted, size_t count,
                             size_t classes, att_class_metrics *metrics);

/* scores: [count, labels], as att_head_scores gives them; a label holds from a half on. confusion: the matrix too. */
att_status att_evaluate_scores(att_context *ctx, att_head head, const double *scores, const att_truth *truth,
                               size_t count, size_t labels, bool confusion, att_evaluation *out);

#endif
