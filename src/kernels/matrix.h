/* Owns matrices as they lie in memory, whatever their type: rows one after another, or the panels of quantized ones. */
#ifndef ATT_KERNELS_MATRIX_H
#define ATT_KERNELS_MATRIX_H

#include "kernels/kernels.h"

/* cols: whole blocks of the type. */
size_t att_matrix_bytes(att_type type, int64_t rows, int64_t cols);
/* One row as floats. */
void att_matrix_row(float *y, const void *data, att_type type, int64_t cols, int64_t row);

#endif
