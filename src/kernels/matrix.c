/* Owns what matrix.h says. */
#include "kernels/matrix.h"

size_t att_matrix_bytes(att_type type, int64_t rows, int64_t cols) {
  if (type < ATT_FLOAT_TYPES) return (size_t)(rows * cols) * att_type_size(type);
  return (size_t)att_quant_panel_count(rows) * att_quant_panel_bytes(type, cols);
}

void att_matrix_row(float *y, const void *data, att_type type, int64_t cols, int64_t row) {
  if (type >= ATT_FLOAT_TYPES) {
    att_quant_row(y, data, type, cols, row);
  } else {
    att_kernels_get()->to_f32(y, (const char *)data + (size_t)(row * cols) * att_type_size(type), type, cols);
  }
}
