/*
 * Owns dropout as ops use it (Srivastava et al. 2014): which elements fall is a function of seed, step, place in the
 * model and index, so forward and backward agree without a stored mask.
 */
#ifndef ATT_TENSOR_DROPOUT_H
#define ATT_TENSOR_DROPOUT_H

#include "tensor/tensor.h"

typedef struct att_dropout {
  uint64_t key;
  uint32_t threshold; /* 0: nothing is dropped */
  float keep_scale;
} att_dropout;

att_dropout att_dropout_of(const att_run *run, uint32_t place);

/* y (+)= dropout(x) for elements first .. first + n of the tensor; y may be x where not accumulate. */
void att_dropout_apply(const att_dropout *dropout, float *y, const float *x, int64_t first, bool accumulate, int64_t n);

#endif
