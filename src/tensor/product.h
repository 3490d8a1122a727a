/*
 * Owns products of rows with weights of any type, and of their gradients with one: what ops call. Scratch is the run's
 * arena, given back at once. Refuses to know biases.
 */
#ifndef ATT_TENSOR_PRODUCT_H
#define ATT_TENSOR_PRODUCT_H

#include "tensor/tensor.h"

/* y[rows, rows of w and of those behind it] = x[rows, w->cols] w^T. Of a quantized weight x is rounded to 8 bits
 * (kernels/quant_panels.h). Without a tape a row has the same bits whatever the threads and the other rows. */
att_status att_product(att_run *run, float *y, int64_t ldy, const float *x, int64_t ldx, int64_t rows,
                       const att_weight *w);
/* dx[rows, w->cols] (+)= dy[rows, w->rows] w; of a quantized weight with its numbers as floats. */
att_status att_product_backward(att_run *run, float *dx, int64_t lddx, const float *dy, int64_t lddy, int64_t rows,
                                const att_weight *w, bool accumulate);

#endif
