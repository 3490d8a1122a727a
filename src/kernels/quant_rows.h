/*
 * Owns turning rows of floats into rows of 8 bits (quant_panels.h), written once: its file defines quantize_piece, then
 * includes this. quantize_piece turns 32 numbers, of which the largest becomes 127; where it is infinite or NaN so is
 * the scale, which is returned, and with it all that is made of them. sums: of the first 16 integers and of the others.
 */
#ifndef ATT_KERNELS_QUANT_ROWS_H
#define ATT_KERNELS_QUANT_ROWS_H

#include "kernels/quant_panels.h"

static void quantize_rows(const att_quant_rows *to, att_type type, const float *x, int64_t ldx, int64_t first,
                          int64_t end) {
  const att_quant_kind kind = att_quant_kind_of(type);
  const int64_t pieces = to->cols / 32, halves = 32 / kind.part;
  for (int64_t r = first; r < end; r++)
    for (int64_t i = 0; i < pieces; i++) {
      int64_t at = r * pieces + i;
      int32_t sums[2];
      to->scale[at] = quantize_piece(to->q + at * 32, x + r * ldx + i * 32, sums);
      if (halves == 1) sums[0] += sums[1];
      for (int64_t h = 0; h < halves; h++) {
        float start = (float)sums[h] * to->scale[at];
        int32_t *out = &to->start[at * halves + h];
        *out = -kind.zero * sums[h];
        if (kind.lowest) memcpy(out, &start, sizeof start);
      }
    }
}

#endif
