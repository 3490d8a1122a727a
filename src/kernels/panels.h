/*
 * Owns products with quantized weights. A matrix [rows, cols] of blocks is repacked, once, into panels of 16 rows, of the
 * same size: what one instruction multiplies lies together. The other side becomes integers of 8 bits with a scale for
 * 32 of them (att_rows8); products of integers are exact, and the scaled sums of an output are made block after block:
 * the same bits for any number of rows, of threads, and for few rows as for many.
 *
 * Error: a number of x is off by at most 1/254 of the largest of its 32. So y is off by at most the sum over k of
 * |w| * max|x of its 32| / 254, and in the mean, by chance, of 1/250 of a typical product times the root of their number.
 */
#ifndef ATT_KERNELS_PANELS_H
#define ATT_KERNELS_PANELS_H

#include "kernels/blocks.h"

#define ATT_PANEL 16 /* rows */

/* Panels of a matrix, and bytes of one. The last panel's missing rows are zeros. cols: whole blocks. */
static inline int64_t att_panel_count(int64_t rows) { return (rows + ATT_PANEL - 1) / ATT_PANEL; }
size_t att_panel_bytes(att_type type, int64_t cols);

/* Panels [first, end) of a matrix's blocks, and back. panels, blocks: the beginning of the whole. */
void att_panels_pack(void *panels, const void *blocks, att_type type, int64_t rows, int64_t cols, int64_t first,
                     int64_t end);
void att_panels_unpack(void *blocks, const void *panels, att_type type, int64_t rows, int64_t cols, int64_t first,
                       int64_t end);
/* One row as floats. */
void att_panels_row(float *y, const void *panels, att_type type, int64_t cols, int64_t row);

/* Rows of x for weights of a type. */
typedef struct att_rows8 {
  int8_t *q;      /* [rows, cols] */
  float *scale;   /* [rows, cols / 32] */
  int32_t *start; /* [rows, cols / part]: a part's sum of q, times -zero; where kind->lowest: as float, times scale */
  int64_t rows, cols;
} att_rows8;

/* Bytes of the three arrays, one after another at a 64-byte address. */
size_t att_rows8_bytes(att_type type, int64_t rows, int64_t cols);
att_rows8 att_rows8_in(void *memory, att_type type, int64_t rows, int64_t cols);

static inline void att_rows8_start(int32_t *start, const att_block_kind *kind, int32_t sum, float scale) {
  float low = (float)sum * scale;
  *start = -kind->zero * sum;
  if (kind->lowest) memcpy(start, &low, sizeof low);
}

/* The portable quantize_rows and multiply_panels of kernels.h. */
void att_quantize_rows(const att_rows8 *to, att_type type, const float *x, int64_t ldx, int64_t first, int64_t end);
void att_multiply_panels(float *y, int64_t ldy, const att_rows8 *x, const void *panels, att_type type, int64_t rows,
                         int64_t first, int64_t end);

#endif
