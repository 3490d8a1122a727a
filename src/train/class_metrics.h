/*
 * Owns the measures of classifiers. The public calls are att_measure_classes, att_measure_labels and att_measure_values
 * of attend.h.
 */
#ifndef ATT_TRAIN_CLASS_METRICS_H
#define ATT_TRAIN_CLASS_METRICS_H

#include "base/context.h"

/* att_measure_classes without the confusion matrix, whose size is the square of the classes. */
att_status att_score_classes(att_context *ctx, const int32_t *truth, const int32_t *predicted, size_t count,
                             size_t classes, att_class_metrics *metrics);

#endif
