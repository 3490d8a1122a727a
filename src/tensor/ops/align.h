/* Owns what the ops that look at a memory row by row share: which rows belong to a sequence, and means of them. */
#ifndef ATT_TENSOR_OPS_ALIGN_H
#define ATT_TENSOR_OPS_ALIGN_H

#include "tensor/ops.h"

/* The memory rows of one sequence of queries. */
typedef struct att_keys {
  const int32_t *rows; /* NULL: first, first + 1, ... */
  int64_t first, count;
} att_keys;

att_keys att_keys_of(const att_alignment *alignment, int64_t sequence);
static inline int64_t att_key_row(const att_keys *keys, int64_t j) {
  return keys->rows ? keys->rows[j] : keys->first + j;
}

/* Where each sequence's weights stand, [its rows, its keys]: the alignment's own, or on the arena. */
att_status att_alignment_weights(att_run *run, const att_alignment *alignment, att_sequences queries, float ***weights);

/* y += the sum of weights[j] * x's row of key j */
void att_mix(float *y, const float *weights, const att_tensor *x, const att_keys *keys);
/* dweights[j] += dy . x's row of key j; that row of dx, which lies as x, += weights[j] * dy */
void att_mix_backward(float *dweights, float *dx, const float *dy, const float *weights, const att_tensor *x,
                      const att_keys *keys);
/* dscores[n], the weights' gradients, become those of the scores before softmax. */
void att_scores_backward(float *dscores, const float *weights, int64_t n);

/* Opens x's gradient, zeroed where nothing has come to it. */
att_status att_gradient_open_zeroed(att_run *run, const att_tensor *x, float **data);

#endif
