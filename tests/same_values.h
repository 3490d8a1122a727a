/* Owns the comparison of two models' parameters, whatever type and place each has. */
#ifndef ATT_TESTS_SAME_VALUES_H
#define ATT_TESTS_SAME_VALUES_H

#include <math.h>

#include "models/model.h"

/* The largest difference of a value, relative to the value itself, at least 1e-3: 0 where all are the same. */
static inline double value_difference(const att_model *a, const att_model *b) {
  double worst = 0;
  assert_int_equal(a->parameter_count, b->parameter_count);
  for (size_t i = 0; i < a->parameter_count; i++) {
    const att_parameter *p = &a->parameters[i], *q = &b->parameters[i];
    assert_string_equal(p->name, q->name);
    assert_true(p->rows == q->rows && p->cols == q->cols);
    for (int64_t j = 0; j < p->rows * p->cols; j++) {
      double x = (double)att_value_at(p->data, p->type, j), y = (double)att_value_at(q->data, q->type, j);
      assert_true(isfinite(x) && isfinite(y));
      worst = fmax(worst, fabs(x - y) / fmax(1e-3, fabs(x)));
    }
  }
  return worst;
}

#endif
