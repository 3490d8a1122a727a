/*
 * Owns products with quantized weights. A matrix [rows, cols] of blocks is repacked, once, into panels of 16 rows, of
 * the same size: what one instruction multiplies lies together. The other side becomes integers of 8 bits with a scale
 * for 32 of them (att_quant_rows); products of integers are exact, and the scaled sums of an output are made block
 * after block: the same bits for any number of rows, of threads, and for few rows as for many.
 *
 * Error: a number of x is off by at most 1/254 of the largest of its 32. So y is off by at most the sum over k of
 * |w| * max|x of its 32| / 254, and in the mean, by chance, of 1/250 of a typical product times the root of their
 * number.
 */
#ifndef ATT_KERNELS_QUANT_PANELS_H
#define ATT_KERNELS_QUANT_PANELS_H

#include "kernels/quants.h"

#define ATT_QUANT_PANEL 16 /* rows */

/* Panels of a matrix, and bytes of one. The last panel's missing rows are zeros. cols: whole blocks. */
static inline int64_t att_quant_panel_count(int64_t rows) { return (rows + ATT_QUANT_PANEL - 1) / ATT_QUANT_PANEL; }
size_t att_quant_panel_bytes(att_type type, int64_t cols);

/* Panels [first, end) of a matrix's blocks, and back. panels, blocks: the beginning of the whole. */
void att_quant_pack(void *panels, const void *blocks, att_type type, int64_t rows, int64_t cols, int64_t first,
                    int64_t end);
void att_quant_unpack(void *blocks, const void *panels, att_type type, int64_t rows, int64_t cols, int64_t first,
                      int64_t end);
/* One row as floats. */
void att_quant_row(float *y, const void *panels, att_type type, int64_t cols, int64_t row);

/* Rows of x for weights of a type. */
typedef struct att_quant_rows {
  int8_t *q;      /* [rows, cols] */
  float *scale;   /* [rows, cols / 32] */
  int32_t *start; /* [rows, cols / part]: a part's sum of q, times -zero; where kind->lowest: as float, times scale */
  int64_t rows, cols;
} att_quant_rows;

/* Bytes of the three arrays, one after another at a 64-byte address. */
size_t att_quant_rows_bytes(att_type type, int64_t rows, int64_t cols);
att_quant_rows att_quant_rows_in(void *memory, att_type type, int64_t rows, int64_t cols);

/* The portable quantize_rows and multiply_panels of kernels.h. */
void att_quant_rows_make(const att_quant_rows *to, att_type type, const float *x, int64_t ldx, int64_t first,
                         int64_t end);
void att_quant_multiply(float *y, int64_t ldy, const att_quant_rows *x, const void *panels, att_type type, int64_t rows,
                        int64_t first, int64_t end);

#endif
