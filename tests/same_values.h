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
    float *x = calloc((size_t)p->cols * 2, sizeof *x), *y = x + p->cols;
    for (int64_t r = 0; r < p->rows; r++) {
      att_matrix_row(x, p->data, p->type, p->cols, r);
      att_matrix_row(y, q->data, q->type, q->cols, r);
      for (int64_t j = 0; j < p->cols; j++) {
        assert_true(isfinite(x[j]) && isfinite(y[j]));
        worst = fmax(worst, fabs((double)x[j] - (double)y[j]) / fmax(1e-3, fabs((double)x[j])));
      }
    }
    free(x);
  }
  return worst;
}

#endif
